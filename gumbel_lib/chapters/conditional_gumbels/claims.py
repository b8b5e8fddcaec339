"""Claims of the chapter conditional_gumbels: noise given its choice, and shared noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, optimize, special, stats

from ..._checks import Floats
from ...claims import chi_square, chi_square_power, claim
from ...coupling import (
    agreement,
    coupling_probabilities,
    posterior_gumbel,
)
from ...noise import standard_gumbel, truncated_gumbel
from ...sampling import order_probabilities
from ...trick import gumbel_max, logsumexp

LOGITS = np.array([0.6, -1.2, 0.2, -0.3])
P, Q = np.array([0.5, 0.3, 0.15, 0.05]), np.array([0.2, 0.3, 0.1, 0.4])
DRAWS = 200_000

Posterior = Callable[..., Any]
Coupling = Callable[[Floats, Floats], Floats]


def own_maximum(logits: Floats, chosen: Any, noise: Floats) -> Floats:
    """Each other class below a maximum of its own, not below the one that was reached.

    Its maximum is made from another class's noise, so each class alone has the right law.
    """
    made: Floats = posterior_gumbel(logits, chosen, noise)
    tops = logsumexp(logits) + np.roll(noise, 1, axis=-1)
    others: Floats = truncated_gumbel(noise, tops - logits)
    first = np.asarray(chosen)[..., None]
    kept: Floats = np.where(np.arange(logits.size) == first, made, others)
    return kept


def _log_density_gap(k: int, chosen: Any, probs: Floats, posterior: Posterior) -> float:
    """Log-density of the map's value less that of noise given the winners, the largest gap.

    Fresh noise g has the density phi(g), so g' has phi(g) / |dg'/dg|. It must be phi(g') over the
    probability of the winners.
    """
    noise: Floats = np.asarray(standard_gumbel((20, len(probs), LOGITS.size), rng=21), np.float64)
    options = {"k": k} if k > 1 else {}

    def made(g: Floats) -> Floats:
        return np.asarray(posterior(LOGITS, chosen, g, **options))

    def log_phi(g: Floats) -> Floats:
        total: Floats = -(g + np.exp(-g)).sum(axis=-1)
        return total

    half = 1e-4
    steps = half * np.eye(LOGITS.size).reshape(-1, 1, 1, LOGITS.size)
    slopes = [(made(noise + step) - made(noise - step)) / (2 * half) for step in steps]
    _, log_det = np.linalg.slogdet(np.stack(slopes, axis=-1))
    given_winners = log_phi(made(noise)) - np.log(probs)
    return float(np.abs(log_phi(noise) - log_det - given_winners).max())


@claim(
    "posterior-noise",
    "posterior_gumbel maps Gumbel noise to noise with the density exp(-sum(g + e^-g)) / p_i, that "
    "of Gumbel noise given that class i won: 20 points for each of 4 classes, derivatives by "
    "differences (largest gap of log-densities).",
    method="floating point",
    bound=1e-4,
    control="each other class below a maximum of its own",
    wrong={"posterior": own_maximum},
)
def posterior_noise(posterior: Posterior = posterior_gumbel) -> float:
    return _log_density_gap(1, np.arange(LOGITS.size), special.softmax(LOGITS), posterior)


@claim(
    "posterior-order",
    "The same for two and for three winners in order, with the probability of the order in the "
    "place of p_i: all 36 orders of 4 classes.",
    method="floating point",
    bound=1e-4,
    control="the winners in the reverse order",
    wrong={"reorder": lambda orders: orders[:, ::-1]},
)
def posterior_order(
    posterior: Posterior = posterior_gumbel, reorder: Any = lambda orders: orders
) -> float:
    gaps = []
    for k in (2, 3):
        exact = order_probabilities(LOGITS, k)
        probs = np.array(list(exact.values()))
        gaps.append(_log_density_gap(k, reorder(np.array(list(exact))), probs, posterior))
    return max(gaps)


def independent(logits_p: Floats, logits_q: Floats) -> Floats:
    """Joint law of two draws with noise of their own."""
    p, q = (special.softmax(logits, axis=-1) for logits in (logits_p, logits_q))
    joint: Floats = p[..., :, None] * q[..., None, :]
    return joint


def by_races(p: Floats, q: Floats) -> Floats:
    """P(i wins one race, j the other), by quadrature over the winning times.

    The exponential E_k arrives at E_k / p_k in the first race and at E_k / q_k in the second.
    """
    joint = np.zeros((p.size, p.size))
    for i, j in itertools.product(range(p.size), repeat=2):
        if i == j:  # E_i = x, and every other E_k later in both races

            def density(x: float, i: int = i) -> float:
                latest = np.maximum(p / p[i], q / q[i]) * x
                return math.exp(-latest.sum())

            joint[i, i] = integrate.quad(density, 0, 60, epsabs=1e-11)[0]
            continue
        rest = [k for k in range(p.size) if k not in (i, j)]

        def apart(y: float, x: float, i: int = i, j: int = j, rest: Any = rest) -> float:
            others = sum(max(p[k] * x, q[k] * y) for k in rest)
            return float(p[i] * q[j] * math.exp(-p[i] * x - q[j] * y - others))

        low, high = p[j] / q[j], p[i] / q[i]
        if low < high:
            joint[i, j] = integrate.dblquad(
                apart, 0, 60 / p[i], lambda x, c=low: c * x, lambda x, c=high: c * x, epsabs=1e-9
            )[0]
    return joint


@claim(
    "shared-noise-law",
    "P(i, j) of coupling_probabilities is the probability that i wins a race of exponentials with "
    "rates p and j the race of the same exponentials with rates q: three classes, all nine pairs, "
    "by integrals over the two winning times.",
    method="quadrature",
    bound=1e-6,
    control="noise of their own",
    wrong={"joint": independent},
)
def joint_law(joint: Coupling = coupling_probabilities) -> float:
    p, q = np.array([0.5, 0.2, 0.3]), np.array([0.25, 0.45, 0.3])
    return float(np.abs(joint(np.log(p), np.log(q)) - by_races(p, q)).max())


JOINT = coupling_probabilities(np.log(P), np.log(Q))
POSSIBLE = JOINT > 0


@claim(
    "counterfactual-draws",
    "A class i drawn from p, noise given i, and the class j that this noise draws from q: pairs "
    "come with probability P(i, j) of coupling_probabilities, two models of four classes "
    "(chi-square).",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=POSSIBLE.sum() - 1)),
    control="fresh noise",
    wrong={"posterior": lambda logits, chosen, noise: noise},
    power=chi_square_power(JOINT[POSSIBLE], DRAWS, 0.01),
)
def counterfactual_draws(posterior: Posterior = posterior_gumbel) -> float:
    rng = np.random.default_rng(22)
    i = rng.choice(P.size, size=DRAWS, p=P)
    noise = posterior(np.log(P), i, standard_gumbel((DRAWS, P.size), rng=rng))
    j = gumbel_max(np.log(Q), noise)
    if not np.all(POSSIBLE[i, j]):
        return math.inf
    place = np.cumsum(POSSIBLE).reshape(POSSIBLE.shape) - 1
    return chi_square(place[i, j], JOINT[POSSIBLE])


def violates(p: Floats, q: Floats, i: NDArray[np.int64], j: NDArray[np.int64]) -> Any:
    """Whether j replaces i though q_i / p_i is at least q_j / p_j; ratios nearly equal pass."""
    rows = np.arange(len(p))
    return (i != j) & (q[rows, i] * p[rows, j] > q[rows, j] * p[rows, i] * (1 + 1e-12))


def shared_uniform(logits: Floats, uniform: Floats) -> NDArray[np.int64]:
    """Draws by inverse CDF, a uniform number for each row."""
    cdf = np.cumsum(special.softmax(logits, axis=-1), axis=-1)
    drawn: NDArray[np.int64] = (cdf < uniform[:, None] * cdf[:, -1:]).sum(axis=-1)
    return drawn


@claim(
    "counterfactual-stability",
    "Under shared Gumbel noise no draw i is replaced by a j whose ratio q_j / p_j is smaller: "
    "200,000 pairs of models, a draw each (share of violations).",
    method="Monte Carlo",
    bound=1e-9,
    control="inverse CDF from a shared uniform",
    wrong={"uniform": True},
    power="no false alarm; violations in 1 of 10,000 draws show with probability above 1 - 1e-8",
)
def counterfactual_stability(uniform: bool = False, own_noise: bool = False) -> float:
    rng = np.random.default_rng(23)
    one, two = rng.normal(size=(2, DRAWS, 4))
    if uniform:
        level = rng.random(DRAWS)
        i, j = shared_uniform(one, level), shared_uniform(two, level)
    else:
        noise = standard_gumbel((DRAWS, 4), rng=rng)
        other = standard_gumbel((DRAWS, 4), rng=rng) if own_noise else noise
        i, j = gumbel_max(one, noise), gumbel_max(two, other)
    p, q = special.softmax(one, axis=-1), special.softmax(two, axis=-1)
    return float(violates(p, q, i, j).mean())


Law = tuple[Fraction, ...]
Joint = dict[tuple[int, int], Fraction]


def as_often_as_possible(p: Law, q: Law) -> Joint:
    """The maximal coupling, in fractions."""
    distance = sum(max(a - b, Fraction(0)) for a, b in zip(p, q, strict=True))
    joint = {}
    for i, j in itertools.product(range(len(p)), repeat=2):
        moved = max(p[i] - q[i], Fraction(0)) * max(q[j] - p[j], Fraction(0))
        joint[i, j] = min(p[i], q[i]) if i == j else moved / distance if moved else Fraction(0)
    return joint


@claim(
    "maximal-stability",
    "The maximal coupling replaces no i by a j whose ratio q_j / p_j is not larger, has the laws p "
    "and q, and agrees with probability 1 - TV: all pairs of laws with three positive "
    "probabilities in sevenths (largest error).",
    method="exact arithmetic",
    bound=1e-9,
    control="independent draws",
    wrong={
        "couple": lambda p, q: {
            (i, j): p[i] * q[j] for i, j in itertools.product(range(3), repeat=2)
        }
    },
)
def maximal_stability(couple: Callable[[Law, Law], Joint] = as_often_as_possible) -> float:
    laws = [
        tuple(Fraction(n, 7) for n in (a, b, 7 - a - b))
        for a in range(1, 6)
        for b in range(1, 7 - a)
    ]
    worst = Fraction(0)
    for p, q in itertools.product(laws, repeat=2):
        joint = couple(p, q)
        unstable = sum(
            mass for (i, j), mass in joint.items() if i != j and q[i] * p[j] >= q[j] * p[i]
        )
        rows = [sum(joint[i, j] for j in range(3)) - p[i] for i in range(3)]
        columns = [sum(joint[i, j] for i in range(3)) - q[j] for j in range(3)]
        distance = sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
        agreed = sum(joint[i, i] for i in range(3)) - (1 - distance)
        worst = max(worst, *(abs(Fraction(x)) for x in (unstable, agreed, *rows, *columns)))
    return float(worst)


def pairs(classes: int, count: int, seed: int) -> tuple[Floats, Floats]:
    """Random logits of two models, from nearly level to very uneven."""
    rng = np.random.default_rng(seed)
    spread = rng.exponential(2, size=(2, count, 1))
    one, two = spread * rng.normal(size=(2, count, classes))
    return one, two


def shared_gumbel(one: Floats, two: Floats) -> Floats:
    """P(both pick the same class), summed class by class as reparameterization has it."""
    p, q = special.softmax(one, axis=-1), special.softmax(two, axis=-1)
    largest = np.maximum(p[:, None] / p[:, :, None], q[:, None] / q[:, :, None])
    total: Floats = (1 / largest.sum(axis=-1)).sum(axis=-1)
    return total


def shared_inverse_cdf(one: Floats, two: Floats) -> Floats:
    return agreement(one, two).inverse_cdf


@claim(
    "agreement-bounds",
    "Under shared Gumbel noise two models agree with probability at least (1 - TV)/(1 + TV) and at "
    "most 1 - TV: 20,000 random pairs of two to six classes (largest excess).",
    method="floating point",
    bound=1e-9,
    control="inverse CDF from a shared uniform",
    wrong={"agreed": shared_inverse_cdf},
)
def agreement_bounds(agreed: Any = shared_gumbel) -> float:
    excess = 0.0
    for classes in range(2, 7):
        one, two = pairs(classes, 4000, seed=classes)
        p, q = special.softmax(one, axis=-1), special.softmax(two, axis=-1)
        distance = np.abs(p - q).sum(axis=-1) / 2
        both = agreed(one, two)
        least, most = (1 - distance) / (1 + distance), 1 - distance
        excess = max(excess, float(np.max(least - both)), float(np.max(both - most)))
    return excess


@claim(
    "agreement-least",
    "The two agree with probability (1 - TV)/(1 + TV) where each class is equally probable in both "
    "models or belongs to one of them only: 1,000 random pairs of six classes (largest gap).",
    method="floating point",
    bound=1e-9,
    control="a shared class 10% less probable in one model",
    wrong={"change": 0.9},
)
def agreement_least(change: float = 1.0, agreed: Any = agreement) -> float:
    rng = np.random.default_rng(24)
    shared = rng.dirichlet(np.ones(4), size=1000) * rng.random((1000, 1))
    # Classes 4 and 5 belong to one model each.
    other = shared * np.array([change, 1, 1, 1])
    none = np.zeros((1000, 1))
    p = np.hstack([shared, 1 - shared.sum(axis=1, keepdims=True), none])
    q = np.hstack([other, none, 1 - other.sum(axis=1, keepdims=True)])
    with np.errstate(divide="ignore"):
        both = agreed(np.log(p), np.log(q))
    return float(np.abs(both.gumbel - both.bound).max())


@claim(
    "agreement-most",
    "Two models of two classes, or of any number where every class that both can draw has the "
    "smallest or the largest ratio q_k / p_k, agree as often as any coupling lets them: 1,000 "
    "random pairs each (largest gap).",
    method="floating point",
    bound=1e-9,
    control="three ratios",
    wrong={"ratios": 3},
)
def agreement_most(ratios: int = 2, agreed: Any = agreement) -> float:
    rng = np.random.default_rng(25)
    two = agreed(*pairs(2, 1000, seed=26))
    one = rng.normal(size=(1000, 6))
    # One number is added to the logits of each group of classes.
    group = np.arange(6) % ratios
    several = agreed(one, one + rng.normal(size=(1000, ratios))[:, group])
    return float(max(np.abs(both.gumbel - both.maximal).max() for both in (two, several)))


@claim(
    "agreement-ends",
    "Over all pairs of laws of three classes in sevenths, two models agree with probability "
    "(1 - TV)/(1 + TV), or 1 - TV, in the cases that the theorem names and in no others (number of "
    "pairs where it errs).",
    method="floating point",
    bound=0.5,
    control="its conditions asked of all classes, not only of those that both can draw",
    wrong={"of_all": True},
)
def agreement_ends(of_all: bool = False, agreed: Any = agreement) -> float:
    laws = np.array([(a, b, 7 - a - b) for a in range(8) for b in range(8 - a)])
    p, q = np.repeat(laws, len(laws), axis=0), np.tile(laws, (len(laws), 1))
    with np.errstate(divide="ignore"):
        both = agreed(np.log(p / 7), np.log(q / 7))
    either = p + q > 0
    asked = either if of_all else (p > 0) & (q > 0)
    share = np.divide(p, p + q, where=either, out=np.full(p.shape, np.nan))
    ends = np.nanmin(share, axis=1), np.nanmax(share, axis=1)
    extreme = (share == ends[0][:, None]) | (share == ends[1][:, None])
    errs = np.zeros(len(p), dtype=bool)
    for condition, end in ((p == q, both.bound), (extreme, both.maximal)):
        # A gap that is not 0 is a fraction far above rounding.
        errs |= (condition | ~asked).all(axis=1) != (np.abs(both.gumbel - end) < 1e-9)
    return float(errs.sum())


def frechet(p: Floats, q: Floats) -> tuple[Floats, Floats]:
    """The least and the largest P(i, j) over all couplings."""
    most: Floats = np.minimum(p[:, None], q)
    least: Floats = np.maximum(p[:, None] + q - 1, 0)
    return least, most


@claim(
    "counterfactual-range",
    "Over all joint laws of two draws with laws p and q, P(i, j) takes the values from "
    "max(0, p_i + q_j - 1) to min(p_i, q_j): linear programs for all pairs of three classes, two "
    "pairs of models (largest gap at either end).",
    method="floating point",
    bound=1e-6,
    control="the value of independent draws",
    wrong={"ends": lambda p, q: (np.outer(p, q), np.outer(p, q))},
)
def counterfactual_range(ends: Any = frechet) -> float:
    worst = 0.0
    for p, q in (([0.25, 0.45, 0.3], [0.45, 0.43, 0.12]), ([0.1, 0.2, 0.7], [0.15, 0.05, 0.8])):
        least, most = ends(np.array(p), np.array(q))
        rows = np.kron(np.eye(3), np.ones(3))
        columns = np.kron(np.ones(3), np.eye(3))
        equal = {"A_eq": np.vstack([rows, columns]), "b_eq": [*p, *q]}
        for i, j in itertools.product(range(3), repeat=2):
            cost = np.zeros((3, 3))
            cost[i, j] = 1
            low = optimize.linprog(cost.ravel(), **equal).fun
            high = -optimize.linprog(-cost.ravel(), **equal).fun
            worst = max(worst, abs(low - least[i, j]), abs(high - most[i, j]))
    return float(worst)


# States well, unwell, critical; the next one by action and state. Made up for the chapter.
WATCH = np.array([[0.85, 0.13, 0.02], [0.25, 0.45, 0.30], [0.05, 0.25, 0.70]])
TREAT = np.array([[0.90, 0.09, 0.01], [0.45, 0.43, 0.12], [0.15, 0.45, 0.40]])
SEEN = (1, 1, 2)  # unwell, unwell, critical, all under WATCH


def replayed(coupling: Coupling = coupling_probabilities) -> Floats:
    """Law of the last state, had the patient been treated, given the states seen under watching."""
    now = np.eye(3)[SEEN[0]]
    for before, after in itertools.pairwise(SEEN):
        given = [
            coupling(np.log(WATCH[before]), np.log(row))[after] / WATCH[before, after]
            for row in TREAT
        ]
        now = now @ np.array(given)
    result: Floats = now
    return result


@claim(
    "triage-counterfactual",
    "Two steps replayed under treatment with the noise that led to the states seen end in each "
    "state as often as the product of the steps' conditional laws says (chi-square).",
    method="Monte Carlo",
    bound=float(stats.chi2.isf(1e-4, df=2)),
    control="fresh noise in the second step",
    wrong={"fresh_step": 1},
    power=chi_square_power(replayed(), DRAWS, 0.01),
)
def triage_counterfactual(fresh_step: int | None = None) -> float:
    rng = np.random.default_rng(27)
    state = np.full(DRAWS, SEEN[0])
    for step, (before, after) in enumerate(itertools.pairwise(SEEN)):
        noise = standard_gumbel((DRAWS, 3), rng=rng)
        if step != fresh_step:
            noise = posterior_gumbel(np.log(WATCH[before]), after, noise)
        state = gumbel_max(np.log(TREAT[state]), noise)
    return chi_square(state, replayed())
