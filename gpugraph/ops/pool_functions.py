"""Pooling under PyTorch's names and keywords, in 1, 2 and 3 dimensions.

What the arguments mean is written out in `max_pool2d` and `avg_pool2d`; with another number of
spatial axes they mean the same.
"""

from __future__ import annotations

from typing import Any

from ..core.apply import apply
from ..core.errors import ArgumentError
from ..core.methods import public
from ..core.tensor import Tensor
from ..core.window import Window, per_axis
from .avg_pool import AvgPool
from .conv_functions import batched
from .pool import MaxPool, PoolIndices

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "global_avg_pool1d",
    "global_avg_pool2d",
    "global_avg_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]


@public
def max_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of x (N, C, L): see `max_pool2d`."""
    return _max_pool(1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public
def max_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window; its gradient goes to the first maximum in row-major order.

    x            (N, C, H, W), or (C, H, W) for one image, which gives one image
    kernel_size  an int for all axes, or one per axis; so are stride (by default the kernel size)
                 and dilation, the distance of the taps
    padding      an int, one per axis or pairs ``((top, bottom), (left, right))``, of -inf; at most
                 half the length that a window covers
    ceil_mode    round the output size up, so that the last window may hang out at the end, if it
                 starts in the image or in the padding before it
    return_indices   return (y, indices), indices int64: where each maximum lies in an image of H*W
    Returns (N, C, oh, ow). NaN is larger than anything. Raises ShapeError also where no window
    fits, DtypeError for integers, ArgumentError for impossible parameters.
    """
    return _max_pool(2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public
def max_pool3d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window of x (N, C, D, H, W): see `max_pool2d`."""
    return _max_pool(3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public
def avg_pool1d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of x (N, C, L): see `avg_pool2d`."""
    return _avg_pool(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@public
def avg_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    x, kernel_size, stride, padding, ceil_mode   as in `max_pool2d`; padding is of zeros
    count_include_pad   divide by the number of elements, those of the padding among them; if False,
                        by the number of those in the image
    divisor_override    divide by this number instead
    Returns (N, C, oh, ow). Raises as `max_pool2d` does.
    """
    return _avg_pool(
        2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@public
def avg_pool3d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of x (N, C, D, H, W): see `avg_pool2d`."""
    return _avg_pool(
        3, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@public
def global_avg_pool1d(x: Any, keepdims: bool = False) -> Tensor:
    """The mean of each channel: (N, C, L) -> (N, C), or (N, C, 1) with keepdims."""
    return _global_avg_pool(1, x, keepdims)


@public
def global_avg_pool2d(x: Any, keepdims: bool = False) -> Tensor:
    """The mean of each channel: (N, C, H, W) -> (N, C), or (N, C, 1, 1) with keepdims."""
    return _global_avg_pool(2, x, keepdims)


@public
def global_avg_pool3d(x: Any, keepdims: bool = False) -> Tensor:
    """The mean of each channel: (N, C, D, H, W) -> (N, C), or (N, C, 1, 1, 1) with keepdims."""
    return _global_avg_pool(3, x, keepdims)


def _max_pool(
    axes: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    label = f"max_pool{axes}d"
    x, one = batched(label, x, axes)
    window = _window(label, axes, kernel_size, stride, padding, dilation)
    y, offset = apply(MaxPool.make(window, bool(ceil_mode)), x)
    if not return_indices:
        return y.reshape(y.shape[1:]) if one else y
    indices = apply(PoolIndices.make(window, x.shape[2:]), offset)
    return (y.reshape(y.shape[1:]), indices.reshape(y.shape[1:])) if one else (y, indices)


def _avg_pool(
    axes: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> Tensor:
    label = f"avg_pool{axes}d"
    x, one = batched(label, x, axes)
    window = _window(label, axes, kernel_size, stride, padding)
    if divisor_override is not None:
        divisor_override = per_axis(label, "divisor_override", divisor_override, 1)[0]
    y = apply(AvgPool.make(window, bool(ceil_mode), bool(count_include_pad), divisor_override), x)
    return y.reshape(y.shape[1:]) if one else y


def _global_avg_pool(axes: int, x: Any, keepdims: bool) -> Tensor:
    x, one = batched(f"global_avg_pool{axes}d", x, axes)
    y = x.mean(axis=tuple(range(2, 2 + axes)), keepdims=keepdims)
    return y.reshape(y.shape[1:]) if one else y


def _window(
    label: str, axes: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1
) -> Window:
    stride = kernel_size if stride is None else stride
    window = Window.of(label, axes, kernel_size, stride, padding, dilation)
    for reach, pair in zip(window.reach, window.padding, strict=True):
        if max(pair) > reach // 2:
            raise ArgumentError(
                f"{label}: padding={padding!r}; wanted at most {reach // 2}, half of the {reach} "
                "that a window covers"
            )
    return window
