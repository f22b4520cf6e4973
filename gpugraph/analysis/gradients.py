"""What the backward pass of each step costs and keeps, by the engine's own rules.

Each rule is applied to cotangents that are shapes only, under an observer that adds up the costs of
the ops it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from ..core.backend import MetaArray
from ..core.cotangents import adapted
from ..core.errors import GpugraphError
from ..core.graph import Node, new_node
from ..core.op import Cost, Spec
from ..core.state import Observer, observe, set_state
from ..core.tensor import Saved, wrap
from .trace import Source, Trace

__all__ = ["NOTHING", "Known", "formula_of", "gradient_costs", "kept_bytes", "total"]

Known: TypeAlias = "Cost | None"  # None: no formula
NOTHING = Cost(0, 0)


def total(costs: Iterable[Known], formula: Known = NOTHING) -> Known:
    """The sum, under the formula of that cost; None if a part is unknown."""
    flops = moved = macs = 0
    for part in costs:
        if part is None:
            return None
        flops, moved, macs = flops + part.flops, moved + part.bytes, macs + part.macs
    return Cost(flops, moved, macs, formula.formula if formula is not None else "")


def formula_of(op: Any, specs: Sequence[Spec | None], outs: Sequence[Spec]) -> Known:
    """The cost of an op; where it writes down no formula, one that counts its elements."""
    try:
        made: Known = op.cost(*specs)
    except NotImplementedError:
        return None
    if made is None or made.formula or not made.flops:
        return made
    for spec in (*outs, *specs):
        if spec is not None and spec.size and made.flops % spec.size == 0:
            each = made.flops // spec.size
            factors = [str(each)] if each > 1 or not spec.shape else []
            formula = "*".join([*factors, *map(str, spec.shape)])
            return Cost(made.flops, made.bytes, made.macs, formula)
    return Cost(made.flops, made.bytes, made.macs, str(made.flops))


class _Sum(Observer):
    """Adds up the costs of all ops that are applied; None once one has no formula."""

    def __init__(self) -> None:
        self.parts: list[Known] = []

    def applied(self, op: Any, arrays: Sequence[Any], outs: Sequence[Any]) -> None:
        specs = [None if a is None else Spec(a.shape, a.dtype) for a in arrays]
        made = [Spec(y.shape, y.dtype) for y in outs]
        self.parts.append(formula_of(op, specs, made))

    def cost(self) -> Known:
        """The sum, with the formulas of products."""
        found = total(self.parts)
        if found is None:
            return None
        formulas = [c.formula for c in self.parts if c is not None and c.macs]
        if not formulas and found.flops:
            formulas = [c.formula for c in self.parts if c is not None and c.formula]
        return Cost(found.flops, found.bytes, found.macs, " + ".join(formulas))


def costed(run: Callable[[], Any]) -> Known:
    """The cost of what run does; None if a part has no formula, or a rule can't do it in shapes."""
    counter = _Sum()
    try:
        with set_state(recording=False), observe(counter):
            run()
    except (GpugraphError, NotImplementedError, TypeError, ValueError, AttributeError):
        return None
    return counter.cost()


def gradient_costs(found: Trace, constant: set[int]) -> dict[int, tuple[Known, Known]]:
    """(cost of input gradients, of weight gradients) of each recorded step that leads to a result.

    constant  steps that need no gradient
    """
    reached: set[Source] = set(found.outputs)  # values with a cotangent
    needs = _needing(found, constant)
    costs: dict[int, tuple[Known, Known]] = {}
    for i in range(len(found.steps) - 1, -1, -1):
        step = found.steps[i]
        node = step.node
        if step.op is None or node is None or i not in needs:
            continue
        gs = [
            wrap(MetaArray(s.shape, s.dtype)) if (i, k) in reached else None
            for k, s in enumerate(step.outs)
        ]
        if all(g is None for g in gs):
            continue
        wanted: dict[int, Source] = {}
        sums: dict[int, Cost] = {}
        for k, (edge, source) in enumerate(zip(node.parents, step.sources, strict=True)):
            if edge is None or source is None or source[0] not in needs:
                continue
            wanted[k] = source
            if source in reached:  # its cotangent is a sum
                spec = found.steps[source[0]].outs[source[1]]
                sums[k] = Cost(spec.size, 3 * spec.nbytes)
            reached.add(source)
        weights = {k for k, s in wanted.items() if found.steps[s[0]].kind == "parameter"}
        costs[i] = _split(node, gs, list(wanted), weights, sums)
    return costs


