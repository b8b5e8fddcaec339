"""What the built pages do not need is taken away: scripts, rules of style sheets, icons.

The theme serves every site that it might be used for, and the book uses a tenth of it. Its style
sheets and those of the extensions become one, cut to the names that occur on the pages and in their
scripts; the icon fonts are cut to the icons that this sheet shows.
"""

from __future__ import annotations

import hashlib
import json
import logging
import posixpath
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import tinycss2
from fontTools import subset

# One of the theme's packages has all loggers tell what they do, and this one tells of each glyph.
logging.getLogger("fontTools").setLevel(logging.WARNING)

SHEET, ICONS = "site.css", "icons"
# The theme sends its icons twice: as a font, and as a script of 540 kB, compressed, that draws them
# anew. The book has no tabs.
IDLE = r'\bsrc="[^"]*/(?:fontawesome|design-tabs)\.js'
SEARCH = r'\bsrc="[^"]*\b(?:searchtools|language_data|searchindex)\.js'
LINK = r'<link (?=[^>]*\brel="stylesheet")[^>]*\bhref="([^"]*_static/)([^"?]+)[^>]*>\s*'
# Two fonts set nearly all formulas. They come with the sheet, so that a page is laid out once, and
# not again when they arrive.
FONTS = r'url\("(math/MathJax_(?:Zero|Main-Regular|Math-Italic)\.woff)"\)'
# Before the theme's script knows the reader's theme, every page would be styled for another.
THEME = '.getItem("theme") || "auto"'
PREFERRED = (
    '.getItem("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")'
)
# The theme asks each box of a page whether it scrolls, after loading and after each change of the
# page, and so lays out all that is far from the screen. book.js asks the boxes near the screen.
MEASURING = r'"complete"===document\.readyState\?(\w+)\(\):window\.addEventListener\("load",\1\)'
# The names that Bootstrap puts together from parts: bs-tooltip-auto.
MADE = "bs-"


def trim(site: Path) -> None:
    """Take from the pages of a built site what they do not need, and let no script hold one up.

    Parameters
    ----------
    site : pathlib.Path
        Pages that have been trimmed before may be among them.
    """
    static = site / "_static"
    (static / "narrow").mkdir(exist_ok=True)
    paths = [path for path in site.rglob("*.html") if not path.is_relative_to(static)]
    pages = {path: path.read_text(encoding="utf-8") for path in paths}
    pages = {path: page for path, page in pages.items() if re.search(LINK, page)}
    linked = [name for _, name in re.findall(LINK, next(iter(pages.values())))]
    for path, page in pages.items():
        page = _without_scripts(page, IDLE if path.stem == "search" else f"{IDLE}|{SEARCH}")
        page = _without_figures(page, static / "narrow" / f"{path.stem}.js")
        pages[path] = _with_one_sheet(page).replace(THEME, PREFERRED)
    _stop_measuring(static / "scripts" / "pydata-sphinx-theme.js")
    version = _write_sheet(static, linked, vocabulary(static, pages.values()))
    for path, page in pages.items():
        page = page.replace(f'{SHEET}?v="', f'{SHEET}?v={version}"')
        if page != path.read_text(encoding="utf-8"):
            path.write_text(page, encoding="utf-8")


def _without_scripts(page: str, idle: str) -> str:
    page = re.sub(rf"<script (?=[^>]*(?:{idle}))[^>]*></script>\s*", "", page)
    # Asked for early, these would be sent before the style sheet, which the page waits for.
    page = re.sub(r'<link rel="preload" as="script"[^>]*>\s*', "", page)
    # A list that Sphinx makes sets an option between its scripts.
    set_inline = "documentation_options" if "DOCUMENTATION_OPTIONS." in page else "defer"
    awaited = rf"(?![^>]*\b(?:defer|{set_inline})\b)"
    return re.sub(rf"<script (?=[^>]*\bsrc=){awaited}", "<script defer ", page)


def _stop_measuring(script: Path) -> None:
    code = script.read_text(encoding="utf-8")
    less = re.sub(MEASURING, "0", code)
    if less != code:
        script.write_text(less, encoding="utf-8")


def _without_figures(page: str, script: Path) -> str:
    """Put the figures for phones, but for the first, into a script that phones load."""
    figures = re.findall(r"<template>(?!</template>)(.*?)</template>", page, re.DOTALL)[1:]
    for figure in figures:
        page = page.replace(f"<template>{figure}", "<template>", 1)
    if figures:
        script.write_text(f"narrowFigures({json.dumps(figures)});\n", encoding="utf-8")
    return page


def _with_one_sheet(page: str) -> str:
    link = re.search(LINK, page)
    head, rest = page[: link.start()], page[link.end() :]  # type: ignore[union-attr]
    one = f'<link rel="stylesheet" href="{link[1]}{SHEET}?v="/>\n'  # type: ignore[index]
    return head + one + re.sub(LINK, "", rest)


