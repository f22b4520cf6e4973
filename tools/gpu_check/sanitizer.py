"""Part `sanitizer`: NVIDIA's compute-sanitizer around one run of every kernel (`small`).

memcheck finds accesses out of bounds, initcheck reads of what nobody wrote, racecheck races in
shared memory, synccheck barriers that not all threads reach. In a rehearsal the simulator's mode
"check" looks for the same.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

from tools.kernel_matrix import package_kernels

from .setting import Setting, right, wrong
from .supervise import started

__all__ = ["find", "items", "run", "verdict"]

TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
REHEARSED = "the simulator's check"
PLACES = ("/usr/local/cuda/bin", "/usr/local/cuda/compute-sanitizer", "/opt/cuda/bin")


def items(setting: Setting) -> list[str]:
    """The tools."""
    return [REHEARSED] if setting.rehearsal else list(TOOLS)


def find() -> str | None:
    """Where compute-sanitizer is: on the path, in CUDA_PATH or CUDA_HOME, where CUDA usually is,
    or in NVIDIA's wheels; None if it isn't.
    """
    homes = [os.environ.get(name) for name in ("CUDA_PATH", "CUDA_HOME")]
    folders = [f"{home}/{sub}" for home in homes if home for sub in ("bin", "compute-sanitizer")]
    folders += [*PLACES, *sorted(glob("/usr/local/cuda-*/bin"), reverse=True)]
    folders += [str(p) for root in sys.path for p in Path(root or ".").glob("nvidia/*/bin")]
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    return shutil.which("compute-sanitizer", path=path)


def run(setting: Setting, names: list[str], seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """One tool after the other, as long as there is time."""
    end = time.monotonic() + seconds
    program = find()
    app = [sys.executable, "-m", f"{__package__}.small", setting.device]
    for name in names:
        if reason := _why_not(setting, name, program):
            yield name, {"state": "skipped", "reason": reason}
            continue
        command = app if name == REHEARSED else [str(program), "--tool", name, *app]
        start = time.monotonic()
        lines, ended = _output(command, end)
        if lines is None:
            return  # out of time: this one and the others are left out
        result = verdict(lines, ended, tool=None if name == REHEARSED else name)
        yield name, {**result, "seconds": round(time.monotonic() - start, 1)}


def _why_not(setting: Setting, tool: str, program: str | None) -> str:
    """Why this tool can't run, "" if it can."""
    if setting.device == "cpu":
        return "the CPU runs no kernels"
    if tool == REHEARSED or program is not None:
        return ""
    return (
        "compute-sanitizer not found: not on the path, in CUDA_PATH or CUDA_HOME, in "
        f"{PLACES[0]} or in NVIDIA's wheels"
    )


def _output(command: list[str], end: float) -> tuple[list[str] | None, str]:
    """The lines that a command prints, and how it ended; None if it doesn't by that time."""
    found: list[str] = []
    with started(command) as process:
        try:
            while (line := process.next(end - time.monotonic())) is not None:
                found.append(line)
        except TimeoutError:
            return None, "out of time"
        return found, process.ended()


def verdict(lines: list[str], ended: str, tool: str | None) -> dict[str, Any]:
    """The result, from what was printed. Errors inside other libraries' kernels are noted only."""
    ran = next((line for line in reversed(lines) if line.startswith('{"cases"')), None)
    if ran is None:
        said = " | ".join(line.strip("= ") for line in lines[-6:])
        return wrong(f"the kernels didn't run to their end ({ended}): {said}"[:2000])
    found = json.loads(ran)
    if tool is None:
        return right(**found, errors=0)
    counts = [int(n) for line in lines for n in re.findall(r"SUMMARY: (\d+)", line)]
    if not counts:
        said = " | ".join(line.strip("= ") for line in lines if line.startswith("=")) or ended
        return {"state": "skipped", "reason": f"{tool} gives no summary: {said}"[:1000], **found}
    told = [line.strip("= ") for line in lines if line.startswith("=") and "SUMMARY" not in line]
    ours = [line for line in told if _names_a_kernel(line)]
    found |= {"errors": sum(counts), "messages": told[:60]}
    if not sum(counts):
        return right(**found)
    if ours:
        return wrong(f"{sum(counts)} errors by {tool}, such as: {' | '.join(ours[:3])}"[:1500],
                     **found)  # fmt: skip
    if any(re.search(r"\bat\b", line) for line in told):
        return right(**found, note="errors in kernels of other libraries only")
    return wrong(f"{sum(counts)} errors by {tool}: {' | '.join(told[:6])}"[:1500], **found)


def _names_a_kernel(line: str) -> bool:
    """Does the line name one of gpugraph's kernels?"""
    names = "|".join(re.escape(kernel.name) for kernel in package_kernels())
    return re.search(rf"\b({names})\b\s*[<(+]", line) is not None
