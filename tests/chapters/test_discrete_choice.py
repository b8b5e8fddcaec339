"""The claims of discrete_choice refuse plausible mistakes."""

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib import choice, standard_gumbel
from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.discrete_choice import claims, travel
from gumbel_lib.trick import argmax_probabilities

CLAIMS = claims_of("discrete_choice")
SD = np.pi / np.sqrt(6)


def independent(nests, lam, size, rng):
    """Noise of scale lambda, without the part that a nest shares."""
    return lam[nests] * standard_gumbel((size, len(nests)), rng=rng)


def undamped(nests, lam, size, rng):
    """The shared part added to Gumbel noise of scale 1."""
    noise = choice.nested_noise(nests, lam, size, rng=rng)
    return noise + (1 - lam[nests]) * standard_gumbel((size, len(nests)), rng=rng)


def shared_gumbel(nests, lam, size, rng):
    """A Gumbel in the place of the logarithm of a stable number, of the right correlation."""
    shared = standard_gumbel((size, len(lam)), rng=rng)[:, nests]
    own = standard_gumbel((size, len(nests)), rng=rng)
    return lam[nests] * own + np.sqrt(1 - lam[nests] ** 2) * shared


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("iia", {"noise": stats.logistic}),
        ("iia", {"noise": stats.gumbel_l}),
        ("scale-and-taste", {"scales": lambda c, s: s / c}),
        ("scale-and-taste", {"scales": lambda c, s: c**2 * s}),
        ("scale-and-taste", {"scales": lambda c, s: s + c}),
        ("expected-maximum", {"location": np.mean}),
        ("expected-maximum", {"location": lambda V: V.max() + np.log(V.size)}),
        ("expected-maximum", {"cdf": stats.norm(scale=SD).cdf}),
        ("maximum-gradient", {"law": lambda V, noise: argmax_probabilities(V, stats.norm)}),
        ("maximum-gradient", {"law": lambda V, noise: np.eye(V.size)[V.argmax()]}),
        ("maximum-gradient", {"nested": special.softmax}),
        (
            "maximum-gradient",
            {"nested": lambda V: choice.nested_probabilities(V, claims.NESTS, [1, 0.41, 0.75])},
        ),
        ("nested-law", {"law": special.softmax}),
        (
            "nested-law",
            {"law": lambda V: choice.nested_probabilities(V, claims.NESTS, [1, 0.75, 0.4])},
        ),
        (
            "nested-law",
            {"law": lambda V: choice.nested_probabilities(V, [0, 0, 1, 1, 2], [0.4, 0.75, 1])},
        ),
        ("stable-transform", {"index": lambda lam: lam**2}),
        ("stable-transform", {"index": lambda lam: lam + 0.001}),
        ("nested-correlation", {"correlation": lambda lam: (1 - lam) ** 2}),
        ("nested-correlation", {"correlation": lambda lam: np.sqrt(1 - lam**2)}),
        ("nested-draw", {"draw": independent}),
        ("nested-draw", {"draw": undamped}),
        ("nested-draw", {"draw": shared_gumbel}),
        ("likelihood-curvature", {"weights": lambda probs: probs**1.001}),
        (
            "likelihood-curvature",
            {"weights": lambda probs: (probs + np.eye(4)[probs.argmax(axis=1)]) / 2},
        ),
        ("greene-conditional", {"specific": {"hinc": ("car",)}}),
        ("greene-conditional", {"specific": {"psize": ("air",)}}),
        ("greene-nested", {"nests": {"fly": ("air",), "public": ("train", "bus")}}),
        ("mixed-quadrature", {"other": 0.8}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert claim.discrepancy(**wrong) >= claim.bound  # and is a number


def test_greenes_nested_numbers_need_his_form():
    """Utilities divided by the dissimilarity give another fit, also of the nest on the ground."""
    ground = {"ground": claims.FLY_GROUND["ground"]}
    fit = choice.nested_logit(travel.travel_modes(), nests=ground, **travel.MODEL)
    assert claims.digits_off(fit, {}, claims.LOG_LIKELIHOODS[1]) > 1000
    assert claims.digits_off(fit, claims.NESTED, claims.LOG_LIKELIHOODS[1]) == np.inf


def test_half_a_digit_is_what_rounding_leaves():
    assert claims._off(0.12349, "0.1235") < claims.HALF
    assert claims._off(0.12344, "0.1235") > claims.HALF


def test_the_rules_of_quadrature_have_the_moments_of_a_normal():
    for nodes, weights in (claims.hermite(30), claims.trapezoid(0.2)):
        np.testing.assert_allclose(
            [weights @ nodes**k for k in (0, 1, 2, 4)], [1, 0, 1, 3], atol=1e-9
        )


class TestInteractive:
    """The interactive of discrete_choice agrees with the library."""

    def test_shares_and_correlation_are_those_of_its_noise(self, interactive):
        chart = interactive("discrete_choice")
        table = {name: np.array([row[name] for row in chart.data]) for name in "crbug"}
        for lam, bus in ((1, 0), (0.5, 0), (0.02, 0.7), (0.74, -1.3)):
            chart.set("dissimilarity of the buses", lam)
            chart.set("utility of the buses", bus)
            shared = choice.scaled_log_stable(lam, table["u"], table["g"])
            noise = lam * np.stack([table["r"], table["b"]]) + shared
            U = np.stack([table["c"], *(bus + noise)])
            shares = np.bincount(U.argmax(axis=0), minlength=3)
            numbers = chart.numbers
            assert [numbers[k] for k in ("car", "red", "blue")] == shares.tolist()
            expected = choice.nested_probabilities([0, bus, bus], [0, 1, 1], [1, lam])
            found = [numbers[f"p_{k}"] for k in ("car", "red", "blue")]
            assert found == pytest.approx(expected, abs=1e-9)
            assert numbers["correlation"] == pytest.approx(np.corrcoef(noise)[0, 1], abs=1e-6)
            band = 5 * np.sqrt(expected * (1 - expected) / shares.sum())
            assert np.all(np.abs(shares / shares.sum() - expected) < band)
            assert f"dissimilarity {lam:.2f}" in chart.words
