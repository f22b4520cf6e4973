"""AlexNet: (N, 3, H, W) -> (N, num_classes), made for images of 224 x 224.

A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014,
arXiv:1404.5997: the network of A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification
with deep convolutional neural networks", NeurIPS 2012, on one GPU: 64 and 192 filters first instead
of 96 and 256, no groups, and no local response normalisation. Names and first values of the
parameters are those of torchvision.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..core.tensor import Tensor

__all__ = ["AlexNet", "alexnet"]


class AlexNet(nn.Module):
    """Five convolutions and three linear layers; the shapes are those of 224 x 224.

    dropout  share of the inputs of the first two linear layers that training zeroes
    hidden   outputs of these two
    Other sizes (63 x 63 is the smallest) are averaged to 6 x 6 before the linear layers.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5, hidden: int = 4096) -> None:
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),  # -> (N, 64, 55, 55)
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),  # -> (N, 64, 27, 27)
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),  # -> (N, 192, 13, 13)
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),  # -> (N, 256, 6, 6)
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(num_classes: int = 1000, **options: Any) -> AlexNet:
    """AlexNet: 61,100,840 parameters, 0.714 G multiply-adds. Options: dropout and hidden."""
    return AlexNet(num_classes, **options)
