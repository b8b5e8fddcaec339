"""Draws without replacement: every order against brute force, log-probabilities, refusals."""

import array_api_strict
import jax
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gumbel_lib import standard_gumbel
from gumbel_lib.sampling import (
    gumbel_top_k,
    inclusion_probabilities,
    order_probabilities,
    sample_without_replacement,
    threshold_weights,
    without_replacement,
)

LOGITS = np.array([1.0, -0.5, 0.2, -2.0, 0.7])


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_every_order_comes_as_often_as_brute_force_says(k):
    exact = order_probabilities(LOGITS, k)
    assert sum(exact.values()) == pytest.approx(1, abs=1e-12)
    number = {order: i for i, order in enumerate(exact)}
    total = 100_000
    indices, log_probs = sample_without_replacement(np.tile(LOGITS, (total, 1)), k, rng=1)
    drawn = np.array([number[tuple(order)] for order in indices.tolist()])
    probs = np.array(list(exact.values()))
    assert np.allclose(log_probs, np.log(probs[drawn]), rtol=0, atol=1e-12)
    counts = np.bincount(drawn, minlength=len(exact))
    assert stats.chisquare(counts, total * probs).pvalue > 1e-6


def test_top_k_agrees_with_brute_force_and_with_the_sampler():
    noise = standard_gumbel((100_000, 5), rng=2)
    drawn = gumbel_top_k(LOGITS, noise, 2)
    exact = order_probabilities(LOGITS, 2)
    counts = np.zeros((5, 5))
    np.add.at(counts, tuple(drawn.T), 1)
    seen = np.array([counts[order] for order in exact])
    assert stats.chisquare(seen, 100_000 * np.array(list(exact.values()))).pvalue > 1e-6
    perturbed = LOGITS + standard_gumbel((1, 5), rng=3)
    indices, _ = sample_without_replacement(LOGITS[None], 5, rng=3)
    assert np.array_equal(indices, np.argsort(-perturbed))


def test_top_k_takes_other_arrays_and_axes():
    rng = np.random.default_rng(0)
    logits, noise = rng.normal(size=(4, 6)), standard_gumbel((3, 4, 6), rng=1)
    expected = gumbel_top_k(logits, noise, 3)
    assert np.array_equal(expected, np.argsort(-(logits + noise))[..., :3])
    assert np.array_equal(gumbel_top_k(logits.tolist(), noise.tolist(), 3), expected)
    for name in ("CPU_DEVICE", "device1", "no_float64"):
        device = array_api_strict.Device(name)
        there = [
            array_api_strict.asarray(array.astype(np.float32), device=device)
            for array in (logits, noise)
        ]
        strict = gumbel_top_k(*there, 3)
        assert strict.device == device
        home = strict.to_device(array_api_strict.Device("CPU_DEVICE"))
        assert np.array_equal(np.asarray(home), expected)
    first = gumbel_top_k(logits.T, np.swapaxes(noise, 1, 2), 3, axis=0)
    assert np.array_equal(np.swapaxes(first, 1, 2), expected)


@pytest.mark.filterwarnings("error")
def test_top_k_under_jax_checks_k_by_the_shape_and_warns_of_nothing():
    logits, noise = jax.numpy.zeros((2, 3)), jax.numpy.arange(6.0).reshape(2, 3)
    assert gumbel_top_k(logits, noise, 3).tolist() == [[2, 1, 0]] * 2
    traced = jax.jit(gumbel_top_k, static_argnums=2)
    assert traced(logits, noise, 3).tolist() == [[2, 1, 0]] * 2
    for draw in (gumbel_top_k, traced):
        with pytest.raises(ValueError, match="^k: expected at most 3, .*, got 4"):
            draw(logits, noise, 4)


def brute_force(logits, order):
    """Log-probability of an ordered draw, one log-softmax after another."""
    left, total = np.asarray(logits, np.longdouble), np.longdouble(0)
    for index in order:
        total += left[index] - np.logaddexp.reduce(left)
        left[index] = -np.inf
    return float(total)


