"""The die: gradients against differentiation, training, the expected loss and its minimiser."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from gumbel_lib import die, gumbel_softmax, standard_gumbel
from gumbel_lib.concrete import relaxed_mean
from gumbel_lib.optimizers import adam

PROBS = np.array([0.05, 0.05, 0.10, 0.13, 0.27, 0.40])


def complex_softmax(scores):
    """Softmax that also takes complex scores, for the complex step."""
    weight = np.exp(scores - scores.real.max(axis=-1, keepdims=True))
    return weight / weight.sum(axis=-1, keepdims=True)


def complex_step(loss, logits):
    """Gradient of a loss by the complex step."""
    step = 1e-30j * np.eye(logits.size)
    return np.array([loss(logits + row).imag / 1e-30 for row in step])


LOSSES = {
    "sse": (die.sse_gradient, 1, lambda y, b: ((y - b[0]) ** 2).sum()),
    "averaged": (die.averaged_sse_gradient, 4, lambda y, b: ((y - b.mean(axis=0)) ** 2).sum()),
    "product": (die.product_gradient, 2, lambda y, b: ((b[0] - y) * (b[1] - y)).sum()),
    "cross-entropy": (die.cross_entropy_gradient, 1, lambda y, b: -(y * np.log(b[0])).sum()),
}


@pytest.mark.parametrize("name", LOSSES)
@given(st.integers(0, 10**6), st.floats(0.2, 5))
def test_gradient_is_the_complex_step(name, seed, temperature):
    gradient, samples, loss = LOSSES[name]
    rng = np.random.default_rng(seed)
    logits, noise = rng.normal(size=6), standard_gumbel((samples, 6), rng=rng)
    y = die.roll(PROBS, 20, rng=rng)
    relaxed = complex_softmax((logits + noise + 0j) / temperature).real
    got = gradient(y, relaxed if samples > 1 else relaxed[0], temperature)
    exact = complex_step(lambda l_: loss(y, complex_softmax((l_ + noise) / temperature)), logits)
    assert np.allclose(got, exact, rtol=1e-9, atol=1e-12)
    assert abs(got.sum()) < 1e-10


@pytest.mark.parametrize("gradient", [die.averaged_sse_gradient, die.product_gradient])
def test_observations_in_a_batch_of_their_own_meet_every_sample(gradient):
    rng = np.random.default_rng(0)
    observed, samples = rng.dirichlet(np.ones(3), size=2), rng.dirichlet(np.ones(3), size=2)
    together = gradient(observed, samples, 0.7)
    assert together.shape == (2, 3)
    assert np.allclose(together, [gradient(y, samples, 0.7) for y in observed])


@pytest.mark.parametrize("num_samples", [1, 3])
def test_training_with_samples_on_an_axis_of_their_own(num_samples):
    run = die.train(
        PROBS,
        num_steps=2,
        replicates=3,
        rng=5,
        num_samples=num_samples,
        gradient=die.averaged_sse_gradient,
    )
    assert run.probs.shape == (3, 6)


def test_half_precision_counts_in_float64():
    assert die.sse(np.zeros(70_000, np.float16), np.ones(70_000, np.float16)).item() == 70_000
    samples = np.random.default_rng(0).dirichlet(np.ones(3), size=2).astype(np.float16)
    observed = np.array([0.2, 0.5, 0.3], np.float16)
    for gradient, _, _ in LOSSES.values():
        got = gradient(observed, samples, 0.7)
        assert np.array_equal(got, gradient(observed.astype(float), samples.astype(float), 0.7))


def test_rolls_of_any_number_sum_to_one():
    for num_rolls in (1, 2**62, 2**63 - 1):
        assert die.roll([0.5, 0.5], num_rolls, rng=0).sum() == pytest.approx(1)


def test_probabilities_may_miss_one_by_a_millionth():
    for sum_less_one in (-9e-7, 9e-7):
        assert die.roll([0.3, 0.7 + sum_less_one, 0.0], 4, (5,), rng=0).shape == (5, 3)
    for sum_less_one in (-2e-6, 2e-6):
        with pytest.raises(ValueError, match="^true_probs: expected probabilities that sum to 1"):
            die.roll([0.3, 0.7 + sum_less_one, 0.0], 4, rng=0)


def test_sse_example_of_the_article():
    y, b = np.array([2, 0, 0, 1, 0, 0]) / 3, np.array([0.1, 0.1, 0.1, 0.3, 0.2, 0.2])
    assert die.sse(y, b) == pytest.approx(19 / 45)
    assert die.sse(np.round(y, 2), b) == pytest.approx(0.4258)


def test_rolls_have_the_multinomial_mean_and_variance():
    y = die.roll(PROBS, 20, (100_000,), rng=0)
    assert np.allclose(y.sum(axis=-1), 1)
    variance = PROBS * (1 - PROBS) / 20
    assert np.all(np.abs(y.mean(axis=0) - PROBS) < 5 * np.sqrt(variance / 100_000))
    assert np.allclose(y.var(axis=0), variance, rtol=0.03)


@pytest.mark.parametrize("options", [{}, {"end_temperature": 1e-3}])
def test_training_by_one_step_by_hand(options):
    run = die.train(PROBS, num_steps=2, replicates=3, rng=5, **options)
    rng = np.random.default_rng(5)
    observed = die.roll(PROBS, 20, (2, 3), rng=rng)
    logits = np.zeros((3, 6))
    temperatures = [2.0, options.get("end_temperature", 0.5)]
    for step, temperature in enumerate(temperatures):
        assert np.allclose(run.distance[step], die.sse(PROBS, special.softmax(logits, axis=-1)))
        relaxed = gumbel_softmax(logits, standard_gumbel((3, 6), rng=rng), temperature)
        logits -= 0.02 * die.sse_gradient(observed[step], relaxed, temperature)
    assert np.allclose(run.probs, special.softmax(logits, axis=-1))
    assert run.temperatures.tolist() == pytest.approx(temperatures)
    assert die.train(PROBS, num_steps=1, rng=0).probs.shape == (1, 6)


@pytest.mark.parametrize("at_once", [1, 40])
def test_training_in_slices_changes_nothing(at_once, monkeypatch):
    options = {"num_steps": 7, "replicates": 3, "rng": 5}
    whole = die.train(PROBS, **options)
    monkeypatch.setattr(die, "_AT_ONCE", at_once)
    for part, expected in zip(die.train(PROBS, **options), whole, strict=True):
        assert np.array_equal(part, expected)


def test_training_comes_near_the_reference_figures():
    run = die.train(PROBS, replicates=200, rng=0)
    assert run.probs.shape == (200, 6)
    assert run.distance.shape == (1000, 200)
    # Reference: mean 0.0083 (sd 0.0020 over 30 seeds); z = 5 on the difference of two means.
    assert abs(run.distance[-1].mean() - 0.0083) < 5 * 0.0020 * np.sqrt(1 / 30 + 1 / 200)
    expected = [0.089, 0.089, 0.104, 0.114, 0.203, 0.402]
    assert np.allclose(run.probs.mean(axis=0), expected, atol=0.01)


def test_longer_training_moves_away_and_the_repairs_do_not():
    longer = {"num_steps": 10_000, "replicates": 10, "rng": 0}
    plain = die.train(PROBS, **longer).distance[-1].mean()
    assert plain == pytest.approx(0.071, abs=0.02)
    repairs = (
        {"num_samples": 20, "gradient": die.averaged_sse_gradient},
        {"num_samples": 2, "gradient": die.product_gradient},
        {"gradient": die.cross_entropy_gradient},
    )
    for repair in repairs:
        assert die.train(PROBS, **longer, **repair).distance[-1].mean() < plain / 5


def test_adam_arrives_sooner_and_then_leaves():
    run = die.train(PROBS, replicates=20, rng=0, optimizer=adam)
    curve = run.distance.mean(axis=1)
    assert curve.min() < curve[0] / 4
    assert curve.argmin() < 500
    assert curve[-1] > 4 * curve.min()


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_expected_loss_by_simulation(temperature):
    logits = np.array([0.3, -0.5, 0.0, 0.2, 1.0, 1.5])
    parts = die.expected_loss(PROBS, logits, temperature, 20)
    y = die.roll(PROBS, 20, (200_000,), rng=1)
    b = gumbel_softmax(logits, standard_gumbel((200_000, 6), rng=2), temperature)
    loss = die.sse(y, b)
    assert abs(loss.mean() - sum(parts)) < 5 * loss.std() / np.sqrt(200_000)
    assert parts.bias == pytest.approx(die.sse(PROBS, relaxed_mean(logits, temperature)))


@pytest.mark.parametrize(
    ("temperature", "largest", "error"),
    [(0.49, 0.67, 0.0934), (0.5, 0.66, 0.090), (1.0, 0.60, 0.051)],
)
def test_minimiser_near_the_reference_figures(temperature, largest, error):
    q = die.expected_loss_minimiser(PROBS, temperature)
    assert q[-1] == pytest.approx(largest, abs=0.005)
    assert die.sse(PROBS, q) == pytest.approx(error, abs=0.001)


@pytest.mark.parametrize("num_samples", [1, 2, 20])
@pytest.mark.parametrize("temperature", [0.2, 0.7, 3.0])
def test_minimiser_is_that_of_a_slow_search(temperature, num_samples):
    probs = np.array([0.2, 0.3, 0.5])

    def loss(free):
        parts = die.expected_loss(probs, np.append(free, 0.0), temperature, 20)
        return parts.bias + parts.variance / num_samples

    found = optimize.minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-6})
    exact = special.softmax(np.append(found.x, 0.0))
    minimiser = die.expected_loss_minimiser(probs, temperature, num_samples)
    assert np.allclose(minimiser, exact, atol=1e-3)


@pytest.mark.parametrize("num_samples", [1, 5])
@pytest.mark.parametrize(
    ("probs", "temperature"),
    [
        ([0.6, 0.0, 0.4, 0.0], 0.4),
        ([0.4, 0.35, 0.25], 5.0),
        ([0.5, 0.3, 0.2], 0.05),
        ([0.3, 0.7], 0.8),
        # Where a search from the truth or from equal logits stalls on a plateau.
        ([0.015, 0.155, 0.063, 0.722, 0.045], 0.614),
        ([0.336, 0.341, 0.213, 0.097, 0.013], 0.588),
        ([0.17, 0.266, 0.093, 0.049, 0.122, 0.3], 0.117),
        ([0.251, 0.118, 0.422, 0.003, 0.206], 0.204),
    ],
)
def test_no_other_place_has_a_lower_loss(probs, temperature, num_samples):
    def loss(logits):
        parts = die.expected_loss(probs, logits, temperature, 20)
        return parts.bias + parts.variance / num_samples

    minimiser = die.expected_loss_minimiser(probs, temperature, num_samples)
    q = np.log(np.maximum(minimiser, 1e-300))
    assert special.logsumexp(q) == pytest.approx(0, abs=1e-9)
    # Neighbours, corners (where all mass lies on one face), powers of the truth, and anywhere.
    rng = np.random.default_rng(0)
    faces = np.eye(len(probs))
    others = [*(q + 0.05 * faces), *(q - 0.05 * faces), *(30 * faces)]
    others += [power * np.log(np.maximum(probs, 1e-3)) for power in range(1, 20)]
    others += [*rng.normal(scale=3, size=(30, len(probs)))]
    assert loss(q) < min(map(loss, others)) + 1e-7


def test_minimiser_in_the_limits():
    assert die.expected_loss_minimiser(PROBS, 0.02)[-1] > 0.99
    assert die.expected_loss_minimiser([1.0], 1.0).tolist() == [1.0]
    even = die.expected_loss_minimiser(np.full(4, 0.25), 1.0)
    assert np.allclose(even, 0.25, atol=1e-4)
    hot = die.expected_loss_minimiser(np.array([0.3, 0.3, 0.4]), 20.0)
    power = np.array([0.3, 0.3, 0.4]) ** 20
    assert np.allclose(hot, power / power.sum(), atol=2e-2)


BAD = {
    "negative": ([1.2, -0.2], {}, "true_probs"),
    "sum": ([0.5, 0.6], {}, "true_probs"),
    "NaN": ([0.5, np.nan], {}, "true_probs"),
    "empty": ([], {}, "true_probs"),
    "matrix": ([[0.5, 0.5]], {}, "true_probs"),
    "text": ("fair", {}, "true_probs"),
    "none": (None, {}, "true_probs"),
    "steps": (PROBS, {"num_steps": 0}, "num_steps"),
    "batch": (PROBS, {"num_rolls": 0}, "num_rolls"),
    "rate": (PROBS, {"learning_rate": -1.0}, "learning_rate"),
    "rates": (PROBS, {"learning_rate": [0.1]}, "learning_rate"),
    "temperature": (PROBS, {"end_temperature": 0.0}, "end_temperature"),
    "replicates": (PROBS, {"replicates": 1.5}, "replicates"),
    "samples": (PROBS, {"num_samples": 0}, "num_samples"),
    "seed": (PROBS, {"rng": "x"}, "rng"),
}


BAD |= {
    "first temperature": (PROBS, {"start_temperature": np.inf}, "start_temperature"),
    "temperature's kind": (PROBS, {"end_temperature": True}, "end_temperature"),
    "mask": (np.ma.array([0.5, 0.5]), {}, "true_probs"),
    "nested": ([[0.5, 0.5], [1.0]], {}, "true_probs"),
    "one sample": (PROBS, {"num_samples": 1}, "gradient"),
    "several samples": (PROBS, {"num_samples": 3}, "gradient"),
    "averaging": (PROBS, {"gradient": lambda y, b, t: 0.0}, "gradient"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_training_input_is_named(case):
    probs, options, named = BAD[case]
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        die.train(probs, **{"rng": 0, **options})


def test_bad_gradient_input_is_named():
    with pytest.raises(ValueError, match="^observed: expected 3 classes as in relaxed, got 2"):
        die.sse_gradient([0.5, 0.5], [0.2, 0.3, 0.5], 1.0)
    with pytest.raises(ValueError, match="^expected shapes that broadcast, got observed"):
        die.sse_gradient(np.ones((2, 3)), np.ones((4, 3)), 1.0)
    with pytest.raises(ValueError, match="^temperature: expected a finite number > 0, got 0.0"):
        die.sse_gradient([0.5, 0.5], [0.5, 0.5], 0.0)
    for gradient in (die.averaged_sse_gradient, die.product_gradient):
        for relaxed in ([0.5, 0.5], np.zeros((0, 2))):
            with pytest.raises(
                ValueError, match="^relaxed: expected shape .M, ..., K. with M >= 1"
            ):
                gradient([0.5, 0.5], relaxed, 1.0)
    for gradient in (die.sse_gradient, die.cross_entropy_gradient):
        for temperature in (0.0, -1.0, np.inf, np.nan):
            with pytest.raises(ValueError, match="^temperature: expected a finite number > 0"):
                gradient([0.5, 0.5], [0.5, 0.5], temperature)
        with pytest.raises(ValueError, match="^observed: expected 1 classes"):
            gradient(np.zeros((2, 0)), np.zeros((2, 0)), 1.0)
    with pytest.raises(ValueError, match=r"^logits: expected shape .6,., got .5,"):
        die.expected_loss(PROBS, np.zeros(5), 1.0, 20)
    with pytest.raises(ValueError, match=r"^logits: expected shape .6,., got .2, 6"):
        die.expected_loss(PROBS, np.zeros((2, 6)), 1.0, 20)
    with pytest.raises(ValueError, match="^num_rolls: expected at least 1, got 0"):
        die.expected_loss(PROBS, np.zeros(6), 1.0, 0)
    with pytest.raises(ValueError, match="^observed: expected 3 classes as in predicted"):
        die.sse([0.5, 0.5], [0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match="^true_probs: expected probabilities >= 0, got -0.2$"):
        die.roll([1.2, -0.2], 3, rng=0)
    for size in ((-1,), "x", 2**70):
        with pytest.raises(ValueError, match="^size: expected a shape"):
            die.roll(PROBS, 3, size, rng=0)
    with pytest.raises(ValueError, match="^num_rolls: expected an integer below"):
        die.roll(PROBS, 2**63, rng=0)
    with pytest.raises(ValueError, match="^relaxed: expected 2 samples"):
        die.product_gradient([0.5, 0.5], [[0.5, 0.5]], 1.0)
    with pytest.raises(ValueError, match="^temperature: expected"):
        die.expected_loss_minimiser(PROBS, -1.0)
    with pytest.raises(ValueError, match="^num_samples: expected"):
        die.expected_loss_minimiser(PROBS, 1.0, 0)
