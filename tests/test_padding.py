"""F.pad and the padding modes of convolutions, against NumPy's pad."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn

NUMPY = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
WIDEST = {"constant": 9, "reflect": -1, "replicate": 9, "circular": 0}  # the last two: of n + this


def cases(n=120):
    rng = np.random.default_rng(0)
    for i in range(n):
        mode = list(NUMPY)[i % 4]
        axes = int(rng.integers(1, 4))
        spatial = tuple(int(k) for k in rng.integers(1, 6, axes))
        most = [9 if WIDEST[mode] == 9 else k + WIDEST[mode] for k in spatial]
        pairs = [tuple(int(w) for w in rng.integers(0, m + 1, 2)) for m in most]
        yield mode, rng.standard_normal((2, 3, *spatial)), pairs


def test_drawn_pads_agree_with_numpy():
    for mode, x, pairs in cases():
        flat = [w for pair in reversed(pairs) for w in pair]
        want = np.pad(x, [(0, 0), (0, 0), *pairs], NUMPY[mode])
        np.testing.assert_array_equal(F.pad(x, flat, mode).numpy(), want)


def test_gradients_add_up_where_an_element_shows_twice():
    for mode, x, pairs in cases():
        flat = [w for pair in reversed(pairs) for w in pair]
        numbers = np.arange(1, x.size + 1).reshape(x.shape)  # 0: the constant frame
        shown = np.pad(numbers, [(0, 0), (0, 0), *pairs], NUMPY[mode]).ravel()
        leaf = gg.Tensor(x, requires_grad=True)
        (gx,) = gg.grad(F.pad(leaf, flat, mode).sum(), leaf)
        want = np.bincount(shown, minlength=x.size + 1)[1:].reshape(x.shape)
        np.testing.assert_array_equal(gx.numpy(), want)


@pytest.mark.parametrize("mode", NUMPY)
def test_negative_widths_cut(mode):
    x = np.arange(30.0).reshape(1, 5, 6)
    got = F.pad(x, (-1, 2, -2, -1), mode).numpy()
    if mode == "circular":  # around what is left
        want = np.pad(x[:, 2:4, 1:], [(0, 0), (0, 0), (0, 2)], "wrap")
    else:
        want = np.pad(x, [(0, 0), (0, 0), (0, 2)], NUMPY[mode])[:, 2:4, 1:]
    np.testing.assert_array_equal(got, want)


def test_any_axis_any_dtype_any_value():
    np.testing.assert_array_equal(F.pad(np.array([1, 2]), (1, 1), value=7).numpy(), [7, 1, 2, 7])
    flags = F.pad(np.array([True, False]), (2, 0), "constant")
    assert flags.tolist() == [False, False, True, False] and flags.dtype == bool
    every = F.pad(np.ones((1, 1)), (1, 0, 0, 2))
    assert every.shape == (3, 2) and every.numpy().sum() == 1
    assert F.pad(np.ones((2, 0)), (1, 1)).shape == (2, 2)
    assert F.pad(np.ones((0, 2, 3)), (1, 2), "reflect").shape == (0, 2, 6)
    nan = F.pad(np.array([[np.nan, 1.0, np.inf]]), (2, 0), "reflect").numpy()
    np.testing.assert_array_equal(nan, [[np.inf, 1.0, np.nan, 1.0, np.inf]])
    assert F.pad(np.ones(3, np.float32), ()).shape == (3,)


SHAPE, ARGUMENT = gg.errors.ShapeError, gg.errors.ArgumentError
x = np.zeros((2, 3, 4))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.pad(x, (1,)), ARGUMENT,
         "pad: pad=(1,) must be pairs of ints (before, after), one for each of the last axes of "
         "x (2, 3, 4)"),
        (lambda: F.pad(x, (1, 0.5)), ARGUMENT,
         "pad: pad=(1, 0.5) must be pairs of ints (before, after), one for each of the last axes "
         "of x (2, 3, 4)"),
        (lambda: F.pad(x, (1, 1), "mirror"), ARGUMENT,
         "pad: mode='mirror'; wanted 'constant' or one of ['reflect', 'replicate', 'circular']"),
        (lambda: F.pad(x, (1, 1), "reflect", 1.0), ARGUMENT,
         "pad: value=1.0 has no meaning for mode='reflect'; leave it away"),
        (lambda: F.pad(x, (4, 0), "reflect"), SHAPE,
         "pad: pad has (4, 0) for axis 2 of x (2, 3, 4); mode='reflect' gives at most 3 there"),
        (lambda: F.pad(x, (0, 5), "circular"), SHAPE,
         "pad: pad has (0, 5) for axis 2 of x (2, 3, 4); mode='circular' gives at most 4 there"),
        (lambda: F.pad(x, (-3, -2)), SHAPE,
         "pad: pad=(-3, -2) cuts more off axis 2 of x (2, 3, 4) than there is"),
        (lambda: nn.Conv2d(1, 1, 3, padding_mode="wrap"), ARGUMENT,
         "Conv2d: padding_mode='wrap' must be one of ['zeros', 'reflect', 'replicate', "
         "'circular']"),
        (lambda: nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect"), ARGUMENT,
         "ConvTranspose2d: padding_mode='reflect' must be one of ['zeros']"),
        (lambda: nn.ReflectionPad2d(1)(np.zeros((3, 3))), SHAPE,
         "ReflectionPad2d: pad: x (3, 3) has 2 axes; it takes (C) or (N, C) and 2 more"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize("padding", [1, (2, 1), "same", ((2, 0), (1, 3))])
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_convolutions_pad_with_what_lies_at_the_borders(mode, padding):
    image = np.random.default_rng(1).standard_normal((2, 3, 6, 7)).astype(np.float32)
    layer = nn.Conv2d(3, 4, (3, 2), padding=padding, dilation=(1, 2), padding_mode=mode)
    pairs = {1: [(1, 1)] * 2, (2, 1): [(2, 2), (1, 1)], "same": [(1, 1), (1, 1)]}
    framed = np.pad(image, [(0, 0), (0, 0), *pairs.get(padding, padding)], NUMPY[mode])
    want = F.conv2d(framed, layer.weight, layer.bias, dilation=(1, 2))
    np.testing.assert_array_equal(layer(image).numpy(), want.numpy())
    assert f"padding_mode={mode!r}" in repr(layer)


def test_layers():
    image = np.random.default_rng(2).standard_normal((2, 3, 4, 5))
    frame = [(0, 0), (0, 0), (3, 0), (1, 2)]
    for layer, mode in (
        (nn.ReflectionPad2d((1, 2, 3, 0)), "reflect"),
        (nn.ReplicationPad2d((1, 2, 3, 0)), "edge"),
        (nn.CircularPad2d((1, 2, 3, 0)), "wrap"),
        (nn.ZeroPad2d((1, 2, 3, 0)), "constant"),
    ):
        np.testing.assert_array_equal(layer(image).numpy(), np.pad(image, frame, mode))
        np.testing.assert_array_equal(layer(image[0]).numpy(), np.pad(image[0], frame[1:], mode))
        assert repr(layer) == f"{type(layer).__name__}((1, 2, 3, 0))"
    want = np.pad(image, 2 * [(0, 0)] + [(0, 0), (1, 1)], constant_values=3.5)
    np.testing.assert_array_equal(nn.ConstantPad1d(1, 3.5)(image).numpy(), want)
