"""Figures of the chapter without_replacement."""

from __future__ import annotations

import numpy as np

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, GREEN, INK, MARKERS, MUTED, ORANGE, PURPLE, STYLES, subplots

COLORS = (BLUE, ORANGE, GREEN, PURPLE)


def inclusion(names: list[str], probs: Floats, included: Floats) -> DescribedFigure:
    """P(among the k drawn) for each k, and the same over its class's probability.

    Parameters
    ----------
    names : list of str (K,)
    probs : array of shape (K,)
    included : array of shape (K, K)
        A row for each k from 1 to K.
    """
    figure, axes = subplots(1, 2, height=3.0)
    ks = np.arange(1, probs.size + 1)
    shown = (0, 1, 3, probs.size - 1)
    for color, style, marker, i in zip(COLORS, STYLES, MARKERS, shown, strict=True):
        label = f"“{names[i]}”, p = {probs[i]:.2f}"
        line = {"color": color, "linestyle": style, "marker": marker, "markersize": 5}
        axes[0].plot(ks, included[:, i], label=label, **line)
        axes[1].plot(ks, included[:, i] / (ks * probs[i]), **line)
    axes[0].set(xlabel="k, words drawn", ylabel="P(among the k)", ylim=(0, 1.05), xticks=ks)
    axes[1].axhline(1, color=MUTED, linewidth=1)
    axes[1].set(xlabel="k, words drawn", ylabel="the same, over k p", xticks=ks)
    axes[1].set_ylim(0, None)
    figure.legend(loc="outside lower center", ncols=2)
    ends = ", ".join(f"{names[i]} {included[2, i]:.3f}" for i in shown)
    return DescribedFigure(
        figure,
        "Two panels over k, the number of words drawn without replacement. First: the probability "
        f"that a word is among them, which rises to 1. At k = 3: {ends}. Second: that probability "
        "over k times the word's own probability, which starts at 1, falls for the likeliest word "
        f"to {included[-1, 0] / (probs.size * probs[0]):.2f} and rises for the least likely to "
        f"{included[-1, -1] / (probs.size * probs[-1]):.2f}.",
    )


def tree(values: list[Floats], kept: list[list[int]], names: list[str]) -> DescribedFigure:
    """The maxima handed down a tree of three levels, with the beam that is kept at each.

    Parameters
    ----------
    values : list of arrays
        The maximum below each node, a level each, from the root.
    kept : list of lists of int
        The nodes of the beam at each level, the largest first.
    names : list of str
        The leaves.
    """
    figure, axes = subplots(height=3.6)
    size = len(values[1])
    places = [(np.arange(len(level)) + 0.5) / len(level) for level in values]
    depth = len(values) - 1
    for level in range(depth):
        for child in range(len(values[level + 1])):
            parent = child // size
            on = parent in kept[level] and child in kept[level + 1]
            first = parent in kept[level] and np.isclose(
                values[level][parent], values[level + 1][child]
            )
            axes.plot(
                [places[level][parent], places[level + 1][child]],
                [depth - level, depth - level - 1],
                color=BLUE if on else MUTED,
                linewidth=2.6 if first else 0.8,
                linestyle="-" if parent in kept[level] else ":",
                zorder=1,
            )
    for level, (x, numbers) in enumerate(zip(places, values, strict=True)):
        for i, (at, number) in enumerate(zip(x, numbers, strict=True)):
            inside = i in kept[level]
            seen = level == 0 or i // size in kept[level - 1]
            axes.text(
                at,
                depth - level,
                f"{number:.1f}" if seen else "·",
                ha="center",
                va="center",
                color=INK if inside else MUTED,
                fontsize=8.5,
                fontweight="bold" if inside else "normal",
                bbox={
                    "boxstyle": "round,pad=0.25",
                    "facecolor": "white",
                    "edgecolor": BLUE if inside else "none",
                },
            )
    for i, name in enumerate(names):
        axes.text(places[-1][i], -0.35, name, ha="center", va="top", color=INK, fontsize=9)
    axes.set(xlim=(0, 1), ylim=(-0.7, depth + 0.3), xticks=[], yticks=[])
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    words = ", ".join(f"{names[i]} at {values[-1][i]:.2f}" for i in kept[-1])
    return DescribedFigure(
        figure,
        f"A tree with {len(values[-1])} leaves. Each node carries the largest perturbed "
        f"log-probability below it, {values[0][0]:.2f} at the root. One child of each node carries "
        f"the same number, the others less. The beam ends with {words}.",
    )


def spreads(
    temperatures: list[float], spread: dict[str, list[float]], mass: list[float]
) -> DescribedFigure:
    """Standard deviation of estimates against the temperature, and the beam's probability."""
    figure, axes = subplots(1, 2, height=3.2, sharex=True)
    for color, style, marker, (name, numbers) in zip(
        COLORS, STYLES, MARKERS, spread.items(), strict=True
    ):
        line = {"color": color, "linestyle": style, "marker": marker, "markersize": 5}
        axes[0].plot(temperatures, numbers, label=name, **line)
    axes[0].set(xlabel="temperature", ylabel="standard deviation (letters)", ylim=(0, None))
    axes[1].plot(temperatures, mass, color=INK, marker="o", markersize=5)
    axes[1].set(xlabel="temperature", ylabel="probability in the beam", ylim=(0, 1))
    figure.legend(loc="outside lower center", ncols=2)
    ends = "; ".join(f"{name} {v[0]:.2f} and {v[-1]:.2f}" for name, v in spread.items())
    return DescribedFigure(
        figure,
        "Two panels over the temperature of the model. First: the standard deviation of estimates "
        f"of the mean word length, at {temperatures[0]:g} and at {temperatures[-1]:g}: {ends}. "
        f"Second: the probability of the words in the beam, which falls from {mass[0]:.2f} to "
        f"{mass[-1]:.2f}.",
    )
