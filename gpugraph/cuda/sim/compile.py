"""From CUDA C to a library for this CPU: g++, the headers of include/ and the runtime.

What is compiled is the source as it stands, but for two things. Its own ``#include "x.cuh"`` are
put in place (so that the hash of the text is the hash of all that was compiled), and dynamic shared
memory, ``extern __shared__ T name[];``, becomes a pointer. ``#line`` keeps every line number.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ...core.files import cache_folder
from .errors import CompileError

__all__ = ["HERE", "library", "locate", "why_not"]

HERE = Path(__file__).parent
OLDEST = 12  # the first g++ with _Float16

COMMON = (
    "-std=c++17 -fPIC -g1 -gdwarf-4 -w -fvisibility=hidden -fno-exceptions -fno-threadsafe-statics "
    # what distributions switch on, and what does not go with fibers and own error handling
    "-U_FORTIFY_SOURCE -fcf-protection=none -fno-stack-protector"
).split()
KERNEL = (
    "-O1 -nostdinc -nostdinc++ -fno-strict-aliasing -ffp-contract=off "
    "-fstack-clash-protection "  # no step over the guard page below a fiber's stack
    "-fno-gnu-unique"  # else libraries would share static variables of templates
).split()
UNDEFINED = (
    "-fsanitize=bounds-strict,object-size,alignment "
    "-fsanitize=signed-integer-overflow,shift,integer-divide-by-zero "
    "-fno-sanitize-recover=all"
).split()
ACCESSES = "-fsanitize=thread --param=tsan-instrument-func-entry-exit=0".split()
MODES = {"bare": [], "fast": UNDEFINED, "check": [*UNDEFINED, *ACCESSES]}
LINK = "-shared -Wl,-Bsymbolic,-z,defs,-z,nodelete".split()  # -z defs: no name stays open


def why_not() -> str | None:
    """Why kernels can't be simulated here, in one line; None if they can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"the simulator needs Linux on x86-64, this is {sys.platform}, {platform.machine()}"
    compiler = shutil.which("g++")
    if compiler is None:
        return f"the simulator needs g++ >= {OLDEST}, and there is no g++"
    version = _version(compiler)
    if int(version.split(".")[0] or 0) < OLDEST:
        return f"the simulator needs g++ >= {OLDEST}, this is {version or 'unknown'}"
    return None


@functools.cache
def _version(compiler: str) -> str:
    done = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True)
    return done.stdout.strip()


# ---- the text that is compiled

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)".*$', re.MULTILINE)
DYNAMIC = re.compile(
    r"\bextern\s+__shared__\s+(?:(?:__align__|alignas)\s*\([^)]*\)\s*)?"
    r"([\w:<>, ]+?)\s+(\w+)\s*\[\s*\]\s*;"
)


def _flat(text: str, name: str, folders: Sequence[Path], path: Path | None = None) -> str:
    """The text with the files it includes from these folders in the place of their names."""

    def put_in(match: re.Match[str]) -> str:
        wanted = match[1]
        places = ([path.parent] if path else []) + list(folders)
        found = next((f / wanted for f in places if (f / wanted).is_file()), None)
        if found is None:
            return match[0]  # one of ours, or g++ says that there is none
        inner = found.read_text()
        if found != path:
            inner = _flat(inner, wanted, folders, found)
        if "#pragma once" in inner:
            once = "CUDASIM_ONCE_" + re.sub(r"\W", "_", str(found.resolve()))
            inner = f'#ifndef {once}\n#define {once}\n#line 1 "{wanted}"\n{inner}\n#endif'
        after = text.count("\n", 0, match.end()) + 2
        return f'#line 1 "{wanted}"\n{inner}\n#line {after} "{name}"'

    return INCLUDE.sub(put_in, text)


def _dynamic_shared(match: re.Match[str]) -> str:
    """The pointer that stands for dynamic shared memory, as many lines long."""
    text, (type_, name) = match.string[: match.start()], match.groups()
    reference = "static {0}*& {1} = reinterpret_cast<{0}*&>({2});"
    pointer = "{0}* {1} = reinterpret_cast<{0}*>({2});"
    form = pointer if text.count("{") > text.count("}") else reference  # outside all functions
    declared = form.format(type_, name, "cudasim::here.dynamic_shared")
    return declared + "\n" * match[0].count("\n")


