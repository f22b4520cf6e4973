"""The compiled convolutions against the reference, on drawn layers of awkward sizes."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.window import Window
from gpugraph.ops.conv import Conv, ConvInput, ConvWeight
from gpugraph.testing import tolerance
from tests.cpu import channels_last, lib, narrow  # noqa: F401 (fixtures)


def draw(rng):
    """(window, groups, shape of x, shape of w): some with more channels than a block, or a frame
    that has to be cut into rows."""
    axes = int(rng.integers(1, 3))
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    size = tuple(int(k) for k in rng.choice([1, 2, 3, 5], axes))
    stride = tuple(int(s) for s in rng.choice([1, 1, 2, 3], axes))
    dilation = tuple(int(d) for d in rng.choice([1, 1, 2], axes))
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (axes, 2)))
    window = Window(size, stride, padding, dilation)
    spatial = tuple(
        max(int(rng.integers(1, 30)), reach - low - high)
        for reach, (low, high) in zip(window.reach, padding)
    )
    inputs, outputs = (int(rng.choice([1, 2, 3, 7, 16, 17, 33, 70])) for _ in range(2))
    x = (int(rng.integers(1, 6)), groups * inputs, *spatial)
    return window, groups, x, (groups * outputs, inputs, *size)


def check(lib, op, *arrays):  # noqa: F811
    got, want = op.cpu(lib, *arrays), op.forward(np, *arrays)
    assert got.shape == want.shape and got.dtype == want.dtype
    terms = max(1, op.cost(*(gg.Spec(a.shape, a.dtype) for a in arrays)).macs // max(1, got.size))
    scale = np.prod([np.abs(a).max(initial=0) for a in arrays[:2]])
    bound = 2 * tolerance(got.dtype, terms) * scale
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


def compare(lib, rng, window, groups, x, w, dtype, lie):  # noqa: F811
    gy = (x[0], w[0], *window.out(x[2:]))
    x, w, gy = (lie(rng.standard_normal(shape).astype(dtype)) for shape in (x, w, gy))
    b = rng.standard_normal(len(w)).astype(dtype)
    check(lib, Conv(window, groups), x, w)
    check(lib, Conv(window, groups), x, w, b)
    check(lib, ConvInput(window, groups, x.shape[2:]), gy, w)
    check(lib, ConvWeight(window, groups), x, gy)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(90))
def test_drawn_layers(lib, seed, dtype):  # noqa: F811
    rng = np.random.default_rng([seed, 7])
    compare(lib, rng, *draw(rng), dtype, channels_last if seed % 2 else np.asarray)


@pytest.mark.parametrize("seed", range(30))
def test_depthwise(lib, seed):  # noqa: F811
    rng = np.random.default_rng([seed, 8])
    window, _, x, w = draw(rng)
    channels = int(rng.choice([2, 3, 16, 17, 40, 64]))
    x, w = (x[0], channels, *x[2:]), (channels, 1, *w[2:])
    dtype = ["float32", "float64"][seed // 2 % 2]
    compare(lib, rng, window, channels, x, w, dtype, channels_last if seed % 2 else np.asarray)


@pytest.mark.parametrize("seed", range(25))
def test_on_processors_with_narrower_vectors(narrow, seed):  # noqa: F811
    rng = np.random.default_rng([seed, 9])
    dtype = ["float32", "float64"][seed // 2 % 2]
    window, groups, x, w = draw(rng)
    compare(narrow, rng, window, groups, x, w, dtype, channels_last if seed % 2 else np.asarray)
    x, w = (x[0], 21, *x[2:]), (21, 1, *w[2:])
    compare(narrow, rng, window, 21, x, w, dtype, np.asarray)


def test_a_layer_that_is_cut_into_rows_and_terms(lib):  # noqa: F811
    """Frames larger than the cache, and more terms than are summed at a time."""
    rng = np.random.default_rng(10)
    window = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    compare(lib, rng, window, 1, (2, 500, 23, 21), (50, 500, 3, 3), "float32", channels_last)
    window = Window((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1))
    compare(lib, rng, window, 1, (2, 3000, 5, 4), (20, 3000, 1, 1), "float32", channels_last)


def test_what_is_not_taken(lib):  # noqa: F811
    window = Window((1,) * 3, (1,) * 3, ((0, 0),) * 3, (1,) * 3)
    x, w = np.ones((1, 2, 3, 3, 3), "f"), np.ones((2, 2, 1, 1, 1), "f")
    assert Conv(window).cpu(lib, x, w) is None  # three axes
    window = window.trailing(1)
    x, w = np.ones((1, 2, 3, 3), "e"), np.ones((2, 2, 1, 1), "e")
    assert Conv(window).cpu(lib, x, w) is None  # float16
    x = np.zeros((0, 2, 3, 3), "f")
    assert Conv(window).cpu(lib, x, w.astype("f")) is None  # nothing to do
