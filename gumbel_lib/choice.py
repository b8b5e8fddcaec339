"""Choices among alternatives: the conditional and the nested logit, drawn, fitted and applied."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ._checks import Floats, Rng, as_floats, as_generator, as_logits
from .noise import standard_gumbel

# Newton's step is taken as long as it promises more than this in log-likelihood, which is 1e-6 of a
# standard error; the last step then squares the error.
_GAIN = 1e-12
# A direction in which the data said this much more at the start than at the end has run away: the
# likelihood has no maximum. Where two cases contradict each other the share stays far above.
_RUNAWAY = 1e-9
# Products of two columns must neither overflow nor vanish.
_LARGEST = 1e100


def _as_nests(nests: ArrayLike, dissimilarity: ArrayLike, num_classes: int) -> tuple[Any, Floats]:
    nest: NDArray[Any] = np.asarray(nests)
    lam: Floats = as_floats(dissimilarity, "dissimilarity").astype(np.float64)
    if nest.dtype.kind not in "iu":
        raise TypeError(f"nests: expected integers, got {nest.dtype}")
    if nest.shape != (num_classes,):
        raise ValueError(f"nests: expected shape ({num_classes},), got {nest.shape}")
    if lam.ndim != 1 or not np.all((lam > 0) & (lam <= 1)):
        raise ValueError(f"dissimilarity: expected (M,) numbers in (0, 1], got {lam}")
    if nest.size and not 0 <= nest.min() <= nest.max() < lam.size:
        raise ValueError(f"nests: expected integers from 0 to {lam.size - 1}, got {nest}")
    return nest, lam


def nested_noise(
    nests: ArrayLike, dissimilarity: ArrayLike, size: int | tuple[int, ...] = (), *, rng: Rng
) -> Floats:
    r"""Noise whose argmax makes the choices of the nested logit.

    .. math:: \varepsilon_k = \lambda\,(g_k + \log S_m), \qquad
              E\,e^{-s S_m} = e^{-s^{\lambda}}

    for class k of nest m, with its dissimilarity :math:`\lambda`, independent standard Gumbel noise
    g, and a positive stable number S that the classes of a nest share.

    Parameters
    ----------
    nests : array_like of int (K,)
        The nest of each class, from 0 to M - 1.
    dissimilarity : array_like (M,)
        :math:`\lambda` of each nest, above 0 and at most 1, where the noise is independent.
    size : int or tuple of int
        Leading shape of the result.
    rng : int or numpy.random.Generator
        Seed or generator; a generator is advanced.

    Returns
    -------
    numpy.ndarray (..., K)
        In nats. Each entry alone is standard Gumbel. Two of one nest have the correlation
        :math:`1 - \lambda^2`, and those of different nests are independent.

    Raises
    ------
    TypeError, ValueError
        If a nest is none of the M, a dissimilarity is out of range, or `rng` or `size` is wrong.

    References
    ----------
    Kanter, M., *Stable densities under change of scale and total variation inequalities*, Annals
    of Probability 3, 1975, for the draw of S. Cardell, N. S., *Variance components structures for
    the extreme-value and logistic distributions*, Econometric Theory 13, 1997, for its logarithm.

    Examples
    --------
    >>> noise = nested_noise([0, 1, 1], [1.0, 0.5], 100_000, rng=0)
    >>> bool(abs(np.corrcoef(noise[:, 1], noise[:, 2])[0, 1] - 0.75) < 0.02)
    True
    """
    nest, lam = _as_nests(nests, dissimilarity, np.size(nests))
    shape = (size,) if isinstance(size, (int, np.integer)) else tuple(size)
    generator = as_generator(rng)
    noise = standard_gumbel((*shape, nest.size), rng=generator)
    angle = generator.uniform(0, np.pi, (*shape, lam.size))
    # -log of an exponential.
    shared = standard_gumbel((*shape, lam.size), rng=generator)
    result: Floats = lam[nest] * noise + scaled_log_stable(lam, angle, shared)[..., nest]
    return result


def scaled_log_stable(dissimilarity: ArrayLike, angle: ArrayLike, gumbel: ArrayLike) -> Floats:
    r"""The part of `nested_noise` that a nest shares, as a function of its own noise.

    .. math:: \lambda \log S = \lambda \log \sin \lambda u - \log \sin u
              + (1 - \lambda) \bigl(\log \sin (1 - \lambda) u + g\bigr)

    Parameters
    ----------
    dissimilarity : array_like
        :math:`\lambda` from 0 to 1. At 1 the result is 0, and at 0 it is g.
    angle : array_like
        u, uniform from 0 to :math:`\pi`.
    gumbel : array_like
        g, standard Gumbel.

    Returns
    -------
    numpy.ndarray
        Of the shape that the arguments broadcast to.

    References
    ----------
    As `nested_noise`.

    Examples
    --------
    >>> scaled_log_stable([0.0, 1.0], 1.0, 0.3).round(6).tolist()
    [0.3, 0.0]
    """
    lam, u, g = (np.asarray(values, np.float64) for values in (dissimilarity, angle, gumbel))
    rest = 1 - lam

    # At 0 the factor times the logarithm has the limit 0.
    def part(factor: Any) -> Any:
        return factor * np.log(np.where(factor == 0, 1.0, np.sin(factor * u)))

    result: Floats = part(lam) - np.log(np.sin(u)) + part(rest) + rest * g
    return result


def nested_probabilities(
    utilities: ArrayLike, nests: ArrayLike, dissimilarity: ArrayLike
) -> Floats:
    r"""Choice probabilities of the nested logit.

    .. math:: P(k) = \frac{e^{V_k/\lambda}}{e^{I_m}} \cdot
              \frac{e^{\lambda I_m}}{\sum_n e^{\lambda_n I_n}}, \qquad
              I_m = \log \sum_{j \in m} e^{V_j/\lambda}

    for class k of nest m, with :math:`\lambda = \lambda_m`.

    Parameters
    ----------
    utilities : array_like (..., K)
        V, in nats; ``-inf`` for an alternative that is not offered.
    nests : array_like of int (K,)
        The nest of each class, from 0 to M - 1.
    dissimilarity : array_like (M,)
        :math:`\lambda` of each nest, above 0 and at most 1.

    Returns
    -------
    numpy.ndarray (..., K)

    Raises
    ------
    TypeError, ValueError
        If a utility is NaN or +inf, a row is all ``-inf``, a nest is none of the M, or a
        dissimilarity is out of range.

    References
    ----------
    McFadden, D., *Modelling the choice of residential location*, in *Spatial Interaction Theory
    and Planning Models*, 1978.

    Examples
    --------
    A car and two buses of one nest, all of one utility:

    >>> nested_probabilities([0.0, 0.0, 0.0], [0, 1, 1], [1.0, 0.5]).round(4).tolist()
    [0.4142, 0.2929, 0.2929]
    """
    V = as_logits(utilities)
    nest, lam = _as_nests(nests, dissimilarity, V.shape[-1])
    # Far below the best a utility may become -inf: its probability is 0 then.
    with np.errstate(over="ignore"):
        inner = (V - V.max(axis=-1, keepdims=True)) / lam[nest]
    value = np.full((*V.shape[:-1], lam.size), -np.inf)
    for k in range(nest.size):
        value[..., nest[k]] = np.logaddexp(value[..., nest[k]], inner[..., k])
    with np.errstate(invalid="ignore"):  # -inf - -inf, of a nest that is not offered
        within = np.exp(inner - value[..., nest])
    upper = lam * value
    upper = np.exp(upper - upper.max(axis=-1, keepdims=True))
    between = upper / upper.sum(axis=-1, keepdims=True)
    result: Floats = np.where(np.isfinite(inner), within, 0.0) * between[..., nest]
    return result


def from_wide(
    data: Any,
    *,
    choice: str,
    alternatives: Sequence[Any],
    varying: Mapping[str, str],
    fixed: Sequence[str] = (),
    available: str | None = None,
) -> dict[str, NDArray[Any]]:
    r"""Long columns, a row for each alternative of a case, from wide ones, a row for each case.

    Parameters
    ----------
    data : pandas.DataFrame or mapping of str to array_like (N,)
        Whatever has columns, a row a case.
    choice : str
        The column that holds the alternative chosen.
    alternatives : sequence
        All alternatives, as that column has them.
    varying : mapping of str to str
        For each long column the pattern of the wide ones: ``{"cost": "cost_{}"}`` asks for a
        column ``cost_air`` if an alternative is ``"air"``.
    fixed : sequence of str
        Columns of the case, such as its income, that are carried along.
    available : str, optional
        Pattern of columns of 0 and 1 that say who is offered what; all are by default. What is not
        offered gets no row, so its values may be missing.

    Returns
    -------
    dict of str to numpy.ndarray
        The columns "case" (from 0), "alternative", "choice" (0 or 1), those of `varying` and those
        of `fixed`: what `conditional_logit` and `nested_logit` take, and `pandas.DataFrame` too.

    Raises
    ------
    TypeError, ValueError
        If a column is missing, has another length or holds anything else, a name of the result
        is asked for twice, alternatives repeat, or a choice is no alternative or not offered.

    Examples
    --------
    >>> wide = {"mode": ["bus", "car"], "cost_bus": [2, 3], "cost_car": [4, 0], "has_car": [1, 0],
    ...         "has_bus": [1, 1]}
    >>> from_wide(wide, choice="mode", alternatives=["bus", "car"], varying={"cost": "cost_{}"},
    ...           available="has_{}")
    Traceback (most recent call last):
    ...
    ValueError: choice: expected alternatives that are offered, got 'car' where 'has_car' is 0
    >>> long = from_wide(wide, choice="mode", alternatives=["bus", "car"],
    ...                  varying={"cost": "cost_{}"})
    >>> long["alternative"].tolist(), long["cost"].tolist()
    (['bus', 'car', 'bus', 'car'], [2.0, 4.0, 3.0, 0.0])
    """
    names = list(alternatives)
    labels = np.asarray(names)
    if labels.tolist() != names or len(set(names)) < len(names):
        raise ValueError(f"alternatives: expected different values of one type, got {names}")
    made = ["case", "alternative", "choice"]
    for argument, several in (("varying", varying), ("fixed", fixed)):
        for name in several:
            if name in made:
                raise ValueError(
                    f"{argument}: expected names other than {', '.join(made)}, got {name!r}"
                )
            made.append(name)
    chosen = _column(data, choice, "choice")
    different, _ = _codes(chosen, choice, "choice")
    unknown = [value for value in different.tolist() if value not in names]
    if unknown:
        raise ValueError(f"choice: expected one of {names} in {choice!r}, got {unknown[0]!r}")
    size = chosen.size
    offered = np.ones((size, len(names)), bool)
    for j, name in enumerate(names):
        if available is not None:
            flag = _filled(available, name, "available")
            offered[:, j] = _flags(_column(data, flag, "available", size), flag, "available")
            if np.any(~offered[:, j] & (chosen == name)):
                raise ValueError(
                    f"choice: expected alternatives that are offered, got {name!r} where {flag!r} "
                    "is 0"
                )
    case, place = np.nonzero(offered)
    long: dict[str, NDArray[Any]] = {
        "case": case,
        "alternative": labels[place],
        "choice": (chosen[case] == labels[place]).astype(int),
    }
    for name, pattern in varying.items():
        wide = [_filled(pattern, other, "varying") for other in names]
        numbers = [
            _numbers(_column(data, column, "varying", size), column, "varying", where=mask)
            for column, mask in zip(wide, offered.T, strict=True)
        ]
        long[name] = np.stack(numbers, axis=1)[offered]
    for name in fixed:
        long[name] = _column(data, name, "fixed", size)[case]
    return long


def _filled(pattern: str, name: Any, argument: str) -> str:
    try:
        return pattern.format(name)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"{argument}: expected a pattern with {{}} for the alternative, got {pattern!r}"
        ) from error


def _column(data: Any, name: str, argument: str, size: int | None = None) -> NDArray[Any]:
    """A column of what has columns; `argument` is the one that asked for it."""
    try:
        present = name in data
        values = np.asarray(data[name]) if present else np.empty(0)
    except (TypeError, IndexError) as error:
        raise TypeError(
            f"data: expected a data frame or a mapping of columns, got {type(data).__name__}"
        ) from error
    if not present:
        has = ", ".join(repr(column) for column in list(data)[:20])
        raise ValueError(f"{argument}: expected a column of data, got {name!r}; it has {has}")
    if values.ndim != 1 or values.size == 0:
        raise ValueError(
            f"{argument}: expected one row or more in column {name!r}, got shape {values.shape}"
        )
    if size is not None and values.size != size:
        raise ValueError(f"{argument}: expected {size} rows in column {name!r}, got {values.size}")
    return values


def _numbers(values: NDArray[Any], name: str, argument: str, where: Any = True) -> Floats:
    """A column as finite numbers; what lies outside `where` becomes 0."""
    numbers = as_floats(values, f"{argument}: column {name!r}").astype(np.float64)
    wrong = np.flatnonzero(where & ~np.isfinite(numbers))
    if wrong.size:
        raise ValueError(
            f"{argument}: expected finite numbers in column {name!r}, got {numbers[wrong[0]]} in "
            f"row {wrong[0]}"
        )
    return np.where(where, numbers, 0.0)


def _flags(values: NDArray[Any], name: str, argument: str) -> NDArray[np.bool_]:
    numbers = _numbers(values, name, argument)
    wrong = numbers[(numbers != 0) & (numbers != 1)]
    if wrong.size:
        raise ValueError(f"{argument}: expected 0 or 1 in column {name!r}, got {wrong[0]:g}")
    result: NDArray[np.bool_] = numbers == 1
    return result


def _codes(values: NDArray[Any], name: str, argument: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """The sorted different values of a column, and which each row has."""
    try:
        different, code = np.unique(values, return_inverse=True)
    except TypeError as error:
        raise TypeError(
            f"{argument}: expected values of one type in column {name!r}, none of them missing"
        ) from error
    if different.dtype.kind in "fmM" and np.isnan(different).any():
        missing = "NaN" if different.dtype.kind == "f" else "NaT"
        raise ValueError(f"{argument}: expected no missing value in column {name!r}, got {missing}")
    return different, code


@dataclass(frozen=True)
class Specification:
    """What a fitted model reads from data: the arguments of `conditional_logit`, and nests."""

    case: str
    alternative: str
    variables: tuple[str, ...]
    constants: tuple[Any, ...]
    specific: Mapping[str, tuple[Any, ...]]
    nests: Mapping[str, tuple[Any, ...]]
    scaled: bool
    alternatives: tuple[Any, ...] = ()  # those of the data it was fitted to

    @property
    def coefficients(self) -> list[tuple[str, str | None, Any]]:
        """Name, column (None for a constant) and alternative (None for all) of each."""
        return [
            *((str(one), None, one) for one in self.constants),
            *((name, name, None) for name in self.variables),
            *(
                (f"{name}:{one}", name, one)
                for name, several in self.specific.items()
                for one in several
            ),
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all parameters."""
        return (
            *(name for name, _, _ in self.coefficients),
            *(f"dissimilarity:{nest}" for nest in self.nests),
        )


