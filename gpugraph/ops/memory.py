"""The same values elsewhere: copy, cast to another dtype, move to another device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import backend
from ..core.apply import apply
from ..core.backend import Device
from ..core.cotangents import fitted
from ..core.errors import DataError, DtypeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, Tap, traffic
from ..core.tensor import Tensor, is_floating
from .dtypes import as_dtype

__all__ = ["astype", "copy", "to"]


class Copy(Op):
    """The same values in memory of their own."""

    local = ("x",)
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        return x

    def forward(self, xp: Any, x: Any) -> Any:
        return x.copy()

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (rng.standard_normal((3, 5)),))
        yield Sample(
            cls(), (np.broadcast_to(rng.standard_normal(3), (2, 3)),), "strided, read-only"
        )
        yield Sample(cls(), (np.zeros((0, 2)),), "empty")


@dataclass(frozen=True)
class Cast(Op):
    """The same values as another dtype; the gradient is cast back."""

    dtype: np.dtype[Any]

    local = ("x",)
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        return Spec(x.shape, self.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return x.astype(self.dtype)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return fitted(g, node.dtype("x"))

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        x = rng.standard_normal((3, 5))
        yield Sample(cls(np.dtype("float64")), (x,), "as it is")
        yield Sample(cls(np.dtype("float32")), (x,), "rounds", smooth=False)
        yield Sample(cls(np.dtype("float64")), (np.arange(5),), "from integers")
        yield Sample(cls(np.dtype("float32")), (np.zeros((0, 2)),), "empty", smooth=False)


@dataclass(frozen=True)
class Move(Op):
    """The same values on another device; the gradient moves back."""

    device: str
    source: str
    moves = True

    local = ("x",)
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        return x

    def forward(self, xp: Any, x: Any) -> Any:
        return backend.to_device(x, self.device)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return to(g, self.source)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=0, bytes=traffic(x, x))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls("cpu", "cpu"), (rng.standard_normal((3, 5)),), "to where it is")


class Through(Op):
    """Inputs as they are, side by side: a place where a sweep meets all their cotangents at once.

    The first output is a view; the others, which are rare, are copies.
    """

    outputs = ("*ys",)
    view = True

    def spec(self, *xs: Spec) -> tuple[Spec, ...]:
        return xs

    def forward(self, xp: Any, *xs: Any) -> Any:
        return (xs[0], *[x.copy() for x in xs[1:]])

    def lies(self, *xs: Any) -> Any:
        return (xs[0], *[None] * (len(xs) - 1))

    def vjp(self, node: Any, needs: Any, *gs: Tensor | None) -> tuple[Tensor | None, ...]:
        return gs

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        return [Tap(a) for a in range(specs[i].ndim)] if i == k else None

    def cost(self, *xs: Spec) -> Cost:
        return Cost(flops=0, bytes=2 * traffic(*xs))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (rng.standard_normal((2, 3)),))
        three = rng.standard_normal(3), rng.standard_normal(()), np.zeros((0, 2))
        yield Sample(cls(), three, "several, one of them empty")


COPY = Copy()
THROUGH = Through()


@public
def copy(x: Any, /) -> Tensor:
    """The same values in memory of their own; gradients flow through."""
    return apply(COPY, x)


@public
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """x as another dtype, and on another device if one is given.

    copy    if False, x itself where it is of that dtype already
    Gradients flow between floating dtypes, real and complex, cast back on their way. Integers and
    bools carry none.
    Raises DtypeError for a dtype that does not exist, and for complex to real.
    """
    dtype = as_dtype("astype", dtype)
    x = x if isinstance(x, Tensor) else Tensor(x)
    if device is not None:
        x = to(x, device)
    if x.dtype == dtype:
        return apply(COPY, x) if copy else x
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        raise DtypeError(f"astype: x is {x.dtype}; {dtype} would drop its imaginary part")
    carries = is_floating(dtype) or dtype.kind == "c"
    return apply(Cast.make(dtype), x if carries else x.detach())


@public
def to(x: Any, device: Device | str, /) -> Tensor:
    """x on that device: x itself if it is there, else a copy; gradients move back.

    Raises DeviceError if there is no such device, DataError if x has no data to move (meta).
    """
    x = x if isinstance(x, Tensor) else Tensor(x)
    device = device if isinstance(device, Device) else Device(device)
    if x.device == device:
        return x
    if x.device.type == "meta":
        raise DataError(f"to: a meta tensor has no data to move to {device}")
    return apply(Move.make(str(device), str(x.device)), x)
