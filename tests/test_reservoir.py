"""Streams: exact for every order, mergeable, resumable, sparing of variates."""

import copy
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from gumbel_lib import standard_gumbel
from gumbel_lib.sampling import GumbelReservoir, gumbel_top_k, order_probabilities, reservoir

LOGITS = np.array([1.0, -0.5, 0.2, -2.0, 0.7])


def fed(chunks, k, seed, noise=None):
    reservoir = GumbelReservoir(k, rng=seed)
    place = 0
    for chunk in chunks:
        given_noise = None if noise is None else noise[place : place + len(chunk)]
        reservoir.feed(chunk, given_noise)
        place += len(chunk)
    return reservoir


# How the classes after the first k come in: what is patched for it, and where the stream is cut.
WAYS = {
    "as the library chooses": (None, 16, []),
    "in chunks": (None, 16, [2]),
    "in chunks, one empty": (None, 16, [1, 1, 4]),
    "one at a time": (None, 16, [1, 2, 3, 4]),
    "by jumps": (False, 16, []),
    "by jumps, three at a threshold": (False, 1, []),
    "one at a time, three at a threshold": (False, 1, [1, 2, 3, 4]),
    "by noise": (True, 16, []),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("merged", [False, True])
def test_ordered_draws_agree_with_brute_force(way, merged, monkeypatch):
    # Errors of 10 % in the 20 orders add 3 standard deviations to the statistic, of 20 % 13.
    dense, slack, cuts = WAYS[way]
    if merged and not cuts:
        cuts = [3]
    monkeypatch.setattr(reservoir, "_SLACK", slack)
    if dense is not None:
        monkeypatch.setattr(GumbelReservoir, "_is_dense", lambda *_: dense)
    exact = order_probabilities(LOGITS, 2)
    number = {order: i for i, order in enumerate(exact)}
    counts = np.zeros(len(exact))
    rng = np.random.default_rng(1)
    for _ in range(2000):
        chunks = np.split(LOGITS, cuts)
        if merged:
            whole = GumbelReservoir(2, rng=rng)
            for chunk in chunks:
                whole.merge(fed([chunk], 2, rng))
        else:
            whole = fed(chunks, 2, rng)
        counts[number[tuple(whole.draw().tolist())]] += 1
    assert stats.chisquare(counts, 2000 * np.array(list(exact.values()))).pvalue > 1e-6


# Streams that the library takes by jumps, by noise, or by both.
STREAMS = {
    "level": np.zeros(1000),
    "rising": np.linspace(0, 6, 1000),
    "falling": np.linspace(6, 0, 1000),
    "steep": np.linspace(0, 800, 1000),
    "in steps": np.repeat([0.0, 3.0, -1.0, 5.0, 1.0], 200),
    "masked": np.where(np.arange(1000) % 10 == 7, 0.0, -np.inf),
    "heavy classes": np.where(np.arange(1000) % 100 == 50, 60.0, 0.0),
    "rare, rising": np.where(np.arange(1000) % 10 == 7, np.linspace(0, 90, 1000), -5.0),
}
CUTS = {
    "at once": [],
    "one by one": range(150, 200),
    "in short chunks": range(1, 1000, 27),
}


def places_in_law(one, logits, rng):
    """Uniform numbers, 2k of them independent, if order and keys follow their law.

    Of the classes left, with weights w and sum W, class i comes next with probability w_i/W, and
    exp(-key) has grown by an exponential number of rate W. Of both, the place in its distribution:
    for the class a random one within its share.
    """
    left, last, places = logits.copy(), np.inf, []
    for i, key in zip(one.draw(), one.state["keys"], strict=False):
        total = left.max() + np.log(np.exp(left - left.max()).sum())
        shares = np.exp(left - total)
        places += [shares[:i].sum() + rng.random() * shares[i]]
        places += [-np.expm1(np.exp(total - last) - np.exp(total - key))]
        left[i], last = -np.inf, key
    return places


def fit(stream, k, cut):
    """Chance that numbers as far from uniform come from the law; an error of D is found surely."""
    logits, rng = STREAMS[stream], np.random.default_rng(4)
    ones = (fed(np.split(logits, CUTS[cut]), k, rng) for _ in range(3000 // (k + 7)))
    return stats.kstest(np.ravel([places_in_law(o, logits, rng) for o in ones]), "uniform").pvalue


# From 750 numbers on: a distance from uniform of 0.12 is found but for a chance of 1 in 1000.
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("k", [1, 20, 80])
def test_order_and_keys_follow_their_law_on_any_stream_however_cut(stream, k, cut):
    assert fit(stream, k, cut) > 1e-7


def keys_from_the_whole_law(self, logits):
    return np.maximum(logits + self._noise(logits.size), self._threshold)


def rates_of_a_threshold_too_high(self, passed, most, arrive=GumbelReservoir._arrive):
    return arrive(self, passed * 0.6, most)


def the_threshold_is_the_largest(self, drop=GumbelReservoir._drop):
    drop(self)
    self._threshold = float(self._keys[: self._held].max())


@pytest.mark.parametrize(
    ("method", "wrong", "k"),
    [
        ("_keys_above", keys_from_the_whole_law, 1),
        ("_keys_above", keys_from_the_whole_law, 80),
        ("_arrive", rates_of_a_threshold_too_high, 1),
        ("_arrive", rates_of_a_threshold_too_high, 80),
        ("_drop", the_threshold_is_the_largest, 20),
        ("_drop", the_threshold_is_the_largest, 80),
    ],
)
def test_the_law_refuses_plausible_mistakes(method, wrong, k, monkeypatch):
    monkeypatch.setattr(GumbelReservoir, method, wrong)
    assert min(fit(stream, k, "at once") for stream in ("level", "falling", "in steps")) < 1e-7


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(("k", "longest"), [(3, 1 << 14), (40, 1 << 14), (40, 64)])
def test_classes_are_included_as_often_as_by_noise_for_each(stream, k, longest, monkeypatch):
    # In 10 groups of neighbours, against the definition. A group of level classes at k = 40 is
    # seen 400 times by either way, so that a difference of a third is found.
    monkeypatch.setattr(reservoir, "_LONGEST", longest)
    logits = STREAMS[stream]
    rng = np.random.default_rng(2)
    perturbed = logits + standard_gumbel((100, logits.size), rng=rng)
    truth = np.argpartition(-perturbed, k - 1, axis=1)[:, :k]
    drawn = np.array([fed(np.split(logits, [100, 401]), k, rng).draw() for _ in range(100)])
    assert not np.isinf(logits[drawn]).any()
    seen, expected = (np.bincount(x.ravel() // 100, minlength=10) for x in (drawn, truth))
    # Inclusion varies less than independent draws would.
    assert (np.abs(seen - expected) < 5 * np.sqrt(seen + expected + 1)).all()


@pytest.mark.parametrize("slope", [-6.0, 0.0, 6.0])
def test_long_streams_draw_from_softmax(slope):
    # Rising, level and falling weights, in chunks of odd sizes; 10 groups of neighbours. Errors
    # of 20 % add 5 standard deviations to the statistic.
    logits = np.linspace(0, slope, 4000).astype(np.float32)
    logits[7::10] = -np.inf
    probs = special.softmax(logits.astype(np.float64))
    rng = np.random.default_rng(2)
    drawn = np.array([fed(np.split(logits, [100, 901]), 1, rng).draw()[0] for _ in range(600)])
    assert not (drawn % 10 == 7).any()
    expected = probs.reshape(10, -1).sum(axis=1) * 600
    seen = np.bincount(drawn // 400, minlength=10)
    rare = expected < 5
    seen = np.append(seen[~rare], seen[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    assert stats.chisquare(seen[expected > 0], expected[expected > 0]).pvalue > 1e-6


@pytest.mark.parametrize("k", [2, 40])
def test_heavy_items_do_not_swallow_light_ones(k):
    # All but the last of the k are classes e^60 times heavier. The last is chosen fairly among the
    # light ones, whether it comes before a heavy one or after; errors of 40 % add 13 standard
    # deviations to the statistic.
    logits = np.zeros(1000)
    logits[np.arange(k - 1) * (600 // k) + 300] = 60
    rng = np.random.default_rng(3)
    drawn = np.array([fed([logits], k, rng).draw() for _ in range(250)])
    assert (logits[drawn[:, :-1]] == 60).all()
    assert (logits[drawn[:, -1]] == 0).all()
    light = logits == 0
    in_front = np.cumsum(light)[drawn[:, -1]] - 1
    counts = np.bincount(5 * in_front // light.sum(), minlength=5)
    assert stats.chisquare(counts, np.full(5, 50.0)).pvalue > 1e-6


class Scripted(np.random.Generator):
    """Exponentials and uniforms from lists."""

    def __init__(self, exponentials, uniforms):
        super().__init__(np.random.PCG64(0))
        self.exponentials, self.uniforms = list(exponentials), list(uniforms)

    def standard_exponential(self, size=None, *args, **kwargs):
        if size is None:
            return self.exponentials.pop(0)
        return np.array([self.exponentials.pop(0) for _ in range(np.prod(size, dtype=int))])

    def random(self, size):
        return np.array([self.uniforms.pop(0) for _ in range(size)])


def one_at_zero(exponentials, uniforms):
    """A reservoir of k = 1 whose threshold is 0, on a script."""
    rng = Scripted(exponentials, uniforms)
    state = {"k": 1, "seen": 1, "variates": 0, "jump": None, "keys": [0.0], "indices": [0]}
    return GumbelReservoir.from_state(state, rng=rng)


@pytest.mark.parametrize("jump", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_a_jump_enters_the_first_class_whose_sum_exceeds_it(jump, monkeypatch):
    monkeypatch.setattr(GumbelReservoir, "_is_dense", lambda *_: False)
    # Rates 0, 1, 0, 1 and 0. A jump of exactly 1 passes the first class and the masked one.
    logits = [-np.inf, 0.0, -np.inf, 0.0, -np.inf]
    one = one_at_zero([jump, 50.0], [0.5])
    one.feed(logits)
    assert one.draw().tolist() == ([2] if jump < 1 else [4] if jump < 2 else [0])
    # A jump, a key, and the jump to what can be drawn after it.
    assert one.variates == (3 if jump < 1 else 2 if jump < 2 else 1)
    if jump == 2:  # nothing of the jump is left, so the next class that can be drawn enters
        assert one.state["jump"] == 0
        one.feed([-np.inf, -50.0])
        assert one.draw().tolist() == [7]


def many_at_zero(exponentials, uniforms):
    """A reservoir of k = 64, which holds up to 68, whose threshold is 0, on a script."""
    state = {"k": 64, "seen": 64, "variates": 0, "jump": None, "indices": list(range(64))}
    state["keys"] = [5.0] * 63 + [0.0]
    return GumbelReservoir.from_state(state, rng=Scripted(exponentials, uniforms))


def test_several_enter_against_one_threshold():
    # Sums of 0.4, 0.8, 1.2 and so on. Arrivals at 1.1, 1.15 and 3.9 are in two classes, and five
    # are drawn at once. That at 30 is beyond, and the next feed goes on from there.
    one = many_at_zero([1.1, 0.05, 2.75, 26.1, 1.0], [0.5, 0.5])
    one.feed(np.full(60, np.log(0.4)))
    assert sorted(one.state["indices"]) == [*range(64), 64 + 2, 64 + 9]
    assert one.state["jump"] == pytest.approx(30 - 24)
    assert one.variates == 5 + 2
    # The fifth is in, so the 64 largest stay: of equal keys, the first. Then one is drawn anew.
    one = many_at_zero([0.5, 1, 1, 1, 1, 1e3], [0.5] * 5)
    one.feed(np.full(60, np.log(0.4)))
    assert sorted(one.state["indices"]) == [*range(63), 64 + 1]
    assert one.variates == 5 + 5 + 1


def test_a_heavy_class_leaves_the_next_one_its_rate():
    # Sums that hold e^60 have no digit left for a rate of 0.4: heavy classes get noise, and the
    # arrivals at 0.5 and 1.5 are among the light ones only.
    one = many_at_zero([0.5, 1.0, 0.01, 0.01, 1e3], [0.5, 0.5])
    logits = np.full(22, np.log(0.4))
    logits[[0, 4]] = 60.0
    one.feed(logits)
    assert sorted(one.state["indices"]) == [*range(64), 64, 66, 68, 69]


def test_a_jump_goes_on_over_feeds_and_blocks():
    one = one_at_zero([200.5, 50.0], [0.5])
    one.feed(np.zeros(150))
    assert one.state["jump"] == pytest.approx(50.5)
    one.feed(np.zeros(40))
    one.feed(np.full(11, -np.inf))
    assert one.state["jump"] == pytest.approx(10.5)
    one.feed(np.zeros(30) - np.log(2))
    assert one.draw().tolist() == [1 + 150 + 40 + 11 + 21]
    assert one.variates == 3


@pytest.mark.parametrize("logit", [-700.0, -30.0, 0.0, 1.0, 30.0, 700.0])
@pytest.mark.parametrize("level", [0.0, 2.0**-53, 0.25, 0.5, 0.999])
def test_the_key_is_the_quantile_above_the_threshold(logit, level, monkeypatch):
    monkeypatch.setattr(GumbelReservoir, "_is_dense", lambda *_: False)
    # P(key > x | key > 0) with P(key > x) = 1 - exp(-exp(l - x)); a level of 0 counts as half of
    # the smallest other one.
    one = one_at_zero([0.0, 50.0], [level])
    one.feed([logit, -np.inf])
    (key,) = one.state["keys"]
    assert one.draw().tolist() == [1]
    assert np.isfinite(key)
    assert key > 0
    with np.errstate(over="ignore"):
        above = np.expm1(-np.exp(logit - key)) / np.expm1(-np.exp(logit))
    assert above == pytest.approx(max(level, 2.0**-54), rel=1e-9)


def test_a_rate_below_all_floats_still_gives_a_finite_key():
    one = one_at_zero([0.0], [2.0**-53])
    one.feed([-744.4])
    assert one.draw().tolist() == [1]
    assert np.isfinite(one.state["keys"]).all()


streams = arrays(
    np.float64,
    st.integers(0, 12),
    elements=st.one_of(st.floats(-40, 40), st.just(-np.inf)),
)


@given(streams, streams, streams, st.integers(1, 40), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_merging_is_associative_and_equals_feeding(a, b, c, k, copies, seed):
    a, b, c = np.tile(a, copies), np.tile(b, copies), np.tile(c, copies)
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
    assert one.state == first.state
    for name in ("keys", "indices"):  # those beyond k depend on where the stream was cut
        assert one.state[name] == together.state[name][:k]
    logits = np.concatenate([a, b, c])
    if np.isfinite(logits).sum() >= k:
        assert np.array_equal(together.draw(), gumbel_top_k(logits, noise, k))


@given(streams, streams, st.integers(1, 40), st.integers(1, 20))
@settings(max_examples=40)
def test_a_state_goes_through_json_and_resumes(a, b, k, copies):
    a, b = np.tile(a, copies), np.tile(b, copies)
    rng = np.random.default_rng(0)
    straight = fed([a, b], k, rng)
    rng = np.random.default_rng(0)
    stopped = fed([a], k, rng)
    resumed = GumbelReservoir.from_state(json.loads(json.dumps(stopped.state)), rng=rng)
    assert resumed.state == stopped.state
    resumed.feed(b)
    assert resumed.state == straight.state


@given(streams, st.integers(1, 40), st.integers(1, 60), st.integers(1, 30), st.integers(0, 99))
@settings(max_examples=60)
def test_asking_changes_nothing(stream, k, copies, step, seed):
    logits = np.tile(stream, copies)
    cuts = np.arange(step, logits.size, step)
    quiet = fed(np.split(logits, cuts), k, seed)
    asked = GumbelReservoir(k, rng=seed)
    for chunk in np.split(logits, cuts):
        asked.feed(chunk)
        drawn = asked.state["indices"][:k]
        if len(drawn) == k:
            assert asked.draw().tolist() == drawn
    assert asked.state == quiet.state
    if len(quiet.state["keys"]) >= k:
        assert len(quiet.state["keys"]) <= k + k // 16
        assert quiet._threshold == quiet.state["keys"][-1]
    held = quiet._indices[: quiet._held]
    assert (np.diff(held) > 0).all()
    assert np.isfinite(logits[held]).all()


def test_equal_keys_leave_the_earlier_class_in():
    for k, total in ((1, 3), (2, 5), (3, 50), (40, 41), (40, 99)):
        whole = GumbelReservoir(k, rng=0)
        for chunk in np.split(np.zeros(total), [1, total - 1]):
            whole.feed(chunk, np.zeros(chunk.size))
        assert whole.draw().tolist() == list(range(k))
        other = GumbelReservoir(k, rng=0)
        other.feed(np.zeros(total), np.zeros(total))
        whole.merge(other)
        assert whole.draw().tolist() == list(range(k))


def test_variates_grow_with_the_logarithm():
    # k log(n/k) enter after the first k on average, with standard deviation below its root, at
    # two variates each; the first k take one each, and a jump is left over.
    for k, n in ((1, 10_000), (10, 10_000), (10, 200_000), (200, 50_000)):
        runs = 20
        spent = [fed([np.zeros(n)], k, seed).variates for seed in range(runs)]
        enter = k * np.log(n / k)
        assert abs(np.mean(spent) - (k + 2 * enter + 1)) < 10 * np.sqrt(enter / runs) + 0.05 * enter


def test_variates_are_those_that_were_drawn():
    class Counting(np.random.Generator):
        count = 0

        def random(self, size=None):
            self.count += int(np.prod(size if size is not None else 1))
            return super().random(size)

        def standard_exponential(self, size=None):
            self.count += int(np.prod(size if size is not None else 1))
            return super().standard_exponential(size)

    rng = Counting(np.random.PCG64(0))
    total = 0
    for k in (1, 5, 100):
        for logits in STREAMS.values():
            one = fed(np.split(logits, [100, 901]), k, rng)
            total += one.variates
            assert rng.count == total
            # A noise, or a jump and a key, for each that can be drawn, and a jump left a feed.
            assert one.variates <= 2 * np.isfinite(logits).sum() + 3


def work(logits, k, step, monkeypatch):
    """Classes that a stream costs in time, about: counted, since no test is timed.

    Each class once, those that are looked at again, eight thousand nanoseconds a block, and a
    partition at each drop.
    """
    cost = 0

    def take(self, block, start, take=GumbelReservoir._take):
        nonlocal cost
        cost += block.size + 2000
        return take(self, block, start)

    def drop(self, drop=GumbelReservoir._drop):
        nonlocal cost
        cost += self._held
        drop(self)

    with monkeypatch.context() as patch:
        patch.setattr(GumbelReservoir, "_take", take)
        patch.setattr(GumbelReservoir, "_drop", drop)
        fed(np.split(logits, range(step, logits.size, step)), k, 0)
    return cost


RISES = {
    **{f"by {slope:.0e}": np.arange(60_000) * slope for slope in 10.0 ** np.arange(-5, 2)},
    "sorted": np.sort(np.random.default_rng(1).normal(size=60_000)),
    "rare": np.where(np.arange(60_000) % 100 == 7, np.arange(60_000) * 0.1, -5.0),
    "masked": np.where(np.arange(60_000) % 100 == 7, np.arange(60_000) * 0.1, -np.inf),
    "in steps": np.arange(60_000) // 500 * 1.0,
}


@pytest.mark.parametrize("rise", RISES)
@pytest.mark.parametrize("k", [1, 10, 16, 100, 3000])
def test_a_rising_stream_costs_at_most_three_times_a_shuffled_one(rise, k, monkeypatch):
    shuffled = np.random.default_rng(0).permutation(RISES[rise])
    for step in (37, 1000, 60_000):
        assert work(RISES[rise], k, step, monkeypatch) < 3 * work(shuffled, k, step, monkeypatch)


def test_an_entry_costs_no_more_for_a_large_k_however_the_stream_is_cut(monkeypatch):
    # Each of the 24,000 entries costs 16 keys of a partition and less than one block.
    logits = np.random.default_rng(0).normal(size=60_000)
    entries = 20_000 * (1 + np.log(60_000 / 20_000))
    for step in (37, 1000, 60_000):
        blocks = 60_000 // step + 1
        cost = work(logits, 20_000, step, monkeypatch)
        assert cost < 3 * 60_000 + 20 * 2 * entries + 2000 * 2 * blocks + 2000 * 60


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("noise", [None, np.zeros(200)])
def test_logits_at_the_ends_of_the_floats_are_drawn_without_a_warning(noise):
    logits = np.tile([-1.7e308, -np.inf, 0.0, 1.7e308, -1.7e308], 40)
    one = fed(np.split(logits, [50, 120]), 40, 0, noise)
    assert (logits[one.draw()] == 1.7e308).all()


@pytest.mark.filterwarnings("error")
def test_bad_input_is_named():
    whole = GumbelReservoir(2, rng=0)
    whole.feed([0.0, -np.inf])
    with pytest.raises(ValueError, match="^logits: expected at least 2 finite ones fed, got 1"):
        whole.draw()
    before = whole.state
    for named, call in (
        ("logits", lambda: whole.feed([0.0, np.nan])),
        ("logits", lambda: whole.feed([0.0, np.inf])),
        ("logits", lambda: whole.feed([[0.0]])),
        ("logits", lambda: whole.feed(0.0)),
        ("logits", lambda: whole.feed("logits")),
        ("logits", lambda: whole.feed(np.array([0, "1e400"], np.longdouble))),
        ("logits", lambda: whole.feed([[0.0], [0.0, 1.0]])),
        ("logits", lambda: whole.feed(np.ma.array([0.0, 1.0], mask=[True, False]))),
        ("noise", lambda: whole.feed([0.0], np.ma.array([0.0], mask=[True]))),
        ("noise", lambda: whole.feed([0.0], [np.inf])),
        ("noise", lambda: whole.feed([0.0], [1.0, 2.0])),
        ("noise", lambda: whole.feed([1.7e308], [1.7e308])),
        ("noise", lambda: whole.feed([-1.7e308], [-1.7e308])),
        ("noise", lambda: whole.feed([-np.inf], [np.nan])),
        ("noise", lambda: whole.feed([0.0], "noise")),
        ("other", lambda: whole.merge(GumbelReservoir(3, rng=0))),
        ("other", lambda: whole.merge({})),
        ("other", lambda: whole.merge(whole)),
        ("k", lambda: GumbelReservoir(0, rng=0)),
        ("k", lambda: GumbelReservoir(True, rng=0)),
        ("rng", lambda: GumbelReservoir(rng="seed")),
    ):
        with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
            call()
    assert whole.state == before


FULL = {
    "k": 2,
    "seen": 9,
    "variates": 4,
    "jump": 0.5,
    "keys": [1.5, -0.5],
    "indices": [3, 8],
}
BAD_STATES = {
    "state": [
        None,
        [],
        "state",
        {},
        {"k": 2},
        {**FULL, "more": 1},
        {name: value for name, value in FULL.items() if name != "jump"},
    ],
    "k": [{"k": 0}, {"k": 1}, {"k": 1.5}, {"k": "2"}, {"k": None}, {"k": True}],
    "seen": [{"seen": -1}, {"seen": 1.5}, {"seen": "9"}, {"seen": 2**62}, {"seen": True}],
    "variates": [{"variates": -1}, {"variates": 0.5}, {"variates": None}, {"variates": False}],
    "jump": [{"jump": value} for value in (-0.5, np.nan, np.inf, "1", [], True, 10**400)]
    + [{"keys": [1.5], "indices": [3]}],
    "keys": [
        {"keys": value}
        for value in (
            [-0.5, 1.5],
            [1.5, np.nan],
            [np.nan, 1.5],
            [np.inf, 1.5],
            [1.5, -np.inf],
            ["2", "1"],
            [10**400, 1.5],
            [True, False],
            [[2.0], [1.0]],
            [None, 1.0],
            [3.0, 2.0, 1.0],
            "21",
            {"1": 1, "0": 0},
            None,
            1.5,
        )
    ]
    + [{"seen": 1}, {"k": 16, "seen": 99, "keys": [1.5] * 18, "indices": [*range(18)]}],
    "indices": [
        {"indices": value}
        for value in (
            [3],
            [],
            [3, 8, 1],
            [3, 3],
            [-1, 3],
            [3, 9],
            [3, 2**64],
            [3, 1.5],
            [3, 1.0],
            [3, True],
            ["3", "8"],
            "38",
            None,
        )
    ]
    + [{"seen": 8}, {"keys": [0.5, 0.5], "indices": [8, 3]}],
}


@pytest.mark.parametrize(
    ("named", "changed"), [(name, bad) for name, states in BAD_STATES.items() for bad in states]
)
def test_a_bad_state_is_named(named, changed):
    assert GumbelReservoir.from_state(FULL, rng=0).state == FULL
    assert GumbelReservoir.from_state({**FULL, "jump": None}, rng=0).draw().tolist() == [3, 8]
    state = changed if named == "state" else {**FULL, **changed}
    # Too many keys for k are an error of the keys.
    entry = {"state": "state", "k": r"state\['(k|keys)'\]"}.get(named, rf"state\['{named}'\]")
    with pytest.raises((TypeError, ValueError), match=rf"^{entry}: expected .*, got "):
        GumbelReservoir.from_state(state, rng=0)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 12)
    | st.floats()
    | st.floats(-5, 5)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=5,
)


@given(st.data(), st.integers(1, 4), st.integers(0, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_a_changed_state_is_refused_by_name_or_draws_validly(data, k, fed_before, seed):
    rng = np.random.default_rng(seed)
    state = copy.deepcopy(fed([rng.normal(size=fed_before)], k, rng).state)
    for _ in range(data.draw(st.integers(1, 2))):
        name = data.draw(st.sampled_from(list(state)))
        if isinstance(state[name], list) and state[name] and data.draw(st.booleans()):
            place = data.draw(st.integers(0, len(state[name]) - 1))
            state[name][place] = data.draw(anything)
        else:
            state[name] = data.draw(anything)
    try:
        resumed = GumbelReservoir.from_state(state, rng=rng)
    except (TypeError, ValueError) as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert re.match(r"state(\['\w+'\])?: expected .*, got ", refusal)
        return
    assert resumed.state == state
    seen = resumed.seen
    if resumed.k <= 1000:
        resumed.feed(rng.normal(size=resumed.k + 100))
        drawn = resumed.draw().tolist()
        assert len(set(drawn)) == resumed.k
        assert min(drawn) >= 0
        assert max(drawn) < seen + resumed.k + 100 == resumed.seen
        keys = resumed.state["keys"]
        assert keys == sorted(keys, reverse=True)
        assert np.isfinite(keys).all()
        assert GumbelReservoir.from_state(resumed.state, rng=0).state == resumed.state
