"""Interactive of the chapter gumbel_max: the race under five noise laws."""

from __future__ import annotations

import altair as alt
import numpy as np
from numpy.typing import NDArray

from ...book.style import BLUE, INK, ORANGE
from ...book.vega import Interactive, Run, menu, readout, rows, slider

SD = "(PI / sqrt(6))"  # of the standard Gumbel; every law has it
LAWS = {
    "Gumbel": "-log(-log({u}))",
    "reversed Gumbel": "log(-log(1 - {u}))",
    "Normal": f"quantileNormal({{u}}, 0, {SD})",
    "logistic": f"{SD} * sqrt(3) / PI * log({{u}} / (1 - {{u}}))",
    "uniform": f"{SD} * sqrt(12) * {{u}}",
}


def race(levels: NDArray[np.float64], logits: NDArray[np.float64]) -> Interactive:
    """Shares of the winners, counted live, beside their probabilities.

    Parameters
    ----------
    levels : array of shape (N, 3)
        Uniform draws; each law's noise is its quantile at these levels.
    logits : array of shape (3,)
        Where the sliders stand at first.
    """
    total = len(levels)
    u0, u1, u2 = levels.T
    draws = alt.Chart(rows(i=np.arange(total), u0=u0, u1=u1, u2=u2))
    for k in range(3):
        cases = [f"law == '{law}' ? {code.format(u=f'datum.u{k}')}" for law, code in LAWS.items()]
        draws = draws.transform_calculate(**{f"s{k}": f"l{k} + ({' : '.join(cases)} : NaN)"})
    draws = draws.transform_filter("datum.i < n")
    for k in range(3):
        rivals = ", ".join(f"datum.s{j}" for j in range(3) if j != k)
        draws = draws.transform_calculate(**{f"w{k}": f"datum.s{k} > max({rivals}) ? 1 : 0"})
    tally = draws.transform_aggregate(w0="sum(w0)", w1="sum(w1)", w2="sum(w2)")
    for k in range(3):
        tally = tally.transform_calculate(
            **{
                f"share{k}": f"datum.w{k} / n",
                f"p{k}": f"exp(l{k}) / (exp(l0) + exp(l1) + exp(l2))",
            }
        )
    for k in range(3):
        tally = tally.transform_calculate(
            **{f"z{k}": f"(datum.share{k} - datum.p{k}) / sqrt(datum.p{k} * (1 - datum.p{k}) / n)"}
        )
    largest = "max(abs(datum.z0), abs(datum.z1), abs(datum.z2))"
    shares = " + ', ' + ".join(f"format(datum.share{k}, '.3f')" for k in range(3))
    probs = " + ', ' + ".join(f"format(datum.p{k}, '.3f')" for k in range(3))
    words = tally.transform_calculate(
        readout=f"law + ' noise, ' + n + ' draws: shares ' + {shares} + '\\n' + "
        f"'softmax(logits): ' + {probs} + '; largest |z| ' + format({largest}, '.2f') + "
        f"({largest} < 5 ? ', inside the band' : ', OUTSIDE the band')"
    )
    classes = tally.transform_fold(["p0", "p1", "p2"], as_=["name", "p"]).transform_calculate(
        k="+substring(datum.name, 1)",
        label="'class ' + substring(datum.name, 1)",
        share="datum['share' + datum.k]",
        low="max(0, datum.p - 5 * sqrt(datum.p * (1 - datum.p) / n))",
        high="datum.p + 5 * sqrt(datum.p * (1 - datum.p) / n)",
        seen="abs(datum['z' + datum.k]) < 5 ? 'share inside the band' : 'share outside'",
    )
    x = alt.X("label:N", axis=alt.Axis(title=None, labelAngle=0))
    y = alt.Y("p:Q", title="probability", scale=alt.Scale(domain=[0, 1], clamp=True))
    bars = classes.mark_bar(size=70, color=BLUE, fillOpacity=0.3, stroke=BLUE).encode(x=x, y=y)
    band = classes.mark_rule(color=INK, strokeWidth=2).encode(x=x, y="low:Q", y2="high:Q")
    kinds = ["share inside the band", "share outside"]
    points = classes.mark_point(size=90, filled=True, opacity=1).encode(
        x=x,
        y="share:Q",
        color=alt.Color("seen:N", scale=alt.Scale(domain=kinds, range=[INK, ORANGE]), title=None),
        shape=alt.Shape(
            "seen:N", scale=alt.Scale(domain=kinds, range=["diamond", "triangle-up"]), title=None
        ),
    )
    sliders = [
        slider(f"l{k}", f"logit of class {k}", -3, 3, 0.1, round(float(logits[k]), 1))
        for k in range(3)
    ]
    chart = alt.layer(bars, band, points, readout(words)).add_params(
        menu("law", "noise", list(LAWS), "Gumbel"),
        slider("n", "number of draws", 20, total, 20, total),
        *sliders,
    )
    return Interactive(
        chart,
        f"Interactive. Shares of the three classes among up to {total:,} draws, as points, beside "
        "softmax(logits), as bars with their z = 5 band. Controls: the noise law, the number of "
        "draws and the three logits. With Gumbel noise the points stay in the band.",
        Run("n", {"20 draws more": 1, "200 more": 10}),
    )
