"""What a network is before it runs: costs, by the formulas of its ops, on shapes alone.

>>> gg.analysis.cost(model, (1, 3, 224, 224)).macs
"""

from .compare import Comparison, compare
from .costs import CostReport, NodeCost, cost

__all__ = ["Comparison", "CostReport", "NodeCost", "compare", "cost"]
