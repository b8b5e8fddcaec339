"""Figures of the chapter die_revisited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, SERIES, STYLES, subplots
from ...die import LossParts


def _picked(num_steps: int) -> NDArray[np.int64]:
    """Numbers of steps taken, equally spaced on a log axis."""
    return np.unique(np.geomspace(1, num_steps - 1, 110).astype(np.int64))


def _curve(axes: Any, x: Any, sse: Floats, color: str, line: str, label: str) -> None:
    """Mean over replicates with the band from the 10th to the 90th percentile."""
    low, high = np.percentile(sse, (10, 90), axis=1)
    axes.fill_between(x, low, high, color=color, alpha=0.16, linewidth=0)
    axes.plot(x, sse.mean(axis=1), color=color, linestyle=line, label=label)


def _number(value: float, place: int) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:.5f}".rstrip("0")


def _plain(axis: Any) -> None:
    """Ticks of a log axis as plain numbers."""
    axis.set_major_formatter(FuncFormatter(_number))
    axis.set_minor_formatter("")


def longer(runs: Mapping[str, Floats], stopped: int) -> DescribedFigure:
    """SSE curves of long runs, and the step at which a short run stops."""
    figure, axes = subplots(height=3.0)
    parts = []
    for (name, sse), color, line in zip(runs.items(), (BLUE, ORANGE), STYLES, strict=False):
        steps = _picked(len(sse))
        _curve(axes, steps, sse[steps], color, line, name)
        mean = sse.mean(axis=1)
        parts.append(
            f"{name}: it starts at {mean[0]:.3g}, has {mean[stopped]:.2g} after {stopped:,} steps, "
            f"is never below {mean.min():.2g} and ends at {mean[-1]:.2g}"
        )
    axes.axvline(stopped, color=MUTED, linewidth=1)
    axes.set(xscale="log", xlabel="steps taken", ylabel="SSE to the true die", ylim=(0, None))
    _plain(axes.xaxis)
    axes.legend(loc="lower left")
    return DescribedFigure(
        figure,
        f"SSE between learned and true probabilities against the step, mean and 10 to 90 % band. "
        f"{'. '.join(parts)}.",
    )


def clock(runs: Mapping[float, Floats]) -> DescribedFigure:
    """SSE curves at several learning rates, against steps and against rate times step."""
    figure, (left, right) = subplots(1, 2, height=3.0, sharey=True)
    parts = []
    for (rate, sse), color, line in zip(runs.items(), SERIES, STYLES, strict=True):
        steps = _picked(len(sse))
        mean = sse.mean(axis=1)
        least = int(mean.argmin())
        label = f"rate {rate:g}"
        for axes, unit in ((left, 1.0), (right, rate)):
            axes.plot(unit * steps, mean[steps], color=color, linestyle=line, label=label)
            axes.plot(unit * least, mean[least], "o", color=color, markersize=6)
        parts.append(f"rate {rate:g} at a product of about {rate * least:.0f}")
    left.set(xscale="log", xlabel="steps taken", ylabel="SSE to the true die", ylim=(0, None))
    right.set(xscale="log", xlabel="learning rate × step", xlim=(0.1, None))
    for axes in (left, right):
        _plain(axes.xaxis)
    left.legend(loc="lower left")
    return DescribedFigure(
        figure,
        f"SSE at a fixed temperature for {len(runs)} learning rates, first against the step, "
        f"then against learning rate times step, where the curves fall together. The "
        f"least SSE comes for {'; '.join(parts)}.",
    )


def loss_parts(scale: Floats, parts: Sequence[LossParts]) -> DescribedFigure:
    """Parts of the expected loss along logits scaled from uniform through the truth."""
    rolls, bias, variance = np.array(parts).T
    total = rolls + bias + variance
    figure, axes = subplots(height=3.2)
    rows = (
        (total, INK, "-", "expected loss"),
        (variance, PURPLE, "-.", "trace of Cov(b)"),
        (bias, ORANGE, "--", "squared bias of E b"),
        (rolls, GREEN, ":", "rolls"),
    )
    for values, color, line, label in rows:
        axes.plot(scale, values, color=color, linestyle=line, label=label)
    least = int(total.argmin())
    axes.plot(scale[least], total[least], "o", color=INK, markersize=7)
    axes.axvline(1.0, color=MUTED, linewidth=1)
    axes.text(1.03, 0.97, "truth", color=MUTED, va="top", transform=axes.get_xaxis_transform())
    axes.set(xlabel="scale of the logits (0: uniform, large: the mode)", ylabel="expected loss")
    axes.set(ylim=(0, 1.25 * total.max()), xlim=(scale[0], scale[-1]))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    truth = int(np.abs(scale - 1).argmin())
    return DescribedFigure(
        figure,
        f"The expected loss and its three parts against a factor on the true logits. At the truth, "
        f"factor 1, the parts are {rolls[truth]:.3g} for the rolls, {bias[truth]:.3g} for the "
        f"squared bias and {variance[truth]:.3g} for the trace, together {total[truth]:.3g}. The "
        f"trace falls as the factor grows, and the loss is least, {total[least]:.3g}, at factor "
        f"{scale[least]:.3g}.",
    )


def minimiser(temperatures: Floats, found: Floats, probs: Floats) -> DescribedFigure:
    """Probabilities of least expected loss, and their SSE, against the temperature."""
    found = found.round(3)  # a search's last digits differ between processors
    figure, (left, right) = subplots(1, 2, height=3.3, width_ratios=(1.7, 1), sharex=True)
    styles = zip(
        (BLUE, ORANGE, GREEN, PURPLE, INK), ("o", "s", "^", "D", "v"), (0, 2, 4, 1, 3), strict=True
    )
    values = np.unique(probs)[::-1]
    for value, (color, marker, offset) in zip(values, styles, strict=False):
        face = int(np.flatnonzero(probs == value)[0])
        left.axhline(float(value), color=color, linewidth=1, linestyle="--")
        left.plot(
            temperatures,
            found[:, face],
            color=color,
            marker=marker,
            markevery=(offset, 6),
            markersize=5,
            label=f"{value:.2f}",
        )
    left.set(xscale="log", xlabel="temperature", ylabel="probability at the least loss")
    left.legend(
        title="true value (dashed)",
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=5,
        columnspacing=1.0,
        handlelength=1.4,
    )
    sse = ((found - probs) ** 2).sum(axis=1)
    least = int(sse.argmin())
    right.plot(temperatures, sse, color=INK)
    right.plot(temperatures[least], sse[least], "o", color=INK, markersize=7)
    right.set(xlabel="temperature", ylabel="SSE to the true die", ylim=(0, None))
    _plain(right.xaxis)
    mode = int(probs.argmax())
    return DescribedFigure(
        figure,
        f"Two panels against the temperature from {temperatures[0]:.3g} to {temperatures[-1]:.3g}. "
        "First: the probabilities at which the expected loss is least. That of the likeliest "
        f"face, truly {probs[mode]:.3g}, is {found[0, mode]:.3g} at the lowest temperature, at "
        f"least {found[:, mode].min():.3g} in between and {found[-1, mode]:.3g} at the highest. "
        f"Second: their SSE, least at temperature {temperatures[least]:.2g} where it is "
        f"{sse[least]:.2g}; it is never 0.",
    )


def repairs(runs: Mapping[str, Floats]) -> DescribedFigure:
    """SSE curves under several losses."""
    figure, axes = subplots(height=3.4)
    parts = []
    colors = (ORANGE, BLUE, GREEN, PURPLE)
    for (name, sse), color, line in zip(runs.items(), colors, STYLES, strict=True):
        steps = _picked(len(sse))
        _curve(axes, steps, sse[steps], color, line, name)
        parts.append(f"{name} {sse[-1].mean():.2g}")
    axes.set(xscale="log", yscale="log", xlabel="steps taken", ylabel="SSE to the true die")
    axes.set(xlim=(10, None))
    for axis in (axes.xaxis, axes.yaxis):
        _plain(axis)
    axes.legend(loc="lower left")
    return DescribedFigure(
        figure,
        f"SSE between learned and true probabilities against the step for {len(runs)} losses, mean "
        f"and 10 to 90 % band. At the end it is, in the mean: {', '.join(parts)}.",
    )


def counting(
    rolls_seen: Floats, counted: Floats, probs: Floats, runs: Mapping[str, Floats], num_rolls: int
) -> DescribedFigure:
    """SSE against rolls seen: counting with its formula, beside training."""
    figure, axes = subplots(height=3.2)
    exact = (1 - probs @ probs) / rolls_seen
    parts = []
    for (name, sse), color, line in zip(runs.items(), (ORANGE, GREEN), ("--", "-."), strict=False):
        steps = _picked(len(sse))
        mean = sse.mean(axis=1)
        axes.plot(num_rolls * steps, mean[steps], color=color, linestyle=line, label=name)
        parts.append(f"{name} {mean[-1]:.2g}")
    axes.plot(rolls_seen, exact, color=BLUE, label="counting, exact")
    axes.plot(rolls_seen, counted, "o", color=BLUE, markersize=6, label="counting, simulated")
    axes.set(xscale="log", yscale="log", xlabel="rolls seen", ylabel="SSE to the true die")
    for axis in (axes.xaxis, axes.yaxis):
        _plain(axis)
    axes.legend(loc="lower left")
    return DescribedFigure(
        figure,
        f"SSE against the number of rolls seen. Counting falls as one over that number, to "
        f"{exact[-1]:.2g} at {rolls_seen[-1]:,.0f} rolls. Training with as many rolls ends at: "
        f"{', '.join(parts)}.",
    )
