"""Images and sequences of another size, by PyTorch's names, keywords and conventions.

Every method is separable: along one axis, output i is a weighted sum of a few inputs, the places
and weights of which are computed here on the CPU, in float64. The sum is a gather, a product and a
sum, so gradients of any order are theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.tensor import Tensor, is_floating
from ..core.window import per_axis
from .broadcast import broadcast_to
from .conv_functions import tensor_of
from .creation import asarray
from .index import take
from .pool_adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = ["interpolate"]

AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
AXES = {"linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,)}  # others: any
Taps = tuple[Any, Any]  # (o, T) places, (o, T) weights


def interpolate(
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """x (N, C, ...) with one to three spatial axes, made larger or smaller.

    size          lengths of the spatial axes: an int for all, or one per axis
    scale_factor  instead of size: a number for all axes, or one per axis; floor(n * factor) is
                  the length
    mode          "nearest" (place floor(i * n / o), as OpenCV), "nearest-exact" (the pixel that
                  the middle of the new one lies in), "linear" (N, C, L), "bilinear" and "bicubic"
                  (N, C, H, W; Keys' cubic with a = -0.75), "trilinear" (N, C, D, H, W), "area"
                  (`adaptive_avg_pool2d`)
    align_corners   for the linear and cubic modes. False: pixels are squares, and the corners of
                    the images meet; True: the middles of the corner pixels meet
    recompute_scale_factor  True: work with the ratio of the two lengths, not with scale_factor
    antialias     for bilinear and bicubic (here a = -0.5): when shrinking, average over all pixels
                  under the filter, stretched by the ratio, as Pillow does
    The nearest modes take any dtype, the others floating ones.
    """
    x = tensor_of("interpolate", "x", x)
    axes = x.ndim - 2
    if not 1 <= axes <= 3 or 0 in x.shape[1:]:
        raise ShapeError(
            f"interpolate: x has shape {x.shape}; it takes (N, C) and 1 to 3 spatial axes, none of "
            "length 0"
        )
    _check_mode(mode, axes, align_corners, antialias)
    if mode[:7] != "nearest" and not is_floating(x.dtype):
        raise DtypeError(
            f"interpolate: x is {x.dtype}; mode={mode!r} takes floating-point arrays, "
            "x.astype(gpugraph.float32) makes one"
        )
    out, factors = _lengths(x.shape[2:], size, scale_factor)
    if mode == "area":
        return AREA[axes](x, out)
    if recompute_scale_factor:
        if scale_factor is None:
            raise ArgumentError("interpolate: recompute_scale_factor=True needs a scale_factor")
        factors = (None,) * axes
    for axis, (n, o, factor) in enumerate(zip(x.shape[2:], out, factors, strict=True), start=2):
        x = _resized(x, axis, _taps(mode, n, o, factor, bool(align_corners), antialias))
    return x


def _check_mode(mode: Any, axes: int, align_corners: bool | None, antialias: bool) -> None:
    known = ("nearest", "nearest-exact", "area", *AXES)
    if mode not in known:
        raise ArgumentError(f"interpolate: mode={mode!r} is none of {list(known)}")
    if axes not in AXES.get(mode, (1, 2, 3)):
        raise ArgumentError(
            f"interpolate: mode={mode!r} takes x with {AXES[mode][0]} spatial axes, not {axes}"
        )
    if align_corners is not None and mode not in AXES:
        raise ArgumentError(
            f"interpolate: align_corners={align_corners} has no meaning for mode={mode!r}; leave "
            "it away"
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError("interpolate: antialias=True is for mode 'bilinear' and 'bicubic'")


def _lengths(
    spatial: tuple[int, ...], size: Any, scale_factor: Any
) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The lengths wanted, and the factors where they were given."""
    axes = len(spatial)
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            f"interpolate: size={size!r} and scale_factor={scale_factor!r}; give one of them"
        )
    if size is not None:
        return per_axis("interpolate", "size", size, axes), (None,) * axes
    several = isinstance(scale_factor, (tuple, list))
    factors = tuple(scale_factor) if several else (scale_factor,) * axes
    if len(factors) != axes or not all(isinstance(f, (int, float, np.number)) for f in factors):
        raise ArgumentError(
            f"interpolate: scale_factor={scale_factor!r}; wanted a number, or {axes} of them"
        )
    out = tuple([math.floor(n * float(f)) for n, f in zip(spatial, factors, strict=True)])
    if min(out) < 1:
        raise ArgumentError(
            f"interpolate: scale_factor={scale_factor!r} makes {out} of {spatial}; wanted at "
            "least 1"
        )
    return out, factors


