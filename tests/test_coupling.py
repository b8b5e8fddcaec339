"""Posterior noise: its density, its order in every type. Couplings: against the integral."""

from itertools import pairwise

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, special, stats

from gumbel_lib import gumbel_max, standard_gumbel
from gumbel_lib.coupling import (
    Agreement,
    agreement,
    coupling_probabilities,
    inverse_cdf_coupling,
    maximal_coupling,
    posterior_gumbel,
)
from gumbel_lib.sampling import gumbel_top_k, order_probabilities

NEVER = -np.inf


def log_density(noise):
    return -(noise + np.exp(-noise)).sum(axis=-1)


@pytest.mark.parametrize("count", [None, 1, 2, 3])
@pytest.mark.parametrize("logits", [[0.0, 0.0, 0.0], [0.3, -2.0, 1.1, -0.4], [800.3, 797.0, 801.0]])
def test_density_is_that_of_noise_given_the_winners(logits, count):
    # The map from g to g' has the density phi(g) / |det|, which must be phi(g') / P(winners).
    logits, k = np.array(logits), count or 1
    orders, probs = zip(*order_probabilities(logits, k).items(), strict=True)
    chosen = np.array(orders) if count else np.array(orders)[:, 0]
    noise = standard_gumbel((5, len(orders), logits.size), rng=3)

    made = posterior_gumbel(logits, chosen, noise, k=count)
    # Central differences, off by a thousandth of step^2 here.
    step = 1e-4 * np.eye(logits.size).reshape(-1, 1, 1, logits.size)
    up, down = (posterior_gumbel(logits, chosen, noise + s, k=count) for s in (step, -step))
    jacobian = np.moveaxis((up - down) / 2e-4, 0, -1)
    given_winners = log_density(made) - np.log(probs)
    mapped = log_density(noise) - np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(mapped, given_winners, rtol=0, atol=1e-6)


def test_law_is_that_of_noise_kept_for_what_it_chose():
    # Kolmogorov-Smirnov at 1e-6 a class, over the sums and over the differences to the winner's.
    logits, chosen = np.array([0.5, 0.0, -1.0, NEVER]), 2
    noise = standard_gumbel((400_000, 4), rng=0)
    kept = noise[gumbel_max(logits, noise) == chosen]
    made = posterior_gumbel(logits, chosen, standard_gumbel(kept.shape, rng=1))
    for j in range(4):
        assert stats.ks_2samp(made[:, j], kept[:, j]).pvalue > 1e-6
        gaps = made[:, j] - made[:, chosen], kept[:, j] - kept[:, chosen]
        assert stats.ks_2samp(*gaps).pvalue > 1e-6 or j == chosen


@st.composite
def choices(draw):
    """Logits of many sizes, winners in order, and noise, in one of the types."""
    dtype, reach = draw(st.sampled_from([(np.float64, 1e12), (np.float32, 1e6), (np.float16, 1e3)]))
    num_classes = draw(st.integers(1, 6))
    size = draw(st.sampled_from([0.0, 1.0, 30.0, reach]))
    shift = draw(st.sampled_from([0.0, -1.0, 1.0])) * reach
    unit = draw(arrays(np.float64, num_classes, elements=st.floats(-1, 1)))
    logits = (unit * size + shift).astype(dtype)
    order = draw(st.permutations(range(num_classes)))[: draw(st.integers(1, num_classes))]
    for j in range(num_classes):
        if j not in order and draw(st.booleans()):
            logits[j] = NEVER
    elements = st.floats(-6.5, 100)
    return (
        logits,
        order,
        draw(arrays(np.float64, (3, num_classes), elements=elements)).astype(dtype),
    )


