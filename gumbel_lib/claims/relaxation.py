"""Claims of the chapter relaxation: the relaxed sample, its law, its mean, its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy import special, stats

from .. import relaxation, trick
from ..noise import standard_gumbel
from . import claim, cpu_jax

Floats = NDArray[np.float64]
LOGITS = np.log([0.6, 0.3, 0.1])
TEMPERATURES = (0.5, 2.0)


@claim(
    "relaxed-limits",
    "The relaxed sample tends to the one-hot of the argmax as the temperature goes to 0, and to "
    "the uniform vector as it goes to infinity.",
    method="symbolic",
    bound=1e-12,
    control="a tie for the largest entry",
    wrong={"scores": (2, 2, -1)},
)
def relaxed_limits(scores: tuple[int, ...] = (1, 2, -1)) -> float:
    t = sympy.symbols("t", positive=True)
    total = sum(sympy.exp(score / t) for score in scores)
    gap = 0.0
    for k, score in enumerate(scores):
        entry = 1 / sympy.expand(total * sympy.exp(-score / t))
        cold, hot = sympy.limit(entry, t, 0, "+"), sympy.limit(entry, t, sympy.oo)
        gap += float(abs(cold - int(k == np.argmax(scores))))
        gap += float(abs(hot - sympy.Rational(1, len(scores))))
    return gap


@claim(
    "relaxed-argmax",
    "At every temperature the largest entry of the relaxed sample is the k-th with probability "
    "softmax(logits) at k.",
    method="quadrature",
    bound=1e-8,
    control="the mean of the k-th entry in place of that probability",
    wrong={"mean": True},
)
def relaxed_argmax(mean: bool = False) -> float:
    gaps = []
    for t in TEMPERATURES:
        found = np.zeros(LOGITS.size)
        for k, sample, weight in _simplex(LOGITS.size, t):
            mass = weight * np.exp(relaxation.concrete_logpdf(sample, LOGITS, t))
            if mean:
                found += mass @ sample
            else:
                found[k] = mass.sum()
        gaps.append(np.abs(found - special.softmax(LOGITS)).max())
    return float(max(gaps))


def _simplex(num_classes: int, t: float) -> Iterator[tuple[int, Floats, Floats]]:
    """Gauss-Legendre nodes and weights on each part of the simplex where entry k is largest.

    The coordinates are z_j = t log(b_k / b_j) >= 0, whose Jacobian is prod(b) / t^(K-1).
    """
    node, weight = np.polynomial.legendre.leggauss(160)
    node, weight = 20 * (node + 1), 20 * weight
    grids = np.meshgrid(*[node] * (num_classes - 1), indexing="ij")
    product = np.ones(())
    for _ in grids:
        product = np.multiply.outer(product, weight)
    below = np.stack([grid.ravel() for grid in grids], axis=-1) / t
    for k in range(num_classes):
        sample = special.softmax(np.insert(-below, k, 0.0, axis=-1), axis=-1)
        jacobian = sample.prod(axis=-1) / t ** (num_classes - 1)
        yield k, sample, product.ravel() * jacobian


@claim(
    "gap-law",
    "The two largest perturbed logits lie more than c apart with probability "
    "sum_k p_k / (p_k + (1 - p_k) e^c).",
    method="quadrature",
    bound=1e-9,
    control="Normal noise of the same variance",
    wrong={"noise": stats.norm(scale=np.pi / np.sqrt(6))},
)
def gap_law(noise: Any = stats.gumbel_r) -> float:
    gaps = []
    for c in (0.5, 2.0, 5.0):
        # Class k leads by more than c exactly when it wins after a handicap of c.
        led = sum(
            trick.argmax_probabilities(LOGITS - c * (np.arange(3) == k), noise)[k] for k in range(3)
        )
        probs = special.softmax(LOGITS)
        gaps.append(abs(led - (probs / (probs + (1 - probs) * np.exp(c))).sum()))
    return float(max(gaps))


@claim(
    "relaxed-gradient",
    "The derivative of entry i of gumbel_softmax by logit j is b_i (delta_ij - b_j) / t.",
    method="autodiff",
    bound=1e-11,
    control="the division by the temperature left out",
    wrong={"divide": False},
)
def relaxed_gradient(divide: bool = True) -> float:
    jax = cpu_jax(double=True)
    noise = standard_gumbel((50, LOGITS.size), rng=11)
    gaps = []
    for t in (0.1, *TEMPERATURES):
        relaxed = lambda logits, g, t=t: relaxation.gumbel_softmax(logits, g, t)  # noqa: E731
        found = jax.vmap(jax.jacobian(relaxed), (None, 0))(
            jax.numpy.asarray(LOGITS), jax.numpy.asarray(noise)
        )
        b = relaxation.gumbel_softmax(LOGITS, noise, t)
        exact = b[:, :, None] * (np.eye(LOGITS.size) - b[:, None, :]) / (t if divide else 1)
        gaps.append(np.abs(found - exact).max())
    return float(max(gaps))


@claim(
    "concrete-density",
    "The Gumbel-softmax density integrates to 1 over the simplex, for two and for three classes, "
    "and has the mean that relaxed_mean gives.",
    method="quadrature",
    bound=1e-7,
    control="t to the power K in place of K - 1",
    wrong={"extra": 1},
)
def concrete_density(extra: int = 0) -> float:
    gaps = []
    for logits in (LOGITS[:2], LOGITS):
        for t in TEMPERATURES:
            total, mean = 0.0, np.zeros(logits.size)
            for _, sample, weight in _simplex(logits.size, t):
                density = np.exp(relaxation.concrete_logpdf(sample, logits, t)) * t**extra
                total += float(weight @ density)
                mean += (weight * density) @ sample
            gaps += [abs(total - 1), np.abs(mean - relaxation.relaxed_mean(logits, t)).max()]
    return float(max(gaps))


@claim(
    "relaxed-mean-odds",
    "For two classes with odds r, at temperature 1, the mean of entry 0 is "
    "r (r - 1 - log r) / (r - 1)^2.",
    method="quadrature",
    bound=1e-8,
    control="softmax(logits), that is r / (1 + r)",
    wrong={"mean": lambda r: r / (1 + r)},
)
def relaxed_mean_odds(
    mean: Any = lambda r: r * (r - 1 - np.log(r)) / (r - 1) ** 2,
) -> float:
    odds = (0.02, 0.5, 2.0, 4.0, 50.0)
    exact = [relaxation.relaxed_mean([np.log(r), 0.0], 1.0)[0] for r in odds]
    return float(np.abs(np.array(exact) - [mean(r) for r in odds]).max())


@claim(
    "gradient-variance",
    "For two classes, as t goes to 0, the derivative of b_0 by l_0 has mean p_0 p_1 and t times "
    "its mean square tends to p_0 p_1 / 6; taken at t = 0.001.",
    method="quadrature",
    bound=1e-5,
    control="the division by the temperature left out",
    wrong={"divide": False},
)
def gradient_variance(divide: bool = True) -> float:
    t, gaps = 1e-3, []
    u = np.linspace(-40, 40, 801)  # log(b_0 / b_1); the trapezoid rule converges exponentially
    sample = np.stack([special.expit(u), special.expit(-u)], axis=-1)
    spread = sample.prod(axis=-1)
    for logits in (LOGITS[:2], LOGITS[1:]):
        mass = 0.1 * spread * np.exp(relaxation.concrete_logpdf(sample, logits, t))
        slope = spread / (t if divide else 1)
        target = special.softmax(logits).prod()
        gaps += [abs(mass @ slope - target), abs(t * (mass @ slope**2) - target / 6)]
    return float(max(gaps))


@claim(
    "straight-through",
    "hard + (soft - stop(soft)) is the one-hot exactly, and its gradient is that of the relaxed "
    "sample with the loss's slope taken at the one-hot.",
    method="autodiff",
    bound=1e-11,
    control="nothing stopped: hard + (soft - soft)",
    wrong={"stop": False},
)
def straight_through(stop: bool = True) -> float:
    jax = cpu_jax(double=True)
    jnp, t = jax.numpy, 0.5
    stopped = jax.lax.stop_gradient if stop else lambda x: x
    target = jnp.asarray([0.2, 0.5, 0.3])

    def estimate(logits: Any, noise: Any) -> Any:
        soft = relaxation.gumbel_softmax(logits, noise, t)
        hard = jax.nn.one_hot(trick.gumbel_max(logits, noise), soft.shape[-1], dtype=soft.dtype)
        return hard + (soft - stopped(soft))

    gradient = jax.grad(lambda logits, noise: ((target - estimate(logits, noise)) ** 2).sum())
    gaps = []
    for noise in standard_gumbel((4, LOGITS.size), rng=12):
        logits, g = jnp.asarray(LOGITS), jnp.asarray(noise)
        b = relaxation.gumbel_softmax(LOGITS, noise, t)
        one_hot = np.eye(LOGITS.size)[trick.gumbel_max(LOGITS, noise)]
        slope = 2 * (one_hot - np.asarray(target))
        gaps.append(np.abs(estimate(logits, g) - one_hot).max())
        gaps.append(np.abs(gradient(logits, g) - b * (slope - b @ slope) / t).max())
    return float(max(gaps))
