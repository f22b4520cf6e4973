"""Losses that compare: similarities, distances, rankings and margins.

Where a target says yes or no it is 1 or -1. `reduction` is "mean" or "sum" over all elements or
samples, or "none" for a loss each; the mean of nothing is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from .activation_functions import floating
from .compare import clip, minimum, where
from .elementwise import abs
from .extrema import max
from .losses import reduced
from .powers import logaddexp, sqrt
from .rounding import rounds_once
from .shape import axes_of, broadcast_arrays
from .value_losses import as_values

__all__ = [
    "cosine_embedding_loss",
    "cosine_similarity",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "pairwise_distance",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


@rounds_once
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along the axis `dim`: x1 . x2 / (|x1| |x2|).

    x1, x2  broadcast with each other; `dim` goes in the result
    eps     lengths count as at least this, so that a vector of zeros is similar to nothing, 0
    """
    x1, x2 = floating("cosine_similarity", x1, "x1"), floating("cosine_similarity", x2, "x2")
    x1, x2 = broadcast_arrays(x1, x2)
    (axis,) = axes_of("cosine_similarity", dim, x1.shape, "x1")
    cosine = (x1 * x2).sum(axis=axis)
    for x in (x1, x2):
        length = norm_along("cosine_similarity", x, 2.0, axis)
        cosine = cosine / where(length > eps, length, eps)
    return cosine


@rounds_once
def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis: (..., D) -> (...).

    x1, x2   broadcast with each other
    p        0 counts what differs, 1 adds up, 2 is Euclid's, math.inf the largest
    keepdim  leave the last axis in the result, with length 1
    """
    x1, x2 = floating("pairwise_distance", x1, "x1"), floating("pairwise_distance", x2, "x2")
    difference = x1 - x2 + eps
    if not difference.ndim:
        raise ShapeError("pairwise_distance: x1 and x2 are 0-d; they need an axis of coordinates")
    return norm_along("pairwise_distance", difference, p, -1, keepdim)


def norm_along(label: str, x: Tensor, p: float, axis: int, keepdims: bool = False) -> Tensor:
    """The p-norm along an axis; where it has no slope, at 0, the gradient is 0."""
    if not p >= 0:
        raise ArgumentError(f"{label}: p={p} must be at least 0")
    if p == 0:
        return (x != 0).astype(x.dtype).sum(axis=axis, keepdims=keepdims)
    if p == math.inf:
        return max(abs(x), axis=axis, keepdims=keepdims)
    if p == 1:
        return abs(x).sum(axis=axis, keepdims=keepdims)
    if p == 2:
        total = (x * x).sum(axis=axis, keepdims=keepdims)
    else:
        none = x == 0
        total = where(none, 0, where(none, 1, abs(x)) ** p).sum(axis=axis, keepdims=keepdims)
    none = total == 0
    total = where(none, 1, total)
    return where(none, 0, sqrt(total) if p == 2 else total ** (1 / p))


@rounds_once
def cosine_embedding_loss(
    x1: Any, x2: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """1 - cos(x1, x2) where target is 1, max(0, cos(x1, x2) - margin) where it is -1.

    x1, x2  (N, D), or (D) for a single pair
    target  (N) or (): 1 for pairs that should be alike, -1 for others
    """
    label = "cosine_embedding_loss"
    x1, x2 = floating(label, x1, "x1"), floating(label, x2, "x2")
    target = as_values(label, target, x1)
    if x1.shape != x2.shape or x1.ndim not in (1, 2) or target.shape != x1.shape[:-1]:
        raise ShapeError(
            f"{label}: x1 {x1.shape}, x2 {x2.shape} and target {target.shape} must be (N, D), "
            "(N, D) and (N), or (D), (D) and ()"
        )
    tiny = 1e-12  # keeps the quotient and its slope finite for vectors of zeros
    lengths = ((x1 * x1).sum(axis=-1) + tiny) * ((x2 * x2).sum(axis=-1) + tiny)
    cosine = (x1 * x2).sum(axis=-1) / sqrt(lengths)
    apart = where(target == -1, clip(cosine - margin, 0), 0)
    return reduced(label, where(target == 1, 1 - cosine, apart), reduction)


@rounds_once
def hinge_embedding_loss(
    x: Any, target: Any, margin: float = 1.0, *, reduction: str = "mean"
) -> Tensor:
    """x where target is 1, max(0, margin - x) where it is -1: x is a distance of two things.

    target  broadcasts with x
    """
    x = floating("hinge_embedding_loss", x)
    target = as_values("hinge_embedding_loss", target, x)
    near, far = where(target != -1, x, 0), where(target != 1, clip(margin - x, 0), 0)
    return reduced("hinge_embedding_loss", near + far, reduction)


@rounds_once
def margin_ranking_loss(
    x1: Any, x2: Any, target: Any, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """max(0, margin - target (x1 - x2)): x1 should be larger where target is 1, x2 where -1.

    x1, x2, target  of as many axes each; they broadcast
    """
    label = "margin_ranking_loss"
    x1, x2 = floating(label, x1, "x1"), floating(label, x2, "x2")
    target = as_values(label, target, x1)
    if not x1.ndim == x2.ndim == target.ndim:
        raise ShapeError(
            f"{label}: x1 {x1.shape}, x2 {x2.shape} and target {target.shape} must have as many "
            "axes each"
        )
    return reduced(label, clip(margin - target * (x1 - x2), 0), reduction)


@rounds_once
def soft_margin_loss(x: Any, target: Any, reduction: str = "mean") -> Tensor:
    """log(1 + e^(-target x)) for each element, without overflow; target, 1 or -1, broadcasts."""
    x = floating("soft_margin_loss", x)
    target = as_values("soft_margin_loss", target, x)
    return reduced("soft_margin_loss", logaddexp(-target * x, 0), reduction)


@rounds_once
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), d being `pairwise_distance`.

    anchor, positive, negative   (N, D), or (D) for a single triplet
    margin  above 0
    p, eps  those of `pairwise_distance`
    swap    take d(positive, negative) for the negative distance where that is less (Balntas et
            al. 2016, "Learning shallow convolutional feature descriptors with triplet losses")
    """
    return _triplet(
        "triplet_margin_loss",
        lambda a, b: pairwise_distance(a, b, p, eps),
        (anchor, positive, negative),
        margin,
        swap,
        reduction,
    )


@rounds_once
def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of one's own, a function of two batches of tensors.

    distance_function  by default `pairwise_distance`
    """
    label, triplet = "triplet_margin_with_distance_loss", (anchor, positive, negative)
    return _triplet(label, distance_function or pairwise_distance, triplet, margin, swap, reduction)


def _triplet(
    label: str,
    distance: Callable[[Tensor, Tensor], Tensor],
    triplet: tuple[Any, Any, Any],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if not margin > 0:
        raise ArgumentError(f"{label}: margin={margin} must be above 0")
    names = ("anchor", "positive", "negative")
    anchor, positive, negative = (floating(label, x, n) for x, n in zip(triplet, names))
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"{label}: anchor {anchor.shape}, positive {positive.shape} and negative "
            f"{negative.shape} must have as many axes each"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(label, clip(margin + near - far, 0), reduction)
