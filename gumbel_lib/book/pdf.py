"""The whole book as one PDF, put into the built site: ``python -m gumbel_lib.book.pdf``.

Chromium prints one document that holds the text of every page of the site, in the order of
``_toc.yml``. So links between pages lead to places in the PDF, its pages are numbered throughout,
and each font is stored once. pypdf reads on which page each title came, for the table of contents,
and adds the bookmarks.
"""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Route, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import Fit
from sphinx_external_toc.parsing import parse_toc_yaml
from tqdm import tqdm

from .site import PDF

SITE = Path("_build", "html")
NAMES = ("chromium", "chromium-browser", "google-chrome")
# A sandbox does not start for root, as which CI runs; the browser makes no requests of its own.
# In each window Chromium prepares two lists of suggestions for its address bar, though a headless
# one never shows them: 0.9 s of processor time a page. Features disabled here replace those that
# Playwright disables, so the other names are its own.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,"
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,"
    "HttpsFirstBalancedModeAutoEnable,LensOverlay,MediaRouter,PaintHolding,"
    "ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,OptimizationHints,"
    "NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch",
)
# Where a site without an address is while it is printed: a host that cannot exist (RFC 2606).
NOWHERE = "http://book.invalid/"
STYLE = """
@page { size: A4; @top-center { font: 9pt sans-serif; } }
@page title { @bottom-center { content: none; } }
.field { display: block; margin-left: -1.5em; }
dt:has(> .field) { display: block !important; }
.title-page { page: title; padding-top: 30vh; text-align: center; }
.title-page h1 { margin-bottom: 3rem !important; }
.book-contents { page: contents; }
.book-contents a { display: flex; color: inherit; text-decoration: none; }
.book-contents i { flex: 1; margin: 0 0.4rem 0.3rem; border-bottom: 1px dotted; }
.book-contents b { min-width: 3ch; font-weight: inherit; text-align: right; }
.book-contents .level-0 { margin-top: 1.2rem; font-weight: 600; }
.book-contents .level-1 { margin-top: 0.4rem; }
.book-contents :is(.level-0, .level-1) { break-after: avoid; }
.book-contents .level-2 { padding-left: 1.5rem; }
"""
DOCUMENT = """<!doctype html><html lang="en" data-theme="light"><head>{head}<style>{style}</style>
</head><body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">{body}
</div></div></main></body></html>"""
# Puts the numbers of pages into the table of contents.
FILL = """numbers => document.querySelectorAll(".book-contents a").forEach(
  link => link.lastChild.textContent = numbers[link.hash.slice(1)]
)"""
HEADING = re.compile(
    r'<section[^>]*\bid="([^"]+)"[^>]*>\s*(?:<span id="[^"]*"></span>\s*)*<h([12])>(.*?)</h\2>',
    re.DOTALL,
)


class Heading(NamedTuple):
    """The title of a part (level 0), a page (1) or a section (2), and where it stands."""

    level: int
    title: str
    place: str


def chromium() -> str | None:
    """The path of this machine's Chromium, if it has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def read_toc(toc: str | Path) -> dict[str, list[str]]:
    """The names of the pages in each part of the book, by its caption, and first the root's."""
    root = parse_toc_yaml(toc).root
    parts = {
        str(part.caption): [Path(page).name for page in part.files()] for part in root.subtrees
    }
    return {"": [Path(root.docname).name]} | parts


def article(page: str, name: str, names: Iterable[str], address: str = "") -> str:
    """The text of a page, fit for a document with the pages ``names``, which lie in one folder.

    Identifiers get the page's name in front, and links to pages of the document lead to their
    texts. Other relative links are kept only where the site has an address.

    >>> page = '<article class="a"><b id="x"></b><a href="q.html#y"></a><a href="r.html"></a>'
    >>> print(article(f"{page}</article>", "p", ["p", "q"]))
    <article id="p/" style="page: p" class="a"><b id="p/x"></b><a href="#q/y"></a><a></a></article>
    """
    text = re.search(r"<article.*?</article>", page, re.DOTALL)[0]  # type: ignore[index]
    text = re.sub(r"<(script|template)\b.*?</\1>", "", text, flags=re.DOTALL)
    # Whatever the style asks for, Chromium ends some pages between the name of a docstring's field
    # and the field. It ends none within a term or a paragraph's first line.
    name_of_field = r'<dt class="field-\w+">((?:(?!</dt>).)*)</dt>\s*'
    start = r'<dd class="field-\w+">(?:<dl[^>]*>\s*<dt>|<p>)'
    label = r'\2<b class="field">\1</b>'
    text = re.sub(f"{name_of_field}({start})", label, text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}/", text)
    text = re.sub(rf'href="({"|".join(names)})\.html(?:#([^"]*))?"', r'href="#\1/\2"', text)
    if not address:
        text = re.sub(r' href="(?!#|https?:|mailto:)[^"]*"', "", text)
    return text.replace("<article ", f'<article id="{name}/" style="page: {name}" ', 1)


