"""A frame around images and sequences: constant, or made of what lies at their borders.

Composed of slices, flips and joins, so gradients of any order add up where an element shows twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from .arrange import flip
from .arrange import pad as pad_constant
from .broadcast import broadcast_to
from .conv_functions import tensor_of
from .join import concat

__all__ = ["pad"]


def pad(x: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """x with a frame around its last axes; a negative width cuts off.

    pad    pairs (before, after) from the last axis on: (left, right, top, bottom, front, back)
    mode   what the frame is made of, along each axis of length n in turn:
           "constant"   `value`, 0 by default
           "reflect"    the mirror image without the border element: at most n - 1 wide
           "replicate"  the border element, again and again
           "circular"   the other end: at most n wide
    Raises ArgumentError for odd or too many numbers, ShapeError where the frame has to be wider
    than what it is made of.
    """
    x = tensor_of("pad", "x", x)
    pairs = _pairs(pad, x.shape)
    if mode == "constant":
        return _constant(x, pairs, 0.0 if value is None else value)
    if mode not in _ENDS:
        raise ArgumentError(f"pad: mode={mode!r}; wanted 'constant' or one of {list(_ENDS)}")
    if value:
        raise ArgumentError(f"pad: value={value} has no meaning for mode={mode!r}; leave it away")
    for axis, (before, after) in pairs.items():
        if before or after:
            x = _extended(x, axis, before, after, mode)
    return x


def _pairs(pad: Any, shape: tuple[int, ...]) -> dict[int, tuple[int, int]]:
    """{axis: (before, after)}, from the last axis on."""
    try:
        widths = [index(n) for n in pad]
    except TypeError:
        widths = [0]  # refused below
    if len(widths) % 2 or len(widths) > 2 * len(shape):
        raise ArgumentError(
            f"pad: pad={pad!r} must be pairs of ints (before, after), one for "
            f"each of the last axes of x {shape}"
        )
    pairs = {
        len(shape) - 1 - i: (widths[2 * i], widths[2 * i + 1]) for i in range(len(widths) // 2)
    }
    for axis, (before, after) in pairs.items():
        n = shape[axis]
        if max(-before, 0) + max(-after, 0) > n or n + before + after < 0:
            raise ShapeError(
                f"pad: pad={tuple(widths)} cuts more off axis {axis} of x {shape} than there is"
            )
    return pairs


def _constant(x: Tensor, pairs: dict[int, tuple[int, int]], value: float) -> Tensor:
    kept = [slice(None)] * x.ndim
    widths = [(0, 0)] * x.ndim
    for axis, (before, after) in pairs.items():
        kept[axis] = _inside(x.shape[axis], before, after)
        widths[axis] = max(before, 0), max(after, 0)
    if any(key != slice(None) for key in kept):
        x = x[tuple(kept)]
    return pad_constant(x, widths, constant_values=value) if x.ndim else x


def _inside(n: int, before: int, after: int) -> slice:
    """What negative widths leave of an axis of length n."""
    if before >= 0 and after >= 0:
        return slice(None)
    return slice(max(0, -before), n - max(0, -after))


def _extended(x: Tensor, axis: int, before: int, after: int, mode: str) -> Tensor:
    """x with its ends repeated along one axis."""
    n = x.shape[axis]
    inside = x[_along(axis, _inside(n, before, after))]
    if mode == "circular":  # around what is left after cutting; the others mirror what was there
        x, n = inside, inside.shape[axis]
    wide = max(before, after, 0)
    most = {"reflect": max(n - 1, 0), "replicate": wide if n else 0, "circular": n}[mode]
    if wide > most:
        raise ShapeError(
            f"pad: pad has ({before}, {after}) for axis {axis} of x {x.shape}; mode={mode!r} "
            f"gives at most {most} there"
        )
    end = _ENDS[mode]
    pieces = [inside]
    if before > 0:
        pieces.insert(0, end(x, axis, before, True))
    if after > 0:
        pieces.append(end(x, axis, after, False))
    return concat(pieces, axis=axis) if len(pieces) > 1 else inside


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    """An index for that part of one axis."""
    return (*(slice(None),) * axis, part)


def _mirrored(x: Tensor, axis: int, width: int, first: bool) -> Tensor:
    n = x.shape[axis]
    part = slice(1, 1 + width) if first else slice(n - 1 - width, n - 1)
    return flip(x[_along(axis, part)], axis=axis)


def _repeated(x: Tensor, axis: int, width: int, first: bool) -> Tensor:
    border = x[_along(axis, slice(0, 1) if first else slice(x.shape[axis] - 1, None))]
    return broadcast_to(border, (*x.shape[:axis], width, *x.shape[axis + 1 :]))


def _around(x: Tensor, axis: int, width: int, first: bool) -> Tensor:
    n = x.shape[axis]
    return x[_along(axis, slice(n - width, n) if first else slice(0, width))]


_ENDS: dict[str, Callable[..., Tensor]] = {
    "reflect": _mirrored,
    "replicate": _repeated,
    "circular": _around,
}
