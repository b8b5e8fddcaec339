"""Report-noisy-max, its privacy loss, and permute-and-flip from whole numbers alone."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._checks import as_logits, check_positive
from ...trick import argmax_probabilities


def privacy_loss(here: ArrayLike, there: ArrayLike) -> NDArray[np.float64]:
    """The largest loss between two laws (..., K); a candidate that neither allows loses nothing."""
    p, q = np.asarray(here), np.asarray(there)
    with np.errstate(divide="ignore", invalid="ignore"):
        losses = np.where((p > 0) | (q > 0), np.abs(np.log(p) - np.log(q)), 0.0)
    result: NDArray[np.float64] = losses.max(axis=-1)
    return result


def worst_loss(scores: ArrayLike, noise: Any, change: float) -> NDArray[np.float64]:
    r"""The largest privacy loss of report-noisy-max between these scores and a neighbour's.

    .. math:: \max_k \max_\pm \left|\log\frac{P(k \mid s)}{P(k \mid s \pm R e_k)}\right|

    Parameters
    ----------
    scores : array_like (..., K)
        s; ``-inf`` for a candidate that is never chosen, in no neighbour either.
    noise : distribution
        A continuous law of `scipy.stats`.
    change : float
        R, positive: the change of all differences of one score from the others at once.

    Returns
    -------
    numpy.ndarray (...)
        In nats, to 1e-9 over the least probability; ``inf`` if a neighbour rules a candidate out.
        An upper bound where differences change by R at most, but not all at once.

    Raises
    ------
    TypeError, ValueError
        For scores that `argmax_probabilities` refuses as logits; if `change` is not positive, or
        `noise` is no continuous law.

    Notes
    -----
    P(k) rises with each difference of the k-th score from another, so it is least or greatest where
    all of them change by R at once. That leaves 2 K neighbours.

    Examples
    --------
    >>> from scipy import stats
    >>> worst_loss([3, 2, 0], stats.gumbel_r, 1).round(2).tolist()
    0.98
    """
    values, change = as_logits(scores), check_positive(change, "change")
    own = change * np.eye(values.shape[-1])
    steps = np.concatenate([np.zeros_like(own[:1]), own, -own])
    here, up, down = np.split(
        argmax_probabilities(values[..., None, :] + steps, noise),
        [1, 1 + values.shape[-1]],
        axis=-2,
    )
    there = np.stack([np.diagonal(moved, axis1=-2, axis2=-1) for moved in (up, down)], axis=-2)
    result: NDArray[np.float64] = privacy_loss(here, there).max(axis=-1)
    return result


def flip_probabilities(weights: Sequence[Any]) -> list[Any]:
    r"""P(permute-and-flip chooses k), from all orders of the candidates.

    .. math:: P(k) = \frac1{K!} \sum_\pi w_k \prod_{j \text{ before } k \text{ in } \pi} (1 - w_j)

    Parameters
    ----------
    weights : sequence of K numbers
        w, the probabilities of heads, between 0 and 1, the largest of them 1.

    Returns
    -------
    list of K numbers
        The probabilities; fractions, where the weights are fractions.

    Examples
    --------
    >>> flip_probabilities([Fraction(1), Fraction(1, 2)])
    [Fraction(3, 4), Fraction(1, 4)]
    """
    won = [0 * weight for weight in weights]
    for order in permutations(range(len(won))):
        reached = 1
        for k in order:
            won[k] += reached * weights[k]
            reached *= 1 - weights[k]
    return [total / math.factorial(len(won)) for total in won]


def exp_coin(exponent: Fraction, flip: Callable[[Fraction], bool]) -> bool:
    r"""True with probability :math:`e^{-\gamma}`, from coins of rational probability.

    Parameters
    ----------
    exponent : fractions.Fraction
        The exponent, at least 0.
    flip : callable
        Given a fraction, True with that probability.

    Returns
    -------
    bool
        Whether the coin shows heads.

    References
    ----------
    Canonne, C. L., Kamath, G. and Steinke, T., *The discrete Gaussian for differential privacy*,
    NeurIPS 2020, after von Neumann.

    Examples
    --------
    >>> exp_coin(Fraction(0), lambda share: share > 0)
    True
    """
    while exponent > 1:
        if not exp_coin(Fraction(1), flip):
            return False
        exponent -= 1
    length = 1
    while flip(exponent / length):
        length += 1
    return length % 2 == 1


def permute_and_flip(
    scores: Sequence[int], rate: Fraction, below: Callable[[int], int | np.integer[Any]]
) -> int:
    """A private choice by permute-and-flip, without a floating-point number.

    Parameters
    ----------
    scores : sequence of int
        One a candidate, at least one.
    rate : fractions.Fraction
        Epsilon over the most by which a difference of two scores changes between neighbours,
        positive.
    below : callable
        Given n, a uniform whole number from 0 to n - 1, such as `secrets.randbelow`, or a
        generator's ``integers`` where the draw shall be repeatable.

    Returns
    -------
    int
        The candidate.

    Raises
    ------
    TypeError, ValueError
        If a score is no integer or there is none; if `rate` is no fraction, or is not positive.

    Examples
    --------
    >>> permute_and_flip([3, 1000], Fraction(1), np.random.default_rng(0).integers)
    1
    """
    if not isinstance(rate, numbers.Rational):
        raise TypeError(f"rate: expected a fraction, got {type(rate).__name__}")
    if rate <= 0:
        raise ValueError(f"rate: expected a positive fraction, got {rate}")
    if len(scores) == 0:
        raise ValueError("scores: expected at least one, got none")
    for score in scores:
        if not isinstance(score, numbers.Integral):
            raise TypeError(f"scores: expected integers, got {type(score).__name__}")
    # Python's own numbers: an int is no Fraction when divided, and NumPy's integers wrap around.
    rate, scores = Fraction(rate), [int(score) for score in scores]
    left, best = list(range(len(scores))), max(scores)

    def flip(share: Fraction) -> bool:
        return bool(below(share.denominator) < share.numerator)

    while True:
        candidate = left.pop(int(below(len(left))))
        if exp_coin(rate * (best - scores[candidate]), flip):
            return candidate
