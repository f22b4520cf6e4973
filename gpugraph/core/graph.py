"""The recorded graph: nodes, and the order in which a reverse sweep visits them.

Knows no op and no tensor by name. A graph points from outputs to inputs only, and nothing in it
points back, so it goes by reference counting alone when its last output goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from operator import attrgetter
from types import CodeType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .errors import GradientError

if TYPE_CHECKING:
    import weakref

__all__ = ["Edge", "Node", "ancestors"]

_next_seq = count().__next__
_by_seq = attrgetter("seq")

Shape: TypeAlias = tuple[int, ...]
Edge: TypeAlias = "tuple[Node, int]"  # a value: output number int of that node


class Saved(Protocol):
    """Something a node keeps for its rules; `restore` gives it back, linked into the graph."""

    def restore(self, node: Node) -> Any: ...


class Node:
    """One application of one op; or, with ``op`` None, a leaf: a tensor the user made.

    op        the op, a frozen dataclass
    parents   for each input the edge it came from; None where no gradient goes
    in_specs  (shape, dtype) of each input; None for an absent optional input
    out_specs (shape, dtype) of each output
    kept      what the rules will read, by name; None once a backward pass has freed it
    scope     path of `scope` names around the call
    seq       position in the order of recording; parents always have a smaller one
    rule      (seq of the node whose gradient rule made it, order of the derivative), if one did
    where     "file:line" of the user's code that made it
    watchers  output number -> weak reference to the tensor whose ``.grad`` wants that cotangent
    hooks     functions that a sweep calls with the list of its outputs' cotangents, by key
    """

    __slots__ = (
        "__weakref__",
        "_code",
        "_lasti",
        "hooks",
        "in_specs",
        "kept",
        "op",
        "out_specs",
        "parents",
        "rule",
        "scope",
        "seq",
        "watchers",
    )

    def __init__(
        self,
        op: Any,
        parents: Sequence[Edge | None],
        in_specs: Sequence[Any],
        out_specs: Sequence[Any],
        kept: dict[str, Any] | None,
        scope: tuple[str, ...],
        made_by: tuple[CodeType | None, int],
    ) -> None:
        self.op = op
        self.parents = parents
        self.in_specs = in_specs
        self.out_specs = out_specs
        self.kept = kept
        self.scope = scope
        self.seq = _next_seq()
        self.rule: tuple[int, int] | None = None
        self.watchers: dict[int, weakref.ref[Any]] | None = None
        self.hooks: dict[int, Any] | None = None
        self._code, self._lasti = made_by

    def __repr__(self) -> str:
        outs = ", ".join(f"{dtype}{list(shape)}" for shape, dtype in self.out_specs)
        return f"<{self.op or 'leaf'} -> {outs} at {self.where}>"

    @property
    def where(self) -> str:
        """The user's line that made this node, as "file:line"."""
        if self._code is None:
            return "unknown"
        line = self._code.co_firstlineno
        for start, end, number in self._code.co_lines():
            if start <= self._lasti < end and number is not None:
                line = number
        return f"{self._code.co_filename}:{line}"

    def shape(self, name: str) -> Shape:
        """The shape of the named input."""
        shape: Shape = self.in_specs[self.op.position[name]][0]
        return shape

    def dtype(self, name: str) -> Any:
        """The dtype of the named input."""
        return self.in_specs[self.op.position[name]][1]

    def __getitem__(self, name: str) -> Any:
        """The kept input or output of that name as a tensor, linked into the graph.

        A variadic input gives a list, an absent optional one gives None.
        """
        if self.kept is None:
            raise self.freed()
        try:
            saved = self.kept[name]
        except KeyError:
            raise GradientError(
                f"{self.op!r}: a rule reads {name!r} but keeps declares only {sorted(self.kept)}; "
                f"add {name!r} to keeps of that rule"
            ) from None
        if type(saved) is list:
            return [None if s is None else s.restore(self) for s in saved]
        return None if saved is None else saved.restore(self)

    def freed(self) -> GradientError:
        """The error of a second backward through this node."""
        return GradientError(
            f"backward: the graph through {self.op!r} (made at {self.where}) was already used and "
            "what it kept is freed; pass retain_graph=True to the first backward"
        )


def ancestors(roots: Iterable[Node]) -> list[Node]:
    """All nodes from which the roots are made, themselves included, newest first.

    Newest first is a reverse topological order, since a node is recorded after its parents.
    Iterative: chains of any length work.
    """
    stack = list(roots)
    seen = set(stack)
    while stack:
        for edge in stack.pop().parents:
            if edge is not None and edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    return sorted(seen, key=_by_seq, reverse=True)
