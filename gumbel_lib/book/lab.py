"""JupyterLab with the notebooks: ``python -m gumbel_lib.book.lab [FOLDER] [OPTION ...]``.

jupyterlab-myst shows the Markdown cells of a notebook and reads nothing else. So it does not know
what is cited, the labels of other pages, the captions of figures and the numbers that code has
stored for the prose, and it cannot close a solution that spans cells. The script lab.js adds these
from what is read here. It is an extension of JupyterLab that needs no build.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from jupyterlab.labapp import LabApp
from pybtex.database import parse_file

NAME = "gumbel-book"  # of the extension
GLUED = "application/papermill.record/text/plain"


def citations(bibliography: Path) -> dict[str, dict[str, str]]:
    """What a citation of each source says, its names and its year, and where the source is."""
    cited = {}
    for key, entry in parse_file(bibliography).entries.items():
        names = [
            " ".join(map(str, person.rich_prelast_names + person.rich_last_names))
            for person in entry.persons["author"]
        ]
        short = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
        doi = entry.fields.get("doi")
        url = f"https://doi.org/{doi}" if doi else entry.fields.get("url", "")
        cited[key] = {"names": short, "year": entry.fields["year"], "url": url}
    return cited


def read(page: Path) -> list[Any]:
    """The cells of a notebook; a page of Markdown is a single one."""
    if page.suffix == ".md":
        return [nbformat.v4.new_markdown_cell(page.read_text(encoding="utf-8"))]
    return list(nbformat.read(page, as_version=4).cells)


def targets(pages: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
    """What a reference to each page and label says, its page, and whether code puts it out."""
    found: dict[str, dict[str, Any]] = {}
    for page, cells in pages.items():
        prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        title = re.search(r"^# (.+)", prose, re.MULTILINE)
        said = {Path(page).stem: title[1] if title else page}
        said |= dict(re.findall(r"^\((.+)\)=\n#+ (.+)", prose, re.MULTILINE))
        box = r"\{(?:prf:)?(\w+)\} *(.*)\n:(?:label|name): (.+)"
        for kind, title, label in re.findall(box, prose):
            said[label] = f"{kind.capitalize()} ({title})" if title else kind.capitalize()
        figures = [
            cell.metadata.get("mystnb", {}).get("figure", {}).get("name", "") for cell in cells
        ]
        put_out: dict[str, str] = {}
        for kind, prefix in (("Figure", "fig-"), ("Table", "tab-")):
            names = [name for name in figures if name.startswith(prefix)]
            put_out |= {name: f"{kind} {number}" for number, name in enumerate(names, 1)}
        for label, text in (said | put_out).items():
            found[label] = {"text": text, "page": page, "code": label in put_out}
    return found


def glued(cells: list[Any]) -> dict[str, str]:
    """The texts that the code of a notebook has stored for its prose."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return {
        output.metadata.scrapbook.name: output.data[GLUED].strip("'")
        for output in outputs
        if GLUED in output.get("data", {})
    }


def write_extension(folder: Path, notebooks: Path) -> None:
    """Write the extension, with what it knows of the notebooks, among those in a folder."""
    paths = [*notebooks.glob("*.md"), *notebooks.glob("*.ipynb")]
    pages = {path.name: read(path) for path in paths}
    book = {
        "citations": citations(notebooks / "references.bib"),
        "targets": targets(pages),
        "glued": {page: glued(cells) for page, cells in pages.items()},
    }
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    package = {
        "name": NAME,
        "version": importlib.metadata.version("gumbel-lib"),
        "jupyterlab": {"_build": {"load": "lab.js", "extension": "./lab"}},
    }
    (folder / NAME).mkdir()
    (folder / NAME / "package.json").write_text(json.dumps(package), encoding="utf-8")
    text = f"const BOOK = {json.dumps(book)};\n{script}"
    (folder / NAME / "lab.js").write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Open the notebooks of a folder; further options are JupyterLab's."""
    parser = argparse.ArgumentParser(prog="python -m gumbel_lib.book.lab")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("chapters"))
    known, options = parser.parse_known_args(arguments)
    with TemporaryDirectory(prefix="gumbel-lab-") as extensions:
        write_extension(Path(extensions), known.folder)
        path = f"--LabApp.extra_labextensions_path={extensions}"
        LabApp.launch_instance([str(known.folder), path, *options])


if __name__ == "__main__":
    main()
