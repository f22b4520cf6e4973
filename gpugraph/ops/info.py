"""What this library can do, as the Array API standard asks for it: `__array_namespace_info__`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import backend
from ..core.backend import Device, default_device
from ..core.errors import ArgumentError
from .dtypes import isdtype

__all__ = ["Info", "__array_api_version__", "__array_namespace_info__"]

__array_api_version__ = "2024.12"

STANDARD = (
    "bool",
    *("int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128"),
)
KINDS = (
    *("bool", "signed integer", "unsigned integer", "integral"),
    *("real floating", "complex floating", "numeric"),
)


class Info:
    """Capabilities, devices and dtypes."""

    def capabilities(self) -> dict[str, Any]:
        """Masks as an index, shapes that depend on values, and the most axes that NumPy takes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """Where new tensors go: `gpugraph.default_device`."""
        device: Device = default_device.get()
        return device

    def devices(self) -> list[Device]:
        """The CPU, and every GPU if one works. ("meta" and "sim" hold no data or save no time.)"""
        gpus = [Device(f"cuda:{i}") for i in range(backend.count_gpus())]
        return [backend.CPU, *gpus]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype[Any]]:
        """The dtypes that Python numbers get; the same on every device."""
        _known(device)
        return {
            "real floating": np.dtype(np.float32),
            "complex floating": np.dtype(np.complex64),
            "integral": np.dtype(np.int64),
            "indexing": np.dtype(np.int64),
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype[Any]]:
        """The standard's dtypes by name, of a kind or of several: as in `isdtype`."""
        _known(device)
        for k in kind if isinstance(kind, tuple) else (kind,):
            if k is not None and k not in KINDS:
                raise ArgumentError(f"dtypes: kind={k!r} is none of {', '.join(KINDS)}")
        found = {name: np.dtype(name) for name in STANDARD}
        return {n: d for n, d in found.items() if kind is None or isdtype(d, kind)}


def _known(device: Any) -> None:
    if device is not None and not isinstance(device, Device):
        Device(device)


def __array_namespace_info__() -> Info:  # noqa: N807 (the standard's name)
    """What this library can do: capabilities(), devices(), default_device(), dtypes(), ..."""
    return Info()
