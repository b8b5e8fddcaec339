"""The claims of private_selection refuse plausible mistakes; the mechanisms; the interactive."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.private_selection.claims import pairs_won
from gumbel_lib.chapters.private_selection.figures import coarse
from gumbel_lib.chapters.private_selection.interactive import LAWS, VOTES
from gumbel_lib.chapters.private_selection.model import (
    exp_coin,
    flip_probabilities,
    permute_and_flip,
    worst_loss,
)
from gumbel_lib.claims import chi_square
from gumbel_lib.trick import argmax_probabilities

CLAIMS = claims_of("private_selection")
SD = np.pi / np.sqrt(6)
NOISE = {
    "Gumbel": stats.gumbel_r,
    "exponential": stats.expon,
    "Laplace": stats.laplace,
    "Normal": stats.norm(scale=SD),
}


def with_replacement(weights):
    return [weight / sum(weights) for weight in weights]


def even_length(exponent, flip):
    return not exp_coin(exponent, flip)


def whole_part_left_out(exponent, flip):
    return exp_coin(exponent % 1, flip)


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("exponential-mechanism-loss", {"noise": stats.expon}),
        ("exponential-mechanism-loss", {"noise": stats.gumbel_r(scale=1.001)}),
        (
            "exponential-mechanism-loss",
            {"formula": lambda p, e: -np.log(p + (1 - p) * np.exp(-e))},
        ),
        ("exponential-mechanism-loss", {"formula": lambda p, e: np.log(p * np.exp(e) + 1 - p)}),
        ("noisy-max-private", {"laws": [stats.gumbel_l]}),
        ("noisy-max-private", {"laws": [stats.norm]}),
        ("noisy-max-private", {"laws": [stats.uniform(scale=4)]}),
        ("noisy-max-private", {"scale": lambda change, epsilon: change / 2 / epsilon}),
        ("noisy-max-private", {"scale": lambda change, epsilon: 0.99 * change / epsilon}),
        ("monotone-scores", {"scale": lambda epsilon: 1 / (2 * epsilon)}),
        ("monotone-scores", {"scale": lambda epsilon: 0.99 / epsilon}),
        ("monotone-scores", {"directions": [(-1, 0, 1)]}),
        ("permute-and-flip", {"noise": stats.laplace}),
        ("permute-and-flip", {"noise": stats.expon(scale=2)}),
        ("permute-and-flip", {"coin": lambda behind: np.exp(-behind / 2)}),
        (
            "permute-and-flip-dominates",
            {"mechanism": with_replacement, "rival": flip_probabilities},
        ),
        (
            "permute-and-flip-dominates",
            {"mechanism": lambda weights: [Fraction(1, len(weights))] * len(weights)},
        ),
        ("one-shot-top-k", {"scale": lambda k, change, epsilon: k * change / 2 / epsilon}),
        ("one-shot-top-k", {"scale": lambda k, change, epsilon: k**0.5 * change / epsilon}),
        ("float32-privacy", {"made": lambda: pairs_won(20)}),
        ("exact-coin", {"coin": even_length}),
        ("exact-coin", {"coin": whole_part_left_out}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


class TestWorstLoss:
    def test_two_candidates_have_the_loss_of_the_logistic(self):
        gaps = np.array([0.0, 1.0, 6.0])
        tail = stats.logistic.sf
        worst = worst_loss(np.stack([gaps, 0 * gaps], axis=-1), stats.gumbel_r, 0.7)
        assert worst == pytest.approx(np.log(tail(gaps) / tail(gaps + 0.7)), abs=1e-7)

    def test_a_batch_has_the_loss_of_its_rows(self):
        rows = np.random.default_rng(0).normal(size=(2, 3, 4))
        whole = worst_loss(rows, stats.gumbel_r, 1)
        assert whole.shape == (2, 3)
        assert whole[1, 2] == pytest.approx(worst_loss(rows[1, 2], stats.gumbel_r, 1), abs=1e-7)

    def test_masked_and_single_candidates_lose_nothing(self):
        assert worst_loss([5.0], stats.gumbel_r, 1) == pytest.approx(0, abs=1e-9)
        masked = worst_loss([2.0, 0.0, -np.inf], stats.gumbel_r, 1)
        assert masked == pytest.approx(worst_loss([2.0, 0.0], stats.gumbel_r, 1), abs=1e-9)

    def test_noise_of_bounded_support_loses_all(self):
        assert worst_loss([1.5, 0.0], stats.uniform(scale=2), 1) == np.inf

    @pytest.mark.parametrize("change", [0, -1, np.inf, np.nan])
    def test_a_change_that_is_not_positive_is_refused(self, change):
        with pytest.raises(ValueError, match="change"):
            worst_loss([1.0, 0.0], stats.gumbel_r, change)

    @pytest.mark.parametrize("law", LAWS)
    @pytest.mark.parametrize("size", [2, 3, 4])
    def test_a_ballot_that_moves_attains_it_for_two_candidates_only(self, law, size):
        """One that moves changes a single difference by 2, the others by 1 or 0."""
        scores = np.array([1.5, 0.5, -1.5, 0.0])[:size]
        ones = np.eye(size)
        moves = [ones[j] - ones[i] for i in range(size) for j in range(size) if i != j]
        here, there = (argmax_probabilities(x, NOISE[law]) for x in (scores, scores + moves))
        loss, bound = np.abs(np.log(there / here)).max(), worst_loss(scores, NOISE[law], 2)
        if size == 2:
            assert loss == pytest.approx(bound, abs=1e-7)
        else:
            assert loss < bound - 1e-3


def test_coarse_noise_loses_all_from_epsilon_before_its_span():
    bits = 12
    uniform = np.array([1, 2**bits - 1]) / 2**bits
    span, won = np.ptp(-np.log(-np.log(uniform))), pairs_won(bits)
    for epsilon in (0.3, 1):
        edge = span - epsilon
        assert won(edge - 1e-6 + epsilon) > 0
        assert won(edge + 1e-6 + epsilon) == 0 < won(edge + 1e-6)
        figure = coarse(np.array([8.0]), np.ones(1), np.ones(1), epsilon, edge)
        assert f"infinite beyond {edge:.2f}." in figure.description


@pytest.mark.parametrize("exponent", [Fraction(0), Fraction(1, 2), Fraction(1), Fraction(17, 4)])
def test_heads_come_with_probability_exp(exponent):
    """At z = 5 a right coin fails once in 1.7 million; one off by 0.008 at exp(-1/2) is seen."""
    rng = np.random.default_rng(1)

    def flip(share):
        return rng.integers(share.denominator) < share.numerator

    n, p = 100_000, float(np.exp(-float(exponent)))
    heads = sum(exp_coin(exponent, flip) for _ in range(n))
    assert abs(heads - n * p) <= 5 * np.sqrt(n * p * (1 - p))


def test_the_exact_choice_has_the_law_of_permute_and_flip():
    """Chi-square at 1e-4."""
    scores, rate = [12, 11, 9], Fraction(2, 3)
    below = np.random.default_rng(2).integers
    drawn = np.array([permute_and_flip(scores, rate, below) for _ in range(20_000)])
    law = flip_probabilities(np.exp(float(rate) * (np.array(scores) - 12.0)).tolist())
    assert chi_square(drawn, np.array(law)) < stats.chi2.isf(1e-4, 2)


@pytest.mark.parametrize(
    ("scores", "rate"),
    [
        (np.array([100, -100], np.int8), Fraction(1, 100)),
        (np.array([255, 0], np.uint8), Fraction(1, 100)),
        ([3, 0], 1),
    ],
)
def test_the_exact_choice_takes_whole_numbers_of_any_type(scores, rate):
    """NumPy's would wrap around in the differences, and an int would not divide exactly."""
    given, plain = (np.random.default_rng(3).integers for _ in range(2))
    values = [int(score) for score in scores]
    for _ in range(50):
        chosen = permute_and_flip(scores, rate, given)
        assert chosen == permute_and_flip(values, Fraction(rate), plain)