@given(choices())
def test_posterior_noise_chooses_its_winners_in_every_type(case):
    logits, order, noise = case
    one = posterior_gumbel(logits, order[0], noise)
    assert one.dtype == logits.dtype
    assert np.all(gumbel_max(logits, one) == order[0])
    several = posterior_gumbel(logits, order, noise, k=len(order))
    assert several.dtype == logits.dtype
    assert np.all(gumbel_top_k(logits, several, len(order)) == order)
    assert np.array_equal(several[:, np.isinf(logits)], noise[:, np.isinf(logits)])


def test_batches_axes_and_leading_noise():
    rng = np.random.default_rng(4)
    logits, noise = rng.normal(size=(4, 5)), standard_gumbel((3, 4, 5), rng=5)
    logits[1, 2] = NEVER
    order = gumbel_top_k(logits, standard_gumbel((4, 5), rng=6), 2)
    made = posterior_gumbel(logits, order, noise, k=2)
    one = posterior_gumbel(logits, order[:, 0], noise)
    for i in range(4):
        for n in range(3):
            row = posterior_gumbel(logits[i], order[i].tolist(), noise[n, i], k=2)
            np.testing.assert_allclose(made[n, i], row, rtol=1e-14)
            row = posterior_gumbel(logits[i], int(order[i, 0]), noise[n, i])
            np.testing.assert_allclose(one[n, i], row, rtol=1e-14)
    first = posterior_gumbel(logits.T, order.T, np.moveaxis(noise, 2, 1), k=2, axis=0)
    np.testing.assert_allclose(np.moveaxis(first, 1, 2), made, rtol=1e-14)
    # One model and noise of one draw, many choices; no draws; one class.
    spread = posterior_gumbel(logits[0], np.arange(5), noise[0, 0])
    assert np.array_equal(gumbel_max(logits[0], spread), np.arange(5))
    assert posterior_gumbel(logits[0], np.zeros(0, int), noise[0, 0]).shape == (0, 5)
    np.testing.assert_allclose(posterior_gumbel([7.0], 0, [0.25]), [0.25], rtol=1e-15)


def test_far_classes_keep_their_noise_and_a_constant_changes_nothing():
    noise = standard_gumbel(3, rng=7)
    far = posterior_gumbel(np.array([0.0, -1e6, -1e300]), 0, noise)
    np.testing.assert_allclose(far, noise, rtol=1e-15)
    logits = np.array([0.5, -1.0, 0.25])
    moved = posterior_gumbel(logits + 2.0**20, 1, noise)
    np.testing.assert_allclose(moved, posterior_gumbel(logits, 1, noise), atol=1e-8)


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("chosen: expected integers, got dtype float64", {"chosen": 1.0}),
        ("chosen: expected integers, got dtype bool", {"chosen": True}),
        ("chosen: expected integers, got a ragged list", {"chosen": [[0], [1, 2]]}),
        ("chosen: expected classes from 0 to 2, got another", {"chosen": 3}),
        ("chosen: expected classes from 0 to 2, got another", {"chosen": -1}),
        ("chosen: expected classes that can be drawn, got one of logit -inf", {"chosen": [0, 2]}),
        ("chosen: expected different classes", {"chosen": [1, 1], "k": 2}),
        ("chosen: expected 2 classes along axis -1, got shape ()", {"k": 2}),
        (
            "chosen: expected 2 classes along axis -1, got shape \\(3,\\)",
            {"chosen": [0] * 3, "k": 2},
        ),
        ("k: expected at least 1, got 0", {"chosen": np.zeros((1, 0), int), "k": 0}),
        ("expected shapes that broadcast", {"chosen": [0, 1], "noise": np.zeros((3, 3))}),
        (
            "chosen: expected classes whose noise fits",
            {"logits": [1e308, -1e308, 0.0], "chosen": 1},
        ),
        ("noise: expected a value for each of the 3 classes", {"noise": [0.0]}),
        ("noise: expected finite numbers", {"noise": [0.0, np.nan, 0.0]}),
        ("logits: expected finite numbers or -inf, got NaN", {"logits": [0.0, np.nan, 0.0]}),
        ("expected arrays of one library", {"chosen": jnp.asarray(0)}),
    ],
)
def test_posterior_noise_names_what_is_wrong(message, arguments):
    good = {"logits": [0.0, 1.0, NEVER], "chosen": 0, "noise": np.zeros(3)}
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        posterior_gumbel(**{**good, **arguments})


