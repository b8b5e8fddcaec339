"""Claims of why_differentiability refuse plausible mistakes."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from scipy import optimize

from gumbel_lib import chapters
from gumbel_lib.claims import why_differentiability as chapter

CLAIMS = chapters.all_claims()


def two_sided(function, slope, start):
    return optimize.minimize(function, start, jac="3-point", method="BFGS")


def wrong_quotient(start, steps, do):
    """Reverse mode with the sign of a divisor's derivative wrong."""
    gradient = chapter._by_reverse_mode(start, steps, do)
    divisors = {j for kind, _, j in steps if kind == "/"}
    return [-g if k in divisors else g for k, g in enumerate(gradient)]


def smooth_sample(jax, key, logits):
    return jax.nn.softmax(logits + jax.random.gumbel(key, (3,)))


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("forward-differences", {"probed": lambda i: max(i - 1, 0)}),
        ("evaluations-ratio", {"minimise": two_sided}),
        ("cheap-gradient", {"price": 4}),
        ("cheap-gradient", {"mode": wrong_quotient}),
        ("cheap-gradient", {"mode": lambda start, steps, do: start}),
        ("chain-rule", {"last_first": False}),
        ("relu-subgradients", {"ends": (0, 2)}),
        ("relu-subgradients", {"ends": (-1, 1)}),
        ("relu-subgradients", {"function": lambda x: sympy.Max(x, x / 10)}),
        # At a piece end itself the loss is not constant.
        ("flat", {"levels": [Fraction(5, 12)] * 5 + [Fraction(1, 2)] * 3 + [Fraction(3, 4)] * 4}),
        # A constant has slope 0 too, but is no sample.
        ("flat", {"levels": [Fraction(1, 9)]}),
        ("sample-gradient", {"sample": smooth_sample}),
        ("sample-gradient", {"sample": lambda jax, key, logits: jax.nn.one_hot(0, 3)}),
        ("expected-loss-slope", {"centre": lambda probs, cost: cost.mean()}),
        ("score-function", {"score": lambda probs: probs - np.eye(probs.size)}),
        ("score-function", {"score": lambda probs: np.eye(probs.size) - 1 / probs.size}),
        ("score-function", {"average": lambda probs: np.full(probs.size, 1 / probs.size)}),
        ("baseline", {"weight": lambda p, square: p * p}),
        ("baseline", {"weight": lambda p, square: square}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound
