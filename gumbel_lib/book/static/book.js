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
    const spec = JSON.parse(box.querySelector("script").textContent);
    // Vega measures text in the font it is told, so tell it the page's.
    spec.config.font = getComputedStyle(box).fontFamily;
    controls.replaceChildren();
    const options = { actions: false, bind: controls, renderer: "svg", tooltip: false };
    box.view = (await vegaEmbed(chart, spec, options)).view;
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
