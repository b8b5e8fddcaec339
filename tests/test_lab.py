"""The notebooks in JupyterLab, as `make lab` opens them."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
import vl_convert

from gumbel_lib.book.vega import MIME, VEGA_LITE

ROOT = Path(__file__).parents[1]
CHAPTERS = ROOT / "chapters"


def interactives():
    """The specification of every interactive that a notebook holds."""
    for path in sorted(CHAPTERS.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                if MIME in output.get("data", {}):
                    yield pytest.param(output["data"][MIME], id=path.stem)


def marks(group, name, top=0):
    """The items of a scene whose mark has this name or role, each with where its group begins."""
    for mark in group.get("items", []):
        if name in (mark.get("role"), mark.get("name", "").split("_")[0]):
            yield from ((item, top) for item in mark["items"])
        if mark["marktype"] == "group":
            for inner in mark["items"]:
                yield from marks(inner, name, top + inner.get("y", 0))


@pytest.mark.parametrize("spec", interactives())
def test_no_gridline_strikes_the_readout_through(spec):
    scene = vl_convert.vegalite_to_scenegraph(spec, vl_version=VEGA_LITE)["scenegraph"]
    lines = []
    for item, top in marks({"items": [scene]}, "readout"):
        assert item["baseline"] == "bottom"
        for number, _ in enumerate(item["text"].split("\n")):
            bottom = top + item["y"] + number * (item["fontSize"] + 2)  # Vega's height of a line
            lines.append((bottom - item["fontSize"], bottom))
    assert lines
    for rule, top in marks({"items": [scene]}, "axis-grid"):
        ends = [top + rule.get("y", 0), top + rule.get("y2", rule.get("y", 0))]
        for upper, lower in lines:
            assert not (upper <= max(ends) and min(ends) <= lower)


@pytest.fixture
def lab(browser, tmp_path):
    """The address of a notebook, as if it had not run, in a JupyterLab of the test's own."""
    notebook = nbformat.read(CHAPTERS / "gumbel_max.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
    folder = tmp_path / "chapters"
    folder.mkdir()
    nbformat.write(notebook, folder / "gumbel_max.ipynb")
    shutil.copy(CHAPTERS / "references.bib", folder)

    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^lab:.*\n\t\$\(BIN\)/python (.+) chapters$", makefile, re.MULTILINE)[1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", "--expose-app-in-browser", f"--port={port}"]
    command = [sys.executable, *shlex.split(recipe), str(folder), *options]
    kinds = ("CONFIG", "DATA", "RUNTIME")
    env = os.environ | {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in kinds}
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as process:
        log = []
        for line in process.stderr:
            log.append(line)
            if address := re.search(r"(http://127\S+/lab)(\?token=\w+)", line):
                break
        else:
            pytest.fail("JupyterLab ended:\n" + "".join(log))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield f"{address[1]}/tree/gumbel_max.ipynb{address[2]}"
        process.terminate()


# The notebook as the page has it, with its cells' widgets.
NOTEBOOK = "window.jupyterapp?.shell.currentWidget?.content"
READY = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
RUN = "window.jupyterapp.commands.execute('notebook:run-all-cells')"
MARKDOWN_SHOWN = f"""{NOTEBOOK}.widgets
  .every(cell => cell.model.type !== 'markdown' || cell.node.querySelector('.myst > *'))"""
HIDDEN = f"{NOTEBOOK}.widgets.flatMap((cell, i) => cell.node.checkVisibility() ? [] : [i])"


def inside_solutions(cells):
    """The cells between the one where a solution starts and the one where it ends."""
    found, inside = [], False
    for number, cell in enumerate(cells):
        if "{solution-end}" in cell.source:
            inside = False
        if inside:
            found.append(number)
        if "{solution-start}" in cell.source:
            inside = True
    return found


def test_a_notebook_runs_and_reads_in_jupyterlab(browser, lab):
    cells = nbformat.read(CHAPTERS / "gumbel_max.ipynb", as_version=4).cells
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(90_000)
    page.goto(lab)
    page.wait_for_function(READY)
    page.evaluate(RUN)

    # Its code runs.
    for cell in nbformat.from_dict(page.evaluate(f"{NOTEBOOK}.model.toJSON().cells")):
        if cell.cell_type == "code":
            assert cell.execution_count
            assert not [
                out for out in cell.outputs if "error" in (out.output_type, out.get("name"))
            ]

    # Its interactive lives.
    chart = page.locator(".vega-embed canvas")
    picture = chart.evaluate("canvas => canvas.toDataURL()")
    page.locator(".vega-bind input[type=range]").first.fill("40")
    page.wait_for_function(
        "before => document.querySelector('.vega-embed canvas').toDataURL() !== before", arg=picture
    )

    # Its text says what is cited and referred to.
    page.wait_for_function(MARKDOWN_SHOWN)
    assert page.locator("[title$='Not Found'], .text-yellow-600").all_inner_texts() == []
    assert page.locator(".myst").filter(has_text="as Luce and Suppes (1965) report").count() == 1

    # Its figures have captions.
    captions = [
        cell.metadata["mystnb"]["figure"]["caption"]
        for cell in cells
        if "figure" in cell.metadata.get("mystnb", {})
    ]
    for number, caption in enumerate(captions, 1):
        assert page.locator(
            ".figure-caption", has_text=f"Figure {number}. {caption[:40]}"
        ).is_visible()

    # Its solutions are closed, and open when asked to.
    assert page.evaluate(HIDDEN) == inside_solutions(cells)
    solutions = page.locator(".solution > details")
    assert solutions.count() == sum("{solution-start}" in cell.source for cell in cells)
    for solution in solutions.all():
        solution.locator("summary").click()
    page.wait_for_function(f"{HIDDEN}.length === 0")
    page.close()
