"""Normalisation layers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..core.backend import Device, MetaArray
from ..core.errors import ShapeError
from ..core.state import STATE
from ..core.tensor import Tensor
from ..ops.creation import zeros
from ..ops.norm_functions import batch_norm
from .init import ones_, zeros_
from .lazy import Lazy
from .parameter import Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


class _BatchNorm(Lazy):
    size_name = "num_features"
    size_axis = 0
    buffer_names = ("running_mean", "running_var")
    _spare = ("num_batches_tracked",)
    ndims: ClassVar[tuple[int, ...]]  # how many axes x may have

    def __init__(
        self,
        num_features: int | None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight: Parameter | None = None
        self.bias: Parameter | None = None
        self.running_mean: Tensor | None = None
        self.running_var: Tensor | None = None
        self.num_batches_tracked: Tensor | None = None
        self.begin(num_features)

    def build(self, size: int, dtype: Any = np.float32, device: Device | str | None = None) -> None:
        super().build(size, dtype, device)
        if self.running_mean is not None:
            counter = zeros((), dtype=np.int64, device=self.running_mean.device)
            self.register_buffer("num_batches_tracked", counter)

    def shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        names = ("weight", "bias") if self.affine else ()
        buffers = self.buffer_names if self.track_running_stats else ()
        return dict.fromkeys((*names, *buffers), (size,))

    def reset_parameters(self) -> None:
        for tensor, fill in (
            (self.weight, ones_),
            (self.bias, zeros_),
            (self.running_mean, zeros_),
            (self.running_var, ones_),
        ):
            if tensor is not None:
                fill(tensor)

    def size_of(self, x: Any) -> int:
        if x.ndim not in self.ndims:
            raise ShapeError(
                f"batch_norm: x {x.shape} has {x.ndim} axes; {type(self).__name__} takes "
                + " or ".join(map(str, self.ndims))
            )
        channels: int = x.shape[1]
        return channels

    def forward(self, x: Any) -> Tensor:
        channels = self.size_of(x)
        if channels != self.size:  # before the batch is counted
            raise ShapeError(
                f"batch_norm: x {x.shape} has {channels} channels; this layer has num_features="
                f"{self.size}, so make it {type(self).__name__}({channels})"
            )
        share = self.momentum
        if self.training and self.num_batches_tracked is not None:
            number = self.count_batch()
            share = 1 / number if share is None else share
        return batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            share or 0.0,
            self.eps,
        )

    def count_batch(self) -> int:
        """Count one batch more; its number, from 1, where momentum=None asks for it."""
        assert self.num_batches_tracked is not None
        array = self.num_batches_tracked.array
        if isinstance(array, MetaArray) or STATE.get().repeating:  # nothing is averaged, either
            return 1
        self.num_batches_tracked.assign(array + 1)
        return 1 if self.momentum is not None else int(self.num_batches_tracked.item())

    def extra_repr(self) -> str:
        told = f"{self.size}, eps={self.eps}, momentum={self.momentum}"
        for name in ("affine", "track_running_stats"):
            told += "" if getattr(self, name) else f", {name}=False"
        return told


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W), channel by channel: see `functional.batch_norm`.

    num_features  C; None: taken from the first input
    eps           added to the variance
    momentum      share of each batch in the running statistics; None: all batches count alike, and
                  ``num_batches_tracked`` says how many they are
    affine        learn a weight and a bias per channel, from 1 and 0
    track_running_stats   keep averages, and use them in eval(); False: always use the batch's own
    """

    ndims = (4,)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors (N, C) or sequences (N, C, L); see `BatchNorm2d`."""

    ndims = (2, 3)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes (N, C, D, H, W); see `BatchNorm2d`."""

    ndims = (5,)
