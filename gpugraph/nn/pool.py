"""Pooling layers over 1, 2 and 3 spatial axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..core.tensor import Tensor
from ..core.window import Window
from ..ops.pool_adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
)
from ..ops.pool_functions import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    global_avg_pool1d,
    global_avg_pool2d,
    global_avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from ..ops.unpool import max_unpool1d, max_unpool2d, max_unpool3d
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalAvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _MaxPool(Module):
    function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        _check(self, kernel_size, stride, padding, dilation)
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.dilation, self.return_indices, self.ceil_mode = dilation, return_indices, ceil_mode

    def forward(self, x: Any) -> Any:
        return self.function(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        return _options(self, stride=None, padding=0, dilation=1, ceil_mode=False)


class _AvgPool(Module):
    function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        _check(self, kernel_size, stride, padding)
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Any) -> Tensor:
        return self.function(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        return _options(self, stride=None, padding=0, ceil_mode=False, count_include_pad=True)


class _DividedAvgPool(_AvgPool):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, x: Any) -> Tensor:
        return self.function(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


def _check(layer: Any, size: Any, stride: Any, padding: Any = 0, dilation: Any = 1) -> None:
    """Raise now, not at the first call, if these describe no window."""
    axes = int(layer.function.__name__[-2])  # max_pool2d has 2
    Window.of(
        type(layer).__name__, axes, size, size if stride is None else stride, padding, dilation
    )


def _options(layer: Any, **usual: Any) -> str:
    """The kernel size, and the options that are not as usual."""
    told = [f"{name}={getattr(layer, name)!r}" for name in usual]
    rare = [t for t, (name, value) in zip(told, usual.items()) if getattr(layer, name) != value]
    return ", ".join([f"{layer.kernel_size}", *rare])


class _AdaptiveAvgPool(Module):
    function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Any) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Tensor:
        return self.function(x, self.output_size)

    def extra_repr(self) -> str:
        return f"{self.output_size}"


class _GlobalAvgPool(Module):
    function: ClassVar[Callable[..., Any]]

    def __init__(self, keepdims: bool = False) -> None:
        self.keepdims = keepdims

    def forward(self, x: Any) -> Tensor:
        return self.function(x, self.keepdims)


class MaxPool1d(_MaxPool):
    """The maximum of each window, of sequences (N, C, L): `functional.max_pool1d`."""

    function = staticmethod(max_pool1d)


class MaxPool2d(_MaxPool):
    """The maximum of each window, of images (N, C, H, W): `functional.max_pool2d`."""

    function = staticmethod(max_pool2d)


class MaxPool3d(_MaxPool):
    """The maximum of each window, of volumes (N, C, D, H, W): `functional.max_pool3d`."""

    function = staticmethod(max_pool3d)


class AvgPool1d(_AvgPool):
    """The mean of each window, of sequences (N, C, L): `functional.avg_pool1d`."""

    function = staticmethod(avg_pool1d)


class AvgPool2d(_DividedAvgPool):
    """The mean of each window, of images (N, C, H, W): `functional.avg_pool2d`."""

    function = staticmethod(avg_pool2d)


class AvgPool3d(_DividedAvgPool):
    """The mean of each window, of volumes (N, C, D, H, W): `functional.avg_pool3d`."""

    function = staticmethod(avg_pool3d)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of sequences (N, C, L) for an output_size: `functional.adaptive_avg_pool1d`."""

    function = staticmethod(adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of images (N, C, H, W) for an output_size: `functional.adaptive_avg_pool2d`."""

    function = staticmethod(adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of volumes (N, C, D, H, W) for an output_size: `functional.adaptive_avg_pool3d`."""

    function = staticmethod(adaptive_avg_pool3d)


class GlobalAvgPool1d(_GlobalAvgPool):
    """The mean of each channel of sequences (N, C, L): `functional.global_avg_pool1d`."""

    function = staticmethod(global_avg_pool1d)


class GlobalAvgPool2d(_GlobalAvgPool):
    """The mean of each channel of images (N, C, H, W): `functional.global_avg_pool2d`."""

    function = staticmethod(global_avg_pool2d)


class GlobalAvgPool3d(_GlobalAvgPool):
    """The mean of each channel of volumes (N, C, D, H, W): `functional.global_avg_pool3d`."""

    function = staticmethod(global_avg_pool3d)


class _AdaptiveMaxPool(Module):
    function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, x: Any) -> Any:
        return self.function(x, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"{self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of sequences (N, C, L) for an output_size: `functional.adaptive_max_pool1d`."""

    function = staticmethod(adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of images (N, C, H, W) for an output_size: `functional.adaptive_max_pool2d`."""

    function = staticmethod(adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima of volumes (N, C, D, H, W) for an output_size: `functional.adaptive_max_pool3d`."""

    function = staticmethod(adaptive_max_pool3d)


class _MaxUnpool(Module):
    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Any, indices: Any, output_size: Any = None) -> Tensor:
        return self.function(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return _options(self, stride=None, padding=0)


class MaxUnpool1d(_MaxUnpool):
    """The maxima of sequences back at their places: `functional.max_unpool1d`."""

    function = staticmethod(max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """The maxima of images back at their places: `functional.max_unpool2d`."""

    function = staticmethod(max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """The maxima of volumes back at their places: `functional.max_unpool3d`."""

    function = staticmethod(max_unpool3d)


class _LPPool(Module):
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        self.norm_type, self.kernel_size = norm_type, kernel_size
        self.stride, self.ceil_mode = stride, ceil_mode

    def forward(self, x: Any) -> Tensor:
        return self.function(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return f"{self.norm_type}, {_options(self, stride=None, ceil_mode=False)}"


class LPPool1d(_LPPool):
    """The p-norm of each window, of sequences (N, C, L): `functional.lp_pool1d`."""

    function = staticmethod(lp_pool1d)


class LPPool2d(_LPPool):
    """The p-norm of each window, of images (N, C, H, W): `functional.lp_pool2d`."""

    function = staticmethod(lp_pool2d)


class LPPool3d(_LPPool):
    """The p-norm of each window, of volumes (N, C, D, H, W): `functional.lp_pool3d`."""

    function = staticmethod(lp_pool3d)
