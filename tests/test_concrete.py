"""The law of the relaxed sample: its density, moments, KL and gradients."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from gumbel_lib import _quadrature, gumbel_softmax, standard_gumbel
from gumbel_lib.concrete import (
    concrete_kl,
    concrete_logpdf,
    relaxed_mean,
    relaxed_objectives,
    relaxed_variance,
    simplex_masses,
    two_class_gradients,
)

GOOD = np.zeros(3)
BAD_TEMPERATURES = [False, np.bool_(False), "1", b"1", 1j, np.complex128(1), [[None]], 10**400]
BAD_TEMPERATURES += [np.timedelta64(1, "s"), np.datetime64("2020"), np.ma.array(1.0), {}]


@pytest.mark.parametrize("temperature", BAD_TEMPERATURES, ids=repr)
@pytest.mark.parametrize(
    "function",
    [
        lambda t: relaxed_mean(GOOD, t),
        lambda t: relaxed_variance(GOOD, t),
        lambda t: concrete_logpdf(GOOD + 1 / 3, GOOD, t),
    ],
)
def test_what_is_no_temperature_is_named_by_every_function(function, temperature):
    with pytest.raises((TypeError, ValueError), match="^temperature: expected .*, got "):
        function(temperature)


def logistic_moment(gap, temperature, power):
    """E b_0^power for two classes: their noises differ by a logistic variable."""
    reach = 40 * max(1.0, temperature)
    return integrate.quad(
        lambda x: special.expit((gap + x) / temperature) ** power * stats.logistic.pdf(x),
        -gap - reach,
        reach,
        points=[-gap - temperature, -gap, -gap + temperature],
        epsabs=1e-13,
        limit=2000,
    )[0]


@pytest.mark.parametrize("temperature", [0.05, 0.3, 1.0, 2.5, 20.0])
@pytest.mark.parametrize("gap", [0.0, 0.7, -3.0, 12.0])
def test_moments_of_two_classes_by_quadrature(gap, temperature):
    mean = relaxed_mean([gap, 0.0], temperature)
    first = logistic_moment(gap, temperature, 1)
    assert mean == pytest.approx([first, 1 - first], abs=1e-8)
    variance = logistic_moment(gap, temperature, 2) - first**2
    assert relaxed_variance([gap, 0.0], temperature) == pytest.approx([variance] * 2, abs=1e-8)


@pytest.mark.parametrize("temperature", [1e-3, 0.02, 1e3, 1e6])
def test_moments_at_far_temperatures(temperature):
    # At low temperatures E b is sigmoid(gap) + O(t^2); at high ones b - 1/2 is the gap plus a
    # logistic variable, over 4t, whose variance is pi^2 / 3.
    mean, variance = (
        relaxed_mean([0.7, 0.0], temperature),
        relaxed_variance([0.7, 0.0], temperature),
    )
    if temperature < 1:
        p = special.expit(0.7)
        second = p * (1 - p) * (1 - 2 * p) * np.pi**2 / 6 * temperature**2
        assert mean == pytest.approx([p + second, 1 - p - second], abs=2 * temperature**4 + 1e-8)
        first = p * (1 - p) * (1 - temperature)
        assert variance == pytest.approx([first] * 2, abs=2 * temperature**2 + 1e-8)
    else:
        assert mean == pytest.approx(
            [0.5 + 0.7 / (4 * temperature), 0.5 - 0.7 / (4 * temperature)], abs=1e-8
        )
        assert variance == pytest.approx([np.pi**2 / 48 / temperature**2] * 2, rel=1e-2, abs=1e-8)


def bessel_moments(logits):
    """At temperature 1, E exp(-s e^g) is r K_1(r) with r = 2 sqrt(s)."""
    v = np.arange(-45, 14, 0.1)[:, None]
    r = 2 * np.exp((v + logits - logits.max()) / 2)
    log_kept = np.log(r) + np.log(special.k1e(r)) - r
    mass = 0.1 * np.exp(log_kept.sum(axis=-1, keepdims=True))
    first = r / 2 * special.k0e(r) / special.k1e(r)
    return (mass * first).sum(axis=0), (mass * r**2 / 4).sum(axis=0)


KINDS = {
    "normal": lambda rng, size: rng.normal(scale=2, size=size),
    "uniform": lambda rng, size: rng.random(size),
    "ties": lambda rng, size: rng.integers(3, size=size).astype(float),
    "one dominant": lambda rng, size: np.append(20.0, rng.normal(size=size - 1)),
    "Zipf": lambda rng, size: -1.07 * np.log(1 + np.arange(size)),
    "offset": lambda rng, size: 1e8 + rng.normal(size=size),
    "wide": lambda rng, size: rng.uniform(-100, 0, size),
}


@pytest.mark.parametrize("size", [1, 2, 10, 300, 3000])
@pytest.mark.parametrize("kind", KINDS)
def test_moments_at_temperature_1_by_bessel_functions(kind, size):
    logits = KINDS[kind](np.random.default_rng(size), size)
    first, second = bessel_moments(logits)
    masked = np.append(logits, [-np.inf, -np.inf])
    mean, variance = relaxed_mean(masked, 1.0), relaxed_variance(masked, 1.0)
    assert mean[:-2] == pytest.approx(first, rel=0, abs=1e-11)
    assert variance[:-2] == pytest.approx(second - first**2, rel=0, abs=1e-11)
    assert not mean[-2:].any()
    assert not variance[-2:].any()


@pytest.mark.parametrize("temperature", [0.05, 0.5, 0.999, 1.001, 3.0, 100.0, 1e308])
def test_moments_of_fifty_thousand_classes(temperature):
    logits = np.random.default_rng(0).normal(scale=2, size=50_000)
    tracemalloc.start()
    mean, variance = relaxed_mean(logits, temperature), relaxed_variance(logits, temperature)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    # A quadrature that misses each factor by 1e-14 misses the product by 5e-10.
    assert mean.sum() == pytest.approx(1, rel=0, abs=5e-11)
    assert np.all(np.diff(mean[np.argsort(logits)]) >= 0)
    even = relaxed_mean(np.zeros(50_000), temperature)
    assert even.shape == (50_000,)
    assert np.abs(50_000 * even - 1).max() < 5e-11
    if temperature < 1:
        assert np.all(variance <= mean * (1 - mean))


@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_moments_of_the_rows_of_a_batch(temperature, monkeypatch):
    laid = []
    lagrange = _quadrature._lagrange
    monkeypatch.setattr(_quadrature, "_lagrange", lambda x: laid.append(len(x)) or lagrange(x))
    logits = np.random.default_rng(0).normal(scale=5, size=(2, 1000, 3))
    logits[1, 5] = 1e308, -1e308, -np.inf
    for function in (relaxed_mean, relaxed_variance):
        together = function(logits, temperature)
        alone = np.array([function(row, temperature) for row in logits[1, :10]])
        assert together[1, :10] == pytest.approx(alone, rel=0, abs=1e-13)
        assert min(laid[:5]) > 200  # rows at once
        laid.clear()


def test_moments_of_a_thousand_classes_by_simulation():
    logits = np.random.default_rng(0).normal(size=1000)
    mean, variance = relaxed_mean(logits, 0.5), relaxed_variance(logits, 0.5)
    sample = gumbel_softmax(logits, standard_gumbel((20_000, 1000), rng=1), 0.5)
    assert np.all(np.abs(sample.mean(axis=0) - mean) < 6 * np.sqrt(variance / 20_000))
    assert sample.var(axis=0).sum() == pytest.approx(variance.sum(), rel=0.01)


@given(st.floats(0, 50), st.floats(-40, 40))
def test_no_variance_is_negative(temperature, gap):
    assert relaxed_variance([gap, 0.0], temperature).min() >= 0
    assert relaxed_variance([gap], temperature).min() >= 0


def test_moments_of_an_empty_batch():
    for function in (relaxed_mean, relaxed_variance):
        for temperature in (0.0, 0.5, np.inf):
            assert function(np.zeros((0, 3)), temperature).shape == (0, 3)
            assert function(np.zeros((2, 0, 3)), temperature).shape == (2, 0, 3)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 3.0])
def test_moments_of_six_classes_by_simulation(temperature):
    logits = np.log([0.05, 0.05, 0.1, 0.13, 0.27, 0.4])
    sample = gumbel_softmax(logits, standard_gumbel((400_000, 6), rng=3), temperature)
    mean, variance = relaxed_mean(logits, temperature), relaxed_variance(logits, temperature)
    assert np.all(np.abs(sample.mean(axis=0) - mean) < 5 * np.sqrt(variance / 400_000))
    fourth = ((sample - mean) ** 4).mean(axis=0)
    error = np.sqrt((fourth - variance**2) / 400_000)
    assert np.all(np.abs(sample.var(axis=0) - variance) < 5 * error)


def test_moments_in_the_limits():
    logits = np.array([0.3, -np.inf, -0.2, 2.0])
    probs = special.softmax(logits)
    assert np.allclose(relaxed_mean(logits, 0), probs)
    assert np.allclose(relaxed_variance(logits, 0), probs * (1 - probs))
    assert np.allclose(relaxed_mean(logits, 1e-6), probs, atol=1e-5)
    assert np.allclose(relaxed_mean(logits, np.inf), [1 / 3, 0, 1 / 3, 1 / 3])
    assert relaxed_mean(np.array([5.0]), 1.0) == pytest.approx([1.0])
    batch = relaxed_mean(np.stack([logits, logits + 100]), 0.7)
    assert np.allclose(batch[0], batch[1])
    assert np.allclose(batch.sum(axis=-1), 1, atol=1e-10)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_density_of_two_classes_is_the_pushed_forward_logistic(temperature):
    # b_0 = expit((gap + x) / t) with x logistic.
    gap, b = 0.8, np.array([0.01, 0.3, 0.77])
    x = temperature * special.logit(b) - gap
    expected = stats.logistic.logpdf(x) + np.log(temperature / (b * (1 - b)))
    got = concrete_logpdf(np.stack([b, 1 - b], -1), [gap, 0.0], temperature)
    assert got == pytest.approx(expected, rel=1e-10)


def test_density_is_finite_where_entries_underflow():
    for dtype in (np.float64, np.float32):
        logits = np.array([0.0, 1.0, -2.0, 3.0, 0.0, 0.0], dtype)
        sample = gumbel_softmax(logits, standard_gumbel((2000, 6), rng=0, dtype=dtype), 0.05)
        assert np.all(np.isfinite(concrete_logpdf(sample, logits, 0.05)))
    assert (sample == 0).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_density_takes_the_librarys_own_samples_in_every_type(dtype, temperature):
    logits = np.linspace(-1, 1, 40)
    sample = gumbel_softmax(
        logits.astype(dtype), standard_gumbel((500, 40), rng=0).astype(dtype), temperature
    )
    assert np.isfinite(concrete_logpdf(sample, logits, temperature)).all()
    off = np.array([0.5, 0.5 + 1.2 * np.sqrt(np.finfo(dtype).eps)], dtype)
    with pytest.raises(ValueError, match="^sample: expected entries"):
        concrete_logpdf(off, [0.0, 0.0], 1.0)
    near = np.array([0.5, 0.5 + 0.8 * np.sqrt(np.finfo(dtype).eps)], dtype)
    assert np.isfinite(concrete_logpdf(near, [0.0, 0.0], 1.0))


def test_density_of_a_zero_is_that_of_the_least_number_of_its_type():
    for dtype in (np.float16, np.float32, np.float64):
        least = np.finfo(dtype).smallest_subnormal
        zero, tiny = (concrete_logpdf(np.array([b, 1], dtype), [0.0, 0.0], 0.5) for b in (0, least))
        assert zero == tiny


def test_density_refuses_what_is_no_point_of_the_simplex():
    for sample in ([0.5, 0.6], [1.5, -0.5], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="^sample: expected entries"):
            concrete_logpdf(sample, [0.0, 0.0], 1.0)
    with pytest.raises(ValueError, match="^sample: expected 3 classes, got 1"):
        concrete_logpdf([1.0], [0.0, 0.0, 0.0], 1.0)
    for temperature in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="^temperature: expected"):
            concrete_logpdf([0.5, 0.5], [0.0, 0.0], temperature)
    with pytest.raises(ValueError, match="^logits: expected finite"):
        concrete_logpdf([0.5, 0.5], [0.0, -np.inf], 1.0)


def test_the_estimators_of_two_classes_agree_with_draws():
    """Each mean and spread of two_class_gradients, by simulation at z = 5."""
    logit, t, target, draws = 0.8, 0.5, 0.45, 200_000
    b = gumbel_softmax(np.array([logit, 0.0]), standard_gumbel((draws, 2), rng=8), t)[:, 0]
    path = b * (1 - b) / t
    hard = (b > 0.5).astype(float)
    p = special.expit(logit)
    drawn = (np.random.default_rng(9).random(draws) < p).astype(float)
    samples = {
        "relaxed": path * 2 * (b - target),
        "straight-through": path * 2 * (hard - target),
        "multinomial": p * (1 - p) * 2 * (drawn - target),
    }
    estimates = two_class_gradients(logit, t, target)
    for name, values in samples.items():
        mean, spread = estimates[name]
        assert abs(values.mean() - mean) < 5 * values.std() / draws**0.5
        assert values.std() == pytest.approx(spread, rel=0.02)

    def loss(logit):
        p = special.expit(logit)
        return p * (1 - target) ** 2 + (1 - p) * target**2

    slope = (loss(logit + 1e-5) - loss(logit - 1e-5)) / 2e-5
    assert estimates["exact"][0] == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize("logit", [-20.0, -3.0, 20.0])
@pytest.mark.parametrize("t", [0.05, 0.9, 1.0, 1.1, 50.0])
def test_the_relaxed_gradient_agrees_with_a_finer_quadrature_at_far_logits(logit, t):
    def gradient(gap):
        b = special.expit(gap / t)
        law = special.expit(gap - logit) * special.expit(logit - gap)
        return law * b * special.expit(-gap / t) / t * 2 * (b - 0.45)

    gap = np.linspace(-120, 120, 240_001)
    expected = gradient(gap).sum() * 1e-3
    assert two_class_gradients(logit, t)["relaxed"][0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("logits", "temperature"),
    [([0.0, 50.0], 1.0), ([100.0, 0.0], 0.2), ([0.0, 11.0, 5.0], 0.5), ([0.0, 100.0, 0.0], 2.0)],
)
def test_masses_of_the_simplex_at_far_logits(logits, temperature):
    won = [mass.sum() for _, mass in simplex_masses(logits, temperature)]
    assert won == pytest.approx(special.softmax(logits), abs=1e-10)


def test_masses_of_the_simplex_at_the_least_temperature():
    for logits, least in (([0.5, 0.0], 40 / 700), ([0.5, 0.0, -1.0], 80 / 700)):
        won = [mass.sum() for _, mass in simplex_masses(logits, least)]
        assert won == pytest.approx(special.softmax(logits), abs=1e-10)


def test_masses_of_the_simplex_are_the_law():
    logits = np.log([0.6, 0.3, 0.1])
    parts = list(simplex_masses(logits, 0.5))
    assert [mass.sum() for _, mass in parts] == pytest.approx([0.6, 0.3, 0.1], abs=1e-8)
    assert all((points.argmax(axis=1) == k).all() for k, (points, _) in enumerate(parts))
    mean = sum(mass @ points for points, mass in parts)
    assert mean == pytest.approx(relaxed_mean(logits, 0.5), abs=1e-8)


def test_kl_is_0_for_one_law_and_whatever_the_constants():
    logits = np.array([0.5, -1.0, 2.0])
    assert concrete_kl(logits, logits + 3) == pytest.approx(0, abs=1e-9)
    assert concrete_kl(logits, GOOD) == pytest.approx(concrete_kl(logits - 7, GOOD), abs=1e-9)


@pytest.mark.parametrize("gap", [1.0, 100.0, 130.0, 200.0, 2e3, 1e4])
def test_kl_of_far_logits(gap):
    # E log(a A + b B) is (a log a - b log b) / (a - b) - gamma for exponentials A and B.
    expected = 2 * (gap / 2 / np.tanh(gap / 2) - np.euler_gamma - special.digamma(2))
    for pair in ([gap, 0.0], [0.0, gap]):
        assert concrete_kl(pair, [0.0, 0.0]) == pytest.approx(expected, abs=1e-7)
        assert concrete_kl([0.0, 0.0], pair) == pytest.approx(expected, abs=1e-7)


def test_objectives_come_together_where_the_temperature_goes_to_0():
    probs = np.array([0.2, 0.7])
    values = relaxed_objectives(probs, (0.9, 0.1), 1e-3)
    assert values["mixed"] == pytest.approx(values["discrete"], abs=5e-3)
    assert (values["concrete"] < values["mixed"]).all()


def test_bad_input_is_named():
    for named, call in (
        ("logits", lambda: concrete_kl([0.0, -np.inf], [0.0, 0.0])),
        ("logits", lambda: concrete_kl([[0.0, 1.0]], [0.0, 0.0])),
        ("prior_logits", lambda: concrete_kl([0.0, 1.0], [0.0, 0.0, 0.0])),
        ("prior_logits", lambda: concrete_kl([0.0, 1.0], [0.0, np.nan])),
        ("temperature", lambda: two_class_gradients(0.0, 0.0)),
        ("logit", lambda: two_class_gradients("high", 1.0)),
        ("target", lambda: two_class_gradients(0.0, 1.0, None)),
        ("probs", lambda: relaxed_objectives([0.0, 0.5], (0.9, 0.1), 1.0)),
        ("probs", lambda: relaxed_objectives([[0.2, 0.5]], (0.9, 0.1), 1.0)),
        ("likelihoods", lambda: relaxed_objectives([0.5], (0.9, 0.1, 0.2), 1.0)),
        ("likelihoods", lambda: relaxed_objectives([0.5], 0.9, 1.0)),
        ("logits", lambda: concrete_kl([10_001.0, 0.0], [0.0, 0.0])),
        ("logit", lambda: two_class_gradients(20.5, 2.0)),
        ("logit", lambda: two_class_gradients(np.nan, 2.0)),
        ("logits", lambda: simplex_masses([0.0], 1.0)),
        ("logits", lambda: simplex_masses([[0.0, 1.0]], 1.0)),
        ("logits", lambda: simplex_masses([0.0, -np.inf], 1.0)),
        ("logits", lambda: simplex_masses([0.0, 101.0], 1.0)),
        ("temperature", lambda: simplex_masses([0.0, 1.0], 0.05)),
        ("temperature", lambda: simplex_masses([0.0, 1.0, 0.0], 0.1)),
        ("probs", lambda: relaxed_objectives([0.5, 1.0], (0.9, 0.1), 1.0)),
        ("likelihoods", lambda: relaxed_objectives([0.5], (0.9, 0.0), 1.0)),
        ("temperature", lambda: relaxed_objectives([0.5], (0.9, 0.1), -1.0)),
    ):
        with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
            call()
