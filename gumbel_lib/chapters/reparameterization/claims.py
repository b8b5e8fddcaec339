"""Claims of the chapter reparameterization: what frozen noise does to values and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import integrate, special, stats

from ... import relaxation, trick
from ..._checks import Floats
from ...claims import NORMAL, claim, cpu_jax
from ...noise import standard_gumbel

LOGITS = np.array([1.2, 0.5, -0.4, -1.6])
AXES = np.eye(LOGITS.size)
OTHERS = AXES == 0
# Another policy over the same classes, for the coupling.
OTHER = np.array([0.3, 0.9, -0.4, -0.9])


def _integral(
    integrand: Callable[[float], Any], start: float, end: float, points: Any = None
) -> Floats:
    result: Floats = integrate.quad_vec(integrand, start, end, epsabs=1e-12, points=points)[0]
    return result


def _slope(function: Callable[[float], Any], h: float = 0.005) -> Any:
    """Derivative at 0: central differences with steps h and h/2, extrapolated to an h^4 error."""
    wide, narrow = ((function(step) - function(-step)) / (2 * step) for step in (h, h / 2))
    return (4 * narrow - wide) / 3


@claim(
    "logit-constant",
    "Logits and their log-softmax pick the same winners on the same noise, and the maxima differ "
    "by the log-sum-exp of the logits (changed winners plus largest gap).",
    method="floating point",
    bound=1e-9,
    control="the softmax in place of the log-softmax",
    wrong={"normalise": special.softmax},
)
def logit_constant(
    normalise: Callable[[Floats], Floats] = special.log_softmax,
    constant: Callable[[Floats], Any] = trick.logsumexp,
) -> float:
    noise = standard_gumbel((10_000, LOGITS.size), rng=np.random.default_rng(11))
    discrepancies = []
    for logits in (LOGITS, LOGITS + 30, 2 * LOGITS - 5):
        normal = normalise(logits)
        changed = trick.gumbel_max(logits, noise) != trick.gumbel_max(normal, noise)
        fall = (logits + noise).max(axis=1) - (normal + noise).max(axis=1)
        discrepancies.append(changed.sum() + np.abs(fall - constant(logits)).max())
    return float(max(discrepancies))


class Case(NamedTuple):
    """Paths f(t, g) with noise g of a law, to be differentiated in t at the point `at`."""

    path: Callable[[float, float], Any]
    slope: Callable[[float, float], Any]
    at: float
    law: Any
    ends: tuple[float, float]
    kink: Callable[[float], float] = abs  # the g at which the path has a kink

    def mean(self, of: Callable[[float, float], Any], t: float) -> Any:
        return _integral(lambda g: of(t, g) * self.law.pdf(g), *self.ends, [self.kink(t)])

    def gap(self) -> float:
        """Mean of the derivatives less derivative of the mean."""
        of_mean = _slope(lambda h: self.mean(self.path, self.at + h))
        return float(abs(self.mean(self.slope, self.at) - of_mean))


BOUNDED = (
    Case(
        lambda t, g: abs(t + g),
        lambda t, g: np.sign(t + g),
        0.4,
        stats.norm,
        (-10, 10),
        np.negative,
    ),
    Case(np.maximum, lambda t, g: 1.0 * (t > g), 0.3, stats.gumbel_r, (-5, 50)),
    Case(lambda t, g: np.sin(t * g), lambda t, g: g * np.cos(t * g), 0.7, stats.expon, (0, 50)),
)
# Continuous in t for each g, and flat at 0; but near 0 it rises as steeply as 2 / g.
STEEP = Case(
    lambda t, g: np.sign(t) * np.minimum((t / g) ** 2, 1.0),
    lambda t, g: 0.0,
    0.0,
    stats.uniform,
    (0, 1),
)


@claim(
    "swap",
    "If slopes have a bound with a finite mean, the mean of the derivatives is the derivative of "
    "the mean: for |t + g|, max(t, g) and sin(t g) with Normal, Gumbel and exponential noise.",
    method="quadrature",
    bound=1e-6,
    control="sign(t) min((t/g)^2, 1) at t = 0, uniform noise: no jump, but slopes up to 2/g",
    wrong={"cases": (STEEP,)},
)
def swap(cases: tuple[Case, ...] = BOUNDED) -> float:
    return max(case.gap() for case in cases)


SQUARE = (lambda x: x**2, lambda x: 2 * x)
STEP = (lambda x: np.where(x > 0, 1.0, 0.0), lambda x: 0.0 * x)


@claim(
    "pathwise-normal",
    "For x = m + s e, the mean pathwise derivatives of x^2 are those of its mean, in m and in s.",
    method="quadrature",
    bound=1e-8,
    control="the step [x > 0] in place of x^2",
    wrong={"function": STEP},
)
def pathwise_normal(
    function: tuple[Callable[[Any], Any], Callable[[Any], Any]] = SQUARE,
    directions: Callable[[float], list[float]] = lambda e: [1.0, e],
) -> float:
    value, slope = function
    gaps = []
    for m, s in ((0.7, 1.3), (-1.0, 0.5), (0.0, 2.0)):

        def pathwise(e: float, m: float = m, s: float = s) -> Any:
            return slope(m + s * e) * np.array(directions(e)) * stats.norm.pdf(e)

        def of_mean(e: float, m: float = m, s: float = s) -> Any:
            # The derivative of the density of x in m and in s, at x = m + s e, times dx = s de.
            return value(m + s * e) * np.array([e, e**2 - 1]) / s * stats.norm.pdf(e)

        # The jump of the control lies at x = 0, so the integral is split at its e.
        both = (_integral(integrand, -12, 12, [-m / s]) for integrand in (pathwise, of_mean))
        gaps.append(np.abs(np.subtract(*both)).max())
    return float(max(gaps))


def _reaches(noise: Any, x: Floats) -> Any:
    """Densities over x of: class k reaches x and every rival stays below, for each k."""
    below = np.where(OTHERS, noise.cdf(x[..., None, None] - LOGITS), 1.0).prod(axis=-1)
    return noise.pdf(x[..., None] - LOGITS) * below


HEIGHTS = np.linspace(-2.0, 8.0, 11)


def _joint(noise: Any) -> Floats:
    """P(argmax = k, max <= x) at each height x and for each class k."""
    return _integral(lambda v: _reaches(noise, HEIGHTS - v), 0, 25)


@claim(
    "max-argmax-independent",
    "P(argmax = k, max <= x) is P(argmax = k) times P(max <= x), for all k and x.",
    method="quadrature",
    bound=1e-9,
    control="Normal noise of the same variance",
    wrong={"noise": NORMAL},
)
def max_argmax_independent(noise: Any = stats.gumbel_r) -> float:
    wins = trick.argmax_probabilities(LOGITS, noise)
    below = noise.cdf(HEIGHTS[:, None] - LOGITS).prod(axis=1)
    return float(np.abs(_joint(noise) - below[:, None] * wins).max())


@claim(
    "joint-law",
    "P(argmax = k, max <= x) is p_k exp(-e^(-(x - lse))), for all k and x.",
    method="quadrature",
    bound=1e-9,
    control="the largest logit in place of the log-sum-exp",
    wrong={"location": np.max},
)
def joint_law(
    location: Callable[[Floats], Any] = trick.logsumexp,
    probs: Callable[[Floats], Floats] = special.softmax,
) -> float:
    closed = stats.gumbel_r.cdf(HEIGHTS, location(LOGITS))[:, None] * probs(LOGITS)
    return float(np.abs(_joint(stats.gumbel_r) - closed).max())


def _mean_maximum(logits: Floats, noise: Any = stats.gumbel_r) -> Any:
    """E max = int_0^oo P(max > x) - P(max <= -x) dx, of the perturbed logits."""

    def below(x: float) -> Any:
        return noise.cdf(x - logits).prod()

    return _integral(lambda x: 1 - below(x) - below(-x), 0, 50)


@claim(
    "mean-maximum",
    "The mean of the largest perturbed logit is the log-sum-exp plus Euler's constant.",
    method="quadrature",
    bound=1e-9,
    control="the largest logit in place of the log-sum-exp",
    wrong={"closed": lambda logits: logits.max() + np.euler_gamma},
)
def mean_maximum(
    closed: Callable[[Floats], Any] = lambda logits: trick.logsumexp(logits) + np.euler_gamma,
    noise: Any = stats.gumbel_r,
) -> float:
    rows = (LOGITS, LOGITS[:1], 3 * LOGITS + 1)
    return float(max(abs(_mean_maximum(row, noise) - closed(row)) for row in rows))


DRAWS = 100_000


def _z_power(probs: Floats, relative: float) -> str:
    """What z-tests of frequencies at 5 see: the chance to catch a relative error in each."""
    error = np.sqrt(probs * (1 - probs) / DRAWS)
    caught = stats.norm.sf(5 - relative * probs / error).min()
    return (
        f"z-tests of {DRAWS:,} draws at 5, false alarm {2 * probs.size * stats.norm.sf(5):.1e}; "
        f"a frequency off by {relative:.0%} of itself is caught with probability {caught:.2g}"
    )


@claim(
    "pathwise-max",
    "The mean pathwise derivative of the maximum is the derivative of its mean (z).",
    method="Monte Carlo",
    bound=5.0,
    control="the maximum taken before the noise is added: the slope of the favourite alone",
    wrong={"path": lambda logits, noise: (logits + 0 * noise).max()},
    power=_z_power(special.softmax(LOGITS), 0.1),
)
def pathwise_max(
    path: Callable[[Any, Any], Any] = lambda logits, noise: (logits + noise).max(),
) -> float:
    jax = cpu_jax(double=True)
    noise = standard_gumbel((DRAWS, LOGITS.size), rng=np.random.default_rng(15))
    slopes = jax.vmap(jax.grad(path), (None, 0))(
        jax.numpy.asarray(LOGITS), jax.numpy.asarray(noise)
    )
    of_mean = _slope(lambda h: np.array([_mean_maximum(row) for row in LOGITS + h * AXES]))
    error = np.sqrt(of_mean * (1 - of_mean) / DRAWS)
    return float(np.max(np.abs(np.asarray(slopes).mean(axis=0) - of_mean) / error))


def _one_hot(logits: Any, noise: Any) -> Any:
    return AXES[trick.gumbel_max(logits, noise)]


@claim(
    "pathwise-argmax",
    "For frozen noise, the one-hot at k is 0 while l_k is below the best rival less g_k, and 1 "
    "above: flat but for one jump.",
    method="floating point",
    bound=1e-9,
    control="the softmax at temperature 0.1 in place of the argmax",
    wrong={"draw": lambda logits, noise: relaxation.gumbel_softmax(logits, noise, 0.1)},
)
def pathwise_argmax(
    draw: Callable[[Any, Any], Any] = _one_hot,
    threshold: Callable[[Any, Any], Any] = lambda rivals, own: rivals.max(axis=1) - own,
) -> float:
    noise = standard_gumbel((500, LOGITS.size), rng=np.random.default_rng(12))
    gaps = []
    for k, others in enumerate(OTHERS):
        jump = threshold((LOGITS + noise)[:, others], noise[:, k])
        for offset in (-5.0, -0.3, -1e-6, 1e-6, 0.3, 5.0):
            logits = np.tile(LOGITS, (len(noise), 1))
            logits[:, k] = jump + offset
            gaps.append(np.abs(draw(logits, noise)[:, k] - (offset > 0)).max())
    return float(max(gaps))


@claim(
    "mean-derivative",
    "The jumps of the one-hot at k have the logistic density located at the log-sum-exp of the "
    "rivals; at l_k it is p_k (1 - p_k), the derivative of the mean of the one-hot.",
    method="quadrature",
    bound=1e-8,
    control="Normal noise of the same variance",
    wrong={"noise": NORMAL},
)
def mean_derivative(
    noise: Any = stats.gumbel_r,
    slope: Callable[[Floats], Floats] = lambda p: p * (1 - p),
    location: Callable[[Floats], Any] = special.logsumexp,
) -> float:
    exact = slope(special.softmax(LOGITS))
    moved = np.column_stack([np.tile(np.linspace(-4.0, 4.0, 9), (LOGITS.size, 1)), LOGITS])

    def meet(x: float) -> Any:
        # The best rival of each class, by the density of their maximum, meets moved + g_k at x.
        below, density = noise.cdf(x - LOGITS), noise.pdf(x - LOGITS)
        best = [
            sum(density[j] * below[others & OTHERS[j]].prod() for j in np.flatnonzero(others))
            for others in OTHERS
        ]
        return np.array(best)[:, None] * noise.pdf(x - moved)

    jumps = _integral(meet, -20, 50)
    rivals = np.array([location(LOGITS[others]) for others in OTHERS])
    of_mean = np.diag(_slope(lambda h: trick.argmax_probabilities(LOGITS + h * AXES, noise)))
    gaps = (
        jumps - stats.logistic.pdf(moved, rivals[:, None]),
        jumps[:, -1] - exact,
        of_mean - exact,
    )
    return float(max(np.abs(gap).max() for gap in gaps))


HALF = 0.5
UP, DOWN = (
    special.softmax(LOGITS + HALF * AXES, axis=1),
    special.softmax(LOGITS - HALF * AXES, axis=1),
)


@claim(
    "finite-step",
    "On common noise the central difference of the one-hot has mean delta / 2h and mean square "
    "delta / 4h^2 (z).",
    method="Monte Carlo",
    bound=5.0,
    control="independent noise on the two sides: the same mean, a larger mean square",
    wrong={"common": False},
    power=_z_power(np.diag(UP - DOWN), 0.1),
)
def finite_step(
    common: bool = True, rise: Callable[[float, float], float] = lambda up, down: up - down
) -> float:
    rng = np.random.default_rng(13)
    first = standard_gumbel((DRAWS, LOGITS.size), rng=rng)
    second = first if common else standard_gumbel((DRAWS, LOGITS.size), rng=rng)
    zs = []
    for k, axis in enumerate(AXES):
        delta = rise(UP[k, k], DOWN[k, k])
        above = trick.gumbel_max(LOGITS + HALF * axis, first) == k
        below = trick.gumbel_max(LOGITS - HALF * axis, second) == k
        difference = above.astype(float) - below
        error = np.sqrt(delta * (1 - delta) / DRAWS)
        zs += [abs(np.mean(difference**power) - delta) / error for power in (1, 2)]
    return float(max(zs))


def coupled(p: Floats, q: Floats) -> Floats:
    """P(both policies pick i), for each i, when they share their noise."""
    result: Floats = 1 / np.maximum(p / p[:, None], q / q[:, None]).sum(axis=1)
    return result


@claim(
    "gumbel-coupling",
    "With common noise both policies pick i with probability 1 / sum_j max(p_j/p_i, q_j/q_i) (z).",
    method="Monte Carlo",
    bound=5.0,
    control="independent noise",
    wrong={"common": False},
    power=_z_power(coupled(special.softmax(LOGITS), special.softmax(OTHER)), 0.1),
)
def gumbel_coupling(
    common: bool = True, both: Callable[[Floats, Floats], Floats] = coupled
) -> float:
    rng = np.random.default_rng(14)
    first = standard_gumbel((DRAWS, LOGITS.size), rng=rng)
    second = first if common else standard_gumbel((DRAWS, LOGITS.size), rng=rng)
    one, two = trick.gumbel_max(LOGITS, first), trick.gumbel_max(OTHER, second)
    agreed = np.bincount(one[one == two], minlength=LOGITS.size) / DRAWS
    probs = both(special.softmax(LOGITS), special.softmax(OTHER))
    return float(np.max(np.abs(agreed - probs) / np.sqrt(probs * (1 - probs) / DRAWS)))
