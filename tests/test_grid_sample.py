"""grid_sample against SciPy and the definition; affine_grid."""

import math

import numpy as np
import pytest
from scipy import ndimage

import gpugraph as gg
import gpugraph.nn.functional as F

rng = np.random.default_rng(0)


def in_pixels(place, n, align):
    return (place + 1) / 2 * (n - 1) if align else ((place + 1) * n - 1) / 2


def drawn(n, axes, spread=2.5):
    for _ in range(n):
        spatial = [int(k) for k in rng.integers(2, 6, axes)]
        out = [int(k) for k in rng.integers(1, 4, axes)]
        yield rng.standard_normal((2, 2, *spatial)), rng.uniform(-spread, spread, (2, *out, axes))


# (padding_mode, align_corners): what SciPy calls it
SCIPY = {
    ("zeros", False): "constant", ("zeros", True): "constant",
    ("border", False): "nearest", ("border", True): "nearest",
    ("reflection", False): "reflect", ("reflection", True): "mirror",
}  # fmt: skip


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("mode, align", SCIPY)
def test_linear_sampling_is_scipys(mode, align, axes):
    for x, grid in drawn(12, axes):
        at = [in_pixels(grid[..., axes - 1 - a], n, align) for a, n in enumerate(x.shape[2:])]
        y = F.grid_sample(x, grid, "bilinear", mode, align).numpy()
        for i, c in np.ndindex(2, 2):
            if mode == "zeros":  # SciPy's own constant mode ends at the middle of the last pixel
                want = ndimage.map_coordinates(
                    np.pad(x[i, c], 1), [p[i] + 1 for p in at], order=1, mode="constant"
                )
            else:
                want = ndimage.map_coordinates(
                    x[i, c], [p[i] for p in at], order=1, mode=SCIPY[mode, align]
                )
            np.testing.assert_allclose(y[i, c], want, rtol=0, atol=1e-12)


def reflected(p, n, align):
    low, high = (0, n - 1) if align else (-0.5, n - 0.5)
    if low == high:
        return 0.0
    while not low <= p <= high:
        p = 2 * low - p if p < low else 2 * high - p
    return p


def pixel(image, at, mode, align):
    """A pixel at a whole position that may lie outside."""
    found = []
    for p, n in zip(at, image.shape):
        if mode == "reflection":
            p = reflected(p, n, align)
        if mode != "zeros":
            p = min(max(p, 0), n - 1)
        if not 0 <= p <= n - 1:
            return 0.0
        found.append(int(p))
    return image[tuple(found)]


def keys(d, a=-0.75):
    d = abs(d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


@pytest.mark.parametrize("mode, align", SCIPY)
def test_cubic_and_nearest_sampling_by_definition(mode, align):
    for x, grid in drawn(4, 2):
        cubic = F.grid_sample(x, grid, "bicubic", mode, align).numpy()
        nearest = F.grid_sample(x, grid, "nearest", mode, align).numpy()
        for i, a, b in np.ndindex(grid.shape[:3]):
            h, w = (in_pixels(grid[i, a, b, 1 - k], x.shape[2 + k], align) for k in (0, 1))
            near = [range(math.floor(p) - 1, math.floor(p) + 3) for p in (h, w)]
            for c in range(2):
                want = sum(
                    pixel(x[i, c], (r, s), mode, align) * keys(h - r) * keys(w - s)
                    for r in near[0] for s in near[1]
                )  # fmt: skip
                assert abs(cubic[i, c, a, b] - want) < 1e-12
                inside = (h, w)
                if mode == "reflection":
                    inside = [reflected(p, n, align) for p, n in zip(inside, x.shape[2:])]
                if mode != "zeros":
                    inside = [min(max(p, 0), n - 1) for p, n in zip(inside, x.shape[2:])]
                want = pixel(x[i, c], [round(p) for p in inside], "zeros", align)
                assert nearest[i, c, a, b] == want


def test_places_that_are_no_numbers():
    x = rng.standard_normal((1, 2, 3, 4))
    grid = np.array([[[[np.nan, np.nan], [np.inf, 0.0], [1e30, -np.inf]]]])
    for mode in ("zeros", "border", "reflection"):
        y = F.grid_sample(x, grid, padding_mode=mode, align_corners=True).numpy()[0, :, 0]
        np.testing.assert_array_equal(y[:, 0], x[0, :, 0, 0])  # NaN counts as -1
        if mode == "zeros":
            assert not y[:, 1:].any()
        if mode == "border":
            np.testing.assert_array_equal(y[:, 1], x[0, :, 1, 3])
            np.testing.assert_array_equal(y[:, 2], x[0, :, 0, 3])
    sick = np.full((1, 1, 2, 2), np.inf)
    assert F.grid_sample(sick, np.full((1, 1, 1, 2), 5.0)).tolist() == [[[[0]]]]


def test_the_identity_gives_the_image_back():
    for x in (rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((2, 1, 2, 3, 4))):
        axes = x.ndim - 2
        theta = np.broadcast_to(np.eye(axes, axes + 1), (2, axes, axes + 1))
        for align in (False, True):
            y = F.grid_sample(x, F.affine_grid(theta, x.shape, align), align_corners=align)
            np.testing.assert_allclose(y.numpy(), x, rtol=0, atol=1e-13)


def test_affine_maps():
    theta = rng.standard_normal((2, 2, 3))
    for align in (False, True):
        grid = F.affine_grid(theta, (2, 7, 3, 4), align).numpy()
        for i, h, w in np.ndindex(2, 3, 4):
            y, x = (
                2 * k / (n - 1) - 1 if align else (2 * k + 1) / n - 1 for k, n in ((h, 3), (w, 4))
            )
            np.testing.assert_allclose(grid[i, h, w], theta[i] @ [x, y, 1], atol=1e-14)


IMAGE, GRID = np.zeros((2, 3, 4, 5)), np.zeros((2, 3, 3, 2))
SHAPE, ARGUMENT = gg.errors.ShapeError, gg.errors.ArgumentError


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.grid_sample(IMAGE, GRID, "cubic"), ARGUMENT,
         "grid_sample: mode='cubic', padding_mode='zeros'; wanted one of ['bilinear', 'nearest', "
         "'bicubic'] and one of ['zeros', 'border', 'reflection']"),
        (lambda: F.grid_sample(IMAGE, GRID[:1]), SHAPE,
         "grid_sample: grid has shape (1, 3, 3, 2); for x (2, 3, 4, 5) it must be "
         "(2, oh, ow, 2)"),
        (lambda: F.grid_sample(IMAGE, GRID.astype(np.float32)), gg.errors.DtypeError,
         "grid_sample: x is float64, grid is float32; both must be of one floating dtype"),
        (lambda: F.grid_sample(IMAGE[None], np.zeros((1, 1, 1, 1, 3)), "bicubic"), ARGUMENT,
         "grid_sample: mode='bicubic' is for images, x has 3 spatial axes"),
        (lambda: F.affine_grid(np.zeros((2, 2, 2)), (2, 1, 3, 3)), SHAPE,
         "affine_grid: theta (2, 2, 2) must be (2, 2, 3) for size=(2, 1, 3, 3)"),
        (lambda: F.affine_grid(np.zeros((2, 2, 3)), (2, 3, 3)), ARGUMENT,
         "affine_grid: size=(2, 3, 3); wanted (N, C, H, W) or (N, C, D, H, W) of at least 1 "
         "each"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
