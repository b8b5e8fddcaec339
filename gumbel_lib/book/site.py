"""The Sphinx side of the book: figures and interactives inside the page, and its style sheet."""

from __future__ import annotations

import copy
import gc
import html
import importlib
import importlib.metadata
import json
import os
import re
import subprocess
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pybtex.plugin
import vl_convert
from docutils import nodes
from myst_nb.core.render import MimeData, MimeRenderPlugin
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from . import trimming, typesetting
from .cover import PATH as PICTURE
from .cover import card
from .show import NARROW_MIME
from .style import PALETTE
from .vega import GAP, MARGIN, MIME, SIDE, VEGA_LITE

SVG = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"
MARKER = {"overflow": "visible", "markerUnits": "userSpaceOnUse"}
PANELS = ("concat", "columns", "spacing", "resolve")
STACKED = 560  # pixels: panels of a narrower interactive lie below each other
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
# Kinds of code that have the colour of all code: names, punctuation, white space.
PLAIN_CODE = ("n", "nn", "p", "w")
# The head of a table, of two rows.
ROW = r"<tr[^>]*>((?:(?!</tr>).)*)</tr>\s*"
HEAD = re.compile(rf"<thead>\s*{ROW}{ROW}</thead>", re.DOTALL)
# A table of Markdown, whose caption would scroll with it: before its id, the id, its words, the
# link to it, and the rest.
CAPTIONED = re.compile(
    r'(<div class="pst-scrollable-table-container"><table[^>]*) id="([^"]+)">\s*'
    r"<caption>((?:(?!</caption>).)*?)(<a [^<]*</a>)</caption>(.*?</table>\s*</div>)",
    re.DOTALL,
)
SHORT = 24  # characters of code that a phone shows in one line
# The name that the PDF of the whole book has in the site.
PDF = "gumbel-max-executable.pdf"


def _html(text: str) -> nodes.raw:
    return nodes.raw(text=text, format="html")


def _inline(svg: str, prefix: str) -> nodes.raw:
    return _html(f'<div class="inline-figure">{themed(svg, prefix)}</div>')


def _narrow(svg: str, prefix: str) -> nodes.raw:
    """What book.js puts into the box before it, on a phone."""
    return _html(f"<template>{themed(svg, f'{prefix}-narrow')}</template>")


class InlineSvg(SphinxDirective):
    """``{inline-svg} FILE``: an SVG file inside the page, its colours following the theme.

    A phone shows the file of that name with ``-narrow``, if there is one.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Read the files, which lie beside the page."""
        name, wide = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(name)
        path = Path(wide)
        narrow = path.with_stem(f"{path.stem}-narrow")
        shown = [_inline(path.read_text(encoding="utf-8"), path.stem)]
        if narrow.exists():
            shown.append(_narrow(narrow.read_text(encoding="utf-8"), path.stem))
        return shown


class InteractiveDirective(SphinxDirective):
    """``{interactive} CHAPTER.FUNCTION``: an interactive on a page that is no notebook."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Call the function, which returns an interactive."""
        chapter, function = self.arguments[0].split(".")
        interactive = importlib.import_module(f"gumbel_lib.chapters.{chapter}.interactive")
        self.env.note_dependency(str(interactive.__file__))
        spec = getattr(interactive, function)().specification
        return [_html(interactive_html(spec, function))]


class ChapterTable(SphinxDirective):
    """``{chapters} N``: the chapters of the N-th part of ``_toc.yml``, each with its question."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Read the list of chapters."""
        from .. import chapters

        self.env.note_dependency(chapters.__file__)
        part = self.env.external_site_map.root.subtrees[int(self.arguments[0]) - 1]  # type: ignore[attr-defined]
        rows = [f"```{{table}} {part.caption}. Each chapter and its question."]
        rows += ["| chapter | question |", "|---|---|"]
        for page in part.files():
            question = chapters.CHAPTERS[Path(page).name].question
            rows.append(f"| {{doc}}`/{page}` | {question} |")
        return self.parse_text_to_nodes("\n".join([*rows, "```"]))


class Table(nodes.General, nodes.Element):  # type: ignore[misc]
    """A table that a cell has put out, with its caption; numbered as all tables are."""


def _open_table(translator: Any, node: nodes.Element) -> None:
    translator.body.append(translator.starttag(node, "figure"))


def _close_table(translator: Any, node: nodes.Element) -> None:
    translator.body.append("</figure>\n")


