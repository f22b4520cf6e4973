"""Functions of networks that draw: rrelu and gumbel_softmax.

generator  takes its bits from there, by default from the process-wide generator
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.tensor import Tensor
from .activation import leaky_relu
from .activation_functions import floating
from .compare import maximum, where
from .creation import arange
from .memory import astype
from .powers import log, log1p
from .random import Generator, default_generator
from .reduce import single_axis
from .rounding import rounds_once
from .shape import reshape
from .softmax import softmax

__all__ = ["gumbel_softmax", "rrelu"]


@rounds_once
def rrelu(
    x: Any,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """x where it is positive, a * x elsewhere; in training a is drawn from lower to upper for each
    element, else it is the middle of the two: `leaky_relu`.

    inplace  there for code written for PyTorch: the result is a new tensor either way
    The gradient at 0 is a. Source: Xu et al. 2015, arXiv:1505.00853.
    """
    x = floating("rrelu", x)
    if not 0 <= lower <= upper:
        raise ArgumentError(f"rrelu: lower={lower} and upper={upper} must be 0 <= lower <= upper")
    if not training:
        return leaky_relu(x, (lower + upper) / 2)
    slope = _uniform(x, generator) * (upper - lower) + lower
    return where(x > 0, x, slope * x)


@rounds_once
def gumbel_softmax(
    logits: Any,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    generator: Generator | None = None,
) -> Tensor:
    """softmax((logits + g) / tau) along `dim`, g drawn from Gumbel's distribution: nearly a draw of
    one class, with the probabilities softmax(logits), through which a gradient flows.

    tau   above 0; the smaller, the nearer to a one-hot draw
    hard  give the one-hot draw itself, with the gradient of the soft one
    eps   there for code written for PyTorch, which does not use it either
    Source: Jang, Gu, Poole 2017, arXiv:1611.01144.
    """
    logits = floating("gumbel_softmax", logits, "logits")
    if not tau > 0:
        raise ArgumentError(f"gumbel_softmax: tau={tau} must be above 0")
    axis = single_axis("gumbel_softmax", dim, logits)
    u = _uniform(logits, generator)
    waits = maximum(-log1p(-u), np.finfo(u.dtype).tiny)  # exponential; 0 has no logarithm
    soft = softmax((logits - log(waits)) / tau, axis)
    if not hard:
        return soft
    classes = arange(soft.shape[axis], device=soft.device)
    classes = reshape(classes, (-1, *(1,) * (soft.ndim - axis - 1)))
    drawn = astype(soft.detach().argmax(axis=axis, keepdims=True) == classes, soft.dtype)
    return drawn + (soft - soft.detach())


def _uniform(x: Tensor, generator: Generator | None) -> Tensor:
    """Numbers in [0, 1), in the shape and dtype of x, beside it."""
    generator = generator or default_generator()
    return generator.uniform(0.0, 1.0, x.shape, x.dtype, x.device)
