"use strict";

// What a link leads to, a theorem, figure, formula, exercise or reference, is shown beside the link
// while it is pointed at or has the focus. Escape closes it, and the pointer may rest on it.
(() => {
  const links = 'article a.internal[href*="#"]:not(.headerlink)';
  const blocks = ".proof, .exercise, figure, div.math, dt";
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
    const place = (await read(url))?.getElementById(decodeURIComponent(url.hash.slice(1)));
    const block = place?.closest(blocks);
    if (!block) return [];
    const parts = block.tagName === "DT" ? [block, block.nextElementSibling] : [block];
    return parts.map((part) => {
      const copy = part.cloneNode(true);
      copy.removeAttribute("id");
      copy.querySelectorAll(".headerlink, script, template").forEach((extra) => extra.remove());
      return copy;
    });
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
  }

  function later(action, wait) {
    clearTimeout(timer);
    timer = setTimeout(action, wait);
  }

  for (const link of document.querySelectorAll(links)) {
    // The list of references is long, and each link to it has the reference as its title.
    if (link.title) {
      link.dataset.reference = link.title;
      link.removeAttribute("title");
    }
    link.addEventListener("focus", () => later(() => show(link), 0));
    link.addEventListener("blur", () => later(hide, 0));
    link.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && later(() => show(link), 250));
    link.addEventListener("pointerleave", () => later(hide, 250));
  }
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("pointerleave", () => later(hide, 250));
  addEventListener("keydown", ({ key }) => key === "Escape" && hide());
})();
