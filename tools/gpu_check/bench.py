"""Part `bench`: the calls of `rows` by gpugraph and by eager PyTorch, in the same precision.

Correct first, then timed: a median of at least 20 runs between CUDA events on the stream that both
libraries use. PyTorch runs as it is called (NCHW) and with channels_last inputs; in float32 its
TF32 is off, and its default, TF32 in convolutions, is a column of its own.

The roofline is the larger of two times: the work's bytes at the speed of a large copy, and its
FLOPs at the speed of a large matrix product, both measured here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.cuda import device as launcher

from .calls import allowed, compare, normal, numpy_dtype, recorded, tensors, work_of
from .device import Cpu, median_ms
from .optimizers import check_step
from .rows import Row, rows, steps
from .setting import Setting, SkipError, right, wrong

__all__ = ["check", "items", "precision"]

HALVES = ("float16", "bfloat16")
MACHINE = "the machine"


def items(setting: Setting) -> list[str]:
    """The machine's speeds, all rows in float32, the optimizers, and then the rows in halves."""
    names = [row.name for row in rows(setting.rehearsal)]
    halves = [f"{name} ({half})" for half in HALVES for name in names]
    return [MACHINE, *names, *(step.name for step in steps()), *halves]


def check(setting: Setting, device: Cpu, name: str) -> dict[str, Any]:
    """In a worker: one row."""
    if name == MACHINE:
        return right(**speeds(device))
    for step in steps():
        if step.name == name:
            return check_step(setting, device, step)
    half = next((h for h in HALVES if name.endswith(f" ({h})")), None)
    wanted = name.removesuffix(f" ({half})")
    row = next(row for row in rows(setting.rehearsal) if row.name == wanted)
    row.call.available(F)
    return _Race(device, row, half or "float32").run()


@cache
def speeds(device: Cpu) -> dict[str, Any]:
    """Bytes a second of a copy (read and written), FLOP a second of a product in float32."""
    n, side = (1 << 16, 64) if device.rehearsal else (1 << 27, 8192)  # far more than L2
    x = gg.zeros((n,), device=device.name).array
    y = gg.zeros((n,), device=device.name).array
    a = gg.ones((side, side), device=device.name)

    def copy() -> None:
        y[...] = x

    ms = median_ms(device, copy, 0.2)["ms"]
    product = median_ms(device, lambda: gg.matmul(a, a), 0.2)["ms"]
    return {
        "copy GB/s": 2 * x.nbytes / ms / 1e6,
        "product TFLOP/s": 2 * side**3 / product / 1e9,
        "product of": f"{side}x{side} float32",
    }


class precision:  # noqa: N801 (a function to its users)
    """Inside the block PyTorch computes float32 as such; with tf32, as by default."""

    def __init__(self, torch: Any, tf32: bool = False) -> None:
        self.torch, self.tf32 = torch, tf32

    def __enter__(self) -> None:
        self.before = self.torch.backends.cudnn.allow_tf32
        self.torch.backends.cudnn.allow_tf32 = self.tf32
        self.torch.set_float32_matmul_precision("highest")

    def __exit__(self, *exc: object) -> None:
        self.torch.backends.cudnn.allow_tf32 = self.before


