"""Whole arrays repeated, turned and put together: tile, repeat, rot90, hstack and kin.

All are composed of the ops of shape.py, arrange.py and join.py.
"""

from __future__ import annotations

import math
from itertools import accumulate
from operator import index
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, AxisError, DtypeError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.spec import broadcast
from ..core.tensor import Tensor
from .arrange import flip
from .broadcast import broadcast_to, lengths_of
from .index import take
from .join import concat, split
from .shape import axes_of, expand_dims, reshape, shape_of, swapaxes

__all__ = [
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_shapes",
    "chunk",
    "column_stack",
    "dsplit",
    "dstack",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "repeat",
    "rot90",
    "tile",
    "unflatten",
    "unsqueeze",
    "vsplit",
    "vstack",
]


@public
def tile(x: Any, repetitions: Any, /) -> Tensor:
    """x laid side by side with itself, repetitions[i] times along axis i.

    repetitions  an int or a tuple; if shorter than x has axes, for the last ones, and if longer, x
                 gets new axes in front
    """
    shape = shape_of("tile", x)
    times = lengths_of("tile", repetitions)
    if min(times, default=0) < 0:
        raise ArgumentError(f"tile: repetitions {repetitions} must not be negative")
    ndim = max(len(shape), len(times))
    shape = (*(1,) * (ndim - len(shape)), *shape)
    times = (*(1,) * (ndim - len(times)), *times)
    paired = [n for length in shape for n in (1, length)]
    spread = [n for pair in zip(times, shape, strict=True) for n in pair]
    y = broadcast_to(reshape(x, tuple(paired)), tuple(spread))
    return reshape(y, tuple([t * n for t, n in zip(times, shape, strict=True)]))


@public
def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element of x several times, one after the other, along an axis.

    repeats  how often: an int, or as many of them as x is long along the axis
    axis     None flattens x first
    """
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    shape = shape_of("repeat", x)
    (axis,) = axes_of("repeat", axis, shape)
    if not isinstance(repeats, (int, np.integer)):
        return take(x, _repeated(repeats, shape[axis]), axis=axis)
    times = int(repeats)
    if times < 0:
        raise ArgumentError(f"repeat: repeats={times} must not be negative")
    y = expand_dims(x, axis=axis + 1)
    y = broadcast_to(y, (*shape[: axis + 1], times, *shape[axis + 1 :]))
    return reshape(y, (*shape[:axis], shape[axis] * times, *shape[axis + 1 :]))


def _repeated(repeats: Any, length: int) -> list[int]:
    """The places 0, 1, ... of an axis, each as often as `repeats` says."""
    try:
        times = repeats.tolist() if hasattr(repeats, "tolist") else list(repeats)
    except TypeError:
        raise DtypeError(f"repeat: repeats {repeats!r} must be an int or hold ints") from None
    times = times if isinstance(times, list) else [times]
    if not all(type(n) is int for n in times):
        raise DtypeError(f"repeat: repeats {repeats!r:.60} must hold ints")
    times = times * length if len(times) == 1 else times
    if len(times) != length:
        raise ShapeError(f"repeat: {len(times)} repeats for an axis of length {length}")
    if min(times, default=0) < 0:
        raise ArgumentError(f"repeat: repeats {repeats!r:.60} must not be negative")
    return np.repeat(np.arange(length), times).tolist()


@public
def rot90(x: Any, k: int = 1, axes: Any = (0, 1)) -> Tensor:
    """x turned by k right angles, from the first of these axes towards the second."""
    shape = shape_of("rot90", x)
    if len(axes) != 2:
        raise AxisError(f"rot90: axes {axes} must be two")
    a, b = axes_of("rot90", tuple(axes), shape)
    k %= 4
    if k == 0:
        return reshape(x, shape)
    if k == 2:
        return flip(x, axis=(a, b))
    return swapaxes(flip(x, axis=b), a, b) if k == 1 else flip(swapaxes(x, a, b), axis=b)


@public
def fliplr(x: Any, /) -> Tensor:
    """x with its second axis backwards. A view."""
    _needs_axes("fliplr", x, 2)
    return flip(x, axis=1)


@public
def flipud(x: Any, /) -> Tensor:
    """x with its first axis backwards. A view."""
    _needs_axes("flipud", x, 1)
    return flip(x, axis=0)


def _needs_axes(label: str, x: Any, least: int) -> None:
    shape = shape_of(label, x)
    if len(shape) < least:
        raise ShapeError(f"{label}: x {shape} must have at least {least} axes")


@public
def unsqueeze(x: Any, axis: int) -> Tensor:
    """`expand_dims` under PyTorch's name: a new axis of length 1 at that place of the result."""
    return expand_dims(x, axis=axis)


