"""Claims of the chapter gradient_estimators."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import special

from ... import estimators
from ..._checks import Floats
from ...claims import claim, complex_step, cpu_jax
from ...estimators import Loss, exact_moments
from ...relaxation import softmax

# The chapter's example: the distribution of the book, and losses that agree on its corners.
PROBS = np.array([0.6, 0.3, 0.1])
LOGITS = np.log(PROBS)
COSTS = np.array([1.0, 3.0, 0.0])
TEMPERATURES = (0.1, 1.0)


def corner_losses(costs: Floats) -> dict[str, Loss]:
    """Three losses that are `costs` on the one-hots: linear, quadratic and logarithmic."""
    likelihoods = np.exp(-costs)
    return {
        "linear": Loss(lambda b: b @ costs, lambda b: 0 * b + costs),
        "quadratic": Loss(
            lambda b: b @ costs - (b * (1 - b)).sum(axis=-1), lambda b: costs - 1 + 2 * b
        ),
        "logarithmic": Loss(
            lambda b: -np.log(b @ likelihoods),
            lambda b: -likelihoods / (b @ likelihoods)[..., None],
        ),
    }


LOSSES = corner_losses(COSTS)
CURVED = (LOSSES["quadratic"], LOSSES["logarithmic"])


def _mean_loss(logits: Any, loss: Loss) -> Any:
    """The expected loss of a draw, for complex logits too."""
    weights = np.exp(logits)
    return weights @ loss.value(np.eye(weights.size)) / weights.sum()


def _gradient(logits: Floats, loss: Loss) -> Floats:
    return complex_step(partial(_mean_loss, loss=loss), logits)


def _gap(found: Any, expected: Any) -> float:
    return float(np.abs(found - expected).max())


def _models(seed: int, sizes: tuple[int, ...]) -> list[tuple[Floats, Floats, Floats]]:
    """Logits, and the matrix and vector of a random quadratic loss, for each number of classes."""
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=K), rng.normal(size=(K, K)), rng.normal(size=K)) for K in sizes]


def _quadratic(matrix: Floats, vector: Floats) -> Loss:
    symmetric = (matrix + matrix.T) / 2
    return Loss(
        lambda b: ((b @ symmetric) * b).sum(axis=-1) + b @ vector,
        lambda b: 2 * b @ symmetric + vector,
    )


def _plus(one: Loss, other: Loss) -> Loss:
    return Loss(
        lambda b: one.value(b) + other.value(b), lambda b: one.gradient(b) + other.gradient(b)
    )


def _self_in(loss: Loss, logits: Floats, noise: Floats) -> Any:
    """Leave-one-out that forgets to leave the own loss out of its baseline."""
    return estimators.leave_one_out(loss, logits, noise) * (len(noise) - 1) / len(noise)


@claim(
    "leave-one-out",
    "REINFORCE with the mean loss of the other draws as its baseline has the exact gradient as "
    "its mean. At n draws its variance is that of one draw with the exact mean as its baseline, "
    "over n, plus (Var f (1 - |p|^2) + |gradient|^2) / (n (n - 1)); taken for n = 2, 3 and 4.",
    method="enumeration",
    bound=1e-10,
    control="the own loss in the baseline too",
    wrong={"estimate": _self_in},
)
def leave_one_out(
    estimate: Callable[..., Floats] = estimators.leave_one_out,
    extra: Callable[[int], float] = lambda n: 1 / (n * (n - 1)),
) -> float:
    gaps = []
    loss, gradient = LOSSES["linear"], _gradient(LOGITS, LOSSES["linear"])
    centred = COSTS - PROBS @ COSTS
    for n in (2, 3, 4):
        found = exact_moments(partial(estimate, loss, LOGITS), LOGITS, rows=n)
        alone = (PROBS * centred**2) @ ((np.eye(3) - PROBS) ** 2).sum(axis=1) - gradient @ gradient
        cross = (PROBS @ centred**2) * (1 - PROBS @ PROBS) + gradient @ gradient
        gaps.append(_gap(found.mean, gradient))
        gaps.append(abs(found.variance - alone / n - extra(n) * cross))
    return max(gaps)


@claim(
    "running-baseline",
    "With a baseline from earlier draws, REINFORCE's variance is the one at the baseline's mean "
    "plus Var beta (1 - |p|^2); for running means of one to five losses, three decays.",
    method="enumeration",
    bound=1e-10,
    control="the baseline's own variance left out",
    wrong={"weight": 0.0},
)
def running_baseline(weight: float = 1.0) -> float:
    gaps = []
    loss, values = LOSSES["linear"], COSTS
    for decay, steps in itertools.product((0.0, 0.5, 0.9), (1, 2, 5)):
        history = np.array(list(itertools.product(range(3), repeat=steps)))
        chance = PROBS[history].prod(axis=1)
        share = (1 - decay) * decay ** np.arange(steps)
        beta = values[history] @ share
        mean = chance @ beta
        spread = chance @ (beta - mean) ** 2
        every = np.broadcast_to(9 * np.eye(3) - LOGITS, (1, beta.size, 3, 3))
        found = estimators.reinforce(loss, LOGITS, every, baseline=beta[:, None])
        masses = chance[:, None] * PROBS
        first = np.einsum("hk,hkj->j", masses, found)
        second = np.einsum("hk,hkj->", masses, (found - first) ** 2)
        fixed = exact_moments(
            partial(estimators.reinforce, loss, LOGITS, baseline=mean), LOGITS
        ).variance
        gaps += [
            _gap(first, _gradient(LOGITS, loss)),
            _gap(second - fixed, weight * spread * (1 - PROBS @ PROBS)),
        ]
    return max(gaps)


def _average(loss: Loss, logits: Floats, noise: Floats) -> Any:
    average = estimators.straight_through(loss, logits, noise)
    return (average + estimators.darn(loss, logits, noise)) / 2


@claim(
    "reinmax-average",
    "For every draw, ReinMax is the average of straight-through and DARN; taken for random "
    "quadratic losses of 2 to 6 classes.",
    method="enumeration",
    bound=1e-10,
    control="straight-through alone",
    wrong={"average": estimators.straight_through},
)
def reinmax_average(average: Callable[..., Floats] = _average) -> float:
    gaps = []
    for logits, matrix, vector in _models(1, (2, 3, 4, 6)):
        loss = _quadratic(matrix, vector)
        for noise in 9 * np.eye(logits.size)[:, None] - logits:
            found = estimators.reinmax(loss, logits, noise)
            gaps.append(_gap(found, average(loss, logits, noise)))
    return max(gaps)


def _cube(factor: float, first: Floats) -> Loss:
    return Loss(
        lambda b: factor * (b @ first) ** 3,
        lambda b: 3 * factor * (b @ first)[..., None] ** 2 * first,
    )


@claim(
    "reinmax-quadratic",
    "ReinMax has the exact gradient as its mean for quadratic losses; taken for random ones of 2 "
    "to 5 classes.",
    method="enumeration",
    bound=1e-10,
    control="straight-through",
    wrong={"estimate": estimators.straight_through},
)
def reinmax_quadratic(
    estimate: Callable[..., Floats] = estimators.reinmax, cubic: float = 0.0
) -> float:
    gaps = []
    for logits, matrix, vector in _models(2, (2, 3, 4, 5)):
        loss = _plus(_quadratic(matrix, vector), _cube(cubic, np.eye(logits.size)[0]))
        found = exact_moments(partial(estimate, loss, logits), logits)
        gaps.append(_gap(found.mean, _gradient(logits, loss)))
    return max(gaps)


def _bend(c: float) -> Loss:
    return Loss(lambda b: c * (b * (1 - b)).sum(axis=-1), lambda b: c * (1 - 2 * b))


@claim(
    "corners-and-between",
    "Adding c sum b(1 - b) to a loss changes no corner; it moves straight-through's mean by "
    "-2c (diag p - p p^T) p and ReinMax's mean by nothing; c = -1, 1 and 5, three losses.",
    method="enumeration",
    bound=1e-10,
    control="the factor 2 left out",
    wrong={"factor": -1.0},
)
def corners_and_between(factor: float = -2.0) -> float:
    gaps = []
    moves = factor * (np.diag(PROBS) - np.outer(PROBS, PROBS)) @ PROBS
    for loss, c in itertools.product(LOSSES.values(), (-1.0, 1.0, 5.0)):
        bent = _plus(loss, _bend(c))
        gaps.append(_gap(bent.value(np.eye(3)), loss.value(np.eye(3))))
        for estimate, move in ((estimators.straight_through, c * moves), (estimators.reinmax, 0.0)):
            means = [
                exact_moments(partial(estimate, one, LOGITS), LOGITS).mean for one in (bent, loss)
            ]
            gaps.append(_gap(means[0] - means[1], move))
    return max(gaps)


@claim(
    "cold-rao-blackwell",
    "As t goes to 0, the mean of straight-through Gumbel-softmax given the draw tends to ReinMax, "
    "for each draw; taken at t = 1e-6 for three losses of three classes.",
    method="quadrature",
    bound=1e-4,
    control="at t = 0.5",
    wrong={"t": 0.5},
)
def cold_rao_blackwell(t: float = 1e-6, limit: Callable[..., Floats] = estimators.reinmax) -> float:
    gaps = []
    for loss in LOSSES.values():
        run = partial(estimators.straight_through_gumbel, loss, LOGITS, temperature=t)
        given = exact_moments(run, LOGITS, temperature=t).given
        draws = 9 * np.eye(3)[:, None] - LOGITS  # for each winner, one row of noise
        gaps += [_gap(given[k], limit(loss, LOGITS, noise)) for k, noise in enumerate(draws)]
    return max(gaps)


@claim(
    "decoupled-temperatures",
    "ST-GS with two temperatures is 1/t_f times ST-GS for the logits l/t_f at t_b/t_f, and its "
    "mean tends to the gradient of the mean loss under softmax(l/t_f) where the loss is quadratic; "
    "t_f = 0.5 and 2, three losses, and t_b = 1e-6 t_f for the mean.",
    method="quadrature",
    bound=1e-4,
    control="the factor 1/t_f left out",
    wrong={"factor": lambda ahead: 1.0},
)
def decoupled_temperatures(
    factor: Callable[[float], float] = lambda ahead: 1 / ahead, cooler: float = 1.0
) -> float:
    gaps = []
    noise = np.random.default_rng(5).gumbel(size=(200, 3))
    for ahead in (0.5, 2.0):
        scaled = LOGITS / (ahead * cooler)
        for loss, back in itertools.product(LOSSES.values(), (0.1, 1.0)):
            drawn = np.eye(3)[(LOGITS + ahead * noise).argmax(axis=-1)]
            soft = special.softmax((LOGITS + ahead * noise) / back, axis=-1)
            found = _pulled_back(soft, loss.gradient(drawn)) / back
            run = partial(estimators.straight_through_gumbel, loss, scaled)
            each = run(noise[None], temperature=back / ahead)
            gaps.append(_gap(found, factor(ahead) * each))
        loss = LOSSES["quadratic"]
        run = partial(estimators.straight_through_gumbel, loss, scaled, temperature=1e-6)
        mean = exact_moments(run, scaled, temperature=1e-6).mean
        # The chain rule for l -> l / t_f, whose derivative is taken at l / t_f.
        gaps.append(_gap(factor(ahead) * mean, _gradient(LOGITS / ahead, loss) / ahead))
    return max(gaps)


def _pulled_back(b: Floats, slope: Floats) -> Any:
    """The slope by a softmax b times the softmax's Jacobian."""
    return b * (slope - (b * slope).sum(axis=-1, keepdims=True))


