"""Arrays whose channels come last in memory: results are those of arrays in the usual order."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core.op import REGISTRY
from gpugraph.ops import image_memory
from gpugraph.testing import tolerance


def channels_last(a):
    return image_memory.laid_out(np, a) if isinstance(a, np.ndarray) and a.ndim > 2 else a


def assert_close(got, want, note):
    for a, b in zip(*(y if isinstance(y, tuple) else (y,) for y in (got, want)), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype), note
        size = 1 + np.abs(b[np.isfinite(b)]).max(initial=0)
        bound = tolerance(np.float64, 10_000) * size
        assert np.allclose(a, b, rtol=0, atol=bound, equal_nan=True), note


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_ops_take_them(name):
    for sample in REGISTRY[name].samples(np.random.default_rng(0)):
        arrays = [channels_last(a) for a in sample.inputs]
        if all(a is b for a, b in zip(arrays, sample.inputs)):
            continue
        with np.errstate(all="ignore"):
            want = sample.op.forward(np, *sample.inputs)
            assert_close(sample.op.forward(np, *arrays), want, sample.note)


def order(tensor):
    """The axes of an array in the order of its strides, the longest first."""
    return sorted(range(tensor.ndim), key=lambda axis: -tensor.array.strides[axis])


def test_a_network_keeps_them_from_layer_to_layer():
    rng = np.random.default_rng(1)
    x = gg.Tensor(rng.standard_normal((2, 20, 8, 6)), requires_grad=True)
    w = gg.Tensor(rng.standard_normal((24, 20, 3, 3)))
    y = F.conv2d(x, w, padding=1)
    z = F.max_pool2d(F.relu(F.batch_norm(y, None, None, training=True) + 1), 2)
    assert order(x) == [0, 1, 2, 3]
    assert order(y) == order(z) == [0, 2, 3, 1]
    (gx,) = gg.grad(z.sum(), x)
    assert order(gx) == [0, 2, 3, 1]


@pytest.mark.parametrize("shape", [(3, 2, 5), (2, 3, 4, 5), (2, 3, 2, 1, 4), (4, 3), (2, 1, 3)])
def test_numbers_for_each_channel(shape):
    x = np.random.default_rng(2).standard_normal(shape)
    v = np.arange(1.0, shape[1] + 1)
    axes = (0, *range(2, len(shape)))
    column = v.reshape(-1, *(1,) * (len(shape) - 2))
    for a in (x, channels_last(x)):
        close = {"rtol": 0, "atol": tolerance(np.float64, x.size)}
        np.testing.assert_allclose(image_memory.channel_sum(a), x.sum(axis=axes), **close)
        squares = image_memory.channel_dot(np, a, x)
        np.testing.assert_allclose(squares, (x * x).sum(axis=axes), **close)
        assert np.array_equal(a * image_memory.spread(np, v, a), x * column)
