"""Oracles of gpugraph/ops/slices.py and gather.py.

An array of the same shape that holds its own positions is indexed by NumPy; the values then move
one at a time.
"""

import numpy as np


def _positions(shape, key):
    """The flat positions that a key selects from an array of that shape."""
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)[key]


def _slices(key):
    return tuple(slice(*e) if isinstance(e, tuple) else e for e in key)


def _arrays(op, shape, indices):
    arrays = dict(zip(op.axes, indices, strict=True))
    return tuple(arrays.get(a, slice(None)) for a in range(len(shape)))


def _read(x, places):
    flat = list(x.flat)
    return np.array([flat[p] for p in np.ravel(places)], x.dtype).reshape(np.shape(places))


def _add(shape, pairs):
    flat = [0.0] * int(np.prod(shape))
    for places, g in pairs:
        for p, v in zip(np.ravel(places), np.ravel(g), strict=True):
            flat[p] += v
    return np.array(flat).reshape(shape)


def _overwritten(x, places, value):
    flat = list(x.flat)
    for p, v in zip(np.ravel(places), np.ravel(np.broadcast_to(value, np.shape(places)))):
        flat[p] = v
    return np.array(flat).reshape(x.shape)


def get_slice(op, x):
    return _read(x, _positions(x.shape, _slices(op.key)))


def put_slices(op, *gs):
    return _add(
        op.shape,
        [(_positions(op.shape, _slices(k)), g) for k, g in zip(op.keys, gs, strict=True)],
    )


def set_slice(op, x, value):
    return _overwritten(x, _positions(x.shape, _slices(op.key)), value)


def get_at(op, x, *indices):
    return _read(x, _positions(x.shape, _arrays(op, x.shape, indices)))


def put_at(op, g, *indices):
    return _add(op.shape, [(_positions(op.shape, _arrays(op, op.shape, indices)), g)])


def set_at(op, x, value, *indices):
    return _overwritten(x, _positions(x.shape, _arrays(op, x.shape, indices)), value)


ORACLES = {
    "GetSlice": get_slice,
    "PutSlices": put_slices,
    "SetSlice": set_slice,
    "GetAt": get_at,
    "PutAt": put_at,
    "SetAt": set_at,
}
GRADIENTS: dict = {}
