"""The quadrature behind the moments of the relaxed sample, for `concrete` and `die`."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import special

from ._checks import Floats

# The integrands are analytic where the imaginary part is below pi/2, so the trapezoid rule's error
# falls like e^(-pi^2 / step). Measured, it is 5e-9 at 0.4, and rounding alone at 0.2.
_STEP = 0.2
_REACH = 40  # e^-40 = 4e-18 is what an integrand that falls like e^-x leaves beyond
# Between the points of a table with 4 a step, polynomials through the 5 on either side miss the
# logarithms by 1e-12 of their size, measured; with 3 by 3e-8.
_FINER = 4
_OFFSETS = range(-4, 6)
_AT_ONCE = 1 << 18  # numbers in a slice of the rows: 2 MB


def relaxed_moments(logits: Floats, temperature: float) -> tuple[Floats, Floats]:
    r"""E b_k and E b_k^2 of the relaxed sample, for checked logits (..., K).

    With w_k = exp((l_k + g_k)/t) and S their sum, 1/S = \int_0^\infty e^{-sS} ds turns the
    K-dimensional mean into one integral over s of products of one-dimensional means:

    E b_k   = \int   E[w_k   e^{-s w_k}] \prod_{j \ne k} E[e^{-s w_j}] ds
    E b_k^2 = \int s E[w_k^2 e^{-s w_k}] \prod_{j \ne k} E[e^{-s w_j}] ds

    Both are taken over V = t log s, in units of max(1, t), by the trapezoid rule, which converges
    exponentially here. The means depend on V + l_k alone. Each logit is laid on a mesh, with the
    weights of Lagrange's interpolation: sums over classes become sums over the mesh.
    """
    t, num_classes = temperature, logits.shape[-1]
    present = np.isfinite(logits)
    if t == 0:
        limit = special.softmax(logits, axis=-1)
        return limit, limit
    if not math.isfinite(t):
        limit = present / present.sum(axis=-1, keepdims=True)
        return limit, limit**2
    log_kept, *own = _tables(t)
    mesh = len(log_kept)
    rows = logits.reshape(-1, num_classes)
    moments = np.empty((2, *rows.shape))
    at_once = max(1, _AT_ONCE // (num_classes + mesh))
    for first in range(0, len(rows), at_once):
        some = rows[first : first + at_once]
        with np.errstate(over="ignore"):
            behind = (some.max(axis=-1, keepdims=True) - some) / (max(1.0, t) * _STEP / _FINER)
        behind = np.minimum(behind, mesh - len(_OFFSETS) - 1)
        cell = behind.astype(int)
        weights = _lagrange(behind - cell)
        cell += mesh * np.arange(len(some))[:, None]
        laid = np.zeros(len(some) * mesh)
        for q, weight in enumerate(weights):
            laid += np.bincount((cell + q).ravel(), weight.ravel(), laid.size)
        product = _STEP * np.exp(laid.reshape(-1, mesh) @ log_kept)
        for moment, table in zip(moments, own, strict=True):
            on_mesh = (product @ table.T).ravel()
            moment[first : first + at_once] = sum(
                weight * on_mesh[cell + q] for q, weight in enumerate(weights)
            )
    first_moment, second_moment = np.where(present, moments.reshape(2, *logits.shape), 0.0)
    return first_moment, second_moment


@functools.lru_cache(maxsize=4)  # 5 MB each; a search asks for one temperature many times
def _tables(t: float) -> Floats:
    """Each of the three logarithms at the nodes less m - 4 mesh steps, a row for each m."""
    nodes, x, transforms = log_transforms(t)
    mesh = x.size + len(_OFFSETS)
    place = mesh + _FINER * np.arange(nodes.size) - _OFFSETS.start - np.arange(mesh)[:, None]
    # There are none below x[0].
    tables: Floats = np.pad(transforms, ((0, 0), (mesh, 0)))[:, place]
    tables.flags.writeable = False
    return tables


def _lagrange(x: Floats) -> list[Floats]:
    """Weights of the values at `_OFFSETS` in the polynomial through them, taken at x."""
    return [
        np.prod([(x - other) / (own - other) for other in _OFFSETS if other != own], axis=0)
        for own in _OFFSETS
    ]


def log_transforms(t: float) -> tuple[Floats, Floats, Floats]:
    """The trapezoid rule's nodes, points x at `_FINER` a step, and three logarithms at x.

    In units of max(1, t). With h = exp((max(1, t) x + g)/t) the three are log E[e^-h], and
    max(1, 1/t) times E[h e^-h] and E[h^2 e^-h], over E[e^-h]. The points x begin at the first node
    and go past the last.
    """
    # Towards -inf the integrands fall like e^x. At the last node either h > e^4, where e^-h is
    # below 2e-24, or g < -6, which has probability exp(-e^6). The points are multiples of a step:
    # those of np.arange(start, stop, step) lie off by 2e-14 of it, and with them a product over
    # 50,000 classes by 7e-10.
    unit = max(1.0, t)
    low, high = round(-_REACH / _STEP), math.ceil((4 * (t / unit) + 6 / unit) / _STEP)
    nodes = _STEP * np.arange(low, high + 1, dtype=np.float64)
    x = _STEP / _FINER * np.arange(_FINER * low, _FINER * high + _OFFSETS.stop, dtype=np.float64)
    if t > 1:
        g = _STEP * np.arange(-23, -low)
        weight = _STEP * np.exp(-g - np.exp(-g))
        h = np.exp(x)[:, None] * np.exp(g / t)
    else:
        # The mean is taken over y = log h given x: integration by parts moves the derivatives
        # from the steep e^-h to the Gumbel's CDF, which stays smooth as t falls.
        y = _STEP * np.arange(low, 23)
        weight = _STEP * np.exp(y - np.exp(y))
        h = np.exp(x)[:, None] * np.exp(-t * y)
    integrand = np.exp(-h)
    kept, first, second = (integrand * h**power @ weight for power in range(3))
    if t <= 1:
        second = (1 - t) * first + t * second
    # An underflow to 0 would make 0/0; a product this small adds nothing.
    kept = np.maximum(kept, 1e-300)
    logarithms: Floats = np.stack([np.log(kept), first / kept, second / kept])
    return nodes, x, logarithms