def _needing(found: Trace, constant: set[int]) -> set[int]:
    """The steps whose outputs need a gradient, if the constant ones need none."""
    needs: set[int] = set()
    for i, step in enumerate(found.steps):
        if step.op is None:
            if i not in constant and step.kind in ("input", "parameter"):
                needs.add(i)
        elif step.node is not None and any(
            edge is not None and source is not None and source[0] in needs
            for edge, source in zip(step.node.parents, step.sources, strict=True)
        ):
            needs.add(i)
    return needs


def _split(
    node: Node, gs: list[Any], wanted: list[int], weights: set[int], sums: dict[int, Cost]
) -> tuple[Known, Known]:
    """Cost of the gradients of inputs alone, and of what those of weights add to it.

    sums  of the cotangents of an input that takes part in several ops
    """
    if node.kept is None:
        return None, None

    ghost = _in_shapes(node)

    def rules(which: list[int]) -> Known:
        return costed(lambda: _pulled(ghost, which, list(gs)))

    inputs = [k for k in wanted if k not in weights]
    first = rules(inputs) if inputs else NOTHING
    both = rules(wanted) if weights else first
    rest: Known = None if weights else NOTHING
    if weights and first is not None and both is not None:
        shared = both.formula.startswith(first.formula)
        formula = both.formula[len(first.formula) :].removeprefix(" + ") if shared else ""
        flops, macs = both.flops - first.flops, both.macs - first.macs
        rest = Cost(flops, max(0, both.bytes - first.bytes), macs, formula if flops else "")
    return (
        total([first, *(c for k, c in sums.items() if k not in weights)], first),
        total([rest, *(c for k, c in sums.items() if k in weights)], rest),
    )


def _in_shapes(node: Node) -> Node:
    """The node with what it keeps as shapes alone, wherever its graph was computed."""

    def ghost(saved: Any) -> Any:
        if isinstance(saved, list):
            return list(map(ghost, saved))
        if saved is None:
            return None
        array = MetaArray(saved.array.shape, saved.array.dtype)
        return Saved(wrap(array), saved.position)

    kept = {name: ghost(saved) for name, saved in (node.kept or {}).items()}
    specs = node.sources, node.out_specs
    twin = new_node(node.op, node.plan, *specs, node.scope, (None, 0))
    twin.kept = kept
    return twin


def _pulled(node: Node, which: list[int], gs: list[Any]) -> None:
    """Run the rules for these inputs; a part of a cotangent is made whole by an op."""
    together = node.op.pull_jointly(node, which, gs)
    for i in which:
        g = node.op.pull(node, i, gs) if together is None else together[i]
        if hasattr(g, "total"):
            g.total([g])
        elif g is not None:
            adapted(node, i, g)


def kept_bytes(found: Trace) -> dict[int, int]:
    """Bytes of activations that each step keeps for backward and no step before it does.

    Parameters, buffers and inputs are there anyway. A view keeps what it looks into.
    """
    seen: set[Any] = set()
    kept: dict[int, int] = {}
    for i, step in found.ops():
        if not step.kept:
            continue
        assert step.op is not None
        names = step.op.names(len(step.sources))
        for name in step.kept:
            if name in step.op.outputs:
                sources = [(i, step.op.outputs.index(name))]
            else:
                sources = [
                    s
                    for s, n in zip(step.sources, names, strict=True)
                    if s is not None and (n == name or n.startswith(f"{name}["))
                ]
            for source in map(_base(found), sources):
                if source in seen or found.steps[source[0]].op is None:
                    continue
                seen.add(source)
                kept[i] = kept.get(i, 0) + found.steps[source[0]].outs[source[1]].nbytes
    return kept


def _base(found: Trace) -> Callable[[Source], Source]:
    """A function that follows views to the value whose memory they look into."""

    def base(source: Source) -> Source:
        step = found.steps[source[0]]
        while step.op is not None and step.op.view and step.sources[0] is not None:
            source = step.sources[0]
            step = found.steps[source[0]]
        return source

    return base
