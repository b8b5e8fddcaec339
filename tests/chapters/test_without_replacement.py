"""The claims of without_replacement refuse plausible mistakes; its exact laws are the truth."""

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib import ngram
from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.without_replacement import model
from gumbel_lib.chapters.without_replacement.claims import PROBS, share_first
from gumbel_lib.sampling import order_probabilities, threshold_weights

CLAIMS = claims_of("without_replacement")


def by_products(logits, k):
    """Each order as likely as the product of its probabilities."""
    probs = special.softmax(logits)
    orders = {order: probs[list(order)].prod() for order in order_probabilities(logits, k)}
    return {order: mass / sum(orders.values()) for order, mass in orders.items()}


def from_the_lattice_of_each(n, u):
    """One code in each cell of the lattice, with a shift of its own."""
    return (np.arange(n) + np.random.default_rng(int(1e6 * u)).random(n)) / n


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("all-orders", {"noise": stats.norm}),
        ("all-orders", {"noise": stats.gumbel_l}),
        ("all-orders", {"noise": stats.gumbel_r(scale=1.001)}),
        ("all-orders", {"exact": by_products}),
        ("set-law", {"few": (3, 2, 2)}),
        ("set-law", {"more": (1, 1, 1, 1)}),
        ("inclusion-probabilities", {"probability": lambda x, k: k * special.softmax(x)}),
        (
            "inclusion-probabilities",
            {"probability": lambda x, k: np.minimum(1, k * special.softmax(x))},
        ),
        ("threshold-weights", {"weight": lambda p, kappa: np.maximum(p, np.exp(kappa))}),
        ("threshold-weights", {"weight": lambda p, kappa: p / -np.expm1(-np.exp(-kappa))}),
        ("unordered-set-mean", {"shares": lambda p, s: share_first(p, s) ** 2}),
        ("unordered-set-mean", {"shares": lambda p, s: p[list(s)]}),
        ("unordered-set-mean", {"shares": lambda p, s: np.full(len(s), 1 / len(s))}),
        ("top-down-maxima", {"given": lambda x, m: np.minimum(x, m[:, None])}),
        (
            "top-down-maxima",
            {"given": lambda x, m: np.where(x == x.max(1)[:, None], m[:, None], x)},
        ),
        ("arithmetic-sampling", {"codes": lambda n, u: (np.arange(n) + 0.5) / n}),
        ("arithmetic-sampling", {"codes": lambda n, u: np.arange(n) / n * u}),
        ("arithmetic-sampling", {"codes": from_the_lattice_of_each}),
        ("gumbel-planning", {"best": lambda x, q, k: special.softmax(x) @ q - 1e-6}),
        ("gumbel-planning", {"noise": stats.norm}),
        ("gumbel-planning", {"noise": stats.gumbel_l}),
        ("gumbel-planning", {"sigma": lambda q: 2.001 * q}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_sets_have_the_law_of_their_orders(k):
    law = model.sets_and_threshold(PROBS, k)
    exact = np.zeros(len(law.members))
    row = {tuple(np.flatnonzero(members)): i for i, members in enumerate(law.members)}
    for order, prob in order_probabilities(np.log(PROBS), k).items():
        exact[row[tuple(sorted(order))]] += prob
    assert np.allclose(law.mass.sum(axis=1), exact, rtol=0, atol=1e-12)
    assert np.allclose(model.order_free(PROBS, law.members), exact, rtol=0, atol=1e-12)


def test_the_threshold_has_the_law_of_the_next_key():
    """Its mean and spread from 200,000 draws; a right law fails with probability 6e-7 each."""
    law = model.sets_and_threshold(PROBS, 3)
    mass = law.mass.sum(axis=0)
    mean = mass @ law.threshold
    spread = np.sqrt(mass @ (law.threshold - mean) ** 2)
    keys = np.log(PROBS) + np.random.default_rng(0).gumbel(size=(200_000, 6))
    drawn = np.sort(keys, axis=1)[:, 2]
    assert abs(drawn.mean() - mean) < 5 * spread / np.sqrt(len(drawn))
    fourth = mass @ (law.threshold - mean) ** 4
    error = np.sqrt((fourth - spread**4) / len(drawn))
    assert abs(drawn.var() - spread**2) < 5 * error


def test_the_law_of_words_is_that_of_all_words():
    text = "ab a ba abb b bab ab a "
    small = ngram.train(f" {text}", 3, alphabet=" ab")
    step = model.next_letter(small, 0.7)
    exact = model.exact_words(step, 6, alphabet=3, memory=2)
    lengths, entropy, words = 0.0, 0.0, [((0,), 0.0)]
    squares = 0.0
    for place in range(7):
        longer = []
        for word, log_prob in words:
            if place == 6 or (len(word) > 1 and word[-1] == 0):
                letters = sum(symbol != 0 for symbol in word)
                lengths += np.exp(log_prob) * letters
                squares += np.exp(log_prob) * letters**2
                entropy -= np.exp(log_prob) * log_prob
                continue
            row = special.log_softmax(step(np.array([word]))[0])
            longer += [((*word, s), log_prob + row[s]) for s in range(3) if row[s] > -np.inf]
        words = longer
    spread = np.sqrt(squares - lengths**2)
    assert exact == pytest.approx((lengths, spread, entropy), rel=1e-10)


class TestInteractive:
    """The interactive of without_replacement agrees with the library."""

    def test_the_weights_are_the_library_s(self, interactive):
        chart = interactive("without_replacement")
        table = {(row["row"], row["place"]): row for row in chart.data}
        for k, number in ((1, 1), (3, 1), (5, 7), (2, 20)):
            chart.set("words drawn, k", k)
            chart.set("draw of the noise", number)
            rows = [table[number, place] for place in range(6)]
            p, f, g = (np.array([row[name] for row in rows]) for name in ("p", "f", "g"))
            keys = np.log(p) + g
            order = np.argsort(-keys)
            w = threshold_weights(np.log(p[order[:k]]), keys[order[k]])
            numbers = chart.numbers
            assert numbers["kappa"] == pytest.approx(keys[order[k]], abs=1e-6)
            assert numbers["total"] == pytest.approx(w.sum(), abs=1e-6)
            assert numbers["estimate"] == pytest.approx(w @ f[order[:k]], abs=1e-6)
            assert numbers["mass"] == pytest.approx(p[order[:k]].sum(), abs=1e-6)
            assert numbers["truth"] == pytest.approx(p @ f, abs=1e-6)
            assert f"k = {k}, draw {number}" in chart.words
