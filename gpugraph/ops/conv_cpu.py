"""Convolution by the compiled kernels of ``gpugraph/cpu/src``: the geometry they are called with.

All three products are sums over the taps, channels last in memory: see ``conv.h`` and
``conv_weight.h`` there, and ``winograd.h`` for 3 x 3 taps at stride 1. The gradient for the input
is, at stride s, s interleaved convolutions of gy: an input position y = s*q + a is seen by the taps
i with a + low - i*d divisible by s, from the windows q + (a + low - i*d)/s. So each phase a has its
own taps, and reads gy without gaps.

What comes out lies channels last, too, under the usual axes (N, C, H, W); what goes in may lie in
any way.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.window import Window
from ..cpu.layout import elements
from .channels_cpu import to_channels_last
from .image_memory import empty_images

__all__ = ["conv", "conv_input", "conv_weight"]

Shape = tuple[int, ...]

FIELDS = (
    "images groups in out height width sn sc sy sx low_y low_x frame_h frame_w rows cols "
    "step_y step_x taps_y taps_x at_y at_x tap_y tap_x w_group w_out w_in w_y w_x w_taps "
    "y_height y_width first_y first_x every_y every_x"
).split()
LISTS = {"at_y", "at_x", "tap_y", "tap_x"}


class Geometry(ctypes.Structure):
    """``Conv`` of ``conv.h``."""

    _fields_ = [(f, ctypes.c_void_p if f in LISTS else ctypes.c_long) for f in FIELDS]

    @classmethod
    def of(cls, **values: Any) -> Any:
        """What is passed to a kernel: a pointer to one with these fields; keeps the lists alive."""
        lists = {name: np.array(values[name], np.int64) for name in LISTS}
        it = cls(**values | {name: array.ctypes.data for name, array in lists.items()})
        it.lists = lists
        return ctypes.pointer(it)


class Axis:
    """Along one axis: where in a frame of zeros the source lies, and what the pixels see of it.

    pixels      how many
    offsets     of the taps, from the source position of pixel 0
    numbers     of those taps in the filter
    step        of the pixels, in the source
    """

    def __init__(self, pixels: int, offsets: Sequence[int], numbers: Sequence[int], step: int):
        order = sorted(range(len(offsets)), key=offsets.__getitem__)
        lowest = offsets[order[0]] if order else 0
        self.pixels, self.step, self.low = pixels, step, -lowest
        self.at = [offsets[i] - lowest for i in order]
        self.taps = [numbers[i] for i in order]
        self.frame = (pixels - 1) * step + (self.at[-1] if order else 0) + 1


def conv(lib: Any, x: Any, w: Any, b: Any, window: Window, groups: int) -> Any:
    """x (N, C, *spatial), w (O, C/G, *k), b (O) or None -> (N, O, *out), or None: not taken."""
    if len(window.size) > 2 or not lib.takes(x, w, b) or not x.size:
        return None
    y = empty_images(lib.xp, (len(x), len(w), *window.out(x.shape[2:])), x.dtype)
    geometry = forward(window, groups, x.shape, elements(x), w.shape)
    w, b = (None if a is None else lib.xp.ascontiguousarray(a) for a in (w, b))
    lib.call("conv", x.dtype, geometry, x, w, b, y)
    return y


def conv_input(lib: Any, gy: Any, w: Any, window: Window, groups: int, spatial: Shape) -> Any:
    """gy (N, O, *out), w (O, C/G, *k) -> (N, C, *spatial), or None: not taken."""
    if len(window.size) > 2 or not lib.takes(gy, w) or not gy.size:
        return None
    gx = empty_images(lib.xp, (len(gy), w.shape[1] * groups, *spatial), gy.dtype)
    w = lib.xp.ascontiguousarray(w)
    for geometry in backward(window, groups, spatial, gy.shape, elements(gy), w.shape):
        lib.call("conv", gy.dtype, geometry, gy, w, None, gx)
    return gx


def conv_weight(lib: Any, x: Any, gy: Any, window: Window, groups: int) -> Any:
    """x (N, C, *spatial), gy (N, O, *out) -> (O, C/G, *k), or None: not taken."""
    if len(window.size) > 2 or not lib.takes(x, gy) or not gy.size:
        return None
    gw = lib.xp.empty((gy.shape[1], x.shape[1] // groups, *window.size), x.dtype)
    geometry = forward(window, groups, x.shape, elements(x), gw.shape)
    lib.call("conv_weight", x.dtype, geometry, x, to_channels_last(lib, gy), gw)
    return gw


def plane(values: Shape, usual: int) -> Shape:
    """Two numbers for a plane: a single axis is its second."""
    return (usual,) * (2 - len(values)) + tuple(values)


@lru_cache(1024)
def forward(window: Window, groups: int, x: Shape, strides: Shape, w: Shape) -> Any:
    """The convolution itself; also for the gradient of the filters."""
    out = window.out(x[2:])
    axes = [
        Axis(o, [i * d - low for i in range(k)], range(k), s)
        for o, k, s, d, (low, _) in zip(
            out, window.size, window.stride, window.dilation, window.padding, strict=True
        )
    ]
    taps = plane(window.size, 1)
    each = taps[0] * taps[1]
    steps = (w[0] // groups * w[1] * each, w[1] * each, each)
    return _geometry(axes, x, strides, groups, w[0], steps, taps, out, (0,) * len(out), (1,) * 2)


@lru_cache(1024)
def backward(
    window: Window, groups: int, spatial: Shape, gy: Shape, strides: Shape, w: Shape
) -> list[Any]:
    """Each phase of the gradient for the input that has positions."""
    taps = plane(window.size, 1)
    each = taps[0] * taps[1]
    steps = (w[0] // groups * w[1] * each, each, w[1] * each)
    phases = [
        [_phase(window, axis, n, a) for a in range(min(window.stride[axis], n))]
        for axis, n in enumerate(spatial)
    ]
    if len(phases) == 1:
        return [
            _geometry([p], gy, strides, groups, w[1] * groups, steps, taps, spatial, (a,), stride)
            for stride in [plane(window.stride, 1)]
            for a, p in enumerate(phases[0])
        ]
    return [
        _geometry(
            [p, q], gy, strides, groups, w[1] * groups, steps, taps, spatial, (a, b), window.stride
        )
        for a, p in enumerate(phases[0])
        for b, q in enumerate(phases[1])
    ]


def _phase(window: Window, axis: int, n: int, a: int) -> Axis:
    """Positions a, a + s, a + 2s, ... of an input axis of length n, as they see the windows."""
    s, d, low = window.stride[axis], window.dilation[axis], window.padding[axis][0]
    taps = [i for i in range(window.size[axis]) if (a + low - i * d) % s == 0]
    return Axis(-(-(n - a) // s), [(a + low - i * d) // s for i in taps], taps, 1)


def _geometry(
    axes: list[Axis],
    source: Shape,
    strides: Shape,
    groups: int,
    channels: int,
    steps: Shape,
    taps: Shape,
    out: Shape,
    first: Shape,
    every: Shape,
) -> Any:
    """One call of the kernel: see ``Conv`` in ``conv.h``.

    steps  in w, from group to group, from output to output, from input to input
    taps   of the filter; out, first, every: the plane that is written, and which pixels of it
    """
    y, x = axes if len(axes) == 2 else (Axis(1, [0], [0], 1), axes[0])
    height, width = plane(source[2:], 1)
    sy, sx = plane(strides[2:], 0)
    if len(axes) == 1:
        sy = width * sx
    return Geometry.of(
        images=source[0], groups=groups, **{"in": source[1]}, out=channels,
        height=height, width=width, sn=strides[0], sc=strides[1], sy=sy, sx=sx,
        low_y=y.low, low_x=x.low, frame_h=y.frame, frame_w=x.frame,
        rows=y.pixels, cols=x.pixels, step_y=y.step, step_x=x.step,
        taps_y=len(y.at), taps_x=len(x.at), at_y=y.at, at_x=x.at, tap_y=y.taps, tap_x=x.taps,
        w_group=steps[0], w_out=steps[1], w_in=steps[2], w_y=taps[1], w_x=1,
        w_taps=taps[0] * taps[1],
        y_height=plane(out, 1)[0], y_width=plane(out, 1)[1],
        first_y=plane(first, 0)[0], first_x=plane(first, 0)[1],
        every_y=plane(every, 1)[0], every_x=plane(every, 1)[1],
    )  # fmt: skip
