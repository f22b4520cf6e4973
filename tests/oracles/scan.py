"""Oracles of gpugraph/ops/scan.py: loops along the axis."""

import numpy as np


def along(op, function, *xs, dtype=None):
    """function(list of elements of each x) -> list, for every line along the axis."""
    moved = [np.moveaxis(x, op.axis, -1) for x in xs]
    out = np.empty(moved[0].shape, dtype or xs[0].dtype)
    for i in np.ndindex(out.shape[:-1]):
        out[i] = function(*(m[i].tolist() for m in moved))
    return np.moveaxis(out, -1, op.axis)


def products(values):
    return [np.prod(values[: i + 1]) for i in range(len(values))]


def cumulative_prod(op, x):
    return along(op, products, x, dtype=x.dtype if x.dtype.kind == "f" else np.int64)


def recurrence(op, a, b):
    def run(a, b):
        order = range(len(a))[::-1] if op.reverse else range(len(a))
        y, result = 0.0, [0.0] * len(a)
        for i in order:
            y = result[i] = b[i] + a[i] * y
        return result

    return along(op, run, a, b)


def running(op, x):
    def one(values):
        if any(v != v for v in values):
            return np.nan
        return max(values) if op.function == "maximum" else min(values)

    return along(op, lambda values: [one(values[: i + 1]) for i in range(len(values))], x)


ORACLES = {"CumulativeProd": cumulative_prod, "Recurrence": recurrence, "Running": running}
