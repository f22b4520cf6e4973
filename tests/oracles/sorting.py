"""Oracles of gpugraph/ops/sorting.py: Python's sort and counting one by one."""

import functools

import numpy as np


def argsort(op, x):
    """Python's stable sort of the places, by a comparison for which NaN is the largest."""

    def compare(a, b):
        if a != a or b != b:
            return (a != a) - (b != b)
        return (a > b) - (a < b)

    moved = np.moveaxis(x, op.axis, -1)
    out = np.empty(moved.shape, np.int64)
    for i in np.ndindex(moved.shape[:-1]):
        row = moved[i].tolist()
        sign = -1 if op.descending else 1
        key = functools.cmp_to_key(lambda p, q, row=row, sign=sign: sign * compare(row[p], row[q]))
        out[i] = sorted(range(len(row)), key=key)
    return np.moveaxis(out, -1, op.axis)


def searchsorted(op, x1, x2):
    out = np.empty(x2.shape, np.int64)
    for i in np.ndindex(x2.shape):
        v = x2[i]
        if v != v:
            out[i] = len(x1)
        else:
            out[i] = sum(a < v or (op.right and a == v) for a in x1.tolist())
    return out


def sort(op, x):
    return np.take_along_axis(x, argsort(op, x), op.axis)


def sort_gradient(op, inputs, g):
    """Each cotangent back to where its element was, one by one."""
    (x,) = inputs
    moved, order = np.moveaxis(g, op.axis, -1), np.moveaxis(argsort(op, x), op.axis, -1)
    out = np.zeros(moved.shape)
    for i in np.ndindex(moved.shape):
        out[(*i[:-1], order[i])] += moved[i]
    return [np.moveaxis(out, -1, op.axis)]


ORACLES = {"Argsort": argsort, "SearchSorted": searchsorted, "Sort": sort}
GRADIENTS = {"Sort": sort_gradient}
