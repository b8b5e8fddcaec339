"""Claims of the chapter max_distributions: laws of maxima, the Gumbel, and how near they are."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy
from scipy import integrate, optimize, special, stats

from ..._checks import Floats
from ...claims import claim, symbolic_gap
from ...maxima import Law, gumbel_limit, maximum_cdf, maximum_pdf, sup_distance

BLOCK = 100
MIXTURE = stats.Mixture(
    [stats.Normal(mu=-2.0, sigma=1.0), stats.Normal(mu=2.0, sigma=0.5)], weights=[0.5, 0.5]
)
PARENTS: dict[str, Any] = {"Normal": stats.norm, "Exponential": stats.expon, "mixture": MIXTURE}


@claim(
    "max-law",
    "The largest of n independent draws is at most x with probability F(x)^n (a die of 6 faces, "
    "all rolls of 2 to 5).",
    method="exact arithmetic",
    bound=1e-12,
    control="no face twice in the rolls, so not independent",
    wrong={"rolls": itertools.permutations},
)
def max_law(
    rolls: Callable[..., Iterable[tuple[int, ...]]] = lambda faces, n: itertools.product(
        faces, repeat=n
    ),
    law: Callable[[Fraction, int], Fraction] = lambda cdf, n: cdf**n,
) -> float:
    faces, gaps = range(1, 7), []
    for n in (2, 3, 4, 5):
        largest = [max(roll) for roll in rolls(faces, n)]
        for x in faces:
            share = Fraction(sum(top <= x for top in largest), len(largest))
            gaps.append(abs(share - law(Fraction(x, 6), n)))
    return float(max(gaps))


@claim(
    "max-density",
    "The density n F^(n-1) f of the maximum has the integral F(x)^n up to x (three parents, n = 2 "
    "and 100).",
    method="quadrature",
    bound=1e-8,
    control="the factor n left out",
    wrong={"density": lambda parent, n, x: maximum_pdf(parent, n, x) / n},
)
def max_density(density: Callable[[Any, int, Floats], Floats] = maximum_pdf) -> float:
    gaps = []
    for parent, n in itertools.product(PARENTS.values(), (2, BLOCK)):
        law = Law(parent, "parent")
        # From where the maximum nearly never is, through its middle.
        ends = [float(law.quantile(level ** (1 / n))) for level in (1e-12, 0.1, 0.5, 0.9)]
        mass = integrate.tanhsinh(
            lambda x, p=parent, n=n: density(p, n, x), ends[:-1], ends[1:]
        ).integral
        gaps += list(np.cumsum(mass) - law.cdf(np.array(ends[1:])) ** n)
    return float(np.abs(gaps).max())


BLOCKS = 40_000
# Dvoretzky, Kiefer, Wolfowitz and Massart, over three parents together.
DKW = float(np.sqrt(np.log(2 * len(PARENTS) / 1e-6) / (2 * BLOCKS)))
MISSED = 2 * np.exp(-2 * BLOCKS * (sup_distance(MIXTURE, BLOCK) - DKW) ** 2)


@functools.cache
def _maxima() -> dict[str, Floats]:
    """The maxima of simulated blocks of each parent, sorted."""
    rng = np.random.default_rng(11)
    shape = (BLOCKS, BLOCK)
    blocks = {
        "Normal": rng.standard_normal(shape),
        "Exponential": rng.standard_exponential(shape),
        "mixture": MIXTURE.sample(shape, rng=rng),
    }
    return {name: np.sort(draws.max(axis=1)) for name, draws in blocks.items()}


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
    believed = [law(PARENTS[name], BLOCK, maxima) for name, maxima in _maxima().items()]
    return float(_kolmogorov(np.array(believed)).max())


@claim(
    "gumbel-density",
    "The Gumbel's density is the derivative of exp(-exp(-z)), integrates to 1 and peaks at the "
    "location.",
    method="symbolic",
    bound=1e-12,
    control="the factor 1 / scale left out",
    wrong={"factor": lambda scale: 1},
)
def gumbel_density(
    factor: Any = lambda scale: 1 / scale, mode: Any = lambda loc, scale: loc
) -> float:
    x, loc = sympy.symbols("x loc", real=True)
    scale = sympy.symbols("scale", positive=True)
    z = (x - loc) / scale
    density = factor(scale) * sympy.exp(-z - sympy.exp(-z))
    cdf = sympy.exp(-sympy.exp(-z))
    rise = sympy.limit(cdf, x, sympy.oo) - sympy.limit(cdf, x, -sympy.oo)
    slope = sympy.diff(sympy.log(density), x)
    points = {x: [-1.0, 0.5, 2.0], loc: [-0.5, 1.0], scale: [0.5, 2.0]}
    return max(
        symbolic_gap(density - sympy.diff(cdf, x), points),
        abs(float(rise) - 1),
        # The logarithm has slope 0 at the mode and bends down everywhere, so this is the peak.
        symbolic_gap(slope.subs(x, mode(loc, scale)), points),
        0.0 if sympy.simplify(sympy.diff(slope, x)).is_negative else np.inf,
    )


@claim(
    "gumbel-moments",
    "The Gumbel has mean loc + 0.5772 scale, variance pi^2 scale^2 / 6 and skewness 1.1395.",
    method="quadrature",
    bound=1e-8,
    control="the mean put at the location",
    wrong={"constant": 0.0},
)
def gumbel_moments(
    constant: float = float(np.euler_gamma),
    variance: Callable[[float], float] = lambda scale: np.pi**2 * scale**2 / 6,
    skewness: float = 12 * np.sqrt(6) * special.zeta(3) / np.pi**3,
) -> float:
    gaps = []
    for loc, scale in ((0.0, 1.0), (2.0, 0.5), (-1.0, 3.0)):

        def moment(power: int, loc: float = loc, scale: float = scale) -> float:
            # Of x - mean; 1 / scale of the density and scale of dx cancel.
            mean = loc + constant * scale

            def value(z: float) -> float:
                return float((loc + scale * z - mean) ** power * np.exp(-z - np.exp(-z)))

            pieces = ((-6.0, 0.0), (0.0, 6.0), (6.0, 60.0))
            return float(sum(integrate.quad(value, *ends, epsabs=1e-12)[0] for ends in pieces))

        gaps += [
            moment(1),
            moment(2) - variance(scale),
            moment(3) / moment(2) ** 1.5 - skewness,
        ]
    return float(np.abs(gaps).max())


@claim(
    "exponential-limit",
    "P(M_n - log n <= x) is (1 - e^-x / n)^n for Exponential draws, and tends to exp(-e^-x).",
    method="symbolic",
    bound=1e-12,
    control="log n not subtracted",
    wrong={"shift": lambda n: sympy.Integer(0)},
)
def exponential_limit(shift: Any = sympy.log, sizes: Sequence[int] = (3, 10, 100)) -> float:
    n, m, y = sympy.symbols("n m y", positive=True)
    cdf = sympy.integrate(sympy.exp(-y), (y, 0, m))  # of the Exponential with rate 1, at m
    gaps = []
    for x in (sympy.Rational(-1), sympy.Rational(0), sympy.Rational(3, 2)):
        shifted = sympy.simplify(cdf.subs(m, x + shift(n)))
        if shifted.is_number:
            shifted = sympy.Max(shifted, 0)  # an Exponential is never negative
        gaps.append(sympy.limit(shifted**n, n, sympy.oo) - sympy.exp(-sympy.exp(-x)))
        for size in sizes:
            exact = sympy.Max(shifted.subs(n, size), 0) ** size
            gaps.append(exact - (1 - sympy.exp(-x) / size) ** size)
    return max(abs(float(gap)) for gap in gaps)


@claim(
    "exponential-rate",
    "n times the Exponential's gap to the Gumbel is -e^(-2x) exp(-e^-x) / 2 in the limit, and its "
    "largest size 2 / e^2 = 0.271 (n = 10^30, from x = -4 to 20).",
    method="50 digits",
    bound=1e-6,
    control="the factor 1/2 left out",
    wrong={"half": 1},
)
def exponential_rate(half: float = 0.5, largest: float = 2 * float(np.exp(-2))) -> float:
    gaps, sizes = [], []
    with mpmath.workdps(80):  # 30 are lost in the difference
        n = mpmath.mpf(10) ** 30
        for x in [*np.arange(-4, 20, 0.01).tolist(), -float(np.log(2))]:
            time = mpmath.exp(-mpmath.mpf(x))
            gap = n * (mpmath.exp(n * mpmath.log1p(-time / n)) - mpmath.exp(-time))
            gaps.append(float(abs(gap + half * time**2 * mpmath.exp(-time))))
            sizes.append(float(abs(gap)))
    return max(*gaps, abs(max(sizes) - largest))


@claim(
    "hazard",
    "n S(b + a x) is exp(-integral of the relative hazard over [0, x]), at b the 1 - 1/n quantile "
    "and a = 1/h(b) (Normal and mixture, n = 100).",
    method="quadrature",
    bound=1e-9,
    control="a hazard that stays at h(b)",
    wrong={"relative": lambda hazard, b, scale, u: 1.0},
)
def hazard(
    relative: Any = lambda hazard, b, scale, u: hazard(b + scale * u) / hazard(b),
    limit: Callable[[Any, int], tuple[float, float]] = gumbel_limit,
) -> float:
    gaps = []
    for parent in (stats.norm, MIXTURE):
        law = Law(parent, "parent")
        b, scale = limit(parent, BLOCK)

        def rate(x: float, law: Law = law) -> float:
            return float(law.pdf(x) / law.survival(x))

        def grown(u: float, b: float = b, scale: float = scale, rate: Any = rate) -> float:
            return float(relative(rate, b, scale, u))

        gaps.append(scale * rate(b) - 1)
        for x in (-1.5, 1.0, 4.0):
            exponent = integrate.quad(grown, 0, x, epsabs=1e-12)[0]
            gaps.append(BLOCK * float(law.survival(b + scale * x)) - np.exp(-exponent))
    return float(np.abs(gaps).max())


@claim(
    "nearly-gumbel",
    "If the relative hazard stays within eps of 1 from b to b + a x, then P(M_n <= b + a x) lies "
    "within eps |x| / e + 4 / (e^2 n) of the Gumbel's: gap over this bound for four parents, "
    "n = 10 to 10^6, x from -1.5 to 6.",
    method="floating point",
    bound=1.0,
    control="a = 1 for all parents",
    wrong={"limit": lambda parent, n: (gumbel_limit(parent, n)[0], 1.0)},
)
def nearly_gumbel(
    limit: Callable[[Any, int], tuple[float, float]] = gumbel_limit,
    rest: Callable[[int], float] = lambda n: 4 * float(np.exp(-2)) / n,
) -> float:
    worst = 0.0
    for parent, n in itertools.product(
        [*PARENTS.values(), stats.logistic], (10, 100, 10**4, 10**6)
    ):
        law = Law(parent, "parent")
        (b, a), (loc, scale) = gumbel_limit(parent, n), limit(parent, n)
        for side in (-1.5, 6.0):
            x = np.linspace(0, side, 301)
            relative = a * law.pdf(b + a * x) / law.survival(b + a * x)
            farthest = np.maximum.accumulate(np.abs(relative - 1))
            gap = maximum_cdf(parent, n, loc + scale * x) - stats.gumbel_r.cdf(x)
            worst = max(
                worst, float(np.max(np.abs(gap) / (farthest * np.abs(x) / np.exp(1) + rest(n))))
            )
    return worst


# Largest value of x^2 exp(-x - exp(-x)) / 2, near x = 2.24.
HEIGHT = -float(
    optimize.minimize_scalar(
        lambda x: -(x**2) * np.exp(-x - np.exp(-x)) / 2, bounds=(0, 5), method="bounded"
    ).fun
)


def _quantile_and_mills(log_n: float) -> tuple[float, float]:
    """The Normal's 1 - 1/n quantile b, and 1/h(b)."""
    b = -float(special.ndtri_exp(-log_n))
    return b, float(np.sqrt(np.pi / 2) * special.erfcx(b / np.sqrt(2)))


