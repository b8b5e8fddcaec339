"""The travel modes of Greene and Hensher, and made-up trips for a mixed logit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..._checks import Floats
from ...noise import standard_gumbel

MODES = ("air", "train", "bus", "car")
# Greene's model: constants for all but the car, and income in the utility of flying.
MODEL: dict[str, Any] = {
    "case": "individual",
    "alternative": "mode",
    "constants": ("air", "train", "bus"),
    "variables": ("gc", "ttme"),
    "specific": {"hinc": ("air",)},
}


def travel_modes() -> dict[str, NDArray[Any]]:
    """The columns of `statsmodels.datasets.modechoice`, the modes by their names."""
    from statsmodels.datasets import modechoice  # half a second, for those who call it

    frame = modechoice.load_pandas().data
    columns = {name: np.asarray(frame[name]) for name in frame}
    columns["mode"] = np.array(MODES)[columns["mode"].astype(int) - 1]
    return columns


# Of the size that is published for the data after which the trips are made up: constants of train
# and car, cost, and mean and standard deviation of the coefficient of time.
TASTES = {"train": -0.4, "car": 0.137, "cost": -1.29, "time": -2.26, "spread": 1.66}
TRIPS = 6768  # as many as there


def mixed_sample(rng: np.random.Generator) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Times and costs in hundreds (trips, 3), and choices, of which tastes for time differ.

    The alternatives are a train, a new and faster train, and a car. Half of the trips take less
    than 1.3 and one in a hundred more than 12.
    """
    length = 1.4 * np.exp(0.9 * rng.normal(size=TRIPS))
    spread = np.exp(0.3 * rng.normal(size=(TRIPS, 3)))
    time = length[:, None] * np.array([1.2, 0.6, 1.0]) * spread
    cost = time * np.array([0.5, 1.1, 0.6])
    own = rng.normal(size=TRIPS)
    utilities = mixed_utilities(time, cost, own[:, None])
    return time, cost, (utilities + standard_gumbel(utilities.shape, rng=rng)).argmax(axis=1)


def mixed_utilities(time: Floats, cost: Floats, own: Any) -> Floats:
    """Utilities of those whose coefficient of time lies `own` standard deviations off its mean."""
    constants = np.array([TASTES["train"], 0.0, TASTES["car"]])
    slope = TASTES["time"] + TASTES["spread"] * own
    result: Floats = constants + TASTES["cost"] * cost + slope * time
    return result


def mixed_log_likelihood(
    time: Floats, cost: Floats, chosen: NDArray[np.int64], nodes: Floats, weights: Floats
) -> float:
    """Log-likelihood of the mixed logit, the mean over tastes taken as a weighted sum."""
    share = np.zeros(chosen.size)
    for node, weight in zip(nodes, weights, strict=True):
        probs = special.softmax(mixed_utilities(time, cost, node), axis=1)
        share += weight * probs[np.arange(chosen.size), chosen]
    return float(np.log(share).sum())
