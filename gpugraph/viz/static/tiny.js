{
  const GAP = 26, BESIDE = 16;

  /**
   * The gradient ops of one op as a small picture that flows upwards: what goes on stands on top, what
   * comes in enters from below, what only reads kept values stands to the left of the op that it serves.
   * x = 0 is where the chain goes on. Gives
   * boxes    [{box, x, y}] with the corner of each; y from 0 down
   * lines    [{points, from, to, edge, flat}] between them, flat ones from the side; from is null for
   *          those that come from below
   * entries  Map of "node.output" that comes from outside to its x at the bottom
   * l, r, h  how far it reaches to both sides, and its height
   */
  gg.tiny = (model, ids, order) => {
    const own = new Set(ids);
    const home = model.homes[ids[0]];
    const shown = (id) => model.nodes[id].order === order && model.made[order][model.homes[id]]?.includes(id);
    const same = (e) => !e[4] && shown(e[0]);
    const flows = (e) => same(e) && model.homes[e[0]] >= home; // from below; else it comes down from an earlier op
    const users = (id) => [...new Set(model.outs[id].filter((e) => own.has(e[2])).map((e) => e[2]))];
    const aside = new Map(ids.map((id) => [id, []])); // op -> those that stand to its left
    const rest = ids.filter((id) => {
      const only = users(id);
      const leaves = model.outs[id].some((e) => !own.has(e[2]) && model.nodes[e[2]].order === order);
      if (only.length !== 1 || leaves || model.ins[id].some(same) || model.servedBy(id).length) return true;
      aside.get(only[0]).push(id);
      return false;
    });
    const row = new Map();
    for (const id of rest.slice().reverse()) row.set(
      id,
      users(id).reduce((r, u) => Math.max(r, (row.get(u) ?? -1) + 1), 0),
    );
    const bottom = 1 + Math.max(...row.values());
    const rows = Array.from({ length: bottom + 1 }, () => []);
    const cells = new Map();
    const goesOn = (id) => model.outs[id].some((e) => !own.has(e[2]) && model.nodes[e[2]].order === order);
    const sorted = rest.slice().sort((a, b) => goesOn(b) - goesOn(a) || a - b);
    for (const id of sorted) {
      const box = gg.gradientBox(model, id);
      const left = aside.get(id).map((other) => gg.gradientBox(model, other));
      const wide = left.reduce((w, b) => Math.max(w, b.w + BESIDE), 0);
      const high = left.reduce((h, b) => h + b.h + 6, -6);
      cells.set(
        id,
        Object.assign(
          gg.cell(box.w / 2 + wide, box.w / 2),
          { id, box, left, high, feeds: new Map(model.ins[id].map((e) => [e[0], e])), row: row.get(id) },
        ),
      );
      rows[row.get(id)].push(cells.get(id));
    }
    const ports = new Map();
    const chains = join(model, rest, { rows, cells, ports, bottom, row, flows, main: cells.get(sorted[0]) });
    for (let r = 1; r < rows.length; r++) { // what leads to the left stands to the left
      const rank = (c) => (c.up.length ? c.up.reduce(
        (sum, [o]) => sum + rows[r - 1].indexOf(o),
        0,
      ) / c.up.length : 1e9);
      const ranks = new Map(rows[r].map((c) => [c, rank(c)]));
      rows[r].sort((a, b) => ranks.get(a) - ranks.get(b));
    }
    gg.solve(rows);
    for (const { from, to, passes } of chains) { // the chain comes in plumb
      if (from.port && to.id === sorted[0]) from.x = (passes[0]?.[0] ?? to).x;
    }
    const zero = cells.get(sorted[0]).x;
    for (const c of rows.flat()) c.x -= zero;
    return finish(rows, chains, ports, bottom, cells);
  };

  /** The lines between the rows, each with a pass in every row between its ends. */
  const join = (model, ids, { rows, cells, ports, bottom, row, flows, main }) => {
    const chains = [];
    const seen = new Set();
    for (const id of ids) {
      for (const e of model.ins[id]) {
        const value = `${e[0]}.${e[1]}`;
        if (seen.has(`${value}>${id}`) || !(flows(e) || cells.has(e[0]))) continue;
        const inner = cells.has(e[0]);
        if (!inner && !ports.has(value) && cells.get(id).left.some((b) => b.node === e[0])) continue; // stands beside
        seen.add(`${value}>${id}`);
        if (!inner && !ports.has(value)) {
          ports.set(value, Object.assign(gg.cell(4, 4, true), { port: value }));
          rows[bottom].push(ports.get(value));
        }
        const chain = {
          from: inner ? cells.get(e[0]) : ports.get(value),
          to: cells.get(id),
          edge: e,
          passes: [],
        };
        let lower = chain.from;
        for (let r = (inner ? row.get(e[0]) : bottom) - 1; r > row.get(id); r--) {
          const pass = gg.cell(3, 3, true);
          rows[r].push(pass);
          chain.passes.push([pass, r]);
          gg.tie(pass, lower, 0, 0, chain.to === main ? 50 : 1);
          lower = pass;
        }
        gg.tie(chain.to, lower, 0, 0, chain.to === main ? 50 : 1);
        chains.push(chain);
      }
    }
    return chains;
  };

  const finish = (rows, chains, ports, bottom, cells) => {
    const heights = rows.map((row) => row.reduce((h, c) => (c.box ? Math.max(h, c.box.h, c.high) : h), 0));
    const bent = chains.some(({ from, to, passes }) => from.port && Math.abs(from.x - (passes[0]?.[0] ?? to).x) > 2);
    const tops = [0];
    for (let r = 0; r < bottom; r++) tops.push(tops[r] + heights[r] + (r + 1 < bottom || bent ? GAP : 0));
    const boxes = [];
    const lines = [];
    for (const c of cells.values()) {
      c.top = tops[c.row] + (heights[c.row] - c.box.h) / 2;
      boxes.push({ box: c.box, x: c.x - c.box.w / 2, y: c.top });
      let y = tops[c.row] + (heights[c.row] - c.high) / 2;
      for (const b of c.left) {
        const x = c.x - c.box.w / 2 - BESIDE - b.w;
        boxes.push({ box: b, x, y });
        const level = Math.min(Math.max(y + b.h / 2, c.top + 8), c.top + c.box.h - 8);
        lines.push({
          points: [[x + b.w, y + b.h / 2], [c.x - c.box.w / 2, level]],
          from: b.key,
          to: c.box.key,
          flat: true,
          edge: c.feeds.get(b.node),
        });
        y += b.h + 6;
      }
    }
    for (const { from, to, edge, passes } of chains) {
      const points = [from.port ? [from.x, tops[bottom]] : [from.x, from.top]];
      for (const [pass, r] of passes) points.push([pass.x, tops[r] + heights[r]], [pass.x, tops[r]]);
      points.push([to.x, tops[to.row] + heights[to.row]], [to.x, to.top + to.box.h]);
      lines.push({ points, from: from.port ? null : from.box.key, to: to.box.key, edge });
    }
    const [least, most] = gg.extent(rows.flat());
    return {
      boxes,
      lines,
      entries: new Map([...ports].map(([value, c]) => [value, c.x])),
      l: -least,
      r: most,
      h: tops[bottom],
    };
  };
}
