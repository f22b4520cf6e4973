"""Oracles of gpugraph/ops/conv.py: the definition of convolution, one multiplication at a time."""

from itertools import product

import numpy as np


def starts(n, k, s, padding, d, ceil=False):
    """Where the windows start along one axis: from -low in steps of s, as long as there is room.

    With ceil also where part of the last window hangs out, if it starts before the high padding.
    """
    low, high = padding
    last = n + high - 1  # the last position of the padded axis
    found = []
    start = -low
    while start + d * (k - 1) <= last or (
        ceil and start - s + d * (k - 1) < last and start <= n - 1
    ):
        found.append(start)
        start += s
    return found


def all_starts(window, spatial, ceil=False):
    """`starts` of every axis."""
    return [
        starts(n, *how, ceil)
        for n, *how in zip(
            spatial, window.size, window.stride, window.padding, window.dilation, strict=True
        )
    ]


def out_shape(window, spatial, ceil=False):
    return tuple(map(len, all_starts(window, spatial, ceil)))


def places(window, spatial, ceil=False):
    """(index of the window, index of the tap, index into the image or None in the padding)."""
    begin = all_starts(window, spatial, ceil)
    for p in product(*(range(len(b)) for b in begin)):
        for tap in product(*map(range, window.size)):
            at = tuple(begin[a][p[a]] + tap[a] * window.dilation[a] for a in range(len(spatial)))
            inside = all(0 <= i < n for i, n in zip(at, spatial, strict=True))
            yield p, tap, at if inside else None


def products(op, n, channels, outputs, spatial):
    """Indices of y, x and w, for every multiplication of a convolution."""
    per_group = channels // op.groups
    seen = [place for place in places(op.window, spatial) if place[2] is not None]
    for i, o in product(range(n), range(outputs)):
        first = o // (outputs // op.groups) * per_group
        for c in range(per_group):
            for p, tap, at in seen:
                yield (i, o, *p), (i, first + c, *at), (o, c, *tap)


def conv(op, x, w, b=None):
    y = np.zeros((len(x), len(w), *out_shape(op.window, x.shape[2:])))
    for iy, ix, iw in products(op, len(x), x.shape[1], len(w), x.shape[2:]):
        y[iy] += x[ix] * w[iw]
    if b is not None:
        for o in range(len(b)):
            y[:, o] += b[o]
    return y


def conv_input(op, gy, w):
    gx = np.zeros((len(gy), w.shape[1] * op.groups, *op.spatial))
    for iy, ix, iw in products(op, len(gx), gx.shape[1], len(w), op.spatial):
        gx[ix] += gy[iy] * w[iw]
    return gx


def conv_weight(op, x, gy):
    gw = np.zeros((gy.shape[1], x.shape[1] // op.groups, *op.window.size))
    for iy, ix, iw in products(op, len(x), x.shape[1], len(gw), x.shape[2:]):
        gw[iw] += gy[iy] * x[ix]
    return gw


ORACLES = {"Conv": conv, "ConvInput": conv_input, "ConvWeight": conv_weight}
GRADIENTS: dict = {}
