"""Depthwise convolution on arrays: each channel has a filter of its own.

Products of matrices would be as thin as one number; what serves are long sums of products of
arrays, element by element. At stride 1, a line of positions and their channels is one run in
memory, over which a tap moves by so many channels: it counts as one long channel, whose filter
repeats.

In the shape comments, a run is (ow*C) at stride 1, ow the last of out, and before are the other
axes of out; else a run is (C), and all are before.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from ..core.window import Window
from .image_memory import BLOCK, empty_images, laid_out, parts

__all__ = ["conv", "conv_input", "conv_weight", "empty", "flips", "scratch"]

Shape = tuple[int, ...]


def flips(window: Window, groups: int, w: Shape) -> bool:
    """Is `conv` with flipped filters faster than `conv_input`? Measured, by a factor of four."""
    return True


empty = empty_images


def conv(xp: Any, x: Any, w: Any, window: Window, groups: int, y: Any) -> None:
    """x (N, C, *spatial), w (C, 1, *k) -> y (N, C, *out), from `empty`."""
    out = y.shape[2:]
    filters = xp.ascontiguousarray(xp.moveaxis(w[:, 0], 0, -1))
    joined = window.stride[-1] == 1
    if joined:
        filters = xp.tile(filters, out[-1])
    images = list(range(1 + len(out) + (not joined)))  # (n, *before, run)
    taps = [len(images) + axis for axis in range(len(out))]
    for part in _parts(x, window, out):
        frame = window.frame(xp, laid_out(xp, x[part]), out)
        seen = _runs(xp, laid_out(xp, frame), window, out, joined)
        target = xp.moveaxis(y[part], 1, -1).reshape(*seen.shape[: len(images) - 1], -1)
        labels = [*images[:-1], *taps, images[-1]]
        xp.einsum(seen, labels, filters, [*taps, images[-1]], images, out=target)


def conv_input(xp: Any, gy: Any, w: Any, window: Window, groups: int, gx: Any) -> None:
    """gy (N, C, *out), w (C, 1, *k) -> gx (N, C, *spatial), from `empty`: adjoint in x."""
    out = gy.shape[2:]
    taps = w.reshape(len(w), prod(window.size)).T.reshape(-1, len(w), *(1,) * len(out))
    for part in _parts(gx, window, out):
        shape = (*gx[part].shape[:2], *window.extent(out))
        frame = xp.zeros_like(gx, shape=shape)
        g = laid_out(xp, gy[part])
        for tap, seen in zip(taps, window.taps(out), strict=True):
            frame[seen] += g * tap
        window.put(frame, gx[part])


def conv_weight(xp: Any, x: Any, gy: Any, window: Window, groups: int) -> Any:
    """x (N, C, *spatial), gy (N, C, *out) -> (C, 1, *k): adjoint in w."""
    out = gy.shape[2:]
    channels = x.shape[1]
    gw = xp.zeros((prod(window.size), channels), x.dtype)
    images = list(range(len(out) + 2))
    line = [images[-1], 1]  # the last axis is summed at last: longer runs, and shorter sums
    for part in _parts(x, window, out):
        frame = window.frame(xp, laid_out(xp, x[part]), out)
        g = laid_out(xp, gy[part])
        for i, seen in enumerate(window.taps(out)):
            gw[i] += xp.einsum(frame[seen], images, g, images, line).sum(axis=0)
    return xp.ascontiguousarray(gw.T).reshape(channels, 1, *window.size)


def scratch(kind: str, window: Window, groups: int, x: Shape, w: Shape, itemsize: int) -> int:
    """Bytes that these take besides arguments and result, if those lie as results of `conv` do."""
    channels, out = x[1], window.out(x[2:])
    framed = kind == "conv_input" or any(map(any, window.padding))
    each = channels * prod(window.extent(out)) if framed else 0
    filters = channels * prod(window.size)
    if kind == "conv" and window.stride[-1] == 1:
        filters *= out[-1]
    if kind == "conv_input":
        each += channels * prod(out)
    most = max((part.stop - part.start for part in _parts_of(x, window, out, itemsize)), default=0)
    return itemsize * (filters + most * each)


def _parts(x: Any, window: Window, out: Shape) -> Iterator[slice]:
    return _parts_of(x.shape, window, out, x.dtype.itemsize)


def _parts_of(x: Shape, window: Window, out: Shape, itemsize: int) -> Iterator[slice]:
    """Images of which the frame and what it becomes are worked on at a time."""
    return parts(x[0], itemsize * x[1] * (prod(window.extent(out)) + prod(out)), BLOCK)


def _runs(xp: Any, frame: Any, window: Window, out: Shape, joined: bool) -> Any:
    """(n, C, *extent) -> (n, *before, *k, run): a view of what each tap of each window sees."""
    frame = xp.moveaxis(frame, 1, -1)
    steps, channel = frame.strides[1:-1], frame.dtype.itemsize
    between = [s * n for s, n in zip(window.stride, steps, strict=True)]
    within = [d * n for d, n in zip(window.dilation, steps, strict=True)]
    before, run = out, frame.shape[-1]
    if joined:
        before, run, between = out[:-1], run * out[-1], between[:-1]
    shape = (len(frame), *before, *window.size, run)
    strides = (frame.strides[0], *between, *within, channel)
    return xp.lib.stride_tricks.as_strided(frame, shape, strides)