def _forgetful(loss: Loss, logits: Floats, noise: Floats, temperature: float) -> Any:
    """Rao-Blackwell with fresh noise that forgets the draw."""
    drawn = np.eye(logits.size)[(logits + noise[0]).argmax(axis=-1)]
    soft = special.softmax((logits + noise[1]) / temperature, axis=-1)
    return _pulled_back(soft, loss.gradient(drawn)) / temperature


@claim(
    "rao-blackwell-mean",
    "With its noise drawn anew given its draw, straight-through Gumbel-softmax keeps its mean and "
    "both parts of its variance, and three such estimates are averaged; two losses, t = 0.1 and 1.",
    method="quadrature",
    bound=1e-4,
    control="fresh noise that forgets the draw",
    wrong={"estimate": _forgetful},
)
def rao_blackwell_mean(
    estimate: Callable[..., Floats] = estimators.rao_blackwell, kept: float = 1.0
) -> float:
    gaps = []
    for loss, t in itertools.product(CURVED, TEMPERATURES):
        plain, averaged = (
            exact_moments(
                partial(one, loss, LOGITS, temperature=t), LOGITS, rows=rows, temperature=t
            )
            for one, rows in ((estimators.straight_through_gumbel, 1), (estimate, 2))
        )
        gaps += [
            _gap(averaged.mean, plain.mean),
            _gap(averaged.between, kept * plain.between),
            _gap(averaged.within, plain.within),
            _gap(averaged.given, plain.given),
        ]
        one = partial(estimate, loss, LOGITS, temperature=t)
        rows = np.random.default_rng(4).gumbel(size=(4, 3))
        apart = [one(rows[[0, i]]) for i in (1, 2, 3)]
        gaps.append(_gap(one(rows), np.mean(apart, axis=0)))
    return max(gaps)


