"use strict";
{
  const { el, text, whole, table } = learn;
  const { examples, filters } = learn.data;
  const names = Object.keys(filters);

  // x, w, b are empty while they are the example's
  const state = learn.state({ example: "lecture", filter: 0, P: 0, S: 1, step: 0, x: [], w: [], b: [] }, (s) => {
    if (!examples[s.example]) s.example = "lecture";
    s.filter = whole(s.filter, 0, names.length - 1);
    s.P = whole(s.P, 0, 2);
    s.S = whole(s.S, 1, 3);
    for (const key of "xwb") {
      if (shape(s[key]) !== shape(examples[s.example][key]) || key === "x" && s.example === "picture") s[key] = [];
    }
    const [h, w] = size(s);
    s.step = whole(s.step, 0, h * w * examples[s.example].w.length - 1);
  });

  function shape(a) { return Array.isArray(a) ? `${a.length},${shape(a[0])}` : ""; }
  function size(s) {
    const { x, w } = examples[s.example];
    const F = w[0][0].length;
    return [learn.outputs(x[0].length, F, s.S, s.P), learn.outputs(x[0][0].length, F, s.S, s.P)];
  }
  /** The numbers in use. */
  function numbers(s) {
    const given = examples[s.example];
    let w = s.w.length ? s.w : given.w;
    if (!s.w.length && s.example === "picture") w = [[filters[names[s.filter]]]];
    return { x: s.x.length ? s.x : given.x, w, b: s.b.length ? s.b : given.b };
  }
  /** Filter, row and column of the output that the step makes. */
  function where(s) {
    const [h, w] = size(s);
    const at = s.step % (h * w);
    return [Math.floor(s.step / (h * w)), Math.floor(at / w), at % w];
  }
  function go(l, i, j) {
    const [h, w] = size(state.values);
    if (i >= 0 && i < h && j >= 0 && j < w) state.set({ step: (l * h + i) * w + j });
  }
  function change(key, ...path) {
    return (x) => {
      const next = structuredClone(numbers(state.values)[key]);
      const last = path.slice(0, -1).reduce((a, i) => a[i], next);
      last[path[path.length - 1]] = x;
      state.set({ [key]: next });
    };
  }

  const place = learn.find("picture");
  const box = el("div", { class: "by-hand" });
  const sum = el("p", { class: "result", "aria-live": "polite", "data-name": "sum" });
  place.append(box, sum);
  let parts = null; // grids of the example that is shown

  learn.find("controls").append(
    learn.choose(state, "example", { label: "Example", options: [["lecture", "the lecture's: 5×6 * 3×3"],
      ["channels", "three channels, two filters"], ["picture", "a picture"]] }),
    learn.stepper(state, "step", { label: "Position", pace: 600,
      count: (s) => size(s)[0] * size(s)[1] * examples[s.example].w.length }),
    learn.when(state, (s) => s.example === "picture", learn.choose(state, "filter",
      { label: "Filter", options: names.map((name, i) => [i, name]) })),
    learn.slider(state, "P", { letter: "P", label: "padding", min: 0, max: 2 }),
    learn.slider(state, "S", { letter: "S", label: "stride", min: 1, max: 3 }),
    learn.button("The example's numbers again", () => state.set({ x: [], w: [], b: [] }), { class: "reset" }));
  // another example or filter begins with its own numbers
  for (const list of document.querySelectorAll("select")) {
    list.addEventListener("change", () => state.set({ x: [], w: [], b: [], step: 0 }));
  }

  /** Grids for K channels, the slices of one filter, products, and L maps. */
  function build(example, l) {
    const { x, w } = examples[example];
    const photo = example === "picture";
    const channels = x.map((_, k) => {
      const tag = x.length > 1 ? ` ${k + 1}` : "";
      const row = {
        x: photo ? learn.framed({ name: "x0", pick: (i, j) => go(0, ...middle(i, j)) })
          : learn.grid({ name: `x${k}`, caption: `channel${tag || " x"}`, edit: (i, j, v) => change("x", k, i, j)(v) }),
        w: learn.grid({ name: `w${k}`, caption: `filter${w.length > 1 ? ` ${l + 1}` : ""}${tag && `, slice${tag}`}`,
          edit: (i, j, v) => change("w", l, k, i, j)(v) }),
        products: learn.grid({ name: `products${k}`, caption: "products" }),
        sum: el("span", { "data-name": `sum${k}` }),
      };
      row.node = el("div", { class: "channel" }, row.x.node, learn.sign("∗"), row.w.node, learn.sign("="),
        row.products.node, el("div", { class: "sum" }, "sum", el("br"), row.sum));
      return row;
    });
    const maps = w.map((_, m) => (photo ? learn.framed({ name: "y0", pick: (i, j) => go(0, i, j) })
      : learn.grid({ name: `y${m}`, caption: w.length > 1 ? `map ${m + 1}` : "output", pick: (i, j) => go(m, i, j) })));
    learn.put(box, el("div", { class: "channels-in" }, channels.map((row) => row.node)),
      learn.sign("→"), el("div", { class: "maps" }, maps.map((map) => map.node)));
    box.classList.toggle("photo", photo);
    return { key: `${example}${l}`, channels, maps };
  }

  /** The step whose window has that pixel in its middle. */
  function middle(row, column) {
    const { P, S } = state.values;
    const [h, w] = size(state.values);
    return [whole((row - 1 + P) / S, 0, h - 1), whole((column - 1 + P) / S, 0, w - 1)];
  }

  function draw(s) {
    const [l, i, j] = where(s);
    if (!parts || parts.key !== `${s.example}${l}`) {
      const focus = document.activeElement && document.activeElement.dataset.cell;
      parts = build(s.example, l);
      if (focus && document.activeElement === document.body) learn.find("picture").focus();
    }
    const { x, w, b } = numbers(s);
    const y = learn.conv(x, w, b, s.S, s.P);
    const F = w[0][0].length;
    const [H, W] = [x[0].length, x[0][0].length];
    const [top, left] = [i * s.S - s.P, j * s.S - s.P];
    const window_ = { row: top, column: left, height: F, width: F };
    const photo = s.example === "picture";
    const wide = place.clientWidth;
    const cell = x.length > 1 ? (wide < 620 ? 30 : 32) : wide < 620 ? 34 : 38;
    const scale = wide < 620 ? Math.floor(Math.min(6, wide / 62)) : Math.max(4, Math.floor((wide - 60) / 130));
    let total = b[l];
    const sums = [];
    parts.channels.forEach((row, k) => {
      const at = (a, c) => {
        const [p, q] = [top + a, left + c];
        return p >= 0 && p < H && q >= 0 && q < W ? x[k][p][q] : 0;
      };
      const products = table(F, F, (a, c) => w[l][k][a][c] * at(a, c));
      const here = products.flat().reduce((p, q) => p + q, 0);
      sums.push(here);
      total += here;
      if (photo) row.x.show(x[k], { frame: window_, scale, colour: "photo", caption: "picture: click into it" });
      else showPadded(row.x, x[k], s, window_, cell);
      row.w.show(w[l][k], { cell });
      row.products.show(products, { cell: photo ? 52 : Math.max(cell, 44),
        text: (_, a, c) => `${text(at(a, c), 3)}·${text(w[l][k][a][c], 3)}` });
      row.sum.textContent = text(here);
    });
    const limit = photo ? Math.max(...y[0].flat().map(Math.abs)) || 1 : undefined;
    parts.maps.forEach((map, m) => {
      const frame = { row: i, column: j, height: 1, width: 1 };
      if (photo) map.show(y[m], { frame, scale, colour: "signed", limit, caption: "output: click into it" });
      else map.show(y[m], { cell, frames: m === l ? [frame] : [] });
    });
    learn.put(sum, `Output ${w.length > 1 ? `of filter ${l + 1} ` : ""}at row ${i + 1}, column ${j + 1}: `,
      sums.map((v) => text(v)).join(" + ").replaceAll("+ −", "− "), b[l] || w.length > 1 ? [" + bias ", bias(l, b)] : "", " = ",
      el("b", { "data-name": "total" }, text(total)),
      top < 0 || left < 0 || top + F > H || left + F > W ? " (outside of the image there are zeros)" : "");
  }

  /** The bias, as a field that stays while someone types in it. */
  let field = null;
  function bias(l, b) {
    if (!field) {
      field = el("input", { type: "text", inputmode: "decimal", size: 4, "aria-label": "bias", "data-name": "bias",
        oninput: () => {
          const v = learn.number(field.value);
          if (!Number.isNaN(v)) change("b", where(state.values)[0])(v);
        } });
    }
    if (learn.number(field.value) !== b[l]) field.value = text(b[l]);
    return field;
  }

  /** A channel with its padding and the window on it. */
  function showPadded(grid, x, s, window_, cell) {
    const inside = (a, c) => a >= window_.row && a < window_.row + window_.height
      && c >= window_.column && c < window_.column + window_.width;
    grid.show(x, { cell, frames: [window_], pad: s.P, kind: (a, c) => (inside(a, c) ? "hit" : "") });
    grid.node.lastChild.style.margin = `${s.P * cell}px`;
  }

  state.watch(draw);
  learn.onLook(() => draw(state.values));
}
