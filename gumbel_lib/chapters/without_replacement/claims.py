"""Claims of the chapter without_replacement: sets, weights, sequences and planning."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special, stats

from ..._checks import Floats
from ...claims import NORMAL, chi_square, chi_square_power, claim
from ...noise import standard_gumbel
from ...sampling import given_maximum as divide
from ...sampling import (
    gumbel_top_k,
    order_probabilities,
    sequences_from_codes,
    stochastic_beam_search,
)
from ...sampling import inclusion_probabilities as included
from ...trick import argmax_probabilities
from .model import came_first, sets_and_threshold

PROBS = np.array([0.35, 0.25, 0.2, 0.1, 0.06, 0.04])


@claim(
    "all-orders",
    "With Gumbel noise every order of the k largest perturbed logits has Plackett and Luce's "
    "probability, for all k of four classes.",
    method="quadrature",
    bound=1e-7,
    control="Normal noise of the same variance",
    wrong={"noise": NORMAL},
)
def all_orders(
    noise: Any = stats.gumbel_r, exact: Callable[..., Any] = order_probabilities
) -> float:
    logits = np.array([0.9, 0.0, -0.4, -1.5])
    x = np.linspace(-14, 46, 12_001)
    gaps = []
    for k in (1, 2, 3, 4):
        for order, prob in exact(logits, k).items():
            rest = np.delete(logits, list(order))
            below = noise.cdf(x[:, None] - rest).prod(axis=1)
            for index in reversed(order):  # the class lies at x and those after it lie below
                below = integrate.cumulative_simpson(
                    noise.pdf(x - logits[index]) * below, x=x, initial=0
                )
            gaps.append(abs(below[-1] - prob))
    return float(max(gaps))


@claim(
    "set-law",
    "For the probabilities 1/2, 1/3, 1/6, Gumbel-top-2 and independent choices with these odds, "
    "kept when they are two, differ by 5/132 in total variation. For 4, 3, 2 and 1 tenths, no odds "
    "of independent choices give the law of Gumbel-top-2.",
    method="exact arithmetic",
    bound=1e-9,
    control="equal probabilities, for which the two laws are the same",
    wrong={"few": (1, 1, 1), "more": (1, 1, 1, 1)},
)
def set_law(few: tuple[int, ...] = (3, 2, 1), more: tuple[int, ...] = (4, 3, 2, 1)) -> float:
    def pair(weights: tuple[int, ...], a: int, b: int) -> Fraction:
        first, second, total = weights[a], weights[b], sum(weights)
        both = Fraction(first * second, total)
        return both / (total - first) + both / (total - second)

    pairs = list(itertools.combinations(range(3), 2))
    together = {s: Fraction(few[s[0]] * few[s[1]]) for s in pairs}
    norm = sum(together.values(), Fraction(0))
    gaps = [abs(pair(few, *s) - together[s] / norm) for s in pairs]
    distance = sum(gaps, Fraction(0)) / 2
    # If pairs had weights w_a w_b, these two products would be the same.
    cross = pair(more, 0, 1) * pair(more, 2, 3) - pair(more, 0, 2) * pair(more, 1, 3)
    return float(abs(distance - Fraction(5, 132))) + float(cross == 0)


@claim(
    "inclusion-probabilities",
    "The probability to be among k drawn without replacement is the integral over the class's own "
    "arrival of the probability that fewer than k others have come.",
    method="quadrature",
    bound=1e-10,
    control="1 - (1 - p)^k, for k draws with replacement",
    wrong={"probability": lambda logits, k: 1 - (1 - special.softmax(logits)) ** k},
)
def inclusion_integral(probability: Callable[[Floats, int], Floats] = included) -> float:
    gaps = []
    for logits in (np.log(PROBS), np.array([3.0, -4.0, 0.0, 9.0, -1.0]), np.zeros(4)):
        for k in range(1, logits.size + 1):
            exact = np.zeros(logits.size)
            for order, prob in order_probabilities(logits, k).items():
                exact[list(order)] += prob
            gaps.append(np.abs(probability(logits, k) - exact).max())
    return float(max(gaps))


@claim(
    "threshold-weights",
    "The weights p_i / P(l_i + g > threshold) of the classes drawn have the mean p_i, and for "
    "k >= 2 the weights of two classes have the mean product p_i p_j.",
    method="quadrature",
    bound=1e-9,
    control="the smallest key drawn as the threshold, in place of the next one",
    wrong={"own": True},
)
def weights(
    own: bool = False,
    weight: Callable[[Floats, Floats], Floats] = lambda p, kappa: (
        p / -np.expm1(-p * np.exp(-kappa))
    ),
) -> float:
    """With `own`, k - 1 classes have come before the threshold, which is the k-th one's key."""
    gaps = []
    for probs, k in ((PROBS, 3), (PROBS, 5), (np.array([0.9, 0.06, 0.03, 0.01]), 2)):
        sets = sets_and_threshold(probs, k - own)
        each = weight(probs[:, None], sets.threshold)
        mean = ((sets.members.T @ sets.mass) * each).sum(axis=1)
        if own:
            # Of those that have not come, each may come next, in proportion to its probability.
            late = np.where(sets.members, 0.0, probs)
            late /= late.sum(axis=1, keepdims=True)
            mean += ((late.T @ sets.mass) * each).sum(axis=1)
        gaps.append(np.abs(mean - probs).max())
        for i, j in itertools.combinations(range(probs.size), 2):
            both = (sets.members[:, i] & sets.members[:, j]) @ sets.mass
            gaps.append(abs((both * each[i] * each[j]).sum() - probs[i] * probs[j]))
    return float(max(gaps))


