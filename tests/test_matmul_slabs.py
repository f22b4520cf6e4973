"""Products in slabs: what NumPy's one product gives, in any layout, at any size."""

import numpy as np
import pytest

from gpugraph.ops import matmul_numpy
from gpugraph.ops.matmul_numpy import product_in_slabs, slabs_of_sum, sum_in_slabs

rng = np.random.default_rng(0)

SIZES = [(M, K, N) for M in (1, 7, 8, 41) for K in (1, 5, 64) for N in (1, 6, 33)]


def matrices(rows, cols, lead=()):
    """The same numbers in rows, in columns, and inside of a larger array."""
    x = rng.standard_normal((*lead, rows, cols))
    larger = np.zeros((*lead, rows + 1, cols + 2))
    larger[..., 1:, 2:] = x
    return x, np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2), larger[..., 1:, 2:]


@pytest.mark.parametrize("slab", [1, 64, 500, 10**6])
@pytest.mark.parametrize("M, K, N", SIZES)
def test_slabs_of_rows_or_columns(monkeypatch, slab, M, K, N):
    monkeypatch.setattr(matmul_numpy, "SLAB", slab)
    for a in matrices(M, K, (2, 3)):
        for b in (*matrices(K, N), *matrices(K, N, (3,)), *matrices(K, N, (2, 3))):
            for out in matrices(M, N, (2, 3)):
                product_in_slabs(np, a, b, out)
                np.testing.assert_allclose(out, np.einsum("...ij,...jk->...ik", a, b), atol=1e-13)


@pytest.mark.parametrize("slab", [1, 64, 500, 10**6])
@pytest.mark.parametrize("M, K, N", [(1, 7, 1), (2, 100, 3), (3, 1001, 2), (5, 64, 1), (0, 9, 2)])
def test_slabs_of_the_sum(monkeypatch, slab, M, K, N):
    monkeypatch.setattr(matmul_numpy, "SLAB", slab)
    for a in matrices(M, K, (2,)):
        for b in matrices(K, N, (2,)):
            want = np.einsum("...ij,...jk->...ik", a, b)
            np.testing.assert_allclose(sum_in_slabs(np, a, b), want, atol=1e-13 * K)


def test_how_many_slabs():
    """As many as their products are few beside what they are of."""
    assert slabs_of_sum(16, 4096, 48) == 4096 // 1296
    assert slabs_of_sum(16, 1024, 48) == 0  # one product is small enough
    assert slabs_of_sum(64, 4096, 576) == 0  # slabs of 24, whose products have 64 x 576 numbers
    assert slabs_of_sum(0, 10**7, 5) > 0


def test_the_calls_of_blas_are_small(monkeypatch):
    """Narrow products are cut, wide ones are not."""
    shapes = []
    matmul = np.matmul

    def seen(a, b, out):
        shapes.append((a.shape[-2:], b.shape[-2:]))
        return matmul(a, b, out=out)

    monkeypatch.setattr(matmul_numpy.np, "matmul", seen)
    a, b = rng.standard_normal((1000, 144)), rng.standard_normal((144, 32))
    product_in_slabs(np, a, b, np.empty((1000, 32)))
    assert shapes == [((216, 144), (144, 32)), ((136, 144), (144, 32))]
    shapes.clear()
    product_in_slabs(np, b.T, a.T, np.empty((32, 1000)))
    assert shapes == [((216, 144), (144, 32)), ((136, 144), (144, 32))]
    shapes.clear()
    a, b = rng.standard_normal((300, 1152)), rng.standard_normal((1152, 256))
    product_in_slabs(np, a, b, np.empty((300, 256)))
    assert shapes == [((300, 1152), (1152, 256))]
