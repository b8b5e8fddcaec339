"""A language model of characters, small enough to train on a page, with exact next-symbol laws."""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import (
    fft,
    integrate,
    interpolate,
    linalg,
    ndimage,
    optimize,
    signal,
    sparse,
    spatial,
    special,
    stats,
)
from scipy.cluster import hierarchy
from scipy.sparse import linalg as sparse_linalg

from ._checks import Floats, as_integers, check_count

ALPHABET = "\n abcdefghijklmnopqrstuvwxyz0123456789.,;:'()-"

# Public modules of functions. Their order is that of the text.
_DOCUMENTED = (
    *(np, np.fft, np.linalg, np.random, hierarchy, fft, integrate, interpolate, linalg, ndimage),
    *(optimize, signal, sparse, sparse_linalg, spatial, special, stats),
)


def corpus() -> str:
    r"""The text of the book's language models: prose of NumPy's and SciPy's docstrings.

    Returns
    -------
    str
        About 291,000 characters of `ALPHABET`. A newline begins the text and ends each paragraph.

    Notes
    -----
    A paragraph is prose if it is not indented, holds no underline, begins with a capital, ends in a
    full stop and has no characters but those of `ALPHABET`, once its letters are small and the
    marks of code and references are gone. The same paragraph counts once. The text is that of the
    installed versions of NumPy and SciPy, on all platforms and versions of Python. For that reason
    scalar types are left out, whose docstrings name the platform, and so are exceptions and what
    has no name of its own, such as constants, whose docstrings are Python's. The distributions of
    `scipy.stats` have no name either; their docstrings repeat one another.

    Examples
    --------
    >>> corpus()[:56]
    '\nget the array api inspection namespace for numpy.\ncalcu'
    """
    paragraphs: dict[str, None] = {}
    for module in _DOCUMENTED:
        for name in sorted(module.__all__):
            thing = getattr(module, name)
            if inspect.ismodule(thing) or not hasattr(thing, "__name__"):
                continue
            if isinstance(thing, type) and issubclass(thing, (np.generic, BaseException)):
                continue
            for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(thing.__doc__ or "")):
                if re.search(r"^\s|^-+$", paragraph, re.MULTILINE):
                    continue
                if re.fullmatch(r"[A-Z].*\.", paragraph, re.DOTALL):
                    prose = re.sub(r"(:\w+:)?`+", "", " ".join(paragraph.split())).lower()
                    if set(prose) <= set(ALPHABET):
                        paragraphs[prose] = None
    return "\n" + "".join(f"{prose}\n" for prose in paragraphs)


