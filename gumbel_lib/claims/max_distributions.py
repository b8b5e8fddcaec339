"""Claims of the chapter max_distributions: laws of maxima, the Gumbel, and how near they are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy import integrate, optimize, special, stats

from ..maxima import Law, gumbel_limit, maximum_cdf, sup_distance
from . import claim, symbolic_gap

Floats = NDArray[np.float64]

BLOCK = 100
MIXTURE = stats.Mixture(
    [stats.Normal(mu=-2.0, sigma=1.0), stats.Normal(mu=2.0, sigma=0.5)], weights=[0.5, 0.5]
)
PARENTS: dict[str, Any] = {"Normal": stats.norm, "Exponential": stats.expon, "mixture": MIXTURE}


@claim(
    "max-law",
    "The largest of n independent draws is at most x with probability F(x)^n.",
    method="exact arithmetic",
    bound=1e-12,
    control="a die of 6 faces rolled 4 times without repeats, so not independently",
    wrong={"rolls": itertools.permutations},
)
def max_law(
    rolls: Callable[..., Iterable[tuple[int, ...]]] = lambda faces, n: itertools.product(
        faces, repeat=n
    ),
) -> float:
    faces, n = range(1, 7), 4
    largest = [max(roll) for roll in rolls(faces, n)]
    gaps = [
        abs(Fraction(sum(top <= x for top in largest), len(largest)) - Fraction(x, 6) ** n)
        for x in faces
    ]
    return float(max(gaps))


BLOCKS = 40_000
# Dvoretzky, Kiefer, Wolfowitz and Massart, over three parents together.
DKW = float(np.sqrt(np.log(2 * len(PARENTS) / 1e-6) / (2 * BLOCKS)))
MISSED = 2 * np.exp(-2 * BLOCKS * (sup_distance(MIXTURE, BLOCK) - DKW) ** 2)


def _kolmogorov(believed: Floats) -> Floats:
    """Distance of sorted draws' empirical CDF to a law, given that law's CDF at the draws."""
    steps = np.arange(believed.shape[-1] + 1) / believed.shape[-1]
    distance: Floats = np.maximum(steps[1:] - believed, believed - steps[:-1]).max(axis=-1)
    return distance


def _limit_cdf(parent: Any, n: int, x: Floats) -> Floats:
    cdf: Floats = stats.gumbel_r(*gumbel_limit(parent, n)).cdf(x)
    return cdf


@claim(
    "max-law-simulated",
    "The maxima of simulated blocks of 100 from three parents follow F^100.",
    method="Monte Carlo",
    bound=DKW,
    control="the Gumbel limit in place of F^100",
    wrong={"law": _limit_cdf},
    power=(
        f"Kolmogorov distance of {BLOCKS:,} maxima a parent, false alarm below 1e-6; the "
        f"mixture's Gumbel is missed with probability below {MISSED:.1e}"
    ),
)
def max_law_simulated(law: Any = maximum_cdf) -> float:
    rng = np.random.default_rng(11)
    shape = (BLOCKS, BLOCK)
    blocks = {
        "Normal": rng.standard_normal(shape),
        "Exponential": rng.standard_exponential(shape),
        "mixture": MIXTURE.sample(shape, rng=rng),
    }
    distances = []
    for name, draws in blocks.items():
        believed = law(PARENTS[name], BLOCK, np.sort(draws.max(axis=1)))
        distances.append(_kolmogorov(believed))
    return float(max(distances))


@claim(
    "gumbel-density",
    "The Gumbel's density is the derivative of exp(-exp(-z)), integrates to 1 and peaks at the "
    "location.",
    method="symbolic",
    bound=1e-12,
    control="the factor 1 / scale left out",
    wrong={"factor": lambda scale: 1},
)
def gumbel_density(factor: Any = lambda scale: 1 / scale) -> float:
    x, loc = sympy.symbols("x loc", real=True)
    scale = sympy.symbols("scale", positive=True)
    z = (x - loc) / scale
    density = factor(scale) * sympy.exp(-z - sympy.exp(-z))
    cdf = sympy.exp(-sympy.exp(-z))
    u = sympy.symbols("u", real=True)
    standard = sympy.exp(-sympy.exp(-u))  # its rise from end to end is the density's integral
    rise = sympy.limit(standard, u, sympy.oo) - sympy.limit(standard, u, -sympy.oo)
    points = {x: [-1.0, 0.5, 2.0], loc: [-0.5, 1.0], scale: [0.5, 2.0]}
    return max(
        symbolic_gap(density - sympy.diff(cdf, x), points),
        abs(float(rise) - 1),
        symbolic_gap(sympy.diff(sympy.log(density), x).subs(x, loc), points),
    )


@claim(
    "gumbel-moments",
    "The Gumbel has mean loc + 0.5772 scale, variance pi^2 scale^2 / 6 and skewness 1.1395.",
    method="quadrature",
    bound=1e-8,
    control="the mean put at the location",
    wrong={"constant": 0.0},
)
def gumbel_moments(constant: float = float(np.euler_gamma)) -> float:
    gaps = []
    for loc, scale in ((0.0, 1.0), (2.0, 0.5), (-1.0, 3.0)):

        def moment(power: int, loc: float = loc, scale: float = scale) -> float:
            # Of x - mean; 1 / scale of the density and scale of dx cancel.
            mean = loc + constant * scale

            def value(z: float) -> float:
                return float((loc + scale * z - mean) ** power * np.exp(-z - np.exp(-z)))

            pieces = ((-6.0, 0.0), (0.0, 6.0), (6.0, 60.0))
            return float(sum(integrate.quad(value, *ends, epsabs=1e-12)[0] for ends in pieces))

        skewness = 12 * np.sqrt(6) * special.zeta(3) / np.pi**3
        gaps += [
            moment(1),
            moment(2) - np.pi**2 * scale**2 / 6,
            moment(3) / moment(2) ** 1.5 - skewness,
        ]
    return float(np.abs(gaps).max())


@claim(
    "exponential-limit",
    "The largest of n Exponential draws, less log n, tends to the standard Gumbel.",
    method="symbolic",
    bound=1e-12,
    control="log n not subtracted",
    wrong={"shift": lambda n: sympy.Integer(0)},
)
def exponential_limit(shift: Any = sympy.log) -> float:
    n = sympy.symbols("n", positive=True)
    gaps = []
    for x in (sympy.Rational(-1), sympy.Rational(0), sympy.Rational(3, 2)):
        at = x + shift(n)
        if shift(n) == 0 and x <= 0:  # an Exponential is never negative
            largest = sympy.Integer(0)
        else:
            largest = sympy.limit((1 - sympy.simplify(sympy.exp(-at))) ** n, n, sympy.oo)
        gaps.append(abs(float(largest - sympy.exp(-sympy.exp(-x)))))
    return max(gaps)


@claim(
    "exponential-rate",
    "n times the Exponential's gap to the Gumbel tends to -e^(-2x) exp(-e^-x) / 2, at most "
    "2 / e^2 = 0.271 in size.",
    method="symbolic",
    bound=1e-12,
    control="the factor 1/2 left out",
    wrong={"half": 1},
)
def exponential_rate(half: Any = Fraction(1, 2)) -> float:
    x = sympy.symbols("x", real=True)
    m = sympy.symbols("m", positive=True)  # 1 / n
    # log F^n at x + log n, expanded in 1/n; the first term is the Gumbel's.
    power = sympy.series(sympy.log(1 - m * sympy.exp(-x)) / m, m, 0, 2).removeO()
    slope = sympy.diff(power, m).subs(m, 0)
    gap = sympy.exp(power.subs(m, 0)) * slope
    stated = -sympy.Rational(half) * sympy.exp(-2 * x - sympy.exp(-x))
    peak = -sympy.log(2)
    return max(
        symbolic_gap(gap - stated, {x: [-1.0, 0.0, 1.5]}),
        abs(float(sympy.diff(stated, x).subs(x, peak))),
        abs(float(stated.subs(x, peak) + 2 * sympy.exp(-2))),
    )


@claim(
    "hazard",
    "n S(b + x / h(b)) is exp(-integral of the relative hazard over [0, x]), at b the 1 - 1/n "
    "quantile.",
    method="quadrature",
    bound=1e-9,
    control="a hazard that stays at h(b)",
    wrong={"relative": lambda hazard, b, scale, s: 1.0},
)
def hazard(
    relative: Any = lambda hazard, b, scale, s: scale * hazard(b + scale * s),
) -> float:
    gaps = []
    for parent in (stats.norm, MIXTURE):
        law = Law(parent, "parent")
        b, scale = gumbel_limit(parent, BLOCK)

        def rate(x: float, law: Law = law) -> float:
            return float(law.pdf(x) / law.survival(x))

        def grown(s: float, b: float = b, scale: float = scale, rate: Any = rate) -> float:
            return float(relative(rate, b, scale, s))

        for x in (-1.5, 1.0, 4.0):
            exponent = integrate.quad(grown, 0, x, epsabs=1e-12)[0]
            gaps.append(BLOCK * float(law.survival(b + scale * x)) - np.exp(-exponent))
    return float(np.abs(gaps).max())


# Largest value of x^2 exp(-x - exp(-x)) / 2, near x = 2.24.
HEIGHT = -float(
    optimize.minimize_scalar(
        lambda x: -(x**2) * np.exp(-x - np.exp(-x)) / 2, bounds=(0, 5), method="bounded"
    ).fun
)


def _mills_slope(n: int) -> float:
    """Slope of 1 / hazard of the Normal at its 1 - 1/n quantile, by a complex step."""
    b, step = gumbel_limit(stats.norm, n)[0], 1e-30
    mills = np.sqrt(np.pi / 2) * special.erfcx((b + 1j * step) / np.sqrt(2))
    return float(abs(mills.imag) / step)


@claim(
    "normal-rate",
    "The Normal's distance over the slope of 1 / hazard tends to 0.240, the slope times log n to "
    "1/2 (relative gaps at n = 10^100).",
    method="complex step",
    bound=0.03,
    control="the slope taken as 1 / log n",
    wrong={"halved": 1.0},
)
def normal_rate(halved: float = 0.5) -> float:
    n = 10**100
    slope = _mills_slope(n)
    ratios = (
        sup_distance(stats.norm, n) / (HEIGHT * slope),
        slope * float(np.log(float(n))) / halved,
    )
    return max(abs(ratio - 1) for ratio in ratios)


@claim(
    "uniform-limit",
    "The tail ratio of the uniform's maximum tends to log(9/5) / log 5 = 0.365.",
    method="symbolic",
    bound=1e-12,
    control="the Gumbel's tail ratio, 1.57",
    wrong={"quantile": lambda p: -sympy.log(-sympy.log(p))},
)
def uniform_limit(quantile: Any = sympy.log) -> float:
    n = sympy.symbols("n", positive=True)
    low, middle, high = sympy.Rational(1, 10), sympy.Rational(1, 2), sympy.Rational(9, 10)

    def ratio(q: Any) -> Any:
        return (q(high) - q(middle)) / (q(middle) - q(low))

    of_uniform = sympy.limit(ratio(lambda p: p ** (1 / n)), n, sympy.oo)
    gap = sympy.N(of_uniform - ratio(quantile), 30)
    return abs(float(gap))


LEVEL = 0.05
SAMPLES = 400
NEEDED = float(np.sqrt(2 * np.log(2 / LEVEL)))  # sqrt(N) d for level and miss rate 5%
ENOUGH = int(np.ceil((NEEDED / sup_distance(stats.norm, BLOCK)) ** 2))
ALLOWED = LEVEL + 5 * float(np.sqrt(LEVEL * (1 - LEVEL) / SAMPLES))
FALSE_ALARM = float(stats.binom.sf(np.ceil(ALLOWED * SAMPLES) - 1, SAMPLES, LEVEL))
ESCAPED = float(stats.binom.cdf(np.ceil(ALLOWED * SAMPLES) - 1, SAMPLES, 0.2))


@claim(
    "enough-draws",
    f"With {ENOUGH:,} maxima of the Normal the 5% Kolmogorov-Smirnov test misses its Gumbel in at "
    "most 5% of samples.",
    method="Monte Carlo",
    bound=ALLOWED,
    control="1000 maxima",
    wrong={"num_maxima": 1000},
    power=(
        f"misses in {SAMPLES} samples, z = 5: false alarm {FALSE_ALARM:.0e} at a miss rate of 5%; "
        f"a miss rate of 20% escapes with probability {ESCAPED:.0e}"
    ),
)
def enough_draws(num_maxima: int = ENOUGH) -> float:
    rng = np.random.default_rng(12)
    level = np.sort(rng.random((SAMPLES, num_maxima)), axis=1)
    # The maximum whose exact CDF F^n equals the level.
    maxima = stats.norm.isf(-np.expm1(np.log(level) / BLOCK))
    distance = _kolmogorov(_limit_cdf(stats.norm, BLOCK, maxima))
    return float(np.mean(distance <= stats.kstwo.isf(LEVEL, num_maxima)))
