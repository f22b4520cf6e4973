"""Activations that other ops apply on the way, in the same pass over memory.

Such an op has an activation as a field: an op of its own right, or None for none. The kernels'
side is ``cuda/include/activation.cuh``.

    forward  y = activated(xp, self.act, z)
    cuda     dev.launch(KERNEL, ..., *activation_code(self.act), ...)    "int act, wide<T> slope"
    vjp      g = through(self.act, node, g)                              with y among what it keeps
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ..core.errors import ArgumentError
from ..core.op import Op
from ..core.tensor import Tensor
from .activation import Elu, LeakyRelu, Relu, Sigmoid
from .angles import Tanh

__all__: list[str] = []

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
    slope = [getattr(act, field.name) for field in fields(act)] or [0.0]
    return 1 + list(ACTIVATIONS.values()).index(type(act)), slope[0]


def activated(xp: Any, act: Op | None, z: Any) -> Any:
    """The activation of an array."""
    return z if act is None else act.forward(xp, z)


def through(act: Op | None, node: Any, g: Tensor) -> Tensor:
    """The cotangent of what was activated, from that of the node's output y, which it keeps."""
    return g if act is None else act.rules[0](act, node, g)  # type: ignore[misc]
