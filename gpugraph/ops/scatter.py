"""Reading and writing along an axis where integers point, without changing what is there.

`gather` and `scatter` take an index for each element, as in PyTorch: index has as many axes as x,
and off the axis no length above that of x (and src); what lies beyond it is left alone. The
`index_` functions take whole slices.

Written twice, the last one wins, and alone takes a gradient; added up, all count.
"""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np

from ..core import backend
from ..core.apply import apply
from ..core.errors import DtypeError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.tensor import Tensor
from .broadcast import broadcast_to
from .compare import where
from .creation import asarray
from .gather import GetAt, PutAt, SetAt
from .index import getitem, take
from .shape import axes_of, shape_of
from .slices import check_range

__all__ = [
    "gather",
    "index_add",
    "index_copy",
    "index_fill",
    "index_select",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "put_along_axis",
    "scatter",
    "scatter_add",
]


def _checked(label: str, x: Tensor, index: Any, axis: int, name: str = "index") -> Tensor:
    """index as a tensor of integers on the device of x, each within the axis of x."""
    found = asarray(index, device=None if isinstance(index, Tensor) else x.device)
    if found.dtype.kind not in "iu":
        raise DtypeError(f"{label}: {name} is {found.dtype}; it must be integer")
    if found.size and found.device != "meta":
        low, high = int(found.array.min()), int(found.array.max())
        check_range(label, low, high, axis, x.shape)
    return found


def _pointed(label: str, x: Tensor, index: Any, axis: int) -> tuple[Tensor, list[Tensor]]:
    """index, checked against x, and an array of indices for each axis of x, which broadcast."""
    index = _checked(label, x, index, axis)
    others = [(n, m) for a, (n, m) in enumerate(zip(index.shape, x.shape)) if a != axis]
    if index.ndim != x.ndim or any(n > m for n, m in others):
        raise ShapeError(
            f"{label}: index {index.shape} must have as many axes as x {x.shape}, and be no longer "
            f"off axis {axis}"
        )
    return index, _grid(x, index, axis)


def _grid(x: Tensor, index: Tensor, axis: int) -> list[Tensor]:
    """For each axis of x the places that index means: its own along `axis`, else all in order."""
    places: list[Tensor] = []
    for a, n in enumerate(index.shape):
        line = FUNCTIONS.arange(n, dtype=np.int64, device=x.device)
        places.append(index if a == axis else line.reshape((-1, *(1,) * (x.ndim - a - 1))))
    return places


def _axis(label: str, x: Any, axis: Any) -> tuple[Tensor, int]:
    x = asarray(x)
    if not x.ndim:
        raise ShapeError(f"{label}: x has no axes; it must have at least 1")
    try:
        return x, axes_of(label, as_int(axis), x.shape)[0]
    except TypeError:
        raise DtypeError(f"{label}: axis {axis!r} must be an int") from None


@public
def gather(x: Any, axis: int, index: Any) -> Tensor:
    """y[i, j] = x[index[i, j], j] for axis 0, and likewise for other axes: PyTorch's gather.

    `take_along_axis` is the same for an index that broadcasts.
    """
    x, axis = _axis("gather", x, axis)
    _, places = _pointed("gather", x, index, axis)
    return apply(GetAt.make(tuple(range(x.ndim))), x, *places)


@public
def scatter(x: Any, axis: int, index: Any, src: Any) -> Tensor:
    """A copy of x with y[index[i, j], j] = src[i, j] for axis 0, and likewise for other axes.

    src  a number, or a tensor at least as long as index along each axis
    Of several writes to one element the last one counts.
    """
    x, axis = _axis("scatter", x, axis)
    index, places = _pointed("scatter", x, index, axis)
    value = _source("scatter", src, x, index)
    return apply(SetAt.make(tuple(range(x.ndim))), x, value, *places)


@public
def scatter_add(x: Any, axis: int, index: Any, src: Any) -> Tensor:
    """A copy of x with src[i, j] added to y[index[i, j], j] for axis 0, and likewise for others.

    src  a number, or a tensor at least as long as index along each axis
    The order of the sums is fixed: the same call gives the same bits.
    """
    x, axis = _axis("scatter_add", x, axis)
    index, places = _pointed("scatter_add", x, index, axis)
    value = broadcast_to(_source("scatter_add", src, x, index), index.shape)
    return x + apply(PutAt.make(tuple(range(x.ndim)), x.shape), value, *places)


def _source(label: str, src: Any, x: Tensor, index: Tensor) -> Tensor:
    """What is written for each element of index, in the dtype of x."""
    src = asarray(src, device=None if isinstance(src, Tensor) else x.device)
    if src.dtype != x.dtype and not np.can_cast(src.dtype, x.dtype, "same_kind"):
        raise DtypeError(f"{label}: src is {src.dtype}; x is {x.dtype} and can't hold it")
    src = src.astype(x.dtype, copy=False)
    if not src.ndim:
        return src
    if src.ndim != x.ndim or any(n > m for n, m in zip(index.shape, src.shape)):
        raise ShapeError(
            f"{label}: src {src.shape} must be at least as long as index {index.shape} along each "
            "axis"
        )
    return src if src.shape == index.shape else src[tuple(slice(n) for n in index.shape)]


