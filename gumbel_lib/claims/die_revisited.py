"""Claims of the chapter die_revisited: what the loss asks for, and what repairs it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special, stats

from .. import die
from ..noise import standard_gumbel
from ..relaxation import relaxed_mean, softmax
from . import claim

Floats = NDArray[np.float64]

DIE = np.array([0.05, 0.05, 0.1, 0.13, 0.27, 0.4])
THIRDS = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 6))
ROLLS = 20


def _observations(
    probs: Sequence[Fraction], num_rolls: int
) -> Iterator[tuple[Fraction, tuple[Fraction, ...]]]:
    """Every observation vector of three faces with its probability, as fractions."""
    for i in range(num_rolls + 1):
        for j in range(num_rolls + 1 - i):
            counts = (i, j, num_rolls - i - j)
            ways = math.comb(num_rolls, i) * math.comb(num_rolls - i, j)
            chance = ways * math.prod(p**c for p, c in zip(probs, counts, strict=True))
            yield Fraction(chance), tuple(Fraction(c, num_rolls) for c in counts)


def _square(vector: Sequence[Fraction]) -> Fraction:
    return sum((x * x for x in vector), Fraction(0))


def _dot(left: Sequence[Fraction], right: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(left, right, strict=True)), Fraction(0))


@claim(
    "loss-parts",
    "The expected loss is the rolls' part, the squared bias and the trace of Cov(b).",
    method="quadrature",
    bound=1e-6,
    control="the trace left out",
    wrong={"trace": 0.0},
)
def loss_parts(trace: float = 1.0) -> float:
    # Two faces: b_0 = expit((l_0 - l_1 + z) / t) with logistic z, and the rolls are few.
    probs, logits, t, num_rolls = np.array([0.3, 0.7]), np.array([0.4, -0.2]), 0.7, 5
    shown = np.arange(num_rolls + 1)
    chance = stats.binom.pmf(shown, num_rolls, probs[0])

    def loss(z: float) -> float:
        first = special.expit((logits[0] - logits[1] + z) / t)
        return float(chance @ (2 * (shown / num_rolls - first) ** 2) * stats.logistic.pdf(z))

    direct = integrate.quad(loss, -45, 45, epsabs=1e-12, limit=200, points=[0.0])[0]
    parts = die.expected_loss(probs, logits, t, num_rolls)
    return float(abs(direct - (parts.rolls + parts.bias + trace * parts.variance)))


RUNS = 10_000


@claim(
    "averaged-loss",
    "With the mean of M relaxed samples the trace of Cov(b) is divided by M; M = 1 and 20.",
    method="Monte Carlo",
    bound=5.0,
    control="the trace not divided",
    wrong={"divide": False},
    # The loss lies in [0, 2], so its standard deviation is at most 1.
    power=(
        f"z of the mean of {RUNS:,} losses for each M, false alarm {4 * stats.norm.sf(5.0):.0e}; "
        f"an error of 0.1 in the expected loss is caught with probability above "
        f"{math.floor(1e4 * stats.norm.sf(5.0 - 0.1 * RUNS**0.5)) / 1e4:g}"
    ),
)
def averaged_loss(divide: bool = True) -> float:
    rng = np.random.default_rng(5)
    t, logits = 0.5, np.log(DIE)
    parts = die.expected_loss(DIE, logits, t, ROLLS)
    worst = 0.0
    for num_samples in (1, 20):
        observed = die.roll(DIE, ROLLS, (RUNS,), rng=rng)
        noise = standard_gumbel((num_samples, RUNS, DIE.size), rng=rng)
        loss = die.sse(observed, special.softmax((logits + noise) / t, axis=-1).mean(axis=0))
        expected = parts.rolls + parts.bias + parts.variance / (num_samples if divide else 1)
        z = (loss.mean() - expected) / (loss.std(ddof=1) / RUNS**0.5)
        worst = max(worst, float(abs(z)))
    return worst


def _loss(logits: Floats, temperature: float) -> float:
    parts = die.expected_loss(DIE, logits, temperature, ROLLS)
    return parts.bias + parts.variance


@claim(
    "minimiser",
    "At temperatures 0.5, 1 and 2 the slope of the expected loss vanishes at its minimiser.",
    method="quadrature",
    bound=2e-2,
    control="at the true probabilities",
    wrong={"place": lambda temperature: DIE},
)
def minimiser(
    place: Any = lambda temperature: die.expected_loss_minimiser(DIE, temperature),
) -> float:
    step = 1e-3
    worst = 0.0
    for t in (0.5, 1.0, 2.0):
        logits = np.log(place(t))
        for face in np.eye(DIE.size):
            slope = (_loss(logits + step * face, t) - _loss(logits - step * face, t)) / (2 * step)
            worst = max(worst, abs(slope))
    return worst


@claim(
    "cold-limit",
    "At temperature 0 the expected loss is linear in the probabilities q: a constant - 2 p.q.",
    method="exact arithmetic",
    bound=1e-12,
    control="the loss of q itself in place of a draw from q",
    wrong={"drawn": False},
)
def cold_limit(drawn: bool = True) -> float:
    num_rolls = 3
    worst = 0.0
    for q in (
        (Fraction(1, 5), Fraction(1, 5), Fraction(3, 5)),
        (Fraction(2, 3), Fraction(1, 12), Fraction(1, 4)),
    ):
        corners = [tuple(Fraction(i == k) for i in range(3)) for k in range(3)]
        shown = list(zip(q, corners, strict=True)) if drawn else [(Fraction(1), q)]
        loss = sum(
            chance * share * _square([y - b for y, b in zip(observed, point, strict=True)])
            for chance, observed in _observations(THIRDS, num_rolls)
            for share, point in shown
        )
        square = _square(THIRDS)
        line = (1 - square) / num_rolls + square + 1 - 2 * _dot(THIRDS, q)
        numbers = np.array([float(p) for p in THIRDS])
        logits = np.log([float(share) for share in q])
        library = sum(die.expected_loss(numbers, logits, 0.0, num_rolls))
        worst = max(worst, abs(float(loss - line)), abs(library - float(line)))
    return worst


@claim(
    "hot-limit",
    "The minimiser q has |softmax(log q / t) - p| of at most pi sqrt(K/6) / t; measured in "
    "units of that, at t = 1, 2, 4, 8 and 16.",
    method="quadrature",
    bound=1.0,
    control="q itself in place of softmax(log q / t)",
    wrong={"cooled": lambda q, temperature: q},
)
def hot_limit(
    cooled: Any = lambda q, temperature: special.softmax(np.log(q) / temperature),
) -> float:
    unit = np.pi * np.sqrt(DIE.size / 6)
    gaps = []
    for t in (1.0, 2.0, 4.0, 8.0, 16.0):
        q = cooled(die.expected_loss_minimiser(DIE, t), t)
        gaps.append(t * np.linalg.norm(q - DIE) / unit)
    return float(max(gaps))


@claim(
    "batch-linear",
    "20 rolls behind an observation give the expected gradient that a single roll gives.",
    method="exact arithmetic",
    bound=1e-12,
    control="two relaxed samples averaged in place of one",
    wrong={"num_samples": 2},
)
def batch_linear(num_samples: int = 1) -> float:
    # The noise lets the relaxed sample take two values, each with probability 1/2.
    values = [tuple(Fraction(n, 10) for n in row) for row in ((5, 3, 2), (1, 6, 3))]
    t = Fraction(1, 2)

    def mean_gradient(num_rolls: int, num_samples: int) -> list[Fraction]:
        total = [Fraction(0)] * 3
        samples = list(product(values, repeat=num_samples))
        for chance, observed in _observations(THIRDS, num_rolls):
            for drawn in samples:
                mean = [sum(column) / Fraction(num_samples) for column in zip(*drawn, strict=True)]
                residual = [b - y for b, y in zip(mean, observed, strict=True)]
                weight = chance * 2 / (t * num_samples * len(samples))
                for b in drawn:
                    inner = _dot(b, residual)
                    for k in range(3):
                        total[k] += weight * b[k] * (residual[k] - inner)
        return total

    pairs = zip(mean_gradient(ROLLS, num_samples), mean_gradient(1, 1), strict=True)
    return float(max(abs(many - one) for many, one in pairs))


@claim(
    "product-mean",
    "The product gradient has the mean of the slope of |E b - p|^2.",
    method="complex step",
    bound=1e-9,
    control="one relaxed sample used twice",
    wrong={"independent": False},
)
def product_mean(independent: bool = True) -> float:
    # The statement holds for any noise; here it takes five values, so that means are sums.
    noise = np.random.default_rng(3).normal(size=(5, 3))
    probs, logits, t = np.array([0.5, 0.3, 0.2]), np.array([0.2, -0.5, 0.4]), 0.5
    relaxed = softmax(logits + noise, t)
    observed = [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)]
    terms = [
        probs[2 - k] * die.product_gradient(y, relaxed[[i, j]], t)
        for k, y in enumerate(observed)
        for i, j in product(range(5), repeat=2)
        if independent or i == j
    ]
    mean = np.sum(terms, axis=0) / (25 if independent else 5)

    def squared_bias(point: Any) -> Any:
        weight = np.exp((point + noise) / t)
        centre = (weight / weight.sum(axis=-1, keepdims=True)).mean(axis=0)
        return ((centre - probs) ** 2).sum()

    step = 1e-30
    slope = [squared_bias(logits + 1j * step * face).imag / step for face in np.eye(3)]
    return float(np.abs(mean - slope).max())


def _descend_cross_entropy(start: Floats, probs: Floats, temperature: float) -> Floats:
    """Softmax of the logits where descent on the expected cross-entropy ends."""
    logits = start
    for _ in range(150):
        logits = logits - temperature * (relaxed_mean(logits, temperature) - probs)
    return np.asarray(special.softmax(logits))


@claim(
    "calibrated",
    "From two starts, descent on the expected cross-entropy ends at one q, where E b = p.",
    method="quadrature",
    bound=1e-4,
    control="descent on the expected SSE",
    wrong={"descend": lambda start, probs, t: die.expected_loss_minimiser(probs, t)},
)
def calibrated(descend: Any = _descend_cross_entropy) -> float:
    probs, t = np.array([0.2, 0.3, 0.5]), 0.5
    ends = [descend(np.array(start), probs, t) for start in ([0.0, 0.0, 0.0], [2.0, -1.0, 0.0])]
    gap = max(np.abs(relaxed_mean(np.log(q), t) - probs).max() for q in ends)
    return float(max(gap, np.abs(ends[0] - ends[1]).max()))


@claim(
    "counting",
    "The SSE of counted shares of N rolls has the mean (1 - |p|^2) / N.",
    method="exact arithmetic",
    bound=1e-12,
    control="1 / N",
    wrong={"kept": 0},
)
def counting(kept: int = 1) -> float:
    gaps = []
    for num_rolls in (1, 2, 8):
        mean = sum(
            chance * _square([y - p for y, p in zip(observed, THIRDS, strict=True)])
            for chance, observed in _observations(THIRDS, num_rolls)
        )
        gaps.append(abs(mean - (1 - kept * _square(THIRDS)) / num_rolls))
    return float(max(gaps))
