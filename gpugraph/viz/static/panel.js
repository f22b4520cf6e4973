{
  const el = gg.el;

  const colourOf = (n) => (n.kind === "op" && n.order ? (n.order === 1 ? "gradient" : "gradient2") : n.kind);

  /** A button that goes to a node. */
  const link = (app, id, extra = "", text = gg.short(app.model.nameOf(id), 40)) => {
    const n = app.model.nodes[id];
    return el(
      "button",
      {
        class: "go",
        title: app.model.nameOf(id),
        onclick: () => app.select(`n${id}`, { show: true, open: true }),
      },
      el("i", { class: `dot ${colourOf(n)}` }),
      text,
      extra ? el("span", { class: "muted" }, `  ${extra}`) : null,
    );
  };
  gg.nodeLink = link;

  const section = (title, ...content) => {
    const inside = content.flat().filter(Boolean);
    return inside.length ? el("section", {}, el("h3", {}, title), ...inside) : null;
  };
  const facts = (rows) => el(
    "dl",
    {},
    ...rows
      .filter((r) => r && gg.known(r[1]) && r[1] !== "")
      .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
  const list = (items, most = 12) => {
    const made = el("ul", {}, ...items.slice(0, most).map((i) => el("li", {}, i)));
    if (items.length > most) {
      const rest = el(
        "button",
        {
          class: "plain",
          onclick: () => rest.replaceWith(el("ul", {}, ...items.slice(most).map((i) => el("li", {}, i)))),
        },
        `${items.length - most} more`,
      );
      return [made, rest];
    }
    return made;
  };

  /** Show what is selected. */
  gg.panel = (app) => {
    const { sel } = app.state;
    const id = sel ? +sel.slice(1).split(".")[0] : null;
    const shown = { n: node, g: group, d: bundle }[sel?.[0]] ?? overview;
    const parts = shown(app, id, sel ? +sel.split(".")[1] : null);
    app.aside.replaceChildren(...parts.flat().filter(Boolean));
    app.aside.scrollTop = 0;
  };

  const crumbs = (app, groups) => {
    const { model } = app;
    const shown = groups.filter((g) => g && !model.single[g]);
    const parts = [el(
      "button",
      { class: "plain", onclick: () => app.select(null) },
      gg.short(model.meta.title || "graph", 24),
    )];
    for (const g of shown) parts.push(
      " › ",
      el(
        "button",
        { class: "plain", onclick: () => app.select(`g${g}`, { show: true, open: true }) },
        gg.short(model.groups[g].name, 20),
      ),
    );
    return el("nav", { class: "crumbs", "aria-label": "groups around it" }, ...parts);
  };

  const costText = (cost) => {
    if (!cost) return "? (no formula)";
    const [amount, name] = cost.macs ? [cost.macs, "MAC"] : [cost.flops, "FLOP"];
    return (cost.formula ? `${cost.formula} = ` : "") + `${gg.count(amount)}\u00a0${name}`;
  };

  const valueRows = (values) => values.map((v) => `${v.name} ${gg.shape(v.shape)} ${v.dtype}, ${gg.bytes(gg.sizeOf(v))}`);

  const node = (app, id) => {
    const { model } = app;
    const n = model.nodes[id];
    const kind = n.kind !== "op" || !n.order ? n.kind : n.order === 1 ? "gradient op" : `gradient op of order ${n.order}`;
    const served = model.servedBy(id);
    const parameters = n.kind === "parameter" ? gg.elements(n.outputs[0]) : model.paramsOf(id);
    return [
      crumbs(app, model.pathOf(id)),
      el(
        "h2",
        {},
        el(
          "i",
          { class: `dot ${colourOf(n)}` },
        ),
        n.label || n.kind,
      ),
      el("p", { class: "muted" }, `${kind}, number ${n.id}`),
      n.error ? el("p", { class: "error" }, n.error) : null,
      n.adds ? el(
        "p",
        { class: "note" },
        "Gradients add up here: several ops used the same value, and each sends one back.",
      ) : null,
      facts([
        ["module", model.scopeOf(n)],
        ["as Python", n.op ? el("code", {}, n.op) : null],
        ["source", n.where ? el("code", {}, n.where) : null],
        ["device", n.device],
        ["gradient rule of", gg.known(n.of) ? link(app, n.of) : null],
        ["gradient of", served.length ? el("span", {}, ...served.map((s) => link(app, s))) : null],
      ]),
      section("Cost", facts([
        n.kind === "op" ? [n.order ? "this op" : "forward", costText(n.cost)] : null,
        n.cost?.macs ? ["FLOPs", gg.count(n.cost.flops)] : null,
        ...gradientCosts(app, n),
        n.cost ? ["traffic", gg.bytes(n.cost.bytes)] : null,
        n.kept ? ["kept for backward", gg.bytes(n.kept)] : null,
        gg.known(n.time) ? ["time", gg.seconds(n.time)] : null,
        gg.known(n.live) ? ["held after it", gg.bytes(n.live + (model.meta.base ?? 0))] : null,
        ["parameters", parameters ? gg.whole(parameters) : null],
      ])),
      section("Inputs", inputs(app, n)),
      section("Outputs", outputs(app, n)),
      gradients(app, n),
      gg.fieldView(app, id),
      ...statistics(n),
      n.images.length ? section("Pictures", gg.pictures(n.images)) : null,
      gradientPictures(app, n),
      copies(app, n),
    ];
  };

  const gradientCosts = (app, n) => {
    if (n.kind !== "op" || n.order) return [];
    const rows = [];
    for (let k = 1; k < app.model.orders; k++) {
      for (const id of app.model.made[k][n.id]) {
        const g = app.model.nodes[id];
        if (g.cost?.macs || (k === 1 && g.cost?.flops)) rows.push([
          `${"∂".repeat(k)} ${g.label}`,
          costText(g.cost),
        ]);
      }
    }
    return rows.slice(0, 12);
  };

  const inputs = (app, n) => {
    const by = new Map(app.model.ins[n.id].map((e) => [e[3], e]));
    const rows = n.inputs.map((v, i) => {
      const e = by.get(i);
      if (!v) return null;
      const text = `${v.name}  ${gg.shape(v.shape)}  ${v.dtype}`;
      return el(
        "span",
        {},
        el("span", { class: "value" }, text),
        e ? link(
          app,
          e[0],
          e[4] ? "kept for the backward pass" : "",
        ) : el("span", { class: "muted" }, "  not recorded"),
      );
    });
    return rows.filter(Boolean).length ? list(rows.filter(Boolean)) : null;
  };

  const outputs = (app, n) => {
    const rows = n.outputs.map((v, k) => {
      const users = app.model.outs[n.id].filter((e) => e[1] === k);
      const flow = users.filter((e) => !e[4]), saved = users.filter((e) => e[4]);
      const links = [...new Set(flow.map((e) => e[2]))].map((id) => link(app, id));
      const waits = [...new Set(saved.map((e) => e[2]))].map((id) => link(
        app,
        id,
        "reads it in the backward pass",
      ));
      return el(
        "div",
        {},
        el("span", { class: "value" }, valueRows([v])[0]),
        ...(links.length + waits.length ? [list([...links, ...waits], 8)].flat() : []),
      );
    });
    return rows;
  };

  const gradients = (app, n) => {
    const { model } = app;
    const norm = (g) => (gg.known(model.norm(...g)) ? `, norm ${gg.real(model.norm(...g))}` : "");
    const whole = n.gradients.map((g, k) => (g ? link(
      app,
      g[0],
      `is ∂ loss / ∂ ${n.kind === "op" ? (n.outputs[k]?.name ?? "y") : model.lastName(n)}${norm(g)}`,
    ) : null)).filter(Boolean);
    const made = [];
    for (let k = 1; k < model.orders; k++) made.push(...model.made[k][n.id].map((id) => link(app, id)));
    return section(
      "Gradients",
      whole.length ? [el("p", { class: "muted" }, "gradient of its output"), list(whole)].flat() : null,
      made.length && !n.order ? [
        el("p", { class: "muted" }, "made by its gradient rule"),
        list(made),
      ].flat() : null,
    );
  };

  const statistics = (n) =>
    (n.stats ?? []).map((s, k) => {
      if (!s) return null;
      const bad = s.nan > 0 || s.inf > 0;
      return section(`Values of ${n.outputs[k]?.name ?? "y"}`,
        bad ? el("p", { class: "error" }, `${gg.whole(s.nan)} NaN and ${gg.whole(s.inf)} infinite`) : null,
        gg.histogram(s),
        facts([
          ["mean ± deviation", `${gg.real(s.mean)} ± ${gg.real(s.std)}`],
          ["zeros", `${+(100 * s.zeros).toFixed(1)} %`],
        ]));
    });

  const gradientPictures = (app, n) => {
    const images = n.gradients.flatMap((g) => (g ? app.model.nodes[g[0]].images : []));
    return images.length ? section("Pictures of the gradient", gg.pictures(images)) : null;
  };

  const copies = (app, n) => {
    const copy = (name, text) => el("button", { onclick: (e) => gg.copy(text, e.target) }, name);
    return el(
      "p",
      { class: "buttons" },
      copy("Copy as JSON", JSON.stringify(n, null, 1)),
      n.op ? copy("Copy as Python", n.op) : null,
    );
  };

  /** Copy to the clipboard; where a frame forbids that, by the old way. */
  gg.copy = (text, button) => {
    const done = () => {
      gg.say("copied");
      const before = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = before), 1200);
    };
    const old = () => {
      const area = el("textarea", { class: "unseen" });
      area.value = text;
      document.body.append(area);
      area.select();
      if (document.execCommand("copy")) done();
      area.remove();
    };
    if (navigator.clipboard?.writeText) navigator.clipboard.writeText(text).then(done, old);
    else old();
  };

  const totals = (app, g) => {
    const { model } = app;
    const sums = model.sums[g];
    const back = sums.slice(1);
    const all = (f) => back.reduce((s, x) => s + x[f], 0);
    const both = (f, text) => (all(f) ? `${text(sums[0][f])} forward, ${text(all(f))} backward` : text(sums[0][f]));
    const unknown = sums[0].unknown + all("unknown");
    return facts([
      ["ops", both("ops", gg.whole)],
      ["parameters", gg.whole(sums[0].params)],
      ["multiply-adds", both("macs", (x) => `${gg.count(x)}\u00a0MAC`)],
      ["FLOPs", both("flops", gg.count) + (unknown ? `; ${gg.plural(unknown, "op")} not known` : "")],
      ["kept for backward", sums[0].kept + all("kept") ? gg.bytes(sums[0].kept + all("kept")) : null],
      ["time", sums[0].timed ? both("time", gg.seconds) : null],
    ]);
  };

  const shares = (app, g) => {
    const { model } = app;
    const [whole, own] = [model.sums[0], model.sums[g]];
    const sum = (s, f) => s.reduce((t, x) => t + x[f], 0);
    const rows = [
      ["parameters", "params"],
      ["multiply-adds", "macs"],
      ["kept bytes", "kept"],
      ["time", "time"],
    ].filter(([, f]) => sum(whole, f) > 0);
    return section(
      "Share of the whole graph",
      rows.map(([name, f]) => gg.share(
        name,
        sum(own, f),
        sum(whole, f),
        `${+((100 * sum(own, f)) / sum(whole, f)).toFixed(1)} %`,
      )),
    );
  };

  const biggest = (app, ids) => {
    const { overlay, colours } = app.painter;
    const usual = app.model.sums[0][0].macs ? "macs" : "bytes";
    const shown = overlay.value && !overlay.bare ? overlay : app.overlays.find((o) => o.name === usual);
    const valued = ids.map((id) => [id, shown.value(id)]).filter(([, v]) => Number.isFinite(v) && v > 0);
    valued.sort((a, b) => b[1] - a[1]);
    const most = valued[0]?.[1] ?? 0;
    const name = (id) => gg.short(app.model.briefOf(id), 30);
    return section(
      `Most by ${shown.title}`,
      valued.slice(0, 8).map(([id, v]) => gg.share(
        name(id),
        v,
        most,
        shown.text(v),
        () => app.select(`n${id}`, { show: true, open: true }),
      )),
    );
  };

  const group = (app, g) => {
    const { model } = app;
    const { name, path, repeats } = model.groups[g];
    const inner = model.children[g].filter((c) => !model.single[c]);
    return [
      crumbs(app, model.paths[g].slice(0, -1)),
      el("h2", {}, el("i", { class: "dot group" }), name || "graph"),
      el(
        "p",
        { class: "muted" },
        repeats ? `${repeats} blocks that are alike` : "group of ops",
        path ? `, ${path}` : "",
      ),
      el(
        "p",
        { class: "buttons" },
        el("button", { onclick: () => app.toggle(`g${g}`) }, app.state.open.has(g) ? "Close" : "Open"),
      ),
      totals(app, g),
      shares(app, g),
      biggest(app, model.inside[g]),
      section(
        "Groups in it",
        inner.length ? list(inner.map((c) => el(
          "button",
          { class: "go", onclick: () => app.select(`g${c}`, { show: true, open: true }) },
          el("i", { class: "dot group" }),
          gg.short(model.groups[c].name, 40),
        ))) : null,
      ),
    ];
  };

  const bundle = (app, id, order) => [
    crumbs(app, app.model.pathOf(id)),
    el("h2", {}, `Gradient ops of ${app.model.nameOf(id)}`),
    section("Gradient of", [link(app, id)]),
    section("Ops", list(app.model.made[order][id].map((i) => link(app, i)), 40)),
  ];

  const BESIDE = "The backward pass stands beside it and flows up: each op’s gradient ops are level with it. ";

  const overview = (app) => {
    const { model } = app;
    const { meta } = model;
    return [
      el("h2", {}, meta.title || "graph"),
      el(
        "p",
        { class: "muted" },
        [
          meta.device === "meta" ? "shapes only: nothing was computed" : `computed on ${meta.device}`,
          meta.gpugraph ? `gpugraph ${meta.gpugraph}` : null,
        ].filter(Boolean).join(", "),
      ),
      meta.error ? el("p", { class: "error" }, meta.error.message) : null,
      ...(meta.notes ?? []).map((text) => el("p", { class: "note" }, text)),
      totals(app, 0),
      biggest(app, model.nodes.map((n) => n.id)),
      section(
        "How to read it",
        el(
          "p",
          {},
          "Values flow down from op to op. A box with a shadow is a group: open it by a double click or Enter. " +
            (model.orders > 1 ? BESIDE : "") +
            "Select a box to see what it costs, what it sees and where its gradient comes from; the keys are under “?”.",
        ),
      ),
    ];
  };
}
