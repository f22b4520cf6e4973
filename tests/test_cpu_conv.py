"""The compiled convolutions against the reference, on drawn layers of awkward sizes."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.window import Window
from gpugraph.ops.conv import Conv, ConvInput, ConvWeight
from gpugraph.testing import tolerance
from tests.cpu import channels_last, lib  # noqa: F401 (a fixture)


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(90))
def test_drawn_layers(lib, seed, dtype):  # noqa: F811
    rng = np.random.default_rng([seed, 7])
    window, groups, x, w = draw(rng)
    lie = channels_last if seed % 2 else np.asarray
    gy = (x[0], w[0], *window.out(x[2:]))
    x, w, gy = (lie(rng.standard_normal(shape).astype(dtype)) for shape in (x, w, gy))
    b = rng.standard_normal(len(w)).astype(dtype)
    check(lib, Conv(window, groups), x, w)
    check(lib, Conv(window, groups), x, w, b)
    check(lib, ConvInput(window, groups, x.shape[2:]), gy, w)
    check(lib, ConvWeight(window, groups), x, gy)
