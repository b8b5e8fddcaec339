"""Figures of the chapter die_training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from scipy import stats

from ..._checks import Floats
from ...book.schematic import Box, draw, turned
from ...book.show import DescribedFigure
from ...book.style import BLUE, GREEN, INK, MUTED, ORANGE, PAPER, PHONE, PURPLE, subplots
from ...die import Training

# Two of the six faces share a probability, so line style and end label tell the lines apart.
FACES = (
    (MUTED, "-"),
    (PURPLE, "--"),
    (GREEN, "-"),
    (GREEN, "-."),
    (ORANGE, "-"),
    (BLUE, "-"),
)


def _list(values: Any, spec: str = ".3g") -> str:
    return ", ".join(f"{value:{spec}}" for value in values)


def single_index() -> DescribedFigure:
    """The chain of transforms, drawn for one index, with the gradient's way back."""
    boxes = {
        "l": Box(0.75, 0.5, "logit lᵢ", "parameter", 1.1),
        "g": Box(2.6, 1.55, "noise gᵢ", "noise", 1.1),
        "a": Box(2.6, 0.5, "aᵢ = lᵢ + gᵢ", "operation", 1.2),
        "t": Box(4.55, 1.55, "temperature t", "value", 1.3),
        "b": Box(4.55, 0.5, "bᵢ, softmax", "operation", 1.2),
        "y": Box(6.45, 1.55, "rolls yᵢ", "value", 1.1),
        "R": Box(6.45, 0.5, "loss R", "loss", 1.1),
    }
    forward = [("l", "a"), ("g", "a"), ("a", "b"), ("t", "b"), ("b", "R"), ("y", "R")]
    back = [("R", "b", True), ("b", "a", True), ("a", "l", True)]
    figure, _ = draw(boxes, forward, back, height=2.0)
    upright, tall = turned(boxes)
    phone, _ = draw(upright, forward, back, width=PHONE, height=tall)
    return DescribedFigure(
        figure,
        "Schematic of the transforms of one index: the logit l_i and the noise g_i add up to a_i; "
        "the softmax at temperature t makes it b_i; b_i and the observation y_i enter the loss R. "
        "Dashed arrows carry the gradient back from R over b_i and a_i to l_i, and none to g_i.",
        phone=phone,
    )


def every_index() -> DescribedFigure:
    """The same chain for three indices: every b depends on every a."""
    boxes = {"R": Box(6.55, 1.6, "loss R", "loss", 0.9)}
    names = ("₀", "₁", "₂")
    for row, name in enumerate(names):
        y = 2.7 - 1.1 * row
        boxes |= {
            f"l{row}": Box(0.6, y, f"l{name}", "parameter", 0.7),
            f"a{row}": Box(2.4, y, f"a{name}", "operation", 0.7),
            f"b{row}": Box(4.8, y, f"b{name}", "operation", 0.7),
        }
    rows = range(len(names))
    forward = [(f"l{row}", f"a{row}") for row in rows]
    forward += [(f"a{i}", f"b{j}") for i in rows for j in rows]
    forward += [(f"b{row}", "R") for row in rows]
    figure, axes = draw(boxes, forward, height=3.2)
    upright, tall = turned(boxes)
    phone, _ = draw(upright, forward, width=PHONE, height=tall)
    for x, text in ((1.5, "add noise"), (3.6, "softmax"), (5.65, "compare")):
        axes.text(x, 3.02, text, ha="center", va="center", fontsize=9, color=MUTED)
    return DescribedFigure(
        figure,
        "Schematic of the same transforms for three indices. One arrow leads from each l to its "
        "own a; nine arrows lead from every a to every b; three lead from the b to the loss R.",
        phone=phone,
    )


def jacobians(adding: Floats, softmax: Floats) -> DescribedFigure:
    """Two Jacobians as fields of squares, their area the size, marker and colour the sign."""
    figure, axes = subplots(1, 2, height=3.3)
    titles = ("∂a/∂l: adding noise", "∂b/∂a: the softmax")
    for ax, matrix, title in zip(axes, (adding, softmax), titles, strict=True):
        size = matrix.shape[0]
        scale = np.abs(matrix).max()
        for row in range(size):
            for column in range(size):
                value = float(matrix[row, column])
                if value == 0:
                    continue
                ax.plot(
                    column,
                    row,
                    "s" if value > 0 else "D",
                    color=BLUE if value > 0 else ORANGE,
                    markerfacecolor=BLUE if value > 0 else PAPER,
                    markersize=max(
                        1.5, 20 * np.sqrt(abs(value) / scale) * (1 if value > 0 else 0.8)
                    ),
                    markeredgewidth=0.0 if value > 0 else 1.4,
                )
        ax.set(
            title=title,
            xticks=range(size),
            yticks=range(size),
            xlim=(-0.7, size - 0.3),
            ylim=(size - 0.3, -0.7),
            aspect="equal",
        )
        ax.grid(visible=False)
    axes[0].set(xlabel="j, of the logit", ylabel="i, of a")
    axes[1].set(xlabel="i, of a", ylabel="j, of b")
    off = softmax[~np.eye(len(softmax), dtype=bool)]
    return DescribedFigure(
        figure,
        f"Two Jacobians of size {len(adding)}. Adding noise: {np.count_nonzero(adding)} entries "
        f"differ from 0, all on the diagonal and equal to {adding.max():.3g}. Softmax: diagonal "
        f"{_list(np.diag(softmax), '.2f')}, all positive; all {off.size} other entries negative, "
        f"down to {off.min():.2f}.",
    )


