"""Oracles of gpugraph/ops/linalg.py and einsum.py: sums of products in plain loops."""

import itertools

import numpy as np


def matmul(op, x1, x2):
    a = x1[None] if x1.ndim == 1 else x1
    b = x2[:, None] if x2.ndim == 1 else x2
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, batch + a.shape[-2:])
    b = np.broadcast_to(b, batch + b.shape[-2:])
    out = np.zeros((*batch, a.shape[-2], b.shape[-1]))
    for *i, m, n in np.ndindex(out.shape):
        for k in range(a.shape[-1]):
            out[(*i, m, n)] += a[(*i, m, k)] * b[(*i, k, n)]
    gone = tuple(axis for axis, x in ((-2, x1), (-1, x2)) if x.ndim == 1)
    return np.squeeze(out, gone)


def linear(op, x, w, b):
    out = np.zeros((*x.shape[:-1], w.shape[0]))
    for *i, o in np.ndindex(out.shape):
        terms = (x[(*i, k)] * w[o, k] for k in range(w.shape[1]))
        out[(*i, o)] = sum(terms, 0.0 if b is None else b[o])
    return out


def einsum(op, *xs):
    inputs, output = op.subscripts.split("->")
    terms = inputs.split(",")
    sizes = {a: n for t, x in zip(terms, xs, strict=True) for a, n in zip(t, x.shape, strict=True)}
    out = np.zeros([sizes[a] for a in output])
    for values in itertools.product(*(range(n) for n in sizes.values())):
        at = dict(zip(sizes, values, strict=True))
        factors = (x[tuple(at[a] for a in t)] for t, x in zip(terms, xs, strict=True))
        out[tuple(at[a] for a in output)] += np.prod(list(factors))
    return out


ORACLES = {"Matmul": matmul, "Linear": linear, "Einsum": einsum}
GRADIENTS: dict = {}
