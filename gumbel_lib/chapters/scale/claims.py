"""Claims of the chapter scale: exact draws from long rows, streams and shards."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy import special, stats

from ... import trick
from ..._checks import Floats
from ...claims import chi_square, chi_square_power, claim, symbolic_gap
from ...noise import keyed_gumbel, standard_gumbel
from ...sampling import (
    GumbelReservoir,
    gumbel_top_k,
    sample_categorical,
    sample_dask,
    sample_without_replacement,
)
from ...sampling.without_replacement import order_probabilities

Indices = NDArray[np.int64]

BLOCKS = np.random.default_rng(5).normal(scale=2, size=(4, 8))  # 4 blocks of 8 classes
FEW = np.array([1.0, -0.5, 0.2, -1.5])
LONG = np.random.default_rng(6).normal(scale=2, size=4000)
ROW = LONG[:1000]
DRAWS = 200_000


def order_chi_square(drawn: Indices, logits: Floats) -> float:
    """Chi-square statistic of ordered draws, of shape (runs, k), against their exact law."""
    exact = order_probabilities(logits, drawn.shape[1])
    number = np.zeros((logits.size,) * drawn.shape[1], np.int64)
    number[tuple(np.array(list(exact)).T)] = np.arange(len(exact))
    return chi_square(number[tuple(drawn.T)], np.array(list(exact.values())))


@claim(
    "blocks-race",
    "A race of blocks, each a Gumbel at its log-sum-exp, followed by a race inside the winner, "
    "draws from softmax(logits).",
    method="quadrature",
    bound=1e-9,
    control="each block at its largest logit",
    wrong={"location": lambda blocks: blocks.max(axis=1)},
)
def blocks_race(location: Any = trick.logsumexp, noise: Any = stats.gumbel_r) -> float:
    of_block = trick.argmax_probabilities(location(BLOCKS), noise)
    drawn = of_block[:, None] * trick.argmax_probabilities(BLOCKS, noise)
    return float(np.abs(drawn - special.softmax(BLOCKS)).max())


WEIGHTS = np.array([[6, 1, 2], [3, 3, 1], [12, 4, 1], [1, 2, 2]])  # 4 blocks of 3 classes


def largest(blocks: Indices) -> Indices:
    """The largest weight of each block."""
    most: Indices = blocks.max(axis=1)
    return most


def all_tries(tickets: Indices, bounds: Indices, slack: int = 0) -> tuple[Indices, int]:
    """Tries that keep each class, and all tries, over every outcome of whole-number dice.

    A ticket picks the block, a second die the class, and a third, one of `levels`, decides whether
    it is kept.
    """
    levels = math.lcm(*bounds.tolist())
    ticket, column, level = np.indices((tickets.sum(), WEIGHTS.shape[1], levels))
    block = np.searchsorted(tickets.cumsum(), ticket, side="right")
    kept = level * bounds[block] < levels * WEIGHTS[block, column] + slack
    counts = np.zeros_like(WEIGHTS)
    np.add.at(counts, (block[kept], column[kept]), 1)
    return counts, kept.size


@claim(
    "block-rejection",
    "A block drawn by its largest weight, a class inside it with equal chances, kept with "
    "probability weight / largest: all outcomes of a try counted, those that keep a class are in "
    "proportion to its weight (largest gap of probabilities).",
    method="exact arithmetic",
    bound=1e-9,
    control="every candidate kept",
    wrong={"slack": 10**6},
)
def block_rejection(tickets: Any = largest, bounds: Any = largest, slack: int = 0) -> float:
    counts, _ = all_tries(tickets(WEIGHTS), bounds(WEIGHTS), slack)
    kept, total = int(counts.sum()), int(WEIGHTS.sum())
    pairs = zip(counts.ravel().tolist(), WEIGHTS.ravel().tolist(), strict=True)
    return float(max(abs(Fraction(n, kept) - Fraction(w, total)) for n, w in pairs))


@claim(
    "block-tries",
    "A draw takes B sum_b m_b / sum_i w_i tries on average, for blocks of B classes of weights w_i "
    "with largest weights m_b: all outcomes of a try over those that keep a class.",
    method="exact arithmetic",
    bound=1e-9,
    control="one bound for the whole row",
    wrong={"bounds": lambda blocks: np.full(len(blocks), blocks.max())},
)
def block_tries(bounds: Any = largest, length: int = WEIGHTS.shape[1]) -> float:
    counts, tries = all_tries(bounds(WEIGHTS), bounds(WEIGHTS))
    stated = Fraction(length * int(largest(WEIGHTS).sum()), int(WEIGHTS.sum()))
    return float(abs(Fraction(tries, int(counts.sum())) - stated))


def kept_unseen(logits: Floats, *, size: int, rng: np.random.Generator) -> Indices:
    """Blocks by their bounds, and whatever class comes first inside."""
    blocks = np.atleast_2d(logits)[0].reshape(-1, 10)
    block = sample_categorical(blocks.max(axis=1), size=size, rng=rng)
    return 10 * block + rng.integers(0, 10, size)


def ranked(logits: Floats) -> tuple[Indices, Floats]:
    """A cell for each class that is due 5 draws or more, the commonest first, and one for all
    others; with the cells' probabilities."""
    probs = special.softmax(logits)
    order = np.argsort(-probs)
    cell = np.empty(probs.size, np.int64)
    cell[order] = np.minimum(np.arange(probs.size), int((DRAWS * probs >= 5).sum()))
    return cell, np.bincount(cell, probs).astype(np.float64)


