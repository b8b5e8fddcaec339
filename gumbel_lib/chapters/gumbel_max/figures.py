"""Figures of the chapter gumbel_max."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, INK, MARKERS, MUTED, NARROW, ORANGE, SERIES, STYLES, subplots


def _names(num_classes: int) -> list[str]:
    return [f"class {k}" for k in range(num_classes)]


def categorical(probs: Floats) -> DescribedFigure:
    """Bars of a categorical distribution."""
    figure, axes = subplots(width=NARROW, height=2.4)
    bars = axes.bar(_names(probs.size), probs, width=0.6, color=SERIES[: probs.size])
    axes.bar_label(bars, fmt="%.2f", color=INK, padding=2)
    axes.set(ylabel="probability", ylim=(0, 1.15 * probs.max()))
    text = ", ".join(f"{p:.2f}" for p in probs)
    return DescribedFigure(
        figure, f"Bar chart of a categorical distribution with {probs.size} classes: {text}."
    )


def located_gumbels(logits: Floats) -> DescribedFigure:
    """Density of the Gumbel at each logit."""
    x = np.linspace(logits.min() - 3, logits.max() + 6, 400)
    figure, axes = subplots(height=2.8)
    for k, (logit, color) in enumerate(zip(logits, SERIES, strict=False)):
        density = stats.gumbel_r.pdf(x, logit)
        axes.plot(x, density, color=color, linestyle=STYLES[k], label=f"class {k}, at {logit:.2f}")
        axes.fill_between(x, density, color=color, alpha=0.12, linewidth=0)
        axes.plot([logit, logit], [0, np.exp(-1)], color=color, linewidth=1, linestyle=":")
    axes.set(xlabel="perturbed logit", ylabel="density", ylim=(0, 0.42), xlim=(x[0], x[-1]))
    axes.legend()
    places = ", ".join(f"{logit:.2f}" for logit in logits)
    return DescribedFigure(
        figure,
        f"Densities of {logits.size} Gumbels of one shape, each with its peak at its logit: "
        f"{places}. They overlap widely, so every class can win.",
    )


def draws(logits: Floats, noise: Floats) -> DescribedFigure:
    """A few draws: each perturbed logit, the winner filled."""
    perturbed = logits + noise
    num_draws, num_classes = perturbed.shape
    figure, axes = subplots(1, num_draws, height=2.5, sharex=True, sharey=True)
    for ax, row in zip(axes, perturbed, strict=True):
        winner = int(row.argmax())
        for k, (logit, value) in enumerate(zip(logits, row, strict=True)):
            color = SERIES[k]
            ax.plot([k, k], [logit, value], color=color, linewidth=1.5)
            ax.plot(k, logit, marker="_", color=MUTED, markersize=14, markeredgewidth=2)
            face = color if k == winner else "none"
            ax.plot(k, value, "o", color=color, markersize=9, markerfacecolor=face)
        ax.set(title=f"class {winner} wins", xticks=range(num_classes), xlabel="class")
        ax.set_xlim(-0.6, num_classes - 0.4)
    axes[0].set_ylabel("logit (bar) + noise")
    winners = ", ".join(str(k) for k in perturbed.argmax(axis=1))
    return DescribedFigure(
        figure,
        f"{num_draws} draws of the race between {num_classes} classes. A short bar marks each "
        f"logit, a circle the logit plus its noise, filled for the winner. Winners: {winners}.",
    )


def tally(counts: NDArray[np.int64], probs: Floats, z: float = 5.0) -> DescribedFigure:
    """Observed frequencies with their band around the probabilities."""
    total = int(counts.sum())
    frequency = counts / total
    band = z * np.sqrt(probs * (1 - probs) / total)
    figure, axes = subplots(width=NARROW, height=2.6)
    position = np.arange(probs.size)
    face = (BLUE, 0.25)
    axes.bar(position, probs, width=0.6, color=face, edgecolor=BLUE, label="softmax(logits)")
    axes.errorbar(position, probs, band, fmt="none", ecolor=INK, capsize=8, label=f"z = {z:g} band")
    axes.plot(position, frequency, "o", color=ORANGE, label=f"frequency in {total:,} draws")
    axes.set_xticks(position, _names(probs.size))
    axes.set(ylabel="probability", ylim=(0, 1.2 * probs.max()))
    axes.legend()
    worst = float(np.max(np.abs(frequency - probs) / band))
    return DescribedFigure(
        figure,
        f"Frequencies of {probs.size} classes in {total:,} draws beside their probabilities. "
        f"The largest deviation is {worst:.2f} of the z = {z:g} band.",
    )


def noise_laws(logits: Floats, probabilities: dict[str, Floats]) -> DescribedFigure:
    """Win probabilities under several noise laws, less softmax."""
    exact = special.softmax(logits)
    figure, axes = subplots(height=3.4)
    rows = np.arange(len(probabilities))[::-1]
    axes.axvline(0, color=INK, linewidth=1, linestyle="--")
    for k, (prob, color) in enumerate(zip(exact, SERIES, strict=False)):
        # Rounded, so that an error of 0 lies at the same place everywhere.
        values = [round(float(won[k] - prob), 9) for won in probabilities.values()]
        # Each class a little lower, so that no mark hides another.
        heights = rows + 0.25 * ((exact.size - 1) / 2 - k)
        label = f"class {k}, softmax {prob:.2f}"
        axes.plot(values, heights, MARKERS[k], color=color, markersize=7, label=label)
    axes.set_yticks(rows, list(probabilities))
    axes.grid(axis="x")
    axes.set(xlabel="probability of winning less softmax", ylim=(-0.6, len(rows) - 0.4))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.15), ncols=exact.size)
    errors = {name: float(np.abs(won - exact).max()) for name, won in probabilities.items()}
    text = "; ".join(
        f"{name} {'exact' if error < 1e-9 else f'{error:.3f}'}" for name, error in errors.items()
    )
    return DescribedFigure(
        figure,
        f"Probability that each of {exact.size} classes wins under {len(rows)} noise laws, "
        f"less softmax. Largest error: {text}.",
    )
