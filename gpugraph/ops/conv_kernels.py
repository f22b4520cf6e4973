"""Convolution on CUDA: what `ops.conv` launches of ``conv.cu``, around matrix products of cuBLAS.

- pointwise (1x1, stride 1, no padding): a product, without columns
- groups of fewer than DIRECT_BELOW channels, depthwise among them: direct kernels. Columns would be
  written and read again for products too thin to pay for it.
- all others: columns (im2col) for as many images at a time as fit into the workspace, and one
  batched product; for the input gradient the other way round (col2im gathers).

Source of the method: Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for
Document Processing", 2006.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from ..core.window import Window
from ..cuda.device import workspace_limit
from ..cuda.geometry import STRUCTS, window3
from ..cuda.kernel import FLOATS, Kernel, wide

__all__ = ["conv", "conv_input", "conv_weight"]

DIRECT_BELOW = 16  # channels per group
SLABS = 32  # how many partial sums a weight gradient is cut into


def _kernel(name: str, params: str) -> Kernel:
    return Kernel("ops/conv.cu", name, params, STRUCTS, T=FLOATS)


_SIZES = "Window3 w, int inputs, int outputs, int groups"
IM2COL = _kernel("im2col", "const T* x, T* col, Window3 w, long long n")
COL2IM = _kernel("col2im", "const wide<T>* col, T* gx, Window3 w, long long n")
GROUPED = _kernel(
    "grouped",
    f"const T* x, const T* weight, const T* bias, bool biased, T* y, {_SIZES}, long long n",
)
GROUPED_INPUT = _kernel(
    "grouped_input", f"const T* gy, const T* weight, T* gx, {_SIZES}, long long n"
)
GROUPED_WEIGHT = _kernel(
    "grouped_weight",
    f"const T* x, const T* gy, wide<T>* partial, {_SIZES}, int images, int slab, long long n",
)
SUM_SLABS = _kernel("sum_slabs", "const wide<T>* partial, T* total, int slabs, long long n")


class _Layer:
    """The sizes of one convolution, and the struct that its kernels take."""

    def __init__(self, window: Window, groups: int, x: tuple[int, ...], w: tuple[int, ...]) -> None:
        self.images, self.channels, self.spatial = x[0], x[1], x[2:]
        self.out = window.out(self.spatial)
        self.groups, self.inputs, self.outputs = groups, w[1], w[0] // groups
        self.taps, self.windows = prod(window.size), prod(self.out)
        self.struct = window3(window, self.spatial, self.out)
        self.sizes = (self.struct, self.inputs, self.outputs, groups)
        self.direct = groups > 1 and self.inputs < DIRECT_BELOW
        self.pointwise = window.is_pointwise and self.spatial == self.out

    def parts(self, itemsize: int) -> Iterator[slice]:
        """The batch in parts whose columns fit into the workspace; at least one image each."""
        each = self.channels * self.taps * self.windows * itemsize
        step = max(1, workspace_limit.get() // max(1, each))
        return (slice(i, min(i + step, self.images)) for i in range(0, self.images, step))

    def columns(self, dev: Any, x: Any) -> Any:
        """(n, C, *spatial) -> (n, G, C/G*k, P)."""
        shape = (len(x), self.groups, self.inputs * self.taps, self.windows)
        if self.pointwise:
            return x.reshape(shape)
        col = dev.empty(shape, x.dtype)
        dev.launch(IM2COL, x, col, self.struct, col.size, threads=col.size)
        return col


def conv(dev: Any, x: Any, w: Any, b: Any, window: Window, groups: int) -> Any:
    """x (N, C, *spatial), w (O, C/G, *k), b (O) or None -> (N, O, *out)."""
    layer = _Layer(window, groups, x.shape, w.shape)
    x, w = dev.contiguous(x), dev.contiguous(w)
    y = dev.empty((layer.images, w.shape[0], *layer.out), x.dtype)
    if layer.direct:
        bias = w if b is None else dev.contiguous(b)  # the flag keeps another's from being read
        args = x, w, bias, b is not None, y, *layer.sizes, y.size
        dev.launch(GROUPED, *args, threads=y.size)
        return y
    exact = wide(y.dtype)
    w = w.reshape(groups, layer.outputs, layer.inputs * layer.taps)
    products = y.reshape(layer.images, groups, layer.outputs, layer.windows)
    for part in layer.parts(x.itemsize):
        columns = layer.columns(dev, x[part])
        if b is None:
            products[part] = dev.gemm(w, columns)  # (n, G, O/G, P)
        else:  # rounded once, after the sum
            product = dev.gemm(w, columns, exact)
            product += b.astype(exact).reshape(groups, layer.outputs, 1)
            products[part] = product
    return y


def conv_input(
    dev: Any, gy: Any, w: Any, window: Window, groups: int, spatial: tuple[int, ...]
) -> Any:
    """gy (N, O, *out), w (O, C/G, *k) -> (N, C, *spatial): adjoint of `conv` in x."""
    gx = dev.empty((len(gy), w.shape[1] * groups, *spatial), gy.dtype)
    layer = _Layer(window, groups, gx.shape, w.shape)
    gy, w = dev.contiguous(gy), dev.contiguous(w)
    if layer.direct:
        dev.launch(GROUPED_INPUT, gy, w, gx, *layer.sizes, gx.size, threads=gx.size)
        return gx
    wt = w.reshape(groups, layer.outputs, layer.inputs * layer.taps).swapaxes(
        1, 2
    )  # (G, C/G*k, O/G)
    gy = gy.reshape(layer.images, groups, layer.outputs, layer.windows)
    for part in layer.parts(gx.itemsize):
        col = dev.contiguous(dev.gemm(wt, gy[part], wide(gx.dtype)))  # (n, G, C/G*k, P)
        if layer.pointwise:
            gx[part] = col.reshape(gx[part].shape)
        else:
            target = gx[part]
            dev.launch(COL2IM, col, target, layer.struct, target.size, threads=target.size)
    return gx


def conv_weight(dev: Any, x: Any, gy: Any, window: Window, groups: int) -> Any:
    """x (N, C, *spatial), gy (N, O, *out) -> (O, C/G, *k): adjoint of `conv` in w."""
    shape = (gy.shape[1], x.shape[1] // groups, *window.size)
    layer = _Layer(window, groups, x.shape, shape)
    x, gy = dev.contiguous(x), dev.contiguous(gy)
    if layer.direct:
        slab = max(1, -(-layer.images // SLABS))
        slabs = max(1, -(-layer.images // slab))
        partial = dev.empty((slabs, *shape), wide(x.dtype))
        dev.launch(
            GROUPED_WEIGHT, x, gy, partial, *layer.sizes, layer.images, slab, partial.size,
            threads=partial.size,
        )  # fmt: skip
        gw = dev.empty(shape, x.dtype)
        dev.launch(SUM_SLABS, partial, gw, slabs, gw.size, threads=gw.size)
        return gw
    gw = dev.xp.zeros((groups, layer.outputs, layer.inputs * layer.taps), wide(x.dtype))
    gy = gy.reshape(layer.images, groups, layer.outputs, layer.windows)
    for part in layer.parts(x.itemsize):
        col = layer.columns(dev, x[part]).swapaxes(2, 3)
        # (n, G, O/G, C/G*k), summed in fixed order
        gw += dev.gemm(gy[part], col, gw.dtype).sum(axis=0)
    return dev.own(gw.reshape(shape).astype(x.dtype, copy=False))
