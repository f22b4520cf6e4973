"""Reductions along axes: sum, product, mean, variance and standard deviation; running sums.

All but `CumulativeSum` share two fields: the axes to reduce (not negative; with none of them the
elements stay as they are) and whether these are kept, with length 1. Results without axes are 0-d
arrays. float16 and bfloat16 are summed in float32 and rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError
from ..core.methods import FUNCTIONS, public
from ..core.op import Cost, Op, Sample, Spec, Tap, traffic
from ..core.tensor import Tensor
from . import pool_cpu
from .broadcast import broadcast_to
from .compare import not_equal
from .dtypes import as_dtype
from .image_memory import lines_first, sum_along
from .memory import astype
from .shape import axes_of, shape_of

__all__ = [
    "count_nonzero",
    "cumulative_sum",
    "mean",
    "prod",
    "std",
    "sum",
    "var",
]

Axes: TypeAlias = "int | tuple[int, ...] | list[int] | None"


@dataclass(frozen=True)
class Reduction(Op, abstract=True):
    """Base of what takes one number from all elements along some axes."""

    axis: tuple[int, ...]
    keepdims: bool = False

    def spec(self, x: Spec) -> Spec:
        shape = self.kept(x.shape)
        if not self.keepdims:
            shape = tuple([n for i, n in enumerate(shape) if i not in self.axis])
        return Spec(shape, self.result(x.dtype))

    def result(self, dtype: Any) -> Any:
        """The dtype of the result."""
        return dtype

    def kept(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """That shape with length 1 along the reduced axes."""
        axes = axes_of(self.label, self.axis, shape)
        return tuple([1 if i in axes else n for i, n in enumerate(shape)])

    def count(self, shape: tuple[int, ...]) -> int:
        """How many elements of an array of that shape make one of the result."""
        n = 1
        for axis in axes_of(self.label, self.axis, shape):
            n *= shape[axis]
        return n

    def spread(self, y: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Repeat a result, or its cotangent, over the elements of that shape it stands for."""
        return broadcast_to(y.reshape(self.kept(shape)), shape)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        x = specs[0].shape
        reduced = axes_of(self.label, self.axis, x)
        taps, place = [], 0
        for a, n in enumerate(x):
            taps.append(Tap.all(n) if a in reduced else Tap(place))
            place += self.keepdims or a not in reduced
        return taps

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=x.size, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        # Distinct values, no two near each other: extrema have no ties
        x = 0.1 * rng.permutation(30).reshape(2, 3, 5) - 1.53
        yield Sample(cls((0, 1, 2)), (x,), "all axes")
        yield Sample(cls((1,), True), (x.T,), "strided")
        yield Sample(cls((0, 2)), (x[:, :, ::2],), "two axes")
        yield Sample(cls((1,)), (x[:0],), "no results")


