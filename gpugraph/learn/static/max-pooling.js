"use strict";
{
  const { el, text, whole } = learn;
  const spare = (i, j) => (7 * i + 3 * j) % 10; // rows and columns that the reader adds

  const state = learn.state({ H: 4, W: 4, F: 2, S: 2, x: learn.data.x, g: [[1, 2], [3, 4]], step: 0 }, (s) => {
    s.H = whole(s.H, 2, 7);
    s.W = whole(s.W, 2, 7);
    s.F = whole(s.F, 1, Math.min(s.H, s.W));
    s.S = whole(s.S, 1, 4);
    s.x = resize(s.x, s.H, s.W, spare);
    const [h, w] = size(s);
    s.g = resize(s.g, h, w, (i, j) => i * w + j + 1);
    s.step = whole(s.step, 0, h * w - 1);
  });

  function size(s) { return [learn.outputs(s.H, s.F, s.S), learn.outputs(s.W, s.F, s.S)]; }
  function resize(old, rows, columns, f) {
    return learn.table(rows, columns, (i, j) => (old[i] && Number.isFinite(old[i][j]) ? old[i][j] : f(i, j)));
  }
  function change(key) {
    return (i, j, x) => {
      const next = structuredClone(state.values[key]);
      next[i][j] = x;
      state.set({ [key]: next });
    };
  }
  const pick = (i, j) => state.set({ step: i * size(state.values)[1] + j });

  const grids = {
    x: learn.grid({ name: "x", caption: "the map x: change it", edit: change("x") }),
    max: learn.grid({ name: "max", caption: "largest", pick }),
    mean: learn.grid({ name: "mean", caption: "mean", pick }),
    g: learn.grid({ name: "g", caption: "gradient of each output: change it", edit: change("g") }),
    gmax: learn.grid({ name: "gmax", caption: "gradient of x by max pooling" }),
    gmean: learn.grid({ name: "gmean", caption: "by average pooling" }),
  };
  const said = el("p", { class: "result", "aria-live": "polite" });
  learn.find("picture").append(
    el("div", { class: "pools" },
      grids.x.node, learn.sign("→"), grids.max.node, grids.mean.node,
      grids.g.node, learn.sign("→"), grids.gmax.node, grids.gmean.node),
    said);
  learn.find("controls").append(
    learn.stepper(state, "step", { label: "Window", count: (s) => size(s)[0] * size(s)[1] }),
    learn.slider(state, "F", { letter: "F", label: "window size", min: 1, max: (s) => Math.min(s.H, s.W) }),
    learn.slider(state, "S", { letter: "S", label: "stride", min: 1, max: 4 }),
    learn.slider(state, "H", { letter: "H", label: "rows of the map", min: 2, max: 7 }),
    learn.slider(state, "W", { letter: "W", label: "columns of the map", min: 2, max: 7 }),
    learn.button("Back to the example", () => state.reset(), { class: "reset" }));

  function draw(s) {
    const { F, S } = s;
    const [h, w] = size(s);
    const found = learn.pool(s.x, F, S, s.g);
    const [i, j] = [Math.floor(s.step / w), s.step % w];
    const [row, column] = found.at[i][j];
    const inside = (a, b) => a >= i * S && a < i * S + F && b >= j * S && b < j * S + F;
    const seen = (a, b) => a < (h - 1) * S + F && b < (w - 1) * S + F
      && (a % S < F) && (b % S < F); // a stride above F leaves gaps
    const cell = learn.fit(learn.find("picture"), Math.max(s.W, 4), 44, 26);
    const kind = (a, b) => (!seen(a, b) ? "unseen" : inside(a, b) ? "hit" : "");
    const window_ = { row: i * S, column: j * S, height: F, width: F };
    const winner = { row, column, height: 1, width: 1, kind: "good" };
    const here = [{ row: i, column: j, height: 1, width: 1 }];
    grids.x.show(s.x, { cell, kind, frames: [window_, winner] });
    grids.max.show(found.max, { cell, frames: here });
    grids.mean.show(found.mean, { cell, frames: here });
    grids.g.show(s.g, { cell, frames: here });
    grids.gmax.show(found.gmax, { cell, kind, frames: [window_, winner] });
    grids.gmean.show(found.gmean, { cell, kind, frames: [window_] });
    const values = learn.table(F, F, (a, b) => s.x[i * S + a][j * S + b]).flat();
    const ties = values.filter((x) => x === found.max[i][j]).length;
    const list = values.length > 9 ? `${values.slice(0, 8).map((x) => text(x)).join(", ")}, …` : values.map((x) => text(x)).join(", ");
    learn.put(said, `max(${list}) = ${text(found.max[i][j])}, from row ${row + 1}, column ${column + 1}`,
      ties > 1 ? ` (the first of ${ties} that are equally large)` : "", ". That place gets ",
      el("b", {}, text(s.g[i][j])), " from this output",
      found.gmax[row][column] !== s.g[i][j] ? `, and ${text(found.gmax[row][column])} from all together` : "",
      `; with average pooling, each of the ${F * F} gets ${text(s.g[i][j] / (F * F))}.`);
  }
  state.watch(draw);
  learn.onLook(() => draw(state.values));
}
