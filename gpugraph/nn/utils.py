"""Helpers around gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..core.errors import ArgumentError
from ..core.tensor import Tensor

__all__ = ["clip_grad_norm_"]


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients together, in place, so that their common 2-norm is at most max_norm.

    Returns the norm before, which may be inf or nan: then the gradients are left as they are.
    Source: Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, algorithm 1.
    """
    if not max_norm > 0:
        raise ArgumentError(f"clip_grad_norm_: max_norm={max_norm} must be above 0")
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    grads = [p.grad for p in parameters if p.grad is not None]
    wide = (g.array.astype(np.float64) for g in grads)  # 300^2 is no float16
    total = math.sqrt(sum(float((a * a).sum()) for a in wide))
    if math.isfinite(total) and total > max_norm:
        for g in grads:
            g.detach().assign(g.array * (max_norm / total))
    return total
