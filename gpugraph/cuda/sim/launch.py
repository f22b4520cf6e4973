"""Modules, kernels and launches: ctypes around the compiled library."""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .arguments import Argument, prepare
from .compile import MODES, library, locate
from .errors import KernelError
from .report import WRITER, Report

__all__ = ["Kernel", "Module"]

GUARDS = {"high": 1, "low": 2}

# Signals belong to the process, so one kernel runs at a time.
_one_at_a_time = threading.Lock()


class Failure(ctypes.Structure):
    """As in include/cudasim/interface.h."""

    _fields_ = [
        ("text", ctypes.c_char * 1024),
        ("sites", ctypes.c_uint64 * 2),
        ("site_count", ctypes.c_uint32),
        ("argument", ctypes.c_int32),
        ("block", ctypes.c_uint32 * 3),
        ("thread", ctypes.c_uint32 * 3),
        ("somewhere", ctypes.c_int32),
        ("padding", ctypes.c_int32),
    ]


class Launch(ctypes.Structure):
    """As in include/cudasim/interface.h."""

    _fields_ = [
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("shared", ctypes.c_uint64),
        ("seed", ctypes.c_uint64),
        ("limit", ctypes.c_double),
        ("check", ctypes.c_int32),
        ("guard", ctypes.c_int32),
        ("arguments", ctypes.POINTER(Argument)),
        ("count", ctypes.c_uint64),
        ("failure", Failure),
    ]


class Module:
    """A CUDA C source, compiled for this CPU.

    source    the text of the .cu file
    names     name expressions of the kernels, "max_pool<float, unsigned char>"; a template that
              nobody names is not compiled
    filename  what messages call the source
    include   folders of its ``#include "x.cuh"``
    options   further options for g++, such as "-DTILE=8"
    mode      "bare", "fast" or "check", see the package's docstring

    Compiled libraries are kept in $GPUGRAPH_SIM_CACHE, by default ~/.cache/gpugraph/sim. Raises
    CompileError with g++'s message.
    """

    def __init__(
        self,
        source: str,
        names: Sequence[str],
        *,
        filename: str = "kernel.cu",
        include: Sequence[Path] = (),
        options: Sequence[str] = (),
        mode: str = "fast",
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode={mode!r}; there are {', '.join(MODES)}")
        self.mode, self.names = mode, tuple(names)
        self.path = library(
            source, names, filename=filename, include=include, options=options, mode=mode
        )
        self.library = ctypes.CDLL(str(self.path))

    def function(self, name: str) -> Kernel:
        """The kernel of this name expression, which is one of `names`."""
        if name not in self.names:
            raise KeyError(f"{name!r} is none of the module's kernels: {', '.join(self.names)}")
        return Kernel(self, name)


class Kernel:
    """A kernel that can be launched.

    signature  the types of its parameters as in C, without names: "const float*", "int",
               "float4", or "struct 72" for any other type of 72 bytes; 8-byte integers are
               "long long", whatever the source calls them
    """

    def __init__(self, module: Module, name: str) -> None:
        self.module, self.name = module, name
        number = module.names.index(name)
        text = ctypes.create_string_buffer(1 << 16)
        with _one_at_a_time:  # the checker sees this code, too
            getattr(module.library, f"cudasim_signature_{number}")(text)
        self.signature = text.value.decode().split("|")[:-1]
        self._run = getattr(module.library, f"cudasim_run_{number}")

    def __repr__(self) -> str:
        return f"Kernel({self.name!r}, {self.module.mode!r})"

    def launch(
        self,
        grid: int | Sequence[int],
        block: int | Sequence[int],
        args: Sequence[Any],
        *,
        shared: int = 0,
        seed: int = 0,
        guard: str = "high",
        fresh: Collection[int] = (),
        limit: float = 60.0,
    ) -> Report:
        """Run the kernel; arrays are changed in place.

        grid, block  their sizes, one to three numbers
        args         an array (C-contiguous, of the parameter's dtype) for a pointer, a NumPy
                     scalar of exactly the parameter's type, a structured array of size 1 for a
                     struct. Nothing is converted
        shared       bytes of dynamic shared memory
        seed         of the order of blocks and threads; 0 is the natural order
        guard        "high": arrays end at an inaccessible page; "low": they start at one. Mode
                     "check" sees both
        fresh        numbers of arguments that are uninitialised, so must be written before read
        limit        seconds of CPU time, then it counts as hanging; 0 for none

        Raises KernelError for whatever the kernel or the launch does wrong.
        """
        arguments, alive = prepare(self.name, self.signature, args, fresh)
        written = range(len(args)) if self.module.mode == "check" else ()
        writers = {i: np.zeros(args[i].shape, WRITER) for i in written if self._writes(i)}
        for i, notes in writers.items():
            arguments[i].writers = notes.ctypes.data
        launch = Launch(
            grid=_three(grid),
            block=_three(block),
            shared=shared,
            seed=seed,
            limit=limit,
            check=self.module.mode == "check",
            guard=GUARDS[guard] if self.module.mode != "bare" else 0,
            arguments=arguments,
            count=len(arguments),
        )
        with _one_at_a_time:
            failed = self._run(ctypes.byref(launch))
        del alive
        if failed:
            raise self._error(launch.failure, args)
        return Report(
            threads=_product(launch.grid) * _product(launch.block),
            unwritten={i: arguments[i].unwritten for i in writers},
            most_writes={i: arguments[i].most_writes for i in writers},
            grid=tuple(launch.grid),
            block=tuple(launch.block),
            writers=writers,
            locate=partial(_site, self.module.path),
        )

    def _writes(self, number: int) -> bool:
        type_ = self.signature[number]
        return type_.endswith("*") and not type_.startswith("const ")

    def _error(self, failure: Failure, args: Sequence[Any]) -> KernelError:
        """The exception for what the runtime noted: names and lines in place of numbers."""
        text = failure.text.decode(errors="replace")
        sites = locate(self.module.path, list(failure.sites)[: failure.site_count])
        for i, site in enumerate(sites):
            text = text.replace(f"{{{i}}}", f"{site[0]}:{site[1]}" if site else "?")
        argument = failure.argument if failure.argument >= 0 else None
        if argument is not None:
            array = args[argument]
            shown = f"argument {argument} ({array.dtype} of shape {array.shape})"
            text = re.sub(rf"argument {argument}\b", lambda _: shown, text, count=1)
        return KernelError(
            self.name,
            text,
            argument=argument,
            block=tuple(failure.block) if failure.somewhere else None,
            thread=tuple(failure.thread) if failure.somewhere else None,
            site=next((site for site in sites if site), None),
        )


def _site(path: Path, address: int) -> tuple[str, int] | None:
    return locate(path, [address])[0]


def _three(size: int | Sequence[int]) -> tuple[int, ...]:
    sizes = (size,) if isinstance(size, int) else tuple(map(int, size))
    if not 1 <= len(sizes) <= 3 or not all(0 <= s < 2**32 for s in sizes):
        raise ValueError(f"a grid or block has one to three sizes, got {size!r}")
    return (*sizes, 1, 1)[:3]


def _product(sizes: Any) -> int:
    return int(sizes[0]) * int(sizes[1]) * int(sizes[2])