def _write_sheet(static: Path, linked: list[str], words: set[str]) -> str:
    """Write the one sheet and its icons, and return its version.

    Its first line lists the sheets it is made of, for a build after which the pages link it alone.
    """
    path = static / SHEET
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    sheets = before.split("*/")[0].split()[1:] if linked == [SHEET] else linked
    rules = "".join(_rules(static, name) for name in sheets)
    sheet = f"/* {' '.join(sheets)} */\n{cut(rules, words)}"

    def embedded(font: re.Match[str]) -> str:
        return f"url(data:font/woff;base64,{b64encode((static / font[1]).read_bytes()).decode()})"

    sheet = re.sub(FONTS, embedded, sheet)
    if sheet != before:
        shown = "".join(re.findall('"(.)"', sheet))
        (static / ICONS).mkdir(exist_ok=True)
        for font in static.glob("vendor/fontawesome/webfonts/*.ttf"):
            cut_font(font, shown, static / ICONS / f"{font.stem}.woff")
        path.write_text(sheet, encoding="utf-8")
    return hashlib.sha256(sheet.encode()).hexdigest()[:8]


def _rules(static: Path, name: str) -> str:
    """A sheet with what it imports, as if it lay in the folder of the one sheet."""
    text = (static / name).read_text(encoding="utf-8")
    folder = posixpath.dirname(name)

    def imported(found: re.Match[str]) -> str:
        return _rules(static, posixpath.normpath(posixpath.join(folder, found[1])))

    def moved(found: re.Match[str]) -> str:
        return f"url({found[1]}{posixpath.normpath(posixpath.join(folder, found[2]))}"

    text = re.sub(r"url\(([\"']?)(?!data:|[a-z]+:|#|/)([^\"')]+)", moved, text)
    text = re.sub(
        r"src:url\([^)]*?/webfonts/([\w-]+)\.woff2\)[^;}]*", rf"src:url({ICONS}/\1.woff)", text
    )
    return re.sub(r"@import \"(.*?)\";", imported, text.replace('@charset "UTF-8";', ""))


def vocabulary(static: Path, pages: Iterable[str]) -> set[str]:
    """All words of pages and of the scripts of a site, among them the names of all elements."""
    scripts = [path for path in static.rglob("*.js") if path.stem != "fontawesome"]
    words: set[str] = set()
    for text in (*pages, *(path.read_text(encoding="utf-8") for path in scripts)):
        words.update(re.findall(r"-*[A-Za-z_][\w-]*", text))
    return words | {word.lower() for word in words}


def cut(sheet: str, words: set[str]) -> str:
    """The rules of a style sheet that may match an element.

    Parameters
    ----------
    sheet : str
        Style sheet.
    words : set of str
        The names of elements, their classes and identifiers.

    Returns
    -------
    str
        Without the rules each of whose selectors asks for another name. A rule stays whole, since
        a browser that does not understand one of its selectors passes over all of it.

    Examples
    --------
    >>> cut("p .note, p.card { color: red } p > .card {} .other:not(p) {}", {"p", "note"})
    'p .note, p.card { color: red }'
    """
    return "".join(_kept(tinycss2.parse_stylesheet(sheet), words))


def _kept(rules: list[Any], words: set[str]) -> Iterator[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            if any(_asked(selector) <= words for selector in _selectors(rule.prelude)):
                yield rule.serialize()
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = tinycss2.parse_rule_list(rule.content)
            if kept := "".join(_kept(inner, words)):
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{kept}}}"
        elif rule.type == "at-rule" or (rule.type == "comment" and rule.value.startswith("!")):
            yield rule.serialize()  # these comments are licences


def _selectors(prelude: list[Any]) -> Iterator[list[Any]]:
    selector: list[Any] = []
    for token in prelude:
        if token == ",":
            yield selector
            selector = []
        else:
            selector.append(token)
    yield selector


def _asked(selector: list[Any]) -> set[str]:
    """The names without which a selector matches nothing."""
    names, before = set(), None
    for token in selector:
        if token.type == "hash":
            names.add(token.value)
        elif token.type == "ident" and before != ":" and not token.value.startswith(MADE):
            names.add(token.value if before == "." else token.value.lower())
        before = token
    return names


def cut_font(whole: str | PathLike[str], text: str, path: Path) -> None:
    """Write a font that has the characters of a text alone.

    Parameters
    ----------
    whole : path
        Font.
    text : str
        Its characters may be those of other fonts too.
    path : pathlib.Path
        File to write, in the format WOFF.
    """
    font = subset.load_font(whole, subset.Options())
    cutter = subset.Subsetter(subset.Options(drop_tables=["FFTM"], notdef_outline=True))
    cutter.populate(text=text)
    cutter.subset(font)
    font.flavor = "woff"
    font.save(path)
