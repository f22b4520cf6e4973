"use strict";
// The page backward-1d: the same wires forward and backward, the Jacobian, and three ways to gx.
{
  const { el, svg, text } = learn;
  const { outputs, place, jacobian, forward, byTranspose, scatter, byFlippedFilter } = learn.conv1d;
  const presets = learn.data.presets;
  const MOST = { x: 12, w: 5, size: 99 };

  const whole = (value, low, high) => Math.max(low, Math.min(high, Math.round(value)));
  const short = (list, most) =>
    list.slice(0, most).map((v) => Math.max(-MOST.size, Math.min(MOST.size, v)));
  const listed = (list) => `(${list.map((v) => text(v)).join(", ")})`;
  const same = (a, b) => a.length === b.length && a.every((v, i) => Math.abs(v - b[i]) < 1e-9);
  const geometry = ({ stride, padding, dilation }) => ({ stride, padding, dilation });

  const { x, w, g } = presets[0];
  const state = learn.state({ x, w, g, ...geometry(presets[0]), step: 2 }, (s) => {
    s.x = short(s.x.length ? s.x : x, MOST.x);
    s.w = short(s.w.length ? s.w : w, MOST.w);
    s.stride = whole(s.stride, 1, 4);
    s.padding = whole(s.padding, 0, 4);
    s.dilation = whole(s.dilation, 1, 3);
    const M = Math.max(0, outputs(s.x.length, s.w.length, geometry(s)));
    s.g = short(learn.range(M).map((i) => s.g[i] ?? 1), M);
    s.step = whole(s.step, 0, M);
  });

  /** A field for a list of numbers: "1, 0, -2". */
  function list(key, label) {
    const id = `list-${key}`;
    const field = el("input", { type: "text", id, "data-key": key, autocomplete: "off" });
    field.addEventListener("input", () => {
      const parts = field.value.split(/[,;\s]+/).filter(Boolean).map(learn.number);
      const wrong = !parts.length || parts.some(Number.isNaN);
      field.classList.toggle("wrong", wrong);
      if (!wrong) state.set({ [key]: parts });
    });
    const shown = (values) => values[key].map((v) => String(v)).join(", ");
    field.addEventListener("blur", () => {
      field.value = shown(state.values);
      field.classList.remove("wrong");
    });
    state.watch((values) => {
      if (field !== document.activeElement) field.value = shown(values);
    });
    return el("div", { class: "control list" }, el("label", { for: id }, el("var", {}, key), ` ${label}`), field);
  }

  /** The list of examples; it shows which one the numbers are. */
  function examples() {
    const pick = el("select", { id: "preset", "data-key": "preset" },
      el("option", { value: "" }, "your own numbers"),
      ...presets.map((p, i) => el("option", { value: i }, p.name)));
    pick.addEventListener("change", () => {
      const p = presets[pick.value];
      if (p) state.set({ x: p.x, w: p.w, g: p.g, ...geometry(p), step: p.g.length });
    });
    state.watch((s) => {
      const at = presets.findIndex((p) => isPreset(p, s));
      pick.value = at < 0 ? "" : at;
    });
    return el("div", { class: "control choose" }, el("label", { for: "preset" }, "Example"), pick);
  }

  const likePreset = (p, s) => p.x.length === s.x.length && p.w.length === s.w.length
    && ["stride", "padding", "dilation"].every((k) => p[k] === s[k]);
  const isPreset = (p, s) => likePreset(p, s) && ["x", "w", "g"].every((k) => same(p[k], s[k]));

  const stepper = learn.stepper(state, "step", {
    label: "Outputs done",
    count: (s) => s.g.length + 1,
    say: (step, s) => `${step} of ${s.g.length}`,
  });
  learn.put(learn.find("controls"), stepper, examples(),
    list("x", "input"), list("w", "filter"), list("g", "gradient that comes to y"),
    learn.slider(state, "stride", { label: "stride", min: 1, max: 4 }),
    learn.slider(state, "padding", { label: "padding at each end", min: 0, max: 4 }),
    learn.slider(state, "dilation", { label: "dilation", min: 1, max: 3 }));

  /** The two rows of wires: x to y above, g to gx below, as mirror images. */
  function wires(s, y, gx, width) {
    const geo = geometry(s);
    const N = s.x.length;
    const M = y.length;
    const reach = geo.dilation * (s.w.length - 1);
    const last = Math.max(N - 1 + geo.padding, place(M - 1, 0, geo) + reach);
    const left = 40;
    const cell = Math.max(30, Math.min(80, (width - left - 4) / (last + geo.padding + 1)));
    const at = (j) => left + (j + geo.padding + 0.5) * cell;
    const above = (i) => at(place(i, 0, geo) + reach / 2);
    const rows = { x: 22, y: 128, g: 186, gx: 292 };
    const now = s.step - 1;
    const parts = [];
    const line = (i, a, from, to) => {
      const kind = i === now ? "now" : i < now ? "done" : "to-come";
      parts.push(svg("line", { x1: at(place(i, a, geo)), y1: from, x2: above(i), y2: to, class: `wire ${kind}` }));
    };
    const half = 17;
    for (const i of [...learn.range(M).filter((n) => n !== now), ...(now < 0 ? [] : [now])])
      s.w.forEach((_, a) => {
        line(i, a, rows.x + half, rows.y - half);
        if (inside(i, a)) line(i, a, rows.gx - half, rows.g + half);
      });
    function inside(i, a) {
      const j = place(i, a, geo);
      return j >= 0 && j < N;
    }
    const cells = (name, values, place, kind) => values.forEach((value, i) => {
      parts.push(box(place(i), rows[name], cell, half, `cell ${kind(i)}`, `${name}-${i}`, text(value, 3)));
    });
    const pads = [];
    for (let j = -geo.padding; j < N + geo.padding; j++) if (j < 0 || j >= N) pads.push(j);
    for (const j of pads) parts.push(box(at(j), rows.x, cell, half, "cell pad", `pad-${j}`, "0"));
    const touched = new Set(now < 0 ? [] : s.w.map((_, a) => place(now, a, geo)));
    cells("x", s.x, at, (j) => (touched.has(j) ? "hit" : ""));
    cells("y", y, above, (i) => (i === now ? "hit" : ""));
    cells("g", s.g, above, (i) => (i === now ? "hit" : ""));
    cells("gx", gx, at, (j) => (touched.has(j) ? "hit" : ""));
    if (now >= 0)
      s.w.forEach((value, a) => {
        const j = place(now, a, geo);
        const shift = 0.3 * (above(now) - at(j));
        const words = [[rows.x + half + 22, "w", true], [rows.gx - half - 22, "w", inside(now, a)]];
        for (const [height, , there] of words)
          if (there) parts.push(svg("text", { x: at(j) + shift, y: height, class: "weight" }, text(value, 3)));
      });
    for (const [name, label] of [["x", "x"], ["y", "y"], ["g", "g"], ["gx", "gx"]])
      parts.push(svg("text", { x: 14, y: rows[name], class: "name" }, label));
    const right = at(last) + cell / 2 + 4;
    return svg("svg", { width: right, height: 316, viewBox: `0 0 ${right} 316`, role: "img", class: "wires",
      "aria-label": `Windows of the filter; outputs 1 to ${s.step} have sent their gradient back: gx is ${listed(gx)}` },
      ...parts);
  }

  function box(x, y, cell, half, style, name, words) {
    const width = Math.min(cell - 2, 52);
    return svg("g", { "data-cell": name },
      svg("rect", { x: x - width / 2, y: y - half, width, height: 2 * half, rx: 4, class: style }),
      svg("text", { x, y, "font-size": Math.min(16, (width - 4) / (0.58 * words.length)) }, words));
  }

  /** What happens in this step, in words. */
  function story(s) {
    const i = s.step - 1;
    if (i < 0) return "No output has sent anything back yet: both gradients are zero.";
    const geo = geometry(s);
    const seen = s.w.map((_, a) => s.x[place(i, a, geo)] ?? 0);
    const to = s.w.map((_, a) => place(i, a, geo)).filter((j) => j >= 0 && j < s.x.length);
    const where = to.length ? `to gx at ${to.join(", ")}` : "to padding alone";
    return `Output ${i}: g = ${text(s.g[i])}. It sends ${text(s.g[i])}·w = ${listed(s.w.map((v) => v * s.g[i]))} ${where}, `
      + `and ${text(s.g[i])}·(what it saw) = ${listed(seen.map((v) => v * s.g[i]))} to gw.`;
  }

  const said = el("p", { class: "result", id: "story", "aria-live": "polite" });
  const drawing = el("div", { id: "wires" });
  const filter = learn.grid({ caption: "w", name: "w", colour: "signed", cell: 40 });
  const gradient = learn.grid({ caption: "gw so far", name: "gw", colour: "signed", cell: 40 });
  const error = el("p", { class: "error", id: "error", hidden: true });
  const good = el("div", { id: "good" }, drawing,
    el("div", { class: "row" }, filter.node, gradient.node), said);
  learn.put(learn.find("picture"), error, good);

  const A = learn.grid({ name: "A" });
  const transposed = learn.grid({ name: "A transposed" });
  const column = Object.fromEntries(["x", "y", "g", "gx"].map((name) => [name, learn.grid({ name: `column ${name}` })]));
  learn.put(learn.find("matrices"),
    el("div", { class: "product" }, A.node, column.x.node, learn.sign("="), column.y.node),
    el("div", { class: "product" }, transposed.node, column.g.node, learn.sign("="), column.gx.node));

  function matrices(s, y) {
    const rows = jacobian(s.x.length, s.w, geometry(s));
    const room = learn.find("matrices").clientWidth;
    const across = room < 900 ? room : room / 2 - 20;
    const widest = Math.max(s.x.length, y.length);
    const cell = Math.max(16, Math.min(36, Math.floor((across - 120) / widest)));
    const now = s.step - 1;
    const limit = Math.max(...s.w.map(Math.abs));
    const blank = (v) => (v === 0 ? "·" : text(v, 3));
    A.show(rows, { caption: "forward: A", cell, limit, text: blank,
      frames: now < 0 ? [] : [{ row: now, column: 0, height: 1, width: s.x.length }] });
    const turned = learn.table(s.x.length, y.length, (j, i) => rows[i][j]);
    transposed.show(turned, { caption: "backward: Aᵀ", cell, limit, text: blank,
      frames: now < 0 ? [] : [{ row: 0, column: now, height: s.x.length, width: 1 }] });
    const upright = (name, values) =>
      column[name].show(values.map((v) => [v]), { caption: name, cell: Math.max(cell, 30), colour: "plain" });
    upright("x", s.x);
    upright("y", y);
    upright("g", s.g);
    upright("gx", byTranspose(rows, s.g, s.x.length));
    return rows;
  }

  /** The gradient for x by three computations that share no line, and by the library. */
  function ways(s, A, all) {
    const geo = geometry(s);
    const flip = byFlippedFilter(s.w, s.g, s.x.length, geo);
    const cut = flip.pad < 0 ? `cut by ${-flip.pad} at the ends` : `padded by ${flip.pad}`;
    const spread = geo.stride > 1 ? `g spread out by the stride, ${listed(flip.spread)}` : `g = ${listed(s.g)}`;
    const far = geo.dilation > 1 ? `, dilation ${geo.dilation}` : "";
    const found = [
      ["transpose", "A transposed, times g", byTranspose(A, s.g, s.x.length)],
      ["scatter", "every output sends g times w back along its wires", all.gx],
      ["flipped", `${spread}, ${cut}, correlated with the flipped filter ${listed(flip.flipped)}${far}`, flip.gx],
    ];
    const preset = presets.find((p) => isPreset(p, s));
    if (preset) found.push(["library", "gpugraph, when this page was made", preset.gx]);
    const agree = found.every(([, , gx]) => same(gx, all.gx));
    learn.put(learn.find("ways"),
      el("table", { class: "ways" }, el("tbody", {}, ...found.map(([key, how, gx]) =>
        el("tr", { "data-way": key }, el("td", {}, how), el("td", { class: "numbers" }, listed(gx)))))),
      el("p", { class: agree ? "agree" : "error" }, agree ? "✓ all alike" : "they differ"),
      el("p", {}, el("var", {}, "gw"), " is a correlation of the padded x with g: ",
        el("span", { class: "numbers", "data-way": "gw" }, listed(all.gw))));
  }

  /** The same in the library, to paste into Python. */
  function code(s) {
    const array = (values) => `[[[${values.map((v) => (Number.isInteger(v) ? `${v}.` : v)).join(", ")}]]]`;
    return ["import gpugraph as gg", "import gpugraph.nn.functional as F", "",
      `x = gg.tensor(${array(s.x)}, requires_grad=True)`,
      `w = gg.tensor(${array(s.w)}, requires_grad=True)`,
      `g = gg.tensor(${array(s.g)}, requires_grad=True)`,
      `y = F.conv1d(x, w, stride=${s.stride}, padding=${s.padding}, dilation=${s.dilation})`,
      "gx, gw = gg.grad(y, [x, w], g, create_graph=True)",
      "print(y, gx, gw)",
      'gg.graph.of(y, gx, gw).save("graph.svg")'].join("\n");
  }

  let shown = -1; // example whose graph is on the page

  function recorded(s) {
    learn.find("code").textContent = code(s);
    const same = presets.findIndex((p) => isPreset(p, s));
    const at = Math.max(0, same < 0 ? presets.findIndex((p) => likePreset(p, s)) : same);
    const exact = likePreset(presets[at], s);
    if (shown !== at) {
      for (const [id, key] of [["graph", "svg"], ["pass", "pass"]])
        learn.find(id).src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(presets[at][key])}`;
      shown = at;
    }
    const [N, F, M] = [s.x.length, s.w.length, s.g.length];
    learn.find("graph-note").textContent = isPreset(presets[at], s) ? "Recorded from this very computation."
      : exact ? "Recorded from a computation of these sizes."
      : `Recorded from the example “${presets[at].name}”. With your numbers the graph is the same, for x of ${N}, w of ${F}, y and g of ${M}.`;
  }

  function draw(s) {
    const geo = geometry(s);
    const M = s.g.length;
    const reach = geo.dilation * (s.w.length - 1) + 1;
    error.hidden = M > 0;
    good.hidden = M === 0;
    document.querySelectorAll(".behind").forEach((part) => { part.hidden = M === 0; });
    if (!M) {
      error.textContent = `No window fits: x has ${s.x.length} numbers, ${s.x.length + 2 * s.padding} with its padding, `
        + `and the filter spans ${reach}. Pad more, or take a shorter filter.`;
      return;
    }
    const y = forward(s.x, s.w, geo);
    const sofar = scatter(s.x, s.w, s.g, geo, s.step);
    learn.put(drawing, wires(s, y, sofar.gx, learn.find("picture").clientWidth));
    filter.show([s.w]);
    gradient.show([sofar.gw], { caption: s.step === M ? "gw" : "gw so far" });
    said.textContent = story(s);
    ways(s, matrices(s, y), scatter(s.x, s.w, s.g, geo, M));
    recorded(s);
  }

  state.watch(draw);
  learn.onLook(() => draw(state.values));
}
