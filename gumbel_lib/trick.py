"""The trick, ``argmax(logits + noise)``, and the exact laws behind its proof."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, special, stats

from ._checks import (
    Array,
    as_arrays,
    as_logits,
    check_broadcast,
    check_logits,
    is_true,
    widen,
)
from .maxima import Law


def perturb(logits: Array, noise: Array, axis: int) -> Array:
    """``logits + noise``, both checked, in the wider of their types; `axis` is negative.

    Half precision is widened to float32.
    """
    logits, noise = as_arrays(logits=logits, noise=noise)
    xp = array_namespace(logits, noise)
    check_broadcast(logits=logits, noise=noise)
    if noise.ndim < -axis or noise.shape[axis] != logits.shape[axis]:
        raise ValueError(
            f"noise: expected a value for each of the {logits.shape[axis]} classes along axis "
            f"{axis}, got shape {tuple(noise.shape)}"
        )
    if is_true(xp.any(~xp.isfinite(noise))):
        raise ValueError("noise: expected finite numbers, got NaN or an infinity")
    with np.errstate(over="ignore"):
        perturbed = widen(logits) + widen(noise)
    if is_true(xp.any(xp.isinf(perturbed) & (logits > -math.inf))):
        raise ValueError("noise: expected sums with the logits that fit a float, got an overflow")
    return perturbed


def gumbel_max(logits: Array, noise: Array, *, axis: int = -1) -> Array:
    r"""Index of the largest perturbed logit: an exact draw from softmax(logits).

    .. math:: k = \operatorname{argmax}_i\,(l_i + g_i), \qquad
              P(k) = \frac{e^{l_k}}{\sum_j e^{l_j}}

    when the noise :math:`g_i` is independent standard Gumbel.

    Parameters
    ----------
    logits : array (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that is never drawn.
    noise : array, broadcasts with `logits`
        Standard Gumbel noise; leading axes give further draws.
    axis : int
        The axis of the classes, counted on `logits`; noise may lead with further axes.

    Returns
    -------
    array of int
        The indices, of the broadcast shape without `axis`, from the arrays' own library.

    Raises
    ------
    TypeError
        If an argument holds no real numbers or has a mask, or the two are of different libraries.
    ValueError
        If a logit is NaN or +inf, a row is all ``-inf``, K is 0, the noise or a sum is not
        finite, or the shapes do not broadcast. Values are not looked at while JAX traces or
        PyTorch vectorises.

    Notes
    -----
    Half precision is added in float32. Integers and bools are read as the library's default
    floating-point type, which takes a copy.

    References
    ----------
    Luce, R. D. and Suppes, P., *Handbook of Mathematical Psychology* III, 1965, p. 338, which
    quotes Holman and Marley; Yellott, J. I., J. Math. Psych. 15, 1977.

    Examples
    --------
    >>> import numpy as np
    >>> from gumbel_lib import gumbel_max, standard_gumbel
    >>> logits = np.log([0.7, 0.2, 0.1])
    >>> draws = gumbel_max(logits, standard_gumbel((10_000, 3), rng=0))
    >>> np.bincount(draws).tolist()
    [7017, 1969, 1014]
    """
    logits, noise = as_arrays(logits=logits, noise=noise)
    axis = check_logits(logits, axis)
    perturbed = perturb(logits, noise, axis)
    return array_namespace(perturbed).argmax(perturbed, axis=axis)


def log_sum_exp(logits: Array, *, axis: int = -1) -> Array:
    r"""Location of the maximum of Gumbels located at the logits.

    .. math:: \log \sum_i e^{l_i} = m + \log \sum_i e^{l_i - m}, \qquad m = \max_i l_i

    Parameters
    ----------
    logits : array (..., K)
        Locations of K independent Gumbels of scale 1; ``-inf`` allowed.
    axis : int
        The axis of the classes.

    Returns
    -------
    array (...)
        The location, in the logits' type; integers and bools count in the library's default
        floating-point type.

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses.

    Examples
    --------
    >>> float(log_sum_exp(np.log(np.array([0.7, 0.2, 0.1]))).round(12)) + 0.0
    0.0
    """
    (logits,) = as_arrays(logits=logits)
    axis = check_logits(logits, axis)
    xp = array_namespace(logits)
    wide = widen(logits)
    top = xp.max(wide, axis=axis, keepdims=True)
    with np.errstate(over="ignore"):  # a difference may be -inf, which is right
        total = xp.sum(xp.exp(wide - top), axis=axis)
    return xp.astype(xp.squeeze(top, axis=axis) + xp.log(total), logits.dtype, copy=False)


def argmax_probabilities(logits: ArrayLike, noise: Any = stats.gumbel_r) -> NDArray[np.float64]:
    r"""P(argmax = k) when independent noise of any continuous law is added to the logits.

    .. math:: P(k) = \int f(x)\prod_{j \ne k} F(x + l_k - l_j)\,dx
                   = \int_0^1 \prod_{j \ne k} F\bigl(F^{-1}(u) + l_k - l_j\bigr)\,du,
              \qquad u = \frac{1}{1 + e^{-v}}

    Parameters
    ----------
    logits : array_like (..., K)
        Finite or ``-inf``.
    noise : distribution
        A continuous law of `scipy.stats`, old style or new: its ``cdf`` F and quantile function.

    Returns
    -------
    numpy.ndarray (..., K)
        Probabilities to 1e-9; for the standard Gumbel they are softmax(logits).

    Raises
    ------
    TypeError
        If `noise` is no law, or `logits` holds no real numbers.
    ValueError
        For logits that `gumbel_max` refuses, or when the quadrature does not converge.

    Examples
    --------
    >>> argmax_probabilities(np.log([0.7, 0.2, 0.1])).round(6).tolist()
    [0.7, 0.2, 0.1]
    >>> argmax_probabilities(np.log([0.7, 0.2, 0.1]), stats.norm).round(3).tolist()
    [0.771, 0.171, 0.058]
    """
    law = Law(noise, "noise")
    values = as_logits(logits)
    present = np.isfinite(values)
    # Differences l_k - l_j; a masked rival never wins, whatever its distance.
    with np.errstate(invalid="ignore"):
        ahead = np.where(present[..., None, :], values[..., :, None] - values[..., None, :], np.inf)
    others = ~np.eye(values.shape[-1], dtype=bool)

    def integrand(v: float) -> NDArray[np.float64]:
        below, above = special.expit(v), special.expit(-v)
        x = law.quantile(below) if v < 0 else law.upper_quantile(above)
        won = np.where(others, law.cdf(x + ahead), 1.0)
        product: NDArray[np.float64] = np.prod(won, axis=-1) * below * above
        return np.where(present, product, 0.0)

    # Over v = logit(u) both tails of u have room: a class of probability p wins at v near -log p.
    probabilities, error = integrate.quad_vec(
        integrand,
        -45,
        45,
        epsabs=1e-12,
        epsrel=0,
        norm="max",
        limit=20_000,
        points=range(-40, 41, 5),
    )
    if not error < 1e-9:
        raise ValueError(f"noise: expected a law whose integral converges, got error {error:.1e}")
    result: NDArray[np.float64] = probabilities
    return result
