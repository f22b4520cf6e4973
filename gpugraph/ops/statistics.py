"""Statistics along axes: order (median, quantiles), logsumexp, averages, and all without NaN.

All are composed of other ops, so their gradients go where those of the parts go: that of a quantile
to the one or two elements that it lies between; of equal ones, to those that sorting puts there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.tensor import Tensor, is_floating
from .broadcast import broadcast_to
from .compare import isnan, where
from .extrema import amax, amin
from .index import take_along_axis
from .memory import astype
from .reduce import Axes, mean
from .reduce import sum as summed
from .shape import axes_of, permute_dims, reshape, shape_of
from .sorting import sort

__all__ = [
    "average",
    "corrcoef",
    "cov",
    "logsumexp",
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "ptp",
    "quantile",
]

# Where a quantile lies in sorted elements: (alpha, beta) of n q + alpha + q (1 - alpha - beta) - 1
# (Hyndman and Fan, "Sample quantiles in statistical packages", 1996)...
CONTINUOUS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
# ... or the place of "linear", rounded
ROUNDED = ("lower", "higher", "midpoint", "nearest")


@public
def quantile(
    x: Any, q: Any, /, axis: Axes = None, *, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """The q-quantile of all elements, or along some axes: the value below which lies a share q.

    q       a number or an array of them, from 0 to 1; its axes are the first of the result
    method  "linear" between the two nearest; "lower", "higher", "midpoint", "nearest" of them;
            "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased"
    A NaN among the elements makes the result NaN. A gradient flows into x and, where the method
    interpolates, into q. Raises ArgumentError for q below 0 or above 1, ShapeError for no elements.
    """
    return _quantile("quantile", x, q, axis, method, keepdims, skip=False)


@public
def nanquantile(
    x: Any, q: Any, /, axis: Axes = None, *, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """`quantile` of the elements that are not NaN; NaN where there are none."""
    return _quantile("nanquantile", x, q, axis, method, keepdims, skip=True)


@public
def percentile(
    x: Any, q: Any, /, axis: Axes = None, *, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """`quantile` with q in per cent, from 0 to 100."""
    return _quantile("percentile", x, q, axis, method, keepdims, skip=False, whole=100)


@public
def nanpercentile(
    x: Any, q: Any, /, axis: Axes = None, *, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """`nanquantile` with q in per cent, from 0 to 100."""
    return _quantile("nanpercentile", x, q, axis, method, keepdims, skip=True, whole=100)


@public
def median(x: Any, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The middle element of all, or along some axes; of an even number the mean of the two middle.

    A NaN among the elements makes the result NaN. Integers give float64.
    """
    return _quantile("median", x, 0.5, axis, "linear", keepdims, skip=False)


