"""Functions on images and sequences, all alike: derivatives to third order, dtypes, devices.

What they compute is judged in files of their own: test_padding.py, test_interpolate.py, ...
"""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.ops.random import Generator
from gpugraph.testing import gradcheck
from tests import fake_cupy

rng = np.random.default_rng(7)
draw = rng.standard_normal
image = draw((2, 3, 4, 5))
apart = 0.1 * rng.permutation(120).reshape(2, 3, 4, 5)  # no two within 0.05
places = rng.integers(0, 4, (2, 3, 3, 2)) * 0.5 - 0.87 + rng.uniform(0.0, 0.1, (2, 3, 3, 2))
rows = rng.integers(0, 6, (2, 3))
some = np.array([[True, False, True, True], [False, True, True, False], [False] * 4])
q, k, v = draw((2, 3, 4)), draw((2, 4, 4)), draw((2, 4, 2))


def unpooled(x):
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    return F.max_unpool2d(y, indices, 2, output_size=x.shape)


def fresh(function, x, **options):
    """With the same mask at every call."""
    return function(x, 0.4, True, generator=Generator(3), **options)


def mask(x):
    """Which keys may be looked at, where x is."""
    return gg.asarray(some, device=x.device)


def numbers(x):
    return gg.asarray(rows, device=x.device)


CALLS = {
    "pad, constant": (lambda x: F.pad(x, (1, -1, 2, 0), value=0.5), image),
    "pad, reflect": (lambda x: F.pad(x, (2, 3, -1, 1), "reflect"), image),
    "pad, replicate": (lambda x: F.pad(x, (1, 2, 3, -2), "replicate"), image),
    "pad, circular": (lambda x: F.pad(x, (1, 5, -1, 2), "circular"), image),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (3, 2)), image),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (3, 2)), apart),
    "lp_pool2d": (lambda x: F.lp_pool2d(x, 3.0, 2, 1), abs(image) + 0.2),
    "max_unpool2d": (unpooled, apart),
    "interpolate, nearest": (lambda x: F.interpolate(x, (7, 3)), image),
    "interpolate, bilinear": (lambda x: F.interpolate(x, (7, 3), mode="bilinear"), image),
    "interpolate, bicubic": (
        lambda x: F.interpolate(x, (3, 9), mode="bicubic", align_corners=True), image),
    "interpolate, antialias": (
        lambda x: F.interpolate(x, (2, 3), mode="bicubic", antialias=True), image),
    "interpolate, area": (lambda x: F.interpolate(x, (3, 2), mode="area"), image),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), draw((1, 8, 2, 3))),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), draw((1, 2, 4, 6))),
    "channel_shuffle": (lambda x: F.channel_shuffle(x, 2), draw((1, 6, 2))),
    "unfold": (lambda x: F.unfold(x, (2, 3), (2, 1), (1, 2), (1, 2)), image),
    "fold": (lambda x: F.fold(x, (4, 5), (2, 3), 1, (1, 0), (2, 1)), draw((2, 12, 9))),
    "layer_norm": (
        lambda x, w, b: F.layer_norm(x, (4, 5), w, b), image, draw((4, 5)), draw((4, 5))),
    "group_norm": (
        lambda x, w, b: F.group_norm(x, 2, w, b), draw((2, 4, 3)), draw(4), draw(4)),
    "instance_norm": (
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b), image, draw(3), draw(3)),
    "rms_norm": (lambda x, w: F.rms_norm(x, 5, w), image, draw(5)),
    "local_response_norm": (lambda x: F.local_response_norm(x, 2, 0.7, 0.6, 1.5), image),
    "normalize": (lambda x: F.normalize(x, dim=(1, 3)), image),
    "normalize, p=3": (lambda x: F.normalize(x, 3.0), abs(image) + 0.1),
    "dropout1d": (lambda x: fresh(F.dropout1d, x), image[0]),
    "dropout2d": (lambda x: fresh(F.dropout2d, x), image),
    "dropout3d": (lambda x: fresh(F.dropout3d, x), image[None]),
    "alpha_dropout": (lambda x: fresh(F.alpha_dropout, x), image),
    "feature_alpha_dropout": (lambda x: fresh(F.feature_alpha_dropout, x), image),
    "embedding": (lambda w: F.embedding(numbers(w), w, padding_idx=2), draw((6, 3))),
    "bilinear": (F.bilinear, draw((2, 3)), draw((2, 4)), draw((5, 3, 4)), draw(5)),
    "local_conv2d": (
        lambda x, w, b: F.local_conv2d(x, w, b, (2, 1), 1, (1, 2)),
        image, draw((3, 3, 2, 3, 2, 3)), draw((2, 3, 3))),
    "grid_sample, bilinear": (F.grid_sample, image, places),
    "grid_sample, bicubic": (
        lambda x, g: F.grid_sample(x, g, "bicubic", "border", True), image, places),
    "grid_sample, reflection": (
        lambda x, g: F.grid_sample(x, g, padding_mode="reflection"), image, 2 * places + 0.11),
    "grid_sample, nearest": (
        lambda x: F.grid_sample(
            x, gg.asarray(places, device=x.device).astype(x.dtype), "nearest"), image),
    "affine_grid": (lambda theta: F.affine_grid(theta, (2, 1, 3, 2)), draw((2, 2, 3))),
    "attention": (F.scaled_dot_product_attention, q, k, v),
    "attention, masked": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask(q)), q, k, v),
    "attention, causal": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.7),
        q, k, v),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_derivatives_to_third_order(name):
    f, *inputs = CALLS[name]
    gradcheck(f, inputs, order=3, nonzero=True)


