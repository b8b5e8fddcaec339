"""Fast draws: exact for every method, streams from any generator, masks, types, refusals."""

import copy
import itertools
import pickle
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib.sampling import categorical, sample_categorical

# A shape of logits and a size for each way through `sample_categorical`: the shortest one and that
# of its plan, or one that the plan is bent to.
METHODS = {
    "noise, shortest": ((6,), None, None),
    "noise, shortest, rows": ((40, 50), None, None),
    "noise, shortest, several draws": ((8, 6), (40, 8), None),
    "noise, no plan": ((40, 50), None, "no plan"),
    "noise, no plan, several draws": ((8, 6), (40, 8), "no plan"),
    "noise": ((40, 50), None, "noise"),
    "noise, several draws": ((8, 50), (40, 8), "noise"),
    "lines": ((900, 6), None, "lines"),
    "lines, float32 first": ((2000, 6), None, "lines"),
    "lines, several draws": ((900, 12), (3, 900), "lines"),
    "lines, some by float64": ((2000, 6), None, "lines"),
    "lines, many draws": ((100,), 999, "lines"),
    "lines, many draws of several rows": ((90, 50), (60, 90), "lines"),
    "columns": ((40, 50), None, "columns"),
    "columns, several draws": ((8, 50), (40, 8), "columns"),
    "columns, float32 first": ((300, 50), (2, 300), "columns"),
    "columns in two steps, float32 first": ((60, 299), None, "columns"),
    "columns in two steps, some by float64": ((60, 299), None, "columns"),
    "columns in two steps": ((60, 299), (20, 60), "columns"),
    "sums": ((900, 50), None, "sums"),
    "sums, a power of two": ((90, 256), None, "sums"),
    "sums, few classes": ((900, 6), None, "sums"),
    "sums, few draws": ((50,), 200, "sums"),
    "sums, many draws": ((50,), 999, "sums"),
    "search, shortest": ((50,), 256, None),
    "search": ((50,), 999, "search"),
    "table": ((2000,), 400_000, "table"),
    "table, few classes": ((6,), 999, "table"),
    "blocks": ((4000, 300), None, "blocks"),
    "blocks, a power of two": ((4000, 256), None, "blocks"),
    "blocks without enough tries": ((2000,), 1900, "blocks"),
    "stretches": ((2000,), 400_000, "stretches"),
    "one stretch": ((2000,), 400_000, "stretches"),
}
CONSTANTS = {
    "stretches": {"_STRETCH": 150},
    "blocks without enough tries": {"_LEAST_TRIES": 0},
    "lines, some by float64": {"_MARGIN": 0.01},
    "columns in two steps, some by float64": {"_MARGIN": 0.01},
    "table": {"_DRAWS_AT_ONCE": 1000},
    "blocks": {"_SLICE": 1000},
}


def draw(logits, shape, size, rng):
    """A draw of each of these rows, or a thousand where there is but one."""
    rows = np.broadcast_to(logits, shape)
    calls = 1000 if size is None and len(shape) == 1 else 1
    return np.ravel([sample_categorical(rows, size=size, rng=rng) for _ in range(calls)])


def assert_counts_agree(counts, probs):
    """A chi-square test at 1e-6; classes expected less than five times are taken together."""
    expected = counts.sum() * probs
    common = expected >= 5
    seen = np.append(counts[common], counts[~common].sum())
    expected = np.append(expected[common], expected[~common].sum())
    assert not seen[expected == 0].any()
    assert stats.chisquare(seen[expected > 0], expected[expected > 0]).pvalue > 1e-6


@pytest.fixture(params=METHODS)
def method(request, monkeypatch):
    shape, size, name = METHODS[request.param]
    for constant, value in CONSTANTS.get(request.param, {}).items():
        monkeypatch.setattr(categorical, constant, value)
    if name is not None:
        monkeypatch.setattr(categorical, "_FEW_NOISES", 0)
        monkeypatch.setattr(categorical, "_short", lambda *_: None)
        monkeypatch.setattr(categorical, "_takes_noise", lambda *_: name == "no plan")
        monkeypatch.setattr(categorical, "_plan", lambda *_: getattr(categorical, f"_by_{name}"))
    return shape, size


