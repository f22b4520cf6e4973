"""The same elements under another shape: reshape, permute, and all that follows from these two.

    y = Reshape(x)    other lengths, same row-major order    vjp: Reshape back
    y = Permute(x)    axes in another order                  vjp: the inverse order

Both give views where memory allows, as NumPy does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, AxisError, DtypeError, ShapeError
from ..core.inputs import unfit
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, Tap, broadcast, traffic
from ..core.tensor import Tensor
from .broadcast import broadcast_to, lengths_of

__all__ = [
    "broadcast_arrays",
    "expand",
    "expand_dims",
    "flatten",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "reshape",
    "squeeze",
    "swapaxes",
    "transpose",
]


def shape_of(label: str, x: Any, name: str = "x") -> tuple[int, ...]:
    """The shape of a tensor, an array or a number; a DtypeError for anything else."""
    try:
        shape: tuple[int, ...] = x.shape
        return shape
    except AttributeError:
        if isinstance(x, (bool, int, float, complex)):
            return ()
        raise unfit(label, name, x) from None


def axes_of(label: str, axis: Any, shape: tuple[int, ...], name: str = "x") -> tuple[int, ...]:
    """axis (an int, several, or None for all) as a tuple of numbers from 0; AxisError if wrong."""
    ndim = len(shape)
    if axis is None:
        return tuple(range(ndim))
    if type(axis) is int and -ndim <= axis < ndim:  # the usual case, fast
        return (axis % ndim,)
    try:
        given = tuple([index(a) for a in (axis if isinstance(axis, (tuple, list)) else [axis])])
    except TypeError:
        raise DtypeError(f"{label}: axis {axis!r} must be an int or a tuple of ints") from None
    for a in given:
        if not -ndim <= a < ndim:
            raise AxisError(
                f"{label}: axis {a} is out of range for {name} {shape}, which has {ndim} axes"
            )
    axes = tuple([a % ndim for a in given])
    if len(set(axes)) < len(axes):
        raise AxisError(f"{label}: axis {axis} names an axis of {name} {shape} twice")
    return axes


def along(axis: int, *bounds: int | None) -> tuple[slice, ...]:
    """The index that takes slice(*bounds) of that axis (from 0 on), and all of those before."""
    return (*(slice(None),) * axis, slice(*bounds))


@dataclass(frozen=True)
class Reshape(Op):
    """The same elements, in row-major order, under another shape."""

    shape: tuple[int, ...]
    view = True
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        if math.prod(self.shape) != x.size or min(self.shape, default=0) < 0:
            raise ShapeError(
                f"reshape: x {x.shape} has {x.size} elements; {self.shape} takes "
                f"{math.prod(self.shape)}"
            )
        return Spec(self.shape, x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return x.reshape(self.shape)

    def lies(self, x: Any) -> Any:
        try:
            return x.reshape(self.shape, copy=False)
        except ValueError:
            return None
        except TypeError:  # NumPy 2.0 knows no `copy`, and makes one of zeros
            return x.reshape(self.shape)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g.reshape(node.shape("x"))

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        return _taps(specs[0].shape, self.shape)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls((5, 6)), (rng.standard_normal((3, 2, 5)),))
        yield Sample(cls((2, 1, 6)), (rng.standard_normal((3, 4)).T,), "not contiguous: a copy")
        yield Sample(cls((1, 1)), (rng.standard_normal(()),), "0-d")
        yield Sample(cls((3, 0)), (np.zeros((0, 5)),), "empty")


def _taps(x: tuple[int, ...], y: tuple[int, ...]) -> list[Tap | None]:
    """What elements of shape y, in the same order, see of the axes of shape x.

    The shapes fall into groups of axes with equal products: one axis that stays as it is, several
    that become one, or what else there may be, of which nothing is known.
    """
    taps: list[Tap | None] = [Tap.all(n) for n in x]  # right for length 1
    ins = [a for a, n in enumerate(x) if n != 1]
    outs = [a for a, n in enumerate(y) if n != 1]
    while ins and outs:
        group, into = [ins.pop(0)], [outs.pop(0)]
        while (sizes := [math.prod(x[a] for a in group), math.prod(y[a] for a in into)])[
            0
        ] != sizes[1]:
            (group if sizes[0] < sizes[1] else into).append(
                (ins if sizes[0] < sizes[1] else outs).pop(0)
            )
        for a in group:
            taps[a] = None if len(into) > 1 else Tap(into[0], regular=len(group) == 1)
    return taps


@dataclass(frozen=True)
class Permute(Op):
    """The axes in another order: axis i of y is axis axes[i] of x."""

    axes: tuple[int, ...]
    view = True
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        if sorted(axes_of("permute_dims", self.axes, x.shape)) != list(range(x.ndim)):
            raise AxisError(
                f"permute_dims: axes {self.axes} must name each of the {x.ndim} axes of x "
                f"{x.shape} once"
            )
        return Spec(tuple([x.shape[a] for a in self.axes]), x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return x.transpose(self.axes)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        ndim = len(self.axes)
        inverse = sorted(range(ndim), key=lambda i: self.axes[i] % ndim)
        return apply(Permute.make(tuple(inverse)), g)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        places = [a % len(self.axes) for a in self.axes]
        return [Tap(places.index(a)) for a in range(len(places))]

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls((2, 0, 1)), (rng.standard_normal((2, 3, 5)),))
        yield Sample(cls((-1, 0, -2)), (rng.standard_normal((2, 3, 5)),), "axes from the end")
        yield Sample(cls(()), (rng.standard_normal(()),), "0-d")
        yield Sample(cls((1, 0)), (np.zeros((0, 3)),), "empty")


@public
def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Tensor:
    """x under another shape, its elements in row-major order.

    shape  an int or a tuple; one length may be -1: what is left over
    copy   True always copies, False never does and raises if it had to, None copies where needed
    """
    had = shape_of("reshape", x)
    shape = lengths_of("reshape", shape)
    if min(shape, default=0) < 0:
        shape = _fill_in(had, shape)
    if copy:
        x = x.copy()
    elif had == shape and isinstance(x, Tensor):
        return x
    y = apply(Reshape.make(shape), x)
    if copy is False and y.device != "meta" and not y.is_view:
        raise ArgumentError(
            f"reshape: x {had} lies in memory such that {shape} needs a copy, but copy=False"
        )
    return y


def _fill_in(had: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with its -1 replaced by what is left over."""
    size = math.prod(had)
    if shape.count(-1) != 1 or min(shape) < -1:
        raise ArgumentError(f"reshape: shape {shape} may hold one -1 and no other negative length")
    known = -math.prod(shape)
    if known == 0 or size % known:
        cure = "" if known == 0 else f"; {known} does not divide {size}"
        raise ShapeError(
            f"reshape: x {had} has {size} elements, so the -1 in {shape} can't be worked out{cure}"
        )
    return tuple([size // known if n == -1 else n for n in shape])


@public
def permute_dims(x: Any, /, axes: Any) -> Tensor:
    """x with its axes in another order: axis i of the result is axis axes[i] of x. A view."""
    return apply(Permute.make(axes_of("permute_dims", axes, shape_of("permute_dims", x))), x)


@public
def transpose(x: Any, axes: Any = None) -> Tensor:
    """x with its axes reversed, or in the order of axes, as in NumPy. A view."""
    if axes is None:
        axes = tuple(range(len(shape_of("transpose", x)) - 1, -1, -1))
        return apply(Permute.make(axes), x)
    return permute_dims(x, axes)


@public
def matrix_transpose(x: Any, /) -> Tensor:
    """x with its last two axes swapped. A view."""
    shape = shape_of("matrix_transpose", x)
    if len(shape) < 2:
        raise ShapeError(f"matrix_transpose: x {shape} must have at least 2 axes")
    return swapaxes(x, -2, -1)


@public
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """x with two axes exchanged. A view."""
    shape = shape_of("swapaxes", x)
    (a,), (b,) = (axes_of("swapaxes", axis, shape) for axis in (axis1, axis2))
    order = list(range(len(shape)))
    order[a], order[b] = b, a
    return apply(Permute.make(tuple(order)), x)


@public
def moveaxis(x: Any, source: Any, destination: Any, /) -> Tensor:
    """x with some axes moved to new places, the others in their old order. A view."""
    shape = shape_of("moveaxis", x)
    sources = axes_of("moveaxis", source, shape)
    places = axes_of("moveaxis", destination, shape)
    if len(sources) != len(places):
        raise ArgumentError(
            f"moveaxis: source {source} and destination {destination} must be equally many"
        )
    order = [a for a in range(len(shape)) if a not in sources]
    for place, a in sorted(zip(places, sources, strict=True)):
        order.insert(place, a)
    return apply(Permute.make(tuple(order)), x)


@public
def expand_dims(x: Any, /, axis: int | Sequence[int] = 0) -> Tensor:
    """x with a new axis of length 1 at each of the given places of the result. A view."""
    shape = shape_of("expand_dims", x)
    n_new = len(axis) if isinstance(axis, (tuple, list)) else 1
    places = axes_of("expand_dims", axis, (1,) * (len(shape) + n_new), "the result")
    old = iter(shape)
    wanted = tuple([1 if i in places else next(old) for i in range(len(shape) + n_new)])
    return apply(Reshape.make(wanted), x)


@public
def squeeze(x: Any, /, axis: int | Sequence[int] | None = None) -> Tensor:
    """x without the given axes, which must have length 1; without axis, all such go. A view."""
    shape = shape_of("squeeze", x)
    if axis is None:
        return reshape(x, tuple([n for n in shape if n != 1]))
    gone = axes_of("squeeze", axis, shape)
    for a in gone:
        if shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of x {shape} has length {shape[a]}, not 1")
    return apply(Reshape.make(tuple([n for a, n in enumerate(shape) if a not in gone])), x)


@public
def flatten(x: Any, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """x with the axes from start_axis to end_axis, both included, run together into one."""
    shape = shape_of("flatten", x) or (1,)  # a number becomes an array of one
    (first,), (last,) = (axes_of("flatten", axis, shape) for axis in (start_axis, end_axis))
    if first > last:
        raise AxisError(f"flatten: start_axis {start_axis} lies behind end_axis {end_axis}")
    return reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@public
def expand(x: Any, shape: Any) -> Tensor:
    """x repeated along its axes of length 1 and along new leading axes; a read-only view.

    shape  the lengths wanted, -1 where the length of x stays
    """
    had = shape_of("expand", x)
    shape = lengths_of("expand", shape)
    lead = len(shape) - len(had)
    if lead < 0 or -1 in shape[:lead]:
        raise ShapeError(
            f"expand: shape {shape} has {len(shape)} axes; x {had} needs at least {len(had)}, "
            "and new leading axes need a length"
        )
    kept = (n if m == -1 else m for n, m in zip(had, shape[lead:], strict=True))
    return broadcast_to(x, (*shape[:lead], *kept))


@public
def broadcast_arrays(*arrays: Any) -> list[Tensor]:
    """All arrays repeated to their common shape, by NumPy's broadcasting rules."""
    shapes = [shape_of("broadcast_arrays", x, f"arrays[{i}]") for i, x in enumerate(arrays)]
    shape = broadcast("broadcast_arrays", (f"arrays[{i}]" for i in range(len(arrays))), shapes)
    return [broadcast_to(x, shape) for x in arrays]
