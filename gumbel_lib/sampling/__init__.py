"""Fast exact sampling: of rows, without replacement, from streams, and from shards."""

from .categorical import sample_categorical
from .dask import sample_distributed
from .reservoir import GumbelReservoir
from .without_replacement import sample_without_replacement, top_k

__all__ = [
    "GumbelReservoir",
    "sample_categorical",
    "sample_distributed",
    "sample_without_replacement",
    "top_k",
]
