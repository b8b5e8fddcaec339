"""Relaxed draws: their limits, stability and schedules."""

import math
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special

from gumbel_lib import gumbel_max, gumbel_softmax, standard_gumbel
from gumbel_lib.relaxation import exponential_schedule, softmax

finite = st.floats(-30, 30)
rows = arrays(np.float64, st.integers(1, 6), elements=finite)
temperatures = st.floats(0, 100)


@given(rows, st.integers(0, 99), temperatures, st.sampled_from([np.float32, np.float64]))
def test_is_a_point_of_the_simplex(logits, seed, temperature, dtype):
    noise = standard_gumbel((3, logits.size), rng=seed, dtype=dtype)
    sample = gumbel_softmax(logits.astype(dtype), noise, temperature)
    assert sample.dtype == dtype
    assert np.all(sample >= 0)
    assert np.allclose(sample.sum(axis=-1), 1, atol=1e-5)


@given(rows, st.integers(0, 99), st.floats(0.05, 50))
def test_is_scipys_softmax_of_the_quotient(logits, seed, temperature):
    noise = standard_gumbel(logits.size, rng=seed)
    expected = special.softmax((logits + noise) / temperature)
    assert np.allclose(gumbel_softmax(logits, noise, temperature), expected, rtol=1e-10)


@given(rows, st.integers(0, 99))
def test_permuting_the_classes_permutes_the_sample(logits, seed):
    noise = standard_gumbel(logits.size, rng=seed)
    order = np.random.default_rng(seed).permutation(logits.size)
    together = gumbel_softmax(logits, noise, 0.7)[order]
    assert np.allclose(together, gumbel_softmax(logits[order], noise[order], 0.7), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [0, 0.0, 1e-320, 1e-300, 1e-45, 1e-30, 1e-9])
