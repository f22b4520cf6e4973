"""Convolution layers, and transposed ones, over 1, 2 and 3 spatial axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ..core.backend import Array
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..core.window import Window, per_axis
from ..ops.conv_functions import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from ..ops.padding import pad
from ..ops.random import Generator
from .init import fan_in_uniform_
from .lazy import Lazy
from .parameter import Parameter

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]


class _Conv(Lazy):
    size_name = "in_channels"
    ndim: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]
    padding_modes: ClassVar[tuple[str, ...]] = ("zeros", "reflect", "replicate", "circular")

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        generator: Generator | None = None,
    ) -> None:
        name = type(self).__name__
        if padding_mode not in self.padding_modes:
            raise ArgumentError(
                f"{name}: padding_mode={padding_mode!r} must be one of {list(self.padding_modes)}"
            )
        self.padding_mode = padding_mode
        (self.out_channels,) = per_axis(name, "out_channels", out_channels, 1)
        (self.groups,) = per_axis(name, "groups", groups, 1)
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, self.ndim)
        Window.of(name, self.ndim, self.kernel_size, stride, padding, dilation)  # or it raises
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.has_bias = bias
        self.generator = generator
        self.weight: Parameter | None = None
        self.bias: Parameter | None = None
        self.begin(in_channels)

    def shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        for name, channels in (("in_channels", size), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise ArgumentError(
                    f"{type(self).__name__}: {name}={channels} must be a multiple of "
                    f"groups={self.groups}"
                )
        shapes = {"weight": self.weight_shape(size)}
        return {**shapes, "bias": (self.out_channels,)} if self.has_bias else shapes

    def weight_shape(self, size: int) -> tuple[int, ...]:
        """Shape of the filters for that many channels."""
        return (self.out_channels, size // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        assert self.weight is not None
        fan_in_uniform_(self.weight, self.bias, self.generator)

    def size_of(self, x: Any) -> int:
        if x.ndim not in (self.ndim + 1, self.ndim + 2):  # one image, or a batch
            raise ShapeError(
                f"{self.function.__name__}: x {x.shape} must have a batch axis, a channel axis and "
                f"{self.ndim} more"
            )
        channels: int = x.shape[-1 - self.ndim]
        return channels

    def size_from(self, given: Mapping[str, Array]) -> tuple[int, Any]:
        size, dtype = super().size_from(given)
        return size * (self.groups if self.size_axis == 1 else 1), dtype

    def forward(self, x: Any) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            x, padding = self.framed(x), 0
        return self.function(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def framed(self, x: Any) -> Tensor:
        """x with the padding around it, made of what lies at its borders."""
        label = self.function.__name__
        parts = self.kernel_size, self.stride, self.padding, self.dilation
        pairs = Window.of(label, self.ndim, *parts).padding
        return pad(x, [width for pair in reversed(pairs) for width in pair], self.padding_mode)

    def extra_repr(self) -> str:
        told = f"{self.size}, {self.out_channels}, {self.kernel_size}"
        usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros"}
        for name, value in usual.items():
            told += "" if getattr(self, name) == value else f", {name}={getattr(self, name)!r}"
        return told if self.has_bias else f"{told}, bias=False"


class _ConvTranspose(_Conv):
    size_axis = 0
    padding_modes = ("zeros",)

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        generator: Generator | None = None,
    ) -> None:
        self.output_padding = output_padding
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            padding_mode=padding_mode,
            generator=generator,
        )

    def weight_shape(self, size: int) -> tuple[int, ...]:
        """Shape of the filters for that many channels."""
        return (size, self.out_channels // self.groups, *self.kernel_size)

    def forward(self, x: Any) -> Tensor:
        return self.function(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )


class Conv2d(_Conv):
    """Convolve images (N, C, H, W) with filters, and add a bias: `functional.conv2d` as a layer.

    in_channels    C; None: taken from the first input
    out_channels   O, the number of filters
    kernel_size, stride, padding, dilation   a number, or one for each spatial axis; padding also
                   pairs, "valid" or "same"
    groups         each group of filters reads its own group of channels
    bias           add one number per filter
    padding_mode   what the padding is made of: "zeros", "reflect", "replicate" or "circular", see
                   `functional.pad`
    generator      draws the first values; by default the process-wide one
    Weight (O, C/groups, *kernel_size) and bias (O) start uniform on +-1/sqrt(fan_in).
    """

    ndim = 2
    function = staticmethod(conv2d)


class Conv1d(_Conv):
    """Convolve sequences (N, C, L); arguments as in `Conv2d`."""

    ndim = 1
    function = staticmethod(conv1d)


class Conv3d(_Conv):
    """Convolve volumes (N, C, D, H, W); arguments as in `Conv2d`."""

    ndim = 3
    function = staticmethod(conv3d)


class ConvTranspose2d(_ConvTranspose):
    """The adjoint of a convolution, as a layer: see `functional.conv_transpose2d`.

    in_channels     C; None: taken from the first input
    output_padding  rows and columns to add at bottom and right, less than stride or dilation
    The others as in `Conv2d`. Weight (C, O/groups, *kernel_size) and bias (O) start as in PyTorch,
    uniform on +-1/sqrt(O/groups * kernel): the fan_in of the convolution that is transposed.
    """

    ndim = 2
    function = staticmethod(conv_transpose2d)


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution of sequences (N, C, L); arguments as in `ConvTranspose2d`."""

    ndim = 1
    function = staticmethod(conv_transpose1d)


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution of volumes (N, C, D, H, W); arguments as in `ConvTranspose2d`."""

    ndim = 3
    function = staticmethod(conv_transpose3d)
