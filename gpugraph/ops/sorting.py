"""Order: sort, argsort, topk, searchsorted, and what sorted values are good for.

`Sort` moves values alone, for which any sort does, the fastest; where each of them came from only
its gradient asks: an `Argsort`. Equal elements keep their order, and NaN counts as the largest
number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import index
from typing import Any, NamedTuple

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from .index import take, take_along_axis
from .reduce import single_axis
from .shape import along, axes_of, reshape, shape_of

__all__ = [
    "TopK",
    "argpartition",
    "argsort",
    "digitize",
    "isin",
    "kthvalue",
    "partition",
    "searchsorted",
    "sort",
    "topk",
]


class TopK(NamedTuple):
    """The k largest elements, and where they were (int64)."""

    values: Tensor
    indices: Tensor


@dataclass(frozen=True)
class Argsort(Op):
    """The places of the elements along an axis, from the smallest to the largest; int64.

    Equal elements stay in order; NaN counts as the largest.
    """

    axis: int
    descending: bool = False
    nondifferentiable = ("y",)
    widens = True

    def spec(self, x: Spec) -> Spec:
        axes_of(self.label, self.axis, x.shape)
        if x.dtype.kind == "c":
            raise DtypeError(f"argsort: x is {x.dtype}; complex numbers have no order")
        return Spec(x.shape, np.dtype(np.int64))

    def forward(self, xp: Any, x: Any) -> Any:
        self.spec(Spec(x.shape, x.dtype))
        if not self.descending:
            return stable_order(xp, x, self.axis).astype(np.int64, copy=False)
        order = stable_order(xp, xp.flip(x, self.axis), self.axis)
        return (x.shape[self.axis] - 1 - xp.flip(order, self.axis)).astype(np.int64, copy=False)

    def cost(self, x: Spec) -> Cost:
        rounds = max(1, x.shape[self.axis]).bit_length()
        return Cost(flops=x.size * rounds, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = np.array([[2.0, -1.0, 2.0, np.nan, -np.inf], [0.0, np.nan, -0.0, 1.0, np.nan]])
        yield Sample(cls(1), (x,), "ties, NaN")
        yield Sample(cls(1, True), (x,), "descending")
        yield Sample(cls(0, True), (rng.integers(0, 3, (4, 7)).T,), "integers, strided")
        yield Sample(cls(0), (np.array([True, False, True]),), "bools")
        yield Sample(cls(1), (np.zeros((2, 0)),), "empty")


def stable_order(xp: Any, x: Any, axis: int) -> Any:
    """argsort in which equal elements, and all NaN, keep their order.

    NumPy's stable sort is several times slower than its other one, which uses the processor's
    vectors. So there the other one comes first; then equal elements are put in order by sorting
    (rank among the different values, place) as one integer.
    """
    n = x.shape[axis]
    if xp is not np or n < 2 or n > 2**31:
        return xp.argsort(x, axis, kind="stable")
    order = np.argsort(x, axis)
    y = np.take_along_axis(x, order, axis)
    a, b = y[along(axis, None, -1)], y[along(axis, 1, None)]
    differs = a != b
    if x.dtype.kind == "f":
        differs &= (a == a) | (b == b)  # NaN beside NaN
    if differs.all():
        return order
    rank = np.zeros(x.shape, np.int64)
    np.cumsum(differs, axis, out=rank[along(axis, 1, None)])
    rank *= n
    order += rank
    order.sort(axis)
    order -= rank
    return order


@dataclass(frozen=True)
class Sort(Op):
    """The elements along an axis, from the smallest to the largest; NaN counts as the largest."""

    axis: int
    descending: bool = False
    keeps = {"x": ("x",)}
    widens = True

    def spec(self, x: Spec) -> Spec:
        axes_of(self.label, self.axis, x.shape)
        if x.dtype.kind == "c":
            raise DtypeError(f"sort: x is {x.dtype}; complex numbers have no order")
        return x

    def forward(self, xp: Any, x: Any) -> Any:
        self.spec(Spec(x.shape, x.dtype))
        y = xp.sort(x, self.axis)
        return xp.flip(y, self.axis).copy() if self.descending else y

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        order = apply(Argsort.make(self.axis, self.descending), node["x"].detach())
        back = apply(Argsort.make(self.axis), order)  # where in y each x went
        return take_along_axis(g, back, axis=self.axis)

    def cost(self, x: Spec) -> Cost:
        rounds = max(1, x.shape[self.axis]).bit_length()
        return Cost(flops=x.size * rounds, bytes=traffic(x, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        # Distinct values, no two near each other: no ties
        x = 0.1 * rng.permutation(30).reshape(2, 3, 5) - 1.53
        yield Sample(cls(2), (x,))
        yield Sample(cls(1, True), (x.T,), "descending, strided")
        for sample in Argsort.samples(rng):
            op: Any = sample.op
            op = cls(op.axis, op.descending)
            yield Sample(op, sample.inputs, sample.note, smooth=False)


@dataclass(frozen=True)
class SearchSorted(Op):
    """For each x2, how many of the sorted x1 lie before it; int64.

    right  count those that equal it, too
    """

    right: bool = False
    label = "searchsorted"
    nondifferentiable = ("y",)
    checks_first = True
    widens = True

    def spec(self, x1: Spec, x2: Spec) -> Spec:
        if x1.ndim != 1:
            raise ShapeError(
                f"searchsorted: x1 {x1.shape} must have 1 axis, along which it ascends"
            )
        return Spec(x2.shape, np.dtype(np.int64))

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        common = xp.result_type(x1, x2)
        side = "right" if self.right else "left"
        found = xp.searchsorted(x1.astype(common), x2.astype(common).ravel(), side=side)
        return found.astype(np.int64).reshape(x2.shape)

    def cost(self, x1: Spec, x2: Spec) -> Cost:
        rounds = max(1, x1.size).bit_length()
        return Cost(flops=x2.size * rounds, bytes=traffic(x1, x2, self.spec(x1, x2)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x1 = np.array([-1.0, 0.5, 0.5, 2.0])
        x2 = np.array([[0.5, -3.0, 2.0], [9.0, 0.0, np.nan]])
        for right in (False, True):
            yield Sample(cls(right), (x1, x2))
        yield Sample(cls(), (np.zeros(0), x2[0]), "in nothing")
        yield Sample(cls(), (np.array([0, 2, 4]), np.array(3)), "integers, 0-d")


@public
def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Where the elements along an axis are, from the smallest to the largest (int64).

    descending  from the largest to the smallest
    stable      equal elements always keep their order, whatever is asked for
    NaN counts as the largest. Raises DtypeError for complex numbers.
    """
    return apply(Argsort.make(single_axis("argsort", axis, x), bool(descending)), x)


