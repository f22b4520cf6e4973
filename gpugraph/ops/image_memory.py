"""How a batch of images lies in memory, and how much of it to work on at a time.

The axes are (N, C, *spatial). Channels come before the positions in memory, or last.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["empty_images", "laid_out", "parts"]

# How many bytes of intermediates to hold at a time, if one image takes no more. Measured with an
# L2 cache of 1 MiB: 2 MiB are best, 1 and 4 MiB almost as good.
WORKSPACE = 2 << 20


def parts(n: int, bytes_each: int, least: int = 0) -> Iterator[slice]:
    """Slices of n things, each of as many as fit into WORKSPACE, at least one.

    least: so many bytes are all right, too.
    """
    step = max(1, max(WORKSPACE, least) // max(1, bytes_each))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def empty_images(xp: Any, shape: tuple[int, ...], dtype: Any, last: bool) -> Any:
    """An array of that shape, whose channels come last in memory if `last`.

    No view of another one: the engine adds to gradients that own their memory in place.
    """
    if not last:
        return xp.empty(shape, dtype)
    order = xp.moveaxis(xp.empty((2,) * len(shape), dtype), -1, 1)
    return xp.empty_like(order, shape=shape)


def laid_out(xp: Any, x: Any, last: bool) -> Any:
    """x with its channels last in memory, or before the positions: itself if they are."""
    if not last:
        return xp.ascontiguousarray(x)
    return xp.moveaxis(xp.ascontiguousarray(xp.moveaxis(x, 1, -1)), -1, 1)
