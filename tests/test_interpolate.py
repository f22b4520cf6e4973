"""F.interpolate against Pillow, SciPy and the definitions, pixel by pixel."""

import math

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn

RATIOS = [(n, o) for n in (1, 2, 3, 5, 8) for o in (1, 2, 3, 4, 7, 11)]


def place(i, n, o, align):
    """Where output i lies among n pixels."""
    if align:
        return i * (n - 1) / (o - 1) if o > 1 else 0.0
    return (i + 0.5) * n / o - 0.5


def keys(d, a=-0.75):
    d = abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


@pytest.mark.parametrize("align", [False, True])
def test_lines(align):
    rng = np.random.default_rng(0)
    for n, o in RATIOS:
        x = rng.standard_normal(n)
        want = np.interp([place(i, n, o, align) for i in range(o)], np.arange(n), x)
        got = F.interpolate(x[None, None], o, mode="linear", align_corners=align).numpy()[0, 0]
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-14)


@pytest.mark.parametrize("align", [False, True])
def test_cubics(align):
    rng = np.random.default_rng(1)
    for n, o in RATIOS:
        x = rng.standard_normal(n)
        want = []
        for i in range(o):
            at = place(i, n, o, align)
            near = range(math.floor(at) - 1, math.floor(at) + 3)
            want.append(sum(x[min(max(j, 0), n - 1)] * keys(at - j) for j in near))
        column = np.broadcast_to(x[:, None], (1, 1, n, 2))
        got = F.interpolate(column, (o, 2), mode="bicubic", align_corners=align).numpy()
        np.testing.assert_allclose(got[0, 0, :, 0], want, rtol=0, atol=1e-13)