@public
def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements along an axis from the smallest to the largest, as a new tensor.

    descending, stable  as in `argsort`; NaN counts as the largest
    Each gradient goes back to the place where its element was; equal elements keep their order.
    """
    return apply(Sort.make(single_axis("sort", axis, x), bool(descending)), x)


@public
def topk(x: Any, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> TopK:
    """The k largest elements along an axis, the largest first, and where they were.

    largest  False: the k smallest, the smallest first
    sorted   they are always sorted; of equal elements the first ones count
    NaN counts as the largest. Raises ArgumentError unless 0 <= k <= the length of the axis.
    """
    axis = single_axis("topk", axis, x)
    k = _count("topk", k, x, axis, least=0)
    order = argsort(x, axis=axis, descending=largest)
    indices = order[along(axis, k)]
    return TopK(take_along_axis(x, indices, axis=axis), indices)


@public
def kthvalue(x: Any, k: int, axis: int = -1, keepdims: bool = False) -> TopK:
    """The k-th smallest element along an axis, counted from 1, and where it was."""
    axis = single_axis("kthvalue", axis, x)
    k = _count("kthvalue", k, x, axis, least=1)
    indices = argsort(x, axis=axis)[along(axis, k - 1, k)]
    pair = (take_along_axis(x, indices, axis=axis), indices)
    return TopK(*(y if keepdims else FUNCTIONS.squeeze(y, axis) for y in pair))


def _count(label: str, k: Any, x: Any, axis: int, least: int) -> int:
    """k as an int between `least` and the length of the axis."""
    try:
        k = index(k)
    except TypeError:
        raise DtypeError(f"{label}: k {k!r} must be an int") from None
    length = shape_of(label, x)[axis]
    if not least <= k <= length:
        raise ArgumentError(
            f"{label}: k={k} must lie between {least} and {length}, the length of axis {axis} of "
            f"x {shape_of(label, x)}"
        )
    return k


@public
def partition(x: Any, kth: Any, axis: int | None = -1) -> Tensor:
    """`sort`: every element is then where a partition wants it. axis None flattens first."""
    x, axis = _flat(x, axis)
    return sort(x, axis=axis)


@public
def argpartition(x: Any, kth: Any, axis: int | None = -1) -> Tensor:
    """`argsort`: every element is then where a partition wants it. axis None flattens first."""
    x, axis = _flat(x, axis)
    return argsort(x, axis=axis)


def _flat(x: Any, axis: int | None) -> tuple[Any, int]:
    """x and axis, or all elements of x along one axis if there is none."""
    return (reshape(x, (-1,)), 0) if axis is None else (x, axis)


@public
def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Tensor:
    """Where to insert each x2 into x1, which ascends, to keep the order (int64).

    x1      1-D; by `sorter`, the places that sort it (its `argsort`), it may be in any order
    side    "left": before equal elements; "right": behind them
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side={side!r} is neither 'left' nor 'right'")
    if sorter is not None:
        x1 = take(x1, _sorter(x1, sorter), axis=0)
    return apply(SearchSorted.make(side == "right"), x1, x2)


