"""Figures of the chapter scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import (
    BLUE,
    GREEN,
    INK,
    MARKERS,
    MUTED,
    NARROW,
    ORANGE,
    PHONE,
    PURPLE,
    SERIES,
    STYLES,
    subplots,
)


def blocks(logits: Floats, locations: Floats, noise: Floats) -> DescribedFigure:
    """A race of blocks: the logits of each, its log-sum-exp, and that plus noise."""
    number, length = logits.shape
    perturbed = locations + noise
    winner = int(perturbed.argmax())
    figure, axes = subplots(height=2.9)
    place = np.arange(number)
    axes.plot(
        np.repeat(place, length), logits.ravel(), "_", color=MUTED, markersize=9, label="a logit"
    )
    axes.plot(place, locations, "_", color=BLUE, markersize=16, markeredgewidth=3)
    axes.plot([], [], "_", color=BLUE, markersize=12, markeredgewidth=3, label="log-sum-exp")
    axes.vlines(place, locations, perturbed, color=ORANGE, linewidth=1.5)
    axes.plot(place, perturbed, "o", color=ORANGE, markerfacecolor="none", label="plus noise")
    axes.plot(winner, perturbed[winner], "o", color=ORANGE, markersize=9, label="winner")
    axes.set(xlabel="block", ylabel="logit", xticks=place[::3])
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return DescribedFigure(
        figure,
        f"{number} blocks of {length} logits. Each block's log-sum-exp lies above all its logits, "
        f"between {locations.min():.1f} and {locations.max():.1f}; with Gumbel noise added, block "
        f"{winner} wins.",
    )


def _lines(axes: Axes, x: Floats, curves: Mapping[str, Floats]) -> None:
    for (name, y), color, line, mark in zip(curves.items(), SERIES, STYLES, MARKERS, strict=False):
        axes.loglog(x, y, line, color=color, marker=mark, markersize=4, label=name)


def tries(lengths: Floats, curves: Mapping[str, Floats]) -> DescribedFigure:
    """Expected tries against the length of a block, one line for each spread of the logits."""
    figure, axes = subplots(width=NARROW, height=2.9)
    _lines(axes, lengths, curves)
    axes.set(xlabel="classes in a block", ylabel="expected tries")
    axes.set_xscale("log", base=2)
    axes.legend(title="spread of the logits")
    ends = ", ".join(f"{name} {curve[-1]:.3g}" for name, curve in curves.items())
    return DescribedFigure(
        figure,
        f"Expected tries a draw against the classes in a block, on logarithmic axes. They grow "
        f"with both; for blocks of {lengths[-1]:.0f}, by spread of the logits: {ends}.",
    )


def cost(classes: Floats, counts: Mapping[str, Floats]) -> DescribedFigure:
    """Logarithms, exponentials and random numbers of a draw against the number of classes."""
    figure, axes = subplots(width=NARROW, height=2.9)
    _lines(axes, classes, counts)
    axes.set(xlabel="classes K", ylabel="exponentials, logarithms\nand random numbers")
    axes.legend()
    ends = ", ".join(f"{name} {count[-1]:.2g}" for name, count in counts.items())
    return DescribedFigure(
        figure,
        "Exponentials, logarithms and random numbers that one draw takes against the number of "
        f"classes, on logarithmic axes. At {classes[-1]:.0e} classes: {ends}.",
    )


FAMILIES = {
    "exact, NumPy or Numba": (BLUE, "o"),
    "SciPy's alias table": (GREEN, "D"),
    "JAX": (ORANGE, "^"),
    "PyTorch": (PURPLE, "s"),
}


def _family(method: str) -> str:
    if method.startswith("JAX"):
        return "JAX"
    if method.startswith("torch"):
        return "PyTorch"
    if method.startswith("alias"):
        return "SciPy's alias table"
    return "exact, NumPy or Numba"


def benchmark(cases: list[dict[str, Any]]) -> DescribedFigure:
    """Stored times of others' methods as multiples of ours, a line for each shape."""
    figure, axes = subplots(height=3.6)
    names, spans = [], []
    for line, case in enumerate(cases):
        draws = f", {case['draws']:.0e} draws".replace("e+0", "e") if case["draws"] > 1 else ""
        names.append(f"{case['rows']:,} × {case['classes']:,}{draws}")
        others = {
            name: ratio for name, ratio in case["ratio"].items() if not name.startswith("sample_")
        }
        for name, ratio in others.items():
            color, mark = FAMILIES[_family(name)]
            axes.plot(ratio, line, mark, color=color, markerfacecolor="none", markersize=7)
        spans.append(f"{names[-1]}: {min(others.values()):.2g} to {max(others.values()):.3g}")
    for name, (color, mark) in FAMILIES.items():
        axes.plot([], [], mark, color=color, markerfacecolor="none", markersize=7, label=name)
    axes.axvline(1, color=INK, linewidth=1.2)
    axes.set(
        xscale="log", xlabel="time as a multiple of sample_categorical's", yticks=range(len(cases))
    )
    axes.set_yticklabels(names)
    axes.invert_yaxis()
    axes.grid(axis="x")
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.4, 1.0), columnspacing=1.2)
    return DescribedFigure(
        figure,
        "Times of other methods as multiples of sample_categorical's, for "
        f"{cases[0]['dtype']} logits, by rows and classes. " + "; ".join(spans) + ".",
    )


