"""Figures of the chapter numerics."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import special, stats

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, INK, MUTED, NARROW, ORANGE, SERIES, STYLES, subplots


def wins(gaps: Floats, counted: Floats, ceiling: float) -> DescribedFigure:
    """Counted and exact probability of a class against its gap."""
    exact = special.expit(-gaps)
    figure, axes = subplots(width=NARROW, height=3.0)
    axes.plot(gaps, exact, color=INK, linestyle="--", label="softmax")
    axes.plot(gaps, counted, "o", color=ORANGE, label="counted, 24 bits")
    axes.axvline(ceiling, color=MUTED, linewidth=1, linestyle=":")
    axes.text(ceiling + 0.1, 2e-4, f"ceiling {ceiling:.1f}", color=MUTED)
    axes.set_yscale("log")
    axes.set(xlabel="nats behind the favourite", ylabel="probability of winning")
    axes.legend()
    ratio = counted / exact
    text = "; ".join(f"{ratio[gaps == gap][0]:.3g} at {gap:g}" for gap in (10, 14, 16, 18))
    return DescribedFigure(
        figure,
        f"Probability of winning against the gap in logits, from {gaps[0]:g} to {gaps[-1]:g} "
        "nats. The softmax falls in a straight line. The counted share bends away from it near "
        f"the noise's ceiling of {ceiling:.1f}. Counted over exact: {text}.",
    )


def reach(gaps: Floats, ratios: Mapping[str, Floats]) -> DescribedFigure:
    """Wins over wins due, against the gap."""
    figure, axes = subplots(width=NARROW, height=3.1)
    texts = []
    for k, (name, ratio) in enumerate(ratios.items()):
        axes.plot(gaps, ratio, color=SERIES[k], linestyle=STYLES[k], label=name)
        half = np.flatnonzero(np.abs(ratio - 1) > 0.5)[0]
        way = "upwards" if ratio[half] > 1 else "downwards"
        texts.append(f"{name} at {gaps[half]:.1f}, {way}")
    axes.set(xlabel="nats behind the favourite", ylabel="wins / wins due", ylim=(0, 1.6))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.3), ncols=2)
    return DescribedFigure(
        figure,
        f"Wins over wins due, against the gap from {gaps[0]:g} to {gaps[-1]:g} nats, for "
        f"{len(ratios)} kinds of noise. Each stays at 1 and then leaves it within a few nats. Off "
        f"by half: {'; '.join(texts)}.",
    )


def staircase(edges: Floats, heights: Floats) -> DescribedFigure:
    """Steps of log(1 - cdf), cdf rounded to the nearest number, beside the straight line -x."""
    figure, axes = subplots(width=NARROW, height=2.9)
    axes.stairs(heights, edges, baseline=None, color=ORANGE, linewidth=1.8, label="log(1 - cdf)")
    x = np.array([edges[0], edges[-1] + 1])
    axes.plot(x, -x, color=BLUE, linestyle="--", label="log P(g > x), almost −x")
    axes.plot(edges[-1], heights[-1], "X", color=ORANGE, markersize=9)
    axes.annotate("−∞ beyond", (edges[-1], heights[-1]), (-4, 12), textcoords="offset points")
    axes.set(xlabel="x", ylabel="log P(g > x)")
    axes.legend(loc="lower left")
    wide = np.diff(edges)[-1]
    return DescribedFigure(
        figure,
        f"Log-probability that the noise exceeds x, for x from {x[0]:.1f} to {x[1]:.1f}. The true "
        f"line falls straight. With a rounded cdf it is a staircase of {heights.size} steps, the "
        f"last {wide:.2f} long. It ends at x = {edges[-1]:.1f} and is minus infinity beyond.",
    )


def truncated(values: Mapping[float, Floats]) -> DescribedFigure:
    """Histograms of truncated Gumbels beside their densities, one panel a bound."""
    figure, axes = subplots(1, len(values), height=2.6, sharey=False)
    texts = []
    for ax, (upper, draws) in zip(axes, values.items(), strict=True):
        low = float(stats.gumbel_r.ppf(1e-3 * stats.gumbel_r.cdf(upper)))
        edges = np.linspace(low, upper, 25)
        height = np.histogram(draws, edges)[0] / draws.size / (edges[1] - edges[0])
        x = np.linspace(low, upper, 120)
        density = np.exp(stats.gumbel_r.logpdf(x) - stats.gumbel_r.logcdf(upper))
        ax.stairs(height, edges, color=BLUE, fill=True, alpha=0.3)
        ax.stairs(height, edges, color=BLUE, label="draws")
        ax.plot(x, density, color=ORANGE, linestyle="--", label="F'(x) / F(T)")
        ax.set(title=f"T = {upper:g}".replace("-", "−"), xlabel="x", ylim=(0, None))
        texts.append(f"bound {upper:g}, mean {draws.mean():.2f}")
    axes[0].set_ylabel("density")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return DescribedFigure(
        figure,
        f"Histograms of {draws.size:,} truncated Gumbels under {len(values)} bounds, on top of "
        f"the density of the law cut off there and scaled up: {'; '.join(texts)}. The lower the "
        "bound, the closer the draws press against it.",
    )
