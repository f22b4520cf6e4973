"use strict";
/* What the library computes with sliding windows, again, for numbers that the reader changes. */

/**
 * How many windows of F taps, d apart, fit on n numbers with p of padding at both ends, s apart;
 * less than 1 if none does.
 */
learn.outputs = (n, F, s = 1, p = 0, d = 1) => Math.floor((n + 2 * p - d * (F - 1) - 1) / s) + 1;

/** How many of m windows see each position of a padded axis of that length. */
learn.seen = (length, m, F, s = 1, d = 1) => {
  const counts = learn.range(length).map(() => 0);
  for (let i = 0; i < m; i++) for (let a = 0; a < F; a++) counts[i * s + a * d]++;
  return counts;
};

/**
 * Convolve x[channel][row][column] with w[filter][channel][row][column], and add a bias b[filter].
 * @returns {number[][][]} one map for each filter
 */
learn.conv = (x, w, b, s = 1, p = 0) => {
  const F = w[0][0].length;
  const [H, W] = [x[0].length, x[0][0].length];
  return w.map((filter, l) =>
    learn.table(learn.outputs(H, F, s, p), learn.outputs(W, w[0][0][0].length, s, p), (i, j) => {
      let sum = 0;
      filter.forEach((slice, k) => slice.forEach((row, a) => row.forEach((weight, c) => {
        const [y, z] = [i * s + a - p, j * s + c - p];
        if (y >= 0 && y < H && z >= 0 && z < W) sum += weight * x[k][y][z];
      })));
      return sum + b[l];
    }));
};

/**
 * Pool a map: in each window the maximum (the first of them, row by row) and the mean, and what a
 * gradient g of the output gives the map either way.
 * @param {number[][]} x
 * @param {number} F  side of the window
 * @param {number} s  stride
 * @param {number[][]} g
 */
learn.pool = (x, F, s, g) => {
  const [H, W] = [x.length, x[0].length];
  const [h, w] = [learn.outputs(H, F, s), learn.outputs(W, F, s)];
  const zeros = () => learn.table(H, W, () => 0);
  const found = { max: learn.table(h, w, () => 0), mean: learn.table(h, w, () => 0),
    at: learn.table(h, w, () => null), gmax: zeros(), gmean: zeros() };
  learn.table(h, w, (i, j) => {
    let best = null;
    let sum = 0;
    learn.table(F, F, (a, b) => {
      const [row, column] = [i * s + a, j * s + b];
      sum += x[row][column];
      if (!best || x[row][column] > x[best[0]][best[1]]) best = [row, column];
      found.gmean[row][column] += g[i][j] / (F * F);
    });
    found.max[i][j] = x[best[0]][best[1]];
    found.mean[i][j] = sum / (F * F);
    found.at[i][j] = best;
    found.gmax[best[0]][best[1]] += g[i][j];
  });
  return found;
};
