"""check(op): every rule of an op on its samples, and its kernels on awkward ones as well."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.backend import cuda_reason
from ..core.errors import ArgumentError, DtypeError
from ..core.op import Op, Sample, Spec
from ..core.tensor import is_floating
from ..cuda import sim
from ..cuda.kernel import FLOATS
from .awkward import LAYOUTS, has_numbers, resized, with_nan, with_ties
from .kernels import KernelMismatch, NotingGpu, NotingSim, cast, compare
from .rules import check_cost, check_float32, check_gradients, check_linear, check_spec

__all__ = ["KernelReport", "Report", "check"]

# mode of the simulator and seed of the order of threads
RUNS = (("check", 0), ("fast", 1), ("check", 2))
# How long the first and the last axis get, in units of `long`, until there are several blocks. The
# last one is a row to many kernels, and must be longer than a block in any case
LONGER = {0: (0.125, 1, 4, 16), -1: (1, 4, 16)}
VARIED = 3  # so many of an op's settings get awkward lengths and values


@dataclass
class KernelReport:
    """What `check` has done with an op's ``cuda`` rule.

    where     "on a GPU", "in the simulator", or "" if kernels can't run here: `reason` says why
    launches  of kernels, over all runs; `products` were made by ``dev.gemm``
    blocks    the most blocks of a launch, and `threads` the most threads of a block
    dtypes    the floating dtypes in which it ran; `refused` says why it did not in others
    awkward   how many awkward inputs were made from the samples
    skipped   how many samples have no kernel, by the reason
    """

    where: str = ""
    reason: str = ""
    launches: int = 0
    products: int = 0
    blocks: int = 0
    threads: int = 1
    dtypes: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    awkward: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        if not self.where:
            return f"its kernel was NOT run: {self.reason}"
        told = f"kernel: {self.launches} launches {self.where}"
        told += f", in {', '.join(self.dtypes)}" if self.dtypes else ""
        told += f", {self.awkward} awkward variants"
        for dtype, reason in self.refused.items():
            told += f"\n  no kernel for {dtype}: {reason}"
        for reason, n in self.skipped.items():
            told += f"\n  no kernel for {n} of the samples: {reason}"
        return told


@dataclass(frozen=True)
class Report:
    """What `check` has found in order. It is true, so ``assert check(op)`` reads well."""

    op: str
    samples: int
    order: int
    kernel: KernelReport | None

    def __str__(self) -> str:
        samples = "1 sample" if self.samples == 1 else f"{self.samples} samples"
        told = f"{self.op}: {samples}, gradients to order {self.order}"
        return f"{told}; {self.kernel}" if self.kernel else told

    __repr__ = __str__


def check(op: type[Op] | Op, order: int = 3, seed: int = 0, device: str | None = None) -> Report:
    """Check every rule of an op, or of an instance's class, on its samples: a Report, or it raises.

    order   to which gradients are checked, on the samples that are smooth
    device  where its kernels run: "cuda", "sim" (CUDA C on the CPU), "cpu" (nowhere); by default on
            a GPU if there is one, else in the simulator if it runs here. The report says which

    A ``cuda`` rule must agree with ``forward`` on all samples and on awkward inputs made from them:
    empty, one long, longer than a block, strided, misaligned, with ties, NaN and infinities; in
    every dtype it takes, in several orders of threads, to the last bit the same. Raises
    AssertionError (also GradcheckError and KernelMismatch, which are ones) and names the sample.
    """
    cls = op if isinstance(op, type) else type(op)
    samples = list(cls.samples(np.random.default_rng(seed)))
    assert samples, f"{cls.__name__}: samples() yields nothing"
    for number, sample in enumerate(samples):
        try:
            check_spec(sample)
            check_float32(sample)
            check_cost(sample)
            check_linear(sample)
            if sample.smooth:
                check_gradients(sample, order)
        except AssertionError as error:
            error.args = (f"{cls.__name__}, sample {number} {sample.note!r}: {error}",)
            raise
    kernel = None if cls.cuda is None else check_kernels(cls.__name__, samples, seed, device)
    return Report(cls.__name__, len(samples), order, kernel)


def check_kernels(
    name: str, samples: list[Sample], seed: int = 0, device: str | None = None
) -> KernelReport:
    """The part of `check` about the ``cuda`` rule."""
    devices, report = _devices(device)
    if devices:
        _Kernels(name, devices, report, np.random.default_rng(seed)).check(samples)
    return report


def _devices(device: str | None) -> tuple[list[Any], KernelReport]:
    """What kernels run on, three times; nothing, with the reason in the report."""
    if device not in (None, "cpu", "sim", "cuda"):
        raise ArgumentError(f"check: device={device!r} is none of 'cuda', 'sim', 'cpu', None")
    if device == "cpu":
        return [], KernelReport(reason='device="cpu" was asked for')
    reason = cuda_reason() if device != "sim" else "not asked for"
    if reason is None:
        return [NotingGpu(sys.modules["cupy"])] * len(RUNS), KernelReport("on a GPU")
    if device == "cuda":
        raise ArgumentError(f"check: device='cuda': {reason}")
    if missing := sim.why_not():
        if device == "sim":
            raise ArgumentError(f"check: device='sim': {missing}")
        return [], KernelReport(reason=f"{reason}; {missing}")
    return [NotingSim(*run) for run in RUNS], KernelReport("in the simulator")


class _Kernels:
    """All runs of one op's kernels."""

    def __init__(
        self, name: str, devices: list[Any], report: KernelReport, rng: np.random.Generator
    ) -> None:
        self.name, self.devices, self.report, self.rng = name, devices, report, rng
        self.taken: list[Any] = []  # dtypes; None where there is no floating input
        self.error: DtypeError | None = None  # the first one

    def check(self, samples: list[Sample]) -> None:
        """Samples in every dtype and layout, then awkward variants of the first few."""
        able = []
        for sample in samples:
            dtypes = self.dtypes(sample)
            able += [sample] if dtypes else []
            for dtype in dtypes:
                self.run(sample, dtype)
                for layout in LAYOUTS[1:] if dtype in self.taken else ():
                    self.call(sample, dtype, self.devices[1], layout)
        self.report.dtypes = tuple([d.name for d in self.taken if d is not None])
        if not self.taken:
            raise self.error or AssertionError(
                f"{self.name}: no sample reaches the cuda rule; kernel_limits says "
                f"{'; '.join(self.report.skipped)}"
            )
        first_of: dict[Op, Sample] = {}  # settings
        for sample in able:
            if any(map(has_numbers, sample.inputs)):
                first_of.setdefault(sample.op, sample)
        for sample in list(first_of.values())[:VARIED]:
            self.vary(sample)
        self.assert_enough()

    def dtypes(self, sample: Sample) -> list[Any]:
        """The dtypes for a sample, float32 first; the report gets what kernel_limits refuses."""
        floating = any(x is not None and is_floating(np.asarray(x).dtype) for x in sample.inputs)
        reasons = {d: limits(sample, d) for d in (_floats() if floating else [None])}
        if all(reasons.values()):
            self.report.skipped[next(iter(reasons.values())) or ""] += 1
            return []
        refused = {d.name: r for d, r in reasons.items() if r is not None and d is not None}
        self.report.refused.update(refused)
        return [d for d in reasons if d is None or d.name not in self.report.refused]

    def run(self, sample: Sample, dtype: Any) -> None:
        """Three times, the same bits each time; a dtype that the kernel refuses is noted."""
        try:
            first, *others = [self.call(sample, dtype, dev) for dev in self.devices]
        except DtypeError as error:
            if dtype in self.taken:  # not a question of dtypes alone
                raise
            self.error = self.error or error
            self.report.refused[np.dtype(dtype).name] = str(error)
            return
        if dtype not in self.taken:
            self.taken.append(dtype)
        for k, (out, *again) in enumerate(zip(first, *others, strict=True)):
            if any(_bits(y) != _bits(out) for y in again):
                label, inputs = sample.op.label, len(sample.inputs)
                output = sample.op.name_of(inputs + k, inputs)
                told = f"{label}: {output} changes with the order of threads, in "
                told += f"{sample.note or 'sample'}; sums need a fixed order, so no atomic "
                raise KernelMismatch(label, f"{told}additions of floats", output=output)

    def call(self, sample: Sample, dtype: Any, dev: Any, layout: str = "plain") -> list[Any]:
        """One comparison; what it launched goes into the report."""
        dev.noted.clear()
        dev.products = 0
        outs = compare(sample, dtype, dev, layout)
        report = self.report
        report.launches += len(dev.noted)
        report.products += dev.products
        report.blocks = max([report.blocks, *(n.blocks for n in dev.noted)])
        report.threads = max([report.threads, *(n.threads for n in dev.noted)])
        return outs

    def vary(self, sample: Sample) -> None:
        """Run awkward inputs made from a sample."""
        many = sample  # rows
        for axis, lengths in LONGER.items():
            for length in (0, 1):
                self.stretched(sample, axis, length)
            for times in lengths:
                length = 2 * int(times * self.long(sample, axis)) + 1  # odd
                variant = self.stretched(sample, axis, length)
                many = variant if variant is not None and axis == 0 else many
                if variant is None or any(n.blocks > 1 for n in self.devices[0].noted):
                    break
        self.awkward(with_ties(many, self.rng))
        self.awkward(with_nan(many, self.rng))

    def stretched(self, sample: Sample, axis: int, length: int) -> Sample | None:
        """Run the sample with that length; None if there is no kernel for it."""
        variant = resized(sample, axis, length, self.rng)
        if variant is None or limits(variant, self.taken[0]) is not None:
            return None
        self.awkward(variant)
        return variant

    def awkward(self, variant: Sample) -> None:
        """Run a variant in all dtypes; last on the first device in the first dtype."""
        self.report.awkward += 1
        for dtype in self.taken[1:]:
            self.call(variant, dtype, self.devices[1])
        self.run(variant, self.taken[0])

    def long(self, sample: Sample, axis: int) -> float:
        """Half of a length: with it a row is longer than a block, the array longer than two."""
        first = next(x for x in sample.inputs if np.ndim(x))
        others = 1 if axis else max(1, np.size(first)) / max(1, first.shape[axis])
        return (0.55 if axis else 1.15) * self.report.threads / others + 1

    def assert_enough(self) -> None:
        """The rule launches something, and in more than one block."""
        report = self.report
        if not report.launches and not report.products:
            raise AssertionError(f"{self.name}: its cuda rule launches no kernel on any sample")
        if report.launches and report.blocks < 2:
            raise AssertionError(
                f"{self.name}: no launch has more than one block, so a kernel that forgets the "
                f"others would pass; add a sample for more than {report.threads} threads"
            )


def _bits(y: Any) -> bytes:
    """The bytes of an array. A NaN is a NaN: its sign and payload mean nothing."""
    if is_floating(y.dtype):
        y = y.copy()
        y[y != y] = np.nan
    return bytes(y.tobytes())


def limits(sample: Sample, dtype: Any) -> str | None:
    """Why the op has no kernel for a sample in that dtype, or None."""
    arrays = cast(sample.inputs, dtype)
    specs = [None if x is None else Spec(x.shape, x.dtype) for x in arrays]
    reason: str | None = sample.op.kernel_limits(*specs)
    return reason


def _floats() -> Iterator[np.dtype[Any]]:
    """float32, float64, float16, and bfloat16 if there is one."""
    for name in sorted(FLOATS, key=("float32", "float64", "float16", "bfloat16").index):
        if name != "bfloat16":
            yield np.dtype(name)
            continue
        try:
            from ml_dtypes import bfloat16
        except ImportError:
            return
        yield np.dtype(bfloat16)
