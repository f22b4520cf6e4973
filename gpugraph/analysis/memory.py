"""How much memory a training step takes at its worst moment, on the CPU.

The step runs on the ``meta`` device, by the engine itself: its arrays have no data, but they live
exactly as long as real ones, and their births and deaths are counted. What an op allocates besides
its outputs while it computes is its `scratch` rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..core import backend
from ..core.backend import MetaArray
from ..core.errors import ArgumentError
from ..core.op import Spec
from ..core.state import STATE, Observer
from ..core.tensor import Tensor
from ..nn.functional import cross_entropy
from ..nn.module import Module
from ..nn.parameter import Parameter
from ..optim.parts import PART
from .identity import ByIdentity
from .table import grid, short
from .trace import meta_inputs, run_meta, twin

__all__ = ["Live", "Memory", "memory"]


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step; `peak` is the most that is held at once.

    parameters  weights and buffers
    gradients   one for each parameter that is learned
    optimizer   what it remembers from step to step
    kept        activations that wait for backward when forward ends
    temporary   the peak less parameters and optimizer: gradients so far, activations, scratch
    at          what runs at the peak: "forward conv1: conv", "backward ...", "optimizer"
    """

    peak: int
    parameters: int
    gradients: int
    optimizer: int
    kept: int
    at: str

    @property
    def temporary(self) -> int:
        """What of the peak is neither parameter nor optimizer state."""
        return self.peak - self.parameters - self.optimizer

    def to_dict(self) -> dict[str, Any]:
        """All figures."""
        return {**asdict(self), "temporary": self.temporary}

    def __str__(self) -> str:
        names = ("parameters", "gradients", "optimizer", "kept", "temporary", "peak")
        rows = [(name, short(getattr(self, name), "B")) for name in names]
        return grid([("", "bytes"), *rows], left={0}, width=120) + f"\nat {self.at}"


class Live:
    """Bytes of the arrays that it was told of and that are still alive.

    Arrays that look into others take nothing, and keep those alive.
    """

    def __init__(self) -> None:
        self._total = _Total()
        # array -> [bytes, arrays that share them]
        self._base: ByIdentity[list[int]] = ByIdentity(self._total.died)

    @property
    def bytes(self) -> int:
        """The sum."""
        return self._total.bytes

    def born(self, array: Any, base: Any = None) -> None:
        """An array has been made; base: the one that it looks into."""
        shared = [array.nbytes, 0] if base is None else self._base.get(base)
        if shared is None or array in self._base:  # of what was there before; or told already
            return
        if base is None:
            self._total.bytes += array.nbytes
        shared[1] += 1
        self._base.put(array, shared)


class _Total:
    """The bytes; apart from the mapping, so that the two make no cycle."""

    def __init__(self) -> None:
        self.bytes = 0

    def died(self, shared: list[int]) -> None:
        shared[1] -= 1
        if not shared[1]:
            self.bytes -= shared[0]


class Ledger(Observer):
    """Counts what meta arrays would take, and remembers the worst moment."""

    def __init__(self, held: int) -> None:
        self.held = self.peak = held
        self.at = "parameters"
        self._arrays = Live()

    @property
    def live(self) -> int:
        """Bytes held now."""
        return self.held + self._arrays.bytes

    def applied(self, op: Any, arrays: Sequence[Any], outs: Sequence[Any]) -> None:
        """Count an op's outputs, and what it needs to compute them."""
        specs = [None if a is None else Spec(a.shape, a.dtype) for a in arrays]
        for y in outs:
            if isinstance(y.array, MetaArray):
                self._arrays.born(y.array, arrays[0] if op.view else None)
        now = self.live + _scratch(op, specs)
        if now > self.peak:
            sweep = STATE.get().sweep
            node = None if sweep is None else sweep.node
            scope = ".".join(STATE.get().scope if node is None else node.scope)
            phase = "forward" if sweep is None else "backward"
            self.peak, self.at = now, f"{phase} {scope + ': ' if scope else ''}{op.label}"


def _scratch(op: Any, specs: list[Spec | None]) -> int:
    """What an op allocates besides its outputs: compiled kernels have a workspace that stays."""
    floats = (np.float32, np.float64)
    if op.cpu is not None and all(s is None or s.dtype in floats for s in specs):
        return 0 if backend.cpu_library() is not None else int(op.scratch(*specs))
    return int(op.scratch(*specs))


def memory(
    model: Module,
    shape: Any,
    optimizer: Callable[[list[Tensor]], Any] | None = None,
    loss: Callable[..., Tensor] | None = None,
) -> Memory:
    """The memory of a training step for inputs of that shape, predicted without running it.

    optimizer  makes one from a list of parameters, as `lambda ps: optim.SGD(ps, lr=0.1)` does
    loss       of the network's output; by default cross-entropy with labels where that is (N, C),
               else the sum of squares
    Counted are the arrays of the step and of the network, the input and labels among them, on the
    CPU; not what Python's own objects take, a few kilobytes for each op.
    """
    if not isinstance(model, Module):
        raise ArgumentError(f"memory: got a {type(model).__name__}; it takes a Module")
    copy = twin(model)
    xs = meta_inputs(copy, shape, "memory", requires_grad=False)
    held = sum(x.nbytes for x in xs)
    run_meta(copy, xs, Observer(), "memory")  # layers that wait for their input have it now
    copy = twin(copy)
    weights = sum(t.nbytes for _, t in copy._named_tensors())
    ledger = Ledger(held + weights)
    kept = _step(copy, xs, loss or _loss, ledger)
    learned = [p for p in copy.parameters() if p.requires_grad]
    gradients = sum(p.nbytes for p in learned)
    state, extra = _optimizer(optimizer, learned)
    peak, at = ledger.peak + state, ledger.at
    update = ledger.live + state + extra
    if update > peak:
        peak, at = update, "optimizer"
    return Memory(peak, weights, gradients, state, kept, at)


def _step(model: Module, xs: list[Tensor], loss: Callable[..., Tensor], ledger: Ledger) -> int:
    """Two steps, since from the second on there are gradients of the one before; bytes kept."""
    kept = 0

    def train(*inputs: Tensor) -> Tensor:
        nonlocal kept
        for _ in range(2):
            before = ledger.live
            error = loss(model(*inputs))
            kept = ledger.live - before
            model.zero_grad()
            error.backward()
        return error

    (last,) = run_meta(train, xs, ledger, "memory")
    del last
    return kept


def _loss(y: Tensor) -> Tensor:
    """A number to differentiate."""
    if y.ndim == 2:
        return cross_entropy(y, Tensor(MetaArray(y.shape[:1], np.int64)))
    return (y * y).sum()


def _optimizer(make: Any, learned: list[Tensor]) -> tuple[int, int]:
    """Bytes that it remembers, and that its update allocates: by a step on one number each."""
    if make is None or not learned:
        return 0, 0
    ones = [Parameter(np.ones(1, p.dtype)) for p in learned]
    tried = make(ones)
    for p in ones:
        p.grad = Tensor(np.ones(1, p.dtype))
    tried.step()
    state = extra = 0
    for one, real in zip(ones, learned, strict=True):
        arrays = [a for a in tried.state.get(one, {}).values() if isinstance(a, np.ndarray)]
        state += sum(a.nbytes for a in arrays) * real.size
        group = next(g for g in tried.param_groups if any(q is one for q in g["params"]))
        if tried.cpu is None or backend.cpu_library() is None:  # compiled rules take none
            size = min(real.size, PART) if tried.elementwise else real.size
            extra = max(extra, tried.scratch(group) * size * real.dtype.itemsize)
    return state, extra
