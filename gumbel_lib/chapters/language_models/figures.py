"""Figures of the chapter language_models."""

from __future__ import annotations

import numpy as np

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, INK, MARKERS, MUTED, ORANGE, SERIES, STYLES, subplots

SHOWN = {" ": "␣", "\n": "↵"}  # symbols that cannot be seen


def orders(symbols: str, laws: dict[str, Floats]) -> DescribedFigure:
    """Laws of the next symbol, what they keep in colour."""
    figure, axes = subplots(1, len(laws), height=2.6, sharey=True)
    names = [SHOWN.get(symbol, symbol) for symbol in symbols]
    kept = {}
    for ax, (title, probs), color in zip(axes, laws.items(), SERIES, strict=False):
        ax.bar(np.arange(len(names)), probs, width=0.7, color=color)
        ax.set_xticks(np.arange(len(names)), names)
        ax.set(title=title, xlabel="next symbol")
        kept[title] = int((probs > 0).sum())
    axes[0].set_ylabel("probability")
    text = "; ".join(f"{title}: {count} symbols kept" for title, count in kept.items())
    return DescribedFigure(
        figure, f"Bars of the probabilities of {len(names)} next symbols in two panels. {text}."
    )


def power(lengths: Floats, detected: dict[float, Floats], level: float) -> DescribedFigure:
    """Share of marked texts found, by length, a line for each temperature."""
    figure, axes = subplots(height=2.9)
    for i, (temperature, share) in enumerate(detected.items()):
        axes.plot(
            lengths,
            share,
            STYLES[i],
            marker=MARKERS[i],
            color=SERIES[i],
            label=f"temperature {temperature:g}",
        )
    axes.set(xlabel="symbols of the text", ylabel="share found", ylim=(-0.03, 1.03))
    axes.legend()
    text = "; ".join(
        f"temperature {temperature:g}: {share[len(share) // 2]:.2f} at "
        f"{lengths[len(lengths) // 2]:.0f} symbols, {share[-1]:.2f} at {lengths[-1]:.0f}"
        for temperature, share in detected.items()
    )
    return DescribedFigure(
        figure,
        f"Share of marked texts whose p-value is below {level:g}, by length, at {len(detected)} "
        f"temperatures. It rises with both. {text}.",
    )


def false_alarms(levels: Floats, alarms: dict[str, Floats]) -> DescribedFigure:
    """False-alarm rate against the nominal one, on logarithmic axes."""
    figure, axes = subplots(height=2.9)
    axes.plot(levels, levels, color=MUTED, linestyle=":", label="as stated")
    for i, (name, rate) in enumerate(alarms.items()):
        axes.plot(levels, rate, STYLES[i], marker=MARKERS[i], color=SERIES[i], label=name)
    axes.set(xscale="log", yscale="log", xlabel="stated rate", ylabel="actual rate")
    axes.legend()
    text = "; ".join(f"{name}: {rate[0]:.1e}" for name, rate in alarms.items())
    return DescribedFigure(
        figure,
        "Actual rates of false alarms against the stated rate, both logarithmic. At a stated rate "
        f"of {levels[0]:.0e} they are {text}.",
    )


def acceptance(temperatures: Floats, agreed: dict[str, Floats]) -> DescribedFigure:
    """How often draft and target agree, by temperature."""
    figure, axes = subplots(height=3.0)
    looks = ((BLUE, "-"), (ORANGE, "--"), (INK, ":"), (SERIES[2], "-."), (SERIES[3], "-"))
    marks = (*MARKERS, "x")
    for (name, share), (color, line), mark in zip(agreed.items(), looks, marks, strict=True):
        axes.plot(temperatures, share, line, marker=mark, color=color, label=name)
    top = 1.5 * max(share.max() for share in agreed.values())
    axes.set(xlabel="temperature", ylabel="P(draft accepted)", ylim=(0, top))
    axes.legend(ncols=2)
    text = "; ".join(f"{name} {share[0]:.2f} to {share[-1]:.2f}" for name, share in agreed.items())
    return DescribedFigure(
        figure,
        f"Mean probability that draft and target agree, from temperature {temperatures[0]:g} to "
        f"{temperatures[-1]:g}: {text}.",
    )


def cooling(steps: Floats, entropies: dict[str, Floats], true: float) -> DescribedFigure:
    """Entropy of the words that a masked diffusion model draws, by its number of steps."""
    figure, axes = subplots(height=2.9)
    axes.axhline(true, color=MUTED, linestyle=":", label="the model's own")
    for i, (name, entropy) in enumerate(entropies.items()):
        axes.plot(steps, entropy, STYLES[i], marker=MARKERS[i], color=SERIES[i], label=name)
    axes.set_xscale("log", base=4)
    ticks = steps[::2].astype(int)
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="steps", ylabel="entropy, nats")
    axes.legend()
    text = "; ".join(f"{name}: {entropy[-1]:.2f}" for name, entropy in entropies.items())
    return DescribedFigure(
        figure,
        f"Entropy of the words drawn against the number of steps, from {steps[0]:,.0f} to "
        f"{steps[-1]:,.0f}. The model's own entropy is {true:.2f}; at the last number of steps, "
        f"{text}.",
    )
