"use strict";
// The page cost: kinds of convolution side by side, with their formulas and bars to scale.
{
  const { el, svg, text } = learn;
  const { kinds, separableRatio } = learn.costs;
  const { start, figures, ratios, measured } = learn.data;
  const LAYERS = [["a layer of ResNet-50", start],
    ["first of VGG-16", { F: 3, K: 3, L: 64, H: 224, W: 224, groups: 1, narrow: 1 }],
    ["second of VGG-16", { F: 3, K: 64, L: 64, H: 224, W: 224, groups: 2, narrow: 16 }],
    ["last of VGG-16", { F: 3, K: 512, L: 512, H: 14, W: 14, groups: 32, narrow: 128 }]];
  const WHY = {
    plain: "every filter reads every channel, everywhere",
    grouped: "each group of filters reads its own channels",
    separable: "one filter for each channel, then 1×1 to mix them",
    bottleneck: "down by 1×1, the window on few channels, up by 1×1",
    pointwise: "mixes channels, looks at no neighbour",
    five: "sees 5×5",
    threes: "sees 5×5, too, with a ReLU between",
  };
  const whole = (value, low, high) => Math.max(low, Math.min(high, Math.round(value)));
  const common = (K, L, most) => {
    while (K % most || L % most) most--;
    return most;
  };

  const state = learn.state({ ...start }, (s) => {
    s.F = whole(s.F, 1, 11);
    if (s.F % 2 === 0) s.F++; // odd, so that maps keep their size
    for (const key of ["K", "L"]) s[key] = whole(s[key], 1, 2048);
    for (const key of ["H", "W"]) s[key] = whole(s[key], 1, 512);
    s.groups = common(s.K, s.L, whole(s.groups, 1, Math.min(s.K, s.L)));
    s.narrow = whole(s.narrow, 1, 2048);
  });

  const pick = el("select", { id: "preset", "data-key": "preset" }, el("option", { value: "" }, "your own layer"),
    ...LAYERS.map(([name], i) => el("option", { value: i }, name)));
  pick.addEventListener("change", () => LAYERS[pick.value] && state.set(LAYERS[pick.value][1]));
  const isLayer = (s, numbers) => Object.keys(start).every((k) => numbers[k] === s[k]);
  learn.put(learn.find("controls"),
    el("div", { class: "control choose" }, el("label", { for: "preset" }, "Example"), pick),
    learn.slider(state, "F", { letter: "F", label: "window", min: 1, max: 11, step: 2 }),
    learn.slider(state, "K", { letter: "K", label: "channels in", min: 1, max: 2048 }),
    learn.slider(state, "L", { letter: "L", label: "filters, channels out", min: 1, max: 2048 }),
    learn.slider(state, "H", { letter: "H", label: "rows of the maps", min: 1, max: 512 }),
    learn.slider(state, "W", { letter: "W", label: "columns of the maps", min: 1, max: 512 }),
    learn.slider(state, "groups", { label: "groups", min: 1, max: (s) => Math.min(s.K, s.L),
      title: "must divide the channels in and out: the next that does is taken" }),
    learn.slider(state, "narrow", { label: "channels inside of the bottleneck", min: 1, max: 2048 }));

  const list = el("div", { id: "kinds", role: "table", "aria-label": "Costs of kinds of convolution" });
  const head = el("p", { class: "result", id: "headline" });
  learn.put(learn.find("picture"), head, list);

  /** "8.7 times fewer", "2.8 times more", "the same". */
  function compared(kind, plain) {
    const ratio = plain.weights / kind.weights;
    if (kind.key === "plain") return "";
    if (ratio === 1) return "the same";
    return ratio > 1 ? `${text(ratio, 2)} times fewer` : `${text(1 / ratio, 2)} times more`;
  }

  function draw(s) {
    pick.value = LAYERS.findIndex(([, numbers]) => isLayer(s, numbers));
    if (pick.selectedIndex < 0) pick.value = "";
    const found = kinds(s);
    const most = Math.max(...found.map((k) => k.weights));
    const places = s.H * s.W;
    const timed = measured && isLayer(s, measured.sizes) ? measured.times : null;
    learn.put(head, learn.formula("F^2*K*L*H*W"), ` = ${s.F}·${s.F}·${text(s.K)}·${text(s.L)}·${s.H}·${s.W} = `,
      el("b", { "data-value": "macs" }, text(found[0].weights * places)), " multiply-adds (MACs) with ",
      el("b", { "data-value": "weights" }, text(found[0].weights)), " weights, each used at all ",
      `${text(places)} places.`);
    learn.put(list, ...found.map((kind) => el("div", { class: "kind", role: "row", "data-kind": kind.key },
      el("div", { class: "what", role: "cell" }, el("b", {}, kind.label), el("small", {}, WHY[kind.key])),
      el("div", { class: "amount", role: "cell" },
        el("div", { class: "bar", style: `width:${((100 * kind.weights) / most).toFixed(3)}%` }),
        el("small", {}, `${kind.formula} = `, el("b", { "data-value": "weights" }, text(kind.weights)), " weights; ",
          `·${s.H}·${s.W} = `, el("b", { "data-value": "macs" }, text(kind.weights * places)), " MACs")),
      el("div", { class: "compared", role: "cell" }, compared(kind, found[0]),
        timed ? el("small", { "data-value": "time" }, `${text(timed[kind.key], 2)} ms`) : null))));
    learn.put(learn.find("curve"), curve(s));
    learn.put(learn.find("ratio"), "With the numbers above, ", learn.formula("1 / (1/L + 1/F^2)"), ` = 1 / (1/${text(s.L)} + 1/${s.F * s.F}) = `,
      el("b", { "data-value": "ratio" }, text(separableRatio(s.F, s.L), 3)), ".");
  }

  /** How much a separable layer saves over the number of filters; dots are the library's counts. */
  function curve(s) {
    const [left, top, width, height] = [44, 14, Math.min(560, learn.find("curve").clientWidth - 70), 190];
    const limit = s.F * s.F;
    const [low, high] = [Math.log2(4), Math.log2(2048)];
    const x = (L) => left + ((Math.log2(Math.max(4, L)) - low) / (high - low)) * width;
    const y = (ratio) => top + height * (1 - ratio / (limit * 1.08));
    const steps = learn.range(91).map((i) => 2 ** (low + ((high - low) * i) / 90));
    const path = steps.map((L, i) => `${i ? "L" : "M"}${x(L).toFixed(1)} ${y(separableRatio(s.F, L)).toFixed(1)}`).join("");
    const now = separableRatio(s.F, s.L);
    const shift = x(s.L) > left + width - 60 ? -26 : x(s.L) < left + 40 ? 26 : 0;
    return svg("svg", { class: "plot", width: left + width + 22, height: top + height + 40, role: "img",
      "aria-label": `Times fewer weights by number of filters: ${text(now, 3)} for ${s.L}, at most ${limit}` },
    svg("line", { x1: left, x2: left + width, y1: y(limit), y2: y(limit), class: "limit" }),
    svg("text", { x: left - 8, y: y(limit), class: "tick end" }, text(limit)),
    svg("text", { x: left - 8, y: y(0), class: "tick end" }, "0"),
    svg("line", { x1: left, x2: left + width, y1: y(0), y2: y(0), class: "axis" }),
    svg("line", { x1: left, x2: left, y1: top, y2: y(0), class: "axis" }),
    ...[4, 16, 64, 256, 1024].map((L) => svg("text", { x: x(L), y: y(0) + 15, class: "tick" }, text(L))),
    svg("text", { x: left + width / 2, y: y(0) + 34, class: "tick" }, "filters L"),
    svg("path", { d: path, class: "line" }),
    ...(s.F === 3 ? ratios.map(([L, ratio]) => svg("circle", { cx: x(L), cy: y(ratio), r: 4, class: "dot" })) : []),
    svg("circle", { cx: x(s.L), cy: y(now), r: 6, class: "now" }),
    svg("text", { x: x(s.L) + shift, y: Math.max(y(limit) + 15, y(now) + (now < limit / 3 ? -18 : 20)), class: "value" }, text(now, 3)));
  }

  const checked = kinds(start).every((k) => k.weights === figures[k.key].weights
    && k.weights * start.H * start.W === figures[k.key].macs);
  learn.find("checked").textContent = checked
    ? "For the layer that this page starts with, gpugraph's own formulas gave all these numbers, too."
    : "These numbers differ from gpugraph's own.";
  state.watch(draw);
  learn.onLook(() => draw(state.values));
}
