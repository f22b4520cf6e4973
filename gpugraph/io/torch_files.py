"""Files of ``torch.save`` (.pth, .pt), read without PyTorch and without running what is in them.

Three forms: a zip archive (PyTorch 1.6 and later), pickles one behind the other with the numbers at
the end (0.1.10 to 1.5, still an option), and a tar archive (before). In each a pickle tells the
structure, and where the numbers of each tensor lie.
"""

from __future__ import annotations

import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from os import PathLike
from typing import IO, Any

import numpy as np

from ..core.errors import DataError
from ..core.pickles import ORDERED_DICT, Call, load_pickle, plain

__all__ = ["load_torch"]

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}
DTYPES = sorted({*STORAGES.values(), "uint16", "uint32", "uint64"})


def load_torch(path: str | PathLike[str]) -> Any:
    """What ``torch.save`` wrote, with tensors and parameters as NumPy arrays.

    >>> model.load_state_dict(gg.io.load_torch("weights.pth"))

    Tensors on any device, parameters, numbers, texts, and containers of them are read; bfloat16
    needs ml_dtypes. Nothing in the file is executed: any other class is refused by its name.
    Raises DataError, with the path, if the file is missing, corrupt, hostile or of another kind.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(4)
            file.seek(0)
            if start == b"PK\x03\x04":
                return _read_zip(path, file)
            if tarfile.is_tarfile(file):
                file.seek(0)
                return _read_tar(path, file)
            file.seek(0)
            return _read_stream(path, file)
    except OSError as error:
        raise DataError(f"{os.fspath(path)}: can't be read ({error.strerror or error})") from None
    except (zipfile.BadZipFile, tarfile.TarError, struct.error, KeyError, EOFError) as error:
        raise DataError(
            f"{os.fspath(path)}: truncated, corrupt or no file of torch.save ({error})"
        ) from None
    except DataError as error:
        if str(error).startswith(os.fspath(path)):
            raise
        raise DataError(f"{os.fspath(path)}: {error}") from None


class _Dtype:
    """A dtype that the pickle names, such as torch.float32 or torch.FloatStorage."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __setstate__(self, state: Any) -> None:
        raise DataError("a pickle sets the state of a dtype")


class _Storage:
    """Numbers in a row: raw bytes that come, once, from `read`."""

    __slots__ = ("bytes", "dtype", "numel", "read")

    def __init__(self, dtype: str, numel: int, read: Callable[[], bytes] | None = None) -> None:
        self.dtype, self.numel, self.read = dtype, numel, read
        self.bytes: bytes | None = None

    def __setstate__(self, state: Any) -> None:
        raise DataError("a pickle sets the state of a storage")


class _View:
    """A tensor: which numbers of a storage, and in what shape."""

    __slots__ = ("dtype", "offset", "shape", "storage", "strides")

    def __init__(self, storage: Any, offset: Any, shape: Any, strides: Any, dtype: str) -> None:
        if not isinstance(storage, _Storage) or type(offset) is not int or offset < 0:
            raise DataError("a tensor of no storage")
        for numbers in (shape, strides):
            if not isinstance(numbers, tuple) or any(type(n) is not int or n < 0 for n in numbers):
                raise DataError(f"a tensor of shape {shape!r} and strides {strides!r}")
        if len(shape) != len(strides) or len(shape) > 64:
            raise DataError(f"a tensor of shape {shape!r} and strides {strides!r}")
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides
        self.dtype = dtype

    def __setstate__(self, state: Any) -> None:
        raise DataError("a pickle sets the state of a tensor")


