"""Claims of the page of questions."""

from __future__ import annotations

import functools
from itertools import product
from typing import Any

import numpy as np
import sympy
from scipy import integrate, special, stats

from ... import trick
from ..._checks import Floats
from ...claims import claim, cpu_jax, symbolic_gap
from ...concrete import (
    concrete_kl,
    concrete_logpdf,
    relaxed_objectives,
    simplex_masses,
    two_class_gradients,
)

LOGITS = np.log([0.6, 0.3, 0.1])


@functools.cache
def _bent_logpdf() -> Any:
    """The log-density up to a constant, and its Hessian, at many points (all entries but one)."""
    jax = cpu_jax(double=True)
    jnp = jax.numpy

    def logpdf(free: Any, logits: Any, temperature: float) -> Any:
        log_b = jnp.log(jnp.append(free, 1 - free.sum()))
        z = logits - temperature * log_b
        return (z - log_b).sum() - logits.size * jax.nn.logsumexp(z)

    def both(*point: Any) -> tuple[Any, Any]:
        return logpdf(*point), jax.hessian(logpdf)(*point)

    return jax.jit(jax.vmap(both, in_axes=(0, None, None)))


@claim(
    "log-convex",
    "At temperatures up to 1/(K - 1) the log-density of the relaxed sample is convex, so it has "
    "no peak inside the simplex; taken at that temperature and at half of it, for K = 3, 4, 5.",
    method="autodiff",
    bound=1e-8,
    control="at twice that temperature",
    wrong={"factors": (2.0,)},
)
def log_convex(factors: tuple[float, ...] = (0.5, 1.0)) -> float:
    bent = _bent_logpdf()
    rng = np.random.default_rng(0)
    worst = 0.0
    for num_classes in (3, 4, 5):
        points = rng.dirichlet(np.full(num_classes, 0.5), 300) + 1e-3
        points /= points.sum(axis=1, keepdims=True)
        for logits in (np.zeros(num_classes), np.linspace(2, -1, num_classes)):
            for factor in factors:
                t = factor / (num_classes - 1)
                # The density bent here is the library's, up to its constant.
                values, hessians = bent(points[:, :-1], logits, t)
                constant = concrete_logpdf(points, logits, t) - values
                eigenvalues = np.linalg.eigvalsh(hessians)
                relative = -eigenvalues[:, 0] / np.abs(eigenvalues).max(axis=1)
                worst = max(worst, float(relative.max()), float(np.ptp(constant)))
    return worst


@claim(
    "straight-through-bias",
    "With two classes and a quadratic loss, straight-through on the relaxed sample has the exact "
    "mean gradient as the temperature goes to 0; taken at 1e-5, for three probabilities and "
    "three targets.",
    method="quadrature",
    bound=1e-4,
    control="straight-through on a multinomial draw",
    wrong={"estimator": "multinomial"},
)
def straight_through_bias(estimator: str = "straight-through", temperature: float = 1e-5) -> float:
    gaps: list[float] = []
    for p, target in product((0.2, 0.7, 0.95), (0.0, 0.45, 0.8)):
        estimates = two_class_gradients(float(special.logit(p)), temperature, target)
        gaps.append(abs(estimates[estimator][0] - estimates["exact"][0]))
    return max(gaps)


# Logits of a posterior and of a prior.
PAIRS = (
    (np.array([1.2, 0.0]), np.zeros(2)),
    (LOGITS, np.zeros(3)),
    (np.array([0.3, -1.0, 0.5]), np.array([-0.4, 0.0, 1.0])),
)


@claim(
    "concrete-kl",
    "The KL between two Concrete laws of one temperature does not depend on that temperature; "
    "taken at t = 0.5 and 2, for two and three classes.",
    method="quadrature",
    bound=1e-7,
    control="the prior at temperature 1 throughout",
    wrong={"prior_temperature": 1.0},
)
def concrete_kl_temperature(
    prior_temperature: float | None = None, formula: Any = concrete_kl
) -> float:
    gaps = []
    for (logits, prior), t in product(PAIRS, (0.5, 2.0)):
        mean = 0.0
        for b, mass in simplex_masses(logits, t):
            log_p = concrete_logpdf(b, prior, prior_temperature or t)
            mean += float(mass @ (concrete_logpdf(b, logits, t) - log_p))
        gaps.append(abs(mean - formula(logits, prior)))
    return float(max(gaps))


