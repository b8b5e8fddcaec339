"""The interactive of numerics agrees with the theorem and with sums over all levels."""

import numpy as np
import pytest
from scipy import special

from gumbel_lib.chapters.numerics.claims import levels_probability


def test_the_chances_agree_with_a_sum_over_all_levels(interactive):
    tail = interactive("numerics")
    for bits, gap in [(8, 5), (8, 7.5), (12, 5), (12, 9), (16, 12.5), (20, 5), (20, 14), (20, 17)]:
        tail.set("bits of the uniform", bits)
        tail.set("nats behind", gap)
        summed = ((np.arange(2**bits) / 2**bits) ** np.exp(gap)).mean()
        numbers = tail.numbers
        assert numbers["chance"] == pytest.approx(summed, rel=1e-6)
        assert numbers["due"] == pytest.approx(special.expit(-gap), rel=1e-9)
        assert f"{bits} bits" in tail.words


def test_the_chances_agree_with_the_book_at_more_bits(interactive):
    tail = interactive("numerics")
    for bits, gap in [(24, 17), (24, 10), (30, 20), (35, 20), (46, 31), (53, 36.5), (53, 38)]:
        tail.set("bits of the uniform", bits)
        tail.set("nats behind", gap)
        expected = levels_probability(np.exp(gap), 2**bits)
        numbers = tail.numbers
        assert numbers["chance"] == pytest.approx(expected, rel=1e-4)
        assert numbers["ceiling"] == pytest.approx(-np.log(-np.log1p(-(2.0**-bits))))


def test_the_answer_to_the_question(interactive):
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
