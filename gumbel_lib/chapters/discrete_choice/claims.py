"""Claims of the chapter discrete_choice: utilities with Gumbel noise, nests, and their fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy import integrate, special, stats

from ... import choice, trick
from ..._checks import Floats
from ...choice import ChoiceFit
from ...claims import NORMAL, chi_square, chi_square_power, claim, complex_step
from .travel import MODEL, mixed_log_likelihood, mixed_sample, travel_modes

UTILITIES = np.array([0.4, -0.3, 0.9, 0.0, -1.1])
NESTS = np.array([0, 1, 1, 2, 2])
DISSIMILARITY = np.array([1.0, 0.4, 0.75])


@claim(
    "iia",
    "With Gumbel noise, the ratio of two alternatives' probabilities is the same whatever else is "
    "offered.",
    method="quadrature",
    bound=1e-9,
    control="Normal noise of the same variance",
    wrong={"noise": NORMAL},
)
def iia(noise: Any = stats.gumbel_r) -> float:
    offered = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 0, 1, 1]], bool)
    probs = trick.argmax_probabilities(np.where(offered, UTILITIES, -np.inf), noise)
    ratio = probs[:, 0] / probs[:, 1]
    return float(np.abs(ratio - ratio[0]).max())


@claim(
    "scale-and-taste",
    "The log-likelihood of tastes c b with noise of scale c s is the same for every c > 0.",
    method="quadrature",
    bound=1e-8,
    control="tastes c b with noise of scale s",
    wrong={"scales": lambda c, s: s},
)
def scale_and_taste(scales: Callable[[float, float], float] = lambda c, s: c * s) -> float:
    fit = choice.conditional_logit(travel_modes(), **MODEL)
    columns = travel_modes()
    probs = np.log(fit.probabilities(columns)).reshape(-1, 4)[:20]
    chosen = columns["choice"].reshape(-1, 4)[:20] == 1

    def log_likelihood(c: float) -> float:
        noise = stats.gumbel_r(scale=scales(c, 1.3))
        won = trick.argmax_probabilities(c * 1.3 * probs, noise)
        return float(np.log(won[chosen]).sum())

    return max(abs(log_likelihood(c) - log_likelihood(1.0)) for c in (0.7, 3.0))


def _expected_maximum(V: Any, cdf: Callable[[Any], Any]) -> Any:
    """The mean of the largest V + noise, from the law of the maximum; V may be complex."""

    def tail(x: float) -> Any:
        below = cdf(x - V).prod()
        return (1 - below if x > 0 else 0 * below) - (below if x <= 0 else 0 * below)

    points = np.arange(-28.0, 60, 2.0)
    return integrate.quad_vec(tail, -30, 60, epsabs=1e-12, points=points)[0]


@claim(
    "expected-maximum",
    "The expected maximum of utilities with Gumbel noise is their log-sum plus Euler's constant.",
    method="quadrature",
    bound=1e-9,
    control="the largest utility in place of the log-sum",
    wrong={"location": np.max},
)
def expected_maximum(
    location: Callable[[Floats], Any] = trick.logsumexp, cdf: Any = stats.gumbel_r.cdf
) -> float:
    gaps = [
        _expected_maximum(V, cdf) - location(V) - np.euler_gamma
        for V in (UTILITIES, UTILITIES[:2], 5 * UTILITIES, UTILITIES[:1])
    ]
    return float(np.abs(gaps).max())


# As functions of a complex number, for the complex step.
_CDFS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "Gumbel": (stats.gumbel_r, lambda z: np.exp(-np.exp(-z))),
    "logistic": (stats.logistic, lambda z: 1 / (1 + np.exp(-z))),
    "Normal": (stats.norm, special.ndtr),
}


@claim(
    "maximum-gradient",
    "The gradient of the expected maximum by the utilities is the choice law, with Gumbel, "
    "logistic or Normal noise, and with the noise of nests.",
    method="complex step",
    bound=1e-8,
    control="softmax for all three noises",
    wrong={"law": lambda V, noise: special.softmax(V)},
)
def maximum_gradient(
    law: Callable[[Floats, Any], Floats] = trick.argmax_probabilities,
    nested: Callable[[Floats], Floats] | None = None,
) -> float:
    nested = nested or (lambda V: choice.nested_probabilities(V, NESTS, DISSIMILARITY))
    slope = complex_step(
        partial(_scaled, below=partial(_nested_cdf, dissimilarity=DISSIMILARITY)), UTILITIES
    )
    gaps = [np.abs(slope - nested(UTILITIES)).max()]
    V = UTILITIES[:3]
    for noise, cdf in _CDFS.values():
        slope = complex_step(partial(_scaled, below=partial(_independent_cdf, cdf=cdf)), V)
        gaps.append(np.abs(slope - law(V, noise)).max())
    return float(max(gaps))


def _scaled(V: Any, below: Callable[[Any], Any]) -> Any:
    """The expected maximum, its imaginary part of the size of the real one for the quadrature."""
    real, step = V.real, 1e-30
    h = V.imag / step

    def tail(x: float) -> Any:
        probability = below(x - (real + 1j * step * h))
        return np.array([(x > 0) - probability.real, -probability.imag / step])

    points = np.arange(-28.0, 60, 2.0)
    mean, slope = integrate.quad_vec(tail, -30, 60, epsabs=1e-12, points=points)[0]
    return mean + 1j * step * slope


def _independent_cdf(x: Any, cdf: Callable[[Any], Any]) -> Any:
    """P(noise <= x) of independent noise."""
    return cdf(x).prod()


def _nested_cdf(x: Any, dissimilarity: Floats) -> Any:
    """P(noise <= x), nest by nest, as the chapter states it."""
    lam = dissimilarity[NESTS]
    times = np.exp(-x / lam)
    nests = np.eye(dissimilarity.size)[:, NESTS]
    return np.exp(-((nests @ times) ** dissimilarity).sum())


@claim(
    "nested-law",
    "Noise with the joint law exp(-sum over nests of (sum of exp(-x / lambda)) ^ lambda) gives the "
    "nested logit's probabilities.",
    method="quadrature",
    bound=1e-8,
    control="utilities not divided by lambda within a nest",
    wrong={"law": lambda V: _unscaled(V)},
)
def nested_law(law: Callable[[Floats], Floats] | None = None) -> float:
    law = law or (lambda V: choice.nested_probabilities(V, NESTS, DISSIMILARITY))
    gaps = []
    for V in (UTILITIES, 2 * UTILITIES[::-1]):

        def first(x: float, V: Floats = V) -> Floats:
            # One entry reaches x while the others stay below.
            return complex_step(lambda y: _nested_cdf(y, DISSIMILARITY), x - V)

        points = np.arange(-8.0, 48, 2.0)
        won = integrate.quad_vec(first, -10, 50, epsabs=1e-11, points=points)[0]
        gaps.append(np.abs(won - law(V)).max())
    return float(max(gaps))


def _unscaled(V: Floats) -> Floats:
    lam = DISSIMILARITY[NESTS]
    return choice.nested_probabilities(lam * V, NESTS, DISSIMILARITY)


@claim(
    "stable-transform",
    "The number S that a nest shares has E exp(-s S) = exp(-s ^ lambda).",
    method="quadrature",
    bound=1e-8,
    control="1 - lambda in place of lambda in the draw",
    wrong={"index": lambda lam: 1 - lam},
)
def stable_transform(index: Callable[[float], float] = lambda lam: lam) -> float:
    node, weight = np.polynomial.legendre.leggauss(400)
    # The angle in steps that are short near its end, where S becomes large.
    u = np.pi * (1 - ((1 - node) / 2) ** 3)
    du = 1.5 * ((1 - node) / 2) ** 2 * weight  # over pi
    g = np.linspace(-6, 45, 2001)
    density = stats.gumbel_r.pdf(g) * (g[1] - g[0])
    gaps = []
    for lam in (0.3, 0.6, 0.9):
        used = index(lam)
        log_s = choice.scaled_log_stable(used, u[:, None], g) / used
        for s in (0.1, 1.0, 3.0):
            with np.errstate(over="ignore"):  # S past the largest float adds 0
                mean = du @ np.exp(-s * np.exp(log_s)) @ density
            gaps.append(abs(mean - np.exp(-(s**lam))))
    return float(max(gaps))


@claim(
    "nested-correlation",
    "Two noises of one nest have the correlation 1 - lambda^2.",
    method="quadrature",
    bound=1e-8,
    control="1 - lambda",
    wrong={"correlation": lambda lam: 1 - lam},
)
def nested_correlation(
    correlation: Callable[[float], float] = lambda lam: 1 - lam**2,
) -> float:
    gaps = []
    for lam in (0.2, 0.5, 0.8):

        def moments(u: float, lam: float = lam) -> Floats:
            part = choice.scaled_log_stable(lam, u, 0.0)
            return np.array([part, part**2]) / np.pi

        mean, square = integrate.quad_vec(moments, 0, np.pi, epsabs=1e-12)[0]
        # What they share: the angle's part and (1 - lambda) times a Gumbel of its own.
        shared = square - mean**2 + (1 - lam) ** 2 * np.pi**2 / 6
        gaps.append(abs(shared / (np.pi**2 / 6) - correlation(lam)))
    return float(max(gaps))


DRAWS = 200_000


@claim(
    "nested-draw",
    "Argmaxes of utilities with nested noise are drawn from the nested logit.",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=UTILITIES.size - 1)),
    control="a stable number for each alternative in place of each nest",
    wrong={"nests": np.arange(UTILITIES.size)},
    power=chi_square_power(
        choice.nested_probabilities(UTILITIES, NESTS, DISSIMILARITY), DRAWS, 0.01
    ),
)
def nested_draw(
    nests: Any = NESTS,
    draw: Callable[..., Floats] = choice.nested_noise,
) -> float:
    lam = DISSIMILARITY if nests is NESTS else DISSIMILARITY[NESTS]
    noise = draw(nests, lam, DRAWS, rng=np.random.default_rng(5))
    drawn = trick.gumbel_max(UTILITIES, noise)
    return chi_square(drawn, choice.nested_probabilities(UTILITIES, NESTS, DISSIMILARITY))


def _columns() -> tuple[Floats, Floats]:
    """Rows of Greene's model (travellers, modes, coefficients), and what was chosen."""
    columns = travel_modes()
    mode = columns["mode"]
    matrix = [mode == "air", mode == "train", mode == "bus", columns["gc"], columns["ttme"]]
    matrix.append(columns["hinc"] * (mode == "air"))
    x = np.stack(matrix, axis=1).astype(np.float64).reshape(-1, 4, 6)
    return x, columns["choice"].reshape(-1, 4)


