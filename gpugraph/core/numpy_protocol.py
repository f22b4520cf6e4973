"""``np.exp(tensor)``, ``array * tensor``, ``np.concatenate([...])`` give tensors with gradients.

NumPy calls these two hooks (NEP 13, NEP 18); they look the function up by name among ours.
A NumPy function that we don't have raises a TypeError that names it.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np

from .errors import DtypeError
from .methods import FUNCTIONS

__all__ = ["array_function", "array_ufunc"]

# NumPy's name -> ours, where they differ
ALIASES = {
    "absolute": "abs",
    "amax": "max",
    "amin": "min",
    "concatenate": "concat",
    "conjugate": "conj",
    "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift",
    "power": "pow",
    "right_shift": "bitwise_right_shift",
    "rint": "round",
    "true_divide": "divide",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
}
REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}
KEYWORDS = {"a_min": "min", "a_max": "max", "newshape": "shape", "ddof": "correction"}


def array_ufunc(
    self: Any, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kw: Any
) -> Any:
    """NEP 13: a NumPy ufunc met a tensor."""
    if method == "__call__" and not kw and out is None:
        return _ours(ufunc.__name__, f"np.{ufunc.__name__}")(*inputs)
    if method == "reduce" and ufunc.__name__ in REDUCTIONS:
        if len(inputs) == 1:
            kw.setdefault("axis", 0)
        function = _ours(REDUCTIONS[ufunc.__name__], f"np.{ufunc.__name__}.reduce")
    elif method == "__call__":
        function = _ours(ufunc.__name__, f"np.{ufunc.__name__}")
    else:
        raise DtypeError(f"np.{ufunc.__name__}.{method} has no gradient rule for tensors")
    result = _call(function, f"np.{ufunc.__name__}", inputs, kw)
    if out is None:
        return result
    (target,) = out
    if not isinstance(target, type(result)):
        raise DtypeError(
            f"np.{ufunc.__name__}: out= is a {type(target).__name__}, into which no gradient "
            "could flow; leave it away or pass a Tensor"
        )
    target[...] = result
    return target


def array_function(self: Any, func: Any, types: Any, args: tuple[Any, ...], kw: Any) -> Any:
    """NEP 18: another NumPy function met a tensor."""
    name = f"np.{func.__name__}"
    if func.__name__ in ("shape", "ndim", "size") and len(args) == 1 and not kw:
        return getattr(args[0], func.__name__)
    space = FUNCTIONS
    if func.__module__ in ("numpy.linalg", "numpy.fft"):
        name = f"{func.__module__.replace('numpy', 'np')}.{func.__name__}"
        ours = sys.modules[__package__.partition(".")[0]]  # gpugraph itself
        space = getattr(ours, func.__module__.partition(".")[2])
    function = _ours(func.__name__, name, space)
    if kw.get("out") is not None:
        raise DtypeError(f"{name}: out= is not taken with tensors; use the returned one")
    try:  # NumPy takes most parameters by position, the array API by keyword
        bound = inspect.signature(func).bind(*args, **kw).arguments
        bound |= bound.pop("kwargs", {})  # np.pad's constant_values
    except (ValueError, TypeError):
        return _call(function, name, args, kw)
    wanted = inspect.signature(function).parameters.values()
    positional = [p.name for p in wanted if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in wanted)
    if variadic:
        return _call(function, name, args, kw)
    given = list(bound.items())
    lead = [value for _, value in given[: max(1, _count_positional_only(wanted))]]
    rest = {KEYWORDS.get(k, k): v for k, v in given[len(lead) :]}
    known = {*positional, *(p.name for p in wanted if p.kind is p.KEYWORD_ONLY)}
    if unknown := [k for k in rest if k not in known]:
        raise DtypeError(f"{name}: gpugraph.{function.__name__} has no parameter {unknown[0]!r}")
    return _call(function, name, tuple(lead), rest)


def _count_positional_only(parameters: Any) -> int:
    return sum(p.kind is p.POSITIONAL_ONLY for p in parameters)


def _ours(name: str, shown: str, space: Any = FUNCTIONS) -> Any:
    """Our function for NumPy's of that name; `space` holds it."""
    function = getattr(space, ALIASES.get(name, name), None)
    if function is None:
        raise DtypeError(
            f"{shown} is not available for tensors; use .numpy() where no gradient is needed"
        )
    return function


def _call(function: Any, name: str, args: tuple[Any, ...], kw: dict[str, Any]) -> Any:
    kw = {k: v for k, v in kw.items() if v is not np._NoValue}
    try:
        inspect.signature(function).bind(*args, **kw)
    except TypeError as error:
        raise DtypeError(f"{name}: gpugraph.{function.__name__} {error}") from None
    return function(*args, **kw)
