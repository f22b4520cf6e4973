{
  /** Does a field cover an axis of that length wherever one looks? */
  const seesAll = (f, length) => f.axis === null && f.start <= 0 && f.start + f.size >= length;

  /** A field seen through one tap [axis, size, stride, start] of an op; a string says why not. */
  const composed = (field, tap, name) => {
    if (typeof field === "string" || field.axis === null) return field; // what all see, all see behind any op
    if (!tap) return `${name} does not say what it sees of its input`;
    const [axis, size, stride, start] = tap;
    return {
      axis,
      size: field.size + (size - 1) * field.stride,
      stride: field.stride * stride,
      start: field.start + start * field.stride,
    };
  };

  const joined = (first, part, length, name) => {
    if (typeof first === "string") return first;
    if (typeof part === "string") return part;
    if (seesAll(first, length)) return first;
    if (seesAll(part, length)) return part;
    if (first.axis !== part.axis || first.stride !== part.stride) {
      return `${name}: branches disagree: stride ${first.stride} against ${part.stride}`;
    }
    const start = Math.min(first.start, part.start), end = Math.max(
      first.start + first.size,
      part.start + part.size,
    );
    return { ...first, start, size: end - start };
  };

  /**
   * How node `target` sees the axes from 2 on of output 0 of node `source`: for each {axis, size, stride,
   * start}, where position o of the target's axis `axis` sees `size` positions from o * stride + start on
   * (axis null: all positions see the same); or a string that says why nothing is known; null if the
   * target does not depend on the source. The arithmetic of gpugraph/analysis/fields.py.
   */
  gg.fieldOf = (model, target, source) => {
    const shape = model.nodes[source].outputs[0].shape;
    const axes = shape.slice(2).map((_, i) => i + 2);
    const reached = new Map([[source, axes.map((axis) => ({ axis, size: 1, stride: 1, start: 0 }))]]);
    for (let id = source + 1; id <= target; id++) {
      const n = model.nodes[id];
      if (n.order || n.kind !== "op") continue;
      let found = null;
      for (const [from, output, , input] of model.ins[id]) {
        const before = output === 0 ? reached.get(from) : undefined;
        if (!before) continue;
        const taps = n.taps[input];
        const through = before.map((f) => composed(
          f,
          typeof f === "string" || f.axis === null ? null : taps?.[f.axis - 2],
          n.label,
        ));
        found = found ? found.map((f, i) => joined(f, through[i], shape[axes[i]], n.label)) : through;
      }
      if (found) reached.set(id, found);
    }
    const found = reached.get(target);
    if (!found) return null;
    const told = source === model.meta.image ? model.nodes[target].field : null;
    return found.map((f, i) => {
      if (typeof f === "string") return told?.[i] === "all" ? {
        axis: null,
        size: shape[axes[i]],
        stride: 0,
        start: 0,
      } : f;
      return f;
    });
  };

  /** The text of a field of one axis: "all", "size 5, stride 1, start 0", or why it isn't known. */
  gg.fieldText = (f, length) => {
    if (typeof f === "string") return `? (${f})`;
    if (seesAll(f, length)) return `all ${length}`;
    return `${gg.plural(f.size, "position")}, stride ${f.stride}, start ${f.start}`;
  };

  const el = gg.el;

  /** Earlier values whose field can be shown: the image first, then feature maps. */
  const sources = (model, target) => {
    const found = [];
    const seen = new Set([target]);
    const stack = [target];
    while (stack.length) {
      for (const [from] of model.ins[stack.pop()]) {
        if (seen.has(from) || model.nodes[from].order) continue;
        seen.add(from);
        stack.push(from);
        const axes = model.nodes[from].outputs[0]?.shape.length ?? 0;
        if (model.nodes[from].kind !== "parameter" && axes > 2) found.push(from);
      }
    }
    found.sort((a, b) => a - b);
    const image = model.meta.image;
    return found.includes(image) ? [image, ...found.filter((id) => id !== image)] : found;
  };

  /** The part of the panel that shows what one unit of a node sees; null where there is nothing to see. */
  gg.fieldView = (app, target) => {
    const { model } = app;
    const node = model.nodes[target];
    const from = sources(model, target);
    if (!from.length || node.order || node.kind !== "op" || !node.outputs.length) return null;
    const root = el("section", { class: "field" }, el("h3", {}, "What one unit sees"));
    const choose = el(
      "select",
      { "aria-label": "value that is looked at" },
      ...from.map((id) => el(
        "option",
        { value: id },
        `${model.nameOf(id)}  ${gg.shape(model.nodes[id].outputs[0].shape)}`,
      )),
    );
    const body = el("div");
    root.append(el("label", {}, "of ", choose), body);
    const show = () => body.replaceChildren(...looking(model, target, +choose.value));
    choose.addEventListener("change", show);
    show();
    return root;
  };

  const looking = (model, target, source) => {
    const shape = model.nodes[source].outputs[0].shape.slice(2);
    const out = model.nodes[target].outputs[0].shape;
    const axes = gg.fieldOf(model, target, source);
    if (!axes) return [el("p", {}, "It does not depend on this value.")];
    const at = new Map(); // axis of the output -> position
    for (const f of axes) if (typeof f !== "string" && f.axis !== null) at.set(
      f.axis,
      Math.floor((out[f.axis] - 1) / 2),
    );
    const names = shape.length === 2 ? ["height", "width"] : shape.map((_, i) => `axis ${i + 2}`);
    const facts = el(
      "dl",
      {},
      ...axes.flatMap((f, i) => [el("dt", {}, names[i]), el("dd", {}, gg.fieldText(f, shape[i]))]),
    );
    const told = el("p", { class: "told", role: "status" });
    const made = [facts];
    if (axes.every((f) => typeof f === "string")) return made;
    const picture = canvasOf(model, source, shape);
    const units = at.size ? unitGrid(out, [...at.keys()], at, () => update()) : null;
    const update = () => {
      const ranges = axes.map((f, i) => {
        if (typeof f === "string") return [0, shape[i], false];
        const start = f.start + (f.axis === null ? 0 : at.get(f.axis) * f.stride);
        return [start, start + f.size, true];
      });
      picture.draw(ranges);
      units?.draw();
      told.textContent = describe(ranges, shape, names, [...at].map(([axis, o]) => [axis, o]));
    };
    if (units) made.push(units.root);
    made.push(picture.root, told);
    update();
    return made;
  };

  const describe = (ranges, shape, names, position) => {
    const where = position.length ? `The unit at ${position.map(([, o]) => o).join(", ")} sees ` : "Each unit sees ";
    const parts = ranges.map(([a, b, known], i) => {
      if (!known) return `${names[i]}: not known`;
      const [l, r] = [Math.max(0, a), Math.min(shape[i], b)];
      const cut = l - a + b - r;
      return `${names[i]} ${l} to ${r - 1}` + (cut ? ` (${cut} of ${b - a} lie outside the border)` : "");
    });
    return where + parts.join("; ") + ".";
  };

  /** The value that is looked at, with a box on it. One-dimensional values are a strip. */
  const canvasOf = (model, source, shape) => {
    const [h, w] = shape.length > 1 ? shape.slice(-2) : [1, shape[0]];
    const cell = Math.max(1, Math.min(300 / w, 300 / h));
    const high = shape.length > 1 ? h * cell : 36;
    const margin = 34;
    const [W, H] = [w * cell + 2 * margin, high + 2 * margin];
    const root = el(
      "svg:svg",
      {
        class: "seen",
        viewBox: `0 0 ${W} ${H}`,
        role: "img",
        "aria-label": "part of the input that is seen",
      },
    );
    root.append(el("svg:rect", { class: "image", x: margin, y: margin, width: w * cell, height: high }));
    const tile = (model.nodes[source].images ?? []).find((i) => i.width && i.tiles.length);
    if (tile && shape.length > 1) root.append(el(
      "svg:image",
      {
        href: tile.tiles[0],
        x: margin,
        y: margin,
        width: w * cell,
        height: high,
        preserveAspectRatio: "none",
        style: "image-rendering:pixelated",
      },
    ));
    else if (cell >= 5) {
      let d = "";
      for (let i = 1; i < w; i++) d += `M${margin + i * cell} ${margin}v${high}`;
      for (let i = 1; i < h; i++) d += `M${margin} ${margin + i * cell}h${w * cell}`;
      root.append(el("svg:path", { class: "grid", d }));
    }
    const outside = el("svg:rect", { class: "outside" }), box = el("svg:rect", { class: "box" });
    root.append(
      outside,
      box,
      el("svg:text", { x: margin, y: H - 10 }, shape.length > 1 ? `${h} high, ${w} wide` : `${w} long`),
    );
    const place = (rect, x0, x1, y0, y1) => {
      for (const [k, v] of Object.entries({
        x: x0,
        y: y0,
        width: Math.max(0, x1 - x0),
        height: Math.max(0, y1 - y0),
      })) rect.setAttribute(k, v);
    };
    const draw = (ranges) => {
      const [ry, rx] = ranges.length > 1 ? ranges.slice(-2) : [[0, 1], ranges[0]];
      const sy = shape.length > 1 ? cell : high;
      const clip = (v, low, most) => Math.min(Math.max(v, low), most);
      const x = rx.slice(0, 2).map((v) => margin + v * cell), y = ry.slice(0, 2).map((v) => margin + v * sy);
      place(outside, clip(x[0], 3, W - 3), clip(x[1], 3, W - 3), clip(y[0], 3, H - 3), clip(y[1], 3, H - 3));
      place(
        box,
        clip(x[0], margin, margin + w * cell),
        clip(x[1], margin, margin + w * cell),
        clip(y[0], margin, margin + high),
        clip(y[1], margin, margin + high),
      );
    };
    return { root, draw };
  };

  /** A grid of the output's positions to hover, with sliders that do the same by keyboard. */
  const unitGrid = (out, axes, at, update) => {
    const [ay, ax] = axes.length > 1 ? axes.slice(-2) : [null, axes[0]];
    const [h, w] = [ay === null ? 1 : out[ay], out[ax]];
    const cell = Math.max(2, Math.min(14, 200 / w, 200 / h));
    const svg = el(
      "svg:svg",
      {
        class: "units",
        width: w * cell,
        height: h * cell,
        viewBox: `0 0 ${w * cell} ${h * cell}`,
        "aria-hidden": "true",
      },
      el("svg:rect", { class: "image", width: w * cell, height: h * cell }),
    );
    if (cell >= 5) {
      let d = "";
      for (let i = 1; i < w; i++) d += `M${i * cell} 0v${h * cell}`;
      for (let i = 1; i < h; i++) d += `M0 ${i * cell}h${w * cell}`;
      svg.append(el("svg:path", { class: "grid", d }));
    }
    const dot = el("svg:rect", { class: "box", width: cell, height: cell });
    svg.append(dot);
    const sliders = axes.map((axis) => el(
      "input",
      {
        type: "range",
        min: 0,
        max: out[axis] - 1,
        value: at.get(axis),
        "aria-label": `position along axis ${axis} of the output`,
      },
    ));
    sliders.forEach((s, i) => s.addEventListener("input", () => {
      at.set(axes[i], +s.value);
      update();
    }));
    svg.addEventListener("pointermove", (e) => {
      const box = svg.getBoundingClientRect();
      const clip = (v, most) => Math.min(Math.max(Math.floor(v), 0), most - 1);
      at.set(ax, clip(((e.clientX - box.left) / box.width) * w, w));
      if (ay !== null) at.set(ay, clip(((e.clientY - box.top) / box.height) * h, h));
      sliders.forEach((s, i) => (s.value = at.get(axes[i])));
      update();
    });
    const draw = () => {
      dot.setAttribute("x", at.get(ax) * cell);
      dot.setAttribute("y", ay === null ? 0 : at.get(ay) * cell);
    };
    const caption = el("p", { class: "muted" }, "Hover a unit of the output, or use the sliders:");
    const labelled = sliders.map((s, i) => el(
      "label",
      {},
      axes.length === 2 ? ["row", "column"][i] : `axis ${axes[i]}`,
      " ",
      s,
    ));
    return {
      root: el("div", { class: "choose" }, caption, svg, el("div", { class: "sliders" }, ...labelled)),
      draw,
    };
  };
}
