"""Every page in a browser: quiet, private, accessible, light, and fit for a phone."""

import contextlib
import gzip
import itertools
import random
import re
from collections import Counter
from pathlib import Path
from statistics import median
from time import monotonic

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import LiveInteractive

from gumbel_lib.book import typesetting
from gumbel_lib.book.pdf import FLAGS, chromium
from gumbel_lib.book.trimming import MADE, vocabulary

CHAPTERS = Path(__file__).parents[1] / "chapters"
FOLDERS = Path(__file__).parents[1] / "gumbel_lib" / "chapters"
INTERACTIVES = sorted(path.parent.name for path in FOLDERS.glob("*/interactive.py"))
NOTEBOOKS = sorted(path.stem for path in CHAPTERS.glob("*.ipynb"))
PAGES = NOTEBOOKS + sorted(path.stem for path in CHAPTERS.glob("*.md"))
MADE_BY_SPHINX = ("404", "search", "genindex", "py-modindex", "prf-prf")
DESKTOP = {"width": 1280, "height": 900}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PACKED = (".woff", ".woff2", ".png")  # compressed in themselves
KB = 1000
HEAVIEST = 450  # kB of a page, everything counted; half of them Vega, if it has an interactive
MOST = 15_000  # elements of a page: the largest has some 13,600, and a phone lays all out at once
VITALS = """
window.vitals = {paint: 0, shift: 0};
new PerformanceObserver(list => list.getEntries().forEach(e => vitals.paint = e.startTime))
  .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver(list => list.getEntries().forEach(e => vitals.shift += e.value))
  .observe({type: "layout-shift", buffered: true});
"""
# A browser with nothing to paint may make no frames, and Playwright waits for a script for ever.
FRAME = "new Promise(done => { requestAnimationFrame(done); setTimeout(done, 5000); })"
FRAMES = f"{FRAME}.then(() => {FRAME})"
ELEMENTS = """() => {
  const names = [...document.querySelectorAll("*")].flatMap(e => [e.localName, ...e.classList]);
  return [...new Set(names)];  // each once: a page has 30,000, and the way from the browser is long
}"""
HEADINGS = "[...document.querySelectorAll('article :is(h1,h2,h3,h4)')].map(h => +h.tagName[1])"

# The first theme gets every rule. A second one can change a verdict in two ways only: by its
# colours, so all get the rules that axe itself files under colour; and by what it shows or where
# that lies, so an element that was hidden or lay elsewhere gets every rule again. Neither theme
# tells about the text inside figures, whose ground axe cannot determine: tests/test_site.py does.
# The contrast of a text, which takes axe most of its time, is decided by the text's own style and
# by what is painted around it, so one text of each such kind is looked at.
AUDIT = """async ([theme, tags]) => {
  const root = document.documentElement;
  root.dataset.theme = theme;
  // The end of one transition may start another in what inherits from it.
  const moving = () => document.getAnimations().filter(({playState}) => playState === "running");
  for (let some = moving(); some.length; some = moving()) some.forEach(one => one.finish());
  const shown = new Set([...document.querySelectorAll("*")].filter(
    element => element.checkVisibility({visibilityProperty: true, opacityProperty: true})));
  const places = new Map([...shown].map(
    element => [element, Object.values(element.getBoundingClientRect().toJSON()).join()]));
  const known = root.places;
  const other = [...shown].filter(element => known?.get(element) !== places.get(element));
  root.places = places;

  const plain = document.createElement("i");
  document.body.append(plain);
  const look = (style, names) => names.map(name => style[name]).join();
  const ground = ["backgroundColor", "backgroundImage", "opacity", "filter", "mixBlendMode",
    "position", "zIndex", "transform", "clipPath", "overflow", "boxShadow", "float"];
  const unpainted = look(getComputedStyle(plain), ground);
  plain.remove();
  const grounds = new Map(), kinds = new Set();
  for (const element of document.querySelectorAll("*")) {
    const style = getComputedStyle(element), own = look(style, ground);
    const around = grounds.get(element.parentElement) ?? "";
    grounds.set(element, own === unpainted ? around : `${around}/${own}`);
    const words = element.matches("input, select, textarea")
      || [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const kind = words && shown.has(element) && grounds.get(element)
      + look(style, ["color", "fontSize", "fontWeight", "textShadow", "display"]);
    element.toggleAttribute("data-sample", kind && !kinds.has(kind));
    kinds.add(kind);
  }
  axe.configure({rules: [{id: "color-contrast", selector: "[data-sample]"}]});

  const wanted = rule => rule.tags.some(tag => tags.includes(tag));
  const color = axe.getRules(["cat.color"]).filter(wanted).map(rule => rule.ruleId);
  const runs = [[document, known ? color : tags]];
  if (known && other.length) runs.push([{include: other}, tags]);
  const found = [];
  for (const [context, runOnly] of runs) {
    const options = {preload: false, resultTypes: ["violations"], runOnly};
    found.push(...(await axe.run(context, options)).violations);
  }
  return found.flatMap(rule => rule.nodes.slice(0, 3).map(
    node => `${theme}: ${rule.id}: ${rule.help}: ${node.html.slice(0, 120)}`));
}"""
# Two thirds of the elements of many pages are inside formulas: boxes of glyphs, and the MathML
# beside them. A glyph is a pseudo-element, so no rule finds text in its box, which is hidden from
# assistive technology; and of MathML no rule reads more than the text. While axe looks, a formula
# is one empty box of its size, and its MathML one text. What has a colour, a role or a name of its
# own, or something to focus, keeps all it has, and so do boxes with text. Of a figure its title is
# kept, parts of HTML, what a reader can use or a role groups, what has an attribute that a rule
# reads, and what encloses them: of its texts axe cannot tell the ground, and decides no contrast.
# Of what is left, up to a third is words of code, coloured by class: one of each class in each kind
# of place is kept.
EMPTY = """() => {
  const own = "[href], [tabindex], [role], [aria-label], [style*=color], [mathcolor]";
  const plain = selector =>
    [...document.querySelectorAll(selector)].filter(part => !part.querySelector(own));
  const boxes = plain("mjx-math[aria-hidden=true]").filter(box => !box.textContent.trim());
  const sizes = boxes.map(box => box.getBoundingClientRect());
  const copies = plain("mjx-assistive-mml");
  const figures = [...document.querySelectorAll("svg")];
  const said = /^(tabindex|role|lang|xml:lang|aria-(?!hidden$).*)$/;
  const valued = "[style*=spacing], [style*=line-height], "
    + "[aria-hidden]:not([aria-hidden=true], [aria-hidden=false])";
  const entire = "title, foreignObject, a[href], [role]:not(svg[role=img], [role^=graphics])";
  const kept = part => part.closest(entire) || part.matches(valued)
    || part.getAttributeNames().some(name => said.test(name));
  const codes = [...document.querySelectorAll("pre")], kinds = new Set();
  const kind = ({localName, className, parentElement: around}) =>
    `${localName}.${className} ${around ? kind(around) : ""}`;
  window.whole = [...boxes, ...copies, ...figures, ...codes].map(
    part => [part, part.style.cssText, [...part.childNodes]]);
  boxes.forEach((box, i) => {
    const {width, height} = sizes[i];
    box.replaceChildren();
    box.style.cssText += `; display: inline-block; width: ${width}px; height: ${height}px`;
  });
  for (const figure of figures) {
    const bare = figure.cloneNode(true), parts = [...bare.querySelectorAll("*")];
    const around = new Set([bare]);
    for (let part of parts.filter(kept))
      for (; !around.has(part); part = part.parentElement) around.add(part);
    for (const part of parts) if (!around.has(part)) part.remove();
    figure.replaceChildren(...bare.childNodes);
  }
  for (const copy of copies) copy.textContent = copy.textContent;
  for (const code of codes) {
    const words = [...code.childNodes].map(word => {
      const classed = word.matches?.("span[class]:not(:has(*))") && word.attributes.length === 1;
      if (!classed || !word.textContent.trim() || !word.checkVisibility()) return word;
      const known = kinds.has(kind(word));
      kinds.add(kind(word));
      return known ? word.textContent : word;
    });
    code.replaceChildren(...words);
  }
}"""
FILL = """() => {
  for (const [part, style, children] of whole) {
    part.style.cssText = style;
    part.replaceChildren(...children);
  }
}"""
SIDEWAYS = f"""async () => {{
  const figures = [...document.querySelectorAll(".inline-figure + template")];
  // Those for phones come one by one.
  const end = performance.now() + 30_000;
  while (figures.some(({{content}}) => !content.firstElementChild)) {{
    if (performance.now() > end) throw Error("a figure for phones did not come");
    await {FRAMES};
  }}
  await {FRAMES};  // boxes are measured in one frame and marked in the next
  await {FRAMES};
  for (const box of document.querySelectorAll(".interactive[data-live]")) await box.view.runAsync();
  return document.documentElement.scrollWidth > innerWidth;
}}"""

