"""Activation functions of neural networks.

Each keeps its output, not its input: the output is kept by the next layer anyway, so that x can go
as soon as forward is done. The sign of the output tells which side of the kink x was on. Their
gradients are one op, `ActivationGrad` in ``fused.py``. Those that turn back, so that an output
doesn't tell its input, are in ``input_activation.py``.
`inplace` is there for code written for PyTorch: the result is a new tensor either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError
from ..core.methods import public
from ..core.op import REGISTRY, Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor, is_floating
from . import activation_cpu

__all__ = ["elu", "leaky_relu", "relu", "relu6", "sigmoid"]

MANY = 1 << 13  # elements, for which it pays to look at what they are


def check_floating(label: str, spec: Spec, name: str = "x") -> None:
    """Raise a DtypeError unless spec is of a floating dtype."""
    if not is_floating(spec.dtype):
        raise DtypeError(
            f"{label}: {name} is {spec.dtype}; it takes floating tensors. "
            f"Use {name}.astype(gpugraph.float32)"
        )


class Activation(Op, abstract=True):
    """Base of functions of one floating array, element by element. `flops`: per element."""

    keeps = {"x": ("y",)}
    checks_first = True
    widens = True
    flops: ClassVar[int]

    local = ("x",)

    def spec(self, x: Spec) -> Spec:
        check_floating(self.label, x)
        return x

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return activation_grad(self, g, node["y"])

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=self.flops * x.size, bytes=traffic(x, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (off_zero(rng, (3, 5)),))
        yield Sample(cls(), (np.array(0.7),), "0-d")
        yield Sample(cls(), (off_zero(rng, (4, 6)).T[::2],), "strided")
        yield Sample(cls(), (np.zeros((0, 3)),), "empty")


def activation_grad(act: Op | None, g: Tensor, y: Tensor) -> Tensor:
    """The cotangent of what act was given, from that of y; where act is straight, y gets none."""
    if act is None:
        return g
    straight = isinstance(act, (Relu, Relu6, LeakyRelu))
    return apply(REGISTRY["ActivationGrad"].make(act), g, y.detach() if straight else y)


def off_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Numbers of both signs, at least 0.1 from the kink at 0."""
    return rng.uniform(0.1, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


class Relu(Activation):
    """max(x, 0). Integers flow through."""

    checks_first = False  # nothing to check, and exact in any dtype: the fast lane
    widens = False
    flops = 1

    def spec(self, x: Spec) -> Spec:
        return Spec(x.shape, np.result_type(x.dtype, 0))

    def forward(self, xp: Any, x: Any) -> Any:
        if xp is np and x.size >= MANY and x.dtype in (np.float32, np.float64):
            return np.clip(x, 0, np.inf)  # a third of the time: its loop is made for bounds
        return xp.maximum(x, 0)

    def cpu(self, lib: Any, x: Any) -> Any:
        return activation_cpu.activation(lib, self.label, 0.0, x)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=x.size, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls(), (np.array([-1.0, -0.0, 0.0, 2.0, np.nan, np.inf]),), "kink", False)


class Relu6(Activation):
    """min(max(x, 0), 6) (Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10")."""

    flops = 2

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.minimum(xp.maximum(x, 0), 6)

    def cpu(self, lib: Any, x: Any) -> Any:
        return activation_cpu.activation(lib, self.label, 0.0, x)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls(), (5 + off_zero(rng, (3, 5)) + 1,), "around 6")
        kinks = np.array([-np.inf, -1.0, -0.0, 0.0, 2.0, 6.0, 7.0, np.nan, np.inf])
        yield Sample(cls(), (kinks,), "kink", False)


def only(values: Any, mask: Any, out: Any = None) -> Any:
    """values where mask, else 0, for inf and NaN too (unlike a product); 3x faster than `where`."""
    bits = (-mask.view(np.int8)).astype(f"i{values.dtype.itemsize}")  # all of a number's, or none
    if out is None:
        bits &= values.view(bits.dtype)
        return bits.view(values.dtype)
    np.bitwise_and(bits, values.view(bits.dtype), out=out.view(bits.dtype))
    return out


@dataclass(frozen=True)
class LeakyRelu(Activation):
    """x where it is positive, negative_slope * x elsewhere."""

    negative_slope: float = 0.01
    flops = 2

    def forward(self, xp: Any, x: Any) -> Any:
        if 0 < self.negative_slope <= 1:  # not 0, which times infinity is NaN
            y = self.negative_slope * x
            return xp.maximum(x, y)
        return xp.maximum(x, 0) + self.negative_slope * xp.minimum(x, 0)

    def cpu(self, lib: Any, x: Any) -> Any:
        return activation_cpu.activation(lib, self.label, self.negative_slope, x)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls(3.0), (off_zero(rng, (3, 5)),), "steeper on the left")
        yield Sample(cls(0.1), (np.array([-1.0, -0.0, 0.0, 2.0, np.nan]),), "kink", False)


@dataclass(frozen=True)
class Elu(Activation):
    """x where it is positive, alpha * (e^x - 1) elsewhere (Clevert et al. 2015, eq. 15)."""

    alpha: float = 1.0
    flops = 4

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, 0) + self.alpha * xp.expm1(xp.minimum(x, 0))

    def cpu(self, lib: Any, x: Any) -> Any:
        return activation_cpu.activation(lib, self.label, self.alpha, x)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls(0.5), (off_zero(rng, (3, 5)),), "alpha")
        yield Sample(cls(0.5), (np.array([-1.0, 0.0, 2.0, np.nan]),), "kink", False)


def logistic(xp: Any, x: Any) -> Any:
    """1 / (1 + e^-x)."""
    with np.errstate(over="ignore"):  # e^-x may be infinite: then y is 0, as it should be
        y = xp.empty_like(x)
        xp.exp(xp.negative(x, out=y), out=y)
        y += 1
        return xp.reciprocal(y, out=y)


class Sigmoid(Activation):
    """1 / (1 + e^-x)."""

    flops = 4

    def forward(self, xp: Any, x: Any) -> Any:
        return logistic(xp, x)

    def cpu(self, lib: Any, x: Any) -> Any:
        return activation_cpu.activation(lib, self.label, 0.0, x)


RELU, RELU6, SIGMOID = Relu(), Relu6(), Sigmoid()


@public
def relu(x: Any, inplace: bool = False) -> Tensor:
    """max(x, 0), elementwise; the gradient at 0 is 0."""
    return apply(RELU, x)


@public
def relu6(x: Any, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6), elementwise; the gradient at 0 and at 6 is 0."""
    return apply(RELU6, x)


@public
def leaky_relu(x: Any, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, negative_slope * x elsewhere; negative_slope is at least 0.

    The gradient at 0 is negative_slope.
    """
    if not negative_slope >= 0:
        raise ArgumentError(f"leaky_relu: negative_slope={negative_slope} must be at least 0")
    return apply(LeakyRelu.make(float(negative_slope)), x)


@public
def elu(x: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, alpha * (e^x - 1) elsewhere; alpha is at least 0.

    The gradient at 0 is alpha. Source: Clevert, Unterthiner, Hochreiter 2015, arXiv:1511.07289.
    """
    if not alpha >= 0:
        raise ArgumentError(f"elu: alpha={alpha} must be at least 0")
    return apply(Elu.make(float(alpha)), x)


@public
def sigmoid(x: Any) -> Tensor:
    """1 / (1 + e^-x), elementwise, without overflow at either end."""
    return apply(SIGMOID, x)
