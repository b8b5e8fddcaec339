"""Figures of the chapter private_selection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, INK, MUTED, NARROW, ORANGE, SERIES, STYLES, subplots

EPSILON: dict[str, Any] = {"color": MUTED, "fontsize": 12, "textcoords": "offset points"}


def losses(gaps: Floats, worst: Mapping[str, Floats], epsilon: float) -> DescribedFigure:
    """The largest loss of two candidates against the votes between them, one line a law."""
    figure, axes = subplots(width=NARROW, height=3.1)
    axes.axhline(epsilon, color=MUTED, linewidth=1)
    texts = []
    for k, (name, loss) in enumerate(worst.items()):
        axes.plot(gaps, loss, color=SERIES[k], linestyle=STYLES[k], label=name)
        over = gaps[loss > epsilon + 1e-6]
        way = f"above epsilon from {over[0]:g} votes on" if over.size else "never above epsilon"
        texts.append(f"{name} {loss[0]:.3g} to {loss[-1]:.3g}, {way}")
    axes.annotate("ε", (gaps[-1], epsilon), (0, 5), ha="right", **EPSILON)
    axes.set(xlabel="votes between the two", ylabel="largest privacy loss", ylim=(0, None))
    axes.legend(loc="upper left")
    return DescribedFigure(
        figure,
        f"The largest privacy loss of two candidates against the votes between them, from "
        f"{gaps[0]:g} to {gaps[-1]:g}, with a line at epsilon = {epsilon:g}. {'; '.join(texts)}.",
    )


def coarse(
    gaps: Floats, loss: Floats, exact: Floats, epsilon: float, edge: float
) -> DescribedFigure:
    """The loss with noise from 24-bit uniforms, infinite beyond `edge`, and with exact noise."""
    shown = np.isfinite(loss)
    figure, axes = subplots(width=NARROW, height=3.0)
    axes.axhline(epsilon, color=MUTED, linewidth=1)
    axes.plot(gaps, exact, color=BLUE, linestyle="--", label="exact noise")
    axes.plot(gaps[shown], loss[shown], color=ORANGE, label="24-bit uniform")
    axes.axvline(edge, color=INK, linestyle=":", linewidth=1)
    axes.text(edge + 0.2, 0.4 * loss[shown].max(), "infinite", color=INK)
    axes.annotate("ε", (gaps[0], epsilon), (5, 5), **EPSILON)
    axes.set(xlabel="nats behind the leader", ylabel="privacy loss", xlim=(gaps[0], edge + 3))
    axes.legend(loc="upper left")
    near = {gap: loss[np.abs(gaps - gap).argmin()] for gap in (8, 14, 17)}
    text = ", ".join(f"{value:.3g} at {gap}" for gap, value in near.items())
    return DescribedFigure(
        figure,
        f"Privacy loss of a candidate against the nats by which it trails, for epsilon = "
        f"{epsilon:g}. With exact noise it stays below epsilon. With noise from a 24-bit uniform "
        f"it is {text}, and infinite beyond {edge:.2f}.",
    )
