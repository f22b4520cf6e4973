"""Types of elements: dtype objects under their Array API names, and questions about them.

All are plain ``numpy.dtype`` objects, so ``x.dtype == gpugraph.float32`` needs no conversion.
``gpugraph.bfloat16`` exists where the package ml_dtypes is installed.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.backend import is_array
from ..core.errors import ArgumentError, DtypeError
from ..core.inputs import weak_dtype
from ..core.tensor import Tensor, is_floating

__all__ = [
    "bool",
    "can_cast",
    "complex64",
    "complex128",
    "e",
    "finfo",
    "float16",
    "float32",
    "float64",
    "iinfo",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "isdtype",
    "nan",
    "newaxis",
    "pi",
    "result_type",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]

bool = np.dtype("bool")
int8, int16, int32, int64 = (np.dtype(f"int{bits}") for bits in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{bits}") for bits in (16, 32, 64))
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")
e, inf, nan, pi, newaxis = np.e, np.inf, np.nan, np.pi, None


def __getattr__(name: str) -> Any:
    """bfloat16, which needs an import that not everybody pays for."""
    if name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError:
            raise AttributeError("bfloat16 needs the package ml_dtypes") from None
        return np.dtype(ml_dtypes.bfloat16)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def as_dtype(label: str, dtype: Any) -> np.dtype[Any]:
    """The dtype object of anything that names one; DtypeError if nothing of numbers does."""
    try:
        found = __getattr__(dtype) if dtype == "bfloat16" else np.dtype(dtype)
    except (TypeError, AttributeError) as error:
        raise DtypeError(f"{label}: dtype={dtype!r} is no type of numbers ({error})") from None
    if found.kind not in "biufc" and not is_floating(found):
        raise DtypeError(f"{label}: dtype={dtype!r} is no type of numbers")
    return found


@lru_cache(maxsize=4096)
def promoted(function: str, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which NumPy's ufunc of that name answers these; DtypeError if it takes none."""
    try:
        found: np.dtype[Any] = getattr(np, function).resolve_dtypes((*dtypes, None))[-1]
    except TypeError:
        names = ["x"] if len(dtypes) == 1 else [f"x{i + 1}" for i in range(len(dtypes))]
        told = " and ".join(f"{d} {n}" for d, n in zip(dtypes, names, strict=True))
        raise DtypeError(f"{function}: takes no {told}; convert with .astype(...)") from None
    return found


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype that these arrays, dtypes and numbers have in common; numbers are weak."""
    if not arrays_and_dtypes:
        raise ArgumentError("result_type: needs at least one array, dtype or number")
    dtypes, numbers = [], []
    for x in arrays_and_dtypes:
        if isinstance(x, Tensor) or is_array(x):
            dtypes.append(x.dtype)
        elif isinstance(x, (builtins.bool, int, float, complex, np.generic)):
            numbers.append(x)
        else:
            dtypes.append(as_dtype("result_type", x))
    for number in numbers:
        dtypes = [np.dtype(weak_dtype(number, dtypes))]
    return np.result_type(*dtypes)


def can_cast(from_: Any, to: Any, /) -> builtins.bool:
    """Can every value of that dtype (or of that array's) be told in the other?"""
    if isinstance(from_, Tensor) or is_array(from_):
        from_ = from_.dtype
    return np.can_cast(as_dtype("can_cast", from_), as_dtype("can_cast", to))


def isdtype(dtype: Any, kind: Any) -> builtins.bool:
    """Is the dtype of that kind: a dtype, "bool", "integral", "real floating", "numeric", ...?

    kind may be a tuple of kinds, any of which is enough.
    """
    dtype = as_dtype("isdtype", dtype)
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    letters = {
        "bool": "b",
        "signed integer": "i",
        "unsigned integer": "u",
        "integral": "iu",
        "real floating": "f",
        "complex floating": "c",
        "numeric": "iufc",
    }
    if isinstance(kind, str) and kind in letters:
        return ("f" if is_floating(dtype) else dtype.kind) in letters[kind]
    return dtype == as_dtype("isdtype", kind)


@dataclass(frozen=True)
class FloatInfo:
    """Limits of a floating dtype, as Python numbers; of a complex one, those of its parts.

    eps is the distance from 1 to the next number, resolution 10 to minus its decimal digits.
    """

    dtype: np.dtype[Any]
    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    resolution: float

    @property
    def tiny(self) -> float:
        """smallest_normal, under its older name."""
        return self.smallest_normal


def finfo(type: Any, /) -> FloatInfo:
    """Limits of a floating dtype, or of that of an array: see `FloatInfo`."""
    dtype = _dtype_of("finfo", type)
    if dtype.name == "bfloat16":
        import ml_dtypes

        untyped: Any = ml_dtypes.finfo
        limits = untyped(dtype)
    elif dtype.kind in "fc":
        limits = np.finfo(dtype)
    else:
        raise DtypeError(f"finfo: {dtype} is not a floating dtype; iinfo tells of integers")
    names = ("eps", "max", "min", "smallest_normal", "resolution")
    return FloatInfo(limits.dtype, int(limits.bits), *(float(getattr(limits, n)) for n in names))


def iinfo(type: Any, /) -> Any:
    """Limits of an integer dtype: max, min, bits."""
    dtype = _dtype_of("iinfo", type)
    if dtype.kind not in "iu":
        raise DtypeError(f"iinfo: {dtype} is not an integer dtype; finfo tells of floats")
    return np.iinfo(dtype)


def _dtype_of(label: str, x: Any) -> np.dtype[Any]:
    """Of an array or a number, or what x names; np.float32 has an attribute dtype that is none."""
    found = getattr(x, "dtype", None)
    return found if isinstance(found, np.dtype) else as_dtype(label, x)
