"""Running products and extremes, and differences, along an axis.

    y[i] = CumulativeProd(x)      x[0] x[1] ... x[i]
    y[i] = Recurrence(a, b)       b[i] + a[i] y[i-1], from y[-1] = 0

The gradient of a running product is g[i] P[i] with P the product before i and, in place of g, the
recurrence s[i] = g[i] + x[i+1] s[i+1]: nothing is divided, so zeros are no exception. The rules of
a recurrence are again recurrences.

Both are computed by doubling: after k rounds each element stands for the 2^k up to it (Hillis and
Steele, "Data parallel algorithms", 1986). That takes log2(n) passes over the array on any device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.state import STATE
from ..core.tensor import Tensor
from .compare import isnan, where
from .dtypes import as_dtype, result_type
from .index import take_along_axis
from .memory import astype
from .reduce import cumulative_sum, single_axis
from .shape import along, axes_of, reshape, shape_of

__all__ = [
    "CumulativeExtreme",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "diff",
    "logcumsumexp",
]


class CumulativeExtreme(NamedTuple):
    """The extremes up to each element, and where they are (int64)."""

    values: Tensor
    indices: Tensor


def doubled(parts: list[Any], axis: int, join: Callable[[list[Any], list[Any]], list[Any]]) -> None:
    """Make each element along the axis, in place, the join of all up to it.

    parts  arrays that together make up the elements
    join   (earlier elements, later ones) -> joined; must be associative
    """
    length, step = parts[0].shape[axis], 1
    while step < length:
        earlier, later = along(axis, None, -step), along(axis, step, None)
        joined = join([p[earlier] for p in parts], [p[later] for p in parts])
        for part, new in zip(parts, joined, strict=True):
            part[later] = new
        step *= 2


class _AlongAxis(Op, abstract=True):
    """Base of ops that keep the shape of x and run along one axis of it."""

    axis: int

    def cost(self, *xs: Spec) -> Cost:
        y = self.spec(*xs)
        return Cost(flops=len(xs) * y.size, bytes=traffic(*xs, y))


@dataclass(frozen=True)
class CumulativeProd(_AlongAxis):
    """The product of all elements up to each one along an axis."""

    axis: int
    keeps = {"x": ("x", "y")}
    widens = True

    def spec(self, x: Spec) -> Spec:
        axes_of(self.label, self.axis, x.shape)
        wide = {"b": np.int64, "i": np.int64, "u": np.uint64}.get(x.dtype.kind, x.dtype)
        return Spec(x.shape, np.dtype(wide))

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.cumprod(x, self.axis)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x, y, axis = node["x"], node["y"], self.axis
        one = FUNCTIONS.ones_like(x[along(axis, 1)])
        before = FUNCTIONS.concat([one, y[along(axis, -1)]], axis=axis)
        after = FUNCTIONS.concat([x[along(axis, 1, None)], one], axis=axis)
        return before * apply(Recurrence.make(axis, True), after, g)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(1), (rng.uniform(-1.5, 1.5, (2, 5, 2)),))
        yield Sample(cls(0), (np.array([[1.5, 2.0], [0.0, 0.5], [2.0, 0.0], [0.5, 0.0]]),), "zeros")
        yield Sample(cls(0), (np.arange(1, 5, dtype=np.int8),), "integers")
        yield Sample(cls(0), (np.zeros((0, 2)),), "empty")


@dataclass(frozen=True)
class Recurrence(_AlongAxis):
    """y[i] = b[i] + a[i] y[i-1] along an axis, from y[-1] = 0; reversed, from the other end."""

    axis: int
    reverse: bool = False
    keeps = {"a": ("a", "y"), "b": ("a",)}
    checks_first = True
    widens = True

    def spec(self, a: Spec, b: Spec) -> Spec:
        axes_of(self.label, self.axis, a.shape, "a")
        if a.shape != b.shape:
            raise ShapeError(f"recurrence: a {a.shape} and b {b.shape} must have one shape")
        return Spec(b.shape, np.result_type(a.dtype, b.dtype))

    def forward(self, xp: Any, a: Any, b: Any) -> Any:
        a, b = (xp.flip(x, self.axis) if self.reverse else x for x in (a, b))
        pair = [a.copy(), b.astype(xp.result_type(a, b))]
        doubled(pair, self.axis, lambda p, q: [q[0] * p[0], q[1] + q[0] * p[1]])
        return xp.flip(pair[1], self.axis).copy() if self.reverse else pair[1]

    def vjp_a(self, node: Any, g: Tensor) -> Tensor:
        return self.vjp_b(node, g) * self._shifted(node["y"], self.reverse)

    def vjp_b(self, node: Any, g: Tensor) -> Tensor:
        a = self._shifted(node["a"], not self.reverse)
        return apply(Recurrence.make(self.axis, not self.reverse), a, g)

    def _shifted(self, x: Tensor, back: bool) -> Tensor:
        """Each element in the place of the next one (back: of the one before), and a 0."""
        zero = FUNCTIONS.zeros_like(x[along(self.axis, 1)])
        if back:
            return FUNCTIONS.concat([x[along(self.axis, 1, None)], zero], axis=self.axis)
        return FUNCTIONS.concat([zero, x[along(self.axis, -1)]], axis=self.axis)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        yield Sample(cls(1), (draw((2, 7)), draw((2, 7))))
        yield Sample(cls(0, True), (draw((2, 5)).T, draw((5, 2))), "reversed, strided")
        yield Sample(cls(0), (np.zeros(4), draw(4)), "by zeros")
        yield Sample(cls(0), (np.zeros((0, 2)), np.zeros((0, 2))), "empty")


@dataclass(frozen=True)
class Running(_AlongAxis):
    """The maximum or minimum of all elements up to each one; NaN wins. No gradient flows."""

    axis: int
    function: str
    nondifferentiable = ("y",)

    def spec(self, x: Spec) -> Spec:
        axes_of(self.label, self.axis, x.shape)
        return x

    def forward(self, xp: Any, x: Any) -> Any:
        better = getattr(xp, self.function)
        if xp is np:  # CuPy's maximum and minimum can't accumulate
            return better.accumulate(x, self.axis)
        y = x.copy()
        doubled([y], self.axis, lambda p, q: [better(p[0], q[0])])
        return y

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = np.array([[1.0, 3.0, 2.0, np.nan, 5.0], [-1.0, -1.0, 0.0, -2.0, 0.0]])
        yield Sample(cls(1, "maximum"), (x,), "NaN")
        yield Sample(cls(0, "minimum"), (rng.integers(0, 9, (3, 11)).T,), "integers, strided")
        yield Sample(cls(0, "minimum"), (np.zeros((0, 2)),), "empty")


@public
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The products of all elements up to each one along an axis. Zeros have right gradients, too.

    axis             None takes the only axis of x, if it has one
    dtype            convert to it first; by default integers and bools multiply up in 64 bits
    include_initial  start with 1, one element more
    """
    shape = shape_of("cumulative_prod", x)
    if axis is None and len(shape) != 1:
        raise ArgumentError(f"cumulative_prod: axis must be given for x {shape}")
    axis = single_axis("cumulative_prod", 0 if axis is None else axis, x)
    y = apply(CumulativeProd.make(axis), _converted("cumulative_prod", x, dtype))
    if not include_initial:
        return y
    first = (*y.shape[:axis], 1, *y.shape[axis + 1 :])
    return FUNCTIONS.concat([FUNCTIONS.ones(first, dtype=y.dtype, device=y.device), y], axis=axis)


