"""Interactive of the chapter categorical_vae: a code of four classes, decoded in the page."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from ...book.style import INK, MUTED
from ...book.vega import Interactive, readout, rows, slider
from .model import CLASSES, LATENTS, PIXELS, Layer, Parameters, codes, decode, exact

STEP = 27  # from pixel to pixel on the page
SIDE = 8


def decoder(params: Parameters, start: tuple[int, ...]) -> Interactive:
    """The digit that a code decodes to, with its exact log-likelihood.

    The page gets the decoder's weights, to 3 decimals, and computes the pixels from them. It also
    gets log p of the most probable image of each of the 4,096 codes, for the rounded weights.

    Parameters
    ----------
    params : Parameters
        Of one model.
    start : tuple of int
        The four classes where the sliders stand at first.
    """
    first, second = (
        Layer(np.asarray(weights).round(3), np.asarray(bias).round(3))
        for weights, bias in params.decoder
    )
    rounded = params._replace(decoder=(first, second))
    images = np.asarray(decode(rounded, codes()) > 0).astype(np.float64)
    # In parts, since every part also fills a table of its images' posteriors.
    log_p = np.concatenate([exact(rounded, part).log_p for part in np.split(images, CLASSES)])
    hidden = len(first.bias)
    # One row a hidden unit, and one more for the bias of the pixels. The first 64 rows also carry
    # the log-likelihoods of the codes that begin with the row's two classes.
    names = {"unit": np.arange(hidden + 1), "bias": np.append(first.bias, 0.0)}
    embedding = first.weights.reshape(LATENTS * CLASSES, hidden)
    names |= {f"e{i}": np.append(weight, 0.0) for i, weight in enumerate(embedding)}
    weights = np.vstack([second.weights, second.bias])
    names |= {f"w{i}": weights[:, i] for i in range(PIXELS)}
    table = ["|".join(f"{value:.2f}" for value in row) for row in log_p.reshape(-1, CLASSES**2)]
    names["table"] = np.array([*table, *[""] * (hidden + 1 - len(table))])

    picked = " + ".join(f"datum['e' + ({CLASSES * m} + z{m})]" for m in range(LATENTS))
    code = f"({CLASSES} * z0 + z1)"
    pixels = (
        alt.Chart(rows(**names))
        .transform_calculate(
            value=f"datum.unit == {hidden} ? 1 : 1 - 2 / (1 + exp(2 * (datum.bias + {picked})))",
            told=f"datum.unit == {code} ? +split(datum.table, '|')[{CLASSES} * z2 + z3] : 0",
        )
        .transform_fold([f"w{i}" for i in range(PIXELS)], as_=["name", "weight"])
        .transform_calculate(pixel="+substring(datum.name, 1)", part="datum.value * datum.weight")
        .transform_aggregate(logit="sum(part)", told="sum(told)", groupby=["pixel"])
        .transform_calculate(
            p="1 / (1 + exp(-datum.logit))",
            fit="-log(1 + exp(-abs(datum.logit)))",
            on="datum.logit > 0 ? 1 : 0",
            x=f"{STEP} * (datum.pixel % {SIDE}) + {STEP / 2}",
            y=f"{STEP} * floor(datum.pixel / {SIDE}) + {STEP / 2}",
        )
        .transform_calculate(size=f"datum.p * {STEP**2}")
    )
    x = alt.X("x:Q", scale=None, axis=None)
    y = alt.Y("y:Q", scale=None, axis=None)
    ink = pixels.mark_square(color=INK, opacity=1).encode(
        x=x, y=y, size=alt.Size("size:Q", scale=None)
    )
    dots = pixels.mark_circle(color=MUTED, opacity=1, size=6).encode(x=x, y=y)
    words = (
        pixels.transform_aggregate(fit="sum(fit)", log_p="mean(told)", on="sum(on)")
        .transform_calculate(
            share=f"exp(datum.fit - {LATENTS * np.log(CLASSES)} - datum.log_p)",
        )
        .transform_calculate(
            readout="'code ' + z0 + z1 + z2 + z3 + ': ' + datum.on + ' of 64 pixels on\\n' + "
            "'log p(image | code) = ' + format(datum.fit, '.2f') + "
            "', log p(image) = ' + format(datum.log_p, '.2f') + ' over all codes\\n' + "
            "'probability of this code given the image: ' + format(datum.share, '.2f')"
        )
    )
    sliders: list[Any] = [
        slider(f"z{m}", f"class of latent {m}", 0, CLASSES - 1, 1, start[m]) for m in range(LATENTS)
    ]
    chart = alt.layer(dots, ink, readout(words)).add_params(*sliders)
    return Interactive(
        chart.properties(height=STEP * SIDE),
        "Interactive. The digit that a code of four classes decodes to, as 8 by 8 squares whose "
        "area is the probability that the pixel is on. Controls: the class of each of the four "
        "latents. The text gives the number of pixels that are on in the most probable image, its "
        "log-likelihood given the code and over all codes, and the code's posterior probability.",
    )
