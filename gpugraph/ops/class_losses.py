"""Losses of classification: the target says which class each sample belongs to.

Samples run along axis 0 and classes along axis 1, (N, C) or (N, C, ...) with a class for each of
the other positions, too; (C) is a single sample.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.backend import MetaArray
from ..core.errors import ArgumentError, ShapeError
from ..core.methods import FUNCTIONS, public
from ..core.tensor import Tensor, is_floating
from .activation import relu
from .activation_functions import floating
from .compare import bitwise_invert, where
from .creation import asarray
from .index import take_along_axis
from .losses import CROSS_ENTROPY, check_classes, check_target, classified, one_hot_of, reduced
from .memory import astype
from .rounding import rounds_once
from .scan import cumulative_prod
from .shape import reshape, shape_of
from .softmax import log_softmax

__all__ = ["cross_entropy", "multi_margin_loss", "multilabel_margin_loss", "nll_loss"]


@public
def cross_entropy(
    logits: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(logits)[target] for each sample: the loss of classification, from raw logits.

    logits           (N, C), (N, C, ...) or (C), any real numbers
    target           integers 0 to C - 1, (N), (N, ...) or (); or floating probabilities of all
                     classes, in the shape of logits
    weight           a factor for each class, (C); the mean is divided by the sum of those used
    ignore_index     samples with this target count for nothing, not in the mean either
    reduction        "mean" or "sum" over all samples, or "none" for one loss each
    label_smoothing  this share of each target, 0 to 1, goes to all classes evenly
    The mean is NaN if no sample counts, and its gradient 0. Raises IndexRangeError for a target
    that is no class. Smoothing: Szegedy et al. 2015, arXiv:1512.00567.
    """
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"cross_entropy: label_smoothing={label_smoothing} must lie in 0 to 1")
    logits, target, one = _batched("cross_entropy", "logits", logits, target)
    weight = _class_weights("cross_entropy", weight, logits)
    if is_floating(target.dtype) and target.shape == logits.shape:
        if ignore_index >= 0:
            raise ArgumentError(
                f"cross_entropy: ignore_index={ignore_index} is for class indices; target has "
                "probabilities. Give those samples a weight of their own, with reduction='none'"
            )
        losses = _soft_cross_entropy(logits, target, weight, reduction, label_smoothing)
    elif is_floating(target.dtype) and target.ndim == logits.ndim:
        raise ShapeError(
            f"cross_entropy: target {target.shape} of {target.dtype} would be probabilities; they "
            f"must have the shape of logits {logits.shape}. Class indices are integers, one per "
            "sample"
        )
    else:
        ignored, target = _ignored(target, ignore_index)
        if weight is None and ignored is None and not label_smoothing:
            losses = reduced("cross_entropy", apply(CROSS_ENTROPY, logits, target)[0], reduction)
        else:
            losses = _cross_entropy(logits, target, weight, ignored, reduction, label_smoothing)
    return reshape(losses, ()) if one else losses


@rounds_once
def _cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignored: Tensor | None,
    reduction: str,
    smoothing: float,
) -> Tensor:
    losses, log_probs = apply(CROSS_ENTROPY, logits, target)
    weights = None if weight is None else weight[target]
    if weights is not None:
        losses = losses * weights
    if smoothing:
        every = log_probs if weight is None else log_probs * _beside(weight, log_probs)
        losses = (1 - smoothing) * losses - (smoothing / logits.shape[1]) * every.sum(axis=1)
    return _over_samples("cross_entropy", losses, weights, ignored, reduction)


