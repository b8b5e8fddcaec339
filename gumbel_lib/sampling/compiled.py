"""Exact draws from categorical distributions in compiled loops, where Numba is installed."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy import empty, ndarray
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from .._checks import Rng, as_generator, check_logits
from ._rows import (
    MOST_AXES,
    as_rows,
    as_shape,
    axes_of,
    in_order,
    num_blocks_of,
    room_for,
    threads_of,
)

Rows = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]
Uniforms = Callable[[NDArray[np.float64]], Any]  # fills an array with uniforms on [0, 1)
Share = Callable[..., Any]  # map, or that of a pool of threads

# The law does not depend on the constants down to _LEAST_TABLED; time and the draws of a seed do.
# The times beside them were taken on two-core x86-64 machines.

# The defaults of `axis` and `workers`, which are told from other numbers by identity: True is no 1.
_LAST, _ALONE = -1, 1
_FLOAT64, _INT64 = np.dtype(np.float64), np.dtype(np.int64)
_FLOATS = _FLOAT64, np.dtype(np.float32)
# Logits in all that a race must spare, beside its tries, to take the place of sums: 5000 of one row
# take 6.6 us either way, 10 draws of 10,000 classes, where it spares 2600, 13 us either way, and 10
# of 20,000 take 23 by sums and 19. So few logits in all need no look at their shape.
_MOST_FEW = 5000
# An element of an array is a NumPy number in a quarter of the time of `np.int64`.
_FEW = np.arange(_MOST_FEW, dtype=_INT64)
# Classes up to which rows are drawn by sums and do not race: a hundred rows of 400 classes take 43
# us by sums and 55 in a race, a hundred of 1000 take 90 and 75.
_LEAST_RACE = 512
# A try takes 50 ns, a class 0.6 to 1.6 more by sums than in a race: a row races while that pays.
_CLASSES_PER_TRY = 60
# Tries of a row after which the rest is foreseen.
_FORESEEN = 64
# Nanoseconds of a part, since threads and a generator for each take some 50 us, and about those of
# a draw that is looked up.
_PART, _LOOK_UP = 1 << 19, 6
# Uniforms that rng makes itself: the states of so many generators take 7 us, and then a uniform
# takes 1 ns in place of 3.5.
_FEW_UNIFORMS, _STREAMS = 1 << 12, 32
# Numbers of a chunk, 0.5 MB. A quarter as many tries are made at once.
_CHUNK_SIZE = 1 << 16
# Exponentials that are taken together, and rows that are drawn side by side, if so many together
# have no more: both stay in the fastest cache. Of 16 rows or more a processor makes good use.
_TOGETHER, _LEAST_ROWS, _MOST_ROWS = 1 << 11, 16, 1 << 8
# Comparisons in all up to which few rows are drawn by a loop of their own, not side by side: 8 rows
# of 32 classes take 1.0 us so and 1.4 side by side, 60 of 6 take 1.2 either way.
_MOST_AT_ONCE = 512
# A comparison takes 1 ns in that loop, 0.2 with rows side by side, and 0.05 in rows that are drawn
# one by one, as wide ones are, but there a row takes 0.1 us more. So this pays from so many
# comparisons of a row on, times its classes: 8 draws of 16 classes, or 2 of 32, in place of the
# first, and 64 or 16 in place of the second.
_FEW_COMPARED, _COMPARED = 1 << 11, 1 << 14
_NARROW = math.isqrt(_FEW_COMPARED)
# Classes from which rows are drawn one by one and sums made four at a time, as rows side by side
# cannot: 90 take 0.17 us either way. Whatever the loop, a row has the same sums.
_WIDE = 91
# Draws up to which a call for several of few logits has a way of its own: to choose takes 0.8 us.
_FEW_DRAWS = 1 << 10
# Comparisons of a row's draws with its sums up to which they are counted, not searched for: 40
# draws of 100 classes take 0.36 us so and 0.47 by a search, 10 of 255 0.42 and 0.55, 4 of 1000 as
# long either way.
_MOST_COUNTED = 5000
# Numbers among which the largest is looked for side by side, and draws whose search goes on side by
# side, since one would wait for the last: 0.2 ns a class in place of 1.3, and 4 to 11 a draw among
# 32 to 10,000 classes in place of 6 to 75. Fewer draws take less one after the other: 8 of 1000
# classes 0.3 us in place of 0.4.
_LANES, _FEW_SEARCHES = 64, 6
# Part of a row from which its likeliest class is looked for first: 1000 draws of 10,000 classes
# take 2 ns each where it has 0.9, and 6 by the search alone; where it has 0.8 they would take 13.
# And that from which this takes the place of a table: with 0.98 of 100,000 classes each of as many
# draws takes 3 ns, and 6 by a table, with 0.999 of a million 3 and 13.
_LIKELY, _NEARLY_SURE = 0.9, 0.98
# Draws a row from which a table pays are these and one for each class: a class of it takes some
# 8 ns more than one of the sums, and a look 2 to 5 in place of a search's 4 to 15. For so many
# classes that a search waits for memory, half as many are enough: 5e6 of 1e7 classes take 0.22 s by
# sums and 0.17 by a table.
_LEAST_TABLED, _MANY_CLASSES = 160, 1 << 22

# exp(x) = 2^n exp(r), where r is x less n log(2), and |r| <= log(2) / 2. That has two parts, as in
# fdlibm, of which the first times n is exact. Up to r^12 / 12! the series of exp(r) is 2e-16 from
# its limit. A loop over it takes 1.1 ns a number, since a processor runs four or eight at once;
# calls of `math.exp` take 4.5.
_LN2, _LN2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10
# Beside the shift no digits are left after the point, and the last bits hold n. Processors without
# AVX-512 would convert floats to int64 one by one, in as long again as all the rest.
_LOG2_E, _SHIFT = 1 / math.log(2), 1.5 * 2.0**52
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12 = (
    1 / math.factorial(n) for n in range(2, 13)
)
# exp of this and less is taken for 0: beside a weight of 1 nobody can tell.
_LEAST_EXPONENT = -708.0
# Classes from which the largest is found by integers: 2 take 0.05 us less one after the other.
_FEW_CLASSES = 16
# The bits of a positive infinity, and all bits but the sign.
_INFINITE, _ALL_BUT_SIGN = 0x7FF << 52, (1 << 63) - 1


def sample_compiled(
    logits: ArrayLike,
    *,
    size: int | tuple[int, ...] | None = None,
    rng: Rng,
    axis: int = -1,
    workers: int = 1,
) -> Indices:
    r"""Exact draws from softmax(logits), as `sample_categorical` makes them, in compiled loops.

    A compiled loop spares calls of Python, and arrays that are written and read again. So three
    methods are enough. Where there are few draws of a wide row, blocks of classes race at their
    upper bounds (see `sample_categorical`, where the race is explained); otherwise a draw is looked
    up in the cumulative sums of its row, or, where there are many, in an alias table.

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
    workers : int
        Threads, -1 for one per processor, which share the rows; of a single row, the draws that are
        looked up, or the reading of a race. The sums or the table of a row are made by one thread.
        Calls that are expected to take half a millisecond or less use none. The draws do not depend
        on it.

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
    Ten loops are each compiled when first needed, in up to three seconds, or read from where Numba
    keeps what earlier processes compiled. The eight that see logits are compiled anew for the other
    float type, and for arrays that are read-only; the one for a single draw also for (K,) and
    (1, K).

    A try of a race proposes one class, and keeps or rejects it. If a row's draws are expected to
    take t tries, N rows of K > 512 classes race where N (K - 60 t) is more than 5000. A draw is
    assumed to take 4 sqrt(h) - 5.5 tries, but at least 4, where blocks have h classes. That is
    about as many as with logits of standard deviation 2; the logits are not looked at. There are
    twice as many blocks as in `sample_categorical`. After 64 tries of a row in a pass, those to
    come are foreseen from the draws made so far. If they would be more than K / 60, the row is
    drawn by its sums or its table instead, all its draws anew. Which class is kept does not depend
    on how many tries it took, so the law stays that of softmax.

    By its sums, a draw is the first class whose cumulative sum exceeds the level, :math:`u` times
    the total, with :math:`u` uniform on [0, 1). It is found by binary search, or counted: it is the
    number of sums that are not above the level. Where K is at most 2048 and the d draws of a row
    take at most 5000 comparisons, three loops count. If there are fewer than 16 rows, or at most
    512 comparisons in all, one loop takes all rows as long as d K² is at most 2^11. Of more, up to
    256 rows are handled side by side if K < 91 and d K² is at most 2^14. All other rows are drawn
    one by one. The sums of a row are the same in each loop. (A single draw of an array of one row
    is searched for, with the same result.)

    More draws, and those of more classes, are searched for. For more than six of a row, 64 searches
    advance together, step by step, so that they need not wait for memory one after the other. For
    fewer, or where one class has 0.9 of its row or more, a level is first compared with the two
    ends of the class that holds half the total, and searched for alone if it lies outside.

    From K + 160 draws of a row on, or K / 2 + 160 for 4 million classes and more, an alias table
    takes the place of counting and of search, unless one class has 0.98 of the row or more. It has
    K columns of the same height. Column k belongs to class k up to some height, and above that to
    one other class. A draw is column :math:`\lfloor u K \rfloor`, and there the class at the height
    that is left of :math:`u K`: one look into memory, however many classes there are. One pass with
    two cursors fills the columns: what a class has beyond its own column is put into the next ones
    that are not full.

    Where 4096 uniform numbers are expected or more, or where there are parts for threads, the
    numbers are those of 32 generators xoshiro256++ side by side, in a third of the time of PCG64.
    Their states, 1024 bytes a part, are drawn from `rng`. Parts depend on the shapes alone: rows,
    or draws of a single row, of half a millisecond where they can be divided so.

    Logits are rounded to float64, and so are their differences from the largest, the sums, the
    columns, and the exponentials, which are within 3 units in the last place; those of -708 and
    less are 0. A product and a sum are rounded once where the processor can. A uniform number has
    53 bits. A table is within 1e-15 of the probabilities up to 100 classes, 1e-13 up to a million.
    So classes that hold some 1e-16 of their row or less are drawn with other tiny probabilities, or
    never, as by the lines, sums, search and table of `sample_categorical`.

    Logits that are no float32 or float64 array in one piece, row by row, are copied; they must not
    change during the call. Beside logits and result, a thread holds up to some 2 MB, and what one
    row takes: 8 bytes a class, 24 where there may be a table, or for a race 16 bytes a block. The
    parts of a row that threads read have up to 8 bytes a block each. A race that gives up rows
    holds 8 bytes for each, a byte a row, and what their sums or tables take; a call that refuses
    its logits takes a further byte per logit. The threads of the last call with any are kept.

    References
    ----------
    Maddison, C. J., Tarlow, D., Minka, T., *A\* Sampling*, NeurIPS 2014 (bounds on blocks);
    Walker, A. J., *An Efficient Method for Generating Discrete Random Variables with General
    Distributions*, ACM Transactions on Mathematical Software 3, 1977 (the alias table);
    Hübschle-Schneider, L., Sanders, P., *Parallel Weighted Random Sampling*, ESA 2019 (a table in
    one pass);
    Blackman, D., Vigna, S., *Scrambled Linear Pseudorandom Number Generators*, ACM Transactions on
    Mathematical Software 47, 2021 (xoshiro256++);
    Lam, S. K., Pitrou, A., Seibert, S., *Numba: A LLVM-based Python JIT Compiler*, LLVM-HPC 2015.

    Examples
    --------
    >>> logits = np.log([0.7, 0.2, 0.1])
    >>> np.bincount(sample_compiled(logits, size=10_000, rng=0)).tolist()  # doctest: +SKIP
    [6952, 2068, 980]
    >>> sample_compiled(np.zeros((4, 5, 1000)), rng=0).shape  # doctest: +SKIP
    (4, 5)
    """
    # The shortest way, since of few logits most of the time would go into checks. An array's shape
    # takes longer to ask for than its axes and its length.
    if (
        type(logits) is ndarray
        and type(rng) is Generator
        and axis is _LAST
        and (workers is _ALONE or (type(workers) is int and (workers > 0 or workers == -1)))
        and logits.dtype in _FLOATS
        and ((flags := logits.flags).carray or (flags.c_contiguous and flags.aligned))
        and (count := logits.size)
        and (axes := logits.ndim)
    ):
        if size is None and axes <= 2:
            num_rows = 1 if axes == 1 else len(logits)
            if num_rows == 1:
                if count <= _MOST_FEW:
                    if (index := _loops.one(logits, rng.random(None, _FLOAT64))) >= 0:
                        if axes == 1:
                            return _FEW[index]  # type: ignore[no-any-return]
                        drawn = empty(1, _INT64)
                        drawn[0] = index
                        return drawn
                    check_logits(logits, -1)
            elif count <= _MOST_AT_ONCE and count <= _NARROW * num_rows:
                drawn = empty(num_rows, _INT64)
                if _loops.few_rows(logits, rng.random(num_rows, _FLOAT64), drawn):
                    return drawn
                check_logits(logits, -1)
            elif (
                (count <= _MOST_FEW or count <= _LEAST_RACE * num_rows)
                and count <= _CHUNK_SIZE
                and num_rows < _FEW_UNIFORMS
            ):
                drawn = empty(num_rows, _INT64)
                _search(logits, rng.random(num_rows, _FLOAT64), drawn)
                return drawn
            shape = logits.shape
            return _draw(logits.reshape(-1, shape[-1]), shape[:-1], rng, None, workers)
        elif count <= _MOST_FEW and axes <= 2:
            # Several draws of one row, or of each of some.
            num_rows, wanted = (1, (size, 1)) if axes == 1 else (len(logits), size)
            if (
                type(wanted) is tuple
                and len(wanted) == 2
                and type(repeated := wanted[0]) is int
                and type(wanted[1]) is int
                and wanted[1] == num_rows
                and 0 < (number := repeated * num_rows) <= _FEW_DRAWS
            ):
                drawn = empty(number, _INT64)
                rows = logits.reshape(num_rows, -1)
                _search(rows, rng.random(number, _FLOAT64), drawn)
                return drawn if axes == 1 else drawn.reshape(num_rows, repeated).T
        shape = logits.shape
        width = shape[-1]
        batch = shape[:-1]
        lengths = batch if size is None else (size,) if type(size) is int else size
        if (
            type(lengths) is tuple
            and len(batch) <= len(lengths) < MOST_AXES
            and all(type(length) is int and length > 0 for length in lengths)
        ):
            if size is None or logits.size == width:
                return _draw(logits.reshape(-1, width), lengths, rng, size, workers)
            if lengths[len(lengths) - len(batch) :] == batch:
                number = logits.size // width
                shape = number, math.prod(lengths) // number
                matrix = _draw(logits.reshape(-1, width), shape, rng, size, workers)
                return matrix.T.reshape(lengths)

    values = as_rows(logits, axis)
    batch, width = values.shape[:-1], values.shape[-1]
    lengths = batch if size is None else as_shape(size, batch)
    generator = as_generator(rng)
    threads = threads_of(workers)
    if 0 in lengths:
        return np.empty(lengths, np.int64)
    if values.dtype not in _FLOATS:
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    rows = np.require(values, requirements=("C", "A")).reshape(-1, width)
    of_batch, of_repeats = axes_of(lengths, batch)
    repeated = math.prod(lengths[i] for i in of_repeats)
    drawn = _draw(rows, (len(rows), repeated), generator, size, threads)
    return in_order(drawn, lengths, of_batch + of_repeats)


def _draw(rows: Rows, shape: tuple[int, ...], rng: Generator, size: Any, workers: int) -> Indices:
    """Draws of each row, in this shape, whose first axes are those of the rows.

    `size` is what the caller asked for.
    """
    drawn = room_for(shape, size)
    num_rows, width = rows.shape
    matrix = drawn.reshape(num_rows, -1)
    repeated = matrix.shape[1]
    if (
        width <= _LEAST_RACE
        or num_rows * (width - _CLASSES_PER_TRY * (tries := _tries(width) * repeated)) <= _MOST_FEW
    ):
        if drawn.size < _FEW_UNIFORMS and rows.size <= _CHUNK_SIZE:
            _search(rows, rng.random(drawn.size), drawn.reshape(-1))
            return drawn[()]
        draw, numbers, took = _by_sums, float(repeated), 2.0 * width + _LOOK_UP * repeated
    else:
        # With its uniforms, and its share of what goes before the tries, a try takes some 100 ns.
        draw, numbers, took = _by_race, 3 * tries, width / 5 + 100 * tries

    # Parts do not depend on the number of threads, and each has uniforms of its own.
    share = map if workers == 1 else functools.partial(_share, workers)
    parts = _parts(num_rows, took)
    if len(parts) > 1:

        def task(part: slice, uniforms: Uniforms) -> None:
            draw(rows[part], matrix[part], uniforms, map)

        list(share(task, parts, [_uniforms_of(rng) for _ in parts]))
    elif num_rows == 1 and draw is _by_sums and len(parts := _parts(repeated, _LOOK_UP)) > 1:
        _by_parts(rows, matrix[0], parts, [_uniforms_of(rng) for _ in parts], share)
    else:
        few = num_rows * numbers < _FEW_UNIFORMS
        draw(rows, matrix, (lambda out: rng.random(out=out)) if few else _uniforms_of(rng), share)
    return drawn[()]


def _parts(number: int, took: float) -> list[slice]:
    """One part, or an even number where there can be, of members that take so many nanoseconds."""
    if number * took <= _PART:
        return [slice(number)]
    parts = min(2 * math.ceil(number * took / _PART / 2), number)
    return [slice(number * i // parts, number * (i + 1) // parts) for i in range(parts)]


@functools.lru_cache(maxsize=1)
def _num_blocks(width: int) -> int:
    # Beside a try, compiled blocks take less than NumPy's: a row of 3000 classes takes 2.0 us with
    # 128 blocks, 2.5 with a dominant class, and with 256 it takes 1.6 and 1.4. And a processor
    # fetches long stretches of a row ahead: 1e7 float32 take 1.5 ms with 8192, 1.4 with twice that.
    return 2 * num_blocks_of(width)


@functools.lru_cache(maxsize=1)
def _tries(width: int) -> float:
    """Tries that a draw takes on average, for logits of standard deviation 2, to 15%."""
    return max(4.0, 4 * math.sqrt(-(-width // _num_blocks(width))) - 5.5)


def _uniforms_of(rng: Generator) -> Uniforms:
    """Uniforms that depend on rng as it is now, and not on what becomes of it."""
    states = rng.integers(2**64, size=(4, _STREAMS), dtype=np.uint64)
    return functools.partial(_loops.fill, states)


# Threads are kept, since to start and to end them takes 0.2 ms; a forked process has none of them.
@functools.lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _share(workers: int, task: Callable[..., Any], *parts: Any) -> Any:
    """As map does, by threads."""
    return _pool(threads_of(workers)).map(task, *parts)


def _by_race(rows: Rows, drawn: Indices, uniforms: Uniforms, share: Share) -> None:
    """The race of blocks; rows that it gives up are drawn by their sums or tables."""
    num_rows, width = rows.shape
    num_blocks = _num_blocks(width)
    parts = _parts(-(-width // num_blocks), num_blocks / 5) if num_rows == 1 else []
    known = 0  # of bounds and sums, how many are those of the only row
    bounds, sums = np.empty(num_blocks, rows.dtype), np.empty(num_blocks)
    if len(parts) > 1:
        bounds_of_parts = np.empty((len(parts), num_blocks), rows.dtype)
        row_of_parts = [rows[0, num_blocks * p.start : num_blocks * p.stop] for p in parts]
        list(share(_loops.bound, bounds_of_parts, row_of_parts))
        bounds_of_parts.max(axis=0, out=bounds)
        known = 1
    done, given_up, least = 0, 0, 8
    while done < drawn.size:
        # A quarter more than expected, since another pass takes longer than making these numbers.
        expected = int(1.25 * (drawn.size - done) * _tries(width))
        tries = np.empty((least + min(expected, _CHUNK_SIZE // 4), 3))
        uniforms(tries.reshape(-1))
        reached, more = _loops.race(rows, bounds, sums, known, drawn, done, tries)
        if num_rows == 1:
            known = 2
        if reached == done:  # too few for a single draw
            least *= 4
        done, given_up = reached, given_up + more
    if not given_up:
        return
    left = np.flatnonzero(drawn[:, 0] < 0)
    step = max(1, _CHUNK_SIZE // rows.shape[1])
    for start in range(0, left.size, step):
        some = left[start : start + step]
        found = drawn[some]
        # A long row is not copied.
        chunk = rows[some] if step > 1 else rows[some[0] : some[0] + 1]
        _by_sums(chunk, found, uniforms, share)
        drawn[some] = found


def _takes_table(width: int, repeated: int) -> bool:
    """Whether so many draws of a row take an alias table."""
    return repeated >= (width if width < _MANY_CLASSES else width // 2) + _LEAST_TABLED


def _by_sums(rows: Rows, drawn: Indices, uniforms: Uniforms, share: Share) -> None:
    """The inverse CDF, or a table."""
    if (repeated := drawn.shape[1]) > _CHUNK_SIZE:
        # The numbers are looked up while a fast cache holds them: a million draws of each of 8 rows
        # of 1000 take 0.7 of the time. One after the other, since they have one source.
        chunks = [slice(i, i + _CHUNK_SIZE) for i in range(0, repeated, _CHUNK_SIZE)]
        for i in range(len(rows)):
            _by_parts(rows[i : i + 1], drawn[i], chunks, [uniforms] * len(chunks), map)
        return
    # The uniforms lie where the draws come to lie.
    flat = drawn.reshape(-1)
    levels = flat.view(np.float64)
    uniforms(levels)
    _search(rows, levels, flat)


def _search(rows: Rows, levels: NDArray[np.float64], drawn: Indices) -> None:
    """The classes of each row that hold these levels, which may be overwritten; both are flat."""
    num_rows, width = rows.shape
    number = drawn.size
    repeated = number // num_rows
    tabled = _takes_table(width, repeated)
    if width <= _TOGETHER and repeated * width <= _MOST_COUNTED and not tabled:
        few = number * width <= _MOST_AT_ONCE or num_rows < _LEAST_ROWS
        if width >= _WIDE or repeated * width**2 > (_FEW_COMPARED if few else _COMPARED):
            loop = _loops.wide_rows
        else:
            loop = _loops.few_rows if few else _loops.short_rows
        found = loop(rows, levels, drawn)
    else:
        # NumPy asks for large pages, of which a long row touches few: 1e7 classes take 20 ms less.
        found = _loops.look_up(rows, levels, drawn, np.empty(3 * width if tabled else width))
    if not found:
        check_logits(rows, -1)


def _by_parts(
    row: Rows, drawn: Indices, parts: list[slice], sources: list[Uniforms], share: Share
) -> None:
    """As `_by_sums`, many draws of one row (1, K), part by part."""
    width = row.shape[1]
    weights = np.empty(width)
    table = np.empty((width if _takes_table(width, drawn.size) else 0, 2))
    if (lines := _loops.tabulate(row[0], weights, table)) < 0:
        check_logits(row, -1)

    def task(part: slice, uniforms: Uniforms) -> None:
        found = drawn[part]
        levels = found.view(np.float64)
        uniforms(levels)
        _loops.find(weights, table[:lines], levels, found, np.empty(2 * _LANES))

    list(share(task, parts, sources))


class Kernels(NamedTuple):
    """The loops below, compiled or not."""

    one: Callable[..., int]
    few_rows: Callable[..., bool]
    short_rows: Callable[..., bool]
    wide_rows: Callable[..., bool]
    bound: Callable[..., None]
    race: Callable[..., tuple[int, int]]
    look_up: Callable[..., bool]
    tabulate: Callable[..., int]
    find: Callable[..., None]
    fill: Callable[..., None]


def _compile() -> Kernels:
    """The loops below, to be compiled when they are called."""
    import numba
    from numba.extending import register_jitable

    parts = (_raise, _bound, _largest, _exponentiate, _weigh, _weigh_few)
    for part in (*parts, _accumulate, _sum_up, _locate, _tabulate, _find):
        register_jitable(part)
    rows = _one, _few_rows, _short_rows, _wide_rows
    loops = *rows, _bound, _race, _look_up, _tabulate, _find, _fill

    # Python's lock is let go, so that threads can draw side by side, but not by the loops for a few
    # logits, of whose time it would take up to an eighth. A product and a sum may be rounded once,
    # which takes half as many instructions.
    def compiled(loop: Callable[..., Any], **more: Any) -> Any:
        return numba.njit(loop, nogil=loop not in (_one, _few_rows), fastmath={"contract"}, **more)

    try:
        return Kernels(*(compiled(loop, cache=True) for loop in loops))
    except RuntimeError:  # there is no folder that Numba may write its cache to
        return Kernels(*(compiled(loop) for loop in loops))


class Loops:
    """The attributes of `Kernels`, made when the first is asked for.

    To ask for one again takes half as long as to call a function that keeps them.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in Kernels._fields:  # which others may ask of any object, without Numba
            raise AttributeError(name)
        kernels = _compile()
        vars(self).update(kernels._asdict())
        return getattr(kernels, name)


