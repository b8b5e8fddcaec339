"""What the samplers of rows share: logits with the classes last, shapes of results, checks."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import as_floats, check_axis, check_count, check_logits

MOST_AXES = 64  # of a NumPy array


def as_rows(logits: ArrayLike, axis: int) -> NDArray[Any]:
    """A NumPy array of real numbers with the classes along its last axis.

    Integers and bools stay as they are, since the samplers make floats of a few rows at a time.
    """
    whole = type(logits) is np.ndarray and logits.dtype.kind in "iub"
    values: NDArray[Any] = np.asarray(logits) if whole else as_floats(logits, "logits")
    if values.dtype.itemsize > 8:
        with np.errstate(over="ignore"):  # an infinity is refused where rows are looked at
            values = values.astype(np.float64)
    axis = check_axis(values, axis)
    return values if axis == -1 else np.moveaxis(values, axis, -1)


def as_shape(size: int | tuple[int, ...] | None, batch: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the result, to which the batch shape must broadcast."""
    if size is None:
        return batch
    lengths = size if isinstance(size, (tuple, list)) else (size,)
    shape = tuple(check_count(length, "size", least=0) for length in lengths)
    aligned = shape[max(0, len(shape) - len(batch)) :]
    fits = len(aligned) == len(batch) and len(shape) <= MOST_AXES
    if not fits or any(own not in (1, n) for own, n in zip(batch, aligned, strict=True)):
        raise ValueError(f"size: expected a shape to which {batch} broadcasts, got {size!r}")
    return shape


def axes_of(shape: tuple[int, ...], batch: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """The axes of a result that are those of the batch, and those of repeated draws of its rows."""
    padded = (1,) * (len(shape) - len(batch)) + batch
    of_batch = [i for i, length in enumerate(padded) if length == shape[i]]
    of_repeats = [i for i, length in enumerate(padded) if length != shape[i]]
    return of_batch, of_repeats


def in_order(
    drawn: NDArray[np.int64], shape: tuple[int, ...], axes: list[int]
) -> NDArray[np.int64]:
    """The result of this shape from draws whose axes lie in another order."""
    moved = drawn.reshape([shape[i] for i in axes])
    result: NDArray[np.int64] = moved.transpose([axes.index(i) for i in range(len(axes))])[()]
    return result


def threads_of(workers: int) -> int:
    """The threads that `workers` asks for: -1 is one for a processor."""
    if check_count(workers, "workers", least=-1) == -1:
        return os.cpu_count() or 1
    return check_count(workers, "workers")


def room_for(shape: tuple[int, ...], size: Any) -> NDArray[np.int64]:
    """An array for the indices; `size` is what the caller asked for."""
    try:
        return np.empty(shape, np.int64)
    except (MemoryError, ValueError) as error:
        raise ValueError(f"size: expected a result that fits in memory, got {size!r}") from error


def check_row_max(row_max: NDArray[np.float64]) -> None:
    """Refuse bad rows by their largest logits (rows,), which NaN and +inf always reach."""
    # One cheap call tells nearly all good rows. It may overflow, which callers ignore.
    if not row_max.dot(row_max) < np.inf and not np.isfinite(row_max).all():
        check_logits(row_max[..., None], -1)


def num_blocks_of(num_classes: int) -> int:
    """The blocks of a race: the power of two at or above sqrt(2K)."""
    # With n blocks a draw takes at most K/n tries on average. If a try costs as much as two blocks,
    # n + 2K/n is least at sqrt(2K). A quarter of that takes 2 to 14 times as long for many rows of
    # 128,000 to 300 classes, one of which holds nearly all. A power of two suits the search by
    # halves.
    return 1 << math.ceil(math.log2(2 * num_classes) / 2)
