"""Estimates of the gradient of an expected loss of a drawn class, and their exact moments.

Every estimator is called as ``estimator(loss, logits, noise, **options)`` and is a pure function of
logits and noise. It estimates the gradient by the logits of ``E loss(D)``, where D is the one-hot
vector of a class drawn from softmax(logits).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import ArrayLike
from scipy import special

from ._checks import (
    Array,
    Floats,
    as_arrays,
    as_logits,
    check_count,
    check_logits,
    check_positive,
    is_known_true,
    perturb,
    widen,
)
from .noise import truncated_gumbel
from .relaxation import gumbel_softmax, softmax
from .sampling.without_replacement import gumbel_top_k, order_probabilities
from .trick import logsumexp

# With gaps log(1 + e^y) the integrands of `exact_moments` are analytic in y to a distance of pi/2,
# so the trapezoid rule's error falls like e^(-pi^2 / step): 3e-9 here. Left out are gaps below
# e^-18 temperatures, 2e-8 of those that give a gradient, and beyond 24, with probability 4e-11.
_STEP, _DEEP, _FAR = 0.5, 18.0, 24.0


class Loss(NamedTuple):
    """A loss as estimators use it: its value, and its gradient at any point of the simplex.

    Attributes
    ----------
    value : callable
        Maps points (..., K) to losses (...).
    gradient : callable
        Maps points (..., K) to gradients (..., K). Estimators that use the value alone never call
        it.

    Examples
    --------
    >>> square = Loss(lambda b: (b**2).sum(axis=-1), lambda b: 2 * b)
    >>> square.value(np.eye(2)).tolist()
    [1.0, 1.0]
    """

    value: Callable[[Array], Array]
    gradient: Callable[[Array], Array]


def _read(logits: Array, noise: Array, least: int = 1, most: float = math.inf) -> tuple[Any, ...]:
    """Namespace, wide logits and noise, and probabilities; the rows of noise are counted."""
    logits, noise = as_arrays(logits=logits, noise=noise)
    check_logits(logits, -1)
    rows = noise.shape[0] if noise.ndim > 1 else 0
    if not least <= rows <= most:
        expected = f"{least}" if most == least else f"at least {least}"
        raise ValueError(
            f"noise: expected shape (rows, ..., K) with {expected} along the first axis, got shape "
            f"{tuple(noise.shape)}"
        )
    perturb(logits, noise, -1)  # refuses what does not fit
    logits, noise = widen(logits), widen(noise)
    return array_namespace(logits, noise), logits, noise, softmax(logits)


def _positive(logits: Array, name: str, temperature: Any) -> Array:
    """A temperature as an array of the logits' library, refused unless it is above 0."""
    _, t = as_arrays(logits=logits, **{name: temperature})
    xp = array_namespace(t)
    if is_known_true(xp.any(t <= 0)):
        raise ValueError(f"{name}: expected numbers > 0, got {float(xp.min(t)):g}")
    return t


def _dot(xp: Any, a: Array, b: Array) -> Array:
    return xp.sum(a * b, axis=-1, keepdims=True)


def _through(xp: Any, b: Array, slope: Array) -> Array:
    """The slope times the Jacobian of the softmax at b, which is diag b - b b^T."""
    return b * (slope - _dot(xp, b, slope))


def reinforce(loss: Loss, logits: Array, noise: Array, *, baseline: Any = 0.0) -> Array:
    r"""Score-function estimate, with a baseline.

    .. math:: \frac1n \sum_r \bigl(f(D_r) - \beta\bigr)\,(D_r - p), \qquad p = \mathrm{softmax}(l)

    Parameters
    ----------
    loss : Loss
        f; only its value is used, once a row.
    logits : array (..., K)
        l, log-probabilities up to a constant; ``-inf`` for a class that is never drawn.
    noise : array (n, ..., K)
        Standard Gumbel noise, n >= 1 independent rows, each of which draws a class.
    baseline : float or array (...)
        :math:`\beta`, which must not depend on this noise: the mean loss, or a running mean of
        earlier losses.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        For logits or noise that `gumbel_max` refuses, or too few rows of noise.

    References
    ----------
    Williams, R. J., Machine Learning 8, 1992.

    Examples
    --------
    >>> loss = Loss(lambda b: b @ np.array([1.0, 3.0]), lambda b: 0 * b + np.array([1.0, 3.0]))
    >>> reinforce(loss, np.zeros(2), np.array([[0.5, 0.2]]), baseline=2.0).tolist()
    [-0.5, 0.5]
    """
    xp, logits, noise, p = _read(logits, noise)
    drawn = gumbel_softmax(logits, noise, 0.0)
    _, beta = as_arrays(logits=logits, baseline=baseline)
    weight = loss.value(drawn) - beta
    return xp.mean(weight[..., None] * (drawn - p), axis=0)


