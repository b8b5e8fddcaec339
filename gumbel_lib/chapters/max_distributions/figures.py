"""Figures of the chapter max_distributions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.ticker import MultipleLocator
from numpy.typing import ArrayLike
from scipy import stats

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import (
    BLUE,
    GREEN,
    INK,
    MARKERS,
    MUTED,
    NARROW,
    ORANGE,
    PAPER,
    PURPLE,
    SERIES,
    STYLES,
    subplots,
)
from ...maxima import Law, maximum_pdf


def _skewness(values: Floats) -> float:
    return float(stats.skew(values))


def _density_estimate(axes: Any, draws: Floats) -> None:
    sns.kdeplot(
        x=draws, ax=axes, fill=True, color=ORANGE, alpha=0.35, linewidth=0, label="maxima, KDE"
    )


def maxima_panels(
    parents: Mapping[str, Any], maxima: Mapping[str, Floats], n: int
) -> DescribedFigure:
    """Each parent, the KDE of its maxima and their exact density."""
    figure, axes = subplots(1, len(parents), height=3.0)
    for ax, (name, parent) in zip(axes, parents.items(), strict=True):
        law, draws = Law(parent, "parent"), maxima[name]
        low, high = float(law.quantile(1e-3)), float(draws.max()) + 0.5
        x = np.linspace(low - 0.05 * (high - low), high, 240)
        ax.plot(x, law.pdf(x), color=INK, linewidth=1.4, label="parent")
        _density_estimate(ax, draws)
        ax.plot(x, maximum_pdf(parent, n, x), "--", color=BLUE, label="maxima, exact")
        ax.set(title=name, xlabel="value", ylabel="", xlim=(x[0], x[-1]))
        ax.set_ylim(bottom=0)
    axes[0].set_ylabel("density")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    text = "; ".join(
        f"{name} mean {values.mean():.2f}, skewness {_skewness(values):.2f}"
        for name, values in maxima.items()
    )
    return DescribedFigure(
        figure,
        f"Panels for {len(parents)} parents: the parent's density as a line, and to its right a "
        f"filled density estimate of {len(draws):,} maxima of {n} draws with the exact density "
        f"dashed over it. Drawn maxima: {text}.",
    )


def gumbel_density(scales: tuple[float, ...]) -> DescribedFigure:
    """The standard density with its mode and mean, and the density at several scales."""
    figure, (left, right) = subplots(1, 2, height=2.9, width_ratios=(1.15, 1))
    x = np.linspace(-3, 7, 240)
    density = stats.gumbel_r.pdf(x)
    left.plot(x, density, color=BLUE)
    left.fill_between(x, density, color=BLUE, alpha=0.12, linewidth=0)
    mean = float(np.euler_gamma)
    for place, color, line in ((0.0, ORANGE, "--"), (mean, GREEN, ":")):
        left.plot([place, place], [0, stats.gumbel_r.pdf(place)], line, color=color)
    left.annotate("mode = location", (0, 0.37), (-0.4, 0.40), color=ORANGE, ha="right")
    left.annotate(f"mean = location + {mean:.2f}", (mean, 0.33), (1.0, 0.34), color=GREEN)
    left.set(title="location 0, scale 1", xlabel="value", ylabel="density")
    left.set(ylim=(0, 0.45), xlim=(-4.8, 7))
    x = np.linspace(-6, 14, 300)
    for scale, color, line in zip(scales, SERIES, STYLES, strict=False):
        right.plot(x, stats.gumbel_r.pdf(x, 0, scale), line, color=color, label=f"scale {scale:g}")
    right.set(title="three scales", xlabel="value", xlim=(x[0], x[-1]))
    right.set_ylim(bottom=0)
    right.legend()
    peaks = ", ".join(f"{np.exp(-1) / scale:.3f} at scale {scale:g}" for scale in scales)
    return DescribedFigure(
        figure,
        f"First: the standard Gumbel density, with its mode at its location 0 and its mean at "
        f"{mean:.3f}, and a longer tail on the right. Second: the density at location 0 and "
        f"{len(scales)} scales; a larger scale makes it wider and lower. Peaks: {peaks}.",
    )


def exponential_maxima(maxima: Floats, n: int) -> DescribedFigure:
    """KDE of the Exponential's maxima, the exact density and the Gumbel at log n."""
    figure, axes = subplots(width=NARROW, height=3.0)
    x = np.linspace(0, float(maxima.max()) + 0.5, 240)
    exact = maximum_pdf(stats.expon, n, x)
    limit = stats.gumbel_r.pdf(x, np.log(n))
    kde = stats.gaussian_kde(maxima)(x)  # as seaborn draws it
    _density_estimate(axes, maxima)
    axes.plot(x, exact, color=BLUE, linewidth=3.5, alpha=0.45, label=f"exact, n = {n}")
    axes.plot(x, limit, "--", color=INK, label=f"Gumbel at log {n} = {np.log(n):.2f}")
    axes.set(xlabel="largest of the draws", ylabel="density", xlim=(x[0], x[-1]))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=True, framealpha=1, edgecolor=PAPER)
    return DescribedFigure(
        figure,
        f"Density of the largest of {n} Exponential draws. The exact density and the Gumbel at "
        f"{np.log(n):.2f} differ by at most {np.abs(exact - limit).max():.4f}; the estimate from "
        f"{maxima.size:,} maxima differs from the exact one by up to "
        f"{np.abs(kde - exact).max():.3f}.",
    )


