"""Figures as values: a Matplotlib figure with its axes and a description computed from its data."""

from __future__ import annotations

import hashlib
import html
import io
import re
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure


class DescribedFigure:
    """A figure that shows itself as SVG, together with what a reader who cannot see it should know.

    The description is the text that nbval compares and the name that a screen reader speaks.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn on axes of `style.subplots`.
    description : str
        What the figure shows, numbers to 3 digits.

    Attributes
    ----------
    figure, axes, description
        The figure, a list of its axes, and the description. Axes can be changed; the figure then
        shows the change.

    Raises
    ------
    ValueError
        If the description is too short to describe anything.
    """

    def __init__(self, figure: Figure, description: str) -> None:
        self.figure = figure
        self.description = " ".join(description.split())
        if len(self.description) < 40:
            raise ValueError(f"description: expected what the figure shows, got {description!r}")
        plt.close(figure)  # or the notebook would show it a second time

    @property
    def axes(self) -> list[Axes]:
        """The axes, in the order they were made."""
        return self.figure.axes

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg(), "text/plain": self.description}

    def svg(self) -> str:
        """The figure as SVG text, the same on every machine.

        Coordinates are rounded to a hundredth of a point, so that another processor's last bit
        leaves the stored figure as it is. A path stands on one line, as do the markers of a
        series, and a clip is named by its shape, so that a small change of a figure changes few
        lines of a stored notebook.
        """
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        self.figure.savefig(buffer, format="svg", metadata=nothing)
        svg = buffer.getvalue()
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
        svg = re.sub(r'="[^"]*"', _rounded, svg)
        clip = re.compile(r'<clipPath id="(\w+)">(.*?)</clipPath>', re.DOTALL)
        for name, shape in clip.findall(svg):
            digest = hashlib.sha256(shape.encode()).hexdigest()[:8]
            svg = svg.replace(name, f"clip-{digest}")
        svg = re.sub(r"/>\n\s*<use ", "/> <use ", svg)
        svg = svg.replace("'DejaVu Sans'", "'DejaVu Sans', sans-serif")
        label = html.escape(self.description, quote=True)
        return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _rounded(attribute: re.Match[str]) -> str:
    line = " ".join(attribute[0].split())
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", line)
