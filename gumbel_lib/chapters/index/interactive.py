"""Interactive of the first page: the trick at a glance."""

from __future__ import annotations

import altair as alt
import numpy as np

from ... import standard_gumbel
from ...book.style import INK, SERIES
from ...book.vega import Interactive, Run, handle, readout, rows, slider

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
    # First the noise arrives, then the winner drops. It counts where it has landed.
    error = "5 * sqrt(datum.p * (1 - datum.p) / number)"
    classes = tally.transform_fold(["p0", "p1", "p2"], as_=["key", "p"]).transform_calculate(
        k="+substring(datum.key, 1)",
        name="substring('ABC', datum.k, datum.k + 1)",
        logit="[l0, l1, l2][datum.k]",
        value="datum.logit + min(1, 2 * arrival) * (datum['s' + datum.k] - datum.logit)",
        won="datum.name == datum.winner && arrival >= 0.5 ? 1 : 0",
        falling="datum.name == datum.winner && arrival < 1 ? 1 : 0",
        share="(datum['wins' + datum.k] - datum.falling) / max(1, number - (arrival < 1 ? 1 : 0))",
        low=f"max(0, datum.p - {error})",
        high=f"min(1, datum.p + {error})",
        height="datum.share + (1 - datum.share) * (1 - pow(max(0, 2 * arrival - 1), 2))",
    )
    color = alt.Scale(domain=list(NAMES), range=list(SERIES[:3]))
    ink = alt.Stroke("name:N", scale=color, legend=None)
    fill = alt.Fill("name:N", scale=color, legend=None)
    x = alt.X("name:N", title=None, axis=alt.Axis(labelAngle=0, labelFontSize=14))
    y = alt.Y("value:Q", title="logit + noise", scale=alt.Scale(domain=[-5, 8], clamp=True))
    at_logit = classes.encode(x=x, y="logit:Q")
    handles = [
        handle(
            at_logit.transform_filter(f"datum.k == {k}").mark_tick(
                opacity=0, orient="horizontal", thickness=28, width=80
            ),
            f"l{k}",
            "y",
        )
        for k in range(3)
    ]
    one = alt.layer(
        classes.mark_rule(strokeWidth=2).encode(x=x, y=y, y2="logit:Q", stroke=ink),
        classes.mark_point(opacity=1, size=140, strokeWidth=2).encode(
            x=x, y=y, stroke=ink, fill=fill, fillOpacity=alt.FillOpacity("won:Q", scale=None)
        ),
        at_logit.mark_tick(color=INK, opacity=1, orient="horizontal", thickness=4, width=36),
        at_logit.mark_text(text="↕", dx=28, fontSize=18, fontWeight="bold"),
        *handles,
        readout(words),
        title="The last draw",
    ).add_params(
        alt.param(name="arrival", value=1),
        slider("number", "draws", 1, DRAWS, 1, 1),
        *(slider(f"l{k}", f"logit of {NAMES[k]}", -3, 3, 0.1, [0.9, 0.4, 0][k]) for k in range(3)),
    )
    high = alt.Y("share:Q", title="share of the draws", scale=alt.Scale(domain=[0, 1], clamp=True))
    many = alt.layer(
        classes.mark_bar(fillOpacity=0.3, size=46).encode(x=x, y=high, stroke=ink, fill=fill),
        classes.mark_rule(color=INK, strokeWidth=2).encode(x=x, y="low:Q", y2="high:Q"),
        classes.mark_point(color=INK, filled=True, opacity=1, shape="diamond", size=90).encode(
            x=x, y="p:Q"
        ),
        classes.transform_filter("datum.falling && datum.won")
        .mark_point(opacity=1, size=140)
        .encode(x=x, y="height:Q", stroke=ink, fill=fill),
        title="All draws so far; ◆ softmax",
    )
    return Interactive(
        [one, many],
        "Interactive of two panels. The first shows one draw: each class has a logit, the bar, and "
        "its sum with the noise, the circle, filled for the winner. The second shows the shares of "
        "the winners so far, as bars, beside softmax(logits), as diamonds with their z = 5 band. "
        f"Controls: the number of draws, up to {DRAWS}, and the three logits, which can also be "
        "dragged in the first panel.",
        Run("number", {"Draw 1": 1, "Draw 100": 100}, seconds=10, arrival="arrival"),
    )
