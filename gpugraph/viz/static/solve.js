{
  /**
   * Positions that rise by at least `gap[i]` from i - 1 to i and are nearest to what is wanted, in the
   * sense of weighted least squares: neighbours that are too close are pooled and share their mean.
   * @param {number[]} want  @param {number[]} weight  @param {number[]} gap  gap[0] is not read
   */
  gg.apart = (want, weight, gap) => {
    const shift = [0];
    for (let i = 1; i < want.length; i++) shift.push(shift[i - 1] + gap[i]);
    const pools = [];
    want.forEach((x, i) => {
      let pool = { sum: (x - shift[i]) * weight[i], weight: weight[i], n: 1 };
      while (pools.length && pools[pools.length - 1].sum / pools[pools.length - 1].weight > pool.sum / pool.weight) {
        const last = pools.pop();
        pool = { sum: last.sum + pool.sum, weight: last.weight + pool.weight, n: last.n + pool.n };
      }
      pools.push(pool);
    });
    const found = [];
    for (const { sum, weight: w, n } of pools) {
      for (let k = 0; k < n; k++) found.push(sum / w + shift[found.length]);
    }
    return found;
  };

  /** A cell to be placed: it reaches `l` to the left and `r` to the right of its x. */
  gg.cell = (l, r, pass = false) => ({ l, r, x: 0, pass, up: [], down: [] });

  /** Say that two cells of neighbouring rows want these points of theirs above one another, `more` than others. */
  gg.tie = (upper, lower, at = 0, to = 0, more = 1) => {
    const weight = more * (upper.pass && lower.pass ? 8 : upper.pass || lower.pass ? 2 : 1);
    upper.down.push([lower, to - at, weight]);
    lower.up.push([upper, at - to, weight]);
  };

  const GAP = 22;
  const between = (a, b) => a.r + b.l + (a.pass || b.pass ? GAP / 2 : GAP);

  /** Place the cells of all rows: each under and over what it is tied to. */
  gg.solve = (rows) => {
    for (const row of rows) {
      let x = 0;
      row.forEach((c, i) => (c.x = x += i ? between(row[i - 1], c) : 0));
      const mid = row.length ? (row[0].x - row[0].l + row[row.length - 1].x + row[row.length - 1].r) / 2 : 0;
      for (const c of row) c.x -= mid;
    }
    const sides = [["up"], ["down"], ["up"], ["down"], ["up", "down"], ["down", "up"]];
    for (let round = 0; round < 14; round++) {
      const ties = sides[Math.min(round, 4 + (round % 2))];
      const order = ties[0] === "up" ? rows : rows.slice().reverse();
      for (const row of order) {
        if (!row.length) continue;
        const weights = [];
        const wants = row.map((c) => {
          let sum = 0, all = 0;
          for (const side of ties) {
            for (const [other, off, weight] of c[side]) {
              sum += weight * (other.x + off);
              all += weight;
            }
          }
          weights.push(all || 0.01);
          return all ? sum / all : c.x;
        });
        const gaps = row.map((c, i) => (i ? between(row[i - 1], c) : 0));
        gg.apart(wants, weights, gaps).forEach((x, i) => (row[i].x = x));
      }
    }
    for (const [side, other] of [["up", "down"], ["down", "up"], ["up", "down"]]) {
      for (const row of side === "up" ? rows : rows.slice().reverse()) straighten(row, side, other);
    }
    return gg.extent(rows.flat());
  };

  /** Links of one to one become plumb as far as there is room. */
  const straighten = (row, side, other) => {
    if (!row.length) return;
    const plumb = row.map((c) => c[side].length === 1 && c[side][0][0][other].length === 1);
    const wants = row.map((c, i) => (plumb[i] ? c[side][0][0].x + c[side][0][1] : c.x));
    const weights = row.map((c, i) => (plumb[i] ? (c.pass ? 50 : 10) : 1));
    gg.apart(
      wants,
      weights,
      row.map((c, i) => (i ? between(row[i - 1], c) : 0)),
    ).forEach((x, i) => (row[i].x = x));
  };

  /** [least, greatest] x that these cells reach; [0, 0] of none. */
  gg.extent = (cells) => {
    let least = Infinity, most = -Infinity;
    for (const c of cells) {
      least = Math.min(least, c.x - c.l);
      most = Math.max(most, c.x + c.r);
    }
    return cells.length ? [least, most] : [0, 0];
  };
}
