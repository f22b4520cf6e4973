"use strict";
// The page your-model: every layer of a network; the chosen one with its arithmetic and pictures.
{
  const { el, svg, text, whole } = learn;
  const { layers, pages, macs, params } = learn.data;
  const chosen = layers.map((layer, i) => ({ ...layer, at: i })).filter((layer) => layer.kind);
  const times = (shape) => (shape ? shape.join("×") : "?");
  const spatial = (shape) => shape.slice(2);
  const alike = (list) => list.every((v) => JSON.stringify(v) === JSON.stringify(list[0]));
  const most = chosen.reduce((best, layer) => ((layer.macs || 0) > (best.macs || 0) ? layer : best), chosen[0]);

  // F, S, P, D of the chosen layer as the reader changes it along its first axis; -1: as it is.
  const AS_IS = { F: -1, S: -1, P: -1, D: -1 };
  const state = learn.state({ layer: chosen.length ? chosen.indexOf(most) : 0, ...AS_IS, row: -1, column: -1 }, (s) => {
    s.layer = whole(s.layer, 0, Math.max(0, chosen.length - 1));
    const layer = chosen[s.layer];
    if (!layer) return;
    const own = ownWindow(layer);
    for (const [key, low, high] of [["F", 1, 15], ["S", 1, 8], ["P", 0, 15], ["D", 1, 8]])
      s[key] = s[key] < 0 ? own[key] : whole(s[key], low, Math.max(high, own[key]));
    const [rows, columns] = units(layer);
    s.row = s.row < 0 ? Math.floor(rows / 2) : whole(s.row, 0, rows - 1);
    s.column = s.column < 0 ? Math.floor(columns / 2) : whole(s.column, 0, columns - 1);
  });

  function ownWindow({ window: { size, stride, padding, dilation } }) {
    return { F: size[0], S: stride[0], P: padding[0][0], D: dilation[0] };
  }
  function units(layer) {
    const out = spatial(layer.out);
    return out.length > 1 ? [out[0], out[1]] : [1, out[0]];
  }

  if (!chosen.length) {
    learn.put(learn.find("picture"), el("p", {}, "This network has no convolution and no pool; the table below shows what it has."));
    learn.find("controls").remove();
  } else {
    start();
  }
  learn.put(learn.find("table"), table());

  function start() {
    const list = el("select", { id: "layer", size: Math.min(9, Math.max(2, chosen.length)), "data-key": "layer" },
      ...chosen.map((layer, i) => el("option", { value: i }, `${layer.name}  ·  ${layer.kind} ${layer.window.size.join("×")}`)));
    list.addEventListener("change", () => choose(Number(list.value)));
    const high = (key, most) => (s) => Math.max(most, ownWindow(chosen[s.layer])[key]);
    learn.put(learn.find("controls"),
      el("div", { class: "control choose" }, el("label", { for: "layer" }, `Convolutions and pools of ${learn.data.name}`), list),
      el("p", { class: "note" }, "What if this layer had"),
      learn.slider(state, "F", { letter: "F", label: "window", min: 1, max: high("F", 15) }),
      learn.slider(state, "S", { letter: "S", label: "stride", min: 1, max: high("S", 8) }),
      learn.slider(state, "P", { letter: "P", label: "padding", min: 0, max: high("P", 15) }),
      learn.slider(state, "D", { letter: "D", label: "dilation", min: 1, max: high("D", 8) }),
      learn.button("as it is", () => state.set(AS_IS), { class: "reset" }));
    state.watch((s) => { list.value = s.layer; });
    state.watch(draw);
    learn.onLook(() => draw(state.values));
  }

  function choose(i) {
    state.set({ layer: i, ...AS_IS, row: -1, column: -1 });
  }

  /** How many outputs along one axis, with the formula. */
  function size(layer, axis, { F, S, P, D }) {
    const n = spatial(layer.into)[axis];
    const [low, high] = P;
    const reach = D * (F - 1) + 1;
    if (layer.kind === "transposed conv") {
      const plain = (n - 1) * S + reach - low - high;
      return { out: plain, formula: `(${n} − 1)·${S} + ${reach} − ${low} − ${high}`, reach };
    }
    const out = Math.floor((n + low + high - reach) / S) + 1;
    const round = layer.ceil ? "ceil" : "floor";
    return { out, formula: `${round}((${n} + ${low} + ${high} − ${reach}) / ${S}) + 1`, reach };
  }

  function asItIs(layer, axis) {
    const { size, stride, padding, dilation } = layer.window;
    return { F: size[axis], S: stride[axis], P: padding[axis], D: dilation[axis] };
  }

  function arithmetic(layer, s) {
    const axes = learn.range(layer.window.size.length);
    const rows = axes.map((axis) => {
      const found = size(layer, axis, asItIs(layer, axis));
      const real = spatial(layer.out)[axis];
      const extra = real - found.out;
      const more = !extra ? "" : layer.kind === "transposed conv" ? ` + ${extra}` : "";
      return { words: `${found.formula}${more} = ${real}`, ...asItIs(layer, axis), reach: found.reach };
    });
    const shown = alike(rows.map((r) => r.words)) ? rows.slice(0, 1) : rows;
    const own = ownWindow(layer);
    const changed = Object.keys(AS_IS).filter((key) => s[key] !== own[key]);
    const what = size(layer, 0, { F: s.F, S: s.S, P: [s.P, s.P], D: s.D });
    const result = what.out > 0 ? ["output ", el("b", { "data-value": "what-if" }, text(what.out))] : ["no window fits"];
    return el("div", { class: "card" }, el("h3", {}, "Output size"),
      el("p", {}, el("code", {}, times(layer.into)), " → ", el("code", { "data-value": "out" }, times(layer.out))),
      ...shown.map((row) => el("p", {}, el("span", { class: "numbers" }, row.words),
        row.reach === row.F ? `: the window spans ${row.F}` : `: the window of ${row.F} spans ${row.D}·(${row.F} − 1) + 1 = ${row.reach}`)),
      changed.length
        ? el("p", { class: "whatif" }, `With ${changed.map((k) => `${k} = ${s[k]}`).join(", ")}: `, el("span", { class: "numbers" }, what.formula), ", ", ...result) : null);
  }

  /** The input as a rectangle, and in it what one unit sees. */
  function field(layer, s) {
    if (!layer.field) return null;
    const words = layer.field.map((axis) => axis.map((v) => (typeof v === "number" ? text(v) : v)).join(" / "));
    const said = alike(words) ? words[0] : words.join(",  ");
    const known = layer.field.every(([size]) => typeof size === "number");
    const image = spatial(learn.data.shapes[0]);
    const kind = layer.field[0][0];
    const parts = [el("h3", {}, "Receptive field"),
      el("p", {}, known ? "size / step / start: " : "", el("b", { "data-value": "field" },
        kind === "all" ? "every unit sees all of the input" : kind === "?" ? "not known: branches disagree, or an op doesn't say what it sees" : said))];
    if (known && image.length && image.length < 3) parts.push(...place(layer, s, image));
    return el("div", { class: "card tall" }, ...parts);
  }

  function place(layer, s, image) {
    const two = image.length > 1;
    const [H, W] = two ? image : [Math.max(1, Math.round(image[0] / 12)), image[0]];
    const [fy, fx] = two ? layer.field : [[H, 0, 0], layer.field[0]];
    const seen = [fy[2] + s.row * fy[1], fx[2] + s.column * fx[1]];
    const low = [Math.min(0, seen[0]), Math.min(0, seen[1])];
    const high = [Math.max(H, seen[0] + fy[0]), Math.max(W, seen[1] + fx[0])];
    const room = Math.min(360, learn.find("picture").clientWidth - 40);
    const scale = Math.min(room / (high[1] - low[1]), 300 / (high[0] - low[0]));
    const rect = (y, x, h, w, style, key) => svg("rect", { x: (x - low[1]) * scale + 2, y: (y - low[0]) * scale + 2,
      width: Math.max(2, w * scale), height: Math.max(2, h * scale), class: style, "data-value": key });
    const drawing = svg("svg", { width: (high[1] - low[1]) * scale + 4, height: (high[0] - low[0]) * scale + 4, role: "img", class: "field",
      "aria-label": `The unit in row ${s.row + 1}, column ${s.column + 1} sees rows ${seen[0]} to ${seen[0] + fy[0] - 1}, columns ${seen[1]} to ${seen[1] + fx[0] - 1}` },
    rect(0, 0, H, W, "image"), rect(seen[0], seen[1], fy[0], fx[0], "seen", "seen"));
    const [rows, columns] = units(layer);
    const slide = (key, label, n) => {
      const range = el("input", { type: "range", min: 0, max: n - 1, "aria-label": label, "data-key": key, oninput: () => state.set({ [key]: range.valueAsNumber }) });
      range.value = s[key];
      return el("label", { class: "unit" }, `${label} ${s[key] + 1} of ${n}`, range);
    };
    const sliders = el("div", { class: "units" }, two ? slide("row", "row", rows) : null, slide("column", two ? "column" : "unit", columns));
    return [drawing, sliders,
      el("p", { class: "note" }, two ? `It sees rows ${text(seen[0])} to ${text(seen[0] + fy[0] - 1)}, columns ${text(seen[1])} to ${text(seen[1] + fx[0] - 1)} of ${H}×${W}.`
        : `It sees ${text(seen[1])} to ${text(seen[1] + fx[0] - 1)} of ${W}.`)];
  }

  function cost(layer) {
    if (layer.formula === null) return el("div", { class: "card" }, el("h3", {}, "Cost"), el("p", {}, "It has no formula."));
    const counted = layer.macs > 0;
    const bar = el("div", { class: "share", role: "img", "aria-label": `${text(100 * layer.share, 2)} % of all multiply-adds` },
      ...layers.filter((other) => other.macs).map((other) => el("span", { class: other.id === layer.id ? "this" : "", title: other.name, style: `flex:${other.macs}` })));
    return el("div", { class: "card" }, el("h3", {}, "Cost"),
      el("p", {}, el("span", { class: "numbers" }, layer.formula.replaceAll("*", "·")), " = ",
        el("b", { "data-value": "cost" }, text(counted ? layer.macs : layer.flops)), counted ? " multiply-adds" : " operations"),
      counted ? el("p", {}, `${text(100 * layer.share, 2)} % of the network's ${text(macs)}:`) : null, counted ? bar : null);
  }

  /** Weights as a matrix of channels: blocks along its diagonal, one for each group. */
  function weights(layer) {
    if (!layer.filter) return null;
    // a transposed convolution keeps its weights the other way round
    const turned = layer.kind === "transposed conv";
    const [first, second, ...F] = layer.filter;
    const G = layer.groups;
    const [L, K] = turned ? [second * G, first] : [first, second * G];
    const side = 110;
    const [height, width] = [Math.max(12, (side * L) / Math.max(L, K)), Math.max(12, (side * K) / Math.max(L, K))];
    const blocks = G > 64 ? [svg("line", { x1: 1, y1: 1, x2: width + 1, y2: height + 1, class: "band" })]
      : learn.range(G).map((g) => svg("rect", { x: 1 + (g * width) / G, y: 1 + (g * height) / G, width: width / G, height: height / G, class: "block" }));
    const each = F.length ? `, each of ${F.join("×")} weights` : "";
    const all = layer.filter.reduce((a, b) => a * b, 1);
    const groups = G === 1 ? "one block: every filter reads every channel" : G === K ? `${G} blocks of one channel: depthwise` : `${G} blocks, one for each group`;
    return el("div", { class: "card" }, el("h3", {}, "Weights"),
      el("p", {}, `${F.join("·")}·${K}·${L}${G > 1 ? `/${G}` : ""} = `, el("b", { "data-value": "weights" }, text(all)),
        layer.bias ? ` and ${text(L)} biases` : ""),
      svg("svg", { width: width + 2, height: height + 2, role: "img", class: "blocks", "aria-label": groups },
        svg("rect", { x: 1, y: 1, width, height, class: "frame-line" }), ...blocks),
      el("p", { class: "note" }, `${L}×${K} squares (channels out × in)${each}; ${groups}.`));
  }

  function filters(layer) {
    if (!layer.filter) return null;
    const head = el("h3", {}, "Filters");
    if (!layer.filters) {
      const single = layer.filter.slice(2).every((n) => n === 1);
      const why = single ? "Filters of one weight for each channel are no pictures."
        : learn.data.values ? "No pictures: they would make the page too large, or show nothing." : "The network was made without numbers, so there is nothing to see.";
      return el("div", { class: "card" }, head, el("p", { class: "note" }, why));
    }
    const { shape: [n, slices, h, w], bytes, most } = layer.filters;
    const raw = atob(bytes);
    const level = (at) => (raw.charCodeAt(at) << 24) >> 24; // bytes with a sign
    const scale = Math.max(3, Math.min(8, Math.floor(34 / Math.max(h, w))));
    const tile = (f, c) => learn.picture(learn.table(h, w, (i, j) => level(((f * slices + c) * h + i) * w + j)),
      { limit: 127, scale, name: `filter ${f + 1}, channel ${c + 1}` });
    const [L, K] = layer.filter;
    const some = (shown, all, what) => (shown < all ? `the first ${shown} of ${all} ${what}` : `all ${all} ${what}`);
    return el("div", { class: "card wide" }, head,
      el("div", { class: "filters" }, ...learn.range(n).map((f) => el("div", { class: "filter" }, ...learn.range(slices).map((c) => tile(f, c))))),
      el("p", { class: "note" }, `${some(n, L, L === 1 ? "filter" : "filters")}, ${some(slices, K, K === 1 ? "channel" : "channels")} of each; orange above 0, blue below, deepest at ${text(most, 2)}.`));
  }

  /** Other pages with this layer's numbers in their address. */
  function links(layer) {
    const to = [];
    const { F, S, P, D } = ownWindow(layer);
    const add = (name, label, fragment) => { if (pages.includes(name)) to.push(el("a", { href: `${name}.html#${fragment}` }, label)); };
    if (layer.chain) {
      const rows = JSON.stringify(layer.chain.map(([kind, ...rest]) => [kind === "conv" ? 0 : 1, ...rest]));
      add("receptive-fields", "its field, layer by layer", `layers=${rows}&image=${Math.min(512, spatial(learn.data.shapes[0])[0])}`);
    }
    if (layer.kind === "conv" && layer.filter.length === 4) {
      const [L, K] = layer.filter;
      const [H, W] = spatial(layer.out);
      add("cost", "cheaper kinds in its place", `F=${F}&K=${K * layer.groups}&L=${L}&H=${H}&W=${W}&groups=${layer.groups}&narrow=${Math.max(1, Math.floor(L / 4))}`);
      if (Math.max(L, K * layer.groups) <= 12) add("one-by-one-and-groups", "its channels", `K=${K * layer.groups}&L=${L}&groups=${layer.groups}&F=${F}`);
    }
    if (layer.window.size.length < 3 && layer.kind !== "transposed conv") {
      const [h, w] = [asItIs(layer, 0), asItIs(layer, layer.window.size.length - 1)];
      const apart = ["F", "S", "D"].some((k) => h[k] !== w[k]) || h.P[0] !== w.P[0];
      const both = (k) => [h, w].map((axis, i) => `${k}${"hw"[i]}=${k === "P" ? axis.P[0] : axis[k]}`).join("&");
      const into = spatial(layer.into);
      add("convolution-arithmetic", "its window on a small image",
        `H=${Math.min(12, into[0])}&W=${Math.min(12, into[into.length - 1])}&${["F", "S", "P", "D"].map(both).join("&")}${apart ? "&apart=1" : ""}`);
    }
    if (layer.window.size.length === 2 && layer.kind === "conv")
      add("backward-1d", "how its gradient comes about, along one axis", `w=${JSON.stringify(learn.range(Math.min(5, F)).map((a) => a + 1))}&stride=${Math.min(4, S)}&padding=${Math.min(4, P)}&dilation=${Math.min(3, D)}`);
    if (layer.kind === "max pool") add("max-pooling", "how its gradient finds the maximum", `F=${F}&S=${S}`);
    return to.length ? el("p", { class: "links" }, "On other pages, with these numbers: ", ...to.flatMap((a, i) => (i ? ["  ·  ", a] : [a]))) : null;
  }

  function draw(s) {
    const layer = chosen[s.layer];
    learn.put(learn.find("picture"),
      el("h2", { id: "chosen" }, layer.name, el("small", {}, ` ${layer.kind} ${layer.window.size.join("×")}${layer.where ? `, ${layer.where}` : ""}`)),
      el("div", { class: "cards" }, arithmetic(layer, s), field(layer, s), cost(layer), weights(layer), filters(layer)),
      links(layer));
    document.querySelectorAll("#table tr[data-layer]").forEach((row) =>
      row.classList.toggle("chosen", Number(row.dataset.layer) === layer.at));
  }

  function table() {
    const head = ["layer", "op", "output", "weights", "multiply-adds", "share", "field"];
    const rows = layers.map((layer, i) => {
      const at = chosen.findIndex((other) => other.at === i);
      const name = at < 0 ? layer.name : learn.button(layer.name, () => { choose(at); learn.find("picture").scrollIntoView({ block: "nearest" }); }, { class: "plain" });
      const field = layer.field && layer.field.map((axis) => (typeof axis[0] === "number" ? axis.join(" / ") : axis[0]));
      return el("tr", { "data-layer": i }, el("td", {}, name), el("td", {}, layer.op), el("td", {}, times(layer.out)),
        el("td", { class: "number" }, layer.weights ? text(layer.weights) : ""),
        el("td", { class: "number" }, layer.macs === null ? "?" : layer.macs ? text(layer.macs) : ""),
        el("td", { class: "number" }, layer.share ? `${text(100 * layer.share, 2)} %` : ""),
        el("td", {}, field ? (alike(field) ? field[0] : field.join(", ")).replaceAll("-", "−") : ""));
    });
    const sums = el("tr", { class: "sums" }, el("td", { colspan: 3 }, "all"), el("td", { class: "number" }, text(params)),
      el("td", { class: "number" }, macs === null ? "?" : text(macs)), el("td", { colspan: 2 }));
    return el("table", { class: "all" }, el("thead", {}, el("tr", {}, ...head.map((h) => el("th", { scope: "col" }, h)))), el("tbody", {}, ...rows, sums));
  }
}
