"""Execute notebooks in place: ``python -m gumbel_lib.book.notebooks [NAME ...]``.

Outputs are stored without anything that differs between machines or runs, so a second run leaves
no diff. A chapter's reading time is counted and written into its first cell.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
# Plain prose is read at about 240 words a minute (Brysbaert, 2019); a chapter of formulas, proofs
# and code asks for about twice the time.
WORDS_A_MINUTE = 110


def reading_time(notebook: Any) -> int:
    """Minutes that the words of a notebook take to read, its hidden cells left out, in fives."""
    shown = [
        cell.source for cell in notebook.cells if "remove-cell" not in cell.metadata.get("tags", [])
    ]
    words = re.findall(r"\w+", "\n".join(shown))
    return 5 * max(1, round(len(words) / WORDS_A_MINUTE / 5))


def execute(path: Path) -> None:
    """Run every cell of a notebook in a fresh kernel and store the outputs."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,  # a print may reach the client in pieces
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    kept = {name: value for name, value in notebook.metadata.items() if name not in METADATA}
    notebook.metadata = nbformat.from_dict({**kept, **METADATA})
    opening = notebook.cells[0]
    time = rf"\g<1>{reading_time(notebook)} minutes"
    opening.source = re.sub(r"(\*Time\*: about )\d+ minutes", time, opening.source)
    nbformat.write(notebook, path)


def main(arguments: list[str] | None = None) -> int:
    """Execute the named notebooks, or all; exit 1 if a cell fails."""
    parser = argparse.ArgumentParser(prog="python -m gumbel_lib.book.notebooks")
    parser.add_argument("names", nargs="*", help="names in chapters/, without .ipynb; default all")
    names = parser.parse_args(arguments).names
    paths = [Path("chapters", f"{name}.ipynb") for name in names]
    for path in paths:
        if not path.exists():
            parser.error(f"names: expected notebooks of chapters/, got {path.stem!r}")
    paths = paths or sorted(Path("chapters").glob("*.ipynb"))
    failed = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(execute, path): path for path in paths}
        for job in tqdm(as_completed(jobs), total=len(jobs), unit="notebook", disable=None):
            try:
                job.result()
            except CellExecutionError as error:
                failed = True
                print(f"{jobs[job]}: a cell failed\n{error}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