@pytest.mark.parametrize("mode, shift", [("nearest", 0), ("nearest-exact", 1)])
def test_nearest_counts_exactly(mode, shift):
    """In whole numbers: floor((2i + shift) n / 2o)."""
    for n in range(1, 40):
        for o in range(1, 60):
            got = F.interpolate(np.arange(n)[None, None], o, mode=mode)
            assert got.tolist()[0][0] == [(2 * i + shift) * n // (2 * o) for i in range(o)]


def test_planes_and_volumes_are_separable():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((1, 2, 4, 5, 3))
    at = np.meshgrid(
        *([place(i, n, o, True) for i in range(o)] for n, o in ((4, 6), (5, 3), (3, 5))),
        indexing="ij",
    )
    y = F.interpolate(x, (6, 3, 5), mode="trilinear", align_corners=True).numpy()
    for c in range(2):
        want = ndimage.map_coordinates(x[0, c], at, order=1)
        np.testing.assert_allclose(y[0, c], want, rtol=0, atol=1e-14)


@pytest.mark.parametrize("mode, filter", [("bilinear", "BILINEAR"), ("bicubic", "BICUBIC")])
def test_antialiasing_is_pillows(mode, filter):
    rng = np.random.default_rng(3)
    for shape, size in (((9, 12), (4, 5)), ((7, 5), (3, 8)), ((20, 16), (3, 2)), ((4, 4), (9, 9))):
        x = rng.standard_normal(shape).astype(np.float32)
        want = Image.fromarray(x).resize(size[::-1], getattr(Image.Resampling, filter))
        got = F.interpolate(x[None, None].astype(np.float64), size, mode=mode, antialias=True)
        bound = gg.testing.tolerance(np.float32, terms=100) * np.abs(x).max()
        assert np.abs(got.numpy()[0, 0] - np.asarray(want)).max() < bound


def test_area_is_the_mean_of_what_lies_under_a_pixel():
    x = np.random.default_rng(4).standard_normal((1, 1, 6, 4))
    want = x.reshape(1, 1, 3, 2, 2, 2).mean((3, 5))
    np.testing.assert_allclose(F.interpolate(x, (3, 2), mode="area").numpy(), want, atol=1e-15)


def test_scale_factors():
    x = np.arange(10.0).reshape(1, 1, 10)
    assert F.interpolate(x, scale_factor=0.55).shape == (1, 1, 5)
    kept = F.interpolate(x, scale_factor=0.55, mode="linear").numpy()[0, 0]
    np.testing.assert_allclose(kept, (np.arange(5) + 0.5) / 0.55 - 0.5)  # x is a straight line
    again = F.interpolate(x, scale_factor=0.55, mode="linear", recompute_scale_factor=True)
    np.testing.assert_allclose(again.numpy()[0, 0], (np.arange(5) + 0.5) * 2 - 0.5)
    assert F.interpolate(x[..., None], scale_factor=(2, 3)).shape == (1, 1, 20, 3)


def test_a_size_that_stays_changes_nothing():
    x = np.random.default_rng(5).standard_normal((1, 2, 3, 4))
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area"):
        np.testing.assert_array_equal(F.interpolate(x, (3, 4), mode=mode).numpy(), x)


def test_nan_stays_where_it_is_seen():
    x = np.zeros((1, 1, 6))
    x[..., 0] = np.nan
    y = F.interpolate(x, 12, mode="linear").numpy()[0, 0]
    assert np.isnan(y).tolist() == [True] * 3 + [False] * 9


def test_integers_and_half_precision():
    assert F.interpolate(np.array([[[1, 2]]], np.uint8), 4).tolist() == [[[1, 1, 2, 2]]]
    half = F.interpolate(np.ones((1, 1, 2, 2), np.float16), 3, mode="bilinear")
    assert half.dtype == np.float16 and (half.numpy() == 1).all()
    assert F.interpolate(np.ones((0, 1, 2)), 3).shape == (0, 1, 3)


def test_layers():
    x = np.random.default_rng(6).standard_normal((1, 2, 3, 4))
    for layer, want in (
        (nn.Upsample(scale_factor=2), F.interpolate(x, (6, 8))),
        (nn.UpsamplingNearest2d(size=(5, 2)), F.interpolate(x, (5, 2))),
        (nn.UpsamplingBilinear2d(scale_factor=2),
         F.interpolate(x, (6, 8), mode="bilinear", align_corners=True)),
    ):  # fmt: skip
        np.testing.assert_array_equal(layer(x).numpy(), want.numpy())
    assert repr(nn.Upsample(scale_factor=2)) == "Upsample(scale_factor=2, mode='nearest')"


IMAGE = np.zeros((1, 1, 4, 4))
ARGUMENT = gg.errors.ArgumentError


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.interpolate(IMAGE), ARGUMENT,
         "interpolate: size=None and scale_factor=None; give one of them"),
        (lambda: F.interpolate(IMAGE, 2, 2.0), ARGUMENT,
         "interpolate: size=2 and scale_factor=2.0; give one of them"),
        (lambda: F.interpolate(IMAGE, 2, mode="linear"), ARGUMENT,
         "interpolate: mode='linear' takes x with 1 spatial axes, not 2"),
        (lambda: F.interpolate(IMAGE, 2, mode="cubic"), ARGUMENT,
         "interpolate: mode='cubic' is none of ['nearest', 'nearest-exact', 'area', 'linear', "
         "'bilinear', 'bicubic', 'trilinear']"),
        (lambda: F.interpolate(IMAGE, 2, align_corners=True), ARGUMENT,
         "interpolate: align_corners=True has no meaning for mode='nearest'; leave it away"),
        (lambda: F.interpolate(IMAGE, (2, 2, 2)), ARGUMENT,
         "interpolate: size=(2, 2, 2); wanted an int of at least 1, or 2 of them"),
        (lambda: F.interpolate(IMAGE, scale_factor=(1, 2, 3)), ARGUMENT,
         "interpolate: scale_factor=(1, 2, 3); wanted a number, or 2 of them"),
        (lambda: F.interpolate(IMAGE, scale_factor=0.1), ARGUMENT,
         "interpolate: scale_factor=0.1 makes (0, 0) of (4, 4); wanted at least 1"),
        (lambda: F.interpolate(IMAGE, 2, antialias=True), ARGUMENT,
         "interpolate: antialias=True is for mode 'bilinear' and 'bicubic'"),
        (lambda: F.interpolate(IMAGE[0, 0], 2), gg.errors.ShapeError,
         "interpolate: x has shape (4, 4); it takes (N, C) and 1 to 3 spatial axes, none of "
         "length 0"),
        (lambda: F.interpolate(IMAGE.astype(int), 2, mode="bilinear"), gg.errors.DtypeError,
         "interpolate: x is int64; mode='bilinear' takes floating-point arrays, "
         "x.astype(gpugraph.float32) makes one"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_gradients_go_where_pixels_are_seen():
    """An infinite cotangent reaches the pixels that its output sees, and no other."""
    x = gg.Tensor(np.zeros((1, 1, 7)), requires_grad=True)
    for mode, seen in (("nearest", [0]), ("linear", [0, 1]), ("nearest-exact", [1])):
        y = F.interpolate(x, 3, mode=mode)
        (g,) = gg.grad(y, [x], np.array([[[np.inf, 0.0, 0.0]]]))
        assert np.flatnonzero(np.isinf(g.numpy())).tolist() == seen
        assert not np.isnan(g.numpy()).any()
