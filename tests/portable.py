"""Recompute every notebook as on processors with less: ``python tests/portable.py [NOTEBOOK ...]``.

NumPy, OpenBLAS and XLA choose their code by the processor, and `exp`, `log` and long sums differ
between the choices in the last bit. The runs take away group after group of the instructions that
NumPy found here, down to none, with OpenBLAS and XLA lowered to match, and let nbval compare all
outputs with what is stored.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from gumbel_lib.claims import SHARED

ROOT = Path(__file__).parents[1]
# What OpenBLAS and XLA are told where the highest group left to NumPy is this one. Other
# processors than x86-64 have groups that are not here, and keep their OpenBLAS and XLA. Below AVX2
# XLA cannot compile half precision, which a cell of questions shows. A processor's own run stands
# for X86_V4: beyond it NumPy has groups for numbers of 16 bits alone, AVX512_ICL to sort them and
# AVX512_SPR also to take their functions.
MATCHING = {
    "": ("Prescott", "AVX2"),
    "X86_V3": ("Haswell", "AVX2"),
}


def environments() -> list[dict[str, str]]:
    """The variables of each run, from nothing beyond NumPy's baseline upwards."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    levels = []
    for kept in range(len(found)):
        variables = {"NPY_DISABLE_CPU_FEATURES": " ".join(found[kept:])}
        highest = found[kept - 1] if kept else ""
        if "X86_V3" in found:
            if highest not in MATCHING:
                continue
            core, isa = MATCHING[highest]
            variables |= {"OPENBLAS_CORETYPE": core, "XLA_FLAGS": f"--xla_cpu_max_isa={isa}"}
        levels.append(variables)
    return levels


def recompute(variables: dict[str, str], notebooks: list[str]) -> int:
    """nbval's exit code over the notebooks under these variables."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--quiet", "--nbval"]
    workers = ["-n", "2", "--dist", "loadscope"] if len(notebooks) > 1 else []
    with tempfile.TemporaryDirectory() as verdicts:
        env = os.environ | variables | {SHARED: verdicts}
        return subprocess.call([*command, *workers, *notebooks], env=env)


def main() -> int:
    """Run every level; exit 1 if an output differs in one."""
    chapters = sorted(str(path) for path in (ROOT / "chapters").glob("*.ipynb"))
    notebooks = sys.argv[1:] or chapters
    levels = environments()
    if not levels:
        print("NumPy found nothing beyond its baseline here, so there is nothing to take away.")
    failed = []
    for variables in levels:
        described = ", ".join(f"{name}={value!r}" for name, value in variables.items())
        print(f"\n{described}", flush=True)
        if recompute(variables, notebooks):
            failed.append(described)
    for described in failed:
        print(f"differs: {described}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
