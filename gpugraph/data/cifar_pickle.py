"""The "python version" of CIFAR-10: a pickled dict of an array and lists, read as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import DataError
from ..core.pickles import Call, load_pickle

__all__ = ["read_batch"]

PIXELS = 3 * 32 * 32


class _Array:
    """Stands for the array that a pickle makes: only bytes of type uint8 are taken."""

    __slots__ = ("values",)

    def __init__(self, *_: Any) -> None:
        self.values: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise DataError("an array without values")
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, _Dtype) or dtype.name not in ("u1", b"u1") or fortran:
            raise DataError("an array that is not uint8 in row-major order")
        if not isinstance(content, bytes) or not isinstance(shape, tuple):
            raise DataError("an array without bytes")
        if any(type(n) is not int or n < 0 for n in shape) or len(shape) != 2:
            raise DataError(f"an array of shape {shape!r}")
        if shape[0] * shape[1] != len(content):
            raise DataError(f"an array of shape {shape!r} with {len(content)} bytes")
        self.values = np.frombuffer(content, np.uint8).reshape(shape)


class _Dtype:
    __slots__ = ("name",)

    def __init__(self, name: Any, *_: Any) -> None:
        self.name = name

    def __setstate__(self, state: Any) -> None:
        """Byte order and flags, which uint8 has none of."""


def _encoded(text: Any, encoding: Any) -> bytes:
    """How Python 3 writes bytes in the old protocols."""
    if not isinstance(text, str) or encoding != "latin1":
        raise DataError("a text in another encoding")
    return text.encode("latin1")


NAMES: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): Call(_Array),
    ("numpy._core.multiarray", "_reconstruct"): Call(_Array),
    ("numpy", "ndarray"): Call(_Array),
    ("numpy", "dtype"): Call(_Dtype),
    ("_codecs", "encode"): Call(_encoded),
}


def read_batch(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Images (N, 3, 32, 32) and labels (N,), uint8, of one file of the python version."""
    with open(path, "rb") as file:
        try:
            held = load_pickle(path, file, NAMES, encoding="bytes")
        except DataError as error:
            told = str(error)
            raise DataError(told if told.startswith(str(path)) else f"{path}: {told}") from None
    held = {_text(k): v for k, v in held.items()} if isinstance(held, dict) else {}
    images, labels = held.get("data"), held.get("labels")
    if not isinstance(images, _Array) or images.values is None or not isinstance(labels, list):
        raise DataError(f"{path}: holds no data and labels, as a batch of CIFAR-10 does")
    pixels = images.values
    if pixels.shape != (len(labels), PIXELS) or not labels:
        raise DataError(
            f"{path}: {len(labels)} labels for data of shape {pixels.shape}; wanted (N, {PIXELS})"
        )
    for at, label in enumerate(labels):
        if type(label) is not int or not 0 <= label <= 9:
            raise DataError(f"{path}: label {label!r} of item {at} is no class of 0 to 9")
    return pixels.reshape(-1, 3, 32, 32), np.array(labels, np.uint8)


def _text(key: Any) -> Any:
    return key.decode("latin1") if isinstance(key, bytes) else key
