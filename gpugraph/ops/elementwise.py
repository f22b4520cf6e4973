"""Elementwise arithmetic: one result per element, with NumPy's broadcasting.

Every rule is composed of other ops, so gradients of any order need nothing more. Integer and bool
inputs are promoted as in NumPy 2. Costs count 1 FLOP per element and operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.apply import apply
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, broadcast, traffic
from ..core.tensor import Tensor
from .broadcast import unbroadcast
from .conjugate import conjugated
from .dtypes import promoted

__all__ = [
    "abs",
    "add",
    "ceil",
    "divide",
    "floor",
    "floor_divide",
    "multiply",
    "negative",
    "positive",
    "remainder",
    "round",
    "sign",
    "subtract",
    "trunc",
]


class Unary(Op, abstract=True):
    """Base of functions of one array. `domain`: where the tests draw x from."""

    domain: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    flops: ClassVar[int] = 1

    local = ("x",)

    def spec(self, x: Spec) -> Spec:
        return Spec(x.shape, self.result(x.dtype))

    def result(self, dtype: Any) -> Any:
        """The dtype of the result: that of NumPy's function of the same name."""
        return promoted(self.label, dtype)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=self.flops * x.size, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (rng.uniform(*cls.domain, (3, 5)),))
        yield Sample(cls(), (rng.uniform(*cls.domain, ()),), "0-d")
        yield Sample(cls(), (rng.uniform(*cls.domain, (4, 6)).T[::2],), "strided")
        yield Sample(cls(), (np.zeros((0, 3)),), "empty")


class Binary(Op, abstract=True):
    """Base of functions of two arrays that broadcast. `domains`: where the tests draw from."""

    domains: ClassVar[tuple[tuple[float, float], tuple[float, float]]] = ((-2.0, 2.0), (-2.0, 2.0))
    flops: ClassVar[int] = 1

    local = ("x1", "x2")

    def spec(self, x1: Spec, x2: Spec) -> Spec:
        shape = broadcast(self.label, ("x1", "x2"), (x1.shape, x2.shape))
        return Spec(shape, promoted(self.label, x1.dtype, x2.dtype))

    def cost(self, x1: Spec, x2: Spec) -> Cost:
        y = self.spec(x1, x2)
        return Cost(flops=self.flops * y.size, bytes=traffic(x1, x2, y))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, *shapes in (
            ("same shape", (3, 5), (3, 5)),
            ("broadcast both ways", (2, 1, 3), (5, 1)),
            ("with a number", (4,), ()),
            ("empty", (0, 3), (1, 3)),
        ):
            pair = tuple([rng.uniform(*d, s) for d, s in zip(cls.domains, shapes, strict=True)])
            yield Sample(cls(), pair, note)


