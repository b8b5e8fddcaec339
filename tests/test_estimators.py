"""Gradient estimators: their moments, their formulas, batches, and other array libraries."""

import itertools
from functools import partial

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from gumbel_lib import estimators, standard_gumbel
from gumbel_lib.estimators import Loss, exact_moments

LOGITS = np.log([0.6, 0.3, 0.1])
WEIGHTS = np.array([0.3, 1.5, 0.7])
LOSS = Loss(
    lambda b: -np.log(b @ WEIGHTS) + (b[..., 0] - b[..., 1]) ** 2,
    lambda b: (
        -WEIGHTS / (b @ WEIGHTS)[..., None]
        + 2 * (b[..., 0] - b[..., 1])[..., None] * np.array([1.0, -1.0, 0.0])
    ),
)
CONTROL = Loss(
    lambda x: np.sin(special.softmax(x, axis=-1)[..., 0]),
    lambda x: (lambda b: np.cos(b[..., :1]) * b[..., :1] * (np.eye(x.shape[-1])[0] - b))(
        special.softmax(x, axis=-1)
    ),
)
# Each with the rows of noise it takes, and whether the draws alone decide.
CATEGORICAL = {
    "reinforce": (estimators.reinforce, 1),
    "baseline": (partial(estimators.reinforce, baseline=0.7), 1),
    "leave one out": (estimators.leave_one_out, 3),
    "straight through": (estimators.straight_through, 1),
    "darn": (estimators.darn, 1),
    "reinmax": (estimators.reinmax, 1),
    "pathwise": (partial(estimators.pathwise, temperature=0.7), 1),
    "straight through gumbel": (partial(estimators.straight_through_gumbel, temperature=0.7), 1),
    "decoupled": (partial(estimators.decoupled, forward=0.8, backward=0.5), 1),
    "rao blackwell": (partial(estimators.rao_blackwell, temperature=0.7), 4),
    "gapped": (partial(estimators.gapped, temperature=0.7), 1),
    "relax": (partial(estimators.relax, control=CONTROL), 2),
    "rebar": (partial(estimators.rebar, temperature=0.7, scale=0.8), 2),
    "unordered set": (partial(estimators.unordered_set, k=2), 1),
}
BERNOULLI = {"arm": estimators.arm, "disarm": estimators.disarm}
UNBIASED = ("reinforce", "baseline", "leave one out", "unordered set")
EVERY = pytest.mark.parametrize("name", CATEGORICAL)


def exact_gradient(loss, logits):
    p = special.softmax(logits)
    values = loss.value(np.eye(logits.size))
    return p * (values - p @ values)


@EVERY
@settings(max_examples=15, deadline=None)
@given(arrays(np.float64, 3, elements=st.floats(-5, 5)), st.integers(0, 99))
def test_sums_to_zero_and_knows_no_common_constant(name, logits, seed):
    estimator, rows = CATEGORICAL[name]
    noise = standard_gumbel((rows, 3), rng=seed)
    found = estimator(LOSS, logits, noise)
    assert found.shape == (3,)
    assert found.sum() == pytest.approx(0, abs=1e-9)
    assert estimator(LOSS, logits + 3, noise) == pytest.approx(found, abs=1e-9)


@EVERY
def test_permuting_the_classes_permutes_the_estimate(name):
    estimator, rows = CATEGORICAL[name]
    if name == "relax":
        pytest.skip("its control variate names a class")
    order = np.array([2, 0, 1])
    back = np.argsort(order)
    turned = Loss(
        lambda b: LOSS.value(b[..., back]), lambda b: LOSS.gradient(b[..., back])[..., order]
    )
    noise = standard_gumbel((rows, 3), rng=1)
    found = estimator(LOSS, LOGITS, noise)[order]
    assert estimator(turned, LOGITS[order], noise[:, order]) == pytest.approx(found)