# Notes which elements scripts measure while they lie in a section that is not laid out: each of
# them has the browser lay its section out, and on a phone that takes longer than all else.
MEASURED = """
window.measured = [];
const note = element => {
  if (element.isConnected && !element.checkVisibility({contentVisibilityAuto: true})
      && element.parentElement.closest("article > section > section"))
    measured.push(element.outerHTML.slice(0, 80));
};
const properties = ["scrollWidth", "scrollHeight", "scrollLeft", "scrollTop", "clientWidth",
  "clientHeight", "offsetWidth", "offsetHeight", "offsetLeft", "offsetTop", "innerText"];
for (const {prototype} of [Element, HTMLElement]) {
  for (const name of properties) {
    const {get, ...others} = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
    if (get) Object.defineProperty(
      prototype, name, {...others, get() { note(this); return get.call(this); }});
  }
}
for (const name of ["getBoundingClientRect", "getClientRects"]) {
  const measure = Element.prototype[name];
  Element.prototype[name] = function () { note(this); return measure.call(this); };
}
"""
SKIPPED = """[...document.querySelectorAll("article > section > section > :last-child")].filter(
  part => !part.checkVisibility({contentVisibilityAuto: true})).length"""
OPEN = "document.querySelectorAll('details').forEach(closed => (closed.open = true))"
# Reads a page from its beginning to its end.
READ = f"""async () => {{
  const {{scrollingElement: page}} = document;
  for (let top = 0; top < page.scrollHeight; top += innerHeight) {{
    page.scrollTo({{top, behavior: "instant"}});
    await {FRAME};  // the screen before this one is laid out
  }}
  await {FRAMES};
}}"""

# What lies off the screen, or beyond the box that clips it, where nothing says that it scrolls; and
# words that a figure cuts.
CUT = """() => {
  const found = [];
  const parts = "article :is(svg, img, table, pre, .math, mjx-math, .chart)";
  for (const part of document.querySelectorAll(parts)) {
    const {right, width} = part.getBoundingClientRect();
    const box = part.parentElement.closest(".admonition")?.getBoundingClientRect().right;
    const seen = right <= Math.min(innerWidth, box ?? innerWidth) + 1;
    // What is closed is laid out, and marked, once it is opened.
    if (width && !seen && !part.closest(".more-right") && part.checkVisibility())
      found.push(`cut: ${part.outerHTML.slice(0, 80)}`);
  }
  const words = ".inline-figure text, .chart g:not([class*=readout]) > text";
  for (const text of document.querySelectorAll(words)) {
    const {left, right} = text.getBoundingClientRect();
    const figure = text.closest("svg").getBoundingClientRect();
    if (left < figure.left - 2 || right > figure.right + 2)
      found.push(`cut words: ${text.textContent}`);
  }
  return found;
}"""

