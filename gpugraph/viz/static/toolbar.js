{
  const el = gg.el;

  /** The bar at the top. */
  gg.toolbar = (app) => {
    const { model } = app;
    const overlays = el("select", {
      id: "overlay",
      "aria-label": "colour the boxes by",
      onchange: (e) => app.setOverlay(e.target.value),
    },
      ...app.overlays.map((o) => {
        return el("option", { value: o.name, disabled: o.empty }, o.title + (o.empty ? " (not recorded)" : ""));
      }));
    const names = ["forward", "backward", "2nd order", "3rd order"];
    const columns = model.orders < 2 ? [] : Array.from(
      { length: model.orders - 1 },
      (_, i) => i + 1,
    ).map((k) =>
      el("button", {
        class: "toggle",
        id: `column${k}`,
        "aria-pressed": "true",
        title: `show or hide: ${names[k] ?? k}`,
        onclick: () => gg.toggleColumn(app, k),
      }, names[k] ?? `order ${k}`));
    const saved = model.data.edges.some((e) => e[4]) ? el(
      "button",
      {
        class: "toggle",
        id: "saved",
        "aria-pressed": "false",
        title: "links to all values that wait for the backward pass",
        onclick: () => gg.toggleSaved(app),
      },
      "saved values",
    ) : null;
    const first = app.overlays.find((o) => gg.known(o.first));
    const jump = [
      model.firstBad >= 0 ? el(
        "button",
        {
          class: "alarm",
          id: "first-nan",
          onclick: () => app.select(`n${model.firstBad}`, { show: true, open: true }),
        },
        "first NaN",
      ) : null,
      first ? el(
        "button",
        {
          id: "first",
          title: `first over its tolerance: ${first.title}`,
          onclick: () => { app.setOverlay(first.name); app.select(
            `n${first.first}`,
            { show: true, open: true },
          ); },
        },
        `first ${first.name.includes("error") ? "error" : "change"}`,
      ) : null,
    ];
    const button = (text, title, go, id) => el(
      "button",
      { title, "aria-label": title, id, onclick: go },
      text,
    );
    const exports = el("details", { class: "menu" }, el("summary", { id: "export" }, "Save"), el("div", {},
      button("SVG drawing", "save what is shown as SVG", () => gg.saveSvg(app), "save-svg"),
      button("PNG picture", "save what is shown as PNG", () => gg.savePng(app), "save-png"),
      button("JSON data", "save the graph as JSON", () => gg.saveJson(app), "save-json"),
      button("Print", "print what is shown", () => print(), "print")));
    exports.addEventListener("click", (e) => e.target.closest("div button") && (exports.open = false));
    return el("header", { class: "bar" },
      el("h1", { title: model.meta.title || "graph" }, gg.short(model.meta.title || "graph", 30)),
      el(
        "div",
        { class: "search" },
        el(
          "input",
          {
            id: "search",
            type: "search",
            placeholder: "Search   /",
            "aria-label": "search: words, or filters such as op:conv rf>50 nan",
            autocomplete: "off",
            spellcheck: "false",
          },
        ),
      ),
      el("label", {}, "colour ", overlays), ...columns, saved, ...jump.filter(Boolean), el("span", { class: "space" }),
      button("open all", "open all groups", () => app.openAll(true), "open-all"), button(
        "close all",
        "close all groups",
        () => app.openAll(false),
        "close-all",
      ),
      button("−", "zoom out", () => app.view.zoom(1 / 1.25)), button(
        "+",
        "zoom in",
        () => app.view.zoom(1.25),
      ), button("fit", "show everything", () => app.view.fit(), "fit"),
      exports,
      button("◐", "light or dark", () => gg.toggleTheme(app), "theme"),
      button("?", "help", () => gg.help(), "help-button"));
  };

  gg.toggleColumn = (app, k) => {
    app.state.columns[k] = !app.state.columns[k];
    app.rebuild();
    gg.syncToolbar(app);
    gg.writeAddress(app);
  };

  gg.toggleSaved = (app) => {
    app.state.saved = !app.state.saved;
    app.remark();
    gg.syncToolbar(app);
    gg.writeAddress(app);
  };

  /** Buttons and lists show the state. */
  gg.syncToolbar = (app) => {
    const press = (id, on) => app.bar.querySelector(id)?.setAttribute("aria-pressed", on);
    app.state.columns.forEach((on, k) => press(`#column${k}`, on));
    press("#saved", app.state.saved);
    app.bar.querySelector("#overlay").value = app.state.overlay;
  };

  /** Storage is refused in a sandbox: the choice then lasts as long as the page. */
  const remembered = (theme) => {
    try {
      if (theme) localStorage.setItem("gpugraph-theme", theme);
      return localStorage.getItem("gpugraph-theme");
    } catch {
      return null;
    }
  };

  gg.toggleTheme = (app) => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    remembered(root.dataset.theme);
    app.repaint();
  };

  gg.restoreTheme = () => {
    const theme = remembered();
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  };

  /** What stands above everything when the run ended in an exception. */
  gg.errorBanner = (app) => {
    const { node, message, where } = app.model.meta.error;
    const n = gg.known(node) ? app.model.nodes[node] : null;
    const took = n ? n.inputs.filter(Boolean).map((v) => `${v.name} ${gg.shape(v.shape)} ${v.dtype}`).join(", ") : "";
    return el(
      "div",
      { class: "banner", role: "alert" },
      el("b", {}, "The run failed"),
      n ? el(
        "button",
        { id: "failed", onclick: () => app.select(`n${node}`, { show: true, open: true }) },
        `at ${app.model.nameOf(node)}`,
      ) : null,
      el("span", { class: "message" }, message),
      took ? el("span", { class: "muted" }, `it was given ${took}`) : null,
      where ? el("code", {}, where) : null,
    );
  };

  /** The fragment of the address holds the view, so that a link shows the same. */
  gg.writeAddress = (app) => {
    const { state, model } = app;
    const parts = [];
    const first = app.first.join(",");
    const open = [...state.open].sort().join(",");
    if (open !== first) parts.push(`open=${open || "none"}`);
    if (state.sel) parts.push(`sel=${state.sel}`);
    if (state.overlay !== "kind") parts.push(`overlay=${encodeURIComponent(state.overlay)}`);
    if (state.step !== null) parts.push(`step=${state.step}`);
    const hidden = state.columns.map((on, k) => (on ? null : k)).filter(gg.known);
    if (hidden.length) parts.push(`hide=${hidden.join(",")}`);
    if (state.saved) parts.push("saved=1");
    try {
      history.replaceState(null, "", "#" + parts.join("&"));
    } catch { /* a frame without an address */ }
  };

  /** Read the state from the address; what names nothing is passed over. */
  gg.readAddress = (app) => {
    const { state, model } = app;
    const given = new URLSearchParams(location.hash.slice(1));
    if (given.has("open")) {
      const groups = given.get("open").split(",").map((s) => (/^d\d+$/.test(s) ? s : Number(s)));
      const there = (g) => typeof g === "string" || (Number.isInteger(g) && g > 0 && g < model.groups.length);
      state.open = new Set(groups.filter(there));
    }
    const sel = given.get("sel");
    const [, kind, id] = /^([ngd])?(\d+)(?:\.\d+)?$/.exec(sel ?? "") ?? [];
    const known = id !== undefined && +id < (kind === "g" ? model.groups.length : model.nodes.length);
    state.sel = known ? (kind ? sel : `n${sel}`) : null;
    if (app.overlays.some((o) => o.name === given.get("overlay") && !o.empty)) state.overlay = given.get("overlay");
    const step = Number(given.get("step") ?? NaN);
    if (Number.isInteger(step) && step >= 0 && step < model.steps.length) state.step = step;
    for (const k of (given.get("hide") ?? "").split(",").map(Number)) {
      if (k > 0 && k < state.columns.length) state.columns[k] = false;
    }
    state.saved = given.get("saved") === "1";
    if (/^d/.test(state.sel ?? "") && !(model.made[+state.sel.split(".")[1]] ?? []).length) state.sel = null;
    gg.syncToolbar(app);
  };
}
