{
  const el = gg.el;
  const MOST_SVG = 1500;

  /** The page: what is open, selected and shown, and the parts that show it. */
  gg.App = class {
    constructor(data, host) {
      this.model = new gg.Model(data);
      const { model } = this;
      this.first = [...model.firstOpen()].sort();
      this.state = {
        open: new Set(this.first),
        sel: null,
        overlay: "kind",
        columns: Array.from({ length: model.orders }, () => true),
        saved: false,
        step: null,
        follow: false,
        query: "",
      };
      this.overlays = gg.overlays(model);
      this.#build(host);
      gg.readAddress(this);
      this.rebuild();
      this.view.fit(1);
      this.select(this.state.sel, { show: Boolean(this.state.sel) });
      if (this.state.step !== null) this.steps.go(this.state.step);
      const again = () => this.repaint();
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
      new ResizeObserver(() => this.#moved()).observe(this.stage);
      addEventListener("hashchange", () => {
        gg.readAddress(this);
        this.rebuild();
        this.select(this.state.sel, { show: true });
      });
    }

    #build(host) {
      this.stage = el(
        "div",
        {
          class: "stage",
          id: "stage",
          tabindex: 0,
          role: "application",
          "aria-label": "computation graph: arrow keys walk along edges, Enter opens and closes, question mark for help",
          "aria-activedescendant": "current",
        },
      );
      this.current = el(
        "div",
        { id: "current", class: "unseen", role: "img", "aria-label": "nothing selected" },
      );
      this.heads = el("div", { class: "heads", "aria-hidden": "true" });
      this.key = el("div", { class: "key", role: "note", "aria-label": "what the colours mean" });
      this.aside = el("aside", { class: "panel", id: "panel", tabindex: 0, "aria-label": "details" });
      this.said = el("div", { id: "said", class: "unseen", role: "status", "aria-live": "polite" });
      this.stage.append(this.current);
      this.view = new gg.View(this.stage, () => this.#moved());
      this.minimap = new gg.Minimap(this.stage, this.view);
      this.bar = gg.toolbar(this);
      this.search = new gg.Search(this);
      this.steps = new gg.Steps(this);
      const banner = this.model.meta.error ? gg.errorBanner(this) : null;
      host.append(...[
        this.bar,
        banner,
        el("main", {}, el("div", { class: "middle" }, this.heads, this.stage, this.key), this.aside),
        this.steps.root,
        this.said,
      ].filter(Boolean));
      gg.listen(this);
    }

    /** Place and draw everything anew: groups or columns have changed. */
    rebuild() {
      const { model, state } = this;
      this.scene = gg.place(model, state);
      this.lines = gg.links(model, this.scene);
      this.byBox = new Map();
      for (const line of this.lines) {
        for (const key of [line.from, line.to]) {
          if (!this.byBox.has(key)) this.byBox.set(key, []);
          this.byBox.get(key).push(line);
        }
      }
      const Kind = this.scene.boxes.size > MOST_SVG ? gg.CanvasDrawing : gg.SvgDrawing;
      if (!(this.drawing instanceof Kind)) {
        this.drawing?.remove();
        this.drawing = new Kind(this.stage);
      }
      this.drawing.draw(this.scene, this.lines);
      this.view.extent = this.scene;
      this.heads.replaceChildren(...this.scene.heads.map((h) => el(
        "span",
        { class: `head order${Math.min(2, h.column)}` },
        h.text,
      )));
      this.repaint();
    }

    /** Colours anew: another overlay or theme. */
    repaint() {
      const boxes = [...this.scene.boxes.values()];
      const overlay = this.overlays.find((o) => o.name === this.state.overlay) ?? this.overlays[0];
      this.painter = new gg.Painter(this.model, overlay, boxes);
      this.drawing.paint(this.painter, this.#flags(boxes));
      this.minimap.draw(this.scene, this.painter);
      this.key.replaceChildren(gg.legend(this.painter, boxes));
      this.drawing.transform(this.view);
      this.remark();
      this.#moved();
    }

    /** Badges: how many found nodes are in a closed box, and where values are not finite. */
    #flags(boxes) {
      const flags = new Map();
      if (this.model.firstBad < 0) return flags;
      for (const box of boxes) {
        const bad = gg.idsOf(this.model, box).filter((id) => this.model.bad[id]).length;
        if (bad) flags.set(box.key, gg.known(box.node) ? "NaN / ∞" : `${bad} × NaN / ∞`);
      }
      return flags;
    }

    /** What is selected, near it, found and fired, as keys of boxes and lines. */
    marks() {
      const { state } = this;
      const selected = new Set(this.keysOf(state.sel)), near = new Set(), lines = new Set();
      for (const key of [...selected, this.hovered]) {
        for (const line of (key && this.byBox.get(key)) || []) {
          lines.add(line.key);
          near.add(line.from).add(line.to);
        }
      }
      const step = this.steps.marks();
      const hits = this.search.keys();
      const dim = step.dim ?? (hits.size ? hits : null);
      return {
        selected,
        near,
        lines: step.lines ? new Set([...lines, ...step.lines]) : lines,
        hits,
        fired: step.fired,
        made: step.made,
        dim,
      };
    }

    remark() {
      const { model, state } = this;
      const keys = new Set(this.keysOf(state.sel));
      const all = state.saved ? model.data.edges.filter((e) => e[4]) : [];
      if (!state.saved && keys.size) {
        for (const id of this.idsOf(state.sel)) all.push(...[...model.ins[id], ...model.outs[id]].filter((e) => e[4]));
      }
      this.drawing.across(gg.savedLinks(model, this.scene, all));
      this.drawing.mark(this.marks());
    }

    /** Keys of the boxes or frames that show a selection: of a group, those in all columns. */
    keysOf(sel) {
      if (!sel) return [];
      const { scene, model } = this;
      const frames = (g) => scene.frames.filter((f) => f.g === g).map((f) => f.key);
      if (sel[0] === "g") {
        const g = +sel.slice(1).split(".")[0];
        const found = [...scene.boxes.keys()].filter((k) => k === `g${g}` || k.startsWith(`g${g}.`)).concat(frames(g));
        if (found.length) return found;
        const around = model.paths[g].find((p) => scene.boxes.has(`g${p}`));
        return around === undefined ? [] : [`g${around}`];
      }
      if (scene.boxes.has(sel)) return [sel];
      const key = gg.boxOf(model, scene, +sel.slice(1).split(".")[0]);
      return key ? [key] : [];
    }

    /** Ids of the nodes that are selected. */
    idsOf(sel) {
      if (!sel) return [];
      const [id, order] = sel.slice(1).split(".").map(Number);
      if (sel[0] === "g") return this.model.inside[id];
      return sel[0] === "d" ? this.model.made[order][id] : [id];
    }

    /**
     * Select a node ("n12"), group ("g5"), or all gradient ops of a node ("d12.1"); null for nothing.
     * @param {{show?: boolean, open?: boolean}} how  scroll to it; open the groups around it
     */
    select(sel, { show = false, open = false } = {}) {
      if (open && sel) this.#openTo(sel);
      this.state.sel = sel;
      const key = this.keysOf(sel)[0];
      if (show && key) this.view.show(this.scene.boxes.get(key) ?? this.scene.frames.find((f) => f.key === key));
      this.remark();
      gg.panel(this);
      const told = gg.told(this, sel);
      this.current.setAttribute("aria-label", told);
      if (sel) gg.say(told);
      gg.writeAddress(this);
    }

    #openTo(sel) {
      const id = +sel.slice(1).split(".")[0];
      const path = sel[0] === "g" ? this.model.paths[id].slice(0, -1) : this.model.pathOf(id);
      const closed = path.filter((g) => g && !this.model.single[g] && !this.state.open.has(g));
      const n = sel[0] === "n" ? this.model.nodes[id] : null;
      if (n?.order && !this.state.columns[n.order]) {
        this.state.columns[n.order] = true;
        gg.syncToolbar(this);
        closed.push(null);
      }
      const home = n?.order ? this.model.homes[id] : null;
      const bundle = home !== null && this.model.made[n.order][home].length > gg.MANY ? `d${home}` : null;
      if (bundle && !this.state.open.has(bundle)) closed.push(bundle);
      if (!closed.length) return;
      closed.forEach((g) => g !== null && this.state.open.add(g));
      this.rebuild();
    }

    /** Open a closed box, or close an open group; what was under the pointer stays where it was. */
    toggle(key) {
      const id = +key.slice(1).split(".")[0];
      const what = key[0] === "d" ? `d${id}` : id;
      const frame = (fits) => this.scene.frames.find(fits);
      const place = () => this.scene.boxes.get(key) ?? frame((f) => f.key === key) ?? frame((f) => f.g === id);
      const before = place();
      if (this.state.open.has(what)) this.state.open.delete(what);
      else this.state.open.add(what);
      this.rebuild();
      const after = place();
      if (before && after) {
        const { view } = this;
        view.set(
          view.x + (before.x + before.w / 2 - after.x - after.w / 2) * view.scale,
          view.y + (before.y - after.y) * view.scale,
        );
      }
      gg.say(`${this.state.open.has(what) ? "opened" : "closed"} ${gg.told(this, key)}`);
      gg.writeAddress(this);
    }

    /** Open or close all groups. */
    openAll(open) {
      const { model, state } = this;
      state.open = new Set(open ? model.groups.filter((g) => g.id && !model.single[g.id]).map((g) => g.id) : []);
      this.rebuild();
      this.view.fit(0.3);
      gg.writeAddress(this);
    }

    setOverlay(name) {
      this.state.overlay = name;
      this.repaint();
      if (!this.state.sel) gg.panel(this);
      gg.syncToolbar(this);
      gg.writeAddress(this);
    }

    hover(key) {
      if (this.hovered === key) return;
      this.hovered = key;
      this.stage.style.cursor = key ? "pointer" : "";
      this.drawing.mark(this.marks());
    }

    /** The box or title of an open group at a point of the drawing: its key, or null. */
    at([x, y]) {
      for (const b of [...this.scene.boxes.values()].reverse()) {
        if (x >= b.x && x <= b.x + b.w && y >= b.y && y <= b.y + b.h) return b.key;
      }
      for (const f of this.scene.frames.slice().reverse()) {
        if (x >= f.x && x <= f.x + f.w && y >= f.y && y <= f.y + Math.min(26, f.h)) return f.key;
      }
      return null;
    }

    #moved() {
      const { view } = this;
      this.drawing?.transform(view);
      this.minimap.move();
      [...this.heads.children].forEach((head, i) => {
        const h = this.scene.heads[i];
        if (h) head.style.left = `${h.x * view.scale + view.x}px`;
      });
    }
  };

  /** A box, group or node in words, for the live region. */
  gg.told = (app, sel) => {
    if (!sel) return "nothing selected";
    const { model } = app;
    const [id, order] = sel.slice(1).split(".").map(Number);
    if (sel[0] === "g") {
      const g = model.groups[id];
      const repeats = g.repeats ? `, ${g.repeats} alike` : "";
      const ops = gg.plural(model.sums[id][order || 0].ops, order ? "gradient op" : "op");
      return `group ${g.name || "graph"}${repeats}, ${ops}, ${app.state.open.has(id) ? "open" : "closed"}`;
    }
    if (sel[0] === "d") return `${model.made[order][id].length} gradient ops of ${model.nameOf(id)}`;
    const n = model.nodes[id];
    const shapes = n.outputs.map((o) => gg.shape(o.shape)).join(" and ");
    return `${n.order ? "gradient op " : ""}${model.nameOf(id)}, ${shapes}${n.error ? ", failed" : ""}`;
  };

  gg.start = () => {
    const data = JSON.parse(document.getElementById("graph").textContent);
    gg.app = new gg.App(data, document.getElementById("app"));
  };
}
