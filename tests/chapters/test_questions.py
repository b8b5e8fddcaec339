"""The claims of the page of questions refuse plausible mistakes."""

import numpy as np
import pytest
import sympy
from scipy import special, stats

from gumbel_lib import chapters
from gumbel_lib.claims import questions
from gumbel_lib.noise import standard_gumbel
from gumbel_lib.relaxation import gumbel_softmax

CLAIMS = chapters.all_claims()


def best_last(probs):
    """Who arrives last if the rates, not the means, were p."""
    return questions.last_arrival(1 / probs)


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("log-convex", {"factors": (1.1,)}),
        ("straight-through-bias", {"estimator": "multinomial"}),
        ("straight-through-bias", {"temperature": 0.05}),
        ("concrete-kl", {"formula": questions.categorical_kl}),
        ("concrete-kl", {"formula": lambda q, p: questions.concrete_kl(p, q)}),
        ("concrete-kl", {"prior_temperature": 0.5}),
        ("concrete-bound", {"objective": "mixed"}),
        ("sign-error", {"last": best_last}),
        ("sign-error", {"last": lambda p: 1 - p}),
        ("sign-error", {"last": lambda p: p}),
        ("binary-relaxation", {"noise": stats.logistic(scale=2)}),
        ("binary-relaxation", {"noise": stats.norm(scale=np.pi / np.sqrt(3))}),
        ("binary-relaxation", {"threshold": lambda odds, logit, t: t * odds + logit}),
        ("binary-relaxation", {"threshold": lambda odds, logit, t: odds - logit / t}),
        ("negative-log-exponential", {"event": lambda x, s: (s, 0, sympy.exp(-x))}),
        ("negative-log-exponential", {"event": lambda x, s: (s, sympy.exp(x), sympy.oo)}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


def test_the_estimators_of_two_classes_agree_with_draws():
    """Each mean and spread of two_class_gradients, by simulation at z = 5."""
    logit, t, target, draws = 0.8, 0.5, 0.45, 200_000
    b = gumbel_softmax(np.array([logit, 0.0]), standard_gumbel((draws, 2), rng=8), t)[:, 0]
    path = b * (1 - b) / t
    hard = (b > 0.5).astype(float)
    p = special.expit(logit)
    drawn = (np.random.default_rng(9).random(draws) < p).astype(float)
    samples = {
        "relaxed": path * 2 * (b - target),
        "straight-through": path * 2 * (hard - target),
        "multinomial": p * (1 - p) * 2 * (drawn - target),
    }
    estimates = questions.two_class_gradients(logit, t, target)
    for name, values in samples.items():
        mean, spread = estimates[name]
        assert abs(values.mean() - mean) < 5 * values.std() / draws**0.5
        assert values.std() == pytest.approx(spread, rel=0.02)

    def loss(logit):
        p = special.expit(logit)
        return p * (1 - target) ** 2 + (1 - p) * target**2

    slope = (loss(logit + 1e-5) - loss(logit - 1e-5)) / 2e-5
    assert estimates["exact"][0] == pytest.approx(slope, abs=1e-9)
