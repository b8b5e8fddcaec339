"""Streams: exact for every order, mergeable, resumable, sparing of variates."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from gumbel_lib import standard_gumbel
from gumbel_lib.claims.scale import order_probabilities
from gumbel_lib.sampling import GumbelReservoir, top_k

LOGITS = np.array([1.0, -0.5, 0.2, -2.0, 0.7])


def fed(chunks, k, seed, noise=None):
    reservoir = GumbelReservoir(k, rng=seed)
    place = 0
    for chunk in chunks:
        given_noise = None if noise is None else noise[place : place + len(chunk)]
        reservoir.feed(chunk, given_noise)
        place += len(chunk)
    return reservoir


@pytest.mark.parametrize("cuts", [[], [2], [1, 1, 4]])
@pytest.mark.parametrize("merged", [False, True])
def test_ordered_draws_agree_with_brute_force(cuts, merged):
    exact = order_probabilities(LOGITS, 2)
    number = {order: i for i, order in enumerate(exact)}
    counts = np.zeros(len(exact))
    rng = np.random.default_rng(1)
    for _ in range(4000):
        chunks = np.split(LOGITS, cuts)
        if merged:
            reservoir = GumbelReservoir(2, rng=rng)
            for chunk in chunks:
                reservoir.merge(fed([chunk], 2, rng))
        else:
            reservoir = fed(chunks, 2, rng)
        counts[number[tuple(reservoir.draw().tolist())]] += 1
    assert stats.chisquare(counts, 4000 * np.array(list(exact.values()))).pvalue > 1e-6


@pytest.mark.parametrize("slope", [-6.0, 0.0, 6.0])
def test_long_streams_draw_from_softmax(slope):
    # Rising, level and falling weights, in chunks of odd sizes; 20 groups of neighbours.
    logits = np.linspace(0, slope, 40_000).astype(np.float32)
    logits[7::10] = -np.inf
    probs = special.softmax(logits.astype(np.float64))
    rng = np.random.default_rng(2)
    drawn = np.array([fed(np.split(logits, [100, 9_001]), 1, rng).draw()[0] for _ in range(2000)])
    assert not (drawn % 10 == 7).any()
    expected = probs.reshape(20, -1).sum(axis=1) * 2000
    seen = np.bincount(drawn // 2000, minlength=20)
    rare = expected < 5
    seen = np.append(seen[~rare], seen[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    assert stats.chisquare(seen[expected > 0], expected[expected > 0]).pvalue > 1e-6


def test_heavy_items_do_not_swallow_light_ones():
    # A class e^60 times heavier comes first; k = 2 must still choose fairly among the rest.
    logits = np.append(60.0, np.zeros(50))
    rng = np.random.default_rng(3)
    second = np.array([fed([logits], 2, rng).draw()[1] for _ in range(4000)])
    assert stats.chisquare(np.bincount(second, minlength=51)[1:]).pvalue > 1e-6


streams = arrays(
    np.float64,
    st.integers(0, 12),
    elements=st.one_of(st.floats(-40, 40), st.just(-np.inf)),
)


@given(streams, streams, streams, st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_merging_is_associative_and_equals_feeding(a, b, c, k, seed):
    noise = standard_gumbel(a.size + b.size + c.size, rng=seed)
    parts = np.split(noise, [a.size, a.size + b.size])

    def shards():
        return [fed([logits], k, 0, own) for logits, own in zip((a, b, c), parts, strict=True)]

    one, two, three = shards()
    one.merge(two)
    one.merge(three)
    first, second, third = shards()
    second.merge(third)
    first.merge(second)
    together = fed([a, b, c], k, 0, noise)
    assert one.state == first.state == together.state
    logits = np.concatenate([a, b, c])
    if np.isfinite(logits).sum() >= k:
        assert np.array_equal(together.draw(), top_k(logits, noise, k))


@given(streams, streams, st.integers(1, 3))
def test_a_state_goes_through_json_and_resumes(a, b, k):
    rng = np.random.default_rng(0)
    straight = fed([a, b], k, rng)
    rng = np.random.default_rng(0)
    stopped = fed([a], k, rng)
    resumed = GumbelReservoir.from_state(json.loads(json.dumps(stopped.state)), rng=rng)
    resumed.feed(b)
    assert resumed.state == straight.state


def test_variates_grow_with_the_logarithm():
    # k log(n/k) + k enter on average, with standard deviation below its root, at two each.
    for n in (10_000, 1_000_000):
        runs = 20
        spent = [fed([np.zeros(n)], 10, seed).variates for seed in range(runs)]
        enter = 10 * (np.log(n / 10) + 1)
        assert abs(np.mean(spent) / 2 - enter) < 5 * np.sqrt(enter / runs) + 1


def test_bad_input_is_named():
    reservoir = GumbelReservoir(2, rng=0)
    reservoir.feed([0.0, -np.inf])
    with pytest.raises(ValueError, match="^logits: expected at least 2 finite ones fed, got 1"):
        reservoir.draw()
    before = reservoir.state
    for named, call in (
        ("logits", lambda: reservoir.feed([0.0, np.nan])),
        ("logits", lambda: reservoir.feed([0.0, np.inf])),
        ("logits", lambda: reservoir.feed([[0.0]])),
        ("noise", lambda: reservoir.feed([0.0], [np.inf])),
        ("noise", lambda: reservoir.feed([0.0], [1.0, 2.0])),
        ("other", lambda: reservoir.merge(GumbelReservoir(3, rng=0))),
        ("other", lambda: reservoir.merge({})),
        ("other", lambda: reservoir.merge(reservoir)),
        ("state", lambda: GumbelReservoir.from_state({"k": 2}, rng=0)),
        ("state", lambda: GumbelReservoir.from_state({**before, "keys": []}, rng=0)),
        ("k", lambda: GumbelReservoir(0, rng=0)),
        ("rng", lambda: GumbelReservoir(rng="seed")),
    ):
        with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
            call()
    assert reservoir.state == before
