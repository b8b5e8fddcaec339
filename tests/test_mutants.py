"""`make mutants` finds a hole, and does not take tests that cannot pass for watchful ones."""

import mutants
import pytest

# Three changes: - to +, and 1 to 2, or to -1, which fails as the module is imported.
SOURCE = "import math\n\nLEAST = math.sqrt(1)\n\n\ndef excess(x):\n    return x - LEAST\n"
TESTS = {
    "strict": "assert excess(3) == 2",
    "loose": "assert excess(3) < 3",
    "failing": "assert excess(3) == 3",
    "unread": "assert excess(",
}


@pytest.fixture
def book(tmp_path):
    """A book of four modules with one source and tests of their own."""
    mutants.FORKS.set_forkserver_preload(["nbval.plugin", "pytest"])
    for folder in ("gumbel_lib", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "gumbel_lib" / "__init__.py").touch()
    for name, line in TESTS.items():
        (tmp_path / "gumbel_lib" / f"{name}.py").write_text(SOURCE)
        test = f"from gumbel_lib.{name} import excess\n\n\ndef test_excess():\n    {line}\n"
        (tmp_path / "tests" / f"test_{name}.py").write_text(test)
    return tmp_path


def test_a_hole_is_found_and_a_watchful_test_has_none(book):
    found, tried = mutants.survivors(book, ["strict", "loose"], sample=30, seed=0)
    assert found == ["loose:3: 1 -> 2: LEAST = math.sqrt(1)"]
    assert tried == 6


def test_tests_that_fail_without_a_change_are_refused(book):
    with pytest.raises(SystemExit, match="^expected tests .* of failing, unread$"):
        mutants.survivors(book, ["failing", "unread"], sample=1, seed=0)
