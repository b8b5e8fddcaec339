"""The claims of scale refuse plausible mistakes."""

import math

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.scale import claims, figures
from gumbel_lib.noise import keyed_gumbel
from gumbel_lib.sampling import (
    GumbelReservoir,
    categorical,
    gumbel_top_k,
    order_probabilities,
    sample_categorical,
)

CLAIMS = claims_of("scale")


def uniform_inside_groups(logits, *, size, rng):
    groups = special.logsumexp(np.atleast_2d(logits)[0].reshape(-1, 10), axis=1)
    group = sample_categorical(groups, size=size, rng=rng)
    return 10 * group + rng.integers(0, 10, size)


def two_alone(logits, rng):
    """Two reservoirs of one: draws with replacement."""
    drawn = []
    for _ in range(2):
        reservoir = GumbelReservoir(1, rng=rng)
        reservoir.feed(logits)
        drawn.append(int(reservoir.draw()[0]))
    return np.array(drawn if drawn[0] != drawn[1] else [drawn[0], (drawn[0] + 20) % 160])


def replacing_one_at_random(logits, rng):
    """Chao's reservoir: a class enters with probability 2 w / W, right for a draw of one only."""
    total, kept = 0.0, []
    for i in np.flatnonzero(logits > -np.inf):
        weight = np.exp(logits[i])
        total += weight
        if len(kept) < 2:
            kept.append(i)
        elif rng.random() < 2 * weight / total:
            kept[rng.integers(2)] = i
    return rng.permutation(kept)


def rows_alike(logits, *, size, rng):
    """All rows by the law of the first."""
    return sample_categorical(logits[:1], size=(math.prod(size), 1), rng=rng).reshape(size)


def carried(logits, rng):
    return claims.by_hand(logits, rng, carried=True)