def leave_one_out(loss: Loss, logits: Array, noise: Array) -> Array:
    r"""REINFORCE on n draws, each with the mean loss of the others as its baseline (RLOO).

    .. math:: \frac{1}{n-1} \sum_r \bigl(f(D_r) - \bar f\bigr)\,(D_r - p)

    Parameters
    ----------
    loss : Loss
        f; only its value is used, once a row.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (n, ..., K)
        Standard Gumbel noise, n >= 2 independent rows, each of which draws a class.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `reinforce`.

    References
    ----------
    Kool, W., van Hoof, H. and Welling, M., *Buy 4 REINFORCE samples, get a baseline for free!*,
    ICLR workshop, 2019.

    Examples
    --------
    >>> loss = Loss(lambda b: b @ np.array([1.0, 3.0]), lambda b: 0 * b + np.array([1.0, 3.0]))
    >>> leave_one_out(loss, np.zeros(2), np.array([[0.5, 0.2], [0.0, 0.1]])).tolist()
    [-1.0, 1.0]
    """
    xp, logits, noise, p = _read(logits, noise, 2)
    drawn = gumbel_softmax(logits, noise, 0.0)
    values = loss.value(drawn)
    weight = values - xp.mean(values, axis=0)
    return xp.sum(weight[..., None] * (drawn - p), axis=0) / (noise.shape[0] - 1)


def straight_through(loss: Loss, logits: Array, noise: Array) -> Array:
    r"""Slope at the draw, times the derivative of the probabilities (ST).

    .. math:: \frac1n \sum_r \bigl(\mathrm{diag}\,p - p\,p^\top\bigr)\,f'(D_r)

    Parameters
    ----------
    loss : Loss
        f; only its gradient is used, once a row, at the draw.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (n, ..., K)
        Standard Gumbel noise, n >= 1 independent rows, each of which draws a class.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `reinforce`.

    References
    ----------
    Bengio, Y., Léonard, N. and Courville, A., arXiv 1308.3432, 2013.

    Examples
    --------
    >>> loss = Loss(lambda b: b @ np.array([1.0, 3.0]), lambda b: 0 * b + np.array([1.0, 3.0]))
    >>> straight_through(loss, np.zeros(2), np.array([[0.5, 0.2]])).tolist()
    [-0.5, 0.5]
    """
    xp, logits, noise, p = _read(logits, noise)
    slope = loss.gradient(gumbel_softmax(logits, noise, 0.0))
    return xp.mean(_through(xp, p, slope), axis=0)


def darn(loss: Loss, logits: Array, noise: Array) -> Array:
    r"""REINFORCE whose baseline is the loss continued from the draw to p along its slope (DARN).

    .. math:: \frac1n \sum_r \bigl[f'(D_r) \cdot (D_r - p)\bigr]\,(D_r - p)

    Parameters
    ----------
    loss : Loss
        f; only its gradient is used, once a row, at the draw.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (n, ..., K)
        Standard Gumbel noise, n >= 1 independent rows, each of which draws a class.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `reinforce`.

    References
    ----------
    Gregor, K., Danihelka, I., Mnih, A., Blundell, C. and Wierstra, D., ICML 2014.

    Examples
    --------
    >>> loss = Loss(lambda b: b @ np.array([1.0, 3.0]), lambda b: 0 * b + np.array([1.0, 3.0]))
    >>> darn(loss, np.zeros(2), np.array([[0.5, 0.2]])).tolist()
    [-0.5, 0.5]
    """
    xp, logits, noise, p = _read(logits, noise)
    drawn = gumbel_softmax(logits, noise, 0.0)
    score = drawn - p
    return xp.mean(_dot(xp, loss.gradient(drawn), score) * score, axis=0)


def reinmax(loss: Loss, logits: Array, noise: Array) -> Array:
    r"""Slope at the draw, times a Jacobian that integrates quadratic losses exactly (ReinMax).

    .. math:: \frac1n \sum_r \bigl(2\,J(\tfrac{p + D_r}2) - \tfrac12\,J(p)\bigr)\,f'(D_r),
              \qquad J(b) = \mathrm{diag}\,b - b\,b^\top

    Parameters
    ----------
    loss : Loss
        f; only its gradient is used, once a row, at the draw.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (n, ..., K)
        Standard Gumbel noise, n >= 1 independent rows, each of which draws a class.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `reinforce`.

    References
    ----------
    Liu, L., Dong, C., Liu, X., Yu, B. and Gao, J., NeurIPS 2023, at temperature 1;
    Shekhovtsov, A., ICML 2023, where it is called ZGR.

    Examples
    --------
    >>> loss = Loss(lambda b: (b**2).sum(axis=-1), lambda b: 2 * b)
    >>> reinmax(loss, np.zeros(2), np.array([[0.5, 0.2]])).tolist()
    [0.5, -0.5]
    """
    xp, logits, noise, p = _read(logits, noise)
    drawn = gumbel_softmax(logits, noise, 0.0)
    slope = loss.gradient(drawn)
    middle = _through(xp, (p + drawn) / 2, slope)
    return xp.mean(2 * middle - _through(xp, p, slope) / 2, axis=0)


