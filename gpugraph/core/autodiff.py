"""Reverse-mode differentiation: one sweep over the graph, newest node first.

The rules are made of ops, so a sweep that records (``create_graph``) can be differentiated again,
to any order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from . import anomaly, hooks
from .cotangents import Owned, Part, Waiting, adapted, add_in_place, seeds, sequence
from .errors import GradientError
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
    targets: dict[Node, set[int]] = {}
    for i, x in enumerate(ins):
        if x.edge is None:
            raise GradientError(
                f"grad: inputs[{i}] takes no part in a graph; make it with requires_grad=True"
            )
        edges.append(x.edge)
        targets.setdefault(x.edge[0], set()).add(x.edge[1])
    required = () if allow_unused else ins
    found = _sweep("grad", outs, grad_outputs, targets, bool(retain_graph), create_graph, required)
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
    targets: dict[Node, set[int]] | None,
    retain_graph: bool,
    create_graph: bool,
    required: Sequence[Tensor] = (),
) -> dict[Edge, Tensor]:
    """The cotangents of the targets (None: of every watched edge), as far as they are reached.

    Raises, before anything is freed, if the graph does not lead to one of the required tensors.
    """
    given = seeds(caller, outputs, gradients)
    leads = None
    if targets is not None:
        leads = _leading_to(ancestors([node for (node, _), _ in given]), targets)
    for i, x in enumerate(required):
        if leads is not None and x.node not in leads:
            raise _unused(i, x)
    sweep = Sweep()
    waiting = Waiting(sweep)
    for edge, g in given:
        waiting.receive(edge, g)
    found: dict[Edge, Tensor] = {}
    observers = STATE.get().observers
    looking = anomaly.DETECTOR in observers

    with set_state(recording=create_graph, sweep=sweep, casting=None):
        while waiting.newest:
            node, gs = waiting.take()
            if node.hooks:
                hooks.run(node, gs, sweep)
            watched = node.watchers if targets is None else targets.get(node)
            if watched:
                found.update([((node, k), gs[k]) for k in watched if gs[k] is not None])
            for observer in observers:
                observer.reached(node, gs)
            wanted = node.plan.wanted
            if leads is not None:
                wanted = tuple([i for i in wanted if node.sources[i][0] in leads])
            if not wanted:
                continue
            if node.kept is None:
                raise node.freed()
            sweep.node = node
            op = node.op
            together = None if op.joint is None else op.pull_jointly(node, wanted, gs)
            for i in wanted:
                g = op.pull(node, i, gs) if together is None else together[i]
                if g is None:
                    continue
                edge = node.sources[i]
                if type(g) is Tensor:
                    shape, dtype = edge[0].out_specs[edge[1]]
                    if g.array.shape != shape or g.array.dtype != dtype:
                        g = adapted(node, i, g)
                    if looking:
                        anomaly.check_backward(node, i, g, gs)
                waiting.receive(edge, g)
            if not (retain_graph or create_graph):
                node.kept = None
    return found


def _leading_to(order: list[Node], targets: Collection[Node]) -> set[Node]:
    """The nodes from which a target is reached: nothing else needs a visit."""
    leads: set[Node] = set()
    for node in reversed(order):  # oldest first: parents before children
        if node in targets or any(source in leads for source, _ in node.edges):
            leads.add(node)
    return leads


def _unused(i: int, x: Tensor) -> GradientError:
    return GradientError(
        f"grad: no output depends on inputs[{i}] (shape {x.shape}); "
        "pass allow_unused=True to get None for it"
    )
