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


def share_of_wins(bits, gap):
    """Wins over wins due by the theorem: the sum's terms from its end, as far as they count."""
    odds, levels = np.exp(gap), 2.0**bits
    if odds / levels < 1e-4:
        return 1 - (1 + odds) / levels / 2
    steps = np.arange(1, min(levels, 40 * levels / odds + 1))
    return (1 + odds) / levels * np.exp(odds * np.log1p(-steps / levels)).sum()


CASES = [
    *((8, 5), (8, 7.5), (12, 5), (12, 9), (16, 12.5), (20, 5), (20, 14), (20, 17)),
    *((24, 17), (24, 10), (30, 20), (35, 20), (46, 31), (53, 36.5), (53, 38)),
]


class TestInteractive:
    """The interactive of numerics agrees with the theorem, and its wins with a race by hand."""

    @pytest.mark.parametrize(("bits", "gap"), CASES)
    def test_the_share_agrees_with_the_theorem(self, interactive, bits, gap):
        wins = interactive("numerics")
        wins.set("bits of the uniform", bits)
        wins.set("nats behind", gap)
        share = wins.numbers["share"]
        assert share == pytest.approx(share_of_wins(bits, gap), rel=1e-6)
        expected = levels_probability(np.exp(gap), 2**bits) * (1 + np.exp(gap))
        assert share == pytest.approx(expected, rel=1e-6 if bits <= 16 else 1e-4)
        assert wins.words.startswith(f"{bits} bits, {gap:.1f} nats behind")

    @pytest.mark.parametrize(("bits", "gap"), CASES)
    def test_the_wins_kept_are_those_of_the_race(self, interactive, bits, gap):
        wins = interactive("numerics")
        first, lead = np.array([[row["first"], row["lead"]] for row in wins.data]).T
        wins.set("bits of the uniform", bits)
        wins.set("nats behind", gap)
        odds, levels = np.exp(gap), 2.0**bits
        # The class comes at time, its first rival lead/odds later; a level makes it come late.
        time = first / (1 + odds)
        late = -np.log1p(-np.ceil(-np.expm1(-time) * levels) / levels)
        kept = late < time + lead / odds
        for due in (1, 20, 400):
            wins.set("wins due", due)
            assert wins.numbers["kept"] == kept[:due].sum()
            assert f"wins due {due}, kept {kept[:due].sum()}, lost" in wins.words

    @pytest.mark.parametrize(("bits", "gap"), CASES)
    def test_the_counted_share_is_that_of_the_theorem(self, interactive, bits, gap):
        # z = 5 over 15 cases: a false alarm once in 100,000 seeds; it sees an error of 0.15.
        wins = interactive("numerics")
        wins.set("bits of the uniform", bits)
        wins.set("nats behind", gap)
        wins.set("wins due", 400)
        numbers = wins.numbers
        share = numbers["share"]
        assert abs(numbers["counted"] - share) <= 5 * np.sqrt(share * (1 - share) / 400) + 1 / 400

    def test_the_curve_is_the_theorem(self, interactive):
        wins = interactive("numerics")
        script = """box => box.querySelector('.mark-line path').__data__.mark.items
            .map(({datum}) => [datum.gap, datum.share])"""
        for bits in (8, 20):
            wins.set("bits of the uniform", bits)
            curve = np.array(wins.box.evaluate(script))
            expected = [share_of_wins(bits, gap) for gap in curve[:, 0]]
            np.testing.assert_allclose(curve[:, 1], expected, rtol=1e-6)
            assert len(curve) >= 20

    def test_the_answer_to_the_question(self, interactive):
        wins = interactive("numerics")
        wins.set("nats behind", 20)
        shares = {}
        for bits in (24, 30, 34, 35):
            wins.set("bits of the uniform", bits)
            shares[bits] = wins.numbers["share"]
        assert shares[24] < 1e-6 < 0.75 < shares[30] < 0.8
        assert shares[34] < 0.99 < shares[35]
