"""Where other ways of drawing from softmax(logits) are faster than the samplers of this book.

A cell is a number of rows, of classes and of draws a row, a type and a kind of logits. At each cell
the peers draw from the same logits in one process, in turn; a round gives the ratio of a peer's
time to that of `sample_categorical`, and the median, least and largest of the rounds are stored.
Where Numba is installed, `sample_compiled` takes part in every round, in one thread and in all, and
the report compares the peers with it too. Short calls are timed in loops. Peers far from the best
are timed once. Everything runs on the CPU, `sample_categorical` in one thread.

The figures are stored beside this file as they come, for the chapter `scale`. A run that was
interrupted goes on where it stopped, unless the machine, a library or the code has changed since; a
run after a whole one starts anew. ``--quick`` takes small cells and a few minutes, and stores apart
what it finds, which is too noisy to be a result.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import inspect
import json
import os
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path
from timeit import Timer
from typing import Any

import numpy as np
import peers
from peers import ALIAS, COMPILED, EXPONENTIAL, NUMBA, OURS, SECONDS, SHARED, Draw
from scipy import optimize, special
from tqdm import tqdm

from gumbel_lib.chapters.scale import figures
from gumbel_lib.sampling import sample_categorical

ROWS = (1, 8, 64, 1000, 10_000, 100_000)
CLASSES = (2, 6, 32, 128, 129, 1000, 10_000, 128_000, 1_000_000, 10_000_000)
DRAWS = (1, 100, 10_000, 1_000_000)
DTYPES = ("float32", "float64")
MOST_BYTES = 2e9  # of logits
MOST_DRAWN = 1e7  # indices of a result, 80 MB
DISTINCT = 10_000_000  # logits that are made; more rows repeat these, or making them takes longest
VOCABULARY = 128_000  # classes of the language model's logits, which have no other number

BUDGET = 0.3  # seconds for the rounds of a cell, of which there are 3 to 15
LOOP = 0.002  # seconds that a timed loop of short calls takes, 20,000 times the clock's 100 ns
HOPELESS = 20  # times ours: not timed again
CONTENDER = 1.5  # times the best peer's first time: timed in every round
FAR = 5  # times the best peer's time, with fewer rows or normal logits: not timed
LONG = 0.005  # seconds of a call beside which its Python lines, some 50 us, do not count
READ = "logits.max()"

STORE = Path(__file__).with_suffix(".json")
QUICK = STORE.parents[1] / "_build" / "grid-quick.json"

Cell = dict[str, Any]


def normal(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Logits of standard deviation 2."""
    return rng.normal(scale=2, size=shape)