@public
def nanmedian(x: Any, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """`median` of the elements that are not NaN; NaN where there are none."""
    return _quantile("nanmedian", x, 0.5, axis, "linear", keepdims, skip=True)


def _quantile(
    label: str,
    x: Any,
    q: Any,
    axis: Axes,
    method: str,
    keepdims: bool,
    skip: bool,
    whole: int = 1,
) -> Tensor:
    if method not in (*CONTINUOUS, *ROUNDED):
        known = ", ".join((*CONTINUOUS, *ROUNDED))
        raise ArgumentError(f"{label}: method={method!r} is none of {known}")
    shape = shape_of(label, x)
    axes = axes_of(label, axis, shape)
    x = _floating(label, x)
    rows = _last(x, axes)  # (..., n)
    if not rows.shape[-1]:
        raise ShapeError(f"{label}: x {shape} has no elements along axis {axis}")
    q = FUNCTIONS.asarray(q, dtype=np.float64, device=None if isinstance(q, Tensor) else x.device)
    _check_share(label, q, whole)
    q = q / whole if whole > 1 else q  # places are worked out in float64: n may be large
    rest, lead = rows.shape[:-1], q.shape
    y = _picked(sort(rows), q.reshape((-1, *(1,) * len(rest))), method, skip)  # (Q, ...)
    kept = [1 if a in axes else n for a, n in enumerate(shape)] if keepdims else rest
    return y.reshape((*lead, *kept))


def _check_share(label: str, q: Tensor, whole: int) -> None:
    if q.dtype.kind == "c":
        raise DtypeError(f"{label}: q is {q.dtype}; it must be real")
    if q.device == "meta" or not q.size:
        return
    low, high = float(amin(q.detach())), float(amax(q.detach()))
    if not (low >= 0 and high <= whole):
        wrong = high if high > whole else low
        raise ArgumentError(f"{label}: q={wrong:g} must lie between 0 and {whole}")


def _picked(rows: Tensor, q: Tensor, method: str, skip: bool) -> Tensor:
    """The quantiles (Q, ...) of sorted rows (..., n), with q (Q, 1, ...)."""
    n = rows.shape[-1]
    count: Any = (n - summed(isnan(rows), axis=-1)).astype(np.float64) if skip else float(n)
    at = _place(q, count, method)  # (Q, ...) or, if all rows have n elements, (Q, 1, ...)
    at = FUNCTIONS.clip(at, 0, count - 1)  # -1, the last element, where none counts: it is NaN
    under = FUNCTIONS.floor(at)
    low, high = _element(rows, under), _element(rows, FUNCTIONS.ceil(at))
    y = low
    if method not in ("lower", "higher", "nearest"):
        endless = (low == high) & FUNCTIONS.isinf(low)  # inf - inf would be NaN
        low, high = (where(endless, 0, v) for v in (low, high))
        y = where(endless, y, FUNCTIONS.lerp(low, high, (at - under).astype(rows.dtype)))
    if skip:
        return y  # where all are NaN, so is the first
    last = rows[..., -1]  # NaN if any is
    return where(isnan(last), last, y)


def _place(q: Tensor, count: Any, method: str) -> Tensor:
    """Where in sorted rows the quantile lies, counted from 0; halfway for a mean of two."""
    if method in CONTINUOUS:
        alpha, beta = CONTINUOUS[method]
        return q * count + (alpha + q * (1 - alpha - beta)) - 1
    at = (q * (count - 1)).detach()
    if method == "midpoint":
        return 0.5 * (FUNCTIONS.floor(at) + FUNCTIONS.ceil(at))
    rounding = {"lower": "floor", "higher": "ceil", "nearest": "round"}[method]
    return getattr(FUNCTIONS, rounding)(at)


def _element(rows: Tensor, at: Tensor) -> Tensor:
    """rows[..., at] for places (Q, ...), with its axis in front."""
    shape = np.broadcast_shapes(at.shape, (1, *rows.shape[:-1]))
    places = FUNCTIONS.moveaxis(broadcast_to(at.astype(np.int64), shape), 0, -1)
    return FUNCTIONS.moveaxis(take_along_axis(rows, places), -1, 0)


def _last(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """x with these axes run together into one, the last."""
    rest = [a for a in range(x.ndim) if a not in axes]
    n = math.prod(x.shape[a] for a in axes)
    return reshape(permute_dims(x, (*rest, *axes)), (*(x.shape[a] for a in rest), n))


def _floating(label: str, x: Any) -> Tensor:
    """x as a floating tensor; integers and bools become float64."""
    x = FUNCTIONS.asarray(x)
    if x.dtype.kind == "c":
        raise DtypeError(f"{label}: x is {x.dtype}; complex numbers have no order")
    return x if is_floating(x.dtype) else astype(x, np.float64)


@public
def logsumexp(x: Any, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """log of the sum of exp(x) of all elements, or along some axes, without overflow.

    Of nothing, and of -inf alone, it is -inf. Its gradient is the softmax.
    """
    axes = axes_of("logsumexp", axis, shape_of("logsumexp", x))
    x = _floating("logsumexp", x)
    if all(x.shape[a] for a in axes):
        top = amax(x.detach(), axis=axes, keepdims=True)
        top = where(FUNCTIONS.isfinite(top), top, 0)
    else:
        top = summed(x.detach(), axis=axes, keepdims=True)  # zeros
    y = summed(FUNCTIONS.exp(x - top), axis=axes, keepdims=keepdims)
    nothing = y == 0  # there log would give -inf, but divide by 0 on the way back
    y = where(nothing, -math.inf, FUNCTIONS.log(where(nothing, 1, y)))
    return y + (top if keepdims else reshape(top, y.shape))


@public
def average(
    x: Any,
    axis: Axes = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """The mean of all elements, or along some axes, each counted with its weight.

    weights   of the shape of x, or one for each place along the axes; all 1 by default
    returned  give the sums of the weights, too
    """
    shape = shape_of("average", x)
    if weights is None:
        y = mean(x, axis=axis, keepdims=keepdims)
        number = math.prod(shape[a] for a in axes_of("average", axis, shape))
        return (y, FUNCTIONS.full_like(y, number)) if returned else y
    axes = axes_of("average", axis, shape)
    x, w = FUNCTIONS.asarray(x), _weights(weights, axis, axes, shape)
    total = summed(w, axis=axes, keepdims=keepdims)
    y = summed(x * w, axis=axes, keepdims=keepdims) / total
    return (y, total) if returned else y


def _weights(weights: Any, axis: Axes, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    """The weights of `average`, in the shape of x."""
    w = FUNCTIONS.asarray(weights)
    if w.shape == shape:
        return w
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    if axis is None or w.shape != tuple([shape[a] for a in axes]):
        wanted = "" if axis is None else f", or {tuple([shape[a] for a in axes])} for axis {given}"
        raise ShapeError(f"average: weights {w.shape} must have the shape of x {shape}{wanted}")
    ordered = permute_dims(w, sorted(range(w.ndim), key=lambda i: axes[i]))
    return broadcast_to(
        reshape(ordered, tuple(n if a in axes else 1 for a, n in enumerate(shape))), shape
    )


@public
def ptp(x: Any, /, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The largest element less the smallest one, of all or along some axes."""
    return amax(x, axis=axis, keepdims=keepdims) - amin(x, axis=axis, keepdims=keepdims)


@public
def cov(x: Any, /, *, rowvar: bool = True, correction: float = 1.0) -> Tensor:
    """The covariances of variables: (variables, observations) -> (variables, variables).

    rowvar      False: (observations, variables)
    correction  divide by the number of observations less this; 0 with NumPy's ``bias=True``
    One variable, (observations,), gives its variance, 0-d.
    """
    shape = shape_of("cov", x)
    if len(shape) not in (1, 2):
        raise ShapeError(f"cov: x {shape} must have 1 or 2 axes")
    rows = _floating("cov", x)
    rows = rows if rowvar or len(shape) == 1 else rows.T
    left = rows.shape[-1] - correction
    centred = rows - mean(rows, axis=-1, keepdims=True)
    return (centred @ centred.T) * (1 / left if left > 0 else math.nan)


@public
def corrcoef(x: Any, /, *, rowvar: bool = True) -> Tensor:
    """The correlations of variables, from -1 to 1: `cov` over the standard deviations."""
    c = cov(x, rowvar=rowvar)
    if not c.ndim:
        return c / c
    deviation = FUNCTIONS.sqrt(FUNCTIONS.diagonal(c))
    return FUNCTIONS.clip(c / deviation.reshape((-1, 1)) / deviation, -1, 1)
