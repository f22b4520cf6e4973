"""Convolution on CUDA by matrix products of cuBLAS, around kernels of ``conv.cu``.

Images become columns (for the weight gradient: rows), as many at a time as fit into the workspace.
A pointwise layer (1x1, stride 1, no padding) needs none: x and gy are multiplied as they are.

All that is allocated besides the result is allocated once, before the loop over the parts, and
counts against the workspace. Products are made in wide(dtype): 16-bit floats are widened on the
way into columns and rounded once, on the way out.

Source of the method: Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for
Document Processing", 2006.
"""

from __future__ import annotations

from typing import Any

from ..cuda.kernel import wide
from .conv_layer import SUM_SLABS, Layer, kernel, over_planes

__all__ = ["conv", "conv_input", "conv_weight"]

IM2COL = kernel("conv.cu", "im2col", "const T* x, wide<T>* col, Window3 w, long long planes")
IM2ROW = kernel(
    "conv.cu",
    "im2row",
    "const T* x, wide<T>* row, Window3 w, int inputs, int groups, int images, bool by_image, "
    "long long rows",
)
COL2IM = kernel("conv.cu", "col2im", "const wide<T>* col, T* gx, Window3 w, long long planes")
ADD_BIAS = kernel(
    "conv.cu",
    "add_bias",
    "const wide<T>* product, const T* bias, bool biased, T* y, long long channels, "
    "long long windows, long long n",
)


def conv(dev: Any, layer: Layer, x: Any, w: Any, b: Any) -> Any:
    """x (N, C, *spatial), w (O, C/G, *k), b (O) or None -> (N, O, *out)."""
    y = dev.empty(layer.y_shape, x.dtype)
    exact = wide(x.dtype)
    native = exact == x.dtype
    columns = 0 if layer.pointwise and native else layer.groups * layer.terms * layer.windows
    at_once = native and b is None  # else there is a sum to round, or something to add
    products = 0 if at_once else layer.filters * layer.windows
    step = layer.images_at_once(exact.itemsize, columns + products, 0 if native else w.size)
    weight = as_wide(dev, w).reshape(layer.groups, layer.outputs, layer.terms)
    col = dev.empty((step * columns,), exact)
    product = dev.empty((step * products,), exact)
    for part in layer.parts(step):
        target = y[part]
        shape = (len(target), layer.groups, layer.outputs, layer.windows)
        seen = _columns(dev, layer, x[part], col)  # (n, G, C/G*k, P)
        made = dev.gemm(
            weight, seen, out=target.reshape(shape) if at_once else take(product, shape)
        )
        if not at_once:
            bias = w if b is None else b  # the flag keeps another's from being read
            args = made, bias, b is not None, target, layer.filters, layer.windows, target.size
            dev.launch(ADD_BIAS, *args, threads=target.size)
    return y


def conv_input(dev: Any, layer: Layer, gy: Any, w: Any) -> Any:
    """gy (N, O, *out), w (O, C/G, *k) -> (N, C, *spatial): adjoint of `conv` in x."""
    gx = dev.empty(layer.x_shape, gy.dtype)
    exact = wide(gy.dtype)
    native = exact == gy.dtype
    at_once = native and layer.pointwise
    columns = 0 if at_once else layer.groups * layer.terms * layer.windows
    widened = 0 if native else layer.filters * layer.windows
    step = layer.images_at_once(exact.itemsize, columns + widened, w.size)
    turned = dev.empty((layer.groups, layer.terms, layer.outputs), exact)
    turned[...] = w.reshape(layer.groups, layer.outputs, layer.terms).swapaxes(1, 2)
    col, g = dev.empty((step * columns,), exact), dev.empty((step * widened,), exact)
    for part in layer.parts(step):
        n, target = part.stop - part.start, gx[part]
        shape = (n, layer.groups, layer.terms, layer.windows)
        cotangent = gy[part].reshape(n, layer.groups, layer.outputs, layer.windows)
        if not native:
            cotangent = fill(take(g, cotangent.shape), cotangent)
        if at_once:
            dev.gemm(turned, cotangent, out=target.reshape(shape))
            continue
        made = dev.gemm(turned, cotangent, out=take(col, shape))
        if layer.pointwise:
            fill(target, made.reshape(target.shape))
        else:
            planes, size = n * layer.channels, target[0, 0].size
            dev.launch(COL2IM, made, target, layer.struct, planes, **over_planes(planes, size))
    return gx


