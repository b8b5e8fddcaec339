"""How the book shows things: legible colours, self-describing figures, clean layers, clean code."""

import itertools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from gumbel_lib.book import site, style, typesetting
from gumbel_lib.book.schematic import Box, turned
from gumbel_lib.book.show import NARROW_MIME, DescribedFigure
from gumbel_lib.chapters.scale.figures import TINTS

ROOT = Path(__file__).parents[1]


def contrast(one, other):
    """WCAG contrast ratio of two hex colours."""

    def luminance(color):
        channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("role", style.PALETTE)
def test_colours_stand_out_in_both_themes(role, theme):
    if role in ("paper", "grid"):
        return
    least = 4.5 if role in ("ink", "muted") else 3.0
    assert contrast(style.PALETTE[role][theme], style.PALETTE["paper"][theme]) >= least


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("tint", TINTS.values())
def test_text_stands_out_on_every_tint_of_the_map(tint, theme):
    light, alpha = tint
    color = next(pair[theme] for pair in style.PALETTE.values() if pair[0] == light)
    paper = np.array(to_rgb(style.PALETTE["paper"][theme]))
    ground = to_hex(alpha * np.array(to_rgb(color)) + (1 - alpha) * paper)
    assert contrast(style.PALETTE["ink"][theme], ground) >= 4.5


DESCRIPTION = 'A line over three points that rises from 1 to "3" <at last>.'


def line(*values):
    figure, axes = style.subplots()
    axes.plot(values)
    return DescribedFigure(figure, DESCRIPTION)


def test_a_figure_is_the_same_twice_and_carries_its_description():
    shown = line(1, 2, 3)._repr_mimebundle_()
    assert shown == line(1, 2, 3)._repr_mimebundle_()
    svg = shown["image/svg+xml"]
    assert shown["text/plain"] == DESCRIPTION
    assert 'role="img" aria-label="A line over' in svg
    assert "&lt;at last&gt;" in svg
    assert not re.search(r"\d\.\d{3,}", svg)
    assert not plt.get_fignums()


def test_a_last_bit_leaves_the_figure_and_a_change_does_not():
    first = line(1, 2, 3).svg()
    assert first == line(1, 2 + 1e-12, 3).svg()
    assert first != line(1, 2.01, 3).svg()


def test_axes_changed_after_the_figure_was_shown_change_it():
    shown = line(1, 2, 3)
    before = shown.svg()
    (axes,) = shown.axes
    axes.set_title("Three points")
    assert "Three points" not in before
    assert "Three points" in shown.svg()


def test_a_figure_without_a_description_is_refused():
    with pytest.raises(ValueError, match="^description: expected"):
        DescribedFigure(style.subplots()[0], "A figure.")


def test_the_site_maps_colours_to_variables_and_keeps_identifiers_apart():
    svg = site.themed(line(1, 2, 3).svg(), "figure-7-0")
    for light, _ in style.PALETTE.values():
        assert light not in svg
    identifiers = set(re.findall(r'\bid="([^"]+)"', svg))
    assert all(name.startswith("figure-7-0-") for name in identifiers)
    assert {name[1:] for name in re.findall(r'href="(#[^"]+)"', svg)} <= identifiers
    assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= identifiers
    assert "DejaVu" not in svg


def test_only_groups_that_do_nothing_go():
    svg = line(1, 2, 3).svg().replace("</svg>", '<g id="mark"/><use href="#mark"/></svg>')
    themed = site.themed(svg, "figure-7-0")
    assert not re.search(r"<g>|<g id=\"[^\"]*(?<!mark)\"", themed)
    assert '<g id="figure-7-0-mark"' in themed
    for kind in ("<text", "clip-path"):
        assert svg.count(kind) == themed.count(kind)


def test_a_series_of_marks_is_one_path_with_the_mark_at_each_point():
    figure, axes = style.subplots()
    axes.plot([1, 2, 3, 4], "o")
    axes.plot([4, 3], "s")
    axes.plot([2], "^")
    svg = DescribedFigure(figure, DESCRIPTION).svg()
    themed = site.themed(svg, "figure-7-0")
    places = re.findall(r'<use [^>]*x="([-\d.]+)" y="([-\d.]+)"', svg)
    left = re.findall(r'<use [^>]*x="([-\d.]+)" y="([-\d.]+)"', themed)
    drawn = re.findall(r' d="(M [^"z]+)" style="fill: none; marker: url\(#([^)]+)\)"', themed)
    points = [re.findall(r"([-\d.]+) ([-\d.]+)", path) for path, _ in drawn]
    assert sorted(len(path) for path in points) == [2, 4]
    assert sorted([*left, *itertools.chain(*points)]) == sorted(places)
    for _, name in drawn:
        assert f'id="{name}"' in themed


def test_the_style_sheet_has_every_role_in_both_themes():
    css = site.palette_css()
    for role, pair in style.PALETTE.items():
        for color in pair:
            assert f"--figure-{role}: {color};" in css


