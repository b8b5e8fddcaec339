"""Several classes at once: the k largest perturbed logits."""

from __future__ import annotations

import math

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import ArrayLike, NDArray
from scipy import special

from .._checks import (
    Array,
    Floats,
    Rng,
    as_arrays,
    as_floats,
    as_generator,
    as_logits,
    as_reals,
    check_count,
    check_logits,
    is_known_true,
    perturb,
)
from ..noise import standard_gumbel
from ._rows import as_rows, as_shape, check_row_max, room_for

_CHUNK_SIZE = 1 << 20  # perturbed logits held at once

# In log t the integrands of `inclusion_probabilities` are analytic where the imaginary part is
# below pi/2. There they fall off as a Normal density does when k is large, with a standard
# deviation of 1/sqrt(k). With steps of half of it, or of 0.2, the trapezoid rule errs by rounding
# alone: measured, the sum of 2000 probabilities is off by 5e-13 for k = 50.
_STEP = 0.2
_REACH = 40.0  # e^-40 = 4e-18 is what an integrand that falls like t leaves below
_GAP = 60.0  # beyond which a class is as good as certain to be ahead, to 1e-26
_AT_ONCE = 1 << 22  # numbers in a slice of the quadrature: 32 MB


def gumbel_top_k(logits: Array, noise: Array, k: int, *, axis: int = -1) -> Array:
    r"""Indices of the k largest perturbed logits: k classes drawn without replacement.

    .. math:: P(s_1, \dots, s_k) = \prod_{i=1}^{k}
              \frac{e^{l_{s_i}}}{\sum_{j \notin \{s_1, \dots, s_{i-1}\}} e^{l_j}}

    when the noise is independent standard Gumbel: each next class is drawn from the softmax of
    those that are left.

    Parameters
    ----------
    logits : array or list (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that is never drawn.
    noise : array or list, broadcasts with `logits`
        Standard Gumbel noise; leading axes give further draws.
    k : int
        How many classes, at most the number of finite logits in any row.
    axis : int
        The axis of the classes, counted on `logits`.

    Returns
    -------
    array of int
        The indices, k of them along `axis`, the largest perturbed logit first.

    Raises
    ------
    TypeError, ValueError
        As `gumbel_lib.gumbel_max`, and if `k` is not between 1 and the number of finite logits. As
        JAX traces, when no value can be looked at, `k` is compared with the number of classes.

    References
    ----------
    Plackett, R. L., *The Analysis of Permutations*, Applied Statistics 24, 1975 (the law);
    Yellott, J. I., J. Math. Psych. 15, 1977 (that Gumbel noise gives it).

    Examples
    --------
    >>> noise = standard_gumbel((4, 3), rng=0)
    >>> gumbel_top_k(np.log([0.7, 0.2, 0.1]), noise, 2).tolist()
    [[2, 0], [0, 1], [0, 1], [2, 0]]
    """
    logits, noise = as_arrays(logits=logits, noise=noise)
    axis = check_logits(logits, axis)
    perturbed = perturb(logits, noise, axis)
    xp = array_namespace(perturbed)
    k = check_count(k, "k")
    if k > logits.shape[axis]:
        raise ValueError(
            f"k: expected at most {logits.shape[axis]}, the number of classes, got {k}"
        )
    if is_known_true(xp.any(xp.sum(xp.astype(logits > -math.inf, xp.int32), axis=axis) < k)):
        raise ValueError(f"k: expected at most the number of finite logits in a row, got {k}")
    order = xp.argsort(perturbed, axis=axis, descending=True)
    return xp.take(order, xp.arange(k, device=device(order)), axis=axis)


