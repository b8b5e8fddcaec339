"""Compiled draws: exact by every way, compiled or not, shaped and refused as others are."""

import doctest
import importlib.util
import itertools
import math
import re
import subprocess
import sys

import numpy as np
import pytest
from scipy import special
from test_sampling import BAD, Extremes, assert_counts_agree

from gumbel_lib.sampling import compiled, sample_categorical, sample_compiled

# A shape of logits and a size for each way through `sample_compiled`, and one for each of its
# constants that makes few logits seem many.
WAYS = {
    "one draw": ((6,), None),
    "one draw of a long row": ((1, 2100), None),
    "few rows": ((8, 6), None),
    "rows": ((900, 6), None),
    "rows, several chunks": ((40, 3, 60), None),
    "rows, several draws": ((300, 6), (8, 300)),
    "rows in one place": ((600, 6), (8, 600)),
    "wide rows in one place": ((4, 200), (7, 4)),
    "table of few logits": ((4,), 200),
    "few rows, several draws": ((8, 6), (50, 8)),
    "few draws of one row": ((6,), 40),
    "wide rows": ((30, 200), None),
    "wide rows of many classes": ((3, 600), (5, 3)),
    "wide rows of few classes": ((20, 40), (30, 20)),
    "sums of few long rows": ((3, 2100), (3, 3)),
    "sums of few rows": ((8, 6), (150, 8)),
    "sums of one row": ((60,), 99),
    "race": ((40, 520), None),
    "race, one row": ((520,), None),
    "race, a power of two": ((30, 1024), None),
    "race, several draws": ((40, 900), (2, 40)),
    "race, several passes": ((1200, 900), (2, 1200)),
    "race in a few uniforms": ((40, 520), None),
    "race that is given up": ((50, 600), (3, 50)),
    "race, rows in parts": ((60, 520), None),
    "race, one row in parts": ((520,), None),
    "sums of a long row": ((2100,), 100),
    "sums of rows": ((90, 300), (17, 90)),
    "sums in pieces": ((300,), 100),
    "sums, rows in parts": ((90, 300), (17, 90)),
    "sums, draws in parts": ((300,), (10, 10)),
    "sums of rows, draws in chunks": ((20, 300), (50, 20)),
    "table of a row": ((6,), 5000),
    "table of a long row": ((2100,), 2500),
    "tables of rows": ((8, 6), (999, 8)),
    "tables, rows in parts": ((8, 6), (999, 8)),
    "table, draws in parts": ((300,), (27, 37)),
    "tables of rows, draws in chunks": ((3, 6), (999, 3)),
}
CONSTANTS = {
    "rows, several chunks": {"_TOGETHER": 100, "_LEAST_ROWS": 7},
    "sums of few rows": {"_MOST_COUNTED": 800},
    "wide rows in one place": {"_FEW_UNIFORMS": 1},
    "race, one row": {"_MOST_FEW": 100},
    "race in a few uniforms": {"_CHUNK_SIZE": 400},
    "race that is given up": {"_CLASSES_PER_TRY": 40, "_FORESEEN": 1, "_CHUNK_SIZE": 1000},
    "sums in pieces": {"_TOGETHER": 70, "_LANES": 16},
    "sums of rows, draws in chunks": {"_CHUNK_SIZE": 20, "_FEW_UNIFORMS": 1},
    "tables of rows, draws in chunks": {"_CHUNK_SIZE": 300, "_FEW_UNIFORMS": 1},
} | {
    name: {"_PART": 20 if name == "race, one row in parts" else 500, "_FEW_UNIFORMS": 1}
    for name in WAYS
    if "parts" in name
}
CONSTANTS["race, one row in parts"]["_MOST_FEW"] = 100


def fill(states, uniforms):
    """NumPy's numbers warn where they are meant to wrap, as compiled ones do silently."""
    with np.errstate(over="ignore"):
        compiled._fill(states, uniforms)


INTERPRETED = compiled.Kernels(
    compiled._one,
    compiled._few_rows,
    compiled._short_rows,
    compiled._wide_rows,
    compiled._bound,
    compiled._race,
    compiled._look_up,
    compiled._tabulate,
    compiled._find,
    fill,
)
HAS_NUMBA = importlib.util.find_spec("numba") is not None


