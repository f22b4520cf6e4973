"""How a batch of images lies in memory, and how much of it to work on at a time.

The axes are (N, C, *spatial). In memory, channels come before the positions, or last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import prod
from typing import Any, TypeVar

import numpy as np

from ..cpu.shares import share, slices_of

__all__ = ["at_once", "empty_images", "laid_out", "parts", "shared_blocks"]

R = TypeVar("R")

# How many bytes of intermediates to hold at a time, if one image takes no more. Measured with an
# L2 cache of 1 MiB: for convolutions on one core 1 and 2 MiB are alike, on two 1 MiB is a tenth
# quicker than 2 MiB and a quarter than 0.5 MiB; other loops do better with fewer and longer calls.
WORKSPACE = 1 << 20
BLOCK = 2 << 20

# Elements that NumPy has room for where it adds up arrays that lie in memory in different ways
BUFFERS = 3 * np.getbufsize()

IMAGE = 1 << 18  # bytes of an image that stays in the cache beside others that are read


def parts(n: int, bytes_each: int, most: int = WORKSPACE) -> Iterator[slice]:
    """Slices of n things, each of as many as fit into so many bytes, at least one."""
    step = max(1, most // max(1, bytes_each))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def shared_blocks(xp: Any, x: Any, passes: int, f: Callable[[slice], R]) -> list[R]:
    """What f gives for slices of the first axis of x, in their order; threads share them.

    Of so many things that what f makes of them stays small: BLOCK for each array like x. Fewer
    would be quicker in one thread, where caches are small, but not in several, which take turns
    with what is not inside of NumPy's loops.

    passes: how often f goes through x and what it makes of it, about.
    """

    def blocks(part: slice) -> list[R]:
        n, each = part.stop - part.start, x[:1].nbytes
        return [f(slice(part.start + b.start, part.start + b.stop)) for b in parts(n, each, BLOCK)]

    if xp is not np:
        return blocks(slice(0, len(x)))
    done = share(len(x), passes * x.size, blocks)
    return [one for of_thread in done for one in of_thread]


def at_once(n: int, size: int, itemsize: int, passes: int) -> int:
    """Of n things of so many elements, how many the threads of `shared_blocks` work on together."""
    shares = slices_of(n, passes * n * size)
    blocks = [parts(one.stop - one.start, itemsize * size, BLOCK) for one in shares]
    return sum(max((b.stop - b.start for b in each), default=0) for each in blocks)


def empty_images(xp: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """An array (N, C, *spatial) whose channels come last in memory.

    No view of another one: the engine adds to gradients that own their memory in place.
    """
    return xp.empty_like(_pattern(xp, len(shape), dtype), shape=shape)


@lru_cache
def _pattern(xp: Any, ndim: int, dtype: Any) -> Any:
    """An array with channels last in memory, to be told which order is meant."""
    return xp.moveaxis(xp.empty((2,) * ndim, dtype), -1, 1)


def laid_out(xp: Any, x: Any) -> Any:
    """x (N, C, *spatial) with its channels last in memory: itself if they are."""
    x = xp.ascontiguousarray(x.transpose(0, *range(2, x.ndim), 1))
    return x.transpose(0, -1, *range(1, x.ndim - 1))


def channels_last(x: Any) -> bool:
    """Are the channels of x (N, C, *spatial) next to each other in memory, and no positions?"""
    return x.ndim > 2 and x.strides[1] < x.strides[-1]


def spread(xp: Any, v: Any, x: Any) -> Any:
    """A number for each channel (C), in a shape to broadcast against x (N, C, *spatial).

    Repeated along a line where channels come last, over an image where they come first: NumPy is
    slow with short runs, and with numbers that stay the same for a run.
    """
    if channels_last(x):
        line = xp.tile(v, x.shape[-1]).reshape(1, *(1,) * (x.ndim - 3), x.shape[-1], -1)
        return xp.moveaxis(line, -1, 1)
    return xp.repeat(v, prod(x.shape[2:])).reshape(1, *x.shape[1:])


def images_first(x: Any) -> bool:
    """Channels first: is it quick to add up some images to one? One stays in the cache, then."""
    return len(x) > 1 and x.ndim > 2 and x[0].nbytes <= IMAGE and x.dtype.char in "fd"


def channel_sum(x: Any) -> Any:
    """(N, C, *spatial) -> (C): the sum over all axes but that of the channels."""
    if channels_last(x):  # lines first, which are long runs in memory
        return x.sum(axis=(0, *range(2, x.ndim - 1))).sum(axis=-1)
    if images_first(x):
        return x.sum(axis=0).sum(axis=tuple(range(1, x.ndim - 1)))
    return x.sum(axis=(0, *range(2, x.ndim)))


def channel_total(xp: Any, x: Any) -> Any:
    """`channel_sum` in `shared_blocks`; 0 of no images."""
    sums = shared_blocks(xp, x, 1, lambda part: channel_sum(x[part]))
    return sum(sums, start=xp.zeros(x.shape[1], x.dtype))


def channel_dot(xp: Any, a: Any, b: Any) -> Any:
    """`channel_sum` of a * b, which is not made."""
    axes = list(range(a.ndim))
    if channels_last(a):
        return xp.einsum(a, axes, b, axes, [1, axes[-1]]).sum(axis=-1)
    if images_first(a):
        return xp.einsum(a, axes, b, axes, axes[1:]).sum(axis=tuple(range(1, a.ndim - 1)))
    return xp.einsum(a, axes, b, axes, [0, 1]).sum(axis=0)


def spread_rows(xp: Any, v: Any, x: Any) -> Any:
    """Numbers (N or 1, m), each for C / m channels of x (N, C, *spatial), to broadcast with x."""
    C, lines = x.shape[1], channels_last(x)
    if v.shape[1] != C and (lines or v.shape[1] != 1):
        v = xp.repeat(v, C // max(1, v.shape[1]), axis=1)
    if lines:  # repeated along a line, as in `spread`
        v = xp.tile(v[:, None], (1, x.shape[-1], 1))
        return xp.moveaxis(v.reshape(len(v), *(1,) * (x.ndim - 3), x.shape[-1], C), -1, 1)
    return v.reshape(*v.shape, *(1,) * (x.ndim - 2))


def position_sums(x: Any) -> Any:
    """(N, C, *spatial) -> (N, C): the sums over positions."""
    if channels_last(x) and x.ndim > 3:  # lines first, which are long runs in memory
        return x.sum(axis=tuple(range(2, x.ndim - 1))).sum(axis=-1)
    return x.sum(axis=tuple(range(2, x.ndim))) if x.ndim > 2 else x


def position_dots(xp: Any, a: Any, b: Any) -> Any:
    """`position_sums` of a * b, which is not made."""
    axes = list(range(a.ndim))
    if a.ndim == 2:
        return a * b
    if channels_last(a):
        return xp.einsum(a, axes, b, axes, [0, 1, axes[-1]]).sum(axis=-1)
    return xp.einsum(a, axes, b, axes, [0, 1])


def lines_first(x: Any, axis: tuple[int, ...]) -> bool:
    """Are the axes those of positions (and images) of x (N, C, *spatial), channels last?"""
    if x.ndim < 4 or not channels_last(x) or x.dtype.kind != "f":
        return False
    positions = tuple(range(2, x.ndim))
    return axis in (positions, (0, *positions))


def sum_along(xp: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The sum; with `lines_first`, of whole lines first, which are long runs in memory."""
    if not lines_first(x, axis):
        return xp.sum(x, axis=axis, keepdims=keepdims)
    lines = xp.sum(x, axis=axis[:-1], keepdims=True)
    y = xp.sum(lines, axis=-1, keepdims=True)
    return y if keepdims else y.reshape([n for i, n in enumerate(x.shape) if i not in axis])
