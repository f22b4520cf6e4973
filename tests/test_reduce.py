"""Reductions: dtypes, axes, ties, zeros, nothing at all, and what they refuse."""

import math

import numpy as np
import pytest

import gpugraph as gg


def leaf(values, dtype=np.float64):
    return gg.Tensor(np.array(values, dtype), requires_grad=True)


def gradient(y, x):
    (gx,) = gg.grad(y.sum(), x)
    return gx.numpy().tolist()


@pytest.mark.parametrize(
    "dtype, summed",
    [
        (bool, np.int64),
        (np.int8, np.int64),
        (np.int32, np.int64),
        (np.uint8, np.uint64),
        (np.float16, np.float16),
        (np.float32, np.float32),
        (np.complex64, np.complex64),
    ],
)
def test_dtypes(dtype, summed):
    x = gg.Tensor(np.ones((2, 3), dtype))
    for f in (gg.sum, gg.prod, gg.cumulative_sum):
        assert f(x, axis=0).dtype == summed
        assert f(x, axis=0, dtype=np.complex128).dtype == np.complex128
    averaged = np.float64 if x.dtype.kind in "biu" else dtype
    assert gg.mean(x).dtype == averaged
    assert gg.var(x).dtype == (np.float32 if dtype == np.complex64 else averaged)
    assert gg.argmax(x).dtype == np.int64


def test_results_without_axes_are_0d_arrays():
    x = leaf([[1.0, 2.0]])
    for f in (gg.sum, gg.mean, gg.max, gg.std, gg.argmin, gg.any):
        y = f(x)
        assert isinstance(y.array, np.ndarray)
        assert y.shape == ()
        assert f(x, keepdims=True).shape == (1, 1)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), [2, 1], (), (-3,)])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min", "any", "all"])
def test_axes_as_in_numpy(name, axis):
    a = np.random.default_rng(0).standard_normal((2, 3, 4))
    wanted = tuple(axis) if isinstance(axis, list) else axis
    for keepdims in (False, True):
        y = getattr(gg, name)(gg.Tensor(a), axis=axis, keepdims=keepdims)
        expected = getattr(np, name)(a, axis=wanted, keepdims=keepdims)
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-14, atol=1e-14)


def test_float16_is_summed_in_float32():
    x = gg.Tensor(np.ones(4097, np.float16))
    assert x.sum().item() == 4096  # 4097 rounds to even; one by one it would stop at 2048
    assert x.mean().item() == 1
    assert gg.cumulative_sum(x)[-1].item() == 4096


def test_sum_with_a_dtype_carries_gradients():
    x = leaf([1.5, 2.5], np.float32)
    y = gg.sum(x, dtype=np.float64)
    (gx,) = gg.grad(y, x)
    assert (y.dtype, gx.dtype) == (np.float64, np.float32)
    assert not gg.sum(x, dtype=np.int64).requires_grad


@pytest.mark.parametrize(
    "values, expected",
    [
        ([2.0, 3.0, 5.0], [15, 10, 6]),
        ([2.0, 0.0, 5.0], [0, 10, 0]),
        ([0.0, 0.0, 5.0], [0, 0, 0]),
        ([7.0], [1]),
        ([1e-200, 1e-200, 1e250], [1e50, 1e50, 0]),
        ([], []),
    ],
)
def test_gradient_of_a_product(values, expected):
    x = leaf(values)
    np.testing.assert_allclose(gradient(gg.prod(x), x), expected, rtol=1e-14)


def test_second_derivatives_of_a_product_with_zeros():
    x = leaf([0.0, 0.0, 5.0])
    (g,) = gg.grad(gg.prod(x), x, create_graph=True)
    assert gradient(g[0], x) == [0, 5, 0]


def test_a_long_product_is_exact():
    x = leaf(np.ones(1001))
    assert gradient(gg.prod(2 * x * 0.5), x) == [1] * 1001


