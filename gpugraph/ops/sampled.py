"""Functions given by samples: interp, trapezoid, gradient, convolve; and evenly spaced ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.tensor import Tensor, is_floating
from .arrange import flip, pad
from .compare import isnan, where
from .creation import asarray, linspace
from .index import take
from .join import concat
from .powers import exp, pow
from .reduce import single_axis
from .reduce import sum as summed
from .scan import diff
from .shape import along, axes_of, reshape, shape_of
from .sorting import argsort, searchsorted

__all__ = ["convolve", "correlate", "geomspace", "gradient", "interp", "logspace", "trapezoid"]


def _floats(*xs: Any) -> list[Tensor]:
    """All as floating tensors on one device, numbers and lists going where the tensors are."""
    device = next((x.device for x in xs if isinstance(x, Tensor)), None)
    made = [asarray(x, device=None if hasattr(x, "dtype") else device) for x in xs]
    return [x if is_floating(x.dtype) else x.astype(np.float64) for x in made]


@public
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None
) -> Tensor:
    """The piecewise linear function through the points (xp, fp), at each x.

    xp, fp       (n,): places, which ascend, and values there
    left, right  values below xp[0] and above xp[-1]; by default fp[0] and fp[-1]
    period       the function repeats; xp need not ascend then
    Gradients flow into x (at a point the slope behind it, at the last one that before it, outside
    0), xp, fp, left and right. NaN gives NaN.
    """
    x, xs, ys = _floats(x, xp, fp)
    if xs.ndim != 1 or xs.shape != ys.shape or not xs.size:
        raise ShapeError(
            f"interp: xp {xs.shape} and fp {ys.shape} must have 1 axis of one length, at least 1"
        )
    if period is not None:
        if period == 0:
            raise ArgumentError("interp: period=0 must not be 0")
        x, xs, ys = _unrolled(x, xs, ys, abs(period))
        left = right = None
    low, high = xs[0], xs[-1]
    inside = FUNCTIONS.clip(x, low, high)
    y = _between(inside, xs, ys) if xs.size > 1 else where(isnan(x), x, ys[0])
    y = y if left is None else where(x < low, left, y)
    return y if right is None else where(x > high, right, y)


def _between(x: Tensor, xs: Tensor, ys: Tensor) -> Tensor:
    """The function for x from the first to the last of the xs."""
    number = FUNCTIONS.clip(searchsorted(xs, x.detach(), side="right") - 1, 0, xs.size - 2)
    x0, x1, y0, y1 = (take(z, n) for z in (xs, ys) for n in (number, number + 1))
    width = x1 - x0
    return FUNCTIONS.lerp(y0, y1, (x - x0) / where(width == 0, 1, width))


def _unrolled(x: Tensor, xs: Tensor, ys: Tensor, period: float) -> tuple[Tensor, Tensor, Tensor]:
    """x and xs within one period, in order, and a point more at either end."""
    x, xs = x % period, xs % period
    order = argsort(xs)
    xs, ys = take(xs, order), take(ys, order)
    xs = concat([xs[-1:] - period, xs, xs[:1] + period])
    return x, xs, concat([ys[-1:], ys, ys[:1]])


@public
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The integral of samples y along an axis, by the trapezoid rule.

    x   where the samples are: a vector, or of the shape of y; else they lie dx apart
    """
    axis = single_axis("trapezoid", axis, y)
    y = asarray(y)
    width: Any = dx
    if x is not None:
        x = asarray(x)
        if x.ndim == 1:
            width = diff(x)
            width = reshape(width, (-1, *(1,) * (y.ndim - axis - 1)))
        else:
            width = diff(x, axis=axis)
    middle = (y[along(axis, 1, None)] + y[along(axis, -1)]) / 2
    return summed(width * middle, axis=axis)


