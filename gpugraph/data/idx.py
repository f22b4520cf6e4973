"""IDX, the file format of MNIST: a magic number, the lengths of the axes, the elements.

    byte 0, 1   0
    byte 2      type: 8 uint8, 9 int8, 11 int16, 12 int32, 13 float32, 14 float64
    byte 3      number of axes, each then given as a big-endian uint32
    then        the elements, row-major and big-endian

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits" (file formats).
"""

from __future__ import annotations

import gzip
import zlib
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import DataError, DtypeError
from ..core.files import write_atomically

__all__ = ["read_idx", "write_idx"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CODES = {np.dtype(name).newbyteorder("="): code for code, name in _TYPES.items()}
_GZIP = b"\x1f\x8b"


def read_idx(path: str | PathLike[str]) -> np.ndarray[Any, Any]:
    """The array in an IDX file, plain or gzipped (told by its first bytes, not by its name).

    Raises DataError, with the path, if the file is missing, truncated or not what it says it is.
    """
    raw = _unpacked(Path(path))
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _TYPES:
        raise DataError(
            f"{path}: starts with {raw[:4].hex(' ') or 'nothing'}; the magic number of an IDX file "
            f"is 00 00, a type of {', '.join(f'{code:02x}' for code in _TYPES)}, the number of axes"
        )
    dtype, ndim = np.dtype(_TYPES[raw[2]]), raw[3]
    start = 4 + 4 * ndim
    if len(raw) < start:
        raise DataError(f"{path}: ends inside its header; {ndim} axes need {start} bytes")
    shape = tuple([int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(ndim)])
    wanted = prod(shape) * dtype.itemsize
    if len(raw) - start != wanted:
        raise DataError(
            f"{path}: holds {len(raw) - start:,} bytes of data; its header promises "
            f"{dtype.newbyteorder('=')} {shape}, which takes {wanted:,}"
        )
    return np.frombuffer(raw, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def write_idx(path: str | PathLike[str], array: Any) -> None:
    """Write an array as an IDX file, gzipped if the name ends in ``.gz``.

    Raises DtypeError for a dtype that IDX doesn't know.
    """
    array = np.asarray(array)
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        raise DtypeError(
            f"write_idx: IDX has no type for {array.dtype}; it knows "
            f"{', '.join(str(dtype) for dtype in _CODES)}"
        )
    header = bytes([0, 0, code, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
    raw = header + array.astype(_TYPES[code]).tobytes()
    # no time stamp in the gzip header: equal arrays make equal files
    write_atomically(path, gzip.compress(raw, mtime=0) if str(path).endswith(".gz") else raw)


def _unpacked(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw.startswith(_GZIP) else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: truncated or corrupt gzip file ({error}); fetch it again"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror or error})") from None