def test_no_temperature_gives_nan_or_a_warning(temperature, dtype):
    logits = np.array([0.0, 1.0, -np.inf, 1e30, -1e30], dtype)
    noise = standard_gumbel((50, 5), rng=0, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sample = gumbel_softmax(logits, noise, temperature)
    one_hot = np.eye(5)[gumbel_max(logits, noise)]
    assert np.array_equal(sample, one_hot)


def test_zero_temperature_of_a_tie_is_the_first_argmax():
    assert softmax(np.array([1.0, 1.0]), 0.0).tolist() == [1.0, 0.0]


def test_temperature_broadcasts_over_draws():
    logits, noise = np.array([0.5, 0.0, -1.0]), standard_gumbel((4, 3), rng=0)
    temperature = np.array([0.0, 0.1, 1.0, np.inf])[:, None]
    sample = gumbel_softmax(logits, noise, temperature)
    for row in range(4):
        alone = gumbel_softmax(logits, noise[row], temperature[row, 0])
        assert np.array_equal(sample[row], alone)
    assert np.allclose(sample[3], 1 / 3)
    every = gumbel_softmax(logits, noise, temperature[..., None])
    assert every.shape == (4, 4, 3)
    assert np.array_equal(every[1, 2], gumbel_softmax(logits, noise[2], 0.1))


def test_axis():
    logits, noise = np.random.default_rng(0).normal(size=(4, 3)), standard_gumbel((2, 4, 3), rng=1)
    by_last = gumbel_softmax(logits, noise, 0.5)
    by_first = gumbel_softmax(logits.T, np.swapaxes(noise, 1, 2), 0.5, axis=0)
    assert np.allclose(by_last, np.swapaxes(by_first, 1, 2))
    frozen = gumbel_softmax(logits.T, np.swapaxes(noise, 1, 2), 0, axis=0)
    assert np.array_equal(frozen.sum(axis=1), np.ones((2, 4)))


GOOD = np.zeros(3)


@pytest.mark.parametrize(
    ("temperature", "came"),
    [(-1.0, "-1"), (np.nan, "NaN"), ([[0.5], [-0.1]], "-0.1"), ([[np.nan], [0.5]], "NaN")],
)
def test_a_bad_temperature_is_named(temperature, came):
    with pytest.raises(ValueError, match=f"^temperature: expected .*, got {came}$"):
        gumbel_softmax(GOOD, np.zeros((2, 3)), temperature)


@pytest.mark.parametrize("temperature", ["warm", None, ["1"], True, 1j])
def test_a_temperature_that_is_no_number_is_named(temperature):
    with pytest.raises(TypeError, match="^temperature: expected .*, got "):
        gumbel_softmax(GOOD, GOOD, temperature)


BAD_TEMPERATURES = [False, np.bool_(False), "1", b"1", 1j, np.complex128(1), [[None]], 10**400]
BAD_TEMPERATURES += [np.timedelta64(1, "s"), np.datetime64("2020"), np.ma.array(1.0), {}]


@pytest.mark.parametrize("temperature", BAD_TEMPERATURES, ids=repr)
@pytest.mark.parametrize(
    "function",
    [
        lambda t: softmax(GOOD, t),
        lambda t: gumbel_softmax(GOOD, GOOD, t),
    ],
)
def test_what_is_no_temperature_is_named_by_every_function(function, temperature):
    with pytest.raises((TypeError, ValueError), match="^temperature: expected .*, got "):
        function(temperature)


def test_lists_count_as_numpy_arrays():
    sample = gumbel_softmax([1, 2, 0], [0.5, 0.0, 1], [[0.5], [2]])
    scores = np.array([1.5, 2.0, 1.0])
    assert sample.dtype == np.float64
    assert sample == pytest.approx(special.softmax(scores / [[0.5], [2]], axis=-1))
    assert softmax([[0, 1]], 2) == pytest.approx(special.softmax([[0, 0.5]]))
    assert softmax([0, 1]) == pytest.approx(special.softmax([0, 1]))


@pytest.mark.parametrize("t", [np.inf, 1e308, 1e300])
def test_differences_that_overflow(t):
    for logits in ([1e308, -1e308], [-1e308, 1e308], [1.7e308, -1.7e308], [1e308, -np.inf]):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = softmax(np.array(logits), t)
        exact = special.softmax(np.divide(logits, t)) if t < np.inf else np.isfinite(logits) / 2
        assert got == pytest.approx(exact / exact.sum())


def test_half_precision_is_summed_in_float32():
    for dtype in (np.float16, jnp.bfloat16):
        even = softmax((np if dtype is np.float16 else jnp).zeros(70_000, dtype))
        assert even.dtype == dtype
        assert np.asarray(even, float) == pytest.approx(np.full(70_000, 1 / 70_000), rel=4e-3)
    # Sums of logits and noise past the largest half, 65504, and a temperature below the least.
    logits, noise = np.array([65504, 65500], np.float16), np.array([100, 0], np.float16)
    assert gumbel_softmax(logits, noise, 100.0) == pytest.approx(
        special.softmax([1.0, 0.0]), rel=2e-3
    )
    assert gumbel_max(logits - np.float16(32), np.float16([0, 100])) == 1
    near = softmax(np.array([1e-7, 0.0], np.float16), 1e-8)
    assert near.astype(float) == pytest.approx(
        special.softmax([float(np.float16(1e-7)) / 1e-8, 0.0]), abs=1e-3
    )


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(ValueError, match=r"^expected shapes that broadcast, got .*temperature"):
        gumbel_softmax(GOOD, np.zeros((2, 3)), np.ones((5, 1)))
    with pytest.raises(ValueError, match="^temperature: expected one for all classes"):
        gumbel_softmax(GOOD, GOOD, np.ones(3))
    with pytest.raises(ValueError, match="^logits: expected .*, got NaN"):
        gumbel_softmax(np.array([np.nan, 0.0]), np.zeros(2), 1.0)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.integers(2, 50))
def test_schedule_falls_by_one_factor(start, end, num_steps):
    schedule = exponential_schedule(start, end, num_steps)
    assert schedule.shape == (num_steps,)
    assert schedule[[0, -1]] == pytest.approx([start, end])
    assert np.allclose(schedule[1:] / schedule[:-1], (end / start) ** (1 / (num_steps - 1)))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((0.0, 1.0, 5), "start"),
        ((1.0, -1.0, 5), "end"),
        ((1.0, math.nan, 5), "end"),
        ((1.0, "cold", 5), "end"),
        ((1.0, 0.5, 0), "num_steps"),
        ((1.0, 0.5, 2.5), "num_steps"),
    ],
)
def test_a_bad_schedule_is_named(arguments, named):
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        exponential_schedule(*arguments)
    assert exponential_schedule(2.0, 0.5, 1).tolist() == [2.0]


def test_shapes_that_do_not_broadcast_are_named_as_they_are():
    with pytest.raises(ValueError, match=r"logits \+ noise.*\(5, 3\)"):
        gumbel_softmax(np.zeros(3), np.zeros((5, 3)), np.ones((4, 1)))
    with pytest.raises(ValueError, match=r"logits.*\(5, 3\)"):
        softmax(np.zeros((5, 3)), np.ones((4, 1)))
