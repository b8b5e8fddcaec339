"""Interactive of the chapter scale: what the bounds of blocks cost."""

from __future__ import annotations

import altair as alt
import numpy as np
from numpy.typing import NDArray

from ...book.style import BLUE, ORANGE
from ...book.vega import Interactive, readout, rows, slider


def envelope(normals: NDArray[np.float64]) -> Interactive:
    """Weights of the classes under the bounds of their blocks.

    Parameters
    ----------
    normals : array of shape (K,)
        Standard Normal numbers; the logits are these times the spread.
    """
    total = len(normals)
    classes = (
        alt.Chart(rows(i=np.arange(total), x=normals.round(5)))
        .transform_calculate(logit="spread * datum.x")
        .transform_joinaggregate(top="max(logit)")
        .transform_calculate(
            weight="exp(datum.logit - datum.top)", block="floor(datum.i / pow(2, power))"
        )
        .transform_joinaggregate(bound="max(weight)", groupby=["block"])
        .transform_calculate(end="datum.i + 1")
    )
    x = alt.X(
        "i:Q",
        title="class",
        axis=alt.Axis(values=list(range(0, total + 1, total // 8)), grid=False),
        scale=alt.Scale(domain=[0, total], nice=False),
    )
    y = alt.Y("bound:Q", title="weight, the largest 1", scale=alt.Scale(domain=[0, 1]))
    bounds = classes.mark_rect(color=ORANGE, opacity=0.3).encode(
        x=x, x2="end:Q", y=y, y2=alt.datum(0)
    )
    weights = classes.mark_rect(color=BLUE).encode(x=x, x2="end:Q", y="weight:Q", y2=alt.datum(0))
    words = (
        classes.transform_aggregate(kept="sum(weight)", raced="sum(bound)")
        .transform_calculate(
            tries="datum.raced / datum.kept",
            blocks=f"{total} / pow(2, power)",
        )
        .transform_calculate(exponentials="datum.blocks + datum.tries")
        .transform_calculate(
            readout="datum.blocks + ' blocks of ' + pow(2, power) + ': ' + "
            "format(datum.tries, '.2f') + ' tries a draw on average\\n' + "
            "'exponentials: ' + datum.blocks + ' for the blocks + ' + "
            "format(datum.tries, '.2f') + ' for tries = ' + format(datum.exponentials, '.2f')"
        )
    )
    chart = alt.layer(bounds, weights, readout(words)).add_params(
        slider("power", "log2 of the classes in a block", 0, int(np.log2(total)), 1, 4),
        slider("spread", "spread of the logits", 0, 4, 0.1, 2),
    )
    return Interactive(
        chart,
        f"Interactive. The weights of {total} classes as dark bars, under the bound of each block "
        "as a light box; a try is kept with the share of the boxes that is dark. Controls: the "
        "length of the blocks and the spread of the logits. Longer blocks leave more of the boxes "
        "light, and so take more tries.",
    )
