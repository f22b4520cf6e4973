"""NVIDIA's driver, asked directly: which CUDA it supports and which GPUs it shows.

CuPy is not needed for that, so the answer is there also when CuPy is missing, or is what is broken.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import byref, c_char_p, c_int, c_size_t
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["GPU", "Driver", "device_seen", "query"]

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR


@dataclass(frozen=True)
class GPU:
    """A GPU as the driver describes it; `total` memory in bytes."""

    name: str
    capability: tuple[int, int]
    total: int


@dataclass(frozen=True)
class Driver:
    """What the driver said.

    cuda     the newest CUDA it supports, (13, 0); None if the library isn't there or didn't tell
    version  NVIDIA's own number, "580.65.06"; "" where it can't be had
    gpus     in the order of their numbers, after CUDA_VISIBLE_DEVICES
    error    what went wrong, in the library's words; "" if nothing did
    code     the number of that error; NO_DEVICE is a driver with no GPU to show
    """

    cuda: tuple[int, int] | None = None
    version: str = ""
    gpus: tuple[GPU, ...] = ()
    error: str = ""
    code: int = 0


def query() -> Driver:
    """Ask the driver. It stays initialised in this process: fork before, not after."""
    try:
        lib = ctypes.CDLL(LIBRARY)
    except OSError as error:
        return Driver(error=str(error))
    number = c_int(0)
    code = lib.cuDriverGetVersion(byref(number))  # 13000 for 13.0
    cuda = (number.value // 1000, number.value % 1000 // 10) if not code else None
    code = code or lib.cuInit(0)
    count = c_int(0)
    code = code or lib.cuDeviceGetCount(byref(count))
    if code:
        return Driver(cuda, _version(), error=_text(lib, code), code=code)
    return Driver(cuda, _version(), tuple(_gpu(lib, i) for i in range(count.value)))


def _gpu(lib: Any, index: int) -> GPU:
    device, major, minor, total = c_int(0), c_int(0), c_int(0), c_size_t(0)
    name = ctypes.create_string_buffer(256)
    lib.cuDeviceGet(byref(device), index)
    lib.cuDeviceGetName(name, len(name), device)
    lib.cuDeviceGetAttribute(byref(major), MAJOR, device)
    lib.cuDeviceGetAttribute(byref(minor), MINOR, device)
    lib.cuDeviceTotalMem_v2(byref(total), device)
    return GPU(name.value.decode(errors="replace"), (major.value, minor.value), total.value)


def _text(lib: Any, code: int) -> str:
    """'CUDA_ERROR_NO_DEVICE (100): no CUDA-capable device is detected'."""
    name, text = c_char_p(), c_char_p()
    lib.cuGetErrorName(code, byref(name))
    lib.cuGetErrorString(code, byref(text))
    told = [(part.value or b"unknown").decode(errors="replace") for part in (name, text)]
    return f"{told[0]} ({code}): {told[1]}"


def _version() -> str:
    try:
        return Path("/sys/module/nvidia/version").read_text().strip()
    except OSError:
        return ""


def device_seen(root: str = "/") -> str:
    """Where the operating system sees an NVIDIA GPU, driver or not; "" if it sees none.

    Linux only (PCI class 0x03 is a display controller, vendor 0x10de is NVIDIA, per the PCI ID
    list); elsewhere the driver's library is the only witness.
    """
    for device in sorted(Path(root, "sys/bus/pci/devices").glob("*")):
        try:
            vendor, kind = (device / "vendor").read_text(), (device / "class").read_text()
        except OSError:
            continue
        if vendor.strip() == "0x10de" and kind.startswith("0x03"):
            return f"an NVIDIA device at PCI {device.name}"
    return "the device file /dev/nvidia0" if Path(root, "dev/nvidia0").exists() else ""
