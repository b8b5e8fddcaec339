"""A Chromium, the site served to it, and the interactives driven through their real controls."""

import functools
import io
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def browser():
    from gumbel_lib.book import pdf  # with Sphinx: two seconds, which each pytest would wait

    path = pdf.chromium()
    if path is None:
        pytest.skip(f"browser tests need one of {', '.join(pdf.NAMES)}; none is installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=pdf.FLAGS)
        yield launched
        launched.close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(site):
    """Where the built site is served."""
    handler = functools.partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


# What Playwright's `fill` and `select_option` do, and waiting for the chart, in one question to the
# browser: the tests ask some thousand times. One asked through a locator costs ten times as much as
# through an element that was found before, and more than a chart takes to be drawn anew.
SET = """async (controls, values) => {
  for (const [i, control] of controls.entries()) {
    if (control.value === values[i]) continue;  // each change redraws the chart
    if (!control.checkVisibility({visibilityProperty: true}) || control.matches(":disabled"))
      throw Error(`nobody could set ${control.outerHTML}`);
    const options = [...control.options ?? []];
    const option = options.find(({value, label}) => [value, label].includes(values[i]));
    control.focus();
    control.value = option ? option.value : values[i];
    if (!option && (control.options || Number(control.value) !== Number(values[i])))
      throw Error(`${values[i]} is no value of ${control.outerHTML}`);
    for (const type of ["input", "change"])
      control.dispatchEvent(new Event(type, {bubbles: true, composed: true}));
    await control.closest(".interactive").view.runAsync();  // nobody moves two at once
  }
}"""


class LiveInteractive:
    """The interactive of a page."""

    def __init__(self, page):
        self.page = page
        self.box = page.locator(".interactive").first
        self.box.scroll_into_view_if_needed()
        page.locator(".interactive[data-live]").first.wait_for(timeout=15_000)
        self.controls = self.box.locator(".controls :is(input, select)").element_handles()
        self.start = [control.input_value() for control in self.controls]
        self.element, self.labelled = self.box.element_handle(), {}

    def reset(self):
        """Set every control to where it was when the page opened."""
        self.page.evaluate(f"given => ({SET})(...given)", [self.controls, self.start])
        self.drawn()

    def set(self, label, value):
        """Move the slider, or choose from the menu, of this label."""
        binds = [signal["bind"] for signal in self.specification["signals"] if "bind" in signal]
        options = next(bind.get("options", []) for bind in binds if bind["name"] == label)
        if value in options and not isinstance(value, str):
            value = options.index(value)  # a slider over listed numbers
        if label not in self.labelled:
            control = self.box.locator(".controls").get_by_label(label, exact=True)
            self.labelled[label] = control.element_handle()
        self.labelled[label].evaluate(f"(one, value) => ({SET})([one], [value])", str(value))

    def drawn(self):
        self.element.evaluate("async box => { await box.view.runAsync(); }")

    @property
    def words(self):
        """What the live region says."""
        return self.element.evaluate("box => box.querySelector('output').innerText")

    @property
    def numbers(self):
        """The row behind the readout, at full precision."""
        script = "box => JSON.stringify(box.querySelector('[class*=readout] text').__data__.datum)"
        return json.loads(self.element.evaluate(script))

    @functools.cached_property  # 100 kB, and each move of a control asks for it
    def specification(self):
        """What Vega was given."""
        script = "box => box.querySelector('script').textContent"
        return json.loads(self.box.evaluate(script))

    @property
    def data(self):
        """The rows that the chart was given, as CSV."""
        sets = self.specification["data"]
        values = next(data["values"] for data in sets if "values" in data)
        return pd.read_csv(io.StringIO(values)).to_dict("records")

    @property
    def marks(self):
        """The marks of all panels, as Vega was given them."""
        marks = self.specification["marks"]
        return [part for mark in marks for part in (mark, *mark.get("marks", []))]

    def values(self, parameter):
        """Label of a parameter's control, and the values that it can take."""
        signals = self.specification["signals"]
        bind = next(signal["bind"] for signal in signals if signal["name"] == parameter)
        if "options" in bind:
            return bind["name"], bind["options"]
        steps = round((bind["max"] - bind["min"]) / bind["step"])
        values = [round(bind["min"] + step * bind["step"], 9) for step in range(steps + 1)]
        return bind["name"], values

    def drag(self, parameter, value):
        """Pull the handle of this parameter to this value on its axis, with the mouse."""
        handle = self.box.locator(f"[class*=drag_][class*=_{parameter}_] > *").first
        name = handle.evaluate("handle => handle.parentNode.classList.item(2)")
        axis = name.removeprefix("drag_")[0]
        update = next(mark for mark in self.marks if mark["name"] == name)["encode"]["update"]
        scale = (update.get(axis) or update[f"{axis}c"])["scale"]
        place = """(handle, [scale, axis, value]) => {
          const at = handle.closest(".interactive").view.scale(scale)(value);
          const point = axis === "x" ? new DOMPoint(at, 0) : new DOMPoint(0, at);
          return point.matrixTransform(handle.parentNode.getScreenCTM())[axis];
        }"""
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        to = handle.evaluate(place, [scale, axis, value])
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(*((to, y) if axis == "x" else (x, to)), steps=5)
        mouse.up()
        mouse.move(x, y)
        self.drawn()


@pytest.fixture(scope="module")
def opened(browser, site):
    """The chapters that a module has opened, with the errors of each page."""
    chapters = {}

    def open_chapter(name):
        if name not in chapters:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            errors = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto((site / "chapters" / f"{name}.html").as_uri())
            chapters[name] = LiveInteractive(page), errors
        return chapters[name]

    yield open_chapter
    for chart, _ in chapters.values():
        chart.page.close()


@pytest.fixture
def interactive(opened):
    """Drives the interactive of a chapter, set to its start: ``interactive("gumbel_max")``."""
    seen = []

    def start(name):
        chart, errors = opened(name)
        seen.append(errors)
        chart.reset()
        return chart

    yield start
    for errors in seen:
        assert not errors
