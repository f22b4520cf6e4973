"""The compiled activations and their gradients against the reference: the very numbers."""

import numpy as np
import pytest

from gpugraph.cpu import compiler
from gpugraph.cpu.layout import is_dense
from gpugraph.ops.activation import Elu, LeakyRelu, Relu, Relu6, Sigmoid
from gpugraph.ops.angles import Tanh
from gpugraph.ops.fused import ActivationGrad
from gpugraph.testing import tolerance
from tests.cpu import channels_last, compiled, lib, narrow  # noqa: F401 (fixtures)

STRAIGHT = [Relu(), Relu6(), LeakyRelu(), LeakyRelu(3.0), LeakyRelu(0.0)]
SHAPES = [(9000,), (8193, 1), (3, 33, 9, 11), (4, 40_001), (7, 16, 30, 51)]


def drawn(rng, shape, dtype):
    """Numbers around the kinks, on them, and the special ones."""
    x = rng.uniform(-9, 9, shape)
    at = rng.random(shape) < 0.2
    x[at] = rng.choice([0.0, -0.0, 6.0, np.nan, np.inf, -np.inf, 5e-324], at.sum())
    return x.astype(dtype)


def lying(x, how):
    if how == "channels last" and x.ndim > 2:
        return channels_last(x)
    return np.asfortranarray(x) if how == "reversed" else x


@pytest.mark.parametrize("how", ["as it is", "channels last", "reversed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_straight_activations(lib, shape, dtype, how):  # noqa: F811
    rng = np.random.default_rng(len(shape))
    x, g = lying(drawn(rng, shape, dtype), how), drawn(rng, shape, dtype)
    with np.errstate(invalid="ignore"):
        for act in STRAIGHT:
            y = act.cpu(lib, x)
            assert y.strides == np.empty_like(x).strides
            same(y, act.forward(np, x))
            for order in (np.asarray, lambda g: lying(g, how)):  # g may lie otherwise
                grad = ActivationGrad(act)
                same(grad.cpu(lib, order(g), y), grad.forward(np, g, y))


def same(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_to_two_ulp(lib, dtype):  # noqa: F811
    rng = np.random.default_rng(8)
    ends = [rng.uniform(-d, d, 20_000) for d in (1e-6, 1, 20, 120, 800)]
    x = np.concatenate([*ends, [0.0, -0.0, 1e300, -1e300, np.inf, -np.inf, np.nan]])
    with np.errstate(over="ignore"):
        x = x.astype(dtype)
    y = Sigmoid().cpu(lib, x)
    e = np.exp(-np.abs(x.astype(np.longdouble)))
    exact = np.where(x < 0, e, 1) / (1 + e)
    off = np.abs(y - exact) / np.spacing(np.maximum(exact, np.finfo(dtype).tiny).astype(dtype))
    assert np.isnan(y[-1]) and np.isnan(off[-1]) and off[:-1].max() <= 2


@pytest.mark.parametrize("act", [Elu(0.3), Sigmoid(), Tanh()], ids=lambda act: act.label)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_bent_activations(lib, act, dtype):  # noqa: F811
    rng = np.random.default_rng(5)
    g = rng.standard_normal((3, 33, 9, 11)).astype(dtype)
    y = act.forward(np, channels_last(rng.standard_normal(g.shape).astype(dtype)))
    grad = ActivationGrad(act)
    got, want = grad.cpu(lib, g, y), grad.forward(np, g, y)
    assert got.dtype == want.dtype and got.strides == y.strides
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance(dtype, 3) * np.abs(g).max())


def test_a_gradient_that_is_repeated(lib):  # noqa: F811
    """What the mean of each channel sends back: one number for a whole plane."""
    rng = np.random.default_rng(6)
    y = Relu().forward(np, channels_last(rng.standard_normal((6, 20, 9, 9))))
    g = np.broadcast_to(rng.standard_normal((6, 20, 1, 1)), y.shape)
    before, grad = g.copy(), ActivationGrad(Relu())
    same(grad.cpu(lib, g, y), grad.forward(np, g, y))
    same(g, before)


def test_what_is_left_to_numpy():
    if compiler.why_not():
        pytest.skip("needs a C compiler")
    made, x = compiled(), np.ones((300, 300), np.float32)
    assert Relu().cpu(made, x[:, ::2]) is None
    assert Relu().cpu(made, x.astype(np.int32)) is None
    assert Relu().cpu(made, x.astype(np.float16)) is None
    assert Relu().cpu(made, x[:2, :2]) is None
    assert ActivationGrad(Relu()).cpu(made, x[:, ::2], x[:, ::2]) is None


def test_which_arrays_are_dense():
    x = np.zeros((2, 3, 4, 5))
    assert is_dense(channels_last(x)) and is_dense(x.T)
    assert is_dense(x.transpose(1, 3, 0, 2)[:, :, None])
    assert is_dense(np.zeros((0, 3))) and is_dense(np.zeros(()))
    assert not is_dense(x[:, :2]) and not is_dense(x[..., ::-1])
    assert not is_dense(np.broadcast_to(x[:1], x.shape))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_narrower_vectors(narrow, dtype):  # noqa: F811
    test_straight_activations(narrow, (3, 33, 9, 11), dtype, "channels last")
    test_sigmoid_to_two_ulp(narrow, dtype)
