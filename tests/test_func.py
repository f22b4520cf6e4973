"""gpugraph.func: derivatives as functions of functions, against closed forms."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import func


def cube(x):
    return (x * x * x).sum()


X = np.array([1.0, -2.0, 3.0])


def test_grad_and_value_and_grad():
    np.testing.assert_allclose(func.grad(cube)(X).numpy(), 3 * X**2)
    value, g = func.value_and_grad(cube)(gg.Tensor(X))
    assert value.item() == 20.0
    np.testing.assert_allclose(g.numpy(), 3 * X**2)
    assert not value.requires_grad
    assert not g.requires_grad


def test_grad_nests():
    f = func.grad(func.grad(func.grad(lambda x: gg.sin(x).sum())))
    assert f(np.array([0.3])).item() == pytest.approx(-np.cos(0.3), rel=1e-14)


def test_grad_of_several_arguments():
    ga, gb = func.grad(lambda a, b: (a * a * b).sum(), argnums=(0, 1))(X, 2 * X)
    np.testing.assert_allclose(ga.numpy(), 4 * X**2)
    np.testing.assert_allclose(gb.numpy(), X**2)


def test_an_argument_that_is_also_closed_over():
    x = gg.Tensor(X, requires_grad=True)
    g = func.grad(lambda y: (y * x).sum())(x)  # the derivative in y alone
    np.testing.assert_array_equal(g.numpy(), X)
    (through,) = gg.grad(g.sum(), x)  # which still depends on x
    np.testing.assert_array_equal(through.numpy(), np.ones(3))


def test_no_gradient_is_lost_through_a_closure():
    w = gg.Tensor(X, requires_grad=True)
    g = func.grad(lambda x: (x * w * w).sum())(X)
    (gw,) = gg.grad(g.sum(), w)
    np.testing.assert_array_equal(gw.numpy(), 2 * X)


MATRIX = np.arange(6.0).reshape(2, 3)


def test_vjp_jvp_and_jacobian_of_a_linear_map():
    def f(x):
        return gg.matmul(MATRIX, x)

    y, pull = func.vjp(f, X)
    np.testing.assert_array_equal(y.numpy(), MATRIX @ X)
    np.testing.assert_array_equal(pull(np.array([1.0, 10.0])).numpy(), [1.0, 10.0] @ MATRIX)
    np.testing.assert_array_equal(pull(np.array([1.0, 0.0])).numpy(), MATRIX[0])
    y, pushed = func.jvp(f, (X,), (np.array([1.0, 0.0, 2.0]),))
    np.testing.assert_array_equal(pushed.numpy(), MATRIX @ [1.0, 0.0, 2.0])
    np.testing.assert_array_equal(func.jacobian(f)(X).numpy(), MATRIX)


def test_jvp_of_a_nonlinear_map():
    v = np.array([0.5, -1.0, 2.0])
    _, pushed = func.jvp(lambda x: gg.sin(x) * x, (X,), (v,))
    np.testing.assert_allclose(pushed.numpy(), (np.cos(X) * X + np.sin(X)) * v, rtol=1e-14)


def test_hessian_and_hvp():
    def f(x):
        return x[0] ** 2 * x[1] + gg.sin(x[2]) * x[0]

    a, b, c = X
    want = np.array([[2 * b, 2 * a, np.cos(c)], [2 * a, 0, 0], [np.cos(c), 0, -a * np.sin(c)]])
    np.testing.assert_allclose(func.hessian(f)(X).numpy(), want, atol=1e-14)
    v = np.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(func.hvp(f, X, v).numpy(), want @ v, atol=1e-14)


def test_jacobian_of_a_matrix_valued_function():
    j = func.jacobian(lambda x: x.reshape(2, 2) * 3.0)(np.ones(4))
    assert j.shape == (2, 2, 4)
    np.testing.assert_array_equal(j.numpy().reshape(4, 4), 3 * np.eye(4))


def test_a_constant_has_a_zero_derivative():
    np.testing.assert_array_equal(func.grad(lambda x: gg.asarray(np.array(2.0)))(X).numpy(), 0 * X)
    np.testing.assert_array_equal(func.jacobian(lambda x: x[:0])(X).numpy(), np.zeros((0, 3)))


def test_refusals():
    with pytest.raises(gg.ArgumentError, match="argnums 2 of a call with 1"):
        func.grad(cube, argnums=2)(X)
    with pytest.raises(gg.GradientError, match="must return a Tensor, got float"):
        func.grad(lambda x: 1.0)(X)
    with pytest.raises(gg.ArgumentError, match="1 primals but 2 tangents"):
        func.jvp(cube, (X,), (X, X))


def test_an_error_in_f_leaves_the_mode_as_it_was():
    kept = []  # an exception keeps the frames it went through alive

    def fails(x):
        raise ValueError("no")

    with gg.no_grad():
        for f in (fails, lambda x: 3.0):
            with pytest.raises((ValueError, gg.GradientError)) as caught:
                func.grad(f)(X)
            kept.append(caught)
            assert not gg.sin(gg.Tensor(X, requires_grad=True)).requires_grad
    assert gg.sin(gg.Tensor(X, requires_grad=True)).requires_grad


def test_jvp_of_what_does_not_depend_on_an_argument():
    y, dy = func.jvp(lambda a, b: a * 2.0, (X, X), (np.ones(3), np.ones(3)))
    np.testing.assert_array_equal(y.numpy(), 2 * X)
    np.testing.assert_array_equal(dy.numpy(), [2.0, 2.0, 2.0])
    y, dy = func.jvp(lambda a: gg.Tensor(X), (X,), (np.ones(3),))
    np.testing.assert_array_equal(dy.numpy(), np.zeros(3))


def test_has_aux_hands_something_else_through():
    x = np.array([1.0, 2.0])

    def f(x):
        y = x * x
        return y.sum(), y

    (value, y), g = gg.func.value_and_grad(f, has_aux=True)(x)
    assert value.item() == 5 and y.tolist() == [1, 4] and g.tolist() == [2, 4]
    assert not y.requires_grad
    g, y = gg.func.grad(f, has_aux=True)(x)
    assert g.tolist() == [2, 4] and y.tolist() == [1, 4]
    with pytest.raises(gg.GradientError, match="with has_aux=True f must return"):
        gg.func.grad(lambda x: x.sum(), has_aux=True)(x)


def test_hessian_in_several_arguments():
    a, b = np.array([0.5, -1.0]), np.array([[2.0], [3.0], [0.3]])

    def f(a, b):
        return ((b @ a[None]) ** 3).sum()  # sum over i, j of (b_i a_j)^3

    blocks = gg.func.hessian(f, (0, 1))(a, b)
    p, q = a, b[:, 0]
    np.testing.assert_allclose(blocks[0][0].numpy(), np.diag(6 * p * (q**3).sum()), rtol=1e-13)
    cross = 9 * np.outer(p**2, q**2)[..., None]
    np.testing.assert_allclose(blocks[0][1].numpy(), cross, rtol=1e-13)
    np.testing.assert_allclose(blocks[1][0].numpy(), cross.transpose(1, 2, 0), rtol=1e-13)
    want = np.diag(6 * q * (p**3).sum()).reshape(3, 1, 3, 1)
    np.testing.assert_allclose(blocks[1][1].numpy(), want, rtol=1e-13)
    np.testing.assert_array_equal(gg.func.hessian(f, 1)(a, b).numpy(), blocks[1][1].numpy())


def test_jacfwd_is_jacobian():
    x, w = np.array([[0.3, -0.2, 1.1]]), np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.1]])

    def f(x, w):
        return (x @ w).tanh()

    for k in (0, 1, -1):
        want = gg.func.jacrev(f, k)(x, w).numpy()
        got = gg.func.jacfwd(f, k)(x, w).numpy()
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-15)
    assert gg.func.jacfwd(lambda x: x.sum() * np.ones(2))(np.zeros((0, 3))).shape == (2, 0, 3)
    with pytest.raises(gg.ArgumentError, match="jacfwd: argnums 2 of a call with 2 arguments"):
        gg.func.jacfwd(f, 2)(x, w)