def conv_weight(dev: Any, layer: Layer, x: Any, gy: Any) -> Any:
    """x (N, C, *spatial), gy (N, O, *out) -> (O, C/G, *k): adjoint of `conv` in w.

    Either one product contracts over the windows of all images of a part, for which gy must be
    turned from images of filters into filters of images; or, where a product is no larger than the
    gy that went into it, there is one for each image, and they are added up.
    """
    exact = wide(x.dtype)
    native = exact == x.dtype
    by_image = layer.terms <= layer.windows
    matrix = (layer.groups, layer.outputs, layer.terms)
    size = layer.filters * layer.terms
    rows = layer.groups * layer.terms * layer.windows
    turned = 0 if by_image and native else layer.filters * layer.windows
    each = rows + turned + (size if by_image else 0)
    step = layer.images_at_once(exact.itemsize, each, 0 if native else size, several=size)

    gw = dev.empty(layer.w_shape, x.dtype)
    total = gw.reshape(matrix) if native else dev.empty(matrix, exact)
    more = dev.empty(matrix if step < layer.images else (0,), exact)
    row, g = dev.empty((step * rows,), exact), dev.empty((step * turned,), exact)
    product = dev.empty((step * size if by_image else 0,), exact)
    for part in layer.parts(step):
        n, target = part.stop - part.start, more if part.start else total
        seen = _rows(dev, layer, x[part], row, by_image)
        cotangent = gy[part].reshape(n, layer.groups, layer.outputs, layer.windows)
        if not by_image:
            cotangent = cotangent.transpose(1, 2, 0, 3)  # (G, O/G, n, P)
        if turned:
            cotangent = fill(take(g, cotangent.shape), cotangent)
        if by_image:
            made = dev.gemm(cotangent, seen, out=take(product, (n, *matrix)))
            dev.launch(SUM_SLABS, made, target, n, size, threads=size)
        else:
            dev.gemm(cotangent.reshape(*matrix[:2], n * layer.windows), seen, out=target)
        if part.start:
            total += more
    if not layer.images:
        total[...] = 0
    if not native:
        fill(gw, total.reshape(gw.shape))
    return gw


def _columns(dev: Any, layer: Layer, x: Any, buffer: Any) -> Any:
    """(n, C, *spatial) -> (n, G, C/G*k, P), in wide."""
    shape = (len(x), layer.groups, layer.terms, layer.windows)
    if layer.pointwise:
        x = x.reshape(shape)
        return fill(take(buffer, shape), x) if buffer.size else x
    col = take(buffer, shape)
    planes = len(x) * layer.channels * layer.taps
    dev.launch(IM2COL, x, col, layer.struct, planes, **over_planes(planes, layer.windows))
    return col


def _rows(dev: Any, layer: Layer, x: Any, buffer: Any, by_image: bool) -> Any:
    """(n, C, *spatial) -> (n, G, P, C/G*k) by image, else (G, n*P, C/G*k), in wide."""
    n, rows = len(x), len(x) * layer.groups * layer.windows
    lead = (n, layer.groups, layer.windows) if by_image else (layer.groups, n * layer.windows)
    row = take(buffer, (*lead, layer.terms))
    dev.launch(
        IM2ROW, x, row, layer.struct, layer.inputs, layer.groups, n, by_image, rows,
        **over_planes(rows, layer.terms),
    )  # fmt: skip
    return row


def as_wide(dev: Any, x: Any) -> Any:
    """x in wide(dtype): itself if it is."""
    exact = wide(x.dtype)
    return x if exact == x.dtype else fill(dev.empty(x.shape, exact), x)


def fill(target: Any, values: Any) -> Any:
    """target[...] = values, converted on the way; gives target."""
    target[...] = values
    return target


def take(buffer: Any, shape: tuple[int, ...]) -> Any:
    """The front of a flat buffer as an array of that shape."""
    size = 1
    for length in shape:
        size *= length
    return buffer[:size].reshape(shape)
