{
  const el = gg.el;

  const HINT = "Press ▶, or t and the arrow keys: each step fires the gradient rule of one node, last op first.";

  /** The backward pass, step by step: a slider, what fires, what flows, and the memory held. */
  gg.Steps = class {
    constructor(app) {
      this.app = app;
      this.steps = app.model.steps;
      this.forward = app.model.nodes.filter((n) => n.order === 0 && gg.known(n.live));
      this.root = el("section", { class: "steps", "aria-label": "the backward pass, step by step" });
      if (!this.steps.length) {
        this.root.hidden = true;
        return;
      }
      this.#build();
      this.#told();
    }

    #build() {
      const { app } = this;
      const button = (text, title, go) => el("button", { title, "aria-label": title, onclick: go }, text);
      this.slider = el(
        "input",
        {
          type: "range",
          id: "step",
          min: 0,
          max: this.steps.length,
          value: 0,
          "aria-label": "step of the backward pass",
        },
      );
      this.slider.addEventListener(
        "input",
        () => this.go(+this.slider.value ? +this.slider.value - 1 : null),
      );
      this.play = button("▶", "play", () => this.#play());
      const follow = el("input", { type: "checkbox", id: "follow" });
      follow.addEventListener("change", () => {
        app.state.follow = follow.checked;
        if (app.state.step !== null) this.go(app.state.step);
      });
      const most = this.#most(), bad = this.#firstBad();
      this.text = el("div", { class: "told", id: "told" });
      const points = [...this.forward.map((n) => n.live), ...this.steps.map((s) => s.live ?? null)];
      if (points.length && points.every(gg.known)) {
        this.curve = gg.memoryCurve(
          points,
          app.model.meta.base ?? 0,
          this.forward.length,
          (i) => this.go(i < this.forward.length ? null : i - this.forward.length),
        );
      }
      this.root.append(
        el("div", { class: "controls" },
          el("b", {}, "Backward pass"),
          button("|◀", "to the start", () => this.go(null)),
          button("◀ ", "one step back", () => this.by(-1)),
          this.play,
          button("▶|", "one step on", () => this.by(1)),
          this.slider,
          gg.known(most) ? button("most memory", "go to the step with most memory", () => this.go(most)) : null,
          bad >= 0 ? button("first NaN / ∞", "go to the first gradient that isn’t finite", () => this.go(bad)) : null,
          el("label", { title: "open the groups around what fires" }, follow, " follow")),
        el("div", { class: "story" }, this.text, this.curve ? this.#memory() : ""));
    }

    #memory() {
      const { most, svg } = this.curve;
      const names = [this.forward.length ? "forward" : "", "backward →"].map((text) => el("span", {}, text));
      return el("div", { class: "memory" },
        el("p", { class: "muted" }, `memory held, at most ${gg.bytes(most)}`),
        svg,
        el("p", { class: "axis muted" }, ...names));
    }

    #most() {
      const known = this.steps.map((s, i) => [s.live, i]).filter(([live]) => gg.known(live));
      return known.length ? known.reduce((a, b) => (b[0] > a[0] ? b : a))[1] : null;
    }

    #firstBad() {
      return this.steps.findIndex((s) => s.ops.some((id) => this.app.model.bad[id]));
    }

    by(n) {
      const now = this.app.state.step ?? -1;
      const next = Math.min(this.steps.length - 1, now + n);
      this.go(next < 0 ? null : next);
    }

    #play() {
      if (this.timer) return this.#stop();
      this.play.textContent = "❚❚";
      this.play.setAttribute("aria-label", "pause");
      if (this.app.state.step === this.steps.length - 1) this.go(null);
      this.timer = setInterval(
        () => (this.app.state.step === this.steps.length - 1 ? this.#stop() : this.by(1)),
        900,
      );
    }

    #stop() {
      clearInterval(this.timer);
      this.timer = 0;
      this.play.textContent = "▶";
      this.play.setAttribute("aria-label", "play");
    }

    /** Go to a step; null: before the backward pass. */
    go(k) {
      if (!this.steps.length) return;
      const { app } = this;
      app.state.step = k;
      this.slider.value = k === null ? 0 : k + 1;
      const step = k === null ? null : this.steps[k];
      this.slider.setAttribute(
        "aria-valuetext",
        step ? `step ${k + 1} of ${this.steps.length}` : "before the backward pass",
      );
      if (step && app.state.follow && gg.known(step.node)) app.select(
        `n${step.ops[step.ops.length - 1] ?? step.node}`,
        { open: true },
      );
      this.#told();
      const marks = this.marks();
      const key = [...marks.fired][0];
      if (key) {
        const boxes = [key, ...marks.now].map((x) => app.scene.boxes.get(x)).filter(Boolean);
        const [x, y] = [Math.min(...boxes.map((b) => b.x)), Math.min(...boxes.map((b) => b.y))];
        app.view.show({
          x,
          y,
          w: Math.max(...boxes.map((b) => b.x + b.w)) - x,
          h: Math.max(...boxes.map((b) => b.y + b.h)) - y,
        });
      }
      app.remark();
      gg.writeAddress(app);
    }

    /** What a step highlights: what fires, the gradient ops made now and so far; the rest is dimmed. */
    marks() {
      const k = this.app.state.step;
      const none = { fired: new Set(), made: new Set(), now: new Set(), dim: null, lines: null };
      if (k === null || !this.steps.length) return none;
      const { app } = this;
      const boxOf = (id) => gg.boxOf(app.model, app.scene, id);
      const step = this.steps[k];
      const fired = new Set(gg.known(step.node) ? [boxOf(step.node)].filter(Boolean) : []);
      const now = new Set(step.ops.map(boxOf).filter(Boolean));
      const dim = new Set([...fired, ...now]);
      for (let i = 0; i <= k; i++) for (const id of this.steps[i].ops) dim.add(boxOf(id));
      for (const box of app.scene.boxes.values()) if (box.column === 0) dim.add(box.key);
      const lines = new Set();
      for (const key of now) {
        for (const line of app.byBox.get(key) ?? []) if (line.to === key || dim.has(line.to)) lines.add(line.key);
      }
      return { fired, made: now, now, dim, lines };
    }

    #told() {
      const { app } = this;
      this.root.classList.toggle("idle", app.state.step === null);
      const { model, state } = app;
      const k = state.step;
      if (this.curve) this.curve.at(k === null ? this.forward.length - 1 : this.forward.length + k);
      if (k === null) {
        this.text.replaceChildren(el(
          "p",
          {},
          `${gg.plural(this.steps.length, "step")}. ${HINT}`,
        ));
        return;
      }
      const step = this.steps[k];
      const flow = (id, output) => {
        const norm = model.norm(id, output);
        return gg.shape(model.nodes[id].outputs[output].shape) + (gg.known(norm) ? `, norm ${gg.real(norm)}` : "");
      };
      const lines = [];
      const head = el("p", {}, el("b", {}, `${k + 1}/${this.steps.length}  `));
      if (!gg.known(step.node)) head.append("The pass starts: the gradient of the result with respect to itself is 1.");
      else {
        const n = model.nodes[step.node];
        head.append(
          gg.nodeLink(app, step.node),
          n.kind === "op" ? " fires: its gradient rule runs." : ` receives its gradient: the end of this path.`,
        );
        const into = n.gradients.filter(Boolean);
        if (into.length) lines.push(el(
          "p",
          {},
          el("span", { class: "tag" }, "in"),
          ...into.flatMap(([id, o]) => [
            `∂ ${gg.short(model.briefOf(step.node), 30)} `,
            el("span", { class: "muted" }, flow(id, o)),
          ]),
        ));
      }
      const leaves = (id) => !model.outs[id].length || model.outs[id].some((e) => !step.ops.includes(e[2]));
      const made = step.ops.filter((id) => model.nodes[id].kind === "op" && !model.nodes[id].adds);
      const outs = made.filter((id) => model.gradientOf.has(`${id}.0`) || leaves(id));
      if (outs.length && gg.known(step.node)) {
        const parts = outs.slice(0, 6).flatMap((id) => {
          const served = model.servedBy(id)[0];
          return [el(
            "span",
            { class: "part" },
            gg.nodeLink(app, id, "", model.nodes[id].label),
            el(
              "span",
              { class: "muted" },
              `${gg.known(served) ? ` → ∂ ${gg.short(model.briefOf(served), 30)}` : ""} ${flow(id, 0)}`,
            ),
          )];
        });
        lines.push(el("p", {}, el("span", { class: "tag" }, "out"), ...parts));
      }
      const sums = step.ops.filter((id) => model.nodes[id].adds);
      if (sums.length) lines.push(el(
        "p",
        { class: "adds" },
        el("span", { class: "tag" }, "sum"),
        "gradients add up here: ",
        ...sums.map((id) => gg.nodeLink(app, id)),
      ));
      const memory = [
        gg.known(step.live) ? `${gg.bytes(step.live + (model.meta.base ?? 0))} held` : null,
        step.freed ? `${gg.bytes(step.freed)} freed` : null,
      ].filter(Boolean);
      if (memory.length) lines.push(el("p", { class: "muted" }, memory.join(", ")));
      this.text.replaceChildren(head, ...lines);
      gg.say(this.text.textContent);
    }
  };
}