@claim(
    "normal-rate",
    "At log n = 10,000 the Normal's distance times log n is H/2 = 0.1200 and the slope of 1/hazard "
    "times log n is -1/2: relative gaps.",
    method="floating point",
    bound=3e-3,
    control="the scale 1/b in place of 1/h(b)",
    wrong={"scale": lambda b, mills: 1 / b},
)
def normal_rate(
    scale: Callable[[float, float], float] = lambda b, mills: mills,
    constant: float = HEIGHT / 2,
    slope: float = -0.5,
) -> float:
    log_n = 1e4
    b, mills = _quantile_and_mills(log_n)
    # n is so large that F^n is exp(-n S) to e^-10,000.
    x = np.linspace(-4, 12, 16_001)
    expected = np.exp(special.log_ndtr(-(b + scale(b, mills) * x)) + log_n)
    distance = np.abs(np.exp(-expected) - stats.gumbel_r.cdf(x)).max()
    # The derivative of 1/h for the Normal is b/h(b) - 1.
    ratios = distance * log_n / constant, (b * mills - 1) * log_n / slope
    return max(abs(float(ratio) - 1) for ratio in ratios)


@claim(
    "uniform-limit",
    "n (U_n - 1) has the limit law e^x, and the tail ratio of the uniform's maximum tends to "
    "log(9/5) / log 5 = 0.365, that of this law.",
    method="symbolic",
    bound=1e-12,
    control="the Gumbel's law, whose tail ratio is 1.57",
    wrong={
        "law": lambda x: sympy.exp(-sympy.exp(-x)),
        "quantile": lambda p: -sympy.log(-sympy.log(p)),
    },
)
def uniform_limit(law: Any = sympy.exp, quantile: Any = sympy.log) -> float:
    n = sympy.symbols("n", positive=True)
    low, middle, high = sympy.Rational(1, 10), sympy.Rational(1, 2), sympy.Rational(9, 10)

    def ratio(q: Any) -> Any:
        return (q(high) - q(middle)) / (q(middle) - q(low))

    gaps = [sympy.limit(ratio(lambda p: p ** (1 / n)), n, sympy.oo) - ratio(quantile)]
    for x in (sympy.Rational(-3), sympy.Rational(-1, 2)):
        gaps.append(sympy.limit((1 + x / n) ** n, n, sympy.oo) - law(x))
    return max(abs(float(sympy.N(gap, 30))) for gap in gaps)


