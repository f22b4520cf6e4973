"""Several arrays into one and one into several: concat, stack, split, unstack.

    y  = Concat(*xs)     along an axis they have     ys = Split(x)      pieces of an axis
    y  = Stack(*xs)      along a new axis            ys = Unstack(x)    each index of an axis

Concat and Split are each other's adjoint; so are Stack and Unstack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import index
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.op import Cost, Op, Sample, Spec, Tap, traffic
from ..core.tensor import Tensor
from .shape import axes_of, reshape, shape_of

__all__ = ["concat", "split", "stack", "unstack"]


@dataclass(frozen=True)
class Concat(Op):
    """The arrays one behind the other along an axis."""

    axis: int
    conjugates = True

    def spec(self, *xs: Spec) -> Spec:
        first = xs[0].shape
        (axis,) = axes_of("concat", self.axis, first, "arrays[0]")
        before, after = first[:axis], first[axis + 1 :]
        for i, x in enumerate(xs):
            if x.ndim != len(first) or (x.shape[:axis], x.shape[axis + 1 :]) != (before, after):
                raise ShapeError(
                    f"concat: arrays[{i}] {x.shape} differs from arrays[0] {first} in another "
                    f"place than axis {axis}"
                )
        return Spec((*before, sum(x.shape[axis] for x in xs), *after), common_dtype(xs))

    def forward(self, xp: Any, *xs: Any) -> Any:
        return xp.concatenate(xs, axis=self.axis)

    def vjp(self, node: Any, needs: set[str], g: Tensor) -> tuple[Tensor, ...]:
        lengths = tuple([shape[self.axis] for shape, _ in node.in_specs])
        return apply(Split(lengths, self.axis % g.ndim), g)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        ndim = specs[i].ndim
        return [None if a == self.axis % ndim else Tap(a) for a in range(ndim)]

    def cost(self, *xs: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(*xs, self.spec(*xs)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        yield Sample(cls(1), (draw((2, 3)), draw((2, 1)), draw((4, 2)).T))
        yield Sample(cls(-2), (draw((1, 2)), draw((3, 2))), "axis from the end")
        yield Sample(cls(0), (draw((2, 3)), np.zeros((0, 3)), draw((1, 3))), "an empty one")
        yield Sample(cls(0), (draw(4),), "one alone")


@dataclass(frozen=True)
class Split(Op):
    """x cut along an axis (counted from 0) into pieces of the given lengths, as views."""

    lengths: tuple[int, ...]
    axis: int
    outputs = ("*ys",)
    view = True
    conjugates = True

    def spec(self, x: Spec) -> tuple[Spec, ...]:
        axes_of("split", self.axis, x.shape)
        if sum(self.lengths) != x.shape[self.axis]:
            raise ShapeError(
                f"split: axis {self.axis} of x {x.shape} has length {x.shape[self.axis]}; the "
                f"pieces {self.lengths} take {sum(self.lengths)}"
            )
        before, after = x.shape[: self.axis], x.shape[self.axis + 1 :]
        return tuple([Spec((*before, n, *after), x.dtype) for n in self.lengths])

    def forward(self, xp: Any, x: Any) -> Any:
        lead = (slice(None),) * self.axis
        places = accumulate(self.lengths, initial=0)
        keys = ((*lead, slice(a, b)) for a, b in pairwise(places))
        return tuple([x[key] for key in keys])

    def vjp_x(self, node: Any, *gs: Tensor | None) -> Tensor:
        return apply(Concat.make(self.axis), *_zeros_for_none(node, gs))

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        start = sum(self.lengths[:k])
        return [Tap(a, start=start if a == self.axis else 0) for a in range(specs[0].ndim)]

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, *self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls((1, 2, 2), 1), (rng.standard_normal((2, 5)),))
        yield Sample(cls((2, 0, 1), 0), (rng.standard_normal((2, 3)).T,), "an empty piece")
        yield Sample(cls((3,), 0), (rng.standard_normal(3),), "one piece")


@dataclass(frozen=True)
class Stack(Op):
    """The arrays, all of one shape, side by side along a new axis."""

    axis: int
    conjugates = True

    def spec(self, *xs: Spec) -> Spec:
        first = xs[0].shape
        for i, x in enumerate(xs):
            if x.shape != first:
                raise ShapeError(f"stack: arrays[{i}] {x.shape} differs from arrays[0] {first}")
        (axis,) = axes_of("stack", self.axis, (*first, 1), "the result")
        return Spec((*first[:axis], len(xs), *first[axis:]), common_dtype(xs))

    def forward(self, xp: Any, *xs: Any) -> Any:
        return xp.stack(xs, axis=self.axis)

    def vjp(self, node: Any, needs: set[str], g: Tensor) -> tuple[Tensor, ...]:
        return unstack(g, axis=self.axis)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        ndim = specs[i].ndim
        return [Tap(a + (a >= self.axis % (ndim + 1))) for a in range(ndim)]

    def cost(self, *xs: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(*xs, self.spec(*xs)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        yield Sample(cls(1), (draw((2, 3)), draw((3, 2)).T, draw((2, 3))))
        yield Sample(cls(-1), (draw(()), draw(())), "numbers")
        yield Sample(cls(0), (np.zeros((0, 2)), np.zeros((0, 2))), "empty")


@dataclass(frozen=True)
class Unstack(Op):
    """x[k] for every k along an axis (counted from 0), as views."""

    axis: int
    outputs = ("*ys",)
    view = True
    conjugates = True

    def spec(self, x: Spec) -> tuple[Spec, ...]:
        axes_of("unstack", self.axis, x.shape)
        rest = (*x.shape[: self.axis], *x.shape[self.axis + 1 :])
        return (Spec(rest, x.dtype),) * x.shape[self.axis]

    def forward(self, xp: Any, x: Any) -> Any:
        lead = (slice(None),) * self.axis
        keys = ((*lead, k, ...) for k in range(x.shape[self.axis]))
        return tuple([x[key] for key in keys])

    def vjp_x(self, node: Any, *gs: Tensor | None) -> Tensor:
        return apply(Stack.make(self.axis), *_zeros_for_none(node, gs))

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        return [
            Tap(None, 1, 0, k) if a == self.axis else Tap(a - (a > self.axis))
            for a in range(specs[0].ndim)
        ]

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, *self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(1), (rng.standard_normal((2, 3, 5)),))
        yield Sample(cls(0), (rng.standard_normal(3),), "to numbers")
        yield Sample(cls(0), (np.zeros((2, 0)),), "empty")


def common_dtype(specs: Sequence[Spec]) -> Any:
    """The dtype to which NumPy promotes all of these."""
    return np.result_type(*(x.dtype for x in specs))


def _zeros_for_none(node: Any, gs: tuple[Tensor | None, ...]) -> list[Tensor]:
    """The cotangents of all outputs, with zeros for those that nobody used."""
    device = next(g.device for g in gs if g is not None)
    return [
        FUNCTIONS.zeros(shape, dtype=dtype, device=device) if g is None else g
        for g, (shape, dtype) in zip(gs, node.out_specs, strict=True)
    ]


def _several(label: str, arrays: Any) -> list[Any]:
    """The arrays as a list, at least one."""
    if isinstance(arrays, (int, float)):
        raise DtypeError(f"{label}: takes a sequence of arrays, got {type(arrays).__name__}")
    if not (several := list(arrays)):
        raise ArgumentError(f"{label}: needs at least one array")
    return several


@public
def concat(arrays: Any, /, *, axis: int | None = 0) -> Tensor:
    """The arrays one behind the other along an axis they have; axis None flattens them first.

    arrays  tensors and arrays that differ in no other axis; dtypes promote as in NumPy
    """
    arrays = _several("concat", arrays)
    if axis is None:
        arrays, axis = [reshape(x, (-1,)) for x in arrays], 0
    (axis,) = axes_of("concat", axis, shape_of("concat", arrays[0], "arrays[0]"), "arrays[0]")
    return apply(Concat.make(axis), *arrays)


@public
def stack(arrays: Any, /, *, axis: int = 0) -> Tensor:
    """The arrays, all of one shape, side by side along a new axis at that place of the result."""
    arrays = _several("stack", arrays)
    shape = (*shape_of("stack", arrays[0], "arrays[0]"), len(arrays))
    (axis,) = axes_of("stack", axis, shape, "the result")
    return apply(Stack.make(axis), *arrays)


@public
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """The pieces of x along an axis, as views.

    indices_or_sections  a number of equal pieces, or the places at which to cut, not decreasing
                         (from the end if negative; beyond the end they make empty pieces)
    """
    shape = shape_of("split", x)
    (axis,) = axes_of("split", axis, shape)
    length = shape[axis]
    if isinstance(indices_or_sections, (np.ndarray, Tensor)):
        indices_or_sections = indices_or_sections.tolist()
    try:
        if isinstance(indices_or_sections, (tuple, list)):
            places = [slice(index(n)).indices(length)[1] for n in indices_or_sections]
            lengths = tuple([b - a for a, b in pairwise([0, *places, length])])
        else:
            sections = index(indices_or_sections)
            lengths = (length // sections,) * sections if sections > 0 else (-1,)
    except TypeError:
        raise DtypeError(
            f"split: indices_or_sections {indices_or_sections!r} must be an int or a list of ints"
        ) from None
    if sum(lengths) != length or min(lengths) < 0:
        raise ArgumentError(
            f"split: axis {axis} of x {shape} has length {length}, which "
            f"{indices_or_sections!r} does not cut; give a number that divides it, or places that "
            "do not decrease"
        )
    return apply(Split(lengths, axis), x)


@public
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """x[k] for every k along an axis, as views: the inverse of `stack`."""
    shape = shape_of("unstack", x)
    if not shape:
        raise ShapeError("unstack: a 0-d tensor has no axis to go along")
    (axis,) = axes_of("unstack", axis, shape)
    return apply(Unstack.make(axis), x)
