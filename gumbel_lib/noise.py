"""Standard Gumbel noise: the random half of the trick, drawn apart from the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ._checks import (
    Array,
    Floats,
    Rng,
    as_arrays,
    as_floats,
    as_generator,
    check_broadcast,
    check_count,
    check_positive,
    is_known_true,
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
    kind = _float_type(dtype)
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


def _float_type(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        kind = np.dtype(dtype)
    except TypeError as error:
        raise TypeError(f"dtype: expected float64 or float32, got {dtype!r}") from error
    if kind not in (np.float64, np.float32):
        raise TypeError(f"dtype: expected float64 or float32, got {kind}")
    return kind


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
        if is_known_true(xp.any(xp.isnan(array))):
            raise ValueError(f"{name}: expected numbers, got NaN")
    with np.errstate(over="ignore"):  # a bound past the largest float of the type is infinite
        bound = widen(xp.astype(upper, perturbed.dtype))
    return xp.astype(-xp.logaddexp(-widen(perturbed), -bound), perturbed.dtype, copy=False)


def levels_probability(odds: float, levels: int = 2**24) -> float:
    r"""P(a class wins) when its noise and its rival's come from uniforms of a few levels.

    .. math:: \frac1N \sum_{j=0}^{N-1} \Bigl(\frac jN\Bigr)^c \approx \frac{1}{1 + c}

    Parameters
    ----------
    odds : float
        c, the odds against the class, positive.
    levels : int
        N, the values j/N that the uniform takes, all equally likely.

    Returns
    -------
    float
        The probability: the sum itself up to 2**16 levels. Beyond, to 1e-5 of itself: Euler's
        formula where the terms change slowly, and else the last 600 terms.

    Raises
    ------
    TypeError, ValueError
        If the odds are not positive and finite or the levels no positive integer.

    Examples
    --------
    >>> levels_probability(1.0, 4), round(levels_probability(2.0**24) * 2**24, 2)
    (0.375, 0.58)
    """
    odds, levels = check_positive(odds, "odds"), check_count(levels, "levels")
    if levels <= 2**16:
        return float(((np.arange(levels) / levels) ** odds).mean())
    if odds < 0.1 * levels:
        return float(1 / (1 + odds) - 1 / (2 * levels) + odds / (12 * levels**2))
    steps = np.arange(1, 600)
    return float(np.exp(odds * np.log1p(-steps / levels)).sum() / levels)


def _generator_of(words: NDArray[np.unsignedinteger[Any]]) -> np.random.Generator:
    """A generator whose next 32-bit words are these, at most 624: MT19937's tempering undone."""
    tempered = np.zeros(624, np.uint32)
    tempered[: words.size] = words
    part = tempered ^ (tempered >> 18)
    part ^= (part << 15) & np.uint32(0xEFC60000)
    key = part
    for _ in range(4):  # seven bits more are right each time
        key = part ^ ((key << 7) & np.uint32(0x9D2C5680))
    state: Any = {"key": key ^ (key >> 11) ^ (key >> 22), "pos": 0}
    bits = np.random.MT19937(0)
    bits.state = {"bit_generator": "MT19937", "state": state}
    return np.random.Generator(bits)


# NumPy's exponential is a random place times the step of one of 256 strips. Strip 1 comes last
# because it may take a further word.
_STRIPS = np.roll(np.arange(256, dtype=np.uint64), -2)


def generator_at(place: ArrayLike, dtype: DTypeLike = np.float64) -> np.random.Generator:
    r"""A generator whose next 256 exponentials are at a place of our choice in each strip.

    NumPy covers the area under the density with 256 strips. An exponential is a place, a whole
    number, times the step of a strip. So the small exponentials, which make the large Gumbels, can
    be looked at one by one.

    Parameters
    ----------
    place : array_like of int, shape () or (256,)
        One for all strips, or one for each, from 0 and below 2**53, or below 2**23 for float32.
        In the second half of this range NumPy refuses some exponentials and draws others, so there
        the places are not kept.
    dtype : float64 or float32
        Type of the exponentials to be drawn.

    Returns
    -------
    numpy.random.Generator
        For one call, ``standard_exponential(256, dtype)``.

    Raises
    ------
    TypeError, ValueError
        If the places are no integers in their range, or not one or 256, or `dtype` neither float.

    References
    ----------
    Marsaglia, G. and Tsang, W. W., *The ziggurat method for generating random variables*, Journal
    of Statistical Software 5, 2000.

    Examples
    --------
    >>> first, second = (generator_at(place).standard_exponential(256) for place in (1, 2))
    >>> bool(np.all(second == 2 * first))
    True
    """
    single = _float_type(dtype) == np.float32
    places, end = np.asarray(place), 2**23 if single else 2**53
    if places.dtype.kind not in "iu":
        raise TypeError(f"place: expected integers, got {places.dtype}")
    if places.shape not in ((), (256,)):
        raise ValueError(f"place: expected shape () or (256,), got {places.shape}")
    outside = places[(places < 0) | (places >= end)]
    if outside.size:
        raise ValueError(f"place: expected integers from 0 to {end - 1}, got {outside[0]}")
    places = places.astype(np.uint64)
    if single:
        return _generator_of(places << np.uint64(9) | _STRIPS << np.uint64(1))
    words = places << np.uint64(11) | _STRIPS << np.uint64(3)
    return _generator_of(
        np.stack([words >> np.uint64(32), words & np.uint64(2**32 - 1)], 1).ravel()
    )


def strip_steps() -> Floats:
    """Distance between neighbouring float64 exponentials of NumPy, in each of its strips.

    See `generator_at`: an exponential is a whole number below 2**53 times the step of a strip.

    Returns
    -------
    numpy.ndarray (256,)
        The steps, asked of the generator.

    Examples
    --------
    >>> steps = strip_steps()
    >>> steps.size, round(float(steps.max() * 2**53), 1)
    (256, 8.7)
    """
    return generator_at(1).standard_exponential(256)


def strips_probability(odds: float, steps: ArrayLike) -> float:
    r"""P(a class wins) when noise comes from the smallest exponentials of NumPy.

    .. math:: E\,e^{-cE} \approx \frac{c}{1 + c}
              \sum_s \frac{1}{1 - e^{-c\delta_s}} \Big/ \sum_s \frac1{\delta_s}

    Parameters
    ----------
    odds : float
        c, the odds against the class, so large that exponentials E near 0 decide.
    steps : array_like
        :math:`\delta_s`, the positive step of each strip: `strip_steps`.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If the odds or the steps are not positive and finite, or there is no step.

    Examples
    --------
    >>> round(strips_probability(1e6, strip_steps()) * 1e6, 3)
    1.0
    """
    odds, delta = check_positive(odds, "odds"), as_floats(steps, "steps")
    if not (delta.size and np.all((delta > 0) & (delta < np.inf))):
        raise ValueError(f"steps: expected positive finite numbers, got {steps!r}")
    near_zero = (1 / -np.expm1(-odds * delta)).sum() / (1 / delta).sum()
    return float(near_zero * odds / (1 + odds))
