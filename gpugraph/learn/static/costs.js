"use strict";
// Weights and multiply-adds of kinds of convolution. Plain arithmetic, no page.
{
  /**
   * One convolution: F x F, from K channels to L, in groups.
   * @typedef {{F: number, K: number, L: number, groups: number, name?: string}} Conv
   */

  /** F^2 K L / groups. */
  const weights = ({ F, K, L, groups }) => (F * F * K * L) / groups;

  /** The same with its numbers: "3·3·256·256/32". */
  const formula = ({ F, K, L, groups }) => {
    const base = F === 1 ? `${K}·${L}` : `${F}·${F}·${K}·${L}`;
    return groups > 1 ? `${base}/${groups}` : base;
  };

  /**
   * Ways to go from K channels to L at H x W.
   * @returns {{key: string, label: string, convs: Conv[], note: string}[]}
   */
  function kinds({ F, K, L, groups, narrow }) {
    const plain = (F, K, L, groups = 1) => ({ F, K, L, groups });
    return [
      { key: "plain", label: `${F}×${F}`, convs: [plain(F, K, L)] },
      { key: "grouped", label: `${F}×${F} in ${groups} groups`, convs: [plain(F, K, L, groups)] },
      {
        key: "separable",
        label: "depthwise separable",
        convs: [plain(F, K, K, K), plain(1, K, L)],
      },
      {
        key: "bottleneck",
        label: `bottleneck ${K}-${narrow}-${narrow}-${L}`,
        convs: [plain(1, K, narrow), plain(F, narrow, narrow), plain(1, narrow, L)],
      },
      { key: "pointwise", label: "1×1", convs: [plain(1, K, L)] },
      { key: "five", label: "5×5", convs: [plain(5, K, L)] },
      { key: "threes", label: "3×3, then 3×3", convs: [plain(3, K, L), plain(3, L, L)] },
    ].map((kind) => ({
      ...kind,
      weights: kind.convs.reduce((sum, c) => sum + weights(c), 0),
      formula: kind.convs.map(formula).join(" + "),
      possible: kind.convs.every((c) => c.K % c.groups === 0 && c.L % c.groups === 0),
    }));
  }

  /** How many times fewer weights a separable layer has: 1 / (1/L + 1/F^2). */
  const separableRatio = (F, L) => 1 / (1 / L + 1 / (F * F));

  learn.costs = { weights, formula, kinds, separableRatio };
}
