"""Every page in a browser: quiet, private, accessible, light, and fit for a phone."""

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

CHAPTERS = Path(__file__).parents[2] / "chapters"
NOTEBOOKS = sorted(path.stem for path in CHAPTERS.glob("*.ipynb"))
PAGES = NOTEBOOKS + sorted(path.stem for path in CHAPTERS.glob("*.md"))
MADE_BY_SPHINX = ("404", "search", "genindex", "py-modindex", "prf-prf")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
THEME = ("_static/styles/", "_static/scripts/", "_static/vendor/", "_static/pygments.css")
THEME += ("_static/basic.css", "_static/doctools.js", "_static/documentation_options.js")
THEME += ("_static/sphinx_highlight.js",)
THEME += ("_static/searchtools.js", "_static/language_data.js", "searchindex.js")  # its search box
KB = 1000
VITALS = """() => new Promise(resolve => {
  const found = {paint: 0, shift: 0};
  new PerformanceObserver(list => list.getEntries().forEach(e => found.paint = e.startTime))
    .observe({type: "largest-contentful-paint", buffered: true});
  new PerformanceObserver(list => list.getEntries().forEach(e => found.shift += e.value))
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(found), 300);
})"""


@pytest.fixture
def visit(browser, address):
    """Opens a page and fails at the end if the browser complained or asked elsewhere."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    problems = []
    page.on("console", lambda line: line.type == "error" and problems.append(line.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    page.on("response", lambda answer: answer.status >= 400 and problems.append(answer.url))

    def own(request):
        if not request.url.startswith((address, "data:", "blob:")):
            problems.append(f"asks another host: {request.url}")

    page.on("request", own)

    def open_page(name):
        page.goto(f"{address}/{name}.html")
        page.wait_for_load_state("networkidle")
        return page

    yield open_page
    page.close()
    assert not problems, problems


def violations(page):
    found = Axe().run(page, options={"preload": False, "runOnly": RULES}).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:120]}"
        for rule in found
        for node in rule["nodes"][:3]
    ]


def scrolls_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(200)
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.parametrize("name", PAGES)
def test_page(name, visit, address, record_property):
    answers = {}

    def weigh(answer):
        if answer.ok and answer.url.startswith(address):
            place = answer.url.removeprefix(address).lstrip("/")
            if not place.startswith(THEME):
                answers[answer.url.split("?")[0]] = answer

    page = visit("404")
    page.on("response", weigh)
    visit(f"chapters/{name}")
    vitals = page.evaluate(VITALS)
    live = page.locator(".interactive")
    if live.count():
        live.first.scroll_into_view_if_needed()
        page.locator(".interactive[data-live]").first.wait_for(timeout=15_000)
        page.wait_for_load_state("networkidle")
    packed = (".woff", ".woff2", ".png")  # compressed in themselves
    size = sum(
        len(answer.body() if url.endswith(packed) else gzip.compress(answer.body()))
        for url, answer in answers.items()
    )
    record_property(
        "page",
        f"{name}: {size / KB:.0f} kB, largest paint {vitals['paint']:.0f} ms, "
        f"layout shift {vitals['shift']:.3f}",
    )
    assert size <= (500 if live.count() else 200) * KB
    assert vitals["shift"] < 0.1

    formulas = page.locator(".math")
    assert formulas.count() == page.locator(".math mjx-container math").count()

    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        page.wait_for_timeout(300)
        assert not violations(page), theme
    for width in (640, 390, 320):  # 640 is a window of 1280 at 200%
        assert not scrolls_sideways(page, width), width


@pytest.mark.parametrize("name", MADE_BY_SPHINX)
def test_page_made_by_sphinx(name, visit):
    page = visit(name)
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        page.wait_for_timeout(300)
        assert not violations(page), theme
    assert not scrolls_sideways(page, 320)


def test_each_solution_opens_by_a_button_of_its_own_name(visit):
    page = visit("chapters/gumbel_max")
    buttons = page.locator(".admonition-title .toggle-button")
    names = [button.get_attribute("aria-label") for button in buttons.all()]
    assert len(names) == len(set(names)) >= 2
    buttons.first.focus()
    page.keyboard.press("Enter")
    assert buttons.first.get_attribute("aria-expanded") == "true"


def test_headings_are_in_order(visit):
    script = "[...document.querySelectorAll('article :is(h1,h2,h3,h4)')].map(h => +h.tagName[1])"
    for name in PAGES:
        levels = visit(f"chapters/{name}").evaluate(script)
        assert levels.count(1) == 1, name
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_theme_switch_recolours_figures(visit):
    page = visit("chapters/gumbel_max")
    ink = "getComputedStyle(document.documentElement).getPropertyValue('--figure-ink')"
    seen = set()
    for _ in range(3):  # automatic, light, dark
        page.get_by_role("button", name="Color mode").click()
        seen.add(page.evaluate(ink).strip())
    assert len(seen) == 2


def test_an_interactive_works_by_keyboard(visit):
    page = visit("chapters/gumbel_max")
    page.locator(".interactive").scroll_into_view_if_needed()
    page.locator(".interactive[data-live]").wait_for()
    slider = page.get_by_label("logit of class 0")
    page.get_by_label("number of draws").focus()
    page.keyboard.press("Tab")
    assert slider.evaluate("slider => slider === document.activeElement")
    output = page.locator(".interactive output")
    before = output.inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('.interactive output').innerText != before", arg=before
    )


def test_a_notebook_downloads(visit):
    page = visit("chapters/gumbel_max")
    page.get_by_role("button", name="Download this page").click()
    with page.expect_download() as download:
        page.locator("a.btn-download-source-button").click()
    assert download.value.suggested_filename == "gumbel_max.ipynb"


def test_previous_next_and_description(visit):
    page = visit("chapters/gumbel_max")
    assert page.locator("a.left-prev").get_attribute("href") == "max_distributions.html"
    assert page.locator("a.right-next").get_attribute("href") == "reparameterization.html"
    assert len(page.locator("meta[name=description]").get_attribute("content")) > 80
    assert page.locator("meta[property='og:image']").get_attribute("content").endswith("card.png")


def test_print_and_reduced_motion(visit):
    page = visit("chapters/gumbel_max")
    page.emulate_media(media="print", reduced_motion="reduce")
    assert not page.locator(".interactive .controls").is_visible()
    style = "getComputedStyle(document.documentElement).scrollBehavior"
    assert page.evaluate(style) == "auto"


def test_without_javascript_figures_words_and_formulas_stand(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "chapters" / "gumbel_max.html").as_uri())
    assert page.locator(".interactive .chart svg").is_visible()
    assert "softmax" in page.locator(".interactive output").inner_text()
    assert page.locator(".math mjx-container").count() > 50
    context.close()


def test_search_works_from_disk(browser, site):
    page = browser.new_page()
    problems = []
    page.on("console", lambda line: line.type == "error" and problems.append(line.text))
    page.goto((site / "search.html").as_uri() + "?q=logistic")
    page.locator("#search-results li a").first.wait_for(timeout=10_000)
    assert page.locator("#search-results li").count() >= 2
    page.close()
    assert not problems
