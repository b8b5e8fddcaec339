"""Plausible mistakes about floating point, each refused by its claim."""

import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from scipy import special

from gumbel_lib import chapters, standard_gumbel
from gumbel_lib.claims import numerics

CLAIMS = chapters.all_claims()


def right_sum(odds, levels):
    return numerics.levels_probability(odds, levels) + 1 / levels


def midpoints(odds, levels):
    return numerics.levels_probability(odds, levels) + 1 / (2 * levels)


def clipped(size, *, rng, dtype):
    return np.minimum(standard_gumbel(size, rng=rng, dtype=dtype), np.float32(15.94))


def drawn_in_float32(size, *, rng, dtype):
    return -np.log(rng.standard_exponential(size, dtype=np.float32))


def wide(size, *, rng, dtype):
    return np.float32(1.001) * standard_gumbel(size, rng=rng, dtype=dtype)


def zero(size, *, rng, dtype):
    return np.zeros(size, dtype)


def without_series(x):
    return np.where(x > 20, -x, np.log(-np.expm1(-np.exp(-np.minimum(x, 20)))))


def softmax_about_the_mean(x, t):
    weight = np.exp((x - x.mean()) / t)
    return weight / weight.sum()


def softmax_in_float32(x, t):
    return special.softmax(x.astype(np.float32) / np.float32(t))


def log_with_a_floor(x):
    weight = jnp.exp(x - x.max())
    return jnp.log(weight / weight.sum() + 1e-20)


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("coarse-uniform", {"predicted": right_sum}),
        ("coarse-uniform", {"predicted": midpoints}),
        ("coarse-uniform", {"predicted": lambda c, n: numerics.levels_probability(c, 2 * n)}),
        ("float32-tail", {"noise": clipped}),
        ("float32-tail", {"noise": drawn_in_float32}),
        ("float32-tail", {"noise": wide}),
        ("float32-tail", {"noise": zero}),
        ("float32-tail", {"bits": 32}),
        ("float32-zeros", {"once_in": 2**22}),
        ("float32-zeros", {"once_in": 2**24}),
        ("jax-modes", {"modes": ("high", "low")}),
        ("jax-modes", {"modes": ("low", "low")}),
        ("jax-modes", {"further": 2.0**-22}),
        ("jax-modes", {"further": 2.0**-24}),
        ("cold-softmax", {"relaxed": softmax_about_the_mean}),
        ("cold-softmax", {"relaxed": softmax_in_float32}),
        ("log-softmax-gradient", {"log_softmax": log_with_a_floor}),
        ("log-softmax-gradient", {"log_softmax": lambda x: x - x.max()}),
        ("log-survival", {"logsf": without_series}),
        ("log-survival", {"logsf": lambda x: np.log(-np.expm1(-np.exp(-x)))}),
        ("log-survival", {"logsf": lambda x: -np.exp(-np.exp(-x))}),
        ("truncated-law", {"truncate": lambda x, upper: x - sympy.log(1 + sympy.exp(x))}),
        ("truncated-law", {"truncate": lambda x, upper: sympy.log(sympy.exp(x) + upper)}),
        ("truncated-digits", {"truncate": np.minimum}),
        ("truncated-digits", {"truncate": lambda x, t: -np.log(np.exp(-x) + np.exp(-t))}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    with np.errstate(all="ignore"):
        assert not claim.discrepancy(**wrong) < claim.bound


def test_a_generator_gives_the_words_it_is_fed():
    words = np.random.default_rng(1).integers(0, 2**32, 624, dtype=np.uint32)
    assert np.array_equal(numerics.generator_of(words).bit_generator.random_raw(624), words)


def test_exponentials_are_places_times_steps():
    steps = numerics.strip_steps()
    for place in (2, 3, 12_345, 2**40):
        drawn = numerics.generator_at(place).standard_exponential(256)
        assert np.array_equal(drawn, place * steps)


@pytest.mark.parametrize("odds", [3e3, 1e6, 1e9])
def test_the_strips_sum_over_all_places(odds):
    # Strips 2^33 times coarser than NumPy's, so that every place can be summed.
    steps = 2.0**33 * numerics.strip_steps()[::16]
    places = np.arange(2**20)
    summed = np.array([np.exp(-odds * step * places).sum() for step in steps])
    expected = summed.sum() / (1 / steps).sum() * odds / (1 + odds)
    assert numerics.strips_probability(odds, steps) == pytest.approx(expected, rel=1e-9)


def test_the_strips_give_the_law_while_the_odds_are_moderate():
    steps = numerics.strip_steps()
    for odds in (1e6, 1e9):
        assert numerics.strips_probability(odds, steps) * (1 + odds) == pytest.approx(1, rel=1e-6)
    drawn = np.random.default_rng(2).standard_exponential(1_000_000)
    won = np.exp(-1e4 * drawn)
    error = won.std() / np.sqrt(won.size)
    assert abs(won.mean() - numerics.strips_probability(1e4, steps)) < 5 * error


def test_the_levels_sum_over_all_levels():
    for odds in (5.0, 1e3, 5e4, 1e6):
        summed = ((np.arange(2**18) / 2**18) ** odds).mean()
        assert numerics.levels_probability(odds, 2**18) == pytest.approx(summed, rel=1e-6)
