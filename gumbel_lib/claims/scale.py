"""Claims of the chapter scale."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from .. import trick
from ..noise import keyed_gumbel, standard_gumbel
from ..sampling import (
    GumbelReservoir,
    sample_categorical,
    sample_distributed,
    sample_without_replacement,
    top_k,
)
from . import chi_square, chi_square_power, claim

Floats = NDArray[np.float64]

BLOCKS = np.random.default_rng(5).normal(scale=2, size=(4, 8))  # 4 blocks of 8 classes
FEW = np.array([1.0, -0.5, 0.2, -1.5])
ROW = np.random.default_rng(6).normal(scale=2, size=1000)
DRAWS = 200_000


def order_probabilities(logits: Floats, k: int) -> dict[tuple[int, ...], float]:
    """Each ordered draw of k classes with its probability, one softmax after another."""
    result = {}
    for order in itertools.permutations(range(logits.size), k):
        left, prob = logits.copy(), 1.0
        for index in order:
            prob *= special.softmax(left)[index]
            left[index] = -np.inf
        result[order] = prob
    return result


@claim(
    "blocks-race",
    "A race of blocks, each a Gumbel at its log-sum-exp, followed by a race inside the winner, "
    "draws from softmax(logits).",
    method="quadrature",
    bound=1e-9,
    control="each block at its largest logit",
    wrong={"location": lambda blocks: blocks.max(axis=1)},
)
def blocks_race(location: Any = trick.log_sum_exp) -> float:
    of_block = trick.argmax_probabilities(location(BLOCKS))
    drawn = of_block[:, None] * special.softmax(BLOCKS, axis=1)
    return float(np.abs(drawn - special.softmax(BLOCKS)).max())


@claim(
    "block-thinning",
    "A block drawn by its bound, a class drawn inside it alike, kept with probability "
    "exp(logit - block's largest): what is kept is drawn from softmax(logits).",
    method="exact arithmetic",
    bound=1e-12,
    control="every candidate kept",
    wrong={"keep": lambda blocks: np.ones_like(blocks)},
)
def block_thinning(
    keep: Any = lambda blocks: np.exp(blocks - blocks.max(axis=1, keepdims=True)),
) -> float:
    block = special.softmax(BLOCKS.max(axis=1))
    kept = block[:, None] / BLOCKS.shape[1] * keep(BLOCKS)
    return float(np.abs(kept / kept.sum() - special.softmax(BLOCKS)).max())


@claim(
    "block-tries",
    "A draw takes B sum_b exp(m_b) / sum_i exp(l_i) tries on average, for blocks of B classes "
    "with largest logits m_b.",
    method="exact arithmetic",
    bound=1e-9,
    control="one bound for the whole row",
    wrong={"bounds": lambda blocks: np.full(len(blocks), blocks.max())},
)
def block_tries(bounds: Any = lambda blocks: blocks.max(axis=1)) -> float:
    most = bounds(BLOCKS)
    kept = special.softmax(most)[:, None] / 8 * np.exp(BLOCKS - most[:, None])
    expected = 8 * np.exp(BLOCKS.max(axis=1)).sum() / np.exp(BLOCKS).sum()
    return float(abs(1 / kept.sum() - expected))


def unthinned(logits: Floats, *, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Blocks by their bounds, and whatever class comes first inside."""
    blocks = logits.reshape(25, 40)
    block = sample_categorical(blocks.max(axis=1), size=size, rng=rng)
    return 40 * block + rng.integers(0, 40, size)


