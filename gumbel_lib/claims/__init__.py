"""What a claim is, how it is checked, and its control, which must fail.

A claim's check is a function that returns a discrepancy: how far the two sides of the statement
lie apart. The claim holds when the discrepancy stays under the claim's bound. The control is the
same function called with one thing made wrong; its discrepancy must exceed the bound.
"""

from __future__ import annotations

import html
import importlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

METHODS = (
    "symbolic",
    "quadrature",
    "complex step",
    "Monte Carlo",
    "exact arithmetic",
    "enumeration",
    "floating point",
    "autodiff",
    "50 digits",
)
# The variable that names a folder in which the notebooks of one test run share their verdicts: a
# claim stands in its chapter and in the ledger, and all claims together take a minute. The folder
# must not outlive the run, since nothing in it tells of a change of the code.
SHARED = "GUMBEL_VERDICTS"
# Noise of the standard Gumbel's variance, so that a control with it differs in shape alone.
NORMAL = stats.norm(scale=np.pi / np.sqrt(6))


@dataclass(frozen=True)
class Claim:
    """A statement with its check.

    Attributes
    ----------
    label, chapter : str
        The name that `verify` takes, and the chapter that states it.
    statement : str
        One sentence in plain text.
    method : str
        One of `METHODS`.
    bound : float
        The discrepancy must stay under it.
    discrepancy : callable
        Returns the measured discrepancy; keyword arguments make one thing wrong.
    control : str
        What the control makes wrong.
    wrong : mapping
        Keyword arguments of the control's call.
    power : str
        For Monte Carlo: the error it would have caught, and the false-alarm rate.
    """

    label: str
    chapter: str
    statement: str
    method: str
    bound: float
    discrepancy: Callable[..., float]
    control: str
    wrong: Mapping[str, Any]
    power: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a claim and its control measured.

    Attributes
    ----------
    claim : Claim
        What was checked.
    measured, control_measured : float
        The discrepancies of the two calls of its check.
    """

    claim: Claim
    measured: float
    control_measured: float

    @property
    def holds(self) -> bool:
        """Whether the claim holds and its control fails; NaN counts against both."""
        return self.measured < self.claim.bound and self.control_measured >= self.claim.bound

    def row(self) -> dict[str, str]:
        """The verdict as text, one entry a column."""
        claim = self.claim
        return {
            "claim": claim.statement,
            "method": claim.method + (f" ({claim.power})" if claim.power else ""),
            "measured": self._number(self.measured),
            "bound": f"{claim.bound:.3g}",
            "holds": "yes" if self.holds else "NO",
            "control": f"{claim.control}: {self._number(self.control_measured)}",
        }

    def _number(self, value: float) -> str:
        """Two digits; an upper bound where the value may be rounding noise far below the bound."""
        floor = self.claim.bound * 1e-3
        rounds = self.claim.method != "exact arithmetic"
        return f"below {floor:.0e}" if rounds and 0 <= value < floor else f"{value:.2g}"


class Verdicts(list[Verdict]):
    """Verdicts that show themselves as a table."""

    def __repr__(self) -> str:
        rows = [{"label": verdict.claim.label, **verdict.row()} for verdict in self]
        return "\n\n".join(
            "\n".join(f"{name:>8}  {value}" for name, value in row.items()) for row in rows
        )

    def _repr_html_(self) -> str:
        rows = [verdict.row() for verdict in self]
        head = "".join(f'<th scope="col">{name}</th>' for name in rows[0]) if rows else ""
        body = "".join(
            f'<tr id="claim-{verdict.claim.label}">'
            + "".join(f"<td>{html.escape(value)}</td>" for value in row.values())
            + "</tr>"
            for verdict, row in zip(self, rows, strict=True)
        )
        return (
            f'<table class="verdicts"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        )


_REGISTRY: dict[str, Claim] = {}


def claim(
    label: str,
    statement: str,
    *,
    method: str,
    bound: float,
    control: str,
    wrong: Mapping[str, Any],
    power: str = "",
) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Register the decorated function as the check of a claim of its module's chapter.

    Parameters
    ----------
    label, statement, method, bound, control, wrong, power
        As in `Claim`.

    Returns
    -------
    callable
        A decorator that leaves the function as it is.

    Raises
    ------
    ValueError
        If the method is none of `METHODS`, the label is taken, the control makes nothing wrong, or
        a Monte Carlo claim does not say its power and any other does.
    """
    if method not in METHODS:
        raise ValueError(f"method: expected one of {METHODS}, got {method!r}")
    if label in _REGISTRY:
        raise ValueError(f"label: expected a new one, got {label!r} twice")
    if not wrong:
        raise ValueError(f"wrong: expected what the control of {label!r} makes wrong, got nothing")
    if (method == "Monte Carlo") != bool(power):
        raise ValueError(f"power: expected for Monte Carlo claims and no others, label {label!r}")

    def register(check: Callable[..., float]) -> Callable[..., float]:
        chapter = check.__module__.split(".")[-2]  # of gumbel_lib.chapters.NAME.claims
        _REGISTRY[label] = Claim(
            label, chapter, statement, method, bound, check, control, wrong, power
        )
        return check

    return register


