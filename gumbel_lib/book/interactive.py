"""Interactive figures: noise is the data, parameters are sliders, the formula runs in the page.

An interactive is an Altair chart with a layer named ``readout``, a text mark that says in words
what the chart shows. The site turns it into a live region for screen readers, and shows the
chart's first state where JavaScript is off.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
from IPython.display import display
from numpy.typing import ArrayLike

from .style import GRID, INK, MUTED, PAPER

MIME = "application/vnd.vegalite.v5+json"  # as JupyterLab knows it
VEGA_LITE = "5.20"
WIDTH, HEIGHT = 620, 260  # the site lets the width follow the page
_AXIS = {"domainColor": MUTED, "gridColor": GRID, "labelColor": INK, "tickColor": MUTED}
_TEXT = {"labelFontSize": 12, "titleColor": INK, "titleFontSize": 12, "titleFontWeight": "normal"}
CONFIG = {
    "axis": {**_AXIS, **_TEXT},
    "background": PAPER,
    "font": "sans-serif",
    "legend": {"labelColor": INK, "orient": "bottom", **_TEXT},
    "text": {"color": INK, "fontSize": 12},
    "view": {"stroke": None},
}


def rows(**columns: ArrayLike) -> Any:
    """Chart data from columns of one length, floats to 9 significant digits."""
    lists = [_rounded(column) for column in columns.values()]
    return alt.Data(
        values=[dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
    )


def _rounded(column: ArrayLike) -> list[Any]:
    values = np.asarray(column).tolist()
    return [float(f"{value:.9g}") if isinstance(value, float) else value for value in values]


def slider(name: str, label: str, low: float, high: float, step: float, value: float) -> Any:
    """A parameter of the chart with a slider that carries its label."""
    bind = alt.binding_range(min=low, max=high, step=step, name=label)
    return alt.param(name=name, value=value, bind=bind)


def menu(name: str, label: str, options: list[str], value: str) -> Any:
    """A parameter of the chart with a drop-down menu that carries its label."""
    return alt.param(name=name, value=value, bind=alt.binding_select(options=options, name=label))


def readout(data: alt.Chart) -> Any:
    """The layer that shows the field ``readout`` of its single row above the chart."""
    text = data.mark_text(align="left", baseline="bottom", lineBreak="\n")
    return text.encode(x=alt.value(0), y=alt.value(-8), text="readout:N").properties(name="readout")


def interact(chart: alt.LayerChart, description: str) -> None:
    """Display an interactive chart together with a description of what can be done with it.

    Parameters
    ----------
    chart : altair.LayerChart
        With a layer made by `readout`.
    description : str
        What a reader who cannot see the chart should know.

    Raises
    ------
    ValueError
        If the chart has no readout.
    """
    spec = specification(chart, description)
    display({MIME: spec, "text/plain": spec["description"]}, raw=True)


def specification(chart: alt.LayerChart, description: str) -> dict[str, Any]:
    """The Vega-Lite specification of `interact`; parameters and errors are those of `interact`."""
    if not any(getattr(layer, "name", None) == "readout" for layer in chart.layer):
        raise ValueError("chart: expected a layer made by `readout`, got none")
    description = " ".join(description.split())
    chart = chart.properties(width=WIDTH, description=description, usermeta={})
    if chart.height is alt.Undefined:
        chart = chart.properties(height=HEIGHT)
    spec: dict[str, Any] = chart.configure(**CONFIG).to_dict()
    return spec
