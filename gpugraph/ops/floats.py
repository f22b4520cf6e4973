"""More functions of floating numbers, elementwise: those of C's math library and NumPy's.

What can be composed of other ops is; the others are ops. Where a function has a kink, a jump or no
derivative at a point, its docstring says which gradient it takes there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.inputs import weak_dtype
from ..core.methods import FUNCTIONS, public
from ..core.op import Sample
from ..core.tensor import Tensor
from .broadcast import unbroadcast
from .compare import Probe, isnan, where
from .dtypes import finfo, promoted
from .elementwise import Binary, Unary
from .memory import astype
from .powers import log, reciprocal, sqrt

__all__ = [
    "cbrt",
    "copysign",
    "deg2rad",
    "exp2",
    "fmax",
    "fmin",
    "fmod",
    "heaviside",
    "hypot",
    "lerp",
    "logaddexp2",
    "logit",
    "nan_to_num",
    "nextafter",
    "rad2deg",
    "rsqrt",
    "signbit",
    "sinc",
    "xlogy",
]

LOG2 = math.log(2)


class Hypot(Binary):
    """sqrt(x1^2 + x2^2), without overflow on the way; its derivative at (0, 0) is 0."""

    domains = ((0.5, 2.0), (-2.0, 2.0))
    keeps = dict.fromkeys(("x1", "x2"), ("x1", "x2", "y"))

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.hypot(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(g * (node["x1"] / _not_zero(node["y"])), node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(g * (node["x2"] / _not_zero(node["y"])), node.shape("x2"))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        corner = np.array([0.0, 0.0, -3.0]), np.array([0.0, -2.0, 4.0])
        yield Sample(cls(), corner, "at zero", smooth=False)


def _not_zero(y: Tensor) -> Tensor:
    return where(y == 0, 1, y)


class Fmod(Binary):
    """x1 - trunc(x1 / x2) * x2, with the sign of x1, exactly."""

    domains = ((2.2, 2.8), (1.0, 1.05))  # x1 / x2 stays away from the integers
    keeps = {"x2": ("x1", "x2", "y")}

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.fmod(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(g, node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        whole = FUNCTIONS.round((node["x1"] - node["y"]) / node["x2"])
        return unbroadcast(-g * whole, node.shape("x2"))


class Copysign(Binary):
    """|x1| with the sign of x2, which may be that of a zero."""

    domains = ((0.5, 2.0), (-2.0, 2.0))
    keeps = {"x1": ("x1", "y")}

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.copysign(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        turned = apply(SIGNBIT, node["x1"]) != apply(SIGNBIT, node["y"])
        return unbroadcast(where(node["x1"] == 0, 0, where(turned, -g, g)), node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(g * 0.0, node.shape("x2"))


class Nextafter(Binary):
    """The next number of the dtype after x1 towards x2; no gradient flows."""

    nondifferentiable = ("y",)

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.nextafter(x1, x2)


class Logaddexp2(Binary):
    """log2(2^x1 + 2^x2), without overflow."""

    keeps = dict.fromkeys(("x1", "x2"), ("x1", "x2"))

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.logaddexp2(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        share = FUNCTIONS.sigmoid(LOG2 * (node["x1"] - node["x2"]))
        return unbroadcast(g * share, node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        share = FUNCTIONS.sigmoid(LOG2 * (node["x2"] - node["x1"]))
        return unbroadcast(g * share, node.shape("x2"))


class Cbrt(Unary):
    """The cube root, also of negative numbers; its derivative at 0 is infinite."""

    domain = (0.5, 3.0)
    keeps = {"x": ("y",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.cbrt(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g / (3 * FUNCTIONS.square(node["y"]))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls(), (rng.uniform(-3.0, -0.5, 4),), "negative")


class Exp2(Unary):
    """2 to the x."""

    keeps = {"x": ("y",)}

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.exp2(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * (LOG2 * node["y"])


@dataclass(frozen=True)
class Sinc(Unary):
    """The derivative of that order of sin(z) / z at z = pi x.

    It is the f_n with z f_n = sin(z + n pi/2) - n f_(n-1), which follows from z f_0 = sin(z); for
    small z, where that loses all digits, the power series of f_n.
    """

    order: int = 0
    keeps = {"x": ("x",)}
    widens = True
    flops = 60

    def result(self, dtype: Any) -> Any:
        return promoted("sin", dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        result = self.result(x.dtype)
        z = math.pi * x.astype(np.float64)
        edge = 1.0 + 1.5 * self.order
        inner = self._series(xp.clip(z, -edge, edge), edge)
        far = xp.where(xp.abs(z) < edge, edge, z)
        y = xp.sin(far) / far
        for n in range(1, self.order + 1):
            y = (xp.sin(far + n * (math.pi / 2)) - n * y) / far
        return xp.where(xp.abs(z) < edge, inner, y).astype(result)

    def _series(self, z: Any, edge: float) -> Any:
        """The sum of (-1)^k z^(2k-n) (2k)! / ((2k-n)! (2k+1)!) over all k with 2k >= n."""
        n, square = self.order, z * z
        first = (n + 1) // 2
        y = 0.0 * z
        for k in range(first + 12 + int(3 * edge), first - 1, -1):
            c = 1.0 / ((2 * k + 1) * math.factorial(2 * k - n))
            y = y * square + (-c if k % 2 else c)
        return y * z if n % 2 else y

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g * (math.pi * apply(Sinc.make(self.order + 1), node["x"]))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for order in (0, 1, 2, 4):
            yield Sample(cls(order), (rng.uniform(-2.5, 2.5, (3, 5)),), f"order {order}")
        yield Sample(cls(1), (rng.uniform(-0.1, 0.1, 3),), "near 0")
        yield Sample(cls(), (np.zeros((0, 3)),), "empty")


HYPOT, FMOD, COPYSIGN, NEXTAFTER = Hypot(), Fmod(), Copysign(), Nextafter()
LOGADDEXP2, CBRT, EXP2, SINC = Logaddexp2(), Cbrt(), Exp2(), Sinc()
SIGNBIT = Probe.make("signbit")


@public
def hypot(x1: Any, x2: Any, /) -> Tensor:
    """sqrt(x1^2 + x2^2), elementwise with broadcasting; its gradient at (0, 0) is 0."""
    return apply(HYPOT, x1, x2)


@public
def fmod(x1: Any, x2: Any, /) -> Tensor:
    """x1 - trunc(x1 / x2) * x2, elementwise with broadcasting; has the sign of x1."""
    return apply(FMOD, x1, x2)


@public
def copysign(x1: Any, x2: Any, /) -> Tensor:
    """|x1| with the sign of x2, elementwise with broadcasting.

    The gradient in x1 is 1, or -1 where the sign changes, and 0 where x1 = 0; that in x2 is 0.
    """
    return apply(COPYSIGN, x1, x2)


@public
def nextafter(x1: Any, x2: Any, /) -> Tensor:
    """The next number of the dtype after x1 in the direction of x2; no gradient flows."""
    return apply(NEXTAFTER, x1, x2)


@public
def logaddexp2(x1: Any, x2: Any, /) -> Tensor:
    """log2(2^x1 + 2^x2), elementwise with broadcasting, without overflow."""
    return apply(LOGADDEXP2, x1, x2)


@public
def cbrt(x: Any, /) -> Tensor:
    """The cube root of each element, also of negative ones."""
    return apply(CBRT, x)


@public
def exp2(x: Any, /) -> Tensor:
    """2 to the x, elementwise."""
    return apply(EXP2, x)


@public
def rsqrt(x: Any, /) -> Tensor:
    """1 / sqrt(x), elementwise."""
    return reciprocal(sqrt(x))


@public
def sinc(x: Any, /) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0, elementwise; with derivatives that are exact near 0, too."""
    return apply(SINC, x)


