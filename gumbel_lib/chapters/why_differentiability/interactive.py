"""Interactive of the chapter why_differentiability: a slope beside its estimate from two probes."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from ...book.style import BLUE, INK, ORANGE, PAPER
from ...book.vega import Interactive, readout, rows, slider

FUNCTION = "(pow({x}, 4) / 8 - pow({x}, 2) + {x} / 2)"
SLOPE = "(pow({x}, 3) / 2 - 2 * {x} + 1 / 2)"
REACH, FARTHEST, STEP = 2.2, 1.0, 0.02  # of A, of the probes from A, between the places of A
KINDS = ["f(x)", "slope at A", "from probes"]


def slope_and_probes(point: float, distance: float) -> Interactive:
    """The tangent at a point A that can be moved, and the secant through two probes beside it.

    Parameters
    ----------
    point : float
        Where A stands at first, a multiple of `STEP` between -`REACH` and `REACH`.
    distance : float
        From A to each probe at first, at most `FARTHEST`.
    """
    # The slider and the pointer set the same selection.
    place = alt.selection_point(
        name="place",
        fields=["x"],
        value=[{"x": point}],
        bind=alt.binding_range(min=-REACH, max=REACH, step=STEP, name="position x of A"),
        on="rect:click, rect:pointermove[event.buttons]",
        toggle=False,
        clear=False,
    )
    now = alt.Chart(rows(i=[0])).transform_calculate(
        x="place.x[0]",
        value=FUNCTION.format(x="datum.x"),
        slope=SLOPE.format(x="datum.x"),
        left="datum.x - h",
        right="datum.x + h",
        low=FUNCTION.format(x="datum.left"),
        high=FUNCTION.format(x="datum.right"),
        estimate="(datum.high - datum.low) / (2 * h)",
        error="datum.estimate - datum.slope",
    )
    words = now.transform_calculate(
        readout="'A: x = ' + format(datum.x, '.2f') + ', f(x) = ' + format(datum.value, '.3f') + "
        "'\\nslope at A: ' + format(datum.slope, '.3f') + ' (1 slope)' + "
        "'\\nfrom probes ' + format(h, '.2f') + ' to either side: ' + "
        "format(datum.estimate, '.3f') + ' (2 values), off by ' + format(datum.error, '.3f') + "
        "(datum.estimate * datum.slope < 0 ? ', the WRONG SIGN' : '')"
    )
    widest = REACH + FARTHEST
    x = alt.X("x:Q", title="x", scale=alt.Scale(domain=[-widest, widest], nice=False))
    y = alt.Y("y:Q", title="f(x)", scale=alt.Scale(domain=[-4, 5]))
    legend = alt.Legend(title=None, symbolSize=400, symbolStrokeWidth=2)
    colors = alt.Scale(domain=KINDS, range=[BLUE, INK, ORANGE])
    dashes = alt.Scale(domain=KINDS, range=[[1, 0], [1, 0], [5, 3]])
    look = {
        "color": alt.Color("kind:N", scale=colors, legend=legend),
        "strokeDash": alt.StrokeDash("kind:N", scale=dashes, legend=legend),
    }

    def line(kind: int, value: str, slope: str) -> Any:
        """Segment around A with this slope and, at A itself, this value."""
        ends = now.transform_calculate(
            kind=f"'{KINDS[kind]}'",
            x0=f"datum.x - {FARTHEST}",
            x1=f"datum.x + {FARTHEST}",
            y0=f"{value} - {FARTHEST} * {slope}",
            y1=f"{value} + {FARTHEST} * {slope}",
        )
        return ends.mark_rule(strokeWidth=2).encode(
            x="x0:Q", y="y0:Q", x2="x1:Q", y2="y1:Q", **look
        )

    grid = alt.Chart(rows(x=np.linspace(-widest, widest, 161).round(2)))
    curve = grid.transform_calculate(y=FUNCTION.format(x="datum.x"), kind=f"'{KINDS[0]}'")
    tangent = line(1, "datum.value", "datum.slope")
    secant = line(2, "(datum.low + datum.high) / 2", "datum.estimate")
    bordered = {"stroke": PAPER, "strokeWidth": 1, "opacity": 1, "size": 110}
    probes = [
        now.mark_point(shape="diamond", fill=ORANGE, **bordered).encode(x=f"{x}:Q", y=f"{y}:Q")
        for x, y in (("left", "low"), ("right", "high"))
    ]
    at = now.encode(x="x:Q", y="value:Q")
    dot = at.mark_point(fill=INK, **bordered)
    name = at.mark_text(text="A", dx=10, dy=-12, fontSize=14, fontWeight="bold")
    # Unseen strips of full height, one for each place of A: the pointer chooses the one it is on.
    places = np.arange(-REACH, REACH + STEP / 2, STEP).round(2)
    edges = np.r_[-widest, (places[1:] + places[:-1]) / 2, widest]
    strips = (
        alt.Chart(rows(x=places, x0=edges[:-1], x1=edges[1:]))
        .mark_rect(opacity=0, cursor="ew-resize", aria=False)
        .encode(x="x0:Q", x2="x1:Q")
        .properties(name="strips")
        .add_params(place)
    )
    chart = alt.layer(
        curve.mark_line(strokeWidth=2).encode(x=x, y=y, **look),
        tangent,
        secant,
        *probes,
        dot,
        name,
        readout(words),
        strips,
        height=300,
    ).add_params(slider("h", "probe distance h", 0.05, FARTHEST, 0.05, distance))
    return Interactive(
        chart,
        "Interactive. A curve with two valleys, the deeper one on the left. A point A on it with "
        "its tangent, solid, and two probes as diamonds, one on either side of A, with the secant "
        "through them, dashed. Controls: the position of A, which can also be dragged, and the "
        "distance of the probes. The further they are, the more the secant departs from the "
        "tangent, but at x = 0 the two are parallel.",
    )
