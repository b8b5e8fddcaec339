"""Claims of the chapter die_training: the loss, its gradient link by link, and the run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .. import die, gumbel_softmax
from ..noise import standard_gumbel
from . import claim, cpu_jax

Floats = NDArray[np.float64]

PROBS = np.array([0.05, 0.05, 0.1, 0.13, 0.27, 0.4])
TEMPERATURES = (0.5, 1.0, 2.0)
STEP = 1e-30


def _cases() -> list[tuple[Any, Any, Any, float]]:
    """Logits, noise, observation and temperature of a few situations."""
    rng = np.random.default_rng(18)
    return [
        (rng.normal(size=6), standard_gumbel(6, rng=rng), die.roll(PROBS, 20, rng=rng), t)
        for t in TEMPERATURES
        for _ in range(5)
    ]


def _complex_step(function: Callable[[Any], Any], x: Floats) -> Floats:
    """Derivative of `function` in each component of x, along the last axis of the result."""
    columns = [np.imag(function(x + 1j * STEP * unit)) / STEP for unit in np.eye(x.size)]
    return np.stack(columns, axis=-1)


def _softmax(x: Any, t: float) -> Any:
    """Softmax at a temperature that lets complex numbers through."""
    weight = np.exp((x - np.real(x).max()) / t)
    return weight / weight.sum()


@claim(
    "sse-example",
    "The SSE of [2/3, 0, 0, 1/3, 0, 0] and [.1, .1, .1, .3, .2, .2] is 19/45.",
    method="exact arithmetic",
    bound=1e-9,
    control="the observation rounded to two digits",
    wrong={"observed": ("0.67", "0", "0", "0.33", "0", "0")},
)
def sse_example(observed: tuple[str, ...] = ("2/3", "0", "0", "1/3", "0", "0")) -> float:
    relaxed = ("1/10", "1/10", "1/10", "3/10", "2/10", "2/10")
    terms = [(Fraction(y) - Fraction(b)) ** 2 for y, b in zip(observed, relaxed, strict=True)]
    return float(abs(sum(terms, Fraction(0)) - Fraction(19, 45)))


@claim(
    "noise-drops-out",
    "The derivative of logits plus noise is 1 for i = j and 0 for i other than j.",
    method="complex step",
    bound=1e-11,
    control="noise that depends on the logits, g multiplied by 1 + l",
    wrong={"perturb": lambda logits, noise: logits + noise * (1 + logits)},
)
def noise_drops_out(perturb: Any = lambda logits, noise: logits + noise) -> float:
    gaps = []
    for logits, noise, _, _ in _cases():
        jacobian = _complex_step(functools.partial(perturb, noise=noise), logits)
        gaps.append(np.abs(jacobian - np.eye(6)).max())
    return float(max(gaps))


@claim(
    "softmax-jacobian",
    "The derivative of b_j with respect to a_i is b_j (delta_ji - b_i) / t.",
    method="complex step",
    bound=1e-11,
    control="the factor 1/t left out",
    wrong={"factor": lambda t: 1.0},
)
def softmax_jacobian(factor: Any = lambda t: 1 / t) -> float:
    gaps = []
    for logits, noise, _, t in _cases():
        a = logits + noise
        b = _softmax(a, t)
        formula = factor(t) * (np.diag(b) - np.outer(b, b))
        jacobian = _complex_step(functools.partial(_softmax, t=t), a)
        gaps.append(np.abs(formula - jacobian).max())
    return float(max(gaps))


@claim(
    "sse-gradient",
    "The gradient of the SSE is (2/t) b (b - y - c) with c the sum of (b_j - y_j) b_j.",
    method="complex step",
    bound=1e-11,
    control="c left out",
    wrong={"gradient": lambda y, b, t: 2 / t * b * (b - y)},
)
def sse_gradient(gradient: Any = die.sse_gradient) -> float:
    gaps = []
    for logits, noise, y, t in _cases():

        def loss(x: Any, noise: Any = noise, y: Any = y, t: float = t) -> Any:
            return ((y - _softmax(x + noise, t)) ** 2).sum()

        b = _softmax(logits + noise, t)
        gaps.append(np.abs(gradient(y, b, t) - _complex_step(loss, logits)).max())
    return float(max(gaps))


@claim(
    "sse-gradient-autodiff",
    "JAX finds the same gradient through gumbel_softmax.",
    method="autodiff",
    bound=1e-11,
    control="the formula fed softmax(l/t), the sample without its noise",
    wrong={"relax": lambda logits, noise, t: _softmax(logits, t)},
)
def sse_gradient_autodiff(relax: Any = gumbel_softmax) -> float:
    jax = cpu_jax(double=True)

    def loss(logits: Any, noise: Any, y: Any, t: Any) -> Any:
        return ((y - gumbel_softmax(logits, noise, t)) ** 2).sum()

    columns = [np.array(column) for column in zip(*_cases(), strict=True)]
    slopes = np.asarray(jax.vmap(jax.grad(loss))(*map(jax.numpy.asarray, columns)))
    gaps = [
        np.abs(die.sse_gradient(y, relax(logits, noise, t), float(t)) - slope).max()
        for logits, noise, y, t, slope in zip(*columns, slopes, strict=True)
    ]
    return float(max(gaps))


@claim(
    "gradient-sums-to-zero",
    "The entries of b (b - y - c) sum to 0 exactly.",
    method="exact arithmetic",
    bound=1e-9,
    control="a sample b whose entries sum to 9/10",
    wrong={"total": Fraction(9, 10)},
)
def gradient_sums_to_zero(total: Fraction = Fraction(1)) -> float:
    rng = np.random.default_rng(19)
    sums = []
    for _ in range(20):
        weight = [Fraction(int(w)) for w in rng.integers(1, 100, 6)]
        rolls = [Fraction(int(n)) for n in rng.multinomial(20, PROBS)]
        b = [total * w / sum(weight) for w in weight]
        y = [n / 20 for n in rolls]
        c = sum((bj - yj) * bj for bj, yj in zip(b, y, strict=True))
        sums.append(float(sum(bi * (bi - yi - c) for bi, yi in zip(b, y, strict=True))))
    return float(np.abs(sums).max())


RUNS, LIMIT = 200, 0.01
# Of the final SSE in other runs, `die.train(PROBS, replicates=3000, rng=21)`.
LONG_RUN_MEAN, RUN_SD = 0.00909, 0.00191


def _training_power(too_large: float = 0.0105) -> str:
    error = RUN_SD / np.sqrt(RUNS)
    z = (LIMIT - LONG_RUN_MEAN) / error
    caught = stats.norm.cdf((too_large - LIMIT) / error)
    return (
        f"mean of {RUNS} runs, standard error {error:.2g}; the bound is {z:.1f} of them above the "
        f"mean {LONG_RUN_MEAN:g} of 3,000 other runs, false alarm {stats.norm.sf(z):.0e}; an "
        f"expected SSE of {too_large:g} is caught with probability {caught:.4f}"
    )


@claim(
    "die-training",
    "With the article's settings the expected SSE after training is below 0.01.",
    method="Monte Carlo",
    bound=LIMIT,
    control="c left out of the gradient",
    wrong={"gradient": lambda y, b, t: 2 / t * b * (b - y)},
    power=_training_power(),
)
def die_training(gradient: Any = die.sse_gradient) -> float:
    run = die.train(PROBS, replicates=RUNS, rng=20, gradient=gradient)
    return float(die.sse(PROBS, run.probs).mean())
