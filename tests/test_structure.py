"""Which folder may import which, and the drawing of the folders."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRESENTATION = ("matplotlib", "pandas", "IPython", "seaborn", "altair", "gumbel_lib.book")
CHAPTERS = "gumbel_lib.chapters"
# These load a chapter by a name that they are told; the Sphinx side also reads the list of them.
EXCUSED = {
    "chapters/__init__.py": (f"{CHAPTERS}.*",),
    "book/site.py": (f"{CHAPTERS}.*", "gumbel_lib", CHAPTERS),
}
# What knows all chapters.
ABOVE = ("chapters/__init__.py", "chapters/__main__.py")


def imports(source, package):
    """The modules that a source imports anywhere, and the names that may be modules."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *filter(None, [node.module])])
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            name = node.args[0]
            yield name.value if isinstance(name, ast.Constant) else f"{CHAPTERS}.*"


def forbidden(path):
    """What a module of the library, given by its path there, must not import."""
    folder = path.parts[0]
    if path.as_posix() in ABOVE:
        return PRESENTATION
    if folder == "book":
        return "gumbel_lib.claims", CHAPTERS
    if folder == "claims":
        return *PRESENTATION, CHAPTERS
    if folder == "chapters":
        return CHAPTERS, *(PRESENTATION if path.stem == "claims" else ())
    return *PRESENTATION, "gumbel_lib.claims", CHAPTERS


def wrong_imports(library):
    """Every import of the library that its folders do not allow."""
    found = []
    for path in sorted(library.rglob("*.py")):
        inside = path.relative_to(library)
        package = ["gumbel_lib", *inside.parts[:-1]]
        own = ".".join(package) if package[1:2] == ["chapters"] and len(package) > 2 else None
        for name in imports(path.read_text(encoding="utf-8"), package):
            if name in EXCUSED.get(inside.as_posix(), ()):
                continue
            wrong = any(f"{name}.".startswith(f"{other}.") for other in forbidden(inside))
            if wrong and not (own and f"{name}.".startswith(f"{own}.")):
                found.append(f"{inside} imports {name}")
    return found


def test_no_module_imports_what_it_must_not():
    assert wrong_imports(ROOT / "gumbel_lib") == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("noise.py", "import matplotlib.pyplot as plt"),
        ("noise.py", "def draw():\n    import pandas"),
        ("noise.py", "from .book import style"),
        ("noise.py", "from . import claims"),
        ("noise.py", "from gumbel_lib.chapters import verify"),
        ("sampling/__init__.py", "from ..claims import claim"),
        ("sampling/dask.py", "from ..book.style import INK"),
        ("sampling/dask.py", "def draw():\n    from .. import chapters"),
        ("claims/__init__.py", "from ..chapters import CHAPTERS"),
        ("claims/__init__.py", "import gumbel_lib.chapters.scale.claims"),
        ("claims/__init__.py", "from .. import book"),
        ("claims/__init__.py", "importlib.import_module('gumbel_lib.book.style')"),
        ("claims/__init__.py", "importlib.import_module(f'{__package__}.{chapter}')"),
        ("chapters/__main__.py", "from ..book.style import INK"),
        ("book/style.py", "from ..claims import Verdicts"),
        ("book/style.py", "from gumbel_lib import chapters"),
        (
            "book/vega.py",
            "def load(name):\n    return import_module(f'gumbel_lib.chapters.{name}')",
        ),
        ("book/site.py", "from ..claims import Verdicts"),
        ("book/site.py", "from ..chapters import verify"),
        ("book/site.py", "from ..chapters.index.interactive import glance"),
        ("chapters/__init__.py", "from ..book.style import INK"),
        ("chapters/die/figures.py", "from ..die_training.figures import gaps"),
        ("chapters/die/figures.py", "from .. import relaxation"),
        ("chapters/die/interactive.py", "def draw():\n    from ..relaxation import interactive"),
        ("chapters/die/claims.py", "import gumbel_lib.chapters.relaxation.claims as other"),
        ("chapters/die/claims.py", "from ...book.style import INK"),
        ("chapters/die/claims.py", "from gumbel_lib.chapters import verify"),
    ],
)
def test_a_wrong_import_is_refused(path, source, tmp_path):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(source, encoding="utf-8")
    assert wrong_imports(tmp_path)


def drawing():
    """The folders that CONTRIBUTING.md draws, each with the modules named beside it."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn, above = {}, []
    for line in re.search(r"```text\n(.*?)```", text, re.DOTALL)[1].splitlines():
        indent, folder, modules = re.fullmatch(r"( *)(\w+)/ *([^#]*?) *(?:#.*)?", line).groups()
        above = [*above[: len(indent) // 2], folder]
        drawn["/".join(above)] = set(modules.split())
    return drawn


def test_the_drawing_has_every_folder_and_every_module_of_the_library():
    expected = {"chapters": set(), "benchmarks": set(), "tests": set(), "tests/chapters": set()}
    for path in (ROOT / "gumbel_lib").rglob("*.py"):
        folder = re.sub(r"(?<=/chapters/)\w+", "NAME", path.parent.relative_to(ROOT).as_posix())
        expected.setdefault(folder, set()).update(re.findall(r"^[^_]\w*", path.stem))
    assert drawing() == expected


def test_every_module_is_described_on_the_page_that_the_first_page_of_the_api_names():
    pages = {path.stem: path.read_text("utf-8") for path in (ROOT / "chapters").glob("*.md")}
    found = {name: re.findall(r"automodule:: (.*)", text) for name, text in pages.items()}
    rows = re.findall(r"^\| (?:\{doc\}`(\w+)`|this page) \| (.*) \|$", pages["api"], re.MULTILINE)
    named = {name or "api": re.findall("{py:mod}`(.*?)`", row) for name, row in rows}
    assert named == {name: modules for name, modules in found.items() if modules}
    folders = {"sampling", "claims", "chapters"}  # of book, a reader meets a single class
    expected = {f"gumbel_lib.{name}" for name in drawing()["gumbel_lib"] | folders}
    assert sorted(module for row in named.values() for module in row) == sorted(expected)


def test_the_table_of_folders_names_folders_that_are_drawn():
    table = re.findall(r"^\| `(.*?)/` \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert table
    assert set(table) <= set(drawing())
