"""Figures of the chapter conditional_gumbels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from scipy import stats

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, FULL, GREEN, INK, MUTED, NARROW, ORANGE, subplots


def posterior(p: float, winner: Floats, other: Floats) -> DescribedFigure:
    """Draws of a class's posterior noise, as it won and as another class won, and the densities.

    `p` is the probability of the class, `winner` and `other` the two arrays of draws.
    """
    x = np.linspace(-3, 7, 201)
    time = np.exp(-x)
    won = stats.gumbel_r(-np.log(p)).pdf(x)
    # The prior is the mixture of the two.
    lost = (stats.gumbel_r.pdf(x) - p * won) / (1 - p)
    figure, axes = subplots(width=NARROW, height=3.0)
    bins = np.linspace(-3, 7, 41)
    for draws, color in ((winner, ORANGE), (other, BLUE)):
        axes.hist(draws, bins, density=True, color=color, alpha=0.25)
    axes.plot(x, won, color=ORANGE, label="this class won")
    axes.plot(x, lost, "--", color=BLUE, label="another class won")
    axes.plot(x, time * np.exp(-time), ":", color=INK, label="nothing is known")
    axes.set(xlabel="noise of the class", ylabel="density")
    axes.legend()
    return DescribedFigure(
        figure,
        f"Densities of the noise of a class of probability {p:g}, over histograms of "
        f"{winner.size:,} draws each. The standard Gumbel's is highest at 0. If the class won, it "
        f"is the same curve moved right by {-np.log(p):.3g}; the draws have the mean "
        f"{winner.mean():.2f}. If another class won, it lies further left; the draws have the mean "
        f"{other.mean():.2f}.",
    )


def _matrix(axes: Axes, joint: Floats, ratio: Floats) -> None:
    size = len(joint)
    joint = np.where(joint < 1e-12, 0.0, joint)  # rounding
    for i in range(size):
        for j in range(size):
            kept, stable = i == j, ratio[i] >= ratio[j]
            color = GREEN if kept else ORANGE if stable else BLUE
            depth = 0.15 + 0.85 * min(1.0, joint[i, j] / 0.3) if joint[i, j] else 0.0
            axes.add_patch(
                Rectangle((j - 0.47, i - 0.47), 0.94, 0.94, color=color, alpha=0.5 * depth, lw=0)
            )
            text = f"{joint[i, j]:.2f}".removeprefix("0") if joint[i, j] else "0"
            bad = stable and not kept and joint[i, j] > 0
            axes.text(
                j, i, text, ha="center", va="center", weight="bold" if bad else "normal", fontsize=9
            )
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    axes.set(xticks=range(size), yticks=range(size))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def couplings(joints: Mapping[str, Floats], p: Floats, q: Floats) -> DescribedFigure:
    """Joint laws as tinted matrices, a panel each; masses that break stability in bold."""
    figure, axes = subplots(1, len(joints), width=FULL, height=2.5, sharey=True)
    ratio = q / p
    told = []
    for ax, (name, joint) in zip(axes, joints.items(), strict=True):
        _matrix(ax, joint, ratio)
        broken = (ratio[:, None] >= ratio) & ~np.eye(p.size, dtype=bool)
        ax.set_title(name)
        ax.set_xlabel("class under q")
        told.append(
            f"{name}: agree {np.trace(joint):.3f}, against stability {joint[broken].sum():.2f}"
        )
    axes[0].set_ylabel("class under p")
    return DescribedFigure(
        figure,
        f"Joint laws of the classes under p and under q as matrices of {p.size} classes, "
        f"{len(joints)} panels. " + "; ".join(told) + ".",
    )


def agreement(distance: Floats, shared: Mapping[str, Floats]) -> DescribedFigure:
    """Agreement of random pairs against their total variation distance, between its bounds."""
    figure, axes = subplots(width=NARROW, height=3.3)
    x = np.linspace(0, 1, 101)
    axes.plot(x, 1 - x, color=INK, label="most possible, 1 − TV")
    axes.plot(x, (1 - x) / (1 + x), "--", color=MUTED, label="bound, (1 − TV)/(1 + TV)")
    for (name, value), color, mark in zip(shared.items(), (BLUE, ORANGE), ("o", "x"), strict=True):
        axes.plot(distance, value, mark, color=color, markersize=3.5, alpha=0.8, label=name)
    axes.set(xlabel="total variation distance TV", ylabel="P(the same class)", ylim=(0, 1.02))
    axes.legend(fontsize=8.5)
    least = (1 - distance) / (1 + distance)
    told = ", ".join(
        f"{name} lies below the bound in {np.mean(value < least - 1e-12):.0%}"
        for name, value in shared.items()
    )
    return DescribedFigure(
        figure,
        f"Probability of the same class against the total variation distance for {distance.size} "
        f"random pairs of models, with the curves 1 - TV above and (1 - TV)/(1 + TV) below: {told} "
        "of the pairs.",
    )
