"""Diagonals and products of all pairs: diagonal, diag, trace, tri, kron, inner, cross, vander."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, AxisError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.tensor import Tensor
from .creation import arange, asarray
from .dtypes import as_dtype
from .einsum import tensordot
from .gather import GetAt, PutAt
from .join import stack
from .reduce import sum as summed
from .shape import axes_of, moveaxis, reshape, shape_of

__all__ = [
    "cross",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "inner",
    "kron",
    "trace",
    "tri",
    "tril_indices",
    "triu_indices",
    "vander",
]


def _places(offset: int, rows: int, columns: int, device: Any) -> tuple[Tensor, Tensor]:
    """Row and column numbers of a diagonal of a matrix, from the top."""
    n = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    along = arange(n, dtype=np.int64, device=device)
    return along + max(-offset, 0), along + max(offset, 0)


@public
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonals of the matrices that two axes make up, along a new last axis; a copy.

    offset  above the main diagonal if positive, below if negative
    """
    shape = shape_of("diagonal", x)
    if len(shape) < 2:
        raise ShapeError(f"diagonal: x {shape} must have at least 2 axes")
    first, second = (axes_of("diagonal", a, shape)[0] for a in (axis1, axis2))
    if first == second:
        raise AxisError(f"diagonal: axis1={axis1} and axis2={axis2} are the same axis of x {shape}")
    x = moveaxis(asarray(x), (first, second), (-2, -1))
    ndim = len(shape)
    places = _places(offset, shape[first], shape[second], x.device)
    return apply(GetAt.make((ndim - 2, ndim - 1)), x, *places)


@public
def diag_embed(x: Any, offset: int = 0) -> Tensor:
    """Square matrices with the last axis of x on a diagonal: (..., n) -> (..., m, m)."""
    x = asarray(x)
    if not x.ndim:
        raise ShapeError("diag_embed: x has no axes; it must have at least 1")
    n = x.shape[-1] + abs(offset)
    shape = (*x.shape[:-1], n, n)
    places = _places(offset, n, n, x.device)
    return apply(PutAt.make((x.ndim - 1, x.ndim), shape), x, *places)


@public
def diag(x: Any, k: int = 0) -> Tensor:
    """The k-th diagonal of a matrix; of a vector, the square matrix that has it there."""
    shape = shape_of("diag", x)
    if len(shape) not in (1, 2):
        raise ShapeError(f"diag: x {shape} must have 1 or 2 axes; see diagonal and diag_embed")
    return diag_embed(x, k) if len(shape) == 1 else diagonal(x, k)


@public
def diagflat(x: Any, k: int = 0) -> Tensor:
    """The square matrix with all elements of x on its k-th diagonal."""
    return diag_embed(reshape(x, (-1,)), k)


@public
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Tensor:
    """The sum along a diagonal, see `diagonal`."""
    return summed(diagonal(x, offset, axis1, axis2), axis=-1, dtype=dtype)


@public
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """A matrix (N, M) of ones on and below the k-th diagonal, else zeros; float32 by default."""
    rows, columns = (arange(n, device=device) for n in (N, N if M is None else M))
    dtype = as_dtype("tri", np.float32 if dtype is None else dtype)
    return (reshape(rows, (-1, 1)) + k >= columns).astype(dtype)


@public
def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Tensor, ...]:
    """Rows and columns of the elements on and below the k-th diagonal of a matrix (n, m)."""
    return _triangle(np.tril_indices(n, k, m))


@public
def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Tensor, ...]:
    """Rows and columns of the elements on and above the k-th diagonal of a matrix (n, m)."""
    return _triangle(np.triu_indices(n, k, m))


def _triangle(places: Any) -> tuple[Tensor, ...]:
    return tuple([FUNCTIONS.tensor(i, dtype=np.int64) for i in places])


@public
def inner(x1: Any, x2: Any, /) -> Tensor:
    """The sums of x1 * x2 over the last axis of both, for all pairs of what is before."""
    n1, n2 = len(shape_of("inner", x1, "x1")), len(shape_of("inner", x2, "x2"))
    if not n1 or not n2:
        return FUNCTIONS.multiply(x1, x2)
    return tensordot(x1, x2, axes=((-1,), (-1,)))


@public
def kron(x1: Any, x2: Any, /) -> Tensor:
    """The Kronecker product: each element of x1, times all of x2, in its place.

    Shapes multiply axis by axis; the one with fewer axes gets new ones in front.
    """
    x1, x2 = asarray(x1), asarray(x2)
    ndim = max(x1.ndim, x2.ndim)
    left, right = ((*(1,) * (ndim - x.ndim), *x.shape) for x in (x1, x2))
    product = reshape(x1, tuple(n for m in left for n in (m, 1))) * reshape(
        x2, tuple(n for m in right for n in (1, m))
    )
    return reshape(product, tuple([m * n for m, n in zip(left, right, strict=True)]))


@public
def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """The cross product of vectors of three along an axis; all other axes broadcast.

    axisa, axisb, axisc  the axis of x1, of x2, of the result
    axis                 all three in one
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    shapes = shape_of("cross", x1, "x1"), shape_of("cross", x2, "x2")
    (a,), (b,) = axes_of("cross", axisa, shapes[0], "x1"), axes_of("cross", axisb, shapes[1], "x2")
    if shapes[0][a] != 3 or shapes[1][b] != 3:
        raise ShapeError(
            f"cross: x1 {shapes[0]} and x2 {shapes[1]} must have length 3 along axes {axisa} and "
            f"{axisb}"
        )
    u, v = moveaxis(x1, a, -1), moveaxis(x2, b, -1)
    (u0, u1, u2), (v0, v1, v2) = ([w[..., i] for i in range(3)] for w in (u, v))
    y = stack([u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0], axis=-1)
    return moveaxis(y, -1, axes_of("cross", axisc, y.shape, "the result")[0])


@public
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers 0 to N - 1 of each element of a vector, a row for each: (n,) -> (n, N).

    N           by default as many as x has elements
    increasing  the lowest power first; else last
    """
    x = asarray(x)
    if x.ndim != 1:
        raise ShapeError(f"vander: x {x.shape} must have 1 axis")
    N = x.shape[0] if N is None else N
    if N < 0:
        raise ArgumentError(f"vander: N={N} must not be negative")
    powers: list[Tensor] = []
    for k in range(N):
        powers.append(powers[-1] * x if k else FUNCTIONS.ones_like(x))
    if not powers:
        return FUNCTIONS.zeros((x.shape[0], 0), dtype=x.dtype, device=x.device)
    return stack(powers if increasing else powers[::-1], axis=1)
