"""Broadcasting and its adjoint: repeat along axes, sum along axes.

    y  = BroadcastTo(x)    any shape -> self.shape, by NumPy's rules
    gx = SumTo(gy)         the sum over the axes that broadcasting added or stretched

<gy, BroadcastTo(x)> = <SumTo(gy), x>, so each is the other's vjp.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import DtypeError, ShapeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor

__all__ = ["broadcast_to"]


def lengths_of(label: str, shape: Any) -> tuple[int, ...]:
    """A shape given as an int or a sequence of them, as a tuple of Python ints."""
    try:
        return tuple([index(n) for n in (shape if isinstance(shape, (tuple, list)) else [shape])])
    except TypeError:
        raise DtypeError(f"{label}: shape {shape!r} must be an int or a tuple of ints") from None


@dataclass(frozen=True)
class BroadcastTo(Op):
    """Repeat along missing and length-1 axes, without copying."""

    shape: tuple[int, ...]
    view = True

    local = ("x",)
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        lead = len(self.shape) - len(x.shape)
        if lead < 0 or any(
            n not in (1, m) or m < 0 for n, m in zip((1,) * lead + x.shape, self.shape, strict=True)
        ):
            raise ShapeError(
                f"broadcast_to: x {x.shape} does not broadcast to {self.shape}; "
                "from the right, each length must be equal or 1"
            )
        return Spec(self.shape, x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.broadcast_to(x, self.shape)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(g, node.shape("x"))

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls((2, 3, 5)), (rng.standard_normal((3, 1)),))
        yield Sample(cls((4,)), (rng.standard_normal(()),), "from a number")
        yield Sample(cls((2, 0, 3)), (rng.standard_normal((1, 3)),), "to nothing")


@dataclass(frozen=True)
class SumTo(Op):
    """Sum over the axes in which `shape` is shorter: the adjoint of broadcasting."""

    shape: tuple[int, ...]
    widens = True
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        BroadcastTo(x.shape).spec(Spec(self.shape, x.dtype))
        return Spec(self.shape, x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        lead = x.ndim - len(self.shape)
        stretched = [
            lead + i for i, n in enumerate(self.shape) if n == 1 and x.shape[lead + i] != 1
        ]
        return x.sum(axis=(*range(lead), *stretched), dtype=x.dtype).reshape(self.shape)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return broadcast_to(g, node.shape("x"))

    def cost(self, x: Spec) -> Cost:
        y = self.spec(x)
        return Cost(flops=max(0, x.size - y.size), bytes=traffic(x, y))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls((3, 1)), (rng.standard_normal((2, 3, 5)),))
        yield Sample(cls(()), (rng.standard_normal((4, 1)),), "to a number")
        yield Sample(cls((1, 3)), (rng.standard_normal((2, 0, 3)),), "from nothing")


@public
def broadcast_to(x: Tensor, /, shape: Any) -> Tensor:
    """x repeated to that shape by NumPy's broadcasting rules; a read-only view of x."""
    shape = lengths_of("broadcast_to", shape)
    if isinstance(x, Tensor) and x.shape == shape:
        return x
    return apply(BroadcastTo.make(shape), x)


@public
def unbroadcast(g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """g summed over what broadcasting from that shape had repeated."""
    return g if g.array.shape == shape else apply(SumTo.make(shape), g)
