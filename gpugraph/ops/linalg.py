"""Products of matrices: matmul with batches, and linear.

Costs: the headline is MACs, one for each product that is summed up; 1 MAC = 2 FLOPs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import DtypeError, ShapeError
from ..core.methods import public
from ..core.op import Cost, Op, Sample, Spec, Tap, broadcast, traffic
from ..core.tensor import Tensor
from . import matmul_cpu
from .broadcast import unbroadcast
from .conjugate import conjugated
from .einsum import tensordot
from .elementwise import multiply
from .matmul_numpy import product
from .shape import shape_of

__all__ = ["dot", "linear", "matmul"]


class Matmul(Op):
    """x1 @ x2: a matrix product for each batch; batches broadcast.

    A 1-D x1 is one row, a 1-D x2 one column, and the axis of length 1 is left out of the result.
    """

    precision = "low"
    keeps = {"x1": ("x2",), "x2": ("x1",)}
    widens = True
    conjugates = True

    def spec(self, x1: Spec, x2: Spec) -> Spec:
        for name, x in (("x1", x1), ("x2", x2)):
            if not x.shape:
                raise ShapeError(f"matmul: {name} is 0-d; it must have at least 1 axis (use *)")
        inner = x2.shape[-2:][0]
        if x1.shape[-1] != inner:
            place = "the last but one of x2" if x2.ndim > 1 else "the axis of x2"
            raise ShapeError(
                f"matmul: x1 {x1.shape} @ x2 {x2.shape}: the last axis of x1 ({x1.shape[-1]}) "
                f"must equal {place} ({inner})"
            )
        batches = (x1.shape[:-2], x2.shape[:-2])
        batch = broadcast("matmul", ("batch axes of x1", "batch axes of x2"), batches)
        row, column = (
            x1.shape[-2:-1],
            x2.shape[-1:] if x2.ndim > 1 else (),
        )  # (M,) or (), (N,) or ()
        return Spec((*batch, *row, *column), np.result_type(x1.dtype, x2.dtype))

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        return product(xp, x1, x2)

    def cpu(self, lib: Any, x1: Any, x2: Any) -> Any:
        if x1.ndim != 2 or x2.ndim != 2 or x1.shape[1] != x2.shape[0]:
            return None
        return matmul_cpu.product(lib, x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        shape = node.shape("x1")
        x2 = _as_column(conjugated(node["x2"]))
        gx = _as_matrices(node, g) @ x2.mT  # (..., M, N) @ (..., N, K)
        return unbroadcast(gx, shape if len(shape) > 1 else (1, *shape)).reshape(shape)

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        shape = node.shape("x2")
        x1, g = conjugated(node["x1"]), _as_matrices(node, g)
        if x1.ndim == 1:
            x1 = x1.reshape((1, *x1.shape))
        elif len(shape) <= 2:  # one x2 for all batches: one product over all their rows
            x1, g = x1.flatten(0, -2), g.flatten(0, -2)
        gx = x1.mT @ g  # (..., K, M) @ (..., M, N)
        return unbroadcast(gx, shape if len(shape) > 1 else (*shape, 1)).reshape(shape)

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        x, y = specs[i].shape, self.spec(*specs).shape
        if specs[0].ndim < 2 or specs[1].ndim < 2:
            return None
        lead, inner = len(y) - len(x), len(x) - (1 if i == 0 else 2)
        return [
            Tap.all(n) if a == inner or y[lead + a] != n else Tap(lead + a) for a, n in enumerate(x)
        ]

    def cost(self, x1: Spec, x2: Spec) -> Cost:
        y = self.spec(x1, x2)
        macs = y.size * x1.shape[-1]
        formula = "*".join(str(n) for n in (*y.shape, x1.shape[-1]))
        return Cost(flops=2 * macs, bytes=traffic(x1, x2, y), macs=macs, formula=formula)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for note, *shapes in (
            ("matrices", (2, 3), (3, 4)),
            ("row and column", (3,), (3,)),
            ("matrix and column", (2, 3), (3,)),
            ("row and batch", (3,), (2, 3, 4)),
            ("batch and column", (2, 4, 3), (3,)),
            ("one matrix for all batches", (5, 2, 3), (3, 2)),
            ("batches that broadcast", (2, 1, 2, 3), (4, 3, 1)),
            ("empty batch", (0, 2, 3), (3, 2)),
            ("empty sum", (2, 0), (0, 3)),
        ):
            yield Sample(cls(), tuple([rng.standard_normal(s) for s in shapes]), note)
        yield Sample(
            cls(), (rng.standard_normal((3, 4)).T, rng.standard_normal((4, 3)).T), "strided"
        )


def _as_matrices(node: Any, g: Tensor) -> Tensor:
    """The cotangent of a product with the axes back that 1-D inputs left out: (..., M, N)."""
    if len(node.shape("x2")) == 1:
        g = g.reshape((*g.shape, 1))
    if len(node.shape("x1")) == 1:
        g = g.reshape((*g.shape[:-1], 1, g.shape[-1]))
    return g


def _as_column(x: Tensor) -> Tensor:
    """A 1-D x2 as the column that it stands for."""
    return x if x.ndim > 1 else x.reshape((*x.shape, 1))


def _features_cure(x: tuple[int, ...], wanted: int) -> str:
    """What to do about a wrong number of features: was flattening, or the batch axis, forgotten?"""
    if len(x) > 2 and math.prod(x[1:]) == wanted:
        return "flatten each example first: x.flatten(1)"
    if len(x) > 1 and math.prod(x) == wanted:
        return (
            "x holds that many in all, so the axis of the batch seems to be missing; x[None] adds "
            "it to one example"
        )
    return (
        f"a layer of in_features={x[-1]} (or None, to learn it from its first input) takes this x"
    )


class Linear(Op):
    """x @ w.T + b over the last axis of x: (..., I), (O, I), (O,) -> (..., O)."""

    precision = "low"
    keeps = {"x": ("w",), "w": ("x",)}
    checks_first = True
    widens = True

    def spec(self, x: Spec, w: Spec, b: Spec | None) -> Spec:
        if w.ndim != 2:
            raise ShapeError(f"linear: w {w.shape} must have 2 axes (outputs, features)")
        if not x.shape:
            raise ShapeError(f"linear: x is 0-d; its last axis must hold {w.shape[1]} features")
        if x.shape[-1] != w.shape[1]:
            raise ShapeError(
                f"linear: x has {x.shape[-1]} features in its last axis; w {w.shape} takes "
                f"{w.shape[1]}; x is {x.shape}: {_features_cure(x.shape, w.shape[1])}"
            )
        if b is not None and b.shape != w.shape[:1]:
            raise ShapeError(f"linear: b {b.shape} must be {w.shape[:1]}, one for each row of w")
        for name, other in (("w", w), ("b", b)):
            if other is not None and other.dtype != x.dtype:
                raise DtypeError(
                    f"linear: x is {x.dtype}, {name} is {other.dtype}; cast one of them: "
                    f"x.astype(gpugraph.{other.dtype})"
                )
        return Spec((*x.shape[:-1], w.shape[0]), x.dtype)

    def forward(self, xp: Any, x: Any, w: Any, b: Any = None) -> Any:
        rows = x.reshape(math.prod(x.shape[:-1]), w.shape[1])
        y = product(xp, rows, w.T)  # (..., I) -> (rows, I) -> (rows, O)
        if b is not None:
            y += b
        return y.reshape(*x.shape[:-1], w.shape[0])

    def cpu(self, lib: Any, x: Any, w: Any, b: Any = None) -> Any:
        rows = x.reshape(math.prod(x.shape[:-1]), w.shape[1])
        y = matmul_cpu.product(lib, rows, w.T, b)
        return None if y is None else y.reshape(*x.shape[:-1], w.shape[0])

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return apply(self, g, node["w"].T, None)

    def vjp_w(self, node: Any, g: Tensor) -> Tensor:
        rows = math.prod(g.shape[:-1])
        x = node["x"].reshape((rows, node.shape("w")[1]))
        return g.reshape((rows, g.shape[-1])).T @ x  # (O, rows) @ (rows, I)

    def vjp_b(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(g, node.shape("b"))

    def sees(self, specs: Sequence[Any], i: int, k: int = 0) -> Sequence[Tap | None] | None:
        x = specs[0].shape
        return None if i else [*map(Tap, range(len(x) - 1)), Tap.all(x[-1])]

    def cost(self, x: Spec, w: Spec, b: Spec | None) -> Cost:
        y = self.spec(x, w, b)
        macs = y.size * w.shape[1]
        flops = 2 * macs + (0 if b is None else y.size)
        formula = "*".join(str(n) for n in (*y.shape, w.shape[1]))
        return Cost(flops=flops, bytes=traffic(x, w, b, y), macs=macs, formula=formula)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        yield Sample(cls(), (draw((4, 3)), draw((2, 3)), draw(2)))
        yield Sample(
            cls(), (draw((2, 5, 3)), draw((3, 4)).T, None), "no bias, batch axes, strided w"
        )
        yield Sample(cls(), (draw(3), draw((1, 3)), draw(1)), "one example")
        yield Sample(cls(), (np.zeros((0, 3)), draw((2, 3)), draw(2)), "empty batch")
        yield Sample(cls(), (np.zeros((2, 0)), np.zeros((3, 0)), draw(3)), "no features")


MATMUL, LINEAR = Matmul(), Linear()


@public
def matmul(x1: Any, x2: Any, /) -> Tensor:
    """x1 @ x2 over the last two axes, (..., M, K) @ (..., K, N) -> (..., M, N).

    The axes before are batches and broadcast. A 1-D x1 is a row and a 1-D x2 a column, without the
    axis of length 1 in the result. Raises ShapeError if the inner lengths or the batches don't fit.
    """
    return apply(MATMUL, x1, x2)


@public
def linear(x: Any, w: Any, b: Any = None) -> Tensor:
    """x @ w.T + b, a fully connected layer: (..., I), (O, I), (O,) -> (..., O).

    All must have one dtype (DtypeError): mixing them by accident costs precision or time.
    """
    return apply(LINEAR, x, w, b)


@public
def dot(x1: Any, x2: Any, /) -> Tensor:
    """x1 * x2 for numbers, else the sum over the last axis of x1 and the last but one of x2."""
    n1, n2 = len(shape_of("dot", x1, "x1")), len(shape_of("dot", x2, "x2"))
    if n1 == 0 or n2 == 0:
        return multiply(x1, x2)
    if n2 <= 2:
        return matmul(x1, x2)
    return tensordot(x1, x2, axes=((-1,), (-2,)))
