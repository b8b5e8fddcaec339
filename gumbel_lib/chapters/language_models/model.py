"""Texts of many keys and their scores, drafts, and masked diffusion, for language_models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._checks import Floats
from ...decoding import speculative_step, watermark_noise
from ...maxima import gumbel_logsf
from ...ngram import NGram
from ...noise import keyed_gumbel, standard_gumbel
from ...trick import gumbel_max

Symbols = NDArray[np.int64]

WIDTH = 4  # symbols of a context, as the default of vLLM; the model of order 5 looks at as many
RULES = ("none", "every context", "new contexts", "position")


def context_numbers(symbols: ArrayLike, size: int) -> Symbols:
    """The number of the context of each symbol but the first `WIDTH`, for texts (..., L)."""
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(symbols), WIDTH, axis=-1)
    return _number(windows[..., :-1, :], size)


def _number(contexts: Symbols, size: int) -> Symbols:
    """Contexts (..., WIDTH) as numbers in base `size`, the first symbol the lowest digit."""
    numbers: Symbols = contexts @ size ** np.arange(WIDTH)
    return numbers


def is_first(numbers: ArrayLike) -> NDArray[np.bool_]:
    """Where a number occurs for the first time in its row, for rows (..., n)."""
    rows = np.asarray(numbers)
    first = np.zeros(rows.shape, bool)
    for index in np.ndindex(rows.shape[:-1]):
        first[index][np.unique(rows[index], return_index=True)[1]] = True
    return first


def write(
    model: NGram,
    keys: ArrayLike,
    start: str,
    length: int,
    *,
    temperature: float = 1.0,
    rule: str = "new contexts",
    rng: np.random.Generator,
) -> Symbols:
    """A text for each key, of shape (keys, WIDTH + length), which begins with the start's end.

    The rule says what keys the noise: the context, everywhere or only where it is new in its text
    and else fresh noise; the position; or nothing.
    """
    if rule not in RULES:
        raise ValueError(f"rule: expected one of {RULES}, got {rule!r}")
    owners = np.asarray(keys).tolist()
    size = len(model.alphabet)
    texts = np.tile(_first_context(model, start), (len(owners), 1))
    seen: list[set[int]] = [set() for _ in owners]
    for position in range(length):
        given = texts[:, -WIDTH:]
        noise = standard_gumbel((len(owners), size), rng=rng)
        for i, context in enumerate(_number(given, size).tolist()):
            if rule == "position":
                noise[i] = keyed_gumbel(owners[i], position, 0, size)
            elif rule == "every context" or (rule == "new contexts" and context not in seen[i]):
                noise[i] = keyed_gumbel(owners[i], context, 0, size)
            seen[i].add(context)
        drawn = gumbel_max(model.log_probs(given) / temperature, noise)
        texts = np.concatenate([texts, drawn[:, None]], axis=1)
    return texts


def _first_context(model: NGram, start: str) -> Symbols:
    if len(start) < WIDTH:
        raise ValueError(f"start: expected at least {WIDTH} symbols, got {len(start)}")
    return model.encode(start)[-WIDTH:]


def scores(text: ArrayLike, key: int, size: int, *, by_position: bool = False) -> Floats:
    """The score of each symbol of a text (L,) but the first `WIDTH`: its noise's rarity."""
    symbols = np.asarray(text)
    numbers = context_numbers(symbols, size)
    if by_position:
        numbers = np.arange(numbers.size)
    noise = watermark_noise(key, numbers, size)
    return -gumbel_logsf(np.take_along_axis(noise, symbols[WIDTH:, None], axis=1)[:, 0])


def excess(values: Floats, scored: NDArray[np.bool_] | None = None) -> float:
    """By how many standard deviations of unmarked text the sum of scores exceeds its mean."""
    kept = values if scored is None else values[scored]
    return float((kept.sum() - kept.size) / np.sqrt(kept.size))


def speculate(
    target: NGram,
    draft: NGram,
    start: str,
    calls: int,
    *,
    ahead: int,
    rng: np.random.Generator,
    shared: bool,
) -> tuple[Symbols, Symbols]:
    """One text, written with drafts `ahead` symbols long, and the symbols that each call gave.

    With shared noise, the target's own draws decide, and the draft guesses them from the same
    noise. Else a draft is rejected with the probability that `speculative_step` asks for.
    """
    size = len(target.alphabet)
    text = _first_context(target, start).tolist()
    given = []
    noise = np.empty((0, size))  # of the positions to come, in order
    for _ in range(calls):
        noise = np.concatenate([noise, standard_gumbel((ahead + 1 - len(noise), size), rng=rng)])
        guess = text[-WIDTH:]
        for g in noise[:ahead] if shared else standard_gumbel((ahead, size), rng=rng):
            guess.append(int(gumbel_max(draft.log_probs(guess[-WIDTH:]), g)))
        windows = np.lib.stride_tricks.sliding_window_view(guess, WIDTH)
        wanted = target.log_probs(windows)  # the one call of the target
        if shared:
            drawn = gumbel_max(wanted, noise)
            kept = drawn[:-1] == guess[WIDTH:]
        else:
            drawn, kept = speculative_step(
                wanted[:-1],
                draft.log_probs(windows[:-1]),
                guess[WIDTH:],
                rng.random(ahead),
                noise[:-1],
            )
            drawn = np.append(drawn, gumbel_max(wanted[-1], noise[-1]))
        count = int(np.append(~kept, True).argmax()) + 1
        text += drawn[:count].tolist()
        noise = noise[count:] if shared else noise[:0]
        given.append(count)
    return np.array(text), np.array(given)


def drawn_law(steps: int, step: Callable[[int], Floats]) -> Floats:
    """The law (K,) of a word that a masked diffusion model draws in `steps` steps, at least 3.

    `step(i)` gives the probabilities that a word still masked at step i becomes each of the K
    words. Their sum is the probability that it is unmasked, except at step 1, where no mask is
    left to draw. They are computed at 60 values of i, and interpolated in log i between them.
    """
    at = np.unique(np.geomspace(2, steps, 60).round()).astype(int)
    rows = np.array([step(i) for i in at.tolist()])
    leaves = rows.sum(axis=1)
    every = np.arange(2, steps + 1)
    place = np.interp(np.log(every), np.log(at), np.arange(at.size))
    unmasked = np.interp(place, np.arange(at.size), leaves * at) / every
    masked = np.append(np.cumprod((1 - unmasked)[:0:-1])[::-1], 1.0)
    share = unmasked * masked
    low = np.minimum(place.astype(int), at.size - 2)
    weight = np.bincount(low, share * (1 - place + low), at.size)
    weight += np.bincount(low + 1, share * (place - low), at.size)
    last = step(1)
    law: Floats = weight @ (rows / leaves[:, None]) + (1 - share.sum()) * last / last.sum()
    return law
