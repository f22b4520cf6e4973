"""Runs CUDA C on the CPU: the same .cu source, compiled by g++, with every mistake reported.

    module = sim.Module(source, ["scale<float>"], mode="check")
    scale = module.function("scale<float>")
    y = sim.empty(1000, np.float32)
    scale.launch(4, 256, [x, y, np.int32(1000)], seed=1, fresh=(1,))

The threads of a block are fibers that take turns, in an order drawn from the seed; barriers, warp
operations and shared memory do what they do on a GPU. Three modes:

``"bare"``   nothing but the kernel.
``"fast"``   arrays between guard pages; undefined behaviour is caught (bounds of local and shared
             arrays, misaligned vectors, signed overflow, shifts, division by zero).
``"check"``  the same, and every access is checked: outside all arrays, uninitialised, or racing
             with another thread. Two to six times slower than "fast". Its report tells how often
             each element was written, and who wrote it last: ``report.writer(1, index)``.

In each of them deadlocks, divergent barriers, wrong lane masks, endless loops and arguments of the
wrong type are errors, shared memory starts as garbage (NaN), and an error leaves Python and the
arrays as they were. Only "check" promises that for writes that go astray by more than the 1 MB of
guard pages; and in "bare", which has no guard pages, a failed kernel has half written its arrays.

Stricter than hardware: a thread that has returned is missed at barriers and in the masks of warp
operations, and only __syncthreads and __syncwarp order memory, so that "the last block to finish
adds up" counts as a race. Of each element the last write and read are remembered; what an earlier
one raced with may take another seed to find.

It proves indexing, synchronisation and memory logic. It says nothing about speed, about memory
ordering without barriers (__threadfence does nothing), about waits for another block, or about last
bits: products and sums are not contracted to fma, and fast math is exact. Only g++ >= 12 on
Linux x86-64; elsewhere `why_not` says what is missing.
"""

from .arguments import empty
from .compile import why_not
from .errors import CompileError, KernelError
from .launch import Kernel, Module
from .report import Report, Writer

__all__ = [
    "CompileError",
    "Kernel",
    "KernelError",
    "Module",
    "Report",
    "Writer",
    "empty",
    "why_not",
]
