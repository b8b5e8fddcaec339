"""Interactive of the chapter die_revisited: where each loss leads as it cools, and the runs."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
from numpy.typing import NDArray

from ..._checks import Floats
from ...book.style import BLUE, INK, ORANGE
from ...book.vega import Interactive, Run, cursor, menu, readout, rows, slider

BAR = "M-1,-0.25L1,-0.25L1,0.25L-1,0.25Z"
PANEL = "SSE: bars solid, diamonds dashed"
SERIES = ["least loss", "truth", "runs, mean"]


def goals(
    probs: Floats,
    steps: NDArray[np.int64],
    temperatures: Floats,
    least: Mapping[str, Floats],
    runs: Mapping[str, Floats],
) -> Interactive:
    """Where each loss leads at the temperature of a step, and where its runs are.

    Parameters
    ----------
    probs : array of shape (K,)
        The die.
    steps : array of shape (R,)
        Recorded steps of the runs, equally spaced from 0.
    temperatures : array of shape (R,)
        Temperature of the runs at each of these steps.
    least : mapping
        For each loss, the probabilities (R, K) of least expected loss at these temperatures.
    runs : mapping
        For each loss, the probabilities (R, N, K) of N training runs at these steps.
    """
    faces = range(probs.size)
    names = list(least)
    count = runs[names[0]].shape[1]
    goal = np.concatenate([least[name] for name in names])
    mean = np.concatenate([runs[name].mean(axis=1) for name in names])
    sse = np.concatenate([((runs[name] - probs) ** 2).sum(axis=-1).mean(axis=1) for name in names])
    errors = " + ".join(f"pow(datum.a{k} - {probs[k]}, 2)" for k in faces)
    table = (
        alt.Chart(
            rows(
                loss=np.repeat(names, len(steps)),
                step=np.tile(steps, len(names)),
                t=np.tile(temperatures.round(7), len(names)),
                sse_run=sse.round(6),
                **{f"a{k}": goal[:, k].round(4) for k in faces},
                **{f"b{k}": mean[:, k].round(6) for k in faces},
            )
        )
        .transform_filter("datum.loss == loss")
        .transform_calculate(sse_least=errors)
    )
    now = table.transform_filter("datum.step == step")
    mode = int(probs.argmax())
    begin, end = temperatures[[0, -1]]
    words = now.transform_calculate(
        readout="loss + ', step ' + format(step, ',') + ': temperature ' + format(datum.t, '.2f') "
        f"+ ' (from {begin:g} to {end:g})\\nthe loss leads to SSE ' + "
        f"format(datum.sse_least, '.1g') + ', face {mode} at ' + format(datum.a{mode}, '.2f') + "
        f"'\\n{count} runs: mean SSE ' + format(datum.sse_run, '.2g') + ', face {mode} at ' + "
        f"format(datum.b{mode}, '.2f') + ' (truth {probs[mode]:.2f})'"
    )

    by_face = now.transform_fold(
        [f"{name}{k}" for name in "ab" for k in faces], as_=["name", "p"]
    ).transform_calculate(
        face="substring(datum.name, 1)",
        true=f"{probs.tolist()}[+datum.face]",
        what=f"'{SERIES[2]}'",
    )
    x = alt.X("face:N", title="face", axis=alt.Axis(labelAngle=0))
    y = alt.Y("p:Q", title="probability", scale=alt.Scale(domain=[0, 0.8], clamp=True))
    ends = by_face.transform_filter("datum.name[0] == 'a'")
    bars = ends.mark_bar(color=BLUE, fillOpacity=0.3, stroke=BLUE).encode(x=x, y=y)
    ticks = ends.mark_tick(color=INK, opacity=1, thickness=3).encode(x=x, y="true:Q")
    colors = alt.Scale(domain=SERIES, range=[BLUE, INK, ORANGE])
    shapes = alt.Scale(domain=SERIES, range=["square", BAR, "diamond"])
    points = (
        by_face.transform_filter("datum.name[0] == 'b'")
        .mark_point(size=110, filled=True, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color("what:N", scale=colors, title=None),
            shape=alt.Shape("what:N", scale=shapes, title=None),
        )
    )

    last = int(steps[-1])
    quarters = steps[:: len(steps) // 4]
    heats = ", ".join(f"'t = {t:.2f}'" for t in temperatures[:: len(steps) // 4])
    place = alt.X(
        "step:Q",
        title="step, and its temperature t",
        scale=alt.Scale(domain=[0, last], nice=False),
        axis=alt.Axis(
            values=quarters.tolist(),
            labelExpr=f"[datum.label, [{heats}][round({len(quarters) - 1} * datum.index)]]",
        ),
    )
    size = alt.Y(
        "sse:Q",
        title="SSE",
        scale=alt.Scale(type="log", domain=[7e-4, 0.15], clamp=True),
        axis=alt.Axis(values=[0.001, 0.01, 0.1]),
    )
    lines = table.transform_fold(["sse_least", "sse_run"], as_=["name", "sse"])
    passed = [
        lines.transform_filter(f"datum.step <= step && datum.name == '{name}'")
        .mark_line(color=color, strokeWidth=2.5, strokeDash=dash)
        .encode(x=place, y=size)
        for name, color, dash in (("sse_least", BLUE, [1, 0]), ("sse_run", ORANGE, [6, 3]))
    ]
    line = cursor(now, "step", place, 0, last)
    probabilities = alt.layer(bars, ticks, points, readout(words), height=220).add_params(
        menu("loss", "loss", names, names[0]),
        slider("step", "step of the runs", 0, last, int(steps[1]), 0),
    )
    return Interactive(
        [probabilities, alt.layer(*passed, *line, title=PANEL, height=150)],
        "Interactive, two panels. First: for each face, a bar shows the probability at which the "
        "expected loss is least at the temperature of a step, a dark tick the truth, and a "
        f"diamond the mean of {count} runs at that step. Second: the SSE of both against the "
        f"step, on a log axis, as the temperature falls from {begin:g} to {end:g}. Controls: the "
        "loss, and the step. The diamonds follow the bars.",
        Run("step", {f"{steps[1]} steps": 1}),
        columns=1,
    )
