"""Convolution and its two adjoints on arrays of NumPy or CuPy: the reference, without kernels.

Images become matrices, and images again, in one of three ways, measured to be the fastest each:

    im2col_rows        a row for each window; channels last in memory
    im2col_slices      few channels: long columns for each tap; channels first in memory
    im2col_depthwise   a filter for each channel, too thin for products of matrices

All have axes (N, C, *spatial). Which way an image lies in memory is seen in its strides alone; ops
that work element by element keep it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from ..core.window import Window
from ..cpu.shares import MACS, share, slices_of
from . import im2col_depthwise, im2col_rows, im2col_slices
from .image_memory import spread

__all__ = ["conv", "conv_input", "conv_weight", "scratch"]

Shape = tuple[int, ...]

# Measured, 3x3 filters on images of 32x32: slices are faster from 1 to 16 channels, rows from 24 on
FEW = 16


def way(window: Window, groups: int, w: Shape) -> ModuleType:
    """The module that computes a layer of that size."""
    inputs, outputs = w[1], w[0] // groups
    if groups > 1 and inputs == outputs == 1:
        return im2col_depthwise
    few = max(inputs, outputs) <= FEW
    return im2col_slices if few and not window.is_pointwise else im2col_rows


def conv(xp: Any, x: Any, w: Any, window: Window, groups: int, b: Any = None) -> Any:
    """x (N, C, *spatial), w (O, C/G, *k), b (O) or None -> (N, O, *out)."""
    how = way(window, groups, w.shape)
    y = how.empty(xp, (len(x), len(w), *window.out(x.shape[2:])), x.dtype)

    def work(part: slice) -> None:
        how.conv(xp, x[part], w, window, groups, y[part])
        if b is not None:
            y[part] += spread(xp, b, y)

    _share(xp, y, w.shape, work)
    return y


def conv_input(xp: Any, gy: Any, w: Any, window: Window, groups: int, spatial: Shape) -> Any:
    """gy (N, O, *out), w (O, C/G, *k) -> (N, C, *spatial): adjoint of `conv` in x.

    At stride 1 that is a convolution again, with the filters flipped.
    """
    how = way(window, groups, w.shape)
    full = window.transposed()
    if full is not None and how.flips(window, groups, w.shape):
        return conv(xp, gy, _flipped(xp, w, groups), full, groups)
    gx = how.empty(xp, (len(gy), w.shape[1] * groups, *spatial), gy.dtype)
    _share(xp, gy, w.shape, lambda part: how.conv_input(xp, gy[part], w, window, groups, gx[part]))
    return gx


def conv_weight(xp: Any, x: Any, gy: Any, window: Window, groups: int) -> Any:
    """x (N, C, *spatial), gy (N, O, *out) -> (O, C/G, *k): adjoint of `conv` in w."""
    shape = (gy.shape[1], x.shape[1] // groups, *window.size)
    how = way(window, groups, shape)
    sums = _share(
        xp, gy, shape, lambda part: how.conv_weight(xp, x[part], gy[part], window, groups)
    )
    return sum(sums[1:], start=sums[0])


def _share(xp: Any, y: Any, w: Shape, f: Callable[[slice], Any]) -> list[Any]:
    """f of the images of y, shared among threads."""
    if xp is not np:
        return [f(slice(0, len(y)))]
    return share(len(y), _steps(y.shape, w), f)


def _steps(y: Shape, w: Shape) -> int:
    return prod(y) * prod(w[1:]) // MACS


def scratch(kind: str, window: Window, groups: int, x: Shape, w: Shape, itemsize: int) -> int:
    """Bytes that `conv`, `conv_input` or `conv_weight` takes besides arguments and result.

    If x and gy lie in memory as results of `conv` do. Each thread that takes a share of the batch
    needs its own, and at worst they all need the most at once.
    """
    how, full = way(window, groups, w), window.transposed()
    gy = (x[0], w[0], *window.out(x[2:]))
    if kind == "conv_input" and full is not None and how.flips(window, groups, w):
        turned = (w[1] * groups, w[0] // groups, *w[2:])
        return itemsize * prod(w) + scratch("conv", full, groups, gy, turned, itemsize)
    parts = slices_of(x[0], _steps(gy, w))
    shares = sum(
        how.scratch(kind, window, groups, (part.stop - part.start, *x[1:]), w, itemsize)
        for part in parts
    )
    if kind == "conv_weight" and len(parts) > 1:  # the sums of the shares, then theirs
        return max(shares, (len(parts) + 1) * itemsize * prod(w))
    return shares


def lies(kind: str, window: Window, groups: int, w: Any) -> Any:
    """An array that lies in memory as the images that `conv` or `conv_input` gives: see `Op`."""
    how, full = way(window, groups, w.shape), window.transposed()
    if kind == "conv_input" and full is not None and how.flips(window, groups, w.shape):
        how = way(full, groups, (w.shape[1] * groups, w.shape[0] // groups, *w.shape[2:]))
    return how.empty(np, (2,) * w.ndim, w.dtype)


def _flipped(xp: Any, w: Any, groups: int) -> Any:
    """(O, C/G, *k) -> (C, O/G, *k), the taps of each axis in reverse order."""
    outputs, inputs = len(w) // groups, w.shape[1]
    w = w.reshape(groups, outputs, inputs, *w.shape[2:]).swapaxes(1, 2)
    w = xp.flip(w, axis=tuple(range(3, w.ndim)))
    return w.reshape(groups * inputs, outputs, *w.shape[3:])
