"""Adaptive and p-norm pooling, and max unpooling, against loops over the windows."""

import math

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn

AVG = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
LP = {1: F.lp_pool1d, 2: F.lp_pool2d, 3: F.lp_pool3d}
UNPOOL = {1: F.max_unpool1d, 2: F.max_unpool2d, 3: F.max_unpool3d}
POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def drawn(n=60):
    rng = np.random.default_rng(0)
    for _ in range(n):
        axes = int(rng.integers(1, 4))
        spatial, out = ([int(k) for k in rng.integers(1, 8 - axes, axes)] for _ in range(2))
        x = rng.standard_normal((2, 2, *spatial))
        if rng.random() < 0.3:
            x = np.round(x)  # ties
        if rng.random() < 0.3:
            x.flat[rng.integers(x.size)] = rng.choice([np.nan, np.inf, -np.inf])
        yield axes, x, tuple(out)


def windows(spatial, out):
    """{output: list of inputs in row-major order}."""
    for o in np.ndindex(*out):
        bounds = [
            range(math.floor(i * n / m), math.ceil((i + 1) * n / m))
            for i, n, m in zip(o, spatial, out)
        ]
        yield o, [tuple(b[k] for b, k in zip(bounds, t)) for t in np.ndindex(*map(len, bounds))]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # infinity minus infinity
