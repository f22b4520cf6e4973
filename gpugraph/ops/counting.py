"""Counting and places: unique elements, bincount, histogram, argwhere.

How many results there are depends on values, so none of these works on the meta device (DataError),
and on a GPU each waits for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DataError, DtypeError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.tensor import Tensor, is_floating
from .creation import asarray, linspace
from .extrema import amax, amin
from .gather import PutAt
from .index import getitem, nonzero, take
from .reduce import sum as summed
from .scan import diff
from .shape import reshape, shape_of
from .sorting import argsort, searchsorted

__all__ = [
    "UniqueAll",
    "UniqueCounts",
    "UniqueInverse",
    "argwhere",
    "bincount",
    "flatnonzero",
    "histogram",
    "histogram_bin_edges",
    "unique",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]


class UniqueAll(NamedTuple):
    """The unique values, the first place of each, the place of x's elements among them, counts."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """The unique values, and how often each occurs."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """The unique values, and the place of x's elements among them."""

    values: Tensor
    inverse_indices: Tensor


@public
def unique_all(x: Any, /) -> UniqueAll:
    """The values of x without repetitions, ascending, and where they are.

    values           (n,); each takes the gradient to the first of its elements
    indices          (n,): the first place of each in x, counted through in row-major order
    inverse_indices  of the shape of x: ``values[inverse_indices]`` is x
    counts           (n,): how often each occurs
    Every NaN is a value of its own; -0.0 equals 0.0. Indices and counts are int64.
    """
    return _unique("unique_all", x)


@public
def unique_counts(x: Any, /) -> UniqueCounts:
    """The values of x without repetitions, ascending, and how often each occurs."""
    found = _unique("unique_counts", x)
    return UniqueCounts(found.values, found.counts)


@public
def unique_inverse(x: Any, /) -> UniqueInverse:
    """The values of x without repetitions, ascending, and the place of x's elements among them."""
    found = _unique("unique_inverse", x)
    return UniqueInverse(found.values, found.inverse_indices)


@public
def unique_values(x: Any, /) -> Tensor:
    """The values of x without repetitions, ascending; every NaN is a value of its own."""
    return _unique("unique_values", x).values


@public
def unique(
    x: Any,
    /,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    *,
    equal_nan: bool = True,
) -> Any:
    """NumPy's `unique` of all elements: the values, then what is asked for.

    equal_nan  all NaN are one value
    """
    found = _unique("unique", x, equal_nan)
    asked = (return_index, return_inverse, return_counts)
    more = [y for y, wanted in zip(found[1:], asked, strict=True) if wanted]
    return (found.values, *more) if more else found.values


def _unique(label: str, x: Any, equal_nan: bool = False) -> UniqueAll:
    x = asarray(x)
    _needs_values(label, x)
    flat = reshape(x, (-1,))
    order = argsort(flat)
    rows = take(flat.detach(), order)
    if not flat.size:
        return UniqueAll(flat, order, reshape(order, x.shape), order)
    new = rows[1:] != rows[:-1]
    if equal_nan:
        new = new & FUNCTIONS.logical_not(FUNCTIONS.isnan(rows[:-1]))
    new = FUNCTIONS.concat([FUNCTIONS.ones(1, dtype=bool, device=x.device), new])
    (starts,) = nonzero(new)
    indices = take(order, starts)  # the sort is stable: the first of each
    end = FUNCTIONS.full(1, flat.size, dtype=np.int64, device=x.device)
    group = FUNCTIONS.cumulative_sum(new.astype(np.int64)) - 1
    inverse = take(group, argsort(order))
    return UniqueAll(
        take(flat, indices), indices, reshape(inverse, x.shape), diff(starts, append=end)
    )


def _needs_values(label: str, x: Tensor) -> None:
    if x.device == "meta":
        raise DataError(f"{label}: the result depends on values, and a meta tensor has none")


