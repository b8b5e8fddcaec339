"""Interactive of the chapter why_differentiability: downhill by slopes and by probes."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from ...book.style import BLUE, INK, MUTED, ORANGE, PAPER
from ...book.vega import Interactive, Run, handle, readout, rows, slider

FUNCTION = "(pow({x}, 4) / 8 - pow({x}, 2) + {x} / 2)"
SLOPE = "(pow({x}, 3) / 2 - 2 * {x} + 1 / 2)"
REACH, FARTHEST, STEP = 2.2, 1.0, 0.02  # of A, of the probes from A, between the places of A
WIDEST = REACH + FARTHEST
STEPS = 20  # downhill, at most
KINDS = ["f(x)", "slope at A", "from probes"]


def _estimate(x: str) -> str:
    """Slope from two probes."""
    high, low = FUNCTION.format(x=f"({x} + h)"), FUNCTION.format(x=f"({x} - h)")
    return f"({high} - {low}) / (2 * h)"


def _walked(panel: alt.LayerChart) -> alt.LayerChart:
    """The panel with A, its slope and probes, and the places ``s0``, ``s1``, ... and ``e0``, ...

    These are the places after each step downhill, by slopes and by estimates.
    """
    panel = panel.properties(data=rows(i=[0])).transform_calculate(
        x="x",
        value=FUNCTION.format(x="x"),
        slope=SLOPE.format(x="x"),
        left="x - h",
        right="x + h",
        low=FUNCTION.format(x="datum.left"),
        high=FUNCTION.format(x="datum.right"),
        estimate=_estimate("x"),
        error="datum.estimate - datum.slope",
        s0="x",
        e0="x",
    )
    for step in range(STEPS):
        s, e = f"datum.s{step}", f"datum.e{step}"
        by_slope = f"{s} - rate * {SLOPE.format(x=s)}"
        by_probes = f"{e} - rate * {_estimate(e)}"
        panel = panel.transform_calculate(**{f"s{step + 1}": by_slope, f"e{step + 1}": by_probes})
    # Vega hears of a change only in fields that a formula names, so these name all.
    slopes, probes = (
        ", ".join(f"datum.{kind}{step}" for step in range(STEPS + 1)) for kind in "se"
    )
    return panel.transform_calculate(
        by_slopes=f"[{slopes}][steps]",
        by_probes=f"[{probes}][steps]",
        reached=FUNCTION.format(x="datum.by_slopes"),
        reached_by_probes=FUNCTION.format(x="datum.by_probes"),
    )


def slope_and_probes(point: float, distance: float) -> Interactive:
    """The slope at a point A and its estimate from two probes, and where each leads.

    Parameters
    ----------
    point : float
        Where A stands at first, a multiple of `STEP` between -`REACH` and `REACH`.
    distance : float
        From A to each probe at first, at most `FARTHEST`.
    """
    now = alt.Chart()
    words = now.transform_calculate(
        readout="'A: x = ' + format(x, '.2f') + ', f(x) = ' + format(datum.value, '.3f') + "
        "'; slope ' + format(datum.slope, '.3f') + ', from probes ' + format(h, '.2f') + "
        "' to either side ' + format(datum.estimate, '.3f') + ', off by ' + "
        "format(datum.error, '.3f') + "
        "(datum.estimate * datum.slope < 0 ? ', the WRONG SIGN' : '') + "
        "'\\n' + steps + (steps == 1 ? ' step' : ' steps') + ' by slopes: ' + steps + "
        "(steps == 1 ? ' evaluation' : ' evaluations') + ', x = ' + "
        "format(datum.by_slopes, '.3f') + ', f(x) = ' + format(datum.reached, '.3f') + "
        "'\\nby probes: ' + 2 * steps + ' evaluations, x = ' + format(datum.by_probes, '.3f') + "
        "', f(x) = ' + format(datum.reached_by_probes, '.3f')"
    )
    wide = alt.Scale(domain=[-WIDEST, WIDEST], nice=False)
    x = alt.X("x:Q", title="x", scale=wide, axis=alt.Axis(grid=False, format="d", tickCount=6))
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
            x0=f"x - {FARTHEST}",
            x1=f"x + {FARTHEST}",
            y0=f"{value} - {FARTHEST} * {slope}",
            y1=f"{value} + {FARTHEST} * {slope}",
        )
        return ends.mark_rule(strokeWidth=2).encode(
            x="x0:Q", y="y0:Q", x2="x1:Q", y2="y1:Q", **look
        )

    grid = alt.Chart(rows(x=np.linspace(-WIDEST, WIDEST, 161).round(2)))
    curve = grid.transform_calculate(y=FUNCTION.format(x="datum.x"), kind=f"'{KINDS[0]}'")
    bordered = {"stroke": PAPER, "strokeWidth": 1, "opacity": 1}
    probes = [
        now.mark_point(shape="diamond", fill=ORANGE, size=110, **bordered).encode(
            x=f"{place}:Q", y=f"{height}:Q"
        )
        for place, height in (("left", "low"), ("right", "high"))
    ]
    at = now.encode(x="x:Q", y="value:Q")
    # The last place comes gliding along the curve from the one before.
    taken = now.transform_fold(
        [f"{kind}{step}" for kind in "se" for step in range(STEPS + 1)], as_=["key", "end"]
    ).transform_calculate(
        step="+substring(datum.key, 1)",
        by="substring(datum.key, 0, 1) == 's' ? 'by slopes' : 'by probes'",
    )
    taken = taken.transform_filter("datum.step <= steps").transform_calculate(
        before="datum[substring(datum.key, 0, 1) + max(0, datum.step - 1)]",
        x="datum.step < steps ? datum.end : datum.before + arrival * (datum.end - datum.before)",
        y=FUNCTION.format(x="datum.x"),
        evaluations="datum.step * (datum.by == 'by slopes' ? 1 : 2)",
    )
    ways = ["by slopes", "by probes"]
    inks = alt.Scale(domain=ways, range=[INK, ORANGE])
    shapes = alt.Scale(domain=ways, range=["circle", "diamond"])
    trail = {
        "fill": alt.Fill("by:N", scale=inks, legend=alt.Legend(title=None)),
        "shape": alt.Shape("by:N", scale=shapes, legend=alt.Legend(title=None)),
    }
    downhill = alt.layer(
        curve.mark_line(strokeWidth=2).encode(x=x, y=y, **look),
        line(1, "datum.value", "datum.slope"),
        line(2, "(datum.low + datum.high) / 2", "datum.estimate"),
        *probes,
        taken.mark_point(size=50, clip=True, **bordered).encode(
            x=x,
            y=y,
            fill=alt.Fill("by:N", scale=inks, legend=None),
            shape=alt.Shape("by:N", scale=shapes, legend=None),
        ),
        at.mark_point(fill=INK, size=110, **bordered),
        at.mark_text(text="A ↔", align="left", dx=4, dy=-12, fontSize=14, fontWeight="bold"),
        readout(words),
        handle(now.mark_rect(opacity=0).encode(x=alt.datum(-REACH), x2=alt.datum(REACH)), "x", "x"),
        height=240,
        title="A, its probes and both trails",
    ).add_params(
        alt.param(name="arrival", value=1),
        slider("x", "position x of A", -REACH, REACH, STEP, point),
        slider("h", "probe distance h", 0.05, FARTHEST, 0.05, distance),
        slider("steps", "steps downhill", 0, STEPS, 1, 0),
        slider("rate", "learning rate", 0.05, 0.5, 0.05, 0.2),
    )
    cost = alt.X(
        "evaluations:Q",
        title="evaluations",
        scale=alt.Scale(domain=[0, 2 * STEPS]),
        axis=alt.Axis(grid=False, format="d"),
    )
    low = alt.Y("y:Q", title="f(x)", scale=alt.Scale(domain=[-3.5, 0.5]))
    count = alt.layer(
        taken.mark_line(clip=True, color=MUTED, strokeWidth=1.5).encode(
            x=cost, y=low, detail="by:N"
        ),
        taken.mark_point(size=60, **bordered).encode(x=cost, y=low, **trail),
        height=140,
        title="Value reached after so many evaluations",
    )
    return Interactive(
        [_walked(downhill), _walked(count)],
        "Interactive of two panels. The first shows a curve with two valleys, the deeper one on "
        "the left, and a point A on it with its tangent, solid, and two probes as diamonds, one on "
        "either side of A, with the secant through them, dashed. Steps downhill from A leave two "
        "trails: circles for steps by slopes, diamonds for steps by probes. The second shows the "
        "values reached against the evaluations: one slope a step, or two values. Controls: the "
        "position of A, which can also be dragged, the distance of the probes, the number of steps "
        "and the learning rate. The further the probes are, the more the secant departs from the "
        "tangent, but at x = 0 the two are parallel.",
        Run("steps", {"Step downhill": 1}, seconds=8, arrival="arrival"),
        columns=1,
    )
