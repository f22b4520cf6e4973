"""How full the GPUs are."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.backend import Device, cuda_reason
from ..core.errors import DeviceError
from .streams import device_count, on_gpu

__all__ = ["Memory", "MemoryReport", "memory"]


@dataclass(frozen=True)
class Memory:
    """The memory of one GPU, in bytes.

    used, free, total     of the GPU: used counts every process on it, and CUDA's own share
    pool_used, pool_held  of CuPy's pool in this process: in live arrays, and taken from the GPU.
                          The difference is kept for arrays to come; others can't have it until
                          ``cupy.get_default_memory_pool().free_all_blocks()``.
    """

    device: str
    name: str
    total: int
    free: int
    pool_used: int
    pool_held: int

    @property
    def used(self) -> int:
        """What isn't free."""
        return self.total - self.free


class MemoryReport(tuple[Memory, ...]):
    """One `Memory` per GPU; prints as a table in MiB."""

    __slots__ = ()

    def __str__(self) -> str:
        lines = [f"{'MiB':<10}{'used':>9}{'free':>9}{'total':>9}{'pool used':>12}{'held':>9}  GPU"]
        for m in self:
            used, free, total, live, held = (
                f"{n / 2**20:,.0f}" for n in (m.used, m.free, m.total, m.pool_used, m.pool_held)
            )
            lines.append(f"{m.device:<10}{used:>9}{free:>9}{total:>9}{live:>12}{held:>9}  {m.name}")
        return "\n".join(lines)


def memory(device: Device | str | None = None) -> MemoryReport:
    """How full the GPUs are: ``print(gg.cuda.memory())``.

    device  only this one; by default all
    Raises DeviceError without a GPU. The pool is CuPy's default one; with another allocator set,
    its two numbers stay 0.
    """
    if reason := cuda_reason():
        raise DeviceError(f"memory: no GPU: {reason}")
    wanted = [device] if device is not None else [f"cuda:{i}" for i in range(device_count())]
    return MemoryReport(_memory(each) for each in wanted)


def _memory(device: Device | str) -> Memory:
    with on_gpu(device, "memory") as (cupy, index):
        free, total = cupy.cuda.Device(index).mem_info
        pool = cupy.get_default_memory_pool()  # it has a pool per GPU and answers for the current
        name = cupy.cuda.runtime.getDeviceProperties(index)["name"].decode()
        return Memory(f"cuda:{index}", name, total, free, pool.used_bytes(), pool.total_bytes())
