"""Windows as columns and back: im2col and col2im, each the other's adjoint.

    y = Unfold(x)    (N, C, *spatial) -> (N, C*taps, windows): what each window sees, as a column
    x = Fold(y)      columns added up where they came from

Both are linear, so gradients exist to any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ShapeError
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from ..core.window import Window, per_axis
from .conv_functions import batched, tensor_of

__all__ = ["fold", "unfold"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Unfold(Op):
    """(N, C, *spatial) -> (N, C*taps, windows), taps and windows in row-major order; 0 outside."""

    window: Window
    checks_first = True
    exact = True

    def spec(self, x: Spec) -> Spec:
        if x.ndim != 2 + len(self.window.size):
            raise ShapeError(
                f"unfold: x has shape {x.shape}; it takes (N, C) and {len(self.window.size)} "
                "spatial axes"
            )
        out = self.window.out(x.shape[2:], "unfold")
        return Spec((x.shape[0], x.shape[1] * prod(self.window.size), prod(out)), x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        out = self.window.out(x.shape[2:])
        frame = self.window.frame(xp, x, out)
        y = xp.empty((*x.shape[:2], prod(self.window.size), *out), x.dtype)
        for i, seen in enumerate(self.window.taps(out)):
            y[:, :, i] = frame[seen]
        return y.reshape(len(x), x.shape[1] * prod(self.window.size), prod(out))

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(Fold.make(self.window, node.shape("x")[2:]), g)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, shape, window in _layers():
            yield Sample(cls(window), (rng.standard_normal(shape),), note)


@dataclass(frozen=True)
class Fold(Op):
    """(N, C*taps, windows) -> (N, C, *spatial): adds up what each place was seen by."""

    window: Window
    spatial: Shape
    checks_first = True
    widens = True

    def spec(self, x: Spec) -> Spec:
        taps, windows = prod(self.window.size), prod(self.window.out(self.spatial, "fold"))
        if x.ndim != 3 or x.shape[1] % taps or x.shape[2] != windows:
            raise ShapeError(
                f"fold: x has shape {x.shape}; output_size={self.spatial} and "
                f"kernel_size={self.window.size} take (N, C*{taps}, {windows})"
            )
        return Spec((x.shape[0], x.shape[1] // taps, *self.spatial), x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        out, taps = self.window.out(self.spatial), prod(self.window.size)
        columns = x.reshape(len(x), x.shape[1] // taps, taps, *out)
        frame = xp.zeros((*columns.shape[:2], *self.window.extent(out)), x.dtype)
        for i, seen in enumerate(self.window.taps(out)):
            frame[seen] += columns[:, :, i]
        return xp.ascontiguousarray(self.window.unframe(xp, frame, self.spatial))

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(Unfold.make(self.window), g)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=x.size, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, shape, window in _layers():
            columns = Unfold(window).spec(Spec(shape, np.dtype(np.float64))).shape
            yield Sample(cls(window, shape[2:]), (rng.standard_normal(columns),), note)


def _layers() -> Iterator[tuple[str, Shape, Window]]:
    """(note, shape of x, window) of small awkward layers, for the samples."""
    for note, shape, *window in (
        ("overlapping, padded", (2, 2, 4, 3), (3, 2), 1, ((1, 0), (2, 1))),
        ("dilated, strided", (1, 2, 6, 5), (2, 3), (2, 1), (0, 1), (1, 2)),
        ("places never seen", (2, 1, 5, 5), (2, 2), 3),
        ("one axis", (2, 3, 5), (2,), 2, 1),
        ("no images", (0, 2, 3, 3), (2, 2)),
    ):
        yield note, shape, Window.of("unfold", len(shape) - 2, *window)


def unfold(
    x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Windows as columns (im2col): (N, C, H, W) -> (N, C*kh*kw, L), L windows in row-major order.

    x            or (C, H, W) for one image
    kernel_size, dilation, padding, stride   as in `conv2d` (mind the order, which is PyTorch's)
    A convolution is ``w.reshape(O, -1) @ unfold(x, ...)``.
    """
    x, one = batched("unfold", x, 2)
    y = apply(Unfold.make(Window.of("unfold", 2, kernel_size, stride, padding, dilation)), x)
    return y.reshape(y.shape[1:]) if one else y


def fold(
    x: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Columns back to images, added up where windows overlap (col2im): the adjoint of `unfold`.

    x            (N, C*kh*kw, L), or (C*kh*kw, L)
    output_size  (H, W) of the image, or an int for both
    The others as in `unfold`. Returns (N, C, H, W), or (C, H, W).
    """
    x = tensor_of("fold", "x", x)
    if one := x.ndim == 2:
        x = x.reshape((1, *x.shape))
    size = per_axis("fold", "output_size", output_size, 2)
    window = Window.of("fold", 2, kernel_size, stride, padding, dilation)
    y = apply(Fold.make(window, size), x)
    return y.reshape(y.shape[1:]) if one else y