@public
def argwhere(x: Any, /) -> Tensor:
    """The places where x is not zero, one a row: (n, ndim), int64, in row-major order."""
    if not shape_of("argwhere", x):
        n = int(bool(x))
        return FUNCTIONS.zeros((n, 0), dtype=np.int64, device=asarray(x).device)
    return FUNCTIONS.stack(nonzero(x), axis=1)


@public
def flatnonzero(x: Any, /) -> Tensor:
    """The places where x is not zero, counted through in row-major order (int64)."""
    return nonzero(reshape(x, (-1,)))[0]


@public
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... occurs in x (int64); with weights, their sums instead.

    x          (n,) integers of at least 0
    weights    (n,), through which gradients flow; integers are summed in float64
    minlength  the result has at least that many elements
    """
    x = asarray(x)
    _needs_values("bincount", x)
    if x.ndim != 1:
        raise ShapeError(f"bincount: x {x.shape} must have 1 axis")
    if x.dtype.kind not in "iub":
        raise DtypeError(f"bincount: x is {x.dtype}; it must be integer")
    x = x.astype(np.int64, copy=False)
    if x.size and int(amin(x)) < 0:
        raise ArgumentError(f"bincount: x has {int(amin(x))}; it must not be negative")
    length = max(int(amax(x)) + 1 if x.size else 0, minlength)
    if weights is None:
        w = FUNCTIONS.ones(x.shape, dtype=np.int64, device=x.device)
    else:
        w = asarray(weights)
        w = w if is_floating(w.dtype) else w.astype(np.float64)
        if w.shape != x.shape:
            raise ShapeError(f"bincount: weights {w.shape} must have the shape of x {x.shape}")
    return apply(PutAt.make((0,), (length,)), w, x)


@public
def histogram(
    x: Any,
    /,
    bins: Any = 10,
    range: Any = None,
    density: bool = False,
    weights: Any = None,
) -> tuple[Tensor, Tensor]:
    """How many elements of x fall into each bin, and the edges of the bins.

    bins     how many of equal width, or their edges, ascending
    range    (lowest, highest) edge; by default those of x
    density  divide by the widths of the bins and by the number of elements: the integral is 1
    weights  of the shape of x: sum these up; gradients flow through them
    A bin holds its lower edge, the last one both. What lies outside, and NaN, is not counted.
    """
    x = asarray(x)
    edges = histogram_bin_edges(x, bins, range)
    flat = reshape(x.detach(), (-1,))
    last = edges.size - 2
    place = searchsorted(edges, flat, side="right") - 1
    place = FUNCTIONS.where(flat == edges[-1], last, place)
    (inside,) = nonzero((place >= 0) & (place <= last))
    if weights is not None:
        weights = asarray(weights)
        if weights.shape != x.shape:
            raise ShapeError(
                f"histogram: weights {weights.shape} must have the shape of x {x.shape}"
            )
        weights = getitem(reshape(weights, (-1,)), inside)
    counts = bincount(getitem(place, inside), weights, minlength=last + 1)
    if density:
        counts = counts / (diff(edges) * summed(counts))
    return counts, edges


@public
def histogram_bin_edges(x: Any, /, bins: Any = 10, range: Any = None) -> Tensor:
    """The edges that `histogram` takes for these arguments."""
    x = asarray(x).detach()
    _needs_values("histogram", x)
    dtype = x.dtype if is_floating(x.dtype) else np.dtype(np.float64)
    if not isinstance(bins, (int, np.integer)):
        edges = asarray(bins, device=None if isinstance(bins, Tensor) else x.device)
        if edges.ndim != 1 or edges.size < 2 or bool(FUNCTIONS.any(diff(edges) < 0)):
            raise ArgumentError("histogram: bins must be a number, or at least 2 edges that ascend")
        return edges
    if bins < 1:
        raise ArgumentError(f"histogram: bins={bins} must be at least 1")
    low, high = range if range is not None else (0.0, 1.0)
    if range is None and x.size:
        low, high = float(amin(x)), float(amax(x))
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise ArgumentError(f"histogram: range ({low}, {high}) must be finite and ascend")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return linspace(low, high, bins + 1, dtype=dtype, device=x.device)
