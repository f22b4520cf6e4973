"""Freed memory stays with the process, for the next step of a training loop to use again.

What glibc's malloc gives back to the system has to come back page by page, zeroed. A training step
frees and takes the same arrays each time, and NumPy's are large enough for malloc to give back at
once: measured, a quarter of a step of LeNet-5 went into that.
"""

from __future__ import annotations

import ctypes
import os
import platform

__all__ = ["KEPT", "keep_freed_memory"]

KEPT = 256 << 20  # bytes of free memory at the end of the heap that malloc may hold
LARGEST = 32 << 20  # bytes of a block from the heap; malloc allows no more. Others are mapped alone
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def keep_freed_memory() -> bool:
    """Tell glibc's malloc, if it is there and nobody else has told it. Was it told?"""
    told = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in told):
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(M_MMAP_THRESHOLD, LARGEST) and libc.mallopt(M_TRIM_THRESHOLD, KEPT))