_loops: Any = Loops()


# Written so that processors run several numbers of an inner loop at once: over slices from 0 on,
# and without branches. Python runs them too, where Numba is missing.


def _raise(bounds: Rows, first: Rows, second: Rows, third: Rows, fourth: Rows) -> None:
    """bounds[b] = max(bounds[b], first[b], ...), or NaN where there is one.

    With one line at a time a bound would be stored only where it grows, which processors without
    AVX-512 do one by one.
    """
    for b in range(fourth.size):
        top = bounds[b]
        for x in (first[b], second[b], third[b], fourth[b]):
            top = x if (x > top) | (x != x) else top
        bounds[b] = top


def _bound(bounds: Rows, row: Rows) -> None:
    """bounds[b] = the largest of row[b], row[b + B], row[b + 2B], ..., or NaN if one is NaN."""
    size = bounds.size
    bounds[:] = -math.inf
    left = row.size % (4 * size)
    for k in range(0, row.size - left, 4 * size):
        four = row[k : k + 4 * size]
        _raise(bounds, four[:size], four[size:], four[2 * size :], four[3 * size :])
    for k in range(row.size - left, row.size, size):
        line = row[k : k + size]
        _raise(bounds, line, line, line, line)


def _largest(row: Rows) -> Any:
    """The largest logit of a long row, or NaN if there is one."""
    bounds = np.empty(_LANES, row.dtype)
    _bound(bounds, row)
    top = bounds[0]
    for x in bounds:
        top = x if (x > top) | (x != x) else top
    return top


