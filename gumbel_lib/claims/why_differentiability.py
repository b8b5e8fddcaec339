"""Claims of the chapter why_differentiability: what a slope saves, and where it gets lost."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy import special

from ..optimisers import count_evaluations
from . import claim, cpu_jax, symbolic_gap

Floats = NDArray[np.float64]

LOGITS = np.array([0.5, -0.3, 0.1])
COST = np.array([2.0, 0.5, 1.0])
DIMENSIONS = (2, 8, 32)


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
    "Some affine function with slope 1 in a variable is 0 at d given points: sum of squares.",
    method="exact arithmetic",
    bound=1e-9,
    control="d + 1 points",
    wrong={"extra": 1},
)
def probes(extra: int = 0) -> float:
    rng = np.random.default_rng(11)
    return max(_least_size(rng.integers(-9, 10, (d + extra, d)).tolist()) for d in (2, 3, 5, 8))


def _least_size(points: list[list[int]]) -> float:
    """Sum of squares over the points, at its least, of an affine function with a slope of 1."""
    # With slope 1 in a variable, the least sum is a quotient of Gram determinants: of all columns,
    # and of all but that variable's.
    columns = sympy.Matrix([[1, *point] for point in points])
    gram = columns.T * columns
    least = []
    for j in range(1, gram.rows):
        other = gram.minor(j, j)
        if other != 0:
            least.append(sympy.Rational(gram.det(), other))
    return float(min(least))


@claim(
    "evaluations-ratio",
    "Left to probe, BFGS asks for d + 1 times as many values (d = 2, 8, 32), relative error.",
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
    jax = cpu_jax(double=True)
    slope = jax.value_and_grad(_coupled) if reverse else jax.jacfwd(_coupled)

    def operations(function: Callable[[Any], Any], d: int) -> float:
        lowered = jax.jit(function).lower(np.linspace(-2, 2, d))
        return float(lowered.cost_analysis()["flops"])

    return max(operations(slope, d) / operations(_coupled, d) for d in DIMENSIONS)


@claim(
    "chain-rule",
    "The Jacobian of a four-layer network is the product of its layers' Jacobians.",
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
    "s x <= max(x, 0) for all x just when 0 <= s <= 1: exceptions among s = -2, -15/8, ..., 2.",
    method="exact arithmetic",
    bound=0.5,
    control="just when 0 <= s <= 5/4",
    wrong={"top": Fraction(5, 4)},
)
def relu_subgradients(top: Fraction = Fraction(1)) -> float:
    grid = [Fraction(k, 8) for k in range(-16, 17)]
    below = [all(s * x <= max(x, Fraction(0)) for x in grid) for s in grid]
    return float(sum(fits != (0 <= s <= top) for s, fits in zip(grid, below, strict=True)))


@claim(
    "flat",
    "For each of 1000 u, moving a logit by about 1e-6 moves the loss of the drawn class by 0.",
    method="exact arithmetic",
    bound=1e-9,
    control="the expected loss, change per unit of the logit",
    wrong={"sampled": False},
)
def flat(sampled: bool = True) -> float:
    costs = [Fraction(2), Fraction(1, 2), Fraction(1)]
    step = Fraction(1, 10**6)

    def losses(weights: list[Fraction]) -> list[Fraction]:
        total = sum(weights)
        if not sampled:
            return [sum((w * c for w, c in zip(weights, costs, strict=True)), Fraction(0)) / total]
        first, second = weights[0] / total, (weights[0] + weights[1]) / total
        levels = [Fraction(2 * k + 1, 2000) for k in range(1000)]
        return [costs[(u > first) + (u > second)] for u in levels]

    # The logits are log 5, log 3 and log 4, so the piece ends 5/12 and 2/3 are no u. A weight
    # times 1 + step is a logit moved by log(1 + step), which is step to within half its square.
    weights = [Fraction(5), Fraction(3), Fraction(4)]
    before, largest = losses(weights), Fraction(0)
    for j in range(3):
        moved = [w * (1 + step) if k == j else w for k, w in enumerate(weights)]
        pairs = zip(before, losses(moved), strict=True)
        largest = max(largest, *(abs(new - old) / step for old, new in pairs))
    return float(largest)


@claim(
    "sample-gradient",
    "JAX's gradient of a loss through a categorical sample, one-hot, is 0 for each of 500 keys.",
    method="autodiff",
    bound=1e-9,
    control="the probabilities in place of the sample",
    wrong={"sampled": False},
)
def sample_gradient(sampled: bool = True) -> float:
    jax = cpu_jax(double=True)

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
    "The mean of loss times score is the slope of the expected loss, for any three losses.",
    method="symbolic",
    bound=1e-12,
    control="the one-hot in place of the score",
    wrong={"centred": False},
)
def score_function(centred: bool = True) -> float:
    logits, costs = sympy.symbols("l0:3", real=True), sympy.symbols("c0:3", real=True)
    total = sum(sympy.exp(logit) for logit in logits)
    probs = [sympy.exp(logit) / total for logit in logits]
    expected = sum(p * c for p, c in zip(probs, costs, strict=True))
    grid = {symbol: [-1.0, 2.0] for symbol in (*logits, *costs)}
    gaps = []
    for j, logit in enumerate(logits):
        score = [int(k == j) - (probs[j] if centred else 0) for k in range(3)]
        mean = sum(p * c * s for p, c, s in zip(probs, costs, score, strict=True))
        gaps.append(symbolic_gap(mean - sympy.diff(expected, logit), grid))
    return max(gaps)
