"""Interactive of the chapter gumbel_max: the race under Gumbel noise and under another law."""

from __future__ import annotations

import altair as alt
import numpy as np
from numpy.typing import NDArray

from ...book.style import BLUE, INK, MUTED, ORANGE
from ...book.vega import Interactive, Run, handle, menu, readout, rows, slider

SD = "(PI / sqrt(6))"  # of the standard Gumbel; every law has it
# Noise from a uniform level.
GUMBEL = "-log(-log({x}))"
OTHERS = {
    "Normal": f"quantileNormal({{x}}, 0, {SD})",
    "reversed Gumbel": "log(-log(1 - {x}))",
    "logistic": f"{SD} * sqrt(3) / PI * log({{x}} / (1 - {{x}}))",
    "uniform": f"{SD} * sqrt(12) * {{x}}",
}
BLOCK = 10  # draws in a row of the page's data
# Numbers of draws at which the page counts, ten to a factor of ten.
TENTHS = (10, 13, 16, 20, 25, 32, 40, 50, 63, 80)
SIZES = sorted({round(tenth * 10**k, -1) for tenth in TENTHS for k in range(4)} | {100_000})
# From a counter to a uniform level: the generator PCG RXS-M-XS 32 of O'Neill (2014), as Jarzynski
# and Olano (2020) hash with it. The product of two 32-bit numbers does not fit a float, so it is
# made from halves.
HASH = {
    "state": "({x} * 747796405 + 2891336453) % 4294967296",
    "mixed": "({x} >>> (({x} >>> 28) + 4) ^ {x}) >>> 0",
    "word": "(({x} >>> 16) * 277803737 % 65536 * 65536 + ({x} & 65535) * 277803737) % 4294967296",
    "level": "(({x} >>> 22 ^ {x}) >>> 0) / 4294967296 + 1 / 8589934592",
}


def _array(formula: str, source: str) -> str:
    """Formula of an array, entry by entry, from another one of the same row."""
    entries = (formula.format(x=f"datum.{source}[{e}]") for e in range(3 * BLOCK))
    return f"[{', '.join(entries)}]"


def _counted(panel: alt.LayerChart) -> alt.LayerChart:
    """The panel with the wins of each class in the first draws, for each number of draws up to n.

    ``g0`` to ``g2`` are those with Gumbel noise, ``h0`` to ``h2`` those with the other law's, and
    ``z_g`` and ``z_h`` the largest errors of their shares, in standard errors.
    """
    panel = (
        panel.properties(data=rows(size=SIZES, start=[0, *SIZES[:-1]]))
        .transform_filter("datum.size <= n")
        .transform_calculate(block=f"sequence(datum.start, datum.size, {BLOCK})")
        .transform_flatten(["block"])
        .transform_calculate(counter=f"sequence(3 * datum.block, 3 * (datum.block + {BLOCK}))")
    )
    source = "counter"
    for name, formula in HASH.items():
        panel = panel.transform_calculate(**{name: _array(formula, source)})
        source = name
    cases = " : ".join(f"law == '{law}' ? {_array(code, source)}" for law, code in OTHERS.items())
    panel = panel.transform_calculate(g=_array(GUMBEL, source), h=f"{cases} : []")
    for noise in "gh":
        for k in range(2):
            rival = 1 - k
            wins = (
                f"(l{k} + datum.{noise}[{e + k}] > max(l{rival} + datum.{noise}[{e + rival}], "
                f"l2 + datum.{noise}[{e + 2}]) ? 1 : 0)"
                for e in range(0, 3 * BLOCK, 3)
            )
            panel = panel.transform_calculate(**{f"{noise}{k}": " + ".join(wins)})
    sums: dict[str, str] = {name: f"sum({name})" for name in ("g0", "g1", "h0", "h1")}
    panel = panel.transform_aggregate(**sums, groupby=["size"])
    panel = panel.transform_window(**sums, frame=[None, 0], sort=[alt.SortField("size")])
    for k in range(3):
        prob = f"exp(l{k}) / (exp(l0) + exp(l1) + exp(l2))"
        panel = panel.transform_calculate(**{f"p{k}": prob})
    for noise in "gh":
        errors = ", ".join(
            f"abs(datum.{noise}{k} - datum.size * datum.p{k}) / "
            f"sqrt(datum.size * datum.p{k} * (1 - datum.p{k}))"
            for k in range(3)
        )
        rest = f"datum.size - datum.{noise}0 - datum.{noise}1"
        panel = panel.transform_calculate(**{f"{noise}2": rest, f"z_{noise}": f"max({errors})"})
    return panel


