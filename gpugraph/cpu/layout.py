"""How arrays lie in memory, as kernels are told of it."""

from __future__ import annotations

from typing import Any

__all__ = ["elements", "is_dense"]


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
