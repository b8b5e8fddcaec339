"""Whether `sample_categorical` takes the fastest of its own methods.

At each shape every method that is predicted to take less than five times the least is timed, and
the time of the chosen one is compared with the best. Normal logits, one thread.
"""

from __future__ import annotations

import itertools
import statistics
from timeit import repeat, timeit

import numpy as np
from tqdm import tqdm

from gumbel_lib.sampling import categorical
from gumbel_lib.sampling._rows import num_blocks_of

ROWS = (1, 3, 8, 64, 1000)
CLASSES = (2, 4, 11, 32, 64, 128, 129, 300, 1000, 3000, 10_000, 30_000, 100_000, 1_000_000)
DRAWS = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
MOST_LOGITS, MOST_DRAWN = 2e6, 1e6
LOOP = 0.004  # seconds of a timed loop


def planned(rows: int, classes: int, draws: int) -> bool:
    """Whether the method is chosen by its predicted time."""
    noise = categorical._takes_noise(rows, classes, draws)
    return not noise and rows * classes <= MOST_LOGITS and rows * draws <= MOST_DRAWN


def microseconds(method: categorical.Method, logits: np.ndarray, draws: int) -> float:
    """The time of a method, on chunks of rows as the library makes them."""
    rng = np.random.default_rng(0)
    index = np.empty((len(logits), draws), np.int64)
    width = draws + logits.shape[1]
    if method is categorical._by_blocks:
        width = draws + num_blocks_of(logits.shape[1])
    step = max(1, categorical._CHUNK_SIZE // width)

    few = method is categorical._by_search and categorical._searches_few(*logits.shape, draws)

    def draw() -> None:
        if few:
            categorical._search_few(logits, (draws, len(logits)), rng)
            return
        for start in range(0, len(logits), step):
            some = slice(start, start + step)
            method(logits[some], index[some], rng, map)

    number = max(1, int(LOOP / timeit(draw, number=1)))
    return 1e6 * min(repeat(draw, number=number, repeat=3)) / number


def main() -> None:
    """Print the shapes at which another method is much faster, and how many there are."""
    shapes = [s for s in itertools.product(ROWS, CLASSES, DRAWS) if planned(*s)]
    missed = []
    for shape in tqdm(shapes, unit="shape"):
        logits = np.random.default_rng(1).normal(scale=2, size=shape[:2])
        predicted = categorical._predicted(*shape)
        chosen = min(predicted, key=predicted.__getitem__)
        took = {
            method: microseconds(method, logits, shape[2])
            for method, time in predicted.items()
            if time < 5 * predicted[chosen] + 40
        }
        best = min(took, key=took.__getitem__)
        missed.append((took[chosen] / took[best], shape, chosen.__name__, best.__name__))
    ratios = [ratio for ratio, *_ in missed]
    print(
        f"chosen / best of ours over {len(shapes)} shapes: median {statistics.median(ratios):.3g}"
    )
    print(f"{sum(ratio > 1.25 for ratio in ratios)} above 1.25; rows x classes, draws:")
    for ratio, (rows, classes, draws), chosen_name, name in sorted(missed, reverse=True):
        if ratio > 1.25:
            print(f"  {ratio:.2f} {rows} x {classes}, {draws}: {chosen_name}, best {name}")


if __name__ == "__main__":
    main()