def _exponentiate(part: NDArray[np.float64]) -> None:
    """exp of numbers that are 0 at most, in place."""
    bits = part.view(np.int64)
    for k in range(part.size):
        x = part[k]
        y = x if x > _LEAST_EXPONENT else _LEAST_EXPONENT
        part[k] = y * _LOG2_E + _SHIFT
        n, exponent = part[k] - _SHIFT, bits[k] << 52
        r = (y - n * _LN2) - n * _LN2_REST
        part[k] = 1 + r * (1 + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * (
            _C7 + r * (_C8 + r * (_C9 + r * (_C10 + r * (_C11 + r * _C12))))))))))
        )  # fmt: skip
        bits[k] += exponent  # times 2^n
        part[k] = part[k] if x > _LEAST_EXPONENT else 0.0


def _weigh(row: Rows, top: float, weights: NDArray[np.float64]) -> None:
    """exp(row - top)."""
    for k in range(weights.size):
        weights[k] = np.float64(row[k]) - top
    _exponentiate(weights)


def _weigh_few(row: Rows, weights: NDArray[np.float64]) -> bool:
    """exp(row - its largest); False where a row has none."""
    if weights.size < _FEW_CLASSES:
        top = np.float64(row[0])
        for k in range(1, weights.size):
            x = np.float64(row[k])
            top = x if (x > top) | (x != x) else top
        if not abs(top) < math.inf:
            return False
        for k in range(weights.size):
            weights[k] = np.float64(row[k]) - top
        _exponentiate(weights)
        return True
    # As integers the bits of numbers have their order, or that of their size below 0, where they
    # are turned around. A NaN lies beyond an infinity. Processors take the largest of several
    # integers at once; of numbers, among which may be a NaN, they do not.
    bits = weights.view(np.int64)
    for k in range(weights.size):
        weights[k] = np.float64(row[k])
    first = bits[0]
    high = low = first ^ (first >> 63 & _ALL_BUT_SIGN)
    for k in range(weights.size):
        turned = bits[k] ^ (bits[k] >> 63 & _ALL_BUT_SIGN)
        high, low = max(high, turned), min(low, turned)
    if not (low >= ~_INFINITE and ~_INFINITE < high < _INFINITE):
        return False
    bits[0] = high ^ (high >> 63 & _ALL_BUT_SIGN)
    top = weights[0]
    bits[0] = first
    for k in range(weights.size):
        weights[k] -= top
    _exponentiate(weights)
    return True


