"""The autoencoder of the chapter categorical_vae: digits, networks, bounds and four trainings.

Parameters, noise and temperature are arguments; every function is pure and runs in JAX.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from sklearn.datasets import load_digits
from tqdm import tqdm

from ..._checks import Array, Floats, Rng, as_generator, check_count, check_positive
from ...noise import standard_gumbel
from ...optimizers import adam
from ...relaxation import exponential_schedule, gumbel_softmax
from ...trick import gumbel_max

LATENTS, CLASSES, PIXELS, HIDDEN = 4, 8, 64, 64
WAYS = ("relaxed", "straight-through", "ReinMax", "RLOO")
# Codes that every way draws for a digit at each step, so that all cost the same; RLOO needs two.
DRAWS = 2
BATCH = 100
CHUNK = 50  # steps between two records, which are compiled as one
# Parameters are rounded to multiples of 1 / GRID after each step. Straight-through and ReinMax make
# a difference in the last bit, which processors have, a thousand times larger every 50 steps.
GRID = 2.0**16
# After 1,500 relaxed steps 0.001 was 0.8 nats behind in -log p, and 0.01 by 0.7 in the ELBO.
RULE = adam(0.003)


class Layer(NamedTuple):
    """Weights and bias; the inputs' axes come first in the weights."""

    weights: Array
    bias: Array


class Parameters(NamedTuple):
    """The encoder's two layers and the decoder's two.

    Shapes: `encoder` (D, H) and (H, M, K), `decoder` (M, K, H) and (H, D), with D pixels, H hidden
    units, and M latents of K classes.
    """

    encoder: tuple[Layer, Layer]
    decoder: tuple[Layer, Layer]


def digits(*, rng: Rng) -> tuple[Floats, Floats]:
    """scikit-learn's 1,797 digits, a pixel 1 where it is more than half full, as two random parts.

    Parameters
    ----------
    rng : int or numpy.random.Generator
        Which digits go where.

    Returns
    -------
    train, test : numpy.ndarray (1437, 64) and (360, 64)
        Zeros and ones.

    Examples
    --------
    >>> train, test = digits(rng=0)
    >>> train.shape, test.shape, np.unique(train).tolist()
    ((1437, 64), (360, 64), [0.0, 1.0])
    """
    images = (load_digits().data > 8).astype(np.float64)
    images = as_generator(rng).permutation(images)
    return images[360:], images[:360]


def initial(
    *,
    pixels: int = PIXELS,
    hidden: int = HIDDEN,
    latents: int = LATENTS,
    classes: int = CLASSES,
    rng: Rng,
) -> Parameters:
    """Random parameters: weights of variance 1 over the number of inputs that are not 0, no bias.

    Parameters
    ----------
    pixels, hidden, latents, classes : int
        D, H, M and K.
    rng : int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    Parameters

    Examples
    --------
    >>> initial(rng=0).encoder[1].weights.shape
    (64, 4, 8)
    """
    generator = as_generator(rng)

    def layer(inputs: tuple[int, ...], outputs: tuple[int, ...], active: int) -> Layer:
        scale = active**-0.5
        weights = generator.normal(scale=scale, size=(*inputs, *outputs))
        return Layer(weights, np.zeros(outputs))

    code = latents, classes
    return Parameters(
        (layer((pixels,), (hidden,), pixels), layer((hidden,), code, hidden)),
        (layer(code, (hidden,), latents), layer((hidden,), (pixels,), hidden)),
    )


def encode(params: Parameters, x: Array) -> Array:
    """Logits (..., M, K) of the code, for images (..., D)."""
    first, second = params.encoder
    hidden = jnp.tanh(x @ first.weights + first.bias)
    return jnp.tensordot(hidden, second.weights, 1) + second.bias


def decode(params: Parameters, code: Array) -> Array:
    """Logits (..., D) of the pixels, for codes (..., M, K): one-hot or relaxed."""
    first, second = params.decoder
    hidden = jnp.tanh(jnp.tensordot(code, first.weights, 2) + first.bias)
    return hidden @ second.weights + second.bias


def log_likelihood(x: Array, logits: Array) -> Array:
    r"""log p(x | z) of binary pixels, :math:`\sum_d x_d l_d - \log(1 + e^{l_d})`, shape (...)."""
    return (x * logits - jnp.logaddexp(0.0, logits)).sum(axis=-1)


