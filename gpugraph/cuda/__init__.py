"""The GPU: is there one to compute on, and if not, why not; its memory, streams and kernels.

`Kernel` declares a kernel of your own, `LaunchDevice` says what an op's ``cuda`` rule has to launch
it with; ``docs/kernels.md`` tells it from the beginning.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..core.backend import cuda_reason
from .device import GpuDevice, LaunchDevice, SimDevice, fallbacks, launches, workspace_limit
from .kernel import FLOATS, Kernel, only_floats, wide
from .memory import Memory, MemoryReport, memory
from .streams import device_count, stream, synchronize

__all__ = [
    "FLOATS",
    "CompileError",
    "GpuDevice",
    "Kernel",
    "KernelError",
    "LaunchDevice",
    "Memory",
    "MemoryReport",
    "SimDevice",
    "device_count",
    "doctor",
    "fallbacks",
    "is_available",
    "launches",
    "memory",
    "only_floats",
    "sim",
    "stream",
    "synchronize",
    "why_not",
    "wide",
    "workspace_limit",
]

if TYPE_CHECKING:
    from . import doctor, sim
    from .sim import CompileError, KernelError


def __getattr__(name: str) -> Any:
    """Import the doctor and the simulator on first use."""
    if name in ("doctor", "sim"):
        return import_module(f"{__name__}.{name}")
    if name in ("CompileError", "KernelError"):
        return getattr(import_module(f"{__name__}.sim"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def is_available() -> bool:
    """Is there a GPU that computes? Probed once, with a real product and a real kernel."""
    return cuda_reason() is None


def why_not() -> str | None:
    """Why there is no GPU to compute on, in one line; None if there is one.

    `gpugraph doctor`, in Python ``gg.cuda.doctor.report()``, tells the whole story, and the cure.
    """
    return cuda_reason()
