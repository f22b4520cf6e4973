"""Convolution on CUDA without columns: what is launched of ``direct.cu``.

For groups of few channels, where matrix products would be too thin; depthwise layers are groups of
one, with any number of filters each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cuda.device import THREADS
from ..cuda.geometry import STRUCTS
from ..cuda.kernel import FLOATS, Kernel, wide
from .conv_layer import BLOCKS, SUM_SLABS, Layer, blocks_for, kernel, over_planes

__all__ = ["conv", "conv_input", "conv_weight"]

SLABS = np.dtype([(n, np.int32) for n in ("images", "in_slab", "piece", "pieces", "width")])
SHORTEST_PIECE = 4 * THREADS  # windows: fewer are not worth a block of their own

_SIZES = "Window3 w, int inputs, int outputs, int groups, long long planes"
DIRECT = kernel(
    "direct.cu",
    "direct",
    f"const T* x, const T* weight, const T* bias, bool biased, T* y, {_SIZES}",
)
DIRECT_INPUT = kernel("direct.cu", "direct_input", f"const T* gy, const T* weight, T* gx, {_SIZES}")
DIRECT_WEIGHT_9, DIRECT_WEIGHT_27 = (
    Kernel(
        "ops/direct.cu",
        name,
        "const T* x, const T* gy, wide<T>* partial, Window3 w, Slabs slabs, int inputs, "
        "int outputs, long long blocks, long long filters",
        {**STRUCTS, "Slabs": SLABS},
        T=FLOATS,
    )
    for name in ("direct_weight_9", "direct_weight_27")
)


def conv(dev: Any, layer: Layer, x: Any, w: Any, b: Any) -> Any:
    """x (N, C, *spatial), w (O, C/G, *k), b (O) or None -> (N, O, *out)."""
    y = dev.empty(layer.y_shape, x.dtype)
    bias = w if b is None else b  # the flag keeps another's from being read
    planes = layer.images * layer.filters
    dev.launch(
        DIRECT, x, w, bias, b is not None, y, *_sizes(layer), planes,
        **over_planes(planes, layer.windows),
    )  # fmt: skip
    return y


def conv_input(dev: Any, layer: Layer, gy: Any, w: Any) -> Any:
    """gy (N, O, *out), w (O, C/G, *k) -> (N, C, *spatial): adjoint of `conv` in x."""
    gx = dev.empty(layer.x_shape, gy.dtype)
    planes = layer.images * layer.channels
    size = gx.size // max(1, planes)
    dev.launch(DIRECT_INPUT, gy, w, gx, *_sizes(layer), planes, **over_planes(planes, size))
    return gx


def conv_weight(dev: Any, layer: Layer, x: Any, gy: Any) -> Any:
    """x (N, C, *spatial), gy (N, O, *out) -> (O, C/G, *k): adjoint of `conv` in w."""
    many = layer.taps > 9
    chunks = -(-layer.taps // (27 if many else 9))
    per_slab = layer.filters * layer.inputs * chunks
    cut, slabs, threads = cut_into_slabs(layer, per_slab)
    partial = dev.empty((slabs, *layer.w_shape), wide(x.dtype))
    dev.launch(
        DIRECT_WEIGHT_27 if many else DIRECT_WEIGHT_9, x, gy, partial, layer.struct, cut,
        layer.inputs, layer.outputs, per_slab * slabs, layer.filters,
        grid=(blocks_for(per_slab * slabs),), block=threads,
    )  # fmt: skip
    gw = dev.empty(layer.w_shape, x.dtype)
    dev.launch(SUM_SLABS, partial, gw, slabs, gw.size, threads=gw.size)
    return gw


def cut_into_slabs(layer: Layer, per_slab: int) -> tuple[Any, int, int]:
    """(struct, slabs, threads per block): some images each, and pieces of planes if they are few.

    It depends on the sizes alone, so that equal calls give equal bits on every GPU.
    """
    wanted = max(1, BLOCKS // max(1, per_slab))
    in_slab = max(1, -(-layer.images // wanted))
    cuts = max(1, -(-layer.images // in_slab))
    pieces = max(1, min(wanted // cuts, -(-layer.windows // SHORTEST_PIECE)))
    piece = -(-layer.windows // pieces)
    pieces = -(-layer.windows // piece)
    width = min(THREADS, _power_of_2(piece))
    threads = max(32, min(THREADS, width * _power_of_2(in_slab)))
    struct = np.array([(layer.images, in_slab, piece, pieces, width)], SLABS)
    return struct, cuts * pieces, threads


def _sizes(layer: Layer) -> tuple[Any, ...]:
    return layer.struct, layer.inputs, layer.outputs, layer.groups


def _power_of_2(n: int) -> int:
    """The smallest that is at least n."""
    return 1 << max(0, n - 1).bit_length()
