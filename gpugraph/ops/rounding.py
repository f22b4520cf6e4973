"""Functions of several ops that round float16 and bfloat16 once, as a single op does."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import numpy as np

from ..core.backend import is_array
from ..core.tensor import Tensor, is_floating
from .memory import astype

__all__ = ["rounds_once"]

P = ParamSpec("P")


def rounds_once(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Let a function compute in float32 what comes in float16 or bfloat16, then round the result.

    Beside arrays of a wider type nothing is done: the result is of that type anyway.
    """

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> Tensor:
        given: tuple[Any, ...] = (*args, *options.values())
        dtypes = [x.dtype for x in given if _floats(x)]
        if not any(dtype.itemsize == 2 for dtype in dtypes):
            return function(*args, **options)
        result = np.result_type(*dtypes)
        if result.itemsize != 2:
            return function(*args, **options)
        wide = [_widened(x) for x in args]
        y = function(*wide, **{name: _widened(x) for name, x in options.items()})
        return astype(y, result)

    return call


def _floats(x: Any) -> bool:
    return (isinstance(x, Tensor) or is_array(x)) and is_floating(x.dtype)


def _widened(x: Any) -> Any:
    return astype(x, np.float32) if _floats(x) and x.dtype.itemsize == 2 else x