@given(
    st.sampled_from(["float64", "float32", "float16", "int64", "bfloat16"]),
    st.sampled_from([(7,), (2, 7), (3, 1, 7)]),
    st.integers(0, 2),
    st.sampled_from([None, (), (4,), (5, 2)]),
    st.sampled_from([0, 1e3, 2.0**30, 2.0**50, -(2.0**50)]),
    st.integers(1, 5),
)
def test_offsets_types_shapes_and_axes_change_no_draw(dtype, shape, axis, lead, offset, k):
    # Multiples of 1/2, which every type and every offset that fits it leaves exact.
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    logits = np.random.default_rng(0).integers(-4, 5, shape) / (1 if kind.kind == "i" else 2)
    if kind != np.int64:
        logits[..., 3] = -np.inf
    if kind not in (np.float64, np.int64):
        offset = 0 if kind.itemsize < 4 else min(offset, 1e3)
    size = None if lead is None else (*lead, *shape[:-1])
    expected, log_probs = sample_without_replacement(logits, k, size=size, rng=1)
    lead_shape = shape[:-1] if size is None else size
    assert expected.shape == (*lead_shape, k)
    assert log_probs.shape == lead_shape
    rows = np.broadcast_to(logits, (*lead_shape, 7))
    for place in np.ndindex(lead_shape):
        truth = brute_force(rows[place], expected[place])
        assert log_probs[place] == pytest.approx(truth, rel=1e-12, abs=1e-13)
    axis %= len(shape)
    moved = np.moveaxis((logits + offset).astype(kind), -1, axis)
    for place in (axis, axis - len(shape)):
        drawn, again = sample_without_replacement(moved, k, size=size, axis=place, rng=1)
        assert np.array_equal(drawn, expected)
        assert np.allclose(again, log_probs, rtol=1e-12, atol=0)


def test_an_offset_beyond_all_noise_leaves_the_law():
    # At 1e17 a float keeps steps of 16 and loses the noise that is added to it.
    logits = np.array([1e17, 1e17, 1e17 - 16, -np.inf])
    indices, log_probs = sample_without_replacement(logits, 1, size=20_000, rng=2)
    counts = np.bincount(indices[:, 0], minlength=4)
    assert stats.binomtest(int(counts[0]), 20_000).pvalue > 1e-6
    assert counts[3] == 0
    assert np.allclose(log_probs, np.log(0.5), atol=1e-6)


def test_each_place_draws_from_its_own_row_and_slices_change_nothing(monkeypatch):
    logits = np.where(np.eye(5, 8, dtype=bool) | np.eye(5, 8, 1, dtype=bool), 0.0, -np.inf)
    indices, log_probs = sample_without_replacement(logits, 2, size=(3, 2, 5), rng=0)
    assert (np.sort(indices) == np.arange(5)[:, None] + [0, 1]).all()
    assert np.allclose(log_probs, -np.log(2), rtol=1e-15)
    assert np.unique(indices.reshape(6, -1), axis=0).shape[0] > 1
    for chunk_size in (20, 7):
        monkeypatch.setattr(without_replacement, "_CHUNK_SIZE", chunk_size)
        again, _ = sample_without_replacement(logits, 2, size=(3, 2, 5), rng=0)
        assert np.array_equal(again, indices)


def test_no_draws_are_an_empty_array():
    for shape, size in (((0, 8), None), ((0, 3, 8), None), ((8,), 0), ((2, 8), (0, 2))):
        indices, log_probs = sample_without_replacement(np.zeros(shape), 2, size=size, rng=0)
        expected = shape[:-1] if size is None else np.zeros(size).shape
        assert indices.shape == (*expected, 2)
        assert log_probs.shape == expected


