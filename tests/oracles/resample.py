"""Oracle of gpugraph/ops/resample.py: the matrix of the definition, entry by entry."""

import math

import numpy as np


def keys(d, a):
    d = abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def hat(d):
    return max(0.0, 1 - abs(d))


def matrix(grid):
    """M[i, j]: how much new pixel i takes of old pixel j."""
    n, o, ratio = grid.n, grid.o, grid.ratio
    m = np.zeros((o, n))
    for i in range(o):
        if grid.antialias:
            kernel = hat if grid.mode == "bilinear" else lambda d: keys(d, -0.5)
            wide = max(ratio, 1.0)
            m[i] = [kernel((j + 0.5 - ratio * (i + 0.5)) / wide) for j in range(n)]
            m[i] /= m[i].sum()
            continue
        if grid.mode.startswith("nearest"):
            m[i, min(n - 1, math.floor((i + 0.5 * (grid.mode != "nearest")) * ratio))] = 1
            continue
        at = (i + 0.5) * ratio - 0.5
        if grid.align:
            at = i * (n - 1) / (o - 1) if o > 1 else 0.0
        kernel = (lambda d: keys(d, -0.75)) if grid.mode == "bicubic" else hat
        for j in range(math.floor(at) - 1, math.floor(at) + 3):
            m[i, min(max(j, 0), n - 1)] += kernel(at - j)
    return m


def resample(op, x):
    m = matrix(op.grid)
    return np.moveaxis(np.tensordot(m.T if op.back else m, x, (1, op.axis)), 0, op.axis)


ORACLES = {"Resample": resample}
