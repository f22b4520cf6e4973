"""Elements in other places: pixels from channels and back, windows as columns and back."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..core.window import Window, per_axis
from .arrange import pad
from .conv_functions import batched, tensor_of
from .creation import asarray
from .gather import GetAt, PutAt
from .shape import permute_dims

__all__ = ["channel_shuffle", "fold", "pixel_shuffle", "pixel_unshuffle", "unfold"]


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


def unfold(
    x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Windows as columns (im2col): (N, C, H, W) -> (N, C*kh*kw, L), L windows in row-major order.

    x            or (C, H, W) for one image
    kernel_size, dilation, padding, stride   as in `conv2d` (mind the order, which is PyTorch's)
    A convolution is ``w.reshape(O, -1) @ unfold(x, ...)``.
    """
    x, one = batched("unfold", x, 2)
    window = Window.of("unfold", 2, kernel_size, stride, padding, dilation)
    places = _places(window, window.out(x.shape[2:], "unfold"), x)
    framed = pad(x, [(0, 0), (0, 0), *window.padding]) if any(map(any, window.padding)) else x
    y = apply(GetAt.make((2, 3)), framed, *places)  # (N, C, kh, kw, oh, ow)
    N, C, kh, kw, oh, ow = y.shape
    return y.reshape((C * kh * kw, oh * ow) if one else (N, C * kh * kw, oh * ow))


def fold(
    x: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Columns back to images, added up where windows overlap (col2im): the adjoint of `unfold`.

    x            (N, C*kh*kw, L), or (C*kh*kw, L)
    output_size  (H, W) of the image, or an int for both
    The others as in `unfold`. Returns (N, C, H, W), or (C, H, W).
    """
    x = tensor_of("fold", "x", x)
    if one := x.ndim == 2:
        x = x.reshape((1, *x.shape))
    size = per_axis("fold", "output_size", output_size, 2)
    window = Window.of("fold", 2, kernel_size, stride, padding, dilation)
    (kh, kw), out = window.size, window.out(size, "fold")
    if x.ndim != 3 or x.shape[1] % (kh * kw) or x.shape[2] != out[0] * out[1]:
        raise ShapeError(
            f"fold: x has shape {x.shape}; output_size={size} and kernel_size={window.size} take "
            f"(N, C*{kh * kw}, {out[0] * out[1]})"
        )
    N, C = x.shape[0], x.shape[1] // (kh * kw)
    framed = [n + low + high for n, (low, high) in zip(size, window.padding, strict=True)]
    places = _places(window, out, x)
    put = PutAt.make((2, 3), (N, C, *framed))
    y = apply(put, x.reshape((N, C, kh, kw, *out)), *places)
    if any(map(any, window.padding)):
        (top, _), (left, _) = window.padding
        y = y[:, :, top : top + size[0], left : left + size[1]]
    return y.reshape(y.shape[1:]) if one else y


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


def _places(window: Window, out: tuple[int, ...], x: Tensor) -> list[Tensor]:
    """Rows and columns that each tap of each window sees: (kh, 1, oh, 1) and (1, kw, 1, ow)."""
    rows, columns = (
        np.arange(k)[:, None] * d + np.arange(o) * s
        for k, d, o, s in zip(window.size, window.dilation, out, window.stride, strict=True)
    )
    shaped = rows[:, None, :, None], columns[None, :, None, :]
    return [asarray(places, device=x.device) for places in shaped]
