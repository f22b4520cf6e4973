"""Launches of ``gpugraph/cpu/src/group_norm.h``: normalisation of groups of channels of each image.

x (N, C, ...) may lie channels last in memory, or in planes; what comes out lies as x does. Another
layout is copied first.
"""

from __future__ import annotations

from typing import Any

from .channels_cpu import alike, empty_like, sizes, vectors
from .channels_cpu import laid as laid_images

__all__: list[str] = []


def laid(lib: Any, x: Any) -> tuple[Any, bool]:
    """x, or a copy of it, and whether it lies channels last; rows of numbers need no telling."""
    return (lib.xp.ascontiguousarray(x), False) if x.ndim == 2 else laid_images(lib, x)


def group_norm(lib: Any, eps: float, groups: int, x: Any, weight: Any, bias: Any = None) -> Any:
    """What `GroupNorm` gives, or None: not taken."""
    if not lib.takes(x, weight, bias) or not x.size:
        return None
    x, last = laid(lib, x)
    y = empty_like(lib.xp, x, last)
    mean, var = lib.xp.empty((2, x.shape[0], groups), x.dtype)
    arrays = (x, *vectors(lib.xp, weight, bias), y, mean, var)
    lib.call("group_norm", x.dtype, *sizes(x, last), groups, *arrays, eps)
    return y, mean, var


def rms_norm(lib: Any, eps: float, groups: int, x: Any, weight: Any) -> Any:
    """What `RmsNorm` gives, or None: not taken."""
    if not lib.takes(x, weight) or not x.size:
        return None
    x, last = laid(lib, x)
    y, square = empty_like(lib.xp, x, last), lib.xp.empty((x.shape[0], groups), x.dtype)
    arrays = (x, *vectors(lib.xp, weight, None), y, None, square)
    lib.call("group_norm", x.dtype, *sizes(x, last), groups, *arrays, eps)
    return y, square


def group_norm_grad(
    lib: Any, eps: float, groups: int, gy: Any, x: Any, var: Any, mean: Any, weight: Any
) -> Any:
    """What `GroupNormGrad` gives, or None: not taken."""
    if not lib.takes(gy, x, var, mean, weight) or not x.size:
        return None
    x, last = laid(lib, x)
    gx = empty_like(lib.xp, x, last)
    gweight, gbias = lib.xp.empty((2, x.shape[1]), x.dtype)
    arrays = (*alike(lib, last, gy), x, *vectors(lib.xp, mean, var, weight), gx, gweight, gbias)
    lib.call("group_norm_grad", x.dtype, *sizes(x, last), groups, *arrays, eps)
    return gx, gweight, gbias
