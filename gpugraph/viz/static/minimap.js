{
  const WIDE = 120, HIGH = 150;

  /** A small picture of everything with the visible part in it; drag to go there. */
  gg.Minimap = class {
    constructor(host, view) {
      this.view = view;
      this.root = gg.el("div", { class: "minimap", "aria-hidden": "true" });
      this.canvas = gg.el("canvas");
      this.frame = gg.el("i");
      this.root.append(this.canvas, this.frame);
      host.append(this.root);
      const go = (e) => {
        const box = this.canvas.getBoundingClientRect();
        const [x, y] = [(e.clientX - box.left) / this.ratio, (e.clientY - box.top) / this.ratio];
        view.centre({ x, y, w: 0, h: 0 });
      };
      this.root.addEventListener("pointerdown", (e) => {
        this.root.setPointerCapture(e.pointerId);
        go(e);
      });
      this.root.addEventListener("pointermove", (e) => this.root.hasPointerCapture(e.pointerId) && go(e));
    }

    draw(scene, painter) {
      this.ratio = Math.min(WIDE / Math.max(1, scene.width), HIGH / scene.height, 0.25);
      const [w, h] = [Math.max(24, scene.width * this.ratio), Math.max(24, scene.height * this.ratio)];
      Object.assign(this.canvas, { width: w * 2, height: h * 2 });
      Object.assign(this.canvas.style, { width: `${w}px`, height: `${h}px` });
      const pen = this.canvas.getContext("2d");
      pen.setTransform(2 * this.ratio, 0, 0, 2 * this.ratio, 0, 0);
      for (const f of scene.frames) {
        pen.fillStyle = painter.colours.group;
        pen.fillRect(f.x, f.y, f.w, f.h);
      }
      for (const b of scene.boxes.values()) {
        const p = painter.paint(b);
        pen.fillStyle = p.thick ? p.line : gg.mix(p.fill, p.line, 0.4);
        pen.fillRect(b.x, b.y, b.w, b.h);
      }
      this.move();
    }

    move() {
      const { x, y, scale, width, height } = this.view;
      const r = this.ratio ?? 0;
      const all = { w: parseFloat(this.canvas.style.width), h: parseFloat(this.canvas.style.height) };
      const clip = (v, most) => Math.min(Math.max(v, 0), most);
      const l = clip((-x / scale) * r, all.w), t = clip((-y / scale) * r, all.h);
      const right = clip(((width - x) / scale) * r, all.w), bottom = clip(((height - y) / scale) * r, all.h);
      Object.assign(
        this.frame.style,
        {
          left: `${l}px`,
          top: `${t}px`,
          width: `${Math.max(4, right - l)}px`,
          height: `${Math.max(4, bottom - t)}px`,
        },
      );
      this.root.hidden = right - l >= all.w - 1 && bottom - t >= all.h - 1;
    }
  };
}
