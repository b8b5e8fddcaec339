"""The site builds with warnings as errors and asks no other host for anything."""

import html
import re
from pathlib import Path

from fontTools.ttLib import TTFont

from gumbel_lib.book import trimming
from gumbel_lib.book.site import PLAIN_CODE
from gumbel_lib.book.style import PALETTE
from gumbel_lib.chapters import CHAPTERS

ROOT = Path(__file__).parents[1]


def pages(site):
    return sorted((site / "chapters").glob("*.html"))


def test_every_page_of_the_table_of_contents_is_there(site):
    sources = [*(ROOT / "chapters").glob("*.ipynb"), *(ROOT / "chapters").glob("*.md")]
    assert {page.stem for page in pages(site)} == {source.stem for source in sources}
    assert (site / "index.html").exists()


def test_the_first_page_asks_the_question_of_each_chapter(site):
    page = (site / "chapters" / "index.html").read_text(encoding="utf-8")
    row = r'<td><p><a [^>]*href="(\w+)\.html"><span class="doc">(.*?)</span></a></p></td>'
    rows = re.findall(row + r"\s*<td><p>(.*?)</p></td>", page)
    asked = [(name, html.unescape(title), html.unescape(text)) for name, title, text in rows]
    assert asked == [(name, *said) for name, said in CHAPTERS.items() if said.question]


def test_every_table_says_what_it_shows(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for tag, inner in re.findall(r"<table\b([^>]*)>(.*?)</table>", text, re.DOTALL):
            if 'role="presentation"' in tag:
                continue
            label = re.search(r'aria-label="(.*?)"', tag)
            place = re.search(r'aria-labelledby="(.*?)"', tag)
            words = (
                rf'id="{place[1]}">(.*?)<a class="headerlink"'
                if place
                else "<caption>(.*?)</caption>"
            )
            name = label or re.search(words, text if place else inner, re.DOTALL)
            assert name, f"{page.name}: give the table a caption: {inner[:200]}"
            assert len(re.sub("<[^>]*>", "", name[1]).strip()) >= 11, f"{page.name}: {name[1]}"


def test_tables_are_numbered_like_figures(site):
    for page in pages(site):
        text = page.read_text(encoding="utf-8")
        numbered = re.findall(r'<span class="caption-number">(Fig\.|Table) ([\d.]+) </span>', text)
        assert len(numbered) == len(set(numbered)) == len(re.findall("<(?:fig)?caption>", text)), (
            page.name
        )


def test_no_cell_of_a_table_is_cut(site):
    for page in pages(site):
        assert not re.findall(r"<td>([^<]*\.\.\.)</td>", page.read_text(encoding="utf-8"))


def test_a_table_of_two_heads_needs_both(site):
    heads = 0
    for page in pages(site):
        for head in re.findall("<thead>(.*?)</thead>", page.read_text(encoding="utf-8"), re.DOTALL):
            rows = [re.findall("<th[^>]*>(.*?)</th>", row) for row in head.split("</tr>")[:-1]]
            heads += len(rows) == 1
            assert len(rows) == 1 or any(all(column) for column in zip(*rows, strict=False)), head
    assert heads > 50


def test_a_link_to_a_chapter_has_its_title(site):
    for page in site.rglob("*.html"):
        links = re.findall(
            r'<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>', page.read_text("utf-8"), re.DOTALL
        )
        for address, inner in links:
            name = re.search(r"([\w-]*)\.html(?:#.*)?$", address)
            text = re.sub("<[^>]*>", "", inner).strip()
            assert not name or text.removesuffix(".html") != name[1], f"{page.name}: {inner}"


def test_no_page_loads_anything_from_another_host(site):
    loading = re.compile(
        r"""<(?:script|img|iframe|source|video|audio)[^>]*\bsrc=["'](?:https?:)?//[^"']+"""
        r"""|<link(?![^>]*rel=["']canonical)[^>]*\bhref=["'](?:https?:)?//[^"']+"""
    )
    for page in site.rglob("*.html"):
        found = loading.findall(page.read_text(encoding="utf-8"))
        assert not found, f"{page.name} loads {found}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?https?://", sheet.read_text("utf-8")), sheet


def test_a_page_waits_for_one_style_sheet_and_no_script_and_loads_none_in_vain(site):
    for page in [*pages(site), *(site / f"{name}.html" for name in ("404", "search", "genindex"))]:
        text = page.read_text(encoding="utf-8")
        scripts = re.findall(r"<script[^>]*\bsrc=[^>]*>", text)
        blocking = [script for script in scripts if not re.search(r"\bdefer\b", script)]
        vain = "fontawesome|tabs" if page.stem == "search" else "fontawesome|tabs|search"
        idle = [script for script in scripts if re.search(vain, script)]
        assert scripts, page.name
        assert not blocking + idle, page.name
        assert len(re.findall("<link [^>]*stylesheet", text)) == 1, page.name
        assert 'rel="preload"' not in text, page.name


def test_every_icon_of_the_style_sheet_is_in_the_fonts(site):
    sheet = (site / "_static" / trimming.SHEET).read_text(encoding="utf-8")
    fonts = {path.stem: TTFont(path) for path in (site / "_static" / trimming.ICONS).iterdir()}
    assert set(fonts) == set(re.findall(rf"url\({trimming.ICONS}/([\w-]+)\.woff\)", sheet))
    characters = {code for font in fonts.values() for code in font.getBestCmap()}
    icons = set(map(ord, re.findall("[\uf000-\uf8ff]", sheet)))  # others are MathJax's
    assert len(icons) > 10
    assert icons <= characters


def test_every_figure_is_inline_with_its_description(site):
    for page in pages(site):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<img[^>]*_images[^>]*svg", text), page.name
        for tag in re.findall(r"<svg [^>]*>", text):
            if "inline-figure" in text and "pt" in tag and "viewBox" in tag:
                assert re.search(r'role="img" aria-label="[^"]{40,}"', tag), page.name


def test_identifiers_on_a_page_are_unique(site):
    for page in pages(site):
        identifiers = re.findall(r'\sid="([^"]+)"', page.read_text(encoding="utf-8"))
        repeated = {name for name in identifiers if identifiers.count(name) > 1}
        assert not repeated, f"{page.name}: {sorted(repeated)[:5]}"


def test_the_text_of_figures_has_a_colour_of_the_palette(site):
    # The palette's contrast is tested in test_book.py; axe cannot tell the ground of such text.
    roles = "|".join(role for role in PALETTE if role not in ("paper", "grid"))
    colour = re.compile(rf"fill(?:: |=\")var\(--figure-(?:{roles})\)")
    for page in pages(site):
        text = page.read_text(encoding="utf-8")
        for figure in re.findall(r'<div class="inline-figure">.*?</div>', text, re.DOTALL):
            for tag in re.findall(r"<(?:text|tspan)\b[^>]*>(?=[^<\s])", figure):
                assert colour.search(tag), f"{page.name}: {tag}"


def test_code_without_a_mark_has_the_colour_of_all_code(site):
    sheet = (site / "_static" / "pygments.css").read_text(encoding="utf-8")
    for theme in ("light", "dark"):
        rule = rf'html\[data-theme="{theme}"\] \.highlight (?:\.(\w+) )?{{.*?\bcolor: (#\w+)'
        colours = dict(re.findall(rule, sheet))
        assert {colours[kind] for kind in PLAIN_CODE} == {colours[""]}, theme
