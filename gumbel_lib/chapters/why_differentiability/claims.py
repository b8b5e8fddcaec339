"""Claims of the chapter why_differentiability: what a slope saves, and where it gets lost."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy import special

from ..._checks import Floats
from ...claims import claim, complex_step, cpu_jax, symbolic_gap
from .search import count_evaluations

LOGITS = np.array([0.5, -0.3, 0.1])
COST = np.array([2.0, 0.5, 1.0])
DIMENSIONS = (2, 8, 32)


def _coupled(x: Any) -> Any:
    steps = x[1:] - x[:-1]
    return ((x - 1) ** 2).sum() / 2 + 2 * (steps**2).sum() + (x**4).sum() / 4


def _coupled_slope(x: Any) -> Any:
    slope = x - 1 + x**3
    slope[1:] += 4 * np.diff(x)
    slope[:-1] -= 4 * np.diff(x)
    return slope


@claim(
    "probes",
    "Given d points, some affine function with a slope other than 0 is 0 at each of them: "
    "exceptions among 40 sets of points (d = 2, 3, 5, 8).",
    method="exact arithmetic",
    bound=0.5,
    control="d + 1 points",
    wrong={"extra": 1},
)
def probes(extra: int = 0) -> float:
    rng = np.random.default_rng(11)
    exceptions = 0
    for d in (2, 3, 5, 8) * 10:
        points = rng.integers(-9, 10, (d + extra, d)).tolist()
        # An affine function a + w x is 0 at the points if (a, w) is in this matrix's null space.
        unseen = sympy.Matrix([[1, *point] for point in points]).nullspace()
        exceptions += not any(any(vector[1:]) for vector in unseen)
    return float(exceptions)


@claim(
    "forward-differences",
    "From the d + 1 values of a quartic at x and x + h e_i comes its gradient, with an error of "
    "h/2 times the largest second derivative (d = 2, 8, 32; h = 10^-6, 10^-9, 10^-12): relative "
    "gap.",
    method="exact arithmetic",
    bound=1e-3,
    control="x + h e_0 probed for every variable",
    wrong={"probed": lambda i: 0},
)
def forward_differences(probed: Callable[[int], int] = lambda i: i) -> float:
    worst = 0.0
    for d in DIMENSIONS:
        x = np.array([Fraction(i * i % 7 - 3, 2) for i in range(d)])
        slope = _coupled_slope(x)
        second = [1 + 3 * x[i] ** 2 + 4 * (2 if 0 < i < d - 1 else 1) for i in range(d)]
        for h in (Fraction(1, 10**k) for k in (6, 9, 12)):
            quotients = [
                (_coupled(x + h * np.eye(d, dtype=int)[probed(i)]) - _coupled(x)) / h
                for i in range(d)
            ]
            error = max(abs(quotients - slope)) / h
            worst = max(worst, abs(float(error / (max(second) / 2)) - 1))
    return worst


_left_to_probe = partial(count_evaluations, use_gradient=False)
_told_the_slope = partial(count_evaluations, use_gradient=True)


@claim(
    "evaluations-ratio",
    "Left to probe, BFGS takes d + 1 values at each point it visits (d = 2, 8, 32): relative error "
    "of values over points times d + 1.",
    method="floating point",
    bound=1e-9,
    control="the slope given to it",
    wrong={"minimise": _told_the_slope},
)
def evaluations_ratio(minimise: Callable[..., Any] = _left_to_probe) -> float:
    gaps = []
    for d in DIMENSIONS:
        asked: list[Floats] = []

        def recorded(x: Floats, asked: list[Floats] = asked) -> float:
            asked.append(x.copy())
            return float(_coupled(x))

        minimise(recorded, _coupled_slope, np.linspace(-2, 2, d))
        # A probe differs from the point visited last in one variable, the next point in all.
        points, last = 1, asked[0]
        for x in asked[1:]:
            if np.count_nonzero(x != last) > 1:
                points, last = points + 1, x
        gaps.append(abs(len(asked) / (points * (d + 1)) - 1))
    return max(gaps)


# A step of a program: one of + - * / and the places of its two operands among all numbers so far.
Step = tuple[str, int, int]
Operations = dict[str, Callable[[Any, Any], Any]]
ARITHMETIC: Operations = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def _program(rng: np.random.Generator, d: int, length: int) -> tuple[list[Fraction], list[Step]]:
    """Positive numbers and a random program on them; it divides by these numbers alone."""
    start = [Fraction(int(k), 7) for k in rng.integers(8, 30, d)]
    steps = []
    for size in range(d, d + length):
        kind = "+-*/"[rng.integers(4)]
        steps.append((kind, int(rng.integers(size)), int(rng.integers(d if kind == "/" else size))))
    return start, steps


def _by_reverse_mode(start: list[Fraction], steps: list[Step], do: Operations) -> list[Fraction]:
    """Gradient of a program's last number, handed back from the last step to the first."""
    numbers = list(start)
    for kind, i, j in steps:
        numbers.append(do[kind](numbers[i], numbers[j]))
    back = [Fraction(0)] * (len(numbers) - 1) + [Fraction(1)]
    for place in reversed(range(len(start), len(numbers))):
        kind, i, j = steps[place - len(start)]
        z, x, y = back[place], numbers[i], numbers[j]
        if kind == "*":
            z, other = do["*"](y, z), do["*"](x, z)
        elif kind == "/":
            z = do["/"](z, y)
            other = do["*"](z, numbers[place])
        else:
            other = z
        back[i] = do["+"](back[i], z)
        back[j] = do["-" if kind in "-/" else "+"](back[j], other)
    return back[: len(start)]


