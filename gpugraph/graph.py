"""The recorded graph as data: ``gg.graph.of(loss)``. See `gpugraph.viz.graph`."""

from .viz.graph import Graph, GraphEdge, GraphNode, of

__all__ = ["Graph", "GraphEdge", "GraphNode", "of"]
