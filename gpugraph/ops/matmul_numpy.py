"""Products of matrices by NumPy: who computes them, BLAS's threads or ours."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cpu.shares import MACS, share

__all__ = ["product"]

# Multiply-adds. BLAS computes less than LITTLE on one core of its own accord. For MUCH it is worth
# that its threads wait for more work afterwards, where ours could have computed.
LITTLE, MUCH = 1 << 16, 1 << 24


def product(xp: Any, a: Any, b: Any) -> Any:
    """a (..., M, K) @ b (..., K, N), with all that xp.matmul takes."""
    macs = a.size * b.shape[-1]
    if xp is not np or macs < LITTLE:
        return xp.matmul(a, b)
    if a.ndim > 2 and a.shape[:-2] == b.shape[:-2]:  # NumPy calls BLAS for each
        y = np.empty((*a.shape[:-1], b.shape[-1]), np.result_type(a, b))
        share(len(a), macs // MACS, lambda part: np.matmul(a[part], b[part], out=y[part]))
        return y
    if macs >= MUCH:
        return np.matmul(a, b)
    return share(1, 0, lambda _: np.matmul(a, b))[0]
