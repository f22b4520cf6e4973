"""The stages between a machine and a number from its GPU, each a function that says what it found.

A driver, a GPU, CuPy, a CUDA that both know, the library that compiles kernels (NVRTC) and a
kernel's right numbers, the library of products (cuBLAS) and a product's. `doctor` walks them.
"""

from __future__ import annotations

import contextvars
import importlib
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from ..core.backend import default_device
from ..core.errors import GpugraphError
from . import driver
from .device import GpuDevice
from .kernel import DECLARED

__all__ = ["STAGES", "FaultError", "Machine", "NotTriedError", "packages", "said", "simulator"]

OLDEST_CUPY = 14
OLDEST_CUDA = (12, 0)  # for which there is a CuPy 14
# CUDA 13 dropped Maxwell, Pascal and Volta (release notes of CUDA 13.0)
OLDEST_FOR_13 = (7, 5)
NO_PIP = "no pip line helps: "
SEE = "none is known: see the message"


class FaultError(Exception):
    """A stage failed: what was found, and the cure. `always`: broken on any machine."""

    def __init__(self, found: str, cure: str, always: bool = False) -> None:
        super().__init__(found)
        self.found, self.cure, self.always = found, cure, always


class NotTriedError(Exception):
    """A stage couldn't be tried: why."""


@dataclass
class Machine:
    """What the stages look at, and what they find.

    packages  the installed packages that hold a CuPy, and their versions
    free      GPU memory by number, in bytes, once CuPy has told
    good      the names of the stages that went well
    """

    driver: driver.Driver
    device_seen: str
    packages: dict[str, str]
    cupy: Any = None
    cupy_error: Exception | None = None
    free: dict[int, int] = field(default_factory=dict)
    good: set[str] = field(default_factory=set)

    @classmethod
    def look(cls) -> Machine:
        """This machine."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say is among the stages
            machine = cls(driver.query(), driver.device_seen(), packages())
            try:
                import cupy

                machine.cupy = cupy
            except Exception as error:  # a broken install raises more than ImportError
                machine.cupy_error = error
        return machine

    def need(self, *stages: str) -> None:
        """Skip a stage that makes no sense after these have failed."""
        for stage in stages:
            if stage not in self.good:
                raise NotTriedError(f"needs the stage before: {stage}")

    @property
    def hidden(self) -> bool:
        """Did the user hide the GPUs?"""
        return self.driver.code == driver.NO_DEVICE and "CUDA_VISIBLE_DEVICES" in os.environ

    @property
    def expected(self) -> bool:
        """Should a GPU compute here?"""
        if os.environ.get("GPUGRAPH_DEVICE", "").startswith("cuda"):
            return True
        gpu = bool(self.driver.gpus or self.device_seen) and not self.hidden
        return gpu and (self.cupy is not None or bool(self.packages))

    @property
    def extra(self) -> str:
        """gpugraph's extra that fits the driver and the GPUs: "cuda13" or "cuda12"."""
        cuda = self.driver.cuda or ((12, 0) if "cupy-cuda12x" in self.packages else (13, 0))
        old = any(gpu.capability < OLDEST_FOR_13 for gpu in self.driver.gpus)
        return "cuda12" if old or cuda < (13, 0) else "cuda13"

    @property
    def without(self) -> str:
        """What to do where there is no GPU."""
        asked = "unset GPUGRAPH_DEVICE: " if os.environ.get("GPUGRAPH_DEVICE") else ""
        return f"{NO_PIP}{asked}without an NVIDIA GPU everything runs on the CPU"

    @property
    def replace(self) -> str:
        """The line that puts the right CuPy in the place of what is installed."""
        remove = f"pip uninstall -y {' '.join(self.packages)} && " if self.packages else ""
        return f'{remove}pip install "gpugraph[{self.extra}]"'

    @property
    def libraries(self) -> str:
        """The line that brings CUDA's libraries to the CuPy that is installed."""
        for name in self.packages:
            if re.fullmatch(r"cupy-cuda\d+x", name):
                return f'pip install "{name}[ctk]"'
        major = self.cupy.cuda.runtime.runtimeGetVersion() // 1000
        return f'pip install "cuda-toolkit[cublas,cudart,nvrtc]=={major}.*"'

    def library_fault(self, error: Exception) -> FaultError:
        """The fault where CuPy failed to load, or to use, a library of CUDA's."""
        return FaultError(said(error), self.libraries if _lacking(error) else SEE)


# The stages


