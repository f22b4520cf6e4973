"""Norms, ranks and condition numbers of gg.linalg: NumPy's values, gradients, zeros, errors."""

import itertools
import math

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.backend import MetaArray
from gpugraph.testing import gradcheck, tolerance

ORDERS = [0, 1, 2, 3, 2.5, 0.5, -1, -2, math.inf, -math.inf]
MATRIX = ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf]


def draw(*shape, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def close(got, want):
    want = np.asarray(want)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    single = want.dtype in (np.float32, np.complex64)
    bound = tolerance(np.float32 if single else np.float64, 64)
    np.testing.assert_allclose(got.numpy(), want, rtol=bound, atol=bound)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("order", ORDERS)
def test_vector_norm_is_that_of_numpy(order, dtype):
    x = draw(2, 3, 5, dtype=dtype)
    for axis, keepdims in itertools.product((None, 1, -1, (0, 2), (2, 0, 1)), (False, True)):
        got = gg.linalg.vector_norm(gg.Tensor(x), axis=axis, keepdims=keepdims, ord=order)
        close(got, np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=order))
    close(gg.linalg.norm(x, order, 1), np.linalg.norm(x, order, 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("order", MATRIX)
def test_matrix_norm_is_that_of_numpy(order, dtype):
    for shape in ((3, 4), (2, 5, 2), (2, 1, 1)):
        x = draw(*shape, dtype=dtype)
        for keepdims in (False, True):
            got = gg.linalg.matrix_norm(gg.Tensor(x), keepdims=keepdims, ord=order)
            close(got, np.linalg.matrix_norm(x, keepdims=keepdims, ord=order))
    x = draw(2, 5, 3, dtype=dtype)
    for axis, keepdims in itertools.product(((0, 1), (2, 0), (-1, -3)), (False, True)):
        got = gg.linalg.norm(x, order, axis, keepdims)
        close(got, np.linalg.norm(x, order, axis, keepdims))
    close(gg.linalg.norm(x[0], order), np.linalg.norm(x[0], order))


def test_norm_without_an_order_takes_all_elements():
    x = draw(2, 3, 4)
    for axis in (None, 1, (0, 1)):
        close(gg.linalg.norm(x, axis=axis), np.linalg.norm(x, axis=axis))
    close(gg.linalg.norm(x, keepdims=True), np.linalg.norm(x, keepdims=True))
    close(gg.linalg.norm(np.array([3, 4])), np.float64(5))  # integers in float64
    close(np.linalg.norm(gg.Tensor(x), axis=0), np.linalg.norm(x, axis=0))


def test_half_precision_does_not_overflow():
    x = np.full(5, 300, np.float16)
    y = gg.linalg.vector_norm(x)
    assert (y.dtype, y.item()) == (np.float16, float(np.float16(300 * 5**0.5)))


@pytest.mark.parametrize("order", [1, 2, 3, 1.5, 0.5, -2, math.inf, -math.inf])
def test_vector_norms_to_third_order(order):
    def f(x):
        return gg.square(gg.linalg.vector_norm(x / 3, axis=(0, 2), ord=order))

    gradcheck(f, draw(2, 3, 4), order=3, nonzero=True)
    f(gg.tensor(draw(2, 3, 4), dtype=gg.float32, requires_grad=True)).sum().backward()


@pytest.mark.parametrize("order", MATRIX)
def test_matrix_norms_to_third_order(order):
    gradcheck(lambda x: gg.linalg.matrix_norm(x, ord=order) ** 2, draw(2, 3, 4), 3, nonzero=True)


@pytest.mark.parametrize("order", [1, 2, 3, 1.5, 0.5, math.inf])
def test_the_gradient_of_nothing_but_zeros_is_zero(order):
    x = gg.Tensor(np.array([[0.0, 0.0], [3.0, 0.0]]), requires_grad=True)
    y = gg.linalg.vector_norm(x, axis=1, ord=order)
    (g,) = gg.grad(y.sum(), x)
    assert y[0].item() == 0.0
    np.testing.assert_allclose(y.numpy(), [0.0, 3.0], rtol=1e-15)
    np.testing.assert_allclose(g.numpy(), [[0.0, 0.0], [1.0, 0.0]], rtol=1e-15)


def test_ties_of_the_maximum_share():
    x = gg.Tensor(np.array([2.0, -2.0, 1.0]), requires_grad=True)
    (g,) = gg.grad(gg.linalg.vector_norm(x, ord=math.inf), x)
    assert g.tolist() == [0.5, -0.5, 0.0]


def test_special_values():
    nan, inf = math.nan, math.inf
    for order in (1, 2, 3, inf, -inf):
        assert math.isnan(gg.linalg.vector_norm(np.array([1.0, nan]), ord=order).item())
        assert gg.linalg.vector_norm(np.array([-inf, inf]), ord=order).item() == inf
    assert gg.linalg.vector_norm(np.zeros((0, 3)), axis=0).tolist() == [0.0, 0.0, 0.0]
    assert gg.linalg.vector_norm(np.zeros(0), ord=1).item() == 0.0


def test_rank():
    full = draw(4, 3)
    thin = draw(4, 1) @ draw(1, 3, seed=1)
    x = np.stack([full, thin, np.zeros((4, 3))])
    got = gg.linalg.matrix_rank(gg.Tensor(x))
    assert (got.dtype, got.tolist()) == (np.int64, [3, 1, 0])
    values = np.diag([1.0, 1e-3, 1e-6])
    assert gg.linalg.matrix_rank(values, rtol=1e-4).item() == 2
    both = gg.linalg.matrix_rank(np.stack([values, values]), rtol=gg.tensor([1e-2, 1e-8]))
    assert both.tolist() == [1, 3]
    assert gg.linalg.matrix_rank(np.ones((2, 2), int)).item() == 1
    assert gg.linalg.matrix_rank(np.zeros((2, 0, 3))).tolist() == [0, 0]
    assert not gg.linalg.matrix_rank(gg.tensor(full, requires_grad=True)).requires_grad


@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, math.inf, -math.inf, "fro", "nuc"])
def test_cond_is_that_of_numpy(p):
    x = draw(2, 3, 3) + 2 * np.eye(3)
    np.testing.assert_allclose(gg.linalg.cond(x, p).numpy(), np.linalg.cond(x, p), rtol=1e-12)
    gradcheck(lambda t: gg.log(gg.linalg.cond(t, p)), x, order=3, nonzero=True)


