"""Tensors from numbers, lists and arrays of any library, and from nothing but a shape.

Where a dtype is left away, Python floats are float32, ints int64, complex numbers complex64; arrays
keep theirs. Where a device is left away it is the default device (see `default_device`). No
gradient flows into what is made of a shape; tril, triu, meshgrid and asarray let it through.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import backend
from ..core.backend import META, Array, Device, MetaArray, default_device, is_array
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.inputs import weak_dtype
from ..core.methods import public
from ..core.tensor import Tensor, is_floating
from .broadcast import lengths_of
from .compare import where
from .dtypes import as_dtype
from .memory import astype, to
from .memory import copy as copied
from .shape import broadcast_arrays, reshape

__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tensor",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]

# From values


@public
def tensor(
    array_like: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor with the values of array_like, copied to a device.

    array_like     a number, nested lists of them, a tensor (its graph is left behind), or an array
                   of any library that NumPy understands
    dtype          by default that of an array; of Python numbers float32, int64, bool or complex64
    device         "cpu", "cuda", "cuda:1" or "meta"; by default the default device
    requires_grad  make it a leaf, whose ``.grad`` a backward pass fills
    Raises ShapeError for ragged lists, DtypeError for what is no number or does not fit the dtype.
    """
    if isinstance(array_like, Tensor):
        array_like = array_like.detach()
    elif is_array(array_like) and not array_like.dtype.isnative:
        dtype = array_like.dtype.newbyteorder("=") if dtype is None else dtype
    made = _made("tensor", array_like, dtype, _device(device), copy=True)
    return Tensor(made.array, requires_grad)


@public
def asarray(
    obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None
) -> Tensor:
    """obj as a tensor: a tensor is itself, an array is wrapped where it is, without a copy.

    dtype, device  convert and move; gradients of a tensor flow through
    copy           True: always a copy; False: raise ArgumentError rather than copy
    Python numbers and lists go to the default device, as in `tensor`.
    """
    device = None if device is None else _device(device)
    return _made("asarray", obj, dtype, device, copy)


@public
def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """An array of another library as a tensor, sharing its memory (protocol DLPack).

    device, copy  as in `asarray`
    Raises DtypeError if x doesn't know the protocol, ArgumentError if its library refuses.
    """
    try:
        kind, number = x.__dlpack_device__()
    except AttributeError:
        raise DtypeError(
            f"from_dlpack: x is a {type(x).__name__}, which has no __dlpack__"
        ) from None
    home = Device(f"cuda:{number}") if kind == 2 else backend.CPU  # 2 is kDLCUDA
    try:
        with backend.module_on(home, "from_dlpack") as xp:
            array = xp.from_dlpack(x)
    except (BufferError, TypeError, ValueError) as error:
        raise ArgumentError(f"from_dlpack: x refuses to be shared ({error})") from None
    shared = Tensor(array)
    if isinstance(x, Tensor):
        shared.version, shared.is_view = x.shared_version(), True
    return asarray(shared, device=device, copy=copy)


def _made(label: str, obj: Any, dtype: Any, device: Device | None, copy: bool | None) -> Tensor:
    fresh = False
    if not isinstance(obj, Tensor):
        if not is_array(obj):
            fresh = isinstance(obj, (numbers.Number, list, tuple))
            obj = host_array(label, obj, dtype)
            device = device or default_device.get()
        obj = Tensor(_numbers(label, obj, obj))
    x: Tensor = obj if dtype is None else astype(obj, as_dtype(label, dtype), copy=False)
    x = x if device is None else to(x, device)
    if copy is False and (fresh or x is not obj):
        raise ArgumentError(f"{label}: copy=False, but this takes a copy")
    return copied(x) if copy and x is obj and not fresh else x