def gaps(z: Floats, differences: Mapping[str, Floats], n: int) -> DescribedFigure:
    """The gap between the exact law of the maximum and its Gumbel, in units of the Gumbel."""
    figure, axes = subplots(width=NARROW, height=2.9)
    peaks = []
    for (name, gap), color, line in zip(differences.items(), SERIES, STYLES, strict=False):
        axes.plot(z, 100 * gap, line, color=color, label=name)
        i = int(np.abs(gap).argmax())
        peaks.append(f"{name} {gap[i]:+.4f} at {z[i]:.1f}")
    axes.axhline(0, color=MUTED, linewidth=1)
    axes.set(xlabel="(x - location) / scale", ylabel="exact - Gumbel CDF, in %", xlim=(z[0], z[-1]))
    axes.yaxis.set_major_locator(MultipleLocator(1.0))
    axes.legend(frameon=True, framealpha=1, edgecolor=PAPER)
    return DescribedFigure(
        figure,
        f"Exact distribution function of the maximum of {n} draws less that of its Gumbel, for "
        f"{len(differences)} parents. Largest gaps: {'; '.join(peaks)}.",
    )


def convergence(
    sizes: ArrayLike, distances: Mapping[str, Floats], normal_constant: float
) -> DescribedFigure:
    """Distance to the Gumbel against the block size on logarithmic axes."""
    n = np.asarray(sizes, dtype=np.float64)
    figure, axes = subplots(width=NARROW, height=3.4)
    for (name, distance), color, marker in zip(distances.items(), SERIES, MARKERS, strict=False):
        face = "none" if marker == "^" else color
        size = 11 if marker == "^" else 6
        axes.plot(
            n, distance, marker, color=color, markersize=size, markerfacecolor=face, label=name
        )
    axes.plot(n, normal_constant / np.log(n), "--", color=INK, linewidth=1.2)
    axes.plot(n, 2 * np.exp(-2) / n, "--", color=INK, linewidth=1.2)
    axes.set(xscale="log", yscale="log", ylim=(1e-7, 0.5))
    axes.set(xlabel="draws in a block, n", ylabel="distance to the Gumbel")
    axes.annotate(f"{normal_constant:.2f} / log n", (3e4, 3.0e-3), color=INK)
    axes.annotate("0.27 / n", (4e4, 2.5e-5), color=INK)
    axes.legend(loc="lower left")
    ends = "; ".join(
        f"{name} from {distance[0]:.2g} to {distance[-1]:.2g}"
        for name, distance in distances.items()
    )
    return DescribedFigure(
        figure,
        f"Distance to the Gumbel against the block size from {n[0]:,.0f} to {n[-1]:,.0f}, both "
        f"axes logarithmic: {ends}. Two dashed guides: 0.271 / n runs through the Exponential's "
        f"points, {normal_constant:.3f} / log n along the Normal's.",
    )


