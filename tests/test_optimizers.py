"""Ways to go downhill."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from gumbel_lib.optimizers import (
    adam,
    bayesian_optimisation,
    count_evaluations,
    descend,
    expected_improvement,
    sgd,
)


def test_adam_matches_its_published_recursion():
    gradients = np.random.default_rng(0).normal(size=(5, 3))
    rule, m, v = adam(0.1), np.zeros(3), np.zeros(3)
    state = rule.init(np.zeros(3))
    for count, gradient in enumerate(gradients, start=1):
        state, change = rule.step(state, gradient)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        expected = -0.1 * (m / (1 - 0.9**count)) / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)
        assert np.allclose(change, expected, rtol=1e-9)


@pytest.mark.parametrize("optimizer", [sgd(0.1), adam(0.1)])
def test_descends_a_bowl(optimizer):
    path = descend(lambda x: 2 * (x - 3), np.zeros(2), optimizer, 300)
    assert path.shape == (301, 2)
    assert np.allclose(path[-1], 3, atol=1e-2)


@pytest.mark.parametrize("dimension", [2, 8, 32])
def test_probing_costs_a_call_for_each_dimension(dimension):
    start = np.full(dimension, 0.5)
    told = count_evaluations(optimize.rosen, optimize.rosen_der, start, use_gradient=True)
    probing = count_evaluations(optimize.rosen, optimize.rosen_der, start, use_gradient=False)
    assert told.functions == told.gradients
    assert probing.gradients == 0
    ratio = probing.functions / (told.functions + told.gradients)
    assert 0.25 * (dimension + 1) < ratio < 2 * (dimension + 1)
    assert max(told.value, probing.value) < 1e-6


@pytest.mark.parametrize("best", [-1.0, 0.0, 2.5])
def test_expected_improvement_is_the_mean_of_what_a_normal_falls_below(best):
    mean, sd = np.array([-1.0, 0.0, 3.0])[:, None], np.array([1e-9, 0.3, 2.0])
    got = expected_improvement(mean, sd, best)
    for (i, j), value in np.ndenumerate(got):
        m, s = mean[i, 0], sd[j]
        exact = integrate.quad(
            lambda z, m=m, s=s: max(best - m - s * z, 0) * stats.norm.pdf(z),
            -12,
            12,
            points=np.clip([(best - m) / s], -12, 12),
            epsabs=1e-13,
        )[0]
        assert value == pytest.approx(exact, abs=1e-10)
    assert expected_improvement(1.0, 0.0, 3.0) == 2.0
    assert expected_improvement(3.0, 0.0, 1.0) == 0.0
    assert expected_improvement(np.float16(3), np.float16(0), 3.0) == pytest.approx(0, abs=1e-12)


def test_bayesian_optimisation_finds_the_deeper_valley():
    def valleys(x):
        return 0.1 * x**2 + np.sin(3 * x)

    x, y = bayesian_optimisation(valleys, (-4, 4), num_evaluations=20, rng=0)
    grid = np.linspace(-4, 4, 10_001)
    assert x.shape == y.shape == (20,)
    assert y.min() - valleys(grid).min() < 1e-2
    assert np.all((x >= -4) & (x <= 4))
    assert (
        bayesian_optimisation(valleys, (-4, 4), num_initial=2, num_evaluations=2, rng=0)[0].size
        == 2
    )
    again = bayesian_optimisation(valleys, (-4, 4), num_evaluations=20, rng=0)
    assert np.array_equal(x, again[0])


def test_bad_input_is_named():
    for rate in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="^learning_rate: expected"):
            adam(rate)
    for betas, named in (((1.0, 0.9), "beta1"), ((0.9, 1.0), "beta2"), ((-0.1, 0.9), "beta1")):
        with pytest.raises(ValueError, match=f"^{named}: expected a number in .0, 1., got"):
            adam(0.1, *betas)
    with pytest.raises(ValueError, match="^beta2: expected"):
        adam(0.1, 0.9, np.nan)
    with pytest.raises(TypeError, match="^beta1: expected a number"):
        adam(0.1, "slow")
    with pytest.raises(TypeError, match="^learning_rate: expected a number"):
        sgd("fast")
    with pytest.raises(TypeError, match="^start: expected"):
        descend(lambda x: x, "here", sgd(0.1), 3)
    with pytest.raises(ValueError, match="^num_steps: expected"):
        descend(lambda x: x, [1.0], sgd(0.1), 0)
    with pytest.raises(ValueError, match="^bounds: expected"):
        bayesian_optimisation(np.sin, (1, 1), rng=0)
    with pytest.raises(ValueError, match="^bounds: expected"):
        bayesian_optimisation(np.sin, (0, np.inf), rng=0)
    for bounds in ((0, 1, 2), 3, ("a", "b"), None):
        with pytest.raises(TypeError, match="^bounds: expected"):
            bayesian_optimisation(np.sin, bounds, rng=0)
    with pytest.raises(ValueError, match="^num_initial: expected at least 1, got 0"):
        bayesian_optimisation(np.sin, (0, 1), num_initial=0, rng=0)
    with pytest.raises(ValueError, match="^sd: expected numbers >= 0"):
        expected_improvement(0.0, [-1.0, 1.0], 0.0)
    for named in ("mean", "sd", "best"):
        for value in (np.nan, np.inf):
            with pytest.raises(ValueError, match=f"^{named}: expected finite numbers, got"):
                expected_improvement(**{"mean": 0.0, "sd": 1.0, "best": 0.0, named: value})
    with pytest.raises(ValueError, match="^expected shapes that broadcast"):
        expected_improvement(np.zeros(2), np.ones(3), 0.0)
    with pytest.raises(ValueError, match="^num_evaluations: expected at least 4, got 2"):
        bayesian_optimisation(np.sin, (0, 1), num_evaluations=2, rng=0)
