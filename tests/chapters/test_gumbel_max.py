"""The claims of gumbel_max refuse plausible mistakes."""

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib import gumbel_max, standard_gumbel
from gumbel_lib.chapters import claims_of

CLAIMS = claims_of("gumbel_max")
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


LAWS = {
    "Gumbel": stats.gumbel_r,
    "reversed Gumbel": stats.gumbel_l,
    "Normal": stats.norm(scale=SD),
    "logistic": stats.logistic(scale=SD * np.sqrt(3) / np.pi),
    "uniform": stats.uniform(scale=SD * np.sqrt(12)),
}


class TestInteractive:
    """The interactive of gumbel_max agrees with the library."""

    def test_the_race_agrees_with_the_library(self, interactive):
        race = interactive("gumbel_max")
        levels = np.array([[row["u0"], row["u1"], row["u2"]] for row in race.data])
        cases = [("Gumbel", 2000, 1.3, -0.4), ("Gumbel", 340, -3, 3)]
        cases += [(law, 1000, 0.5, 0.2) for law in LAWS]
        for law, n, first, last in cases:
            race.set("noise", law)
            race.set("number of draws", n)
            race.set("logit of class 0", first)
            race.set("logit of class 2", last)
            logits = np.array([first, -1.2, last])
            draws = gumbel_max(logits, LAWS[law].ppf(levels[:n]))
            shares = np.bincount(draws, minlength=3) / n
            numbers = race.numbers
            for k in range(3):
                assert numbers[f"share{k}"] == pytest.approx(shares[k], abs=1e-6)
                assert numbers[f"p{k}"] == pytest.approx(special.softmax(logits)[k], abs=1e-6)
            assert f"{law} noise, {n} draws" in race.words

    def test_other_noise_leaves_the_band(self, interactive):
        race = interactive("gumbel_max")
        assert "inside the band" in race.words
        race.set("noise", "reversed Gumbel")
        for k, logit in enumerate((-2.3, 0, 0)):
            race.set(f"logit of class {k}", logit)
        assert "OUTSIDE the band" in race.words
