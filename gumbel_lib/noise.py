"""Standard Gumbel noise: the random half of the trick, drawn apart from the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import DTypeLike, NDArray

from ._checks import (
    Array,
    Rng,
    as_arrays,
    as_generator,
    check_broadcast,
    check_count,
    is_true,
    widen,
)


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
    MemoryError
        If the noise does not fit into memory.

    Notes
    -----
    ``-log(rng.standard_exponential(dtype=float32))`` would be faster but is ``inf`` about once
    in :math:`2^{23}` draws, and a uniform in float32 cannot give noise above 16.6.

    References
    ----------
    Gumbel, E. J., *Statistical Theory of Extreme Values and Some Practical Applications*,
    National Bureau of Standards, 1954; P(g <= x) = exp(-exp(-x)).

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
    except (TypeError, ValueError, OverflowError) as error:
        wrong = TypeError if isinstance(error, TypeError) else ValueError
        raise wrong(f"size: expected an integer or a shape, got {size!r}") from error
    # A zero has probability below 2**-52; the bound keeps even that draw finite.
    np.maximum(exponential, np.finfo(np.float64).tiny, out=exponential)
    noise = np.log(exponential, out=exponential)
    return np.negative(noise, out=noise).astype(kind, copy=False)


def keyed_gumbel(seed: int, row: int, start: int, size: int) -> NDArray[np.float64]:
    r"""Standard Gumbel noise that is a function of its place: (seed, row, class).

    .. math:: g_i = -\log\bigl(-\log(1 - v_i)\bigr), \qquad
              v_i = (\text{Philox}_{\text{seed},\,\text{row}}(i) + \tfrac12)\, 2^{-64}

    Shards that draw the noise of their own classes draw what one machine would have drawn.

    Parameters
    ----------
    seed, row : int
        At least 0 and below 2**64.
    start : int
        The first class, at least 0 and below 2**64.
    size : int
        Number of classes, from `start` on; at least 0 and below 2**60.

    Returns
    -------
    numpy.ndarray of float64 (size,)
        Finite noise, in nats.

    Raises
    ------
    TypeError, ValueError
        If an argument is no integer or out of range.
    MemoryError
        If the noise does not fit into memory.

    References
    ----------
    Salmon, J. K., Moraes, M. A., Dror, R. O. and Shaw, D. E., *Parallel random numbers: as easy
    as 1, 2, 3*, SC 2011.

    Examples
    --------
    >>> whole = keyed_gumbel(7, 0, 0, 10)
    >>> bool((whole[3:] == keyed_gumbel(7, 0, 3, 7)).all())
    True
    """
    seed, row = check_count(seed, "seed", least=0), check_count(row, "row", least=0)
    start, size = check_count(start, "start", least=0), check_count(size, "size", least=0)
    for name, value, bits in (
        ("seed", seed, 64),
        ("row", row, 64),
        ("start", start, 64),
        ("size", size, 60),
    ):
        if value >= 2**bits:
            raise ValueError(f"{name}: expected an integer below 2**{bits}, got {value}")
    # Philox makes four numbers at each step of its counter.
    key = np.array([seed, row], np.uint64)
    words = np.random.Philox(key=key, counter=start // 4).random_raw(start % 4 + size)
    level = (words[start % 4 :] + 0.5) * 2.0**-64
    np.minimum(level, 1 - 2.0**-53, out=level)
    noise: NDArray[np.float64] = -np.log(-np.log1p(-level))
    return noise


def truncated_gumbel(perturbed: Array, upper: Any) -> Array:
    r"""Gumbel values turned into Gumbels that are known to lie at or below a bound.

    .. math:: x = -\log\bigl(e^{-(l + g)} + e^{-T}\bigr), \qquad
              P(x \le v) = P(l + g \le v \mid l + g \le T)

    Parameters
    ----------
    perturbed : array
        Gumbel values of scale 1 and any location: logits l plus standard Gumbel noise g. An entry
        ``-inf``, a masked class, stays as it is.
    upper : float or array, broadcasts with `perturbed`
        The bound T, in nats; ``inf`` for none. It is read in the type of `perturbed`.

    Returns
    -------
    array
        Values of at most `upper`, of the broadcast shape, from the arrays' own library and in the
        type of `perturbed`.

    Raises
    ------
    TypeError, ValueError
        If an argument holds no real numbers or NaN, the two are of different libraries, or their
        shapes do not broadcast. Values are not looked at while JAX traces or PyTorch vectorises.

    Notes
    -----
    :math:`e^{-x}` is an exponential arrival time, and a bound from above asks it to be later than
    :math:`e^{-T}`. An exponential time forgets its past, so that amount is added. No power is
    formed, so nothing overflows: ``-logaddexp(-perturbed, -upper)``.

    References
    ----------
    Maddison, C. J., Tarlow, D. and Minka, T., *A\* sampling*, NeurIPS 2014.

    Examples
    --------
    >>> truncated_gumbel(np.array([-1.0, 0.5, 30.0]), 0.0).round(3).tolist()
    [-1.313, -0.474, -0.0]
    >>> truncated_gumbel(np.array([0.5, 3.0]), -1000.0).tolist()
    [-1000.0, -1000.0]
    """
    perturbed, upper = as_arrays(perturbed=perturbed, upper=upper)
    xp = array_namespace(perturbed, upper)
    check_broadcast(perturbed=perturbed, upper=upper)
    for name, array in (("perturbed", perturbed), ("upper", upper)):
        if is_true(xp.any(xp.isnan(array))):
            raise ValueError(f"{name}: expected numbers, got NaN")
    with np.errstate(over="ignore"):  # a bound past the largest float of the type is infinite
        bound = widen(xp.astype(upper, perturbed.dtype))
    return xp.astype(-xp.logaddexp(-widen(perturbed), -bound), perturbed.dtype, copy=False)
