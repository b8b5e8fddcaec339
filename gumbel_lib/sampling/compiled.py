"""Exact draws from categorical distributions in compiled loops, where Numba is installed."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import Rng, as_generator, check_logits
from ._rows import MOST_AXES, as_rows, as_shape, axes_of, in_order, num_blocks_of, room_for

Rows = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]

# The law does not depend on these constants; time and the draws of a seed do. The times beside them
# were taken on a two-core x86-64 machine.

_LAST = -1  # the default of `axis`, told from other numbers by identity: True is no 1
_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
# Classes up to which a single draw takes no race, since calls take the most time: 512 take 3 us
# either way. An element of this array is a NumPy number in a quarter of the time of `np.int64`.
_FEW = np.arange(512, dtype=np.int64)
# Classes up to which several draws do not race: 129 take 0.5 us a row either way.
_LEAST_RACE = 150
# A try takes 45 ns, a class of the inverse CDF 2: a row races as long as that is worth it.
_CLASSES_PER_TRY = 25
# Tries of a row after which the rest is foreseen.
_FORESEEN = 64
# Side by side, more blocks leave the fastest cache.
_MOST_BLOCKS = 1 << 10
# Numbers of a chunk, 0.5 MB. A quarter as many tries, and half as many guides, are made at once.
_CHUNK_SIZE = 1 << 16
# Exponentials that are taken together, for which several short rows share a pass.
_TOGETHER = 1 << 11
# Classes from which the largest logit of a row is looked for in as many lanes, since one number
# would wait for the last: 0.4 ns a class in place of 1.3.
_LANES = 64
# Draws a row from which a search begins at a guide, and how many classes pay for such a draw: to
# make guides takes 1.5 ns a class, and they save 25 a draw.
_LEAST_GUIDED, _CLASSES_PER_DRAW = 8, 16
# Classes among which a draw is counted instead of searched.
_COUNTED = 16

# exp(x) = 2^n exp(r), where r, at most log(2) / 2, is x less n log(2). That has two parts, as in
# fdlibm, of which the first times n is exact. Up to r^12 / 12! the series of exp(r) is 2e-16 from
# its limit. A loop over it takes 1.2 ns a number, since a processor runs eight at once; calls of
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
        Seed or generator, of any bit generator; it is advanced. From one state come the same draws,
        which need not be those of `sample_categorical`.
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
    Three loops (a single draw of a short row, the race, the inverse CDF) are each compiled when
    first needed, once for float32 and once for float64, in a second or two, or read from where
    Numba keeps what earlier processes compiled.

    A try of a race proposes one class, and keeps or rejects it. Rows of K > 150 classes, or for a
    single draw K > 512, race where the draws of a row are expected to take fewer than K / 25 tries:
    2 + sqrt(K) / 6 a draw, as logits of standard deviation 2 take. After 64 tries of a row the rest
    is foreseen from the draws made so far; a row that would take more is drawn by its sums instead,
    all its draws anew. Which class is kept does not depend on how many tries it took, so the law
    stays that of softmax.

    By its sums, a draw is the first class whose cumulative sum exceeds :math:`u` times the total,
    with :math:`u` uniform on [0, 1). For d draws of a row, where these are many, the search begins
    at one of some :math:`\sqrt{K d}` guides, the classes that evenly spaced levels belong to.

    Logits are rounded to float64, and so are their differences from the largest, the sums, and the
    exponentials, which are within 3 units in the last place; those of -708 and less are 0. A
    uniform number has 53 bits. So classes that hold some 1e-16 of their row or less are drawn with
    other tiny probabilities, or never, as by the lines, sums, search and table of
    `sample_categorical`.

    Logits that are no float32 or float64 array in one piece, row by row, are copied; they must not
    change during the call. Beside logits and result, a call holds up to some 2 MB, and what one row
    takes: 8 bytes a class, 24 with guides, or for a race some hundredths of the logits.

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
        and logits.ndim
        and logits.size
        and logits.dtype in _FLOATS
        and (flags := logits.flags).c_contiguous
        and flags.aligned
    ):
        width = logits.shape[-1]
        if size is None and logits.ndim <= 2:
            if logits.size == width <= _FEW.size:
                row = logits if logits.ndim == 1 else logits[0]
                if (index := _kernels()[0](row, rng.random())) >= 0:
                    found: Any = _FEW[index] if logits.ndim == 1 else _FEW[index, None].copy()
                    return found  # type: ignore[no-any-return]
                check_logits(logits, -1)
            elif width <= _LEAST_RACE:
                levels = rng.random((len(logits), 1))
                drawn: Indices = levels.view(np.int64)
                if _kernels()[2](logits, levels, drawn):
                    return drawn[:, 0]
                check_logits(logits, -1)
        batch = logits.shape[:-1]
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
    least = _FEW.size if drawn.size == 1 else _LEAST_RACE
    if width <= least or width <= _CLASSES_PER_TRY * _tries(width) * matrix.shape[1]:
        _by_sums(rows, matrix, rng)
        return drawn[()]
    _by_race(rows, matrix, rng)
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


def _by_race(rows: Rows, drawn: Indices, rng: np.random.Generator) -> None:
    """The race of blocks; rows that it gives up have a first draw of -1."""
    # For a wide row, uniforms take some hundredths of the time in which it is read.
    width = rows.shape[1]
    num_blocks = min(num_blocks_of(width), _MOST_BLOCKS)
    tries = 8 + min(int(drawn.size * _tries(width)), _CHUNK_SIZE // 4) + width // 512
    done = 0
    while done < drawn.size:
        reached = _kernels()[1](rows, drawn, done, rng.random((tries, 3)), num_blocks)
        if reached == done:  # too few for a single draw
            tries *= 4
        done = reached


def _by_sums(rows: Rows, drawn: Indices, rng: np.random.Generator) -> None:
    """The inverse CDF."""
    invert = _kernels()[2]
    # The uniforms lie where the draws come to lie.
    levels = drawn.view(np.float64)
    rng.random(out=levels)
    if not invert(rows, levels, drawn):
        check_logits(rows, -1)


@functools.cache
def _kernels() -> tuple[Callable[..., Any], ...]:
    """The loops below, compiled."""
    import numba

    loops = (_one, _race, _invert)
    # Python's lock is let go, so that threads can draw side by side.
    try:
        return tuple(numba.njit(loop, nogil=True, cache=True) for loop in loops)
    except RuntimeError:  # there is no folder that Numba may write its cache to
        return tuple(numba.njit(loop, nogil=True) for loop in loops)


# Written so that processors run several numbers of an inner loop at once: over slices from 0 on,
# and without branches. No loop calls another, so that Python runs them too where Numba is missing.
# A maximum keeps NaN, for which `x > y` is false.


def _one(row: Rows, uniform: float) -> int:
    """One draw of one row, or -1 where it has none."""
    top = row[0]
    for x in row:
        top = x if (x > top) | (x != x) else top
    if not abs(top) < math.inf:
        return -1
    sums, total = np.empty(row.size), 0.0
    for k in range(row.size):
        total += math.exp(np.float64(row[k]) - np.float64(top))
        sums[k] = total
    k = 0
    while sums[k] <= uniform * total:
        k += 1
    return k


def _race(
    rows: Rows, drawn: Indices, start: int, uniforms: NDArray[np.float64], num_blocks: int
) -> int:
    """Draws from number `start` on, and the number of the first for which no uniforms were left."""
    num_rows, width = rows.shape
    repeated = drawn.shape[1]
    height = -(-width // num_blocks)  # block b holds each num_blocks-th class
    bounds, sums = np.empty(num_blocks, rows.dtype), np.empty(num_blocks)
    used = 0
    for i in range(start // repeated, num_rows):
        row = rows[i]
        bounds[:] = row[:num_blocks]
        for line in range(1, height):
            some = row[line * num_blocks : (line + 1) * num_blocks]
            for b in range(some.size):
                x, y = some[b], bounds[b]
                bounds[b] = x if (x > y) | (x != x) else y
        top = bounds[0]
        for x in bounds:
            top = x if (x > top) | (x != x) else top
        if not abs(top) < math.inf:
            drawn[i, 0] = -1
            continue
        total = 0.0
        for b in range(num_blocks):
            total += math.exp(np.float64(bounds[b]) - np.float64(top))
            sums[b] = total
        first = max(0, start - i * repeated)
        done, tries = first, 0
        while done < repeated:
            if used == len(uniforms):
                return int(i * repeated + done)
            # As many more tries for each draw as for each of those made, and one.
            left = tries * (repeated - done) / (done - first + 1)
            if tries >= _FORESEEN and left * _CLASSES_PER_TRY > width:
                drawn[i, 0] = -1
                break
            level = uniforms[used, 0] * total
            b, half = 0, num_blocks
            while half > 1:
                half //= 2
                if sums[b + half - 1] <= level:
                    b += half
            k = int(uniforms[used, 1] * height) * num_blocks + b
            if k < width:
                excess = np.float64(row[k]) - np.float64(bounds[b])
                if uniforms[used, 2] < math.exp(excess):
                    drawn[i, done] = k
                    done += 1
            used += 1
            tries += 1
    return drawn.size


def _invert(rows: Rows, levels: NDArray[np.float64], drawn: Indices) -> bool:
    """Draws by the inverse CDF from uniforms; False where a row has none."""
    num_rows, width = rows.shape
    repeated = drawn.shape[1]
    num_guides = 1
    if repeated >= _LEAST_GUIDED and repeated * _CLASSES_PER_DRAW >= width:
        num_guides = min(int(math.sqrt(width * repeated)), max(2 * width, _CHUNK_SIZE // 2))
    guides = np.empty(num_guides + 1, np.int64)
    guides[0], guides[num_guides] = 0, width - 1
    together = max(1, _TOGETHER // width)
    sums = np.empty(together * width)
    lanes = np.empty(_LANES, rows.dtype)
    for first in range(0, num_rows, together):
        number = min(together, num_rows - first)
        for i in range(first, first + number):
            top, start = rows[i, 0], 0
            if width >= 4 * _LANES:
                start = width - width % _LANES
                lanes[:] = rows[i, :_LANES]
                for column in range(_LANES, start, _LANES):
                    some = rows[i, column : column + _LANES]
                    for b in range(some.size):
                        x, y = some[b], lanes[b]
                        lanes[b] = x if (x > y) | (x != x) else y
                for x in lanes:
                    top = x if (x > top) | (x != x) else top
            for k in range(start, width):
                x = rows[i, k]
                top = x if (x > top) | (x != x) else top
            if not abs(top) < math.inf:
                return False
            if number > 1:
                base = (i - first) * width
                for k in range(width):
                    sums[base + k] = np.float64(rows[i, k]) - np.float64(top)
        total = 0.0
        for start in range(0, number * width, _TOGETHER):
            part = sums[start : min(start + _TOGETHER, number * width)]
            if number == 1:
                some = rows[first, start : start + part.size]
                for k in range(part.size):
                    part[k] = np.float64(some[k]) - np.float64(top)
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
            if number == 1:
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
        for i in range(first, first + number):
            base = (i - first) * width
            if number > 1:
                total = 0.0
                for k in range(base, base + width):
                    total += sums[k]
                    sums[k] = total
            # Guide g is the first class whose sum, in units of total / num_guides, is g or more, so
            # that a level between g and g + 1 belongs to a class from this guide to the next.
            scale = num_guides / total
            k = base
            for g in range(1, num_guides):
                while sums[k] * scale < g:
                    k += 1
                guides[g] = k - base
            for j in range(repeated):
                level = levels[i, j] * total
                g = min(int(level * scale), num_guides - 1)
                low, high = base + guides[g], base + guides[g + 1]
                while high - low > _COUNTED:
                    middle = (low + high) // 2
                    if sums[middle] <= level:
                        low = middle + 1
                    else:
                        high = middle
                found = low - base
                for k in range(low, high):
                    found += sums[k] <= level
                drawn[i, j] = found
    return True
