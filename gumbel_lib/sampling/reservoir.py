"""Exact draws from a stream of logits, with a state that merges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import Rng, as_floats, as_generator, check_count, check_number
from ..noise import standard_gumbel

_SHORTEST, _LONGEST = 64, 1 << 14  # logits looked at together; only times depend on these
_MERGED = 16  # k/16 entries are merged at once: more would waste variates, fewer cost time


class GumbelReservoir:
    r"""The k largest perturbed logits of a stream: k classes drawn without replacement.

    The key of a class is its perturbed logit, and the reservoir holds the k largest keys. A class
    with logit l beats the smallest of them, the threshold :math:`\kappa`, at rate

    .. math:: h = e^{l - \kappa}, \qquad P(\text{none of these enters}) = e^{-\sum h},

    so one exponential variate says how much rate passes until the next class enters, and one
    more gives its key, a Gumbel at l conditioned to exceed the threshold:

    .. math:: \text{key} = l - \log\bigl(-\log(1 - u\,(1 - e^{-h}))\bigr) .

    Classes that do not enter cost no variate: of n equal ones, about k (1 + log(n/k)) enter.
    Where at least half the classes of a block are expected to enter, noise for each of them costs
    no more and is drawn instead. Keys are float64, so noise is lost where logits exceed 1e12 or
    so; subtract a constant first.

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
        Number of random numbers drawn so far, those of merged reservoirs included.

    Raises
    ------
    TypeError, ValueError
        If `k` is no positive integer, or `rng` no seed or generator.

    Notes
    -----
    From k = 32 on, up to k/16 entries are drawn against one threshold and merged at once; those
    that the risen threshold would have kept out fall out again. The law is the same, and an entry
    costs O(1) on average, however large k is, if the stream is fed in chunks of k classes or more;
    a merge, and a shorter chunk from which a class enters, costs O(k).

    References
    ----------
    Efraimidis, P. S., Spirakis, P. G., *Weighted random sampling with a reservoir*, Information
    Processing Letters 97, 2006, whose algorithm A-ExpJ this is.

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
            If a logit is NaN or +inf, the noise or a sum is not finite, or a shape is not (n,).
        """
        values = as_floats(logits, "logits")
        if values.ndim != 1:
            raise ValueError(f"logits: expected shape (n,), got {values.shape}")
        if not float(values.max(initial=-np.inf)) < np.inf:
            raise ValueError("logits: expected finite numbers or -inf, got NaN or +inf")
        if noise is None:
            self._feed_by_jumps(values)
        else:
            given = as_floats(noise, "noise")
            if given.shape != values.shape or not np.isfinite(given).all():
                raise ValueError(f"noise: expected {values.size} finite numbers, got {noise!r}")
            with np.errstate(over="ignore"):
                keys = np.add(values, given, dtype=np.float64)
            if not np.isfinite(keys[values > -np.inf]).all():
                raise ValueError(
                    "noise: expected sums with the logits that fit a float, got an overflow"
                )
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
            If `state` lacks an entry or has another one, an entry is of the wrong kind or out of
            range, two do not fit each other, or `rng` is no seed or generator. The error names
            the entry. A forged state that stays within these bounds cannot be told from a real one.
        """
        reservoir = cls(rng=rng)
        if not isinstance(state, Mapping):
            raise TypeError(f"state: expected a mapping, got {type(state).__name__}")
        if set(state) != set(reservoir.state):
            raise ValueError(f"state: expected {list(reservoir.state)}, got {list(state)}")
        reservoir.k = check_count(state["k"], "state['k']")
        reservoir.seen = check_count(state["seen"], "state['seen']", least=0)
        reservoir.variates = check_count(state["variates"], "state['variates']", least=0)
        if reservoir.seen >= 2**62:
            raise ValueError(f"state['seen']: expected fewer than 2**62, got {reservoir.seen}")
        for name in ("keys", "indices"):
            if not isinstance(state[name], (list, tuple)):
                came = type(state[name]).__name__
                raise TypeError(f"state['{name}']: expected a list, got {came}")
        keys = np.array([check_number(key, "state['keys']") for key in state["keys"]], np.float64)
        if not np.isfinite(keys).all():
            raise ValueError("state['keys']: expected finite numbers, got NaN or an infinity")
        if (np.diff(keys) > 0).any():
            raise ValueError("state['keys']: expected the largest first, got another order")
        if keys.size > min(reservoir.k, reservoir.seen):
            raise ValueError(
                f"state['keys']: expected at most k = {reservoir.k} of {reservoir.seen} seen, "
                f"got {keys.size}"
            )
        indices = [check_count(i, "state['indices']", least=0) for i in state["indices"]]
        if len(indices) != keys.size or len(set(indices)) != keys.size:
            raise ValueError(
                f"state['indices']: expected {keys.size}, one for each key, no two alike, got "
                f"{len(indices)}, of which {len(set(indices))} differ"
            )
        if max(indices, default=-1) >= reservoir.seen:
            raise ValueError(
                f"state['indices']: expected less than {reservoir.seen}, the number seen, got "
                f"{max(indices)}"
            )
        if state["jump"] is not None:
            reservoir._jump = check_number(state["jump"], "state['jump']")
            if not 0 <= reservoir._jump < np.inf:
                raise ValueError(
                    f"state['jump']: expected a finite number >= 0, got {reservoir._jump}"
                )
            if keys.size < reservoir.k:
                raise ValueError(
                    f"state['jump']: expected None until k = {reservoir.k} keys are in, got "
                    f"{reservoir._jump} with {keys.size}"
                )
        reservoir._keys, reservoir._indices = keys, np.array(indices, np.int64)
        return reservoir

    @property
    def _threshold(self) -> float:
        return float(self._keys[-1]) if self._keys.size == self.k else -np.inf

    def _keep(self, keys: NDArray[np.float64], indices: NDArray[np.int64]) -> None:
        """Merge these with those inside; of equal keys, the earlier one comes first."""
        keys, indices = np.append(self._keys, keys), np.append(self._indices, indices)
        if keys.size > 2 * self.k:  # sort only what can stay
            stay = keys >= np.partition(keys, -self.k)[-self.k]
            keys, indices = keys[stay], indices[stay]
        largest = np.argsort(-keys, kind="stable")[: self.k]
        self._keys, self._indices = keys[largest], indices[largest]

    @np.errstate(over="ignore")  # a difference of logits may be infinite, a rate too
    def _feed_by_jumps(self, values: NDArray[np.floating[Any]]) -> None:
        place, length = 0, _SHORTEST
        while place < values.size:
            block = values[place : place + length].astype(np.float64)
            used = self._take(block, self.seen + place)
            place += used
            length = min(max(2 * used, _SHORTEST), max(_LONGEST, self.k))

    def _take(self, block: NDArray[np.float64], start: int) -> int:
        """Feed some of the first classes of a block; how many."""
        room = self.k - self._keys.size
        if room:  # until k are in, whatever can be drawn enters
            possible = np.flatnonzero(block > -np.inf)[:room]
            self._keep(block[possible] + self._noise(possible.size), start + possible)
            return int(possible[-1]) + 1 if possible.size == room else block.size
        # A rate above e^4 enters but for a probability of 2e-24, and a larger one would cost the
        # sums the digits of the classes after it.
        passed = np.cumsum(np.exp(np.minimum(block - self._threshold, 4.0)))
        # Noise for each class takes one variate, a jump and a key two.
        if passed[-1] > block.size / 2 and self._expected(block) > block.size / 2:
            keys = block + self._noise(block.size)
            above = np.flatnonzero(keys > self._threshold)
            self._keep(keys[above], start + above)
            self._jump = None
            return block.size
        # Several entries against one threshold share the cost of a merge.
        entered: list[int] = []
        end = 0.0
        while len(entered) < max(1, self.k // _MERGED):
            jump = self._exponential() if self._jump is None else self._jump
            self._jump = None
            place = int(passed.searchsorted(end + jump, side="right"))
            if place == block.size:
                if not entered:
                    self._jump = jump - float(passed[-1])
                break
            entered.append(place)
            end = float(passed[place])
        if entered:
            self._enter(block[entered], start + np.array(entered))
        return min(place + 1, block.size)

    def _expected(self, block: NDArray[np.float64]) -> float:
        """About how many classes of a block enter, as the threshold rises with what they add.

        The k-th largest of many keys is near log(sum of their weights / k).
        """
        log_k = np.log(self.k)
        level = np.logaddexp.accumulate(np.append(self._threshold + log_k, block))[1:]
        return float(np.exp(np.minimum(block + log_k - level, 0)).sum())

    def _exponential(self) -> float:
        self.variates += 1
        return float(self._rng.standard_exponential())

    def _noise(self, count: int) -> NDArray[np.floating[Any]]:
        self.variates += count
        return standard_gumbel(count, rng=self._rng)

    def _enter(self, logits: NDArray[np.float64], indices: NDArray[np.int64]) -> None:
        """Draw the keys of these classes given that they exceed the threshold, and keep them."""
        share = -np.expm1(-np.exp(logits - self._threshold))
        # Above 0, so that no arrival time is 0 and no key infinite.
        level = np.maximum(self._rng.random(logits.size), 2.0**-54)
        self.variates += logits.size
        arrival = np.maximum(-np.log1p(-level * share), np.finfo(np.float64).smallest_subnormal)
        self._keep(logits - np.log(arrival), indices)