def share_first(probs: Floats, drawn: tuple[int, ...]) -> Floats:
    """P(it came first, given the set) of each class drawn."""
    row = np.zeros((1, probs.size), bool)
    row[0, list(drawn)] = True
    result: Floats = came_first(probs, row)[0, list(drawn)]
    return result


def _own_shares(probs: Floats, drawn: tuple[int, ...]) -> Floats:
    own: Floats = probs[list(drawn)] / probs[list(drawn)].sum()
    return own


@claim(
    "unordered-set-mean",
    "Given the set drawn, the sum of f_s P(s came first, given the set) is the mean of f of the "
    "class drawn first, and also the mean of sum-and-sample, for all sets of 2, 3 and 4 of six "
    "classes.",
    method="enumeration",
    bound=1e-10,
    control="the probabilities themselves, divided by their sum over the set",
    wrong={"shares": _own_shares},
)
def unordered_mean(
    shares: Callable[[Floats, tuple[int, ...]], Floats] = share_first,
) -> float:
    values = np.array([1.0, -2.0, 0.5, 4.0, 7.0, -3.0])
    gaps = []
    for k in (2, 3, 4):
        sums: dict[tuple[int, ...], Floats] = {}
        for order, prob in order_probabilities(np.log(PROBS), k).items():
            known = list(order[:-1])
            summed = PROBS[known] @ values[known] + (1 - PROBS[known].sum()) * values[order[-1]]
            found = prob * np.array([1.0, values[order[0]], summed])
            key = tuple(sorted(order))
            sums[key] = sums.get(key, np.zeros(3)) + found
        for drawn, (mass, first, summed) in sums.items():
            estimate = shares(PROBS, drawn) @ values[list(drawn)]
            gaps += [abs(estimate - first / mass), abs(estimate - summed / mass)]
    return float(max(gaps))


CELLS, SEARCHES = 4, 100_000
LEAVES = 27


def _moved(perturbed: Floats, maximum: Floats) -> Floats:
    moved: Floats = perturbed + (maximum - perturbed.max(axis=-1))[..., None]
    return moved


@claim(
    "top-down-maxima",
    "Three perturbed logits, given a maximum that is a Gumbel at their log-sum-exp, are "
    "independent Gumbels at their logits.",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=CELLS**3 - 1)),
    control="all of them moved by the same amount, so that their maximum is the one given",
    wrong={"given": _moved},
    power=chi_square_power(np.full(CELLS**3, 1 / CELLS**3), SEARCHES, 0.003),
)
def top_down_maxima(given: Callable[[Floats, Floats], Floats] = divide) -> float:
    rng = np.random.default_rng(3)
    logits = np.array([1.0, 0.0, -2.0])
    perturbed = logits + standard_gumbel((SEARCHES, 3), rng=rng)
    maximum = special.logsumexp(logits) + standard_gumbel(SEARCHES, rng=rng)
    level = np.exp(-np.exp(logits - given(perturbed, maximum)))  # uniform and independent
    cells = np.minimum((CELLS * level).astype(int), CELLS - 1) @ [CELLS**2, CELLS, 1]
    return chi_square(cells, np.full(CELLS**3, 1 / CELLS**3))


def small_tree(prefixes: NDArray[np.int64]) -> Floats:
    """A next-symbol function of three symbols that looks at the whole prefix."""
    place = 1.5 * prefixes.sum(axis=1) + prefixes.shape[1]
    return np.stack([np.sin(place), np.cos(2 * place), 0.3 * np.ones(len(prefixes))], axis=1)


def leaves(step: Callable[..., Floats], size: int, length: int) -> tuple[Any, Floats]:
    """All sequences of a length, with their log-probabilities."""
    sequences = np.indices((size,) * length).reshape(length, -1).T
    each = np.arange(len(sequences))
    logs = [
        special.log_softmax(step(sequences[:, :m]), axis=1)[each, sequences[:, m]]
        for m in range(length)
    ]
    return sequences, np.sum(logs, axis=0)


def _search(step: Callable[..., Floats], searches: int, rng: Any) -> NDArray[np.int64]:
    start = np.zeros((searches, 0), int)
    return stochastic_beam_search(step, 2, length=3, rng=rng, start=start).sequences


