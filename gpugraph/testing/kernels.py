"""An op's ``cuda`` rule against its ``forward``, element by element, on a GPU or in the simulator.

compare(sample, dtype, dev)   one call; `KernelMismatch` tells the first element that is wrong, and
                              which thread and line wrote it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import backend
from ..core.errors import GpugraphError
from ..core.op import Op, Sample, Spec
from ..core.tensor import is_floating
from ..cuda import sim
from ..cuda.device import GpuDevice, LaunchDevice, SimDevice
from ..cuda.kernel import Kernel, wide
from .awkward import placed, quiet
from .rounding import bounds, distance, magnitude
from .tolerance import epsilon
from .trace import OpCall

__all__ = ["KernelMismatch", "NotingGpu", "NotingSim", "cast", "compare", "reference"]


NEAR = 1000  # bounds: beyond, nobody asks what they are


class KernelMismatch(AssertionError):  # noqa: N818 (it reads as what it is)
    """A ``cuda`` rule does not do what ``forward`` does.

    op, output        what is wrong: label of the op, name of the output (None if not a value)
    index             of the first wrong element in row-major order, or None
    got, wanted       that element
    block, thread     who wrote it, (x, y, z) each, and
    file, line        where, if the simulator runs here and knows
    """

    def __init__(
        self,
        op: str,
        text: str,
        output: str | None = None,
        index: tuple[int, ...] | None = None,
        values: tuple[Any, Any] = (None, None),
        culprit: Any = None,
    ) -> None:
        super().__init__(text)
        self.op, self.output, self.index = op, output, index
        self.got, self.wanted = values
        self.block: tuple[int, ...] | None = getattr(culprit, "block", None)
        self.thread: tuple[int, ...] | None = getattr(culprit, "thread", None)
        self.file: str | None = getattr(culprit, "file", None)
        self.line: int | None = getattr(culprit, "line", None)


# ---- devices that note what is launched


class Launched(NamedTuple):
    """One launch."""

    kernel: Kernel
    grid: tuple[int, ...]
    block: tuple[int, ...]
    args: list[Any]
    report: Any  # the simulator's

    @property
    def blocks(self) -> int:
        """Blocks of the grid."""
        return int(np.prod(self.grid))

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return int(np.prod(self.block))


class Noting(LaunchDevice):
    """Notes launches in `noted` and counts products in `products`; a base beside a device."""

    noted: list[Launched]
    products = 0

    def gemm(self, a: Any, b: Any, dtype: Any = None, *, out: Any = None) -> Any:
        """Count it, too: an op may need no more."""
        self.products += 1
        return super().gemm(a, b, dtype, out=out)

    def _launch(
        self,
        kernel: Kernel,
        expression: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: list[Any],
        shared: int,
    ) -> Any:
        report = super()._launch(kernel, expression, grid, block, args, shared)
        self.noted.append(Launched(kernel, grid, block, args, report))
        return report


class NotingSim(Noting, SimDevice):
    """The simulator, taking notes."""

    def __init__(self, mode: str = "check", seed: int = 0) -> None:
        super().__init__(mode, seed)
        self.noted = []


class NotingGpu(Noting, GpuDevice):
    """A GPU, taking notes."""

    def __init__(self, cupy: Any) -> None:
        super().__init__(cupy)
        self.noted = []


# ---- the two sides


def cast(inputs: Sequence[Any], dtype: Any) -> list[Any]:
    """The inputs as NumPy arrays, those of floating numbers in that dtype (None: as they are)."""
    arrays = [None if x is None else np.asarray(x) for x in inputs]
    if dtype is None:
        return arrays
    return [x.astype(dtype) if x is not None and is_floating(x.dtype) else x for x in arrays]


def reference(op: Op, inputs: Sequence[Any]) -> list[tuple[Any, Any]]:
    """(what ``forward`` gives on NumPy, how far each element of a right result may lie from it).

    16-bit numbers are computed in float32, as kernels do, and rounded once. See `rounding` for the
    rest; of an op that says it is exact nothing may differ.
    """
    specs = [None if x is None else Spec(x.shape, x.dtype) for x in inputs]
    told = op.spec(*specs)
    found = []
    with quiet():
        widened = [None if x is None else x.astype(wide(x.dtype), copy=False) for x in inputs]
        out = op.forward(np, *widened)
        outs, told = (v if isinstance(v, tuple) else (v,) for v in (out, told))
        computed = [np.asarray(y).astype(wide(s.dtype), copy=False) for y, s in zip(outs, told)]
        limits = [b.limit for b in bounds(OpCall(op), widened, computed)]
        for y, spec, limit in zip(computed, told, limits, strict=True):
            rounded = 0 if y.dtype == spec.dtype else epsilon(spec.dtype) * magnitude(y)
            limit = limit + np.where(np.isfinite(rounded), rounded, 0)
            found.append((y.astype(spec.dtype), limit * (not op.exact)))
    return found


def compare(
    sample: Sample, dtype: Any = np.float32, dev: Any = None, layout: str = "plain"
) -> list[Any]:
    """Run the sample's ``cuda`` rule and compare it with ``forward``; its outputs, on the host.

    dtype   of the floating inputs; None leaves them as they are
    dev     by default the simulator in mode "check"
    layout  of the inputs in memory: "plain", "strided" or "misaligned"
    Raises KernelMismatch for a wrong value, NaN in the wrong place, a changed input, and whatever
    the simulator reports; DtypeError and CompileError where the kernel can't be launched.
    """
    dev = NotingSim() if dev is None else dev
    inputs = cast(sample.inputs, dtype)
    case = _Case(sample, inputs, dev, layout)
    there = case.place(dev)
    try:
        with quiet():
            got = sample.op.cuda(dev, *there)  # type: ignore[misc]
        outs = [_on_host(y) for y in (got if isinstance(got, tuple) else (got,))]
    except sim.KernelError as error:
        raise case.failed(str(error), culprit=error) from error
    except GpugraphError:
        raise  # it says what is wrong with the launch
    except Exception as error:
        raise case.failed(f"its cuda rule raises {type(error).__name__}: {error}") from error
    for name, x, copy in zip(sample.op.names(len(inputs)), inputs, there, strict=True):
        if x is not None and _on_host(copy).tobytes() != np.ascontiguousarray(x).tobytes():
            raise case.failed(f"the cuda rule has changed its input {name}; inputs are read-only")
    want = reference(sample.op, inputs)
    if len(outs) != len(want):
        raise case.failed(f"the cuda rule gives {len(outs)} outputs, forward {len(want)}")
    for k, (y, (w, limit)) in enumerate(zip(outs, want, strict=True)):
        case.judge(k, y, w, limit)
    return outs


def _on_host(array: Any) -> Any:
    return np.asarray(backend.to_device(array, backend.CPU)).view(np.ndarray)


class _Case:
    """One comparison: what messages say of it, and who is to blame."""

    def __init__(self, sample: Sample, inputs: list[Any], dev: Any, layout: str) -> None:
        self.sample, self.inputs, self.dev, self.layout = sample, inputs, dev, layout

    def place(self, dev: Any) -> list[Any]:
        """Copies of the inputs on a device."""
        there = [None if x is None else placed(dev.xp, x, self.layout) for x in self.inputs]
        return [None if x is None else dev.own(x) for x in there]

    def failed(self, text: str, **what: Any) -> KernelMismatch:
        """The exception: text, and which call it was."""
        floats = [x.dtype for x in self.inputs if x is not None and is_floating(x.dtype)]
        shapes = ", ".join("None" if x is None else str(x.shape) for x in self.inputs)
        told = [f"{self.sample.note or 'sample'}: {shapes}", *(map(str, floats[:1]))]
        if self.layout != "plain":
            told.append(f"{self.layout} inputs")
        simulated = isinstance(self.dev, SimDevice)
        where = f'simulator, mode "{self.dev.mode}", seed {self.dev.seed}' if simulated else "GPU"
        label = self.sample.op.label
        return KernelMismatch(label, f"{label}: {text}\n  in {', '.join(told)} ({where})", **what)

    def judge(self, k: int, got: Any, want: Any, limit: Any) -> None:
        """Raise KernelMismatch unless output number k is right."""
        name = self.sample.op.name_of(len(self.inputs) + k, len(self.inputs))
        if (got.shape, got.dtype) != (want.shape, want.dtype):
            told = f"{name} is {got.dtype} {got.shape}, wanted {want.dtype} {want.shape}"
            raise self.failed(told, output=name)
        error = distance(got, want)
        right = error <= limit
        if right.all():
            return
        at = tuple(map(int, np.unravel_index(int(np.argmin(right)), right.shape)))
        values = got[at].item(), want[at].item()
        off = right.size - int(right.sum())
        text = "{}{} is {}, wanted {}".format(name, list(at), *_shown(*values))
        if 0 < error[at] < NEAR * limit[at]:
            text += f" (may differ by {limit[at]:.2g})"
        text += f"; wrong are {off} of {right.size} elements, this is the first"
        told, culprit = self.blame(k, at)
        raise self.failed(text + told, output=name, index=at, values=values, culprit=culprit)

    def blame(self, k: int, at: tuple[int, ...]) -> tuple[str, Any]:
        """(who wrote that element of output k, in words; a `sim.Writer` or None)."""
        if sim.why_not() is not None:
            return "", None
        dev = NotingSim("check", getattr(self.dev, "seed", 0))
        try:
            with np.errstate(all="ignore"):
                got = self.sample.op.cuda(dev, *self.place(dev))  # type: ignore[misc]
        except sim.KernelError as error:
            return f"\n  {error}", error
        y = got[k] if isinstance(got, tuple) else got
        address = y.__array_interface__["data"][0] + int(np.dot(at, y.strides))
        unwritten = ""
        for launched in reversed(dev.noted):
            for i, p in enumerate(launched.kernel.params):
                array = launched.args[i]
                if not p.output or not 0 <= address - array.ctypes.data < array.nbytes:
                    continue
                place = (address - array.ctypes.data) // array.itemsize
                writer = launched.report.writer(i, np.unravel_index(place, array.shape))
                if writer is not None:
                    return _quoted(writer, launched.kernel), writer
                unwritten = "\n  never written by a kernel"
        return unwritten, None


def _shown(got: Any, wanted: Any) -> tuple[str, str]:
    """Two numbers with as few digits as tell them apart."""
    for digits in (6, 9, 17):
        shown = f"{got:.{digits}g}", f"{wanted:.{digits}g}"
        if shown[0] != shown[1]:
            break
    return shown


def _quoted(writer: sim.Writer, kernel: Kernel) -> str:
    """Who, where, and what stands there."""
    text = f"\n  written by {writer}"
    lines = kernel.code.splitlines()
    if writer.file == kernel.file and writer.line is not None and writer.line <= len(lines):
        text += f":  {lines[writer.line - 1].strip()}"
    return text
