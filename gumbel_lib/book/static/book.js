"use strict";

// Interactives: each starts as a figure; as it nears the screen it becomes a live chart.
(() => {
  const root = document.documentElement.dataset.content_root ?? "./";
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
    // Vega measures text in the font it is told, so tell it the page's.
    const family = JSON.stringify(getComputedStyle(box).fontFamily);
    const spec = JSON.parse(box.querySelector("script").textContent.replaceAll('"sans-serif"', family));
    delete spec.$schema; // it asks for Vega 5; Vega 6 draws the same
    controls.replaceChildren();
    const options = { actions: false, bind: controls, mode: "vega", renderer: "svg", tooltip: false };
    box.view = (await vegaEmbed(chart, spec, options)).view;
    // A finger that drags a point keeps reporting where it is, not where it started.
    chart.addEventListener("pointerdown", ({ target, pointerId }) => {
      if (target.hasPointerCapture?.(pointerId)) target.releasePointerCapture(pointerId);
    });
    const speak = () => {
      const words = chart.querySelector(".readout_marks text")?.textContent ?? "";
      if (words !== output.textContent) output.textContent = words;
    };
    new MutationObserver(speak).observe(chart, { characterData: true, childList: true, subtree: true });
    speak();
    box.dataset.live = "";
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
})();

// A formula wider than its column scrolls, and whatever scrolls can be reached by keyboard.
(() => {
  const scrolling = ".inline-figure, div.math, .wide, .highlight pre, .cell_output .output, .pst-scrollable-table-container";

  function fit() {
    for (const formula of document.querySelectorAll("span.math")) {
      formula.classList.remove("wide");
      const column = formula.closest("p, li, td, dd, figcaption") ?? formula.parentElement;
      formula.classList.toggle("wide", formula.offsetWidth > column.clientWidth);
    }
    for (const box of document.querySelectorAll(scrolling)) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }

  // All buttons that open a solution have one name; tell them apart.
  function name() {
    for (const button of document.querySelectorAll(".admonition-title .toggle-button")) {
      const title = button.closest(".admonition-title").innerText.trim();
      button.setAttribute("aria-label", `Show or hide: ${title}`);
    }
  }

  addEventListener("load", fit);
  addEventListener("load", name);
  addEventListener("resize", fit);
})();

// A browser may not read other files from a page on disk, which the search would do for excerpts.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

for (const link of document.querySelectorAll('a[href$=".ipynb"]')) {
  link.download = "";
  link.removeAttribute("target");
}
