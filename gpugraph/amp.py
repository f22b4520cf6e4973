"""Mixed precision: `autocast` for the forward pass, `GradScaler` around the backward pass."""

from .ops.autocast import autocast
from .optim.scaler import GradScaler

__all__ = ["GradScaler", "autocast"]
