"""Slices: reading, adding up and writing where ints, slices, None and Ellipsis point.

    y  = GetSlice(x)           x[key], a view
    gx = PutSlices(*gs)        zeros, plus each g at its key: the adjoint of many GetSlice at once
    y  = SetSlice(x, value)    a copy of x in which y[key] = value

A thousand slices of one array differentiate in one PutSlices: the rule of GetSlice gives
a `SlicePart`, and the sweep adds up all parts of one array together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, IndexRangeError, ShapeError
from ..core.op import Cost, Op, Sample, Spec, Tap, traffic
from ..core.tensor import Tensor
from .broadcast import unbroadcast

__all__: list[str] = []

# What a field can hold: an int, a slice as (start, stop, step), None for a new axis, or Ellipsis
Entry: TypeAlias = Any
Key: TypeAlias = "tuple[Entry, ...]"


def native(key: Key) -> tuple[Any, ...]:
    """The key as NumPy takes it. It ends in an Ellipsis, so that single elements are views too."""
    entries = tuple([slice(*e) if type(e) is tuple else e for e in key])
    return entries if Ellipsis in key else (*entries, ...)


def sliced_shape(label: str, key: Key, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of x[key]; raises our error if x of that shape has no such place."""
    used = sum(e is not None and e is not Ellipsis for e in key)
    check_count(label, used, key, shape)
    result: list[int] = []
    axis = 0
    for e in key if Ellipsis in key else (*key, ...):
        if e is None:
            result.append(1)
        elif e is Ellipsis:
            result.extend(shape[axis : axis + len(shape) - used])
            axis += len(shape) - used
        elif type(e) is tuple:
            if e[2] == 0:
                raise ArgumentError(f"{label}: the step of a slice of axis {axis} is 0")
            result.append(len(range(*slice(*e).indices(shape[axis]))))
            axis += 1
        else:
            check_range(label, e, e, axis, shape)
            axis += 1
    return tuple(result)


def check_count(label: str, used: int, key: Key, shape: tuple[int, ...]) -> None:
    """Has x enough axes for an index that uses that many?"""
    if used > len(shape):
        raise IndexRangeError(f"{label}: {used} indices for x {shape}, which has {len(shape)} axes")
    if key.count(Ellipsis) > 1:
        raise ArgumentError(f"{label}: an index may hold one Ellipsis (...) only")


def check_range(label: str, low: int, high: int, axis: int, shape: tuple[int, ...]) -> None:
    """Do indices between these two exist along this axis of x?"""
    n = shape[axis]
    if low < -n or high >= n:
        raise IndexRangeError(
            f"{label}: index {high if high >= n else low} is out of range for axis {axis} of x "
            f"{shape}"
        )


@dataclass(frozen=True)
class GetSlice(Op):
    """x[key] for ints, slices, None and Ellipsis: a view of x."""

    key: Key
    view = True
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        return Spec(sliced_shape("getitem", self.key, x.shape), x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return x[native(self.key)]

    def vjp_x(self, node: Any, g: Tensor) -> SlicePart:
        return SlicePart(node.shape("x"), self.key, g)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        x = specs[0].shape
        used = sum(e is not None and e is not Ellipsis for e in self.key)
        taps: list[Tap | None] = []
        place = 0
        for e in self.key if Ellipsis in self.key else (*self.key, ...):
            if e is None:
                place += 1
            elif e is Ellipsis:
                rest = len(x) - used
                taps += [Tap(place + a) for a in range(rest)]
                place += rest
            elif type(e) is tuple:
                start, _, step = slice(*e).indices(x[len(taps)])
                taps.append(Tap(place, 1, step, start) if step > 0 else None)
                place += 1
            else:
                taps.append(Tap(None, 1, 0, e % x[len(taps)]))
        return taps

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = rng.standard_normal((3, 4, 5))
        yield Sample(cls((1, (None, None, -2), ..., (4, 0, -3))), (x,), "negative steps")
        yield Sample(cls((..., None, -1)), (x.T,), "new axis")
        yield Sample(cls((2, 0, -5)), (x,), "one element")
        yield Sample(cls(((5, 2, None),)), (x,), "empty")
        yield Sample(cls((None, ...)), (rng.standard_normal(()),), "0-d")


class SlicePart:
    """The gradient of one slice: g at key, zero elsewhere. Many are added up by one op."""

    __slots__ = ("g", "key", "shape")

    def __init__(self, shape: tuple[int, ...], key: Key, g: Tensor) -> None:
        self.shape, self.key, self.g = shape, key, g

    def total(self, parts: list[SlicePart]) -> Tensor:
        """The sum of parts of one array, in one array."""
        keys = tuple([part.key for part in parts])
        return apply(PutSlices(self.shape, keys), *(part.g for part in parts))


@dataclass(frozen=True)
class PutSlices(Op):
    """Zeros of a shape, plus gs[i] at keys[i] for every i, in order: the adjoint of slicing."""

    shape: tuple[int, ...]
    keys: tuple[Key, ...]
    widens = True
    conjugates = True

    def spec(self, *gs: Spec) -> Spec:
        for i, (key, g) in enumerate(zip(self.keys, gs, strict=True)):
            if g.shape != (there := sliced_shape("put_slices", key, self.shape)):
                raise ShapeError(f"put_slices: gs[{i}] {g.shape} goes where {there} is")
        return Spec(self.shape, np.result_type(*(g.dtype for g in gs)))

    def forward(self, xp: Any, *gs: Any) -> Any:
        y = xp.zeros(self.shape, xp.result_type(*{g.dtype for g in gs}))
        for key, g in zip(self.keys, gs, strict=True):
            y[native(key)] += g
        return y

    def vjp_gs(self, node: Any, i: int, g: Tensor) -> Tensor:
        return apply(GetSlice.make(self.keys[i]), g)

    def cost(self, *gs: Spec) -> Cost:
        return Cost(flops=sum(g.size for g in gs), bytes=traffic(*gs, self.spec(*gs)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        keys = ((0,), ((None, None, -2), (1, 3, None)), (..., None, -1))
        yield Sample(cls((3, 4), keys), (draw(4), draw((2, 2)), draw((3, 1))), "overlapping")
        yield Sample(cls((2, 3), (((2, None, None),),)), (np.zeros((0, 3)),), "nothing")


@dataclass(frozen=True)
class SetSlice(Op):
    """A copy of x in which y[key] = value."""

    key: Key
    conjugates = True

    def spec(self, x: Spec, value: Spec) -> Spec:
        check_fit(value.shape, sliced_shape("setitem", self.key, x.shape))
        return x

    def forward(self, xp: Any, x: Any, value: Any) -> Any:
        y = x.copy()
        y[native(self.key)] = value
        return y

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(self, g, 0.0)

    def vjp_value(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(apply(GetSlice.make(self.key), g), node.shape("value"))

    def cost(self, x: Spec, value: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, value, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = rng.standard_normal((3, 4))
        yield Sample(cls(((None, None, 2), (3, 0, -1))), (x, rng.standard_normal((2, 3))))
        yield Sample(cls((1,)), (x, rng.standard_normal(())), "a number, repeated")
        yield Sample(cls(((2, 2, None),)), (x, rng.standard_normal((1, 4))), "nothing")


def check_fit(given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Does a value of the given shape broadcast to where it is written?"""
    tail = wanted[len(wanted) - len(given) :]
    if len(given) > len(wanted) or any(n not in (1, m) for n, m in zip(given, tail, strict=True)):
        raise ShapeError(
            f"setitem: value {given} does not broadcast to x[index], which is {wanted}"
        )