def pathwise(loss: Loss, logits: Array, noise: Array, *, temperature: Any) -> Array:
    r"""Gradient of the loss of the relaxed sample (Gumbel-softmax, GS).

    .. math:: &\frac1n \sum_r \frac1t\,\bigl(\mathrm{diag}\,b_r - b_r b_r^\top\bigr)\,f'(b_r), \\
              &b_r = \mathrm{softmax}((l + g_r)/t)

    Parameters
    ----------
    loss : Loss
        f; only its gradient is used, once a row, at the relaxed sample.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (n, ..., K)
        Standard Gumbel noise, n >= 1 independent rows, each of which gives a relaxed sample.
    temperature : float or array (..., 1)
        t > 0, in the unit of the logits; an array has one for each vector of logits of a batch.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `reinforce`, or for a temperature that is not positive or that `gumbel_softmax` refuses.

    References
    ----------
    Jang, E., Gu, S. and Poole, B., ICLR 2017; Maddison, C. J., Mnih, A. and Teh, Y. W., ICLR 2017.

    Examples
    --------
    >>> loss = Loss(lambda b: (b**2).sum(axis=-1), lambda b: 2 * b)
    >>> pathwise(loss, np.zeros(2), np.array([[0.5, 0.2]]), temperature=1.0).round(4).tolist()
    [0.0728, -0.0728]
    """
    xp, logits, noise, _ = _read(logits, noise)
    t = _positive(logits, "temperature", temperature)
    soft = softmax(logits + noise, t)
    return xp.mean(_through(xp, soft, loss.gradient(soft)) / t, axis=0)


def straight_through_gumbel(loss: Loss, logits: Array, noise: Array, *, temperature: Any) -> Array:
    r"""Slope at the draw, times the derivative of the relaxed sample of the same noise (ST-GS).

    .. math:: \frac1n \sum_r \frac1t\,\bigl(\mathrm{diag}\,b_r - b_r b_r^\top\bigr)\,f'(D_r)

    Parameters
    ----------
    loss : Loss
        f; only its gradient is used, once a row, at the draw.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (n, ..., K)
        Standard Gumbel noise, n >= 1 independent rows, each of which gives a draw
        and its relaxed sample.
    temperature : float or array (..., 1)
        t > 0, in the unit of the logits; an array has one for each vector of logits of a batch.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `pathwise`.

    References
    ----------
    Jang, E., Gu, S. and Poole, B., ICLR 2017.

    Examples
    --------
    >>> loss = Loss(lambda b: (b**2).sum(axis=-1), lambda b: 2 * b)
    >>> noise = np.array([[0.5, 0.2]])
    >>> straight_through_gumbel(loss, np.zeros(2), noise, temperature=1.0).round(4).tolist()
    [0.4889, -0.4889]
    """
    xp, logits, noise, _ = _read(logits, noise)
    t = _positive(logits, "temperature", temperature)
    soft = softmax(logits + noise, t)
    slope = loss.gradient(gumbel_softmax(logits, noise, 0.0))
    return xp.mean(_through(xp, soft, slope) / t, axis=0)


def decoupled(loss: Loss, logits: Array, noise: Array, *, forward: Any, backward: Any) -> Array:
    r"""ST-GS with a temperature for the draw and another for the derivative (decoupled ST-GS).

    .. math:: &\frac1n \sum_r \frac1{t_b}\,\bigl(\mathrm{diag}\,b_r - b_r b_r^\top\bigr)\,
              f'(D_r), \\
              &b_r = \mathrm{softmax}\Bigl(\frac{l + t_f\,g_r}{t_b}\Bigr)

    with the draw :math:`D_r` at the largest entry of :math:`l + t_f\,g_r`.

    Parameters
    ----------
    loss : Loss
        f; only its gradient is used, once a row, at the draw.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (n, ..., K)
        Standard Gumbel noise, n >= 1 independent rows, each of which gives a draw
        and its relaxed sample.
    forward, backward : float or array (..., 1)
        :math:`t_f` and :math:`t_b`, both > 0; an array has one for each vector of logits.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits of the expected loss under the law of the draw,
        softmax(l / t_f). Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `pathwise`, under the names `forward` and `backward`.

    References
    ----------
    Shah, R., Yan, M., Mozer, M. C. and Liu, D., arXiv 2410.13331, 2024.

    Examples
    --------
    >>> loss = Loss(lambda b: (b**2).sum(axis=-1), lambda b: 2 * b)
    >>> noise = np.array([[0.5, 0.2]])
    >>> decoupled(loss, np.zeros(2), noise, forward=1.0, backward=1.0).round(4).tolist()
    [0.4889, -0.4889]
    """
    _, logits, noise, _ = _read(logits, noise)
    ahead, back = (
        _positive(logits, "forward", forward),
        _positive(logits, "backward", backward),
    )
    return straight_through_gumbel(loss, logits / ahead, noise, temperature=back / ahead) / ahead


