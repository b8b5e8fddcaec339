"use strict";

// What a link leads to, a theorem, figure, table, formula, exercise, reference, term, section or
// chapter, is shown beside the link while it is pointed at or has the focus. Escape closes it, and
// the pointer may rest on it.
(() => {
  const links = "article a.internal:not(.headerlink)";
  const blocks = ".proof, .exercise, figure, table, div.math, dt, section";
  const pages = new Map();
  const box = document.createElement("div");
  box.className = "preview";
  box.id = "preview";
  box.role = "tooltip";
  box.hidden = true;
  document.body.append(box);
  let current, timer;

  function read(url) {
    if (url.pathname === location.pathname) return document;
    if (url.protocol === "file:") return undefined; // a browser reads no other file from the disk
    if (!pages.has(url.pathname)) {
      const page = fetch(url).then((answer) => answer.text()).catch(() => ""); // no connection
      pages.set(url.pathname, page.then((text) => new DOMParser().parseFromString(text, "text/html")));
    }
    return pages.get(url.pathname);
  }

  async function content(link) {
    if (link.dataset.reference) return [link.dataset.reference];
    const url = new URL(link.href);
    const page = await read(url);
    const place = url.hash ? page?.getElementById(decodeURIComponent(url.hash.slice(1))) : page?.querySelector("article section");
    return excerpt(place?.closest(blocks)).filter(Boolean).map((part) => {
      const copy = part.cloneNode(true);
      copy.removeAttribute("id");
      copy.querySelectorAll(".headerlink, script, template").forEach((extra) => extra.remove());
      if (!/^H\d$/.test(copy.tagName)) return copy;
      const title = document.createElement("p"); // a heading would be one of this page
      title.className = "preview-title";
      title.append(...copy.childNodes);
      return title;
    });
  }

  // A term with its definition, which several terms may share; a section's title and first words.
  function excerpt(block) {
    if (block?.tagName === "DT") {
      let definition = block;
      while (definition && definition.tagName !== "DD") definition = definition.nextElementSibling;
      return [block, definition];
    }
    if (block?.tagName === "SECTION") return [block.querySelector(":scope > :is(h1, h2, h3, h4)"), block.querySelector(":scope > p")];
    return [block];
  }

  async function show(link) {
    current = link;
    const parts = await content(link);
    if (current !== link || !parts.length) return;
    box.replaceChildren(...parts);
    box.hidden = false;
    const at = link.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 24));
    const below = at.bottom + box.offsetHeight + 8 < innerHeight || at.top < box.offsetHeight;
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${scrollY + (below ? at.bottom + 6 : at.top - box.offsetHeight - 6)}px`;
    link.setAttribute("aria-describedby", box.id);
  }

  function hide() {
    current?.removeAttribute("aria-describedby");
    current = undefined;
    box.hidden = true;
    box.replaceChildren(); // a copy would keep the marks of a page that has since changed its width
  }

  function later(action, wait) {
    clearTimeout(timer);
    timer = setTimeout(action, wait);
  }

  for (const link of document.querySelectorAll(links)) {
    // The list of references is long, and each link to it has the reference as its title. The title of
    // a link to a function is the function's name.
    if (link.title && link.hash !== `#${link.title}`) link.dataset.reference = link.title;
    link.removeAttribute("title");
    link.addEventListener("focus", () => later(() => show(link), 0));
    link.addEventListener("blur", () => later(hide, 0));
    link.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && later(() => show(link), 250));
    link.addEventListener("pointerleave", () => later(hide, 250));
  }
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("pointerleave", () => later(hide, 250));
  addEventListener("keydown", ({ key }) => key === "Escape" && hide());
})();