@public
def signbit(x: Any, /) -> Tensor:
    """Is the sign a minus (also that of -0.0)? Elementwise."""
    return apply(SIGNBIT, x)


@public
def heaviside(x1: Any, x2: Any, /) -> Tensor:
    """0 where x1 < 0, x2 where x1 = 0, 1 where x1 > 0; NaN where x1 is NaN.

    A gradient flows into x2 alone.
    """
    x1, x2 = together(x1, x2)
    y = where(x1 == 0, x2, x1.detach())
    y = where(x1 > 0, 1, where(x1 < 0, 0, y))
    return astype(y, promoted("heaviside", y.dtype, y.dtype), copy=False)


@public
def deg2rad(x: Any, /) -> Tensor:
    """Angles in degrees as radians."""
    return FUNCTIONS.multiply(x, math.pi / 180)


@public
def rad2deg(x: Any, /) -> Tensor:
    """Angles in radians as degrees."""
    return FUNCTIONS.multiply(x, 180 / math.pi)


def together(*xs: Any) -> list[Tensor]:
    """All as tensors on one device; numbers take the dtype that they have beside the others."""
    given = [x for x in xs if hasattr(x, "dtype") and not isinstance(x, np.generic)]
    device = FUNCTIONS.asarray(given[0]).device if given else None
    dtypes = [x.dtype for x in given]
    made = []
    for x in xs:
        weak = isinstance(x, (int, float, complex, np.generic))
        dtype = weak_dtype(x, dtypes) if weak else None
        made.append(FUNCTIONS.asarray(x, dtype=dtype, device=device if weak else None))
    return made


