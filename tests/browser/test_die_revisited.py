"""The interactive of die_revisited agrees with the library."""

from itertools import product

import numpy as np
import pytest

from gumbel_lib import die

DIE = np.array([0.05, 0.05, 0.1, 0.13, 0.27, 0.4])
LOSSES = ("squared error", "mean of 20", "product of 2", "cross-entropy")


def row(data, loss, kind, at):
    """Probabilities and spread of one row of the table."""
    (found,) = [row for row in data if (row["loss"], row["kind"], row["at"]) == (loss, kind, at)]
    return np.array([found[f"p{k}"] for k in range(6)]), found["spread"]


def test_the_errors_agree_with_the_library(interactive):
    goals = interactive("die_revisited")
    data = goals.data
    places = [(0.25, 1000), (0.5, 10_000), (1, 4000), (3, 7000)]
    for loss, (temperature, steps) in product(LOSSES, places):
        goals.set("loss", loss)
        goals.set("temperature", temperature)
        goals.set("training steps", steps)
        numbers = goals.numbers
        least, _ = row(data, loss, "least", temperature)
        trained, spread = row(data, loss, "run", steps)
        assert numbers["sse_least"] == pytest.approx(die.sse(DIE, least), abs=1e-6)
        assert numbers["sse_run"] == pytest.approx(die.sse(DIE, trained) + spread, abs=1e-6)
        assert numbers["mode_least"] == pytest.approx(least[5], abs=1e-6)
        assert numbers["mode_run"] == pytest.approx(trained[5], abs=1e-6)


def test_the_table_is_the_library_s(interactive):
    data = interactive("die_revisited").data
    for temperature in (0.5, 1, 3):
        least, _ = row(data, "squared error", "least", temperature)
        found = die.expected_loss_minimiser(DIE, temperature)
        np.testing.assert_allclose(least, found.round(2), atol=1e-6)
    run = die.train(DIE, replicates=30, rng=1)
    trained, spread = row(data, "squared error", "run", 1000)
    np.testing.assert_allclose(trained, run.probs.mean(axis=0).round(4), atol=1e-6)
    mean = die.sse(DIE, run.probs).mean()
    assert die.sse(DIE, trained) + spread == pytest.approx(mean, abs=1e-4)


def test_the_words_follow_the_controls(interactive):
    goals = interactive("die_revisited")
    assert goals.words.startswith("squared error, temperature 0.50")
    goals.set("loss", "cross-entropy")
    goals.set("temperature", 3)
    goals.set("training steps", 10_000)
    assert goals.words.startswith("cross-entropy, temperature 3.00: least expected loss at SSE 0.2")
    assert "30 runs of 10,000 steps: mean SSE" in goals.words
