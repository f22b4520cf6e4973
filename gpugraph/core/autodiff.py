"""Reverse-mode differentiation: one sweep over the graph, newest node first.

The rules are made of ops, so a sweep that records (``create_graph``) can be differentiated again,
to any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import anomaly, hooks
from .cotangents import Owned, Part, add, add_in_place, fitted, seeds, sequence, summed
from .errors import GradientError, ShapeError
from .graph import Edge, Node, ancestors
from .methods import public
from .state import STATE, Sweep, set_state
from .tensor import Tensor

__all__ = ["Part", "backward", "grad"]


@public
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """d sum(outputs * grad_outputs) / d input, for each input; leaves every ``.grad`` alone.

    outputs       a tensor or several
    inputs        a tensor or several, leaves or intermediates
    grad_outputs  a cotangent per output, of its shape; None means 1 and needs one-element outputs
    retain_graph  keep the graph for another pass; by default if create_graph
    create_graph  record the pass itself, so that the results can be differentiated
    allow_unused  give None for an input on which no output depends, instead of raising
    Returns a tuple, also for one input. Raises GradientError if there is nothing to differentiate.
    """
    outs = sequence(outputs, "outputs")
    ins = sequence(inputs, "inputs")
    edges: list[Edge] = []
    for i, x in enumerate(ins):
        if x.node is None:
            raise GradientError(
                f"grad: inputs[{i}] takes no part in a graph; make it with requires_grad=True"
            )
        edges.append((x.node, x.index))
    required = () if allow_unused else ins
    found = _sweep(
        "grad", outs, grad_outputs, set(edges), bool(retain_graph), create_graph, required
    )
    for i, edge in enumerate(edges):
        if edge not in found and not allow_unused:
            raise _unused(i, ins[i])
    owned = Owned(outs, grad_outputs) if not create_graph else None
    return tuple(
        [g if (g := found.get(edge)) is None or owned is None else owned.take(g) for edge in edges]
    )


@public
def backward(
    tensor: Tensor, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False
) -> None:
    """Add d sum(tensor * gradient) / dx to ``x.grad``, for every leaf x and `retain_grad` tensor.

    gradient      the cotangent, of the tensor's shape; None means 1 and needs a one-element tensor
    retain_graph  keep what the nodes keep, for another backward through the same graph
    create_graph  record the pass itself, so that ``.grad`` can be differentiated; keeps the graph
    """
    found = _sweep("backward", [tensor], gradient, None, retain_graph, create_graph)
    owned = Owned([tensor], gradient)
    with set_state(recording=create_graph, sweep=Sweep(), casting=None):
        for (node, index), g in found.items():
            target = node.watchers[index]()  # type: ignore[index]
            if target is None or not target.requires_grad:  # gone, or frozen meanwhile
                continue
            if target._grad is not None:
                sums = [target._grad]
                target._grad = None  # so that only `sums` has it
                try:
                    if not add_in_place(sums, 0, g):
                        sums[0] = sums[0] + g
                finally:
                    target._grad = sums[0]
            else:  # others may share the memory of g; with a graph, so may the graph
                target._grad = g.copy() if create_graph else owned.take(g)


def _sweep(
    caller: str,
    outputs: list[Tensor],
    gradients: Any,
    targets: set[Edge] | None,
    retain_graph: bool,
    create_graph: bool,
    required: Sequence[Tensor] = (),
) -> dict[Edge, Tensor]:
    """The cotangents of the targets (None: of every watched edge), as far as they are reached.

    Raises, before anything is freed, if the graph does not lead to one of the required tensors.
    """
    given = seeds(caller, outputs, gradients)
    retain_graph = retain_graph or create_graph
    observers = STATE.get().observers
    looking = anomaly.DETECTOR in observers
    sweep = Sweep()
    waiting: dict[Node, list[Any]] = {}  # cotangents of a node's outputs, as they come in
    for y, g in zip(outputs, given, strict=True):
        assert y.node is not None
        add(waiting, (y.node, y.index), g, sweep)
    order = ancestors(waiting)
    leads = None if targets is None else _leading_to(order, targets)
    for i, x in enumerate(required):
        if leads is not None and x.node not in leads:
            raise _unused(i, x)
    found: dict[Edge, Tensor] = {}

    with set_state(recording=create_graph, sweep=sweep, casting=None):
        for node in order:
            gs = waiting.pop(node, None)
            if gs is None:
                continue
            summed(node, gs, sweep)
            if node.hooks:
                hooks.run(node, gs, sweep)
            asked = node.watchers or () if targets is None else targets
            for k, g in enumerate(gs):
                if g is not None and (k if targets is None else (node, k)) in asked:
                    found[node, k] = g
            for observer in observers:
                observer.reached(node, gs)
            if node.op is None:
                continue
            parents = node.parents
            wanted = [
                i
                for i, edge in enumerate(parents)
                if edge is not None and (leads is None or edge[0] in leads)
            ]
            if not wanted:
                continue
            if node.kept is None:
                raise node.freed()
            sweep.node = node
            for i, g in node.op.pull(node, wanted, gs):
                if g is None:
                    continue
                edge = parents[i]
                assert edge is not None
                if type(g) is Tensor:
                    shape, dtype = edge[0].out_specs[edge[1]]
                    if g.array.shape != shape:
                        raise _wrong_shape(node, i, g)
                    if g.array.dtype != dtype:  # inputs of several dtypes were promoted
                        g = fitted(g, dtype)
                    if looking:
                        anomaly.check_backward(node, i, g, gs)
                add(waiting, edge, g, sweep)
            if not retain_graph:
                node.kept = None
    return found


def _leading_to(order: list[Node], targets: set[Edge]) -> set[Node]:
    """The nodes from which a target is reached: nothing else needs a visit."""
    wanted = {node for node, _ in targets}
    leads: set[Node] = set()
    for node in reversed(order):  # oldest first: parents before children
        if node in wanted or any(edge is not None and edge[0] in leads for edge in node.parents):
            leads.add(node)
    return leads


def _unused(i: int, x: Tensor) -> GradientError:
    return GradientError(
        f"grad: no output depends on inputs[{i}] (shape {x.shape}); "
        "pass allow_unused=True to get None for it"
    )


def _wrong_shape(node: Node, i: int, g: Tensor) -> ShapeError:
    name = node.op.name_of(i, len(node.in_specs))
    return ShapeError(
        f"{node.op.label}: the rule for {name} gave shape {g.shape}; "
        f"{name} has {node.in_specs[i][0]}"
    )
