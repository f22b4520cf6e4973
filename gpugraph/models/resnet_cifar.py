"""ResNet for CIFAR-10: (N, 3, H, W) -> (N, num_classes), made for 32 x 32.

K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016,
arXiv:1512.03385, section 4.2: 6 n + 2 layers with weights, of 16, 32 and 64 channels. Shortcuts
have no parameters (option A): where a block halves the image, every second pixel of x goes on, with
channels of zeros added.
"""

from __future__ import annotations

from .. import nn
from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from ..nn import functional as F
from .start import he_start

__all__ = ["CifarResNet", "resnet20", "resnet56"]


class CifarBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut: (N, before, H, W) -> (N, after, H/s, W/s)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        self.stride, self.added = stride, after - before
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """The residual, added to the shortcut."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.shortcut(x))

    def shortcut(self, x: Tensor) -> Tensor:
        """x, in the shape that the convolutions give."""
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.added:  # zeros on both sides of the channels
            front = self.added // 2
            x = F.pad(x, (0, 0, 0, 0, front, self.added - front))
        return x


class CifarResNet(nn.Module):
    """A convolution, three stages of n blocks, the mean of each channel, a linear layer.

    depth  6 n + 2, such as 20, 32, 44, 56, 110
    """

    def __init__(self, depth: int, num_classes: int = 10) -> None:
        n, rest = divmod(depth - 2, 6)
        if rest or n < 1:
            raise ArgumentError(f"CifarResNet: depth={depth} must be 6 n + 2, such as 20 or 56")
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(n, 16, 16)
        self.layer2 = _stage(n, 16, 32)
        self.layer3 = _stage(n, 32, 64)
        self.fc = nn.Linear(64, num_classes)
        he_start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        x = F.relu(self.bn1(self.conv1(x)))  # -> (N, 16, H, W)
        x = self.layer1(x)
        x = self.layer2(x)  # -> (N, 32, H/2, W/2)
        x = self.layer3(x)  # -> (N, 64, H/4, W/4)
        return self.fc(F.global_avg_pool2d(x))


def _stage(n: int, before: int, after: int) -> nn.Sequential:
    """n blocks; the first of them widens and halves, unless there is nothing to widen."""
    first = CifarBlock(before, after, 1 if before == after else 2)
    return nn.Sequential(first, *(CifarBlock(after, after, 1) for _ in range(n - 1)))


def resnet20(num_classes: int = 10) -> CifarResNet:
    """ResNet-20 for CIFAR-10: 269,722 parameters, 0.041 G multiply-adds."""
    return CifarResNet(20, num_classes)


def resnet56(num_classes: int = 10) -> CifarResNet:
    """ResNet-56 for CIFAR-10: 853,018 parameters, 0.125 G multiply-adds."""
    return CifarResNet(56, num_classes)
