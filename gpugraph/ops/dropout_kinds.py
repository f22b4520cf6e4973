"""Dropout of whole channels, and dropout that keeps mean and variance (alpha dropout).

Masks come from the op of dropout.py, on ones; so they are reproducible in the same way. `inplace`
is there for code written for PyTorch: the result is a new tensor either way.
"""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.op import Spec
from ..core.tensor import Tensor
from .activation import check_floating
from .compare import where
from .conv_functions import tensor_of
from .creation import ones
from .dropout import dropout
from .random import Generator

__all__ = ["alpha_dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

SATURATION = -1.7580993408473766  # of selu for large negative x: -scale * alpha


def dropout1d(
    x: Any,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """In training, zero each channel of x (N, C, L) or (C, L) with probability p: `dropout2d`."""
    return _channels("dropout1d", (2, 3), (3,), x, p, training, generator)


def dropout2d(
    x: Any,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """In training, zero each channel with probability p and scale the others by 1 / (1 - p).

    x          (N, C, H, W). Three axes are taken as (N, C, L), as PyTorch does for now: give one
               image as x[None]
    generator  takes its bits from there, by default from the process-wide generator
    Source: Tompson et al. 2015, arXiv:1411.4280.
    """
    return _channels("dropout2d", (3, 4), (3, 4), x, p, training, generator)


def dropout3d(
    x: Any,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """In training, zero each channel of x (N, C, D, H, W) or (C, D, H, W): see `dropout2d`."""
    return _channels("dropout3d", (4, 5), (5,), x, p, training, generator)


def alpha_dropout(
    x: Any,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """In training, set each element to where selu saturates with probability p, and scale and
    shift all, so that mean 0 and variance 1 stay.

    Source: Klambauer et al. 2017, "Self-normalizing neural networks", arXiv:1706.02515.
    """
    x = _checked("alpha_dropout", x, p)
    return _saturated(x, x.shape, p, generator) if training and p else x


def feature_alpha_dropout(
    x: Any,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`alpha_dropout` of whole channels of x (N, C, ...)."""
    x = _checked("feature_alpha_dropout", x, p)
    if x.ndim < 2:
        raise ShapeError(f"feature_alpha_dropout: x {x.shape} must be (N, C, ...)")
    shape = (*x.shape[:2], *(1,) * (x.ndim - 2))
    return _saturated(x, shape, p, generator) if training and p else x


def _checked(label: str, x: Any, p: float) -> Tensor:
    x = tensor_of(label, "x", x)
    check_floating(label, Spec(x.shape, x.dtype))
    if not 0 <= p <= 1:
        raise ArgumentError(f"{label}: p={p} must lie in 0 to 1")
    return x


def _channels(
    label: str,
    ndims: tuple[int, ...],
    batched: tuple[int, ...],
    x: Any,
    p: float,
    training: bool,
    generator: Generator | None,
) -> Tensor:
    x = _checked(label, x, p)
    if x.ndim not in ndims:
        raise ShapeError(
            f"{label}: x {x.shape} has {x.ndim} axes; it takes {ndims[0]} or {ndims[1]}"
        )
    if not training or p == 0:
        return x
    lead = 2 if x.ndim in batched else 1
    shape = (*x.shape[:lead], *(1,) * (x.ndim - lead))
    return x * dropout(ones(shape, dtype=x.dtype, device=x.device), p, True, generator=generator)


def _saturated(x: Tensor, shape: tuple[int, ...], p: float, generator: Generator | None) -> Tensor:
    """x where a mask of that shape keeps it, the saturation elsewhere; then scaled and shifted."""
    if p == 1:
        return x * 0
    kept = dropout(ones(shape, dtype=x.dtype, device=x.device), p, True, generator=generator) > 0
    scale = ((1 - p) * (1 + p * SATURATION**2)) ** -0.5
    return where(kept, x, SATURATION) * scale - p * SATURATION * scale
