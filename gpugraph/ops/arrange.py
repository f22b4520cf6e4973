"""The same elements in other places: flip, roll, pad.

y = Flip(x)    some axes backwards         vjp: Flip again
y = Roll(x)    shifted around some axes    vjp: shifted the other way
y = Pad(x)     a constant frame around x   vjp: the inside of g
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, Tap, traffic
from ..core.tensor import Tensor
from .shape import axes_of, reshape, shape_of

__all__ = ["flip", "pad", "roll"]


@dataclass(frozen=True)
class Flip(Op):
    """The elements in reverse order along some axes."""

    axes: tuple[int, ...]
    view = True
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        axes_of("flip", self.axes, x.shape)
        return x

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.flip(x, self.axes)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(self, g)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        x = specs[0].shape
        moved = axes_of(self.label, self.axes, x)
        return [None if a in moved else Tap(a) for a in range(len(x))]

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls((0, 2)), (rng.standard_normal((2, 3, 5)),))
        yield Sample(cls((1,)), (np.zeros((3, 0)),), "empty")


@dataclass(frozen=True)
class Roll(Op):
    """The elements shifted along axes; what leaves at one end comes back at the other."""

    shifts: tuple[int, ...]
    axes: tuple[int, ...]
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        axes_of("roll", self.axes, x.shape)
        return x

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.roll(x, self.shifts, self.axes)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(Roll.make(tuple([-n for n in self.shifts]), self.axes), g)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        x = specs[0].shape
        moved = axes_of(self.label, self.axes, x)
        return [None if a in moved else Tap(a) for a in range(len(x))]

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls((1, -7), (0, 2)), (rng.standard_normal((2, 3, 5)),), "more than around")
        yield Sample(cls((1,), (0,)), (np.zeros((0, 2)),), "empty")


@dataclass(frozen=True)
class Pad(Op):
    """x with widths[i] = (before, after) elements of one value added along axis i."""

    widths: tuple[tuple[int, int], ...]
    value: float = 0
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        if len(self.widths) != x.ndim:
            raise ShapeError(
                f"pad: x {x.shape} has {x.ndim} axes; pad_width has pairs for {len(self.widths)}"
            )
        lengths = (a + n + b for n, (a, b) in zip(x.shape, self.widths, strict=True))
        return Spec(tuple(lengths), x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        shape = [a + n + b for n, (a, b) in zip(x.shape, self.widths, strict=True)]
        y = xp.full(shape, self.value, x.dtype)
        y[self.inside(x.shape)] = x
        return y

    def inside(self, shape: tuple[int, ...]) -> tuple[slice, ...]:
        """Where x of that shape lies in y."""
        return tuple([slice(a, a + n) for n, (a, _) in zip(shape, self.widths, strict=True)])

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g[self.inside(node.shape("x"))]

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        return [Tap(a, start=-before) for a, (before, _) in enumerate(self.widths)]

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(((1, 2), (0, 3))), (rng.standard_normal((2, 3)),))
        yield Sample(cls(((2, 0), (1, 1)), -1.5), (rng.standard_normal((5, 2)).T,), "value")
        yield Sample(cls(((1, 0), (2, 2))), (np.zeros((0, 3)),), "from nothing")
        yield Sample(cls(()), (rng.standard_normal(()),), "0-d")


@public
def flip(x: Any, /, *, axis: int | Sequence[int] | None = None) -> Tensor:
    """x in reverse order along the given axes, all by default. A view."""
    return apply(Flip.make(axes_of("flip", axis, shape_of("flip", x))), x)


@public
def roll(x: Any, /, shift: Any, *, axis: int | Sequence[int] | None = None) -> Tensor:
    """x shifted along the axes, around the end; without axis along all its elements in order."""
    shape = shape_of("roll", x)
    if axis is None:
        return roll(reshape(x, (-1,)), shift, axis=0).reshape(shape)
    axes = axes_of("roll", axis, shape)
    try:
        several = isinstance(shift, (tuple, list))
        shifts = (*map(index, shift),) if several else (index(shift),) * len(axes)
    except TypeError:
        raise DtypeError(f"roll: shift {shift!r} must be an int or a tuple of ints") from None
    if len(shifts) != len(axes):
        raise ArgumentError(f"roll: shift {shift} and axis {axis} must be equally many")
    return apply(Roll.make(shifts, axes), x)


@public
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Tensor:
    """x with a frame of constant_values around it.

    pad_width  an int for all sides; (before, after) for every axis; or a pair for each axis
    mode       "constant" is the only one
    Raises ArgumentError for negative widths: cut with a slice instead.
    """
    shape = shape_of("pad", x)
    if mode != "constant":
        raise ArgumentError(f"pad: mode {mode!r} is not available; only 'constant' is")
    if not isinstance(constant_values, (bool, int, float, np.generic)):
        raise ArgumentError(f"pad: constant_values {constant_values!r} must be one real number")
    try:
        widths = np.asarray(pad_width)
        pairs = np.broadcast_to(widths, (len(shape), 2)).tolist()
    except ValueError:  # ragged, or of another shape
        raise ShapeError(
            f"pad: pad_width {pad_width!r} fits no x {shape}; give an int, a pair (before, after), "
            "or a pair for each axis"
        ) from None
    if widths.dtype.kind not in "iu":
        raise DtypeError(f"pad: pad_width {pad_width!r} must hold ints")
    if widths.size and widths.min() < 0:
        raise ArgumentError(f"pad: pad_width {pad_width!r} is negative; cut with a slice instead")
    value = constant_values.item() if isinstance(constant_values, np.generic) else constant_values
    try:
        np.array(value, getattr(x, "dtype", None))
    except (OverflowError, ValueError):  # ValueError: NaN for integers
        raise DtypeError(f"pad: constant_values={value} does not fit into {x.dtype}") from None
    return apply(Pad.make(tuple([(a, b) for a, b in pairs]), value), x)
