"""Looking at graphs: as data, as a drawing, as a page."""

from .graph import Graph, GraphEdge, GraphNode, Group, Step, Value
from .record import of, record
from .schema import load

__all__ = ["Graph", "GraphEdge", "GraphNode", "Group", "Step", "Value", "load", "of", "record"]
