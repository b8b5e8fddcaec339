"""Fast exact sampling: of rows, without replacement, from streams, and from shards."""

from .categorical import sample_categorical
from .compiled import sample_compiled
from .dask import sample_dask
from .reservoir import GumbelReservoir
from .sequences import Beam, given_maximum, sequences_from_codes, stochastic_beam_search
from .without_replacement import (
    gumbel_top_k,
    inclusion_probabilities,
    order_probabilities,
    sample_without_replacement,
    threshold_weights,
)

__all__ = [
    "Beam",
    "GumbelReservoir",
    "given_maximum",
    "gumbel_top_k",
    "inclusion_probabilities",
    "order_probabilities",
    "sample_categorical",
    "sample_compiled",
    "sample_dask",
    "sample_without_replacement",
    "sequences_from_codes",
    "stochastic_beam_search",
    "threshold_weights",
]
