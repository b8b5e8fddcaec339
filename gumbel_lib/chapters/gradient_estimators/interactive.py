"""Interactive of the chapter gradient_estimators: squared bias and variance of each estimator."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np

from ...book.style import BLUE, ORANGE
from ...book.vega import Interactive, menu, readout, rows, slider

PARTS = ["squared bias", "variance"]


def errors(table: Sequence[tuple[str, str, float, float, float, int]]) -> Interactive:
    """Squared bias and variance of each estimator, for one loss and temperature and a budget.

    Parameters
    ----------
    table : sequence of (loss, estimator, temperature, squared bias, variance, evaluations)
        Temperature 0 stands for an estimator that has none; the others have the same temperatures,
        at a distance of 0.1.
    """
    losses, names, temperatures, biases, variances, costs = zip(*table, strict=True)
    order = list(dict.fromkeys(names))
    data = rows(
        loss=losses,
        name=names,
        at=temperatures,
        bias=np.round(biases, 9),  # without the rounding noise of a 0
        variance=np.round(variances, 9),
        cost=costs,
    )
    shown = (
        alt.Chart(data)
        .transform_filter("datum.loss == loss && (datum.at == 0 || abs(datum.at - t) < 0.01)")
        .transform_filter("datum.cost <= pow(10, power)")
        .transform_calculate(spread="datum.variance * datum.cost / pow(10, power)")
        .transform_calculate(error="datum.bias + datum.spread")
    )
    words = (
        shown.transform_calculate(fair="datum.bias == 0 ? datum.error : 1e9")
        .transform_joinaggregate(unbiased="min(fair)")
        .transform_window(place="row_number()", sort=[alt.SortField("error")])
        .transform_filter("datum.place == 1")
        .transform_calculate(
            readout="loss + ' loss, temperature ' + format(t, '.1f') + ', ' + "
            "'evaluations: ' + format(pow(10, power), ',.2~f') + '\\nleast mean squared error: ' + "
            "format(datum.error, '.3g') + ', ' + datum.name + '; least without bias: ' + "
            "format(datum.unbiased, '.3g')"
        )
    )
    parts = shown.transform_fold(["bias", "spread"], as_=["key", "size"]).transform_calculate(
        part=f"datum.key == 'bias' ? '{PARTS[0]}' : '{PARTS[1]}'"
    )
    scale = alt.Scale(type="symlog", constant=0.001, domain=[0, 30], clamp=True)
    bars = parts.mark_bar().encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=150)),
        yOffset=alt.YOffset("part:N", sort=PARTS),
        x=alt.X(
            "size:Q",
            title="squared error",
            scale=scale,
            axis=alt.Axis(values=[0, 0.001, 0.01, 0.1, 1, 10], format="~g"),
        ),
        color=alt.Color("part:N", title=None, scale=alt.Scale(domain=PARTS, range=[BLUE, ORANGE])),
    )
    first, last = min(t for t in temperatures if t > 0), max(temperatures)
    chart = alt.layer(bars, readout(words), height=26 * len(order)).add_params(
        menu("loss", "loss", list(dict.fromkeys(losses)), losses[0]),
        slider("t", "temperature", first, last, 0.1, 0.5),
        slider("power", "evaluations, as a power of 10", 0, 3, 0.5, 0),
    )
    return Interactive(
        chart,
        f"Interactive. Bars of the squared bias and of the variance of {len(order)} estimators of "
        "a gradient, each averaged over as many estimates as the evaluations of the loss pay for; "
        "one that needs more is left out. "
        "Controls: the loss, of which all agree on the one-hots, the temperature, and the number "
        "of evaluations.",
    )
