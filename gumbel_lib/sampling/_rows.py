"""What the samplers of rows share: logits with the classes last, shapes of results, checks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import as_floats, check_axis, check_logits


def as_rows(logits: ArrayLike, axis: int) -> NDArray[Any]:
    """A NumPy array of real numbers with the classes along its last axis.

    Integers and bools stay as they are, since the samplers make floats of a few rows at a time.
    """
    whole = type(logits) is np.ndarray and logits.dtype.kind in "iub"
    values: NDArray[Any] = np.asarray(logits) if whole else as_floats(logits, "logits")
    axis = check_axis(values, axis)
    return values if axis == -1 else np.moveaxis(values, axis, -1)


def as_shape(size: int | tuple[int, ...] | None, batch: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the result, to which the batch shape must broadcast."""
    if size is None:
        return batch
    try:
        shape = (size,) if isinstance(size, (int, np.integer)) else tuple(size)
        fits = np.broadcast_shapes(shape, batch) == shape
    except (TypeError, ValueError, RuntimeError):  # the last for more axes than NumPy broadcasts
        fits = False
    if isinstance(size, bool) or not fits:
        raise ValueError(f"size: expected a shape to which {batch} broadcasts, got {size!r}")
    return tuple(int(length) for length in shape)


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
