"""Lay down a new chapter that passes its tests: ``python -m gumbel_lib.book.scaffold NAME TITLE``.

It writes files into a clone of the repository and imports no chapter, so it stands beside
`notebooks`, which it calls. The chapter comes before the page `questions`, as the last of its part.
"""

from __future__ import annotations

import argparse
import ast
import keyword
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbformat import v4

from .notebooks import execute

LIST, LAST = "gumbel_lib/chapters/__init__.py", "questions"
LONGEST_NAME, LONGEST_TITLE = 30, 60  # what keeps the lines below within ruff's limit
ENTRY = """    "NAME": Chapter(
        "TITLE",
        "How often does Gumbel noise lie below 0?",
    ),
"""
FILES = {
    "gumbel_lib/chapters/NAME/__init__.py": '"""*TITLE*."""\n',
    "gumbel_lib/chapters/NAME/claims.py": '''"""Claims of the chapter NAME."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import integrate, stats

from ...claims import claim


@claim(
    "SLUG-below-zero",
    "A standard Gumbel lies below 0 with probability 1/e.",
    method="quadrature",
    bound=1e-9,
    control="the reversed Gumbel",
    wrong={"noise": stats.gumbel_l},
)
def below_zero(noise: Any = stats.gumbel_r) -> float:
    below = integrate.quad(noise.pdf, -20, 0, epsabs=1e-12)[0]
    return float(abs(below - np.exp(-1)))
''',
    "gumbel_lib/chapters/NAME/figures.py": '''"""Figures of the chapter NAME."""

from __future__ import annotations

from ..._checks import Floats
from ...book.show import DescribedFigure
from ...book.style import BLUE, NARROW, subplots


def density(x: Floats, pdf: Floats) -> DescribedFigure:
    """A density, the part below 0 shaded."""
    figure, axes = subplots(width=NARROW)
    axes.plot(x, pdf, color=BLUE)
    axes.fill_between(x, pdf, where=x < 0, color=BLUE, alpha=0.2, linewidth=0)
    axes.set(xlabel="x", ylabel="density")
    peak = pdf.argmax()
    return DescribedFigure(
        figure,
        f"A density between {x[0]:.3g} and {x[-1]:.3g}, the part below 0 shaded. It is largest at "
        f"{x[peak]:.3g}, where it is {pdf[peak]:.3g}.",
    )
''',
    "gumbel_lib/chapters/NAME/interactive.py": '''"""Interactive of the chapter NAME."""

from __future__ import annotations

import altair as alt

from ..._checks import Floats
from ...book.style import BLUE
from ...book.vega import Interactive, readout, rows, slider


def share_below(noise: Floats) -> Interactive:
    """The draws as their location moves, and the share of them that lies below 0.

    Parameters
    ----------
    noise : array of shape (N,)
        Standard Gumbel noise.
    """
    draws = alt.Chart(rows(g=noise.round(5))).transform_calculate(
        x="location + datum.g", below="location + datum.g < 0 ? 1 : 0"
    )
    x = alt.X("x:Q", title="location + noise", scale=alt.Scale(domain=[-6, 12], clamp=True))
    words = draws.transform_aggregate(share="mean(below)").transform_calculate(
        exact="exp(-exp(location))",
        readout="'share below 0: ' + format(datum.share, '.3f') + '; probability: ' + "
        "format(exp(-exp(location)), '.3f')",
    )
    chart = alt.layer(draws.mark_tick(color=BLUE, opacity=1).encode(x=x), readout(words))
    return Interactive(
        chart.add_params(slider("location", "location", -2, 2, 0.1, 0)),
        f"Interactive. {noise.size} draws of a Gumbel as ticks on a line, and the share of them "
        "that lies below 0 beside its probability. Control: the location.",
    )
''',
    "tests/chapters/test_NAME.py": '''"""The claims of NAME refuse plausible mistakes."""

import numpy as np
import pytest
from scipy import stats

from gumbel_lib.chapters import claims_of

CLAIMS = claims_of("NAME")


@pytest.mark.parametrize(
    ("label", "wrong"),
    [
        ("SLUG-below-zero", {"noise": stats.norm}),
        ("SLUG-below-zero", {"noise": stats.gumbel_r(loc=0.001)}),
    ],
)
def test_a_plausible_mistake_is_caught(label, wrong):
    claim = CLAIMS[label]
    assert not claim.discrepancy(**wrong) < claim.bound


class TestInteractive:
    """The interactive of NAME agrees with NumPy."""

    def test_the_share_is_that_of_its_draws(self, interactive):
        chart = interactive("NAME")
        noise = np.array([row["g"] for row in chart.data])
        for location in (0, -1.5, 2):
            chart.set("location", location)
            assert chart.numbers["share"] == pytest.approx(np.mean(location + noise < 0))
            assert chart.numbers["exact"] == pytest.approx(np.exp(-np.exp(location)))
''',
}
# Markdown cells are strings; code cells are tuples, with a figure's name and caption.
CELLS: list[str | tuple[str, ...]] = [
    """(chapter-SLUG)=
# TITLE

After this chapter you can say how often {term}`Gumbel noise` lies below 0.

*You need*: probability {term}`densities <density>`, and the \
{term}`Gumbel law <Gumbel distribution>` from {doc}`max_distributions`. *Time*: about 5 minutes.

::::{admonition} Predict
:class: tip
The density of the standard Gumbel is largest at 0. Does a draw lie below 0 half of the time?

:::{dropdown} Yes
No. The {term}`law` is skewed to the right: its right tail is longer, and holds more.
:::

:::{dropdown} No, less often
Yes. The chapter says how often.
:::
::::""",
    (
        """# gumbel_lib is part of this book: in a clone of its repository, `make lab` has both.
import numpy as np
from scipy import stats

from gumbel_lib import standard_gumbel
from gumbel_lib.chapters import verify
from gumbel_lib.chapters.NAME import figures, interactive""",
    ),
    """## Below 0

The part of the law below 0 is the area under its density there.""",
    (
        "x = np.linspace(-3, 6, 145)\nfigures.density(x, stats.gumbel_r.pdf(x))",
        "fig-SLUG-density",
        "The density of the standard Gumbel. The part below 0 is the smaller one.",
    ),
    """::::{prf:proposition} Below 0
:label: prop-SLUG
A standard Gumbel $g$ lies below 0 with probability $1/e$.
::::

::::{prf:proof}
The {term}`cumulative distribution function` at 0 is $P(g \\le 0) = \\exp(-e^0) = 1/e$.
::::""",
    ('verify("SLUG-below-zero")',),
    """A Gumbel with {term}`location` $a$ is $a + g$. *At which location does it lie below 0 \
about half of the time?* Decide, then move the slider.""",
    ("interactive.share_below(standard_gumbel(200, rng=0))",),
    """## Exercises

::::{exercise} Below one
:label: ex-SLUG-one
How often does a standard Gumbel lie below 1?
::::

::::{solution-start} ex-SLUG-one
:class: dropdown
::::

As often as the cumulative distribution function says, $\\exp(-e^{-1})$.""",
    ("round(float(stats.gumbel_r.cdf(1)), 3)",),
    """::::{solution-end}
::::

::::{exercise} Below zero half the time
:label: ex-SLUG-half
Which location answers the question above the slider?
::::

::::{solution-start} ex-SLUG-half
:class: dropdown
::::

The one with $\\exp(-e^a) = 1/2$, which is $a = \\log\\log 2$.""",
    ("round(float(np.log(np.log(2))), 3)",),
    """::::{solution-end}
::::

## In short

- A standard Gumbel lies below 0 with probability $1/e$.""",
]