def _same_noise(loss: Loss, logits: Floats, noise: Floats, *, control: Loss) -> Any:
    """REBAR that takes the perturbed logits themselves where fresh ones given the draw belong."""
    perturbed = logits + noise[0]
    drawn = np.eye(logits.size)[perturbed.argmax(axis=-1)]
    weight = loss.value(drawn) - control.value(perturbed)
    return weight[..., None] * (drawn - special.softmax(logits))


def _sine() -> Loss:
    """A control variate that is no loss: the sine of an average of the softmax."""
    wave = np.array([1.0, -0.5, 2.0])

    def gradient(x: Floats) -> Floats:
        b = special.softmax(x, axis=-1)
        return np.asarray(np.cos(b @ wave)[..., None] * _pulled_back(b, wave))

    return Loss(lambda x: np.sin(special.softmax(x, axis=-1) @ wave), gradient)


@claim(
    "control-mean-zero",
    "RELAX has the exact gradient as its mean with any control variate; taken for REBAR's at "
    "t = 0.1 and 1 with scales 1 and 3, for two losses, and for one that is no loss.",
    method="quadrature",
    bound=1e-4,
    control="the same noise in place of fresh noise given the draw",
    wrong={"estimate": _same_noise},
)
def control_mean_zero(estimate: Callable[..., Floats] = estimators.relax) -> float:
    gaps = []
    for loss in CURVED:
        controls = [(_sine(), 1.0)]
        for t, scale in itertools.product(TEMPERATURES, (1.0, 3.0)):
            controls.append((_relaxed(loss, t, scale), t))
        for control, t in controls:
            run = partial(estimate, loss, LOGITS, control=control)
            found = exact_moments(run, LOGITS, rows=2, temperature=t)
            gaps.append(_gap(found.mean, _gradient(LOGITS, loss)))
    return max(gaps)