def test_cond_of_singular_and_rectangular_matrices():
    assert gg.linalg.cond(np.diag([1.0, 0.0])).item() == math.inf
    assert gg.linalg.cond(np.diag([1.0, 0.0]), -2).item() == 0.0
    np.testing.assert_allclose(gg.linalg.cond(draw(4, 2)).item(), np.linalg.cond(draw(4, 2)))
    with pytest.raises(gg.LinAlgError, match=r"inv: x \(2, 2\) is singular"):
        gg.linalg.cond(np.zeros((2, 2)), 1)


def test_on_meta():
    x = gg.Tensor(MetaArray((2, 3, 4), np.float32))
    for order in (1, 2, 3, math.inf, 0):
        y = gg.linalg.vector_norm(x, ord=order, axis=1)
        assert (y.shape, y.dtype) == ((2, 4), np.float32)
    for order in MATRIX:
        assert gg.linalg.matrix_norm(x, ord=order, keepdims=True).shape == (2, 1, 1)
    assert gg.linalg.cond(x).shape == gg.linalg.matrix_rank(x).shape == (2,)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: gg.linalg.vector_norm(draw(3), ord="fro"), gg.ArgumentError, "ord='fro' must be"),
        (
            lambda: gg.linalg.vector_norm(draw(3), axis=1),
            gg.AxisError,
            "vector_norm: axis 1 is",
        ),
        (
            lambda: gg.linalg.matrix_norm(draw(3, 3), ord=3),
            gg.ArgumentError,
            "ord=3 is none of",
        ),
        (lambda: gg.linalg.matrix_norm(draw(3)), gg.ShapeError, "matrix_norm: x (3,) is no matrix"),
        (lambda: gg.linalg.norm(draw(2, 2, 2), 1), gg.AxisError, "names 3 axes; one makes vectors"),
        (lambda: gg.linalg.matrix_rank(draw(3)), gg.ShapeError, "matrix_rank: x (3,) is no matrix"),
        (lambda: gg.linalg.cond(draw(2, 3), 1), gg.ShapeError, "cond: x (2, 3) must be square"),
        (
            lambda: gg.linalg.cond(np.zeros((0, 0))),
            gg.ArgumentError,
            "cond: x (0, 0) has no",
        ),
        (
            lambda: gg.linalg.vector_norm(np.zeros(0), ord=math.inf),
            gg.ShapeError,
            "has no elements along axis 0 to choose from",
        ),
    ],
)
def test_mistakes(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
