"""Claims of the chapter die_training: the loss, its gradient link by link, and the run."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy import stats

from ... import die, gumbel_softmax
from ..._checks import Floats
from ...claims import claim, complex_step, cpu_jax
from ...noise import standard_gumbel
from ...relaxation import softmax

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


def _softmax(x: Any, t: float) -> Any:
    """Softmax at a temperature that lets complex numbers through."""
    weight = np.exp((x - np.real(x).max()) / t)
    return weight / weight.sum()


@claim(
    "sse-example",
    "For rolls 3, 0, 0 and the sample [.1, .1, .1, .3, .2, .2] the SSE is 19/45, "
    "and 0.4258 for y rounded to two digits.",
    method="floating point",
    bound=1e-9,
    control="0.4258 as the SSE of y itself",
    wrong={"digits": 17},
)
def sse_example(digits: int = 2, loss: Any = die.sse) -> float:
    y = np.eye(6)[[3, 0, 0]].mean(axis=0)
    b = [0.1, 0.1, 0.1, 0.3, 0.2, 0.2]
    gaps = loss(y, b) - 19 / 45, loss(y.round(digits), b) - 0.4258
    return float(np.abs(gaps).max())


@claim(
    "noise-drops-out",
    "The slope of the mean SSE is the mean of its slope with the noise held constant.",
    method="quadrature",
    bound=1e-5,
    control="noise of scale exp(l_i / 5), which depends on the logits, held constant too",
    wrong={"scale": lambda logits: np.exp(logits / 5)},
)
def noise_drops_out(
    scale: Any = np.ones_like,
    slope: Any = die.sse_gradient,
) -> float:
    # Left: the logits move the density of a on a fixed grid. Right: they move a, g stays.
    # The trapezoid rule on this grid is good to 1e-8.
    step = 0.4
    grid = np.arange(-5.0, 22.0, step)
    a = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1)
    y, logits, t = np.array([0.2, 0.3, 0.5]), np.array([0.4, -0.3, 0.1]), 1.0

    def density(x: Any, logit: Any) -> Any:
        z = (x - logit) / scale(logit)
        return step * np.exp(-z - np.exp(-z)) / scale(logit)

    loss = die.sse(y, softmax(a, t))
    fixed = density(grid[:, None], logits).T
    moved = density(grid[:, None], logits + 1j * STEP).imag.T / STEP
    worst = 0.0
    for i in range(3):
        weights = [moved[j] if i == j else fixed[j] for j in range(3)]
        of_mean = np.einsum("ijk,i,j,k", loss, *weights)
        mean = np.einsum("ijk,i,j,k", slope(y, softmax(a, t), t)[..., i], *fixed)
        worst = max(worst, abs(float(of_mean - mean)))
    return worst


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
        jacobian = complex_step(functools.partial(_softmax, t=t), a)
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
        gaps.append(np.abs(gradient(y, b, t) - complex_step(loss, logits)).max())
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
    slopes = np.asarray(jax.jit(jax.vmap(jax.grad(loss)))(*columns))
    gaps = [
        np.abs(die.sse_gradient(y, relax(logits, noise, t), float(t)) - slope).max()
        for logits, noise, y, t, slope in zip(*columns, slopes, strict=True)
    ]
    return float(max(gaps))


@claim(
    "gradient-sums-to-zero",
    "The gradient of a loss of the relaxed sample sums to 0: SSE, cross-entropy, largest error.",
    method="autodiff",
    bound=1e-11,
    control="a loss that also sees the logits, by weight decay |l|^2 / 100",
    wrong={"decay": 0.01},
)
def gradient_sums_to_zero(decay: float = 0.0, relax: Any = gumbel_softmax) -> float:
    jax = cpu_jax(double=True)
    losses: Any = (
        lambda y, b: ((y - b) ** 2).sum(),
        lambda y, b: -(y * jax.numpy.log(b)).sum(),
        lambda y, b: abs(y - b).max(),
    )

    def total(logits: Any, noise: Any, y: Any, t: Any) -> Any:
        b = relax(logits, noise, t)
        return jax.numpy.stack([loss(y, b) for loss in losses]) + decay * (logits**2).sum()

    columns = [jax.numpy.asarray(column) for column in zip(*_cases(), strict=True)]
    # Not compiled as a whole: XLA may compute |y - b| twice, with other last bits, and then the two
    # uses of its largest entry in the slope disagree (seen with AVX2).
    slopes = jax.vmap(jax.jacrev(total))(*columns)
    return float(abs(slopes.sum(axis=-1)).max())


RUNS, MARGIN = 200, 0.001
# Of the final SSE in other runs, `die.train(PROBS, replicates=3000, rng=21)`.
LONG_RUN_MEAN, RUN_SD = 0.00909, 0.00191


def _training_power(error: float = 0.0015) -> str:
    of_mean = RUN_SD / np.sqrt(RUNS)
    z = (MARGIN - abs(LONG_RUN_MEAN - 0.0091)) / of_mean
    caught = stats.norm.sf((MARGIN - error) / of_mean)
    return (
        f"mean of {RUNS} runs, standard error {of_mean:.2g}; the bound is {z:.1f} of them from the "
        f"mean {LONG_RUN_MEAN:g} of 3,000 other runs, false alarm {2 * stats.norm.sf(z):.0e}; an "
        f"error of {error:g} is caught with probability {caught:.4f}"
    )


@claim(
    "die-training",
    "With the article's settings the expected distance after training is 0.0091, to within 0.001.",
    method="Monte Carlo",
    bound=MARGIN,
    control="c left out of the gradient",
    wrong={"gradient": lambda y, b, t: 2 / t * b * (b - y)},
    power=_training_power(),
)
def die_training(gradient: Any = die.sse_gradient) -> float:
    run = die.train(PROBS, replicates=RUNS, rng=20, gradient=gradient)
    return float(abs(die.sse(PROBS, run.probs).mean() - 0.0091))


# Means and standard deviations of a run in `die.train(PROBS, replicates=1000, rng=5)`: its loss
# and its distance over the first and the last 100 steps.
FIRST, LAST = (0.2164, 0.0147), (0.4550, 0.0319)
FAR, NEAR = (0.0931, 0.0004), (0.0098, 0.0016)


def _ratio(num: tuple[float, float], den: tuple[float, float]) -> tuple[float, float]:
    """Ratio of two means over the runs, and its standard error by the delta method."""
    ratio = num[0] / den[0]
    return ratio, ratio * float(np.hypot(num[1] / num[0], den[1] / den[0]) / np.sqrt(RUNS))


def _rising_power(too_small: float = 1.9) -> str:
    (ratio, error), (fall, of_fall) = _ratio(FIRST, LAST), _ratio(NEAR, FAR)
    z = (0.5 - ratio) / error
    caught = stats.norm.cdf((1 / too_small - 0.5) / error)
    return (
        f"ratio of means of {RUNS} runs, standard error {error:.2g}; the bound is {z:.1f} of them "
        f"above the ratio in 1,000 other runs, false alarm {stats.norm.sf(z):.0e}; a loss that "
        f"rises only {too_small:g} times is caught with probability above {min(caught, 0.9999):g}; "
        f"of the distance, an eighth is {(1 / 8 - fall) / of_fall:.0f} standard errors above it"
    )


@claim(
    "loss-rises",
    "From the first to the last 100 steps of the article's run the mean loss more than doubles, "
    "while the mean distance falls to less than an eighth.",
    method="Monte Carlo",
    bound=0.5,
    control="the temperature held at 0.5, where the loss falls",
    wrong={"start_temperature": 0.5},
    power=_rising_power(),
)
def loss_rises(start_temperature: float = 2.0, **settings: Any) -> float:
    losses = []

    def recorded(y: Floats, b: Floats, t: float) -> Floats:
        losses.append(die.sse(y, b).mean())
        return die.sse_gradient(y, b, t)

    run = die.train(
        PROBS,
        replicates=RUNS,
        rng=22,
        gradient=recorded,
        start_temperature=start_temperature,
        **settings,
    )
    first, last = np.mean(losses[:100]), np.mean(losses[-100:])
    return float(max(first / last, 4 * run.distance[-100:].mean() / run.distance[:100].mean()))
