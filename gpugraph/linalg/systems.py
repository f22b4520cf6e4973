"""Linear systems: solve, inverses, determinants, least squares. Singular ones: see the package."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from ..ops.complex import imag, real
from ..ops.creation import asarray, empty, eye, tril, triu
from ..ops.linalg import matmul
from ..ops.shape import expand_dims, squeeze
from ..ops.singular import Pinv
from ..ops.solve import DET, INV, SLOGDET, SOLVE
from .factorizations import svdvals
from .norms import rank_of
from .products import matrices

__all__ = [
    "LstsqResult",
    "SlogdetResult",
    "det",
    "inv",
    "lstsq",
    "pinv",
    "slogdet",
    "solve",
    "solve_triangular",
]


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor


class LstsqResult(NamedTuple):
    """What `lstsq` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def solve(x1: Any, x2: Any, /) -> Tensor:
    """The x with x1 @ x = x2: (..., M, M) with (..., M, K) or one vector (M,).

    Batches broadcast. Raises LinAlgError if x1 is singular.
    """
    x2 = asarray(x2)
    if x2.ndim == 1:
        return squeeze(apply(SOLVE, x1, expand_dims(x2, axis=-1)), axis=-1)
    return apply(SOLVE, x1, x2)


def solve_triangular(
    A: Any,
    B: Any,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> Tensor:
    """The X with A @ X = B, reading one triangle of A: (..., M, M), (..., M, K).

    upper          the upper triangle, else the lower
    left           False: the X with X @ A = B, B (..., K, M)
    unitriangular  the diagonal of A counts as ones
    """
    a = matrices("solve_triangular", A, "A", square=True)
    if not left:
        flipped = solve_triangular(
            a.mT, asarray(B).mT, upper=not upper, unitriangular=unitriangular
        )
        return flipped.mT
    if unitriangular:
        a = (triu(a, k=1) if upper else tril(a, k=-1)) + eye(
            a.shape[-1], dtype=a.dtype, device=a.device
        )
    else:
        a = triu(a) if upper else tril(a)
    return apply(SOLVE, a, B)


def inv(x: Any, /) -> Tensor:
    """The inverse of each matrix: (..., M, M). Raises LinAlgError if one is singular."""
    return apply(INV, x)


def det(x: Any, /) -> Tensor:
    """The determinant of each matrix: (..., M, M) -> (...).

    Its gradient, the matrix of cofactors, is right for singular matrices, too; a second derivative
    at these raises LinAlgError.
    """
    return apply(DET, x)


def slogdet(x: Any, /) -> SlogdetResult:
    """The sign of the determinant and the logarithm of its absolute value: (...) each.

    Singular matrices give 0 and -inf, and no gradient (LinAlgError).
    """
    return SlogdetResult(*apply(SLOGDET, x))


def pinv(x: Any, /, *, rtol: Any = None) -> Tensor:
    """The pseudo-inverse of Moore and Penrose: (..., M, N) -> (..., N, M).

    rtol  singular values of at most rtol times the largest count as 0; by default max(M, N) eps.
          One number, or an array with one for each matrix
    """
    x = matrices("pinv", x)
    return apply(Pinv.make(_tolerances("pinv", x, rtol)), x)


def _tolerances(label: str, x: Tensor, rtol: Any) -> tuple[float, ...]:
    """One number for all matrices of x, or one for each."""
    if rtol is None:
        kind = np.float64 if x.dtype.kind in "biu" else x.dtype
        eps = np.finfo(kind).eps if kind != np.float16 else 0.0  # which the op refuses
        return (float(max(x.shape[-2:]) * eps),)
    numbers = np.asarray(rtol.numpy() if isinstance(rtol, Tensor) else rtol, dtype=np.float64)
    if numbers.ndim == 0:
        return (float(numbers),)
    try:
        numbers = np.broadcast_to(numbers, x.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"{label}: rtol {numbers.shape} must broadcast to the batch axes of x {x.shape}"
        ) from None
    return tuple(numbers.reshape(-1).tolist())


def lstsq(x1: Any, x2: Any, /, rcond: float | None = None) -> LstsqResult:
    """The x that makes sum |x1 @ x - x2|^2 smallest, and of those the shortest.

    x1     (..., M, N)
    x2     (..., M, K), or one vector (M,)
    rcond  singular values of at most that times the largest count as 0; by default max(M, N) eps
    Returns (solution (..., N, K), residuals (..., K), rank (...), singular_values (..., K')); the
    residuals, sums of squares, are empty unless M > N and every rank is N, as in NumPy.
    """
    a, b = matrices("lstsq", x1, "x1"), asarray(x2)
    m, n = a.shape[-2:]
    vector = b.ndim == 1
    if b.ndim == 0 or b.shape[-1 if vector else -2] != m:
        raise ShapeError(f"lstsq: x1 {a.shape} has {m} rows; x2 {b.shape} must have as many")
    if rcond is not None and not math.isfinite(rcond):
        raise ArgumentError(f"lstsq: rcond={rcond} must be finite")
    b = expand_dims(b, axis=-1) if vector else b
    solution = matmul(pinv(a, rtol=rcond), b)
    values = svdvals(a)
    rank = rank_of(values, _tolerances("lstsq", a, rcond)[0])
    if m > n and (a.device == "meta" or bool((rank == n).all())):
        off = matmul(a, solution) - b
        squares = off * off if off.dtype.kind != "c" else real(off) ** 2 + imag(off) ** 2
        residuals = squares.sum(axis=-2)
    else:
        shape = (*solution.shape[:-2], 0) if solution.ndim > 2 else (0,)
        residuals = empty(shape, dtype=values.dtype, device=a.device)
    return LstsqResult(squeeze(solution, axis=-1) if vector else solution, residuals, rank, values)
