"""Oracles of gpugraph/ops/broadcast.py: index arithmetic, one element at a time."""

import numpy as np


def _source(i, shape):
    """The index in an array of that shape that output index i comes from."""
    tail = i[len(i) - len(shape) :]
    return tuple(0 if n == 1 else k for k, n in zip(tail, shape, strict=True))


def broadcast_to(op, x):
    out = np.empty(op.shape)
    for i in np.ndindex(op.shape):
        out[i] = x[_source(i, x.shape)]
    return out


def sum_to(op, x):
    out = np.zeros(op.shape)
    for i in np.ndindex(x.shape):
        out[_source(i, op.shape)] += x[i]
    return out


ORACLES = {"BroadcastTo": broadcast_to, "SumTo": sum_to}
GRADIENTS: dict = {}
