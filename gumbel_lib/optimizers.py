"""Gradient descent and Adam, with optax's pair of `init` and `update`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._checks import Floats, as_floats, check_count, check_number, check_positive


class Optimizer(NamedTuple):
    """A rule for steps, as optax has it.

    ``init(params) -> state`` and ``update(gradient, state) -> (updates, state)``; the updates are
    added to the parameters.
    """

    init: Callable[[Floats], Any]
    update: Callable[[Floats, Any], tuple[Floats, Any]]


def sgd(learning_rate: float) -> Optimizer:
    r"""Plain gradient descent, ``updates = -learning_rate * gradient``.

    Parameters
    ----------
    learning_rate : float
        Positive.

    Returns
    -------
    Optimizer

    Raises
    ------
    TypeError, ValueError
        If the learning rate is not a positive number.

    Examples
    --------
    >>> rule = sgd(0.1)
    >>> updates, state = rule.update(np.array([1.0, -2.0]), rule.init(np.zeros(2)))
    >>> updates.tolist()
    [-0.1, 0.2]
    """
    rate = check_positive(learning_rate, "learning_rate")
    return Optimizer(lambda params: None, lambda gradient, state: (-rate * gradient, None))


def adam(learning_rate: float, beta1: float = 0.9, beta2: float = 0.999) -> Optimizer:
    r"""Adam: steps scaled by running means of the gradient and of its square.

    .. math:: m \leftarrow \beta_1 m + (1-\beta_1) g, \quad
              v \leftarrow \beta_2 v + (1-\beta_2) g^2, \quad
              \mathrm{updates} = -\eta \frac{m/(1-\beta_1^s)}{\sqrt{v/(1-\beta_2^s)} + 10^{-8}}

    Parameters
    ----------
    learning_rate : float
        Positive; about the size of a step in the unit of the parameters.
    beta1, beta2 : float
        Decay of the two running means, in [0, 1).

    Returns
    -------
    Optimizer

    Raises
    ------
    TypeError, ValueError
        If the learning rate is not a positive number or a decay not in [0, 1).

    References
    ----------
    Kingma, D. P. and Ba, J., ICLR 2015, algorithm 1.

    Examples
    --------
    The first step has the size of the learning rate, whatever the gradient's.

    >>> rule = adam(0.1)
    >>> updates, state = rule.update(np.array([1.0, -200.0]), rule.init(np.zeros(2)))
    >>> updates.round(6).tolist()
    [-0.1, 0.1]
    """
    rate = check_positive(learning_rate, "learning_rate")
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        if not 0 <= check_number(beta, name) < 1:
            raise ValueError(f"{name}: expected a number in [0, 1), got {beta}")

    def update(gradient: Floats, state: tuple[int, Floats, Floats]) -> tuple[Floats, Any]:
        count, mean, square = state
        count += 1
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        scale = (square / (1 - beta2**count)) ** 0.5 + 1e-8
        return -rate * mean / (1 - beta1**count) / scale, (count, mean, square)

    return Optimizer(lambda params: (0, np.zeros_like(params), np.zeros_like(params)), update)


def descend(
    gradient: Callable[[Floats], Floats], start: ArrayLike, optimizer: Optimizer, num_steps: int
) -> Floats:
    """Follow an optimizer downhill.

    Parameters
    ----------
    gradient : callable
        Maps a point (d,) to the gradient (d,) there; called once a step.
    start : array_like (d,)
        First point.
    optimizer : Optimizer
        Such as ``adam(0.1)``.
    num_steps : int
        At least 1.

    Returns
    -------
    numpy.ndarray (num_steps + 1, d)
        The path, its first row the start.

    Raises
    ------
    TypeError, ValueError
        If `start` holds no numbers or `num_steps` is no positive integer.

    Examples
    --------
    >>> descend(lambda x: 2 * x, [1.0], sgd(0.25), 3).ravel().tolist()
    [1.0, 0.5, 0.25, 0.125]
    """
    x = as_floats(start, "start").astype(np.float64)
    path, state = [x], optimizer.init(x)
    for _ in range(check_count(num_steps, "num_steps")):
        updates, state = optimizer.update(np.asarray(gradient(x)), state)
        x = x + updates
        path.append(x)
    return np.array(path)
