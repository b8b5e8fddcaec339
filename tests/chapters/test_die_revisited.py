"""The claims of die_revisited refuse plausible mistakes."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy import special

from gumbel_lib import die
from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.die_revisited import claims
from gumbel_lib.concrete import relaxed_mean

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


LOSSES = ("squared error", "mean of 20", "product of 2", "cross-entropy")


def row(data, loss, kind, at):
    """Probabilities and spread of one row of the table."""
    (found,) = [row for row in data if (row["loss"], row["kind"], row["at"]) == (loss, kind, at)]
    return np.array([found[f"p{k}"] for k in range(6)]), found["spread"]


class TestInteractive:
    """The interactive of die_revisited agrees with the library."""

    def test_the_errors_agree_with_the_library(self, interactive):
        goals = interactive("die_revisited")
        data = goals.data
        places = [(0.25, 1000), (0.5, 10_000), (1, 4000), (3, 7000)]
        for loss, (temperature, steps) in product(LOSSES, places):
            goals.set("loss", loss)
            goals.set("temperature", temperature)
            goals.set("training steps", steps)
            numbers = goals.numbers
            least, _ = row(data, loss, "least", temperature)
            trained, spread = row(data, loss, "run", steps)
            assert numbers["sse_least"] == pytest.approx(die.sse(DIE, least), abs=1e-6)
            assert numbers["sse_run"] == pytest.approx(die.sse(DIE, trained) + spread, abs=1e-6)
            assert numbers["mode_least"] == pytest.approx(least[5], abs=1e-6)
            assert numbers["mode_run"] == pytest.approx(trained[5], abs=1e-6)

    def test_the_table_is_the_library_s(self, interactive):
        data = interactive("die_revisited").data
        for temperature in (0.5, 1, 3):
            least, _ = row(data, "squared error", "least", temperature)
            found = die.expected_loss_minimiser(DIE, temperature)
            np.testing.assert_allclose(least, found.round(2), atol=1e-6)
        run = die.train(DIE, replicates=30, rng=1)
        trained, spread = row(data, "squared error", "run", 1000)
        np.testing.assert_allclose(trained, run.probs.mean(axis=0).round(4), atol=1e-6)
        mean = die.sse(DIE, run.probs).mean()
        assert die.sse(DIE, trained) + spread == pytest.approx(mean, abs=1e-4)

    def test_the_words_follow_the_controls(self, interactive):
        goals = interactive("die_revisited")
        assert goals.words.startswith("squared error, temperature 0.50")
        goals.set("loss", "cross-entropy")
        goals.set("temperature", 3)
        goals.set("training steps", 10_000)
        assert goals.words.startswith(
            "cross-entropy, temperature 3.00: least expected loss at SSE 0.2"
        )
        assert "30 runs of 10,000 steps: mean SSE" in goals.words
