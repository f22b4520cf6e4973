"""Distances between the rows of matrices, each with each.

The p-norm is that of `functional.pairwise_distance`; where two rows are equal its gradient is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..core.tensor import Tensor
from .activation_functions import floating
from .creation import asarray
from .index import take
from .margin_losses import norm_along
from .rounding import rounds_once
from .shape import expand_dims

__all__ = ["cdist", "pdist"]


@rounds_once
def cdist(
    x1: Any,
    x2: Any,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """The p-norm of each row of x1 less each row of x2: (..., P, M), (..., R, M) -> (..., P, R).

    x1, x2        their axes in front broadcast
    p             0 counts what differs, 1 adds up, 2 is Euclid's, math.inf the largest
    compute_mode  there for code written for PyTorch: it is always the differences that are taken,
                  which loses no digits between rows that are close
    """
    x1, x2 = floating("cdist", x1, "x1"), floating("cdist", x2, "x2")
    if min(x1.ndim, x2.ndim) < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"cdist: x1 {x1.shape} and x2 {x2.shape} must be (..., P, M), (..., R, M)")
    return norm_along("cdist", expand_dims(x1, axis=-2) - expand_dims(x2, axis=-3), p, -1)


@rounds_once
def pdist(x: Any, p: float = 2.0) -> Tensor:
    """The p-norm of each row less each later one: (N, M) -> (N (N - 1) / 2), as in SciPy.

    The pairs (0, 1), (0, 2), ..., (1, 2), ...: the upper triangle of ``cdist(x, x)``, row by row.
    """
    x = floating("pdist", x)
    if x.ndim != 2:
        raise ShapeError(f"pdist: x {x.shape} must be (N, M)")
    i, j = (asarray(k, device=x.device) for k in np.triu_indices(x.shape[0], 1))
    return norm_along("pdist", take(x, i, axis=0) - take(x, j, axis=0), p, -1)
