"""The trick, ``argmax(logits + noise)``, and the exact laws behind its proof."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, special, stats

from ._checks import (
    Array,
    as_arrays,
    as_floats,
    as_logits,
    check_logits,
    perturb,
    widen,
)
from .maxima import Law

_AT_ONCE = 1 << 16  # numbers in a slice of the rows that share their quadrature
_TOGETHER = 1 << 14  # and in the pieces of it that are laid side by side: up to 13 times as fast
_FAR = 45.0  # the logit of 1 - 3e-20, beyond which noise is left out


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


def logsumexp(logits: Array, *, axis: int = -1) -> Array:
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
    >>> float(logsumexp(np.log(np.array([0.7, 0.2, 0.1]))).round(12)) + 0.0
    0.0
    """
    (logits,) = as_arrays(logits=logits)
    axis = check_logits(logits, axis)
    xp = array_namespace(logits)
    # Not SciPy's, which turns arrays into NumPy's unless SCIPY_ARRAY_API=1 is set before it loads:
    # it fails under `jax.grad`.
    wide = widen(logits)
    top = xp.max(wide, axis=axis, keepdims=True)
    with np.errstate(over="ignore"):  # a difference may be -inf, which is right
        total = xp.sum(xp.exp(wide - top), axis=axis)
    return xp.astype(xp.squeeze(top, axis=axis) + xp.log(total), logits.dtype, copy=False)