class FigureRenderer(MimeRenderPlugin):  # type: ignore[misc]
    """Puts figures and interactives into the page itself, their colours as CSS variables."""

    mime_priority_overrides = (("*", MIME, 1),)

    @staticmethod
    def handle_mime(
        renderer: Any,
        data: MimeData,
        inline: bool,
    ) -> Sequence[nodes.Element] | None:
        """Render SVG and Vega-Lite outputs; leave others to the stock renderer."""
        prefix = f"figure-{data.cell_index}-{data.output_index}"
        if data.mime_type == "image/svg+xml":
            return [_inline(data.string, prefix)]
        if data.mime_type == NARROW_MIME:
            return [_narrow(data.string, prefix)]
        if data.mime_type == MIME:
            return [_html(interactive_html(data.content, prefix))]
        return None


def themed(svg: str, prefix: str) -> str:
    """An SVG whose identifiers are unique on its page and whose colours follow the theme."""
    # A point shows as 1.36 pixels, so 7.2 inches fill the column; a phone may shrink that to 0.7.
    points, height = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups()  # type: ignore[union-attr]
    width = 1.36 * float(points)
    size = f"max-width: {width:.0f}px; min-width: {0.7 * width:.0f}px"
    size += f"; aspect-ratio: {points} / {height}"  # a figure off the screen is not yet drawn
    svg = svg.replace("<svg ", f'<svg style="{size}" ', 1)
    # Matplotlib's own rule would hold for the whole page; book.css has it for figures.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    svg = _light(svg)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    return _recoloured(svg).replace("'DejaVu Sans', sans-serif", "var(--pst-font-family-base)")


def _light(svg: str) -> str:
    """Of fewer elements: no groups that carry a name alone, and a series of marks in one path."""
    root = ElementTree.fromstring(svg)
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
    for parent in root.iter():
        at = 0
        while at < len(parent):
            child = parent[at]
            bare = child.tag == f"{{{SVG}}}g" and set(child.keys()) <= {"id"}
            if bare and child.get("id") not in used:
                parent[at : at + 1] = list(child)
            else:
                at += 1
    runs = [
        (parent, list(run))
        for parent in root.iter()
        for drawn, run in groupby(parent, lambda child: (child.get(HREF), child.get("style")))
        if all(drawn)
    ]
    for n, (parent, run) in enumerate(runs):
        if len(run) > 1:
            _draw_at_once(parent, run, f"{run[0].attrib[HREF][1:]}-{n}")
    return ElementTree.tostring(root, encoding="unicode")


def _draw_at_once(parent: ElementTree.Element, run: list[ElementTree.Element], name: str) -> None:
    """Put a path with a mark at each of its points in place of uses of the mark."""
    points = " L ".join(f"{use.get('x')} {use.get('y')}" for use in run)
    marker = ElementTree.Element(f"{{{SVG}}}marker", MARKER, id=name)
    shared = {key: run[0].attrib[key] for key in (HREF, "style")}
    marker.append(ElementTree.Element(run[0].tag, shared))
    style = f"fill: none; marker: url(#{name})"
    path = ElementTree.Element(f"{{{SVG}}}path", d=f"M {points}", style=style)
    first = list(parent).index(run[0])
    parent[first : first + len(run)] = [marker, path]


def _recoloured(text: str) -> str:
    for role, (light, _) in PALETTE.items():
        text = text.replace(light, f"var(--figure-{role})")
    return text


