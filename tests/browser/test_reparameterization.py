"""The interactive of reparameterization agrees with the library."""

import itertools
import json

import numpy as np
import pytest
from scipy import special

from gumbel_lib import gumbel_max

STAY = (0.3, -1.0)
LINES = """box => JSON.stringify([...box.querySelectorAll('.mark-line path')].map(
  path => path.__data__.mark.items.map(({datum}) => [datum.kind ?? datum.i, datum.x, datum.y])))"""


def frozen(chart):
    return np.array([[row[f"g{k}"] for k in range(3)] for row in chart.data])


def lines(chart):
    """Points of each line: of single draws by number, of the others by name."""
    return {line[0][0]: line for line in json.loads(chart.box.evaluate(LINES))}


def test_counts_and_slopes_agree_with_the_library(interactive):
    chart = interactive("reparameterization")
    noise = frozen(chart)
    assert noise.shape == (400, 3)
    for logit, n in [(1, 5), (-5, 400), (5, 400), (0.2, 1), (-1.3, 37), (2.4, 200)]:
        chart.set("logit of class 0", logit)
        chart.set("draws averaged", n)
        logits = np.array([logit, *STAY])
        picked = int((gumbel_max(logits, noise[:n]) == 0).sum())
        p = special.softmax(logits)[0]
        numbers = chart.numbers
        assert numbers["picked"] == picked
        assert numbers["mean"] == pytest.approx(picked / n, abs=1e-6)
        assert numbers["probability"] == pytest.approx(p, abs=1e-6)
        assert numbers["slope"] == pytest.approx(p * (1 - p), abs=1e-6)
        assert f"{picked} of {n} draw" in chart.words


def test_every_jump_and_every_stair_is_where_the_winner_changes(interactive):
    chart = interactive("reparameterization")
    noise = frozen(chart)
    chart.set("draws averaged", 60)
    drawn = lines(chart)
    for i in range(5):
        jump = drawn[i][1][1]
        sides = np.array([[jump - 1e-9, *STAY], [jump + 1e-9, *STAY]])
        assert (gumbel_max(sides, noise[i]) == 0).tolist() == [False, True]
    stairs = drawn["mean of draws"]
    assert len(stairs) == 62
    for (_, left, height), (_, right, _) in itertools.pairwise(stairs):
        between = np.array([(left + right) / 2, *STAY])
        assert height == pytest.approx(np.mean(gumbel_max(between, noise[:60]) == 0), abs=1e-6)
    for _, x, y in drawn["softmax"]:
        assert y == pytest.approx(special.softmax([x, *STAY])[0], abs=1e-6)


def test_words_say_that_every_draw_is_flat(interactive):
    chart = interactive("reparameterization")
    assert chart.words.split("\n") == [
        "logit 1.0: 3 of 5 draws pick class 0",
        "mean 0.600, softmax 0.613",
        "slope here: 0 in each draw, 0.237 in softmax",
    ]
    chart.set("draws averaged", 1)
    assert "1 of 1 draw picks class 0" in chart.words
