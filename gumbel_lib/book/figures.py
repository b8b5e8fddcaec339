"""Figures that describe themselves."""

from __future__ import annotations

import hashlib
import html
import io
import re

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure


def show(figure: Figure, description: str) -> None:
    """Display a figure as SVG together with a description computed from its data.

    The description is the text that nbval compares and the name that a screen reader speaks.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn on axes of `style.subplots`; closed afterwards.
    description : str
        What a reader who cannot see the figure should know, numbers to 3 digits.

    Raises
    ------
    ValueError
        If the description is too short to describe anything.
    """
    description = " ".join(description.split())
    svg = render(figure, description)
    display({"image/svg+xml": svg, "text/plain": description}, raw=True)


def render(figure: Figure, description: str) -> str:
    """The figure as SVG text, the same on every machine.

    Coordinates are rounded to a hundredth of a point, so that another processor's last bit leaves
    the stored figure as it is. Parameters and errors are those of `show`.
    """
    if len(description) < 40:
        raise ValueError(f"description: expected what the figure shows, got {description!r}")
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    plt.close(figure)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'="[^"]*"', _rounded, svg)
    # Matplotlib names clips after unrounded numbers; name them after the rounded figure.
    clips = re.findall(r'<clipPath id="(\w+)"', svg)
    bare = re.sub("|".join(clips), "", svg) if clips else svg
    digest = hashlib.sha256(bare.encode()).hexdigest()[:8]
    for number, clip in enumerate(clips):
        svg = svg.replace(clip, f"clip-{digest}-{number}")
    svg = svg.replace("'DejaVu Sans'", "'DejaVu Sans', sans-serif")
    label = html.escape(description, quote=True)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _rounded(attribute: re.Match[str]) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", attribute[0])