def interactive_html(spec: dict[str, Any], prefix: str) -> str:
    """An interactive: its first state as SVG, room for the controls, the readout and the data.

    The script book.js brings it to life; without JavaScript it stays a figure.
    """
    spec = copy.deepcopy(spec)
    first = spec.get("concat", [spec])[0]
    layer = next(layer for layer in first["layer"] if layer.get("name", "").startswith("readout"))
    # The page shows the words in an element that screen readers follow.
    layer["mark"] |= {"fontSize": 1, "opacity": 0, "lineBreak": "\f"}
    layer["encoding"]["y"] = {"value": 20}
    # The description tells what hundreds of marks would, read one by one.
    spec["config"]["aria"] = False
    whole = {key: value for key, value in spec.items() if key not in PANELS}
    svgs = [
        vl_convert.vegalite_to_svg(whole | panel, vl_version=VEGA_LITE)
        for panel in spec.get("concat", [spec])
    ]
    words = re.search(r"readout\w*_marks.*?<text[^>]*>(.*?)</text>", svgs[0], re.DOTALL)[1]  # type: ignore[index]
    svg = "".join(_still(panel, f"{prefix}-{i}") for i, panel in enumerate(svgs))
    controls = "".join(
        f'<div class="vega-bind">{html.escape(param["bind"]["name"])}</div>'
        for param in spec["params"]
        if "bind" in param
    )
    description = html.escape(spec.pop("description"))
    run = spec.pop("usermeta", {}).get("run")
    moved = f" data-run='{html.escape(json.dumps(run))}'" if run else ""
    if "concat" not in spec:
        spec["width"] = "container"
    vega = vl_convert.vegalite_to_vega(spec, vl_version=VEGA_LITE)
    style = ""
    if "concat" in spec:
        _let_panels_follow(vega)
        # Below each other, panels take so much room, kept until they are live.
        heights = map(float, re.findall(r'<svg [^>]*\bheight="([\d.]+)"', svg))
        style = f' style="--columns: {spec["columns"]}; --stacked: {sum(heights):.0f}px"'
    data = _recoloured(json.dumps(vega, separators=(",", ":"))).replace("<", "\\u003c")
    return (
        f'<div class="interactive"{moved}>'
        f'<div class="chart"{style} role="img" aria-label="{description}">{_recoloured(svg)}</div>'
        f'<div class="buttons"></div><div class="controls">{controls}</div>'
        f"<output>{words}</output>"
        f'<script type="application/json">{data}</script></div>'
    )


def _still(svg: str, prefix: str) -> str:
    """The picture of a panel, which a phone shrinks to 0.7 at most, and scrolls."""
    svg = re.sub(r"(\bid=\"|url\(#)", rf"\g<1>{prefix}-", svg)
    return re.sub(
        r'(?=\bwidth="([\d.]+)")',
        lambda width: f'style="min-width: {0.7 * float(width[1]):.0f}px" ',
        svg,
        count=1,
    )


def _let_panels_follow(vega: dict[str, Any]) -> None:
    """Let the width and the place of panels follow the page, as Vega-Lite does for one panel."""
    size = "containerSize()[0]"
    room = {"name": "room", "init": size, "on": [{"events": "window:resize", "update": size}]}
    columns = vega["layout"]["columns"]
    vega["layout"]["columns"] = {"signal": "beside"}
    beside = {"name": "beside", "update": f"room < {STACKED} ? 1 : {columns}"}
    width = {  # 0 while the page hides the chart
        "name": "width" if vega.pop("width", None) else "childWidth",
        "update": f"max(0, (room - {MARGIN} - {GAP} * (beside - 1)) / beside - {SIDE})",
    }
    others = [signal for signal in vega["signals"] if signal["name"] != width["name"]]
    vega["signals"] = [room, beside, width, *others]


def palette_css() -> str:
    """The palette as CSS variables, for both themes."""
    themes = []
    for index, selector in enumerate(("html", 'html[data-theme="dark"]')):
        rules = "".join(f"  --figure-{role}: {pair[index]};\n" for role, pair in PALETTE.items())
        themes.append(f"{selector} {{\n{rules}}}\n")
    return "".join(themes)


def _join(app: Sphinx, doctree: nodes.document) -> None:
    """Show both versions of a figure, of which a page would take one kind alone."""
    for narrow in list(doctree.findall(nodes.container)):
        if narrow.get("mime_type") == NARROW_MIME:
            bundle = narrow.parent
            bundle.remove(narrow)
            wide = next(part for part in bundle if part["mime_type"] == "image/svg+xml")
            wide += narrow.children


def _caption_tables(app: Sphinx, doctree: nodes.document) -> None:
    """Make tables of the figures whose names begin with ``tab-``: caption first, then the table."""
    for figure in list(doctree.findall(nodes.figure)):
        name = "".join(figure["ids"])
        if not name.startswith("tab-"):
            continue
        caption = figure.next_node(nodes.caption)
        figure.remove(caption)
        words = nodes.inline("", "", *caption.children, ids=[f"{name}-caption"])
        link = f'<a class="headerlink" href="#{name}" title="Link to this table">#</a>'
        caption[:] = [words, _html(link)]
        parts = _html("<figcaption>"), caption, _html("</figcaption>"), *figure.children
        doctree.ids[name] = Table("", *parts, **figure.attributes)
        figure.parent.replace(figure, doctree.ids[name])
        for raw in doctree.ids[name].findall(nodes.raw):
            label = f'<table aria-labelledby="{name}-caption" '
            raw[0] = nodes.Text(raw.astext().replace("<table ", label))


