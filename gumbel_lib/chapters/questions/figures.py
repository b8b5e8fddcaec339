"""Figures of the page of questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, GREEN, INK, MUTED, NARROW, ORANGE, subplots

# Estimator: label, colour, line style, marker.
ESTIMATORS = {
    "multinomial": ("straight-through, multinomial draw", ORANGE, "-.", ""),
    "straight-through": ("straight-through, Gumbel noise", GREEN, "-", "s"),
    "relaxed": ("relaxed sample", BLUE, "--", "o"),
}


def gradient_estimators(
    temperatures: Floats, estimates: Sequence[Mapping[str, tuple[float, float]]]
) -> DescribedFigure:
    """Mean and standard deviation of gradient estimates against the temperature."""
    figure, (upper, lower) = subplots(2, 1, width=NARROW, height=5.6, sharex=True)
    for name, (label, color, line, marker) in ESTIMATORS.items():
        style = {"color": color, "linestyle": line, "marker": marker, "markersize": 5}
        means, spreads = np.array([estimate[name] for estimate in estimates]).T
        upper.plot(temperatures, means, label=label, **style)
        lower.plot(temperatures, spreads, **style)
    exact = estimates[0]["exact"][0]
    upper.axhline(exact, color=INK, linewidth=1.2, linestyle=":", label="exact gradient")
    upper.set(title="Mean of the estimate", ylabel="gradient", xscale="log", ylim=(0, None))
    lower.set(title="Standard deviation of the estimate", xlabel="temperature t", yscale="log")
    for axis in (lower.xaxis, lower.yaxis):
        axis.set_major_formatter("{x:g}")
    figure.legend(loc="outside lower center", ncols=1)
    cold = estimates[0]
    text = "; ".join(
        f"{label} mean {cold[name][0]:.3f}, standard deviation {cold[name][1]:.2f}"
        for name, (label, *_) in ESTIMATORS.items()
    )
    return DescribedFigure(
        figure,
        f"Mean and standard deviation of three gradient estimates for temperatures from "
        f"{temperatures[0]:g} to {temperatures[-1]:g}. The exact gradient is {exact:.3f}. At "
        f"temperature {temperatures[0]:g}: {text}. The multinomial estimate is the same at every "
        f"temperature; the other two come near the exact gradient as the temperature falls, "
        f"while their spread grows.",
    )


def objectives(
    probs: Floats, values: Mapping[str, Floats], log_likelihood: float
) -> DescribedFigure:
    """Objectives of a tiny autoencoder against the posterior's probability of class 0."""
    looks = {
        "mixed": ("relaxed samples, categorical KL", ORANGE, "-."),
        "discrete": ("one-hot samples, categorical KL", GREEN, "--"),
        "concrete": ("relaxed samples, Concrete KL", BLUE, "-"),
    }
    figure, axes = subplots(width=NARROW, height=3.8)
    for name, (label, color, line) in looks.items():
        axes.plot(probs, values[name], color=color, linestyle=line, label=label)
        best = int(values[name].argmax())
        axes.plot(probs[best], values[name][best], "o", color=color, markersize=6)
    axes.axhline(log_likelihood, color=INK, linewidth=1.2, linestyle=":")
    axes.annotate(
        "log-likelihood",
        (float(probs[0]), log_likelihood),
        xytext=(0, 4),
        textcoords="offset points",
        color=MUTED,
    )
    low = float(min(values["concrete"].max(), log_likelihood)) - 0.35
    high = float(max(value.max() for value in values.values())) + 0.08
    axes.set(xlabel="posterior probability of class 0", ylabel="objective (nats)", ylim=(low, high))
    figure.legend(loc="outside lower center", ncols=1)
    text = "; ".join(
        f"{label} {values[name].max():.3f} at {probs[values[name].argmax()]:.2f}"
        for name, (label, *_) in looks.items()
    )
    return DescribedFigure(
        figure,
        f"Three objectives against the posterior probability of class 0, beside the "
        f"log-likelihood {log_likelihood:.3f}. Their largest values: {text}.",
    )
