"""What an op's ``cuda`` rule sees of the machine: memory, launches, products.

The same three verbs on a GPU (`GpuDevice`, through CuPy) and on the CPU (`SimDevice`, the same CUDA
source through the simulator), so that a rule is written once and what reaches a GPU has run before.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np

from ..core import backend
from ..core.errors import ArgumentError, DtypeError
from .kernel import Kernel, wide

__all__ = [
    "THREADS",
    "GpuDevice",
    "LaunchDevice",
    "SimDevice",
    "fallbacks",
    "launches",
    "workspace_limit",
]

THREADS = 256  # per block, where a rule doesn't say otherwise
MOST_BLOCKS = 2**31 - 1  # along the first axis of a grid
ARGUMENT = re.compile(r"\bargument (\d+)\b")  # the simulator knows no names

_limit: ContextVar[int] = ContextVar("gpugraph_workspace", default=256 << 20)


class workspace_limit:  # noqa: N801 (a function to its users)
    """Set how many bytes a kernel may take for intermediate results; restored after a with.

    >>> gg.cuda.workspace_limit(64 << 20)              # from now on, in this thread
    >>> with gg.cuda.workspace_limit(1 << 20): ...     # in this block
    The default is 256 MiB. A single image may take more, and so may the filters of a layer in the
    precision of its sums: they are never cut.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ArgumentError(f"workspace_limit: {limit} bytes; wanted at least 1")
        self._token = _limit.set(int(limit))

    def __enter__(self) -> None: ...

    def __exit__(self, *exc: object) -> None:
        _limit.reset(self._token)

    @staticmethod
    def get() -> int:
        """The current limit in bytes."""
        return _limit.get()


launches: Counter[str] = Counter()  # kernel name -> how often it was launched in this process
fallbacks: Counter[tuple[str, str]] = Counter()  # (op, reason) -> calls that had no kernel


class LaunchDevice:
    """What an op's ``cuda(dev, *arrays)`` computes with; base of the two.

    ``dev.empty(shape, dtype)``           an array for a kernel to fill
    ``dev.contiguous(x)``                 x in C order, as kernels want it
    ``dev.launch(kernel, *args, ...)``    run a kernel
    ``dev.gemm(a, b)``                    a matrix product, by cuBLAS on a GPU
    ``dev.xp``                            the array module (cupy, in the simulator numpy) for the
                                          rest: ``dev.xp.asarray`` moves an array to the device
    """

    xp: Any
    # of these dtypes matmul makes products that are added up in wide()
    multiplies: tuple[str, ...] = ("float32", "float64")

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array with unspecified content, for a kernel to fill."""
        return self.xp.empty(shape, dtype)

    def contiguous(self, array: Any) -> Any:
        """The array in C order: itself if it is, else a copy."""
        if array.flags.c_contiguous:  # also without axes: ascontiguousarray would add one
            return array
        return self.xp.ascontiguousarray(array)

    def gemm(self, a: Any, b: Any, dtype: Any = None, *, out: Any = None) -> Any:
        """a @ b over the last two axes, broadcast over the others: added up in wide(a.dtype).

        dtype  of the result, by default that of a
        out    write there, and allocate nothing: then all three must be C-contiguous and of one
               dtype, float32 or float64. Of anything else CuPy's matmul makes copies
        """
        if out is not None:
            self._check_product(a=a, b=b, out=out)
            self.xp.matmul(a, b, out=out)
            return out
        dtype = a.dtype if dtype is None else dtype
        if a.dtype.name in self.multiplies and dtype == a.dtype:
            return self.xp.matmul(a, b)
        widened = (x.astype(wide(x.dtype), copy=False) for x in (a, b))
        return self.xp.matmul(*widened).astype(dtype, copy=False)

    def _check_product(self, **arrays: Any) -> None:
        a, b, out = arrays.values()
        dtypes = {array.dtype.name for array in arrays.values()}
        if len(dtypes) > 1 or not dtypes <= {"float32", "float64"}:
            raise DtypeError(f"gemm: {a.dtype} @ {b.dtype} -> {out.dtype}; all float32 or float64")
        for name, array in arrays.items():
            if not array.flags.c_contiguous:
                raise ArgumentError(f"gemm: {name} is not C-contiguous; use dev.contiguous")

    def fall_back(self, op: Any, reason: str) -> None:
        """Count a call that has no kernel, so that it is never silent."""
        fallbacks[op.label, reason] += 1

    def own(self, out: Any) -> Any:
        """What a reference rule has made, as arrays of this device."""
        return out

    def launch(
        self,
        kernel: Kernel,
        *args: Any,
        threads: int | None = None,
        grid: tuple[int, ...] | None = None,
        block: int | tuple[int, ...] = THREADS,
        shared: int = 0,
    ) -> Any:
        """Run a kernel over a grid: enough blocks for that many threads, or the grid given.

        args     one for each parameter: arrays of this device, numbers, structs
        threads  how many there must be at least; they fill whole blocks, so a kernel asks i < n
        grid     blocks in x, y, z, in place of `threads`
        block    threads of each block, a number or in x, y, z
        shared   bytes of dynamic shared memory

        Every argument is checked first: a DtypeError names what does not fit (`Kernel.bind`).
        Nothing is launched for 0 threads. Blocks past the limit of a grid are an ArgumentError;
        kernels count their elements in 64 bits. The simulator returns its `sim.Report`.
        """
        block = (block,) if isinstance(block, int) else block
        if grid is None:
            if threads is None:
                raise ArgumentError(f"{kernel.name}: launch needs threads or grid")
            grid = (-(-threads // int(np.prod(block))),)
        expression, ready = kernel.bind(args, self.xp.ndarray)
        if grid[0] > MOST_BLOCKS or any(n > 65535 for n in grid[1:]):
            raise ArgumentError(f"{kernel.name}: a grid of {grid} blocks is more than CUDA takes")
        if 0 in grid:
            return None
        launches[kernel.name] += 1
        return self._launch(kernel, expression, grid, block, ready, shared)

    def function(self, kernel: Kernel, expression: str) -> Any:
        """What runs this instance of the kernel: compiled when it is first asked for."""
        raise NotImplementedError(f"{type(self).__name__} has no function")

    def _launch(
        self,
        kernel: Kernel,
        expression: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: list[Any],
        shared: int,
    ) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no launch")


class GpuDevice(LaunchDevice):
    """A GPU, through CuPy. Kernels are compiled by NVRTC on first use and kept by CuPy."""

    multiplies = ("float16", "float32", "float64")  # cuBLAS, at full precision

    def __init__(self, cupy: Any) -> None:
        self.xp = cupy
        self._functions: dict[tuple[Kernel, str, int], Any] = {}

    def function(self, kernel: Kernel, expression: str) -> Any:
        """A function of CuPy's, for the GPU that is current."""
        key = (kernel, expression, self.xp.cuda.Device().id)
        function = self._functions.get(key)
        if function is None:
            function = self._functions[key] = self._compiled(kernel, expression)
        return function

    def _compiled(self, kernel: Kernel, expression: str) -> Any:
        """The function; a CompileError has the lines of the kernel's own file."""
        code = f'#line 1 "{kernel.file}"\n{kernel.code}'
        module = self.xp.RawModule(
            code=code, options=kernel.options, name_expressions=(expression,)
        )
        try:
            return module.get_function(expression)
        except self.xp.cuda.compiler.CompileException as error:
            from .sim.errors import CompileError

            raise CompileError(f"{expression}: NVRTC does not compile it\n{error}") from None

    def _launch(
        self,
        kernel: Kernel,
        expression: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: list[Any],
        shared: int,
    ) -> Any:
        self.function(kernel, expression)(grid, block, tuple(args), shared_mem=shared)


