"""Fast draws: exact for every method, masks, types, shapes, threads, and refusals."""

import tracemalloc

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib.sampling import sample_categorical

# Small K, wide rows by blocks (with and without a rest), and many draws of one row.
CASES = {
    "small": (6, (40_000, 6)),
    "blocks": (1000, (40_000, 1000)),
    "a power of two": (256, (40_000, 256)),
    "guide table": (50, (50,)),
}


def assert_counts_agree(counts, probs):
    """A chi-square test at 1e-6; classes expected less than five times are taken together."""
    expected = counts.sum() * probs
    common = expected >= 5
    seen = np.append(counts[common], counts[~common].sum())
    expected = np.append(expected[common], expected[~common].sum())
    assert not seen[expected == 0].any()
    assert stats.chisquare(seen[expected > 0], expected[expected > 0]).pvalue > 1e-6


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_counts_agree_with_softmax(case, dtype):
    num_classes, shape = CASES[case]
    logits = np.random.default_rng(1).normal(scale=2, size=num_classes).astype(dtype)
    logits[3] = -np.inf
    draws = sample_categorical(np.broadcast_to(logits, shape), size=40_000, rng=2)
    counts = np.bincount(draws, minlength=num_classes)
    assert counts[3] == 0
    assert_counts_agree(counts, special.softmax(logits.astype(np.float64)))


@pytest.mark.parametrize(("at_once", "times"), [(500, 4000), (1_000_000, 20)])
def test_chi_square_of_a_hundred_thousand_classes(at_once, times):
    # By blocks, then by the guide table. Errors of 6 % in the 2e6 draws, or of 2 % in the 2e7,
    # add 16 standard deviations or more to the statistic.
    logits = np.random.default_rng(1).normal(size=100_000).astype(np.float32)
    rng = np.random.default_rng(3)
    counts = np.zeros(100_000, np.int64)
    for _ in range(times):
        draws = sample_categorical(logits, size=at_once, rng=rng)
        counts += np.bincount(draws, minlength=100_000)
    assert_counts_agree(counts, special.softmax(logits.astype(np.float64)))


