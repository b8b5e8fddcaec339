"""Sequences drawn symbol by symbol: k different ones by stochastic beam search, or from codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from .._checks import Floats, Rng, as_floats, as_generator, as_integers, as_reals, check_count
from ..noise import standard_gumbel
from .without_replacement import _largest

Step = Callable[[NDArray[np.int64]], ArrayLike]


class Beam(NamedTuple):
    """What `stochastic_beam_search` returns: k different sequences for each of B starts.

    Attributes
    ----------
    sequences : numpy.ndarray of int64 (B, k, L)
        The symbols behind the start, in the order drawn. After the symbol `end`, it repeats.
    log_probs : numpy.ndarray (B, k)
        Log-probability of each sequence, in nats.
    perturbed : numpy.ndarray (B, k)
        Its log-probability plus its Gumbel noise, falling.
    threshold : numpy.ndarray (B,)
        The same of the sequence that would have come next, or ``-inf`` if there is none.
    """

    sequences: NDArray[np.int64]
    log_probs: Floats
    perturbed: Floats
    threshold: Floats


def given_maximum(perturbed: ArrayLike, maximum: ArrayLike) -> Floats:
    r"""Perturbed logits, moved so that their maximum is a given number.

    .. math:: x_i = -\log\bigl(e^{-(l_i + g_i)} - e^{-Z} + e^{-M}\bigr), \qquad
              Z = \max_j\,(l_j + g_j)

    With independent standard Gumbel noise these have the law of perturbed logits whose maximum is
    known to be M.

    Parameters
    ----------
    perturbed : array_like (..., K)
        Logits plus noise; ``-inf`` for a class that is never drawn, which it stays.
    maximum : array_like (...)
        M, finite.

    Returns
    -------
    numpy.ndarray (..., K)
        The largest entry, at the same place, is M itself.

    Raises
    ------
    TypeError, ValueError
        If an argument holds no real numbers, a value is NaN or +inf, a row is all ``-inf``, a
        maximum is not finite, or the shapes do not fit.

    Notes
    -----
    :math:`e^{-x}` is an exponential arrival time. Given the first, the waiting times from it to the
    others are independent of it, so they may be put behind any other first arrival.

    References
    ----------
    Kool, W., van Hoof, H. and Welling, M., *Stochastic Beams and Where to Find Them*, ICML 2019.

    Examples
    --------
    >>> given_maximum([0.0, 2.0, -np.inf], 1.0).round(3).tolist()
    [-0.209, 1.0, -inf]
    """
    values = as_floats(perturbed, "perturbed")
    top = as_reals(maximum, "maximum").astype(np.float64)
    if top.shape != values.shape[:-1]:
        raise ValueError(f"maximum: expected shape {values.shape[:-1]}, got {top.shape}")
    if not np.isfinite(top).all():
        raise ValueError("maximum: expected finite numbers, got NaN or an infinity")
    if values.shape[-1] == 0:
        raise ValueError(f"perturbed: expected at least one class, got shape {values.shape}")
    largest = values.max(axis=-1, keepdims=True)
    if not np.isfinite(largest).all():
        raise ValueError(
            "perturbed: expected numbers or -inf, with a finite one in each row, got "
            f"{largest[~np.isfinite(largest)][0]}"
        )
    with np.errstate(divide="ignore"):  # the largest one waits for nothing
        waiting = -values + np.log(-np.expm1(values - largest))
    moved: Floats = -np.logaddexp(-top[..., None], waiting)
    return moved


def stochastic_beam_search(
    step: Step,
    k: int,
    *,
    length: int,
    rng: Rng,
    start: ArrayLike = ((),),
    end: int | None = None,
) -> Beam:
    r"""The k sequences of largest perturbed log-probability, without looking at all sequences.

    .. math:: \varphi_s + g_s, \qquad \varphi_s = \sum_i \log p(s_i \mid s_1, \dots, s_{i-1})

    with independent standard Gumbel noise for every sequence s: an ordered draw of k different
    sequences without replacement.

    Parameters
    ----------
    step : callable
        Takes prefixes, integers (n, m), and returns the log-probabilities (n, V) of their next
        symbols, each row up to a constant; ``-inf`` for a symbol that cannot follow. The prefixes
        of all searches come in one call.
    k : int
        How many sequences.
    length : int
        How many symbols a sequence has at most.
    rng : int or numpy.random.Generator
        Seed or generator; a generator is advanced.
    start : array_like of int (B, m)
        What the B sequences to be searched begin with; m may be 0. One search from nothing by
        default.
    end : int, optional
        The symbol that ends a sequence, as its last. Without it, all have the full length.

    Returns
    -------
    Beam

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind; if `end` is no symbol; if `step` returns another
        shape, NaN, +inf or a row of ``-inf`` alone; if there are fewer than `k` sequences.

    Notes
    -----
    The largest perturbed log-probability among the sequences that begin with a prefix is a Gumbel
    located at the prefix's own log-probability. The search draws it for the start. By
    `given_maximum` one of the next symbols then has the same number, and the others smaller ones.
    A prefix outside the k + 1 largest cannot lead to a sequence inside, so it is left. Each level
    asks `step` for at most k + 1 prefixes a search, and holds B (k + 1) V numbers.

    References
    ----------
    Kool, W., van Hoof, H. and Welling, M., *Stochastic Beams and Where to Find Them*, ICML 2019.

    Examples
    --------
    >>> fair = lambda prefixes: np.zeros((len(prefixes), 2))
    >>> beam = stochastic_beam_search(fair, 3, length=2, rng=0)
    >>> beam.sequences[0].tolist(), np.exp(beam.log_probs[0]).round(3).tolist()
    ([[1, 0], [0, 1], [1, 1]], [0.25, 0.25, 0.25])
    """
    k, length = check_count(k, "k"), check_count(length, "length")
    generator, begin = as_generator(rng), _starts(start)
    searches = len(begin)
    sequences = np.zeros((searches, 1, 0), np.int64)
    log_probs = np.zeros((searches, 1))
    keys: Floats = standard_gumbel((searches, 1), rng=generator).astype(np.float64)
    for _ in range(length):
        alive = np.isfinite(keys)
        if end is not None and sequences.shape[2]:
            alive &= sequences[:, :, -1] != end
        if not alive.any():
            break
        where = np.nonzero(alive)
        prefixes = np.concatenate([begin[where[0]], sequences[where]], axis=1)
        following = _next(step, prefixes, end)
        size = following.shape[1]
        # A sequence that has ended goes on with `end` alone, and keeps its place.
        children = np.full((*keys.shape, size), -np.inf)
        children_keys = children.copy()
        if end is not None:
            children[..., end], children_keys[..., end] = log_probs, keys
        children[where] = log_probs[where][:, None] + following
        noise = standard_gumbel(following.shape, rng=generator)
        children_keys[where] = given_maximum(children[where] + noise, keys[where])
        flat = children_keys.reshape(searches, -1)
        chosen = _largest(flat, min(k + 1, flat.shape[1]))
        keys = np.take_along_axis(flat, chosen, axis=1)
        log_probs = np.take_along_axis(children.reshape(searches, -1), chosen, axis=1)
        before = np.take_along_axis(sequences, (chosen // size)[..., None], axis=1)
        sequences = np.concatenate([before, (chosen % size)[..., None]], axis=2)
    fewest = int(np.isfinite(keys).sum(axis=1).min()) if searches else k
    if fewest < k:
        raise ValueError(f"k: expected at most {fewest}, the number of sequences, got {k}")
    last = keys[:, k] if keys.shape[1] > k else np.full(searches, -np.inf)
    return Beam(sequences[:, :k], log_probs[:, :k], keys[:, :k], last)


def sequences_from_codes(
    step: Step,
    codes: ArrayLike,
    *,
    length: int,
    start: ArrayLike = (),
    end: int | None = None,
) -> tuple[NDArray[np.int64], Floats]:
    r"""Sequences at given places of the unit interval, in which each has its probability's share.

    With independent uniform codes these are independent draws. With the codes
    :math:`(i + u)/n \bmod 1`, i = 0 to n - 1, of one uniform u they are draws that avoid one
    another, which is *arithmetic sampling*.

    Parameters
    ----------
    step, length, end
        As in `stochastic_beam_search`.
    codes : array_like (N,)
        Numbers of at least 0 and below 1.
    start : array_like of int (m,)
        What all sequences begin with.

    Returns
    -------
    sequences : numpy.ndarray of int64 (N, L)
        The symbols behind the start. After the symbol `end`, it repeats.
    log_probs : numpy.ndarray (N,)
        Log-probability of each sequence, in nats.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, a code lies outside, or `step` returns what
        `stochastic_beam_search` refuses.

    Notes
    -----
    Each symbol takes its digits from the code, and the rest is stretched to the unit interval. A
    code has 53 bits. So a sequence whose probability comes near 2**-53 is no longer drawn with it.

    References
    ----------
    Vilnis, L., Zemlyanskiy, Y., Murray, P., Passos, A. and Sanghai, S., *Arithmetic Sampling:
    Parallel Diverse Decoding for Large Language Models*, ICML 2023.

    Examples
    --------
    >>> fair = lambda prefixes: np.zeros((len(prefixes), 2))
    >>> sequences_from_codes(fair, [0.1, 0.35, 0.6, 0.85], length=2)[0].tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    length, code = check_count(length, "length"), as_floats(codes, "codes").astype(np.float64)
    outside = code[~((code >= 0) & (code < 1))]
    if code.ndim != 1 or outside.size:
        came = f"{outside[0]:g}" if outside.size else f"shape {code.shape}"
        raise ValueError(f"codes: expected numbers (N,) from 0 to below 1, got {came}")
    begin = np.repeat(_starts(as_integers(start, "start")[None]), len(code), axis=0)
    sequences, log_probs = np.zeros((len(code), 0), np.int64), np.zeros(len(code))
    for _ in range(length):
        alive = np.ones(len(code), bool)
        if end is not None and sequences.shape[1]:
            alive = sequences[:, -1] != end
        if not alive.any():
            break
        where = np.flatnonzero(alive)
        following = _next(step, np.concatenate([begin[where], sequences[where]], axis=1), end)
        cumulative = np.cumsum(np.exp(following), axis=1)
        cumulative /= cumulative[:, -1:]
        symbol = (cumulative <= code[where, None]).sum(axis=1)
        row = np.arange(len(where))
        above = cumulative[row, symbol]
        below = np.where(symbol > 0, cumulative[row, symbol - 1], 0.0)
        stretched = (code[where] - below) / (above - below)
        code[where] = np.minimum(stretched, np.nextafter(1.0, 0.0))
        log_probs[where] += following[row, symbol]
        appended = np.full(len(code), -1 if end is None else end)
        appended[where] = symbol
        sequences = np.concatenate([sequences, appended[:, None]], axis=1)
    return sequences, log_probs


def _starts(start: ArrayLike) -> NDArray[np.int64]:
    """The prefixes to begin with, (B, m)."""
    begin = as_integers(start, "start").astype(np.int64)
    if begin.ndim != 2:
        raise ValueError(f"start: expected one axis for the symbols, got shape {begin.shape}")
    return begin


def _next(step: Step, prefixes: NDArray[np.int64], end: int | None) -> Floats:
    """Log-probabilities of the next symbols, checked and normalised."""
    rows = as_floats(step(prefixes), "step").astype(np.float64)
    if rows.ndim != 2 or len(rows) != len(prefixes) or rows.shape[1] == 0:
        raise ValueError(f"step: expected shape ({len(prefixes)}, V), got {rows.shape}")
    if end is not None and check_count(end, "end", least=0) >= rows.shape[1]:
        raise ValueError(f"end: expected one of the {rows.shape[1]} symbols, got {end!r}")
    largest = rows.max(axis=1)
    if not np.isfinite(largest).all():
        came = largest[~np.isfinite(largest)][0]
        raise ValueError(f"step: expected log-probabilities, some of them finite, got {came}")
    normalised: Floats = special.log_softmax(rows, axis=1)
    return normalised
