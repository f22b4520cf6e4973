"""One readable training loop, what it measured, and pictures of it."""

from .evaluation import evaluate, predict
from .fit import fit
from .history import History

__all__ = ["History", "evaluate", "fit", "predict"]
