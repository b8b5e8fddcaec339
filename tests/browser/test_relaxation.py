"""The interactive of relaxation agrees with the library."""

import numpy as np
import pytest
from scipy import special

from gumbel_lib import gumbel_max, gumbel_softmax

CASES = [
    (0.5, (-0.5, -1.2, -2.3)),
    (0.05, (-0.5, -1.2, -2.3)),
    (5, (-0.5, -1.2, -2.3)),
    (0.05, (5, -5, -5)),
    (0.05, (-5, 5, 4.9)),
    (1, (0, 0, 0)),
]


def test_the_cloud_agrees_with_the_library(interactive):
    cloud = interactive("relaxation")
    noise = np.array([[row["g0"], row["g1"], row["g2"]] for row in cloud.data])
    for temperature, values in CASES:
        cloud.set("temperature", temperature)
        for k, value in enumerate(values):
            cloud.set(f"logit of class {k}", value)
        logits = np.array(values, dtype=float)
        b = gumbel_softmax(logits, noise, temperature)
        expected = {
            "b": b.mean(axis=0),
            "p": special.softmax(logits),
            "won": np.bincount(gumbel_max(logits, noise), minlength=3) / len(noise),
        }
        numbers = cloud.numbers
        for name, entries in expected.items():
            for k, entry in enumerate(entries):
                assert numbers[f"{name}{k}"] == pytest.approx(entry, abs=1e-6)
        near = (b.max(axis=1) > 0.99).mean()
        assert numbers["near"] == pytest.approx(near, abs=1e-6)
        assert f"temperature {temperature:.2f}: {100 * near:.1f}% of" in cloud.words


def test_each_point_lies_where_the_library_puts_it(interactive):
    cloud = interactive("relaxation")
    noise = np.array([[row["g0"], row["g1"], row["g2"]] for row in cloud.data])
    cloud.set("temperature", 0.05)
    script = """box => [...box.querySelectorAll('.mark-symbol path')]
        .map(path => path.__data__.datum).filter(datum => 'winner' in datum)
        .map(datum => [datum.b0, datum.b1, datum.b2])"""
    drawn = np.array(cloud.box.evaluate(script))
    expected = gumbel_softmax(np.array([-0.5, -1.2, -2.3]), noise, 0.05)
    assert drawn == pytest.approx(expected, abs=1e-6)


def test_the_temperature_moves_no_winner(interactive):
    cloud = interactive("relaxation")
    before = cloud.words.splitlines()
    cloud.set("temperature", 5)
    after = cloud.words.splitlines()
    assert before[2] == after[2]
    assert before[0] != after[0]
    assert "mean of b" in after[1]
