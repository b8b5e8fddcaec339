"""Claims of the chapter language_models: masks, marks, drafts, and noise with a ceiling."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special, stats

from ..._checks import Floats
from ...claims import chi_square, chi_square_power, claim
from ...coupling import maximal_coupling
from ...decoding import (
    expected_watermark_score,
    mask_min_p,
    mask_top_k,
    mask_top_p,
    speculative_step,
    truncated_race,
    watermark_noise,
)
from ...ngram import NGram, train
from ...noise import standard_gumbel
from ...trick import argmax_probabilities, gumbel_max
from .model import WIDTH, context_numbers, is_first, scores, speculate

ROWS = np.random.default_rng(8).normal(scale=1.5, size=(4, 6))
PROBS = np.array([0.4, 0.2, 0.15, 0.1, 0.08, 0.05, 0.01, 0.01])


def smallest_set(probs: Floats, p: float) -> tuple[int, ...]:
    """Of the smallest sets of classes with probability p together, the likeliest."""
    for size in range(1, probs.size + 1):
        groups = itertools.combinations(range(probs.size), size)
        best = max(groups, key=lambda group: probs[list(group)].sum())
        if probs[list(best)].sum() >= p:
            return best
    raise ValueError(f"p: expected at most 1, got {p}")


@claim(
    "mask-law",
    "The argmax of logits masked by top-p and Gumbel noise has the law softmax(logits) given the "
    "smallest set of classes of probability p, by all subsets.",
    method="quadrature",
    bound=1e-9,
    control="the mask after a temperature of 2",
    wrong={"mask": lambda logits, p: 2 * mask_top_p(logits / 2, p)},
)
def mask_law(mask: Any = mask_top_p) -> float:
    masked, given = [], []
    for row, p in itertools.product(ROWS, (0.3, 0.6, 0.9)):
        probs = special.softmax(row)
        inside = np.isin(np.arange(row.size), smallest_set(probs, p))
        masked.append(mask(row, p))
        given.append(np.where(inside, probs, 0.0) / probs[inside].sum())
    return float(np.abs(argmax_probabilities(masked) - given).max())


MANY = np.random.default_rng(9).normal(scale=2, size=(2000, 12))


@claim(
    "min-p-order",
    "Min-p with p after a temperature t keeps what min-p with p^t keeps before it (classes kept by "
    "one of the two alone, in 2,000 rows of 12).",
    method="floating point",
    bound=0.5,
    control="the same p before and after",
    wrong={"power": lambda p, t: p},
)
def min_p_order(power: Any = lambda p, t: p**t) -> float:
    differ = 0
    for t, p in itertools.product((0.5, 1.3, 2.0), (0.05, 0.2)):
        after, before = mask_min_p(MANY / t, p), mask_min_p(MANY, power(p, t))
        differ += int((np.isfinite(after) != np.isfinite(before)).sum())
    return float(differ)


@claim(
    "top-p-order",
    "Top-p after a temperature above 1 keeps at least as many classes as before it, and after one "
    "below 1 at most as many; top-k keeps the same (rows of 2,000 where this fails).",
    method="floating point",
    bound=0.5,
    control="a temperature that multiplies the logits",
    wrong={"scaled": lambda logits, t: logits * t},
)
def top_p_order(scaled: Any = lambda logits, t: logits / t) -> float:
    wrong = 0
    for t, p in itertools.product((0.5, 2.0), (0.5, 0.8, 0.95)):
        after = np.isfinite(mask_top_p(scaled(MANY, t), p)).sum(axis=1)
        before = np.isfinite(mask_top_p(MANY, p)).sum(axis=1)
        wrong += int((after < before if t > 1 else after > before).sum())
        same = np.isfinite(mask_top_k(scaled(MANY, t), 4)) == np.isfinite(mask_top_k(MANY, 4))
        wrong += int((~same).any(axis=1).sum())
    return float(wrong)


@claim(
    "top-k-min-p",
    "Top-k and min-p keep the same classes in either order (classes kept by one order alone, in "
    "2,000 rows of 12).",
    method="floating point",
    bound=0.5,
    control="top-k and top-p",
    wrong={"mask": mask_top_p},
)
def top_k_min_p(mask: Any = mask_min_p) -> float:
    differ = 0
    for k, p in itertools.product((1, 2, 4, 12), (0.01, 0.2, 0.7)):
        orders = mask(mask_top_k(MANY, k), p), mask_top_k(mask(MANY, p), k)
        differ += int(np.not_equal(*map(np.isfinite, orders)).sum())
    return float(differ)


KEYS = 20_000


@functools.cache  # a second, and claim and control take the same
def _over_keys() -> Floats:
    """The noise of one context for each key."""
    noise = np.stack([watermark_noise(key, 12_345, PROBS.size) for key in range(KEYS)])
    noise.flags.writeable = False
    return noise


def by_noise(logits: Floats, noise: Floats) -> NDArray[np.int64]:
    """The symbols that keyed noise picks."""
    return gumbel_max(logits, noise)  # type: ignore[no-any-return]


def by_lists(logits: Floats, noise: Floats) -> NDArray[np.int64]:
    """Symbols drawn after half of all, a green list that the key chooses, were given 2 nats."""
    green = np.isfinite(mask_top_k(noise, logits.size // 2))
    return gumbel_max(logits + 2.0 * green, standard_gumbel(noise.shape, rng=0))  # type: ignore[no-any-return]


@claim(
    "watermark-unbiased",
    "Over the keys, the symbol that keyed noise picks after a context has the model's law.",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=PROBS.size - 1)),
    control="a green list of half the symbols, with 2 nats more",
    wrong={"pick": by_lists},
    power=chi_square_power(PROBS, KEYS, 0.02),
)
def watermark_unbiased(pick: Any = by_noise) -> float:
    return chi_square(pick(np.log(PROBS), _over_keys()), PROBS)


@claim(
    "watermark-score",
    "The mean score -log P(G > g_k) of the drawn symbol is the sum of p_i H(1/p_i), H the harmonic "
    "number.",
    method="quadrature",
    bound=1e-9,
    control="1 plus the entropy",
    wrong={"expected": lambda logits: 1 + special.entr(special.softmax(logits, -1)).sum(-1)},
)
def watermark_score(
    expected: Any = expected_watermark_score, rarity: Any = lambda g: -stats.gumbel_r.logsf(g)
) -> float:
    gaps = []
    for row in (*ROWS, np.log(PROBS), np.zeros(3), np.zeros(1)):
        logits = special.log_softmax(row)
        others = ~np.eye(logits.size, dtype=bool)

        def integrand(x: float, logits: Floats = logits, others: Any = others) -> float:
            below = np.where(others, stats.gumbel_r.cdf(x - logits), 1.0).prod(axis=1)
            g = x - logits
            return float((rarity(g) * stats.gumbel_r.pdf(g) * below).sum())

        mean = integrate.quad(integrand, -8, 45, epsabs=1e-12, limit=200)[0]
        gaps.append(abs(mean - float(expected(logits))))
    return float(max(gaps))


@claim(
    "watermark-entropy",
    "The mean score of a drawn symbol lies between 1 + (pi^2/6 - 1) h and 1 + h, h the entropy in "
    "nats (laws of 5,000 that miss it).",
    method="floating point",
    bound=0.5,
    control="the entropy in bits",
    wrong={"unit": math.log(2)},
)
def watermark_entropy(unit: float = 1.0, slope: float = math.pi**2 / 6 - 1) -> float:
    rng = np.random.default_rng(10)
    logits = rng.normal(size=(5000, 20)) * 10.0 ** rng.uniform(-2, 1, size=(5000, 1))
    entropy = special.entr(special.softmax(logits, axis=1)).sum(axis=1) / unit
    mean = expected_watermark_score(logits)
    missed = (mean < 1 + slope * entropy - 1e-9) | (mean > 1 + entropy + 1e-9)
    return float(np.count_nonzero(missed))


# A plain text that repeats itself, as lists and forms do.
FORM = "".join(f"the mean of row {i} is 0.{i}.\n" for i in range(1, 8))
FORMS = 500
FORM_BOUND = math.sqrt(math.log(2e4) / 2)


@functools.cache  # a second, and claim and control take the same
def _form_scores(keyed: Any) -> tuple[Floats, NDArray[np.int64]]:
    """The scores of the form, a row for each key, and the numbers of its contexts."""
    model = train(FORM, 2)
    text, size = model.encode(FORM), len(model.alphabet)
    scored = np.stack([keyed(text, key, size) for key in range(FORMS)])
    numbers = context_numbers(text, size)
    scored.flags.writeable = numbers.flags.writeable = False
    return scored, numbers


def once(values: Floats, numbers: NDArray[np.int64]) -> float:
    """The p-value of a text when each context is scored once."""
    first = is_first(numbers)
    return float(stats.gamma.sf(values[first].sum(), first.sum()))


@claim(
    "watermark-once",
    "Of a text that does not depend on the key, the sum of the scores has the law Gamma(n, 1) if "
    "each of its n contexts is scored once: its p-values are uniform.",
    method="Monte Carlo",
    bound=FORM_BOUND,
    control="every position scored",
    wrong={"p_value": lambda values, numbers: stats.gamma.sf(values.sum(), values.size)},
    power=f"root of n times the largest distance to the uniform law, {FORMS} keys, false alarm "
    "1e-4 by the DKW inequality; a share of p-values that is off by 0.15 anywhere is caught with "
    "probability "
    f"{stats.norm.cdf((0.15 * math.sqrt(FORMS) - FORM_BOUND) / 0.5):.3g} or more",
)
def watermark_once(p_value: Any = once, keyed: Any = scores) -> float:
    scored, numbers = _form_scores(keyed)
    p_values = [p_value(values, numbers) for values in scored]
    return float(math.sqrt(FORMS) * stats.kstest(p_values, "uniform").statistic)


# A chain of two symbols, each the next one's context, and texts of four symbols after the first.
CHAIN = np.array([[0.7, 0.3], [0.6, 0.4]])
TEXTS = list(itertools.product(range(2), repeat=4))
TEXT_PROBS = np.array(
    [math.prod(CHAIN[a, b] for a, b in itertools.pairwise((0, *text))) for text in TEXTS]
)
WRITTEN = 100_000


@claim(
    "marked-text",
    "Over the keys, whole texts have the model's law if keyed noise is used at each context's "
    "first place and fresh noise at the others.",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=len(TEXTS) - 1)),
    control="keyed noise at every place",
    wrong={"repeats": True},
    power=chi_square_power(TEXT_PROBS, WRITTEN, 0.01),
)
def marked_text(repeats: bool = False) -> float:
    rng = np.random.default_rng(15)
    run = np.arange(WRITTEN)
    keyed = standard_gumbel((WRITTEN, 2, 2), rng=rng)  # run, context, symbol
    used = np.zeros((WRITTEN, 2), bool)
    last, number = np.zeros(WRITTEN, np.int64), np.zeros(WRITTEN, np.int64)
    for _ in range(4):
        fresh = standard_gumbel((WRITTEN, 2), rng=rng)
        again = used[run, last] & (not repeats)
        noise = np.where(again[:, None], fresh, keyed[run, last])
        used[run, last] = True
        last = gumbel_max(np.log(CHAIN)[last], noise)
        number = 2 * number + last
    return chi_square(number, TEXT_PROBS)


TARGET, DRAFT = np.log([0.1, 0.2, 0.3, 0.4]), np.log([0.4, 0.3, 0.2, 0.1])
DRAFTS = 100_000
PAIRS = maximal_coupling(DRAFT, TARGET).ravel()  # 8 of the 16 are possible


def instead_from_target(
    target: Floats, draft: Floats, drafted: Any, uniform: Any, noise: Floats
) -> tuple[Any, Any]:
    """After a rejection a draw from the whole of the target's law."""
    symbols, accepted = speculative_step(target, draft, drafted, uniform, noise)
    return np.where(accepted, symbols, gumbel_max(target, noise)), accepted