@claim(
    "likelihood-curvature",
    "The logit's log-likelihood has the slope sum of (chosen row - mean row), and minus its "
    "curvature is the sum of the rows' covariances under the model.",
    method="complex step",
    bound=1e-9,
    control="the covariance with all alternatives alike",
    wrong={"weights": lambda probs: np.full_like(probs, 0.25)},
)
def likelihood_curvature(weights: Callable[[Floats], Floats] = lambda probs: probs) -> float:
    x, chosen = _columns()
    beta = np.array([2.0, 1.5, 1.0, -0.01, -0.05, 0.01])

    def value(b: Any) -> Any:
        V = x @ b
        return (chosen * (V - np.log(np.exp(V).sum(axis=1, keepdims=True)))).sum()

    def slope(b: Any) -> Any:
        e = np.exp(x @ b)
        probs = e / e.sum(axis=1, keepdims=True)
        return np.einsum("nj,njd->d", chosen - probs, x)

    probs = special.softmax(x @ beta, axis=1)
    used = weights(probs)
    centred = x - np.einsum("nj,njd->nd", used, x)[:, None]
    covariance = np.einsum("nj,njd,nje->de", used, centred, centred)
    by_value, by_slope = complex_step(value, beta), complex_step(slope, beta)
    first = np.abs(by_value - slope(beta)) / np.abs(slope(beta)).max()
    second = np.abs(by_slope + covariance) / np.abs(covariance).max()
    return float(max(first.max(), second.max()))


