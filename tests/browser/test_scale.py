"""The interactive of scale agrees with the formula of the chapter."""

import numpy as np
import pytest
from scipy import special

from gumbel_lib.sampling import sample_categorical


def test_the_envelope_agrees_with_the_formula(interactive):
    chart = interactive("scale")
    normals = np.array([row["x"] for row in chart.data])
    for power, spread in ((4, 2.0), (0, 2.0), (8, 2.0), (3, 0.0), (5, 4.0)):
        chart.set("log2 of the classes in a block", power)
        chart.set("spread of the logits", spread)
        logits = spread * normals
        largest = logits.reshape(-1, 2**power).max(axis=1)
        tries = 2**power * np.exp(largest).sum() / np.exp(logits).sum()
        assert chart.numbers["tries"] == pytest.approx(tries, rel=1e-6)
        assert chart.numbers["blocks"] == 256 / 2**power
        assert f"{256 // 2**power} blocks of {2**power}: {tries:.2f} tries" in chart.words


def test_its_logits_are_drawn_by_their_weights(interactive):
    normals = np.array([row["x"] for row in interactive("scale").data])
    drawn = sample_categorical(2 * normals, size=900, rng=0)
    share = special.softmax(2 * normals)[normals.argmax()]
    frequency = np.mean(drawn == normals.argmax())
    assert abs(frequency - share) < 5 * np.sqrt(share * (1 - share) / 900)
