"""The compiled kernels as a whole: whether they are used, how they are compiled, their threads."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core.files import cache_folder
from gpugraph.cpu import compiler
from gpugraph.cpu import library as cached_library
from gpugraph.cpu.library import default_threads
from tests.cpu import compiled

needs_compiler = pytest.mark.skipif(
    compiler.why_not() is not None, reason=f"needs a C compiler: {compiler.why_not()}"
)


def python(code, **environment):
    """What a new process prints, or the last line of its error."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(gg.__file__).parents[1]), **environment},
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def test_numpy_computes_where_that_is_asked_for():
    code = "import gpugraph as gg; print(gg.cpu.is_available(), gg.cpu.threads(), gg.cpu.why_not())"
    told = python(code, GPUGRAPH_CPU="numpy", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    assert told == "False 1 GPUGRAPH_CPU=numpy turns them off"


def test_threads_of_numpy_are_those_of_its_blas():
    code = "from gpugraph.cpu import *; threads(3); from gpugraph.cpu.shares import _blas"
    told = python(code + "; print(threads(), _blas())", GPUGRAPH_CPU="numpy")
    assert told.startswith("3 (") or told == "1 None"


def test_without_the_extra_numpy_computes_and_the_reason_names_the_cure(monkeypatch):
    monkeypatch.setenv("GPUGRAPH_CPU", "auto")
    monkeypatch.setattr(compiler, "has_extra", lambda: False)
    assert "pip install 'gpugraph[cpu]'" in gg.cpu.why_not()


def test_an_unknown_wish_is_refused():
    code = "import gpugraph as gg; gg.cpu.is_available()"
    told = python(code, GPUGRAPH_CPU="fast")
    assert told.endswith("GPUGRAPH_CPU='fast' is none of 'auto', 'numpy', 'compiled'")


def test_a_compiler_that_fails():
    """Demanded: its error. Else a warning, and NumPy computes."""
    code = "import gpugraph as gg; print(gg.cpu.is_available())"
    broken = {"GPUGRAPH_CC": f"{sys.executable} -c 'raise SystemExit(\"no such flag\")'"}
    assert "no such flag" in python(code, GPUGRAPH_CPU="compiled", **broken)
    code = (
        "import warnings, gpugraph as gg\n"
        "gg.cpu.compiler.has_extra = lambda: True\n"
        "with warnings.catch_warnings(record=True) as told:\n"
        "    print(gg.cpu.is_available(), gg.ones((2, 2)) @ gg.ones((2, 2)))\n"
        "print(told[0].message)"
    )
    told = python(code, GPUGRAPH_CPU="auto", **broken)
    assert told.startswith("False Tensor") and "computes with NumPy alone: no such flag" in told


@needs_compiler
def test_what_is_compiled_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("GPUGRAPH_CPU_CACHE", str(tmp_path))
    cache_folder.cache_clear()
    try:
        made = compiler.library("-O0")
        assert made.parent == tmp_path.resolve() and list(tmp_path.iterdir()) == [made]
        monkeypatch.setattr(compiler, "_run", lambda *_: pytest.fail("compiled again"))
        monkeypatch.setattr(compiler, "_version", lambda call: "1")
        with pytest.raises(pytest.fail.Exception):  # another compiler: another library
            compiler.library("-O0")
    finally:
        cache_folder.cache_clear()


@needs_compiler
def test_disabled():
    x, w = np.ones((2, 3, 8, 8), "f"), np.ones((4, 3, 3, 3), "f")
    with gg.cpu.disabled():
        assert F.conv2d(x, w).numpy().flags.c_contiguous  # as NumPy lays it
    if gg.cpu.is_available():
        assert not F.conv2d(x, w).numpy().flags.c_contiguous  # channels last


def test_default_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert default_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert default_threads() == cores
    with pytest.raises(gg.ArgumentError, match="threads: n=0 must be an int of at least 1"):
        gg.cpu.threads(0)


@needs_compiler
def test_threadpoolctl_sets_the_threads():
    pytest.importorskip("threadpoolctl", reason="needs threadpoolctl")
    code = (
        "import gpugraph as gg, threadpoolctl\n"
        "gg.cpu.threads(3)\n"
        "with threadpoolctl.threadpool_limits(1): print(gg.cpu.threads())\n"
        "print(gg.cpu.threads())"
    )
    assert python(code, GPUGRAPH_CPU="compiled").split() == ["1", "3"]


def layer():
    rng = np.random.default_rng(0)
    from gpugraph.core.window import Window
    from gpugraph.ops.conv import Conv

    x, w = rng.standard_normal((8, 8, 20, 20)), rng.standard_normal((8, 8, 3, 3))
    op = Conv(Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)))
    return lambda lib: op.cpu(lib, x, w)


@needs_compiler
def test_many_callers_at_once():
    """One of them has the pool; the others do their loops alone. All get the same numbers."""
    lib, conv = compiled(), layer()
    before, lib.threads = lib.threads, 4
    want, wrong = conv(lib), []

    def work():
        for _ in range(50):
            if not np.array_equal(conv(lib), want):
                wrong.append(1)

    callers = [threading.Thread(target=work) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    lib.threads = before
    assert not wrong


@needs_compiler
def test_more_threads_and_fewer():
    lib, conv = compiled(), layer()
    before, want = lib.threads, conv(lib)
    for n in (1, 5, 2, 7, 1, 3) * 20:
        lib.threads = n
        assert np.array_equal(conv(lib), want)
    lib.threads = before


@needs_compiler
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork in a process with threads
def test_a_forked_process_has_threads_of_its_own():
    lib, conv = compiled(), layer()
    before, lib.threads = lib.threads, 3
    want = conv(lib)
    for _ in range(5):
        child = os.fork()
        if child == 0:
            right = all(np.array_equal(conv(lib), want) for _ in range(20))
            os._exit(0 if right else 1)
        for _ in range(600):  # a child that waits for threads it doesn't have would never end
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.1)
        else:
            os.kill(child, 9)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
        assert status == 0
        assert np.array_equal(conv(lib), want)
    lib.threads = before


@needs_compiler
def test_idle_threads_sleep():
    """A pool of threads takes no time between loops."""
    lib, conv = compiled(), layer()
    before, lib.threads = lib.threads, 4
    conv(lib)
    time.sleep(0.05)
    start = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - start < 0.1
    lib.threads = before


def test_the_cached_library_is_one():
    assert cached_library() is cached_library()
