"""Oracles of gpugraph/ops/shape.py: one element at a time, by arithmetic on indices."""

import numpy as np


def reshape(op, x):
    out = np.empty(op.shape)
    for i, j in zip(np.ndindex(op.shape), np.ndindex(x.shape), strict=True):
        out[i] = x[j]  # both count in row-major order
    return out


def permute(op, x):
    out = np.empty([x.shape[a] for a in op.axes])
    for i in np.ndindex(x.shape):
        out[tuple(i[a] for a in op.axes)] = x[i]
    return out


def flip(op, x):
    out = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        mirrored = (x.shape[a] - 1 - k if a in op.axes else k for a, k in enumerate(i))
        out[tuple(mirrored)] = x[i]
    return out


def roll(op, x):
    out = np.empty(x.shape)
    shifts = dict(zip(op.axes, op.shifts, strict=True))
    for i in np.ndindex(x.shape):
        out[tuple((k + shifts.get(a, 0)) % x.shape[a] for a, k in enumerate(i))] = x[i]
    return out


def pad(op, x):
    lengths = [before + n + after for n, (before, after) in zip(x.shape, op.widths, strict=True)]
    out = np.full(lengths, float(op.value))
    for i in np.ndindex(x.shape):
        out[tuple(k + before for k, (before, _) in zip(i, op.widths, strict=True))] = x[i]
    return out


ORACLES = {"Reshape": reshape, "Permute": permute, "Flip": flip, "Roll": roll, "Pad": pad}
GRADIENTS: dict = {}
