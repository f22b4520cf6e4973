"""A call of a network function that gpugraph and PyTorch can both make, and what it costs.

The two share names and arguments, so a call is written once: ``lambda F, x, w: F.conv2d(x, w)``,
where F is `gpugraph.nn.functional` or `torch.nn.functional`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

import gpugraph as gg
from gpugraph.core.graph import Node, ancestors
from gpugraph.core.spec import Spec
from gpugraph.core.tensor import Tensor
from gpugraph.testing import tolerance

from .setting import SkipError

__all__ = [
    "Call",
    "Data",
    "Work",
    "allowed",
    "compare",
    "forward_and_gradients",
    "integers",
    "normal",
    "numpy_dtype",
    "recorded",
    "tensors",
    "work_of",
]


PERIOD = 1_000_003


def numpy_dtype(name: str) -> Any:
    """NumPy's dtype of that name; SkipError if it is bfloat16 and nobody has brought it."""
    if name == "bfloat16":
        try:
            return np.dtype(gg.bfloat16)
        except ImportError as error:
            raise SkipError(f"bfloat16 needs ml_dtypes: {error}") from None
    return np.dtype(name)


@dataclass(frozen=True)
class Data:
    """An input: normal numbers, or integers from 0 up to `below`."""

    shape: tuple[int, ...]
    below: int | None = None

    def make(self, rng: np.random.Generator) -> Any:
        """float32, or int64; the same for the same state of the generator.

        Large ones repeat themselves, at a prime distance, since drawing takes long.
        """
        if self.below is not None:
            return rng.integers(0, self.below, self.shape)
        n = min(prod(self.shape), PERIOD)
        return np.resize(rng.standard_normal(n, dtype=np.float32), self.shape)


def normal(*shape: int) -> Data:
    """Floating numbers."""
    return Data(shape)


def integers(below: int, *shape: int) -> Data:
    """Class numbers or indices."""
    return Data(shape, below)


@dataclass(frozen=True)
class Call:
    """f(F, *inputs), one output.

    needs  names of F without which there is nothing to call
    terms  the longest sum behind a number, where the sizes don't tell
    like   the same in names that PyTorch has, too, if f uses others
    kinks  rounding decides on which side of a kink a number falls, so gradients can't be compared
    """

    name: str
    f: Callable[..., Any]
    inputs: tuple[Data, ...]
    needs: tuple[str, ...] = ()
    terms: int = 1
    like: Callable[..., Any] | None = None
    kinks: bool = False

    def available(self, F: Any) -> None:
        """Raise SkipError if F lacks a name."""
        if missing := [name for name in self.needs if not hasattr(F, name)]:
            raise SkipError(f"{F.__name__} has no {', '.join(missing)}")

    @property
    def leaves(self) -> tuple[int, ...]:
        """Which inputs have a gradient."""
        return tuple(i for i, data in enumerate(self.inputs) if data.below is None)

    def arrays(self, seed: int = 0) -> list[Any]:
        """The inputs, float32 and int64."""
        rng = np.random.default_rng(seed)
        return [data.make(rng) for data in self.inputs]


def tensors(arrays: Iterable[Any], dtype: Any, device: str, grad: bool = True) -> list[Tensor]:
    """gpugraph's tensors of the arrays on the device: the floating ones as leaves of the dtype."""
    made = []
    for a in arrays:
        floating = a.dtype.kind == "f"
        there = gg.Tensor(a.astype(dtype) if floating else a).to(device)
        made.append(gg.Tensor(there.array, requires_grad=grad and floating))
    return made


class Work(NamedTuple):
    """What some nodes cost by their ops' own formulas; `terms` is the longest sum behind an output.

    bytes count every op's inputs and outputs once: the traffic of these ops, one after the other.
    Views move nothing.
    """

    flops: int
    bytes: int
    macs: int
    terms: int
    ops: tuple[str, ...]


def recorded(outputs: Iterable[Tensor]) -> set[Node]:
    """The nodes behind tensors that were applied ops, not leaves."""
    roots = [y.node for y in outputs if y.node is not None]
    return {node for node in ancestors(roots) if node.op is not None}


def work_of(nodes: Iterable[Node]) -> Work:
    """Their cost together."""
    flops = moved = macs = 0
    terms = 1
    names = []
    for node in sorted(nodes, key=lambda node: node.seq):
        specs = [None if s is None else Spec(*s) for s in node.in_specs]
        cost = node.op.cost(*specs)
        flops, macs = flops + cost.flops, macs + cost.macs
        moved += 0 if node.op.view else cost.bytes
        most = max([cost.macs, *(s.size for s in specs if s is not None)])
        least = min(prod(shape) for shape, _ in node.out_specs)
        terms = max(terms, most // max(1, least))
        names.append(type(node.op).__name__)
    return Work(flops, moved, macs, terms, tuple(names))


def allowed(dtype: Any, terms: int, ops: int, safety: float = 2.0) -> float:
    """How far two right answers may lie apart, relative to their size.

    Half precision is computed in float32, and every op rounds to it once; `safety` as in
    `tolerance` for those roundings: more for a library that rounds more often.
    """
    if dtype.itemsize == 2:
        return tolerance(np.float32, terms) + tolerance(dtype, ops, safety)
    return tolerance(dtype, terms)


def compare(got: Any, want: Any, bound: float, relative: float = 0.0) -> tuple[float, str]:
    """The largest error relative to 1 + the largest value, and what is wrong, "" if nothing is.

    NaN and infinities must be equal. The others may differ by `bound` times that size, and by
    `relative` times their own.
    """
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return float("inf"), f"shape {got.shape}, wanted {want.shape}"
    y, w = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(w)
    if not finite.all():
        if not np.array_equal(y[~finite], w[~finite], equal_nan=True):
            return float("inf"), "NaN or infinities differ"
        y, w = y[finite], w[finite]
    if not np.isfinite(y).all():
        return float("inf"), "NaN or infinity where a finite number is right"
    size = 1 + np.abs(w).max(initial=0)
    error = np.abs(y - w)
    worst = float(error.max(initial=0) / size)
    if (error <= bound * size + relative * np.abs(w)).all():
        return worst, ""
    return worst, f"off by {worst:.2e} of its size, allowed {bound:.2e}"


def forward_and_gradients(
    call: Call, F: Any, xs: Sequence[Tensor], cotangent: Any
) -> tuple[list[Tensor], Work]:
    """Output and gradients of a call by gpugraph, and the work of both."""
    y = call.f(F, *xs)
    leaves = [xs[i] for i in call.leaves]
    g = gg.Tensor(cotangent(y), requires_grad=True)  # so that what is linear in it is recorded
    grads: list[Any] = list(gg.grad(y, leaves, g, create_graph=True))
    return [y, *grads], work_of(recorded([y, *grads]))