def kl_to_uniform(logits: Array) -> Array:
    r"""KL of each latent's law from the uniform one, :math:`\log K + \sum_k q_k \log q_k`.

    Shape (..., M) for logits (..., M, K), in nats.
    """
    log_q = jax.nn.log_softmax(logits)
    return (jnp.exp(log_q) * log_q).sum(axis=-1) + np.log(logits.shape[-1])


@functools.cache
def codes(latents: int = LATENTS, classes: int = CLASSES) -> Floats:
    """All K^M codes as one-hots (K^M, M, K), the last latent's class moving fastest.

    Examples
    --------
    >>> codes(2, 3).shape, codes(2, 3)[5].argmax(axis=-1).tolist()
    ((9, 2, 3), [1, 2])
    """
    every = np.stack(np.unravel_index(np.arange(classes**latents), (classes,) * latents), axis=-1)
    return np.eye(classes)[every]


class Exact(NamedTuple):
    """What enumeration over all codes says of N images.

    Attributes
    ----------
    log_p : array (N,)
        The log-likelihood, log p(x).
    elbo : array (N,)
        Its lower bound under the encoder's law of the code.
    kl : array (N, M)
        KL of each latent's law from the uniform prior, which the bound subtracts.
    posterior : array (N, K^M)
        p(z | x) of every code.
    """

    log_p: Array
    elbo: Array
    kl: Array
    posterior: Array


@jax.jit  # type: ignore[untyped-decorator]
def exact(params: Parameters, x: Array) -> Exact:
    r"""Log-likelihood, ELBO and posterior of images, by enumeration over all codes.

    .. math:: \log p(x) = \log \sum_z K^{-M} p(x \mid z), \qquad
              \mathrm{ELBO}(x) = \sum_z q(z \mid x) \log p(x \mid z)
              - \sum_m \mathrm{KL}\bigl(q_m(\cdot \mid x) \,\|\, \text{uniform}\bigr)

    Parameters
    ----------
    params : Parameters
        Of one model.
    x : array (N, D)
        Zeros and ones.

    Returns
    -------
    Exact

    Examples
    --------
    >>> told = exact(initial(rng=0), digits(rng=0)[1][:5])
    >>> bool((told.elbo < told.log_p).all())
    True
    """
    logits = encode(params, x)
    every = codes(*logits.shape[-2:])
    pixels = decode(params, every)
    fit = x @ pixels.T - jnp.logaddexp(0.0, pixels).sum(axis=-1)
    joint = fit - np.log(len(every))
    log_p = jax.nn.logsumexp(joint, axis=-1)
    log_q = jnp.tensordot(jax.nn.log_softmax(logits), every, ((1, 2), (1, 2)))
    kl = kl_to_uniform(logits)
    elbo = (jnp.exp(log_q) * fit).sum(axis=-1) - kl.sum(axis=-1)
    return Exact(log_p, elbo, kl, jnp.exp(joint - log_p[:, None]))


def one_hot_draw(logits: Array, noise: Array) -> Array:
    """An exact draw of every latent by the Gumbel-max trick, as one-hots; it has no gradient.

    Shape (..., M, K), for logits and Gumbel noise that broadcast to it; so too below.
    """
    return jax.nn.one_hot(gumbel_max(logits, noise), logits.shape[-1], dtype=logits.dtype)


def straight_through(logits: Array, noise: Array, temperature: Any) -> Array:
    """The one-hot draw in value, the relaxed one in gradient."""
    soft = gumbel_softmax(logits, noise, temperature)
    return one_hot_draw(logits, noise) + (soft - jax.lax.stop_gradient(soft))


def reinmax(logits: Array, noise: Array) -> Array:
    r"""The one-hot draw D in value, with ReinMax's gradient at temperature 1.

    .. math:: 2\,J\Bigl(\frac{p + D}{2}\Bigr) - \frac12 J(p), \qquad
              J(p) = \mathrm{diag}(p) - p\,p^\top, \quad p = \mathrm{softmax}(l)

    References
    ----------
    Liu, L., Dong, C., Liu, X., Yu, B. and Gao, J., NeurIPS 2023, algorithm 2.
    """
    hard, soft = one_hot_draw(logits, noise), jax.nn.softmax(logits)
    middle = jnp.log((hard + soft) / 2) - logits
    at_middle = jax.nn.softmax(jax.lax.stop_gradient(middle) + logits)
    slope = 2 * at_middle - soft / 2
    return hard + (slope - jax.lax.stop_gradient(slope))


