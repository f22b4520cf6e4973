"""What a GPU, the simulator and the CPU do each in their way: clocks, waiting, memory, PyTorch.

`open_device` gives one of three. The two without a GPU are for rehearsals: the wall clock stands in
for CUDA events, and nothing is known of memory.
"""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

__all__ = ["DEVICES", "Cpu", "Gpu", "Simulator", "median_ms", "open_device"]

# of getDeviceProperties; a CUDA may lack some
PROPERTIES = {
    "multiProcessorCount": "multiprocessors",
    "l2CacheSize": "L2 bytes",
    "totalGlobalMem": "memory bytes",
    "memoryBusWidth": "memory bus bits",
    "ECCEnabled": "ECC",
}


def torch_or_reason() -> tuple[Any, str]:
    """PyTorch and "", or None and why there is none."""
    try:
        import torch
    except Exception as error:  # a broken install raises more than ImportError
        return None, f"PyTorch can't be imported: {type(error).__name__}: {error}"
    return torch, ""


class Cpu:
    """NumPy on the CPU. `name` is gpugraph's name of the device, `torch_name` PyTorch's."""

    name = "cpu"
    torch_name = "cpu"
    rehearsal = True

    @cached_property
    def torch(self) -> Any:
        """PyTorch, on one thread; None if `why_no_torch` tells why not."""
        torch = torch_or_reason()[0]
        if torch is not None:
            torch.set_num_threads(1)  # a rehearsal shares its machine
        return torch

    @cached_property
    def why_no_torch(self) -> str:
        """Why there is no PyTorch to compare with; "" if there is."""
        return torch_or_reason()[1]

    def kernels(self) -> Any:
        """What launches kernels here; None where nothing does."""
        return None

    def synchronize(self) -> None:
        """Wait until all is done. Raises what went wrong meanwhile."""

    def check_health(self) -> None:
        """Raise if this process can't compute any more: after an illegal address on a GPU."""

    def times(self, f: Callable[[], Any], runs: int) -> list[float]:
        """Milliseconds of each of `runs` calls."""
        stamps = [time.perf_counter()]
        for _ in range(runs):
            f()
            stamps.append(time.perf_counter())
        return [1e3 * (b - a) for a, b in pairwise(stamps)]

    @contextmanager
    def peak(self, library: str) -> Iterator[dict[str, int]]:
        """Puts the most bytes of live arrays during the block under "bytes", where they're known.

        library  "gpugraph" or "torch": whose arrays
        """
        yield {}

    def free(self) -> None:
        """Give back memory that is only kept for later."""
        gc.collect()

    def about(self) -> dict[str, Any]:
        """The hardware, in numbers."""
        return {"name": platform.processor() or platform.machine()}


class Simulator(Cpu):
    """The CPU that runs CUDA C in gpugraph's simulator."""

    name = "sim"

    def kernels(self) -> Any:
        from gpugraph.core import backend

        return backend.launchers["sim"]()


class Gpu(Cpu):
    """A GPU. CuPy and PyTorch both work on the default stream, so the same events time both."""

    name = "cuda"
    torch_name = "cuda"
    rehearsal = False

    def __init__(self) -> None:
        import cupy

        self.cupy = cupy

    @cached_property
    def torch(self) -> Any:
        torch = torch_or_reason()[0]
        return torch if torch is not None and torch.cuda.is_available() else None

    @cached_property
    def why_no_torch(self) -> str:
        torch, reason = torch_or_reason()
        if torch is not None and self.torch is None:
            return f"PyTorch {torch.__version__} has no CUDA here"
        return reason

    def kernels(self) -> Any:
        from gpugraph.core import backend

        return backend.launchers["cuda"]()

    def synchronize(self) -> None:
        self.cupy.cuda.runtime.deviceSynchronize()

    def check_health(self) -> None:
        self.synchronize()
        if int((self.cupy.arange(4) * 2).sum().get()) != 12:
            raise RuntimeError("the GPU gives wrong numbers for 0 + 2 + 4 + 6")

    def times(self, f: Callable[[], Any], runs: int) -> list[float]:
        cuda = self.cupy.cuda
        events = [cuda.Event() for _ in range(runs + 1)]
        self.synchronize()
        events[0].record()
        for event in events[1:]:
            f()
            event.record()
        self.synchronize()
        return [cuda.get_elapsed_time(a, b) for a, b in pairwise(events)]

    @contextmanager
    def peak(self, library: str) -> Iterator[dict[str, int]]:
        found: dict[str, int] = {}
        if library == "torch":
            self.torch.cuda.reset_peak_memory_stats()
            yield found
            self.synchronize()
            found["bytes"] = int(self.torch.cuda.max_memory_allocated())
            return
        pool = self.cupy.get_default_memory_pool()
        hook = _peak_hook(self.cupy, pool.used_bytes())
        with hook:
            yield found
        self.synchronize()
        found["bytes"] = int(hook.most)

    def free(self) -> None:
        super().free()
        self.cupy.get_default_memory_pool().free_all_blocks()
        if vars(self).get("torch") is not None:  # only if something has asked for it
            self.torch.cuda.empty_cache()

    def about(self) -> dict[str, Any]:
        runtime = self.cupy.cuda.runtime
        told = runtime.getDeviceProperties(runtime.getDevice())
        found = {words: int(told[key]) for key, words in PROPERTIES.items() if key in told}
        capability = f"{told['major']}.{told['minor']}"
        versions = {"CUDA runtime": _version(runtime.runtimeGetVersion())}
        versions["CUDA driver"] = _version(runtime.driverGetVersion())
        versions["NVRTC"] = ".".join(map(str, self.cupy.cuda.nvrtc.getVersion()))
        versions["CuPy"] = self.cupy.__version__
        if self.torch is not None:
            versions["PyTorch"] = self.torch.__version__
            versions["cuDNN"] = str(self.torch.backends.cudnn.version())
        name = told["name"].decode()
        return {"name": name, "compute capability": capability} | found | {"versions": versions}


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _peak_hook(cupy: Any, used: int) -> Any:
    """A hook of CuPy's allocator that follows the bytes of live arrays, from `used` on."""

    class Peak(cupy.cuda.MemoryHook):  # type: ignore[misc]
        name = "peak"

        def __init__(self) -> None:
            super().__init__()
            self.live = self.most = used

        def malloc_postprocess(self, **told: Any) -> None:
            self.live += told["mem_size"]
            self.most = max(self.most, self.live)

        def free_postprocess(self, **told: Any) -> None:
            self.live -= told["mem_size"]

    return Peak()


DEVICES: dict[str, type[Cpu]] = {"cuda": Gpu, "sim": Simulator, "cpu": Cpu}


def open_device(name: str) -> Cpu:
    """The device of that name, ready: for "cuda", CuPy is imported."""
    return DEVICES[name]()


def median_ms(device: Cpu, f: Callable[[], Any], seconds: float = 0.15) -> dict[str, float]:
    """Median, fastest and slowest of at least 20 timed calls, fewer where a call is slow; in ms.

    Warms up first: the first calls compile, choose algorithms and fill memory pools.
    """
    f()
    device.synchronize()
    once = min(device.times(f, 2))
    fit = 1e3 * seconds / max(once, 1e-3)  # calls in the time given; 4 times that for the first 20
    runs = 3 if device.rehearsal else int(max(3, min(4 * fit, max(20, min(fit, 100)))))
    times = sorted(device.times(f, runs))
    return {
        "ms": float(np.median(times)),
        "low": times[0],
        "high": times[-1],
        "runs": runs,
    }