class SimDevice(LaunchDevice):
    """The CPU, through the simulator; its arrays are `backend.SimArray`.

    mode  "fast", or "check": also finds races, uninitialised reads, and outputs of which an element
          is written never or more than once
    seed  of the order of blocks and threads; 0 is the natural one
    """

    xp = np
    limit = 60.0  # seconds of CPU time for one launch; then the kernel counts as hanging

    def __init__(self, mode: str = "fast", seed: int = 0) -> None:
        self.mode, self.seed = mode, seed
        self._functions: dict[tuple[Kernel, str], Any] = {}

    def function(self, kernel: Kernel, expression: str) -> Any:
        """A kernel of the simulator's."""
        function = self._functions.get((kernel, expression))
        if function is None:
            from . import sim

            module = sim.Module(
                kernel.code,
                [expression],
                filename=kernel.file,
                include=kernel.include,
                mode=self.mode,
            )
            function = self._functions[kernel, expression] = module.function(expression)
        return function

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Poisoned memory: what a kernel forgets to write is NaN, or -1."""
        from . import sim

        return sim.empty(shape, dtype).view(backend.SimArray)

    def own(self, out: Any) -> Any:
        """NumPy's arrays, now on the simulated GPU."""
        if isinstance(out, tuple):
            return (*map(self.own, out),)
        return np.asarray(out).view(backend.SimArray)

    def _launch(
        self,
        kernel: Kernel,
        expression: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: list[Any],
        shared: int,
    ) -> Any:
        from . import sim

        function = self.function(kernel, expression)
        plain = [a.view(np.ndarray) if isinstance(a, np.ndarray) else a for a in args]
        outputs = [i for i, p in enumerate(kernel.params) if p.output]
        fresh = [i for i in outputs if not kernel.params[i].in_place]
        try:
            report = function.launch(
                grid, block, plain, shared=shared, seed=self.seed, fresh=fresh, limit=self.limit
            )
        except sim.KernelError as error:
            error.args = (ARGUMENT.sub(lambda m: kernel.params[int(m[1])].name, str(error)),)
            raise
        if self.mode == "check":
            for i in outputs:
                if told := _written_once(report, i, kernel.params[i].name):
                    raise sim.KernelError(expression, told, argument=i)
        return report


def _written_once(report: Any, i: int, name: str) -> str | None:
    """What is wrong with how often the elements of an output were written; None if nothing is."""
    missed, most = report.unwritten[i], report.most_writes[i]
    told = []
    if missed:
        first = f"{name}{list(report.unwritten_index(i))}"
        told.append(f"{missed} of the elements of {name} were never written, the first is {first}")
    if most > 1:
        told.append(f"an element of {name} was written {most} times")
    return "; ".join(told) or None


_gpu = cache(GpuDevice)
_simulated = cache(SimDevice)
# where there is an array of CuPy's, CuPy is imported
backend.launchers.update(cuda=lambda: _gpu(sys.modules["cupy"]), sim=_simulated)
