"""Cotangents of a sweep: checked at the start, added up where they meet, handed out at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import reduce
from heapq import heappop, heappush
from numbers import Real
from operator import add as plus
from typing import Any, Protocol

import numpy as np

from . import backend
from .errors import ArgumentError, DtypeError, GradientError, ShapeError
from .graph import Edge, Node
from .methods import FUNCTIONS
from .state import STATE, Sweep
from .tensor import Tensor, wrap

__all__ = ["Owned", "Part", "Waiting", "adapted", "add_in_place", "fitted", "seeds", "sequence"]


def sequence(tensors: Any, name: str) -> list[Tensor]:
    """One tensor or several, as a list; refuses anything else."""
    several = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    for i, x in enumerate(several):
        if not isinstance(x, Tensor):
            raise DtypeError(f"grad: {name}[{i}] is a {type(x).__name__}; it must be a Tensor")
    if not several:
        raise ArgumentError(f"grad: {name} is empty")
    return several


def seeds(caller: str, outputs: list[Tensor], gradients: Any) -> list[tuple[Edge, Tensor]]:
    """For each output its edge, and a checked cotangent."""
    if gradients is None:
        given: list[Any] = [None] * len(outputs)
    elif isinstance(gradients, (list, tuple)):
        given = list(gradients)
    else:
        given = [gradients]
    if len(given) != len(outputs):
        raise ArgumentError(f"{caller}: {len(given)} cotangents for {len(outputs)} outputs")
    checked = []
    for y, g in zip(outputs, given, strict=True):
        if y.edge is None:
            raise GradientError(
                f"{caller}: the output (shape {y.shape}) depends on no tensor that needs a "
                "gradient; make one with requires_grad=True, outside no_grad()"
            )
        if g is None:
            if y.size != 1:
                raise GradientError(
                    f"{caller}: the output has shape {y.shape}; reduce it to one number, as with "
                    ".sum(), or pass a cotangent of that shape"
                )
            if y.dtype.kind == "c":
                raise GradientError(
                    f"{caller}: the output is {y.dtype}; make a real number of it, as with abs() "
                    "or real(), or pass a cotangent d/dRe + i d/dIm"
                )
            checked.append((y.edge, wrap(_full_like(y.array, 1))))
            continue
        g = g if isinstance(g, Tensor) else _as_cotangent(caller, g, y)
        if g.shape != y.shape:
            raise ShapeError(f"{caller}: the cotangent has shape {g.shape}, the output {y.shape}")
        if g.dtype != y.dtype:
            if g.dtype.kind == "c" and y.dtype.kind != "c":
                raise DtypeError(f"{caller}: the cotangent is {g.dtype}, the output {y.dtype}")
            g = g.astype(y.dtype)
        backend.module_of(caller, ("output", "cotangent"), [y.array, g.array])
        checked.append((y.edge, g))
    return checked


def _as_cotangent(caller: str, g: Any, y: Tensor) -> Tensor:
    if backend.is_array(g):
        return wrap(g)
    if isinstance(g, Real) and y.ndim == 0:
        return wrap(_full_like(y.array, g))
    raise DtypeError(f"{caller}: a cotangent must be a Tensor or an array, got {type(g).__name__}")


def fitted(g: Tensor, dtype: Any) -> Tensor:
    """The cotangent in the dtype of what it belongs to: of a complex one, real inputs see Re."""
    if g.dtype.kind == "c" and dtype.kind != "c":
        g = FUNCTIONS.real(g)
    return g.astype(dtype)


def adapted(node: Node, i: int, g: Tensor) -> Tensor:
    """What a rule gave for input i, in the shape and dtype of that input.

    A rule for an input that broadcasts (`Op.local`) may give the shape of the output, and leave the
    sum over what was repeated to this. The dtype differs where inputs were promoted.
    """
    op, (shape, dtype) = node.op, node.in_spec(i)
    if g.shape != shape:
        name = op.name_of(i, len(node.sources))
        if name not in op.local or g.shape != node.out_specs[0][0]:
            raise ShapeError(
                f"{op.label}: the rule for {name} gave shape {g.shape}; {name} has {shape}"
            )
        g = FUNCTIONS.unbroadcast(g, shape)
    return g if g.dtype == dtype else fitted(g, dtype)


def _full_like(array: Any, value: Any) -> Any:
    if isinstance(array, backend.MetaArray):
        return array
    return backend.module_of("backward", ("y",), [array]).full_like(array, value)


class Part(Protocol):
    """A cotangent that is zero outside one region: what a rule may return instead of a Tensor.

    Parts of one kind are added up in one pass when their sum is needed, so that a thousand slices
    of one array cost one array, not a thousand (see ``ops/slices.py``).
    """

    def total(self, parts: list[Any]) -> Tensor:
        """The sum of these parts, self among them."""
        ...


class Waiting:
    """The cotangents on their way: those of a node's outputs wait for it until all have come.

    What was made of a node's outputs is newer than the node, so when the newest node is taken
    nothing can come any more. Parts stay apart until then.
    """

    __slots__ = ("at", "newest", "parted", "sweep")

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.at: dict[Node, list[Any]] = {}
        self.newest: list[tuple[int, Node]] = []  # a heap
        self.parted: set[Node] = set()

    def receive(self, edge: Edge, g: Any) -> None:
        """Add a cotangent to what waits at an edge."""
        node, k = edge
        at = self.at
        if node not in at:
            at[node] = [None] * len(node.out_specs)
            heappush(self.newest, (-node.seq, node))
        gs = at[node]
        before = gs[k]
        if type(g) is not Tensor or type(before) is list:
            self.parted.add(node)
            if type(before) is not list:
                gs[k] = before = [] if before is None else [before]
            before.append(g)
        elif before is None:
            gs[k] = g
        else:
            del before  # so that only gs has it
            if not add_in_place(gs, k, g):
                self.sweep.adding = node
                gs[k] = gs[k] + g
                self.sweep.adding = None

    def take(self) -> tuple[Node, list[Any]]:
        """The newest node that anything waits for, and the cotangents of its outputs."""
        node = heappop(self.newest)[1]
        gs = self.at.pop(node)
        if node in self.parted:
            self.sweep.adding = node
            for k, waiting in enumerate(gs):
                if type(waiting) is list:
                    gs[k] = _total(waiting)
            self.sweep.adding = None
        return node, gs


def add_in_place(cells: list[Any], k: int, g: Tensor) -> bool:
    """Add g to the memory of the tensor cells[k], if none but cells can see that; else False.

    Like NumPy with its temporaries, it counts references: to the tensor, to its array, and to the
    memory's owner, if that is another array.
    """
    array = cells[k].array
    base, other = array.base, g.array
    if (
        type(array) is not np.ndarray
        or type(other) is not np.ndarray
        or (array.shape, array.dtype) != (other.shape, other.dtype)
        or (base is not None and type(base) is not np.ndarray)
        or not (array.flags.writeable and (array if base is None else base).flags.owndata)
        or cells[k].edge is not None
        or g.edge is not None
        or STATE.get().observers
    ):
        return False
    viewed = base is not None
    del array, base  # not to be counted
    if not (_is_alone(cells, k) and (not viewed or _owner_is_alone(cells, k))):
        return False
    np.add(cells[k].array, other, out=cells[k].array)
    return True


def _is_alone(cells: list[Any], k: int) -> bool:
    """Is cells[k] the only one that refers to that tensor, and the tensor to its array?"""
    return _TELLING and _count(cells[k]) == 2 and _count(cells[k].array) == 2


def _owner_is_alone(cells: list[Any], k: int) -> bool:
    """Is that array the only one that refers to the owner of its memory?"""
    return _count(cells[k].array.base) == 2


def _counts_tell() -> bool:
    """Does this Python count references as `_is_alone` takes it for granted?"""
    global _TELLING
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    _TELLING = True
    array = np.zeros((2, 3))
    cells = [wrap(array.T)]
    seen = [_is_alone(cells, 0), _owner_is_alone(cells, 0)]
    del array
    seen.append(_owner_is_alone(cells, 0))
    tensor = cells[0]
    seen.append(_is_alone(cells, 0))
    held = [tensor.array]
    del tensor
    seen.append(_is_alone(cells, 0) or not held)
    return seen == [True, False, True, False, False]


_count = getattr(sys, "getrefcount", lambda x: 0)
_TELLING = False
_TELLING = _counts_tell()


def _total(waiting: list[Any]) -> Tensor:
    """The sum of whole cotangents and Parts."""
    whole: list[Tensor] = []
    kinds: dict[type, list[Any]] = {}
    for g in waiting:
        (whole if isinstance(g, Tensor) else kinds.setdefault(type(g), [])).append(g)
    return reduce(plus, whole + [parts[0].total(parts) for parts in kinds.values()])


class Owned:
    """Sees to it that each gradient handed out has writable memory of its own."""

    def __init__(self, outputs: Iterable[Tensor], gradients: Any) -> None:
        given = gradients if isinstance(gradients, (list, tuple)) else [gradients]
        self.taken = {id(getattr(g, "array", g)) for g in given if g is not None}
        self.taken.update(id(y.array) for y in outputs)

    def take(self, g: Tensor) -> Tensor:
        """The gradient as a constant; a copy, where its memory has another user."""
        array = g.array
        free = array.base is None and id(array) not in self.taken
        if isinstance(array, np.ndarray):
            free = free and array.flags.writeable
        elif isinstance(array, backend.MetaArray):
            free = True
        if not free:
            array = array.copy()
        self.taken.add(id(array))
        return wrap(array)
