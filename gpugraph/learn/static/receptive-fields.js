"use strict";
// The page receptive-fields: a list of layers to edit, what one unit sees of each, and how much.
{
  const { el, svg, text } = learn;
  const { grow, lengths, cone, profile, innerShare } = learn.fields;
  const presets = learn.data.presets;
  const KINDS = ["conv", "pool"];
  const PARTS = [["F", "window", 1, 15], ["S", "stride", 1, 8], ["P", "padding", 0, 30], ["D", "dilation", 1, 16]];
  const MOST = { layers: 24, image: 512, field: 4096 };

  // In the state a layer is [0 conv or 1 pool, F, S, P, D].
  const packed = (layers) => layers.map(({ kind, F, S, P, D }) => [KINDS.indexOf(kind), F, S, P, D]);
  const unpacked = (rows) => rows.map(([kind, F, S, P, D]) => ({ kind: KINDS[kind], F, S, P, D }));
  const whole = (value, low, high) => Math.max(low, Math.min(high, Math.round(value)));

  const state = learn.state({ layers: packed(presets[0].layers), image: presets[0].shown, unit: -1 }, (s) => {
    s.layers = s.layers.slice(0, MOST.layers).map((row) => [
      whole(row[0] || 0, 0, 1), ...PARTS.map(([, , low, high], i) => whole(row[i + 1] ?? low, low, high))]);
    while (grow(unpacked(s.layers)).pop().size > MOST.field) s.layers.pop();
    s.image = whole(s.image, 1, MOST.image);
    const units = lengths(unpacked(s.layers), s.image).pop();
    if (s.unit < 0) s.unit = Math.floor(units / 2); // -1: the one in the middle
    s.unit = whole(s.unit, 0, Math.max(0, units - 1));
  });
  const layersOf = (s) => unpacked(s.layers);
  const presetOf = (s) => presets.find((p) => JSON.stringify(packed(p.layers)) === JSON.stringify(s.layers));

  function examples() {
    const pick = el("select", { id: "preset", "data-key": "preset" }, el("option", { value: "" }, "your own layers"),
      ...presets.map((p, i) => el("option", { value: i }, p.name)));
    pick.addEventListener("change", () => {
      const p = presets[pick.value];
      if (p) state.set({ layers: packed(p.layers), image: p.shown, unit: -1 });
    });
    state.watch((s) => { pick.value = presetOf(s) ? presets.indexOf(presetOf(s)) : ""; });
    return el("div", { class: "control choose" }, el("label", { for: "preset" }, "Example"), pick);
  }

  const result = el("p", { class: "result", id: "result", "aria-live": "polite" });
  const square = el("div", { id: "square" });
  learn.put(learn.find("controls"), examples(),
    learn.slider(state, "image", { label: "pixels along the image", min: 1, max: MOST.image }),
    learn.slider(state, "unit", { label: "which unit looks", min: 0, max: (s) => Math.max(0, lengths(layersOf(s), s.image).pop() - 1) }),
    result, square);

  // The table of layers: fields stay while numbers change, so that the cursor does, too.
  const body = el("tbody");
  const COLUMNS = ["layer", "F", "S", "P", "D", "size", "jump", "start", "units", ""];
  const TITLES = { F: "window", S: "stride", P: "padding", D: "dilation", size: "pixels that a unit sees",
    jump: "pixels from a unit to the next", start: "first pixel that unit 0 sees", units: "units along the layer" };
  const table = el("div", { class: "layers" }, el("table", {},
    el("thead", {}, el("tr", {}, ...COLUMNS.map((c) => el("th", { scope: "col", title: TITLES[c] || null },
      c.length === 1 ? el("var", {}, c) : c)))), body),
    learn.button("+ conv", () => add([0, 3, 1, 1, 1]), { class: "add" }),
    learn.button("+ pool", () => add([1, 2, 2, 0, 1]), { class: "add" }));
  const drawing = el("div", { id: "pyramid" });
  const error = el("p", { class: "error", id: "error", hidden: true });
  learn.put(learn.find("picture"), error, drawing, table);
  let rows = [];

  function add(row) {
    state.set({ layers: [...state.values.layers, row], unit: -1 });
    rows[rows.length - 1]?.kind.focus();
  }
  function change(i, part, value) {
    const layers = structuredClone(state.values.layers);
    layers[i][part] = value;
    state.set({ layers, unit: -1 });
  }
  function move(i, by) {
    const layers = structuredClone(state.values.layers);
    [layers[i], layers[i + by]] = [layers[i + by], layers[i]];
    state.set({ layers, unit: -1 });
    const moved = rows[i + by];
    const button = by < 0 ? moved.up : moved.down;
    (button.disabled ? (by < 0 ? moved.down : moved.up) : button).focus();
  }
  function remove(i) {
    state.set({ layers: state.values.layers.filter((_, at) => at !== i), unit: -1 });
    (rows[Math.min(i, rows.length - 1)]?.drop ?? table.querySelector(".add")).focus();
  }

  function rowOf(i) {
    const name = `layer ${i + 1}`;
    const kind = el("select", { "aria-label": `kind of ${name}`, "data-key": `kind-${i}`,
      onchange: (event) => change(i, 0, KINDS.indexOf(event.target.value)) },
      ...KINDS.map((k) => el("option", { value: k }, k)));
    const fields = PARTS.map(([letter, what, low, high], at) => {
      const field = el("input", { type: "number", min: low, max: high, "aria-label": `${what} of ${name}`, "data-key": `${letter}-${i}` });
      field.addEventListener("input", () => {
        const x = field.valueAsNumber;
        if (Number.isInteger(x) && x >= low && x <= high) change(i, at + 1, x);
      });
      field.addEventListener("change", () => { field.value = state.values.layers[i][at + 1]; });
      return field;
    });
    const up = learn.button("↑", () => move(i, -1), { "aria-label": `${name} up` });
    const down = learn.button("↓", () => move(i, 1), { "aria-label": `${name} down` });
    const drop = learn.button("✕", () => remove(i), { "aria-label": `remove ${name}` });
    const numbers = ["size", "jump", "start", "units"].map((key) => el("td", { "data-cell": `${key}-${i}`, class: "number" }));
    const node = el("tr", {}, el("td", {}, kind), ...fields.map((f) => el("td", {}, f)),
      ...numbers, el("td", { class: "buttons" }, up, down, drop));
    return { node, kind, fields, up, down, drop, numbers };
  }

  function fillTable(s, grown, units) {
    if (rows.length !== s.layers.length) {
      rows = s.layers.map((_, i) => rowOf(i));
      learn.put(body, rows.map((row) => row.node));
    }
    rows.forEach((row, i) => {
      row.kind.value = KINDS[s.layers[i][0]];
      row.fields.forEach((field, at) => {
        if (field.valueAsNumber !== s.layers[i][at + 1]) field.value = s.layers[i][at + 1];
      });
      row.up.disabled = i === 0;
      row.down.disabled = i === rows.length - 1;
      const { size, jump, start } = grown[i + 1];
      [size, jump, start, units[i + 1]].forEach((v, at) => { row.numbers[at].textContent = text(v); });
    });
  }

  /** All levels, image at the bottom, each unit above the middle of what it sees. */
  function pyramid(s, layers, grown, units, seen, row) {
    const width = Math.max(300, learn.find("picture").clientWidth - 6);
    const left = 92;
    const right = 90;
    const low = Math.min(0, seen[0][0]);
    const high = Math.max(s.image - 1, seen[0][1]);
    const scale = (width - left - right) / (high - low + 1);
    const at = (pixel) => left + (pixel - low) * scale;
    const high_ = Math.max(16, Math.min(34, 330 / (layers.length + 1)));
    const bar = high_ * 0.62;
    const top = (level) => (layers.length - level) * high_ + 4;
    const middle = (level, unit) => grown[level].start + unit * grown[level].jump + grown[level].size / 2;
    const edges = (level, [a, b]) => [at(middle(level, a) - grown[level].jump / 2), at(middle(level, b) + grown[level].jump / 2)];
    const parts = [];
    const shape = [];
    for (let level = layers.length; level >= 0; level--) {
      const [a, b] = edges(level, seen[level]);
      shape.push([a, b, top(level)], [a, b, top(level) + bar]);
    }
    const outline = [...shape.map(([a, , y]) => `${a.toFixed(1)},${y.toFixed(1)}`),
      ...shape.reverse().map(([, b, y]) => `${b.toFixed(1)},${y.toFixed(1)}`)].join(" ");
    parts.push(svg("polygon", { points: outline, class: "cone" }));
    for (let level = 0; level <= layers.length; level++) {
      const layer = layers[level - 1];
      const { jump } = grown[level];
      const y = top(level);
      const [a, b] = seen[level];
      const style = layer ? layer.kind : "image";
      const [x0, x1] = edges(level, [0, units[level] - 1]);
      if (jump * scale >= 5) {
        for (let o = Math.min(0, a); o < Math.max(units[level], b + 1); o++) {
          const pad = o < 0 || o >= units[level];
          const kind = `unit ${pad ? "pad" : style} ${o >= a && o <= b ? "seen" : ""}`;
          const [u, v] = edges(level, [o, o]);
          parts.push(svg("rect", { x: u + 0.5, y, width: v - u - 1, height: bar, rx: Math.min(3, jump * scale / 5), class: kind }));
        }
      } else {
        const [u, v] = edges(level, [a, b]);
        parts.push(svg("rect", { x: x0, y, width: x1 - x0, height: bar, class: `unit ${style}` }),
          svg("rect", { x: u, y, width: v - u, height: bar, class: "unit seen pad" }),
          svg("rect", { x: Math.max(u, x0), y, width: Math.max(0, Math.min(v, x1) - Math.max(u, x0)), height: bar, class: `unit seen ${style}` }));
      }
      const label = layer ? `${layer.kind} ${layer.F}${layer.S > 1 ? ` /${layer.S}` : ""}${layer.D > 1 ? ` d${layer.D}` : ""}` : "image";
      parts.push(svg("text", { x: 4, y: y + bar / 2, class: "label" }, label),
        svg("text", { x: width - right + 8, y: y + bar / 2, class: "label" }, level ? text(b - a + 1) : `${text(b - a + 1)} pixels`));
    }
    const floor = top(0) + high_;
    const most = Math.max(...row);
    row.forEach((v, j) => {
      const height = 44 * (v / most);
      parts.push(svg("rect", { x: at(seen[0][0] + j), y: floor + 44 - height, width: Math.max(0.6, scale - (scale > 4 ? 1 : 0)), height, class: "share" }));
    });
    parts.push(svg("text", { x: 4, y: floor + 30, class: "label" }, "gradient"));
    const height = floor + 48;
    return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", class: "pyramid",
      "aria-label": `One unit sees ${seen.map(([a, b]) => b - a + 1).reverse().join(", ")} units of the levels below it, the last being the image` }, ...parts);
  }

  /** The image as a square, with the field in it: dark where the gradient is large. */
  function inImage(s, seen, row) {
    const [a] = seen[0];
    const low = Math.min(0, a);
    const side = Math.max(s.image, a + row.length) - low;
    const step = Math.ceil(side / 150);
    const n = Math.ceil(side / step);
    const line = Array(n).fill(0);
    row.forEach((v, j) => { line[Math.floor((a - low + j) / step)] += v; });
    const map = learn.table(n, n, (i, j) => line[i] * line[j]);
    const scale = 240 / n;
    const frame = (x, length, style) => svg("rect", { x: ((x - low) / side) * 240 + 1, y: ((x - low) / side) * 240 + 1,
      width: (length / side) * 240, height: (length / side) * 240, class: style });
    return [el("div", { class: "map" }, learn.picture(map, { scale, name: "gradient of the unit on the image" }),
      svg("svg", { width: 242, height: 242, viewBox: "0 0 242 242", "aria-hidden": "true" },
        frame(0, s.image, "border"), frame(a, row.length, "field"))),
    el("p", { class: "note" }, "The image, and the field of that unit in it.")];
  }

  function say(s, grown, seen, row) {
    const { size, jump } = grown[grown.length - 1];
    const [a, b] = seen[0];
    const outside = Math.max(0, -a) + Math.max(0, b - s.image + 1);
    const inner = row.length - 2 * Math.floor(row.length / 4);
    learn.put(result, "One unit sees ", el("b", { "data-value": "size" }, text(size)), " pixels: ",
      el("span", { "data-value": "from" }, text(a)), " to ", el("span", { "data-value": "to" }, text(b)),
      outside ? `, ${text(outside)} of them in the padding` : "", `. Its neighbour sees ${text(jump)} further on. `,
      `The inner ${inner}×${inner} of its ${size}×${size} hold `, el("b", { "data-value": "inner" }, `${text(100 * innerShare(row), 3)} %`),
      " of the gradient.");
  }

  function draw(s) {
    const layers = layersOf(s);
    const grown = grow(layers);
    const units = lengths(layers, s.image);
    fillTable(s, grown, units);
    const fits = units[units.length - 1] > 0;
    error.hidden = fits;
    for (const part of [drawing, result, square]) part.hidden = !fits;
    if (!fits) {
      const at = units.indexOf(0);
      error.textContent = `No window of layer ${at} fits into ${units[at - 1]} units. Take a larger image, or pad.`;
      return;
    }
    const seen = cone(layers, s.unit);
    const row = profile(layers);
    learn.put(drawing, pyramid(s, layers, grown, units, seen, row));
    say(s, grown, seen, row);
    learn.put(square, ...inImage(s, seen, row));
  }

  /** What Python measured: formulas and gradients side by side, and maps of random networks. */
  function measuredTable() {
    const words = (numbers) => numbers.map((v) => text(v)).join(" / ");
    learn.put(learn.find("measured"), el("table", {},
      el("thead", {}, el("tr", {}, ...["", "formula: size / jump / start", "gradients show", "inner half holds, equal weights", "random weights, ReLU, maxima"]
        .map((c) => el("th", { scope: "col" }, c)))),
      el("tbody", {}, ...presets.map((p) => el("tr", { "data-preset": p.name }, el("th", { scope: "row" }, p.name),
        el("td", {}, words(p.theory)), el("td", {}, words(p.measured), p.theory.every((v, i) => v === p.measured[i]) ? " ✓" : " differs"),
        el("td", {}, `${text(100 * innerShare(profile(p.layers)), 3)} %`), el("td", {}, `${text(100 * p.heard.inner, 3)} %`))))));
  }

  function maps() {
    const made = presets.map((p) => {
      const bytes = atob(p.heard.bytes);
      const n = p.heard.side;
      const map = learn.table(n, n, (i, j) => bytes.charCodeAt(i * n + j));
      const what = p.heard.step > 1 ? `${p.theory[0]}×${p.theory[0]} pixels, ${p.heard.step}×${p.heard.step} to a dot` : `${p.theory[0]}×${p.theory[0]} pixels`;
      return el("figure", {}, learn.picture(map, { scale: 168 / n, name: `gradient of one unit of ${p.name}` }),
        el("figcaption", {}, el("b", {}, p.name), el("br"), what));
    });
    learn.put(learn.find("maps"), made);
  }

  measuredTable();
  state.watch(draw);
  learn.onLook(() => { draw(state.values); maps(); });
}
