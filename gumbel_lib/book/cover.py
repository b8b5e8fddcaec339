"""The trick in one picture for README and first page: ``python -m gumbel_lib.book.cover``."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from scipy import special

from .. import gumbel_max, gumbel_softmax, standard_gumbel
from .show import DescribedFigure
from .style import INK, MUTED, PAPER, SERIES, subplots

PATH = Path("chapters", "trick.svg")
NARROW_PATH = PATH.with_stem("trick-narrow")
DRAWS = 2000


def picture() -> DescribedFigure:
    """The picture: one draw, many draws, and the same draw relaxed."""
    logits = np.log([0.5, 0.3, 0.2])
    probs = special.softmax(logits)
    noise = standard_gumbel((DRAWS, 3), rng=6)
    draws = gumbel_max(logits, noise)
    winner = int(draws[0])
    temperatures = (0.1, 0.5, 2.0)
    relaxed = [gumbel_softmax(logits, noise[0], temperature) for temperature in temperatures]

    figure, (one, many, soft) = subplots(1, 3, height=3.0)
    classes = np.arange(3)
    names = ["A", "B", "C"]
    for k, (logit, value) in enumerate(zip(logits, logits + noise[0], strict=True)):
        one.plot([k, k], [logit, value], color=SERIES[k])
        one.plot(k, logit, "_", color=MUTED, markersize=16, markeredgewidth=2.5)
        face = SERIES[k] if k == winner else "none"
        one.plot(k, value, "o", color=SERIES[k], markersize=10, markerfacecolor=face)
    one.set_xticks(classes, names)
    one.set(title="1. Noise, then argmax", ylabel="logit (bar) + noise", xlim=(-0.5, 2.5))

    frequency = np.bincount(draws, minlength=3) / DRAWS
    band = 5 * np.sqrt(probs * (1 - probs) / DRAWS)
    many.bar(
        classes,
        probs,
        width=0.6,
        color=[(color, 0.3) for color in SERIES[:3]],
        edgecolor=SERIES[:3],
    )
    many.errorbar(classes, probs, band, fmt="none", ecolor=INK, capsize=6, linewidth=1.2)
    many.plot(classes, frequency, "D", color=INK, markersize=5)
    many.set_xticks(classes, names)
    many.set(title="2. Exact shares", ylabel=f"share of {DRAWS:,} draws", ylim=(0, 0.65))

    width = 0.25
    for k in range(3):
        heights = [sample[k] for sample in relaxed]
        soft.bar(classes + (k - 1) * width, heights, width, color=SERIES[k], label=names[k])
    soft.set_xticks(classes, [f"{temperature:g}" for temperature in temperatures])
    soft.set(title="3. Softmax instead", ylim=(0, 1.05))
    soft.set(xlabel="temperature", ylabel="relaxed draw")
    soft.legend(loc="upper right", handlelength=0.8)
    return DescribedFigure(
        figure,
        "The trick in three panels. First, Gumbel noise is added to the logits of three classes "
        f"and class {names[winner]} has the largest sum. Second, the shares of the classes in "
        f"{DRAWS:,} such draws, {', '.join(f'{share:.2f}' for share in frequency)}, lie within "
        f"their z = 5 band around {', '.join(f'{p:.1f}' for p in probs)}. Third, a softmax of the "
        "first draw at temperatures 0.1, 0.5 and 2: the winner's weight falls from "
        f"{relaxed[0][winner]:.2f} to {relaxed[-1][winner]:.2f}.",
    )


def card(svg: str) -> str:
    """The picture under its title, in the proportions in which links to the book are shown."""
    place = 'x="40" y="130" width="1120" height="470"'
    panels = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', place, svg, count=1)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="630">'
        f'<rect width="1200" height="630" fill="{PAPER}"/>'
        f'<text x="60" y="90" font-family="sans-serif" font-size="52" fill="{INK}">'
        f"The Gumbel-Max Trick, Executable</text>{panels}</svg>"
    )


if __name__ == "__main__":
    PATH.write_text(picture().svg(), encoding="utf-8")
    NARROW_PATH.write_text(picture().narrow().svg(), encoding="utf-8")
