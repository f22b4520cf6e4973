"""Group `overhead`: what gpugraph costs on top of bare NumPy, and small networks beside PyTorch.

Every figure is a ratio of times taken alternately in one process, on one thread: each round times
both sides, the median over rounds is reported with its spread.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any

import numpy as np

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.cpu.shares import blas_threads, set_blas_threads

from .clock import seconds

ROUNDS = 25


def compare(*functions: Callable[[], Any]) -> list[dict[str, float]]:
    """Median time of each, and its ratio to the first, from alternating rounds."""
    with one_thread():
        for f in functions:
            f()  # warm up
        repeats = max(1, int(2e-3 / max(1e-7, seconds(functions[0], 20))))
        gc.collect()
        gc.disable()
        try:
            rounds = [[seconds(f, repeats) for f in functions] for _ in range(ROUNDS)]
        finally:
            gc.enable()
    result = []
    for times in zip(*rounds, strict=True):
        ratios = sorted(t / r[0] for t, r in zip(times, rounds, strict=True))
        result.append(
            {
                "microseconds": 1e6 * median(times),
                "ratio": median(ratios),
                "low": ratios[len(ratios) // 10],
                "high": ratios[-1 - len(ratios) // 10],
            }
        )
    return result


@contextmanager
def one_thread() -> Iterator[None]:
    """Of NumPy and of the compiled kernels: overhead is a matter of one."""
    blas, kernels = blas_threads(), gg.cpu.threads()
    gg.cpu.threads(1)
    try:
        yield
    finally:
        gg.cpu.threads(kernels)
        set_blas_threads(blas)


# name: (bare NumPy, gpugraph); a is an array or tensor of shape (n, n), v its first row
OPS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "add": (np.add, gg.add),
    "multiply": (np.multiply, gg.multiply),
    "exp": (lambda a, b: np.exp(a), lambda a, b: gg.exp(a)),
    "tanh": (lambda a, b: np.tanh(a), lambda a, b: gg.tanh(a)),
    "maximum": (np.maximum, gg.maximum),
    "where": (lambda a, b: np.where(a > b, a, b), lambda a, b: gg.where(a > b, a, b)),
    "sum": (lambda a, b: np.sum(a), lambda a, b: gg.sum(a)),
    "mean axis 0": (lambda a, b: np.mean(a, axis=0), lambda a, b: gg.mean(a, axis=0)),
    "reshape": (lambda a, b: np.reshape(a, -1), lambda a, b: gg.reshape(a, -1)),
    "transpose": (lambda a, b: np.transpose(a), lambda a, b: a.T),
    "slice": (lambda a, b: a[1:], lambda a, b: a[1:]),
    "concat": (lambda a, b: np.concatenate([a, b]), lambda a, b: gg.concat([a, b])),
    "matmul": (np.matmul, gg.matmul),
}


def overhead_of_ops(n: int) -> dict[str, Any]:
    """Unrecorded and recorded ops against the bare call, on (n, n) float32 matrices."""
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(0.5, 1.5, (n, n)).astype(np.float32) for _ in range(2))
    ta, tb = gg.Tensor(a), gg.Tensor(b)
    ra, rb = gg.Tensor(a, requires_grad=True), gg.Tensor(b, requires_grad=True)
    table = {}
    for name, (bare, ours) in OPS.items():
        if n == 1 and name == "slice":
            continue
        times = compare(partial(bare, a, b), partial(ours, ta, tb), partial(ours, ra, rb))
        table[name] = dict(zip(("numpy", "unrecorded", "recorded"), times, strict=True))
    for column in ("unrecorded", "recorded"):
        table.setdefault("median of ops", {})[column] = {
            "ratio": median(row[column]["ratio"] for k, row in table.items() if k in OPS)
        }
    return table


def overhead_of_a_chain(length: int = 100) -> dict[str, Any] | None:
    """Forward and backward of y = y * a + a on one element, against PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    x = gg.Tensor(np.array([1.5], np.float32), requires_grad=True)
    a = gg.Tensor(np.array([0.9], np.float32))
    tx, ta = torch.tensor([1.5], requires_grad=True), torch.tensor([0.9])

    def run(x: Any, a: Any) -> Any:
        y = x
        for _ in range(length):
            y = y * a + a
        y.sum().backward()
        grad, x.grad = x.grad, None
        return grad

    assert abs(run(x, a).item() - run(tx, ta).item()) < 1e-6  # the same work
    theirs, ours = compare(lambda: run(tx, ta), lambda: run(x, a))
    for row in (theirs, ours):
        row["microseconds"] /= 2 * length
    return {"torch": theirs, "gpugraph": ours, "torch version": torch.__version__}


