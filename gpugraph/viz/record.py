"""Watching a run: every op, forward and backward, with times, statistics and pictures if asked for.

>>> with gg.graph.record(model=model, stats=True) as run:
...     loss = F.cross_entropy(model(x), y)
...     loss.backward()
>>> run.graph.save("step.html")
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from ..analysis.live import Live
from ..analysis.trace import Recorder, Source, Trace, graph_trace
from ..core import backend
from ..core.autodiff import grad
from ..core.backend import MetaArray
from ..core.errors import ArgumentError, GradientError
from ..core.frames import raised_at
from ..core.graph import Node
from ..core.state import STATE, observe
from ..core.tensor import Tensor, wrap
from ..cuda import synchronize
from ..nn.module import Module
from ..ops.memory import Copy, Move
from ..testing.targets import Stop
from .build import build
from .graph import Graph
from .measure import Pictures, statistics
from .seen import Fired, Seen

__all__ = ["Recording", "of", "record"]


class Recording(Recorder):
    """An observer of one thread that keeps what a graph shows; `graph` is that graph.

    step   which training step to show: the run ends (`Stop`) before its optimizer's update
    limit  of nodes: the run ends when it has made so many
    """

    def __init__(
        self,
        model: Any = None,
        stats: bool = False,
        images: bool = False,
        time: bool = False,
        step: int | None = None,
        limit: int | None = None,
    ) -> None:
        self.title = "" if model is None else type(model).__name__
        self._names: dict[int, tuple[str, Any]] = {}
        self.name(model)
        self._stats, self._images, self._time = stats, images, time
        self._step, self._limit = step, limit
        self._thread = threading.get_ident()
        self._begin()

    def name(self, model: Any) -> None:
        """Take the names of parameters and buffers from a model."""
        if isinstance(model, Module):
            self._names = {id(t.array): (name, t) for name, t in model._named_tensors()}
        elif hasattr(model, "named_parameters"):
            self._names = {id(t.array): (name, t) for name, t in model.named_parameters()}

    def _begin(self) -> None:
        """Nothing has been seen yet."""
        super().__init__()
        self.seen = Seen()
        self._pictures = Pictures() if self._images else None
        self._held = Live()
        self._waiting = 0  # bytes kept by nodes of a graph that was there before, and not fired yet
        self._frees: dict[Node, int] = {}  # of them, what goes with each node
        self._started = 0.0
        self._before = 0  # bytes held when the last node fired
        self._complete: tuple[Trace, Seen] | None = None  # the step before

    @property
    def live(self) -> int:
        """Bytes held now, without parameters and what else was there before."""
        return self._held.bytes + self._waiting

    @property
    def graph(self) -> Graph:
        """The graph of what was seen so far."""
        seen = self.seen
        if self._pictures is not None and self._pictures.note:
            seen = replace(seen, notes=[*seen.notes, self._pictures.note])
        return build(self.trace, seen, self.title)

    def leaf(self, kind: str, array: Any, node: Node | None = None) -> Source:
        """A value that was there before, by the name that the model gives it."""
        name, tensor = self._names.get(id(array), ("", None))
        if tensor is not None and tensor.node is not None:
            kind, node = "parameter", tensor.node
        source = super().leaf(kind, array, node)
        if name:
            self.seen.names[source[0]] = name
        elif array.shape == () and not isinstance(array, MetaArray):
            self.seen.names[source[0]] = f"{array.item():.6g}"
        if self.trace.steps[source[0]].order == 0:
            self.seen.base += array.nbytes
        self._look(source, array)
        return source

    def applying(self, op: Any, arrays: Sequence[Any]) -> None:
        """Start the clock."""
        if self._time and threading.get_ident() == self._thread:
            _wait(arrays)
            self._started = perf_counter()

    def applied(self, op: Any, arrays: Sequence[Any], outs: Sequence[Any]) -> None:
        """Write the op down, with what was asked for."""
        if threading.get_ident() != self._thread:
            return
        if self._time:
            _wait([y.array for y in outs])
            took = perf_counter() - self._started
        if isinstance(op, (Copy, Move)) and arrays[0] not in self._made and outs[0].node is None:
            return  # a tensor is being made from the user's array: it will be a leaf
        super().applied(op, arrays, outs)
        number = len(self.trace.steps) - 1  # leaves may have come before it
        step = self.trace.steps[number]
        if step.node is not None:  # which would keep alive what the node keeps
            self.seen.recorded.add(number)
            self.trace.steps[number] = replace(step, node=None)
        if self._time:
            self.seen.times[number] = took
        for k, y in enumerate(outs):
            self._held.born(y.array, arrays[0] if op.view else None)
            self._look((number, k), y.array)
        self.seen.live[number] = self.live
        if outs:
            self.seen.devices[number] = str(backend.device_of(outs[0].array))
        if self._limit is not None and number >= self._limit:
            self.seen.notes.append(f"Only the first {number + 1} nodes of the run are shown.")
            raise Stop

    def failed(self, op: Any, arrays: Sequence[Any], error: Exception) -> None:
        """Write down the op that can't be computed: it has no outputs."""
        if threading.get_ident() != self._thread:
            return
        self.seen.failed = self.write(op, arrays, [])
        self.seen.error = str(error)
        self.seen.where = self.trace.steps[self.seen.failed].where

    def reached(self, node: Node, cotangents: Sequence[Any]) -> None:
        """Remember which values are the gradients of a node's outputs, and that it fires now."""
        if threading.get_ident() != self._thread:
            return
        number = self.number(node)
        self._close()
        for k, g in enumerate(cotangents):
            if number is not None and isinstance(g, Tensor):
                self.seen.gradients[number, k] = self.source(g.array)
        if node.op is not None:
            sweep = STATE.get().sweep
            order = 1 if sweep is None else sweep.order_of(node)
            self.seen.fired.append(Fired(number, order, len(self.trace.steps)))

    def stepping(self, optimizer: Any) -> None:
        """A training step is complete: go on, begin anew, or end the run if it was the one."""
        if self._step is None or threading.get_ident() != self._thread:
            return
        if self._step <= 1:
            raise Stop
        self._step -= 1
        complete = self.trace, self.seen
        self._begin()
        self._complete = complete

    def _close(self) -> None:
        """The node before is done: what is held now, what has gone since it fired?"""
        if self.seen.fired and self.seen.fired[-1].live is None:
            last = self.seen.fired[-1]
            made = sum(
                spec.nbytes
                for step in self.trace.steps[last.before :]
                if step.op is not None and not step.op.view
                for spec in step.outs
            )
            node = None if last.step is None else self.trace.steps[last.step].node
            self._waiting -= 0 if node is None else self._frees.pop(node, 0)
            last.live = self.live
            last.freed = max(0, self._before + made - last.live)
        self._before = self.live

    def adopt(self, found: Trace) -> None:
        """Go on behind a graph that was recorded before; what its nodes keep is known by now."""
        self.trace = found
        last: dict[int, tuple[Node, int]] = {}  # kept array -> the node that lets it go, and bytes
        for number, step in reversed(list(enumerate(found.steps))):
            node = step.node
            if node is None:
                continue
            self._numbers[node] = number
            tensor = node.watchers[0]() if node.op is None and node.watchers else None
            if tensor is not None:
                name, _ = self._names.get(id(tensor.array), ("", None))
                self.seen.names |= {number: name} if name else {}
                self.seen.base += tensor.nbytes
                self.seen.devices[number] = str(tensor.device)
                self.know(tensor.array, (number, 0))
            for position, array in _kept(node):
                k = position - len(step.sources)
                source = (number, k) if k >= 0 else step.sources[position]
                if source is None:
                    continue
                self.know(array, source)
                if found.steps[source[0]].op is not None:
                    last[id(array)] = node, array.nbytes
        for node, size in last.values():
            self._frees[node] = self._frees.get(node, 0) + size
            self._waiting += size

    def watch(self, outputs: Sequence[Tensor]) -> None:
        """Run a backward pass of the outputs to all leaves, and write it down."""
        leaves = [s.node for s in self.trace.steps if s.op is None and s.node is not None]
        targets = [
            wrap(MetaArray(*node.out_specs[0]), (node, 0)) for node in leaves if node is not None
        ]
        with observe(self):
            grad(outputs, targets, retain_graph=True)
        self.finish()

    def finish(self, error: BaseException | None = None) -> None:
        """The run is over, by an error or without one."""
        self._close()
        if self._complete is not None and not self.trace.steps:  # there was no other step
            self.trace, self.seen = self._complete
            self.seen.notes.append("The run made no more training steps; this is its last.")
        if error is None:
            self.seen.failed, self.seen.error, self.seen.where = None, "", ""  # it was caught
        elif self.seen.error and self.seen.error in str(error):
            self.seen.error = str(error)
        else:  # not raised by an op
            self.seen.failed, self.seen.where = None, raised_at(error)
            self.seen.error = f"{type(error).__name__}: {error}"

    def _look(self, source: Source, array: Any) -> None:
        if isinstance(array, MetaArray):
            return
        if self._stats:
            told = statistics(array)
            if told is not None:
                self.seen.stats[source] = told
        if self._pictures is not None:
            drawn = self._pictures.of(array, self.trace.steps[source[0]], source[1])
            if drawn is not None:
                self.seen.images.setdefault(source[0], []).append(drawn)


