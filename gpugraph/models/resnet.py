"""ResNet and ResNeXt: (N, 3, H, W) -> (N, num_classes), made for images of 224 x 224.

K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016,
arXiv:1512.03385, table 1. S. Xie, R. Girshick, P. Dollar, Z. Tu, K. He, "Aggregated residual
transformations for deep neural networks", CVPR 2017, arXiv:1611.05431, table 1.

A bottleneck has its stride in the 3x3 convolution, as torchvision and nearly all published weights
do; the paper has it in the first 1x1. Parameters have torchvision's names and first values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from .. import nn
from ..core.tensor import Tensor
from ..nn import functional as F
from .start import he_start

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "ResNet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
]


class Block(nn.Module):
    """relu(residual(x) + shortcut(x)): (N, before, H, W) -> (N, after, H / stride, W / stride).

    The shortcut is x itself where the shapes agree, else a 1x1 convolution (the paper's option B).
    """

    expansion: ClassVar[int]  # channels that leave the block, in multiples of its width

    def __init__(self, before: int, width: int, stride: int) -> None:
        after = width * self.expansion
        self.downsample: nn.Sequential | None = None
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def residual(self, x: Tensor) -> Tensor:
        """What the block learns to add to its input."""
        raise NotImplementedError(f"{type(self).__name__} has no residual")

    def forward(self, x: Tensor) -> Tensor:
        """The residual, added to the shortcut."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.residual(x) + shortcut)


class BasicBlock(Block):
    """Two 3x3 convolutions (He et al., figure 5, left)."""

    expansion = 1

    def __init__(self, before: int, width: int, stride: int = 1) -> None:
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        super().__init__(before, width, stride)

    def residual(self, x: Tensor) -> Tensor:
        """(N, before, H, W) -> (N, width, H / stride, W / stride)."""
        x = F.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(x))


class Bottleneck(Block):
    """1x1, 3x3 and 1x1 convolution (He et al., figure 5, right); with groups a block of ResNeXt.

    groups           of the 3x3 convolution: ResNeXt's cardinality C
    width_per_group  channels of one group where width is 64, and in proportion elsewhere: d
    """

    expansion = 4

    def __init__(
        self,
        before: int,
        width: int,
        stride: int = 1,
        groups: int = 1,
        width_per_group: int = 64,
    ) -> None:
        inside = width * width_per_group // 64 * groups
        after = width * self.expansion
        self.conv1 = nn.Conv2d(before, inside, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inside)
        self.conv2 = nn.Conv2d(inside, inside, 3, stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inside)
        self.conv3 = nn.Conv2d(inside, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after)
        super().__init__(before, width, stride)

    def residual(self, x: Tensor) -> Tensor:
        """(N, before, H, W) -> (N, 4 width, H / stride, W / stride)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))


class ResNet(nn.Module):
    """A stem, four stages of residual blocks, the mean of each channel, and a linear layer.

    block    BasicBlock or Bottleneck
    depths   blocks of each of the four stages
    options  further arguments of every block: groups and width_per_group of a Bottleneck
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        num_classes: int = 1000,
        **options: int,
    ) -> None:
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = _stages(block, depths, options)
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        he_start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes; E is the block's expansion."""
        x = F.relu(self.bn1(self.conv1(x)))  # -> (N, 64, H/2, W/2)
        x = self.maxpool(x)  # -> (N, 64, H/4, W/4)
        x = self.layer1(x)  # -> (N, 64 E, H/4, W/4)
        x = self.layer2(x)  # -> (N, 128 E, H/8, W/8)
        x = self.layer3(x)  # -> (N, 256 E, H/16, W/16)
        x = self.layer4(x)  # -> (N, 512 E, H/32, W/32)
        x = F.global_avg_pool2d(x)  # -> (N, 512 E)
        return self.fc(x)


def _stages(
    block: type[BasicBlock] | type[Bottleneck], depths: Sequence[int], options: dict[str, int]
) -> list[nn.Sequential]:
    """Widths 64, 128, 256, 512; all but the first stage halve the image in their first block."""
    stages, before = [], 64
    for i, depth in enumerate(depths):
        width = 64 * 2**i
        stage = nn.Sequential()
        for j in range(depth):
            stage.append(block(before, width, 2 if i and not j else 1, **options))
            before = width * block.expansion
        stages.append(stage)
    return stages


def resnet18(num_classes: int = 1000) -> ResNet:
    """ResNet-18: 11,689,512 parameters, 1.81 G multiply-adds."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes)


def resnet34(num_classes: int = 1000) -> ResNet:
    """ResNet-34: 21,797,672 parameters, 3.66 G multiply-adds."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes)


def resnet50(num_classes: int = 1000) -> ResNet:
    """ResNet-50: 25,557,032 parameters, 4.09 G multiply-adds."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes)


def resnet101(num_classes: int = 1000) -> ResNet:
    """ResNet-101: 44,549,160 parameters, 7.80 G multiply-adds."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes)


def resnet152(num_classes: int = 1000) -> ResNet:
    """ResNet-152: 60,192,808 parameters, 11.51 G multiply-adds."""
    return ResNet(Bottleneck, (3, 8, 36, 3), num_classes)


def resnext50_32x4d(num_classes: int = 1000) -> ResNet:
    """ResNeXt-50 with 32 groups of 4 channels: 25,028,904 parameters, 4.23 G multiply-adds."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, groups=32, width_per_group=4)


def resnext101_32x8d(num_classes: int = 1000) -> ResNet:
    """ResNeXt-101 with 32 groups of 8 channels: 88,791,336 parameters, 16.41 G multiply-adds."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes, groups=32, width_per_group=8)