def _given(xp: Any, logits: Array, drawn: Array, noise: Array) -> Array:
    """Perturbed logits as they are, given that the draw is `drawn`, from fresh noise."""
    # The largest is a Gumbel at the log-sum-exp, whichever class it belongs to; the others lie
    # below it.
    top = logsumexp(logits)[..., None] + _dot(xp, drawn, noise)
    return xp.where(drawn == 1, top, truncated_gumbel(logits + noise, top))


def rao_blackwell(loss: Loss, logits: Array, noise: Array, *, temperature: Any) -> Array:
    r"""ST-GS averaged over noise that leads to the same draw (Gumbel-Rao, GR-MC).

    .. math:: &\frac1m \sum_{r=1}^{m} \frac1t\,\bigl(\mathrm{diag}\,b_r - b_r b_r^\top\bigr)\,
              f'(D), \\
              &b_r = \mathrm{softmax}(x_r / t)

    with perturbed logits :math:`x_r` drawn given that their argmax is D.

    Parameters
    ----------
    loss : Loss
        f; only its gradient is used, once, at the draw.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (m + 1, ..., K)
        Standard Gumbel noise, m >= 1: the first row draws D, each of the others gives an
        :math:`x_r`.
    temperature : float or array (..., 1)
        t > 0, in the unit of the logits; an array has one for each vector of logits of a batch.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `pathwise`.

    References
    ----------
    Paulus, M. B., Maddison, C. J. and Krause, A., ICLR 2021.

    Examples
    --------
    >>> loss = Loss(lambda b: (b**2).sum(axis=-1), lambda b: 2 * b)
    >>> noise = np.array([[0.5, 0.2], [0.0, 0.0]])
    >>> rao_blackwell(loss, np.zeros(2), noise, temperature=1.0).round(4).tolist()
    [0.375, -0.375]
    """
    xp, logits, noise, _ = _read(logits, noise, 2)
    drawn = gumbel_softmax(logits, noise[0, ...], 0.0)
    given = _given(xp, logits, drawn, noise[1:, ...])
    t = _positive(logits, "temperature", temperature)
    soft = softmax(given, t)
    return xp.mean(_through(xp, soft, loss.gradient(drawn)) / t, axis=0)


def gapped(loss: Loss, logits: Array, noise: Array, *, temperature: Any, gap: float = 1.0) -> Array:
    r"""ST-GS with perturbed logits that are a function of the draw (Gapped ST).

    .. math:: &\frac1n \sum_r \frac1t\,\bigl(\mathrm{diag}\,b_r - b_r b_r^\top\bigr)\,f'(D_r), \\
              &b_r = \mathrm{softmax}(x_r / t)

    where :math:`x_r` is l with the drawn class raised to the largest logit, and every other class
    lowered to lie at least `gap` below it.

    Parameters
    ----------
    loss : Loss
        f; only its gradient is used, once a row, at the draw.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (n, ..., K)
        Standard Gumbel noise, n >= 1 independent rows, each of which draws a class.
    temperature : float or array (..., 1)
        t > 0, in the unit of the logits; an array has one for each vector of logits of a batch.
    gap : float
        > 0, in the unit of the logits.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `pathwise`, or for a gap that is not positive.

    References
    ----------
    Fan, T.-H., Chi, T.-C., Rudnicky, A. I. and Ramadge, P. J., ICML 2022.

    Examples
    --------
    >>> loss = Loss(lambda b: (b**2).sum(axis=-1), lambda b: 2 * b)
    >>> gapped(loss, np.zeros(2), np.array([[0.5, 0.2]]), temperature=1.0).round(4).tolist()
    [0.3932, -0.3932]
    """
    xp, logits, noise, _ = _read(logits, noise)
    distance = check_positive(gap, "gap")
    drawn = gumbel_softmax(logits, noise, 0.0)
    top = xp.max(logits, axis=-1, keepdims=True)
    moved = xp.where(drawn == 1, top, xp.minimum(logits, top - distance))
    t = _positive(logits, "temperature", temperature)
    soft = softmax(moved, t)
    return xp.mean(_through(xp, soft, loss.gradient(drawn)) / t, axis=0)


