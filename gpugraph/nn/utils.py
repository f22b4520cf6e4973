"""Helpers around gradients and parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import backend
from ..core.errors import ArgumentError, GradientError, ShapeError
from ..core.guard import guard
from ..core.tensor import Tensor
from ..ops.join import concat

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]


def get_total_norm(tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0) -> float:
    """The norm of all tensors together, as of one vector: of the absolute values, to norm_type.

    norm_type  above 0; inf gives the largest absolute value. 0 for no tensors
    """
    p = float(norm_type)
    if not p > 0:
        raise ArgumentError(f"get_total_norm: norm_type={norm_type} must be above 0")
    tensors = [tensors] if isinstance(tensors, Tensor) else tensors
    parts = [_norm(t.array, p) for t in tensors if t.size]
    if any(map(math.isnan, parts)):
        return math.nan
    largest = max(parts, default=0.0)
    if p == math.inf or largest in (0.0, math.inf):
        return largest
    return largest * float(sum((part / largest) ** p for part in parts)) ** (1 / p)


def _norm(array: Any, p: float) -> float:
    """The p-norm of an array, in float64, scaled so that no power overflows."""
    with backend.current([array]):
        sizes = abs(array.astype(np.float64))  # 300^2 is no float16
        if p == 2.0 and array.dtype.itemsize < 8:  # float64 holds the squares of smaller types
            return math.sqrt(float((sizes * sizes).sum()))
        largest = float(sizes.max())
        if p == math.inf or not 0 < largest < math.inf:
            return largest
        return largest * float(((sizes / largest) ** p).sum()) ** (1 / p)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients together, in place, so that their common norm is at most max_norm.

    norm_type           2, or another power, or inf for the largest absolute value
    error_if_nonfinite  raise GradientError where the norm is inf or nan
    Returns the norm before, which may be inf or nan: then the gradients are left as they are.
    Source: Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, algorithm 1.
    """
    if not max_norm > 0:
        raise ArgumentError(f"clip_grad_norm_: max_norm={max_norm} must be above 0")
    grads = _gradients(parameters)
    total = get_total_norm(grads, norm_type)
    if math.isfinite(total) and total > max_norm:
        for g in grads:
            g.detach().assign(g.array * (max_norm / total))
    elif error_if_nonfinite and not math.isfinite(total):
        raise GradientError(
            f"clip_grad_norm_: the norm of the gradients is {total}; error_if_nonfinite=False "
            "leaves such gradients as they are"
        )
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clip every element of all gradients, in place, to -clip_value to clip_value; NaN stays."""
    if not clip_value >= 0:
        raise ArgumentError(f"clip_grad_value_: clip_value={clip_value} must be at least 0")
    for g in _gradients(parameters):
        g.detach().assign(g.array.clip(-clip_value, clip_value))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters in one vector, one behind the other; gradients flow through."""
    return concat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write such a vector into the parameters, in place: the opposite of `parameters_to_vector`."""
    parameters = list(parameters)
    size = sum(p.size for p in parameters)
    if vec.shape != (size,):
        raise ShapeError(f"vector_to_parameters: vec {vec.shape} must have shape ({size},)")
    start = 0
    for p in parameters:
        p.assign(vec.detach().array[start : start + p.size].reshape(p.shape))
        start += p.size


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in parameters if p.grad is not None]


guard(globals(), __all__)
