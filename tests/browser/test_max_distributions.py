"""The interactive of max_distributions agrees with the library."""

import numpy as np
import pytest

from gumbel_lib.chapters.max_distributions.claims import PARENTS
from gumbel_lib.chapters.max_distributions.interactive import SIZES
from gumbel_lib.maxima import gumbel_limit, maximum_cdf, sup_distance


def choose(chart, parent, n):
    chart.set("parent", parent)
    chart.set("block size (step)", SIZES.index(n))


@pytest.mark.parametrize("parent", PARENTS)
def test_distance_and_cdfs_agree_with_the_library(interactive, parent):
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
def test_the_curves_agree_with_the_library(interactive, parent):
    chart = interactive("max_distributions")
    for n in (2, 100, 10_000):
        choose(chart, parent, n)
        drawn = chart.box.evaluate(
            "box => [...box.querySelectorAll('.mark-line.role-mark path')]"
            ".flatMap(path => path.__data__.mark.items.map(item => item.datum))"
        )
        exact = [row for row in drawn if row["law"] == "exact law"]
        z = np.array([row["z"] for row in exact])
        loc, scale = gumbel_limit(PARENTS[parent], n)
        truth = maximum_cdf(PARENTS[parent], n, loc + scale * z)
        assert [z[0], z[-1]] == pytest.approx([-3, 8])
        assert [row["cdf"] for row in exact] == pytest.approx(truth, abs=1e-6)


def test_the_words_name_the_case(interactive):
    chart = interactive("max_distributions")
    assert "Normal, n = 10: Gumbel at 1.282, scale 0.570" in chart.words
    choose(chart, "Exponential", 10_000)
    assert "Exponential, n = 10,000" in chart.words
    assert "distance 0.0000271 at z = \N{MINUS SIGN}0.69, exact law below" in chart.words
