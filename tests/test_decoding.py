"""Masks by brute force, the exact laws by quadrature, and the arguments that are refused."""

import itertools
import math

import array_api_strict
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, special, stats

from gumbel_lib.coupling import maximal_coupling
from gumbel_lib.decoding import (
    expected_watermark_score,
    mask_min_p,
    mask_top_k,
    mask_top_p,
    penalize_repetition,
    speculative_step,
    truncated_race,
    watermark_noise,
)
from gumbel_lib.noise import keyed_gumbel, standard_gumbel
from gumbel_lib.trick import argmax_probabilities

# Few values, so that ties are common, and masked classes.
values = st.sampled_from([-np.inf, -700.0, -3.0, -1.0, 0.0, 0.25, 2.0, 800.0])
batches = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 6)), elements=values)
rows = batches.map(lambda x: np.where((x == -np.inf).all(axis=-1, keepdims=True), 0.0, x))
shares = st.sampled_from([1e-300, 0.05, 0.3, 0.5, 0.77, 0.999, 1.0])


def by_rank(row):
    """The classes from the likeliest, of equal ones the first first."""
    return sorted(range(row.size), key=lambda k: (-row[k], k))


def kept(row, classes):
    return np.where(np.isin(np.arange(row.size), classes), row, -np.inf)


@given(rows, st.integers(1, 8))
def test_top_k_by_sorting(logits, k):
    expected = np.stack([kept(row, by_rank(row)[:k]) for row in logits])
    assert np.array_equal(mask_top_k(logits, k), expected)


def nucleus(row, p):
    """The smallest set of probability at least p, of these the likeliest, by all subsets."""
    probs, order = special.softmax(row), by_rank(row)
    for size in range(1, row.size + 1):
        sets = list(itertools.combinations(order, size))  # the likeliest come first
        mass = [probs[list(group)].sum() for group in sets]
        if max(mass) >= p - 1e-12:
            close = abs(max(mass) - p) < 1e-12 * (p < 1)
            return kept(row, sets[int(np.argmax(mass))]), close
    raise AssertionError


@given(rows, shares)
def test_top_p_by_all_subsets(logits, p):
    masked = mask_top_p(logits, p)
    if p == 1:
        assert np.array_equal(masked, logits)
        return
    for row, got in zip(logits, masked, strict=True):
        expected, close = nucleus(row, p)
        if not close:  # else rounding decides
            # Sets of equal probability differ by classes too rare to count.
            assert special.softmax(got).tolist() == special.softmax(expected).tolist()
            assert np.isfinite(got).sum() == np.isfinite(expected).sum()
        assert np.isfinite(got).any()


@given(rows, shares)
def test_min_p_by_probabilities(logits, p):
    behind = logits - logits.max(axis=-1, keepdims=True)
    expected = np.where(behind >= np.log(p), logits, -np.inf)
    assert np.array_equal(mask_min_p(logits, p), expected)
    clear = np.abs(np.exp(behind) / p - 1) > 1e-9
    by_ratio = np.exp(behind) >= p
    assert np.array_equal(np.isfinite(expected)[clear], (by_ratio & np.isfinite(logits))[clear])


@given(rows, st.integers(0, 63), st.sampled_from([0.5, 1.0, 1.3]))
def test_penalty_by_a_loop(logits, bits, penalty):
    seen = (bits >> np.arange(logits.shape[-1])) & 1
    expected = logits.copy()
    for i, k in np.ndindex(logits.shape):
        if seen[k]:
            expected[i, k] *= 1 / penalty if logits[i, k] > 0 else penalty
    got = penalize_repetition(logits, seen.astype(bool), penalty)
    np.testing.assert_allclose(got, expected, rtol=1e-15)


MASKS = {
    "top_k": lambda x: mask_top_k(x, 2),
    "top_p": lambda x: mask_top_p(x, 0.7),
    "all": lambda x: mask_top_p(x, 1),
    "min_p": lambda x: mask_min_p(x, 0.3),
    "penalty": lambda x: penalize_repetition(x, [True, False, True, False], 1.5),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_of_other_libraries_and_types(name):
    mask, x = MASKS[name], np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    x[2, 1] = -np.inf
    expected = mask(x)
    assert expected.dtype == np.float32
    for made in (jnp.asarray(x), array_api_strict.asarray(x)):
        got = mask(made)
        assert type(got) is type(made)
        np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-6)
    half = mask(x.astype(np.float16))
    assert half.dtype == np.float16
    assert np.array_equal(np.isfinite(half), np.isfinite(expected))
    assert np.array_equal(mask(x[None])[0], expected)  # any batch shape
    assert np.array_equal(mask(x[2]), expected[2])
    assert mask(np.empty((0, 4))).shape == (0, 4)


