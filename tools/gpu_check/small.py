"""Runs each kernel once on the small samples of its op: ``python -m tools.gpu_check.small DEVICE``.

What compute-sanitizer looks at. On a GPU every array gets memory of its own, since inside CuPy's
pool an access out of bounds would land in another array, unseen. The last line is JSON:
{"cases": n, "launches": {kernel: times}}.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from gpugraph.core import backend
from gpugraph.core.op import Sample
from gpugraph.cuda import device as launcher
from gpugraph.testing import rules

from .device import Gpu, open_device
from .kernels import ops_with_kernels
from .optimizers import optimizers, stepped, variants

__all__ = ["run"]


def run(device: Any) -> int:
    """All samples in float32, on that launcher of kernels, and a few steps of each optimizer.

    Gives the number of cases. In this process nothing else launches kernels from now on.
    """
    where = "sim" if isinstance(device, launcher.SimDevice) else "cuda"
    backend.launchers[where] = lambda: device
    cases = 0
    for op in ops_with_kernels().values():
        for sample in op.samples(np.random.default_rng(0)):
            inputs = [_float32(x) for x in sample.inputs]
            if sample.op.kernel_limits(*map(rules.spec_of, inputs)) is not None:
                continue
            _launch(device, where, Sample(sample.op, tuple(inputs)))
            cases += 1
    for name in optimizers():
        for options in variants(name):
            stepped(name, options, where, np.dtype(np.float32))
            cases += 1
    return cases


def _launch(device: Any, where: str, sample: Sample) -> None:
    there = [None if x is None else backend.to_device(x, where) for x in sample.inputs]
    out = sample.op.cuda(device, *there)  # type: ignore[misc]
    for y in out if isinstance(out, tuple) else (out,):
        backend.to_device(y, "cpu")


def _float32(x: Any) -> Any:
    return rules._cast(x, np.float32) if x is None else np.asarray(rules._cast(x, np.float32))


def main(name: str) -> int:
    """On a GPU, or with the simulator's own checks."""
    opened = open_device(name)
    if isinstance(opened, Gpu):
        opened.cupy.cuda.set_allocator(None)
    device = opened.kernels() if name == "cuda" else launcher.SimDevice("check")
    cases = run(device)
    opened.synchronize()
    print(json.dumps({"cases": cases, "launches": dict(launcher.launches)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
