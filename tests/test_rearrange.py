"""pixel_shuffle and kin against their formulas; unfold and fold as a pair; local_conv2d."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn

rng = np.random.default_rng(0)


def test_pixels_from_channels_and_back():
    for lead, C, r, H, W in (((2,), 3, 2, 2, 3), ((), 1, 3, 4, 1), ((2, 1), 2, 1, 3, 2)):
        x = rng.standard_normal((*lead, C * r * r, H, W))
        y = F.pixel_shuffle(x, r).numpy()
        assert y.shape == (*lead, C, H * r, W * r)
        for c, h, w, i, j in np.ndindex(C, H, W, r, r):
            want = x[..., c * r * r + i * r + j, h, w]
            np.testing.assert_array_equal(y[..., c, h * r + i, w * r + j], want)
        np.testing.assert_array_equal(F.pixel_unshuffle(y, r).numpy(), x)
        np.testing.assert_array_equal(nn.PixelUnshuffle(r)(nn.PixelShuffle(r)(x)).numpy(), x)


def test_channels_are_dealt_out():
    x = np.arange(6)[None, :, None]
    assert F.channel_shuffle(x, 2).numpy().ravel().tolist() == [0, 3, 1, 4, 2, 5]
    assert nn.ChannelShuffle(3)(x).numpy().ravel().tolist() == [0, 2, 4, 1, 3, 5]


def drawn(n=30):
    for _ in range(n):
        size = tuple(int(k) for k in rng.integers(4, 8, 2))
        how = {
            "kernel_size": tuple(int(k) for k in rng.integers(1, 4, 2)),
            "dilation": int(rng.integers(1, 3)),
            "padding": tuple(int(k) for k in rng.integers(0, 3, 2)),
            "stride": tuple(int(k) for k in rng.integers(1, 3, 2)),
        }
        if all(n + 2 * p > how["dilation"] * (k - 1) for n, p, k in zip(
            size, how["padding"], how["kernel_size"])):  # fmt: skip
            yield size, how


def taps(size, how):
    """(row of the column matrix, column, place in the padded image) of each tap of each window."""
    d, (kh, kw) = how["dilation"], how["kernel_size"]
    (ph, pw), (sh, sw) = how["padding"], how["stride"]
    oh = (size[0] + 2 * ph - d * (kh - 1) - 1) // sh + 1
    ow = (size[1] + 2 * pw - d * (kw - 1) - 1) // sw + 1
    for i, j, a, b in np.ndindex(kh, kw, oh, ow):
        yield i * kw + j, a * ow + b, (a * sh + i * d, b * sw + j * d), (kh * kw, oh * ow)


def test_windows_as_columns():
    for size, how in drawn():
        x = rng.standard_normal((2, 3, *size))
        ph, pw = how["padding"]
        framed = np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)])
        got = F.unfold(x, **how).numpy()
        for tap, window, at, (k, n) in taps(size, how):
            assert got.shape == (2, 3 * k, n)
            np.testing.assert_array_equal(got[:, tap::k, window], framed[(..., *at)])
        np.testing.assert_array_equal(F.unfold(x[0], **how).numpy(), got[0])


def test_folding_adds_up():
    for size, how in drawn():
        ph, pw = how["padding"]
        want = np.zeros((2, 2, size[0] + 2 * ph, size[1] + 2 * pw))
        _, _, _, (k, n) = next(taps(size, how))
        columns = rng.standard_normal((2, 2 * k, n))
        for tap, window, at, _ in taps(size, how):
            want[(..., *at)] += columns[:, tap::k, window]
        want = want[..., ph : ph + size[0], pw : pw + size[1]]
        got = F.fold(columns, size, **how).numpy()
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(nn.Fold(size, **how)(columns[0]).numpy(), got[0], rtol=1e-13)


def test_one_filter_bank_everywhere_is_a_convolution():
    x, w = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 2))
    how = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}
    want = F.conv2d(x, w, **how).numpy()
    everywhere = np.broadcast_to(w, (*want.shape[2:], *w.shape)).copy()
    got = F.local_conv2d(x, everywhere, **how).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)


def test_each_place_has_filters_of_its_own():
    x = rng.standard_normal((2, 3, 5, 6))
    layer = nn.LocalConv2d(3, 4, (5, 6), (3, 2), stride=2, padding=1).astype(np.float64)
    assert layer.weight.shape == (3, 4, 4, 3, 3, 2) and layer.bias.shape == (4, 3, 4)
    y = layer(x).numpy()
    for i, j in np.ndindex(3, 4):
        want = F.conv2d(x, layer.weight[i, j], layer.bias[:, i, j], 2, 1).numpy()
        np.testing.assert_allclose(y[:, :, i, j], want[:, :, i, j], rtol=1e-12, atol=1e-13)
    shared = F.local_conv2d(x, layer.weight, np.arange(4.0), 2, 1)
    plain = F.local_conv2d(x, layer.weight, None, 2, 1).numpy()
    np.testing.assert_allclose(shared.numpy() - plain, np.arange(4.0).reshape(4, 1, 1) + 0 * plain)
    np.testing.assert_array_equal(layer(x[0]).numpy(), layer(x[:1]).numpy()[0])
    bound = 1 / np.sqrt(3 * 3 * 2)
    assert 0.9 * bound < np.abs(layer.weight.numpy()).max() <= bound


X = np.zeros((1, 3, 4, 4))
SHAPE, ARGUMENT = gg.errors.ShapeError, gg.errors.ArgumentError


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.pixel_shuffle(X, 2), SHAPE,
         "pixel_shuffle: x (1, 3, 4, 4) has 3 channels, which must be a multiple of "
         "upscale_factor^2 = 4"),
        (lambda: F.pixel_shuffle(X, 0), ARGUMENT,
         "pixel_shuffle: upscale_factor=0; wanted an int of at least 1"),
        (lambda: F.pixel_unshuffle(X, 3), SHAPE,
         "pixel_unshuffle: x (1, 3, 4, 4) is 4x4, which must be multiples of downscale_factor=3"),
        (lambda: F.channel_shuffle(X, 2), SHAPE,
         "channel_shuffle: x (1, 3, 4, 4) must be (N, C, ...), and C a multiple of groups=2"),
        (lambda: F.fold(np.zeros((1, 4, 8)), (4, 4), 2), SHAPE,
         "fold: x has shape (1, 4, 8); output_size=(4, 4) and kernel_size=(2, 2) take "
         "(N, C*4, 9)"),
        (lambda: F.local_conv2d(X, np.zeros((4, 3, 3, 3))), SHAPE,
         "local_conv2d: w has shape (4, 3, 3, 3); it takes (oh, ow, O, C, kh, kw), a filter bank "
         "for each place of the output"),
        (lambda: F.local_conv2d(X, np.zeros((4, 4, 2, 3, 3, 3))), SHAPE,
         "local_conv2d: w (4, 4, 2, 3, 3, 3) has filters for (4, 4) places; x (1, 3, 4, 4) gives "
         "(2, 2)"),
        (lambda: F.local_conv2d(X, np.zeros((2, 2, 2, 5, 3, 3))), SHAPE,
         "local_conv2d: x has 3 channels; w (2, 2, 2, 5, 3, 3) takes 5"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
