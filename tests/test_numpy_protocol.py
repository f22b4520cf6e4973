"""NumPy's functions on tensors, arrays beside tensors, and DLPack, in both directions."""

import numpy as np
import pytest

import gpugraph as gg


@pytest.fixture
def t():
    return gg.Tensor(np.array([[0.5, 1.5, 2.5], [-1.0, 0.25, 3.0]]), requires_grad=True)


NUMPY = np.lib.NumpyVersion(np.__version__)
A = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, 0.5]])


@pytest.mark.parametrize(
    "f",
    [
        np.exp,
        lambda x: A * x,
        lambda x: x * A,
        lambda x: A / x,
        lambda x: A - x,
        lambda x: 2 ** (x - A),
        lambda x: np.add(A, x),
        lambda x: np.concatenate([x, x + A]),
        lambda x: np.concatenate([A, x], axis=1),
        lambda x: np.stack([x, A]),
        np.sum,
        lambda x: np.sum(x, axis=0),
        lambda x: np.sum(x, 0),
        lambda x: np.sum(x, axis=1, keepdims=True),
        np.mean,
        lambda x: np.mean(x, 1),
        lambda x: np.var(x, axis=1, ddof=1),
        lambda x: np.std(x),
        lambda x: np.prod(x, axis=0),
        lambda x: np.max(x, axis=0),
        lambda x: np.amin(x),
        lambda x: np.clip(x, 0, 1),
        lambda x: np.clip(x, 0.1, None),
        lambda x: np.clip(x, a_min=0, a_max=1),
        lambda x: np.where(A > 1, x, A),
        lambda x: np.maximum(x, A),
        lambda x: np.minimum(1.0, x),
        lambda x: np.power(np.abs(x), 1.5),
        lambda x: np.absolute(x),
        lambda x: np.arctan2(x, A),
        np.transpose,
        lambda x: np.transpose(x, (1, 0)),
        lambda x: np.reshape(x, (3, 2)),
        lambda x: np.expand_dims(x, 1),
        lambda x: np.add.reduce(x),
        lambda x: np.add.reduce(x, axis=1),
        lambda x: np.multiply.reduce(x, axis=None),
        lambda x: np.cumsum(x, axis=1),
        lambda x: np.copy(x),
        lambda x: np.tril(x),
        *([lambda x: np.clip(x, min=0, max=1)] if NUMPY >= "2.1.0" else []),
    ],
)
def test_numpy_functions_carry_gradients(t, f):
    y = f(t)
    assert type(y) is gg.Tensor
    assert y.requires_grad
    np.testing.assert_allclose(y.numpy(), f(t.numpy()), rtol=1e-14)
    (g,) = gg.grad(y.sum(), t)
    step = 1e-6
    for i in np.ndindex(t.shape):
        moved = [t.numpy().copy(), t.numpy().copy()]
        moved[0][i] += step
        moved[1][i] -= step
        slope = (np.sum(f(moved[0])) - np.sum(f(moved[1]))) / (2 * step)
        assert g.numpy()[i] == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize("f", [np.argmax, np.isnan, np.zeros_like, np.sign, np.any, np.floor])
def test_numpy_functions_without_gradients(t, f):
    y = f(t)
    assert type(y) is gg.Tensor
    assert not y.requires_grad
    np.testing.assert_array_equal(y.numpy(), f(t.numpy()))


def test_questions_about_the_shape(t):
    assert (np.shape(t), np.ndim(t), np.size(t)) == ((2, 3), 2, 6)


def test_comparisons_with_arrays(t):
    array = A
    assert (array < t).tolist() == [[False, True, False], [False, False, True]]
    assert np.equal(A, t).dtype == bool


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda t: np.linalg.eig(t), "np.linalg.eig is not available for tensors; use .numpy()"),
        (lambda t: np.ldexp(t, 2), "np.ldexp is not available for tensors"),
        (lambda t: np.trim_zeros(t), "np.trim_zeros is not available for tensors"),
        (lambda t: np.linalg.tensorinv(t), "np.linalg.tensorinv is not available for tensors"),
        (lambda t: np.add.accumulate(t), "np.add.accumulate has no gradient rule for tensors"),
        (lambda t: np.add.at(A, 0, t), "np.add.at has no gradient rule for tensors"),
        (lambda t: np.sum(t, where=A > 0), "np.sum: gpugraph.sum has no parameter 'where'"),
        (lambda t: np.exp(t, where=A > 0), "np.exp: gpugraph.exp"),
        (lambda t: np.exp(t, out=A.copy()), "np.exp: out= is a ndarray, into which no gradient"),
        (lambda t: np.sum(t, out=A.copy()), "np.sum: out= is not taken with tensors"),
        (lambda t: np.round(t, 2), "np.round: gpugraph.round has no parameter 'decimals'"),
    ],
)
def test_what_has_no_counterpart_raises_by_name(t, call, text):
    with pytest.raises(TypeError) as caught:
        call(t)
    assert str(caught.value).startswith(text)


def test_out_may_be_a_tensor(t):
    y = gg.zeros((2, 3), dtype=gg.float64, device="cpu")
    assert np.multiply(t, A, out=y) is y
    np.testing.assert_array_equal(y.numpy(), t.numpy() * A)
    (g,) = gg.grad(y.sum(), t)
    np.testing.assert_array_equal(g.numpy(), A)


def test_an_array_takes_no_tensor_in_place(t):
    a = A.copy()
    with pytest.raises(TypeError, match="out= is a ndarray"):
        a += t
    np.testing.assert_array_equal(a, A)


def test_numpy_scalars_are_weak():
    x = gg.Tensor(np.ones(3, np.float32), requires_grad=True)
    for y in (np.float64(2) * x, x * np.float64(2), np.float32(2) * x, np.float64(2) ** x):
        assert type(y) is gg.Tensor
        assert (y.dtype, y.requires_grad) == (np.float32, True)


def test_asarray_needs_a_detached_tensor(t):
    with pytest.raises(gg.GradientError, match=r"^np.asarray: .* \.numpy\(\) says you know"):
        np.asarray(t)
    assert np.asarray(t.detach()) is t.array
    assert np.asarray(t.detach(), dtype=np.float32).dtype == np.float32
    assert t.numpy() is t.array


def test_dlpack(t):
    there = np.from_dlpack(t.detach())
    assert np.shares_memory(there, t.array)
    back = gg.from_dlpack(A)
    assert type(back) is gg.Tensor
    assert np.shares_memory(back.array, A)
    assert not np.shares_memory(gg.from_dlpack(A, copy=True).array, A)
    assert np.shares_memory(gg.from_dlpack(t.detach()).array, t.array)


def test_dlpack_refuses_to_drop_a_gradient(t):
    with pytest.raises(gg.GradientError, match="^DLPack: this tensor needs a gradient"):
        np.from_dlpack(t)
    with pytest.raises(gg.GradientError, match="^DLPack: this tensor needs a gradient"):
        gg.from_dlpack(t)
    with pytest.raises(gg.DtypeError, match="^from_dlpack: x is a list, which has no __dlpack__"):
        gg.from_dlpack([1.0])


def test_the_array_namespace_is_gpugraph(t):
    assert t.__array_namespace__() is gg
