"""What a network costs, from the formulas of its ops, forward and backward.

The backward pass is costed by the engine's own rules: each is applied to cotangents that are shapes
only, and the costs of the ops that it is made of are added up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .gradients import NOTHING, Known, formula_of, gradient_costs, kept_bytes, total
from .table import grid, short
from .trace import Step, Trace, trace

__all__ = ["CostReport", "NodeCost", "cost"]


@dataclass(frozen=True)
class NodeCost:
    """One op of a network and what it costs; None where an op has no formula.

    op           its label
    scope        path of the module it is in, "features.0"
    where        "file:line" of the user's code, "" where none is known
    inputs       shapes of its inputs; None for an absent one
    outputs      shapes of its outputs
    forward      cost of computing it
    input_grad   cost of the gradients of what was computed, or of the network's input
    weight_grad  cost of the gradients of parameters, as far as it comes on top of that
    kept         bytes of activations that it keeps for backward, and no op before it
    """

    op: str
    scope: str
    where: str
    inputs: tuple[tuple[int, ...] | None, ...]
    outputs: tuple[tuple[int, ...], ...]
    forward: Known
    input_grad: Known
    weight_grad: Known
    kept: int = 0

    def __str__(self) -> str:
        f, x, w = (_count(c) for c in (self.forward, self.input_grad, self.weight_grad))
        return f"{self.scope or '-'}: {self.op} FLOPs {f}, input gradient {x}, weight gradient {w}"


@dataclass(frozen=True)
class CostReport:
    """Costs of a network: `nodes`, in the order in which they run, and their sums.

    params   numbers in all parameters, each counted once
    shapes   of the inputs
    Sums are None if a part of them has no formula; `known_flops` and the like leave that out.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    params: int
    nodes: tuple[NodeCost, ...]
    trace: Trace = field(repr=False, compare=False)

    @property
    def forward(self) -> Known:
        """Sum of the forward costs."""
        return total(node.forward for node in self.nodes)

    @property
    def input_grad(self) -> Known:
        """Sum of the costs of input gradients."""
        return total(node.input_grad for node in self.nodes)

    @property
    def weight_grad(self) -> Known:
        """Sum of the costs of weight gradients."""
        return total(node.weight_grad for node in self.nodes)

    @property
    def macs(self) -> int | None:
        """Multiply-adds of convolutions and products in a forward pass, bias left out."""
        return None if (c := self.forward) is None else c.macs

    @property
    def flops(self) -> int | None:
        """Floating-point operations of a forward pass, of all ops."""
        return None if (c := self.forward) is None else c.flops

    @property
    def bytes(self) -> int | None:
        """Compulsory traffic forward: each op's inputs read once, its outputs written once."""
        return None if (c := self.forward) is None else c.bytes

    @property
    def kept(self) -> int:
        """Bytes of activations that are kept for backward."""
        return sum(node.kept for node in self.nodes)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Labels of the ops that have no formula, for forward or backward."""
        parts = ((n.op, (n.forward, n.input_grad, n.weight_grad)) for n in self.nodes)
        return tuple(sorted({op for op, costs in parts if None in costs}))

    def __str__(self) -> str:
        head = ("op", "module", "output", "MACs", "FLOPs", "input grad", "weight grad", "formula")
        rows = [
            (
                node.op,
                node.scope,
                "x".join(map(str, node.outputs[0])) if node.outputs else "",
                _count(node.forward, "macs"),
                *map(_count, (node.forward, node.input_grad, node.weight_grad)),
                _formula(node.forward),
            )
            for node in self.nodes
        ]
        sums = [_partial(getattr(self, k), self.nodes, k) for k in PHASES]
        macs = _partial(self.forward, self.nodes, "forward", "macs")
        rows.append(("total", "", f"{short(self.params)} parameters", macs, *sums, ""))
        return grid([head, *rows], left={0, 1, 2, 7}, width=120)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values; null where there is no formula."""
        sums = {k: _plain(getattr(self, k)) for k in PHASES}
        nodes = [
            {
                **{k: getattr(n, k) for k in ("op", "scope", "where", "inputs", "outputs", "kept")},
                **{k: _plain(getattr(n, k)) for k in PHASES},
            }
            for n in self.nodes
        ]
        return {
            "version": 1, "name": self.name, "shapes": self.shapes, "params": self.params,
            "macs": self.macs, "flops": self.flops, "bytes": self.bytes, "kept": self.kept,
            **sums, "unknown": self.unknown, "nodes": nodes,
        }  # fmt: skip

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=1)


PHASES = ("forward", "input_grad", "weight_grad")


def cost(model: Any, shape: Any = None, input_grad: bool = True) -> CostReport:
    """What a network costs for inputs of that shape, in operations and bytes; no kernel runs.

    model       a `Module` or function; or a Tensor that was computed, with its graph
    shape       of the input, (N, C, H, W); or a list of shapes, `Spec`s, tensors or arrays
    input_grad  count the gradient of the input, too, which training does not need
    MACs are those of convolutions and products without bias (padding included: F^2 K L H W); FLOPs
    are 2 x MACs there, and other ops have formulas of their own. Sums of FLOPs are over all ops. A
    graph whose backward has run has no costs of gradients any more: they are None.
    """
    found = trace(model, shape, "cost")
    constant = set() if input_grad else {i for i, _ in found.inputs}
    gradients = gradient_costs(found, constant)
    kept = kept_bytes(found)
    nodes = tuple(
        [
            NodeCost(
                step.label,
                ".".join(step.scope),
                step.where,
                tuple([None if s is None else s.shape for s in step.specs]),
                tuple([s.shape for s in step.outs]),
                _forward(step),
                *gradients.get(i, (NOTHING, NOTHING)),
                kept.get(i, 0),
            )
            for i, step in found.ops()
        ]
    )
    if found.model is not None:
        count = sum(p.size for p in found.model.parameters())
    else:
        count = sum(s.outs[0].size for s in found.steps if s.kind == "parameter")
    name = getattr(model, "__name__", type(model).__name__)
    shapes = tuple([found.steps[i].outs[0].shape for i, _ in found.inputs])
    return CostReport(name, shapes, count, nodes, found)


def _forward(step: Step) -> Known:
    """The op's own formula, with its numbers; None if it has none."""
    assert step.op is not None
    return formula_of(step.op, step.specs, step.outs)


def _count(found: Known, figure: str = "flops") -> str:
    return "?" if found is None else short(getattr(found, figure))


def _partial(found: Known, nodes: Sequence[NodeCost], phase: str, figure: str = "flops") -> str:
    """The sum; where parts are unknown, what is known of it and a question mark."""
    if found is not None:
        return _count(found, figure)
    known = total(c for n in nodes if (c := getattr(n, phase)) is not None)
    return f"{_count(known, figure)}+?"


def _formula(found: Known) -> str:
    return "?" if found is None else found.formula


def _plain(found: Known) -> dict[str, Any] | None:
    return None if found is None else asdict(found)
