"""The claims of questions refuse plausible mistakes."""

import numpy as np
import pytest
import sympy
from scipy import stats

from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.questions import claims
from gumbel_lib.concrete import concrete_kl
from gumbel_lib.trick import last_arrival

CLAIMS = claims_of("questions")


def best_last(probs):
    """Who arrives last if the rates, not the means, were p."""
    return last_arrival(1 / probs)


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("log-convex", {"factors": (1.1,)}),
        ("straight-through-bias", {"estimator": "multinomial"}),
        ("straight-through-bias", {"temperature": 0.05}),
        ("concrete-kl", {"formula": claims.categorical_kl}),
        ("concrete-kl", {"formula": lambda q, p: concrete_kl(p, q)}),
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
