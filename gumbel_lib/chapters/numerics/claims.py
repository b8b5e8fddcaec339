"""Claims of the chapter numerics: what floating point costs, and what its fixes keep."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import sympy
from scipy import special, stats

from ...claims import claim, cpu_jax, symbolic_gap
from ...maxima import gumbel_logsf
from ...noise import generator_at, levels_probability, standard_gumbel, truncated_gumbel
from ...relaxation import softmax


@claim(
    "coarse-uniform",
    "A class with odds c against it, noise from a uniform of N levels, wins with probability "
    "(1/N) sum (j/N)^c: relative error against all pairs of N = 2^20 levels, up to c = 1.4 N.",
    method="enumeration",
    bound=1e-3,
    control="the softmax probability 1/(1 + c) in place of the sum",
    wrong={"predicted": lambda odds, levels: 1 / (1 + odds)},
)
def coarse_uniform(predicted: Callable[[float, int], float] = levels_probability) -> float:
    levels = 2**20
    u = np.arange(levels) / levels
    u[0] = np.finfo(np.float32).tiny
    noise = -np.log(-np.log(u))
    errors = []
    for odds in levels * np.array([1e-3, 1e-2, 0.1, 0.3, 1.4]):
        beaten = np.searchsorted(noise, noise - np.log(odds))  # by each value of the class's noise
        errors.append(predicted(odds, levels) / (int(beaten.sum()) / levels**2) - 1)
    return float(np.abs(errors).max())


PLACES = {"float32": 2**23, "float64": 2**53}


@claim(
    "float32-tail",
    "float32 noise of standard_gumbel exceeds 12, 16, 20 and 24 nats as often as the law says: "
    "relative error, all places of the generator's exponential counted.",
    method="enumeration",
    bound=1e-4,
    control="places of 23 bits, as in the float32 generator",
    wrong={"bits": 23},
)
def float32_tail(bits: int = 53, noise: Any = standard_gumbel) -> float:
    shares, largest = [], []
    thresholds = np.array([12.0, 16.0, 20.0, 24.0])
    for threshold in thresholds:
        # In each strip the places below some number exceed the threshold: bisection.
        low, high = np.zeros(256, np.uint64), np.full(256, 2**bits, np.uint64)
        for _ in range(bits + 1):
            middle = (low + high) // np.uint64(2)
            rng = generator_at(middle << np.uint64(53 - bits))
            above = noise(256, rng=rng, dtype=np.float32) > threshold
            low, high = np.where(above, middle + 1, low), np.where(above, high, middle)
        shares.append(low.mean() / 2**bits)
        largest.append(low.max() / 2**bits)
    # All strips have the area of the topmost, whose length is s; the density's own area is 1.
    s = np.exp(-thresholds[0]) / largest[0]
    accepted = 1 / (256 * s * -np.expm1(-s))
    law = -np.expm1(-np.exp(-thresholds))
    return float(np.abs(shares / accepted / law - 1).max())


@claim(
    "float32-zeros",
    "Of the words from which NumPy makes a float32 exponential, one in 2^23 gives exactly 0: "
    "share of such words times 2^23, less 1.",
    method="enumeration",
    bound=1e-6,
    control="float64",
    wrong={"dtype": "float64"},
)
def float32_zeros(dtype: Any = "float32", once_in: int = 2**23) -> float:
    # A later place is a larger number, so the zeros come first.
    drawn = [generator_at(place, dtype).standard_exponential(256, dtype) for place in range(4)]
    share = int((np.array(drawn) == 0).sum()) / (256 * PLACES[dtype])
    return abs(share * once_in - 1)


@claim(
    "jax-modes",
    "JAX's float32 Gumbel is -log(-log u) of one 23-bit uniform in mode low, and "
    "-log(-log1p(-x)) in mode high, where x below 1/2 has 46 bits: largest gap of 200,000 draws.",
    method="floating point",
    bound=1e-2,
    control="in mode high, x of 23 bits",
    wrong={"further": 0.0},
)
def jax_modes(modes: tuple[str, str] = ("low", "high"), further: float = 2.0**-23) -> float:
    jax = cpu_jax(double=False)
    jnp = jax.numpy
    key, n, tiny = jax.random.key(8), 200_000, np.finfo(np.float32).tiny
    u = jax.random.uniform(key, (n,), jnp.float32, minval=tiny)
    first, second = jax.random.uniform(key, (2, n), jnp.float32)
    x = jnp.where(first < 0.5, first + second * jnp.float32(further) + tiny, first)
    replayed = -jnp.log(-jnp.log(u)), -jnp.log(-jnp.log1p(-x))
    drawn = (jax.random.gumbel(key, (n,), jnp.float32, mode=mode) for mode in modes)
    return float(max(jnp.abs(a - b).max() for a, b in zip(replayed, drawn, strict=True)))


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
    "log-softmax-gradient",
    "Taken from log-softmax in float32, t times the gradient of -log b_k is b less the one-hot "
    "of k, down to a temperature of 0.001.",
    method="autodiff",
    bound=1e-2,
    control="from the logarithm of the softmax",
    wrong={"log_softmax": _log_of_softmax},
)
def log_softmax_gradient(log_softmax: Any = _log_softmax) -> float:
    jax = cpu_jax(double=False)
    x = jax.numpy.asarray(PERTURBED, jax.numpy.float32)
    gaps = []
    for t in (1.0, 0.1, 0.02, 0.001):
        slope = t * np.asarray(jax.grad(lambda v, t=t: -log_softmax(v / t)[1])(x))
        gap = np.abs(slope - special.softmax(PERTURBED / t) + np.eye(4)[1]).max()
        gaps.append(float(gap) if np.isfinite(gap) else math.inf)
    return max(gaps)


@claim(
    "log-survival",
    "gumbel_logsf is log(1 - exp(-exp(-x))) in relative terms for x from -3 to 10,000.",
    method="50 digits",
    bound=1e-11,
    control="scipy.stats.gumbel_r.logsf",
    wrong={"logsf": stats.gumbel_r.logsf},
)
def log_survival(logsf: Any = gumbel_logsf) -> float:
    x = np.concatenate([np.linspace(-3, 30, 133), np.geomspace(30, 1e4, 60)])
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
    wrong={"truncate": sympy.Min},
)
def truncated_law(
    truncate: Any = lambda x, upper: -sympy.log(sympy.exp(-x) + sympy.exp(-upper)),
) -> float:
    loc, x, upper = sympy.symbols("l x T", real=True)

    def cdf(value: Any) -> Any:
        return sympy.exp(-sympy.exp(-(value - loc)))

    # The map rises with x, so what P(. <= x) was becomes P(. <= its value).
    gap = cdf(x) - cdf(truncate(x, upper)) / cdf(upper)
    return symbolic_gap(gap, {loc: [-0.5, 1.0], x: [-1.0, 0.2], upper: [0.5, 2.0]})


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