class record(observe):  # noqa: N801 (a function to its users)
    """Watch all that the thread computes in the block; the block's value has the `graph`.

    model   names the parameters ("conv1.weight"): whatever has ``named_parameters()``
    stats   statistics of every value, on the host: mean, deviation, range, NaN, histogram
    images  pictures of filters, feature maps and their gradients
    time    seconds of each op; on a GPU it waits for each
    An exception passes through; the graph ends with the op that raised it.
    """

    def __init__(
        self, model: Any = None, stats: bool = False, images: bool = False, time: bool = False
    ) -> None:
        super().__init__(Recording(model, stats, images, time))

    def __enter__(self) -> Recording:  # type: ignore[override]
        super().__enter__()
        assert isinstance(self.observer, Recording)
        return self.observer

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        assert isinstance(self.observer, Recording)
        self.observer.finish(exc[1] if isinstance(exc[1], BaseException) else None)


def of(*outputs: Tensor, model: Any = None, backward: bool = False) -> Graph:
    """The graph from which these tensors were computed, also after their backward.

    model     names the parameters ("conv1.weight"): a module, or whatever has
              ``named_parameters()``
    backward  run a backward pass, too, and show it beside: the gradients of all leaves, which are
              accumulated nowhere. Outputs need one element, and a graph that is not freed.
    Inputs that take no gradient are not recorded; each shows as a constant of the op it enters.
    """
    if not outputs:
        raise ArgumentError("graph.of: needs at least one output")
    for y in outputs:
        if not isinstance(y, Tensor):
            raise ArgumentError(f"graph.of: got a {type(y).__name__}, not a Tensor")
        if y.node is None:
            raise GradientError(
                f"graph.of: the output (shape {y.shape}) has no graph; it depends on no tensor "
                "with requires_grad=True, or was made under no_grad()"
            )
    found = graph_trace(outputs, "graph.of")
    run = Recording(model)
    run.adopt(found)
    if backward:
        run.watch(outputs)
    return run.graph


def _kept(node: Node) -> Iterator[tuple[int, Any]]:
    """(position, array) of all that a node keeps: inputs count from 0, outputs behind them."""
    for saved in (node.kept or {}).values():
        for one in saved if isinstance(saved, list) else [saved]:
            if one is not None:
                yield one.position, one.array


def _wait(arrays: Sequence[Any]) -> None:
    """Wait until a GPU has done what it was told."""
    for device in {str(backend.device_of(a)) for a in arrays if a is not None}:
        if device.startswith("cuda"):
            synchronize(device)
