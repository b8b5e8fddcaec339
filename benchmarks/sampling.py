"""How much longer other ways of drawing from softmax(logits) take than `sample_categorical`.

Every method draws from the same logits in one process, in turn, and the ratio of its time to ours
is taken in each round; the table gives the median ratio and the memory needed beyond the logits.
Everything runs on the CPU. PyTorch and Numba are tried where installed
(``pip install -e ".[peers]"``) and else named as absent. Run with ``make bench``; the results are
stored beside this file for the chapter `scale`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from peers import (
    OURS,
    SECONDS,
    Draw,
    available,
    jax_methods,
    machine,
    numpy_methods,
    rest_after,
    torch_methods,
)
from tqdm import tqdm

from gumbel_lib.chapters.scale import figures
from gumbel_lib.sampling import sample_dask

ROUNDS = 9
SHAPES = [(100_000, 6), (10_000, 1000), (64, 128_000), (1, 10_000_000)]
MANY = [10, 1000, 100_000]  # classes of the row that is drawn from 1e6 times
MANY_DRAWS = 1_000_000
STORE = Path(__file__).with_suffix(".json")


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


def compare(logits: np.ndarray, draws: int, makers: list[Any]) -> dict[str, Any]:
    """Median ratio to our time, and memory, of every method on these logits."""
    methods: dict[str, Draw] = {}
    for maker in makers:
        methods |= maker(logits, draws)
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
                rest_after(name)
        for name, seconds in took.items():
            ratios[name].append(seconds / took[OURS])
        began = time.perf_counter()
        logits.max()
        read.append(took[OURS] / (time.perf_counter() - began))
    return {
        "rows": logits.shape[0],
        "classes": logits.shape[1],
        "draws": draws,
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
    methods = {OURS: numpy_methods(logits, 1)[OURS]}
    methods |= jax_methods(logits, 1, seed=1, num_keys=draws)
    if importlib.util.find_spec("torch"):
        methods |= torch_methods(logits, 1)
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
    makers, absent = available()
    cases = [(shape, 1) for shape in SHAPES] + [((1, k), MANY_DRAWS) for k in MANY]
    results = []
    for shape, draws in cases:
        for dtype in (np.float64, np.float32):
            logits = np.random.default_rng(1).normal(scale=2, size=shape).astype(dtype)
            result = compare(logits, draws, makers)
            results.append(result)
            times = f", {draws:,} draws" if draws > 1 else ""
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