def _resized(x: Tensor, axis: int, taps: Taps) -> Tensor:
    """Output i along the axis: the sum of x at places[i] times weights[i]."""
    places, weights = taps
    (o, T), n = places.shape, x.shape[axis]
    lead, rest = x.shape[:axis], x.shape[axis + 1 :]
    if T == 1:
        if np.array_equal(places[:, 0], np.arange(o) * n // o) and o % n == 0:  # each equally often
            if o == n:
                return x
            wide = broadcast_to(x.reshape((*lead, n, 1, *rest)), (*lead, n, o // n, *rest))
            return wide.reshape((*lead, o, *rest))
        return take(x, asarray(places[:, 0], device=x.device), axis=axis)
    columns = asarray(weights.reshape(o, T, *(1,) * len(rest)), dtype=x.dtype, device=x.device)
    y: Any = None
    for t in range(T):  # one tap after the other: faster than a sum along a short axis
        seen = take(x, asarray(places[:, t].copy(), device=x.device), axis=axis) * columns[:, t]
        y = seen if y is None else y + seen
    return y


def _taps(mode: str, n: int, o: int, factor: Any, align: bool, antialias: bool) -> Taps:
    if align:
        ratio = (n - 1) / (o - 1) if o > 1 else 0.0
    else:
        ratio = 1 / float(factor) if factor else n / o
    i = np.arange(o)
    if n == o and (antialias or mode[-6:] == "linear"):  # PyTorch does not shift these either
        return i[:, None], np.ones((o, 1))
    if antialias:
        return _antialiased(mode, n, i, ratio)
    if mode[:7] == "nearest":
        # In float32: what the ratio's rounding leaves below a whole number, 6.9999999, is that
        place = np.float32((i + (mode != "nearest") / 2) * ratio)
        return np.minimum(np.floor(place).astype(np.int64), n - 1)[:, None], np.ones((o, 1))
    place = i * ratio if align else (i + 0.5) * ratio - 0.5
    if mode == "bicubic":
        first = np.floor(place)
        t = place - np.minimum(first, n - 1)
        places = np.minimum(first, n - 1)[:, None] + np.arange(-1, 3)
        weights = np.stack([cubic(d, -0.75) for d in (t + 1, t, 1 - t, 2 - t)], axis=1)
        return np.clip(places, 0, n - 1).astype(np.int64), weights
    place = np.maximum(place, 0)
    first = np.minimum(np.floor(place), n - 1).astype(np.int64)
    t = np.clip(place - first, 0, 1)
    return (
        np.stack([first, np.minimum(first + 1, n - 1)], axis=1),
        np.stack([1 - t, t], axis=1),
    )


def cubic(d: Any, a: float) -> Any:
    """Keys' kernel at distances d of 0 to 2 (1981, "Cubic convolution interpolation", eq. 4, 15).

    Arrays or tensors.
    """
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, far)


def _antialiased(mode: str, n: int, i: Any, ratio: float) -> Taps:
    """All pixels under the filter, which is as wide as `ratio` pixels of the new image."""
    kernel: Callable[[Any], Any]
    if mode == "bilinear":
        reach, kernel = 1.0, lambda d: 1 - d
    else:
        reach, kernel = 2.0, lambda d: cubic(d, -0.5)
    stretch = max(ratio, 1.0)
    support, middle = reach * stretch, ratio * (i + 0.5)
    first = np.maximum((middle - support + 0.5).astype(np.int64), 0)
    end = np.minimum((middle + support + 0.5).astype(np.int64), n)
    places = first[:, None] + np.arange(int((end - first).max()))
    distance = np.abs(places - middle[:, None] + 0.5) / stretch
    seen = (places < end[:, None]) & (distance < reach)
    weights = np.where(seen, kernel(distance), 0.0)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return np.minimum(places, end[:, None] - 1), weights