def _relaxed(loss: Loss, t: float, scale: float) -> Loss:
    """The scaled loss of the softmax at a temperature, as a function of the perturbed logits."""

    def gradient(x: Floats) -> Any:
        b = special.softmax(x / t, axis=-1)
        return scale * _pulled_back(b, loss.gradient(b)) / t

    return Loss(lambda x: scale * loss.value(special.softmax(x / t, axis=-1)), gradient)


PAIR_LOSS = Loss(lambda b: b @ COSTS[:2], np.zeros_like)  # of two classes, seen at draws alone


def _neuron(phi: Any, xp: Any = np) -> Loss:
    """A control variate with three parameters: a neuron that sees the softmax of two classes."""

    def parts(x: Any) -> tuple[Any, Any]:
        b = softmax(x, 0.7)
        return b, xp.tanh(b @ phi[:2])

    def gradient(x: Any) -> Any:
        b, height = parts(x)
        return phi[2] * (1 - height**2)[..., None] * _pulled_back(b, phi[:2]) / 0.7

    return Loss(lambda x: phi[2] * parts(x)[1], gradient)


def _square(xp: Any, estimate: Callable[..., Any], phi: Any, logits: Floats, noise: Floats) -> Any:
    """|G|^2 of each draw."""
    return (estimate(PAIR_LOSS, logits, noise, control=_neuron(phi, xp)) ** 2).sum(axis=-1)


