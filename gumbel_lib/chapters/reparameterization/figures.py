"""Figures of the chapter reparameterization."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from ..._checks import Floats
from ...book.schematic import Box, draw, turned
from ...book.show import DescribedFigure
from ...book.style import BLUE, GREEN, INK, ORANGE, PHONE, PURPLE, SERIES, STYLES, subplots


def network() -> DescribedFigure:
    """The reparameterized network and how far the gradient comes back."""
    boxes = {
        "network": Box(0.6, 1.5, "network", "parameter", 0.95),
        "logits": Box(2.1, 1.5, "logits", "parameter", 0.8),
        "argmax": Box(3.75, 1.5, "argmax of\nlogits + noise", "operation", 1.25),
        "sample": Box(5.4, 1.5, "sample", "value", 0.85),
        "loss": Box(6.75, 1.5, "loss", "loss", 0.7),
        "noise": Box(3.75, 0.4, "Gumbel noise", "noise", 1.25),
    }
    row = ("network", "logits", "argmax", "sample", "loss")
    forward = [*itertools.pairwise(row), ("noise", "argmax")]
    back = [("loss", "sample", True), ("sample", "argmax", True), ("argmax", "logits", False)]
    figure, axes = draw(boxes, forward, back, height=1.95)
    upright, tall = turned(boxes)
    phone, _ = draw(upright, forward, back, width=PHONE, height=tall)
    axes.text(4.55, 0.4, "depends on no parameter:\nneeds no gradient", va="center", fontsize=9)
    axes.text(0.13, 0.4, "dashed: gradient,\nstopped at the cross", va="center", fontsize=9)
    passed = [f"{name} to {other}" for name, other, passes in back if passes]
    stopped = [f"{name} to {other}" for name, other, passes in back if not passes]
    return DescribedFigure(
        figure,
        f"Schematic. Forward: {', '.join(row)}; Gumbel noise enters at the argmax from below. "
        f"The gradient passes back from {' and from '.join(passed)}, and is crossed out from "
        f"{', '.join(stopped)}.",
        phone=phone,
    )


def frozen_normal(noise: Floats) -> DescribedFigure:
    """Samples x = m + s e of frozen noise, as m and as s moves."""
    figure, axes = subplots(1, 2, height=2.8, sharey=True)
    m, s = np.linspace(-1, 1, 2), np.linspace(0, 2, 2)
    for e in noise:
        axes[0].plot(m, m + e, color=BLUE, linewidth=1.4)
        axes[1].plot(s, s * e, color=ORANGE, linewidth=1.4)
    axes[0].set(
        xlabel="location m (scale 1)", ylabel="sample x = m + s e", title="As m moves: slope 1"
    )
    axes[1].set(xlabel="scale s (location 0)", title="As s moves: slope e")
    return DescribedFigure(
        figure,
        f"Two panels of {noise.size} samples with frozen Normal noise. As the location rises all "
        f"lines rise with slope 1; as the scale rises each line has its own slope, its noise, "
        f"from {noise.min():.2f} to {noise.max():.2f}.",
    )


def winners_maximum(
    x: Floats, densities: Mapping[str, Floats], means: Mapping[str, Floats]
) -> DescribedFigure:
    """Density of the maximum, given each winner, and its mean, for each noise law."""
    figure, axes = subplots(1, len(densities), height=2.9, sharey=True)
    for ax, (name, rows) in zip(axes, densities.items(), strict=True):
        for k, density in enumerate(rows):
            look = {"color": SERIES[k], "linewidth": (5.5, 3.0, 2.2)[k % 3]}
            ax.plot(x, density, STYLES[k], label=f"class {k} won", **look)
        ax.set(title=f"{name} noise", xlabel="maximum", xlim=(x[0], x[-1]))
    axes[0].set_ylabel("density given the winner")
    axes[-1].legend(loc="upper right")
    text = "; ".join(
        f"{name} noise, mean given each winner " + ", ".join(f"{mean:.2f}" for mean in row)
        for name, row in means.items()
    )
    return DescribedFigure(
        figure,
        f"Density of the largest perturbed logit given which of {len(rows)} classes won. {text}. "
        "With Gumbel noise the curves are the same.",
    )


def estimates(common: Floats, independent: Floats, exact: float, num_draws: int) -> DescribedFigure:
    """Repeated estimates of a difference with common and with independent noise."""
    figure, axes = subplots(height=2.3)
    rows = ((1, "common noise", common, GREEN, "o"), (0, "independent", independent, PURPLE, "D"))
    for row, _, values, color, marker in rows:
        # Spread by rank, not at random, so that equal values lie beside each other.
        height = row + 0.5 * (np.arange(values.size) * 0.618 % 1 - 0.5)
        axes.plot(values, height, marker, color=color, markersize=3.5, linestyle="none")
    axes.axvline(exact, color=INK, linestyle="--", linewidth=1.4)
    axes.set_yticks([1, 0], [rows[0][1], rows[1][1]])
    axes.grid(axis="y", visible=False)
    axes.set(xlabel="estimate of the difference (dashed: exact)", ylim=(-0.5, 1.5))
    spread = [float(values.std(ddof=1)) for values in (common, independent)]
    return DescribedFigure(
        figure,
        f"{common.size} estimates of a difference of {exact:.3f}, each from {num_draws} pairs of "
        f"draws. Standard deviation {spread[0]:.4f} with common noise and {spread[1]:.4f} with "
        f"independent noise.",
    )
