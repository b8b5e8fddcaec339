"""The claims of why_differentiability refuse plausible mistakes."""

from fractions import Fraction

import jax
import numpy as np
import pytest
import sympy
from scipy import integrate, optimize, stats

from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.why_differentiability import claims
from gumbel_lib.chapters.why_differentiability.search import (
    bayesian_optimisation,
    count_evaluations,
    expected_improvement,
)

CLAIMS = claims_of("why_differentiability")


def two_sided(function, slope, start):
    return optimize.minimize(function, start, jac="3-point", method="BFGS")


def wrong_quotient(start, steps, do):
    """Reverse mode with the sign of a divisor's derivative wrong."""
    gradient = claims._by_reverse_mode(start, steps, do)
    divisors = {j for kind, _, j in steps if kind == "/"}
    return [-g if k in divisors else g for k, g in enumerate(gradient)]


def smooth_sample(jax, key, logits):
    return jax.nn.softmax(logits + jax.random.gumbel(key, (3,)))


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("forward-differences", {"probed": lambda i: max(i - 1, 0)}),
        ("evaluations-ratio", {"minimise": two_sided}),
        ("cheap-gradient", {"price": 4}),
        ("cheap-gradient", {"mode": wrong_quotient}),
        ("cheap-gradient", {"mode": lambda start, steps, do: start}),
        ("chain-rule", {"last_first": False}),
        ("relu-subgradients", {"ends": (0, 2)}),
        ("relu-subgradients", {"ends": (-1, 1)}),
        ("relu-subgradients", {"function": lambda x: sympy.Max(x, x / 10)}),
        # At a piece end itself the loss is not constant.
        ("flat", {"levels": [Fraction(5, 12)] * 5 + [Fraction(1, 2)] * 3 + [Fraction(3, 4)] * 4}),
        # A constant has slope 0 too, but is no sample.
        ("flat", {"levels": [Fraction(1, 9)]}),
        ("sample-gradient", {"sample": smooth_sample}),
        ("sample-gradient", {"sample": lambda jax, key, logits: jax.nn.one_hot(0, 3)}),
        ("expected-loss-slope", {"centre": lambda probs, cost: cost.mean()}),
        ("score-function", {"score": lambda probs: probs - np.eye(probs.size)}),
        ("score-function", {"score": lambda probs: np.eye(probs.size) - 1 / probs.size}),
        ("score-function", {"average": lambda probs: np.full(probs.size, 1 / probs.size)}),
        ("baseline", {"weight": lambda p, square: p * p}),
        ("baseline", {"weight": lambda p, square: square}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


@pytest.mark.parametrize("dimension", [2, 8, 32])
def test_probing_costs_a_call_for_each_dimension(dimension):
    start = np.full(dimension, 0.5)
    told = count_evaluations(optimize.rosen, optimize.rosen_der, start, use_gradient=True)
    probing = count_evaluations(optimize.rosen, optimize.rosen_der, start, use_gradient=False)
    assert told.functions == told.gradients
    assert probing.gradients == 0
    ratio = probing.functions / (told.functions + told.gradients)
    assert 0.25 * (dimension + 1) < ratio < 2 * (dimension + 1)
    assert max(told.value, probing.value) < 1e-6


@pytest.mark.parametrize("start", ["x", 1.0, [[1.0, 2.0]], []])
def test_a_bad_start_is_named(start):
    with pytest.raises((TypeError, ValueError), match="^start: expected .*, got "):
        count_evaluations(optimize.rosen, optimize.rosen_der, start, use_gradient=True)


@pytest.mark.parametrize("best", [-1.0, 0.0, 2.5])
def test_expected_improvement_is_the_mean_of_what_a_normal_falls_below(best):
    mean, sd = np.array([-1.0, 0.0, 3.0])[:, None], np.array([1e-9, 0.3, 2.0])
    got = expected_improvement(mean, sd, best)
    for (i, j), value in np.ndenumerate(got):
        m, s = mean[i, 0], sd[j]
        exact = integrate.quad(
            lambda z, m=m, s=s: max(best - m - s * z, 0) * stats.norm.pdf(z),
            -12,
            12,
            points=np.clip([(best - m) / s], -12, 12),
            epsabs=1e-13,
        )[0]
        assert value == pytest.approx(exact, abs=1e-10)
    assert expected_improvement(1.0, 0.0, 3.0) == 2.0
    assert expected_improvement(3.0, 0.0, 1.0) == 0.0
    assert expected_improvement(np.float16(3), np.float16(0), 3.0) == pytest.approx(0, abs=1e-12)


def test_bayesian_optimisation_finds_the_deeper_valley():
    def valleys(x):
        return 0.1 * x**2 + np.sin(3 * x)

    x, y = bayesian_optimisation(valleys, (-4, 4), num_evaluations=20, rng=0)
    grid = np.linspace(-4, 4, 10_001)
    assert x.shape == y.shape == (20,)
    assert y.min() - valleys(grid).min() < 1e-2
    assert np.all((x >= -4) & (x <= 4))
    assert (
        bayesian_optimisation(valleys, (-4, 4), num_initial=2, num_evaluations=2, rng=0)[0].size
        == 2
    )
    again = bayesian_optimisation(valleys, (-4, 4), num_evaluations=20, rng=0)
    assert np.array_equal(x, again[0])


def test_bad_input_of_a_search_is_named():
    with pytest.raises(ValueError, match="^bounds: expected"):
        bayesian_optimisation(np.sin, (1, 1), rng=0)
    with pytest.raises(ValueError, match="^bounds: expected"):
        bayesian_optimisation(np.sin, (0, np.inf), rng=0)
    for bounds in ((0, 1, 2), 3, ("a", "b"), None):
        with pytest.raises(TypeError, match="^bounds: expected"):
            bayesian_optimisation(np.sin, bounds, rng=0)
    with pytest.raises(ValueError, match="^num_initial: expected at least 1, got 0"):
        bayesian_optimisation(np.sin, (0, 1), num_initial=0, rng=0)
    with pytest.raises(ValueError, match="^sd: expected numbers >= 0"):
        expected_improvement(0.0, [-1.0, 1.0], 0.0)
    for named in ("mean", "sd", "best"):
        for value in (np.nan, np.inf):
            with pytest.raises(ValueError, match=f"^{named}: expected finite numbers, got"):
                expected_improvement(**{"mean": 0.0, "sd": 1.0, "best": 0.0, named: value})
    with pytest.raises(ValueError, match="^expected shapes that broadcast"):
        expected_improvement(np.zeros(2), np.ones(3), 0.0)
    with pytest.raises(ValueError, match="^num_evaluations: expected at least 4, got 2"):
        bayesian_optimisation(np.sin, (0, 1), num_evaluations=2, rng=0)


jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)
CASES = [(1.0, 1.0), (-2.2, 1.0), (2.2, 0.05), (0.0, 0.7), (1.8, 0.4), (1.8, 0.5), (-1.14, 0.35)]


