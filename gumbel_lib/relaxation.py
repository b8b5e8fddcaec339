"""Softmax at a temperature, the Gumbel-softmax draw, its law, and schedules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ._checks import (
    Array,
    as_arrays,
    as_floats,
    as_logits,
    check_broadcast,
    check_count,
    check_logits,
    check_positive,
    check_temperature,
    is_true,
    widen,
)
from .trick import perturb

Floats = NDArray[np.float64]

_AT_ONCE = 1 << 6  # points whose integrands `transforms` holds: 0.1 MB, as a cache holds


def softmax(logits: Array, temperature: Any = 1.0, *, axis: int = -1) -> Array:
    r"""Softmax of the logits at a temperature.

    .. math:: b_i = \frac{\exp((x_i - m)/t)}{\sum_j \exp((x_j - m)/t)}, \qquad m = \max_j x_j

    Parameters
    ----------
    logits : array (..., K)
        Finite or ``-inf``, in nats.
    temperature : float or array, broadcasts with `logits`
        At least 0; 0 gives the limit, the one-hot of the (first) argmax.
    axis : int
        The axis of the classes.

    Returns
    -------
    array (..., K)
        Non-negative, summing to 1 along `axis`, in the logits' type; integers and bools count in
        the library's default floating-point type. Half precision is summed in float32.

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses, or a temperature that is a bool, negative, NaN or of
        a shape that does not broadcast.

    Examples
    --------
    >>> softmax(np.array([0.0, 1.0, 3.0]), 0.5).round(3).tolist()
    [0.002, 0.018, 0.98]
    >>> softmax(np.array([0.0, 1.0, -np.inf]), 0.0).tolist()
    [0.0, 1.0, 0.0]
    """
    logits, temperature = as_arrays(logits=logits, temperature=temperature)
    axis = check_logits(logits, axis)
    return _temper(widen(logits), temperature, axis, logits.dtype)


def _temper(scores: Array, temperature: Array, axis: int, dtype: Any) -> Array:
    """Softmax of checked scores at a temperature, as `dtype`; `axis` is negative."""
    xp = array_namespace(scores)
    check_broadcast(logits=scores, temperature=temperature)
    if temperature.ndim >= -axis and temperature.shape[axis] != 1:
        raise ValueError(
            f"temperature: expected one for all classes (length 1 along axis {axis}), "
            f"got shape {tuple(temperature.shape)}"
        )
    if is_true(xp.any(xp.isnan(temperature))):
        raise ValueError("temperature: expected numbers >= 0, got NaN")
    if is_true(xp.any(temperature < 0)):
        lowest = float(xp.min(temperature))
        raise ValueError(f"temperature: expected numbers >= 0, got {lowest:g}")
    top = xp.max(scores, axis=axis, keepdims=True)
    # Each branch sees only harmless numbers, so that the gradient through the branch not taken
    # is 0 rather than NaN: a masked class has gap 0, a zero temperature reads as 1.
    masked = scores == -math.inf
    # A difference of halves does not overflow.
    half_gap = xp.where(masked, xp.zeros_like(scores), scores / 2 - top / 2)
    with np.errstate(over="ignore"):  # a tiny temperature makes the quotient -inf: weight 0
        t = xp.astype(temperature, scores.dtype)
        frozen = t == 0
        weight = xp.exp(2 * (half_gap / xp.where(frozen, xp.ones_like(t), t)))
    weight = xp.where(masked, xp.zeros_like(weight), weight)
    soft = weight / xp.sum(weight, axis=axis, keepdims=True)
    largest = xp.astype(scores == top, scores.dtype)
    first = largest * xp.astype(xp.cumulative_sum(largest, axis=axis) == 1, scores.dtype)
    return xp.astype(xp.where(frozen, first, soft), dtype, copy=False)


def gumbel_softmax(logits: Array, noise: Array, temperature: Any, *, axis: int = -1) -> Array:
    r"""Relaxed draw: the argmax of `gumbel_max` replaced by a softmax at a temperature.

    .. math:: b_i = \frac{\exp((l_i + g_i)/t)}{\sum_j \exp((l_j + g_j)/t)}

    Parameters
    ----------
    logits : array (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that gets weight 0.
    noise : array, broadcasts with `logits`
        Standard Gumbel noise.
    temperature : float or array, broadcasts with ``logits + noise``
        At least 0, in the unit of the logits. 0 gives the one-hot of ``gumbel_max``.
    axis : int
        The axis of the classes, counted on `logits`.

    Returns
    -------
    array (..., K)
        Non-negative, summing to 1 along `axis`, in the wider type of logits and noise. The
        gradient flows to logits and temperature in JAX and PyTorch. At temperature 0 it is 0. Where
        a difference divided by the temperature's square overflows (temperatures below about 1e-18
        in float32), the gradient to the temperature is NaN.

    Raises
    ------
    TypeError, ValueError
        As `gumbel_max`; also for a temperature that is a bool, negative, NaN or differs between
        classes.

    References
    ----------
    Jang, E., Gu, S. and Poole, B., ICLR 2017.

    Maddison, C. J., Mnih, A. and Teh, Y. W., ICLR 2017.

    Examples
    --------
    >>> from gumbel_lib import gumbel_softmax, standard_gumbel
    >>> logits, noise = np.log([0.7, 0.2, 0.1]), standard_gumbel(3, rng=1)
    >>> gumbel_softmax(logits, noise, 1.0).round(3).tolist()
    [0.494, 0.491, 0.014]
    >>> gumbel_softmax(logits, noise, 0.1).round(3).tolist()
    [0.515, 0.485, 0.0]
    """
    logits, noise, temperature = as_arrays(logits=logits, noise=noise, temperature=temperature)
    axis = check_logits(logits, axis)
    dtype = array_namespace(logits, noise).result_type(logits.dtype, noise.dtype)
    return _temper(perturb(logits, noise, axis), temperature, axis, dtype)


def moments(logits: Floats, temperature: float) -> tuple[Floats, Floats]:
    r"""E b_k and E b_k^2 of the relaxed sample, for checked logits (..., K).

    With w_k = exp((l_k + g_k)/t) and S their sum, 1/S = \int_0^\infty e^{-sS} ds turns the
    K-dimensional mean into one integral over s of products of one-dimensional means:

    E b_k   = \int   E[w_k   e^{-s w_k}] \prod_{j \ne k} E[e^{-s w_j}] ds
    E b_k^2 = \int s E[w_k^2 e^{-s w_k}] \prod_{j \ne k} E[e^{-s w_j}] ds

    Both are taken over V = t log s by the trapezoid rule, which converges exponentially here.
    """
    t = temperature
    first, second = np.zeros_like(logits), np.zeros_like(logits)
    if logits.ndim > 1:
        for row in np.ndindex(logits.shape[:-1]):
            first[row], second[row] = moments(logits[row], t)
        return first, second
    present = np.isfinite(logits)
    if t == 0:
        limit = special.softmax(logits)
        return limit, limit
    if not math.isfinite(t):
        limit = present / present.sum()
        return limit, limit**2
    grid, step = line(t)
    x = grid[:, None] + logits[present] - logits.max()
    kept, *own = np.moveaxis(transforms(x, t), -1, 0)
    log_kept = np.log(np.maximum(kept, 1e-300))
    others = np.exp(log_kept.sum(axis=-1, keepdims=True) - log_kept)
    first[present], second[present] = (step * (part * others).sum(axis=0) for part in own)
    return first, second


def line(t: float) -> tuple[Floats, float]:
    """The points V of the trapezoid rule in `moments`, and their distance."""
    step = 0.2 * max(1.0, t)
    return np.arange(-40 * max(1.0, t), 4 * t + 6, step), step


def transforms(x: Floats, t: float) -> Floats:
    """E[e^-h], E[h e^-h] / t and E[h^2 e^-h] / t, stacked last, with h = exp((x + g)/t)."""
    step = 0.2
    if t > 1:
        g = np.arange(-4.5, 40, step)
        weight = step * np.exp(-g - np.exp(-g))
        points, factors = np.exp(x / t), np.exp(g / t)
    else:
        # The mean is taken over y = log h given x: integration by parts moves the derivatives
        # from the steep e^-h to the Gumbel's CDF, which stays smooth as t falls.
        y = np.arange(-40, 4.5, step)
        weight = step * np.exp(y - np.exp(y))
        points, factors = np.exp(x), np.exp(-t * y)
    points = points.ravel()
    sums = np.empty((points.size, 3))
    held = np.empty((2, min(points.size, _AT_ONCE), weight.size))
    for start in range(0, points.size, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        h, integrand = held[:, : points[some].size]
        np.multiply.outer(points[some], factors, out=h)
        np.exp(np.negative(h, out=integrand), out=integrand)
        for power in range(3):
            sums[some, power] = integrand @ weight
            integrand *= h
    if t > 1:
        sums[:, 1:] /= t
    else:
        sums[:, 2] = (1 - t) * sums[:, 1] + t * sums[:, 2]
    return sums.reshape(*x.shape, 3)


def relaxed_mean(logits: ArrayLike, temperature: float) -> Floats:
    r"""Mean of the relaxed sample, E b, exactly rather than by simulation.

    .. math:: E\,b_k = \int_0^\infty E[w_k e^{-s w_k}] \prod_{j \ne k} E[e^{-s w_j}]\,ds,
              \qquad w_k = e^{(l_k + g_k)/t}

    Parameters
    ----------
    logits : array_like (..., K)
        Finite or ``-inf``.
    temperature : float
        At least 0; at 0 the mean is softmax(logits).

    Returns
    -------
    numpy.ndarray (..., K)
        The mean, to 1e-8; it sums to 1. Only by symmetry, or as the temperature goes to 0, is
        it softmax(logits).

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses or a temperature that is negative or NaN.

    Notes
    -----
    From 1/S = int exp(-s S) ds, S the sum of the weights: the relaxed classes become
    independent given s.

    Examples
    --------
    >>> relaxed_mean(np.log([0.8, 0.2]), 1.0).round(4).tolist()
    [0.7172, 0.2828]
    """
    return moments(as_logits(logits), check_temperature(temperature))[0]


def relaxed_variance(logits: ArrayLike, temperature: float) -> Floats:
    r"""Variance of each entry of the relaxed sample, exactly.

    .. math:: \mathrm{Var}\,b_k = E\,b_k^2 - (E\,b_k)^2, \qquad
              E\,b_k^2 = \int_0^\infty s\,E[w_k^2 e^{-s w_k}]
              \prod_{j \ne k} E[e^{-s w_j}]\,ds

    Parameters, errors and accuracy are those of `relaxed_mean`; rounding below 0 is cut off. The
    sum over k is the trace of the covariance.

    Examples
    --------
    >>> relaxed_variance(np.log([0.8, 0.2]), 0.0).round(4).tolist()
    [0.16, 0.16]
    """
    mean, square = moments(as_logits(logits), check_temperature(temperature))
    return np.maximum(square - mean**2, 0.0)


def concrete_logpdf(sample: ArrayLike, logits: ArrayLike, temperature: float) -> Floats:
    r"""Log-density of the Gumbel-softmax (Concrete) law on the simplex.

    .. math:: \log p(b) = \log (K-1)! + (K-1)\log t + \sum_k z_k - \sum_k \log b_k
              - K \log \sum_k e^{z_k}, \qquad z_k = l_k - t \log b_k

    with respect to Lebesgue measure on the first K - 1 entries.

    Parameters
    ----------
    sample : array_like (..., K)
        Points of the simplex, whose sums may miss 1 by the square root of the precision of their
        type: 1.5e-8 in float64, 3e-4 in float32, 0.03 in float16. An entry that has underflowed
        to 0 reads as the smallest positive number of its type, so that the result stays finite at
        low temperatures.
    logits : array_like (..., K)
        Finite.
    temperature : float
        Positive.

    Returns
    -------
    numpy.ndarray (...)
        Log-densities in nats.

    Raises
    ------
    TypeError, ValueError
        For entries that are negative or do not sum to 1, logits that are not finite, a
        temperature that is not positive and finite, or shapes that do not broadcast.

    References
    ----------
    Maddison, C. J., Mnih, A. and Teh, Y. W., ICLR 2017, equation 10.

    Examples
    --------
    At K = 2, equal logits and temperature 1 the law of the first entry is uniform.

    >>> float(concrete_logpdf([0.3, 0.7], [0.0, 0.0], 1.0).round(12)) + 0.0
    0.0
    """
    t = check_positive(temperature, "temperature")
    b, values = as_floats(sample, "sample"), as_logits(logits)
    if not np.all(np.isfinite(values)):
        raise ValueError("logits: expected finite numbers, got -inf")
    check_broadcast(sample=b, logits=values)
    if b.shape[-1] != values.shape[-1]:
        raise ValueError(f"sample: expected {values.shape[-1]} classes, got {b.shape[-1]}")
    missed = np.abs(b.sum(axis=-1, dtype=np.float64) - 1)
    if not (np.all(b >= 0) and np.all(missed < math.sqrt(np.finfo(b.dtype).eps))):
        raise ValueError("sample: expected entries >= 0 that sum to 1 along the last axis")
    log_b = np.log(np.maximum(b, np.finfo(b.dtype).smallest_subnormal), dtype=np.float64)
    num_classes = b.shape[-1]
    z = values - t * log_b
    return np.asarray(
        special.gammaln(num_classes)
        + (num_classes - 1) * math.log(t)
        + (z - log_b).sum(axis=-1)
        - num_classes * special.logsumexp(z, axis=-1)
    )


def exponential_schedule(start: float, end: float, num_steps: int) -> Floats:
    r"""Temperatures that fall by the same factor at each step.

    .. math:: t_s = \mathrm{start}\,(\mathrm{end}/\mathrm{start})^{s/(n-1)},
              \qquad s = 0, \dots, n - 1

    Parameters
    ----------
    start, end : float
        First and last temperature, both positive.
    num_steps : int
        n, at least 1; a single step has the temperature `start`.

    Returns
    -------
    numpy.ndarray (num_steps,)

    Raises
    ------
    TypeError, ValueError
        If a temperature is not a positive finite number or `num_steps` no positive integer.

    Examples
    --------
    >>> exponential_schedule(2.0, 0.5, 3).tolist()
    [2.0, 1.0, 0.5]
    """
    ends = check_positive(start, "start"), check_positive(end, "end")
    return np.geomspace(*ends, check_count(num_steps, "num_steps"))
