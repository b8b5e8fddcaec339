"""The toy problem: a biased die, its rolls, the loss, the gradient, training, the true optimum."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import interpolate, optimize, special

from ._checks import (
    Floats,
    Rng,
    as_floats,
    as_generator,
    as_logits,
    as_probs,
    check_broadcast,
    check_count,
    check_positive,
    check_temperature,
)
from ._quadrature import log_transforms, relaxed_moments
from .noise import standard_gumbel
from .optimizers import Optimizer, sgd
from .relaxation import exponential_schedule

_AT_ONCE = 1 << 16  # numbers of noise that `train` holds


def roll(true_probs: ArrayLike, num_rolls: int, size: tuple[int, ...] = (), *, rng: Rng) -> Floats:
    r"""Observation vectors: the fraction of rolls that showed each face.

    .. math:: y_k = \frac1n \sum_{r=1}^{n} [\text{roll } r \text{ shows face } k]

    Parameters
    ----------
    true_probs : array_like (K,)
        Probability of each face.
    num_rolls : int
        n, the rolls behind one observation vector.
    size : tuple of int
        Shape of independent observation vectors; one by default.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    numpy.ndarray (size..., K)
        Non-negative, summing to 1 along the last axis.

    Raises
    ------
    TypeError, ValueError
        If `true_probs` is no probability vector, `num_rolls` no positive integer or `size` no
        shape.

    Examples
    --------
    >>> roll([0.5, 0.25, 0.25], 4, rng=0).tolist()
    [0.5, 0.25, 0.25]
    """
    probs = as_probs(true_probs, "true_probs")
    count = check_count(num_rolls, "num_rolls")
    if count >= 2**63:
        raise ValueError(f"num_rolls: expected an integer below 2**63, got {count}")
    generator = as_generator(rng)
    try:
        counts = generator.multinomial(count, probs / probs.sum(), size)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"size: expected a shape, got {size!r}") from error
    rolls: Floats = counts / count
    return rolls


def sse(observed: ArrayLike, predicted: ArrayLike) -> Floats:
    r"""Sum of squared errors, :math:`\sum_k (y_k - b_k)^2`, along the last axis.

    Parameters
    ----------
    observed, predicted : array_like (..., K)
        Vectors that broadcast.

    Returns
    -------
    numpy.ndarray (...)

    Raises
    ------
    TypeError, ValueError
        If an argument holds no numbers or the shapes do not broadcast.

    Examples
    --------
    >>> sse([1.0, 0.0], [0.5, 0.5]).item()
    0.5
    """
    y, b = _pair(observed=observed, predicted=predicted)
    result: Floats = ((y - b) ** 2).sum(axis=-1)
    return result


def _pair(**vectors: ArrayLike) -> tuple[Any, Any]:
    """Two arrays of vectors over the same classes, and of shapes that broadcast."""
    first, second = vectors
    y, b = (as_floats(value, name).astype(float, copy=False) for name, value in vectors.items())
    if y.shape[-1] != b.shape[-1] or y.shape[-1] == 0:
        raise ValueError(
            f"{first}: expected {max(1, b.shape[-1])} classes as in {second}, got {y.shape[-1]}"
        )
    if y.shape != b.shape:
        check_broadcast(**{first: y, second: b})
    return y, b


def _samples(observed: ArrayLike, relaxed: ArrayLike) -> tuple[Any, Any]:
    """Observations, and M relaxed samples, the first axis, of shapes that broadcast behind it."""
    b = as_floats(relaxed, "relaxed").astype(np.float64)
    if b.ndim < 2 or len(b) == 0:
        raise ValueError(f"relaxed: expected shape (M, ..., K) with M >= 1, got {b.shape}")
    y, _ = _pair(observed=observed, relaxed=b[0])
    return y, b.reshape(len(b), *(1,) * (y.ndim - b.ndim + 1), *b.shape[1:])


def _softmax_vjp(relaxed: Any, residual: Any, temperature: float) -> Any:
    """Vector-Jacobian product of the softmax, whose Jacobian is (diag b - b b^T) / t."""
    inner = np.vecdot(relaxed, residual)[..., None]
    return relaxed * (residual - inner) / temperature


def sse_gradient(observed: ArrayLike, relaxed: ArrayLike, temperature: float) -> Floats:
    r"""Gradient of the SSE with respect to the logits, through the relaxed sample.

    .. math:: \nabla_l \sum_k (y_k - b_k)^2 = \frac{2}{t}\, b \odot (b - y - c), \qquad
              c = \sum_j (b_j - y_j)\, b_j

    Parameters
    ----------
    observed : array_like (..., K)
        Observation vectors y.
    relaxed : array_like (..., K)
        Relaxed samples b = softmax((l + g)/t).
    temperature : float
        t, positive and finite.

    Returns
    -------
    numpy.ndarray (..., K)
        Sums to 0 along the last axis: adding a constant to all logits changes nothing.

    Raises
    ------
    TypeError, ValueError
        If an argument holds no numbers, the shapes do not broadcast, or the temperature is not
        positive and finite.

    Examples
    --------
    >>> sse_gradient([2 / 3, 0, 1 / 3], [0.5, 0.3, 0.2], 1.0).round(4).tolist()
    [-0.1467, 0.192, -0.0453]
    """
    y, b = _pair(observed=observed, relaxed=relaxed)
    gradient: Floats = 2 * _softmax_vjp(b, b - y, check_positive(temperature, "temperature"))
    return gradient


def averaged_sse_gradient(observed: ArrayLike, relaxed: ArrayLike, temperature: float) -> Floats:
    r"""Gradient of the SSE of the mean of M relaxed samples (first axis).

    .. math:: \nabla_l \Bigl|y - \bar b\Bigr|^2
              = \frac{2}{tM} \sum_m b_m \odot (r - b_m \cdot r), \qquad r = \bar b - y

    Parameters and errors are those of `sse_gradient`, with `relaxed` of shape (M, ..., K), M >= 1.

    Examples
    --------
    >>> one = sse_gradient([1.0, 0.0], [0.6, 0.4], 0.5)
    >>> bool(np.allclose(averaged_sse_gradient([1.0, 0.0], [[0.6, 0.4]] * 3, 0.5), one))
    True
    """
    y, b = _samples(observed, relaxed)
    t = check_positive(temperature, "temperature")
    gradient: Floats = 2 * _softmax_vjp(b, b.mean(axis=0) - y, t).mean(axis=0)
    return gradient


def product_gradient(observed: ArrayLike, relaxed: ArrayLike, temperature: float) -> Floats:
    r"""Gradient of the product of two independent residuals, whose mean is the squared bias.

    .. math:: \nabla_l\,(b_1 - y)\cdot(b_2 - y) = \frac1t \bigl[
              b_1 \odot (r_2 - b_1 \cdot r_2) + b_2 \odot (r_1 - b_2 \cdot r_1)\bigr],
              \qquad r_m = b_m - y

    Parameters and errors are those of `sse_gradient`, with `relaxed` of shape (2, ..., K).

    Examples
    --------
    >>> one = sse_gradient([1.0, 0.0], [0.6, 0.4], 0.5)
    >>> bool(np.allclose(product_gradient([1.0, 0.0], [[0.6, 0.4]] * 2, 0.5), one))
    True
    """
    y, b = _samples(observed, relaxed)
    if len(b) != 2:
        raise ValueError(f"relaxed: expected 2 samples along the first axis, got {len(b)}")
    t = check_positive(temperature, "temperature")
    gradient: Floats = _softmax_vjp(b, (b - y)[::-1], t).sum(axis=0)
    return gradient


def cross_entropy_gradient(observed: ArrayLike, relaxed: ArrayLike, temperature: float) -> Floats:
    r"""Gradient of the cross-entropy :math:`-\sum_k y_k \log b_k`, through the relaxed sample.

    .. math:: \nabla_l = \frac{b - y}{t}

    for y that sums to 1, as fractions of rolls do. Parameters and errors are those of
    `sse_gradient`.

    Examples
    --------
    >>> cross_entropy_gradient([1.0, 0.0], [0.6, 0.4], 0.5).round(3).tolist()
    [-0.8, 0.8]
    """
    y, b = _pair(observed=observed, relaxed=relaxed)
    gradient: Floats = (b - y) / check_positive(temperature, "temperature")
    return gradient


def _softmax(scores: Floats) -> Floats:
    """Softmax along the last axis, with the classes first in memory: NumPy adds long rows fast."""
    x = np.ascontiguousarray(scores.T)
    weight = np.exp(x - x.max(axis=0))
    return np.ascontiguousarray((weight / weight.sum(axis=0)).T)


class Training(NamedTuple):
    """A training run: learned `probs` (replicates, K) and `distance`.

    `distance` (num_steps, replicates) is the SSE between the softmax of the logits and the true
    probabilities, before each step; `temperatures` (num_steps,) is the schedule.
    """

    probs: Floats
    distance: Floats
    temperatures: Floats


def train(
    true_probs: ArrayLike,
    *,
    num_steps: int = 1000,
    num_rolls: int = 20,
    learning_rate: float = 0.02,
    start_temperature: float = 2.0,
    end_temperature: float = 0.5,
    replicates: int = 1,
    rng: Rng,
    num_samples: int | None = None,
    gradient: Callable[[Any, Any, float], Floats] = sse_gradient,
    optimizer: Callable[[float], Optimizer] = sgd,
) -> Training:
    r"""Learn a die's probabilities from its rolls through relaxed samples.

    Each step rolls the die `num_rolls` times for the observation y, draws a relaxed sample
    :math:`b = \mathrm{softmax}((l + g)/t)` and moves the logits l down the gradient of the loss.

    Parameters
    ----------
    true_probs : array_like (K,)
        Probability of each face; it sees only use as the die and in ``.distance``.
    num_steps, num_rolls : int
        Steps, and rolls behind each step's observation.
    learning_rate : float
        Positive.
    start_temperature, end_temperature : float
        Ends of the exponential schedule.
    replicates : int
        Independent runs, side by side as one array.
    rng : int or numpy.random.Generator
        Seed or generator for rolls and noise.
    num_samples : int, optional
        Relaxed samples a step. By default there is one, and `gradient` gets it without an axis
        of its own; otherwise, also where the number is 1, it gets them along a first axis, and
        must be one that takes them so, such as `averaged_sse_gradient`.
    gradient : callable
        ``gradient(observed, relaxed, temperature)``, of shape (replicates, K).
    optimizer : callable
        Maps the learning rate to an `Optimizer`: `sgd` or `adam`.

    Returns
    -------
    Training
        With ``.probs`` (replicates, K) and ``.distance`` (num_steps, replicates).

    Raises
    ------
    TypeError, ValueError
        If `true_probs` is no probability vector, a count no positive integer, a rate or
        temperature not positive and finite, or the gradient of another shape.

    Examples
    --------
    >>> run = train([0.1, 0.2, 0.7], replicates=5, rng=0)
    >>> run.probs.shape, run.distance.shape
    ((5, 3), (1000, 5))
    >>> bool(run.distance[-1].mean() < run.distance[0].mean() / 3)
    True
    """
    probs = as_probs(true_probs, "true_probs")
    shape = (check_count(replicates, "replicates"), probs.size)
    samples = shape if num_samples is None else (check_count(num_samples, "num_samples"), *shape)
    num_rolls = check_count(num_rolls, "num_rolls")
    start = check_positive(start_temperature, "start_temperature")
    end = check_positive(end_temperature, "end_temperature")
    temperatures = exponential_schedule(start, end, num_steps)
    generator = as_generator(rng)
    logits = np.zeros(shape)
    rule = optimizer(learning_rate)
    state = rule.init(logits)
    history = np.empty((len(temperatures), shape[0]))
    observed = roll(probs, num_rolls, history.shape, rng=generator)
    # Noise is drawn, and errors are taken, for many steps at once.
    at_once = max(1, _AT_ONCE // math.prod(samples))
    for first in range(0, len(history), at_once):
        some = slice(first, first + at_once)
        path = np.empty_like(observed[some])
        noises = standard_gumbel((len(path), *samples), rng=generator)
        for place, y, noise, t in zip(
            path, observed[some], noises, temperatures[some].tolist(), strict=True
        ):
            place[:] = logits
            slope = gradient(y, _softmax((logits + noise) / t), t)
            if np.shape(slope) != shape:
                raise ValueError(f"gradient: expected shape {shape}, got {np.shape(slope)}")
            updates, state = rule.update(slope, state)
            logits = logits + updates
        error = _softmax(path) - probs
        history[some] = np.vecdot(error, error)
    return Training(_softmax(logits), history, temperatures)


class LossParts(NamedTuple):
    """Parts of the expected loss; their sum is the expected loss."""

    rolls: float
    bias: float
    variance: float


def expected_loss(
    true_probs: ArrayLike, logits: ArrayLike, temperature: float, num_rolls: int
) -> LossParts:
    r"""The expected loss of the toy problem, in three parts.

    .. math:: E|y - b|^2 = \underbrace{E|y - p|^2}_{\text{rolls}}
              + \underbrace{|E\,b - p|^2}_{\text{bias}}
              + \underbrace{\mathrm{tr}\,\mathrm{Cov}(b)}_{\text{variance}},
              \qquad E|y - p|^2 = \frac{1 - |p|^2}{n}

    Parameters
    ----------
    true_probs : array_like (K,)
        p, the die.
    logits : array_like (K,)
        Parameters of the relaxed sample b; they may stand at any constant.
    temperature : float
        At least 0.
    num_rolls : int
        n, rolls behind one observation y.

    Returns
    -------
    LossParts

    Raises
    ------
    TypeError, ValueError
        If `true_probs` is no probability vector, the logits are not (K,), the temperature is
        negative, or `num_rolls` no positive integer.

    Examples
    --------
    >>> die = [0.05, 0.05, 0.1, 0.13, 0.27, 0.4]
    >>> [round(part, 4) for part in expected_loss(die, np.log(die), 0.5, 20)]
    [0.0368, 0.0008, 0.4107]
    """
    probs, values = as_probs(true_probs, "true_probs"), as_logits(logits)
    if values.shape != probs.shape:
        raise ValueError(f"logits: expected shape {probs.shape}, got {values.shape}")
    first, second = relaxed_moments(values, check_temperature(temperature))
    return LossParts(
        float((1 - probs @ probs) / check_count(num_rolls, "num_rolls")),
        float(sse(probs, first)),
        float(np.maximum(second - first**2, 0.0).sum()),
    )


def expected_loss_minimiser(
    true_probs: ArrayLike, temperature: float, num_samples: int = 1
) -> Floats:
    r"""Probabilities at which the expected relaxed loss is least: where long training leads.

    .. math:: \operatorname{argmin}_q \; |E\,b - p|^2 + \frac1M \mathrm{tr}\,\mathrm{Cov}(b),
              \qquad b = \mathrm{softmax}((\log q + g)/t)

    Parameters
    ----------
    true_probs : array_like (K,)
        p, the die.
    temperature : float
        Positive.
    num_samples : int
        M, the relaxed samples whose mean is compared with the rolls.

    Returns
    -------
    numpy.ndarray (K,)
        q, to better than 1e-3 a component; in general not `true_probs`.

    Raises
    ------
    TypeError, ValueError
        If `true_probs` is no probability vector, the temperature not positive and finite, or
        `num_samples` no positive integer.

    Examples
    --------
    >>> die = [0.05, 0.05, 0.1, 0.13, 0.27, 0.4]
    >>> round(float(expected_loss_minimiser(die, 0.5)[-1]), 2)
    0.66
    """
    probs = as_probs(true_probs, "true_probs")
    t = check_positive(temperature, "temperature")
    share = 1 / check_count(num_samples, "num_samples")
    if probs.size == 1:
        return np.ones(1)
    # The one-dimensional means depend on the logits only by a shift: tabulate them once.
    points, x, transforms = log_transforms(t)
    table, unit = interpolate.CubicSpline(x, transforms, axis=1), max(1.0, t)

    def loss(free: Floats) -> tuple[float, Floats]:
        """sum_k E b_k^2 / M + (1 - 1/M) (E b_k)^2 - 2 p_k E b_k, and its gradient."""
        logits = np.append(free, 0.0)
        x = np.maximum(points[:, None] + (logits - logits.max()) / unit, points[0])
        (log_kept, first, second), slopes = table(x), table(x, 1)
        weight = (points[1] - points[0]) * np.exp(log_kept.sum(axis=-1))
        mean = weight @ first
        square = (1 - share) * mean
        pull = 2 * (square - probs)  # derivative of the loss with respect to the mean
        parts = share * second.sum(axis=-1) + first @ pull
        gradient = weight @ (slopes[0] * parts[:, None] + share * slopes[2] + pull * slopes[1])
        return float(weight @ parts - mean @ square), gradient[:-1] / unit

    # The loss has plateaus and several valleys, where a search may stall: start at equal logits,
    # at the truth, and at the best of its powers, which pass near the minimum.
    truth = np.log(np.maximum(probs, 1e-3))
    truth = truth[:-1] - truth[-1]
    best = min(np.geomspace(0.25, 32, 29), key=lambda power: loss(power * truth)[0])
    found = min(
        (
            optimize.minimize(loss, power * truth, method="BFGS", jac=True, options={"gtol": 1e-9})
            for power in (0.0, 1.0, best)
        ),
        key=lambda result: float(result.fun),
    )
    minimiser: Floats = special.softmax(np.append(found.x, 0.0))
    return minimiser
