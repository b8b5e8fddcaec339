"""The conditional logit's fit beside that of statsmodels, as ratios of times in one run.

Both fit the same made-up choices in turn, from the same data frame to estimates and standard
errors, and the table gives the median of the ratios of their times, with the least and the
largest. The nested logit, which statsmodels has not, is given as a multiple of our own
conditional logit. Run with ``make bench``; the results are stored beside this file.
"""

from __future__ import annotations

import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sampling import machine
from statsmodels.discrete.conditional_models import ConditionalLogit
from tqdm import tqdm

from gumbel_lib.choice import conditional_logit, nested_logit

ROUNDS = 5
SHAPES = [(200, 4, 3), (1000, 4, 6), (5000, 4, 6), (1000, 20, 6)]  # cases, alternatives, columns
STORE = Path(__file__).with_suffix(".json")


def choices(cases: int, alternatives: int, columns: int) -> pd.DataFrame:
    """Long data of a conditional logit."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(cases, alternatives, columns))
    chosen = (x.sum(axis=-1) / 2 + rng.gumbel(size=(cases, alternatives))).argmax(axis=1)
    data = {f"x{i}": x[..., i].ravel() for i in range(columns)}
    data["case"] = np.arange(cases).repeat(alternatives)
    data["alternative"] = np.tile(np.arange(alternatives), cases)
    data["choice"] = (np.arange(alternatives) == chosen[:, None]).ravel().astype(int)
    return pd.DataFrame(data)


def seconds(run: Callable[[], Any]) -> float:
    """Processor time of a call."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


def main() -> None:
    """Measure, print and store."""
    rows = {}
    for shape in tqdm(SHAPES):
        data = choices(*shape)
        names = [f"x{i}" for i in range(shape[2])]

        def ours(data: pd.DataFrame = data, names: list[str] = names) -> Any:
            return conditional_logit(data, variables=names).table()

        def nested(data: pd.DataFrame = data, names: list[str] = names) -> Any:
            return nested_logit(data, variables=names, nests={"first": [0, 1]}).table()

        def theirs(data: pd.DataFrame = data, names: list[str] = names) -> Any:
            model = ConditionalLogit(data["choice"], data[names], groups=data["case"])
            return model.fit(method="newton", disp=False).bse

        times = [[seconds(run) for run in (ours, theirs, nested)] for _ in range(ROUNDS)]
        ratios = [peer / own for own, peer, _ in times]
        rows[" x ".join(map(str, shape))] = {
            "statsmodels / ours": round(statistics.median(ratios)),
            "least": round(min(ratios)),
            "largest": round(max(ratios)),
            "nested / ours": round(statistics.median(n / own for own, _, n in times), 1),
        }
    print(pd.DataFrame(rows).T)
    STORE.write_text(json.dumps({"machine": machine(), "fits": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
