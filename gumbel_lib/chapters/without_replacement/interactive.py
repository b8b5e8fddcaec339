"""Interactive of the chapter without_replacement: k slides over fixed noise."""

from __future__ import annotations

import altair as alt
import numpy as np

from ..._checks import Floats
from ...book.style import BLUE, INK, MUTED, ORANGE
from ...book.vega import Interactive, Run, readout, rows, slider

KINDS = ["drawn", "the next one", "not drawn"]


def threshold(names: list[str], probs: Floats, values: Floats, noise: Floats) -> Interactive:
    """Keys of a few classes with their threshold, and the weights of those that lie above it.

    Parameters
    ----------
    names : list of str (K,)
    probs, values : array of shape (K,)
        Probabilities, and the numbers whose mean is estimated.
    noise : array of shape (N, K)
        Standard Gumbel noise, one row a draw.
    """
    draws, size = noise.shape
    number, which = np.indices(noise.shape).reshape(2, -1)
    data = rows(
        row=number + 1,
        name=np.array(names)[which],
        place=which,
        p=probs[which],
        f=values[which],
        g=noise.ravel().round(5),
    )
    ranked = (
        alt.Chart()
        .transform_filter("datum.row == row")
        .transform_calculate(key="log(datum.p) + datum.g")
        .transform_window(rank="row_number()", sort=[alt.SortField("key", order="descending")])
        .transform_calculate(next="datum.rank == k + 1 ? datum.key : -1e9")
        .transform_joinaggregate(kappa="max(next)")
        .transform_calculate(
            share="1 - exp(-datum.p * exp(-datum.kappa))",
            w="datum.rank <= k ? datum.p / datum.share : 0",
            wf="datum.w * datum.f",
            pf="datum.p * datum.f",
            drawn="datum.rank <= k ? datum.p : 0",
            kind=f"datum.rank <= k ? '{KINDS[0]}' : datum.rank == k + 1 ? '{KINDS[1]}' : "
            f"'{KINDS[2]}'",
        )
    )
    sums = {"kappa": "max(kappa)", "total": "sum(w)", "estimate": "sum(wf)"}
    sums |= {"truth": "sum(pf)", "mass": "sum(drawn)"}
    words = ranked.transform_aggregate(**sums).transform_calculate(
        readout="'k = ' + k + ', draw ' + row + ': threshold ' + format(datum.kappa, '.2f') + "
        "', probability drawn ' + format(datum.mass, '.2f') + '\\nestimate of the mean ' + "
        "format(datum.estimate, '.2f') + ', normalised ' + "
        "format(datum.estimate / datum.total, '.2f') + ', exact ' + format(datum.truth, '.2f') + "
        "'\\nsum of the weights ' + format(datum.total, '.2f')"
    )
    x = alt.X(
        "name:N",
        sort=names,
        axis=alt.Axis(title=None, labelAngle=-45),  # a long name shall not reach out of the panel
        scale=alt.Scale(paddingOuter=0.3),
    )
    keys = alt.Y("key:Q", title="key", scale=alt.Scale(domain=[-8, 4], clamp=True))
    legend = alt.Legend(title=None, columns=1, symbolSize=90)
    color = alt.Color("kind:N", scale=alt.Scale(domain=KINDS, range=[BLUE, ORANGE, MUTED]))
    shape = alt.Shape(
        "kind:N", scale=alt.Scale(domain=KINDS, range=["circle", "square", "triangle-down"])
    )
    first = alt.layer(
        words.mark_rule(color=ORANGE, strokeDash=[6, 4], strokeWidth=1.5).encode(
            y=alt.Y("kappa:Q", title="key", scale=alt.Scale(domain=[-8, 4], clamp=True))
        ),
        ranked.mark_point(size=110, filled=True, opacity=1).encode(
            x=x, y=keys, color=color.legend(legend), shape=shape.legend(legend)
        ),
        readout(words),
        data=data,
        title="Keys and the threshold",
    ).add_params(
        slider("k", "words drawn, k", 1, size - 1, 1, 2),
        slider("row", "draw of the noise", 1, draws, 1, 1),
    )
    high = alt.Scale(domain=[0, 1], clamp=True)
    second = alt.layer(
        ranked.mark_bar(color=BLUE, fillOpacity=0.3, stroke=BLUE, size=26).encode(
            x=x, y=alt.Y("w:Q", title="weight", scale=high)
        ),
        ranked.mark_tick(color=INK, thickness=3, size=34).encode(
            x=x, y=alt.Y("p:Q", title="weight", scale=high)
        ),
        data=data,
        title="Weights (bars) and probabilities (ticks)",
    )
    return Interactive(
        [first, second],
        f"Interactive of two panels over {size} words. The first shows the key of each word, its "
        "log-probability plus its noise, and a line at the threshold, the largest key that is not "
        "drawn. The second shows the weight of each word drawn as a bar, and its probability as a "
        f"tick. Controls: k, from 1 to {size - 1}, and which of {draws} draws of the noise is "
        "shown. While k grows, the threshold falls and every weight comes down towards the word's "
        "probability.",
        Run("k", {"One more": 1}, seconds=5),
    )
