"""Interactive of the chapter private_selection: how far one ballot can move the odds."""

from __future__ import annotations

import altair as alt

from ...book.style import BLUE, INK, ORANGE
from ...book.vega import Interactive, Run, cursor, menu, readout, slider

LAWS = ["Gumbel", "exponential", "Laplace", "Normal"]
VOTES = 12
TOP = 8  # of the vertical axes; beyond it a bar is cut off, and the readout has the number


def ballot() -> Interactive:
    """The worst ratio of two candidates when one ballot is added or taken away."""
    here = alt.Chart(alt.Data(values=[{"one": 1}])).transform_calculate(votes="votes")
    here = _with_ratio(here)
    scale = alt.Scale(domain=[0, TOP])
    limit = "exp(epsilon)"
    broken = f"datum.ratio > {limit} * (1 + 1e-9)"
    words = here.transform_calculate(
        readout="law + ' noise, ε = ' + format(epsilon, '.1f') + ', ' + votes + "
        "(votes == 1 ? ' vote' : ' votes') + ' apart: the second wins with probability ' + "
        "format(datum.p, '.3~g') + '\\nworst ratio ' + format(datum.ratio, '.3f') + "
        "', e^ε = ' + format(exp(epsilon), '.3f')"
        f" + ({broken} ? ': ABOVE the promise' : ': the promise is kept')"
    )
    bar = here.transform_calculate(
        kind=f"{broken} ? 'broken' : 'kept'", name="'worst ratio'", cut=f"min({TOP}, datum.ratio)"
    ).mark_bar(height=34)
    colors = alt.Scale(domain=["kept", "broken"], range=[BLUE, ORANGE])
    limits = here.transform_calculate(limit=limit)
    first = alt.layer(
        bar.encode(
            x=alt.X("cut:Q", title="worst ratio, line at e^ε", scale=scale),
            y=alt.Y("name:N", axis=None),
            color=alt.Color("kind:N", title=None, scale=colors),
        ),
        limits.mark_rule(color=INK, strokeDash=[6, 4], strokeWidth=2).encode(
            x=alt.X("limit:Q", scale=scale)
        ),
        readout(words),
        height=70,
    ).add_params(
        menu("law", "noise", LAWS, "Gumbel"),
        slider("epsilon", "ε", 0.1, 2, 0.1, 1),
        slider("votes", "votes apart", 0, VOTES, 1, 1),
    )
    curve = _with_ratio(alt.Chart(alt.sequence(0, VOTES + 0.1, 0.25, as_="votes")))
    x = alt.X(
        "votes:Q",
        title="votes apart",
        scale=alt.Scale(domain=[0, VOTES], nice=False),
        axis=alt.Axis(),
    )
    y = alt.Y("ratio:Q", title="worst ratio", scale=scale)
    second = alt.layer(
        curve.mark_line(color=BLUE, strokeWidth=2, clip=True).encode(x=x, y=y),
        limits.mark_rule(color=INK, strokeDash=[6, 4], strokeWidth=2).encode(
            y=alt.Y("limit:Q", scale=scale)
        ),
        *cursor(here, "votes", x, 0, VOTES),
        title="Worst ratio, by votes apart",
    )
    return Interactive(
        [first, second],
        "Interactive of two panels, for two candidates. The first shows the worst ratio as a bar: "
        "the most by which one ballot more or less multiplies or divides the probability of an "
        "outcome, with a line at e to the epsilon. The second shows it against the votes between "
        "the two. Controls: the law of the noise, epsilon, and the votes between the two, which "
        "can also be dragged. Gumbel, exponential and Laplace noise stay at the line or below; "
        "Normal noise crosses it.",
        Run("votes", {"1 vote more": 1}),
        columns=1,
    )


def _with_ratio(chart: alt.Chart) -> alt.Chart:
    """P(the second wins) with its neighbours', and the worst ratio, from ``datum.votes``.

    The scale of the noise is 1/epsilon, so that epsilon times the votes is the gap in its units.
    """
    chart = chart.transform_calculate(
        p=_behind("epsilon * datum.votes"),
        more=_behind("epsilon * (datum.votes + 1)"),
        less=_behind("epsilon * (datum.votes - 1)"),
    )
    return chart.transform_calculate(
        ratio="max(datum.p / datum.more, datum.less / datum.p, "
        "(1 - datum.more) / (1 - datum.p), (1 - datum.p) / (1 - datum.less))"
    )


def _behind(gap: str) -> str:
    """Vega expression of P(g1 - g0 > gap), by the law of the difference of two."""
    z = f"abs({gap})"
    tails = {
        "Gumbel": f"1 / (1 + exp({z}))",
        "exponential": f"exp(-{z}) / 2",
        "Laplace": f"(2 + {z}) * exp(-{z}) / 4",
        "Normal": f"cumulativeNormal(-{z}, 0, PI / sqrt(3))",
    }
    tail = "0"
    for name, formula in tails.items():
        tail = f"(law === '{name}' ? {formula} : {tail})"
    return f"({gap} < 0 ? 1 - {tail} : {tail})"
