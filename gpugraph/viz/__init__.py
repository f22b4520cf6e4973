"""Looking at graphs: as data, as a drawing."""

from .graph import Graph, GraphEdge, GraphNode, of

__all__ = ["Graph", "GraphEdge", "GraphNode", "of"]
