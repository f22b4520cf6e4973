"""Activation functions and dropout as modules, for use in a Sequential."""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from ..ops.activation import elu, leaky_relu, relu, relu6, sigmoid
from ..ops.angles import tanh
from ..ops.dropout import dropout
from ..ops.random import Generator
from ..ops.softmax import log_softmax, softmax
from .module import Module

__all__ = [
    "ELU",
    "Dropout",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "ReLU6",
    "Sigmoid",
    "Softmax",
    "Tanh",
]


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x: Any) -> Tensor:
        return relu(x)


class ReLU6(Module):
    """min(max(x, 0), 6)."""

    def forward(self, x: Any) -> Tensor:
        return relu6(x)


class LeakyReLU(Module):
    """x where it is positive, negative_slope * x elsewhere."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Tensor:
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"{self.negative_slope}"


class ELU(Module):
    """x where it is positive, alpha * (e^x - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Tensor:
        return elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"{self.alpha}"


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    def forward(self, x: Any) -> Tensor:
        return sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Any) -> Tensor:
        return tanh(x)


class Softmax(Module):
    """e^x over its sum along an axis."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"{self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of softmax along an axis."""

    def forward(self, x: Any) -> Tensor:
        return log_softmax(x, self.dim)


class Dropout(Module):
    """In training, zero each element with probability p and scale the others by 1 / (1 - p).

    generator  takes its bits from there, by default from the process-wide generator
    """

    def __init__(self, p: float = 0.5, generator: Generator | None = None) -> None:
        if not 0 <= p <= 1:
            raise ArgumentError(f"Dropout: p={p} must lie in 0 to 1")
        self.p, self.generator = p, generator

    def forward(self, x: Any) -> Tensor:
        return dropout(x, self.p, self.training, self.generator)

    def extra_repr(self) -> str:
        return f"{self.p}"