def registered(module: str) -> dict[str, Claim]:
    """The claims that a module has registered, by their labels.

    Parameters
    ----------
    module : str
        Its full name; it must have been imported.

    Returns
    -------
    dict of str to Claim
        In the order of the module, and empty if it has registered none.
    """
    return {label: one for label, one in _REGISTRY.items() if one.discrepancy.__module__ == module}


def cpu_jax(*, double: bool) -> Any:
    """JAX on the CPU; imported only by claims that need it.

    Parameters
    ----------
    double : bool
        Whether arrays shall be of double precision. The setting holds for the whole process, and
        is left as it is where False.

    Returns
    -------
    module
        `jax`.
    """
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_platforms", "cpu")
    if double:
        jax.config.update("jax_enable_x64", True)
    return jax


def chi_square(drawn: NDArray[np.int64], probs: NDArray[np.float64]) -> float:
    r"""The chi-square statistic of drawn classes against their probabilities.

    .. math:: \sum_k \frac{(c_k - n p_k)^2}{n p_k}

    Parameters
    ----------
    drawn : numpy.ndarray of int (n,)
        Classes below K; their counts are c.
    probs : numpy.ndarray (K,)
        p, positive, of sum 1.

    Returns
    -------
    float
        The statistic; under `probs` it has nearly the chi-square law with K - 1 degrees.

    Raises
    ------
    ValueError
        If a class is none of the K.

    Examples
    --------
    >>> chi_square(np.array([0, 0, 0, 1]), np.array([0.5, 0.5]))
    1.0
    """
    counts = np.bincount(drawn, minlength=probs.size)
    return float(stats.chisquare(counts, drawn.size * probs).statistic)


def chi_square_power(
    probs: NDArray[np.float64], draws: int, error: float, num_tests: int = 1
) -> str:
    r"""What a chi-square test sees, one of some at level 1e-4 together, for a claim's `power`.

    .. math:: P\bigl(\chi'^2_{K-1}(\lambda) > \chi^2_{K-1,\,1 - 10^{-4} / m}\bigr), \qquad
              \lambda = n \sum_k \frac{(q_k - p_k)^2}{p_k}

    Parameters
    ----------
    probs : numpy.ndarray (K,)
        p, positive, of sum 1.
    draws : int
        n.
    error : float
        What the first probability is wrong by in q; the others share it in proportion.
    num_tests : int
        m, the tests of the claim, which is refuted by any of them.

    Returns
    -------
    str
        The test, its false-alarm rate, and the chance to catch the error.

    Examples
    --------
    >>> chi_square_power(np.array([0.5, 0.5]), 10_000, 0.02).split("probability ")[1]
    '0.544'
    """
    other = probs * (1 - error / (1 - probs[0]))
    other[0] = probs[0] + error
    noncentrality = draws * ((other - probs) ** 2 / probs).sum()
    df = probs.size - 1
    level = 1e-4 / num_tests
    power = stats.ncx2.sf(stats.chi2.isf(level, df), df, noncentrality)
    alarm = "1e-4" if num_tests == 1 else f"1e-4 / {num_tests}"
    return (
        f"chi-square of {draws:,} draws, false alarm {alarm}; an error of {error:g} in the first "
        f"class is caught with probability {power:.3g}"
    )


