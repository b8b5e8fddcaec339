"""Searches to compare: BFGS, told the slope or blind, and a model of the values."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from ..._checks import (
    Floats,
    Rng,
    as_floats,
    as_generator,
    as_reals,
    check_broadcast,
    check_count,
    check_number,
)


class Evaluations(NamedTuple):
    """What a minimisation cost: function calls, gradient calls, and the value it reached."""

    functions: int
    gradients: int
    value: float


def count_evaluations(
    function: Callable[[Floats], float],
    gradient: Callable[[Floats], Floats],
    start: ArrayLike,
    *,
    use_gradient: bool,
) -> Evaluations:
    """Evaluations that BFGS (SciPy) spends on a minimum, told the slope or left to probe for it.

    Parameters
    ----------
    function, gradient : callable
        The function of a point (d,) and its gradient (d,).
    start : array_like (d,)
        First point.
    use_gradient : bool
        Whether BFGS may call `gradient`; otherwise it probes d neighbours for each slope.

    Returns
    -------
    Evaluations

    Raises
    ------
    TypeError, ValueError
        If `start` is no vector of numbers.

    Examples
    --------
    >>> bowl, slope = lambda x: float(x @ x), lambda x: 2 * x
    >>> count_evaluations(bowl, slope, [1.0, 2.0, 3.0], use_gradient=True)[:2]
    (4, 4)
    >>> count_evaluations(bowl, slope, [1.0, 2.0, 3.0], use_gradient=False)[:2]
    (16, 0)
    """
    first = as_floats(start, "start")
    if first.ndim != 1 or not first.size:
        raise ValueError(f"start: expected a vector of numbers, got shape {first.shape}")
    found = optimize.minimize(
        function, first, jac=gradient if use_gradient else None, method="BFGS"
    )
    return Evaluations(int(found.nfev), int(found.njev) if use_gradient else 0, float(found.fun))


def expected_improvement(mean: ArrayLike, sd: ArrayLike, best: float) -> Floats:
    r"""Mean of how far a Normal value falls below the best value so far.

    .. math:: E \max(y_* - Y, 0) = (y_* - m)\,\Phi(z) + s\,\phi(z), \qquad
              z = \frac{y_* - m}{s}, \qquad Y \sim \mathrm{Normal}(m, s^2)

    Parameters
    ----------
    mean, sd : array_like
        m and s, in the unit of the values and of shapes that broadcast; s is at least 0, and
        below 1e-12 counts as 1e-12.
    best : float
        y*, the least value so far.

    Returns
    -------
    numpy.ndarray
        At least 0 up to rounding, in the unit of the values and of the broadcast shape.

    Raises
    ------
    TypeError, ValueError
        If an argument holds anything but finite numbers, an sd is negative or the shapes do not
        broadcast.

    References
    ----------
    Jones, D. R., Schonlau, M. and Welch, W. J., J. Global Optimization 13, 1998.

    Examples
    --------
    >>> expected_improvement([1.0, 0.0], [0.0, 1.0], 3.0).round(3).tolist()
    [2.0, 3.0]
    """
    m, s = (as_reals(x, n).astype(np.float64) for x, n in ((mean, "mean"), (sd, "sd")))
    check_broadcast(mean=m, sd=s)
    least = check_number(best, "best")
    for name, values in (("mean", m), ("sd", s), ("best", least)):
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name}: expected finite numbers, got NaN or an infinity")
    if np.any(s < 0):
        raise ValueError(f"sd: expected numbers >= 0, got {s.min():g}")
    s = np.maximum(s, 1e-12)  # z is then finite
    ahead = least - m
    gain: Floats = ahead * stats.norm.cdf(ahead / s) + s * stats.norm.pdf(ahead / s)
    return gain


def bayesian_optimisation(
    function: Callable[[float], float],
    bounds: tuple[float, float],
    *,
    num_initial: int = 4,
    num_evaluations: int = 16,
    rng: Rng,
) -> tuple[Floats, Floats]:
    """Minimise a function of one variable by a Gaussian process and its `expected_improvement`.

    Parameters
    ----------
    function : callable
        Maps a float to a float; called `num_evaluations` times.
    bounds : (float, float)
        Interval to search, increasing.
    num_initial : int
        Evaluations at random points before the model is used, at least 1.
    num_evaluations : int
        All evaluations, at least `num_initial`.
    rng : int or numpy.random.Generator
        Seed or generator for the initial points.

    Returns
    -------
    x, y : numpy.ndarray (num_evaluations,)
        Points and values in the order they were tried.

    Raises
    ------
    TypeError, ValueError
        If `bounds` is no finite increasing pair or a count is too small.

    Notes
    -----
    The process has a squared-exponential kernel whose length scale, from a hundredth of the
    interval to all of it, is fitted anew before each point. Points are taken from 501 candidates,
    evenly spaced; 1e-8 on the kernel's diagonal keeps the fit stable where points lie close.

    References
    ----------
    Jones, D. R., Schonlau, M. and Welch, W. J., J. Global Optimization 13, 1998.

    Examples
    --------
    >>> x, y = bayesian_optimisation(lambda x: (x - 1) ** 2, (-3, 3), num_evaluations=8, rng=0)
    >>> bool(y.min() < 1e-2)
    True
    """
    # Imported here, since only this function needs scikit-learn, which is slow to load.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    try:
        low, high = bounds
    except (TypeError, ValueError) as error:
        raise TypeError(f"bounds: expected a pair of numbers, got {bounds!r}") from error
    low, high = check_number(low, "bounds"), check_number(high, "bounds")
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"bounds: expected a finite increasing pair, got {bounds}")
    num_initial = check_count(num_initial, "num_initial")
    check_count(num_evaluations, "num_evaluations", least=num_initial)
    x = as_generator(rng).uniform(low, high, num_initial)
    y = np.array([function(value) for value in x])
    grid = np.linspace(low, high, 501)
    width = high - low
    kernel = ConstantKernel(1.0, (1e-2, 1e3)) * RBF(width / 10, (width / 100, width))
    for _ in range(num_evaluations - num_initial):
        model = GaussianProcessRegressor(kernel, alpha=1e-8, normalize_y=True)
        with warnings.catch_warnings():
            # A length scale at the end of its range is fine: the range is the prior.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x[:, None], y)
        mean, sd = model.predict(grid[:, None], return_std=True)
        best = grid[np.argmax(expected_improvement(mean, sd, y.min()))]
        x, y = np.append(x, best), np.append(y, function(float(best)))
    return x, y