def two_errors(loss: Any, distance: Any, window: int = 50) -> DescribedFigure:
    """The loss of each step of a run, and the distance before the first step and after each."""
    figure, axes = subplots(height=3.1)
    loss, distance = np.asarray(loss), np.asarray(distance)
    steps = np.arange(loss.size)
    axes.plot(steps[::4], loss[::4], ".", color=ORANGE, markersize=4, alpha=0.6)
    blocks = loss.reshape(-1, window).mean(axis=1)
    centres = steps.reshape(-1, window).mean(axis=1)
    axes.plot(
        centres, blocks, "-s", color=ORANGE, markersize=5, label=f"loss, mean of {window} steps"
    )
    axes.plot(np.arange(distance.size)[::4], distance[::4], color=BLUE, label="distance")
    axes.set(yscale="log", xlabel="step", ylabel="sum of squared errors", xlim=(0, loss.size))
    axes.set_ylim(0.5 * distance.min(), 4 * loss.max())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(loc="upper left", ncols=2)
    return DescribedFigure(
        figure,
        f"Loss and distance over {loss.size} steps of one run, on a logarithmic scale. The loss "
        f"of a single relaxed sample scatters between {loss.min():.2g} and {loss.max():.2g}; its "
        f"mean over {window} steps goes from {blocks[0]:.2g} to {blocks[-1]:.2g}. The SSE between "
        f"the softmax of the logits and the die falls from {distance[0]:.2g} to "
        f"{distance[-1]:.2g}.",
    )


def learned_path(path: Any, probs: Floats) -> DescribedFigure:
    """The learned probabilities of one run, step by step, against the die."""
    path = np.asarray(path)
    figure, axes = subplots(height=3.3)
    steps = np.arange(len(path))
    shown = slice(None, None, 4)
    end = len(path) - 1
    die = 1.13 * end
    for face, (color, line) in enumerate(FACES):
        last, truth = path[-1, face], probs[face]
        axes.plot(steps[shown], path[shown, face], color=color, linestyle=line)
        axes.plot([end, die], [last, truth], color=color, linestyle=":", linewidth=1.2)
        axes.plot(die, truth, "D", color=color, markersize=6)
    for truth in np.unique(probs):
        faces = np.flatnonzero(probs == truth)
        text = f"face{'s' if faces.size > 1 else ''} {', '.join(map(str, faces))}"
        axes.annotate(
            text, (die, truth), (8, 0), textcoords="offset points", fontsize=9, va="center"
        )
    axes.axvline(end, color=MUTED, linewidth=1)
    axes.text(die, 1.08 * probs.max(), "die", ha="center", fontsize=9, weight="bold")
    axes.set(xlabel="step", ylabel="softmax(logits)", xlim=(0, 1.3 * end))
    axes.set(ylim=(0, 1.2 * probs.max()), xticks=np.linspace(0, end, 6))
    return DescribedFigure(
        figure,
        f"Learned probabilities of {probs.size} faces over {end} steps of one run, all from "
        f"{path[0, 0]:.3g}. They end at {_list(path[-1])}; the die has {_list(probs)}.",
    )


def two_programs(script: Floats, library: Floats) -> DescribedFigure:
    """Distribution of the final distance in runs of the article's program and of `die.train`."""
    figure, axes = subplots(height=2.7)
    parts = []
    runs = {"the article's program": script, "die.train": library}
    for (name, sse), color, line in zip(runs.items(), (ORANGE, BLUE), ("-", "--"), strict=True):
        label = f"{name}, {sse.size} runs"
        # 101 quantiles draw the same curve as 1000 runs, with a tenth of the points.
        shown = np.quantile(sse, np.linspace(0, 1, 101)) if sse.size > 101 else sse
        sns.ecdfplot(x=shown, ax=axes, color=color, linestyle=line, label=label)
        middle, low, high = np.quantile(sse, [0.5, 0.1, 0.9])
        parts.append(f"{label}, median {middle:.2g}, 10 to 90% {low:.2g} to {high:.2g}")
    axes.set(xlabel="distance (SSE) after 1000 steps", ylabel="share of runs below")
    axes.legend(loc="lower right")
    return DescribedFigure(
        figure,
        f"Cumulative distribution of the final distance: {'; '.join(parts)}. The largest gap "
        f"between the two is {stats.ks_2samp(script, library).statistic:.2f}.",
    )


