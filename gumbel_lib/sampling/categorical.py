"""Fast exact draws from categorical distributions, without noise for every class."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats.sampling import DiscreteGuideTable

from .._checks import Rng, as_generator, check_count
from ._rows import as_rows, as_shape, check_row_max, room_for

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]

# The law does not depend on these constants; time, memory and the draws of a seed do. The times
# beside them were taken on a two-core x86-64 machine, for float64 logits of standard deviation 2.

# Classes up to which all are summed. For one draw of each row and 2e6 logits in all, sums and
# blocks take 12 and 15 ms at 128 classes, 18 and 9 ms at 256.
_SMALL = 128
# Draws of one row from which a guide table is worth its Python calls, some 40 us. Against sums
# over all classes it wins from 3000 draws on at 6 classes, from 300 at 100; against blocks sooner.
_MANY = 1000
# K/16 tries take about as long as the two passes over a row's weights of the sums over stretches:
# the most that are made before these sums, and none for K/16 draws or more. That many draws of
# 64,000 classes take 1.8 ms by blocks and 1.7 ms by guide table.
_CLASSES_PER_TRY = 16
# Classes up to which a guide table, of some 50 bytes a class, stays in cache. At 2**17 it takes 2
# times as long as sums over stretches for K/16 draws, a third as long for 1e6.
_CACHED = 1 << 17
# Neighbouring classes that are summed together. Shorter stretches cost more Python calls (1000
# draws of 300,000 classes: 16 ms with 256, 4 ms with 4096); longer ones are searched more slowly
# (1e6 draws: 0.3 s with 4096, 0.6 s with 65,536).
_STRETCH = 1 << 12
# Tries in a round where fewer draws are pending. For one draw of 100,000 classes, 4096 take 2 times
# as long as 64, and 65,536 take 14 times.
_TRIES = 1 << 12
# Numbers that the rows of a chunk take, `working_size` each, 2 MB an array. An eighth of a megabyte
# takes 2 times as long; 8 MB take a sixth to a third less time and 4 times the memory.
_CHUNK_SIZE = 1 << 18
# Logits that are copied at a time, 16 MB in float64. The time hardly depends on it.
_COPY_SIZE = 1 << 21
# Draws of one row or chunk that are made at once, 2 MB an array. From 16,384 on, a guide table's
# time hardly depends on it.
_DRAWS_AT_ONCE = 1 << 18


def sample_categorical(
    logits: ArrayLike,
    *,
    size: int | tuple[int, ...] | None = None,
    rng: Rng,
    axis: int = -1,
    workers: int = 1,
) -> Indices:
    r"""Exact draws from softmax(logits), by a method that follows the shape.

    One draw of each row, where rows are wide and there are many thousands of logits in all, usually
    takes far fewer exponentials than there are logits. The maximum of Gumbels is a Gumbel at the
    log-sum-exp, so a block of classes can race as one. The block races at its *upper bound*
    :math:`B e^{m}`, with B classes and largest logit m; the class drawn inside it is kept with the
    probability that makes up for the excess,

    .. math:: P(\text{block } b) \propto e^{m_b}, \qquad
              P(i \mid b) = \tfrac{1}{B}, \qquad
              P(\text{keep } i) = e^{l_i - m_b},

    and the race goes on until a class is kept. That takes at most B tries on average, and only
    as many exponentials as there are blocks and tries. Block b holds the classes b, b + n, b + 2n,
    and so on, where n is the number of blocks.

    Parameters
    ----------
    logits : array_like (..., K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that is never drawn.
    size : int or tuple of int, optional
        Shape of the result, to which the batch shape (that of `logits` without `axis`) must
        broadcast, as in NumPy's generators. One draw of each row by default.
    rng : int or numpy.random.Generator
        Seed or generator, of any bit generator; it is advanced, and from one state come the same
        draws.
    axis : int
        The axis of the classes.
    workers : int
        Threads among which the rows are shared; -1 for one a processor. The draws do not depend
        on it.

    Returns
    -------
    numpy.ndarray of int64
        Indices along `axis`.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If a logit is NaN or +inf, a row is all ``-inf``, K is 0, or `size` does not fit.

    Notes
    -----
    The method follows the shape.

    - Up to 128 classes: the inverse of the cumulative distribution function, summed class by
      class over all rows at once.
    - Wider rows: the race of blocks above, with sqrt(2K) blocks rounded up to a power of two, and
      with many tries of a draw at once where draws are few. Draws that are still open after K/16
      tries a row, and at least 4096 in all, are finished by sums over stretches of classes: first
      the stretch, by its sum, then a class inside it, by its cumulative sums. Which class is kept
      does not depend on how many tries it takes, so the law stays exact.
    - Many draws of one row, at least 1000 and K/16: up to 131,072 classes SciPy's guide table, the
      indexed inverse CDF, which costs O(K) once and O(1) a draw and loses no digits on very uneven
      rows, as the alias table does; beyond, the sums over stretches, whose memory is one number
      for 4096 classes.

    Beside logits and result, a thread holds up to some 20 MB, or what one row takes: a few
    numbers for each block and each draw, or the guide table's 50 bytes a class. Differences from
    the largest logit and their exponentials are float64 whatever the type of the logits. Rows that
    share no stride, such as those of a middle axis, are copied a few at a time; lists, bfloat16
    and arrays of other libraries are copied once.

    With more than one task, each task's stream is a child of a seed sequence made of 128 bits
    drawn from the generator.

    References
    ----------
    Maddison, C. J., Tarlow, D., Minka, T., *A\* Sampling*, NeurIPS 2014 (bounds on blocks);
    von Neumann, J., *Various Techniques Used in Connection with Random Digits*, 1951 (rejection);
    Chen, H.-C., Asau, Y., *On Generating Random Variates from an Empirical Distribution*, AIIE
    Transactions 6, 1974 (the indexed CDF); Vose, M. D., *A Linear Algorithm for Generating Random
    Numbers with a Given Distribution*, IEEE Transactions on Software Engineering 17, 1991 (the
    alias table in linear time).

    Examples
    --------
    >>> logits = np.log([0.7, 0.2, 0.1])
    >>> np.bincount(sample_categorical(logits, size=10_000, rng=0)).tolist()
    [6999, 2021, 980]
    >>> sample_categorical(np.zeros((4, 5, 1000)), rng=0).shape
    (4, 5)
    """
    # Shape: an axis of the result is one of the batch, or one of repeated draws of the same rows.
    values = as_rows(logits, axis)
    batch, num_classes = values.shape[:-1], values.shape[-1]
    shape = as_shape(size, batch)
    generator = as_generator(rng)
    threads = check_count(workers, "workers", least=-1)
    threads = (os.cpu_count() or 1) if threads == -1 else check_count(threads, "workers")
    if 0 in shape:
        return np.empty(shape, np.int64)
    padded = (1,) * (len(shape) - len(batch)) + batch
    of_batch = [i for i, length in enumerate(padded) if length == shape[i]]
    of_repeats = [i for i, length in enumerate(padded) if length != shape[i]]
    num_rows, repeated = math.prod(batch), math.prod(shape[i] for i in of_repeats)
    drawn = room_for((num_rows, repeated), size)

    # Plan: the method, and as many rows a chunk as its memory has room for. A searchsorted a row
    # takes over 100 times as long for 6 classes, and 3 to 19 times for 1000 and more
    # (benchmarks/sampling.json): it costs Python calls for each row and weights for each class.
    draw: Callable[[Floats, int, np.random.Generator], Indices]
    if repeated >= max(_MANY, num_classes // _CLASSES_PER_TRY):
        draw = _by_guide_table if num_classes <= _CACHED else _by_stretches
        working_size = repeated + min(num_classes, _CACHED)
    elif num_classes <= _SMALL:
        draw, working_size = _by_inverse_cdf, num_classes + repeated
    else:
        draw, working_size = _by_blocks, _num_blocks(num_classes) + repeated
    rows_at_once = max(1, _CHUNK_SIZE // working_size)
    matrix: Floats | None
    try:
        matrix = values.reshape(num_rows, num_classes, copy=False)
    except ValueError:  # the rows have no common stride, and each chunk is copied
        matrix, rows_at_once = None, max(1, min(rows_at_once, _COPY_SIZE // num_classes))
    starts = range(0, num_rows, rows_at_once)

    # Chunks: where there are several, each has a stream of its own, so that the draws do not depend
    # on the threads. The root has 128 bits, as many as a seed sequence pools.
    root = int.from_bytes(generator.bytes(16), "little") if len(starts) > 1 else 0

    def task(number: int) -> None:
        stream = generator
        if len(starts) > 1:
            stream = np.random.default_rng(np.random.SeedSequence(root, spawn_key=(number,)))
        start, stop = starts[number], min(starts[number] + rows_at_once, num_rows)
        if matrix is None:
            rows = values[np.unravel_index(np.arange(start, stop), batch)]
        else:
            rows = matrix[start:stop]
        with np.errstate(over="ignore"):  # a difference may be -inf, which is right
            drawn[start:stop] = draw(rows, repeated, stream)

    with ThreadPoolExecutor(threads) as pool:
        list((pool.map if threads > 1 else map)(task, range(len(starts))))
    axes = of_batch + of_repeats
    return drawn.reshape([shape[i] for i in axes]).transpose(np.argsort(axes))


def _by_inverse_cdf(rows: Floats, repeated: int, rng: np.random.Generator) -> Indices:
    """The number of cumulative sums that a uniform reaches, with a contiguous line a class."""
    weights = np.array(rows.T, np.float64, order="C")
    row_max = weights.max(axis=0)
    check_row_max(row_max)
    weights -= row_max
    np.exp(weights, out=weights)
    for k in range(1, len(weights)):
        weights[k] += weights[k - 1]
    reached = rng.random((repeated, len(rows))) * weights[-1]
    index = np.zeros(reached.shape, np.int64)
    for cumulative in weights[:-1]:
        index += cumulative <= reached
    return index.T


def _num_blocks(num_classes: int) -> int:
    """The power of two at or above sqrt(2K)."""
    # With n blocks a draw takes at most K/n tries on average. If a try costs as much as two blocks,
    # n + 2K/n is least at sqrt(2K). A quarter of that takes 2 to 14 times as long for many rows of
    # 128,000 to 300 classes, one of which holds nearly all. A power of two suits the search by
    # halves.
    return 1 << math.ceil(math.log2(2 * num_classes) / 2)


def _by_blocks(rows: Floats, repeated: int, rng: np.random.Generator) -> Indices:
    """The race of blocks; block b holds the classes b, b + num_blocks, b + 2 num_blocks, ..."""
    num_rows, num_classes = rows.shape
    num_blocks = _num_blocks(num_classes)
    whole, rest = divmod(num_classes, num_blocks)
    bounds = rows[:, : whole * num_blocks].reshape(num_rows, whole, num_blocks).max(axis=1)
    if rest:
        np.maximum(bounds[:, :rest], rows[:, -rest:], out=bounds[:, :rest])
    row_max = bounds.max(axis=1).astype(np.float64)
    check_row_max(row_max)
    bounds = bounds.astype(np.float64)
    cumulative = bounds - row_max[:, None]
    np.cumsum(np.exp(cumulative, out=cumulative), axis=1, out=cumulative)
    total = cumulative[:, -1].copy()
    bounds, cumulative = bounds.ravel(), cumulative.ravel()
    height = whole + (rest > 0)

    index = np.empty(num_rows * repeated, np.int64)
    pending = np.arange(index.size)
    budget = max(_TRIES, rows.size // _CLASSES_PER_TRY)
    while pending.size and budget > 0:
        some, later = np.split(pending, [_DRAWS_AT_ONCE])
        tries = max(1, _TRIES // some.size)
        budget -= some.size * tries
        row = (some // repeated).repeat(tries)
        reached = rng.random(row.size) * total.take(row)
        # A search by halves, for all tries at once: a searchsorted a row would be a Python call a
        # row, and one over all rows, each set off from the last, would lose digits.
        first = row * num_blocks
        place = first.copy()
        step = num_blocks
        while step := step // 2:
            place += step * (cumulative.take(place + (step - 1)) <= reached)
        element = rng.integers(0, height, row.size) * num_blocks + (place - first)
        in_range = element < num_classes
        logit = rows[row, np.where(in_range, element, 0)].astype(np.float64)
        excess = np.exp(logit - bounds.take(place))
        kept = in_range & (rng.random(row.size) < excess)
        kept = kept.reshape(-1, tries)
        winner = kept.argmax(axis=1)
        done = kept.any(axis=1)
        index[some[done]] = element.reshape(-1, tries)[done, winner[done]]
        pending = np.append(some[~done], later)
    for i, count in zip(*np.unique(pending // repeated, return_counts=True), strict=True):
        index[pending[:count]] = _by_stretches(rows[i : i + 1], int(count), rng)[0]
        pending = pending[count:]
    return index.reshape(num_rows, repeated)


def _by_stretches(rows: Floats, repeated: int, rng: np.random.Generator) -> Indices:
    """The number of draws from each stretch of neighbours, then these draws, then their order."""
    index = np.empty((len(rows), repeated), np.int64)
    for row, drawn in zip(rows, index, strict=True):
        row_max = float(row.max())
        check_row_max(np.asarray(row_max))
        starts = np.arange(0, row.size, _STRETCH)
        sums = np.array([_cumulative(row, start, row_max)[-1] for start in starts])
        possible = np.flatnonzero(sums)
        counts = rng.multinomial(repeated, sums[possible] / sums.sum())
        place = 0
        for start, count in zip(starts[possible], counts, strict=True):
            if count:
                cumulative = _cumulative(row, start, row_max)
                reached = rng.random(count) * cumulative[-1]
                picked = cumulative.searchsorted(reached, side="right")
                drawn[place : place + count] = start + picked
                place += count
        rng.shuffle(drawn)
    return index


def _cumulative(row: Floats, start: int, row_max: float) -> NDArray[np.float64]:
    """Sums of the weights of one stretch, class by class."""
    weights: NDArray[np.float64] = np.subtract(
        row[start : start + _STRETCH], row_max, dtype=np.float64
    )
    return np.cumsum(np.exp(weights, out=weights), out=weights)


def _by_guide_table(rows: Floats, repeated: int, rng: np.random.Generator) -> Indices:
    """SciPy's indexed inverse CDF, row by row, over the classes that can be drawn."""
    index = np.empty((len(rows), repeated), np.int64)
    for row, drawn in zip(rows, index, strict=True):
        row_max = float(row.max())
        check_row_max(np.asarray(row_max))
        weights = np.exp(np.subtract(row, row_max, dtype=np.float64))
        possible = np.flatnonzero(weights)
        # Two guides a class: one takes half as long again for draws of 1000 classes, and more than
        # three SciPy advises against.
        table = DiscreteGuideTable(weights[possible], guide_factor=2, random_state=rng)
        for start in range(0, repeated, _DRAWS_AT_ONCE):
            some = drawn[start : start + _DRAWS_AT_ONCE]
            picked = table.rvs(some.size)
            some[:] = picked if possible.size == weights.size else possible[picked]
    return index