def test_ties_share_and_nan_wins():
    x = leaf([[1.0, 3.0, 3.0], [math.nan, 2.0, math.nan]])
    assert gradient(gg.max(x, axis=1), x) == [[0, 0.5, 0.5], [0.5, 0, 0.5]]
    assert gg.amin(x, axis=1).tolist()[0] == 1
    assert math.isnan(gg.amin(x).item())
    assert gg.argmax(x, axis=1).tolist() == [1, 0]
    assert gg.argmin(x).item() == 3


def test_variance_of_equal_elements():
    x = leaf([3.0, 3.0, 3.0])
    assert gradient(gg.std(x), x) == [0, 0, 0]
    assert gradient(gg.var(x), x) == [0, 0, 0]


def test_variance_is_unbiased_on_request():
    x = leaf([1.0, 2.0, 6.0])
    assert gg.var(x, correction=1).item() == 7
    assert gg.std(x, correction=0.0).item() == pytest.approx(math.sqrt(14 / 3))


def test_reductions_of_nothing():
    x = leaf(np.zeros((0, 3)))
    assert gg.sum(x).item() == 0
    assert gg.prod(x, axis=0).tolist() == [1, 1, 1]
    assert gg.all(x).item()
    assert not gg.any(x).item()
    assert gradient(x.sum(axis=0), x) == []
    assert gg.max(x, axis=1).shape == (0,)
    with pytest.warns(RuntimeWarning, match="Mean of empty slice|invalid value"):
        assert math.isnan(gg.mean(x).item())


def test_counts_and_running_sums():
    x = gg.Tensor(np.array([[0, 2, 0], [1, 0, -3]]))
    assert gg.count_nonzero(x).item() == 3
    assert gg.count_nonzero(x, axis=0).tolist() == [1, 1, 1]
    assert gg.cumulative_sum(x, axis=-1).tolist() == [[0, 2, 2], [1, 1, -2]]
    y = gg.cumulative_sum(leaf([1.0, 2.0]), include_initial=True)
    assert y.tolist() == [0, 1, 3]
    assert y.requires_grad


def test_methods_reach_the_functions():
    x = leaf([[1.0, 2.0], [3.0, 5.0]])
    assert x.sum(0).tolist() == [4, 7]
    assert x.mean(1, True).tolist() == [[1.5], [4]]
    assert x.max().item() == 5
    assert x.argmin(axis=1).tolist() == [0, 0]
    assert (x > 4).any().item()


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: gg.sum(x, axis=3), gg.AxisError, "sum: axis 3 is out of range for x (2, 0)"),
        (lambda x: gg.mean(x, axis=(0, -2)), gg.AxisError, "mean: axis (0, -2) names an axis of x"),
        (lambda x: gg.max(x, axis="0"), gg.DtypeError, "max: axis '0' must be an int"),
        (lambda x: gg.argmax(x, axis=-3), gg.AxisError, "argmax: axis -3 is out of range for x"),
        (lambda x: gg.argmax(x, axis=(0, 1)), gg.ArgumentError, "argmax: axis must be one int"),
        (lambda x: gg.cumulative_sum(x), gg.ArgumentError, "cumulative_sum: axis must be given"),
        (
            lambda x: gg.max(x),
            gg.ShapeError,
            "max: x (2, 0) has no elements along axis 1 to choose from",
        ),
        (lambda x: gg.min(x, axis=1), gg.ShapeError, "min: x (2, 0) has no elements along axis 1"),
        (lambda x: gg.argmin(x, axis=1), gg.ShapeError, "argmin: x (2, 0) has no elements along"),
        (lambda x: gg.sum([1, 2]), gg.DtypeError, "sum: x is a list; it takes tensors, arrays"),
        (lambda x: gg.sum(x, dtype="float7"), gg.DtypeError, "sum: dtype='float7' is no type"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call(gg.Tensor(np.zeros((2, 0))))
    assert str(caught.value).startswith(text)


def test_many_equal_halves_share_the_gradient():
    x = gg.zeros(70_000, dtype="float16", device="cpu").requires_grad_()
    (gx,) = gg.grad(gg.max(x), x, gg.asarray(np.array(7000, np.float16)))
    assert gx.dtype == np.float16
    np.testing.assert_array_equal(gx.numpy(), np.float16(0.1))
