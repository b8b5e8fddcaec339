"""The same function of NumPy, JAX, PyTorch and strict array-API arrays gives the same numbers."""

import importlib.util

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gumbel_lib import gumbel_max, gumbel_softmax, standard_gumbel
from gumbel_lib.concrete import relaxed_mean
from gumbel_lib.coupling import posterior_gumbel
from gumbel_lib.decoding import mask_min_p, mask_top_k, mask_top_p, penalize_repetition
from gumbel_lib.noise import truncated_gumbel
from gumbel_lib.relaxation import softmax
from gumbel_lib.sampling import gumbel_top_k
from gumbel_lib.trick import argmax_probabilities, logsumexp

LIBRARIES = ["jax", "array_api_strict", "torch"]
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(5, 4))
LOGITS[2, 1] = -np.inf
NOISE = standard_gumbel((3, 5, 4), rng=1)


def torch():
    """PyTorch, where it is installed."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed; .ci/run installs it")
    import torch

    return torch


def convert(library, array):
    """The array in another library, in its own type."""
    if library == "torch":
        return torch().from_numpy(array)
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
    assert np.allclose(back(logsumexp(arrays[0])), logsumexp(logits), rtol=1e-6)


@pytest.mark.parametrize("library", LIBRARIES)
def test_posterior_noise_in_the_arrays_own_type(library):
    logits, noise = LOGITS.astype(np.float32), NOISE.astype(np.float32)
    arrays = convert(library, logits), convert(library, noise)
    order = gumbel_top_k(LOGITS, NOISE[0], 2)
    expected = posterior_gumbel(LOGITS, order, NOISE, k=2)
    for given in (order, convert(library, order)):
        got = posterior_gumbel(arrays[0], given, arrays[1], k=2)
        assert type(got) is type(arrays[1])
        assert back(got).dtype == np.float32
        assert np.allclose(back(got), expected, atol=1e-5)
    one = posterior_gumbel(arrays[0], convert(library, order[:, 0].copy()), arrays[1])
    assert np.array_equal(back(gumbel_max(arrays[0], one)), np.tile(order[:, 0], (3, 1)))


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


# Every function that takes arrays of any library, of logits (5, 4) and noise (3, 5, 4).
FUNCTIONS = {
    "gumbel_max": gumbel_max,
    "gumbel_softmax": lambda logits, noise: gumbel_softmax(logits, noise, 0.5),
    "cold": lambda logits, noise: gumbel_softmax(logits, noise, 0, axis=0),
    "softmax": lambda logits, noise: softmax(logits, 2),
    "logsumexp": lambda logits, noise: logsumexp(logits),
    "truncated_gumbel": truncated_gumbel,
    "posterior_gumbel": lambda logits, noise: posterior_gumbel(logits, [0], noise),
    "bounded": lambda logits, noise: truncated_gumbel(logits, np.float64(0.3)),
    "mask_top_k": lambda logits, noise: mask_top_k(logits, 2),
    "mask_top_p": lambda logits, noise: mask_top_p(logits, 0.7),
    "mask_min_p": lambda logits, noise: mask_min_p(logits, 0.3),
    "penalize_repetition": lambda logits, noise: penalize_repetition(logits, noise > 0, 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("device", ["device1", "no_float64"])
def test_arrays_stay_on_their_device(name, device):
    place = array_api_strict.Device(device)
    arrays = [
        array_api_strict.asarray(array, dtype=array_api_strict.float32, device=place)
        for array in (LOGITS, NOISE)
    ]
    got = FUNCTIONS[name](*arrays)
    assert got.device == place
    expected = FUNCTIONS[name](LOGITS.astype(np.float32), NOISE.astype(np.float32))
    moved = array_api_strict.to_device if hasattr(array_api_strict, "to_device") else None
    got = (
        moved(got, array_api_strict.Device("CPU_DEVICE"))
        if moved
        else got.to_device(array_api_strict.Device("CPU_DEVICE"))
    )
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-5)
    bad = array_api_strict.asarray([0.0, float("nan")], dtype=arrays[0].dtype, device=place)
    with pytest.raises(ValueError, match="got NaN"):
        FUNCTIONS[name](bad, bad)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_fake_tensors_stay_on_their_device(name):
    torch()
    from torch import empty
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        got = FUNCTIONS[name](empty(5, 4, device="cuda"), empty(3, 5, 4, device="cuda"))
    assert got.device.type == "cuda"
    meta = FUNCTIONS[name](empty(5, 4, device="meta"), empty(3, 5, 4, device="meta"))
    assert meta.shape == FUNCTIONS[name](LOGITS, NOISE).shape


KINDS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"]


@pytest.mark.parametrize("library", ["numpy", *LIBRARIES])
@pytest.mark.parametrize("kind", KINDS)
def test_integers_and_bools_count_as_the_librarys_floats(library, kind):
    values = {"bool": [0, 1, 0, 1], "int8": [-100, 100, 0, 3]}.get(kind, [0, 100, 7, 90])
    values = np.array(values, kind)
    noise = NOISE[0, 0]
    given = values if library == "numpy" else convert(library, values)
    other = noise if library == "numpy" else convert(library, noise)
    plain = values.astype(np.float64)
    expected = [
        logsumexp(plain),
        softmax(plain, 30.0),
        gumbel_softmax(plain, noise, 30.0),
        truncated_gumbel(plain, 5.0),
        truncated_gumbel(noise, plain),
        gumbel_max(plain, noise),
    ]
    got = [
        logsumexp(given),
        softmax(given, 30),
        gumbel_softmax(given, other, 30),
        truncated_gumbel(given, np.uint8(5)),
        truncated_gumbel(other, given),
        gumbel_max(given, other),
    ]
    for one, two in zip(got, expected, strict=True):
        np.testing.assert_allclose(back(one), two, rtol=1e-6)
    default = "float32" if library == "torch" else "float64"
    assert [default in str(made.dtype) for made in got[:2]] == [True, True]


@pytest.mark.parametrize("library", LIBRARIES)
def test_lists_and_numpy_arrays_join_the_other_library(library):
    logits, noise = convert(library, LOGITS), convert(library, NOISE)
    expected = gumbel_softmax(LOGITS, NOISE, 0.5)
    strided = np.asfortranarray(NOISE)[:, ::-1][:, ::-1]
    strided.setflags(write=False)
    for mixed in ((logits, NOISE, 0.5), (LOGITS.tolist(), noise, [[0.5]]), (logits, strided, 0.5)):
        got = gumbel_softmax(*mixed)
        assert type(got) is type(logits)
        np.testing.assert_allclose(back(got), expected, rtol=1e-6, atol=1e-12)
    temperature = convert(library, np.array(0.5))
    assert type(gumbel_softmax(LOGITS, NOISE, temperature)) is type(logits)
    assert type(softmax(LOGITS, temperature)) is type(logits)
    assert type(truncated_gumbel(NOISE.tolist(), temperature)) is type(logits)


@pytest.mark.parametrize("library", LIBRARIES)
def test_functions_of_numpy_take_arrays_of_other_libraries(library):
    expected = relaxed_mean(LOGITS[0], 0.5)
    assert np.array_equal(relaxed_mean(convert(library, LOGITS[0].copy()), 0.5), expected)
    expected = argmax_probabilities(LOGITS[0])
    assert np.array_equal(argmax_probabilities(convert(library, LOGITS[0].copy())), expected)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_masked_ragged_and_complex_arrays_are_refused(function):
    for bad in (np.ma.array(LOGITS), [[0.0, 1.0], [2.0]], LOGITS + 1j, [["a"]], None, {}):
        with pytest.raises(TypeError, match="^(logits|perturbed): expected .*, got "):
            function(bad, NOISE)
    with pytest.raises(TypeError, match="^(logits|perturbed): expected real numbers, got dtype"):
        function(jnp.asarray(LOGITS + 1j), jnp.asarray(NOISE))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vectorised_and_traced_functions_skip_the_values(name):
    function, logits = FUNCTIONS[name], np.nan_to_num(LOGITS, neginf=-30.0)
    expected = np.array([function(logits, noise) for noise in NOISE])
    for transform in (lambda f: f, jax.jit):
        mapped = transform(jax.vmap(function, in_axes=(None, 0)))
        got = mapped(jnp.asarray(logits), jnp.asarray(NOISE))
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    mapped = torch().func.vmap(function, in_dims=(None, 0))
    tensors = convert("torch", logits), convert("torch", NOISE)
    np.testing.assert_allclose(mapped(*tensors), expected, rtol=1e-6)


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_half_precision_of_every_library(library):
    xp = torch() if library == "torch" else jnp
    for dtype in (xp.float16, xp.bfloat16):
        even = softmax(xp.zeros(70_000, dtype=dtype))
        assert even.dtype == dtype
        assert float(even[0]) == pytest.approx(1 / 70_000, rel=4e-3)
        total = logsumexp(xp.zeros(70_000, dtype=dtype))
        assert total.dtype == dtype
        assert float(total) == pytest.approx(np.log(70_000), rel=4e-3)
        logits = xp.asarray([0.5, 0.0, -1.0], dtype=dtype)
        noise = xp.asarray([0.25, 1.0, 0.0], dtype=dtype)
        got = gumbel_softmax(logits, noise, 0.5)
        assert got.dtype == dtype
        np.testing.assert_allclose(
            np.array(got.tolist()), softmax([0.75, 1.0, -1.0], 0.5), rtol=4e-3
        )
        assert gumbel_softmax(logits, xp.zeros(3, dtype=xp.float32), 1.0).dtype == xp.float32
        assert truncated_gumbel(logits, 0.25).dtype == dtype
        assert float(xp.max(truncated_gumbel(logits, 0.25))) <= 0.25


def test_arrays_of_two_libraries_are_refused():
    with pytest.raises(TypeError, match="^expected arrays of one library, got logits"):
        gumbel_max(jnp.asarray(LOGITS), array_api_strict.asarray(NOISE))


def test_jax_checks_values_outside_jit():
    with pytest.raises(ValueError, match="^logits: expected .*, got NaN"):
        gumbel_softmax(jnp.array([jnp.nan, 0.0]), jnp.zeros(2), 1.0)
