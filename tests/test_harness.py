"""The harness can fail: a changed number, library or figure makes nbval report it.

One run of nbval, as `make test` does it, goes over copies of the opening of a real chapter, each in
a folder of its own: one as it stands, the others with one thing changed.
"""

import copy
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gumbel_lib.book.show import NARROW_MIME

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def opening():
    """The cells of `gumbel_max` with its first number and its tally of draws, and their imports."""
    notebook = nbformat.read(ROOT / "chapters" / "gumbel_max.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    steps = ("import numpy", "probs =", "winners", "figures.tally")
    notebook.cells = [next(cell for cell in cells if step in cell.source) for step in steps]
    slow = ("myst_nb", "scipy", "verify", "gumbel_lib.trick")
    lines = notebook.cells[0].source.replace(", interactive", "").splitlines()
    notebook.cells[0].source = "\n".join(
        line for line in lines if not any(name in line for name in slow)
    )
    return notebook


@pytest.fixture(scope="module")
def refused(opening, tmp_path_factory):
    """The cells that nbval refuses in each copy, and its whole report."""
    folder = tmp_path_factory.mktemp("harness")

    def write(name, notebook):
        (folder / name).mkdir()
        nbformat.write(notebook, folder / name / "opening.ipynb")

    write("unchanged", opening)

    edited = copy.deepcopy(opening)
    data = edited.cells[2].outputs[0].data
    data["text/plain"] = data["text/plain"].replace("1", "2", 1)
    assert edited.cells[2] != opening.cells[2]
    # One draw more: the picture moves by less than a reader can see.
    edited.cells[3].source = edited.cells[3].source.replace("20_000", "20_001")
    assert edited.cells[3] != opening.cells[3]
    write("edited", edited)

    library = folder / "gumbel_lib"
    shutil.copytree(ROOT / "gumbel_lib", library)
    source = (library / "noise.py").read_text(encoding="utf-8")
    changed = source.replace("np.negative(noise, out=noise)", "noise")
    assert changed != source
    (library / "noise.py").write_text(changed, encoding="utf-8")
    other = copy.deepcopy(opening)
    first = other.cells[0]
    first.source = f"import sys\nsys.path.insert(0, {str(folder)!r})\n{first.source}"
    write("library", other)

    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval", "-rA", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    verdicts = re.findall(
        r"^(PASSED|FAILED) (\w+)/opening.ipynb::Cell (\d)", done.stdout, re.MULTILINE
    )
    assert len(verdicts) == 3 * len(opening.cells), done.stdout
    cells = {name: [] for name in ("unchanged", "edited", "library")}
    for verdict, name, cell in sorted(verdicts, key=lambda found: found[2]):
        if verdict != "PASSED":
            cells[name].append(int(cell))
    return cells, done.stdout


def test_the_cells_as_they_stand_pass(refused):
    cells, report = refused
    assert cells["unchanged"] == [], report


def test_a_changed_stored_number_and_a_changed_figure_fail(refused):
    cells, report = refused
    assert cells["edited"] == [2, 3], report
    assert "winners" in report
    # The report names one version of the picture, of the two that differ.
    assert "image/svg+xml" in report or NARROW_MIME in report


def test_a_changed_library_function_fails(refused):
    cells, report = refused
    assert cells["library"] == [2, 3], report
