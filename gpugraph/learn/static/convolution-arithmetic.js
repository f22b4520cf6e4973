"use strict";
{
  const { el, table, whole } = learn;
  const axes = ["h", "w"]; // rows, columns
  const defaults = { H: 5, W: 6, Fh: 3, Fw: 3, Sh: 1, Sw: 1, Ph: 0, Pw: 0, Dh: 1, Dw: 1, Ah: 0, Aw: 0,
    apart: false, transposed: false, K: 4, L: 4, G: 1, step: 0 };
  const most = { F: 7, S: 4, P: 4, D: 3 };

  const state = learn.state(defaults, (s) => {
    s.H = whole(s.H, 1, 12);
    s.W = whole(s.W, 1, 12);
    for (const letter of "FSPDA") {
      if (!s.apart) s[`${letter}w`] = s[`${letter}h`];
      for (const a of axes) {
        const high = letter === "A" ? s[`S${a}`] - 1 : most[letter];
        s[letter + a] = whole(s[letter + a], "PA".includes(letter) ? 0 : 1, high);
      }
    }
    for (const letter of "KLG") s[letter] = whole(s[letter], 1, letter === "G" ? 12 : 12);
    const all = axes.map((a) => axis(s, a).steps);
    s.step = whole(s.step, 0, Math.max(0, all[0] * all[1] - 1));
  });

  /** Along one axis: sizes, how many windows, and how often each position of the frame is seen. */
  function axis(s, a) {
    const n = a === "h" ? s.H : s.W;
    const [F, S, P, D, A] = [..."FSPDA"].map((letter) => s[letter + a]);
    const reach = D * (F - 1) + 1;
    if (s.transposed) {
      const frame = (n - 1) * S + reach + A;
      return { n, F, S, P, D, A, reach, frame, out: frame - 2 * P, steps: frame > 2 * P ? n : 0,
        seen: learn.seen(frame, n, F, S, D) };
    }
    const out = learn.outputs(n, F, S, P, D);
    const frame = n + 2 * P;
    return { n, F, S, P, D, A: 0, reach, frame, out, steps: Math.max(0, out), room: frame - reach,
      rest: (((frame - reach) % S) + S) % S, seen: learn.seen(frame, Math.max(0, out), F, S, D) };
  }

  const big = learn.grid({ name: "frame", colour: "plain" });
  const small = learn.grid({ name: "small", colour: "plain", numbers: false,
    pick: (i, j) => state.set({ step: i * axis(state.values, "w").steps + j }) });
  const reads = learn.grid({ name: "reads", colour: "plain", numbers: false });
  const arrow = el("div", { class: "sign" });
  const formulas = el("div", { class: "formulas", "aria-live": "polite" });
  const notes = el("div", { class: "notes", "aria-live": "polite" });
  const weights = el("p", { class: "weights" });
  const both = el("div", { class: "row" }, big.node, arrow, small.node);
  learn.find("picture").append(both, formulas, notes,
    el("div", { class: "row channels" }, reads.node, weights));

  const pair = (letter, label, min, max) => axes.map((a, at) => {
    const node = learn.slider(state, letter + a, { letter, label: at ? `${label}, columns` : label, min, max });
    if (at) return learn.when(state, (s) => s.apart && (letter !== "A" || s.transposed), node);
    return letter === "A" ? learn.when(state, (s) => s.transposed, node) : node;
  });
  learn.find("controls").append(
    learn.stepper(state, "step", { label: "Position", pace: 450,
      count: (s) => axis(s, "h").steps * axis(s, "w").steps }),
    el("div", { class: "two" },
      learn.slider(state, "H", { letter: "H", label: "rows", min: 1, max: 12 }),
      learn.slider(state, "W", { letter: "W", label: "columns", min: 1, max: 12 }),
      pair("F", "filter size", 1, most.F), pair("S", "stride", 1, most.S),
      pair("P", "padding", 0, most.P), pair("D", "dilation", 1, most.D),
      pair("A", "output padding", 0, (s) => s.Sh - 1)),
    learn.check(state, "apart", { label: "rows and columns apart" }),
    learn.check(state, "transposed", { label: "transposed convolution" }),
    el("div", { class: "two" },
      learn.slider(state, "K", { letter: "K", label: "channels in", min: 1, max: 12 }),
      learn.slider(state, "L", { letter: "L", label: "channels out", min: 1, max: 12 }),
      learn.slider(state, "G", { letter: "G", label: "groups", min: 1, max: 12 })),
    learn.button("Back to the start", () => state.reset(), { class: "reset" }));

  /** The formula of one axis, and the same with numbers in it. */
  function formula(s, a, found) {
    const letter = a === "h" ? "H" : "W";
    const { n, F, S, P, D, A } = found;
    if (s.transposed) {
      return [`${letter}_out = (${letter} - 1) S - 2 P + D (F - 1) + 1 + A`,
        `= (${n} - 1) * ${S} - 2 * ${P} + ${D} * (${F} - 1) + 1 + ${A} = `, found.out];
    }
    return [`${letter}_out = floor((${letter} + 2 P - D (F - 1) - 1) / S) + 1`,
      `= floor((${n} + 2 * ${P} - ${D} * (${F} - 1) - 1) / ${S}) + 1 = floor(${found.room} / ${S}) + 1 = `,
      found.out];
  }

  const lines = (n, what) => `${n === 1 ? `the last ${what}` : `the last ${n} ${what}s`}`;

  /** What the reader should know about this setting: [is it an error?, text]. */
  function remarks(s, found) {
    const said = [];
    found.forEach((f, at) => {
      const what = at ? "column" : "row";
      if (f.out < 1 && !s.transposed) {
        said.push([true, `The window doesn't fit: with dilation ${f.D}, ${f.F} taps span ${f.reach} ${what}s, `
          + `and there are ${f.frame} with padding. Pad more, or take a smaller filter.`]);
      } else if (f.out < 1) {
        said.push([true, `Nothing is left: ${f.frame} ${what}s are made, and padding ${f.P} cuts ${f.P} off at both ends.`]);
      } else if (f.rest) {
        const image = Math.max(0, f.rest - f.P);
        said.push([false, `${f.room} / ${f.S} is not whole: the floor drops a rest of ${f.rest}. `
          + `${lines(f.rest, what)[0].toUpperCase()}${lines(f.rest, what).slice(1)} of the padded image `
          + `${f.rest === 1 ? "lies" : "lie"} behind the last window: `
          + (image ? `${lines(image, what)} of the image ${image === 1 ? "is" : "are"} never seen.` : "padding alone.")]);
      }
    });
    const counts = table(found[0].frame, found[1].frame, (i, j) => found[0].seen[i] * found[1].seen[j]);
    if (said.some(([error]) => error)) return { said, counts };
    const kept = counts.slice(found[0].P, found[0].frame - found[0].P)
      .flatMap((row) => row.slice(found[1].P, found[1].frame - found[1].P));
    const none = kept.filter((x) => x === 0).length;
    if (none) {
      said.push([false, s.transposed ? `${none} of the ${kept.length} outputs are reached by no input: they are 0, or the bias.`
        : `${none} of the ${kept.length} pixels ${none === 1 ? "is" : "are"} seen by no window (red).`]);
    } else if (s.transposed && new Set(kept).size > 1 && found.some((f) => f.S > 1 && f.F % f.S)) {
      said.push([false, "The filter size is no multiple of the stride, so neighbours are reached by unequal "
        + "numbers of inputs: the checkerboard that transposed convolutions are known for."]);
    }
    return { said, counts };
  }

  function draw(s) {
    const found = axes.map((a) => axis(s, a));
    const [h, w] = found;
    const { said, counts } = remarks(s, found);
    const wrong = said.some(([error]) => error);
    const sides = s.transposed ? [h.n, w.n] : [h.steps, w.steps];
    const [i, j] = w.steps ? [Math.floor(s.step / w.steps), s.step % w.steps] : [0, 0];
    const space = learn.find("picture");
    const narrow = space.clientWidth < 620;
    const cell = learn.fit(space, narrow ? Math.max(w.frame, sides[1]) : w.frame + sides[1] + 3, 40, 16);
    const tap = (r, c) => !wrong && taps(r, i, h) && taps(c, j, w);
    const kind = (r, c) => {
      const cut = r < h.P || r >= h.frame - h.P || c < w.P || c >= w.frame - w.P;
      const parts = [cut ? "pad" : counts[r][c] === 0 && !wrong ? "unseen" : "", tap(r, c) ? "hit" : ""];
      return parts.join(" ");
    };
    const window_ = { row: i * h.S, column: j * w.S, height: h.reach, width: w.reach };
    const middle = { row: h.P, column: w.P, height: h.frame - 2 * h.P, width: w.frame - 2 * w.P, kind: "soft" };
    big.show(counts, { cell, kind, text: (x, r, c) => (cell < 18 || (/pad/.test(kind(r, c)) && !s.transposed) ? "" : learn.text(x)),
      frames: [...(middle.height > 0 && middle.width > 0 && (h.P || w.P) ? [middle] : []), ...(wrong ? [] : [window_])],
      caption: s.transposed ? `output, ${Math.max(0, h.out)}×${Math.max(0, w.out)}${h.P || w.P ? ", and what padding cuts off" : ""}`
        : `image, ${s.H}×${s.W}${h.P || w.P ? ", and padding" : ""}` });
    small.show(table(Math.max(0, sides[0]), Math.max(0, sides[1]), () => 0), { cell,
      kind: (r, c) => (r * w.steps + c <= s.step && !wrong ? "hit" : ""),
      frames: wrong ? [] : [{ row: i, column: j, height: 1, width: 1 }],
      caption: s.transposed ? `input, ${s.H}×${s.W}` : wrong ? "no output" : `output, ${h.out}×${w.out}` });
    learn.put(arrow, el("span", {}, narrow ? (s.transposed ? "↑" : "↓") : s.transposed ? "←" : "→"));
    learn.put(formulas, ...axes.map((a, at) => {
      const [letters, numbers, result] = formula(s, a, found[at]);
      return el("p", {}, learn.formula(letters), el("br"), learn.formula(numbers),
        el("b", { "data-out": a }, learn.text(result)));
    }));
    learn.put(notes, ...said.map(([error, text]) => el("p", { class: error ? "error" : "note" }, text)),
      el("p", { class: "note" }, s.transposed
        ? "Each input number lays one filter, times itself, on the output. A number in the output says how many inputs reach it."
        : "A number in the image says how many windows see that pixel."));
    channels(s, found, wrong);
  }

  const taps = (r, i, f) => {
    const at = r - i * f.S;
    return at >= 0 && at < f.reach && at % f.D === 0;
  };

  /** Which output channel reads which input channel, and what that costs. */
  function channels(s, [h, w], wrong) {
    const fits = s.K % s.G === 0 && s.L % s.G === 0;
    const group = (index, all) => Math.floor((index * s.G) / all);
    reads.show(table(s.L, s.K, () => 0), { cell: 13, caption: "who reads whom",
      kind: (l, k) => (fits && group(l, s.L) === group(k, s.K) ? "hit" : "") });
    reads.node.title = "A row for each output channel, a column for each input channel";
    if (!fits) {
      learn.put(weights, el("span", { class: "error" }, `${s.G} groups must divide both ${s.K} channels in and ${s.L} out.`));
      return;
    }
    const count = (h.F * w.F * s.K * s.L) / s.G;
    const places = s.transposed ? h.n * w.n : h.out * w.out;
    const size = h.F === w.F ? "F^2" : "F_h F_w";
    const cost = el("span", { "data-cost": true }, learn.text(count * places));
    learn.put(weights, "Weights ", learn.formula(`${size} K L / G = `), el("b", { "data-weights": true }, learn.text(count)),
      wrong ? "" : el("span", {}, el("br"), `Multiply-adds, padding included: ${learn.text(count)} · ${h.n && s.transposed ? h.n : h.out} · ${s.transposed ? w.n : w.out} = `, cost));
  }

  state.watch(draw);
  learn.onLook(() => draw(state.values));
}