@claim(
    "speculative-law",
    "A draft that is kept with probability min(1, p/q) and else replaced by a draw from the excess "
    "of p over q has the target's law, and is kept as often as any coupling allows: its pairs of "
    "draft and symbol have the law of the maximal coupling.",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=7)),
    control="a draw from the whole of p after a rejection",
    wrong={"step": instead_from_target},
    power=chi_square_power(
        np.sort(maximal_coupling(DRAFT, TARGET).ravel())[::-1][:8], DRAFTS, 0.01
    ),
)
def speculative_law(step: Any = speculative_step) -> float:
    rng = np.random.default_rng(16)
    drafted = rng.choice(4, size=DRAFTS, p=np.exp(DRAFT))
    uniform, noise = rng.random(DRAFTS), standard_gumbel((DRAFTS, 4), rng=rng)
    symbols, _ = step(TARGET, DRAFT, drafted, uniform, noise)
    possible = np.flatnonzero(PAIRS > 0)
    pairs = 4 * drafted + symbols
    if not np.isin(pairs, possible).all():
        return math.inf
    return chi_square(np.searchsorted(possible, pairs), PAIRS[possible])


def _written(shared: bool, draft: NGram, target: NGram) -> NDArray[np.int64]:
    rng = np.random.default_rng(17)
    text = speculate(target, draft, FORM, 60, ahead=3, rng=rng, shared=shared)[0]
    return text[WIDTH : WIDTH + 60]  # without the start, which all texts share


