"""The compiled kernels, for tests that call them whatever GPUGRAPH_CPU says."""

import platform
from functools import cache

import numpy as np
import pytest

from gpugraph.cpu import compiler
from gpugraph.cpu.library import Library


def compiled(*flags):
    """The library compiled with these flags, or the error of the first that asked for it."""
    made = _made(*flags)
    if isinstance(made, compiler.CompileError):
        raise made
    return made


@cache
def _made(*flags):
    try:
        return Library(compiler.library(*flags))
    except compiler.CompileError as error:
        return error


# what other processors get: none, where this one has no more than that, is fine, too
WIDTHS = {
    "native": (),
    "avx2": ("-mno-avx512f", "-O1"),  # compiles in half the time
    "sse2": ("-mno-avx512f", "-mno-avx2", "-mno-fma", "-mno-avx", "-O1"),
}
if platform.machine() != "x86_64":
    WIDTHS = {"native": ()}


@pytest.fixture(params=[1, 2, 3], ids="{} threads".format)
def lib(request):
    """The library, sharing loops among that many threads."""
    if reason := compiler.why_not():
        pytest.skip(f"needs a C compiler: {reason}")
    made = compiled()
    before, made.threads = made.threads, request.param
    yield made
    made.threads = before


@pytest.fixture(params=WIDTHS)
def narrow(request):
    """The library for processors with narrower vectors."""
    if reason := compiler.why_not():
        pytest.skip(f"needs a C compiler: {reason}")
    return compiled(*WIDTHS[request.param])


def channels_last(x):
    """The same numbers, lying (N, ..., C)."""
    x = np.asarray(x)
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, -1, *range(1, x.ndim - 1))