def test_top_p_of_half_precision_is_summed_in_more():
    """131,072 equal classes: a running sum in float16 stops at 2048 of them."""
    logits = np.zeros(2**17, np.float16)
    assert np.isfinite(mask_top_p(logits, 0.5)).sum() == 2**16


def test_top_p_of_many_rare_classes_in_float32():
    """A sum up to the class is rounded to 6e-8, and here a class has 3e-7 or less."""
    logits = -np.log(np.arange(1, 2**18 + 1))
    for p in (1e-3, 0.1, 0.5, 0.9, 0.9999):
        wide = np.isfinite(mask_top_p(logits, p)).sum()
        narrow = np.isfinite(mask_top_p(logits.astype(np.float32), p)).sum()
        assert abs(int(wide) - int(narrow)) <= 30, p
    flat = np.zeros(2**18, np.float32)
    assert np.isfinite(mask_top_p(flat, 0.001)).sum() == math.ceil(0.001 * 2**18)


def test_top_p_of_the_widest_logits_is_silent_and_1_keeps_all():
    assert mask_top_p(np.array([-1e308, 1e308]), 0.5).tolist() == [-np.inf, 1e308]
    logits = np.array([0.0, -800.0, -np.inf])
    kept_all = mask_top_p(logits, 1)
    assert np.array_equal(kept_all, logits)
    assert not np.shares_memory(kept_all, logits)


def test_laws_of_a_masked_row_are_those_of_the_rest():
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    for mask in (lambda x: mask_top_k(x, 2), lambda x: mask_top_p(x, 0.6)):
        won = argmax_probabilities(mask(logits))
        np.testing.assert_allclose(won, [4 / 7, 3 / 7, 0, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: mask_top_k([0.0, 1.0], 0), ValueError, "k: expected at least 1, got 0"),
        (lambda: mask_top_k([0.0, 1.0], 1.5), TypeError, "k: expected an integer"),
        (lambda: mask_top_k([np.nan], 1), ValueError, "logits: .* got NaN"),
        (lambda: mask_top_p([0.0, 1.0], 0), ValueError, "p: expected a number above 0"),
        (lambda: mask_top_p([-np.inf, -np.inf], 1), ValueError, "a row of all -inf"),
        (lambda: mask_min_p([0.0, 1.0], 1.1), ValueError, "p: .* got 1.1"),
        (lambda: mask_min_p([0.0, 1.0], np.nan), ValueError, "p: .* got nan"),
        (lambda: mask_min_p([], 0.5), ValueError, "at least one class"),
        (lambda: penalize_repetition([0.0], [True], 0), ValueError, "penalty: .* > 0, got 0"),
        (lambda: penalize_repetition([0.0, 1.0], [True] * 3, 2), ValueError, "broadcast"),
        (lambda: watermark_noise(1, [0.5], 3), TypeError, "contexts: expected integers"),
        (lambda: watermark_noise(1, [-1], 3), ValueError, "contexts: .* got -1"),
        (
            lambda: penalize_repetition([1e308, 0], [True, True], 0.1),
            ValueError,
            "penalty: .* over",
        ),
        (lambda: penalize_repetition([-1e308], [True], 10), ValueError, "penalty: .* overflow"),
        (lambda: penalize_repetition([0.0, 1.0], [0, 1], 2), TypeError, "seen: expected bools"),
        (lambda: penalize_repetition([0, 1.0], jnp.arange(2), 2), TypeError, "seen: .* int"),
        (lambda: watermark_noise(-1, [1], 3), ValueError, "key: .* at least 0, got -1"),
        (lambda: watermark_noise(2**64, [1], 3), ValueError, "key: .* below 2\\*\\*64"),
        (lambda: watermark_noise(1.5, [1], 3), TypeError, "key: expected an integer"),
        (lambda: watermark_noise(1, [2**64], 3), TypeError, "contexts: .* fit 64 bits"),
        (lambda: watermark_noise(1, [[1], [1, 2]], 3), TypeError, "contexts: .* ragged list"),
        (lambda: watermark_noise(1, [1], 0), ValueError, "num_classes: .* at least 1"),
        (lambda: truncated_race([0.0, 1.0], np.nan), ValueError, "ceiling: .* got nan"),
        (lambda: truncated_race([0.0, 1.0], -701), ValueError, "ceiling: .* got -701"),
        (lambda: speculative_step([0.0, 1], [0.0], 0, 0.5, [0, 0]), ValueError, "draft_logits"),
        (lambda: speculative_step([0, np.nan], [0, 1], 0, 0.5, [0, 0]), ValueError, "target_"),
        (lambda: speculative_step([0, 1], [0, 1], 2, 0.5, [0, 0]), ValueError, "drafted"),
        (lambda: speculative_step([0, 1], [0, 1], 0.5, 0.5, [0, 0]), TypeError, "drafted"),
        (lambda: speculative_step([0, 1], [0, 1], [0, 1], [0.5] * 3, [0, 0]), ValueError, "broad"),
        (
            lambda: speculative_step([0, 1], [0, 1], [[0], [0, 1]], 0.5, [0, 0]),
            TypeError,
            "drafted",
        ),
        (
            lambda: speculative_step([0, 1], [0, 1], 0, np.nan, [0, 0]),
            ValueError,
            "uniform: .* nan",
        ),
        (lambda: speculative_step([0, 1], [0, 1], 0, -7, [0, 0]), ValueError, "uniform: .* -7"),
        (lambda: speculative_step([0, 1], [0, 1], 0, 7, [0, 0]), ValueError, "uniform: .* 7"),
        (lambda: speculative_step([0, 1], [0, 1], 0, 0.5, [0]), ValueError, "noise: expected 2"),
    ],
)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_watermark_noise_is_keyed_noise_of_any_shape():
    contexts = np.array([[5, 0], [2**40, 5]])
    noise = watermark_noise(9, contexts, 3)
    for index, context in np.ndenumerate(contexts):
        assert np.array_equal(noise[index], keyed_gumbel(9, int(context), 0, 3))
    assert watermark_noise(9, 5, 3).shape == (3,)
    assert np.array_equal(watermark_noise(9, [2**64 - 1], 3)[0], keyed_gumbel(9, 2**64 - 1, 0, 3))
    assert watermark_noise(9, np.zeros((0, 2), int), 3).shape == (0, 2, 3)


