// JupyterLab for the book: lab.py says what this adds and why, and puts BOOK before it.
(() => {
  const { citations, glued, targets } = BOOK;
  const STYLE = `
    .jp-Notebook .figure-caption { padding: 0 0 0.5rem calc(var(--jp-cell-prompt-width) + 1rem); }
    .jp-Notebook .solution-rest { display: none; }
    .jp-Notebook .solution-open .solution-rest { display: block; }
  `;

  const text = (value) => ({ type: "text", value });
  const link = (words, url) => (url ? { type: "link", url, children: [text(words)] } : text(words));

  function cited({ label }, bracketed) {
    const { names, year, url } = citations[label];
    return link(bracketed ? `${names}, ${year}` : `${names} (${year})`, url);
  }

  // The parts of a cell's text, each solution inside a box that is closed at first. What follows
  // the code of a solution opens with the box.
  function boxed(parts) {
    const end = parts.findIndex(({ type, gate }) => type === "solution" && gate === "end");
    const box = (kind, ...children) => ({ type: "div", class: kind, children });
    const rest = end < 0 ? [] : [box("solution-rest", ...parts.slice(0, end))];
    const closed = (part) => box("solution", { ...part, class: "dropdown", gate: undefined });
    return [...rest, ...parts.slice(end + 1).map((part) => (part.type === "solution" ? closed(part) : part))];
  }

  // A node of a page's text with what jupyterlab-myst does not know.
  function told(node, page) {
    const known = ({ label }) => label in citations;
    if (node.type === "cite" && known(node))
      return { type: "citeGroup", kind: "parenthetical", children: [cited(node, true)] };
    if (node.type === "citeGroup" && node.children.every(known))
      return { ...node, children: node.children.map((one) => cited(one, node.kind === "parenthetical")) };
    if (node.name === "glue:text") return text(glued[page]?.[node.value] ?? node.value);
    if (node.identifier?.startsWith("term-")) return { type: "link", url: "notation.md", children: node.children };
    const target = targets[{ crossReference: node.label, link: node.url }[node.type]];
    if (target && !node.children?.length && (target.page !== page || target.code))
      return link(target.text, target.page === page ? "" : target.page);
    if (!node.children) return node;
    const children = node.children.map((child) => told(child, page));
    return { ...node, children: node.type === "block" ? boxed(children) : children };
  }

  const source = (cell) => cell.model.sharedModel.getSource();

  // Show or hide the other cells of the solution that starts in a cell.
  function unfold(notebook, start, open) {
    if (source(start).lastIndexOf("{solution-start}") <= source(start).lastIndexOf("{solution-end}")) return;
    for (const cell of notebook.widgets.slice(notebook.widgets.indexOf(start) + 1)) {
      if (source(cell).includes("{solution-end}")) return cell.toggleClass("solution-open", open);
      cell.setHidden(!open);
    }
  }

  function extend(panel) {
    const notebook = panel.content;
    const factory = notebook.contentFactory;
    const page = () => panel.context.path.split("/").pop();

    notebook.contentFactory = Object.assign(Object.create(factory), {
      createMarkdownCell(options) {
        const cell = factory.createMarkdownCell(options);
        const read = cell.updateFragmentMDAST;
        cell.updateFragmentMDAST = async () => {
          await read.call(cell);
          Object.assign(cell.fragmentMDAST, told(cell.fragmentMDAST, page()));
        };
        return cell;
      },

      createCodeCell(options) {
        const cell = factory.createCodeCell(options);
        const { name, caption } = cell.model.getMetadata("mystnb")?.figure ?? {};
        if (caption) {
          const words = options.rendermime.createRenderer("text/markdown");
          const data = { "text/markdown": `*${targets[name]?.text ?? "Figure"}.* ${caption}` };
          words.addClass("figure-caption");
          words.renderModel(options.rendermime.createModel({ data }));
          cell.ready.then(() => cell.layout.addWidget(words)); // below the output
        }
        return cell;
      },
    });

    panel.context.ready.then(() => notebook.widgets.forEach((cell) => unfold(notebook, cell, false)));
    notebook.node.addEventListener(
      "toggle",
      ({ target }) => {
        if (!target.matches(".solution > details")) return;
        unfold(notebook, notebook.widgets.find(({ node }) => node.contains(target)), target.open);
      },
      { capture: true }, // it does not bubble
    );
  }

  const plugin = {
    id: "gumbel-book:notebooks",
    autoStart: true,
    activate(app) {
      const style = document.createElement("style");
      style.textContent = STYLE;
      document.head.append(style);
      app.docRegistry.addWidgetExtension("Notebook", { createNew: extend });
    },
  };

  // What a bundler would write, for an extension that is one module and shares none.
  (window._JUPYTERLAB ??= {})["gumbel-book"] = { init() {}, get: async () => () => plugin };
})();
