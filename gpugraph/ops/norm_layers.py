"""Normalisation of each example for itself: layers, groups, instances, and by a norm.

A layer norm is the batch norm of a batch that has the examples in the place of the channels, and so
are group and instance norms: x as (1, rows, elements of a row). They share its op, its kernels and
its gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.op import Spec
from ..core.state import STATE, set_state
from ..core.tensor import Tensor
from ..core.window import Window, per_axis
from ..cuda.kernel import wide
from .activation import check_floating
from .avg_pool import AvgPool
from .compare import clip, not_equal, where
from .conv_functions import tensor_of
from .elementwise import abs as absolute
from .extrema import max as maximum_of
from .extrema import min as minimum_of
from .memory import astype
from .norm import BatchNormEval
from .norm_functions import BatchNorm, check_running
from .powers import sqrt, square
from .shape import axes_of

__all__ = [
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


def layer_norm(
    x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """Each example with mean 0 and variance 1 over its last axes, times weight, plus bias.

    normalized_shape  lengths of those last axes; an int for one
    weight, bias      of that shape, or None
    eps               added to the (biased) variance
    Source: Ba et al. 2016, arXiv:1607.06450.
    """
    x, shape = _last_axes("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    rows = prod(x.shape[: x.ndim - len(shape)])
    y = _normalised(x, rows, prod(shape), _checked(eps, "layer_norm")).reshape(x.shape)
    return _affine(y, weight, bias)


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """Each example divided by its root mean square over its last axes, times weight.

    normalized_shape, weight   as in `layer_norm`
    eps                        added to the mean square; None: the epsilon of the dtype of x
    Source: Zhang & Sennrich 2019, arXiv:1910.07467.
    """
    x, shape = _last_axes("rms_norm", x, normalized_shape, weight=weight)
    if eps is None:
        eps = 2.0**-7 if x.dtype.name == "bfloat16" else float(np.finfo(x.dtype).eps)
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    z = astype(x, wide(x.dtype), copy=False)  # squares of half precision overflow
    y = z / sqrt(square(z).mean(axis=axes, keepdims=True) + _checked(eps, "rms_norm"))
    return _affine(astype(y, x.dtype, copy=False), weight, None)


def group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """Each group of channels of each example with mean 0 and variance 1.

    x             (N, C, ...), C a multiple of num_groups
    weight, bias  (C) each, one number per channel, or None
    Source: Wu & He 2018, arXiv:1803.08494.
    """
    x = _channels_first("group_norm", x, weight=weight, bias=bias)
    (groups,) = per_axis("group_norm", "num_groups", num_groups, 1)
    N, C = x.shape[:2]
    if C % groups:
        raise ShapeError(
            f"group_norm: x {x.shape} has {C} channels, which must be a multiple of "
            f"num_groups={groups}"
        )
    length = C // groups * prod(x.shape[2:])
    if N * length == 1:
        raise ShapeError(
            f"group_norm: x {x.shape} has one value per group, which has no spread; take fewer "
            "groups"
        )
    y = _normalised(x, N * groups, length, _checked(eps, "group_norm")).reshape(x.shape)
    return _affine(y, _column(weight, x.ndim), _column(bias, x.ndim))


def instance_norm(
    x: Any,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each example with mean 0 and variance 1, times weight, plus bias.

    x             (N, C, ...)
    running_mean  (C), and running_var: with use_input_stats they are written to, averaged over the
                  batch (the variance unbiased), as in `batch_norm`; without, they are used
    weight, bias  (C) each, or None
    Source: Ulyanov et al. 2016, arXiv:1607.08022.
    """
    eps = _checked(eps, "instance_norm")
    x = _channels_first("instance_norm", x, weight=weight, bias=bias)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                "instance_norm: without use_input_stats it needs running_mean and running_var"
            )
        return apply(BatchNormEval.make(eps), x, running_var, running_mean, weight, bias)
    (N, C), n = x.shape[:2], prod(x.shape[2:])
    if n == 1:
        raise ShapeError(
            f"instance_norm: x {x.shape} has one value per channel and example, which has no "
            "spread; it needs spatial axes"
        )
    check_running("instance_norm", x, running_mean, running_var)
    y, mean, var = apply(BatchNorm.make(eps), x.reshape((1, N * C, n)), None, None)
    if N and n and not STATE.get().repeating:
        with set_state(recording=False):
            for running, new, factor in (
                (running_mean, mean, 1.0),
                (running_var, var, n / (n - 1)),
            ):
                if running is not None:
                    step = new.reshape((N, C)).mean(axis=0) * (factor * momentum)
                    running.assign(running * (1 - momentum) + step)
    return _affine(y.reshape(x.shape), _column(weight, x.ndim), _column(bias, x.ndim))