@lru_cache(1024)
def _reduction(op: Reduction, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Its axes in order, and the shape of its result."""
    axes = axes_of(op.label, op.axis, shape)
    return tuple(sorted(axes)), op.spec(Spec(shape, np.dtype(np.float32))).shape


class Sum(Reduction):
    """The sum; integers and bools add up in 64 bits, as in NumPy 2."""

    precision = "high"
    widens = True
    conjugates = True

    def result(self, dtype: Any) -> Any:
        return _summed(dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return sum_along(xp, x, self.axis, self.keepdims)

    def cpu(self, lib: Any, x: Any) -> Any:
        if x.size < pool_cpu.SMALL:  # told before the axes are looked at
            return None
        return pool_cpu.reduced(lib, x, *_reduction(self, x.shape), 1)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return self.spread(g, node.shape("x"))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls((0,)), (np.zeros((0, 2)),), "of nothing")
        yield Sample(cls(()), (rng.standard_normal((2, 3)),), "no axis")
        yield Sample(cls((0,)), (np.arange(6, dtype=np.int32).reshape(2, 3),), "integers")
        yield Sample(cls((0,)), (np.array([True, True, False]),), "bools")


def _summed(dtype: Any) -> Any:
    """The dtype in which NumPy 2 adds and multiplies up along axes."""
    if dtype.kind in "bi":
        return np.dtype(np.int64)
    return np.dtype(np.uint64) if dtype.kind == "u" else dtype


class Prod(Reduction):
    """The product. Its gradient, the product of all other elements, takes no division by zeros."""

    precision = "high"
    widens = True
    keeps = {"x": ("x",)}

    def result(self, dtype: Any) -> Any:
        return _summed(dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.prod(x, axis=self.axis, keepdims=self.keepdims)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x, shape = node["x"], node.shape("x")
        order = [i for i in range(x.ndim) if i not in self.axis] + [*self.axis]
        length = self.count(shape)
        back = [order.index(i) for i in range(x.ndim)]
        moved = x.transpose(order)  # the reduced axes last
        others = _others(moved.reshape((*moved.shape[: x.ndim - len(self.axis)], length)))
        return self.spread(g, shape) * others.reshape(moved.shape).transpose(back)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls((0, 1)), (rng.uniform(0.5, 1.5, (3, 5)),))
        yield Sample(cls((0, 2), True), (rng.uniform(0.5, 1.5, (3, 2, 3)),), "strided")
        yield Sample(cls((0,)), (np.array([[1.5, 2.0], [0.0, 0.0], [2.0, 0.0]]),), "zeros")
        yield Sample(cls((1,)), (np.zeros((2, 0)),), "of nothing")
        yield Sample(cls((1,)), (np.zeros((0, 2)),), "no results")


def _others(x: Tensor) -> Tensor:
    """The product of all other elements along the last axis: (..., n) -> (..., n).

    Halves are multiplied pairwise; an element lacks its partner, and all that their pair lacks.
    """
    n = x.shape[-1]
    if n <= 1:
        return FUNCTIONS.ones_like(x)
    half = n // 2
    a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    lacking = _others(FUNCTIONS.concat([a * b, rest], axis=-1))
    pairs = lacking[..., :half]
    return FUNCTIONS.concat([pairs * b, pairs * a, lacking[..., half:]], axis=-1)


class Mean(Reduction):
    """The arithmetic mean; of nothing it is NaN, with NumPy's warning. Integers give float64."""

    widens = True
    conjugates = True

    def result(self, dtype: Any) -> Any:
        return _averaged(dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        if lines_first(x, self.axis):
            return sum_along(xp, x, self.axis, self.keepdims) / self.count(x.shape)
        return xp.mean(x, axis=self.axis, keepdims=self.keepdims)

    def cpu(self, lib: Any, x: Any) -> Any:
        if x.size < pool_cpu.SMALL:  # told before the axes are looked at
            return None
        return pool_cpu.reduced(lib, x, *_reduction(self, x.shape), self.count(x.shape))

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        shape = node.shape("x")
        return self.spread(g * (1 / max(1, self.count(shape))), shape)


def _averaged(dtype: Any) -> Any:
    return np.dtype(np.float64) if dtype.kind in "biu" else dtype


@dataclass(frozen=True)
class Var(Reduction):
    """sum((x - mean)^2) / (n - correction), in two passes."""

    precision = "high"
    correction: float = 0.0
    widens = True
    keeps = {"x": ("x",)}

    def result(self, dtype: Any) -> Any:
        return np.empty(0, _averaged(dtype)).real.dtype  # complex numbers have a real variance

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.var(x, axis=self.axis, ddof=self.correction, keepdims=self.keepdims)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return self.spread(g * (2 * self.scale(node)), node.shape("x")) * self.centred(node["x"])

    def scale(self, node: Any) -> float:
        """1 / (n - correction); NaN where there are too few elements, as the variance is."""
        left = self.count(node.shape("x")) - self.correction
        return 1 / left if left > 0 else float("nan")

    def centred(self, x: Tensor) -> Tensor:
        """x less its mean along the axes."""
        return x - x.mean(axis=self.axis, keepdims=True)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=4 * x.size, bytes=traffic(x, self.spec(x)), formula=f"4*{x.size}")

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls((1,), correction=1), (rng.standard_normal((2, 3)),), "unbiased")


class Std(Var):
    """The square root of the variance; its derivative where all elements are equal is 0."""

    keeps = {"x": ("x", "y")}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.std(x, axis=self.axis, ddof=self.correction, keepdims=self.keepdims)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        y = node["y"]
        safe = y + (y == 0).astype(y.dtype)  # where y is 0, so is the centred x
        return self.spread(g * self.scale(node) / safe, node.shape("x")) * self.centred(node["x"])

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls((1,)), (np.array([[2.0, 2.0], [1.0, 4.0]]),), "all equal", smooth=False)


