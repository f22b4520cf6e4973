"""Max unpooling: the maxima back at the places where `max_pool2d` found them, zeros elsewhere."""

from __future__ import annotations

from math import prod
from typing import Any

from ..core.apply import apply
from ..core.backend import MetaArray
from ..core.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from ..core.tensor import Tensor
from ..core.window import per_axis
from .conv_functions import batched, tensor_of
from .creation import arange, zeros
from .gather import SetAt

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


def max_unpool1d(
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """The maxima of sequences back at their places: see `max_unpool2d`."""
    return _max_unpool(1, x, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Zeros, with each element of x where `max_pool2d` had found it.

    x            (N, C, H, W), or (C, H, W) for one image
    indices      as x, integers: what `max_pool2d` returned beside it with return_indices
    kernel_size, stride, padding   those of that pooling: an int, or one per axis
    output_size  lengths of the pooled image, spatial or all, where several fit; by default
                 (H - 1)*stride - 2*padding + kernel_size
    An index that stands twice (windows that overlap) is written to twice; the last one stays, and
    it alone takes the gradient.
    """
    return _max_unpool(2, x, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """The maxima of volumes back at their places: see `max_unpool2d`."""
    return _max_unpool(3, x, indices, kernel_size, stride, padding, output_size)


def _max_unpool(
    axes: int,
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    label = f"max_unpool{axes}d"
    x, one = batched(label, x, axes)
    indices = tensor_of(label, "indices", indices)
    if indices.dtype.kind not in "iu":
        raise DtypeError(f"{label}: indices is {indices.dtype}; max_pool{axes}d gives int64")
    lead = x.shape[1:] if one else x.shape
    if indices.shape != lead:
        raise ShapeError(f"{label}: indices {indices.shape} must have the shape of x, {lead}")
    kernel = per_axis(label, "kernel_size", kernel_size, axes)
    step = kernel if stride is None else per_axis(label, "stride", stride, axes)
    low = per_axis(label, "padding", padding, axes, least=0)
    usual = tuple(
        [(n - 1) * s - 2 * p + k for n, s, p, k in zip(x.shape[2:], step, low, kernel, strict=True)]
    )
    out = usual if output_size is None else _chosen(label, output_size, usual, step)
    rows, columns = prod(x.shape[:2]), prod(x.shape[2:])
    at = indices.reshape((rows, columns))
    if not isinstance(at.array, MetaArray) and at.size:
        least, most = int(at.array.min()), int(at.array.max())
        if least < 0 or most >= prod(out):
            raise IndexRangeError(
                f"{label}: index {least if least < 0 else most} lies outside of an image of "
                f"{out}; is it the output_size of the pooling?"
            )
    blank = zeros((rows, prod(out)), dtype=x.dtype, device=x.device)
    row = arange(rows, device=x.device).reshape((rows, 1))
    y = apply(SetAt.make((0, 1)), blank, x.reshape((rows, columns)), row, at)
    return y.reshape((*x.shape[1:2], *out) if one else (*x.shape[:2], *out))


def _chosen(
    label: str, output_size: Any, usual: tuple[int, ...], step: tuple[int, ...]
) -> tuple[int, ...]:
    """The output size asked for, if the pooling could have come from it."""
    try:
        out = tuple([int(n) for n in output_size])[-len(usual) :]
    except TypeError:
        out = ()
    near = len(out) == len(usual) and all(
        u - s < o < u + s for o, u, s in zip(out, usual, step, strict=True)
    )
    if not near:
        raise ArgumentError(
            f"{label}: output_size={output_size!r}; wanted {len(usual)} lengths less than a stride "
            f"{step} away from {usual}"
        )
    return out
