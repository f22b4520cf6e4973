"""Networks for handwritten digits, small enough to read at a glance and to train on a CPU."""

from __future__ import annotations

from itertools import pairwise

from .. import nn
from ..core.tensor import Tensor
from ..nn import functional as F
from ..ops.shape import flatten

__all__ = ["MLP", "DigitsNet", "LeNet5"]


class MLP(nn.Module):
    """Fully connected layers with ReLU between: ``MLP(784, 128, 10)``. (N, ...) -> (N, last)."""

    def __init__(self, *sizes: int) -> None:
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(sizes)])

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the last layer, before any softmax."""
        x = flatten(x, 1)  # -> (N, first)
        for i, layer in enumerate(self.layers):
            x = layer(F.relu(x) if i else x)
        return x


class DigitsNet(nn.Module):
    """Two convolutions and two fully connected layers for 8 x 8 images: (N, 1, 8, 8) -> (N, 10)."""

    def __init__(self, classes: int = 10) -> None:
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),  # -> (N, 16, 8, 8)
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),  # -> (N, 32, 8, 8)
            nn.ReLU(),
            nn.MaxPool2d(2),  # -> (N, 32, 4, 4)
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),  # -> (N, 512)
            nn.Dropout(0.25),
            nn.Linear(512, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        scores: Tensor = self.classifier(self.features(x))
        return scores


class LeNet5(nn.Module):
    """LeNet-5 with ReLU and max pooling for 28 x 28 images: (N, 1, 28, 28) -> (N, classes).

    The layers are those of Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning
    applied to document recognition", Proc. IEEE 86, 1998. ReLU stands for the scaled tanh, max
    pooling for the learned average pooling, and C3 reads all of the channels of S2.
    """

    def __init__(self, classes: int = 10) -> None:
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # -> (N, 6, 14, 14)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # -> (N, 16, 5, 5)
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.relu(self.fc2(x))
        scores: Tensor = self.fc3(x)
        return scores
