"""VGG: (N, 3, H, W) -> (N, num_classes), made for images of 224 x 224.

K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition",
ICLR 2015, arXiv:1409.1556, table 1: columns A (11 layers with weights), B (13), D (16), E (19).

3x3 convolutions only: two in a row see 5x5, three see 7x7, with fewer weights than one such filter.
Batch norm is younger than the paper; the variants ``_bn`` have it behind every convolution.
Parameters have torchvision's names; convolutions start as its do, and linear layers, for which it
draws from a normal distribution of standard deviation 0.01, as `nn.Linear` does.

The options of the functions are the arguments of `VGG`: dropout and hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import nn
from ..core.tensor import Tensor
from .start import he_start

__all__ = [
    "VGG",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]

# Number of convolutions in each of the five stages, by the number of layers with weights
DEPTHS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """Five stages of 3x3 convolutions, each halved by max pooling, and three linear layers.

    depths   convolutions of each stage
    norm     batch norm between a convolution and its ReLU
    dropout  share of the inputs of the last two linear layers that training zeroes
    hidden   outputs of the first two linear layers
    Other sizes than 224 are averaged to 7 x 7 before the linear layers.
    """

    def __init__(
        self,
        depths: Sequence[int],
        num_classes: int = 1000,
        norm: bool = False,
        dropout: float = 0.5,
        hidden: int = 4096,
    ) -> None:
        self.features = _stages(depths, norm)  # -> (N, 512, H/32, W/32)
        self.avgpool = nn.AdaptiveAvgPool2d(7)  # -> (N, 512, 7, 7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )
        he_start(self)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _stages(depths: Sequence[int], norm: bool) -> nn.Sequential:
    layers = nn.Sequential()
    before = 3
    for width, depth in zip(WIDTHS, depths, strict=True):
        for _ in range(depth):
            layers.append(nn.Conv2d(before, width, 3, padding=1))
            if norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU())
            before = width
        layers.append(nn.MaxPool2d(2))
    return layers


def vgg11(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG-11 (column A): 132,863,336 parameters, 7.61 G multiply-adds."""
    return VGG(DEPTHS[11], num_classes, **options)


def vgg11_bn(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG-11 with batch norm."""
    return VGG(DEPTHS[11], num_classes, norm=True, **options)


def vgg13(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG-13 (column B): 133,047,848 parameters, 11.31 G multiply-adds."""
    return VGG(DEPTHS[13], num_classes, **options)


def vgg13_bn(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG-13 with batch norm."""
    return VGG(DEPTHS[13], num_classes, norm=True, **options)


def vgg16(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG-16 (column D): 138,357,544 parameters, 15.47 G multiply-adds."""
    return VGG(DEPTHS[16], num_classes, **options)


def vgg16_bn(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG-16 with batch norm."""
    return VGG(DEPTHS[16], num_classes, norm=True, **options)


def vgg19(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG-19 (column E): 143,667,240 parameters, 19.63 G multiply-adds."""
    return VGG(DEPTHS[19], num_classes, **options)


def vgg19_bn(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG-19 with batch norm."""
    return VGG(DEPTHS[19], num_classes, norm=True, **options)
