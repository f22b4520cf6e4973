"""U-Net: an image to a map of classes, (N, in_channels, H, W) -> (N, num_classes, H', W').

O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical image
segmentation", MICCAI 2015, arXiv:1505.04597, figure 1.

Down the left side images shrink and channels double; up the right side a transposed convolution
does the reverse, and the left side's image of that size, cropped, is put beside it.
"""

from __future__ import annotations

from .. import nn
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..nn import functional as F
from ..ops.join import concat
from .start import he_start

__all__ = ["UNet", "unet"]


class DoubleConv(nn.Module):
    """Two 3x3 convolutions with ReLU; without padding an image loses 4 rows and columns."""

    def __init__(self, before: int, after: int, padding: int) -> None:
        self.conv1 = nn.Conv2d(before, after, 3, padding=padding)
        self.conv2 = nn.Conv2d(after, after, 3, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) -> (N, after, H - 4, W - 4), or (N, after, H, W) with padding."""
        return F.relu(self.conv2(F.relu(self.conv1(x))))


class UNet(nn.Module):
    """The network of figure 1.

    in_channels  of the image; 1 in the paper
    num_classes  scores for each pixel; 2 in the paper
    width        channels of the first level, 64 in the paper; each level below has twice as many
    levels       that there are below the first; 4 in the paper
    padding      0, the paper's: 572 x 572 -> 388 x 388, the pixels whose surroundings are all
                 known; 1: the output is as large as the image, at edges where zeros were seen
    With padding=1 sides must be multiples of 2^levels; without, every max pooling must find an
    even size (572 is such a size).
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        width: int = 64,
        levels: int = 4,
        padding: int = 0,
    ) -> None:
        if padding not in (0, 1) or levels < 1:
            raise ArgumentError(
                f"unet: padding={padding} must be 0 or 1, and levels={levels} at least 1"
            )
        widths = [width * 2**i for i in range(levels + 1)]
        befores = [in_channels, *widths]
        self.down = nn.ModuleList(
            [DoubleConv(before, after, padding) for before, after in zip(befores, widths)]
        )
        self.up = nn.ModuleList(
            [nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1])]
        )
        self.merge = nn.ModuleList([DoubleConv(2 * w, w, padding) for w in reversed(widths[:-1])])
        self.head = nn.Conv2d(width, num_classes, 1)
        he_start(self, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes, for each pixel."""
        *levels, bottom = self.down
        passed = []
        for level in levels:
            x = level(x)
            passed.append(x)
            if x.shape[-2] % 2 or x.shape[-1] % 2:
                raise ShapeError(
                    f"unet: level {len(passed)} has images of {x.shape[-2]} x {x.shape[-1]}, which "
                    "max pooling can't halve evenly; with padding=1 sides must be multiples of "
                    f"{2 ** len(levels)}, without such as 572"
                )
            x = F.max_pool2d(x, 2)
        x = bottom(x)
        for up, merge, across in zip(self.up, self.merge, reversed(passed)):
            x = up(x)  # half the channels, twice the size
            x = merge(concat([_cropped(across, x), x], axis=1))
        return self.head(x)


def _cropped(x: Tensor, like: Tensor) -> Tensor:
    """The middle of x, as large as the other."""
    H, W = like.shape[-2:]
    top, left = (x.shape[-2] - H) // 2, (x.shape[-1] - W) // 2
    return x[..., top : top + H, left : left + W]


def unet(
    in_channels: int = 1,
    num_classes: int = 2,
    width: int = 64,
    levels: int = 4,
    padding: int = 0,
) -> UNet:
    """The paper's U-Net: 31,030,658 parameters; see `UNet`."""
    return UNet(in_channels, num_classes, width, levels, padding)