def _filled(text: str, name: str, title: str) -> str:
    slug = name.replace("_", "-")
    return text.replace("NAME", name).replace("SLUG", slug).replace("TITLE", title)


def _check(root: Path, name: str, title: str) -> None:
    """Refuse what the files, modules and labels of the chapter cannot be named by."""
    fits = re.fullmatch(r"[a-z][a-z0-9_]*", name) and len(name) <= LONGEST_NAME
    if not fits or keyword.iskeyword(name):
        raise ValueError(
            "NAME: expected an identifier of small letters, digits and _, at most "
            f"{LONGEST_NAME}, got {name!r}"
        )
    for taken in (f"chapters/{name}.ipynb", f"chapters/{name}.md", f"gumbel_lib/chapters/{name}"):
        if (root / taken).exists():
            raise ValueError(f"NAME: expected a new one, got {name!r}, and there is {taken}")
    source = (root / LIST).read_text(encoding="utf-8")
    nodes = ast.walk(ast.parse(source))
    if name in {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.alias)}:
        raise ValueError(f"NAME: expected a new one, got {name!r}, which {LIST} has")
    short = title.isprintable() and len(title) <= LONGEST_TITLE
    if not title or not short or set(title) & set('"\\'):
        raise ValueError(
            f"TITLE: expected a line of at most {LONGEST_TITLE} characters, without quotation "
            f"marks and backslashes, got {title!r}"
        )
    if f'"{title}"' in source:
        raise ValueError(f"TITLE: expected a new one, got {title!r}, which CHAPTERS has")


