"""Mathematics set while the site is built: MathJax runs once here, not in every reader's browser.

A page carries finished formulas, each with its MathML for screen readers. It needs a style sheet
and the fonts, no script, and nothing moves after it has loaded.
"""

from __future__ import annotations

import contextlib
import functools
import html
import re
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from .trimming import cut_font

MATHJAX = files("sphinx-mathjax-offline") / "static" / "mathjax"
FONTS = MATHJAX / "output" / "chtml" / "fonts" / "woff-v2"
COMPONENTS = (
    "loader.js",
    "core.js",
    "adaptors/liteDOM.js",
    "input/tex-full.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",
)
BEFORE = "globalThis.MathJax = {loader: {load: []}, startup: {typeset: false, ready() {}}};"
AFTER = """
const _ = MathJax._;
const adaptor = _.adaptors.liteAdaptor.liteAdaptor();
const handler = _.handlers.html_ts.RegisterHTMLHandler(adaptor);
_.a11y["assistive-mml"].AssistiveMmlHandler(handler);
const font = new _.output.chtml.fonts.tex_ts.TeXFont({fontURL: "math"});
const output = new _.output.chtml_ts.CHTML({adaptiveCSS: true, font});
const input = new _.input.tex_ts.TeX({packages: ["base", "ams"]});
const page = _.mathjax.mathjax.document("", {InputJax: input, OutputJax: output});
const sizes = {em: 16, ex: 8, containerWidth: 700};
const convert = (tex, display) => page.convert(tex, {display, ...sizes});

// Fewer boxes that look the same: in a row, where parts stand side by side, a box that does nothing
// gives way to its parts, and so does one whose size a single part can take, or whose space the
// first.
const boxes = ["mi", "mo", "mn", "mtext", "mrow", "mstyle", "msub", "msup", "msubsup", "TeXAtom"];
const rows = [...boxes, "math", "base", "den", "mtd", "num", "over", "script", "under"];
const among = (kinds, node) => kinds.some((kind) => node.kind === `mjx-${kind}`);
const idle = ["class", "texclass"];
const doing = (node) => Object.keys(node.attributes).filter((name) => !idle.includes(name));
function flatten(row) {
  for (const box of [...adaptor.childNodes(row)].filter(({ kind }) => kind.startsWith("mjx-"))) {
    flatten(box);
    if (!among(rows, row) || !among(boxes, box)) continue;
    const [part, ...others] = adaptor.childNodes(box);
    const does = doing(box);
    if (does.length) {
      const free = part && among([...boxes, "c"], part) && !doing(part).length;
      if (!free || does.includes("style") || (others.length && `${does}` !== "space")) continue;
      for (const name of does) adaptor.setAttribute(part, name, box.attributes[name]);
    }
    for (const node of [...adaptor.childNodes(box)]) adaptor.insert(node, box);
    adaptor.remove(box);
  }
}
const typeset = (tex, display) => {
  const formula = convert(tex, display);
  flatten(formula);
  return adaptor.outerHTML(formula);
};
const style = () => adaptor.textContent(output.styleSheet(page));
"""

log = logging.getLogger(__name__)


@functools.cache
def _mathjax() -> MiniRacer:
    engine = MiniRacer()
    sources = [(MATHJAX / name).read_text(encoding="utf-8") for name in COMPONENTS]
    for script in (BEFORE, *sources, AFTER):
        engine.eval(f"{script};0")
    return engine


@functools.cache
def typeset(tex: str, display: bool = False) -> str:
    """HTML of a formula.

    Parameters
    ----------
    tex : str
        In TeX, with the commands of AMS-LaTeX.
    display : bool
        Whether the formula stands on a line of its own.

    Raises
    ------
    ValueError
        If MathJax cannot read the formula.
    """
    result: str = _mathjax().call("typeset", tex, display)
    if "data-mjx-error" in result:
        raise ValueError(f"tex: expected a formula MathJax can read, got {tex!r}")
    return result


def read(document: nodes.document) -> None:
    """Typeset the formulas of a page, so that the style sheet has all characters in use."""
    for node in document.findall(lambda node: isinstance(node, (nodes.math, nodes.math_block))):
        with contextlib.suppress(ValueError):  # reported once, as the page is written
            typeset(*_formula(node))


def write_static(folder: Path) -> None:
    """Write the style sheet of all formulas typeset so far, and fonts cut to its characters.

    Parameters
    ----------
    folder : pathlib.Path
        Left as it is if it has this style sheet.
    """
    # MathJax adds an empty line each time it is asked.
    path, sheet = folder / "math.css", re.sub(r"\n+", "\n", str(_mathjax().eval("style()"))).strip()
    if path.exists() and path.read_text(encoding="utf-8") == sheet:
        return  # cutting fonts is a fifth of the time of a build in which one page has changed
    text = " ".join(re.findall(r'content: "(.*?)"', sheet))
    text = re.sub(r"\\([0-9A-F]+)", lambda code: chr(int(code[1], 16)), text)
    text += "\ueffc"  # the only character of the font without height that starts each formula
    (folder / "math").mkdir(exist_ok=True)
    for name in re.findall(r"math/(\w+-?\w+\.woff)", sheet):
        with as_file(FONTS / name) as whole:
            cut_font(whole, text, folder / "math" / name)
    path.write_text(sheet, encoding="utf-8")


def _formula(node: Any) -> tuple[str, bool]:
    tex, display = node.astext(), isinstance(node, nodes.math_block)
    if display and "\\\\" in tex and not node["nowrap"]:
        tex = rf"\begin{{split}}{tex}\end{{split}}"
    return tex, display


def _set(node: Any) -> str:
    try:
        return typeset(*_formula(node))
    except ValueError as error:
        log.warning(str(error), location=node)
        return html.escape(node.astext())


def visit_inline(translator: Any, node: Any) -> None:
    """Write a formula inside a line."""
    translator.body.append(f'<span class="math">{_set(node)}</span>')
    raise nodes.SkipNode


def visit_block(translator: Any, node: Any) -> None:
    """Write a formula on a line of its own, with its number if it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(f"{_set(node)}</div>\n")
    raise nodes.SkipNode