def new_jump_for_each_block(k, rng):
    """The same law of the draw, but a jump is drawn again at the start of each 50 classes."""
    reservoir = GumbelReservoir(k, rng=rng)
    for block in np.split(np.zeros(claims.LENGTH), claims.LENGTH // 50):
        reservoir.feed(block)
        state = reservoir.state
        reservoir = GumbelReservoir.from_state({**state, "jump": None}, rng=rng)
    return reservoir.variates


def unshifted(first, second):
    """Merge as if both had been fed from the start of one stream."""
    seen, first.seen = first.seen, 0
    first.merge(second)
    first.seen += seen


def first_only(first, second):
    first.seen += second.seen


def silent(seed, row, start, size):
    return np.zeros(size)


def without_seed(seed, row, start, size):
    return keyed_gumbel(0, row, start, size)


def rows_in_pairs(seed, row, start, size):
    return keyed_gumbel(seed, row // 2, start, size)


def seed_plus_row(seed, row, start, size):
    return keyed_gumbel(seed + row, 0, start, size)


def class_plus_row(seed, row, start, size):
    return keyed_gumbel(seed, 0, start + row, size)


def in_pairs(seed, row, start, size):
    return keyed_gumbel(seed, row, start // 2, size // 2).repeat(2)


def noiseless(rows, seed):
    return np.tile(np.argsort(-rows[0])[:2], (len(rows), 1))


def one_noise_for_all_rows(rows, seed):
    return gumbel_top_k(rows, np.tile(keyed_gumbel(seed, 0, 0, rows.shape[1]), (len(rows), 1)), 2)


def largest_logits(logits, k, *, seed, keyed):
    return np.argsort(-logits.compute(), axis=1)[:, :k]


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("blocks-race", {"location": lambda b: special.logsumexp(b, axis=1) - np.log(b.shape[1])
                         + b.mean(axis=1)}),
        ("blocks-race", {"location": lambda b: b.mean(axis=1)}),
        ("blocks-race", {"noise": stats.norm}),
        ("block-rejection", {"slack": 1}),
        ("block-rejection", {"tickets": lambda w: w.sum(axis=1)}),
        ("block-rejection", {"bounds": lambda w: w.min(axis=1)}),
        ("block-tries", {"bounds": lambda w: w.sum(axis=1)}),
        ("block-tries", {"length": 4}),
        ("sample-categorical", {"sampler": uniform_inside_groups}),
        ("sample-categorical", {"sampler": lambda logits, size, rng: rng.integers(
            0, logits.shape[-1], size)}),
        ("ordered-log-probabilities", {"brute_force": lambda logits, k: {
            order: p / 2 for order, p in order_probabilities(logits, k).items()}}),
        ("top-k-orders", {"noise": lambda size, rng: np.zeros(size)}),
        ("top-k-orders", {"noise": lambda size, rng: rng.logistic(size=size)}),
        ("top-k-orders", {"top": lambda x, g, k: np.sort(gumbel_top_k(x, g, k), axis=-1)}),
        ("exponential-jumps", {"rate": lambda x, k: np.exp(k - x)}),
        ("exponential-jumps", {"rate": lambda x, k: -np.expm1(-np.exp(x - k))}),
        ("exponential-jumps", {"noise": stats.norm}),
        ("entering-key", {"key": lambda u, h: -sympy.log(-sympy.log(1 - u) + h)}),
        ("entering-key", {"key": lambda u, h: -sympy.log(-sympy.log(u * (1 - sympy.exp(-h))))}),
        ("reservoir", {"draw": two_alone}),
        ("reservoir", {"draw": replacing_one_at_random}),
        ("sample-categorical", {"sampler": rows_alike}),
        ("rounded-weights", {"rounded": lambda logits: np.float16(logits - logits.max())}),
        ("reservoir", {"draw": carried}),
        ("reservoir", {"draw": lambda logits, rng: np.argsort(-logits)[:2]}),
        ("reservoir-numbers", {"drawn": new_jump_for_each_block}),
        ("reservoir-numbers", {"drawn": lambda k, rng: claims.numbers_drawn(k, rng) + k - 1}),
        ("reservoir-numbers", {"stated": lambda k, n: k + 2 * k * np.log(n)}),
        ("reservoir-numbers", {"stated": lambda k, n: k + k * np.log(n / k)}),
        ("merge", {"merge": unshifted}),
        ("merge", {"merge": first_only}),
        ("keyed-law", {"noise": silent}),
        ("keyed-law", {"noise": without_seed}),
        ("keyed-law", {"noise": in_pairs}),
        ("keyed-law", {"noise": rows_in_pairs}),
        ("keyed-law", {"noise": seed_plus_row}),
        ("keyed-law", {"noise": class_plus_row}),
        ("distributed-law", {"draw": noiseless}),
        ("distributed-law", {"draw": one_noise_for_all_rows}),
        ("keyed-noise", {"draw": largest_logits}),
    ],
)  # fmt: skip
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    with np.errstate(all="ignore"):
        assert not claim.discrepancy(**wrong) < claim.bound


def test_the_counted_calls_take_the_methods_they_are_named_after():
    for name, (num_classes, rows, repeated) in claims.CALLS.items():
        noise = categorical._takes_noise(rows, num_classes, repeated)
        method = categorical._plan(rows, num_classes, repeated).__name__
        assert ("_by_noise" if noise else method) == f"_by_{name}"


def test_the_jumps_by_hand_are_right_without_their_mistakes():
    assert claims.reservoir_counts(claims.by_hand) < claims.PAIRS_BOUND


@st.composite
def grids(draw):
    """Cells of some shapes, each with some of the types and kinds; a few have no peer."""
    shapes = st.tuples(
        st.sampled_from([1, 64, 100_000]),
        st.sampled_from([2, 129, 128_000, 10_000_000]),
        st.sampled_from([1, 10_000]),
        st.sampled_from(["float32", "float64"]),
        st.sampled_from(["normal", "dominant"]),
    )
    ratio = st.none() | st.sampled_from([0.94, 0.96, 1.2]) | st.floats(0.01, 2000)
    chosen = draw(st.dictionaries(shapes, ratio, min_size=1).filter(lambda d: any(d.values())))
    return [
        dict(zip(("rows", "classes", "draws", "dtype", "kind"), shape, strict=True))
        | {"best": "a peer" if value else None, "ratio": {"a peer": [value], "other": [0.001]}}
        for shape, value in chosen.items()
    ]


class TestGrid:
    """The map of the benchmark's grid."""

    @settings(max_examples=12, deadline=None)
    @given(grids())
    def test_a_cell_shows_its_least_ratio_in_the_panel_of_its_draws(self, cells):
        figure = figures.grid(cells)
        compared = [cell for cell in cells if cell["best"]]
        all_draws = sorted({cell["draws"] for cell in compared})
        assert len(figure.axes) == len(all_draws)
        columns = sorted({cell["classes"] for cell in compared})
        for ax, draws in zip(figure.axes, all_draws, strict=True):
            panel = [cell for cell in compared if cell["draws"] == draws]
            lines = sorted({cell["rows"] for cell in panel})
            shown = {text.get_position(): text for text in ax.texts}
            shapes = {(columns.index(c["classes"]), lines.index(c["rows"])) for c in panel}
            assert set(shown) == shapes
            assert len(ax.patches) == len(shapes)
            for (x, y), text in shown.items():
                least = min(
                    cell["ratio"]["a peer"][0]
                    for cell in panel
                    if (cell["rows"], cell["classes"]) == (lines[y], columns[x])
                )
                assert float(text.get_text()) == pytest.approx(least, rel=0.051)
                assert (text.get_fontweight() == "bold") == (least < 0.95)
            values = [float(text.get_text()) for text in ax.texts]
            lost = sum(text.get_fontweight() == "bold" for text in ax.texts)
            assert f"{draws:,}: {min(values):.2g} to " in figure.description
            assert f"{lost} of {len(values)} below 0.95" in figure.description

    @settings(max_examples=12, deadline=None)
    @given(grids())
    def test_the_worst_cells_come_first_and_the_description_names_the_worst(self, cells):
        lines = figures.worst(cells, 3)
        ratios = sorted(cell["ratio"]["a peer"][0] for cell in cells if cell["best"])
        assert [line["its time / ours"] for line in lines] == [f"{r:.2g}" for r in ratios[:3]]
        worst = min((c for c in cells if c["best"]), key=lambda cell: cell["ratio"]["a peer"][0])
        assert figures.grid(cells).description.endswith(f"at {figures.cell_name(worst)}.")

    @settings(max_examples=12, deadline=None)
    @given(grids())
    def test_a_map_of_another_sampler_has_its_times_as_the_unit(self, cells):
        cells = [cell for cell in cells if cell["best"]]
        other = figures.relative_to(cells, "other")
        for cell, found in zip(cells, other, strict=True):
            peer = cell["ratio"]["a peer"][0]
            assert found == cell | {"ratio": {"a peer": [peer / 0.001]}}
        assert "a multiple of other's by rows" in figures.grid(other, "other").description


class TestInteractive:
    """The interactive of scale agrees with the formula of the chapter, and its darts with NumPy."""

    CASES = ((16, 2.0), (1, 2.0), (256, 2.0), (8, 0.0), (32, 4.0))

    @staticmethod
    def given(chart):
        """The Normal numbers of the classes, and the places of the darts."""
        normals = np.array([row["x"] for row in chart.data if not row["dart"]])
        places = np.array([[row["left"], row["height"]] for row in chart.data if row["dart"]])
        return normals, places

    @pytest.mark.parametrize(("length", "spread"), CASES)
    def test_the_envelope_agrees_with_the_formula(self, interactive, length, spread):
        chart = interactive("scale")
        normals, _ = self.given(chart)
        chart.set("classes in a block", length)
        chart.set("spread of the logits", spread)
        logits = spread * normals
        largest = logits.reshape(-1, length).max(axis=1)
        tries = length * np.exp(largest).sum() / np.exp(logits).sum()
        assert chart.numbers["tries"] == pytest.approx(tries, rel=1e-6)
        assert chart.numbers["blocks"] == 256 / length
        assert chart.numbers["share"] == pytest.approx(special.softmax(logits).max(), rel=1e-6)
        assert f"(one in {tries:.2f})" in chart.words

    @pytest.mark.parametrize(("length", "spread"), CASES)
    def test_each_dart_lies_where_its_place_says(self, interactive, length, spread):
        chart = interactive("scale")
        normals, places = self.given(chart)
        for label, value in (
            ("classes in a block", length),
            ("spread of the logits", spread),
            ("darts thrown", 300),
        ):
            chart.set(label, value)
        weights = np.exp(spread * (normals - normals.max()))
        bounds = weights.reshape(-1, length).max(axis=1).repeat(length)
        area = np.r_[0, bounds.cumsum()]
        at = places[:300, 0] * area[-1]
        classes = np.searchsorted(area, at, side="right") - 1
        x = classes + (at - area[classes]) / bounds[classes]
        y = places[:300, 1] * bounds[classes]
        kept = y < weights[classes]
        script = """box => [...box.querySelectorAll('.mark-symbol path')]
            .map(path => path.__data__.datum).filter(datum => datum.dart)
            .sort((a, b) => a.dart - b.dart).map(datum => [datum.place, datum.y, datum.kept])"""
        np.testing.assert_allclose(chart.box.evaluate(script), np.c_[x, y, kept], atol=1e-6)
        assert chart.numbers["kept"] == kept.sum()
        assert chart.numbers["hits"] == (kept & (classes == normals.argmax())).sum()
        assert f"darts thrown 300, kept {kept.sum()}, expected" in chart.words

    @pytest.mark.parametrize(("length", "spread"), CASES)
    def test_the_kept_darts_come_at_the_rate_and_by_the_law(self, interactive, length, spread):
        # Two tests at z = 5 over five cases: a false alarm once in 100,000 seeds.
        chart = interactive("scale")
        for label, value in (
            ("classes in a block", length),
            ("spread of the logits", spread),
            ("darts thrown", 500),
        ):
            chart.set(label, value)
        numbers = chart.numbers
        for seen, of, chance in (
            (numbers["kept"], 500, 1 / numbers["tries"]),
            (numbers["hits"], numbers["kept"], numbers["share"]),
        ):
            assert abs(seen - of * chance) <= 5 * np.sqrt(of * chance * (1 - chance)) + 1

    def test_a_throw_adds_a_dart(self, interactive):
        chart = interactive("scale")
        chart.set("darts thrown", 0)
        assert "darts thrown 0, kept 0, expected 0.0" in chart.words
        chart.box.get_by_role("button", name="Throw 1").click()
        chart.page.wait_for_function(
            "document.querySelector('.interactive output').innerText.startsWith('darts thrown 1,')"
        )

    def test_its_logits_are_drawn_by_their_weights(self, interactive):
        normals, _ = self.given(interactive("scale"))
        drawn = sample_categorical(2 * normals, size=900, rng=0)
        share = special.softmax(2 * normals)[normals.argmax()]
        frequency = np.mean(drawn == normals.argmax())
        assert abs(frequency - share) < 5 * np.sqrt(share * (1 - share) / 900)
