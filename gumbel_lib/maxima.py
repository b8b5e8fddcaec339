"""Laws of block maxima and their Gumbel limits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from ._checks import Floats, as_reals, check_count, check_number


class Law:
    """One face for SciPy's two kinds of continuous law: ``rv_frozen`` and the newer classes.

    Parameters
    ----------
    law : distribution
        Such as ``scipy.stats.norm``, ``scipy.stats.expon(scale=2)`` or ``scipy.stats.Mixture``.
    name : str
        The argument's name, for errors.

    Raises
    ------
    TypeError, ValueError
        If `law` is not one continuous distribution, with its parameters given and in range.

    Examples
    --------
    >>> Law(stats.expon, "parent").upper_quantile(np.exp(-2.0)).round(12).item()
    2.0
    """

    def __init__(self, law: Any, name: str) -> None:
        newer = hasattr(law, "icdf")
        try:
            self.pdf, self.cdf = law.pdf, law.cdf
            self.survival = law.ccdf if newer else law.sf
            self.quantile = law.icdf if newer else law.ppf
            self.upper_quantile = law.iccdf if newer else law.isf
            self.support, self.median = law.support(), law.median()
        except (AttributeError, TypeError) as error:
            raise TypeError(
                f"{name}: expected a continuous law of scipy.stats, with its parameters, got "
                f"{type(law).__name__}"
            ) from error
        if np.shape(self.median) != () or not np.isfinite(self.median):
            raise ValueError(
                f"{name}: expected one law with parameters in range, got the median {self.median}"
            )


def maximum_cdf(parent: Any, n: int, x: ArrayLike) -> Floats:
    r"""Exact law of the largest of n independent draws.

    .. math:: P(\max \le x) = F(x)^n = \exp\bigl(n \log(1 - S(x))\bigr)

    Parameters
    ----------
    parent : distribution
        A continuous law of `scipy.stats` with CDF F and survival function S = 1 - F.
    n : int
        Number of draws in a block, at least 1.
    x : array_like
        Points, in the parent's unit.

    Returns
    -------
    numpy.ndarray
        Probabilities, of the shape of `x`.

    Raises
    ------
    TypeError, ValueError
        If `parent` is no continuous law, `n` no positive integer that fits a float, or `x` holds
        anything but real numbers, or NaN.

    Notes
    -----
    Where F is below 1/2 its own power is taken, which keeps the digits of the left tail; above,
    that of 1 - S, which keeps those of the right.

    Examples
    --------
    >>> maximum_cdf(stats.expon, 2, np.log(2.0)).item()
    0.25
    """
    power = check_number(check_count(n, "n"), "n")
    points = _as_points(x)
    law = Law(parent, "parent")
    beyond = law.survival(points)
    with np.errstate(divide="ignore"):
        right = np.exp(power * np.log1p(-beyond))
    result: Floats = np.where(beyond > 0.5, law.cdf(points) ** power, right)
    return result


def maximum_pdf(parent: Any, n: int, x: ArrayLike) -> Floats:
    r"""Density of the largest of n independent draws.

    .. math:: \frac{d}{dx} F(x)^n = n F(x)^{n-1} f(x)

    Parameters and errors are those of `maximum_cdf`. Where f is infinite and F is 0, as at the
    end of some supports, the product is NaN.

    Examples
    --------
    >>> maximum_pdf(stats.expon, 2, np.log(2.0)).item()
    0.5
    """
    power = check_number(check_count(n, "n"), "n")
    points = _as_points(x)
    before = maximum_cdf(parent, n - 1, points) if n > 1 else np.ones_like(points)
    density: Floats = power * before * Law(parent, "parent").pdf(points)
    return density


def _as_points(x: ArrayLike) -> Floats:
    points = as_reals(x, "x").astype(np.float64)
    if np.any(np.isnan(points)):
        raise ValueError("x: expected numbers, got NaN")
    return points


def gumbel_logsf(x: ArrayLike) -> Floats:
    r"""Logarithm of the survival function of the standard Gumbel, good in both tails.

    .. math:: \log P(g > x) = \log\bigl(1 - \exp(-e^{-x})\bigr) \approx
              \begin{cases} -x - e^{-x}/2 & x \to \infty \\
              -\exp(-e^{-x}) & x \to -\infty \end{cases}

    Parameters
    ----------
    x : array_like
        Points, in nats; infinities are allowed.

    Returns
    -------
    numpy.ndarray
        Log-probabilities in nats, of the shape of `x`; 0 where the value is too small for a float.
        Their relative error is below 8e-16 for x >= 0 and below ``8e-16 * exp(-x)`` on the left,
        where a last bit of ``exp(-x)`` weighs so much. Below x = -6.56 the values are subnormal
        and have fewer digits.

    Raises
    ------
    TypeError, ValueError
        If `x` holds anything but real numbers, or NaN.

    Notes
    -----
    ``scipy.stats.gumbel_r.logsf`` takes the logarithm of ``exp(-x)`` on the right: it loses
    digits as that number nears 0 and is ``-inf`` from x = 745 on.

    References
    ----------
    Mächler, M., *Accurately computing log(1 - exp(-|a|))*, 2012, vignette of the R package Rmpfr.

    Examples
    --------
    >>> gumbel_logsf([-2.0, 0.0, 800.0]).round(6).tolist()
    [-0.000618, -0.458675, -800.0]
    """
    points = _as_points(x)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        time = np.exp(-points)
        middle = np.log(-np.expm1(-time))
        left, right = np.log1p(-np.exp(-time)), -points - time / 2
        result: Floats = np.where(points > 20, right, np.where(points < 0, left, middle))
    return result


def gumbel_limit(parent: Any, n: int) -> tuple[float, float]:
    r"""Location and scale of the Gumbel that approaches the law of the maximum of n draws.

    .. math:: \mathrm{loc} = F^{-1}(1 - 1/n), \qquad
              \mathrm{scale} = \frac{1}{n f(\mathrm{loc})}

    Parameters
    ----------
    parent : distribution
        A continuous law of `scipy.stats`.
    n : int
        Number of draws in a block, at least 2.

    Returns
    -------
    loc, scale : float
        In the parent's unit.

    Raises
    ------
    TypeError, ValueError
        If `parent` is no continuous law, has no density at `loc`, or `n` is below 2.

    Notes
    -----
    The von Mises norming constants. For the Exponential they are ``log n`` and 1.

    References
    ----------
    de Haan, L. and Ferreira, A., *Extreme Value Theory*, 2006, section 1.1.

    Examples
    --------
    >>> [round(value, 6) for value in gumbel_limit(stats.expon, 100)]
    [4.60517, 1.0]
    """
    count = check_number(check_count(n, "n", least=2), "n")
    law = Law(parent, "parent")
    loc = float(law.upper_quantile(1 / count))
    density = float(law.pdf(loc))
    if not (np.isfinite(loc) and 0 < density < np.inf):
        raise ValueError(f"parent: expected a positive density at its 1 - 1/n quantile {loc:g}")
    return loc, 1 / (count * density)


def sup_distance(parent: Any, n: int) -> float:
    r"""Largest gap between the law of the maximum and its Gumbel.

    .. math:: \sup_x \bigl|F(x)^n - \exp(-e^{-(x - \mathrm{loc})/\mathrm{scale}})\bigr|

    with the location and scale of `gumbel_limit`. The gap is laid out on the quantiles of both
    laws and each of its highest points is refined.

    Parameters
    ----------
    parent : distribution
        A continuous law of `scipy.stats`.
    n : int
        Number of draws in a block, at least 2.

    Returns
    -------
    float
        The distance, to 1e-6.

    Raises
    ------
    TypeError, ValueError
        As `gumbel_limit`.

    Examples
    --------
    >>> round(sup_distance(stats.expon, 100), 4)
    0.0027
    """
    loc, scale = gumbel_limit(parent, n)
    limit = stats.gumbel_r(loc, scale)
    law = Law(parent, "parent")

    def gap(x: Any) -> Any:
        with np.errstate(over="ignore"):  # far on the left, where the Gumbel's law is 0
            return np.abs(maximum_cdf(parent, n, x) - limit.cdf(x))

    tail = np.geomspace(1e-12, 1e-3, 200)
    levels = np.concatenate([tail, np.linspace(1e-3, 1 - 1e-3, 1999), 1 - tail])
    # F(x)^n = level where S(x) = 1 - level^(1/n).
    of_maximum = law.upper_quantile(-np.expm1(np.log(levels) / n))
    grid = np.unique(np.concatenate([limit.ppf(levels), of_maximum]))
    grid = grid[np.isfinite(grid)]
    height = gap(grid)
    best = float(height.max())
    inner = (height[1:-1] >= height[:-2]) & (height[1:-1] >= height[2:])
    for i in 1 + np.flatnonzero(inner & (height[1:-1] > 0.5 * best)):
        found = optimize.minimize_scalar(
            lambda x: -gap(x),
            bounds=(grid[i - 1], grid[i + 1]),
            method="bounded",
            options={"xatol": 1e-9 * scale},
        )
        best = max(best, -float(found.fun))
    return best