@rounds_once
def _soft_cross_entropy(
    logits: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    _, C, *_ = classified("cross_entropy", "logits", logits.shape)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / C
    if weight is not None:
        target = target * _beside(weight, target)
    losses = -(log_softmax(logits, 1) * target).sum(axis=1)
    return reduced("cross_entropy", losses, reduction)


@public
def nll_loss(
    log_probs: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-log_probs[target] for each sample: `cross_entropy` when log_softmax is already applied.

    Its parameters are those of `cross_entropy`; target has class indices.
    """
    log_probs, target, one = _batched("nll_loss", "log_probs", log_probs, target)
    weight = _class_weights("nll_loss", weight, log_probs)
    ignored, target = _ignored(target, ignore_index)
    losses = _nll_loss(log_probs, target, weight, ignored, reduction)
    return reshape(losses, ()) if one else losses


@rounds_once
def _nll_loss(
    log_probs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignored: Tensor | None,
    reduction: str,
) -> Tensor:
    N, C, *rest = classified("nll_loss", "log_probs", log_probs.shape)
    chosen = one_hot_of("nll_loss", target, (N, *rest), C, axis=1, dtype="bool")
    losses = -where(chosen, log_probs, 0).sum(axis=1)
    weights = None if weight is None else weight[target]
    if weights is not None:
        losses = losses * weights
    return _over_samples("nll_loss", losses, weights, ignored, reduction)


@rounds_once
def multi_margin_loss(
    x: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """sum over the classes i but the target of max(0, margin - x[target] + x[i])^p / C.

    x          (N, C), or (C) for a single sample
    target     integers 0 to C - 1, (N) or ()
    p          1 or 2
    weight     a factor for each target class, (C)
    reduction  "mean" or "sum" over all samples, or "none" for one loss each
    """
    if p not in (1, 2):
        raise ArgumentError(f"multi_margin_loss: p={p} must be 1 or 2")
    x, target, one = _batched("multi_margin_loss", "x", x, target)
    if x.ndim != 2 or not x.shape[1]:
        raise ShapeError(f"multi_margin_loss: x {x.shape} must be (N, C), or (C) for one sample")
    weight = _class_weights("multi_margin_loss", weight, x)
    N, C = x.shape
    chosen = one_hot_of("multi_margin_loss", target, (N,), C, axis=1, dtype="bool")
    right = where(chosen, x, 0).sum(axis=1, keepdims=True)
    excess = relu(where(chosen, 0, margin - right + x))
    if p == 2:
        excess = excess * excess
    losses = excess.sum(axis=1) / C
    if weight is not None:
        losses = losses * weight[target]
    losses = reduced("multi_margin_loss", losses, reduction)
    return reshape(losses, ()) if one else losses


@rounds_once
def multilabel_margin_loss(x: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """sum over classes j of the target and i outside of it of max(0, 1 - x[j] + x[i]) / C.

    x          (N, C), or (C) for a single sample
    target     integers in the shape of x: the classes of a sample, then -1; what comes behind the
               first -1 counts for nothing
    reduction  "mean" or "sum" over all samples, or "none" for one loss each
    """
    label = "multilabel_margin_loss"
    x = floating(label, x)
    shape = shape_of(label, target, "target")
    target = target if isinstance(target, Tensor) else asarray(target)
    if x.ndim not in (1, 2) or not x.shape[-1] or shape != x.shape:
        raise ShapeError(
            f"{label}: x {x.shape} and target {shape} must both be (N, C), or (C) for one sample"
        )
    one, C = x.ndim == 1, x.shape[-1]
    x, target = reshape(x, (-1, C)), reshape(target, (-1, C))
    check_target(label, target, x.shape, C)
    counts = cumulative_prod(astype(target >= 0, np.int64), axis=1) == 1  # up to the first -1
    target = where(counts, target, 0)
    if not isinstance(target.array, MetaArray):
        check_classes(label, target.array, C)
    own = one_hot_of(label, target, x.shape, C, axis=2, dtype="bool")  # (N, place, class)
    own = own & reshape(counts, (-1, C, 1))
    others = FUNCTIONS.logical_not(FUNCTIONS.any(own, axis=1, keepdims=True))  # (N, 1, class)
    right = reshape(take_along_axis(x, target, axis=1), (-1, C, 1))
    excess = relu(1 - right + reshape(x, (-1, 1, C)))  # (N, place, class)
    losses = where(others & reshape(counts, (-1, C, 1)), excess, 0).sum(axis=(1, 2)) / C
    losses = reduced(label, losses, reduction)
    return reshape(losses, ()) if one else losses


def _batched(label: str, name: str, x: Any, target: Any) -> tuple[Tensor, Tensor, bool]:
    """x and target as tensors with an axis for samples; True if there was none."""
    x = floating(label, x, name)
    shape = shape_of(label, target, "target")
    target = target if hasattr(target, "shape") else asarray(target, device=x.device)
    target = target if isinstance(target, Tensor) else asarray(target)
    if x.ndim != 1 or (shape and not (is_floating(target.dtype) and shape == x.shape)):
        return x, target, False
    return reshape(x, (1, *x.shape)), reshape(target, (1, *shape)), True


def _class_weights(label: str, weight: Any, x: Tensor) -> Tensor | None:
    """The weights of classes, checked."""
    if weight is None:
        return None
    weight = floating(label, weight, "weight")
    if weight.shape != x.shape[1:2]:
        raise ShapeError(
            f"{label}: weight {weight.shape} must have one factor for each of the "
            f"{x.shape[1] if x.ndim > 1 else 'C'} classes: {x.shape[1:2]}"
        )
    return weight


def _beside(weight: Tensor, x: Tensor) -> Tensor:
    """weight (C) as (C, 1, ...), to multiply x (N, C, ...)."""
    return reshape(weight, (-1, *(1,) * (x.ndim - 2)))


def _ignored(target: Tensor, ignore_index: int) -> tuple[Tensor | None, Tensor]:
    """Where the target is to be ignored, None for nowhere; and the target with class 0 there.

    Looks at the values, so that most batches take the short way; on meta there are none.
    """
    array = target.array
    if isinstance(array, MetaArray) or array.dtype.kind not in "iu" or not array.ndim:
        return None, target
    info = np.iinfo(array.dtype)
    if not info.min <= ignore_index <= info.max:
        return None, target
    mask = array == ignore_index
    if not bool(mask.any()):
        return None, target
    ignored = Tensor(mask)
    return ignored, where(ignored, 0, target)


def _over_samples(
    label: str, losses: Tensor, weights: Tensor | None, ignored: Tensor | None, reduction: str
) -> Tensor:
    """The losses of all samples reduced; the mean counts weights, and nothing that is ignored.

    Ignored samples are taken out last, so that neither an infinite loss nor the NaN of a mean of
    nothing reaches their gradients.
    """
    if ignored is not None:
        losses = where(ignored, 0, losses)
    if reduction != "mean" or (weights is None and ignored is None):
        return reduced(label, losses, reduction)
    if weights is None:
        weights = astype(bitwise_invert(ignored), losses.dtype)
    elif ignored is not None:
        weights = where(ignored, 0, weights)
    total = FUNCTIONS.sum(weights)
    return losses.sum() / where(total == 0, math.nan, total)  # 0 / 0 would warn
