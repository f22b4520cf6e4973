"""Convolution and its two adjoints as matrix products: images become rows, and images again.

Of each window one row is made, of all that it sees; the filters are the columns of the other matrix
(Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document
Processing", 2006). In the shape comments, P are the windows of an image, and K is C/G*prod(k).

What lies next to each other in memory are the channels of a position: then a row is made of few
long runs, and one product serves many images. So results have the axes (N, C, *spatial) and lie in
memory as (N, *spatial, C); ops that work element by element keep that order. Only where a run would
be short, as in images of one channel, rows are made as columns: of each tap, what all windows see.
Then the channels stay in front, in memory, too.

Rows are made for a few images at a time, or a band of one image, and never kept. Measured, making
them takes a tenth of the time of the products.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from ..core.window import Window
from . import depthwise
from .image_memory import empty_images, laid_out, parts

__all__ = ["conv", "conv_input", "conv_weight", "scratch"]

Shape = tuple[int, ...]

# Measured: from a run of 9 numbers on, rows are the faster way.
SHORT_RUN = 8


def conv(xp: Any, x: Any, w: Any, window: Window, groups: int) -> Any:
    """x (N, C, *spatial), w (O, C/G, *k) -> (N, O, *out)."""
    low = Lowering(window, groups, x.shape, w.shape)
    if low.depthwise:
        return depthwise.conv(xp, x, w, window)
    y = empty_images(xp, (len(x), len(w), *low.out), x.dtype, low.last)
    wt = low.filters(w).swapaxes(-1, -2)  # (G, K, O/G)
    for part, bands in low.parts(x.dtype.itemsize):
        frame = low.frame(xp, x[part])
        for band in bands:
            out = low.matrices(xp, y[part][:, :, band])
            xp.matmul(low.rows(xp, frame, band), wt, out=out)
    return y


def conv_input(xp: Any, gy: Any, w: Any, window: Window, groups: int, spatial: Shape) -> Any:
    """gy (N, O, *out), w (O, C/G, *k) -> (N, C, *spatial): adjoint of `conv` in x.

    At stride 1 that is a convolution again, with the filters flipped.
    """
    full = window.transposed()
    if full is not None:
        return conv(xp, gy, _flipped(xp, w, groups), full, groups)
    shape = (len(gy), w.shape[1] * groups, *spatial)
    low = Lowering(window, groups, shape, w.shape)
    if low.depthwise:
        return depthwise.conv_input(xp, gy, w, window, spatial)
    gx = empty_images(xp, shape, gy.dtype, low.last)
    w = low.filters(w)
    for part, bands in low.parts(gx.dtype.itemsize):
        frame = xp.zeros_like(gx[part], shape=(*gx[part].shape[:2], *window.extent(low.out)))
        for band in bands:
            low.fold(low.matrices(xp, gy[part][:, :, band]) @ w, frame, band)
        gx[part] = window.unframe(xp, frame, spatial)
    return gx


def conv_weight(xp: Any, x: Any, gy: Any, window: Window, groups: int) -> Any:
    """x (N, C, *spatial), gy (N, O, *out) -> (O, C/G, *k): adjoint of `conv` in w."""
    shape = (gy.shape[1], x.shape[1] // groups, *window.size)
    low = Lowering(window, groups, x.shape, shape)
    if low.depthwise:
        return depthwise.conv_weight(xp, x, gy, window)
    gw = xp.zeros(low.weight_shape, x.dtype)
    for part, bands in low.parts(x.dtype.itemsize):
        frame = low.frame(xp, x[part])
        for band in bands:
            gt = low.matrices(xp, gy[part][:, :, band]).swapaxes(-1, -2)
            each = gt @ low.rows(xp, frame, band)  # (G, O/G, K), or so for each image
            gw += each if low.last else each.sum(axis=0)
    return low.unfiltered(xp, gw).reshape(shape)


def scratch(kind: str, window: Window, groups: int, x: Shape, w: Shape, itemsize: int) -> int:
    """Bytes that `conv`, `conv_input` or `conv_weight` takes besides arguments and result.

    If x and gy lie in memory as results of `conv` do.
    """
    out = window.out(x[2:])
    if kind == "conv_input" and (full := window.transposed()) is not None:
        turned = (w[1] * groups, w[0] // groups, *w[2:])
        more = scratch("conv", full, groups, (x[0], w[0], *out), turned, itemsize)
        return more + itemsize * prod(w)
    low = Lowering(window, groups, x, w)
    if low.depthwise:
        return depthwise.scratch(kind, window, x, itemsize)
    framed = kind == "conv_input" or any(map(any, window.padding))
    rowed = kind == "conv_input" or not window.is_pointwise
    worst = 0
    for part, bands in low.parts(itemsize):
        n, windows = part.stop - part.start, prod((bands[0].stop, *out[1:]))
        frame = x[1] * prod(window.extent(out)) if framed else 0
        each = x[1] * prod(window.size) * windows if rowed else 0
        if kind == "conv_weight":
            each += 0 if low.last else prod(w)
        worst = max(worst, n * (frame + each))
    return itemsize * ((2 if kind == "conv_weight" else 1) * prod(w) + worst)


def _flipped(xp: Any, w: Any, groups: int) -> Any:
    """(O, C/G, *k) -> (C, O/G, *k), the taps of each axis in reverse order."""
    outputs, inputs = len(w) // groups, w.shape[1]
    w = w.reshape(groups, outputs, inputs, *w.shape[2:]).swapaxes(1, 2)
    w = xp.flip(w, axis=tuple(range(3, w.ndim)))
    return w.reshape(groups * inputs, outputs, *w.shape[3:])


class Lowering:
    """The shapes in which one convolution is computed, from those of x and w.

    last       channels are next to each other in memory: one matrix for many images, else for each
    depthwise  each channel is an image of its own, and products of matrices would be too thin
    """

    def __init__(self, window: Window, groups: int, x: Shape, w: Shape) -> None:
        self.window, self.out = window, window.out(x[2:])
        self.images, self.channels, self.groups = x[0], w[1] * groups, groups
        self.inputs, self.outputs = w[1], w[0] // groups
        self.depthwise = groups > 1 and self.inputs == self.outputs == 1
        self.last = self.inputs * window.size[-1] > SHORT_RUN or window.is_pointwise
        self.weight_shape = (groups, self.outputs, self.inputs * prod(window.size))  # (G, O/G, K)

    def parts(self, itemsize: int) -> Iterator[tuple[slice, list[slice]]]:
        """Images, and bands of their first axis, for which to make rows at a time.

        Several images, or a band of one; of rows not less than of filters.
        """
        first, least = self.out[0], itemsize * prod(self.weight_shape)
        line = itemsize * self.channels * prod(self.window.size) * prod(self.out[1:])
        for part in parts(self.images, line * first, least):
            whole = part.stop - part.start > 1
            yield part, [slice(0, first)] if whole else list(parts(first, line, least))

    def filters(self, w: Any) -> Any:
        """(O, C/G, *k) -> (G, O/G, K), in the order of `rows`."""
        w = w.reshape(self.groups, self.outputs, self.inputs, prod(self.window.size))
        return (w.swapaxes(2, 3) if self.last else w).reshape(self.weight_shape)

    def unfiltered(self, xp: Any, w: Any) -> Any:
        """(G, O/G, K) -> (O, C/G, *k): undoes `filters`."""
        if self.last:
            w = w.reshape(self.groups, self.outputs, prod(self.window.size), self.inputs)
            w = xp.ascontiguousarray(w.swapaxes(2, 3))
        return w.reshape(self.groups * self.outputs, self.inputs, *self.window.size)

    def matrices(self, xp: Any, y: Any) -> Any:
        """(n, O, *out) -> (G, n*P, O/G) or (n, G, P, O/G): a view of what `conv` has allocated."""
        y = laid_out(xp, y, self.last)
        if self.last:
            return xp.moveaxis(y, 1, -1).reshape(-1, self.groups, self.outputs).swapaxes(0, 1)
        return y.reshape(len(y), self.groups, self.outputs, -1).swapaxes(-1, -2)

    def frame(self, xp: Any, x: Any) -> Any:
        """(n, C, *spatial) -> (n, C, *extent), with the padding, as it should lie in memory."""
        return self.window.frame(xp, laid_out(xp, x, self.last), self.out)

    def rows(self, xp: Any, x: Any) -> Iterator[tuple[slice, slice, Any]]:
        """Images of x, a band of windows, and their rows: (G, n*P, K) or (n, G, P, K).

        The next rows come into the same memory.
        """
        padded = any(map(any, self.window.padding))
        inside, framed = self.window.overlap(self.spatial, self.window.extent(self.out))
        frame = room = None  # the first ones are the largest
        for part, bands in self.parts(x.dtype.itemsize):
            n = part.stop - part.start
            if padded:
                frame = self.frame(xp, n, x.dtype) if frame is None else frame[:n]
                frame[framed] = x[part][inside]
            else:
                frame = laid_out(xp, x[part], self.last)
            seen = self.window.views(xp, self.by_group(frame), self.out)
            for band in bands:
                rows = seen[:, :, :, band].transpose(self.order)
                if not self.window.is_pointwise:
                    room = xp.empty(rows.size, x.dtype) if room is None else room[: rows.size]
                    target = room.reshape(rows.shape)
                    target[...] = rows
                    rows = target
                yield part, band, self.matrix(rows, n, band)

    def frame(self, xp: Any, n: int, dtype: Any) -> Any:
        """n images of zeros (n, C, *extent), as they should lie in memory."""
        extent = self.window.extent(self.out)
        if not self.last:
            return xp.zeros((n, self.groups * self.inputs, *extent), dtype)
        frame = xp.zeros((n, *extent, self.groups * self.inputs), dtype)
        return frame.transpose(0, -1, *range(1, frame.ndim - 1))

    def by_group(self, frame: Any) -> Any:
        """(n, C, ...) -> (n, G, C/G, ...)."""
        return frame.reshape(len(frame), self.groups, self.inputs, *frame.shape[2:])

    def matrix(self, rows: Any, n: int, band: slice) -> Any:
        """(n, G, C/G, *out, *k) in the order of memory -> (G, n*P, K) or (n, G, P, K)."""
        windows, terms = (band.stop - band.start) * prod(self.out[1:]), self.weight_shape[2]
        if self.last:
            return rows.reshape(self.groups, n * windows, terms)
        return rows.reshape(n, self.groups, terms, windows).swapaxes(-1, -2)

    def fold(self, rows: Any, frame: Any, band: slice) -> None:
        """Add rows to the places of a frame (n, C, *extent) where they come from."""
        out = (band.stop - band.start, *self.out[1:])
        sizes = (len(frame), self.groups, self.inputs, *out, *self.window.size)
        rows = rows if self.last else rows.swapaxes(-1, -2)
        rows = rows.reshape([sizes[axis] for axis in self.order])
        rows = rows.transpose([self.order.index(axis) for axis in range(len(sizes))])
        frame = self.by_group(frame)[:, :, :, band.start * self.window.stride[0] :]
        taps = product(*map(range, self.window.size))
        for tap, seen in zip(taps, self.window.taps(out), strict=True):
            frame[seen] += rows[(..., *tap)]

    def filters(self, w: Any) -> Any:
        """(O, C/G, *k) -> (G, O/G, K), in the order of `rows`."""
        w = w.reshape(self.groups, self.outputs, self.inputs, prod(self.window.size))
        return (w.swapaxes(2, 3) if self.last else w).reshape(self.weight_shape)

    def unfiltered(self, xp: Any, w: Any) -> Any:
        """(G, O/G, K) -> (O, C/G, *k): undoes `filters`."""
        if self.last:
            w = w.reshape(self.groups, self.outputs, prod(self.window.size), self.inputs)
            w = xp.ascontiguousarray(w.swapaxes(2, 3))
        return w.reshape(self.groups * self.outputs, self.inputs, *self.window.size)

    def matrices(self, xp: Any, y: Any) -> Any:
        """(n, O, *out) -> (G, n*P, O/G) or (n, G, P, O/G): a view of what `conv` has allocated."""
        y = laid_out(xp, y, self.last)
        if self.last:
            return xp.moveaxis(y, 1, -1).reshape(-1, self.groups, self.outputs).swapaxes(0, 1)
        return y.reshape(len(y), self.groups, self.outputs, -1).swapaxes(-1, -2)

    def frame(self, xp: Any, x: Any) -> Any:
        """(n, C, *spatial) -> (n, C, *extent), with the padding, as it should lie in memory."""
        return self.window.frame(xp, laid_out(xp, x, self.last), self.out)

    def rows(self, xp: Any, frame: Any, band: slice) -> Any:
        """(n, C, *extent) -> (G, n*P, K) or (n, G, P, K), for the windows of a band."""
        seen = self._seen(frame, band)
        out = (band.stop - band.start, *self.out[1:])
        seen = seen.reshape(len(seen), self.groups, self.inputs, *seen.shape[2:])
        rows = self.window.views(xp, seen, out).transpose(self._order)
        if self.last:
            return rows.reshape(self.groups, len(frame) * prod(out), self.weight_shape[-1])
        shape = (len(frame), self.groups, self.weight_shape[-1], prod(out))
        return rows.reshape(shape).swapaxes(-1, -2)

    def fold(self, rows: Any, frame: Any, band: slice) -> None:
        """Add rows to a frame, where they come from: adjoint of `rows`."""
        out = (band.stop - band.start, *self.out[1:])
        sizes = (len(frame), self.groups, self.inputs, *out, *self.window.size)
        if not self.last:
            rows = rows.swapaxes(-1, -2)
        rows = rows.reshape([sizes[axis] for axis in self._order])
        rows = rows.transpose([self._order.index(axis) for axis in range(len(sizes))])
        frame = self._seen(frame, band)
        frame = frame.reshape(len(frame), self.groups, self.inputs, *frame.shape[2:])
        taps = product(*map(range, self.window.size))
        for tap, seen in zip(taps, self.window.taps(out), strict=True):
            frame[seen] += rows[(..., *tap)]

    @property
    def _order(self) -> list[int]:
        """In which order (n, G, C/G, *out, *k) make up the rows, in memory."""
        axes = len(self.out)
        out, taps = range(3, 3 + axes), range(3 + axes, 3 + 2 * axes)
        return [1, 0, *out, *taps, 2] if self.last else [0, 1, 2, *taps, *out]

    def _seen(self, frame: Any, band: slice) -> Any:
        """The positions of the first axis that a band of windows sees."""
        stride, reach = self.window.stride[0], self.window.reach[0]
        return frame[:, :, band.start * stride : (band.stop - 1) * stride + reach]
