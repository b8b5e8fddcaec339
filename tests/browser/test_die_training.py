"""The interactive of die_training agrees with the library."""

import numpy as np
import pytest
from scipy import special

from gumbel_lib import die
from gumbel_lib.relaxation import exponential_schedule

PROBS = np.array([0.05, 0.05, 0.1, 0.13, 0.27, 0.4])


def test_each_step_agrees_with_the_library(interactive):
    run = interactive("die_training")
    logits = {row["step"]: [row[f"l{k}"] for k in range(6)] for row in run.data}
    assert list(logits) == list(range(0, 1001, 10))
    temperatures = exponential_schedule(2.0, 0.5, 1000)
    for step in (0, 10, 370, 750, 990, 1000):
        run.set("steps taken", step)
        learned = special.softmax(logits[step])
        gaps = np.abs(learned - PROBS)
        numbers = run.numbers
        for k in range(6):
            assert numbers[f"q{k}"] == pytest.approx(learned[k], abs=1e-6)
        assert numbers["sse"] == pytest.approx(die.sse(PROBS, learned), abs=1e-6)
        assert numbers["gap"] == pytest.approx(gaps.max(), abs=1e-6)
        assert numbers["temperature"] == pytest.approx(temperatures[min(step, 999)], abs=1e-6)
        assert f"after {step} steps" in run.words
        assert f"largest gap {gaps.max():.3f}, at face {gaps.argmax()}" in run.words


def test_the_recorded_run_is_the_librarys(interactive):
    run = interactive("die_training")
    same = die.train(PROBS, rng=2026)
    run.set("steps taken", 1000)
    learned = [run.numbers[f"q{k}"] for k in range(6)]
    assert learned == pytest.approx(same.probs[0], abs=1e-6)
    run.set("steps taken", 500)
    assert run.numbers["sse"] == pytest.approx(same.sse[500, 0], abs=1e-6)


def test_the_words_follow_the_slider(interactive):
    run = interactive("die_training")
    assert "after 0 steps, temperature 2.00" in run.words
    assert "at face 5" in run.words
    run.set("steps taken", 1000)
    assert "after 1000 steps, temperature 0.50" in run.words
    assert "at face 4" in run.words