@pytest.mark.parametrize(("prob", "num_rare"), [(1e-8, 100_000), (1e-10, 1_000_000)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_tail_is_not_cut(prob, num_rare, dtype):
    # All rare classes together, since one of them would not be seen. By blocks, then by table.
    # The common classes share one block, so that few tries fail.
    logits = np.full(num_rare, np.log(prob), dtype)
    logits[::2048] = -np.log(num_rare / 2048)
    share = special.softmax(logits.astype(np.float64))
    share[::2048] = 0
    rng = np.random.default_rng(4)
    for at_once, times in ((1000, 400), (2_000_000, 5)):
        expected = at_once * times * share.sum()
        rare = 0
        for _ in range(times):
            rare += np.count_nonzero(sample_categorical(logits, size=at_once, rng=rng) % 2048)
        assert expected > 36
        assert abs(rare - expected) < 5 * np.sqrt(expected)


@pytest.mark.parametrize(
    ("shape", "size", "times"),
    [((1_000_000, 6), None, 100), ((6,), 10_000_000, 10), ((300_000, 200), None, 33)],
)
def test_a_masked_class_is_never_drawn(shape, size, times):
    # 1e8 trials by inverse CDF and by table, 1e7 by blocks.
    logits = np.zeros(shape[-1])
    logits[1::2] = -np.inf
    rng = np.random.default_rng(5)
    for _ in range(times):
        draws = sample_categorical(np.broadcast_to(logits, shape), size=size, rng=rng)
        assert not (draws & 1).any()


@pytest.mark.parametrize(
    "row",
    [
        [0.0, -1e30, -np.inf],
        [1e30, 0.0, -1e30],
        [-1e30, -2e30, -np.inf],
        [5e-324, -np.inf, -np.inf],
        [1.7e308, -np.inf, -1.7e308],
    ],
)
@pytest.mark.parametrize("num_classes", [3, 500])
@pytest.mark.filterwarnings("error")
def test_adversarial_rows_draw_their_first_class(row, num_classes):
    logits = np.full(num_classes, -np.inf)
    logits[:3] = row
    assert not sample_categorical(np.tile(logits, (100, 1)), rng=0).any()
    assert not sample_categorical(logits, size=5000, rng=0).any()


def test_equal_logits_of_any_size_are_drawn_alike():
    half = np.finfo(np.float16)
    for value in (1e30, -1e30, 5e-324, half.max, half.min, half.smallest_subnormal):
        for num_classes in (2, 512):
            logits = np.full((20_000, num_classes), value, np.asarray(value).dtype)
            counts = np.bincount(sample_categorical(logits, rng=0), minlength=num_classes)
            assert_counts_agree(counts, np.full(num_classes, 1 / num_classes))


def test_shapes_follow_numpy():
    logits = np.zeros((4, 5, 70))
    assert sample_categorical(logits, rng=0).shape == (4, 5)
    assert sample_categorical(logits, axis=0, rng=0).shape == (5, 70)
    assert sample_categorical(logits, size=(3, 4, 5), rng=0).shape == (3, 4, 5)
    assert sample_categorical(np.zeros((1, 5, 7)), size=(2, 3, 5), rng=0).shape == (2, 3, 5)
    assert sample_categorical(np.zeros(7), rng=0).shape == ()
    assert sample_categorical(np.zeros((0, 7)), rng=0).shape == (0,)
    # Each place of a broadcast batch draws from its own row.
    logits = np.where(np.eye(5, 80, dtype=bool), 0.0, -np.inf)[None]
    assert (sample_categorical(logits, size=(2, 3, 5), rng=0) == np.arange(5)).all()


@pytest.mark.parametrize(
    ("shape", "axis"), [((10_000, 1000), -1), ((1000, 10_000), 0), ((1, 10_000_000), -1)]
)
def test_memory_stays_far_below_that_of_the_logits(shape, axis):
    logits = np.zeros(shape)
    tracemalloc.start()
    sample_categorical(logits, axis=axis, rng=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < logits.nbytes / 8


@pytest.mark.parametrize("num_classes", [6, 3000])
def test_draws_do_not_depend_on_the_threads(num_classes):
    logits = np.random.default_rng(0).normal(
        size=(60_000 if num_classes == 6 else 9000, num_classes)
    )
    alone = sample_categorical(logits, rng=5)
    assert np.array_equal(alone, sample_categorical(logits, rng=5, workers=2))
    assert np.array_equal(alone, sample_categorical(logits, rng=5, workers=-1))


BAD = {
    "NaN": ({"logits": [0.0, np.nan]}, "logits"),
    "+inf": ({"logits": [0.0, np.inf]}, "logits"),
    "all masked": ({"logits": np.full((2, 100), -np.inf)}, "logits"),
    "no classes": ({"logits": np.zeros((2, 0))}, "logits"),
    "text": ({"logits": "logits"}, "logits"),
    "size": ({"logits": np.zeros((4, 3)), "size": 5}, "size"),
    "negative size": ({"logits": np.zeros(3), "size": -1}, "size"),
    "axis": ({"logits": np.zeros(3), "axis": 1}, "axis"),
    "workers": ({"logits": np.zeros(3), "workers": 0}, "workers"),
    "rng": ({"logits": np.zeros(3), "rng": "seed"}, "rng"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    arguments, named = BAD[case]
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        sample_categorical(**{"rng": 0, **arguments})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_logits_are_found_by_every_method(bad):
    for num_classes, size in ((5, None), (200, None), (200, 5000)):
        for place in (0, num_classes - 1):
            logits = np.zeros(num_classes)
            logits[place] = bad
            with pytest.raises(ValueError, match="^logits: expected finite"):
                sample_categorical(logits, size=size, rng=0)
