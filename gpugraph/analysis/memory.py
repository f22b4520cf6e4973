"""How much memory a training step takes at its worst moment, on the CPU.

The step runs on the ``meta`` device, by the engine itself: its arrays have no data, but they live
exactly as long as real ones, and their births and deaths are counted. What an op allocates besides
its outputs while it computes is told by its `scratch` rule or, where a compiled kernel computes it,
by that kernel. Which ops these are, and whether a view has to be copied, depends on how arrays lie
in memory, so that is followed, too: by the `lies` rules.
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
from ..core.tensor import Tensor, is_floating
from ..nn.functional import cross_entropy
from ..nn.module import Module
from ..nn.parameter import Parameter
from ..optim.parts import PART
from .blank import blank, is_blank
from .identity import ByIdentity
from .kernels import Planner
from .live import Live
from .table import grid, short
from .trace import meta_inputs, run_meta, twin

__all__ = ["Memory", "memory"]


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step; `peak` is the most that is held at once.

    parameters  weights and buffers
    gradients   one for each parameter that is learned
    optimizer   what it remembers from step to step
    kept        activations that wait for backward when forward ends, and the loss
    temporary   the peak less parameters and optimizer: gradients so far, activations, workspace
    workspace   what of the peak is no input, output or state of anything, but room to compute in
    arena       what of that compiled kernels work in: it stays with their threads between calls,
                as large as any of them needed it, if every thread had its turn; 0 with NumPy
    at          what runs at the peak: "forward conv1: conv", "backward ...", "optimizer"

    The first four are exact. The workspace of NumPy is what the `scratch` rules say; of what Python
    copies for a kernel, and of the arena, what the kernels' own code says.
    """

    peak: int
    parameters: int
    gradients: int
    optimizer: int
    kept: int
    workspace: int
    arena: int
    at: str

    @property
    def temporary(self) -> int:
        """What of the peak is neither parameter nor optimizer state."""
        return self.peak - self.parameters - self.optimizer

    def to_dict(self) -> dict[str, Any]:
        """All figures."""
        return {**asdict(self), "temporary": self.temporary}

    def __str__(self) -> str:
        names = ["parameters", "gradients", "optimizer", "kept", "workspace", "temporary", "peak"]
        rows = [(name, short(getattr(self, name), "B")) for name in names]
        return grid([("", "bytes"), *rows], left={0}, width=120) + f"\nat {self.at}"


class Ledger(Observer):
    """Counts what meta arrays would take, and remembers the worst moment."""

    def __init__(self, held: int) -> None:
        self.held = self.peak = held
        self.scratch = 0  # at the peak
        self.at = "parameters"
        library = backend.cpu_library()
        self._planner = None if library is None else Planner(library)
        self._arrays = Live()
        self._blanks: ByIdentity[Any] = ByIdentity()  # what each is like in memory

    @property
    def live(self) -> int:
        """Bytes held now."""
        return self.held + self._arrays.bytes

    @property
    def arena(self) -> int:
        """Bytes that compiled kernels hold from some time on."""
        return 0 if self._planner is None else self._planner.arena

    def blank(self, array: Any) -> Any:
        """An array without data that lies in memory as this one does."""
        known = self._blanks.get(array)
        return blank(array.shape, array.dtype) if known is None else known

    def applied(self, op: Any, arrays: Sequence[Any], outs: Sequence[Any]) -> None:
        """Count an op's outputs, and what it needs to compute them."""
        given = [None if a is None else self.blank(a) for a in arrays]
        likes, scratch = self._computed(op, given, len(outs))
        for y, like in zip(outs, likes, strict=True):
            array = y.array
            if isinstance(array, MetaArray):
                looks = op.view and is_blank(like)
                self._arrays.born(array, arrays[0] if looks else None)
                self._blanks.put(array, like if looks else blank(array.shape, array.dtype, like))
        now = self.live + scratch
        if now > self.peak:
            sweep = STATE.get().sweep
            node = None if sweep is None else sweep.node
            scope = ".".join(STATE.get().scope if node is None else node.scope)
            phase = "forward" if sweep is None else "backward"
            self.peak, self.scratch = now, scratch
            self.at = f"{phase} {scope + ': ' if scope else ''}{op.label}"

    def _computed(self, op: Any, given: list[Any], count: int) -> tuple[Sequence[Any], int]:
        """What each output is like in memory (None: usual), and bytes that are taken besides."""
        half = op.widens and any(a is not None and _is_half(a.dtype) for a in given)
        if op.cpu is not None and self._planner is not None and not half:
            planned = self._planner.plan(op, given)
            if planned is not None:
                return planned
        like = op.lies(*given)
        likes = like if isinstance(like, tuple) else (like,) * count
        return likes, _scratch(op, given, half)


def _scratch(op: Any, given: list[Any], half: bool) -> int:
    """By the op's rule; half precision is computed in float32, so there are copies."""
    copies = 0
    specs: list[Spec | None] = []
    for a in given:
        spec = None if a is None else Spec(a.shape, a.dtype)
        if half and spec is not None and _is_half(spec.dtype):
            spec = Spec(spec.shape, np.dtype(np.float32))
            copies += spec.nbytes
        specs.append(spec)
    if half:
        made = op.spec(*specs)
        copies += sum(y.nbytes for y in (made if isinstance(made, tuple) else (made,)))
    return copies + int(op.scratch(*specs))


def _is_half(dtype: Any) -> bool:
    return bool(dtype.itemsize == 2 and is_floating(dtype))


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
    CPU, as ops are computed here now: by compiled kernels or by NumPy, on as many threads as
    `gpugraph.cpu.threads` or NumPy's BLAS has. Not what Python's own objects take, a few kilobytes
    for each op.
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
    gradients = sum(p.grad.nbytes for p in learned if p.grad is not None)
    state, extra = _optimizer(optimizer, learned)
    peak, scratch, at = ledger.peak, ledger.scratch, ledger.at
    if ledger.live + extra > peak:
        peak, scratch, at = ledger.live + extra, extra, "optimizer"
    arena = ledger.arena
    return Memory(peak + state + arena, weights, gradients, state, kept, scratch + arena, arena, at)


def _step(model: Module, xs: list[Tensor], loss: Callable[..., Tensor], ledger: Ledger) -> int:
    """Two steps, since from the second on there are gradients of the one before; bytes kept."""
    kept = 0

    def step(*inputs: Tensor) -> Tensor:
        nonlocal kept
        before = ledger.live
        error = loss(model(*inputs))
        kept = ledger.live - before
        model.zero_grad()
        error.backward()
        return error

    def train(*inputs: Tensor) -> Tensor:
        step(*inputs)
        return step(*inputs)

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
