"""The interactive of gumbel_max agrees with the library."""

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib import gumbel_max

SD = np.pi / np.sqrt(6)
LAWS = {
    "Gumbel": stats.gumbel_r,
    "reversed Gumbel": stats.gumbel_l,
    "Normal": stats.norm(scale=SD),
    "logistic": stats.logistic(scale=SD * np.sqrt(3) / np.pi),
    "uniform": stats.uniform(scale=SD * np.sqrt(12)),
}


def test_the_race_agrees_with_the_library(interactive):
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


def test_other_noise_leaves_the_band(interactive):
    race = interactive("gumbel_max")
    assert "inside the band" in race.words
    race.set("noise", "reversed Gumbel")
    for k, logit in enumerate((-2.3, 0, 0)):
        race.set(f"logit of class {k}", logit)
    assert "OUTSIDE the band" in race.words
