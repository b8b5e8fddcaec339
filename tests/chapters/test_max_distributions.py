"""Claims of max_distributions refuse plausible mistakes."""

import numpy as np
import pytest
import sympy
from scipy import stats

from gumbel_lib import chapters
from gumbel_lib.claims import max_distributions as chapter
from gumbel_lib.maxima import gumbel_limit, maximum_pdf

CLAIMS = chapters.all_claims()


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
        ("normal-rate", {"constant": chapter.HEIGHT}),
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
    allowed = chapter._missed(0.5, 0.56, 500, 0.05)
    assert share < allowed + 5 * np.sqrt(allowed * (1 - allowed) / 400)
    assert share > allowed / 2
