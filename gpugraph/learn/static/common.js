"use strict";
/** What all pages share; the one global name. The other scripts add to it. */
const learn = {};

{
  /** What the library computed for this page. */
  learn.data = JSON.parse(document.getElementById("data").textContent);

  /**
   * An HTML element. Strings among the children become text, never markup.
   * @param {string} tag
   * @param {Object} [attributes]  a function, such as onclick, becomes a listener; false leaves out
   * @param {...(Node|string|null)} children
   * @returns {HTMLElement}
   */
  learn.el = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);

  /** An SVG element; see learn.el. @returns {SVGElement} */
  learn.svg = (tag, attributes, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") node.addEventListener(name.replace(/^on/, ""), value);
      else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child != null));
    return node;
  }

  /** The element with that id. */
  learn.find = (id) => document.getElementById(id);

  /** Put these children into a node in place of what it has. */
  learn.put = (node, ...children) => node.replaceChildren(...children.flat().filter((c) => c != null));

  /**
   * A number as people read it: "0.25", "−3", "69,632", "1.2e−7"; at most so many digits that count.
   * @param {number} x
   * @param {number} [digits]
   */
  learn.text = (x, digits = 4) => {
    if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : x > 0 ? "∞" : "−∞";
    const size = Math.abs(x);
    const plain = size === 0 || (size >= 1e-4 && size < 1e15);
    const text = Number.isInteger(x) && plain ? size.toLocaleString("en-US")
      : plain ? Number(size.toPrecision(Math.max(digits, Math.ceil(Math.log10(size) + 1e-12))))
        .toLocaleString("en-US", { maximumFractionDigits: 20 })
      : size.toExponential(Math.max(0, digits - 2)).replace(/\.?0+e/, "e").replace("e+", "e");
    return ((x < 0 ? "-" : "") + text).replaceAll("-", "−");
  };

  /**
   * The number that someone typed, or NaN: "69,632", "−3", "0.5", "1/3" and "0,5".
   * @param {string} typed
   */
  learn.number = (typed) => {
    const parts = typed.replace(/[\s_]/g, "").replace(/[−–]/g, "-").split("/").map((part) => {
      if (/^-?\d{1,3}(,\d{3})+(\.\d*)?$/.test(part)) part = part.replaceAll(",", "");
      part = part.replace(",", ".");
      return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(part) ? Number(part) : NaN;
    });
    return parts.length > 2 ? NaN : parts.length === 2 ? parts[0] / parts[1] : parts[0];
  };

  /**
   * A formula as nodes: letters that stand alone become variables, H_out gets a subscript, F^2 a
   * superscript. learn.formula("floor((H + 2P - F) / S) + 1")
   * @param {string} text
   * @returns {HTMLElement}
   */
  learn.formula = (text) => {
    const box = learn.el("span", { class: "formula" });
    const token = /([A-Za-z]{2,}(?![A-Za-z]*_))|([A-Za-z])(?:_([A-Za-z0-9]+))?|\^([A-Za-z0-9]+)|(-)|\*/g;
    let at = 0;
    for (const m of text.matchAll(token)) {
      box.append(text.slice(at, m.index));
      at = m.index + m[0].length;
      if (m[1]) box.append(m[1]);
      else if (m[2]) box.append(learn.el("var", {}, m[2]), m[3] ? learn.el("sub", {}, m[3]) : "");
      else if (m[4]) box.append(learn.el("sup", {}, m[4]));
      else box.append(m[5] ? "−" : "·");
    }
    box.append(text.slice(at));
    return box;
  };

  /** A whole number from low to high, next to x. */
  learn.whole = (x, low, high) => Math.min(high, Math.max(low, Math.round(x)));

  /** range(3) is [0, 1, 2]. */
  learn.range = (n) => Array.from({ length: Math.max(0, n) }, (_, i) => i);

  /** An array of rows, each value made by f(row, column). */
  learn.table = (rows, columns, f) =>
    learn.range(rows).map((i) => learn.range(columns).map((j) => f(i, j)));
}
