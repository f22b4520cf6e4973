"""Factors of matrices, for each matrix of a batch: Cholesky, QR, eigenvalues, singular values.

    l = Cholesky(A)      A = l l^T        gA = sym(l^-T phi(l^T gl) l^-1)
    q, r = Qr(A)         A = q r          gA = (gq + q copyltu(r gr^T - gq^T q)) r^-T
    w, v = Eigh(A)       A = v w v^T      gA = sym(v (diag(gw) + v^T gv / (w_j - w_i)) v^T)
    u, s, vh = Svd(A)    A = u s vh       see its rule

phi halves the diagonal and drops what is above it; copyltu mirrors what is below the diagonal.
Cholesky and Eigh are functions of the symmetric part of A, so their gradients are symmetric.
Gradients are for real matrices. Factors are unique up to a choice: the signs of columns, which
LAPACK makes. A loss that depends on that choice has no meaning, and neither has its gradient;
where eigenvalues or singular values coincide that of their vectors is not finite, those of the
values are right. Sources: Giles (2008); Murray, Differentiation of the Cholesky decomposition
(2016); Townsend, Differentiating the singular value decomposition (2016); Walter and Lehmann,
Algorithmic differentiation of linear algebra functions (2010).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import GradientError
from ..core.op import Cost, Op, Sample, Spec, traffic
from ..core.tensor import Tensor
from .complex import real_dtype
from .creation import tril, zeros_like
from .join import concat
from .matrices import divided, eye_like, hermitian, lapack, matrix
from .solve import SOLVE

__all__: list[str] = []


class Cholesky(Op):
    """The lower triangular l with l l^H = (x + x^H) / 2, for positive definite x."""

    keeps = {"x": ("y",)}
    checks_first = True
    precision = "high"  # LAPACK takes no half precision

    def spec(self, x: Spec) -> Spec:
        return matrix("cholesky", x, square=True)

    def forward(self, xp: Any, x: Any) -> Any:
        with lapack(f"cholesky: x {x.shape} must be positive definite"):
            return xp.linalg.cholesky(hermitian(x))

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        lt = node["y"].mT
        inner = tril(lt @ g) * (1 - eye_like(lt) / 2)
        left = apply(SOLVE, lt, inner)  # l^-T phi
        return hermitian(apply(SOLVE, lt, left.mT))

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=x.size * x.shape[-1] // 3, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (_definite(rng, 3),))
        yield Sample(cls(), (_definite(rng, 2, 2).swapaxes(1, 2),), "batch, strided")
        yield Sample(cls(), (np.zeros((2, 0, 0)),), "empty")


@dataclass(frozen=True)
class Qr(Op):
    """q with orthonormal columns, and the upper triangular r, with q r = x."""

    mode: str = "reduced"
    outputs = ("q", "r")
    keeps = {"x": ("q", "r")}
    checks_first = True
    precision = "high"

    def spec(self, x: Spec) -> tuple[Spec, Spec]:
        x = matrix("qr", x)
        *batch, m, n = x.shape
        k = m if self.mode == "complete" else min(m, n)
        return Spec((*batch, m, k), x.dtype), Spec((*batch, k, n), x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        return tuple(xp.linalg.qr(x, mode=self.mode))

    def vjp_x(self, node: Any, gq: Tensor | None, gr: Tensor | None) -> Tensor:
        q, r = node["q"], node["r"]
        m, n = node.shape("x")[-2:]
        if r.shape[-2] > n:
            raise GradientError(
                f"qr: mode='complete' has no gradient for x {node.shape('x')}, with more rows than "
                "columns: some columns of q may be any; use mode='reduced'"
            )
        gq = zeros_like(q) if gq is None else gq
        gr = zeros_like(r) if gr is None else gr
        if n <= m:
            return _of_square_r(q, r, gq, gr)
        rest, g_rest = r[..., m:], gr[..., m:]  # x = (square, q rest), rest = q^T (x behind)
        gx = _of_square_r(q, r[..., :m], gq + q @ rest @ g_rest.mT, gr[..., :m])
        return concat([gx, q @ g_rest], axis=-1)

    def cost(self, x: Spec) -> Cost:
        m, n = sorted(x.shape[-2:], reverse=True)
        flops = x.size // (m * n) * round(4 * n * n * (m - n / 3)) if x.size else 0
        return Cost(flops=flops, bytes=traffic(x, *self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        draw = rng.standard_normal
        yield Sample(cls(), (draw((4, 2)),), "tall")
        yield Sample(cls(), (draw((2, 2, 4)).swapaxes(1, 2)[..., ::2],), "batch, strided")
        yield Sample(cls(), (draw((2, 3)),), "wide")
        yield Sample(cls("complete"), (draw((3, 3)),), "complete")
        yield Sample(cls(), (np.zeros((2, 0, 3)),), "empty")


def _of_square_r(q: Tensor, r: Tensor, gq: Tensor, gr: Tensor) -> Tensor:
    """The gradient of q r with square r."""
    inner = tril(r @ gr.mT - gq.mT @ q)
    mirrored = inner + tril(inner, k=-1).mT
    return apply(SOLVE, r, (gq + q @ mirrored).mT).mT


class Eigh(Op):
    """The eigenvalues w of (x + x^H) / 2, ascending, and its eigenvectors, the columns of v."""

    outputs = ("w", "v")
    keeps = {"x": ("w", "v")}
    checks_first = True
    precision = "high"

    def spec(self, x: Spec) -> tuple[Spec, Spec]:
        x = matrix("eigh", x, square=True)
        return Spec(x.shape[:-1], real_dtype(x.dtype)), x

    def forward(self, xp: Any, x: Any) -> Any:
        with lapack(f"eigh: no eigenvalues were found for x {x.shape}"):
            return tuple(xp.linalg.eigh(hermitian(x)))

    def vjp_x(self, node: Any, gw: Tensor | None, gv: Tensor | None) -> Tensor:
        w, v = node["w"], node["v"]
        inner = 0.0 if gw is None else gw[..., None, :] * eye_like(w)
        if gv is not None:
            inner = inner + divided(v.mT @ gv, w)
        return hermitian(v @ inner @ v.mT)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=9 * x.size * x.shape[-1], bytes=traffic(x, *self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (_spread(rng, 3),))
        yield Sample(cls(), (_spread(rng, 2, 2).swapaxes(1, 2),), "batch, strided")
        yield Sample(cls(), (np.zeros((2, 0, 0)),), "empty")


class Eigvalsh(Op):
    """The eigenvalues of (x + x^H) / 2 alone: cheaper. Its gradient finds the vectors."""

    keeps = {"x": ("x",)}
    checks_first = True
    precision = "high"

    def spec(self, x: Spec) -> Spec:
        x = matrix("eigvalsh", x, square=True)
        return Spec(x.shape[:-1], real_dtype(x.dtype))

    def forward(self, xp: Any, x: Any) -> Any:
        with lapack(f"eigvalsh: no eigenvalues were found for x {x.shape}"):
            return xp.linalg.eigvalsh(hermitian(x))

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        _, v = apply(EIGH, node["x"])
        return (v * g[..., None, :]) @ v.mT

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=4 * x.size * x.shape[-1] // 3, bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (_spread(rng, 3),))
        yield Sample(cls(), (_spread(rng, 2, 2).swapaxes(1, 2),), "batch, strided")
        yield Sample(cls(), (np.zeros((2, 0, 0)),), "empty")


def _definite(rng: np.random.Generator, *shape: int) -> Any:
    """Matrices with a positive definite symmetric part, the last length twice."""
    x = rng.standard_normal((*shape, shape[-1]))
    return x / 2 + 3 * np.eye(shape[-1])


def _spread(rng: np.random.Generator, *shape: int) -> Any:
    """Matrices whose eigenvalues lie apart."""
    return rng.standard_normal((*shape, shape[-1])) / 2 + np.diag(2.0 * np.arange(shape[-1]))


EIGH, EIGVALSH, CHOLESKY = Eigh(), Eigvalsh(), Cholesky()