def _misfit(xp: Any, estimate: Callable[..., Any], phi: Any, logits: Floats, noise: Floats) -> Any:
    """(f(D) - c)^2 of each draw, with c at the perturbed logits that were redrawn."""
    drawn = softmax(logits + noise[0], 0.0)
    fresh = estimators._given(np, logits, drawn, noise[1])
    return (drawn @ COSTS[:2] - _neuron(phi, xp).value(xp.asarray(fresh))) ** 2


@claim(
    "variance-gradient",
    "The gradient of RELAX's variance by the parameters of its control variate is the mean of the "
    "gradient of the estimate's square; taken for a neuron at two points, for two classes.",
    method="quadrature",
    bound=1e-4,
    control="the gradient of the squared distance between loss and control variate",
    wrong={"objective": _misfit},
)
def variance_gradient(
    objective: Callable[..., Any] = _square,
    estimate: Callable[..., Any] = estimators.relax,
) -> float:
    jax = cpu_jax(double=True)
    logits, t = np.log([0.7, 0.3]), 0.7
    first, second, masses = estimators._gaps(logits, t)
    # Given the winner, every row of first noise with every row of second noise.
    joint = masses[:, :, None] * masses[:, None] / masses.sum(axis=1)[:, None, None]
    pairs = np.broadcast_arrays(first[:, :, None], second[:, None])
    noise = np.stack([pair.reshape(-1, 2) for pair in pairs])

    def mean(phi: Any) -> Any:
        return joint.ravel() @ objective(jax.numpy, estimate, phi, logits, noise)

    def variance(phi: Floats) -> float:
        run = partial(estimate, PAIR_LOSS, logits, control=_neuron(phi))
        return exact_moments(run, logits, rows=2, temperature=t).variance

    gaps = []
    for phi in (np.array([1.0, -0.5, 0.8]), np.array([-2.0, 0.3, -1.5])):
        small = 1e-4 * np.eye(3)
        slope = [(variance(phi + h) - variance(phi - h)) / 2e-4 for h in small]
        gaps.append(_gap(np.asarray(jax.grad(mean)(jax.numpy.asarray(phi))), np.array(slope)))
    return max(gaps)


def _without_baseline(loss: Loss, logits: Floats, noise: Floats, k: int) -> Any:
    """The classes of the set weighed by their probabilities alone."""
    p = special.softmax(logits)
    order = np.argsort(-(logits + noise), axis=-1)[..., :k]
    one_hots = np.eye(logits.size)[order]
    share = p[order] / p[order].sum(axis=-1, keepdims=True)
    weight = share * loss.value(one_hots)
    return ((weight[..., None]) * (one_hots - p)).sum(axis=-2).mean(axis=0)


@claim(
    "unordered-set-gradient",
    "The estimate from k classes drawn without replacement has the exact gradient as its mean; "
    "taken for k = 2 and 3 of three to five classes.",
    method="enumeration",
    bound=1e-10,
    control="the classes weighed by their probabilities alone",
    wrong={"estimate": _without_baseline},
)
def unordered_set_gradient(
    estimate: Callable[..., Floats] = estimators.unordered_set,
) -> float:
    gaps = []
    for (logits, matrix, vector), k in itertools.product(_models(3, (3, 4, 5)), (2, 3)):
        loss = _quadratic(matrix, vector)
        found = exact_moments(partial(estimate, loss, logits, k=k), logits)
        gaps.append(_gap(found.mean, _gradient(logits, loss)))
    return max(gaps)


