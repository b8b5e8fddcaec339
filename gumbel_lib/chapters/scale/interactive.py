"""Interactive of the chapter scale: darts thrown into the boxes of the blocks."""

from __future__ import annotations

import altair as alt
import numpy as np
from numpy.typing import NDArray

from ...book.style import BLUE, INK, ORANGE
from ...book.vega import Interactive, Run, menu, readout, rows, slider

KINDS = ["kept", "rejected"]


def envelope(normals: NDArray[np.float64], places: NDArray[np.float64]) -> Interactive:
    """Weights of the classes under the bounds of their blocks, and darts thrown into the boxes.

    Parameters
    ----------
    normals : array of shape (K,)
        Standard Normal numbers; the logits are these times the spread.
    places : array of shape (N, 2)
        Uniform numbers, a row for each dart: the share of the boxes' area to its left, and its
        height in its box.
    """
    total, most = len(normals), len(places)
    left, height = places.round(6).T
    none, blank = np.zeros(most), np.zeros(total)
    # Classes and darts share a table: sorted along the boxes, a dart finds the class before it.
    table = alt.Chart(
        rows(
            i=np.r_[np.arange(total), np.full(most, -1)],
            x=np.r_[normals, none],
            dart=np.r_[blank, np.arange(1, most + 1)].astype(int),
            left=np.r_[blank, left],
            height=np.r_[blank, height],
        )
    )
    classes = (
        table.transform_calculate(logit="datum.dart ? -1e9 : spread * datum.x")
        .transform_joinaggregate(top="max(logit)")
        .transform_calculate(own="exp(datum.logit - datum.top)", block="floor(datum.i / length)")
        .transform_joinaggregate(highest="max(own)", groupby=["block"])
    )
    boxes = classes.transform_filter("!datum.dart").transform_calculate(end="datum.i + 1")
    found = (
        classes.transform_filter("datum.dart <= darts")
        .transform_window(area="sum(highest)", sort=[alt.SortField("i")], frame=[None, 0])
        .transform_joinaggregate(area_all="max(area)")
        .transform_calculate(
            start="datum.dart ? 0 : datum.area - datum.highest",
            at="datum.dart ? datum.left * datum.area_all : datum.start",
        )
        .transform_window(found="max(i)", sort=[alt.SortField("at")], frame=[None, 0])
        .transform_joinaggregate(
            weight="max(own)", bound="max(highest)", begin="max(start)", groupby=["found"]
        )
        .transform_calculate(
            place="datum.found + (datum.at - datum.begin) / datum.bound",
            y="datum.height * datum.bound",
            kept="datum.dart && datum.y < datum.weight ? 1 : 0",
            hit=f"datum.kept && datum.found == {normals.argmax()} ? 1 : 0",
            kind=f"datum.kept ? '{KINDS[0]}' : '{KINDS[1]}'",
        )
    )
    words = (
        found.transform_aggregate(
            weights="sum(own)", area="max(area_all)", kept="sum(kept)", hits="sum(hit)"
        )
        .transform_calculate(
            tries="datum.area / datum.weights",
            blocks=f"{total} / length",
            share="1 / datum.weights",
        )
        .transform_calculate(exponentials="datum.blocks + datum.tries")
        .transform_calculate(
            readout="'darts thrown ' + darts + ', kept ' + datum.kept + ', expected ' + "
            "format(darts / datum.tries, '.1f') + ' (one in ' + format(datum.tries, '.2f') + ')' "
            "+ '\\nof the kept, in the heaviest class ' + datum.hits + ', expected ' + "
            "format(datum.kept * datum.share, '.1f') + '\\nexponentials a draw: ' + "
            "datum.blocks + (datum.blocks == 1 ? ' block + ' : ' blocks + ') + "
            "format(datum.tries, '.2f') + ' tries = ' + format(datum.exponentials, '.2f')"
        )
    )
    x = alt.X(
        "i:Q",
        title="class",
        axis=alt.Axis(values=list(range(0, total + 1, total // 8)), grid=False),
        scale=alt.Scale(domain=[0, total], nice=False),
    )
    y = alt.Y("highest:Q", title="weight, the largest 1", scale=alt.Scale(domain=[0, 1]))
    bounds = boxes.mark_rect(color=ORANGE, opacity=0.3).encode(
        x=x, x2="end:Q", y=y, y2=alt.datum(0)
    )
    weights = boxes.mark_rect(color=BLUE).encode(x=x, x2="end:Q", y="own:Q", y2=alt.datum(0))
    thrown = (
        found.transform_filter("datum.dart")
        .mark_point(size=34, opacity=1, filled=True)
        .encode(
            x="place:Q",
            y="y:Q",
            color=alt.Color(
                "kind:N", title=None, scale=alt.Scale(domain=KINDS, range=[INK, ORANGE])
            ),
            shape=alt.Shape(
                "kind:N", title=None, scale=alt.Scale(domain=KINDS, range=["circle", "cross"])
            ),
        )
    )
    chart = alt.layer(bounds, weights, thrown, readout(words)).add_params(
        slider("darts", "darts thrown", 0, most, 1, 40),
        menu("length", "classes in a block", [2**n for n in range(int(np.log2(total)) + 1)], 16),
        slider("spread", "spread of the logits", 0, 4, 0.1, 2),
    )
    return Interactive(
        chart,
        f"Interactive. The weights of {total} classes as dark bars, under the bound of each block "
        "as a light box. Darts fall anywhere in the boxes alike: one that hits a bar is a try "
        "that is kept, the others are rejected. Controls: the darts thrown, the length of the "
        "blocks and the spread of the logits. Longer blocks leave more of the boxes light, and so "
        "more darts are rejected.",
        Run("darts", {"Throw 1": 1, "Throw 20": 20}),
    )
