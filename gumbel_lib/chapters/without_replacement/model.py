"""What the chapter without_replacement estimates from: exact laws of sets, and a model of words."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ... import ngram
from ..._checks import Floats
from ...sampling import inclusion_probabilities


class Sets(NamedTuple):
    """The k classes drawn, and the threshold: all sets, and nodes of the time of the threshold.

    Attributes
    ----------
    members : numpy.ndarray of bool (sets, K)
        Which classes each set holds.
    threshold : numpy.ndarray (nodes,)
        The k + 1st largest perturbed log-probability.
    mass : numpy.ndarray (sets, nodes)
        Probability of the set with the threshold near the node, of sum 1.
    """

    members: NDArray[np.bool_]
    threshold: Floats
    mass: Floats


def sets_and_threshold(probs: Floats, k: int) -> Sets:
    """Every set of k classes with the law of its threshold, by quadrature, for k < K.

    In a race of exponential times the members have come by the time t, and the first of the others
    comes then.
    """
    x = np.arange(-40.0, 4.0 - np.log(probs.min()), 0.1)  # the logarithm of the time
    t = np.exp(x)
    members = np.zeros((special.comb(probs.size, k, exact=True), probs.size), bool)
    for row, chosen in zip(members, combinations(range(probs.size), k), strict=True):
        row[list(chosen)] = True
    come = np.where(members[:, :, None], -np.expm1(-probs[:, None] * t), 1.0).prod(axis=1)
    rest = np.where(members, 0.0, probs).sum(axis=1)[:, None]
    return Sets(members, -x, 0.1 * come * rest * t * np.exp(-rest * t))


def order_free(probs: Floats, members: NDArray[np.bool_]) -> Floats:
    """P(the first classes drawn are those of the set), for each row (sets, K) of members.

    The sum over all orders, by adding one class after another to the sets of fewer.
    """
    chances = {frozenset[int](): 1.0}

    def chance(chosen: frozenset[int]) -> float:
        if chosen not in chances:
            chances[chosen] = sum(
                chance(chosen - {last}) * probs[last] / (1 - probs[list(chosen - {last})].sum())
                for last in chosen
            )
        return chances[chosen]

    return np.array([chance(frozenset(np.flatnonzero(row).tolist())) for row in members])


def came_first(probs: Floats, members: NDArray[np.bool_]) -> Floats:
    """P(the class was drawn first, given the set), (sets, K), which is 0 for the others."""
    chance = order_free(probs, members)
    result = np.zeros(members.shape)
    for s, p in enumerate(probs):
        others = order_free(np.delete(probs, s) / (1 - p), np.delete(members, s, axis=1))
        result[:, s] = np.where(members[:, s], p * others / chance, 0)
    return result


def estimates(probs: Floats, values: Floats, k: int) -> tuple[Floats, dict[str, Floats]]:
    """The mass of `sets_and_threshold`, and estimates of the mean as tables that go with it."""
    members, threshold, mass = sets_and_threshold(probs, k)
    weights = probs[:, None] / -np.expm1(-probs[:, None] * np.exp(-threshold))
    weighted = (members * values) @ weights
    included = inclusion_probabilities(np.log(probs), k)
    return mass, {
        "threshold weights": weighted,
        "the same, normalised": weighted / (members @ weights),
        "exact inclusion probabilities": (members @ (probs / included * values))[:, None],
        "unordered set": (came_first(probs, members) @ values)[:, None],
        "plain average": (members @ values / k)[:, None],
    }


SPACE = 0  # ends a word


def words(order: int = 4) -> ngram.NGram:
    """A model of the corpus's words: letters, with a space behind each word."""
    text = re.sub("[^a-z]+", " ", ngram.corpus())
    return ngram.train(text, order, alphabet=" abcdefghijklmnopqrstuvwxyz")


def next_letter(model: ngram.NGram, temperature: float) -> Callable[[NDArray[np.int64]], Floats]:
    """The step of a search: the law of the next letter at a temperature; a word is not empty."""

    def step(prefixes: NDArray[np.int64]) -> Floats:
        logits = model.log_probs(prefixes) / temperature
        logits[prefixes[:, -1] == SPACE, SPACE] = -np.inf
        return logits

    return step


class WordLaw(NamedTuple):
    """Exact numbers of the words of a model: mean and standard deviation of length, and entropy."""

    length: float
    spread: float
    entropy: float


def exact_words(
    step: Callable[[NDArray[np.int64]], Floats], longest: int, alphabet: int, memory: int
) -> WordLaw:
    """The law of the length, and the entropy, passed on from letter to letter over all states.

    A state is the last `memory` symbols, which is all that the step may look at. Before the word
    stand spaces: the text of the model has no two in a row, so they tell it what one space does.
    """
    states = np.indices((alphabet,) * memory).reshape(memory, -1).T
    law = special.softmax(step(states), axis=1)
    entropies = special.entr(law).sum(axis=1)
    onward = np.arange(len(states))[:, None] * alphabet % len(states) + np.arange(alphabet)
    mass: Floats = np.zeros(len(states))
    mass[0] = 1
    ends, entropy = np.zeros(longest), 0.0
    for letters in range(longest):
        entropy += float(mass @ entropies)
        joint = mass[:, None] * law
        ends[letters] = joint[:, SPACE].sum()
        joint[:, SPACE] = 0
        mass = np.bincount(onward.ravel(), joint.ravel()).astype(np.float64)
    # What has not ended is cut off, all letters.
    letters_of, share = np.arange(longest + 1), np.append(ends, mass.sum())
    mean = float(letters_of @ share)
    return WordLaw(mean, float(np.sqrt((letters_of - mean) ** 2 @ share)), entropy)
