"""Checkpointing: forget what the rules will read, and compute it again when they do."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any
from weakref import WeakValueDictionary

from ..core.errors import GradientError
from ..core.graph import Node
from ..core.state import STATE, Observer, observe, set_state
from ..core.tensor import Saved, Tensor
from .random import default_generator

__all__ = ["checkpoint"]


def checkpoint(
    function: Callable[..., Any], /, *args: Any, preserve_rng_state: bool = True, **kwargs: Any
) -> Any:
    """function(*args, **kwargs), without keeping what is computed inside until the backward pass.

    A backward pass runs the function once more when it comes there: memory for time. The graph is
    the same as without, so gradients flow to whatever the function uses, the parameters of its
    modules too, to any order; only arrays are made again.

    function            must do the same the second time; it may write to none of its arguments
    preserve_rng_state  draw the same numbers from the process-wide generator again (dropout)
    A pass that keeps the graph keeps what it has computed again. Batch norm updates its averages
    the first time only. Source: Chen, Xu, Zhang, Guestrin 2016, arXiv:1604.06174.
    """
    if not STATE.get().recording:
        return function(*args, **kwargs)
    segment = _Segment(function, args, kwargs, preserve_rng_state)
    recorder = _Recorder()
    with observe(recorder):
        result = function(*args, **kwargs)
    segment.nodes = len(recorder.nodes)
    for i, node in enumerate(recorder.nodes):
        segment.watch_leaves(node)
        segment.forget(i, node, recorder.made)
    return result


class _Recorder(Observer):
    """Writes down the nodes that are made, and the arrays."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.made: set[int] = set()  # ids; an array alive in the end was made inside if its is here

    def applied(self, op: Any, arrays: Any, outs: Any) -> None:
        self.made.update(id(y.array) for y in outs)
        node = next((y.node for y in outs if y.node is not None and y.node.op is op), None)
        if node is not None and (not self.nodes or self.nodes[-1] is not node):
            self.nodes.append(node)


class _Segment:
    """One call of a function: how to run it again, and the places that wait for its arrays."""

    def __init__(self, function: Any, args: Any, kwargs: Any, preserve: bool) -> None:
        self.function = function
        # As they are now: to write to a tensor may put another array in its place
        self.args = [_edge_alike(a) for a in args]
        self.kwargs = {k: _edge_alike(a) for k, a in kwargs.items()}
        self.context = copy_context()  # the default device, autocast
        self.state = default_generator().state if preserve else None
        self.counts: dict[int, tuple[Tensor, int]] = {}  # writes so far to what it reads
        for x in (*self.args, *self.kwargs.values()):
            if isinstance(x, Tensor):
                self.counts[id(x)] = x, x.shared_version()[0]
        self.nodes = 0
        # (number of the node, name, place in a variadic input or None) -> what waits
        self.waiting: WeakValueDictionary[tuple[int, str, int | None], _Forgotten]
        self.waiting = WeakValueDictionary()  # a node that is freed waits no more
        self.ops: dict[int, Any] = {}

    def watch_leaves(self, node: Node) -> None:
        """Notice writes to the parameters, too, that the function closes over."""
        for edge in node.parents:
            if edge is not None and edge[0].op is None and edge[0].watchers:
                x = edge[0].watchers[0]()
                if x is not None and id(x) not in self.counts:
                    self.counts[id(x)] = x, x.shared_version()[0]

    def forget(self, i: int, node: Node, made: set[int]) -> None:
        """Let go of the arrays made inside that this node keeps."""
        for name, kept in (node.kept or {}).items():
            several = type(kept) is list
            for k, saved in enumerate(kept if several else [kept]):
                if type(saved) is _Forgotten or saved is None or id(saved.array) not in made:
                    continue
                place = _Forgotten(saved, self)
                self.waiting[i, name, k if several else None] = place
                self.ops[i] = node.op
                if several:
                    kept[k] = place
                else:
                    node.kept[name] = place  # type: ignore[index]

    def run(self) -> None:
        """Compute everything again, and hand the arrays to the places."""
        for x, count in self.counts.values():
            if x.shared_version()[0] != count:
                raise GradientError(
                    f"checkpoint: a tensor of shape {x.shape} that the function reads has been "
                    "written to in place since; write to a copy(), or after the backward pass"
                )
        recorder, now = _Recorder(), STATE.get()
        generator, before = default_generator(), default_generator().state
        try:
            if self.state is not None:
                generator.state = self.state
            self.context.run(self._again, recorder, now)
        finally:
            generator.state = before
        if len(recorder.nodes) != self.nodes:
            raise self._changed(f"recorded {len(recorder.nodes)} ops, not {self.nodes}")
        for i, op in self.ops.items():
            if recorder.nodes[i].op != op:
                raise self._changed(f"applied {recorder.nodes[i].op!r}, not {op!r}")
        for (i, name, k), place in self.waiting.items():
            kept: Any = recorder.nodes[i].kept[name]  # type: ignore[index]
            place.array = (kept if k is None else kept[k]).array

    def _again(self, recorder: _Recorder, now: Any) -> None:
        observers = (*now.observers, recorder)
        with set_state(recording=True, observers=observers, sweep=now.sweep, repeating=True):
            self.function(*self.args, **self.kwargs)

    def _changed(self, what: str) -> GradientError:
        return GradientError(
            f"checkpoint: the second time the function {what}; it must do the same"
        )


class _Forgotten(Saved):
    """What a node would have kept; the array comes when it is asked for."""

    __slots__ = ("__weakref__", "segment")

    def __init__(self, saved: Saved, segment: _Segment) -> None:
        self.array = None
        self.version, self.count, self.position = [0], 0, saved.position
        self.segment: _Segment | None = segment

    def restore(self, node: Node) -> Tensor:
        if self.array is None:
            assert self.segment is not None
            self.segment.run()
        self.segment = None  # with the last one the arguments go
        return super().restore(node)


def _edge_alike(x: Any) -> Any:
    """A tensor of the same memory that needs a gradient if x does, and knows nothing else of x."""
    return x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x