# As Greene (2003) prints them, section 21.7: estimate, standard error.
CONDITIONAL = {
    "air": ("5.2074", "0.7791"),
    "train": ("3.8690", "0.4431"),
    "bus": ("3.1632", "0.4503"),
    "gc": ("-0.01550", "0.00441"),
    "ttme": ("-0.09612", "0.01044"),
    "hinc:air": ("0.01329", "0.01026"),
}
NESTED = {
    "air": ("6.042", "1.199"),
    "train": ("5.065", "0.662"),
    "bus": ("4.096", "0.615"),
    "gc": ("-0.03159", "0.00816"),
    "ttme": ("-0.1126", "0.0141"),
    "dissimilarity:fly": ("0.5860", "0.1406"),
    "dissimilarity:ground": ("0.3890", "0.1237"),
}
# At the upper level in his model: the coefficient times the dissimilarity of its nest.
NESTED_INCOME = ("0.01533", "0.00938")
LOG_LIKELIHOODS = ("-199.1284", "-193.6561")
FLY_GROUND = {"fly": ("air",), "ground": ("train", "bus", "car")}


def _off(value: float, printed: str) -> float:
    """How far a number lies from a printed one, in units of its last digit."""
    digits = len(printed.split(".")[1])
    return abs(value - float(printed)) * 10.0**digits


