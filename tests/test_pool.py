"""Pooling: drawn cases against naive loops, ties, NaN, padding, indices, errors."""

from types import SimpleNamespace

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core.op import REGISTRY
from tests import fake_cupy
from tests.oracles import conv as conv_oracle
from tests.oracles import pool as oracle

MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
GLOBAL = {1: F.global_avg_pool1d, 2: F.global_avg_pool2d, 3: F.global_avg_pool3d}


def draw(rng, dilate):
    """A random window over a random image: spatial shape, keywords, and the oracles' window."""
    axes = int(rng.integers(1, 4))
    spatial = tuple(int(n) for n in rng.integers(1, (12, 8, 5)[axes - 1], axes))
    k = tuple(int(n) for n in rng.choice([1, 2, 3, 5], axes))
    stride = tuple(int(n) for n in rng.integers(1, 4, axes)) if rng.random() < 0.8 else k
    dilation = tuple(int(n) for n in rng.integers(1, 4, axes)) if dilate else (1,) * axes
    halves = [(d * (n - 1) + 1) // 2 for n, d in zip(k, dilation)]
    padding = tuple(tuple(int(p) for p in rng.integers(0, min(2, h) + 1, 2)) for h in halves)
    how = {"kernel_size": k, "stride": stride, "padding": padding}
    window = SimpleNamespace(size=k, stride=stride, padding=padding, dilation=dilation)
    return axes, spatial, how, window


def values(rng, shape):
    """An image with or without ties, with a few NaN or infinities or without."""
    x = rng.standard_normal(shape)
    if rng.random() < 0.4:
        x = np.round(x)
    if rng.random() < 0.2:
        x[rng.random(shape) < 0.2] = rng.choice([np.nan, -np.inf, np.inf])
    return x


def close(got, want):
    scale = 1 + np.abs(want[np.isfinite(want)]).max(initial=0)
    np.testing.assert_allclose(got.numpy(), want, rtol=0, atol=1e-13 * scale, equal_nan=True)


@pytest.mark.parametrize("chunk", range(5))
def test_drawn_max_pools_agree_with_naive_loops(chunk):
    rng = np.random.default_rng(chunk)
    checked = refused = 0
    while checked < 60:
        axes, spatial, how, window = draw(rng, dilate=True)
        how["dilation"], ceil = window.dilation, bool(rng.random() < 0.5)
        x = values(rng, (2, int(rng.integers(1, 3)), *spatial))
        leaf = gg.Tensor(x, requires_grad=True)
        try:
            if min(conv_oracle.out_shape(window, spatial, ceil)) < 1:
                refused += 1
                with pytest.raises(gg.errors.ShapeError, match=f"max_pool{axes}d: spatial axis"):
                    MAX[axes](leaf, **how, ceil_mode=ceil)
                continue
            op = SimpleNamespace(window=window, ceil_mode=ceil, spatial=spatial)
            seen = oracle.windows(window, spatial, ceil).values()
            if any(all(at is None for at in taps) for taps in seen):
                continue  # see test_a_window_that_sees_only_padding
            checked += 1
            want, offset = oracle.max_pool(op, x)
            y, indices = MAX[axes](leaf, **how, ceil_mode=ceil, return_indices=True)
            close(y, want)
            assert indices.dtype == np.int64
            assert np.array_equal(indices.numpy(), oracle.pool_indices(op, offset))
            g = rng.standard_normal(y.shape)
            (gx,) = gg.grad(y, leaf, gg.Tensor(g))
            close(gx, oracle.max_pool_gradient(op, (x,), g)[0])
        except Exception as error:
            raise AssertionError(
                f"chunk {chunk}: x {x.shape}, {how}, ceil_mode={ceil}: {error}"
            ) from error
    assert refused


@pytest.mark.parametrize("chunk", range(5))
def test_drawn_average_pools_agree_with_naive_loops(chunk):
    rng = np.random.default_rng(100 + chunk)
    checked = refused = 0
    while checked < 60:
        axes, spatial, how, window = draw(rng, dilate=False)
        how["ceil_mode"] = bool(rng.random() < 0.5)
        how["count_include_pad"] = bool(rng.random() < 0.5)
        if axes > 1 and rng.random() < 0.2:
            how["divisor_override"] = int(rng.integers(1, 9))
        op = SimpleNamespace(window=window, divisor_override=None)
        vars(op).update(how)
        x = rng.standard_normal((2, int(rng.integers(1, 3)), *spatial))
        leaf = gg.Tensor(x, requires_grad=True)
        try:
            if min(conv_oracle.out_shape(window, spatial, op.ceil_mode)) < 1:
                refused += 1
                with pytest.raises(gg.errors.ShapeError, match=f"avg_pool{axes}d: spatial axis"):
                    AVG[axes](leaf, **how)
                continue
            checked += 1
            y = AVG[axes](leaf, **how)
            close(y, oracle.avg_pool(op, x))
            g = rng.standard_normal(y.shape)
            (gx,) = gg.grad(y, leaf, gg.Tensor(g))
            close(gx, oracle.avg_pool_input(SimpleNamespace(pool=op, spatial=spatial), g))
        except Exception as error:
            raise AssertionError(f"chunk {chunk}: x {x.shape}, {how}: {error}") from error
    assert refused


def test_adaptive_pools_average_windows_of_about_equal_size():
    rng = np.random.default_rng(0)
    for spatial, out in (((7,), (3,)), ((6, 5), (2, 5)), ((5, 7), (3, 2)), ((4, 3, 5), (2, 2, 3))):
        x = rng.standard_normal((2, 3, *spatial))
        y = ADAPTIVE[len(spatial)](x, out).numpy()
        assert y.shape == (2, 3, *out)
        for i in np.ndindex(out):
            bounds = [
                (np.floor(i[a] * n / o), np.ceil((i[a] + 1) * n / o))
                for a, (n, o) in enumerate(zip(spatial, out))
            ]
            part = x[(..., *(slice(int(start), int(end)) for start, end in bounds))]
            want = part.mean(axis=tuple(range(2, x.ndim)))
            np.testing.assert_allclose(y[(..., *i)], want, atol=1e-14)
    x = rng.standard_normal((2, 3, 4, 6))
    np.testing.assert_allclose(F.adaptive_avg_pool2d(x, 1).numpy()[..., 0, 0], x.mean((2, 3)))
    np.testing.assert_allclose(F.adaptive_avg_pool2d(x, (None, 1)).numpy()[..., 0], x.mean(3))


def test_global_pools_are_means():
    rng = np.random.default_rng(1)
    for axes, spatial in ((1, (5,)), (2, (4, 3)), (3, (2, 3, 4))):
        x = rng.standard_normal((2, 3, *spatial))
        want = x.reshape(2, 3, -1).mean(-1)
        np.testing.assert_allclose(GLOBAL[axes](x).numpy(), want)
        assert GLOBAL[axes](x, keepdims=True).shape == (2, 3, *(1,) * axes)
        np.testing.assert_allclose(GLOBAL[axes](x[0]).numpy(), want[0])


def gradient(x, *args, **kw):
    leaf = gg.Tensor(np.array(x)[None, None], requires_grad=True)
    return gg.grad(F.max_pool2d(leaf, *args, **kw).sum(), leaf)[0].numpy()[0, 0].tolist()


def test_the_first_maximum_takes_the_whole_gradient():
    assert gradient([[1.0, 2.0], [2.0, 2.0]], 2) == [[0, 1], [0, 0]]
    assert gradient([[0.0, -0.0], [0.0, 0.0]], 2) == [[1, 0], [0, 0]]


def test_nan_wins_and_the_first_takes_the_gradient():
    nan, inf = np.nan, np.inf
    x = [[inf, 3.0], [nan, nan]]
    assert np.isnan(F.max_pool2d(np.array(x)[None], 2).item())
    assert gradient(x, 2) == [[0, 0], [1, 0]]
    assert gradient([[nan, inf], [nan, inf]], 2) == [[1, 0], [0, 0]]


def test_padding_never_wins():
    inf = np.inf
    assert F.max_pool2d(np.full((1, 2, 2), -5.0), 3, 1, 1).numpy().max() == -5
    assert gradient([[-inf, -inf], [-inf, -inf]], 3, 2, 1) == [[1, 0], [0, 0]]


def test_infinite_gradients_go_to_one_place_only():
    x = gg.Tensor(np.arange(4.0).reshape(1, 2, 2), requires_grad=True)
    for bad in (np.inf, np.nan):
        (gx,) = gg.grad(F.max_pool2d(x, 2), x, np.full((1, 1, 1), bad))
        assert np.array_equal(gx.numpy(), [[[0, 0], [0, bad]]], equal_nan=True)


def test_a_window_that_sees_only_padding():
    x = gg.Tensor(np.full((1, 1, 1), 7.0), requires_grad=True)
    y, indices = F.max_pool1d(x, 2, stride=1, padding=2, dilation=3, return_indices=True)
    assert y.tolist() == [[[-np.inf, -np.inf]]]
    assert indices.tolist() == [[[-1, -1]]]
    assert gg.grad(y, x, np.ones(y.shape))[0].tolist() == [[[0.0]]]


def test_large_windows_need_wider_offsets():
    rng = np.random.default_rng(2)
    for length, dtype in ((255, np.uint8), (300, np.uint16), (70000, np.int32)):
        x = gg.Tensor(1.0 * rng.permutation(length)[None, None], requires_grad=True)
        op = REGISTRY["MaxPool"](gg.Window.of("max_pool1d", 1, length))
        assert gg.apply(op, x)[1].dtype == dtype
        y, indices = F.max_pool1d(x, length, return_indices=True)
        assert indices.item() == x.numpy().argmax()
        assert gg.grad(y.sum(), x)[0].numpy().argmax() == indices.item()


def test_one_image_gives_one_image():
    x = np.random.default_rng(3).standard_normal((2, 6, 6))
    for pool in (F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d):
        assert np.array_equal(pool(x, 2).numpy(), pool(x[None], 2).numpy()[0])
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    assert y.shape == indices.shape == (2, 3, 3)


def test_the_result_has_memory_of_its_own():
    x = np.zeros((1, 1, 2, 2))
    for pool in (F.max_pool2d, F.avg_pool2d):
        assert not np.shares_memory(pool(x, 1).numpy(), x)


def test_memory_of_any_kind_and_empty_batches():
    x = np.random.default_rng(4).standard_normal((2, 3, 6, 5))
    strange = np.asfortranarray(x)[::-1][::-1]
    strange.flags.writeable = False
    for pool in (F.max_pool2d, F.avg_pool2d):
        assert np.array_equal(pool(strange, 3, 2, 1).numpy(), pool(x, 3, 2, 1).numpy())
        assert pool(x[:0], 3, 2, 1).shape == (0, 3, 3, 3)
        assert pool(x.astype(np.float16), 3, 2, 1).dtype == np.float16


@pytest.mark.parametrize(
    "name", ["MaxPool", "PoolScatter", "PoolGather", "PoolIndices", "AvgPool", "AvgPoolInput"]
)
def test_the_reference_runs_on_cupy_arrays(name):
    xp = fake_cupy.make()
    for sample in REGISTRY[name].samples(np.random.default_rng(0)):
        want = sample.op.forward(np, *sample.inputs)
        got = sample.op.forward(xp, *map(xp.asarray, sample.inputs))
        pairs = zip(got, want) if isinstance(want, tuple) else [(got, want)]
        for a, b in pairs:
            assert np.array_equal(a.get(), b, equal_nan=b.dtype.kind == "f"), sample.note


IMAGE = np.zeros((2, 3, 8, 8), np.float32)
SHAPE, DTYPE, ARGUMENT = gg.errors.ShapeError, gg.errors.DtypeError, gg.errors.ArgumentError


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.max_pool2d(IMAGE, 3, padding=2), ARGUMENT,
         "max_pool2d: padding=2; wanted at most 1, half of the 3 that a window covers"),
        (lambda: F.avg_pool2d(IMAGE, (2, 5), padding=((0, 0), (0, 3))), ARGUMENT,
         "avg_pool2d: padding=((0, 0), (0, 3)); wanted at most 2, half of the 5 that a window "
         "covers"),
        (lambda: F.max_pool2d(IMAGE, 0), ARGUMENT,
         "max_pool2d: kernel_size=0; wanted an int of at least 1, or 2 of them"),
        (lambda: F.max_pool3d(IMAGE[None], 2, stride=(1, 2)), ARGUMENT,
         "max_pool3d: stride=(1, 2); wanted an int of at least 1, or 3 of them"),
        (lambda: F.max_pool2d(IMAGE, 9), SHAPE,
         "max_pool2d: spatial axis 0 of x has length 8, 8 with padding (0, 0); a kernel of 9 with "
         "dilation 1 spans 9. Pad more, or take a smaller kernel"),
        (lambda: F.max_pool2d(IMAGE[0, 0], 2), SHAPE,
         "max_pool2d: x has shape (8, 8); it takes (N, C, H, W), or (C, H, W) for one image; "
         "reshape adds axes"),
        (lambda: F.avg_pool2d(IMAGE[:, :, :0], 2, padding=1), SHAPE,
         "avg_pool2d: x has shape (2, 3, 0, 8); it takes (N, C) and 2 spatial axes, none of "
         "length 0"),
        (lambda: F.max_pool2d(IMAGE.astype(np.int32), 2), DTYPE,
         "max_pool2d: x is int32; it takes floating-point arrays, x.astype(gpugraph.float32) "
         "makes one"),
        (lambda: F.avg_pool2d([[[1.0]]], 1), DTYPE,
         "avg_pool2d: x is a list; it takes tensors and arrays. gpugraph.tensor(...) converts"),
        (lambda: F.avg_pool2d(IMAGE, 2, divisor_override=0), ARGUMENT,
         "avg_pool2d: divisor_override=0; wanted an int of at least 1"),
        (lambda: F.adaptive_avg_pool2d(IMAGE, (2, 0)), ARGUMENT,
         "adaptive_avg_pool2d: output_size=(2, 0); wanted an int of at least 1, or 2 of them"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
