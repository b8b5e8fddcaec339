"""Longer trainings: ``python -m gumbel_lib.chapters.categorical_vae --steps 10000``."""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from . import model

EVERY = 500  # steps between two reports that are stored


def _means(models: list[model.Parameters], x: Any, seed: int) -> dict[str, float]:
    """Means over the runs, in nats: what `report` tells, and the least KL of a latent."""
    rows = [
        model.report(one, x, rng=seed)
        | {"least KL": float(model.exact(one, x).kl.mean(axis=0).min())}
        for one in models
    ]
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}


def main(arguments: list[str] | None = None) -> int:
    """Train the ways with a progress bar each, and print their means over the runs."""
    prog = "python -m gumbel_lib.chapters.categorical_vae"
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("ways", nargs="*", help=f"some of {', '.join(model.WAYS)}; default all")
    parser.add_argument("--steps", type=int, default=10_000, help="a multiple of 50")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--kl-warmup", type=int, nargs="+", default=[0], metavar="STEPS",
        help="steps in which the KL's weight rises from 0; of several, each is tried",
    )  # fmt: skip
    parser.add_argument("--store", type=Path, help="a JSON file for the means on the way")
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(arguments)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    train, test = model.digits(rng=0)
    kept = [part for part in arguments if part not in ("--store", str(options.store))]
    stored: dict[str, Any] = {
        "command": shlex.join([*prog.split(), *kept]),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "jax", "scikit-learn")},
        "trainings": [],
    }
    for warmup in options.kl_warmup:
        for way in options.ways or model.WAYS:
            try:
                run = model.train(
                    train, way, num_steps=options.steps, kl_warmup=warmup,
                    replicates=options.runs, rng=options.seed,
                )  # fmt: skip
            except ValueError as error:
                parser.error(str(error))
            after = {
                int(step): _means(models, test, options.seed)
                for step, models in zip(run.steps, run.records, strict=True)
                if step % EVERY == 0 or step == options.steps
            }
            told = "   ".join(f"{name} {value:.2f}" for name, value in after[options.steps].items())
            print(f"{way:18}KL warm-up {warmup:<7}{told}")
            stored["trainings"].append({"way": way, "kl_warmup": warmup, "after": after})
    if options.store:
        options.store.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
