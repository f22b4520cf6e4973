"""Graphs to and from JSON, as ``docs/graph-json.md`` describes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

from ..core.errors import DataError
from .graph import Graph, GraphEdge, GraphNode, Group, Step, Value

__all__ = ["SCHEMA", "VERSION", "from_dict", "load", "to_dict", "to_json"]

SCHEMA, VERSION = "gpugraph-graph", 1
OPTIONAL = {  # fields that are left out where they say nothing
    "op": "",
    "params": (),
    "where": "",
    "of": None,
    "adds": False,
    "inputs": (),
    "cost": None,
    "kept": 0,
    "taps": (),
    "field": None,
    "gradients": (),
    "time": None,
    "live": None,
    "stats": None,
    "images": (),
    "error": "",
}


def to_dict(graph: Graph) -> dict[str, Any]:
    """Everything, layout included, in JSON's types."""
    from .layout import layout

    told = {
        "schema": SCHEMA,
        "version": VERSION,
        "meta": _plain(graph.meta),
        "groups": [asdict(g) for g in graph.groups],
        "nodes": [_node(node) for node in graph.nodes],
        "edges": [[e.source, e.output, e.target, e.input, int(e.saved)] for e in graph.edges],
        "steps": [_plain(asdict(s)) for s in graph.steps],
        "overlays": _plain(graph.overlays),
    }
    return {**told, "layout": layout(told)}


def to_json(graph: Graph) -> str:
    """The same as text, a line for each node and edge; equal graphs give equal texts."""
    told = to_dict(graph)
    parts = []
    for key, value in told.items():
        if isinstance(value, list) and value:
            rows = ",\n  ".join(json.dumps(row) for row in value)
            parts.append(f"{json.dumps(key)}: [\n  {rows}\n ]")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{" + ",\n ".join(parts) + "}\n"


def load(path: str | PathLike[str]) -> Graph:
    """The graph in a JSON file. Raises DataError for what is none, or of a newer version."""
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: this is no JSON ({error})") from None
    return from_dict(told, str(path))


def from_dict(told: Any, label: str = "graph") -> Graph:
    """The graph that `to_dict` wrote. Raises DataError, and says what is wrong."""
    if not isinstance(told, Mapping) or told.get("schema") != SCHEMA:
        raise DataError(f'{label}: this is no graph of gpugraph: it has no "schema": "{SCHEMA}"')
    version = told.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise DataError(
            f"{label}: its schema has version {version}, and this gpugraph reads up to {VERSION}; "
            "upgrade gpugraph, or export the graph again with this one"
        )
    try:
        graph = Graph(
            tuple([_read_node(n) for n in told["nodes"]]),
            tuple([GraphEdge(a, k, b, i, bool(s)) for a, k, b, i, s in told["edges"]]),
            tuple([Group(**g) for g in told["groups"]]),
            tuple([Step(**{**s, "ops": tuple(s["ops"])}) for s in told["steps"]]),
            dict(told["meta"]),
            tuple(told.get("overlays", ())),
        )
        _check(graph, label)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{label}: a part is missing or malformed ({type(error).__name__}: {error})"
        ) from None
    return graph


def _check(graph: Graph, label: str) -> None:
    """Numbers must be places, and edges must lead forward, or nothing that follows can work."""
    nodes, groups = len(graph.nodes), len(graph.groups)
    for i, node in enumerate(graph.nodes):
        if node.id != i or not 0 <= node.group < groups:
            raise DataError(f"{label}: node {i} has id {node.id} and group {node.group}")
        if node.of is not None and not 0 <= node.of < nodes:
            raise DataError(f"{label}: node {i} is of node {node.of}, which is not there")
    for i, group in enumerate(graph.groups):
        if group.id != i or (group.parent is None) != (i == 0) or (group.parent or 0) >= max(i, 1):
            raise DataError(f"{label}: group {i} has id {group.id} and parent {group.parent}")
    for e in graph.edges:
        if not (0 <= e.source < nodes and 0 <= e.target < nodes):
            raise DataError(f"{label}: an edge goes from node {e.source} to node {e.target}")
        if e.source >= e.target:
            raise DataError(
                f"{label}: the edge from node {e.source} to node {e.target} makes a cycle: a node "
                "needs only nodes before it"
            )
        if not 0 <= e.output < max(1, len(graph.nodes[e.source].outputs)):
            raise DataError(f"{label}: node {e.source} has no output {e.output}")
    for step in graph.steps:
        if not all(0 <= i < nodes for i in (*step.ops, step.node or 0)):
            raise DataError(f"{label}: a step has nodes that are not there")


def _node(node: GraphNode) -> dict[str, Any]:
    """The fields that say something."""
    told = _plain(asdict(node))
    return {k: v for k, v in told.items() if v != _plain(OPTIONAL.get(k, told))}


def _read_node(told: Mapping[str, Any]) -> GraphNode:
    def value(v: Any) -> Value | None:
        return None if v is None else Value(v["name"], tuple(v["shape"]), v["dtype"])

    fixed = {k: _frozen(v) for k, v in told.items() if k not in ("inputs", "outputs")}
    outputs = [value(v) for v in told["outputs"]]
    if None in outputs:
        raise DataError("an output is null")
    inputs = tuple([value(v) for v in told.get("inputs", ())])
    return GraphNode(inputs=inputs, outputs=tuple([v for v in outputs if v]), **fixed)


def _frozen(x: Any) -> Any:
    return tuple(map(_frozen, x)) if isinstance(x, list) else x


def _plain(x: Any) -> Any:
    if isinstance(x, Mapping):
        return {str(k): _plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_plain(v) for v in x]
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    return x
