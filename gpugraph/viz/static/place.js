{
  const PAD = 14, TITLE = 26, BESIDE = 12, ROW = 24, COLUMN = 70;
  const HEAD = 8;

  const idOf = ([kind, a]) => (kind === "n" ? `n${a}` : kind === "g" ? `g${a}` : null);

  /** Where gradients pass by an item without gradient ops. */
  const passing = () => ({ l: 3, r: 3, h: 0, pass: true, empty: true });

  /** An op or what it starts from, with what stands beside it and its gradient ops in other columns. */
  const nodePart = (model, view, id, sides) => {
    const box = gg.nodeBox(model, id);
    const small = sides.map((s) => gg.sideBox(model, s));
    const sideWidth = small.reduce((w, b) => Math.max(w, b.w), 0);
    const sideHeight = small.reduce((h, b) => h + b.h + 4, -4);
    const cols = [{
      l: box.w / 2 + (small.length ? sideWidth + BESIDE : 0),
      r: box.w / 2,
      h: Math.max(box.h, sideHeight),
    }];
    for (let k = 1; k < view.columns.length; k++) {
      const ids = view.columns[k] ? model.made[k][id] : [];
      if (!ids.length) cols.push(view.columns[k] ? passing() : null);
      else if (ids.length > gg.MANY && !view.open.has(`d${id}`)) {
        const bundle = gg.bundleBox(model, id, k);
        cols.push({ l: bundle.w / 2, r: bundle.w / 2, h: bundle.h, box: bundle });
      } else cols.push({ tiny: gg.tiny(model, ids, k) });
    }
    for (const c of cols) if (c?.tiny) Object.assign(c, { l: c.tiny.l, r: c.tiny.r, h: c.tiny.h });
    return { kind: "node", id, box, small, sideWidth, sideHeight, cols };
  };

  const closedPart = (model, view, g) => {
    const cols = view.columns.map((shown, k) => {
      if (!shown && k) return null;
      if (k && !model.sums[g][k].ops) return passing();
      const box = gg.groupBox(model, g, k);
      return { l: box.w / 2, r: box.w / 2, h: box.h, box };
    });
    return { kind: "closed", g, cols };
  };

  const part = (model, view, item) => {
    const [kind, a] = item;
    if (kind === "n") return nodePart(model, view, a, item[2] ?? []);
    if (kind === "v") return {
      kind: "pass",
      link: a,
      cols: view.columns.map(() => ({ l: 3, r: 3, h: 0, pass: true })),
    };
    if (kind !== "g") return {
      kind: "port",
      side: kind,
      value: `${a}.${item[2]}`,
      cols: view.columns.map(() => ({ l: 3, r: 3, h: 0, pass: true })),
    };
    if (model.single[a]) return nodePart(model, view, model.single[a][1], model.single[a][2] ?? []);
    if (!view.open.has(a)) return closedPart(model, view, a);
    const inner = inside(model, view, a);
    return {
      kind: "frame",
      g: a,
      inner,
      cols: inner.cols.map((c) => c && { l: c.w / 2, r: c.w / 2, h: inner.h, ports: c.ports }),
    };
  };

  /** The rows of a group with sizes, and its content placed in x, for each column. */
  const inside = (model, view, g) => {
    const { rows, links } = model.layout[g];
    const parts = rows.map((row) => row.map((item) => part(model, view, item)));
    const find = new Map();
    rows.forEach((row, r) => row.forEach((item, c) => idOf(item) && find.set(idOf(item), [r, c])));
    parts.forEach((row, r) => row.forEach((p, c) => p.kind === "node" && find.set(`n${p.id}`, [r, c])));
    const heights = parts.map((row) => row.reduce((h, p) => Math.max(h, ...p.cols.map((c) => c?.h ?? 0)), 0));
    const gaps = parts.map(() => 0);
    const cols = view.columns.map((shown, k) => {
      return shown && (k === 0 || model.sums[g][k].ops) ? column(model, g, parts, links, k, gaps) : null;
    });
    const doors = parts.flatMap((row, r) => row.flatMap((p, c) => (p.kind === "port" ? [{
      side: p.side,
      value: p.value,
      place: [r, c],
    }] : [])));
    const made = { g, parts, links, find, heights, cols, ports: doors, ...ends(links), tops: [] };
    const root = g === 0;
    let y = root ? HEAD : TITLE;
    heights.forEach((h, r) => {
      made.tops.push(y);
      const last = r + 1 === heights.length;
      y += h + (last ? 0 : Math.max(h && heights[r + 1] ? ROW : 10, Math.min(70, gaps[r] * 0.07)));
    });
    made.h = y + (root ? 0 : PAD - (heights[heights.length - 1] ? 0 : 4));
    return made;
  };

  /** Place one column of a group; `gaps` learn how far links go aside between rows. */
  const column = (model, g, parts, links, k, gaps) => {
    const cells = parts.map((row) => row.map((p) => (p.cols[k] ? Object.assign(
      gg.cell(p.cols[k].l, p.cols[k].r, p.cols[k].pass),
      { part: p },
    ) : null)));
    const at = ([r, c]) => cells[r][c];
    const used = new Set();
    const spans = [];
    for (const link of links) {
      const [upper, lower] = link.back ? [link.to, link.from] : [link.from, link.to];
      if (!at(upper) || !at(lower)) continue;
      const value = link.value.join(".");
      const port = (cell, side) => cell.part.cols[k].ports?.get(side + value) ?? 0;
      const passes = link.passes.map(at);
      passes.forEach((p) => used.add(p));
      const around = link.back && link.passes[0]?.[0] === upper[0]; // it goes round its ends
      const chain = around ? passes : [at(upper), ...passes, at(lower)];
      for (let i = 0; i + 1 < chain.length; i++) {
        const out = i === 0 && !around ? port(chain[0], link.back ? "i" : "o") : 0;
        const into = i + 2 === chain.length && !around ? port(chain[i + 1], link.back ? "o" : "i") : 0;
        gg.tie(chain[i], chain[i + 1], out, into);
        spans.push([upper[0] + i, chain[i], out, chain[i + 1], into]);
      }
    }
    const ports = (side) => cells.flat().filter((c) => c?.part.kind === "port" && c.part.side === side);
    const [into, out] = [ports("i"), ports("o")];
    if (into.length && out.length) gg.tie(into[0], out[0], 0, 0, 50); // or a row of such groups would lean
    const placed = cells.map((row) => row.filter((c) => c && (c.part.kind !== "pass" || used.has(c))));
    const [least, most] = gg.solve(placed);
    for (const [r, a, out, b, into] of spans) gaps[r] = Math.max(gaps[r], Math.abs(a.x + out - b.x - into));
    const title = g ? gg.width(model.groups[g].name, 13, true) + 60 : 0;
    const w = Math.max(most - least + 2 * PAD, title);
    const shift = -(least + most) / 2; // x from the middle of the frame
    const x = parts.map((row) => row.map(() => 0));
    const doors = new Map();
    cells.forEach((row, r) => row.forEach((c, i) => {
      if (!c) return;
      x[r][i] = c.x + shift;
      if (c.part.kind === "port") doors.set(c.part.side + c.part.value, c.x + shift);
    }));
    return { x, w, ports: doors };
  };

  const ends = (links) => {
    const byEnds = new Map(), after = new Map(); // "from>to" -> links, "from" -> links
    const add = (map, key, link) => (map.has(key) ? map.get(key).push(link) : map.set(key, [link]));
    for (const link of links) {
      add(byEnds, `${link.from}>${link.to}`, link);
      add(after, String(link.from), link);
    }
    return { byEnds, after };
  };

  /**
   * What is shown and where.
   * boxes   key -> {key, type, lines, x, y, w, h, column, band: [top, bottom], frames: open groups around it}
   * frames  open groups, one for each column: {key, g, x, y, w, h, column, title}
   * places  of open groups, for those who follow links: g -> {inner, top, x: of its middle by column}
   * heads   [{text, x, w}] the columns
   * @param {{open: Set, columns: boolean[]}} view
   */
  gg.place = (model, view) => {
    const root = inside(model, view, 0);
    const scene = {
      boxes: new Map(),
      frames: [],
      tiny: [],
      places: new Map(),
      heads: [],
      width: 0,
      height: root.h + 20,
    };
    const names = ["forward", "backward", "gradient of the gradient"];
    let left = 0;
    const middles = root.cols.map((c, k) => {
      if (!c) return null;
      const w = Math.max(c.w, gg.width(names[k] ?? `order ${k}`, 15, true) + 20);
      scene.heads.push({ text: names[k] ?? `gradient of order ${k}`, x: left + w / 2, left, w, column: k });
      left += w + COLUMN;
      return left - COLUMN - w / 2;
    });
    scene.width = Math.max(1, left - COLUMN);
    emit(scene, model, root, middles, 0, []);
    return scene;
  };

  const emit = (scene, model, inner, middles, top, frames) => {
    const around = [...frames, inner.g];
    scene.places.set(inner.g, { inner, top, middles });
    inner.parts.forEach((row, r) => row.forEach((p, c) => {
      const y = top + inner.tops[r], h = inner.heights[r];
      const xs = middles.map((m, k) => (m === null || !inner.cols[k] ? null : m + inner.cols[k].x[r][c]));
      if (p.kind === "node") emitNode(scene, p, xs, y, h, around);
      else if (p.kind === "closed") {
        p.cols.forEach((col, k) => col?.box && xs[k] !== null && put(
          scene,
          col.box,
          xs[k] - col.box.w / 2,
          y + (h - col.box.h) / 2,
          k,
          [y, y + h],
          around,
          `g${p.g}`,
        ));
      } else if (p.kind === "frame") {
        const own = p.inner.cols.map((col, k) => (col && xs[k] !== null ? xs[k] : null));
        const at = y + (h - p.inner.h) / 2;
        own.forEach((x, k) => {
          if (x === null) return;
          const w = p.inner.cols[k].w;
          const { name, repeats } = model.groups[p.g];
          scene.frames.push({
            key: `g${p.g}` + (k ? `.${k}` : ""),
            g: p.g,
            x: x - w / 2,
            y: at,
            w,
            h: p.inner.h,
            column: k,
            title: gg.fitted(
              (k ? "∂".repeat(k) + " " : "") + name + (repeats ? ` · ${repeats} alike` : ""),
              w - 40,
              13,
              true,
            ),
          });
        });
        emit(scene, model, p.inner, own, at, around);
      }
    }));
  };

  const put = (scene, box, x, y, column, band, frames, item) => {
    scene.boxes.set(box.key, { ...box, x, y, column, band, frames, item });
  };

  const emitNode = (scene, p, xs, y, h, around) => {
    const band = [y, y + h];
    const item = `n${p.id}`;
    put(scene, p.box, xs[0] - p.box.w / 2, y + (h - p.box.h) / 2, 0, band, around, item);
    let down = y + (h - p.sideHeight) / 2;
    for (const b of p.small) {
      put(
        scene,
        { ...b, beside: p.box.key },
        xs[0] - p.box.w / 2 - BESIDE - b.w,
        down,
        0,
        band,
        around,
        item,
      );
      down += b.h + 4;
    }
    p.cols.forEach((col, k) => {
      if (!k || !col || col.empty || xs[k] === null) return;
      if (col.box) put(scene, col.box, xs[k] - col.box.w / 2, y + (h - col.box.h) / 2, k, band, around, item);
      else {
        const at = y + (h - col.h) / 2;
        scene.tiny.push({ tiny: col.tiny, x: xs[k], y: at, column: k });
        for (const t of col.tiny.boxes) put(
          scene,
          { ...t.box, cluster: scene.tiny.length - 1 },
          xs[k] + t.x,
          at + t.y,
          k,
          band,
          around,
          item,
        );
      }
    });
  };
}
