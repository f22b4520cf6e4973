"""Named arrays in one safetensors file. Reading one never runs code, as unpickling would.

Format: https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from ..core.backend import CPU, is_array, to_device
from ..core.errors import DataError, DtypeError
from ..core.files import write_atomically
from ..core.tensor import Tensor

__all__ = ["load", "load_metadata", "save"]

_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "BF16": "bfloat16",
}


def save(
    path: str | PathLike[str],
    tensors: Mapping[str, Tensor | np.ndarray[Any, Any]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors or arrays, of any device, to a safetensors file; whole or not at all.

    Raises DtypeError for a dtype the format lacks, OSError if the disk refuses.
    """
    from safetensors.numpy import save as pack

    arrays = {name: _host(name, tensor) for name, tensor in tensors.items()}
    for name, text in (metadata or {}).items():
        if not isinstance(text, str):
            raise DtypeError(f"save: metadata[{name!r}] is a {type(text).__name__}; it must be str")
    write_atomically(path, pack(arrays, dict(metadata) if metadata else None))


def load(path: str | PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a safetensors file by name, writable, in memory of their own.

    bfloat16 needs the package ml_dtypes. Raises DataError, with the path, if the file is missing,
    truncated or no safetensors file.
    """
    return read(path)[0]


def load_metadata(path: str | PathLike[str]) -> dict[str, str]:
    """The text entries of a safetensors file. Raises as `load` does."""
    return read(path)[1]


def read(path: str | PathLike[str]) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """Arrays and metadata of a safetensors file."""
    from safetensors import SafetensorError, deserialize

    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise DataError(f"{os.fspath(path)}: can't be read ({error.strerror or error})") from None
    try:
        entries = deserialize(raw)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise DataError(
            f"{os.fspath(path)}: truncated, corrupt or no safetensors file ({error})"
        ) from None
    arrays = {
        name: np.frombuffer(entry["data"], _dtype(path, name, entry["dtype"]))
        .reshape(entry["shape"])
        .copy()
        for name, entry in entries
    }
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return arrays, header.get("__metadata__", {})


def _host(name: str, tensor: Any) -> np.ndarray[Any, Any]:
    """The array to write: on the CPU, contiguous, of a dtype that the format has."""
    array = tensor.array if isinstance(tensor, Tensor) else tensor
    if not is_array(array):
        raise DtypeError(f"save: {name!r} is a {type(tensor).__name__}; it must be tensor or array")
    if array.dtype.name not in _DTYPES.values():
        raise DtypeError(f"save: {name!r} is {array.dtype}, for which safetensors has no type")
    array = to_device(array, CPU)
    return array if array.flags.c_contiguous else array.copy(order="C")


def _dtype(path: str | PathLike[str], name: str, code: str) -> np.dtype[Any]:
    if code not in _DTYPES:
        raise DataError(
            f"{os.fspath(path)}: {name!r} is of type {code}, which NumPy has no dtype for"
        )
    if code == "BF16":
        try:
            import ml_dtypes
        except ImportError:
            raise DataError(
                f"{os.fspath(path)}: {name!r} is bfloat16; pip install ml_dtypes"
            ) from None
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(_DTYPES[code])