def by_quadrature(p, q, i, j):
    """The probability from the race itself: the two winning times, every other one later."""

    def density(y, x):  # i arrives at x in the first race, j at y in the second
        rest = sum(max(p[k] * x, q[k] * y) for k in range(len(p)) if k not in (i, j))
        return p[i] * q[j] * np.exp(-p[i] * x - q[j] * y - rest)

    low, high = p[j] / q[j], p[i] / q[i]
    if low >= high:
        return 0.0
    inner = {"epsabs": 1e-11, "epsrel": 1e-11}
    return integrate.dblquad(
        density, 0, 80 / min(p), lambda x: low * x, lambda x: high * x, **inner
    )[0]


def test_joint_law_is_that_of_two_races():
    p, q = np.array([0.5, 0.2, 0.3]), np.array([0.25, 0.45, 0.3])
    joint = coupling_probabilities(np.log(p), np.log(q))
    off = [(i, j) for i in range(3) for j in range(3) if i != j]
    assert all(abs(joint[i, j] - by_quadrature(p, q, i, j)) < 1e-7 for i, j in off)
    # On the diagonal one noise decides both, so it is counted: z = 5 in each of nine entries.
    noise = standard_gumbel((200_000, 3), rng=8)
    pair = 3 * gumbel_max(np.log(p), noise) + gumbel_max(np.log(q), noise)
    seen = np.bincount(pair, minlength=9).reshape(3, 3) / len(noise)
    assert np.all(np.abs(seen - joint) <= 5 * np.sqrt(joint * (1 - joint) / len(noise)))


def by_many_digits(logits_p, logits_q):
    """The integral over r = y / x between the ratios, with 60 digits."""
    with mpmath.workdps(60):
        p, q = ([mpmath.exp(mpmath.mpf(float(x))) for x in ls] for ls in (logits_p, logits_q))
        p, q = ([x / sum(xs) for x in xs] for xs in (p, q))
        ratio = [pk / qk if qk else mpmath.inf for pk, qk in zip(p, q, strict=True)]
        joint = np.zeros((len(p), len(p)))
        for i in range(len(p)):
            if p[i] and q[i]:
                pairs = list(zip(p, q, strict=True))
                joint[i, i] = float(1 / sum(max(pk / p[i], qk / q[i]) for pk, qk in pairs))
            for j in range(len(p)):
                if p[i] and q[j] and ratio[i] > ratio[j]:
                    inside = {r for r in ratio if ratio[j] < r < ratio[i]}
                    ends = sorted({ratio[j], *inside, ratio[i]})
                    total = mpmath.mpf(0)
                    for low, high in pairwise(ends):
                        # 1 / (a + b r)^2, with a and b of the piece
                        a = sum(pk for pk, r in zip(p, ratio, strict=True) if r >= high)
                        b = sum(
                            qk for qk, r in zip(q, ratio, strict=True) if r <= low and (qk or r)
                        )
                        if high == mpmath.inf:
                            total += 1 / (b * (a + b * low)) if b else 0
                        else:
                            total += (high - low) / ((a + b * low) * (a + b * high))
                    joint[i, j] = float(p[i] * q[j] * total)
        return joint


