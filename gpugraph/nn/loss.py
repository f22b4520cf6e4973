"""Losses as modules."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..ops.losses import cross_entropy, mse_loss, nll_loss
from .module import Module

__all__ = ["CrossEntropyLoss", "MSELoss", "NLLLoss"]


class _Loss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def extra_repr(self) -> str:
        return f"{self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """`functional.cross_entropy` of raw logits (N, C, ...) and class indices (N, ...)."""

    def forward(self, logits: Any, target: Any) -> Tensor:
        return cross_entropy(logits, target, self.reduction)


class NLLLoss(_Loss):
    """`functional.nll_loss` of log-probabilities (N, C, ...) and class indices (N, ...)."""

    def forward(self, log_probs: Any, target: Any) -> Tensor:
        return nll_loss(log_probs, target, self.reduction)


class MSELoss(_Loss):
    """The squared error, `functional.mse_loss`, of two tensors of one shape."""

    def forward(self, x: Any, target: Any) -> Tensor:
        return mse_loss(x, target, self.reduction)
