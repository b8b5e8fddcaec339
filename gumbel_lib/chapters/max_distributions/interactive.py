"""Interactive of the chapter max_distributions: the exact law of the maximum and its Gumbel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np

from ..._checks import Floats
from ...book.style import BLUE, INK, MUTED, ORANGE, PAPER
from ...book.vega import Interactive, Run, menu, readout, rows, slider
from ...maxima import Law, gumbel_limit, maximum_cdf

SIZES = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
MAXIMA, NEW = 300, 10  # maxima in all, and those that arrive together
BIN = 0.5  # width of the histogram's bars, in scales
CDFS = {
    "Normal": "cumulativeNormal({x})",
    "Exponential": "({x} > 0 ? 1 - exp(-{x}) : 0)",
    "mixture": "(cumulativeNormal({x}, -2, 1) + cumulativeNormal({x}, 2, 0.5)) / 2",
}
PDFS = {
    "Normal": "densityNormal({x})",
    "Exponential": "({x} > 0 ? exp(-{x}) : 0)",
    "mixture": "(densityNormal({x}, -2, 1) + densityNormal({x}, 2, 0.5)) / 2",
}
CURVES = ["exact law", "Gumbel"]


def _widest(parent: Any, n: int, loc: float, scale: float) -> float:
    """Where the exact law and its Gumbel lie furthest apart, in scales from the location."""
    z = np.linspace(-3, 8, 22_001)
    gap = maximum_cdf(parent, n, loc + scale * z) - np.exp(-np.exp(-z))
    return float(z[np.abs(gap).argmax()].round(4))


def _maxima(parent: Any, n: int, loc: float, scale: float, levels: Floats) -> Floats:
    """Maxima of blocks, at these levels of their law, in scales from the location."""
    above = -np.expm1(np.log(levels) / n)  # the parent's chance to exceed the maximum
    drawn: Floats = (Law(parent, "parent").upper_quantile(above) - loc) / scale
    return drawn.round(2)


def _by_parent(formulas: Mapping[str, str]) -> str:
    cases = (f"parent == '{name}' ? {code.format(x='datum.x')}" for name, code in formulas.items())
    return f"({' : '.join(cases)} : NaN)"


def _laws(chart: alt.Chart) -> alt.Chart:
    """CDF and density of the maximum and of its Gumbel at the field ``z``."""
    at = chart.transform_calculate(x="datum.loc + datum.scale * datum.z")
    at = at.transform_calculate(cdf=_by_parent(CDFS), pdf=_by_parent(PDFS))
    return at.transform_calculate(
        exact="pow(datum.cdf, datum.n)",
        gumbel="exp(-exp(-datum.z))",
        exact_density="datum.n * pow(datum.cdf, datum.n - 1) * datum.pdf * datum.scale",
        gumbel_density="exp(-datum.z - exp(-datum.z))",
    )


def limit(parents: Mapping[str, Any], rng: np.random.Generator | int) -> Interactive:
    """Maxima of blocks of n draws, their law and its Gumbel, as density and as CDF.

    Parameters
    ----------
    parents : mapping of str to distribution
        The laws named in `CDFS`, which has their formulas for the page.
    rng : numpy.random.Generator or int
        Source of the levels of the maxima, the same for every parent and every n.
    """
    levels = np.random.default_rng(rng).uniform(size=MAXIMA)
    cases = [(name, n) for name in CDFS for n in SIZES]
    limits = {case: gumbel_limit(parents[case[0]], case[1]) for case in cases}
    locs, scales = np.transpose(list(limits.values()))
    labels = [f"{name} {n}" for name, n in cases]
    known = {
        "n": [n for _, n in cases],
        "loc": locs,
        "scale": scales,
        "z": [_widest(parents[name], n, *limits[name, n]) for name, n in cases],
    }
    drawn = {
        f"{name} {n}": _maxima(parents[name], n, *limits[name, n], levels) for name, n in cases
    }
    # While new maxima fall, only those that have landed count.
    maxima = alt.Chart().transform_calculate(case="parent + ' ' + n", z="datum[datum.case]")
    landed = f"(count - (arrival < 1 ? {NEW} : 0))"
    counted = maxima.transform_filter(f"datum.i <= {landed}")

    row = alt.Chart(rows(case=labels, **known)).transform_filter("datum.case == parent + ' ' + n")
    widest = _laws(row).transform_calculate(distance="abs(datum.exact - datum.gumbel)")
    # Vega-Lite loses a table that is drawn and looked up, so it gets two, and looks up texts.
    table = alt.LookupData(data=rows(key=labels, **known), key="key", fields=list(known))
    now = (
        maxima.transform_filter("datum.i <= count")
        .transform_calculate(low="datum.z < 0 ? 1 : 0")
        .transform_aggregate(below="sum(low)", groupby=["case"])
        .transform_lookup("case", from_=table)
        .transform_calculate(**{name: f"toNumber(datum.{name})" for name in known})
    )
    words = _laws(now).transform_calculate(
        distance="abs(datum.exact - datum.gumbel)",
        share="datum.below / count",
        chance=f"pow({_by_parent(CDFS).replace('datum.x', 'datum.loc')}, datum.n)",
        readout="parent + ', n = ' + format(datum.n, ',') + ': Gumbel at ' + "
        "format(datum.loc, '.3f') + ', scale ' + format(datum.scale, '.3f') + '\\ndistance ' + "
        "format(datum.distance, '.3r') + ' at z = ' + format(datum.z, '.2f') + "
        "(datum.exact > datum.gumbel ? ', exact law above' : ', exact law below') + '\\n' + "
        "datum.below + ' of ' + count + ' maxima below z = 0, a share of ' + "
        "format(datum.share, '.3f') + '; by the exact law ' + format(datum.chance, '.3f')",
    )
    curves = _laws(row.transform_calculate(z="sequence(-3, 8.01, 0.05)").transform_flatten(["z"]))

    def two(exact: str, gumbel: str, y: alt.Y) -> Any:
        both = curves.transform_fold([exact, gumbel], as_=["law", "value"])
        both = both.transform_calculate(
            law=f"datum.law == '{exact}' ? '{CURVES[0]}' : '{CURVES[1]}'"
        )
        return both.mark_line(clip=True).encode(
            x=x, y=y, color=looks["color"], strokeDash=looks["strokeDash"]
        )

    x = alt.X(
        "z:Q",
        title="z = (maximum - location) / scale",
        scale=alt.Scale(domain=[-3, 8]),
        axis=alt.Axis(format="d", grid=False, values=list(range(-2, 9, 2))),
    )
    legend = alt.Legend(title=None, symbolSize=900)
    looks = {
        "color": alt.Color(
            "law:N", scale=alt.Scale(domain=CURVES, range=[BLUE, INK]), legend=legend
        ),
        "strokeDash": alt.StrokeDash(
            "law:N", scale=alt.Scale(domain=CURVES, range=[[1, 0], [6, 4]]), legend=legend
        ),
    }
    height = alt.Y("value:Q", title="density", scale=alt.Scale(domain=[0, 0.7]))
    bars = counted.transform_calculate(left=f"floor(datum.z / {BIN}) * {BIN}").transform_aggregate(
        number="count()", groupby=["left"]
    )
    bars = bars.transform_calculate(
        right=f"datum.left + {BIN}", value=f"datum.number / {landed} / {BIN}"
    )
    rain = maxima.transform_filter(f"datum.i > {landed} && datum.i <= count")
    rain = rain.transform_calculate(value="0.7 * (1 - arrival * arrival)")
    density = alt.layer(
        bars.mark_bar(clip=True, fill=ORANGE, fillOpacity=0.3, stroke=ORANGE).encode(
            x="left:Q", x2="right:Q", y=height, y2=alt.datum(0)
        ),
        two("exact_density", "gumbel_density", height),
        rain.mark_point(clip=True, fill=ORANGE, stroke=PAPER, opacity=1, size=70).encode(
            x=x, y=height
        ),
        readout(words),
        data=rows(i=np.arange(1, MAXIMA + 1), **drawn),
        title="Density",
    ).add_params(
        alt.param(name="arrival", value=1),
        menu("parent", "parent", list(CDFS), "Normal"),
        menu("n", "block size n", SIZES, 10),
        slider("count", "maxima drawn", NEW, MAXIMA, NEW, NEW),
    )
    unit = alt.Y("value:Q", title="CDF", scale=alt.Scale(domain=[0, 1]))
    cdf = alt.layer(
        widest.mark_rule(color=MUTED, strokeDash=[2, 3]).encode(x=x),
        two("exact", "gumbel", unit),
        widest.mark_rule(color=ORANGE, strokeWidth=4).encode(x=x, y="exact:Q", y2="gumbel:Q"),
        title="CDF, and the widest gap",
    )
    return Interactive(
        [density, cdf],
        "Interactive of two panels, over the distance of the maximum from the location in scales. "
        "The first shows the density of the largest of n draws, solid, that of its Gumbel, dashed, "
        f"and a histogram of up to {MAXIMA} such maxima, drawn by the exact law. The second shows "
        "both CDFs, and a vertical bar marks their widest gap. Controls: the parent, the block "
        "size n from 2 to 10,000, and the number of maxima. As n grows the Exponential's two "
        "curves merge and the Normal's stay apart.",
        Run("count", {f"{NEW} new maxima": 1}, seconds=9, arrival="arrival"),
    )