def test_means_are_of_their_windows_alone():
    for axes, x, out in drawn():
        leaf = gg.Tensor(x, requires_grad=True)
        y = AVG[axes](leaf, out)
        g = np.random.default_rng(1).standard_normal(y.shape)
        want, gx = np.empty((2, 2, *out)), np.zeros(x.shape)
        for o, seen in windows(x.shape[2:], out):
            want[(..., *o)] = sum(x[(..., *i)] for i in seen) / len(seen)
            for i in seen:
                gx[(..., *i)] += g[(..., *o)] / len(seen)
        np.testing.assert_allclose(y.numpy(), want, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(gg.grad(y, leaf, g)[0].numpy(), gx, rtol=1e-13, atol=1e-13)


def test_the_first_maximum_takes_all_and_the_first_nan_wins():
    for axes, x, out in drawn():
        leaf = gg.Tensor(x, requires_grad=True)
        y, indices = MAX[axes](leaf, out, return_indices=True)
        g = np.random.default_rng(1).standard_normal(y.shape)
        want, at = np.empty((2, 2, *out)), np.empty((2, 2, *out), np.int64)
        gx = np.zeros(x.shape)
        for lead in np.ndindex(2, 2):
            for o, seen in windows(x.shape[2:], out):
                values = [float(x[lead + i]) for i in seen]
                nan = [k for k, value in enumerate(values) if math.isnan(value)]
                best = nan[0] if nan else values.index(max(values))
                want[lead + o] = values[best]
                at[lead + o] = np.ravel_multi_index(seen[best], x.shape[2:])
                gx[lead + seen[best]] += g[lead + o]
        np.testing.assert_array_equal(y.numpy(), want)
        np.testing.assert_array_equal(indices.numpy(), at)
        assert indices.dtype == np.int64
        np.testing.assert_allclose(gg.grad(y, leaf, g)[0].numpy(), gx, rtol=1e-13)


def test_output_sizes_and_one_image():
    x = np.random.default_rng(2).standard_normal((3, 4, 6))
    for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        assert pool(x, (None, 4)).shape == (3, 4, 4)
        assert pool(x, 5).shape == (3, 5, 5)
        np.testing.assert_array_equal(pool(x, 5).numpy(), pool(x[None], 5).numpy()[0])
        assert pool(x[None, :, :0][:0].reshape(0, 3, 4, 6), 2).shape == (0, 3, 2, 2)
    y, indices = F.adaptive_max_pool2d(x, 1, return_indices=True)
    assert y.shape == indices.shape == (3, 1, 1)
    assert indices.numpy().ravel().tolist() == x.reshape(3, -1).argmax(1).tolist()


def test_powers_are_summed_and_the_root_taken():
    rng = np.random.default_rng(3)
    for _ in range(40):
        axes = int(rng.integers(1, 4))
        x = rng.uniform(0.1, 2.0, (2, 2, *rng.integers(3, 6, axes)))
        p, k, s = rng.choice([1.0, 1.5, 2.0, 3.0, np.inf]), int(rng.integers(1, 4)), None
        got = LP[axes](x, p, k, s).numpy()
        for o in np.ndindex(*got.shape[2:]):
            part = x[(..., *(slice(i * k, i * k + k) for i in o))].reshape(2, 2, -1)
            want = part.max(-1) if p == np.inf else (part**p).sum(-1) ** (1 / p)
            np.testing.assert_allclose(got[(..., *o)], want, rtol=1e-13)


def test_a_window_of_zeros_has_no_slope():
    x = gg.Tensor(np.zeros((1, 1, 4)), requires_grad=True)
    y = F.lp_pool1d(x, 2.0, 2)
    (gx,) = gg.grad(y.sum(), x, create_graph=True)
    assert y.tolist() == [[[0, 0]]] and gx.tolist() == [[[0, 0, 0, 0]]]
    with np.errstate(invalid="ignore"):
        assert np.isnan(F.lp_pool1d(np.full((1, 1, 2), -1.0), 3.0, 2).numpy()).all()  # (-2)^(1/3)


def test_unpooling_puts_the_maxima_back():
    rng = np.random.default_rng(4)
    for _ in range(40):
        axes, k = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        x = rng.standard_normal((2, 3, *rng.integers(k, 8, axes)))
        leaf = gg.Tensor(x, requires_grad=True)
        pooled, indices = POOL[axes](leaf, k, return_indices=True)
        y = UNPOOL[axes](pooled, indices, k, output_size=x.shape)
        kept = np.zeros((6, math.prod(x.shape[2:])), bool)
        np.put_along_axis(kept, indices.numpy().reshape(6, -1), True, axis=1)
        kept = kept.reshape(x.shape)
        np.testing.assert_array_equal(y.numpy(), np.where(kept, x, 0))
        g = rng.standard_normal(x.shape)
        np.testing.assert_array_equal(gg.grad(y, leaf, g)[0].numpy(), np.where(kept, g, 0))


def test_unpooled_sizes():
    y, indices = F.max_pool2d(np.ones((1, 7, 9)), 3, 2, return_indices=True)
    assert F.max_unpool2d(y, indices, 3, 2).shape == (1, 7, 9)
    assert F.max_unpool2d(y, indices, 3, 2, output_size=(8, 10)).shape == (1, 8, 10)
    assert nn.MaxUnpool2d(3, 2)(y, indices, output_size=(1, 1, 7, 10)).shape == (1, 7, 10)


def test_of_two_writes_the_last_stays_and_takes_the_gradient():
    x = gg.Tensor(np.array([[[1.0, 2.0]]]), requires_grad=True)
    y = F.max_unpool1d(x, np.array([[[1, 1]]]), 1, 2)
    assert y.tolist() == [[[0, 2, 0]]]
    assert gg.grad(y.sum(), x)[0].tolist() == [[[0, 1]]]


ROW = np.zeros((1, 1, 4))
SHAPE, DTYPE, ARGUMENT = gg.errors.ShapeError, gg.errors.DtypeError, gg.errors.ArgumentError


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.adaptive_max_pool1d(ROW, 0), ARGUMENT,
         "adaptive_max_pool1d: output_size=0; wanted an int of at least 1"),
        (lambda: F.adaptive_max_pool1d(ROW.astype(int), 2), DTYPE,
         "adaptive_max_pool1d: x is int64; it takes floating-point arrays, "
         "x.astype(gpugraph.float32) makes one"),
        (lambda: F.adaptive_avg_pool2d(ROW[0], 2), SHAPE,
         "adaptive_avg_pool2d: x has shape (1, 4); it takes (N, C, H, W), or (C, H, W) for one "
         "image; reshape adds axes"),
        (lambda: F.lp_pool1d(ROW, 0, 2), ARGUMENT,
         "lp_pool1d: norm_type=0 must be a number other than 0"),
        (lambda: F.max_unpool1d(ROW, ROW, 2), DTYPE,
         "max_unpool1d: indices is float64; max_pool1d gives int64"),
        (lambda: F.max_unpool1d(ROW, np.zeros((1, 4), int), 2), SHAPE,
         "max_unpool1d: indices (1, 4) must have the shape of x, (1, 1, 4)"),
        (lambda: F.max_unpool1d(ROW, np.full((1, 1, 4), 8), 2), gg.errors.IndexRangeError,
         "max_unpool1d: index 8 lies outside of an image of (8,); is it the output_size of the "
         "pooling?"),
        (lambda: F.max_unpool1d(ROW, np.zeros((1, 1, 4), int), 2, output_size=(10,)), ARGUMENT,
         "max_unpool1d: output_size=(10,); wanted 1 lengths less than a stride (2,) away from "
         "(8,)"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_layers():
    x = np.random.default_rng(5).standard_normal((2, 3, 6, 8))
    for layer, want in (
        (nn.AdaptiveMaxPool2d((3, 2)), F.adaptive_max_pool2d(x, (3, 2))),
        (nn.LPPool2d(2, 3, 2), F.lp_pool2d(x, 2, 3, 2)),
        (nn.AvgPool2d(3, divisor_override=4), 9 / 4 * F.avg_pool2d(x, 3)),
    ):
        np.testing.assert_allclose(layer(x).numpy(), want.numpy(), rtol=1e-14)
        assert repr(layer).startswith(type(layer).__name__)
    y, indices = nn.AdaptiveMaxPool2d(2, return_indices=True)(x)
    assert y.shape == indices.shape == (2, 3, 2, 2)