def local_response_norm(
    x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta, for x (N, C, ...).

    Channels c - size//2 to c + (size-1)//2; those that do not exist count as 0.
    Source: Krizhevsky et al. 2012 (who sum instead of averaging: their alpha is alpha / size here).
    """
    x = tensor_of("local_response_norm", "x", x)
    check_floating("local_response_norm", Spec(x.shape, x.dtype))
    if x.ndim < 3:
        raise ShapeError(f"local_response_norm: x {x.shape} must be (N, C, ...)")
    (size,) = per_axis("local_response_norm", "size", size, 1)
    if not x.size:
        return x
    window = Window((size, 1), (1, 1), ((size // 2, (size - 1) // 2), (0, 0)), (1, 1))
    N, C = x.shape[:2]
    squares = square(x).reshape((N, 1, C, -1))
    return x / (apply(AvgPool.make(window), squares).reshape(x.shape) * alpha + k) ** beta


def normalize(x: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """x divided by its p-norm along an axis (or several), or by eps where that is larger.

    p    1, 2, inf, -inf, 0 or another number
    dim  the axis, or a tuple of them
    A vector of zeros stays, and its norm has the gradient 0.
    """
    x = tensor_of("normalize", "x", x)
    check_floating("normalize", Spec(x.shape, x.dtype))
    axes = axes_of("normalize", dim, x.shape)
    return x / clip(_norm(x, p, axes), min=eps)


def _norm(x: Tensor, p: float, axes: tuple[int, ...]) -> Tensor:
    """The p-norm along axes, which stay with length 1."""
    if p == inf:
        return maximum_of(absolute(x), axis=axes, keepdims=True)
    if p == -inf:
        return minimum_of(absolute(x), axis=axes, keepdims=True)
    if p == 0:
        return astype(not_equal(x, 0), x.dtype).sum(axis=axes, keepdims=True)
    if p == 1:
        return absolute(x).sum(axis=axes, keepdims=True)
    size = absolute(x)
    if p == 2:
        total = square(x).sum(axis=axes, keepdims=True)
    elif p < 1:  # 0 has no slope; it takes no gradient
        zero = size == 0
        total = where(zero, 0, where(zero, 1, size) ** p).sum(axis=axes, keepdims=True)
    else:
        total = (size**p).sum(axis=axes, keepdims=True)
    zero = total == 0
    safe = where(zero, 1, total)
    return where(zero, 0, sqrt(safe) if p == 2 else safe ** (1 / p))


def _normalised(x: Tensor, rows: int, length: int, eps: float) -> Tensor:
    """x as that many rows, each with mean 0 and variance 1: (1, rows, length)."""
    rows_of_x = x.reshape((1, rows, length))
    if length == 1:
        return rows_of_x - rows_of_x  # the mean of one number is itself
    return apply(BatchNorm.make(eps), rows_of_x, None, None)[0]


def _affine(y: Tensor, weight: Any, bias: Any) -> Tensor:
    if weight is not None:
        y = y * astype(weight, y.dtype, copy=False)
    return y if bias is None else y + astype(bias, y.dtype, copy=False)


def _column(v: Any, ndim: int) -> Any:
    """(C) -> (1, C, 1, ...)."""
    return None if v is None else tensor_of("norm", "weight", v).reshape((-1, *(1,) * (ndim - 2)))


def _checked(eps: float, label: str) -> float:
    if not eps >= 0:
        raise ArgumentError(f"{label}: eps={eps} must be at least 0")
    return float(eps)


def _last_axes(
    label: str, x: Any, normalized_shape: Any, **learned: Any
) -> tuple[Tensor, tuple[int, ...]]:
    """x, and the shape of its last axes, which weight and bias must have."""
    x = tensor_of(label, "x", x)
    check_floating(label, Spec(x.shape, x.dtype))
    try:
        several = isinstance(normalized_shape, Sequence)
        shape = tuple(map(int, normalized_shape)) if several else (int(normalized_shape),)
    except (TypeError, ValueError):
        shape = ()
    if not shape or x.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"{label}: normalized_shape={normalized_shape!r} must be the lengths of the last axes "
            f"of x {x.shape}"
        )
    for name, v in learned.items():
        if v is not None and (found := tensor_of(label, name, v)).shape != shape:
            raise ShapeError(f"{label}: {name} {found.shape} must have normalized_shape {shape}")
        _same_dtype(label, x, name, v)
    return x, shape


def _channels_first(label: str, x: Any, **learned: Any) -> Tensor:
    """x, if it is (N, C, ...) and the others have a number for each channel."""
    x = tensor_of(label, "x", x)
    check_floating(label, Spec(x.shape, x.dtype))
    if x.ndim < 2:
        raise ShapeError(f"{label}: x {x.shape} must be (N, C, ...)")
    for name, v in learned.items():
        if v is not None and (found := tensor_of(label, name, v)).shape != x.shape[1:2]:
            raise ShapeError(
                f"{label}: {name} {found.shape} must be ({x.shape[1]},), one number for each "
                f"channel of x {x.shape}"
            )
        _same_dtype(label, x, name, v)
    return x


def _same_dtype(label: str, x: Tensor, name: str, v: Any) -> None:
    """Layers refuse mixed dtypes; weights beside half precision may be float32."""
    if v is not None and v.dtype not in (x.dtype, wide(x.dtype)):
        raise DtypeError(
            f"{label}: x is {x.dtype}, {name} is {v.dtype}; convert one of them: "
            f"{name}.astype(gpugraph.{x.dtype})"
        )