def _driver(machine: Machine) -> str:
    told, seen = machine.driver, machine.device_seen
    if told.cuda is None and not seen:
        raise FaultError(f"no NVIDIA GPU is seen, and no driver ({told.error})", machine.without)
    if told.cuda is None:
        raise FaultError(
            f"{seen}, but no driver that answers ({told.error})",
            f"{NO_PIP}install NVIDIA's driver (https://www.nvidia.com/drivers), or start the "
            "container with --gpus all",
        )
    supports = f"CUDA {_dotted(told.cuda)}"
    if told.cuda < OLDEST_CUDA:
        raise FaultError(
            f"it supports {supports}; CuPy {OLDEST_CUPY} needs {_dotted(OLDEST_CUDA)}",
            f"{NO_PIP}update NVIDIA's driver, to 525 or newer for CUDA 12, 580 for CUDA 13",
        )
    if told.code not in (0, driver.NO_DEVICE):
        raise FaultError(
            f"it supports {supports} but doesn't start: {told.error}",
            f"{NO_PIP}reboot (after an update the driver's halves differ until then), or "
            "install NVIDIA's driver anew",
            always=bool(seen),
        )
    return supports + (f" (NVIDIA {told.version})" if told.version else "")


def _gpu(machine: Machine) -> str:
    machine.need("driver")
    if machine.driver.gpus:
        return ", ".join(gpu.name for gpu in machine.driver.gpus)
    if machine.hidden:
        value = os.environ["CUDA_VISIBLE_DEVICES"]
        raise FaultError(
            f"CUDA_VISIBLE_DEVICES={value!r} leaves none",
            f"{NO_PIP}unset CUDA_VISIBLE_DEVICES, or name GPUs that nvidia-smi lists",
        )
    if machine.device_seen:
        raise FaultError(
            f"{machine.device_seen}, but the driver shows none ({machine.driver.error})",
            f"{NO_PIP}start the container with --gpus all; outside of one see what nvidia-smi says",
        )
    raise FaultError(f"the driver shows none ({machine.driver.error})", machine.without)


def _package(machine: Machine) -> str:
    if not machine.packages and machine.cupy is None:
        raise FaultError("no CuPy is installed", machine.replace)
    told = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    if len(machine.packages) > 1:
        raise FaultError(f"they overwrite each other: {told}", machine.replace, always=True)
    major = (told.partition(" ")[2] or machine.cupy.__version__).partition(".")[0]
    if int(major) < OLDEST_CUPY:
        raise FaultError(f"{told}; gpugraph needs {OLDEST_CUPY}", machine.replace, always=True)
    return told or f"CuPy {machine.cupy.__version__}, not installed by pip"


def _cupy(machine: Machine) -> str:
    if machine.cupy_error is None:
        built = machine.cupy.cuda.runtime.runtimeGetVersion()
        return f"imports; built for CUDA {built // 1000}.{built % 1000 // 10}"
    if not machine.packages:
        raise NotTriedError("needs the stage before: CuPy package")
    raise FaultError(f"import fails: {said(machine.cupy_error)}", machine.replace, always=True)


def _cuda_version(machine: Machine) -> str:
    machine.need("driver", "GPU", "CuPy")
    built = machine.cupy.cuda.runtime.runtimeGetVersion() // 1000
    supported = machine.driver.cuda or (0, 0)
    if built > supported[0]:
        raise FaultError(
            f"CuPy is built for CUDA {built}, the driver supports {_dotted(supported)} at most",
            machine.replace,
        )
    for gpu in machine.driver.gpus:
        if built >= 13 and gpu.capability < OLDEST_FOR_13:
            raise FaultError(
                f"CUDA {built} has left out {gpu.name} (compute capability "
                f"{_dotted(gpu.capability)}; it starts at {_dotted(OLDEST_FOR_13)})",
                machine.replace,
            )
    for i in range(len(machine.driver.gpus)):
        machine.free[i] = int(machine.cupy.cuda.Device(i).mem_info[0])
    return f"CuPy's {built} runs on the driver's {_dotted(supported)}"


def _nvrtc(machine: Machine) -> str:
    machine.need("CuPy")
    try:
        return f"loads; {_dotted(machine.cupy.cuda.nvrtc.getVersion())}"
    except Exception as error:
        raise machine.library_fault(error) from error


def _kernel(machine: Machine) -> str:
    machine.need("CUDA version", "NVRTC")
    cupy = machine.cupy
    x = np.arange(7, dtype=np.float32)
    kernel = cupy.ElementwiseKernel("float32 x", "float32 y", "y = 2 * x", "gpugraph_doctor")
    return _right(machine, "a kernel", lambda: kernel(cupy.asarray(x)), 2 * x)