@EVERY
def test_a_batch_is_its_rows(name):
    estimator, rows = CATEGORICAL[name]
    logits = np.random.default_rng(0).normal(size=(4, 3))
    noise = standard_gumbel((rows, 5, 4, 3), rng=2)
    found = estimator(LOSS, logits, noise)
    assert found.shape == (5, 4, 3)
    for i, j in itertools.product(range(5), range(4)):
        assert found[i, j] == pytest.approx(estimator(LOSS, logits[j], noise[:, i, j]))


@pytest.mark.parametrize("name", [name for name, (_, rows) in CATEGORICAL.items() if rows == 1])
def test_rows_of_noise_are_averaged(name):
    estimator, _ = CATEGORICAL[name]
    noise = standard_gumbel((6, 3), rng=3)
    each = [estimator(LOSS, LOGITS, noise[[r]]) for r in range(6)]
    assert estimator(LOSS, LOGITS, noise) == pytest.approx(np.mean(each, axis=0))


@EVERY
def test_a_masked_class_has_no_gradient_and_harms_none(name):
    estimator, rows = CATEGORICAL[name]
    logits = np.append(LOGITS, -np.inf)
    wider = Loss(
        lambda b: LOSS.value(b[..., :3]),
        lambda b: np.concatenate([LOSS.gradient(b[..., :3]), b[..., 3:]], axis=-1),
    )
    noise = standard_gumbel((rows, 4), rng=4)
    found = estimator(wider, logits, noise)
    assert found[3] == 0
    assert found[:3] == pytest.approx(estimator(LOSS, LOGITS, noise[:, :3]))


@pytest.mark.parametrize(
    ("name", "heats"),
    [
        ("pathwise", ["temperature"]),
        ("straight_through_gumbel", ["temperature"]),
        ("rao_blackwell", ["temperature"]),
        ("gapped", ["temperature"]),
        ("rebar", ["temperature"]),
        ("decoupled", ["forward"]),
        ("decoupled", ["backward"]),
        ("decoupled", ["forward", "backward"]),
    ],
)
def test_each_vector_of_logits_may_have_a_temperature(name, heats):
    estimator, rng = getattr(estimators, name), np.random.default_rng(12)
    logits, noise = rng.normal(size=(4, 3)), standard_gumbel((2, 5, 4, 3), rng=rng)
    fixed = {"forward": 0.8, "backward": 0.6} if name == "decoupled" else {}
    hot = {heat: rng.uniform(0.2, 2, size=(4, 1)) for heat in heats}
    found = estimator(LOSS, logits, noise, **fixed | hot)
    assert found.shape == (5, 4, 3)
    for i, j in itertools.product(range(5), range(4)):
        one = fixed | {heat: t[j, 0] for heat, t in hot.items()}
        assert found[i, j] == pytest.approx(estimator(LOSS, logits[j], noise[:, i, j], **one))


def test_each_vector_of_logits_may_have_a_baseline():
    rng = np.random.default_rng(13)
    logits, noise = rng.normal(size=(4, 3)), standard_gumbel((2, 4, 3), rng=rng)
    beta = rng.normal(size=4)
    found = estimators.reinforce(LOSS, logits, noise, baseline=beta)
    for j in range(4):
        one = estimators.reinforce(LOSS, logits[j], noise[:, j], baseline=beta[j])
        assert found[j] == pytest.approx(one)


def in_library(xp, loss_weights):
    """The loss in another library."""
    w, sign = xp.asarray(loss_weights), xp.asarray(np.array([1.0, -1.0, 0.0]))

    def value(b):
        return -xp.log(xp.sum(b * w, axis=-1)) + xp.sum(b * sign, axis=-1) ** 2

    def gradient(b):
        mean = xp.sum(b * w, axis=-1, keepdims=True)
        return -w / mean + 2 * xp.sum(b * sign, axis=-1, keepdims=True) * sign

    return Loss(value, gradient)