# Classes, rows and draws a row of calls that take each method but the one for still longer rows.
CALLS = {
    "noise": (100, 40, 1),
    "lines": (30, 2000, 1),
    "columns": (200, 100, 1),
    "sums": (200, 100, 20),
    "search": (1000, 1, 200),
    "table": (1000, 1, DRAWS),
    "blocks": (4000, 100, 1),
}


@claim(
    "sample-categorical",
    "The counts of sample_categorical, class by class, agree with softmax(logits), by noise, "
    "lines, columns and sums for 30 to 200 classes, by search and table for 1000, by blocks for "
    "4000.",
    method="Monte Carlo",
    bound=math.log(7e4),
    control="candidates of the blocks kept without a test",
    wrong={"sampler": kept_unseen},
    power="minus the logarithm of the least p-value of seven, false alarm 1e-4 together; the "
    "weakest, of 200 classes, a " + chi_square_power(ranked(ROW[:200])[1], DRAWS, 0.012, 7),
)
def sample_categorical_counts(sampler: Any = sample_categorical) -> float:
    worst = 0.0
    for num_classes, rows, repeated in CALLS.values():
        rng = np.random.default_rng(9)
        # Each row has its classes in an order of its own, so that no row may stand for another.
        order = rng.permuted(np.tile(np.arange(num_classes), (rows, 1)), axis=1)
        calls, each = DRAWS // (rows * repeated), np.arange(rows)
        drawn = [
            order[each, sampler(LONG[order], size=(repeated, rows), rng=rng)] for _ in range(calls)
        ]
        cell, probs = ranked(LONG[:num_classes])
        statistic = chi_square(cell[np.ravel(drawn)], probs)
        worst = max(worst, -float(stats.chi2.logsf(statistic, probs.size - 1)))
    return worst


# Rows of as many classes as weights are float32 at first for: Zipf's, and many beside one.
ROUNDED = (
    -np.log(np.arange(1.0, 2**19 + 1)),
    np.append(0, np.full(2**19 - 1, -math.log(2**19) - 0.1)),
)


@claim(
    "rounded-weights",
    "Rounding to float32 moves no sum over columns of 16 weights by 2^-19 of the total, for two "
    "rows of 2^19 classes: differences from the largest logit, weights and sums of 16 are rounded.",
    method="floating point",
    bound=2.0**-19,
    control="the logits are rounded before the largest is subtracted, at an offset of 10,000",
    wrong={"rounded": lambda logits: np.float32(logits + 1e4) - np.float32(logits.max() + 1e4)},
)
def rounded_sums_moved(rounded: Any = lambda logits: np.float32(logits - logits.max())) -> float:
    worst = 0.0
    for logits in ROUNDED:
        shares = []
        # A processor's own exponential of float32 may be another in its last bit.
        for weights in (
            np.exp(logits - logits.max()),
            np.exp(rounded(logits).astype(np.float64)).astype(np.float32),
        ):
            sums = weights.reshape(16, -1).sum(axis=0).cumsum(dtype=np.float64)
            shares.append(sums / sums[-1])
        worst = max(worst, float(np.abs(shares[1] - shares[0]).max()))
    return worst


