"""Exact draws from categorical distributions in compiled loops, where Numba is installed."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import Rng, as_generator, check_logits
from ._rows import MOST_AXES, as_rows, as_shape, axes_of, in_order, num_blocks_of, room_for

Rows = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]

# The law does not depend on the constants down to _COUNTED; time and the draws of a seed do. The
# times beside them were taken on a two-core x86-64 machine.

_LAST = -1  # the default of `axis`, told from other numbers by identity: True is no 1
_FLOATS, _INT64 = (np.dtype(np.float64), np.dtype(np.float32)), np.dtype(np.int64)
# Classes up to which a single draw takes no race: 3000 take 6.5 us either way. An element of this
# array is a NumPy number in a quarter of the time of `np.int64`.
_FEW = np.arange(3000, dtype=_INT64)
# Classes up to which rows are drawn side by side and do not race: 160 take 0.4 us either way.
_LEAST_RACE = 160
# A try takes 60 ns, a class 1.5 more by sums than in a race: a row races as long as that pays.
_CLASSES_PER_TRY = 40
# Tries of a row after which the rest is foreseen.
_FORESEEN = 64
# Side by side, more blocks leave the fastest cache.
_MOST_BLOCKS = 1 << 10
# Numbers of a chunk, 0.5 MB. A quarter as many tries are made at once. Of guides there are
# no more than half as many, or two a class.
_CHUNK_SIZE = 1 << 16
# Exponentials that are taken together, and rows that are drawn side by side, if so many together
# have no more: both stay in the fastest cache. Of 16 rows or more a processor makes good use.
_TOGETHER, _LEAST_ROWS, _MOST_ROWS = 1 << 11, 16, 1 << 8
# Numbers among which the largest is looked for side by side, and draws whose search goes on side by
# side, since one would wait for the last: 0.2 ns a class in place of 1.3, and 15 a draw in place of
# 25 to 200.
_LANES = 64
# Draws a row from which a search begins at a guide are these and one for two classes. There it
# takes up to 1.6 of the time for logits of standard deviation 2, and 0.4 to 0.9 for 4, or where a
# few classes hold nearly all.
_LEAST_GUIDED = 256
# Classes among which a draw is counted instead of searched.
_COUNTED = 16

# exp(x) = 2^n exp(r), where r is x less n log(2), and |r| <= log(2) / 2. That has two parts, as in
# fdlibm, of which the first times n is exact. Up to r^12 / 12! the series of exp(r) is 2e-16 from
# its limit. A loop over it takes 0.7 ns a number, since a processor runs eight at once; calls of
# `math.exp` take 4.5.
_LN2, _LN2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12 = (
    1 / math.factorial(n) for n in range(2, 13)
)
# exp of this and less is taken for 0: beside a weight of 1 nobody can tell.
_LEAST_EXPONENT = -708.0


def sample_compiled(
    logits: ArrayLike,
    *,
    size: int | tuple[int, ...] | None = None,
    rng: Rng,
    axis: int = -1,
) -> Indices:
    r"""Exact draws from softmax(logits), as `sample_categorical` makes them, in compiled loops.

    A compiled loop spares calls of Python, and arrays that are written and read again. So two
    methods are enough. Where there are few draws of a wide row, blocks of classes race at their
    upper bounds (see `sample_categorical`, where the race is explained); otherwise a draw is looked
    up in the cumulative sums of its row.

    Parameters
    ----------
    logits : array_like (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that is never drawn.
    size : int or tuple of int, optional
        Shape of the result, to which the batch shape (that of `logits` without `axis`) must
        broadcast, as in NumPy's generators. One draw of each row by default.
    rng : int or numpy.random.Generator
        Seed or generator, of any bit generator; it is advanced. On one machine the same state gives
        the same draws, which need not be those of `sample_categorical`. On another a draw within
        some 1e-16 of the border between two classes may fall to the other.
    axis : int
        The axis of the classes.

    Returns
    -------
    numpy.ndarray of int64
        Indices along `axis`; one number, as from NumPy's generators, where the shape is ``()``.

    Raises
    ------
    ModuleNotFoundError
        If Numba is not installed; ``pip install -e ".[compiled]"`` brings it to a clone.
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If a logit is NaN or +inf or a row all ``-inf`` where there is something to draw, K is 0,
        or `size` does not fit.

    Notes
    -----
    Four loops (one draw of one row, one draw of each of some short rows, the race, the inverse CDF)
    are each compiled when first needed, in a second or two, or read from where Numba keeps what
    earlier processes compiled; anew for float32 and float64, and for arrays that are read-only, the
    first also for (K,) and (1, K).

    A try of a race proposes one class, and keeps or rejects it. Rows of K > 160 classes, or for a
    single draw K > 3000, race where the draws of a row are expected to take fewer than K / 40
    tries: 2 + sqrt(K) / 6 a draw, as logits of standard deviation 2 take. After 64 tries of a row
    in a pass the rest is foreseen from the draws made so far; a row that would take more is drawn
    by its sums instead, all its draws anew. Which class is kept does not depend on how many tries
    it took, so the law stays that of softmax.

    By its sums, a draw is the first class whose cumulative sum exceeds the level, :math:`u` times
    the total, with :math:`u` uniform on [0, 1). Short rows that are drawn once each are handled
    together, and the class is the number of sums that are not above the level. Else a binary search
    finds it, advanced one step for 64 draws at a time, so that they need not wait for memory one
    after the other. From K / 2 + 256 draws of a row on, it begins at a guide: there are
    :math:`\sqrt{K d}` for d draws, but no more than 2 K or 32,768, whichever is greater, and guide
    g is the first class whose sum reaches g equal parts of the total.

    Logits are rounded to float64, and so are their differences from the largest, the sums, and the
    exponentials, which are within 3 units in the last place; those of -708 and less are 0. A
    product and a sum are rounded once where the processor can. A uniform number has 53 bits. So
    classes that hold some 1e-16 of their row or less are drawn with other tiny probabilities, or
    never, as by the lines, sums, search and table of `sample_categorical`.

    Logits that are no float32 or float64 array in one piece, row by row, are copied; they must not
    change during the call. Beside logits and result, a call holds up to some 2 MB, and what one row
    takes: 8 bytes a class, 24 with guides, or for a race some hundredths of the logits. A race also
    holds a byte a row, and 8 more for each row that it gives up, if there are any; a call that
    refuses its logits a byte a logit.

    References
    ----------
    Maddison, C. J., Tarlow, D., Minka, T., *A\* Sampling*, NeurIPS 2014 (bounds on blocks);
    Chen, H.-C., Asau, Y., *On Generating Random Variates from an Empirical Distribution*, AIIE
    Transactions 6, 1974 (the indexed inverse CDF);
    Lam, S. K., Pitrou, A., Seibert, S., *Numba: A LLVM-based Python JIT Compiler*, LLVM-HPC 2015.

    Examples
    --------
    >>> logits = np.log([0.7, 0.2, 0.1])
    >>> np.bincount(sample_compiled(logits, size=10_000, rng=0)).tolist()  # doctest: +SKIP
    [6999, 2021, 980]
    >>> sample_compiled(np.zeros((4, 5, 1000)), rng=0).shape  # doctest: +SKIP
    (4, 5)
    """
    # The shortest way, since of few logits most of the time would go into checks.
    if (
        type(logits) is np.ndarray
        and type(rng) is np.random.Generator
        and axis is _LAST
        and logits.dtype in _FLOATS
        and (flags := logits.flags).c_contiguous
        and flags.aligned
        and (shape := logits.shape)
        and logits.size
    ):
        width = shape[-1]
        if size is None and len(shape) <= 2:
            if logits.size == width <= len(_FEW):
                if (index := _kernels().one(logits, rng.random())) >= 0:
                    if len(shape) == 1:
                        return _FEW[index]  # type: ignore[no-any-return]
                    drawn = np.empty(1, _INT64)
                    drawn[0] = index
                    return drawn
                check_logits(logits, -1)
            elif width <= _LEAST_RACE and logits.size <= _CHUNK_SIZE:  # in more, uniforms take room
                drawn = np.empty(shape[0], _INT64)
                if _kernels().short_rows(logits, rng.random(shape[0]), drawn):
                    return drawn
                check_logits(logits, -1)
        batch = shape[:-1]
        lengths = batch if size is None else (size,) if type(size) is int else size
        if (
            type(lengths) is tuple
            and len(batch) <= len(lengths) < MOST_AXES
            and all(type(length) is int and length > 0 for length in lengths)
        ):
            if size is None or logits.size == width:
                return _draw(logits.reshape(-1, width), lengths, rng, size)
            if lengths[len(lengths) - len(batch) :] == batch:
                number = logits.size // width
                shape = number, math.prod(lengths) // number
                matrix = _draw(logits.reshape(-1, width), shape, rng, size)
                return matrix.T.reshape(lengths)

    values = as_rows(logits, axis)
    batch, width = values.shape[:-1], values.shape[-1]
    lengths = batch if size is None else as_shape(size, batch)
    generator = as_generator(rng)
    if 0 in lengths:
        return np.empty(lengths, np.int64)
    if values.dtype not in _FLOATS:
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    rows = np.require(values, requirements=("C", "A")).reshape(-1, width)
    of_batch, of_repeats = axes_of(lengths, batch)
    repeated = math.prod(lengths[i] for i in of_repeats)
    drawn = _draw(rows, (len(rows), repeated), generator, size)
    return in_order(drawn, lengths, of_batch + of_repeats)


def _draw(rows: Rows, shape: tuple[int, ...], rng: np.random.Generator, size: Any) -> Indices:
    """Draws of each row, in this shape, whose first axes are those of the rows.

    `size` is what the caller asked for.
    """
    drawn = room_for(shape, size)
    matrix = drawn.reshape(len(rows), -1)
    width = rows.shape[1]
    least = len(_FEW) if drawn.size == 1 else _LEAST_RACE
    if width <= least or width <= _CLASSES_PER_TRY * _tries(width) * matrix.shape[1]:
        _by_sums(rows, matrix, rng)
        return drawn[()]
    if not _by_race(rows, matrix, rng):
        return drawn[()]
    given_up = np.flatnonzero(matrix[:, 0] < 0)
    step = max(1, _CHUNK_SIZE // width)
    for start in range(0, given_up.size, step):
        some = given_up[start : start + step]
        found = matrix[some]
        # A long row is not copied.
        chunk = rows[some] if step > 1 else rows[some[0] : some[0] + 1]
        _by_sums(chunk, found, rng)
        matrix[some] = found
    return drawn[()]


def _tries(width: int) -> float:
    """Tries that a draw takes on average, for logits of standard deviation 2."""
    return 2 + math.sqrt(width) / 6


def _by_race(rows: Rows, drawn: Indices, rng: np.random.Generator) -> int:
    """The race of blocks; how many rows it gave up, which have a first draw of -1."""
    # For a wide row, uniforms take up to a tenth of the time in which it is read.
    width = rows.shape[1]
    num_blocks = min(num_blocks_of(width), _MOST_BLOCKS)
    tries = 8 + min(int(drawn.size * _tries(width)), _CHUNK_SIZE // 4) + width // 512
    done, given_up = 0, 0
    while done < drawn.size:
        reached, more = _kernels().race(rows, drawn, done, rng.random((tries, 3)), num_blocks)
        if reached == done:  # too few for a single draw
            tries *= 4
        done, given_up = reached, given_up + more
    return given_up


def _num_guides(width: int, repeated: int) -> int:
    """Guides for so many draws of a row, or 0."""
    if repeated < width // 2 + _LEAST_GUIDED:
        return 0
    return min(math.isqrt(width * repeated), max(2 * width, _CHUNK_SIZE // 2))


def _by_sums(rows: Rows, drawn: Indices, rng: np.random.Generator) -> None:
    """The inverse CDF."""
    # The uniforms lie where the draws come to lie.
    levels = drawn.view(np.float64)
    rng.random(out=levels)
    if len(rows) > 1 and levels.shape[1] == 1 and rows.shape[1] <= _LEAST_RACE:
        found = _kernels().short_rows(rows, levels[:, 0], drawn[:, 0])
    else:
        found = _kernels().invert(rows, levels, drawn, _num_guides(rows.shape[1], levels.shape[1]))
    if not found:
        check_logits(rows, -1)


class Kernels(NamedTuple):
    """The loops below, compiled or not."""

    one: Callable[..., int]
    short_rows: Callable[..., bool]
    race: Callable[..., tuple[int, int]]
    invert: Callable[..., bool]


@functools.cache
def _kernels() -> Kernels:
    """The loops below, compiled."""
    import numba
    from numba.extending import register_jitable

    for part in (_raise, _largest, _exponentiate, _sum_up):
        register_jitable(part)
    loops = (_one, _short_rows, _race, _invert)
    # Python's lock is let go, so that threads can draw side by side. A product and a sum may be
    # rounded once, which takes half as many instructions.
    compile_ = functools.partial(numba.njit, nogil=True, fastmath={"contract"})
    try:
        return Kernels(*(compile_(loop, cache=True) for loop in loops))
    except RuntimeError:  # there is no folder that Numba may write its cache to
        return Kernels(*(compile_(loop) for loop in loops))


# Written so that processors run several numbers of an inner loop at once: over slices from 0 on,
# and without branches. Python runs them too, where Numba is missing.


def _raise(bounds: Rows, some: Rows) -> None:
    """bounds[b] = max(bounds[b], some[b]); a NaN, once there, stays, since x > NaN is false."""
    for b in range(some.size):
        x, y = some[b], bounds[b]
        bounds[b] = x if (x > y) | (x != x) else y


def _largest(row: Rows) -> Any:
    """The largest logit of a row, or NaN if there is one."""
    top, start = row[0], 0
    if row.size >= 4 * _LANES:
        start = row.size - row.size % _LANES
        lanes = row[:_LANES].copy()
        for column in range(_LANES, start, _LANES):
            _raise(lanes, row[column : column + _LANES])
        for x in lanes:
            top = x if (x > top) | (x != x) else top
    for k in range(start, row.size):
        x = row[k]
        top = x if (x > top) | (x != x) else top
    return top


def _exponentiate(part: NDArray[np.float64]) -> None:
    """exp of numbers that are 0 at most, in place."""
    bits = part.view(np.int64)
    for k in range(part.size):
        x = part[k]
        y = x if x > _LEAST_EXPONENT else _LEAST_EXPONENT
        n = math.floor(y / math.log(2) + 0.5)
        r = (y - n * _LN2) - n * _LN2_REST
        part[k] = 1 + r * (1 + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * (
            _C7 + r * (_C8 + r * (_C9 + r * (_C10 + r * (_C11 + r * _C12))))))))))
        )  # fmt: skip
        bits[k] += np.int64(n) << 52  # times 2^n
        part[k] = part[k] if x > _LEAST_EXPONENT else 0.0


def _sum_up(row: Rows, sums: NDArray[np.float64]) -> bool:
    """Cumulative sums of exp(row - its largest); False where a row has none."""
    top, total = np.float64(_largest(row)), 0.0
    if not abs(top) < math.inf:
        return False
    for start in range(0, row.size, _TOGETHER):
        part, some = sums[start : start + _TOGETHER], row[start : start + _TOGETHER]
        for k in range(part.size):
            part[k] = np.float64(some[k]) - top
        _exponentiate(part)
        # Four sums side by side, since each number of a sum must wait for the last.
        size = part.size // 4
        one, two, three, four = part[:size], part[size:], part[2 * size :], part[3 * size :]
        t1, t2, t3, t4 = 0.0, 0.0, 0.0, 0.0
        for k in range(size):
            t1, t2, t3, t4 = t1 + one[k], t2 + two[k], t3 + three[k], t4 + four[k]
            one[k], two[k], three[k], four[k] = t1, t2, t3, t4
        for k in range(size, four.size):
            t4 += four[k]
            four[k] = t4
        t2, t3, t4 = total + t1, total + t1 + t2, total + t1 + t2 + t3
        for k in range(size):
            one[k] += total
            two[k] += t2
            three[k] += t3
        for k in range(four.size):
            four[k] += t4
        total = part[-1]
    return True


def _one(rows: Rows, uniform: float) -> int:
    """One draw of one row, (K,) or (1, K), by the inverse CDF, or -1 where it has none."""
    row = rows.reshape(-1)
    sums = np.empty(row.size)
    if not _sum_up(row, sums):
        return -1
    return int(np.searchsorted(sums, uniform * sums[-1], side="right"))


def _short_rows(rows: Rows, uniforms: NDArray[np.float64], drawn: Indices) -> bool:
    """A draw of each of some short rows by the inverse CDF; False where a row has none."""
    num_rows, width = rows.shape
    together = max(_LEAST_ROWS, min(_MOST_ROWS, _TOGETHER // width))
    sums = np.empty(together * width)
    top, level, found = np.empty(together), np.empty(together), np.empty(together, np.int64)
    for first in range(0, num_rows, together):
        # The classes of these rows lie one after the other, each with its logits side by side.
        size = min(together, num_rows - first)
        for i in range(size):
            for k in range(width):
                sums[k * size + i] = rows[first + i, k]
        top[:size] = sums[:size]
        for k in range(1, width):
            _raise(top, sums[k * size : (k + 1) * size])
        for i in range(size):
            if not abs(top[i]) < math.inf:
                return False
        for k in range(width):
            part = sums[k * size : (k + 1) * size]
            for i in range(part.size):
                part[i] -= top[i]
        _exponentiate(sums[: size * width])
        level[:size] = 0.0
        for k in range(width):
            part = sums[k * size : (k + 1) * size]
            for i in range(part.size):
                level[i] += part[i]
                part[i] = level[i]
        for i in range(size):
            level[i] *= uniforms[first + i]
        found[:size] = 0
        for k in range(width):
            part = sums[k * size : (k + 1) * size]
            for i in range(part.size):
                found[i] += part[i] <= level[i]
        drawn[first : first + size] = found[:size]
    return True


def _race(
    rows: Rows, drawn: Indices, start: int, uniforms: NDArray[np.float64], num_blocks: int
) -> tuple[int, int]:
    """Fill `drawn`, row by row, from draw `start` on until no uniforms are left.

    Returns the number of the next draw, and how many rows were given up.
    """
    num_rows, width = rows.shape
    repeated = drawn.shape[1]
    height = -(-width // num_blocks)  # block b holds each num_blocks-th class
    bounds, sums = np.empty(num_blocks, rows.dtype), np.empty(num_blocks)
    used, given_up = 0, 0
    for i in range(start // repeated, num_rows):
        row = rows[i]
        bounds[:] = row[:num_blocks]
        for line in range(1, height):
            _raise(bounds, row[line * num_blocks : (line + 1) * num_blocks])
        if not _sum_up(bounds, sums):
            drawn[i, 0] = -1
            given_up += 1
            continue
        first = max(0, start - i * repeated)
        done, tries = first, 0
        while done < repeated:
            if used == len(uniforms):
                return int(i * repeated + done), given_up
            # Tries still to come: draws left, times tries so far / (draws so far + 1).
            left = tries * (repeated - done) / (done - first + 1)
            if tries >= _FORESEEN and left * _CLASSES_PER_TRY > width:
                drawn[i, 0] = -1
                given_up += 1
                break
            level = uniforms[used, 0] * sums[-1]
            b, half = 0, num_blocks
            while half > 1:
                half //= 2
                b += half * (sums[b + half - 1] <= level)
            k = int(uniforms[used, 1] * height) * num_blocks + b
            if k < width:
                excess = np.float64(row[k]) - np.float64(bounds[b])
                if uniforms[used, 2] < math.exp(excess):
                    drawn[i, done] = k
                    done += 1
            used += 1
            tries += 1
    return drawn.size, given_up


def _invert(rows: Rows, levels: NDArray[np.float64], drawn: Indices, num_guides: int) -> bool:
    """Draws of each row by the inverse CDF; False where a row has none."""
    num_rows, width = rows.shape
    repeated = drawn.shape[1]
    guides = np.empty(num_guides + 1, np.int64)
    sums = np.empty(width)
    lows, some = np.empty(_LANES, np.int64), np.empty(_LANES)
    for i in range(num_rows):
        if not _sum_up(rows[i], sums):
            return False
        total = sums[-1]
        if num_guides == 0:
            for start in range(0, repeated, _LANES):
                number = min(_LANES, repeated - start)
                for j in range(number):
                    some[j] = levels[i, start + j] * total
                    lows[j] = 0
                size = width
                while size > 1:
                    half = size // 2
                    for j in range(number):
                        lows[j] += half * (sums[lows[j] + half - 1] <= some[j])
                    size -= half
                for j in range(number):
                    drawn[i, start + j] = lows[j]
            continue
        # Guide g is the first class whose sum, in units of total / num_guides, is g or more, so
        # that a level between g and g + 1 belongs to a class from this guide to the next.
        scale = num_guides / total
        guides[0], guides[num_guides] = 0, width - 1
        k = 0
        for g in range(1, num_guides):
            while sums[k] * scale < g:
                k += 1
            guides[g] = k
        for j in range(repeated):
            level = levels[i, j] * total
            g = min(int(level * scale), num_guides - 1)
            low, high = guides[g], guides[g + 1]
            while high - low > _COUNTED:
                middle = (low + high) // 2
                if sums[middle] <= level:
                    low = middle + 1
                else:
                    high = middle
            found = low
            for k in range(low, high):
                found += sums[k] <= level
            drawn[i, j] = found
    return True
