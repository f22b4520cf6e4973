"use strict";
/**
 * Activation functions as the library has them: [value, slope] of x; a is the slope of leaky ReLU,
 * or the alpha of ELU. At a kink the slope is the library's choice.
 */
learn.functions = {
  "ReLU": (x) => [Math.max(x, 0), x > 0 ? 1 : 0],
  "leaky ReLU": (x, a) => (x > 0 ? [x, 1] : [a * x, a]),
  "ELU": (x, a) => (x > 0 ? [x, 1] : [a * Math.expm1(x), a * Math.exp(x)]),
  "ReLU6": (x) => [Math.min(Math.max(x, 0), 6), x > 0 && x < 6 ? 1 : 0],
  "softplus": (x) => [Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), learn.sigmoid(x)],
  "GELU": (x) => {
    const c = Math.sqrt(2 / Math.PI);
    const t = Math.tanh(c * (x + 0.044715 * x ** 3));
    return [0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)];
  },
  "SiLU": (x) => {
    const s = learn.sigmoid(x);
    return [x * s, s + x * s * (1 - s)];
  },
  "sigmoid": (x) => {
    const s = learn.sigmoid(x);
    return [s, s * (1 - s)];
  },
  "tanh": (x) => [Math.tanh(x), 1 - Math.tanh(x) ** 2],
};

learn.sigmoid = (x) => 1 / (1 + Math.exp(-x));
