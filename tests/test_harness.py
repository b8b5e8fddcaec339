"""The harness can fail: a changed number, library or figure makes nbval report it.

Each test runs nbval, as `make test` does, over the opening cells of a real chapter in a folder of
its own, first as they are and then with one thing changed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def opening(tmp_path):
    """The cells of `gumbel_max` up to its tally of draws, without the slow claims."""
    notebook = nbformat.read(ROOT / "chapters" / "gumbel_max.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    last = next(i for i, cell in enumerate(cells) if "plots.tally" in cell.source)
    notebook.cells = [cell for cell in cells[: last + 1] if "verify(" not in cell.source.lower()
                      or "import" in cell.source]  # fmt: skip
    path = tmp_path / "opening.ipynb"
    nbformat.write(notebook, path)
    return path


def nbval(path, library=None):
    """nbval's exit code and report; `library` is a folder that stands before the real one."""
    environment = dict(os.environ)
    if library:
        environment["PYTHONPATH"] = str(library)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval", path.name],
        cwd=path.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


def test_the_cells_as_they_stand_pass(opening):
    code, report = nbval(opening)
    assert code == 0, report


def test_a_changed_stored_number_fails(opening):
    notebook = nbformat.read(opening, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.source.endswith("winners"))
    stored = cell.outputs[0].data["text/plain"]
    cell.outputs[0].data["text/plain"] = stored.replace("1", "2", 1)
    assert cell.outputs[0].data["text/plain"] != stored
    nbformat.write(notebook, opening)
    code, report = nbval(opening)
    assert code == 1, report
    assert "winners" in report


def test_a_changed_library_function_fails(opening, tmp_path):
    library = tmp_path / "library"
    shutil.copytree(ROOT / "gumbel_lib", library / "gumbel_lib")
    noise = library / "gumbel_lib" / "noise.py"
    source = noise.read_text(encoding="utf-8")
    changed = source.replace("np.negative(noise, out=noise)", "noise")
    assert changed != source
    noise.write_text(changed, encoding="utf-8")
    code, report = nbval(opening, library)
    assert code == 1, report


def test_a_changed_figure_fails(opening):
    # One draw more: the picture moves by less than a reader can see.
    notebook = nbformat.read(opening, as_version=4)
    cell = notebook.cells[-1]
    assert "20_000" in cell.source
    cell.source = cell.source.replace("20_000", "20_001")
    nbformat.write(notebook, opening)
    code, report = nbval(opening)
    assert code == 1, report
    assert "image/svg+xml" in report
