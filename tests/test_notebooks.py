"""Hygiene of the notebooks and of the prose around them."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import yaml

from gumbel_lib.book.notebooks import METADATA, reading_time
from gumbel_lib.book.scaffold import FOLDED
from gumbel_lib.chapters import CHAPTERS, all_claims

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))
TITLES = {name: chapter.title for name, chapter in CHAPTERS.items()}
TEACHING = [name for name in CHAPTERS if name != "questions"]
# Tags that may occur, and how often in the whole book. None of nbval's is among them.
TAG_BUDGET = {"hide-input": 3 + len(CHAPTERS), "remove-cell": 60}
BIBLIOGRAPHY = (ROOT / "chapters" / "references.bib").read_text(encoding="utf-8")
RERUN = "run `make notebooks` and commit the result"
# Terms of the glossary that a chapter first uses in another sense.
OTHER_SENSE = {
    "why_differentiability": {"distance", "power"},
    "max_distributions": {"gap", "power"},
    "gumbel_max": {"distance"},
    "reparameterization": {"key"},
    "relaxation": {"distance", "power", "score"},
    "die_training": {"gap"},
    "die_revisited": {"power"},
    "numerics": {"key", "loss", "mode"},
    "scale": {"mode", "power"},
    "language_models": {"power"},
    "questions": {"observation"},
    "gradient_estimators": {"distance", "scale"},
    "discrete_choice": {"distance", "mode"},
    "private_selection": {"distance", "loss", "power"},
}
# What is no running prose: headings, labels, directives with their options, tables, formulas, code,
# roles and addresses.
ELSE = re.compile(
    r"^\s*(?:#|\([\w-]+\)=|:{3,}|`{3,}|\||:\w+:)[^\n]*"
    r"|\$\$.*?\$\$|\$[^$]+\$|\{[\w:]+\}`[^`]*`|`[^`]*`|\]\([^)]*\)",
    re.DOTALL | re.MULTILINE,
)


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture(scope="module")
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def test_every_cell_was_executed_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), RERUN


def test_metadata_is_that_of_every_machine(notebook):
    assert nbformat.validator.isvalid(notebook)
    for name, value in METADATA.items():
        assert notebook.metadata[name] == value, RERUN
    for cell in code_cells(notebook):
        assert "execution" not in cell.metadata, f"timings in the metadata: {RERUN}"


def test_no_cell_failed_or_wrote_to_stderr(notebook):
    for output in outputs(notebook):
        assert output.output_type != "error", "a cell failed: mend it"
        assert output.get("name") != "stderr", f"mend what warns: {output.get('text')}"


def test_every_figure_is_described(notebook):
    for output in outputs(notebook):
        data = output.get("data", {})
        assert "image/png" not in data, "return a DescribedFigure of gumbel_lib.book.show"
        if "image/svg+xml" in data:
            text = data["text/plain"]
            assert len(text) >= 40, f"describe what the figure shows, not {text!r}"
            assert 'role="img" aria-label="' in data["image/svg+xml"]


def test_every_figure_has_a_name_and_a_caption(notebook):
    for cell in code_cells(notebook):
        if any("image/svg+xml" in output.get("data", {}) for output in cell.outputs):
            options = cell.metadata.get("mystnb", {}).get("figure", {})
            assert options.get("name", "").startswith("fig-"), cell.source
            assert len(options.get("caption", "")) >= 30, cell.source


def test_every_table_has_a_name_and_a_caption(notebook):
    for cell in code_cells(notebook):
        shown = [output.get("data", {}).get("text/html", "") for output in cell.outputs]
        if any('class="dataframe"' in text for text in shown):
            options = cell.metadata.get("mystnb", {}).get("figure", {})
            assert options.get("name", "").startswith("tab-"), cell.source
            assert len(options.get("caption", "")) >= 30, cell.source


def test_outputs_hold_no_raw_float_no_path_and_no_address(notebook):
    for output in outputs(notebook):
        text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
        raw = re.findall(r"\d+\.\d{7,}|\d\.\d{3,}e-1[0-9]", text)
        assert not raw, f"round to 3 significant figures: {raw}"
        zero = re.search(r"(?<![\w.])-0(\.0*)?(?![\w.])", text)
        assert not zero, f"the sign of a zero hangs on a last bit: {text[:200]}"
        for trace in ("0x7f", "/home/", "/root/", "/work/", "/tmp/", "np.float64("):
            assert trace not in text, f"an output holds {trace!r}: {text[:200]}"


def test_nothing_is_timed_and_nothing_is_unseeded(notebook):
    for cell in code_cells(notebook):
        assert "%" not in cell.source.split("\n")[0][:1], f"no magics: {cell.source}"
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & {"time", "timeit", "random", "datetime"}, cell.source
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                message = f"pass a seed or a seeded Generator: {ast.unparse(node)}"
                if called.endswith("default_rng"):
                    assert [ast.unparse(seed) for seed in node.args] not in ([], ["None"]), message
                if re.match(r"(np|numpy)\.random\.(?!default_rng|Generator|PCG64|Philox)", called):
                    pytest.fail(message)
                keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert keywords.get("rng") != "None", message
                if called.endswith(".rvs"):
                    assert "random_state" in keywords, message


def test_tags_stay_within_their_budget():
    used: dict[str, int] = {}
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            for tag in cell.metadata.get("tags", []):
                used[tag] = used.get(tag, 0) + 1
    assert set(used) <= set(TAG_BUDGET), f"a tag needs a budget here: {used}"
    for tag, count in used.items():
        assert count <= TAG_BUDGET[tag], f"too many cells tagged {tag}: {count}"


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_imports_of_a_chapter_are_folded(name):
    cells = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4).cells
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert first.metadata == FOLDED
    assert "make lab" in first.source.splitlines()[0]


def test_only_bookkeeping_is_hidden(notebook):
    for cell in code_cells(notebook):
        if "remove-cell" in cell.metadata.get("tags", []):
            shown = [name for output in cell.outputs for name in output.get("data", {"stream": 1})]
            hidden = [name for name in shown if name.startswith("application/papermill.record/")]
            assert "glue(" in cell.source, f"hide only cells that store numbers: {cell.source}"
            assert shown == hidden, f"a hidden cell shows something: {cell.source}"
        else:
            assert "glue(" not in cell.source, f"tag it remove-cell: {cell.source}"


def chapter_text(name):
    notebook = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("name", TEACHING)
def test_a_chapter_reads_as_contributing_says(name):
    text = chapter_text(name)
    assert text.lstrip().startswith(f"(chapter-{name.replace('_', '-')})="), "label the title"
    for part in ("*You need*", "*Time*", "{admonition} Predict", "## Exercises", "## In short"):
        assert part in text, f"{name} lacks {part!r}"
    exercises = re.findall(r"^[:`]+\{exercise\}(.*)", text, re.MULTILINE)
    assert len(exercises) >= 2, "two to four exercises"
    assert all(title.strip() for title in exercises), "a title for each exercise"
    assert text.count("{margin}") <= 4, "more would be a second text beside the first"
    assert text.count("{solution-start}") == text.count("{solution-end}") == len(exercises)


@pytest.fixture(scope="module")
def glossary():
    """A pattern for all terms, a group for each, and the first name of the entry of each."""
    text = (ROOT / "chapters" / "notation.md").read_text(encoding="utf-8").split("{glossary}")[1]
    entries = [
        heads.strip().split("\n") for heads in re.findall(r"((?:^\S.*\n)+)  ", text, re.MULTILINE)
    ]
    entry = {name: names[0] for names in entries for name in names}
    patterns = []
    for i, name in enumerate(sorted(entry, key=len, reverse=True)):  # the longest is meant
        words = re.escape(name).replace("distribution", "(?:distribution|law)")
        patterns.append(rf"(?P<t{i}>{re.sub('y$', '(?:y|ie)', words)}(?:s|es)?)")
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(patterns)})(?![\w-])", re.IGNORECASE)
    return pattern, [entry[name] for name in sorted(entry, key=len, reverse=True)], entry


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_first_use_of_a_term_links_or_defines_it(name, glossary):
    pattern, heads, entry = glossary
    text = chapter_text(name)
    met = set(OTHER_SENSE.get(name, ()))
    linked = [
        (m.start(), entry[m[1]]) for m in re.finditer(r"\{term\}`(?:[^`<]*<)?([^`<>]+)", text)
    ]
    prose = ELSE.sub(lambda other: "\0" * len(other[0]), text)
    for use in pattern.finditer(prose):
        term = heads[int(use.lastgroup[1:])]
        met |= {other for place, other in linked if place < use.start()}
        defined = text[use.start() - 1] == text[use.end()] == "*"
        line = text[: use.end() + 30].splitlines()[-1][-80:]
        assert term in met or defined, f"write {{term}}`{use[0]} <{term}>`: ... {line} ..."
        met.add(term)
    assert not re.findall(r"^#.*\{term\}.*", text, re.MULTILINE), "no links in headings"


def test_each_claim_is_verified_in_its_chapter_and_stated_once():
    for label, claim in all_claims().items():
        source = (ROOT / "chapters" / f"{claim.chapter}.ipynb").read_text(encoding="utf-8")
        assert f'\\"{label}\\"' in source, f"call verify({label!r}) in {claim.chapter}"


def title(name):
    return re.search(r"^# (.+)$", chapter_text(name), re.MULTILINE)[1]


def listed_pages():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [page["file"] for part in toc["parts"] for page in part["chapters"]] + [toc["root"]]


def test_the_list_of_chapters_has_their_titles_in_the_order_of_the_book():
    assert {name: title(name) for name in CHAPTERS} == TITLES
    pages = [page.removeprefix("chapters/") for page in listed_pages()]
    assert [page for page in pages if page in CHAPTERS] == list(CHAPTERS), "a line in _toc.yml"


def test_the_readme_names_every_chapter_under_its_part():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = {
        part["caption"]: [Path(page["file"]).name for page in part["chapters"]]
        for part in toc["parts"]
        if part.get("numbered")
    }
    rows = [
        f"| {caption} | {' · '.join(TITLES[name] for name in chapters)} |"
        for caption, chapters in names.items()
    ]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| Part .*$", readme, re.MULTILINE) == rows
    # The first page has a table of each part.
    index = (ROOT / "chapters" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"^```\{chapters\} (\d+)$", index, re.MULTILINE) == [
        str(i + 1) for i in range(len(names))
    ]


def test_every_page_is_two_clicks_from_the_first():
    first, finder = (
        (ROOT / "chapters" / f"{page}.md").read_text(encoding="utf-8")
        for page in ("index", "finder")
    )
    assert "<finder>`" in first
    linked = set(TEACHING) | set(
        re.findall(r"\{doc\}`(?:[^`<]*<)?([a-z_]+)", first + finder)
    )  # by {chapters}
    pages = {page.removeprefix("chapters/") for page in listed_pages()} - {"index", "finder"}
    assert pages <= linked, "a row in chapters/finder.md"


@pytest.mark.parametrize("name", TEACHING)
def test_a_chapter_asks_a_question(name):
    assert CHAPTERS[name].question.endswith("?"), "its question, in CHAPTERS"


def test_the_ledger_holds_every_claim_under_its_chapters_title():
    notebook = nbformat.read(ROOT / "chapters" / "ledger.ipynb", as_version=4)
    cells = zip(notebook.cells, notebook.cells[1:], strict=False)
    sections = {
        re.search(r"^## (.+)$", before.source, re.MULTILINE)[1]: re.findall(
            r'id="claim-([\w-]+)"', cell.outputs[0].data["text/html"]
        )
        for before, cell in cells
        if cell.source.startswith("ledger(")
    }
    expected = {title: [] for title in TITLES.values()}
    for label, claim in all_claims().items():
        expected[TITLES[claim.chapter]].append(label)
    for name, heading in TITLES.items():
        cells = f'"## {heading}", "Stated in {{doc}}`{name}`." and a code cell ledger("{name}")'
        assert heading in sections, f"add to ledger.ipynb: {cells}"
    assert list(sections) == list(expected)
    assert sections == expected, RERUN


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_has_tests(name):
    path = ROOT / "tests" / "chapters" / f"test_{name}.py"
    assert path.exists(), (
        f"write tests/chapters/{path.name}: wrong versions that each claim must refuse"
    )


@pytest.mark.parametrize("name", TEACHING)
def test_the_reading_time_is_computed(name):
    notebook = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4)
    stated = re.search(r"\*Time\*: about (\d+) minutes\.", notebook.cells[0].source)
    assert int(stated[1]) == reading_time(notebook), RERUN


def test_the_table_of_contents_names_every_page():
    listed = set(listed_pages())
    present = {
        path.relative_to(ROOT).with_suffix("").as_posix()
        for pattern in ("*.ipynb", "*.md")
        for path in (ROOT / "chapters").glob(pattern)
    }
    assert listed == present


def test_every_source_can_be_found():
    entries = re.findall(r"^@\w+\{(.*?)\n\}", BIBLIOGRAPHY, re.MULTILINE | re.DOTALL)
    assert len(entries) == BIBLIOGRAPHY.count("\n@") + 1
    for entry in entries:
        key, fields = entry.split(",", 1)
        assert re.search(r"\b(doi|url|address)\s*=", fields), f"{key} lacks doi, url and address"
        assert "journal" not in fields or re.search(r"\bpages\s*=", fields), f"{key} lacks pages"


def test_the_pillars_of_the_build_stand():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["execute"]["execute_notebooks"] == "off"
    assert config["execute"]["stderr_output"] == "error"
    assert config["only_build_toc_files"] is True
