"""Activations that other ops apply on the way, in the same pass over memory.

Such an op has an activation as a field: an op of its own right, or None for none. The kernels'
side is ``cuda/include/activation.cuh``.

    forward  y = activated(xp, self.act, z)
    cuda     dev.launch(KERNEL, ..., *activation_code(self.act), ...)    "int act, wide<T> slope"
    vjp      g = activation_grad(self.act, g, node["y"])                 with y among what it keeps
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.spec import alike
from ..core.tensor import Tensor
from ..cuda.kernel import FLOATS, Kernel, only_floats
from . import activation_cpu
from .activation import Elu, LeakyRelu, Relu, Relu6, Sigmoid, activation_grad, off_zero, only
from .angles import Tanh
from .compare import where
from .creation import zeros_like
from .image_memory import at_once, shared_blocks

__all__: list[str] = []

GRAD = Kernel(
    "ops/fused.cu", "activation_grad",
    "const T* g, const T* y, T* gx, int act, wide<T> slope, long long n", T=FLOATS,
)  # fmt: skip

MANY = 1 << 17  # elements, of which some at a time stay in the cache

# In the order of the enum in activation.cuh, where 0 is none. Their rules read their output alone.
ACTIVATIONS: dict[str, type[Op]] = {
    "relu": Relu,
    "leaky_relu": LeakyRelu,
    "elu": Elu,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
}


def activation(label: str, name: str | None, slope: float | None = None) -> Op | None:
    """The activation of that name, as the op that applies it alone.

    name   None: none at all
    slope  negative_slope of leaky_relu or alpha of elu, at least 0; None: as these have it
    """
    if name is not None and name not in ACTIVATIONS:
        known = ", ".join(map(repr, ACTIVATIONS))
        raise ArgumentError(f"{label}: act={name!r} is none of {known} or None")
    cls = None if name is None else ACTIVATIONS[name]
    if slope is None:
        return None if cls is None else cls.make()
    if cls is None or not fields(cls):
        raise ArgumentError(f"{label}: act={name!r} has no slope, got slope={slope}")
    if not slope >= 0:
        raise ArgumentError(f"{label}: slope={slope} must be at least 0")
    return cls.make(float(slope))


def activation_code(act: Op | None) -> tuple[int, float]:
    """(kind, slope): what `activate` of activation.cuh takes."""
    if act is None:
        return 0, 0.0
    return 1 + list(ACTIVATIONS.values()).index(type(act)), slope_of(act)


def slope_of(act: Op) -> float:
    """negative_slope of leaky_relu, alpha of elu; 0 for those that have none."""
    slope = [getattr(act, field.name) for field in fields(act)] or [0.0]
    return float(slope[0])


def activated(xp: Any, act: Op | None, z: Any) -> Any:
    """The activation of an array."""
    return z if act is None else act.forward(xp, z)


def slope_at(right: Any, left: float, dtype: Any) -> Any:
    """1 where `right`, else `left`: on the CPU many times as fast as `where` if in no order."""
    least = dtype.type(left)
    y = right.astype(dtype)
    y *= 1 - least  # and with least it is 1 exactly, if that is at most 1
    y += least
    return y


@dataclass(frozen=True)
class ActivationGrad(Op):
    """g times the derivative of act, in terms of what came out of it, y."""

    act: Op
    keeps = {"g": ("y",), "y": ("g", "y")}
    checks_first = True
    widens = True

    def spec(self, g: Spec, y: Spec) -> Spec:
        if g != y:
            raise ShapeError(
                f"activation_grad: g is {g.dtype} {g.shape}, y is {y.dtype} {y.shape}; "
                "both must be alike"
            )
        return g

    def forward(self, xp: Any, g: Any, y: Any) -> Any:
        if type(self.act) is Relu:
            return relu_grad(xp, g, y)
        if type(self.act) is Relu6:
            return only(g, (y != 0) & (y != 6))
        if isinstance(self.act, LeakyRelu):
            slope = slope_at(y > 0, self.act.negative_slope, y.dtype)
            slope *= g
            return slope
        if isinstance(self.act, Elu):
            slope = slope_at(y > 0, self.act.alpha, y.dtype)
            slope += xp.minimum(y, 0)
            slope *= g
            return slope
        return (y - y * y if isinstance(self.act, Sigmoid) else 1 - y * y) * g

    def kernel_limits(self, g: Spec, y: Spec) -> str | None:
        return "relu6 has none" if type(self.act) is Relu6 else only_floats(g)

    def cuda(self, dev: Any, g: Any, y: Any) -> Any:
        g, y = dev.contiguous(g), dev.contiguous(y)
        gx = dev.empty(g.shape, g.dtype)
        dev.launch(GRAD, g, y, gx, *activation_code(self.act), gx.size, threads=gx.size)
        return gx

    def cpu(self, lib: Any, g: Any, y: Any) -> Any:
        return activation_cpu.activation_grad(lib, self.act.label, slope_of(self.act), g, y)

    def vjp_g(self, node: Any, h: Tensor) -> Tensor:
        return activation_grad(self.act, h, node["y"])

    def vjp_y(self, node: Any, h: Tensor) -> Tensor:
        g, y = node["g"], node["y"]
        if isinstance(self.act, Elu):
            return where(y > 0, zeros_like(g), g * h)
        if isinstance(self.act, Sigmoid):
            return g * h * (1 - 2 * y)
        return -2 * g * h * y if isinstance(self.act, Tanh) else zeros_like(h)

    def lies(self, g: Any, y: Any) -> Any:
        return alike([g, y])

    def scratch(self, g: Spec, y: Spec) -> int:
        if isinstance(self.act, (Relu, Relu6)):
            if type(self.act) is Relu and g.size >= MANY:  # in blocks, and in numbers of g's size
                each = prod(g.shape[1:])
                blocks = at_once(g.shape[0], each, g.dtype.itemsize, 3)
                return blocks * each * (2 + g.dtype.itemsize)
            return 2 * g.size  # where y is not 0, and that as integers
        return g.nbytes + g.size

    def cost(self, g: Spec, y: Spec) -> Cost:
        flops: dict[type[Op], int] = {Relu: 0, Relu6: 0, LeakyRelu: 1, Elu: 2}
        return Cost(flops.get(type(self.act), 3) * g.size, traffic(g, y, g))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for act in one_of_each():
            y = act.forward(np, off_zero(rng, (2, 5)))
            y = y + 1 if type(act) is Relu else y  # a gradient jumps at y = 0
            yield Sample(cls(act), (rng.standard_normal((2, 5)), y), act.label)
        y = rng.uniform(1, 5, (2, 5))
        yield Sample(cls(Relu6()), (rng.standard_normal((2, 5)), y), "relu6")
        strided = rng.standard_normal((14, 6)).T[::2], Elu(0.5).forward(np, off_zero(rng, (3, 28)))
        yield Sample(cls(Elu(0.5)), (strided[0], strided[1][:, ::2]), "strided")
        yield Sample(cls(Tanh()), (np.zeros((0, 3)), np.zeros((0, 3))), "empty")
        g, at = np.array([1.0, np.inf, np.inf, -2.0, 3.0]), np.array([0.0, 1.5, 0.0, 0.5, np.nan])
        yield Sample(cls(Relu()), (g, at), "kink, NaN", False)
        g, at = np.array([1.0, -np.inf, np.inf, 2.0]), np.array([0.0, 6.0, np.nan, 5.5])
        yield Sample(cls(Relu6()), (g, at), "relu6, kinks and NaN", False)
        for act in (LeakyRelu(0.3), Elu(0.3)):
            yield Sample(cls(act), (g[:1], at[:1]), "kink", False)


def relu_grad(xp: Any, g: Any, y: Any) -> Any:
    """g where y is not 0, which is never negative; NaN passes g on."""
    if g.size < MANY or xp is not np:
        return only(g, y != 0)
    gx = np.empty_like(g)
    shared_blocks(np, g, 3, lambda part: only(g[part], y[part] != 0, gx[part]))
    return gx


def one_of_each() -> Iterator[Any]:
    """One of each activation, for the samples."""
    for cls in ACTIVATIONS.values():
        yield cls(0.3) if cls in (LeakyRelu, Elu) else cls()
