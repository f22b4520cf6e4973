"""The GPU: is there one to compute on, and if not, why not; its memory and its streams."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..core.backend import cuda_reason
from .device import workspace_limit
from .memory import Memory, MemoryReport, memory
from .streams import device_count, stream, synchronize

__all__ = [
    "Memory",
    "MemoryReport",
    "device_count",
    "doctor",
    "is_available",
    "memory",
    "sim",
    "stream",
    "synchronize",
    "why_not",
    "workspace_limit",
]

if TYPE_CHECKING:
    from . import doctor, sim


def __getattr__(name: str) -> Any:
    """Import the doctor and the simulator on first use."""
    if name in ("doctor", "sim"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def is_available() -> bool:
    """Is there a GPU that computes? Probed once, with a real product and a real kernel."""
    return cuda_reason() is None


def why_not() -> str | None:
    """Why there is no GPU to compute on, in one line; None if there is one.

    `gpugraph doctor`, in Python ``gg.cuda.doctor.report()``, tells the whole story, and the cure.
    """
    return cuda_reason()
