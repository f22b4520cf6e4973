"""A graph as data: nodes, edges, groups and the steps of a backward pass.

The fields are those of ``docs/graph-json.md``, one for one.

>>> g = gg.graph.of(loss, backward=True)
>>> g.save("g.html")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import Any

__all__ = ["Graph", "GraphEdge", "GraphNode", "Group", "Step", "Value"]


@dataclass(frozen=True)
class Value:
    """An input or output of a node: its name at the op, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class GraphNode:
    """An op, or what ops start from: see ``docs/graph-json.md`` for every field."""

    id: int
    kind: str
    label: str
    op: str = ""
    params: tuple[str, ...] = ()
    group: int = 0
    scope: tuple[str, ...] = ()
    where: str = ""
    device: str = ""
    order: int = 0
    of: int | None = None
    adds: bool = False
    inputs: tuple[Value | None, ...] = ()
    outputs: tuple[Value, ...] = ()
    cost: Mapping[str, Any] | None = None
    kept: int = 0
    taps: tuple[Any, ...] = ()
    field: tuple[Any, ...] | None = None
    gradients: tuple[tuple[int, int] | None, ...] = ()
    time: float | None = None
    live: int | None = None
    stats: tuple[Mapping[str, Any] | None, ...] | None = None
    images: tuple[Mapping[str, Any], ...] = ()
    error: str = ""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the outputs."""
        return tuple([v.shape for v in self.outputs])

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Dtypes of the outputs."""
        return tuple([v.dtype for v in self.outputs])


@dataclass(frozen=True)
class GraphEdge:
    """Output number `output` of node `source` is input number `input` of node `target`.

    saved  a gradient rule reads what the forward pass kept
    """

    source: int
    output: int
    target: int
    input: int
    saved: bool = False


@dataclass(frozen=True)
class Group:
    """A module or scope, or a fold of `repeats` groups that are alike; group 0 is everything."""

    id: int
    parent: int | None
    name: str
    path: str
    repeats: int = 0


@dataclass(frozen=True)
class Step:
    """A node fired in a backward pass: the ops its rule made, bytes held and freed by then."""

    node: int | None
    ops: tuple[int, ...]
    live: int | None = None
    freed: int | None = None
    order: int = 1


@dataclass(frozen=True)
class Graph:
    """What `gg.graph.of` found. `nodes` are in the order of their making."""

    nodes: tuple[GraphNode, ...] = ()
    edges: tuple[GraphEdge, ...] = ()
    groups: tuple[Group, ...] = (Group(0, None, "", ""),)
    steps: tuple[Step, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    overlays: tuple[Mapping[str, Any], ...] = ()

    def __repr__(self) -> str:
        ops = sum(node.kind == "op" for node in self.nodes)
        return f"<Graph of {ops} ops, {len(self.nodes) - ops} leaves, {len(self.edges)} edges>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .notebook import bundle

        return bundle(self)

    def show(self) -> Any:
        """In a notebook the page; elsewhere it opens in the browser, from a temporary file."""
        from .notebook import show

        return show(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the graph as .html, .svg, .json, .dot, .graphml, or .trace.json of Chrome's form.

        Raises ArgumentError for another end of the name; a file that is there stays until the new
        one is complete.
        """
        from .export import save

        save(self, path)

    def to_dict(self) -> dict[str, Any]:
        """Everything, layout included, in JSON's types: see ``docs/graph-json.md``."""
        from .schema import to_dict

        return to_dict(self)

    def to_json(self) -> str:
        """`to_dict` as text."""
        from .schema import to_json

        return to_json(self)

    def to_html(self) -> str:
        """The page: one file, which needs no network."""
        from .page import page

        return page(self.to_dict())

    def to_svg(self, depth: int | None = None) -> str:
        """A drawing, with groups open to that depth; by default as far as it stays readable."""
        from .svg import draw

        return draw(self.to_dict(), depth)

    def to_dot(self, **options: Any) -> str:
        """The graph in the DOT language of Graphviz: see `gpugraph.viz.export.dot`."""
        from .export import dot

        return dot(self, **options)

    def to_networkx(self) -> Any:
        """A `networkx.MultiDiGraph`; the fields of nodes and edges are its attributes."""
        import networkx

        graph = networkx.MultiDiGraph(**self.meta)
        for node in self.nodes:
            told = {f.name: getattr(node, f.name) for f in fields(node)}
            graph.add_node(node.id, **told, shapes=node.shapes, dtypes=node.dtypes)
        for e in self.edges:
            told = {"output": e.output, "input": e.input, "saved": e.saved}
            graph.add_edge(e.source, e.target, **told)
        return graph