def f(x):
    return x**4 / 8 - x**2 + x / 2


def move(chart, x, h):
    chart.set("position x of A", x)
    chart.set("probe distance h", h)


class TestInteractive:
    """The interactive of why_differentiability agrees with JAX."""

    def test_slope_and_probes_agree_with_jax(self, interactive):
        chart = interactive("why_differentiability")
        for x, h in CASES:
            move(chart, x, h)
            slope = float(jax.grad(f)(x))
            estimate = (f(x + h) - f(x - h)) / (2 * h)
            expected = {"x": x, "value": f(x), "left": x - h, "right": x + h}
            expected |= {"low": f(x - h), "high": f(x + h)}
            expected |= {"slope": slope, "estimate": estimate, "error": x * h**2 / 2}
            numbers = {name: chart.numbers[name] for name in expected}
            assert numbers == pytest.approx(expected, rel=0, abs=1e-6)

    def test_the_words_tell_when_the_sign_is_wrong(self, interactive):
        chart = interactive("why_differentiability")
        assert "slope −1.000, from probes 0.50 to either side −0.875, off by 0.125" in chart.words
        move(chart, 1.8, 0.4)
        assert "WRONG SIGN" not in chart.words
        move(chart, 1.8, 0.5)
        assert "WRONG SIGN" in chart.words

    def test_keys_and_pointer_move_the_same_point(self, interactive):
        chart = interactive("why_differentiability")
        slider = chart.box.get_by_label("position x of A")
        slider.press("ArrowRight")
        chart.set("probe distance h", 0.5)
        assert chart.numbers["x"] == pytest.approx(1.02)
        chart.drag("x", -1.2)
        assert chart.numbers["x"] == pytest.approx(-1.2)
        assert float(slider.input_value()) == pytest.approx(-1.2)

    @pytest.mark.parametrize(
        ("x", "h", "rate"), [(1.0, 0.5, 0.2), (-2.2, 1.0, 0.5), (2.2, 0.05, 0.05), (0.3, 1.0, 0.3)]
    )
    def test_both_trails_agree_with_gradient_descent(self, interactive, x, h, rate):
        chart = interactive("why_differentiability")
        move(chart, x, h)
        chart.set("learning rate", rate)
        slope = jax.grad(f)
        slopes, probes = [x], [x]
        for step in range(21):
            if step in (0, 1, 7, 20):
                chart.set("steps downhill", step)
                numbers = chart.numbers
                assert numbers["by_slopes"] == pytest.approx(slopes[-1], abs=1e-6)
                assert numbers["by_probes"] == pytest.approx(probes[-1], abs=1e-6)
                assert numbers["reached"] == pytest.approx(f(slopes[-1]), abs=1e-6)
                assert numbers["reached_by_probes"] == pytest.approx(f(probes[-1]), abs=1e-6)
                words = (
                    "1 step by slopes: 1 evaluation," if step == 1 else f"{step} steps by slopes: "
                )
                assert words in chart.words
                assert f"by probes: {2 * step} evaluations" in chart.words
            slopes.append(slopes[-1] - rate * float(slope(slopes[-1])))
            probes.append(probes[-1] - rate * (f(probes[-1] + h) - f(probes[-1] - h)) / (2 * h))
        drawn = chart.box.evaluate(
            "box => [...box.querySelectorAll('.mark-symbol.role-mark path')]"
            ".map(path => path.__data__.datum).filter(row => row.by)"
        )
        for by, price, trail in (("by slopes", 1, slopes), ("by probes", 2, probes)):
            rows = [row for row in drawn if row["by"] == by]
            assert len(rows) == 2 * 21  # on the curve and over the evaluations
            for row in rows:
                place = trail[int(row["step"])]
                assert [row["x"], row["y"]] == pytest.approx([place, f(place)], abs=1e-6)
                assert row["evaluations"] == price * row["step"]

    def test_probes_far_away_lead_into_the_other_valley(self, interactive):
        chart = interactive("why_differentiability")
        move(chart, 0.3, 1)
        chart.set("steps downhill", 20)
        assert chart.numbers["by_slopes"] > 1
        assert chart.numbers["by_probes"] < -1