def _accumulate(part: NDArray[np.float64], total: float) -> Any:
    """Weights become their cumulative sums beside a total before them; the last of these."""
    if part.size < _WIDE:
        for k in range(part.size):
            total += part[k]
            part[k] = total
        return total
    # Four sums side by side, since each number of a sum must wait for the last; without slices,
    # since Numba would count their references.
    size = part.size // 4
    t1, t2, t3, t4 = 0.0, 0.0, 0.0, 0.0
    for k in range(size):
        t1 += part[k]
        t2 += part[k + size]
        t3 += part[k + 2 * size]
        t4 += part[k + 3 * size]
        part[k], part[k + size], part[k + 2 * size], part[k + 3 * size] = t1, t2, t3, t4
    for k in range(4 * size, part.size):
        t4 += part[k]
        part[k] = t4
    t1 += total
    t2 += t1
    t3 += t2
    for k in range(size):
        part[k] += total
    for k in range(size, 2 * size):
        part[k] += t1
    for k in range(2 * size, 3 * size):
        part[k] += t2
    for k in range(3 * size, part.size):
        part[k] += t3
    return part[-1]


def _sum_up(row: Rows, sums: NDArray[np.float64]) -> bool:
    """Cumulative sums of exp(row - its largest); False where a row has none."""
    if row.size <= _TOGETHER:
        if not _weigh_few(row, sums):
            return False
        _accumulate(sums, 0.0)
        return True
    top, total = np.float64(_largest(row)), 0.0
    if not abs(top) < math.inf:
        return False
    for start in range(0, row.size, _TOGETHER):
        part = sums[start : start + _TOGETHER]
        _weigh(row[start : start + _TOGETHER], top, part)
        total = _accumulate(part, total)
    return True


