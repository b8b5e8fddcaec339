"""Figures of the chapter gradient_estimators."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, INK, MARKERS, MUTED, ORANGE, SERIES, STYLES, subplots


def biases(
    temperatures: Floats,
    moving: Mapping[str, Mapping[str, Floats]],
    still: Mapping[str, Mapping[str, float]],
) -> DescribedFigure:
    """Size of the bias against temperature, a panel a loss, beside estimators without one."""
    figure, panels = subplots(1, len(moving), height=3.3, sharey=True)
    texts = []
    for ax, (loss, curves) in zip(panels, moving.items(), strict=True):
        for k, (name, sizes) in enumerate(curves.items()):
            ax.plot(
                temperatures,
                sizes,
                color=SERIES[k],
                linestyle=STYLES[k],
                marker=MARKERS[k],
                markersize=4,
                label=name,
            )
        for (name, size), color, style in zip(
            still[loss].items(), (INK, MUTED), ("-", (0, (1, 1))), strict=True
        ):
            ax.axhline(size, color=color, linestyle=style, linewidth=1.4, label=name)
        ax.set(title=f"{loss} loss", xlabel="temperature t", xlim=(0, None))
        ends = ", ".join(
            f"{name} from {sizes[0]:.3f} to {sizes[-1]:.3f}" for name, sizes in curves.items()
        )
        flat = ", ".join(f"{name} {size:.3f}" for name, size in still[loss].items())
        texts.append(f"{loss} loss: {ends}; at every temperature {flat}")
    panels[0].set(ylabel="size of the bias", ylim=(-0.02, None))
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3)
    return DescribedFigure(
        figure,
        f"Size of the bias as the temperature rises from {temperatures[0]:.2g} to "
        f"{temperatures[-1]:.2g}, {len(moving)} panels. {'; '.join(texts)}.",
    )


def top_k(inclusion: Floats, hard: Floats, relaxed: Mapping[str, Floats]) -> DescribedFigure:
    """Inclusion probabilities, and one relaxed draw at some temperatures, by class."""
    figure, panels = subplots(1, 1 + len(relaxed), height=2.9, sharey=True)
    classes = np.arange(inclusion.size)
    panels[0].bar(classes, inclusion, width=0.65, color=BLUE)
    panels[0].set(title="inclusion", ylabel="entry")
    for ax, (name, sample) in zip(panels[1:], relaxed.items(), strict=True):
        ax.bar(classes, sample, width=0.65, color=ORANGE)
        ax.set(title=name)
    for ax in panels:
        ax.axhline(1, color=INK, linewidth=1, linestyle=":")
        ax.set(xlabel="class", xticks=classes)
    largest = "; ".join(f"{name} {sample.max():.2f}" for name, sample in relaxed.items())
    drawn = ", ".join(str(k) for k in np.flatnonzero(hard))
    return DescribedFigure(
        figure,
        f"Bars for {inclusion.size} classes. The inclusion probabilities lie between "
        f"{inclusion.min():.2f} and {inclusion.max():.2f} and sum to {inclusion.sum():.2f}. One "
        f"relaxed draw, whose noise draws the classes {drawn}, has as its largest entry: "
        f"{largest}.",
    )


def die_runs(distance: Mapping[str, Floats], num_rolls: int, probs: Floats) -> DescribedFigure:
    """SSE of the learned die against steps, and that of counting the same rolls."""
    figure, axes = subplots(height=3.3)
    texts = []
    for k, (name, mean) in enumerate(distance.items()):
        steps = np.unique(np.geomspace(10, mean.size, 60).astype(int))
        axes.plot(steps, mean[steps - 1], color=SERIES[k], linestyle=STYLES[k], label=name)
        texts.append(f"{name} {mean[-1]:.2g}")
    steps = np.array([10, mean.size])
    counted = (1 - probs @ probs) / (num_rolls * steps)
    axes.plot(steps, counted, color=INK, linewidth=1.4, label="counting")
    axes.set(xscale="log", yscale="log", xlabel="step", ylabel="SSE of the probabilities")
    axes.legend()
    return DescribedFigure(
        figure,
        f"SSE between learned and true probabilities against the step, on log scales, each "
        f"estimator at its best learning rate. After {mean.size} steps: "
        f"{'; '.join(texts)}; counting the same rolls {counted[-1]:.2g}.",
    )
