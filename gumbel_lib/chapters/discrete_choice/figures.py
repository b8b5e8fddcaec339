"""Figures of the chapter discrete_choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, INK, MARKERS, MUTED, NARROW, ORANGE, SERIES, STYLES, subplots


def car_share(dissimilarity: Floats, share: Floats) -> DescribedFigure:
    """The car's share beside two buses against the dissimilarity of their nest."""
    figure, axes = subplots(width=NARROW, height=2.7)
    axes.plot(dissimilarity, share, color=BLUE, label="nested logit")
    axes.axhline(1 / 2, color=INK, linestyle=STYLES[1], linewidth=1.4, label="one bus")
    axes.axhline(1 / 3, color=MUTED, linestyle=STYLES[3], linewidth=1.4, label="logit, two buses")
    axes.set(xlabel="dissimilarity λ", ylabel="share of the car", xlim=(0, 1), ylim=(0.3, 0.55))
    axes.legend(loc=(0.02, 0.2))
    return DescribedFigure(
        figure,
        f"Share of the car against the dissimilarity of the two buses. It falls from "
        f"{share[0]:.3f} at {dissimilarity[0]:.2f} to {share[-1]:.3f} at {dissimilarity[-1]:.2f}. "
        "Lines at 1/2, the share beside one bus, and at 1/3, that of the logit beside two.",
    )


def gains(modes: Sequence[str], shares: Mapping[str, Floats]) -> DescribedFigure:
    """What each mode that is left gains, by model."""
    figure, axes = subplots(width=NARROW, height=2.7)
    place = np.arange(len(modes))
    width = 0.8 / len(shares)
    texts = []
    for i, (name, gained) in enumerate(shares.items()):
        at = place + (i - (len(shares) - 1) / 2) * width
        hatch = ("", "//")[i % 2]
        bars = axes.bar(
            at, gained, 0.9 * width, color=(SERIES[i], 0.35), edgecolor=SERIES[i], hatch=hatch
        )
        bars.set_label(name)
        axes.bar_label(bars, fmt="%.3f", color=INK, padding=2, fontsize=8)
        pairs = ", ".join(f"{mode} {gain:.3f}" for mode, gain in zip(modes, gained, strict=True))
        texts.append(f"{name}: {pairs}")
    axes.set_xticks(place, list(modes))
    top = 1.2 * max(gained.max() for gained in shares.values())
    axes.set(ylabel="share gained", ylim=(0, top))
    axes.legend()
    return DescribedFigure(
        figure, f"Bars of the share that each mode gains, by model. {'; '.join(texts)}."
    )


def quadrature(nodes: Sequence[int], errors: Mapping[str, Floats]) -> DescribedFigure:
    """Error of a log-likelihood against the number of nodes, by rule."""
    figure, axes = subplots(width=NARROW, height=2.8)
    axes.axhline(0, color=INK, linewidth=1)
    texts = []
    for i, ((name, error), color) in enumerate(zip(errors.items(), (ORANGE, BLUE), strict=True)):
        axes.plot(
            nodes, error, color=color, linestyle=STYLES[i], marker=MARKERS[i], ms=5, label=name
        )
        listed = ", ".join(
            f"{round(float(e), 2) + 0.0:.2f} at {n}" for n, e in zip(nodes, error, strict=True)
        )
        texts.append(f"{name}: {listed}")
    axes.set(xscale="log", xlabel="nodes", ylabel="error of the log-likelihood")
    axes.set_xticks(list(nodes), [str(n) for n in nodes])
    axes.minorticks_off()
    axes.legend()
    return DescribedFigure(
        figure,
        f"Error of the log-likelihood against the number of nodes. {'; '.join(texts)}.",
    )
