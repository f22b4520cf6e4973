"""Vectors as lists and sets: append, insert, delete, union, intersection, difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.methods import public
from ..core.tensor import Tensor
from .broadcast import broadcast_to
from .compare import where
from .counting import unique_values
from .creation import asarray
from .floats import together
from .index import getitem, take
from .join import concat
from .scan import diff
from .shape import axes_of, reshape
from .slices import check_range
from .sorting import isin

__all__ = [
    "append",
    "delete",
    "ediff1d",
    "insert",
    "intersect1d",
    "select",
    "setdiff1d",
    "setxor1d",
    "union1d",
]


def _flat(x: Any) -> Tensor:
    return reshape(asarray(x), (-1,))


@public
def append(x: Any, values: Any, axis: int | None = None) -> Tensor:
    """x with values behind it along an axis; without axis, both flattened."""
    x, values = together(x, values)
    return concat([_flat(x), _flat(values)] if axis is None else [x, values], axis=axis or 0)


@public
def delete(x: Any, obj: Any, axis: int | None = None) -> Tensor:
    """x without the slices along an axis that obj names: an int, several, or a slice.

    axis  None flattens x first
    """
    x, axis = (_flat(x), 0) if axis is None else (asarray(x), axis)
    (axis,) = axes_of("delete", axis, x.shape)
    left = np.ones(x.shape[axis], bool)
    left[_places("delete", obj, axis, x.shape)] = False
    return take(x, np.flatnonzero(left).tolist(), axis=axis)


@public
def insert(x: Any, obj: Any, values: Any, axis: int | None = None) -> Tensor:
    """x with values before the slices along an axis that obj names: an int, or several.

    values  a number, or a tensor that broadcasts to what is inserted
    axis    None flattens x first
    """
    x, axis = (_flat(x), 0) if axis is None else (asarray(x), axis)
    (axis,) = axes_of("insert", axis, x.shape)
    one = (*x.shape[:axis], x.shape[axis] + 1, *x.shape[axis + 1 :])  # may also go to the end
    places = np.atleast_1d(np.asarray(_places("insert", obj, axis, one, x.shape[axis])))
    x, values = together(x, values)
    n = places.size
    if not isinstance(obj, (list, tuple)) and values.ndim == x.ndim and not hasattr(obj, "dtype"):
        n = values.shape[axis]  # one place, several slices there
        places = np.repeat(places, n)
    values = broadcast_to(values, (*x.shape[:axis], n, *x.shape[axis + 1 :]))
    order = np.argsort(places, kind="stable")
    target = places[order] + np.arange(n)  # each earlier one moves those behind it
    source = np.empty(x.shape[axis] + n, np.int64)
    old = np.ones(source.size, bool)
    old[target] = False
    source[old], source[target] = np.arange(x.shape[axis]), x.shape[axis] + order
    return take(
        concat([x, values.astype(x.dtype, copy=False)], axis=axis), source.tolist(), axis=axis
    )


def _places(
    label: str, obj: Any, axis: int, shape: tuple[int, ...], length: int | None = None
) -> Any:
    """What obj names along an axis, as an array of ints or a slice, checked."""
    if isinstance(obj, slice):
        return np.arange(shape[axis] if length is None else length)[obj]
    places = np.asarray(obj.tolist() if hasattr(obj, "tolist") else obj)
    if places.dtype == bool:
        return np.flatnonzero(places)
    if not places.size:
        return np.zeros(0, np.int64)
    if places.dtype.kind not in "iu" or places.ndim > 1:
        raise ArgumentError(f"{label}: obj {obj!r:.60} must be an int, a slice, or a list of ints")
    length = shape[axis] if length is None else length
    check_range(label, int(places.min()), int(places.max()), axis, shape)
    return np.where(places < 0, places + length, places)


@public
def ediff1d(x: Any, to_end: Any = None, to_begin: Any = None) -> Tensor:
    """The differences of neighbours among all elements of x, with more before and behind them."""
    steps = diff(_flat(x))
    parts = [together(steps, end)[1] for end in (to_begin, to_end) if end is not None]
    at = 0 if to_begin is None else 1
    return concat([_flat(p) for p in (*parts[:at], steps, *parts[at:])])


@public
def union1d(x1: Any, x2: Any) -> Tensor:
    """The values that are in x1 or in x2, ascending."""
    return unique_values(concat([_flat(x1), _flat(x2)]))


@public
def intersect1d(x1: Any, x2: Any) -> Tensor:
    """The values that are in x1 and in x2, ascending."""
    x1 = unique_values(x1)
    return getitem(x1, isin(x1.detach(), x2))


@public
def setdiff1d(x1: Any, x2: Any) -> Tensor:
    """The values that are in x1 but not in x2, ascending."""
    x1 = unique_values(x1)
    return getitem(x1, isin(x1.detach(), x2, invert=True))


@public
def setxor1d(x1: Any, x2: Any) -> Tensor:
    """The values that are in one of x1 and x2, but not in both, ascending."""
    return union1d(setdiff1d(x1, x2), setdiff1d(x2, x1))


@public
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    """For each element the first choice whose condition holds, else the default."""
    if len(condlist) != len(choicelist) or not condlist:
        raise ArgumentError(
            f"select: {len(condlist)} conditions and {len(choicelist)} choices must be equally "
            "many, at least 1"
        )
    y = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist)):
        y = where(condition, choice, y)
    return asarray(y)
