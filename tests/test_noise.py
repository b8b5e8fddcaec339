"""Standard Gumbel noise: its law, its tails in both types, its determinism."""

import numpy as np
import pytest
from scipy import stats

from gumbel_lib import standard_gumbel
from gumbel_lib.noise import keyed_gumbel


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
    ("named", "place"),
    [
        ("seed", (-1, 0, 0, 1)),
        ("seed", (2**64, 0, 0, 1)),
        ("row", (0, 0.5, 0, 1)),
        ("start", (0, 0, -1, 1)),
        ("size", (0, 0, 0, "one")),
    ],
)
def test_keyed_noise_names_what_is_wrong(named, place):
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        keyed_gumbel(*place)
