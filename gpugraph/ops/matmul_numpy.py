"""Products of matrices by NumPy: who computes them, BLAS's threads or ours."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cpu.shares import MACS, share

__all__ = ["product", "product_in_slabs", "slabs_of_sum", "sum_in_slabs"]

# Multiply-adds. BLAS computes less than LITTLE on one core of its own accord. For MUCH it is worth
# that its threads wait for more work afterwards, where ours could have computed.
LITTLE, MUCH = 1 << 16, 1 << 24

# Multiply-adds, 100^3, up to which OpenBLAS reads matrices where they lie. For more it copies them
# in blocks first, which narrow matrices don't repay. Measured, on one core with AVX-512: with 16 to
# 64 filters slabs are 1.1 to 2.4 times as fast as the whole product.
SLAB = 10**6
LEAST = 8  # rows of a slab that are worth it


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


def slab(macs: int) -> int:
    """How many rows, of so many multiply-adds each, make a slab; 0 where too few would."""
    return SLAB // max(1, macs) // LEAST * LEAST


def product_in_slabs(xp: Any, a: Any, b: Any, out: Any) -> None:
    """a (..., M, K) @ b (..., K, N) -> out (..., M, N), for one thread: BLAS is called for slabs.

    The longer of M and N is cut, such that each slab is of at most SLAB multiply-adds.
    """
    if out.shape[-2] < out.shape[-1]:  # the transposed product: there rows are longer
        a, b, out = b.swapaxes(-1, -2), a.swapaxes(-1, -2), out.swapaxes(-1, -2)
    count = out.shape[-2]
    rows = slab(b.shape[-2] * b.shape[-1])
    if xp is not np or rows == 0 or count <= rows:
        xp.matmul(a, b, out=out)
        return
    cut = count // rows * rows

    def slabs(m: Any) -> Any:
        return m[..., :cut, :].reshape(*m.shape[:-2], cut // rows, rows, m.shape[-1])

    np.matmul(slabs(a), b[..., None, :, :], out=slabs(out))
    if cut < count:
        np.matmul(a[..., cut:, :], b, out=out[..., cut:, :])


def sum_in_slabs(xp: Any, a: Any, b: Any) -> Any:
    """a (..., M, K) @ b (..., K, N), where K is long: the sum of products of slabs of it."""
    (M, K), N = a.shape[-2:], b.shape[-1]
    count = slabs_of_sum(M, K, N) if xp is np else 0
    if not count:
        return a @ b
    length = slab(M * N)
    cut = count * length
    left = a[..., :cut].reshape(*a.shape[:-1], count, length).swapaxes(-3, -2)
    right = b[..., :cut, :].reshape(*b.shape[:-2], count, length, N)
    total = (left @ right).sum(axis=-3)
    if cut < K:
        total += a[..., cut:] @ b[..., cut:, :]
    return total


def slabs_of_sum(M: int, K: int, N: int) -> int:
    """How many whole slabs `sum_in_slabs` makes; 0 where the products would be most of the work."""
    length = slab(M * N)
    return K // length if K > length >= 4 * max(M, N) else 0