def relax(loss: Loss, logits: Array, noise: Array, *, control: Loss) -> Array:
    r"""REINFORCE with a control variate that is a function of the perturbed logits (RELAX).

    .. math:: \bigl(f(D) - c(\tilde x)\bigr)(D - p) + \nabla_l\,c(x) - \nabla_l\,c(\tilde x)

    with :math:`x = l + g`, the draw D at its largest entry, and :math:`\tilde x` drawn afresh given
    that its argmax is D, as a function of l.

    Parameters
    ----------
    loss : Loss
        f; only its value is used, once, at the draw.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (2, ..., K)
        Standard Gumbel noise: the first row gives x and D, the second :math:`\tilde x`.
    control : Loss
        c with its gradient, of perturbed logits (..., K): any function that is differentiable and
        has the means that the formula asks for.

    Returns
    -------
    array (..., K)
        An estimate without bias, whatever the control. It asks for one value of the loss, one of
        the control and two of the control's gradients. Its entries sum to 0 if those of the
        control's gradient do.

    Raises
    ------
    TypeError, ValueError
        As `reinforce`, or if there are not two rows of noise.

    References
    ----------
    Grathwohl, W., Choi, D., Wu, Y., Roeder, G. and Duvenaud, D., ICLR 2018.

    Examples
    --------
    >>> loss = Loss(lambda b: b @ np.array([1.0, 3.0]), lambda b: 0 * b + np.array([1.0, 3.0]))
    >>> nothing = Loss(lambda x: 0 * x.sum(axis=-1), lambda x: 0 * x)
    >>> relax(loss, np.zeros(2), np.array([[0.5, 0.2], [0, 0]]), control=nothing).tolist()
    [0.5, -0.5]
    """
    xp, logits, noise, p = _read(logits, noise, 2, 2)
    perturbed = logits + noise[0, ...]
    drawn = softmax(perturbed, 0.0)
    given = _given(xp, logits, drawn, noise[1, ...])
    slope = control.gradient(given)
    # Of x_i below the top x_k: by l_j, (1 - r_i) [i = j] + r_i p_j with r_i = exp(x_i - x_k).
    ratio = xp.exp(given - xp.max(given, axis=-1, keepdims=True))
    moved = slope * (1 - ratio) + p * _dot(xp, ratio, slope)
    weight = loss.value(drawn) - control.value(given)
    return weight[..., None] * (drawn - p) + control.gradient(perturbed) - moved


def rebar(
    loss: Loss, logits: Array, noise: Array, *, temperature: Any, scale: float = 1.0
) -> Array:
    r"""RELAX whose control variate is the scaled loss of the relaxed sample (REBAR).

    .. math:: c(x) = \eta\, f\bigl(\mathrm{softmax}(x/t)\bigr)

    Parameters
    ----------
    loss : Loss
        f; its value is used at the draw and at a relaxed sample, its gradient at two relaxed
        samples.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (2, ..., K)
        Standard Gumbel noise: the first row gives x and D, the second :math:`\tilde x`.
    temperature : float or array (..., 1)
        t > 0, in the unit of the logits; an array has one for each vector of logits of a batch.
    scale : float
        :math:`\eta`.

    Returns
    -------
    array (..., K)
        An estimate without bias, whatever temperature and scale. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `pathwise`, or if there are not two rows of noise.

    References
    ----------
    Tucker, G., Mnih, A., Maddison, C. J., Lawson, D. and Sohl-Dickstein, J., NeurIPS 2017.

    Examples
    --------
    >>> loss = Loss(lambda b: (b**2).sum(axis=-1), lambda b: 2 * b)
    >>> noise = np.array([[0.5, 0.2], [0.0, 0.0]])
    >>> rebar(loss, np.zeros(2), noise, temperature=1.0).round(4).tolist()
    [0.1978, -0.1978]
    """

    t = _positive(logits, "temperature", temperature)

    def value(perturbed: Array) -> Array:
        return scale * loss.value(softmax(perturbed, t))

    def gradient(perturbed: Array) -> Array:
        soft = softmax(perturbed, t)
        return scale * _through(array_namespace(soft), soft, loss.gradient(soft)) / t

    return relax(loss, logits, noise, control=Loss(value, gradient))