def _rebuild(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _View:
    return _View(storage, offset, size, stride, getattr(storage, "dtype", ""))


def _rebuild_v3(
    storage: Any, offset: Any, size: Any, stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any
) -> _View:
    if not isinstance(dtype, _Dtype):
        raise DataError("a tensor of no dtype")
    return _View(storage, offset, size, stride, dtype.name)


NAMES: dict[tuple[str, str], Any] = {
    **ORDERED_DICT,
    ("torch", "Size"): Call(tuple),
    ("torch", "device"): Call(lambda *told: ":".join(map(str, told))),
    ("torch._utils", "_rebuild_tensor"): Call(_rebuild),
    ("torch._utils", "_rebuild_tensor_v2"): Call(_rebuild),
    ("torch._utils", "_rebuild_tensor_v3"): Call(_rebuild_v3),
    ("torch._utils", "_rebuild_parameter"): Call(lambda data, *_: data),
    ("torch._utils", "_rebuild_parameter_with_state"): Call(lambda data, *_: data),
    **{("torch", name): _Dtype(dtype) for name, dtype in STORAGES.items()},
    ("torch.storage", "UntypedStorage"): _Dtype("uint8"),
    **{("torch", name): _Dtype(name) for name in DTYPES},
}


def _read_zip(path: Any, file: IO[bytes]) -> Any:
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in infos if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise DataError("a zip archive, but not of torch.save: it has no data.pkl")
        root = pickles[0][: -len("data.pkl")]
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos.values()):
            raise DataError("the archive is compressed, as torch.save never does")
        order = archive.read(f"{root}byteorder") if f"{root}byteorder" in infos else b"little"
        left = [size]  # bytes: an archive whose parts overlap would hold more than the file

        def entry(key: str) -> bytes:
            left[0] -= infos[f"{root}data/{key}"].file_size
            if left[0] < 0:
                raise DataError("the archive holds more than the file has")
            return archive.read(f"{root}data/{key}")

        storages: dict[str, _Storage] = {}
        with archive.open(pickles[0]) as pickled:
            tree = load_pickle(path, pickled, NAMES, _by_key(storages, entry))
        return _arrays(tree, order.strip() == b"big")