def _insert(path: Path, before: str, text: str) -> None:
    source = path.read_text(encoding="utf-8")
    start, line, rest = source.partition(before)
    if not line:
        raise ValueError(f"{path}: expected a line {before!r}, got none")
    path.write_text(start + text + line + rest, encoding="utf-8")


# The imports of a chapter are folded under this word.
FOLDED = {
    "mystnb": {"code_prompt_hide": "Setup", "code_prompt_show": "Setup"},
    "tags": ["hide-input"],
}


def _notebook(name: str, title: str) -> Any:
    """The chapter's notebook, not yet executed."""
    notebook = v4.new_notebook()
    for number, cell in enumerate(CELLS):
        place = _filled(f"SLUG-{number:02}", name, title)
        if isinstance(cell, str):
            made = v4.new_markdown_cell(_filled(cell, name, title), id=place)
        else:
            made = v4.new_code_cell(_filled(cell[0], name, title), id=place)
            if "\nimport " in cell[0]:
                made.metadata |= FOLDED
            if len(cell) > 1:
                label, caption = (_filled(text, name, title) for text in cell[1:])
                made.metadata["mystnb"] = {"figure": {"name": label, "caption": caption}}
        notebook.cells.append(made)
    return notebook


def _state(ledger: Path, name: str, title: str, verdicts: list[Any]) -> None:
    """Add a section to the ledger, as if it had been executed: its claims take a minute."""
    notebook = nbformat.read(ledger, as_version=4)
    at = [cell.source for cell in notebook.cells].index(f'ledger("{LAST}")') - 1
    heading = f"## {title}\n\nStated in {{doc}}`{name}`."
    notebook.cells[at:at] = [
        v4.new_markdown_cell(heading, id=_filled("title-SLUG", name, title)),
        v4.new_code_cell(
            f'ledger("{name}")', id=_filled("ledger-SLUG", name, title), outputs=verdicts
        ),
    ]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, 1):
        cell.execution_count = count
        for output in cell.outputs:
            output.execution_count = count
        if "len(known), len(chapters)" in cell.source:
            shown = cell.outputs[0].data
            claims, chapters = ast.literal_eval(shown["text/plain"])
            shown["text/plain"] = f"({claims + 1}, {chapters + 1})"
    nbformat.write(notebook, ledger)


def lay_down(root: Path, name: str, title: str) -> list[Path]:
    """Write all that a new chapter needs into a clone of the repository.

    Parameters
    ----------
    root : pathlib.Path
        The clone.
    name, title : str
        The chapter's name, as of a module, and its title.

    Returns
    -------
    list of pathlib.Path
        The new files, all of which are the contributor's to change.

    Raises
    ------
    ValueError
        If the name is no identifier or is taken, or the title is not one short line that is new.
        Nothing is written then.
    """
    title = title.strip()
    _check(root, name, title)
    made = []
    for place, text in FILES.items():
        path = root / place.replace("NAME", name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(_filled(text, name, title), encoding="utf-8")
        made.append(path)
    _insert(root / LIST, f'    "{LAST}": Chapter(', _filled(ENTRY, name, title))
    _insert(root / "_toc.yml", "  - caption: Reference\n", f"      - file: chapters/{name}\n")
    _insert(root / "README.md", " |\n\n## Two commands", f" · {title}")
    path = root / "chapters" / f"{name}.ipynb"
    nbformat.write(_notebook(name, title), path)
    execute(path)
    cells = nbformat.read(path, as_version=4).cells
    verdicts = next(cell.outputs for cell in cells if cell.source.startswith("verify("))
    _state(root / "chapters" / "ledger.ipynb", name, title, verdicts)
    return [*made, path]


def main(arguments: list[str] | None = None) -> int:
    """Lay down the named chapter in the working directory, and say what to change."""
    parser = argparse.ArgumentParser(prog="python -m gumbel_lib.book.scaffold")
    parser.add_argument("name", help="as of a module, such as language_models")
    parser.add_argument("title", help="such as 'Choosing the next token'")
    options = parser.parse_args(arguments)
    try:
        made = lay_down(Path(), options.name, options.title)
    except ValueError as error:
        parser.error(str(error))
    yours = [path for path in made if path.name != "__init__.py"]
    print("To be changed:", *yours, f"{LIST}, its question", sep="\n  ")
    print("Also entered in _toc.yml, the README and the ledger.")
    print(f"Next: make chapter NAME={options.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
