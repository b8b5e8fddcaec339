"""Figures of the chapter why_differentiability."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..._checks import Floats
from ...book.schematic import Box, draw, turned
from ...book.show import DescribedFigure
from ...book.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    NARROW,
    ORANGE,
    PAPER,
    PHONE,
    PURPLE,
    SERIES,
    STYLES,
    subplots,
)

Function = Callable[[Any], Any]

LOW, HIGH = -3.0, 3.0


def _curve(axes: Any, function: Function) -> None:
    x = np.linspace(LOW, HIGH, 241)
    axes.plot(x, function(x), color=BLUE, label="the function")
    axes.set(xlabel="x", xlim=(LOW - 0.15, HIGH + 0.15))


def _legend(axes: Any, where: str, **options: Any) -> None:
    """A legend on paper, so that no grid line runs through its text."""
    axes.legend(loc=where, frameon=True, framealpha=1, edgecolor=PAPER, **options)


def slope_and_probes(
    function: Function, slope: Function, point: float, offsets: Floats
) -> DescribedFigure:
    """The curve, its tangent at A, and probes of the neighbourhood."""
    figure, axes = subplots(width=NARROW, height=3.0)
    _curve(axes, function)
    value, steep = float(function(point)), float(slope(point))
    reach = np.array([-1.1, 1.1])
    axes.plot(point + reach, value + steep * reach, "--", color=INK, label="slope at A")
    probes = point + offsets
    axes.plot(probes, function(probes), "D", color=ORANGE, markersize=6, label="probes near A")
    axes.plot(point, value, "o", color=INK, markersize=8)
    axes.annotate(
        "A", (point, value), (8, 6), textcoords="offset points", fontsize=11, fontweight="bold"
    )
    axes.set_ylabel("f(x)")
    _legend(axes, "upper center")
    side = "right" if steep < 0 else "left"
    return DescribedFigure(
        figure,
        f"A curve with two valleys, the deeper one on the left. At the point A, x = {point:.3g}, "
        f"the dashed tangent has slope {steep:.3g}, so the way down is to the {side}. "
        f"{probes.size} diamonds mark probes of the curve near A, from x = {probes.min():.3g} to "
        f"{probes.max():.3g}.",
    )


def price(dimensions: ArrayLike) -> DescribedFigure:
    """What a value and a gradient cost at one point, in values, against the dimension."""
    d = np.asarray(dimensions, dtype=float)
    figure, axes = subplots(width=NARROW, height=3.0)
    axes.plot(d, d + 1, "s-", color=ORANGE, label="probed: d + 1")
    axes.plot(d, np.full_like(d, 5), "o-", color=BLUE, label="given the slope: at most 5")
    axes.plot(d, np.ones_like(d), ":", color=BLUE, label="the value alone")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(d, [f"{int(value)}" for value in d])
    axes.set_yticks([1, 5, 10, 50], ["1", "5", "10", "50"])
    axes.minorticks_off()
    axes.set(xlabel="number of variables d", ylabel="price in values")
    _legend(axes, "upper left")
    return DescribedFigure(
        figure,
        f"Price of a value and a gradient at one point, in values, against the number of "
        f"variables from {d[0]:.0f} to {d[-1]:.0f}, on logarithmic axes. By probing it rises from "
        f"{d[0] + 1:.0f} to {d[-1] + 1:.0f}. Given the slope it stays at 5 or less. The two cross "
        f"at d = 4. A dotted line marks the price of the value alone, 1.",
    )


def two_searches(
    function: Function, path: Floats, tried: Floats, num_initial: int
) -> DescribedFigure:
    """What Adam and Bayesian optimisation tried on one curve."""
    figure, (left, right) = subplots(1, 2, height=3.2, sharey=True)
    for axes in (left, right):
        _curve(axes, function)
    left.plot(path, function(path), "o", color=ORANGE, markersize=5, markerfacecolor="none")
    left.plot(path[0], function(path[0]), "o", color=INK, markersize=8)
    left.plot(path[-1], function(path[-1]), "*", color=PURPLE, markersize=14)
    left.annotate(
        "start A", (path[0], function(path[0])), (0, 10), textcoords="offset points", ha="center"
    )
    left.annotate(
        "stops", (path[-1], function(path[-1])), (0, -18), textcoords="offset points", ha="center"
    )
    left.set(title="Adam, from A", ylabel="f(x)")
    values = function(tried)
    right.plot(
        tried[:num_initial], values[:num_initial], "D", color=INK, markersize=6, label="at random"
    )
    right.plot(
        tried[num_initial:],
        values[num_initial:],
        "o",
        color=ORANGE,
        markersize=6,
        markerfacecolor="none",
        label="chosen by the model",
    )
    best = int(np.argmin(values))
    right.plot(tried[best], values[best], "*", color=PURPLE, markersize=14, label="best found")
    right.set_title("Bayesian optimisation")
    _legend(right, "upper center")
    return DescribedFigure(
        figure,
        f"Two panels over one curve with two valleys. First: {path.size - 1} steps of Adam start "
        f"at A, x = {path[0]:.3g}, and stop at x = {path[-1]:.3g} with value "
        f"{function(path[-1]):.3g}. Second: Bayesian optimisation tries {tried.size} points all "
        f"over the interval, {num_initial} of them at random, and its best is x = "
        f"{tried[best]:.2g} with value {values[best]:.3g}.",
    )


def kink(slopes: ArrayLike) -> DescribedFigure:
    """ReLU with lines through its kink that stay below it."""
    figure, axes = subplots(width=NARROW, height=2.7)
    x = np.array([-2.0, 0.0, 2.0])
    chosen = np.asarray(slopes, dtype=float)
    lines = ("--", "-.", ":")
    colors = (ORANGE, GREEN, PURPLE)
    axes.plot(x, np.maximum(x, 0), color=BLUE, linewidth=5, alpha=0.75, label="ReLU")
    for slope, line, color in zip(chosen, lines, colors, strict=False):
        axes.plot(x, slope * x, line, color=color, label=f"slope {slope:.3g}")
    axes.plot(0, 0, "o", color=INK, markersize=7)
    axes.set(xlabel="x", ylabel="max(x, 0)", ylim=(-1.2, 2.1))
    _legend(axes, "upper left")
    text = ", ".join(f"{slope:.3g}" for slope in chosen)
    return DescribedFigure(
        figure,
        f"ReLU is 0 to the left of 0 and the identity to the right, with a kink at 0. Lines "
        f"through the kink with slopes {text} never rise above it.",
    )


def sampling_network() -> DescribedFigure:
    """A network that ends in a sample, and how far the gradient comes back."""
    top, row, bottom = 2.35, 1.35, 0.3
    boxes = {
        "input": Box(0.6, row, "input", "value"),
        "layer": Box(2.1, row, "hidden layer", "operation"),
        "logits": Box(3.6, row, "logits", "operation"),
        "sample": Box(5.1, row, "sample", "operation"),
        "loss": Box(6.6, row, "loss", "loss"),
        "w0": Box(2.1, bottom, "weights W0", "parameter"),
        "w1": Box(3.6, bottom, "weights W1", "parameter"),
        "random": Box(5.1, top, "randomness", "noise"),
    }
    forward = [
        ("input", "layer"),
        ("layer", "logits"),
        ("logits", "sample"),
        ("sample", "loss"),
        ("w0", "layer"),
        ("w1", "logits"),
        ("random", "sample"),
    ]
    gradient = [
        ("loss", "sample", True),
        ("sample", "logits", False),
        ("logits", "layer", True),
        ("logits", "w1", True),
        ("layer", "w0", True),
    ]
    figure, _ = draw(boxes, forward, gradient, height=2.65)
    upright, tall = turned(boxes)
    phone, _ = draw(upright, forward, gradient, width=PHONE, height=tall)
    names = [boxes[name].text for name in ("input", "layer", "logits", "sample", "loss")]
    stopped = [(boxes[a].text, boxes[b].text) for a, b, passes in gradient if not passes]
    text = "; ".join(f"from the {a} to the {b}" for a, b in stopped)
    return DescribedFigure(
        figure,
        f"Schematic of a network: {', '.join(names)}, joined by solid arrows from left to right; "
        f"two sets of weights and a source of randomness feed it. Dashed arrows lead the gradient "
        f"back from the loss to the weights. One is crossed out, the one {text}.",
        phone=phone,
    )


def staircase(
    grid: Floats, stairs: Mapping[float, Floats], mean: Floats, at: float, slope: float
) -> DescribedFigure:
    """Loss of the sample for fixed random numbers, and its mean over all of them."""
    figure, (left, right) = subplots(1, 2, height=3.0, sharey=True)
    jumps = 0
    looks = zip(SERIES[1:], ("-", "--", ":"), (4.0, 2.8, 1.8), strict=True)
    for (level, losses), (color, line, width) in zip(stairs.items(), looks, strict=False):
        left.plot(
            grid,
            losses,
            line,
            color=color,
            linewidth=width,
            drawstyle="steps-mid",
            label=f"u = {level:.3g}",
        )
        jumps += int((np.diff(losses) != 0).sum())
    left.set(title="three fixed u", ylabel="loss")
    right.plot(grid, mean, color=BLUE, label="mean loss")
    reach = np.array([-1.2, 1.2])
    here = float(np.interp(at, grid, mean))
    right.plot(at + reach, here + slope * reach, "--", color=INK, label=f"slope {slope:.3g}")
    right.plot(at, here, "o", color=INK, markersize=7)
    right.set_title("mean over all u")
    top = float(max(losses.max() for losses in stairs.values()))
    for axes in (left, right):
        axes.set(xlabel="logit of class 0", ylim=(0.2, 1.35 * top))
        _legend(axes, "upper left", ncols=3 if axes is left else 1, columnspacing=1)
    return DescribedFigure(
        figure,
        f"Loss against the logit of class 0. First: for {len(stairs)} fixed random numbers it is a "
        f"staircase, flat but for {jumps} jumps in all. Second: its mean over random numbers "
        f"climbs smoothly from {mean[0]:.2g} to {mean[-1]:.2g}, with slope {slope:.3g} at logit "
        f"{at:.2g}.",
    )


def running_means(
    runs: Mapping[str, Floats], exact: float, spreads: Mapping[str, float], z: float = 5.0
) -> DescribedFigure:
    """Running means of score-function estimates, a panel for each loss."""
    figure, panels = subplots(1, len(runs), height=3.0, sharey=True)
    texts = []
    for axes, (name, estimates) in zip(panels, runs.items(), strict=True):
        total = estimates.shape[-1]
        count = np.unique(np.geomspace(10, total, 120).astype(int))
        means = (np.cumsum(estimates, axis=-1) / np.arange(1, total + 1))[:, count - 1]
        band = z * spreads[name] / np.sqrt(count)
        axes.fill_between(count, exact - band, exact + band, color=BLUE, alpha=0.15, linewidth=0)
        for row, color, line in zip(means, SERIES[1:], STYLES, strict=False):
            axes.plot(count, row, line, color=color, linewidth=1.3)
        axes.axhline(exact, color=INK, linewidth=1.2, linestyle=":")
        axes.set(title=name, xscale="log", xlabel="draws")
        texts.append(f"{name}: {band[-1]:.2g} after {total:,} draws")
    panels[0].set(ylabel="slope in logit 0", ylim=(exact - 1.5, exact + 1.5))
    panels[0].text(
        0.98,
        0.04,
        f"shaded: z = {z:g} band",
        transform=panels[0].transAxes,
        ha="right",
        color=MUTED,
    )
    return DescribedFigure(
        figure,
        f"Running means of score-function estimates against the number of draws, {len(runs)} "
        f"panels with three runs each, around the exact slope {exact:.3g}. Half-width of the z = "
        f"{z:g} band, {'; '.join(texts)}.",
    )
