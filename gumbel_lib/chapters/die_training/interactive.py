"""Interactive of the chapter die_training: one recorded run, step by step."""

from __future__ import annotations

import altair as alt
import numpy as np

from ..._checks import Floats
from ...book.style import BLUE, INK, ORANGE
from ...book.vega import Interactive, Run, readout, rows, slider

EVERY = 10  # steps between two records


def training(path: Floats, probs: Floats, temperatures: Floats) -> Interactive:
    """Learned probabilities at a step of a run, beside the true ones.

    The page gets the logits of every tenth step, and computes the rest from them.

    Parameters
    ----------
    path : array of shape (num_steps + 1, K)
        Logits before the first step and after each.
    probs : array of shape (K,)
        Probability of each face.
    temperatures : array of shape (num_steps,)
        Exponential schedule of the run.
    """
    last = len(path) - 1
    faces = range(probs.size)
    records = {f"l{k}": path[::EVERY, k].round(7) for k in faces}
    base = alt.Chart(rows(step=np.arange(0, last + 1, EVERY), **records))
    base = base.transform_filter("datum.step == step")
    total = " + ".join(f"exp(datum.l{k})" for k in faces)
    base = base.transform_calculate(**{f"q{k}": f"exp(datum.l{k}) / ({total})" for k in faces})
    true = probs.tolist()
    gaps = [f"abs(datum.q{k} - {true[k]})" for k in faces]
    start, end = temperatures[[0, -1]].round(9).tolist()
    # After the last step there is no next one; the last temperature stands.
    fraction = f"min(datum.step, {last - 1}) / {last - 1}"
    numbers = base.transform_calculate(
        temperature=f"{start} * pow({end} / {start}, {fraction})",
        sse=" + ".join(f"pow({gap}, 2)" for gap in gaps),
        gap=f"max({', '.join(gaps)})",
    ).transform_calculate(face=f"indexof([{', '.join(gaps)}], datum.gap)")
    words = numbers.transform_calculate(
        readout="'after ' + datum.step + ' steps, temperature ' + format(datum.temperature, '.2f')"
        " + '\\ndistance (SSE) ' + format(datum.sse, '.4f') + '\\nlargest gap ' + "
        "format(datum.gap, '.3f') + ', at face ' + datum.face"
    )
    bars = base.transform_fold([f"q{k}" for k in faces], as_=["name", "q"]).transform_calculate(
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
    chart = alt.layer(learned, missing, marks, readout(words)).add_params(
        slider("step", "steps taken", 0, last, EVERY, 0)
    )
    return Interactive(
        chart,
        f"Interactive. Learned probabilities of the {probs.size} faces in one recorded run of "
        f"{last} steps, as bars, beside the true ones, as diamonds; dotted lines are the gaps. "
        f"Control: the steps taken, in steps of {EVERY}. All faces start equal; at the end the "
        "bars stand near the diamonds, though not all on them.",
        Run("step", {f"{EVERY} steps": 1}),
    )
