"""Convolution as matrix products: images become rows, and images again.

Of each window one row is made, of all that it sees; the filters are the columns of the other matrix
(Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document
Processing", 2006).

Images lie in memory as (N, *spatial, C): then a row is made of few long runs, and one product
serves many images. Measured, making the rows takes a tenth of the time of the products.

Rows are made for a few images at a time, or for a band of one image, and never kept. In the shape
comments, P are the windows of an image or a band, and K is prod(k)*C/G.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from ..core.window import Window
from .image_memory import BUFFERS, WORKSPACE, empty_images, laid_out, parts
from .matmul_numpy import product_in_slabs, slabs_of_sum, sum_in_slabs

__all__ = ["conv", "conv_input", "conv_weight", "empty", "flips", "scratch"]

Shape = tuple[int, ...]


empty = empty_images


def conv(xp: Any, x: Any, w: Any, window: Window, groups: int, y: Any) -> None:
    """x (N, C, *spatial), w (O, C/G, *k) -> y (N, O, *out), from `empty`."""
    low = lowering(window, groups, x.shape, w.shape)
    wt = xp.ascontiguousarray(low.filters(w).swapaxes(-1, -2))  # (G, K, O/G)
    for part, band, rows in low.rows(xp, x):
        product_in_slabs(xp, rows, wt, low.matrices(xp, y[part, :, band]))


def conv_input(xp: Any, gy: Any, w: Any, window: Window, groups: int, gx: Any) -> None:
    """gy (N, O, *out), w (O, C/G, *k) -> gx (N, C, *spatial), from `empty`: adjoint in x."""
    low = lowering(window, groups, gx.shape, w.shape)
    w, room = low.filters(w), None
    for part, bands in low.parts(gx.dtype.itemsize):
        frame = low.frame(xp, part.stop - part.start, gx.dtype)
        for band in bands:
            g = low.matrices(xp, gy[part, :, band])
            shape = (*g.shape[:-1], low.terms)
            room = xp.empty(prod(shape), gx.dtype) if room is None else room  # the most
            rows = room[: prod(shape)].reshape(shape)
            product_in_slabs(xp, g, w, rows)
            low.fold(rows, frame, band)
        window.put(frame, gx[part])


def conv_weight(xp: Any, x: Any, gy: Any, window: Window, groups: int) -> Any:
    """x (N, C, *spatial), gy (N, O, *out) -> (O, C/G, *k): adjoint in w."""
    shape = (gy.shape[1], x.shape[1] // groups, *window.size)
    low = lowering(window, groups, x.shape, shape)
    gw = xp.zeros(low.weight_shape, x.dtype)
    for part, band, rows in low.rows(xp, x):
        g = low.matrices(xp, gy[part, :, band]).swapaxes(-1, -2)
        gw += sum_in_slabs(xp, g, rows)  # (G, O/G, K)
    return low.unfiltered(xp, gw)


def scratch(kind: str, window: Window, groups: int, x: Shape, w: Shape, itemsize: int) -> int:
    """Bytes that `conv`, `conv_input` or `conv_weight` takes besides arguments and result."""
    out = window.out(x[2:])
    low = lowering(window, groups, x, w)
    framed = kind == "conv_input" or any(map(any, window.padding))
    rowed = kind == "conv_input" or not window.is_pointwise
    worst = 0
    for part, bands in low.parts(itemsize):
        n, windows = part.stop - part.start, prod((bands[0].stop, *out[1:]))
        frame = x[1] * prod(window.extent(out)) if framed else 0
        each = x[1] * prod(window.size) * windows if rowed else 0
        slabs = slabs_of_sum(low.outputs, n * windows, low.terms) if kind == "conv_weight" else 0
        worst = max(worst, n * (frame + each) + slabs * prod(w))
    fixed = prod(w) + BUFFERS if kind == "conv_input" else 2 * prod(w)
    return itemsize * (fixed + worst)


def flips(window: Window, groups: int, w: Shape) -> bool:
    """Is `conv` with flipped filters faster than `conv_input`? Always: it adds nothing up."""
    return True


class Lowering:
    """The shapes in which one convolution is computed, from those of x and w."""

    def __init__(self, window: Window, groups: int, x: Shape, w: Shape) -> None:
        self.window, self.out, self.spatial = window, window.out(x[2:]), x[2:]
        self.images, self.groups, self.inputs, self.outputs = x[0], groups, w[1], w[0] // groups
        self.terms = self.inputs * prod(window.size)  # K
        self.weight_shape = (groups, self.outputs, self.terms)
        # in which order (n, G, C/G, *out, *k) make up the rows
        axes = len(self.out)
        self.order = (1, 0, *range(3, 3 + 2 * axes), 2)

    def parts(self, itemsize: int) -> Iterator[tuple[slice, list[slice]]]:
        """Images, and bands of their first axis, for which to make rows at a time.

        Several images, or a band of one; of rows not less than of filters. All, where they are
        there already.
        """
        if self.window.is_pointwise and not any(map(any, self.window.padding)):
            yield slice(0, self.images), [slice(0, self.out[0])]
            return
        first, most = self.out[0], max(WORKSPACE, itemsize * prod(self.weight_shape))
        line = itemsize * self.groups * self.terms * prod(self.out[1:])
        for part in parts(self.images, line * first, most):
            whole = part.stop - part.start > 1
            yield part, [slice(0, first)] if whole else list(parts(first, line, most))

    def filters(self, w: Any) -> Any:
        """(O, C/G, *k) -> (G, O/G, K), in the order of `rows`."""
        w = w.reshape(self.groups, self.outputs, self.inputs, prod(self.window.size))
        return w.swapaxes(2, 3).reshape(self.weight_shape)

    def unfiltered(self, xp: Any, w: Any) -> Any:
        """(G, O/G, K) -> (O, C/G, *k): undoes `filters`."""
        gw = xp.empty((self.groups * self.outputs, self.inputs, *self.window.size), w.dtype)
        w = w.reshape(len(gw), prod(self.window.size), self.inputs).swapaxes(1, 2)
        gw[...] = w.reshape(gw.shape)
        return gw

    def matrices(self, xp: Any, y: Any) -> Any:
        """(n, O, *out) -> (G, n*P, O/G): a view of what `conv` has allocated."""
        y = xp.ascontiguousarray(y.transpose(0, *range(2, y.ndim), 1))
        return y.reshape(prod(y.shape[:-1]), self.groups, self.outputs).swapaxes(0, 1)

    def rows(self, xp: Any, x: Any) -> Iterator[tuple[slice, slice, Any]]:
        """Images of x, a band of windows, and their rows (G, n*P, K).

        The next rows come into the same memory. Other threads make theirs meanwhile: what can be
        said beforehand about all rows is said before the first.
        """
        padded, copied = any(map(any, self.window.padding)), not self.window.is_pointwise
        parts = list(self.parts(x.dtype.itemsize))  # the first one is the largest
        if padded:
            frame = self.frame(xp, parts[0][0].stop if parts else 0, x.dtype)
            inside, framed = self.window.overlap(self.spatial, frame.shape[2:])
            x, inner = x[inside], frame[framed]
        else:
            frame = laid_out(xp, x)
        seen = self.window.views(xp, self.by_group(frame), self.out).transpose(self.order)
        room = None
        for part, bands in parts:
            n = part.stop - part.start
            if padded:
                inner[:n] = x[part]
            for band in bands:
                rows = seen[:, slice(n) if padded else part, band]
                if copied:
                    room = xp.empty(rows.size, x.dtype) if room is None else room
                    target = room[: rows.size].reshape(rows.shape)
                    target[...] = rows
                    rows = target
                windows = (band.stop - band.start) * prod(self.out[1:])
                yield part, band, rows.reshape(self.groups, n * windows, self.terms)

    def frame(self, xp: Any, n: int, dtype: Any) -> Any:
        """n images of zeros (n, C, *extent)."""
        extent = self.window.extent(self.out)
        frame = xp.zeros((n, *extent, self.groups * self.inputs), dtype)
        return frame.transpose(0, -1, *range(1, frame.ndim - 1))

    def by_group(self, frame: Any) -> Any:
        """(n, C, ...) -> (n, G, C/G, ...)."""
        return frame.reshape(len(frame), self.groups, self.inputs, *frame.shape[2:])

    def fold(self, rows: Any, frame: Any, band: slice) -> None:
        """Add rows (G, n*P, K) to the places of a frame (n, C, *extent) where they come from."""
        out, taps = (band.stop - band.start, *self.out[1:]), self.window.size
        rows = rows.reshape(self.groups, len(frame), *out, *taps, self.inputs)
        rows = rows.transpose(1, 0, -1, *range(2, rows.ndim - 1))
        frame = self.by_group(frame)[:, :, :, band.start * self.window.stride[0] :]
        each = ((..., *tap) for tap in product(*map(range, taps)))
        for tap, seen in zip(each, self.window.taps(out), strict=True):
            frame[seen] += rows[tap]


lowering = lru_cache(512)(Lowering)  # training asks for the same ones again and again
