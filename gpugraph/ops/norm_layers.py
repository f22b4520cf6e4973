"""Normalisation of each example for itself: layers, groups, instances, and by a norm.

Norms of layers and of instances are group norms: of one group, and of a group for each channel.
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
from .elementwise import add, multiply
from .extrema import max as maximum_of
from .extrema import min as minimum_of
from .group_norm import GroupNorm, RmsNorm
from .memory import astype
from .norm import BatchNormEval
from .norm_functions import check_running
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
    eps, rows = _checked(eps, "layer_norm"), _as_matrix(x, len(shape))
    weight, bias = _as_vector(weight), _as_vector(bias)
    return _as_shape(_group_norm(rows, 1, weight, bias, eps), x.shape)


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """Each example divided by its root mean square over its last axes, times weight.

    normalized_shape, weight   as in `layer_norm`
    eps                        added to the mean square; None: the epsilon of the dtype of x
    Source: Zhang & Sennrich 2019, arXiv:1910.07467.
    """
    x, shape = _last_axes("rms_norm", x, normalized_shape, weight=weight)
    if eps is None:
        eps = 2.0**-7 if x.dtype.name == "bfloat16" else float(np.finfo(x.dtype).eps)
    eps, rows = _checked(eps, "rms_norm"), _as_matrix(x, len(shape))
    y, _ = apply(RmsNorm.make(1, eps), rows, _as_vector(weight))
    return _as_shape(y, x.shape)


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
    return _group_norm(x, groups, weight, bias, _checked(eps, "group_norm"))


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
    y, mean, var = apply(GroupNorm.make(C, eps), x, weight, bias)
    if N and n and not STATE.get().repeating:
        with set_state(recording=False):
            for running, new, factor in (
                (running_mean, mean, 1.0),
                (running_var, var, n / (n - 1)),
            ):
                if running is not None:
                    step = new.mean(axis=0) * (factor * momentum)
                    running.assign(running * (1 - momentum) + step)
    return y


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


def _group_norm(x: Tensor, groups: int, weight: Any, bias: Any, eps: float) -> Tensor:
    """x (N, C, ...) normalised, but exact where rows are of one number, which is its own mean."""
    if prod(x.shape[1:]) != groups:
        return apply(GroupNorm.make(groups, eps), x, weight, bias)[0]
    y = x - x
    for v, with_it in ((weight, multiply), (bias, add)):
        if v is not None:
            v = tensor_of("norm", "weight", v).reshape((-1, *(1,) * (x.ndim - 2)))
            y = with_it(y, astype(v, y.dtype, copy=False))
    return y


def _as_matrix(x: Tensor, axes: int) -> Tensor:
    """x with so many last axes as one, and all others as one."""
    if x.ndim == 2 and axes == 1:
        return x
    before = x.ndim - axes
    return x.reshape((prod(x.shape[:before]), prod(x.shape[before:])))


def _as_vector(v: Any) -> Any:
    return v if v is None or v.ndim == 1 else v.reshape((-1,))


def _as_shape(y: Tensor, shape: tuple[int, ...]) -> Tensor:
    return y if y.shape == shape else y.reshape(shape)


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
        if v is None:
            continue
        if (found := tensor_of(label, name, v)).shape != shape:
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
    if v is not None and v.dtype != x.dtype and v.dtype != wide(x.dtype):
        raise DtypeError(
            f"{label}: x is {x.dtype}, {name} is {v.dtype}; convert one of them: "
            f"{name}.astype(gpugraph.{x.dtype})"
        )
