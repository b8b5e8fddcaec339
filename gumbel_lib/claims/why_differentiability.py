"""Claims of the chapter why_differentiability: what a slope saves, and where it gets lost."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy import special, stats

from ..optimisers import count_evaluations
from . import claim, symbolic_gap

Floats = NDArray[np.float64]

LOGITS = np.array([0.5, -0.3, 0.1])
COST = np.array([2.0, 0.5, 1.0])
DIMENSIONS = (2, 8, 32)


def _jax() -> Any:
    """JAX on the CPU in double precision."""
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    return jax


def _coupled(x: Any) -> Any:
    steps = x[1:] - x[:-1]
    return (((x - 1) * (x - 1)).sum() + 4 * (steps * steps).sum()) / 2 + (x * x * x * x).sum() / 4


def _coupled_slope(x: Floats) -> Floats:
    slope = x - 1 + x**3
    slope[1:] += 4 * np.diff(x)
    slope[:-1] -= 4 * np.diff(x)
    return slope


@claim(
    "probes",
    "Values at d points fix no more than d of the d + 1 coefficients of an affine function.",
    method="exact arithmetic",
    bound=1e-9,
    control="values at d + 1 points",
    wrong={"extra": 1},
)
def probes(extra: int = 0) -> float:
    fixed = []
    rng = np.random.default_rng(11)
    for d in (2, 3, 5, 8):
        points = rng.integers(-9, 10, (d + extra, d)).tolist()
        fixed.append(sympy.Matrix([[1, *point] for point in points]).rank() - d)
    return float(max(fixed))


@claim(
    "evaluations-ratio",
    "Without the slope BFGS asks for d + 1 times as many values (d = 2, 8, 32): quotient - 1.",
    method="exact arithmetic",
    bound=0.05,
    control="the slope given to both runs",
    wrong={"told": True},
)
def evaluations_ratio(told: bool = False) -> float:
    gaps = []
    for d in DIMENSIONS:
        start = np.linspace(-2, 2, d)
        slope = count_evaluations(_coupled, _coupled_slope, start, use_gradient=True)
        blind = count_evaluations(_coupled, _coupled_slope, start, use_gradient=told)
        gaps.append(abs(blind.functions / slope.functions / (d + 1) - 1))
    return max(gaps)


@claim(
    "cheap-gradient",
    "Value and slope together cost at most 5 times the operations of the value (d = 2, 8, 32).",
    method="autodiff",
    bound=5.0,
    control="forward mode, one direction at a time",
    wrong={"reverse": False},
)
def cheap_gradient(reverse: bool = True) -> float:
    jax = _jax()
    slope = jax.value_and_grad(_coupled) if reverse else jax.jacfwd(_coupled)

    def operations(function: Callable[[Any], Any], d: int) -> float:
        lowered = jax.jit(function).lower(np.linspace(-2, 2, d))
        return float(lowered.cost_analysis()["flops"])

    return max(operations(slope, d) / operations(_coupled, d) for d in DIMENSIONS)


@claim(
    "chain-rule",
    "The Jacobian of a three-layer network is the product of its layers' Jacobians.",
    method="complex step",
    bound=1e-10,
    control="each factor taken at the network's input",
    wrong={"at_input": True},
)
def chain_rule(at_input: bool = False) -> float:
    rng = np.random.default_rng(3)
    first, last = rng.normal(size=(4, 3)), rng.normal(size=(4, 4))
    x = rng.normal(size=3)

    def network(x: NDArray[Any]) -> Any:
        return np.sin(last @ np.tanh(first @ x))

    hidden = first @ x
    inside = np.resize(x, 4) if at_input else hidden
    outside = np.resize(x, 4) if at_input else last @ np.tanh(hidden)
    product = np.diag(np.cos(outside)) @ last @ np.diag(1 - np.tanh(inside) ** 2) @ first
    step = 1e-30
    columns = [network(x + 1j * step * direction).imag / step for direction in np.eye(3)]
    return float(np.abs(np.stack(columns, axis=1) - product).max())


@claim(
    "relu-subgradients",
    "relu(x) >= s x for all x, for each s in [0, 1]: each s is a subgradient at 0.",
    method="exact arithmetic",
    bound=1e-9,
    control="s up to 5/4",
    wrong={"top": Fraction(5, 4)},
)
def relu_subgradients(top: Fraction = Fraction(1)) -> float:
    slopes = [top * Fraction(k, 8) for k in range(9)]
    points = [Fraction(k, 8) for k in range(-24, 25)]
    return float(max(s * x - max(x, Fraction(0)) for s in slopes for x in points))


@claim(
    "sample-gradient",
    "JAX's gradient of a loss through a categorical sample, one-hot, is 0 for each of 500 keys.",
    method="autodiff",
    bound=1e-9,
    control="the probabilities in place of the sample",
    wrong={"sampled": False},
)
def sample_gradient(sampled: bool = True) -> float:
    jax = _jax()

    def loss(logits: Any, key: Any) -> Any:
        one_hot = jax.nn.one_hot(jax.random.categorical(key, logits), COST.size)
        return (one_hot if sampled else jax.nn.softmax(logits)) @ COST

    keys = jax.random.split(jax.random.key(5), 500)
    gradients = jax.vmap(jax.grad(loss), (None, 0))(LOGITS, keys)
    return float(np.abs(gradients).max())


@claim(
    "expected-loss-slope",
    "The expected loss has slope p_j (c_j - mean loss) in logit j.",
    method="complex step",
    bound=1e-10,
    control="the mean loss not taken away",
    wrong={"centred": False},
)
def expected_loss_slope(centred: bool = True) -> float:
    def expected(logits: NDArray[Any]) -> Any:
        weight = np.exp(logits)
        return weight @ COST / weight.sum()

    step = 1e-30
    slope = [expected(LOGITS + 1j * step * direction).imag / step for direction in np.eye(3)]
    probs = special.softmax(LOGITS)
    mean = probs @ COST if centred else 0.0
    return float(np.abs(slope - probs * (COST - mean)).max())


@claim(
    "score-function",
    "The mean of loss times score is the slope of the expected loss, for any loss.",
    method="symbolic",
    bound=1e-12,
    control="the one-hot in place of the score",
    wrong={"centred": False},
)
def score_function(centred: bool = True) -> float:
    logits, costs = sympy.symbols("l0:3", real=True), sympy.symbols("c0:3", real=True)
    total = sum(sympy.exp(logit) for logit in logits)
    probs = [sympy.exp(logit) / total for logit in logits]
    slope = sympy.diff(sum(p * c for p, c in zip(probs, costs, strict=True)), logits[0])
    score = [int(k == 0) - (probs[0] if centred else 0) for k in range(3)]
    mean = sum(p * c * s for p, c, s in zip(probs, costs, score, strict=True))
    grid = {symbol: [-1.0, 2.0] for symbol in (*logits, *costs)}
    return symbolic_gap(mean - slope, grid)


DRAWS = 200_000


def _power(z: float, errors: float) -> str:
    """What a z test of three components sees, for a bias of so many standard errors."""
    probs = special.softmax(LOGITS)
    score = np.eye(3) - probs
    second = probs @ (COST[:, None] * score) ** 2
    sd = np.sqrt(second - (probs * (COST - probs @ COST)) ** 2)
    bias = errors * sd.max() / np.sqrt(DRAWS)
    false_alarm = 3 * 2 * stats.norm.sf(z)
    return (
        f"largest z of 3 components in {DRAWS:,} draws, false alarm below {false_alarm:.1g}; a "
        f"bias of {bias:.2g} in a component is caught with probability "
        f"{stats.norm.cdf(errors - z):.3g}"
    )


@claim(
    "score-function-simulated",
    "The average of loss times score over draws agrees with the exact slope.",
    method="Monte Carlo",
    bound=5.0,
    control="the one-hot in place of the score",
    wrong={"centred": False},
    power=_power(5.0, 8.0),
)
def score_function_simulated(centred: bool = True) -> float:
    probs = special.softmax(LOGITS)
    drawn = np.random.default_rng(17).choice(3, DRAWS, p=probs)
    score = np.eye(3)[drawn] - (probs if centred else 0.0)
    estimates = COST[drawn, None] * score
    error = estimates.std(axis=0) / np.sqrt(DRAWS)
    exact = probs * (COST - probs @ COST)
    return float(np.abs((estimates.mean(axis=0) - exact) / error).max())
