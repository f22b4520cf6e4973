"""The GPU: is there one to compute on, and if not, why not; its memory and its streams."""

from __future__ import annotations

from ..core.backend import cuda_reason
from . import doctor
from .memory import Memory, MemoryReport, memory
from .streams import device_count, stream, synchronize

__all__ = [
    "Memory",
    "MemoryReport",
    "device_count",
    "doctor",
    "is_available",
    "memory",
    "stream",
    "synchronize",
    "why_not",
]


def is_available() -> bool:
    """Is there a GPU that computes? Probed once, with a real product and a real kernel."""
    return cuda_reason() is None


def why_not() -> str | None:
    """Why there is no GPU to compute on, in one line; None if there is one.

    `gpugraph doctor`, in Python ``gg.cuda.doctor.report()``, tells the whole story, and the cure.
    """
    return cuda_reason()
