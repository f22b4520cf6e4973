"""`gpugraph.apply` in C: to run an op, and to record it, takes less than half as long.

``core/apply.py`` has the reference; ``src/python/apply.c`` does the same, step for step, through
CPython's C API. Ops import `apply` by name, so it takes its place when gpugraph is imported, before
they do: if it has been compiled by then. Nothing is compiled by an import.
"""

from __future__ import annotations

import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

from ..core import apply as core_apply
from ..core.errors import ArgumentError
from . import compiler

__all__ = ["compiled", "load", "prepare", "reference", "why_not"]

reference: Any = core_apply.apply  # in Python
compiled: Any = None  # in C, if it is in use
_failed: str | None = None


def why_not() -> str | None:
    """Why ops are applied by Python, not by C, in one line; None if it is C."""
    if compiled is not None:
        return None
    told = compiler.wish()
    if told == "numpy":
        return "GPUGRAPH_CPU=numpy turns it off"
    if told == "auto" and not compiler.has_extra():
        return "pip install 'gpugraph[cpu]' brings a compiler; GPUGRAPH_CPU=compiled takes yours"
    if reason := compiler.why_not() or _unfit():
        return reason
    if _failed is not None:
        return _failed
    if compiler.extension_place().exists():
        return "it was compiled after the import of gpugraph: the next process has it"
    headers = compiler.headers_of_python()
    if not (headers / "Python.h").exists():
        return f"Python's headers are needed to compile it: there is no {headers}/Python.h"
    return "it is yet to be compiled: by gpugraph.cpu.prepare(), or by the first compiled kernel"


def prepare() -> None:
    """Compile it, if it isn't yet, for the processes to come. Failures are told by `why_not`."""
    global _failed
    if compiled is not None or _unfit() or not (compiler.headers_of_python() / "Python.h").exists():
        return
    try:
        compiler.extension()
    except (compiler.CompileError, OSError) as error:
        _failed = f"it could not be compiled: {error}"


def _unfit() -> str | None:
    """Why it can't work with this Python: it knows the insides of some CPythons alone."""
    if (
        sys.implementation.name == "cpython"
        and (3, 10) <= sys.version_info[:2] <= (3, 13)
        and "t" not in getattr(sys, "abiflags", "")
    ):
        return None
    return "it is written for CPython 3.10 to 3.13, with its global lock"


def load(path: Path) -> Any:
    """The compiled `apply`. Raises ImportError if it doesn't find the engine as it knows it."""
    loader = ExtensionFileLoader(compiler.EXTENSION, str(path))
    spec = spec_from_loader(compiler.EXTENSION, loader)
    assert spec is not None
    module: Any = module_from_spec(spec)
    return module.apply


def _install() -> None:
    """Put it in the place of the reference, if it is wished for and there."""
    global compiled, _failed
    try:
        told = compiler.wish()
    except ArgumentError:  # told by what computes
        return
    if _unfit() or told == "numpy" or (told == "auto" and not compiler.has_extra()):
        return
    try:
        place = compiler.extension_place()
        if place.exists():
            compiled = load(place)
    except (ImportError, OSError) as error:
        _failed = f"it could not be loaded: {error}"
        return
    if compiled is not None:
        core_apply.apply = compiled


_install()
