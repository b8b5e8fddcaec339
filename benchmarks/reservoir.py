"""What rising logits cost a reservoir, as a multiple of the same logits in random order.

Both orders are fed in turn in one process, and the table gives the median of the ratios of their
times, with the least and the largest, for each k and each size of chunks; then the seconds of a
draw of k = 100,000 from a million classes, and the time of a class fed by itself. Run with
``make bench``; the results are stored beside this file.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from sampling import machine
from tqdm import tqdm

from gumbel_lib.sampling import GumbelReservoir

ROUNDS = 5
LENGTHS = {1: 2_000, 17: 10_000, 1000: 100_000, 65_536: 500_000}  # of streams, by chunk
SIZES = [1, 10, 100, 1000, 100_000]
LARGE = (100_000, 1_000_000)  # k, classes
STORE = Path(__file__).with_suffix(".json")

Floats = np.ndarray


def rising(length: int) -> dict[str, Floats]:
    """Streams that rise: slowly, steeply, in a few classes, or as a sorted sample does."""
    place = np.arange(length)
    slopes = {f"{slope:g} a class": place * slope for slope in (1e-4, 1e-3, 0.01, 30.0)}
    return slopes | {
        "0.1 a class, in 1 % of them, the others masked": np.where(
            place % 100 == 7, place * 0.1, -np.inf
        ),
        "a step of 1 every 500": place // 500 * 1.0,
        "sorted normal": np.sort(np.random.default_rng(1).normal(size=length)),
    }


def seconds(logits: Floats, k: int, chunk: int, seed: int) -> float:
    """Processor time of a draw of k from these logits, fed chunk by chunk."""
    begun = time.process_time()
    reservoir = GumbelReservoir(k, rng=seed)
    for start in range(0, logits.size, chunk):
        reservoir.feed(logits[start : start + chunk])
    if np.isfinite(logits).sum() >= k:
        reservoir.draw()
    return time.process_time() - begun


def spread(rounds: Iterable[float]) -> dict[str, float]:
    """Median, least and largest of the rounds."""
    values = list(rounds)
    found = {"median": statistics.median(values), "least": min(values), "largest": max(values)}
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def main() -> None:
    """Run everything, print it and store it."""
    ratios = []
    for chunk, length in tqdm(LENGTHS.items(), "orders"):
        shuffle = np.random.default_rng(2).permutation(length)
        for k, (rise, logits) in itertools.product(SIZES, rising(length).items()):
            ratio = spread(
                seconds(logits, k, chunk, seed) / seconds(logits[shuffle], k, chunk, seed)
                for seed in range(ROUNDS)
            )
            ratios.append({"k": k, "chunk": chunk, "rise": rise, **ratio})
    ratios.sort(key=lambda case: -case["median"])
    print("\ntime of rising logits as a multiple of random order's, the worst:")
    for case in ratios[:10]:
        print(
            f"  {case['median']:5.2f} ({case['least']:.2f} to {case['largest']:.2f}) "
            f"k = {case['k']:,}, chunks of {case['chunk']:,}, {case['rise']}"
        )
    k, length = LARGE
    normal = np.random.default_rng(3).normal(size=length)
    large = spread(seconds(normal, k, length, seed) for seed in range(ROUNDS))
    print(f"k = {k:,} of {length:,}: {large['median']} s ({large['least']} to {large['largest']})")
    length = LENGTHS[1]
    singles = []
    for k, order in itertools.product(SIZES, ("random", "rising")):
        logits = normal[:length] if order == "random" else np.arange(float(length))
        alone = spread(seconds(logits, k, 1, seed) / length * 1e6 for seed in range(ROUNDS))
        singles.append({"k": k, "order": order, **alone})
        print(
            f"a class by itself, k = {k:,}, {order} order: {alone['median']} microseconds "
            f"({alone['least']} to {alone['largest']})"
        )
    stored = {**machine(), "ratios": ratios, "large": large, "singles": singles}
    STORE.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
