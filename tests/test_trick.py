"""The trick: exactness, shapes, masks, and the laws behind its proof."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, special, stats

from gumbel_lib import gumbel_max, standard_gumbel, trick
from gumbel_lib.maxima import Law
from gumbel_lib.trick import argmax_probabilities, last_arrival, logsumexp

finite = st.floats(-30, 30)
rows = arrays(np.float64, st.integers(1, 6), elements=finite)


@given(rows, st.integers(0, 2**32 - 1))
def test_is_the_argmax_of_the_sum_and_ignores_a_constant(logits, seed):
    noise = standard_gumbel((7, logits.size), rng=seed)
    index = gumbel_max(logits, noise)
    assert np.array_equal(index, np.argmax(logits + noise, axis=-1))
    # The shift rounds the sums: compare where no tie is near.
    top_two = np.sort(logits + noise, axis=-1)[:, -2:]
    clear = np.ptp(top_two, axis=-1) > 1e-9 if logits.size > 1 else np.ones(7, bool)
    assert np.array_equal(gumbel_max(logits + 12.5, noise)[clear], index[clear])


def test_axis_counts_on_the_logits_and_noise_leads():
    rng = np.random.default_rng(0)
    logits, noise = rng.normal(size=(4, 3)), standard_gumbel((5, 4, 3), rng=1)
    by_last = gumbel_max(logits, noise)
    by_first = gumbel_max(logits.T, np.swapaxes(noise, 1, 2), axis=0)
    assert by_last.shape == (5, 4)
    assert np.array_equal(by_last, by_first)


def test_a_masked_class_never_wins():
    logits = np.array([0.0, -np.inf, -50.0])
    assert not np.any(gumbel_max(logits, standard_gumbel((100_000, 3), rng=0)) == 1)
    assert argmax_probabilities(logits)[1] == 0


@given(rows)
@settings(max_examples=15)  # a tenth of a second each
def test_probabilities_under_gumbel_noise_are_softmax(logits):
    won = argmax_probabilities(logits)
    assert np.abs(won - special.softmax(logits)).max() < 1e-9


@pytest.mark.parametrize(
    "noise",
    [stats.norm, stats.logistic, stats.gumbel_l, stats.uniform, stats.expon, stats.Normal()],
)
def test_probabilities_under_any_noise_match_simulation(noise):
    logits = np.array([0.4, 0.0, -0.7])
    won = argmax_probabilities(logits, noise)
    assert won.sum() == pytest.approx(1, abs=1e-9)
    if hasattr(noise, "rvs"):
        sample = noise.rvs(size=(200_000, 3), random_state=1)
    else:
        sample = noise.sample((200_000, 3), rng=1)
    share = np.bincount(np.argmax(logits + sample, axis=1), minlength=3) / 200_000
    assert np.all(np.abs(share - won) < 5 * np.sqrt(won * (1 - won) / 200_000) + 1e-12)


def of_two(law, gap):
    """P that the class ahead by `gap` wins, over the quantiles of the one behind, in pieces."""
    ends = [law.cdf(point) for point in (*law.support(), law.median(), 0.0, 0.3)]
    kinks = [law.cdf(point + gap) for point in (*law.support(), law.median(), 0.0, 0.3)]
    kinks += [law.cdf(point - gap) for point in (*law.support(), law.median(), 0.0, 0.3)]
    pieces = np.unique(np.clip([0.0, 1.0, *ends, *kinks], 0, 1))
    return sum(
        integrate.quad(lambda u: law.cdf(law.ppf(u) + gap), a, b, epsabs=1e-13, limit=500)[0]
        for a, b in pairwise(pieces)
        if b - a > 1e-15
    )


# With an end, with a kink, with heavy tails, with an infinite density at an end.
EDGED = {
    "uniform": stats.uniform(),
    "far uniform": stats.uniform(loc=3, scale=2),
    "exponential": stats.expon(),
    "pareto": stats.pareto(3),
    "laplace": stats.laplace(),
    "truncated": stats.truncnorm(-1, 2),
    "triangle": stats.triang(0.3),
    "half normal": stats.halfnorm(),
    "heavy": stats.cauchy(),
    "left": stats.weibull_max(1.5),
    "steep": stats.gamma(0.5, loc=3),
    "steep below": stats.gamma(0.05),
    "steep above": stats.weibull_max(0.1),
    "arcsine": stats.arcsine(),
    "skewed": stats.lognorm(1),
}


@pytest.mark.parametrize("law", EDGED.values(), ids=EDGED)
@pytest.mark.parametrize("gap", [0.0, 0.4, 1.3])
def test_probabilities_keep_nine_digits_under_laws_with_ends_and_kinks(law, gap):
    exact = of_two(law, gap)
    won = argmax_probabilities([gap - 5, -5.0], law)
    assert won == pytest.approx([exact, 1 - exact], rel=0, abs=1e-9)


def test_a_batch_keeps_nine_digits_under_a_law_with_a_kink():
    # The kinks of all rows lie in one quadrature, which finds no thousand of them by itself.
    logits = np.random.default_rng(0).normal(scale=2, size=(20, 5))
    logits[:, 2:] -= 100
    won = argmax_probabilities(logits, stats.laplace)
    for (first, second, *_), row in zip(logits, won, strict=True):
        ahead = of_two(stats.laplace(), abs(first - second))
        assert row[:2].max() == pytest.approx(ahead, rel=0, abs=1e-9)
    spread = np.random.default_rng(1).normal(size=(200, 5))
    alone = np.array([argmax_probabilities(row, stats.laplace) for row in spread[:20]])
    won = argmax_probabilities(spread, stats.laplace)
    assert won[:20] == pytest.approx(alone, rel=0, abs=1e-9)


def exponential_race(logits):
    """Under Exponential noise: the density times the product of 1 - exp(...), expanded."""
    behind = max(logits) - np.array(logits)
    won = np.zeros(behind.size)
    for k, own in enumerate(behind):
        others = np.exp(-np.delete(behind, k))
        terms = np.array([1.0])  # of a polynomial in exp(-x)
        for other in others:
            terms = np.convolve(terms, [1.0, -other])
        won[k] = np.exp(-own) * (terms / np.arange(1, terms.size + 1)).sum()
    return won


def test_probabilities_of_many_classes_under_exponential_and_uniform_noise():
    logits = np.array([0.4, 0.0, -0.7, 0.4, -3.0, 0.39])
    won = argmax_probabilities(logits, stats.expon)
    assert won == pytest.approx(exponential_race(logits), rel=0, abs=1e-9)
    place = np.array([0.0, -0.25, -0.5, -0.25, -1.5])
    ends = np.unique(np.concatenate([place, place + 1]))

    def density(x):  # of winning at x, a polynomial on each piece
        below = np.clip(x - place[:, None], 0, 1)
        inside = (x > place[:, None]) & (x < place[:, None] + 1)
        return inside * [np.delete(below, k, axis=0).prod(axis=0) for k in range(place.size)]

    pieces = [integrate.fixed_quad(density, a, b, n=5)[0] for a, b in pairwise(ends)]
    won = argmax_probabilities(place, stats.uniform)
    assert won == pytest.approx(np.sum(pieces, axis=0), rel=0, abs=1e-9)
    assert won[-1] == 0


def test_probabilities_of_equal_far_and_single_classes():
    for law in (stats.uniform, stats.expon, stats.gamma(0.1), stats.cauchy, stats.gumbel_r):
        for size in (20, 1000):
            won = argmax_probabilities(np.zeros(size), law)
            assert won == pytest.approx([1 / size] * size, rel=0, abs=1e-9)
        assert argmax_probabilities([7.0], law) == pytest.approx([1.0], abs=1e-9)
    assert argmax_probabilities([1e308, -1e308], stats.uniform).tolist() == [1.0, 0.0]
    masked = argmax_probabilities([0.0, -np.inf, -0.5], stats.uniform)
    assert masked == pytest.approx([0.875, 0.0, 0.125], abs=1e-12)
    # The difference of two Cauchy variables is Cauchy too.
    won = argmax_probabilities([0.0, -1e6], stats.cauchy)
    assert won[1] == pytest.approx(stats.cauchy.sf(1e6, scale=2), rel=1e-6)


@pytest.mark.parametrize("gap", 10 ** np.arange(1, 8.5, 0.5))
def test_probabilities_of_a_class_far_behind_under_heavy_noise(gap):
    # Half of them come from a peak of width 1 at -gap, where the leader's noise rarely is.
    won = argmax_probabilities([0.0, -gap], stats.cauchy)
    assert won[1] == pytest.approx(stats.cauchy.sf(gap, scale=2), rel=0, abs=1e-9)


KINDS = {
    "normal": lambda rng, size: rng.normal(scale=2, size=size),
    "uniform": lambda rng, size: rng.random(size),
    "ties": lambda rng, size: rng.integers(3, size=size),
    "one dominant": lambda rng, size: np.append(20.0, rng.normal(size=size - 1)),
    "Zipf": lambda rng, size: -1.07 * np.log(1 + np.arange(size)),
    "masked": lambda rng, size: np.append(0.0, np.where(rng.random(size - 1) < 0.9, -np.inf, 0.5)),
    "offset": lambda rng, size: 1e8 + rng.normal(size=size),
    "wide": lambda rng, size: rng.uniform(-1e5, 1e5, size),
}


@pytest.mark.parametrize("size", [2, 10, 100, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_of_all_kinds_of_logits(kind, size):
    logits = KINDS[kind](np.random.default_rng(size), size)
    expected = special.softmax(logits)
    assert argmax_probabilities(logits) == pytest.approx(expected, rel=0, abs=1e-9)


def test_probabilities_of_many_classes_take_no_square_of_their_number():
    logits = np.random.default_rng(0).normal(scale=2, size=50_000)
    tracemalloc.start()
    won = argmax_probabilities(logits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.abs(won - special.softmax(logits)).max() < 1e-11
    assert peak < 200e6


@pytest.mark.parametrize("noise", [stats.norm, stats.uniform, stats.expon])
def test_rows_of_a_batch_share_the_calls_of_their_law(noise, monkeypatch):
    calls = []

    class Counted(Law):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            cdf = self.cdf
            self.cdf = lambda x: calls.append(None) or cdf(x)

    monkeypatch.setattr(trick, "Law", Counted)
    logits = np.random.default_rng(0).normal(size=(300, 3))
    argmax_probabilities(logits, noise)
    of_batch = len(calls)
    argmax_probabilities(logits[0], noise)
    assert of_batch < 4 * (len(calls) - of_batch)


@pytest.mark.parametrize("noise", [stats.gumbel_r, stats.uniform, stats.Normal()])
def test_how_many_pieces_lie_side_by_side_changes_nothing(noise, monkeypatch):
    # In groups that are full and not, among them a last one with more empty pieces than others.
    logits = np.random.default_rng(3).random((4, 5))
    expected = argmax_probabilities(logits, noise)
    for pieces in range(1, 13):
        monkeypatch.setattr(trick, "_TOGETHER", pieces * logits.size)
        won = argmax_probabilities(logits, noise)
        assert won == pytest.approx(expected, rel=0, abs=1e-9)


def test_a_law_whose_probabilities_are_not_found_is_refused():
    # A narrow peak, away from the median.
    narrow = stats.Mixture(
        [stats.Normal(mu=0.0, sigma=1e-9), stats.Normal(mu=5.0)], weights=[0.5, 0.5]
    )
    # So far away that floats there lie further apart than quantiles.
    far = [stats.uniform(1e17, 1), stats.arcsine(1e20), stats.norm(1e17, 1)]
    for law in (narrow, *far):
        with pytest.raises(ValueError, match="^noise: expected .*, got "):
            argmax_probabilities([0.4, 0.0, -0.7], law)


def test_empty_batches_have_no_probabilities():
    assert argmax_probabilities(np.zeros((0, 3))).shape == (0, 3)
    assert argmax_probabilities(np.zeros((2, 0, 3)), stats.uniform).shape == (2, 0, 3)


@pytest.mark.parametrize("noise", [stats.norm, stats.uniform, stats.expon])
def test_rows_of_a_batch_in_slices(noise, monkeypatch):
    monkeypatch.setattr(trick, "_AT_ONCE", 8)
    logits = np.random.default_rng(1).normal(size=(5, 4))
    together = argmax_probabilities(logits, noise)
    alone = np.array([argmax_probabilities(row, noise) for row in logits])
    assert np.abs(together - alone).max() < 1e-11


def test_probabilities_of_a_batch_are_those_of_its_rows():
    logits = np.log(np.random.default_rng(0).dirichlet(np.ones(4), size=(2, 3)))
    together = argmax_probabilities(logits, stats.norm)
    alone = argmax_probabilities(logits[1, 2], stats.norm)
    assert together.shape == (2, 3, 4)
    assert np.abs(together[1, 2] - alone).max() < 1e-9


@given(rows)
def test_logsumexp_is_scipys(logits):
    assert logsumexp(logits) == pytest.approx(special.logsumexp(logits), abs=1e-12)


def test_logsumexp_of_a_batch_with_masks():
    logits = np.array([[0.0, -np.inf], [1000.0, 1000.0]])
    assert logsumexp(logits) == pytest.approx([0.0, 1000.0 + np.log(2)])
    assert logsumexp(logits.T, axis=0) == pytest.approx([0.0, 1000.0 + np.log(2)])


GOOD = np.zeros(3)
BAD = {
    "NaN logits": ((np.array([0.0, np.nan]), np.zeros(2)), "logits: expected"),
    "infinite logits": ((np.array([0.0, np.inf]), np.zeros(2)), "logits: expected"),
    "all masked": ((np.full((2, 3), -np.inf), np.zeros(3)), "logits: expected"),
    "no classes": ((np.zeros((2, 0)), np.zeros((2, 0))), "logits: expected"),
    "scalar": ((np.array(0.0), np.array(0.0)), "logits: expected"),
    "a ragged list": (([[0.0, 1.0], [0.0]], np.zeros(2)), "logits: expected"),
    "a mask": ((np.ma.array([0.0, 1.0], mask=[False, True]), np.zeros(2)), "logits: expected"),
    "text": ((GOOD, "noise"), "noise: expected"),
    "no noise": ((GOOD, None), "noise: expected"),
    "complex": ((GOOD + 1j, GOOD), "logits: expected"),
    "NaN noise": ((GOOD, np.array([0.0, np.nan, 0.0])), "noise: expected"),
    "infinite noise": ((GOOD, np.array([0.0, np.inf, 0.0])), "noise: expected"),
    "overflow": ((GOOD + 1e308, np.array([0.0, 0.0, 1e308])), "noise: expected"),
    "overflow downwards": ((GOOD - 1e308, np.array([0.0, 0.0, -1e308])), "noise: expected"),
    "one noise for all": ((GOOD, np.zeros((4, 1))), "noise: expected"),
    "scalar noise": ((GOOD, np.array(0.5)), "noise: expected"),
    "shapes": ((GOOD, np.zeros(4)), "expected shapes that broadcast"),
    "batches": ((np.zeros((2, 3)), np.zeros((5, 3))), "expected shapes that broadcast"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    arguments, named = BAD[case]
    with pytest.raises((TypeError, ValueError), match=f"^{named}.*, got "):
        gumbel_max(*arguments)


@pytest.mark.parametrize("axis", [1, -2, 0.5, True])
def test_bad_axis_is_named(axis):
    with pytest.raises((TypeError, ValueError), match="^axis: expected .*, got "):
        gumbel_max(GOOD, GOOD, axis=axis)


def test_noise_that_is_no_law_is_named():
    for noise in (stats.poisson(3), "normal", None):
        with pytest.raises(TypeError, match="^noise: expected a continuous law"):
            argmax_probabilities(GOOD, noise)


def test_who_arrives_last_by_simulation():
    means = np.array([3.0, 2.0, 2.0, 0.5])
    last = np.random.default_rng(0).exponential(means, (100_000, 4)).argmax(axis=1)
    probs = last_arrival(means)
    assert probs.sum() == pytest.approx(1)
    assert stats.chisquare(np.bincount(last), 100_000 * probs).pvalue > 1e-6
    for wrong in ([0.0, 1.0], [1.0, np.inf], [[1.0]], "soon"):
        with pytest.raises((TypeError, ValueError), match="^means: expected .*, got "):
            last_arrival(wrong)


@pytest.mark.parametrize("skewness", [1.14, 2])
@pytest.mark.filterwarnings("error")
def test_a_law_whose_far_quantiles_are_infinite_warns_of_nothing(skewness):
    # SciPy has no formula for the tails of this law: some of its quantiles at 3e-20 are infinite.
    # The difference of two such numbers is symmetric, so turning them round changes nothing.
    logits, won = [[0.0, -3.0], [0.0, 0.0], [0.0, -np.inf]], []
    for noise in (stats.pearson3(skewness), stats.pearson3(-skewness)):
        assert not np.isfinite([noise.isf(3e-20), noise.ppf(3e-20)]).all()
        won.append(argmax_probabilities(logits, noise))
    assert abs(won[0] - won[1]).max() < 1e-9
    assert abs(won[0][1:] - [[0.5, 0.5], [1, 0]]).max() < 1e-9