@claim(
    "ordered-log-probabilities",
    "The log-probability of an ordered draw without replacement is that of one softmax after "
    "another, over all orders of 3 of 4 classes.",
    method="enumeration",
    bound=1e-11,
    control="draws with replacement",
    wrong={
        "brute_force": lambda logits, k: {
            order: float(special.softmax(logits)[list(order)].prod())
            for order in itertools.permutations(range(logits.size), k)
        }
    },
)
def ordered_log_probabilities(brute_force: Any = order_probabilities) -> float:
    exact = brute_force(FEW, 3)
    drawn, log_probs = sample_without_replacement(np.tile(FEW, (5000, 1)), 3, rng=10)
    orders = [tuple(order) for order in drawn.tolist()]
    if set(orders) != set(exact):
        return math.inf
    expected = np.log([exact[order] for order in orders])
    return float(np.abs(log_probs - expected).max())


@claim(
    "top-k-orders",
    "The k largest perturbed logits, in order, are an ordered draw without replacement.",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=23)),
    control="Normal noise of the same variance",
    wrong={"noise": lambda size, rng: rng.normal(scale=np.pi / np.sqrt(6), size=size)},
    power=chi_square_power(np.array(list(order_probabilities(FEW, 3).values())), DRAWS, 0.01),
)
def top_k_orders(
    noise: Any = lambda size, rng: standard_gumbel(size, rng=rng), top: Any = gumbel_top_k
) -> float:
    return order_chi_square(top(FEW, noise((DRAWS, FEW.size), np.random.default_rng(11)), 3), FEW)


@claim(
    "exponential-jumps",
    "The first class of a run that exceeds the threshold is number i with probability "
    "exp(-H_i) - exp(-H_{i+1}), H_i the sum of exp(l - threshold) over the classes before it.",
    method="floating point",
    bound=1e-9,
    control="the sum of exp(l), whatever the threshold",
    wrong={"rate": lambda logits, threshold: np.exp(logits)},
)
def exponential_jumps(
    rate: Any = lambda logits, threshold: np.exp(logits - threshold), noise: Any = stats.gumbel_r
) -> float:
    gaps = []
    for threshold in (-1.0, 0.5, 3.0):
        below = noise.cdf(threshold - ROW)
        first = np.append(1.0, below[:-1].cumprod()) * noise.sf(threshold - ROW)
        passed = np.append(0.0, rate(ROW, threshold).cumsum())
        gaps.append(np.abs(first - (np.exp(-passed[:-1]) - np.exp(-passed[1:]))).max())
    return float(max(gaps))


@claim(
    "entering-key",
    "With u uniform, l - log(-log(1 - u(1 - exp(-h)))), h = exp(l - threshold), is a Gumbel at l "
    "given that it exceeds the threshold: it exceeds this value with probability u.",
    method="symbolic",
    bound=1e-12,
    control="noise of the whole Gumbel law",
    wrong={"key": lambda u, h: -sympy.log(-sympy.log(1 - u))},
)
def entering_key(
    key: Any = lambda u, h: -sympy.log(-sympy.log(1 - u * (1 - sympy.exp(-h)))),
) -> float:
    u, h = sympy.symbols("u h", positive=True)

    def survival(noise: Any) -> Any:
        return 1 - sympy.exp(-sympy.exp(-noise))

    gap = survival(key(u, h)) / survival(-sympy.log(h)) - u
    return symbolic_gap(gap, {u: [0.2, 0.7], h: [0.1, 1.5]})


# Eight classes that can be drawn, far enough apart for jumps of every kind.
HEAVY = np.linspace(-0.8, 0.8, 8)
STREAM = np.full(160, -np.inf)
STREAM[13::20] = HEAVY
RUNS = 4000
PAIRS = chi_square_power(np.array(list(order_probabilities(HEAVY, 2).values())), RUNS, 0.01)
PAIRS_BOUND = float(stats.chi2.isf(1e-4, df=55))


def by_reservoir(logits: Floats, rng: np.random.Generator) -> Indices:
    """Two classes by a reservoir fed in three chunks."""
    reservoir = GumbelReservoir(2, rng=rng)
    for chunk in np.split(logits, [37, 100]):
        reservoir.feed(chunk)
    return reservoir.draw()


