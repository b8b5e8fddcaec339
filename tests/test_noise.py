"""Standard Gumbel noise: its law, its tails in both types, its determinism."""

import math

import array_api_strict
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gumbel_lib import noise, standard_gumbel
from gumbel_lib.noise import (
    generator_at,
    keyed_gumbel,
    levels_probability,
    strip_steps,
    strips_probability,
    truncated_gumbel,
)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_law(dtype):
    # Kolmogorov-Smirnov at level 1e-6; 200,000 draws would show a shift of 0.02 in location.
    draws = standard_gumbel(200_000, rng=1, dtype=dtype)
    assert draws.dtype == dtype
    assert stats.kstest(draws, stats.gumbel_r.cdf).pvalue > 1e-6
    assert stats.kstest(draws + 0.02, stats.gumbel_r.cdf).pvalue < 1e-6


def test_float32_tail_is_counted_right_and_never_infinite():
    # 2**26 draws: a float32 uniform gives nothing above 16.7, float32 exponentials give inf here.
    rng = np.random.default_rng(2)
    count, above = 2**26, 0
    for _ in range(64):
        draws = standard_gumbel(count // 64, rng=rng, dtype=np.float32)
        assert np.isfinite(draws).all()
        above += int((draws > 15.0).sum())
    expected = count * stats.gumbel_r.sf(15.0)
    assert abs(above - expected) < 5 * np.sqrt(expected)


def test_an_exact_zero_exponential_stays_finite():
    class Zeros(np.random.Generator):
        def standard_exponential(self, size=None, **_):
            return np.zeros(size)

    rng = Zeros(np.random.PCG64(0))
    for dtype in (np.float64, np.float32):
        assert np.isfinite(standard_gumbel(3, rng=rng, dtype=dtype)).all()


def test_a_seed_decides_the_draws_and_a_generator_advances():
    assert np.array_equal(standard_gumbel(5, rng=3), standard_gumbel(5, rng=3))
    rng = np.random.default_rng(3)
    assert not np.array_equal(standard_gumbel(5, rng=rng), standard_gumbel(5, rng=rng))
    assert standard_gumbel(rng=3).shape == ()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"rng": "seed"}, "rng"),
        ({"rng": -1}, "rng"),
        ({"rng": 0, "dtype": "float16"}, "dtype"),
        ({"rng": 0, "dtype": "nonsense"}, "dtype"),
        ({"rng": 0, "size": -2}, "size"),
        ({"rng": 0, "size": "x"}, "size"),
        ({"rng": 0, "size": 2**70}, "size"),
    ],
)
def test_bad_input_is_named(arguments, named):
    with pytest.raises((TypeError, ValueError), match=rf"^{named}: expected .*, got "):
        standard_gumbel(**{"size": 3, **arguments})


def test_keyed_noise_is_gumbel_and_a_function_of_its_place():
    whole = keyed_gumbel(3, 5, 0, 100_000)
    assert stats.kstest(whole, stats.gumbel_r.cdf).pvalue > 1e-6
    for start, size in ((0, 1), (1, 7), (99_990, 10), (4, 0)):
        assert np.array_equal(keyed_gumbel(3, 5, start, size), whole[start : start + size])
    for other in (keyed_gumbel(4, 5, 0, 100_000), keyed_gumbel(3, 6, 0, 100_000)):
        assert abs(stats.spearmanr(whole, other).statistic) < 5 / np.sqrt(100_000)
    assert np.isfinite(keyed_gumbel(2**64 - 1, 2**64 - 1, 2**62, 100)).all()


@pytest.mark.parametrize(
    ("word", "level"), [(0, 2.0**-65), (2**63, 0.5), (2**64 - 1, 1 - 2.0**-53)]
)
def test_keyed_noise_of_the_least_and_the_largest_word(word, level, monkeypatch):
    class Words:
        def __init__(self, **_):
            pass

        def random_raw(self, size):
            return np.full(size, word, np.uint64)

    monkeypatch.setattr(np.random, "Philox", Words)
    noise = keyed_gumbel(0, 0, 5, 2)
    assert noise == pytest.approx([-np.log(-np.log1p(-level))] * 2, rel=1e-15)


@pytest.mark.parametrize(
    ("named", "place"),
    [
        ("seed", (-1, 0, 0, 1)),
        ("seed", (2**64, 0, 0, 1)),
        ("row", (0, 0.5, 0, 1)),
        ("row", (0, 2**64, 0, 1)),
        ("start", (0, 0, -1, 1)),
        ("start", (0, 0, 2**64, 1)),
        ("size", (0, 0, 0, 2**60)),
        ("size", (0, 0, 0, "one")),
    ],
)
def test_keyed_noise_names_what_is_wrong(named, place):
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        keyed_gumbel(*place)


