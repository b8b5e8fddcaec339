"use strict";

// Interactives: each starts as a figure; as it nears the screen it becomes a live chart.
(() => {
  const root = document.documentElement.dataset.content_root ?? "./";
  const TRY = "#try:"; // begins an address with a state
  const ARRIVAL = 700; // milliseconds in which what is new arrives
  const FAST = 100; // milliseconds: nothing arrives in a run with shorter steps
  let loading;

  function loadVega() {
    loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${root}_static/vega.js`;
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
    return loading;
  }

  async function start(box) {
    await loadVega();
    const chart = box.querySelector(".chart");
    const controls = box.querySelector(".controls");
    const output = box.querySelector("output");
    const description = chart.ariaLabel;
    // Vega measures text in the font it is told, so tell it the page's.
    const family = JSON.stringify(getComputedStyle(box).fontFamily);
    const spec = JSON.parse(box.querySelector("script").textContent.replaceAll('"sans-serif"', family));
    controls.replaceChildren();
    const view = new vega.View(vega.parse(spec), { bind: controls, container: chart, renderer: "svg" });
    await view.runAsync();
    box.view = view;
    // The chart stays a picture with its description; Vega gives the box a role and name of its own.
    chart.querySelector("svg").ariaHidden = "true";
    chart.role = "img";
    chart.ariaLabel = description;
    chart.ariaRoleDescription = null;
    const bound = spec.signals.filter(({ bind }) => bind);
    for (const control of controls.querySelectorAll("input, select")) {
      const label = control.closest(".vega-bind").querySelector(".vega-bind-name").textContent;
      const { name, bind } = bound.find((signal) => signal.bind.name === label);
      const numbers = bind.options?.every(Number.isFinite);
      const shown = numbers ? slide(box.view, control, name, bind.options) : control;
      // A control is named after what it sets, without the value, which is read beside the name.
      shown.ariaLabel = label;
    }
    const speak = () => {
      const words = chart.querySelector("[class*=readout] text")?.textContent ?? "";
      if (words !== output.textContent) output.textContent = words;
    };
    new MutationObserver(speak).observe(chart, { characterData: true, childList: true, subtree: true });
    speak();
    // Vega hears of the window's size alone, but a sidebar changes the width of the page too; and it
    // measures the panels anew only if told to.
    let width = box.clientWidth;
    new ResizeObserver(() => {
      if (width === box.clientWidth) return;
      width = box.clientWidth;
      box.view.resize();
      dispatchEvent(new Event("resize"));
    }).observe(box);
    handle(box, spec, bound, JSON.parse(box.dataset.run ?? "null"));
    box.dataset.live = "";
  }

  // A slider that moves over numbers, in place of their menu.
  function slide(view, menu, name, numbers) {
    const slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: 0, max: numbers.length - 1, step: 1 });
    const words = document.createElement("span");
    const show = () => {
      slider.value = numbers.indexOf(view.signal(name));
      words.textContent = slider.ariaValueText = view.signal(name).toLocaleString("en");
    };
    slider.addEventListener("input", () => view.signal(name, numbers[slider.value]).runAsync());
    view.addSignalListener(name, show);
    show();
    menu.replaceWith(slider, words);
    return slider;
  }

  // The steps of a control, counted from 0.
  function stepsOf({ min, max, step, options }) {
    if (options) {
      const nearer = (value, i, j) => (Math.abs(options[i] - value) < Math.abs(options[j] - value) ? i : j);
      return {
        last: options.length - 1,
        at: (i) => options[i],
        find: (value) => options.reduce((nearest, _, i) => nearer(value, i, nearest), 0),
      };
    }
    return {
      last: Math.round((max - min) / step),
      at: (i) => Math.min(max, Number((min + i * step).toPrecision(9))),
      find: (value) => Math.round((value - min) / step),
    };
  }

  // Reports where on an axis's scale the pointer drags a handle, a mark named after what it sets;
  // and what a mark that is chosen by a click sets.
  function watchHandles(box, spec, report) {
    const chart = box.querySelector(".chart");
    chart.addEventListener("click", ({ target }) => {
      const mark = target.closest("[class*=pick_]")?.classList.item(2);
      if (!mark) return;
      const [, name] = mark.match(/^pick_(\w+?)(?:_\d+)?_marks$/);
      report(name, target.__data__.datum[name]);
    });
    chart.addEventListener("pointerdown", (event) => {
      const { target, pointerId } = event;
      // A finger that drags a mark keeps reporting where it is, not where it started.
      if (target.hasPointerCapture?.(pointerId)) target.releasePointerCapture(pointerId);
      const mark = target.closest("[class*=drag_]")?.classList.item(2);
      if (!mark) return;
      const [, axis, name] = mark.match(/^drag_([xy])_(\w+?)(?:_\d+)?_marks$/);
      const parts = spec.marks.flatMap((part) => [part, ...(part.marks ?? [])]);
      const { update } = parts.find((part) => part.name === mark).encode;
      const scale = box.view.scale((update[axis] ?? update[`${axis}c`]).scale);
      const drag = ({ clientX, clientY }) => {
        const panel = chart.querySelector(`.${mark}`).getScreenCTM();
        report(name, scale.invert(new DOMPoint(clientX, clientY).matrixTransform(panel.inverse())[axis]));
      };
      const drop = new AbortController();
      const { signal } = drop;
      addEventListener("pointermove", drag, { signal });
      for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => drop.abort(), { signal });
      drag(event);
    });
  }

  // Buttons, marks that can be dragged, and the state of the controls in the address, so that it can
  // be shared and survives a reload. The buttons of a run move one slider; where motion is unwelcome
  // they jump.
  function handle(box, spec, bound, run) {
    const { view } = box;
    const output = box.querySelector("output");
    const bar = box.querySelector(".buttons");
    const first = bound.map(({ name }) => [name, view.signal(name)]);
    const set = (name, value) => view.signal(name, value).runAsync();
    const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
    const clamp = (i, last) => Math.max(0, Math.min(last, i));
    let moving;
    let toggle;

    function button(text, action) {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.addEventListener("click", action);
      bar.append(made);
      return made;
    }

    // Draws shares that grow to 1 in so many milliseconds, unless something else happens.
    function move(milliseconds, draw) {
      let began;
      const frame = async (now) => {
        if (moving !== frame) return;
        began ??= now;
        const share = Math.min(1, (now - began) / milliseconds);
        await draw(share);
        if (moving !== frame) return;
        if (share < 1) requestAnimationFrame(frame);
        else pause();
      };
      moving = frame;
      requestAnimationFrame(frame);
    }

    function pause() {
      if (!moving) return;
      moving = undefined;
      toggle.textContent = "Run";
      output.ariaLive = null;
      if (run.arrival) set(run.arrival, 1);
    }

    if (run) {
      const { last, at, find } = stepsOf(bound.find(({ name }) => name === run.parameter).bind);
      const [begin, end] = run.down ? [last, 0] : [0, last];
      const now = () => find(view.signal(run.parameter));
      for (const [text, by] of Object.entries(run.steps)) {
        button(text, () => {
          pause();
          const next = clamp(now() + by, last);
          const arrives = run.arrival && next !== now() && !still();
          if (arrives) view.signal(run.arrival, 0);
          set(run.parameter, at(next));
          if (arrives) move(ARRIVAL, (share) => set(run.arrival, share));
        });
      }
      toggle = button("Run", () => {
        const running = toggle.textContent === "Pause";
        pause();
        if (running) return;
        if (still()) return set(run.parameter, at(end));
        const from = now() === end ? begin : now();
        const milliseconds = (1000 * run.seconds * Math.abs(end - from)) / last;
        const arrives = run.arrival && milliseconds / Math.abs(end - from) > FAST;
        toggle.textContent = "Pause";
        output.ariaLive = "off"; // it would be read at every frame
        move(milliseconds, (share) => {
          const place = from + share * (end - from);
          const next = run.down ? Math.floor(place) : Math.ceil(place);
          if (arrives) view.signal(run.arrival, 1 - Math.abs(next - place));
          return set(run.parameter, at(next));
        });
      });
      box.querySelector(".controls").addEventListener("input", pause);
    }
    button("Reset", () => {
      pause();
      for (const [name, value] of first) view.signal(name, value);
      view.runAsync();
    });

    watchHandles(box, spec, (name, value) => {
      pause();
      const { last, at, find } = stepsOf(bound.find((control) => control.name === name).bind);
      set(name, at(clamp(find(value), last)));
    });

    const asked = new URLSearchParams(location.hash.startsWith(TRY) ? location.hash.slice(TRY.length) : "");
    for (const { name, bind } of bound) {
      const text = asked.get(name);
      const number = Number(text);
      const option = bind.options?.find((value) => String(value) === text);
      if (option !== undefined) view.signal(name, option);
      else if (text && !bind.options && number >= bind.min && number <= bind.max) view.signal(name, number);
    }
    view.runAsync();
    let timer;
    const remember = () => {
      const changed = first.filter(([name, value]) => view.signal(name) !== value);
      const state = new URLSearchParams(changed.map(([name]) => [name, view.signal(name)]));
      const address = changed.length ? TRY + state : location.pathname + location.search;
      history.replaceState(null, "", address);
    };
    for (const { name } of bound) {
      view.addSignalListener(name, () => {
        clearTimeout(timer);
        timer = setTimeout(remember, 300);
      });
    }
  }

  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        start(target);
      }
    },
    { rootMargin: "800px" },
  );
  document.querySelectorAll(".interactive").forEach((box) => near.observe(box));
  if (location.hash.startsWith(TRY)) document.querySelector(".interactive")?.scrollIntoView();
})();

// A phone shows the narrow version of a figure, which lies beside the wide one.
(() => {
  const phone = matchMedia("(max-width: 40rem)");
  const places = [...document.querySelectorAll(".inline-figure + template")];
  const wide = places.map((place) => place.previousElementSibling.firstElementChild);
  const name = location.pathname.match(/([^/]*?)(\.html)?$/)[1]; // some hosts drop the ending
  let loading;

  function fit() {
    places.forEach((place, i) => {
      const narrow = phone.matches && place.content.firstElementChild;
      const shown = place.previousElementSibling.firstElementChild;
      if (shown !== (narrow || wide[i])) shown.replaceWith(narrow ? narrow.cloneNode(true) : wide[i]);
    });
  }

  // All but the first come in a script of their own. Each is read in a task of its own, between which
  // the reader may scroll.
  window.narrowFigures = (figures, i = 0) => {
    if (i === figures.length) return;
    places[i + 1].innerHTML = figures[i];
    fit();
    setTimeout(narrowFigures, 0, figures, i + 1);
  };

  function change() {
    fit();
    if (!phone.matches || loading || places.length < 2) return;
    loading = document.createElement("script");
    loading.src = `${document.documentElement.dataset.content_root ?? "./"}_static/narrow/${name}.js`;
    document.head.append(loading);
  }

  phone.addEventListener("change", change);
  if (phone.matches) change();
})();

// A formula wider than its column scrolls, and whatever scrolls can be reached by keyboard.
(() => {
  const scrolling = ".inline-figure, div.math, .wide, .highlight pre, .cell_output .output, .pst-scrollable-table-container";
  const columns = "p, li, td, dd, figcaption";
  const watched = new Map(); // boxes, each with what is measured when its size changes
  for (const part of document.querySelectorAll(`span.math, ${scrolling}`)) {
    const box = part.matches("span.math") ? (part.closest(columns) ?? part.parentElement) : part;
    if (watched.has(box)) watched.get(box).push(part);
    else watched.set(box, [part]);
  }

  // A box is measured once the page is laid out, and when it nears the screen: to ask for the size of
  // one that is not yet laid out would lay it out at once.
  const sizes = new ResizeObserver((entries) => {
    const found = entries.flatMap(({ target }) => watched.get(target).map((part) => measure(part, target)));
    requestAnimationFrame(() => found.forEach(fit));
  });
  for (const box of watched.keys()) sizes.observe(box);

  // How far a box is scrolled, and how much of it is hidden.
  function measure(part, column) {
    if (part === column || !part.matches("span.math")) return [part, part.scrollLeft, part.scrollWidth - part.clientWidth];
    const glyphs = part.querySelector("mjx-math") ?? part; // its box shrinks to the column
    const width = Math.max(glyphs.offsetWidth, part.matches(".wide") ? part.scrollWidth : part.offsetWidth);
    return [part, part.scrollLeft, width - column.clientWidth];
  }

  function fit([part, left, hidden]) {
    if (part.matches("span.math")) part.classList.toggle("wide", hidden > 0);
    if (hidden > 0) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
    mark(part, left, hidden);
  }

  // Say where there is more to see.
  function mark(box, left, hidden) {
    box.classList.toggle("more-left", left > 1);
    box.classList.toggle("more-right", left < hidden - 1);
  }

  // All buttons that open a solution have one name; tell them apart.
  function name() {
    for (const button of document.querySelectorAll(".admonition-title .toggle-button")) {
      const title = button.closest(".admonition-title").textContent.trim();
      button.setAttribute("aria-label", `Show or hide: ${title}`);
    }
  }

  addEventListener("scroll", ({ target }) => target.matches?.(scrolling) && mark(...measure(target, target)), { capture: true, passive: true });
  addEventListener("load", name);
})();

// A browser may not read other files from a page on disk, which the search would do for excerpts.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

for (const link of document.querySelectorAll('a[href$=".ipynb"]')) {
  link.download = "";
  link.removeAttribute("target");
}

// The arrow keys turn the page where nothing has the focus that they could move.
addEventListener("keydown", (event) => {
  const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
  const page = { ArrowLeft: ".left-prev", ArrowRight: ".right-next" }[key];
  if (!page || altKey || ctrlKey || metaKey || shiftKey || document.activeElement !== document.body) return;
  document.querySelector(page)?.click();
});

// Paper is white, so a page is printed in the light theme.
matchMedia("print").addEventListener("change", ({ matches }) => {
  const { dataset } = document.documentElement;
  if (matches) dataset.themeOnScreen = dataset.theme;
  dataset.theme = matches ? "light" : dataset.themeOnScreen;
});

// A reload finds its place: a section that waits to be laid out has the height that it had when the
// page was left. This comes last, since a browser that stores nothing stops here.
(() => {
  const sections = [...document.querySelectorAll("article > section > section")];
  const key = `heights at ${innerWidth}: ${location.pathname}`;
  for (const [i, height] of JSON.parse(sessionStorage.getItem(key) ?? "[]").entries())
    sections[i]?.style.setProperty("contain-intrinsic-block-size", `auto ${height}px`);
  addEventListener("pagehide", () => sessionStorage.setItem(key, JSON.stringify(sections.map((section) => section.offsetHeight))));
})();
