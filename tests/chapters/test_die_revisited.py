"""The claims of die_revisited refuse plausible mistakes."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import special

from gumbel_lib import die
from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.die_revisited import claims
from gumbel_lib.concrete import relaxed_mean
from gumbel_lib.relaxation import exponential_schedule

CLAIMS = claims_of("die_revisited")
DIE = claims.DIE


def one_face(face):
    """All mass on a face, where the slope of the loss vanishes too."""
    return lambda t: special.softmax(20.0 * np.eye(6)[face])


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("loss-parts", {"total": lambda parts: parts.bias + parts.variance}),
        ("loss-parts", {"total": lambda parts: sum(parts) + parts.variance}),
        # One roll fewer, another temperature, and noise that the temperature has not divided.
        ("loss-parts", {"parts": lambda p, x, t, n: die.expected_loss(p, x, t, n - 1)}),
        ("loss-parts", {"parts": lambda p, x, t, n: die.expected_loss(p, x, t * 1.01, n)}),
        ("loss-parts", {"parts": lambda p, x, t, n: die.expected_loss(p, np.array(x) / t, 1.0, n)}),
        ("averaged-loss", {"share": lambda m: Fraction(1)}),
        ("averaged-loss", {"share": lambda m: Fraction(1, m * m)}),
        ("averaged-loss", {"share": lambda m: Fraction(1, m + 1)}),
        *[("minimiser", {"place": one_face(face)}) for face in range(6)],
        ("minimiser", {"place": lambda t: np.full(6, 1 / 6)}),
        ("minimiser", {"place": lambda t: claims._minimiser(1.0)}),
        ("minimiser", {"place": lambda t: special.softmax(np.log(DIE) * 2)}),
        ("cold-limit", {"drawn": False}),
        ("cold-limit", {"slope": lambda q, p: 2 * q * ((q - p) - (q - p) @ q)}),
        ("hot-limit", {"cooled": lambda q, t: special.softmax(np.log(q) * t)}),
        ("hot-limit", {"cooled": lambda q, t: special.softmax(q / t)}),
        ("batch-linear", {"num_samples": 3}),
        # Losses that are not quadratic in y - b, or whose slope is not linear in y.
        ("batch-linear", {"loss": lambda y, b: ((y - b) ** 4).sum(axis=-1)}),
        ("batch-linear", {"loss": lambda y, b: ((y**2 - b) ** 2).sum(axis=-1)}),
        ("product-mean", {"gradient": die.averaged_sse_gradient}),
        ("product-mean", {"gradient": lambda y, b, t: die.product_gradient(y, b, t) / 2}),
        (
            "product-mean",
            {"gradient": lambda y, b, t: die.product_gradient(y, b[[0, 0]], t)},
        ),
        # E b is neither the softmax of the logits nor that of the logits over the temperature.
        ("calibrated", {"mean": lambda logits, t: special.softmax(logits)}),
        ("calibrated", {"mean": lambda logits, t: special.softmax(logits / t)}),
        ("calibrated", {"mean": lambda logits, t: relaxed_mean(logits, 1.01 * t)}),
        ("calibrated", {"losses": (claims._squared_error, claims._product)}),
        ("counting", {"share": lambda n: Fraction(1, n + 1)}),
        ("counting", {"share": lambda n: Fraction(1, n * n)}),
        ("longer-is-worse", {"num_steps": 1500}),
        ("left-running", {"num_steps": 200}),
        ("clock", {"power": 0.5}),
        ("clock", {"power": 2.0}),
        ("stopping", {"best": (33.0, 33.0, 33.0)}),
        ("stopping", {"best": (15.0, 21.0, 33.0)}),
        # The gradients of single samples averaged, in place of the gradient of the average.
        (
            "repair-averaging",
            {"gradient": lambda y, b, t: die.sse_gradient(y, b, t).mean(axis=0)},
        ),
        ("repair-product", {"gradient": lambda y, b, t: -die.product_gradient(y, b, t)}),
        ("repair-cross-entropy", {"gradient": lambda y, b, t: b * (b - y) / t}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


LOSSES = {
    "squared error": {},
    "mean of 20": {"num_samples": 20, "gradient": die.averaged_sse_gradient},
    "product of 2": {"num_samples": 2, "gradient": die.product_gradient},
    "cross-entropy": {"gradient": die.cross_entropy_gradient},
}


class TestInteractive:
    """The interactive of die_revisited agrees with the library."""

    @pytest.mark.parametrize("loss", LOSSES)
    def test_the_errors_agree_with_the_library(self, interactive, loss):
        goals = interactive("die_revisited")
        goals.set("loss", loss)
        schedule = exponential_schedule(2.0, 0.5, 10_000)
        for row in [row for row in goals.data if row["loss"] == loss][::4]:
            goals.set("step of the runs", row["step"])
            numbers = goals.numbers
            least = [row[f"a{k}"] for k in range(6)]
            assert numbers["t"] == pytest.approx(schedule[min(row["step"], 9999)], abs=1e-6)
            assert numbers["sse_least"] == pytest.approx(die.sse(DIE, least), abs=1e-6)
            assert f"temperature {numbers['t']:.2f} (from 2 to 0.5)" in goals.words
            assert f"mean SSE {row['sse_run']:.2g}" in goals.words

    @pytest.mark.parametrize("loss", LOSSES)
    def test_the_runs_are_the_library_s(self, interactive, loss):
        goals = interactive("die_revisited")
        run = die.train(DIE, num_steps=10_000, replicates=30, rng=1, **LOSSES[loss])
        goals.set("loss", loss)
        for step in (0, 2500, 7000, 10_000):
            goals.set("step of the runs", step)
            end = die.sse(DIE, run.probs)
            expected = run.distance[step].mean() if step < 10_000 else end.mean()
            assert goals.numbers["sse_run"] == pytest.approx(expected, abs=1e-6)
        learned = [goals.numbers[f"b{k}"] for k in range(6)]
        np.testing.assert_allclose(learned, run.probs.mean(axis=0), atol=1e-6)

    def test_the_goals_are_the_library_s(self, interactive):
        goals = interactive("die_revisited")
        for step in (0, 5000, 10_000):
            goals.set("step of the runs", step)
            found = die.expected_loss_minimiser(DIE, goals.numbers["t"])
            least = [goals.numbers[f"a{k}"] for k in range(6)]
            np.testing.assert_allclose(least, found.round(2), atol=1e-6)
        # At the goal of the cross-entropy the mean relaxed sample is the die.
        goals.set("loss", "cross-entropy")
        for step in (0, 10_000):
            goals.set("step of the runs", step)
            q = np.array([goals.numbers[f"a{k}"] for k in range(6)])
            np.testing.assert_allclose(relaxed_mean(np.log(q), goals.numbers["t"]), DIE, atol=1e-3)

    def test_a_run_shows_no_step_before_it_is_taken(self, interactive):
        goals = interactive("die_revisited")
        curves = goals.box.locator(".mark-line path[d*=L]")
        for step, count in ((0, 0), (250, 2), (10_000, 2)):
            goals.set("step of the runs", step)
            assert curves.count() == count

    def test_the_words_follow_the_controls(self, interactive):
        goals = interactive("die_revisited")
        assert goals.words.startswith("squared error, step 0: temperature 2.00")
        goals.set("loss", "cross-entropy")
        goals.set("step of the runs", 10_000)
        assert goals.words.startswith("cross-entropy, step 10,000: temperature 0.50")
        assert "30 runs: mean SSE" in goals.words
