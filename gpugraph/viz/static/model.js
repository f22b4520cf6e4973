{
  const USUAL = {
    op: "",
    params: [],
    scope: [],
    where: "",
    device: "",
    order: 0,
    of: null,
    adds: false,
    inputs: [],
    outputs: [],
    cost: null,
    kept: 0,
    taps: [],
    field: null,
    gradients: [],
    time: null,
    live: null,
    stats: null,
    images: [],
    error: "",
  };

  /** The graph of docs/graph-json.md with what is looked up often. Nothing in it changes. */
  gg.Model = class {
    /** @param {Object} data */
    constructor(data) {
      this.data = data;
      this.meta = data.meta;
      this.nodes = data.nodes.map((n) => ({ ...USUAL, ...n })); // what says nothing is left out
      this.groups = data.groups;
      this.steps = data.steps ?? [];
      this.layout = data.layout;
      this.orders = 1 + data.nodes.reduce((most, n) => Math.max(most, n.order), 0);
      this.ins = this.nodes.map(() => []);
      this.outs = this.nodes.map(() => []);
      for (const edge of data.edges) {
        this.outs[edge[0]].push(edge);
        this.ins[edge[2]].push(edge);
      }
      this.#place();
      this.#gradients();
      this.#sums();
    }

    /** Who stands where: owners of parameters, paths of groups, homes of gradient ops. */
    #place() {
      this.children = this.groups.map(() => []);
      this.paths = this.groups.map((g) => (g.parent === null ? [g.id] : null));
      for (const g of this.groups) {
        if (g.parent === null) continue;
        this.children[g.parent].push(g.id);
        this.paths[g.id] = [...this.paths[g.parent], g.id];
      }
      this.owner = this.nodes.map((n) => n.id); // the box in whose item a node stands
      this.beside = this.nodes.map(() => []);
      this.where = this.nodes.map(() => null); // group in whose rows its box stands
      this.layout.forEach(({ rows }, g) => {
        for (const item of rows.flat()) {
          if (item[0] !== "n") continue;
          this.where[item[1]] = g;
          this.beside[item[1]] = item[2] ?? [];
          for (const id of item[2] ?? []) this.owner[id] = item[1];
        }
      });
      this.single = this.groups.map(() => null); // the op that stands for a group of one
      for (let g = this.groups.length - 1; g > 0; g--) {
        const items = this.layout[g].rows.flat().filter((i) => i[0] === "n" || i[0] === "g");
        if (items.length !== 1 || this.groups[g].repeats) continue;
        this.single[g] = items[0][0] === "n" ? items[0] : this.single[items[0][1]];
      }
    }

    /** homes[id]: the forward box beside which a node stands; made[order][box]: gradient ops there. */
    #gradients() {
      this.gradientOf = new Map(); // "node.output" -> what it is the gradient of: [node, output]
      for (const n of this.nodes) {
        n.gradients.forEach((g, k) => {
          if (g) this.gradientOf.set(g.join("."), [n.id, k]);
        });
      }
      this.homes = this.nodes.map((n) => (n.order ? null : this.owner[n.id]));
      for (const n of this.nodes) {
        if (n.order && n.of !== null && n.of < n.id) this.homes[n.id] = this.homes[n.of];
      }
      for (let i = this.nodes.length - 1; i >= 0; i--) { // nobody's rule made it: stand by who uses it
        if (this.homes[i] !== null) continue;
        const served = this.nodes[i].outputs.map((_, k) => this.gradientOf.get(`${i}.${k}`)).find(Boolean);
        const user = this.outs[i].map((e) => this.homes[e[2]]).find(gg.known);
        const used = this.ins[i].map((e) => this.homes[e[0]]).find(gg.known);
        this.homes[i] = (served && this.homes[served[0]]) ?? user ?? used ?? null;
      }
      this.made = Array.from({ length: this.orders }, () => this.nodes.map(() => []));
      for (const n of this.nodes) {
        const home = this.homes[n.id];
        // a number that a rule uses, such as 0, is no box of its own; a 1 with which a pass starts is
        const says = n.kind === "op" || n.outputs.some((_, k) => this.gradientOf.has(`${n.id}.${k}`));
        if (home !== null && n.order && says) this.made[n.order][home].push(n.id);
      }
    }

    /** Sums over all that is in a group, by order of derivative: sums[group][order]. */
    #sums() {
      const zero = () => ({
        ops: 0,
        macs: 0,
        flops: 0,
        time: 0,
        kept: 0,
        params: 0,
        bytes: 0,
        unknown: 0,
        timed: 0,
      });
      this.sums = this.groups.map(() => Array.from({ length: this.orders }, zero));
      this.inside = this.groups.map(() => []); // ids of nodes, gradient ops too
      this.bad = this.nodes.map((n) => (n.stats ?? []).some((s) => s && (s.nan > 0 || s.inf > 0)));
      for (const n of this.nodes) {
        const home = this.homes[n.id];
        const group = (home === null ? null : this.where[home]) ?? n.group;
        for (const g of this.paths[group]) {
          this.inside[g].push(n.id);
          const sum = this.sums[g][n.order];
          sum.kept += n.kept;
          if (n.kind === "parameter") sum.params += gg.elements(n.outputs[0]);
          if (n.kind !== "op") continue;
          sum.ops++;
          sum.macs += n.cost?.macs ?? 0;
          sum.flops += n.cost?.flops ?? 0;
          sum.unknown += n.cost ? 0 : 1;
          sum.bytes += this.outputBytes(n);
          if (gg.known(n.time)) {
            sum.time += n.time;
            sum.timed++;
          }
        }
      }
      this.firstBad = this.bad.indexOf(true);
      this.timed = this.sums[0].some((s) => s.timed > 0);
    }

    /** The group whose box holds a node, with all around it, outermost first. */
    pathOf(id) {
      const home = this.homes[id] ?? id;
      return this.paths[this.where[home] ?? this.nodes[home].group];
    }

    outputBytes(n) {
      return n.outputs.reduce((sum, out) => sum + gg.sizeOf(out), 0);
    }

    /** Number of parameters that an op uses first-hand. */
    paramsOf(id) {
      return this.ins[id].reduce(
        (sum, [s, k]) => sum + (this.nodes[s].kind === "parameter" ? gg.elements(this.nodes[s].outputs[k]) : 0),
        0,
      );
    }

    /** The scopes that no frame or box of a group shows, because the node alone is in them. */
    ownScope(id) {
      const group = this.where[id];
      if (group === null) return "";
      return this.paths[group].filter((g) => this.single[g]).map((g) => this.groups[g].name).join(".");
    }

    /** Where a node is, in words: "layer1.0.conv1". */
    scopeOf(n) {
      return n.scope.join(".");
    }

    /** A node's name in a sentence: "conv conv1", "conv1.weight", "∂ conv1.weight". */
    nameOf(id) {
      const n = this.nodes[id];
      const scope = this.scopeOf(n);
      if (n.kind !== "op") return n.label || n.kind;
      if (n.order) return n.label + (gg.known(n.of) ? ` for ${this.nameOf(n.of)}` : "");
      return scope ? `${n.label} in ${scope}` : n.label;
    }

    /** The same, shorter: "conv_input · conv1". */
    briefOf(id) {
      const n = this.nodes[id];
      if (n.kind !== "op") return n.label || n.kind;
      const scope = this.scopeOf(n.order && this.homes[id] !== null ? this.nodes[this.homes[id]] : n);
      return scope ? `${n.label} · ${scope}` : n.label;
    }

    /** Of what the outputs of a gradient op are the whole gradients: ids. */
    servedBy(id) {
      return this.nodes[id].outputs.map((_, k) => this.gradientOf.get(`${id}.${k}`)?.[0]).filter(gg.known);
    }

    /** The name of an op, and the last part of a parameter's. */
    lastName(n) {
      if (n.kind === "parameter") return n.label.split(".").pop() || n.kind;
      return n.label || n.kind; // of a constant it may be a number
    }

    /** Euclidean norm of an output by its statistics: root of (mean² + std²) × elements; null unknown. */
    norm(id, k = 0) {
      const s = this.nodes[id].stats?.[k];
      if (!s) return null;
      if (s.nan > 0 || s.inf > 0) return NaN;
      return Math.sqrt((gg.number(s.mean) ** 2 + gg.number(s.std) ** 2) * gg.elements(this.nodes[id].outputs[k]));
    }

    /** Norm of the gradient of a node's outputs together; null where it is not known. */
    gradientNorm(id) {
      const norms = this.nodes[id].gradients.filter(Boolean).map(([n, k]) => this.norm(n, k));
      return norms.length && norms.every(gg.known) ? Math.hypot(...norms) : null;
    }

    /** Do these groups, open, show at most so many boxes? Number of boxes of the forward graph. */
    boxes(open) {
      const countIn = (g) =>
        this.layout[g].rows.flat().reduce((sum, [kind, id]) => {
          if (kind === "n") return sum + 1;
          if (kind !== "g") return sum;
          return sum + (this.single[id] || !open(id) ? 1 : countIn(id));
        }, 0);
      return countIn(0);
    }

    /** The groups that are open at first: as deep as it takes to say something at a glance. */
    firstOpen(most = 40) {
      let best = new Set();
      const deepest = this.paths.reduce((d, p) => Math.max(d, p.length), 1);
      for (let depth = 0; depth < deepest; depth++) {
        const open = (g) => this.paths[g].length - 1 <= depth;
        const shown = this.boxes(open);
        if (shown > most) break;
        best = new Set(this.groups.filter((g) => g.id && !this.single[g.id] && open(g.id)).map((g) => g.id));
        if (shown >= 8) break;
      }
      return best;
    }
  };
}
