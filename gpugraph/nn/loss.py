"""Losses as modules: each calls the function of `functional` that its docstring names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from ..ops.class_losses import (
    cross_entropy,
    multi_margin_loss,
    multilabel_margin_loss,
    nll_loss,
)
from ..ops.creation import asarray
from ..ops.ctc import ctc_loss
from ..ops.margin_losses import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from ..ops.value_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    multilabel_soft_margin_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from .module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class _Loss(Module):
    """Base: what was passed at construction goes to the function by keyword, `options`."""

    options: tuple[str, ...] = ("reduction",)
    more_reductions: tuple[str, ...] = ()

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("none", "mean", "sum", *self.more_reductions):
            raise ArgumentError(
                f"{type(self).__name__}: reduction={reduction!r} must be 'mean', 'sum' or 'none'"
            )
        self.reduction = reduction

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.options}

    def extra_repr(self) -> str:
        told = {n: v for n, v in self._given().items() if n not in ("weight", "pos_weight")}
        reduction = told.pop("reduction")
        return ", ".join([repr(reduction), *(f"{n}={v}" for n, v in told.items())])


class _WeightedLoss(_Loss):
    """Base of losses with a weight, a buffer: it is moved and saved with the module."""

    options: tuple[str, ...] = ("weight", "reduction")

    def __init__(self, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self._weigh("weight", weight)

    def _weigh(self, name: str, weight: Any) -> None:
        self.register_buffer(name, None if weight is None else asarray(weight))


class CrossEntropyLoss(_WeightedLoss):
    """`functional.cross_entropy` of raw logits (N, C, ...) and class indices or probabilities."""

    options = ("weight", "reduction", "ignore_index", "label_smoothing")

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, logits: Any, target: Any) -> Tensor:
        return cross_entropy(logits, target, **self._given())


class NLLLoss(_WeightedLoss):
    """`functional.nll_loss` of log-probabilities (N, C, ...) and class indices (N, ...)."""

    options = ("weight", "reduction", "ignore_index")

    def __init__(
        self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.ignore_index = ignore_index

    def forward(self, log_probs: Any, target: Any) -> Tensor:
        return nll_loss(log_probs, target, **self._given())


class MultiMarginLoss(_WeightedLoss):
    """`functional.multi_margin_loss` of scores (N, C) and class indices (N)."""

    options = ("weight", "reduction", "p", "margin")

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Any = None, *, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.p, self.margin = p, margin

    def forward(self, x: Any, target: Any) -> Tensor:
        return multi_margin_loss(x, target, **self._given())


class MultiLabelMarginLoss(_Loss):
    """`functional.multilabel_margin_loss` of scores (N, C) and the classes of each sample."""

    def forward(self, x: Any, target: Any) -> Tensor:
        return multilabel_margin_loss(x, target, **self._given())


class MSELoss(_Loss):
    """The squared error, `functional.mse_loss`, of two tensors of one shape."""

    def forward(self, x: Any, target: Any) -> Tensor:
        return mse_loss(x, target, **self._given())


class L1Loss(_Loss):
    """The absolute error, `functional.l1_loss`, of two tensors of one shape."""

    def forward(self, x: Any, target: Any) -> Tensor:
        return l1_loss(x, target, **self._given())


class SmoothL1Loss(_Loss):
    """`functional.smooth_l1_loss` of two tensors of one shape."""

    options = ("reduction", "beta")

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, x: Any, target: Any) -> Tensor:
        return smooth_l1_loss(x, target, **self._given())


class HuberLoss(_Loss):
    """`functional.huber_loss` of two tensors of one shape."""

    options = ("reduction", "delta")

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, x: Any, target: Any) -> Tensor:
        return huber_loss(x, target, **self._given())


class BCELoss(_WeightedLoss):
    """`functional.binary_cross_entropy` of probabilities."""

    def forward(self, x: Any, target: Any) -> Tensor:
        return binary_cross_entropy(x, target, **self._given())


class BCEWithLogitsLoss(_WeightedLoss):
    """`functional.binary_cross_entropy_with_logits` of raw numbers."""

    options = ("weight", "reduction", "pos_weight")

    def __init__(
        self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self._weigh("pos_weight", pos_weight)

    def forward(self, x: Any, target: Any) -> Tensor:
        return binary_cross_entropy_with_logits(x, target, **self._given())


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """`functional.multilabel_soft_margin_loss` of scores of classes and yes or no for each."""

    def forward(self, x: Any, target: Any) -> Tensor:
        return multilabel_soft_margin_loss(x, target, **self._given())


class KLDivLoss(_Loss):
    """`functional.kl_div` of log-probabilities and probabilities."""

    options = ("reduction", "log_target")
    more_reductions = ("batchmean",)

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, x: Any, target: Any) -> Tensor:
        return kl_div(x, target, **self._given())


class PoissonNLLLoss(_Loss):
    """`functional.poisson_nll_loss` of rates and counts."""

    options = ("reduction", "log_input", "full", "eps")

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        *,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, x: Any, target: Any) -> Tensor:
        return poisson_nll_loss(x, target, **self._given())


class GaussianNLLLoss(_Loss):
    """`functional.gaussian_nll_loss` of means, samples and variances."""

    options = ("reduction", "full", "eps")

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full, self.eps = full, eps

    def forward(self, x: Any, target: Any, var: Any) -> Tensor:
        return gaussian_nll_loss(x, target, var, **self._given())


class SoftMarginLoss(_Loss):
    """`functional.soft_margin_loss` of scores and signs."""

    def forward(self, x: Any, target: Any) -> Tensor:
        return soft_margin_loss(x, target, **self._given())


class CTCLoss(_Loss):
    """`functional.ctc_loss` of log-probabilities (T, N, C), targets, and the lengths of both."""

    options = ("blank", "reduction", "zero_infinity")

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(
        self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        lengths = (input_lengths, target_lengths)
        return ctc_loss(log_probs, targets, *lengths, **self._given())


class _MarginLoss(_Loss):
    options = ("reduction", "margin")

    def __init__(self, margin: float, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin


class HingeEmbeddingLoss(_MarginLoss):
    """`functional.hinge_embedding_loss` of distances and signs."""

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(margin, reduction=reduction)

    def forward(self, x: Any, target: Any) -> Tensor:
        return hinge_embedding_loss(x, target, **self._given())


class MarginRankingLoss(_MarginLoss):
    """`functional.margin_ranking_loss` of two scores and the sign of the wanted order."""

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(margin, reduction=reduction)

    def forward(self, x1: Any, x2: Any, target: Any) -> Tensor:
        return margin_ranking_loss(x1, x2, target, **self._given())


class CosineEmbeddingLoss(_MarginLoss):
    """`functional.cosine_embedding_loss` of two batches of vectors and signs."""

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(margin, reduction=reduction)

    def forward(self, x1: Any, x2: Any, target: Any) -> Tensor:
        return cosine_embedding_loss(x1, x2, target, **self._given())


class TripletMarginLoss(_Loss):
    """`functional.triplet_margin_loss` of anchors, what is like them, and what is not."""

    options = ("reduction", "margin", "p", "eps", "swap")

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Tensor:
        return triplet_margin_loss(anchor, positive, negative, **self._given())


class TripletMarginWithDistanceLoss(_Loss):
    """`functional.triplet_margin_with_distance_loss`, with a distance of one's own."""

    options = ("reduction", "distance_function", "margin", "swap")

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.distance_function, self.margin, self.swap = distance_function, margin, swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Tensor:
        return triplet_margin_with_distance_loss(anchor, positive, negative, **self._given())
