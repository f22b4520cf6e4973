"""Arrays of NumPy without data: shapes, dtypes and strides, of any size, that take no memory.

They all look at one mapping of zeros that nobody may write to, so they can be read, cut and turned
as any array; which memory two of them share is not to be asked.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from ..cpu.layout import strides_like
from .live import Live

__all__ = ["Blanks", "blank", "is_blank"]

_pages: Any = None  # the mapping; an array keeps that alive which it was made of


def blank(shape: tuple[int, ...], dtype: Any, like: Any = None) -> Any:
    """An array that lies in memory as ``numpy.empty_like(like, dtype, shape=shape)`` would."""
    dtype = np.dtype(dtype)
    strides = strides_like(like, shape, dtype.itemsize)
    size = dtype.itemsize
    for n in shape:
        size *= n
    return np.ndarray(shape, dtype, _zeros(max(1, size)), strides=strides)


def is_blank(array: Any) -> bool:
    """Is it one of these, or a view of one?"""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array is not None


def _zeros(size: int) -> Any:
    """A mapping of at least so many bytes, of addresses alone as long as nobody reads them."""
    global _pages
    if _pages is None or len(_pages) < size:
        size = max(size, 1 << 20)
        if hasattr(mmap, "PROT_READ"):
            _pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ)
        else:
            _pages = mmap.mmap(-1, size, access=mmap.ACCESS_READ)
    return _pages


class Blanks:
    """An array module for rules that make arrays for kernels: theirs are blank, and counted.

    What it doesn't have is NumPy's.
    """

    def __init__(self) -> None:
        self._live = Live()
        self.most = 0  # bytes at once

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def _made(self, array: Any) -> Any:
        self._live.born(array)
        self.most = max(self.most, self._live.bytes)
        return array

    def empty(self, shape: Any, dtype: Any = float) -> Any:
        """As of NumPy."""
        shape = tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)
        return self._made(blank(shape, dtype))

    def empty_like(self, a: Any, dtype: Any = None, shape: Any = None) -> Any:
        """As of NumPy."""
        shape = a.shape if shape is None else tuple(shape)
        return self._made(blank(shape, a.dtype if dtype is None else dtype, a))

    def ascontiguousarray(self, a: Any, dtype: Any = None) -> Any:
        """As of NumPy."""
        dtype = a.dtype if dtype is None else np.dtype(dtype)
        if a.flags.c_contiguous and a.dtype == dtype:
            return a
        return self._made(blank(a.shape, dtype))

    def copyto(self, to: Any, a: Any) -> None:
        """Nothing: there is no data."""
