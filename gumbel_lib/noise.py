"""Standard Gumbel noise: the random half of the trick, drawn apart from the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ._checks import Rng, as_generator


def standard_gumbel(
    size: int | tuple[int, ...] | None = None,
    *,
    rng: Rng,
    dtype: DTypeLike = np.float64,
) -> NDArray[np.floating[Any]]:
    r"""Independent draws of the standard Gumbel law, location 0 and scale 1.

    .. math:: g = -\log e, \qquad e \sim \mathrm{Exponential}(1)

    Parameters
    ----------
    size : int or tuple of int, optional
        Shape of the result; a single draw of shape ``()`` by default.
    rng : int or numpy.random.Generator
        Seed or generator; a generator is advanced.
    dtype : float64 or float32
        Type of the result. float32 draws are made in float64 and rounded, so their tails are
        as good as float64's.

    Returns
    -------
    numpy.ndarray
        Finite noise of shape `size`, in nats (the unit of logits).

    Raises
    ------
    TypeError, ValueError
        If `rng` is no seed or generator, `size` no shape, or `dtype` neither float.

    Notes
    -----
    ``-log(rng.standard_exponential(dtype=float32))`` would be faster but is ``inf`` about once
    in :math:`2^{23}` draws, and a uniform in float32 cannot give noise above 16.6.

    References
    ----------
    E. J. Gumbel, *Statistical Theory of Extreme Values and Some Practical
    Applications*, National Bureau of Standards, 1954; P(g <= x) = exp(-exp(-x)).

    Examples
    --------
    >>> noise = standard_gumbel((2, 3), rng=0)
    >>> noise.shape
    (2, 3)
    >>> bool(abs(standard_gumbel(100_000, rng=0).mean() - np.euler_gamma) < 0.02)
    True
    """
    try:
        kind = np.dtype(dtype)
    except TypeError as error:
        raise TypeError(f"dtype: expected float64 or float32, got {dtype!r}") from error
    if kind not in (np.float64, np.float32):
        raise TypeError(f"dtype: expected float64 or float32, got {kind}")
    shape: int | tuple[int, ...] = () if size is None else size
    generator = as_generator(rng)
    try:
        exponential = np.asarray(generator.standard_exponential(shape))
    except (TypeError, ValueError) as error:
        raise type(error)(f"size: expected an integer or a shape, got {size!r}") from error
    # A zero has probability below 2**-52; the bound keeps even that draw finite.
    np.maximum(exponential, np.finfo(np.float64).tiny, out=exponential)
    noise = np.log(exponential, out=exponential)
    return np.negative(noise, out=noise).astype(kind, copy=False)
