"""Pooling and means by the compiled kernels of ``gpugraph/cpu/src``.

They work channels last. To max pooling an array with the channels first is so many images of one
channel, so both layouts go without a copy, and what comes out lies as what went in.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..core.window import Window
from ..cpu.layout import is_dense
from . import channels_cpu
from .channels_cpu import alike, to_channels_last
from .image_memory import empty_images, laid_out

__all__ = ["avg_pool", "avg_pool_input", "max_pool", "pool_gather", "pool_scatter", "reduced"]

Shape = tuple[int, ...]

SMALL = 8192  # elements that NumPy adds up as fast as it takes to call a kernel


def max_pool(lib: Any, x: Any, window: Window, out: Shape) -> Any:
    """x (N, C, *spatial) -> (y, offset), both (N, C, *out), or None: not taken."""
    if not (lib.takes(x) and x.size and _small(window)):
        return None
    x, last = _settled(lib.xp, x)
    y = _empty(lib.xp, (*x.shape[:2], *out), x.dtype, last)
    offset = _empty(lib.xp, y.shape, np.uint8, last)
    lib.call("max_pool", x.dtype, _geometry(window, x.shape, out, last), x, y, offset)
    return y, offset


def pool_scatter(lib: Any, g: Any, offset: Any, window: Window, spatial: Shape) -> Any:
    """g and offset (N, C, *out) -> (N, C, *spatial), or None: not taken."""
    if not (lib.takes(g) and g.size and _small(window) and offset.dtype == np.uint8):
        return None
    offset, last = _settled(lib.xp, offset)
    (g,) = alike(lib, last, g)
    gx = _empty(lib.xp, (*g.shape[:2], *spatial), g.dtype, last)
    geometry = _geometry(window, gx.shape, g.shape[2:], last)
    lib.call("pool_scatter", g.dtype, geometry, g, offset, gx)
    return gx


def pool_gather(lib: Any, x: Any, offset: Any, window: Window) -> Any:
    """x (N, C, *spatial), offset (N, C, *out) -> (N, C, *out), or None: not taken."""
    if not (lib.takes(x) and x.size and _small(window) and offset.dtype == np.uint8):
        return None
    offset, last = _settled(lib.xp, offset)
    (x,) = alike(lib, last, x)
    y = _empty(lib.xp, offset.shape, x.dtype, last)
    geometry = _geometry(window, x.shape, offset.shape[2:], last)
    lib.call("pool_gather", x.dtype, geometry, x, offset, y)
    return y


def avg_pool(lib: Any, x: Any, window: Window, out: Shape, counts: Any) -> Any:
    """x (N, C, *spatial) -> (N, C, *out), or None: not taken, as with the channels first.

    counts  for each axis, for each window: a window's sum is divided by their product
    """
    if not (lib.takes(x) and x.size):
        return None
    if x.shape[2:] == window.size and not any(map(any, window.padding)):  # one mean of all
        axis, divisor = tuple(range(2, x.ndim)), prod([float(count[0]) for count in counts])
        if divisor == int(divisor):
            y = reduced(lib, x, axis, (*x.shape[:2], *out), int(divisor))
            if y is not None:
                return y
    if len(window.size) > 2 or (not _is_last(x) and x.flags.c_contiguous):
        return None
    x = to_channels_last(lib, x)
    y = empty_images(lib.xp, (*x.shape[:2], *out), x.dtype)
    geometry = _geometry(window, x.shape, out, True)
    lib.call("avg_pool", x.dtype, geometry, *_plane(counts), x, y)
    return y


def avg_pool_input(lib: Any, g: Any, window: Window, spatial: Shape, counts: Any) -> Any:
    """g (N, C, *out) -> (N, C, *spatial), channels last; or None: not taken. counts as above."""
    if not (lib.takes(g) and g.size and len(window.size) < 3):
        return None
    g = to_channels_last(lib, g)
    gx = empty_images(lib.xp, (*g.shape[:2], *spatial), g.dtype)
    geometry = _geometry(window, gx.shape, g.shape[2:], True)
    lib.call("avg_pool_input", g.dtype, geometry, *_plane(counts), g, gx)
    return gx


def reduced(lib: Any, x: Any, axis: Shape, shape: Shape, divisor: int) -> Any:
    """Sums of x along axes over a divisor, of that shape; or None: not taken.

    axis  neighbouring ones, all, or all but that of the channels
    """
    if x.size < SMALL or not axis or not lib.takes(x):
        return None
    if divisor == 1 and axis == (0, *range(2, x.ndim)) and len(axis) > 1:
        if not x.flags.c_contiguous and not _is_last(x):
            return None
        total = channels_cpu.channel_sum(lib, x)
        return None if total is None else total.reshape(shape)
    sizes = _middle(x, axis)
    if sizes is None:
        return None
    y = lib.xp.empty(shape, x.dtype)
    lib.call("mean_middle", x.dtype, x, y, *sizes, divisor)
    return y


def _middle(x: Any, axis: Shape) -> tuple[int, int, int] | None:
    """x as it lies, as (outer, n, inner), with n over these axes; None if it lies otherwise."""
    first, end = axis[0], axis[-1] + 1
    if len(axis) == x.ndim and is_dense(x):
        return 1, x.size, 1
    if end - first != len(axis):
        return None
    if x.flags.c_contiguous:
        outer, inner = prod(x.shape[:first]), prod(x.shape[end:])
    elif first == 2 and end == x.ndim and _is_last(x):
        outer, inner = x.shape[:2]
    else:
        return None
    return outer, x.size // (outer * inner), inner


def _small(window: Window) -> bool:
    """Does it have one or two axes, and few enough taps to number them in a byte?"""
    return len(window.size) < 3 and prod(window.size) < 256


def _is_last(x: Any) -> bool:
    return bool(x.transpose(0, *range(2, x.ndim), 1).flags.c_contiguous)


def _settled(xp: Any, x: Any) -> tuple[Any, bool]:
    """(x, whether its channels are last), copied if it lies in neither way."""
    if _is_last(x):
        return x, True
    return (x, False) if x.flags.c_contiguous else (laid_out(xp, x), True)


def _empty(xp: Any, shape: Shape, dtype: Any, last: bool) -> Any:
    return empty_images(xp, shape, dtype) if last else xp.empty(shape, dtype)


def _plane(counts: Any) -> Any:
    """Counts of one axis or two as those of two."""
    return counts if len(counts) == 2 else (np.ones(1), *counts)


@lru_cache(1024)
def _geometry(window: Window, x: Shape, out: Shape, last: bool) -> Any:
    """``Pool`` of ``max_pool.h``: x is the shape of the array that the windows go over."""
    images, channels, *spatial = x
    low = tuple([pair[0] for pair in window.padding])
    fields = ((*spatial,), out, window.size, window.stride, low, window.dilation)
    usual = (1, 1, 1, 1, 0, 1)  # a single axis is the second
    planes = [(fill,) * (2 - len(field)) + field for field, fill in zip(fields, usual, strict=True)]
    numbers = [images, channels] if last else [images * channels, 1]
    numbers += [n for plane in planes for n in plane]
    return (ctypes.c_long * len(numbers))(*numbers)