def bernoulli_moments(
    estimate: Callable[..., Floats], loss: Loss, log_odds: Floats
) -> tuple[Floats, Floats]:
    """Mean and variance (d,) of an estimate from logistic noise for d Bernoullis, by quadrature.

    Where the two draws of a bit are the same, the noise lies between -|l| and |l|, elsewhere beyond
    it. In the uniform level of the noise each part is a Gauss-Legendre rule of 8 points: ARM is
    linear in the level, so that its square is integrated exactly.
    """
    node, weight = np.polynomial.legendre.leggauss(8)
    axes, weights = [], []
    for size in np.abs(log_odds):
        ends = np.array([0.0, special.expit(-size), special.expit(size), 1.0])
        half = np.diff(ends) / 2
        level = ends[:-1, None] + half[:, None] * (1 + node)
        axes.append(special.logit(level.ravel()))
        weights.append((half[:, None] * weight).ravel())
    noise = np.stack([x.ravel() for x in np.meshgrid(*axes, indexing="ij")], axis=-1)
    mass = np.stack([x.ravel() for x in np.meshgrid(*weights, indexing="ij")], axis=-1).prod(
        axis=-1
    )
    found = estimate(loss, log_odds, noise[None])
    mean = mass @ found
    return mean, mass @ (found - mean) ** 2


def _bit_losses() -> list[Loss]:
    pair = np.array([[0.0, 2.0], [1.0, -1.0]])
    return [
        Loss(lambda b: (b[..., 0] - 0.45) ** 2, lambda b: 2 * (b - 0.45)),
        Loss(lambda b: pair[b[..., 0].astype(int), b[..., -1].astype(int)], lambda b: b),
    ]


@claim(
    "disarm",
    "DisARM and ARM have the exact gradient as their mean for one and two Bernoullis. For one, "
    "with q = sigma(-|l|), DisARM's variance is (f(1) - f(0))^2 q (1 - q)^2 (1/2 - q), which is 0 "
    "at l = 0.",
    method="quadrature",
    bound=1e-9,
    control="ARM's variance in place of DisARM's",
    wrong={"estimate": estimators.arm},
)
def disarm(
    estimate: Callable[..., Floats] = estimators.disarm,
    variance: Callable[[float], float] = lambda q: q * (1 - q) ** 2 * (0.5 - q),
) -> float:
    gaps = []
    for loss, log_odds in itertools.product(
        _bit_losses(), (np.zeros(1), np.array([0.5]), np.array([-2.0]), np.array([0.7, -1.2]))
    ):
        bits = np.array(list(itertools.product((0.0, 1.0), repeat=log_odds.size)))
        p = special.expit(log_odds)
        chance = np.where(bits == 1, p, 1 - p).prod(axis=1)
        exact = (chance * loss.value(bits)) @ (bits - p)
        for one in (estimate, estimators.arm):
            gaps.append(_gap(bernoulli_moments(one, loss, log_odds)[0], exact))
        if log_odds.size == 1:
            found = bernoulli_moments(estimate, loss, log_odds)[1][0]
            step = float(np.diff(loss.value(bits))[0])
            q = float(special.expit(-abs(log_odds[0])))
            gaps.append(abs(float(found) - step**2 * variance(q)))
    return max(gaps)


SUBSET_LOGITS = np.array([1.2, 0.5, 0.0, -0.4, -1.0, -1.5])


def subsets(size: int, k: int) -> Floats:
    """Indicators (C, size) of all subsets of k classes."""
    chosen = list(itertools.combinations(range(size), k))
    return np.array([np.isin(np.arange(size), one) for one in chosen], dtype=float)


def _log_normaliser(logits: Any, k: int) -> Any:
    """The logarithm of the k-th elementary symmetric polynomial of the weights."""
    coefficients = [1.0] + [0.0] * k
    for weight in np.exp(logits):
        for i in range(k, 0, -1):
            coefficients[i] = coefficients[i] + weight * coefficients[i - 1]
    return np.log(coefficients[k])