def unordered_set(loss: Loss, logits: Array, noise: Array, *, k: int) -> Array:
    r"""Estimate from k classes drawn without replacement, whose order is averaged out.

    .. math:: &\frac1n \sum_r \sum_{s \in S_r} p_s\,R(s)\,(f_s - \bar f_s)\,(e_s - p), \\
              &\bar f_s = \sum_{u \in S_r} p_u\,R_s(u)\,f_u, \\
              &R(s) = \frac{P_{-s}(S \setminus s)}{P(S)}, \\
              &R_s(u) = \frac{P_{-s-u}(S \setminus s \setminus u)}{P_{-s}(S \setminus s)}

    with :math:`R_s(s) = 1`, P(S) the probability that the k first classes are S in any order, and
    :math:`P_{-s}` the same without class s.

    Parameters
    ----------
    loss : Loss
        f; only its value is used, k times a row.
    logits : array (..., K)
        l, as for `reinforce`.
    noise : array (n, ..., K)
        Standard Gumbel noise, n >= 1 independent rows, each of which draws k classes.
    k : int
        Classes that a row draws, at least 2, and at most as many as have a finite logit in each
        vector of logits. The sum runs over their k! orders.

    Returns
    -------
    array (..., K)
        The estimate of the gradient by the logits. Its entries sum to 0.

    Raises
    ------
    TypeError, ValueError
        As `reinforce`, or for a k out of its range.

    References
    ----------
    Kool, W., van Hoof, H. and Welling, M., ICLR 2020, equation 17.

    Examples
    --------
    >>> loss = Loss(lambda b: b @ np.array([1.0, 3.0]), lambda b: 0 * b + np.array([1.0, 3.0]))
    >>> unordered_set(loss, np.zeros(2), np.array([[0.5, 0.2]]), k=2).tolist()
    [-0.5, 0.5]
    """
    xp, logits, noise, p = _read(logits, noise)
    index = gumbel_top_k(logits, noise, check_count(k, "k", least=2))
    classes = xp.arange(logits.shape[-1], device=device(index))
    members = [xp.astype(index[..., i, None] == classes, p.dtype) for i in range(k)]
    # What is left when likely classes are gone may be too little for probabilities.
    log_p = logits - logsumexp(logits)[..., None]
    log_probs = [xp.sum(xp.where(member == 1, log_p, 0.0), axis=-1) for member in members]
    log_rest = xp.where(sum(members) == 1, xp.asarray(-xp.inf, dtype=p.dtype), log_p)
    outside = functools.reduce(xp.logaddexp, [log_rest[..., i] for i in range(p.shape[-1])])
    values = [loss.value(member) for member in members]

    def chance(*kept: int) -> Array:
        """Log-probability that these come first, in any order, without the other members."""
        if not kept:
            return xp.zeros_like(outside)
        left = functools.reduce(xp.logaddexp, [log_probs[i] for i in kept], outside)
        orders = [log_probs[i] + chance(*(j for j in kept if j != i)) for i in kept]
        return functools.reduce(xp.logaddexp, orders) - left

    estimate = xp.zeros_like(p)
    every = range(k)
    for s in every:
        rest = [i for i in every if i != s]
        inner = chance(*rest)
        baseline = xp.exp(log_probs[s]) * values[s]
        for u in rest:
            others = chance(*(i for i in rest if i != u))
            baseline = baseline + xp.exp(log_probs[u] + others - inner) * values[u]
        share = xp.exp(log_probs[s] + inner - chance(*every))
        weight = share * (values[s] - baseline)
        estimate = estimate + weight[..., None] * (members[s] - p)
    return xp.mean(estimate, axis=0)


def _antithetic(loss: Loss, logits: Array, noise: Array) -> tuple[Any, ...]:
    """Bits of each Bernoulli from the noise and from its negative, and half their losses' gap."""
    logits, noise = as_arrays(logits=logits, noise=noise)
    if logits.ndim < 1:
        raise ValueError("logits: expected shape (..., d), got shape ()")
    if noise.ndim < 2 or noise.shape[0] < 1 or noise.shape[-1] != logits.shape[-1]:
        raise ValueError(
            f"noise: expected shape (rows, ..., {logits.shape[-1]}) with at least 1 row, got "
            f"shape {tuple(noise.shape)}"
        )
    xp = array_namespace(logits, noise)
    for name, array in (("logits", logits), ("noise", noise)):
        if is_known_true(xp.any(xp.isnan(array) | xp.isinf(array))):
            raise ValueError(f"{name}: expected finite numbers, got NaN or an infinity")
    logits, noise = widen(logits), widen(noise)
    first = xp.astype(logits + noise > 0, logits.dtype)
    second = xp.astype(logits - noise > 0, logits.dtype)
    difference = (loss.value(first) - loss.value(second))[..., None]
    return xp, logits, noise, first - second, difference


