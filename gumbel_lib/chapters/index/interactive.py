"""Interactive of the first page: the trick at a glance."""

from __future__ import annotations

import altair as alt
import numpy as np

from ... import standard_gumbel
from ...book.style import INK, MUTED, SERIES
from ...book.vega import Interactive, Run, readout, rows, slider

DRAWS = 500
NAMES = "ABC"


def glance() -> Interactive:
    """The last draw, and the shares of all so far, under logits that the reader moves.

    Returns
    -------
    Interactive
        Its data are `DRAWS` rows of standard Gumbel noise.
    """
    g0, g1, g2 = standard_gumbel((DRAWS, 3), rng=6).round(5).T
    draws = alt.Chart(rows(draw=np.arange(1, DRAWS + 1), g0=g0, g1=g1, g2=g2))
    for k in range(3):
        draws = draws.transform_calculate(**{f"s{k}": f"l{k} + datum.g{k}"})
    top = "max(datum.s0, datum.s1, datum.s2)"
    for k in range(3):
        wins = f"datum.draw <= number && datum.s{k} == {top} ? 1 : 0"
        value = f"datum.draw == number ? datum.s{k} : null"
        draws = draws.transform_calculate(**{f"w{k}": wins, f"c{k}": value})
    totals = {f"wins{k}": f"sum(w{k})" for k in range(3)}
    values = {f"s{k}": f"max(c{k})" for k in range(3)}
    tally = draws.transform_aggregate(**totals, **values)
    for k in range(3):
        share, prob = f"datum.wins{k} / number", f"exp(l{k}) / (exp(l0) + exp(l1) + exp(l2))"
        tally = tally.transform_calculate(**{f"share{k}": share, f"p{k}": prob})
    tally = tally.transform_calculate(
        winner=f"datum.s0 == {top} ? 'A' : datum.s1 == {top} ? 'B' : 'C'"
    )
    sums = " + ', ' + ".join(
        f"'{name} ' + format(datum.s{k}, '.2f')" for k, name in enumerate(NAMES)
    )
    shares = " + ', ' + ".join(f"format(datum.share{k}, '.3f')" for k in range(3))
    probs = " + ', ' + ".join(f"format(datum.p{k}, '.3f')" for k in range(3))
    words = tally.transform_calculate(
        readout=f"'Draw ' + number + ', logit + noise: ' + {sums} + '. Winner: ' + datum.winner + "
        "'\\nShares of ' + number + (number == 1 ? ' draw: ' : ' draws: ') + "
        f"{shares} + '; softmax(logits): ' + {probs}"
    )
    error = "5 * sqrt(datum.p * (1 - datum.p) / number)"
    classes = tally.transform_fold(["p0", "p1", "p2"], as_=["key", "p"]).transform_calculate(
        k="+substring(datum.key, 1)",
        name="substring('ABC', datum.k, datum.k + 1)",
        logit="[l0, l1, l2][datum.k]",
        value="datum['s' + datum.k]",
        won="datum.name == datum.winner ? 1 : 0",
        share="datum['share' + datum.k]",
        low=f"max(0, datum.p - {error})",
        high=f"min(1, datum.p + {error})",
        left="datum.k + 3.65",
        middle="datum.k + 4",
        right="datum.k + 4.35",
    )
    color = alt.Scale(domain=list(NAMES), range=list(SERIES[:3]))
    ink = alt.Stroke("name:N", scale=color, legend=None)
    fill = alt.Fill("name:N", scale=color, legend=None)
    label = (
        "datum.value == 1 ? ['B', 'draw ' + number] : datum.value == 5 ? ['B', 'all so far'] : "
        "substring('ABC ABC', datum.value, datum.value + 1)"
    )
    axis = alt.Axis(
        values=[0, 1, 2, 4, 5, 6], grid=False, labelExpr=label, labelOverlap=False, title=None
    )
    x = alt.X("k:Q", scale=alt.Scale(domain=[-0.6, 6.6]), axis=axis)
    y = alt.Y("value:Q", title="logit (bar) + noise", scale=alt.Scale(domain=[-5, 9], clamp=True))
    one = alt.layer(
        classes.mark_rule(strokeWidth=2).encode(x=x, y=y, y2="logit:Q", stroke=ink),
        classes.mark_tick(
            color=MUTED, opacity=1, orient="horizontal", thickness=3, width=26
        ).encode(x=x, y="logit:Q"),
        classes.mark_point(opacity=1, size=140, strokeWidth=2).encode(
            x=x, y=y, stroke=ink, fill=fill, fillOpacity=alt.FillOpacity("won:Q", scale=None)
        ),
    )
    right = alt.Axis(title="share", orient="right", grid=False)
    unit = alt.Scale(domain=[0, 1], clamp=True)
    height = alt.Y("p:Q", scale=unit, axis=right)
    many = alt.layer(
        classes.mark_bar(fillOpacity=0.3).encode(
            x="left:Q", x2="right:Q", y=height, y2=alt.datum(0), stroke=ink, fill=fill
        ),
        classes.mark_rule(color=INK, strokeWidth=2).encode(
            x="middle:Q", y=alt.Y("low:Q", scale=unit), y2="high:Q"
        ),
        classes.mark_point(color=INK, filled=True, opacity=1, shape="diamond", size=80).encode(
            x="middle:Q", y=alt.Y("share:Q", scale=unit)
        ),
    )
    chart = alt.layer(one, many, readout(words)).resolve_scale(y="independent")
    chart = chart.add_params(
        slider("number", "draws", 1, DRAWS, 1, 1),
        *(slider(f"l{k}", f"logit of {NAMES[k]}", -3, 3, 0.1, [0.9, 0.4, 0][k]) for k in range(3)),
    )
    return Interactive(
        chart,
        "Interactive. On the left, one draw: each class has a logit, the bar, and its sum with the "
        "noise, the circle, filled for the winner. On the right, shares of the winners so far, as "
        "diamonds, beside softmax(logits), as bars with their z = 5 band. Controls: the number of "
        f"draws, up to {DRAWS}, and the three logits.",
        Run("number", {"Draw 1": 1, "Draw 100": 100}, seconds=10),
    )
