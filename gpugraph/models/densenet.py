"""DenseNet: (N, 3, H, W) -> (N, num_classes), made for images of 224 x 224.

G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger, "Densely connected convolutional networks",
CVPR 2017, arXiv:1608.06993, table 1: DenseNet-BC, with bottlenecks (B) and compression 1/2 (C).

Each layer reads the outputs of all layers before it in its block. Names and first values of the
parameters are those of torchvision (its oldest files spell ``norm1`` as ``norm.1``; it renames them
when it loads them).
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import nn
from ..core.tensor import Tensor
from ..nn import functional as F
from ..nn import init
from ..ops.join import concat
from .start import he_start

__all__ = ["DenseNet", "densenet121"]


class DenseLayer(nn.Module):
    """Batch norm, ReLU, 1x1 convolution, and again with 3x3: (N, before, H, W) -> (N, k, H, W).

    growth  k, the channels that each layer adds (section 3, "growth rate")
    """

    def __init__(self, before: int, growth: int) -> None:
        inside = 4 * growth
        self.norm1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, inside, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inside)
        self.conv2 = nn.Conv2d(inside, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The k new channels."""
        x = self.conv1(F.relu(self.norm1(x)))  # -> (N, 4 k, H, W)
        return self.conv2(F.relu(self.norm2(x)))


class DenseBlock(nn.ModuleDict):
    """Layers in a row, each of them reading all before: (N, C, H, W) -> (N, C + depth k, H, W)."""

    def __init__(self, depth: int, before: int, growth: int) -> None:
        for i in range(depth):
            self[f"denselayer{i + 1}"] = DenseLayer(before + i * growth, growth)

    def forward(self, x: Tensor) -> Tensor:
        """The block's input, and what every layer added to it."""
        for layer in self.values():
            x = concat([x, layer(x)], axis=1)
        return x


class DenseNet(nn.Module):
    """A stem, dense blocks with transitions that halve channels and image between, a linear layer.

    growth   channels that each layer adds
    depths   layers of each block
    """

    def __init__(
        self, growth: int = 32, depths: Sequence[int] = (6, 12, 24, 16), num_classes: int = 1000
    ) -> None:
        channels = 2 * growth
        features: dict[str, nn.Module] = {
            "conv0": nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False),
            "norm0": nn.BatchNorm2d(channels),
            "relu0": nn.ReLU(),
            "pool0": nn.MaxPool2d(3, stride=2, padding=1),  # -> (N, 2 k, H/4, W/4)
        }
        for i, depth in enumerate(depths, 1):
            features[f"denseblock{i}"] = DenseBlock(depth, channels, growth)
            channels += depth * growth
            if i < len(depths):
                features[f"transition{i}"] = _transition(channels)
                channels //= 2
        features[f"norm{len(depths) + 1}"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(features)
        self.classifier = nn.Linear(channels, num_classes)
        he_start(self, mode="fan_in")
        assert self.classifier.bias is not None
        init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        x = F.relu(self.features(x))  # -> (N, 1024, H/32, W/32) of DenseNet-121
        return self.classifier(F.global_avg_pool2d(x))


def _transition(channels: int) -> nn.Sequential:
    """(N, C, H, W) -> (N, C/2, H/2, W/2)."""
    return nn.Sequential(
        {
            "norm": nn.BatchNorm2d(channels),
            "relu": nn.ReLU(),
            "conv": nn.Conv2d(channels, channels // 2, 1, bias=False),
            "pool": nn.AvgPool2d(2),
        }
    )


def densenet121(num_classes: int = 1000) -> DenseNet:
    """DenseNet-121: 7,978,856 parameters, 2.834 G multiply-adds."""
    return DenseNet(32, (6, 12, 24, 16), num_classes)