def _check_way(way: str) -> None:
    if way not in WAYS:
        raise ValueError(f"way: expected one of {', '.join(WAYS)}, got {way!r}")


def negative_elbo(
    params: Parameters,
    x: Array,
    noise: Array,
    temperature: Any,
    way: str,
    kl_weight: Any = 1.0,
) -> Array:
    """The loss of a batch, whose gradient is what a way of training follows.

    Parameters
    ----------
    params : Parameters
        Of one model.
    x : array (N, D)
        Zeros and ones.
    noise : array (n, N, M, K)
        Standard Gumbel noise of n draws of the code for each image; RLOO needs two or more.
    temperature : float
        Of the relaxed sample; ReinMax and RLOO have none.
    way : str
        One of `WAYS`.
    kl_weight : float
        What the KL is multiplied by; 1 for the ELBO.

    Returns
    -------
    array ()
        Mean over the images and the draws. For RLOO its gradient is unbiased, that of log p(x | z)
        by the score function, with the mean of the image's other draws as the baseline.

    Raises
    ------
    ValueError
        If `way` is unknown, or RLOO has a single draw.

    References
    ----------
    Kool, W., van Hoof, H. and Welling, M., *Buy 4 REINFORCE samples, get a baseline for free!*,
    2019.
    """
    _check_way(way)
    if way == "RLOO" and len(noise) < 2:
        raise ValueError(f"noise: expected 2 or more draws for RLOO, got {len(noise)}")
    logits = encode(params, x)
    if way == "relaxed":
        code = gumbel_softmax(logits, noise, temperature)
    elif way == "straight-through":
        code = straight_through(logits, noise, temperature)
    elif way == "ReinMax":
        code = reinmax(logits, noise)
    else:
        code = one_hot_draw(logits, noise)
    fit = log_likelihood(x, decode(params, code))
    bound = fit.mean(axis=0) - kl_weight * kl_to_uniform(logits).sum(axis=-1)
    if way == "RLOO":
        log_q = (code * jax.nn.log_softmax(logits)).sum(axis=(-2, -1))
        others = (fit.sum(axis=0) - fit) / (len(fit) - 1)
        score = (jax.lax.stop_gradient(fit - others) * log_q).mean(axis=0)
        bound += score - jax.lax.stop_gradient(score)
    return -bound.mean()


@jax.jit  # type: ignore[untyped-decorator]
def relaxed_elbo(params: Parameters, x: Array, noise: Array, temperature: Any) -> Array:
    """The ELBO with relaxed samples in place of one-hot ones, mean over the draws: shape (N,).

    `noise` has the shape (n, N, M, K). The KL is still the categorical one.
    """
    logits = encode(params, x)
    code = gumbel_softmax(logits, noise, temperature)
    fit = log_likelihood(x, decode(params, code)).mean(axis=0)
    return fit - kl_to_uniform(logits).sum(axis=-1)


class Training(NamedTuple):
    """Some runs of one way of training.

    Attributes
    ----------
    steps : numpy.ndarray of int (R,)
        After how many steps each record was taken, from 0 on.
    records : list of list of Parameters
        The parameters then: ``records[-1][0]`` are those of the first run at the end.
    """

    steps: Any
    records: list[list[Parameters]]


@functools.partial(jax.jit, static_argnames=("way", "unravel"))
def _chunk(
    way: str,
    unravel: Any,
    flat: Array,
    state: Any,
    x: Array,
    noise: Array,
    temperatures: Array,
    kl_weights: Array,
) -> tuple[Array, Any]:
    """Some steps of all runs. The schedules are data, so that one compilation serves all."""

    def loss(one: Array, x: Array, noise: Array, temperature: Array, kl_weight: Array) -> Array:
        return negative_elbo(unravel(one), x, noise, temperature, way, kl_weight)

    slopes = jax.vmap(jax.grad(loss), in_axes=(0, 0, 0, None, None))

    def step(carry: Any, given: Any) -> Any:
        flat, state = carry
        updates, state = RULE.update(slopes(flat, *given), state)
        return (jnp.round((flat + updates) * GRID) / GRID, state), None

    given = x, noise, temperatures, kl_weights
    return jax.lax.scan(step, (flat, state), given)[0]  # type: ignore[no-any-return]


