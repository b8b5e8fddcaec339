"""How the book shows things: figure style, self-describing figures, the Sphinx side."""

from ..claims import verify
from .figures import show

__all__ = ["show", "verify"]
