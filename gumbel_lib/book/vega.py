"""Interactive figures: noise is the data, parameters are sliders, the formula runs in the page.

An interactive is an Altair chart of one or several panels, the first with a layer named
``readout``, a text mark that says in words what the chart shows. The site turns it into a live
region for screen readers, and shows the chart's first state where JavaScript is off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .style import GRID, INK, MUTED, PAPER

MIME = "application/vnd.vegalite.v5+json"  # as JupyterLab knows it, for version 6 too
VEGA_LITE = re.match(r"v(\d+\.\d+)", alt.SCHEMA_VERSION)[1]  # type: ignore[index]
WIDTH, HEIGHT = 620, 260  # the site lets the width follow the page
LOW = 200  # height of one panel of several, so that a phone shows two of them
MARGIN, GAP = 10, 20  # pixels around panels, on both sides together, and between them
LABELS = 34  # pixels for the labels of a panel's vertical axis: five characters
SIDE = LABELS + 20  # with the axis's title
LINE = 14  # pixels: what Vega gives a line of 12
_AXIS = {"domainColor": MUTED, "gridColor": GRID, "labelColor": INK, "tickColor": MUTED}
_TEXT = {"labelFontSize": 12, "titleColor": INK, "titleFontSize": 12, "titleFontWeight": "normal"}
CONFIG = {
    "axis": {**_AXIS, **_TEXT},
    "background": PAPER,
    "font": "sans-serif",
    "legend": {"labelColor": INK, "orient": "bottom", **_TEXT},
    "text": {"color": INK, "fontSize": 12},
    "title": {"anchor": "start", "color": INK, "fontSize": 13},
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


def menu(name: str, label: str, options: Sequence[str] | Sequence[float], value: Any) -> Any:
    """A parameter of the chart with a drop-down menu that carries its label.

    If the options are numbers, the site shows a slider that moves over them.
    """
    bind = alt.binding_select(options=list(options), name=label)
    return alt.param(name=name, value=value, bind=bind)


def handle(layer: alt.Chart, parameter: str, axis: Literal["x", "y"]) -> Any:
    """The layer, its marks made handles: dragged along an axis, they set a parameter on the site.

    The parameter has a slider too, for who uses the keyboard. The marks need a position on the
    axis's scale.
    """
    return layer.properties(name=f"drag_{axis}_{parameter}")


def cursor(here: alt.Chart, parameter: str, x: alt.X, low: float, high: float) -> list[Any]:
    """A vertical line at x, and all of the panel between two values of x to drag it by."""
    surface = here.mark_rect(opacity=0).encode(x=alt.datum(low), x2=alt.datum(high))
    arrows = here.mark_text(text="↔", dy=-8, fontSize=18, fontWeight="bold")
    return [
        here.mark_rule(color=INK).encode(x=x),
        arrows.encode(x=x, y=alt.value("height")),
        handle(surface, parameter, "x"),
    ]


def pick(layer: alt.Chart, parameter: str) -> Any:
    """The layer, a click on one of its marks made to set a parameter to the mark's field.

    The field has the parameter's name, and the parameter has a slider too.
    """
    return layer.properties(name=f"pick_{parameter}")


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
    steps : dict of str to int
        What the buttons say, and by how many of the slider's steps each moves it.
    seconds : float
        In which the button *Run* takes the slider from one end to the other.
    down : bool
        Whether it runs from the upper end to the lower.
    arrival : str, optional
        A parameter that goes from 0 to 1 after each of these buttons and, unless they are fast,
        in each step of a run, to show how what is new arrives. Else, and where motion is
        unwelcome, it is 1.
    """

    parameter: str
    steps: dict[str, int]
    seconds: float = 8.0
    down: bool = False
    arrival: str | None = None


class Interactive:
    """An interactive chart that shows itself, with a description of what can be done with it.

    Parameters
    ----------
    chart : altair.LayerChart, or a sequence of them
        Panels, each with axes of its own, the first with a layer made by `readout`.
    description : str
        What a reader who cannot see the chart should know.
    run : Run, optional
        Buttons that move one of its sliders.
    columns : int, optional
        How many panels lie side by side, all by default. On a phone they lie below each other.

    Attributes
    ----------
    chart, description
        The chart, laid out and coloured as the book's, and the description.

    Raises
    ------
    ValueError
        If the first panel has no readout.
    """

    def __init__(
        self,
        chart: alt.LayerChart | Sequence[alt.LayerChart],
        description: str,
        run: Run | None = None,
        columns: int | None = None,
    ) -> None:
        panels = [chart] if isinstance(chart, alt.LayerChart) else list(chart)
        if not any(getattr(layer, "name", None) == "readout" for layer in panels[0].layer):
            raise ValueError("chart: expected a layer made by `readout`, got none")
        self.description = " ".join(description.split())
        columns = columns or len(panels)
        alone = len(panels) == 1
        width, height = (WIDTH, HEIGHT) if alone else (WIDTH / columns - GAP - SIDE, LOW)
        panels = [
            panel.properties(
                width=width, height=height if panel.height is alt.Undefined else panel.height
            )
            for panel in panels
        ]
        config: dict[str, Any] = dict(CONFIG)
        whole = panels[0]
        if not alone:
            looks = ("color", "fill", "stroke", "shape", "strokeDash")
            whole = alt.concat(*panels, columns=columns, spacing=GAP)
            whole = whole.resolve_scale(**dict.fromkeys(looks, "independent"))
            # With axes of one width the site can tell how wide a panel may be.
            config["axisY"] = {"minExtent": LABELS, "maxExtent": LABELS}
        meta = {"run": run._asdict()} if run else {}
        self.chart = whole.properties(description=self.description, usermeta=meta).configure(
            **config
        )

    @property
    def specification(self) -> dict[str, Any]:
        """The Vega-Lite specification."""
        spec: dict[str, Any] = self.chart.to_dict()
        return spec

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {MIME: self.specification, "text/plain": self.description}
