"use strict";
/* Templates of whole images beside filters: what a shift of the digit does to both. */
{
  const { el, text, whole, data } = learn;
  const shifts = [-2, -1, 0, 1, 2];

  learn.why = learn.state({ digit: 3, unit: data.unit, filter: 0, shift: 0, stage: 0, H: 32, W: 32, F: 3, K: 1, L: 1 }, (s) => {
    s.digit = whole(s.digit, 0, 9);
    s.unit = whole(s.unit, 0, data.templates.length - 1);
    s.filter = whole(s.filter, 0, data.filters.length - 1);
    s.shift = whole(s.shift, -2, 2);
    s.stage = whole(s.stage, 0, 3);
    for (const key of ["H", "W"]) s[key] = whole(s[key], 1, 256);
    s.F = 2 * whole((s.F - 1) / 2, 0, 5) + 1;
    for (const key of ["K", "L"]) s[key] = whole(s[key], 1, 512);
  });
  const state = learn.why;

  const moved = (image, by) => image.map((row) => row.map((_, j) => row[j - by] ?? 0));
  const dot = (a, b) => a.flat().reduce((sum, x, i) => sum + x * b.flat()[i], 0);

  /** A row of small pictures to choose from, as radio buttons. */
  function gallery(key, label, pictures, how) {
    const box = el("fieldset", { class: "gallery" }, el("legend", {}, label));
    const labels = pictures.map((_, i) => {
      const radio = el("input", { type: "radio", name: key, value: i, "data-key": key,
        onchange: () => state.set({ [key]: i }) });
      return el("label", {}, radio, el("span", {}));
    });
    box.append(el("div", { class: "row tight" }, labels));
    learn.onLook(() => labels.forEach((l, i) =>
      learn.put(l.lastChild, learn.picture(pictures[i], { ...how, name: `${label} ${i + 1}` }))));
    state.watch((s) => labels.forEach((l, i) => { l.firstChild.checked = s[key] === i; }));
    return box;
  }

  const grids = Object.fromEntries([["digit", "ink"], ["template", ""], ["product", ""], ["map0", ""], ["map", ""]]
    .map(([name, colour]) => [name, learn.grid({ name, colour, numbers: false })]));
  const score = el("p", { class: "result", "aria-live": "polite" });
  const bars = el("div", { class: "shares" });
  learn.find("picture").append(
    gallery("digit", "a digit", data.digits, { scale: 4, colour: "ink" }),
    gallery("unit", `templates: 16 rows of a fully connected layer, learned from ${data.source}`, data.templates, { scale: 5 }),
    gallery("filter", "filters: 8 of a convolutional layer", data.filters, { scale: 6 }),
    el("div", { class: "row" }, grids.digit.node, grids.template.node, grids.product.node, grids.map0.node, grids.map.node),
    score);
  learn.find("controls").append(
    learn.slider(state, "shift", { label: "Shift the digit to the right", min: -2, max: 2 }),
    el("p", { class: "note" }, "Orange speaks for the template or filter, blue against it."),
    bars,
    learn.button("Back to the start", () => state.reset(), { class: "reset" }));

  function draw(s) {
    const still = data.digits[s.digit];
    const digit = moved(still, s.shift);
    const template = data.templates[s.unit];
    const filter = [[data.filters[s.filter]]];
    const before = learn.conv([still], filter, [0], 1, 2)[0];
    const now = learn.conv([digit], filter, [0], 1, 2)[0];
    const cell = learn.fit(learn.find("picture"), learn.find("picture").clientWidth < 620 ? 18 : 46, 19, 11);
    const limit = Math.max(...before.flat().map(Math.abs)) || 1;
    grids.digit.show(digit, { cell, caption: "digit" });
    grids.template.show(template, { cell, caption: "template" });
    grids.product.show(learn.table(8, 8, (i, j) => digit[i][j] * template[i][j]), { cell, caption: "their product",
      limit: Math.max(...template.flat().map(Math.abs)) });
    grids.map0.show(before, { cell, limit, caption: "map before the shift" });
    grids.map.show(now, { cell, limit, caption: "map now",
      frames: s.shift ? [{ row: 0, column: Math.max(0, s.shift), height: 8, width: 8 - Math.abs(s.shift) }] : [] });
    // equal to what was there, where neither window is cut off by the edge
    const inner = learn.range(8).filter((j) => j >= 2 + Math.max(0, s.shift) && j < 6 + Math.min(0, s.shift));
    const off = Math.max(0, ...inner.flatMap((j) => now.map((row, i) => Math.abs(row[j] - before[i][j - s.shift]))));
    learn.put(score, "Template: sum of the product ", el("b", { "data-name": "score" }, text(dot(digit, template), 3)),
      ` (before the shift ${text(dot(still, template), 3)}). Filter: `,
      s.shift ? `away from the edges, the map is what it was, ${Math.abs(s.shift)} further: largest difference ${text(off, 2)}.`
        : "one map, an answer for each place.");
    learn.put(bars, el("div", { class: "caption" }, "test images right, shifted by that much"),
      el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "shift"), el("th", {}, "fully connected"), el("th", {}, "convolutional"))),
        el("tbody", {}, shifts.map((by, i) => el("tr", { class: by === s.shift ? "here" : "" },
          el("th", { scope: "row" }, text(by)), ["dense", "conv"].map((name) => el("td", {},
            el("span", { class: `bar ${name}`, style: `width:${(data.right[name][i] * 3.2).toFixed(2)}rem` }),
            ` ${text(100 * data.right[name][i], 2)} %`)))))),
      el("p", { class: "note" }, `Parameters in all: ${text(data.parameters.dense)} and ${text(data.parameters.conv)}.`));
  }
  state.watch(draw);
  learn.onLook(() => draw(state.values));
}