def uniform_maximum(
    n: int, x: Floats, exact: Floats, quantile: float, limit: Any
) -> DescribedFigure:
    """Density of n (maximum - 1) of the uniform, and a frozen Gumbel; `quantile` is at 90%."""
    figure, axes = subplots(width=NARROW, height=2.9)
    axes.plot(np.append(x, 0), np.append(exact, 0), color=BLUE, label="uniform's maximum, exact")
    axes.fill_between(x, exact, color=BLUE, alpha=0.12, linewidth=0)
    wide = np.linspace(-6, 5, 240)
    axes.plot(wide, limit.pdf(wide), "--", color=ORANGE, label="Gumbel, same 10% and 50% points")
    axes.set(xlabel="n (maximum - 1)", ylabel="density", xlim=(-6, 5))
    axes.set_ylim(0, 1.4)
    axes.legend(frameon=True, framealpha=1, edgecolor=PAPER)
    return DescribedFigure(
        figure,
        f"The largest of {n} uniform draws piles up against its end point 1 and has its tail on "
        f"the left. A Gumbel with the same 10% and 50% quantiles has its tail on the right: its "
        f"90% quantile is {limit.ppf(0.9):.2f}, the uniform's {quantile:.2f}.",
    )


def power(
    sizes: ArrayLike,
    caught: Floats,
    false_alarms: Floats,
    interval: Callable[[Floats], Floats],
    enough: int,
) -> DescribedFigure:
    """Share of samples that the test rejects against their size, each with its interval."""
    n = np.asarray(sizes, dtype=np.float64)
    figure, axes = subplots(width=NARROW, height=3.2)
    rows = (
        ("against the Gumbel (wrong)", caught, BLUE, "o", "-"),
        ("against the exact law (right)", false_alarms, ORANGE, "s", "--"),
    )
    for label, share, color, marker, line in rows:
        low, high = interval(share)
        axes.errorbar(
            n,
            share,
            np.maximum([share - low, high - share], 0),
            marker=marker,
            linestyle=line,
            color=color,
            capsize=4,
            markersize=6.5,
            label=label,
        )
    axes.axhline(0.05, color=MUTED, linewidth=1, linestyle=":")
    axes.axvline(enough, color=PURPLE, linewidth=1.2, linestyle="-.")
    axes.annotate("sure to\nsuffice", (enough * 0.96, 0.5), color=PURPLE, ha="right", va="center")
    axes.set(xscale="log", xlabel="maxima in a sample", ylabel="share rejected", ylim=(-0.04, 1.08))
    axes.set_xticks(n, [f"{value:,.0f}" for value in n], minor=False)
    axes.set_xticks([], minor=True)
    axes.legend(loc="center left", bbox_to_anchor=(0.0, 0.76))
    text = ", ".join(f"{share:.2f} at {size:,.0f}" for size, share in zip(n, caught, strict=True))
    return DescribedFigure(
        figure,
        f"Share of simulated samples that the 5% Kolmogorov-Smirnov test rejects. Against the "
        f"Gumbel: {text}. Against the exact law it stays between {false_alarms.min():.3f} and "
        f"{false_alarms.max():.3f}. A line marks {enough:,} maxima, enough by the bound.",
    )


def skewness_power(under_gumbel: Floats, under_exact: Floats, threshold: float) -> DescribedFigure:
    """The sample skewness under two laws, and the threshold of a test."""
    figure, axes = subplots(width=NARROW, height=2.6)
    for values, color, line, label in (
        (under_exact, BLUE, "-", "Normal's maxima"),
        (under_gumbel, ORANGE, "--", "Gumbel"),
    ):
        sns.kdeplot(x=values, ax=axes, color=color, linestyle=line, label=label)
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=":", label="threshold")
    axes.set(xlabel="skewness of one sample", ylabel="density", xlim=(None, 2.2))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=True, framealpha=1, edgecolor=PAPER)
    return DescribedFigure(
        figure,
        f"Sample skewness of {under_exact.size:,} samples: Normal's maxima around "
        f"{under_exact.mean():.2f}, Gumbel around {under_gumbel.mean():.2f}. A share of "
        f"{np.mean(under_exact < threshold):.2f} of the Normal's lies below the threshold "
        f"{threshold:.2f}, and 0.05 of the Gumbel's.",
    )