@EVERY
@pytest.mark.parametrize("library", ["jax", "strict"])
def test_other_libraries_give_the_same(name, library):
    if name == "relax":
        pytest.skip("rebar runs it with a control variate of the other library")
    estimator, rows = CATEGORICAL[name]
    noise = standard_gumbel((rows, 5, 3), rng=5)
    expected = estimator(LOSS, LOGITS, noise)
    with jax.enable_x64(True):
        xp = array_api_strict if library == "strict" else jnp
        run = partial(estimator, in_library(xp, WEIGHTS))
        run = jax.jit(run) if library == "jax" else run
        found = run(xp.asarray(LOGITS), xp.asarray(noise))
        assert isinstance(found, type(xp.asarray(LOGITS)))
        assert np.asarray(found) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", BERNOULLI)
def test_bits_in_other_libraries_and_batches(name):
    estimator = BERNOULLI[name]
    log_odds = np.array([[0.3, -1.0], [2.0, 0.0]])
    noise = np.random.default_rng(6).logistic(size=(3, 2, 2))
    table = np.array([[0.0, 2.0], [1.0, -1.0]])
    loss = Loss(
        lambda b: b[..., 0] * 1.0 + 2.0 * b[..., 1] - 4.0 * b[..., 0] * b[..., 1], lambda b: b
    )
    assert loss.value(np.array([1.0, 1.0])) == table[1, 1]
    found = estimator(loss, log_odds, noise)
    for i in range(2):
        assert found[i] == pytest.approx(estimator(loss, log_odds[i], noise[:, i]))
    with jax.enable_x64(True):
        traced = jax.jit(partial(estimator, loss))(jnp.asarray(log_odds), jnp.asarray(noise))
        assert np.asarray(traced) == pytest.approx(found)


@pytest.mark.parametrize("name", UNBIASED)
def test_the_unbiased_are_unbiased_by_enumeration(name):
    estimator, rows = CATEGORICAL[name]
    found = exact_moments(partial(estimator, LOSS, LOGITS), LOGITS, rows=rows)
    assert found.mean == pytest.approx(exact_gradient(LOSS, LOGITS), abs=1e-12)


@pytest.mark.parametrize("name", ["relax", "rebar"])
def test_control_variates_leave_the_mean_by_quadrature(name):
    estimator, _ = CATEGORICAL[name]
    found = exact_moments(partial(estimator, LOSS, LOGITS), LOGITS, rows=2, temperature=0.7)
    assert found.mean == pytest.approx(exact_gradient(LOSS, LOGITS), abs=1e-7)


MOMENTS = [
    *(
        (name, None)
        for name in ("reinforce", "leave one out", "reinmax", "gapped", "unordered set")
    ),
    *((name, 0.7) for name in ("pathwise", "straight through gumbel", "relax", "rebar")),
]


@pytest.mark.parametrize(("name", "temperature"), MOMENTS)
def test_exact_moments_agree_with_draws(name, temperature):
    """Each mean and the variance within z = 5; a relative error of 5 % of the variance is seen."""
    estimator, rows = CATEGORICAL[name]
    run = partial(estimator, LOSS, LOGITS)
    exact = exact_moments(run, LOGITS, rows=rows, temperature=temperature)
    draws = run(standard_gumbel((rows, 100_000, 3), rng=7))
    band = 5 * draws.std(axis=0) / len(draws) ** 0.5
    assert np.all(np.abs(draws.mean(axis=0) - exact.mean) < band + 1e-12)
    squares = ((draws - exact.mean) ** 2).sum(axis=1)
    error = squares.std() / len(draws) ** 0.5
    assert error < 0.01 * exact.variance
    assert abs(squares.mean() - exact.variance) < 5 * error


