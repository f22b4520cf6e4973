"""A recorded graph as data: nodes and edges to walk, export and draw.

>>> g = gg.graph.of(loss)
>>> g.save("g.svg")
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, GradientError
from ..core.files import write_atomically
from ..core.graph import Node, ancestors
from ..core.tensor import Tensor
from ..core.window import Window

__all__ = ["Graph", "GraphEdge", "GraphNode", "of"]


@dataclass(frozen=True)
class GraphNode:
    """One box of the graph.

    id      its place in the list; what it needs comes before it
    kind    "op", "parameter" (a leaf with a gradient) or "constant" (an array without one)
    label   name of the op, of the input that a constant is, of a parameter if a model names it
    params  the op's parameters that differ from their defaults, as "stride=2"
    shapes  of its outputs
    dtypes  of its outputs
    scope   path of `gpugraph.scope` names around the call
    where   "file:line" of the user's code that made it
    """

    id: int
    kind: str
    label: str
    params: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    scope: tuple[str, ...]
    where: str


@dataclass(frozen=True)
class GraphEdge:
    """Output number `output` of node `source` is the input called `input` of node `target`."""

    source: int
    output: int
    target: int
    input: str


@dataclass(frozen=True)
class Graph:
    """What `of` found: `nodes` in the order of recording, and the `edges` between them."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]

    def __repr__(self) -> str:
        ops = sum(node.kind == "op" for node in self.nodes)
        return f"<Graph of {ops} ops, {len(self.nodes) - ops} leaves, {len(self.edges)} edges>"

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def save(self, path: str | PathLike[str]) -> None:
        """Write the graph as .svg, .json or .dot, by the end of the name."""
        writers = {".svg": self.to_svg, ".json": self.to_json, ".dot": self.to_dot}
        suffix = Path(path).suffix
        if suffix not in writers:
            raise ArgumentError(f"save: {path} ends in none of {', '.join(writers)}")
        write_atomically(path, writers[suffix]())

    def to_svg(self) -> str:
        """A drawing, top down; see `gpugraph.viz.svg`."""
        from .svg import draw

        return draw(self)

    def to_json(self) -> str:
        """Nodes and edges with all their fields, as JSON with a version number."""
        return json.dumps({"version": 1, **dataclasses.asdict(self)}, indent=1)

    def to_dot(self) -> str:
        """The graph in the DOT language of Graphviz."""
        lines = ["digraph gpugraph {", '  node [shape=box, style=rounded, fontname="Helvetica"];']
        for node in self.nodes:
            text = "\n".join([node.label, *node.params, *map(str, node.shapes)])
            style = "" if node.kind == "op" else ', style="rounded,filled"'
            lines.append(f"  n{node.id} [label={_quoted(text)}{style}];")
        for edge in self.edges:
            lines.append(f"  n{edge.source} -> n{edge.target} [tooltip={_quoted(edge.input)}];")
        return "\n".join([*lines, "}", ""])

    def to_networkx(self) -> Any:
        """A `networkx.MultiDiGraph`; the fields of nodes and edges are its attributes."""
        import networkx

        graph = networkx.MultiDiGraph()
        for node in self.nodes:
            graph.add_node(node.id, **dataclasses.asdict(node))
        for edge in self.edges:
            graph.add_edge(edge.source, edge.target, output=edge.output, input=edge.input)
        return graph


def of(*outputs: Tensor, model: Any = None) -> Graph:
    """The graph from which these tensors were computed, also after their backward.

    model  names the parameters ("conv1.weight") where it is given: a module, or whatever has
           ``named_parameters()``
    Inputs that take no gradient are not recorded; each shows as a constant of the op it enters.
    """
    if not outputs:
        raise ArgumentError("graph.of: needs at least one output")
    for y in outputs:
        if y.node is None:
            raise GradientError(
                f"graph.of: the output (shape {y.shape}) has no graph; it depends on no tensor "
                "with requires_grad=True, or was made under no_grad()"
            )
    named = model.named_parameters() if model is not None else ()
    names = {tensor.node: name for name, tensor in named}
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    ids: dict[Node, int] = {}

    def add(node: Node, kind: str, label: str, specs: Any) -> int:
        params = _params(node.op) if kind == "op" else ()
        shapes, dtypes = tuple(s for s, _ in specs), tuple(str(d) for _, d in specs)
        new = GraphNode(len(nodes), kind, label, params, shapes, dtypes, node.scope, node.where)
        nodes.append(new)
        return new.id

    for node in reversed(ancestors([y.node for y in outputs if y.node is not None])):
        if node.op is None:
            ids[node] = add(node, "parameter", names.get(node, ""), node.out_specs)
            continue
        sources = []
        inputs = zip(node.op.names(len(node.parents)), node.parents, node.in_specs, strict=True)
        for name, parent, spec in inputs:
            if parent is not None:
                sources.append((ids[parent[0]], parent[1], name))
            elif spec is not None:  # an absent optional input has none
                sources.append((add(node, "constant", name, [spec]), 0, name))
        ids[node] = add(node, "op", node.op.label, node.out_specs)
        edges += [GraphEdge(source, k, ids[node], name) for source, k, name in sources]
    return Graph(tuple(nodes), tuple(edges))


NEUTRAL = {"stride": 1, "padding": 0, "dilation": 1}  # of a window


def _params(op: Any) -> tuple[str, ...]:
    """The fields of an op, and those of its window, that are not as usual."""
    found: list[str] = []
    for field in dataclasses.fields(op):
        value = getattr(op, field.name)
        if isinstance(value, Window):
            shorts = {f.name: _short(getattr(value, f.name)) for f in dataclasses.fields(value)}
            found += [f"{k}={short}" for k, short in shorts.items() if short != NEUTRAL.get(k)]
        elif value != field.default:
            found.append(f"{field.name}={value}")
    return tuple(found)


def _short(value: Any) -> Any:
    """One number for a tuple of equal ones: a window of size (3, 3) is a window of size 3."""
    if isinstance(value, tuple) and value:
        first, *others = map(_short, value)
        if all(other == first for other in others):
            return first
    return value


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
