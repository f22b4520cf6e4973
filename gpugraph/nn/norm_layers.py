"""Layers that normalise each example for itself. (`BatchNorm2d` and kin are in norm.py.)"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..core.window import per_axis
from ..ops.creation import empty, zeros
from ..ops.norm_layers import (
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    rms_norm,
)
from .embedding import parameter
from .init import ones_, zeros_
from .module import Module
from .parameter import Parameter

__all__ = [
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


class _Affine(Module):
    """Holds a weight and a bias, or not."""

    weight: Parameter | None = None
    bias: Parameter | None = None

    def learn(self, shape: tuple[int, ...], weight: bool, bias: bool) -> None:
        """Make the parameters asked for."""
        self.weight = parameter(*shape) if weight else None
        self.bias = parameter(*shape) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1 and bias 0."""
        if self.weight is not None:
            ones_(self.weight)
        if self.bias is not None:
            zeros_(self.bias)


def _lengths(name: str, shape: Any) -> tuple[int, ...]:
    several = isinstance(shape, (tuple, list))
    return per_axis(name, "normalized_shape", shape, len(shape) if several else 1)


class LayerNorm(_Affine):
    """Mean 0 and variance 1 over the last axes of each example: `functional.layer_norm`.

    normalized_shape    lengths of those axes; an int for one
    eps                 added to the variance
    elementwise_affine  learn a weight of that shape, from 1
    bias                with it a bias, from 0
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        self.normalized_shape = _lengths("LayerNorm", normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.learn(self.normalized_shape, elementwise_affine, elementwise_affine and bias)

    def forward(self, x: Any) -> Tensor:
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        told = f"{self.normalized_shape}, eps={self.eps}"
        return told + f", elementwise_affine={self.elementwise_affine}"


class RMSNorm(_Affine):
    """Root mean square 1 over the last axes of each example: `functional.rms_norm`.

    normalized_shape, elementwise_affine   as in `LayerNorm`; there is no bias
    eps                 added to the mean square; None: the epsilon of the dtype
    """

    def __init__(
        self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True
    ) -> None:
        self.normalized_shape = _lengths("RMSNorm", normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.learn(self.normalized_shape, elementwise_affine, False)

    def forward(self, x: Any) -> Tensor:
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        told = f"{self.normalized_shape}, eps={self.eps}"
        return told + f", elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Mean 0 and variance 1 over each group of channels: `functional.group_norm`.

    num_groups, num_channels   C a multiple of the groups
    eps                        added to the variance
    affine                     learn a weight and a bias per channel, from 1 and 0
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True
    ) -> None:
        (self.num_groups,) = per_axis("GroupNorm", "num_groups", num_groups, 1)
        (self.num_channels,) = per_axis("GroupNorm", "num_channels", num_channels, 1)
        if self.num_channels % self.num_groups:
            raise ArgumentError(
                f"GroupNorm: num_channels={num_channels} must be a multiple of "
                f"num_groups={num_groups}"
            )
        self.eps, self.affine = eps, affine
        self.learn((self.num_channels,), affine, affine)

    def forward(self, x: Any) -> Tensor:
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class _InstanceNorm(_Affine):
    _spare = ("num_batches_tracked",)
    ndim: ClassVar[int]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
    ) -> None:
        (self.num_features,) = per_axis(type(self).__name__, "num_features", num_features, 1)
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.running_mean: Tensor | None = None
        self.running_var: Tensor | None = None
        if track_running_stats:
            self.register_buffer("running_mean", zeros_(empty(self.num_features)))
            self.register_buffer("running_var", ones_(empty(self.num_features)))
            # PyTorch has it, too, and leaves it at 0
            self.register_buffer("num_batches_tracked", zeros((), dtype=np.int64))
        self.learn((self.num_features,), affine, affine)

    def forward(self, x: Any) -> Tensor:
        if x.ndim not in (self.ndim + 1, self.ndim + 2):
            raise ShapeError(
                f"instance_norm: x {x.shape} has {x.ndim} axes; {type(self).__name__} takes "
                f"{self.ndim + 2}, or {self.ndim + 1} without a batch"
            )
        one = x.ndim == self.ndim + 1
        if x.shape[-1 - self.ndim] != self.num_features:
            raise ShapeError(
                f"instance_norm: x {x.shape} has {x.shape[-1 - self.ndim]} channels; "
                f"num_features={self.num_features}"
            )
        y = instance_norm(
            x.reshape((1, *x.shape)) if one else x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum,
            self.eps,
        )
        return y.reshape(x.shape)

    def extra_repr(self) -> str:
        told = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
        told += f", affine={self.affine}"
        return told + f", track_running_stats={self.track_running_stats}"


class InstanceNorm2d(_InstanceNorm):
    """Mean 0 and variance 1 of each channel of each image: `functional.instance_norm`.

    num_features  C of (N, C, H, W) or (C, H, W)
    eps           added to the variance
    momentum      share of each batch in the running statistics
    affine        learn a weight and a bias per channel, from 1 and 0
    track_running_stats   keep averages, and use them in eval()
    """

    ndim = 2


class InstanceNorm1d(_InstanceNorm):
    """`InstanceNorm2d` for sequences (N, C, L) or (C, L)."""

    ndim = 1


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm2d` for volumes (N, C, D, H, W) or (C, D, H, W)."""

    ndim = 3


class LocalResponseNorm(Module):
    """Each element divided by a norm of its neighbours: `functional.local_response_norm`."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Any) -> Tensor:
        return local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