@pytest.mark.parametrize("name", CALLS)
def test_float32_stays_float32_and_agrees(name):
    f, *inputs = CALLS[name]
    y = f(*(gg.Tensor(x.astype(np.float32)) for x in inputs))
    exact = f(*map(gg.Tensor, inputs)).numpy()
    assert y.dtype == np.float32
    # of places, rounding moves what is read: by less than the slope between two pixels
    bound = gg.testing.tolerance(np.float32, terms=image.size) * (1 + np.abs(exact).max())
    assert np.abs(y.numpy() - exact).max() < 4 * bound


@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients_on_another_array_module(name):
    f, *inputs = CALLS[name]
    with gg.cpu.disabled(), fake_cupy.installed() as cupy:  # the same bits
        found = []
        for device in ("cpu", "cuda"):
            xs = [gg.Tensor(x).to(device).requires_grad_() for x in inputs]
            y = f(*xs)
            c = gg.Tensor(np.cos(np.arange(y.size)).reshape(y.shape)).to(device)
            found.append((y, *gg.grad(y, xs, c)))
        assert all(isinstance(t.array, cupy.ndarray) for t in found[1])
        for here, there in zip(*found):
            np.testing.assert_array_equal(here.numpy(), there.numpy())


@pytest.mark.parametrize("name", CALLS)
def test_meta_tells_the_shape(name):
    f, *inputs = CALLS[name]
    xs = [gg.Tensor(x).to("meta").requires_grad_() for x in inputs]
    y = f(*xs)
    want = f(*map(gg.Tensor, inputs))
    assert (y.shape, y.dtype, str(y.device)) == (want.shape, want.dtype, "meta")
    assert [g.shape for g in gg.grad(y.sum(), xs)] == [x.shape for x in xs]


@pytest.mark.parametrize("name", CALLS)
def test_the_same_call_gives_the_same_bits(name):
    f, *inputs = CALLS[name]
    found = []
    for _ in range(2):
        xs = [gg.Tensor(x, requires_grad=True) for x in inputs]
        y = f(*xs)
        found.append([t.numpy().tobytes() for t in (y, *gg.grad(y.sum(), xs))])
    assert found[0] == found[1]


def test_layers_work_in_mixed_precision():
    x = gg.Tensor(image.astype(np.float32), requires_grad=True)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
        nn.GroupNorm(2, 4),
        nn.LocalConv2d(4, 4, (4, 5), 3, padding=1),
        nn.InstanceNorm2d(4, affine=True),
        nn.Upsample((5, 6), mode="bilinear"),
        nn.LayerNorm(6),
        nn.AdaptiveMaxPool2d(3),
        nn.Flatten(2),
        nn.TransformerEncoderLayer(9, 3, 8, 0.0),
    )
    exact = net(x).numpy()
    with gg.autocast(gg.float16):
        y = net(x)
    assert 0 < np.abs(y.numpy() - exact).max() < 0.05
    y.sum().backward()
    assert all(p.grad.dtype == np.float32 for p in net.parameters())
