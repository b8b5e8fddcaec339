"""The claims of gumbel_max refuse plausible mistakes."""

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib import gumbel_max, standard_gumbel
from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.gumbel_max.interactive import SIZES

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
    "Normal": stats.norm(scale=SD),
    "reversed Gumbel": stats.gumbel_l,
    "logistic": stats.logistic(scale=SD * np.sqrt(3) / np.pi),
    "uniform": stats.uniform(scale=SD * np.sqrt(12)),
}


def levels(draws):
    """The page's levels, in 64-bit integers."""
    counter = np.arange(3 * draws, dtype=np.uint64)
    low = np.uint64(2**32 - 1)
    state = (counter * np.uint64(747796405) + np.uint64(2891336453)) & low
    mixed = (state >> ((state >> np.uint64(28)) + np.uint64(4))) ^ state
    word = (mixed * np.uint64(277803737)) & low
    return ((((word >> np.uint64(22)) ^ word) + 0.5) / 2**32).reshape(draws, 3)


class TestInteractive:
    """The interactive of gumbel_max agrees with the library."""

    def test_the_race_agrees_with_the_library(self, interactive):
        race = interactive("gumbel_max")
        cases = [("Normal", 100_000, 1.3, -0.4), ("Normal", 320, -3, 3)]
        cases += [(law, 1000, 0.5, 0.2) for law in LAWS]
        for law, n, first, last in cases:
            race.set("noise", law)
            race.set("number of draws", n)
            race.set("logit of class 0", first)
            race.set("logit of class 2", last)
            logits = np.array([first, -1.2, last])
            probs = special.softmax(logits)
            numbers = race.numbers
            for noise, z in ((LAWS[law], "z_h"), (stats.gumbel_r, "z_g")):
                draws = gumbel_max(logits, noise.ppf(levels(n)))
                shares = np.bincount(draws, minlength=3) / n
                largest = abs((shares - probs) / np.sqrt(probs * (1 - probs) / n)).max()
                assert numbers[z] == pytest.approx(largest, abs=1e-6)
                wins = [numbers[f"{z[-1]}{k}"] for k in range(3)]
                assert wins == np.bincount(draws, minlength=3).tolist()
            assert [numbers[f"p{k}"] for k in range(3)] == pytest.approx(probs, abs=1e-6)
            assert f"{law} noise, {n:,} draws" in race.words

    def test_the_levels_are_as_good_as_random(self):
        """Each of the five would fail random levels with probability 6e-7, that of z = 5."""
        u = levels(100_000)
        assert stats.kstest(u.ravel(), "uniform").pvalue > 6e-7
        cells = np.floor(8 * u).astype(int) @ [64, 8, 1]  # one draw's three levels together
        assert stats.chisquare(np.bincount(cells, minlength=512)).pvalue > 6e-7
        for lag in (1, 2, 3):
            z = np.sqrt(u.size) * np.corrcoef(u.ravel()[lag:], u.ravel()[:-lag])[0, 1]
            assert abs(z) < 5

    def test_normal_noise_is_found_out_where_the_description_says(self, interactive):
        race = interactive("gumbel_max")
        for n, words in ((20_000, "inside the band; Gumbel"), (25_000, "OUTSIDE the band; Gumbel")):
            race.drag("n", n)
            assert f"Normal noise, {n:,} draws" in race.words
            assert words in race.words
        race.set("number of draws", 100_000)
        assert race.words.endswith(", inside")

    def test_every_count_is_drawn(self, interactive):
        race = interactive("gumbel_max")
        race.set("number of draws", 4000)
        drawn = race.box.evaluate(
            "box => [...box.querySelectorAll('[class*=mark-line] path')]"
            ".flatMap(path => path.__data__.mark.items.map(item => item.datum))"
        )
        logits = np.round(np.log([0.6, 0.3, 0.1]), 1)
        won = gumbel_max(logits, stats.gumbel_r.ppf(levels(4000)))
        gumbel = [row for row in drawn if row["noise"] == "Gumbel noise"]
        assert [row["size"] for row in gumbel] == [size for size in SIZES if size <= 4000]
        for row in gumbel:
            counts = np.bincount(won[: row["size"]], minlength=3)
            assert [row[f"g{k}"] for k in range(3)] == counts.tolist()
