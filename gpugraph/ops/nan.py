"""Reductions that leave NaN out: nansum, nanmean, nanmax and kin.

A NaN takes no gradient. Where all elements are NaN, sums are 0, products 1, and all else NaN.
Integers and bools have no NaN: for them each does what its namesake does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from ..core.errors import ArgumentError
from ..core.methods import FUNCTIONS, public
from ..core.op import Sample
from ..core.tensor import Tensor, is_floating
from .broadcast import broadcast_to
from .compare import isnan, where
from .extrema import Extreme, amax, amin
from .reduce import Axes, reduce_axes
from .reduce import prod as multiplied
from .reduce import sum as summed
from .scan import cumprod, cumsum

__all__ = [
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
]


class NanExtreme(Extreme, abstract=True):
    """Base of nanmax and nanmin: ties share the gradient, NaN takes none."""

    nothing: ClassVar[float]

    def forward(self, xp: Any, x: Any) -> Any:
        nan = xp.isnan(x)
        best = xp.max if self.nothing < 0 else xp.min
        filled = xp.where(nan, x.dtype.type(self.nothing), x)
        y = best(filled, axis=self.axis, keepdims=self.keepdims)
        none = xp.all(nan, axis=self.axis, keepdims=self.keepdims)
        return xp.where(none, x.dtype.type(math.nan), y)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x, shape = node["x"], node.shape("x")
        wins = x == self.spread(node["y"], shape)
        wide = np.result_type(g.dtype, np.float32)  # float16 would count to 65504 at most
        ties = wins.astype(wide).sum(axis=self.axis, keepdims=True)
        ties = FUNCTIONS.maximum(ties, 1)  # none, where all are NaN
        return where(wins, broadcast_to(g.reshape(ties.shape) / ties, shape), 0)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        nan, inf = np.nan, np.inf
        x = np.array([[nan, inf, 1.0], [nan, nan, nan], [-inf, nan, -inf], [nan, 3.0, 3.0]])
        yield Sample(cls((1,)), (x,), "all NaN, infinite", smooth=False)


class NanMax(NanExtreme):
    """The largest element that is not NaN."""

    nothing = -math.inf


class NanMin(NanExtreme):
    """The smallest element that is not NaN."""

    nothing = math.inf


def _has_nan(x: Any) -> bool:
    """Can an array of this dtype hold NaN?"""
    dtype = getattr(x, "dtype", None)
    return dtype is None or is_floating(dtype) or dtype.kind == "c"


def _filled(x: Any, value: Any) -> Any:
    """x with that value for every NaN."""
    return where(isnan(x), value, x) if _has_nan(x) else x


@public
def nansum(x: Any, /, axis: Axes = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """`sum` of the elements that are not NaN."""
    return summed(_filled(x, 0), axis=axis, dtype=dtype, keepdims=keepdims)


@public
def nanprod(x: Any, /, axis: Axes = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """`prod` of the elements that are not NaN."""
    return multiplied(_filled(x, 1), axis=axis, dtype=dtype, keepdims=keepdims)


@public
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """`cumsum` with NaN counted as 0."""
    return cumsum(_filled(x, 0), axis=axis, dtype=dtype)


@public
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """`cumprod` with NaN counted as 1."""
    return cumprod(_filled(x, 1), axis=axis, dtype=dtype)


@public
def nanmax(x: Any, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """`max` of the elements that are not NaN; NaN where there are none."""
    return (
        reduce_axes(NanMax, x, axis, keepdims)
        if _has_nan(x)
        else amax(x, axis=axis, keepdims=keepdims)
    )


@public
def nanmin(x: Any, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """`min` of the elements that are not NaN; NaN where there are none."""
    return (
        reduce_axes(NanMin, x, axis, keepdims)
        if _has_nan(x)
        else amin(x, axis=axis, keepdims=keepdims)
    )


@public
def nanargmax(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """`argmax` of the elements that are not NaN; ArgumentError where there are none."""
    return _place("nanargmax", FUNCTIONS.argmax, x, -math.inf, axis, keepdims)


@public
def nanargmin(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """`argmin` of the elements that are not NaN; ArgumentError where there are none."""
    return _place("nanargmin", FUNCTIONS.argmin, x, math.inf, axis, keepdims)


def _place(label: str, find: Any, x: Any, nothing: float, axis: Any, keepdims: bool) -> Tensor:
    if not _has_nan(x):
        return find(x, axis=axis, keepdims=keepdims)
    none = FUNCTIONS.all(isnan(x), axis=axis)
    if none.device != "meta" and bool(FUNCTIONS.any(none)):
        raise ArgumentError(f"{label}: x has nothing but NaN along axis {axis}")
    # Two keys: a NaN must lose also against an infinite element
    best = (reduce_axes(NanMax if nothing < 0 else NanMin, x, axis, True)).detach()
    return FUNCTIONS.argmax((x == best).astype(np.int8), axis=axis, keepdims=keepdims)


@public
def nanmean(x: Any, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """`mean` of the elements that are not NaN; NaN where there are none."""
    if not _has_nan(x):
        return FUNCTIONS.mean(x, axis=axis, keepdims=keepdims)
    total = nansum(x, axis=axis, keepdims=keepdims)
    return total / _count(x, axis, keepdims, total, 0)


def _count(x: Any, axis: Axes, keepdims: bool, like: Tensor, correction: float) -> Tensor:
    """How many elements are not NaN, less the correction; NaN instead of 0 and less."""
    number = summed(FUNCTIONS.logical_not(isnan(x)), axis=axis, keepdims=keepdims)
    number = number.astype(np.result_type(like.dtype, np.float32)) - correction
    return where(number > 0, number, math.nan).astype(like.dtype)


@public
def nanvar(
    x: Any, /, axis: Axes = None, *, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """`var` of the elements that are not NaN; NaN where there are too few."""
    if not _has_nan(x):
        return FUNCTIONS.var(x, axis=axis, correction=correction, keepdims=keepdims)
    off = where(isnan(x), 0, x - nanmean(x, axis=axis, keepdims=True))  # 0, lest NaN flow back
    total = summed(off * off, axis=axis, keepdims=keepdims)
    return total / _count(x, axis, keepdims, total, correction)


@public
def nanstd(
    x: Any, /, axis: Axes = None, *, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The square root of `nanvar`; its gradient is 0 where all elements are equal."""
    y = nanvar(x, axis=axis, correction=correction, keepdims=keepdims)
    return where(y == 0, 0, FUNCTIONS.sqrt(where(y == 0, 1, y)))
