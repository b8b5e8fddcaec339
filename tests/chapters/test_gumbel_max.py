"""Plausible mistakes about the trick, each refused by the chapter's check."""

from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib import chapters, gumbel_max, standard_gumbel
from gumbel_lib.book.cover import DRAWS

CLAIMS = chapters.all_claims()
SD = np.pi / np.sqrt(6)


def shared_noise(size, rng):
    return np.broadcast_to(standard_gumbel((size[0], 1), rng=rng), size)


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("gumbel-shift", {"shifted": lambda x, a: x + a}),
        ("gumbel-shift", {"shifted": lambda x, a: x}),
        ("gumbel-max", {"noise": stats.norm}),
        ("gumbel-max", {"noise": stats.logistic}),
        ("gumbel-max", {"noise": stats.gumbel_l}),
        ("gumbel-max", {"noise": stats.pearson3(stats.gumbel_r.stats(moments="s"), scale=SD)}),
        ("gumbel-max", {"noise": stats.gumbel_r(scale=1.001)}),
        ("gumbel-max-simulated", {"noise": lambda size, rng: -standard_gumbel(size, rng=rng)}),
        ("gumbel-max-simulated", {"noise": lambda size, rng: 1.1 * standard_gumbel(size, rng=rng)}),
        ("gumbel-max-simulated", {"noise": lambda size, rng: np.log(rng.exponential(size=size))}),
        ("gumbel-max-simulated", {"noise": shared_noise}),
        (
            "gumbel-max-simulated",
            {"draw": lambda logits, g: gumbel_max(special.softmax(logits), g)},
        ),
        ("gumbel-max-simulated", {"draw": lambda logits, g: (-logits + g).argmin(axis=1)}),
        ("gumbel-exponential", {"noise": stats.norm}),
        ("gumbel-exponential", {"noise": stats.gumbel_r(scale=1.001)}),
        ("gumbel-exponential", {"noise": stats.gumbel_r(loc=0.001)}),
        ("exponential-race", {"arrival": lambda rates: stats.weibull_min(1.01, scale=1 / rates)}),
        ("exponential-race", {"arrival": lambda rates: stats.halfnorm(scale=1 / rates)}),
        ("exponential-race", {"arrival": lambda rates: stats.expon(scale=1 / rates**2)}),
        ("gumbel-difference", {"location": lambda a, b: b - a}),
        ("gumbel-difference", {"location": lambda a, b: abs(a - b)}),
        ("gumbel-difference", {"location": lambda a, b: 1.1}),
        ("gumbel-difference", {"noise": stats.gumbel_r(scale=1.001)}),
        ("pairwise", {"share": lambda p_k, p_j: p_j / (p_k + p_j)}),
        ("pairwise", {"share": lambda p_k, p_j: 0.5 + (p_k - p_j) / 2}),
        ("pairwise", {"noise": stats.norm(scale=SD)}),
        ("max-of-gumbels", {"location": np.mean}),
        ("max-of-gumbels", {"location": lambda logits: np.log(np.mean(np.exp(logits)))}),
        ("max-of-gumbels", {"location": lambda logits: logits.max() + np.log(logits.size)}),
        ("max-of-gumbels", {"noise": stats.norm(scale=SD)}),
        ("reversed-gumbel", {"noise": stats.norm(scale=SD)}),
        ("reversed-gumbel", {"noise": stats.gumbel_l(scale=1.001)}),
        ("left-skew", {"noise": stats.norm(scale=SD)}),
        ("left-skew", {"noise": stats.uniform(scale=SD * np.sqrt(12))}),
        ("left-skew", {"noise": stats.expon(scale=SD)}),
        ("noise-scale", {"effective": lambda logits, s: logits}),
        ("noise-scale", {"effective": lambda logits, s: logits / 2}),
        ("noise-scale", {"effective": lambda logits, s: logits / s**2}),
        ("noise-scale", {"effective": lambda logits, s: special.log_softmax(logits) - np.log(s)}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


def test_the_first_page_states_its_numbers_rightly():
    page = (Path(__file__).parents[2] / "chapters" / "index.md").read_text(encoding="utf-8")
    probs = np.array([0.5, 0.3, 0.2])
    band = 5 * np.sqrt(DRAWS * probs * (1 - probs))
    above = stats.binom.sf(np.floor(DRAWS * probs + band), DRAWS, probs)
    below = stats.binom.cdf(np.ceil(DRAWS * probs - band) - 1, DRAWS, probs)
    # Two classes outside at once are so rare that the sum of the three is exact enough.
    pictures = 1 / (above + below).sum()
    assert f"once in {round(pictures, -3):,.0f} such pictures" in page
    before, after = (special.softmax([logit, 0.4, 0.0])[0] for logit in (0.9, 1.9))
    assert f"rises from {before:.2f} to {after:.2f}" in page
    assert after / (1 - after) == pytest.approx(np.e * before / (1 - before))
