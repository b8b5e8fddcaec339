"""Draws without replacement: every order against brute force, log-probabilities, refusals."""

import array_api_strict
import numpy as np
import pytest
from scipy import stats

from gumbel_lib import standard_gumbel
from gumbel_lib.claims.scale import order_probabilities
from gumbel_lib.sampling import sample_without_replacement, top_k

LOGITS = np.array([1.0, -0.5, 0.2, -2.0, 0.7])


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_every_order_comes_as_often_as_brute_force_says(k):
    exact = order_probabilities(LOGITS, k)
    assert sum(exact.values()) == pytest.approx(1, abs=1e-12)
    number = {order: i for i, order in enumerate(exact)}
    total = 100_000
    indices, log_probs = sample_without_replacement(np.tile(LOGITS, (total, 1)), k, rng=1)
    drawn = np.array([number[tuple(order)] for order in indices.tolist()])
    probs = np.array(list(exact.values()))
    assert np.allclose(log_probs, np.log(probs[drawn]), rtol=0, atol=1e-12)
    counts = np.bincount(drawn, minlength=len(exact))
    assert stats.chisquare(counts, total * probs).pvalue > 1e-6


def test_top_k_agrees_with_brute_force_and_with_the_sampler():
    noise = standard_gumbel((100_000, 5), rng=2)
    drawn = top_k(LOGITS, noise, 2)
    exact = order_probabilities(LOGITS, 2)
    counts = np.zeros((5, 5))
    np.add.at(counts, tuple(drawn.T), 1)
    seen = np.array([counts[order] for order in exact])
    assert stats.chisquare(seen, 100_000 * np.array(list(exact.values()))).pvalue > 1e-6
    perturbed = LOGITS + standard_gumbel((1, 5), rng=3)
    indices, _ = sample_without_replacement(LOGITS[None], 5, rng=3)
    assert np.array_equal(indices, np.argsort(-perturbed))


def test_top_k_takes_other_arrays_and_axes():
    rng = np.random.default_rng(0)
    logits, noise = rng.normal(size=(4, 6)), standard_gumbel((3, 4, 6), rng=1)
    expected = top_k(logits, noise, 3)
    strict = top_k(array_api_strict.asarray(logits), array_api_strict.asarray(noise), 3)
    assert np.array_equal(np.asarray(strict), expected)
    first = top_k(logits.T, np.swapaxes(noise, 1, 2), 3, axis=0)
    assert np.array_equal(np.swapaxes(first, 1, 2), expected)


@pytest.mark.filterwarnings("error")
def test_masked_classes_stay_out_and_far_apart_logits_keep_their_digits():
    logits = np.array([0.0, -np.inf, 1.0, -np.inf])
    indices, log_probs = sample_without_replacement(np.tile(logits, (1000, 1)), 2, rng=0)
    assert set(indices.ravel().tolist()) == {0, 2}
    assert np.isfinite(log_probs).all()
    # log(1 / (1 + e^-40)) is -4.2e-18, and twice that for two such steps.
    _, log_prob = sample_without_replacement([80.0, 40.0, 0.0], 2, rng=0)
    assert log_prob == pytest.approx(-2 * np.exp(-40.0), rel=1e-12)
    _, log_prob = sample_without_replacement([1.7e308, 0.0, -1.7e308], 3, rng=0)
    assert log_prob == 0


@pytest.mark.parametrize("k", [0, 3, 5, 1.5, True])
def test_bad_k_is_named(k):
    logits = np.array([[0.0, 1.0, -np.inf], [0.0, 1.0, 2.0]])
    for draw in (
        lambda: sample_without_replacement(logits, k, rng=0),
        lambda: top_k(logits, standard_gumbel((2, 3), rng=0), k),
    ):
        with pytest.raises((TypeError, ValueError), match="^k: expected .*, got "):
            draw()
