"""From the C files of ``src/`` to a library for this very processor, made once and kept.

Compiled on the machine it runs on, with all that its processor has (AVX2, AVX-512, NEON): by the
compiler that ``pip install gpugraph[cpu]`` brings (Zig's C compiler, which is Clang), or by one
that is there.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError
from ..core.files import cache_folder, cache_place

__all__ = [
    "PREFIX",
    "CompileError",
    "compiler",
    "extension",
    "extension_place",
    "has_extra",
    "library",
    "why_not",
    "wish",
]

SOURCES = Path(__file__).parent / "src"
UNITS = ("f32.c", "f64.c", "pool.c")
EXTENSION = "gpugraph_apply"  # src/python/apply.c, as Python imports it
PREFIX = "gpugraph-cpu-"  # threadpoolctl knows libraries by their names
FLAGS = (
    "-std=gnu11 -O3 -march=native -fPIC -pthread -fvisibility=hidden "
    # what is left out is not used: errno of math functions; the order of sums is kept
    "-fno-math-errno -fno-trapping-math"
).split()
# Python's own functions are found in the process that loads it
EXTENSION_FLAGS = "-std=gnu11 -O2 -fPIC -fvisibility=hidden".split() + (
    ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
)


class CompileError(RuntimeError):
    """The kernels could not be compiled; the text is the compiler's."""


def why_not() -> str | None:
    """Why kernels can't be compiled here, in one line; None if they can."""
    if sys.platform not in ("linux", "darwin"):
        return f"compiled kernels need Linux or macOS, this is {sys.platform}"
    if compiler() is None:
        return "compiled kernels need a C compiler; pip install 'gpugraph[cpu]' brings one"
    return None


def wish() -> str:
    """$GPUGRAPH_CPU: "numpy", "compiled" or, usually, "auto": compiled, if the extra is there."""
    told = os.environ.get("GPUGRAPH_CPU", "auto") or "auto"
    if told not in ("auto", "numpy", "compiled"):
        raise ArgumentError(f"GPUGRAPH_CPU={told!r} is none of 'auto', 'numpy', 'compiled'")
    return told


def has_extra() -> bool:
    """Is the compiler of the extra ``cpu`` installed?"""
    return importlib.util.find_spec("ziglang") is not None


@functools.cache
def compiler() -> tuple[str, ...] | None:
    """How to call a C compiler: $GPUGRAPH_CC, that of the extra, or the system's; or None."""
    if named := os.environ.get("GPUGRAPH_CC"):
        return tuple(shlex.split(named))
    if has_extra():
        return sys.executable, "-m", "ziglang", "cc"
    found = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    return None if found is None else (found,)


def library(*more: str) -> Path:
    """The compiled library, from the cache if it was made before. Raises CompileError.

    more  flags for the compiler, such as "-mno-avx512f": to try what other processors get
    """
    call = _needed()
    key = hashlib.sha256("\0".join([*call, *FLAGS, *more, _processor(), _version(call)]).encode())
    _add_sources(key, SOURCES)
    made = cache_folder("cpu") / f"{PREFIX}{key.hexdigest()[:32]}.so"
    if not made.exists():
        _make(made, [*call, *FLAGS, *more], [SOURCES / name for name in UNITS], "-lm")
    return made


def extension_place() -> Path:
    """Where the extension module for this Python lies, if it was compiled. Asks no compiler."""
    key = hashlib.sha256("\0".join(EXTENSION_FLAGS).encode())
    _add_sources(key, SOURCES / "python")
    return cache_place("cpu") / f"{EXTENSION}-{key.hexdigest()[:32]}{EXTENSION_SUFFIXES[0]}"


def extension() -> Path:
    """The extension module, from the cache if it was made before. Raises CompileError."""
    call = _needed()
    made = cache_folder("cpu") / extension_place().name
    if not made.exists():
        headers = f"-I{headers_of_python()}"
        _make(made, [*call, *EXTENSION_FLAGS, headers], [SOURCES / "python" / "apply.c"])
    return made


def headers_of_python() -> Path:
    """The folder of Python.h, which need not be there."""
    import sysconfig  # takes a while

    return Path(sysconfig.get_path("include"))


def _needed() -> tuple[str, ...]:
    if reason := why_not():
        raise CompileError(reason)
    call = compiler()
    assert call is not None
    return call


def _add_sources(key: Any, folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.is_file():
            key.update(path.name.encode() + path.read_bytes())


def _make(made: Path, call: Sequence[str], units: Sequence[Path], *libraries: str) -> None:
    """Compile the units, side by side, and link them into that file."""
    if sys.stderr is not None and sys.stderr.isatty():
        print("gpugraph: compiling for this processor, once", file=sys.stderr)
    # made aside, then renamed: another process may be at the same, or stop half-way
    with tempfile.TemporaryDirectory(dir=made.parent) as aside:
        objects = [f"{aside}/{unit.stem}.o" for unit in units]
        built = f"{aside}/made.so"
        _run(
            aside,
            *([*call, "-c", "-o", to, str(unit)] for to, unit in zip(objects, units)),
        )
        _run(aside, [*call, "-shared", "-o", built, *objects, *libraries])
        os.replace(built, made)


def _run(aside: str, *commands: Sequence[str]) -> None:
    """Run these at once. Raises CompileError with what the first that failed has said."""
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": aside}  # tens of MB, needed once
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)
        for command in commands
    ]
    said = [process.communicate()[1] for process in started]
    for command, process, text in zip(commands, started, said):
        if process.returncode:
            raise CompileError(text.strip()[:8000] or f"{shlex.join(command)} failed")


def _version(call: tuple[str, ...]) -> str:
    if call[0] == sys.executable and call[-2:] == ("ziglang", "cc"):  # asking it takes longer
        from importlib.metadata import version

        return version("ziglang")
    done = subprocess.run([*call, "-dumpversion"], capture_output=True, text=True)
    return done.stdout.strip()


def _processor() -> str:
    """What the processor is and can: a cache folder may be shared by several machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "flags", "Features", "CPU part"):
            told.setdefault(name.strip(), value.strip())
    return f"{platform.machine()} {told}"
