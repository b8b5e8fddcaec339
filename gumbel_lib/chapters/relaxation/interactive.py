"""Interactive of the chapter relaxation: a cloud of relaxed samples, and one of them in bars."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from ...book.style import BLUE, GREEN, INK, MUTED, ORANGE, PAPER, PURPLE
from ...book.vega import Interactive, Run, menu, pick, readout, rows, slider

CLASSES = range(3)
KINDS = [*(f"class {k} wins" for k in CLASSES), "mean of b", "softmax(logits)"]
COLORS = [BLUE, ORANGE, GREEN, PURPLE, INK]
HEIGHT = 240
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross"]
# Closer together where the cloud changes fastest.
TEMPERATURES = [
    *(n / 20 for n in range(1, 20)),
    *(n / 10 for n in range(10, 20)),
    *(n / 5 for n in range(10, 26)),
]


def cloud(
    noise: NDArray[np.float64], logits: NDArray[np.float64], temperature: float
) -> Interactive:
    """Relaxed samples of three classes, with their mean, and the entries of one of them.

    Parameters
    ----------
    noise : array of shape (N, 3)
        Standard Gumbel noise, one row a point.
    logits : array of shape (3,)
        Where the sliders of the logits stand at first.
    temperature : float
        Where its slider stands at first, one of `TEMPERATURES`.
    """
    total = len(noise)
    samples = alt.Chart().transform_calculate(
        **{f"s{k}": f"l{k} + datum.g{k}" for k in CLASSES},
        top="max(datum.s0, datum.s1, datum.s2)",
        winner="datum.s0 == datum.top ? 0 : datum.s1 == datum.top ? 1 : 2",
        **{f"w{k}": f"exp((datum.s{k} - datum.top) / t)" for k in CLASSES},
        **{f"b{k}": f"datum.w{k} / (datum.w0 + datum.w1 + datum.w2)" for k in CLASSES},
        **{f"won{k}": f"datum.winner == {k} ? 1 : 0" for k in CLASSES},
        near="max(datum.b0, datum.b1, datum.b2) > 0.99 ? 1 : 0",
        kind="'class ' + datum.winner + ' wins'",
    )
    names = ("near", *(f"{name}{k}" for name in ("b", "won") for k in CLASSES))
    means: dict[str, Any] = {name: f"mean({name})" for name in names}
    chosen = {f"c{k}": f"datum.dot == dot ? datum.b{k} : 0" for k in CLASSES}
    means |= {name: f"max({name})" for name in chosen}
    tally = (
        samples.transform_calculate(**chosen)
        .transform_aggregate(**means)
        .transform_calculate(
            high="max(l0, l1, l2)",
            **{f"v{k}": f"exp(l{k} - datum.high)" for k in CLASSES},
            **{f"p{k}": f"datum.v{k} / (datum.v0 + datum.v1 + datum.v2)" for k in CLASSES},
        )
    )
    words = tally.transform_calculate(
        readout=f"'temperature ' + format(t, '.2f') + ': ' + round({total} * datum.near) + "
        f"' of {total} samples within 0.01 of a corner\\nmean of b: ' + {_three('b')} + "
        f"'; softmax(logits): ' + {_three('p')} + "
        f"'\\nshares won by class: ' + {_three('won')} + "
        f"'\\nsample ' + dot + ': b = ' + {_three('c')}"
    )
    mean = tally.transform_calculate(kind=f"'{KINDS[3]}'")
    probs = {f"b{k}": f"datum.p{k}" for k in CLASSES}
    truth = tally.transform_calculate(**probs, kind=f"'{KINDS[4]}'")
    path = rows(i=[0, 1, 2, 3], b0=[1, 0, 0, 1], b1=[0, 1, 0, 0], b2=[0, 0, 1, 0])
    corners = alt.Chart(path).transform_calculate(label="'class ' + datum.i")
    edges = _placed(corners).mark_line(color=MUTED, strokeWidth=1.2).encode(order="i:Q")
    labels = [
        _placed(corners.transform_filter(f"datum.i {which}"))
        .mark_text(dy=dy)
        .encode(text="label:N")
        for which, dy in (("< 2", 16), ("== 2", -12))
    ]
    legend = alt.Legend(title=None, columns=2, symbolSize=80)
    color = alt.Scale(domain=KINDS, range=COLORS)
    fill = alt.Fill("kind:N", scale=color, legend=legend)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=KINDS, range=SHAPES), legend=legend)
    stroke = alt.Stroke("kind:N", scale=color, legend=legend)
    points = _placed(samples).mark_point(size=28, strokeWidth=1, fillOpacity=0.3, opacity=1)
    marks = [
        _placed(chart).mark_point(size=size, stroke=PAPER, strokeWidth=1, opacity=1)
        for chart, size in ((mean, 300), (truth, 110))
    ]
    one = samples.transform_filter("datum.dot == dot")
    ring = _placed(one).mark_point(size=160, stroke=INK, strokeWidth=2.5, opacity=1)
    data = rows(dot=np.arange(1, total + 1), **{f"g{k}": noise[:, k].round(5) for k in CLASSES})
    triangle = alt.layer(
        edges,
        *labels,
        pick(points.encode(fill=fill, shape=shape, stroke=stroke), "dot"),
        *(mark.encode(fill=fill, shape=shape) for mark in marks),
        ring,
        readout(words),
        data=data,
        height=HEIGHT,
    ).add_params(
        menu("t", "temperature", TEMPERATURES, temperature),
        *(
            slider(f"l{k}", f"logit of class {k}", -5, 5, 0.1, round(float(logits[k]), 1))
            for k in CLASSES
        ),
        slider("dot", "sample with the ring", 1, total, 1, 1),
    )
    entries = one.transform_fold([f"b{k}" for k in CLASSES], as_=["name", "b"])
    entries = entries.transform_calculate(
        label="'class ' + substring(datum.name, 1)",
        kind="datum.label + ' wins'",
    )
    bars = alt.layer(
        entries.mark_bar(fillOpacity=0.3, size=40).encode(
            x=alt.X("label:N", title=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("b:Q", title="entry of b", scale=alt.Scale(domain=[0, 1])),
            fill=alt.Fill("kind:N", scale=color, legend=None),
            stroke=alt.Stroke("kind:N", scale=color, legend=None),
        ),
        data=data,
        height=HEIGHT,
    )
    return Interactive(
        [triangle, bars],
        f"Interactive, two panels. First: {total} relaxed samples of three classes as points of a "
        "triangle with the one-hot vectors at its corners, marked by the class of their largest "
        "entry, with their mean and softmax(logits). Second: the entries of the sample with the "
        "ring, as bars. Controls: the temperature, the three logits, and the number of the sample; "
        "a click on a point chooses it. Cold samples sit in the corners and hot ones in the "
        "middle; the temperature changes no point's class.",
        Run("t", {}, down=True),
    )


def _three(name: str) -> str:
    """Vega expression that writes the three entries of a vector."""
    return " + ', ' + ".join(f"format(datum.{name}{k}, '.3f')" for k in CLASSES)


def _placed(chart: alt.Chart) -> alt.Chart:
    """The chart with the points b on a triangle, equilateral in a panel of half a page's width."""
    placed = chart.transform_calculate(x="datum.b1 + datum.b2 / 2", y="sqrt(0.75) * datum.b2")
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.08, 1.08], nice=False))
    # An axis that shows nothing takes its room, so that the panels fill the page.
    unseen = alt.Axis(domain=False, grid=False, labels=False, ticks=False, title=" ")
    y = alt.Y("y:Q", axis=unseen, scale=alt.Scale(domain=[-0.1, 0.96], nice=False))
    return placed.encode(x=x, y=y)
