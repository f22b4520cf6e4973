"""What the ops on matrices share: which shapes and dtypes they take, singular ones, triangles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.errors import DtypeError, LinAlgError, ShapeError
from ..core.methods import FUNCTIONS
from ..core.op import Spec
from ..core.tensor import Tensor

__all__: list[str] = []


def matrix(label: str, x: Spec, name: str = "x", square: bool = False) -> Spec:
    """The checked spec, in the dtype in which LAPACK computes: integers in float64."""
    if x.ndim < 2:
        raise ShapeError(f"{label}: {name} {x.shape} is no matrix; it needs at least two axes")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{label}: {name} {x.shape} must be square, of shape (..., M, M)")
    if x.dtype.kind in "biu":
        return Spec(x.shape, np.dtype(np.float64))
    if x.dtype.kind not in "fc" or x.dtype.itemsize == 2:
        raise DtypeError(f"{label}: takes no {x.dtype} {name}; use .astype(gpugraph.float32)")
    return x


@contextmanager
def lapack(text: str) -> Iterator[None]:
    """Inside, what NumPy's LAPACK can't do raises our error. (On a GPU it gives NaN.)"""
    try:
        yield
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"{text} ({error})") from None


def adjoint(x: Any) -> Any:
    """The conjugate transpose of matrices in an array, or in a tensor."""
    if isinstance(x, Tensor):
        return FUNCTIONS.conj(x.mT) if x.dtype.kind == "c" else x.mT
    return x.swapaxes(-2, -1).conj()


def hermitian(x: Any) -> Any:
    """(x + x^H) / 2: of an array, or of a tensor."""
    return (x + adjoint(x)) / 2


def eye_like(x: Tensor) -> Tensor:
    """The identity in the size of the last axis, dtype and device of x."""
    return FUNCTIONS.eye(x.shape[-1], dtype=x.dtype, device=x.device)


def divided(x: Tensor, values: Tensor) -> Tensor:
    """x_ij / (values_j - values_i), with 0 on the diagonal. Equal values give no finite number."""
    one = eye_like(values)
    gaps = values[..., None, :] - values[..., :, None]
    return x * ((1 - one) / (gaps + one))
