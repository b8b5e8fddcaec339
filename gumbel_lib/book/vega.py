"""Interactive figures: noise is the data, parameters are sliders, the formula runs in the page.

An interactive is an Altair chart with a layer named ``readout``, a text mark that says in words
what the chart shows. The site turns it into a live region for screen readers, and shows the
chart's first state where JavaScript is off.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .style import GRID, INK, MUTED, PAPER

MIME = "application/vnd.vegalite.v5+json"  # as JupyterLab knows it, for version 6 too
VEGA_LITE = re.match(r"v(\d+\.\d+)", alt.SCHEMA_VERSION)[1]  # type: ignore[index]
WIDTH, HEIGHT = 620, 260  # the site lets the width follow the page
LINE = 14  # pixels: what Vega gives a line of 12
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
    """Chart data from columns of one length, as CSV, floats to 9 significant digits."""
    table = pd.DataFrame({name: np.asarray(column) for name, column in columns.items()})
    values = table.to_csv(index=False, float_format="%.9g", lineterminator="\n")
    parse = {
        name: "number" if pd.api.types.is_numeric_dtype(kind) else "string"
        for name, kind in table.dtypes.items()
    }
    return alt.Data(values=values, format=alt.DataFormat(type="csv", parse=parse))


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
    # Vega puts the first line there and the others below it.
    above = alt.expr(f"-8 - {LINE} * (length(split(datum.readout, '\\n')) - 1)")
    encoded = text.encode(x=alt.value(0), y=alt.value(above), text="readout:N")
    return encoded.properties(name="readout")


class Run(NamedTuple):
    """Buttons that move a slider.

    Parameters
    ----------
    parameter : str
        The slider's parameter.
    steps : dict of str to float
        What the buttons say, and by how much each moves the slider.
    seconds : float
        In which the button *Run* takes the slider from one end to the other.
    down : bool
        Whether it runs from the upper end to the lower.
    """

    parameter: str
    steps: dict[str, float]
    seconds: float = 8.0
    down: bool = False


class Interactive:
    """An interactive chart that shows itself, with a description of what can be done with it.

    Parameters
    ----------
    chart : altair.LayerChart
        With a layer made by `readout`.
    description : str
        What a reader who cannot see the chart should know.
    run : Run, optional
        Buttons that move one of its sliders.

    Attributes
    ----------
    chart, description
        The chart, laid out and coloured as the book's, and the description.

    Raises
    ------
    ValueError
        If the chart has no readout.
    """

    def __init__(self, chart: alt.LayerChart, description: str, run: Run | None = None) -> None:
        if not any(getattr(layer, "name", None) == "readout" for layer in chart.layer):
            raise ValueError("chart: expected a layer made by `readout`, got none")
        self.description = " ".join(description.split())
        meta = {"run": run._asdict()} if run else {}
        chart = chart.properties(width=WIDTH, description=self.description, usermeta=meta)
        if chart.height is alt.Undefined:
            chart = chart.properties(height=HEIGHT)
        self.chart = chart.configure(**CONFIG)

    @property
    def specification(self) -> dict[str, Any]:
        """The Vega-Lite specification."""
        spec: dict[str, Any] = self.chart.to_dict()
        return spec

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {MIME: self.specification, "text/plain": self.description}