def test_the_picture_of_the_first_page_is_the_one_the_code_draws():
    from gumbel_lib.book.cover import NARROW_PATH, PATH, picture

    for path, drawn in ((PATH, picture()), (NARROW_PATH, picture().narrow())):
        stored = (Path(__file__).parents[1] / path).read_text(encoding="utf-8")
        assert stored == drawn.svg(), "run `make notebooks` and commit the result"


@pytest.mark.parametrize("repository", ["", "https://github.com/someone/book"])
def test_a_known_repository_adds_its_links_and_the_footer_names_the_edition(
    repository, monkeypatch, tmp_path
):
    monkeypatch.setenv("BOOK_REPOSITORY", repository)
    config = SimpleNamespace(html_theme_options={})
    site._address(SimpleNamespace(srcdir=tmp_path), config)
    options = config.html_theme_options
    assert options.get("repository_url", "") == repository
    assert options.get("use_edit_page_button", False) == bool(repository)
    # A folder that is no clone has no commit.
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
    assert options["extra_footer"] == f"Version {version}"
    assert f"Version {version}" in (ROOT / "chapters" / "index.md").read_text(encoding="utf-8")
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("there", [False, True])
def test_the_first_page_links_the_pdf_where_there_is_one(there, tmp_path):
    if there:
        (tmp_path / site.PDF).touch()
    app = SimpleNamespace(outdir=tmp_path, tags=set())
    site._offer_pdf(app, None)
    assert app.tags == ({"pdf"} if there else set())
    page = (ROOT / "chapters" / "index.md").read_text(encoding="utf-8")
    (linked,) = re.findall(r"^```{only} pdf\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert f'<a href="../{site.PDF}">' in linked
    assert page.count(site.PDF) == 1


@pytest.mark.parametrize("url", [None, "https://example.org/book/chapters/page.html"])
def test_a_printed_page_says_where_it_is_from_where_it_has_an_address(url):
    context = {"body": "", "pageurl": url, "theme_extra_footer": "Version 1"}
    site._tidy(SimpleNamespace(), "page", "page.html", context, None)
    shown = f'<span class="d-none d-print-inline">, {url}</span>' if url else ""
    assert context["theme_extra_footer"] == f"Version 1{shown}"


@pytest.mark.parametrize("columns", [1, 2, 5])
def test_a_figure_for_a_phone_is_narrow_and_leaves_the_figure_as_it_was(columns):
    figure, axes = style.subplots(1, columns, sharey=True)
    for ax in np.atleast_1d(axes):
        ax.plot([0, 1], [0, 1], label="a line")
        ax.set(title="a title", xlabel="x", ylabel="y")
        ax.legend(ncols=2)
    shown = DescribedFigure(figure, "A line from the origin to one, in each of the panels.")
    before = shown.svg()
    narrow = shown.narrow()
    assert shown.svg() == before
    assert narrow.svg() == shown.narrow().svg()
    assert narrow.figure.get_size_inches()[0] <= style.PHONE
    assert narrow.svg().count("a line") == columns
    places = [ax.get_subplotspec() for ax in narrow.axes]
    assert {place.get_gridspec().ncols for place in places} == {1 if columns < 4 else 2}
    assert len({(place.rowspan.start, place.colspan.start) for place in places}) == columns
    assert set(shown._repr_mimebundle_()) == {"image/svg+xml", "text/plain", NARROW_MIME}


def test_a_schematic_for_a_phone_runs_down():
    boxes = {
        "a": Box(1, 1, "a", "value"),
        "b": Box(3, 1, "b", "value"),
        "c": Box(3, 2, "c", "value"),
    }
    made, height = turned(boxes)
    assert made["a"].y > made["b"].y == made["c"].y
    assert made["c"].x < made["b"].x == made["a"].x
    for box in made.values():
        assert box.width / 2 <= box.x <= style.PHONE - box.width / 2
        assert 0 < box.y < height


def test_fonts_are_cut_again_for_a_new_character_and_not_for_known_ones(tmp_path, monkeypatch):
    cut = []
    monkeypatch.setattr(typesetting, "cut_font", lambda name, text, path: cut.append(text))
    for formula, new in (("x", True), ("xx", False), (r"\aleph", True), ("x", False)):
        cut.clear()
        typesetting.typeset(formula)
        typesetting.write_static(tmp_path)
        assert bool(cut) == new, formula
    typesetting.typeset(r"\beth")
    typesetting.write_static(tmp_path)
    assert all("\u2136" in text for text in cut)


def test_style_and_types():
    # With the tests, not before them: mypy takes one processor for 15 s. The environment is the one
    # that runs this, and must not be made anew under it.
    tools = os.path.relpath(Path(sys.executable).parent, ROOT)
    command = ["make", "--old-file", ".venv/ready", f"BIN={tools}", "lint"]
    flags = {"MAKEFLAGS": ""}  # those of the make that runs this may ignore errors
    done = subprocess.run(command, cwd=ROOT, env=os.environ | flags, capture_output=True, text=True)
    assert not done.returncode, done.stdout + done.stderr
