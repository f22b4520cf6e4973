"""Activation functions and dropout as modules, for use in a Sequential.

`inplace` is there for code written for PyTorch: the result is a new tensor either way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..core.window import per_axis
from ..ops.activation import elu, leaky_relu, relu, relu6, sigmoid
from ..ops.activation_functions import (
    celu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    logsigmoid,
    mish,
    prelu,
    selu,
    silu,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)
from ..ops.angles import tanh
from ..ops.creation import full
from ..ops.dropout import dropout
from ..ops.random import Generator
from ..ops.random_functions import rrelu
from ..ops.shape import shape_of
from ..ops.softmax import log_softmax, softmax
from .module import Module
from .parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Dropout",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class _InPlace(Module):
    """Base of those that take nothing but `inplace`."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class ReLU(_InPlace):
    """max(x, 0)."""

    def forward(self, x: Any) -> Tensor:
        return relu(x)


class ReLU6(_InPlace):
    """min(max(x, 0), 6)."""

    def forward(self, x: Any) -> Tensor:
        return relu6(x)


class LeakyReLU(Module):
    """x where it is positive, negative_slope * x elsewhere."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, x: Any) -> Tensor:
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"{self.negative_slope}"


class RReLU(Module):
    """`functional.rrelu`: leaky, with a slope that is drawn in training, from lower to upper."""

    def __init__(
        self,
        lower: float = 1.0 / 8,
        upper: float = 1.0 / 3,
        inplace: bool = False,
        generator: Generator | None = None,
    ) -> None:
        self.lower, self.upper, self.inplace = lower, upper, inplace
        self.generator = generator

    def forward(self, x: Any) -> Tensor:
        return rrelu(x, self.lower, self.upper, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"{self.lower}, {self.upper}"


class PReLU(Module):
    """x where it is positive, weight * x elsewhere, with a learned weight.

    num_parameters  1, or one for each channel: x (N, C, ...)
    init            their first value
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        (self.num_parameters,) = per_axis("PReLU", "num_parameters", num_parameters, 1)
        self.init = init
        self.weight = Parameter(full(self.num_parameters, float(init), dtype=np.float32))

    def forward(self, x: Any) -> Tensor:
        return prelu(x, self.weight)

    def extra_repr(self) -> str:
        return f"{self.num_parameters}"


class ELU(Module):
    """x where it is positive, alpha * (e^x - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, x: Any) -> Tensor:
        return elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"{self.alpha}"


class SELU(_InPlace):
    """scale * elu(x, alpha), with the constants of `functional.selu`."""

    def forward(self, x: Any) -> Tensor:
        return selu(x)


class CELU(Module):
    """x where it is positive, alpha * (e^(x / alpha) - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, x: Any) -> Tensor:
        return celu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"{self.alpha}"


class GELU(Module):
    """x times the probability that a standard normal number is less than x: `functional.gelu`."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Tensor:
        return gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return f"{self.approximate!r}"


class SiLU(_InPlace):
    """x * sigmoid(x), known as swish, too."""

    def forward(self, x: Any) -> Tensor:
        return silu(x)


class Mish(_InPlace):
    """x * tanh(log(1 + e^x))."""

    def forward(self, x: Any) -> Tensor:
        return mish(x)


class Hardtanh(Module):
    """x kept between min_val and max_val."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        self.min_val, self.max_val = min_val, max_val
        self.inplace = inplace

    def forward(self, x: Any) -> Tensor:
        return hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return f"{self.min_val}, {self.max_val}"


class Hardsigmoid(_InPlace):
    """relu6(x + 3) / 6."""

    def forward(self, x: Any) -> Tensor:
        return hardsigmoid(x)


class Hardswish(_InPlace):
    """x * relu6(x + 3) / 6."""

    def forward(self, x: Any) -> Tensor:
        return hardswish(x)


class Hardshrink(Module):
    """x where |x| > lambd, 0 elsewhere."""

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def forward(self, x: Any) -> Tensor:
        return hardshrink(x, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Module):
    """x moved towards 0 by lambd, and 0 where |x| <= lambd."""

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def forward(self, x: Any) -> Tensor:
        return softshrink(x, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Tanhshrink(Module):
    """x - tanh(x)."""

    def forward(self, x: Any) -> Tensor:
        return tanhshrink(x)


class Threshold(Module):
    """x where it is above the threshold, `value` elsewhere."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.threshold, self.value = threshold, value
        self.inplace = inplace

    def forward(self, x: Any) -> Tensor:
        return threshold(x, self.threshold, self.value)

    def extra_repr(self) -> str:
        return f"{self.threshold}, {self.value}"


class Softplus(Module):
    """log(1 + e^(beta x)) / beta, and x where beta x is above the threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Any) -> Tensor:
        return softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"{self.beta}, {self.threshold}"


class Softsign(Module):
    """x / (1 + |x|)."""

    def forward(self, x: Any) -> Tensor:
        return softsign(x)


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    def forward(self, x: Any) -> Tensor:
        return sigmoid(x)


class LogSigmoid(Module):
    """log(sigmoid(x))."""

    def forward(self, x: Any) -> Tensor:
        return logsigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Any) -> Tensor:
        return tanh(x)


class GLU(Module):
    """a * sigmoid(b) of the two halves of x along an axis."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return glu(x, self.dim)

    def extra_repr(self) -> str:
        return f"{self.dim}"


class Softmax(Module):
    """e^x over its sum along an axis."""

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"{self.dim}"


class Softmax2d(Module):
    """softmax over the channels of images, (N, C, H, W) or (C, H, W)."""

    def forward(self, x: Any) -> Tensor:
        if len(shape_of("softmax", x)) not in (3, 4):
            raise ShapeError(f"softmax: x {x.shape} must be (N, C, H, W) or (C, H, W)")
        return softmax(x, -3)


class Softmin(Softmax):
    """softmax(-x) along an axis."""

    def forward(self, x: Any) -> Tensor:
        return softmin(x, self.dim)


class LogSoftmax(Softmax):
    """The logarithm of softmax along an axis."""

    def forward(self, x: Any) -> Tensor:
        return log_softmax(x, self.dim)


class Dropout(Module):
    """In training, zero each element with probability p and scale the others by 1 / (1 - p).

    generator  takes its bits from there, by default from the process-wide generator
    """

    def __init__(
        self, p: float = 0.5, inplace: bool = False, generator: Generator | None = None
    ) -> None:
        if not 0 <= p <= 1:
            raise ArgumentError(f"Dropout: p={p} must lie in 0 to 1")
        self.p, self.inplace, self.generator = p, inplace, generator

    def forward(self, x: Any) -> Tensor:
        return dropout(x, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"{self.p}"
