"""Ways to go downhill."""

import numpy as np
import pytest

from gumbel_lib.optimizers import adam, descend, sgd


def test_adam_matches_its_published_recursion():
    gradients = np.random.default_rng(0).normal(size=(5, 3))
    rule, m, v = adam(0.1), np.zeros(3), np.zeros(3)
    state = rule.init(np.zeros(3))
    for count, gradient in enumerate(gradients, start=1):
        updates, state = rule.update(gradient, state)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        expected = -0.1 * (m / (1 - 0.9**count)) / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)
        assert np.allclose(updates, expected, rtol=1e-9)


def test_adam_without_memory_steps_by_the_sign():
    rule = adam(0.1, 0.0, 0.0)
    state = rule.init(np.zeros(2))
    for gradient in ([3.0, -1e-8], [-0.5, 2.0]):
        updates, state = rule.update(np.array(gradient), state)
        assert updates == pytest.approx(-0.1 * np.array(gradient) / (np.abs(gradient) + 1e-8))


@pytest.mark.parametrize("optimizer", [sgd(0.1), adam(0.1)])
def test_descends_a_bowl(optimizer):
    path = descend(lambda x: 2 * (x - 3), np.zeros(2), optimizer, 300)
    assert path.shape == (301, 2)
    assert np.allclose(path[-1], 3, atol=1e-2)


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
