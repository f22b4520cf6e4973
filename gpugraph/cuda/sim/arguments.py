"""Arguments of a launch, held against the kernel's signature before anything runs."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from .errors import KernelError

__all__ = ["Argument", "empty", "prepare"]

# The element of a C type that NumPy has, too; that of a vector is looked up without its number.
ELEMENTS = {
    "bool": "?",
    "signed char": "i1",
    "char": "i1",
    "unsigned char": "u1",
    "uchar": "u1",
    "short": "i2",
    "unsigned short": "u2",
    "ushort": "u2",
    "int": "i4",
    "unsigned int": "u4",
    "uint": "u4",
    "long long": "i8",
    "longlong": "i8",
    "unsigned long long": "u8",
    "ulonglong": "u8",
    "half": "f2",
    "float": "f4",
    "double": "f8",
}


class Argument(ctypes.Structure):
    """As in include/cudasim/interface.h."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_uint64),
        ("unwritten", ctypes.c_uint64),
        ("most_writes", ctypes.c_uint64),
        ("item", ctypes.c_uint32),
        ("owner", ctypes.c_int32),
        ("fresh", ctypes.c_int32),
        ("written", ctypes.c_int32),
        ("writers", ctypes.c_void_p),
    ]


def empty(shape: Any, dtype: Any = np.float32) -> Any:
    """An array full of garbage, as new memory on a GPU: NaN, or -1 in integers."""
    array = np.empty(shape, dtype)
    array.reshape(-1).view(np.uint8).fill(0xFF)
    return array


def prepare(
    kernel: str, signature: Sequence[str], args: Sequence[Any], fresh: Collection[int]
) -> tuple[Any, list[Any]]:
    """(the C array of arguments, what must stay alive with it)."""
    if len(args) != len(signature):
        text = f"takes {len(signature)} arguments, got {len(args)}"
        raise KernelError(kernel, f"{text}; parameters: {', '.join(signature)}")
    prepared, alive = (Argument * len(args))(), []
    for number, (type_, arg) in enumerate(zip(signature, args)):
        problem = _array_problem(type_, arg) if type_.endswith("*") else _value_problem(type_, arg)
        if problem:
            raise KernelError(kernel, f"argument {number} ({type_}) {problem}", argument=number)
        entry = prepared[number]
        if type_.endswith("*"):
            entry.data, entry.bytes, entry.item = arg.ctypes.data, arg.nbytes, arg.itemsize
            entry.owner, entry.fresh = number, number in fresh
            entry.written = not type_.startswith("const ")
            alive.append(arg)
        else:
            data = np.frombuffer(bytearray(arg.tobytes().ljust(16, b"\0")), np.uint8)
            aligned = np.zeros((data.size + 31) // 16 * 16, np.uint8)
            start = -aligned.ctypes.data % 16
            aligned[start : start + data.size] = data
            entry.data, entry.bytes, entry.owner = aligned.ctypes.data + start, data.size, -1
            alive.append(aligned)
    _find_owners(kernel, prepared)
    return prepared, alive


def _array_problem(type_: str, arg: Any) -> str | None:
    """What is wrong with this argument for a pointer; None if nothing is."""
    element = type_.removeprefix("const ").removesuffix("*")
    if not isinstance(arg, np.ndarray):
        return f"must be an array, got {type(arg).__name__}"
    if not _same(element, arg.dtype):
        return f"got an array of {arg.dtype}"
    if not arg.flags.c_contiguous:
        return "must be C-contiguous"
    if not type_.startswith("const ") and not arg.flags.writeable:
        return "is written by the kernel, but the array is read-only"
    return None


def _value_problem(type_: str, arg: Any) -> str | None:
    """What is wrong with this argument for a parameter passed by value; None if nothing is."""
    if type_ in ELEMENTS:
        wanted = np.dtype(ELEMENTS[type_])
        if not isinstance(arg, np.generic) or arg.dtype != wanted:
            came = f"NumPy {arg.dtype}" if isinstance(arg, np.generic) else type(arg).__name__
            return f"must be a NumPy {wanted} scalar, got {came}"
    elif not isinstance(arg, (np.ndarray, np.generic)) or arg.size != 1:
        return f"must be one structured value, got {type(arg).__name__}"
    elif not _same(type_, arg.dtype):
        return f"got {arg.dtype} of {arg.dtype.itemsize} bytes"
    return None


def _same(type_: str, dtype: Any) -> bool:
    """Can elements of this C type be NumPy's dtype?"""
    if type_ in ELEMENTS:
        return bool(dtype == np.dtype(ELEMENTS[type_]))
    if type_ == "void":
        return True
    if type_.startswith("struct "):
        return dtype.itemsize == int(type_.split()[1])
    if type_.startswith("bfloat16"):  # NumPy has none: ml_dtypes', or the bits
        return dtype.name == "bfloat16" or dtype == np.uint16
    vector, lanes = ELEMENTS.get(type_[:-1]), type_[-1]
    if vector is None:
        return False
    element = np.dtype(vector)
    return bool(dtype == element) or (
        dtype.kind in "Vc" and dtype.itemsize == element.itemsize * int(lanes)
    )


def _find_owners(kernel: str, args: Any) -> None:
    """Arguments that lie in another one's memory get a place in that one's copy."""
    arrays = [a for a in args if a.owner >= 0 and a.bytes]
    owners: list[Any] = []
    for a in sorted(arrays, key=lambda a: -a.bytes):
        for o in owners:
            if o.data <= a.data and a.data + a.bytes <= o.data + o.bytes:
                a.owner, o.written = o.owner, o.written or a.written
                break
            if o.data < a.data + a.bytes and a.data < o.data + o.bytes:
                text = f"arguments {o.owner} and {a.owner} share a part of their memory"
                raise KernelError(kernel, f"{text}; pass one array, or copies", argument=a.owner)
        else:
            owners.append(a)
