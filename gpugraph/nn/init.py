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
from typing import Any, TypeVar

import numpy as np

from ..core.backend import to_device
from ..core.errors import ArgumentError, ShapeError
from ..core.guard import guard
from ..core.tensor import Tensor
from ..ops.random import Generator, default_generator

__all__ = [
    "calculate_fan",
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
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


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much std must grow to make up for an activation; param: slope of leaky_relu (0.01)."""
    slope = 0.01 if param is None else param
    gains = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
    gains |= {f"conv{kind}{d}d": 1.0 for kind in ("", "_transpose") for d in (1, 2, 3)}
    gains["leaky_relu"] = math.sqrt(2 / (1 + slope * slope))
    if nonlinearity not in gains:
        raise ArgumentError(
            f"calculate_gain: nonlinearity={nonlinearity!r} must be one of {sorted(gains)}"
        )
    return gains[nonlinearity]


def uniform_(tensor: T, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> T:
    """Uniform on [a, b)."""
    if tensor.device.type == "meta":
        return tensor
    generator = generator or default_generator()
    return _write(tensor, generator.uniform(a, b, tensor.shape, tensor.dtype, "cpu"))


def normal_(
    tensor: T, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> T:
    """Normal with that mean and standard deviation."""
    if tensor.device.type == "meta":
        return tensor
    generator = generator or default_generator()
    return _write(tensor, generator.normal(mean, std, tensor.shape, tensor.dtype, "cpu"))


def constant_(tensor: T, val: float) -> T:
    """One number everywhere."""
    tensor.assign(val)
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


def trunc_normal_(
    tensor: T,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> T:
    """Normal with that mean and standard deviation, but only its part in a to b.

    a, b  are values, not multiples of std. By rejection: exact, however small that part is
    """
    if not (math.isfinite(mean) and 0 < std < math.inf and a < b):
        raise ArgumentError(
            f"trunc_normal_: std={std} must be above 0, and a={a} below b={b}; mean={mean} and std "
            "must be finite"
        )
    if tensor.device.type == "meta":
        return tensor
    low, high = (a - mean) / std, (b - mean) / std
    z = truncated(low, high, tensor.size, generator or default_generator())
    values = np.clip((mean + std * z).reshape(tensor.shape), a, b)
    return _write(tensor, values.astype(tensor.dtype))


def orthogonal_(tensor: T, gain: float = 1.0, generator: Generator | None = None) -> T:
    """gain times a random (O, everything else) matrix whose rows are orthonormal, or its columns
    where there are more rows than columns; uniform among all such (Mezzadri 2007, math-ph/0609050).

    Source: Saxe, McClelland, Ganguli 2014, arXiv:1312.6120.
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: a tensor of shape {tensor.shape} must have at least 2 axes")
    if tensor.device.type == "meta" or not tensor.size:
        return tensor
    rows, columns = tensor.shape[0], tensor.size // tensor.shape[0]
    generator = generator or default_generator()
    shape = max(rows, columns), min(rows, columns)
    q, r = np.linalg.qr(generator.normal(0.0, 1.0, shape, np.float64, "cpu").array)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # else the signs are LAPACK's, not random
    q = q if rows >= columns else q.T
    return _write(tensor, (gain * q).reshape(tensor.shape).astype(tensor.dtype))


def eye_(tensor: T) -> T:
    """The identity matrix: 1 on the diagonal, else 0."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: a tensor of shape {tensor.shape} must have 2 axes")
    if tensor.device.type == "meta":
        return tensor
    return _write(tensor, np.eye(*tensor.shape, dtype=tensor.dtype))


def dirac_(tensor: T, groups: int = 1) -> T:
    """A weight (O, C, *k) of a convolution that hands as many channels through as it can."""
    if not 3 <= tensor.ndim <= 5:
        raise ShapeError(f"dirac_: a weight of shape {tensor.shape} must have 3 to 5 axes")
    if groups < 1 or tensor.shape[0] % groups:
        raise ArgumentError(f"dirac_: groups={groups} must divide {tensor.shape[0]} channels")
    if tensor.device.type == "meta":
        return tensor
    values = np.zeros(tensor.shape, tensor.dtype)
    middle = tuple(k // 2 for k in tensor.shape[2:])
    per_group = tensor.shape[0] // groups
    for i in range(min(per_group, tensor.shape[1])):
        for group in range(groups):
            at = (group * per_group + i, i, *middle)
            values[at] = 1
    return _write(tensor, values)


def sparse_(tensor: T, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> T:
    """Normal, but a share of each column, rounded up, is 0 (Martens 2010, "Hessian-free")."""
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: a tensor of shape {tensor.shape} must have 2 axes")
    if not 0 <= sparsity <= 1:
        raise ArgumentError(f"sparse_: sparsity={sparsity} must lie in 0 to 1")
    if tensor.device.type == "meta":
        return tensor
    generator = generator or default_generator()
    rows, columns = tensor.shape
    values = generator.normal(0.0, std, (rows, columns), tensor.dtype, "cpu").array
    for column in range(columns):
        gone = generator.permutation(rows, "cpu").array[: math.ceil(sparsity * rows)]
        values[gone, column] = 0
    return _write(tensor, values)


def truncated(low: float, high: float, n: int, generator: Generator) -> np.ndarray[Any, Any]:
    """n numbers (float64) of the standard normal distribution, but in low to high.

    Drawn from one of three proposals that lie above it, and kept as often as they should be: the
    normal itself; a uniform one where the interval is short; an exponential one far out in a tail
    (Robert 1995, "Simulation of truncated normal variables").
    """

    def uniform(k: int) -> np.ndarray[Any, Any]:
        return 1 - generator.uniform(0.0, 1.0, (k,), np.float64, "cpu").array  # never 0

    nearest = min(max(low, 0.0), high)  # where it is highest
    mass = (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2
    rate = (abs(nearest) + math.sqrt(nearest * nearest + 4)) / 2
    out, filled = np.empty(n), 0
    while filled < n:
        k = max(64, n - filled)
        if mass > 0.2:
            z = generator.normal(0.0, 1.0, (k,), np.float64, "cpu").array
            kept = (z >= low) & (z <= high)
        elif (high - low) * max(abs(nearest), 1.0) < 2:
            z = low + (high - low) * uniform(k)
            kept = uniform(k) <= np.exp((nearest * nearest - z * z) / 2)
        else:
            z = abs(nearest) - np.log(uniform(k)) / rate
            kept = uniform(k) <= np.exp(-((z - rate) ** 2) / 2)
            z = z if nearest > 0 else -z
            kept &= (z >= low) & (z <= high)
        z = z[kept][: n - filled]
        out[filled : filled + len(z)] = z
        filled += len(z)
    return out


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


def _write(tensor: T, values: Tensor | np.ndarray[Any, Any]) -> T:
    array = values.array if isinstance(values, Tensor) else values
    tensor.assign(to_device(array, tensor.device))
    return tensor


guard(globals(), __all__)
