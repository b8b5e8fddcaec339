"""Several classes at once: the k largest perturbed logits."""

from __future__ import annotations

import math

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import ArrayLike, NDArray

from .._checks import Array, Rng, as_generator, as_logits, check_count, check_logits, is_true
from ..noise import standard_gumbel
from ..trick import perturb

_IN_FLIGHT = 1 << 20  # perturbed logits held at once


def top_k(logits: Array, noise: Array, k: int, *, axis: int = -1) -> Array:
    r"""Indices of the k largest perturbed logits: k classes drawn without replacement.

    .. math:: P(s_1, \dots, s_k) = \prod_{i=1}^{k}
              \frac{e^{l_{s_i}}}{\sum_{j \notin \{s_1, \dots, s_{i-1}\}} e^{l_j}}

    when the noise is independent standard Gumbel: each next class is drawn from the softmax of
    those that are left.

    Parameters
    ----------
    logits : array (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that is never drawn.
    noise : array, broadcasts with `logits`
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
        As `gumbel_lib.gumbel_max`, and if `k` is not between 1 and the number of finite logits.

    References
    ----------
    W. Kool, H. van Hoof, M. Welling, *Stochastic Beams and Where to Find Them*, ICML 2019.

    Examples
    --------
    >>> noise = standard_gumbel((4, 3), rng=0)
    >>> top_k(np.log([0.7, 0.2, 0.1]), noise, 2).tolist()
    [[2, 0], [0, 1], [0, 1], [2, 0]]
    """
    axis = check_logits(logits, axis)
    perturbed = perturb(logits, noise, axis)
    xp = array_namespace(perturbed)
    k = check_count(k, "k")
    finite = xp.astype(logits > -math.inf, xp.int64)
    if is_true(xp.any(xp.sum(finite, axis=axis) < k)):
        raise ValueError(f"k: expected at most the number of finite logits in a row, got {k}")
    order = xp.argsort(perturbed, axis=axis, descending=True)
    return xp.take(order, xp.arange(k), axis=axis)


def sample_without_replacement(
    logits: ArrayLike, k: int, *, rng: Rng
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
    rng : int or numpy.random.Generator
        Seed or generator; a generator is advanced.

    Returns
    -------
    indices : numpy.ndarray of int64 (..., k)
        Classes in the order drawn.
    log_probs : numpy.ndarray of float64 (...)
        Log-probability of each ordered draw, in nats.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, a logit is NaN or +inf, or `k` is not between 1 and
        the number of finite logits.

    Notes
    -----
    The rest :math:`R_i` is summed from the end, so nothing is subtracted and no digit is lost
    where one class holds nearly all the probability. A `GumbelReservoir` draws the same law from
    one long row with far fewer variates.

    References
    ----------
    W. Kool, H. van Hoof, M. Welling, *Stochastic Beams and Where to Find Them*, ICML 2019.

    Examples
    --------
    >>> indices, log_probs = sample_without_replacement(np.log([0.7, 0.2, 0.1]), 3, rng=0)
    >>> indices.tolist(), round(float(np.exp(log_probs)), 3)
    ([2, 0, 1], 0.078)
    """
    values = as_logits(logits)
    k = check_count(k, "k")
    if (np.isfinite(values).sum(axis=-1) < k).any():
        raise ValueError(f"k: expected at most the number of finite logits in a row, got {k}")
    generator = as_generator(rng)
    batch, num_classes = values.shape[:-1], values.shape[-1]
    rows = values.reshape(-1, num_classes)
    indices = np.empty((len(rows), k), np.int64)
    log_probs = np.empty(len(rows))
    in_flight = max(1, _IN_FLIGHT // num_classes)
    for start in range(0, len(rows), in_flight):
        some = rows[start : start + in_flight].copy()
        perturbed = some + standard_gumbel(some.shape, rng=generator)
        largest = np.argpartition(perturbed, num_classes - k, axis=1)[:, num_classes - k :]
        order = np.argsort(-np.take_along_axis(perturbed, largest, axis=1), axis=1)
        picked = np.take_along_axis(largest, order, axis=1)
        logit = np.take_along_axis(some, picked, axis=1)
        np.put_along_axis(some, picked, -np.inf, axis=1)
        rest = np.logaddexp.reduce(some, axis=1)
        total = np.zeros(len(some))
        for i in reversed(range(k)):
            with np.errstate(over="ignore"):  # a difference may be -inf, which is right
                total -= np.logaddexp(0, rest - logit[:, i])
            rest = np.logaddexp(rest, logit[:, i])
        indices[start : start + in_flight] = picked
        log_probs[start : start + in_flight] = total
    return indices.reshape(*batch, k), log_probs.reshape(batch)
