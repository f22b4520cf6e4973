"""Activation functions whose slope is told by what came in: most turn back on the left.

One op each, and one for their gradients, `InputActivationGrad`; the public functions are in
``activation_functions.py``. Without a compiler they are some dozen passes of NumPy, over blocks
that stay in a cache. Formulas are free of `where`, which on the CPU takes as long as ten products
if its mask is in no order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ShapeError
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from . import activation_cpu
from .activation import Activation, logistic, off_zero, sigmoid
from .compare import clip, where
from .creation import zeros_like
from .elementwise import abs
from .powers import exp
from .special import TAIL_FLOAT32, TAIL_FLOAT64, in_blocks, normal_tail

__all__: list[str] = []

FLAT = 40.0  # beyond, e^(-x^2 / 2) and with it the slope of a normal distribution is 0
DENSITY = 1 / math.sqrt(2 * math.pi)  # of normal numbers at 0
TANH_RATE, TANH_CUBE = 2 * math.sqrt(2 / math.pi), 0.044715  # of gelu's tanh form
LEFT = {2: 10.0, 4: 87.0, 8: 708.0}  # as far e^-x is finite, by the bytes of a number
MISH_END = 20.0  # from there on tanh(log(1 + e^x)) is 1


class InputActivation(Activation, abstract=True):
    """Base of them. `numbers`: the parameters that the compiled kernel takes.

    value(xp, x)  the function of an array
    slope(xp, x)  its derivative
    bend(x)       its second derivative, of a tensor
    """

    keeps = {"x": ("x",)}
    numbers: tuple[float, float] = (0.0, 0.0)

    def forward(self, xp: Any, x: Any) -> Any:
        return in_blocks(xp, lambda x: self.value(xp, x), x.dtype, x)

    def cpu(self, lib: Any, x: Any) -> Any:
        return activation_cpu.activation(lib, self.label, self.numbers[0], x, self.numbers[1])

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(InputActivationGrad.make(self), g, node["x"])

    def value(self, xp: Any, x: Any) -> Any:
        raise NotImplementedError

    def slope(self, xp: Any, x: Any) -> Any:
        raise NotImplementedError

    def bend(self, x: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class InputActivationGrad(Op):
    """g times the derivative of act where its input was x."""

    act: Any
    keeps = {"g": ("x",), "x": ("g", "x")}
    checks_first = True
    widens = True

    def spec(self, g: Spec, x: Spec) -> Spec:
        if g != x:
            raise ShapeError(
                f"input_activation_grad: g is {g.dtype} {g.shape}, x is {x.dtype} {x.shape}; "
                "both must be alike"
            )
        return g

    def forward(self, xp: Any, g: Any, x: Any) -> Any:
        return in_blocks(xp, lambda x, g: self.act.slope(xp, x) * g, g.dtype, x, g)

    def cpu(self, lib: Any, g: Any, x: Any) -> Any:
        slope, edge = self.act.numbers
        return activation_cpu.activation_grad(lib, self.act.label, slope, g, x, edge)

    def vjp_g(self, node: Any, h: Tensor) -> Tensor:
        return apply(self, h, node["x"])

    def vjp_x(self, node: Any, h: Tensor) -> Tensor:
        return node["g"] * h * self.act.bend(node["x"])

    def cost(self, g: Spec, x: Spec) -> Cost:
        return Cost((self.act.flops + 4) * g.size, traffic(g, x, g))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for act in (Silu(), Gelu(), GeluTanh(), Mish(), Softplus(0.5, 4.0), Hardswish()):
            yield Sample(cls(act), (rng.standard_normal((2, 5)), off_zero(rng, (2, 5))), act.label)
        strided = rng.standard_normal((14, 6)).T[::2], off_zero(rng, (3, 28))[:, ::2]
        yield Sample(cls(Mish()), strided, "strided")
        yield Sample(cls(Gelu()), (np.zeros((0, 3)), np.zeros((0, 3))), "empty")


def logistic_slope(xp: Any, x: Any) -> tuple[Any, Any]:
    """1 / (1 + e^-x) for x that e^-x is finite of, and its slope with all digits at both ends."""
    slope = xp.exp(-x)
    y = slope + 1
    y = xp.reciprocal(y)
    slope *= y
    slope *= y
    return y, slope


class Silu(InputActivation):
    """x / (1 + e^-x)."""

    flops = 5

    def value(self, xp: Any, x: Any) -> Any:
        with np.errstate(over="ignore"):  # infinite e^-x gives 0, as it should be
            y = xp.exp(-x)
        y += 1
        return x / y

    def slope(self, xp: Any, x: Any) -> Any:
        y = logistic(xp, x)
        slope = 1 - y
        slope *= x
        slope += 1
        slope *= y
        return slope

    def bend(self, x: Tensor) -> Tensor:
        y = sigmoid(x)
        return y * (1 - y) * (2 + x * (1 - 2 * y))


def normal(xp: Any, x: Any) -> tuple[Any, Any]:
    """The probability that a standard normal number is less than x; x times its density there."""
    table, end = (TAIL_FLOAT32, 14.5) if x.dtype.itemsize < 8 else (TAIL_FLOAT64, 39.0)
    near = xp.clip(x, -end, end)  # there the tail is 0, or not far from it
    e = near * near
    e *= -0.5
    e = xp.exp(e)
    tail = normal_tail(xp, table, xp.abs(near))
    tail *= e
    e *= near
    e *= DENSITY
    return xp.abs((x > 0) - tail), e


class Gelu(InputActivation):
    """x times the probability that a standard normal number is less than x."""

    flops = 40

    def value(self, xp: Any, x: Any) -> Any:
        return normal(xp, x)[0] * x

    def slope(self, xp: Any, x: Any) -> Any:
        y, slope = normal(xp, x)
        y += slope
        return y

    def bend(self, x: Tensor) -> Tensor:
        near = clip(x, -FLAT, FLAT)
        square = near * near
        return DENSITY * exp(-0.5 * square) * (2 - square)


class GeluTanh(InputActivation):
    """x sigmoid(2 u) with u = sqrt(2/pi) (x + 0.044715 x^3)."""

    flops = 10

    def value(self, xp: Any, x: Any) -> Any:
        near = xp.clip(x, -FLAT, FLAT)
        u = near * near
        u *= TANH_RATE * TANH_CUBE
        u += TANH_RATE
        u *= near
        return logistic(xp, u) * x

    def slope(self, xp: Any, x: Any) -> Any:
        near = xp.clip(x, -FLAT, FLAT)
        square = near * near
        square *= TANH_RATE * TANH_CUBE
        u = near * (square + TANH_RATE)
        y, slope = logistic_slope(xp, xp.maximum(u, -LEFT[x.dtype.itemsize]))
        square *= 3
        square += TANH_RATE
        slope *= square
        slope *= near
        slope += y
        return slope

    def bend(self, x: Tensor) -> Tensor:
        near = clip(x, -FLAT, FLAT)
        square = TANH_CUBE * (near * near)
        y, inner = sigmoid(TANH_RATE * near * (1 + square)), TANH_RATE * (1 + 3 * square)
        inner_bend = 6 * TANH_RATE * TANH_CUBE * near
        return y * (1 - y) * (2 * inner + near * ((1 - 2 * y) * inner * inner + inner_bend))


class Mish(InputActivation):
    """x tanh(log(1 + e^x)): x p / (p + 2) with p = e^x (e^x + 2)."""

    flops = 9

    def value(self, xp: Any, x: Any) -> Any:
        e = xp.exp(xp.minimum(x, MISH_END))
        p = e + 2
        p *= e
        y = p / (p + 2)
        y *= x
        return y

    def slope(self, xp: Any, x: Any) -> Any:
        near = xp.minimum(x, MISH_END)
        e = xp.exp(near)
        p = e + 2
        p *= e
        inverse = 1 / (p + 2)
        p *= inverse
        e *= e + 1
        e *= inverse
        e *= inverse
        e *= near
        e *= 4
        p += e
        return p

    def bend(self, x: Tensor) -> Tensor:
        near = clip(x, None, MISH_END)
        e = exp(near)
        inverse = 1 / (e * (e + 2) + 2)
        rise = e * (e + 1) * inverse * inverse
        rise_slope = e * (2 * e + 1) * inverse * inverse - 4 * e * (e + 1) * inverse * rise
        return 8 * rise + 4 * near * rise_slope


@dataclass(frozen=True)
class Softplus(InputActivation):
    """log(1 + e^(beta x)) / beta; x itself where beta x is above the threshold."""

    beta: float = 1.0
    threshold: float = 20.0
    flops = 6

    @property
    def numbers(self) -> tuple[float, float]:  # type: ignore[override]
        return float(self.beta), float(self.threshold)

    def value(self, xp: Any, x: Any) -> Any:
        z = x * self.beta
        y = xp.log1p(xp.exp(-xp.abs(z)))
        y += xp.maximum(z, 0)
        y /= self.beta
        return xp.where(z > self.threshold, x, y)

    def slope(self, xp: Any, x: Any) -> Any:
        z = x * self.beta
        return xp.where(z > self.threshold, 1, logistic(xp, z))

    def bend(self, x: Tensor) -> Tensor:
        z = x * self.beta
        y = sigmoid(z)
        return where(z > self.threshold, 0, self.beta * y * (1 - y))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls(-0.5, 0.5), (off_zero(rng, (3, 5)) - 1,), "threshold")
        at = np.array([-np.inf, 0.0, 2.0, np.nan, np.inf])
        yield Sample(cls(2.0, 4.0), (at,), "at the threshold, NaN", False)


class Hardswish(InputActivation):
    """x min(max(x + 3, 0), 6) / 6."""

    flops = 5

    def value(self, xp: Any, x: Any) -> Any:
        y = xp.clip(x + 3, 0, 6)
        y /= 6
        y *= x
        return y

    def slope(self, xp: Any, x: Any) -> Any:
        near = xp.clip(x, -3, 3)
        inner = (xp.abs(x) < 3) * near
        inner += near
        inner += 3
        inner /= 6
        return inner

    def bend(self, x: Tensor) -> Tensor:
        return where(abs(x) < 3, zeros_like(x) + 1 / 3, 0)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls(), (2 * off_zero(rng, (3, 5)) + 0.05,), "all three pieces")
        yield Sample(cls(), (np.array([-4.0, -3.0, 0.0, 3.0, 4.0, np.nan]),), "kinks, NaN", False)
