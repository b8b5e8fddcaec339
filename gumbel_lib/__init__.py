"""The library under *The Gumbel-Max Trick, Executable*.

Parameters (logits, temperature) stand on one side and noise on the other: what takes noise is a
pure function of the two. Randomness enters only where a caller hands in an `rng` or a seed.
"""

from .noise import standard_gumbel
from .relaxation import gumbel_softmax
from .trick import gumbel_max

__all__ = ["gumbel_max", "gumbel_softmax", "standard_gumbel"]
