"""Where other ways of drawing are faster between the cells of the map, at shapes drawn at random.

The map of ``grid.py`` walks a grid, and a sampler may do well just there. So shapes are drawn here,
most of them small, with one draw of each row or several, and measured as the map's cells are. JAX
is left out, since it compiles for a second at each shape. The figures are stored beside this file,
for the chapter `scale`.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import grid
import numpy as np
import peers
from tqdm import tqdm

from gumbel_lib.chapters.scale import figures

NUMBER, SEED = 300, 0
MOST_LOGITS, MOST_DRAWN = 2e6, 1e6  # a cell takes a second or less
STORE = Path(__file__).with_suffix(".json")


def between(rng: np.random.Generator) -> grid.Cell:
    """A shape with sizes that are uniform on a logarithmic scale, and not too large together."""
    while True:
        most = np.array([2000, 100_000, 10_000])
        rows, classes, draws = np.exp(rng.uniform(np.log([1, 2, 1]), np.log(most))).astype(int)
        draws = 1 if rng.random() < 0.5 else draws
        kind, dtype = rng.choice(["normal", "dominant"]), rng.choice(grid.DTYPES)
        if rows * classes <= MOST_LOGITS and rows * draws <= MOST_DRAWN:
            sizes = {"rows": int(rows), "classes": int(classes), "draws": int(draws)}
            return {**sizes, "dtype": str(dtype), "kind": str(kind)}


def main() -> None:
    """Measure, store and print."""
    warnings.filterwarnings("ignore", message=".*round-off error", category=RuntimeWarning)
    found, absent = peers.available()
    makers = [maker for maker in found if maker is not peers.jax_methods]
    makers.append(peers.further_methods)
    grid.check_laws(makers)
    rng, cells = np.random.default_rng(SEED), []
    for cell in tqdm([between(rng) for _ in range(NUMBER)], unit="cell"):
        logits = grid.make_logits(*(cell[name] for name in ("rows", "classes", "dtype", "kind")))
        methods = {
            name: draw for maker in makers for name, draw in maker(logits, cell["draws"]).items()
        }
        cells.append(grid.measure(cell, methods, grid.BUDGET / 4))
    grid.store({**grid.about(), "seed": SEED, "absent": absent, "cells": cells}, STORE)
    compared = {peers.OURS: cells}
    if peers.COMPILED in cells[0]["ratio"]:
        compared[peers.COMPILED] = figures.relative_to(cells, peers.COMPILED)
    for ours, of_ours in compared.items():
        ratios = np.array([figures.best_ratio(cell) for cell in of_ours])
        print(f"{ours}: median {np.median(ratios):.3g}, {(ratios < 0.95).sum()} of {ratios.size}")
        for line in figures.worst(of_ours, 12):
            print("  " + ", ".join(f"{name} {value}" for name, value in line.items()))


if __name__ == "__main__":
    main()