def use_interpreted(monkeypatch, constants):
    """Run the loops as Python does, which needs no Numba, with other constants."""
    monkeypatch.setattr(compiled, "_loops", INTERPRETED)
    for name, value in constants.items():
        monkeypatch.setattr(compiled, name, value)


# A loop is compiled with its constants, so that those with others are run by Python only; and for
# Python a million logits take too long, or a thousand draws of a long row.
BY_PYTHON = [name for name in WAYS if name != "race, several passes"]
COMPILED = [f"compiled {name}" for name in WAYS if name not in CONSTANTS]


@pytest.fixture(params=BY_PYTHON + COMPILED)
def way(request, monkeypatch):
    name = request.param.removeprefix("compiled ")
    if name == request.param:
        use_interpreted(monkeypatch, CONSTANTS.get(name, {}))
    else:
        pytest.importorskip("numba")
    return WAYS[name]


@pytest.fixture(params=["interpreted", "compiled"])
def either(request, monkeypatch):
    """Both, for what does not depend on the way."""
    if request.param == "interpreted":
        use_interpreted(monkeypatch, {})
    else:
        pytest.importorskip("numba")


def draw(logits, shape, size, rng, least=1000):
    """Some draws of rows that are all these logits."""
    rows = np.broadcast_to(logits, shape).copy()
    calls = math.ceil(least / np.prod(size or shape[:-1] or 1))
    return np.concatenate(
        [np.ravel(sample_compiled(rows, size=size, rng=rng)) for _ in range(calls)]
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("likely", [None, 0.95])
def test_counts_agree_with_softmax(way, dtype, likely):
    shape, size = way
    rng = np.random.default_rng(1)
    logits = rng.normal(scale=2, size=shape[-1]).astype(dtype)
    logits[-1] = -np.inf
    if likely:
        logits[1] = special.logsumexp(np.delete(logits, 1)) + special.logit(likely)
    drawn = draw(logits, shape, size, rng)
    assert_counts_agree(
        np.bincount(drawn, minlength=shape[-1]), special.softmax(logits.astype(float))
    )


@pytest.mark.parametrize("name", WAYS)
def test_a_way_is_what_its_name_says(name, monkeypatch):
    use_interpreted(monkeypatch, CONSTANTS.get(name, {}))
    calls = []

    def watched(kind, loop):
        def call(rows, *others):
            tabled = kind == "find" and len(others[0]) > 0
            if kind == "look_up":
                tabled = others[-1].size > rows.shape[1]
            calls.append((kind, len(rows), tabled))
            return loop(rows, *others)

        return call

    watching = compiled.Kernels(*map(watched, INTERPRETED._fields, INTERPRETED))
    monkeypatch.setattr(compiled, "_loops", watching)
    shape, size = WAYS[name]
    logits = np.random.default_rng(1).normal(scale=2, size=shape)
    sample_compiled(logits, size=size, rng=np.random.default_rng(1))
    kinds = [kind for kind, _, _ in calls if kind != "fill"]
    if name.startswith("race"):  # which may give up a row by chance
        assert (
            (kinds.count("bound") > 1) == (kinds[0] != "race") == (name == "race, one row in parts")
        )
        given_up = sum(rows for kind, rows, _ in calls if kind == "wide_rows")
        assert (given_up > shape[0] / 10) == (name == "race that is given up")
        if name in ("race, several passes", "race in a few uniforms", "race, rows in parts"):
            assert kinds.count("race") > 1
    elif size is None or name.startswith(("few", "rows", "wide")):
        loops = {"one": "one", "few": "few_rows", "rows": "short_rows", "wide": "wide_rows"}
        assert kinds == [loops[re.match(r"\w+", name)[0]]]
    else:
        found = ["tabulate", "find"] if "draws in" in name else ["look_up"]
        assert list(dict.fromkeys(kinds)) == found
        assert (kinds.count(found[-1]) > 1) == ("parts" in name or "chunks" in name)
        assert {tabled for kind, _, tabled in calls if kind == found[-1]} == {"table" in name}
        if "chunks" in name:
            assert kinds.count("tabulate") == shape[0]
    if "long" in name or "pieces" in name:  # whose sums are made piece by piece
        assert shape[-1] > compiled._TOGETHER


def test_each_row_is_drawn_by_its_own_law(way):
    """One class of each row can be drawn, and each row has another."""
    shape, size = way
    classes = np.random.default_rng(0).integers(shape[-1], size=shape[:-1])
    logits = np.where(np.arange(shape[-1]) == classes[..., None], 1.0, -np.inf)
    for rng in (np.random.default_rng(0), 0):
        drawn = sample_compiled(logits, size=size, rng=rng)
        assert np.array_equal(drawn, np.broadcast_to(classes, drawn.shape))


@pytest.mark.skipif(not HAS_NUMBA, reason="Numba is not installed")
@pytest.mark.parametrize("name", [name for name in WAYS if name not in CONSTANTS])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_compiling_changes_no_draw(name, dtype, monkeypatch):
    shape, size = WAYS[name]
    logits = np.random.default_rng(2).normal(scale=2, size=shape).astype(dtype)
    fast = sample_compiled(logits, size=size, rng=3)
    use_interpreted(monkeypatch, {})
    assert np.array_equal(sample_compiled(logits, size=size, rng=3), fast)


# A chi-square of 300,000 draws, false alarm 1e-6. It catches an error of the first class's
# probability at 0.99 if that is 0.0035 among 5 classes, 0.001 among 200 and 260, and 0.0006 among
# more.
@pytest.mark.skipif(not HAS_NUMBA, reason="Numba is not installed")
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((300_000, 5), None),
        ((300_000, 200), None),
        ((300_000, 260), None),
        ((3000, 2000), (100, 3000)),
        ((200, 3000), (1500, 200)),
        ((5000,), 300_000),
    ],
)
@pytest.mark.parametrize("likely", [0.0, 9.0])
def test_many_counts_agree_with_softmax(shape, size, likely):
    rng = np.random.default_rng(4)
    logits = rng.normal(size=shape[-1])
    logits[1] += likely
    drawn = sample_compiled(np.broadcast_to(logits, shape).copy(), size=size, rng=rng)
    assert_counts_agree(np.bincount(drawn.ravel(), minlength=shape[-1]), special.softmax(logits))


