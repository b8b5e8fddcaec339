"""Interactive of the chapter reparameterization: frozen steps and their mean."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from ...book.style import BLUE, INK, MUTED, ORANGE, PAPER
from ...book.vega import Interactive, Run, handle, menu, readout, rows, slider

SINGLE = 5  # draws shown one by one, in rows below the mean
LOW, HIGH = -5, 5
# Height in the chart of the one-hot of draw i, in its row; 1 is the height of the mean's scale.
ROW = "-0.2 * (datum.i + 1) + ({one} ? 0.065 : -0.065)"


def _path(draws: alt.Chart, height: str) -> alt.Chart:
    """Points of a step: one far left, one at each jump, one far right."""
    folded = draws.transform_calculate(left="-50", right="50").transform_fold(
        ["left", "jump", "right"], as_=["end", "x"]
    )
    return folded.transform_calculate(y=height)


def steps(noise: NDArray[np.float64], logits: NDArray[np.float64]) -> Interactive:
    """One-hots of class 0 in frozen draws, their mean and softmax, as its logit moves.

    Parameters
    ----------
    noise : array of shape (N, 3)
        Standard Gumbel noise, a row for each draw.
    logits : array of shape (3,)
        Where the slider of class 0 stands at first, then the two logits that stay.
    """
    total = len(noise)
    # Every number at first, then steps of about a tenth, so that each changes the mean visibly.
    sizes = np.unique(np.geomspace(1, total, 64).round().astype(int)).tolist()
    first, second, third = map(float, logits)
    g0, g1, g2 = noise.T
    # Class 0 wins once its logit passes the best rival less its own noise.
    draws = alt.Chart().transform_calculate(
        jump=f"max({second} + datum.g1, {third} + datum.g2) - datum.g0",
        won="datum.jump < l0 ? 1 : 0",
        at="l0",
    )
    few = draws.transform_filter(f"datum.i < {SINGLE}")
    single = _path(few, ROW.format(one="datum.end != 'left'"))
    level = few.transform_calculate(y=ROW.format(one="datum.won"))

    averaged = draws.transform_filter("datum.i < n")
    ranked = averaged.transform_window(rank="row_number()", sort=[alt.SortField("jump")])
    mean = (
        _path(ranked, "datum.end == 'left' ? 0 : datum.rank / n")
        .transform_filter("datum.end == 'jump' || datum.rank == (datum.end == 'left' ? 1 : n)")
        .transform_calculate(kind="'mean of draws'")
    )
    softmax = f"1 / (1 + (exp({second}) + exp({third})) * exp(-{{logit}}))"
    curve = alt.Chart(alt.sequence(LOW, HIGH + 0.05, 0.1, as_="x")).transform_calculate(
        y=softmax.format(logit="datum.x"), kind="'softmax'"
    )
    here = averaged.transform_aggregate(picked="sum(won)", groupby=["at"]).transform_calculate(
        mean="datum.picked / n",
        probability=softmax.format(logit="l0"),
        slope="datum.probability * (1 - datum.probability)",
        readout="'logit ' + format(l0, '.1f') + ': ' + datum.picked + ' of ' + n + "
        "(n == 1 ? ' draw picks' : ' draws pick') + ' class 0\\n' + "
        "'mean ' + format(datum.mean, '.3f') + ', softmax ' + format(datum.probability, '.3f') + "
        "'\\nslope here: 0 in each draw, ' + format(datum.slope, '.3f') + ' in softmax'",
    )

    upper = alt.condition("datum.value >= 0", alt.value(1), alt.value(0))
    axis = alt.Axis(
        values=[1, 0.5, 0, *(-0.2 * (i + 1) for i in range(SINGLE))],
        labelExpr="datum.value < 0 ? 'draw ' + round(-5 * datum.value - 1) : datum.label",
        gridOpacity=upper,
        tickOpacity=upper,
        domain=False,
    )
    wide = alt.Scale(domain=[LOW, HIGH], nice=False)
    x = alt.X("x:Q", title="logit of class 0", scale=wide, axis=alt.Axis(grid=False, tickCount=5))
    high = alt.Scale(domain=[-1.15, 1.03], nice=False)
    y = alt.Y("y:Q", title="one-hot of class 0", scale=high, axis=axis)
    kinds = ["mean of draws", "softmax"]

    def key(channel: Any, values: list[Any]) -> Any:
        return channel("kind:N", title=None, scale=alt.Scale(domain=kinds, range=values))

    looks = {
        "color": key(alt.Color, [ORANGE, INK]),
        "strokeDash": key(alt.StrokeDash, [[1, 0], [6, 4]]),
    }
    stairs = {"interpolate": "step-after", "clip": True}
    chart = alt.layer(
        here.mark_rule(color=MUTED, strokeWidth=1.5).encode(x="at:Q"),
        single.mark_line(color=BLUE, **stairs).encode(x=x, y=y, detail="i:N"),
        level.mark_point(size=60, stroke=BLUE, opacity=1).encode(
            x="at:Q", y="y:Q", fill=alt.condition("datum.won", alt.value(BLUE), alt.value(PAPER))
        ),
        mean.mark_line(**stairs).encode(x=x, y=y, **looks),
        curve.mark_line(strokeWidth=1.5).encode(x=x, y=y, **looks),
        here.mark_text(text="↔", fontSize=18, fontWeight="bold").encode(x="at:Q", y=alt.value(30)),
        readout(here),
        handle(here.mark_rect(opacity=0).encode(x=alt.datum(LOW), x2=alt.datum(HIGH)), "l0", "x"),
        data=rows(i=np.arange(total), g0=g0, g1=g1, g2=g2),
        height=340,
    ).add_params(
        slider("l0", "logit of class 0", LOW, HIGH, 0.1, first),
        menu("n", "draws averaged", sizes, SINGLE),
    )
    return Interactive(
        chart,
        "Interactive. The one-hot of class 0 against its logit, with frozen noise. Below: "
        f"{SINGLE} single draws, each flat but for a jump from 0 to 1, with points at the slider's "
        f"logit. Above: the mean of up to {total} draws, a staircase, beside the smooth softmax. "
        "Controls: the logit of class 0, a vertical line that can also be dragged, and the number "
        "of draws averaged.",
        Run("n", {"More draws": 1}),
    )