@pytest.mark.filterwarnings("error")
def test_masked_classes_stay_out_and_far_apart_logits_keep_their_digits():
    logits = np.array([0.0, -np.inf, 1.0, -np.inf])
    indices, log_probs = sample_without_replacement(np.tile(logits, (1000, 1)), 2, rng=0)
    assert set(indices.ravel().tolist()) == {0, 2}
    assert np.isfinite(log_probs).all()
    # log(1 / (1 + e^-40)) is -4.2e-18, and twice that for two such steps.
    _, log_prob = sample_without_replacement([80.0, 40.0, 0.0], 2, rng=0)
    assert log_prob == pytest.approx(-2 * np.exp(-40.0), rel=1e-12)
    _, log_prob = sample_without_replacement([1.7e308, 0.0, -1.7e308], 3, rng=0)
    assert log_prob == 0


@pytest.mark.filterwarnings("error")
def test_logits_that_no_float64_holds_are_refused():
    logits = np.array([0, "1e400"], np.longdouble)
    with pytest.raises(ValueError, match=r"^logits: expected finite .*, got \+inf"):
        sample_without_replacement(logits, 1, rng=0)


@pytest.mark.parametrize("k", [0, 3, 5, 1.5, True])
def test_bad_k_is_named(k):
    logits = np.array([[0.0, 1.0, -np.inf], [0.0, 1.0, 2.0]])
    for draw in (
        lambda: sample_without_replacement(logits, k, rng=0),
        lambda: gumbel_top_k(logits, standard_gumbel((2, 3), rng=0), k),
    ):
        with pytest.raises((TypeError, ValueError), match="^k: expected .*, got "):
            draw()


