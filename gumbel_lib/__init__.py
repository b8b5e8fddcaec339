"""The library under *The Gumbel-Max Trick, Executable*.

Every function takes parameters (logits, temperature) on one side and noise on the other and is a
pure function of the two. Randomness enters only where a caller hands in an `rng`.
"""

from .noise import standard_gumbel
from .relaxation import gumbel_softmax
from .trick import gumbel_max

__all__ = ["gumbel_max", "gumbel_softmax", "standard_gumbel"]
