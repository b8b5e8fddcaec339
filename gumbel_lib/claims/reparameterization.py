"""Claims of the chapter reparameterization: what frozen noise does to values and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special, stats

from .. import relaxation, trick
from ..noise import standard_gumbel
from . import claim, cpu_jax

Floats = NDArray[np.float64]

LOGITS = np.array([1.2, 0.5, -0.4, -1.6])
# Another policy over the same classes, for the coupling.
OTHER = np.array([0.3, 0.9, -0.4, -0.9])
# Of the same variance as the standard Gumbel, so that a control differs in shape alone.
NORMAL = stats.norm(scale=np.pi / np.sqrt(6))


@claim(
    "logit-constant",
    "Taking log C from all logits changes no winner and lowers the maximum by exactly log C.",
    method="exact arithmetic",
    bound=1e-9,
    control="log C taken from the first logit only",
    wrong={"where": slice(0, 1)},
)
def logit_constant(where: slice = slice(None)) -> float:
    # Fractions hold the doubles exactly, so neither side is rounded.
    constant = Fraction(float(trick.log_sum_exp(LOGITS)))
    shift = [Fraction(0)] * LOGITS.size
    shift[where] = [constant] * len(shift[where])
    changed, gap = 0, Fraction(0)
    for row in standard_gumbel((1000, LOGITS.size), rng=np.random.default_rng(11)):
        raw = [
            Fraction(float(logit)) + Fraction(float(g))
            for logit, g in zip(LOGITS, row, strict=True)
        ]
        shifted = [value - down for value, down in zip(raw, shift, strict=True)]
        changed += raw.index(max(raw)) != shifted.index(max(shifted))
        gap = max(gap, abs(max(raw) - max(shifted) - constant))
    return changed + float(gap)


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
) -> float:
    value, slope = function
    m, s = 0.7, 1.3

    def mean(integrand: Callable[[float], Any]) -> Floats:
        # The jump of the control lies at x = 0, so the integral is split at its e.
        parts = [
            integrate.quad_vec(integrand, *ends, epsabs=1e-12)[0]
            for ends in ((-12.0, -m / s), (-m / s, 12.0))
        ]
        total: Floats = np.sum(parts, axis=0)
        return total

    def pathwise(e: float) -> Floats:
        result: Floats = slope(m + s * e) * np.array([1.0, e]) * stats.norm.pdf(e)
        return result

    def of_mean(e: float) -> Floats:
        # The derivative of the density of x in m and in s, at x = m + s e, times dx = s de.
        result: Floats = value(m + s * e) * np.array([e, e**2 - 1]) / s * stats.norm.pdf(e)
        return result

    return float(np.abs(mean(pathwise) - mean(of_mean)).max())


def _beats(noise: Any, k: int, x: float) -> float:
    """Density of: class k reaches x and every rival stays below."""
    below = np.prod(noise.cdf(x - np.delete(LOGITS, k)))
    return float(noise.pdf(x - LOGITS[k]) * below)


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
    points = np.linspace(-2.0, 8.0, 11)
    gaps = []
    for k in range(LOGITS.size):
        pieces = [
            integrate.quad(lambda u, k=k: _beats(noise, k, u), start, end, epsabs=1e-13)[0]
            for start, end in zip([-12.0, *points[:-1]], points, strict=True)
        ]
        for x, joint in zip(points, np.cumsum(pieces), strict=True):
            gaps.append(abs(joint - wins[k] * np.prod(noise.cdf(x - LOGITS))))
    return float(max(gaps))


@claim(
    "joint-law",
    "P(argmax = k, max <= x) is p_k exp(-e^(-(x - lse))), for all k and x.",
    method="quadrature",
    bound=1e-9,
    control="the largest logit in place of the log-sum-exp",
    wrong={"location": lambda logits: logits.max()},
)
def joint_law(location: Callable[[Any], Any] = trick.log_sum_exp) -> float:
    probs, place = special.softmax(LOGITS), float(location(LOGITS))
    gaps = []
    for k in range(LOGITS.size):
        for x in np.linspace(-2.0, 8.0, 11):
            joint = integrate.quad(
                lambda u, k=k: _beats(stats.gumbel_r, k, u), -12, x, epsabs=1e-13, limit=200
            )[0]
            gaps.append(abs(joint - probs[k] * stats.gumbel_r.cdf(x, place)))
    return float(max(gaps))


def _complex_step(function: Callable[[Any], Any], at: Floats) -> Floats:
    """Columns of derivatives, exact to rounding: the imaginary part under a tiny imaginary step."""
    tiny = 1e-30
    columns = [np.imag(function(at + 1j * tiny * axis)) / tiny for axis in np.eye(at.size)]
    result: Floats = np.stack(columns, axis=-1)
    return result


@claim(
    "pathwise-max",
    "The mean pathwise derivative of the maximum, P(argmax = k), is that of its mean.",
    method="complex step",
    bound=1e-9,
    control="the winner without noise in place of the winner",
    wrong={"slope": lambda logits: np.eye(logits.size)[logits.argmax()]},
)
def pathwise_max(slope: Callable[[Floats], Any] = trick.argmax_probabilities) -> float:
    # The mean of the maximum is the log-sum-exp and Euler's constant, which has no derivative.
    of_mean = _complex_step(lambda logits: np.log(np.sum(np.exp(logits))), LOGITS)
    return float(np.abs(slope(LOGITS) - of_mean).max())


@claim(
    "pathwise-argmax",
    "For frozen noise, the one-hot of the argmax has derivative 0 in every logit.",
    method="autodiff",
    bound=1e-3,
    control="the softmax in place of the argmax",
    wrong={"relaxed": True},
)
def pathwise_argmax(relaxed: bool = False) -> float:
    jax = cpu_jax(double=False)
    noise = standard_gumbel((200, LOGITS.size), rng=np.random.default_rng(12), dtype=np.float32)
    frozen = jax.numpy.asarray(noise)

    def draw(logits: Any) -> Any:
        if relaxed:
            return relaxation.gumbel_softmax(logits, frozen, 1.0)
        return jax.nn.one_hot(trick.gumbel_max(logits, frozen), LOGITS.size)

    jacobian = jax.jacobian(draw)(jax.numpy.asarray(LOGITS, dtype=jax.numpy.float32))
    return float(abs(jacobian).max())


@claim(
    "mean-derivative",
    "The mean of the one-hot at k has derivative p_k (1 - p_k) in l_k: the density of its jumps.",
    method="quadrature",
    bound=1e-9,
    control="Normal noise of the same variance",
    wrong={"noise": NORMAL},
)
def mean_derivative(noise: Any = stats.gumbel_r) -> float:
    softmax = lambda logits: np.exp(logits) / np.sum(np.exp(logits))  # noqa: E731
    of_mean = np.diag(_complex_step(softmax, LOGITS))
    probs = special.softmax(LOGITS)

    def jump(k: int) -> float:
        # The jump lies where l_k + g_k meets the best rival: the density of that meeting.
        rivals = np.delete(LOGITS, k)

        def meet(x: float) -> float:
            below, density = noise.cdf(x - rivals), noise.pdf(x - rivals)
            best = sum(density[j] * np.prod(np.delete(below, j)) for j in range(rivals.size))
            return float(best * noise.pdf(x - LOGITS[k]))

        return float(integrate.quad(meet, -12, 40, epsabs=1e-13, limit=200)[0])

    jumps = np.array([jump(k) for k in range(LOGITS.size)])
    exact = probs * (1 - probs)
    return float(max(np.abs(of_mean - exact).max(), np.abs(jumps - exact).max()))


DRAWS = 100_000
HALF = 0.1


def _step_exact() -> tuple[float, float]:
    """Exact central difference of p_0 in l_0, and the standard error of its estimate."""
    up, down = (special.softmax(LOGITS + h * np.eye(LOGITS.size)[0])[0] for h in (HALF, -HALF))
    # With common noise a draw changes by 0 or 1, so their sum is binomial.
    change = float(up - down)
    return change / (2 * HALF), float(np.sqrt(change * (1 - change) / DRAWS) / (2 * HALF))


def _z_power(error: float, standard_error: float, tests: int = 1) -> str:
    """What a z-test at 5 sees: the chance to catch an error of the given size."""
    caught = stats.norm.sf(5 - error / standard_error)
    return (
        f"z-test of {DRAWS:,} draws at 5, false alarm {2 * tests * stats.norm.sf(5):.1e}; an "
        f"error of {error:.2g} is caught with probability {caught:.3g}"
    )


@claim(
    "finite-step",
    "Under common noise the central difference averages to delta / 2h, and so sees the slope (z).",
    method="Monte Carlo",
    bound=5.0,
    control="the mean pathwise derivative, 0, in place of delta / 2h",
    wrong={"expected": lambda: 0.0},
    power=_z_power(0.025, _step_exact()[1]),
)
def finite_step(expected: Callable[[], float] = lambda: _step_exact()[0]) -> float:
    noise = standard_gumbel((DRAWS, LOGITS.size), rng=np.random.default_rng(13))
    up, down = (
        np.mean(trick.gumbel_max(LOGITS + h * np.eye(LOGITS.size)[0], noise) == 0)
        for h in (HALF, -HALF)
    )
    return float(abs((up - down) / (2 * HALF) - expected()) / _step_exact()[1])


def _both() -> Floats:
    """P(both policies pick i), for each i, when they share their noise."""
    p, q = special.softmax(LOGITS), special.softmax(OTHER)
    result: Floats = 1 / np.maximum(p / p[:, None], q / q[:, None]).sum(axis=1)
    return result


@claim(
    "gumbel-coupling",
    "With common noise both policies pick i with probability 1 / sum_j max(p_j/p_i, q_j/q_i) (z).",
    method="Monte Carlo",
    bound=5.0,
    control="independent noise",
    wrong={"common": False},
    power=_z_power(0.01, float(np.sqrt(_both() * (1 - _both()) / DRAWS).max()), LOGITS.size),
)
def gumbel_coupling(common: bool = True) -> float:
    rng = np.random.default_rng(14)
    first = standard_gumbel((DRAWS, LOGITS.size), rng=rng)
    second = first if common else standard_gumbel((DRAWS, LOGITS.size), rng=rng)
    one, two = trick.gumbel_max(LOGITS, first), trick.gumbel_max(OTHER, second)
    counts = np.bincount(one[one == two], minlength=LOGITS.size)
    band = np.sqrt(_both() * (1 - _both()) / DRAWS)
    return float(np.max(np.abs(counts / DRAWS - _both()) / band))