def sample_without_replacement(
    logits: ArrayLike,
    k: int,
    *,
    size: int | tuple[int, ...] | None = None,
    rng: Rng,
    axis: int = -1,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    r"""Ordered draws without replacement, with their log-probabilities.

    .. math:: \log p = -\sum_{i=1}^{k} \log\bigl(1 + e^{R_i - l_{s_i}}\bigr), \qquad
              R_i = \log \sum_{j \notin \{s_1, \dots, s_i\}} e^{l_j}

    Parameters
    ----------
    logits : array_like (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that is never drawn.
    k : int
        How many classes, at most the number of finite logits in any row.
    size : int or tuple of int, optional
        Shape of the draws, to which the batch shape (that of `logits` without `axis`) must
        broadcast, as in `sample_categorical`. One draw of each row by default.
    rng : int or numpy.random.Generator
        Seed or generator; a generator is advanced.
    axis : int
        The axis of the classes.

    Returns
    -------
    indices : numpy.ndarray of int64 (..., k)
        Indices along `axis` in the order drawn, along the last axis.
    log_probs : numpy.ndarray of float64 (...)
        Log-probability of each ordered draw, in nats.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, a logit is NaN or +inf, a row is all ``-inf``, K is
        0, `size` does not fit, or `k` is not between 1 and the number of finite logits.

    Notes
    -----
    The largest logit is subtracted first, so a constant added to a row changes nothing as long as
    the sum is exact. The rest :math:`R_i` is summed from the end, so nothing is subtracted and no
    digit is lost where one class holds nearly all the probability. Noise is held for about a
    million classes at once, or for one row. A `GumbelReservoir` draws the same law from one long
    row with far fewer variates.

    References
    ----------
    Plackett, R. L., *The Analysis of Permutations*, Applied Statistics 24, 1975 (the law);
    Yellott, J. I., J. Math. Psych. 15, 1977 (that Gumbel noise gives it);
    Kool, W., van Hoof, H., Welling, M., *Stochastic Beams and Where to Find Them*, ICML 2019.

    Examples
    --------
    >>> indices, log_probs = sample_without_replacement(np.log([0.7, 0.2, 0.1]), 3, rng=0)
    >>> indices.tolist(), round(float(np.exp(log_probs)), 3)
    ([2, 0, 1], 0.078)
    >>> sample_without_replacement(np.zeros((9, 4)), 2, size=(5, 4), axis=0, rng=0)[0].shape
    (5, 4, 2)
    """
    values = as_rows(logits, axis)
    k = check_count(k, "k")
    batch, num_classes = values.shape[:-1], values.shape[-1]
    if k > num_classes:
        raise ValueError(f"k: expected at most {num_classes}, the number of classes, got {k}")
    shape = as_shape(size, batch)
    generator = as_generator(rng)
    num_draws, places = math.prod(shape), shape or (1,)
    indices = room_for((num_draws, k), size)
    log_probs = np.empty(num_draws)
    spread = np.broadcast_to(values, (*places, num_classes))
    rows_at_once = max(1, _CHUNK_SIZE // num_classes)
    for start in range(0, num_draws, rows_at_once):
        stop = min(start + rows_at_once, num_draws)
        rows = spread[np.unravel_index(np.arange(start, stop), places)]
        with np.errstate(over="ignore"):  # longdouble past float64 is refused as infinite
            rows = rows.astype(np.float64, copy=False)
            row_max = rows.max(axis=1)
            check_row_max(row_max)
        possible = rows > -math.inf
        if (possible.sum(axis=1) < k).any():
            raise ValueError(f"k: expected at most the number of finite logits in a row, got {k}")
        with np.errstate(over="ignore"):  # a difference that overflows is still no mask
            np.maximum(rows - row_max[:, None], np.finfo(np.float64).min, out=rows, where=possible)
        picked = _largest(rows + standard_gumbel(rows.shape, rng=generator), k)
        indices[start:stop], log_probs[start:stop] = picked, _log_probs(rows, picked)
    return indices.reshape(*shape, k), log_probs.reshape(shape)


def _largest(perturbed: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Indices of the k largest of each row, the largest first."""
    last = perturbed.shape[1] - k
    largest = np.argpartition(perturbed, last, axis=1)[:, last:]
    order = np.argsort(-np.take_along_axis(perturbed, largest, axis=1), axis=1)
    return np.take_along_axis(largest, order, axis=1)


def _log_probs(rows: NDArray[np.float64], picked: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log-probability of each ordered draw; the rows are spent."""
    logit = np.take_along_axis(rows, picked, axis=1)
    np.put_along_axis(rows, picked, -np.inf, axis=1)
    rest = np.logaddexp.reduce(rows, axis=1)
    total = np.zeros(len(rows))
    for chosen in logit.T[::-1]:
        with np.errstate(over="ignore"):
            total -= np.logaddexp(0, rest - chosen)
        rest = np.logaddexp(rest, chosen)
    return total


def order_probabilities(logits: ArrayLike, k: int) -> dict[tuple[int, ...], float]:
    r"""Each ordered draw of k classes with its probability, one softmax after another.

    .. math:: P(s_1, \dots, s_k) = \prod_{i=1}^{k}
              \frac{e^{l_{s_i}}}{\sum_{j \notin \{s_1, \dots, s_{i-1}\}} e^{l_j}}

    Parameters
    ----------
    logits : array_like (K,)
        Finite; all K! / (K - k)! orders are listed.
    k : int
        How many classes, at most K.

    Returns
    -------
    dict of tuple of int to float
        The orders, as `itertools.permutations` lists them.

    Raises
    ------
    TypeError, ValueError
        If the logits are not finite and of one axis, or `k` is not between 1 and K.

    Examples
    --------
    >>> orders = order_probabilities(np.log([0.5, 0.3, 0.2]), 2)
    >>> round(orders[0, 1], 3), round(sum(orders.values()), 12)
    (0.3, 1.0)
    """
    values = as_logits(logits)
    if values.ndim != 1 or not np.all(np.isfinite(values)):
        raise ValueError(f"logits: expected finite numbers (K,), got {values}")
    if check_count(k, "k") > values.size:
        raise ValueError(f"k: expected at most {values.size}, the number of classes, got {k}")
    orders: dict[tuple[int, ...], float] = {(): 1.0}
    for _ in range(k):
        longer = {}
        for order, prob in orders.items():
            left = values.copy()
            left[list(order)] = -np.inf
            for index, share in enumerate(special.softmax(left).tolist()):
                if index not in order:
                    longer[*order, index] = prob * share
        orders = longer
    return orders


def inclusion_probabilities(logits: ArrayLike, k: int) -> Floats:
    r"""P(class i is one of k drawn without replacement), by an integral for each class.

    .. math:: \pi_i = \int_0^\infty p_i\,e^{-p_i t}\,P(N_i(t) < k)\,dt, \qquad
              p_i = \frac{e^{l_i}}{\sum_j e^{l_j}}

    where :math:`N_i(t)` is how many of the others have arrived by the time t, in a race of
    exponential times with rates p.

    Parameters
    ----------
    logits : array_like (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that is never drawn.
    k : int
        How many classes, at most the number of finite logits in any row.

    Returns
    -------
    numpy.ndarray (..., K)
        Probabilities to 1e-12, of sum k.

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses, or if `k` is not between 1 and the number of finite
        logits in each row.

    Notes
    -----
    A class is drawn when fewer than k others come before it. The others that come before a class
    are counted in two parts, those that stand before it in the row and those that stand behind, so
    nothing is subtracted. Time is that of 2 K k numbers at each node. There are some 250 nodes a
    row, more where the k + 1 largest logits lie far apart, and for k above 6 as many times more as
    :math:`\sqrt{k}` is above 2.5. So K = 2000 and k = 1000 take minutes.

    Examples
    --------
    >>> inclusion_probabilities(np.log([0.5, 0.3, 0.2]), 2).round(4).tolist()
    [0.8393, 0.675, 0.4857]
    """
    values = as_logits(logits)
    k = check_count(k, "k")
    finite = np.isfinite(values)
    if values.size and finite.sum(axis=-1).min() < k:
        raise ValueError(f"k: expected at most the number of finite logits in a row, got {k}")
    result = np.zeros(values.shape)
    for place in np.ndindex(values.shape[:-1]):
        result[place][finite[place]] = _included(values[place][finite[place]], k)
    return result


def _included(logits: Floats, k: int) -> Floats:
    """Inclusion probabilities of one row of finite logits."""
    if k == logits.size:
        return np.ones(k)
    order = np.argsort(-logits)
    with np.errstate(over="ignore"):
        gaps = np.minimum(-np.diff(logits[order]), _GAP)
    behind = np.concatenate([[0.0], np.cumsum(gaps)])  # from the largest, the largest first
    step = min(_STEP, 0.5 / math.sqrt(k))
    # 4 nats after the k + 1st class is due, the k others have come: e^4 is 55.
    nodes = step * np.arange(-_REACH // step, (behind[k] + 4) // step + 1)
    total = np.zeros(logits.size)
    at_once = max(1, _AT_ONCE // (logits.size * k))
    for first in range(0, nodes.size, at_once):
        due = np.exp(nodes[first : first + at_once] - behind[:, None])
        total += step * (due * np.exp(-due) * _fewer(-np.expm1(-due), k)).sum(axis=1)
    result = np.empty(logits.size)
    result[order] = total
    return result


def _fewer(arrived: Floats, k: int) -> Floats:
    """P(fewer than k of the others have arrived) for each class, from P(arrived) (K, nodes)."""
    num_classes, size = arrived.shape
    counts = np.zeros((num_classes + 1, k, size))  # P(m of the classes up to here)
    counts[0, 0] = 1
    for j, p in enumerate(arrived):
        counts[j + 1] = (1 - p) * counts[j]
        counts[j + 1, 1:] += p * counts[j, :-1]
    result = np.empty_like(arrived)
    behind = np.ones((k, size))  # P(at most m of the classes behind), since there are none
    for j in range(num_classes - 1, -1, -1):
        result[j] = (counts[j] * behind[::-1]).sum(axis=0)
        moved = (1 - arrived[j]) * behind
        moved[1:] += arrived[j] * behind[:-1]
        behind = moved
    return result


def threshold_weights(logits: ArrayLike, threshold: ArrayLike) -> Floats:
    r"""Horvitz-Thompson weights of classes whose perturbed logits lie above a threshold.

    .. math:: w_i = \frac{e^{l_i}}{P(l_i + g > \kappa)}
              = \frac{e^{l_i}}{1 - \exp(-e^{l_i - \kappa})}

    If :math:`\kappa` is the k + 1st largest perturbed logit and l are log-probabilities, the sum of
    :math:`w_i f_i` over the k drawn has the mean :math:`\sum_i p_i f_i`.

    Parameters
    ----------
    logits : array_like (..., k)
        l of the classes drawn, log-probabilities in nats.
    threshold : array_like (...)
        :math:`\kappa`, in nats; ``-inf`` if all classes were drawn.

    Returns
    -------
    numpy.ndarray (..., k)
        The weights; each is at least its probability and at least :math:`e^\kappa`.

    Raises
    ------
    TypeError, ValueError
        If a logit is not finite, a threshold is NaN or +inf, or the shapes do not fit.

    References
    ----------
    Duffield, N., Lund, C. and Thorup, M., arXiv cs/0509026, 2005 (another noise);
    Kool, W., van Hoof, H. and Welling, M., *Stochastic Beams and Where to Find Them*, ICML 2019.

    Examples
    --------
    >>> threshold_weights(np.log([0.5, 0.2]), np.log(0.3)).round(3).tolist()
    [0.616, 0.411]
    """
    values = as_floats(logits, "logits").astype(np.float64)
    kappa = as_reals(threshold, "threshold")
    if not np.isfinite(values).all():
        raise ValueError("logits: expected finite numbers, got NaN or an infinity")
    if np.any(np.isnan(kappa) | (kappa == np.inf)):
        raise ValueError("threshold: expected numbers or -inf, got NaN or +inf")
    if kappa.shape != values.shape[:-1]:
        raise ValueError(f"threshold: expected shape {values.shape[:-1]}, got {kappa.shape}")
    kappa = kappa[..., None]
    with np.errstate(over="ignore"):
        due = np.exp(values - kappa)
    likely = due > 1e-300
    shares = np.divide(np.exp(values), -np.expm1(-due), out=np.zeros_like(values), where=likely)
    weights: Floats = np.where(likely, shares, np.exp(kappa))
    return weights
