"""Figures of the chapter relaxation."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, NullLocator

from ..._checks import Floats
from ...book import schematic
from ...book.show import DescribedFigure
from ...book.style import BLUE, INK, MARKERS, MUTED, ORANGE, PHONE, PURPLE, SERIES, STYLES, subplots
from ...claims import wilson
from ...die import Training


def temperatures(samples: Mapping[float, Floats]) -> DescribedFigure:
    """Bars of the relaxed samples of one noise, by their temperature."""
    figure, axes = subplots(2, -(-len(samples) // 2), height=3.9, sharex=True, sharey=True)
    for ax, (t, sample) in zip(axes.flat, samples.items(), strict=True):
        bars = ax.bar(range(sample.size), sample, width=0.65, color=SERIES[: sample.size])
        ax.bar_label(bars, fmt="%.2f", color=INK, padding=2)
        ax.set(title=f"t = {t:g}", ylim=(0, 1.15), xticks=range(sample.size))
    for ax in axes[-1]:
        ax.set_xlabel("class")
    for ax in axes[:, 0]:
        ax.set_ylabel("relaxed sample b")
    largest = ", ".join(f"{sample.max():.2f} at {t:g}" for t, sample in samples.items())
    order = {tuple(np.argsort(sample).tolist()) for sample in samples.values()}
    return DescribedFigure(
        figure,
        f"Bars of the relaxed sample of one noise at {len(samples)} temperatures. The largest "
        f"entry is {largest}. The order of the entries is "
        f"{'the same' if len(order) == 1 else 'not one'} throughout.",
    )


def near_one_hot(
    values: Floats,
    bounds: Mapping[str, tuple[Floats, Floats]],
    counts: Mapping[str, list[int]],
    total: int,
) -> DescribedFigure:
    """How often the largest entry exceeds a level: exact bounds and simulated counts.

    The counts belong to every n-th of the temperatures.
    """
    figure, axes = subplots(height=3.2)
    inside = tried = 0
    texts = []
    for k, (name, count) in enumerate(counts.items()):
        color, (low, high) = SERIES[k], bounds[name]
        every = len(values) // len(count)
        if np.allclose(low, high):
            axes.plot(values, high, color=color, linestyle=STYLES[k])
        else:
            axes.fill_between(values, low, high, color=color, alpha=0.18, linewidth=0)
        share = np.array(count) / total
        least, most = wilson(count, total)
        axes.errorbar(
            values[::every],
            share,
            np.maximum([share - least, most - share], 0),
            fmt=MARKERS[k],
            color=color,
            markersize=5,
            capsize=2,
            label=name,
        )
        agrees = (most >= low[::every]) & (least <= high[::every])
        inside, tried = inside + int(agrees.sum()), tried + agrees.size
        texts.append(f"{name} from {share[0]:.2f} down to {share[-1]:.2f}")
    axes.set(xscale="log", xlabel="temperature t", ylabel="P(max b > 0.99)", ylim=(-0.03, 1.03))
    axes.set_xlim(float(values[0]) / 1.2, float(values[-1]) * 1.2)
    _plain_ticks(axes.xaxis, axes.get_xlim(), (0.01, 0.03, 0.1, 0.3, 1.0, 3.0))
    axes.legend()
    return DescribedFigure(
        figure,
        f"Share of relaxed samples whose largest entry exceeds 0.99, as the temperature rises from "
        f"{values[0]:.2g} to {values[-1]:.2g}: {'; '.join(texts)}. {inside} of {tried} simulated "
        "shares agree with the exact bounds.",
    )


def _plain_ticks(axis: Axis, limits: tuple[float, float], places: tuple[float, ...]) -> None:
    """Ticks at these places of a logarithmic axis, written as plain numbers."""
    axis.set_major_locator(FixedLocator([p for p in places if limits[0] <= p <= limits[1]]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:g}")


def network() -> DescribedFigure:
    """The network with the relaxed sample: every arrow back gets through."""
    row = 1.35
    names = ("weights", "logits", "sum", "softmax", "sample", "loss")
    texts = ("network\nweights", "logits l", "l + g", "softmax\nat t", "sample b", "loss f(b)")
    roles = ("parameter", "value", "operation", "operation", "value", "loss")
    boxes = {
        name: schematic.Box(0.56 + 1.216 * k, row, text, role, 0.9)
        for k, (name, text, role) in enumerate(zip(names, texts, roles, strict=True))
    }
    boxes["noise"] = schematic.Box(boxes["sum"].x, 0.35, "noise g", "noise", 0.9)
    forward = [*itertools.pairwise(names), ("noise", "sum")]
    backward = [(after, before, True) for before, after in itertools.pairwise(names)]
    figure, _ = schematic.draw(boxes, forward, backward, height=1.75)
    upright, tall = schematic.turned(boxes)
    phone, _ = schematic.draw(upright, forward, backward, width=PHONE, height=tall)
    passed = sum(passes for _, _, passes in backward)
    return DescribedFigure(
        figure,
        "Boxes from left to right: network weights, logits l, the sum l + g, softmax at t, "
        f"relaxed sample b, loss. Noise g enters the sum from below. The gradient passes {passed} "
        f"of {len(backward)} arrows from the loss back to the weights; no arrow leads to the "
        "noise.",
        phone=phone,
    )


def simplex(
    values: tuple[float, ...], samples: Floats, means: Floats, probs: Floats
) -> DescribedFigure:
    """Clouds of relaxed samples of three classes, with their mean and the probabilities."""
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
    figure, axes = subplots(1, len(values), height=2.85)
    for ax, t, sample, mean in zip(axes, values, samples, means, strict=True):
        ax.fill(*corners.T, facecolor="none", edgecolor=MUTED, linewidth=1.2)
        for k in range(len(corners)):
            points = sample[sample.argmax(axis=-1) == k] @ corners
            ax.plot(
                *points.T,
                MARKERS[k],
                color=SERIES[k],
                markersize=3.5,
                alpha=0.6,
                markeredgewidth=0,
                label=f"class {k} wins",
            )
        ax.plot(*(mean @ corners), "D", color=PURPLE, markersize=9, label="mean of b")
        ax.plot(
            *(probs @ corners),
            "+",
            color=INK,
            markersize=13,
            markeredgewidth=2.2,
            label="softmax(l)",
        )
        for k, (x, y) in enumerate(corners):
            ax.text(x, y + (0.06 if k == 2 else -0.13), f"class {k}", ha="center", fontsize=9)
        ax.set(title=f"t = {t:g}", xlim=(-0.2, 1.2), ylim=(-0.18, 1.02), aspect="equal")
        ax.axis("off")
    handles, names = axes[0].get_legend_handles_labels()
    legend = figure.legend(handles, names, loc="outside lower center", ncols=5)
    for line in legend.get_lines()[: len(corners)]:
        line.set(markersize=6, alpha=1)
    places = "; ".join(
        f"at {t:g} ({', '.join(f'{entry:.2f}' for entry in mean)})"
        for t, mean in zip(values, means, strict=True)
    )
    target = ", ".join(f"{p:.2f}" for p in probs)
    return DescribedFigure(
        figure,
        f"Relaxed samples of three classes as points of a triangle, {samples.shape[1]} a panel, at "
        f"{len(values)} temperatures, marked by the class of their largest entry. The cloud sits "
        f"in the corners when cold and gathers in the middle when hot. Its mean: {places}; the "
        f"probabilities are ({target}).",
    )


def mean_and_variance(
    values: Floats, means: Floats, variance: Floats, probs: Floats
) -> DescribedFigure:
    """Mean of each entry, and bias and variance of the relaxed sample, against temperature."""
    bias = ((means - probs) ** 2).sum(axis=1)
    figure, (left, right) = subplots(1, 2, height=3.0)
    for k in range(probs.size):
        left.plot(values, means[:, k], color=SERIES[k], linestyle=STYLES[k], label=f"class {k}")
        left.plot(values[0], probs[k], MARKERS[k], color=SERIES[k], markersize=7)
    left.axhline(1 / probs.size, color=MUTED, linewidth=1)
    left.set(title="mean of b", ylim=(0, 0.75))
    left.legend(ncols=probs.size, handlelength=1.6, columnspacing=1.0, loc="upper center")
    right.plot(values, variance, color=BLUE, label="variance, all entries")
    right.plot(values, bias, color=ORANGE, linestyle="--", label="squared bias")
    limit = 1 - probs @ probs
    right.plot(values[0], limit, "o", color=BLUE, markersize=7)
    right.set(title="variance and bias of b", ylim=(0, 0.7))
    right.legend()
    for ax in (left, right):
        ax.set(xscale="log", xlabel="temperature t")
        _plain_ticks(ax.xaxis, ax.get_xlim(), (0.01, 0.1, 1.0, 10.0))
    last = float(values[-1])
    return DescribedFigure(
        figure,
        f"Two panels against temperature. Means of the {probs.size} entries go from "
        f"{', '.join(f'{p:.2f}' for p in means[0])} at {values[0]:g} to "
        f"{', '.join(f'{p:.2f}' for p in means[-1])} at {last:g}. The summed variance falls from "
        f"{variance[0]:.3f} (limit {limit:.3f}) to {variance[-1]:.3f}, while the squared bias "
        f"rises from {bias[0]:.1g} to {bias[-1]:.3f}.",
    )


def tradeoff(values: Floats, bias: Mapping[str, Floats], spread: Floats) -> DescribedFigure:
    """Bias of the relaxed gradient under some losses, and its standard deviation."""
    figure, (left, right) = subplots(1, 2, height=3.0)
    for k, (name, sizes) in enumerate(bias.items()):
        look = {"color": SERIES[k], "linestyle": STYLES[k], "marker": MARKERS[k]}
        left.plot(values, sizes, markersize=5, label=name, **look)
    left.set(title="size of the bias", ylim=(0, None))
    left.legend()
    right.plot(values, spread, "o-", color=BLUE, markersize=5, label="squared error")
    guide = spread[0] * np.sqrt(values[0] / values)
    right.plot(values, guide, color=PURPLE, linestyle=":", label="proportional to 1/√t")
    right.set(title="standard deviation, all entries", yscale="log")
    _plain_ticks(right.yaxis, right.get_ylim(), (0.01, 0.03, 0.1, 0.3, 1.0, 3.0))
    right.legend()
    for ax in (left, right):
        ax.set(xscale="log", xlabel="temperature t")
        _plain_ticks(ax.xaxis, ax.get_xlim(), (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0))
    shown = "; ".join(
        f"{name} "
        + ", ".join(f"{size:.3f} at {t:.2g}" for t, size in zip(values, sizes, strict=True))
        for name, sizes in bias.items()
    )
    return DescribedFigure(
        figure,
        f"Two panels against temperature. Size of the gradient's bias: {shown}. The standard "
        f"deviation falls from {spread[0]:.2g} at {values[0]:.2g} to {spread[-1]:.2g} at "
        f"{values[-1]:.2g}.",
    )


def schedules(runs: Mapping[str, Training]) -> DescribedFigure:
    """Error of the learned die during training, with a band over the replicates."""
    figure, axes = subplots(height=3.1)
    ends = []
    for k, (name, run) in enumerate(runs.items()):
        steps = np.linspace(0, len(run.distance) - 1, 100).astype(int)
        mean = run.distance[steps].mean(axis=1)
        error = 2 * run.distance[steps].std(axis=1, ddof=1) / np.sqrt(run.distance.shape[1])
        axes.plot(steps, mean, color=SERIES[k], linestyle=STYLES[k], label=name)
        axes.fill_between(
            steps, mean - error, mean + error, color=SERIES[k], alpha=0.2, linewidth=0
        )
        ends.append(f"{name} {mean[-1]:.4f}")
    axes.set(xlabel="step", ylabel="squared error", ylim=(0, None), xlim=(0, None))
    axes.legend()
    return DescribedFigure(
        figure,
        f"Squared error of the learned probabilities during training, mean of "
        f"{run.distance.shape[1]} replicates, under {len(runs)} temperature schedules. Before the "
        f"last step: {'; '.join(ends)}.",
    )
