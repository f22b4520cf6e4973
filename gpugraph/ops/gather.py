"""Arrays of integers as indices: reading, adding up and writing where they point.

    y  = GetAt(x, *indices)           x[..., indices, ...], a copy
    gx = PutAt(g, *indices)           zeros, plus each element of g at its index: the adjoint
    y  = SetAt(x, value, *indices)    a copy of x with value written at the indices

`axes` says which axes of x are indexed, one array for each; the others are taken whole. The common
shape of the arrays stands where the axes stood if they are neighbours, else in front, as in NumPy.

Indices may repeat. PutAt then adds in the order of the index arrays, which fixes every bit of the
result; in SetAt the last write wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import DtypeError, IndexRangeError, ShapeError
from ..core.methods import FUNCTIONS
from ..core.op import Cost, Op, Sample, Spec, broadcast, traffic
from ..core.tensor import Tensor
from ..cuda.kernel import FLOATS, Kernel, only_floats
from .broadcast import unbroadcast
from .slices import check_fit

__all__: list[str] = []

PUT_AT = Kernel(
    "ops/gather.cu", "put_at",
    "const T* rows, const long long* order, const long long* starts, T* y, long long columns, "
    "long long n",
    T=FLOATS,
)  # fmt: skip


def place_of(axes: tuple[int, ...]) -> int:
    """The first axis of the result that comes from the index arrays."""
    return axes[0] if axes == tuple(range(axes[0], axes[0] + len(axes))) else 0


def gathered_shape(
    label: str, axes: tuple[int, ...], shape: tuple[int, ...], indices: tuple[Spec, ...]
) -> tuple[int, ...]:
    """The shape of x indexed along these axes."""
    for axis, i in zip(axes, indices, strict=True):
        if i.dtype.kind not in "iu":
            raise DtypeError(f"{label}: the index of axis {axis} is {i.dtype}; it must be integer")
        if axis >= len(shape):
            raise IndexRangeError(f"{label}: x {shape} has no axis {axis} to index")
    names = (f"the index of axis {axis}" for axis in axes)
    common = broadcast(label, names, (i.shape for i in indices))
    rest = [n for axis, n in enumerate(shape) if axis not in axes]
    at = place_of(axes)
    return (*rest[:at], *common, *rest[at:])


def at(axes: tuple[int, ...], indices: Any) -> tuple[Any, ...]:
    """The index arrays as a NumPy index, with whole axes between them."""
    key: list[Any] = [slice(None)] * (max(axes) + 1)
    for axis, i in zip(axes, indices, strict=True):
        key[axis] = i
    return tuple(key)


def sorted_targets(xp: Any, lengths: list[int], indices: Any) -> tuple[Any, Any]:
    """Where elements go, as sorted flat positions in the indexed axes; and the order that sorts.

    The sort is stable: what goes to one place stays in the order of the index arrays.
    """
    flat = xp.zeros((), np.int64)
    for n, i in zip(lengths, indices, strict=True):
        flat = flat * n + i.astype(np.int64) % n  # an index from the end counts from 0 here
    flat = flat.ravel()
    order = xp.argsort(flat, kind="stable")
    return flat[order], order


@dataclass(frozen=True)
class GetAt(Op):
    """x indexed along some axes by arrays of integers, which broadcast against each other."""

    axes: tuple[int, ...]
    keeps = {"x": ("indices",)}
    conjugates = True

    def spec(self, x: Spec, *indices: Spec) -> Spec:
        return Spec(gathered_shape("getitem", self.axes, x.shape, indices), x.dtype)

    def forward(self, xp: Any, x: Any, *indices: Any) -> Any:
        return x[at(self.axes, indices)]

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(PutAt.make(self.axes, node.shape("x")), g, *node["indices"])

    def cost(self, x: Spec, *indices: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, *indices, self.spec(x, *indices)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = rng.standard_normal((3, 4, 5))
        some = np.array([[0, 2, -1], [2, 2, 0]])
        yield Sample(cls((1,)), (x, some), "repeated, from the end")
        yield Sample(cls((1, 2)), (x, some[:, :1], some), "neighbours, broadcast")
        yield Sample(cls((0, 2)), (x.T, some[0], np.array(1)), "apart: result axes in front")
        yield Sample(cls((0,)), (x, np.zeros((2, 0), np.int32)), "empty")


@dataclass(frozen=True)
class PutAt(Op):
    """Zeros of a shape, plus each element of g at its index: the adjoint of GetAt.

    A sum over segments of sorted targets: its order is fixed, so that equal calls give equal bits.
    """

    axes: tuple[int, ...]
    shape: tuple[int, ...]
    keeps = {"g": ("indices",)}
    widens = True
    conjugates = True

    def spec(self, g: Spec, *indices: Spec) -> Spec:
        if g.shape != (there := gathered_shape("put_at", self.axes, self.shape, indices)):
            raise ShapeError(f"put_at: g {g.shape} goes where {there} is")
        return Spec(self.shape, g.dtype)

    def forward(self, xp: Any, g: Any, *indices: Any) -> Any:
        rows = self._rows(xp, g)
        y = xp.zeros((_size(self.lengths), rows.shape[1]), g.dtype)  # (targets, rest)
        if rows.size:
            target, order = sorted_targets(xp, self.lengths, indices)
            starts = xp.flatnonzero(xp.diff(target, prepend=-1))  # of runs with one target
            y[target[starts]] = xp.add.reduceat(rows[order], starts, axis=0)
        return self._placed(xp, y)

    def cuda(self, dev: Any, g: Any, *indices: Any) -> Any:
        rows = dev.contiguous(self._rows(dev.xp, g))
        y = dev.empty((_size(self.lengths), rows.shape[1]), g.dtype)  # (targets, rest)
        target, order = sorted_targets(dev.xp, self.lengths, indices)
        starts = dev.xp.searchsorted(target, dev.xp.arange(len(y) + 1))
        dev.launch(PUT_AT, rows, order, starts, y, rows.shape[1], y.size, threads=y.size)
        return self._placed(dev.xp, y)

    def kernel_limits(self, g: Spec, *indices: Spec) -> str | None:
        return only_floats(g)

    @property
    def lengths(self) -> list[int]:
        """The lengths of the indexed axes."""
        return [self.shape[a] for a in self.axes]

    def _rows(self, xp: Any, g: Any) -> Any:
        """g with the axes of the indices in front: (indices, rest)."""
        first, n_index = place_of(self.axes), g.ndim - len(self.shape) + len(self.axes)
        rows = xp.moveaxis(g, tuple(range(first, first + n_index)), tuple(range(n_index)))
        return rows.reshape(_size(rows.shape[:n_index]), _size(rows.shape[n_index:]))

    def _placed(self, xp: Any, y: Any) -> Any:
        """(targets, rest), with every axis back in its place."""
        rest = [n for a, n in enumerate(self.shape) if a not in self.axes]
        y = y.reshape(*self.lengths, *rest)
        return xp.moveaxis(y, tuple(range(len(self.axes))), self.axes)

    def vjp_g(self, node: Any, g: Tensor) -> Tensor:
        return apply(GetAt.make(self.axes), g, *node["indices"])

    def cost(self, g: Spec, *indices: Spec) -> Cost:
        return Cost(flops=g.size, bytes=traffic(g, *indices, self.spec(g, *indices)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        some = np.array([[0, 2, -1], [2, 2, 0]])
        yield Sample(cls((1,), (3, 4, 5)), (draw((3, 2, 3, 5)), some), "repeated, from the end")
        yield Sample(cls((1, 2), (3, 4, 5)), (draw((3, 2, 3)), some[:, :1], some), "neighbours")
        yield Sample(cls((0, 2), (3, 4, 5)), (draw((4, 3)).T, some[0], np.array(1)), "apart")
        yield Sample(cls((0,), (3, 2)), (np.zeros((0, 2)), np.zeros(0, np.int32)), "nothing")
        many = rng.integers(0, 5, 40) ** 3
        yield Sample(cls((0,), (65, 5)), (draw((40, 5)), many), "many to few, more than a block")


def _size(lengths: Any) -> int:
    """The number of elements of that shape."""
    return int(np.prod(lengths, dtype=np.int64))


@dataclass(frozen=True)
class SetAt(Op):
    """A copy of x with value written along some axes at arrays of integers; the last write wins."""

    axes: tuple[int, ...]
    keeps = {"x": ("indices",), "value": ("indices",)}
    conjugates = True

    def spec(self, x: Spec, value: Spec, *indices: Spec) -> Spec:
        check_fit(value.shape, gathered_shape("setitem", self.axes, x.shape, indices))
        return x

    def forward(self, xp: Any, x: Any, value: Any, *indices: Any) -> Any:
        y = x.copy()
        write_at(xp, y, self.axes, value, indices)
        return y

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(self, g, 0.0, *node["indices"])

    def vjp_value(self, node: Any, g: Tensor) -> Tensor:
        indices = node["indices"]
        g = apply(GetAt.make(self.axes), g, *indices)
        return unbroadcast(FUNCTIONS.where(self._lasts(node, g), g, 0.0), node.shape("value"))

    def _lasts(self, node: Any, g: Tensor) -> Tensor:
        """Which elements of value no later one has overwritten: each signs, the last one stays."""
        indices = node["indices"]
        shape = node.shape("x")
        common = np.broadcast_shapes(*(i.shape for i in indices))
        numbers = FUNCTIONS.arange(_size(common), device=g.device).reshape(common)
        blank = FUNCTIONS.zeros(
            tuple(shape[a] for a in self.axes), dtype=numbers.dtype, device=g.device
        )
        among = tuple(range(len(self.axes)))
        signed = apply(SetAt.make(among), blank, numbers, *indices)
        lasts = apply(GetAt.make(among), signed, *indices) == numbers
        after = len(shape) - len(self.axes) - place_of(self.axes)
        return lasts.reshape((*common, *(1,) * after))

    def cost(self, x: Spec, value: Spec, *indices: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, value, *indices, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = rng.standard_normal((3, 4, 5))
        some = np.array([[0, 2, -1], [2, 2, 0]])
        yield Sample(cls((1,)), (x, rng.standard_normal((2, 3, 5)), some), "overwritten")
        yield Sample(cls((0, 2)), (x, rng.standard_normal((2, 1, 1)), some, some), "apart")
        yield Sample(cls((0,)), (x, rng.standard_normal(()), some[0]), "a number, repeated")


def write_at(xp: Any, y: Any, axes: tuple[int, ...], value: Any, indices: Any) -> None:
    """y[indices along axes] = value, in place. The last write to an element wins everywhere.

    On a GPU equal targets would be written in any order: so only the last of each is written.
    """
    if np.size(value) != 1:
        indices = xp.broadcast_arrays(*indices)
        common = indices[0].shape
        rest = [n for a, n in enumerate(y.shape) if a not in axes]
        first = place_of(axes)
        value = xp.broadcast_to(value, (*rest[:first], *common, *rest[first:]))
        target, order = sorted_targets(xp, [y.shape[a] for a in axes], indices)
        last = order[xp.flatnonzero(xp.diff(target, append=-1))]
        value = value.reshape(*rest[:first], _size(common), *rest[first:]).take(last, axis=first)
        indices = [i.ravel()[last] for i in indices]
    y[at(axes, indices)] = value