def categorical_kl(logits: Floats, prior_logits: Floats) -> float:
    """KL of two categorical laws.

    Examples
    --------
    >>> round(categorical_kl(np.log([0.6, 0.3, 0.1]), np.zeros(3)), 4)
    0.2007
    """
    q = special.softmax(logits)
    return float(special.rel_entr(q, special.softmax(prior_logits)).sum())


@claim(
    "concrete-kl-larger",
    "The KL between two Concrete laws of one temperature is at least that between the "
    "categorical laws of their logits; taken at 60 pairs of logits for two to five classes.",
    method="quadrature",
    bound=1e-9,
    control="the two exchanged",
    wrong={"exchanged": True},
)
def concrete_kl_larger(exchanged: bool = False) -> float:
    rng = np.random.default_rng(0)
    pairs = [rng.normal(scale=2, size=(2, size)) for size in (2, 3, 5) for _ in range(20)]
    excess = [categorical_kl(*pair) - concrete_kl(*pair) for pair in pairs]
    return max(-gap if exchanged else gap for gap in excess)


@claim(
    "concrete-bound",
    "Relaxed samples with the Concrete KL stay below the relaxed model's log-likelihood; taken for "
    "one model of two classes at t = 0.5, 1 and 2, at 49 posteriors.",
    method="quadrature",
    bound=1e-6,
    control="relaxed samples with the categorical KL",
    wrong={"objective": "mixed"},
)
def concrete_bound(objective: str = "concrete") -> float:
    probs = np.linspace(0.02, 0.98, 49)
    excess = 0.0
    for t in (0.5, 1.0, 2.0):
        # The uniform prior is symmetric, so the relaxed model's likelihood is the mean one.
        values = relaxed_objectives(probs, (0.9, 0.1), t)[objective]
        excess = max(excess, float(values.max() - np.log((0.9 + 0.1) / 2)))
    return excess


@claim(
    "sign-error",
    "log(-log u) in place of -log(-log u) lets each class win as often as it would arrive last "
    "in a race with means p; taken for two to five classes.",
    method="quadrature",
    bound=1e-9,
    control="the right sign",
    wrong={"noise": stats.gumbel_r},
)
def sign_error(noise: Any = stats.gumbel_l, last: Any = trick.last_arrival) -> float:
    gaps = []
    for weights in ([7, 3], [6, 3, 1], [1, 1, 4, 4], [5, 1, 2, 9, 3]):
        probs = np.array(weights) / np.sum(weights)
        won = trick.argmax_probabilities(np.log(probs), noise)
        gaps.append(np.abs(won - last(probs)).max())
    return float(max(gaps))


@claim(
    "binary-relaxation",
    "sigmoid((l + log u - log(1 - u))/t), with u uniform, has the law of the entry of class 1 of "
    "a relaxed sample with the logits 0 and l; its cumulative distribution function is compared "
    "at three places for three l and t.",
    method="quadrature",
    bound=1e-7,
    control="one Gumbel in place of the logistic noise",
    wrong={"noise": stats.gumbel_r},
)
def binary_relaxation(
    noise: Any = stats.logistic,
    threshold: Any = lambda odds, logit, t: t * odds - logit,
) -> float:
    def mass(log_odds: float, logit: float, t: float) -> float:
        # The relaxed sample's density, over the log-odds of its entry.
        b = np.array([special.expit(-log_odds), special.expit(log_odds)])
        return float(np.exp(concrete_logpdf(b, np.array([0.0, logit]), t)) * b.prod())

    gaps: list[float] = []
    for logit, t in ((0.8, 0.5), (-1.5, 1.0), (2.0, 2.0)):
        for odds in special.logit([0.1, 0.5, 0.9]):
            below = integrate.quad(mass, -60, odds, args=(logit, t), epsabs=1e-10, limit=200)[0]
            # sigmoid((l + noise) / t) <= sigmoid(odds) says that noise <= t odds - l.
            gaps.append(abs(below - noise.cdf(threshold(odds, logit, t))))
    return float(max(gaps))


@claim(
    "negative-log-exponential",
    "Minus the logarithm of a standard exponential is standard Gumbel noise.",
    method="symbolic",
    bound=1e-12,
    control="the logarithm without the minus",
    wrong={"event": lambda x, s: (s, 0, sympy.exp(x))},
)
def negative_log_exponential(
    event: Any = lambda x, s: (s, sympy.exp(-x), sympy.oo),
) -> float:
    x, s = sympy.symbols("x s", real=True)
    cdf = sympy.integrate(sympy.exp(-s), event(x, s))
    return symbolic_gap(cdf - sympy.exp(-sympy.exp(-x)), {x: [-1.0, 0.5, 2.0]})
