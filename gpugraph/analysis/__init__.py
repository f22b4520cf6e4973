"""What a network is before it runs: costs and receptive fields, on shapes alone.

>>> gg.analysis.cost(model, (1, 3, 224, 224)).macs
>>> gg.analysis.receptive_field(model, (1, 3, 224, 224))[0]
"""

from .compare import Comparison, compare
from .costs import CostReport, NodeCost, cost
from .fields import ReceptiveField, Seen, receptive_field
from .memory import Memory, memory
from .summary import Summary, summary

__all__ = [
    "Comparison",
    "CostReport",
    "Memory",
    "NodeCost",
    "ReceptiveField",
    "Seen",
    "Summary",
    "compare",
    "cost",
    "memory",
    "receptive_field",
    "summary",
]