def bars(learned: Floats, probs: Floats) -> DescribedFigure:
    """Initial, learned and true probabilities, with the spread over replicates."""
    replicates, faces = learned.shape
    kinds = {
        "initial": np.full((1, faces), 1 / faces),
        f"learned, mean of {replicates} runs": learned,
        "true": probs[None],
    }
    rows = [
        {"face": f"face {face}", "probability": value, "kind": kind}
        for kind, runs in kinds.items()
        for run in runs
        for face, value in enumerate(run)
    ]
    figure, axes = subplots(height=3.1)
    sns.barplot(
        pd.DataFrame(rows),
        x="face",
        y="probability",
        hue="kind",
        palette=(PAPER, ORANGE, BLUE),
        saturation=1,
        errorbar=("pi", 80),
        capsize=0.35,
        err_kws={"color": INK, "linewidth": 1.4},
        ax=axes,
    )
    # A colour is not enough to tell the bars apart.
    initial, _, true = axes.containers
    for bar in initial:
        bar.set(edgecolor=MUTED, linewidth=1.2)
    for bar in true:
        bar.set(hatch="//", edgecolor=PAPER)
    mean, (low, high) = learned.mean(axis=0), np.quantile(learned, [0.1, 0.9], axis=0)
    axes.set(xlabel="", ylim=(0, 1.12 * max(high.max(), probs.max())))
    title = "whiskers: 10 to 90% of the runs"
    axes.legend(axes.containers, kinds, loc="upper left", title=title, alignment="left")
    return DescribedFigure(
        figure,
        f"Bars of initial, learned and true probabilities. Initial: {1 / faces:.3g} for each of "
        f"{faces} faces. Learned, mean of {replicates} runs: {_list(mean)}; 10 to 90% of the "
        f"runs: {', '.join(f'{a:.2f} to {b:.2f}' for a, b in zip(low, high, strict=True))}. "
        f"True: {_list(probs)}.",
    )


def _band(axes: Any, sse: Floats, color: str, line: str, label: str) -> tuple[Floats, Floats]:
    """Median and 10 to 90% band over replicates, against the step."""
    steps = np.unique(np.linspace(0, len(sse) - 1, 200).astype(int))
    low, middle, high = np.quantile(sse, [0.1, 0.5, 0.9], axis=1)
    axes.fill_between(steps, low[steps], high[steps], color=color, alpha=0.2, linewidth=0)
    axes.plot(steps, middle[steps], color=color, linestyle=line, label=label)
    return middle, np.stack([low, high])


def sse_curve(run: Training) -> DescribedFigure:
    """SSE over the steps with its band, and the temperature below it."""
    figure, (upper, lower) = subplots(
        2, 1, height=4.0, sharex=True, gridspec_kw={"height_ratios": [2.3, 1]}
    )
    middle, band = _band(upper, run.distance, BLUE, "-", "median, 10 to 90% of the runs")
    upper.set(ylabel="distance (SSE)", ylim=(0, None), title="distance from the truth")
    upper.legend(loc="upper right")
    steps = np.arange(0, len(run.temperatures), 10)
    lower.plot(steps, run.temperatures[steps], color=GREEN)
    lower.set(xlabel="step", ylabel="t", ylim=(0, None), title="temperature")
    lower.set_xlim(0, len(run.distance))
    return DescribedFigure(
        figure,
        "Above: SSE between the softmax of the logits and the die in "
        f"{run.distance.shape[1]} runs of {len(run.distance)} steps; "
        f"the median falls from {middle[0]:.3g} over "
        f"{middle[len(middle) // 2]:.2g} halfway to {middle[-1]:.2g}, with 10 to 90% of the runs "
        f"from {band[0, -1]:.2g} to {band[1, -1]:.2g} at the end. Below: the temperature falls "
        f"from {run.temperatures[0]:.3g} to {run.temperatures[-1]:.3g}.",
    )


def optimizers(runs: Mapping[str, Training]) -> DescribedFigure:
    """SSE over the steps under several optimizers, each with its band."""
    figure, axes = subplots(height=3.3)
    parts = []
    looks = ((BLUE, "-"), (GREEN, "-."), (ORANGE, "--"))
    for (name, run), (color, line) in zip(runs.items(), looks, strict=True):
        middle, _ = _band(axes, run.distance, color, line, name)
        lowest = int(middle.argmin())
        parts.append(
            f"{name} least {middle[lowest]:.2g} near step {round(lowest, -1)}, end {middle[-1]:.2g}"
        )
    axes.set(yscale="log", xlabel="step", ylabel="distance (SSE)", xlim=(0, len(run.distance)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)
    return DescribedFigure(
        figure,
        f"SSE between the softmax of the logits and the die under {len(parts)} optimisers, "
        f"median and 10 to 90% band over the runs, on a logarithmic scale: {'; '.join(parts)}.",
    )
