"""Are arrays equal, or nearly? isclose, allclose, array_equal, and questions about signs."""

from __future__ import annotations

import math
from typing import Any

from ..core.methods import FUNCTIONS, public
from ..core.tensor import Tensor
from .compare import isnan
from .floats import together
from .shape import shape_of

__all__ = ["allclose", "array_equal", "array_equiv", "isclose", "isneginf", "isposinf"]


@public
def isclose(
    x1: Any, x2: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Is |x1 - x2| <= atol + rtol |x2|? Elementwise with broadcasting; infinities must be equal.

    equal_nan  NaN is close to NaN
    """
    x1, x2 = (x.detach() for x in together(x1, x2))
    if x1.dtype == x2.dtype == bool:
        return x1 == x2  # bools have no difference
    finite = FUNCTIONS.isfinite(x1) & FUNCTIONS.isfinite(x2)
    safe = [FUNCTIONS.where(finite, x, 0) for x in (x1, x2)]  # inf - inf is NaN, with a warning
    near = FUNCTIONS.abs(safe[0] - safe[1]) <= atol + rtol * FUNCTIONS.abs(safe[1])
    close = (finite & near) | (x1 == x2)
    return close | (isnan(x1) & isnan(x2)) if equal_nan else close


@public
def allclose(
    x1: Any, x2: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Are all elements close? See `isclose`; a Python bool."""
    return bool(FUNCTIONS.all(isclose(x1, x2, rtol, atol, equal_nan)))


@public
def array_equal(x1: Any, x2: Any, equal_nan: bool = False) -> bool:
    """Have both the same shape and the same elements? A Python bool.

    equal_nan  NaN equals NaN
    """
    x1, x2 = FUNCTIONS.asarray(x1), FUNCTIONS.asarray(x2)
    if x1.shape != x2.shape:
        return False
    same = x1 == x2
    return bool(FUNCTIONS.all(same | (isnan(x1) & isnan(x2)) if equal_nan else same))


@public
def array_equiv(x1: Any, x2: Any) -> bool:
    """`array_equal` after broadcasting; False where they don't broadcast."""
    try:
        pair = FUNCTIONS.broadcast_arrays(x1, x2)
    except ValueError:
        shape_of("array_equiv", x1, "x1")
        return False
    return array_equal(*pair)


@public
def isposinf(x: Any, /) -> Tensor:
    """Is it +inf? Elementwise."""
    return FUNCTIONS.equal(x, math.inf)


@public
def isneginf(x: Any, /) -> Tensor:
    """Is it -inf? Elementwise."""
    return FUNCTIONS.equal(x, -math.inf)