def complex_step(function: Callable[[Any], Any], x: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Derivative of a function in each component of x, without a difference that could cancel.

    .. math:: \frac{\partial f}{\partial x_j} \approx \frac{\operatorname{Im} f(x + i h e_j)}{h},
              \qquad h = 10^{-30}

    Parameters
    ----------
    function : callable
        f, analytic, of a complex array of the shape of `x`.
    x : numpy.ndarray (K,)
        Where.

    Returns
    -------
    numpy.ndarray (..., K)
        The derivatives of f's values, of shape (...), along the last axis. They are as good as f
        itself: the error of the formula is of order h squared.

    References
    ----------
    Squire, W. and Trapp, G., *Using complex variables to estimate derivatives of real functions*,
    SIAM Review 40, 1998.

    Examples
    --------
    >>> complex_step(lambda x: x[0] ** 2 * x[1], np.array([3.0, 2.0])).tolist()
    [12.0, 9.0]
    """
    step = 1e-30
    columns = [np.imag(function(x + 1j * step * unit)) / step for unit in np.eye(x.size)]
    return np.stack(columns, axis=-1)


def wilson(counts: ArrayLike, total: int, z: float = 5.0) -> NDArray[np.float64]:
    r"""Wilson's interval of each share: the p within z of their own standard errors of it.

    .. math:: |c / n - p| \le z \sqrt{p (1 - p) / n}

    Parameters
    ----------
    counts : array_like of int
        c, from 0 to `total`.
    total : int
        n.
    z : float
        Standard errors.

    Returns
    -------
    numpy.ndarray (2, ...)
        The lower ends and the upper ends, each of the shape of `counts`.

    Raises
    ------
    TypeError, ValueError
        If a count is no integer from 0 to `total`.

    References
    ----------
    Wilson, E. B., *Probable inference, the law of succession, and statistical inference*, Journal
    of the American Statistical Association 22, 1927.

    Examples
    --------
    >>> wilson([0, 50], 100).round(3).tolist()
    [[0.0, 0.276], [0.2, 0.724]]
    """
    level = 1 - 2 * stats.norm.sf(z)
    tests = [stats.binomtest(count, total) for count in np.ravel(counts).tolist()]
    ends = np.array([test.proportion_ci(level, "wilson") for test in tests])
    return ends.T.reshape(2, *np.shape(counts))


def symbolic_gap(expression: Any, points: Mapping[Any, list[float]]) -> float:
    """How far a SymPy expression is from 0.

    Parameters
    ----------
    expression : sympy.Expr
        The difference of the two sides of a claim.
    points : mapping of sympy.Symbol to list of float
        Values of each symbol.

    Returns
    -------
    float
        0 if the expression simplifies to 0, else its largest absolute value over all combinations
        of the values.

    Examples
    --------
    >>> import sympy
    >>> x = sympy.symbols("x", real=True)
    >>> symbolic_gap(sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1, {x: [0.0, 1.0]})
    0.0
    >>> round(symbolic_gap(sympy.exp(x) - x, {x: [0.0, 1.0]}), 3)
    1.718
    """
    import sympy  # only for claims that need it

    if sympy.simplify(expression) == 0:
        return 0.0
    values = np.meshgrid(*points.values())
    return float(np.max(np.abs(sympy.lambdify(list(points), expression)(*values))))


def check(claim: Claim) -> Verdict:
    """Measure a claim and its control, whatever comes out.

    Parameters
    ----------
    claim : Claim
        With its check.

    Returns
    -------
    Verdict
        What the two calls returned.
    """
    folder = os.environ.get(SHARED)
    place = Path(folder, f"{claim.label}.json") if folder else None
    if place and place.exists():
        return Verdict(claim, *json.loads(place.read_text("utf-8")))
    verdict = Verdict(claim, float(claim.discrepancy()), float(claim.discrepancy(**claim.wrong)))
    if place:
        whole = place.with_suffix(f".{os.getpid()}")  # nobody reads half a file
        whole.write_text(json.dumps([verdict.measured, verdict.control_measured]), "utf-8")
        whole.replace(place)
    return verdict
