"""The claims of relaxation refuse plausible mistakes."""

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib import gumbel_max, gumbel_softmax
from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.relaxation import claims
from gumbel_lib.claims import NORMAL
from gumbel_lib.concrete import concrete_logpdf, relaxed_mean, relaxed_variance
from gumbel_lib.relaxation import softmax

CLAIMS = claims_of("relaxation")


def wrong_density(power=0, sign=-1, order=None, tilt=0.0):
    """The density with one thing made wrong."""

    def density(sample, logits, t):
        K = logits.size
        z = logits + sign * t * np.log(sample)
        log = np.log(sample)
        constant = special.gammaln(K) + (K - 1 + power) * np.log(t)
        value = np.exp(constant + (z - log).sum(-1) - (order or K) * special.logsumexp(z, axis=-1))
        # A tilt that a reflection of two entries turns round, so that it has mass 0.
        return value * (1 + tilt * np.tanh(log[..., 0] - log[..., -1]))

    return density


def test_the_densitys_own_formula_passes():
    assert CLAIMS["concrete-density"].discrepancy(density=wrong_density()) < 1e-8


def jacobian(b, t, *, sign=1.0, transpose=False):
    product = b[:, :, None] * b[:, None, :]
    return (sign * b[:, :, None] * np.eye(b.shape[-1]) - product) / t


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("relaxed-limits", {"divide": lambda score, t: score * t}),
        ("relaxed-limits", {"divide": lambda score, t: score + 0 * t}),
        ("relaxed-argmax", {"law": relaxed_mean}),
        ("relaxed-argmax", {"law": lambda logits, t: special.softmax(logits * t)}),
        ("gap-bounds", {"others": lambda K: K}),
        ("gap-bounds", {"others": lambda K: 1}),
        ("gap-law", {"law": lambda p, c: p / (p + (1 - p) * np.exp(2 * c))}),
        ("gap-law", {"law": lambda p, c: p / (p + (1 - p) * np.exp(-c))}),
        ("gap-law", {"law": lambda p, c: p.max() / (p.max() + (1 - p.max()) * np.exp(c))}),
        ("gap-law", {"noise": stats.gumbel_l}),
        ("relaxed-gradient", {"jacobian": lambda b, t: -jacobian(b, t)}),
        ("relaxed-gradient", {"jacobian": lambda b, t: jacobian(b, t, sign=-1)}),
        ("relaxed-gradient", {"jacobian": lambda b, t: jacobian(b, t**2)}),
        ("concrete-density", {"density": wrong_density(power=1)}),
        ("concrete-density", {"density": wrong_density(sign=1)}),
        ("concrete-density", {"density": wrong_density(order=1)}),
        ("concrete-density", {"density": wrong_density(tilt=1e-6)}),
        ("concrete-density", {"noise": NORMAL}),
        ("relaxed-mean", {"mean": lambda logits, t: special.softmax(logits)}),
        ("relaxed-mean", {"variance": lambda logits, t: relaxed_variance(logits, t) * 1.001}),
        ("relaxed-mean-odds", {"mean": lambda r: r * (r - 1 + np.log(r)) / (r - 1.0001) ** 2}),
        ("relaxed-mean-odds", {"mean": lambda r: r * (r - 1) / (r**2 - 1.0001)}),
        ("relaxed-mean-half", {"mean": lambda r: r**2 / (1 + r**2)}),
        ("relaxed-mean-half", {"mean": lambda r: claims._mean_at_half(1 / r)}),
        ("relaxed-mean-integral", {"power": lambda t: 1.0}),
        ("relaxed-mean-integral", {"power": lambda t: -1 / t}),
        ("relaxed-gradient-cold", {"hard": True}),
        (
            "relaxed-gradient-cold",
            {"exact": lambda losses: special.softmax(claims.LOGITS) * losses},
        ),
        ("relaxed-gradient-cold", {"t": 1e-3}),
        ("gradient-variance", {"limit": lambda product: product / 3}),
        ("gradient-variance", {"limit": lambda product: product / 6 * (1 - product)}),
        ("gradient-variance", {"temperatures": (0.05,)}),
        ("straight-through", {"slope_at_soft": True}),
        (
            "straight-through",
            {"orders": (lambda hard, soft, stop: soft + (hard - stop(hard)),)},
        ),
        ("straight-through", {"orders": (lambda hard, soft, stop: stop(hard),)}),
        ("straight-through-limit", {"hard": False}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


def test_mass_and_mean_do_not_determine_a_density():
    """The control of concrete-density has the mass and the mean right, and is another law."""
    logits, t = claims.LOGITS[:2], 0.5
    # In the log-odds u, both densities decay exponentially.
    u = np.linspace(-200, 200, 400_001)
    sample = np.stack([special.expit(u), special.expit(-u)], axis=-1)
    inside = sample.min(axis=-1) > 1e-300
    sample, step = sample[inside], u[1] - u[0]
    mass = claims._dirichlet_pdf(sample, logits, t) * sample.prod(axis=-1) * step
    assert mass.sum() == pytest.approx(1, abs=1e-9)
    assert mass @ sample == pytest.approx(relaxed_mean(logits, t), abs=1e-9)
    true = np.exp(concrete_logpdf(sample, logits, t)) * sample.prod(axis=-1) * step
    assert np.abs(np.cumsum(mass - true)).max() > 0.01


def test_the_cold_quadrature_agrees_with_draws():
    rng = np.random.default_rng(3)
    noise = -np.log(rng.standard_exponential((100_000, 3)))
    for t, hard in ((0.3, False), (0.3, True), (1.0, False)):
        for slope, _ in claims.LOSSES.values():
            b = softmax(claims.LOGITS + noise, t)
            winner = np.argmax(claims.LOGITS + noise, axis=-1)
            f = slope(np.eye(3)[winner] if hard else b)
            draws = b * (f - (b * f).sum(axis=-1, keepdims=True)) / t
            found = claims._mean_gradient(slope, t, hard=hard)
            band = 5 * draws.std(axis=0) / len(draws) ** 0.5
            assert np.all(np.abs(draws.mean(axis=0) - found) < band)


def test_the_mean_lies_between_a_half_and_the_probability():
    for r in (1.01, 2.0, 50.0):
        for t in (0.02, 0.3, 1.0, 4.0):
            assert 0.5 < relaxed_mean([np.log(r), 0.0], t)[0] < r / (1 + r)


def test_the_order_that_pytorch_writes_is_exact():
    """1 - soft + soft is 1 for every double in [0, 1]; 1 + soft - soft need not be."""
    rng = np.random.default_rng(4)
    soft = np.concatenate(
        [rng.random(100_000), rng.random(10_000) * 2.0 ** -rng.integers(0, 80, 10_000)]
    )
    soft = np.append(soft, [0.0, 1.0, 2.0**-54, 2.0**-53, 1 - 2.0**-53, 0.5 + 2.0**-53])
    assert np.all(1 - soft + soft == 1)
    assert np.all(0 - soft + soft == 0)
    assert 1 + (0.5 + 2.0**-53) - (0.5 + 2.0**-53) != 1


CASES = [
    (0.5, (-0.5, -1.2, -2.3)),
    (0.05, (-0.5, -1.2, -2.3)),
    (5, (-0.5, -1.2, -2.3)),
    (0.05, (5, -5, -5)),
    (0.05, (-5, 5, 4.9)),
    (1, (0, 0, 0)),
]


BARS = """box => [...box.querySelectorAll('.mark-rect path')].map(path => path.__data__.datum)
    .filter(datum => 'b' in datum).map(({b}) => b)"""
# The n-th point that no other covers, and where on the screen.
UNCOVERED = """(box, n) => [...box.querySelectorAll('[class*=pick_dot] path')].map(path => {
    const {x, y, width, height} = path.getBoundingClientRect();
    const [right, down] = [x + width / 2, y + height / 2];
    const {dot} = path.__data__.datum;
    return document.elementFromPoint(right, down) === path && [dot, right, down];
  }).filter(Boolean)[n]"""


class TestInteractive:
    """The interactive of relaxation agrees with the library."""

    def test_the_cloud_agrees_with_the_library(self, interactive):
        cloud = interactive("relaxation")
        noise = np.array([[row["g0"], row["g1"], row["g2"]] for row in cloud.data])
        for temperature, values in CASES:
            cloud.set("temperature", temperature)
            for k, value in enumerate(values):
                cloud.set(f"logit of class {k}", value)
            logits = np.array(values, dtype=float)
            b = gumbel_softmax(logits, noise, temperature)
            expected = {
                "b": b.mean(axis=0),
                "p": special.softmax(logits),
                "won": np.bincount(gumbel_max(logits, noise), minlength=3) / len(noise),
            }
            numbers = cloud.numbers
            for name, entries in expected.items():
                for k, entry in enumerate(entries):
                    assert numbers[f"{name}{k}"] == pytest.approx(entry, abs=1e-6)
            near = (b.max(axis=1) > 0.99).mean()
            assert numbers["near"] == pytest.approx(near, abs=1e-6)
            assert (
                f"temperature {temperature:.2f}: {round(400 * near)} of 400 samples" in cloud.words
            )

    def test_each_point_lies_where_the_library_puts_it(self, interactive):
        cloud = interactive("relaxation")
        noise = np.array([[row["g0"], row["g1"], row["g2"]] for row in cloud.data])
        cloud.set("temperature", 0.05)
        script = """box => [...box.querySelectorAll('[class*=pick_dot] path')]
            .map(path => path.__data__.datum).map(datum => [datum.b0, datum.b1, datum.b2])"""
        drawn = np.array(cloud.box.evaluate(script))
        expected = gumbel_softmax(np.array([-0.5, -1.2, -2.3]), noise, 0.05)
        assert drawn == pytest.approx(expected, abs=1e-6)

    def test_the_temperature_moves_no_winner(self, interactive):
        cloud = interactive("relaxation")
        before = cloud.words.splitlines()
        cloud.set("temperature", 0.05)
        after = cloud.words.splitlines()
        assert before[2] == after[2]
        assert before[0] != after[0]
        assert "mean of b" in after[1]

    def test_the_slider_shows_the_entries_of_any_sample(self, interactive):
        cloud = interactive("relaxation")
        noise = np.array([[row["g0"], row["g1"], row["g2"]] for row in cloud.data])
        logits = np.array([-0.5, -1.2, -2.3])
        for sample, temperature in ((1, 5), (17, 0.5), (400, 0.05)):
            cloud.set("sample with the ring", sample)
            cloud.set("temperature", temperature)
            expected = gumbel_softmax(logits, noise[sample - 1], temperature)
            for entry, name in zip(expected, ("c0", "c1", "c2"), strict=True):
                assert cloud.numbers[name] == pytest.approx(entry, abs=1e-6)
            assert cloud.box.evaluate(BARS) == pytest.approx(expected, abs=1e-6)
            assert f"sample {sample}: b = {expected[0]:.3f}" in cloud.words

    def test_a_click_on_a_point_chooses_it(self, interactive):
        cloud = interactive("relaxation")
        cloud.set("temperature", 1)
        for nth in (0, 20):
            sample, x, y = cloud.box.evaluate(UNCOVERED, nth)
            cloud.page.mouse.click(x, y)
            slider = cloud.box.get_by_role("slider", name="sample with the ring")
            assert slider.input_value() == str(sample)
            # Beside the points a click chooses nothing.
            cloud.box.locator(".chart svg").click(position={"x": 3, "y": 3})
            assert slider.input_value() == str(sample)
            cloud.drawn()
            assert f"sample {sample}: b = " in cloud.words

    def test_run_cools_the_cloud(self, interactive):
        cloud = interactive("relaxation")
        cloud.page.emulate_media(reduced_motion="reduce")
        assert cloud.words.startswith("temperature 5.00")
        cloud.box.get_by_role("button", name="Run").click()
        cloud.drawn()
        assert cloud.words.startswith("temperature 0.05")
        cloud.page.emulate_media(reduced_motion="no-preference")
