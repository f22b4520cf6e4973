"""MobileNet v1 and v2: (N, 3, H, W) -> (N, num_classes), made for images of 224 x 224.

v1  A. G. Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision
    applications", 2017, arXiv:1704.04861, table 1
v2  M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, "MobileNetV2: inverted residuals and
    linear bottlenecks", CVPR 2018, arXiv:1801.04381, table 2

A depthwise convolution has one filter for each channel (groups = channels), and a 1x1 convolution
mixes the channels: about k^2 times fewer multiply-adds than one full convolution (v1, section 3.1).

Two knobs. `width` (v1's alpha) thins every layer. The resolution multiplier (rho) is no argument:
it is the size of the image that is put in, such as 128 instead of 224; all sizes are taken.

v2 has torchvision's names and first values, but for the weight of its linear layer.
"""

from __future__ import annotations

from .. import nn
from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from ..nn import functional as F
from .start import he_start

__all__ = ["MobileNetV1", "MobileNetV2", "mobilenet_v1", "mobilenet_v2"]


class _ConvNorm(nn.Sequential):
    """A convolution that keeps the image's size (or halves it), batch norm, and an activation."""

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] = nn.ReLU6,
    ) -> None:
        conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(after), activation())


# v1: channels behind each depthwise separable block, and the stride in it (table 1)
SEPARABLE = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),  # the table says stride 2, but 7 x 7 on both sides of it
)


class MobileNetV1(nn.Module):
    """A full convolution, 13 depthwise separable ones, the mean of each channel, a linear layer.

    width  factor on the channels of all layers, rounded down; above 0
    """

    def __init__(self, num_classes: int = 1000, width: float = 1.0) -> None:
        before = _thinned("mobilenet_v1", 32, width)
        self.features = nn.Sequential(_ConvNorm(3, before, 3, 2, activation=nn.ReLU))
        for channels, stride in SEPARABLE:
            after = _thinned("mobilenet_v1", channels, width)
            depthwise = _ConvNorm(before, before, 3, stride, groups=before, activation=nn.ReLU)
            pointwise = _ConvNorm(before, after, 1, activation=nn.ReLU)
            self.features.append(nn.Sequential(depthwise, pointwise))
            before = after
        self.classifier = nn.Linear(before, num_classes)
        he_start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        x = self.features(x)  # -> (N, 1024 width, H/32, W/32)
        return self.classifier(F.global_avg_pool2d(x))


def _thinned(name: str, channels: int, width: float) -> int:
    thin = int(channels * width)
    if thin < 1:
        raise ArgumentError(f"{name}: width={width} leaves {thin} of {channels} channels")
    return thin


# v2: expansion t, channels c, repeats n, stride s of the first of them (table 2)
INVERTED = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow again without an activation (v2, table 1).

    (N, before, H, W) -> (N, after, H / stride, W / stride); x is added where the shapes agree.
    """

    def __init__(self, before: int, after: int, stride: int, expand: int) -> None:
        inside = before * expand
        self.adds = stride == 1 and before == after
        self.conv = nn.Sequential()
        if expand != 1:
            self.conv.append(_ConvNorm(before, inside, 1))
        self.conv.append(_ConvNorm(inside, inside, 3, stride, groups=inside))
        self.conv.append(nn.Conv2d(inside, after, 1, bias=False))
        self.conv.append(nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """Wide inside, narrow at both ends."""
        y: Tensor = self.conv(x)
        return x + y if self.adds else y


class MobileNetV2(nn.Module):
    """A convolution, 17 inverted residuals, a 1x1 convolution, means, and a linear layer.

    width    factor on the channels of all layers, rounded to multiples of 8; above 0. The last
             convolution is never thinner than 1280.
    dropout  share of the linear layer's inputs that training zeroes
    """

    def __init__(self, num_classes: int = 1000, width: float = 1.0, dropout: float = 0.2) -> None:
        if not width > 0:
            raise ArgumentError(f"mobilenet_v2: width={width} must be above 0")
        before, last = _eights(32 * width), _eights(1280 * max(1.0, width))
        self.features = nn.Sequential(_ConvNorm(3, before, 3, 2))
        for expand, channels, repeats, stride in INVERTED:
            after = _eights(channels * width)
            for i in range(repeats):
                block = InvertedResidual(before, after, 1 if i else stride, expand)
                self.features.append(block)
                before = after
        self.features.append(_ConvNorm(before, last, 1))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
        he_start(self)
        nn.init.zeros_(self.classifier[1].bias)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        x = self.features(x)  # -> (N, 1280, H/32, W/32)
        return self.classifier(F.global_avg_pool2d(x))


def _eights(channels: float) -> int:
    """The nearest multiple of 8, at least 8; one more where that would take away over a tenth."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near if near >= 0.9 * channels else near + 8


def mobilenet_v1(num_classes: int = 1000, width: float = 1.0) -> MobileNetV1:
    """MobileNet v1: 4,231,976 parameters, 568,740,352 multiply-adds."""
    return MobileNetV1(num_classes, width)


def mobilenet_v2(num_classes: int = 1000, width: float = 1.0) -> MobileNetV2:
    """MobileNet v2: 3,504,872 parameters, 0.30 G multiply-adds."""
    return MobileNetV2(num_classes, width)
