"""The claims of gradient_estimators refuse plausible mistakes."""

from functools import partial

import numpy as np
import pytest
from scipy import special

from gumbel_lib import estimators
from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.gradient_estimators import claims
from gumbel_lib.estimators import exact_moments

CLAIMS = claims_of("gradient_estimators")


def summed(loss, logits, noise):
    """ReinMax without its halves."""
    return estimators.straight_through(loss, logits, noise) + estimators.darn(loss, logits, noise)


def pairs(loss, logits, noise):
    """The other draws of only the first: right in the mean, but not in the variance."""
    return estimators.leave_one_out(loss, logits, noise[:2])


def first_redraw(loss, logits, noise, temperature):
    return estimators.rao_blackwell(loss, logits, noise[:2], temperature=temperature)


def twice(loss, logits, noise, temperature):
    """Rao-Blackwell without the division by the temperature."""
    return temperature * estimators.rao_blackwell(loss, logits, noise, temperature=temperature)


def no_pull_back(loss, logits, noise, control):
    """RELAX whose fresh noise is differentiated as if it were not given the draw."""
    good = estimators.relax(loss, logits, noise, control=control)
    drawn = np.eye(logits.size)[(logits + noise[0]).argmax(axis=-1)]
    fresh = estimators._given(np, logits, drawn, noise[1])
    ratio = np.exp(fresh - fresh.max(axis=-1, keepdims=True))
    slope = control.gradient(fresh)
    moved = slope * (1 - ratio)
    moved += special.softmax(logits) * (ratio * slope).sum(axis=-1, keepdims=True)
    return good + moved - slope


def normalised(loss, logits, noise, k):
    """The unordered set as if the classes of the set were all there are."""
    p = special.softmax(logits)
    order = np.argsort(-(logits + noise), axis=-1)[..., :k]
    share = p[order] / p[order].sum(axis=-1, keepdims=True)
    members = np.eye(logits.size)[order]
    values = loss.value(members)
    weight = share * (values - (share * values).sum(axis=-1, keepdims=True))
    return (weight[..., None] * (members - p)).sum(axis=-2).mean(axis=0)


