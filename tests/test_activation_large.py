"""ReLU of many numbers takes another loop than that of a few: the same numbers."""

import numpy as np
import pytest

from gpugraph.ops.activation import MANY, Relu


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_relu_of_many(dtype):
    x = np.random.default_rng(0).normal(0, 3, (2, MANY // 2 + 7)).astype(dtype)
    if x.dtype.kind == "f":
        x[0, :6] = -np.inf, np.inf, np.nan, -0.0, 0.0, np.finfo(dtype).smallest_subnormal
    for given in (x, x.T, x[:, ::-1]):
        few = [Relu().forward(np, row) for row in np.array_split(given.ravel(), 4)]
        many = Relu().forward(np, given)
        assert many.dtype == dtype
        np.testing.assert_array_equal(many.ravel(), np.concatenate(few))
    assert Relu().forward(np, x.T).flags.f_contiguous
