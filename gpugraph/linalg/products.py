"""Products and parts of matrices: powers, chains, cross products, diagonals."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from ..core.apply import apply
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.tensor import Tensor
from ..ops.broadcast import broadcast_to
from ..ops.creation import asarray, eye
from ..ops.diagonal import cross as cross_of
from ..ops.diagonal import diagonal as diagonal_of
from ..ops.diagonal import trace as trace_of
from ..ops.linalg import matmul
from ..ops.solve import INV

__all__ = ["cross", "diagonal", "matrix_power", "multi_dot", "trace"]


def matrices(label: str, x: Any, name: str = "x", square: bool = False) -> Tensor:
    """x as a tensor of matrices (..., M, N); a ShapeError if it is none."""
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"{label}: {name} {x.shape} is no matrix; it needs at least two axes")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{label}: {name} {x.shape} must be square, of shape (..., M, M)")
    return x


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Tensor:
    """The cross product of vectors of three numbers along an axis; other axes broadcast."""
    return cross_of(x1, x2, axis=axis)


def diagonal(x: Any, /, *, offset: int = 0) -> Tensor:
    """The diagonals of matrices: (..., M, N) -> (..., K); of the last two axes, not the first.

    offset  how far above the main one; below it, if negative. What lies outside gives K = 0
    """
    return diagonal_of(matrices("diagonal", x), _offset("diagonal", offset), -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of the diagonal of each matrix: (..., M, N) -> (...).

    offset  as in `diagonal`
    dtype   convert to it first; by default integers and bools add up in 64 bits, as in `sum`
    """
    return trace_of(matrices("trace", x), _offset("trace", offset), -2, -1, dtype)


def _offset(label: str, offset: int) -> int:
    try:
        return index(offset)
    except TypeError:
        raise DtypeError(f"{label}: offset={offset!r} must be an int") from None


def matrix_power(x: Any, n: int, /) -> Tensor:
    """x @ x @ ... with n factors; the identity for n = 0, the inverse's power for negative n."""
    x = matrices("matrix_power", x, square=True)
    try:
        n = index(n)
    except TypeError:
        raise DtypeError(f"matrix_power: n={n!r} must be an int") from None
    if n < 0:
        x, n = apply(INV, x), -n
    if n == 0:
        return broadcast_to(eye(x.shape[-1], dtype=x.dtype, device=x.device), x.shape).copy()
    result: Tensor | None = None
    while True:  # by the binary digits of n
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if not n:
            break
        x = matmul(x, x)
    assert result is not None
    return result


def multi_dot(arrays: Sequence[Any], /) -> Tensor:
    """The product of several matrices, in the order that takes the fewest multiplications.

    The first may be a vector, which is a row, and the last, which is a column.
    """
    xs = [asarray(x) for x in arrays]
    if len(xs) < 2:
        raise ArgumentError(f"multi_dot: needs two arrays or more, got {len(xs)}")
    for i, x in enumerate(xs):
        if x.ndim != 2 and not (x.ndim == 1 and i in (0, len(xs) - 1)):
            raise ShapeError(
                f"multi_dot: arrays[{i}] {x.shape} must be a matrix (the first and last: or vector)"
            )
    rows = [x.shape[0] if x.ndim == 2 else (1 if i == 0 else x.shape[0]) for i, x in enumerate(xs)]
    lengths = [*rows, xs[-1].shape[1] if xs[-1].ndim == 2 else 1]
    best: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(len(xs))}
    for width in range(1, len(xs)):
        for i in range(len(xs) - width):
            j = i + width
            options = []
            for k in range(i, j):
                work = lengths[i] * lengths[k + 1] * lengths[j + 1]
                options.append((best[i, k][0] + best[k + 1, j][0] + work, k))
            best[i, j] = min(options)

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return xs[i]
        k = best[i, j][1]
        return matmul(product(i, k), product(k + 1, j))

    return product(0, len(xs) - 1)