# Punctuation that a formula has left alone on the next line, lists whose marks have no room, links
# of another colour than most, tables that fade with their captions or for little, and broken code.
LOOK = """() => {
  const found = [];
  for (const formula of document.querySelectorAll("article span.math:not(.wide)")) {
    const next = formula.nextSibling, at = next?.data?.match(/^[.,;:!?)]/)?.[0].length;
    if (!at || !formula.offsetWidth) continue;
    const point = document.createRange();
    point.setStart(next, at - 1);
    point.setEnd(next, at);
    if (point.getBoundingClientRect().left < formula.getBoundingClientRect().right - 2)
      found.push(`left alone: ${next.data.slice(0, 40)}`);
  }
  for (const list of document.querySelectorAll("article :is(ul, ol)")) {
    const {listStyleType, paddingLeft} = getComputedStyle(list);
    if (list.offsetWidth && listStyleType !== "none" && parseFloat(paddingLeft) < 16)
      found.push(`marks without room: ${list.innerText.slice(0, 40)}`);
  }
  const links = [...document.querySelectorAll("article a.internal:not(.headerlink)")];
  const colours = Map.groupBy(links, link => getComputedStyle(link).color);
  if (colours.size > 1) {
    const [, few] = [...colours].sort((one, two) => two[1].length - one[1].length);
    found.push(`another colour: ${few[1][0].innerText}`);
  }
  for (const box of document.querySelectorAll(".more-left, .more-right")) {
    const spare = box.scrollWidth - box.clientWidth;
    if (spare <= 0) found.push(`faded: ${box.innerText.slice(0, 40)}`);
    if (box.querySelector("caption, figcaption"))
      found.push(`faded caption: ${box.innerText.slice(0, 40)}`);
    if (innerWidth >= 390 && spare < 8 && box.querySelector("table"))
      found.push(`faded for ${spare} px: ${box.innerText.slice(0, 40)}`);
  }
  for (const code of document.querySelectorAll("article :not(pre) > code"))
    if (code.innerText.length <= 24 && code.getClientRects().length > 1)
      found.push(`broken code: ${code.innerText}`);
  return found;
}"""

# A sheet of A4, and the margin of book.css, in pixels of 1/96 inch. What of a page's words is not
# on paper though it is no control; and what paper cuts, or hides behind a bar that nobody can move.
SHEET = {"width": 794, "height": 1123}
MARGIN = 83
PAPER = """margin => {
  const found = [], text = document.querySelector("article") ?? document.createElement("article");
  const others = ".controls, .buttons, .headerlink, button, svg, mjx-container, script, style, "
    + "template, details.hide summary, .verdicts :is(th, td:nth-child(5))";
  const words = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const {data, parentElement: box} = words.currentNode;
    if (!data.trim() || box.closest(others)) continue;
    const shown = {contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true};
    if (!box.checkVisibility(shown) || !box.getBoundingClientRect().height)
      found.push(`lost on paper: ${data.trim().slice(0, 60)}`);
  }
  // A formula has a copy for screen readers beside it, which nobody sees.
  const parts = "article :is(mjx-math, *:not(svg *, mjx-container *))";
  for (const part of document.querySelectorAll(parts)) {
    const scrolls = part.clientWidth && part.scrollWidth > part.clientWidth + 1
      && !part.matches("span.math")
      && getComputedStyle(part).overflowX !== "visible";
    if (scrolls || part.getBoundingClientRect().right > innerWidth - margin + 1)
      found.push(`cut on paper: ${part.outerHTML.slice(0, 80)}`);
  }
  return found;
}"""


# A link without a preview of what it leads to, or one that Escape leaves open. The event stands in
# for the focus, which a link inside a closed answer cannot take.
PREVIEWS = """async () => {
  const found = [], box = document.querySelector("#preview");
  const wait = () => new Promise(done => setTimeout(done, 1));
  const links = [...document.querySelectorAll("article a.internal:not(.headerlink)")];
  for (const link of new Map(links.map(link => [link.href, link])).values()) {
    link.dispatchEvent(new FocusEvent("focus"));
    const end = performance.now() + 2000;
    while (!link.hasAttribute("aria-describedby") && performance.now() < end) await wait();
    const here = link.pathname === location.pathname && !link.dataset.reference;
    const place = here && document.getElementById(link.hash.slice(1));
    const whole = place && !place.matches("section, span");
    const kind = whole && [place.localName, ...place.classList].slice(0, 2).join(".");
    const shown = link.hasAttribute("aria-describedby") && box.textContent.trim();
    if (!shown || (kind && !box.querySelector(kind)))
      found.push(`no preview: ${link.getAttribute("href")}`);
    dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
    if (box && !box.hidden) found.push(`stays open: ${link.getAttribute("href")}`);
  }
  return found;
}"""


# A word of two letters or more that stands twice; code may repeat the word that names it.
TWICE = """() => {
  const found = [];
  for (const part of document.querySelectorAll("article :is(p, dt, figcaption, h1, h2, h3, h4)")) {
    const copy = part.cloneNode(true);
    for (const other of copy.querySelectorAll("code, .math, svg, script")) other.replaceWith("|");
    const [twice] = copy.textContent.match(/\\b([a-z]{2,})\\s+\\1\\b/i) ?? [];
    if (twice) found.push(`twice: ${twice}`);
  }
  return found;
}"""

# Notes that are not beside the text on a wide screen, or that lie on each other or off the screen.
NOTES = """() => {
  const notes = [...document.querySelectorAll("aside.margin")];
  const wrong = (note, i) => {
    const {left, right, top} = note.getBoundingClientRect();
    const inText = left < note.parentElement.getBoundingClientRect().right;
    const onOther = i && top < notes[i - 1].getBoundingClientRect().bottom;
    return right > innerWidth || (innerWidth >= 1200 && inText) || onOther;
  };
  return notes.filter(wrong).map(note => `note: ${note.innerText.slice(0, 40)}`);
}"""


def spoken(box):
    """What is wrong with what a screen reader finds in a live interactive.

    It is a picture with its description and no parts, and controls named without their values.
    """
    lines = box.aria_snapshot().splitlines()
    pictures = [i for i, line in enumerate(lines) if re.match("- '?img", line)]
    found = []
    if len(pictures) != 1 or len(lines[pictures[0]]) < 60:
        found.append(f"picture: {[lines[i] for i in pictures]}")
    elif lines[pictures[0] + 1].startswith(" "):
        found.append(f"parts of the picture: {lines[pictures[0] + 1]}")
    for line in lines:
        control = re.match(r'- slider "(.*)": "?(-?[\d.]+)"?$', line)
        if control and re.search(rf"(^|\s){re.escape(control[2])}$", control[1]):
            found.append(f"named after its value: {line}")
    return found


