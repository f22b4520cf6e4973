"""Oracles of gpugraph/ops/unfold.py: each tap of each window by itself."""

import math

import numpy as np

from .conv import out_shape, places


def unfold(op, x):
    window, spatial = op.window, x.shape[2:]
    taps, out = math.prod(window.size), out_shape(window, spatial)
    y = np.zeros((len(x), x.shape[1] * taps, math.prod(out)))
    for p, i, at in places(window, spatial):
        row, column = np.ravel_multi_index(i, window.size), np.ravel_multi_index(p, out)
        if at is not None:
            y[:, row::taps, column] = x[(..., *at)]
    return y


def fold(op, x):
    window, taps = op.window, math.prod(op.window.size)
    out = out_shape(window, op.spatial)
    y = np.zeros((len(x), x.shape[1] // taps, *op.spatial))
    for p, i, at in places(window, op.spatial):
        row, column = np.ravel_multi_index(i, window.size), np.ravel_multi_index(p, out)
        if at is not None:
            y[(..., *at)] += x[:, row::taps, column]
    return y


ORACLES = {"Unfold": unfold, "Fold": fold}