def digits_off(
    fit: ChoiceFit, printed: Mapping[str, tuple[str, str]], log_likelihood: str
) -> float:
    """The largest distance of a fit from printed numbers, in units of the last digit."""
    table = fit.table()
    gaps = [_off(fit.log_likelihood, log_likelihood)]
    for name, (estimate, error) in printed.items():
        at = fit.names.index(name) if name in fit.names else None
        gaps.append(np.inf if at is None else _off(table["estimate"][at], estimate))
        gaps.append(np.inf if at is None else _off(table["standard error"][at], error))
    return float(max(gaps))


# A rounded number is off by half a unit at most.
HALF = 0.5


@claim(
    "greene-conditional",
    "The conditional logit of the travel modes has the estimates, standard errors and "
    "log-likelihood that Greene prints (units of the last digit).",
    method="floating point",
    bound=HALF,
    control="without income",
    wrong={"specific": {}},
)
def greene_conditional(specific: Mapping[str, Sequence[str]] | None = None) -> float:
    model = MODEL if specific is None else MODEL | {"specific": specific}
    fit = choice.conditional_logit(travel_modes(), **model)
    return min(digits_off(fit, CONDITIONAL, LOG_LIKELIHOODS[0]), 1e6)


@claim(
    "greene-nested",
    "The nested logit of flying and ground, utilities not divided by lambda, has the estimates, "
    "standard errors and log-likelihood that Greene prints (units of the last digit).",
    method="floating point",
    bound=HALF,
    control="no dissimilarity for the nest of one",
    wrong={"nests": {"ground": ("train", "bus", "car")}},
)
def greene_nested(nests: Mapping[str, Sequence[str]] = FLY_GROUND) -> float:
    fit = choice.nested_logit(travel_modes(), nests=nests, scaled=False, **MODEL)
    gaps = [digits_off(fit, NESTED, LOG_LIKELIHOODS[1])]
    if "fly" in nests:
        upper = fit.derived(lambda b: b["hinc:air"] * b["dissimilarity:fly"])
        gaps += [_off(*pair) for pair in zip(upper, NESTED_INCOME, strict=True)]
    return min(max(gaps), 1e6)


@claim(
    "mixed-quadrature",
    "The log-likelihood of the mixed logit by the trapezoid rule stays when the step is halved.",
    method="quadrature",
    bound=1e-2,
    control="30 Gauss-Hermite nodes in place of the longer step",
    wrong={"other": "hermite"},
)
def mixed_quadrature(other: str | float = 0.05) -> float:
    sample = mixed_sample(np.random.default_rng(2))
    fine = mixed_log_likelihood(*sample, *trapezoid(0.025))
    if other == "hermite":
        return abs(mixed_log_likelihood(*sample, *hermite(30)) - fine)
    return abs(mixed_log_likelihood(*sample, *trapezoid(float(other))) - fine)


def hermite(nodes: int) -> tuple[Floats, Floats]:
    """Gauss-Hermite nodes and weights for a mean over a standard Normal number."""
    node, weight = np.polynomial.hermite_e.hermegauss(nodes)
    return node, weight / weight.sum()


def trapezoid(step: float) -> tuple[Floats, Floats]:
    """Nodes and weights of the trapezoid rule for the same; beyond 8 there is less than 2e-15."""
    node = np.arange(-8, 8 + step / 2, step)
    return node, step * stats.norm.pdf(node)
