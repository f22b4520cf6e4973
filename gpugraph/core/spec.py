"""Shapes and costs, known before anything runs; and the samples on which an op is tested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ShapeError

if TYPE_CHECKING:
    from .op import Op

__all__ = ["Cost", "Sample", "Spec", "broadcast", "traffic"]


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
