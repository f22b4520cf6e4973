"use strict";
/* From a fully connected to a convolutional layer in three steps, with parameters counted. */
{
  const { el, svg, text, range } = learn;
  const state = learn.why;
  const [inputs, window_] = [10, 3];
  const outputs = inputs - window_ + 1;
  const stages = ["fully connected", "limit: one output sees a window", "tile: a window for each output", "share: all windows have the same weights"];

  /** Number of the weight that joins output i and input j at a stage, or null. */
  function weight(stage, i, j) {
    const tap = j - i;
    if (stage === 0) return i * inputs + j;
    if (stage === 1 && i > 0) return i * inputs + j;
    if (tap < 0 || tap >= window_) return null;
    return stage === 3 ? tap : i * inputs + j;
  }
  const hues = 9; // of weights that are not shared: neighbours differ
  const hue = (stage, number) => (stage === 3 ? `hsl(${40 + 120 * number} 62% 50%)` : `hsl(${(number * 7 % hues) * (360 / hues)} 38% 56%)`);

  const wires = el("div");
  const matrix = el("div");
  const caption = el("p", { class: "result", "aria-live": "polite" });
  const counts = el("div", { class: "counts", "aria-live": "polite" });
  learn.find("wires").append(el("div", { class: "row" },
    el("figure", { class: "grid" }, el("figcaption", {}, "10 inputs above, 8 outputs below; a colour is a weight"), wires),
    el("figure", { class: "grid" }, el("figcaption", {}, "the same as a matrix, 8×10"), matrix)), caption, counts);
  learn.find("steps").append(
    learn.stepper(state, "stage", { label: "Step", count: () => 4, pace: 1600, say: (k) => ["full", "limit", "tile", "share"][k] }),
    el("div", { class: "two" },
      learn.slider(state, "H", { letter: "H", label: "rows", min: 1, max: 256 }),
      learn.slider(state, "W", { letter: "W", label: "columns", min: 1, max: 256 }),
      learn.slider(state, "F", { letter: "F", label: "filter size", min: 1, max: 11, step: 2 }),
      learn.slider(state, "K", { letter: "K", label: "channels in", min: 1, max: 512 }),
      learn.slider(state, "L", { letter: "L", label: "channels out", min: 1, max: 512 })));

  function draw(s) {
    const width = Math.min(430, learn.find("wires").clientWidth - 4);
    const across = (k, n) => ((k + 0.5) * width) / n;
    const lines = [];
    const cells = [];
    const cell = 22;
    for (const i of range(outputs)) {
      for (const j of range(inputs)) {
        const number = weight(s.stage, i, j);
        const colour = number === null ? null : hue(s.stage, number);
        cells.push(svg("rect", { x: 1 + j * cell, y: 1 + i * cell, width: cell, height: cell, class: "cell", style: colour && `fill:${colour}` }));
        if (colour) {
          lines.push(svg("line", { x1: across(j, inputs), y1: 14, x2: across(i + 1, inputs), y2: 156,
            style: `stroke:${colour};stroke-width:${s.stage > 1 || (s.stage === 1 && i === 0) ? 2.6 : 1}` }));
        }
      }
    }
    const dots = [...range(inputs).map((j) => [across(j, inputs), 12]), ...range(outputs).map((i) => [across(i + 1, inputs), 158])];
    learn.put(wires, svg("svg", { width, height: 172, role: "img", "aria-label": stages[s.stage] }, ...lines,
      ...dots.map(([cx, cy]) => svg("circle", { cx, cy, r: 7, class: "unit" }))));
    learn.put(matrix, svg("svg", { width: inputs * cell + 2, height: outputs * cell + 2, role: "img",
      "aria-label": `matrix, ${stages[s.stage]}` }, ...cells));
    const all = range(outputs).flatMap((i) => range(inputs).map((j) => weight(s.stage, i, j))).filter((n) => n !== null);
    learn.put(caption, el("b", {}, stages[s.stage]), `: ${all.length} connections, `,
      el("b", { "data-name": "wires" }, text(new Set(all).size)), " weights.");
    count(s);
  }

  /** Weights of an image-sized layer, three ways. Outputs are as large as the image. */
  function count(s) {
    const { H, W, F, K, L } = s;
    const rows = [
      ["fully connected", "H W K H W L", H * W * K * H * W * L, s.stage === 0],
      ["locally connected", "F^2 K L H W", F * F * K * L * H * W, s.stage === 2],
      ["convolutional", "F^2 K L", F * F * K * L, s.stage === 3],
    ];
    const most = Math.log10(rows[0][2] + 1) || 1;
    learn.put(counts, el("div", { class: "caption" }, `Weights of a layer from ${K} to ${L} ${L === 1 ? "map" : "maps"} of ${H}×${W}, with windows of ${F}×${F} (bars: logarithmic)`),
      el("table", {}, rows.map(([name, formula, value, here]) => el("tr", { class: here ? "here" : "" }, el("th", { scope: "row" }, name),
        el("td", {}, learn.formula(formula)), el("td", { class: "number", "data-count": name.split(" ")[0] }, text(value)),
        el("td", { class: "wide" }, el("span", { class: "bar conv", style: `width:${((100 * Math.log10(value + 1)) / most).toFixed(1)}%` }))))));
  }

  state.watch(draw);
  learn.onLook(() => draw(state.values));
}
