"""Trigonometric and hyperbolic functions and their inverses, elementwise.

Integer and bool inputs give floats, as in NumPy 2. Each costs 1 FLOP per element, since no hardware
agrees on more.
"""

from __future__ import annotations

from typing import Any

from ..core.apply import apply
from ..core.methods import public
from ..core.tensor import Tensor
from .activation import activation_grad
from .broadcast import unbroadcast
from .elementwise import Binary, Unary

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "sin",
    "sinh",
    "tan",
    "tanh",
]


class Sin(Unary):
    """The sine."""

    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.sin(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * cos(node["x"])


class Cos(Unary):
    """The cosine."""

    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.cos(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return -g * sin(node["x"])


class Tan(Unary):
    """The tangent."""

    domain = (-1.0, 1.0)
    keeps = {"x": ("y",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.tan(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        y = node["y"]
        return g * (1 + y * y)


class Asin(Unary):
    """The angle in [-pi/2, pi/2] with that sine."""

    domain = (-0.8, 0.8)
    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arcsin(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x = node["x"]
        return g / ((1 - x) * (1 + x)).sqrt()


class Acos(Unary):
    """The angle in [0, pi] with that cosine."""

    domain = (-0.8, 0.8)
    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arccos(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x = node["x"]
        return -g / ((1 - x) * (1 + x)).sqrt()


class Atan(Unary):
    """The angle in [-pi/2, pi/2] with that tangent."""

    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arctan(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x = node["x"]
        return g / (1 + x * x)


class Atan2(Binary):
    """The angle in [-pi, pi] between the positive axis x2 and the point (x2, x1)."""

    domains = ((-2.0, 2.0), (0.5, 2.0))
    keeps = {"x1": ("x1", "x2"), "x2": ("x1", "x2")}

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.arctan2(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(g * (node["x2"] / _norm(node)), node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(-g * (node["x1"] / _norm(node)), node.shape("x2"))


def _norm(node: Any) -> Tensor:
    """x1^2 + x2^2; 1 at the origin, where atan2 has no gradient and 0 is given."""
    x1, x2 = node["x1"], node["x2"]
    norm = x1 * x1 + x2 * x2
    return norm + (norm == 0).astype(norm.dtype)


class Sinh(Unary):
    """The hyperbolic sine."""

    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.sinh(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * cosh(node["x"])


class Cosh(Unary):
    """The hyperbolic cosine."""

    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.cosh(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * sinh(node["x"])


class Tanh(Unary):
    """The hyperbolic tangent."""

    keeps = {"x": ("y",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.tanh(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return activation_grad(self, g, node["y"])


class Asinh(Unary):
    """The inverse of sinh."""

    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arcsinh(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x = node["x"]
        return g / (1 + x * x).sqrt()


class Acosh(Unary):
    """The inverse of cosh, not negative; NaN below 1."""

    domain = (1.5, 3.0)
    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arccosh(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x = node["x"]
        return g / ((x - 1) * (x + 1)).sqrt()


class Atanh(Unary):
    """The inverse of tanh."""

    domain = (-0.8, 0.8)
    keeps = {"x": ("x",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arctanh(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x = node["x"]
        return g / ((1 - x) * (1 + x))


SIN, COS, TAN, ASIN, ACOS, ATAN = Sin(), Cos(), Tan(), Asin(), Acos(), Atan()
SINH, COSH, TANH, ASINH, ACOSH, ATANH = Sinh(), Cosh(), Tanh(), Asinh(), Acosh(), Atanh()
ATAN2 = Atan2()


@public
def sin(x: Any, /) -> Tensor:
    """The sine of x in radians, elementwise."""
    return apply(SIN, x)


@public
def cos(x: Any, /) -> Tensor:
    """The cosine of x in radians, elementwise."""
    return apply(COS, x)


@public
def tan(x: Any, /) -> Tensor:
    """The tangent of x in radians, elementwise."""
    return apply(TAN, x)


@public
def asin(x: Any, /) -> Tensor:
    """The angle in [-pi/2, pi/2] whose sine is x, elementwise."""
    return apply(ASIN, x)


@public
def acos(x: Any, /) -> Tensor:
    """The angle in [0, pi] whose cosine is x, elementwise."""
    return apply(ACOS, x)


@public
def atan(x: Any, /) -> Tensor:
    """The angle in [-pi/2, pi/2] whose tangent is x, elementwise."""
    return apply(ATAN, x)


@public
def atan2(x1: Any, x2: Any, /) -> Tensor:
    """The angle in [-pi, pi] of the point (x2, x1), elementwise with broadcasting."""
    return apply(ATAN2, x1, x2)


@public
def sinh(x: Any, /) -> Tensor:
    """The hyperbolic sine, elementwise."""
    return apply(SINH, x)


@public
def cosh(x: Any, /) -> Tensor:
    """The hyperbolic cosine, elementwise."""
    return apply(COSH, x)


@public
def tanh(x: Any, /) -> Tensor:
    """The hyperbolic tangent, elementwise."""
    return apply(TANH, x)


@public
def asinh(x: Any, /) -> Tensor:
    """The inverse of sinh, elementwise."""
    return apply(ASINH, x)


@public
def acosh(x: Any, /) -> Tensor:
    """The inverse of cosh, elementwise; NaN below 1."""
    return apply(ACOSH, x)


@public
def atanh(x: Any, /) -> Tensor:
    """The inverse of tanh, elementwise."""
    return apply(ATANH, x)
