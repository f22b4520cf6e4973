"""Padding layers: `functional.pad` for 1, 2 and 3 spatial axes."""

from __future__ import annotations

from typing import Any, ClassVar

from ..core.errors import ShapeError
from ..core.tensor import Tensor
from ..core.window import per_axis
from ..ops.padding import pad
from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    """padding: an int for all sides, or (left, right, top, bottom, front, back) as needed."""

    ndim: ClassVar[int]
    mode: ClassVar[str] = "constant"
    value: float | None = None

    def __init__(self, padding: Any) -> None:
        sides = 2 * self.ndim
        self.padding = per_axis(type(self).__name__, "padding", padding, sides, least=-(2**62))

    def forward(self, x: Any) -> Tensor:
        if x.ndim not in (self.ndim + 1, self.ndim + 2):
            raise ShapeError(
                f"pad: x {x.shape} has {x.ndim} axes; it takes (C) or (N, C) and {self.ndim} more"
            )
        return pad(x, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, x: Any) -> Tensor:  # of any shape with so many axes, as in PyTorch
        return pad(x, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    """One value around sequences (N, C, L): padding (left, right) or an int, value."""

    ndim = 1


class ConstantPad2d(_ConstantPad):
    """One value around images (N, C, H, W): padding (left, right, top, bottom) or an int, value."""

    ndim = 2


class ConstantPad3d(_ConstantPad):
    """One value around volumes (N, C, D, H, W): padding of six sides or an int, value."""

    ndim = 3


class ZeroPad1d(_ZeroPad):
    """Zeros around sequences (N, C, L): padding (left, right) or an int."""

    ndim = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around images (N, C, H, W): padding (left, right, top, bottom) or an int."""

    ndim = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around volumes (N, C, D, H, W): padding of six sides or an int."""

    ndim = 3


class ReflectionPad1d(_Pad):
    """The mirror image around sequences (N, C, L), without the border element."""

    ndim, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """The mirror image around images (N, C, H, W), without the border pixels."""

    ndim, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """The mirror image around volumes (N, C, D, H, W), without the border voxels."""

    ndim, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The border element of sequences (N, C, L), again and again."""

    ndim, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The border pixels of images (N, C, H, W), again and again."""

    ndim, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The border voxels of volumes (N, C, D, H, W), again and again."""

    ndim, mode = 3, "replicate"


class CircularPad1d(_Pad):
    """The other end of sequences (N, C, L), as if they were closed to a ring."""

    ndim, mode = 1, "circular"


class CircularPad2d(_Pad):
    """The other end of images (N, C, H, W), as if they were closed to a torus."""

    ndim, mode = 2, "circular"


class CircularPad3d(_Pad):
    """The other end of volumes (N, C, D, H, W), as if they were closed along each axis."""

    ndim, mode = 3, "circular"