@public
def gradient(f: Any, /, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """NumPy's `gradient`: the slopes of samples f, by central differences, one-sided at the ends.

    varargs     distance of the samples: one number, or one for each axis
    axis        along which; all by default: then a list of results, unless there is only one
    edge_order  1 is the only one
    Gradients of losses are `gpugraph.grad`.
    """
    f = asarray(f)
    f = f if is_floating(f.dtype) else f.astype(np.float64)
    if edge_order != 1:
        raise ArgumentError(f"gradient: edge_order={edge_order} is not available; only 1 is")
    axes = axes_of("gradient", axis, f.shape)
    steps = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    if len(steps) != len(axes):
        raise ArgumentError(f"gradient: {len(steps)} distances for {len(axes)} axes")
    if any(isinstance(h, (list, tuple)) or shape_of("gradient", h) for h in steps):
        raise ArgumentError("gradient: distances must be numbers; of uneven ones none is available")
    results = [_slopes(f, a, h) for a, h in zip(axes, steps, strict=True)]
    return results[0] if len(results) == 1 else results


def _slopes(f: Tensor, axis: int, step: Any) -> Tensor:
    n = f.shape[axis]
    if n < 2:
        raise ShapeError(f"gradient: axis {axis} of f {f.shape} has length {n}; it needs 2")
    inside = (f[along(axis, 2, None)] - f[along(axis, -2)]) / (2 * step)
    first = (f[along(axis, 1, 2)] - f[along(axis, 0, 1)]) / step
    last = (f[along(axis, n - 1, n)] - f[along(axis, n - 2, n - 1)]) / step
    return concat([first, inside, last], axis=axis)


@public
def convolve(x1: Any, x2: Any, mode: str = "full") -> Tensor:
    """The convolution of two vectors: y[k] = sum over i of x1[i] x2[k - i].

    mode  "full": (m + n - 1,); "same": (max(m, n),); "valid": where both overlap fully
    `gpugraph.nn.functional.conv1d` is faster for long ones.
    """
    return _convolved("convolve", asarray(x1), asarray(x2), mode)


@public
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Tensor:
    """The cross-correlation of two vectors: `convolve` with x2 backwards."""
    x1, x2 = asarray(x1), asarray(x2)
    if x2.ndim == x1.ndim == 1 and x1.size < x2.size:  # the lags are counted from x2 then
        return flip(_convolved("correlate", x2, flip(x1), mode))
    return _convolved("correlate", x1, flip(x2), mode)


def _convolved(label: str, x1: Tensor, x2: Tensor, mode: str) -> Tensor:
    if x1.ndim != 1 or x2.ndim != 1 or not x1.size or not x2.size:
        raise ShapeError(f"{label}: x1 {x1.shape} and x2 {x2.shape} must have 1 axis, not empty")
    if mode not in ("full", "same", "valid"):
        raise ArgumentError(f"{label}: mode={mode!r} is none of 'full', 'same', 'valid'")
    if x1.size < x2.size:
        x1, x2 = x2, x1
    m, n = x1.size, x2.size
    lags = FUNCTIONS.arange(m + n - 1, device=x1.device).reshape((-1, 1))
    places = lags + FUNCTIONS.arange(n, device=x1.device)  # in x1 with n - 1 zeros at either end
    y = take(pad(x1, n - 1), places) @ flip(x2)  # (m + n - 1, n) @ (n,)
    start, length = {
        "full": (0, m + n - 1),
        "same": ((n - 1) // 2, m),
        "valid": (n - 1, m - n + 1),
    }[mode]
    return y[start : start + length]


@public
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10.0,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """base to the powers start to stop, num of them, evenly spaced; float32 by default.

    start, stop  numbers, tensors, arrays or lists, as in `linspace`
    endpoint     False leaves base**stop out
    """
    powers = linspace(start, stop, num, dtype=np.float64, device=device, endpoint=endpoint)
    return pow(float(base), powers).astype(np.float32 if dtype is None else dtype)


@public
def geomspace(
    start: float,
    stop: float,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """num numbers from start to stop, each the same multiple of the one before; float32 by default.

    start, stop  of one sign, not 0
    endpoint     False leaves stop out
    """
    if not start * stop > 0:
        raise ArgumentError(
            f"geomspace: start={start} and stop={stop} must have one sign, and not be 0"
        )
    sign = math.copysign(1.0, start)
    ends = math.log(abs(start)), math.log(abs(stop))
    logs = linspace(*ends, num, dtype=np.float64, device=device, endpoint=endpoint)
    y = sign * exp(logs)
    places = FUNCTIONS.arange(num, device=y.device)
    y = where(places == 0, float(start), y)  # the ends exactly
    y = where(places == num - 1, float(stop), y) if endpoint and num > 1 else y
    return y.astype(np.float32 if dtype is None else dtype)