@claim(
    "geometric-steps",
    "However many geometric draws (p = 1/2), the CDF of their maximum has a step of more than 0.2 "
    "(n from 1 to 4096): 0.2 over its largest step.",
    method="floating point",
    bound=1.0,
    control="a law on the whole numbers with a heavy tail, P(x > k) = 1/(k + 1)",
    wrong={"tail": lambda k: 1 / (k + 1)},
)
def geometric_steps(tail: Callable[[Floats], Floats] = lambda k: 0.5**k) -> float:
    k = np.arange(1.0, 5000.0)
    sizes = np.floor(2 ** np.arange(0, 12.1, 0.1))
    steps = [np.diff(np.exp(n * np.log1p(-tail(k))), prepend=0.0).max() for n in sizes]
    return float(0.2 / min(steps))


def _missed(true: float, stated: float, draws: int, level: float) -> float:
    """Upper bound of the probability to miss: the two laws' CDFs at one point are enough for it."""
    threshold = stats.kstwo.isf(level, draws)
    # Where the test misses, the count of draws below the point lies between these.
    lowest, highest = draws * (stated - threshold), draws * (stated + threshold)
    below = stats.binom(draws, true)
    return float(below.cdf(np.floor(highest)) - below.cdf(np.ceil(lowest) - 1))


