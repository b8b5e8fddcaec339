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
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
# The tests of a module stand in the file of its name, or in these.
TESTS = {
    "_checks": [
        "arrays",
        "trick",
        "noise",
        "relaxation",
        "concrete",
        "die",
        "sampling",
        "without_replacement",
    ],
    "_quadrature": ["concrete", "die"],
    "noise": ["noise", "arrays"],
    "relaxation": ["relaxation", "arrays"],
    "trick": ["trick", "arrays"],
    "sampling/_rows": ["sampling", "without_replacement"],
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
    ast.LShift: [ast.RShift],
}
NAMES = {"max": "min", "min": "max", "exp": "expm1", "any": "all", "all": "any", "log1p": "log"}
NAMES |= {"maximum": "minimum", "minimum": "maximum", "argmax": "argmin", "expm1": "exp"}
# Each change is tried in a fork of a process that has the large libraries, but not ours.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["hypothesis.extra.numpy", "jax", "mpmath", "pytest", "scipy.stats", "scipy.optimize"]
)
PATIENCE = 300  # seconds, after which a change that makes the tests hang counts as noticed


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
        for field in ("op", "ops"):
            old = getattr(node, field, None)
            for one in old if isinstance(old, list) else [old]:
                for new in SWAPS.get(type(one), []):
                    value = new() if field == "op" else [new(), *old[1:]]
                    name = f"{type(one).__name__} -> {new.__name__}"
                    if field == "op" or one is old[0]:
                        yield node, field, value, name
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


def _test(module: str, changed: str) -> None:
    """Run the tests of a module on its changed source, and exit with their code."""
    names = TESTS.get(module, [Path(module).name])
    tests = [str(ROOT / "tests" / f"test_{name}.py") for name in names]
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "gumbel_lib")
        shutil.copytree(ROOT / "gumbel_lib", library, ignore=shutil.ignore_patterns("__pycache__"))
        target = library / f"{module}.py"
        target.write_text(changed, encoding="utf-8")
        sys.path.insert(0, folder)
        os.chdir(folder)
        command = ["-x", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            code = pytest.main([*command, "--doctest-modules", *tests, str(target)])
    sys.exit(int(code))


def survives(module: str, changed: str) -> bool:
    """Whether the tests of a module pass with its source changed."""
    process = FORKS.Process(target=_test, args=(module, changed))
    process.start()
    process.join(PATIENCE)
    process.kill()
    process.join()
    return process.exitcode == 0


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
    jobs = []
    for module in options.modules or mathematics:
        every = mutants(ROOT / "gumbel_lib" / f"{module}.py")
        some = random.Random(options.seed).sample(every, min(options.sample, len(every)))
        jobs += [(module, place, changed) for place, changed in some]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        alive = pool.map(lambda job: survives(job[0], job[2]), jobs)
        survivors = [
            place
            for (_, place, _), lives in zip(
                jobs, tqdm(alive, total=len(jobs), unit="change", disable=None), strict=True
            )
            if lives
        ]
    print("\n".join(survivors))
    print(f"{len(jobs) - len(survivors)} of {len(jobs)} changes noticed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