def _sorter(x1: Any, sorter: Any) -> Any:
    """The places that sort x1, checked: one for each element."""
    sorter = FUNCTIONS.asarray(sorter) if isinstance(sorter, (list, tuple)) else sorter
    x1, given = shape_of("searchsorted", x1, "x1"), shape_of("searchsorted", sorter, "sorter")
    if sorter.dtype.kind not in "iu":
        raise DtypeError(f"searchsorted: sorter is {sorter.dtype}; it must be integer, an argsort")
    if len(x1) == 1 and given != x1:
        raise ShapeError(f"searchsorted: sorter {given} must have the shape of x1 {x1}")
    return sorter


@public
def digitize(x: Any, bins: Any, right: bool = False) -> Tensor:
    """The number of the bin that each x falls into: i where bins[i-1] <= x < bins[i] (int64).

    bins   1-D, ascending or descending
    right  i where bins[i-1] < x <= bins[i]
    """
    bins = FUNCTIONS.asarray(bins, device=x.device if isinstance(x, Tensor) else None)
    side = "left" if right else "right"
    if bins.device != "meta" and bins.size > 1 and bool(bins[0] > bins[-1]):
        return bins.size - searchsorted(FUNCTIONS.flip(bins), x, side=side)
    return searchsorted(bins, x, side=side)


@public
def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Tensor:
    """Is each element of x1 among those of x2? Bools of the shape of x1; NaN is in nothing.

    invert  is it not?
    """
    device = next((x.device for x in (x1, x2) if isinstance(x, Tensor)), None)
    x1, x2 = (FUNCTIONS.asarray(x, device=device) for x in (x1, x2))
    among = sort(reshape(x2, (-1,)))
    if not among.size:
        return FUNCTIONS.full(x1.shape, bool(invert), dtype=bool, device=x1.device)
    places = FUNCTIONS.minimum(searchsorted(among, x1), among.size - 1)
    found = take(among, places) == x1
    return FUNCTIONS.logical_not(found) if invert else found
