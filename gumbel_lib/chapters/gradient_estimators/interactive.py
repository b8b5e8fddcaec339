"""Interactive of the chapter gradient_estimators: squared bias and variance of each estimator."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np

from ..._checks import Floats
from ...book.style import BLUE, INK, ORANGE
from ...book.vega import Interactive, Run, menu, readout, rows, slider

PARTS = ["squared bias", "variance", "one average"]


def errors(
    table: Sequence[tuple[str, str, float, float, float, int, Floats]], budgets: Sequence[int]
) -> Interactive:
    """Squared bias and variance of each estimator, for one loss and temperature and a budget.

    Parameters
    ----------
    table : sequence of (loss, estimator, temperature, squared bias, variance, evaluations, errors)
        Temperature 0 stands for an estimator that has none; the others have the same temperatures.
        The errors are those of one average, a number for each budget that pays for an estimate.
    budgets : sequence of int
        Numbers of evaluations: the powers of 2, from 1 on.
    """
    losses, names, temperatures, biases, variances, costs, paths = zip(*table, strict=True)
    order = list(dict.fromkeys(names))
    data = rows(
        loss=losses,
        name=names,
        at=temperatures,
        bias=np.round(biases, 9),  # without the rounding noise of a 0
        variance=np.round(variances, 9),
        cost=costs,
        path=[
            "|".join([""] * (len(budgets) - len(p)) + [f"{e:.3g}" for e in p.round(9)])
            for p in paths
        ],
    )
    shown = (
        alt.Chart(data)
        .transform_filter("datum.loss == loss && (datum.at == 0 || abs(datum.at - t) < 0.01)")
        .transform_filter("datum.cost <= pow(2, power)")
        .transform_calculate(
            spread="datum.variance * datum.cost / pow(2, power)",
            seen="+split(datum.path, '|')[power]",
        )
        .transform_calculate(error="datum.bias + datum.spread")
    )
    words = (
        shown.transform_calculate(fair="datum.bias == 0 ? datum.error : 1e9")
        .transform_joinaggregate(unbiased="min(fair)")
        .transform_window(place="row_number()", sort=[alt.SortField("error")])
        .transform_filter("datum.place == 1")
        .transform_calculate(
            readout="loss + ' loss, temperature ' + format(t, '.1f') + ', evaluations: ' + "
            "format(pow(2, power), ',d') + '\\nleast mean squared error: ' + "
            "format(datum.error, '.3g') + ', ' + datum.name + ' (this average: ' + "
            "format(datum.seen, '.3g') + ')\\nleast without bias: ' + "
            "format(datum.unbiased, '.3g')"
        )
    )
    parts = shown.transform_fold(["bias", "spread"], as_=["key", "size"]).transform_calculate(
        part=f"datum.key == 'bias' ? '{PARTS[0]}' : '{PARTS[1]}'"
    )
    x = alt.X(
        "size:Q",
        title="squared error",
        scale=alt.Scale(type="symlog", constant=0.001, domain=[0, 30], clamp=True),
        axis=alt.Axis(values=[0, 0.001, 0.01, 0.1, 1, 10], format="~g"),
    )
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=150))
    color = alt.Color(
        "part:N",
        title=None,
        scale=alt.Scale(domain=PARTS, range=[BLUE, ORANGE, INK]),
        legend=alt.Legend(columns=2),  # a phone has room for two side by side
    )
    bars = parts.mark_bar().encode(
        y=y, yOffset=alt.YOffset("part:N", sort=PARTS[:2]), x=x, color=color
    )
    dots = (
        shown.transform_calculate(size="datum.seen", part=f"'{PARTS[2]}'")
        .mark_circle(opacity=1, size=45)
        .encode(y=y, x=x, color=color)
    )
    chart = alt.layer(bars, dots, readout(words), height=26 * len(order)).add_params(
        menu("loss", "loss", list(dict.fromkeys(losses)), losses[-1]),
        menu("t", "temperature", sorted({t for t in temperatures if t > 0}), 0.5),
        slider("power", "doublings of the evaluations", 0, len(budgets) - 1, 1, 2),
    )
    return Interactive(
        chart,
        f"Interactive. Bars of the squared bias and of the variance of {len(order)} estimators of "
        "a gradient, each averaged over as many estimates as the evaluations of the loss pay for; "
        "one that needs more is left out. A dot beside each is the squared error of one such "
        "average. Controls: the loss, of which all agree on the one-hots, the temperature, and the "
        "number of evaluations, which a button doubles. Without a bias a dot goes on towards 0; "
        "with one it stops near the squared bias.",
        Run("power", {"Twice the evaluations": 1}, seconds=9),
    )
