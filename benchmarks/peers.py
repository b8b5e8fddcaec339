"""Other ways of drawing from softmax(logits), and what their times depend on.

Each function takes logits (N, K) and the number of draws of each row, and returns calls that make
these draws. Everything runs on the CPU; JAX and PyTorch take as many threads as they like, the
others one. Random keys are made, and Numba compiles, before a call is returned; JAX compiles in the
first call of a shape.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import itertools
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats.sampling import DiscreteAliasUrn, DiscreteGuideTable

from gumbel_lib.sampling import sample_categorical, sample_compiled

OURS = "sample_categorical"
COMPILED, SHARED = "sample_compiled", "sample_compiled, all threads"
EXPONENTIAL = "-log(E) + argmax"
ALIAS = "alias (SciPy)"
NUMBA = "inverse CDF, Numba"
SECONDS = 3.0  # after which a method gets no further round
REST = 0.2  # seconds after JAX, whose threads go on and slow what is timed next by 10 ms and more
MOST_NOISE = 2e8  # numbers that a method may draw at once, some 2 to 3 seconds

Draw = Callable[[], Any]


def rest_after(name: str) -> None:
    """Let the threads of a method end before the next is timed."""
    if name.startswith("JAX"):
        time.sleep(REST)


def weights(rows: np.ndarray) -> np.ndarray:
    """Probabilities up to a factor, in float64."""
    return np.exp((rows - rows.max(axis=-1, keepdims=True)).astype(np.float64))


def numpy_methods(logits: np.ndarray, draws: int) -> dict[str, Draw]:
    """Ours, and what plain NumPy and SciPy do without a loop or with one over the rows."""
    rng = np.random.default_rng(0)
    size = None if draws == 1 else (draws, len(logits))
    rows = logits if draws == 1 else logits[:, None]
    shape = logits.shape if draws == 1 else (len(logits), draws, logits.shape[1])

    def gumbel() -> Any:
        return (rows + rng.gumbel(size=shape)).argmax(axis=-1)

    def exponential() -> Any:
        noise = rng.standard_exponential(shape, dtype=logits.dtype)
        with np.errstate(divide="ignore"):  # float32 draws are 0 at times
            return (rows - np.log(noise)).argmax(axis=-1)

    def inverse_at_once() -> Any:
        cumulative = weights(rows).cumsum(axis=-1)
        return (cumulative <= rng.random((*shape[:-1], 1)) * cumulative[..., -1:]).sum(axis=-1)

    def inverse_by_row() -> Any:
        levels = rng.random((len(logits), draws))
        drawn = np.empty(levels.shape, np.int64)
        for row, level, out in zip(logits, levels, drawn, strict=True):
            cumulative = weights(row).cumsum()
            out[:] = cumulative.searchsorted(level * cumulative[-1], side="right")
        return drawn

    def alias() -> Any:
        return [DiscreteAliasUrn(row, random_state=rng).rvs(draws) for row in weights(logits)]

    methods: dict[str, Draw] = {
        OURS: lambda: sample_categorical(logits, size=size, rng=rng),
        "inverse CDF, searchsorted": inverse_by_row,
        ALIAS: alias,
    }
    if logits.size * draws <= MOST_NOISE:
        methods |= {
            "rng.gumbel + argmax": gumbel,
            EXPONENTIAL: exponential,
            "inverse CDF, vectorised": inverse_at_once,
        }
    return methods


def further_methods(logits: np.ndarray, draws: int) -> dict[str, Draw]:
    """What NumPy and SciPy have beside these."""
    rng = np.random.default_rng(0)
    classes = np.arange(logits.shape[1])

    def probs() -> np.ndarray:
        rows = weights(logits)
        return rows / rows.sum(axis=1, keepdims=True)

    def guide() -> Any:
        return [DiscreteGuideTable(row, random_state=rng).rvs(draws) for row in weights(logits)]

    def choice() -> Any:
        return [rng.choice(classes.size, size=draws, p=row) for row in probs()]

    def multinomial() -> Any:
        counts = rng.multinomial(draws, probs())
        drawn = np.tile(classes, len(logits)).repeat(counts.ravel()).reshape(-1, draws)
        for row in drawn:  # half the time of rng.permuted for a million draws
            rng.shuffle(row)
        return drawn

    methods: dict[str, Draw] = {"guide table (SciPy)": guide, "Generator.choice": choice}
    if draws > 1:
        methods["Generator.multinomial, shuffled"] = multinomial
    return methods


@functools.cache
def numba_inverse() -> Any:
    """Row by row, one pass for the weights and one search a draw; our loops are compiled too."""
    import numba

    @numba.njit
    def inverse(rows: Any, levels: Any, drawn: Any) -> None:
        cumulative = np.empty(rows.shape[1])
        for i in range(rows.shape[0]):
            top, total = rows[i].max(), 0.0
            for k in range(rows.shape[1]):
                total += np.exp(np.float64(rows[i, k] - top))
                cumulative[k] = total
            for j in range(levels.shape[1]):
                drawn[i, j] = np.searchsorted(cumulative, levels[i, j] * total, side="right")

    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        inverse(np.zeros((1, 2), dtype), np.zeros((1, 1)), np.zeros((1, 1), np.int64))
        # Each compiles another loop.
        for shape in ((1, 2), (2, 2), (300, 2), (2, 100), (1, 10_000)):
            sample_compiled(np.zeros(shape, dtype), rng=rng)
        for classes, draws in ((300, 100), (2, 200_000)):
            sample_compiled(np.zeros((1, classes), dtype), size=(draws, 1), rng=rng)
    return inverse


def numba_methods(logits: np.ndarray, draws: int) -> dict[str, Draw]:
    """Ours in compiled loops, and the inverse CDF."""
    inverse = numba_inverse()
    rng = np.random.default_rng(0)
    size = None if draws == 1 else (draws, len(logits))

    def draw() -> Any:
        drawn = np.empty((len(logits), draws), np.int64)
        inverse(logits, rng.random(drawn.shape), drawn)
        return drawn

    return {
        COMPILED: lambda: sample_compiled(logits, size=size, rng=rng),
        SHARED: lambda: sample_compiled(logits, size=size, rng=rng, workers=-1),
        NUMBA: draw,
    }


@functools.cache
def jax_categorical(mode: str, rows: int, draws: int) -> Any:
    """`jax.random.categorical`, which the first call with logits of a shape compiles."""
    import jax

    size = None if draws == 1 else (draws, rows)
    return jax.jit(lambda key, logits: jax.random.categorical(key, logits, shape=size, mode=mode))


def jax_methods(
    logits: np.ndarray, draws: int, seed: int = 0, num_keys: int = 16
) -> dict[str, Draw]:
    """`jax.random.categorical` in both modes; the keys are used in turn."""
    import jax

    if logits.size * draws > MOST_NOISE:
        return {}
    array = jax.numpy.asarray(logits).block_until_ready()
    keys = itertools.cycle(list(jax.random.split(jax.random.key(seed), num_keys)))

    def of(mode: str) -> Draw:
        compiled = jax_categorical(mode, len(logits), draws)
        return lambda: compiled(next(keys), array).block_until_ready()

    return {f"JAX, mode {mode}": of(mode) for mode in ("low", "high")}


def torch_methods(logits: np.ndarray, draws: int) -> dict[str, Draw]:
    """PyTorch's two."""
    import torch

    array = torch.from_numpy(logits)
    size = torch.Size() if draws == 1 else torch.Size([draws])

    def multinomial() -> Any:
        return torch.multinomial(torch.softmax(array, dim=-1), draws, replacement=True)

    def categorical() -> Any:
        return torch.distributions.Categorical(logits=array).sample(size)

    return {"torch.multinomial": multinomial, "torch Categorical": categorical}


def available() -> tuple[list[Callable[[np.ndarray, int], dict[str, Draw]]], list[str]]:
    """The makers of methods whose libraries are installed, and the libraries that are not."""
    import jax

    jax.config.update("jax_enable_x64", True)
    makers: list[Any] = [numpy_methods, jax_methods]
    absent = []
    for module, maker in (("numba", numba_methods), ("torch", torch_methods)):
        if importlib.util.find_spec(module):
            makers.append(maker)
        else:
            absent.append(module)
            print(f"skipped, not installed: {module}")
    return makers, absent


def machine() -> dict[str, Any]:
    """What the times depend on: the machine, its processor and the versions of the libraries."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # not Linux, or a processor that does not say
        model = platform.processor()
    simd = np.show_config(mode="dicts")["SIMD Extensions"]  # type: ignore[index]
    used = [*simd["baseline"], *simd.get("found", [])]
    names = ("numpy", "scipy", "jax", "torch", "numba", "dask", "statsmodels")
    installed = [name for name in names if importlib.util.find_spec(name)]
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "processor": model,
        "instructions": used[-1],  # the widest that NumPy uses
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in installed},
    }
