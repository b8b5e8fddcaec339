"""Steps of a language model's sampler: masks and shifts of logits, drafts, marks, noise cut off."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ._checks import (
    Array,
    Floats,
    as_arrays,
    as_floats,
    as_integers,
    as_logits,
    as_reals,
    check_broadcast,
    check_count,
    check_logits,
    check_number,
    check_positive,
    is_known_true,
    perturb,
    widen,
)
from .noise import keyed_gumbel


def mask_top_k(logits: Array, k: int) -> Array:
    r"""The logits with all but the k largest masked.

    .. math:: l_i \mapsto \begin{cases} l_i & \operatorname{rank}(i) < k \\
                                        -\infty & \text{otherwise} \end{cases}

    Parameters
    ----------
    logits : array (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` allowed.
    k : int
        How many to keep, at least 1. More than K keeps all.

    Returns
    -------
    array (..., K)
        The logits kept, and ``-inf`` for the others, from the arrays' own library and in their
        type.

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses; if `k` is no positive integer.

    Notes
    -----
    Ranks count from 0 at the largest logit. Of equal logits the one with the lower index has the
    lower rank, so a tie does not let more than k through.

    References
    ----------
    Fan, A., Lewis, M. and Dauphin, Y., *Hierarchical neural story generation*, ACL 2018.

    Examples
    --------
    >>> mask_top_k(np.array([1.0, 3.0, 2.0]), 2).tolist()
    [-inf, 3.0, 2.0]
    """
    (logits,) = as_arrays(logits=logits)
    check_logits(logits, -1)
    k = check_count(k, "k")
    return _keep(logits, _ranks(_order(logits)) < k)


def mask_top_p(logits: Array, p: float) -> Array:
    r"""The logits with all masked but the likeliest, as few as have probability p together.

    .. math:: l_i \mapsto \begin{cases} l_i & \sum_{\operatorname{rank}(j) <
              \operatorname{rank}(i)} \operatorname{softmax}(l)_j < p \\
              -\infty & \text{otherwise} \end{cases}

    Parameters
    ----------
    logits : array (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` allowed.
    p : float
        Above 0 and at most 1, which keeps all.

    Returns
    -------
    array (..., K)
        The logits kept, at least one in each row, and ``-inf`` for the others, from the arrays'
        own library and in their type.

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses; if `p` is no number of this range.

    Notes
    -----
    Ranks are those of `mask_top_k`. The sums are made in the type of the logits, half precision in
    float32, up to the class or from it on, whichever sum is smaller at `p`. Classes whose sum comes
    within rounding of `p` may be kept or masked, which can be more than one where each is rare.

    References
    ----------
    Holtzman, A. et al., *The curious case of neural text degeneration*, ICLR 2020.

    Examples
    --------
    >>> mask_top_p(np.log(np.array([0.2, 0.5, 0.3])), 0.6).round(2).tolist()
    [-inf, -0.69, -1.2]
    """
    (logits,) = as_arrays(logits=logits)
    check_logits(logits, -1)
    p = _check_share(p)
    if p == 1:  # also classes whose probability underflows
        return _keep(logits, logits > -math.inf)
    xp = array_namespace(logits)
    wide = widen(logits)
    with np.errstate(over="ignore"):
        probs = xp.exp(wide - xp.max(wide, axis=-1, keepdims=True))
    probs = probs / xp.sum(probs, axis=-1, keepdims=True)
    order = _order(logits)
    ordered = xp.take_along_axis(probs, order, axis=-1)
    if p <= 0.5:
        inside = xp.cumulative_sum(ordered, axis=-1, include_initial=True)[..., :-1] < p
    else:  # sums of the tail keep their digits where those up to the class are near 1
        tail = xp.cumulative_sum(xp.flip(ordered, axis=-1), axis=-1)
        inside = xp.flip(tail, axis=-1) > 1 - p
    return _keep(logits, xp.take_along_axis(inside, _ranks(order), axis=-1))


def mask_min_p(logits: Array, p: float) -> Array:
    r"""The logits with those masked whose probability is below p times the largest.

    .. math:: l_i \mapsto \begin{cases} l_i & l_i \ge \max_j l_j + \log p \\
                                        -\infty & \text{otherwise} \end{cases}

    Parameters
    ----------
    logits : array (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` allowed.
    p : float
        Above 0 and at most 1, which keeps the largest and its equals.

    Returns
    -------
    array (..., K)
        The logits kept, at least one in each row, and ``-inf`` for the others, from the arrays'
        own library and in their type.

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses; if `p` is no number of this range.

    References
    ----------
    Nguyen, M. N. et al., *Turning up the heat: min-p sampling for creative and coherent LLM
    outputs*, ICLR 2025.

    Examples
    --------
    >>> mask_min_p(np.log(np.array([0.2, 0.5, 0.3])), 0.5).round(2).tolist()
    [-inf, -0.69, -1.2]
    """
    (logits,) = as_arrays(logits=logits)
    check_logits(logits, -1)
    p = _check_share(p)
    xp = array_namespace(logits)
    wide = widen(logits)
    return _keep(logits, wide >= xp.max(wide, axis=-1, keepdims=True) + math.log(p))


def penalize_repetition(logits: Array, seen: Array, penalty: float) -> Array:
    r"""The logits with those of classes seen before made smaller, by a factor.

    .. math:: l_i \mapsto \begin{cases} l_i / \theta & i \text{ seen, } l_i > 0 \\
                                        \theta\, l_i & i \text{ seen, } l_i \le 0 \\
                                        l_i & \text{otherwise} \end{cases}

    Parameters
    ----------
    logits : array (..., K)
        In nats; ``-inf`` allowed.
    seen : array of bool, broadcasts with `logits`
        Which classes have occurred.
    penalty : float
        :math:`\theta`, positive: above 1 repeats become rarer, below 1 more frequent.

    Returns
    -------
    array
        The logits, of the broadcast shape, from the arrays' own library and in their type.

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses; if `seen` has no bools, the penalty is not positive
        and finite, the shapes do not broadcast, or a logit overflows to ``inf`` or a row to
        ``-inf`` throughout.

    Notes
    -----
    Other than the masks and a temperature, this is no function of the probabilities: a constant
    added to all logits changes the law of the draw. Subtract the log-sum-exp first to make it one.

    References
    ----------
    Keskar, N. S. et al., *CTRL: a conditional transformer language model for controllable
    generation*, arXiv:1909.05858, 2019, which divides; the sign is heeded as in Hugging Face's
    Transformers.

    Examples
    --------
    >>> penalize_repetition(np.array([2.0, -1.0, 0.5]), [True, True, False], 2.0).tolist()
    [1.0, -2.0, 0.5]
    """
    given = seen
    logits, seen = as_arrays(logits=logits, seen=seen)
    given = given if is_array_api_obj(given) else np.asarray(given)
    if not array_namespace(given).isdtype(given.dtype, "bool"):
        raise TypeError(f"seen: expected bools, got dtype {given.dtype}")
    check_logits(logits, -1)
    check_broadcast(logits=logits, seen=seen)
    penalty = check_positive(penalty, "penalty")
    xp = array_namespace(logits, seen)
    with np.errstate(over="ignore"):
        penalized = xp.where(logits > 0, logits / penalty, logits * penalty)
    result = xp.where(seen != 0, penalized, logits)
    if is_known_true(xp.any(result == math.inf) | xp.any(xp.all(result == -math.inf, axis=-1))):
        raise ValueError("penalty: expected penalized logits that fit a float, got an overflow")
    return result


def _check_share(p: float) -> float:
    value = check_number(p, "p")
    if not 0 < value <= 1:
        raise ValueError(f"p: expected a number above 0 and at most 1, got {value}")
    return value


def _order(logits: Array) -> Array:
    """The indices of each row, from the largest logit to the smallest, equal ones as they come."""
    return array_namespace(logits).argsort(-logits, axis=-1, stable=True)


def _ranks(order: Array) -> Array:
    return array_namespace(order).argsort(order, axis=-1, stable=True)


def _keep(logits: Array, kept: Array) -> Array:
    xp = array_namespace(logits)
    return xp.where(kept, logits, xp.full_like(logits, -math.inf))


def speculative_step(
    target_logits: ArrayLike,
    draft_logits: ArrayLike,
    drafted: ArrayLike,
    uniform: ArrayLike,
    noise: ArrayLike,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    r"""A draw of the target's law made from a draw of the draft's, equal to it where it can be.

    .. math:: k = \begin{cases} d & u < p_d / q_d \\
              \operatorname{argmax}_i\,\bigl(\log \max(p_i - q_i, 0) + g_i\bigr) &
              \text{otherwise} \end{cases}

    Parameters
    ----------
    target_logits, draft_logits : array_like (..., K)
        Of the target p and the draft q, in nats; ``-inf`` allowed.
    drafted : array_like of int (...)
        Draws d from q.
    uniform : array_like (...)
        Uniform noise u, from 0 to 1, independent of the drafts.
    noise : array_like (..., K)
        Standard Gumbel noise, independent of both. All five broadcast in their leading axes.

    Returns
    -------
    symbols : numpy.ndarray of int (...)
        Draws from p.
    accepted : numpy.ndarray of bool (...)
        Where the draft was kept, which has the probability :math:`\sum_i \min(p_i, q_i)`.

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses; if the shapes do not fit, a draft is no class, a
        uniform number does not lie from 0 to 1, or the noise is not finite.

    References
    ----------
    Leviathan, Y., Kalman, M. and Matias, Y., *Fast inference from transformers via speculative
    decoding*, ICML 2023; Chen, C. et al., *Accelerating large language model decoding with
    speculative sampling*, arXiv:2302.01318, 2023.

    Examples
    --------
    >>> target, draft = np.log([0.2, 0.8]), np.log([0.6, 0.4])
    >>> step = speculative_step(target, draft, [0, 0, 1], [0.3, 0.4, 0.9], np.zeros(2))
    >>> [part.tolist() for part in step]
    [[0, 1, 1], [True, False, True]]
    """
    target = as_logits(target_logits, "target_logits")
    draft = as_logits(draft_logits, "draft_logits")
    gumbel = as_floats(noise, "noise")
    classes = target.shape[-1]
    for name, array in (("draft_logits", draft), ("noise", gumbel)):
        if array.shape[-1] != classes:
            raise ValueError(
                f"{name}: expected {classes} classes as in target_logits, got {array.shape[-1]}"
            )
    index, level = as_integers(drafted, "drafted"), as_reals(uniform, "uniform")
    if np.any((index < 0) | (index >= classes)):
        raise ValueError(f"drafted: expected classes from 0 to {classes - 1}, got {index}")
    if not np.all((level >= 0) & (level <= 1)):
        raise ValueError(f"uniform: expected numbers from 0 to 1, got {level}")
    shape = check_broadcast(
        target_logits=target[..., 0],
        draft_logits=draft[..., 0],
        drafted=index,
        uniform=level,
        noise=gumbel[..., 0],
    )
    p, q = special.softmax(target, axis=-1), special.softmax(draft, axis=-1)
    excess = np.maximum(p - q, 0.0)
    # Equal laws leave no excess, and reject a draft by rounding at most.
    excess = np.where(excess.any(axis=-1, keepdims=True), excess, p)
    with np.errstate(divide="ignore"):
        instead = perturb(np.log(excess), gumbel, -1).argmax(axis=-1)

    def of_draft(probs: Floats) -> Floats:
        spread = np.broadcast_to(probs, (*shape, classes))
        return np.take_along_axis(spread, np.broadcast_to(index, shape)[..., None], -1)[..., 0]

    accepted = level * of_draft(q) < of_draft(p)
    return np.where(accepted, index, instead).astype(np.int64), accepted


def watermark_noise(key: int, contexts: ArrayLike, num_classes: int) -> Floats:
    r"""Gumbel noise that is a function of a key and a context, for `gumbel_max` and for detection.

    .. math:: g_{c, i} = -\log\bigl(-\log(1 - v)\bigr), \qquad
              v = (\text{Philox}_{\text{key},\,c}(i) + \tfrac12)\, 2^{-64}

    Parameters
    ----------
    key : int
        At least 0 and below 2**64.
    contexts : array_like of int (...)
        Numbers c of contexts, at least 0 and below 2**64.
    num_classes : int
        K, at least 1.

    Returns
    -------
    numpy.ndarray (..., K)
        Standard Gumbel noise, in nats: row c of `keyed_gumbel`. Equal contexts have equal noise.

    Raises
    ------
    TypeError, ValueError
        If an argument is no integer or out of range.

    Notes
    -----
    Philox is a fast generator, and not made to hide its key. Where somebody gains by finding the
    key, put a cryptographic hash of key and context in its place.

    References
    ----------
    Aaronson, S., *My AI safety lecture for UT Effective Altruism*, 2022,
    https://scottaaronson.blog/?p=6823.

    Examples
    --------
    >>> noise = watermark_noise(7, [3, 5, 3], 4)
    >>> noise.shape, bool((noise[0] == noise[2]).all())
    ((3, 4), True)
    """
    key = check_count(key, "key", least=0)
    if key >= 2**64:
        raise ValueError(f"key: expected an integer below 2**64, got {key}")
    numbers = as_integers(contexts, "contexts")
    if np.any(numbers < 0):
        raise ValueError(f"contexts: expected numbers of at least 0, got {numbers.min()}")
    size = check_count(num_classes, "num_classes")
    distinct, place = np.unique(numbers, return_inverse=True)
    made = np.empty((distinct.size, size))
    for i, context in enumerate(distinct.tolist()):
        made[i] = keyed_gumbel(key, context, 0, size)
    noise: Floats = made[place.reshape(numbers.shape)]
    return noise


def expected_watermark_score(logits: ArrayLike) -> Floats:
    r"""Mean score of a symbol drawn by Gumbel noise, the score being the noise's rarity.

    .. math:: \mathrm{E}\bigl[-\log P(G > g_k)\bigr] = \sum_i p_i\,H(1/p_i), \qquad
              H(x) = \psi(x + 1) + \gamma

    where k is the winner, G standard Gumbel noise, and H the harmonic number.

    Parameters
    ----------
    logits : array_like (..., K)
        In nats; ``-inf`` allowed.

    Returns
    -------
    numpy.ndarray (...)
        Means to a relative 1e-13. With the entropy h in nats they lie between
        :math:`1 + (\pi^2/6 - 1)\,h` and :math:`1 + h`. Symbols drawn without this noise score 1.

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses.

    References
    ----------
    Aaronson, S., *My AI safety lecture for UT Effective Altruism*, 2022; Fernandez, P. et al.,
    *Three bricks to consolidate watermarks for large language models*, 2023.

    Examples
    --------
    >>> expected_watermark_score([[0.0, 0.0], [0.0, -np.inf]]).round(12).tolist()
    [1.5, 1.0]
    """
    probs = special.softmax(as_logits(logits), axis=-1)
    drawn = probs > np.finfo(np.float64).tiny  # below, p H(1/p) is less than 1e-304
    rarity = special.digamma(1 / np.where(drawn, probs, 1.0) + 1) + np.euler_gamma
    mean: Floats = np.where(drawn, probs * rarity, 0.0).sum(axis=-1)
    return mean


def truncated_race(logits: ArrayLike, ceiling: float) -> Floats:
    r"""P(argmax = k) when the noise is Gumbel noise given that it lies below a ceiling.

    .. math:: P(k) = \sum_{m \ge k} \frac{e^{l_k}}{S_m} \Bigl(e^{c (m - S_m e^{-l_m})} -
              e^{c (m - S_m e^{-l_{m+1}})}\Bigr), \qquad c = e^{-M}, \quad
              S_m = \sum_{i \le m} e^{l_i}

    for logits that are sorted from the largest, numbered from 1, and :math:`l_{K+1} = -\infty`.

    Parameters
    ----------
    logits : array_like (..., K)
        In nats; ``-inf`` allowed.
    ceiling : float
        M, above -700, in nats: 16.6 for uniform numbers of 24 bits. ``inf`` is softmax(logits).

    Returns
    -------
    numpy.ndarray (..., K)
        Probabilities, to 1e-12; they sum to 1.

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses; if the ceiling is NaN or below -700.

    Notes
    -----
    Between ``M + l_{m+1}`` and ``M + l_m`` only the m largest logits can still win. Uniform numbers
    of few bits are cut off too, but they also come in steps: where a class has the odds C against
    it, of the two laws the steps leave it more by the factor :math:`x/(1 - e^{-x})`,
    :math:`x = c\,C`, if its rivals' noise is exact.

    References
    ----------
    Zheng, K. et al., *Masked diffusion models are secretly time-agnostic masked models and exploit
    inaccurate categorical sampling*, ICLR 2025.

    Examples
    --------
    >>> truncated_race([0.0, -1.0], 0.0).round(3).tolist()
    [0.952, 0.048]
    >>> truncated_race([0.0, -1.0], np.inf).round(3).tolist()
    [0.731, 0.269]
    """
    values = as_logits(logits)
    height = check_number(ceiling, "ceiling")
    if not height > -700:
        raise ValueError(f"ceiling: expected a number above -700, got {height}")
    if height == math.inf:
        softmax: Floats = special.softmax(values, axis=-1)
        return softmax
    order = np.argsort(-values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    with np.errstate(over="ignore", invalid="ignore"):
        behind = ordered[..., :1] - ordered
        gaps = np.diff(behind, axis=-1, append=math.inf)
        weights = np.exp(-behind)
        sums = np.cumsum(weights, axis=-1)
        # e^(-M + l_1 - l_m), which may overflow, but then the class cannot win.
        scale = np.exp(behind - height)
        # How far the exponent falls from one end of the m-th interval to the other, without
        # subtracting large numbers: the next interval begins where this one ends, the first at 0.
        after = np.exp(behind + gaps - height)
        fall = np.where(gaps > 0, -sums * after * np.expm1(-gaps), 0.0)
        fallen = np.cumsum(fall[..., :-1], axis=-1)
        top = -np.concatenate([np.zeros_like(fall[..., :1]), fallen], axis=-1)
        share = np.exp(top) * -np.expm1(-fall) / sums
    share = np.where(np.isfinite(scale), share, 0.0)
    won = weights * np.cumsum(share[..., ::-1], axis=-1)[..., ::-1]
    result: Any = np.empty_like(won)
    np.put_along_axis(result, order, won, axis=-1)
    probabilities: Floats = result
    return probabilities
