"""Longer trainings: ``python -m gumbel_lib.chapters.categorical_vae --steps 10000``."""

from __future__ import annotations

import argparse
import sys

import jax
import numpy as np

from . import model


def main(arguments: list[str] | None = None) -> int:
    """Train the ways with a progress bar each, and print their means over the runs."""
    parser = argparse.ArgumentParser(prog="python -m gumbel_lib.chapters.categorical_vae")
    parser.add_argument("ways", nargs="*", help=f"some of {', '.join(model.WAYS)}; default all")
    parser.add_argument("--steps", type=int, default=10_000, help="a multiple of 50")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    train, test = model.digits(rng=0)
    for way in options.ways or model.WAYS:
        try:
            run = model.train(
                train, way, num_steps=options.steps, replicates=options.runs, rng=options.seed
            )
        except ValueError as error:
            parser.error(str(error))
        reports = [model.report(one, test, rng=options.seed) for one in run.records[-1]]
        means = {name: np.mean([told[name] for told in reports]) for name in reports[0]}
        print(f"{way:18}" + "   ".join(f"{name} {value:.2f}" for name, value in means.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