@public
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """`cumulative_sum` with NumPy's arguments: without axis, of all elements in row-major order."""
    x, axis = (reshape(x, (-1,)), 0) if axis is None else (x, axis)
    return cumulative_sum(x, axis=axis, dtype=dtype)


@public
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """`cumulative_prod` with NumPy's arguments: without axis, of all elements in order."""
    x, axis = (reshape(x, (-1,)), 0) if axis is None else (x, axis)
    return cumulative_prod(x, axis=axis, dtype=dtype)


def _converted(label: str, x: Any, dtype: Any) -> Any:
    return x if dtype is None else astype(x, as_dtype(label, dtype), copy=False)


@public
def cummax(x: Any, axis: int) -> CumulativeExtreme:
    """The largest of all elements up to each one along an axis, and where it is.

    Of equal elements the last one counts, and takes the gradient. NaN wins.
    """
    return _running("cummax", "maximum", x, axis)


@public
def cummin(x: Any, axis: int) -> CumulativeExtreme:
    """The smallest of all elements up to each one along an axis, and where it is.

    Of equal elements the last one counts, and takes the gradient. NaN wins.
    """
    return _running("cummin", "minimum", x, axis)


def _running(label: str, function: str, x: Any, axis: int) -> CumulativeExtreme:
    axis = single_axis(label, axis, x)
    x = x if isinstance(x, Tensor) else Tensor(x)
    y = apply(Running.make(axis, function), x)
    places = FUNCTIONS.arange(x.shape[axis], device=x.device)
    places = places.reshape((-1, *(1,) * (x.ndim - axis - 1)))
    own = x == y if x.dtype.kind in "biu" else (x == y) | isnan(x)
    latest = where(own, places, 0)  # the first element is always its own
    indices = apply(Running.make(axis, "maximum"), latest)
    if x.requires_grad and STATE.get().recording:
        y = take_along_axis(x, indices, axis=axis)
    return CumulativeExtreme(y, indices)