@pytest.mark.parametrize(("loc", "upper"), [(0.0, 1.0), (0.0, -1.5), (2.0, 0.5), (-3.0, 4.0)])
def test_truncated_law(loc, upper):
    # Against draws that were kept because they lay under the bound, and the law F(x) / F(upper).
    draws = loc + standard_gumbel(2_000_000, rng=4)
    kept = draws[draws <= upper][:20_000]
    made = truncated_gumbel(loc + standard_gumbel(20_000, rng=5), upper)
    assert made.max() <= upper
    assert stats.ks_2samp(made, kept).pvalue > 1e-6
    law = stats.gumbel_r(loc)
    assert stats.kstest(made, lambda x: law.cdf(x) / law.cdf(upper)).pvalue > 1e-6


def test_truncated_digits_against_fifty():
    points = np.array([-1e4, -800.0, -40.0, -3.0, 0.0, 0.7, 5.0, 40.0, 800.0, 1e4])
    perturbed, upper = (grid.ravel() for grid in np.meshgrid(points, points))
    got = truncated_gumbel(perturbed, upper)
    with mpmath.workdps(50):
        exact = [
            float(-mpmath.log(mpmath.exp(-mpmath.mpf(p)) + mpmath.exp(-mpmath.mpf(u))))
            for p, u in zip(perturbed, upper, strict=True)
        ]
    np.testing.assert_allclose(got, exact, rtol=4e-16, atol=4e-16)


def test_truncation_at_the_ends_of_the_line():
    perturbed = np.array([[-2.0, 0.0, 700.0, -np.inf]], dtype=np.float32)
    assert np.array_equal(truncated_gumbel(perturbed, np.inf), perturbed)
    assert np.all(truncated_gumbel(perturbed, -np.inf) == -np.inf)
    assert truncated_gumbel(perturbed, 0).dtype == np.float32
    bounds = np.array([[1.0], [-1.0], [np.inf]], dtype=np.float32)
    assert truncated_gumbel(perturbed, bounds).shape == (3, 4)


def test_truncation_in_other_libraries_and_its_gradient():
    perturbed, upper = np.array([-1.0, 0.5, 30.0]), np.array([0.0, 2.0, -800.0])
    expected = truncated_gumbel(perturbed, upper)
    for xp in (array_api_strict, jnp):
        got = truncated_gumbel(xp.asarray(perturbed), xp.asarray(upper))
        assert isinstance(got, type(xp.asarray(perturbed)))
        np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-6)
    slope = jax.jit(jax.grad(lambda p: truncated_gumbel(p, 0.3).sum()))
    at = jnp.asarray([-1.0, 0.5, 200.0, -jnp.inf])
    exact = [1 / (1 + np.exp(-1.3)), 1 / (1 + np.exp(0.2)), 0.0]
    np.testing.assert_allclose(slope(at)[:3], exact, rtol=1e-6, atol=1e-12)
    assert np.isfinite(slope(at)).all()


@pytest.mark.parametrize("upper", [3, np.uint8(3), np.float64(3), np.array(3), np.uint8([3]), [3]])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, int, list])
def test_truncation_takes_any_number_as_its_bound(upper, dtype):
    perturbed = [1, 250] if dtype is list else np.array([1, 250]).astype(dtype)
    got = truncated_gumbel(perturbed, upper)
    assert got.dtype == (dtype if dtype in (np.float16, np.float32) else np.float64)
    np.testing.assert_allclose(got, [1 - np.log1p(np.exp(-2)), 3.0], rtol=np.finfo(got.dtype).eps)
    for xp in (array_api_strict, jnp):
        made = truncated_gumbel(xp.asarray([1.0, 250.0], dtype=xp.float32), upper)
        assert made.dtype == xp.float32
        np.testing.assert_allclose(np.asarray(made), got.astype(np.float32), rtol=1e-3)


@pytest.mark.parametrize(
    ("named", "perturbed", "upper"),
    [
        ("perturbed", [0.0, None], 1.0),
        ("perturbed", np.array([1j, 2]), 1.0),
        ("perturbed", np.array([0.0, np.nan]), 1.0),
        ("upper", np.array([0.0]), "one"),
        ("upper", np.array([0.0]), np.nan),
        ("upper", np.array([0.0]), [0.0, np.nan]),
        ("upper", np.array([0.0]), np.array([1j])),
        ("upper", np.array([0.0]), True),
        ("upper", np.array([0.0]), np.bool_(True)),
        ("upper", np.array([0.0]), 10**400),
        ("upper", np.array([0.0]), np.timedelta64(1, "s")),
        ("upper", np.array([0.0]), np.ma.array([0.0])),
        ("perturbed", np.ma.array([0.0]), 0.0),
        ("perturbed", [[0.0], [0.0, 1.0]], 0.0),
    ],
)
def test_truncation_names_what_is_wrong(named, perturbed, upper):
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        truncated_gumbel(perturbed, upper)


def test_truncation_names_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"^expected shapes that broadcast, got perturbed \(2,\)"):
        truncated_gumbel(np.zeros(2), np.zeros(3))


def test_a_generator_gives_the_words_it_is_fed():
    words = np.random.default_rng(1).integers(0, 2**32, 624, dtype=np.uint32)
    assert np.array_equal(noise._generator_of(words).bit_generator.random_raw(624), words)


