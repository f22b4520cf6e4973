"""The GPU: is there one to compute on, and if not, why not."""

from __future__ import annotations

from ..core.backend import cuda_reason

__all__ = ["is_available", "why_not"]


def is_available() -> bool:
    """Is there a GPU that computes? Probed once, with a real product and a real kernel."""
    return cuda_reason() is None


def why_not() -> str | None:
    """Why there is no GPU to compute on, in one line; None if there is one."""
    return cuda_reason()
