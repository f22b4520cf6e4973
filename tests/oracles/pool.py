"""Oracles of gpugraph/ops/pool.py and avg_pool.py: the definition of pooling, window by window."""

import math

import numpy as np

from .conv import out_shape, places


def windows(window, spatial, ceil=False):
    """{index of the window: for each tap the index into the image, or None in the padding}."""
    found = {}
    for p, _, at in places(window, spatial, ceil):
        found.setdefault(p, []).append(at)
    return found


def best(plane, taps):
    """(number of the tap, value) of the first maximum; the first NaN, if there is one."""
    chosen, value = None, -math.inf
    for number, at in enumerate(taps):
        if at is None:
            continue
        here = float(plane[at])
        if chosen is None or (not math.isnan(value) and (math.isnan(here) or here > value)):
            chosen, value = number, here
    return chosen, value


def behind_padding(window, o):
    """The tap of a window of padding alone: along each axis the first from 0 on, or the last."""
    number = 0
    for k, s, d, (low, _), i in zip(
        window.size, window.stride, window.dilation, window.padding, o, strict=True
    ):
        number = number * k + next((t for t in range(k) if i * s + t * d >= low), k - 1)
    return number


def max_pool(op, x):
    spatial = x.shape[2:]
    y = np.empty((*x.shape[:2], *out_shape(op.window, spatial, op.ceil_mode)))
    taps_at = math.prod(op.window.size)
    offset = np.empty(y.shape, np.uint8 if taps_at < 256 else np.uint16)
    for i in np.ndindex(x.shape[:2]):
        for p, taps in windows(op.window, spatial, op.ceil_mode).items():
            number, y[i + p] = best(x[i], taps)
            offset[i + p] = behind_padding(op.window, p) if number is None else number
    return y, offset


def max_pool_gradient(op, inputs, g):
    (x,) = inputs
    gx = np.zeros(x.shape)
    for i in np.ndindex(x.shape[:2]):
        for p, taps in windows(op.window, x.shape[2:], op.ceil_mode).items():
            number, _ = best(x[i], taps)
            if number is not None:
                gx[i + taps[number]] += g[i + p]
    return (gx,)


def chosen(window, spatial, offset):
    """(index into the output, index into the image or None) for every element of offset."""
    for ceil in (False, True):
        if out_shape(window, spatial, ceil) == offset.shape[2:]:
            found = windows(window, spatial, ceil)
    for i in np.ndindex(offset.shape):
        at = found[i[2:]][offset[i]]
        yield i, None if at is None else i[:2] + at


def pool_scatter(op, g, offset):
    gx = np.zeros((*g.shape[:2], *op.spatial))
    for i, at in chosen(op.window, op.spatial, offset):
        if at is not None:
            gx[at] += g[i]
    return gx


def pool_gather(op, x, offset):
    y = np.zeros(offset.shape)
    for i, at in chosen(op.window, x.shape[2:], offset):
        y[i] = 0.0 if at is None else x[at]
    return y


def pool_indices(op, offset):
    y = np.empty(offset.shape, np.int64)
    for i, at in chosen(op.window, op.spatial, offset):
        y[i] = -1 if at is None else np.ravel_multi_index(at[2:], op.spatial)
    return y


def counted(op, spatial, p):
    """What a window of average pooling divides by: positions it counts, one axis at a time."""
    if op.divisor_override is not None:
        return op.divisor_override
    count = 1
    for a, n in enumerate(spatial):
        low, high = op.window.padding[a] if op.count_include_pad else (0, 0)
        start = p[a] * op.window.stride[a] - op.window.padding[a][0]
        count *= sum(-low <= start + i < n + high for i in range(op.window.size[a]))
    return count


def avg_pool(op, x):
    spatial = x.shape[2:]
    y = np.empty((*x.shape[:2], *out_shape(op.window, spatial, op.ceil_mode)))
    for i in np.ndindex(x.shape[:2]):
        for p, taps in windows(op.window, spatial, op.ceil_mode).items():
            y[i + p] = sum(x[i][at] for at in taps if at is not None) / counted(op, spatial, p)
    return y


def avg_pool_input(op, g):
    gx = np.zeros((*g.shape[:2], *op.spatial))
    for i in np.ndindex(g.shape[:2]):
        for p, taps in windows(op.pool.window, op.spatial, op.pool.ceil_mode).items():
            for at in taps:
                if at is not None:
                    gx[i + at] += g[i + p] / counted(op.pool, op.spatial, p)
    return gx


ORACLES = {
    "MaxPool": max_pool,
    "PoolScatter": pool_scatter,
    "PoolGather": pool_gather,
    "PoolIndices": pool_indices,
    "AvgPool": avg_pool,
    "AvgPoolInput": avg_pool_input,
}
GRADIENTS = {"MaxPool": max_pool_gradient}