@dataclass(frozen=True)
class CumulativeSum(Op):
    """The sum of all elements up to each one along an axis; reversed, from each one on."""

    precision = "high"
    axis: int
    reverse: bool = False
    widens = True
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        axes_of(self.label, self.axis, x.shape)
        return Spec(x.shape, _summed(x.dtype))

    def forward(self, xp: Any, x: Any) -> Any:
        if self.reverse:
            return xp.flip(xp.cumsum(xp.flip(x, self.axis), self.axis), self.axis)
        return xp.cumsum(x, self.axis)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(CumulativeSum.make(self.axis, not self.reverse), g)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=x.size, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(0), (rng.standard_normal((4, 3)),))
        yield Sample(cls(1, True), (rng.standard_normal((4, 3, 2)),), "reversed")
        yield Sample(cls(0), (np.arange(4, dtype=np.int8),), "integers")
        yield Sample(cls(0), (np.zeros((0, 2)),), "empty")


@public
def sum(x: Any, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum of all elements, or along some axes.

    dtype  convert to it first; by default integers and bools add up in 64 bits
    """
    return _as(dtype, reduce_axes(Sum, _converted("sum", x, dtype), axis, keepdims))


@public
def prod(x: Any, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product of all elements, or along some axes. Gradients are right with zeros, too.

    dtype  convert to it first; by default integers and bools multiply up in 64 bits
    """
    return _as(dtype, reduce_axes(Prod, _converted("prod", x, dtype), axis, keepdims))


@public
def mean(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean of all elements, or along some axes; integers give float64."""
    return reduce_axes(Mean, x, axis, keepdims)


@public
def var(x: Any, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The variance of all elements, or along some axes: sum((x - mean)^2) / (n - correction).

    correction  0 divides by n; 1 is the unbiased estimate
    """
    return reduce_axes(Var, x, axis, keepdims, correction)


@public
def std(x: Any, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The standard deviation: the square root of `var`; its gradient is 0 where all are equal."""
    return reduce_axes(Std, x, axis, keepdims, correction)


@public
def count_nonzero(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """How many elements are not 0, of all or along some axes (int64)."""
    return reduce_axes(Sum, not_equal(x, 0), axis, keepdims)


@public
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The sums of all elements up to each one along an axis.

    axis             None takes the only axis of x, if it has one
    dtype            convert to it first; by default integers and bools add up in 64 bits
    include_initial  start with 0, one element more
    """
    x = _converted("cumulative_sum", x, dtype)
    if axis is None and len(shape_of("cumulative_sum", x)) != 1:
        raise ArgumentError(f"cumulative_sum: axis must be given for x {x.shape}")
    axis = single_axis("cumulative_sum", 0 if axis is None else axis, x)
    y = _as(dtype, apply(CumulativeSum.make(axis), x))
    if not include_initial:
        return y
    first = (*y.shape[:axis], 1, *y.shape[axis + 1 :])
    zeros = FUNCTIONS.zeros(first, dtype=y.dtype, device=y.device)
    return FUNCTIONS.concat([zeros, y], axis=axis)


def reduce_axes(kind: type[Op], x: Any, axis: Axes, keepdims: bool, *fields: Any) -> Tensor:
    """Apply that kind of reduction, its axes checked and counted from 0."""
    axes = axes_of(kind.label, axis, shape_of(kind.label, x))
    return apply(kind.make(axes, bool(keepdims), *fields), x)


def _converted(label: str, x: Any, dtype: Any) -> Any:
    return x if dtype is None else astype(x, as_dtype(label, dtype), copy=False)


def _as(dtype: Any, y: Tensor) -> Tensor:
    """The result in the dtype asked for: narrow integers have added up in 64 bits."""
    return y if dtype is None else astype(y, dtype, copy=False)


def single_axis(label: str, axis: int, x: Any) -> int:
    """The number from 0 on of one axis."""
    if isinstance(axis, (tuple, list)):
        raise ArgumentError(f"{label}: axis must be one int, got {axis}")
    return axes_of(label, axis, shape_of(label, x))[0]
