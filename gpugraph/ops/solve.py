"""Linear systems and determinants, for each matrix of a batch. A^H is the conjugate transpose.

    x = Solve(A, b)      A x = b         gb = A^-H gx       gA = -gb x^H
    y = Inv(A)           A y = 1         gA = -y^H gy y^H
    y = Det(A)                           gA = gy Cofactors(A)
    s, l = Slogdet(A)    s e^l = det A   gA = gl A^-T

Source: M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic
differentiation (2008). Costs count an LU decomposition with 2/3 n^3 FLOPs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ShapeError
from ..core.op import Cost, Op, Sample, Spec, broadcast, traffic
from ..core.tensor import Tensor
from .broadcast import unbroadcast
from .complex import real_dtype
from .matrices import adjoint, lapack, matrix

__all__: list[str] = []


def _systems(x: Spec) -> int:
    """How many matrices there are."""
    n = 1
    for length in x.shape[:-2]:
        n *= length
    return n


def _lu(x: Spec) -> int:
    return _systems(x) * round(2 / 3 * x.shape[-1] ** 3)


class Solve(Op):
    """The x with x1 @ x = x2: (..., M, M), (..., M, K) -> (..., M, K). Batches broadcast."""

    keeps = {"x1": ("x1", "y"), "x2": ("x1",)}
    checks_first = True
    precision = "high"  # LAPACK takes no half precision
    conjugates = True

    def spec(self, x1: Spec, x2: Spec) -> Spec:
        a, b = matrix("solve", x1, "x1", square=True), matrix("solve", x2, "x2")
        if a.shape[-1] != b.shape[-2]:
            raise ShapeError(
                f"solve: x1 {a.shape} has {a.shape[-1]} rows, x2 {b.shape} has {b.shape[-2]}; "
                "they must be equally many"
            )
        names = ("batch axes of x1", "batch axes of x2")
        batch = broadcast("solve", names, (a.shape[:-2], b.shape[:-2]))
        return Spec((*batch, *b.shape[-2:]), np.result_type(a.dtype, b.dtype))

    def forward(self, xp: Any, x1: Any, x2: Any) -> Any:
        batch = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
        x1 = xp.broadcast_to(x1, (*batch, *x1.shape[-2:]))
        x2 = xp.broadcast_to(x2, (*batch, *x2.shape[-2:]))
        with lapack(f"solve: x1 {x1.shape} is singular; lstsq finds what comes nearest"):
            return xp.linalg.solve(x1, x2)

    def vjp_x1(self, node: Any, g: Tensor) -> Tensor:
        gb = apply(SOLVE, adjoint(node["x1"]), g)
        return unbroadcast(-gb @ adjoint(node["y"]), node.shape("x1"))

    def vjp_x2(self, node: Any, g: Tensor) -> Tensor:
        return unbroadcast(apply(SOLVE, adjoint(node["x1"]), g), node.shape("x2"))

    def cost(self, x1: Spec, x2: Spec) -> Cost:
        y = self.spec(x1, x2)
        return Cost(flops=_lu(x1) + 2 * y.size * x1.shape[-1], bytes=traffic(x1, x2, y))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        yield Sample(cls(), (_regular(rng, 3), draw((3, 2))))
        yield Sample(cls(), (_regular(rng, 2, 1, 3), draw((4, 3, 1))), "batches that broadcast")
        yield Sample(cls(), (_regular(rng, 2, 2).swapaxes(1, 2), draw((3, 2)).T), "strided")
        z = _regular(rng, 2) + 1j * draw((2, 2))
        yield Sample(cls(), (z, draw((2, 3)) - 1j), "complex")
        yield Sample(cls(), (np.zeros((0, 0)), np.zeros((0, 2))), "empty")


class Inv(Op):
    """The inverse: (..., M, M) -> (..., M, M)."""

    keeps = {"x": ("y",)}
    checks_first = True
    precision = "high"
    conjugates = True

    def spec(self, x: Spec) -> Spec:
        return matrix("inv", x, square=True)

    def forward(self, xp: Any, x: Any) -> Any:
        with lapack(f"inv: x {x.shape} is singular; pinv gives its pseudo-inverse"):
            return xp.linalg.inv(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        y = adjoint(node["y"])
        return -y @ g @ y

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=2 * x.size * x.shape[-1], bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (_regular(rng, 3),))
        yield Sample(cls(), (_regular(rng, 2, 2).swapaxes(1, 2),), "batch, strided")
        yield Sample(cls(), (_regular(rng, 2) + 1j * rng.standard_normal((2, 2)),), "complex")
        yield Sample(cls(), (np.zeros((2, 0, 0)),), "empty")


class Det(Op):
    """The determinant: (..., M, M) -> (...)."""

    keeps = {"x": ("x",)}
    checks_first = True
    precision = "high"

    def spec(self, x: Spec) -> Spec:
        x = matrix("det", x, square=True)
        return Spec(x.shape[:-2], x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.linalg.det(x)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return g[..., None, None] * apply(COFACTORS, node["x"])

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=_lu(x), bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (_regular(rng, 3),))
        yield Sample(cls(), (_regular(rng, 2, 2).swapaxes(1, 2),), "batch, strided")
        yield Sample(cls(), (np.zeros((2, 0, 0)),), "empty")


class Cofactors(Op):
    """det(A) A^-T, which is finite for singular matrices, too: the gradient of the determinant.

    By the singular values, with A = U S V: cofactors of a product are the product of cofactors,
    those of U and V are themselves up to sign, and those of S the products of all other values.
    gA = <g, C> A^-T - C g^T A^-T, so a second derivative needs A to be regular.
    """

    keeps = {"x": ("x", "y")}
    checks_first = True
    precision = "high"

    def spec(self, x: Spec) -> Spec:
        return matrix("det", x, square=True)

    def forward(self, xp: Any, x: Any) -> Any:
        u, s, vh = xp.linalg.svd(x)
        n = x.shape[-1]
        others = xp.where(xp.eye(n, dtype=bool), 1, s[..., None, :]).prod(axis=-1)  # (..., M)
        sign = xp.linalg.det(u) * xp.linalg.det(vh)
        return (u * (sign[..., None] * others)[..., None, :]) @ vh

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x, y = node["x"], node["y"]
        inverse = apply(INV, x).mT
        return (g * y).sum(axis=(-2, -1), keepdims=True) * inverse - y @ g.mT @ inverse

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=26 * x.size * x.shape[-1], bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (_regular(rng, 3),))
        yield Sample(cls(), (_regular(rng, 2, 2).swapaxes(1, 2),), "batch, strided")
        yield Sample(cls(), (np.zeros((2, 0, 0)),), "empty")


class Slogdet(Op):
    """The sign of the determinant, and the logarithm of its absolute value."""

    outputs = ("sign", "logabsdet")
    nondifferentiable = ("sign",)
    keeps = {"x": ("x",)}
    checks_first = True
    precision = "high"

    def spec(self, x: Spec) -> tuple[Spec, Spec]:
        x = matrix("slogdet", x, square=True)
        return Spec(x.shape[:-2], x.dtype), Spec(x.shape[:-2], real_dtype(x.dtype))

    def forward(self, xp: Any, x: Any) -> Any:
        return tuple(xp.linalg.slogdet(x))

    def vjp_x(self, node: Any, g_sign: None, g: Tensor) -> Tensor:
        return g[..., None, None] * apply(INV, node["x"]).mT

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=_lu(x), bytes=traffic(x, *self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (_regular(rng, 3),))
        yield Sample(cls(), (-_regular(rng, 2, 3).swapaxes(1, 2),), "negative, batch, strided")
        yield Sample(cls(), (np.zeros((2, 0, 0)),), "empty")


def _regular(rng: np.random.Generator, *shape: int) -> Any:
    """Matrices of that shape, the last length twice, far from singular ones."""
    return rng.standard_normal((*shape, shape[-1])) + 3 * np.eye(shape[-1])


SOLVE, INV, DET, COFACTORS, SLOGDET = Solve(), Inv(), Det(), Cofactors(), Slogdet()
