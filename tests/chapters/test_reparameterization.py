"""The claims of reparameterization refuse plausible mistakes."""

import itertools
import json

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib import gumbel_max
from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.reparameterization.claims import Case

CLAIMS = claims_of("reparameterization")


# A path with a jump that the noise moves, and one with a derivative that is off by half.
JUMP = Case(lambda t, g: 1.0 * (g < t), lambda t, g: 0.0, 0.4, stats.norm, (-10, 10))


HALVED = Case(lambda t, g: (t + g) ** 2, lambda t, g: t + g, 0.4, stats.norm, (-10, 10))


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("logit-constant", {"normalise": lambda logits: logits}),
        ("logit-constant", {"normalise": lambda logits: logits / special.logsumexp(logits)}),
        ("logit-constant", {"normalise": lambda logits: np.log10(special.softmax(logits))}),
        ("logit-constant", {"constant": np.max}),
        ("logit-constant", {"constant": lambda logits: np.exp(logits).sum()}),
        ("swap", {"cases": (JUMP,)}),
        ("swap", {"cases": (HALVED,)}),
        ("pathwise-normal", {"function": (lambda x: x**2, lambda x: x)}),
        ("pathwise-normal", {"function": (lambda x: x**3, lambda x: 2 * x)}),
        ("pathwise-normal", {"directions": lambda e: [1.0, 1.0]}),
        ("pathwise-normal", {"directions": lambda e: [e, 1.0]}),
        ("max-argmax-independent", {"noise": stats.logistic}),
        ("max-argmax-independent", {"noise": stats.gumbel_l}),
        ("joint-law", {"location": np.mean}),
        ("joint-law", {"probs": lambda logits: special.softmax(logits / 1.01)}),
        ("joint-law", {"probs": lambda logits: np.full(logits.size, 1 / logits.size)}),
        ("mean-maximum", {"closed": special.logsumexp}),
        ("mean-maximum", {"closed": lambda logits: special.logsumexp(logits) - np.euler_gamma}),
        ("mean-maximum", {"noise": stats.norm(loc=np.euler_gamma, scale=np.pi / np.sqrt(6))}),
        ("pathwise-max", {"path": lambda logits, noise: (logits + noise).min()}),
        ("pathwise-max", {"path": lambda logits, noise: (logits - noise).max()}),
        ("pathwise-max", {"path": lambda logits, noise: (logits + 1.1 * noise).max()}),
        (
            "pathwise-argmax",
            {"draw": lambda logits, noise: special.softmax(logits + noise, axis=1)},
        ),
        ("pathwise-argmax", {"draw": lambda logits, noise: np.full(logits.shape, 0.5)}),
        ("pathwise-argmax", {"draw": lambda logits, noise: np.zeros(logits.shape)}),
        ("pathwise-argmax", {"threshold": lambda rivals, own: rivals.max(axis=1)}),
        ("pathwise-argmax", {"threshold": lambda rivals, own: rivals.max(axis=1) + own}),
        ("pathwise-argmax", {"threshold": lambda rivals, own: rivals.min(axis=1) - own}),
        ("mean-derivative", {"slope": lambda p: p}),
        ("mean-derivative", {"slope": np.zeros_like}),
        ("mean-derivative", {"slope": lambda p: p**2}),
        ("mean-derivative", {"noise": stats.logistic}),
        ("mean-derivative", {"location": np.max}),
        ("mean-derivative", {"location": lambda rivals: special.logsumexp(rivals) + 0.001}),
        ("finite-step", {"rise": lambda up, down: 0.0}),
        ("finite-step", {"rise": lambda up, down: (up - down) / 2}),
        ("finite-step", {"rise": lambda up, down: up * (1 - down)}),
        ("gumbel-coupling", {"both": np.minimum}),
        ("gumbel-coupling", {"both": np.multiply}),
        ("gumbel-coupling", {"both": lambda p, q: np.minimum(p, q) / np.maximum(p, q).sum()}),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


STAY = (0.3, -1.0)
LINES = """box => JSON.stringify([...box.querySelectorAll('.mark-line path')].map(
  path => path.__data__.mark.items.map(({datum}) => [datum.kind ?? datum.i, datum.x, datum.y])))"""


def frozen(chart):
    return np.array([[row[f"g{k}"] for k in range(3)] for row in chart.data])


def lines(chart):
    """Points of each line: of single draws by number, of the others by name."""
    return {line[0][0]: line for line in json.loads(chart.box.evaluate(LINES))}


class TestInteractive:
    """The interactive of reparameterization agrees with the library."""

    def test_counts_and_slopes_agree_with_the_library(self, interactive):
        chart = interactive("reparameterization")
        noise = frozen(chart)
        assert noise.shape == (400, 3)
        for logit, n in [(1, 5), (-5, 400), (5, 400), (0.2, 1), (-1.3, 37), (2.4, 206)]:
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

    def test_every_jump_and_every_stair_is_where_the_winner_changes(self, interactive):
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

    def test_words_say_that_every_draw_is_flat(self, interactive):
        chart = interactive("reparameterization")
        assert chart.words.split("\n") == [
            "logit 1.0: 3 of 5 draws pick class 0",
            "mean 0.600, softmax 0.613",
            "slope here: 0 in each draw, 0.237 in softmax",
        ]
        chart.set("draws averaged", 1)
        assert "1 of 1 draw picks class 0" in chart.words

    def test_the_line_is_dragged(self, interactive):
        chart = interactive("reparameterization")
        for logit in (-2.3, 4.9):
            chart.drag("l0", logit)
            p = special.softmax([logit, *STAY])[0]
            assert chart.numbers["probability"] == pytest.approx(p, abs=1e-6)
            assert f"logit {logit}".replace("-", "\N{MINUS SIGN}") in chart.words
