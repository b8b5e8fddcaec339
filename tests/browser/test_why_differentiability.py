"""The interactive of why_differentiability agrees with JAX."""

import jax
import pytest

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)

CASES = [(1.0, 1.0), (-2.2, 1.0), (2.2, 0.05), (0.0, 0.7), (1.8, 0.4), (1.8, 0.5), (-1.14, 0.35)]


def f(x):
    return x**4 / 8 - x**2 + x / 2


def move(chart, x, h):
    chart.set("position x of A", x)
    chart.set("probe distance h", h)


def test_slope_and_probes_agree_with_jax(interactive):
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


def test_the_words_tell_when_the_sign_is_wrong(interactive):
    chart = interactive("why_differentiability")
    assert "slope at A: −1.000 (1 slope)" in chart.words
    assert "−0.875 (2 values), off by 0.125" in chart.words
    move(chart, 1.8, 0.4)
    assert "WRONG SIGN" not in chart.words
    move(chart, 1.8, 0.5)
    assert "WRONG SIGN" in chart.words


def test_keys_and_pointer_move_the_same_point(interactive):
    chart = interactive("why_differentiability")
    slider = chart.box.get_by_label("position x of A")
    slider.press("ArrowRight")
    chart.set("probe distance h", 0.5)
    assert chart.numbers["x"] == pytest.approx(1.02)

    strips = chart.box.locator(".strips_marks path")
    start, stop = (strips.nth(k).bounding_box() for k in (50, 170))  # x = -1.2 and x = 1.2
    height = start["y"] + start["height"] / 2
    mouse = chart.page.mouse
    mouse.move(start["x"] + start["width"] / 2, height)
    mouse.down()
    mouse.move(stop["x"] + stop["width"] / 2, height, steps=5)
    mouse.up()
    mouse.move(start["x"], height)
    chart.set("probe distance h", 0.6)
    assert chart.numbers["x"] == pytest.approx(1.2)
    assert float(slider.input_value()) == pytest.approx(1.2)