def argmax_probabilities(logits: ArrayLike, noise: Any = stats.gumbel_r) -> NDArray[np.float64]:
    r"""P(argmax = k) when independent noise of any continuous law is added to the logits.

    .. math:: P(k) = \int f(x - l_k)\prod_{j \ne k} F(x - l_j)\,dx

    Parameters
    ----------
    logits : array_like (..., K)
        Finite or ``-inf``.
    noise : distribution
        A continuous law of `scipy.stats`, old style or new, with CDF F and density f.

    Returns
    -------
    numpy.ndarray (..., K)
        Probabilities to 1e-9; for the standard Gumbel they are softmax(logits).

    Raises
    ------
    TypeError, ValueError
        For logits that `gumbel_max` refuses; if `noise` is no continuous law; if the quadrature
        does not converge or the probabilities do not sum to 1 to 1e-9.

    Notes
    -----
    One integral over x, the largest sum, serves all classes. It is broken at quantiles of the noise
    about the largest logit, at the middle of each class's noise and where its support ends; inside,
    the quadrature is adaptive. A density that is infinite at an end of its support does no harm: P
    of the rivals there is taken off and its share added back. One that is infinite inside its
    support, or that bends sharply away from its median, may be refused, and so may one that bends
    at its median where rows and classes are many. Rows of a batch are integrated together, and so
    are pieces of the integral, where rows and classes are few.

    Time is that of some 1000 values of F and f a class, and where rows and classes are few, of up
    to 10,000 in some 80 calls. Under noise that is bounded above, it grows with the square of the
    number of classes that can still win where the largest sums lie: 2000 of 50,000 logits from
    uniform(0, 1) under uniform noise, but all of them if they differ by less than 1e-3.

    Examples
    --------
    >>> argmax_probabilities(np.log([0.7, 0.2, 0.1])).round(6).tolist()
    [0.7, 0.2, 0.1]
    >>> argmax_probabilities(np.log([0.7, 0.2, 0.1]), stats.norm).round(3).tolist()
    [0.771, 0.171, 0.058]
    """
    law = Law(noise, "noise")
    values = as_logits(logits)
    with np.errstate(over="ignore"):
        behind = values.max(axis=-1, keepdims=True) - values
    behind = behind.reshape(-1, values.shape[-1])
    result = np.empty_like(behind)
    at_once = max(1, _AT_ONCE // behind.shape[1])
    for first in range(0, len(behind), at_once):
        some = slice(first, first + at_once)
        order = np.argsort(behind[some], axis=-1)
        won = _race(law, np.take_along_axis(behind[some], order, axis=-1))
        np.put_along_axis(result[some], order, won, axis=-1)
    probabilities: NDArray[np.float64] = result.reshape(values.shape)
    return probabilities


def _race(law: Law, behind: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(argmax = k) for rows (N, K) of how far each logit lies behind the largest, in order."""
    num_classes, high = behind.shape[1], law.support[1]
    bounded = np.isfinite(high)

    def quantile(level: NDArray[np.float64]) -> NDArray[np.float64]:
        """At the probability expit(level), with the digits of both tails."""
        lower = law.quantile(special.expit(np.minimum(level, 0)))
        upper = law.upper_quantile(special.expit(np.minimum(-level, 0)))
        return np.asarray(np.where(level < 0, lower, upper))

    # Where a law has no formula for its tails, a quantile may be infinite.
    levels = np.arange(-_FAR, _FAR + 1)
    lowest, highest = levels[np.isfinite(quantile(levels))][[0, -1]]
    end = high if bounded else quantile(highest)

    # With probability 1 - 1e-18 the largest sum lies above `start`. Few classes have a middle
    # there, since each halves the probability that none does.
    least, most = np.full((len(behind), 1), lowest), np.full((len(behind), 1), highest)
    for _ in range(12):
        level = (least + most) / 2
        none = law.cdf(quantile(level) + behind).prod(axis=-1, keepdims=True) < 1e-18
        least, most = np.where(none, level, least), np.where(none, most, level)
    start = quantile(least)
    if not np.all(start < end):
        raise ValueError(
            f"noise: expected a law whose quantiles differ as floats, got {start.max()} and {end}"
        )
    behind = behind[:, : np.count_nonzero(start + behind < end, axis=-1).max()]

    # P(rivals below x) where a class's own support ends. It is taken off and added back, so that
    # an infinite density there meets a zero. Only the leader meets the lower end of its own.
    leader = np.arange(behind.shape[1]) == 0
    at_low = law.cdf(start + behind[:, 1:]).prod(axis=-1, keepdims=True)
    at_high = np.zeros_like(behind)
    ends = np.maximum(high - behind, start) if bounded else start
    if bounded:
        for k in range(behind.shape[1]):
            at_high[:, k] = law.cdf(ends[:, [k]] + behind).prod(axis=-1)

    # The middles of the classes' noise, so that no class is missed between two nodes, and a bend
    # there does no harm. Where as many pieces as classes would not lie side by side, middles are
    # rounded to half a width.
    width = law.upper_quantile(0.25) - law.quantile(0.25)
    middles = law.median - behind
    if behind.size * behind.shape[1] > _TOGETHER:
        middles = np.round(2 * middles / width) * width / 2
    levels = np.linspace(least[:, 0], highest, 20, axis=-1)
    points = [quantile(levels), ends, middles - width, middles, middles + width]
    points += [np.full_like(start, law.median), np.full_like(start, end)]
    breaks = np.sort(np.clip(np.concatenate(points, axis=-1), start, end), axis=-1)
    breaks[:, 1:][breaks[:, 1:] == breaks[:, :-1]] = end
    breaks = np.sort(breaks, axis=-1)
    pieces = int(np.count_nonzero(breaks < end, axis=-1).max())
    groups = -(-pieces // max(1, _TOGETHER // behind.size))
    together = -(-pieces // groups)
    # The last group is filled up with empty pieces.
    bounds = np.pad(breaks.T, ((0, together), (0, 0)), mode="edge")[..., None]

    def integrand(s: float) -> NDArray[np.float64]:
        # The pieces of group i of every row are laid on i < s < i + 1, so that all rows share the
        # quadrature, by a map that is flat at both ends, where densities may be infinite.
        i = min(int(s), groups - 1)
        near = min(s - i, i + 1 - s)
        share, speed = near**3 * (10 - 15 * near + 6 * near**2), 30 * near**2 * (1 - near) ** 2
        left = bounds[i * together : (i + 1) * together]
        right = bounds[i * together + 1 : (i + 1) * together + 1]
        x = left + share * (right - left) if s < i + 0.5 else right - share * (right - left)
        some = slice(np.count_nonzero(x + behind < end, axis=-1).max())  # of the others, F is 1
        y = x + behind[:, some]
        below = law.cdf(y)
        every = below.prod(axis=-1, keepdims=True)
        rivals = np.divide(every, below, out=np.zeros_like(below), where=below > 0)
        taken = np.where(leader[some] & (x < law.median), at_low, at_high[:, some])
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 times inf, at an end
            part = (rivals - taken) * law.pdf(y) * (speed * (right - left))
        result = np.zeros_like(behind)
        result[:, some] = np.where(np.isfinite(part), part, 0.0).sum(axis=0)
        return result

    integral, error = integrate.quad_vec(
        integrand,
        0,
        groups,
        epsabs=1e-10,
        epsrel=0,
        norm="max",
        limit=groups + 500,
        points=range(1, groups),
    )
    if not error < 1e-9:
        raise ValueError(f"noise: expected a law whose integral converges, got error {error:.1e}")
    lower = np.where(leader, at_low * law.cdf(law.median), 0.0)
    first = np.maximum(start + behind, np.where(leader, law.median, -np.inf))
    won = integral + lower + at_high * law.survival(first)
    missed = np.abs(won.sum(axis=-1) - 1).max()
    if not missed < 1e-9:
        raise ValueError(
            f"noise: expected probabilities that sum to 1, got sums off by {missed:.1e}"
        )
    probabilities: NDArray[np.float64] = np.pad(won, ((0, 0), (0, num_classes - won.shape[1])))
    return probabilities


def last_arrival(means: ArrayLike) -> NDArray[np.float64]:
    r"""P(class k arrives last) in a race of exponential times with means p.

    .. math:: P(k \text{ last}) = \sum_{S \not\ni k} (-1)^{|S|} \frac{1/p_k}{1/p_k + \sum_S 1/p_j}

    Parameters
    ----------
    means : array_like (K,)
        p, positive; the sum has K 2^(K-1) terms.

    Returns
    -------
    numpy.ndarray (K,)
        Probabilities: who wins where the noise is log(-log u) in place of -log(-log u).

    Raises
    ------
    TypeError, ValueError
        If `means` is no vector of positive finite numbers.

    Examples
    --------
    >>> last_arrival([0.6, 0.3, 0.1]).round(3).tolist()
    [0.635, 0.306, 0.06]
    """
    values = as_floats(means, "means").astype(np.float64)
    if values.ndim != 1 or not np.all((values > 0) & np.isfinite(values)):
        raise ValueError(f"means: expected finite numbers > 0 of one axis, got {values}")
    rates = 1 / values
    last = np.zeros(rates.size)
    for k in range(rates.size):
        others = [j for j in range(rates.size) if j != k]
        for size in range(rates.size):
            for group in combinations(others, size):
                last[k] += (-1) ** size * rates[k] / (rates[k] + rates[list(group)].sum())
    return last
