"""How much longer other ways of drawing from softmax(logits) take than `sample_categorical`.

Every method draws from the same logits in one process, in turn, and the ratio of its time to ours
is taken in each round; the table gives the median ratio and the memory needed beyond the logits.
Everything runs on the CPU. PyTorch and Numba are tried where installed
(``pip install -e ".[peers]"``) and else named as absent. Run with ``make bench``; the results are
stored beside this file for the chapter `scale`.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats.sampling import DiscreteAliasUrn
from tqdm import tqdm

from gumbel_lib.chapters.scale import figures
from gumbel_lib.sampling import sample_categorical, sample_dask

OURS = "sample_categorical"
ROUNDS = 9
SECONDS = 3.0  # after which a method gets no further round
MOST_NOISE = 2e8  # numbers that a method may draw at once
SHAPES = [(100_000, 6), (10_000, 1000), (64, 128_000), (1, 10_000_000)]
MANY = [10, 1000, 100_000]  # classes of the row that is drawn from 1e6 times
MANY_DRAWS = 1_000_000
STORE = Path(__file__).with_suffix(".json")

Draw = Callable[[], Any]


def numpy_methods(logits: np.ndarray, size: int | None) -> dict[str, Draw]:
    """NumPy's and SciPy's ways; `size` draws of each row, or one."""
    rng = np.random.default_rng(0)
    shape = logits.shape if size is None else (size, logits.shape[-1])

    def weights(rows: np.ndarray = logits) -> np.ndarray:
        return np.exp((rows - rows.max(axis=-1, keepdims=True)).astype(np.float64))

    def gumbel() -> Any:
        return (logits + rng.gumbel(size=shape)).argmax(axis=-1)

    def exponential() -> Any:
        noise = rng.standard_exponential(shape, dtype=logits.dtype)
        with np.errstate(divide="ignore"):  # float32 draws are 0 at times
            return (logits - np.log(noise)).argmax(axis=-1)

    def inverse_at_once() -> Any:
        cumulative = weights().cumsum(axis=-1)
        return (cumulative <= rng.random((shape[0], 1)) * cumulative[:, -1:]).sum(axis=-1)

    def inverse_by_row() -> Any:
        levels = rng.random((len(logits), size or 1))
        drawn = np.empty(levels.shape, np.int64)
        for row, level, out in zip(logits, levels, drawn, strict=True):
            cumulative = weights(row).cumsum()
            out[:] = cumulative.searchsorted(level * cumulative[-1], side="right")
        return drawn

    def alias() -> Any:
        return [DiscreteAliasUrn(row, random_state=rng).rvs(size or 1) for row in weights()]

    methods: dict[str, Draw] = {
        OURS: lambda: sample_categorical(logits, size=None if size is None else (size, 1), rng=rng),
        "inverse CDF, searchsorted": inverse_by_row,
        "alias (SciPy)": alias,
    }
    if np.prod(shape) <= MOST_NOISE:
        methods |= {
            "rng.gumbel + argmax": gumbel,
            "-log(E) + argmax": exponential,
            "inverse CDF, vectorised": inverse_at_once,
        }
    return methods


def numba_methods(logits: np.ndarray, size: int | None) -> dict[str, Draw]:
    """One pass for the weights, one search a draw, compiled."""
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

    def draw() -> Any:
        drawn = np.empty((len(logits), size or 1), np.int64)
        inverse(logits, rng.random(drawn.shape), drawn)
        return drawn

    return {"inverse CDF, Numba": draw}


def jax_methods(
    logits: np.ndarray, size: int | None, seed: int = 0, calls: int = 2 + ROUNDS
) -> dict[str, Draw]:
    """`jax.random.categorical` in both modes, compiled."""
    import jax

    if logits.size * (size or 1) > MOST_NOISE:
        return {}
    array = jax.numpy.asarray(logits).block_until_ready()
    shape = None if size is None else (size, len(logits))

    def of(mode: str) -> Draw:
        compiled = jax.jit(lambda key: jax.random.categorical(key, array, shape=shape, mode=mode))
        keys = iter(jax.random.split(jax.random.key(seed), calls))
        return lambda: compiled(next(keys)).block_until_ready()

    return {f"JAX, mode {mode}": of(mode) for mode in ("low", "high")}


def torch_methods(logits: np.ndarray, size: int | None) -> dict[str, Draw]:
    """PyTorch's two."""
    import torch

    array = torch.from_numpy(logits)

    def multinomial() -> Any:
        return torch.multinomial(torch.softmax(array, dim=-1), size or 1, replacement=True)

    def categorical() -> Any:
        shape = torch.Size() if size is None else torch.Size([size])
        return torch.distributions.Categorical(logits=array).sample(shape)

    return {"torch.multinomial": multinomial, "torch Categorical": categorical}


