"""Three networks, each written once for two libraries: ``resnet50(gpugraph.nn)`` and
``resnet50(torch.nn)`` have the same parameters under the same names.
"""

from __future__ import annotations

from typing import Any

__all__ = ["lenet", "resnet50", "vgg"]


def lenet(nn: Any, classes: int = 10) -> Any:
    """LeNet-5 with ReLU and max pooling (LeCun et al. 1998): (N, 1, 28, 28) -> (N, classes)."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),  # -> (N, 6, 14, 14)
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),  # -> (N, 16, 5, 5)
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )


def vgg(
    nn: Any, widths: tuple[int, ...] = (64, 128, 256), side: int = 32, classes: int = 10
) -> Any:
    """Pairs of 3x3 convolutions with batch norm, after Simonyan & Zisserman 2015, for CIFAR images.

    widths  channels of each stage; a max pooling halves the image behind it
    side    of the image: (N, 3, side, side) -> (N, classes)
    """
    layers = []
    before = 3
    for width in widths:
        for _ in range(2):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        layers.append(nn.MaxPool2d(2))
    size = before * (side // 2 ** len(widths)) ** 2
    layers += [nn.Flatten(), nn.Linear(size, 256), nn.ReLU(), nn.Linear(256, classes)]
    return nn.Sequential(*layers)


def resnet50(
    nn: Any, depths: tuple[int, ...] = (3, 4, 6, 3), width: int = 64, classes: int = 1000
) -> Any:
    """ResNet-50 (He et al. 2016), with the stride in the 3x3 convolutions: (N, 3, H, W).

    depths  blocks of each stage
    width   channels of the stem, and of the first stage inside its blocks
    """

    class Bottleneck(nn.Module):  # type: ignore[misc]
        """1x1, 3x3 and 1x1 convolution around a shortcut."""

        def __init__(self, before: int, inside: int, stride: int) -> None:
            super().__init__()
            after = 4 * inside
            self.body = nn.Sequential(
                nn.Conv2d(before, inside, 1, bias=False),
                nn.BatchNorm2d(inside),
                nn.ReLU(),
                nn.Conv2d(inside, inside, 3, stride, 1, bias=False),
                nn.BatchNorm2d(inside),
                nn.ReLU(),
                nn.Conv2d(inside, after, 1, bias=False),
                nn.BatchNorm2d(after),
            )
            self.shortcut = nn.Identity()
            if stride != 1 or before != after:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
                )
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            """(N, before, H, W) -> (N, 4 inside, H / stride, W / stride)."""
            return self.relu(self.body(x) + self.shortcut(x))

    layers = [
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    before = width
    for stage, depth in enumerate(depths):
        inside = width * 2**stage
        for block in range(depth):
            layers.append(Bottleneck(before, inside, 2 if stage and not block else 1))
            before = 4 * inside
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes)]
    return nn.Sequential(*layers)
