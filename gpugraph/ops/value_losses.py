"""Losses whose target is a number for each element: errors, probabilities, likelihoods.

x and target must have one shape where it says so; nothing is broadcast silently there. Integers and
bools as targets are taken in the dtype of x. `reduction` is "mean" or "sum" over all elements, or
"none" for a loss each; the mean of nothing is NaN.
"""

from __future__ import annotations

import math
from typing import Any

from ..core.apply import apply
from ..core.backend import MetaArray
from ..core.errors import ArgumentError, DtypeError, ShapeError
from ..core.methods import public
from ..core.tensor import Tensor, is_floating
from .activation_functions import floating
from .broadcast import broadcast_to
from .compare import where
from .creation import asarray
from .elementwise import abs
from .losses import BINARY_CROSS_ENTROPY, reduced
from .memory import astype
from .powers import exp, log, logaddexp
from .rounding import rounds_once
from .shape import expand_dims, shape_of

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "multilabel_soft_margin_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


@public
@rounds_once
def mse_loss(x: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Tensor:
    """(x - target)^2 for each element. The shapes must be equal: nothing is broadcast.

    weight  a factor for each element, in the shape of x; the mean is divided by their sum
    """
    x, target = alike("mse_loss", x, target)
    error = x - target
    return _averaged("mse_loss", error * error, weight, reduction)


@rounds_once
def l1_loss(x: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Tensor:
    """|x - target| for each element, of equal shapes; the slope at 0 is 0.

    weight  a factor for each element, in the shape of x; the mean is divided by their sum
    """
    x, target = alike("l1_loss", x, target)
    return _averaged("l1_loss", abs(x - target), weight, reduction)


@rounds_once
def smooth_l1_loss(x: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """The absolute error minus beta / 2, but error^2 / (2 beta) where it is less than beta.

    beta  at least 0; at 0 it is `l1_loss`
    For equal shapes. Source: Girshick 2015 (Fast R-CNN), arXiv:1504.08083.
    """
    if not beta >= 0:
        raise ArgumentError(f"smooth_l1_loss: beta={beta} must be at least 0")
    x, target = alike("smooth_l1_loss", x, target)
    error = x - target
    losses = _parabola_then_line(error, beta, 1.0) if beta else abs(error)
    return reduced("smooth_l1_loss", losses, reduction)


@rounds_once
def huber_loss(
    x: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Tensor:
    """error^2 / 2 up to |error| = delta, and delta (|error| - delta / 2) beyond.

    delta   above 0
    weight  a factor for each element, in the shape of x
    For equal shapes. Source: Huber, "Robust estimation of a location parameter", 1964.
    """
    if not delta > 0:
        raise ArgumentError(f"huber_loss: delta={delta} must be above 0")
    x, target = alike("huber_loss", x, target)
    losses = _parabola_then_line(x - target, delta, delta)
    if weight is not None:
        losses = losses * _element_weights("huber_loss", weight, x)
    return reduced("huber_loss", losses, reduction)


def _parabola_then_line(error: Tensor, edge: float, slope: float) -> Tensor:
    """A parabola up to |error| = edge, which goes on as a line with that slope."""
    size = abs(error)
    near = size <= edge
    inner = where(near, error, 0)  # the square of what is far could overflow
    return where(near, inner * inner * (0.5 * slope / edge), slope * (size - 0.5 * edge))


@rounds_once
def binary_cross_entropy(
    x: Any, target: Any, weight: Any = None, *, reduction: str = "mean"
) -> Tensor:
    """-(target log x + (1 - target) log(1 - x)) for each element, of equal shapes.

    x       probabilities, 0 to 1; ArgumentError otherwise
    target  floating, 0 to 1
    weight  factors that broadcast with x
    Logarithms are at least -100, so that the loss stays finite, as in PyTorch.
    `binary_cross_entropy_with_logits` is more accurate than this after a sigmoid.
    """
    if isinstance(weight, str):
        weight, reduction = None, weight
    target = floating("binary_cross_entropy", target, "target")
    x, target = alike("binary_cross_entropy", x, target)
    losses = _weighted("binary_cross_entropy", apply(BINARY_CROSS_ENTROPY, x, target), weight)
    return reduced("binary_cross_entropy", losses, reduction)


@rounds_once
def binary_cross_entropy_with_logits(
    x: Any, target: Any, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(x), without overflow or loss of digits, of equal shapes.

    x           any real numbers
    target      floating, 0 to 1
    weight      factors that broadcast with x
    pos_weight  factors of the part of target (not of 1 - target); they broadcast with x
    """
    if isinstance(weight, str):
        weight, reduction = None, weight
    label = "binary_cross_entropy_with_logits"
    x, target = alike(label, x, floating(label, target, "target"))
    positive = target * logaddexp(-x, 0)
    losses = _weighted(label, positive, pos_weight, "pos_weight") + (1 - target) * logaddexp(x, 0)
    return reduced(label, _weighted(label, losses, weight), reduction)


@rounds_once
def multilabel_soft_margin_loss(
    x: Any, target: Any, weight: Any = None, *, reduction: str = "mean"
) -> Tensor:
    """`binary_cross_entropy_with_logits` of each class, averaged over the classes of a sample.

    x, target  (..., C) of equal shapes; target says 1 for each class that a sample belongs to
    weight     factors of the classes, (C)
    """
    label = "multilabel_soft_margin_loss"
    x, target = alike(label, x, target)
    if not x.ndim:
        raise ShapeError(f"{label}: x is 0-d; it needs an axis of classes")
    losses = target * logaddexp(-x, 0) + (1 - target) * logaddexp(x, 0)
    return reduced(label, _weighted(label, losses, weight).sum(axis=-1) / x.shape[-1], reduction)


@rounds_once
def kl_div(x: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """target (log(target) - x) for each element: the Kullback-Leibler divergence of x from target.

    x           log-probabilities
    target      floating probabilities, or their logarithms with log_target=True; broadcasts with x
    reduction   "batchmean": the sum divided by the length of axis 0, which is the divergence as
                mathematics has it; "mean" divides by the number of elements
    A probability of 0 adds nothing.
    """
    x, target = floating("kl_div", x), floating("kl_div", target, "target")
    if log_target:
        losses = exp(target) * (target - x)
    else:
        none = target == 0
        losses = where(none, 0, target * log(where(none, 1, target))) - target * x
    if reduction == "batchmean":
        return losses.sum() / x.shape[0] if x.ndim and x.shape[0] else losses.sum()
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(
            f"kl_div: reduction={reduction!r} must be 'batchmean', 'mean', 'sum' or 'none'"
        )
    return reduced("kl_div", losses, reduction)


@rounds_once
def poisson_nll_loss(
    x: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """-log of the probability of counts under a Poisson distribution, up to a constant.

    x          logarithms of the rates, e^x - target x; or, with log_input=False, the rates
               themselves, x - target log(x + eps)
    target     counts; broadcasts with x
    full       add Stirling's approximation of log(target!), where target > 1
    """
    x = floating("poisson_nll_loss", x)
    target = as_values("poisson_nll_loss", target, x)
    losses = exp(x) - target * x if log_input else x - target * log(x + eps)
    if full:
        many = target > 1
        n = where(many, target, 1)
        stirling = n * log(n) - n + 0.5 * log(2 * math.pi * n)
        losses = losses + where(many, stirling, 0)
    return reduced("poisson_nll_loss", losses, reduction)


@rounds_once
def gaussian_nll_loss(
    x: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log(var) + (x - target)^2 / var) / 2: -log of a normal density, up to a constant.

    x       the means
    target  samples; broadcasts with x
    var     variances, at least 0: in the shape of x, or with one axis of length 1 or no last axis,
            or a number
    full    add the constant, log(2 pi) / 2
    eps     variances count as at least this; their gradient flows all the same
    """
    label = "gaussian_nll_loss"
    x = floating(label, x)
    target, var = as_values(label, target, x), _variances(label, var, x)
    var = where(var < eps, eps + (var - var.detach()), var)
    error = x - target
    losses = 0.5 * (log(var) + error * error / var)
    return reduced(label, losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def _variances(label: str, var: Any, x: Tensor) -> Tensor:
    """The variances, checked, in a shape that broadcasts with x."""
    number = isinstance(var, (int, float))
    var = as_values(label, var, x, "var")
    if not isinstance(var.array, MetaArray) and bool((var.array < 0).any()):
        raise ArgumentError(f"{label}: var has negative entries; it takes variances, at least 0")
    if number or var.shape == x.shape:
        return var
    if var.shape == x.shape[:-1]:
        return expand_dims(var, axis=-1)
    differing = [b for a, b in zip(x.shape, var.shape) if a != b]
    if var.ndim != x.ndim or differing != [1]:
        raise ShapeError(
            f"{label}: var {var.shape} must have the shape of x {x.shape}, or that with one axis "
            "of length 1, or without the last axis"
        )
    return var


# What these losses share


def as_values(label: str, target: Any, x: Tensor, name: str = "target") -> Tensor:
    """target as a floating tensor: integers and bools are converted to the dtype of x."""
    shape_of(label, target, name)
    if not hasattr(target, "shape"):
        return asarray(target, dtype=x.dtype, device=x.device)
    target = target if isinstance(target, Tensor) else asarray(target)
    if target.dtype.kind in "biu":
        return astype(target, x.dtype)
    if not is_floating(target.dtype):
        raise DtypeError(f"{label}: {name} is {target.dtype}; it takes real numbers")
    return target


def alike(label: str, x: Any, target: Any) -> tuple[Tensor, Tensor]:
    """x and target as floating tensors of one shape."""
    x = floating(label, x)
    target = as_values(label, target, x)
    if x.shape != target.shape:
        raise ShapeError(
            f"{label}: x {x.shape} and target {target.shape} must have one shape; reshape one"
        )
    return x, target


def _element_weights(label: str, weight: Any, x: Tensor) -> Tensor:
    """The weights of elements, checked."""
    weight = floating(label, weight, "weight")
    if weight.shape != x.shape:
        raise ShapeError(f"{label}: weight {weight.shape} must have the shape of x {x.shape}")
    return weight


def _averaged(label: str, losses: Tensor, weight: Any, reduction: str) -> Tensor:
    """The losses reduced; a mean with weights is divided by the sum of these."""
    if weight is None:
        return reduced(label, losses, reduction)
    weight = _element_weights(label, weight, losses)
    losses = losses * weight
    if reduction != "mean":
        return reduced(label, losses, reduction)
    total = weight.sum()
    return losses.sum() / where(total == 0, math.nan, total)  # 0 / 0 would warn


def _weighted(label: str, losses: Tensor, weight: Any, name: str = "weight") -> Tensor:
    """losses times weights that broadcast to their shape."""
    if weight is None:
        return losses
    weight = floating(label, weight, name)
    try:
        return losses * broadcast_to(weight, losses.shape)
    except ShapeError:
        raise ShapeError(
            f"{label}: {name} {weight.shape} must broadcast to the shape of x {losses.shape}"
        ) from None
