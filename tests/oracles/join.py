"""Oracles of gpugraph/ops/join.py: Python lists, element by element."""

import numpy as np


def _row(x, axis, k):
    """Index k of an axis, as an array without it."""
    return np.array([x[i] for i in np.ndindex(x.shape) if i[axis] == k]).reshape(
        [n for a, n in enumerate(x.shape) if a != axis]
    )


def _rebuilt(rows, axis, rest):
    """The array whose index k along the axis is rows[k]."""
    out = np.empty((*rest[:axis], len(rows), *rest[axis:]))
    for i in np.ndindex(out.shape):
        out[i] = rows[i[axis]][tuple(k for a, k in enumerate(i) if a != axis)]
    return out


def _rest(x, axis):
    return [n for a, n in enumerate(x.shape) if a != axis]


def concat(op, *xs):
    axis = op.axis % xs[0].ndim
    rows = [_row(x, axis, k) for x in xs for k in range(x.shape[axis])]
    return _rebuilt(rows, axis, _rest(xs[0], axis))


def split(op, x):
    rows = [_row(x, op.axis, k) for k in range(x.shape[op.axis])]
    pieces = []
    for n in op.lengths:
        pieces.append(_rebuilt(rows[:n], op.axis, _rest(x, op.axis)))
        rows = rows[n:]
    return tuple(pieces)


def stack(op, *xs):
    return _rebuilt(xs, op.axis % (xs[0].ndim + 1), list(xs[0].shape))


def unstack(op, x):
    return tuple(_row(x, op.axis, k) for k in range(x.shape[op.axis]))


ORACLES = {"Concat": concat, "Split": split, "Stack": stack, "Unstack": unstack}
GRADIENTS: dict = {}
