"""Interactive of the chapter die_revisited: where each loss leads, and how far training came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np

from ..._checks import Floats
from ...book.style import BLUE, INK, ORANGE
from ...book.vega import Interactive, menu, readout, rows, slider
from ...die import Training

BAR = "M-1,-0.25L1,-0.25L1,0.25L-1,0.25Z"


def goals(
    probs: Floats,
    temperatures: Floats,
    least: Mapping[str, Sequence[Floats]],
    runs: Mapping[str, Mapping[int, Training]],
) -> Interactive:
    """Probabilities of least expected loss, and those learned, beside the truth.

    Parameters
    ----------
    probs : array of shape (K,)
        The die.
    temperatures : array of shape (T,)
        Equally spaced.
    least : mapping
        For each loss, the probabilities (K,) of least expected loss at each temperature.
    runs : mapping
        For each loss, the training runs by their number of steps, equally spaced.
    """
    faces = range(probs.size)
    table: list[tuple[str, str, float, Floats, float]] = []
    for loss, found in least.items():
        table += [(loss, "least", t, q, 0.0) for t, q in zip(temperatures, found, strict=True)]
        for steps, run in runs[loss].items():
            spread = float(run.probs.var(axis=0).sum().round(7))
            table.append((loss, "run", steps, run.probs.mean(axis=0).round(4), spread))
    names, kinds, places, values, spreads = zip(*table, strict=True)
    columns = {f"p{k}": np.array(values)[:, k] for k in faces}
    shown = alt.Chart(
        rows(loss=names, kind=kinds, at=np.array(places, float), spread=spreads, **columns)
    ).transform_filter(
        "datum.loss == loss && datum.at == (datum.kind == 'run' ? steps : temperature)"
    )

    # The mean SSE of runs is the SSE of their mean and the spread between them.
    sse = " + ".join(f"pow(datum.p{k} - truth[{k}], 2)" for k in faces)
    mode = int(probs.argmax())
    totals = shown.transform_calculate(sse=f"{sse} + datum.spread")
    for kind in ("least", "run"):
        totals = totals.transform_calculate(
            **{
                f"sse_{kind}": f"datum.kind == '{kind}' ? datum.sse : 0",
                f"mode_{kind}": f"datum.kind == '{kind}' ? datum.p{mode} : 0",
            }
        )
    totals = totals.transform_aggregate(
        sse_least="sum(sse_least)",
        sse_run="sum(sse_run)",
        mode_least="sum(mode_least)",
        mode_run="sum(mode_run)",
    )
    first = next(iter(least))
    lengths = list(runs[first])
    count = len(runs[first][lengths[0]].probs)
    words = totals.transform_calculate(
        readout="loss + ', temperature ' + format(temperature, '.2f') + ': least expected loss at "
        f"SSE ' + format(datum.sse_least, '.1g') + ', face {mode} at ' + "
        f"format(datum.mode_least, '.2f') + '\\n{count} runs of ' + format(steps, ',') + "
        f"' steps: mean SSE ' + format(datum.sse_run, '.2g') + ', face {mode} at ' + "
        f"format(datum.mode_run, '.2f') + ' (truth {probs[mode]:.2f})'"
    )

    by_face = shown.transform_fold(list(columns), as_=["name", "p"]).transform_calculate(
        face="substring(datum.name, 1)",
        true="truth[+datum.face]",
        what="'trained'",
    )
    series = ["least expected loss", "truth", "trained"]
    x = alt.X("face:N", title="face", axis=alt.Axis(labelAngle=0))
    y = alt.Y("p:Q", title="probability", scale=alt.Scale(domain=[0, 0.8], clamp=True))
    ends = by_face.transform_filter("datum.kind == 'least'")
    bars = ends.mark_bar(color=BLUE, fillOpacity=0.3, stroke=BLUE).encode(x=x, y=y)
    ticks = ends.mark_tick(color=INK, opacity=1, thickness=3).encode(x=x, y="true:Q")
    colors = alt.Scale(domain=series, range=[BLUE, INK, ORANGE])
    shapes = alt.Scale(domain=series, range=["square", BAR, "diamond"])
    points = (
        by_face.transform_filter("datum.kind == 'run'")
        .mark_point(size=110, filled=True, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color("what:N", scale=colors, title=None),
            shape=alt.Shape("what:N", scale=shapes, title=None),
        )
    )
    low, high, step = temperatures[0], temperatures[-1], temperatures[1] - temperatures[0]
    stride = lengths[1] - lengths[0]
    chart = alt.layer(bars, ticks, points, readout(words)).add_params(
        alt.param(name="truth", value=probs.tolist()),
        menu("loss", "loss", list(least), first),
        slider("temperature", "temperature", low, high, step, 0.5),
        slider("steps", "training steps", lengths[0], lengths[-1], stride, lengths[0]),
    )
    return Interactive(
        chart,
        "Interactive. For each face, bars show the probability at which the expected loss is "
        "least, dark ticks the truth, and diamonds the mean of trained runs. Controls: the loss, "
        "the temperature of the least expected loss, which moves the bars, and the number of "
        "training steps, which moves the diamonds.",
    )
