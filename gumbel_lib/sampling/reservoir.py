"""Exact draws from a stream of logits, with a state that merges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import Rng, as_floats, as_generator, check_count

_LONGEST = 1 << 14  # logits looked at together between two entries


class GumbelReservoir:
    r"""The k largest perturbed logits of a stream: k classes drawn without replacement.

    The key of a class is its perturbed logit, and the reservoir holds the k largest keys. A class
    with logit l beats the smallest of them, the threshold :math:`\kappa`, at rate

    .. math:: h = e^{l - \kappa}, \qquad P(\text{none of these enters}) = e^{-\sum h},

    so one exponential variate says how much rate passes until the next class enters, and one
    more gives its key, a Gumbel at l conditioned to exceed the threshold:

    .. math:: \text{key} = l - \log\bigl(-\log(1 - u\,(1 - e^{-h}))\bigr) .

    Classes that do not enter cost no variate: of n equal ones, about k log(n/k) enter. Keys are
    float64, so noise is lost where logits exceed 1e12 or so; subtract a constant first.

    Parameters
    ----------
    k : int
        How many classes to draw.
    rng : int or numpy.random.Generator
        Seed or generator; a generator is advanced.

    Attributes
    ----------
    seen : int
        Number of classes fed, masked ones included.
    variates : int
        Number of random numbers drawn so far.

    Raises
    ------
    TypeError, ValueError
        If `k` is no positive integer, or `rng` no seed or generator.

    References
    ----------
    P. S. Efraimidis and P. G. Spirakis, *Weighted random sampling with a reservoir*,
    Information Processing Letters 97, 2006, whose algorithm A-ExpJ this is.

    Examples
    --------
    >>> reservoir = GumbelReservoir(2, rng=0)
    >>> for chunk in np.split(np.zeros(100_000), 10):
    ...     reservoir.feed(chunk)
    >>> reservoir.draw().shape, reservoir.seen, reservoir.variates < 100
    ((2,), 100000, True)
    """

    def __init__(self, k: int = 1, *, rng: Rng) -> None:
        self.k = check_count(k, "k")
        self.seen = 0
        self.variates = 0
        self._rng = as_generator(rng)
        self._keys = np.empty(0)  # largest first
        self._indices = np.empty(0, np.int64)
        self._jump: float | None = None  # rate to pass before the next entry

    def feed(self, logits: ArrayLike, noise: ArrayLike | None = None) -> None:
        """Feed the next classes of the stream.

        Parameters
        ----------
        logits : array_like (n,)
            Log-probabilities up to a constant shared by the whole stream; ``-inf`` for a class
            that is never drawn.
        noise : array_like (n,), optional
            Standard Gumbel noise of these classes, which makes the draw a pure function of
            logits and noise; drawn by jumps if absent.

        Raises
        ------
        TypeError, ValueError
            If a logit is NaN or +inf, the noise is not finite, or a shape is not (n,).
        """
        values = as_floats(logits, "logits")
        if values.ndim != 1:
            raise ValueError(f"logits: expected shape (n,), got {values.shape}")
        if not values.max(initial=-np.inf) < np.inf:
            raise ValueError("logits: expected finite numbers or -inf, got NaN or +inf")
        if noise is None:
            self._feed_by_jumps(values)
        else:
            given = as_floats(noise, "noise")
            if given.shape != values.shape or not np.isfinite(given).all():
                raise ValueError(f"noise: expected {values.size} finite numbers, got {noise!r}")
            keys = np.add(values, given, dtype=np.float64)
            entered = np.flatnonzero(keys > self._threshold)
            self._keep(keys[entered], self.seen + entered)
            self._jump = None
        self.seen += values.size

    def draw(self) -> NDArray[np.int64]:
        """The draw from all classes fed so far.

        Returns
        -------
        numpy.ndarray of int64 (k,)
            Indices in the stream, in the order drawn.

        Raises
        ------
        ValueError
            If fewer than k classes with a finite logit were fed.
        """
        if self._keys.size < self.k:
            raise ValueError(
                f"logits: expected at least {self.k} finite ones fed, got {self._keys.size}"
            )
        return self._indices.copy()

    def merge(self, other: GumbelReservoir) -> None:
        """Take in another reservoir, as if its stream had been fed after this one's.

        Parameters
        ----------
        other : GumbelReservoir
            Of the same k, with random numbers independent of this one's; left as it is.

        Raises
        ------
        TypeError, ValueError
            If `other` is no reservoir, this very one, or has another k.
        """
        if not isinstance(other, GumbelReservoir):
            raise TypeError(f"other: expected a GumbelReservoir, got {type(other).__name__}")
        if other is self:
            raise ValueError("other: expected another reservoir, got this one")
        if other.k != self.k:
            raise ValueError(f"other: expected k = {self.k}, got {other.k}")
        self._keep(other._keys, self.seen + other._indices)
        self._jump = None  # exponential jumps have no memory: a new one is as good
        self.seen += other.seen
        self.variates += other.variates

    @property
    def state(self) -> dict[str, Any]:
        """All but the generator, as plain numbers and lists that JSON can hold."""
        return {
            "k": self.k,
            "seen": self.seen,
            "variates": self.variates,
            "jump": self._jump,
            "keys": self._keys.tolist(),
            "indices": self._indices.tolist(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, rng: Rng) -> GumbelReservoir:
        """The reservoir that has this `state`, with a generator to go on with.

        Parameters
        ----------
        state : mapping
            What `GumbelReservoir.state` gave.
        rng : int or numpy.random.Generator
            Seed or generator; a generator is advanced.

        Returns
        -------
        GumbelReservoir
            With this generator, it goes on as the one whose state it is would have.

        Raises
        ------
        TypeError, ValueError
            If `state` lacks an entry or has one too many, its lists differ in length, or `rng` is
            no seed or generator.
        """
        reservoir = cls(rng=rng)
        if set(state) != set(reservoir.state):
            raise ValueError(f"state: expected {list(reservoir.state)}, got {list(state)}")
        reservoir.k = check_count(state["k"], "state['k']")
        if not len(state["keys"]) == len(state["indices"]) <= reservoir.k:
            raise ValueError(
                f"state: expected at most {reservoir.k} keys, each with its index, got "
                f"{len(state['keys'])} and {len(state['indices'])}"
            )
        reservoir.seen, reservoir.variates = state["seen"], state["variates"]
        reservoir._jump = state["jump"]
        reservoir._keys = np.array(state["keys"], np.float64)
        reservoir._indices = np.array(state["indices"], np.int64)
        return reservoir

    @property
    def _threshold(self) -> float:
        return float(self._keys[-1]) if self._keys.size == self.k else -np.inf

    def _keep(self, keys: NDArray[np.float64], indices: NDArray[np.int64]) -> None:
        keys = np.concatenate([self._keys, keys])
        largest = np.argsort(-keys, kind="stable")[: self.k]
        self._keys = keys[largest]
        self._indices = np.concatenate([self._indices, indices])[largest]

    def _feed_by_jumps(self, values: NDArray[np.floating[Any]]) -> None:
        place, length = 0, 64
        while place < values.size:
            block = values[place : place + length].astype(np.float64)
            threshold = self._threshold
            if threshold == -np.inf:  # until k are in, whatever can be drawn enters
                possible = np.flatnonzero(block > -np.inf)[: self.k - self._keys.size]
                self._enter(block[possible], self.seen + place + possible)
                full = self._keys.size == self.k
                place += int(possible[-1]) + 1 if full else block.size
                length = min(2 * length, _LONGEST)
                continue
            if self._jump is None:
                self._jump = self._exponential()
            with np.errstate(over="ignore"):
                rates = np.exp(block - threshold)
                passed = rates.sum()
                if passed <= self._jump:
                    self._jump -= float(passed)
                    place += block.size
                    length = min(2 * length, _LONGEST)
                    continue
                first = int(np.searchsorted(np.cumsum(rates), self._jump, side="right"))
            # The two sums may round differently.
            first = min(first, int(np.flatnonzero(rates)[-1]))
            self._enter(block[first : first + 1], np.array([self.seen + place + first]))
            self._jump = None
            place += first + 1
            length = 64

    def _exponential(self) -> float:
        self.variates += 1
        return float(self._rng.standard_exponential())

    def _enter(self, logits: NDArray[np.float64], indices: NDArray[np.int64]) -> None:
        """Draw the keys of these classes given that they exceed the threshold, and keep them."""
        with np.errstate(over="ignore"):
            share = -np.expm1(-np.exp(logits - self._threshold))
        # In (0, 1), so that no arrival time is 0 or infinite.
        level = np.clip(self._rng.random(logits.size), 2.0**-54, 1 - 2.0**-53)
        self.variates += logits.size
        self._keep(logits - np.log(-np.log1p(-level * share)), indices)
