"""What a user writes between brackets, parsed and checked: getitem, setitem, take, and kin.

Ints and slices become ops of ``slices.py``, arrays those of ``gather.py``; boolean masks become
arrays of integers first.
"""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np

from ..core import backend
from ..core.apply import apply
from ..core.backend import MetaArray
from ..core.errors import DataError, DtypeError, GradientError, ShapeError
from ..core.methods import public
from ..core.op import Spec
from ..core.state import STATE
from ..core.tensor import Tensor, is_floating
from .gather import GetAt, SetAt, gathered_shape, write_at
from .shape import axes_of, reshape, shape_of
from .slices import (
    GetSlice,
    Key,
    SetSlice,
    check_count,
    check_fit,
    check_range,
    native,
    sliced_shape,
)

__all__ = ["getitem", "nonzero", "setitem", "take", "take_along_axis"]

_ALL = (None, None, None)  # the slice ":"
_ARRAY = "array"  # stands in a key for an index that is an array


def _basic(label: str, entry: Any) -> Any:
    """An entry as a field of GetSlice holds it, or _ARRAY."""
    if type(entry) is int or entry is None or entry is Ellipsis:
        return entry
    if isinstance(entry, slice):
        try:
            bounds = (entry.start, entry.stop, entry.step)
            return tuple([None if n is None else as_int(n) for n in bounds])
        except TypeError:
            raise DtypeError(f"{label}: {entry} must be made of ints") from None
    array = entry.array if isinstance(entry, Tensor) else entry
    if isinstance(array, (np.ndarray, np.generic)) and array.ndim == 0 and array.dtype.kind in "iu":
        return int(array)
    if isinstance(array, int) and not isinstance(array, bool):  # an IntEnum, say
        return int(array)
    return _ARRAY


def _parse(label: str, x: Any, index: Any) -> tuple[Key, tuple[int, ...], list[Any]]:
    """The index as a key for GetSlice, then axes of what that gives, and an array for each."""
    shape = shape_of(label, x)
    entries = index if isinstance(index, tuple) else (index,)
    key = tuple([_basic(label, e) for e in entries])
    if _ARRAY not in key:
        return key, (), []
    arrays = {  # ints beside arrays count as arrays, as in NumPy
        i: np.asarray(kind) if type(kind) is int else _as_index(label, x, e)
        for i, (e, kind) in enumerate(zip(entries, key, strict=True))
        if kind == _ARRAY or type(kind) is int
    }
    widths = [_width(kind, arrays.get(i)) for i, kind in enumerate(key)]
    check_count(label, sum(widths), key, shape)
    sliced: list[Any] = []  # the key for GetSlice, with whole axes where arrays index
    found: dict[int, Any] = {}  # place in sliced -> index array
    axis = 0
    for i, (kind, width) in enumerate(zip(key, widths, strict=True)):
        if kind is Ellipsis:
            width = len(shape) - sum(widths)
            sliced += [_ALL] * width
        elif i not in arrays:
            sliced.append(kind)
        else:
            found |= enumerate(_as_integers(label, arrays[i], axis, shape), len(sliced))
            sliced += [_ALL] * width or [None]
        axis += width
    plain = all(e == _ALL for e in sliced)
    return (
        () if plain else tuple(sliced),
        tuple(found),
        [backend.to_device(a, _device(x)) for a in found.values()],
    )


def _width(kind: Any, array: Any) -> int:
    """How many axes of x an entry takes."""
    if kind is None or kind is Ellipsis:
        return 0
    return array.ndim if array is not None and array.dtype == bool else 1


def _device(x: Any) -> backend.Device:
    return backend.device_of(x.array if isinstance(x, Tensor) else x)


def _as_index(label: str, x: Any, entry: Any) -> Any:
    """An entry of an index as an array of integers or bools, on the device of x or without one."""
    array = entry.array if isinstance(entry, Tensor) else entry
    if backend.is_array(array):
        if _device(x) != "meta":  # a meta tensor takes any array: nothing is computed
            names = ("x", "the index")
            backend.module_of(label, names, [x.array if isinstance(x, Tensor) else x, array])
    elif isinstance(array, (list, bool, np.generic)):
        array = _from_list(label, "the index", array)
        array = array if array.size else array.astype(np.intp)  # [] would be of floats
    else:
        raise DtypeError(
            f"{label}: {array!r:.60} is no index; an index is made of ints, slices, None, "
            "Ellipsis, and arrays of integers or bools"
        )
    if array.dtype.kind not in "iub":
        raise DtypeError(f"{label}: an index is {array.dtype}; it must be integer or bool")
    return array