def _subset_mean(logits: Any, indicators: Floats, values: Floats) -> Any:
    """The mean of a function of the subset, for complex logits too."""
    weights = np.exp(indicators @ logits)
    return weights @ values / weights.sum()


def _covariance(indicators: Floats) -> Floats:
    chance = special.softmax(indicators @ SUBSET_LOGITS)
    centred = indicators - chance @ indicators
    return np.asarray((chance[:, None] * centred).T @ centred)


@claim(
    "subset-marginals",
    "Where k classes are drawn with probability proportional to the product of their weights, the "
    "inclusion probabilities are the gradient of the log-normaliser by the logits, and their own "
    "gradient is the covariance of the indicators; taken for k = 1, 2, 3 of 6.",
    method="complex step",
    bound=1e-10,
    control="the covariance of independent indicators",
    wrong={"independent": True},
)
def subset_marginals(independent: bool = False) -> float:
    gaps = []
    for k in (1, 2, 3):
        indicators = subsets(SUBSET_LOGITS.size, k)
        marginals = _subset_mean(SUBSET_LOGITS, indicators, indicators)
        covariance = _covariance(indicators)
        if independent:
            covariance = np.diag(np.diag(covariance))
        gaps.append(_gap(complex_step(partial(_log_normaliser, k=k), SUBSET_LOGITS), marginals))
        inclusion = partial(_subset_mean, indicators=indicators, values=indicators)
        gaps.append(_gap(complex_step(inclusion, SUBSET_LOGITS), covariance))
    return max(gaps)


@claim(
    "simple-linear",
    "SIMPLE, the slope at a drawn subset times the covariance of the indicators, is the exact "
    "gradient for linear losses, whatever is drawn; taken for k = 1, 2, 3 of 6.",
    method="enumeration",
    bound=1e-10,
    control="a quadratic loss",
    wrong={"bend": 1.0},
)
def simple_linear(bend: float = 0.0) -> float:
    gaps = []
    costs = np.array([1.0, -2.0, 0.5, 3.0, 0.0, -1.0])
    for k in (1, 2, 3):
        indicators = subsets(costs.size, k)
        matrix = bend * np.outer(costs, costs)
        values = indicators @ costs + ((indicators @ matrix) * indicators).sum(axis=1) / 2
        slopes = costs + indicators @ matrix
        mean = partial(_subset_mean, indicators=indicators, values=values)
        gaps.append(_gap(slopes @ _covariance(indicators), complex_step(mean, SUBSET_LOGITS)))
    return max(gaps)


def relaxed_top_k(perturbed: Floats, k: int, t: float) -> Floats:
    """Sum of k softmaxes, each after the last has lowered what it chose."""
    total = np.zeros_like(perturbed)
    scores = perturbed.copy()
    for _ in range(k):
        soft = special.softmax(scores / t, axis=-1)
        total += soft
        scores = scores + np.log(np.maximum(1 - soft, np.finfo(float).tiny))
    return total


@claim(
    "relaxed-top-k",
    "The relaxed top-k sums to k, and yet an entry can exceed 1: for the logits (12, 0, 0, 0, 0, "
    "0), without noise, k = 3 and t = 2, one exceeds 2.",
    method="floating point",
    bound=1e-10,
    control="inclusion probabilities in place of the relaxed top-k",
    wrong={"sample": lambda scores, k, t: _inclusion(scores / t, k)},
)
def relaxed_top_k_exceeds_one(
    sample: Callable[[Floats, int, float], Floats] = relaxed_top_k,
) -> float:
    scores = np.array([12.0, 0, 0, 0, 0, 0])
    found = sample(scores, 3, 2.0)
    return max(abs(float(found.sum()) - 3), 2 - float(found.max()))


def _inclusion(logits: Floats, k: int) -> Floats:
    indicators = subsets(logits.size, k)
    return np.asarray(_subset_mean(logits, indicators, indicators))
