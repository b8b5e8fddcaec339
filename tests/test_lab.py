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

from gumbel_lib.book import lab
from gumbel_lib.book.vega import MIME, VEGA_LITE

ROOT = Path(__file__).parents[1]
CHAPTERS = ROOT / "chapters"
NOTEBOOK = CHAPTERS / "reparameterization.ipynb"  # it has one of everything
ROLE = r"\{(?:cite(?::\w+)?|doc|numref|ref|prf:ref)\}`(?:[^`<]*<)?([^`>]+)"
GLUE = r"\{glue:text\}`([^`]+)`"


def interactives():
    """The specification of every interactive that a notebook holds."""
    for path in sorted(CHAPTERS.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                if MIME in output.get("data", {}):
                    yield pytest.param(output["data"][MIME], id=path.stem)


def marks(group, name, top=0):
    """The items of marks of this role or name, each with where its group begins."""
    for mark in group.get("items", []):
        if mark.get("role") == name or mark.get("name", "").startswith(name):
            yield from ((item, top) for item in mark["items"])
        if mark["marktype"] == "group":
            for inner in mark["items"]:
                yield from marks(inner, name, top + inner.get("y", 0))


@pytest.mark.parametrize("spec", list(interactives()))
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


def test_what_a_notebook_refers_to_is_known():
    paths = [*CHAPTERS.glob("*.md"), *CHAPTERS.glob("*.ipynb")]
    pages = {path.name: lab.read(path) for path in paths}
    known = lab.targets(pages).keys() | lab.citations(CHAPTERS / "references.bib").keys()
    for page, cells in pages.items():
        if page.endswith(".ipynb"):
            prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
            names = {name for body in re.findall(ROLE, prose) for name in body.split(",")}
            assert names <= known
            assert set(re.findall(GLUE, prose)) <= lab.glued(cells).keys()


@pytest.fixture
def in_lab(browser, tmp_path):
    """The address of the notebook, as if it had not run, in a JupyterLab of the test's own."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
    folder = tmp_path / "chapters"
    shutil.copytree(CHAPTERS, folder)
    nbformat.write(notebook, folder / NOTEBOOK.name)

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
        yield f"{address[1]}/tree/{NOTEBOOK.name}{address[2]}"
        process.terminate()


# The notebook, as the page has it.
OPEN = "window.jupyterapp?.shell.currentWidget"
IDLE = f"{OPEN}?.sessionContext?.session?.kernel?.status === 'idle'"
RUN = "window.jupyterapp.commands.execute('notebook:run-all-cells')"
TOLD = f"""{OPEN}.content.widgets
  .every(cell => cell.model.type !== 'markdown' || cell.node.querySelector('.myst > *'))"""
HIDDEN = f"{OPEN}.content.widgets.flatMap((cell, i) => cell.isVisible ? [] : [i])"
REST = "[...document.querySelectorAll('.solution-rest')].filter(rest => rest.checkVisibility())"
MOVED = "before => document.querySelector('.vega-embed canvas').toDataURL() !== before"


def inside_solutions(cells):
    """The cells between the one where a solution starts and the one where it ends."""
    found, inside = [], False
    for number, cell in enumerate(cells):
        inside = inside and "{solution-end}" not in cell.source
        if inside:
            found.append(number)
        inside = inside or "{solution-start}" in cell.source
    return found


def test_no_two_sources_have_one_label():
    cited = lab.citations(CHAPTERS / "references.bib")
    labels = [(source["names"], source["year"]) for source in cited.values()]
    assert len(set(labels)) == len(labels)


def test_a_notebook_runs_and_reads_in_jupyterlab(browser, in_lab):
    cells = lab.read(NOTEBOOK)
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(90_000)
    page.goto(in_lab)
    page.wait_for_function(IDLE)
    page.evaluate(RUN)

    # Its code runs.
    for cell in nbformat.from_dict(page.evaluate(f"{OPEN}.content.model.toJSON().cells")):
        if cell.cell_type == "code":
            assert cell.execution_count
            for output in cell.outputs:
                assert output.output_type != "error"

    # Its interactive lives.
    picture = page.locator(".vega-embed canvas").evaluate("canvas => canvas.toDataURL()")
    slider = page.locator(".vega-bind input[type=range]").first
    slider.fill(slider.get_attribute("max"))
    page.wait_for_function(MOVED, arg=picture)

    # Its prose names what it cites, refers to and has computed.
    page.wait_for_function(TOLD)
    assert page.locator("[title$='Not Found']").all_text_contents() == []
    shown = "\n".join(page.locator(".jp-MarkdownCell .myst").all_text_contents())
    for key, source in lab.citations(CHAPTERS / "references.bib").items():
        assert key not in shown
        assert source["names"] in shown or f"`{key}`" not in prose
    values = lab.glued(cells)
    for name in re.findall(GLUE, prose):
        assert values[name] in shown

    # Its figures and tables have captions.
    targets = lab.targets({NOTEBOOK.name: cells})
    for figure in filter(None, (cell.metadata.get("mystnb", {}).get("figure") for cell in cells)):
        plain = re.split(r"[`{$*]", figure["caption"])[0]
        words = f"{targets[figure['name']]['text']}. {plain}"
        assert page.locator(".figure-caption", has_text=words).is_visible()

    # Its solutions are closed, and open when asked to.
    assert page.evaluate(HIDDEN) == inside_solutions(cells)
    assert page.evaluate(f"{REST}.length") == 0
    solutions = page.locator(".solution > details")
    assert solutions.count() == prose.count("{solution-start}") > 0
    for solution in solutions.all():
        assert solution.get_attribute("open") is None
        solution.locator("summary").click()
    page.wait_for_function(f"{HIDDEN}.length === 0 && {REST}.length > 0")
    page.close()
