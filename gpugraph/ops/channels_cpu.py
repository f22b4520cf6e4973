"""Launches of ``gpugraph/cpu/src/norm.h``: batch normalisation, biases per channel, activations.

x (N, C, ...) may lie channels last in memory, or in planes; what comes out lies as x does. Another
layout is copied first.
"""

from __future__ import annotations

from math import prod
from typing import Any

from .image_memory import empty_images, laid_out

__all__: list[str] = []

SMALL = 8192  # numbers that NumPy adds up, or adds to, as fast
EXPONENTIAL = 3  # activations numbered from here need one, which the kernels don't have


def to_channels_last(lib: Any, x: Any) -> Any:
    """x (N, C, ...), or a copy of it, with channels last in memory."""
    N, C, *spatial = x.shape
    if x.size < SMALL or C == 1 or prod(spatial) == 1 or not x.flags.c_contiguous:
        return laid_out(lib.xp, x)
    y = empty_images(lib.xp, x.shape, x.dtype)
    lib.call("turn", x.dtype, N, C, prod(spatial), x, y)
    return y


def to_planes(lib: Any, x: Any) -> Any:
    """x (N, C, ...), or a copy of it, in planes."""
    lines = x.transpose(0, *range(2, x.ndim), 1)
    if x.size < SMALL or x.flags.c_contiguous or not lines.flags.c_contiguous:
        return lib.xp.ascontiguousarray(x)
    y = lib.xp.empty(x.shape, x.dtype)
    lib.call("turn", x.dtype, len(x), prod(x.shape[2:]), x.shape[1], x, y)
    return y


def laid(lib: Any, x: Any) -> tuple[Any, bool]:
    """x, or a copy of it, and whether it lies channels last; else it lies in planes."""
    last = x.strides[1] == x.itemsize
    return (to_channels_last if last else to_planes)(lib, x), last


def alike(lib: Any, last: bool, *others: Any) -> list[Any]:
    """The others, or copies, in that layout; None as it is."""
    lie = to_channels_last if last else to_planes
    return [None if x is None else lie(lib, x) for x in others]


def vectors(xp: Any, *given: Any) -> list[Any]:
    """Numbers per channel, side by side; None as it is."""
    return [None if v is None else xp.ascontiguousarray(v) for v in given]


def sizes(x: Any, last: bool) -> tuple[int, int, int, int]:
    """The first arguments of all these kernels."""
    return x.shape[0], x.shape[1], prod(x.shape[2:]), int(last)


def empty_like(xp: Any, x: Any, last: bool) -> Any:
    """An array for numbers that lie as those of x."""
    return empty_images(xp, x.shape, x.dtype) if last else xp.empty(x.shape, x.dtype)


def batch_norm(lib: Any, eps: float, x: Any, weight: Any, bias: Any) -> Any:
    """What `BatchNorm` gives, or None: not taken."""
    if not lib.takes(x, weight, bias) or not x.size:
        return None
    x, last = laid(lib, x)
    y = empty_like(lib.xp, x, last)
    mean, var = lib.xp.empty((2, x.shape[1]), x.dtype)
    lib.call(
        "batch_norm", x.dtype, *sizes(x, last), x, *vectors(lib.xp, weight, bias), y, mean, var, eps
    )
    return y, mean, var


def normalised(
    lib: Any,
    eps: float,
    code: tuple[int, float],
    x: Any,
    var: Any,
    mean: Any = None,
    weight: Any = None,
    bias: Any = None,
    residual: Any = None,
) -> Any:
    """What `BatchNormEval` and `BatchNormAct` give, or None; without var, what `BiasAct` gives.

    code  of the activation, see fused.py
    """
    given = (var, mean, weight, bias)
    if not lib.takes(x, *given, residual) or not x.size or code[0] >= EXPONENTIAL:
        return None
    if var is None and x.size < SMALL:
        return None
    x, last = laid(lib, x)
    y = empty_like(lib.xp, x, last)
    arrays = (x, *vectors(lib.xp, *given), *alike(lib, last, residual), y)
    lib.call("normalise", x.dtype, *sizes(x, last), *arrays, eps, *code)
    return y


def norm_params(lib: Any, eps: float, gy: Any, x: Any, var: Any, mean: Any) -> Any:
    """What `BatchNormParams` gives, or None."""
    if not lib.takes(gy, x, var, mean) or not x.size:
        return None
    x, last = laid(lib, x)
    gweight, gbias = lib.xp.empty((2, x.shape[1]), x.dtype)
    arrays = (*alike(lib, last, gy), x, *vectors(lib.xp, var, mean), gweight, gbias)
    lib.call("norm_params", x.dtype, *sizes(x, last), *arrays, eps)
    return gweight, gbias


def norm_input(
    lib: Any,
    eps: float,
    gy: Any,
    x: Any,
    var: Any,
    mean: Any,
    gweight: Any,
    gbias: Any,
    weight: Any = None,
) -> Any:
    """What `BatchNormInput` gives, or None."""
    per_channel = (var, mean, gweight, gbias, weight)
    if not lib.takes(gy, x, *per_channel) or not x.size:
        return None
    x, last = laid(lib, x)
    gx = empty_like(lib.xp, x, last)
    arrays = (*alike(lib, last, gy), x, *vectors(lib.xp, *per_channel), gx)
    lib.call("norm_input", x.dtype, *sizes(x, last), *arrays, eps)
    return gx


def channel_sum(lib: Any, x: Any) -> Any:
    """What `ChannelSum` gives, or None."""
    if not lib.takes(x) or x.size < max(1, SMALL):
        return None
    x, last = laid(lib, x)
    total = lib.xp.empty(x.shape[1], x.dtype)
    lib.call("channel_sum", x.dtype, *sizes(x, last), x, total)
    return total
