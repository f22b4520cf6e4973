"""Augmentation of batches, for ``DataLoader(augment=...)``: random, and the same for the same seed.

Each is called with a `numpy.random.Generator` and the arrays of a batch, and returns the arrays
with the first, the images (N, C, H, W), changed. What is random is drawn for each image apart.

>>> train = data.augment.Compose(
...     data.augment.RandomCrop(32, padding=4), data.augment.RandomHorizontalFlip()
... )
>>> batches = data.DataLoader(dataset, 128, shuffle=True, augment=train)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError

__all__ = [
    "Compose",
    "Cutout",
    "Mixup",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomShift",
]

Arrays = tuple[Any, ...]


class _OnImages:
    """Base: changes the images, and hands the other arrays through."""

    def __call__(self, rng: np.random.Generator, images: Any, *others: Any) -> Arrays:
        """The new images, and the other arrays."""
        if getattr(images, "ndim", 0) != 4:
            raise ShapeError(
                f"{type(self).__name__}: images {np.shape(images)} must have shape (N, C, H, W)"
            )
        return (self._changed(rng, images), *others)

    def _changed(self, rng: np.random.Generator, x: Any) -> Any:
        """The new images; the old ones are left as they are."""
        raise NotImplementedError

    def __repr__(self) -> str:
        told = ", ".join(f"{k}={v!r}" for k, v in vars(self).items())
        return f"{type(self).__name__}({told})"


class Compose:
    """One after the other, each with the same generator."""

    def __init__(self, *steps: Callable[..., Any]) -> None:
        if len(steps) == 1 and isinstance(steps[0], (list, tuple)):
            steps = tuple(steps[0])
        self.steps = steps

    def __call__(self, rng: np.random.Generator, *arrays: Any) -> Arrays:
        """The arrays after all steps."""
        for step in self.steps:
            told = step(rng, *arrays)
            arrays = tuple(told) if isinstance(told, (tuple, list)) else (told,)
        return arrays

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.steps))})"


class RandomCrop(_OnImages):
    """A window of each image at a random place.

    size     height and width of the window, or one number for both
    padding  pixels that are put around the image before, on each side
    fill     their value
    """

    def __init__(self, size: int | tuple[int, int], padding: int = 0, fill: float = 0) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        if min(self.size) < 1 or padding < 0:
            raise ArgumentError(
                f"RandomCrop: size={size} must be at least 1, and padding={padding} at least 0"
            )
        self.padding, self.fill = padding, fill

    def _changed(self, rng: np.random.Generator, x: Any) -> Any:
        p, (height, width) = self.padding, self.size
        spare_y, spare_x = x.shape[2] + 2 * p - height, x.shape[3] + 2 * p - width
        if spare_y < 0 or spare_x < 0:
            raise ShapeError(
                f"RandomCrop: images {x.shape} with padding={p} are smaller than {self.size}"
            )
        top = rng.integers(0, spare_y + 1, len(x))
        left = rng.integers(0, spare_x + 1, len(x))
        framed = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=self.fill)
        return _windows(framed, top, left, height, width)


class RandomShift(_OnImages):
    """Each image moved by up to `pixels`, along both axes; what comes in is `fill`."""

    def __init__(self, pixels: int, fill: float = 0) -> None:
        if pixels < 0:
            raise ArgumentError(f"RandomShift: pixels={pixels} must be at least 0")
        self.pixels, self.fill = pixels, fill

    def _changed(self, rng: np.random.Generator, x: Any) -> Any:
        return RandomCrop(x.shape[2:], self.pixels, self.fill)._changed(rng, x)


class RandomHorizontalFlip(_OnImages):
    """Each image mirrored, left to right, with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ArgumentError(f"RandomHorizontalFlip: p={p} must lie in 0 to 1")
        self.p = p

    def _changed(self, rng: np.random.Generator, x: Any) -> Any:
        flipped = rng.random(len(x)) < self.p
        return np.where(flipped[:, None, None, None], x[..., ::-1], x)


class Cutout(_OnImages):
    """A square of each image set to `fill`, its centre at a random pixel; it may stick out.

    Source: DeVries & Taylor 2017, arXiv:1708.04552.
    """

    def __init__(self, size: int, fill: float = 0) -> None:
        if size < 1:
            raise ArgumentError(f"Cutout: size={size} must be at least 1")
        self.size, self.fill = size, fill

    def _changed(self, rng: np.random.Generator, x: Any) -> Any:
        inside = []
        for length in x.shape[2:]:
            start = rng.integers(0, length, len(x))[:, None] - self.size // 2
            places = np.arange(length)
            inside.append((places >= start) & (places < start + self.size))  # (N, length)
        hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        return np.where(hole, np.asarray(self.fill, x.dtype), x)


class Normalize(_OnImages):
    """(x - mean) / std, channel by channel; not random."""

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean, self.std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        if not (self.std > 0).all():
            raise ArgumentError(f"Normalize: std={std} must be above 0")

    def _changed(self, rng: np.random.Generator, x: Any) -> Any:
        C = x.shape[1]
        for name, value in (("mean", self.mean), ("std", self.std)):
            if value.shape not in ((), (C,)):
                raise ShapeError(f"Normalize: {name} {value.shape} for images of {C} channels")
        mean, std = (v.reshape(-1, 1, 1) for v in (self.mean, self.std))
        return (x - mean) / std


class Mixup:
    """Each image mixed with another of its batch, and its label likewise.

        x = t * x + (1 - t) * x[other],  y = t * y + (1 - t) * y[other],  t from Beta(alpha, alpha)

    num_classes  of integer labels (N,), which become shares (N, num_classes) in float32; floating
                 labels are mixed as they are
    One t for the batch. Train with a loss that takes shares. Source: Zhang et al. 2018,
    arXiv:1710.09412.
    """

    def __init__(self, alpha: float = 0.2, num_classes: int | None = None) -> None:
        if not alpha > 0:
            raise ArgumentError(f"Mixup: alpha={alpha} must be above 0")
        self.alpha, self.num_classes = alpha, num_classes

    def __call__(self, rng: np.random.Generator, images: Any, labels: Any, *others: Any) -> Arrays:
        """Mixed images and shares."""
        if labels.dtype.kind in "iu":
            if self.num_classes is None or labels.ndim != 1:
                raise ArgumentError(
                    f"Mixup: labels are {labels.dtype} {labels.shape}; for class numbers (N,) pass "
                    "num_classes"
                )
            labels = np.eye(self.num_classes, dtype=np.float32)[labels]
        t = np.float32(rng.beta(self.alpha, self.alpha))
        other = rng.permutation(len(images))
        return (
            t * images + (1 - t) * images[other],
            t * labels + (1 - t) * labels[other],
            *others,
        )

    def __repr__(self) -> str:
        return f"Mixup(alpha={self.alpha}, num_classes={self.num_classes})"


def _windows(x: Any, top: Any, left: Any, height: int, width: int) -> Any:
    """x[i, :, top[i] : top[i] + height, left[i] : left[i] + width] for each i, in one array."""
    seen = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))
    return seen[np.arange(len(x)), :, top, left]  # (N, C, height, width)