def _by_key(storages: dict[str, _Storage], entry: Callable[[str], bytes] | None) -> Any:
    """What finds, or makes, the storage that a persistent id tells of."""

    def find(pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise DataError("the pickle refers to something that is no storage")
        _, kind, key, _, numel = pid[:5]
        if len(pid) > 5 and pid[5] is not None:
            raise DataError("storages that are views of others can't be read")
        if not isinstance(kind, _Dtype) or not isinstance(key, str) or type(numel) is not int:
            raise DataError("a storage without type, name or length")
        if key not in storages:
            read = None if entry is None else lambda: entry(key)
            storages[key] = _Storage(kind.name, numel, read)
        return storages[key]

    return find


def _read_stream(path: Any, file: IO[bytes]) -> Any:
    if load_pickle(path, file, {}) != MAGIC or load_pickle(path, file, {}) != PROTOCOL:
        raise DataError("no file of torch.save")
    system = load_pickle(path, file, {})
    big = not (isinstance(system, dict) and system.get("little_endian", True))
    storages: dict[str, _Storage] = {}
    tree = load_pickle(path, file, NAMES, _by_key(storages, None))
    keys = load_pickle(path, file, {})
    if not isinstance(keys, list) or any(k not in storages for k in keys):
        raise DataError("the list of storages is corrupt")
    for key in keys:
        _fill(file, storages[key])
    return _arrays(tree, big)


def _fill(file: IO[bytes], storage: _Storage) -> None:
    """Read a number of elements (int64) and the elements."""
    (numel,) = struct.unpack("<q", file.read(8))
    wanted = numel * _dtype(storage.dtype, False).itemsize
    here = file.tell()
    if numel < 0 or wanted > file.seek(0, os.SEEK_END) - here:
        raise DataError(f"a storage of {numel} numbers is longer than the file")
    file.seek(here)
    storage.numel, storage.bytes = numel, file.read(wanted)


def _read_tar(path: Any, file: IO[bytes]) -> Any:
    found: dict[Any, Any] = {}
    with tarfile.open(fileobj=file, mode="r:") as tar:
        parts = [tar.extractfile(name) for name in ("storages", "tensors", "pickle")]
        if None in parts:
            raise DataError("a tar archive, but not of torch.save")
        storages, tensors, pickled = (part for part in parts if part is not None)
        for _ in range(_count(load_pickle(path, storages, NAMES))):
            key, _, kind = load_pickle(path, storages, NAMES)
            found[key] = _Storage(kind.name, 0)
            _fill(storages, found[key])
        if load_pickle(path, storages, NAMES):
            raise DataError("storages that are views of others can't be read")
        for _ in range(_count(load_pickle(path, tensors, NAMES))):
            key, storage, _ = load_pickle(path, tensors, TENSORS)
            ndim, _ = struct.unpack("<ii", tensors.read(8))
            if not 0 <= ndim <= 64:
                raise DataError(f"a tensor of {ndim} axes")
            shape = struct.unpack(f"<{ndim}q", tensors.read(8 * ndim))
            strides = struct.unpack(f"<{ndim}q", tensors.read(8 * ndim))
            (offset,) = struct.unpack("<q", tensors.read(8))
            found[key] = _rebuild(found[storage], offset, shape, strides)
        return _arrays(load_pickle(path, pickled, NAMES, lambda pid: found[int(pid)]), False)


TENSORS = {  # types of tensors, which the old form names besides those of storages
    **NAMES,
    **{("torch", k.replace("Storage", "Tensor")): _Dtype(d) for k, d in STORAGES.items()},
}


def _count(n: Any) -> int:
    if type(n) is not int or not 0 <= n < 2**31:
        raise DataError(f"a count of {n!r}")
    return n


def _arrays(tree: Any, big: bool) -> Any:
    """The tree with arrays for tensors."""

    def made(x: Any) -> Any:
        if isinstance(x, _View):
            return _array(x, big)
        if isinstance(x, _Dtype):
            return x.name
        if x is None or isinstance(x, (bool, int, float, complex, str, bytes)):
            return x
        raise DataError(f"holds a {type(x).__name__.strip('_')} where values are expected")

    return plain(tree, made)


def _array(view: _View, big: bool) -> Any:
    """The numbers of a view, in memory of their own."""
    storage = view.storage
    if storage.bytes is None:
        if storage.read is None:
            raise DataError("a tensor whose numbers are not in the file")
        storage.bytes = storage.read()
    dtype = _dtype(view.dtype, big)
    numbers = np.frombuffer(storage.bytes, dtype, len(storage.bytes) // dtype.itemsize)
    steps = zip(view.shape, view.strides, strict=True)
    last = view.offset + sum((n - 1) * s for n, s in steps) if 0 not in view.shape else -1
    if last >= len(numbers) or view.offset > len(numbers):
        raise DataError(f"a tensor of shape {view.shape} reaches past its {len(numbers)} numbers")
    if np.prod(view.shape, dtype=float) > 1 and 0 in view.strides:
        _check_repeats(view, len(numbers))
    strides = tuple([s * dtype.itemsize for s in view.strides])
    try:
        seen = np.lib.stride_tricks.as_strided(numbers[view.offset :], view.shape, strides)
    except ValueError as error:  # 0 elements, but a product of the others that NumPy refuses
        raise DataError(f"a tensor of shape {view.shape} ({error})") from None
    return seen.astype(dtype.newbyteorder("=") if big else dtype, order="C")


def _check_repeats(view: _View, n: int) -> None:
    """Expanded tensors repeat numbers; a small file must not fill the memory with them."""
    size = 1
    for length in view.shape:
        size *= length
    if size > max(n, 1) * 2**20:
        raise DataError(f"a tensor of shape {view.shape} repeats its {n} numbers")


def _dtype(name: str, big: bool) -> np.dtype[Any]:
    if name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError:
            raise DataError("holds bfloat16; pip install ml_dtypes") from None
        dtype = np.dtype(ml_dtypes.bfloat16)
        if big:
            raise DataError("holds big-endian bfloat16")
        return dtype
    return np.dtype(name).newbyteorder(">") if big else np.dtype(name)
