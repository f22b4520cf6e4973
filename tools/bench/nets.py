"""Networks of the training steps, each written once for both libraries.

Where gpugraph has the network in `gpugraph.models`, it builds that, and what stands here is its
twin for PyTorch, with the same names of parameters.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from .library import Library

__all__ = ["lenet5", "mlp", "mobilenet_like", "plain_convolutions", "resnet20", "vgg_like"]


def mlp(lib: Library, *sizes: int) -> Any:
    """Fully connected layers with ReLU between: (N, first) -> (N, last)."""
    layers: list[Any] = []
    for before, after in pairwise(sizes):
        layers += [lib.nn.ReLU()] * bool(layers) + [lib.nn.Linear(before, after)]
    return lib.nn.Sequential(*layers)


def vgg_like(lib: Library, widths: tuple[int, ...] = (64, 128, 256), side: int = 32) -> Any:
    """Pairs of 3x3 convolutions with ReLU, each followed by a max pooling; one linear layer.

    (N, 3, side, side) -> (N, 10), after Simonyan & Zisserman 2015; no batch norm.
    """
    nn, before = lib.nn, 3
    layers: list[Any] = []
    for width in widths:
        for _ in range(2):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
        layers.append(nn.MaxPool2d(2))
    size = before * (side // 2 ** len(widths)) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, 10))


# outputs and stride of each depthwise separable block
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))


def mobilenet_like(lib: Library, blocks: tuple[tuple[int, int], ...] = BLOCKS) -> Any:
    """Depthwise separable convolutions with batch norm, for CIFAR images: (N, 3, H, W) -> (N, 10).

    After A. Howard et al., "MobileNets", 2017, arXiv:1704.04861, with a first stride of 1.
    """
    nn = lib.nn

    def normed(*conv: int, **options: int) -> list[Any]:
        return [nn.Conv2d(*conv, bias=False, **options), nn.BatchNorm2d(conv[1]), nn.ReLU()]

    before = 32
    layers = normed(3, before, 3, padding=1)
    for after, stride in blocks:
        layers += normed(before, before, 3, stride=stride, padding=1, groups=before)
        layers += normed(before, after, 1)
        before = after
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


def plain_convolutions(lib: Library, depth: int, width: int) -> Any:
    """3x3 convolutions with ReLU, all of one width; the mean of each channel; a linear layer."""
    nn = lib.nn
    layers: list[Any] = []
    for i in range(depth):
        layers += [nn.Conv2d(width if i else 3, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


def lenet5(lib: Library) -> Any:
    """LeNet-5 of `gpugraph.models`: (N, 1, 28, 28) -> (N, 10)."""
    if lib.name == "gpugraph":
        from gpugraph import models

        return models.LeNet5()
    nn, F = lib.nn, lib.F

    class LeNet5(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1, self.fc2 = nn.Linear(400, 120), nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)

        def forward(self, x: Any) -> Any:
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))

    return LeNet5()


def resnet20(lib: Library) -> Any:
    """ResNet-20 of `gpugraph.models`: (N, 3, 32, 32) -> (N, 10)."""
    if lib.name == "gpugraph":
        from gpugraph import models

        return models.resnet20()
    return _resnet20_twin(lib)


def _resnet20_twin(lib: Library) -> Any:
    nn, F = lib.nn, lib.F

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.stride, self.added = 1 if before == after else 2, after - before
            self.conv1 = nn.Conv2d(before, after, 3, self.stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(after)
            self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(after)

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            if self.added:
                half = self.added // 2
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, self.added - half))
            return F.relu(y + x)

    class ResNet20(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(16)
            self.layer1 = nn.Sequential(Block(16, 16), Block(16, 16), Block(16, 16))
            self.layer2 = nn.Sequential(Block(16, 32), Block(32, 32), Block(32, 32))
            self.layer3 = nn.Sequential(Block(32, 64), Block(64, 64), Block(64, 64))
            self.fc = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = F.relu(self.bn1(self.conv1(x)))
            x = self.layer3(self.layer2(self.layer1(x)))
            return self.fc(x.mean((2, 3)))

    return ResNet20()