class _Rows(NamedTuple):
    """Long data, sorted by case and nest.

    Segments of rows make groups, the alternatives of a nest within a case, and segments of groups
    make cases.
    """

    X: Floats  # (rows, coefficients)
    order: NDArray[np.int64]  # of the rows, as they came
    alternatives: NDArray[Any]
    alternative: NDArray[np.int64]  # of each row
    groups: NDArray[np.int64]  # first row of each
    group: NDArray[np.int64]  # of each row
    cases: NDArray[np.int64]  # first group of each
    case: NDArray[np.int64]  # of each group
    nest: NDArray[np.int64]  # of each group, -1 without a dissimilarity
    scaled: bool


def _read(spec: Specification, data: Any) -> _Rows:
    labels = _column(data, spec.alternative, "alternative")
    case_column = _column(data, spec.case, "case", labels.size)
    _, case = _codes(case_column, spec.case, "case")
    alternatives, alternative = _codes(labels, spec.alternative, "alternative")
    pairs = case * alternatives.size + alternative
    if np.unique(pairs).size < pairs.size:
        values, counts = np.unique(pairs, return_counts=True)
        twice = np.flatnonzero(pairs == values[counts.argmax()])[0]
        raise ValueError(
            f"alternative: expected each once a case in column {spec.alternative!r}, got "
            f"{_plain(labels[twice])!r} again in case {_plain(case_column[twice])!r}"
        )
    columns: dict[str, Floats] = {}
    matrix = []
    for _, name, one in spec.coefficients:
        if name is not None and name not in columns:
            argument = "variables" if name in spec.variables else "specific"
            values = _column(data, name, argument, labels.size)
            columns[name] = _numbers(values, name, argument)
            top = np.abs(columns[name]).max()
            if top and not 1 / _LARGEST <= top <= _LARGEST:
                raise ValueError(
                    f"{argument}: expected a largest number between {1 / _LARGEST:g} and "
                    f"{_LARGEST:g} in column {name!r}, got {top:g}; take another unit"
                )
        number = np.ones(labels.size) if name is None else columns[name]
        matrix.append(number if one is None else number * (labels == one))
    nest_of = np.full(alternatives.size, -1)
    for m, several in enumerate(spec.nests.values()):
        nest_of[[one in several for one in alternatives.tolist()]] = m
    # Who is in no nest is alone: any number of its own will do.
    own = np.where(nest_of < 0, len(spec.nests) + np.arange(alternatives.size), nest_of)
    if not spec.nests:
        own[:] = 0
    order = np.lexsort((alternative, own[alternative], case))
    case, alternative = case[order], alternative[order]
    group_key = np.stack([case, own[alternative]])
    first = np.append(True, (group_key[:, 1:] != group_key[:, :-1]).any(axis=0))
    groups = np.flatnonzero(first)
    case_of = case[groups]
    cases = np.flatnonzero(np.append(True, case_of[1:] != case_of[:-1]))
    return _Rows(
        np.stack(matrix, axis=1)[order],
        order,
        alternatives,
        alternative,
        groups,
        np.cumsum(first) - 1,
        cases,
        case_of,
        nest_of[alternative[groups]],
        spec.scaled,
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _log_sums(x: Any, starts: NDArray[np.int64], segment: NDArray[np.int64]) -> Any:
    """Log-sum-exp of each segment; the complex step passes through."""
    top = np.maximum.reduceat(x.real, starts)
    return top + np.log(np.add.reduceat(np.exp(x - top[segment]), starts))


def _log_probabilities(rows: _Rows, V: Any, dissimilarity: Any) -> tuple[Any, Any, Any, Any]:
    """Of each row in all; of each row in its group, of each group, and the groups' log-sums."""
    lam = np.append(dissimilarity, 1.0)[rows.nest]
    inner = V / lam[rows.group] if rows.scaled else V
    value = _log_sums(inner, rows.groups, rows.group)
    upper = lam * value
    between = upper - _log_sums(upper, rows.cases, rows.case)[rows.case]
    within = inner - value[rows.group]
    return within + between[rows.group], within, between, value


def _scores(
    rows: _Rows, chosen: NDArray[np.int64], weight: Floats, theta: Any
) -> tuple[Any, Any, Any]:
    """Log-likelihood, the gradient of each case's part, and the rows' probabilities."""
    size = rows.X.shape[1]
    beta, dissimilarity = theta[:size], theta[size:]
    # Not `X @ beta`, which would copy X to complex numbers.
    V = rows.X @ beta.real
    if np.iscomplexobj(beta):
        V = V + 1j * (rows.X @ beta.imag)
    log_p, within, between, value = _log_probabilities(rows, V, dissimilarity)
    lam = np.append(dissimilarity, 1.0)[rows.nest]
    share, group_share = np.exp(within), np.exp(between)
    mean = np.add.reduceat(share[:, None] * rows.X, rows.groups)
    # d(log-sum of a group), d(its utility).
    own = 1 / lam if rows.scaled else np.ones_like(lam)
    inner_slope, upper_slope = own[:, None] * mean, (lam * own)[:, None] * mean
    picked = rows.group[chosen]
    by_beta = (
        own[picked, None] * rows.X[chosen]
        - inner_slope[picked]
        + upper_slope[picked]
        - np.add.reduceat(group_share[:, None] * upper_slope, rows.cases)
    )
    scores = np.zeros((rows.cases.size, theta.size), dtype=by_beta.dtype)
    scores[:, :size] = by_beta
    if dissimilarity.size:
        mean_utility = np.add.reduceat(share * V, rows.groups)
        upper_by_lam = value - mean_utility / lam if rows.scaled else value
        held = np.flatnonzero(rows.nest >= 0)
        scores[rows.case[held], size + rows.nest[held]] -= (group_share * upper_by_lam)[held]
        pick = np.flatnonzero(rows.nest[picked] >= 0)
        group = picked[pick]
        by_lam = upper_by_lam[group]
        if rows.scaled:
            by_lam = by_lam + (mean_utility[group] - V[chosen[pick]]) / lam[group] ** 2
        scores[pick, size + rows.nest[group]] += by_lam
    return weight @ log_p[chosen], weight[:, None] * scores, np.exp(log_p)


def _information(
    rows: _Rows, chosen: NDArray[np.int64], weight: Floats, theta: Floats, probs: Floats
) -> Floats:
    """Minus the second derivatives of the log-likelihood."""
    if theta.size == rows.X.shape[1]:
        weighted = probs[:, None] * rows.X
        mean = np.add.reduceat(weighted, rows.groups)
        total = weight[rows.group, None] * rows.X
        result: Floats = total.T @ weighted - (weight[:, None] * mean).T @ mean
        return result
    step = 1e-30  # the complex step's error is of its square
    slopes = [
        _scores(rows, chosen, weight, theta + 1j * step * unit)[1].sum(axis=0).imag / step
        for unit in np.eye(theta.size)
    ]
    curvature: Floats = -np.stack(slopes)
    return 0.5 * (curvature + curvature.T)


def _maximise(
    rows: _Rows,
    chosen: NDArray[np.int64],
    weight: Floats,
    theta: Floats,
    names: tuple[str, ...],
) -> tuple[Floats, float, Floats, Floats]:
    """Newton's steps, halved until they climb: parameters, log-likelihood, scores, information."""
    if rows.scaled:
        # A number added to a case changes nothing but the rounding, which a large one would spoil.
        firsts = rows.groups[rows.cases][rows.case[rows.group]]
        rows = rows._replace(X=rows.X - rows.X[firsts])
    value, scores, probs = _scores(rows, chosen, weight, theta)
    first: Floats | None = None
    for _ in range(100):
        information = metric = _information(rows, chosen, weight, theta, probs)
        if theta.size > rows.X.shape[1] and np.linalg.eigvalsh(metric)[0] <= 0:
            metric = scores.T @ scores  # Berndt, Hall, Hall and Hausman: always uphill
        first = _check_directions(metric, first, theta, names)
        gradient = scores.sum(axis=0)
        step = np.linalg.solve(metric, gradient)
        gain = gradient @ step
        while True:
            proposal = theta + step
            if np.all(proposal[rows.X.shape[1] :] > 0):
                found, new_scores, new_probs = _scores(rows, chosen, weight, proposal)
                if found >= value - 1e-12 * abs(value):
                    break
            step = step / 2
        theta, value, scores, probs = proposal, found, new_scores, new_probs
        if gain < _GAIN:
            information = _information(rows, chosen, weight, theta, probs)
            return theta, float(value), scores, information
    raise ValueError(
        "data: expected a log-likelihood that has a maximum, got one that still rose after 100 "
        f"steps, at {', '.join(f'{n} = {x:.3g}' for n, x in zip(names, theta, strict=True))}"
    )


def _check_directions(
    metric: Floats, first: Floats | None, theta: Floats, names: tuple[str, ...]
) -> Floats:
    """Refuse a direction in which the likelihood is flat, at first or by running away.

    Returns the scale of the parameters at the start, a matrix W with W' metric W = 1.
    """
    if first is None:
        scale = np.sqrt(metric.diagonal())
        if not np.all(scale > 0):
            name = names[int(np.argmin(scale))]
            raise ValueError(
                f"data: expected columns that differ between the alternatives of a case, got "
                f"{name!r}, which does not"
            )
        values, vectors = np.linalg.eigh(metric / np.outer(scale, scale))
        if values[0] < 1e-10:
            # Its loadings, and below them rounding.
            load = [name for name, v in zip(names, vectors[:, 0], strict=True) if abs(v) > 1e-3]
            raise ValueError(
                "data: expected columns none of which the others determine, got a combination of "
                f"{', '.join(map(repr, load))} that is the same for all alternatives of a case"
            )
        result: Floats = vectors / np.sqrt(values) / scale[:, None]
        return result
    if np.linalg.eigvalsh(first.T @ metric @ first)[0] < _RUNAWAY:
        far = np.abs(theta) / np.linalg.norm(first, axis=1)  # in standard errors at the start
        load = [name for name, z in zip(names, far, strict=True) if z > 0.2 * far.max()]
        raise ValueError(
            "data: expected choices that no combination of columns foretells, got one of "
            f"{', '.join(map(repr, load))} that does: its coefficients have no finite estimate"
        )
    return first


@dataclass(frozen=True)
class ChoiceFit:
    """A fitted model of choices.

    Attributes
    ----------
    names : tuple of str
        Of the parameters: a constant has its alternative's, a coefficient its column's, one for a
        single alternative ``"column:alternative"``, and a dissimilarity ``"dissimilarity:nest"``.
    params : numpy.ndarray (d,)
        Estimates. Coefficients are in nats for a unit of the column.
    log_likelihood : float
        At the estimates, in nats.
    scores : numpy.ndarray (N, d)
        Gradient of each case's part of it.
    information : numpy.ndarray (d, d)
        Minus its second derivatives.
    specification : Specification
        What the model reads from data.
    """

    names: tuple[str, ...]
    params: Floats
    log_likelihood: float
    scores: Floats
    information: Floats
    specification: Specification

    def covariance(self, *, robust: bool = False) -> Floats:
        r"""Covariance matrix of the estimates.

        .. math:: H^{-1}, \qquad\text{or, robust,}\qquad
                  H^{-1} \Bigl(\sum_n s_n s_n^\top\Bigr) H^{-1}

        with the `information` H and the `scores` s.

        Parameters
        ----------
        robust : bool
            Whether it shall hold for large N even if the model is not the true one, or the weights
            are not counts. The cases must still be independent.

        Returns
        -------
        numpy.ndarray (d, d)
        """
        inverse: Floats = np.linalg.inv(self.information).astype(np.float64)
        if robust:
            spread: Floats = inverse @ self.scores.T
            return spread @ spread.T
        return inverse

    def table(self, *, level: float = 0.95, robust: bool = False) -> dict[str, Floats]:
        """What is reported of a fit, a row a parameter.

        Parameters
        ----------
        level : float
            Coverage of the intervals.
        robust : bool
            As in `covariance`.

        Returns
        -------
        dict of str to numpy.ndarray (d,)
            Estimate, standard error, z, p-value (two-sided, Normal) and the ends of the interval.
            ``pandas.DataFrame(fit.table(), fit.names)`` shows it. A coefficient is tested against
            0 and a dissimilarity against 1, where its nest makes no difference.
        """
        if not 0 < level < 1:
            raise ValueError(f"level: expected a number between 0 and 1, got {level}")
        error = np.sqrt(self.covariance(robust=robust).diagonal())
        null = np.zeros(error.size)
        null[len(self.specification.coefficients) :] = 1
        z = (self.params - null) / error
        reach = stats.norm.isf((1 - level) / 2) * error
        return {
            "estimate": self.params,
            "standard error": error,
            "z": z,
            "p": 2 * stats.norm.sf(np.abs(z)),
            "low": self.params - reach,
            "high": self.params + reach,
        }

    def derived(
        self, function: Callable[[dict[str, Any]], Any], *, robust: bool = False
    ) -> tuple[float, float]:
        r"""A function of the parameters, with its standard error by the delta method.

        .. math:: f(\hat\theta), \qquad \sqrt{\nabla f^\top\, \mathrm{Cov}\, \nabla f}

        Parameters
        ----------
        function : callable
            Maps the parameters by their names to a number; analytic, since its gradient is a
            complex step.
        robust : bool
            As in `covariance`.

        Returns
        -------
        value, standard error : float
        """
        step = 1e-30

        def at(theta: Any) -> Any:
            return function(dict(zip(self.names, theta, strict=True)))

        slope = np.array(
            [np.imag(at(self.params + 1j * step * e)) / step for e in np.eye(self.params.size)]
        )
        error = math.sqrt(slope @ self.covariance(robust=robust) @ slope)
        return float(np.real(at(self.params))), error

    def probabilities(self, data: Any) -> Floats:
        """Choice probabilities of each row.

        Parameters
        ----------
        data : pandas.DataFrame or mapping of str to array_like (rows,)
            Long, as `conditional_logit` takes it, without need of the choices. Rows that were
            taken out are alternatives not offered.

        Returns
        -------
        numpy.ndarray (rows,)
            They sum to 1 in each case.

        Raises
        ------
        TypeError, ValueError
            As `conditional_logit`, or if a model with constants, specific coefficients or nests
            meets an alternative that it was not fitted to.
        """
        rows, V, dissimilarity = self._utilities(data)
        result = np.empty(rows.order.size)
        result[rows.order] = np.exp(_log_probabilities(rows, V, dissimilarity)[0])
        return result

    def _utilities(self, data: Any) -> tuple[_Rows, Floats, Floats]:
        spec = self.specification
        rows = _read(spec, data)
        if spec.constants or spec.specific or spec.nests:
            known = list(spec.alternatives)
            new = [one for one in rows.alternatives.tolist() if one not in known]
            if new:
                raise ValueError(
                    f"alternative: expected some of {known} in column {spec.alternative!r}, got "
                    f"{new[0]!r}"
                )
        size = rows.X.shape[1]
        return rows, rows.X @ self.params[:size], self.params[size:]

    def elasticities(self, data: Any, column: str) -> tuple[NDArray[Any], Floats]:
        r"""Elasticities of the expected shares.

        .. math:: \frac{\sum_n P_{nj}\, E_{njk}}{\sum_n P_{nj}}, \qquad
                  E_{njk} = \frac{\partial \log P_{nj}}{\partial V_{nk}}\, \beta_k\, x_{nk}

        Parameters
        ----------
        data : pandas.DataFrame or mapping of str to array_like
            As for `probabilities`.
        column : str
            The x; one of the model's columns.

        Returns
        -------
        alternatives : numpy.ndarray (J,)
        elasticities : numpy.ndarray (J, J)
            By how many percent the expected share of j (row) rises for each percent that x of k
            (column) rises, for small rises in all cases.

        Raises
        ------
        TypeError, ValueError
            As `probabilities`, or if the model has no such column.
        """
        spec = self.specification
        loads = [(one, i) for i, (_, name, one) in enumerate(spec.coefficients) if name == column]
        if not loads:
            known = sorted({name for _, name, _ in spec.coefficients if name is not None})
            raise ValueError(f"column: expected one of {known}, got {column!r}")
        rows, V, dissimilarity = self._utilities(data)
        x = _numbers(_column(data, column, "column"), column, "column")[rows.order]
        alternatives, step = rows.alternatives, 1e-30
        result = np.empty((alternatives.size, alternatives.size))
        for k, other in enumerate(alternatives):
            beta = sum(self.params[i] for one, i in loads if one is None or one == other)
            # x of k in each case, through the utility that it moves.
            moved = V + 1j * step * (rows.alternative == k) * beta * x
            log_p = _log_probabilities(rows, moved, dissimilarity)[0]
            p = np.exp(log_p.real)
            rise = np.bincount(rows.alternative, p * log_p.imag / step)
            result[:, k] = rise / np.bincount(rows.alternative, p)
        return alternatives, result


def _fit(spec: Specification, data: Any, choice: str, weights: str | None) -> ChoiceFit:
    size = len(spec.coefficients)
    if not size:
        raise ValueError("variables: expected a variable, a constant or a specific one, got none")
    if len(set(spec.names)) < len(spec.names):
        raise ValueError(f"variables: expected different ones, got {', '.join(spec.names)}")
    labels = _column(data, spec.alternative, "alternative")
    known, _ = _codes(labels, spec.alternative, "alternative")
    _check_alternatives(spec, known.tolist())
    rows = _read(spec, data)
    count = labels.size
    flags = _flags(_column(data, choice, "choice", count), choice, "choice")[rows.order]
    case_of_row = rows.case[rows.group]
    picked = np.bincount(case_of_row, flags)
    wrong = np.flatnonzero(picked != 1)
    if wrong.size:
        row = rows.order[np.flatnonzero(case_of_row == wrong[0])[0]]
        name = _plain(_column(data, spec.case, "case")[row])
        raise ValueError(
            f"choice: expected one choice in each case, got {picked[wrong[0]]:.0f} in column "
            f"{choice!r} for case {name!r}"
        )
    weight = np.ones(rows.cases.size)
    if weights is not None:
        each = _numbers(_column(data, weights, "weights", count), weights, "weights")[rows.order]
        weight = each[rows.groups[rows.cases]]
        if np.any(each != weight[case_of_row]):
            raise ValueError(f"weights: expected one weight a case in column {weights!r}")
        if np.any(each < 0) or not np.any(each > 0):
            raise ValueError(f"weights: expected weights >= 0, some above, in column {weights!r}")
    chosen = np.flatnonzero(flags)
    plain = rows
    if spec.nests:
        # The logit without nests is where all dissimilarities are 1, so start from its fit.
        flat = np.flatnonzero(np.append(True, case_of_row[1:] != case_of_row[:-1]))
        each_case = np.arange(flat.size)
        plain = rows._replace(
            groups=flat,
            group=case_of_row,
            cases=each_case,
            case=each_case,
            nest=np.full(flat.size, -1),
            scaled=True,
        )
    found = _maximise(plain, chosen, weight, np.zeros(size), spec.names[:size])
    if spec.nests:
        start = np.append(found[0], np.ones(len(spec.nests)))
        found = _maximise(rows, chosen, weight, start, spec.names)
    return ChoiceFit(spec.names, *found, replace(spec, alternatives=tuple(known.tolist())))


def _check_alternatives(spec: Specification, known: list[Any]) -> None:
    where = f"column {spec.alternative!r}"
    asked = {"constants": spec.constants} | {
        argument: tuple(one for several in groups.values() for one in several)
        for argument, groups in (("specific", spec.specific), ("nests", spec.nests))
    }
    for argument, several in asked.items():
        for one in several:
            if one not in known:
                raise ValueError(f"{argument}: expected some of {known} of {where}, got {one!r}")
    nested = asked["nests"]
    if len(set(nested)) < len(nested):
        raise ValueError("nests: expected each alternative in one nest at most, got one in two")
    for nest, several in spec.nests.items():
        if set(several) == set(known):
            raise ValueError(
                f"nests: expected an alternative or more outside of {nest!r}, got none; one nest "
                "of all alternatives leaves its dissimilarity open"
            )
        if spec.scaled and len(several) < 2:
            raise ValueError(
                f"nests: expected two alternatives or more in {nest!r}, got {list(several)}; one "
                "alone needs no nest"
            )


def conditional_logit(
    data: Any,
    *,
    variables: Sequence[str] = (),
    constants: Sequence[Any] = (),
    specific: Mapping[str, Sequence[Any]] | None = None,
    case: str = "case",
    alternative: str = "alternative",
    choice: str = "choice",
    weights: str | None = None,
) -> ChoiceFit:
    r"""Fit McFadden's conditional logit by maximum likelihood, with Newton's steps.

    .. math:: \ell &= \sum_n w_n \log P_n, \\
              P_n &= \frac{e^{V_{n c_n}}}{\sum_{j \in C_n} e^{V_{nj}}}, \qquad
              V_{nj} = \beta \cdot x_{nj}

    for case n, its weight w, what it chose, c, and what it was offered, C.

    Parameters
    ----------
    data : pandas.DataFrame or mapping of str to array_like (rows,)
        Long: a row for each alternative that a case is offered, in any order. Cases may be offered
        different alternatives. `from_wide` makes it from a row a case.
    variables : sequence of str
        Columns with one coefficient for all alternatives.
    constants : sequence
        Alternatives that have a constant; leave out one at least.
    specific : mapping of str to sequence
        Columns with a coefficient for each of some alternatives, such as
        ``{"income": ["air"]}``.
    case, alternative : str
        The columns that say which case and which alternative a row is of.
    choice : str
        The column that is 1 in the row of what a case chose and 0 in its others.
    weights : str, optional
        A column with the weight of each case. Weights count as if a case stood there so often; for
        those that are not counts, take robust standard errors.

    Returns
    -------
    ChoiceFit

    Raises
    ------
    TypeError, ValueError
        Naming the argument and the column, if a column is missing or holds anything else, a case
        has no or several choices or an alternative twice, weights differ within a case, or the
        data leave a coefficient open: its column is the same for all alternatives of a case, or
        others determine it, or choices are foretold by it.

    References
    ----------
    McFadden, D., *Conditional logit analysis of qualitative choice behavior*, in *Frontiers in
    Econometrics*, 1974.

    Examples
    --------
    Where two alternatives differ in one 0-1 variable, the estimate is the log-odds of the counts.

    >>> data = {"case": [0, 0, 1, 1, 2, 2, 3, 3], "alternative": list("abababab"),
    ...         "x": [1, 0] * 4, "choice": [1, 0, 1, 0, 1, 0, 0, 1]}
    >>> fit = conditional_logit(data, variables=["x"])
    >>> fit.names, fit.params.round(6).tolist(), round(float(np.log(3)), 6)
    (('x',), [1.098612], 1.098612)
    """
    spec = _specification(variables, constants, specific, case, alternative, {}, scaled=True)
    return _fit(spec, data, choice, weights)


def nested_logit(
    data: Any,
    *,
    nests: Mapping[str, Sequence[Any]],
    scaled: bool = True,
    variables: Sequence[str] = (),
    constants: Sequence[Any] = (),
    specific: Mapping[str, Sequence[Any]] | None = None,
    case: str = "case",
    alternative: str = "alternative",
    choice: str = "choice",
    weights: str | None = None,
) -> ChoiceFit:
    r"""Fit the nested logit by maximum likelihood.

    .. math:: P(k) &= \frac{e^{u_k}}{e^{I_m}} \cdot
              \frac{e^{\lambda_m I_m}}{\sum_r e^{\lambda_r I_r}}, \\
              I_m &= \log \sum_{j \in m} e^{u_j}, \qquad
              u_j = V_j/\lambda_m \text{ or } V_j

    for alternative k of nest m, where the sums run over what the case is offered.

    Parameters
    ----------
    data, variables, constants, specific, case, alternative, choice, weights
        As `conditional_logit` takes them.
    nests : mapping of str to sequence
        The alternatives of each nest. One that is in none stands alone, without a parameter.
    scaled : bool
        Whether utilities are divided by :math:`\lambda`. Then, for :math:`0 < \lambda \le 1`, the
        model is one of random utility, and a nest needs two alternatives. Without, a nest may have
        one alternative only.

    Returns
    -------
    ChoiceFit
        Dissimilarities :math:`\lambda` come last; they are positive, and may exceed 1.

    Raises
    ------
    TypeError, ValueError
        As `conditional_logit`, or if an alternative is in two nests, or the log-likelihood rises
        towards the end of its range.

    Notes
    -----
    The log-likelihood may have several maxima. The search starts from the fit of the conditional
    logit, where each :math:`\lambda` is 1, and ends at one that is not below it.

    References
    ----------
    McFadden, D., *Modelling the choice of residential location*, in *Spatial Interaction Theory
    and Planning Models*, 1978. Koppelman, F. S. and Wen, C.-H., *Alternative nested logit models:
    structure, properties and estimation*, Transportation Research Part B 32, 1998, for the two
    forms.

    Examples
    --------
    >>> V = np.tile([0.5, 0.0, 0.0], (20_000, 1))
    >>> x = np.random.default_rng(1).normal(size=V.shape)
    >>> drawn = (V + x + nested_noise([0, 1, 1], [1.0, 0.5], 20_000, rng=0)).argmax(axis=1)
    >>> wide = {"drawn": drawn, "x_0": x[:, 0], "x_1": x[:, 1], "x_2": x[:, 2]}
    >>> long = from_wide(wide, choice="drawn", alternatives=[0, 1, 2], varying={"x": "x_{}"})
    >>> fit = nested_logit(long, nests={"bus": [1, 2]}, variables=["x"], constants=[0])
    >>> fit.names
    ('0', 'x', 'dissimilarity:bus')
    >>> bool(np.all(np.abs(fit.params - [0.5, 1.0, 0.5]) < 0.1))
    True
    """
    if not nests:
        raise ValueError("nests: expected one or more, got none")
    spec = _specification(variables, constants, specific, case, alternative, nests, scaled=scaled)
    return _fit(spec, data, choice, weights)


def _specification(
    variables: Sequence[str],
    constants: Sequence[Any],
    specific: Mapping[str, Sequence[Any]] | None,
    case: str,
    alternative: str,
    nests: Mapping[str, Sequence[Any]],
    *,
    scaled: bool,
) -> Specification:
    for argument, value in (("variables", variables), ("constants", constants)):
        if isinstance(value, str):
            raise TypeError(f"{argument}: expected a sequence of names, got the string {value!r}")
    for argument, groups in (("specific", specific or {}), ("nests", nests)):
        if not isinstance(groups, Mapping):
            raise TypeError(
                f"{argument}: expected a mapping of names to alternatives, got "
                f"{type(groups).__name__}"
            )
    return Specification(
        case,
        alternative,
        tuple(variables),
        tuple(constants),
        {name: tuple(several) for name, several in (specific or {}).items()},
        {name: tuple(several) for name, several in nests.items()},
        scaled,
    )
