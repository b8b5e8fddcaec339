"""Plausible mistakes about frozen noise, each refused by the chapter's check."""

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib import chapters
from gumbel_lib.chapters.reparameterization.claims import Case

CLAIMS = chapters.all_claims()
# A path with a jump that the noise moves, and one with a derivative that is off by half.
JUMP = Case(lambda t, g: 1.0 * (g < t), lambda t, g: 0.0, 0.4, stats.norm, (-10, 10))
HALVED = Case(lambda t, g: (t + g) ** 2, lambda t, g: t + g, 0.4, stats.norm, (-10, 10))


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("logit-constant", {"normalise": lambda logits: logits}),
        ("logit-constant", {"normalise": lambda logits: logits / special.logsumexp(logits)}),
        ("logit-constant", {"normalise": lambda logits: np.log10(special.softmax(logits))}),
        ("logit-constant", {"constant": np.max}),
        ("logit-constant", {"constant": lambda logits: np.exp(logits).sum()}),
        ("swap", {"cases": (JUMP,)}),
        ("swap", {"cases": (HALVED,)}),
        ("pathwise-normal", {"function": (lambda x: x**2, lambda x: x)}),
        ("pathwise-normal", {"function": (lambda x: x**3, lambda x: 2 * x)}),
        ("pathwise-normal", {"directions": lambda e: [1.0, 1.0]}),
        ("pathwise-normal", {"directions": lambda e: [e, 1.0]}),
        ("max-argmax-independent", {"noise": stats.logistic}),
        ("max-argmax-independent", {"noise": stats.gumbel_l}),
        ("joint-law", {"location": np.mean}),
        ("joint-law", {"probs": lambda logits: special.softmax(logits / 1.01)}),
        ("joint-law", {"probs": lambda logits: np.full(logits.size, 1 / logits.size)}),
        ("mean-maximum", {"closed": special.logsumexp}),
        ("mean-maximum", {"closed": lambda logits: special.logsumexp(logits) - np.euler_gamma}),
        ("mean-maximum", {"noise": stats.norm(loc=np.euler_gamma, scale=np.pi / np.sqrt(6))}),
        ("pathwise-max", {"path": lambda logits, noise: (logits + noise).min()}),
        ("pathwise-max", {"path": lambda logits, noise: (logits - noise).max()}),
        ("pathwise-max", {"path": lambda logits, noise: (logits + 1.1 * noise).max()}),
        (
            "pathwise-argmax",
            {"draw": lambda logits, noise: special.softmax(logits + noise, axis=1)},
        ),
        ("pathwise-argmax", {"draw": lambda logits, noise: np.full(logits.shape, 0.5)}),
        ("pathwise-argmax", {"draw": lambda logits, noise: np.zeros(logits.shape)}),
        ("pathwise-argmax", {"threshold": lambda rivals, own: rivals.max(axis=1)}),
        ("pathwise-argmax", {"threshold": lambda rivals, own: rivals.max(axis=1) + own}),
        ("pathwise-argmax", {"threshold": lambda rivals, own: rivals.min(axis=1) - own}),
        ("mean-derivative", {"slope": lambda p: p}),
        ("mean-derivative", {"slope": np.zeros_like}),
        ("mean-derivative", {"slope": lambda p: p**2}),
        ("mean-derivative", {"noise": stats.logistic}),
        ("mean-derivative", {"location": np.max}),
        ("mean-derivative", {"location": lambda rivals: special.logsumexp(rivals) + 0.001}),
        ("finite-step", {"rise": lambda up, down: 0.0}),
        ("finite-step", {"rise": lambda up, down: (up - down) / 2}),
        ("finite-step", {"rise": lambda up, down: up * (1 - down)}),
        ("gumbel-coupling", {"both": np.minimum}),
        ("gumbel-coupling", {"both": np.multiply}),
        ("gumbel-coupling", {"both": lambda p, q: np.minimum(p, q) / np.maximum(p, q).sum()}),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound
