"""Elements in other places: pixels from channels and back, channels dealt out anew."""

from __future__ import annotations

from operator import index
from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..core.window import per_axis
from .conv_functions import tensor_of
from .shape import permute_dims

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def pixel_shuffle(x: Any, upscale_factor: int) -> Tensor:
    """Channels to pixels: (..., C*r*r, H, W) -> (..., C, H*r, W*r), r being upscale_factor.

    y[c, h*r + i, w*r + j] = x[c*r*r + i*r + j, h, w]
    Source: Shi et al. 2016, arXiv:1609.05158.
    """
    x, r = _image("pixel_shuffle", x, "upscale_factor", upscale_factor)
    *lead, C, H, W = x.shape
    if C % (r * r):
        raise ShapeError(
            f"pixel_shuffle: x {x.shape} has {C} channels, which must be a multiple of "
            f"upscale_factor^2 = {r * r}"
        )
    y = x.reshape((*lead, C // (r * r), r, r, H, W))
    return _permuted(y, 5, (0, 3, 1, 4, 2)).reshape((*lead, C // (r * r), H * r, W * r))


def pixel_unshuffle(x: Any, downscale_factor: int) -> Tensor:
    """Pixels to channels, the inverse of `pixel_shuffle`: (..., C, H*r, W*r) -> (..., C*r*r, H, W).

    y[c*r*r + i*r + j, h, w] = x[c, h*r + i, w*r + j]
    """
    x, r = _image("pixel_unshuffle", x, "downscale_factor", downscale_factor)
    *lead, C, H, W = x.shape
    if H % r or W % r:
        raise ShapeError(
            f"pixel_unshuffle: x {x.shape} is {H}x{W}, which must be multiples of "
            f"downscale_factor={r}"
        )
    y = x.reshape((*lead, C, H // r, r, W // r, r))
    return _permuted(y, 5, (0, 2, 4, 1, 3)).reshape((*lead, C * r * r, H // r, W // r))


def channel_shuffle(x: Any, groups: int) -> Tensor:
    """Channels of x (N, C, ...) dealt out anew: channel k*groups + g was g*(C/groups) + k.

    Source: Zhang et al. 2018, "ShuffleNet", arXiv:1707.01083.
    """
    x = tensor_of("channel_shuffle", "x", x)
    (groups,) = per_axis("channel_shuffle", "groups", groups, 1)
    if x.ndim < 3 or x.shape[1] % groups:
        raise ShapeError(
            f"channel_shuffle: x {x.shape} must be (N, C, ...), and C a multiple of groups={groups}"
        )
    N, C, *rest = x.shape
    return x.reshape((N, groups, C // groups, *rest)).swapaxes(1, 2).reshape(x.shape)


def _image(label: str, x: Any, name: str, factor: Any) -> tuple[Tensor, int]:
    x = tensor_of(label, "x", x)
    try:
        r = index(factor)
    except TypeError:
        r = 0
    if r < 1:
        raise ArgumentError(f"{label}: {name}={factor!r}; wanted an int of at least 1")
    if x.ndim < 3:
        raise ShapeError(f"{label}: x has shape {x.shape}; it takes (..., C, H, W)")
    return x, r


def _permuted(x: Tensor, n: int, order: tuple[int, ...]) -> Tensor:
    """The last n axes in another order."""
    lead = x.ndim - n
    return permute_dims(x, (*range(lead), *(lead + a for a in order)))
