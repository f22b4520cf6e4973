"""Singular values and the pseudo-inverse, for each matrix of a batch.

    u, s, vh = Svd(A)    A = u diag(s) vh    gA = (u (J - J^T) S + (1 - u u^T) gu / S) vh
                                                + u (diag(gs) vh + S (K - K^T) vh
                                                     + (gv / S)^T (1 - v v^T))
                         with J = u^T gu and K = v^T gv, each over s_j^2 - s_i^2
    p = Pinv(A)          gA = -p^T gp p^T + (1 - A p) gp^T p p^T + p^T p gp^T (1 - p A)

`factors` says what these gradients mean, and from where they are. Pinv's is Golub and Pereyra's
(1973); it holds while the rank does not change, and needs no singular values to lie apart.
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
from .matrices import adjoint, divided, lapack, matrix

__all__: list[str] = []


def _flops(x: Spec, vectors: bool) -> int:
    """Golub and Van Loan's count, for u, s and v of tall matrices or for s alone."""
    m, n = sorted(x.shape[-2:], reverse=True)
    each = 6 * m * n * n + 20 * n**3 if vectors else 4 * m * n * n - 4 * n**3 // 3
    return x.size // (m * n) * each if x.size else 0


@dataclass(frozen=True)
class Svd(Op):
    """u, s, vh with u diag(s) vh = x; s is in descending order. full: u and vh are square."""

    full: bool = False
    outputs = ("u", "s", "vh")
    keeps = {"x": ("x", "u", "s", "vh")}
    checks_first = True
    precision = "high"  # LAPACK takes no half precision

    def spec(self, x: Spec) -> tuple[Spec, Spec, Spec]:
        x = matrix("svd", x)
        *batch, m, n = x.shape
        k = min(m, n)
        u, vh = ((m, m), (n, n)) if self.full else ((m, k), (k, n))
        return (
            Spec((*batch, *u), x.dtype),
            Spec((*batch, k), real_dtype(x.dtype)),
            Spec((*batch, *vh), x.dtype),
        )

    def forward(self, xp: Any, x: Any) -> Any:
        with lapack(f"svd: no singular values were found for x {x.shape}"):
            return tuple(xp.linalg.svd(x, full_matrices=self.full))

    def vjp_x(self, node: Any, gu: Tensor | None, gs: Tensor | None, gvh: Tensor | None) -> Tensor:
        m, n = node.shape("x")[-2:]
        if self.full and m != n:
            if gu is None and gvh is None and gs is not None:
                return _of_values(node["x"], gs)
            raise GradientError(
                f"svd: full_matrices=True has no gradient for u and vh of x {node.shape('x')}: "
                "some of their vectors may be any; use full_matrices=False"
            )
        k = min(m, n)
        u, s, vh = node["u"], node["s"], node["vh"]
        inner: Any = 0.0  # between u and vh
        gx: Any = 0.0
        row, column, squares = s[..., None, :], s[..., :, None], s * s
        if gs is not None:
            gx = (u * gs[..., None, :]) @ vh
        if gu is not None:
            turned = u.mT @ gu
            inner = divided(turned - turned.mT, squares) * row
            if m > k:
                gx = gx + ((gu - u @ turned) / row) @ vh
        if gvh is not None:
            turned = vh @ gvh.mT
            inner = inner + column * divided(turned - turned.mT, squares)
            if n > k:
                gx = gx + u @ ((gvh - turned.mT @ vh) / column)
        return gx if isinstance(inner, float) else gx + u @ inner @ vh

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=_flops(x, True), bytes=traffic(x, *self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (_apart(rng, 3, 2),), "tall")
        yield Sample(cls(), (_apart(rng, 2, 4, 2).swapaxes(1, 2),), "wide, batch, strided")
        yield Sample(cls(True), (_apart(rng, 3, 3),), "square")
        yield Sample(cls(), (np.zeros((2, 0, 3)),), "empty")


