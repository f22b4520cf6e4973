"""Numbers laid over a graph: errors between two devices, differences between two runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..analysis.table import grid, short
from ..testing.parity_report import Report
from .graph import Graph, GraphNode

__all__ = ["Difference", "diff", "of_parity"]

MOVES = ("copy", "move")  # what devices may need differently: see `gpugraph.testing.parity`


def of_parity(graph: Graph, report: Report, step: int = 1) -> Graph:
    """The graph with the errors of a comparison, as shares of their tolerances."""
    compared = [n for n in report.nodes if n.phase != "update" and n.step == step]
    ops = [n for n in graph.nodes if n.kind == "op" and n.label not in MOVES]
    used: dict[str, float] = {}
    error: dict[str, float] = {}
    states: dict[str, str] = {}
    first = None
    rest = iter(compared)  # ops on the side were compared, too
    for node in ops:
        judged = next((n for n in rest if (n.label, n.order) == (node.label, node.order)), None)
        if judged is None:  # the runs went apart before it
            break
        used[str(node.id)] = judged.used
        error[str(node.id)] = judged.error.abs
        if not judged.ok:
            states[str(node.id)] = "new error"
            first = node.id if first is None else first
        elif judged.tolerance and judged.error.abs > judged.tolerance:
            states[str(node.id)] = "inherited"
    a, b = report.devices
    new = _overlay(f"new error, {b} against {a}", "of its tolerance", used, states, first)
    whole = _overlay(f"error with what is inherited, {b} against {a}", "", error, states, first)
    note = report.verdict().replace("\n", " ")
    meta = {**graph.meta, "notes": [*graph.meta.get("notes", ()), note]}
    return replace(graph, meta=meta, overlays=(*graph.overlays, new, whole))


def _overlay(
    name: str,
    unit: str,
    values: Mapping[str, float],
    states: Mapping[str, str],
    first: int | None = None,
) -> dict[str, Any]:
    return {"name": name, "unit": unit, "values": values, "first": first, "states": states}


@dataclass(frozen=True)
class Difference:
    """What `diff` found: `graph` is the second one, with overlays; a table when printed.

    rows  (state, place in the module tree, what is different) of each node that is
    """

    graph: Graph
    rows: tuple[tuple[str, str, str], ...]

    @property
    def same(self) -> bool:
        """Do both compute the same, by ops, parameters, shapes and places?"""
        return not self.rows

    def to_dict(self) -> dict[str, Any]:
        """The rows."""
        return {
            "same": self.same,
            "rows": [{"state": s, "place": p, "what": w} for s, p, w in self.rows],
        }

    def __str__(self) -> str:
        if self.same:
            return "the same ops, parameters and shapes, in the same places"
        return grid([("", "where", "what"), *self.rows], left={0, 1, 2}, width=120)


FIGURES = {"time": "s", "live": "B", "kept": "B"}


def diff(a: Graph, b: Graph) -> Difference:
    """The second graph against the first: what was added, removed or changed, and by how much.

    Nodes belong together by module path, op, and place among their like; what is left, by op,
    parameters and shapes alone.
    """
    pairs, added, removed = _matched(a, b)
    rows: list[tuple[int, GraphNode, tuple[str, str, str]]] = []
    states: dict[str, str] = {}
    figures: dict[str, dict[str, float]] = {}
    for old, new in pairs:
        told = _changes(old, new)
        if told:
            states[str(new.id)] = "changed"
            rows.append((new.id, new, ("changed", _place(new), "; ".join(told))))
        for name in FIGURES:
            x, y = getattr(old, name), getattr(new, name)
            if x is not None and y is not None:
                figures.setdefault(name, {})[str(new.id)] = y - x
        if old.stats and new.stats and old.stats[0] and new.stats[0]:
            x, y = old.stats[0].get("mean"), new.stats[0].get("mean")
            if isinstance(x, (int, float)) and isinstance(y, (int, float)):
                figures.setdefault("mean", {})[str(new.id)] = y - x
    for node in added:
        states[str(node.id)] = "added"
        rows.append((node.id, node, ("added", _place(node), _told(node))))
    rows += [(len(b.nodes) + n.id, n, ("removed", _place(n), _told(n))) for n in removed]
    forward = [row for row in rows if row[1].kind == "op" and row[1].order == 0]
    # what follows from changes of the forward pass is news to nobody
    listed = [told for _, _, told in sorted(forward or rows, key=lambda row: row[0])]
    name = f"against {a.meta.get('title') or 'the first'}"
    overlays = [_overlay(f"changes {name}", "", {}, states)]
    for figure, values in figures.items():
        if any(values.values()):
            unit = FIGURES.get(figure, "")
            overlays.append(_overlay(f"{figure} {name}", unit, values, states))
    gone = [f"Removed: {_place(node)}: {_told(node)}" for node in removed]
    meta = {**b.meta, "notes": [*b.meta.get("notes", ()), *gone]}
    graph = replace(b, meta=meta, overlays=(*b.overlays, *overlays))
    return Difference(graph, tuple(listed))


def _matched(
    a: Graph, b: Graph
) -> tuple[list[tuple[GraphNode, GraphNode]], list[GraphNode], list[GraphNode]]:
    """Pairs of nodes, those of b alone, those of a alone."""
    left, right = [*a.nodes], [*b.nodes]
    pairs: list[tuple[GraphNode, GraphNode]] = []
    for key in (_by_place, _by_form):
        waiting: dict[Any, list[GraphNode]] = {}
        for node in reversed(left):
            waiting.setdefault(key(node), []).append(node)
        rest = []
        for node in right:
            like = waiting.get(key(node))
            if like:
                pairs.append((like.pop(), node))
            else:
                rest.append(node)
        left = sorted((n for like in waiting.values() for n in like), key=lambda n: n.id)
        right = rest
    return pairs, right, left


def _by_place(node: GraphNode) -> Any:
    leaf = "" if node.kind == "op" else node.label
    return node.kind, node.scope, node.op.partition("(")[0], node.order, leaf


def _by_form(node: GraphNode) -> Any:
    return node.kind, node.op, node.order, node.outputs, node.inputs


def _changes(old: GraphNode, new: GraphNode) -> list[str]:
    """What differs of the two, in words."""
    told = []
    if old.scope != new.scope:
        told.append(f"was in {'.'.join(old.scope) or 'the top'}")
    if old.params != new.params:
        told.append(
            f"{' '.join(old.params) or 'no parameters'} -> {' '.join(new.params) or 'none'}"
        )
    if old.shapes != new.shapes:
        told.append(f"{_shapes(old)} -> {_shapes(new)}")
    if old.dtypes != new.dtypes:
        told.append(f"{' '.join(old.dtypes)} -> {' '.join(new.dtypes)}")
    if old.device != new.device:
        told.append(f"{old.device} -> {new.device}")
    return told


def _place(node: GraphNode) -> str:
    name = node.label if node.kind == "op" else ""
    backward = f" ({'backward ' * node.order}".rstrip() + ")" if node.order else ""
    return (".".join([*node.scope, name]).rstrip(".") if name else node.label) + backward


def _told(node: GraphNode) -> str:
    cost = f", {short(node.cost['macs'])} MACs" if node.cost and node.cost["macs"] else ""
    return " ".join([node.label, *node.params, _shapes(node)]) + cost


def _shapes(node: GraphNode) -> str:
    return " ".join(map(str, node.shapes))
