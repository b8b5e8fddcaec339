"""Interactive of the chapter max_distributions: the exact law of the maximum and its Gumbel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np

from ...book.style import BLUE, INK, MUTED, ORANGE
from ...book.vega import Interactive, Run, menu, readout, rows, slider
from ...maxima import gumbel_limit, maximum_cdf

SIZES = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
CDFS = {
    "Normal": "cumulativeNormal({x})",
    "Exponential": "({x} > 0 ? 1 - exp(-{x}) : 0)",
    "mixture": "(cumulativeNormal({x}, -2, 1) + cumulativeNormal({x}, 2, 0.5)) / 2",
}
CURVES = ["exact law", "Gumbel"]


def _widest(parent: Any, n: int, loc: float, scale: float) -> float:
    """Where the exact law and its Gumbel lie furthest apart, in scales from the location."""
    z = np.linspace(-3, 8, 22_001)
    gap = maximum_cdf(parent, n, loc + scale * z) - np.exp(-np.exp(-z))
    return float(z[np.abs(gap).argmax()].round(4))


def limit(parents: Mapping[str, Any]) -> Interactive:
    """CDF of the largest of n draws beside its Gumbel's, and the distance between them.

    Parameters
    ----------
    parents : mapping of str to distribution
        The laws named in `CDFS`, which has their formulas for the page.
    """
    cases = [(name, n) for name in CDFS for n in SIZES]
    limits = [gumbel_limit(parents[name], n) for name, n in cases]
    widest = [
        _widest(parents[name], n, *limit) for (name, n), limit in zip(cases, limits, strict=True)
    ]
    name, n = zip(*cases, strict=True)
    loc, scale = zip(*limits, strict=True)
    table = rows(parent=name, n=n, loc=loc, scale=scale, z=widest)
    steps = ", ".join(map(str, SIZES))
    row = alt.Chart(table).transform_filter(f"datum.parent == parent && datum.n == [{steps}][step]")

    def laws(chart: alt.Chart) -> alt.Chart:
        formulas = [f"parent == '{name}' ? {cdf.format(x='datum.x')}" for name, cdf in CDFS.items()]
        return chart.transform_calculate(x="datum.loc + datum.scale * datum.z").transform_calculate(
            exact=f"pow({' : '.join(formulas)} : NaN, datum.n)", gumbel="exp(-exp(-datum.z))"
        )

    widest_gap = laws(row).transform_calculate(distance="abs(datum.exact - datum.gumbel)")
    words = widest_gap.transform_calculate(
        readout="parent + ', n = ' + format(datum.n, ',') + ': Gumbel at ' + "
        "format(datum.loc, '.3f') + ', scale ' + format(datum.scale, '.3f') + '\\ndistance ' + "
        "format(datum.distance, '.3r') + ' at z = ' + format(datum.z, '.2f') + "
        "(datum.exact > datum.gumbel ? ', exact law above' : ', exact law below')"
    )
    curves = (
        laws(row.transform_calculate(z="sequence(-3, 8.01, 0.02)").transform_flatten(["z"]))
        .transform_fold(["exact", "gumbel"], as_=["law", "cdf"])
        .transform_calculate(law=f"datum.law == 'exact' ? '{CURVES[0]}' : '{CURVES[1]}'")
    )
    x = alt.X(
        "z:Q",
        title="z = (maximum - location) / scale",
        scale=alt.Scale(domain=[-3, 8]),
        axis=alt.Axis(format="d", values=list(range(-3, 9))),
    )
    y = alt.Y("cdf:Q", title="CDF", scale=alt.Scale(domain=[0, 1]))
    legend = alt.Legend(title=None, symbolSize=900)
    lines = curves.mark_line().encode(
        x=x,
        y=y,
        color=alt.Color("law:N", scale=alt.Scale(domain=CURVES, range=[BLUE, INK]), legend=legend),
        strokeDash=alt.StrokeDash(
            "law:N", scale=alt.Scale(domain=CURVES, range=[[1, 0], [6, 4]]), legend=legend
        ),
    )
    place = widest_gap.mark_rule(color=MUTED, strokeDash=[2, 3]).encode(x="z:Q")
    gap = widest_gap.mark_rule(color=ORANGE, strokeWidth=4).encode(
        x="z:Q", y="exact:Q", y2="gumbel:Q"
    )
    chart = alt.layer(place, lines, gap, readout(words)).add_params(
        menu("parent", "parent", list(CDFS), "Normal"),
        slider("step", "block size (step)", 0, len(SIZES) - 1, 1, SIZES.index(10)),
    )
    return Interactive(
        chart,
        "Interactive. CDF of the largest of n draws, solid, and that of its Gumbel, dashed, over "
        "the distance from the location in scales. A vertical bar marks the widest gap. Controls: "
        f"the parent and the block size n, in {len(SIZES)} steps from 2 to 10,000. As n "
        "grows the Exponential's two curves merge and the Normal's stay apart.",
        Run("step", {"Larger blocks": 1}),
    )
