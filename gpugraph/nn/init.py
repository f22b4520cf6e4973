"""First values of parameters. All write in place, draw on the CPU, and return the tensor.

A tensor on the meta device has no values: for it nothing is drawn.

    Xavier   keeps the variance of activations and gradients through linear layers
             (Glorot & Bengio 2010, eq. 12 and 16): std = gain * sqrt(2 / (fan_in + fan_out))
    Kaiming  does so through relu, which halves it (He et al. 2015, arXiv:1502.01852, eq. 10, 14):
             std = gain / sqrt(fan), with gain sqrt(2) for relu

A uniform distribution on (-b, b) has the standard deviation b / sqrt(3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from ..core.backend import to_device
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..ops.random import Generator, default_generator

__all__ = [
    "calculate_fan",
    "calculate_gain",
    "constant_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

T = TypeVar("T", bound=Tensor)


def calculate_fan(shape: Sequence[int]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (O, C, *k): inputs per output, and outputs per input."""
    if len(shape) < 2:
        raise ShapeError(
            f"calculate_fan: a weight of shape {tuple(shape)} has no fan; it needs (O, C)"
        )
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def calculate_gain(nonlinearity: str, a: float = 0.0) -> float:
    """By how much std must grow to make up for an activation; a: slope of leaky_relu."""
    gains = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}
    gains["leaky_relu"] = math.sqrt(2 / (1 + a * a))
    if nonlinearity not in gains:
        raise ArgumentError(
            f"calculate_gain: nonlinearity={nonlinearity!r} must be one of {sorted(gains)}"
        )
    return gains[nonlinearity]


def uniform_(
    tensor: T, low: float = 0.0, high: float = 1.0, generator: Generator | None = None
) -> T:
    """Uniform on [low, high)."""
    if tensor.device.type == "meta":
        return tensor
    generator = generator or default_generator()
    return _write(tensor, generator.uniform(low, high, tensor.shape, tensor.dtype, "cpu"))


def normal_(
    tensor: T, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> T:
    """Normal with that mean and standard deviation."""
    if tensor.device.type == "meta":
        return tensor
    generator = generator or default_generator()
    return _write(tensor, generator.normal(mean, std, tensor.shape, tensor.dtype, "cpu"))


def constant_(tensor: T, value: float) -> T:
    """One number everywhere."""
    tensor.assign(value)
    return tensor


def zeros_(tensor: T) -> T:
    """0 everywhere."""
    return constant_(tensor, 0)


def ones_(tensor: T) -> T:
    """1 everywhere."""
    return constant_(tensor, 1)


def xavier_uniform_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Uniform on +-b, b = gain * sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16)."""
    bound = gain * math.sqrt(6 / max(1, sum(calculate_fan(tensor.shape))))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """Normal, std = gain * sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 12)."""
    std = gain * math.sqrt(2 / max(1, sum(calculate_fan(tensor.shape))))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: T,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> T:
    """Uniform on +-b, b = gain * sqrt(3 / fan) (He et al. 2015, eq. 10, for std = b / sqrt(3)).

    a     slope of the leaky relu that follows; 0 is relu
    mode  "fan_in" keeps the size of activations, "fan_out" that of gradients
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: T,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> T:
    """Normal, std = gain / sqrt(fan) (He et al. 2015, eq. 10 and 14); see `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"kaiming: mode={mode!r} must be 'fan_in' or 'fan_out'")
    fan = calculate_fan(tensor.shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fan))


def fan_in_uniform_(weight: Tensor, bias: Tensor | None, generator: Generator | None) -> None:
    """The first values of linear and conv layers: all uniform on (-b, b), b = 1 / sqrt(fan_in).

    It is what PyTorch's layers do: for the weight `kaiming_uniform_` with a = sqrt(5).
    """
    kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    if bias is not None:
        bound = 1 / math.sqrt(max(1, calculate_fan(weight.shape)[0]))
        uniform_(bias, -bound, bound, generator)


def _write(tensor: T, values: Tensor) -> T:
    tensor.assign(to_device(values.array, tensor.device))
    return tensor
