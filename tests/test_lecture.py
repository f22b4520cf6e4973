"""The examples of the lecture: convolution, its Jacobian and its gradients, pooling, by hand."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core.op import REGISTRY
from gpugraph.testing import rules


def leaf(a):
    return gg.Tensor(np.asarray(a, np.float64), requires_grad=True)


def correlate(x, w):
    """One channel, stride 1, no padding: y[i, j] = sum of x[i+a, j+b] w[a, b]."""
    oh, ow = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    y = np.zeros((oh, ow))
    for i, j in np.ndindex(oh, ow):
        y[i, j] = (x[i : i + w.shape[0], j : j + w.shape[1]] * w).sum()
    return y


def test_a_5x6_input_and_a_3x3_filter_give_3x4():
    x = np.arange(30.0).reshape(5, 6)
    w = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
    y = F.conv2d(x[None, None], w[None, None])
    assert y.shape == (1, 1, 3, 4)
    assert np.array_equal(y.numpy()[0, 0], correlate(x, w))
    assert (y.numpy() == -8.0).all()  # a ramp of slope 1, seen by Sobel's filter


def test_each_filter_sums_over_all_channels():
    rng = np.random.default_rng(0)
    x, w, b = (
        rng.standard_normal((3, 5, 6)),
        rng.standard_normal((2, 3, 3, 3)),
        np.array([10, -10.0]),
    )
    y = F.conv2d(x[None], w, b).numpy()[0]
    for o in range(2):
        want = sum(correlate(x[c], w[o, c]) for c in range(3)) + b[o]
        np.testing.assert_allclose(y[o], want, rtol=1e-13)


POOLED = [[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]


def test_max_pooling_of_a_4x4_example():
    x = leaf([POOLED])
    y = F.max_pool2d(x, kernel_size=2, stride=2)
    assert y.tolist() == [[[6, 8], [3, 4]]]
    (gx,) = gg.grad(y, x, np.array([[[1.0, 2], [3, 4]]]))
    assert gx.tolist() == [[[0, 0, 0, 0], [0, 1, 0, 2], [3, 0, 0, 0], [0, 0, 0, 4]]]


def test_max_pooling_with_a_2x1_window_and_stride_2():
    x = leaf([POOLED])
    y = F.max_pool2d(x, kernel_size=(2, 1), stride=2)
    assert y.tolist() == [[[5, 7], [3, 3]]]
    (gx,) = gg.grad(y.sum(), x)
    assert gx.tolist() == [[[0, 0, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]]


@pytest.mark.parametrize("stride", [1, 2])
def test_the_jacobian_of_a_1d_convolution_is_a_banded_toeplitz_matrix(stride):
    w = np.array([2.0, -1.0, 3.0])
    n = 7
    m = (n - len(w)) // stride + 1
    toeplitz = np.zeros((m, n))
    for i in range(m):
        toeplitz[i, i * stride : i * stride + len(w)] = w
    rng = np.random.default_rng(1)
    x, g = leaf(rng.standard_normal(n)), rng.standard_normal(m)

    def f(x):
        return F.conv1d(x.reshape(1, n), w.reshape(1, 1, -1), stride=stride).reshape(m)

    np.testing.assert_allclose(f(x).numpy(), toeplitz @ x.numpy(), rtol=1e-13)
    rows = [gg.grad(f(x), x, row)[0].numpy() for row in np.eye(m)]
    assert np.array_equal(rows, toeplitz)
    (gx,) = gg.grad(f(x), x, g)
    np.testing.assert_allclose(gx.numpy(), g @ toeplitz, rtol=1e-13)


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_of_a_convolution_are_convolutions(stride):
    """dX: gy, stuffed with zeros and padded, with the filter flipped. dW: x with gy."""
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((5, 7)), rng.standard_normal((3, 3))
    leaves = leaf(x[None, None]), leaf(w[None, None])
    y = F.conv2d(*leaves, stride=stride)
    gy = rng.standard_normal(y.shape[2:])
    gx, gw = (g.numpy()[0, 0] for g in gg.grad(y, leaves, gy[None, None]))

    stuffed = np.zeros((5 - 3 + 1, 7 - 3 + 1))  # the size of y at stride 1
    stuffed[::stride, ::stride] = gy
    np.testing.assert_allclose(gx, correlate(np.pad(stuffed, 2), w[::-1, ::-1]), atol=1e-13)
    np.testing.assert_allclose(gw, correlate(x, stuffed), atol=1e-13)

    transposed = F.conv_transpose2d(gy[None, None], w[None, None], stride=stride).numpy()[0, 0]
    np.testing.assert_allclose(transposed, gx, atol=1e-13)


@pytest.mark.parametrize("name", ["Conv", "ConvInput", "ConvWeight", "MaxPool", "AvgPool"])
def test_derivatives_of_first_to_third_order(name):
    for sample in REGISTRY[name].samples(np.random.default_rng(3)):
        if sample.smooth:
            rules.check_gradients(sample, order=3)
