{
  /** The same scene on a canvas, for thousands of boxes: each frame paints what the window shows. */
  gg.CanvasDrawing = class {
    constructor(host) {
      this.root = gg.el("canvas", { class: "graph", "aria-hidden": "true" });
      this.pen = this.root.getContext("2d");
      host.prepend(this.root);
      this.view = { x: 0, y: 0, scale: 1 };
      this.marks = null;
      this.family = getComputedStyle(document.body).fontFamily;
    }

    remove() {
      this.root.remove();
    }

    draw(scene, lines) {
      this.scene = scene;
      this.boxes = [...scene.boxes.values()];
      this.lines = lines.map((line) => {
        const xs = line.points.map((p) => p[0]), ys = line.points.map((p) => p[1]);
        return {
          line,
          path: new Path2D(line.d),
          box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)],
        };
      });
      this.saved = [];
    }

    /** Links to saved values, which come and go with the selection. */
    across(lines) {
      this.saved = lines.map((line) => ({ line, path: new Path2D(line.d) }));
      this.#soon();
    }

    paint(painter, flags) {
      this.colours = painter.colours;
      this.flags = flags;
      this.paints = new Map(this.boxes.map((b) => [b.key, painter.paint(b)]));
      this.#soon();
    }

    mark(marks) {
      this.marks = marks;
      this.#soon();
    }

    transform(view) {
      this.view = { ...view };
      this.#soon();
    }

    #soon() {
      this.waiting ||= requestAnimationFrame(() => {
        this.waiting = 0;
        this.render();
      });
    }

    /** Paint what is in the window. */
    render() {
      const { pen, root, colours: c, marks } = this;
      if (!c || !marks) return;
      const { clientWidth: w, clientHeight: h } = root;
      const dense = window.devicePixelRatio || 1;
      if (root.width !== Math.round(w * dense) || root.height !== Math.round(h * dense)) {
        root.width = Math.round(w * dense);
        root.height = Math.round(h * dense);
      }
      const { x, y, scale } = this.view;
      pen.setTransform(dense, 0, 0, dense, 0, 0);
      pen.clearRect(0, 0, w, h);
      pen.setTransform(dense * scale, 0, 0, dense * scale, dense * x, dense * y);
      const seen = [-x / scale, -y / scale, (w - x) / scale, (h - y) / scale];
      const inside = (l, t, r, b) => r >= seen[0] && l <= seen[2] && b >= seen[1] && t <= seen[3];
      for (const f of this.scene.frames) if (inside(f.x, f.y, f.x + f.w, f.y + f.h)) this.#frame(f);
      for (const { line, path, box } of this.lines) if (inside(...box)) this.#line(line, path, scale);
      for (const f of this.scene.frames) if (scale >= 0.2 && inside(f.x, f.y, f.x + f.w, f.y + 26)) this.#title(f);
      for (const { line, path } of this.saved) this.#line(line, path, scale);
      for (const b of this.boxes) if (inside(
        b.x - 8,
        b.y - 12,
        b.x + b.w + 12,
        b.y + b.h + 8,
      )) this.#box(b, scale);
    }

    #round(x, y, w, h, r) {
      const { pen } = this;
      pen.beginPath();
      if (pen.roundRect) pen.roundRect(x, y, w, h, r);
      else pen.rect(x, y, w, h);
    }

    #frame(f) {
      const { pen, colours: c } = this;
      this.#round(f.x, f.y, f.w, f.h, 9);
      pen.fillStyle = c.group;
      pen.fill();
      const on = this.marks.selected.has(f.key);
      pen.strokeStyle = on ? c.accent : c["group-line"];
      pen.lineWidth = on ? 2.5 : 1.2;
      pen.stroke();
    }

    #title(f) {
      const { colours: c } = this;
      this.#text(f.title, f.x + 28, f.y + 18, 13, true, c.muted, "left");
      this.#chevron([[f.x + 11, f.y + 10], [f.x + 16, f.y + 16], [f.x + 21, f.y + 10]], c.muted);
    }

    #line(line, path, scale) {
      const { pen, colours: c } = this;
      const on = this.marks.lines.has(line.key), saved = line.kind === "saved";
      pen.strokeStyle = on && !saved ? c.accent : saved ? c.saved : line.kind === "side" ? c["parameter-line"] : c.edge;
      pen.lineWidth = on ? 2.6 : 1.5;
      pen.setLineDash(saved ? [6, 4] : []);
      pen.stroke(path);
      pen.setLineDash([]);
      if (saved || scale < 0.25) return;
      const [x, y] = line.points[line.points.length - 1];
      const way = line.flat ? [line.left ? -1 : 1, 0] : [0, line.up ? -1 : 1];
      pen.fillStyle = pen.strokeStyle;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x - 8 * way[0] - 3.5 * way[1], y - 8 * way[1] - 3.5 * way[0]);
      pen.lineTo(x - 8 * way[0] + 3.5 * way[1], y - 8 * way[1] + 3.5 * way[0]);
      pen.fill();
    }

    #box(b, scale) {
      const { pen, colours: c, marks } = this;
      const p = this.paints.get(b.key);
      pen.globalAlpha = marks.dim !== null && !marks.dim.has(b.key) ? 0.35 : 1;
      const r = b.type === "op" || b.closed ? 7 : Math.min(14, b.h / 2);
      if (b.closed) {
        this.#round(b.x + 4, b.y + 4, b.w, b.h, r);
        pen.fillStyle = c.paper;
        pen.fill();
        pen.strokeStyle = p.line;
        pen.lineWidth = 1.2;
        pen.stroke();
      }
      this.#round(b.x, b.y, b.w, b.h, r);
      pen.fillStyle = p.fill;
      pen.fill();
      if (p.hatch) this.#hatch(b);
      this.#round(b.x, b.y, b.w, b.h, r);
      const rings = [[marks.selected, c.accent], [marks.fired, c.saved], [marks.hits, c.good]];
      const ring = rings.find(([keys]) => keys.has(b.key))?.[1];
      pen.strokeStyle = ring ?? (marks.near.has(b.key) || marks.made.has(b.key) ? c.accent : p.line);
      pen.lineWidth = ring ? 4 : p.thick ? 3.5 : marks.near.has(b.key) || marks.made.has(b.key) ? 2.4 : 1.4;
      pen.setLineDash(p.dashed ? [5, 4] : []);
      pen.stroke();
      pen.setLineDash([]);
      if (scale >= 0.25) {
        const shift = b.chevron ? 8 : 0;
        let y = b.lines.length === 1 ? b.h / 2 + 4.5 : 19;
        for (const line of b.lines) {
          const ink = line.muted ? gg.mix(c.ink, c.paper, 0.22) : c.ink;
          const tail = line.tail ? gg.width(line.tail, line.size) : 0;
          this.#text(line.text, b.x + (b.w - tail) / 2 + shift, b.y + y, line.size, line.bold, ink, "center");
          if (tail) this.#text(
            line.tail,
            b.x + (b.w + gg.width(line.text, line.size, line.bold)) / 2 + shift,
            b.y + y,
            line.size,
            false,
            ink,
            "center",
          );
          y += 18;
        }
        if (b.chevron) this.#chevron(
          [[b.x + 12, b.y + b.h / 2 - 5], [b.x + 18, b.y + b.h / 2], [b.x + 12, b.y + b.h / 2 + 5]],
          c.ink,
        );
      }
      const count = b.closed && marks.hits.get(b.key);
      const flag = count ? gg.plural(count, "match", "matches") : this.flags.get(b.key);
      if (flag) {
        const w = gg.width(flag, 12, true) + 12;
        this.#round(b.x + b.w - w + 10, b.y - 14, w, 18, 9);
        pen.fillStyle = count ? c.good : c.error;
        pen.fill();
        this.#text(flag, b.x + b.w - w / 2 + 10, b.y - 1, 12, true, c.paper, "center");
      }
      pen.globalAlpha = 1;
    }

    #hatch(b) {
      const { pen, colours: c } = this;
      pen.save();
      pen.clip();
      pen.beginPath();
      for (let x = b.x - b.h; x < b.x + b.w; x += 10) {
        pen.moveTo(x, b.y + b.h);
        pen.lineTo(x + b.h, b.y);
      }
      pen.strokeStyle = c.line;
      pen.lineWidth = 1.6;
      pen.stroke();
      pen.restore();
    }

    #text(text, x, y, size, bold, colour, align) {
      const { pen } = this;
      pen.font = `${bold ? "600 " : ""}${size}px ${this.family}`;
      pen.textAlign = align;
      pen.fillStyle = colour;
      pen.fillText(text, x, y);
    }

    #chevron(points, colour) {
      const { pen } = this;
      pen.beginPath();
      points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.strokeStyle = colour;
      pen.lineWidth = 2;
      pen.stroke();
    }
  };
}
