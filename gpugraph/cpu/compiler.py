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
from pathlib import Path

from ..core.files import cache_folder

__all__ = ["PREFIX", "CompileError", "compiler", "has_extra", "library", "why_not"]

SOURCES = Path(__file__).parent / "src"
UNITS = ("f32.c", "f64.c", "pool.c")
PREFIX = "gpugraph-cpu-"  # threadpoolctl knows libraries by their names
FLAGS = (
    "-std=gnu11 -O3 -march=native -fPIC -shared -pthread -fvisibility=hidden "
    # what is left out is not used: errno of math functions; the order of sums is kept
    "-fno-math-errno -fno-trapping-math"
).split()


class CompileError(RuntimeError):
    """The kernels could not be compiled; the text is the compiler's."""


def why_not() -> str | None:
    """Why kernels can't be compiled here, in one line; None if they can."""
    if sys.platform not in ("linux", "darwin"):
        return f"compiled kernels need Linux or macOS, this is {sys.platform}"
    if compiler() is None:
        return "compiled kernels need a C compiler; pip install 'gpugraph[cpu]' brings one"
    return None


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
    if reason := why_not():
        raise CompileError(reason)
    call = compiler()
    assert call is not None
    key = hashlib.sha256("\0".join([*call, *FLAGS, *more, _processor(), _version(call)]).encode())
    for path in sorted(SOURCES.iterdir()):
        key.update(path.name.encode() + path.read_bytes())
    folder = cache_folder("cpu")
    made = folder / f"{PREFIX}{key.hexdigest()[:32]}.so"
    if made.exists():
        return made
    if sys.stderr is not None and sys.stderr.isatty():
        print("gpugraph: compiling kernels for this processor, once", file=sys.stderr)
    # made aside, then renamed: another process may be at the same, or stop half-way
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        built = Path(aside) / "kernels.so"
        units = [str(SOURCES / name) for name in UNITS]
        environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": aside}  # tens of MB, needed once
        command = [*call, *FLAGS, *more, "-o", str(built), *units, "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise CompileError(done.stderr.strip()[:8000] or f"{shlex.join(call)} failed")
        os.replace(built, made)
    return made


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
