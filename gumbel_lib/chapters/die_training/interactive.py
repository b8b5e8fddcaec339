"""Interactive of the chapter die_training: one recorded run, played."""

from __future__ import annotations

import altair as alt
import numpy as np

from ..._checks import Floats
from ...book.style import BLUE, INK, MUTED, ORANGE
from ...book.vega import Interactive, Run, cursor, readout, rows, slider

EVERY = 10  # steps between two records
RECENT = 10  # records in a moving mean of the loss
KINDS = ["loss, mean of 100 steps", "distance"]


def training(path: Floats, losses: Floats, probs: Floats, temperatures: Floats) -> Interactive:
    """Learned probabilities, loss, distance and temperature as a run goes by.

    The page gets the logits of every tenth step and the mean losses of ten, and computes the
    rest from them.

    Parameters
    ----------
    path : array of shape (num_steps + 1, K)
        Logits before the first step and after each.
    losses : array of shape (num_steps,)
        Loss of each step.
    probs : array of shape (K,)
        Probability of each face.
    temperatures : array of shape (num_steps,)
        Exponential schedule of the run.
    """
    last = len(path) - 1
    faces = range(probs.size)
    records = {f"l{k}": path[::EVERY, k].round(7) for k in faces}
    loss = np.r_[np.nan, np.reshape(losses, (-1, EVERY)).mean(axis=1)]
    total = " + ".join(f"exp(datum.l{k})" for k in faces)
    true = probs.tolist()
    gaps = [f"abs(datum.q{k} - {true[k]})" for k in faces]
    start, end = temperatures[[0, -1]].round(9).tolist()
    # After the last step there is no next one; the last temperature stands.
    fraction = f"min(datum.step, {last - 1}) / {last - 1}"
    run = (
        alt.Chart(rows(step=np.arange(0, last + 1, EVERY), loss=loss.round(7), **records))
        .transform_calculate(**{f"q{k}": f"exp(datum.l{k}) / ({total})" for k in faces})
        .transform_calculate(
            temperature=f"{start} * pow({end} / {start}, {fraction})",
            distance=" + ".join(f"pow({gap}, 2)" for gap in gaps),
            gap=f"max({', '.join(gaps)})",
        )
        .transform_window(before="lag(distance)", recent="mean(loss)", frame=[1 - RECENT, 0])
        .transform_calculate(
            face=f"indexof([{', '.join(gaps)}], datum.gap)",
            rise="datum.step > 0 && datum.distance > datum.before ? 1 : 0",
        )
        .transform_window(rises="sum(rise)", frame=[None, 0])
    )
    now = run.transform_filter("datum.step == step")
    words = now.transform_calculate(
        readout="'after ' + datum.step + ' steps, temperature ' + format(datum.temperature, '.2f')"
        f" + (step ? ': loss ' + format(datum.recent, '.3f') + ' (mean of ' + "
        f"min(step, {EVERY * RECENT}) + ' steps)' : '') + "
        "'\\ndistance ' + format(datum.distance, '.4f') + ', which grew in ' + datum.rises + "
        f"' of ' + step / {EVERY} + ' stretches of {EVERY} steps' + '\\nlargest gap ' + "
        "format(datum.gap, '.3f') + ', at face ' + datum.face"
    )
    bars = now.transform_fold([f"q{k}" for k in faces], as_=["name", "q"]).transform_calculate(
        p=f"{true}[+substring(datum.name, 1)]",
        face="'face ' + substring(datum.name, 1)",
        kind="'true probability'",
    )
    top = float(np.ceil(11 * probs.max()) / 10)
    x = alt.X("face:N", title=None, axis=alt.Axis(labelAngle=0))
    y = alt.Y("q:Q", title="softmax(logits)", scale=alt.Scale(domain=[0, top], clamp=True))
    learned = bars.mark_bar(color=ORANGE, fillOpacity=0.3, stroke=ORANGE).encode(x=x, y=y)
    missing = bars.mark_rule(color=INK, strokeDash=[2, 3]).encode(x=x, y="q:Q", y2="p:Q")
    marks = bars.mark_point(color=BLUE, filled=True, opacity=1, size=90).encode(
        x=x,
        y="p:Q",
        shape=alt.Shape("kind:N", scale=alt.Scale(range=["diamond"]), title=None),
    )

    place = alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, last], nice=False))
    sums = run.transform_fold(["recent", "distance"], as_=["name", "sum"]).transform_calculate(
        kind=f"datum.name == 'recent' ? '{KINDS[0]}' : '{KINDS[1]}'"
    )
    passed = "datum.step <= step"
    size = alt.Y(
        "sum:Q",
        title="sum of squared errors",
        scale=alt.Scale(type="log", domain=[0.005, 1], clamp=True),
        axis=alt.Axis(values=[0.01, 0.1, 1]),
    )
    color = alt.Color("kind:N", title=None, scale=alt.Scale(domain=KINDS, range=[ORANGE, BLUE]))
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=KINDS, range=[[6, 3], [1, 0]]))
    errors = [
        sums.mark_line(color=MUTED, strokeWidth=1).encode(x=place, y=size, detail="kind:N"),
        sums.transform_filter(passed)
        .mark_line(strokeWidth=2.5)
        .encode(x=place, y=size, color=color, strokeDash=dash),
    ]
    heat = alt.Y("temperature:Q", title="temperature", scale=alt.Scale(domain=[0, start]))
    cooling = [
        run.mark_line(color=MUTED, strokeWidth=1).encode(x=place, y=heat),
        run.transform_filter(passed).mark_line(color=INK, strokeWidth=2.5).encode(x=place, y=heat),
    ]
    line = cursor(now, "step", place, 0, last)
    probabilities = alt.layer(learned, missing, marks, readout(words), height=200).add_params(
        slider("step", "steps taken", 0, last, EVERY, 0)
    )
    return Interactive(
        [
            probabilities,
            alt.layer(*errors, *line, height=150),
            alt.layer(*cooling, *line, height=80),
        ],
        f"Interactive, three panels. First: learned probabilities of the {probs.size} faces in "
        f"one recorded run of {last} steps, as bars, beside the true ones, as diamonds; dotted "
        "lines are the gaps. Second: the loss and the distance against the step, on a log axis. "
        "Third: the temperature. A line at the step taken crosses both. "
        f"Control: the steps taken, in steps of {EVERY}. All faces start equal; at the end the "
        "bars stand near the diamonds, though not all on them. The loss rises and the distance "
        "falls.",
        Run("step", {f"{EVERY} steps": 1, f"{10 * EVERY} steps": 10}),
        columns=1,
    )