@pytest.mark.parametrize("p", [1.0, 0.5, 0.013, 1e-6])
def test_the_expected_score_is_an_integral(p):
    """The winner's score is -log(1 - u^p), with u uniform."""
    logits = np.log([p, 1 - p]) if p < 1 else np.array([3.0, -np.inf])

    def of_one(share):
        return integrate.quad(
            lambda e: -np.log(-np.expm1(-share * e)) * np.exp(-e),
            0,
            np.inf,
            epsabs=1e-12,
            limit=200,
        )[0]

    expected = sum(share * of_one(share) for share in special.softmax(logits) if share > 0)
    assert expected_watermark_score(logits) == pytest.approx(expected, abs=1e-9)


@given(rows)
def test_the_expected_score_lies_between_its_bounds(logits):
    entropy = special.entr(special.softmax(logits, axis=-1)).sum(axis=-1)
    mean = expected_watermark_score(logits)
    assert mean.shape == logits.shape[:-1]
    assert np.all(mean >= 1 + (np.pi**2 / 6 - 1) * entropy - 1e-12)
    assert np.all(mean <= 1 + entropy + 1e-12)


class Truncated(stats.rv_continuous):
    """The standard Gumbel given that it lies below a ceiling."""

    def __init__(self, ceiling):
        self.ceiling = ceiling
        super().__init__(b=ceiling)

    def _cdf(self, x):
        return np.exp(-np.exp(-x) + np.exp(-self.ceiling))

    def _pdf(self, x):
        return np.exp(-x - np.exp(-x) + np.exp(-self.ceiling))

    def _ppf(self, q):
        return -np.log(np.exp(-self.ceiling) - np.log(q))


@pytest.mark.parametrize("ceiling", [-2.0, 0.0, 3.0, 16.6])
def test_the_truncated_race_is_an_integral(ceiling):
    rng = np.random.default_rng(3)
    logits = np.stack([3 * rng.normal(size=5), np.zeros(5), [0.0, 0, -np.inf, -30, -1]])
    won = truncated_race(logits, ceiling)
    assert np.abs(won - argmax_probabilities(logits, Truncated(ceiling))).max() < 1e-9
    assert np.abs(won.sum(axis=-1) - 1).max() < 1e-12


def in_many_digits(logits, ceiling):
    """The stated sums with 700 digits, enough for e^690 less a neighbour."""
    with mpmath.workdps(700):
        order = np.argsort(-logits, kind="stable")
        x = [mpmath.mpf(float(value)) for value in logits[order]]
        c, sums, shares = mpmath.exp(-mpmath.mpf(ceiling)), [], []
        for m, value in enumerate(x, 1):
            sums.append(mpmath.exp(value) + (sums[-1] if sums else 0))
            end = mpmath.exp(c * (m - sums[-1] * mpmath.exp(-x[m]))) if m < len(x) else 0
            start = mpmath.exp(c * (m - sums[-1] * mpmath.exp(-value)))
            shares.append((start - end) / sums[-1])
        won = [mpmath.exp(value) * sum(shares[k:]) for k, value in enumerate(x)]
        result = np.empty(logits.size)
        result[order] = [float(chance) for chance in won]
        return result


