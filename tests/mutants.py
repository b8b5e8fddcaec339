"""Change the mathematics a token at a time; the module's tests must notice.

``python tests/mutants.py [MODULE ...] [--sample N] [--seed S]`` draws changes at random, such as a
``+`` for a ``-``, a ``<=`` for a ``<``, or a number moved, and runs the module's tests on each. It
prints those that survive: each is either harmless, such as a tuned constant, or a hole in the
tests.
"""

from __future__ import annotations

import argparse
import ast
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from itertools import compress
from pathlib import Path

import pytest
from conftest import shared_compilation
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
# The tests of a module stand in the file of its name, or in these.
TESTS = {
    "_checks": [
        "trick",
        "relaxation",
        "noise",
        "die",
        "without_replacement",
        "sampling",
        "concrete",
        "arrays",
    ],
    "_quadrature": ["concrete", "die"],
    "coupling": ["coupling", "arrays"],
    "noise": ["noise", "arrays"],
    "relaxation": ["relaxation", "arrays"],
    "trick": ["trick", "arrays"],
    "sampling/_rows": ["sampling", "without_replacement", "compiled"],
    "sampling/categorical": ["sampling"],
}
SWAPS: dict[type, list[type]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
    ast.BitOr: [ast.BitAnd],
    ast.BitAnd: [ast.BitOr],
    ast.BitXor: [ast.BitOr],
    ast.LShift: [ast.RShift],
    ast.RShift: [ast.LShift],
}
NAMES = {"max": "min", "min": "max", "exp": "expm1", "any": "all", "all": "any", "log1p": "log"}
NAMES |= {"maximum": "minimum", "minimum": "maximum", "argmax": "argmin", "expm1": "exp"}
# Each change is tried in a fork of a process that has the large libraries, but not ours.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "array_api_strict",
        "dask.array",
        "distributed",
        "hypothesis.extra.numpy",
        "jax",
        "mpmath",
        "nbval.plugin",
        "pytest",
        "scipy.optimize",
        "scipy.stats",
        "torch",
    ]
)
PATIENCE = 300  # seconds of a processor; a change that makes the tests hang counts as noticed


def changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str, object, str]]:
    """Node, attribute, new value and a description of every change to one token."""
    annotations = {
        part
        for node in ast.walk(tree)
        for field in ("annotation", "returns")
        if getattr(node, field, None) is not None
        for part in ast.walk(getattr(node, field))
    }
    for node in ast.walk(tree):
        if node in annotations:
            continue
        for new in SWAPS.get(type(getattr(node, "op", None)), []):
            yield node, "op", new(), f"{type(node.op).__name__} -> {new.__name__}"  # type: ignore[attr-defined]
        for i, old in enumerate(getattr(node, "ops", [])):
            for new in SWAPS.get(type(old), []):
                name = f"{type(old).__name__} -> {new.__name__}"
                yield node, "ops", [*node.ops[:i], new(), *node.ops[i + 1 :]], name  # type: ignore[attr-defined]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield node, "op", ast.UAdd(), "minus dropped"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node, "operand", ast.UnaryOp(ast.Not(), node.operand), "not dropped"
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield node, "value", not node.value, f"{node.value} flipped"
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            for value in {node.value + 1, -node.value} - {node.value}:
                yield node, "value", value, f"{node.value} -> {value}"
        for field in ("attr", "id"):
            name = getattr(node, field, None)
            if name in NAMES:
                yield node, field, NAMES[name], f"{name} -> {NAMES[name]}"


def mutants(path: Path) -> list[tuple[str, str]]:
    """The changed sources of a module, each with its place and what was changed."""
    source = path.read_text(encoding="utf-8")
    count = len(list(changes(ast.parse(source))))
    found = []
    for index in range(count):
        tree = ast.parse(source)
        node, field, value, name = list(changes(tree))[index]
        setattr(node, field, value)
        line = source.splitlines()[node.lineno - 1].strip()  # type: ignore[attr-defined]
        found.append((f"{path.stem}:{node.lineno}: {name}: {line}", ast.unparse(tree)))  # type: ignore[attr-defined]
    return found


def _test(root: Path, module: str, source: str) -> None:
    """Run the tests of a module on this source of it, and exit with their code."""
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
    names = TESTS.get(module, [Path(module).name])
    tests = [str(root / "tests" / f"test_{name}.py") for name in names]
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "gumbel_lib")
        shutil.copytree(root / "gumbel_lib", library, ignore=shutil.ignore_patterns("__pycache__"))
        target = library / f"{module}.py"
        target.write_text(source, encoding="utf-8")
        sys.path.insert(0, folder)
        os.chdir(folder)
        command = ["-x", "-q", "-p", "no:cacheprovider", "--rootdir", str(root)]
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            code = pytest.main([*command, "--doctest-modules", *tests, str(target)])
    sys.exit(int(code))


def passes(root: Path, module: str, source: str) -> bool:
    """Whether the tests of a module pass on this source of it."""
    process = FORKS.Process(target=_test, args=(root, module, source))
    process.start()
    process.join(10 * PATIENCE)  # longer, since others may use the processors too
    process.kill()
    process.join()
    return process.exitcode == 0


def passing(root: Path, jobs: list[tuple[str, str]]) -> list[bool]:
    """`passes` of every module and source, as many at once as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        passed = pool.map(lambda job: passes(root, *job), jobs)
        return list(tqdm(passed, total=len(jobs), unit="change", disable=None))


def survivors(root: Path, modules: list[str], sample: int, seed: int) -> tuple[list[str], int]:
    """The changes that no test notices, of as many drawn in each module, and how many were tried.

    Tests that fail without a change, or that pytest cannot run, would seem to notice everything,
    so they are refused first.
    """
    paths = [root / "gumbel_lib" / f"{module}.py" for module in modules]
    unchanged = [ast.unparse(ast.parse(path.read_text(encoding="utf-8"))) for path in paths]
    passed = passing(root, list(zip(modules, unchanged, strict=True)))
    failing = [module for module, well in zip(modules, passed, strict=True) if not well]
    if failing:
        sys.exit(f"expected tests that pass without a change, not those of {', '.join(failing)}")
    places, jobs = [], []
    for module, path in zip(modules, paths, strict=True):
        every = mutants(path)
        for place, changed in random.Random(seed).sample(every, min(sample, len(every))):
            places.append(place)
            jobs.append((module, changed))
    return list(compress(places, passing(root, jobs))), len(jobs)


def main() -> int:
    """Print the changes that survive, and the share that was noticed."""
    mathematics = sorted(
        path.relative_to(ROOT / "gumbel_lib").with_suffix("").as_posix()
        for folder in ("", "sampling")
        for path in (ROOT / "gumbel_lib" / folder).glob("*.py")
        if path.stem != "__init__"
    )
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("modules", nargs="*", help="such as trick or sampling/reservoir; all")
    parser.add_argument("--sample", type=int, default=30, help="changes a module")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for module in options.modules:
        if module not in mathematics:
            parser.error(f"modules: expected some of {', '.join(mathematics)}, got {module!r}")
    with tempfile.TemporaryDirectory(prefix="gumbel-jax-") as folder:
        os.environ |= shared_compilation(folder)  # read as the forks' JAX is loaded
        chosen = options.modules or mathematics
        found, tried = survivors(ROOT, chosen, options.sample, options.seed)
    print("\n".join(found))
    print(f"{tried - len(found)} of {tried} changes noticed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