@pytest.mark.parametrize(("dtype", "odds"), [(np.float64, 0.5), (np.float16, 0.5), (np.float64, 9)])
def test_counts_agree_with_softmax(method, dtype, odds):
    # 100,000 draws of up to 300 classes, 400,000 of 2000: errors of 6 % add 14 standard deviations
    # or more to the statistic, those of 4 % 6. One class holds a third, so that many tries fail, or
    # nine tenths.
    shape, size = method
    num_classes = shape[-1]
    total = max(100_000, 200 * num_classes)
    logits = np.random.default_rng(1).normal(size=num_classes).astype(dtype)
    logits[[0, 3, -1]] = -np.inf
    logits[4] = np.log(odds * np.exp(logits.astype(float)).sum())
    rng = np.random.default_rng(2)
    counts = np.zeros(num_classes, np.int64)
    while counts.sum() < total:
        counts += np.bincount(draw(logits, shape, size, rng), minlength=num_classes)
    assert not counts[[0, 3, -1]].any()
    assert_counts_agree(counts, special.softmax(logits.astype(np.float64)))


@pytest.mark.parametrize("name", ["lines", "sums", "search", "table"])
@pytest.mark.parametrize("repeated", [20_000, 500, 30])
def test_rows_with_a_likely_class_keep_their_laws_among_others(name, repeated, monkeypatch):
    # Many draws of a row are of other classes in a binomial number, fewer are told one by one.
    monkeypatch.setattr(categorical, "_plan", lambda *_: getattr(categorical, f"_by_{name}"))
    logits = np.random.default_rng(1).normal(size=(9, 40))
    for row, likely in enumerate((0.7, 0.76, 0.99, 1 - 1e-3, 1 - 1e-12), start=2):
        rest = np.delete(logits[row], 3 * row)
        logits[row, 3 * row] = special.logsumexp(rest) + special.logit(likely)
    many = np.tile(logits, (20_000 // repeated, 1))
    draws = sample_categorical(many, size=(repeated, len(many)), rng=4).reshape(repeated, -1, 9)
    for row, probs in zip(draws.T, special.softmax(logits, axis=1), strict=True):
        assert_counts_agree(np.bincount(row.ravel(), minlength=40), probs)
        # Each draw is independent of the one before it.
        first, second = (row == probs.argmax()).reshape(-1, 2).T
        p = probs.max()
        together, pairs = np.count_nonzero(first & second), first.size
        assert abs(together - pairs * p**2) <= 5 * np.sqrt(pairs * p**2 * (1 - p**2))


@pytest.mark.parametrize("name", ["lines", "sums", "search", "table"])
@pytest.mark.parametrize("repeated", [1000, 500, 20])
def test_rare_classes_beside_a_likely_one_are_drawn_as_often_as_due(name, repeated, monkeypatch):
    monkeypatch.setattr(categorical, "_plan", lambda *_: getattr(categorical, f"_by_{name}"))
    # About one draw of a thousand is of another class, and each of these as often.
    logits = np.zeros((1_000_000 // repeated, 10))
    logits[:, 3] = np.log(9 * 999)
    draws = sample_categorical(logits, size=(repeated, len(logits)), rng=4)
    others = np.delete(np.bincount(draws.ravel(), minlength=10), 3)
    assert abs(others.sum() - 1000) < 5 * np.sqrt(1000)
    assert stats.chisquare(others).pvalue > 1e-6
    # Neither do they come at chosen places.
    assert (
        stats.chisquare(
            np.count_nonzero(draws[: repeated // 20 * 20].reshape(20, -1) != 3, axis=1)
        ).pvalue
        > 1e-6
    )


def test_draws_come_in_no_order(method):
    # Neighbouring draws are independent, whichever classes they fall into.
    shape, size = method
    draws = draw(np.zeros(shape), shape, size, np.random.default_rng(3))
    halves = 2 * draws // shape[-1]
    pairs = np.bincount(2 * halves[:-1:2] + halves[1::2], minlength=4)
    assert stats.chisquare(pairs).pvalue > 1e-6
    assert stats.chisquare(np.add.reduceat(halves, [0, halves.size // 2])).pvalue > 1e-6


@pytest.mark.parametrize(("prob", "num_rare"), [(1e-8, 100_000), (1e-10, 1_000_000)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_tail_is_not_cut(prob, num_rare, dtype):
    # All rare classes together, since one of them would not be seen. By blocks, then by table or
    # stretches. The common classes share one block, so that few tries fail.
    logits = np.full(num_rare, np.log(prob), dtype)
    logits[::2048] = -np.log(num_rare / 2048)
    share = special.softmax(logits.astype(np.float64))
    share[::2048] = 0
    rng = np.random.default_rng(4)
    for at_once, times in ((num_rare // 20, 12_000_000 // num_rare), (600_000, 1)):
        expected = at_once * times * share.sum()
        rare = 0
        for _ in range(times):
            rare += np.count_nonzero(sample_categorical(logits, size=at_once, rng=rng) % 2048)
        assert expected > 36
        assert abs(rare - expected) < 5 * np.sqrt(expected)


class Extremes(np.random.Generator):
    """Uniforms that are 0 or the largest below 1, which chance would bring once in 2**53.

    And some of a number go to the last of its shares, however small, as rounding can bring.
    """

    def multinomial(self, n, pvals):
        some, counts = min(n, 20), np.zeros(len(pvals), np.int64)
        counts[0] = n - some
        counts[-1] += some
        return counts

    def random(self, size=None, *, out=None):
        drawn = np.where(super().random(size if out is None else out.shape) < 0.5, 0, 1 - 2.0**-53)
        if out is not None:
            out[...] = drawn
        return drawn


@pytest.mark.parametrize("drawable", [1, slice(1, None, 2), slice(40, 100), slice(100, 130)])
@pytest.mark.parametrize("logit", [0, -744.5])  # and one whose weight is the least there is
def test_a_masked_class_is_never_drawn(method, drawable, logit):
    shape, size = method
    logits = np.full(shape[-1], -np.inf)
    logits[drawable] = logit
    logits[2] = 0
    masked = np.isinf(logits)
    for rng in (Extremes(np.random.PCG64(5)), np.random.default_rng(5)):
        assert not masked[draw(logits, shape, size, rng)].any()


BIT_GENERATORS = {
    "PCG64": lambda: np.random.PCG64(5),
    "PCG64DXSM": lambda: np.random.PCG64DXSM(5),
    "Philox": lambda: np.random.Philox(5),
    "Philox with a key": lambda: np.random.Philox(key=5),
    "SFC64": lambda: np.random.SFC64(5),
    "MT19937": lambda: np.random.MT19937(5),
    "one without a seed sequence": lambda: np.random.RandomState(5)._bit_generator,
}
STREAM_SHAPES = {
    "one task": ((50, 20), None),
    "tasks": ((100, 200), None),
    "a table a task": ((3, 9), (2000, 3)),
}


@pytest.mark.parametrize("bit_generator", BIT_GENERATORS)
@pytest.mark.parametrize("case", STREAM_SHAPES)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_draw_follows_the_state_of_its_generator_and_advances_it(
    bit_generator, case, workers, monkeypatch
):
    shape, size = STREAM_SHAPES[case]
    if case != "one task":
        monkeypatch.setattr(categorical, "_CHUNK_SIZE", 300)
        monkeypatch.setattr(categorical, "_TASK_SIZE", 300)
    rng = np.random.Generator(BIT_GENERATORS[bit_generator]())
    saved = copy.deepcopy(rng.bit_generator.state)
    draws = [
        sample_categorical(np.zeros(shape), size=size, rng=rng, workers=workers) for _ in range(3)
    ]
    assert not np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[1], draws[2])
    rng.bit_generator.state = saved
    for before in draws:
        again = sample_categorical(np.zeros(shape), size=size, rng=rng)
        assert np.array_equal(before, again)


@pytest.mark.parametrize("case", STREAM_SHAPES)
def test_other_states_of_one_seed_give_other_draws(case, monkeypatch):
    shape, size = STREAM_SHAPES[case]
    monkeypatch.setattr(categorical, "_TASK_SIZE", 300)
    monkeypatch.setattr(categorical, "_CHUNK_SIZE", 300)
    drawn = set()
    for i in range(20):
        rng = np.random.Generator(np.random.PCG64(0).advance(i << 64))
        drawn.add(sample_categorical(np.zeros(shape), size=size, rng=rng).tobytes())
    assert len(drawn) == 20


@pytest.mark.parametrize("num_tasks", [2, 3])
def test_tasks_take_nothing_else_from_the_generator(num_tasks, monkeypatch):
    monkeypatch.setattr(categorical, "_TASK_SIZE", 1)
    monkeypatch.setattr(categorical, "_CHUNK_SIZE", 1)
    rng, other = np.random.default_rng(5), np.random.default_rng(5)
    sample_categorical(np.zeros((num_tasks, 10_000)), rng=rng)
    other.bytes(16)
    assert rng.bit_generator.state == other.bit_generator.state


def test_the_streams_of_tasks_are_independent(monkeypatch):
    # A task a row: the same place in neighbouring tasks, and one place over all tasks.
    monkeypatch.setattr(categorical, "_TASK_SIZE", 1)
    monkeypatch.setattr(categorical, "_CHUNK_SIZE", 1)
    draws = sample_categorical(np.zeros((400, 4)), size=(100, 400), rng=6)
    pairs = np.bincount((4 * draws[:, ::2] + draws[:, 1::2]).ravel(), minlength=16)
    assert stats.chisquare(pairs).pvalue > 1e-6
    assert stats.chisquare(np.bincount(draws[0], minlength=4)).pvalue > 1e-6
    assert np.unique(draws, axis=1).shape[1] == 400


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
    assert sample_categorical(np.zeros((1,) * 40 + (7,)), rng=0).shape == (1,) * 40
    # Each place of a broadcast batch draws from its own row.
    logits = np.where(np.eye(5, 80, dtype=bool), 0.0, -np.inf)[None]
    assert (sample_categorical(logits, size=(2, 3, 5), rng=0) == np.arange(5)).all()


@pytest.mark.parametrize(
    "batch", [b for n in range(4) for b in itertools.product((1, 2), repeat=n)]
)
@pytest.mark.parametrize("shortest", [True, False])
def test_a_size_fits_where_numpy_broadcasts_to_it(batch, shortest):
    logits = np.where(np.eye(7, dtype=bool)[3], 0.0, -np.inf) * np.ones((*batch, 1))
    for size in [s for n in range(4) for s in itertools.product((0, 1, 2, 3), repeat=n)]:
        rng = np.random.default_rng(0) if shortest else 0
        try:
            expected = np.broadcast_to(np.full(batch, 3), size)
        except ValueError:
            with pytest.raises(ValueError, match="^size: expected a shape to which"):
                sample_categorical(logits, size=size, rng=rng)
        else:
            assert np.array_equal(sample_categorical(logits, size=size, rng=rng), expected)


def peak_of(call):
    """The most memory that a call holds at once, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("shape", "axis", "dtype"),
    [
        ((10_000, 1000), -1, np.float64),
        ((1000, 10_000), 0, np.float64),
        ((1, 10_000_000), -1, np.float64),
        ((1_000_000, 20), -1, np.int64),
        ((10_000, 1000), -1, np.int64),
    ],
)
def test_memory_stays_far_below_that_of_the_logits(shape, axis, dtype):
    logits = np.zeros(shape, dtype)
    room = logits.nbytes / 8 + 8 * logits.size // shape[axis]
    assert peak_of(lambda: sample_categorical(logits, axis=axis, rng=0)) < room


class Counting(np.random.Generator):
    """Counts the uniforms."""

    count = 0

    def random(self, size=None, *args, **kwargs):
        self.count += int(np.prod(size))
        return super().random(size, *args, **kwargs)


@pytest.mark.parametrize("num_classes", [100_000, 2_000_000])
@pytest.mark.parametrize("spread", [30.0, 0.0])
def test_cost_has_no_cliff_in_the_number_of_draws(num_classes, spread):
    # One class holds nearly all, so that a try succeeds once in sqrt(K/2). Work is counted, not
    # timed: tries stay below K/16 and a last round, whatever the number of draws.
    logits = np.full(num_classes, -spread)
    logits[num_classes // 3] = 0
    for at_once in (1, 100, 1500, num_classes // 64, num_classes // 16 - 1, num_classes // 16):
        rng = Counting(np.random.PCG64(0))
        peak = peak_of(lambda n=at_once, rng=rng: sample_categorical(logits, size=n, rng=rng))
        assert rng.count <= 2 * (num_classes // 16 + at_once + 4096) + at_once
        if at_once == 1:
            assert rng.count <= 2 * 4096
        # The result, what a try holds, and the numbers of each class.
        assert peak < 160 * max(at_once, 4096) + 6e6 + 40 * num_classes


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "uint64", "longdouble"])
@pytest.mark.parametrize("size", [None, 100, 3000])
@pytest.mark.parametrize("num_classes", [5, 300])
def test_every_type_of_numbers_draws_what_float64_draws(dtype, size, num_classes):
    logits = np.random.default_rng(7).integers(0, 2, num_classes).astype(dtype)
    draws = sample_categorical(logits, size=size, rng=8)
    rng = np.random.default_rng(8)  # a seed takes the long way, a generator the shortest
    assert np.array_equal(draws, sample_categorical(logits.astype(np.float64), size=size, rng=rng))
    wide = logits.astype(ml_dtypes.bfloat16)
    assert np.array_equal(draws, sample_categorical(wide, size=size, rng=8))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_fewer_digits_of_logits_lose_none_on_the_way(method, dtype):
    shape, size = method
    logits = np.random.default_rng(7).normal(scale=3, size=shape[-1]).astype(dtype)
    draws = draw(logits, shape, size, np.random.default_rng(3))
    wide = draw(logits.astype(np.float64), shape, size, np.random.default_rng(3))
    assert np.array_equal(draws, wide)


@pytest.mark.parametrize(
    "shape", [(4,), (3, 40), (40, 60), (40, 3, 40), (4, 4096), (9000,), (1 << 14,)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_shortest_way_draws_what_the_plan_would(shape, dtype):
    logits = np.random.default_rng(7).normal(size=shape).astype(dtype)
    shortest, planned = np.random.default_rng(8), np.random.default_rng(8)
    row = logits.reshape(-1, shape[-1])[0]
    cases = [(logits, None), (row, 1), (row, 256), (row, 257), (row, (16, 16)), (row[None], 99)]
    cases += [(logits, (5, *shape[:-1])), (logits[..., None, :], (*shape[:-1], 7))]
    cases += [(logits, (1, *shape[:-1])), (logits, (1, 1, *shape[:-1]))]
    cases += [(logits, (900, *shape[:-1]))]  # more than a chunk, if there are many rows
    cases += [(row[None], (99, 1)), (row[None, None], (9, 2, 3)), (row, ()), (row[None], (0, 1))]
    few = np.stack([row, row[::-1], row])
    cases += [(few, (99, 3)), (few[:, None], (3, 99)), (few[None], (256, 1, 3)), (few, (257, 3))]
    cases += [(few[None], (9, 9, 3)), (few[None], (9, 3))]
    cases += [(logits, (2, *shape[:-1]))]  # of 40 rows of 60 classes by noise, as planned
    likely = few + np.where(np.arange(shape[-1]), 0, 20).astype(dtype)
    cases += [(likely, (99, 3)), (likely[:1], (999, 1))]
    # Beyond 2**20, where added noise would lose digits, and where a float holds no noise at all.
    for offset in (0, 2.0**21, -(2.0**21), 2.0**90, -np.inf):
        for values, size in cases:
            moved = values + np.where(np.arange(shape[-1]) % 3, np.float32(offset), 0).astype(dtype)
            draws = sample_categorical(moved, size=size, rng=shortest)
            slow = sample_categorical(moved, size=size, rng=planned, workers=2)
            assert np.array_equal(draws, slow)
            assert np.shape(draws) == np.shape(slow)
            assert draws.dtype == np.int64
            assert shortest.bit_generator.state == planned.bit_generator.state


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("far", [1e30, 1e155, 1e200, 1e308])
@pytest.mark.parametrize("size", [None, 5, 300])
@pytest.mark.parametrize("num_rows", [1, 3, 40, 900])
def test_no_logit_is_so_large_that_it_warns(far, size, num_rows):
    size = size if size is None else (size, num_rows)
    for row, drawn in (([far, 0, -far], 0), ([-far, 0, -800], 1), ([-far, -far, -far], None)):
        rows = np.array([row] * num_rows)
        draws = sample_categorical(rows, size=size, rng=np.random.default_rng(1))
        assert np.all(draws == drawn) if drawn is not None else {0, 1, 2} >= set(draws.ravel())
        with np.errstate(under="warn"):
            again = sample_categorical(rows, size=size, rng=np.random.default_rng(1))
        assert np.array_equal(draws, again)


@pytest.mark.parametrize("name", ["lines", "columns", "sums", "search", "table"])
@pytest.mark.parametrize("likely", [0.75, 0.95, 20 / 21, 0.999])
def test_memory_order_changes_no_draw(name, likely, monkeypatch):
    # The largest probabilities are round, so that a sum's last bit may lie on either side.
    monkeypatch.setattr(categorical, "_short", lambda *_: None)
    monkeypatch.setattr(categorical, "_plan", lambda *_: getattr(categorical, f"_by_{name}"))
    others = np.random.default_rng(3).dirichlet(np.ones(99), size=20) * (1 - likely)
    logits = np.log(np.insert(others, 5, likely, axis=1))
    for repeated in (1, 20, 5000) if name != "columns" else (1, 20):
        draws = sample_categorical(logits, size=(repeated, 20), rng=2)
        for same in (np.asfortranarray(logits), logits[:, ::-1].copy()[:, ::-1]):
            assert np.array_equal(draws, sample_categorical(same, size=(repeated, 20), rng=2))


def test_errors_that_the_caller_raises_change_no_draw(method):
    # Weights that underflow are 0, and need no warning, nor do large logits.
    shape, size = method
    for least in (-3000, -1e200, -1e308):
        for start in (0, least):
            logits = np.linspace(start, least, shape[-1])
            with np.errstate(all="ignore"):
                calm = draw(logits, shape, size, np.random.default_rng(3))
            with np.errstate(all="raise"):
                assert np.array_equal(draw(logits, shape, size, np.random.default_rng(3)), calm)


def test_an_offset_that_a_float_holds_changes_no_law(method):
    # Added to noise such logits would leave it no digit.
    shape, size, rng = *method, np.random.default_rng(9)
    logits = np.zeros(shape[-1])
    logits[: shape[-1] // 2] = 1
    for offset in (2.0**52, -(2.0**52)):
        draws = np.ravel([draw(logits + offset, shape, size, rng) for _ in range(20)])
        share = np.e / (1 + np.e)
        counted = np.count_nonzero(draws < shape[-1] // 2)
        assert abs(counted - share * draws.size) < 5 * np.sqrt(draws.size * share * (1 - share))


def test_each_method_is_the_fastest_somewhere():
    shapes = itertools.product(*[[10**i for i in range(8)]] * 3)
    planned = {categorical._plan(*shape).__name__ for shape in shapes}
    assert planned == {name for name in vars(categorical) if name.startswith("_by_")}


@pytest.mark.parametrize("kind", ["normal", "wide", "one class"])
@pytest.mark.parametrize("shape", [(900, 12), (90, 128), (64, 129), (40, 1000), (3, 30_000)])
def test_weights_in_float32_come_within_half_the_margin(shape, kind, monkeypatch):
    rng = np.random.default_rng(12)
    logits = rng.uniform(-80, 0, shape) if kind == "wide" else rng.normal(scale=2, size=shape)
    logits[:, -1] += 8 if kind == "one class" else 0
    shares = []
    passed = categorical._passed

    def noted(weights, levels):
        sums = weights.cumsum(axis=1, dtype=np.float64)
        shares.append(sums / sums[:, -1:])
        return passed(weights, levels)

    monkeypatch.setattr(categorical, "_passed", noted)
    levels = rng.random((1 + categorical._in_two(logits.size, shape[1]), shape[0], 1))
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        categorical._into_columns(logits, levels, dtype)
    half = len(shares) // 2
    pairs = zip(shares[:half], shares[half:], strict=True)
    worst = max(np.abs(single - double).max() for single, double in pairs)
    assert 0 < worst < categorical._MARGIN / 2


class Chosen(np.random.Generator):
    """A generator of chosen uniforms."""

    levels = np.zeros(0)

    def random(self, size=None, dtype=np.float64, out=None):
        return self.levels.reshape(size)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["lines", "columns", "columns in two steps"])
def test_a_draw_next_to_a_sum_is_told_by_float64(name, dtype, monkeypatch):
    rows = np.random.default_rng(13).normal(scale=2, size=(400, 200)).astype(dtype)
    num_levels = 2 if name == "columns in two steps" else 1
    if num_levels == 1:
        rows = rows[:, :100]
    rng, levels = Chosen(np.random.PCG64(0)), np.random.default_rng(14).random((2, 400, 1))
    method = getattr(categorical, f"_by_{name.split()[0]}")
    height = 200 // 64 if num_levels == 2 else 1
    weights = np.exp((rows - rows.max(axis=1, keepdims=True)).astype(np.float64))
    width = -(-weights.shape[1] // height)
    weights = np.pad(weights, ((0, 0), (0, height * width - weights.shape[1])))
    sums = weights.reshape(400, height, width).sum(axis=1).cumsum(axis=1)
    chosen = np.random.default_rng(15).integers(0, width - 1, 400)
    told = {}
    for margin in (categorical._MARGIN, 0.0):
        monkeypatch.setattr(categorical, "_MARGIN", margin)
        told[margin] = []
        for far in (0, 1e-16, -1e-16, 1e-12, -1e-12, 1e-8, -1e-8, 1e-7, -1e-7, 1e-6, -1e-6):
            levels[0, :, 0] = sums[np.arange(400), chosen] / sums[:, -1] + far
            rng.levels = np.clip(levels[:num_levels], 0, 1 - 2.0**-53)
            indices = []
            for few in (True, False):
                monkeypatch.setattr(categorical, "_single_first", lambda *_, few=few: few)
                index = np.empty((400, 1), np.int64)
                method(rows, index, rng, map)
                indices.append(index)
            method(rows.astype(np.float64), index, rng, map)  # differences are those of float64
            assert np.array_equal(index, indices[1])
            told[margin].append(np.count_nonzero(index != indices[0]))
    with_margin, without = told.values()
    assert not any(with_margin)
    assert sum(without) > 100  # without a look at the margin float32 errs often


@pytest.mark.parametrize(
    ("num_classes", "num_rows"), [(6, 6000), (300, 900), (3000, 900), (300_000, 1)]
)
def test_draws_do_not_depend_on_the_threads(num_classes, num_rows, monkeypatch):
    monkeypatch.setattr(categorical, "_TASK_SIZE", 4096)
    monkeypatch.setattr(categorical, "_CHUNK_SIZE", 4096)
    monkeypatch.setattr(categorical, "_SLICE", 4096)
    logits = np.random.default_rng(0).normal(size=(num_rows, num_classes))
    alone = sample_categorical(logits, rng=5)
    for workers in (2, 5, -1):
        assert np.array_equal(alone, sample_categorical(logits, rng=5, workers=workers))


THREE = np.zeros(3)
BAD = {
    "NaN": ({"logits": [0.0, np.nan]}, "logits"),
    "+inf": ({"logits": [0.0, np.inf]}, "logits"),
    "all masked": ({"logits": np.full((2, 100), -np.inf)}, "logits"),
    "no classes": ({"logits": np.zeros((2, 0))}, "logits"),
    "no classes and no rows": ({"logits": np.zeros((0, 0))}, "logits"),
    "no classes along the axis": ({"logits": np.zeros((0, 3)), "axis": 0}, "logits"),
    "text": ({"logits": "logits"}, "logits"),
    "a list of text": ({"logits": ["a", "b"]}, "logits"),
    "complex": ({"logits": np.zeros(3, complex)}, "logits"),
    "times": ({"logits": np.zeros(3, "m8[s]")}, "logits"),
    "nothing": ({"logits": None}, "logits"),
    "a mask": ({"logits": np.ma.array([0.0, 1.0], mask=[True, False])}, "logits"),
    "a mask of integers": ({"logits": np.ma.array([0, 1], mask=[True, False])}, "logits"),
    "a ragged list": ({"logits": [[0.0, 1.0], [2.0]]}, "logits"),
    "a scalar": ({"logits": 1.0}, "logits"),
    "an array of no axis": ({"logits": np.array(1)}, "logits"),
    "more than a float holds": ({"logits": np.array([0, "1e400"], np.longdouble)}, "logits"),
    "size": ({"logits": np.zeros((4, 3)), "size": 5}, "size"),
    "a size of too few axes": ({"logits": np.zeros((1, 4, 3)), "size": 4}, "size"),
    "a size that names rows": ({"logits": THREE, "size": {3: 1}}, "size"),
    "a time for a size": ({"logits": THREE, "size": np.timedelta64(3)}, "size"),
    "negative size": ({"logits": THREE, "size": -1}, "size"),
    "a negative length": ({"logits": THREE, "size": (2, -1)}, "size"),
    "a fractional size": ({"logits": THREE, "size": 1.5}, "size"),
    "a bool for a size": ({"logits": THREE, "size": True}, "size"),
    "a text for a size": ({"logits": THREE, "size": "3"}, "size"),
    "an absurd size": ({"logits": THREE, "size": 2**40}, "size"),
    "a more absurd size": ({"logits": THREE, "size": 2**70}, "size"),
    "an absurd shape": ({"logits": np.zeros((4, 200)), "size": (2**30, 2**30, 4)}, "size"),
    "more axes than NumPy has": ({"logits": THREE, "size": (1,) * 65}, "size"),
    "axis": ({"logits": THREE, "axis": 1}, "axis"),
    "axis from the end": ({"logits": THREE, "axis": -2}, "axis"),
    "axis of another type": ({"logits": THREE, "axis": 0.0}, "axis"),
    "no workers": ({"logits": THREE, "workers": 0}, "workers"),
    "negative workers": ({"logits": THREE, "workers": -2}, "workers"),
    "fractional workers": ({"logits": THREE, "workers": 1.5}, "workers"),
    "workers in an array": ({"logits": THREE, "workers": np.array([1, 2])}, "workers"),
    "a float for all workers": ({"logits": THREE, "workers": -1.0}, "workers"),
    "a bool for workers": ({"logits": THREE, "workers": True}, "workers"),
    "rng": ({"logits": THREE, "rng": "seed"}, "rng"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    arguments, named = BAD[case]
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        sample_categorical(**{"rng": 0, **arguments})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.filterwarnings("error")
def test_bad_logits_are_found_by_every_method(bad, method):
    shape, size = method
    for place in (0, -1):
        logits = np.zeros(shape[-1])
        logits[place] = bad
        with pytest.raises(ValueError, match="^logits: expected finite"):
            sample_categorical(np.broadcast_to(logits, shape), size=size, rng=0)
    with pytest.raises(ValueError, match="^logits: expected a finite logit in every row"):
        sample_categorical(np.full(shape, -np.inf), size=size, rng=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_row_among_good_ones_is_found_at_every_shape(bad):
    choose = np.random.default_rng(4)
    for _ in range(300):
        num_rows, num_classes, repeated = np.exp(choose.uniform(0, [5, 7, 6])).astype(int).tolist()
        logits = choose.normal(size=(num_rows, num_classes))
        where = slice(None) if bad < 0 else choose.integers(num_classes)
        logits[choose.integers(num_rows), where] = bad
        for size in (None, (repeated, num_rows)):
            with pytest.raises(ValueError, match="^logits: expected .*finite"):
                sample_categorical(logits, size=size, rng=choose)


def test_a_result_may_have_as_many_axes_as_an_array():
    for num_classes in (3, 9000):
        drawn = sample_categorical(np.zeros(num_classes), size=(1,) * 64, rng=1)
        assert drawn.shape == (1,) * 64


@pytest.mark.parametrize("shape", [(10,), (3, 10)])
def test_no_type_or_copy_of_the_logits_changes_the_draws_or_the_generator(shape):
    logits = np.random.default_rng(7).normal(size=shape)
    copies = [logits, pickle.loads(pickle.dumps(logits)), logits.tolist()]
    copies += [logits.astype(">f8"), logits.astype(np.longdouble)]
    drawn = []
    for same in copies:
        rng = np.random.default_rng(0)
        drawn.append(
            ([np.ravel(sample_categorical(same, rng=rng)).tolist() for _ in range(8)], rng.random())
        )
    assert all(draws == drawn[0] for draws in drawn)


@pytest.mark.parametrize("bad", [np.array(1.0), np.array(["a", "b"]), np.zeros(3, "m8[s]")])
def test_the_shortest_way_names_bad_input_too(bad):
    with pytest.raises((TypeError, ValueError), match="^logits: expected .*, got "):
        sample_categorical(bad, rng=np.random.default_rng(0))
