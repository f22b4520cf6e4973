"use strict";
{
  const { el, text, range, data } = learn;
  const names = Object.keys(data.curves);
  const usual = { "leaky ReLU": 0.1, "ELU": 1 }; // a, of those that have one

  const state = learn.state({ f: "ReLU", a: 0.1, x: 1.5, n: 10, v: 1, b: 0 }, (s) => {
    if (!names.includes(s.f)) s.f = "ReLU";
    const between = (x, low, high) => Math.min(high, Math.max(low, x));
    s.x = between(s.x, -6, 8);
    s.a = between(s.a, 0, 2);
    s.n = learn.whole(s.n, 1, 30);
    s.v = between(s.v, 0, 2);
    s.b = between(s.b, -4, 4);
  });

  const curve = learn.plot({ name: "curve", drag: (x) => state.set({ x: Math.round(20 * Math.min(8, Math.max(-6, x))) / 20 }) });
  const unit = learn.plot({ name: "unit" });
  const key = el("p", { class: "note key" }, el("span", { class: "swatch value" }), " value  ",
    el("span", { class: "swatch slope" }), " slope  ", el("span", { class: "swatch tangent" }), " tangent");
  const here = el("p", { class: "result", "aria-live": "polite" });
  const bars = el("div", { class: "bars", role: "img" });
  const left = el("p", { class: "result", "aria-live": "polite" });
  const dead = el("p", { class: "result", "aria-live": "polite" });
  learn.find("picture").append(el("div", { class: "sides" },
    el("div", {}, curve.node, key, here),
    el("div", {}, el("div", { class: "caption" }, "the gradient on its way back, layer by layer (full height: 1; empty: 10⁻¹⁰)"),
      bars, left, unit.node, dead)));
  const list = learn.choose(state, "f", { label: "Function", options: names.map((name) => [name, name]) });
  list.querySelector("select").addEventListener("change", () => {
    if (state.values.f in usual) state.set({ a: usual[state.values.f] });
  });
  learn.find("controls").append(list,
    learn.when(state, (s) => s.f in usual, learn.slider(state, "a", { letter: "a", label: "slope on the left, or ELU's α", min: 0, max: 2, step: 0.05 })),
    learn.slider(state, "x", { letter: "x", label: "input (drag the point, too)", min: -6, max: 8, step: 0.05 }),
    learn.slider(state, "n", { letter: "n", label: "layers in a row", min: 1, max: 30 }),
    learn.slider(state, "v", { letter: "v", label: "weight in each layer", min: 0, max: 2, step: 0.05 }),
    learn.slider(state, "b", { letter: "b", label: "bias of the unit with 12 inputs", min: -4, max: 4, step: 0.05 }),
    learn.button("Back to the start", () => state.reset(), { class: "reset" }));

  /** h_0 = x, h_k = f(v h_(k-1)): the values, and the gradient of h_n in each of them. */
  function chain(f, s) {
    let h = s.x;
    const slopes = range(s.n).map(() => {
      const [value, slope] = f(s.v * h, s.a);
      h = value;
      return s.v * slope;
    });
    let g = 1;
    const gradients = [1];
    for (const slope of slopes.reverse()) gradients.push(g *= slope);
    return gradients; // of layer n, n - 1, ... 0
  }

  function draw(s) {
    const f = learn.functions[s.f];
    const own = s.f in usual && s.a !== usual[s.f]; // else the library has drawn this curve
    const { y: values, slope: slopes_ } = data.curves[s.f];
    const points = (k) => data.x.map((x, i) => [x, own ? f(x, s.a)[k] : [values, slopes_][k][i]]);
    const [y, slope] = f(s.x, s.a);
    const wide = learn.find("picture").clientWidth;
    const width = Math.min(460, wide < 700 ? wide - 4 : Math.floor(wide / 2) - 16);
    const low = s.f === "leaky ReLU" || s.f === "ELU" ? -2.2 : -1.2;
    const top = ["sigmoid", "tanh"].includes(s.f) ? 1.6 : 7;
    const range_ = [top < 2 ? -1.2 : low, top];
    curve.show({ width, height: wide < 700 ? 300 : 380, x: [-6, 8], y: range_, caption: `${s.f}, and its slope`,
      lines: [{ points: points(1), kind: "slope" }, { points: points(0), kind: "value" },
        { points: [[s.x - 2, y - 2 * slope], [s.x + 2, y + 2 * slope]], kind: "tangent" }],
      dots: [{ x: s.x, y: slope, kind: "slope", r: 5 }, { x: s.x, y, kind: "value", r: 8 }] });
    learn.put(here, el("var", {}, "f"), `(${text(s.x)}) = `, el("b", { "data-name": "value" }, text(y)),
      ", slope ", el("b", { "data-name": "slope" }, text(slope)));

    const gradients = chain(f, s);
    const shown = gradients.map((g) => Math.max(0, Math.min(1, 1 + Math.log10(Math.abs(g) + 1e-99) / 10)));
    learn.put(bars, ...gradients.map((g, i) => el("span", { style: `height:${(4 + 86 * shown[i]).toFixed(1)}px`,
      class: g === 0 ? "none" : Math.abs(g) > 1.0001 ? "more" : "", title: `layer ${s.n - i}: ${text(g)}` })));
    const last = gradients[s.n];
    bars.setAttribute("aria-label", `gradients of layers ${s.n} to 0, the last ${text(last)}`);
    learn.put(left, `After ${s.n} ${s.n === 1 ? "layer" : "layers"}, this is left of a gradient of 1: `,
      el("b", { "data-name": "left" }, text(last)), last === 0 ? ". Nothing comes back." : "");

    const inputs = data.inputs.map((u) => u + s.b);
    const slopes = inputs.map((z) => f(z, s.a)[1]);
    const sum = slopes.reduce((p, q) => p + q, 0);
    const alive = slopes.filter((g) => g !== 0).length;
    unit.show({ width, height: 150, x: [-6, 8], y: [range_[0], Math.min(range_[1], 4)], caption: "a unit and its 12 inputs x + b",
      lines: [{ points: points(0), kind: "value" }],
      dots: inputs.map((z, i) => ({ x: z, y: f(z, s.a)[0], r: 5, kind: slopes[i] ? "value" : "none" })) });
    learn.put(dead, "Gradient of its bias, the sum of 12 slopes: ", el("b", { "data-name": "bias" }, text(sum)),
      alive === 0 ? el("b", { class: "wrong" }, " — a dead unit") : ` (${alive} of 12 inputs count)`);
  }

  state.watch(draw);
  learn.onLook(() => draw(state.values));
}
