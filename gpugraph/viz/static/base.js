"use strict";
/** The one name that the pages' scripts share. */
const gg = {};
{
  const SVG = "http://www.w3.org/2000/svg";

  /**
   * An element. Attributes that begin with "on" are handlers; children are nodes or text.
   * @param {string} tag  "svg:rect" for one of SVG
   * @param {Object} [attributes]
   * @param {...(Node|string|number|null)} children
   */
  gg.el = (tag, attributes = {}, ...children) => {
    const made = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((c) => c !== null && c !== undefined));
    return made;
  };

  /** Text with its middle left out, so that it has at most `most` characters; surrogates stay whole. */
  gg.short = (text, most = 28) => {
    if (text.length <= most) return text;
    const letters = Array.from(text.length > 400 ? text.slice(0, 200) + text.slice(-200) : text);
    const head = Math.ceil((most - 1) / 2);
    const tail = most - 1 - head;
    return letters.slice(0, head).join("") + "…" + letters.slice(letters.length - tail).join("");
  };

  const ruler = document.createElement("canvas").getContext("2d");
  const widths = new Map();
  let family = "";

  /** Width of a line in px. Sizes up to 4,000 texts are remembered. */
  gg.width = (text, size, bold = false) => {
    const key = `${size}${bold ? "b" : ""}${text}`;
    let found = widths.get(key);
    if (found === undefined) {
      family ||= getComputedStyle(document.body).fontFamily;
      ruler.font = `${bold ? "600 " : ""}${size}px ${family}`;
      found = ruler.measureText(text).width;
      if (widths.size > 4000) widths.clear();
      widths.set(key, found);
    }
    return found;
  };

  /** The text, shortened in its middle until it is at most that wide. */
  gg.fitted = (text, room, size, bold = false) => {
    let most = Math.min(text.length, 80);
    let shown = gg.short(text, most);
    while (most > 3 && gg.width(shown, size, bold) > room) {
      most = Math.max(3, Math.min(most - 1, Math.floor((most * room) / gg.width(shown, size, bold)) + 1));
      shown = gg.short(text, most);
    }
    return shown;
  };

  /** A number of the JSON: "nan", "inf" and "-inf" are numbers, too. */
  gg.number = (x) => (typeof x === "string" ? { nan: NaN, inf: Infinity, "-inf": -Infinity }[x] ?? NaN : x);
  gg.known = (x) => x !== null && x !== undefined;

  /** "115.6 M": with a prefix of powers of 1000. */
  gg.count = (x) => {
    for (const [limit, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (Math.abs(x) >= limit) return `${+(x / limit).toPrecision(4)}\u00a0${unit}`;
    }
    return `${+x.toPrecision(4)}`;
  };
  gg.whole = (x) => Math.round(x).toLocaleString("en-US");
  gg.bytes = (x) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let k = 0;
    while (Math.abs(x) >= 1024 && k < units.length - 1) {
      x /= 1024;
      k++;
    }
    return `${+x.toPrecision(k ? 4 : 15)}\u00a0${units[k]}`;
  };
  gg.seconds = (x) => {
    const [factor, unit] = x >= 1 ? [1, "s"] : x >= 1e-3 ? [1e3, "ms"] : [1e6, "µs"];
    return `${+(x * factor).toPrecision(3)}\u00a0${unit}`;
  };
  gg.real = (x) => {
    x = gg.number(x);
    if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : x > 0 ? "∞" : "-∞";
    return x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5) ? x.toExponential(2) : `${+x.toPrecision(4)}`;
  };
  gg.shape = (shape) => (shape.length ? shape.join("×") : "scalar");
  gg.plural = (n, one, many = `${one}s`) => `${gg.whole(n)} ${n === 1 ? one : many}`;

  const ITEMSIZE = {
    float64: 8,
    int64: 8,
    uint64: 8,
    complex64: 8,
    complex128: 16,
    float16: 2,
    bfloat16: 2,
    int16: 2,
    uint16: 2,
    bool: 1,
    int8: 1,
    uint8: 1,
  };
  /** Bytes of an output {shape, dtype}. */
  gg.sizeOf = (out) => out.shape.reduce((a, b) => a * b, 1) * (ITEMSIZE[out.dtype] ?? 4);
  gg.elements = (out) => out.shape.reduce((a, b) => a * b, 1);

  /** Colours of the theme as they are now, and mixtures of them. */
  gg.colours = () => {
    const style = getComputedStyle(document.documentElement);
    const made = {};
    for (const name of [
      "paper",
      "panel",
      "ink",
      "muted",
      "line",
      "accent",
      "accent-soft",
      "op",
      "op-line",
      "group",
      "group-line",
      "parameter",
      "parameter-line",
      "input",
      "input-line",
      "constant",
      "constant-line",
      "gradient",
      "gradient-line",
      "gradient2",
      "gradient2-line",
      "edge",
      "saved",
      "error",
      "error-soft",
      "good",
      "good-soft",
    ]) {
      made[name] = style.getPropertyValue(`--${name}`).trim();
    }
    return made;
  };
  const parts = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  /** The colour `share` of the way from one to another, both "#rrggbb". */
  gg.mix = (from, to, share) => {
    const a = parts(from), b = parts(to);
    return "#" + a.map((v, i) => Math.round(v + (b[i] - v) * share).toString(16).padStart(2, "0")).join("");
  };

  /** Show a text to screen readers only. */
  gg.say = (text) => {
    const live = document.getElementById("said");
    if (live) live.textContent = text;
  };
}
