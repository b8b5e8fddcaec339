"""How many training steps a second `die.train` makes, as a multiple of a plain loop's.

The plain loop is the article's procedure: one run, SciPy's Gumbel sampler and softmax, NumPy's
`choice`, and a printed line a step (sent nowhere). Both are timed in turn in one process and the
median of the ratios is printed. Run with ``make bench``.
"""

from __future__ import annotations

import io
import statistics
import time

import numpy as np
from scipy import special, stats

from gumbel_lib import die

PROBS = np.array([0.05, 0.05, 0.10, 0.13, 0.27, 0.40])
REPLICATES = 200


def plain_loop(num_steps: int, rng: np.random.Generator) -> None:
    """The article's training loop, one die and one run."""
    sink = io.StringIO()
    logits = np.zeros(PROBS.size)
    history = []
    decay = (0.5 / 2.0) ** (1 / (num_steps - 1))
    for step in range(num_steps):
        temperature = 2.0 * decay**step
        faces = rng.choice(PROBS.size, size=20, p=PROBS)
        one_hot = np.zeros((20, PROBS.size))
        one_hot[np.arange(20), faces] = 1
        observed = one_hot.mean(axis=0)
        noise = stats.gumbel_r.rvs(size=logits.shape, random_state=rng)
        relaxed = special.softmax((logits + noise) / temperature)
        loss = np.sum((observed - relaxed) ** 2)
        history.append(np.sum((PROBS - special.softmax(logits)) ** 2))
        print(f"[{step + 1}/{num_steps}] {loss:.4f} {history[-1]:.4f}", file=sink)
        constant = np.dot(relaxed - observed, relaxed)
        logits -= 0.02 * (2 / temperature) * relaxed * (relaxed - observed - constant)
        print(np.round(special.softmax(logits), 2), file=sink)


def main() -> None:
    """Time both and print the ratio."""
    ratios = []
    for repeat in range(5):
        rng = np.random.default_rng(repeat)
        began = time.perf_counter()
        plain_loop(1000, rng)
        plain = 1000 / (time.perf_counter() - began)
        began = time.perf_counter()
        die.train(PROBS, replicates=REPLICATES, rng=rng)
        ours = 1000 * REPLICATES / (time.perf_counter() - began)
        ratios.append(ours / plain)
    print(f"training steps a second, {REPLICATES} replicates, as a multiple of the plain loop's:")
    print(f"median {statistics.median(ratios):.0f}, least {min(ratios):.0f} of {len(ratios)} runs")


if __name__ == "__main__":
    main()
