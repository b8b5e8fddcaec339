"""Interactive of the chapter discrete_choice: red bus, blue bus, and the dissimilarity of both."""

from __future__ import annotations

import altair as alt

from ..._checks import Floats
from ...book.style import BLUE, INK, MUTED, ORANGE
from ...book.vega import Interactive, Run, readout, rows, slider

NAMES = ["car", "red bus", "blue bus"]
# `choice.scaled_log_stable`, with the part whose factor is 0 at 1 left out there.
SHARED = (
    "lambda * log(sin(lambda * datum.u)) - log(sin(datum.u)) + "
    "(lambda < 1 ? (1 - lambda) * (log(sin((1 - lambda) * datum.u)) + datum.g) : 0)"
)
# Sums from which the correlation of the two buses' noises is computed.
SUMS: dict[str, str] = {
    "car": "sum(is_car)",
    "red": "sum(is_red)",
    "blue": "sum(is_blue)",
    "n": "count()",
    "sx": "sum(red_noise)",
    "sy": "sum(blue_noise)",
    "sxx": "sum(xx)",
    "syy": "sum(yy)",
    "sxy": "sum(xy)",
}


def buses(noise: Floats, angle: Floats, shared: Floats) -> Interactive:
    """Choices among a car and two buses as the dissimilarity of the buses moves.

    Parameters
    ----------
    noise : array of shape (N, 3)
        Standard Gumbel noise of the car and of each bus.
    angle, shared : array of shape (N,)
        What the buses share: a uniform angle, and standard Gumbel noise.
    """
    car, red, blue = noise.round(4).T
    draws = (
        alt.Chart(rows(c=car, r=red, b=blue, u=angle.round(4), g=shared.round(4)))
        .transform_calculate(s=SHARED)
        .transform_calculate(
            red_noise="lambda * datum.r + datum.s", blue_noise="lambda * datum.b + datum.s"
        )
        .transform_calculate(best="bus + max(datum.red_noise, datum.blue_noise)")
        .transform_calculate(
            is_car="datum.c > datum.best ? 1 : 0",
            is_red="datum.c <= datum.best && datum.r > datum.b ? 1 : 0",
            is_blue="datum.c <= datum.best && datum.r <= datum.b ? 1 : 0",
            xx="datum.red_noise * datum.red_noise",
            yy="datum.blue_noise * datum.blue_noise",
            xy="datum.red_noise * datum.blue_noise",
        )
    )
    counts = (
        draws.transform_aggregate(**SUMS)
        .transform_calculate(
            correlation="(datum.n * datum.sxy - datum.sx * datum.sy) / "
            "sqrt((datum.n * datum.sxx - datum.sx * datum.sx) * "
            "(datum.n * datum.syy - datum.sy * datum.sy))",
            p_car="1 / (1 + exp(bus) * pow(2, lambda))",
        )
        .transform_calculate(p_red="(1 - datum.p_car) / 2", p_blue="(1 - datum.p_car) / 2")
    )
    shares = " + ', ' + ".join(
        f"format(datum.{k} / datum.n, '.3f')" for k in ("car", "red", "blue")
    )
    probs = " + ', ' + ".join(f"format(datum.p_{k}, '.3f')" for k in ("car", "red", "blue"))
    words = counts.transform_calculate(
        readout="'dissimilarity ' + format(lambda, '.2f') + ': shares of car, red, blue ' + "
        f"{shares} + '\\nnested logit: ' + {probs} + '\\ncorrelation of the buses: ' + "
        "format(datum.correlation, '.2f') + ', by the formula ' + "
        "format(1 - lambda * lambda, '.2f')"
    )
    bars = counts.transform_fold(["car", "red", "blue"], as_=["key", "count"]).transform_calculate(
        name="datum.key == 'car' ? 'car' : datum.key + ' bus'",
        share="datum.count / datum.n",
        p="datum.key == 'car' ? datum.p_car : datum.p_red",
        low="max(0, datum.p - 5 * sqrt(datum.p * (1 - datum.p) / datum.n))",
        high="datum.p + 5 * sqrt(datum.p * (1 - datum.p) / datum.n)",
    )
    x = alt.X("name:N", sort=NAMES, axis=alt.Axis(title=None, labelAngle=0))
    y = alt.Y("p:Q", title="share", scale=alt.Scale(domain=[0, 0.9], clamp=True))
    first = alt.layer(
        bars.mark_bar(size=44, color=BLUE, fillOpacity=0.3, stroke=BLUE).encode(x=x, y=y),
        bars.mark_rule(color=INK, strokeWidth=2).encode(x=x, y="low:Q", y2="high:Q"),
        bars.mark_point(size=90, filled=True, opacity=1, color=INK, shape="diamond").encode(
            x=x, y="share:Q"
        ),
        readout(words),
        title="Shares",
    ).add_params(
        slider("lambda", "dissimilarity of the buses", 0.02, 1, 0.02, 1),
        slider("bus", "utility of the buses", -2, 2, 0.1, 0),
    )
    scale = alt.Scale(domain=[-4, 10], clamp=True)
    kinds = ["car chosen", "a bus chosen"]
    legend = alt.Legend(title=None, columns=1)
    second = alt.layer(
        draws.transform_calculate(kind="datum.is_car == 1 ? 'car chosen' : 'a bus chosen'")
        .mark_point(size=26, opacity=0.8)
        .encode(
            x=alt.X("red_noise:Q", title="noise of the red bus", scale=scale),
            y=alt.Y("blue_noise:Q", title="blue bus", scale=scale),
            color=alt.Color(
                "kind:N", scale=alt.Scale(domain=kinds, range=[MUTED, ORANGE]), legend=legend
            ),
            shape=alt.Shape(
                "kind:N", scale=alt.Scale(domain=kinds, range=["cross", "circle"]), legend=legend
            ),
        ),
        title="Noise of the two buses",
    )
    return Interactive(
        [first, second],
        f"Interactive of two panels with {car.size} draws of fixed noise. The first shows the "
        "shares of car, red bus and blue bus as points, beside the probabilities of the nested "
        "logit, as bars with their z = 5 band. The second shows the noise of the blue bus against "
        "that of the red bus: a cloud at dissimilarity 1, a diagonal line near 0. Controls: the "
        "dissimilarity of the buses, and their utility; that of the car is 0.",
        Run("lambda", {"Less alike": 5, "More alike": -5}, down=True),
    )