def _from_list(label: str, name: str, values: Any) -> Any:
    try:
        return np.asarray(values)
    except ValueError:  # NumPy's: inhomogeneous
        raise ShapeError(
            f"{label}: {name} {values!r:.60} holds lists of different lengths"
        ) from None


def _as_integers(label: str, array: Any, axis: int, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """An index array from that axis of x on, checked; of a mask, the places where it is true."""
    if array.dtype != bool:
        if array.size and not isinstance(array, MetaArray):
            check_range(label, int(array.min()), int(array.max()), axis, shape)
        return (array,)
    if isinstance(array, MetaArray):
        raise DataError(
            f"{label}: how many elements a boolean mask selects depends on its values, and a meta "
            "tensor has none; gpugraph.where keeps the shape"
        )
    for k, n in enumerate(array.shape):
        if n != shape[axis + k]:
            raise ShapeError(
                f"{label}: mask {array.shape} has length {n} where axis {axis + k} of x {shape} "
                f"has {shape[axis + k]}"
            )
    places: tuple[Any, ...] = (array if array.ndim else array.reshape(1)).nonzero()
    return places


@public
def getitem(x: Any, index: Any, /) -> Tensor:
    """x[index] with NumPy's meaning of ints, slices, None, Ellipsis, integer and boolean arrays.

    Ints and slices give a view; arrays give a copy. Elements chosen twice add up their gradients.
    Raises IndexRangeError outside the array, DtypeError for an index that is none, ShapeError for a
    mask that doesn't fit, DataError for a mask on the meta device.
    """
    key, axes, indices = _parse("getitem", x, index)
    if key or not axes:
        x = apply(GetSlice.make(key), x)
    return apply(GetAt.make(axes), x, *indices) if axes else x


@public
def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Tensor:
    """The elements of x at indices along an axis; without axis, of all elements in row-major order.

    indices  integers of any shape, which replaces the axis in the result
    """
    shape = shape_of("take", x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    else:
        (axis,) = axes_of("take", axis, shape)
    key, axes, arrays = _parse("take", x, (*(slice(None),) * axis, indices))
    if not axes:
        return apply(GetSlice.make(key), x)
    return apply(GetAt.make(axes), x, *arrays)


@public
def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Tensor:
    """y[..., i, ...] = x[..., indices[..., i, ...], ...]: what argsort and argmax results are for.

    indices  integers with as many axes as x, which broadcast against it in all but this axis
    """
    shape = shape_of("take_along_axis", x)
    (axis,) = axes_of("take_along_axis", axis, shape)
    given = shape_of("take_along_axis", indices, "indices")
    if len(given) != len(shape):
        raise ShapeError(f"take_along_axis: indices {given} must have as many axes as x {shape}")
    if indices.dtype.kind not in "iu":
        raise DtypeError(f"take_along_axis: indices is {indices.dtype}; it must be integer")
    grid = np.ogrid[tuple([slice(n) for n in shape])]
    device = _device(x)
    return getitem(
        x,
        tuple([indices if a == axis else backend.to_device(i, device) for a, i in enumerate(grid)]),
    )


@public
def nonzero(x: Any, /) -> tuple[Tensor, ...]:
    """The places where x is not zero: for each axis an int64 tensor, in row-major order."""
    array = x.array if isinstance(x, Tensor) else x
    if not shape_of("nonzero", x):
        raise ShapeError("nonzero: x has no axes; it must have at least 1")
    if isinstance(array, MetaArray):
        raise DataError("nonzero: the result depends on values, and a meta tensor has none")
    return tuple([Tensor(i) for i in array.nonzero()])


@public
def setitem(x: Tensor, index: Any, value: Any, /) -> None:
    """x[index] = value, with NumPy's meaning; in an index array with repeats the last write wins.

    Without gradients (neither x nor value needs one, or inside no_grad) it writes to the memory of
    x, and all views of it see the write. With gradients it is a functional write: x becomes the
    result of a recorded op on a new array, and views taken before keep the old values. A leaf that
    needs a gradient, and a view, can't be replaced: GradientError; use `gpugraph.where` instead.
    """
    if not isinstance(x, Tensor):
        raise DtypeError(f"setitem: x is a {type(x).__name__}; only tensors are written to")
    key, axes, indices = _parse("setitem", x, index)
    value = _as_value(x, value)
    shape = sliced_shape("setitem", key, x.shape)
    if axes:
        specs = tuple([Spec(i.shape, i.dtype) for i in indices])
        shape = gathered_shape("setitem", axes, shape, specs)
    given: tuple[int, ...] = getattr(value, "shape", ())
    while len(given) > len(shape) and given[0] == 1:  # NumPy lets these go
        value, given = value[0], given[1:]
    check_fit(given, shape)
    needed = x.requires_grad or (isinstance(value, Tensor) and value.requires_grad)
    if needed and STATE.get().recording:
        _replace(x, key, axes, indices, value)
    else:
        _write(x, key, axes, indices, value.array if isinstance(value, Tensor) else value)


def _as_value(x: Tensor, value: Any) -> Any:
    """A value to write, as a tensor, an array or a number; checked for device and dtype."""
    if isinstance(value, (list, tuple)):
        value = backend.to_device(_from_list("setitem", "value", value), x.device)
    array = value.array if isinstance(value, Tensor) else value
    if backend.is_array(array):
        backend.module_of("setitem", ("x", "value"), [x.array, array])
    elif not isinstance(array, (bool, int, float, complex, np.generic)):
        raise DtypeError(
            f"setitem: value is a {type(value).__name__}; it takes tensors, arrays and numbers"
        )
    dtype = array.dtype if hasattr(array, "dtype") else np.dtype(type(array))
    if dtype.kind not in "biufcV" or (dtype.kind == "c" and x.dtype.kind != "c"):
        raise DtypeError(f"setitem: value is {dtype}; x is {x.dtype} and can't hold it")
    return value


def _write(x: Tensor, key: Key, axes: tuple[int, ...], indices: list[Any], value: Any) -> None:
    """Write to x's memory."""
    xp = backend.module_of("setitem", ["x"], [x.array])
    if xp is not backend.META:
        if xp is np and not x.array.flags.writeable:
            raise GradientError("setitem: the array of x is read-only; use copy() first")
        target = x.array[native(key)]
        try:
            if axes:
                write_at(xp, target, axes, value, indices)
            else:
                backend.write(target, value)
        except (OverflowError, ValueError):  # ValueError: NaN for integers
            raise DtypeError(f"setitem: value {value} does not fit into {x.dtype}") from None
    x.shared_version()[0] += 1


def _replace(x: Tensor, key: Key, axes: tuple[int, ...], indices: list[Any], value: Any) -> None:
    """Make x the result of a recorded write."""
    if x.is_view or (x.requires_grad and x.is_leaf):
        what = "is a view of another tensor" if x.is_view else "is a leaf that needs a gradient"
        raise GradientError(
            f"setitem: x {x.shape} {what}, and this write would have to be recorded; use "
            "gpugraph.where(mask, value, x), or write to x.copy()"
        )
    if not is_floating(x.dtype) and x.dtype.kind != "c":
        raise DtypeError(
            f"setitem: value needs a gradient, which would be lost in x of {x.dtype}; "
            "use x.astype(...) first"
        )
    if axes:
        there = apply(GetSlice.make(key), x) if key else x
        value = apply(SetAt.make(axes), there, value, *indices)
    y = value if axes and not key else apply(SetSlice.make(key), x, value)
    watchers = x.node.watchers if x.node is not None and x.node.watchers is not None else {}
    retained = x.index in watchers and watchers[x.index]() is x
    if retained:
        del watchers[x.index]
    x.array, x.edge, x.version = y.array, y.edge, None
    if retained:
        x.retain_grad()
