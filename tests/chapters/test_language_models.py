"""The claims of language_models refuse plausible mistakes; texts, scores and drafts by hand."""

import math

import numpy as np
import pytest
from scipy import special, stats

from gumbel_lib.chapters import claims_of
from gumbel_lib.chapters.language_models import claims, model
from gumbel_lib.claims import NORMAL
from gumbel_lib.decoding import mask_top_k, mask_top_p, speculative_step, truncated_race
from gumbel_lib.maxima import gumbel_logsf
from gumbel_lib.ngram import corpus, train
from gumbel_lib.noise import keyed_gumbel, standard_gumbel

CLAIMS = claims_of("language_models")


def threshold(logits, p):
    """Classes of probability at least 1 - p, as if that were top-p."""
    probs = special.softmax(logits)
    return np.where(probs >= min(1 - p, probs.max()), logits, -np.inf)


def without_the_last(logits, p):
    """The largest set of likely classes that stays below p."""
    order = np.argsort(-logits)
    total = special.softmax(logits)[order].cumsum()
    kept = order[(total <= p) | (np.arange(order.size) == 0)]
    return np.where(np.isin(np.arange(order.size), kept), logits, -np.inf)


def accept_by_ratio_of_wrong(target, draft, drafted, uniform, noise):
    """The quotient the wrong way round."""
    symbols, _ = speculative_step(target, draft, drafted, uniform, noise)
    kept = uniform < np.exp(draft - target)[drafted]
    return np.where(kept, drafted, symbols), kept


def never_kept(target, draft, drafted, uniform, noise):
    """Always a fresh draw from the target: the right law, but no draft is used."""
    return (target + noise).argmax(axis=-1), np.zeros(len(drafted), bool)


def twice(values, numbers):
    """Each pair of neighbours scored, whether the context is new or not, at half its weight."""
    return stats.gamma.sf(values.sum() / 2, values.size / 2)


def above_the_mean(logits, p):
    mean = np.mean(logits, axis=-1, keepdims=True, where=np.isfinite(logits))
    return np.where(logits >= mean + np.log(p), logits, -np.inf)


def once_with_a_wrong_law(values, numbers):
    first = model.is_first(numbers)
    n = first.sum()
    return stats.norm.sf((values[first].sum() - n) / n)  # n for its root


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("mask-law", {"mask": threshold}),
        ("mask-law", {"mask": without_the_last}),
        ("mask-law", {"mask": lambda logits, p: mask_top_k(logits, 3)}),
        ("mask-law", {"mask": lambda logits, p: mask_top_p(logits / 2, p)}),
        ("min-p-order", {"power": lambda p, t: p ** (1 / t)}),
        ("min-p-order", {"power": lambda p, t: p * t}),
        ("top-p-order", {"scaled": lambda logits, t: -logits / t}),
        ("top-k-min-p", {"mask": above_the_mean}),
        ("watermark-unbiased", {"pick": lambda logits, noise: (logits - noise).argmax(axis=-1)}),
        ("watermark-unbiased", {"pick": lambda logits, noise: (logits + 1.1 * noise).argmax(-1)}),
        (
            "watermark-unbiased",
            {"pick": lambda logits, noise: (np.exp(logits) + noise).argmax(axis=-1)},
        ),
        ("watermark-score", {"rarity": lambda g: -stats.gumbel_r.logcdf(g)}),
        ("watermark-score", {"rarity": lambda g: g}),
        (
            "watermark-score",
            {"expected": lambda logits: special.digamma(1 + len(logits)) + np.euler_gamma},
        ),
        ("watermark-entropy", {"slope": math.pi**2 / 6 - 0.9}),
        ("watermark-once", {"p_value": twice}),
        ("watermark-once", {"p_value": once_with_a_wrong_law}),
        (
            "watermark-once",
            {"keyed": lambda text, key, size: 0.8 * model.scores(text, key, size)},
        ),
        (
            "watermark-once",
            {"keyed": lambda text, key, size: model.scores(text, 0, size)},
        ),
        ("speculative-law", {"step": accept_by_ratio_of_wrong}),
        ("speculative-law", {"step": never_kept}),
        ("truncated-race", {"stated": lambda x, c: truncated_race(x, c + 0.01)}),
        ("truncated-race", {"stated": lambda x, c: special.softmax(x / (1 - np.exp(-c)), axis=-1)}),
        ("ceiling-cools", {"noise": lambda ceiling: stats.gumbel_r(scale=1.5)}),
        ("ceiling-cools", {"noise": lambda ceiling: stats.gumbel_r}),
        ("ceiling-cools", {"noise": lambda ceiling: NORMAL}),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