def fresh_noise(step: Callable[..., Floats], searches: int, rng: Any) -> NDArray[np.int64]:
    """A search that adds new noise to the log-probabilities of every level."""
    sequences, log_probs = np.zeros((searches, 1, 0), int), np.zeros((searches, 1))
    for _ in range(3):
        width = sequences.shape[1]
        following = step(sequences.reshape(searches * width, -1))
        following = special.log_softmax(following, axis=1).reshape(searches, width, -1)
        children = (log_probs[..., None] + following).reshape(searches, -1)
        chosen = gumbel_top_k(children, standard_gumbel(children.shape, rng=rng), 2)
        log_probs = np.take_along_axis(children, chosen, axis=1)
        before = np.take_along_axis(sequences, (chosen // 3)[..., None], axis=1)
        sequences = np.concatenate([before, (chosen % 3)[..., None]], axis=2)
    return sequences


_PAIRS = order_probabilities(leaves(small_tree, 3, 3)[1], 2)


@claim(
    "beam-search-pairs",
    "Stochastic beam search draws ordered pairs of the 27 sequences of a small tree as "
    "Gumbel-top-2 over all sequences does.",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=LEAVES * (LEAVES - 1) - 1)),
    control="fresh noise at each level",
    wrong={"search": fresh_noise},
    power=chi_square_power(np.array(list(_PAIRS.values())), SEARCHES, 0.005),
)
def beam_search_pairs(search: Callable[..., NDArray[np.int64]] = _search) -> float:
    drawn = search(small_tree, SEARCHES, np.random.default_rng(5)) @ [9, 3, 1]
    number = np.full((LEAVES, LEAVES), -1)
    number[tuple(np.array(list(_PAIRS)).T)] = np.arange(len(_PAIRS))
    return chi_square(number[tuple(drawn.T)], np.array(list(_PAIRS.values())))


@claim(
    "arithmetic-sampling",
    "Of n codes (i + u)/n modulo 1, each sequence s gets n p(s), rounded up or down, and exactly "
    "n p(s) on average over u.",
    method="floating point",
    bound=1e-3,
    control="n independent codes",
    wrong={"codes": lambda n, u: np.random.default_rng(int(1e6 * u)).random(n)},
)
def arithmetic_sampling(
    codes: Callable[[int, float], Floats] = lambda n, u: (np.arange(n) + u) / n % 1,
) -> float:
    probs = np.exp(leaves(small_tree, 3, 3)[1])
    gaps, n, shifts = [0.0], 7, 5000
    drawn = sequences_from_codes(
        small_tree,
        np.concatenate([codes(n, (i + 0.5) / shifts) for i in range(shifts)]),
        length=3,
    )[0]
    counts = np.zeros((shifts, LEAVES))
    leaf = np.asarray(drawn @ [9, 3, 1], np.int64)
    np.add.at(counts, (np.repeat(np.arange(shifts), n), leaf), 1)
    gaps.append(np.maximum(np.abs(counts - n * probs) - 1, 0).max())
    gaps.append(np.abs(counts.mean(axis=0) - n * probs).max())  # in steps of 1 / shifts
    return float(max(gaps))


def bandits(number: int) -> list[tuple[Floats, Floats]]:
    """Random logits of a policy over two to six actions, with the actions' values."""
    rng = np.random.default_rng(8)
    sizes = rng.integers(2, 7, number)
    return [(rng.normal(scale=2, size=n), rng.normal(size=n)) for n in sizes]


def best_in_mean(logits: Floats, values: Floats, k: int) -> float:
    """The mean of the largest value among the Gumbel-top-k."""
    orders = order_probabilities(logits, k)
    return sum(prob * float(values[list(order)].max()) for order, prob in orders.items())


def _likeliest(logits: Floats, values: Floats, k: int) -> float:
    return float(values[np.argsort(-logits)[:k]].max())


@claim(
    "gumbel-planning",
    "The best of the Gumbel-top-k actions has in the mean at least the mean value of the policy, "
    "for all k. With all actions looked at, the action with the largest l + g + sigma(q) is drawn "
    "from softmax(l + sigma(q)). Both for 30 random choices of logits and values.",
    method="quadrature",
    bound=1e-9,
    control="the k likeliest actions, without noise",
    wrong={"best": _likeliest},
)
def gumbel_planning(
    best: Callable[[Floats, Floats, int], float] = best_in_mean,
    noise: Any = stats.gumbel_r,
    sigma: Callable[[Floats], Floats] = lambda q: 2 * q,
) -> float:
    gaps, given = [], bandits(30)
    # All choices in one batch, which shares the quadrature: an action that is missing cannot win.
    shifted, expected = np.full((2, len(given), 6), -np.inf)
    for i, (logits, values) in enumerate(given):
        mean = float(special.softmax(logits) @ values)
        gaps += [max(mean - best(logits, values, k), 0.0) for k in range(1, logits.size + 1)]
        shifted[i, : logits.size] = logits + sigma(values)
        expected[i, : logits.size] = logits + 2 * values
    drawn = argmax_probabilities(shifted, noise)
    gaps.append(float(np.abs(drawn - special.softmax(expected, axis=-1)).max()))
    return max(gaps)
