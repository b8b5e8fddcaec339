"""The same function of NumPy, JAX, PyTorch and strict array-API arrays gives the same numbers."""

import importlib.util

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gumbel_lib import gumbel_max, gumbel_softmax, standard_gumbel
from gumbel_lib.trick import log_sum_exp

LIBRARIES = ["jax", "array_api_strict", "torch"]
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(5, 4))
LOGITS[2, 1] = -np.inf
NOISE = standard_gumbel((3, 5, 4), rng=1)


def convert(library, array):
    """The array in another library, in its own type."""
    if library == "torch":
        if importlib.util.find_spec("torch") is None:
            pytest.skip("PyTorch is not installed; .ci/run installs it")
        import torch

        return torch.from_numpy(array)
    if library == "jax":
        return jnp.asarray(array)
    return array_api_strict.asarray(array)


def back(array):
    return np.asarray(array.detach() if hasattr(array, "detach") else array)


@pytest.fixture(autouse=True)
def _sixty_four_bits():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [0.0, 0.05, 1.0, 10.0])
def test_same_numbers_in_the_arrays_own_type(library, dtype, temperature):
    logits, noise = LOGITS.astype(dtype), NOISE.astype(dtype)
    expected = gumbel_softmax(logits.astype(np.float64), noise.astype(np.float64), temperature)
    arrays = convert(library, logits), convert(library, noise)
    sample = gumbel_softmax(*arrays, temperature)
    assert type(sample) is type(arrays[1])
    assert back(sample).dtype == dtype
    # Relative to the float64 numbers: rounding of the quotient grows as the temperature falls.
    tolerance = 1e-6 if dtype == np.float64 or temperature != 0.05 else 1e-4
    assert np.allclose(back(sample), expected, rtol=tolerance, atol=1e-7)
    same = gumbel_softmax(logits, noise, temperature)
    assert np.allclose(back(sample), same, rtol=1e-6 if dtype == np.float64 else 4e-5, atol=1e-7)
    assert np.array_equal(back(gumbel_max(*arrays)), gumbel_max(logits, noise))
    assert np.allclose(back(log_sum_exp(arrays[0])), log_sum_exp(logits), rtol=1e-6)


@pytest.mark.parametrize("library", LIBRARIES)
def test_other_axis_and_array_temperature(library):
    arrays = convert(library, LOGITS.T.copy()), convert(library, np.swapaxes(NOISE, 1, 2).copy())
    temperature = np.array([0.0, 0.5, 2.0])[:, None, None]
    expected = gumbel_softmax(LOGITS, NOISE, temperature)
    sample = back(gumbel_softmax(*arrays, convert(library, temperature), axis=0))
    assert np.allclose(np.swapaxes(sample, 1, 2), expected, rtol=1e-6, atol=1e-12)


def test_jax_gradient_is_the_jacobian_and_never_nan():
    logits, noise = jnp.asarray(LOGITS[0]), jnp.asarray(NOISE[0, 0])
    for transform in (lambda f: f, jax.jit):
        jacobian = jax.jacobian(transform(lambda x: gumbel_softmax(x, noise, 0.5)))(logits)
        b = np.asarray(gumbel_softmax(logits, noise, 0.5))
        assert np.allclose(jacobian, (np.diag(b) - np.outer(b, b)) / 0.5, rtol=1e-10)
    masked = jnp.asarray(LOGITS[2])
    for temperature in (0.0, 1e-9, 0.05, 1.0):
        by_logits, by_temperature = jax.jacobian(
            lambda x, t: gumbel_softmax(x, noise, t), argnums=(0, 1)
        )(masked, temperature)
        assert np.all(np.isfinite(by_logits)), temperature
        assert not np.any(np.isnan(by_temperature)), temperature


def test_torch_gradient_flows_to_logits_and_temperature():
    logits = convert("torch", LOGITS[0].copy()).requires_grad_()
    temperature = convert("torch", np.array(0.5)).requires_grad_()
    gumbel_softmax(logits, convert("torch", NOISE[0, 0]), temperature)[0].backward()
    b = gumbel_softmax(LOGITS[0], NOISE[0, 0], 0.5)
    assert np.allclose(logits.grad, b[0] * ((np.arange(4) == 0) - b) / 0.5, rtol=1e-10)
    assert temperature.grad != 0


def test_arrays_of_two_libraries_are_refused():
    with pytest.raises(TypeError, match="^expected arrays of one library, got logits"):
        gumbel_max(jnp.asarray(LOGITS), array_api_strict.asarray(NOISE))


def test_jax_checks_values_outside_jit():
    with pytest.raises(ValueError, match="^logits: expected .*, got NaN"):
        gumbel_softmax(jnp.array([jnp.nan, 0.0]), jnp.zeros(2), 1.0)
