"""Schematics: boxes joined by arrows, with the gradient's way back drawn beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from .style import BLUE, GREEN, INK, MUTED, ORANGE, PAPER, PHONE, PURPLE, subplots

ROLES = {"parameter": BLUE, "noise": PURPLE, "operation": GREEN, "value": MUTED, "loss": ORANGE}


class Box(NamedTuple):
    """A box: centre in inches, text, and the role that colours its edge."""

    x: float
    y: float
    text: str
    role: str
    width: float = 1.05


def turned(boxes: Mapping[str, Box]) -> tuple[dict[str, Box], float]:
    """The boxes for a phone, and the height they take: what runs to the right runs down.

    What lies higher comes to lie further to the left.
    """
    places = sorted({box.x for box in boxes.values()}, reverse=True)
    low, high = min(box.y for box in boxes.values()), max(box.y for box in boxes.values())
    left = max(box.width for box in boxes.values()) / 2 + 0.05
    scale = (PHONE - 2 * left) / ((high - low) or 1)
    made = {
        name: box._replace(
            x=left + scale * (high - box.y) if high > low else PHONE / 2,
            y=0.4 + 0.8 * places.index(box.x),
        )
        for name, box in boxes.items()
    }
    return made, 0.8 * len(places)


def draw(
    boxes: Mapping[str, Box],
    forward: Iterable[tuple[str, str]],
    gradient: Iterable[tuple[str, str, bool]] = (),
    *,
    width: float = 7.2,
    height: float = 2.0,
) -> tuple[Any, Any]:
    """Draw the boxes, the forward arrows, and the gradient's arrows back.

    Parameters
    ----------
    boxes : mapping of str to Box
        Inside ``width`` by ``height`` inches.
    forward : iterable of (str, str)
        From a box to a box.
    gradient : iterable of (str, str, bool)
        From a box back to a box, and whether the gradient gets through; where it does not, the
        arrow is crossed out.
    width, height : float
        Of the figure, in inches.

    Returns
    -------
    figure, axes
        For `show`.
    """
    figure, axes = subplots(width=width, height=height)
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    tall = 0.5
    for box in boxes.values():
        corner = (box.x - box.width / 2, box.y - tall / 2)
        axes.add_patch(
            FancyBboxPatch(
                corner,
                box.width,
                tall,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=PAPER,
                edgecolor=ROLES[box.role],
                linewidth=1.8,
                zorder=2,
            )
        )
        axes.text(box.x, box.y, box.text, ha="center", va="center", fontsize=9, zorder=3)

    def arrow(start: Box, end: Box, drop: float, shift: float, color: str, line: str) -> None:
        side = 1 if end.x > start.x else -1
        if abs(end.x - start.x) > 0.3:
            tail = (start.x + side * start.width / 2, start.y - drop)
            head = (end.x - side * end.width / 2, end.y - drop)
        else:
            up = 1 if end.y > start.y else -1
            tail = (start.x + shift, start.y + up * tall / 2)
            head = (end.x + shift, end.y - up * tall / 2)
        axes.add_patch(
            FancyArrowPatch(
                tail,
                head,
                arrowstyle="-|>",
                mutation_scale=11,
                color=color,
                linestyle=line,
                linewidth=1.5,
                shrinkA=1,
                shrinkB=1,
                zorder=1,
            )
        )

    for name, other in forward:
        arrow(boxes[name], boxes[other], -0.1, 0, INK, "-")
    for name, other, passes in gradient:
        start, end = boxes[name], boxes[other]
        arrow(start, end, 0.12, 0.12, ORANGE, "--")
        if not passes:
            x, y = start.x + 0.12, (start.y + end.y) / 2
            if abs(end.x - start.x) > 0.3:
                side = 1 if end.x > start.x else -1
                x = (start.x + end.x + side * (start.width - end.width) / 2) / 2
                y -= 0.12
            axes.plot(
                x,
                y,
                "x",
                color=ORANGE,
                markersize=11,
                markeredgewidth=2.5,
                zorder=4,
            )
    return figure, axes
