"""The Concrete law of the relaxed sample: density, moments, KL, gradients and objectives."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from ._checks import (
    Floats,
    as_floats,
    as_logits,
    check_broadcast,
    check_number,
    check_positive,
    check_temperature,
)
from ._quadrature import relaxed_moments

# For the integrals over a gap of two logits, whose law decays like e^-|x|.
_LINE, _LINE_STEP = np.linspace(-60, 60, 12_001, retstep=True)


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


def relaxed_mean(logits: ArrayLike, temperature: float) -> Floats:
    r"""Mean of the relaxed sample, E b, by quadrature rather than simulation.

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
        The mean, to 1e-8; it sums to 1. It is softmax(logits) as the temperature goes to 0, or
        where all finite logits are equal; in general it is not.

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
    return relaxed_moments(as_logits(logits), check_temperature(temperature))[0]


def relaxed_variance(logits: ArrayLike, temperature: float) -> Floats:
    r"""Variance of each entry of the relaxed sample, by quadrature.

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
    mean, square = relaxed_moments(as_logits(logits), check_temperature(temperature))
    return np.maximum(square - mean**2, 0.0)


def simplex_masses(logits: ArrayLike, temperature: float) -> Iterator[tuple[Floats, Floats]]:
    r"""Points of the simplex and their masses under the Concrete law, for means over it.

    .. math:: E\,f(b) = \sum_k \int_{b_k\ \text{largest}} f\,p\,db \approx
              \sum_k \sum_n m_{kn}\,f(b_{kn})

    Parameters
    ----------
    logits : array_like (K,)
        Finite, K = 2 or 3, at most 100 nats apart. Each part has 160^(K-1) points, and more
        where they are over 10 nats apart.
    temperature : float
        Positive, and at least (K - 1) r / 700 with the r of the notes, so that no product of
        entries underflows.

    Yields
    ------
    points : numpy.ndarray (N, K)
        Points where entry k is the largest, for k = 0, ..., K - 1 in turn.
    masses : numpy.ndarray (N,)
        Their masses; those of part k sum to softmax(logits) at k, to 1e-10.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, at the call rather than at the first part.

    Notes
    -----
    Gauss-Legendre nodes, in the coordinates :math:`z_j = t \log(b_k / b_j)` from 0 to r, whose
    Jacobian is :math:`\prod_i b_i / t^{K-1}`; r is 40, or the spread of the logits plus 30.

    Examples
    --------
    >>> [round(float(mass.sum()), 6) for _, mass in simplex_masses(np.log([0.7, 0.3]), 0.5)]
    [0.7, 0.3]
    """
    values, t = as_logits(logits), check_positive(temperature, "temperature")
    if values.shape not in ((2,), (3,)):
        raise ValueError(f"logits: expected shape (2,) or (3,), got {values.shape}")
    if not np.all(np.isfinite(values)):
        raise ValueError("logits: expected finite numbers, got -inf")
    spread = float(np.ptp(values))
    if spread > 100:
        raise ValueError(f"logits: expected numbers at most 100 apart, got {spread:g}")
    rivals, reach = values.size - 1, max(40.0, spread + 30)
    if rivals * reach > 700 * t:
        least = rivals * reach / 700
        raise ValueError(f"temperature: expected at least {least:.3g} for these logits, got {t}")
    node, weight = np.polynomial.legendre.leggauss(math.ceil(4 * reach))
    below = _points([reach / 2 * (node + 1)] * rivals) / t
    weights = _points([reach / 2 * weight / t] * rivals).prod(axis=-1)

    def parts() -> Iterator[tuple[Floats, Floats]]:
        for k in range(values.size):
            sample = special.softmax(np.insert(-below, k, 0.0, axis=-1), axis=-1)
            density = np.exp(concrete_logpdf(sample, values, t))
            yield sample, weights * sample.prod(axis=-1) * density

    return parts()


def _points(axes: list[Floats]) -> Floats:
    """All points of a product grid, shape (N, len(axes))."""
    return np.stack([grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")], axis=-1)


def concrete_kl(logits: ArrayLike, prior_logits: ArrayLike) -> float:
    r"""KL divergence of two Concrete laws of one temperature, whatever that temperature is.

    .. math:: \mathrm{KL} = \sum_k d_k + K\,\Bigl(E \log \sum_k E_k e^{-d_k} - \psi(K)\Bigr),
              \qquad d = l - l', \quad E_k \sim \mathrm{Exponential}(1)

    Parameters
    ----------
    logits, prior_logits : array_like (K,)
        l of the first law and l' of the second, finite; the entries of l - l' are at most 10,000
        nats apart.

    Returns
    -------
    float
        The divergence in nats, to 1e-7.

    Raises
    ------
    TypeError, ValueError
        If the logits are not finite, of two shapes or too far apart.

    Notes
    -----
    :math:`E \log S = \int_0^\infty (e^{-s} - E e^{-sS})\,ds/s` is taken over log s.

    Examples
    --------
    >>> round(concrete_kl(np.log([0.6, 0.3, 0.1]), np.zeros(3)), 4)
    0.6112
    """
    values, prior = as_logits(logits), as_floats(prior_logits, "prior_logits")
    if values.ndim != 1 or not np.all(np.isfinite(values)):
        raise ValueError(f"logits: expected finite numbers (K,), got {values}")
    if prior.shape != values.shape or not np.all(np.isfinite(prior)):
        raise ValueError(f"prior_logits: expected finite numbers {values.shape}, got {prior}")
    difference = values - prior
    spread = float(np.ptp(difference))
    if not spread <= 10_000:
        raise ValueError(
            f"logits: expected differences from prior_logits at most 10,000 apart, got {spread:g}"
        )
    difference = difference - difference.mean()
    points = math.ceil((spread + 120) / _LINE_STEP) + 1
    log_s, step = np.linspace(difference.min() - 60, difference.max() + 60, points, retstep=True)
    transform = np.ones_like(log_s)
    for d in difference:
        transform *= special.expit(d - log_s)
    exponential = np.exp(-np.exp(np.minimum(log_s, 700)))
    mean_log = float((exponential - transform).sum() * step)
    return float(difference.size * (mean_log - special.digamma(difference.size)))


def _logistic_pdf(x: Floats) -> Floats:
    density: Floats = special.expit(x) * special.expit(-x)
    return density


def two_class_gradients(
    logit: float, temperature: float, target: float = 0.45
) -> dict[str, tuple[float, float]]:
    r"""Mean and standard deviation of gradient estimates of a squared loss, by quadrature.

    .. math:: \frac{d}{dl}\,E\,(z - \text{target})^2, \qquad P(z = 1) = \sigma(l)

    Parameters
    ----------
    logit : float
        l of class 0, from -20 to 20; that of class 1 is 0. z is 1 where class 0 wins and 0
        elsewhere.
    temperature : float
        Positive.
    target : float
        Where the loss is 0.

    Returns
    -------
    dict of str to (float, float)
        "exact", the true gradient with spread 0; "relaxed", through the relaxed sample;
        "straight-through", with its slope at the argmax; "multinomial", straight-through on a draw.
        Means and deviations are right to 1e-5 of the deviation.

    Raises
    ------
    TypeError, ValueError
        If an argument is no number, the logit out of its range or the temperature not positive
        and finite.

    Examples
    --------
    >>> estimates = two_class_gradients(0.0, 1.0)
    >>> round(estimates["exact"][0], 6), round(estimates["multinomial"][0], 6)
    (0.025, 0.025)
    """
    logit, target = check_number(logit, "logit"), check_number(target, "target")
    temperature = check_positive(temperature, "temperature")
    if not abs(logit) <= 20:
        raise ValueError(f"logit: expected a number from -20 to 20, got {logit}")
    p = float(special.expit(logit))
    slope_0, slope_1 = -2 * target, 2 * (1 - target)
    # The gap l + L in units of min(t, 1), so that neither the softmax nor the law is coarse.
    unit = min(temperature, 1.0)
    gap = _LINE * unit
    law = _logistic_pdf(gap - logit) * _LINE_STEP * unit
    b = special.expit(gap / temperature)
    path = b * special.expit(-gap / temperature) / temperature
    # At the tie, grid point 0, the two one-sided slopes are averaged.
    hard = np.heaviside(gap, 0.5)

    def spread(mean: float, square: float) -> tuple[float, float]:
        return mean, float(np.sqrt(max(square - mean**2, 0.0)))

    soft_gradient = path * (slope_0 + 2 * b)
    hard_gradient = path * (slope_0 + 2 * hard)
    squares = path**2 * (slope_0**2 * (1 - hard) + slope_1**2 * hard)
    jacobian = p * (1 - p)
    return {
        "exact": (jacobian * ((1 - target) ** 2 - target**2), 0.0),
        "multinomial": spread(
            jacobian * ((1 - p) * slope_0 + p * slope_1),
            jacobian**2 * ((1 - p) * slope_0**2 + p * slope_1**2),
        ),
        "relaxed": spread(float(law @ soft_gradient), float(law @ soft_gradient**2)),
        "straight-through": spread(float(law @ hard_gradient), float(law @ squares)),
    }


def relaxed_objectives(
    probs: ArrayLike, likelihoods: tuple[float, float], temperature: float
) -> dict[str, Floats]:
    r"""Two objectives of a tiny autoencoder, and the categorical model's bound, by quadrature.

    .. math:: E \log(b \cdot \text{likelihoods}) - \mathrm{KL}(q \,\|\, \text{uniform})

    Parameters
    ----------
    probs : array_like (N,)
        Probabilities of class 0 of two, inside (0, 1).
    likelihoods : (float, float)
        What the decoder gives an observation from each class.
    temperature : float
        Positive.

    Returns
    -------
    dict of str to numpy.ndarray (N,)
        "concrete", with the KL of the Concrete laws; "mixed", with that of the categorical laws;
        "discrete", the categorical model's own bound.

    Raises
    ------
    TypeError, ValueError
        If a probability is not inside (0, 1), or a likelihood or the temperature not positive.

    Examples
    --------
    >>> values = relaxed_objectives(np.array([0.8]), (0.9, 0.1), 0.5)
    >>> {name: round(float(value[0]), 3) for name, value in values.items()}
    {'concrete': -0.766, 'mixed': -0.648, 'discrete': -0.738}
    """
    p = as_floats(probs, "probs").astype(np.float64)
    if p.ndim != 1 or not np.all((p > 0) & (p < 1)):
        raise ValueError(f"probs: expected a vector of numbers inside (0, 1), got {probs!r}")
    pair = as_floats(likelihoods, "likelihoods")
    if pair.shape != (2,):
        raise ValueError(f"likelihoods: expected two numbers, got {likelihoods!r}")
    high, low = (check_positive(value, "likelihoods") for value in pair)
    t = check_positive(temperature, "temperature")
    logits = special.logit(p)
    b = special.expit((_LINE + logits[:, None]) / t)
    fit = np.log(low + (high - low) * b) @ _logistic_pdf(_LINE) * _LINE_STEP
    categorical = np.log(2) - special.entr(p) - special.entr(1 - p)
    concrete = np.array([concrete_kl([logit, 0.0], [0.0, 0.0]) for logit in logits])
    discrete = p * np.log(high) + (1 - p) * np.log(low)
    return {
        "concrete": fit - concrete,
        "mixed": fit - categorical,
        "discrete": discrete - categorical,
    }