@claim(
    "drafter-invariant",
    "With shared noise the text does not depend on the draft: symbols of 60 that differ between "
    "two drafts, or from the target alone.",
    method="floating point",
    bound=0.5,
    control="drafts that are kept or rejected",
    wrong={"shared": False},
)
def drafter_invariant(shared: bool = True) -> float:
    target = train(FORM + "the sum of all rows is not 1.8 (see below), but less.\n", 4)
    texts = [_written(shared, train(FORM, order), target) for order in (1, 3)]
    alone = list(target.encode(FORM)[-WIDTH:])
    rng = np.random.default_rng(17)
    for _ in texts[0]:
        noise = standard_gumbel(len(target.alphabet), rng=rng)
        alone.append(int(gumbel_max(target.log_probs(alone[-WIDTH:]), noise)))
    return float((texts[0] != texts[1]).sum() + (texts[0] != alone[WIDTH:]).sum())


class CutGumbel(stats.rv_continuous):  # type: ignore[misc]
    """The standard Gumbel given that it lies below a ceiling."""

    def __init__(self, ceiling: float) -> None:
        self.ceiling = ceiling
        super().__init__(b=ceiling)

    def _cdf(self, x: Any) -> Any:
        return stats.gumbel_r.cdf(x) / stats.gumbel_r.cdf(self.ceiling)

    def _pdf(self, x: Any) -> Any:
        return stats.gumbel_r.pdf(x) / stats.gumbel_r.cdf(self.ceiling)

    def _ppf(self, q: Any) -> Any:
        return stats.gumbel_r.ppf(q * stats.gumbel_r.cdf(self.ceiling))


