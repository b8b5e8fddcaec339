"""A new chapter, laid down in a copy of the book, passes what the others must."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gumbel_lib.book import scaffold

ROOT = Path(__file__).parents[1]
CHECKS = (
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    # Its claims, notebook and places; not its page, and without the fixtures that pages need. What
    # it leaves as it was, the other notebooks, is tested in the book itself.
    ["pytest", "-p", "no:cacheprovider", "--noconftest", "--quiet", "-k",
     "not TestInteractive and (newcomer or ledger or not test_notebooks or not [)",
     "--nbval", "chapters/newcomer.ipynb", "tests/chapters/test_newcomer.py",
     "tests/test_claims.py::test_every_folder_of_a_chapter_is_listed", "tests/test_notebooks.py",
     "tests/test_structure.py"],
)  # fmt: skip


def assert_passes(checks, folder):
    for check in checks:
        command = [sys.executable, "-m", *check]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_a_new_chapter_passes_what_the_others_must(tmp_path, monkeypatch):
    book = tmp_path / "book"
    shutil.copytree(ROOT, book, ignore=shutil.ignore_patterns(".*", "_build"))
    monkeypatch.chdir(book)
    monkeypatch.setenv("PYTHONPATH", str(book))
    assert scaffold.main(["newcomer", "A newcomer"]) == 0
    assert_passes(CHECKS, book)


@pytest.fixture
def lists(tmp_path, monkeypatch):
    """A folder with the lists that a chapter is entered in; no notebook is executed in it."""
    for place in (
        scaffold.LIST,
        "_toc.yml",
        "README.md",
        "chapters/ledger.ipynb",
        "pyproject.toml",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / place, tmp_path / place)
    (tmp_path / "tests" / "chapters").mkdir(parents=True)
    monkeypatch.setattr(scaffold, "execute", lambda path: None)
    return tmp_path


@pytest.mark.parametrize("name", ["x", "n" * scaffold.LONGEST_NAME])
def test_style_holds_for_the_shortest_and_the_longest_names(name, lists):
    scaffold.lay_down(lists, name, f" {'T' * len(name) * 2} ")
    assert_passes(CHECKS[:2], lists)


@pytest.mark.parametrize(
    ("name", "title", "said"),
    [
        ("", "A title", "NAME: expected an identifier .* got ''"),
        ("two words", "A title", "NAME: expected an identifier .* got 'two words'"),
        ("Capital", "A title", "NAME: expected an identifier"),
        ("hy-phen", "A title", "NAME: expected an identifier"),
        ("../up", "A title", "NAME: expected an identifier"),
        ("2nd", "A title", "NAME: expected an identifier"),
        ("lambda", "A title", "NAME: expected an identifier"),
        ("n" * (scaffold.LONGEST_NAME + 1), "A title", "NAME: expected an identifier"),
        ("ledger", "A title", "NAME: expected a new one, got 'ledger', .* chapters/ledger.ipynb"),
        ("verify", "A title", "NAME: expected a new one, got 'verify', which .* has"),
        ("resources", "A title", "NAME: expected a new one"),
        ("newcomer", "", "TITLE: expected a line .* got ''"),
        ("newcomer", "  ", "TITLE: expected a line"),
        ("newcomer", "Two\nlines", "TITLE: expected a line"),
        ("newcomer", 'A "title"', "TITLE: expected a line"),
        ("newcomer", "A \\title", "TITLE: expected a line"),
        ("newcomer", "T" * (scaffold.LONGEST_TITLE + 1), "TITLE: expected a line"),
        ("newcomer", "The Gumbel-max trick", "TITLE: expected a new one"),
    ],
)
def test_a_wrong_name_or_title_is_told_and_nothing_is_written(name, title, said, lists):
    before = {path: path.read_bytes() for path in lists.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=f"^{said}"):
        scaffold.lay_down(lists, name, title)
    assert {path: path.read_bytes() for path in lists.rglob("*") if path.is_file()} == before


def test_a_page_or_a_chapter_of_this_name_is_found(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ("gumbel_max", "notation", "index"):
        with pytest.raises(SystemExit):
            scaffold.main([name, "A title"])
        assert f"NAME: expected a new one, got '{name}'" in capsys.readouterr().err
