"""The compiled kernels, for tests that call them whatever GPUGRAPH_CPU says."""

from functools import cache

import numpy as np
import pytest

from gpugraph.cpu import compiler
from gpugraph.cpu.library import Library


@cache
def compiled():
    return Library(compiler.library())


@pytest.fixture(params=[1, 2, 3], ids="{} threads".format)
def lib(request):
    """The library, sharing loops among that many threads."""
    if reason := compiler.why_not():
        pytest.skip(f"needs a C compiler: {reason}")
    made = compiled()
    before, made.threads = made.threads, request.param
    yield made
    made.threads = before


def channels_last(x):
    """The same numbers, lying (N, ..., C)."""
    x = np.asarray(x)
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, -1, *range(1, x.ndim - 1))