def test_exact_moments_of_two_classes_and_of_one_given_winner():
    two = np.array([0.5, 0.0])
    loss = Loss(lambda b: b[..., 0], lambda b: 0 * b + np.array([1.0, 0.0]))
    run = partial(estimators.pathwise, loss, two, temperature=0.3)
    found = exact_moments(run, two, temperature=0.3)
    x = np.linspace(-60, 60, 400_001)
    soft = special.expit((x + 0.5) / 0.3)
    slope = soft * (1 - soft) / 0.3
    law = stats.logistic.pdf(x) * (x[1] - x[0])
    assert found.mean[0] == pytest.approx(law @ slope, abs=1e-8)
    assert found.between[0] + found.within[0] == pytest.approx(
        law @ slope**2 - (law @ slope) ** 2, rel=1e-6
    )
    given = [law[side] @ slope[side] / law[side].sum() for side in (x > -0.5, x < -0.5)]
    assert found.given[:, 0] == pytest.approx(given, abs=1e-4)


def test_the_noise_given_the_draw_has_the_law_of_the_noise_behind_it():
    """Two-sample Kolmogorov-Smirnov on each gap to the winner, false alarm 1e-6 a test."""
    rng = np.random.default_rng(8)
    noise = standard_gumbel((40_000, 3), rng=rng)
    perturbed = LOGITS + noise
    for winner in range(3):
        drawn = np.eye(3)[winner]
        fresh = estimators._given(np, LOGITS, drawn, standard_gumbel((5000, 3), rng=rng))
        assert np.all(fresh.argmax(axis=1) == winner)
        kept = perturbed[perturbed.argmax(axis=1) == winner]
        for k in range(3):
            assert stats.ks_2samp(fresh[:, k], kept[:, k]).pvalue > 1e-6


def test_relax_differentiates_the_fresh_noise_as_jax_does():
    with jax.enable_x64(True):
        noise = jnp.asarray(standard_gumbel((2, 3), rng=9))
        loss = in_library(jnp, WEIGHTS)
        control = lambda x: jnp.sum(jnp.sin(x) * jnp.arange(1.0, 4.0))  # noqa: E731
        own = Loss(
            jnp.vectorize(control, signature="(k)->()"),
            jnp.vectorize(jax.grad(control), signature="(k)->(k)"),
        )

        @jax.jit
        def both(logits):
            drawn = jax.nn.one_hot(jnp.argmax(logits + noise[0]), 3)

            def terms(x):
                fresh = estimators._given(jnp, x, drawn, noise[1])
                return control(x + noise[0]) - control(fresh), control(fresh)

            moved, value = jax.grad(terms, has_aux=True)(logits)
            expected = (loss.value(drawn) - value) * (drawn - jax.nn.softmax(logits)) + moved
            return expected, estimators.relax(loss, logits, noise, control=own)

        expected, found = map(np.asarray, both(jnp.asarray(LOGITS)))
        assert found == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("temperature", [0.05, 3.0])
def test_pathwise_and_straight_through_are_what_autodiff_gives(temperature):
    with jax.enable_x64(True):
        loss = in_library(jnp, WEIGHTS)
        noise = jnp.asarray(standard_gumbel((1, 3), rng=10))
        logits = jnp.asarray(LOGITS)

        def soft(x):
            return jax.nn.softmax((x + noise[0]) / temperature)

        def through(x):
            hard = jax.nn.one_hot(jnp.argmax(x + noise[0]), 3)
            return loss.value(hard + soft(x) - jax.lax.stop_gradient(soft(x)))

        for estimator, value in (
            (estimators.pathwise, lambda x: loss.value(soft(x))),
            (estimators.straight_through_gumbel, through),
        ):
            found = jax.jit(partial(estimator, loss, temperature=temperature))(logits, noise)
            expected = jax.jit(jax.grad(value))(logits)
            assert np.asarray(found) == pytest.approx(np.asarray(expected), abs=1e-9)