def _translation_unit(
    source: str, names: Sequence[str], filename: str, include: Sequence[Path]
) -> str:
    text = DYNAMIC.sub(_dynamic_shared, _flat(source, filename, include))
    entries = [f"CUDASIM_ENTRY({i}, {name})" for i, name in enumerate(names)]
    return "\n".join(
        [
            '#include "cudasim.h"',
            f'#line 1 "{filename}"',
            text,
            '#line 1 "entries"',
            '#include "cudasim/entry.h"',
            *(f'#line 1 "(name {name})"\n{entry}' for name, entry in zip(names, entries)),
            "",
        ]
    )


# ---- the cache


@functools.cache
def _own_files() -> tuple[bytes, tuple[str, ...]]:
    """(a digest of headers and runtime, the names of the runtime's files)."""
    digest = hashlib.sha256()
    for path in sorted([*HERE.rglob("*.h"), *HERE.rglob("*.cpp")]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.digest(), tuple(sorted(p.name for p in (HERE / "runtime").glob("*.cpp")))


def _compile(text: str, flags: Sequence[str], suffix: str, objects: Sequence[Path] = ()) -> Path:
    """The file that g++ makes of the text, from the cache if it has made it before."""
    compiler = shutil.which("g++")
    if reason := why_not():
        raise CompileError(reason)
    assert compiler is not None
    command = [compiler, *COMMON, *flags, f"-I{HERE / 'include'}", f"-I{HERE / 'runtime'}"]
    key = hashlib.sha256(_own_files()[0])
    key.update("\0".join([*command, _version(compiler), text]).encode())
    made = cache_folder("sim") / (key.hexdigest()[:40] + suffix)
    if made.exists():
        return made
    # made aside, then renamed: another process may be at the same, or stop half-way
    with tempfile.TemporaryDirectory(dir=cache_folder("sim")) as aside:
        built = Path(aside) / "kernel.o"
        _run([*command, "-x", "c++", "-c", "-", "-o", str(built)], text)
        if objects:
            linked = built.with_suffix(suffix)
            _run([compiler, *LINK, "-o", str(linked), str(built), *map(str, objects), "-lrt"])
            built = linked
        os.replace(built, made)
    return made


def _run(command: Sequence[str], text: str = "") -> None:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, cwd=cache_folder("sim")
    )
    if done.returncode:
        raise CompileError(done.stderr.strip()[:8000] or f"g++ failed: {' '.join(command)}")


def library(
    source: str,
    names: Sequence[str],
    *,
    filename: str,
    include: Sequence[Path],
    options: Sequence[str],
    mode: str,
) -> Path:
    """The shared library with the kernels of these name expressions."""
    text = _translation_unit(source, names, filename, include)
    runtime = "".join(f'#include "{name}"\n' for name in _own_files()[1])
    objects = [_compile(runtime, ["-O2"], ".o")]
    folders = [f"-I{folder}" for folder in include]
    return _compile(text, [*KERNEL, *MODES[mode], *folders, *options], ".so", objects)


def locate(made: Path, addresses: Sequence[int]) -> list[tuple[str, int] | None]:
    """(file, line) in the kernel's source for code addresses of a library; None where unknown.

    The addresses are those after a call. Of inlined functions, the innermost that is not ours.
    """
    if not addresses or shutil.which("addr2line") is None:
        return [None] * len(addresses)
    command = ["addr2line", "-a", "-i", "-e", str(made), *(hex(a - 1) for a in addresses)]
    done = subprocess.run(command, capture_output=True, text=True)
    sites: list[tuple[str, int] | None] = []
    for line in done.stdout.splitlines():
        if line.startswith("0x"):
            sites.append(None)
            continue
        file, _, number = line.split(" ")[0].rpartition(":")
        ours = file.startswith((str(HERE), "??", "<"))
        if sites and sites[-1] is None and not ours and number.isdigit():
            sites[-1] = file.removeprefix(f"{made.parent}{os.sep}"), int(number)
    return sites if len(sites) == len(addresses) else [None] * len(addresses)
