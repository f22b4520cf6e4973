"""Pooling to a given output size, and pooling by a norm: PyTorch's names and keywords.

Window i of n elements for o outputs is floor(i*n/o) to ceil((i+1)*n/o). Windows differ in length
by one at most and are gathered as equally long rows, so a NaN or an infinity stays in its windows.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError
from ..core.methods import public
from ..core.tensor import Tensor, is_floating
from ..core.window import Window, per_axis
from .avg_pool import AvgPool
from .broadcast import broadcast_to
from .compare import where
from .conv_functions import batched
from .creation import asarray
from .elementwise import abs as absolute
from .extrema import argmax
from .index import take, take_along_axis
from .pool_functions import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
]


@public
def adaptive_avg_pool1d(x: Any, output_size: Any) -> Tensor:
    """Means of x (N, C, L) over output_size parts: see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool(1, x, output_size)


@public
def adaptive_avg_pool2d(x: Any, output_size: Any) -> Tensor:
    """Means over windows chosen so that the output has that size.

    x            (N, C, H, W), or (C, H, W) for one image
    output_size  an int for both axes, or (oh, ow); None keeps the length of x
    Returns (N, C, oh, ow). Window i of an axis of length n is floor(i*n/o) to ceil((i+1)*n/o).
    """
    return _adaptive_avg_pool(2, x, output_size)


@public
def adaptive_avg_pool3d(x: Any, output_size: Any) -> Tensor:
    """Means of x (N, C, D, H, W) over output_size parts: see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool(3, x, output_size)


@public
def adaptive_max_pool1d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of x (N, C, L) over output_size parts: see `adaptive_max_pool2d`."""
    return _adaptive_max_pool(1, x, output_size, return_indices)


@public
def adaptive_max_pool2d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over the windows of `adaptive_avg_pool2d`.

    x, output_size   as there
    return_indices   return (y, indices), indices int64: where each maximum lies in an image of H*W
    The first maximum of a window in row-major order takes the whole gradient; the first NaN wins.
    """
    return _adaptive_max_pool(2, x, output_size, return_indices)


@public
def adaptive_max_pool3d(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima of x (N, C, D, H, W) over output_size parts: see `adaptive_max_pool2d`."""
    return _adaptive_max_pool(3, x, output_size, return_indices)


