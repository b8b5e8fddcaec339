"""Claims of the chapter numerics: what floating point costs, and what its mends keep."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import sympy
from numpy.typing import NDArray
from scipy import stats

from ..maxima import gumbel_logsf
from ..noise import standard_gumbel, truncated_gumbel
from ..relaxation import softmax
from . import claim, cpu_jax, symbolic_gap

Floats = NDArray[np.float64]

LEVELS = 2**24


def levels_probability(odds: float, levels: int = LEVELS) -> float:
    """(1/N) sum over j < N of (j/N)^c, by Euler's formula where the terms change slowly."""
    if odds < 0.1 * levels:
        return float(1 / (1 + odds) - 1 / (2 * levels) + odds / (12 * levels**2))
    steps = np.arange(1, min(levels, 600))
    return float(np.exp(odds * np.log1p(-steps / levels)).sum() / levels)


def counted_probability(gap: float, noise: Floats) -> float:
    """Share of all pairs of sorted noise values in which the first wins though `gap` behind."""
    perturbed = noise - gap
    beaten = np.searchsorted(noise, perturbed[perturbed > noise[0]])
    return int(beaten.sum(dtype=np.int64)) / noise.size**2


def worst_error(values: Any, exact: list[Any]) -> float:
    """Largest relative error against 50 digits, infinite where a value is."""
    values = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(values).all():
        return math.inf
    with mpmath.workdps(50):
        gaps = [
            abs(mpmath.mpf(v) - e) / max(abs(e), mpmath.mpf(10) ** -250)
            for v, e in zip(values.tolist(), exact, strict=True)
        ]
    return float(max(gaps))


@claim(
    "coarse-uniform",
    "A class with odds c against it, noise from a uniform of N levels, wins with probability "
    "(1/N) sum (j/N)^c: all pairs of a 24-bit uniform counted, relative error up to c = e^17.",
    method="exact arithmetic",
    bound=1e-3,
    control="the softmax probability 1/(1 + c) in place of the sum",
    wrong={"predicted": lambda odds: 1 / (1 + odds)},
)
def coarse_uniform(predicted: Callable[[float], float] = levels_probability) -> float:
    u = np.arange(LEVELS) / LEVELS
    u[0] = np.finfo(np.float32).tiny
    noise = -np.log(-np.log(u))
    gaps = np.array([10.0, 12.0, 14.0, 16.0, 17.0])
    counted = np.array([counted_probability(gap, noise) for gap in gaps])
    return float(np.abs([predicted(c) for c in np.exp(gaps)] / counted - 1).max())


BATCHES, BATCH = 32, 2**22
CEILING = -math.log(-math.log1p(-(2.0**-23)))


def surprise(count: int, expected: float) -> float:
    """Minus the logarithm of a Poisson count's two-sided p-value."""
    tails = stats.poisson.cdf(count, expected), stats.poisson.sf(count - 1, expected)
    return -math.log(min(1.0, 2 * min(tails)))


@claim(
    "float32-tail",
    "float32 noise of standard_gumbel passes the ceiling of 23 bits as often as the law says.",
    method="Monte Carlo",
    bound=math.log(1e4),
    control="a uniform of 23 bits",
    wrong={
        "noise": lambda rng: (
            -np.log(-np.log(rng.integers(1, 2**23, BATCH, dtype=np.uint32) / np.float32(2**23)))
        )
    },
    power=f"minus the logarithm of the p-value of {BATCHES * BATCH:,} draws, false alarm 1e-4; "
    "noise that stops at the ceiling is always caught",
)
def float32_tail(
    noise: Any = lambda rng: standard_gumbel(BATCH, rng=rng, dtype=np.float32),
) -> float:
    rng = np.random.default_rng(5)
    # A float32 step above the ceiling, so that rounding cannot reach over it.
    count = sum(int((noise(rng) > CEILING + 1e-6).sum()) for _ in range(BATCHES))
    return surprise(count, BATCHES * BATCH * float(stats.gumbel_r.sf(CEILING)))


@claim(
    "float32-zeros",
    "NumPy's float32 standard_exponential is exactly 0 about once in 2^23 draws.",
    method="Monte Carlo",
    bound=math.log(1e4),
    control="float64",
    wrong={"dtype": np.float64},
    power=f"minus the logarithm of the p-value of {BATCHES * BATCH:,} draws, false alarm 1e-4; "
    "a generator without zeros is always caught",
)
def float32_zeros(dtype: Any = np.float32) -> float:
    rng = np.random.default_rng(5)
    count = sum(
        int((rng.standard_exponential(BATCH, dtype=dtype) == 0).sum()) for _ in range(BATCHES)
    )
    return surprise(count, BATCHES * BATCH / 2**23)


@claim(
    "jax-modes",
    "JAX's float32 Gumbel is -log(-log u) of one 23-bit uniform in mode low, and "
    "-log(-log1p(-x)) in mode high, where x below 1/2 has 46 bits: largest gap of 200,000 draws.",
    method="exact arithmetic",
    bound=1e-2,
    control="the formulas of the two modes swapped",
    wrong={"modes": ("high", "low")},
)
def jax_modes(modes: tuple[str, str] = ("low", "high")) -> float:
    jax = cpu_jax(double=False)
    jnp = jax.numpy
    key, n, tiny = jax.random.key(8), 200_000, np.finfo(np.float32).tiny
    u = jax.random.uniform(key, (n,), jnp.float32, minval=tiny)
    first, second = jax.random.uniform(key, (2, n), jnp.float32)
    x = jnp.where(first < 0.5, first + second * jnp.float32(2**-23) + tiny, first)
    replayed = -jnp.log(-jnp.log(u)), -jnp.log(-jnp.log1p(-x))
    drawn = (jax.random.gumbel(key, (n,), jnp.float32, mode=mode) for mode in modes)
    return float(max(jnp.abs(a - b).max() for a, b in zip(replayed, drawn, strict=True)))