def race(logits: NDArray[np.float64]) -> Interactive:
    """Shares of the winners, and how far they are from softmax, as the draws grow in number.

    Parameters
    ----------
    logits : array of shape (3,)
        Where the sliders stand at first.
    """
    last = SIZES[-1]
    now = alt.Chart().transform_filter("datum.size == n")
    shares = " + ', ' + ".join(f"format(datum.h{k} / n, '.3f')" for k in range(3))
    probs = " + ', ' + ".join(f"format(datum.p{k}, '.3f')" for k in range(3))
    words = now.transform_calculate(
        readout=f"law + ' noise, ' + format(n, ',') + ' draws: shares ' + {shares} + '\\n' + "
        f"'softmax(logits): ' + {probs} + '\\nlargest |z|: ' + law + ' ' + "
        "format(datum.z_h, '.1f') + (datum.z_h < 5 ? ', inside the band' : ', OUTSIDE the band') + "
        "'; Gumbel ' + format(datum.z_g, '.1f') + (datum.z_g < 5 ? ', inside' : ', OUTSIDE')"
    )
    classes = now.transform_fold(["p0", "p1", "p2"], as_=["name", "p"]).transform_calculate(
        k="+substring(datum.name, 1)",
        label="'class ' + substring(datum.name, 1)",
        share="datum['h' + datum.k] / n",
        error="5 * sqrt(datum.p * (1 - datum.p) / n)",
        low="max(0, datum.p - datum.error)",
        high="datum.p + datum.error",
        seen="abs(datum.share - datum.p) < datum.error ? 'share inside the band' : 'share outside'",
    )
    x = alt.X("label:N", axis=alt.Axis(title=None, labelAngle=0))
    y = alt.Y("p:Q", title="probability", scale=alt.Scale(domain=[0, 1], clamp=True))
    kinds = ["share inside the band", "share outside"]
    legend = alt.Legend(title=None, columns=1, symbolSize=300)
    shown = alt.layer(
        classes.mark_bar(size=50, color=BLUE, fillOpacity=0.3, stroke=BLUE).encode(x=x, y=y),
        classes.mark_rule(color=INK, strokeWidth=2).encode(x=x, y="low:Q", y2="high:Q"),
        classes.mark_point(size=90, filled=True, opacity=1).encode(
            x=x,
            y="share:Q",
            color=alt.Color(
                "seen:N", scale=alt.Scale(domain=kinds, range=[INK, ORANGE]), legend=legend
            ),
            shape=alt.Shape(
                "seen:N",
                scale=alt.Scale(domain=kinds, range=["diamond", "triangle-up"]),
                legend=legend,
            ),
        ),
        readout(words),
        title="Shares with the chosen noise",
    ).add_params(
        menu("law", "noise", list(OTHERS), "Normal"),
        menu("n", "number of draws", SIZES, 100),
        *(
            slider(f"l{k}", f"logit of class {k}", -3, 3, 0.1, round(float(logits[k]), 1))
            for k in range(3)
        ),
    )
    traces = (
        alt.Chart()
        .transform_fold(["z_h", "z_g"], as_=["noise", "z"])
        .transform_calculate(noise="datum.noise == 'z_g' ? 'Gumbel noise' : 'the chosen noise'")
    )
    wide = alt.X(
        "size:Q",
        title="number of draws",
        scale=alt.Scale(type="log", domain=[BLOCK, last]),
        axis=alt.Axis(format="~s", grid=False, values=[10**k for k in range(1, 6)]),
    )
    high = alt.Y("z:Q", title="largest |z|", scale=alt.Scale(domain=[0, 12]))
    noises = ["the chosen noise", "Gumbel noise"]
    colors = alt.Scale(domain=noises, range=[ORANGE, INK])
    dashes = alt.Scale(domain=noises, range=[[1, 0], [6, 4]])
    lines = alt.layer(
        now.mark_rule(color=MUTED, strokeWidth=1.5).encode(x=wide),
        now.mark_rule(color=BLUE, strokeWidth=1.5).encode(y=alt.datum(5)),
        traces.mark_line(clip=True, strokeWidth=2).encode(
            x=wide,
            y=high,
            color=alt.Color("noise:N", scale=colors, legend=legend),
            strokeDash=alt.StrokeDash("noise:N", scale=dashes, legend=legend),
        ),
        now.mark_text(text="↔", baseline="top", fontSize=18, fontWeight="bold").encode(
            x=wide, y=alt.value(2)
        ),
        handle(now.mark_rect(opacity=0).encode(x=alt.datum(BLOCK), x2=alt.datum(last)), "n", "x"),
        title="How far the shares are off",
    )
    return Interactive(
        [_counted(shown), _counted(lines)],
        "Interactive of two panels. The first shows the shares of the three classes with the "
        "chosen noise, as points, beside softmax(logits), as bars with their z = 5 band. The "
        "second shows, against the number of draws on a logarithmic axis, how many standard "
        "errors the share that is furthest off lies from softmax, with the chosen noise and with "
        f"Gumbel noise, and a line at 5. Controls: the noise, the number of draws, up to {last:,}, "
        "which can also be dragged in the second panel, and the three logits. The noise of each "
        "draw is made in the page, from the number of the draw, by the generator PCG RXS-M-XS 32. "
        "With Normal noise the shares leave the band between 20,000 and 25,000 draws; with Gumbel "
        "noise they stay in it.",
        Run("n", {"More draws": 1}, seconds=10),
    )
