"""Fast exact draws from categorical distributions, without noise for every class."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import Rng, as_generator
from ._rows import (
    MOST_AXES,
    as_rows,
    as_shape,
    axes_of,
    check_row_max,
    in_order,
    num_blocks_of,
    room_for,
    threads_of,
)

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]
Share = Callable[..., Iterable[Any]]  # `map`, or that of a pool of threads
# Fills the indices (rows, draws) with draws of each row; some share their work among threads.
Method = Callable[[Floats, Indices, np.random.Generator, Share], None]

# Time, memory and the draws of a seed depend on these constants, the law does not, but for too wide
# a _LOW, _HIGH or _LINES or too narrow a _MARGIN. The times beside them were taken on two-core
# x86-64 machines, for float64 logits of standard deviation 2.

# Noises, one for every class, up to which the draws are the race itself without a plan: one draw of
# one row, several draws of one row, and draws of several rows. A noise takes 5 to 12 ns, other
# methods 12 us or more, and a search of one row 7. The last: noises up to which a plan may choose
# noise.
_NOISES_OF_A_ROW, _FEW_OF_A_ROW, _FEW_NOISES, _MOST_NOISES = 1 << 13, 1 << 9, 1 << 11, 1 << 14
# Several draws of each row, up to so many in all and of so many rows, have a search of their own.
# Of more rows, a method without a call for each row is faster.
_FEW, _FEW_ROWS = 1 << 11, 16
# A perturbed logit between these has its noise to 2**-33, so also several with such squares in all.
_LOW, _HIGH, _SQUARES = -(2.0**20), 2.0**20, 2.0**40
# The defaults of `axis` and `workers`, compared by identity: True equals 1, but is to be refused.
_LAST, _ALONE = -1, 1
_ARRAY, _GENERATOR = np.ndarray, np.random.Generator
_FLOAT, _SINGLE = np.dtype(np.float64), np.dtype(np.float32)
# Most classes of `_by_lines`: a byte counts the sums that a draw has reached.
_LINES = 256
# Classes up to which a race of blocks is never the fastest.
_LEAST_BLOCKS = 128
# Draws of all rows that are compared with all lines in one call; of more, a call for each line is
# as fast. Where the weights are float32 at first, all draws of a chunk are.
_AT_ONCE = 1 << 12
# Neighbouring classes that are summed together, for a row or draws beyond the cache. With 4096 or
# 16,384 the time is within a fifth.
_STRETCH = 1 << 13
# Classes beyond which no method is used that holds a number for each.
_MOST_HELD = 1 << 22
# A race by blocks goes in rounds, in which each draw that is still open makes one or more tries.
# These are the tries of the first round, shared by the open draws; each further round has twice as
# many. Of 10,000 rows of 1000 classes, 128 and 4096 take up to a fifth longer.
_TRIES = 1 << 9
# A try for 16 logits takes about as long as the sums over stretches: so many are made at most, or
# so many in all, if that is more.
_CLASSES_PER_TRY, _LEAST_TRIES = 16, 1 << 12
# Blocks whose maxima one pass over the row updates side by side. They stay in the fastest cache; of
# 8192 blocks, those of neighbours take half as long, of 512 as long, of 64 five times as long.
_SIDE_BY_SIDE = 1 << 10
# Logits that a thread reduces to the maxima of blocks at a time, 0.1 ms.
_SLICE = 1 << 20
# Numbers of a chunk, 0.5 MB an array, which stays in cache and is seldom given back to the system:
# where new pages are dear, 2 MB took ten times as long. And numbers and logits of a task, which has
# a stream of its own; to make that takes 30 us, a task 0.5 ms or more.
_CHUNK_SIZE, _TASK_SIZE, _TASK_LOGITS = 1 << 16, 1 << 18, 1 << 21
# Classes that a look-up in a table passes one by one, before a binary search finishes the few draws
# that are still open. 1e6 draws of 1e5 classes take 15 ms with 8 steps, 22 ms with 2.
_STEPS = 8
# Lines in which `_by_sums` lays out a row, 4 to 16 as good.
_HEIGHT = 8
# Guides of a table, the places where look-ups begin: at most so many, or two for each class, if
# that is more. To make one takes 2.5 ns, and a draw that a guide leaves open 30, so that of d draws
# of K classes some 2 sqrt(d K) serve best.
_GUIDES_IN_CACHE = 1 << 15
# Classes up to which `_by_columns` compares a draw with all sums of its row at once. A longer row
# has columns of 16 classes; below 1024 classes it has some 64 columns, since NumPy adds short lines
# slowly. And draws of a row up to which the method may be chosen.
_ONE_LINE, _COLUMN, _COLUMNS, _MOST_COMPARED = 128, 16, 64, 128
# Weights are float32 at first from so many logits on, for at most so many draws of a row, each with
# so many classes or more: exponentials of float64 take four times as long, if the processor lacks
# AVX-512, while a look at the margin takes 30 us and some ns for a draw. And draws times classes of
# a row up to which it is in doubt, and drawn once more, one time in eight or less.
_MANY_SINGLE, _FEW_SINGLE, _CLASSES_SINGLE, _SELDOM_IN_DOUBT = 1 << 13, 16, 16, 1 << 19
# More than rounding the weights to float32 moves a cumulative sum, as a share of the total. In
# units of 2**-24, the relative error of a weight is at most its difference d from the largest
# logit, plus 5 for the exponential, plus 16 for a sum of 16 weights. Weighted by the probabilities,
# d has a mean of at most log(K), 15.3; an error that all weights may have moves a share by at most
# half of it: together 25.8, of 32. Inside a column the mean of d is at most log(16 / 2**-19), or
# the column has less than one margin, and a draw that falls into it is in doubt. A weight that
# float32 holds badly or not at all, below exp(-87), moves nothing.
_MARGIN = 2.0**-19
# A row whose likeliest class has this probability draws first how many of its draws are others.
# That takes 40 us, so it is done where all draws take longer: 4 ns for a class and 40 for a draw.
# Where they do not, and the row expects at most one other (0.97, in fact), a uniform for each draw
# tells which are others, 7 ns. For fewer draws than these it gains nothing, nor where fewer than a
# quarter of the rows are such. No bound is a round number: the last bit of an exponential shall not
# choose the way.
_SURE, _SURE_TAKES, _LEAST_SURE = 0.7431, 40_000, 16
# By lines it is worth while from so many classes on, or so many draws of a row.
_LEAST_TOLD, _MANY_TOLD = 32, 1 << 14
# Draws that look up a table, or tries of a race by blocks, at once: 0.25 MB an array.
_DRAWS_AT_ONCE = 1 << 15


def sample_categorical(
    logits: ArrayLike,
    *,
    size: int | tuple[int, ...] | None = None,
    rng: Rng,
    axis: int = -1,
    workers: int = 1,
) -> Indices:
    r"""Exact draws from softmax(logits), by the method that is predicted to be the fastest.

    A row of few logits takes the Gumbel-max trick itself, many draws of a row a table. One draw of
    each of some wide rows takes far fewer exponentials than there are logits. The maximum of
    Gumbels is a Gumbel at the log-sum-exp of their logits, so a block of classes can race as one.
    It races at an *upper bound* of its sum of exponentials, :math:`B e^{m_b}`, with B classes in
    every block and largest logit :math:`m_b`; a class i drawn inside it is kept with the
    probability that makes up for the excess,

    .. math:: P(\text{block } b) \propto e^{m_b}, \qquad
              P(i \mid b) = \tfrac{1}{B}, \qquad
              P(\text{keep } i) = e^{l_i - m_b},

    and otherwise block and class are drawn anew. That takes at most B tries on average, and only as
    many exponentials as there are blocks and tries.

    Parameters
    ----------
    logits : array_like (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that is never drawn.
    size : int or tuple of int, optional
        Shape of the result, such as ``(100, *batch)`` for 100 draws of each row: the batch shape
        (that of `logits` without `axis`) must broadcast to it, as in NumPy's generators. One draw
        of each row by default.
    rng : int or numpy.random.Generator
        Seed or generator, of any bit generator; it is advanced, and from one state come the same
        draws.
    axis : int
        The axis of the classes.
    workers : int
        Threads among which the rows are shared, or the blocks of one long row; -1 for one a
        processor. The draws do not depend on it.

    Returns
    -------
    numpy.ndarray of int64
        Indices along `axis`; one number, as from NumPy's generators, where the shape is ``()``.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If a logit is NaN or +inf or a row all ``-inf`` where there is something to draw, K is 0,
        or `size` does not fit.

    Notes
    -----
    With N rows, K classes and d draws of each row, noise for every class is always taken up to 8192
    classes if N = d = 1, up to K d = 512 if only N = 1, and up to N K d = 2048 otherwise. Beyond
    that, the time of each method is predicted, and the least one is taken. The lesser w is for
    weights that are float32 at first (see below), and f stands for K / 1e5:

    .. table:: The predicted time of each method, in microseconds.

       =================================================== =========================================
       method                                              prediction
       =================================================== =========================================
       noise, N K d up to 16,384                           3.2 + N d (0.009 + 0.005 K)
       lines: class by class, K up to 256                  12.6 + 0.31 K (1 + N (K + d) / 65536)
                                                           + N (w K + (0.0022 + 0.0003 K) d),
                                                           w 0.0024 or 0.0036
       columns: all sums compared at once, d up to 128     14 + N (0.06 + w K
                                                           + (0.0127 + 0.00045 K) d),
                                                           w 0.0032 or 0.0043, or in two steps
                                                           29 + N (0.06 + w K
                                                           + (0.12 + 0.00002 K) d),
                                                           w 0.0019 or 0.003
       sums: a search over columns, one down a column      44 + N (0.15 + 0.0041 K + 0.0174 d
                                                           (1 + min(d / 1e5, 1) + min(f, 3)))
       search: a binary search of each row                 12 + N (0.68 + (0.0052
                                                           + 0.00016 min(f, 4)) K
                                                           + 0.004 d (1 + log2(K)) (1 + 0.2 f))
       table: each search begins at a guide                11 + N (22 + 0.006 sqrt(K d)
                                                           + (0.0065 + 0.0006 min(f / 4, 1)) K
                                                           + (0.0027 + 0.003 min(f, 4)) d)
       blocks: the race of n blocks, K above 128           81 + N (0.00024 K + 0.019 n
                                                           + d (0.38 + 0.019 min(sqrt(K), 320)))
       stretches of 8192 neighbours, K above that          N (16 + 0.0024 K + 0.025 d
                                                           + 55 min(d, K / 8192))
       =================================================== =========================================

    For two draws or more of each of up to 16 rows, at most 2048 in all, the search makes fewer
    calls, if the weights are not float32 at first and N (K + d) is at most 65,536. It is predicted
    with 6.4 in place of 12, and 0.93 in place of 0.68.

    The predictions were fitted to logits of standard deviation 2, and to the geometric mean of
    three times: on an x86-64 processor with AVX-512, on the same without its use, and on an older
    one with AVX2, whose times were divided by 3.1 to bring them to the same scale. Noise is
    favoured by a tenth. Elsewhere a slower method may be taken; the law stays exact.

    A row has a likely class if at most one of its draws, or of many draws at most a quarter, is
    expected to be of another class. With d = 16 draws or more, sums, table, search (but not that of
    few draws) and lines (if K is 32 or more, or d 16,384 or more) look for such rows. If a quarter
    of the rows are such, which of their draws are of other classes is drawn first. That takes far
    less than predicted.

    A column is every n-th class of a row that is laid out in a few lines of n. A chunk is the rows
    that are drawn at once, as many as have 65,536 logits and draws together, or one. Columns take
    two steps for more than 128 classes and from 8192 logits of a chunk on. From so many logits the
    weights are float32 at first: by lines for one draw of each row, by columns for one or for up to
    K/16, at most 16 and at most 2**19 / K. Where a draw is so near to a cumulative sum, within
    2**-19 of the total, that float32 might give it another class, its row is drawn once more in
    float64, from the same uniforms. So the draws are those of float64.

    The race has n blocks, sqrt(2K) rounded up to a power of two. Up to n = 1024 a block holds every
    n-th class, beyond that it holds neighbours. Draws that are still open after K/16 tries a row,
    and at least 4096 tries in a chunk of rows, are finished by stretches. Which class is kept does
    not depend on how many tries it takes, so the law stays exact.

    Beside logits and result, a thread holds up to some 5 MB, and for one row 8 bytes or more for
    each draw, a few numbers for each block, or for each class 8 bytes in a search and 9 in sums (in
    either 16 beside a likely class), 18 in columns and 40 in a table, which are not used beyond 4
    million classes. Logits are rounded to float64, and so are their differences from the largest
    and the exponentials. Rows that do not form a matrix without a copy, such as those of a middle
    axis, are copied a few at a time; lists, bfloat16, longdouble and arrays of other libraries are
    copied once.

    Rows are drawn in tasks, whatever `workers` is. Where there are several, each has a stream of
    its own, a child of a seed sequence made of 128 bits drawn from the generator.

    References
    ----------
    Maddison, C. J., Tarlow, D., Minka, T., *A\* Sampling*, NeurIPS 2014 (bounds on blocks);
    von Neumann, J., *Various Techniques Used in Connection with Random Digits*, 1951 (rejection);
    Chen, H.-C., Asau, Y., *On Generating Random Variates from an Empirical Distribution*, AIIE
    Transactions 6, 1974 (the indexed inverse CDF).

    Examples
    --------
    >>> logits = np.log([0.7, 0.2, 0.1])
    >>> np.bincount(sample_categorical(logits, size=10_000, rng=0)).tolist()
    [6999, 2021, 980]
    >>> sample_categorical(np.zeros((4, 5, 1000)), rng=0).shape
    (4, 5)
    """
    # The shortest way, since of a few logits most of the time would go into checks. One row comes
    # first: a loop of single draws takes up to twice as long as one of noise and argmax.
    if (
        type(logits) is _ARRAY
        and type(rng) is _GENERATOR
        and axis is _LAST
        and workers is _ALONE
        and 0 < (count := logits.size) <= _CHUNK_SIZE
    ):
        if size is None and logits.dtype in (_FLOAT, _SINGLE):
            axes = logits.ndim
            if axes == 1 and count <= _NOISES_OF_A_ROW:
                arrivals = rng.standard_exponential(count)
                keys = logits - np.log(arrivals)
                index = keys.argmax()
                if _LOW < keys.item(index) < _HIGH:
                    return index  # type: ignore[return-value]
                return _winners(logits, arrivals)
            if axes > 1 and count <= _FEW_NOISES:
                noise: Any = rng.standard_exponential(logits.shape)
                return _first(logits, noise)  # type: ignore[no-any-return]
        picked: Indices | None = _short(logits, size, rng)
        if picked is not None:
            return picked

    # Shape: an axis of the result is one of the batch, or one of repeated draws of the same rows.
    values = as_rows(logits, axis)
    batch, num_classes = values.shape[:-1], values.shape[-1]
    shape = batch if size is None else as_shape(size, batch)
    generator = as_generator(rng)
    threads = threads_of(workers)
    if 0 in shape:
        return np.empty(shape, np.int64)
    of_batch, of_repeats = axes_of(shape, batch)
    num_rows, repeated = math.prod(batch), math.prod(shape[i] for i in of_repeats)
    if _takes_noise(num_rows, num_classes, repeated) and len(shape) < MOST_AXES:
        return _winners(values, generator.standard_exponential((*shape, num_classes)))
    drawn = room_for((num_rows, repeated), size)

    # Plan: the method, the rows of a chunk and those of a task.
    draw = _plan(num_rows, num_classes, repeated)
    width = repeated + (num_blocks_of(num_classes) if draw is _by_blocks else num_classes)
    rows_a_task = max(1, min(_TASK_SIZE // width, _TASK_LOGITS // num_classes))
    rows_at_once = max(1, min(rows_a_task, _CHUNK_SIZE // width))
    matrix: Floats | None
    try:
        matrix = values.reshape(num_rows, num_classes, copy=False)
    except ValueError:  # the rows have no common stride, and each chunk is copied
        matrix = None
    starts = range(0, num_rows, rows_a_task)

    # Tasks: where there are several, each has a stream of its own, so that the draws do not depend
    # on the threads. The root has 128 bits, as many as a seed sequence pools.
    root = int.from_bytes(generator.bytes(16), "little") if len(starts) > 1 else 0

    def task(number: int, share: Share = map) -> None:
        stream = generator
        if len(starts) > 1:
            stream = np.random.default_rng(np.random.SeedSequence(root, spawn_key=(number,)))
        end = min(starts[number] + rows_a_task, num_rows)
        for start in range(starts[number], end, rows_at_once):
            stop = min(start + rows_at_once, end)
            if matrix is None:
                rows = values[np.unravel_index(np.arange(start, stop), batch)]
            else:
                rows = matrix[start:stop]
            # A difference may be -inf and a weight 0, which is right.
            with np.errstate(over="ignore", under="ignore"):
                draw(rows, drawn[start:stop], stream, share)

    if threads == 1:
        for number in range(len(starts)):
            task(number)
    else:
        with ThreadPoolExecutor(threads) as pool:
            if len(starts) == 1:
                task(0, pool.map)
            else:
                list(pool.map(task, range(len(starts))))
    return in_order(drawn, shape, of_batch + of_repeats)


def _short(logits: Floats, size: Any, rng: np.random.Generator) -> Any:
    """Draws from few logits in as few calls as there can be, or None where it does not apply.

    NaN, +inf, a row of all -inf, and logits so large that the noise would lose digits fail the
    comparisons, and the same noise is looked at once more with care.
    """
    # By value: an array that was pickled has a type of its own.
    if logits.dtype.kind not in "fiub" or logits.dtype.itemsize > 8 or logits.ndim == 0:
        return None
    batch, width = logits.shape[:-1], logits.shape[-1]
    num_rows, repeated, lengths, batch_last = logits.size // width, 1, batch, True
    if size is not None:
        lengths = (size,) if type(size) is int else size
        if type(lengths) is not tuple or not len(batch) <= len(lengths) < MOST_AXES:
            return None
        num_draws = 1
        for length in lengths:
            if type(length) is not int or length <= 0:
                return None
            num_draws *= length
        # The last axes of the result are those of the rows.
        batch_last = num_rows == 1 or lengths[len(lengths) - len(batch) :] == batch
        pairs = zip(batch[::-1], lengths[::-1], strict=False)
        if not batch_last and any(own not in (1, length) for own, length in pairs):
            return None
        repeated = num_draws // num_rows
    if not _takes_noise(num_rows, width, repeated):
        if not batch_last or num_rows * (width + repeated) > _CHUNK_SIZE:
            return None
        method = _plan(num_rows, width, repeated)
        if method is not _by_noise:
            rows = logits.reshape(num_rows, width)
            if method is _by_search and _searches_few(num_rows, width, repeated):
                return _search_few(rows, lengths, rng)
            drawn = np.empty((num_rows, repeated), np.int64)
            with np.errstate(over="ignore", under="ignore"):
                method(rows, drawn, rng, map)
            return drawn.T.reshape(lengths)[()]
    return _first(logits, rng.standard_exponential((*lengths, width)))


def _first(logits: Floats, arrivals: NDArray[np.float64]) -> Any:
    """What `_winners` returns, in fewer calls where no logit is large or masked."""
    try:
        keys = np.log(arrivals)
        np.subtract(logits, keys, keys)
        index = keys.argmax(-1)
        if index.size == 1:
            if _LOW < keys.item(index.item()) < _HIGH:
                return index
        else:  # `vdot` overflows without a warning
            if np.vdot(keys, keys) < _SQUARES:
                return index
            largest = np.maximum.reduce(keys, axis=-1)  # it was perhaps a masked class alone
            if np.vdot(largest, largest) < _SQUARES:
                return index
    except FloatingPointError:  # the caller has errors raised, and a noise is 0
        pass
    return _winners(logits, arrivals)


def _search_few(rows: Floats, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Few draws of few rows by `_by_search`, or None for large logits.

    The last axes of the shape are those of the rows, if there are several.
    """
    alone = len(rows) == 1
    row_max = np.maximum.reduce(rows, axis=1)
    if not all(_LOW < largest < _HIGH for largest in row_max.tolist()):
        return None
    values = rows[0] if alone else rows
    weights = np.subtract(values, row_max if alone else row_max[:, None], dtype=np.float64)
    with np.errstate(under="ignore"):
        cumulative = np.exp(weights, out=weights).cumsum(axis=-1)
    if alone:
        return cumulative.searchsorted(rng.random(shape) * cumulative[-1], side="right")
    levels = rng.random((len(rows), math.prod(shape) // len(rows))) * cumulative[:, -1:]
    drawn = np.empty(levels.T.shape, np.int64)
    for i, sums in enumerate(cumulative):
        drawn[:, i] = sums.searchsorted(levels[i], side="right")
    return drawn.reshape(shape)


def _takes_noise(num_rows: int, num_classes: int, repeated: int) -> bool:
    """Whether noise for every class takes the least time: of so few numbers, calls take most."""
    most = _FEW_NOISES
    if num_rows == 1:
        most = _NOISES_OF_A_ROW if repeated == 1 else _FEW_OF_A_ROW
    return num_rows * num_classes * repeated <= most


def _searches_few(num_rows: int, num_classes: int, repeated: int) -> bool:
    """Whether a search of the sums of each row is small enough for `_search_few`."""
    logits, draws = num_rows * num_classes, num_rows * repeated
    few = repeated > 1 and num_rows <= _FEW_ROWS and draws <= _FEW
    return (
        few and not _single_first(logits, num_classes, repeated) and logits + draws <= _CHUNK_SIZE
    )


@functools.lru_cache(maxsize=1024)  # a prediction takes 3 us
def _plan(num_rows: int, num_classes: int, repeated: int) -> Method:
    """The method that is predicted to take the least time."""
    times = _predicted(num_rows, num_classes, repeated)
    return min(times, key=times.__getitem__)


def _predicted(num_rows: int, num_classes: int, repeated: int) -> dict[Method, float]:
    """Microseconds that each method takes: for the call, a row, a class and a draw.

    Fitted to times of 1220 shapes. Searches and tables of long rows leave the cache.
    """
    rows, classes, draws = float(num_rows), float(num_classes), float(repeated)
    logits, far = rows * classes, classes / 1e5
    single = _single_first(num_rows * num_classes, num_classes, repeated)
    times: dict[Method, float] = {}
    if logits * draws <= _MOST_NOISES:
        times[_by_noise] = 3.2 + rows * draws * (0.009 + 0.005 * classes)
    if num_classes <= _LINES:
        lines = 0.31 * classes * (1 + rows * (classes + draws) / _CHUNK_SIZE)
        weigh, count = 0.0024 if single and repeated == 1 else 0.0036, 0.0022 + 0.0003 * classes
        times[_by_lines] = 12.6 + lines + rows * (weigh * classes + count * draws)
    if num_classes > _LEAST_BLOCKS:
        tries = 0.38 + 0.019 * min(math.sqrt(classes), 320)
        chunks = 0.019 * num_blocks_of(num_classes)
        times[_by_blocks] = 81 + rows * (0.00024 * classes + tries * draws + chunks)
    if num_classes > _STRETCH:
        once = min(draws, classes / _STRETCH)  # stretches that hold a draw
        times[_by_stretches] = rows * (16 + 0.0024 * classes + 55 * once + 0.025 * draws)
    if num_classes > _MOST_HELD:
        return times
    if repeated <= _MOST_COMPARED and _in_two(num_rows * num_classes, num_classes):
        weigh, compare = 0.0019 if single else 0.003, 0.12 + 0.00002 * classes
        times[_by_columns] = 29 + rows * (0.06 + weigh * classes + compare * draws)
    elif repeated <= _MOST_COMPARED:
        weigh, compare = 0.0032 if single else 0.0043, 0.0127 + 0.00045 * classes
        times[_by_columns] = 14 + rows * (0.06 + weigh * classes + compare * draws)
    fall = 0.0174 * (1 + min(draws / 1e5, 1) + min(far, 3))
    times[_by_sums] = 44 + rows * (0.15 + 0.0041 * classes + fall * draws)
    call, row = (6.4, 0.93) if _searches_few(num_rows, num_classes, repeated) else (12, 0.68)
    find = 0.004 * (1 + math.log2(classes)) * (1 + 0.2 * far)
    weigh = 0.0052 + 0.00016 * min(far, 4)
    times[_by_search] = call + rows * (row + weigh * classes + find * draws)
    make, look = 0.0065 + 0.0006 * min(far / 4, 1), 0.0027 + 0.003 * min(far, 4)
    guides = 0.006 * math.sqrt(classes * draws)
    times[_by_table] = 11 + rows * (22 + make * classes + guides + look * draws)
    return times


def _single_first(num_logits: int, num_classes: int, repeated: int) -> bool:
    """Whether the weights are float32 at first."""
    few = repeated == 1 or repeated <= min(_FEW_SINGLE, num_classes // _CLASSES_SINGLE)
    return few and num_logits >= _MANY_SINGLE and repeated * num_classes <= _SELDOM_IN_DOUBT


def _in_two(num_logits: int, num_classes: int) -> bool:
    """Whether `_by_columns` finds a column first."""
    return num_classes > _ONE_LINE and num_logits >= _MANY_SINGLE


def _weights(rows: Floats, out: Floats | None = None) -> NDArray[Any]:
    """The exponentials of the differences from the largest logit of each row, all as in `out`."""
    dtype = _FLOAT if out is None else out.dtype
    row_max = rows.max(axis=1).astype(np.promote_types(rows.dtype, dtype))
    check_row_max(row_max)
    weights: Floats = np.subtract(rows, row_max[:, None], out=out)
    return np.exp(weights, out=weights)


def _first_above(
    sums: NDArray[np.float64],
    first: Indices,
    reached: NDArray[np.float64],
    stride: int,
    number: int,
) -> Indices:
    """The first of `number` sums, `stride` apart from `first` on, above `reached`, or the last.

    A search by halves, for all draws at once; the number is a power of 2. A searchsorted a row
    would be a Python call a row; one over all rows, each set off from the last, would lose digits.
    """
    place, probe = first.copy(), np.empty_like(first)
    found, passed = np.empty_like(reached), np.empty(first.shape, np.bool_)
    half = number * stride
    while (half := half // 2) >= stride:
        np.add(place, half - stride, out=probe)
        sums.take(probe, out=found, mode="clip")  # with a mode, NumPy does not copy once more
        np.less_equal(found, reached, out=passed)
        place += np.multiply(passed, half, out=probe)
    return place


def _winners(logits: Floats, arrivals: NDArray[np.float64]) -> Indices:
    """The winners of races with standard exponential `arrivals`, for logits of any size."""
    with np.errstate(over="ignore", under="ignore"):
        row_max = logits.max(axis=-1, keepdims=True).astype(np.float64)
        check_row_max(row_max.ravel())
        arrivals = np.maximum(arrivals, np.finfo(np.float64).tiny)
        index: Indices = (logits - row_max - np.log(arrivals)).argmax(axis=-1)
    return index


def _by_noise(rows: Floats, index: Indices, rng: np.random.Generator, share: Share) -> None:
    """The Gumbel-max trick."""
    index[:] = _first(rows, rng.standard_exponential((index.shape[1], *rows.shape))).T


def _by_lines(rows: Floats, index: Indices, rng: np.random.Generator, share: Share) -> None:
    """The number of cumulative sums that a uniform reaches; a line is one class of all rows."""
    weights = np.array(rows.T, np.float64, order="C")
    row_max = weights.max(axis=0)
    check_row_max(row_max)
    repeated = index.shape[1]
    single = repeated == 1 and _single_first(rows.size, rows.shape[1], 1)
    if single:
        rounded = np.subtract(weights, row_max, out=np.empty(weights.shape, _SINGLE))
        weights[:] = np.exp(rounded, out=rounded)
    else:
        weights -= row_max
        np.exp(weights, out=weights)
        # Otherwise all draws take no longer than to find the rows with a likely class.
        worth = len(weights) >= _LEAST_TOLD or repeated >= _MANY_TOLD
        if worth and _draws_sure(weights.T, rows, index, rng, share, _by_lines):
            return
    for below, line in pairwise(weights):
        line += below
    # The longer of the two axes lies last, where NumPy's loops are fast.
    wide = repeated > len(rows)
    lines = weights[:, :, None] if wide else weights[:, None]
    if single or index.size <= _AT_ONCE:
        levels = rng.random(index.shape) if wide else rng.random(index.shape).T.copy()
        reached = (levels - _MARGIN if single else levels) * lines[-1]
        count = _number(lines[:-1] <= reached)
        index[:] = count if wide else count.T
        if single:
            reached += 2 * _MARGIN * lines[-1]
            doubtful = (_number(lines[:-1] <= reached) != count).any(axis=0)
            if doubtful.any():
                index[doubtful] = _into_columns(rows[doubtful], levels.T[None, doubtful], _FLOAT)[0]
        return
    step = max(1, _DRAWS_AT_ONCE // len(rows))
    for start in range(0, repeated, step):
        drawn = index[:, start : start + step] if wide else index[:, start : start + step].T
        reached = rng.random(drawn.shape) * lines[-1]
        count = np.zeros(drawn.shape, np.uint8)
        passed = np.empty(drawn.shape, np.bool_)
        for line in lines[:-1]:
            np.less_equal(line, reached, out=passed)
            count += passed.view(np.uint8)
        drawn[:] = count


def _number(passed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """How many lines, of the first axis and at most 255, each draw has passed."""
    flat = passed.view(np.uint8).reshape(len(passed), math.prod(passed.shape[1:]))
    number: NDArray[np.uint8] = np.add.reduce(flat, axis=0, dtype=np.uint8)
    return number.reshape(passed.shape[1:])


def _by_columns(rows: Floats, index: Indices, rng: np.random.Generator, share: Share) -> None:
    """A draw is compared with all sums of its row, or of its columns and then inside one."""
    levels = _levels(rng, 1 + _in_two(rows.size, rows.shape[1]), index)
    if not _single_first(rows.size, rows.shape[1], index.shape[1]):
        index[:] = _into_columns(rows, levels, _FLOAT)[0]
        return
    index[:], doubtful = _into_columns(rows, levels, _SINGLE)
    if doubtful.any():
        index[doubtful] = _into_columns(rows[doubtful], levels[:, doubtful], _FLOAT)[0]


def _levels(rng: np.random.Generator, steps: int, index: Indices) -> NDArray[np.float64]:
    """Uniforms for each step of each draw.

    A first one of 0, of chance 2**-53, would find classes whose sum may be a denormal number. A
    share of that can round to all of it, and the next step would end beyond the last of them.
    """
    levels = rng.random((steps, *index.shape))
    np.maximum(levels[0], 2.0**-54, out=levels[0])
    return levels


def _into_columns(
    rows: Floats, levels: NDArray[np.float64], dtype: np.dtype[Any]
) -> tuple[Indices, NDArray[np.bool_]]:
    """The class of each uniform, and the rows that float32 weights leave in doubt.

    The levels are uniforms (1, rows, draws), or (2, rows, draws) to find a column and then a class.
    """
    num_rows, num_classes = rows.shape
    if len(levels) == 1:
        return _passed(_weights(rows, out=np.empty(rows.shape, dtype)), levels[0])
    height = min(_COLUMN, max(2, num_classes // _COLUMNS))
    width = -(-num_classes // height)
    weights = np.zeros((num_rows, height, width), dtype)
    _weights(rows, out=weights.reshape(num_rows, -1)[:, :num_classes])
    column, doubtful = _passed(np.add.reduce(weights, axis=1), levels[0])
    inside = weights[np.arange(num_rows)[:, None], :, column].reshape(-1, height)
    line, unsure = _passed(inside, levels[1].reshape(-1, 1))
    line = line.reshape(column.shape)
    line *= width
    line += column
    if dtype == _SINGLE:
        doubtful |= unsure.reshape(column.shape).any(axis=1)
    return line, doubtful


def _passed(weights: Floats, levels: NDArray[np.float64]) -> tuple[Indices, NDArray[np.bool_]]:
    """The first sum above each level, a share of the total, and the rows in doubt.

    By float32, it is the first above level - margin; in doubt if it is not above level + margin.
    """
    sums = weights.cumsum(axis=1, dtype=np.float64)
    total = sums[:, -1:]
    if weights.dtype == _FLOAT:
        index: Indices = (sums[:, None] > (levels * total)[:, :, None]).argmax(axis=2)
        return index, np.zeros(len(sums), np.bool_)
    reached = (levels - _MARGIN) * total
    index = (sums[:, None] > reached[:, :, None]).argmax(axis=2)
    reached += 2 * _MARGIN * total
    return index, (sums[np.arange(len(sums))[:, None], index] <= reached).any(axis=1)


def _by_sums(rows: Floats, index: Indices, rng: np.random.Generator, share: Share) -> None:
    """Each row in a few lines: a search of the sums of its columns, then one down a column."""
    num_rows, num_classes = rows.shape
    repeated = index.shape[1]
    width = -(-num_classes // _HEIGHT)
    grid = np.zeros((num_rows, _HEIGHT, width))
    flat = grid.reshape(num_rows, -1)
    weights = _weights(rows, out=flat[:, :num_classes])
    if _draws_sure(weights, rows, index, rng, share, _by_sums):
        return
    # Down the columns NumPy adds many numbers at a time, along them each must wait for the last.
    for above, line in pairwise(grid.swapaxes(0, 1)):
        line += above
    number = 1 << (width - 1).bit_length()
    sums = np.full((num_rows, number), np.inf)
    np.cumsum(grid[:, -1], axis=1, out=sums[:, :width])
    levels = _levels(rng, 2, index)
    levels[0] *= sums[:, width - 1 : width]
    row = np.arange(num_rows)[:, None]
    if num_rows <= _FEW_ROWS and index.size <= _FEW:
        column = np.empty_like(index)
        for i in range(num_rows):
            column[i] = sums[i, :width].searchsorted(levels[0, i], side="right")
    else:
        first = (row * number).repeat(repeated, axis=1)
        column = _first_above(sums.ravel(), first, levels[0], 1, number)
        column -= first
    levels[1] *= grid[row, -1, column]
    column += row * flat.shape[1]
    place = _first_above(flat.ravel(), column, levels[1], width, _HEIGHT)
    np.subtract(place, row * flat.shape[1], out=index)


def _by_search(rows: Floats, index: Indices, rng: np.random.Generator, share: Share) -> None:
    """A binary search of the cumulative sums of each row."""
    weights = _weights(rows)
    if _draws_sure(weights, rows, index, rng, share, _by_search):
        return
    cumulative = np.cumsum(weights, axis=1, out=weights)
    levels = rng.random(index.shape) * cumulative[:, -1:]
    for drawn, sums, level in zip(index, cumulative, levels, strict=True):
        drawn[:] = sums.searchsorted(level, side="right")


def _by_table(rows: Floats, index: Indices, rng: np.random.Generator, share: Share) -> None:
    """The indexed inverse CDF: a table of guides tells where each search begins."""
    weights = _weights(rows)
    if _draws_sure(weights, rows, index, rng, share, _by_table):
        return
    repeated = index.shape[1]
    num_guides = _num_guides(rows.shape[1], repeated)
    for cumulative, drawn in zip(weights, index, strict=True):
        np.cumsum(cumulative, out=cumulative)
        cumulative *= num_guides / cumulative[-1]
        # Guide g is the number of sums up to g: the first class that a level from g on can reach.
        ends = np.ceil(cumulative[:-1]).astype(np.int64)
        guides = np.bincount(ends, minlength=num_guides + 2)
        np.cumsum(guides, out=guides)
        for start in range(0, repeated, _DRAWS_AT_ONCE):
            some = drawn[start : start + _DRAWS_AT_ONCE]
            reached = rng.random(some.size)
            reached *= cumulative[-1]
            # With a mode, NumPy does not copy the result once more.
            guides.take(reached.astype(np.int64), out=some, mode="clip")
            pending = np.flatnonzero(cumulative.take(some, mode="clip") <= reached)
            for _ in range(_STEPS):
                if not pending.size:
                    break
                some[pending] += 1
                pending = pending[cumulative.take(some[pending]) <= reached[pending]]
            # Many small classes may lie between two guides.
            some[pending] = cumulative.searchsorted(reached[pending], side="right")


def _num_guides(num_classes: int, repeated: int) -> int:
    """The guides that serve so many draws best."""
    return min(math.isqrt(4 * num_classes * repeated), max(2 * num_classes, _GUIDES_IN_CACHE)) + 1


def _draws_sure(
    weights: NDArray[np.float64],
    rows: Floats,
    index: Indices,
    rng: np.random.Generator,
    share: Share,
    draw: Method,
) -> bool:
    """Draw all rows, if many have a likely class, the others by `draw`; whether that was done.

    Which draws of a row are not of its likely class is drawn first: by a uniform for each draw, or
    by a binomial number, at random places, where that takes less. Then the weights are lost.
    """
    (num_rows, num_classes), repeated = weights.shape, index.shape[1]
    few = draw is _by_search and _searches_few(num_rows, num_classes, repeated)
    if repeated < _LEAST_SURE or few:
        return False
    each = 4 * num_classes + 40 * repeated < _SURE_TAKES
    # The largest weight is 1, so the sum is one over its probability.
    sure = np.add.reduce(weights, axis=1) < (1 + 0.97 / repeated if each else 1 / _SURE)
    if 4 * np.count_nonzero(sure) < num_rows:
        return False
    if not sure.all():
        weights = weights[sure]
        others = np.empty((num_rows - len(weights), repeated), np.int64)
        draw(rows[~sure], others, rng, share)
        index[~sure] = others
    likeliest = weights.argmax(axis=1)
    weights[np.arange(len(weights)), likeliest] = 0
    rest = np.add.reduce(weights, axis=1)
    chance = rest / (1 + rest)
    drawn = np.empty((len(weights), repeated), np.int64)
    drawn[:] = likeliest[:, None]
    if each:
        row, place = np.nonzero(_levels(rng, 1, drawn)[0] < chance[:, None])
        drawn[row, place] = _passed(weights[row], rng.random((row.size, 1)))[0][:, 0]
    else:
        counts = rng.binomial(repeated, chance)
        for i in np.flatnonzero(counts).tolist():
            places = rng.choice(repeated, counts[i], replace=False, shuffle=False)
            sums = weights[i].cumsum()
            levels = rng.random(places.size) * sums[-1]
            drawn[i, places] = sums.searchsorted(levels, side="right")
    index[sure] = drawn
    return True


def _by_blocks(rows: Floats, index: Indices, rng: np.random.Generator, share: Share) -> None:
    """The race of blocks: of neighbours, or, where there are few, of every num_blocks-th class."""
    num_rows, num_classes = rows.shape
    num_blocks = num_blocks_of(num_classes)
    height = -(-num_classes // num_blocks)
    bounds: Floats
    if num_blocks > _SIDE_BY_SIDE:
        whole = num_classes // height
        blocks = rows[:, : whole * height].reshape(num_rows, whole, height)
        floating = np.result_type(rows.dtype, np.float16)  # holds -inf, and each integer of its own
        bounds = np.full((num_rows, num_blocks), -np.inf, floating)
        step = max(1, _SLICE // height)
        maxima = share(
            lambda start: blocks[:, start : start + step].max(axis=2), range(0, whole, step)
        )
        np.concatenate(list(maxima), axis=1, out=bounds[:, :whole])
        if whole * height < num_classes:
            bounds[:, whole] = rows[:, whole * height :].max(axis=1)
        to_next, to_block = 1, height
    else:
        whole, rest = divmod(num_classes, num_blocks)
        blocks = rows[:, : whole * num_blocks].reshape(num_rows, whole, num_blocks)
        bounds = blocks.max(axis=1)
        if rest:
            np.maximum(bounds[:, :rest], rows[:, -rest:], out=bounds[:, :rest])
        to_next, to_block = num_blocks, 1
    row_max = bounds.max(axis=1).astype(np.float64)
    check_row_max(row_max)
    bounds = bounds.astype(np.float64)
    cumulative = bounds - row_max[:, None]
    np.cumsum(np.exp(cumulative, out=cumulative), axis=1, out=cumulative)
    total = cumulative[:, -1].copy()
    bounds, cumulative = bounds.ravel(), cumulative.ravel()

    repeated = index.shape[1]
    drawn = index.ravel()  # no copy, since whole rows of the result are handed in
    pending = np.arange(drawn.size)
    budget = max(_LEAST_TRIES, rows.size // _CLASSES_PER_TRY)
    least = _TRIES
    while pending.size and budget > 0:
        some, later = pending[:_DRAWS_AT_ONCE], pending[_DRAWS_AT_ONCE:]
        tries = max(1, min(least, budget, _DRAWS_AT_ONCE) // some.size)
        budget -= some.size * tries
        least *= 2
        row = (some // repeated).repeat(tries)
        first = row * num_blocks
        reached = rng.random(row.size) * total.take(row)
        place = _first_above(cumulative, first, reached, 1, num_blocks)
        element = rng.integers(0, height, row.size) * to_next + (place - first) * to_block
        in_range = element < num_classes
        logit = rows[row, np.where(in_range, element, 0)].astype(np.float64)
        excess = np.exp(logit - bounds.take(place))
        kept = in_range & (rng.random(row.size) < excess)
        kept = kept.reshape(-1, tries)
        winner = kept.argmax(axis=1)
        done = kept.any(axis=1)
        drawn[some[done]] = element.reshape(-1, tries)[done, winner[done]]
        pending = np.append(some[~done], later)
    for i, count in zip(*np.unique(pending // repeated, return_counts=True), strict=True):
        rest = np.empty((1, count), np.int64)
        _by_stretches(rows[i : i + 1], rest, rng, share)
        drawn[pending[:count]] = rest[0]
        pending = pending[count:]


def _by_stretches(rows: Floats, index: Indices, rng: np.random.Generator, share: Share) -> None:
    """The number of draws from each stretch of neighbours, then these draws, then their order."""
    for row, drawn in zip(rows, index, strict=True):
        row_max = row.max(keepdims=True).astype(np.float64)
        check_row_max(row_max)
        starts = np.arange(0, row.size, _STRETCH)
        stretches = [row[None, start : start + _STRETCH] for start in starts]
        sums = np.array([np.exp(some - row_max).sum() for some in stretches])
        # A share of a denormal sum can round to all of it, and would end beyond the stretch.
        possible = np.flatnonzero(sums >= np.finfo(np.float64).tiny)
        counts = rng.multinomial(drawn.size, sums[possible] / sums.sum())
        place = 0
        for i, count in zip(possible, counts, strict=True):
            if count:
                some = drawn[place : place + count]
                if count > _STRETCH:
                    _by_table(stretches[i], some[None], rng, share)
                else:
                    cumulative = np.exp(stretches[i] - row_max).cumsum()
                    # In order, since such a search jumps less; they are shuffled in the end.
                    reached = np.sort(rng.random(count)) * cumulative[-1]
                    some[:] = cumulative.searchsorted(reached, side="right")
                some += starts[i]
                place += count
        rng.shuffle(drawn)
