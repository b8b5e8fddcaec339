"""The n-gram model: its text, its laws against a recursion in fractions, its refusals."""

import hashlib
import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gumbel_lib.ngram import ALPHABET, corpus, train


@pytest.fixture(scope="module")
def prose():
    return corpus()


def test_the_text_is_the_one_of_the_locked_versions(prose):
    """A change of NumPy or SciPy in the lock changes the text, and so this sum.

    Then look at the text anew, and execute the chapters that train on it.
    """
    assert len(prose) == 290_868
    digest = hashlib.sha256(prose.encode()).hexdigest()
    assert digest == "ef4ba62686b5154b1ae984df5de840f2b6363ff70536feb0b0812d21f567fd3c"


def test_the_text_is_prose_said_once(prose):
    paragraphs = prose[1:-1].split("\n")
    assert set(prose) == set(ALPHABET)
    assert prose[0] == prose[-1] == "\n"
    assert len(set(paragraphs)) == len(paragraphs)
    for paragraph in paragraphs:
        assert paragraph.endswith(".")
        assert "  " not in paragraph
        assert "----" not in paragraph
    # Docstrings of Python's own, and of types that name the platform.
    for foreign in ("enumeration", "string or number to a floating", "on this platform"):
        assert foreign not in prose


def witten_bell(text, order, alphabet, context):
    """The law of the next symbol, from the definition and in fractions."""
    if context is None:
        return [Fraction(1, len(alphabet))] * len(alphabet)
    shorter = witten_bell(text, order, alphabet, context[1:] if context else None)
    n = len(context)
    followers = Counter(text[i] for i in range(n, len(text)) if text[i - n : i] == context)
    if not followers:
        return shorter
    total, types = followers.total(), len(followers)
    return [
        (followers[s] + types * p) / (total + types) for s, p in zip(alphabet, shorter, strict=True)
    ]


@given(st.text("abc", min_size=5, max_size=40), st.integers(1, 5), st.sampled_from(["abc", "cxba"]))
def test_every_context_has_the_law_of_the_definition(text, order, alphabet):
    model = train(text, order, alphabet=alphabet)
    for length in range(5):
        contexts = ["".join(c) for c in itertools.product(alphabet, repeat=length)]
        exact = [
            witten_bell(text, order, alphabet, c[max(0, length - order + 1) :]) for c in contexts
        ]
        asked = np.array([model.encode(c) for c in contexts]).reshape(len(contexts), length)
        law = np.exp(model.log_probs(asked))
        assert law.shape == (len(contexts), len(alphabet))
        assert np.allclose(law, np.array(exact, float), rtol=1e-13, atol=0)


def test_batches_of_any_shape_are_answered_as_one_by_one(prose):
    model = train(prose, 4)
    rng = np.random.default_rng(0)
    symbols = model.encode(prose)
    # Contexts that the text has, and others.
    for contexts in (
        symbols[rng.integers(0, 290_000, (2, 3, 1)) + np.arange(5)],
        rng.integers(0, len(ALPHABET), (2, 3, 5)),
        np.zeros((0, 5), int),
        np.zeros((4, 0), int),
    ):
        laws = model.log_probs(contexts)
        assert laws.shape == (*contexts.shape[:-1], len(ALPHABET))
        assert np.allclose(np.exp(laws).sum(axis=-1), 1, rtol=0, atol=1e-12)
        for place in np.ndindex(contexts.shape[:-1]):
            assert np.array_equal(laws[place], model.log_probs(contexts[place].tolist()))
    laws[...] = 0  # belongs to the caller
    assert model.log_probs([]).max() < 0


def test_a_longer_memory_predicts_text_that_was_held_out(prose):
    cut = prose.rindex("\n", 0, len(prose) * 9 // 10)
    held_out = prose[cut:]
    bits = {n: train(prose[: cut + 1], n).bits(held_out) for n in (1, 2, 5)}
    assert bits[1] == pytest.approx(4.30, abs=0.01)
    assert bits[2] == pytest.approx(3.44, abs=0.01)
    assert bits[5] == pytest.approx(1.80, abs=0.01)


def test_bits_are_those_of_the_symbols_one_by_one():
    model, text = train("abracadabra", 3, alphabet="abcdr"), "cabdarab"
    symbols = model.encode(text)
    nats = [-model.log_probs(symbols[:i])[symbols[i]] for i in range(2, len(text))]
    assert model.bits(text) == pytest.approx(np.mean(nats) / np.log(2), rel=1e-12)


def test_text_and_numbers_are_each_others_inverse(prose):
    model = train(prose, 1)
    assert model.decode(model.encode(prose[:1000])) == prose[:1000]
    assert model.decode(model.encode("")) == ""
    assert model.encode(ALPHABET).tolist() == list(range(len(ALPHABET)))


MODEL = train("abracadabra", 2, alphabet="abcdr")
BAD = {
    "a symbol the alphabet lacks": (lambda: train("abc", 1, alphabet="ab"), "text"),
    "too short a text": (lambda: train("ab", 3, alphabet="ab"), "text"),
    "an alphabet that repeats": (lambda: train("ab", 1, alphabet="aba"), "alphabet"),
    "no alphabet": (lambda: train("", 1, alphabet=""), "alphabet"),
    "an order of 0": (lambda: train("ab", 0, alphabet="ab"), "order"),
    "a fractional order": (lambda: train("ab", 1.5, alphabet="ab"), "order"),
    "codes beyond 64 bits": (lambda: train("a" * 20, 12), "order"),
    "text to encode": (lambda: MODEL.encode("x"), "text"),
    "text to score": (lambda: MODEL.bits("a"), "text"),
    "floats": (lambda: MODEL.log_probs([0.0]), "contexts"),
    "bools": (lambda: MODEL.log_probs([True]), "contexts"),
    "ragged contexts": (lambda: MODEL.log_probs([[0], [0, 1]]), "contexts"),
    "characters": (lambda: MODEL.log_probs(["a"]), "contexts"),
    "a negative number": (lambda: MODEL.log_probs([[0, 1], [-1, 0]]), "contexts"),
    "a number beyond the alphabet": (lambda: MODEL.log_probs([5]), "contexts"),
    "no axis": (lambda: MODEL.log_probs(0), "contexts"),
    "numbers to decode": (lambda: MODEL.decode([5]), "symbols"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    call, named = BAD[case]
    with pytest.raises((TypeError, ValueError), match=f"^{named}: expected .*, got "):
        call()


def test_the_largest_order_that_fits_is_taken():
    assert train("a" * 20, 11).log_probs([2] * 10).argmax() == 2


@pytest.mark.parametrize("size", [2, 3, 4, 8, 45])
def test_the_order_that_is_named_as_the_largest_is(size):
    alphabet, text = ALPHABET[:size], ALPHABET[0] * 70
    with pytest.raises(ValueError, match="order: expected at most") as refused:
        train(text, 64, alphabet=alphabet)
    most = int(str(refused.value).split("at most ")[1].split()[0])
    assert train(text, most, alphabet=alphabet).order == most
    with pytest.raises(ValueError, match=f"at most {most} "):
        train(text, most + 1, alphabet=alphabet)
