"use strict";
// The page one-by-one-and-groups: the column of a pixel times the matrix, and who reads whom.
{
  const { el, svg, text } = learn;
  const { x, w, checks } = learn.data;
  const [H, W] = [x[0].length, x[0][0].length];
  const MOST = x.length;
  const whole = (value, low, high) => Math.max(low, Math.min(high, Math.round(value)));
  const common = (K, L, most) => {
    while (K % most || L % most) most--;
    return most;
  };

  const state = learn.state({ K: 6, L: 6, groups: 1, row: 2, column: 3, out: 3, F: 1 }, (s) => {
    s.K = whole(s.K, 1, MOST);
    s.L = whole(s.L, 1, MOST);
    s.groups = common(s.K, s.L, whole(s.groups, 1, Math.min(s.K, s.L)));
    s.row = whole(s.row, 1, H);
    s.column = whole(s.column, 1, W);
    s.out = whole(s.out, 1, s.L);
    s.F = whole(s.F, 1, 7);
    if (s.F % 2 === 0) s.F++;
  });

  const groupOf = (index, count, groups) => Math.floor((index * groups) / count);
  const joined = (s, l, k) => groupOf(l, s.L, s.groups) === groupOf(k, s.K, s.groups);
  /** The weights with what the groups leave out as null. */
  const matrix = (s) => learn.table(s.L, s.K, (l, k) => (joined(s, l, k) ? w[l][k] : null));
  const product = (rows, column) =>
    rows.map((row) => row.reduce((sum, value, k) => sum + (value ?? 0) * column[k], 0));
  const pixel = (s, i, j) => learn.range(s.K).map((k) => x[k][i][j]);

  const divisors = (s) => learn.range(Math.min(s.K, s.L)).map((n) => n + 1).filter((n) => s.K % n === 0 && s.L % n === 0);

  /** Groups on a slider that stops only where they divide the channels. */
  function groupSlider() {
    const range = el("input", { type: "range", id: "groups", min: 0, "data-key": "groups" });
    const said = el("output", { for: "groups" });
    range.addEventListener("input", () => state.set({ groups: divisors(state.values)[range.valueAsNumber] }));
    state.watch((s) => {
      const all = divisors(s);
      range.max = all.length - 1;
      range.value = all.indexOf(s.groups);
      range.disabled = all.length < 2;
      range.setAttribute("aria-valuetext", `${s.groups} groups`);
      said.textContent = s.groups === 1 ? "1: ordinary" : s.groups === s.K ? `${s.groups}: depthwise` : String(s.groups);
    });
    return el("div", { class: "control slider groups" }, el("label", { for: "groups" }, "groups"), range, said);
  }

  learn.put(learn.find("controls"), groupSlider(),
    learn.slider(state, "K", { letter: "K", label: "channels in", min: 1, max: MOST }),
    learn.slider(state, "L", { letter: "L", label: "channels out", min: 1, max: MOST }),
    learn.slider(state, "row", { label: "row of the pixel", min: 1, max: H }),
    learn.slider(state, "column", { label: "column of the pixel", min: 1, max: W }),
    learn.slider(state, "out", { label: "channel out to look at", min: 1, max: (s) => s.L }),
    learn.slider(state, "F", { letter: "F", label: "window, for counting", min: 1, max: 7, step: 2 }));

  const images = { in: el("div", { class: "stack", "data-name": "in" }), out: el("div", { class: "stack", "data-name": "out" }) };
  const grids = {
    w: learn.grid({ name: "w", colour: "signed", limit: 3 }),
    x: learn.grid({ name: "column", limit: 12 }),
    y: learn.grid({ name: "result", limit: 24 }),
  };
  const story = el("p", { class: "result", id: "story", "aria-live": "polite" });
  const count = el("p", { class: "result", id: "count" });
  const wiring = el("div", { id: "wiring" });
  learn.put(learn.find("picture"),
    el("div", { class: "maps" }, el("div", {}, el("div", { class: "caption" }, "image, K channels"), images.in),
      learn.sign("→"), el("div", {}, el("div", { class: "caption" }, "maps, L channels"), images.out)),
    el("div", { class: "product" }, grids.w.node, grids.x.node, learn.sign("="), grids.y.node, wiring),
    story, count);

  /** Channels as small maps, one behind the other; the pixel is framed in each. */
  function stack(s, channels, lit) {
    const cell = 12;
    return channels.map((map, c) => {
      const most = Math.max(...map.flat().map(Math.abs)) || 1;
      const cells = map.flatMap((values, i) => values.map((v, j) => svg("g", {},
        svg("rect", { x: j * cell + 1, y: i * cell + 1, width: cell, height: cell, class: "cell", onclick: () => state.set({ row: i + 1, column: j + 1 }) }),
        svg("rect", { x: j * cell + 1, y: i * cell + 1, width: cell, height: cell, class: `heat ${v < 0 ? "minus" : "plus"}`, "fill-opacity": (Math.abs(v) / most).toFixed(2) }))));
      return svg("svg", { width: W * cell + 2, height: H * cell + 2, class: lit(c) ? "lit" : "dim", role: "img", "aria-label": `channel ${c + 1}` },
        ...cells, svg("rect", { x: s.column * cell + 1, y: s.row * cell + 1, width: cell, height: cell, class: "frame" }));
    });
  }

  /** A line for each pair of channels that is joined. */
  function wires(s, cell) {
    const step = cell;
    const height = Math.max(s.K, s.L) * step + 26;
    const [left, right] = [20, 190];
    const y = (c, n) => 24 + ((c + 0.5) * Math.max(s.K, s.L) * step) / n;
    const parts = [];
    learn.table(s.L, s.K, (l, k) => {
      if (joined(s, l, k))
        parts.push([l === s.out, svg("line", { x1: left, y1: y(k, s.K), x2: right, y2: y(l, s.L), class: `wire ${l === s.out ? "now" : ""}` })]);
    });
    parts.sort((a, b) => a[0] - b[0]); // the lit ones on top
    const dots = (n, at, side) => learn.range(n).map((c) => svg("circle", { cx: at, cy: y(c, n), r: 6,
      class: `channel ${side === "out" ? (c === s.out ? "lit" : "") : joined(s, s.out, c) ? "lit" : ""}` }));
    return svg("svg", { width: right + 20, height, role: "img", class: "wiring",
      "aria-label": `Channel ${s.out + 1} reads ${s.K / s.groups} of ${s.K} channels` },
    svg("text", { x: left, y: 8 }, "in"), svg("text", { x: right, y: 8 }, "out"),
    ...parts.map(([, line]) => line), ...dots(s.K, left, "in"), ...dots(s.L, right, "out"));
  }

  function draw(values) {
    // people count rows, columns and channels from 1
    const s = { ...values, row: values.row - 1, column: values.column - 1, out: values.out - 1 };
    const rows = matrix(s);
    const column = pixel(s, s.row, s.column);
    const y = product(rows, column);
    const maps = learn.range(s.L).map((l) => learn.table(H, W, (i, j) => product([rows[l]], pixel(s, i, j))[0]));
    const room = learn.find("picture").clientWidth;
    const cell = Math.max(20, Math.min(36, Math.floor((room - (room > 700 ? 340 : 120)) / s.K)));
    learn.put(images.in, stack(s, x.slice(0, s.K), (k) => joined(s, s.out, k)));
    learn.put(images.out, stack(s, maps, (l) => l === s.out));
    const frame = [{ row: s.out, column: 0, height: 1, width: s.K }];
    const part = s.K / s.groups;
    const read = { row: groupOf(s.out, s.L, s.groups) * part, column: 0, height: part, width: 1 };
    const pick = (l) => state.set({ out: l + 1 });
    grids.w.show(rows, { caption: `weights, ${s.L}×${s.K}`, cell, frames: frame, pick, kind: (l, k) => (rows[l][k] === null ? "pad" : "") });
    grids.x.show(column.map((v) => [v]), { caption: "pixel", cell, frames: [read] });
    grids.y.show(y.map((v) => [v]), { caption: "result", cell: Math.max(cell, 28), pick, frames: [{ row: s.out, column: 0, height: 1, width: 1 }] });
    learn.put(wiring, wires(s, cell));
    const terms = learn.range(s.K).filter((k) => joined(s, s.out, k)).map((k) => `${brackets(w[s.out][k])}·${brackets(column[k])}`);
    learn.put(story, `Channel ${s.out + 1} at row ${s.row + 1}, column ${s.column + 1}: ${terms.join(" + ")} = `,
      el("b", { "data-value": "result" }, text(y[s.out])));
    const used = (s.F * s.F * s.K * s.L) / s.groups;
    learn.put(count, `Weights with a window of ${s.F}×${s.F}: ${s.F}·${s.F}·${s.K}·${s.L}${s.groups > 1 ? `/${s.groups}` : ""} = `,
      el("b", { "data-value": "weights" }, text(used)), s.groups > 1 ? `, 1/${s.groups} of ${text(used * s.groups)}.` : ".");
  }
  const brackets = (v) => (v < 0 ? `(${text(v)})` : text(v));

  const six = { K: 6, L: 6 };
  const agree = checks.every(({ groups, y }) => {
    const rows = matrix({ ...six, groups });
    return y.every((map, l) => map.every((line, i) => line.every((v, j) => v === product([rows[l]], pixel(six, i, j))[0])));
  });
  learn.find("checked").textContent = agree ? "The library's convolution, with the same numbers, gives the same maps."
    : "The library's convolution gives other maps.";
  state.watch(draw);
  learn.onLook(() => draw(state.values));
}
