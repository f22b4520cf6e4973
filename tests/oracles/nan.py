"""Oracles of gpugraph/ops/nan.py: Python's max and min of the numbers that are left."""

import math

import numpy as np

from tests.oracles.reduce import reduction


def without_nan(pick):
    return reduction(lambda _, values: pick([v for v in values if v == v], default=math.nan))


def gradient(op, inputs, g):
    """Ties share; a NaN takes nothing: row by row (both samples reduce axis 1)."""
    (x,) = inputs
    out = np.zeros(x.shape)
    for i, row in enumerate(x.tolist()):
        numbers = [v for v in row if v == v]
        best = (max if type(op).__name__ == "NanMax" else min)(numbers, default=0)
        for k, v in enumerate(row):
            out[i, k] = g[i] / numbers.count(best) if v == best else 0
    return (out,)


ORACLES = {"NanMax": without_nan(max), "NanMin": without_nan(min)}
GRADIENTS = {"NanMax": gradient, "NanMin": gradient}