@public
def logcumsumexp(x: Any, axis: int) -> Tensor:
    """log of the sum of exp over all elements up to each one along an axis, without overflow.

    Where the sum is still 0, of -inf alone, the gradient is 0.
    """
    axis = single_axis("logcumsumexp", axis, x)
    x = x if isinstance(x, Tensor) else Tensor(x)
    length, step = x.shape[axis], 1
    while step < length:  # as in `doubled`, of ops
        a, b = x[along(axis, -step)], x[along(axis, step, None)]
        endless = (a == b) & FUNCTIONS.isinf(a)  # there logaddexp has no slope, and b is the sum
        a, safe = (where(endless, 0, v) for v in (a, b))
        joined = where(endless, b.detach(), FUNCTIONS.logaddexp(a, safe))
        x = FUNCTIONS.concat([x[along(axis, step)], joined], axis=axis)
        step *= 2
    return x


@public
def diff(
    x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None
) -> Tensor:
    """x[i+1] - x[i] along an axis, n times over; of bools, whether they differ.

    prepend, append  tensors (or numbers, of length 1 then) to put before and behind x first
    """
    if not isinstance(n, (int, np.integer)) or n < 0:
        raise ArgumentError(f"diff: n={n!r} must be an int of at least 0")
    axis = single_axis("diff", axis, x)
    x = x if isinstance(x, Tensor) else Tensor(x)
    if n == 0:
        return FUNCTIONS.copy(x)  # as it is, whatever is to be put before and behind
    ends = [_end(name, e, x, axis) for name, e in (("prepend", prepend), ("append", append))]
    if any(e is not None for e in ends):
        x = FUNCTIONS.concat([e for e in (ends[0], x, ends[1]) if e is not None], axis=axis)
    for _ in range(n):
        left, right = x[along(axis, -1)], x[along(axis, 1, None)]
        x = right != left if x.dtype == bool else right - left
    return x


def _end(name: str, end: Any, x: Tensor, axis: int) -> Any:
    """What diff puts before or behind x: a number stands for one slice."""
    if end is None:
        return None
    if shape_of("diff", end, name):
        return end
    if isinstance(end, complex) and x.dtype.kind != "c":
        raise DtypeError(f"diff: {name}={end} is complex; x is {x.dtype}")
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    dtype = result_type(x, end) if isinstance(end, (int, float, complex)) else None
    return FUNCTIONS.broadcast_to(FUNCTIONS.asarray(end, dtype=dtype, device=x.device), shape)
