{
  const el = gg.el;
  const middle = (b) => [b.x + b.w / 2, b.y + b.h / 2];

  /** Where an arrow key leads: along a line if there is one that way, else to the nearest box. */
  const neighbour = (app, key, way) => {
    const { scene } = app;
    const here = scene.boxes.get(key) ?? scene.frames.find((f) => f.key === key);
    const [x, y] = middle(here);
    const side = { ArrowLeft: -1, ArrowRight: 1 }[way];
    const boxes = [...scene.boxes.values()].filter((b) => b.key !== key);
    if (side) {
      const level = (b) => Math.min(
        b.band[1],
        here.band?.[1] ?? here.y + here.h,
      ) - Math.max(b.band[0], here.band?.[0] ?? here.y) > 0;
      return nearest(
        boxes.filter((b) => side * (middle(b)[0] - x) > 1 && level(b)),
        ([bx, by]) => Math.abs(bx - x) + 3 * Math.abs(by - y),
      );
    }
    const down = way === "ArrowDown" ? 1 : -1;
    if (!scene.boxes.has(key)) { // an open group: into it, or out of it upwards
      const inner = boxes.filter((b) => b.frames.includes(here.g) && b.column === here.column);
      if (down > 0) return nearest(inner, ([, by]) => by);
      return nearest(
        boxes.filter((b) => b.column === here.column && middle(b)[1] < here.y),
        ([bx, by]) => here.y - by + Math.abs(bx - x),
      );
    }
    const upright = (app.byBox.get(key) ?? []).filter((l) => !l.flat || l.kind === "across");
    const linked = upright
      .map((l) => scene.boxes.get(l.from === key ? l.to : l.from))
      .filter((b) => b && down * (middle(b)[1] - y) > 1);
    const cost = ([bx, by]) => Math.abs(by - y) + 0.5 * Math.abs(bx - x);
    return nearest(linked, cost) ?? nearest(
      boxes.filter((b) => b.column === here.column && down * (middle(b)[1] - y) > 1),
      cost,
    );
  };

  const nearest = (boxes, cost) => {
    let found = null, least = Infinity;
    for (const b of boxes) {
      const c = cost(middle(b));
      if (c < least) [found, least] = [b, c];
    }
    return found;
  };

  const walk = (app, way) => {
    const key = app.keysOf(app.state.sel)[0];
    const next = key ? neighbour(app, key, way) : nearest(
      [...app.scene.boxes.values()],
      ([x, y]) => y * 10 + x,
    );
    if (next) app.select(next.key, { show: true });
  };

  const enter = (app) => {
    const key = app.keysOf(app.state.sel)[0];
    if (!key) return;
    if (key[0] !== "n") app.toggle(key);
    else gg.say(gg.told(app, key));
    app.remark();
    gg.panel(app);
  };

  const escape = (app) => {
    const { sel } = app.state;
    if (!sel) return;
    const key = app.keysOf(sel)[0];
    const box = app.scene.boxes.get(key);
    const around = box ? box.frames[box.frames.length - 1] : app.model.groups[+sel.slice(1).split(".")[0]].parent;
    app.select(around ? `g${around}` : null, { show: true });
  };

  const typing = (e) => e.target.closest("input, select, textarea, dialog");

  const onKey = (app, e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    if (typing(e) && !(e.target.id === "step" && ["t", "Escape"].includes(e.key))) return;
    const graph = e.target === app.stage || e.target === document.body;
    if (graph && /^Arrow/.test(e.key)) {
      if (app.timeMode && /Left|Right/.test(e.key)) app.steps.by(e.key === "ArrowRight" ? 1 : -1);
      else walk(app, e.key);
    } else if (graph && e.key === "Enter") enter(app);
    else if (e.key === "Escape") {
      if (app.timeMode) gg.timeMode(app, false);
      else escape(app);
      app.stage.focus({ preventScroll: true });
    } else if (!command(app, e.key)) return;
    e.preventDefault();
  };

  /** Keys that work wherever the focus is, but in a field. */
  const command = (app, key) => {
    const does = {
      "/": () => app.search.input.select(),
      t: () => gg.timeMode(app, !app.timeMode),
      o: () => app.bar.querySelector("#overlay").focus(),
      f: () => app.view.fit(),
      "+": () => app.view.zoom(1.25),
      "=": () => app.view.zoom(1.25),
      "-": () => app.view.zoom(1 / 1.25),
      s: () => gg.toggleSaved(app),
      n: () => app.search.walk(1),
      "?": () => gg.help(),
    }[key];
    does?.();
    return Boolean(does);
  };

  /** In time mode the left and right keys step through the backward pass. */
  gg.timeMode = (app, on) => {
    if (app.steps.root.hidden) return;
    app.timeMode = on;
    app.steps.root.classList.toggle("active", on);
    if (on && app.state.step === null) app.steps.go(0);
    if (!on) app.steps.go(null);
    gg.say(on ? "stepping through the backward pass: left and right keys" : "left the backward pass");
    app.stage.focus({ preventScroll: true });
  };

  const KEYS = [
    ["arrows", "walk along edges; left and right to neighbours and between columns"],
    ["Enter", "open or close a group"],
    ["Esc", "up to the group around it"],
    ["/", "search; Enter walks through what was found, n goes on"],
    ["t", "step through the backward pass with ← and →; t or Esc leaves"],
    ["o", "colours: choose what to show"],
    ["s", "all saved values"],
    ["f  +  −", "fit, zoom in, zoom out"],
    ["Tab", "to the search, the panel and the buttons"],
    ["mouse", "drag to move, wheel to zoom, double click to open or close"],
  ];
  const FILTERS = [
    ["op:conv", "ops of that name"],
    ["rf>50", "receptive field"],
    ["macs>1M  params>10k", "costs; also flops, kept>1MB, bytes, time>1ms"],
    ["shape:64  dtype:float16", "outputs; also device:cuda"],
    ["scope:layer1  where:net.py", "place in the network and in the code"],
    ["order:1  sum  saved", "gradient ops, sums of gradients, values kept for the backward pass"],
    ["nan  error", "values that aren’t finite, what failed"],
  ];

  gg.help = () => {
    const table = (rows) => el(
      "table",
      {},
      ...rows.map(([a, b]) => el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, a)), el("td", {}, b))),
    );
    const dialog = el(
      "dialog",
      { class: "help", "aria-label": "help" },
      el("h2", {}, "Keys"),
      table(KEYS),
      el("h2", {}, "Search"),
      table(FILTERS),
      el("form", { method: "dialog" }, el("button", { autofocus: true }, "Close")),
    );
    dialog.addEventListener("close", () => dialog.remove()); // the focus goes back by itself
    document.body.append(dialog);
    dialog.showModal();
  };

  /** Mouse and keyboard of the drawing. */
  gg.listen = (app) => {
    const { stage, view } = app;
    const keyAt = (e) => (e.target.closest?.(".minimap, button") ? null : app.at(view.world(e.clientX, e.clientY)));
    const onChevron = (e, key) => {
      const box = app.scene.boxes.get(key) ?? app.scene.frames.find((f) => f.key === key);
      const [x] = view.world(e.clientX, e.clientY);
      return x <= box.x + 26 && (box.chevron || box.g !== undefined);
    };
    stage.addEventListener("pointermove", (e) => e.buttons || app.hover(keyAt(e)));
    stage.addEventListener("pointerleave", () => app.hover(null));
    stage.addEventListener("click", (e) => {
      if (view.dragged > 4 || e.target.closest(".minimap")) return;
      const key = keyAt(e);
      app.select(key);
      if (key && key[0] !== "n" && onChevron(e, key)) {
        app.toggle(key);
        gg.panel(app);
      }
    });
    stage.addEventListener("dblclick", (e) => {
      const key = keyAt(e);
      if (!key || key[0] === "n" || onChevron(e, key)) return;
      app.toggle(key);
      gg.panel(app);
    });
    document.addEventListener("keydown", (e) => onKey(app, e));
    addEventListener("beforeprint", () => gg.beforePrint(app));
    addEventListener("afterprint", () => gg.afterPrint());
  };

  /** Print the whole drawing, white, fitted on the page, with the title. */
  gg.beforePrint = (app) => {
    const root = document.documentElement;
    gg.themeBefore = root.dataset.theme;
    root.dataset.theme = "light";
    app.repaint();
    const svg = new DOMParser().parseFromString(gg.svgText(app), "image/svg+xml").documentElement;
    svg.removeAttribute("width");
    svg.removeAttribute("height");
    document.body.append(el(
      "div",
      { id: "sheet" },
      el("h1", {}, app.model.meta.title || "graph"),
      document.importNode(svg, true),
      gg.legend(app.painter, [...app.scene.boxes.values()]),
    ));
  };

  gg.afterPrint = () => {
    document.getElementById("sheet")?.remove();
    if (gg.themeBefore) document.documentElement.dataset.theme = gg.themeBefore;
    else delete document.documentElement.dataset.theme;
    gg.app.repaint();
  };
}
