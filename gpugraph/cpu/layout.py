"""How arrays lie: channels last, under the usual axes (N, C, *spatial), or in any order."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_channels_last", "channels_last", "elements", "is_dense"]

Shape = tuple[int, ...]


def channels_last(shape: Shape, dtype: Any) -> Any:
    """An empty (N, C, *spatial) array that lies (N, *spatial, C)."""
    inner = np.empty((shape[0], *shape[2:], shape[1]), dtype)
    return inner.transpose(0, -1, *range(1, len(shape) - 1))


def as_channels_last(x: Any) -> Any:
    """x, or a copy of it, so that it lies (N, *spatial, C)."""
    turned = x.transpose(0, *range(2, x.ndim), 1)
    if turned.flags.c_contiguous:
        return x
    y = channels_last(x.shape, x.dtype)
    y[...] = x
    return y


def elements(x: Any) -> Shape:
    """The strides of x in elements."""
    return tuple([step // x.itemsize for step in x.strides])


def is_dense(x: Any) -> bool:
    """Does x lie without gaps, its axes in any order?"""
    if x.flags.forc:
        return True
    step = x.itemsize
    for stride, n in sorted(zip(x.strides, x.shape, strict=True)):
        if n != 1:
            if stride != step:
                return False
            step *= n
    return True
