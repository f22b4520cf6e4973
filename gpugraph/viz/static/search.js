{
  const el = gg.el;
  const NUMBERS = {
    rf: [
      "receptive field",
      (m, n) => (n.field ?? []).reduce(
        (most, f) => (f === "all" ? Infinity : Array.isArray(f) ? Math.max(most ?? 0, f[0]) : most),
        null,
      ),
    ],
    time: ["seconds, or with unit: 1ms", (m, n) => n.time],
    macs: ["multiply-adds: 1M", (m, n) => n.cost?.macs],
    flops: ["FLOPs: 1M", (m, n) => n.cost?.flops],
    params: [
      "parameters: 10k",
      (m, n) => (n.kind === "parameter" ? gg.elements(n.outputs[0]) : m.paramsOf(n.id)),
    ],
    kept: ["bytes kept for the backward pass: 1MB", (m, n) => n.kept],
    bytes: ["bytes of outputs: 1MB", (m, n) => m.outputBytes(n)],
    order: ["order of derivative: 1", (m, n) => n.order],
  };
  const WORDS = {
    op: (m, n) => [n.kind === "op" ? n.label : "", n.op],
    scope: (m, n) => [m.scopeOf(n)],
    where: (m, n) => [n.where],
    shape: (m, n) => n.outputs.map((o) => `,${o.shape.join(",")},`),
    dtype: (m, n) => n.outputs.map((o) => o.dtype),
    device: (m, n) => [n.device],
    kind: (m, n) => [n.kind],
  };
  const UNITS = {
    "": 1,
    k: 1e3,
    m: 1e6,
    g: 1e9,
    t: 1e12,
    b: 1,
    kb: 1e3,
    mb: 1e6,
    gb: 1e9,
    kib: 1024,
    mib: 1024 ** 2,
    gib: 1024 ** 3,
    s: 1,
    ms: 1e-3,
    us: 1e-6,
    µs: 1e-6,
  };
  const POSSIBLE = "words, op: scope: where: shape: dtype: device: kind:, nan, error, sum, saved, " +
    "and rf time macs flops params kept bytes order with >, <, >=, <= or :";

  /** One term of a query as a test of a node; throws an Error that says what is possible. */
  const term = (text) => {
    const lower = text.toLowerCase();
    if (lower === "nan" || lower === "inf") return (m, n) => m.bad[n.id];
    if (lower === "error") return (m, n) => Boolean(n.error);
    if (lower === "sum") return (m, n) => n.adds;
    if (lower === "saved") return (m, n) => m.outs[n.id].some((e) => e[4]);
    const compared = /^([a-z]+)(>=|<=|>|<|=|:)(.*)$/.exec(lower);
    if (!compared) return (m, n) => [
      n.label,
      m.scopeOf(n),
      n.where,
      ...n.params,
    ].some((s) => s.toLowerCase().includes(lower));
    const [, name, sign, value] = compared;
    if (NUMBERS[name]) return numeric(name, sign, value);
    if (WORDS[name] && (sign === ":" || sign === "=")) {
      const wanted = name === "shape" ? `,${value.replace(/[^\d]+/g, ",").replace(/^,|,$/g, "")},` : value;
      return (m, n) => WORDS[name](m, n).some((s) => s.toLowerCase().includes(wanted));
    }
    throw new Error(`There is no filter “${gg.short(name, 20)}${sign}”. Possible are ${POSSIBLE}`);
  };

  const numeric = (name, sign, value) => {
    const [what, get] = NUMBERS[name];
    const parts = /^(-?[\d.]+(?:e-?\d+)?)\s*([a-zµ]*)$/.exec(value);
    if (!parts || !(parts[2] in UNITS)) {
      throw new Error(`${name}${sign} takes a number (${what}), not “${gg.short(value, 20)}”`);
    }
    const limit = +parts[1] * UNITS[parts[2]];
    const test = {
      ">": (x) => x > limit,
      "<": (x) => x < limit,
      ">=": (x) => x >= limit,
      "<=": (x) => x <= limit,
      "=": (x) => x === limit,
      ":": (x) => x === limit,
    }[sign];
    return (m, n) => {
      const x = get(m, n);
      return gg.known(x) && test(x);
    };
  };

  /** Ids of the nodes that a query finds: all its terms must hold. "quoted words" are one term. */
  gg.find = (model, query) => {
    const terms = (query.match(/"[^"]*"|\S+/g) ?? []).map((t) => term(t.replace(/"/g, "")));
    return terms.length ? model.nodes.filter((n) => terms.every((t) => t(model, n))).map((n) => n.id) : [];
  };

  /** The search box with its list of what was found. */
  gg.Search = class {
    constructor(app) {
      this.app = app;
      this.found = [];
      this.at = -1;
      this.input = app.bar.querySelector("#search");
      this.list = el("div", { class: "found", hidden: true });
      this.input.parentNode.append(this.list);
      this.input.addEventListener("input", () => this.run(this.input.value));
      this.input.addEventListener("keydown", (e) => this.#key(e));
    }

    #key(e) {
      if (e.key === "Enter") this.walk(e.shiftKey ? -1 : 1);
      else if (e.key === "ArrowDown" && this.list.querySelector("button")) this.list.querySelector("button").focus();
      else if (e.key === "Escape") {
        this.input.value = "";
        this.run("");
        this.app.stage.focus();
      } else return;
      e.preventDefault();
    }

    run(query) {
      const { app } = this;
      app.state.query = query;
      this.at = -1;
      this.message = "";
      try {
        this.found = gg.find(app.model, query);
      } catch (error) {
        this.found = [];
        this.message = error.message;
      }
      this.#show(query);
      app.remark();
    }

    #show(query) {
      const { model } = this.app;
      this.list.hidden = !query.trim();
      const many = `${gg.plural(this.found.length, "match", "matches")}; Enter walks through them`;
      const count = this.message || (this.found.length ? many : "nothing found");
      const more = this.found.length > 30 ? el(
        "p",
        { class: "muted" },
        `and ${this.found.length - 30} more`,
      ) : "";
      this.list.replaceChildren(el(
        "p",
        { class: this.message ? "error" : "muted", role: "status" },
        count,
      ), ...this.found.slice(0, 30).map((id, i) => {
        const made = gg.nodeLink(
          this.app,
          id,
          model.nodes[id].outputs.map((o) => gg.shape(o.shape)).join(", "),
        );
        made.addEventListener("click", () => (this.at = i));
        return made;
      }), more);
    }

    /** Select the next of the found nodes, opening groups as needed. */
    walk(by) {
      if (!this.found.length) return;
      this.at = (this.at + by + this.found.length) % this.found.length;
      this.app.select(`n${this.found[this.at]}`, { show: true, open: true });
      gg.say(`${this.at + 1} of ${this.found.length}: ${gg.told(this.app, this.app.state.sel)}`);
    }

    /** Keys of the boxes that hold what was found -> how many. */
    keys() {
      const keys = new Map();
      for (const id of this.found) {
        const key = gg.boxOf(this.app.model, this.app.scene, id);
        if (key) keys.set(key, (keys.get(key) ?? 0) + 1);
      }
      return keys;
    }
  };
}