class _Race:
    """One row in one dtype: both sides' results, compared, then both sides' times."""

    def __init__(self, device: Cpu, row: Row, dtype: str) -> None:
        self.device, self.row, self.dtype = device, row, dtype
        self.arrays = row.call.arrays()
        self.leaves = list(row.leaves)
        self.found: dict[str, Any] = {"dtype": dtype}

    def run(self) -> dict[str, Any]:
        xs = tensors(self.arrays, numpy_dtype(self.dtype), self.device.name)
        mine = self.work(xs)
        run = self.ours(xs)
        run()  # compiles
        before = launcher.launches.copy()
        run()
        self.found["launches"] = dict(launcher.launches - before)
        size = sum(x.nbytes for x in xs)
        l2 = self.device.about().get("L2 bytes")
        self.found["inputs"] = {"bytes": size, "exceed L2": None if l2 is None else size > l2}
        if self.row.check is not None:
            fault = self.row.check(mine[0], *self.arrays)
        else:
            fault = self.agrees(mine)
        if fault:
            return wrong(fault, **self.found)
        self.found["ours"] = median_ms(self.device, run)
        self.rates()
        del run, xs
        self.race()
        return right(**self.found)

    def work(self, xs: list[Any]) -> list[Any]:
        """Our results, as arrays; and what the ops say that they cost."""
        before = launcher.fallbacks.copy()
        y = self.row.call.f(F, *xs)
        forward = recorded([y])
        results, nodes = [y], forward
        if self.row.mode != "forward":
            g = gg.Tensor(self.cotangent(y), requires_grad=True)
            grads: list[Any] = list(gg.grad(y, [xs[i] for i in self.leaves], g, create_graph=True))
            results = [y, *grads] if self.row.mode == "both" else grads
            nodes = recorded(grads) - forward if self.row.mode != "both" else recorded(results)
        fallbacks = {f"{op}: {reason}": n for (op, reason), n in
                     (launcher.fallbacks - before).items()}  # fmt: skip
        if fallbacks and self.dtype in HALVES:
            raise SkipError(f"no kernel: {next(iter(fallbacks))}")
        work = work_of(nodes)
        self.terms = max(work.terms, self.row.call.terms)
        self.found.update(fallbacks=fallbacks, flops=work.flops, bytes=work.bytes,
                          ops=list(work.ops))  # fmt: skip
        return [r.numpy() for r in results]

    def cotangent(self, y: Any) -> Any:
        """Ours, of the output's shape: the same numbers as PyTorch's."""
        values = self.values(y.shape).astype(numpy_dtype(self.dtype))
        return gg.Tensor(values).to(y.device).array

    @staticmethod
    def values(shape: tuple[int, ...]) -> Any:
        return normal(*shape).make(np.random.default_rng(1))

    def ours(self, xs: list[Any]) -> Callable[[], Any]:
        """What is timed of gpugraph."""
        f, leaves = self.row.call.f, self.leaves
        if self.row.mode == "forward":
            plain = [x.detach() for x in xs]
            return lambda: f(F, *plain)
        y = f(F, *xs)
        wanted, g = [xs[i] for i in leaves], gg.Tensor(self.cotangent(y))
        if self.row.mode == "both":
            return lambda: gg.grad(f(F, *xs), wanted, g)
        return lambda: gg.grad(y, wanted, g, retain_graph=True)

    # PyTorch

    def theirs(self, torch: Any, channels_last: bool) -> tuple[Callable[[], Any], list[Any]]:
        """What is timed of PyTorch, and its results."""
        TF, f, leaves = torch.nn.functional, self.row.call.like or self.row.call.f, self.leaves
        dtype = getattr(torch, self.dtype)
        how = {"memory_format": torch.channels_last} if channels_last else {}
        xs = []
        for i, array in enumerate(self.arrays):
            x = torch.from_numpy(array).to(self.device.torch_name)
            x = x.to(dtype) if x.is_floating_point() else x
            x = x.contiguous(**how) if x.ndim == 4 else x
            xs.append(x.requires_grad_(i in self.row.call.leaves and self.row.mode != "forward"))
        y = f(TF, *xs)
        if self.row.mode == "forward":
            return lambda: f(TF, *xs), [y]
        g = torch.from_numpy(self.values(tuple(y.shape))).to(y.device, dtype)
        g = g.contiguous(**how) if g.ndim == 4 else g
        wanted = [xs[i] for i in leaves]
        grads = torch.autograd.grad(y, wanted, g, retain_graph=True)
        if self.row.mode == "both":
            return lambda: torch.autograd.grad(f(TF, *xs), wanted, g), [y, *grads]
        return lambda: torch.autograd.grad(y, wanted, g, retain_graph=True), list(grads)

    def agrees(self, mine: list[Any]) -> str:
        """What differs from PyTorch's results by more than two right answers may."""
        torch = self.device.torch
        if torch is None:
            return ""
        with precision(torch):
            _, results = self.theirs(torch, False)
        results = [r.detach().float().cpu().numpy() for r in results]
        # PyTorch may add up in half precision (allow_fp16_reduced_precision_reduction)
        bound = allowed(numpy_dtype(self.dtype), self.terms, len(self.found["ops"]), safety=8.0)
        pairs = list(zip(mine, results, strict=True))[: 1 if self.row.call.kinks else None]
        told = [compare(a, b, bound) for a, b in pairs]
        self.found["difference"] = {"largest": max(e for e, _ in told), "allowed": bound}
        return "; ".join(fault for _, fault in told if fault)

    def race(self) -> None:
        """PyTorch's times, column by column."""
        torch = self.device.torch
        if torch is None:
            self.found["torch"] = {"skipped": self.device.why_no_torch}
            return
        images = any(a.ndim == 4 for a in self.arrays)
        columns = {"eager": (False, False)}
        if images:
            columns = {"NCHW": (False, False), "channels_last": (True, False)}
        if self.dtype == "float32" and self.row.call.name.startswith("conv"):
            columns |= {"NCHW, TF32": (False, True), "channels_last, TF32": (True, True)}
        self.found["torch"] = {}
        for column, (channels_last, tf32) in columns.items():
            with precision(torch, tf32):
                run, _ = self.theirs(torch, channels_last)
                self.found["torch"][column] = median_ms(self.device, run)

    def rates(self) -> None:
        """What our time means: bytes and FLOPs a second, and the share of the roofline."""
        ms, machine = self.found["ours"]["ms"], speeds(self.device)
        moved, flops = self.found["bytes"], self.found["flops"]
        self.found["GB/s"], self.found["TFLOP/s"] = moved / ms / 1e6, flops / ms / 1e9
        least = moved / machine["copy GB/s"] / 1e6
        if self.dtype == "float32":  # the product was one of float32
            least = max(least, flops / machine["product TFLOP/s"] / 1e9)
        self.found["of roofline"] = least / ms