def dominant(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """The same, but one class of each row holds 99.9% of the probability."""
    logits = normal(shape, rng)
    chosen = rng.integers(shape[1], size=(shape[0], 1))
    np.put_along_axis(logits, chosen, -np.inf, axis=1)
    others = special.logsumexp(logits, axis=1, keepdims=True)
    np.put_along_axis(logits, chosen, others + np.log(999), axis=1)
    return logits


def language_model(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Zipf's law in a random order, with the exponent that gives 20 classes 95%."""
    ranks = np.arange(1, shape[1] + 1)

    def excess(exponent: float) -> float:
        sums = np.cumsum(ranks**-exponent)
        return float(sums[19] / sums[-1] - 0.95)

    zipf = -optimize.brentq(excess, 1, 4) * np.log(ranks)
    return rng.permuted(np.broadcast_to(zipf, shape), axis=1)


KINDS: dict[str, Callable[[tuple[int, int], np.random.Generator], np.ndarray]] = {
    "normal": normal,
    "dominant": dominant,
    "language model": language_model,
}


def shapes(quick: bool) -> list[Cell]:
    """The cells to measure, in an order that has a cell's smaller ones before it."""
    cells = [
        {"rows": rows, "classes": classes, "draws": draws, "dtype": dtype, "kind": kind}
        for dtype in DTYPES
        for classes in CLASSES
        for rows in ROWS
        if rows * classes * np.dtype(dtype).itemsize <= MOST_BYTES
        for kind in KINDS
        if kind != "language model" or classes == VOCABULARY
        for draws in DRAWS
        if rows * draws <= MOST_DRAWN
    ]
    return [c for c in cells if not quick or max(c["classes"], c["draws"]) * c["rows"] <= 10_000]


@functools.lru_cache(maxsize=1)
def make_logits(rows: int, classes: int, dtype: str, kind: str) -> np.ndarray:
    """Logits of a shape, type and kind, kept for the next number of draws."""
    distinct = min(rows, max(1, DISTINCT // classes))
    made = KINDS[kind]((distinct, classes), np.random.default_rng(1))
    return np.resize(made.astype(dtype), (rows, classes))


def is_exact(method: str, dtype: str, draws: int) -> bool:
    """Whether a method draws from the law of float64 arithmetic, to rounding.

    Three do not with float32 logits. JAX's mode "low" and NumPy's float32 exponentials have too few
    digits near 0, and PyTorch's float32 sums, from which it takes many draws, lose small terms. Of
    classes of 1e-8 each they draw 0, 11 and 0 times as many as they should.
    """
    rounded = ("JAX, mode low", EXPONENTIAL, *(("torch",) if draws > 1 else ()))
    return dtype == "float64" or not method.startswith(rounded)


def check_laws(makers: list[Any]) -> None:
    """Refuse a method that draws from another law: 2000 draws of 3 rows in two ways, z = 5."""
    probs = np.array([[0.5, 0.1, 0.1, 0.3], [0.1, 0.2, 0.6, 0.1], [0.25, 0.25, 0.1, 0.4]])
    for rows, draws in ((3, 2000), (3 * 2000, 1)):
        logits = np.resize(np.log(probs), (rows, 4))
        for name, draw in (found for maker in makers for found in maker(logits, draws).items()):
            drawn = np.asarray(draw())
            drawn = (drawn.T if drawn.shape == (draws, rows) else drawn).reshape(rows, draws)
            counts = np.array([np.bincount(drawn[i::3].ravel(), minlength=4) for i in range(3)])
            z = (counts - 2000 * probs) / np.sqrt(2000 * probs * (1 - probs))
            if abs(z).max() > 5:
                raise RuntimeError(f"{name}: expected draws from softmax, got {counts.tolist()}")


def key(cell: Cell, **other: Any) -> tuple[Any, ...]:
    """What names a cell, or another that differs from it as stated."""
    return tuple((cell | other)[name] for name in ("rows", "classes", "draws", "dtype", "kind"))


def named(cell: Cell) -> set[str]:
    """Peers with a figure of their own, timed where the others of their speed are not."""
    return {OURS, COMPILED, SHARED, NUMBA} | ({EXPONENTIAL, ALIAS} if cell["rows"] == 1 else set())


def worth_timing(cell: Cell, done: dict[tuple[Any, ...], Cell]) -> Callable[[str], bool]:
    """Whether an earlier cell lets hope that a method takes less than 3 s and may be the best.

    A peer's time hardly depends on the kind of logits, and grows at most like the rows; just like
    them, as do the others', once a call takes longer than what its Python lines do.
    """
    fewer = ROWS[max(0, ROWS.index(cell["rows"]) - 1)]
    if cell["kind"] != "normal":
        fewer = cell["rows"]
    elif fewer == cell["rows"]:
        return lambda name: True
    like = done[key(cell, kind="normal", rows=fewer)]
    best = like["ratio"][like["best"]][0] if like["best"] else np.inf
    most = min(max(FAR * best * like["seconds"], LONG), SECONDS * fewer / cell["rows"])
    hopeful = {name for name, ratio in like["ratio"].items() if ratio[0] * like["seconds"] <= most}
    return (hopeful | named(cell)).__contains__


def per_call(draw: Draw, number: int = 1) -> float:
    """Seconds a call."""
    return Timer(draw).timeit(number) / number


def measure(cell: Cell, methods: dict[str, Draw], budget: float) -> Cell:
    """The cell with our time, every method's ratio to it, and the best exact peer."""
    first = {}
    for name, draw in methods.items():
        if name.startswith("JAX"):
            draw()  # compiles
        first[name] = per_call(draw)
        if first[name] < 10 * LOOP:  # the very first call finds cold caches
            number = max(1, int(LOOP / first[name]))
            first[name] = min(per_call(draw, number) for _ in range(3))
        peers.rest_after(name)
    candidates = [
        name
        for name, took in first.items()
        if took <= SECONDS and name not in (OURS, COMPILED, SHARED, READ, NUMBA)
        if is_exact(name, cell["dtype"], cell["draws"])
    ]
    hopeful = CONTENDER * min((first[name] for name in candidates), default=0)
    again = {}
    for name, took in first.items():
        near = took <= hopeful or (name in named(cell) and took <= 3 * first[OURS])
        if name in (OURS, COMPILED, SHARED, READ) or (
            near and took <= min(SECONDS, HOPELESS * first[OURS])
        ):
            again[name] = max(1, int(LOOP / took))
    spent, ours = 0.0, []
    ratios: dict[str, list[float]] = {name: [] for name in again}
    while len(ours) < 3 or (len(ours) < 15 and spent < budget):
        took = {}
        for name, number in again.items():
            took[name] = per_call(methods[name], number)
            spent += took[name] * number
            peers.rest_after(name)
        ours.append(took[OURS])
        for name, seconds in took.items():
            ratios[name].append(seconds / took[OURS])
    figures_of = {name: [seconds / first[OURS]] for name, seconds in first.items()}
    for name, found in ratios.items():
        figures_of[name] = [statistics.median(found), min(found), max(found)]
    del figures_of[OURS]
    # A first figure is the least of three, and would seem to beat the medians of others.
    finalists = [name for name in candidates if name in again] or candidates
    best = min(finalists, key=lambda name: figures_of[name][0], default=None)
    rounded = {name: [float(f"{x:.3g}") for x in found] for name, found in figures_of.items()}
    seconds = float(f"{statistics.median(ours):.3g}")
    return {**cell, "seconds": seconds, "best": best, "ratio": rounded}


def about() -> dict[str, Any]:
    """The machine, the versions and the code that a run depends on."""
    sampling = Path(inspect.getfile(sample_categorical)).parent
    code = [Path(__file__), Path(peers.__file__), *sampling.glob("*.py")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(code)))
    return {**peers.machine(), "code": digest.hexdigest()[:12]}


def store(stored: dict[str, Any], path: Path) -> None:
    """Write a run, a line for each cell, so that an interruption leaves a whole file."""
    head = json.dumps({**stored, "cells": []}, indent=1).removesuffix("[]\n}")
    cells = ",\n".join("  " + json.dumps(cell, ensure_ascii=False) for cell in stored["cells"])
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(f"{head}[\n{cells}\n ]\n}}\n", encoding="utf-8")
    os.replace(unfinished, path)


def run(path: Path, *, quick: bool) -> list[Cell]:
    """Measure the cells that the file at `path` lacks."""
    makers, absent = peers.available()
    makers.append(peers.further_methods)
    check_laws(makers)
    stored = {**about(), "absent": absent, "complete": False, "cells": []}
    if path.exists():
        last = json.loads(path.read_text(encoding="utf-8"))
        if {**last, "cells": []} == stored:
            stored = last
            print(f"going on after {len(last['cells'])} cells")
    done = {key(cell): cell for cell in stored["cells"]}
    for cell in tqdm(shapes(quick), unit="cell"):
        if key(cell) in done:
            continue
        logits = make_logits(*(cell[name] for name in ("rows", "classes", "dtype", "kind")))
        methods = {READ: logits.max} if cell["rows"] == cell["draws"] == 1 else {}
        worth = worth_timing(cell, done)
        for name, draw in (found for m in makers for found in m(logits, cell["draws"]).items()):
            if worth(name):
                methods[name] = draw
        done[key(cell)] = measure(cell, methods, BUDGET / 40 if quick else BUDGET)
        stored["cells"] = list(done.values())
        store(stored, path)
    store({**stored, "complete": True}, path)
    return list(done.values())


def goals(cells: list[Cell]) -> list[tuple[str, float, str, bool]]:
    """Of each goal its words, the figure that decides it, that figure's cell, whether it is met."""

    def worst(name: str | None, wanted: Callable[[Cell], bool]) -> tuple[float, str]:
        chosen = [c for c in cells if (name or c["best"]) in c["ratio"] and wanted(c)]
        ratios = ((c["ratio"][name or c["best"]][0], figures.cell_name(c)) for c in chosen)
        return min(ratios, default=(float("nan"), "not measured"))

    table = [
        (
            "-log(E) + argmax / ours, one draw of one row of up to 1000 classes: at least 0.77",
            1 / 1.3,  # ours at most 1.3 times theirs
            worst(EXPONENTIAL, lambda c: c["rows"] == c["draws"] == 1 and c["classes"] <= 1000),
        ),
        (
            "best / ours, single draws of 1000 classes and more: at least 2.5",
            2.5,
            worst(None, lambda c: c["draws"] == 1 and c["classes"] >= 1000),
        ),
        (
            "best / ours, single draws of 1000 rows and more of up to 32 classes: at least 1.5",
            1.5,
            worst(None, lambda c: c["draws"] == 1 and c["classes"] <= 32 and c["rows"] >= 1000),
        ),
        (
            "alias / ours, a million draws of one row: at least 1 (0.95 read as 1)",
            0.95,
            worst(ALIAS, lambda c: c["rows"] == 1 and c["draws"] == 1_000_000),
        ),
        (
            "logits.max() / ours, one draw of 1e7 float32 classes: at least 0.67",
            1 / 1.5,
            worst(READ, lambda c: c["classes"] == 10_000_000 and c["dtype"] == "float32"),
        ),
    ]
    return [(words, ratio, name, ratio >= least) for words, least, (ratio, name) in table]


def report(cells: list[Cell], ours: str) -> None:
    """Print how the peers compare with one of ours: the goals and the cells that it loses."""
    compared = [cell for cell in cells if cell["best"]]
    ratios = [figures.best_ratio(cell) for cell in compared]
    print(f"\n{ours}: {len(compared)} cells with an exact peer below {SECONDS:.0f} s")
    print(f"best exact peer / ours: median {statistics.median(ratios):.3g} (goal: at least 3)")
    for words, ratio, name, met in goals(cells):
        print(f"{'met   ' if met else 'MISSED'} {ratio:.3g} {words} (at {name})")

    def below(peer: str, found: list[tuple[float, str]]) -> None:
        for most in (1, 0.95):
            print(f"{peer}: {sum(ratio < most for ratio, _ in found)} of {len(found)} below {most}")
        for ratio, name in sorted(found):
            if ratio < 1:
                print(f"  {ratio:<6.3g}{name}")

    below(
        "best exact peer in NumPy, SciPy, JAX, PyTorch",
        [
            (r, f"{figures.cell_name(c)}: {c['best']}")
            for c, r in zip(compared, ratios, strict=True)
        ],
    )
    below(
        NUMBA,
        [(c["ratio"][NUMBA][0], figures.cell_name(c)) for c in cells if NUMBA in c["ratio"]],
    )
    inexact = [
        (ratio[0], f"{figures.cell_name(cell)}: {name}")
        for cell in cells
        for name, ratio in cell["ratio"].items()
        if name not in (READ, OURS) and not is_exact(name, cell["dtype"], cell["draws"])
    ]
    below("peers that round float32 logits", inexact)


def main() -> None:
    """Run the grid, print what it says and draw its figure."""
    parser = argparse.ArgumentParser(description="Time the samplers over a grid of shapes.")
    parser.add_argument("--quick", action="store_true", help="small cells, stored in _build")
    path = QUICK if (quick := parser.parse_args().quick) else STORE
    # SciPy says so of alias tables of uneven rows, which are timed all the same.
    warnings.filterwarnings("ignore", message=".*round-off error", category=RuntimeWarning)
    cells = run(path, quick=quick)
    report(cells, OURS)
    print("the ten worst cells, with least and largest:")
    for line in figures.worst(cells):
        print("  " + ", ".join(f"{name} {value}" for name, value in line.items()))
    for ours in (COMPILED, SHARED):
        if ours in cells[0]["ratio"]:
            report(figures.relative_to(cells, ours), ours)
    file = QUICK.with_suffix(".svg")
    file.parent.mkdir(exist_ok=True)
    file.write_text(figures.grid(cells).svg(), encoding="utf-8")
    print(f"figure: {file.as_uri()}")


if __name__ == "__main__":
    main()
