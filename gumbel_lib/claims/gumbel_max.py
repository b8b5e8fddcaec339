"""Claims of the chapter gumbel_max: the trick and each lemma of its proofs."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy
from scipy import integrate, special, stats

from .. import trick
from ..noise import standard_gumbel
from . import chi_square, chi_square_power, claim, symbolic_gap

LOGITS = np.array([1.5, 0.0, -0.5, -2.0, 0.7, 0.7])
STEPS = np.linspace(-4, 6, 41)


@claim(
    "gumbel-shift",
    "A standard Gumbel plus a has the law of the Gumbel located at a.",
    method="symbolic",
    bound=1e-12,
    control="x multiplied by 1 + a instead of shifted by a",
    wrong={"shifted": lambda x, a: x / (1 + a)},
)
def gumbel_shift(shifted: Any = lambda x, a: x - a) -> float:
    x, a, u = sympy.symbols("x a u", real=True)
    density = sympy.exp(-(u - a) - sympy.exp(-(u - a)))
    located = sympy.integrate(density, (u, -sympy.oo, x))
    standard = sympy.exp(-sympy.exp(-shifted(x, a)))
    return symbolic_gap(located - standard, {x: [-1.0, 0.5, 2.0], a: [0.5, 1.5]})


@claim(
    "gumbel-difference",
    "The difference of Gumbels located at a and b is logistic, located at a - b.",
    method="quadrature",
    bound=1e-8,
    control="Normal noise",
    wrong={"noise": stats.norm},
)
def gumbel_difference(noise: Any = stats.gumbel_r) -> float:
    a, b = 0.7, -0.4

    def difference_cdf(d: float) -> float:
        # P(X_a - X_b <= d), given the quantile level u of X_b.
        inner = lambda u: noise.cdf(noise.ppf(u) + b + d - a)  # noqa: E731
        return float(integrate.quad(inner, 0, 1, epsabs=1e-12)[0])

    exact = special.expit(STEPS - (a - b))
    return float(np.abs([difference_cdf(d) for d in STEPS] - exact).max())


@claim(
    "max-of-gumbels",
    "The maximum of Gumbels located at the logits is a Gumbel located at their log-sum-exp.",
    method="symbolic",
    bound=1e-12,
    control="located at the largest logit",
    wrong={"location": sympy.Max},
)
def max_of_gumbels(
    location: Any = lambda *logits: sympy.log(sum(sympy.exp(logit) for logit in logits)),
) -> float:
    x, *logits = sympy.symbols("x l0 l1 l2", real=True)
    product = sympy.prod(sympy.exp(-sympy.exp(-(x - logit))) for logit in logits)
    single = sympy.exp(-sympy.exp(-(x - location(*logits))))
    grid = {symbol: [-1.0, 0.3, 2.0] for symbol in (x, *logits)}
    return symbolic_gap(product - single, grid)


@claim(
    "pairwise",
    "One Gumbel exceeds another with probability p_k / (p_k + p_j).",
    method="quadrature",
    bound=1e-9,
    control="uniform noise",
    wrong={"noise": stats.uniform},
)
def pairwise(noise: Any = stats.gumbel_r) -> float:
    gaps = []
    for k, j in ((0, 1), (2, 3), (3, 4)):
        won = trick.argmax_probabilities(LOGITS[[k, j]], noise)
        weight = np.exp(LOGITS[[k, j]])
        gaps.append(np.abs(won - weight / weight.sum()).max())
    return float(max(gaps))


@claim(
    "gumbel-max",
    "With Gumbel noise, P(argmax = k) is softmax(logits) at k, for all k jointly.",
    method="quadrature",
    bound=1e-9,
    control="Normal noise of the same variance",
    wrong={"noise": stats.norm(scale=np.pi / np.sqrt(6))},
)
def gumbel_max(noise: Any = stats.gumbel_r) -> float:
    exact = special.softmax(LOGITS)
    return float(np.abs(trick.argmax_probabilities(LOGITS, noise) - exact).max())


DRAWS = 200_000


@claim(
    "gumbel-max-simulated",
    "The counts of simulated argmaxes agree with softmax(logits).",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=LOGITS.size - 1)),
    control="Normal noise of the same variance",
    wrong={"noise": lambda size, rng: rng.normal(scale=np.pi / np.sqrt(6), size=size)},
    power=chi_square_power(special.softmax(LOGITS), DRAWS, 0.01),
)
def gumbel_max_simulated(
    noise: Any = lambda size, rng: standard_gumbel(size, rng=rng),
) -> float:
    rng = np.random.default_rng(7)
    draws = trick.gumbel_max(LOGITS, noise((DRAWS, LOGITS.size), rng))
    return chi_square(draws, special.softmax(LOGITS))


@claim(
    "exponential-race",
    "Of exponential arrival times with rates p_i, the k-th is first with probability p_k.",
    method="symbolic",
    bound=1e-12,
    control="means p_i in place of rates p_i",
    wrong={"rate": lambda p: 1 / p},
)
def exponential_race(rate: Any = lambda p: p) -> float:
    t = sympy.symbols("t", positive=True)
    p = sympy.symbols("p0 p1 p2", positive=True)
    later = sympy.prod(sympy.exp(-rate(other) * t) for other in p[1:])
    first = sympy.integrate(rate(p[0]) * sympy.exp(-rate(p[0]) * t) * later, (t, 0, sympy.oo))
    share = p[0] / sum(p)
    return symbolic_gap(first - share, {symbol: [0.2, 0.5] for symbol in p})


@claim(
    "noise-scale",
    "Gumbel noise of scale s draws from softmax(logits / s).",
    method="quadrature",
    bound=1e-9,
    control="the logits left undivided",
    wrong={"divide": False},
)
def noise_scale(divide: bool = True) -> float:
    scale = 2.0
    won = trick.argmax_probabilities(LOGITS, stats.gumbel_r(scale=scale))
    return float(np.abs(won - special.softmax(LOGITS / scale if divide else LOGITS)).max())


@claim(
    "reversed-gumbel",
    "Reversed (left-skewed) Gumbel noise is exact for two classes.",
    method="quadrature",
    bound=1e-9,
    control="three classes",
    wrong={"num_classes": 3},
)
def reversed_gumbel(num_classes: int = 2) -> float:
    logits = LOGITS[:num_classes]
    won = trick.argmax_probabilities(logits, stats.gumbel_l)
    return float(np.abs(won - special.softmax(logits)).max())