def variates(
    lengths: Floats, spent: Mapping[int, Floats], expected: Mapping[int, Floats]
) -> DescribedFigure:
    """Random numbers that reservoirs draw against the length of the stream."""
    figure, axes = subplots(width=NARROW, height=2.9)
    for k, color, mark in zip(spent, SERIES, MARKERS, strict=False):
        axes.loglog(lengths, spent[k], mark, color=color, markersize=5, label=f"k = {k}")
        axes.loglog(lengths, expected[k], color=color, linewidth=1)
    axes.loglog(lengths, lengths, color=MUTED, linestyle=":", label="one for each class")
    axes.set(xlabel="classes fed", ylabel="random numbers")
    axes.legend()
    ends = ", ".join(f"{spent[k][-1]:.0f} for k = {k}" for k in spent)
    return DescribedFigure(
        figure,
        "Random numbers that a reservoir draws against the length of the stream, on logarithmic "
        f"axes, with a line for the expected number. After {lengths[-1]:.0e} classes: {ends}.",
    )


def cell_name(cell: Mapping[str, Any]) -> str:
    """A cell of the grid in words."""
    draws = "1 draw" if cell["draws"] == 1 else f"{cell['draws']:,} draws a row"
    shape = f"{cell['rows']:,} × {cell['classes']:,}"
    return f"{shape}, {draws}, {cell['dtype']}, {cell['kind']}"


def best_ratio(cell: Mapping[str, Any]) -> float:
    """The best exact peer's time as a multiple of ours, the median of the rounds."""
    ratio: float = cell["ratio"][cell["best"]][0]
    return ratio


def relative_to(cells: list[dict[str, Any]], method: str) -> list[dict[str, Any]]:
    """The same cells, with times as multiples of this method's median."""
    return [
        cell
        | {
            "ratio": {
                name: [value / cell["ratio"][method][0] for value in values]
                for name, values in cell["ratio"].items()
                if name != method
            }
        }
        for cell in cells
    ]


def worst(cells: list[dict[str, Any]], number: int = 10) -> list[dict[str, Any]]:
    """The cells of the grid where the best exact peer does best, as rows of a table."""
    compared = sorted((cell for cell in cells if cell["best"]), key=best_ratio)
    return [
        {
            "rows × classes": f"{cell['rows']:,} × {cell['classes']:,}",
            "draws a row": f"{cell['draws']:,}",
            "logits": f"{cell['dtype']}, {cell['kind']}",
            "best exact peer": cell["best"],
            "its time / ours": f"{best_ratio(cell):.2g}",
            "least to largest": " to ".join(f"{x:.2g}" for x in cell["ratio"][cell["best"]][1:]),
        }
        for cell in compared[:number]
    ]