class Constant(np.random.Generator):
    """A generator whose uniforms are all the same."""

    uniform = 0.0

    def random(self, size=None, dtype=np.float64, out=None):
        out = np.empty(() if size is None else size) if out is None else out
        out[...] = self.uniform
        return out[()]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("num_classes", [2, 5, 51, 90, 91, 160, 303, 513, 2048, 2500])
def test_a_level_next_to_a_sum_gives_one_class_by_every_call(num_classes, dtype, monkeypatch):
    """To the last bit: a list of logits, some rows, or a size, is drawn as by the shortest way.

    Of float32 logits a difference that were rounded to float32 would move most of these levels to
    another class.
    """
    use_interpreted(monkeypatch, {})
    monkeypatch.setattr(compiled, "Generator", Constant)  # which the shortest ways look for
    logits = np.random.default_rng(6).normal(scale=2, size=num_classes).astype(dtype)
    shares = np.cumsum(special.softmax(logits.astype(float)))[:-1][:: num_classes // 12 + 1]
    most = compiled._LEAST_RACE
    numbers = {2, compiled._LEAST_ROWS, 1 + compiled._MOST_AT_ONCE // num_classes}
    rng = Constant(np.random.PCG64(0))
    for rng.uniform in np.ravel([(np.round(shares * 2**53) + n) / 2**53 for n in (-1, 0, 1)]):
        expected = compiled._one(logits.astype(float), rng.uniform)
        # More draws than a row races for, and too few for a table.
        for size in (None, (), 1, 5, 100):
            for row in (logits, logits.tolist()):
                assert np.all(sample_compiled(row, size=size, rng=rng) == expected)
        for number in numbers if num_classes <= most else {1, 2}:
            rows = np.tile(logits, (number, 1))
            for size in (None, (3, number)):
                assert np.all(sample_compiled(rows, size=size, rng=rng) == expected)


@pytest.mark.parametrize("drawable", [1, slice(1, None, 2), slice(2, 5)])
def test_a_masked_class_is_never_drawn(way, drawable, monkeypatch):
    shape, size = way
    logits = np.full(shape[-1], -np.inf)
    logits[drawable] = 0
    logits[shape[-1] // 2] = -700
    masked = np.isinf(logits)
    assert not masked[draw(logits, shape, size, np.random.default_rng(5), 300)].any()
    # The generators side by side would bring no extreme numbers.
    monkeypatch.setattr(compiled, "_uniforms_of", lambda rng: lambda out: rng.random(out=out))
    assert not masked[draw(logits, shape, size, Extremes(np.random.PCG64(5)), 300)].any()
    if size is None and np.prod(shape[:-1]) == 1:  # whose shortest way takes no other generator
        for uniform in (0.0, 1 - 2.0**-53):
            assert not masked[compiled._loops.one(logits, uniform)]


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf])
@pytest.mark.filterwarnings("error")
def test_bad_logits_are_found_by_every_way(bad, way):
    shape, size = way
    for place in (0, shape[-1] // 2, -1):
        for other in (0.0, -np.inf, 1.0):
            logits = np.zeros(shape)
            logits[..., -2] = other
            logits[(-1,) * (len(shape) - 1) + (place,)] = bad
            with pytest.raises(ValueError, match="^logits: expected finite"):
                sample_compiled(logits, size=size, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="^logits: expected a finite logit in every row"):
        sample_compiled(np.full(shape, -np.inf), size=size, rng=0)


@pytest.mark.parametrize("width", [5, 255, 256, 257, 511, 512, 700])
def test_the_largest_logit_is_found_wherever_it_is(width, either):
    kernels, num_blocks = compiled._loops, min(width, 32)
    for place in range(width):
        row, bounds = np.full(width, -1.0), np.empty(num_blocks)
        row[place] = 2
        kernels.bound(bounds, row)
        assert np.flatnonzero(bounds == 2) == place % num_blocks
        for bad in (np.nan, -np.nan, np.inf):  # the second has another sign
            row[place] = bad
            assert kernels.one(row, 0.5) == -1
            kernels.bound(bounds, row)
            assert np.flatnonzero(~np.isfinite(bounds)) == place % num_blocks


@pytest.mark.skipif(not HAS_NUMBA, reason="Numba is not installed")
@pytest.mark.parametrize(
    "width", [513, 560, 600, 700, 1000, 2048, 2049, 10_000, 2**18, 2**18 + 1, 1_000_000]
)
def test_a_race_takes_about_the_tries_that_are_assumed(width):
    bounds = np.empty(compiled._num_blocks(width))
    height = -(-width // bounds.size)
    found = []
    for rng in np.random.default_rng(15).spawn(20):
        row = rng.normal(scale=2, size=width)
        compiled._loops.bound(bounds, row)
        found.append(height * np.exp(bounds - row.max()).sum() / np.exp(row - row.max()).sum())
    assert 0.85 < np.mean(found) / compiled._tries(width) < 1.15


def test_a_table_pays_from_a_draw_of_each_class():
    assert not compiled._takes_table(1000, 1159)
    assert compiled._takes_table(1000, 1160)
    assert not compiled._takes_table(10**7, 5 * 10**6 + 159)
    assert compiled._takes_table(10**7, 5 * 10**6 + 160)


SUMMED = {
    "normal": lambda rng, n: rng.normal(scale=2, size=n),
    "below 0": lambda rng, n: -1 - rng.random(n),
    "above 0": lambda rng, n: 1 + rng.random(n),
    "zeros of both signs": lambda rng, n: np.where(np.arange(n) % 2, 0.0, -0.0),
    "about the least numbers": lambda rng, n: rng.normal(size=n) * 1e-308,
    "the largest, and its negative": lambda rng, n: np.where(np.arange(n) % 3, -1, 1) * 1.7e308,
    "masked but for one": lambda rng, n: np.where(np.arange(n) == n // 2, -5.0, -np.inf),
}


@pytest.mark.parametrize("kind", SUMMED)
@pytest.mark.parametrize("num_classes", [1, 2, 3, 4, 7, 90, 91, 94, 1000, 2048, 2049, 9999])
def test_sums_are_those_of_the_exponentials(kind, num_classes, either):
    logits = SUMMED[kind](np.random.default_rng(21), num_classes)
    sums = np.empty(num_classes)
    with np.errstate(over="ignore"):
        assert compiled._loops.tabulate(logits, sums, np.empty((0, 2))) == 0
        expected = np.exp(logits - logits.max()).cumsum()
    assert np.abs(sums - expected).max() <= 1e-14 * expected[-1]
    assert (np.diff(sums, prepend=0) >= 0).all()


def test_exponentials_are_within_three_units_of_the_last_place(either):
    exponents = -np.concatenate([np.geomspace(1e-18, 707.9, 3000), np.arange(1, 2000) * 0.354])
    exact = np.exp(exponents.astype(np.longdouble))
    parts = exponents.copy()
    if compiled._loops is not INTERPRETED:
        import numba

        exponentiate = numba.njit(compiled._exponentiate, fastmath={"contract"})
    else:
        exponentiate = compiled._exponentiate
    exponentiate(parts)
    assert np.abs((parts - exact) / np.spacing(exact.astype(float))).max() < 3
    none = np.array([-708.0, -709.0, -1e300, -np.inf])
    exponentiate(none)
    assert not none.any()


@pytest.mark.parametrize("num_classes", [3, 16, 49, 300])
@pytest.mark.parametrize("tabled", [False, True])
def test_a_level_at_a_sum_belongs_to_the_next_class(num_classes, tabled, monkeypatch):
    """Of equal weights sums and levels are known to the last bit; a table has them in order too."""
    use_interpreted(monkeypatch, {})
    at = np.arange(num_classes) / num_classes
    levels = np.concatenate([at, np.nextafter(at[1:], 0), np.nextafter(at, 1)])
    expected, drawn = np.floor(levels * num_classes), np.empty(levels.shape, np.int64)
    room = np.empty(num_classes * (3 if tabled else 1))
    assert compiled._look_up(np.zeros((1, num_classes)), levels, drawn, room)
    assert np.array_equal(drawn, expected)


@pytest.mark.parametrize("num_classes", [1, 2, 7, 64, 300, 3000])
@pytest.mark.parametrize("prob", [0.5, 0.899, 0.901, 0.999, 1.0])
def test_levels_at_the_borders_of_a_likely_class(num_classes, prob, either):
    """Each sum and its neighbours are found as by NumPy's search, wherever the class lies."""
    for likely in {0, num_classes // 2, num_classes - 1}:
        logits = np.random.default_rng(8).normal(size=num_classes)
        logits[likely] = -np.inf
        with np.errstate(divide="ignore"):
            logits -= special.logsumexp(logits) if num_classes > 1 else 0.0
            logits += np.log1p(-prob)
            logits[likely] = np.log(prob)
        sums, none = np.empty(num_classes), np.empty((0, 2))
        assert compiled._loops.tabulate(logits, sums, none) == 0
        at = np.concatenate([[0.0], sums[:-1] / sums[-1]])
        levels = np.concatenate([at, np.nextafter(at, 0), np.nextafter(at, 1)])
        levels = levels[levels < 1]
        expected = sums.searchsorted(levels * sums[-1], side="right")
        drawn = np.empty(levels.shape, np.int64)
        compiled._loops.find(sums, none, levels, drawn, np.empty(2 * compiled._LANES))
        assert np.array_equal(drawn, expected)


TABLED = {
    "normal": lambda rng, n: rng.normal(scale=2, size=n),
    "wide": lambda rng, n: rng.normal(scale=40, size=n),
    "one dominant": lambda rng, n: np.where(np.arange(n) == n // 3, 30.0, rng.normal(size=n)),
    "equal": lambda rng, n: np.full(n, 0.3),
    "half masked": lambda rng, n: np.where(np.arange(n) % 2, -np.inf, rng.normal(size=n)),
    "one alone": lambda rng, n: np.where(np.arange(n) == n - 1, 1.0, -np.inf),
    "light, then heavy": lambda rng, n: np.arange(n) / 7.0,
    "a few heavy, the rest equal": lambda rng, n: np.where(
        np.arange(n) < 4, math.log(n) - 0.5, 0.0
    ),
    "heavy, then light": lambda rng, n: -np.arange(n) / 7.0,
}


@pytest.mark.parametrize("kind", TABLED)
@pytest.mark.parametrize("num_classes", [1, 2, 3, 5, 8, 41, 100, 1000, 100_000, 1_000_000])
def test_a_table_holds_the_law(kind, num_classes, monkeypatch):
    """To the stated accuracy; a class of no weight has no part of a column.

    A row with a class that is nearly sure has sums in its place.
    """
    if num_classes <= 1000:
        use_interpreted(monkeypatch, {})
    else:
        pytest.importorskip("numba")
    logits = TABLED[kind](np.random.default_rng(11), num_classes)
    weights, table = np.empty(num_classes), np.empty((num_classes, 2))
    lines = compiled._loops.tabulate(logits, weights, table)
    exact = np.exp((logits - logits.max()).astype(np.longdouble))
    exact /= exact.sum()
    if exact.max() > 0.98:
        assert lines == 0
        law = np.diff(weights.astype(np.longdouble), prepend=0) / weights[-1]
    else:
        assert lines == num_classes
        own = np.minimum(table[:, 0], 1).astype(np.longdouble)
        law = own.copy()
        np.add.at(law, table[:, 1].astype(int), 1 - own)
        law /= num_classes
        assert own.min() >= 0
    assert np.abs(law - exact).max() < (1e-15 if num_classes <= 100 else 1e-13)
    assert not law[np.isinf(logits)].any()


# The first outputs from the states 1, 2, 3, 4 and 0, 0, 0, 1, as other implementations have them.
PUBLISHED = [
    (41943041, 0x800000),
    (58720359, 0x800011),
    (3588806011781223, 0x2200000800011),
    (3591011842654386, 0x2200044000020),
    (9228616714210784205, 0x22000448008A1),
    (9973669472204895162, 0x1102100802208A0),
    (14011001112246962877, 0x114002284200880),
    (12406186145184390807, 0x402896644A64095),
    (15849039046786891736, 0x8A14A0A244ACC891),
    (10450023813501588000, 0x8C88BA4680B20495),
]


def test_uniforms_are_those_of_the_published_generator(either):
    states = np.array([[1, 0], [2, 0], [3, 0], [4, 1]], np.uint64)
    uniforms = np.empty((10, 2))
    for part in (uniforms[:3], uniforms[3:]):
        compiled._loops.fill(states, part.reshape(-1))
    assert np.array_equal(uniforms, [[(n >> 11) / 2**53 for n in pair] for pair in PUBLISHED])


@pytest.mark.parametrize("name", [name for name in WAYS if "parts" in name or "draws in" in name])
def test_no_number_of_threads_changes_the_draws(name, monkeypatch):
    use_interpreted(monkeypatch, CONSTANTS[name])
    shape, size = WAYS[name]
    logits = np.random.default_rng(12).normal(scale=2, size=shape)
    one, *others = (
        sample_compiled(logits, size=size, rng=np.random.default_rng(13), workers=workers)
        for workers in (1, 2, 3, -1)
    )
    assert all(np.array_equal(one, other) for other in others)

    # Nor does the order in which threads take what they share.
    def backwards(_, task, *parts):
        return [task(*given) for given in reversed(list(zip(*parts, strict=True)))]

    with monkeypatch.context() as patched:
        patched.setattr(compiled, "_share", backwards)
        rng = np.random.default_rng(13)
        assert np.array_equal(one, sample_compiled(logits, size=size, rng=rng, workers=2))
    logits[(-1,) * logits.ndim] = np.nan
    with pytest.raises(ValueError, match="^logits: expected finite"):
        sample_compiled(logits, size=size, rng=0, workers=2)


# These take parts by the constants as they are: rows, draws of a row, and one row that is read.
@pytest.mark.skipif(not HAS_NUMBA, reason="Numba is not installed")
@pytest.mark.parametrize(
    ("shape", "size"),
    [((2000, 1000), None), ((100_000, 6), None), ((6,), 500_000), ((3_000_000,), None)],
)
def test_threads_share_what_takes_long(shape, size, monkeypatch):
    logits = np.random.default_rng(12).normal(scale=2, size=shape)
    rng, again = np.random.default_rng(13), np.random.default_rng(13)
    one = sample_compiled(logits, size=size, rng=rng)
    shared, pool = [], compiled._pool(2)

    class Watched:
        def map(self, task, *parts):
            shared.append(len(parts[0]))
            return pool.map(task, *parts)

    monkeypatch.setattr(compiled, "_pool", lambda workers: Watched())
    assert np.array_equal(sample_compiled(logits, size=size, rng=again, workers=2), one)
    assert shared[0] > 1
    assert rng.bit_generator.state == again.bit_generator.state


FORKED = """
import os, signal
import numpy as np
from gumbel_lib.sampling import sample_compiled
logits = np.zeros(6)
drawn = sample_compiled(logits, size=500_000, rng=1, workers=2)
if child := os.fork():
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
signal.alarm(60)
again = sample_compiled(logits, size=500_000, rng=1, workers=2)
os._exit(not np.array_equal(again, drawn))
"""


@pytest.mark.skipif(not HAS_NUMBA or sys.platform == "win32", reason="needs Numba and fork")
def test_a_forked_process_has_threads_of_its_own():
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    assert subprocess.run(command, timeout=100, check=False).returncode == 0


def test_shapes_and_refusals_are_those_of_the_other_sampler(either):
    rng = np.random.default_rng(6)
    for batch in [b for n in range(4) for b in itertools.product((1, 2), repeat=n)]:
        for size in [
            None,
            *(s for n in range(4) for s in itertools.product((0, 1, 2, 3), repeat=n)),
        ]:
            classes = rng.integers(7, size=batch)
            logits = np.where(np.arange(7) == classes[..., None], 0.0, -np.inf)
            try:
                expected = sample_categorical(logits, size=size, rng=0)
            except ValueError as error:
                with pytest.raises(ValueError, match=f"^{str(error)[:30]}"):
                    sample_compiled(logits, size=size, rng=rng)
            else:
                for generator in (0, rng):
                    drawn = sample_compiled(logits, size=size, rng=generator)
                    assert type(drawn) is type(expected)
                    assert np.array_equal(drawn, expected)


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case, either):
    arguments, named = BAD[case]
    for rng in (0, np.random.default_rng(0)):
        with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
            sample_compiled(**{"rng": rng, **arguments})


@pytest.mark.parametrize("case", [case for case in BAD if "absurd" in case])
def test_a_size_beyond_memory_is_told_as_it_came(case):
    arguments, _ = BAD[case]
    for rng in (0, np.random.default_rng(0)):
        with pytest.raises(ValueError, match="^size: expected a result that fits") as error:
            sample_compiled(**arguments, rng=rng)
        assert str(error.value).endswith(f"got {arguments['size']!r}")


def test_a_float_without_axes_is_named_too():
    with pytest.raises(ValueError, match="^logits: expected at least one dimension"):
        sample_compiled(np.array(1.0), rng=np.random.default_rng(0))


@pytest.mark.skipif(not HAS_NUMBA, reason="Numba is not installed")
def test_without_a_place_for_a_cache_nothing_is_lost(monkeypatch):
    import numba

    njit = numba.njit

    def without_cache(loop, **options):
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(loop, **options)

    monkeypatch.setattr(numba, "njit", without_cache)
    monkeypatch.setattr(compiled, "_loops", compiled.Loops())
    assert sample_compiled([0.0, -np.inf], rng=0) == 0


SHAPES = (4,), (300,), (4, 6), (1, 90), (1, 300), (4, 90), (4, 300), (3, 4, 90), (500, 6), (4096, 2)
SHAPES += (20, 300), (120, 4)
REPEATED = [
    (shape, repeats)
    for shape in SHAPES
    for repeats in (None, (), (50,), (3, 4))
    if math.prod(shape + (repeats or ())) < 100_000  # more take Python's loops too long
]


@pytest.mark.parametrize(("shape", "repeats"), REPEATED)
def test_no_type_or_place_of_the_logits_changes_the_draws(shape, repeats, either):
    size = None if repeats is None else repeats + shape[:-1]
    logits = np.random.default_rng(7).integers(-2, 3, shape)
    spread = np.zeros((*shape, 2))
    spread[..., 0] = logits
    same = [logits.astype(t) for t in ("f2", "f4", "f8", ">f8", "g", "i1")]
    same += [logits.tolist(), spread[..., 0], np.asfortranarray(logits.astype(float))]
    shifted = np.frombuffer(b"_" + logits.astype(float).tobytes(), np.float64, offset=1)
    same.append(shifted.reshape(shape))  # not aligned, and read-only
    same.append(np.broadcast_to(logits.astype(float), shape))  # read-only
    expected = sample_compiled(logits.astype(float), size=size, rng=np.random.default_rng(8))
    for other in same:
        drawn = sample_compiled(other, size=size, rng=np.random.default_rng(8))
        assert np.array_equal(drawn, expected)
    if len(shape) == 1 and size:
        for other in (math.prod(size), np.int64(math.prod(size)), list(size)):
            drawn = sample_compiled(logits.astype(float), size=other, rng=np.random.default_rng(8))
            assert np.array_equal(np.ravel(drawn), expected.ravel())
    assert np.array_equal(sample_compiled(logits.astype(float), size=size, rng=8), expected)
    turned = np.moveaxis(logits.astype(float), -1, 0)
    assert np.array_equal(
        sample_compiled(turned, size=size, rng=np.random.default_rng(8), axis=0), expected
    )


def test_a_row_is_drawn_the_same_among_few_and_among_many(either):
    for width in (2, 6, 40, 60, 90, 91, 100):
        fits = max(compiled._MOST_AT_ONCE // width, compiled._LEAST_ROWS - 1)
        logits = np.random.default_rng(16).normal(scale=2, size=(fits + 1, width))
        for dtype in (np.float32, np.float64):
            rows = logits.astype(dtype)
            few = sample_compiled(rows[:-1], rng=np.random.default_rng(17))
            assert np.array_equal(sample_compiled(rows, rng=np.random.default_rng(17))[:-1], few)


def test_passes_of_a_race_change_no_draw(either, monkeypatch):
    """Rows have laws of their own, so that bounds which another row left would be seen."""
    for shape, repeats in (((20, 600), 1), ((30, 1000), 2)):
        logits = np.random.default_rng(23).normal(scale=2, size=shape)
        drawn = []
        for chunk in (1 << 16, 300):
            monkeypatch.setattr(compiled, "_CHUNK_SIZE", chunk)
            rng = np.random.default_rng(24)
            drawn.append(sample_compiled(logits, size=(repeats, *shape[:-1]), rng=rng))
        assert np.array_equal(*drawn)


def test_chunks_of_the_draws_of_rows_change_no_draw(either, monkeypatch):
    for width in (5, 3000):
        logits = np.random.default_rng(18).normal(scale=2, size=(3, width))
        drawn = []
        for chunk in (1 << 16, 1 << 8):  # multiples of the generators that take turns, as 1600 is
            monkeypatch.setattr(compiled, "_CHUNK_SIZE", chunk)
            rng = np.random.default_rng(19)
            drawn.append(sample_compiled(logits, size=(1600, 3), rng=rng))
        assert np.array_equal(*drawn)


def test_to_write_into_a_result_changes_no_later_draw(either):
    for shape in ((3,), (1, 3), (2, 3), (1, 600)):
        logits = np.where(np.arange(shape[-1]) == 1, 0.0, -np.inf) + np.zeros(shape)
        for _ in range(2):
            drawn = sample_compiled(logits, rng=np.random.default_rng(0))
            assert (drawn == 1).all()
            if shape[:-1]:
                drawn[:] = 2


def test_the_generator_is_advanced_and_a_seed_repeats(way):
    shape, size = way
    logits = np.random.default_rng(9).normal(size=shape)
    rng, again = np.random.default_rng(10), np.random.default_rng(10)
    first, second = (sample_compiled(logits, size=size, rng=rng) for _ in range(2))
    assert np.array_equal(first, sample_compiled(logits, size=size, rng=again))
    assert np.array_equal(second, sample_compiled(logits, size=size, rng=again))
    assert rng.bit_generator.state != np.random.default_rng(10).bit_generator.state
    assert first.size == 1 or not np.array_equal(first, second)


@pytest.mark.skipif(not HAS_NUMBA, reason="Numba is not installed")
def test_the_example_of_the_docstring_is_true():
    text = sample_compiled.__doc__.replace("# doctest: +SKIP", "")
    names = {"np": np, "sample_compiled": sample_compiled}
    example = doctest.DocTestParser().get_doctest(text, names, "example", None, None)
    found = doctest.DocTestRunner().run(example)
    assert found == (0, 3)


def test_without_numba_the_error_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(compiled, "_loops", compiled.Loops())
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ModuleNotFoundError, match="numba"):
        sample_compiled([0.0, 1.0], rng=0)
    assert not hasattr(compiled._loops, "__wrapped__")  # as doctest asks
