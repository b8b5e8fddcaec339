"""The claims of conditional_gumbels refuse plausible mistakes."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy import special

from gumbel_lib import gumbel_max
from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.conditional_gumbels import claims
from gumbel_lib.coupling import (
    agreement,
    coupling_probabilities,
    inverse_cdf_coupling,
    maximal_coupling,
    posterior_gumbel,
)
from gumbel_lib.noise import truncated_gumbel
from gumbel_lib.trick import logsumexp

CLAIMS = claims_of("conditional_gumbels")


def top_down(logits, chosen, noise, *, location=logsumexp, below=True, k=1):
    """Posterior noise by hand, with the steps that a reader could get wrong."""
    chosen = np.broadcast_to(np.asarray(chosen).reshape(-1, 1)[:: 1 if k == 1 else k],
                             (*noise.shape[:-1], 1))  # fmt: skip
    won = np.arange(logits.size) == chosen
    top = location(logits) + (noise * won).sum(axis=-1, keepdims=True)
    others = truncated_gumbel(logits + noise, top) if below else logits + noise
    return np.where(won, top, others) - logits


def winner_only(logits, chosen, noise, *, k):
    """Noise given the first winner alone."""
    return posterior_gumbel(logits, chosen[:, 0], noise)


def below_the_first(logits, chosen, noise, *, k):
    """All other classes below the first winner, not below the last one."""
    made = posterior_gumbel(logits, chosen, noise, k=k)
    won = (np.arange(logits.size) == chosen[..., None]).any(axis=1)
    top = np.take_along_axis(logits + made, np.broadcast_to(chosen[:, :1], (*made.shape[:-1], 1)),
                             axis=-1)  # fmt: skip
    return np.where(won, made, truncated_gumbel(logits + noise, top) - logits)


def smallest(p_logits, q_logits):
    """The diagonal with a minimum in the place of the maximum."""
    joint = coupling_probabilities(p_logits, q_logits)
    p, q = np.exp(p_logits), np.exp(q_logits)
    np.fill_diagonal(joint, 1 / np.minimum(p / p[:, None], q / q[:, None]).sum(axis=1))
    return joint


def of_reversed_rates(posterior):
    return lambda logits, chosen, noise: posterior(-logits, chosen, noise)


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("posterior-noise", {"posterior": lambda x, c, g: top_down(x, c, g, location=np.max)}),
        ("posterior-noise", {"posterior": lambda x, c, g: top_down(x, c, g, below=False)}),
        ("posterior-noise", {"posterior": lambda x, c, g: posterior_gumbel(
            x + np.array([0.001, 0, 0, 0]), c, g)}),
        ("posterior-noise", {"posterior": lambda x, c, g: g}),
        ("posterior-order", {"posterior": winner_only}),
        ("posterior-order", {"posterior": below_the_first}),
        ("posterior-order", {"reorder": lambda orders: np.sort(orders, axis=1)}),
        ("shared-noise-law", {"joint": maximal_coupling}),
        ("shared-noise-law", {"joint": inverse_cdf_coupling}),
        ("shared-noise-law", {"joint": lambda a, b: coupling_probabilities(b, a)}),
        ("shared-noise-law", {"joint": lambda a, b: coupling_probabilities(a, b).T}),
        ("shared-noise-law", {"joint": smallest}),
        ("counterfactual-draws", {"posterior": of_reversed_rates(posterior_gumbel)}),
        ("counterfactual-draws", {"posterior": lambda x, c, g: top_down(
            x, c, g, location=np.max)}),
        ("counterfactual-draws", {"posterior": lambda x, c, g: np.where(
            np.arange(x.size) == c[:, None], logsumexp(x) - x + g, g)}),
        ("counterfactual-stability", {"own_noise": True}),
        ("maximal-stability", {"couple": lambda p, q: {
            (i, j): min(p[i], q[i]) if i == j else 0 for i in range(3) for j in range(3)}}),
        ("agreement-bounds", {"agreed": lambda a, b: agreement(a, b).independent}),
        ("agreement-bounds", {"agreed": lambda a, b: agreement(a, b).maximal + 1e-6}),
        ("agreement-bounds", {"agreed": lambda a, b: agreement(a, b).bound - 1e-6}),
        ("agreement-least", {"change": 0.999}),
        ("agreement-least", {"agreed": lambda a, b: agreement(a, b)._replace(
            bound=1 - 2 * (1 - agreement(a, b).maximal))}),
        ("agreement-most", {"ratios": 6}),
        ("agreement-ends", {"agreed": lambda a, b: agreement(a, b)._replace(
            gumbel=agreement(a, b).maximal)}),
        ("agreement-ends", {"agreed": lambda a, b: agreement(a, b)._replace(
            bound=agreement(a, b).inverse_cdf)}),
        ("counterfactual-range", {"ends": lambda p, q: (
            np.zeros((3, 3)), np.minimum(p[:, None], q))}),
        ("counterfactual-range", {"ends": lambda p, q: (
            np.maximum(p[:, None] + q - 1, 0), np.broadcast_to(q, (3, 3)))}),
        ("triage-counterfactual", {"fresh_step": 0}),
    ],
)  # fmt: skip
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    with np.errstate(all="ignore"):
        assert not claim.discrepancy(**wrong) < claim.bound


def test_by_hand_is_right_without_its_mistakes():
    assert claims.posterior_noise(top_down) < CLAIMS["posterior-noise"].bound


@pytest.mark.parametrize("law", ["normal", "uniform", "standard_cauchy", "laplace"])
def test_shared_noise_of_any_law_without_ties_is_stable(law):
    # With noise of their own 1 draw in 200 or more violates; here none of 100,000 may.
    rng = np.random.default_rng(31)
    one, two = rng.normal(size=(2, 100_000, 4))
    shared, own = (getattr(rng, law)(size=one.shape) for _ in range(2))
    p, q = special.softmax(one, axis=-1), special.softmax(two, axis=-1)
    first = (one + shared).argmax(axis=-1)
    assert not claims.violates(p, q, first, (two + shared).argmax(axis=-1)).any()
    assert claims.violates(p, q, first, (two + own).argmax(axis=-1)).mean() > 0.005


LAWS = [tuple(Fraction(n, 7) for n in (a, b, 7 - a - b)) for a in range(8) for b in range(8 - a)]


@pytest.mark.parametrize("p", LAWS, ids=lambda law: "-".join(str(7 * x) for x in law))
def test_the_maximal_coupling_is_the_one_in_fractions_and_stable_with_zeros(p):
    for q in LAWS:
        exact = claims.as_often_as_possible(p, q)
        with np.errstate(divide="ignore"):
            joint = maximal_coupling(*(np.log(np.array(law, dtype=float)) for law in (p, q)))
        for (i, j), mass in exact.items():
            assert joint[i, j] == pytest.approx(float(mass), abs=1e-14)
            if i != j and mass:
                assert q[i] < p[i]
                assert q[j] > p[j]


class TestInteractive:
    """The interactive of conditional_gumbels agrees with the library."""

    FIXED = np.array([0.5, 0.3, 0.2])
    CASES = ((0.2, 0.3), (0.5, 0.3), (0.1, 0.8), (0.7, 0.1), (0.3, 0.18), (0.9, 0.6), (0.0, 0.4))

    @staticmethod
    def law(share0, share1):
        """q as the page has it: the second share gives way to the first."""
        share1 = min(share1, 1 - share0)
        return np.array([share0, share1, max(0.0, 1 - share0 - share1)])

    @pytest.mark.parametrize("shares", CASES)
    def test_the_joint_law_and_the_counts_are_the_librarys(self, interactive, shares):
        chart = interactive("conditional_gumbels")
        for k in range(2):
            chart.set(f"share of class {k} in q", shares[k])
        q = self.law(*shares)
        with np.errstate(divide="ignore"):
            logits = np.log(self.FIXED), np.log(q)
        exact = coupling_probabilities(*logits)
        sets = [data.get("values", "") for data in chart.specification["data"]]
        csv = next(values for values in sets if str(values).startswith("g0,g1,g2"))
        noise = np.loadtxt(csv.splitlines(), delimiter=",", skiprows=1)
        seen = np.zeros((3, 3))
        np.add.at(seen, tuple(gumbel_max(x, noise) for x in logits), 1)
        numbers = chart.numbers
        for i in range(3):
            for j in range(3):
                assert numbers[f"e{i}{j}"] == pytest.approx(exact[i, j], abs=1e-6)
                assert numbers[f"n{i}{j}"] == seen[i, j]
        both = agreement(*logits)
        assert numbers["exact"] == pytest.approx(both.gumbel, abs=1e-6)
        assert numbers["bound"] == pytest.approx(both.bound, abs=1e-6)
        assert numbers["most"] == pytest.approx(both.maximal, abs=1e-6)
        assert f"{both.gumbel:.3f}" in chart.words
        assert f"seen {seen.trace():.0f} of {len(noise)}" in chart.words

    def test_dragging_a_line_moves_q_and_a_zero_crosses_the_diagonal(self, interactive):
        chart = interactive("conditional_gumbels")
        assert (chart.numbers["e01"] > 0, chart.numbers["e10"]) == (True, 0)
        assert "impossible changes: 3 of 6" in chart.words
        chart.drag("share0", 0.6)
        assert (chart.numbers["e01"], chart.numbers["e10"] > 0) == (0, True)
        chart.drag("share1", 0.1)
        q = self.law(0.6, 0.1)
        assert chart.numbers["distance"] == pytest.approx(np.abs(q - self.FIXED).sum() / 2)

    def test_on_a_line_both_cells_across_the_diagonal_are_zero(self, interactive):
        """At all places of the sliders, but the edges, where two classes have the same ratio."""
        chart = interactive("conditional_gumbels")
        places = itertools.product(np.arange(1, 99) / 100, repeat=2)
        ratios = ((at, self.law(*at) / self.FIXED) for at in places if sum(at) < 0.995)
        on = [at for at, ratio in ratios if np.abs(np.diff(np.sort(ratio))).min() < 1e-9]
        assert len(on) > 20
        for a, b in on:
            chart.set("share of class 0 in q", a)
            chart.set("share of class 1 in q", b)
            law = self.law(a, b)
            ratios = law / self.FIXED
            same = np.abs(ratios[:, None] - ratios) < 1e-9
            for i, j in zip(*np.nonzero(same & ~np.eye(3, dtype=bool)), strict=True):
                assert chart.numbers[f"e{i}{j}"] == pytest.approx(0, abs=1e-9)
            impossible = 3 + (same.sum() - 3) // 2
            assert f"impossible changes: {impossible} of 6" in chart.words

    def test_its_first_state_is_the_chapters(self, interactive):
        chart = interactive("conditional_gumbels")
        assert "q = (0.20, 0.30, 0.50)" in chart.words
        assert special.softmax(np.log(self.FIXED)) == pytest.approx(self.FIXED)