def _by_forward_mode(start: list[Fraction], steps: list[Step], do: Operations) -> list[Fraction]:
    """The same by the rules of differentiation, one variable after the other."""
    gradient = []
    for k in range(len(start)):
        numbers, slopes = list(start), [Fraction(int(i == k)) for i in range(len(start))]
        for kind, i, j in steps:
            x, y, dx, dy = numbers[i], numbers[j], slopes[i], slopes[j]
            numbers.append(do[kind](x, y))
            if kind == "*":
                dx, dy = do["*"](dx, y), do["*"](x, dy)
            elif kind == "/":
                dx, dy = do["/"](dx, y), do["/"](do["*"](numbers[-1], dy), y)
            slopes.append(do["-" if kind in "-/" else "+"](dx, dy))
        gradient.append(slopes[-1])
    return gradient


@claim(
    "cheap-gradient",
    "Reverse mode gives value and exact gradient of T operations in at most 5 T: exceptions among "
    "60 random programs of + - * / on d = 2, 4 or 8 numbers.",
    method="exact arithmetic",
    bound=0.5,
    control="forward mode, one variable at a time",
    wrong={"mode": _by_forward_mode},
)
def cheap_gradient(mode: Callable[..., list[Fraction]] = _by_reverse_mode, price: int = 5) -> float:
    rng = np.random.default_rng(8)
    count = 0

    def counted(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def do(x: Any, y: Any) -> Any:
            nonlocal count
            count += 1
            return operation(x, y)

        return do

    counting = {kind: counted(operation) for kind, operation in ARITHMETIC.items()}
    exceptions = 0
    for d in (2, 4, 8) * 20:
        start, steps = _program(rng, d, 4 * d)
        count = 0
        wrong = mode(start, steps, counting) != _by_forward_mode(start, steps, ARITHMETIC)
        exceptions += wrong or count > price * len(steps)
    return float(exceptions)


@claim(
    "chain-rule",
    "The Jacobian of a network of four layers is the product of its layers' Jacobians, each where "
    "its layer gets its input (5 networks).",
    method="complex step",
    bound=1e-10,
    control="each factor taken at the network's input",
    wrong={"at_input": True},
)
def chain_rule(at_input: bool = False, last_first: bool = True) -> float:
    gaps = []
    for seed in range(5):
        first, second = np.random.default_rng(seed).normal(size=(2, 3, 3))
        layers: list[tuple[Any, Any]] = [
            (lambda x, w=first: w @ x, lambda x, w=first: w),
            (np.tanh, lambda x: np.diag(1 - np.tanh(x) ** 2)),
            (lambda x, w=second: w @ x, lambda x, w=second: w),
            (np.sin, lambda x: np.diag(np.cos(x))),
        ]

        def network(x: NDArray[Any], layers: Any = layers) -> Any:
            for layer, _ in layers:
                x = layer(x)
            return x

        x = inside = np.array([0.3, -1.0, 0.7])
        product = np.eye(3)
        for layer, jacobian in layers:
            factor = jacobian(x if at_input else inside)
            product = factor @ product if last_first else product @ factor
            inside = layer(inside)
        gaps.append(np.abs(complex_step(network, x) - product).max())
    return float(max(gaps))


@claim(
    "relu-subgradients",
    "The slopes s with s x <= max(x, 0) for all x run from 0 to 1: distance of the ends.",
    method="symbolic",
    bound=1e-12,
    control="|x| in place of max(x, 0): from -1 to 1",
    wrong={"function": sympy.Abs},
)
def relu_subgradients(
    function: Callable[[Any], Any] = lambda x: sympy.Max(x, 0), ends: tuple[int, int] = (0, 1)
) -> float:
    # To the right of 0 the condition is s <= f(x)/x, to the left s >= f(x)/x.
    left, right = sympy.Symbol("x", negative=True), sympy.Symbol("x", positive=True)
    lowest, highest = (sympy.simplify(function(x) / x) for x in (left, right))
    return max(abs(float(lowest - ends[0])), abs(float(highest - ends[1])))


@claim(
    "flat",
    "For 1200 u the sample has its right frequencies, yet moving a logit by about 1e-6 moves no "
    "loss: error of the frequencies, or largest change per unit of the logit.",
    method="exact arithmetic",
    bound=1e-9,
    control="the expected loss in place of the sampled one",
    wrong={"sampled": False},
)
def flat(
    sampled: bool = True,
    levels: Sequence[Fraction] = tuple(Fraction(2 * k + 1, 2400) for k in range(1200)),
) -> float:
    costs = [Fraction(2), Fraction(1, 2), Fraction(1)]
    step = Fraction(1, 10**6)

    def losses(weights: list[Fraction]) -> list[Fraction]:
        total = sum(weights)
        if not sampled:
            parts = (w * c for w, c in zip(weights, costs, strict=True))
            return [sum(parts, Fraction(0)) / total]
        first, second = weights[0] / total, (weights[0] + weights[1]) / total
        return [costs[(u > first) + (u > second)] for u in levels]

    # The logits are log 5, log 3 and log 4, so the piece ends 5/12 and 2/3 are no u. A weight
    # times 1 + step is a logit moved by log(1 + step), which is step to within half its square.
    weights = [Fraction(5), Fraction(3), Fraction(4)]
    before = losses(weights)
    worst = Fraction(0)
    if sampled:
        shares = [Fraction(before.count(cost), len(before)) for cost in costs]
        worst = max(abs(share - w / 12) for share, w in zip(shares, weights, strict=True))
    for j in range(3):
        for factor in (1 + step, 1 / (1 + step)):
            moved = losses([w * factor if k == j else w for k, w in enumerate(weights)])
            worst = max(worst, *(abs(b - a) / step for a, b in zip(before, moved, strict=True)))
    return float(worst)


@claim(
    "sample-gradient",
    "For each of 500 keys JAX's gradient of a loss through its one-hot sample is 0, and rightly: "
    "moving a logit by 1e-6 moves no loss. Largest change per unit of the logit.",
    method="autodiff",
    bound=1e-9,
    control="the probabilities in place of the sample",
    wrong={"sample": lambda jax, key, logits: jax.nn.softmax(logits)},
)
def sample_gradient(
    sample: Callable[..., Any] = lambda jax, key, logits: jax.nn.one_hot(
        jax.random.categorical(key, logits), logits.size
    ),
) -> float:
    jax = cpu_jax(double=True)

    def loss(logits: Any, key: Any) -> Any:
        return sample(jax, key, logits) @ COST

    keys = jax.random.split(jax.random.key(5), 500)
    both = jax.jit(jax.vmap(jax.value_and_grad(loss), (None, 0)))
    before, gradients = both(LOGITS, keys)
    if abs(before.mean() - _expected(LOGITS, COST)) > 5 * before.std() / np.sqrt(500) + 1e-9:
        return float("inf")  # no sample of these logits
    changes = [(both(LOGITS + 1e-6 * e, keys)[0] - before) / 1e-6 for e in np.eye(3)]
    return float(max(np.abs(gradients).max(), np.abs(changes).max()))


def _expected(logits: NDArray[Any], cost: Floats) -> Any:
    weight = np.exp(logits)
    return weight @ cost / weight.sum()


def _cases() -> list[tuple[Floats, Floats]]:
    """Logits and losses of 2 to 6 classes, some losses below 0."""
    rng = np.random.default_rng(4)
    return [tuple(rng.normal(size=(2, classes))) for classes in (2, 3, 4, 5, 6)]


@claim(
    "expected-loss-slope",
    "The expected loss has slope p_j (c_j - expected loss) in logit j (2 to 6 classes).",
    method="complex step",
    bound=1e-10,
    control="the expected loss not taken away",
    wrong={"centre": lambda probs, cost: 0.0},
)
def expected_loss_slope(
    centre: Callable[[Floats, Floats], float] = lambda probs, cost: float(probs @ cost),
) -> float:
    gaps = []
    for logits, cost in _cases():
        slope = complex_step(partial(_expected, cost=cost), logits)
        probs = special.softmax(logits)
        gaps.append(np.abs(slope - probs * (cost - centre(probs, cost))).max())
    return float(max(gaps))


def _score(probs: Floats) -> Floats:
    """One row a drawn class, one column a logit."""
    return np.eye(probs.size) - probs


@claim(
    "score-function",
    "The score is the slope of the drawn class's log-probability, and loss times score has the "
    "slope of the expected loss as its mean over the classes (2 to 6 classes).",
    method="enumeration",
    bound=1e-10,
    control="the one-hot in place of the score",
    wrong={"score": lambda probs: np.eye(probs.size)},
)
def score_function(
    score: Callable[[Floats], Floats] = _score,
    average: Callable[[Floats], Floats] = lambda probs: probs,
) -> float:
    gaps = []
    for logits, cost in _cases():
        probs = special.softmax(logits)
        of_log = complex_step(lambda x: np.log(np.exp(x) / np.exp(x).sum()), logits)
        mean = average(probs) @ (cost[:, None] * score(probs))
        slope = complex_step(partial(_expected, cost=cost), logits)
        gaps += [np.abs(of_log - score(probs)).max(), np.abs(mean - slope).max()]
    return float(max(gaps))


@claim(
    "baseline",
    "Whatever number is taken from three losses (p = 1/2, 1/3, 1/6), loss times score keeps its "
    "mean; its variance is least where that number is the mean of the losses, weighted by "
    "p |score|^2.",
    method="symbolic",
    bound=1e-9,
    control="weighted by p alone: the expected loss",
    wrong={"weight": lambda p, square: p},
)
def baseline(weight: Callable[[Any, Any], Any] = lambda p, square: p * square) -> float:
    costs, taken = sympy.symbols("c0:3", real=True), sympy.Symbol("taken", real=True)
    probs = [sympy.Rational(1, 2), sympy.Rational(1, 3), sympy.Rational(1, 6)]
    scores = [[int(k == j) - probs[j] for j in range(3)] for k in range(3)]
    squares = [sum(s * s for s in row) for row in scores]

    def mean(power: int) -> list[Any]:
        parts = zip(probs, costs, scores, strict=True)
        rows = [[p * ((c - taken) * s) ** power for s in row] for p, c, row in parts]
        return [sum(column) for column in zip(*rows, strict=True)]

    variance = sum(second - first**2 for first, second in zip(mean(1), mean(2), strict=True))
    weights = [weight(p, square) for p, square in zip(probs, squares, strict=True)]
    best = sum(w * c for w, c in zip(weights, costs, strict=True)) / sum(weights)
    grid = {symbol: [-1.0, 0.5, 2.0] for symbol in costs}
    return max(
        *(symbolic_gap(sympy.diff(first, taken), grid | {taken: [0.0]}) for first in mean(1)),
        symbolic_gap(sympy.diff(variance, taken).subs(taken, best), grid),
        0.0 if sympy.diff(variance, taken, 2).is_positive else float("inf"),
    )
