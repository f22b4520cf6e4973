"""Part `doctor`: is there a GPU, which one, with which driver and libraries, at which clocks.

Always runs, in processes of its own: the one that leads the others never touches CUDA.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from typing import Any

from .setting import ROOT, Setting, right, wrong
from .supervise import environment, supervise

__all__ = ["check", "items", "report", "run"]

CLOCKS = (
    "driver_version", "pstate", "temperature.gpu", "power.draw", "power.limit",
    "clocks.current.sm", "clocks.current.memory", "clocks.max.sm", "clocks.max.memory",
    "ecc.mode.current",
)  # fmt: skip


def items(setting: Setting) -> list[str]:
    """Always the three."""
    return ["report", "device", "nvidia-smi"]


def run(setting: Setting, names: list[str], seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """The three, in this process but for what touches CUDA."""
    for name in names:
        if name == "report":
            yield name, report(setting)
        elif name == "nvidia-smi":
            yield name, _clocks()
        else:
            yield from supervise({"part": "doctor", "device": setting.device}, [name], seconds)


def check(setting: Setting, device: Any, name: str) -> dict[str, Any]:
    """In a worker: what the device says of itself."""
    return right(**device.about())


@cache
def report(setting: Setting) -> dict[str, Any]:
    """What ``gpugraph doctor`` says, once. No GPU is "wrong", unless this is a rehearsal."""
    command = [sys.executable, "-m", "gpugraph", "doctor", "--json"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=90,
            check=False,
        )  # fmt: skip
        found = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        return wrong(f"gpugraph doctor gives no report: {type(error).__name__}: {error}"[:500])
    if found["available"] or setting.rehearsal:
        return right(report=found, packages=_packages())
    return wrong(f"{found['cause']}. Cure: {found['cure']}", report=found, packages=_packages())


def _packages() -> dict[str, str]:
    """The installed packages that matter, and Python."""
    names = "numpy cupy-cuda12x cupy-cuda13x cupy torch ml_dtypes pytest scipy".split()
    found = {"Python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _clocks() -> dict[str, Any]:
    """Clocks, power and temperature, before anything has warmed the GPU up."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {"state": "skipped", "reason": "nvidia-smi is not on the path"}
    query = [program, f"--query-gpu={','.join(CLOCKS)}", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (subprocess.SubprocessError, OSError) as error:
        return {"state": "skipped", "reason": f"nvidia-smi doesn't answer: {error}"[:500]}
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]
    return right(gpus=[dict(zip(CLOCKS, row, strict=False)) for row in rows if len(row) > 1])