def _locate(sums: NDArray[np.float64], level: float) -> int:
    """The first of the sums that exceeds a level below the last, found without jumps."""
    low, size = 0, sums.size
    while size > 1:
        half = size // 2
        low += half * (sums[low + half - 1] <= level)
        size -= half
    return low


def _one(rows: Rows, uniform: float) -> int:
    """One draw of one row, (K,) or (1, K), by the inverse CDF, or -1 where it has none."""
    row = rows.reshape(-1)
    sums = np.empty(row.size)
    if row.size < _WIDE:  # 2 classes take 0.02 us less than by `_sum_up`
        if not _weigh_few(row, sums):
            return -1
        _accumulate(sums, 0.0)
    elif not _sum_up(row, sums):
        return -1
    return _locate(sums, uniform * sums[-1])


def _few_rows(rows: Rows, uniforms: NDArray[np.float64], drawn: Indices) -> bool:
    """As `_short_rows`, row by row but for the exponentials."""
    # With slices for the rows, whose references Numba counts, it would take a fifth longer.
    num_rows, width = rows.shape
    repeated = uniforms.size // num_rows
    sums = np.empty(num_rows * width)
    k = 0
    for i in range(num_rows):
        top = rows[i, 0]
        for j in range(1, width):
            x = rows[i, j]
            top = x if (x > top) | (x != x) else top
        if not abs(top) < math.inf:
            return False
        for j in range(width):
            sums[k] = np.float64(rows[i, j]) - np.float64(top)
            k += 1
    _exponentiate(sums)
    k, n = 0, 0
    for _ in range(num_rows):
        total = 0.0
        for j in range(k, k + width):
            total += sums[j]
            sums[j] = total
        for _ in range(repeated):
            level, found = uniforms[n] * total, 0
            for j in range(k, k + width):
                found += sums[j] <= level
            drawn[n] = found
            n += 1
        k += width
    return True


