"""SqueezeNet: (N, 3, H, W) -> (N, num_classes), made for images of 224 x 224.

F. N. Iandola, S. Han, M. W. Moskewicz, K. Ashraf, W. J. Dally, K. Keutzer, "SqueezeNet:
AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016, arXiv:1602.07360,
table 1. Version 1.1 is of the authors' repository (github.com/forresti/SqueezeNet): smaller filters
in the stem, and pooling earlier. Names and first values of the parameters are those of torchvision.
"""

from __future__ import annotations

from .. import nn
from ..core.tensor import Tensor
from ..nn import functional as F
from ..nn import init
from ..ops.join import concat

__all__ = ["Fire", "SqueezeNet", "squeezenet1_0", "squeezenet1_1"]


class Fire(nn.Module):
    """Few channels into two kinds of filters: (N, before, H, W) -> (N, 2 expand, H, W).

    squeeze  channels between (the paper's s1x1)
    expand   1x1 filters, and as many 3x3 ones (e1x1 and e3x3)
    """

    def __init__(self, before: int, squeeze: int, expand: int) -> None:
        self.squeeze = nn.Conv2d(before, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Squeeze, expand twice, side by side."""
        x = F.relu(self.squeeze(x))  # -> (N, squeeze, H, W)
        return concat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], axis=1)


class SqueezeNet(nn.Module):
    """A stem and eight Fire modules; a 1x1 convolution makes one channel of each class.

    stem     (filters, size) of the first convolution, which has stride 2
    pooled   before which Fire modules, numbered from 2 as in the paper, an image is halved
    dropout  share of the last convolution's inputs that training zeroes
    """

    def __init__(
        self,
        stem: tuple[int, int],
        pooled: tuple[int, ...],
        num_classes: int = 1000,
        dropout: float = 0.5,
    ) -> None:
        before, size = stem
        self.features = nn.Sequential(nn.Conv2d(3, before, size, stride=2), nn.ReLU())
        for number in range(2, 10):
            if number in pooled:
                self.features.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
            squeeze = 16 * (number // 2)  # 16, 16, 32, 32, 48, 48, 64, 64
            self.features.append(Fire(before, squeeze, 4 * squeeze))
            before = 8 * squeeze
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Conv2d(before, num_classes, 1), nn.ReLU()
        )
        self._start()

    def _start(self) -> None:
        last = self.classifier[1]
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                assert layer.weight is not None and layer.bias is not None
                if layer is last:
                    init.normal_(layer.weight, std=0.01)
                else:
                    init.kaiming_uniform_(layer.weight)
                init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes: the mean of each class's channel."""
        return F.global_avg_pool2d(self.classifier(self.features(x)))


def squeezenet1_0(num_classes: int = 1000) -> SqueezeNet:
    """SqueezeNet 1.0, the paper's: 1,248,424 parameters, 0.82 G multiply-adds."""
    return SqueezeNet((96, 7), (2, 5, 9), num_classes)


def squeezenet1_1(num_classes: int = 1000) -> SqueezeNet:
    """SqueezeNet 1.1: 1,235,496 parameters, 0.349 G multiply-adds."""
    return SqueezeNet((64, 3), (2, 4, 6), num_classes)