@pytest.fixture(scope="module")
def small():
    """A model of few symbols, which repeats itself soon."""
    return train(claims.FORM, 5)


def test_contexts_are_the_symbols_before(small):
    text = small.encode(claims.FORM)
    size = len(small.alphabet)
    numbers = model.context_numbers(text, size)
    assert numbers.shape == (text.size - model.WIDTH,)
    by_place = {}
    for i, number in enumerate(numbers.tolist()):
        assert by_place.setdefault(number, claims.FORM[i : i + 4]) == claims.FORM[i : i + 4]
    assert len(by_place) == len({claims.FORM[i : i + 4] for i in range(numbers.size)})
    first = model.is_first(np.stack([numbers, numbers[::-1]]))
    for row, marks in zip((numbers, numbers[::-1]), first, strict=True):
        seen = set()
        for number, mark in zip(row.tolist(), marks, strict=True):
            assert mark == (number not in seen)
            seen.add(number)


@pytest.mark.parametrize("rule", model.RULES)
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_a_text_is_written_by_the_noise_of_its_rule(small, rule, temperature):
    size, keys = len(small.alphabet), [3, 8]
    texts = model.write(
        small,
        keys,
        "row 1",
        40,
        temperature=temperature,
        rule=rule,
        rng=np.random.default_rng(1),
    )
    assert texts.shape == (2, 44)
    rng = np.random.default_rng(1)
    expected = [small.encode("ow 1").tolist() for _ in keys]
    seen = [set(), set()]
    for position in range(40):
        fresh = standard_gumbel((2, size), rng=rng)
        for i, key in enumerate(keys):
            context = int(np.array(expected[i][-4:]) @ size ** np.arange(4))
            noise = fresh[i]
            if rule == "position":
                noise = keyed_gumbel(key, position, 0, size)
            elif rule == "every context" or (rule == "new contexts" and context not in seen[i]):
                noise = keyed_gumbel(key, context, 0, size)
            seen[i].add(context)
            sums = small.log_probs(expected[i][-4:]) / temperature + noise
            expected[i].append(int(sums.argmax()))
    assert texts.tolist() == expected


def test_scores_are_the_rarity_of_the_noise(small):
    size, text = len(small.alphabet), small.encode(claims.FORM)[:60]
    numbers = model.context_numbers(text, size)
    for by_position in (False, True):
        found = model.scores(text, 5, size, by_position=by_position)
        for i, score in enumerate(found):
            row = i if by_position else int(numbers[i])
            noise = keyed_gumbel(5, row, int(text[i + 4]), 1)[0]
            assert score == pytest.approx(-float(gumbel_logsf(noise)), rel=1e-12)
    scored = model.is_first(numbers)
    values = model.scores(text, 5, size)
    z = (values[scored].sum() - scored.sum()) / math.sqrt(scored.sum())
    assert model.excess(values, scored) == pytest.approx(z)
    assert model.excess(values[scored]) == pytest.approx(z)


def test_a_rule_or_a_start_that_cannot_be_is_named(small):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="rule: expected one of .*, got 'new context'"):
        model.write(small, [1], "row 1", 3, rule="new context", rng=rng)
    with pytest.raises(ValueError, match="start: expected at least 4 symbols, got 3"):
        model.write(small, [1], "row", 3, rng=rng)
    with pytest.raises(ValueError, match="start: expected at least 4 symbols, got 3"):
        model.speculate(small, small, "row", 3, ahead=2, rng=rng, shared=True)


@pytest.mark.parametrize("steps", [3, 7, 40])
def test_the_law_of_few_steps_is_that_of_the_steps_one_by_one(steps):
    rows = np.random.default_rng(3).dirichlet(np.ones(4), size=steps + 1) / 2
    masked, law = 1.0, np.zeros(4)
    for i in range(steps, 1, -1):
        law += masked * rows[i]
        masked *= 1 - rows[i].sum()
    law += masked * rows[1] / rows[1].sum()
    # Between integers that are next to each other nothing is interpolated.
    if steps < 30:
        np.testing.assert_allclose(model.drawn_law(steps, lambda i: rows[i]), law, rtol=1e-12)
    assert model.drawn_law(steps, lambda i: rows[i]).sum() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("steps", [3, 100, 65_536])
