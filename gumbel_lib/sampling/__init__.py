"""Fast exact sampling: of rows, without replacement, from streams, and from shards."""

from .categorical import sample_categorical
from .dask import sample_dask
from .reservoir import GumbelReservoir
from .without_replacement import gumbel_top_k, order_probabilities, sample_without_replacement

__all__ = [
    "GumbelReservoir",
    "gumbel_top_k",
    "order_probabilities",
    "sample_categorical",
    "sample_dask",
    "sample_without_replacement",
]