THREE = np.zeros(3)
BAD = {
    "NaN": ({"logits": [0.0, np.nan, 1.0]}, "logits"),
    "+inf": ({"logits": [0.0, np.inf, 1.0]}, "logits"),
    "all masked": ({"logits": np.full((2, 3), -np.inf)}, "logits"),
    "no classes": ({"logits": np.zeros((0, 0))}, "logits"),
    "text": ({"logits": ["a", "b"]}, "logits"),
    "complex": ({"logits": np.zeros(3, complex)}, "logits"),
    "a mask": ({"logits": np.ma.array([0.0, 1.0, 2.0], mask=[True, False, False])}, "logits"),
    "a ragged list": ({"logits": [[0.0, 1.0], [2.0]]}, "logits"),
    "a scalar": ({"logits": 1.0}, "logits"),
    "size": ({"logits": np.zeros((4, 3)), "size": 5}, "size"),
    "a fractional size": ({"logits": THREE, "size": 1.5}, "size"),
    "an absurd size": ({"logits": THREE, "size": 2**40}, "size"),
    "more axes than NumPy has": ({"logits": THREE, "size": (1,) * 65}, "size"),
    "axis": ({"logits": THREE, "axis": 1}, "axis"),
    "a bool for an axis": ({"logits": THREE, "axis": False}, "axis"),
    "rng": ({"logits": THREE, "rng": "seed"}, "rng"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    arguments, named = BAD[case]
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        sample_without_replacement(**{"k": 2, "rng": 0, **arguments})
    if named == "logits":
        with pytest.raises((TypeError, ValueError), match="^logits: expected .*, got "):
            gumbel_top_k(arguments["logits"], np.zeros(3), 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_row_among_good_ones_is_refused(bad):
    logits = np.zeros((3, 4))
    logits[1] = bad
    for draw in (
        lambda: sample_without_replacement(logits, 2, rng=0),
        lambda: gumbel_top_k(logits, np.zeros(4), 2),
    ):
        with pytest.raises(ValueError, match="^logits: expected .*, got "):
            draw()


def test_bad_input_of_the_orders_is_named():
    for named, logits, k in (
        ("logits", [0.0, -np.inf], 1),
        ("logits", np.zeros((2, 2)), 1),
        ("k", [0.0, 1.0], 3),
        ("k", [0.0, 1.0], 0),
    ):
        with pytest.raises(ValueError, match=f"^{named}: expected .*, got "):
            order_probabilities(logits, k)


@pytest.mark.parametrize("spread", [0.0, 1.0, 5.0, 30.0, 300.0])
def test_inclusion_probabilities_are_those_of_all_orders(spread):
    logits = spread * np.array([0.3, -1.0, 0.1, 1.2, -0.4])
    for k in range(1, 6):
        exact = np.zeros(5)
        for order, prob in order_probabilities(logits, k).items():
            exact[list(order)] += prob
        assert np.allclose(inclusion_probabilities(logits, k), exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("offset", [0, 1000, -1000])
def test_inclusion_takes_batches_masks_types_and_offsets(dtype, offset):
    rng = np.random.default_rng(0)
    logits = rng.integers(-6, 7, (2, 3, 7)).astype(float)
    plain = np.array([[inclusion_probabilities(row, 3) for row in part] for part in logits])
    moved = (logits + offset).astype(dtype)
    assert np.allclose(inclusion_probabilities(moved, 3), plain, rtol=0, atol=1e-12)
    masked = np.insert(logits, 2, -np.inf, axis=2)
    found = inclusion_probabilities(masked, 3)
    assert np.all(found[..., 2] == 0)
    assert np.allclose(np.delete(found, 2, axis=2), plain, rtol=0, atol=1e-12)
    assert inclusion_probabilities(np.zeros((0, 4)), 2).shape == (0, 4)


@pytest.mark.parametrize("k", [1, 2, 40, 299, 300])
def test_many_inclusion_probabilities_sum_to_k_and_keep_the_order(k):
    logits = np.sort(np.random.default_rng(1).normal(scale=3, size=300))
    found = inclusion_probabilities(logits, k)
    assert found.sum() == pytest.approx(k, abs=1e-10)
    assert np.all(np.diff(found) >= -1e-13)
    if k == 1:
        assert np.allclose(found, np.exp(logits) / np.exp(logits).sum(), rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("error")
def test_inclusion_of_logits_that_lie_as_far_apart_as_floats_do():
    found = inclusion_probabilities([1.7e308, 0.0, 0.0, -1.7e308, -np.inf], 2)
    assert np.allclose(found, [1, 0.5, 0.5, 0, 0], rtol=0, atol=1e-12)


def test_threshold_weights_are_the_definition_and_its_limits():
    logits, threshold = np.log([[0.5, 0.2], [1e-5, 0.9]]), np.array([-1.0, 2.0])
    above = stats.gumbel_r.sf(threshold[:, None] - logits)
    found = threshold_weights(logits, threshold)
    assert np.allclose(found, np.exp(logits) / above, rtol=1e-9)
    assert np.allclose(threshold_weights(logits[0], -np.inf), np.exp(logits[0]), rtol=1e-15)
    assert np.allclose(threshold_weights([-800.0, -5000.0], -1.0), np.exp(-1.0), rtol=1e-12)
    assert threshold_weights([0.0, -700.0], -690.0).tolist() == pytest.approx(
        [1.0, np.exp(-700.0) / -np.expm1(-np.exp(-10.0))]
    )


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: inclusion_probabilities([0.0, -np.inf], 2), "k"),
        (lambda: inclusion_probabilities([0.0, 1.0], 0), "k"),
        (lambda: inclusion_probabilities([0.0, 1.0], 3), "k"),
        (lambda: inclusion_probabilities([0.0, np.nan], 1), "logits"),
        (lambda: inclusion_probabilities(["a"], 1), "logits"),
        (lambda: threshold_weights([0.0, -np.inf], 0.0), "logits"),
        (lambda: threshold_weights([0.0, np.nan], 0.0), "logits"),
        (lambda: threshold_weights([0.0, 1.0], np.inf), "threshold"),
        (lambda: threshold_weights([0.0, 1.0], np.nan), "threshold"),
        (lambda: threshold_weights([0.0, 1.0], "a"), "threshold"),
        (lambda: threshold_weights([0.0, 1.0], [0.0, 1.0]), "threshold"),
    ],
)
def test_bad_input_of_inclusion_and_weights_is_named(call, named):
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        call()
