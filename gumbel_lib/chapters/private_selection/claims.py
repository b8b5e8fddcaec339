"""Claims of the chapter private_selection: what the noise keeps private, and what it costs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
from scipy import special, stats

from ..._checks import Floats
from ...claims import NORMAL, claim
from ...sampling.without_replacement import order_probabilities
from ...trick import argmax_probabilities
from .model import exp_coin, flip_probabilities, privacy_loss, worst_loss

# Ties, near and far candidates, two of them and more; the far ones have probability 1e-4 or more.
SCORES = np.array([[3, 2, 0, 0], [0, 0, 0, 0], [8, 0, -np.inf, -np.inf]])
EPSILONS = (1.0, 0.3)
LAWS = (stats.gumbel_r, stats.expon, stats.laplace)


def _moves(steps: Sequence[float]) -> Floats:
    return np.array(list(itertools.product(steps, repeat=SCORES.shape[1])))


@claim(
    "exponential-mechanism-loss",
    "With Gumbel noise of scale R / epsilon the largest loss over all neighbours whose "
    "scores each move by R / 2 is log(p + (1 - p) exp(epsilon)), p the least probability.",
    method="quadrature",
    bound=1e-5,
    control="epsilon itself, which no finite scores attain",
    wrong={"formula": lambda least, epsilon: epsilon},
)
def exponential_mechanism_loss(
    formula: Callable[[Floats, float], Floats | float] = lambda least, epsilon: np.log(
        least + (1 - least) * np.exp(epsilon)
    ),
    noise: Any = stats.gumbel_r,
) -> float:
    epsilon = 0.8
    logits = epsilon * SCORES  # in units of the noise's scale, for R = 1
    neighbours = logits[:, None] + epsilon / 2 * _moves((-1, 1))
    here = argmax_probabilities(logits, noise)
    losses = privacy_loss(here[:, None], argmax_probabilities(neighbours, noise)).max(axis=-1)
    probs = special.softmax(logits, axis=-1)
    least = np.where(probs > 0, probs, 1).min(axis=-1)
    return float(np.abs(losses - formula(least, epsilon)).max())


@claim(
    "noisy-max-private",
    "Gumbel, exponential and Laplace noise of scale R / epsilon keep the loss at epsilon "
    "or below (by how much it is exceeded).",
    method="quadrature",
    bound=1e-5,
    control="Normal noise of the Gumbel's variance",
    wrong={"laws": [NORMAL]},
)
def noisy_max_private(
    laws: Sequence[Any] = LAWS,
    scale: Callable[[float, float], float] = lambda change, epsilon: change / epsilon,
) -> float:
    change, epsilon, excess = 2.0, 1.0, [0.0]
    for law in laws:
        width = scale(change, epsilon)
        losses = worst_loss(SCORES * change / width, law, change / width)
        excess.append(losses.max() - epsilon)
    return float(max(excess))


@claim(
    "monotone-scores",
    "Where all scores move in one direction, by 1 at most, noise of scale 1 / epsilon is enough "
    "(by how much epsilon is exceeded).",
    method="quadrature",
    bound=1e-5,
    control="scores of which one rises while another falls",
    wrong={"directions": [(-1, 1)]},
)
def monotone_scores(
    directions: Sequence[tuple[float, ...]] = ((0, 1), (-1, 0)),
    scale: Callable[[float], float] = lambda epsilon: 1 / epsilon,
) -> float:
    epsilon, excess = 0.8, [0.0]
    moves = np.concatenate([np.zeros((1, 4)), *map(_moves, directions)])
    for law in (stats.gumbel_r, stats.expon):
        probs = argmax_probabilities((SCORES[0] + moves) / scale(epsilon), law)
        excess.append(privacy_loss(probs[0], probs).max() - epsilon)
    return float(max(excess))


@claim(
    "permute-and-flip",
    "The argmax under exponential noise has the law of permute-and-flip, summed over all orders.",
    method="enumeration",
    bound=1e-8,
    control="Gumbel noise",
    wrong={"noise": stats.gumbel_r},
)
def permute_and_flip(
    noise: Any = stats.expon,
    coin: Callable[[Floats], Floats] = lambda behind: np.exp(-behind),
) -> float:
    gaps = []
    rows = np.array([[3.0, 2, 0], [0, 0, 0], [1.5, 1.2, 0.1], [4, 4, 1]])
    for scores, probs in zip(rows, argmax_probabilities(rows, noise), strict=True):
        orders = flip_probabilities(list(coin(scores.max() - scores)))
        gaps.append(np.abs(probs - orders).max())
    return float(max(gaps))


def _exponential_mechanism(weights: Sequence[Fraction]) -> list[Fraction]:
    return [weight / sum(weights) for weight in weights]


@claim(
    "permute-and-flip-dominates",
    "At the same epsilon, permute-and-flip reaches each score level at least as often as the "
    "exponential mechanism (levels of 126 score vectors where it does not).",
    method="exact arithmetic",
    bound=1.0,
    control="against the exponential mechanism with twice the epsilon",
    wrong={"rival": lambda weights: _exponential_mechanism([w * w for w in weights])},
)
def permute_and_flip_dominates(
    mechanism: Callable[[Sequence[Fraction]], list[Fraction]] = flip_probabilities,
    rival: Callable[[Sequence[Fraction]], list[Fraction]] = _exponential_mechanism,
) -> float:
    misses = 0
    # The leader and up to four others, 0 to 4 behind; each point of score halves the weight.
    for size in range(5):
        for others in itertools.combinations_with_replacement(range(5), size):
            weights = [Fraction(1, 2**behind) for behind in (0, *others)]
            pairs = list(zip(weights, mechanism(weights), rival(weights), strict=True))
            for level in set(weights):
                reached = sum(ours - theirs for w, ours, theirs in pairs if w >= level)
                misses += reached < 0
    return float(misses)


@claim(
    "one-shot-top-k",
    "Gumbel noise of scale k R / epsilon, added once, keeps the loss of the ordered list of the k "
    "largest sums below epsilon (by how much it is exceeded).",
    method="enumeration",
    bound=1e-9,
    control="scale R / epsilon, as for one",
    wrong={"scale": lambda k, change, epsilon: change / epsilon},
)
def one_shot_top_k(
    scale: Callable[[int, float, float], float] = lambda k, change, epsilon: k * change / epsilon,
) -> float:
    change, excess = 2.0, [0.0]
    for scores, epsilon, k in itertools.product(SCORES[:2], EPSILONS, (2, 3)):
        width = scale(k, change, epsilon)
        here = np.array(list(order_probabilities(scores / width, k).values()))
        for move in change / 2 * _moves((-1, 1)):
            there = order_probabilities((scores + move) / width, k)
            excess.append(float(privacy_loss(here, np.array(list(there.values())))) - epsilon)
    return float(max(excess))


def pairs_won(bits: int = 24) -> Callable[[float], float]:
    """P(a candidate wins that is so many nats behind), from all pairs of two uniforms' levels."""
    levels = 2**bits
    noise = -np.log(-np.log(np.arange(1, levels) / levels))

    def won(gap: float) -> float:
        ahead = noise[np.searchsorted(noise, noise[0] + gap, side="right") :] - gap
        return float(np.searchsorted(noise, ahead).sum() / noise.size**2)

    return won


