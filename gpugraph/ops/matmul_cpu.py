"""Products of two matrices by the compiled kernels: a convolution of one tap, or its gradient.

The rows of a are pixels, its columns channels, and b are the filters; a matrix that lies turned
over is the gradient of such a layer for its filters. Measured, OpenBLAS is no faster, and its
threads, which wait for work in a loop, would take the cores from the other kernels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .conv_cpu import Geometry

__all__ = ["product"]

WORTH = 1 << 16  # multiply-adds: below, NumPy has done before a kernel is called


def product(lib: Any, a: Any, b: Any, bias: Any = None) -> Any:
    """a (m, k) @ b (k, n) + bias (n), or None: not taken."""
    (m, k), n = a.shape, b.shape[1]
    if min(m, n) < 8 or m * k * n < WORTH or not lib.takes(a, b, bias):
        return None
    y = lib.xp.empty((m, n), a.dtype)
    if a.flags.c_contiguous:
        w_in, w_out = (step // b.itemsize for step in b.strides)
        lib.call("conv", a.dtype, layer(m, k, n, w_in, w_out), a, b, contiguous(lib.xp, bias), y)
    elif bias is None and a.flags.f_contiguous:
        x = contiguous(lib.xp, b)
        lib.call("conv_weight", a.dtype, layer(k, n, m, 1, n), x, a.T, y)
    else:
        return product(lib, lib.xp.ascontiguousarray(a), b, bias)
    return y


def contiguous(xp: Any, x: Any) -> Any:
    return None if x is None else xp.ascontiguousarray(x)


@lru_cache(1024)
def layer(pixels: int, inputs: int, outputs: int, w_in: int, w_out: int) -> Any:
    """A layer of one tap over a column of pixels; w_in, w_out: strides of its filters."""
    only = [0]
    return Geometry.of(
        images=1, groups=1, **{"in": inputs}, out=outputs, height=pixels, width=1,
        sn=0, sc=1, sy=inputs, sx=inputs, low_y=0, low_x=0, frame_h=pixels, frame_w=1,
        rows=pixels, cols=1, step_y=1, step_x=1, taps_y=1, taps_x=1,
        at_y=only, at_x=only, tap_y=only, tap_x=only,
        w_group=0, w_out=w_out, w_in=w_in, w_y=1, w_x=1, w_taps=1,
        y_height=pixels, y_width=1, first_y=0, first_x=0, every_y=1, every_x=1,
    )  # fmt: skip
