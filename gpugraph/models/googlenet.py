"""GoogLeNet: (N, 3, H, W) -> (N, num_classes), made for images of 224 x 224.

C. Szegedy et al., "Going deeper with convolutions", CVPR 2015, arXiv:1409.4842, table 1, as
torchvision has it, whose names and first values the parameters have: batch norm (eps 0.001) behind
every convolution, and 3x3 filters where the paper has 5x5.

Without the two auxiliary classifiers, which helped training before batch norm: load a file that has
them with ``strict=False``. torchvision's weights want images with ``(image - 0.5) / 0.5``.
"""

from __future__ import annotations

from .. import nn
from ..core.tensor import Tensor
from ..nn import functional as F
from ..nn import init
from ..ops.join import concat

__all__ = ["GoogLeNet", "googlenet"]


class ConvNormRelu(nn.Module):
    """A convolution that keeps the image's size at stride 1, batch norm, ReLU."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1) -> None:
        self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) -> (N, after, H / stride, W / stride)."""
        return F.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Four branches side by side (figure 2b): (N, before, H, W) -> (N, sum, H, W).

    one           1x1 filters
    three, five   (1x1 filters that reduce, 3x3 filters behind them), twice
    pool          1x1 filters behind a max pooling
    """

    def __init__(
        self, before: int, one: int, three: tuple[int, int], five: tuple[int, int], pool: int
    ) -> None:
        self.branch1 = ConvNormRelu(before, one, 1)
        self.branch2 = nn.Sequential(
            ConvNormRelu(before, three[0], 1), ConvNormRelu(three[0], three[1], 3)
        )
        self.branch3 = nn.Sequential(
            ConvNormRelu(before, five[0], 1), ConvNormRelu(five[0], five[1], 3)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), ConvNormRelu(before, pool, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The branches' channels, one behind the other."""
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return concat([branch(x) for branch in branches], axis=1)


class GoogLeNet(nn.Module):
    """A stem, nine Inception modules, the mean of each channel, a linear layer.

    dropout  share of the linear layer's inputs that training zeroes. The paper's 40 % came with
             the auxiliary classifiers; torchvision has 20 %.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.2) -> None:
        self.conv1 = ConvNormRelu(3, 64, 7, stride=2)  # -> (N, 64, 112, 112)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)  # -> (N, 64, 56, 56)
        self.conv2 = ConvNormRelu(64, 64, 1)
        self.conv3 = ConvNormRelu(64, 192, 3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)  # -> (N, 192, 28, 28)
        self.inception3a = Inception(192, 64, (96, 128), (16, 32), 32)
        self.inception3b = Inception(256, 128, (128, 192), (32, 96), 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)  # -> (N, 480, 14, 14)
        self.inception4a = Inception(480, 192, (96, 208), (16, 48), 64)
        self.inception4b = Inception(512, 160, (112, 224), (24, 64), 64)
        self.inception4c = Inception(512, 128, (128, 256), (24, 64), 64)
        self.inception4d = Inception(512, 112, (144, 288), (32, 64), 64)
        self.inception4e = Inception(528, 256, (160, 320), (32, 128), 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)  # -> (N, 832, 7, 7)
        self.inception5a = Inception(832, 256, (160, 320), (32, 128), 128)
        self.inception5b = Inception(832, 384, (192, 384), (48, 128), 128)  # -> (N, 1024, 7, 7)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                assert layer.weight is not None
                init.normal_(layer.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4c(self.inception4b(self.inception4a(x)))
        x = self.maxpool4(self.inception4e(self.inception4d(x)))
        x = self.inception5b(self.inception5a(x))
        return self.fc(self.dropout(F.global_avg_pool2d(x)))


def googlenet(num_classes: int = 1000) -> GoogLeNet:
    """GoogLeNet: 6,624,904 parameters, 1.498 G multiply-adds."""
    return GoogLeNet(num_classes)