@claim(
    "truncated-race",
    "Under Gumbel noise that is cut off at a ceiling, the stated sums are the probabilities that "
    "each class wins.",
    method="quadrature",
    bound=1e-9,
    control="the softmax, as without a ceiling",
    wrong={"stated": lambda logits, ceiling: special.softmax(logits, axis=-1)},
)
def truncated_law(stated: Any = truncated_race) -> float:
    gaps = [
        np.abs(stated(ROWS, ceiling) - argmax_probabilities(ROWS, CutGumbel(ceiling))).max()
        for ceiling in (0.0, 4.0)
    ]
    return float(max(gaps))


@claim(
    "ceiling-cools",
    "Noise cut off at a ceiling makes the likelier of two classes win more often still, in "
    "proportion (pairs of classes of which this fails).",
    method="quadrature",
    bound=0.5,
    control="Gumbel noise without a ceiling",
    wrong={"noise": lambda ceiling: stats.gumbel_r},
)
def ceiling_cools(noise: Any = CutGumbel) -> float:
    failed = 0
    for ceiling in (0.5, 3.0):
        won = argmax_probabilities(ROWS, noise(ceiling))
        ratio = won / special.softmax(ROWS, axis=-1)
        for first, second in itertools.permutations(range(ROWS.shape[1]), 2):
            likelier = ROWS[:, first] > ROWS[:, second]
            failed += int((likelier & (ratio[:, first] < ratio[:, second] + 1e-7)).sum())
    return float(failed)
