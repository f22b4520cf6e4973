"""Images and sequences of another size, by PyTorch's names, keywords and conventions.

Every method is separable: axis after axis, by a `Resample`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.tensor import Tensor, is_floating
from ..core.window import per_axis
from .broadcast import broadcast_to
from .conv_functions import tensor_of
from .creation import asarray
from .index import take
from .pool_adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from .resample import Grid, Resample

__all__ = ["interpolate"]

AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
AXES = {"linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,)}  # others: any


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
        ratio = 1 / float(factor) if factor else n / o
        x = _resized(x, axis, Grid(n, o, mode, ratio, bool(align_corners), bool(antialias)))
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


def _resized(x: Tensor, axis: int, grid: Grid) -> Tensor:
    """x with another length of an axis."""
    n, o = grid.n, grid.o
    places, weights = grid.taps()
    if len(places) == 1 and (weights == 1).all():
        if np.array_equal(places[0], np.arange(o) * n // o) and o % n == 0:  # each equally often
            if o == n:
                return x
            lead, rest = x.shape[:axis], x.shape[axis + 1 :]
            wide = broadcast_to(x.reshape((*lead, n, 1, *rest)), (*lead, n, o // n, *rest))
            return wide.reshape((*lead, o, *rest))
        if not is_floating(x.dtype):
            return take(x, asarray(places[0], device=x.device), axis=axis)
    return apply(Resample.make(axis, grid), x)
