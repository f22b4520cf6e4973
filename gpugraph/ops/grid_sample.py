"""Images sampled at any places, and the places of affine maps (spatial transformers).

Places are in -1 to 1 along each axis, x before y (before z), as in PyTorch. With n pixels along an
axis and align_corners, -1 and 1 are the middles of the first and the last; without, their outer
edges, so that the middles are at (2i + 1)/n - 1.

The value at a place is a sum over its neighbours of pixel times weight; which pixels these are is a
constant, the weights are polynomials of the place. So there are gradients of any order, in both.
Source: Jaderberg et al. 2015, "Spatial transformer networks", arXiv:1506.02025.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.tensor import Tensor, is_floating
from .compare import clip, isfinite, isnan, where
from .conv_functions import tensor_of
from .creation import arange, asarray
from .elementwise import floor, remainder
from .elementwise import round as rounded
from .index import getitem
from .linalg import matmul
from .memory import astype
from .shape import moveaxis

__all__ = ["affine_grid", "grid_sample"]

MODES, PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
OUTSIDE = -100.0  # where an infinite place goes that no border stops: it sees no pixel


def grid_sample(
    x: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """x at the places that grid names, between pixels too.

    x              (N, C, H, W), or (N, C, D, H, W)
    grid           (N, oh, ow, 2), places as (x, y); or (N, od, oh, ow, 3), places as (x, y, z)
    mode           "bilinear" (trilinear in volumes), "nearest" (halves to even; no gradient in
                   grid), "bicubic" (images only; a = -0.75)
    padding_mode   what lies outside: "zeros"; "border", the nearest pixel; "reflection", the image
                   mirrored, at the middle of the border pixels or at their edges (align_corners)
    align_corners  True: -1 and 1 are the middles of the corner pixels; by default False, their
                   outer edges
    NaN counts as -1. Returns (N, C, oh, ow), or (N, C, od, oh, ow).
    """
    x, grid = tensor_of("grid_sample", "x", x), tensor_of("grid_sample", "grid", grid)
    _check(x, grid, mode, padding_mode)
    align, spatial = bool(align_corners), x.shape[2:]
    sampler = Sampler(x, padding_mode, align)
    places = [  # in pixels, one for each axis of x: the last of grid is the first
        _in_pixels(grid[..., len(spatial) - 1 - a], n, align) for a, n in enumerate(spatial)
    ]
    if mode == "bicubic":
        y = _bicubic(sampler, places)
    else:
        places = [sampler.inside(p, n) for p, n in zip(places, spatial, strict=True)]
        y = _nearest(sampler, places) if mode == "nearest" else _linear(sampler, places)
    return moveaxis(y, -1, 1)  # (N, *out, C) -> (N, C, *out)


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Tensor:
    """The places that affine maps take those of an image to: the grid for `grid_sample`.

    theta  (N, 2, 3), or (N, 3, 4) for volumes: place = theta @ (x, y, 1) or (x, y, z, 1)
    size   (N, C, H, W) or (N, C, D, H, W) of the output
    align_corners  as in `grid_sample`
    Returns (N, H, W, 2) or (N, D, H, W, 3).
    """
    theta = tensor_of("affine_grid", "theta", theta)
    if not is_floating(theta.dtype):
        raise DtypeError(f"affine_grid: theta is {theta.dtype}; it must hold floating numbers")
    try:
        lengths = tuple([int(n) for n in size])
    except TypeError:
        lengths = ()
    axes = len(lengths) - 2
    if axes not in (2, 3) or min(lengths) < 1:
        raise ArgumentError(
            f"affine_grid: size={size!r}; wanted (N, C, H, W) or (N, C, D, H, W) of at least 1 each"
        )
    if theta.shape != (lengths[0], axes, axes + 1):
        raise ShapeError(
            f"affine_grid: theta {theta.shape} must be {(lengths[0], axes, axes + 1)} for "
            f"size={lengths}"
        )
    spatial = lengths[2:]
    lines = [_middles(n, bool(align_corners)) for n in spatial]
    mesh = [*reversed(np.meshgrid(*lines, indexing="ij")), np.ones(spatial)]
    places = np.stack(mesh, axis=-1).reshape(-1, axes + 1)  # (H*W, 3): x, y, 1
    base = asarray(places, dtype=theta.dtype, device=theta.device)
    return matmul(base, theta.mT).reshape((lengths[0], *spatial, axes))


def _middles(n: int, align: bool) -> Any:
    """Where the middles of n pixels lie."""
    if align:
        return np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
    return (2 * np.arange(n) + 1) / n - 1


def _check(x: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in MODES or padding_mode not in PADDINGS:
        raise ArgumentError(
            f"grid_sample: mode={mode!r}, padding_mode={padding_mode!r}; wanted one of "
            f"{list(MODES)} and one of {list(PADDINGS)}"
        )
    axes = x.ndim - 2
    if axes not in (2, 3) or 0 in x.shape[2:]:
        raise ShapeError(
            f"grid_sample: x has shape {x.shape}; it takes (N, C, H, W) or (N, C, D, H, W), "
            "without spatial axes of length 0"
        )
    if grid.ndim != x.ndim or grid.shape[-1] != axes or grid.shape[0] != x.shape[0]:
        raise ShapeError(
            f"grid_sample: grid has shape {grid.shape}; for x {x.shape} it must be "
            f"({x.shape[0]}, {'oh, ow' if axes == 2 else 'od, oh, ow'}, {axes})"
        )
    if x.dtype != grid.dtype or not is_floating(x.dtype):
        raise DtypeError(
            f"grid_sample: x is {x.dtype}, grid is {grid.dtype}; both must be of one floating dtype"
        )
    if mode == "bicubic" and axes == 3:
        raise ArgumentError("grid_sample: mode='bicubic' is for images, x has 3 spatial axes")


def _in_pixels(place: Tensor, n: int, align: bool) -> Tensor:
    """From -1 ... 1 to a position among n pixels, 0 being the middle of the first."""
    place = where(isnan(place), -1, place)
    return (place + 1) * ((n - 1) / 2) if align else ((place + 1) * n - 1) / 2


class Sampler:
    """Reads pixels of x (N, C, *spatial), with a rule for what lies outside."""

    def __init__(self, x: Tensor, padding_mode: str, align: bool) -> None:
        self.spatial, self.padding_mode, self.align = x.shape[2:], padding_mode, align
        self.rows = x.reshape((*x.shape[:2], prod(self.spatial)))  # (N, C, H*W)
        self.image = arange(x.shape[0], device=x.device).reshape((-1, *(1,) * (x.ndim - 2)))

    def inside(self, place: Tensor, n: int) -> Tensor:
        """A position of one axis, brought into the image where padding_mode says so."""
        if self.padding_mode == "border":
            return _bounded(place, 0, n - 1)
        finite = isfinite(place)
        place = where(finite, place, 0)
        if self.padding_mode == "reflection":
            low, high = (0.0, n - 1.0) if self.align else (-0.5, n - 0.5)
            place = _bounded(_reflected(place, low, high), 0, n - 1)
        return where(finite, place, OUTSIDE)

    def near(self, place: Tensor, n: int) -> Tensor:
        """A position so near to the image that all is seen that would be seen further out."""
        if self.padding_mode == "reflection":  # of infinity there is no mirror image
            return where(isfinite(place), place, 0)
        return _bounded(place, -3.5, n + 2.5)

    def pixels(self, places: list[Tensor]) -> Tensor:
        """x at whole positions, 0 outside: (N, *out) each -> (N, *out, C)."""
        flat: Any = 0
        seen: Any = True
        for place, n in zip(places, self.spatial, strict=True):
            place = place.detach()
            seen = ((place >= 0) & (place <= n - 1)) & seen
            flat = flat * n + astype(clip(place, 0, n - 1), np.int64)
        values = getitem(self.rows, (self.image, slice(None), flat))
        return where(seen.reshape((*seen.shape, 1)), values, 0)


def _bounded(place: Tensor, low: float, high: float) -> Tensor:
    """A position no further out than these, at which it takes no gradient, as in PyTorch."""
    return where(place <= low, low, where(place >= high, high, place))


def _reflected(place: Tensor, low: float, high: float) -> Tensor:
    """A position mirrored at both ends, as often as needed."""
    span = high - low
    if span == 0:
        return place * 0
    far = where(place < low, low - place, place - low)
    turns = floor(far / span).detach()
    rest = far - turns * span
    return where(remainder(turns, 2) == 0, rest, span - rest) + low


def _nearest(sampler: Sampler, places: list[Tensor]) -> Tensor:
    return sampler.pixels([rounded(p) for p in places])


def _linear(sampler: Sampler, places: list[Tensor]) -> Tensor:
    """The sum over the 2 pixels of each axis around the place."""
    firsts = [floor(p).detach() for p in places]
    ends = [(1 - (p - f), p - f) for p, f in zip(places, firsts, strict=True)]
    total: Any = None
    for corner in product((0, 1), repeat=len(places)):
        weight: Any = None
        for (near, far), c in zip(ends, corner, strict=True):
            share = far if c else near
            weight = share if weight is None else weight * share
        pixels = sampler.pixels([f + c for f, c in zip(firsts, corner, strict=True)])
        term = pixels * weight.reshape((*weight.shape, 1))
        total = term if total is None else total + term
    return total


def _bicubic(sampler: Sampler, places: list[Tensor]) -> Tensor:
    """The sum over 4 x 4 pixels, each of which may lie outside and is brought in by itself."""
    places = [sampler.near(p, n) for p, n in zip(places, sampler.spatial, strict=True)]
    firsts = [floor(p).detach() for p in places]
    weights = [_cubic_weights(p - f) for p, f in zip(places, firsts, strict=True)]
    inside = [
        [sampler.inside(f + (tap - 1), n) for tap in range(4)]
        for f, n in zip(firsts, sampler.spatial, strict=True)
    ]
    total: Any = None
    for i, j in product(range(4), repeat=2):
        weight = weights[0][i] * weights[1][j]
        pixels = sampler.pixels([inside[0][i], inside[1][j]])
        term = pixels * weight.reshape((*weight.shape, 1))
        total = term if total is None else total + term
    return total


def _cubic_weights(t: Tensor, a: float = -0.75) -> list[Tensor]:
    """Keys' kernel at distances t + 1, t, 1 - t and 2 - t."""

    def near(d: Tensor) -> Tensor:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Tensor) -> Tensor:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]
