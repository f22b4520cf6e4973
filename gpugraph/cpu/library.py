"""The compiled kernels as Python calls them: which are there, their arguments, their threads."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..core import backend
from . import compiler, dispatch

__all__ = ["SUFFIXES", "Library", "Needs", "address", "disabled", "library", "why_not"]

SUFFIXES = {np.dtype(np.float32): "_f32", np.dtype(np.float64): "_f64"}


class Needs(ctypes.Structure):
    """Bytes that a kernel takes besides its arguments, ``Needs`` of ``pool.h``.

    own     of the thread that calls it, and
    mine    of that as one of those that share its loops;
    others  of each of the others
    """

    _fields_ = [("own", ctypes.c_long), ("mine", ctypes.c_long), ("others", ctypes.c_long)]
    own: int
    mine: int
    others: int


class Library:
    """What an op's ``cpu`` rule computes with: kernels in C, for float32 and float64.

    A rule gives None for what it doesn't take, and `forward` computes that. It makes its arrays by
    `xp`: then they can be planned, too, by what stands in for a library (`analysis.kernels`).
    """

    xp: Any = np

    def __init__(self, path: os.PathLike[str]) -> None:
        self._dll = ctypes.CDLL(os.fspath(path))
        self._dll.threads.restype = ctypes.c_long
        self._dll.set_threads.argtypes = [ctypes.c_long]
        for count in (self._dll.held, self._dll.held_here, self._dll.most_held):
            count.restype = ctypes.c_long
        self._dll.forget_most_held.restype = None
        self._functions: dict[tuple[str, np.dtype[Any]], Any] = {}
        self.threads = default_threads()

    @property
    def threads(self) -> int:
        """How many threads share a loop, the caller's included."""
        return int(self._dll.threads())

    @threads.setter
    def threads(self, n: int) -> None:
        self._dll.set_threads(n)

    def takes(self, *arrays: Any) -> bool:
        """Are they NumPy arrays (or None) of one dtype that the kernels are compiled for?"""
        dtype = arrays[0].dtype
        return dtype in SUFFIXES and all(
            a is None or (type(a) is np.ndarray and a.dtype == dtype and a.flags.aligned)
            for a in arrays
        )

    def call(self, name: str, dtype: np.dtype[Any], *arguments: Any) -> None:
        """Run a kernel. Arrays go as their addresses, ints as long, floats as double."""
        function = self._functions.get((name, dtype))
        if function is None:
            function = getattr(self._dll, name + SUFFIXES[dtype])
            function.restype = None
            function.argtypes = [_ctype(a) for a in arguments]
            self._functions[name, dtype] = function
        function(*[address(a) if type(a) is np.ndarray else a for a in arguments])

    def needs(self, name: str, dtype: np.dtype[Any], *arguments: Any) -> Needs:
        """What `call` with these arguments would take, which may be arrays without data.

        ``name_needs`` gets those arguments of the kernel that are no arrays and no floats; a kernel
        that takes nothing has none. Not in it: the direct sum that follows where Winograd's way
        meets numbers that are not finite.
        """
        needs = Needs()
        function = getattr(self._dll, name + "_needs" + SUFFIXES[dtype], None)
        if function is not None:
            sizes = [a for a in arguments if not (a is None or isinstance(a, (np.ndarray, float)))]
            function.restype = None
            function.argtypes = [ctypes.c_void_p, *map(_ctype, sizes)]
            function(ctypes.byref(needs), *sizes)
        return needs

    @property
    def held(self) -> int:
        """Bytes that the kernels hold now, of all threads: they stay for the next call."""
        return int(self._dll.held())

    @property
    def held_here(self) -> int:
        """Those of the thread that asks: none in a thread that has called no kernel yet."""
        return int(self._dll.held_here())

    @property
    def most_held(self) -> int:
        """The most that they held since `forget_most_held`."""
        return int(self._dll.most_held())

    def forget_most_held(self) -> None:
        """Begin anew, from what they hold now."""
        self._dll.forget_most_held()


def _address(array: Any) -> int:
    """Where the elements of an array begin: `array.ctypes.data`, but ten times as fast."""
    return _pointer(id(array) + _HEADER).value or 0


def _address_asked(array: Any) -> int:
    return int(array.ctypes.data)


def _arrays_begin_with_data() -> bool:
    """Is the first thing in an array object, behind what every object has, its address?

    So says ``PyArrayObject_fields`` of NumPy's C API; but Python need not be CPython.
    """
    probes: list[Any] = [np.zeros(3), np.zeros((4, 5), np.float32)[1:, ::2], np.zeros(0)]
    return sys.implementation.name == "cpython" and all(
        _address(a) == a.ctypes.data for a in probes
    )


_pointer = ctypes.c_void_p.from_address
_HEADER = object.__basicsize__
address = _address if _arrays_begin_with_data() else _address_asked


def _ctype(argument: Any) -> Any:
    """The C type of a kernel's argument: the same in every call, but that None is an address."""
    if argument is None or isinstance(argument, np.ndarray):
        return ctypes.c_void_p
    if isinstance(argument, (int, np.integer)):
        return ctypes.c_long
    return ctypes.c_double if isinstance(argument, float) else ctypes.c_void_p


def default_threads() -> int:
    """$OMP_NUM_THREADS, if that is a number, else the cores that this process may use."""
    told = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if told.isdigit() and int(told):
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def why_not() -> str | None:
    """Why the kernels are not used, in one line; None if they are."""
    told = compiler.wish()
    if told == "numpy":
        return "GPUGRAPH_CPU=numpy turns them off"
    if told == "auto" and not compiler.has_extra():
        return "pip install 'gpugraph[cpu]' brings a compiler; GPUGRAPH_CPU=compiled takes yours"
    return compiler.why_not()


@functools.cache
def library() -> Library | None:
    """The kernels, compiled by the first call if need be; None if they are not to be used.

    Where the compiler fails, GPUGRAPH_CPU=compiled raises its error; else a warning tells it, and
    NumPy computes.
    """
    told = compiler.wish()
    if why_not() is not None and told != "compiled":
        return None
    try:
        made = Library(compiler.library())
    except (compiler.CompileError, OSError) as error:
        if told == "compiled":
            raise
        warnings.warn(f"gpugraph computes with NumPy alone: {error}", stacklevel=2)
        return None
    _tell_threadpoolctl(made)
    dispatch.prepare()
    return made


def _tell_threadpoolctl(made: Library) -> None:
    """``threadpoolctl.threadpool_limits`` sets our threads, too, where it is installed."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return
    import threadpoolctl

    class Controller(threadpoolctl.LibController):  # type: ignore[misc]
        user_api = "gpugraph"
        internal_api = "gpugraph"
        filename_prefixes = (compiler.PREFIX,)
        check_symbols = ("set_threads",)

        def get_num_threads(self) -> int:
            return made.threads

        def set_num_threads(self, num_threads: int) -> None:
            made.threads = num_threads

        def get_version(self) -> None:
            return None

    threadpoolctl.register(Controller)


_disabled: ContextVar[bool] = ContextVar("gpugraph_cpu_disabled", default=False)


@contextmanager
def disabled() -> Iterator[None]:
    """In this block, of this thread, NumPy computes: to compare, or to look for a mistake.

    >>> with gg.cpu.disabled(): y = model(x)
    """
    token = _disabled.set(True)
    try:
        yield
    finally:
        _disabled.reset(token)


def _in_use() -> Library | None:
    return None if _disabled.get() else library()


backend.cpu_library = _in_use