class Add(Binary):
    """x1 + x2."""

    conjugates = True

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.add(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return g

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return g


class Subtract(Binary):
    """x1 - x2."""

    conjugates = True

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.subtract(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return g

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return -g


class Multiply(Binary):
    """x1 * x2."""

    keeps = {"x1": ("x2",), "x2": ("x1",)}
    conjugates = True

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.multiply(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return g * conjugated(node["x2"])

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return g * conjugated(node["x1"])


class Divide(Binary):
    """x1 / x2; integers give floats."""

    domains = ((-2.0, 2.0), (0.5, 2.0))
    keeps = {"x1": ("x2",), "x2": ("x2", "y")}
    conjugates = True

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.divide(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return g / conjugated(node["x2"])

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        y, x2 = conjugated(node["y"]), conjugated(node["x2"])
        return -g * y / x2


class FloorDivide(Binary):
    """floor(x1 / x2): constant between its steps, so no gradient flows."""

    nondifferentiable = ("y",)
    domains = ((-9.0, 9.0), (0.5, 2.0))

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.floor_divide(x1, x2)


class Remainder(Binary):
    """x1 - floor(x1 / x2) * x2, with the sign of x2."""

    domains = ((-2.8, -2.2), (1.0, 1.05))  # x1 / x2 stays away from the integers
    keeps = {"x2": ("x1", "x2")}

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.remainder(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(g, node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(-g * (node["x1"] // node["x2"]), node.shape("x2"))


class Negative(Unary):
    """-x."""

    conjugates = True

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.negative(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return -g


class Positive(Unary):
    """+x: a copy."""

    conjugates = True

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.positive(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g


class Abs(Unary):
    """The absolute value; its derivative at 0 is 0."""

    domain = (0.1, 2.0)
    keeps = {"x": ("x",)}
    conjugates = True

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.abs(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * sign(node["x"])

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls(), (rng.uniform(-2.0, -0.1, (3,)),), "negative")
        yield Sample(cls(), (np.array([-1.0, -0.0, 0.0, 2.0, np.nan]),), "kink, NaN", smooth=False)


class Sign(Unary):
    """-1, 0 or 1; NaN stays. No gradient flows."""

    nondifferentiable = ("y",)

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.sign(x)


@dataclass(frozen=True)
class Rounding(Unary):
    """floor, ceil, trunc or rint (halves to even); integers stay. No gradient flows."""

    function: str
    nondifferentiable = ("y",)

    def result(self, dtype: Any) -> Any:
        return dtype if dtype.kind in "biu" else promoted(self.function, dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return x.copy() if x.dtype.kind in "biu" else getattr(xp, self.function)(x)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = np.array([-2.5, -1.5, -0.5, -0.2, 0.0, 0.5, 1.5, 1.7, np.nan, np.inf])
        for function in ("floor", "ceil", "trunc", "rint"):
            yield Sample(cls(function), (x,), function)
        yield Sample(cls("floor"), (np.arange(3),), "integers")


ADD, SUBTRACT, MULTIPLY, DIVIDE = Add(), Subtract(), Multiply(), Divide()
FLOOR_DIVIDE, REMAINDER = FloorDivide(), Remainder()
NEGATIVE, POSITIVE, ABS, SIGN = Negative(), Positive(), Abs(), Sign()


@public
def add(x1: Any, x2: Any, /) -> Tensor:
    """x1 + x2, elementwise with broadcasting."""
    return apply(ADD, x1, x2)


@public
def subtract(x1: Any, x2: Any, /) -> Tensor:
    """x1 - x2, elementwise with broadcasting."""
    return apply(SUBTRACT, x1, x2)


@public
def multiply(x1: Any, x2: Any, /) -> Tensor:
    """x1 * x2, elementwise with broadcasting."""
    return apply(MULTIPLY, x1, x2)


@public
def divide(x1: Any, x2: Any, /) -> Tensor:
    """x1 / x2, elementwise with broadcasting; integers give floats."""
    return apply(DIVIDE, x1, x2)


@public
def floor_divide(x1: Any, x2: Any, /) -> Tensor:
    """floor(x1 / x2), elementwise with broadcasting; no gradient flows."""
    return apply(FLOOR_DIVIDE, x1, x2)


@public
def remainder(x1: Any, x2: Any, /) -> Tensor:
    """x1 - floor(x1 / x2) * x2, elementwise with broadcasting; has the sign of x2."""
    return apply(REMAINDER, x1, x2)


@public
def negative(x: Any, /) -> Tensor:
    """-x."""
    return apply(NEGATIVE, x)


@public
def positive(x: Any, /) -> Tensor:
    """A copy of x."""
    return apply(POSITIVE, x)


@public
def abs(x: Any, /) -> Tensor:
    """The absolute value of each element; its derivative at 0 is 0."""
    return apply(ABS, x)


@public
def sign(x: Any, /) -> Tensor:
    """-1, 0 or 1 for each element, through which no gradient flows; of complex numbers x / |x|."""
    if isinstance(x, Tensor) and x.requires_grad and x.dtype.kind == "c":
        size = apply(ABS, x)  # x / |x| turns with x, so a gradient flows
        return x / (size + (size == 0).astype(size.dtype))
    return apply(SIGN, x)


@public
def floor(x: Any, /) -> Tensor:
    """The next integer downwards, in the dtype of x; no gradient flows."""
    return apply(Rounding.make("floor"), x)


@public
def ceil(x: Any, /) -> Tensor:
    """The next integer upwards, in the dtype of x; no gradient flows."""
    return apply(Rounding.make("ceil"), x)


@public
def trunc(x: Any, /) -> Tensor:
    """The next integer towards zero, in the dtype of x; no gradient flows."""
    return apply(Rounding.make("trunc"), x)


@public
def round(x: Any, /) -> Tensor:
    """The nearest integer, halves to even, in the dtype of x; no gradient flows."""
    return apply(Rounding.make("rint"), x)