def headings(text: str) -> list[Heading]:
    """The titles of the page and of its sections, in a text.

    >>> headings('<section id="p/s"><h2>1.1. <code>x</code> &lt; 1<a class="headerlink">#</a></h2>')
    [Heading(level=2, title='1.1. x < 1', place='p/s')]
    """
    found = []
    for place, level, title in HEADING.findall(text):
        words = re.sub(r'<a class="headerlink".*?</a>|<[^>]+>', "", title)
        found.append(Heading(int(level), html.unescape(words), place))
    return found


def contents(outline: Iterable[Heading]) -> str:
    """The table of contents, with room for the numbers of pages."""
    rows = []
    for level, title, place in outline:
        words = html.escape(title)
        if level:
            words = f'<a href="#{place}"><span>{words}</span><i></i><b></b></a>'
        rows.append(f'<div class="level-{level}">{words}</div>')
    return f'<nav class="book-contents"><h1>Contents</h1>{"".join(rows)}</nav>'


def printed(text: str, site: Path, address: str, browser: Browser) -> bytes:
    """A document of this text, which takes its style from the site, as PDF.

    Only the browser can tell on which page a title comes, so it prints twice.
    """
    start = f"{address}chapters/"

    def serve(route: Route) -> None:
        path = site / route.request.url.split("?")[0].removeprefix(address)
        if route.request.url == start:
            route.fulfill(body=text, content_type="text/html; charset=utf-8")
        elif path.is_file():
            route.fulfill(path=path)
        else:
            route.abort()

    page = browser.new_page(java_script_enabled=False)
    page.set_default_timeout(0)  # the book is long, and a machine may be busy
    page.route("**/*", serve)
    with tqdm(total=3, desc="Printing: layout, page numbers, pages", disable=None) as bar:
        page.goto(start)
        page.evaluate("Promise.all([...document.fonts].map(font => font.load())).then(() => {})")
        bar.update()
        page.evaluate(FILL, page_numbers(page.pdf(prefer_css_page_size=True)))
        bar.update()
        pdf = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True)
        bar.update()
    page.close()
    return pdf


def page_numbers(pdf: bytes) -> dict[str, int]:
    """On which page, from 1, each place lies that a link leads to."""
    reader = PdfReader(io.BytesIO(pdf))
    numbers = {
        name[1:]: reader.get_destination_page_number(place)  # a name begins with a slash
        for name, place in reader.named_destinations.items()
    }
    return {name: number + 1 for name, number in numbers.items() if number is not None}


def bound(pdf: bytes, outline: Iterable[Heading], title: str, author: str) -> bytes:
    """The PDF with bookmarks, and without what differs from one run to the next."""
    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    places = writer.named_destinations
    above: dict[int, Any] = {}
    for level, words, place in outline:
        target = places[f"/{place}"]
        number = writer.get_destination_page_number(target)
        top = Fit.xyz(top=target.top)
        parent = above.get(level - 1)
        above[level] = writer.add_outline_item(
            title=words, page_number=number, parent=parent, fit=top
        )
    writer.page_mode = "/UseOutlines"
    writer.metadata = {"/Title": title, "/Author": author}
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def make(site: Path, parts: Mapping[str, list[str]], browser: Browser) -> bytes:
    """The PDF of a built site.

    Parameters
    ----------
    site : Path
        The folder of the built site.
    parts : mapping of str to list of str
        The names of the pages of each part, by the part's caption, which may be empty.
    browser : Browser
        A Chromium.

    Returns
    -------
    bytes
        The PDF.
    """
    names = [name for part in parts.values() for name in part]
    pages = {name: (site / f"chapters/{name}.html").read_text(encoding="utf-8") for name in names}

    def said(pattern: str) -> str:
        found = re.search(pattern, pages[names[0]], re.DOTALL)
        return found[1] if found else ""

    title = said(r'property="og:site_name" content="(.*?)"')
    author = said(r'class="component-author">\s*By (.*?)\s*</p>')
    edition = said(r'class="extra_footer">\s*(.*?)\s*<')
    address = said(r'rel="canonical" href="(.*?)chapters/')
    texts = {name: article(pages[name], name, names, address) for name in names}
    outline, style = [], STYLE
    for caption, part in parts.items():
        for name in part:
            found = headings(texts[name])
            if caption and name == part[0]:
                outline.append(Heading(0, caption, found[0].place))
            outline += found
            running = json.dumps(found[0].title, ensure_ascii=False)
            style += f"@page {name} {{ @top-center {{ content: {running}; }} }}\n"
    front = f'<div class="title-page"><h1>{title}</h1><p>{author}</p><p>{edition}</p>'
    front += f'<p><a href="{address}">{address}</a></p></div>' if address else "</div>"

    text = DOCUMENT.format(
        head=said(r"<head>(.*?)</head>"),
        style=style,
        body=front + contents(outline) + "".join(texts.values()),
    )
    pdf = printed(text, site, address or NOWHERE, browser)
    return bound(pdf, outline, html.unescape(title), html.unescape(author))


def main() -> int:
    """Print the built site; exit 1 if there is no Chromium."""
    path = chromium()
    if path is None:
        print(f"A Chromium is needed, one of {', '.join(NAMES)}; none is found", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        (SITE / PDF).write_bytes(make(SITE, read_toc("_toc.yml"), browser))
        browser.close()
    print(f"The PDF: {(SITE / PDF).absolute().as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