@functools.cache
def _unravel() -> Any:
    """From a vector to parameters; one function for all calls, as compilations hang on it."""
    return ravel_pytree(initial(rng=0))[1]


def train(
    x: Floats,
    way: str,
    *,
    num_steps: int = 1000,
    start_temperature: float = 1.0,
    end_temperature: float = 0.5,
    kl_weight: float = 1.0,
    kl_warmup: int = 0,
    replicates: int = 3,
    rng: Rng,
) -> Training:
    """Train some models side by side, with a progress bar where there is a terminal.

    Parameters
    ----------
    x : numpy.ndarray (N, 64)
        Zeros and ones.
    way : str
        One of `WAYS`.
    num_steps : int
        A multiple of 50.
    start_temperature, end_temperature : float
        Ends of the exponential schedule, both positive.
    kl_weight : float
        What the KL is multiplied by, positive.
    kl_warmup : int
        Steps w before the KL has its full weight: step s = 1, 2, ... has min(1, s / (w + 1)) of it.
    replicates : int
        Independent runs, each with its own start, batches and noise.
    rng : int or numpy.random.Generator
        Seed or generator; one seed gives all ways the same starts, batches and noise.

    Returns
    -------
    Training

    Raises
    ------
    TypeError, ValueError
        If `way` is unknown, `num_steps` no positive multiple of 50, or another argument out of its
        range.

    References
    ----------
    Sønderby, C. K. and others, *Ladder variational autoencoders*, NeurIPS 2016, for the warm-up.
    """
    _check_way(way)
    if check_count(num_steps, "num_steps") % CHUNK:
        raise ValueError(f"num_steps: expected a multiple of {CHUNK}, got {num_steps}")
    temperatures = exponential_schedule(start_temperature, end_temperature, num_steps)
    rising = np.arange(1, num_steps + 1) / (check_count(kl_warmup, "kl_warmup", least=0) + 1)
    weights = check_positive(kl_weight, "kl_weight") * np.minimum(rising, 1.0)
    runs = check_count(replicates, "replicates")
    generator = as_generator(rng)

    flat = jnp.stack([ravel_pytree(initial(rng=generator))[0] for _ in range(runs)])
    state = (jnp.asarray(0), jnp.zeros_like(flat), jnp.zeros_like(flat))
    path = [flat]
    schedules = np.stack([temperatures, weights]).reshape(2, -1, CHUNK).swapaxes(0, 1)
    for some in tqdm(schedules, desc=way, unit="chunk", disable=None):
        rows = generator.integers(len(x), size=(CHUNK, runs, BATCH))
        size = (CHUNK, runs, DRAWS, BATCH, LATENTS, CLASSES)
        noise = standard_gumbel(size, rng=generator)
        flat, state = _chunk(way, _unravel(), flat, state, x[rows], noise, *some)
        path.append(flat)
    records = [[jax.tree.map(np.asarray, _unravel()(one)) for one in flat] for flat in path]
    return Training(CHUNK * np.arange(len(path)), records)


def report(model: Parameters, x: Floats, *, temperature: float = 0.5, rng: Rng) -> dict[str, float]:
    """Mean over images of -log p, of the negative ELBO, and of the relaxed one, in nats.

    Parameters
    ----------
    model : Parameters
        Of one run.
    x : numpy.ndarray (N, 64)
        Zeros and ones.
    temperature : float
        Of the relaxed samples.
    rng : int or numpy.random.Generator
        For their noise, 50 draws an image; the other two numbers are exact.

    Returns
    -------
    dict of str to float
    """
    told = exact(model, x)
    noise = standard_gumbel((50, len(x), LATENTS, CLASSES), rng=rng)
    relaxed = relaxed_elbo(model, x, noise, temperature)
    means = {"-log p": -told.log_p, "-ELBO, one-hot": -told.elbo, "-ELBO, relaxed": -relaxed}
    return {name: float(value.mean()) for name, value in means.items()}
