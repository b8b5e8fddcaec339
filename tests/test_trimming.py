"""What pages do not need is taken away, and nothing else."""

import re
from importlib.resources import files

import pytest
from fontTools.ttLib import TTFont

from gumbel_lib.book import trimming
from gumbel_lib.book.trimming import cut, trim

ICONS = "vendor/fontawesome/webfonts/fa-solid-900.ttf"

THEME = """
/*! a licence */ /* a comment */
@charset "UTF-8";
@import "../basic.css";
.used, .cut-1 { color: var(--a) } .cut-2, #cut3 {} p#top > a:hover::before { content: "\\f00c" }
CUT4 p {} :root { --a: red } div:not(.absent) .deep, * {} [data-x="absent"] {} .made-by-script {}
@media print { .used { margin: 0 } .cut-5 {} } @media screen { .cut-6 {} }
@font-face {font-family:Icons;
src:url(../vendor/fontawesome/webfonts/fa-solid-900.woff2) format("woff2"),url(x.ttf) format("x")}
.used { background: url("../up.png") url(data:image/png;base64,AA) }
"""
PAGE = """<html><head>
<link href="../_static/styles/theme.css?digest=1" rel="stylesheet" />
<link rel="preload" as="script" href="../_static/scripts/bootstrap.js" />
<script src="../_static/scripts/fontawesome.js?digest=1"></script>
<script src="../_static/searchtools.js"></script>
<script src="../_static/book.js"></script>
<link rel="stylesheet" type="text/css" href="../_static/own.css?v=2" />
<link rel="next" href="other.html" /></head>
<body id="top"><p class="used">{more}</p><template>one</template><template>two</template>
<template>two</template><template>three</template></body></html>"""

MEASURES = '"complete"===document.readyState?I():window.addEventListener("load",I)'
SCRIPT = f"(()=>{{function I(){{}}e(()=>{{}}),{MEASURES}}})();"


@pytest.fixture
def site(tmp_path):
    """A small site as Sphinx writes it."""
    for name, text in {
        "index.html": '<meta http-equiv="Refresh" content="0; url=chapters/one.html" />',
        "search.html": PAGE.replace("../", "").format(more=""),
        "chapters/one.html": PAGE.format(more="<a>x</a>"),
        "_static/macros.html": '<link href="_static/styles/theme.css" rel="stylesheet" />',
        "_static/styles/theme.css": THEME,
        "_static/basic.css": "p { margin: 0 } .cut-7 {}",
        "_static/own.css": ".later { color: blue } .used { color: green }",
        "_static/book.js": "box.className = 'made-by-script'",
        "_static/scripts/fontawesome.js": "'cut-1 cut-2'",
        "_static/scripts/pydata-sphinx-theme.js": SCRIPT,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    font = tmp_path / "_static" / ICONS
    font.parent.mkdir(parents=True)
    theme = files("pydata_sphinx_theme") / "theme" / "pydata_sphinx_theme" / "static"
    font.write_bytes((theme / ICONS).read_bytes())
    return tmp_path


def written(site):
    return {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}


def test_a_site_is_trimmed(site):
    trim(site)
    sheet = (site / "_static" / trimming.SHEET).read_text(encoding="utf-8")
    assert "cut" not in sheet.replace("cut-1", "", 1)  # beside a selector that is used
    for kept in (
        "/*! a licence */",
        "p { margin: 0 }",  # of the imported sheet, before those of the sheet that imports it
        ".used, .cut-1 { color: var(--a) }",
        "p#top > a:hover::before",
        ":root { --a: red }",
        "div:not(.absent) .deep, * {}",
        '[data-x="absent"] {}',
        ".made-by-script {}",
        "@media print { .used { margin: 0 } }",
        f"url({trimming.ICONS}/fa-solid-900.woff)",
        'url("up.png") url(data:image/png;base64,AA)',
        ".used { color: green }",
    ):
        assert kept.replace(" ", "") in sheet.replace(" ", ""), kept
    icons = TTFont(site / "_static" / trimming.ICONS / "fa-solid-900.woff")
    assert set(icons.getBestCmap()) == {0xF00C}
    page = (site / "chapters" / "one.html").read_text(encoding="utf-8")
    version = re.search(r'href="../_static/site.css\?v=(\w{8})"', page)[1]
    assert page.count("stylesheet") == 1
    assert page.count("<script") == page.count('<script defer src="../_static/book.js">') == 1
    assert 'rel="next"' in page
    assert re.findall("<template>(.*?)</template>", page) == ["one", "", "", ""]
    figures = (site / "_static" / "narrow" / "one.js").read_text(encoding="utf-8")
    assert figures == 'narrowFigures(["two", "two", "three"]);\n'
    script = (site / "_static" / "scripts" / "pydata-sphinx-theme.js").read_text(encoding="utf-8")
    assert script == SCRIPT.replace(MEASURES, "0")
    search = (site / "search.html").read_text(encoding="utf-8")
    assert f'href="_static/site.css?v={version}"' in search
    assert '<script defer src="_static/searchtools.js">' in search


def test_trimmed_again_a_site_stays_as_it_is(site):
    trim(site)
    before = written(site)
    trim(site)
    assert written(site) == before


def test_a_page_written_anew_gets_the_rules_it_needs_and_others_the_new_sheet(site):
    trim(site)
    assert ".later" not in (site / "_static" / trimming.SHEET).read_text(encoding="utf-8")
    page = site / "chapters" / "one.html"
    page.write_text(PAGE.format(more="<a class='later'>x</a>"), encoding="utf-8")
    before = written(site)
    trim(site)
    changed = {path.name for path, text in written(site).items() if before.get(path) != text}
    assert changed == {"one.html", "search.html", trimming.SHEET}
    assert ".later" in (site / "_static" / trimming.SHEET).read_text(encoding="utf-8")


def test_a_rule_that_a_browser_passes_over_is_not_mended():
    rule = "_::-webkit-x, .a { color: red }"  # unknown to other browsers, and with it all the rule
    assert cut(rule, {"a"}) == rule