@public
def unflatten(x: Any, axis: int, sizes: Any) -> Tensor:
    """One axis as several of these lengths, of which one may be -1: what is left over."""
    shape = shape_of("unflatten", x)
    (axis,) = axes_of("unflatten", axis, shape)
    sizes = list(lengths_of("unflatten", sizes))
    known = -math.prod(sizes)
    if sizes.count(-1) == 1 and known > 0 and shape[axis] % known == 0:
        sizes[sizes.index(-1)] = shape[axis] // known
    if math.prod(sizes) != shape[axis] or min(sizes, default=0) < 0:
        raise ShapeError(
            f"unflatten: axis {axis} of x {shape} has length {shape[axis]}, which is not the "
            f"product of {tuple(sizes)}"
        )
    return reshape(x, (*shape[:axis], *sizes, *shape[axis + 1 :]))


@public
def atleast_1d(*arrays: Any) -> Any:
    """Numbers as arrays of one element, others as they are; one tensor, or a tuple of several."""
    return _each(lambda x: x if x.ndim else reshape(x, (1,)), arrays)


@public
def atleast_2d(*arrays: Any) -> Any:
    """Vectors as rows (1, n), others as they are; one tensor, or a tuple of several."""
    return _each(lambda x: x if x.ndim > 1 else reshape(x, (1, -1)), arrays)


@public
def atleast_3d(*arrays: Any) -> Any:
    """Vectors as (1, n, 1), matrices as (m, n, 1); one tensor, or a tuple of several."""

    def widened(x: Tensor) -> Tensor:
        if x.ndim > 2:
            return x
        return expand_dims(x, axis=2) if x.ndim == 2 else reshape(x, (1, -1, 1))

    return _each(widened, arrays)


def _each(change: Any, arrays: tuple[Any, ...]) -> Any:
    results = tuple([change(FUNCTIONS.asarray(x)) for x in arrays])
    return results[0] if len(results) == 1 else results


def _listed(label: str, arrays: Any, widen: Any) -> list[Any]:
    """The arrays, each with at least as many axes as `widen` gives."""
    several = [*arrays]
    if not several:
        raise ArgumentError(f"{label}: needs at least one array")
    return [widen(x) for x in several]


@public
def hstack(arrays: Any, /) -> Tensor:
    """The arrays side by side: along axis 1, vectors along their only one."""
    several = _listed("hstack", arrays, atleast_1d)
    return concat(several, axis=0 if several[0].ndim == 1 else 1)


@public
def vstack(arrays: Any, /) -> Tensor:
    """The arrays one below the other: along axis 0, vectors as rows."""
    return concat(_listed("vstack", arrays, atleast_2d), axis=0)


@public
def dstack(arrays: Any, /) -> Tensor:
    """The arrays one behind the other: along axis 2, see `atleast_3d`."""
    return concat(_listed("dstack", arrays, atleast_3d), axis=2)


@public
def column_stack(arrays: Any, /) -> Tensor:
    """The arrays side by side, vectors as columns."""

    def columns(x: Any) -> Tensor:
        x = atleast_1d(x)
        return x if x.ndim > 1 else expand_dims(x, axis=1)

    return concat(_listed("column_stack", arrays, columns), axis=1)


@public
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """`split`, where a number of pieces need not divide: the first ones are longer by 1."""
    shape = shape_of("array_split", x)
    (axis,) = axes_of("array_split", axis, shape)
    try:
        sections = index(indices_or_sections)
    except TypeError:
        return split(x, indices_or_sections, axis)
    if sections < 1:
        raise ArgumentError(f"array_split: {sections} pieces; there must be at least 1")
    least, longer = divmod(shape[axis], sections)
    lengths = [least + 1] * longer + [least] * (sections - longer)
    return split(x, [*accumulate(lengths)][:-1], axis)


@public
def chunk(x: Any, chunks: int, axis: int = 0) -> tuple[Tensor, ...]:
    """x in that many pieces of equal length, the last one shorter or missing where it must be."""
    shape = shape_of("chunk", x)
    (axis,) = axes_of("chunk", axis, shape)
    if index(chunks) < 1:
        raise ArgumentError(f"chunk: chunks={chunks} must be at least 1")
    size = max(1, -(-shape[axis] // chunks))
    return split(x, [*range(size, shape[axis], size)], axis)


@public
def hsplit(x: Any, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`split` along axis 1, of vectors along their only one."""
    _needs_axes("hsplit", x, 1)
    return split(x, indices_or_sections, 1 if len(shape_of("hsplit", x)) > 1 else 0)


@public
def vsplit(x: Any, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`split` along axis 0."""
    _needs_axes("vsplit", x, 2)
    return split(x, indices_or_sections, 0)


@public
def dsplit(x: Any, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`split` along axis 2."""
    _needs_axes("dsplit", x, 3)
    return split(x, indices_or_sections, 2)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape to which arrays of these shapes broadcast; ShapeError if they don't."""
    told = [lengths_of("broadcast_shapes", s) for s in shapes]
    return broadcast("broadcast_shapes", (f"shapes[{i}]" for i in range(len(told))), told)
