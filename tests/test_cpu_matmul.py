"""Products of matrices by the compiled kernels against NumPy's."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.ops.linalg import LINEAR, MATMUL
from gpugraph.testing import tolerance
from tests.cpu import lib  # noqa: F401 (a fixture)

SIZES = [(128, 784, 512), (9, 1000, 13), (64, 400, 120), (33, 65, 129), (1000, 8, 10), (8, 3, 4001)]


def close(got, want, k, *scales):
    assert got.shape == want.shape and got.dtype == want.dtype
    bound = 2 * tolerance(got.dtype, k) * np.prod([np.abs(s).max() for s in scales])
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m, k, n", SIZES)
def test_products(lib, m, k, n, dtype):  # noqa: F811
    rng = np.random.default_rng(m)
    a, b = (rng.standard_normal(s).astype(dtype) for s in ((m, k), (k, n)))
    bias = rng.standard_normal(n).astype(dtype)
    for x in (a, a.T.copy().T, np.repeat(a, 2, axis=1)[:, ::2]):
        for y in (b, b.T.copy().T, np.repeat(b, 2, axis=0)[::2]):
            close(MATMUL.cpu(lib, x, y), x @ y, k, x, y)
        close(LINEAR.cpu(lib, x, b.T, bias), x @ b + bias, k, x, b)


def test_what_is_not_taken(lib):  # noqa: F811
    one = np.ones((200, 200), "f")
    assert MATMUL.cpu(lib, one[:3], one) is None  # few rows
    assert MATMUL.cpu(lib, one[:9, :9], one[:9, :9]) is None  # little work
    assert MATMUL.cpu(lib, one, one.astype("d")) is None
    assert MATMUL.cpu(lib, one[None], one) is None
    with pytest.raises(gg.ShapeError, match="matmul: x1"):
        gg.matmul(one[:, 1:], one)