class Svdvals(Op):
    """The singular values alone: cheaper. Its gradient finds the vectors."""

    keeps = {"x": ("x",)}
    checks_first = True
    precision = "high"

    def spec(self, x: Spec) -> Spec:
        x = matrix("svdvals", x)
        return Spec((*x.shape[:-2], min(x.shape[-2:])), real_dtype(x.dtype))

    def forward(self, xp: Any, x: Any) -> Any:
        with lapack(f"svdvals: no singular values were found for x {x.shape}"):
            return xp.linalg.svd(x, compute_uv=False)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        return _of_values(node["x"], g)

    def cost(self, x: Spec) -> Cost:
        return Cost(flops=_flops(x, False), bytes=traffic(x, self.spec(x)))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield Sample(cls(), (_apart(rng, 3, 2),), "tall")
        yield Sample(cls(), (_apart(rng, 2, 4, 2).swapaxes(1, 2),), "wide, batch, strided")
        yield Sample(cls(), (np.zeros((2, 0, 3)),), "empty")


def _of_values(x: Tensor, g: Tensor) -> Tensor:
    """The gradient of the singular values."""
    u, _, vh = apply(Svd.make(), x)
    return (u * g[..., None, :]) @ vh


@dataclass(frozen=True)
class Pinv(Op):
    """The pseudo-inverse; singular values of at most rtol times the largest count as 0.

    rtol: one number for all matrices, or one for each.
    """

    rtol: tuple[float, ...]
    keeps = {"x": ("x", "y")}
    checks_first = True
    precision = "high"

    def spec(self, x: Spec) -> Spec:
        x = matrix("pinv", x)
        return Spec((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)

    def forward(self, xp: Any, x: Any) -> Any:
        if not x.size:
            told = self.spec(Spec(x.shape, x.dtype))
            return xp.zeros(told.shape, told.dtype)
        with lapack(f"pinv: no singular values were found for x {x.shape}"):
            u, s, vh = xp.linalg.svd(x, full_matrices=False)
        rtol = xp.asarray(self.rtol, dtype=s.dtype)
        rtol = rtol.reshape(s.shape[:-1] if len(self.rtol) > 1 else ())
        counts = s > (rtol * s[..., 0])[..., None]
        inverse = xp.where(counts, 1 / xp.where(counts, s, 1), 0).astype(s.dtype)
        return (adjoint(vh) * inverse[..., None, :]) @ adjoint(u)

    def vjp_x(self, node: Any, g: Tensor) -> Tensor:
        x, p = node["x"], node["y"]
        pt, gt = p.mT, g.mT
        across, along = gt @ p, p @ gt  # (..., M, M), (..., N, N)
        gx = -pt @ g @ pt
        gx = gx + (across - x @ (p @ across)) @ pt  # (1 - x p) g^T p p^T
        return gx + pt @ (along - (along @ p) @ x)  # p^T p g^T (1 - p x)

    def cost(self, x: Spec) -> Cost:
        y = self.spec(x)
        flops = _flops(x, True) + 2 * y.size * min(x.shape[-2:])
        return Cost(flops=flops, bytes=traffic(x, y))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        small = (1e-12,)
        yield Sample(cls(small), (_apart(rng, 3, 2),), "tall")
        yield Sample(cls(small), (_apart(rng, 2, 4, 2).swapaxes(1, 2),), "wide, batch, strided")
        yield Sample(cls((1e-9, 1e-8)), (_apart(rng, 2, 3, 3),), "square")
        yield Sample(cls(small), (np.zeros((2, 0, 3)),), "empty")


def _apart(rng: np.random.Generator, *shape: int) -> Any:
    """Matrices whose singular values lie apart, and away from 0."""
    steps = np.eye(shape[-2], shape[-1]) * (1.0 + 2 * np.arange(shape[-1]))
    return rng.standard_normal(shape) / 3 + steps


SVDVALS = Svdvals()
