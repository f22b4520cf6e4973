"use strict";
/**
 * A plot with axes, in SVG.
 *   const plot = learn.plot({ name: "curve", drag: (x) => state.set({ x }) });
 *   plot.show({ width: 500, height: 320, x: [-6, 6], y: [-1, 5], lines: [{ points, kind, label }],
 *               dots: [{ x, y, kind }] });
 * Lines are drawn where they are inside; kinds are classes of learn.css. `drag` is called with the
 * number under the pointer while it is down.
 */
learn.plot = (fixed) => {
  const { svg, el } = learn;
  const caption = learn.el("figcaption");
  const box = el("div");
  const node = el("figure", { class: "grid", "data-name": fixed.name }, caption, box);
  let at = null; // from pixels to numbers, of what is shown

  if (fixed.drag) {
    const pull = (event) => {
      if (!(event.buttons & 1)) return;
      event.preventDefault();
      fixed.drag(at(event.clientX - box.firstChild.getBoundingClientRect().left));
    };
    box.addEventListener("pointerdown", (event) => { box.setPointerCapture(event.pointerId); pull(event); });
    box.addEventListener("pointermove", pull);
    box.style.touchAction = "pan-y";
    box.style.cursor = "ew-resize";
  }

  /** Round numbers between two others, some five of them. */
  function ticks([low, high]) {
    const rough = (high - low) / 6;
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * unit).find((k) => k >= rough);
    return learn.range(Math.floor(high / step) - Math.ceil(low / step) + 1).map((k) => (Math.ceil(low / step) + k) * step);
  }

  function show({ width, height, x, y, lines = [], dots = [], caption: text = "" }) {
    caption.textContent = text;
    const edge = { left: 34, right: 8, top: 8, bottom: 24 };
    const [w, h] = [width - edge.left - edge.right, height - edge.top - edge.bottom];
    const across = (v) => edge.left + (w * (v - x[0])) / (x[1] - x[0]);
    const down = (v) => edge.top + (h * (y[1] - v)) / (y[1] - y[0]);
    at = (pixels) => x[0] + ((pixels - edge.left) * (x[1] - x[0])) / w;
    const parts = [svg("rect", { x: edge.left, y: edge.top, width: w, height: h, class: "field" })];
    for (const v of ticks(x)) {
      parts.push(svg("line", { x1: across(v), x2: across(v), y1: edge.top, y2: edge.top + h, class: v === 0 ? "axis" : "mesh" }),
        svg("text", { x: across(v), y: height - 10, class: "tick" }, learn.text(v, 3)));
    }
    for (const v of ticks(y)) {
      parts.push(svg("line", { y1: down(v), y2: down(v), x1: edge.left, x2: edge.left + w, class: v === 0 ? "axis" : "mesh" }),
        svg("text", { x: edge.left - 6, y: down(v), class: "tick end" }, learn.text(v, 3)));
    }
    const clip = `clip-${fixed.name}`;
    parts.push(svg("clipPath", { id: clip }, svg("rect", { x: edge.left, y: edge.top, width: w, height: h })));
    for (const line of lines) {
      const path = line.points.map(([a, b], i) => `${i ? "L" : "M"}${across(a).toFixed(1)} ${down(b).toFixed(1)}`).join("");
      parts.push(svg("path", { d: path, class: `line ${line.kind}`, "clip-path": `url(#${clip})` }));
    }
    for (const dot of dots) {
      parts.push(svg("circle", { cx: across(dot.x), cy: down(dot.y), r: dot.r || 7, class: `dot ${dot.kind}` }));
    }
    learn.put(box, svg("svg", { width, height, class: "plot", role: "img", "aria-label": text }, ...parts));
  }
  return { node, show };
};