@pytest.mark.parametrize(("dtype", "last"), [(np.float64, 2**52), (np.float32, 2**22)])
@given(share=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_exponentials_are_places_times_steps(dtype, last, share, seed):
    steps = generator_at(1, dtype).standard_exponential(256, dtype)
    scattered = np.random.default_rng(seed).integers(0, last, 256, endpoint=True)
    for places in (int(share * last), scattered):
        drawn = generator_at(places, dtype).standard_exponential(256, dtype)
        assert np.array_equal(drawn, np.asarray(places).astype(dtype) * steps)


def test_steps_are_the_exponentials_at_the_first_place():
    assert np.array_equal(strip_steps(), generator_at(1).standard_exponential(256))


@pytest.mark.parametrize(
    ("place", "dtype", "error", "said"),
    [
        (-1, np.float64, ValueError, "place: expected integers from 0 to 9007199254740991, got -1"),
        ([1] * 255 + [2**53], np.float64, ValueError, "place: expected integers .* got 90"),
        (2**23, np.float32, ValueError, "place: expected integers from 0 to 8388607, got 8388608"),
        (1.0, np.float64, TypeError, "place: expected integers, got float64"),
        ([1, 2], np.float64, ValueError, r"place: expected shape \(\) or \(256,\), got \(2,\)"),
        (1, np.float16, TypeError, "dtype: expected float64 or float32, got float16"),
        (1, "single float", TypeError, "dtype: expected float64 or float32, got 'single float'"),
    ],
)
def test_a_place_that_no_generator_has_is_refused(place, dtype, error, said):
    with pytest.raises(error, match=f"^{said}"):
        generator_at(place, dtype)


def test_steps_are_those_of_float32_too():
    # The strips of float32 are the same, with 2**23 places in each.
    for place in (1, 2, 12_345, 2**20):
        drawn = generator_at(place, np.float32).standard_exponential(256, dtype=np.float32)
        np.testing.assert_allclose(drawn, place * 2.0**30 * strip_steps(), rtol=2**-22)


@pytest.mark.parametrize("odds", [3e3, 1e6, 1e9])
def test_the_strips_sum_over_all_places(odds):
    # Strips 2^33 times coarser than NumPy's, so that every place can be summed.
    steps = 2.0**33 * strip_steps()[::16]
    places = np.arange(2**20)
    summed = np.array([np.exp(-odds * step * places).sum() for step in steps])
    expected = summed.sum() / (1 / steps).sum() * odds / (1 + odds)
    assert strips_probability(odds, steps) == pytest.approx(expected, rel=1e-9)


def test_the_strips_give_the_law_while_the_odds_are_moderate():
    steps = strip_steps()
    for odds in (1e6, 1e9):
        assert strips_probability(odds, steps) * (1 + odds) == pytest.approx(1, rel=1e-6)
    drawn = np.random.default_rng(2).standard_exponential(1_000_000)
    won = np.exp(-1e4 * drawn)
    error = won.std() / np.sqrt(won.size)
    assert abs(won.mean() - strips_probability(1e4, steps)) < 5 * error


def test_the_levels_sum_over_all_levels():
    for odds in (5.0, 1e3, 5e4, 1e6):
        summed = ((np.arange(2**18) / 2**18) ** odds).mean()
        assert levels_probability(odds, 2**18) == pytest.approx(summed, rel=1e-6)


@pytest.mark.parametrize(
    ("odds", "levels"), [(0.05, 1), (0.5, 10), (1.0, 100), (0.3, 2**16), (1e5, 2**16)]
)
def test_a_few_levels_are_summed(odds, levels):
    summed = math.fsum((j / levels) ** odds for j in range(levels)) / levels
    assert levels_probability(odds, levels) == pytest.approx(summed, rel=1e-12)


@pytest.mark.parametrize("odds", [1e-9, 0.05, 0.5, 1.0, 1e2, 6e3, 7e3, 7e4, 1e5])
def test_more_levels_keep_the_stated_accuracy(odds):
    levels = 2**16 + 1
    summed = math.fsum((j / levels) ** odds for j in range(levels)) / levels
    assert levels_probability(odds, levels) == pytest.approx(summed, rel=1e-5)


def test_bad_odds_levels_and_steps_are_named():
    for named, call in (
        ("odds", lambda: levels_probability(0.0)),
        ("levels", lambda: levels_probability(1.0, 0)),
        ("odds", lambda: strips_probability(np.inf, [1.0])),
        ("steps", lambda: strips_probability(1.0, "small")),
        ("steps", lambda: strips_probability(1.0, [])),
        ("steps", lambda: strips_probability(1.0, [0.0, 1.0])),
        ("steps", lambda: strips_probability(1.0, [1.0, -1.0])),
        ("steps", lambda: strips_probability(1.0, [1.0, np.nan])),
        ("steps", lambda: strips_probability(1.0, [np.inf])),
    ):
        with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
            call()