def resident(name: str) -> int:
    """The process's resident memory (VmRSS) or its peak (VmHWM), in MiB; Linux only."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if name in line)


def extra_memory(draw: Draw) -> int | None:
    """Peak resident memory during one call beyond what was resident, in MiB; Linux only."""
    try:
        ctypes.CDLL(None).malloc_trim(0)  # gives back what earlier calls left
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
        before = resident("VmRSS")
        draw()
        return max(0, resident("VmHWM") - before)
    except (OSError, AttributeError):
        return None


def compare(logits: np.ndarray, size: int | None, makers: list[Any]) -> dict[str, Any]:
    """Median ratio to our time, and memory, of every method on these logits."""
    methods: dict[str, Draw] = {}
    for maker in makers:
        methods |= maker(logits, size)
    memory = {}
    for name, draw in methods.items():
        draw()  # compiles what compiles
        memory[name] = extra_memory(draw)
    spent = dict.fromkeys(methods, 0.0)
    ratios: dict[str, list[float]] = {name: [] for name in methods}
    read = []
    for _ in range(ROUNDS):
        took = {}
        for name, draw in methods.items():
            if spent[name] < SECONDS:
                began = time.perf_counter()
                draw()
                took[name] = time.perf_counter() - began
                spent[name] += took[name]
        for name, seconds in took.items():
            ratios[name].append(seconds / took[OURS])
        began = time.perf_counter()
        logits.max()
        read.append(took[OURS] / (time.perf_counter() - began))
    return {
        "rows": logits.shape[0],
        "classes": logits.shape[1],
        "draws": size or 1,
        "dtype": logits.dtype.name,
        "reads": round(statistics.median(read), 2),
        "ratio": {name: float(f"{statistics.median(ratios[name]):.3g}") for name in methods},
        "mebibytes": memory,
    }


def tail() -> dict[str, Any]:
    """Draws of classes of probability 1e-8 by float32 methods, beside the number expected."""
    num_rare, draws = 10_000_000, 300
    logits = np.full((1, num_rare + 1), np.log(1e-8), np.float32)
    logits[0, 0] = 0
    methods = {OURS: numpy_methods(logits, None)[OURS]}
    methods |= jax_methods(logits, None, seed=1, calls=draws)
    if importlib.util.find_spec("torch"):
        methods |= torch_methods(logits, None)
    share = num_rare * np.exp(float(logits[0, 1]))
    counts = {
        name: sum(int(np.asarray(draw()).item() != 0) for _ in tqdm(range(draws), name))
        for name, draw in methods.items()
    }
    return {"draws": draws, "expected": round(draws * share / (1 + share), 1), "counts": counts}


def billion(keyed: bool) -> None:
    """Draw from 1e9 classes made chunk by chunk, and print the peak memory in MiB."""
    import dask.array as da
    from dask.diagnostics import ProgressBar

    logits = da.random.default_rng(0).normal(size=1_000_000_000, chunks=4_000_000)
    began = time.perf_counter()
    logits.max().compute()
    made = time.perf_counter() - began
    began = time.perf_counter()
    with ProgressBar():
        drawn = sample_dask(logits, 3, seed=1, keyed=keyed)
    ratio = (time.perf_counter() - began) / made
    peak = resident("VmHWM")
    print(
        json.dumps(
            {"keyed": keyed, "drawn": drawn.tolist(), "reads": round(ratio, 2), "mebibytes": peak}
        )
    )


def machine() -> dict[str, Any]:
    """What the times depend on: the machine, its processor and the versions of the libraries."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # not Linux, or a processor that does not say
        model = platform.processor()
    names = ("numpy", "scipy", "jax", "torch", "numba", "dask")
    installed = [name for name in names if importlib.util.find_spec(name)]
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "processor": model,
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in installed},
    }


def draw_figure(cases: list[dict[str, Any]]) -> None:
    """The chapter's figure, one for each type of logits, beside the site."""
    for dtype in ("float64", "float32"):
        file = STORE.parents[1] / "_build" / f"sampling-{dtype}.svg"
        file.parent.mkdir(exist_ok=True)
        chosen = [case for case in cases if case["dtype"] == dtype]
        file.write_text(figures.benchmark(chosen).svg(), encoding="utf-8")
        print(f"figure: {file.as_uri()}")


def main() -> None:
    """Run everything, print it and store it."""
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
    cases = [(shape, None) for shape in SHAPES] + [((1, k), MANY_DRAWS) for k in MANY]
    results = []
    for shape, size in cases:
        for dtype in (np.float64, np.float32):
            logits = np.random.default_rng(1).normal(scale=2, size=shape).astype(dtype)
            result = compare(logits, size, makers)
            results.append(result)
            times = f", {size:,} draws" if size else ""
            print(f"\n{shape[0]:,} x {shape[1]:,} {result['dtype']}{times}", end="; ")
            print(f"{OURS} takes {result['reads']:.3g} times logits.max()")
            for name, ratio in sorted(result["ratio"].items(), key=lambda item: item[1]):
                mebibytes = result["mebibytes"][name]
                memory = "" if mebibytes is None else f"{mebibytes:8,} MiB"
                print(f"  {name:28}{ratio:9.3g}{memory}", flush=True)
    rare = tail()
    print(f"\nclasses of probability 1e-8 in {rare['draws']} draws, expected {rare['expected']}:")
    for name, count in rare["counts"].items():
        print(f"  {name:28}{count:9}")
    large = []
    for keyed in ("keyed", "jumps"):
        print(f"\n1e9 classes in chunks, {keyed}:", flush=True)
        command = [sys.executable, __file__, keyed]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        large.append(json.loads(done.stdout.splitlines()[-1]))
        print(
            f"  peak {large[-1]['mebibytes']:.0f} MiB, {large[-1]['reads']:.2g} times logits.max()"
        )
    stored = {**machine(), "absent": absent, "cases": results, "tail": rare, "large": large}
    STORE.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    draw_figure(results)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        billion(sys.argv[1] == "keyed")
    else:
        main()
