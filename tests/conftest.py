"""Repeatable property tests, and the built site."""

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

ROOT = Path(__file__).parents[1]
pytest_plugins = ["browser"]

# No deadline: a slow machine is no defect. Derandomised: a run finds what the last one found.
settings.register_profile("book", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("book")


def shared_compilation(folder):
    """Variables that let processes share what XLA compiles, slower work than running it."""
    return {
        "JAX_COMPILATION_CACHE_DIR": folder,
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(2**30),  # with a limit, JAX locks the folder
        # With a limit JAX also reads through the folder at each entry. Of some 1,700 programs seven
        # in eight compile in less than this, and to enter the last took longer than to compile it.
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


# The work is small: with a pool for all cores in each worker and kernel, threads mostly wait for
# one another. Read by OpenBLAS, by OpenMP (PyTorch, scikit-learn) and by XLA.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NPROC"), "1")


# The variable that names the folder of a run, for all of its processes.
FOLDER = "GUMBEL_TESTS"


def pytest_configure(config):
    """Give each worker and kernel one thread, and let all share what is computed once."""
    # A worker keeps some thousand tests and a dozen large libraries to its end. With Python's own
    # thresholds it spends a twentieth of its time, or more, looking for garbage among them.
    gc.set_threshold(100_000, 50, 100)
    os.environ |= ONE_THREAD | os.environ
    if not hasattr(config, "workerinput"):  # workers have that of the process that started them
        folder = tempfile.TemporaryDirectory(prefix="gumbel-")
        config.add_cleanup(folder.cleanup)
        os.environ[FOLDER] = folder.name
        if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
            os.environ |= shared_compilation(folder.name)
    config.pluginmanager.register(SharedVerdicts())  # as a conftest it would not see the chapters


class SharedVerdicts:
    """Notebooks of a run need not compute a claim that another has; all else computes its own."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item):
        with pytest.MonkeyPatch.context() as patch:
            if type(item).__name__ == "IPyNbCell":  # the first of a notebook starts its kernel
                # Not above: `mutants` imports this file before it puts a changed library first.
                from gumbel_lib.claims import SHARED

                verdicts = Path(os.environ[FOLDER], "verdicts")
                verdicts.mkdir(exist_ok=True)
                patch.setenv(SHARED, str(verdicts))
            return (yield)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A fresh build of the book, one for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    built = folder / "built"
    with FileLock(folder / "site.lock"):
        if not built.exists():
            jupyter_book = Path(sys.executable).with_name("jupyter-book")
            options = ["-W", "-n", "--keep-going", "--path-output", str(folder)]
            command = [jupyter_book, "build", *options, ROOT]
            done = subprocess.run(command, capture_output=True, text=True)
            lines = done.stderr.splitlines()
            warnings = [line for line in lines if "WARNING" in line or "ERROR" in line]
            failure = "\n".join(warnings or lines[-30:]) if done.returncode else ""
            built.write_text(failure, encoding="utf-8")
    failure = built.read_text(encoding="utf-8")
    assert not failure, f"the build warns:\n{failure}"
    return folder / "_build" / "html"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """An order that keeps all workers busy: see `pytest_xdist_make_scheduler`."""

    def needs(item, fixture):
        return fixture in getattr(item, "fixturenames", ())

    # Of those that wait for the site one module comes first, since others would wait beside it.
    waiting = (item.path for item in items if needs(item, "site") and not needs(item, "browser"))
    first = next(waiting, None)

    def place(item):
        if not needs(item, "browser"):
            return 0 if item.path == first else 1
        return 2 if item.name.startswith("test_page[") else 3

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One worker builds the site with the first tests; the last, the short ones, even things out.

    A module, a class or a notebook stays on one worker, so that a chapter's claims need not wait
    for its interactive. Pages go one by one to whoever is free.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            alone = nodeid.startswith("tests/test_pages.py")
            return nodeid if alone else super()._split_scope(nodeid)

    config.option.loadscopereorder = False  # in the order of the tests, not of their number
    return Scheduling(config, log)


def pytest_terminal_summary(terminalreporter):
    """Print what the browser tests measured."""
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    titles = {
        "page": "pages, compressed, everything counted",
        "interactive": "interactives, in milliseconds a move",
    }
    for kind, title in titles.items():
        lines = {
            value for report in reports for name, value in report.user_properties if name == kind
        }
        if lines:
            terminalreporter.section(title)
            terminalreporter.write_line("\n".join(sorted(lines)))
