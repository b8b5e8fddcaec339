"""What the book takes: seconds to build, to test and to run, and the kilobytes of each page.

Run with ``make bench``, as its first part: once the others have stored new figures, the tests say
that a page still shows the old ones. What the last run stored beside this file is printed beside
the new figures and then replaced.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import nbclient
import nbformat
from peers import machine
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
STORE = Path(__file__).with_suffix(".json")


def make(target: str) -> tuple[float, str]:
    """Seconds that a target of the Makefile takes, and what it prints."""
    began = time.perf_counter()
    done = subprocess.run(["make", target], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nmake {target} failed, so nothing is measured")
    return round(time.perf_counter() - began, 1), done.stdout


def run(path: Path) -> float:
    """Seconds that a notebook takes in a fresh kernel."""
    began = time.perf_counter()
    nbclient.execute(nbformat.read(path, as_version=4), cwd=path.parent, timeout=600)
    return round(time.perf_counter() - began, 1)


def main() -> None:
    """Measure, print and store."""
    before = json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}
    for made in ("html", ".doctrees"):
        shutil.rmtree(ROOT / "_build" / made, ignore_errors=True)
    build, _ = make("book")
    notebooks = {path.stem: run(path) for path in tqdm(sorted(ROOT.glob("chapters/*.ipynb")))}
    test, told = make("test")
    slowest = re.findall(r"^([\d.]+)s (\w+) +(\S.*)$", told, re.MULTILINE)
    pages = re.findall(r"^(\w+): (\d+) kB \((.*?)\), (\d+) elements", told, re.MULTILINE)
    sizes = {name: int(size) for name, size, *_ in pages}
    for name, _, parts, _ in pages:
        sizes |= {f"{name}: {kind}": int(kb) for kind, kb in re.findall(r"(\w+) (\d+)", parts)}
    figures = {
        "seconds": {"make book": build, "make test": test},
        "seconds of the slowest tests": {f"{of} ({part})": float(s) for s, part, of in slowest},
        "seconds of a notebook": notebooks,
        "kB of a page, compressed, everything counted": sizes,
        "elements of a page": {name: int(elements) for name, *_, elements in pages},
    }
    for what, found in figures.items():
        print(f"\n{what}, and as stored before:")
        for name, value in found.items():
            print(f"{value:10,} {before.get(what, {}).get(name, '-'):>10} {name}")
    STORE.write_text(json.dumps({**machine(), **figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