@public
def fmax(x1: Any, x2: Any, /) -> Tensor:
    """The larger of two elements, or the other one where one is NaN; equals share the gradient."""
    return _chosen(FUNCTIONS.maximum, x1, x2)


@public
def fmin(x1: Any, x2: Any, /) -> Tensor:
    """The smaller of two elements, or the other one where one is NaN; equals share the gradient."""
    return _chosen(FUNCTIONS.minimum, x1, x2)


def _chosen(choice: Any, x1: Any, x2: Any) -> Tensor:
    """maximum or minimum, to which each NaN is shown as the number beside it."""
    x1, x2 = together(x1, x2)
    return choice(where(isnan(x1), x2, x1), where(isnan(x2), x1, x2))


@public
def xlogy(x1: Any, x2: Any, /) -> Tensor:
    """x1 * log(x2), and 0 where x1 = 0, elementwise with broadcasting; NaN where x2 is NaN.

    Where x1 = 0 the gradient in x1 is log(x2) for finite x2 > 0, else 0; that in x2 is 0.
    """
    x1, x2 = together(x1, x2)
    off = (x1 == 0) & ((x2 <= 0) | (x2 == math.inf))
    return x1 * log(where(off, 1, x2))


@public
def logit(x: Any, /, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of the sigmoid, elementwise.

    eps  keep x between eps and 1 - eps first
    """
    x = FUNCTIONS.asarray(x) if eps is None else FUNCTIONS.clip(x, eps, 1 - eps)
    return log(x) - FUNCTIONS.log1p(-x)


@public
def lerp(start: Any, end: Any, weight: Any, /) -> Tensor:
    """start + weight * (end - start), with broadcasting; exact at weight 0 and 1."""
    start, end, weight = together(start, end, weight)
    span = end - start
    return where(weight < 0.5, start + weight * span, end - (1 - weight) * span)


@public
def nan_to_num(
    x: Any, /, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Tensor:
    """x with numbers in the place of NaN and infinities, which take no gradient then.

    nan, posinf, neginf  the numbers; None is the largest or smallest of the dtype
    copy                 for NumPy's sake; x itself is never changed
    """
    x = FUNCTIONS.asarray(x)
    if x.dtype.kind in "biu":
        return FUNCTIONS.copy(x)
    limits = finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    y = where(isnan(x), nan, x)
    return where(x == math.inf, high, where(x == -math.inf, low, y))
