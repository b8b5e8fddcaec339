"""Interactive of the chapter numerics: wins that fall due, and those that a uniform's bits keep."""

from __future__ import annotations

import altair as alt
import numpy as np
from numpy.typing import NDArray

from ...book.style import BLUE, INK, ORANGE
from ...book.vega import Interactive, Run, cursor, readout, rows, slider

FLOOR = 1e-6
GAPS = (5, 38, 0.5)  # in nats
TERMS = 48  # the sum's terms fall by exp(-1/2) or faster where it is used: the rest is below 1e-10
ACROSS = 40  # dots in a row
WINS = ["win kept", "win lost"]
COLORS, SHAPES = [BLUE, ORANGE], ["circle", "cross"]
PANEL = "Count: triangle; theorem: curve"


def shortfall(exponentials: NDArray[np.float64]) -> Interactive:
    """Wins that fall due to a class that trails, each kept or lost to the levels of its uniform.

    A win is due where the class comes first in the exponential race. Its uniform has levels, so
    the class comes a little later, and the win is lost if a rival comes before that.

    Parameters
    ----------
    exponentials : array of shape (N, 2)
        Standard exponentials, one row a win due: the time at which the class comes, and that
        from then on to its first rival, each in units of its mean; N at least 48.
    """
    total = len(exponentials)
    first, lead = exponentials.T.round(5)
    table = (
        alt.Chart(rows(win=np.arange(1, total + 1), first=first, lead=lead))
        .transform_calculate(
            time="datum.first / (1 + exp(gap))",
            # 1 - exp(-time), for times below 0.1, rounded up to a level
            level="ceil(pow(2, bits) * datum.time * (1 - datum.time / 2 * (1 - datum.time / 3 * "
            "(1 - datum.time / 4 * (1 - datum.time / 5))))) / pow(2, bits)",
            delay=f"-{_log('datum.level')} - datum.time",
            shown="datum.win <= due ? 1 : 0",
            kept="datum.shown && exp(gap) * datum.delay < datum.lead ? 1 : 0",
            term=_term("datum.win", "exp(gap)"),
        )
        .transform_calculate(kind=f"datum.kept ? '{WINS[0]}' : '{WINS[1]}'")
    )
    sums = table.transform_aggregate(total="sum(term)", kept="sum(kept)").transform_calculate(
        share=_share("exp(gap)"), counted="datum.kept / due"
    )
    words = sums.transform_calculate(
        readout="bits + ' bits, ' + format(gap, '.1f') + ' nats behind: one win is due in ' + "
        "replace(format(1 + exp(gap), '.1e'), '+', '') + ' draws\\n' + "
        "'wins due ' + due + ', kept ' + datum.kept + ', lost ' + (due - datum.kept) + "
        "'\\nshare kept ' + format(datum.counted, '.3f') + ', by the theorem ' + "
        "(datum.share < 5e-4 ? format(datum.share, '.1e') : format(datum.share, '.3f'))"
    )
    last = -(-total // ACROSS)
    dots = (
        table.transform_filter("datum.shown")
        .transform_calculate(
            column=f"(datum.win - 1) % {ACROSS}", row=f"floor((datum.win - 1) / {ACROSS})"
        )
        .mark_point(size=32, opacity=1, filled=True)
        .encode(
            x=alt.X("column:Q", axis=None, scale=alt.Scale(domain=[-0.5, ACROSS - 0.5])),
            y=alt.Y("row:Q", axis=None, scale=alt.Scale(domain=[last - 0.5, -0.5])),
            color=alt.Color("kind:N", title=None, scale=alt.Scale(domain=WINS, range=COLORS)),
            shape=alt.Shape("kind:N", title=None, scale=alt.Scale(domain=WINS, range=SHAPES)),
        )
    )
    low, high, step = GAPS
    scale = alt.Scale(type="log", domain=[FLOOR, 1])
    label = "datum.value >= 0.01 ? format(datum.value, '~r') : format(datum.value, '.0e')"
    axis = alt.Axis(values=[10.0**-n for n in range(7)], labelExpr=label)
    x = alt.X("gap:Q", title="nats behind", scale=alt.Scale(domain=[low, high], nice=False))
    y = alt.Y("share:Q", title="wins / wins due", scale=scale, axis=axis)
    curve = (
        alt.Chart(alt.sequence(low, high + step / 2, step / 2, as_="gap"))
        .transform_calculate(k=f"sequence(1, {TERMS + 1})")
        .transform_flatten(["k"])
        .transform_calculate(term=_term("datum.k", "exp(datum.gap)"))
        .transform_aggregate(total="sum(term)", groupby=["gap"])
        .transform_calculate(share=_share("exp(datum.gap)"))
        .transform_filter("datum.share > 1e-30")
        .mark_line(color=INK, strokeWidth=2, clip=True)
        .encode(x=x, y=y)
    )
    here = sums.transform_calculate(
        gap="gap",
        error="5 * sqrt(datum.share * (1 - datum.share) / due)",
        least=f"max({FLOOR}, datum.share - datum.error)",
        most=f"max({FLOOR}, min(1, datum.share + datum.error))",
        seen=f"max({FLOOR}, datum.counted)",
    )
    place = [
        here.mark_rule(color=INK, strokeWidth=4).encode(x=x, y="least:Q", y2="most:Q"),
        here.mark_point(color=BLUE, filled=True, opacity=1, shape="triangle-up", size=110).encode(
            x=x, y="seen:Q"
        ),
        *cursor(here, "gap", x, low, high),
    ]
    wins = alt.layer(dots, readout(words), height=130).add_params(
        slider("due", "wins due", 1, total, 1, 100),
        slider("bits", "bits of the uniform", 8, 53, 1, 24),
        slider("gap", "nats behind", low, high, step, 17),
    )
    return Interactive(
        [wins, alt.layer(curve, *place, title=PANEL)],
        f"Interactive, two panels. First: up to {total} wins that are due to a class that trails, "
        "each a dot, kept or lost because its uniform number has few bits. Second: the wins over "
        "the wins due, on a log axis, against the nats by which the class trails: the theorem as "
        "a curve, the count as a point. Controls: the wins due, the bits, the nats behind. Each "
        "bit moves the curve 0.69 nats to the right.",
        Run("due", {"1 win due": 1, "20 more": 20}),
        columns=1,
    )


def _log(z: str) -> str:
    """Vega expression of log(1 - z)."""
    return f"({z} < 1e-5 ? -{z} - {z} * {z} / 2 : log(1 - {z}))"


def _term(k: str, odds: str) -> str:
    """Vega expression of the k-th term from the end in the sum of the theorem on levels."""
    return f"{k} <= {TERMS} ? exp({odds} * {_log(f'({k} / pow(2, bits))')}) : 0"


def _share(odds: str) -> str:
    """Vega expression of the wins over the wins due, by the sum of the terms in ``datum.total``.

    Where the terms fall slowly, by Euler's formula.
    """
    r = f"({odds} / pow(2, bits))"  # the odds in units of the levels
    series = (
        f"{r} / 12 - pow({r}, 3) / 720 * (1 - 1 / {odds}) * (1 - 2 / {odds}) + "
        f"pow({r}, 5) / 30240 * (1 - 1 / {odds}) * (1 - 2 / {odds}) * (1 - 3 / {odds}) "
        f"* (1 - 4 / {odds})"
    )
    smooth = f"1 + (1 + {odds}) / pow(2, bits) * ({series} - 1 / 2)"
    return f"({r} > 0.5 ? (1 + {odds}) / pow(2, bits) * datum.total : {smooth})"