@public
def lp_pool1d(
    x: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The p-th root of the sum of p-th powers in each window of x (N, C, L): see `lp_pool2d`."""
    return _lp_pool(1, x, norm_type, kernel_size, stride, ceil_mode)


@public
def lp_pool2d(
    x: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^p over each window)^(1/p).

    x            (N, C, H, W), or (C, H, W) for one image
    norm_type    p, not 0; inf gives the maximum
    kernel_size, stride, ceil_mode   as in `max_pool2d`
    Powers are of x, not of |x|: with an odd p a window with a negative sum gives NaN, as in
    PyTorch. Where the sum is 0 the gradient is 0. A window that hangs out in ceil_mode counts as if
    it were full: its mean of powers times the size of the kernel.
    """
    return _lp_pool(2, x, norm_type, kernel_size, stride, ceil_mode)


@public
def lp_pool3d(
    x: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The p-th root of the sum of p-th powers in each window of x (N, C, D, H, W): `lp_pool2d`."""
    return _lp_pool(3, x, norm_type, kernel_size, stride, ceil_mode)


def _adaptive_avg_pool(axes: int, x: Any, output_size: Any) -> Tensor:
    label = f"adaptive_avg_pool{axes}d"
    x, one = batched(label, x, axes)
    out = _output_size(label, x, axes, output_size)
    spatial = x.shape[2:]
    if not any(n % o for n, o in zip(spatial, out, strict=True)):
        size = tuple([n // o for n, o in zip(spatial, out, strict=True)])
        y = apply(AvgPool.make(Window.of(label, axes, size, size)), x)
    else:
        y = x
        for axis, (n, o) in enumerate(zip(spatial, out, strict=True), start=2):
            y = _means(y, axis, n, o)
    return y.reshape(y.shape[1:]) if one else y


def _means(x: Tensor, axis: int, n: int, o: int) -> Tensor:
    """The means of o windows of one axis of length n."""
    if n == o:
        return x
    places, inside = _windows(n, o)
    after = (1,) * (x.ndim - axis - 1)
    y = take(x, asarray(places, device=x.device), axis=axis)  # (..., o, k, ...)
    if not inside.all():
        y = where(asarray(inside.reshape(*inside.shape, *after), device=x.device), y, 0)
    lengths = inside.sum(1).reshape(o, *after)
    return y.sum(axis=axis + 1) / asarray(lengths, dtype=x.dtype, device=x.device)


def _windows(n: int, o: int) -> tuple[Any, Any]:
    """(o, k): the places that each window sees, filled up with its last, and which are its own."""
    first = np.arange(o) * n // o
    end = -(-(np.arange(o) + 1) * n // o)
    k = int((end - first).max())
    places = first[:, None] + np.arange(k)
    return np.minimum(places, end[:, None] - 1), places < end[:, None]


def _adaptive_max_pool(axes: int, x: Any, output_size: Any, return_indices: bool) -> Any:
    label = f"adaptive_max_pool{axes}d"
    x, one = batched(label, x, axes)
    out = _output_size(label, x, axes, output_size)
    spatial = x.shape[2:]
    flat, seen = np.zeros((1, 1), np.int64), 1  # places in the image: (windows, elements of each)
    for n, o in zip(spatial, out, strict=True):
        places, _ = _windows(n, o)  # a place twice changes no maximum, and the first one wins
        flat = flat[:, None, :, None] * n + places[None, :, None, :]
        seen *= o
        flat = flat.reshape(seen, -1)
    image = x.reshape((*x.shape[:2], prod(spatial)))  # (N, C, H*W)
    where_ = asarray(flat, device=x.device)
    best = argmax(take(image.detach(), where_, axis=2), axis=3)  # (N, C, windows)
    rows = broadcast_to(where_, (*x.shape[:2], *flat.shape))
    indices = take_along_axis(rows, best.reshape((*best.shape, 1)), axis=3)[..., 0]
    y = take_along_axis(image, indices, axis=2)
    shape = (*x.shape[1:2], *out) if one else (*x.shape[:2], *out)
    return (y.reshape(shape), indices.reshape(shape)) if return_indices else y.reshape(shape)


def _output_size(label: str, x: Tensor, axes: int, output_size: Any) -> tuple[int, ...]:
    """The output size in numbers; refuses integers and images without elements, too."""
    spatial = x.shape[2:]
    if not is_floating(x.dtype):
        raise DtypeError(
            f"{label}: x is {x.dtype}; it takes floating-point arrays, "
            "x.astype(gpugraph.float32) makes one"
        )
    if isinstance(output_size, (tuple, list)) and len(output_size) == axes:
        output_size = tuple([n if o is None else o for n, o in zip(spatial, output_size)])
    out = per_axis(label, "output_size", spatial if output_size is None else output_size, axes)
    Window.of(label, axes, 1).out(spatial, label)  # refuses an axis of length 0
    return out


AVG = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
MAX = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


def _lp_pool(
    axes: int, x: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    label = f"lp_pool{axes}d"
    if not isinstance(norm_type, (int, float)) or norm_type == 0 or norm_type != norm_type:
        raise ArgumentError(f"{label}: norm_type={norm_type!r} must be a number other than 0")
    x, one = batched(label, x, axes)
    if norm_type == np.inf:
        y = MAX[axes](absolute(x), kernel_size, stride, ceil_mode=ceil_mode)
    else:
        taps = prod(per_axis(label, "kernel_size", kernel_size, axes))
        total = AVG[axes](x**norm_type, kernel_size, stride, ceil_mode=ceil_mode) * taps
        nothing = total == 0  # where the root has no slope
        y = where(nothing, 0, where(nothing, 1, total) ** (1 / norm_type))
    return y.reshape(y.shape[1:]) if one else y
