{
  /**
   * The lines along which values flow between the boxes of a scene: {key, from, to, d: path, points, up,
   * value: [node, output], kind}, where kind is "flow", "side" (from a parameter to the op it stands by) or
   * "across" (from one column to another: what is computed from gradients).
   * A value that goes to one box is one line.
   */
  gg.links = (model, scene) => {
    const found = new Map();
    for (const edge of model.data.edges) {
      const [source, output, target, , saved] = edge;
      if (saved) continue;
      const from = gg.boxOf(model, scene, source), to = gg.boxOf(model, scene, target);
      if (!from || !to || from === to) continue;
      const a = scene.boxes.get(from), b = scene.boxes.get(to);
      const across = a.column !== b.column;
      const [out, into] = [a.closed ? `.${source}` : "", b.cluster === undefined ? "" : `.${source}`];
      const key = `${from}${out}.${output}>${to}${into}`;
      const known = found.get(key);
      if (known) known.edges.push(edge);
      else found.set(
        key,
        {
          key,
          from,
          to,
          value: [source, output],
          target,
          kind: across ? "across" : a.beside === to ? "side" : "flow",
          edges: [edge],
        },
      );
    }
    const lines = [...found.values()];
    for (const t of scene.tiny) inTiny(t, found);
    const fan = ends(scene, lines);
    for (const line of lines) {
      if (line.kind === "across") Object.assign(line, across(scene, line));
      else if (!line.points) Object.assign(line, points(model, scene, line, fan));
      const moves = ([x, y], i, all) => !i || Math.abs(x - all[i - 1][0]) + Math.abs(y - all[i - 1][1]) > 0.5;
      line.points = line.points.filter(moves);
      line.d ??= gg.curve(line.points, line.flat);
    }
    return lines;
  };

  /** Links from what the forward pass kept to the gradient ops that read it, of these edges. */
  gg.savedLinks = (model, scene, edges) => {
    const found = new Map();
    for (const edge of edges) {
      const from = gg.boxOf(model, scene, edge[0]), to = gg.boxOf(model, scene, edge[2]);
      if (!from || !to) continue;
      if (scene.boxes.get(from).column === scene.boxes.get(to).column) continue;
      const key = `${from}~${to}`;
      const known = found.get(key);
      if (known) {
        known.edges.push(edge);
        continue;
      }
      const line = { key, from, to, kind: "saved", edges: [edge] };
      found.set(key, Object.assign(line, across(scene, line)));
    }
    return [...found.values()];
  };

  /** From the side of a box to that of one in another column. */
  const across = (scene, { from, to }) => {
    const a = scene.boxes.get(from), b = scene.boxes.get(to);
    const right = a.x < b.x;
    const [x0, y0, x, y] = [right ? a.x + a.w : a.x, a.y + a.h / 2, right ? b.x : b.x + b.w, b.y + b.h / 2];
    const mid = (x0 + x) / 2;
    return {
      points: [[x0, y0], [x, y]],
      flat: true,
      left: !right,
      d: `M${x0} ${y0}C${mid} ${y0} ${mid} ${y} ${x} ${y}`,
    };
  };

  /** Lines between the gradient ops of one op are placed already. */
  const inTiny = ({ tiny, x, y, column }, found) => {
    for (const { points: own, from, to, edge, flat } of tiny.lines) {
      if (from === null) continue;
      const line = found.get(`${from}.${edge[1]}>${to}.${edge[0]}`);
      if (line) Object.assign(
        line,
        {
          points: own.map(([px, py]) => [px + x, py + y]),
          up: true,
          column,
          flat,
          kind: flat ? "aside" : "flow",
        },
      );
    }
  };

  /** For boxes that several lines enter: how far aside from the middle each ends. */
  const ends = (scene, lines) => {
    const into = new Map();
    for (const line of lines) {
      if (line.kind !== "flow" || scene.boxes.get(line.to).cluster !== undefined) continue;
      if (!into.has(line.to)) into.set(line.to, []);
      into.get(line.to).push(line);
    }
    const aside = new Map();
    for (const [to, many] of into) {
      if (many.length < 2) continue;
      const box = scene.boxes.get(to);
      const mid = (key) => { const b = scene.boxes.get(key); return b.x + b.w / 2; };
      many.sort((p, q) => mid(p.from) - mid(q.from));
      const step = Math.min(26, (box.w - 30) / many.length);
      many.forEach((line, i) => aside.set(line.key, (i - (many.length - 1) / 2) * step));
    }
    return aside;
  };

  const points = (model, scene, line, fan) => {
    const a = scene.boxes.get(line.from), b = scene.boxes.get(line.to);
    const middle = (box) => box.x + box.w / 2;
    if (line.kind === "side") return {
      points: [[a.x + a.w, a.y + a.h / 2], [b.x, clamp(a.y + a.h / 2, b)]],
      flat: true,
      column: 0,
    };
    const value = line.value.join(".");
    const home = model.homes[line.target];
    const fits = a.column === 0 ? (v) => v === value : (v) => +v.split(".")[0] === home;
    const tiny = b.cluster === undefined ? null : scene.tiny[b.cluster];
    const entry = tiny?.tiny.entries.get(value);
    const goal = entry === undefined ? [
      middle(b) + (fan.get(line.key) ?? 0),
      null,
    ] : [tiny.x + entry, tiny.y + tiny.tiny.h];
    const first = gg.route(scene, a, b, [middle(a), 0], [goal[0], 0], fits);
    const up = first.up;
    const down = a.column > 0 && !up; // beside the lines that flow up
    const start = [middle(a) + (down ? 0.3 * a.w : 0), up ? a.y : a.y + a.h];
    if (down && entry === undefined) goal[0] += 0.3 * b.w;
    const end = [goal[0], entry === undefined ? (up ? b.y + b.h : b.y) : goal[1]];
    const path = first.points;
    path[0] = start;
    path[1] = [start[0], path[1][1]];
    path[path.length - 2] = [end[0], path[path.length - 2][1]];
    path[path.length - 1] = end;
    if (entry !== undefined) {
      const fromBelow = tiny.tiny.lines.filter((l) => l.from === null && l.to === line.to);
      const inner = fromBelow.find(({ edge }) => `${edge[0]}.${edge[1]}` === value);
      if (inner) path.push(...inner.points.map(([x, y]) => [x + tiny.x, y + tiny.y]));
    }
    return { points: path, up, column: a.column };
  };

  const clamp = (y, box) => Math.min(Math.max(y, box.y + 8), box.y + box.h - 8);
}