@dataclass(frozen=True)
class NGram:
    r"""An interpolated Witten-Bell model of n-grams, as `train` returns it.

    .. math:: p(s \mid h) = \frac{c(hs) + T(h)\,p(s \mid h')}{c(h) + T(h)}

    where :math:`c` counts in the text, :math:`T(h)` is how many different symbols follow the
    context h, and :math:`h'` is h without its first symbol. Below the empty context stands the
    uniform law over the alphabet. So every symbol has a positive probability everywhere.

    Attributes
    ----------
    order : int
        n: a symbol depends on the n - 1 before it.
    alphabet : str
        The V symbols; a symbol's number is its place here.
    codes : tuple of numpy.ndarray
        For each length of context below n, the contexts seen, as sorted numbers in base V.
    tables : tuple of numpy.ndarray (contexts, V)
        Log-probabilities of the next symbol after each of them, in nats.

    References
    ----------
    Witten, I. H. and Bell, T. C., IEEE Transactions on Information Theory 37, 1991;
    Chen, S. F. and Goodman, J., Computer Speech and Language 13, 1999 (interpolated).
    """

    order: int
    alphabet: str
    codes: tuple[NDArray[np.int64], ...]
    tables: tuple[Floats, ...]

    def encode(self, text: str) -> NDArray[np.int64]:
        """The numbers of the text's symbols, of shape (length,)."""
        return _encode(text, self.alphabet)

    def decode(self, symbols: ArrayLike) -> str:
        """The text that numbers of shape (length,) stand for."""
        return "".join(
            self.alphabet[s] for s in _numbers(symbols, "symbols", self.alphabet).ravel()
        )

    def log_probs(self, contexts: ArrayLike) -> Floats:
        """Log-probabilities of every next symbol.

        Parameters
        ----------
        contexts : array_like of int (..., L)
            Numbers of the symbols before; the last n - 1 of them matter. Of a context that is
            shorter, what it holds is all that is known: L = 0 asks for the symbols' own law.

        Returns
        -------
        numpy.ndarray (..., V)
            Natural logarithms of probabilities that sum to 1.

        Raises
        ------
        TypeError, ValueError
            If the contexts are no integers from 0 to V - 1, or have no axis.
        """
        given = _numbers(contexts, "contexts", self.alphabet)
        if given.ndim == 0:
            raise ValueError("contexts: expected at least one axis, that of the symbols, got none")
        length = given.shape[-1]
        code = np.zeros(given.shape[:-1], np.int64)
        result = np.broadcast_to(self.tables[0][0], (*code.shape, len(self.alphabet))).copy()
        # A context that the text does not have is known by the longest part at its end that it has.
        for m in range(1, min(self.order, length + 1)):
            code = code + given[..., length - m] * len(self.alphabet) ** (m - 1)
            at = np.minimum(np.searchsorted(self.codes[m], code), len(self.codes[m]) - 1)
            seen = self.codes[m][at] == code
            result[seen] = self.tables[m][at[seen]]
        return result

    def bits(self, text: str) -> float:
        """Mean of -log2 of each symbol's probability given those before it, of a text.

        The first n - 1 symbols serve as context only.

        Raises
        ------
        ValueError
            If the text has fewer than n symbols, or others than the alphabet's.
        """
        symbols = self.encode(text)
        if len(symbols) < self.order:
            raise ValueError(f"text: expected at least {self.order} symbols, got {len(symbols)}")
        grams = np.lib.stride_tricks.sliding_window_view(symbols, self.order)
        total = 0.0
        for some in np.array_split(grams, 1 + len(grams) // 50_000):
            of_all = self.log_probs(some[:, :-1])
            total -= float(np.take_along_axis(of_all, some[:, -1:], axis=1).sum())
        return total / len(grams) / math.log(2)


def train(text: str, order: int, *, alphabet: str = ALPHABET) -> NGram:
    """Count the n-grams of a text.

    Parameters
    ----------
    text : str
        At least `order` symbols of the alphabet.
    order : int
        n >= 1, the length of the longest grams. The tables grow with the contexts in the text:
        8 V bytes for each.
    alphabet : str
        The V different symbols.

    Returns
    -------
    NGram

    Raises
    ------
    TypeError, ValueError
        If the text has another symbol or fewer than `order`, the alphabet repeats one or is empty,
        or the order is no integer >= 1, or so large that V^n does not fit a 64-bit integer.

    Examples
    --------
    >>> model = train("abracadabra", 2, alphabet="abcdr")
    >>> np.exp(model.log_probs(model.encode("a"))).round(3).tolist()
    [0.161, 0.366, 0.196, 0.196, 0.08]
    """
    order = check_count(order, "order")
    size = len(alphabet)
    if not size or len(set(alphabet)) < size:
        raise ValueError(f"alphabet: expected different symbols, got {alphabet!r}")
    if order * math.log2(size) >= 63:
        most = math.ceil(63 / math.log2(size)) - 1
        raise ValueError(f"order: expected at most {most} for {size} symbols, got {order}")
    symbols = _encode(text, alphabet)
    if len(symbols) < order:
        raise ValueError(f"text: expected at least {order} symbols, got {len(symbols)}")
    contexts = np.zeros(len(symbols), np.int64)  # the code of the m symbols before each
    codes: list[NDArray[np.int64]] = []
    laws = [np.full((1, size), 1 / size)]
    for m in range(order):
        if m:
            contexts = contexts[1:] + symbols[: len(symbols) - m] * size ** (m - 1)
        known, place = np.unique(contexts, return_inverse=True)
        counts = np.bincount(place * size + symbols[m:], minlength=len(known) * size)
        counts = counts.reshape(-1, size)
        types = np.count_nonzero(counts, axis=1, keepdims=True)
        shorter = (
            laws[-1] if m < 2 else laws[-1][np.searchsorted(codes[-1], known % size ** (m - 1))]
        )
        laws.append((counts + types * shorter) / (counts.sum(axis=1, keepdims=True) + types))
        codes.append(known)
    return NGram(order, alphabet, tuple(codes), tuple(np.log(law) for law in laws[1:]))


def _encode(text: str, alphabet: str) -> NDArray[np.int64]:
    number = {symbol: i for i, symbol in enumerate(alphabet)}
    strange = set(text) - set(number)
    if strange:
        raise ValueError(f"text: expected symbols of {alphabet!r}, got {min(strange)!r}")
    return np.array([number[symbol] for symbol in text], np.int64)


def _numbers(symbols: ArrayLike, name: str, alphabet: str) -> NDArray[np.int64]:
    """Numbers of symbols, refused unless they are integers from 0 to V - 1."""
    array = as_integers(symbols, name)
    outside = array[(array < 0) | (array >= len(alphabet))]
    if outside.size:
        raise ValueError(
            f"{name}: expected numbers from 0 to {len(alphabet) - 1}, got {outside[0]}"
        )
    return array.astype(np.int64)