# Colour and opacity of a ratio up to each bound. 0.95 to 1.05 is noise. Text in ink on the densest
# has a contrast above 4.5 in both themes.
TINTS = {
    0.5: (ORANGE, 0.5),
    0.8: (ORANGE, 0.35),
    0.95: (ORANGE, 0.2),
    1.05: (MUTED, 0.1),
    2: (BLUE, 0.12),
    5: (BLUE, 0.24),
    20: (BLUE, 0.37),
    np.inf: (BLUE, 0.5),
}


def grid(cells: list[dict[str, Any]], ours: str = "sample_categorical") -> DescribedFigure:
    """The least ratio over types and kinds of logits, by rows, classes and (panels) draws."""
    compared = [cell for cell in cells if cell["best"]]
    panels: dict[int, dict[tuple[int, int], float]] = {}
    for cell in compared:
        least = panels.setdefault(cell["draws"], {})
        shape = cell["rows"], cell["classes"]
        least[shape] = min(best_ratio(cell), least.get(shape, np.inf))
    panels = dict(sorted(panels.items()))
    classes = sorted({cell["classes"] for cell in compared})
    told = []
    for draws, least in panels.items():
        values = list(least.values())
        told.append(
            f"{draws:,}: {min(values):.2g} to {max(values):.2g}, "
            f"{sum(value < 0.95 for value in values)} of {len(values)} below 0.95"
        )
    rows = sorted({row for least in panels.values() for row, _ in least})
    lowest = min(compared, key=best_ratio)
    return DescribedFigure(
        _map(panels, classes, NARROW),
        f"Time of the best exact peer as a multiple of {ours}'s by rows, "
        f"{_short(rows[0])} to {_short(rows[-1])}, and classes, {_short(classes[0])} to "
        f"{_short(classes[-1])}, the least over types and kinds of logits. By draws of each row: "
        f"{'; '.join(told)}. The least of all is {best_ratio(lowest):.2g}, by {lowest['best']}, "
        f"at {cell_name(lowest)}.",
        phone=_map(panels, classes, PHONE),
    )


def _map(
    panels: Mapping[int, Mapping[tuple[int, int], float]], classes: list[int], width: float
) -> Figure:
    """The ratios as tinted boxes, a panel below another for each number of draws."""
    small = 9 * min(1, width / NARROW)
    rows = [sorted({row for row, _ in least}) for least in panels.values()]
    heights = [len(number) for number in rows]
    figure, axes = subplots(
        len(panels),
        width=width,
        height=0.25 * sum(heights) + 0.5 * len(panels) + 0.2,
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    for ax, (draws, least), number in zip(axes.flat, panels.items(), rows, strict=True):
        for (row, column), ratio in least.items():
            x, y = classes.index(column), number.index(row)
            color, alpha = next(tint for bound, tint in TINTS.items() if ratio < bound)
            ax.add_patch(
                Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=color, alpha=alpha, lw=0)
            )
            text = f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"
            weight = "bold" if ratio < 0.95 else "normal"
            ax.text(
                x, y, text, ha="center", va="center_baseline", fontsize=small, fontweight=weight
            )
        ax.set(
            title=f"{draws:,} draw{'s' * (draws > 1)} of each row",
            xlim=(-0.5, len(classes) - 0.5),
            ylim=(len(number) - 0.5, -0.5),
            xticks=range(len(classes)),
            yticks=range(len(number)),
        )
        ax.set_yticklabels(map(_short, number))
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0, labelsize=small)
    axes[-1, 0].set_xticklabels(map(_short, classes))
    axes[-1, 0].set_xlabel("classes")
    figure.supylabel("rows", fontsize=9.5)
    return figure


def _short(number: int) -> str:
    for unit, name in ((10**6, "M"), (10**3, "k")):
        if number >= max(unit, 10**4):
            return f"{number // unit}{name}"
    return str(number)
