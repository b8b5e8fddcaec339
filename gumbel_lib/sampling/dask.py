"""Exact draws from logits in a Dask array: a reservoir a chunk, merged by a tree."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import check_count
from ..noise import keyed_gumbel
from .reservoir import GumbelReservoir

_FAN_IN = 8  # reservoirs merged at once
_AT_ONCE = 1 << 16  # classes whose noise is held at once


def sample_dask(
    logits: Any,
    k: int = 1,
    *,
    seed: int,
    keyed: bool = True,
) -> NDArray[np.int64]:
    """Draw k classes of each row without replacement, chunk by chunk.

    Each chunk of a row feeds a `GumbelReservoir`, and a tree of merges leaves one to a row. Only
    the reservoirs travel, a few numbers each.

    Parameters
    ----------
    logits : dask.array.Array (K,) or (N, K)
        Log-probabilities up to a constant, in nats; ``-inf`` for a class that is never drawn.
    k : int
        How many classes to draw from each row.
    seed : int
        At least 0 and below 2**64; two draws with one seed are the same draw.
    keyed : bool
        With True, the noise of a class is a function of seed, row and class (`keyed_gumbel`), so
        the draw does not depend on the chunks. With False, each chunk draws its own exponential
        jumps from a stream that is a function of seed, row and first class: faster, as exact, but
        other chunks give another draw.

    Returns
    -------
    numpy.ndarray of int64 (k,) or (N, k)
        Indices along the last axis, in the order drawn.

    Raises
    ------
    TypeError, ValueError
        If `logits` is no Dask array of 1 or 2 axes with known chunks, a logit is NaN or +inf, a
        row has fewer than `k` finite logits, or `k` or `seed` is out of range.

    Notes
    -----
    Needs Dask, which ``pip install "dask[array]"`` brings, and ``"dask[distributed]"`` for a
    cluster. It computes wherever Dask computes at present, which is threads by default.

    Examples
    --------
    >>> import dask.array as da
    >>> wide, narrow = (da.zeros(100_000, chunks=size) for size in (50_000, 7_000))
    >>> bool((sample_dask(wide, 3, seed=0) == sample_dask(narrow, 3, seed=0)).all())
    True

    A progress bar, and a cluster, are Dask's own:

    >>> from dask.diagnostics import ProgressBar
    >>> with ProgressBar():  # doctest: +SKIP
    ...     drawn = sample_dask(wide, 3, seed=0)
    >>> from distributed import Client
    >>> client = Client("tcp://127.0.0.1:8786")  # doctest: +SKIP
    >>> with client.as_current():  # doctest: +SKIP
    ...     drawn = sample_dask(wide, 3, seed=0)
    """
    from dask.array import Array
    from dask.base import compute
    from dask.delayed import delayed

    if not isinstance(logits, Array):
        raise TypeError(f"logits: expected a Dask array, got {type(logits).__name__}")
    if logits.ndim not in (1, 2):
        raise ValueError(f"logits: expected shape (K,) or (N, K), got {logits.shape}")
    if np.isnan(logits.shape).any():
        raise ValueError(f"logits: expected chunks of known sizes, got shape {logits.shape}")
    k, seed = check_count(k, "k"), check_count(seed, "seed", least=0)
    if seed >= 2**64:
        raise ValueError(f"seed: expected an integer below 2**64, got {seed}")

    shard, merge = delayed(_shard), delayed(_merge)
    rows = logits if logits.ndim == 2 else logits[None]
    row_starts, starts = (np.cumsum([0, *sizes[:-1]]).tolist() for sizes in rows.chunks)
    finished = []
    for row_start, blocks in zip(row_starts, rows.to_delayed(), strict=True):
        level = [
            shard(block, k, seed, keyed, row_start, start)
            for start, block in zip(starts, blocks, strict=True)
        ]
        while len(level) > 1:
            level = [merge(level[i : i + _FAN_IN]) for i in range(0, len(level), _FAN_IN)]
        finished.append(level[0])
    drawn = np.array(
        [reservoir.draw() for part in compute(*finished) for reservoir in part], np.int64
    ).reshape(-1, k)
    return drawn if logits.ndim == 2 else drawn[0]


def _shard(
    block: NDArray[np.floating[Any]], k: int, seed: int, keyed: bool, row_start: int, start: int
) -> list[GumbelReservoir]:
    """A reservoir for each row of one chunk."""
    reservoirs = []
    for row, logits in enumerate(block, row_start):
        # One integer, since the words of two would run together.
        stream = np.random.SeedSequence(seed, spawn_key=(row << 64 | start,))
        reservoir = GumbelReservoir(k, rng=np.random.default_rng(stream))
        if keyed:
            for i in range(0, logits.size, _AT_ONCE):
                some = logits[i : i + _AT_ONCE]
                reservoir.feed(some, keyed_gumbel(seed, row, start + i, some.size))
        else:
            reservoir.feed(logits)
        reservoirs.append(reservoir)
    return reservoirs


def _merge(parts: list[list[GumbelReservoir]]) -> list[GumbelReservoir]:
    """The reservoirs of neighbouring chunks, in order, as one for each row."""
    merged = []
    for shards in zip(*parts, strict=True):
        # A new one, since Dask may run a task again on the same inputs.
        whole = GumbelReservoir(shards[0].k, rng=0)
        for reservoir in shards:
            whole.merge(reservoir)
        merged.append(whole)
    return merged
