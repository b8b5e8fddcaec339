"""Claims of the chapter gumbel_max: the trick, each lemma of its proofs, and other noise."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
from scipy import integrate, special, stats

from ... import trick
from ..._checks import Floats
from ...claims import NORMAL, chi_square, chi_square_power, claim, symbolic_gap
from ...noise import standard_gumbel

LOGITS = np.array([1.5, 0.0, -0.5, -2.0, 0.7, 0.7])
STEPS = np.linspace(-4, 6, 41)


def _integral(integrand: Callable[[float], Any], start: float = -20.0, end: float = 50.0) -> Floats:
    """An integral over the line; outside the ends a standard Gumbel has less than 1e-20."""
    points = np.arange(start + 2, end, 2.0)
    result: Floats = integrate.quad_vec(integrand, start, end, epsabs=1e-12, points=points)[0]
    return result


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
    "gumbel-max",
    "With Gumbel noise, P(argmax = k) is softmax(logits) at k, for all k jointly.",
    method="quadrature",
    bound=1e-9,
    control="Normal noise of the same variance",
    wrong={"noise": NORMAL},
)
def gumbel_max(noise: Any = stats.gumbel_r) -> float:
    rows = np.stack([LOGITS, LOGITS[::-1] - 30, 3 * LOGITS, np.log(np.arange(1.0, 7.0))])
    return float(np.abs(trick.argmax_probabilities(rows, noise) - special.softmax(rows, -1)).max())


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
    draw: Any = trick.gumbel_max,
) -> float:
    rng = np.random.default_rng(7)
    draws = draw(LOGITS, noise((DRAWS, LOGITS.size), rng))
    return chi_square(draws, special.softmax(LOGITS))


@claim(
    "gumbel-exponential",
    "If g is standard Gumbel, exp(-g) is exponential with rate 1.",
    method="quadrature",
    bound=1e-9,
    control="the reversed Gumbel, as if g were log E in place of -log E",
    wrong={"noise": stats.gumbel_l},
)
def gumbel_exponential(noise: Any = stats.gumbel_r) -> float:
    t = np.array([0.01, 0.1, 0.5, 1.0, 2.0, 5.0])
    # exp(-g) exceeds t where g lies below -log t.
    later = _integral(lambda v: noise.pdf(-np.log(t) - v), 0)
    return float(np.abs(later - stats.expon.sf(t)).max())


@claim(
    "exponential-race",
    "Of exponential arrival times with rates r_i, the k-th is first with probability r_k / sum r.",
    method="quadrature",
    bound=1e-9,
    control="means r_i in place of rates r_i",
    wrong={"arrival": lambda rates: stats.expon(scale=rates)},
)
def exponential_race(
    arrival: Callable[[Floats], Any] = lambda rates: stats.expon(scale=1 / rates),
) -> float:
    gaps = []
    for rates in (np.array([0.6, 0.3, 0.1]), np.array([0.25, 3.0]), np.array([1.0, 1, 0.5, 2])):
        law, others = arrival(rates), ~np.eye(rates.size, dtype=bool)

        def first(t: float, law: Any = law, others: Any = others) -> Any:
            return law.pdf(t) * np.where(others, law.sf(t), 1.0).prod(axis=1)

        gaps.append(np.abs(_integral(first, 0) - rates / rates.sum()).max())
    return float(max(gaps))


@claim(
    "gumbel-difference",
    "The difference of Gumbels located at a and b is logistic, located at a - b.",
    method="quadrature",
    bound=1e-9,
    control="Normal noise of the same variance",
    wrong={"noise": NORMAL},
)
def gumbel_difference(
    noise: Any = stats.gumbel_r,
    location: Callable[[float, float], float] = lambda a, b: a - b,
) -> float:
    gaps = []
    for a, b in ((0.7, -0.4), (-1.5, 1.0), (0.3, 0.3)):

        def below(x: float, a: float = a, b: float = b) -> Any:
            # X_b has the value x, and X_a lies at most d above it.
            return noise.pdf(x - b) * noise.cdf(x + STEPS - a)

        gaps.append(np.abs(_integral(below) - stats.logistic.cdf(STEPS, location(a, b))).max())
    return float(max(gaps))


@claim(
    "pairwise",
    "One Gumbel exceeds a single other with probability p_k / (p_k + p_j).",
    method="quadrature",
    bound=1e-9,
    control="p_k, the probability to exceed all others at once",
    wrong={"share": lambda p_k, p_j: p_k},
)
def pairwise(
    noise: Any = stats.gumbel_r,
    share: Callable[[Floats, Floats], Floats] = lambda p_k, p_j: p_k / (p_k + p_j),
) -> float:
    k, j = np.array(list(itertools.permutations(range(LOGITS.size), 2))).T
    won = _integral(lambda x: noise.pdf(x - LOGITS[k]) * noise.cdf(x - LOGITS[j]))
    probs = special.softmax(LOGITS)
    return float(np.abs(won - share(probs[k], probs[j])).max())


@claim(
    "max-of-gumbels",
    "The maximum of Gumbels located at the logits is a Gumbel located at their log-sum-exp.",
    method="quadrature",
    bound=1e-9,
    control="located at the largest logit",
    wrong={"location": np.max},
)
def max_of_gumbels(
    location: Callable[[Floats], Any] = trick.logsumexp, noise: Any = stats.gumbel_r
) -> float:
    gaps = []
    for size in (1, 2, 3, LOGITS.size):
        logits, others = LOGITS[:size], ~np.eye(size, dtype=bool)

        def density(v: float, logits: Floats = logits, others: Any = others) -> Any:
            # One class reaches u = x - v and its rivals stay below, summed over the classes.
            u = STEPS[:, None] - v
            below = np.where(others, noise.cdf(u[..., None] - logits), 1.0).prod(axis=-1)
            return (noise.pdf(u - logits) * below).sum(axis=-1)

        reached = _integral(density, 0)
        gaps.append(np.abs(reached - stats.gumbel_r.cdf(STEPS, location(logits))).max())
    return float(max(gaps))


@claim(
    "reversed-gumbel",
    "Reversed (left-skewed) Gumbel noise is exact for two classes.",
    method="quadrature",
    bound=1e-9,
    control="a third class beside the two",
    wrong={"third": -1.0},
)
def reversed_gumbel(noise: Any = stats.gumbel_l, third: float = -np.inf) -> float:
    rows = np.array([[gap, 0.0, third] for gap in (-5.0, -1.0, 0.0, 0.5, 2.0)])
    return float(np.abs(trick.argmax_probabilities(rows, noise) - special.softmax(rows, -1)).max())


@claim(
    "left-skew",
    "Left-skewed Gumbel noise lets the favourite of three classes win too often and the least "
    "probable too seldom: both by at least 0.001, in each law with probabilities in tenths and one "
    "favourite (laws that miss it).",
    method="quadrature",
    bound=1.0,
    control="right-skewed Gumbel noise, which is exact",
    wrong={"noise": stats.gumbel_r},
)
def left_skew(noise: Any = stats.gumbel_l) -> float:
    tenths = [(10 - j - k, j, k) for j, k in itertools.product(range(1, 5), repeat=2)]
    probs = np.array([law for law in tenths if law[0] > max(law[1:])]) / 10
    gain = trick.argmax_probabilities(np.log(probs), noise) - probs
    least = gain[np.arange(len(probs)), probs.argmin(axis=1)]
    return float(np.count_nonzero((gain[:, 0] < 1e-3) | (least > -1e-3)))


@claim(
    "noise-scale",
    "Gumbel noise of scale s draws from softmax(logits / s).",
    method="quadrature",
    bound=1e-9,
    control="the logits multiplied by s",
    wrong={"effective": lambda logits, s: logits * s},
)
def noise_scale(
    effective: Callable[[Floats, float], Floats] = lambda logits, s: logits / s,
) -> float:
    gaps = []
    for s in (0.5, 1.5, 2.0, 4.0):
        won = trick.argmax_probabilities(LOGITS, stats.gumbel_r(scale=s))
        gaps.append(np.abs(won - special.softmax(effective(LOGITS, s))).max())
    return float(max(gaps))