def _write_static(app: Sphinx) -> None:
    folder = Path(app.doctreedir) / "static"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "palette.css").write_text(palette_css(), encoding="utf-8")
    # The charts are compiled, so the bundle needs no Vega-Lite; it holds what the code imports.
    # The address is the module's name inside vl-convert, which fetches nothing.
    package = f"https://cdn.jsdelivr.net/npm/vega@{vl_convert.get_vega_version()}/+esm"
    code = f'import {{ View, parse }} from "{package}"; window.vega = {{ View, parse }}'
    vega = vl_convert.javascript_bundle(code, vl_version=VEGA_LITE)
    # A function of its own keeps the bundle's names apart from those of other scripts.
    (folder / "vega.js").write_text(f"(() => {{\n{vega}\n}})();\n", encoding="utf-8")
    picture = (Path(app.srcdir) / PICTURE).read_text(encoding="utf-8")
    (folder / "card.png").write_bytes(vl_convert.svg_to_png(card(picture)))
    app.config.html_static_path += [str(folder), str(Path(__file__).parent / "static")]


def _write_formulas(app: Sphinx, env: Any) -> None:
    for page in sorted(env.found_docs):  # or the style sheet would differ between builds
        typesetting.read(env.get_doctree(page))
    typesetting.write_static(Path(app.doctreedir) / "static")


def _tidy(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: object) -> None:
    """Mend what other extensions put on a page."""
    # sphinx-proof and sphinx-exercise give every box the same identifiers.
    pattern = r' id="(proof|proof-content|exercise-content|solution-content)"'
    body = re.sub(pattern, "", context.get("body", ""))
    # Half of all elements of a page are the tokens of its code, and most of these look like text.
    body = re.sub(rf'<span class="(?:{"|".join(PLAIN_CODE)})">([^<]*)</span>', r"\1", body)
    body = re.sub(r'(<div class="proof admonition">\s*<p>)Proof\.', r"\1<em>Proof.</em>", body)
    body = re.sub(r"(Solution to)(<a [^>]*>) ", r"\1 \2", body)
    # A signature may go on in the next line after its bracket.
    bracket = '<span class="sig-paren">(</span>'
    body = body.replace(bracket, f"{bracket}<wbr/>")
    # A browser may end a line at either side of a formula, so the marks around it become its own.
    formula = r'([(\[“‘]?)<span class="math">((?:(?!</mjx-container>).)*</mjx-container>)</span>'
    marks = r"((?:-[a-z]+)?[.,;:!?)\]’”]*)"  # the p-quantile too
    body = re.sub(formula + marks, r'<span class="math">\1\2\3</span>', body, flags=re.DOTALL)
    body = HEAD.sub(_in_one_row, body)
    body = re.sub("(<th[^>]*>)-", "\\1\N{MINUS SIGN}", body)  # after a hyphen a line may end
    body = re.sub(r"\bz = (?=\d)", "z\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}", body)
    body = re.sub("<code class=.*?</code>", _short, body, flags=re.DOTALL)
    caption = r'<figure id="\2">\n<figcaption><p><span id="\2-caption">\3</span>\4</p></figcaption>'
    body = CAPTIONED.sub(caption + r'\1 aria-labelledby="\2-caption">\5</figure>', body)
    words = r'class="dataframe"(?=(?:(?!</table>).)*<td>[^<]{25})'  # and not numbers
    body = re.sub(words, 'class="dataframe words"', body, flags=re.DOTALL)
    # The titles of theorems are headings to who moves from heading to heading.
    title = r'(<div class="proof \w+ admonition"[^>]*>\s*<p class="admonition-title")'
    body = re.sub(title, r'\1 role="heading" aria-level="3"', body)
    body = re.sub(r'(?<=<table )(class="verdicts">.*?</table>)', _named, body, flags=re.DOTALL)
    # The list of references of sphinxcontrib-bibtex has a role that ARIA has since dropped.
    context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
    if url := context.get("pageurl"):  # a printed page says where it is from
        context["theme_extra_footer"] += f'<span class="d-none d-print-inline">, {url}</span>'
    # Jupyter Book loads sphinx-thebe, which names another host, twice, and is not used.
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe" not in str(script) + str(getattr(script, "attributes", ""))
    ]


