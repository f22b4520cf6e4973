{
  /** Pan and zoom: a translation and a scale, and the gestures that change them. Nothing is rebuilt. */
  gg.View = class {
    constructor(host, moved) {
      Object.assign(this, { host, moved, x: 0, y: 0, scale: 1 });
      this.extent = { width: 1, height: 1 };
      this.pointers = new Map();
      host.addEventListener("wheel", (e) => this.#wheel(e), { passive: false });
      host.addEventListener("pointerdown", (e) => this.#down(e));
      host.addEventListener("pointermove", (e) => this.#move(e));
      for (const end of ["pointerup", "pointercancel"]) host.addEventListener(end, (e) => this.#up(e));
    }

    get width() { return this.host.clientWidth; }
    get height() { return this.host.clientHeight; }

    set(x, y, scale = this.scale) {
      Object.assign(this, { x, y, scale });
      this.moved(this);
    }

    /** The point of the drawing under a point of the window. */
    world(clientX, clientY) {
      const box = this.host.getBoundingClientRect();
      return [(clientX - box.left - this.x) / this.scale, (clientY - box.top - this.y) / this.scale];
    }

    zoom(factor, cx = this.width / 2, cy = this.height / 2) {
      const scale = Math.min(4, Math.max(0.02, this.scale * factor));
      const f = scale / this.scale;
      this.set(cx - (cx - this.x) * f, cy - (cy - this.y) * f, scale);
    }

    /** All of the drawing; not smaller than `least`, when it starts at the top. */
    fit(least = 0.02) {
      const { width, height } = this.extent;
      const fits = Math.min((this.width - 40) / width, (this.height - 24) / height, 1.4);
      const scale = Math.max(fits, Math.min(least, Math.max(0.55, (this.width - 40) / width)));
      const x = Math.max(20, (this.width - width * scale) / 2);
      this.set(x, Math.max(4, (this.height - height * scale) / 3), scale);
    }

    /** Bring a box into view, by as little as will do. */
    show(box, margin = 50) {
      const [l, t, r, b] = [
        box.x * this.scale + this.x,
        box.y * this.scale + this.y,
        (box.x + box.w) * this.scale + this.x,
        (box.y + box.h) * this.scale + this.y,
      ];
      const aside = (low, high, size) => {
        if (high - low > size - 2 * margin || low < margin) return margin - low;
        return Math.min(0, size - margin - high);
      };
      const dx = aside(l, r, this.width), dy = aside(t, b, this.height);
      if (dx || dy) this.set(this.x + dx, this.y + dy);
    }

    centre(box) {
      this.set(
        this.width / 2 - (box.x + box.w / 2) * this.scale,
        this.height / 2 - (box.y + box.h / 2) * this.scale,
      );
    }

    #wheel(e) {
      e.preventDefault();
      const box = this.host.getBoundingClientRect();
      const unit = e.deltaMode === 1 ? 16 : 1;
      if (e.shiftKey) this.set(this.x - (e.deltaX || e.deltaY) * unit, this.y);
      else this.zoom(
        Math.exp(-Math.max(-240, Math.min(240, e.deltaY * unit)) * (e.ctrlKey ? 0.01 : 0.0016)),
        e.clientX - box.left,
        e.clientY - box.top,
      );
    }

    #down(e) {
      if (e.button > 1 || e.target.closest("button, a, input, .minimap")) return;
      this.pointers.set(e.pointerId, [e.clientX, e.clientY]);
      this.dragged = 0;
    }

    #move(e) {
      const before = this.pointers.get(e.pointerId);
      if (!before) return;
      const now = [e.clientX, e.clientY];
      const others = [...this.pointers].filter(([id]) => id !== e.pointerId);
      this.dragged += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (this.dragged > 4 && !this.host.hasPointerCapture(e.pointerId)) this.host.setPointerCapture(e.pointerId);
      if (others.length) { // two fingers
        const [ox, oy] = others[0][1];
        const box = this.host.getBoundingClientRect();
        const span = (p) => Math.hypot(p[0] - ox, p[1] - oy) || 1;
        this.zoom(span(now) / span(before), (now[0] + ox) / 2 - box.left, (now[1] + oy) / 2 - box.top);
      } else if (this.dragged > 4) this.set(this.x + now[0] - before[0], this.y + now[1] - before[1]);
      this.pointers.set(e.pointerId, now);
    }

    #up(e) {
      this.pointers.delete(e.pointerId);
    }
  };
}
