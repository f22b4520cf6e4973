"""Batch normalisation: modes, running statistics, refusals."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F


def data(shape=(5, 3, 2, 4), dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype) * 3 + 2


def running(channels=3, dtype=np.float64):
    return gg.Tensor(np.zeros(channels, dtype)), gg.Tensor(np.ones(channels, dtype))


def test_training_normalises_by_the_batch():
    x = data()
    y = F.batch_norm(x, None, None, training=True, eps=0.0).numpy()
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-15)
    np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, rtol=1e-14)


def test_running_statistics_average_the_batches():
    mean, var = running()
    want_mean, want_var = np.zeros(3), np.ones(3)
    for seed in range(4):
        x = data(seed=seed)
        F.batch_norm(x, mean, var, training=True, momentum=0.3)
        want_mean = 0.7 * want_mean + 0.3 * x.mean(axis=(0, 2, 3))
        want_var = 0.7 * want_var + 0.3 * x.var(axis=(0, 2, 3), ddof=1)  # the unbiased one
    np.testing.assert_allclose(mean.numpy(), want_mean, rtol=1e-14)
    np.testing.assert_allclose(var.numpy(), want_var, rtol=1e-14)
    assert not mean.requires_grad and mean.node is None


def test_eval_uses_them_and_leaves_them():
    mean, var = gg.Tensor(np.array([1.0, 2.0, 3.0])), gg.Tensor(np.array([4.0, 0.25, 1.0]))
    x, w, b = data(), np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, -1.0])
    y = F.batch_norm(x, mean, var, w, b, eps=1e-3).numpy()
    c = (1, 3, 1, 1)
    want = (x - mean.numpy().reshape(c)) / np.sqrt(var.numpy() + 1e-3).reshape(c)
    np.testing.assert_allclose(y, want * w.reshape(c) + b.reshape(c), rtol=1e-13)
    assert mean.tolist() == [1, 2, 3]
    assert var.tolist() == [4, 0.25, 1]


def test_a_large_offset_costs_no_digits():
    x = data((64, 2, 8, 8), np.float32) + np.float32(1000)
    y = F.batch_norm(x, None, None, training=True).numpy()
    exact = F.batch_norm(x.astype(np.float64), None, None, training=True).numpy()
    assert np.abs(y - exact).max() < 1e-3  # the mean alone rounds to 1000 * 2^-24 = 6e-5 here


def test_frozen_parameters_keep_nothing_for_their_rules():
    x = gg.Tensor(data(), requires_grad=True)
    mean, var = running()
    y = F.batch_norm(x, mean, var)
    assert set(y.node.kept) == {"var", "weight"}  # not x
    bias = gg.Tensor(np.zeros(3), requires_grad=True)
    y = F.batch_norm(data(), None, None, None, bias, training=True)
    assert not y.node.kept
    (g,) = gg.grad(y.sum(), bias)
    assert g.tolist() == [40, 40, 40]


@pytest.mark.parametrize("training", [True, False])
def test_composed_to_third_order(training):
    rng = np.random.default_rng(0)
    mean, var = gg.Tensor(np.array([0.5, 1.0])), gg.Tensor(np.array([1.5, 2.0]))

    def f(x, w, b):
        y = F.batch_norm(F.sigmoid(x), mean.copy(), var.copy(), w, b, training)
        return (y * y * y).mean()

    inputs = rng.standard_normal((3, 2, 2)), rng.standard_normal(2), rng.standard_normal(2)
    assert gg.testing.gradcheck(f, inputs, order=3, nonzero=True)


def test_an_empty_batch_changes_nothing():
    mean, var = running()
    x = gg.Tensor(np.zeros((0, 3, 4)), requires_grad=True)
    w = gg.Tensor(np.ones(3), requires_grad=True)
    F.batch_norm(x, mean, var, w, None, training=True).sum().backward()
    assert x.grad.shape == (0, 3, 4) and w.grad.tolist() == [0, 0, 0]
    assert mean.tolist() == [0, 0, 0] and var.tolist() == [1, 1, 1]


def test_float32_stays_and_half_is_computed_in_float32():
    for dtype in (np.float32, np.float16):
        x = data(dtype=dtype)
        mean, var = running(dtype=dtype)
        y = F.batch_norm(x, mean, var, training=True)
        assert y.dtype == mean.dtype == var.dtype == dtype
        wide = F.batch_norm(x.astype(np.float32), None, None, training=True).numpy()
        np.testing.assert_array_equal(y.numpy(), wide.astype(dtype))


@pytest.mark.parametrize(
    "call, told",
    [
        (
            lambda x: F.batch_norm(x[:1, :, :1, :1], None, None, training=True),
            r"batch_norm: x \(1, 3, 1, 1\) has one value per channel; .* at least 2",
        ),
        (
            lambda x: F.batch_norm(x, None, None),
            "batch_norm: without training=True it needs running_mean and running_var",
        ),
        (
            lambda x: F.batch_norm(x, None, None, np.ones(2), training=True),
            r"batch_norm: weight \(2,\) must be \(3,\), one number for each channel",
        ),
        (
            lambda x: F.batch_norm(x, None, None, None, np.ones(3, np.float32), training=True),
            "batch_norm: x is float64, bias is float32; convert one of them",
        ),
        (
            lambda x: F.batch_norm(x, *running(3, np.float32)),
            "batch_norm: x is float64, running_mean is float32",
        ),
        (
            lambda x: F.batch_norm(x, *running(4), training=True),
            r"batch_norm: running_mean \(4,\) must be \(3,\)",
        ),
        (
            lambda x: F.batch_norm(x[0, 0, 0], None, None, training=True),
            r"batch_norm: x \(4,\) must be \(N, C\) or \(N, C, ...\)",
        ),
        (
            lambda x: F.batch_norm(x.astype(int), None, None, training=True),
            "batch_norm: x is int64; it takes floating tensors",
        ),
        (lambda x: F.batch_norm(x, *running(), eps=-1.0), "batch_norm: eps=-1.0 must be"),
    ],
)
def test_refusals(call, told):
    with pytest.raises(gg.GpugraphError, match=told):
        call(data())


def test_a_refused_call_leaves_the_averages_alone():
    x = np.ones((4, 3), np.float32) * 5
    mean, short = gg.zeros(3, device="cpu"), gg.ones(4, device="cpu")
    with pytest.raises(gg.ShapeError, match=r"running_var \(4,\) must be \(3,\)"):
        F.batch_norm(x, mean, short, training=True)
    assert mean.tolist() == [0, 0, 0]
    with pytest.raises(gg.DtypeError, match="running_var is a ndarray; it is written to"):
        F.batch_norm(x, mean, np.ones(3, np.float32), training=True)
    assert mean.tolist() == [0, 0, 0]
    with pytest.raises(gg.ArgumentError, match="momentum=None must be a number"):
        F.batch_norm(x, mean, None, training=True, momentum=None)