def _sigmoid(xp: Any, x: Array) -> Array:
    return 0.5 + 0.5 * xp.tanh(x / 2)


def arm(loss: Loss, logits: Array, noise: Array) -> Array:
    r"""Difference of the losses of two opposite draws of Bernoullis, times the noise (ARM).

    .. math:: &\frac1n \sum_r \bigl(f(b_r) - f(\tilde b_r)\bigr)\,
              \bigl(\sigma(g_r) - \tfrac12\bigr), \\
              &b = [l + g > 0], \quad \tilde b = [l - g > 0]

    Parameters
    ----------
    loss : Loss
        f of bits (..., d); only its value is used, twice a row.
    logits : array (..., d)
        Finite log-odds of d independent Bernoullis.
    noise : array (n, ..., d)
        Standard *logistic* noise, n >= 1 rows.

    Returns
    -------
    array (..., d)
        The estimate of the gradient by the log-odds.

    Raises
    ------
    TypeError, ValueError
        If an argument holds no finite real numbers or the shapes do not fit.

    References
    ----------
    Yin, M. and Zhou, M., ICLR 2019.

    Examples
    --------
    >>> loss = Loss(lambda b: b.sum(axis=-1), lambda b: 0 * b + 1)
    >>> arm(loss, np.zeros(1), np.array([[1.0]])).round(4).tolist()
    [0.2311]
    """
    xp, _, noise, _, difference = _antithetic(loss, logits, noise)
    return xp.mean(difference * (_sigmoid(xp, noise) - 0.5), axis=0)


def disarm(loss: Loss, logits: Array, noise: Array) -> Array:
    r"""ARM with its noise averaged out, given the two draws (DisARM).

    .. math:: \frac1n \sum_r \tfrac12\,\bigl(f(b_r) - f(\tilde b_r)\bigr)\,(b_r - \tilde b_r)\,
              \sigma(|l|)

    Parameters
    ----------
    loss : Loss
        f of bits (..., d); only its value is used, twice a row.
    logits : array (..., d)
        Finite log-odds of d independent Bernoullis.
    noise : array (n, ..., d)
        Standard *logistic* noise, n >= 1 rows.

    Returns
    -------
    array (..., d)
        The estimate of the gradient by the log-odds.

    Raises
    ------
    TypeError, ValueError
        As `arm`.

    References
    ----------
    Dong, Z., Mnih, A. and Tucker, G., NeurIPS 2020.

    Examples
    --------
    >>> loss = Loss(lambda b: b.sum(axis=-1), lambda b: 0 * b + 1)
    >>> disarm(loss, np.zeros(1), np.array([[1.0]])).tolist()
    [0.25]
    """
    xp, logits, _, apart, difference = _antithetic(loss, logits, noise)
    return xp.mean(difference / 2 * apart * _sigmoid(xp, xp.abs(logits)), axis=0)


class Moments(NamedTuple):
    """Mean of an estimate, and its variance in two parts.

    Attributes
    ----------
    mean : numpy.ndarray (K,)
        The mean.
    between, within : numpy.ndarray (K,)
        The variance of the mean given the draw, and the mean of the variance given the draw.
    given : numpy.ndarray (draws, K)
        The mean given each draw: each winner, or each order of the perturbed logits.
    """

    mean: Floats
    between: Floats
    within: Floats
    given: Floats

    @property
    def variance(self) -> float:
        """The variance, summed over the entries."""
        return float((self.between + self.within).sum())


