"""GPUs by number: how many there are, waiting for them, and streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..core.backend import Device, cuda_reason
from ..core.errors import DeviceError

__all__ = ["device_count", "on_gpu", "stream", "synchronize"]


def device_count() -> int:
    """How many GPUs there are to compute on; 0 where ``is_available()`` is False."""
    if cuda_reason():
        return 0
    import cupy

    return int(cupy.cuda.runtime.getDeviceCount())


@contextmanager
def on_gpu(device: Device | str | None, label: str) -> Iterator[tuple[Any, int]]:
    """CuPy with that GPU current (None: the one that is current already), and its number."""
    if reason := cuda_reason():
        raise DeviceError(f"{label}: no GPU: {reason}")
    import cupy

    if device is None:
        device = f"cuda:{cupy.cuda.runtime.getDevice()}"
    wanted = device if isinstance(device, Device) else Device(device)
    if wanted.index is None:
        raise DeviceError(f"{label}: {wanted} is no GPU; give 'cuda' or 'cuda:N'")
    if wanted.index >= (count := device_count()):
        there = "only cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise DeviceError(f"{label}: no device {wanted}: there is {there}")
    with cupy.cuda.Device(wanted.index):
        yield cupy, wanted.index


def synchronize(device: Device | str | None = None) -> None:
    """Wait until a GPU has done all it was given, on every stream: before reading a clock, say.

    device  "cuda:1"; by default the GPU that is current
    Raises DeviceError without a GPU.
    """
    with on_gpu(device, "synchronize") as (cupy, index):
        cupy.cuda.Device(index).synchronize()


# Streams that no block uses, per GPU. CuPy keeps freed memory per stream: a stream thrown away
# takes its free memory with it, a stream used again finds it.
_idle: dict[int, list[Any]] = {}


@contextmanager
def stream(device: Device | str | None = None, *, join: bool = True) -> Iterator[Any]:
    """Run the GPU work of a block on a non-blocking stream of its own.

    >>> with gg.cuda.stream() as s:
    ...     y = model(x)
    >>> y.sum()  # waits for the block, on the GPU

    The block's stream first waits for all that the surrounding stream was given before it, so x is
    ready. With join, what the surrounding stream is given after the block waits until the block's
    work is done, so y is ready, and memory freed on either side is safe. Both waits happen on the
    GPU; the program itself waits only in ``s.synchronize()``.

    device  "cuda:1"; by default the GPU that is current
    join    False: what follows the block runs beside it, until ``s.synchronize()``. Till then keep
            the block's inputs alive and unwritten, and its outputs unread.
    Gives the ``cupy.cuda.Stream``; with join another block may get it, too, after this one.
    Raises DeviceError without a GPU.
    """
    with on_gpu(device, "stream") as (cupy, index):
        idle = _idle.setdefault(index, []) if join else []
        try:
            inner = idle.pop()
        except IndexError:
            inner = cupy.cuda.Stream(non_blocking=True)
        outer = cupy.cuda.get_current_stream()
        inner.wait_event(outer.record(cupy.cuda.Event(disable_timing=True)))
        try:
            with inner:
                yield inner
        finally:
            if join:
                outer.wait_event(inner.record(cupy.cuda.Event(disable_timing=True)))
                idle.append(inner)