def _enough(distance: float, level: float, miss: float) -> float:
    roots = np.sqrt(np.log(2 / level) / 2) + np.sqrt(np.log(2 / miss) / 2)
    return float((roots / distance) ** 2)


@claim(
    "enough-draws",
    "With the stated number of draws the Kolmogorov-Smirnov test misses a law at distance d with "
    "probability at most beta: an upper bound of that probability over beta, for laws that differ "
    "at their median and for the Normal's maxima (n = 100), alpha and beta from 0.1% to 20%.",
    method="floating point",
    bound=1.0,
    control="half as many draws",
    wrong={"enough": lambda distance, level, miss: _enough(distance, level, miss) / 2},
)
def enough_draws(enough: Callable[[float, float, float], float] = _enough) -> float:
    b, a = gumbel_limit(stats.norm, BLOCK)
    x = b + a * np.linspace(-3, 6, 2001)
    exact, limit = maximum_cdf(stats.norm, BLOCK, x), _limit_cdf(stats.norm, BLOCK, x)
    widest = int(np.abs(exact - limit).argmax())
    cases = [(float(exact[widest]), float(limit[widest])), (0.5, 0.55), (0.5, 0.4), (0.5, 0.52)]
    worst = 0.0
    for (true, stated), level, miss in itertools.product(cases, (0.001, 0.05), (0.001, 0.05, 0.2)):
        draws = int(np.ceil(enough(abs(true - stated), level, miss)))
        worst = max(worst, _missed(true, stated, draws, level) / miss)
    return worst
