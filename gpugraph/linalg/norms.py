"""Norms of vectors and matrices, and what is told from singular values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ..core.apply import apply
from ..core.errors import ArgumentError, AxisError
from ..core.tensor import Tensor, is_floating
from ..ops.compare import not_equal, where
from ..ops.complex import imag, real
from ..ops.creation import asarray
from ..ops.elementwise import abs as absolute
from ..ops.extrema import max as largest
from ..ops.extrema import min as smallest
from ..ops.memory import astype
from ..ops.powers import sqrt, square
from ..ops.reduce import sum as summed
from ..ops.shape import axes_of, expand_dims, moveaxis
from ..ops.singular import SVDVALS
from ..ops.solve import INV
from .products import matrices

__all__ = ["cond", "matrix_norm", "matrix_rank", "norm", "vector_norm"]

Axes: TypeAlias = "int | Sequence[int] | None"


def _inexact(label: str, x: Any) -> tuple[Tensor, Any]:
    """x in a dtype to compute in, and the dtype of the result: half precision in single."""
    x = asarray(x)
    if x.dtype.kind in "biu":
        return astype(x, np.float64), np.dtype(np.float64)
    if is_floating(x.dtype) and x.dtype.itemsize == 2:
        return astype(x, np.float32), x.dtype
    return x, x.dtype


def vector_norm(x: Any, /, *, axis: Axes = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """(sum |x|^ord)^(1/ord) over all elements, or along some axes.

    ord  a number: inf gives max |x|, -inf min |x|, and 0 how many are not 0 (with no gradient)
    The gradient where all are 0 is 0; ties of inf and -inf share it evenly.
    """
    if not isinstance(ord, (int, float, np.integer, np.floating)) or math.isnan(ord):
        raise ArgumentError(f"vector_norm: ord={ord!r} must be a number")
    x, dtype = _inexact("vector_norm", x)
    axes = axes_of("vector_norm", axis, x.shape)
    if ord == 0:
        count = summed(not_equal(x, 0), axis=axes, keepdims=keepdims)
        return astype(count, absolute(x.detach()).dtype if dtype.kind == "c" else dtype)
    if ord == 2:
        squares = real(x) ** 2 + imag(x) ** 2 if x.dtype.kind == "c" else square(x)
        y = _root(summed(squares, axis=axes, keepdims=keepdims), 0.5)
    elif ord == math.inf:
        y = largest(absolute(x), axis=axes, keepdims=keepdims)
    elif ord == -math.inf:
        y = smallest(absolute(x), axis=axes, keepdims=keepdims)
    elif ord == 1:
        y = summed(absolute(x), axis=axes, keepdims=keepdims)
    else:
        size = absolute(x)
        powers = _root(size, float(ord)) if ord > 0 else size ** float(ord)
        y = summed(powers, axis=axes, keepdims=keepdims)
        y = _root(y, 1 / float(ord)) if ord > 0 else y ** (1 / float(ord))
    return astype(y, dtype, copy=False) if dtype.kind != "c" else y


def _root(x: Tensor, power: float) -> Tensor:
    """x to a positive power for x >= 0; its gradient at 0 is 0, whatever the power."""
    zero = x == 0
    positive = where(zero, 1, x)
    return where(zero, 0, sqrt(positive) if power == 0.5 else positive**power)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norm of each matrix: (..., M, N) -> (...).

    ord  "fro": of all elements as one vector; "nuc": the sum of the singular values, 2 (or -2) the
         largest (smallest) of them; 1 (or -1): the largest (smallest) sum of |x| in a column; inf
         (or -inf) in a row
    """
    matrices("matrix_norm", x)
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    x, dtype = _inexact("matrix_norm", x)
    if ord in ("nuc", 2, -2):
        values = apply(SVDVALS, x)
        if ord == "nuc":
            y = summed(values, axis=-1)
        else:
            y = (largest if ord > 0 else smallest)(values, axis=-1)
    elif ord in (1, -1, math.inf, -math.inf):
        sums = summed(absolute(x), axis=-2 if ord in (1, -1) else -1)
        y = (largest if ord > 0 else smallest)(sums, axis=-1)
    else:
        raise ArgumentError(
            f"matrix_norm: ord={ord!r} is none of 'fro', 'nuc', 1, -1, 2, -2, inf, -inf"
        )
    y = expand_dims(y, axis=(-2, -1)) if keepdims else y
    return astype(y, dtype, copy=False) if dtype.kind != "c" else y


def norm(x: Any, /, ord: Any = None, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """NumPy's norm of vectors or matrices.

    ord   None: the 2-norm of all elements (with two axes "fro"); else as in `vector_norm` or, if
          there are two axes, `matrix_norm`
    axis  an int: vectors along it; two: matrices; None: all, of which ord allows one or two
    """
    x = asarray(x)
    if ord is None and (axis is None or not isinstance(axis, (tuple, list)) or len(axis) == 1):
        return vector_norm(x, axis=axis, keepdims=keepdims)
    axes = axes_of("norm", axis, x.shape)
    if len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)
    if len(axes) != 2:
        raise AxisError(
            f"norm: axis={axis} of x {x.shape} names {len(axes)} axes; one makes vectors and two "
            "make matrices (vector_norm takes any number)"
        )
    if ord is None:
        return vector_norm(x, axis=axes, keepdims=keepdims)
    y = matrix_norm(moveaxis(x, axes, (-2, -1)), ord=ord)
    return expand_dims(y, axis=sorted(axes)) if keepdims else y


def rank_of(values: Tensor, rtol: Any) -> Tensor:
    """How many singular values exceed rtol times the largest (int64)."""
    if not values.shape[-1]:
        return summed(values > 0, axis=-1)
    limit = largest(values, axis=-1) * rtol
    return summed(values > expand_dims(limit, axis=-1), axis=-1)


def matrix_rank(x: Any, /, *, rtol: Any = None) -> Tensor:
    """How many singular values of each matrix exceed rtol times the largest (int64).

    rtol  by default max(M, N) eps; one number, or an array with one for each matrix
    """
    x = matrices("matrix_rank", x)
    values = apply(SVDVALS, x).detach()
    if rtol is None:
        rtol = max(x.shape[-2:]) * float(np.finfo(values.dtype).eps)
    elif not isinstance(rtol, (int, float)):
        rtol = asarray(rtol, dtype=values.dtype, device=values.device)
    return rank_of(values, rtol)


def cond(x: Any, /, p: Any = None) -> Tensor:
    """The condition number of each matrix: (..., M, N) -> (...).

    p  None or 2: the largest singular value over the smallest; -2: the smallest over the largest;
       else |x| |x^-1| in that norm of `matrix_norm`, for square x (LinAlgError if singular)
    """
    x = matrices("cond", x, square=p not in (None, 2, -2))
    if p in (None, 2, -2):
        if 0 in x.shape[-2:]:
            raise ArgumentError(f"cond: x {x.shape} has no elements, so no singular values")
        values = apply(SVDVALS, x)
        first, last = values[..., 0], values[..., -1]
        if p == -2:
            return last / first
        zero = last == 0
        return where(zero, math.inf, first / where(zero, 1, last))
    return matrix_norm(x, ord=p) * matrix_norm(apply(INV, x), ord=p)
