"""The claims of max_distributions refuse plausible mistakes."""

import numpy as np
import pytest
import sympy
from scipy import stats

from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.max_distributions import claims
from gumbel_lib.chapters.max_distributions.claims import PARENTS
from gumbel_lib.chapters.max_distributions.interactive import MAXIMA, SIZES
from gumbel_lib.maxima import gumbel_limit, maximum_cdf, maximum_pdf, sup_distance

CLAIMS = claims_of("max_distributions")


def by_moments(parent, n):
    """Location and scale from the parent's own mean and standard deviation."""
    law = stats.norm if parent is stats.norm else stats.expon
    return float(law.mean()), float(law.std())


def enough(roots):
    return {"enough": lambda distance, level, miss: (roots(level, miss) / distance) ** 2}


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("max-law", {"law": lambda cdf, n: cdf ** (n - 1)}),
        ("max-law", {"law": lambda cdf, n: 1 - (1 - cdf) ** n}),
        ("max-density", {"density": lambda p, n, x: maximum_pdf(p, n + 1, x)}),
        ("max-law-simulated", {"law": lambda p, n, x: p.cdf(x) ** (n / 2)}),
        ("gumbel-density", {"mode": lambda loc, scale: loc + sympy.EulerGamma * scale}),
        ("gumbel-density", {"factor": lambda scale: 1 / scale**2}),
        ("gumbel-moments", {"variance": lambda scale: np.pi**2 * scale / 6}),
        ("gumbel-moments", {"variance": lambda scale: np.pi**2 * scale**2 / 3}),
        ("gumbel-moments", {"skewness": -1.1395470994}),
        ("exponential-limit", {"shift": lambda n: sympy.log(2 * n)}),
        ("exponential-limit", {"sizes": (2,)}),  # 2 < e: too few for x = -1
        ("exponential-rate", {"half": -0.5}),
        ("exponential-rate", {"largest": float(np.exp(-1))}),
        ("hazard", {"limit": lambda p, n: (gumbel_limit(p, n)[0], 1 / n)}),
        ("hazard", {"limit": lambda p, n: gumbel_limit(p, 2 * n)}),
        ("nearly-gumbel", {"limit": lambda p, n: gumbel_limit(p, 2 * n)}),
        ("nearly-gumbel", {"limit": by_moments}),
        ("nearly-gumbel", {"rest": lambda n: 2 * np.exp(-2) / n}),
        ("nearly-gumbel", {"rest": lambda n: 4 * np.exp(-2) / n**2}),
        ("normal-rate", {"constant": claims.HEIGHT}),
        ("normal-rate", {"slope": -1.0}),
        ("normal-rate", {"slope": 0.5}),
        ("uniform-limit", {"law": lambda x: sympy.exp(2 * x)}),
        ("uniform-limit", {"quantile": lambda p: -sympy.log(1 - p)}),  # an Exponential's
        ("geometric-steps", {"tail": lambda k: 0.99**k}),  # a spread of about 100
        ("enough-draws", enough(lambda level, miss: np.sqrt(np.log(2 / level) / 2))),
        ("enough-draws", enough(lambda level, miss: np.sqrt(np.log(2 / level)))),
        ("enough-draws", {"enough": lambda d, level, miss: np.log(2 / miss) / d}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


def test_the_bound_on_misses_is_one():
    """Samples are missed no more often than `_missed` allows."""
    level = np.sort(np.random.default_rng(0).random((400, 500)), axis=1)
    stated = np.interp(level, [0, 0.5, 1], [0, 0.56, 1])  # 0.06 too high at the median
    steps = np.arange(501) / 500
    distance = np.maximum(steps[1:] - stated, stated - steps[:-1]).max(axis=1)
    share = np.mean(distance <= stats.kstwo.isf(0.05, 500))
    allowed = claims._missed(0.5, 0.56, 500, 0.05)
    assert share < allowed + 5 * np.sqrt(allowed * (1 - allowed) / 400)
    assert share > allowed / 2


def choose(chart, parent, n):
    chart.set("parent", parent)
    chart.set("block size n", n)


class TestInteractive:
    """The interactive of max_distributions agrees with the library."""

    @pytest.mark.parametrize("parent", PARENTS)
    def test_distance_and_cdfs_agree_with_the_library(self, interactive, parent):
        chart = interactive("max_distributions")
        for n in SIZES:
            choose(chart, parent, n)
            numbers = chart.numbers
            loc, scale = gumbel_limit(PARENTS[parent], n)
            exact = maximum_cdf(PARENTS[parent], n, loc + scale * numbers["z"])
            assert numbers["n"] == n
            assert numbers["distance"] == pytest.approx(sup_distance(PARENTS[parent], n), abs=1e-6)
            assert numbers["exact"] == pytest.approx(exact, abs=1e-6)
            assert numbers["gumbel"] == pytest.approx(np.exp(-np.exp(-numbers["z"])), abs=1e-6)

    @pytest.mark.parametrize("parent", PARENTS)
    def test_the_curves_agree_with_the_library(self, interactive, parent):
        chart = interactive("max_distributions")
        for n in (2, 100, 10_000):
            choose(chart, parent, n)
            drawn = chart.box.evaluate(
                "box => [...box.querySelectorAll('.mark-line.role-mark path')]"
                ".map(path => path.__data__.mark.items.map(item => item.datum))"
            )
            lines = [rows for rows in drawn if rows[0]["law"] == "exact law"]
            z = np.array([row["z"] for row in lines[0]])
            loc, scale = gumbel_limit(PARENTS[parent], n)
            density = scale * maximum_pdf(PARENTS[parent], n, loc + scale * z)
            truth = maximum_cdf(PARENTS[parent], n, loc + scale * z)
            assert [z[0], z[-1]] == pytest.approx([-3, 8])
            for rows, exact in zip(lines, (density, truth), strict=True):
                assert [row["value"] for row in rows] == pytest.approx(exact, abs=1e-6)

    @pytest.mark.parametrize("parent", PARENTS)
    def test_maxima_are_counted_and_drawn_by_the_exact_law(self, interactive, parent):
        chart = interactive("max_distributions")
        for n, count in ((2, 10), (10, 40), (10_000, MAXIMA)):
            choose(chart, parent, n)
            chart.set("maxima drawn", count)
            maxima = np.array([row[f"{parent} {n}"] for row in chart.data])[:count]
            loc, scale = gumbel_limit(PARENTS[parent], n)
            law = maximum_cdf(PARENTS[parent], n, loc + scale * np.sort(maxima))
            # At z = 5: a false alarm in about 1.7 million seeds.
            assert stats.kstest(law, "uniform").pvalue > 6e-7
            numbers = chart.numbers
            assert numbers["below"] == (maxima < 0).sum()
            assert numbers["share"] == pytest.approx((maxima < 0).mean(), abs=1e-6)
            chance = maximum_cdf(PARENTS[parent], n, loc).item()
            assert numbers["chance"] == pytest.approx(chance, abs=1e-6)
            bars = chart.box.evaluate(
                "box => [...box.querySelectorAll('.mark-rect.role-mark path')]"
                ".map(path => path.__data__.datum)"
            )
            places = np.array([bar["left"] for bar in bars])
            heights = [((maxima >= left) & (maxima < left + 0.5)).mean() / 0.5 for left in places]
            assert [bar["value"] for bar in bars] == pytest.approx(heights, abs=1e-6)
            assert sum(bar["number"] for bar in bars) == count

    def test_the_words_name_the_case(self, interactive):
        chart = interactive("max_distributions")
        assert "Normal, n = 10: Gumbel at 1.282, scale 0.570" in chart.words
        choose(chart, "Exponential", 10_000)
        assert "Exponential, n = 10,000" in chart.words
        assert "distance 0.0000271 at z = \N{MINUS SIGN}0.69, exact law below" in chart.words
