"""Convolution of few channels as matrix products: images become columns, and images again.

Textbook im2col writes every tap of every window into a column matrix, prod(k) times the size of
the image. Here the first spatial axis is not unrolled: at stride 1, what its tap i sees is what
tap 0 sees, some rows further on. So one matrix serves all its taps, as shifted slices:

    y = sum over i of w[i] @ col[slice i]

It copies k0 times less, and for a 1-D convolution nothing. The idea is that of MEC (Cho and Brand,
"MEC: Memory-efficient Convolution for Deep Neural Network", ICML 2017), with the sum over the taps
of the first axis outside of the product. Where that axis has a stride, or where adding up many
outputs costs more than copying few inputs, a new axis of length 1 takes its place at the front, and
what remains is textbook im2col.

Groups are a batch of products. Columns are made for a few images at a time and never kept. In the
shape comments, k0 and rows belong to the first axis, k' and P' are the taps and the windows of all
others together, and P are all windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import prod
from typing import Any

from ..core.window import Window
from .image_memory import BUFFERS, parts
from .matmul_numpy import product_in_slabs, slabs_of_sum, sum_in_slabs

__all__ = ["conv", "conv_input", "conv_weight", "empty", "flips", "scratch"]

Shape = tuple[int, ...]


def flips(window: Window, groups: int, w: Shape) -> bool:
    """Is `conv` with flipped filters faster than `conv_input`? If it makes no more columns."""
    return w[0] <= w[1] * groups


def empty(xp: Any, shape: Shape, dtype: Any) -> Any:
    """An array (N, C, *spatial), with channels first in memory."""
    return xp.empty(shape, dtype)


def conv(xp: Any, x: Any, w: Any, window: Window, groups: int, y: Any) -> None:
    """x (N, C, *spatial), w (O, C/G, *k) -> y (N, O, *out), from `empty`."""
    low = lowering(window, groups, x.shape, w.shape)
    grouped = low.grouped(y)
    w = low.by_tap(xp, w)
    term = None
    for part, col in low.columns(xp, x):
        out = grouped[part]
        product_in_slabs(xp, w[0], col[..., low.taps[0]], out)  # (n, G, O/G, P)
        for wi, tap in zip(w[1:], low.taps[1:], strict=True):
            term = xp.empty(out.shape, out.dtype) if term is None else term[: len(out)]
            product_in_slabs(xp, wi, col[..., tap], term)
            out += term


def conv_input(xp: Any, gy: Any, w: Any, window: Window, groups: int, gx: Any) -> None:
    """gy (N, O, *out), w (O, C/G, *k) -> gx (N, C, *spatial), from `empty`: adjoint in x."""
    low = lowering(window, groups, gx.shape, w.shape)
    wt = low.by_tap(xp, w).swapaxes(-1, -2)  # (k0, G, C/G*k', O/G)
    grouped = low.grouped(gy)
    parts = list(low.parts(gx.dtype.itemsize))  # the first one is the largest
    shape = low.column_shape(parts[0].stop if parts else 0)
    cols, several = xp.empty(shape, gx.dtype), len(low.taps) > 1
    terms = xp.empty((*shape[:-1], grouped.shape[-1]), gx.dtype) if several else cols
    for part in parts:
        g, n = grouped[part], part.stop - part.start
        col, term = cols[:n], terms[:n]
        if several:
            col[...] = 0
        for wi, tap in zip(wt, low.taps, strict=True):
            product_in_slabs(xp, wi, g, term)
            if several:
                col[..., tap] += term
        low.window.put(low.frame(xp, col), gx[part].reshape(n, gx.shape[1], *low.spatial))


def conv_weight(xp: Any, x: Any, gy: Any, window: Window, groups: int) -> Any:
    """x (N, C, *spatial), gy (N, O, *out) -> (O, C/G, *k): adjoint in w."""
    shape = (gy.shape[1], x.shape[1] // groups, *window.size)
    low = lowering(window, groups, x.shape, shape)
    gw = xp.zeros(low.weight_shape, x.dtype)
    grouped = low.grouped(gy)
    for part, col in low.columns(xp, x):
        col, g = col.swapaxes(-1, -2), grouped[part]
        for i, tap in enumerate(low.taps):
            gw[i] += sum_in_slabs(xp, g, col[..., tap, :]).sum(axis=0)  # (n, G, O/G, C/G*k')
    return low.from_taps(xp, gw).reshape(shape)


def scratch(kind: str, window: Window, groups: int, x: Shape, w: Shape, itemsize: int) -> int:
    """Bytes that `conv`, `conv_input` or `conv_weight` takes besides arguments and result."""
    low = lowering(window, groups, x, w)
    k0, inner, out = low.weight_shape[0], low.weight_shape[-1], prod(low.out)
    n = next((part.stop for part in low.parts(itemsize)), 0)  # the first part is the largest
    frame = x[1] * prod(low.window.extent(low.out))
    fixed = (2 if kind == "conv_weight" else 1) * prod(w)
    if kind == "conv_input":
        term = groups * inner * out if k0 > 1 else 0
        each = prod(low.column_shape(1)) + term + (frame if low.unrolls else 0)
        fixed += BUFFERS
    else:
        padded = any(map(any, low.window.padding))
        each = (frame if padded else 0) + (prod(low.column_shape(1)) if low.unrolls else 0)
        if kind == "conv_weight":  # for each image, and, before, for each slab of its windows
            each += prod(w) // k0 * (1 + slabs_of_sum(w[0] // groups, out, inner))
        elif k0 > 1:
            each += w[0] * out
    return itemsize * (fixed + n * each)


class Lowering:
    """The shapes in which one convolution is computed, from those of x and w."""

    def __init__(self, window: Window, groups: int, x: Shape, w: Shape) -> None:
        spatial, out = x[2:], window.out(x[2:])
        # measured: copying 3 numbers into columns costs about as much as adding up 2 outputs
        few_inputs = 3 * w[1] * prod(window.size[1:]) < 2 * (w[0] // groups)
        if window.stride[0] > 1 or (few_inputs and window.size[0] > 1):
            window, spatial, out = window.behind_unit_axis(), (1, *spatial), (1, *out)
        self.window, self.spatial, self.out = window, spatial, out
        self.others = window.trailing(1)  # all axes but the first
        self.unrolls = not self.others.is_pointwise
        self.images, self.channels, self.groups = x[0], x[1], groups
        self.rows = window.extent(out)[0]
        step, windows = window.dilation[0] * prod(out[1:]), prod(out)
        # the columns that each tap of the first axis sees
        self.taps = [slice(i * step, i * step + windows) for i in range(window.size[0])]
        inner = x[1] // groups * prod(self.others.size)
        self.weight_shape = (window.size[0], groups, w[0] // groups, inner)

    def column_shape(self, n: int) -> Shape:
        """(n, G, C/G*k', rows*P')."""
        return (n, self.groups, self.weight_shape[-1], self.rows * prod(self.out[1:]))

    def parts(self, itemsize: int) -> Iterator[slice]:
        """The batch in parts: the largest intermediate of an image decides."""
        outputs = prod(self.weight_shape[1:3]) * prod(self.out)
        largest = max(prod(self.column_shape(1)), outputs, prod(self.weight_shape[1:]))
        return parts(self.images, itemsize * largest)

    def grouped(self, y: Any) -> Any:
        """(N, O, *out) -> (N, G, O/G, P)."""
        return y.reshape(len(y), *self.weight_shape[1:3], prod(self.out))

    def by_tap(self, xp: Any, w: Any) -> Any:
        """(O, C/G, *k) -> (k0, G, O/G, C/G*k')."""
        k0, groups, outputs, _ = self.weight_shape
        w = w.reshape(groups, outputs, self.channels // groups, k0, prod(self.others.size))
        return w.transpose(3, 0, 1, 2, 4).reshape(self.weight_shape)

    def from_taps(self, xp: Any, w: Any) -> Any:
        """(k0, G, O/G, C/G*k') -> (G, O/G, C/G, k0, k'): undoes `by_tap`."""
        k0, groups, outputs, _ = self.weight_shape
        w = w.reshape(k0, groups, outputs, self.channels // groups, prod(self.others.size))
        return w.transpose(1, 2, 3, 0, 4)

    def columns(self, xp: Any, x: Any) -> Iterator[tuple[slice, Any]]:
        """Images of x, and their columns (n, G, C/G*k', rows*P'): x itself if nothing is to do.

        The next columns come into the same memory. Other threads make theirs meanwhile: what can be
        said beforehand about all columns is said before the first.
        """
        x = xp.ascontiguousarray(x).reshape(*x.shape[:2], *self.spatial)
        parts = list(self.parts(x.dtype.itemsize))  # the first one is the largest
        n, padded = parts[0].stop if parts else 0, any(map(any, self.window.padding))
        extent = self.window.extent(self.out)
        inside, framed = self.window.overlap(self.spatial, extent)
        x = x[inside]
        if padded:
            frame = xp.zeros((n, self.channels, *extent), x.dtype)
            inner = frame[framed]
        else:
            frame = x
        if self.unrolls:
            axes = len(self.out)
            order = (0, 1, *range(2 + axes, 1 + 2 * axes), *range(2, 2 + axes))
            seen = self.others.views(xp, frame, self.out[1:]).transpose(order)
            room = xp.empty((n, *seen.shape[1:]), x.dtype)
        for part in parts:
            m = part.stop - part.start
            if padded:
                inner[:m] = x[part]
            here = slice(m) if padded else part
            if self.unrolls:
                room[:m] = seen[here]
            col = room[:m] if self.unrolls else frame[here]
            yield part, col.reshape(self.column_shape(m))

    def frame(self, xp: Any, col: Any) -> Any:
        """(n, G, C/G*k', rows*P') -> (n, C, *extent): each column added where it comes from."""
        col = col.reshape(self._unrolled_shape(len(col)))
        shape = (*col.shape[:2], *self.window.extent(self.out))
        if not self.unrolls:
            return col.reshape(shape)
        frame = xp.zeros(shape, col.dtype)
        for i, seen in enumerate(self.others.taps(self.out[1:])):
            frame[seen] += col[:, :, i]
        return frame

    def _unrolled_shape(self, n: int) -> Shape:
        return (n, self.channels, prod(self.others.size), self.rows, *self.out[1:])


lowering = lru_cache(512)(Lowering)  # training asks for the same ones again and again
