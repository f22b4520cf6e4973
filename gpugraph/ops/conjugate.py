"""The conjugate of a factor in a rule: gradients through complex numbers.

The cotangent of a complex z is d/dRe z + i d/dIm z. For y = a z it is conj(a) times that of y, and
for a holomorphic f the conjugate of f'. Real factors stay as they are, at no cost.
"""

from __future__ import annotations

from ..core.methods import FUNCTIONS
from ..core.tensor import Tensor

__all__ = ["conjugated"]


def conjugated(factor: Tensor) -> Tensor:
    """The complex conjugate; a real tensor itself."""
    return FUNCTIONS.conj(factor) if factor.array.dtype.kind == "c" else factor
