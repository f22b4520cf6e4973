"""Second names: NumPy's and PyTorch's own, where the Array API standard has another."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from .angles import acos, acosh, asin, asinh, atan, atan2, atanh
from .compare import bitwise_invert, bitwise_left_shift, bitwise_right_shift, clip
from .elementwise import abs, divide, remainder, round, trunc
from .floats import deg2rad, rad2deg
from .join import concat, unstack
from .powers import pow
from .shape import permute_dims, reshape
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
    "bitwise_not",
    "cat",
    "clamp",
    "concatenate",
    "degrees",
    "fabs",
    "fix",
    "invert",
    "left_shift",
    "mod",
    "permute",
    "power",
    "radians",
    "ravel",
    "right_shift",
    "rint",
    "row_stack",
    "true_divide",
    "unbind",
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
