"""The recorded graph as data: ``gg.graph.of(loss)``. See `gpugraph.viz`."""

from .viz import Graph, GraphEdge, GraphNode, Group, Step, Value, load, of, record

__all__ = ["Graph", "GraphEdge", "GraphNode", "Group", "Step", "Value", "load", "of", "record"]