def put_along_axis(x: Any, indices: Any, values: Any, axis: int = -1) -> Tensor:
    """A copy of x with values written where `take_along_axis` would read.

    NumPy's function of this name writes to x itself; so ``np.put_along_axis`` refuses tensors.
    indices  integers with as many axes as x, which broadcast against it in all but this axis
    values   a number, or what broadcasts to the indices
    """
    x, axis = _axis("put_along_axis", x, axis)
    indices = _checked("put_along_axis", x, indices, axis, "indices")
    wanted = tuple(indices.shape[a] if a == axis else n for a, n in enumerate(x.shape))
    if indices.ndim != x.ndim or any(n not in (1, m) for n, m in zip(indices.shape, wanted)):
        raise ShapeError(
            f"put_along_axis: indices {indices.shape} must have as many axes as x {x.shape} and "
            "broadcast against it"
        )
    places = _grid(x, broadcast_to(indices, wanted), axis)
    values = asarray(values, device=None if isinstance(values, Tensor) else x.device)
    value = broadcast_to(values.astype(x.dtype, copy=False), wanted)
    return apply(SetAt.make(tuple(range(x.ndim))), x, value, *places)


@public
def index_select(x: Any, axis: int, index: Any) -> Tensor:
    """The slices of x along an axis at a vector of integers, as `take` gives them."""
    x, axis = _axis("index_select", x, axis)
    return take(x, _vector("index_select", x, index, axis), axis=axis)


@public
def index_add(x: Any, axis: int, index: Any, source: Any, alpha: float = 1) -> Tensor:
    """A copy of x with alpha times the slices of source added where index says, along an axis."""
    x, axis = _axis("index_add", x, axis)
    index = _vector("index_add", x, index, axis)
    source = _slices("index_add", source, x, index, axis)
    source = source if alpha == 1 else alpha * source
    return x + apply(PutAt.make((axis,), x.shape), source.astype(x.dtype, copy=False), index)


@public
def index_copy(x: Any, axis: int, index: Any, source: Any) -> Tensor:
    """A copy of x with the slices of source in the place of those that index names."""
    x, axis = _axis("index_copy", x, axis)
    index = _vector("index_copy", x, index, axis)
    source = _slices("index_copy", source, x, index, axis)
    return apply(SetAt.make((axis,)), x, source.astype(x.dtype, copy=False), index)


@public
def index_fill(x: Any, axis: int, index: Any, value: Any) -> Tensor:
    """A copy of x with one number in all slices that index names."""
    x, axis = _axis("index_fill", x, axis)
    return apply(SetAt.make((axis,)), x, value, _vector("index_fill", x, index, axis))


def _vector(label: str, x: Tensor, index: Any, axis: int) -> Tensor:
    index = _checked(label, x, index, axis)
    if index.ndim > 1:
        raise ShapeError(f"{label}: index {index.shape} must have 1 axis")
    return index.reshape((-1,))


def _slices(label: str, source: Any, x: Tensor, index: Tensor, axis: int) -> Tensor:
    source = asarray(source, device=None if isinstance(source, Tensor) else x.device)
    wanted = (*x.shape[:axis], index.size, *x.shape[axis + 1 :])
    if source.shape != wanted:
        raise ShapeError(f"{label}: source {source.shape} must be {wanted}, a slice for each index")
    return source


@public
def masked_select(x: Any, mask: Any) -> Tensor:
    """The elements of x where the mask holds, in row-major order, after both have broadcast.

    Raises DataError on the meta device, where their number is not known.
    """
    x, mask = FUNCTIONS.broadcast_arrays(x, _mask("masked_select", mask, x))
    return getitem(x, mask)


@public
def masked_fill(x: Any, mask: Any, value: Any) -> Tensor:
    """x with a number in all places where the mask (which broadcasts to x) holds."""
    x = asarray(x)
    mask = _mask("masked_fill", mask, x)
    if shape_of("masked_fill", value, "value"):
        raise ShapeError(f"masked_fill: value {value.shape} must be one number; see where")
    return where(mask, asarray(value, device=_device(value, x)).astype(x.dtype, copy=False), x)


@public
def masked_scatter(x: Any, mask: Any, source: Any) -> Tensor:
    """x with the first elements of source, in row-major order, where the mask holds."""
    x = asarray(x)
    mask = broadcast_to(_mask("masked_scatter", mask, x), x.shape)
    source = FUNCTIONS.reshape(asarray(source, device=_device(source, x)), (-1,))
    rank = FUNCTIONS.cumsum(mask.astype(np.int64)).reshape(x.shape) - 1
    wanted = int(rank.array.max()) + 1 if x.size and x.device != "meta" else 0
    if wanted > source.size:
        raise ShapeError(
            f"masked_scatter: the mask holds {wanted} times; source has {source.size} elements"
        )
    if not source.size:
        return FUNCTIONS.copy(x)
    chosen = take(source, FUNCTIONS.clip(rank, 0, source.size - 1))
    return where(mask, chosen.astype(x.dtype, copy=False), x)


def _device(value: Any, x: Any) -> Any:
    """Where to make a tensor of what is none yet."""
    if isinstance(value, Tensor) or backend.is_array(value):
        return None
    return x.device if isinstance(x, Tensor) else None


def _mask(label: str, mask: Any, x: Any) -> Tensor:
    mask = asarray(mask, device=_device(mask, x))
    if mask.dtype != bool:
        raise DtypeError(f"{label}: mask is {mask.dtype}; it must be bool")
    return mask
