"""The largest and the smallest along axes, where they are, and the truth of any and all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ShapeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from .broadcast import broadcast_to
from .compare import isnan, where
from .reduce import Axes, Reduction, reduce_axes, single_axis
from .shape import axes_of

__all__ = ["all", "amax", "amin", "any", "argmax", "argmin", "max", "min"]


class Extreme(Reduction, abstract=True):
    """Base of max and min: NaN wins, and ties share the gradient evenly."""

    keeps = {"x": ("x", "y")}

    def spec(self, x: Spec) -> Spec:
        _refuse_empty(self.label, self.axis, x.shape)
        return super().spec(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x, shape = node["x"], node.shape("x")
        wins = (x == self.spread(node["y"], shape)) | isnan(x)
        wide = np.result_type(g.dtype, np.float32)  # float16 would count to 65504 at most
        ties = wins.astype(wide).sum(axis=self.axis, keepdims=True)
        share = broadcast_to(g.reshape(ties.shape) / ties, shape)
        return where(wins, share, 0)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        x = np.array([[2.0, 2.0, -1.0, -1.0], [0.0, np.nan, 1.0, np.nan], [3.0, 3.0, 3.0, 3.0]])
        yield Sample(cls((1,)), (x,), "ties, NaN", smooth=False)


def _refuse_empty(label: str, axis: tuple[int, ...], shape: tuple[int, ...]) -> None:
    for a in axes_of(label, axis, shape):
        if shape[a] == 0:
            raise ShapeError(f"{label}: x {shape} has no elements along axis {a} to choose from")


class Max(Extreme):
    """The largest element."""

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.max(x, axis=self.axis, keepdims=self.keepdims)


class Min(Extreme):
    """The smallest element."""

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.min(x, axis=self.axis, keepdims=self.keepdims)


@dataclass(frozen=True)
class ArgExtreme(Op, abstract=True):
    """Base of argmax and argmin: the first place of the extreme, int64; the first NaN wins.

    axis None looks at all elements in row-major order.
    """

    axis: int | None
    keepdims: bool = False
    nondifferentiable = ("y",)

    def spec(self, x: Spec) -> Spec:
        axes = axes_of(self.label, self.axis, x.shape)
        _refuse_empty(self.label, axes, x.shape)
        kept = tuple([1 if i in axes else n for i, n in enumerate(x.shape)])
        shape = kept if self.keepdims else tuple([n for i, n in enumerate(kept) if i not in axes])
        return Spec(shape, np.dtype(np.int64))

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=x.size, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = np.array([[2.0, 3.0, -1.0, 3.0], [0.0, np.nan, 1.0, np.nan], [-1.0, -1.0, 0.0, 5.0]])
        yield Sample(cls(1), (x,), "ties, NaN")
        yield Sample(cls(0, True), (x[::2],), "keepdims")
        yield Sample(cls(None), (rng.standard_normal((2, 3, 5)).T,), "all axes, strided")
        yield Sample(cls(None, True), (x[::2],), "all axes kept")
        yield Sample(cls(1), (np.zeros((0, 3)),), "no results")


class Argmax(ArgExtreme):
    """Where the largest element is."""

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.argmax(x, axis=self.axis, keepdims=self.keepdims).astype(np.int64)


class Argmin(ArgExtreme):
    """Where the smallest element is."""

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.argmin(x, axis=self.axis, keepdims=self.keepdims).astype(np.int64)


class Truth(Reduction, abstract=True):
    """Base of any and all: bools, through which no gradient flows."""

    nondifferentiable = ("y",)

    def result(self, dtype: Any) -> Any:
        return np.dtype(bool)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls((1,)), (np.array([[0.0, 0.0], [0.0, 2.0], [1.0, np.nan]]),))
        yield Sample(cls((0, 1), True), (np.array([[True, False]]),), "all axes kept")
        yield Sample(cls((0,)), (np.zeros((0, 2)),), "of nothing")


class Any_(Truth):  # noqa: N801 (typing.Any has the name)
    """Is any element true (not 0)?"""

    label = "any"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.any(x, axis=self.axis, keepdims=self.keepdims)


class All(Truth):
    """Are all elements true (not 0)?"""

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.all(x, axis=self.axis, keepdims=self.keepdims)


@public
def max(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The largest element, or the largest along some axes; NaN wins, ties share the gradient."""
    return reduce_axes(Max, x, axis, keepdims)


@public
def min(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The smallest element, or the smallest along some axes; NaN wins, ties share the gradient."""
    return reduce_axes(Min, x, axis, keepdims)


@public
def amax(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """`max` under the name that shadows no builtin."""
    return reduce_axes(Max, x, axis, keepdims)


@public
def amin(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """`min` under the name that shadows no builtin."""
    return reduce_axes(Min, x, axis, keepdims)


@public
def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the largest element is (int64): the first of equals, the first NaN.

    axis  None counts through all elements in row-major order
    """
    axis = None if axis is None else single_axis("argmax", axis, x)
    return apply(Argmax.make(axis, keepdims), x)


@public
def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the smallest element is (int64): the first of equals, the first NaN.

    axis  None counts through all elements in row-major order
    """
    axis = None if axis is None else single_axis("argmin", axis, x)
    return apply(Argmin.make(axis, keepdims), x)


@public
def any(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Is any element true (not 0), of all or along some axes? False of nothing."""
    return reduce_axes(Any_, x, axis, keepdims)


@public
def all(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """Are all elements true (not 0), of all or along some axes? True of nothing."""
    return reduce_axes(All, x, axis, keepdims)
