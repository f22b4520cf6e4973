"""Compiled kernels for the CPU, in C, beside the NumPy reference of each op.

They come with ``pip install "gpugraph[cpu]"`` and are compiled for the processor at hand by the
first op that needs them. ``GPUGRAPH_CPU=numpy`` turns them off; ``GPUGRAPH_CPU=compiled`` demands
them, with any C compiler. `docs/cpu.md` tells how they work, and how fast.
"""

from __future__ import annotations

from ..core.errors import ArgumentError
from . import dispatch
from .compiler import CompileError
from .library import Library, disabled, library, why_not
from .memory import keep_freed_memory

__all__ = [
    "CompileError",
    "Library",
    "disabled",
    "dispatch",
    "is_available",
    "library",
    "prepare",
    "threads",
    "why_not",
]


def is_available() -> bool:
    """Do the compiled kernels compute here? Compiles them, if that is yet to be done."""
    return library() is not None


def prepare() -> None:
    """Compile now what is otherwise compiled when first needed: the kernels, and `apply`.

    The next process finds both. Raises CompileError where GPUGRAPH_CPU=compiled demands them.
    """
    if library() is not None:
        dispatch.prepare()


def threads(n: int | None = None) -> int:
    """How many threads the compiled kernels share their loops among; set it with a number.

    At first $OMP_NUM_THREADS, else the cores that this process may use. 1 without the kernels.
    ``threadpoolctl.threadpool_limits`` sets it, too.
    """
    made = library()
    if n is not None:
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ArgumentError(f"threads: n={n!r} must be an int of at least 1")
        if made is not None:
            made.threads = n
    return 1 if made is None else made.threads


keep_freed_memory()