@pytest.mark.parametrize(
    ("scores", "rate", "error", "name"),
    [
        ([1, 0], 1.0, TypeError, "rate"),
        ([1, 0], "1", TypeError, "rate"),
        ([1, 0], Fraction(0), ValueError, "rate"),
        ([1, 0], Fraction(-1, 2), ValueError, "rate"),
        ([], Fraction(1), ValueError, "scores"),
        ([1, 0.5], Fraction(1), TypeError, "scores"),
        (np.array([1.0, 0.0]), Fraction(1), TypeError, "scores"),
        ([float("nan")], Fraction(1), TypeError, "scores"),
    ],
)
def test_the_exact_choice_refuses_what_it_cannot_compute(scores, rate, error, name):
    with pytest.raises(error, match=f"^{name}: expected"):
        permute_and_flip(scores, rate, np.random.default_rng(0).integers)


class TestInteractive:
    """The interactive of private_selection agrees with the library."""

    @pytest.mark.parametrize("law", LAWS)
    def test_the_worst_ratio_is_the_librarys(self, interactive, law):
        chart = interactive("private_selection")
        chart.set("noise", law)
        for epsilon, votes in ((1, 1), (0.3, 0), (2, 3), (1, 8)):
            chart.set("ε", epsilon)
            chart.set("votes apart", votes)
            worst = np.exp(worst_loss([epsilon * votes, 0.0], NOISE[law], epsilon))
            assert chart.numbers["ratio"] == pytest.approx(worst, rel=1e-4)
            above = worst > np.exp(epsilon) * (1 + 1e-6)
            assert ("ABOVE" in chart.words) == above

    def test_only_normal_noise_breaks_the_promise(self, interactive):
        chart = interactive("private_selection")
        for law in LAWS:
            chart.set("noise", law)
            broken = []
            for votes in range(VOTES + 1):
                chart.set("votes apart", votes)
                broken.append("ABOVE" in chart.words)
            assert any(broken) == (law == "Normal")

    def test_the_votes_can_be_dragged(self, interactive):
        chart = interactive("private_selection")
        chart.drag("votes", 7)
        assert "7 votes apart" in chart.words
