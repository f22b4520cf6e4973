"""Oracles of reduce.py and extrema.py: Python's own sums and loops over each group of elements."""

import math
import statistics

import numpy as np


def along(function, axes, keepdims, x, dtype=float):
    """function(list of the elements that make one result), for each result."""
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    out = np.empty(kept, dtype)
    for i in np.ndindex(kept):
        group = x[tuple(slice(None) if a in axes else slice(k, k + 1) for a, k in enumerate(i))]
        out[i] = function(group.ravel().tolist())
    return out if keepdims else out.reshape([n for i, n in enumerate(kept) if i not in axes])


def reduction(function, dtype=float):
    def oracle(op, x):
        return along(lambda values: function(op, values), op.axis, op.keepdims, x, dtype)

    return oracle


def total(op, x):
    y = reduction(lambda _, values: math.fsum(values))(op, x)
    return y if x.dtype.kind == "f" else y.astype(np.int64)


def variance(op, values):
    mean = statistics.fmean(values)
    return math.fsum((v - mean) ** 2 for v in values) / (len(values) - op.correction)


def extreme(pick):
    return reduction(lambda _, values: math.nan if any(v != v for v in values) else pick(values))


def place(better):
    def first(values):
        best = 0
        for i, v in enumerate(values):
            if v != v:
                return i
            if better(v, values[best]):
                best = i
        return best

    def oracle(op, x):
        axes = tuple(range(x.ndim)) if op.axis is None else (op.axis,)
        return along(first, axes, op.keepdims, x, np.int64)

    return oracle


def running(op, x):
    out = np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else np.int64)
    for i in np.ndindex(x.shape):
        for k in range(x.shape[op.axis]):
            if k >= i[op.axis] if op.reverse else k <= i[op.axis]:
                out[i] += x[(*i[: op.axis], k, *i[op.axis + 1 :])]
    return out


ORACLES = {
    "Sum": total,
    "Prod": reduction(lambda _, values: math.prod(values)),
    "Mean": reduction(lambda _, values: statistics.fmean(values)),
    "Var": reduction(variance),
    "Std": reduction(lambda op, values: math.sqrt(variance(op, values))),
    "Max": extreme(max),
    "Min": extreme(min),
    "Argmax": place(lambda a, b: a > b),
    "Argmin": place(lambda a, b: a < b),
    "Any_": reduction(lambda _, values: any(values), bool),
    "All": reduction(lambda _, values: all(values), bool),
    "CumulativeSum": running,
}


def extreme_gradient(op, inputs, g):
    """Of the sample's rows (2, 2, -1, -1), (0, NaN, 1, NaN), (3, 3, 3, 3)."""
    pairs = [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    first = pairs[type(op).__name__ == "Min"]
    return (g[:, None] * np.array([first, [0, 0.5, 0, 0.5], [0.25] * 4]),)


def std_gradient(op, inputs, g):
    """Of the sample's rows (2, 2) and (1, 4), whose deviations are 0 and |b - a| / 2."""
    return (g[:, None] * np.array([[0, 0], [-0.5, 0.5]]),)


GRADIENTS = {"Max": extreme_gradient, "Min": extreme_gradient, "Std": std_gradient}
