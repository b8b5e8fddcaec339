"""The Sphinx side of the book: inline figures that follow the theme, and its style sheet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from .style import PALETTE


def _inline(svg: str, prefix: str) -> nodes.raw:
    box = f'<div class="inline-figure" tabindex="0">{themed(svg, prefix)}</div>'
    return nodes.raw(text=box, format="html")


class InlineSvg(SphinxDirective):
    """``{inline-svg} FILE``: an SVG file inside the page, its colours following the theme."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Read the file, which lies beside the page."""
        name, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(name)
        return [_inline(Path(path).read_text(encoding="utf-8"), Path(path).stem)]


class InlineFigureRenderer(NbElementRenderer):  # type: ignore[misc]
    """Puts SVG figures into the page itself, their colours as CSS variables."""

    def render_image(self, data: MimeData) -> list[nodes.Element]:
        """Inline an SVG; leave other images to the stock renderer."""
        if data.mime_type != "image/svg+xml":
            images: list[nodes.Element] = super().render_image(data)
            return images
        return [_inline(data.string, f"figure-{data.cell_index}-{data.output_index}")]


def themed(svg: str, prefix: str) -> str:
    """An SVG whose identifiers are unique on its page and whose colours follow the theme."""
    # A point shows as 1.36 pixels, so 7.2 inches fill the column; a phone may shrink that to 0.7.
    width = 1.36 * float(re.search(r'width="([\d.]+)pt"', svg)[1])  # type: ignore[index]
    size = f"max-width: {width:.0f}px; min-width: {0.7 * width:.0f}px"
    svg = svg.replace("<svg ", f'<svg style="{size}" ', 1)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    for role, (light, _) in PALETTE.items():
        svg = svg.replace(light, f"var(--figure-{role})")
    return svg.replace("'DejaVu Sans', sans-serif", "var(--pst-font-family-base)")


def palette_css() -> str:
    """The palette as CSS variables, for both themes."""
    themes = []
    for index, selector in enumerate(("html", 'html[data-theme="dark"]')):
        rules = "".join(f"  --figure-{role}: {pair[index]};\n" for role, pair in PALETTE.items())
        themes.append(f"{selector} {{\n{rules}}}\n")
    return "".join(themes)


def _write_palette(app: Sphinx) -> None:
    folder = Path(app.doctreedir) / "static"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "palette.css").write_text(palette_css(), encoding="utf-8")
    app.config.html_static_path += [str(folder), str(Path(__file__).parent / "static")]


def _unique_identifiers(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: object
) -> None:
    """Drop identifiers that sphinx-proof and sphinx-exercise give to every box alike."""
    pattern = r' id="(proof|proof-content|exercise-content|solution-content)"'
    context["body"] = re.sub(pattern, "", context.get("body", ""))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("inline-svg", InlineSvg)
    app.connect("builder-inited", _write_palette)
    app.connect("html-page-context", _unique_identifiers)
    app.add_css_file("palette.css")
    app.add_css_file("book.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
