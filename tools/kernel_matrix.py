"""Compile every instance of every CUDA kernel for every architecture. Needs no GPU.

    python tools/kernel_matrix.py                    # all, about 20 s on two cores
    python tools/kernel_matrix.py --arch 90 --kernel max_pool im2col
    python tools/kernel_matrix.py --update           # accept the figures into the kept table

NVRTC, the compiler that CuPy uses at run time, gets the same source and the same options. Found are
errors, also those that g++ and nvcc don't see and those in templates that nobody instantiates;
warnings; kernels that no `Kernel` declares; entry points that are not in the binary; and instances
that take more registers, local or shared memory than benchmarks/kernels.json says.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from functools import cache
from importlib import import_module, metadata
from multiprocessing import get_context
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NamedTuple

# gpugraph is imported where it is used: the processes that compile don't need it

ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)
TABLE = Path(__file__).parent.parent / "benchmarks" / "kernels.json"
INSTALL = 'pip install ".[kernels]"'
UPDATE = "python tools/kernel_matrix.py --update"
# NVRTC 13.0 takes up to 7 registers more than 13.5 for the same kernel
MORE_REGISTERS = 8
# what CuPy 14 adds to the options of a RawModule, and ptxas's figures
ADDED = ("-ftz=true", "--device-as-default-execution-space", "--ptxas-options=-v")


class Figures(NamedTuple):
    """What one instance takes on one architecture."""

    registers: int  # per thread
    spilled: int  # bytes of stores and loads of registers that did not fit
    stack: int  # bytes of local memory per thread: spilled registers, arrays indexed at run time
    shared: int  # bytes of static shared memory per block


class Instance(NamedTuple):
    """One name expression of a .cu file, on one architecture."""

    file: str
    expression: str
    architecture: int

    def __str__(self) -> str:
        return f"{self.file} {self.expression} sm_{self.architecture}"


class Job(NamedTuple):
    """What one call of the compiler does: all instances of one file for one architecture."""

    file: str
    source: str
    expressions: tuple[str, ...]
    architecture: int
    options: tuple[str, ...]


class Found(NamedTuple):
    """What came of it: the figures of what was compiled, and what is wrong."""

    figures: dict[Instance, Figures]
    complaints: list[str]


# ---- the compiler --------------------------------------------------------------------------------
#
# Bound by ctypes: the dozen functions are documented and stable, need nothing but the library, and
# take the very option strings that CuPy passes. cuda.bindings.nvrtc is the same API and 30 MB more;
# cuda.core.Program, 18 MB on top of it, has its own word for each option, and every worker process
# would import it for 0.3 s.


class Nvrtc:
    """NVRTC's C API, as far as it is needed here: https://docs.nvidia.com/cuda/nvrtc."""

    def __init__(self, library: Path) -> None:
        # some versions look for this part by its name only; once loaded it is found
        for part in library.parent.glob("libnvrtc-builtins.so.*"):
            ctypes.CDLL(str(part))
        self.library = ctypes.CDLL(str(library))
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def _call(self, function: str, *args: Any) -> None:
        status = getattr(self.library, function)(*args)
        if status:
            raise RuntimeError(f"{function}: {self.library.nvrtcGetErrorString(status).decode()}")

    def version(self) -> str:
        """As "13.5"."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        return f"{major.value}.{minor.value}"

    def compile(self, job: Job) -> tuple[str, dict[str, str], bytes]:
        """The log, the mangled name of each expression, and the binary; both empty after errors."""
        program = ctypes.c_void_p()
        source, name = job.source.encode(), job.file.encode()
        self._call("nvrtcCreateProgram", ctypes.byref(program), source, name, 0, None, None)
        try:
            for expression in job.expressions:
                self._call("nvrtcAddNameExpression", program, expression.encode())
            options = [f"-arch=sm_{job.architecture}".encode(), *(o.encode() for o in job.options)]
            array = (ctypes.c_char_p * len(options))(*options)
            failed = self.library.nvrtcCompileProgram(program, len(options), array)
            log = self._bytes(program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
            if failed:
                return log or self.library.nvrtcGetErrorString(failed).decode(), {}, b""
            names = {e: self._lowered(program, e) for e in job.expressions}
            return log, names, self._bytes(program, "CUBIN")
        finally:
            self._call("nvrtcDestroyProgram", ctypes.byref(program))

    def _bytes(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self._call(f"nvrtcGet{what}", program, buffer)
        return buffer.raw

    def _lowered(self, program: ctypes.c_void_p, expression: str) -> str:
        name = ctypes.c_char_p()
        self._call("nvrtcGetLoweredName", program, expression.encode(), ctypes.byref(name))
        return (name.value or b"").decode()


def in_wheel(wheel: str, pattern: str) -> Path | None:
    """The file of an installed wheel whose name matches, or None."""
    try:
        files = metadata.files(wheel) or []
    except metadata.PackageNotFoundError:
        return None
    found = (Path(str(f.locate())) for f in files if fnmatch(f.name, pattern))
    return next((path for path in found if path.exists()), None)


@cache
def nvrtc() -> Nvrtc | None:
    """The compiler, loaded once in each process; None if its wheel is not installed."""
    library = in_wheel("nvidia-cuda-nvrtc", "libnvrtc.so.*")
    return Nvrtc(library) if library else None


# ---- what is compiled ----------------------------------------------------------------------------


def package_kernels() -> list[Any]:
    """Every `Kernel` that a module of gpugraph holds, by itself or in a tuple."""
    import gpugraph
    from gpugraph.cuda.kernel import Kernel

    kernels = {}
    for module in walk_packages(gpugraph.__path__, "gpugraph."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(import_module(module.name)).values():
            for kernel in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(kernel, Kernel):
                    kernels[kernel.file, kernel.expressions] = kernel
    return [kernels[key] for key in sorted(kernels)]


def undeclared(kernels: Iterable[Any]) -> list[str]:
    """Complaints about ``__global__`` functions of the package that no `Kernel` declares."""
    import gpugraph

    root = Path(gpugraph.__file__).parent
    declared = {(kernel.file, kernel.name) for kernel in kernels}
    complaints = []
    for path in sorted(root.rglob("*.cu")):
        file = path.relative_to(root).as_posix()
        text = re.sub(r"__launch_bounds__\s*\([^)]*\)", "", path.read_text(encoding="utf-8"))
        for name in re.findall(r"__global__\s+void\s+(\w+)", text):
            if (file, name) not in declared:
                complaints.append(f"{file} {name}: no Kernel declares it, so it is never compiled")
    return complaints


def jobs(kernels: Iterable[Any], architectures: Sequence[int]) -> list[Job]:
    """One for each file and architecture, the longest first."""
    files: dict[str, list[Any]] = {}
    for kernel in kernels:
        files.setdefault(kernel.file, []).append(kernel)
    header = in_wheel("nvidia-cuda-runtime", "cuda_fp16.h")
    added = (*([f"-I{header.parent}"] if header else []), *ADDED)
    found = []
    for file, held in files.items():
        names = tuple(dict.fromkeys(name for kernel in held for name in kernel.expressions))
        options = (*held[0].options, *added)
        found += [Job(file, held[0].code, names, a, options) for a in architectures]
    return sorted(found, key=lambda job: (-len(job.expressions), -job.architecture))


# ---- compiling and checking ----------------------------------------------------------------------


def check(job: Job) -> Found:
    """Compile, and look at the log and the binary."""
    compiler = nvrtc()
    if compiler is None:
        raise RuntimeError(f"no NVRTC: {INSTALL}")
    log, names, binary = compiler.compile(job)
    where = f"{job.file} sm_{job.architecture}"
    if not binary:
        return Found({}, [f"{where}: does not compile\n{_indented(log)}"])
    diagnostics = re.sub(r"(?m)^ptxas (info| +\.).*\n?", "", log)  # all but ptxas's figures
    complaints = []
    if re.search(r"(?m)^(?!Remark).*\bwarning\b", diagnostics):
        complaints.append(f"{where}: warnings\n{_indented(diagnostics)}")
    reported = _reported(log)
    figures = {}
    for expression, name in names.items():
        instance = Instance(job.file, expression, job.architecture)
        # the machine code of a kernel is the section .text.<mangled name>
        if f".text.{name}\0".encode() in binary and name in reported:
            figures[instance] = reported[name]
        else:
            complaints.append(f"{instance}: no entry point {name or 'of that name'} in the binary")
    return Found(figures, complaints)


def _reported(log: str) -> dict[str, Figures]:
    """What ptxas says of each entry point, by its mangled name."""
    found = {}
    for part in log.split("Compiling entry function '")[1:]:

        def total(pattern: str, text: str = part) -> int:
            return sum(map(int, re.findall(pattern, text)))

        found[part.partition("'")[0]] = Figures(
            registers=total(r"Used (\d+) registers"),
            spilled=total(r"(\d+) bytes spill (?:stores|loads)"),
            stack=total(r"(\d+) bytes stack frame"),
            shared=total(r"(\d+) bytes smem"),
        )
    return found


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.strip().splitlines())


def check_all(work: Sequence[Job], workers: int | None = None) -> Found:
    """`check` every job, in several processes: NVRTC compiles one program at a time in each."""
    workers = min(workers or os.cpu_count() or 1, len(work))
    if workers < 2:
        results = [check(job) for job in work]
    else:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            results = list(pool.map(check, work))
    figures = {key: value for result in results for key, value in result.figures.items()}
    return Found(dict(sorted(figures.items())), [c for r in results for c in r.complaints])


# ---- the kept table ------------------------------------------------------------------------------


def over(figures: dict[Instance, Figures], table: dict[Instance, Figures]) -> list[str]:
    """Complaints about instances that take more than the table says, or are not in it."""
    complaints = []
    for instance, now in figures.items():
        if instance not in table:
            complaints.append(f"{instance.file} {instance.expression}: not in the table: {UPDATE}")
            continue
        kept = table[instance]
        allowed = kept._replace(registers=kept.registers + MORE_REGISTERS)
        if any(new > old for new, old in zip(now, allowed, strict=True)):
            complaints.append(
                f"{instance}: {_words(now)}; the table says {_words(kept)} "
                f"(up to {MORE_REGISTERS} registers more are let pass). If it is meant: {UPDATE}"
            )
    return list(dict.fromkeys(complaints))  # once for all architectures


def gone(instances: Iterable[Instance], table: dict[Instance, Figures]) -> list[str]:
    """Complaints about instances of the table that the package has no more."""
    names = sorted({i[:2] for i in table.keys() - set(instances)})
    return [f"{file} {name}: in the table only: {UPDATE}" for file, name in names]


def _words(figures: Figures) -> str:
    words = [f"{figures.registers} registers"]
    words += [f"{n} bytes {name}" for name, n in zip(figures._fields[1:], figures[1:]) if n]
    return ", ".join(words)


def as_json(figures: dict[Instance, Figures], compiler: str) -> str:
    """One line for each instance: a list over the architectures, for figures that are not all 0."""
    architectures = sorted({instance.architecture for instance in figures})
    files: dict[str, dict[str, dict[str, list[int]]]] = {}
    for file, expression in sorted({instance[:2] for instance in figures}):
        row = [figures[Instance(file, expression, a)] for a in architectures]
        files.setdefault(file, {})[expression] = {
            name: list(values)
            for name, values in zip(Figures._fields, zip(*row, strict=True), strict=True)
            if any(values) or name == "registers"
        }
    blocks = []
    for file, rows in files.items():
        lines = [f"   {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()]
        blocks.append(f"  {json.dumps(file)}: {{\n" + ",\n".join(lines) + "\n  }")
    about = f' "nvrtc": "{compiler}",\n "architectures": {architectures},\n "kernels": {{\n'
    return "{\n" + about + ",\n".join(blocks) + "\n }\n}\n"


def from_json(text: str) -> dict[Instance, Figures]:
    """What `as_json` wrote."""
    kept = json.loads(text)
    zeros = [0] * len(kept["architectures"])
    figures = {}
    for file, rows in kept["kernels"].items():
        for expression, row in rows.items():
            columns = [row.get(name, zeros) for name in Figures._fields]
            for architecture, *values in zip(kept["architectures"], *columns, strict=True):
                figures[Instance(file, expression, architecture)] = Figures(*values)
    return figures


def as_markdown(figures: dict[Instance, Figures]) -> str:
    """One row for each kernel: the most that any of its instances takes."""
    architectures = sorted({instance.architecture for instance in figures})
    kernels: dict[tuple[str, str], dict[Instance, Figures]] = {}
    for instance, values in figures.items():
        name = instance.expression.partition("<")[0]
        kernels.setdefault((instance.file, name), {})[instance] = values
    heads = ["file", "kernel", "instances", *(f"sm_{a}" for a in architectures)]
    heads += [f"{name} (bytes)" for name in Figures._fields[1:]]
    rows = [heads, ["---"] * len(heads)]
    for (file, name), found in kernels.items():
        most = [max(f.registers for i, f in found.items() if i[2] == a) for a in architectures]
        rest = [max(column) for column in list(zip(*found.values(), strict=True))[1:]]
        instances = len({i.expression for i in found})
        rows.append([file, name, *map(str, [instances, *most, *rest])])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 if all is well, 1 if something is wrong, 2 if it can't be told."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", type=int, nargs="+", default=ARCHITECTURES, metavar="90")
    parser.add_argument("--kernel", nargs="+", metavar="max_pool", help="only these")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--update", action="store_true", help=f"write them to {TABLE.name}")
    args = parser.parse_args(argv)
    compiler = nvrtc()
    if compiler is None:
        print(f"NVRTC is not installed (Linux on x86-64 only): {INSTALL}", file=sys.stderr)
        return 2
    part = bool(args.kernel) or set(args.arch) != set(ARCHITECTURES)
    if args.update and part:
        parser.error("--update takes all kernels and architectures")
    kernels = package_kernels()
    chosen = [k for k in kernels if not args.kernel or k.name in args.kernel]
    if not chosen:
        parser.error("no such kernel; there are " + ", ".join(k.name for k in kernels))

    start = time.perf_counter()
    figures, complaints = check_all(jobs(chosen, args.arch))
    complaints += undeclared(kernels)
    if args.update and not complaints:
        TABLE.write_text(as_json(figures, compiler.version()))
    table = from_json(TABLE.read_text()) if TABLE.exists() else {}
    complaints += over(figures, table) + ([] if part else gone(figures, table))
    if args.json:
        args.json.write_text(as_json(figures, compiler.version()))
    print(f"# Registers per thread, NVRTC {compiler.version()}\n\n{as_markdown(figures)}\n")
    print(f"{len(figures)} kernels compiled in {time.perf_counter() - start:.1f} s.")
    for complaint in complaints:
        print(f"\n{complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
