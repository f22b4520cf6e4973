"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.errors import ShapeError
from ..core.tensor import Tensor
from ..core.window import per_axis
from ..ops.linalg import linear
from ..ops.random import Generator
from ..ops.shape import flatten
from ..ops.tiling import unflatten
from .init import fan_in_uniform_
from .lazy import Lazy
from .module import Module
from .parameter import Parameter

__all__ = ["Flatten", "Identity", "Linear", "Unflatten"]


class Linear(Lazy):
    """y = x @ weight.T + bias: (..., in_features) -> (..., out_features).

    in_features  None: taken from the first input
    bias         add one
    generator    draws the first values; by default the process-wide one
    Weight (out_features, in_features) and bias (out_features) start uniform on
    +-1/sqrt(in_features).
    """

    def __init__(
        self,
        in_features: int | None,
        out_features: int,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        (self.out_features,) = per_axis("Linear", "out_features", out_features, 1)
        self.has_bias = bias
        self.generator = generator
        self.weight: Parameter | None = None
        self.bias: Parameter | None = None
        self.begin(in_features)

    def shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"weight": (self.out_features, size)}
        return {**shapes, "bias": (self.out_features,)} if self.has_bias else shapes

    def reset_parameters(self) -> None:
        assert self.weight is not None
        fan_in_uniform_(self.weight, self.bias, self.generator)

    def size_of(self, x: Any) -> int:
        if not x.ndim:
            raise ShapeError("linear: x is 0-d; it takes (..., in_features)")
        features: int = x.shape[-1]
        return features

    def forward(self, x: Any) -> Tensor:
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.size}, {self.out_features}" + ("" if self.has_bias else ", bias=False")


class Flatten(Module):
    """Run the axes from start_dim to end_dim together into one: by default (N, ...) -> (N, -1)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Tensor:
        return flatten(x, self.start_dim, self.end_dim)


class Unflatten(Module):
    """The axis `dim` as several, of the lengths `unflattened_size`, of which one may be -1."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Any) -> Tensor:
        return unflatten(x, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """x itself. Takes any arguments, for use in the place of another layer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        return x
