"""Second names: NumPy's and PyTorch's own, where the Array API standard has another."""

from __future__ import annotations

from math import prod
from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from .angles import acos, acosh, asin, asinh, atan, atan2, atanh
from .compare import (
    bitwise_invert,
    bitwise_left_shift,
    bitwise_right_shift,
    clip,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    not_equal,
)
from .complex import conj
from .creation import asarray
from .einsum import vecdot
from .elementwise import (
    abs,
    divide,
    floor_divide,
    multiply,
    negative,
    remainder,
    round,
    subtract,
    trunc,
)
from .floats import deg2rad, rad2deg
from .index import take, take_along_axis
from .join import concat, unstack
from .linalg import matmul
from .memory import copy
from .powers import pow
from .sampled import trapezoid
from .shape import moveaxis, permute_dims, reshape, shape_of, swapaxes
from .tiling import vstack

__all__ = [
    "absolute",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "around",
    "as_tensor",
    "bitwise_not",
    "bmm",
    "cat",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clone",
    "concatenate",
    "conjugate",
    "degrees",
    "div",
    "divmod",
    "eq",
    "fabs",
    "fix",
    "frac",
    "ge",
    "gt",
    "invert",
    "le",
    "left_shift",
    "lt",
    "mm",
    "mod",
    "movedim",
    "mul",
    "mv",
    "ndim",
    "ne",
    "neg",
    "numel",
    "permute",
    "power",
    "radians",
    "ravel",
    "right_shift",
    "rint",
    "row_stack",
    "sub",
    "swapdims",
    "t",
    "take_along_dim",
    "trapz",
    "true_divide",
    "unbind",
    "vdot",
]

absolute = fabs = abs
arccos, arcsin, arctan, arctan2 = acos, asin, atan, atan2
arccosh, arcsinh, arctanh = acosh, asinh, atanh
bitwise_not = invert = bitwise_invert
clamp = clip
degrees, radians = rad2deg, deg2rad
fix, rint = trunc, round
left_shift, right_shift = bitwise_left_shift, bitwise_right_shift
mod, power, true_divide = remainder, pow, divide
permute = permute_dims
row_stack = vstack
mul, sub, neg = multiply, subtract, negative
eq, ne, lt, le, gt, ge = equal, not_equal, less, less_equal, greater, greater_equal
around, conjugate = round, conj
clone, movedim, swapdims, trapz = copy, moveaxis, swapaxes, trapezoid


def concatenate(arrays: Any, axis: int | None = 0) -> Tensor:
    """`concat`, with an axis by position, as in NumPy."""
    return concat(arrays, axis=axis)


def cat(arrays: Any, dim: int = 0) -> Tensor:
    """`concat` under PyTorch's name."""
    return concat(arrays, axis=dim)


def unbind(x: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`unstack` under PyTorch's name."""
    return unstack(x, axis=dim)


def ravel(x: Any, /) -> Tensor:
    """All elements along one axis, in row-major order."""
    return reshape(x, (-1,))


def as_tensor(obj: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`asarray` with arguments by position, as in PyTorch."""
    return asarray(obj, dtype=dtype, device=device)


def take_along_dim(x: Any, indices: Any, dim: int | None = None) -> Tensor:
    """`take_along_axis` under PyTorch's name; without dim, of all elements in row-major order."""
    if dim is None:
        return take(x, reshape(indices, (-1,)))
    return take_along_axis(x, indices, axis=dim)


def mm(x1: Any, x2: Any) -> Tensor:
    """`matmul` of two matrices."""
    return matmul(*_ranked("mm", (x1, 2), (x2, 2)))


def bmm(x1: Any, x2: Any) -> Tensor:
    """`matmul` of two batches of matrices, (N, L, M) and (N, M, K)."""
    return matmul(*_ranked("bmm", (x1, 3), (x2, 3)))


def mv(x1: Any, x2: Any) -> Tensor:
    """`matmul` of a matrix and a vector."""
    return matmul(*_ranked("mv", (x1, 2), (x2, 1)))


def t(x: Any) -> Tensor:
    """A matrix with its axes exchanged; vectors and numbers stay."""
    rank = len(shape_of("t", x))
    if rank > 2:
        raise ShapeError(
            f"t: x {x.shape} has {rank} axes; matrix_transpose takes stacks of matrices"
        )
    return permute_dims(x, tuple(range(rank))[::-1])


def vdot(x1: Any, x2: Any, /) -> Tensor:
    """The sum of conj(x1) * x2 over all elements of both, in row-major order."""
    return vecdot(reshape(x1, (-1,)), reshape(x2, (-1,)))


def div(x1: Any, x2: Any, *, rounding_mode: str | None = None) -> Tensor:
    """`divide`; rounding_mode "floor" or "trunc" rounds the quotient."""
    if rounding_mode == "floor":
        return floor_divide(x1, x2)
    if rounding_mode not in (None, "trunc"):
        raise ArgumentError(
            f"div: rounding_mode={rounding_mode!r} must be None, 'floor' or 'trunc'"
        )
    if rounding_mode is None:
        return divide(x1, x2)
    floor = floor_divide(x1, x2)
    if floor.dtype.kind not in "iu":
        return trunc(divide(x1, x2))
    return floor + ((floor < 0) & not_equal(remainder(x1, x2), 0))  # exact for large integers


def clamp_min(x: Any, min: Any) -> Tensor:
    """`clip` from below."""
    return clip(x, min=min)


def clamp_max(x: Any, max: Any) -> Tensor:
    """`clip` from above."""
    return clip(x, max=max)


def frac(x: Any, /) -> Tensor:
    """What `trunc` cuts off: x - trunc(x)."""
    return subtract(x, trunc(x))


def divmod(x1: Any, x2: Any, /) -> tuple[Tensor, Tensor]:
    """`floor_divide` and `remainder`."""
    return floor_divide(x1, x2), remainder(x1, x2)


def numel(x: Any, /) -> int:
    """The number of elements."""
    return prod(shape_of("numel", x))


def ndim(x: Any, /) -> int:
    """The number of axes."""
    return len(shape_of("ndim", x))


def _ranked(label: str, *pairs: tuple[Any, int]) -> tuple[Any, ...]:
    """The arrays, if each has as many axes as it should."""
    for i, (x, rank) in enumerate(pairs, 1):
        shape = shape_of(label, x, f"x{i}")
        if len(shape) != rank:
            raise ShapeError(
                f"{label}: x{i} {shape} must have {rank} axes; matmul takes stacks and vectors"
            )
    return tuple([x for x, _ in pairs])
