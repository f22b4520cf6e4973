"""Powers, exponentials and logarithms, elementwise.

Integer and bool inputs give floats, but for powers, as in NumPy 2. Each costs 1 FLOP per element,
since no hardware agrees on more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError
from ..core.methods import FUNCTIONS, public
from ..core.op import Sample
from ..core.tensor import Tensor, is_floating
from .broadcast import unbroadcast
from .conjugate import conjugated
from .dtypes import promoted
from .elementwise import Binary, Unary

__all__ = [
    "exp",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "pow",
    "reciprocal",
    "sqrt",
    "square",
]


class Pow(Binary):
    """x1 to the x2.

    gx1 = g x2 x1^(x2 - 1)    0 where x1 = x2 = 0, as x^0 is the constant 1
    gx2 = g y log(x1)         0 where x1 = 0 <= x2: y is 0 on both sides of x2
    """

    precision = "high"
    domains = ((0.5, 2.0), (-2.0, 3.0))
    keeps = {"x1": ("x1", "x2"), "x2": ("x1", "x2", "y")}

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        if x2.dtype.kind == "i" and x1.dtype.kind in "biu" and (x2 < 0).any():
            raise ArgumentError(
                "pow: x2 has negative exponents, which integers don't take; convert x1 to floats"
            )
        return xp.power(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        x1, x2 = node["x1"], node["x2"]
        both_zero = ((x1 == 0) & (x2 == 0)).astype(g.dtype)
        return unbroadcast(g * x2 * x1 ** (x2 - 1 + 2 * both_zero), node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        x1, x2 = node["x1"], node["x2"]
        no_log = ((x1 == 0) & (x2 >= 0)).astype(g.dtype)  # there log(0 + 1) stands in for log(0)
        return unbroadcast(g * node["y"] * (x1 + no_log).log(), node.shape("x2"))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        zeros = np.array([0.0, 0.0, 0.0, 0.0, 2.0]), np.array([0.0, 1.0, 2.0, 2.5, 0.0])
        yield Sample(cls(), zeros, "zeros", smooth=False)


@dataclass(frozen=True)
class PowNumber(Unary):
    """x to a fixed power: cheaper than `Pow`, and for negative x too has its right gradient."""

    precision = "high"
    exponent: float
    label = "pow"

    keeps = {"x": ("x",)}
    conjugates = True

    def result(self, dtype: Any) -> Any:
        return promoted("pow", dtype, dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        shortcut = {-1.0: "reciprocal", 0.5: "sqrt", 1.0: "positive", 2.0: "square"}
        if name := shortcut.get(self.exponent):
            return getattr(xp, name)(x)
        return xp.power(x, x.dtype.type(self.exponent))

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        below = self.exponent - 1 if self.exponent else 0.0  # 0 x^0 has no pole at 0
        return g * (self.exponent * conjugated(node["x"]) ** below)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for c in (2.5, 0.5, -1.0, -3.0):
            yield Sample(cls(c), (rng.uniform(0.5, 2.0, (3, 5)),), f"to the {c}")
        for c in (1.0, 2.0, 3.0):
            yield Sample(cls(c), (rng.uniform(-2.0, 2.0, (4, 6)).T[::2],), f"to the {c}")
        for c in (0.0, 1.0, 2.0, 3.0):
            x = np.array([0.0, -1.5, 2.0])
            yield Sample(cls(c), (x,), f"to the {c} at 0", smooth=False)


class Square(Unary):
    """x * x."""

    precision = "high"
    keeps = {"x": ("x",)}
    conjugates = True

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.square(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * (2 * conjugated(node["x"]))


class Sqrt(Unary):
    """The square root; its derivative at 0 is infinite."""

    domain = (0.5, 3.0)
    keeps = {"x": ("y",)}
    conjugates = True

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.sqrt(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g / (2 * conjugated(node["y"]))


class Reciprocal(Unary):
    """1 / x."""

    precision = "high"
    domain = (0.5, 2.0)
    keeps = {"x": ("y",)}
    conjugates = True

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.reciprocal(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        y = conjugated(node["y"])
        return -g * y * y


class Exp(Unary):
    """e to the x."""

    precision = "high"
    keeps = {"x": ("y",)}
    conjugates = True

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.exp(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * conjugated(node["y"])


class Expm1(Unary):
    """e to the x, minus 1: exact for small x."""

    precision = "high"
    keeps = {"x": ("y",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.expm1(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * (node["y"] + 1)


class Log(Unary):
    """The natural logarithm."""

    precision = "high"
    domain = (0.5, 3.0)
    keeps = {"x": ("x",)}
    conjugates = True

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.log(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g / conjugated(node["x"])


class Log1p(Unary):
    """log(1 + x): exact for small x."""

    precision = "high"
    domain = (-0.5, 2.0)
    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.log1p(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g / (1 + node["x"])


class Log2(Unary):
    """The logarithm to base 2."""

    precision = "high"
    domain = (0.5, 3.0)
    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.log2(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g / (math.log(2) * node["x"])


class Log10(Unary):
    """The logarithm to base 10."""

    precision = "high"
    domain = (0.5, 3.0)
    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.log10(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g / (math.log(10) * node["x"])


class Logaddexp(Binary):
    """log(exp(x1) + exp(x2)), without overflow."""

    precision = "high"
    keeps = dict.fromkeys(("x1", "x2"), ("x1", "x2"))

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        with np.errstate(invalid="ignore"):  # NumPy's warns of a NaN that was there before
            return xp.logaddexp(x1, x2)

    # e^(x1 - y) would do, too, if y told large equal x1 and x2 from one of them alone

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(g * FUNCTIONS.sigmoid(node["x1"] - node["x2"]), node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(g * FUNCTIONS.sigmoid(node["x2"] - node["x1"]), node.shape("x2"))


POW, SQUARE, SQRT, RECIPROCAL = Pow(), Square(), Sqrt(), Reciprocal()
EXP, EXPM1, LOG, LOG1P, LOG2, LOG10 = Exp(), Expm1(), Log(), Log1p(), Log2(), Log10()
LOGADDEXP = Logaddexp()


@public
def pow(x1: Any, x2: Any, /) -> Tensor:
    """x1 to the power x2, elementwise with broadcasting.

    The gradient in x1 is 0 where x2 = 0, and that in x2 is 0 where x1 = 0 <= x2.
    """
    real = isinstance(x2, (int, float, np.integer, np.floating))
    if real and hasattr(x1, "dtype") and (is_floating(x1.dtype) or x1.dtype.kind == "c"):
        return apply(PowNumber.make(float(x2)), x1)
    return apply(POW, x1, x2)


@public
def square(x: Any, /) -> Tensor:
    """x * x."""
    return apply(SQUARE, x)


@public
def sqrt(x: Any, /) -> Tensor:
    """The square root of each element; NaN below 0."""
    return apply(SQRT, x)


@public
def reciprocal(x: Any, /) -> Tensor:
    """1 / x."""
    return apply(RECIPROCAL, x)


@public
def exp(x: Any, /) -> Tensor:
    """e to the x, elementwise."""
    return apply(EXP, x)


@public
def expm1(x: Any, /) -> Tensor:
    """e to the x, minus 1, elementwise; exact for small x."""
    return apply(EXPM1, x)


@public
def log(x: Any, /) -> Tensor:
    """The natural logarithm, elementwise; -inf at 0, NaN below."""
    return apply(LOG, x)


@public
def log1p(x: Any, /) -> Tensor:
    """log(1 + x), elementwise; exact for small x."""
    return apply(LOG1P, x)


@public
def log2(x: Any, /) -> Tensor:
    """The logarithm to base 2, elementwise."""
    return apply(LOG2, x)


@public
def log10(x: Any, /) -> Tensor:
    """The logarithm to base 10, elementwise."""
    return apply(LOG10, x)


@public
def logaddexp(x1: Any, x2: Any, /) -> Tensor:
    """log(exp(x1) + exp(x2)), elementwise with broadcasting, without overflow."""
    return apply(LOGADDEXP, x1, x2)
