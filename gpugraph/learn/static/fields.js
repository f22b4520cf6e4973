"use strict";
// Receptive fields of a chain of layers. Plain arithmetic, no page.
{
  /** @typedef {{kind: string, F: number, S: number, P: number, D: number}} Layer */

  /** (size, jump, start) of one unit behind each layer; [0] is the image itself. */
  function grow(layers) {
    const rows = [{ size: 1, jump: 1, start: 0 }];
    for (const { F, S, P, D } of layers) {
      const { size, jump, start } = rows[rows.length - 1];
      rows.push({ size: size + (F - 1) * D * jump, jump: jump * S, start: start - P * jump });
    }
    return rows;
  }

  /** How many units each layer gives for an image of that length; 0 where no window fits. */
  function lengths(layers, image) {
    const found = [image];
    for (const { F, S, P, D } of layers) {
      const before = found[found.length - 1];
      const fit = before ? Math.floor((before + 2 * P - D * (F - 1) - 1) / S) + 1 : 0;
      found.push(Math.max(0, fit));
    }
    return found;
  }

  /**
   * What one unit of the last layer sees at every level, [first, last], from the image up.
   * Numbers below 0, or beyond the level's length, are padding.
   */
  function cone(layers, unit) {
    const seen = [[unit, unit]];
    for (const { F, S, P, D } of [...layers].reverse()) {
      const [low, high] = seen[0];
      seen.unshift([low * S - P, high * S - P + (F - 1) * D]);
    }
    return seen;
  }

  /**
   * The gradient of one unit along one axis of its field, all weights equal and maxima taken as
   * means: over how many paths each pixel is reached. Its sum is 1. In two dimensions the gradient
   * is the product of one such row and one such column.
   */
  function profile(layers) {
    let here = [1];
    for (const { F, S, D } of [...layers].reverse()) {
      const below = Array((here.length - 1) * S + (F - 1) * D + 1).fill(0);
      here.forEach((value, o) => {
        for (let a = 0; a < F; a++) below[o * S + a * D] += value / F;
      });
      here = below;
    }
    return here;
  }

  /** How much of the gradient lies in the middle half of the field's width and height. */
  function innerShare(row) {
    const low = Math.floor(row.length / 4);
    const inner = row.slice(low, row.length - low).reduce((sum, v) => sum + v, 0);
    return inner * inner;
  }

  learn.fields = { grow, lengths, cone, profile, innerShare };
}