KINDS = {
    "usual": ([0.3, -1.0, 0.2, 1.7], [1.0, 0.4, -0.3, 0.0]),
    "large": ([900.0, 899.0, -700.0], [-1e4, -1e4 + 2, -1e4 + 1]),
    "far apart": ([0.0, -700.0, -50.0], [-700.0, 0.0, -40.0]),
    "masked in both": ([0.0, NEVER, 1.0], [0.5, NEVER, 0.0]),
    "masked in one": ([0.0, NEVER, 1.0, 0.3], [0.5, 0.2, NEVER, 0.4]),
    "disjoint": ([0.0, 1.0, NEVER, NEVER], [NEVER, NEVER, 0.0, 2.0]),
    "equal": ([0.1, 0.7, -0.4], [0.1, 0.7, -0.4]),
    "ties": ([0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]),
    "one class": ([3.0], [-2.0]),
    "underflow": ([0.0, -800.0, -800.0], [0.0, -800.0, 0.0]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_joint_law_of_every_kind_to_the_last_digits(kind):
    a, b = (np.array(logits) for logits in KINDS[kind])
    joint = coupling_probabilities(a, b)
    np.testing.assert_allclose(joint, by_many_digits(a, b), rtol=0, atol=1e-14)
    np.testing.assert_allclose(coupling_probabilities(b, a), joint.T, rtol=0, atol=1e-15)
    both = agreement(a, b)
    p, q = special.softmax(a), special.softmax(b)
    assert np.all(np.isfinite(both))
    assert both.gumbel == pytest.approx(np.trace(joint), abs=1e-14)
    assert both.maximal == pytest.approx(np.trace(maximal_coupling(a, b)), abs=1e-14)
    assert both.inverse_cdf == pytest.approx(np.trace(inverse_cdf_coupling(a, b)), abs=1e-14)
    assert both.independent == pytest.approx(p @ q, abs=1e-14)
    for law in (coupling_probabilities, maximal_coupling, inverse_cdf_coupling):
        made = law(a, b)
        assert made.min() >= 0
        np.testing.assert_allclose(made.sum(axis=1), p, rtol=0, atol=1e-14)
        np.testing.assert_allclose(made.sum(axis=0), q, rtol=0, atol=1e-14)


logits_pairs = st.integers(1, 8).flatmap(
    lambda size: arrays(
        np.float64,
        (2, size),
        elements=st.one_of(st.floats(-5, 5), st.floats(-1e4, 1e4), st.just(NEVER)),
    ).filter(lambda pair: np.isfinite(pair).any(axis=1).all())
)


@given(logits_pairs)
def test_stability_marginals_and_bounds_of_any_pair(pair):
    a, b = pair
    joint, p, q = coupling_probabilities(a, b), special.softmax(a), special.softmax(b)
    np.testing.assert_allclose(joint.sum(axis=1), p, rtol=0, atol=1e-14)
    np.testing.assert_allclose(joint.sum(axis=0), q, rtol=0, atol=1e-14)
    assert joint.min() >= 0
    # i gives way to j only if q_i / p_i < q_j / p_j; ratios that close are left to the last bit.
    with np.errstate(invalid="ignore"):
        grown = np.nan_to_num(b - a, nan=0.0, posinf=1e9, neginf=-1e9)
    stable = (grown[:, None] > grown) & ~np.eye(a.size, dtype=bool)
    assert np.all(joint[stable] == 0)
    both = agreement(a, b)
    slack = 1e-14
    assert both.bound <= both.gumbel + slack
    assert both.gumbel <= both.maximal + slack
    assert max(both.inverse_cdf, both.independent) <= both.maximal + slack
    assert both.maximal == pytest.approx(1 - np.abs(p - q).sum() / 2, abs=1e-14)


def test_bound_in_20_000_pairs_and_where_it_is_reached():
    rng = np.random.default_rng(9)
    a, b = rng.normal(size=(2, 20_000, 5)) * rng.exponential(2, size=(2, 20_000, 1))
    both = agreement(a, b)
    assert np.all(both.bound <= both.gumbel + 1e-14)
    assert np.all(both.gumbel <= both.maximal + 1e-14)
    two = agreement(a[:, :2], b[:, :2])  # of two classes, the most there is
    np.testing.assert_allclose(two.gumbel, two.maximal, rtol=0, atol=1e-14)
    with np.errstate(divide="ignore"):
        reached = agreement(np.log([0.4, 0.25, 0.35, 0]), np.log([0.4, 0.25, 0, 0.35]))
    assert reached.gumbel == pytest.approx(reached.bound, abs=1e-15)
    assert reached.bound == pytest.approx(0.65 / 1.35, abs=1e-15)
    assert reached.maximal == pytest.approx(0.65, abs=1e-15)


def test_a_batch_is_its_rows_and_leading_axes_broadcast():
    rng = np.random.default_rng(10)
    a, b = rng.normal(size=(3, 1, 4)), rng.normal(size=(2, 4)).astype(np.float32)
    b[0, 1] = NEVER
    for law in (coupling_probabilities, maximal_coupling, inverse_cdf_coupling):
        joint = law(a, b)
        assert joint.shape == (3, 2, 4, 4)
        for n in range(3):
            for m in range(2):
                assert np.array_equal(joint[n, m], law(a[n, 0], b[m]))
        assert law(a[:0], b).shape == (0, 2, 4, 4)
    both = agreement(a, b)
    assert isinstance(both, Agreement)
    assert [value.shape for value in both] == [(3, 2)] * 5
    for name, value in agreement(a[1, 0], b[1])._asdict().items():
        assert value == pytest.approx(getattr(both, name)[1, 1], abs=1e-15)


def test_agreement_of_50_000_classes_keeps_its_digits():
    # Pairs of logits repeat, so the exact value is that of 5 classes with 10,000 times the weight.
    rng = np.random.default_rng(11)
    a, b = rng.normal(size=(2, 5)) * 3
    both = agreement(np.tile(a, 10_000), np.tile(b, 10_000))
    p, q = special.softmax(a), special.softmax(b)
    totals = np.maximum(p[None] / p[:, None], q[None] / q[:, None]).sum(axis=1)
    assert both.gumbel == pytest.approx((1 / totals).sum(), abs=1e-12)
    assert both.maximal == pytest.approx(np.minimum(p, q).sum(), abs=1e-12)
    assert both.independent == pytest.approx(p @ q / 10_000, abs=1e-15)


@pytest.mark.parametrize(
    "law", [coupling_probabilities, maximal_coupling, inverse_cdf_coupling, agreement]
)
@pytest.mark.parametrize(
    ("message", "p", "q"),
    [
        ("logits_p: expected finite numbers or -inf, got NaN", [0.0, np.nan], [0.0, 0.0]),
        ("logits_q: expected finite numbers or -inf, got \\+inf", [0.0, 0.0], [0.0, np.inf]),
        ("logits_q: expected a finite logit in every row", [0.0, 0.0], [NEVER, NEVER]),
        ("logits_q: expected the 2 classes of logits_p, got 1", [0.0, 0.0], [0.0]),
        ("logits_p: expected at least one dimension, got a scalar", 0.0, [0.0]),
        ("logits_q: expected at least one class along axis -1", [0.0], []),
        ("logits_p: expected real numbers", ["a"], [0.0]),
        ("expected shapes that broadcast, got logits_p", np.zeros((2, 3)), np.zeros((4, 3))),
    ],
)
def test_couplings_name_what_is_wrong(law, message, p, q):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        law(p, q)


def test_a_draw_never_changes_to_a_class_of_smaller_ratio():
    """Exactly 0 for ratios that differ; some 1e-16 for equal ones, whose logits round."""
    rng = np.random.default_rng(31)
    p_logits = rng.normal(size=(2000, 6))
    change = rng.choice(rng.normal(size=3), size=(2000, 6))
    joint = coupling_probabilities(p_logits, p_logits + change)
    assert np.all(joint[change[:, :, None] > change[:, None, :]] == 0)
    equal = (change[:, :, None] == change[:, None, :]) & ~np.eye(6, dtype=bool)
    assert np.all(joint[equal] < 1e-15)
    assert np.any(joint[change[:, :, None] < change[:, None, :]] > 0.01)