def _cublas(machine: Machine) -> str:
    machine.need("CuPy")
    try:
        library = machine.cupy.cuda.cublas
        handle = library.create()
        version = library.getVersion(handle)
        library.destroy(handle)
    except Exception as error:
        if _lacking(error) or "CUDA version" in machine.good:
            raise machine.library_fault(error) from error
        raise NotTriedError("it loads; more needs the stage before: CUDA version") from error
    return f"loads; {version // 10000}.{version // 100 % 100}.{version % 100}"


def _product(machine: Machine) -> str:
    machine.need("CUDA version", "cuBLAS")
    cupy = machine.cupy
    a = (np.arange(35) % 11).reshape(5, 7).astype(np.float32)  # exact in TF32, too
    b = (np.arange(21) % 13).reshape(7, 3).astype(np.float32)
    return _right(machine, "a product", lambda: cupy.asarray(a) @ cupy.asarray(b), a @ b)


def _right(machine: Machine, what: str, compute: Callable[[], Any], wanted: Any) -> str:
    """Compute on every GPU and compare; the numbers are small integers, so they must be equal."""
    for i, gpu in enumerate(machine.driver.gpus):
        try:
            with machine.cupy.cuda.Device(i):
                got = compute().get()
        except Exception as error:
            raise machine.library_fault(error) from error
        if not np.array_equal(got, wanted):
            raise FaultError(
                f"{what} gives wrong numbers on cuda:{i} ({gpu.name}): "
                f"{got.ravel().tolist()[:4]}... for {wanted.ravel().tolist()[:4]}...",
                f"{NO_PIP}look for errors with nvidia-smi -q -d ECC, reboot, try another driver",
            )
    return f"{what} gives the right numbers" + (" on each" if len(machine.driver.gpus) > 1 else "")


def _own_kernels(machine: Machine) -> str:
    machine.need("kernel")
    device, start, faults = GpuDevice(machine.cupy), perf_counter(), []
    for kernel in DECLARED:
        try:
            device.function(kernel, kernel.usual)
        except Exception as error:
            faults.append(f"{kernel.name}: {said(error)}")
    if faults:
        told = f"{len(faults)} of {len(DECLARED)} don't compile; first {faults[0]}"
        raise FaultError(told, machine.libraries if "cuda_fp16" in told else SEE, always=True)
    return f"all {len(DECLARED)} compile, in {perf_counter() - start:.1f} s"


def _default(machine: Machine) -> str:
    asked = os.environ.get("GPUGRAPH_DEVICE", "")
    try:
        device = contextvars.Context().run(default_device.get)  # before anyone sets another
        if device == "sim" and (reason := simulator()):
            raise GpugraphError(f"GPUGRAPH_DEVICE=sim: {reason}")
    except GpugraphError as error:
        cure = "unset GPUGRAPH_DEVICE, or set it to 'cpu', 'cuda', 'cuda:N' or 'sim'"
        raise FaultError(str(error), cure, always=True) from error
    why = "GPUGRAPH_DEVICE" if asked else "a GPU computes" if device != "cpu" else "no GPU computes"
    return f"{device} ({why})"


STAGES: dict[str, Callable[[Machine], str]] = {
    "driver": _driver,
    "GPU": _gpu,
    "CuPy package": _package,
    "CuPy": _cupy,
    "CUDA version": _cuda_version,
    "NVRTC": _nvrtc,
    "kernel": _kernel,
    "cuBLAS": _cublas,
    "product": _product,
    "gpugraph's kernels": _own_kernels,
    "default device": _default,
}


# Facts and words


def packages() -> dict[str, str]:
    """The installed packages that hold a CuPy, by name, and their versions."""
    from importlib.metadata import distributions

    found = {}
    for package in distributions():
        name = re.sub(r"[-_.]+", "-", package.metadata["Name"] or "").lower()
        if re.fullmatch(r"(amd-)?cupy(-(cuda|rocm)[-\w]*)?", name):
            found[name] = package.version
    return dict(sorted(found.items()))


def simulator() -> str | None:
    """Why CUDA kernels can't be run on the CPU; None if they can."""
    try:
        reason: str | None = importlib.import_module(f"{__package__}.sim").why_not()
    except Exception as error:  # a diagnosis doesn't die of what it finds
        return said(error)
    return reason


def _lacking(error: Exception) -> bool:
    """Does this say that a library or a header of CUDA's is not there?"""
    return isinstance(error, ImportError) or bool(
        re.search(r"NotFound|CompileException|header", said(error))
    )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def said(error: Exception) -> str:
    """The error in one line; of CuPy's long ImportError, the original one."""
    text = str(error).partition("Original error:")[2] or str(error)
    text = " ".join(text.replace("=" * 64, " ").split())
    return f"{type(error).__name__}: {text[:400]}" if text else type(error).__name__