def overhead(quick: bool = False) -> dict[str, Any]:
    """All of the group; quick takes one size of array."""
    return {
        "applied by": "Python" if gg.cpu.dispatch.compiled is None else "C",
        "ops": {n: overhead_of_ops(n) for n in ((32,) if quick else (1, 32, 128, 320))},
        "chain": overhead_of_a_chain(),
        "small net step": small_step(),
    }


def small_step() -> dict[str, float] | None:
    """Forward and backward of a small convolutional network, batch 8, against PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    arrays = [
        rng.standard_normal(s).astype(np.float32) for s in ((8, 1, 12, 12), (6, 1, 3, 3), (10, 150))
    ]

    def step(x: Any, w1: Any, w2: Any, lib: Any) -> Any:
        y = lib.max_pool2d(lib.relu(lib.conv2d(x, w1)), 2)
        loss = (lib.log_softmax(y.reshape(8, -1) @ w2.T, -1) ** 2).sum()
        loss.backward()
        return loss

    ours = [gg.Tensor(a, requires_grad=i > 0) for i, a in enumerate(arrays)]
    theirs = [torch.tensor(a, requires_grad=i > 0) for i, a in enumerate(arrays)]
    TF = torch.nn.functional
    a, b = step(*ours, F).item(), step(*theirs, TF).item()
    assert abs(a - b) < 1e-4 * abs(b)
    torch_time, our_time = compare(lambda: step(*theirs, TF), lambda: step(*ours, F))
    return {"torch": torch_time, "gpugraph": our_time}


def markdown(about: dict[str, Any], found: dict[str, Any]) -> str:
    """The group as a page."""
    lines = ["# Overhead: gpugraph on top of NumPy\n"]
    lines.append(", ".join(f"{name} {value}" for name, value in about.items()) + ".")
    lines.append(
        "Medians of alternating rounds in one run, on one thread; `python -m tools.bench overhead`."
    )
    lines[-1] += f" Ops are applied by {found.get('applied by', 'Python')} (docs/cpu.md)."
    for n, table in found["ops"].items():
        lines.append(f"\n## One op on {n}x{n} float32, ratio to the bare NumPy call\n")
        lines.append("| op | NumPy (us) | not recorded | recorded |\n| --- | --- | --- | --- |")
        for name, row in table.items():
            bare = f"{row['numpy']['microseconds']:.2f}" if "numpy" in row else ""
            ratios = [f"{row[c]['ratio']:.2f}" for c in ("unrecorded", "recorded")]
            lines.append(f"| {name} | {bare} | {ratios[0]} | {ratios[1]} |")
    if not found["chain"]:
        return "\n".join([*lines, "\nPyTorch is not installed: no comparison with it.\n"])
    chain, step = found["chain"], found["small net step"]
    lines.append(
        "\n## Chains and networks\n\nScalar chain, forward + backward: "
        f"{chain['gpugraph']['microseconds']:.2f} us an op, "
        f"PyTorch {chain['torch']['microseconds']:.2f} us: "
        f"ratio {chain['gpugraph']['ratio']:.2f}"
    )
    ratio = step["gpugraph"]["ratio"]
    lines.append(f"Small convolutional net, one step: ratio {ratio:.2f} to PyTorch\n")
    return "\n".join(lines)
