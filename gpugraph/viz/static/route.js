{
  /** The key of the box in which a node is seen: its own, or that of a closed group around it. */
  gg.boxOf = (model, scene, id) => {
    if (scene.boxes.has(`n${id}`)) return `n${id}`;
    const n = model.nodes[id];
    const home = model.homes[id];
    if (home === null) return null;
    if (n.order && scene.boxes.has(`d${home}.${n.order}`)) return `d${home}.${n.order}`;
    for (const g of model.pathOf(id)) {
      const key = n.order ? `g${g}.${n.order}` : `g${g}`;
      if (scene.boxes.has(key)) return key;
    }
    return null;
  };

  /** Places that a line along the forward links from place a to b passes in a group, and if it points up. */
  const between = (inner, a, b, fits, column) => {
    const links = inner.byEnds.get(`${a}>${b}`);
    if (links) {
      const link = links.find((l) => fits(l.value.join("."))) ?? links[0];
      return { places: link.passes, back: Boolean(link.back) };
    }
    if (!column) return null;
    // ops such as add have no gradient ops: what came in goes on
    const empty = ([r, c]) => inner.parts[r][c].cols[column]?.empty;
    const before = new Map([[String(a), null]]);
    const queue = [a];
    while (queue.length) {
      const here = queue.shift();
      for (const link of inner.after.get(String(here)) ?? []) {
        const key = String(link.to);
        if (link.back || before.has(key)) continue;
        before.set(key, { here, link });
        if (key === String(b)) {
          const places = [];
          for (let at = b; before.get(String(at)); at = before.get(String(at)).here) {
            const step = before.get(String(at));
            places.unshift(...step.link.passes, ...(String(at) === key ? [] : [at]));
          }
          return { places, back: false };
        }
        if (empty(link.to)) queue.push(link.to);
      }
    }
    return null;
  };

  /**
   * The points of a line from one box to another of the same column, through the borders of open groups
   * and past what stands between. Lines of gradients run along the links of the forward graph, upwards.
   * @param {(value: string) => boolean} fits  is this port that of the line?
   */
  gg.route = (scene, from, to, start, end, fits) => {
    const { column } = from;
    const innerOf = (g) => scene.places.get(g).inner;
    const rowOf = (g, r) => {
      const { inner, top } = scene.places.get(g);
      return [top + inner.tops[r], top + inner.tops[r] + inner.heights[r]];
    };
    const xOf = (g, [r, c]) => scene.places.get(g).middles[column] + innerOf(g).cols[column].x[r][c];
    const itemIn = ({ frames, item }, d) => innerOf(frames[d]).find.get(frames[d + 1] === undefined ? item : `g${frames[d + 1]}`);
    const portIn = (g, side) => innerOf(g).ports.filter((p) => p.side === side).find((p) => fits(p.value))?.place;

    let depth = 0;
    while (from.frames[depth + 1] !== undefined && from.frames[depth + 1] === to.frames[depth + 1]) depth++;
    const g = from.frames[depth];
    const a = itemIn(from, depth), b = itemIn(to, depth);
    const against = column ? between(innerOf(g), b, a, fits, column) : null; // a gradient, against the forward link
    const along = against ? null : between(innerOf(g), a, b, fits, column);
    const up = against ? true : along ? false : from.band[0] > to.band[0];
    const [edge, other] = up ? [0, 1] : [1, 0]; // of a band: where a line leaves, and where it arrives

    /** Points past these places of a group, in the order in which the line meets them. */
    const past = (group, found) => {
      if (!found) return [];
      const rising = up !== found.back;
      const met = rising ? found.places.slice().reverse() : found.places;
      return met.flatMap((p) => {
        const [top, bottom] = rowOf(group, p[0]), x = xOf(group, p);
        return rising ? [[x, bottom], [x, top]] : [[x, top], [x, bottom]];
      });
    };
    /** From a box or frame to the border of the group around it, as seen from the box. */
    const out = (box, d, x, arriving) => {
      const group = box.frames[d];
      const leaves = up !== arriving ? "i" : "o"; // a gradient leaves where the value came in
      const port = portIn(group, leaves), item = itemIn(box, d);
      const { top, inner, middles } = scene.places.get(group);
      const half = inner.cols[column].w / 2 - 8;
      const door = port ? xOf(group, port) : Math.min(
        Math.max(x, middles[column] - half),
        middles[column] + half,
      );
      const ends = leaves === "o" ? [item, port] : [port, item];
      const found = port && between(inner, ...ends, fits, column);
      const points = past(group, found);
      const way = arriving ? points.reverse() : points;
      return { x: door, points: [...way, [door, leaves === "i" ? top : top + inner.h]] };
    };

    const points = [[...start], [start[0], from.band[edge]]];
    for (let d = from.frames.length - 1; d > depth; d--) {
      const step = out(from, d, points[points.length - 1][0], false);
      points.push(...step.points, [step.x, rowOf(from.frames[d - 1], itemIn(from, d - 1)[0])[edge]]);
    }
    points.push(...past(g, against ?? along));
    const tail = [[...end], [end[0], to.band[other]]];
    for (let d = to.frames.length - 1; d > depth; d--) {
      const step = out(to, d, tail[tail.length - 1][0], true);
      tail.push(...step.points, [step.x, rowOf(to.frames[d - 1], itemIn(to, d - 1)[0])[other]]);
    }
    return { points: points.concat(tail.reverse()), up };
  };

  const TURN = 13;

  /** The path of a line: curves that leave and arrive upright, straight where nothing is aside. */
  gg.curve = (points, flat = false) => {
    if (flat) return `M${points.map((p) => p.map(round).join(" ")).join("L")}`;
    let d = `M${points[0].map(round).join(" ")}`;
    let way = 0; // 1 down, -1 up
    for (let i = 1; i < points.length; i++) {
      const [x0, y0] = points[i - 1], [x, y] = points[i];
      if (Math.abs(x - x0) < 0.5) d += `L${round(x)} ${round(y)}`;
      else if (Math.abs(y - y0) < 0.5) { // it turns around
        const turn = y0 + TURN * (way || (points[i + 1]?.[1] > y ? -1 : 1));
        d += `C${round(x0)} ${round(turn)} ${round(x)} ${round(turn)} ${round(x)} ${round(y)}`;
      } else {
        const mid = (y0 + y) / 2;
        d += `C${round(x0)} ${round(mid)} ${round(x)} ${round(mid)} ${round(x)} ${round(y)}`;
      }
      if (Math.abs(y - y0) >= 0.5) way = Math.sign(y - y0);
    }
    return d;
  };
  const round = (x) => Math.round(x * 10) / 10;
}
