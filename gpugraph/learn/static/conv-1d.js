"use strict";
// Convolution in one dimension and its backward, written out three ways. Plain arithmetic, no page.
{
  /** @typedef {{stride: number, padding: number, dilation: number}} Geometry */

  /** How many windows fit; 0 or less if none does. */
  const outputs = (N, F, geo) =>
    Math.floor((N + 2 * geo.padding - geo.dilation * (F - 1) - 1) / geo.stride) + 1;

  /** The position in x that tap a of window i sees; outside of x it is padding. */
  const place = (i, a, geo) => i * geo.stride + a * geo.dilation - geo.padding;

  /** The M x N matrix A with y = A x, so dy_i / dx_j. @returns {number[][]} */
  function jacobian(N, w, geo) {
    const rows = [];
    for (let i = 0; i < outputs(N, w.length, geo); i++) {
      const row = Array(N).fill(0);
      w.forEach((value, a) => {
        const j = place(i, a, geo);
        if (j >= 0 && j < N) row[j] += value;
      });
      rows.push(row);
    }
    return rows;
  }

  /** y_i = sum over a of w_a x_place(i, a), with zeros outside. */
  function forward(x, w, geo) {
    const y = [];
    for (let i = 0; i < outputs(x.length, w.length, geo); i++)
      y.push(w.reduce((sum, value, a) => sum + value * (x[place(i, a, geo)] ?? 0), 0));
    return y;
  }

  /** The gradient for x as a product: gx_j = sum over i of A_ij g_i. */
  function byTranspose(A, g, N) {
    const gx = Array(N).fill(0);
    for (let j = 0; j < N; j++) for (let i = 0; i < g.length; i++) gx[j] += A[i][j] * g[i];
    return gx;
  }

  /**
   * The gradients as they grow when outputs 0 to count - 1 have sent theirs back.
   * @returns {{gx: number[], gw: number[]}}
   */
  function scatter(x, w, g, geo, count) {
    const gx = Array(x.length).fill(0);
    const gw = Array(w.length).fill(0);
    for (let i = 0; i < count; i++)
      w.forEach((value, a) => {
        const j = place(i, a, geo);
        if (j < 0 || j >= x.length) return; // padding is no input, and holds zeros
        gx[j] += g[i] * value;
        gw[a] += g[i] * x[j];
      });
    return { gx, gw };
  }

  /**
   * The gradient for x as a correlation of g with the flipped filter. With a stride, g is first
   * spread: stride - 1 zeros between its numbers.
   * @returns {{spread: number[], flipped: number[], pad: number, gx: number[]}}
   */
  function byFlippedFilter(w, g, N, geo) {
    const spread = [];
    g.forEach((value, i) => {
      if (i) spread.push(...Array(geo.stride - 1).fill(0));
      spread.push(value);
    });
    const flipped = [...w].reverse();
    const pad = geo.dilation * (w.length - 1) - geo.padding; // below 0: the ends are cut off
    const gx = [];
    for (let j = 0; j < N; j++)
      gx.push(flipped.reduce((sum, v, a) => sum + v * (spread[j + a * geo.dilation - pad] ?? 0), 0));
    return { spread, flipped, pad, gx };
  }

  learn.conv1d = { outputs, place, jacobian, forward, byTranspose, scatter, byFlippedFilter };
}
