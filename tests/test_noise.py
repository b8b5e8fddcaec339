"""Standard Gumbel noise: its law, its tails in both types, its determinism."""

import numpy as np
import pytest
from scipy import stats

from gumbel_lib import standard_gumbel


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
