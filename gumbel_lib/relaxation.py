"""Softmax at a temperature, the Gumbel-softmax draw, and schedules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from ._checks import (
    Array,
    Floats,
    as_arrays,
    check_broadcast,
    check_count,
    check_logits,
    check_positive,
    is_known_true,
    perturb,
    widen,
)


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
    return _temper(widen(logits), temperature, axis, logits.dtype, "logits")


def _temper(scores: Array, temperature: Array, axis: int, dtype: Any, name: str) -> Array:
    """Softmax of checked scores, called `name`, as `dtype`; `axis` is negative."""
    xp = array_namespace(scores)
    check_broadcast(**{name: scores, "temperature": temperature})
    if temperature.ndim >= -axis and temperature.shape[axis] != 1:
        raise ValueError(
            f"temperature: expected one for all classes (length 1 along axis {axis}), "
            f"got shape {tuple(temperature.shape)}"
        )
    if is_known_true(xp.any(xp.isnan(temperature))):
        raise ValueError("temperature: expected numbers >= 0, got NaN")
    if is_known_true(xp.any(temperature < 0)):
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
    return _temper(perturb(logits, noise, axis), temperature, axis, dtype, "logits + noise")


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
