"""Compiled kernels for the CPU, in C, beside the NumPy reference of each op.

They come with ``pip install "gpugraph[cpu]"`` and are compiled for the processor at hand by the
first op that needs them. ``GPUGRAPH_CPU=numpy`` turns them off; ``GPUGRAPH_CPU=compiled`` demands
them, with any C compiler. `docs/cpu.md` tells how they work, and how fast.
"""

from __future__ import annotations

from ..core.errors import ArgumentError
from . import dispatch, shares
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
    """How many threads share a loop or a batch; set it with a number.

    Of the compiled kernels: at first $OMP_NUM_THREADS, else the cores that this process may use.
    Where NumPy computes, as many as its BLAS may have, and setting it sets those, too; 1 if NumPy's
    BLAS is not OpenBLAS. ``threadpoolctl.threadpool_limits`` sets them as well.
    """
    made = library()
    if n is not None:
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ArgumentError(f"threads: n={n!r} must be an int of at least 1")
        shares.set_blas_threads(n)
        if made is not None:
            made.threads = n
    return shares.blas_threads() if made is None else made.threads


keep_freed_memory()
