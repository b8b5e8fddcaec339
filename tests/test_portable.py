"""`make portable` can fail: a cell that prints a last bit is reported on a lowered processor.

And the Pythons that the book is promised for are those it is tried on.
"""

import os
import re
import subprocess
import sys

import nbformat
import numpy as np
import portable
import pytest
import yaml
from nbclient import NotebookClient

CELLS = {
    # NumPy takes exp of float64 in one way on all processors up to AVX2, and of float32 in two.
    "the last bits of exp": "[int.from_bytes(np.exp(f(x)).tobytes()) % 1000003 for f in "
    "(np.float64, np.float32)]",
    "exp to 3 figures": "[f'{value:.3g}' for value in np.exp(x[:3])]",
}


def stored(path, source):
    """A notebook executed here, on the whole processor."""
    code = nbformat.v4.new_code_cell
    setting = "import numpy as np\nx = np.linspace(-5, 5, 10_001)"
    notebook = nbformat.v4.new_notebook(cells=[code(setting), code(source)])
    NotebookClient(notebook, kernel_name="python3").execute()
    nbformat.write(notebook, path)
    return str(path)


@pytest.mark.parametrize(("name", "code"), [("the last bits of exp", 1), ("exp to 3 figures", 0)])
def test_a_printed_last_bit_is_reported(name, code, tmp_path):
    levels = portable.environments()
    if not levels:
        pytest.skip("NumPy found nothing beyond its baseline on this processor")
    notebook = stored(tmp_path / "cell.ipynb", CELLS[name])
    assert portable.recompute(levels[0], [notebook]) == code


@pytest.mark.parametrize("beyond", ["", " AVX512_ICL", " AVX512_ICL AVX512_SPR"])
def test_the_levels_take_away_group_after_group(beyond, monkeypatch):
    found = {"SIMD Extensions": {"found": ["X86_V3", "X86_V4", *beyond.split()]}}
    monkeypatch.setattr(portable.np, "show_config", lambda mode: found)
    levels = portable.environments()
    taken = [level["NPY_DISABLE_CPU_FEATURES"] for level in levels]
    assert taken == [f"X86_V3 X86_V4{beyond}", f"X86_V4{beyond}"]
    assert [level["OPENBLAS_CORETYPE"] for level in levels] == ["Prescott", "Haswell"]


def test_beyond_x86_v4_numpy_has_code_for_half_precision_alone():
    functions = np.lib.introspect.opt_func_info().values()
    kinds = [(kind, taken["available"]) for each in functions for kind, taken in each.items()]
    levels = {"baseline(X86_V2)", "", *portable.MATCHING, "X86_V4"}
    beyond = {kind for kind, targets in kinds if set(targets.split()) - levels}
    if not any("X86_V3" in targets for _, targets in kinds):
        pytest.skip("NumPy was built for another kind of processor")
    assert beyond <= {"ee"}


def test_other_processors_keep_their_blas(monkeypatch):
    found = {"SIMD Extensions": {"found": ["ASIMDHP"]}}
    monkeypatch.setattr(portable.np, "show_config", lambda mode: found)
    assert portable.environments() == [{"NPY_DISABLE_CPU_FEATURES": "ASIMDHP"}]


def test_make_and_the_pages_promise_the_pythons_that_ci_tries():
    workflow = yaml.safe_load((portable.ROOT / ".github/workflows/book.yml").read_text("utf-8"))
    tried = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    promise = f"Python {tried[0]} to {tried[-1]}"
    for name in ("README.md", "chapters/index.md", "Makefile"):
        assert promise in (portable.ROOT / name).read_text("utf-8"), f"{name}: say {promise}"
    makefile = (portable.ROOT / "Makefile").read_text("utf-8")
    bounds = re.findall(r"(?<=\()3, \d+(?=\))", makefile.split("@echo")[0])
    assert [bound.replace(", ", ".") for bound in bounds] == [tried[0], tried[-1]]


@pytest.mark.parametrize("isa", ["NONE", *sorted({isa for _, isa in portable.MATCHING.values()})])
def test_xla_knows_each_level(isa):
    # XLA only warns of a name that it does not know, and keeps the whole processor.
    if not any("XLA_FLAGS" in level for level in portable.environments()):
        pytest.skip("XLA keeps the whole processor here")
    variables = {"XLA_FLAGS": f"--xla_cpu_max_isa={isa}"}
    command = [sys.executable, "-c", "import jax.numpy as jnp; jnp.zeros(2).block_until_ready()"]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)
    assert done.returncode == 0
    assert ("Unknown CPU ISA" in done.stderr) == (isa == "NONE")