def test_gapped_keeps_its_gap_and_its_draw():
    """Its perturbed logits, read off a loss with the slope of one class."""
    logits, gap, t = np.array([2.0, 1.5, -1.0]), 0.8, 0.9
    for winner in range(3):
        moved = np.minimum(logits, 2.0 - gap)
        moved[winner] = 2.0
        b = special.softmax(moved / t)
        loss = Loss(lambda b: b[..., 1], lambda b: 0 * b + np.eye(3)[1])
        noise = 99 * np.eye(3)[[winner]]
        found = estimators.gapped(loss, logits, noise, temperature=t, gap=gap)
        assert found == pytest.approx(b * (np.eye(3)[1] - b[1]) / t)


def test_decoupled_is_straight_through_gumbel_at_forward_temperature_one():
    noise = standard_gumbel((4, 3), rng=11)
    found = estimators.decoupled(LOSS, LOGITS, noise, forward=1.0, backward=0.3)
    expected = estimators.straight_through_gumbel(LOSS, LOGITS, noise, temperature=0.3)
    assert found == pytest.approx(expected)
    # With another one it draws from softmax(l / forward).
    hot = estimators.decoupled(LOSS, LOGITS, noise, forward=3.0, backward=0.3)
    b = special.softmax((LOGITS + 3 * noise) / 0.3, axis=-1)
    slope = LOSS.gradient(np.eye(3)[(LOGITS + 3 * noise).argmax(axis=-1)])
    direct = b * (slope - (b * slope).sum(axis=-1, keepdims=True)) / 0.3
    assert hot == pytest.approx(direct.mean(axis=0))


@pytest.mark.parametrize("k", [2, 3, 4])
def test_unordered_set_agrees_with_lists_of_orders(k):
    logits = np.array([1.0, 0.2, -0.5, -2.0])
    p = special.softmax(logits)
    losses = np.array([1.0, -2.0, 0.5, 4.0])

    def chance(members, without=()):
        """P that these classes come first, in any order, where others do not take part."""
        total = 0.0
        for order in itertools.permutations(members):
            left, prob = 1 - sum(p[list(without)]), 1.0
            for i in order:
                prob *= p[i] / left
                left -= p[i]
            total += prob
        return total

    loss = Loss(lambda b: b @ losses, lambda b: 0 * b + losses)
    for members in itertools.combinations(range(4), k):
        noise = 50.0 * np.isin(np.arange(4), members) + np.arange(4) - logits
        expected = np.zeros(4)
        for s in members:
            rest = [i for i in members if i != s]
            baseline = p[s] * losses[s]
            for u in rest:
                inner = [i for i in rest if i != u]
                baseline += p[u] * losses[u] * chance(inner, (s, u)) / chance(rest, (s,))
            weight = p[s] * chance(rest, (s,)) / chance(members)
            expected += weight * (losses[s] - baseline) * (np.eye(4)[s] - p)
        found = estimators.unordered_set(loss, logits, noise[None], k=k)
        assert found == pytest.approx(expected)


def test_a_set_that_holds_nearly_all_probability_loses_no_digits():
    logits = np.array([0.0, -1.0, -60.0])
    loss = Loss(lambda b: b @ np.array([1.0, 3.0, 0.0]), lambda b: b)
    found = estimators.unordered_set(loss, logits, np.zeros((1, 3)), k=2)
    assert found == pytest.approx(exact_gradient(loss, logits), rel=1e-12, abs=1e-12)