def test_exact_steps_draw_the_models_law_and_colder_ones_a_colder_law(steps):
    probs = np.array([0.6, 0.3, 0.1])
    law = model.drawn_law(steps, lambda i: probs / i)
    np.testing.assert_allclose(law, probs, rtol=1e-12)
    cold = model.drawn_law(steps, lambda i: probs**2 / i if i > 1 else probs)
    assert cold[0] > probs[0]
    expected, masked = np.zeros(3), 1.0
    for i in range(steps, 1, -1):
        expected += masked * probs**2 / i
        masked *= 1 - (probs**2).sum() / i
    np.testing.assert_allclose(cold, expected + masked * probs, rtol=1e-3)


def test_a_perfect_draft_is_never_refused(small):
    for shared in (False, True):
        text, given = model.speculate(
            small, small, "row 1", 20, ahead=3, rng=np.random.default_rng(0), shared=shared
        )
        assert given.tolist() == [4] * 20
        assert text.size == 84


def test_speculated_texts_have_the_law_of_the_target(small):
    """Pairs of neighbours after one context, by both ways; false alarm 1e-4 for each."""
    chain = train("aababbabaaabba", 2, alphabet="ab")
    other = train("ab", 1, alphabet="ab")
    p = np.exp(chain.log_probs([[0], [1]]))
    for shared in (False, True):
        text, _ = model.speculate(
            chain, other, "aaaa", 8000, ahead=2, rng=np.random.default_rng(2), shared=shared
        )
        for symbol in (0, 1):
            after = text[5:][text[4:-1] == symbol]
            counts = np.bincount(after, minlength=2)
            assert stats.chisquare(counts, after.size * p[symbol]).pvalue > 1e-4


@pytest.fixture(scope="module")
def written():
    """The model of the page, and the texts of its keys."""
    text = corpus()
    target = train(text[: len(text) * 9 // 10], 5)
    texts = model.write(
        target, np.arange(1, 5), "\nthe", 120, rule="new contexts", rng=np.random.default_rng(0)
    )
    return target, texts


class TestInteractive:
    """The interactive of language_models agrees with the library."""

    def test_scores_and_p_values_are_those_of_the_texts(self, interactive, written):
        target, texts = written
        size = len(target.alphabet)
        chart = interactive("language_models")
        for key, detector, n in ((1, 1, 120), (1, 2, 80), (4, 4, 17), (4, 1, 1), (3, 3, 33)):
            chart.set("key of the text", key)
            chart.set("key of the detector", detector)
            chart.set("symbols", n)
            text = texts[key - 1][: n + model.WIDTH]
            first = model.is_first(model.context_numbers(text, size))
            values = model.scores(text, detector, size)
            total = values[first].sum()
            numbers = chart.numbers
            assert numbers["score"] == pytest.approx(total, abs=0.006)
            expected = stats.gamma.logsf(total, first.sum()) / math.log(10)
            assert numbers["logp"] == pytest.approx(expected, abs=0.006)
            shown = target.decode(text).replace(" ", "␣").replace("\n", "↵")
            assert shown in chart.words.replace("\n", "").replace(" ", "")

    def test_the_marked_symbol_wins_the_race_shown(self, interactive, written):
        target, texts = written
        size = len(target.alphabet)
        chart = interactive("language_models")
        first = model.is_first(model.context_numbers(texts, size))
        again = next((key, n) for key, n in np.argwhere(~first).tolist() if n)
        for key, step in ((0, 4), (1, 29), again):
            chart.set("key of the text", key + 1)
            chart.set("symbols", step + 1)
            assert ("fresh noise" in chart.words) == (not first[key, step])
            step = int(np.flatnonzero(first[key, : step + 1])[-1])
            drawn = chart.box.evaluate(
                "box => [...box.querySelectorAll('[class*=mark-symbol] path')]"
                ".flatMap(path => path.__data__.mark.items.map(item => item.datum))"
            )
            race = [row for row in drawn if "g" in row]
            winners = {row["s"] for row in race if row["kind"] == "wins"}
            context = texts[key][step : step + model.WIDTH + 1]
            symbol = target.decode(context[-1:])
            assert winners == {symbol.replace(" ", "␣").replace("\n", "↵")}
            noise = keyed_gumbel(key + 1, int(model.context_numbers(context, size)[0]), 0, size)
            logits = target.log_probs(context[:-1])
            for row in race:
                k = target.alphabet.index({"␣": " ", "↵": "\n"}.get(row["s"], row["s"]))
                assert row["l"] == pytest.approx(logits[k], abs=0.006)
                assert row["g"] == pytest.approx(noise[k], abs=0.006)
