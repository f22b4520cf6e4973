{
  const HEIGHT = 46, LOW = 22, ROOM = 290;
  gg.MANY = 8; // gradient ops of one op that are shown as ops; more of them are one closed box

  const line = (text, size, bold = false, muted = false) => ({ text, size, bold, muted, tail: "" });
  const widthOf = ({ text, size, bold, tail }) => gg.width(text, size, bold) + (tail ? gg.width(tail, size) : 0);

  /** A box as it is drawn, without its place: lines of text that fit in it, and its size. */
  const box = (key, type, lines, more = {}) => {
    for (const part of lines) {
      part.text = gg.fitted(part.text, ROOM, part.size, part.bold);
      part.tail = part.tail && gg.fitted(
        part.tail,
        Math.max(40, ROOM - gg.width(part.text, part.size, part.bold)),
        part.size,
      );
    }
    const wide = lines.reduce((w, part) => Math.max(w, widthOf(part)), 44);
    return { key, type, lines, w: Math.ceil(wide) + 24 + (more.chevron ? 16 : 0), h: HEIGHT, ...more };
  };

  const plain = (params) => params.map((p) => p.replace("=", " ")).join(", ");
  const shapes = ({ outputs: [first, ...others] }) => (first ? gg.shape(first.shape) : "") + (others.length ? ` +${others.length}` : "");

  /** The box of a node of order 0. */
  gg.nodeBox = (model, id) => {
    const n = model.nodes[id];
    const about = { node: id, order: n.order };
    if (n.kind !== "op") return box(
      `n${id}`,
      n.kind,
      [line(n.label || n.kind, 14, true), line(shapes(n), 12, false, true)],
      about,
    );
    const scope = model.ownScope(id);
    const title = line(n.label, 14, true);
    if (n.params.length) title.tail = ` ${plain(n.params)}`;
    const where = scope && scope !== n.label ? `${gg.short(scope, 18)} · ` : "";
    return box(
      `n${id}`,
      "op",
      [title, line(where + (n.error ? "failed" : shapes(n)), 12, false, true)],
      about,
    );
  };

  /** The small box of a parameter or constant that stands beside its op. */
  gg.sideBox = (model, id) => {
    const n = model.nodes[id];
    const text = `${model.lastName(n)} ${shapes(n)}`;
    return { ...box(`n${id}`, n.kind, [line(text, 12)], { node: id, order: 0 }), h: LOW };
  };

  /** The box of a gradient op: what it is, and whose gradient it makes. */
  gg.gradientBox = (model, id) => {
    const n = model.nodes[id];
    const served = model.servedBy(id).map((s) => "∂" + model.lastName(model.nodes[s]));
    const second = [...new Set(served), shapes(n)].join("  ");
    return box(
      `n${id}`,
      n.order === 1 ? "gradient" : "gradient2",
      [line(n.adds ? `${n.label}  (sum)` : n.label, 13, true), line(second, 12, false, true)],
      { node: id, order: n.order, adds: n.adds },
    );
  };

  /** Where a group leads: shape of its last output that goes out. */
  const leads = (model, g) => {
    const outs = model.layout[g].rows.flat().filter((i) => i[0] === "o");
    const [, node, k] = outs[outs.length - 1] ?? [];
    return gg.known(node) ? gg.shape(model.nodes[node].outputs[k].shape) : "";
  };

  /** A closed group, or all of its gradient ops of one order. */
  gg.groupBox = (model, g, order = 0) => {
    const { name, repeats } = model.groups[g];
    const ops = gg.plural(model.sums[g][order].ops, order ? "gradient op" : "op");
    const facts = [
      repeats ? `× ${repeats} alike` : null,
      ops,
      order ? null : leads(model, g),
    ].filter(Boolean).join(" · ");
    const type = order === 0 ? "group" : order === 1 ? "gradient" : "gradient2";
    const title = (order ? "∂".repeat(Math.min(order, 3)) + " " : "") + (name || "graph");
    return box(
      order ? `g${g}.${order}` : `g${g}`,
      type,
      [line(title, 14, true), line(facts, 12, false, true)],
      { group: g, order, chevron: true, closed: true },
    );
  };

  /** All gradient ops of one op, where they are many. */
  gg.bundleBox = (model, id, order) => {
    const ops = gg.plural(model.made[order][id].length, "gradient op");
    return box(
      `d${id}.${order}`,
      order === 1 ? "gradient" : "gradient2",
      [line(`∂ ${model.nodes[id].label}`, 14, true), line(ops, 12, false, true)],
      { bundle: id, order, chevron: true, closed: true },
    );
  };
}
