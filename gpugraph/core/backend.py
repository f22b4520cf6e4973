"""Devices and array modules: the one place that knows NumPy arrays from CuPy ones.

CuPy is imported only when a GPU is asked for; an array can be a CuPy one only if CuPy is imported.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from .errors import ArgumentError, DataError, DeviceError

__all__ = [
    "META",
    "Array",
    "Device",
    "MetaArray",
    "SimArray",
    "count_gpus",
    "cpu_library",
    "cuda_reason",
    "current",
    "default_device",
    "device_of",
    "extent",
    "housed",
    "is_array",
    "launcher",
    "launchers",
    "module_of",
    "module_on",
    "to_device",
    "write",
]

Array: TypeAlias = Any  # numpy.ndarray, cupy.ndarray or MetaArray


@dataclass(frozen=True, eq=False)
class Device:
    """Where an array lives: ``Device("cpu")``, ``"cuda:0"``, ``"sim"`` or ``"meta"``.

    "sim" is the CPU standing in for a GPU: CUDA kernels run there, slowly. "cuda" means "cuda:0".
    Equal to its own name, so ``x.device == "cpu"`` reads as it should.
    """

    name: str

    def __post_init__(self) -> None:
        name = str(self.name)
        if name == "cuda":
            name = "cuda:0"
        if name not in ("cpu", "sim", "meta") and not re.fullmatch(r"cuda:\d+", name):
            raise ArgumentError(
                f"device: {self.name!r} is none of 'cpu', 'cuda', 'cuda:N', 'sim', 'meta'"
            )
        object.__setattr__(self, "name", name)

    @property
    def type(self) -> str:
        """'cpu', 'cuda', 'sim' or 'meta'."""
        return self.name.partition(":")[0]

    @property
    def index(self) -> int | None:
        """The number of the GPU; None elsewhere."""
        return int(self.name[5:]) if self.type == "cuda" else None

    def __eq__(self, other: object) -> bool:
        return str(other) == self.name or (other == "cuda" and self.name == "cuda:0")

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Device({self.name!r})"


CPU = Device("cpu")
_META_DEVICE = Device("meta")
_SIM_DEVICE = Device("sim")


class SimArray(np.ndarray[Any, Any]):
    """A NumPy array on the simulated GPU: ops with a CUDA kernel run it there, others NumPy."""


class MetaArray:
    """Shape and dtype without data: what ops give on the ``meta`` device."""

    __slots__ = ("__weakref__", "dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: int(np.prod(self.shape, dtype=np.int64)))
    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.dtype.itemsize)
    base = None

    def __repr__(self) -> str:
        return f"MetaArray({self.shape}, {self.dtype})"


PARAMETERS = ("w", "weight", "b", "bias")  # a batch is moved to its network, not the other way

META: Any = MetaArray  # stands where an array module stands elsewhere


def _cupy() -> Any:
    """CuPy if something has imported it already, else None."""
    return sys.modules.get("cupy")


def is_array(x: object) -> bool:
    """Is x a NumPy, CuPy or meta array (and no list, scalar or tensor)?"""
    if isinstance(x, (np.ndarray, MetaArray)):
        return True
    cupy = _cupy()
    return cupy is not None and isinstance(x, cupy.ndarray)


def device_of(array: Array) -> Device:
    """The device an array lives on. NumPy scalars count as "cpu"."""
    if isinstance(array, (np.ndarray, np.generic)):
        return _SIM_DEVICE if isinstance(array, SimArray) else CPU
    if isinstance(array, MetaArray):
        return _META_DEVICE
    return Device(f"cuda:{array.device.id}")


def module_of(op: object, names: Any, arrays: list[Array]) -> Any:
    """numpy, cupy or META: the module that computes with all these arrays; refuses a mix.

    NumPy scalars and absent inputs fit anywhere.
    """
    found: Device | None = None
    first = ""
    for name, array in zip(names, arrays, strict=True):
        if array is None or isinstance(array, np.generic):
            continue
        device = device_of(array)
        if found is not None and found != device:
            mover, there = name, found
            if device.type == "meta" or name in PARAMETERS:  # with no data to move, or better kept
                mover, there = first, device
            raise DeviceError(
                f"{op}: {first} is on {found}, {name} is on {device}; "
                f"move one of them: {mover}.to({there.name!r})"
            )
        found, first = device, first or name
    if found is None or found is CPU or found is _SIM_DEVICE:
        return np
    return META if found == _META_DEVICE else _cupy()


# "cuda" and "sim" -> what runs kernels there; filled in by gpugraph.cuda, which this floor
# doesn't know
launchers: dict[str, Callable[[], Any]] = {}

# what gives the compiled kernels of the CPU, or None; set by gpugraph.cpu
cpu_library: Callable[[], Any] = lambda: None  # noqa: E731


def launcher(arrays: list[Array]) -> Any:
    """What runs kernels where these arrays are; None where there are none."""
    housed = (a for a in arrays if a is not None and not isinstance(a, np.generic))
    here = next(map(device_of, housed), CPU)
    make = launchers.get(here.type)
    return None if make is None else make()


def housed(array: Array, device: Device) -> Array:
    """An array that NumPy has made for that device, as an array of that device."""
    if device is _SIM_DEVICE or device == _SIM_DEVICE:
        return array.view(SimArray)
    return array


@cache
def cuda_reason() -> str | None:
    """Why there is no GPU to compute on, or None if there is one. Probed once, for real.

    Importing CuPy is not having a GPU (CuPy 14 imports without a driver): a product and a kernel
    must give the right numbers.
    """
    try:
        import cupy
    except Exception as error:  # a broken install raises more than ImportError
        return f"CuPy can't be imported ({type(error).__name__}: {error})"
    try:
        a = cupy.arange(6, dtype=cupy.float32).reshape(2, 3)
        product = (a @ a.T).get()
        twice = cupy.ElementwiseKernel("float32 x", "float32 y", "y = 2 * x", "gpugraph_probe")(a)
        right = product.tolist() == [[5, 14], [14, 50]] and twice.get().sum() == 30
    except Exception as error:
        return f"CuPy can't compute on a GPU ({type(error).__name__}: {error})"
    return None if right else "the GPU gives wrong numbers for a 2x3 matrix product"


def count_gpus() -> int:
    """How many GPUs there are to compute on."""
    return 0 if cuda_reason() else int(_cupy().cuda.runtime.getDeviceCount())


_default: ContextVar[Device | None] = ContextVar("gpugraph_device", default=None)


def _first_default() -> Device:
    """The default before anyone sets one: GPUGRAPH_DEVICE, else a GPU that works, else the CPU."""
    name = os.environ.get("GPUGRAPH_DEVICE", "")
    if not name:
        return CPU if cuda_reason() else Device("cuda")
    device = Device(name)
    if device.type == "cuda" and (reason := cuda_reason()):
        raise DeviceError(f"GPUGRAPH_DEVICE={name}: {reason}")
    return device


class default_device:  # noqa: N801 (a function to its users)
    """Set the device that `tensor` and the creation functions use; restored at the end of a with.

    >>> gg.default_device("cpu")            # from now on, in this thread
    >>> with gg.default_device("meta"): ... # in this block
    >>> gg.default_device()                 # which is it?
    """

    def __new__(cls, device: Device | str | None = None) -> Any:
        """The current default, if no device is given."""
        return cls.get() if device is None else super().__new__(cls)

    def __init__(self, device: Device | str) -> None:
        wanted = device if isinstance(device, Device) else Device(device)
        if wanted.type == "cuda" and (reason := cuda_reason()):
            raise DeviceError(f"default_device({str(device)!r}): {reason}")
        self._token = _default.set(wanted)

    def __enter__(self) -> None: ...

    def __exit__(self, *exc: object) -> None:
        _default.reset(self._token)

    @staticmethod
    def get() -> Device:
        """The current default device."""
        return _default.get() or _first_default()


@contextmanager
def module_on(device: Device, label: str = "to") -> Iterator[Any]:
    """numpy, META, or cupy with that GPU made the current one: to make arrays there."""
    if device.type != "cuda":
        yield META if device.type == "meta" else np
        return
    if reason := cuda_reason():
        raise DeviceError(f"{label}: no device {device}: {reason}")
    with _cupy().cuda.Device(device.index):
        yield _cupy()


def current(arrays: list[Array]) -> AbstractContextManager[Any]:
    """Makes the GPU that holds these arrays the current one; nothing elsewhere."""
    cupy = _cupy()
    if cupy is not None:
        for array in arrays:
            if isinstance(array, cupy.ndarray):
                gpu: AbstractContextManager[Any] = cupy.cuda.Device(array.device.id)
                return gpu
    return nullcontext()


def write(target: Array, value: Any) -> None:
    """target[...] = value, also where the two overlap: CuPy would copy in whatever order."""
    if not isinstance(target, np.ndarray) and is_array(value):
        xp = module_of("write", ("x", "value"), [target, value])
        value = value.copy() if xp.may_share_memory(target, value) else value
    target[...] = value


def extent(array: Array) -> tuple[int, int]:
    """The addresses (start, stop) between which the elements of an array lie."""
    first: int = array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr
    if not array.size:
        return first, first
    reach = [(n - 1) * step for n, step in zip(array.shape, array.strides, strict=True)]
    low, high = sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach)
    return first + low, first + high + array.itemsize


def to_device(array: Array, device: Device | str) -> Array:
    """The array on that device: itself if it is there already, else a copy."""
    device = device if isinstance(device, Device) else Device(device)
    here = device_of(array)
    if here == device:
        return array
    if here.type == "meta":
        raise DataError(f"to: a meta tensor has no data to move to {device}")
    if device.type == "meta":
        return MetaArray(array.shape, array.dtype)
    if here.type == "sim":
        array = array.view(np.ndarray)
    if device.type in ("cpu", "sim"):
        host = array.get() if here.type == "cuda" else array.copy()
        return housed(host, device)
    with module_on(device) as cupy:
        return cupy.asarray(array)