def host_array(label: str, value: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """A NumPy array of numbers, nested lists, or whatever NumPy understands.

    dtype  what it is for: Python numbers must fit into it, and become it without a detour
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        if "inhomogeneous" in str(error):
            raise ShapeError(
                f"{label}: the lists are ragged{_uneven(value)}; rows must be of one length"
            ) from None
        raise DtypeError(f"{label}: no array of numbers can be made of it ({error})") from None
    _numbers(label, array, value)
    if hasattr(value, "dtype") or issubclass(_leaf_type(value), (np.ndarray, Tensor)):
        return array
    narrow = {"f": np.float32, "c": np.complex64}.get(array.dtype.kind, array.dtype)
    wanted = np.dtype(narrow) if dtype is None else as_dtype(label, dtype)
    if array.dtype.kind == "c" and wanted.kind not in "cb":
        raise DtypeError(f"{label}: complex numbers do not fit into {wanted}")
    if wanted.kind in "iu" and array.size:
        limits = np.iinfo(wanted)
        low, high = array.min().item(), array.max().item()  # Python's numbers compare exactly
        if not (limits.min <= low and high <= limits.max):  # nor does NaN
            raise DtypeError(f"{label}: {low} to {high} does not fit into {wanted}")
    return array.astype(wanted, copy=False)


def _uneven(value: Any) -> str:
    """Which row has another length than the first, where that is the reason."""
    try:
        lengths = [len(row) for row in value]
    except TypeError:
        return ""
    odd = next((i for i, n in enumerate(lengths) if n != lengths[0]), None)
    return "" if odd is None else f": row 0 has length {lengths[0]}, row {odd} has {lengths[odd]}"


def _numbers(label: str, array: Array, value: Any) -> Array:
    """The array, if it holds numbers; a DtypeError that says what it was made of otherwise."""
    if array.dtype.kind in "biufc" or is_floating(array.dtype):
        return array
    told = type(value).__name__
    if isinstance(value, (list, tuple)):
        told += f" of {_leaf_type(value).__name__}"
    raise DtypeError(f"{label}: a {told} makes no array of numbers (NumPy says {array.dtype})")


def _leaf_type(value: Any) -> type:
    """The type of the first thing inside nested lists."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return type(value)


def _device(device: Any) -> Device:
    """The device asked for, or the default one."""
    if device is None:
        return default_device.get()
    return device if isinstance(device, Device) else Device(device)


# From a shape


@public
def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of zeros; float32 by default."""
    return _full("zeros", shape, 0.0, dtype, device)


@public
def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of ones; float32 by default."""
    return _full("ones", shape, 1.0, dtype, device)


@public
def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor with one number everywhere, by default of the dtype that `tensor` gives it."""
    return _full("full", shape, fill_value, dtype, device)


@public
def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor with whatever is in memory, to be written to; float32 by default."""
    dtype = as_dtype("empty", np.float32 if dtype is None else dtype)
    return _filled("empty", shape, dtype, device, lambda xp, n: xp.empty(n, dtype))


@public
def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros of the shape, and by default of the dtype and on the device, of x."""
    x = asarray(x)
    return _full("zeros_like", x.shape, 0, dtype or x.dtype, device or x.device)


@public
def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones of the shape, and by default of the dtype and on the device, of x."""
    x = asarray(x)
    return _full("ones_like", x.shape, 1, dtype or x.dtype, device or x.device)


@public
def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """One number in the shape, and by default of the dtype and on the device, of x."""
    x = asarray(x)
    return _full("full_like", x.shape, fill_value, dtype or x.dtype, device or x.device)


@public
def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Memory of the shape, and by default of the dtype and on the device, of x."""
    x = asarray(x)
    return empty(x.shape, dtype=dtype or x.dtype, device=device or x.device)


@public
def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None
) -> Tensor:
    """Ones on the k-th diagonal (above the main one if k > 0), else zeros; float32 by default."""
    dtype = as_dtype("eye", np.float32 if dtype is None else dtype)
    shape = (n_rows, n_rows if n_cols is None else n_cols)
    return _filled("eye", shape, dtype, device, lambda xp, n: xp.eye(*n, k=k, dtype=dtype))


@public
def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """start, start + step, ... up to but without stop; ``arange(n)`` counts from 0 to n - 1.

    dtype  by default int64 if all three are ints, else float32
    """
    start, stop = (0, start) if stop is None else (start, stop)
    start, stop, step = (x.item() if isinstance(x, Tensor) else x for x in (start, stop, step))
    if step == 0:
        raise ArgumentError("arange: step is 0; it must lead from start to stop")
    try:
        length = max(0, math.ceil((stop - start) / step))
    except (ValueError, OverflowError):
        raise ArgumentError(f"arange: {start} to {stop} by {step} has no finite length") from None
    dtype = as_dtype("arange", weak_dtype(start + stop + step, []) if dtype is None else dtype)
    return _filled(
        "arange", length, dtype, device, lambda xp, n: (start + step * xp.arange(*n)).astype(dtype)
    )


@public
def linspace(
    start: Any,
    stop: Any,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
) -> Tensor:
    """num numbers evenly spaced from start to stop; float32 by default.

    start, stop  numbers; or tensors, arrays or lists of one shape after broadcasting: y[i] is the
                 i-th step from start to stop, in their dtype, and gradients flow to them
    endpoint     False leaves stop itself out
    """
    if _holds_values(start) or _holds_values(stop):
        return _between(start, stop, num, dtype, device, endpoint)
    if dtype is None:
        dtype = np.complex64 if isinstance(start + stop, complex) else np.float32
    dtype = as_dtype("linspace", dtype)
    return _filled(
        "linspace",
        num,
        dtype,
        device,
        lambda xp, n: xp.linspace(start, stop, *n, endpoint=endpoint).astype(dtype),
    )


def _holds_values(x: Any) -> bool:
    """Is it a tensor, an array or a list? NumPy's scalars count as numbers."""
    return isinstance(x, (Tensor, list, tuple)) or is_array(x)


def _between(start: Any, stop: Any, num: int, dtype: Any, device: Any, endpoint: bool) -> Tensor:
    """linspace where an end is a tensor, an array or a list: (num, *shape of both)."""
    ends = [asarray(x, device=device) if _holds_values(x) else x for x in (start, stop)]
    whole = [not isinstance(x, Tensor) or x.dtype.kind in "biu" for x in ends]
    first, last = (x * 1.0 if w else x for x, w in zip(ends, whole))  # integers wrap around
    way = last - first
    if dtype is None and all(whole):
        dtype = np.complex64 if way.dtype.kind == "c" else np.float32
    steps = linspace(0.0, 1.0, num, dtype=np.float64, device=way.device, endpoint=endpoint)
    share = reshape(steps, (-1, *(1,) * way.ndim))
    y = where(share == 1, last, first + way * share)  # the end exactly
    return astype(y, as_dtype("linspace", way.dtype if dtype is None else dtype))


def _full(label: str, shape: Any, fill_value: Any, dtype: Any, device: Any) -> Tensor:
    value = host_array(label, fill_value, dtype)
    if value.ndim:
        raise ShapeError(f"{label}: fill_value must be one number, it has shape {value.shape}")
    dtype = value.dtype if dtype is None else as_dtype(label, dtype)
    return _filled(label, shape, dtype, device, lambda xp, n: xp.full(n, value.item(), dtype))


def _filled(
    label: str, shape: Any, dtype: np.dtype[Any], device: Any, fill: Callable[[Any, Any], Array]
) -> Tensor:
    """The tensor that fill(xp, shape) makes on that device; of meta only shape and dtype."""
    shape = lengths_of(label, shape)
    if min(shape, default=0) < 0:
        raise ArgumentError(f"{label}: shape {shape} has a negative length")
    home = _device(device)
    with backend.module_on(home, label) as xp:
        if xp is META:
            return Tensor(MetaArray(shape, dtype))
        return Tensor(backend.housed(fill(xp, shape), home))


# From tensors


@public
def tril(x: Any, /, *, k: int = 0) -> Tensor:
    """The lower triangles of matrices (..., M, N): zeros above the k-th diagonal."""
    return where(_below("tril", x, k), x, False)  # which any dtype holds, as 0


@public
def triu(x: Any, /, *, k: int = 0) -> Tensor:
    """The upper triangles of matrices (..., M, N): zeros below the k-th diagonal."""
    return where(_below("triu", x, k - 1), False, x)


def _below(label: str, x: Any, k: int) -> Tensor:
    """Bools (M, N): on the k-th diagonal or below it."""
    if len(x.shape) < 2:
        raise ShapeError(f"{label}: x {x.shape} is no matrix; it needs at least two axes")
    device = asarray(x).device
    rows, columns = (arange(n, device=device) for n in x.shape[-2:])
    return rows.reshape(-1, 1) + k >= columns


@public
def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid from those of its axes: N vectors give N tensors of N axes.

    indexing  "xy": the first vector runs along axis 1, the second along axis 0; "ij": in order
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing={indexing!r} is neither 'xy' nor 'ij'")
    axes = list(range(len(arrays)))
    if indexing == "xy" and len(axes) > 1:
        axes[:2] = [1, 0]
    vectors = [asarray(x) for x in arrays]
    for i, x in enumerate(vectors):
        if x.ndim > 1:
            raise ShapeError(f"meshgrid: arrays[{i}] {x.shape} is no vector")
    return broadcast_arrays(
        *(
            x.reshape([-1 if a == axis else 1 for a in range(len(axes))])
            for x, axis in zip(vectors, axes)
        )
    )