def _in_one_row(head: re.Match[str]) -> str:
    """The head of a table of pandas, which names the index in a row of its own."""
    above, below = (re.findall("<th[^>]*>.*?</th>", row) for row in head.groups())
    pairs = list(zip(above, below, strict=False))
    if len(above) != len(below) or not all("></th>" in first + second for first, second in pairs):
        return head[0]  # the columns have a name too
    cells = (second if "></th>" in first else first for first, second in pairs)
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _short(code: re.Match[str]) -> str:
    words = html.unescape(re.sub("<[^>]*>", "", code[0]))
    return code[0].replace('class="', 'class="short ', 1) if len(words) <= SHORT else code[0]


def _named(table: re.Match[str]) -> str:
    claims = table[1].count('<tr id="claim-')
    what = "The check of the claim" if claims == 1 else f"The checks of {claims} claims"
    return f'aria-label="{what}, each with what its control measured" {table[1]}'


def _trim(app: Sphinx, error: Exception | None) -> None:
    if not error and app.builder.name == "html":
        trimming.trim(Path(app.outdir))


def _name_indices(app: Sphinx, error: Exception | None) -> None:
    """Name the tables of the indices that Sphinx makes; those of words only arrange lists."""
    if error or app.builder.name != "html":
        return
    for path in Path(app.outdir).glob("*.html"):
        page = path.read_text(encoding="utf-8")
        page = page.replace(
            'class="indextable genindex', 'role="presentation" class="indextable genindex'
        )
        if title := re.search("<h1>(.+)</h1>", page):
            page = page.replace(
                'class="indextable mod', f'aria-label="{title[1]}" class="indextable mod'
            )
        path.write_text(page, encoding="utf-8")


def _address(app: Sphinx, config: Any) -> None:
    """Take the addresses of the site and of its repository, if it has any, from the environment."""
    url = os.environ.get("BOOK_URL", "")
    config.html_baseurl = config.ogp_site_url = url
    config.notfound_urls_prefix = urlsplit(url).path or "/"
    options = config.html_theme_options
    options["extra_footer"] = _edition(app.srcdir)
    if repository := os.environ.get("BOOK_REPOSITORY", ""):
        options |= {"repository_url": repository, "repository_branch": "main"}
        options |= {f"use_{kind}_button": True for kind in ("repository", "edit_page", "issues")}
        options["launch_buttons"] = {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        }


def _offer_pdf(app: Sphinx, config: Any) -> None:
    """Let the first page link the PDF where there is one."""
    if Path(app.outdir, PDF).exists():
        app.tags.add("pdf")


def _edition(folder: str | Path) -> str:
    """The version of the book, and the commit and its date where they are known."""
    version = importlib.metadata.version("gumbel-lib")
    command = ["git", "log", "-1", "--format=commit %h of %cs"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # an archive, or no git
        return f"Version {version}"
    return f"Version {version}, {done.stdout.strip()}"


def _skip_fields(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out the fields of named tuples, which their class's docstring describes."""
    return True if str(member.__doc__).startswith("Alias for field number") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # Nearly all that a build makes is kept to its end, and looking for garbage takes some tenth of
    # its time.
    gc.set_threshold(100_000, 50, 100)
    # Else each citation looks for these among all installed packages, in 25 ms.
    for name in ("docutils", "plaintext"):
        backend = pybtex.plugin.find_plugin("pybtex.backends", name)
        pybtex.plugin.register_plugin("pybtex.backends", name, backend, force=True)
    app.connect("config-inited", _address)
    app.connect("config-inited", _offer_pdf)
    if os.environ.get("BOOK_URL"):
        app.setup_extension("sphinx_sitemap")
    app.add_directive("chapters", ChapterTable)
    app.add_directive("inline-svg", InlineSvg)
    app.add_directive("interactive", InteractiveDirective)
    app.connect("builder-inited", _write_static)
    app.add_enumerable_node(Table, "table", html=(_open_table, _close_table))
    app.connect("doctree-read", _join)
    app.connect("doctree-read", _caption_tables)
    app.connect("env-updated", _write_formulas)
    app.connect("html-page-context", _tidy)
    app.connect("autodoc-skip-member", _skip_fields)
    app.connect("build-finished", _name_indices)
    app.connect("build-finished", _trim, priority=900)  # after the theme has written pygments.css
    inline, block = typesetting.visit_inline, typesetting.visit_block
    app.add_html_math_renderer("built", (inline, None), (block, None))
    app.add_css_file("math.css")
    app.add_css_file("palette.css")
    app.add_css_file("book.css")
    app.add_js_file("book.js", loading_method="defer")
    app.add_js_file("preview.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
