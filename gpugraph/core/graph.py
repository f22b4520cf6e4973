"""The recorded graph: nodes, and the order in which a reverse sweep visits them.

Knows no op and no tensor by name. A graph points from outputs to inputs only, and nothing in it
points back, so it goes by reference counting alone when its last output goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from types import CodeType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .errors import GradientError

if TYPE_CHECKING:
    import weakref

__all__ = ["LEAF", "Edge", "Node", "Plan", "ancestors", "new_node"]

_new = object.__new__
_next_seq = count().__next__
_NOTHING: dict[str, Any] = {}  # what most nodes keep

Shape: TypeAlias = tuple[int, ...]
Edge: TypeAlias = "tuple[Node, int]"  # a value: output number int of that node


class Saved(Protocol):
    """Something a node keeps for its rules; `restore` gives it back, linked into the graph."""

    def restore(self, node: Node) -> Any: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How an op is recorded, and pulled back through, when certain inputs need a gradient.

    wanted     the numbers of these inputs
    keeps      (name, place) of what their rules read: inputs count from 0, outputs go on behind
               them; -1 is a whole variadic input
    constants  the numbers of the outputs that carry no gradient
    """

    wanted: tuple[int, ...] = ()
    keeps: tuple[tuple[str, int], ...] = ()
    constants: tuple[int, ...] = ()


LEAF = Plan()


class Node:
    """One application of one op; or, with ``op`` None, a leaf: a tensor the user made.

    op        the op, a frozen dataclass
    sources   for each input the edge it came from, if a gradient goes there, so for `plan.wanted`;
              else its (shape, dtype), or None for an absent optional input
    out_specs (shape, dtype) of each output
    plan      which inputs get a gradient, and what is kept for it
    kept      what the rules will read, by name; None once a backward pass has freed it
    scope     path of `scope` names around the call
    seq       position in the order of recording; parents always have a smaller one
    rule      (seq of the node whose gradient rule made it, order of the derivative), if one did
    where     "file:line" of the user's code that made it
    watchers  output number -> weak reference to the tensor whose ``.grad`` wants that cotangent
    hooks     functions that a sweep calls with the list of its outputs' cotangents, by key
    """

    __slots__ = (
        *("op", "plan", "sources", "out_specs", "kept", "scope", "seq", "rule", "made_by"),
        *("watchers", "hooks", "__weakref__"),
    )

    op: Any
    plan: Plan
    sources: Sequence[Any]
    out_specs: Sequence[Any]
    kept: dict[str, Any] | None
    scope: tuple[str, ...]
    seq: int
    rule: tuple[int, int] | None
    made_by: tuple[CodeType | None, int]
    watchers: dict[int, weakref.ref[Any]] | None
    hooks: dict[int, Any] | None

    def __repr__(self) -> str:
        outs = ", ".join(f"{dtype}{list(shape)}" for shape, dtype in self.out_specs)
        return f"<{self.op or 'leaf'} -> {outs} at {self.where}>"

    @property
    def where(self) -> str:
        """The user's line that made this node, as "file:line"."""
        code, instruction = self.made_by
        if code is None:
            return "unknown"
        line = code.co_firstlineno
        for start, end, number in code.co_lines():
            if start <= instruction < end and number is not None:
                line = number
        return f"{code.co_filename}:{line}"

    @property
    def parents(self) -> list[Edge | None]:
        """For each input the edge it came from; None where no gradient goes."""
        wanted = self.plan.wanted
        return [x if i in wanted else None for i, x in enumerate(self.sources)]

    @property
    def edges(self) -> list[Edge]:
        """The parents alone."""
        return [self.sources[i] for i in self.plan.wanted]

    @property
    def in_specs(self) -> list[Any]:
        """(shape, dtype) of each input; None for an absent optional input."""
        return [self.in_spec(i) for i in range(len(self.sources))]

    def in_spec(self, i: int) -> Any:
        """(shape, dtype) of that input."""
        source = self.sources[i]
        return source[0].out_specs[source[1]] if i in self.plan.wanted else source

    def shape(self, name: str) -> Shape:
        """The shape of the named input."""
        shape: Shape = self.in_spec(self.op.position[name])[0]
        return shape

    def dtype(self, name: str) -> Any:
        """The dtype of the named input."""
        return self.in_spec(self.op.position[name])[1]

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


def new_node(
    op: Any,
    plan: Plan,
    sources: Sequence[Any],
    out_specs: Sequence[Any],
    scope: tuple[str, ...],
    made_by: tuple[CodeType | None, int],
) -> Node:
    """A node that keeps nothing yet. A function, since Python takes half as long over one."""
    node = _new(Node)
    node.op = op
    node.plan = plan
    node.sources = sources
    node.out_specs = out_specs
    node.kept = _NOTHING
    node.scope = scope
    node.seq = _next_seq()
    node.rule = None
    node.made_by = made_by
    node.watchers = None
    node.hooks = None
    return node


def ancestors(roots: Iterable[Node]) -> list[Node]:
    """All nodes from which the roots are made, themselves included, newest first.

    Newest first is a reverse topological order, since a node is recorded after its parents.
    Iterative: chains of any length work.
    """
    stack = list(roots)
    seen = set(stack)
    while stack:
        for node, _ in stack.pop().edges:
            if node not in seen:
                seen.add(node)
                stack.append(node)
    return sorted(seen, key=lambda node: node.seq, reverse=True)
