"""Shapes and costs, known before anything runs; and the samples on which an op is tested."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ShapeError

if TYPE_CHECKING:
    from .op import Op

__all__ = ["Cost", "Sample", "Spec", "Tap", "alike", "broadcast", "lies", "own_places", "traffic"]


@dataclass(frozen=True)
class Spec:
    """Shape and dtype of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for length in self.shape:
            n *= length
        return n

    @property
    def nbytes(self) -> int:
        """Bytes the elements take."""
        return self.size * self.dtype.itemsize


@dataclass(frozen=True)
class Cost:
    """What one application of an op costs, by formula.

    flops    floating-point operations; 1 multiply-add = 2
    bytes    compulsory traffic: each input read once, each output written once
    macs     multiply-adds of conv, linear and matmul, bias left out; 0 for every other op
    formula  the same with the numbers put in, such as "3*3*64*64*56*56"
    """

    flops: int
    bytes: int
    macs: int = 0
    formula: str = ""


@dataclass(frozen=True)
class Tap:
    """What an output sees of one axis of an input.

    Position o of the output's axis `axis` sees the input's positions o*stride + start to
    o*stride + start + size - 1, or some of these and the two at the ends. With axis None every
    output sees positions start to start + size - 1, wherever it is.

    regular  False where each position sees one of the input, but in an order that no stride tells
    """

    axis: int | None
    size: int = 1
    stride: int = 1
    start: int = 0
    regular: bool = True

    @classmethod
    def all(cls, length: int) -> Tap:
        """Every output sees all of an axis of that length."""
        return cls(None, length, 0)


def own_places(op: Op, specs: Sequence[Any], i: int, k: int) -> list[Tap] | None:
    """What output k sees of input i if that is local: each element the one at its own place."""
    if op.name_of(i, len(specs)) not in op.local:
        return None
    told, x = op.spec(*specs), specs[i]
    y = told[k] if isinstance(told, tuple) else told
    lead = y.ndim - x.ndim
    if lead < 0:  # another output, such as a batch's statistics
        return None
    return [
        Tap(lead + a) if n == y.shape[lead + a] else Tap.all(1)  # a length of 1 is repeated
        for a, n in enumerate(x.shape)
    ]


def alike(arrays: Iterable[Any]) -> Any:
    """The first of the largest arrays, if the axes of those lie in one order in memory; else None.

    So NumPy's functions of several arrays decide about the order of their result.
    """
    given = [a for a in arrays if a is not None]
    if not given:
        return None
    ndim = max(a.ndim for a in given)
    size = max(a.size for a in given)
    large = [a for a in given if (a.ndim, a.size) == (ndim, size)]
    return large[0] if len({_order(a) for a in large}) == 1 else None


def _order(a: Any) -> tuple[int, ...]:
    """The axes of an array, those with the largest strides first."""
    return tuple(sorted(range(a.ndim), key=lambda axis: -abs(a.strides[axis])))


def lies(op: Op, *arrays: Any) -> Any:
    """What the outputs of forward are like in memory on the CPU: an array whose axes lie in the
    same order; None for the usual order, and where an op that gives views has to copy.

    arrays  the inputs, without data; only shapes and strides are to be looked at
    By default views are what forward makes, and what sees elements at their own places keeps the
    order that its inputs have in common.
    """
    if op.view:
        return op.forward(np, *arrays)
    n = len(arrays)
    return alike([a for i, a in enumerate(arrays) if op.name_of(i, n) in op.local])


def traffic(*specs: Spec | None) -> int:
    """Bytes of all these arrays together: the traffic of reading or writing each once."""
    return sum(spec.nbytes for spec in specs if spec is not None)


@dataclass(frozen=True)
class Sample:
    """One call of an op for the tests: the op and its input arrays.

    smooth  False where the op has ties, kinks or NaN at these inputs: then the gradient is compared
            with one written by hand instead of being checked by finite differences
    """

    op: Op
    inputs: tuple[Any, ...]
    note: str = ""
    smooth: bool = True


def broadcast(
    label: str, names: Iterable[str], shapes: Iterable[tuple[int, ...]]
) -> tuple[int, ...]:
    """The common shape under NumPy's broadcasting rules, or a ShapeError that names the inputs."""
    shapes = list(shapes)
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        told = ", ".join(f"{n} {s}" for n, s in zip(names, shapes))
        raise ShapeError(
            f"{label}: {told} do not broadcast; from the right, lengths must be equal or 1"
        ) from None
