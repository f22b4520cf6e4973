"""How arrays lie in memory, as kernels are told of it."""

from __future__ import annotations

from typing import Any

__all__ = ["elements", "is_dense", "strides_like"]


def elements(x: Any) -> tuple[int, ...]:
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


def strides_like(like: Any, shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The strides of ``numpy.empty_like(like, shape=shape)``: axes in the order of those of like.

    A `like` with another number of axes stands for the usual order.
    """
    axes = list(range(len(shape)))
    if like is not None and like.ndim == len(shape) and not like.flags.c_contiguous:
        if like.flags.f_contiguous:
            axes.reverse()
        else:
            axes.sort(key=lambda axis: -abs(like.strides[axis]))
    strides, step = [0] * len(shape), itemsize
    for axis in reversed(axes):
        strides[axis] = step
        step *= max(1, shape[axis])
    return tuple(strides)
