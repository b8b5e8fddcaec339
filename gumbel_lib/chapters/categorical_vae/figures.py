"""Figures of the chapter categorical_vae."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import (
    BLUE,
    FULL,
    INK,
    MARKERS,
    MUTED,
    NARROW,
    ORANGE,
    PHONE,
    SERIES,
    STYLES,
    subplots,
)

SIDE, PITCH = 8, 10  # pixels of an image, and from one image to the next
FAINT = 0.04  # pixels less probable than this are left out
LEVELS = 16  # sizes of a pixel, since equal ones make the page lighter


def _image(axes: Axes, pixels: Floats, x: float, y: float, color: str) -> None:
    """An image as squares, their area the probability of the pixel, to a sixteenth."""
    shown = np.flatnonzero(pixels >= FAINT)
    half = np.sqrt(np.round(LEVELS * pixels[shown]) / LEVELS) / 2
    centre = np.stack([x + shown % SIDE + 0.5, y + shown // SIDE + 0.5], axis=-1)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    squares = centre[:, None] + half[:, None, None] * corners
    if len(squares):
        path = Path.make_compound_path_from_polys(squares)
        axes.add_patch(PathPatch(path, facecolor=color, linewidth=0))
    frame = [(x - 0.5, y - 0.5), (x + 8.5, y - 0.5), (x + 8.5, y + 8.5), (x - 0.5, y + 8.5)]
    outline = Path([*frame, frame[0]], closed=True)
    axes.add_patch(PathPatch(outline, fill=False, edgecolor=MUTED, linewidth=0.6))


class Row(NamedTuple):
    """Images side by side, what stands before them, and what stands below each."""

    name: str
    images: Floats
    color: str
    below: list[str]


def _sheet(rows: list[Row], width: float = FULL) -> Figure:
    """Rows of images below each other."""
    columns, margin = max(len(row.images) for row in rows), 14  # pixels for the names
    tops = np.cumsum([0.0] + [PITCH + (3 if row.below else 0) for row in rows])
    scale = (width - 0.1) / (PITCH * columns + margin)  # inches a pixel
    figure, axes = subplots(width=width, height=scale * tops[-1] + 0.1)
    for row, top in zip(rows, tops, strict=False):
        for column, pixels in enumerate(row.images):
            _image(axes, pixels, PITCH * column, top, row.color)
        for column, text in enumerate(row.below):
            place = PITCH * column + SIDE / 2, top + SIDE + 2
            axes.text(*place, text, ha="center", va="center", fontsize=8)
        axes.text(-1.5, top + SIDE / 2, row.name, ha="right", va="center", fontsize=8)
    axes.set(xlim=(-margin, PITCH * columns), ylim=(tops[-1] - 1, -1), aspect="equal")
    axes.axis("off")
    return figure


def _both(rows: list[Row], description: str) -> DescribedFigure:
    """The rows on a page, and in two halves for a phone."""
    half = len(rows[0].images) // 2
    halves = [
        row._replace(images=row.images[part], below=row.below[part])
        for part in (slice(None, half), slice(half, None))
        for row in rows
    ]
    return DescribedFigure(_sheet(rows), description, phone=_sheet(halves, PHONE))


def _ink(images: Floats) -> str:
    return ", ".join(f"{image.sum():.0f}" for image in images)


def digits(images: Floats) -> DescribedFigure:
    """Some binary digits."""
    return _both(
        [Row("", images, INK, [])],
        f"{len(images)} handwritten digits of 8 by 8 pixels, each pixel on or off. Pixels "
        f"on: {_ink(images)}.",
    )


def curves(steps: Any, losses: Mapping[str, Floats]) -> DescribedFigure:
    """Exact -log p of some test digits over the steps, a line a way, a band over the runs."""
    figure, axes = subplots(height=3.1)
    looks = zip(losses.items(), SERIES, STYLES, MARKERS, strict=False)
    ends = []
    for (name, values), color, line, marker in looks:
        middle = values.mean(axis=1)
        axes.fill_between(
            steps, values.min(axis=1), values.max(axis=1), color=color, alpha=0.2, linewidth=0
        )
        axes.plot(steps, middle, line, color=color, marker=marker, markersize=4, label=name)
        ends.append(f"{name} {middle[-1]:.3g}")
    low = min(float(values.min()) for values in losses.values())
    axes.set(xlabel="step", ylabel="−log p(x), nats", xlim=(0, 1.03 * steps[-1]))
    axes.set_ylim(np.floor(low), np.floor(low) + 10)
    axes.legend()
    runs = next(iter(losses.values())).shape[1]
    return DescribedFigure(
        figure,
        f"Exact mean negative log-likelihood of test digits over {steps[-1]} steps of four ways of "
        f"training, mean and range of {runs} runs. At the end: {', '.join(ends)}.",
    )


def gaps(excess: Mapping[str, Floats]) -> DescribedFigure:
    """Share of digits against how far a bound lies from log p."""
    figure, axes = subplots(width=NARROW, height=2.9)
    share = np.linspace(0, 1, 101)
    told = []
    looks = ((BLUE, "-"), (ORANGE, "--"))
    for (name, given), (color, line) in zip(excess.items(), looks, strict=True):
        values = np.asarray(given)
        axes.plot(np.quantile(values, share), share, line, color=color, label=name)
        above = 100 * np.mean(values > 0)
        told.append(f"{name}: mean {values.mean():.2g}, above log p for {above:.0f}%")
    axes.axvline(0, color=INK, linewidth=1, linestyle=":")
    axes.set(xlabel="bound less log p(x), nats", ylabel="share of digits")
    axes.legend(loc="upper left")
    return DescribedFigure(
        figure,
        "Cumulative shares of the test digits by how far the ELBO lies from the exact log p. "
        f"{'; '.join(told)}.",
    )


def reconstructions(images: Floats, decoded: Floats, codes: Any) -> DescribedFigure:
    """Digits above what their most probable codes decode to, and the codes."""
    names = ["".join(map(str, code)) for code in codes]
    wrong = [int((x != (p > 0.5)).sum()) for x, p in zip(images, decoded, strict=True)]
    return _both(
        [Row("digit", images, INK, []), Row("decoded", decoded, BLUE, names)],
        f"{len(images)} test digits above their reconstructions. Codes: {', '.join(names)}. "
        f"Pixels of 64 that come out wrong: {', '.join(map(str, wrong))}.",
    )


def meanings(decoded: Floats, usage: Floats) -> DescribedFigure:
    """What each class of each latent draws on average, and the share of digits that have it."""
    shares = [[f"{100 * share:.0f}%" for share in latent] for latent in usage]
    page = [Row(f"latent {m}", images, BLUE, shares[m]) for m, images in enumerate(decoded)]
    phone = [
        Row(f"latent {m}", images[part], BLUE, shares[m][part])
        for m, images in enumerate(decoded)
        for part in (slice(None, 4), slice(4, None))
    ]
    told = "; ".join(f"latent {m}: {', '.join(row)}" for m, row in enumerate(shares))
    latents, classes = usage.shape
    return DescribedFigure(
        _sheet(page),
        f"{latents} rows of {classes} images: the average decoded digit of each class of each "
        f"latent. Shares of the digits that have the class, {told}.",
        phone=_sheet(phone, PHONE),
    )


def samples(real: Floats, drawn: Floats) -> DescribedFigure:
    """Test digits above draws from the model."""
    return _both(
        [Row("digits", real, INK, []), Row("drawn", drawn, BLUE, [])],
        f"{len(real)} test digits above {len(drawn)} images drawn from the model. Pixels on in "
        f"the digits: {_ink(real)}; of the draws: {_ink(drawn)}.",
    )
