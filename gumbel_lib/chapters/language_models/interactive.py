"""Interactive of the chapter language_models: a marked text as it grows, and its p-value."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
from scipy import stats

from ...book.style import BLUE, INK, MUTED, ORANGE
from ...book.vega import Interactive, Run, readout, rows, slider
from ...decoding import watermark_noise
from ...ngram import NGram
from .figures import SHOWN
from .model import WIDTH, context_numbers, is_first, scores, write

SHORTLIST = 6  # symbols that the first panel shows at each step
LINE = 40  # characters of the text in a line, which fit a phone


def _race(model: NGram, text: np.ndarray, key: int, step: int) -> list[tuple[str, float, float]]:
    """The symbols with the largest sums at a step, each with its log-probability and its noise."""
    size = len(model.alphabet)
    logits = model.log_probs(text[step : step + WIDTH])
    number = int(context_numbers(text[step : step + WIDTH + 1], size)[0])
    noise = watermark_noise(key, number, size)
    top = np.argsort(-(logits + noise), kind="stable")[:SHORTLIST]
    top = top[np.argsort(-logits[top], kind="stable")]
    names = [SHOWN.get(model.alphabet[k], model.alphabet[k]) for k in top.tolist()]
    return list(zip(names, logits[top].tolist(), noise[top].tolist(), strict=True))


def marked(model: NGram, start: str, keys: int, length: int) -> Interactive:
    """Texts of several keys, step by step, each scored with any of the keys.

    Parameters
    ----------
    model : NGram
        Of symbols after `WIDTH` others at most.
    start : str
        What all texts begin with.
    keys, length : int
        How many keys, from 1 on, and symbols of each text.
    """
    size = len(model.alphabet)
    texts = write(
        model,
        np.arange(1, keys + 1),
        start,
        length,
        rule="new contexts",
        rng=np.random.default_rng(0),
    )
    table: dict[str, list[Any]] = {name: [] for name in ("key", "i", "s", "fresh")}
    table |= {f"{kind}{key}": [] for kind in "sp" for key in range(1, keys + 1)}
    races: dict[str, list[Any]] = {name: [] for name in ("key", "i", "s", "l", "g")}
    for key, text in enumerate(texts, 1):
        first = is_first(context_numbers(text, size))
        count = first.cumsum()
        table["key"] += [key] * length
        table["i"] += range(1, length + 1)
        table["s"] += [SHOWN.get(s, s) for s in model.decode(text[WIDTH:])]
        table["fresh"] += (~first).astype(int).tolist()
        for other in range(1, keys + 1):
            total = np.where(first, scores(text, other, size), 0.0).cumsum()
            table[f"s{other}"] += total.round(2).tolist()
            table[f"p{other}"] += (stats.gamma.logsf(total, count) / np.log(10)).round(2).tolist()
        for step in range(length):
            if first[step]:
                for name, logit, noise in _race(model, text, key, step):
                    races["key"].append(key)
                    races["i"].append(step + 1)
                    races["s"].append(name)
                    races["l"].append(round(logit, 2))
                    races["g"].append(round(noise, 2))

    def of_detector(kind: str) -> str:
        cases = "".join(f"det == {k} ? datum.{kind}{k} : " for k in range(1, keys))
        return f"{cases}datum.{kind}{keys}"

    def tracked(chart: Any) -> Any:
        """The chart with a row for each symbol so far, its score and p-value with the detector."""
        return (
            chart.properties(data=rows(**table))
            .transform_filter("datum.key == key && datum.i <= n")
            .transform_calculate(score=of_detector("s"), logp=of_detector("p"))
        )

    shown = [
        "".join(SHOWN.get(s, s) for s in model.decode(text)).replace("'", "\\'") for text in texts
    ]
    cases = "".join(f"key == {key} ? '{text}' : " for key, text in enumerate(shown, 1))
    ends = range(LINE - len("text of key 1: "), length + WIDTH + LINE, LINE)
    # As many lines at the start as in the end, so that the chart stays where it is.
    lines = " + '\\n' + ".join(f"slice(datum.text, {max(end - LINE, 0)}, {end})" for end in ends)
    whole = (
        tracked(alt.Chart())
        .transform_filter("datum.i == n")
        .transform_calculate(text=f"slice({cases}'', 0, n + {WIDTH})")
        .transform_calculate(
            readout="'symbol ' + n + ': ' + datum.s + "
            "(datum.fresh ? ', fresh noise, as its context came before' : '') + '\\n' + "
            "'score with key ' + det + ': ' + format(datum.score, '.1f') + "
            "'; p-value ' + format(pow(10, datum.logp), '.1e') + '\\n' + "
            f"'text of key ' + key + ': ' + {lines}"
        )
    )
    likeliest = alt.EncodingSortField("l", op="max", order="descending")
    x = alt.X("s:N", title="symbol", sort=likeliest, axis=alt.Axis(labelAngle=0, labelFontSize=14))
    y = alt.Y("l:Q", title="nats", scale=alt.Scale(domain=[-10, 4], clamp=True))
    legend = alt.Legend(title=None, symbolSize=200)
    result = {
        "color": alt.Color("kind:N", scale=alt.Scale(range=[INK, ORANGE]), legend=legend),
        "shape": alt.Shape("kind:N", scale=alt.Scale(range=["circle", "diamond"]), legend=legend),
    }
    bare = alt.Chart()
    race = (
        alt.layer(
            bare.mark_rule(color=MUTED, strokeWidth=2).encode(x=x, y=y, y2="sum:Q"),
            bare.mark_tick(color=BLUE, thickness=3, width=18).encode(x=x, y=y),
            bare.mark_point(size=110, filled=True, opacity=1).encode(x=x, y="sum:Q", **result),
        )
        .properties(data=rows(**races))
        # A symbol of fresh noise has no race to show: the one before it stays.
        .transform_filter("datum.key == key && datum.i <= n")
        .transform_joinaggregate(last="max(i)")
        .transform_filter("datum.i == datum.last")
        .transform_calculate(sum="datum.l + datum.g")
        .transform_window(
            place="row_number()",
            sort=[alt.SortField("sum", order="descending")],
            frame=[None, None],
        )
        .transform_calculate(kind="datum.place == 1 ? 'wins' : 'loses'")
    )
    first_panel = alt.layer(
        race, readout(whole), title="The race for the last marked symbol"
    ).add_params(
        slider("key", "key of the text", 1, keys, 1, 1),
        slider("det", "key of the detector", 1, keys, 1, 1),
        slider("n", "symbols", 1, length, 1, 1),
    )
    wide = alt.X("i:Q", title="symbols", scale=alt.Scale(domain=[0, length]))
    level = alt.Y("logp:Q", title="log₁₀ p", scale=alt.Scale(domain=[-16, 0], clamp=True))
    second_panel = alt.layer(
        tracked(
            alt.layer(
                bare.mark_line(color=BLUE, strokeWidth=2).encode(x=wide, y=level),
                bare.mark_point(color=BLUE, size=25, filled=True).encode(x=wide, y=level),
            )
        ),
        alt.Chart(rows(logp=[-6])).mark_rule(color=ORANGE, strokeDash=[6, 4]).encode(y=level),
        title="The p-value so far",
    )
    return Interactive(
        [first_panel, second_panel],
        f"Interactive of two panels. {keys} keys have written a text of {length} symbols each. The "
        f"first panel shows, for the last symbol written with keyed noise, the {SHORTLIST} symbols "
        "with the largest sums of log-probability (a bar) and keyed noise (a point), the winner "
        "marked. The second shows the base-10 logarithm of the p-value against the number of "
        "symbols, with a line at one in a million. Controls: the key that wrote the text, the key "
        "that the detector tries, and the number of symbols, which Run takes to its end. With the "
        "right key the p-value falls, with another it wanders.",
        Run("n", {"Next symbol": 1, "Ten more": 10}, seconds=12),
    )
