"""Part `kernels`: every op with a cuda rule, on each of its samples, against its NumPy rule.

Judged in every floating dtype that the kernels take, within the derived tolerance, or exactly where
a kernel only chooses, moves or draws; and 20 times, bit for bit. The items named "large ..." run
shapes of many blocks (`large`), those named "optimizer ..." the steps of optimizers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from gpugraph.core import backend
from gpugraph.core.apply import apply
from gpugraph.core.op import REGISTRY, Op, Sample
from gpugraph.core.tensor import is_floating
from gpugraph.cuda import device as launcher
from gpugraph.testing import rules, tolerance
from gpugraph.testing.tolerance import epsilon

from . import large
from .calls import compare, numpy_dtype
from .device import Cpu
from .optimizers import check_agreement, optimizers
from .setting import Setting, SkipError, right, wrong

__all__ = ["check", "items", "ops_with_kernels"]

DTYPES = ("float32", "float64", "float16", "bfloat16")
# choose, move, draw, or add in one given order: nothing is left to rounding
EXACT = {"MaxPool", "PoolScatter", "PoolGather", "Dropout"}
REPEATS = 20
LARGE, OPTIMIZER = "large ", "optimizer "


def ops_with_kernels() -> dict[str, type[Op]]:
    """The package's ops that have a cuda rule, by name."""
    return {
        name: op
        for name, op in sorted(REGISTRY.items())
        if op.cuda is not None and op.__module__.startswith("gpugraph.")
    }


def items(setting: Setting) -> list[str]:
    """The ops, and the large calls."""
    others = [OPTIMIZER + name for name in optimizers()]
    return [*ops_with_kernels(), *others, *(LARGE + call.name for call in large.CALLS)]


def check(setting: Setting, device: Cpu, name: str) -> dict[str, Any]:
    """In a worker: one op on all samples, or one large call."""
    if device.kernels() is None:
        raise SkipError(f"{device.name} runs no kernels; --device sim does")
    repeats = 2 if setting.rehearsal else REPEATS
    launched, fell_back = launcher.launches.copy(), launcher.fallbacks.copy()
    if name.startswith(LARGE):
        result = large.check(setting, device, name.removeprefix(LARGE))
    elif name.startswith(OPTIMIZER):
        result = check_agreement(device, name.removeprefix(OPTIMIZER), repeats)
    else:
        result = _Check(device, name, repeats).run()
    result["launches"] = dict(launcher.launches - launched)
    result["fallbacks"] = {
        f"{op}: {reason}": n for (op, reason), n in (launcher.fallbacks - fell_back).items()
    }
    return result


class _Check:
    """One op on all of its samples in all dtypes."""

    def __init__(self, device: Cpu, name: str, repeats: int) -> None:
        self.device, self.name, self.repeats = device, name, repeats
        self.dtypes: dict[str, dict[str, Any]] = {}
        self.no_kernel: Counter[str] = Counter()
        self.faults: list[str] = []

    def run(self) -> dict[str, Any]:
        for label, sample, dtype in self.cases():
            try:
                self.case(label, sample, dtype)
            except Exception as error:
                self.faults.append(f"{label}: {type(error).__name__}: {error}")
                self.device.check_health()  # if that fails, so would all that follow
        found = {"dtypes": self.dtypes, "no_kernel": dict(self.no_kernel), "repeats": self.repeats}
        if self.faults:
            told = "; ".join(self.faults[:4])
            return wrong(f"{len(self.faults)} cases: {told}"[:2000], **found)
        if not self.dtypes:
            return {"state": "skipped", "reason": "no sample has a kernel", **found}
        return right(**found)

    def cases(self) -> Iterator[tuple[str, Sample, Any]]:
        """(label, sample, dtype) of those that the kernels take; the others are counted."""
        for number, sample in enumerate(REGISTRY[self.name].samples(np.random.default_rng(0))):
            for name in DTYPES:
                try:
                    dtype = numpy_dtype(name)
                except SkipError as error:
                    self.no_kernel[str(error)] += 1
                    continue
                cast = Sample(sample.op, tuple(_cast(x, dtype) for x in sample.inputs), sample.note)
                reason = sample.op.kernel_limits(*map(rules.spec_of, cast.inputs))
                if reason is not None:
                    self.no_kernel[reason] += 1
                    continue
                yield f"sample {number} {sample.note!r} {name}", cast, dtype

    def case(self, label: str, sample: Sample, dtype: Any) -> None:
        found = self.dtypes.setdefault(dtype.name, {"cases": 0, "error": 0.0, "bound": 0.0})
        found["cases"] += 1
        exact = self.name in EXACT
        terms = max([np.size(x) for x in sample.inputs if x is not None], default=1)
        half = dtype.itemsize == 2  # computed in float32, rounded once
        bound = 0.0 if exact else tolerance(np.float32 if half else dtype, terms)
        relative = epsilon(dtype) if half and not exact else 0.0
        wanted, got = _reference(sample, exact), self.launch(sample)
        for k, (y, w) in enumerate(zip(got, wanted, strict=True)):
            error, fault = compare(y, w, *((bound, relative) if is_floating(y.dtype) else (0, 0)))
            found["error"] = max(found["error"], error)
            found["bound"] = max(found["bound"], bound + relative)
            if fault:
                self.faults.append(f"{label}, output {k}: {fault}")
        first = [y.tobytes() for y in got]
        for _ in range(self.repeats - 1):
            if [y.tobytes() for y in self.launch(sample)] != first:
                self.faults.append(f"{label}: the same call gives other bits")
                break

    def launch(self, sample: Sample) -> list[Any]:
        """The outputs of the cuda rule, as NumPy arrays."""
        there = [None if x is None else backend.to_device(x, self.device.name)
                 for x in sample.inputs]  # fmt: skip
        with backend.current(there):
            out = sample.op.cuda(self.device.kernels(), *there)  # type: ignore[misc]
        out = out if isinstance(out, tuple) else (out,)
        return [np.asarray(backend.to_device(y, "cpu")) for y in out]


def _reference(sample: Sample, exact: bool) -> list[Any]:
    """The NumPy rule, in float64 from the same numbers; in their own dtype where bits count."""
    inputs = sample.inputs if exact else [_cast(x, np.float64) for x in sample.inputs]
    return [y.numpy() for y in rules.outputs_of(apply(sample.op, *inputs))]


def _cast(x: Any, dtype: Any) -> Any:
    """Floating inputs in that dtype, as arrays."""
    if x is None:
        return None
    x = np.asarray(x)
    return x.astype(dtype) if is_floating(x.dtype) else x
