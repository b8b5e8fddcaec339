"""The claims of die_training refuse plausible mistakes."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
from scipy import special

from gumbel_lib import die
from gumbel_lib.chapters import claims_of
from gumbel_lib.relaxation import exponential_schedule, softmax

CLAIMS = claims_of("die_training")


def formula(*, sign=1, power=1, factor=2, weight=lambda b: b, c=lambda b, y: ((b - y) * b).sum()):
    """The gradient of the SSE with one thing to get wrong."""
    return lambda y, b, t: factor / t**power * weight(b) * (b - y - sign * c(b, y))


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("sse-example", {"digits": 1}),
        ("sse-example", {"loss": lambda y, b: np.abs(y - b).sum()}),
        ("sse-example", {"loss": lambda y, b: ((y - b) ** 2).mean()}),
        ("sse-example", {"loss": lambda y, b: np.sqrt(((y - b) ** 2).sum())}),
        # The noise differentiated as if it were a second logit, or the wrong class's slope.
        ("noise-drops-out", {"slope": lambda y, b, t: 2 * die.sse_gradient(y, b, t)}),
        ("noise-drops-out", {"slope": lambda y, b, t: np.roll(die.sse_gradient(y, b, t), 1, -1)}),
        ("noise-drops-out", {"scale": lambda logits: 1 + 0.01 * logits}),
        ("softmax-jacobian", {"factor": lambda t: t}),
        ("softmax-jacobian", {"factor": lambda t: -1 / t}),
        ("sse-gradient", {"gradient": formula(sign=-1)}),
        ("sse-gradient", {"gradient": formula(power=2)}),
        ("sse-gradient", {"gradient": formula(power=0)}),
        ("sse-gradient", {"gradient": formula(factor=1)}),
        ("sse-gradient", {"gradient": formula(factor=-2)}),
        ("sse-gradient", {"gradient": formula(weight=lambda b: 1)}),
        ("sse-gradient", {"gradient": formula(c=lambda b, y: (b - y) * b)}),
        ("sse-gradient", {"gradient": formula(c=lambda b, y: ((b - y) * b).mean())}),
        ("sse-gradient", {"gradient": formula(c=lambda b, y: ((b - y) * y).sum())}),
        ("sse-gradient-autodiff", {"relax": lambda logits, noise, t: softmax(logits - noise, t)}),
        ("sse-gradient-autodiff", {"relax": lambda logits, noise, t: softmax(logits + noise)}),
        # Exponentials that nobody has divided by their sum see a shift of all logits.
        (
            "gradient-sums-to-zero",
            {"relax": lambda logits, noise, t: 2.0 ** ((logits + noise) / t)},
        ),
        ("gradient-sums-to-zero", {"decay": 1e-6}),
        ("die-training", {"gradient": lambda y, b, t: -die.sse_gradient(y, b, t)}),
        ("die-training", {"gradient": lambda y, b, t: 2 * (b - y - ((b - y) * b).sum()) / t}),
        ("loss-rises", {"end_temperature": 2.0}),
        ("loss-rises", {"learning_rate": 0.005}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


def article_agrees(old="", new=""):
    """The chapter's comparison of the article's program, with one change, and `die.train`."""
    path = Path(__file__).parents[2] / "chapters" / "die_training.ipynb"
    cells = nbformat.read(path, 4).cells
    names = {"np": np, "die": die, "probs": np.array([0.05, 0.05, 0.1, 0.13, 0.27, 0.4])}
    (program,) = (cell.source for cell in cells if cell.source.startswith("def article_run"))
    (comparison,) = (cell.source for cell in cells if cell.source.startswith("def compare"))
    assert old in program
    exec(program.replace(old, new), names)
    exec(comparison.partition("\n\n")[0], names)
    script = np.array([names["article_run"](seed) for seed in range(20)])
    library = die.train(names["probs"], replicates=400, rng=7).probs
    return names["compare"](script, library)[0] < 5


def test_the_articles_program_agrees_with_the_library():
    assert article_agrees()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b - y - c", "b - y"),
        ("logits + rng.gumbel", "logits - rng.gumbel"),
        ("2.0 * decay**step", "2.0"),
        ("(2 / t) * b", "(1 / t) * b"),
    ],
)
def test_a_changed_program_does_not(old, new):
    assert not article_agrees(old, new)


PROBS = np.array([0.05, 0.05, 0.1, 0.13, 0.27, 0.4])


class TestInteractive:
    """The interactive of die_training agrees with the library."""

    def test_each_step_agrees_with_the_library(self, interactive):
        run = interactive("die_training")
        logits = np.array([[row[f"l{k}"] for k in range(6)] for row in run.data])
        losses = np.array([row["loss"] for row in run.data])
        assert [row["step"] for row in run.data] == list(range(0, 1001, 10))
        temperatures = exponential_schedule(2.0, 0.5, 1000)
        distances = die.sse(PROBS, special.softmax(logits, axis=1))
        for step in (0, 10, 370, 750, 990, 1000):
            run.set("steps taken", step)
            place = step // 10
            learned = special.softmax(logits[place])
            gaps = np.abs(learned - PROBS)
            rises = (np.diff(distances[: place + 1]) > 0).sum()
            numbers = run.numbers
            for k in range(6):
                assert numbers[f"q{k}"] == pytest.approx(learned[k], abs=1e-6)
            assert numbers["distance"] == pytest.approx(distances[place], abs=1e-6)
            assert numbers["gap"] == pytest.approx(gaps.max(), abs=1e-6)
            assert numbers["temperature"] == pytest.approx(temperatures[min(step, 999)], abs=1e-6)
            assert numbers["rises"] == rises
            if step:
                recent = losses[max(1, place - 9) : place + 1].mean()
                assert numbers["recent"] == pytest.approx(recent, abs=1e-6)
            assert f"after {step} steps" in run.words
            assert f"grew in {rises} of {place} stretches" in run.words
            assert f"largest gap {gaps.max():.3f}, at face {gaps.argmax()}" in run.words

    def test_the_recorded_run_is_the_librarys(self, interactive):
        run = interactive("die_training")
        same = die.train(PROBS, rng=2026)
        run.set("steps taken", 1000)
        learned = [run.numbers[f"q{k}"] for k in range(6)]
        assert learned == pytest.approx(same.probs[0], abs=1e-6)
        run.set("steps taken", 500)
        assert run.numbers["distance"] == pytest.approx(same.distance[500, 0], abs=1e-6)

    def test_its_losses_are_those_of_the_expected_loss(self, interactive):
        # The mean of 100 losses at its expectation, to z = 5 of the spread of these losses.
        run = interactive("die_training")
        for step in (100, 500, 1000):
            run.set("steps taken", step)
            rows = run.data[step // 10 - 9 : step // 10 + 1]
            heats = exponential_schedule(2.0, 0.5, 1000)[step - 100 : step : 10]
            expected = [
                sum(die.expected_loss(PROBS, [row[f"l{k}"] for k in range(6)], t, 20))
                for row, t in zip(rows, heats, strict=True)
            ]
            error = np.std([row["loss"] for row in rows]) / np.sqrt(10)
            assert abs(run.numbers["recent"] - np.mean(expected)) < 5 * error

    def test_all_panels_share_the_cursor(self, interactive):
        run = interactive("die_training")
        run.set("steps taken", 640)
        script = """box => [...box.querySelectorAll('.mark-rule.role-mark line')]
            .map(line => line.__data__.datum).filter(({name}) => !name).map(({step}) => step)"""
        assert run.box.evaluate(script) == [640, 640]

    def test_the_words_follow_the_slider(self, interactive):
        run = interactive("die_training")
        assert "after 0 steps, temperature 2.00" in run.words
        assert "at face 5" in run.words
        run.set("steps taken", 1000)
        assert "after 1000 steps, temperature 0.50" in run.words
        assert "at face 4" in run.words