def by_hand(
    logits: Floats, rng: np.random.Generator, *, conditioned: bool = True, carried: bool = False
) -> Indices:
    """Two classes by jumps; the keywords make mistakes: a key that may lie below the threshold,
    and a jump shortened by what the last one passed too far."""
    keys, entered, jump = np.empty(0), np.empty(0, np.int64), math.inf
    for i in np.flatnonzero(logits > -np.inf):
        h = float(np.exp(logits[i] - keys.min())) if keys.size == 2 else math.inf
        jump -= h if keys.size == 2 else 0.0
        if keys.size == 2 and jump > 0:
            continue
        level = rng.random() * (-math.expm1(-h) if conditioned else 1.0)
        keys = np.append(keys, logits[i] - np.log(-np.log1p(-level)))
        order = np.argsort(-keys)[:2]
        keys, entered = keys[order], np.append(entered, i)[order]
        jump = rng.exponential() + (min(jump, 0.0) if carried else 0.0)
    return entered


def pairs_drawn(draw: Callable[[Floats, np.random.Generator], Indices]) -> float:
    """Chi-square statistic of many pairs drawn from the stream."""
    rng = np.random.default_rng(12)
    drawn = np.array([draw(STREAM, rng) for _ in range(RUNS)])
    return order_chi_square(drawn // 20, HEAVY)


@claim(
    "reservoir",
    "A reservoir of two, fed chunk by chunk, holds an ordered draw of two classes of the whole "
    "stream.",
    method="Monte Carlo",
    bound=PAIRS_BOUND,
    control="keys of entering classes drawn from the whole Gumbel law",
    wrong={"draw": lambda logits, rng: by_hand(logits, rng, conditioned=False)},
    power=PAIRS,
)
def reservoir_counts(draw: Any = by_reservoir) -> float:
    return pairs_drawn(draw)


STREAMS, LENGTH = 200, 500


def numbers_mean(k: int, n: int) -> float:
    """One number for each of the first k, two for an entry, one for the jump that is left over
    unless the last class enters."""
    return float(k + 1 - k / n + 2 * k * (special.digamma(n + 1) - special.digamma(k + 1)))


def numbers_spread(k: int) -> float:
    """At least the standard deviation of the numbers; class i enters with probability k/i."""
    entry = k / np.arange(k + 1, LENGTH + 1)
    return float(2 * np.sqrt(entry @ (1 - entry)))


def numbers_drawn(k: int, rng: np.random.Generator) -> int:
    """What a reservoir draws for a stream of equal logits."""
    reservoir = GumbelReservoir(k, rng=rng)
    reservoir.feed(np.zeros(LENGTH))
    return reservoir.variates


@claim(
    "reservoir-numbers",
    "A reservoir of k draws k + 1 - k/n + 2k(H_n - H_k) random numbers on average for n equal "
    "logits, H_n = 1 + 1/2 + ... + 1/n: z-score, the larger of those for k = 1 and k = 5.",
    method="Monte Carlo",
    bound=5.0,
    control="two numbers for the first k classes too, 2k(1 + log(n/k))",
    wrong={"stated": lambda k, n: 2 * k * (1 + math.log(n / k))},
    power=f"{STREAMS} streams of {LENGTH} classes, false alarm {4 * stats.norm.sf(5):.1e}; for "
    "k = 5 a mean off by 5 is caught with probability "
    f"{stats.norm.cdf(5 * math.sqrt(STREAMS) / numbers_spread(5) - 5):.3g}",
)
def reservoir_numbers(drawn: Any = numbers_drawn, stated: Any = numbers_mean) -> float:
    rng, scores = np.random.default_rng(14), []
    for k in (1, 5):
        mean = np.mean([drawn(k, rng) for _ in range(STREAMS)])
        scores.append(abs(mean - stated(k, LENGTH)) / numbers_spread(k) * math.sqrt(STREAMS))
    return float(max(scores))


def merged(
    logits: Floats, rng: np.random.Generator, merge: Any = GumbelReservoir.merge, same: bool = False
) -> Indices:
    """Two classes from two shards whose reservoirs are merged."""
    one, other = rng.integers(2**62, size=2).tolist()
    first, second = GumbelReservoir(2, rng=one), GumbelReservoir(2, rng=one if same else other)
    first.feed(logits[:90])
    second.feed(logits[90:])
    merge(first, second)
    return first.draw()


@claim(
    "merge",
    "The merged reservoirs of two shards, each with random numbers of its own, hold an ordered "
    "draw of two classes of both.",
    method="Monte Carlo",
    bound=PAIRS_BOUND,
    control="one seed for both shards",
    wrong={"same": True},
    power=PAIRS,
)
def merge_counts(merge: Any = GumbelReservoir.merge, same: bool = False) -> float:
    return pairs_drawn(lambda logits, rng: merged(logits, rng, merge, same))


NOISE_SHAPE = (20, 20, 500)  # seeds, rows, classes
NOISE_BOUND = math.sqrt(math.log(2 * 4e4) / 2)


def shift_power(shift: float) -> float:
    """The chance that a shift of all values is seen where it moves their law most, F = 1/e."""
    moved = math.sqrt(math.prod(NOISE_SHAPE)) * shift / math.e
    return float(stats.norm.cdf((moved - NOISE_BOUND) / math.sqrt((1 - 1 / math.e) / math.e)))


@claim(
    "keyed-law",
    "Keyed noise is independent standard Gumbel noise: its values, and its maxima over classes, "
    "over rows and over seeds less the logarithm of their number, have the Gumbel law.",
    method="Monte Carlo",
    bound=NOISE_BOUND,
    control="the row left out of the key",
    wrong={"noise": lambda seed, row, start, size: keyed_gumbel(seed, 0, start, size)},
    power=f"root of n times the largest distance to the law, of {math.prod(NOISE_SHAPE):,} values "
    "and of the maxima, false alarm 1e-4 by the DKW inequality; a location off by 0.025 is caught "
    f"with probability {shift_power(0.025):.3g}",
)
def keyed_law(noise: Any = keyed_gumbel) -> float:
    seeds, rows, classes = NOISE_SHAPE
    values = np.array(
        [[noise(seed, row, 3, classes) for row in range(rows)] for seed in range(seeds)]
    )
    samples = [values] + [values.max(axis=a) - np.log(values.shape[a]) for a in range(3)]
    distances = [
        math.sqrt(sample.size) * stats.kstest(sample.ravel(), stats.gumbel_r.cdf).statistic
        for sample in samples
    ]
    return float(max(distances))


def chunk_noise_alike(rows: Floats, seed: int) -> Indices:
    """Pairs whose chunks of four classes each take their noise from the start of the row."""
    noise = [np.tile(keyed_gumbel(seed, row, 0, 4), 2) for row in range(len(rows))]
    drawn: Indices = gumbel_top_k(rows, np.array(noise), 2)
    return drawn


def by_chunks(rows: Floats, seed: int, keyed: bool = True) -> Indices:
    """Pairs of each row by `sample_dask`, in chunks of four classes."""
    import dask
    import dask.array as da

    shards = da.from_array(rows, chunks=(500, 4))
    with dask.config.set(scheduler="synchronous"):  # the chunks are small: threads would only wait
        return sample_dask(shards, 2, seed=seed, keyed=keyed)


@claim(
    "distributed-law",
    "sample_dask makes an ordered draw of two classes of each row, with keyed noise and "
    "with jumps.",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(5e-5, df=55)),
    control="each chunk's noise keyed by the place in the chunk",
    wrong={"draw": chunk_noise_alike},
    power="the larger of two statistics, false alarm 1e-4 together; each a "
    + chi_square_power(np.array(list(order_probabilities(HEAVY, 2).values())), RUNS // 2, 0.01, 2),
)
def distributed_law(draw: Any = None) -> float:
    rows = np.tile(HEAVY, (RUNS // 2, 1))
    if draw is not None:
        return order_chi_square(draw(rows, 13), HEAVY)
    ways = (by_chunks(rows, 13, keyed) for keyed in (True, False))
    return max(order_chi_square(drawn, HEAVY) for drawn in ways)


@claim(
    "keyed-noise",
    "With noise keyed by seed, row and class, every chunking gives the same draw, and equal rows "
    "give draws of their own (of 40, those that differ; of 10, those that repeat another).",
    method="floating point",
    bound=0.5,
    control="each chunk draws jumps of its own",
    wrong={"keyed": False},
)
def chunking_differs(keyed: bool = True, draw: Any = sample_dask) -> float:
    import dask.array as da

    rows = np.tile(ROW, (10, 1))
    first, *others = (
        draw(da.from_array(rows, chunks=chunks), 2, seed=13, keyed=keyed)
        for chunks in ((10, 1000), (10, 500), (3, 300), (1, 999), (4, 64))
    )
    repeated = len(rows) - len(np.unique(first, axis=0))
    return float(sum((first != other).any(axis=1).sum() for other in others) + repeated)