@claim(
    "sample-categorical",
    "The counts of sample_categorical, by blocks and by table, agree with softmax(logits).",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=19)),
    control="candidates of the blocks kept without thinning",
    wrong={"sampler": unthinned},
    power=chi_square_power(np.full(20, 0.05), DRAWS, 0.005),
)
def sample_categorical_counts(sampler: Any = sample_categorical) -> float:
    # Twenty groups of classes of about equal probability.
    probs = special.softmax(ROW)
    group = np.minimum((20 * (probs.cumsum() - probs / 2)).astype(int), 19)
    of_group = np.bincount(group, probs, minlength=20).astype(np.float64)
    worst = 0.0
    for at_once in (500, DRAWS):
        rng = np.random.default_rng(9)
        drawn = [sampler(ROW, size=at_once, rng=rng) for _ in range(DRAWS // at_once)]
        worst = max(worst, chi_square(group[np.concatenate(drawn)], of_group))
    return worst


@claim(
    "ordered-log-probabilities",
    "The log-probability of an ordered draw without replacement equals brute force over all "
    "orders.",
    method="exact arithmetic",
    bound=1e-12,
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
        return np.inf
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
def top_k_orders(noise: Any = lambda size, rng: standard_gumbel(size, rng=rng)) -> float:
    exact = order_probabilities(FEW, 3)
    drawn = top_k(FEW, noise((DRAWS, FEW.size), np.random.default_rng(11)), 3)
    number = np.zeros((FEW.size,) * 3, np.int64)
    number[tuple(np.array(list(exact)).T)] = np.arange(len(exact))
    return chi_square(number[tuple(drawn.T)], np.array(list(exact.values())))


STREAM = np.linspace(-2, 2, 400)
STREAMS = 4000


@claim(
    "reservoir",
    "A reservoir fed chunk by chunk, spending variates only on jumps, draws from softmax(logits) "
    "of the whole stream.",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=9)),
    control="jumps that ignore the weights",
    wrong={"fed": lambda logits: np.zeros_like(logits)},
    power=chi_square_power(
        special.softmax(STREAM).reshape(10, -1).sum(axis=1)[::-1], STREAMS, 0.05
    ),
)
def reservoir_counts(fed: Any = lambda logits: logits) -> float:
    rng = np.random.default_rng(12)
    drawn = np.empty(STREAMS, np.int64)
    for i in range(STREAMS):
        reservoir = GumbelReservoir(rng=rng)
        for chunk in np.split(fed(STREAM), [37, 250]):
            reservoir.feed(chunk)
        drawn[i] = reservoir.draw()[0]
    return chi_square(drawn // 40, special.softmax(STREAM).reshape(10, -1).sum(axis=1))


def unshifted(first: GumbelReservoir, second: GumbelReservoir) -> None:
    """Merge as if both had been fed from the start of one stream."""
    seen, first.seen = first.seen, 0
    first.merge(second)
    first.seen += seen


@claim(
    "merge",
    "Merging the reservoirs of two shards gives the draw of one reservoir fed with both "
    "(differing draws of 1000).",
    method="exact arithmetic",
    bound=0.5,
    control="the second shard's indices left unshifted",
    wrong={"merge": unshifted},
)
def merge_differs(merge: Any = GumbelReservoir.merge) -> float:
    differing = 0
    for seed in range(1000):
        noise, cut = keyed_gumbel(seed, 0, 0, STREAM.size), 1 + seed % 399
        whole, first, second = (GumbelReservoir(3, rng=0) for _ in range(3))
        whole.feed(STREAM, noise)
        first.feed(STREAM[:cut], noise[:cut])
        second.feed(STREAM[cut:], noise[cut:])
        merge(first, second)
        differing += not np.array_equal(first.draw(), whole.draw())
    return float(differing)


@claim(
    "keyed-noise",
    "With noise keyed by seed, row and class, every chunking gives the same draw (differing "
    "draws of 40).",
    method="exact arithmetic",
    bound=0.5,
    control="each chunk draws jumps of its own",
    wrong={"keyed": False},
)
def chunking_differs(keyed: bool = True) -> float:
    import dask.array as da

    rows = np.tile(ROW, (10, 1))
    first, *others = (
        sample_distributed(da.from_array(rows, chunks=chunks), 2, seed=13, keyed=keyed)
        for chunks in ((10, 1000), (10, 500), (3, 300), (1, 999), (4, 64))
    )
    return float(sum((first != other).any(axis=1).sum() for other in others))
