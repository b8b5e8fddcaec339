"""What every function does with its arguments: check them, widen them, add noise to logits.

Each error names the argument, what was expected and what came.
"""

from __future__ import annotations

import math
import numbers
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import ArrayLike, NDArray

# An array of any library that array-api-compat knows (NumPy, JAX, PyTorch and others), or a list.
Array = Any
Floats = NDArray[np.float64]
Rng = np.random.Generator | int | None


def is_known_true(condition: Array) -> bool:
    """Truth of a scalar condition; False where there is no value to look at.

    That is so while JAX traces, inside PyTorch's ``vmap``, and for its fake and meta tensors.
    """
    try:
        return bool(condition)
    except (TypeError, RuntimeError):
        return False


def as_reals(values: Any, name: str) -> NDArray[np.floating[Any]]:
    """A NumPy array of floats (their type kept) from numbers, lists and arrays of real numbers."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected an array without a mask (a masked class has the logit -inf), "
            f"got {type(values).__name__}"
        )
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        ragged = "a ragged " if "inhomogeneous" in str(error) else ""
        came = f"{ragged}{type(values).__name__}"
        raise TypeError(f"{name}: expected an array of real numbers, got {came}") from error
    if array.dtype.kind == "f":
        return array
    # Integers, bools, and bfloat16, which is no type of NumPy's own.
    if not np.can_cast(array.dtype, np.float64):
        came = f"dtype {array.dtype}" if array.ndim else type(values).__name__
        raise TypeError(f"{name}: expected real numbers, got {came}")
    return array.astype(np.float64)


def as_floats(values: ArrayLike, name: str) -> NDArray[np.floating[Any]]:
    """As `as_reals`, of at least one axis."""
    array = as_reals(values, name)
    if array.ndim == 0:
        raise ValueError(f"{name}: expected at least one dimension, got a scalar")
    return array


def as_integers(values: Any, name: str) -> NDArray[np.integer[Any]]:
    """A NumPy array of integers (their type kept); bools are none, an empty list is one."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        ragged = "a ragged " if "inhomogeneous" in str(error) else ""
        raise TypeError(
            f"{name}: expected integers, got {ragged}{type(values).__name__}"
        ) from error
    if array.size and array.dtype.kind not in "iu":
        fitting = " that fit 64 bits" if array.dtype.kind == "O" else ""
        raise TypeError(f"{name}: expected integers{fitting}, got dtype {array.dtype}")
    return array if array.size else array.astype(np.int64)


def as_arrays(**values: Any) -> tuple[Array, ...]:
    """Arrays of floats of one library.

    Numbers, lists and NumPy arrays join the library and the device of the others, and a number the
    type of the first of them. Integers and bools become the library's default floating-point type.
    """
    foreign = {
        name: value
        for name, value in values.items()
        if array_api_compat.is_array_api_obj(value) and not array_api_compat.is_numpy_array(value)
    }
    if not foreign:
        return tuple(_as_numpy(value, name) for name, value in values.items())
    try:
        xp: ModuleType = array_api_compat.array_namespace(*foreign.values())
    except TypeError as error:
        kinds = ", ".join(f"{name} {type(value).__name__}" for name, value in foreign.items())
        raise TypeError(f"expected arrays of one library, got {kinds}") from error
    for name, value in foreign.items():
        if not xp.isdtype(value.dtype, ("real floating", "integral", "bool")):
            raise TypeError(f"{name}: expected real numbers, got dtype {value.dtype}")
    first = next(iter(foreign.values()))
    # JAX moves arrays that were put nowhere to those that were; under `jit` no device is known.
    device = None if array_api_compat.is_jax_array(first) else array_api_compat.device(first)
    default = xp.__array_namespace_info__().default_dtypes(device=device)["real floating"]
    kind = first.dtype if xp.isdtype(first.dtype, "real floating") else default

    def convert(name: str, value: Any) -> Array:
        if name in foreign:
            floating = xp.isdtype(value.dtype, "real floating")
            return value if floating else xp.astype(value, default)
        array = _as_numpy(value, name)
        if array.ndim == 0:
            with np.errstate(over="ignore"):  # past the largest float of the type is infinite
                return xp.asarray(float(array), dtype=kind, device=device)
        # A copy, since PyTorch shares memory and wants it writable.
        return xp.asarray(np.array(array), device=device)

    return tuple(convert(name, value) for name, value in values.items())


def _as_numpy(value: Any, name: str) -> NDArray[np.floating[Any]]:
    scalar = isinstance(value, (numbers.Number, np.generic))
    return np.asarray(check_number(value, name)) if scalar else as_reals(value, name)