def halved(xp, estimate, phi, logits, noise):
    """The square of the estimate, its derivative through the fresh noise's control left out."""
    jax = pytest.importorskip("jax")
    control = claims._neuron(phi, xp)
    frozen = claims._neuron(jax.lax.stop_gradient(phi), xp)
    mixed = estimators.Loss(control.value, frozen.gradient)
    return (estimate(claims.PAIR_LOSS, logits, noise, control=mixed) ** 2).sum(axis=-1)


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("decoupled-temperatures", {"factor": lambda ahead: ahead}),
        ("decoupled-temperatures", {"cooler": 1.01}),
        ("variance-gradient", {"objective": halved}),
        ("variance-gradient", {"estimate": claims._same_noise}),
        ("leave-one-out", {"estimate": pairs}),
        ("leave-one-out", {"extra": lambda n: 1 / n**2}),
        ("running-baseline", {"weight": 2.0}),
        ("reinmax-average", {"average": estimators.darn}),
        ("reinmax-average", {"average": summed}),
        ("reinmax-quadratic", {"estimate": estimators.darn}),
        ("reinmax-quadratic", {"cubic": 0.01}),
        ("corners-and-between", {"factor": 2.0}),
        ("cold-rao-blackwell", {"limit": estimators.straight_through}),
        ("cold-rao-blackwell", {"limit": estimators.darn}),
        ("cold-rao-blackwell", {"t": 1e-3}),
        ("rao-blackwell-mean", {"estimate": twice}),
        ("rao-blackwell-mean", {"kept": 0.5}),
        ("rao-blackwell-mean", {"estimate": first_redraw}),
        ("control-mean-zero", {"estimate": no_pull_back}),
        ("unordered-set-gradient", {"estimate": normalised}),
        ("disarm", {"estimate": lambda *a: -estimators.disarm(*a)}),
        ("disarm", {"variance": lambda q: q * (1 - q) * (0.5 - q)}),
        ("simple-linear", {"bend": 1e-3}),
        ("relaxed-top-k", {"sample": lambda s, k, t: k * special.softmax(s / t) + 1e-6}),
        ("relaxed-top-k", {"sample": lambda s, k, t: claims.relaxed_top_k(s, k, 0.3)}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


def test_the_losses_agree_on_the_corners_and_nowhere_near():
    values = [loss.value(np.eye(3)) for loss in claims.LOSSES.values()]
    for other in values[1:]:
        assert other == pytest.approx(values[0])
    middles = [loss.value(np.full(3, 1 / 3)) for loss in claims.LOSSES.values()]
    assert np.ptp(middles) > 0.5


@pytest.mark.parametrize("form", claims.LOSSES)
def test_the_slopes_are_those_of_the_values(form):
    loss, h = claims.LOSSES[form], 1e-6
    b = np.array([0.5, 0.2, 0.3])
    for k, step in enumerate(h * np.eye(3)):
        found = (loss.value(b + step) - loss.value(b - step)) / (2 * h)
        assert loss.gradient(b)[k] == pytest.approx(found, abs=1e-8)


class TestInteractive:
    """The interactive of gradient_estimators agrees with the library."""

    def test_its_bars_are_the_exact_moments(self, interactive):
        chart = interactive("gradient_estimators")
        truth = claims._gradient(claims.LOGITS, claims.LOSSES["linear"])
        plans = {
            "ReinMax": (estimators.reinmax, 1, None),
            "leave-one-out, 2": (estimators.leave_one_out, 2, None),
            "GS": (partial(estimators.pathwise, temperature=0.3), 1, 0.3),
            "REBAR": (partial(estimators.rebar, temperature=0.3), 2, 0.3),
        }
        for row in chart.data:
            if row["name"] in plans and row["at"] in (0, 0.3):
                method, rows, t = plans[row["name"]]
                run = partial(method, claims.LOSSES[row["loss"]], claims.LOGITS)
                found = exact_moments(run, claims.LOGITS, rows=rows, temperature=t)
                bias = ((found.mean - truth) ** 2).sum()
                assert row["bias"] == pytest.approx(bias, abs=1e-7)
                assert row["variance"] == pytest.approx(found.variance, rel=1e-5, abs=1e-9)

    def test_the_readout_names_the_least_error(self, interactive):
        chart = interactive("gradient_estimators")
        data = chart.data
        for loss, t, power in [
            ("linear", 0.5, 3),
            ("quadratic", 0.1, 8),
            ("logarithmic", 1.5, 0),
            ("logarithmic", 0.3, 1),
            ("logarithmic", 0.7, 12),
        ]:
            chart.set("loss", loss)
            chart.set("temperature", t)
            chart.set("doublings of the evaluations", power)
            errors = {
                row["name"]: (
                    row["bias"] + row["variance"] * row["cost"] / 2**power,
                    row["bias"],
                    float(row["path"].split("|")[power]),
                )
                for row in data
                if row["loss"] == loss
                and (row["at"] == 0 or abs(row["at"] - t) < 0.01)
                and row["cost"] <= 2**power
            }
            numbers = chart.numbers
            best = min(errors, key=lambda name: errors[name][0])
            fair = min(error for error, bias, _ in errors.values() if bias == 0)
            assert numbers["error"] == pytest.approx(errors[best][0], abs=1e-9)
            assert numbers["unbiased"] == pytest.approx(fair, abs=1e-9)
            assert numbers["seen"] == pytest.approx(errors[best][2], abs=1e-9)
            assert f"{loss} loss, temperature {t:.1f}, evaluations: {2**power:,}" in chart.words
            assert best in chart.words

    def test_the_dots_lie_about_where_the_bars_say(self, interactive):
        """The mean of error / (bias + variance / n) over all estimators and budgets is near 1.

        An average of fewer than 8 estimates is left out. The ratios of one estimator share their
        draws: 1 within a factor of 2 is what a right law gives, and a forgotten division by the
        cost, or a variance for a standard deviation, does not.
        """
        data = [row for row in interactive("gradient_estimators").data if row["variance"] > 1e-3]
        ratios = [
            float(error) / (row["bias"] + row["variance"] * row["cost"] / 2**power)
            for row in data
            for power, error in enumerate(row["path"].split("|"))
            if error and 2**power >= 8 * row["cost"]
        ]
        assert len(ratios) > 1000
        assert 0.5 < np.mean(ratios) < 2