def exact_moments(
    estimate: Callable[[Floats], Any],
    logits: ArrayLike,
    *,
    rows: int = 1,
    temperature: float | None = None,
) -> Moments:
    r"""Mean and variance of an estimate, without simulation.

    .. math:: \mathrm{Var}\,G = \underbrace{\mathrm{Var}\,E[G \mid D]}_{\text{between}}
              + \underbrace{E\,\mathrm{Var}[G \mid D]}_{\text{within}}

    Parameters
    ----------
    estimate : callable
        Maps noise (rows, N, K) to N estimates (N, K).
    logits : array_like (K,)
        Finite.
    rows : int
        Rows of noise that one estimate takes.
    temperature : float, optional
        Without it, the estimate must depend on each row only through the order of the perturbed
        logits, and all orders are listed. With it, the estimate may depend on the differences of
        the perturbed logits, and the integral over them resolves this temperature. K is then 2 or
        3, and `rows` 1 or 2: a second row must be drawn given the winner of the first, and add a
        term of its own, as in `rebar`.

    Returns
    -------
    Moments
        To a relative error of 1e-5 where the loss is analytic on the simplex and the temperature
        at least 0.1, and exactly where orders are listed.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.

    Notes
    -----
    Given the winner k, the gaps :math:`z_j = x_k - x_j` have the density
    :math:`(K-1)! \prod_j w_j / (\sum_j w_j)^K` with :math:`w_j = e^{l_j + z_j}`, times
    :math:`1/p_k`. The trapezoid rule runs over :math:`y_j = \log(e^{z_j} - 1)`.

    Examples
    --------
    >>> loss = Loss(lambda b: b @ np.array([1.0, 3.0]), lambda b: 0 * b + np.array([1.0, 3.0]))
    >>> found = exact_moments(lambda noise: reinforce(loss, np.zeros(2), noise), np.zeros(2))
    >>> found.mean.round(6).tolist(), round(found.variance, 6)
    ([-0.5, 0.5], 2.0)
    """
    values = as_logits(logits)
    if values.ndim != 1 or not np.all(np.isfinite(values)):
        raise ValueError(f"logits: expected finite numbers (K,), got {values}")
    rows = check_count(rows, "rows")
    if temperature is None:
        noise, masses = _orders(values, rows)
        found = np.asarray(estimate(noise)).reshape(len(masses), 1, -1)
        return _moments(masses[:, None], found)
    t = check_positive(temperature, "temperature")
    if values.size not in (2, 3):
        raise ValueError(f"logits: expected shape (2,) or (3,), got {values.shape}")
    if rows > 2:
        raise ValueError(f"rows: expected 1 or 2 with a temperature, got {rows}")
    first, second, masses = _gaps(values, t)

    def run(*noise: Floats) -> Floats:
        parts = np.broadcast_arrays(*noise)
        flat = np.stack([part.reshape(-1, values.size) for part in parts])
        return np.asarray(estimate(flat), dtype=np.float64).reshape(parts[0].shape)

    if rows == 1:
        return _moments(masses, run(first))
    # Given the winner the two rows add their terms: move one at a time.
    at, then = first[:, :1], second[:, :1]
    return _moments(masses, run(first, then), run(at, second) - run(at, then))


def _moments(masses: Floats, *parts: Floats) -> Moments:
    """Of a sum of parts (D, N, K) that are independent given the draw d."""
    total = masses.sum(axis=1)
    even = np.full_like(masses, 1 / masses.shape[1])  # for a draw whose chance underflows
    shares = np.divide(masses, total[:, None], out=even, where=total[:, None] > 0)
    means = [np.einsum("dn,dnk->dk", shares, part) for part in parts]
    within = sum(
        np.einsum("dn,dnk->k", masses, (part - mean[:, None]) ** 2)
        for part, mean in zip(parts, means, strict=True)
    )
    given = np.sum(means, axis=0)
    mean = total @ given
    return Moments(mean, total @ (given - mean) ** 2, np.asarray(within), given)


def _orders(logits: Floats, rows: int) -> tuple[Floats, Floats]:
    """Noise (rows, N, K) for every order of the perturbed logits in every row, and its chance."""
    orders = order_probabilities(logits, logits.size)
    ranks = np.argsort(list(orders), axis=1)  # of each class in each order
    noise = -ranks - logits
    each = list(itertools.product(range(len(noise)), repeat=rows))
    chances = np.array(list(orders.values()))[each].prod(axis=1)
    return np.moveaxis(noise[each], 1, 0), chances


def _gaps(logits: Floats, t: float) -> tuple[Floats, Floats, Floats]:
    """Noise (K, N, K) of a first and of a second row for each winner k, and masses (K, N)."""
    num_classes = logits.size
    line = np.arange(math.log(min(t, 1.0)) - _DEEP, _FAR + float(np.ptp(logits)), _STEP)
    grid = np.meshgrid(*[line] * (num_classes - 1), indexing="ij")
    y = np.stack([axis.ravel() for axis in grid], axis=-1)
    gaps, speed = np.logaddexp(0, y), special.expit(y).prod(axis=-1)
    first, second, masses = [], [], []
    for k in range(num_classes):
        z = np.insert(gaps, k, 0.0, axis=-1)
        log_w = logits + z
        total = logsumexp(log_w)
        mass = np.exp(log_w.sum(axis=-1) - num_classes * total) * speed
        masses.append(math.factorial(num_classes - 1) * _STEP ** (num_classes - 1) * mass)
        first.append(-z - logits)
        # In the second row the noise of k is 0, so that the top lies at the log-sum-exp.
        second.append(np.insert(logsumexp(logits) - np.delete(logits, k) - y, k, 0.0, axis=-1))
    return np.stack(first), np.stack(second), np.stack(masses)