def _exactly_won(gap: float) -> float:
    return float(special.expit(-gap))


@claim(
    "float32-privacy",
    "With Gumbel noise from uniforms of 24 bits and epsilon = 1 the loss of two candidates exceeds "
    "epsilon where they are 9 to 18.5 nats apart, and is infinite at 19 (gaps that miss it).",
    method="enumeration",
    bound=1.0,
    control="exact Gumbel noise",
    wrong={"made": lambda: _exactly_won},
)
def float32_privacy(made: Callable[[], Callable[[float], float]] = pairs_won) -> float:
    won = made()
    exceeded = [won(gap) > math.e * won(gap + 1) for gap in np.arange(9, 19, 0.5)]
    return float(exceeded.count(False) + (won(19) == 0 or won(20) > 0))


def _leaves(coin: Callable[..., bool], exponent: Fraction) -> Iterator[tuple[bool, Fraction]]:
    """What the coin shows on each path of its flips, with the path's probability."""
    paths: list[tuple[tuple[bool, ...], Fraction]] = [((), Fraction(1))]
    while paths:
        known, weight = paths.pop()
        if weight < Fraction(1, 10**14):
            continue
        taken = iter(known)
        asked: list[Fraction] = []

        def flip(share: Fraction, taken: Any = taken, asked: list[Fraction] = asked) -> bool:
            answer = next(taken, None)
            if answer is None:
                asked.append(share)
                raise StopIteration
            return bool(answer)

        try:
            yield coin(exponent, flip), weight
        except StopIteration:
            paths.append(((*known, True), weight * asked[0]))
            paths.append(((*known, False), weight * (1 - asked[0])))


@claim(
    "exact-coin",
    "The coin made of whole numbers shows heads with probability exp(-x), summed over all paths of "
    "probability 1e-14 or more.",
    method="enumeration",
    bound=1e-9,
    control="a coin that flips x each time in place of x / n",
    wrong={"exponents": [Fraction(1, 2)], "coin": lambda x, flip: _without_division(x, flip)},
)
def exact_coin(
    coin: Callable[..., bool] = exp_coin,
    exponents: Sequence[Fraction] = (Fraction(0), Fraction(1, 2), Fraction(1), Fraction(7, 3)),
) -> float:
    gaps = []
    for exponent in exponents:
        heads = sum(weight for shown, weight in _leaves(coin, exponent) if shown)
        with mpmath.workdps(50):
            exact = mpmath.exp(-mpmath.mpf(exponent.numerator) / exponent.denominator)
            gaps.append(float(abs(mpmath.mpf(heads.numerator) / heads.denominator - exact)))
    return max(gaps)


def _without_division(exponent: Fraction, flip: Callable[[Fraction], bool]) -> bool:
    length = 1
    while flip(exponent):
        length += 1
    return length % 2 == 1
