"""Sequences: every tree against Gumbel-top-k over its leaves, log-probabilities, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from gumbel_lib import ngram, standard_gumbel
from gumbel_lib.sampling import (
    given_maximum,
    order_probabilities,
    sequences_from_codes,
    stochastic_beam_search,
)


def random_step(seed, size, mask=False):
    """A next-symbol function that looks at the whole prefix, from tables by a hash of it."""
    tables = np.random.default_rng(seed).normal(scale=2, size=(101, size))
    if mask:
        tables[:, 1] = np.where(np.arange(101) % 3 == 0, -np.inf, tables[:, 1])

    def step(prefixes):
        place = np.full(len(prefixes), 7)
        for column in prefixes.T:
            place = (31 * place + column + 1) % 101
        return tables[place]

    return step


def all_sequences(step, size, length, end=None):
    """Every sequence, as a tuple padded with `end`, with its log-probability, one by one."""
    found = {}

    def visit(prefix, log_prob):
        if len(prefix) == length or (end is not None and prefix and prefix[-1] == end):
            found[prefix + (end,) * (length - len(prefix))] = log_prob
            return
        row = special.log_softmax(step(np.array([prefix], int).reshape(1, -1))[0])
        for symbol in range(size):
            if row[symbol] > -np.inf:
                visit((*prefix, symbol), log_prob + row[symbol])

    visit((), 0.0)
    return found


TREES = [(2, 3, None, False), (3, 2, 0, False), (3, 3, 2, True), (4, 1, None, True)]


@pytest.mark.parametrize(("size", "length", "end", "mask"), TREES)
def test_all_sequences_of_a_tree_come_with_their_log_probabilities(size, length, end, mask):
    step = random_step(1, size, mask)
    exact = all_sequences(step, size, length, end)
    beam = stochastic_beam_search(step, len(exact), length=length, rng=0, end=end)
    drawn = {
        tuple(s): p for s, p in zip(beam.sequences[0].tolist(), beam.log_probs[0], strict=True)
    }
    assert drawn.keys() == exact.keys()
    assert all(drawn[s] == pytest.approx(p, abs=1e-12) for s, p in exact.items())
    assert beam.threshold.tolist() == [-np.inf]
    assert np.all(np.diff(beam.perturbed[0]) < 0)
    with pytest.raises(ValueError, match=f"^k: expected at most {len(exact)}, .*, got "):
        stochastic_beam_search(step, len(exact) + 1, length=length, rng=0, end=end)


@pytest.mark.parametrize(("size", "length", "end", "mask"), TREES[:3])
def test_pairs_and_the_threshold_have_the_law_of_top_k(size, length, end, mask):
    """Each of the tests would fail a right search with probability 1e-6."""
    step, searches = random_step(2, size, mask), 50_000
    exact = all_sequences(step, size, length, end)
    number = {sequence: i for i, sequence in enumerate(exact)}
    logits = np.array(list(exact.values()))
    beam = stochastic_beam_search(
        step, 2, length=length, rng=3, end=end, start=np.zeros((searches, 0), int)
    )
    pairs = [(number[tuple(a)], number[tuple(b)]) for a, b in beam.sequences.tolist()]
    counts = np.zeros((len(exact), len(exact)))
    np.add.at(counts, tuple(np.transpose(pairs)), 1)
    law = order_probabilities(logits, 2)
    seen = np.array([counts[pair] for pair in law])
    expected = searches * np.array(list(law.values()))
    rare = expected < 5
    seen = np.append(seen[~rare], seen[rare].sum() + 1e-9)
    expected = np.append(expected[~rare], expected[rare].sum() + 1e-9)
    assert stats.chisquare(seen, expected, sum_check=False).pvalue > 1e-6
    assert np.all(beam.threshold < beam.perturbed[:, 1])
    # The three largest keys, as noise for every sequence gives them.
    keys = np.sort(logits + standard_gumbel((searches, len(logits)), rng=4), axis=1)
    for ours, theirs in zip((*beam.perturbed.T, beam.threshold), keys[:, :-4:-1].T, strict=True):
        assert stats.ks_2samp(ours, theirs).pvalue > 1e-6


def test_a_search_from_each_start_is_of_its_own():
    model = ngram.train("abacabcaabacbab", 3, alphabet="abc")
    starts = [[0, 1], [1, 0], [2, 0]]
    beam = stochastic_beam_search(model.log_probs, 9, length=2, rng=0, start=starts)
    for start, sequences, log_probs in zip(starts, beam.sequences, beam.log_probs, strict=True):
        for sequence, log_prob in zip(sequences, log_probs, strict=True):
            text = [*start, *sequence]
            expected = sum(model.log_probs(text[:i])[text[i]] for i in (2, 3))
            assert log_prob == pytest.approx(expected, abs=1e-12)
        assert np.exp(log_probs).sum() == pytest.approx(1)


def test_logits_need_no_normalising_and_a_search_stops_where_all_have_ended():
    step = random_step(3, 3)
    shifted = stochastic_beam_search(lambda p: step(p) + 50.0, 4, length=2, rng=1)
    plain = stochastic_beam_search(step, 4, length=2, rng=1)
    assert np.array_equal(shifted.sequences, plain.sequences)
    assert np.allclose(shifted.log_probs, plain.log_probs, atol=1e-12)
    asked = []

    def short(prefixes):
        asked.append(prefixes.shape)
        return np.where(prefixes.shape[1] == 1, [0.0, -np.inf], [0.0, 0.0]) * np.ones(
            (len(prefixes), 1)
        )

    beam = stochastic_beam_search(short, 2, length=1000, rng=1, end=0)
    assert beam.sequences.tolist() in ([[[0, 0], [1, 0]]], [[[1, 0], [0, 0]]])
    assert asked == [(1, 0), (1, 1)]


def test_no_starts_give_no_sequences():
    none = np.zeros((0, 4), int)
    beam = stochastic_beam_search(random_step(0, 3), 2, length=2, rng=0, start=none)
    assert [len(part) for part in beam] == [0] * 4


@given(
    st.lists(st.floats(-700, 700), min_size=1, max_size=6),
    st.floats(-700, 700),
    st.booleans(),
)
def test_the_maximum_is_the_one_given_and_the_order_stays(values, maximum, mask):
    perturbed = np.array([*values, -np.inf] if mask else values)
    moved = given_maximum(perturbed, maximum)
    assert moved.max() == moved[perturbed.argmax()] == maximum
    assert np.all(np.diff(moved[np.argsort(perturbed)]) >= 0)
    assert np.all(np.isneginf(moved) == np.isneginf(perturbed))
    again = given_maximum(moved, maximum)
    assert np.allclose(again, moved, rtol=1e-9, atol=1e-9)


def test_a_given_maximum_keeps_the_waiting_times():
    """In 50 digits the formula would be exact; far from the ends of float64 it is to 1e-12."""
    rng = np.random.default_rng(0)
    perturbed, maximum = rng.normal(scale=3, size=(1000, 4)), rng.normal(scale=3, size=1000)
    moved = given_maximum(perturbed, maximum)
    waiting = np.exp(-perturbed) - np.exp(-perturbed.max(axis=1, keepdims=True))
    expected = waiting + np.exp(-maximum)[:, None]
    assert np.allclose(np.exp(-moved), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("size", "length", "end", "mask"), TREES)
def test_codes_cut_the_unit_interval_in_the_order_of_the_alphabet(size, length, end, mask):
    step = random_step(4, size, mask)
    exact = dict(sorted(all_sequences(step, size, length, end).items()))
    edges = np.append(0, np.cumsum(np.exp(list(exact.values()))))
    inside = edges[:-1] + np.diff(edges) * np.array([[1e-6], [0.5], [1 - 1e-6]])
    drawn, log_probs = sequences_from_codes(step, inside.ravel(), length=length, end=end)
    expected = list(exact) * 3
    width = drawn.shape[1]
    assert [tuple(row) for row in drawn.tolist()] == [row[:width] for row in expected]
    assert np.allclose(log_probs, list(exact.values()) * 3, rtol=0, atol=1e-12)


def test_the_ends_of_the_unit_interval_have_their_sequences():
    step = random_step(5, 3, mask=True)
    drawn, _ = sequences_from_codes(step, [0.0, np.nextafter(1, 0)], length=40, start=[1])
    assert drawn.shape == (2, 40)
    assert drawn.min() >= 0
    assert len(sequences_from_codes(step, [], length=2)[0]) == 0


STEP = random_step(0, 3)
BAD = {
    "k of 0": ({"k": 0}, "k"),
    "a fractional k": ({"k": 1.5}, "k"),
    "length of 0": ({"length": 0}, "length"),
    "rng": ({"rng": "seed"}, "rng"),
    "one axis": ({"start": [0, 1]}, "start"),
    "floats": ({"start": [[0.5]]}, "start"),
    "NaN": ({"step": lambda p: np.full((len(p), 3), np.nan)}, "step"),
    "+inf": ({"step": lambda p: np.full((len(p), 3), np.inf)}, "step"),
    "all masked": ({"step": lambda p: np.full((len(p), 3), -np.inf)}, "step"),
    "one row for all": ({"step": lambda p: np.zeros((1, 3)), "start": [[0], [1]]}, "step"),
    "a vector": ({"step": lambda p: np.zeros(3)}, "step"),
    "no symbols": ({"step": lambda p: np.zeros((len(p), 0))}, "step"),
    "text": ({"step": lambda p: "abc"}, "step"),
    "end beyond the symbols": ({"end": 3}, "end"),
    "a negative end": ({"end": -1}, "end"),
    "an end that is no integer": ({"end": 1.0}, "end"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_of_a_search_is_named(case):
    changed, named = BAD[case]
    arguments = {"step": STEP, "k": 2, "length": 2, "rng": 0, **changed}
    step, k = arguments.pop("step"), arguments.pop("k")
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        stochastic_beam_search(step, k, **arguments)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"codes": [1.0]}, "codes"),
        ({"codes": [-0.1]}, "codes"),
        ({"codes": [np.nan]}, "codes"),
        ({"codes": [[0.5]]}, "codes"),
        ({"length": 0}, "length"),
        ({"start": [[0]]}, "start"),
        ({"end": 7}, "end"),
        ({"end": 1.0}, "end"),
    ],
)
def test_bad_input_of_codes_is_named(changed, named):
    arguments = {"codes": [0.5], "length": 2, **changed}
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        sequences_from_codes(STEP, arguments.pop("codes"), **arguments)


@pytest.mark.parametrize(
    ("perturbed", "maximum", "named"),
    [
        ([0.0, np.nan], 0.0, "perturbed"),
        ([0.0, np.inf], 0.0, "perturbed"),
        ([-np.inf, -np.inf], 0.0, "perturbed"),
        (np.zeros((2, 0)), np.zeros(2), "perturbed"),
        (0.0, 0.0, "perturbed"),
        ([0.0, 1.0], np.inf, "maximum"),
        ([0.0, 1.0], np.nan, "maximum"),
        ([0.0, 1.0], "a", "maximum"),
        ([0.0, 1.0], [0.0, 1.0], "maximum"),
    ],
)
def test_bad_input_of_a_maximum_is_named(perturbed, maximum, named):
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        given_maximum(perturbed, maximum)
