"""Network in Network for CIFAR-10: (N, 3, H, W) -> (N, num_classes), made for 32 x 32.

M. Lin, Q. Chen, S. Yan, "Network in network", ICLR 2014, arXiv:1312.4400, section 3 and figure 2;
the sizes are those that its authors published for CIFAR-10 (Caffe's model zoo).

Behind each spatial convolution stand two 1x1 convolutions: a small fully connected network, slid
over the image. Instead of linear layers the last of them makes one channel of each class.
"""

from __future__ import annotations

from .. import nn
from ..core.tensor import Tensor
from ..nn import functional as F
from ..nn import init
from .start import he_start

__all__ = ["NetworkInNetwork", "nin"]


def _mlpconv(before: int, widths: tuple[int, int, int], kernel: int) -> list[nn.Module]:
    """A convolution that keeps the image's size, and two 1x1 ones; ReLU behind each."""
    layers: list[nn.Module] = []
    for width, size in zip(widths, (kernel, 1, 1)):
        layers += [nn.Conv2d(before, width, size, padding=size // 2), nn.ReLU()]
        before = width
    return layers


class NetworkInNetwork(nn.Module):
    """Three blocks of three convolutions each, and the mean of each class's channel.

    dropout  share of each pooling's output that training zeroes
    """

    def __init__(self, num_classes: int = 10, dropout: float = 0.5) -> None:
        self.features = nn.Sequential(
            *_mlpconv(3, (192, 160, 96), 5),  # -> (N, 96, 32, 32)
            nn.MaxPool2d(3, stride=2, ceil_mode=True),  # -> (N, 96, 16, 16)
            nn.Dropout(dropout),
            *_mlpconv(96, (192, 192, 192), 5),
            nn.AvgPool2d(3, stride=2, ceil_mode=True),  # -> (N, 192, 8, 8)
            nn.Dropout(dropout),
            *_mlpconv(192, (192, 192, num_classes), 3),  # -> (N, num_classes, 8, 8)
        )
        he_start(self, mode="fan_in")
        # The last ReLU stands on the scores: a class that starts below 0 at all places would get no
        # gradient, ever. So all start near 1.
        last = self.features[-2]
        init.normal_(last.weight, std=0.01)
        init.ones_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes."""
        return F.global_avg_pool2d(self.features(x))


def nin(num_classes: int = 10, dropout: float = 0.5) -> NetworkInNetwork:
    """Network in Network for CIFAR-10: 966,986 parameters, 0.22 G multiply-adds."""
    return NetworkInNetwork(num_classes, dropout)
