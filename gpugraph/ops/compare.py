"""Comparisons, logic, bits, and choosing between elements: where, maximum, minimum, clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.inputs import weak_dtype
from ..core.methods import FUNCTIONS, public
from ..core.op import Cost, Op, Sample, Spec, broadcast, traffic
from ..core.tensor import Tensor
from .broadcast import unbroadcast
from .dtypes import promoted
from .elementwise import Binary, Unary
from .memory import copy

__all__ = [
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "clip",
    "equal",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "not_equal",
    "where",
]


@dataclass(frozen=True)
class Probe(Unary):
    """A question about each element (isnan, logical_not, ...), or its bits; no gradient flows."""

    function: str
    label = property(lambda self: self.function)
    nondifferentiable = ("y",)

    def forward(self, xp: Any, x: Any) -> Any:
        return getattr(xp, self.function)(x)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = np.array([[0.0, 1.5, np.nan], [-np.inf, np.inf, -0.0]])
        for function in ("isfinite", "isinf", "isnan", "logical_not"):
            yield Sample(cls(function), (x,), function)
        yield Sample(cls("invert"), (np.array([0, 5, -7]),), "invert integers")
        yield Sample(cls("invert"), (np.array([True, False]),), "invert bools")


@dataclass(frozen=True)
class Compare(Binary):
    """A comparison of two arrays, or logic on their truths or bits; no gradient flows."""

    function: str
    label = property(lambda self: self.function)
    nondifferentiable = ("y",)

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return getattr(xp, self.function)(x1, x2)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        order = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
        floats = np.array([[-1.0, 0.0, 2.0, np.nan]])
        for function in (*order, "logical_and", "logical_or", "logical_xor"):
            yield Sample(cls(function), (floats, floats.T.copy()), function)
        integers = np.array([[0, 1, 5, 6]])
        bits = ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift")
        for function in bits:
            yield Sample(cls(function), (integers, integers.T.copy()), function)
        yield Sample(cls("less"), (np.zeros((0, 3)), np.ones(())), "empty")


class Where(Op):
    """x1 where the condition holds, else x2. No gradient flows into the condition."""

    keeps = {"x1": ("condition",), "x2": ("condition",)}

    local = ("condition", "x1", "x2")
    conjugates = True

    def spec(self, condition: Spec, x1: Spec, x2: Spec) -> Spec:
        names = ("condition", "x1", "x2")
        shape = broadcast(self.label, names, (condition.shape, x1.shape, x2.shape))
        return Spec(shape, np.result_type(x1.dtype, x2.dtype))

    def forward(self, xp: Any, condition: Any, x1: Any, x2: Any) -> Any:
        return xp.where(condition, x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(where(node["condition"], g, 0), node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(where(node["condition"], 0, g), node.shape("x2"))

    def cost(self, condition: Spec, x1: Spec, x2: Spec) -> Cost:
        y = self.spec(condition, x1, x2)
        return Cost(flops=0, bytes=traffic(condition, x1, x2, y))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        mask = np.array([[True], [False]])
        yield Sample(cls(), (mask, rng.standard_normal((2, 3)), rng.standard_normal(3)))
        yield Sample(cls(), (mask[:, 0], rng.standard_normal(()), rng.standard_normal((3, 2))))
        yield Sample(cls(), (mask, np.zeros((0,)), np.zeros(())), "empty")


class Choice(Binary, abstract=True):
    """Base of maximum and minimum: the winner takes the gradient, equals get half each.

    NaN wins over every number, as in NumPy.
    """

    keeps = {"x1": ("x1", "x2", "y"), "x2": ("x1", "x2", "y")}

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(_share(node["x1"], node["x2"], node["y"], g), node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(_share(node["x2"], node["x1"], node["y"], g), node.shape("x2"))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x1 = rng.standard_normal((4, 3))
        far = rng.choice([-1.0, 1.0], (4, 3)) * rng.uniform(0.2, 1.0, (4, 3))
        yield Sample(cls(), (x1, x1 + far), "same shape")
        x1, x2 = rng.uniform(0.0, 1.0, (2, 1, 3)), np.array([[1.5], [-0.5]])
        yield Sample(cls(), (x1, x2), "broadcast")
        yield Sample(cls(), (np.zeros((0, 3)), np.ones((1, 3))), "empty")
        x1 = np.array([1.0, 2.0, np.nan, 3.0, np.nan])
        x2 = np.array([1.0, 5.0, 4.0, np.nan, np.nan])
        yield Sample(cls(), (x1, x2), "ties, NaN", smooth=False)


def _share(mine: Tensor, other: Tensor, y: Tensor, g: Tensor) -> Tensor:
    """What of g goes to mine, where y is one of mine and other."""
    wins = (mine == y) | isnan(mine)
    ties = (other == y) | isnan(other)
    return where(wins, where(ties, 0.5 * g, g), 0)


class Maximum(Choice):
    """The larger of two elements."""

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.maximum(x1, x2)


class Minimum(Choice):
    """The smaller of two elements."""

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return xp.minimum(x1, x2)


class Clip(Op):
    """minimum(maximum(x, min), max), with either bound optional.

    At a bound x takes the gradient, beyond it the bound does; NaN in x goes through.
    """

    keeps = dict.fromkeys(("x", "min", "max"), ("x", "min", "max"))

    local = ("x", "min", "max")

    def spec(self, x: Spec, min: Spec | None, max: Spec | None) -> Spec:
        given = {n: s for n, s in (("x", x), ("min", min), ("max", max)) if s is not None}
        shape = broadcast(self.label, given, [s.shape for s in given.values()])
        dtype = x.dtype
        for bound in (min, max):
            dtype = dtype if bound is None else promoted("maximum", dtype, bound.dtype)
        return Spec(shape, dtype)

    def forward(self, xp: Any, x: Any, min: Any = None, max: Any = None) -> Any:
        y = x if min is None else xp.maximum(x, min)
        return y if max is None else xp.minimum(y, max)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x, min, max = node["x"], node["min"], node["max"]
        if min is not None:
            g = where(x < min, 0, g)
        if max is not None:
            g = where(x > max, 0, g)
        return unbroadcast(g, node.shape("x"))

    def vjp_min(self, node: Any, g: Tensor) -> Tensor:
        x, min, max = node["x"], node["min"], node["max"]
        g = where(x < min, g, 0)
        if max is not None:
            g = where(min > max, 0, g)
        return unbroadcast(g, node.shape("min"))

    def vjp_max(self, node: Any, g: Tensor) -> Tensor:
        x, min, max = node["x"], node["min"], node["max"]
        raised = x if min is None else maximum(x, min)
        return unbroadcast(where(raised > max, g, 0), node.shape("max"))

    def cost(self, x: Spec, min: Spec | None, max: Spec | None) -> Cost:
        y = self.spec(x, min, max)
        comparisons = y.size * ((min is not None) + (max is not None))
        return Cost(flops=comparisons, bytes=traffic(x, min, max, y))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = np.array([[-2.0, -0.3, 0.4, 2.0, 0.9], [3.0, -4.0, 0.1, -0.8, 0.2]])
        low, high = np.array(-0.5), rng.uniform(1.1, 1.5, (2, 1))
        yield Sample(cls(), (x, low, high), "both")
        yield Sample(cls(), (x, low, None), "from below")
        yield Sample(cls(), (x[:, ::2], None, high), "from above")
        yield Sample(cls(), (np.zeros((0, 3)), low, np.ones((1, 3))), "empty")
        kinks = np.array([-1.0, -0.0, 0.5, 1.0, 2.0, np.nan])
        yield Sample(cls(), (kinks, np.zeros(()), np.ones(())), "at the bounds, NaN", smooth=False)
        yield Sample(cls(), (kinks, np.ones(()), np.zeros(())), "min above max", smooth=False)


WHERE, MAXIMUM, MINIMUM, CLIP = Where(), Maximum(), Minimum(), Clip()


@public
def where(condition: Any, x1: Any, x2: Any, /) -> Tensor:
    """x1 where the condition holds, else x2, elementwise with broadcasting.

    condition  bools; numbers hold where they are not 0
    No gradient flows into the condition.
    """
    if getattr(condition, "dtype", None) != np.bool_:
        condition = not_equal(condition, 0)
    if isinstance(x1, Number) and isinstance(x2, Number):  # the condition's dtype has no say
        bools = all(isinstance(x, (bool, np.bool_)) for x in (x1, x2))
        dtype = weak_dtype(x1 if bools else x1 + x2, [])  # type: ignore[operator]
        x1 = FUNCTIONS.asarray(x1, dtype=dtype, device=condition.device)
    return apply(WHERE, condition, x1, x2)


@public
def maximum(x1: Any, x2: Any, /) -> Tensor:
    """The larger of two elements, with broadcasting; NaN wins, equals share the gradient."""
    return apply(MAXIMUM, x1, x2)


@public
def minimum(x1: Any, x2: Any, /) -> Tensor:
    """The smaller of two elements, with broadcasting; NaN wins, equals share the gradient."""
    return apply(MINIMUM, x1, x2)


@public
def clip(x: Any, /, min: Any = None, max: Any = None) -> Tensor:
    """x kept between two bounds: minimum(maximum(x, min), max).

    min, max  numbers or tensors that broadcast with x, or None; where min > max, the result is max
    The gradient at a bound is 1, beyond it 0 (it goes to the bound). NaN stays NaN.
    """
    return copy(x) if min is None and max is None else apply(CLIP, x, min, max)


@public
def equal(x1: Any, x2: Any, /) -> Tensor:
    """x1 == x2, elementwise with broadcasting."""
    return apply(Compare.make("equal"), x1, x2)


@public
def not_equal(x1: Any, x2: Any, /) -> Tensor:
    """x1 != x2, elementwise with broadcasting."""
    return apply(Compare.make("not_equal"), x1, x2)


@public
def less(x1: Any, x2: Any, /) -> Tensor:
    """x1 < x2, elementwise with broadcasting."""
    return apply(Compare.make("less"), x1, x2)


@public
def less_equal(x1: Any, x2: Any, /) -> Tensor:
    """x1 <= x2, elementwise with broadcasting."""
    return apply(Compare.make("less_equal"), x1, x2)


@public
def greater(x1: Any, x2: Any, /) -> Tensor:
    """x1 > x2, elementwise with broadcasting."""
    return apply(Compare.make("greater"), x1, x2)


@public
def greater_equal(x1: Any, x2: Any, /) -> Tensor:
    """x1 >= x2, elementwise with broadcasting."""
    return apply(Compare.make("greater_equal"), x1, x2)


@public
def logical_and(x1: Any, x2: Any, /) -> Tensor:
    """Are both true (not 0)? Elementwise with broadcasting."""
    return apply(Compare.make("logical_and"), x1, x2)


@public
def logical_or(x1: Any, x2: Any, /) -> Tensor:
    """Is one of them true (not 0)? Elementwise with broadcasting."""
    return apply(Compare.make("logical_or"), x1, x2)


@public
def logical_xor(x1: Any, x2: Any, /) -> Tensor:
    """Is exactly one of them true (not 0)? Elementwise with broadcasting."""
    return apply(Compare.make("logical_xor"), x1, x2)


@public
def bitwise_and(x1: Any, x2: Any, /) -> Tensor:
    """The bits that both have, elementwise with broadcasting."""
    return apply(Compare.make("bitwise_and"), x1, x2)


@public
def bitwise_or(x1: Any, x2: Any, /) -> Tensor:
    """The bits that one of them has, elementwise with broadcasting."""
    return apply(Compare.make("bitwise_or"), x1, x2)


@public
def bitwise_xor(x1: Any, x2: Any, /) -> Tensor:
    """The bits that exactly one of them has, elementwise with broadcasting."""
    return apply(Compare.make("bitwise_xor"), x1, x2)


@public
def bitwise_left_shift(x1: Any, x2: Any, /) -> Tensor:
    """The bits of x1, x2 places to the left, elementwise with broadcasting."""
    return apply(Compare.make("left_shift"), x1, x2)


@public
def bitwise_right_shift(x1: Any, x2: Any, /) -> Tensor:
    """The bits of x1, x2 places to the right, elementwise with broadcasting."""
    return apply(Compare.make("right_shift"), x1, x2)


@public
def logical_not(x: Any, /) -> Tensor:
    """Is it false (0)? Elementwise."""
    return apply(Probe.make("logical_not"), x)


@public
def bitwise_invert(x: Any, /) -> Tensor:
    """Every bit (or bool) the other way, elementwise."""
    return apply(Probe.make("invert"), x)


@public
def isnan(x: Any, /) -> Tensor:
    """Is it NaN? Elementwise."""
    return apply(Probe.make("isnan"), x)


@public
def isinf(x: Any, /) -> Tensor:
    """Is it infinite, of either sign? Elementwise."""
    return apply(Probe.make("isinf"), x)


@public
def isfinite(x: Any, /) -> Tensor:
    """Is it neither NaN nor infinite? Elementwise."""
    return apply(Probe.make("isfinite"), x)