PERTURBED = np.array([3.0, 1.0, 0.7, -2.0])


@claim(
    "cold-softmax",
    "softmax from differences to the maximum keeps its digits at temperatures from 1 to 0.001.",
    method="50 digits",
    bound=1e-9,
    control="exponentials of the perturbed logits themselves",
    wrong={"relaxed": lambda x, t: np.exp(x / t) / np.exp(x / t).sum()},
)
def cold_softmax(relaxed: Any = softmax) -> float:
    errors = []
    for t in (1.0, 0.1, 0.01, 0.005, 0.001):
        with mpmath.workdps(50):
            weights = [mpmath.exp(mpmath.mpf(x) / mpmath.mpf(t)) for x in PERTURBED.tolist()]
            exact = [w / mpmath.fsum(weights) for w in weights]
        with np.errstate(over="ignore", invalid="ignore"):
            errors.append(worst_error(relaxed(PERTURBED, t), exact))
    return max(errors)


def _log_softmax(x: Any) -> Any:
    return cpu_jax(double=False).nn.log_softmax(x)


def _log_of_softmax(x: Any) -> Any:
    return cpu_jax(double=False).numpy.log(softmax(x))


@claim(
    "cold-gradient",
    "Taken from log-softmax in float32, t times the gradient of -log b_k is b less the one-hot "
    "of k, down to a temperature of 0.001.",
    method="autodiff",
    bound=1e-2,
    control="from the logarithm of the softmax",
    wrong={"log_softmax": _log_of_softmax},
)
def cold_gradient(log_softmax: Any = _log_softmax) -> float:
    jax = cpu_jax(double=False)
    x = jax.numpy.asarray(PERTURBED, jax.numpy.float32)
    gaps = []
    for t in (1.0, 0.1, 0.02, 0.001):
        slope = t * np.asarray(jax.grad(lambda v, t=t: -log_softmax(v / t)[1])(x))
        gap = np.abs(slope - softmax(PERTURBED, t) + np.eye(4)[1]).max()
        gaps.append(float(gap) if np.isfinite(gap) else math.inf)
    return max(gaps)


@claim(
    "log-survival",
    "gumbel_logsf is log(1 - exp(-exp(-x))) in relative terms for x from -5 to 10,000.",
    method="50 digits",
    bound=1e-10,
    control="scipy.stats.gumbel_r.logsf",
    wrong={"logsf": stats.gumbel_r.logsf},
)
def log_survival(logsf: Any = gumbel_logsf) -> float:
    x = np.concatenate([np.linspace(-5, 30, 71), np.geomspace(30, 1e4, 60)])
    with mpmath.workdps(50), np.errstate(divide="ignore"):
        times = [mpmath.exp(-mpmath.mpf(point)) for point in x.tolist()]
        exact = [
            mpmath.log1p(-mpmath.exp(-t)) if t > 1 else mpmath.log(-mpmath.expm1(-t)) for t in times
        ]
        return worst_error(logsf(x), exact)


@claim(
    "truncated-law",
    "-log(exp(-x) + exp(-T)) of a Gumbel x is that Gumbel given that it lies below T.",
    method="symbolic",
    bound=1e-12,
    control="the smaller of x and T",
    wrong={"undo": lambda v, upper: v},
)
def truncated_law(
    undo: Any = lambda v, upper: -sympy.log(sympy.exp(-v) - sympy.exp(-upper)),
) -> float:
    loc, v, upper = sympy.symbols("l v T", real=True)

    def cdf(x: Any) -> Any:
        return sympy.exp(-sympy.exp(-(x - loc)))

    # The map rises, so P(result <= v) is P(x <= the value that the map sends to v).
    gap = cdf(undo(v, upper)) - cdf(v) / cdf(upper)
    return symbolic_gap(gap, {loc: [-0.5, 1.0], v: [-1.0, 0.2], upper: [0.5, 2.0]})


@claim(
    "truncated-digits",
    "truncated_gumbel keeps its digits wherever the bound lies, from 1000 nats above the "
    "location to 1000 below.",
    method="50 digits",
    bound=1e-10,
    control="the inverse CDF at u F(T)",
    wrong={
        "truncate": lambda x, upper: stats.gumbel_r.ppf(
            stats.gumbel_r.cdf(x) * stats.gumbel_r.cdf(upper)
        )
    },
)
def truncated_digits(truncate: Any = truncated_gumbel) -> float:
    bounds = np.array([-1000.0, -100.0, -10.0, -5.0, -1.0, 2.0, 10.0, 100.0, 1000.0])
    perturbed, upper = (grid.ravel() for grid in np.meshgrid([-1.5, -0.3, 0.4, 3.0, 12.0], bounds))
    with mpmath.workdps(50):
        exact = [
            -mpmath.log(mpmath.exp(-mpmath.mpf(x)) + mpmath.exp(-mpmath.mpf(t)))
            for x, t in zip(perturbed.tolist(), upper.tolist(), strict=True)
        ]
    with np.errstate(divide="ignore", over="ignore"):
        return worst_error(truncate(perturbed, upper), exact)
