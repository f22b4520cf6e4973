{
  const sum = (ids, value) => {
    let total = null;
    for (const id of ids) {
      const v = value(id);
      if (gg.known(v)) total = (total ?? 0) + v;
    }
    return total;
  };
  const most = (ids, value) => {
    let found = null;
    for (const id of ids) {
      const v = value(id);
      if (gg.known(v) && (found === null || Number.isNaN(v) || v > found)) found = v;
      if (Number.isNaN(found)) return found;
    }
    return found;
  };

  const farthest = (ids, value) => {
    const known = ids.map(value).filter(gg.known);
    return known.length ? known.reduce((a, b) => (Math.abs(b) > Math.abs(a) || Number.isNaN(b) ? b : a)) : null;
  };

  /**
   * All ways to colour the boxes: {name, title, value(id), of: what stands for many, text(number), log,
   * words}; those of the data also have `first` and `states`, are `signed` if some numbers are negative,
   * and `bare` if there are none.
   * `words` say what is a category; `value` gives null where nothing is known.
   */
  gg.overlays = (model) => {
    const ops = (f) => (id) => (model.nodes[id].kind === "op" ? f(model.nodes[id]) : null);
    const list = [
      { name: "kind", title: "kind of node" },
      { name: "device", title: "device", words: (n) => n.device || null },
      { name: "dtype", title: "dtype", words: (n) => n.outputs[0]?.dtype ?? null },
      { name: "time", title: "time", value: ops((n) => n.time ?? null), of: sum, text: gg.seconds },
      {
        name: "macs",
        title: "multiply-adds",
        value: ops((n) => n.cost?.macs ?? null),
        of: sum,
        text: gg.count,
      },
      { name: "flops", title: "FLOPs", value: ops((n) => n.cost?.flops ?? null), of: sum, text: gg.count },
      {
        name: "kept",
        title: "kept for backward",
        value: (id) => model.nodes[id].kept ?? null,
        of: sum,
        text: gg.bytes,
      },
      {
        name: "bytes",
        title: "output bytes",
        value: (id) => (model.nodes[id].outputs.length ? model.outputBytes(model.nodes[id]) : null),
        of: sum,
        text: gg.bytes,
      },
      {
        name: "gradient",
        title: "gradient norm",
        value: (id) => (model.nodes[id].order ? model.norm(id) : model.gradientNorm(id)),
        of: most,
        text: gg.real,
        log: true,
      },
      {
        name: "spread",
        title: "spread of values",
        value: (id) => gg.number(model.nodes[id].stats?.[0]?.std ?? null),
        of: most,
        text: gg.real,
        log: true,
      },
    ];
    for (const o of model.data.overlays ?? []) {
      const value = (id) => (gg.known(o.values[id]) ? gg.number(o.values[id]) : null);
      const text = (x) => gg.real(x) + (o.unit ? ` ${o.unit}` : "");
      const numbers = Object.values(o.values).map(gg.number).filter(Number.isFinite);
      const signed = numbers.some((v) => v < 0);
      list.push({
        name: o.name,
        title: o.name,
        value,
        of: signed ? farthest : most,
        text,
        signed,
        log: !signed,
        first: o.first,
        states: o.states ?? {},
        bare: !Object.keys(o.values).length,
      });
    }
    const says = (o, n) => (o.value ? gg.known(o.value(n.id)) : o.words ? Boolean(o.words(n)) : true) || o.states?.[n.id];
    for (const o of list) o.empty = !model.nodes.some((n) => says(o, n));
    return list;
  };

  /** Ids of the nodes for which a box stands. */
  gg.idsOf = (model, box) => {
    if (gg.known(box.node)) return [box.node];
    if (gg.known(box.bundle)) return model.made[box.order][box.bundle];
    return model.inside[box.group].filter((id) => model.nodes[id].order === box.order);
  };

  const STATES = [
    ["added", "good-soft", "good"],
    ["changed", "accent-soft", "accent"],
    ["removed", "error-soft", "error"],
  ];
  const CATEGORIES = ["op", "parameter", "input", "gradient2", "gradient", "constant"];

  /** How boxes are painted under an overlay; `legend` says what the colours mean. */
  gg.Painter = class {
    constructor(model, overlay, boxes) {
      Object.assign(this, { model, overlay, colours: gg.colours() });
      this.values = new Map();
      if (overlay.words) this.#categories(boxes);
      else if (overlay.value) this.#scale(boxes);
    }

    #categories(boxes) {
      const counts = new Map();
      for (const box of boxes) {
        const nodes = gg.idsOf(this.model, box).map((id) => this.model.nodes[id]);
        const words = new Set(nodes.map(this.overlay.words).filter(Boolean));
        const word = words.size === 1 ? [...words][0] : words.size ? "several" : null;
        this.values.set(box.key, word);
        if (word) counts.set(word, (counts.get(word) ?? 0) + 1);
      }
      this.categories = [...counts.keys()].sort();
    }

    #scale(boxes) {
      let low = Infinity, high = -Infinity;
      for (const box of boxes) {
        const value = this.overlay.of(gg.idsOf(this.model, box), this.overlay.value);
        this.values.set(box.key, value);
        if (!Number.isFinite(value) || (this.overlay.log && value <= 0)) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      this.low = this.overlay.log ? low : Math.min(0, low);
      this.high = high;
      if (this.overlay.signed) [this.low, this.high] = [-Math.max(-low, high), Math.max(-low, high)];
    }

    /** Where a number stands from 0 to 1. */
    share(value) {
      if (value <= this.low || !(this.high > this.low)) return value > 0 && value >= this.high ? 1 : 0;
      if (this.overlay.log) return Math.log(value / this.low) / Math.log(this.high / this.low);
      return (value - this.low) / (this.high - this.low);
    }

    heat(share) {
      const { paper, good, accent } = this.colours;
      if (this.overlay.signed) return gg.mix(
        paper,
        share < 0.5 ? good : accent,
        0.04 + 1.1 * Math.abs(share - 0.5),
      );
      return gg.mix(this.colours.paper, this.colours.accent, 0.04 + 0.56 * share);
    }

    /** {fill, line, hatch, dashed, thick} of a box. */
    paint(box) {
      const c = this.colours;
      const error = gg.idsOf(this.model, box).some((id) => this.model.nodes[id].error);
      if (error) return { fill: c["error-soft"], line: c.error, thick: true };
      const kind = c[box.type] ? box.type : "op";
      if (this.overlay.words) {
        const word = this.values.get(box.key);
        const at = this.categories.indexOf(word);
        return at < 0 ? { fill: c.paper, line: c["constant-line"], hatch: true } : this.category(at);
      }
      if (!this.overlay.value) return { fill: c[kind], line: c[`${kind}-line`] };
      const value = this.values.get(box.key);
      const states = gg.idsOf(this.model, box).map((id) => this.overlay.states?.[id]).filter(Boolean);
      const fresh = states.includes("new error"), inherited = !fresh && states.includes("inherited");
      const state = STATES.find(([name]) => states.includes(name));
      if (this.overlay.bare) return state ? {
        fill: c[state[1]],
        line: c[state[2]],
        thick: true,
      } : { fill: c.paper, line: c["constant-line"] };
      if (!gg.known(value)) return { fill: c.paper, line: c["constant-line"], hatch: true };
      if (!Number.isFinite(value)) return { fill: c["error-soft"], line: c.error };
      const first = gg.known(this.overlay.first) && gg.idsOf(this.model, box).includes(this.overlay.first);
      const heat = this.heat(this.share(value) * (inherited ? 0.35 : 1));
      return {
        fill: fresh ? gg.mix(c["error-soft"], c.error, 0.15) : heat,
        line: first || fresh ? c.error : state ? c[state[2]] : c["op-line"],
        thick: first,
        dashed: inherited,
      };
    }

    category(at) {
      const name = CATEGORIES[at % CATEGORIES.length];
      return { fill: this.colours[name], line: this.colours[`${name}-line`] };
    }

    /** The number or word of a box, as text. */
    text(box) {
      const value = this.values.get(box.key);
      if (!gg.known(value)) return "?";
      return this.overlay.text ? this.overlay.text(value) : value;
    }
  };

  const KINDS = [
    ["op", "op"],
    ["group", "group of ops"],
    ["parameter", "parameter"],
    ["input", "input"],
    ["constant", "constant"],
    ["gradient", "gradient op"],
    ["gradient2", "gradient of a gradient"],
  ];

  /** The legend of a painter, as an element. */
  gg.legend = (painter, boxes) => {
    const { overlay, colours } = painter;
    const swatch = (fill, line, text, cls = "") => gg.el(
      "span",
      { class: "swatch" },
      gg.el("i", { class: cls, style: `background:${fill};border-color:${line}` }),
      text,
    );
    const made = gg.el("div", { class: "legend" }, gg.el("b", {}, overlay.title));
    if (overlay.words) {
      painter.categories.forEach((word, i) => {
        const p = painter.category(i);
        made.append(swatch(p.fill, p.line, word));
      });
    } else if (overlay.bare) {
      const there = new Set(Object.values(overlay.states));
      for (const [name, fill, line] of STATES) if (there.has(name)) made.append(swatch(colours[fill], colours[line], name));
      made.append(swatch(colours.paper, colours["constant-line"], "as it was"));
    } else if (overlay.value) {
      if (!Number.isFinite(painter.high)) made.append("no numbers here");
      else {
        const bar = gg.el("span", { class: "scale" });
        const stops = Array.from({ length: 5 }, (_, i) => painter.heat(i / 4));
        bar.style.background = `linear-gradient(to right, ${stops.join(",")})`;
        made.append(gg.el(
          "span",
          { class: "swatch" },
          overlay.text(painter.low),
          bar,
          overlay.text(painter.high),
          overlay.log ? " (logarithmic)" : "",
        ));
      }
      if (Object.values(overlay.states ?? {}).includes("new error")) made.append(swatch(
        gg.mix(colours["error-soft"], colours.error, 0.15),
        colours.error,
        "new error",
      ));
      if (Object.values(overlay.states ?? {}).includes("inherited")) made.append(swatch(
        painter.heat(0.3),
        colours["op-line"],
        "inherited",
        "dashed",
      ));
      made.append(swatch(colours.paper, colours["constant-line"], "not known", "hatch"));
    } else {
      const types = new Set(boxes.map((b) => b.type));
      for (const [type, text] of KINDS) if (types.has(type)) made.append(swatch(
        colours[type],
        colours[`${type}-line`],
        text,
      ));
    }
    return made;
  };
}