class Visit:
    """A page that is open in a browser, what it asked for, and what went wrong."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.problems, self.answers, self.open = [], {}, set()
        self.figures = ""
        page.add_init_script(VITALS)
        page.on("console", lambda line: line.type == "error" and self.problems.append(line.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._asked)
        page.on("response", self._answered)
        page.on("requestfinished", lambda request: self.open.discard(request))
        page.on("requestfailed", self._failed)

    def _asked(self, request):
        self.open.add(request)
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.problems.append(f"asks another host: {request.url}")

    def _answered(self, answer):
        if answer.status >= 400:
            self.problems.append(f"{answer.status}: {answer.url}")
        elif answer.ok and answer.url.startswith(self.address):
            self.answers[answer.url.split("?")[0]] = answer

    def _failed(self, request):
        self.open.discard(request)
        if request.failure != "net::ERR_ABORTED":  # by leaving the page
            self.problems.append(f"failed: {request.url}")

    def __call__(self, name, text=None):
        """Open a page of the site, or one of this text."""
        url = f"{self.address}/{name}.html"
        if text is not None:
            self.page.route(url, lambda route: route.fulfill(body=text, content_type="text/html"))
            self.page.route("**/heavy.js", lambda route: route.fulfill(body=HEAVY))
            self.page.route("**/broken.png", lambda route: route.abort("connectionreset"))
        self.page.goto(url)
        self.settle()
        return self

    def settle(self):
        """Wait until the page has all it asked for; left earlier, it would abort the rest."""
        self.page.evaluate(f"document.fonts.ready.then(() => {FRAMES})")
        end = monotonic() + 30
        while self.open and monotonic() < end:
            self.page.wait_for_timeout(5)  # lets the browser report
        self.problems += [f"no answer: {request.url}" for request in self.open]

    def sizes(self):
        """Bytes of all that the page has asked for, compressed as a server does it, by kind."""
        sizes = Counter()
        for url, answer in self.answers.items():
            body = answer.body()
            sent = body if url.endswith(PACKED) else gzip.compress(body, 6)
            sizes[answer.request.resource_type] += len(sent)
        return sizes


@pytest.fixture(scope="session")
def words(site):
    """The names for which the style sheet was kept."""
    pages = [path for path in site.rglob("*.html") if not path.is_relative_to(site / "_static")]
    texts = (path.read_text(encoding="utf-8") for path in pages)
    return vocabulary(site / "_static", texts)


def unstyled(page, words):
    """The elements and classes of an open page whose rules would have been cut."""
    names = set(page.evaluate(ELEMENTS)) - words
    return [f"unstyled: {name}" for name in names if not name.startswith(MADE)]


@pytest.fixture
def visit(browser, address):
    """Opens pages and fails at the end if the browser complained or asked elsewhere."""
    page = browser.new_page(viewport=DESKTOP)
    visit = Visit(page, address)

    yield visit
    visit.settle()
    problems = list(visit.problems)  # without those of closing
    page.close()
    assert not problems, problems


def complaints(visit):
    """What is wrong with an open page: one visit for all checks."""
    page, found = visit.page, []
    paint = page.evaluate("vitals.paint")
    live = page.locator(".interactive")
    if live.count():
        live.first.scroll_into_view_if_needed()
        page.locator(".interactive[data-live]").first.wait_for(timeout=15_000)
        visit.settle()
        found += [fault for box in live.all() for fault in spoken(box)]
    sizes = visit.sizes()
    size = sizes.total() / KB
    if size > HEAVIEST:
        found.append(f"heavy: {size:.0f} kB")

    levels = page.evaluate(HEADINGS)
    if levels.count(1) != 1 or any(
        after - before > 1 for before, after in itertools.pairwise(levels)
    ):
        found.append(f"headings: {levels}")
    formulas, typeset = page.locator(".math"), page.locator(".math mjx-container math")
    if formulas.count() != typeset.count():
        found.append(f"formulas: {typeset.count()} of {formulas.count()} typeset")

    shift = page.evaluate(f"{FRAMES}.then(() => vitals.shift)")
    parts = ", ".join(f"{kind} {n / KB:.0f}" for kind, n in sizes.most_common())
    elements = page.evaluate("document.querySelectorAll('*').length")
    if elements > MOST:
        found.append(f"large: {elements} elements")
    visit.figures = f"{size:.0f} kB ({parts}), {elements} elements, "
    visit.figures += f"largest paint {paint:.0f} ms, layout shift {shift:.4f}"
    if shift >= 0.1:
        found.append(f"shifts: {shift:.3f}")

    found += page.evaluate(PREVIEWS) + page.evaluate(NOTES) + page.evaluate(LOOK)
    found += page.evaluate(TWICE)
    page.evaluate(Axe().axe_script)
    page.evaluate(EMPTY)
    for theme in ("light", "dark"):
        found += page.evaluate(AUDIT, [theme, RULES])
    page.evaluate(FILL)
    page.add_style_tag(content="section { content-visibility: visible !important; }")
    for width in (320, 390, 640):  # growing, like a phone that is turned; 640 is 1280 at 200%
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate(SIDEWAYS):
            found.append(f"sideways: at {width}")
        if width == 390:
            visit.settle()  # figures for phones come in a script of their own
            found += page.evaluate(CUT) + page.evaluate(NOTES)
        found += page.evaluate(LOOK)
    page.set_viewport_size(SHEET)
    page.emulate_media(media="print")
    page.add_style_tag(content=f"body {{ margin: 0 {MARGIN}px; }}")
    visit.settle()
    found += page.evaluate(PAPER, MARGIN)
    visit.settle()
    return found + visit.problems


@pytest.mark.parametrize("name", PAGES)
def test_page(name, visit, words, record_property):
    page = visit(f"chapters/{name}")
    found = complaints(page) + unstyled(page.page, words)
    record_property("page", f"{name}: {page.figures}")
    assert not found


@pytest.mark.parametrize("name", MADE_BY_SPHINX)
def test_page_made_by_sphinx(name, visit, words):
    page = visit(name)
    found = complaints(page) + unstyled(page.page, words)
    assert not [complaint for complaint in found if not complaint.startswith("headings")]


SCRATCH = """<!doctype html><html lang="en"><head><title>Scratch</title><style>
html[data-theme=dark] {{ color: white; background: black; }} p {{ line-height: 2; }}
body, p {{ transition: color 60s; }}
{style}</style></head><body><main><article><h1>One</h1><p>Text</p>{body}</article></main></body>
</html>"""
HEAVY = "//" + random.Random(0).randbytes(400_000).hex()
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
# What raises each complaint: a style and a place in the page. All go into one page.
FAULTS = {
    "headings: [1, 3]": ("", "<h3>Three</h3>"),
    "formulas: 0 of 2": ("", "<p class=math>x</p>"),
    "left alone: . And": (
        ".math { display: inline-block; width: 80px; } #narrow { width: 82px; }",
        "<p id=narrow><span class=math>y</span>. And</p>",
    ),
    "marks without room: Item": ("ul { padding: 0; }", "<ul><li>Item</li></ul>"),
    "another colour: Nowhere": ("", ""),
    "faded: Pale": ("", ""),
    "faded caption: Long": (
        "#box { width: 90px; overflow: auto; } #box table { width: 94px; }",
        "<div id=box class=more-right tabindex=0><table><caption>Long</caption></table></div>",
    ),
    "faded for 4 px: Long": ("", ""),
    "broken code: -log x": ("#tight { width: 30px; }", "<p id=tight><code>-log x</code></p>"),
    "twice: The the": ("", "<p>The <b>the</b></p>"),
    "light: image-alt": ("", f"<img src={PIXEL}>"),
    "light: color-contrast": ("#pale { color: #ccc; }", "<p id=pale class=more-right>Pale</p>"),
    "dark: color-contrast": ("[data-theme=dark] #dim { color: #333; }", "<p id=dim>Dim</p>"),
    "dark: link-in-text-block": (
        "[data-theme=dark] a { color: #ccc; text-decoration: none; }",
        "<p>A sentence with <a href=#>a link</a> and more words after it.</p>",
    ),
    "dark: svg-img-alt": (
        "svg { display: none; } [data-theme=dark] svg { display: block; }",
        "<svg role=img><path d=M0,0L9,9 /></svg>",
    ),
    "dark: aria-command-name": (
        "",
        "<svg aria-hidden=false width=90 height=90><g><g role=button><path d=M0,0H90V90Z /></g></g>"
        "</svg>",
    ),
    "dark: aria-valid-attr": (
        "",
        "<svg aria-hidden=false width=9 height=9><g><g aria-label-by=x><path d=M0,0L9,9 /></g></g>"
        "</svg>",
    ),
    "dark: aria-valid-attr-value": (
        "",
        "<svg aria-hidden=false width=9 height=9><g><path aria-hidden=yes d=M0,0L9,9 /></g></svg>",
    ),
    "dark: target-size": (
        "button { width: 60px; height: 60px; margin: 30px; } "
        "[data-theme=dark] button { width: 5px; height: 5px; margin: 0; border: 0; padding: 0; }",
        "<button aria-label=a></button><button aria-label=b></button>",
    ),
    "no preview: #nowhere": (
        "#red { color: #b00; }",
        "<p><a class=internal href=#>Here</a></p><p><a class=internal href=#>Here</a></p>"
        "<p><a id=red class=internal href=#nowhere>Nowhere</a></p>",
    ),
    "note: In the way": ("", "<aside class=margin>In the way</aside>"),
    "sideways: at 640": ("#wide { width: 700px; }", "<p id=wide>Wide</p>"),
    "sideways: at 390": ("", ""),
    "cut: <svg": (
        ".admonition { overflow: hidden; }",
        "<div class=admonition><svg aria-hidden=true width=600 /></div>",
    ),
    "cut words: beyond": (
        "",
        "<div class=inline-figure><svg aria-hidden=true width=90>"
        "<text x=80 y=9>beyond</text></svg></div>",
    ),
    "sideways: at 320": ("", ""),
    "lost on paper: Screen": ("@media print { #screen { display: none; } }", "<p id=screen>Screen"),
    "lost on paper: Answer": ("", "<details><summary>Question</summary><p>Answer</p></details>"),
    'cut on paper: <p id="sheet': (
        "@media print { #sheet { width: 650px; } }",
        "<p id=sheet>Sheet",
    ),
    'cut on paper: <div id="bar': (
        "#bar { overflow: auto; } @media print { #bar p { width: 650px; } }",
        "<div id=bar tabindex=0><p>Bar</p></div>",
    ),
    "shifts: ": (
        "#late { height: 500px; }",
        f"<script>addEventListener('load', async () => {{ await {FRAMES}; "
        "document.querySelector('h1').insertAdjacentHTML('beforebegin', '<div id=late></div>') })"
        "</script>",
    ),
    "heavy: 4": ("", "<script src=/heavy.js></script>"),
    "large: 15": ("", f"<p hidden>{'<b></b>' * MOST}</p>"),
    "asks another host: http": ("", "<img alt=a src=http://elsewhere.invalid/a>"),
    "404: http": ("", "<img alt=a src=/missing.png>"),
    "failed: http": ("", "<img alt=a src=/broken.png>"),
    "thrown": ("", "<script>throw Error('thrown')</script>"),
    "logged": ("", "<script>console.error('logged')</script>"),
}


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([], []),
        # The words inside are the button's name.
        ([("", "<svg><g role=button><rect width=90 height=90 /><text>Go</text></g></svg>")], []),
        ([("", "<h1>Two</h1>")], ["headings: [1, 1]"]),
        ([("p { width: 500px; }", "")], ["sideways: at 390", "sideways: at 320"]),
        # The same text as elsewhere on the page, on a ground of its own.
        ([("div { background: #555; }", "<div><p>Text</p></div>")], ["light: color-contrast"]),
        (FAULTS.values(), FAULTS),
    ],
    ids=[
        "none",
        "a button in a figure",
        "two titles",
        "wide",
        "on a dark ground",
        "one of each kind",
    ],
)
def test_each_fault_raises_its_complaint(faults, expected, visit):
    styles, places = ["".join(parts) for parts in zip(*faults, strict=True)] or ["", ""]
    page = visit("scratch", SCRATCH.format(style=styles, body=places))
    found = complaints(page)
    page.problems.clear()
    assert not [words for words in expected if not any(c.startswith(words) for c in found)], found
    if len(expected) < 3:
        assert len(found) == len(expected), found
    for rule in ("link-in-text-block", "svg-img-alt", "target-size"):
        assert not any(complaint.startswith(f"light: {rule}") for complaint in found), found


def test_each_solution_opens_by_a_button_of_its_own_name(visit):
    page = visit("chapters/gumbel_max").page
    buttons = page.locator(".admonition-title .toggle-button")
    names = [button.get_attribute("aria-label") for button in buttons.all()]
    assert len(names) == len(set(names)) >= 2
    buttons.first.focus()
    page.keyboard.press("Enter")
    assert buttons.first.get_attribute("aria-expanded") == "true"


def test_what_the_theme_adds_to_a_page_has_its_style(visit, words):
    shown = visit("chapters/gumbel_max")
    page = shown.page
    # A tooltip by its button, and what was copied is said.
    button = page.get_by_role("button", name="Color mode")
    button.hover()
    tip = page.locator(".tooltip.show")
    tip.wait_for()
    assert abs(tip.bounding_box()["y"] - button.bounding_box()["y"]) < 60
    assert unstyled(page, words) == []
    page.locator(".highlight").locator("visible=true").first.hover()
    page.locator(".copybtn").locator("visible=true").first.click()
    page.locator(".copybtn.success").wait_for()
    page.get_by_role("button", name="Download this page").click()
    assert page.locator(".dropdown-menu.show a").first.is_visible()
    assert unstyled(page, words) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog input").wait_for(state="visible")
    assert unstyled(page, words) == []
    page.keyboard.press("Escape")
    # On a phone both sidebars open as dialogs above the page.
    page.set_viewport_size({"width": 390, "height": 900})
    for toggle in ("primary", "secondary"):
        page.locator(f".{toggle}-toggle").locator("visible=true").first.click()
        page.locator("dialog[open] nav").first.wait_for(state="visible")
        assert unstyled(page, words) == []
        page.keyboard.press("Escape")


def test_the_theme_switch_recolours_figures(visit):
    page = visit("chapters/gumbel_max").page
    ink = "getComputedStyle(document.documentElement).getPropertyValue('--figure-ink')"
    seen = set()
    for _ in range(3):  # automatic, light, dark
        page.get_by_role("button", name="Color mode").click()
        seen.add(page.evaluate(ink).strip())
    assert len(seen) == 2


def test_an_interactive_works_by_keyboard(visit):
    page = visit("chapters/gumbel_max").page
    page.locator(".interactive").scroll_into_view_if_needed()
    page.locator(".interactive[data-live]").wait_for()
    slider = page.get_by_role("slider", name="logit of class 0")
    page.get_by_role("slider", name="number of draws").focus()
    page.keyboard.press("Tab")
    assert slider.evaluate("slider => slider === document.activeElement")
    output = page.locator(".interactive output")
    before = output.inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('.interactive output').innerText != before", arg=before
    )


def n_of(page):
    return page.evaluate("document.querySelector('.interactive').view.signal('n')")


def test_buttons_move_a_slider_and_wrong_states_are_passed_over(visit):
    shown = visit("chapters/gumbel_max")
    page = shown.page
    page.goto("about:blank")
    page.goto(shown.address + "/chapters/gumbel_max.html#try:law=uniform&n=130&l0=99&l1=x&n2=1")
    page.locator(".interactive[data-live]").wait_for()
    assert n_of(page) == 130
    slider = page.get_by_role("slider", name="number of draws")
    assert slider.get_attribute("aria-valuetext") == "130"
    assert page.get_by_label("noise", exact=True).input_value() == "uniform"
    assert page.get_by_role("slider", name="logit of class 0").input_value() == "-0.5"
    slider.press("ArrowRight")
    page.wait_for_function("document.querySelector('.interactive').view.signal('n') === 160")
    page.get_by_role("button", name="More draws").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.interactive').view.signal('n') === 200")
    assert slider.get_attribute("aria-valuetext") == "200"
    # Run goes on, can be paused, and begins anew at the end.
    run = page.get_by_role("button", name="Run")
    run.click()
    page.wait_for_function("document.querySelector('.interactive').view.signal('n') > 500")
    page.get_by_role("button", name="Pause").click()
    paused = n_of(page)
    assert 500 < paused < 100_000
    page.wait_for_timeout(300)
    assert n_of(page) == paused
    slider.press("End")
    run.click()
    page.wait_for_function("document.querySelector('.interactive').view.signal('n') < 500")
    # Who takes the slider stops the run.
    slider.press("End")
    assert page.get_by_role("button", name="Pause").count() == 0


STATE = """box => Object.fromEntries(JSON.parse(box.querySelector("script").textContent).signals
  .filter(({bind}) => bind).map(({name}) => [name, box.view.signal(name)]))"""
# Moves each control through its range and notes how long the chart takes for each move.
MOVES = """async box => {
  const took = [];
  for (const control of box.querySelectorAll(".controls :is(input, select)")) {
    const last = control.options?.length - 1 || control.max - control.min;
    for (const share of [0.9, 0.1, 0.5, 0.3, 0.7]) {
      const began = performance.now();
      if (control.options) control.selectedIndex = Math.round(share * last);
      else control.value = Number(control.min) + share * last;
      control.dispatchEvent(new Event(control.options ? "change" : "input", {bubbles: true}));
      await box.view.runAsync();
      took.push(performance.now() - began);
    }
  }
  await new Promise(done => setTimeout(done, 400)); // the address follows after 300
  return took;
}"""


@pytest.mark.parametrize("name", INTERACTIVES)
def test_an_interactive_runs_resets_and_keeps_its_state(name, visit, record_property):
    shown = visit(f"chapters/{name}")
    page, chart = shown.page, LiveInteractive(shown.page)
    box = chart.box
    first = box.evaluate(STATE)
    run = box.evaluate("box => JSON.parse(box.dataset.run ?? 'null')")
    buttons = box.locator(".buttons button")
    expected = [*run["steps"], "Run", "Reset"] if run else ["Reset"]
    assert buttons.all_inner_texts() == expected
    # A window may change while the chart has no width; the visit fails if the browser complains.
    hide = "(box, none) => { box.style.display = none; dispatchEvent(new Event('resize')); }"
    for none in ("none", ""):
        box.evaluate(hide, none)
        chart.drawn()
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        # Far from the screen a chart waits, and what comes near takes its own height and moves it.
        page.wait_for_function("""() => {
          const chart = document.querySelector(".interactive .chart");
          chart.scrollIntoView({behavior: "instant", block: "center"});
          const spare = chart.clientWidth - chart.querySelector("svg").width.baseVal.value;
          return spare >= 0 && spare < 12;
        }""")

    # What can be dragged has a slider, which follows.
    for mark in {mark["name"] for mark in chart.marks if mark["name"].startswith("drag_")}:
        parameter = re.fullmatch(r"drag_[xy]_(\w+?)(_\d+)?_marks", mark)[1]
        label, values = chart.values(parameter)
        chart.drag(parameter, values[len(values) // 3])
        assert box.evaluate(STATE)[parameter] == pytest.approx(values[len(values) // 3])
        slider = box.get_by_role("slider", name=label, exact=True)
        place = slider.evaluate("({value, min, step}) => Math.round((value - min) / step)")
        assert place == len(values) // 3

    took = box.evaluate(MOVES)
    record_property("interactive", f"{name}: median {median(took):.0f}, longest {max(took):.0f}")
    moved = box.evaluate(STATE)
    page.wait_for_url("**#try:*")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    chart = LiveInteractive(page)
    assert box.evaluate(STATE) == moved
    buttons.last.click()
    page.wait_for_function("!location.hash")
    assert box.evaluate(STATE) == first

    page.emulate_media(reduced_motion="reduce")
    if run:
        _, values = chart.values(run["parameter"])
        for button in buttons.all()[:-1]:
            before = values.index(box.evaluate(STATE)[run["parameter"]])
            button.click()
            chart.drawn()
            end = 0 if run["down"] else len(values) - 1
            steps = run["steps"].get(button.inner_text())
            place = end if steps is None else min(max(before + steps, 0), len(values) - 1)
            assert box.evaluate(STATE)[run["parameter"]] == pytest.approx(values[place])
            if run.get("arrival"):
                assert box.evaluate(f"box => box.view.signal('{run['arrival']}')") == 1
        assert buttons.nth(-2).inner_text() == "Run"


def test_a_notebook_downloads(visit):
    page = visit("chapters/gumbel_max").page
    page.get_by_role("button", name="Download this page").click()
    with page.expect_download() as download:
        page.locator("a.btn-download-source-button").click()
    assert download.value.suggested_filename == "gumbel_max.ipynb"


def test_previous_next_and_description(visit):
    page = visit("chapters/gumbel_max").page
    assert page.locator("a.left-prev").get_attribute("href") == "max_distributions.html"
    assert page.locator("a.right-next").get_attribute("href") == "reparameterization.html"
    assert len(page.locator("meta[name=description]").get_attribute("content")) > 80
    assert page.locator("meta[property='og:image']").get_attribute("content").endswith("card.png")


def test_arrow_keys_turn_the_page_where_nothing_has_the_focus(visit):
    page = visit("chapters/gumbel_max").page
    page.locator(".inline-figure, pre, a").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.url.endswith("gumbel_max.html")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/reparameterization.html")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/gumbel_max.html")


def test_a_link_shows_what_it_leads_to(visit):
    page = visit("chapters/gumbel_max").page
    box = page.locator("#preview")
    for link, words in (
        ("#thm-gumbel-max", "Theorem 3.1"),
        ("#fig-noise-laws", "Fig. 3."),
        ("bibliography.html#id11", "McFadden"),
    ):
        page.locator(f'article a.internal[href*="{link}"]').first.hover()
        box.wait_for(state="visible")
        assert words in box.inner_text()
        page.keyboard.press("Escape")
        assert not box.is_visible()
    # Also by keyboard, and from another page.
    page = visit("chapters/relaxation").page
    page.locator('article a.internal[href="gumbel_max.html#thm-gumbel-max"]').first.focus()
    box.wait_for(state="visible")
    assert "Theorem 3.1" in box.inner_text()
    assert page.locator("[aria-describedby=preview]").count() == 1
    page.keyboard.press("Tab")
    box.wait_for(state="hidden")


def test_print_and_reduced_motion(visit):
    page = visit("chapters/gumbel_max").page
    theme = "document.documentElement.dataset.theme"
    page.evaluate(f"{theme} = 'dark'")
    page.emulate_media(media="print", reduced_motion="reduce")
    assert not page.locator(".interactive .controls").is_visible()
    assert page.locator("details p").first.is_visible()  # an answer that nobody opened
    page.wait_for_function(f"{theme} === 'light'")
    titles = [title for title in page.locator("h1").all() if title.is_visible()]
    assert [title.inner_text()[:19] for title in titles] == ["3. The Gumbel-max t"]
    foot = page.locator(".bd-footer-content").inner_text()
    assert "authors" in foot
    assert "Version 1" in foot
    page.emulate_media(media="screen")
    page.wait_for_function(f"{theme} === 'dark'")
    page.emulate_media(media="print", reduced_motion="reduce")
    style = "getComputedStyle(document.documentElement).scrollBehavior"
    assert page.evaluate(style) == "auto"


def test_formulas_off_the_screen_are_spoken_and_those_of_a_closed_solution_are_not(browser, site):
    # Without this flag Chromium leaves formulas out of what it would tell a screen reader.
    flags = [*FLAGS, "--force-renderer-accessibility"]
    speaking = browser.browser_type.launch(executable_path=chromium(), args=flags)
    page = speaking.new_page()
    page.goto((site / "chapters" / "gumbel_max.html").as_uri())
    shown = "m => m.checkVisibility({visibilityProperty: true})"
    visible = page.evaluate(f"[...document.querySelectorAll('math')].map({shown})")
    assert 0 < visible.count(False) < 10
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in tree if not node["ignored"]]
    speaking.close()
    assert roles.count("MathMLMath") == visible.count(True)


def formulas():
    """What stands between dollars in the book, and whether between two, on lines of its own."""
    for path in CHAPTERS.iterdir():
        texts = []
        if path.suffix == ".md":
            texts = [path.read_text(encoding="utf-8")]
        elif path.suffix == ".ipynb":
            cells = nbformat.read(path, as_version=4).cells
            texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
        for text in texts:
            for dollars, formula in re.findall(r"(\$\$?)([^$]+)\$", text):
                yield formula, len(dollars) == 2


def test_formulas_of_fewer_boxes_look_the_same(visit):
    # What `typeset` flattens is kept as MathJax made it: one conversion gives both.
    engine = typesetting._mathjax()
    engine.eval("""page.convert = (...given) => {
      const formula = Object.getPrototypeOf(page).convert.apply(page, given);
      whole = adaptor.outerHTML(formula);
      return formula;
    }; 0""")
    pairs, boxes = [], Counter()
    for tex, display in sorted(set(formulas())):
        with contextlib.suppress(ValueError):  # not all dollars are those of formulas
            flat = typesetting.typeset.__wrapped__(tex, display)
            shown = {"flat": flat, "whole": engine.eval("whole")}
            pairs.append("".join(f"<div class={kind}>{text}</div>" for kind, text in shown.items()))
            boxes.update({kind: text.count("<mjx-") for kind, text in shown.items()})
    engine.eval("delete page.convert; 0")
    assert len(pairs) > 500
    assert boxes["flat"] < 0.7 * boxes["whole"]
    head = "<!doctype html><meta charset=utf-8><link rel=stylesheet href=/_static/site.css>"
    page = visit("scratch", head + "".join(pairs)).page
    other = page.evaluate("""() => {
      const parts = "mjx-c, mjx-line, mjx-rbox, mjx-surd";
      const seen = box => [...box.querySelectorAll(parts), box].flatMap(part => {
        const [{x, y, width, height}, around] = [part, box].map(e => e.getBoundingClientRect());
        return [x - around.x, y - around.y, width, height];
      });
      return [...document.querySelectorAll(".flat")].filter(flat => {
        const [one, two] = [flat, flat.nextElementSibling].map(seen);
        return one.length !== two.length || one.some((at, i) => Math.abs(at - two[i]) > 0.05);
      }).map(flat => flat.innerText + flat.querySelector("math").outerHTML);
    }""")
    assert not other, f"{len(other)} of {len(pairs)}: {other[:3]}"


def test_without_javascript_figures_words_and_formulas_stand(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "chapters" / "gumbel_max.html").as_uri())
    assert page.locator(".interactive .chart svg").first.is_visible()
    assert "softmax" in page.locator(".interactive output").inner_text()
    assert page.locator(".math mjx-container").count() > 50
    context.close()


@pytest.mark.parametrize("name", INTERACTIVES)
def test_without_javascript_an_interactive_is_legible_on_a_phone(name, browser, site):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto((site / "chapters" / f"{name}.html").as_uri())
    found = page.evaluate(CUT)
    sizes = page.evaluate("""[...document.querySelectorAll(".chart svg")].map(svg =>
      svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)""")
    context.close()
    assert not [fault for fault in found if fault.startswith("cut words")]
    assert min(sizes) > 0.69, sizes


@pytest.mark.parametrize("name", PAGES)
def test_on_a_phone_what_is_far_from_the_screen_waits(name, visit):
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.add_init_script(MEASURED)
    visit(f"chapters/{name}")
    page.wait_for_timeout(500)  # more than the theme waits before it looks at a page again
    visit.settle()
    sections = page.locator("article > section > section").count()
    assert page.evaluate(SKIPPED) >= sections - 4
    assert not page.evaluate("measured")
    page.evaluate(OPEN)
    page.evaluate(READ)
    visit.settle()
    assert not page.evaluate(CUT)  # what scrolls is marked when it is reached


def test_a_reload_on_a_phone_finds_its_place(visit):
    """Though the sections above it, of other heights than guessed, are not laid out again."""
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 844})
    visit("chapters/scale")
    page.evaluate(READ)
    target = page.locator("article > section > section").nth(-2).locator("p").first
    target.evaluate("target => target.scrollIntoView({behavior: 'instant'})")
    page.evaluate(FRAMES)
    before = target.bounding_box()["y"]
    page.reload()
    visit.settle()
    assert page.evaluate("scrollY") > 20_000
    assert page.evaluate(SKIPPED) > 0
    assert abs(target.bounding_box()["y"] - before) < 30


def test_the_first_five_figures_fit_a_phone(visit):
    fitting = []
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 900})
    for name in ("index", "why_differentiability"):
        visit(f"chapters/{name}")
        boxes = page.locator(".inline-figure").all()
        fitting += [box.evaluate("box => box.scrollWidth <= box.clientWidth") for box in boxes]
    assert all(fitting[:5])


def test_the_index_has_the_width_of_a_phone(visit):
    visit.page.set_viewport_size({"width": 390, "height": 900})
    page = visit("genindex").page
    entries = page.locator(".genindextable li").all()
    assert min(entry.bounding_box()["width"] for entry in entries[:9]) > 300


def test_search_works_from_disk(browser, site):
    page = browser.new_page()
    problems = []
    page.on("console", lambda line: line.type == "error" and problems.append(line.text))
    page.goto((site / "search.html").as_uri() + "?q=logistic")
    page.locator("#search-results li a").first.wait_for(timeout=10_000)
    assert page.locator("#search-results li").count() >= 2
    form = page.locator("article form.bd-search, .bd-search-container form")
    icon, field = (form.locator(part).bounding_box() for part in ("i", "input"))
    assert icon["x"] + icon["width"] <= field["x"]
    page.close()
    assert not problems
