"""The claims of die_revisited refuse plausible mistakes."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import special

from gumbel_lib import chapters, die
from gumbel_lib.claims import die_revisited as checks
from gumbel_lib.relaxation import relaxed_mean

CLAIMS = chapters.all_claims()
DIE = checks.DIE


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
        ("minimiser", {"place": lambda t: checks._minimiser(1.0)}),
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
        ("calibrated", {"losses": (checks._squared_error, checks._product)}),
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
