"""Figures as values: a Matplotlib figure with its axes and a description computed from its data."""

from __future__ import annotations

import hashlib
import html
import io
import pickle
import re
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import AutoLocator

from .style import LINE, PHONE

NARROW_MIME = "application/vnd.gumbel.narrow+xml"  # JupyterLab does not show it


class DescribedFigure:
    """A figure that shows itself as SVG, together with what a reader who cannot see it should know.

    The description is the text that nbval compares and the name that a screen reader speaks.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn on axes of `style.subplots`.
    description : str
        What the figure shows, numbers to 3 digits.
    phone : matplotlib.figure.Figure, optional
        The figure for a phone, where it is not the same panels below each other.

    Attributes
    ----------
    figure, axes, description, phone
        The figure, a list of its axes, the description, and the figure for a phone, if it was
        given. Axes can be changed; the figure then shows the change.

    Raises
    ------
    ValueError
        If the description is too short to describe anything.
    """

    def __init__(self, figure: Figure, description: str, *, phone: Figure | None = None) -> None:
        self.figure, self.phone = figure, phone
        self.description = " ".join(description.split())
        if len(self.description) < 40:
            raise ValueError(f"description: expected what the figure shows, got {description!r}")
        for drawn in filter(None, (figure, phone)):
            plt.close(drawn)  # or the notebook would show it a second time

    @property
    def axes(self) -> list[Axes]:
        """The axes, in the order they were made."""
        return self.figure.axes

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        shown = {"image/svg+xml": self.svg(), "text/plain": self.description}
        return shown | {NARROW_MIME: self.narrow().svg()}

    def narrow(self) -> DescribedFigure:
        """The figure for a phone: no wider than `style.PHONE`, its panels below each other."""
        if self.phone:
            return DescribedFigure(self.phone, self.description)
        figure = pickle.loads(pickle.dumps(self.figure))
        plt.close(figure)
        panels = [ax for ax in figure.axes if ax.get_subplotspec()]
        columns = 1 if len(panels) < 4 else 2
        rows = -(-len(panels) // columns)
        width, height = figure.get_size_inches()
        height *= rows / panels[0].get_subplotspec().get_gridspec().nrows
        grid = GridSpec(rows, columns, figure=figure)
        shared = panels[0].get_ylabel()
        for i, ax in enumerate(panels):
            ax.set_subplotspec(grid[i])
            ax.tick_params(labelleft=True, labelbottom=True)
            ax.set_ylabel("" if i % columns else ax.get_ylabel() or shared)
            for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
                text.set_wrap(True)
            if isinstance(places := ax.xaxis.get_major_locator(), AutoLocator):
                places.set_params(nbins=5)
        # Legends go below, one name a line; inside, that of a single panel would cover what it
        # explains.
        single = [panels[0].get_legend()] if len(panels) == 1 else []
        for legend in filter(None, [*figure.legends, *single]):
            names = [text.get_text() for text in legend.get_texts()]
            title = legend.get_title().get_text() or None
            options = {"title": title, "alignment": "left", "loc": "outside lower left"}
            figure.legend(legend.legend_handles, names, **options)
            legend.remove()
            height += LINE * (len(names) + bool(title))
        figure.set_size_inches(min(width, PHONE), height)
        return DescribedFigure(figure, self.description)

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
