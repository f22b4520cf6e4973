"""Factors of matrices: Cholesky, QR, eigenvalues and singular values. See the package on gauges."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.apply import apply
from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from ..ops.factors import CHOLESKY, EIGH, EIGVALSH, Qr
from ..ops.matrices import adjoint
from ..ops.singular import SVDVALS, Svd

__all__ = [
    "EighResult",
    "QRResult",
    "SVDResult",
    "cholesky",
    "eigh",
    "eigvalsh",
    "qr",
    "svd",
    "svdvals",
]


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def cholesky(x: Any, /, *, upper: bool = False) -> Tensor:
    """The lower triangular L with L L^H = x, for x symmetric and positive definite.

    upper  the upper triangular U with U^H U = x instead
    The symmetric part of x is taken, (x + x^H) / 2, and the gradient is symmetric.
    Raises LinAlgError if x is not positive definite.
    """
    lower = apply(CHOLESKY, x)
    return adjoint(lower) if upper else lower


def qr(x: Any, /, *, mode: str = "reduced") -> QRResult:
    """Q with orthonormal columns and upper triangular R, Q R = x: (..., M, N), K = min(M, N).

    mode  "reduced": Q (..., M, K), R (..., K, N); "complete": Q (..., M, M), R (..., M, N), which
          has no gradient if M > N
    The gradient takes the first K columns of x to be independent.
    """
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"qr: mode={mode!r} is neither 'reduced' nor 'complete'")
    return QRResult(*apply(Qr.make(mode), x))


def eigh(x: Any, /) -> EighResult:
    """Eigenvalues (..., M), ascending, and eigenvectors, columns of (..., M, M), of symmetric x.

    The symmetric part of x is taken, (x + x^H) / 2, and the gradient is symmetric. That of the
    vectors is finite where all eigenvalues differ.
    """
    return EighResult(*apply(EIGH, x))


def eigvalsh(x: Any, /) -> Tensor:
    """The eigenvalues of `eigh` alone, for less work."""
    return apply(EIGVALSH, x)


def svd(x: Any, /, *, full_matrices: bool = True) -> SVDResult:
    """U diag(S) Vh = x: (..., M, M), (..., K), (..., N, N) with K = min(M, N), S descending.

    full_matrices  False: U is (..., M, K) and Vh (..., K, N). Else, for M != N, U and Vh have no
                   gradient, but S has
    The gradient of U and Vh is finite where all S differ and none is 0.
    """
    return SVDResult(*apply(Svd.make(bool(full_matrices)), x))


def svdvals(x: Any, /) -> Tensor:
    """The singular values of `svd` alone, for less work; (..., M, N) -> (..., min(M, N))."""
    return apply(SVDVALS, x)