def _short_rows(rows: Rows, uniforms: NDArray[np.float64], drawn: Indices) -> bool:
    """Draws of short rows by the inverse CDF, row after row; False where a row has none.

    Uniforms and draws may lie in one place.
    """
    num_rows, width = rows.shape
    repeated = uniforms.size // num_rows
    together = min(num_rows, max(_LEAST_ROWS, min(_MOST_ROWS, _TOGETHER // width)))
    scratch = np.empty((width + 3) * together)  # one, since making an array takes 40 ns
    for first in range(0, num_rows, together):
        # The classes of these rows lie one after the other, each with its logits side by side.
        size, last = min(together, num_rows - first), width - 1
        sums, lines = scratch[: width * size], scratch[: (width + 3) * size].reshape(-1, size)
        top, level, found = lines[width], lines[width + 1], lines[width + 2].view(np.int64)
        for i in range(size):
            for k in range(width):
                lines[k, i] = rows[first + i, k]
        top[:] = lines[0]
        for k in range(1, width, 4):
            second, third, fourth = min(k + 1, last), min(k + 2, last), min(k + 3, last)
            _raise(top, lines[k], lines[second], lines[third], lines[fourth])
        for i in range(size):
            if not abs(top[i]) < math.inf:
                return False
        for k in range(width):
            part = lines[k]
            for i in range(part.size):
                part[i] -= top[i]
        _exponentiate(sums)
        total = top
        total[:] = 0.0
        for k in range(width):
            part = lines[k]
            for i in range(part.size):
                total[i] += part[i]
                part[i] = total[i]
        for n in range(first * repeated, first * repeated + repeated):
            for i in range(size):
                level[i] = total[i] * uniforms[n + i * repeated]
            found[:] = 0
            for k in range(width):
                part = lines[k]
                for i in range(part.size):
                    found[i] += part[i] <= level[i]
            for i in range(size):
                drawn[n + i * repeated] = found[i]
    return True


def _wide_rows(rows: Rows, uniforms: NDArray[np.float64], drawn: Indices) -> bool:
    """As `_short_rows`, row by row."""
    num_rows, width = rows.shape
    repeated = uniforms.size // num_rows
    sums = np.empty(width)
    for i in range(num_rows):
        if not _weigh_few(rows[i], sums):
            return False
        total = _accumulate(sums, 0.0)
        for n in range(i * repeated, (i + 1) * repeated):
            level, found = uniforms[n] * total, 0
            for k in range(width):
                found += sums[k] <= level
            drawn[n] = found
    return True


def _race(
    rows: Rows,
    bounds: Rows,
    sums: NDArray[np.float64],
    known: int,
    drawn: Indices,
    start: int,
    uniforms: NDArray[np.float64],
) -> tuple[int, int]:
    """Fill `drawn`, row by row, from draw `start` on until no uniforms are left.

    The bounds of a row and their cumulative sums are made when it races, while a fast cache holds
    it, unless the first of them are known, or both. Returns the number of the next draw, and how
    many rows were given up.
    """
    (num_rows, width), num_blocks = rows.shape, bounds.size
    repeated = drawn.shape[1]
    height = -(-width // num_blocks)
    used, given_up = 0, 0
    for i in range(start // repeated, num_rows):
        row = rows[i]
        if known < 1:
            _bound(bounds, row)
        if known < 2 and not _sum_up(bounds, sums):
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


def _tabulate(row: Rows, weights: NDArray[np.float64], table: NDArray[np.float64]) -> int:
    """An alias table of a row, or its cumulative sums in place of weights.

    Line k of a table has the part of column k that is class k's own, and the class of the rest.
    Returns the lines of the table, 0 where sums are made, -1 where the row has none.
    """
    width = row.size
    if len(table) == 0:
        return 0 if _sum_up(row, weights) else -1
    top = np.float64(_largest(row))
    if not abs(top) < math.inf:
        return -1
    _weigh(row, top, weights)
    total = 0.0
    for start in range(0, width, _TOGETHER):  # a long sum of equal weights is rounded one way
        part = weights[start : start + _TOGETHER]
        t1, t2, t3, t4 = 0.0, 0.0, 0.0, 0.0
        for k in range(0, part.size - 3, 4):
            t1, t2, t3, t4 = t1 + part[k], t2 + part[k + 1], t3 + part[k + 2], t4 + part[k + 3]
        for k in range(part.size - part.size % 4, part.size):
            t1 += part[k]
        total += (t1 + t2) + (t3 + t4)
    if _NEARLY_SURE * total <= 1:  # the weight of the likeliest class
        total = 0.0
        for start in range(0, width, _TOGETHER):
            total = _accumulate(weights[start : start + _TOGETHER], total)
        return 0
    scale = width / total
    for k in range(width):
        weights[k] *= scale
        table[k, 0], table[k, 1] = weights[k], k
    # A column is 1 high. Each light class leaves room in its own, which `heavy` fills until what it
    # has left is light itself; then the next heavy class fills its column. What each difference
    # lost by rounding goes into the next one (Kahan). Columns that stay as they are, since rounding
    # ends one kind first, are those of classes that would fill them but for rounding.
    light, heavy, lost = 0, 0, 0.0
    while heavy < width and weights[heavy] <= 1:
        heavy += 1
    left = weights[heavy] if heavy < width else 0.0
    while heavy < width:
        if left > 1:
            while light < width and weights[light] > 1:
                light += 1
            if light == width:
                break
            table[light, 1] = heavy
            more = (weights[light] - 1) - lost
            lost = ((left + more) - left) - more
            left += more
            light += 1
        else:
            other = heavy + 1
            while other < width and weights[other] <= 1:
                other += 1
            if other == width:
                break
            table[heavy, 0], table[heavy, 1] = left, other
            more = (weights[other] - 1) - lost
            lost = ((left + more) - left) - more
            left += more
            heavy = other
    return width


def _find(
    sums: NDArray[np.float64],
    table: NDArray[np.float64],
    levels: NDArray[np.float64],
    drawn: Indices,
    scratch: NDArray[np.float64],
) -> None:
    """The classes at these levels, in a table if it has lines, or else in sums."""
    width = sums.size
    if len(table) > 0:
        for j in range(levels.size):
            place = levels[j] * width
            k = int(place)
            other = np.int64(table[k, 1])
            # Not place - k, which a product and a difference rounded once would make less than 0.
            drawn[j] = other + (k - other) * (place < k + table[k, 0])
        return
    total = sums[-1]
    # Where one class has most of the row, most levels lie in it, and a processor foresees that.
    likely = _locate(sums, 0.5 * total)
    low_end, high_end = sums[likely - 1] if likely else 0.0, sums[likely]
    if levels.size <= _FEW_SEARCHES or high_end - low_end >= _LIKELY * total:
        for j in range(levels.size):
            level = levels[j] * total
            drawn[j] = likely if low_end <= level < high_end else _locate(sums, level)
        return
    lanes = scratch.size // 2
    for start in range(0, levels.size, lanes):
        some = levels[start : start + lanes]
        reached, low = scratch[: some.size], scratch[lanes : lanes + some.size].view(np.uint64)
        for j in range(some.size):
            some[j] *= total
            low[j] = 0
        size = width
        while size > 1:
            half = size // 2
            upper = sums[half - 1 :]
            # Two loops: of one, compilers for some processors make jumps, which take ten times as
            # long as they are foreseen wrongly at every second step.
            for j in range(some.size):
                reached[j] = upper[low[j]]
            for j in range(some.size):
                low[j] += np.uint64(half * (reached[j] <= some[j]))
            size -= half
        for j in range(some.size):
            drawn[start + j] = low[j]


def _look_up(
    rows: Rows, levels: NDArray[np.float64], drawn: Indices, room: NDArray[np.float64]
) -> bool:
    """Draws of each row at these levels, which are overwritten; False where a row has none.

    There is room for the sums of a row, or for its weights and its table.
    """
    num_rows, width = rows.shape
    repeated = levels.size // num_rows
    weights, table = room[:width], room[width:].reshape(-1, 2)
    scratch = np.empty(2 * _LANES)
    for i in range(num_rows):
        lines = _tabulate(rows[i], weights, table)
        if lines < 0:
            return False
        part = slice(i * repeated, (i + 1) * repeated)
        _find(weights, table[:lines], levels[part], drawn[part], scratch)
    return True


def _fill(states: NDArray[np.uint64], uniforms: NDArray[np.float64]) -> None:
    """Uniforms on [0, 1) from generators xoshiro256++ side by side, which are advanced."""
    for start in range(0, uniforms.size, states.shape[1]):
        some = uniforms[start : start + states.shape[1]]
        for j in range(some.size):
            a, b, c, d = states[0, j], states[1, j], states[2, j], states[3, j]
            x = a + d
            x = (x << np.uint64(23) | x >> np.uint64(41)) + a
            some[j] = (x >> np.uint64(11)) * 2.0**-53
            c, d = c ^ a, d ^ b
            states[0, j], states[1, j] = a ^ d, b ^ c
            states[2, j] = c ^ b << np.uint64(17)
            states[3, j] = d << np.uint64(45) | d >> np.uint64(19)
