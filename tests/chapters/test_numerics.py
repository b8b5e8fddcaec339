"""The claims of numerics refuse plausible mistakes."""

import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from scipy import special

from gumbel_lib import standard_gumbel
from gumbel_lib.chapters import claims_of
from gumbel_lib.noise import levels_probability

CLAIMS = claims_of("numerics")


def right_sum(odds, levels):
    return levels_probability(odds, levels) + 1 / levels


def midpoints(odds, levels):
    return levels_probability(odds, levels) + 1 / (2 * levels)


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
        ("coarse-uniform", {"predicted": lambda c, n: levels_probability(c, 2 * n)}),
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


class TestInteractive:
    """The interactive of numerics agrees with the theorem and with sums over all levels."""

    def test_the_chances_agree_with_a_sum_over_all_levels(self, interactive):
        tail = interactive("numerics")
        for bits, gap in [
            (8, 5),
            (8, 7.5),
            (12, 5),
            (12, 9),
            (16, 12.5),
            (20, 5),
            (20, 14),
            (20, 17),
        ]:
            tail.set("bits of the uniform", bits)
            tail.set("nats behind", gap)
            summed = ((np.arange(2**bits) / 2**bits) ** np.exp(gap)).mean()
            numbers = tail.numbers
            assert numbers["chance"] == pytest.approx(summed, rel=1e-6)
            assert numbers["due"] == pytest.approx(special.expit(-gap), rel=1e-9)
            assert f"{bits} bits" in tail.words

    def test_the_chances_agree_with_the_book_at_more_bits(self, interactive):
        tail = interactive("numerics")
        for bits, gap in [(24, 17), (24, 10), (30, 20), (35, 20), (46, 31), (53, 36.5), (53, 38)]:
            tail.set("bits of the uniform", bits)
            tail.set("nats behind", gap)
            expected = levels_probability(np.exp(gap), 2**bits)
            numbers = tail.numbers
            assert numbers["chance"] == pytest.approx(expected, rel=1e-4)
            assert numbers["ceiling"] == pytest.approx(-np.log(-np.log1p(-(2.0**-bits))))

    def test_the_answer_to_the_question(self, interactive):
        tail = interactive("numerics")
        tail.set("nats behind", 20)
        shares = {}
        for bits in (24, 30, 34, 35):
            tail.set("bits of the uniform", bits)
            shares[bits] = tail.numbers["chance"] / tail.numbers["due"]
        assert shares[24] < 1e-6 < 0.75 < shares[30] < 0.8
        assert shares[34] < 0.99 < shares[35]
        tail.set("bits of the uniform", 24)
        tail.set("nats behind", 25)
        assert "wins <1e-30" in tail.words
