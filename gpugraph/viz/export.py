"""Graphs as files: by the end of the name the page, SVG, JSON, DOT, GraphML or a Chrome trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from os import PathLike, fspath
from typing import Any

from ..core.errors import ArgumentError
from ..core.files import write_atomically
from .graph import Graph, GraphNode

__all__ = ["chrome_trace", "dot", "graphml", "save"]

WRITERS: dict[str, Callable[[Graph], str]] = {
    ".html": Graph.to_html,
    ".svg": Graph.to_svg,
    ".trace.json": lambda graph: chrome_trace(graph),
    ".json": Graph.to_json,
    ".dot": Graph.to_dot,
    ".graphml": lambda graph: graphml(graph),
}


def save(graph: Graph, path: str | PathLike[str]) -> None:
    """Write the graph in the form that the end of the name asks for."""
    name = fspath(path)
    for suffix, write in WRITERS.items():
        if name.lower().endswith(suffix):
            write_atomically(path, write(graph))
            return
    raise ArgumentError(f"save: {name} ends in none of {', '.join(WRITERS)}")


def dot(
    graph: Graph,
    rankdir: str = "TB",
    variable_style: dict[str, str] | None = None,
    function_style: dict[str, str] | None = None,
    show_name: bool = True,
    remove_variable: bool = False,
) -> str:
    """The graph in the DOT language of Graphviz; groups are clusters.

    rankdir         "TB": data flows from top to bottom; "LR": from left to right
    variable_style  attributes of parameters, inputs and constants, as {"shape": "octagon"}
    function_style  attributes of ops
    show_name       write the names of variables
    remove_variable leave them out
    The names are those of Chainer's `computational_graph`, which many scripts use.
    """
    if rankdir not in ("TB", "LR", "BT", "RL"):
        raise ArgumentError(f"dot: rankdir={rankdir!r} must be TB, LR, BT or RL")
    lines = [
        "digraph gpugraph {",
        f"  rankdir={rankdir};",
        '  node [shape=box, style=rounded, fontname="Helvetica"];',
    ]
    variable = variable_style or {"style": "rounded,filled", "fillcolor": "#fdf0d8"}
    drawn = [n for n in graph.nodes if n.kind == "op" or not remove_variable]
    inside: dict[int, list[GraphNode]] = {}
    for node in drawn:
        inside.setdefault(node.group, []).append(node)
    stack: list[tuple[int, int] | str] = [(0, 1)]
    children: dict[int | None, list[int]] = {}
    for group in graph.groups:
        children.setdefault(group.parent, []).append(group.id)
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            lines.append(item)
            continue
        number, depth = item
        pad = "  " * depth
        if number:
            group = graph.groups[number]
            lines.append(f"{'  ' * (depth - 1)}subgraph cluster_{number} {{")
            lines.append(f"{pad}label={_quoted(group.name)}; color=gray; style=rounded;")
            stack.append("  " * (depth - 1) + "}")
        for node in inside.get(number, ()):
            style = (function_style or {}) if node.kind == "op" else variable
            told = {"label": _label(node, show_name), **style}
            text = ", ".join(f"{k}={_quoted(v)}" for k, v in told.items())
            lines.append(f"{pad}n{node.id} [{text}];")
        stack += [(child, depth + 1) for child in reversed(children.get(number, []))]
    shown = {node.id for node in drawn}
    for e in graph.edges:
        if e.source in shown and e.target in shown:
            dashed = ", style=dashed, constraint=false" if e.saved else ""
            value = graph.nodes[e.target].inputs[e.input]
            name = "" if value is None else value.name
            lines.append(f"  n{e.source} -> n{e.target} [tooltip={_quoted(name)}{dashed}];")
    return "\n".join([*lines, "}", ""])


def _label(node: GraphNode, show_name: bool) -> str:
    name = [node.label] if show_name or node.kind == "op" else []
    return "\n".join([*name, *node.params, *map(str, node.shapes)])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode("utf-8", "replace").decode()


def graphml(graph: Graph) -> str:
    """The graph as GraphML, for yEd, Gephi, Cytoscape: every field as text or number."""
    import networkx

    plain = networkx.MultiDiGraph()
    for node in graph.nodes:
        fields = {
            "kind": node.kind,
            "label": node.label,
            "op": node.op,
            "params": " ".join(node.params),
            "scope": ".".join(node.scope),
            "where": node.where,
            "device": node.device,
            "order": node.order,
            "shapes": " ".join(map(str, node.shapes)),
            "dtypes": " ".join(node.dtypes),
            "kept": node.kept,
            "of": node.of,
            "time": node.time,
            "live": node.live,
            "field": None if node.field is None else str(node.field),
            **{k: node.cost[k] for k in ("macs", "flops", "bytes", "formula") if node.cost},
        }
        told = {k: _valid(v) for k, v in fields.items() if v is not None}
        plain.add_node(node.id, **told)
    for e in graph.edges:
        plain.add_edge(e.source, e.target, output=e.output, input=e.input, saved=e.saved)
    return "\n".join(networkx.generate_graphml(plain)) + "\n"


def _valid(value: Any) -> Any:
    """Text without the characters that XML can't hold."""
    if not isinstance(value, str):
        return value
    return "".join(
        c
        if c in "\t\n\r"
        or (c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and c not in "\ufffe\uffff")
        else "\ufffd"
        for c in value
    )


def chrome_trace(graph: Graph) -> str:
    """Times as a trace for Perfetto or chrome://tracing; forward and backward have a track each.

    Ops follow each other in the order in which they ran; arrows lead from an op to its gradients.
    Raises ArgumentError if no times were taken.
    """
    if all(node.time is None for node in graph.nodes):
        raise ArgumentError("trace: the graph has no times; record it with time=True")
    events: list[dict[str, Any]] = []
    now = 0.0
    for order in range(int(graph.meta.get("order", 0)) + 1):
        name = "forward" if order == 0 else "backward" + (f" {order}" if order > 1 else "")
        events.append(_event("M", "thread_name", order, 0, args={"name": name}))
    begins: dict[int, float] = {}
    for node in graph.nodes:
        if node.time is None:
            continue
        took = node.time * 1e6
        args = {"shapes": node.shapes, "where": node.where, "op": node.op, "node": node.id}
        title = ".".join([*node.scope, node.label])
        events.append(_event("X", title, node.order, now, dur=took, cat=node.label, args=args))
        if node.live is not None:
            events.append(_event("C", "live bytes", 0, now + took, args={"bytes": node.live}))
        begins[node.id] = now
        if node.of in begins and not node.adds:
            arrow = {"cat": "gradient", "id": node.id}
            start = begins[node.of]
            events.append(_event("s", "gradient", graph.nodes[node.of].order, start, **arrow))
            events.append(_event("f", "gradient", node.order, now, bp="e", **arrow))
        now += took
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}) + "\n"


def _event(phase: str, name: str, track: int, at: float, **more: Any) -> dict[str, Any]:
    return {"ph": phase, "name": name, "pid": 1, "tid": track, "ts": round(at, 3), **more}