BAD = [
    (partial(estimators.reinforce), np.zeros(3), "noise: expected shape"),
    (partial(estimators.leave_one_out), np.zeros((1, 3)), "noise: expected shape .* at least 2"),
    (
        partial(estimators.rao_blackwell, temperature=1.0),
        np.zeros((1, 3)),
        "noise: expected shape .* at least 2",
    ),
    (
        partial(estimators.rebar, temperature=1.0),
        np.zeros((3, 3)),
        "noise: expected shape .* with 2 along",
    ),
    (partial(estimators.relax, control=CONTROL), np.zeros((1, 3)), "noise: expected shape"),
    (partial(estimators.pathwise, temperature=0.0), np.zeros((1, 3)), "temperature: expected .* 0"),
    (
        partial(estimators.straight_through_gumbel, temperature=-1.0),
        np.zeros((1, 3)),
        "temperature: expected .* -1",
    ),
    (partial(estimators.rebar, temperature=0), np.zeros((2, 3)), "temperature: expected .* 0"),
    (partial(estimators.gapped, temperature=1.0, gap=0.0), np.zeros((1, 3)), "gap: expected"),
    (
        partial(estimators.decoupled, forward=0.0, backward=1.0),
        np.zeros((1, 3)),
        "forward: expected .* 0",
    ),
    (
        partial(estimators.decoupled, forward=1.0, backward=-2.0),
        np.zeros((1, 3)),
        "backward: expected .* -2",
    ),
    (partial(estimators.unordered_set, k=1), np.zeros((1, 3)), "k: expected at least 2, got 1"),
    (partial(estimators.unordered_set, k=4), np.zeros((1, 3)), "k: expected at most 3"),
    (partial(estimators.reinmax), np.full((1, 3), np.nan), "noise: expected finite numbers"),
    (partial(estimators.darn), np.zeros((1, 2)), "noise: expected a value|expected shapes"),
    (partial(estimators.arm), np.zeros(3), "noise: expected shape"),
    (partial(estimators.disarm), np.zeros((1, 2)), "noise: expected shape"),
    (partial(estimators.disarm), np.full((1, 3), np.inf), "noise: expected finite"),
]


@pytest.mark.parametrize(("estimator", "noise", "said"), BAD)
def test_what_does_not_fit_is_named(estimator, noise, said):
    with pytest.raises(ValueError, match=said):
        estimator(LOSS, LOGITS, noise)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"logits": np.zeros((2, 3))}, "^logits: expected"),
        ({"logits": [0.0, -np.inf]}, "^logits: expected"),
        ({"logits": np.zeros(4), "temperature": 1.0}, r"^logits: expected shape \(2,\) or \(3,\)"),
        ({"logits": np.zeros(3), "temperature": 0.0}, "^temperature: expected"),
        ({"logits": np.zeros(3), "temperature": 1.0, "rows": 3}, "^rows: expected 1 or 2"),
        ({"logits": np.zeros(3), "rows": 0}, "^rows: expected at least 1"),
    ],
)
def test_exact_moments_names_what_it_refuses(arguments, said):
    with pytest.raises(ValueError, match=said):
        exact_moments(lambda noise: noise[0], **arguments)


@pytest.mark.parametrize("gap", [1.0, 40.0, 800.0])
@pytest.mark.parametrize("k", [2, 3])
def test_an_unordered_set_of_unlikely_classes_has_the_same_gradient_at_any_gap(gap, k):
    # At a gap of 800 nats the unlikely classes' probabilities are 0 in floating point; what is
    # left among them is not.
    costs = np.array([1.0, 3.0, 0.0])
    loss = Loss(lambda b: b @ costs, lambda b: 0 * b + costs)
    logits = np.array([0.0, -gap, -gap])
    found = exact_moments(lambda noise: estimators.unordered_set(loss, logits, noise, k=k), logits)
    p = special.softmax(logits)
    assert found.mean == pytest.approx(p * (costs - p @ costs), abs=1e-12)


@pytest.mark.parametrize("estimate", [estimators.arm, estimators.disarm])
@pytest.mark.parametrize(
    ("name", "logits", "noise"),
    [
        ("noise", np.zeros(2), np.zeros((0, 2))),
        ("noise", np.zeros(2), np.zeros(2)),
        ("noise", np.zeros(2), np.zeros((1, 3))),
        ("logits", np.float64(0.0), np.zeros((1, 1))),
    ],
)
def test_bits_of_another_shape_are_refused_by_name(estimate, name, logits, noise):
    loss = Loss(lambda b: b.sum(axis=-1), lambda b: 0 * b + 1)
    with pytest.raises(ValueError, match=f"^{name}: expected .*, got shape"):
        estimate(loss, logits, noise)
