"""Interactive of the chapter conditional_gumbels: q moves beside p under noise that stays."""

from __future__ import annotations

import altair as alt
import numpy as np

from ..._checks import Floats
from ...book.style import BLUE, GREEN, INK, MUTED, ORANGE
from ...book.vega import Interactive, handle, readout, rows, slider

CELLS = [(i, j) for i in range(3) for j in range(3)]


def _first(values: list[str]) -> str:
    """Vega's index of the largest of three."""
    a, b, c = values
    return f"({a} >= {b} && {a} >= {c} ? 0 : {b} >= {c} ? 1 : 2)"


def moving(p: Floats, noise: Floats, start: Floats) -> Interactive:
    """The simplex with p and q, and the joint law of what both draw from the same noise.

    Parameters
    ----------
    p, start : arrays of shape (3,)
        The fixed model, and where q stands at first, both positive.
    noise : array of shape (N, 3)
        Standard Gumbel noise.
    """
    # The third share is what the first two leave; the second gives way to the first.
    q = ["share0", "min(share1, 1 - share0)", "max(0, 1 - share0 - share1)"]
    a = [f"{x:.6g}" for x in p]
    g = [f"datum.g{k}" for k in range(3)]
    one = _first([f"log({a[k]}) + {g[k]}" for k in range(3)])
    two = _first([f"log({q[k]}) + {g[k]}" for k in range(3)])
    drawn = (
        alt.Chart(rows(**{f"g{k}": noise[:, k].round(5) for k in range(3)}))
        .transform_calculate(one=one, two=two)
        .transform_calculate(
            **{f"n{i}{j}": f"datum.one == {i} && datum.two == {j} ? 1 : 0" for i, j in CELLS}
        )
        .transform_aggregate(**{f"n{i}{j}": f"sum(n{i}{j})" for i, j in CELLS})
    )
    # P(i, i), then what the margins leave: of three classes, sorted by q / p, the first is drawn by
    # p and the last by q where the two differ, and the middle one by either.
    for i in range(3):
        largest = " + ".join(f"max({a[k]} * {q[i]}, {q[k]} * {a[i]})" for k in range(3))
        drawn = drawn.transform_calculate(**{f"e{i}{i}": f"{a[i]} * {q[i]} / ({largest})"})
    for i, j in CELLS:
        if i == j:
            continue
        k = 3 - i - j

        def more(x: int, y: int) -> str:
            """Whether p / q is larger for x than for y."""
            return f"{a[x]} * {q[y]} > {a[y]} * {q[x]} + 1e-9"  # on a line both are equal

        left, come = f"({a[i]} - datum.e{i}{i})", f"({q[j]} - datum.e{j}{j})"
        between = f"{left} - ({q[k]} - datum.e{k}{k})"
        mass = f"!({more(k, i)}) && !({more(j, k)}) ? {between} : {more(k, j)} ? {left} : {come}"
        drawn = drawn.transform_calculate(**{f"e{i}{j}": f"{more(i, j)} ? max(0, {mass}) : 0"})
    total = len(noise)
    distance = " + ".join(f"abs({a[k]} - {q[k]})" for k in range(3))
    words = (
        drawn.transform_calculate(
            exact="datum.e00 + datum.e11 + datum.e22",
            seen="datum.n00 + datum.n11 + datum.n22",
            distance=f"({distance}) / 2",
            zeros=" + ".join(f"(datum.e{i}{j} == 0 ? 1 : 0)" for i, j in CELLS if i != j),
        )
        .transform_calculate(
            bound="(1 - datum.distance) / (1 + datum.distance)", most="1 - datum.distance"
        )
        .transform_calculate(
            readout="'q = (' + "
            + " + ', ' + ".join(f"format({x}, '.2f')" for x in q)
            + " + '), the same class: probability ' + format(datum.exact, '.3f') + ', seen ' + "
            f"datum.seen + ' of {total}' + '\\nbound ' + format(datum.bound, '.3f') + "
            "', most possible ' + format(datum.most, '.3f') + '; impossible changes: ' + "
            "datum.zeros + ' of 6'"
        )
    )
    corner = alt.Chart(rows(x=[0, 1, 0, 0], y=[0, 0, 1, 0], k=[0, 1, 2, 3]))
    x = alt.X("x:Q", title="share of class 0", scale=alt.Scale(domain=[-0.02, 1.08], nice=False))
    y = alt.Y("y:Q", title="share of class 1", scale=alt.Scale(domain=[-0.02, 1.08], nice=False))
    grid = alt.Axis(grid=False)
    x, y = x.axis(grid), y.axis(grid)
    # A line through p and a corner: two classes keep the ratio that they have in p.
    ends = []
    for k, (cx, cy) in enumerate(((1.0, 0.0), (0.0, 1.0), (0.0, 0.0))):
        share = 1 - p[k]
        ends.append((cx, cy, cx + (p[0] - cx) / share, cy + (p[1] - cy) / share))
    cx, cy, ox, oy = np.array(ends).T
    rays = alt.Chart(rows(x=cx, y=cy, x2=ox, y2=oy))
    fixed = alt.Chart(rows(x=[p[0]], y=[p[1]], name=["p"]))
    here = alt.Chart(rows(name=["q"])).transform_calculate(x=q[0], y=q[1])
    surface = here.mark_rule(opacity=0, strokeWidth=20)
    simplex = alt.layer(
        corner.mark_line(color=MUTED, strokeWidth=1.5).encode(x=x, y=y, order="k:O"),
        rays.mark_rule(color=MUTED, strokeDash=[4, 4]).encode(x=x, y=y, x2="x2:Q", y2="y2:Q"),
        fixed.mark_point(shape="square", filled=True, color=INK, size=110, opacity=1).encode(
            x=x, y=y
        ),
        fixed.mark_text(dx=12, dy=-10, fontSize=14, fontWeight="bold").encode(
            x=x, y=y, text="name:N"
        ),
        here.mark_rule(color=ORANGE, strokeWidth=1.5).encode(x=x),
        here.mark_rule(color=ORANGE, strokeWidth=1.5).encode(y=y),
        here.mark_point(filled=True, color=ORANGE, size=150, opacity=1).encode(x=x, y=y),
        here.mark_text(dx=12, dy=-10, fontSize=14, fontWeight="bold").encode(
            x=x, y=y, text="name:N"
        ),
        handle(surface.encode(y=y), "share1", "y"),
        handle(surface.encode(x=x), "share0", "x"),
        readout(words),
        title="The models",
    ).add_params(
        slider("share0", "share of class 0 in q", 0, 1, 0.01, round(float(start[0]), 2)),
        slider("share1", "share of class 1 in q", 0, 1, 0.01, round(float(start[1]), 2)),
    )
    cells = (
        drawn.transform_fold([f"e{i}{j}" for i, j in CELLS], as_=["name", "exact"])
        .transform_calculate(
            i="+substring(datum.name, 1, 2)",
            j="+substring(datum.name, 2, 3)",
            count="datum['n' + substring(datum.name, 1, 3)]",
            kind="datum.i == datum.j ? 'the same' : datum.exact == 0 ? 'impossible' : 'changes'",
        )
        .transform_calculate(
            text="datum.exact == 0 ? '0' : format(datum.exact, '.3f')",
            seen="datum.count + ' seen'",
            depth="datum.exact == 0 ? 0.12 : 0.1 + 0.5 * datum.exact",
        )
    )
    kinds = ["the same", "changes", "impossible"]
    column = alt.X("j:O", title="class under q", axis=alt.Axis(labelAngle=0))
    row = alt.Y("i:O", title="class under p")
    fill = alt.Fill(
        "kind:N",
        scale=alt.Scale(domain=kinds, range=[GREEN, BLUE, MUTED]),
        legend=alt.Legend(title=None, symbolOpacity=0.5, symbolStrokeWidth=0),
    )
    matrix = alt.layer(
        cells.mark_rect(stroke=MUTED).encode(
            x=column, y=row, fill=fill, fillOpacity=alt.FillOpacity("depth:Q", scale=None)
        ),
        cells.mark_text(dy=-8, fontSize=15, fontWeight="bold").encode(
            x=column, y=row, text="text:N"
        ),
        cells.mark_text(dy=11).encode(x=column, y=row, text="seen:N"),
        title="What both draw",
    )
    return Interactive(
        [simplex, matrix],
        "Interactive of two panels. The first is the simplex of three classes, with the share of "
        "class 0 to the right and of class 1 upwards; a square marks the fixed model p, a dot the "
        "model q, and three dashed lines through p and the corners the places where two classes "
        "have the same ratio of q to p. The second is the joint law of the classes that both draw "
        f"from the same Gumbel noise, with what {total} fixed draws of the noise gave. "
        "Controls: the shares of classes 0 and 1 in q, which can also be dragged by the lines "
        "through q. Where q crosses a dashed line, one of the six changes becomes impossible and "
        "the opposite one possible.",
    )
