{
  const el = gg.el;

  /** The scene as SVG: built once for a scene, then only attributes and classes change. */
  gg.SvgDrawing = class {
    constructor(host) {
      this.root = el("svg:svg", { class: "graph", "aria-hidden": "true", focusable: "false" });
      this.world = el("svg:g", {});
      this.root.append(definitions(), this.world);
      host.prepend(this.root);
    }

    remove() {
      this.root.remove();
    }

    draw(scene, lines) {
      this.boxes = new Map();
      this.lines = new Map();
      this.frames = [];
      const layers = ["frames", "lines", "boxes"].map((name) => el("svg:g", { class: name }));
      const titles = el("svg:g", { class: "titles" });
      for (const f of scene.frames) {
        const [rect, title] = this.#frame(f);
        layers[0].append(rect);
        titles.append(title); // over the lines that cross the border there
      }
      for (const line of lines) {
        const made = el(
          "svg:path",
          { class: `line ${line.kind}`, d: line.d, fill: "none", "data-line": line.key },
        );
        Object.assign(made, { from: line.from, to: line.to });
        this.lines.set(line.key, made);
        layers[1].append(made);
      }
      for (const box of scene.boxes.values()) layers[2].append(this.#box(box));
      this.saved = el("svg:g", { class: "saved" });
      this.world.replaceChildren(layers[0], layers[1], this.saved, titles, layers[2]);
    }

    /** Links to saved values, which come and go with the selection. */
    across(lines) {
      this.saved.replaceChildren(...lines.map((line) => el(
        "svg:path",
        {
          class: "line",
          d: line.d,
          fill: "none",
          stroke: this.colours.saved,
          "stroke-width": 1.8,
          "stroke-dasharray": "6 4",
        },
      )));
    }

    #frame(f) {
      const rect = el("svg:rect", { x: f.x, y: f.y, width: f.w, height: f.h, rx: 9 });
      const title = el(
        "svg:text",
        { x: f.x + 28, y: f.y + 18, "font-size": 13, "font-weight": 600 },
        f.title,
      );
      const chevron = el(
        "svg:path",
        {
          d: `M${f.x + 11} ${f.y + 10}l5 6l5 -6`,
          fill: "none",
          "stroke-width": 2,
          "stroke-linecap": "round",
          "stroke-linejoin": "round",
        },
      );
      this.frames.push({ frame: f, rect, title, chevron });
      return [rect, el("svg:g", { class: "frame", "data-frame": f.key }, chevron, title)];
    }

    #box(box) {
      const group = el(
        "svg:g",
        { class: `box ${box.type}`, "data-key": box.key, transform: `translate(${box.x} ${box.y})` },
      );
      const rect = el(
        "svg:rect",
        { width: box.w, height: box.h, rx: box.type === "op" || box.closed ? 7 : 14 },
      );
      if (box.closed) group.append(el(
        "svg:rect",
        { class: "behind", x: 4, y: 4, width: box.w, height: box.h, rx: 7 },
      ));
      group.append(rect);
      const shift = box.chevron ? 8 : 0;
      let y = box.lines.length === 1 ? box.h / 2 + 4.5 : 19;
      const texts = box.lines.map((line) => {
        const text = el(
          "svg:text",
          {
            x: box.w / 2 + shift,
            y,
            "text-anchor": "middle",
            "font-size": line.size,
            "font-weight": line.bold ? 600 : 400,
          },
          line.text,
          line.tail ? el("svg:tspan", { "font-weight": 400 }, line.tail) : null,
        );
        y += 18;
        return text;
      });
      group.append(...texts);
      const chevron = box.chevron ? el(
        "svg:path",
        {
          d: `M12 ${box.h / 2 - 5}l6 5l-6 5`,
          fill: "none",
          "stroke-width": 2,
          "stroke-linecap": "round",
          "stroke-linejoin": "round",
        },
      ) : null;
      if (chevron) group.append(chevron);
      this.boxes.set(box.key, { box, group, rect, texts, chevron, flag: null });
      return group;
    }

    /** Colours of boxes by the painter; `flags` maps keys to a text in a small red badge. */
    paint(painter, flags) {
      const c = painter.colours;
      this.root.style.setProperty("--hatch", c["constant-line"]);
      for (const { rect, title, chevron } of this.frames) {
        set(rect, { fill: c.group, stroke: c["group-line"] });
        set(title, { fill: c.muted, stroke: c.group });
        set(chevron, { stroke: c.muted });
      }
      for (const b of this.boxes.values()) {
        const p = painter.paint(b.box);
        set(
          b.rect,
          {
            fill: p.hatch ? "url(#hatch)" : p.fill,
            stroke: p.line,
            "stroke-width": p.thick ? 3.5 : 1.4,
            "stroke-dasharray": p.dashed ? "5 4" : "none",
          },
        );
        if (b.box.closed) set(b.group.firstChild, { fill: c.paper, stroke: p.line, "stroke-width": 1.2 });
        b.texts.forEach((t, i) => set(
          t,
          { fill: b.box.lines[i].muted ? gg.mix(c.ink, c.paper, 0.22) : c.ink },
        ));
        if (b.chevron) set(b.chevron, { stroke: c.ink });
        b.flag?.remove();
        b.flag = flags.has(b.box.key) ? badge(b.box, flags.get(b.box.key), c) : null;
        if (b.flag) b.group.append(b.flag);
      }
      for (const path of this.lines.values()) {
        path.classList.remove("on");
        set(
          path,
          {
            stroke: path.classList.contains("side") ? c["parameter-line"] : c.edge,
            "stroke-width": 1.5,
            "marker-end": "url(#arrow)",
          },
        );
      }
      set(this.root.querySelector("#arrow path"), { fill: c.edge });
      set(this.root.querySelector("#arrow-on path"), { fill: c.accent });
      this.colours = c;
    }

    /** Show what is selected, near it, found and fired. @param {Object} marks see `App.marks` */
    mark(marks) {
      const c = this.colours;
      for (const [key, { group }] of this.boxes) {
        const classes = group.classList;
        classes.toggle("selected", marks.selected.has(key));
        classes.toggle("near", marks.near.has(key));
        classes.toggle("hit", marks.hits.has(key));
        classes.toggle("fired", marks.fired.has(key));
        classes.toggle("made", marks.made.has(key));
        classes.toggle("dim", marks.dim !== null && !marks.dim.has(key));
        const b = this.boxes.get(key);
        b.count?.remove();
        b.count = b.box.closed && marks.hits.has(key) ? badge(
          b.box,
          gg.plural(marks.hits.get(key), "match", "matches"),
          c,
          c.good,
        ) : null;
        if (b.count) group.append(b.count);
      }
      for (const [key, path] of this.lines) {
        const on = marks.lines.has(key);
        path.classList.toggle(
          "dim",
          !on && marks.dim !== null && !(marks.dim.has(path.from) && marks.dim.has(path.to)),
        );
        if (path.classList.contains("on") === on) continue;
        path.classList.toggle("on", on);
        set(
          path,
          {
            stroke: on ? c.accent : path.classList.contains("side") ? c["parameter-line"] : c.edge,
            "stroke-width": on ? 2.6 : 1.5,
            "marker-end": on ? "url(#arrow-on)" : "url(#arrow)",
          },
        );
      }
      for (const { frame, rect } of this.frames) {
        const on = marks.selected.has(frame.key);
        set(rect, { stroke: on ? c.accent : c["group-line"], "stroke-width": on ? 2.5 : 1.2 });
      }
    }

    transform({ x, y, scale }) {
      this.world.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    }
  };

  const set = (element, attributes) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  };

  const badge = (box, text, c, fill = c.error) => {
    const w = gg.width(text, 12, true) + 12;
    return el(
      "svg:g",
      { transform: `translate(${box.w - w + 10} -14)` },
      el("svg:rect", { width: w, height: 18, rx: 9, fill }),
      el(
        "svg:text",
        { x: w / 2, y: 13, "text-anchor": "middle", "font-size": 12, "font-weight": 600, fill: c.paper },
        text,
      ),
    );
  };

  const definitions = () => {
    const arrow = (id) => el(
      "svg:marker",
      {
        id,
        viewBox: "0 0 8 8",
        refX: 7,
        refY: 4,
        markerWidth: 8,
        markerHeight: 8,
        markerUnits: "userSpaceOnUse",
        orient: "auto",
      },
      el("svg:path", { d: "M0 0.5L8 4L0 7.5z" }),
    );
    const hatch = el(
      "svg:pattern",
      { id: "hatch", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      el("svg:rect", { class: "ground", width: 7, height: 7 }),
      el("svg:rect", { class: "stripe", width: 1.6, height: 7 }),
    );
    return el("svg:defs", {}, arrow("arrow"), arrow("arrow-on"), hatch);
  };
}
