"""Noise given what it chose, and the joint law of two argmaxes that share their noise."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import ArrayLike
from scipy import special

from ._checks import (
    Array,
    Floats,
    as_arrays,
    as_integers,
    as_logits,
    check_broadcast,
    check_count,
    check_logits,
    is_known_true,
    perturb,
    widen,
)
from .noise import truncated_gumbel
from .trick import logsumexp

# Last bits that bounds keep apart, so that roundings of noise and sums, at most 6, break no order.
_BITS = 8


def posterior_gumbel(
    logits: Array, chosen: Array, noise: Array, *, k: int | None = None, axis: int = -1
) -> Array:
    r"""Noise given the class that it chose, or the k largest in order, from fresh noise.

    .. math:: &T_i = -\log\bigl(e^{-(R_i + g_{s_i})} + e^{-T_{i-1}}\bigr), \qquad
              T_0 = \infty, \qquad R_i = \log \sum_{j \notin \{s_1, \dots, s_{i-1}\}} e^{l_j}, \\
              &g'_{s_i} = T_i - l_{s_i}, \qquad
              g'_j = -\log\bigl(e^{-g_j} + e^{-(T_k - l_j)}\bigr)
              \quad\text{for all other classes}

    If g is independent standard Gumbel noise, g' has the law of such noise given that it chose
    :math:`s_1`, or :math:`s_1, \dots, s_k` in this order.

    Parameters
    ----------
    logits : array (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that is never drawn.
    chosen : array of int (...), or (..., k) if `k` is given
        s, the class that was drawn, as `gumbel_max` returns it; with `k`, the classes in order, as
        `gumbel_lib.sampling.gumbel_top_k` returns them, along `axis`.
    noise : array, broadcasts with `logits`
        g, fresh standard Gumbel noise; leading axes give further draws.
    k : int, optional
        How many classes `chosen` holds in each row; without it, one, and no axis for it.
    axis : int
        The axis of the classes, counted on `logits`.

    Returns
    -------
    array
        g', of the shape to which logits, noise and `chosen` broadcast, in the wider type of logits
        and noise and of their library.

    Raises
    ------
    TypeError, ValueError
        For logits or noise that `gumbel_max` refuses; if `chosen` holds no integers, a class twice,
        or one that does not exist or has the logit ``-inf``; if shapes do not broadcast; if noise
        that would choose these classes does not fit the type. Values are not looked at while JAX
        traces or PyTorch vectorises.

    Notes
    -----
    The largest sum is a Gumbel at the log-sum-exp, whichever class reaches it, and the other sums
    lie below it. So the noise is made from the top down. ``gumbel_max(logits, g')``, or with `k`
    ``gumbel_top_k(logits, g', k)``, is `chosen` in the returned type too, because bounds are kept
    apart by some last bits of the sums. Noise of a class that is never drawn stays as it is.

    References
    ----------
    Maddison, C. J., Tarlow, D. and Minka, T., *A\* sampling*, NeurIPS 2014; Kool, W., van Hoof, H.
    and Welling, M., *Stochastic Beams and Where to Find Them*, ICML 2019, for a given maximum.

    Examples
    --------
    >>> from gumbel_lib import gumbel_max, standard_gumbel
    >>> logits, noise = np.log([0.7, 0.2, 0.1]), standard_gumbel((4, 3), rng=0)
    >>> gumbel_max(logits, posterior_gumbel(logits, [0, 1, 2, 2], noise)).tolist()
    [0, 1, 2, 2]
    """
    logits, noise = as_arrays(logits=logits, noise=noise)
    axis = check_logits(logits, axis)
    perturb(logits, noise, axis)  # refuses what does not fit
    xp = array_namespace(logits, noise)
    kind = xp.result_type(logits.dtype, noise.dtype)
    last_bits = _BITS * float(xp.finfo(kind).eps)
    values, noise = widen(logits), widen(noise)
    won = _one_hot(chosen, values, noise, k, axis)
    top = xp.max(values, axis=axis, keepdims=True)
    with np.errstate(over="ignore"):
        values = values - top
    size = abs(top)  # of what is rounded

    def below(bound: Array, own: Array) -> Array:
        """The largest noise with which a class of this logit certainly stays below the bound."""
        room = bound - own
        apart = last_bits * (size + abs(bound) + abs(room))
        return room - xp.where(xp.isinf(room), xp.zeros_like(room), apart)

    upper: Array = None
    left, result = values, noise
    for one in won:
        own = xp.sum(xp.where(one, values, 0.0), axis=axis, keepdims=True)
        made = xp.sum(xp.where(one, noise, 0.0), axis=axis, keepdims=True)
        made = xp.expand_dims(logsumexp(left, axis=axis), axis=axis) - own + made
        if upper is not None:
            made = truncated_gumbel(made, below(upper, own))
        if is_known_true(xp.any(xp.isinf(xp.astype(made, kind)))):
            raise ValueError(f"chosen: expected classes whose noise fits {kind}, got an overflow")
        upper, size = own + made, abs(top) + abs(made)
        result = xp.where(one, made, result)
        left = xp.where(one, -math.inf, left)
    result = xp.where(left == values, truncated_gumbel(result, below(upper, values)), result)
    return xp.astype(result, kind, copy=False)


def _one_hot(chosen: Any, logits: Array, noise: Array, k: int | None, axis: int) -> list[Array]:
    """Where along the axis each winner stands; refuses classes that cannot be winners.

    One-hot, since arrays of some libraries cannot be indexed by others.
    """
    xp = array_namespace(logits)
    order = _as_classes(chosen, logits)
    shape = tuple(order.shape)
    if k is None:
        order = xp.reshape(order, (1,) * (-axis - 1 - order.ndim) + shape)
        order = xp.expand_dims(order, axis=axis)
    elif len(shape) < -axis or shape[axis] != check_count(k, "k"):
        raise ValueError(f"chosen: expected {k} classes along axis {axis}, got shape {shape}")
    num_classes = logits.shape[axis]
    place = device(order)
    classes = xp.reshape(xp.arange(num_classes, device=place), (num_classes,) + (1,) * (-axis - 1))
    won: list[Array] = []
    for i in range(order.shape[axis]):
        winner = xp.take(order, xp.arange(i, i + 1, device=place), axis=axis)
        one = classes == winner
        try:
            np.broadcast_shapes(tuple(logits.shape), tuple(noise.shape), tuple(one.shape))
        except ValueError as error:
            shapes = f"logits {tuple(logits.shape)}, noise {tuple(noise.shape)}, chosen {shape}"
            raise ValueError(f"expected shapes that broadcast, got {shapes}") from error
        if is_known_true(xp.any((winner < 0) | (winner >= num_classes))):
            raise ValueError(f"chosen: expected classes from 0 to {num_classes - 1}, got another")
        if is_known_true(xp.any(one & (logits == -math.inf))):
            raise ValueError("chosen: expected classes that can be drawn, got one of logit -inf")
        if any(is_known_true(xp.any(one & other)) for other in won):
            raise ValueError("chosen: expected different classes in a row, got one twice")
        won.append(one)
    return won


def _as_classes(chosen: Any, logits: Array) -> Array:
    """An array of integers of the logits' library."""
    xp = array_namespace(logits)
    if array_api_compat.is_array_api_obj(chosen) and not array_api_compat.is_numpy_array(chosen):
        try:
            xp = array_namespace(logits, chosen)
        except TypeError as error:
            came = f"logits {type(logits).__name__}, chosen {type(chosen).__name__}"
            raise TypeError(f"expected arrays of one library, got {came}") from error
        if not xp.isdtype(chosen.dtype, "integral"):
            raise TypeError(f"chosen: expected integers, got dtype {chosen.dtype}")
        return chosen
    array = as_integers(chosen, "chosen").astype(np.int64)
    return xp.asarray(array, device=device(logits))


def _as_pair(logits_p: ArrayLike, logits_q: ArrayLike) -> tuple[Floats, Floats]:
    """Log-probabilities of two models of the same classes, of one shape (..., K)."""
    p, q = as_logits(logits_p, "logits_p"), as_logits(logits_q, "logits_q")
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(
            f"logits_q: expected the {p.shape[-1]} classes of logits_p, got {q.shape[-1]}"
        )
    shape = check_broadcast(logits_p=p, logits_q=q)
    # Log-probabilities of classes that fall below the smallest float are -inf, as they may be.
    with np.errstate(over="ignore"):
        p, q = (x - x.max(axis=-1, keepdims=True) for x in (p, q))
        p, q = (np.broadcast_to(special.log_softmax(x, axis=-1), shape) for x in (p, q))
    return p, q


def _share(log_p: Floats, log_q: Floats) -> Floats:
    """p / (p + q) class by class; 1/2 where both are 0, since such a class never counts."""
    with np.errstate(invalid="ignore"):
        ratio = log_p - log_q
    share: Floats = special.expit(np.where(np.isnan(ratio), 0.0, ratio))
    return share


def _crossings(log_p: Floats, log_q: Floats) -> tuple[Floats, Floats, Floats]:
    """Shares u_k; the sum M(u) at them, and the integral of 1 / M^2 from the least share to them.

    M(u) = sum_k max(p_k (1 - u), q_k u) is linear between shares, and there the integral from u
    to v is (v - u) / (M(u) M(v)).
    """
    share = _share(log_p, log_q)
    order = np.argsort(share, axis=-1)
    p, q, u = (np.take_along_axis(x, order, axis=-1) for x in (np.exp(log_p), np.exp(log_q), share))
    above = np.cumsum(p[..., ::-1], axis=-1)[..., ::-1] - p  # those of larger shares
    total = (1 - u) * above + u * np.cumsum(q, axis=-1)
    pieces = np.diff(u, axis=-1) / (total[..., 1:] * total[..., :-1])
    reached = np.concatenate([np.zeros_like(u[..., :1]), np.cumsum(pieces, axis=-1)], axis=-1)
    totals, integrals = np.empty_like(u), np.empty_like(u)
    np.put_along_axis(totals, order, total, axis=-1)
    np.put_along_axis(integrals, order, reached, axis=-1)
    return share, totals, integrals


def coupling_probabilities(logits_p: ArrayLike, logits_q: ArrayLike) -> Floats:
    r"""Exact joint law of the argmaxes of two models under the same Gumbel noise.

    .. math:: &P(i, j) = p_i\,q_j \int_{u_j}^{u_i} \frac{du}{M(u)^2} \text{ for } u_j < u_i,
              \text{ else } 0, \qquad P(i, i) = \frac{p_i\,(1 - u_i)}{M(u_i)}, \\
              &M(u) = \sum_k \max\bigl(p_k (1 - u),\, q_k u\bigr), \qquad
              u_k = \frac{p_k}{p_k + q_k}

    Parameters
    ----------
    logits_p, logits_q : array_like (..., K)
        The two models, log-probabilities up to a constant, in nats; ``-inf`` for a class that is
        never drawn. Leading axes broadcast.

    Returns
    -------
    numpy.ndarray (..., K, K)
        P(first model draws i, second draws j), to 1e-14, or 1e-12 for some thousand classes.
        Entries with :math:`q_i / p_i > q_j / p_j` are exactly 0; where the two are equal up to
        rounding, an entry may be some 1e-16.

    Raises
    ------
    TypeError, ValueError
        If logits are such that `gumbel_max` refuses them, the two have not as many classes, or
        their leading axes do not broadcast.

    Notes
    -----
    In a race the classes have the arrival times :math:`E_k / p_k` in one model and
    :math:`E_k / q_k` in the other, with shared exponentials. If i wins the first race at time x
    and j the second at time y, every other E is at least max(p_k x, q_k y), and the integral over
    x + y is left out here, since it has a closed form. The remaining integrand is a rational
    function between neighbouring :math:`u_k`, so the sum over these pieces is exact.

    Examples
    --------
    >>> joint = coupling_probabilities(np.log([0.5, 0.3, 0.2]), np.log([0.2, 0.3, 0.5]))
    >>> joint.round(3).tolist()
    [[0.2, 0.069, 0.231], [0.0, 0.231, 0.069], [0.0, 0.0, 0.2]]
    """
    log_p, log_q = _as_pair(logits_p, logits_q)
    share, totals, integrals = _crossings(log_p, log_q)
    p, q = np.exp(log_p), np.exp(log_q)
    between = integrals[..., :, None] - integrals[..., None, :]
    joint: Floats = p[..., :, None] * q[..., None, :] * np.maximum(between, 0.0)
    own = np.arange(p.shape[-1])
    joint[..., own, own] = p * (1 - share) / totals
    return joint


def inverse_cdf_coupling(logits_p: ArrayLike, logits_q: ArrayLike) -> Floats:
    r"""Joint law of two draws by inverse CDF from one uniform number.

    .. math:: P(i, j) = \bigl|\,[P_{i-1}, P_i) \cap [Q_{j-1}, Q_j)\,\bigr|, \qquad
              P_i = \sum_{k \le i} p_k

    Parameters, shape and errors are those of `coupling_probabilities`. It depends on the order in
    which the classes are numbered.

    Examples
    --------
    >>> joint = inverse_cdf_coupling(np.log([0.5, 0.3, 0.2]), np.log([0.2, 0.3, 0.5]))
    >>> joint.round(3).tolist()
    [[0.2, 0.3, 0.0], [0.0, 0.0, 0.3], [0.0, 0.0, 0.2]]
    """
    (p_start, p_end), (q_start, q_end) = (_steps(x) for x in _as_pair(logits_p, logits_q))
    start = np.maximum(p_start[..., :, None], q_start[..., None, :])
    end = np.minimum(p_end[..., :, None], q_end[..., None, :])
    joint: Floats = np.maximum(end - start, 0.0)
    return joint


def _steps(log_probs: Floats) -> tuple[Floats, Floats]:
    """Where the interval of each class starts and ends; the last one ends at 1."""
    probs = np.exp(log_probs)
    end = np.cumsum(probs, axis=-1)
    end /= end[..., -1:]
    return np.concatenate([np.zeros_like(end[..., :1]), end[..., :-1]], axis=-1), end


def maximal_coupling(logits_p: ArrayLike, logits_q: ArrayLike) -> Floats:
    r"""A joint law under which two models agree as often as they can.

    .. math:: P(i, j) = \min(p_i, q_i)\,[i = j]
              + \frac{(p_i - q_i)_+\,(q_j - p_j)_+}{\sum_k (p_k - q_k)_+}

    Parameters, shape and errors are those of `coupling_probabilities`. Other joint laws agree as
    often; in this one the two are independent where they differ.

    References
    ----------
    Lindvall, T., *Lectures on the Coupling Method*, 1992, section I.5.

    Examples
    --------
    >>> joint = maximal_coupling(np.log([0.5, 0.3, 0.2]), np.log([0.2, 0.3, 0.5]))
    >>> joint.round(3).tolist()
    [[0.2, 0.0, 0.3], [0.0, 0.3, 0.0], [0.0, 0.0, 0.2]]
    """
    p, q = (np.exp(x) for x in _as_pair(logits_p, logits_q))
    more, less = np.maximum(p - q, 0.0), np.maximum(q - p, 0.0)
    # The two sums are the same number, up to rounding.
    distance = (more.sum(axis=-1) + less.sum(axis=-1))[..., None, None] / 2
    moved = more[..., :, None] * less[..., None, :]
    joint: Floats = np.divide(moved, distance, out=np.zeros_like(moved), where=moved > 0)
    own = np.arange(p.shape[-1])
    joint[..., own, own] = np.minimum(p, q)
    return joint


class Agreement(NamedTuple):
    r"""P(two models draw the same class), for several joint laws of their draws.

    Attributes
    ----------
    maximal : numpy.ndarray (...)
        The largest possible, 1 - TV, with :math:`\mathrm{TV} = \sum_k |p_k - q_k| / 2`.
    gumbel : numpy.ndarray (...)
        Under shared Gumbel noise: the sum of the diagonal of `coupling_probabilities`.
    bound : numpy.ndarray (...)
        (1 - TV) / (1 + TV). Under shared Gumbel noise two models agree at least so often.
    inverse_cdf : numpy.ndarray (...)
        By inverse CDF from a shared uniform number; it depends on the numbering of the classes.
    independent : numpy.ndarray (...)
        With noise of their own, sum p_k q_k.
    """

    maximal: Floats
    gumbel: Floats
    bound: Floats
    inverse_cdf: Floats
    independent: Floats


def agreement(logits_p: ArrayLike, logits_q: ArrayLike) -> Agreement:
    r"""P(two models draw the same class), for several joint laws of their draws.

    .. math:: \sum_k \frac{p_k\,(1 - u_k)}{M(u_k)} \ge \frac{1 - \mathrm{TV}}{1 + \mathrm{TV}},
              \qquad \mathrm{TV} = \frac12 \sum_k |p_k - q_k|

    for shared Gumbel noise, with M and u of `coupling_probabilities`.

    Parameters
    ----------
    logits_p, logits_q : array_like (..., K)
        As for `coupling_probabilities`.

    Returns
    -------
    Agreement
        Probabilities, to 1e-14, or 1e-12 for up to 100,000 classes. No matrix is formed: time grows
        as K log K.

    Raises
    ------
    TypeError, ValueError
        As `coupling_probabilities`.

    References
    ----------
    Daliri, M., Musco, C. and Suresh, A. T., *Coupling without Communication and Drafter-Invariant
    Speculative Decoding*, 2024, arXiv 2408.07978 (the bound).

    Examples
    --------
    >>> both = agreement(np.log([0.5, 0.3, 0.2]), np.log([0.2, 0.3, 0.5]))
    >>> {name: round(float(value), 3) for name, value in both._asdict().items()}
    {'maximal': 0.7, 'gumbel': 0.631, 'bound': 0.538, 'inverse_cdf': 0.4, 'independent': 0.29}
    """
    log_p, log_q = _as_pair(logits_p, logits_q)
    p, q = np.exp(log_p), np.exp(log_q)
    share, totals, _ = _crossings(log_p, log_q)
    distance = np.abs(p - q).sum(axis=-1) / 2
    (p_start, p_end), (q_start, q_end) = _steps(log_p), _steps(log_q)
    overlap = np.minimum(p_end, q_end) - np.maximum(p_start, q_start)
    return Agreement(
        maximal=np.minimum(p, q).sum(axis=-1),
        gumbel=(p * (1 - share) / totals).sum(axis=-1),
        bound=(1 - distance) / (1 + distance),
        inverse_cdf=np.maximum(overlap, 0.0).sum(axis=-1),
        independent=(p * q).sum(axis=-1),
    )
