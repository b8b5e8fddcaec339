"""Checks of arguments: each error names the argument, what was expected and what came."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import ArrayLike, NDArray

# An array of any library that array-api-compat knows: NumPy, JAX, PyTorch and others.
Array = Any
Rng = np.random.Generator | int | None


def is_true(condition: Array) -> bool:
    """Truth of a scalar condition; False while JAX traces, when no value exists to look at."""
    try:
        return bool(condition)
    except Exception as error:
        if type(error).__name__ == "TracerBoolConversionError":
            return False
        raise


def namespace(**arrays: Array) -> ModuleType:
    """The array namespace common to all arguments, refusing what is no array."""
    for name, array in arrays.items():
        if not array_api_compat.is_array_api_obj(array):
            raise TypeError(
                f"{name}: expected an array (NumPy, JAX, PyTorch), got {type(array).__name__}"
            )
    try:
        xp: ModuleType = array_api_compat.array_namespace(*arrays.values())
    except TypeError as error:
        kinds = ", ".join(f"{name} {type(array).__name__}" for name, array in arrays.items())
        raise TypeError(f"expected arrays of one library, got {kinds}") from error
    for name, array in arrays.items():
        if not xp.isdtype(array.dtype, ("real floating", "integral", "bool")):
            raise TypeError(f"{name}: expected real numbers, got dtype {array.dtype}")
    return xp


def check_broadcast(**arrays: Array) -> tuple[int, ...]:
    """The shape that the arguments broadcast to."""
    try:
        return np.broadcast_shapes(*(tuple(array.shape) for array in arrays.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {tuple(array.shape)}" for name, array in arrays.items())
        raise ValueError(f"expected shapes that broadcast, got {shapes}") from error


def check_logits(logits: Array, axis: int) -> int:
    """The class axis counted from the end; refuses NaN, +inf and a row that is all masked."""
    xp = namespace(logits=logits)
    axis = check_axis(logits, axis)
    if xp.isdtype(logits.dtype, "real floating"):
        if is_true(xp.any(xp.isnan(logits))):
            raise ValueError("logits: expected finite numbers or -inf, got NaN")
        if is_true(xp.any(logits == math.inf)):
            raise ValueError("logits: expected finite numbers or -inf, got +inf")
        if is_true(xp.any(xp.all(logits == -math.inf, axis=axis))):
            raise ValueError("logits: expected a finite logit in every row, got a row of all -inf")
    return axis


def check_axis(logits: Array, axis: int) -> int:
    """The class axis counted from the end, as broadcasting aligns shapes; refuses an empty one."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"axis: expected an integer, got {type(axis).__name__}")
    if logits.ndim == 0:
        raise ValueError("logits: expected at least one dimension, got a scalar")
    if not -logits.ndim <= axis < logits.ndim:
        raise ValueError(f"axis: expected one of the {logits.ndim} axes of logits, got {axis}")
    if logits.shape[axis] == 0:
        raise ValueError(
            f"logits: expected at least one class along axis {axis}, got shape {logits.shape}"
        )
    return int(axis) if axis < 0 else int(axis) - int(logits.ndim)


def check_finite(xp: ModuleType, array: Array, name: str) -> None:
    """Refuse NaN and infinities."""
    if xp.isdtype(array.dtype, "real floating") and is_true(xp.any(~xp.isfinite(array))):
        raise ValueError(f"{name}: expected finite numbers, got NaN or an infinity")


def check_temperature(temperature: float, *, zero: bool = False) -> float:
    """A temperature as a float: positive, or also 0 where `zero` allows it."""
    value = check_number(temperature, "temperature")
    if math.isnan(value) or value < 0 or (value == 0 and not zero):
        expected = "a number >= 0" if zero else "a number > 0"
        raise ValueError(f"temperature: expected {expected}, got {value}")
    return value


def check_number(value: Any, name: str) -> float:
    """A real scalar as a float."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}") from error


def check_count(value: Any, name: str, *, least: int = 1) -> int:
    """An integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, got {value}")
    return int(value)


def as_floats(values: ArrayLike, name: str) -> NDArray[np.floating[Any]]:
    """A NumPy array of floats (float32 kept) from anything that holds real numbers."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        came = f"dtype {array.dtype}" if array.ndim else type(values).__name__
        raise TypeError(f"{name}: expected an array of numbers, got {came}")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def as_logits(logits: ArrayLike) -> NDArray[np.float64]:
    """Logits as a float64 NumPy array, checked along the last axis."""
    array = as_floats(logits, "logits").astype(np.float64)
    check_logits(array, -1)
    return array


def as_probs(probs: ArrayLike, name: str) -> NDArray[np.float64]:
    """A vector (K,) of probabilities, refused when one is negative or the sum is not 1."""
    array = as_floats(probs, name).astype(np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: expected shape (K,) with K >= 1, got {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name}: expected finite probabilities, got {array}")
    if np.any(array < 0):
        raise ValueError(f"{name}: expected probabilities >= 0, got {array.min():g}")
    if abs(array.sum() - 1) > 1e-6:
        raise ValueError(f"{name}: expected probabilities that sum to 1, got {array.sum():g}")
    return array


def as_generator(rng: Rng) -> np.random.Generator:
    """The generator that `rng` (a seed or a generator, as SPEC 7 has it) stands for."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        came = type(rng).__name__ if isinstance(error, TypeError) else repr(rng)
        raise type(error)(f"rng: expected a seed or a numpy Generator, got {came}") from error
