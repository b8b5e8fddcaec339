"""Interactive of the chapter numerics: the tail of the noise and the bits of its uniform."""

from __future__ import annotations

import altair as alt
import numpy as np
from numpy.typing import NDArray

from ...book.style import BLUE, INK, ORANGE
from ...book.vega import Interactive, readout, rows, slider

FLOOR = 1e-18
KINDS = ["Gumbel law", "noise of these bits", "wins due", "wins"]


def tail(x: NDArray[np.float64], survival: NDArray[np.float64]) -> Interactive:
    """P(g > x), exact and from a uniform of so many bits, with a class that trails.

    Parameters
    ----------
    x : array of shape (N,)
        Points on the axis, rising; N at least 300, so that the class's sum converges.
    survival : array of shape (N,)
        The exact probabilities.
    """
    count = len(x)
    table = alt.Chart(rows(k=np.arange(1, count + 1), x=x, exact=survival)).transform_calculate(
        levels="max(0, ceil(pow(2, bits) * datum.exact) - 1) / pow(2, bits)"
    )
    # The sum over levels, (1/N) sum (1 - k/N)^c: its first terms where they fall fast, else
    # Euler's formula.
    sums = (
        table.transform_calculate(
            z="datum.k / pow(2, bits)",
            log="datum.z < 1e-5 ? -datum.z - datum.z * datum.z / 2 : log(1 - datum.z)",
            term="datum.z < 1 ? exp(exp(gap) * datum.log) : 0",
        )
        .transform_aggregate(total="sum(term)")
        .transform_calculate(
            due="1 / (1 + exp(gap))",
            cell="pow(2, -bits)",
            smooth="datum.due - datum.cell / 2 + exp(gap) * datum.cell * datum.cell / 12",
            chance="exp(gap) * datum.cell > 0.1 ? datum.total * datum.cell : datum.smooth",
            ceiling="-log(-log(1 - datum.cell))",
        )
    )
    chance = "(datum.chance < 1e-30 ? '<1e-30' : format(datum.chance, '.3g'))"
    words = sums.transform_calculate(
        readout="bits + ' bits reach ' + format(datum.ceiling, '.2f') + ': ' + "
        "format(datum.chance / datum.due, '.1%') + ' of the wins due' + '\\n' + "
        f"format(gap, '.1f') + ' nats behind: wins ' + {chance} + "
        "', due ' + format(datum.due, '.3g')"
    )
    place = alt.X("x:Q", title="x", scale=alt.Scale(domain=[0, 40], nice=False))
    label = "datum.value == 1 ? '1' : format(datum.value, '.0e')"
    axis = alt.Axis(values=[10.0**-n for n in range(0, 19, 3)], labelExpr=label)
    scale = alt.Scale(type="log", domain=[FLOOR, 1], clamp=True)
    height = alt.Y("p:Q", title="P(noise > x)", scale=scale, axis=axis)
    curves = (
        table.transform_fold(["exact", "levels"], as_=["name", "p"])
        .transform_calculate(what=f"datum.name == 'exact' ? '{KINDS[0]}' : '{KINDS[1]}'")
        .transform_filter(f"datum.p > {FLOOR}")
    )
    legend = alt.Legend(title=None, columns=2, symbolSize=120)
    color = alt.Scale(domain=KINDS, range=[INK, BLUE, INK, ORANGE])
    stroke = alt.Stroke("what:N", scale=color, legend=legend)
    shape = alt.Scale(domain=KINDS, range=["stroke", "stroke", "diamond", "triangle-down"])
    dash = alt.Scale(domain=KINDS, range=[[4, 4], [1, 0], [1, 0], [1, 0]])
    lines = curves.mark_line(interpolate="step-after", strokeWidth=2).encode(
        x=place, y=height, stroke=stroke, strokeDash=alt.StrokeDash("what:N", scale=dash)
    )
    points = (
        sums.transform_fold(["due", "chance"], as_=["name", "value"])
        .transform_calculate(
            x="gap",
            p=f"max({FLOOR}, datum.value)",
            what=f"datum.name == 'due' ? '{KINDS[2]}' : '{KINDS[3]}'",
        )
        .mark_point(size=110, opacity=1)
        .encode(
            x=place,
            y=height,
            stroke=stroke,
            fill=alt.Fill("what:N", scale=color, legend=legend),
            shape=alt.Shape("what:N", scale=shape, legend=legend),
        )
    )
    chart = alt.layer(lines, points, readout(words)).add_params(
        slider("bits", "bits of the uniform", 8, 53, 1, 24),
        slider("gap", "nats behind", 5, 38, 0.5, 17),
    )
    return Interactive(
        chart,
        "Interactive. The probability that the noise exceeds x, on a log scale: the Gumbel law, "
        "and noise made from a uniform of some bits, which ends at a ceiling. Two points show the "
        "chance of a class that trails, due and actual. Controls: the bits, and by how many nats "
        "the class trails. Each bit raises the ceiling by 0.69.",
    )
