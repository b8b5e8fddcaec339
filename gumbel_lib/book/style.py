"""One look for all figures: palette, sizes, and the light and dark value of each colour."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.figure import Figure

# Light and dark value of each role. The stored figure has the light one; the site maps each to a
# CSS variable. A test holds text to 4.5:1 and marks to 3:1 against the paper of both themes.
PALETTE = {
    "ink": ("#1f2328", "#e6edf3"),
    "muted": ("#57606b", "#a9b3bd"),
    "grid": ("#d5dbe1", "#3b424a"),
    "paper": ("#ffffff", "#121212"),
    "blue": ("#0b6bb3", "#5ab4f0"),
    "orange": ("#c4500c", "#ff9d57"),
    "green": ("#0b7f5c", "#3ccf9b"),
    "purple": ("#8e4585", "#dd9bd4"),
}
INK, MUTED, GRID, PAPER = (PALETTE[role][0] for role in ("ink", "muted", "grid", "paper"))
BLUE, ORANGE, GREEN, PURPLE = (PALETTE[role][0] for role in ("blue", "orange", "green", "purple"))
SERIES = (BLUE, ORANGE, GREEN, PURPLE)
STYLES = ("-", "--", "-.", ":")  # beside the colours, for who cannot tell them apart
MARKERS = ("o", "s", "^", "D")

# Inches. A page's column shows 7.2 inches at about 700 pixels, a phone of 390 pixels 3.65.
FULL, NARROW, PHONE = 7.2, 4.8, 3.65
LINE = 0.2  # of a legend

RC: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=SERIES),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": PAPER,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.facecolor": PAPER,
    "legend.edgecolor": GRID,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "gumbel",
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}

# Matplotlib reads some of these only as titles and legends are made, so they are set for good.
mpl.rcParams.update(RC)


def subplots(
    rows: int = 1, columns: int = 1, *, width: float = FULL, height: float = 2.9, **options: Any
) -> tuple[Figure, Any]:
    """Figure and axes laid out so that nothing overlaps."""
    return plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **options)