@pytest.mark.parametrize("ceiling", [-690.0, -46.63, -25.0, -5.0, 0.0, 16.6, 300.0])
def test_the_truncated_race_of_near_equals_under_a_low_ceiling(ceiling):
    """Where more than one class can win: gaps as small as e^M, and equal classes."""
    rng = np.random.default_rng(7)
    near = np.exp(min(ceiling, 0.0))
    for size in (2, 3, 6):
        for spread in (0.1, 1.0, 4.0):
            logits = np.append(spread * near * rng.normal(size=size), [0.0, 0.0])
            expected = in_many_digits(logits, ceiling)
            assert np.sort(expected)[-2] > 0.01
            assert np.abs(truncated_race(logits, ceiling) - expected).max() < 1e-12


@pytest.mark.parametrize("ceiling", [-600.0, -30.0, 0.0, 16.6, 300.0, 800.0])
def test_the_truncated_race_in_many_digits(ceiling):
    rng = np.random.default_rng(6)
    for size, spread in ((1, 1.0), (3, 1e-8), (5, 1.0), (8, 100.0)):
        logits = spread * rng.normal(size=size)
        assert np.abs(truncated_race(logits, ceiling) - in_many_digits(logits, ceiling)).max() < (
            1e-12
        )


@given(rows, st.sampled_from([-690.0, -30.0, -1.0, 0.0, 5.0, 40.0, 900.0, np.inf]))
def test_the_truncated_race_is_a_law_and_cools(logits, ceiling):
    won, probs = truncated_race(logits, ceiling), special.softmax(logits, axis=-1)
    assert np.all(won >= 0)
    assert np.abs(won.sum(axis=-1) - 1).max() < 1e-12
    assert np.all(special.entr(won).sum(axis=-1) <= special.entr(probs).sum(axis=-1) + 1e-9)
    if ceiling == np.inf:
        assert np.array_equal(won, probs)
    for first, second in itertools.combinations(range(logits.shape[-1]), 2):
        equal = logits[:, first] == logits[:, second]
        assert np.allclose(won[equal, first], won[equal, second], rtol=1e-12)


def test_a_speculative_step_has_the_targets_law_and_the_largest_agreement():
    """50,000 drafts; z = 5 for each class and for the acceptance, false alarm 2e-6 together."""
    rng, n = np.random.default_rng(5), 50_000
    target = np.log([0.1, 0.2, 0.3, 0.4])
    draft = np.array([1.0, 0.3, -np.inf, 0.2])
    drafted = rng.choice(4, size=n, p=special.softmax(draft))
    symbols, accepted = speculative_step(
        target, draft, drafted, rng.random(n), standard_gumbel((n, 4), rng=rng)
    )
    joint = maximal_coupling(draft, target)
    number = 4 * drafted + symbols
    for cell, p in enumerate(joint.ravel()):
        share = np.mean(number == cell)
        assert abs(share - p) <= 5 * np.sqrt(p * (1 - p) / n)
    assert np.array_equal(accepted, symbols == drafted)


def test_a_speculative_step_of_equal_laws_accepts_and_broadcasts():
    logits = np.log([0.3, 0.7])
    symbols, accepted = speculative_step(logits, logits, [[0], [1]], [0.0, 0.999], np.zeros(2))
    assert symbols.tolist() == [[0, 0], [1, 1]]
    assert accepted.all()
    target, draft = np.log([[0.9, 0.1], [0.2, 0.8]]), np.log([0.5, 0.5])
    drafted = np.array([[0, 1], [1, 0]])
    symbols, accepted = speculative_step(target, draft, drafted, 0.5, np.zeros(2))
    assert symbols.tolist() == [[0, 1], [0, 1]]
    assert accepted.tolist() == [[True, True], [False, False]]
    target = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    symbols, accepted = speculative_step(target, logits, [0, 0], 0.5, np.zeros((3, 2, 2)))
    assert symbols.shape == accepted.shape == (3, 2)
    assert symbols.tolist() == [[0, 1]] * 3
    symbols, accepted = speculative_step(logits, logits, 0, 0.5, np.zeros((5, 2)))
    assert symbols.shape == accepted.shape == (5,)  # the noise alone has a batch