def widen(array: Array) -> Array:
    """Half precision in float32, so that sums over many classes keep their digits."""
    xp = array_api_compat.array_namespace(array)
    return xp.astype(array, xp.result_type(array.dtype, xp.float32), copy=False)


def check_broadcast(**arrays: Array) -> tuple[int, ...]:
    """The shape that the arguments broadcast to."""
    try:
        return np.broadcast_shapes(*(tuple(array.shape) for array in arrays.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {tuple(array.shape)}" for name, array in arrays.items())
        raise ValueError(f"expected shapes that broadcast, got {shapes}") from error


def check_logits(logits: Array, axis: int, name: str = "logits") -> int:
    """The class axis counted from the end; refuses NaN, +inf and a row that is all masked."""
    axis = check_axis(logits, axis, name)
    xp = array_api_compat.array_namespace(logits)
    if is_known_true(xp.any(xp.isnan(logits))):
        raise ValueError(f"{name}: expected finite numbers or -inf, got NaN")
    if is_known_true(xp.any(logits == math.inf)):
        raise ValueError(f"{name}: expected finite numbers or -inf, got +inf")
    if is_known_true(xp.any(xp.all(logits == -math.inf, axis=axis))):
        raise ValueError(f"{name}: expected a finite logit in every row, got a row of all -inf")
    return axis


def check_axis(logits: Array, axis: int, name: str = "logits") -> int:
    """The class axis counted from the end, as broadcasting aligns shapes; refuses an empty one."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"axis: expected an integer, got {type(axis).__name__}")
    if logits.ndim == 0:
        raise ValueError(f"{name}: expected at least one dimension, got a scalar")
    if not -logits.ndim <= axis < logits.ndim:
        raise ValueError(f"axis: expected one of the {logits.ndim} axes of {name}, got {axis}")
    if logits.shape[axis] == 0:
        raise ValueError(
            f"{name}: expected at least one class along axis {axis}, got shape {logits.shape}"
        )
    return int(axis) if axis < 0 else int(axis) - int(logits.ndim)


def check_temperature(temperature: float) -> float:
    """A temperature of at least 0 as a float; `inf` is one."""
    value = check_number(temperature, "temperature")
    if not value >= 0:
        raise ValueError(f"temperature: expected a number >= 0, got {value}")
    return value


def check_positive(value: Any, name: str) -> float:
    """A positive finite number as a float."""
    number = check_number(value, name)
    if not 0 < number < math.inf:
        raise ValueError(f"{name}: expected a finite number > 0, got {number}")
    return number


def check_number(value: Any, name: str) -> float:
    """A real number, Python's or an array without axes, as a float; a bool is none."""
    # np.timedelta64 is an integer to Python's numbers.
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, np.timedelta64)):
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError(f"{name}: expected a number that fits a float, got more") from error
    try:
        array = as_reals(value, name)
    except TypeError as error:
        raise TypeError(f"{name}: expected a number, got {type(value).__name__}") from error
    if array.ndim or np.asarray(value).dtype == bool:
        came = f"shape {array.shape}" if array.ndim else type(value).__name__
        raise TypeError(f"{name}: expected a number, got {came}")
    return float(array)


def check_count(value: Any, name: str, *, least: int = 1) -> int:
    """An integer of at least `least`."""
    if isinstance(value, (bool, np.timedelta64)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, got {value}")
    return int(value)


def as_logits(logits: ArrayLike, name: str = "logits") -> NDArray[np.float64]:
    """Logits as a float64 NumPy array, checked along the last axis."""
    array = as_floats(logits, name).astype(np.float64)
    check_logits(array, -1, name)
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


def perturb(logits: Array, noise: Array, axis: int) -> Array:
    """``logits + noise`` in the wider of their types, half precision in float32.

    The logits and the negative `axis` are checked already; the noise and the sums are checked here.
    """
    xp = array_api_compat.array_namespace(logits, noise)
    check_broadcast(logits=logits, noise=noise)
    if noise.ndim < -axis or noise.shape[axis] != logits.shape[axis]:
        raise ValueError(
            f"noise: expected a value for each of the {logits.shape[axis]} classes along axis "
            f"{axis}, got shape {tuple(noise.shape)}"
        )
    if is_known_true(xp.any(xp.isnan(noise) | xp.isinf(noise))):
        raise ValueError("noise: expected finite numbers, got NaN or an infinity")
    with np.errstate(over="ignore"):
        perturbed = widen(logits) + widen(noise)
    if is_known_true(xp.any(xp.isinf(perturbed) & (logits > -math.inf))):
        raise ValueError("noise: expected sums with the logits that fit a float, got an overflow")
    return perturbed
