"""Exact draws from a stream of logits, with a state that merges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import Rng, as_floats, as_generator, check_count, check_number
from ..noise import standard_gumbel

_SHORTEST, _LONGEST = 64, 1 << 14  # logits looked at together; only times depend on these
_SLACK = 16  # up to k/16 more are held: more would waste variates, fewer cost time
# A rate above e^4 enters but for a probability of 2e-24, and a larger one might overflow.
_SURE = 4.0
_LIKELY = math.log(2)  # the rate that enters as likely as not: noise takes no more variates
# In streams that rise at 13 slopes, at k from 1 to 100,000, an entry takes as long as noise for
# about 4000 classes by itself and for 30 in a batch, and `_is_dense` as long as for 1000.
_ALONE, _SHARED, _GLANCE = 4000, 30, 1000
_TINY = float(np.finfo(np.float64).smallest_subnormal)


class GumbelReservoir:
    r"""The k largest perturbed logits of a stream: k classes drawn without replacement.

    The key of a class is its perturbed logit, and the reservoir holds the k largest keys. A class
    with logit l beats the smallest of them, the threshold :math:`\kappa`, at rate

    .. math:: h = e^{l - \kappa}, \qquad P(\text{none of these enters}) = e^{-\sum h},

    so one exponential variate says how much rate passes until the next class enters, and one
    more gives its key, a Gumbel at l conditioned to exceed the threshold:

    .. math:: \text{key} = l - \log\bigl(-\log(1 - u\,(1 - e^{-h}))\bigr) .

    Classes that do not enter cost no variate. From n equal logits, and from any n in random order,
    about k (1 + log(n/k)) enter. Noise is drawn instead for each class of a block of which half
    are expected to enter, since that takes no more variates; and, once a stream has taken more of
    them than one in random order would have, where entries are dense, since that takes less time.
    So logits that rise cost at most about three times as much as in random order. Keys are
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
        Number of random numbers drawn so far, those of merged reservoirs included.

    Raises
    ------
    TypeError, ValueError
        If `k` is no positive integer, or `rng` no seed or generator.

    Notes
    -----
    From k = 16 on, up to k/16 classes more than k are held, so the threshold is the smallest key
    held and lags behind; when they are too many, the k largest stay. The law is the same, and an
    entry costs O(1) on average, however large k is and however the stream is cut into chunks.
    `draw` and `state` change nothing: what is drawn later does not depend on when they are asked.

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
        # The first `_held` are all keys seen that reach the threshold, in order of arrival.
        self._keys = np.empty(0)
        self._indices = np.empty(0, np.int64)
        self._held = 0
        self._threshold = -np.inf  # the smallest key held, once k are
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
            if values.size == 1:
                self._feed_one(float(values[0]))
            else:
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
            self._hold(keys[entered], self.seen + entered)
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
        if self._held < self.k:
            raise ValueError(
                f"logits: expected at least {self.k} finite ones fed, got {self._held}"
            )
        return self._largest_first()[1][: self.k]

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
        self._hold(other._keys[: other._held], self.seen + other._indices[: other._held])
        if self._held > self.k:  # below the larger threshold of the two, keys are missing
            self._drop()
        self._jump = None  # exponential jumps have no memory: a new one is as good
        self.seen += other.seen
        self.variates += other.variates

    @property
    def state(self) -> dict[str, Any]:
        """All but the generator, as plain numbers and lists that JSON can hold.

        The keys held, largest first, are at most k + k/16; the first k of them are the draw.
        """
        keys, indices = self._largest_first()
        return {
            "k": self.k,
            "seen": self.seen,
            "variates": self.variates,
            "jump": self._jump,
            "keys": keys.tolist(),
            "indices": indices.tolist(),
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
        if keys.size > min(reservoir._most, reservoir.seen):
            raise ValueError(
                f"state['keys']: expected at most {reservoir._most} for k = {reservoir.k}, of "
                f"{reservoir.seen} seen, got {keys.size}"
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
        order = np.array(indices, np.int64)
        if (order[:-1] > order[1:])[keys[:-1] == keys[1:]].any():
            raise ValueError(
                "state['indices']: expected the earlier of two with equal keys first, got the later"
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
        arrival = np.argsort(order)
        reservoir._hold(keys[arrival], order[arrival])
        return reservoir

    @property
    def _most(self) -> int:
        """How many are held at most."""
        return self.k + self.k // _SLACK

    def _largest_first(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Keys and indices held; of equal keys, the earlier one comes first."""
        order = np.argsort(-self._keys[: self._held], kind="stable")
        return self._keys[order], self._indices[order]

    def _hold(self, keys: NDArray[np.float64], indices: NDArray[np.int64]) -> None:
        """Hold these later classes too, and of too many the k largest."""
        before, self._held = self._held, self._held + keys.size
        if self._held > self._keys.size:  # at least doubled, so that an entry costs O(1)
            more = before + keys.size
            self._keys = np.append(self._keys[:before], np.empty(more))
            self._indices = np.append(self._indices[:before], np.empty(more, np.int64))
        self._keys[before : self._held] = keys
        self._indices[before : self._held] = indices
        if self._held > self._most:
            self._drop()
        elif self._held >= self.k and self._threshold == -np.inf:
            self._threshold = float(self._keys[: self._held].min())

    def _drop(self) -> None:
        """Hold the k largest only; of equal keys, the earlier ones."""
        keys, indices = self._keys[: self._held], self._indices[: self._held]
        if keys.size == self.k + 1:  # as after each entry for k < 16; in half the time
            out = self.k - int(keys[::-1].argmin())
            keys[out:-1], indices[out:-1] = keys[out + 1 :], indices[out + 1 :]
            self._threshold = float(keys[keys[:-1].argmin()])
        else:
            self._threshold = float(np.partition(keys, -self.k)[-self.k])
            stay = np.flatnonzero(keys >= self._threshold)
            if stay.size > self.k:
                equal = np.flatnonzero(keys[stay] == self._threshold)
                stay = np.delete(stay, equal[self.k - stay.size :])
            self._keys[: self.k], self._indices[: self.k] = keys[stay], indices[stay]
        self._held = self.k

    def _feed_one(self, logit: float) -> None:
        """As `_take`, but without arrays, which would take most of the time."""
        if logit == -np.inf:
            return
        rate = math.exp(min(logit - self._threshold, _SURE))
        if rate > _LIKELY:
            self._jump = None
            key = logit - math.log(max(self._exponential(), _TINY))
            if key > self._threshold:
                self._hold(np.array([key]), np.array([self.seen]))
            return
        jump = self._exponential() if self._jump is None else self._jump
        self._jump = jump - rate
        if jump < rate:
            self._jump = None
            self._hold(self._keys_above(np.array([logit])), np.array([self.seen]))

    @np.errstate(over="ignore")  # a difference of logits may be infinite, a rate too
    def _feed_by_jumps(self, values: NDArray[np.floating[Any]]) -> None:
        # At first, about as far as the next entry would be in random order.
        place, length = 0, min(max(self.seen // self.k, _SHORTEST), _LONGEST)
        while place < values.size:
            block = values[place : place + length].astype(np.float64)
            start = self.seen + place
            if float(block.min()) > -np.inf:
                used = self._take(block, start)
            else:  # as if the classes that can be drawn were all
                possible = np.flatnonzero(block > -np.inf)
                used = self._take(block[possible], start) if possible.size else 0
                new = self._indices[self._indices[: self._held].searchsorted(start) : self._held]
                new[:] = start + possible[new - start]
                used = block.size if used == possible.size else int(possible[used - 1]) + 1
            place += used
            length = min(max(2 * used, _SHORTEST), _LONGEST)

    def _take(self, block: NDArray[np.float64], start: int) -> int:
        """Feed some of the first classes of a block that can all be drawn; how many."""
        room = self.k - self._held
        if room > 0:
            block = block[:room]
            self._hold(block + self._noise(block.size), start + np.arange(block.size))
            return block.size
        rates = np.exp(np.minimum(block - self._threshold, _SURE))
        if self._is_dense(block, rates, start):
            self._jump = None
            keys = block + self._noise(block.size)
            inside = keys > self._threshold
            last = keys[-2 * self.k - _SHORTEST :]
            if block.size > 4 * last.size:  # most may fall below the k largest of the last alone
                level = np.partition(last, -self.k)[-self.k]
                inside = keys >= level if level > self._threshold else inside
            above = np.flatnonzero(inside)
            self._hold(keys[above], start + above)
            return block.size
        likely = np.empty(0, np.int64)
        batch = self._most + 1 - self._held  # entries against one threshold
        if self._most > self.k and float(rates.max()) > _LIKELY:
            # Many arrivals of a batch would be those of one class that enters by the first.
            rates = rates[: int(np.minimum(rates, 1.0).cumsum().searchsorted(batch)) + 1]
            likely = np.flatnonzero(rates > _LIKELY)
            rates[likely] = 0
        entered, used = self._arrive(rates.cumsum(), batch)
        keys = self._keys_above(block[entered])
        likely = likely[: int(likely.searchsorted(used))]
        if likely.size:
            drawn = block[likely] + self._noise(likely.size)
            entered = np.append(entered, likely[drawn > self._threshold])
            keys = np.append(keys, drawn[drawn > self._threshold])
            order = entered.argsort()
            entered, keys = entered[order], keys[order]
        if entered.size:
            self._hold(keys, start + entered)
        return used

    def _arrive(self, passed: NDArray[np.float64], most: int) -> tuple[NDArray[np.int64], int]:
        """The next places of at most `most` entries, given sums of rates, and how many it saw."""
        total = float(passed[-1])
        jump = self._exponential() if self._jump is None else self._jump
        if jump >= total:
            self._jump = jump - total
            return np.empty(0, np.int64), passed.size
        self._jump = None
        count = min(most, 1 + int(total - math.sqrt(total)))  # few of them will lie beyond
        if count == 1:
            place = int(passed.searchsorted(jump, side="right"))
            return np.array([place]), place + 1
        self.variates += count - 1
        gaps = self._rng.standard_exponential(count - 1)
        arrivals = np.append(jump, jump + gaps.cumsum())
        inside = int(arrivals.searchsorted(total))
        # What follows an entry within its own class is no entry.
        places = np.unique(passed.searchsorted(arrivals[:inside], side="right"))
        if inside == count:
            return places, int(places[-1]) + 1
        self._jump = float(arrivals[inside]) - total
        return places, passed.size

    def _is_dense(self, block: NDArray[np.float64], rates: NDArray[np.float64], start: int) -> bool:
        """Whether noise for each class of a block is the better choice."""
        # Noise takes one variate a class, a jump and a key two. Once the stream has taken more than
        # one in random order would have, time counts too; chance alone gets there in one of 1e5.
        shuffled = self.k * (1 + 2 * math.log(max(start / self.k, 1.0)))
        spent = self.variates > 1.25 * shuffled + 32
        weight = _ALONE / (self._most + 1 - self.k) + _SHARED if spent else 2.0
        if weight * float(rates.sum()) <= block.size:
            return False
        if spent and block.size <= _GLANCE:
            return True
        # The expected entries are at most the classes whose rate is about 1 or more, and, as the
        # k-th largest of many keys is near log(sum of their weights / k), the rise of that times k.
        top = float(block.max())
        log_total = top - self._threshold + math.log(float(np.exp(block - top).sum()))
        rise = float(np.logaddexp(0.0, log_total - math.log(self.k)))
        return weight * min(self.k * rise, float(np.minimum(rates, 1.0).sum())) > block.size

    def _exponential(self) -> float:
        self.variates += 1
        return float(self._rng.standard_exponential())

    def _noise(self, count: int) -> NDArray[np.floating[Any]]:
        self.variates += count
        return standard_gumbel(count, rng=self._rng)

    def _keys_above(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Keys of these classes, drawn given that they exceed the threshold."""
        if not logits.size:
            return logits
        share = -np.expm1(-np.exp(logits - self._threshold))
        # Above 0, so that no arrival time is 0 and no key infinite.
        level = np.maximum(self._rng.random(logits.size), 2.0**-54)
        self.variates += logits.size
        arrival = np.maximum(-np.log1p(-level * share), _TINY)
        # Rounding may take a key a digit below the threshold.
        keys: NDArray[np.float64] = np.maximum(logits - np.log(arrival), self._threshold)
        return keys
