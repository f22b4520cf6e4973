"""Winograd's convolution in the compiled kernels: against the reference, and when it is used."""

from functools import partial

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.window import Window
from gpugraph.ops.conv import Conv, ConvInput, ConvWeight
from gpugraph.testing import tolerance
from tests.cpu import channels_last, compiled, lib, narrow  # noqa: F401 (fixtures)

SAME = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
KINDS = ["forward", "input", "weight"]


def inner(x):
    """The same numbers, as the middle of a larger array with channels last."""
    wide = channels_last(np.pad(x, [(0, 0), (0, 3), (1, 2), (2, 1)], constant_values=99))
    return wide[:, :-3, 1:-2, 2:-1]


LAYOUTS = [channels_last, np.ascontiguousarray, inner]


def draw(rng):
    """(window, shape of x, shape of w): odd sizes, any padding, channels that fill no vector."""
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (2, 2)))
    window = Window((3, 3), (1, 1), padding, (1, 1))
    spatial = tuple(int(n) for n in rng.integers(4, 16, 2))
    inputs, outputs = (int(rng.choice([16, 17, 31, 32, 40, 70])) for _ in range(2))
    return window, (int(rng.integers(3, 7)), inputs, *spatial), (outputs, inputs, 3, 3)


def products(rng, window, x, w, dtype, lie=channels_last):
    """{kind: (op, arrays)} of a layer."""
    gy = (x[0], w[0], *window.out(x[2:]))
    x, w, gy = (rng.standard_normal(shape).astype(dtype) for shape in (x, w, gy))
    b = rng.standard_normal(len(w)).astype(dtype)
    return {
        "forward": (Conv(window, 1), [lie(x), w, b]),
        "input": (ConvInput(window, 1, x.shape[2:]), [lie(gy), w]),
        "weight": (ConvWeight(window, 1), [lie(x), lie(gy)]),
    }


def check(lib, op, arrays):  # noqa: F811
    with np.errstate(invalid="ignore", over="ignore"):
        got, want = op.cpu(lib, *arrays), op.forward(np, *arrays)
    assert got.shape == want.shape and got.dtype == want.dtype
    terms = op.cost(*(gg.Spec(a.shape, a.dtype) for a in arrays)).macs // got.size
    scale = np.prod([np.abs(a[np.isfinite(a)]).max() for a in arrays[:2]])
    bound = 2 * tolerance(got.dtype, terms) * scale
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)  # NaN and infinities: the same
    return got


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(40))
def test_drawn_layers(lib, seed, dtype):  # noqa: F811
    rng = np.random.default_rng([seed, 30])
    for op, arrays in products(rng, *draw(rng), dtype, LAYOUTS[seed % 3]).values():
        check(lib, op, arrays)


@pytest.mark.parametrize("seed", range(12))
def test_on_processors_with_narrower_vectors(narrow, seed):  # noqa: F811
    rng = np.random.default_rng([seed, 31])
    dtype = ["float32", "float64"][seed % 2]
    for op, arrays in products(rng, *draw(rng), dtype, LAYOUTS[seed % 3]).values():
        check(narrow, op, arrays)


def test_many_tiles_and_more_sums_than_threads_may_have(lib):  # noqa: F811
    rng = np.random.default_rng(32)
    for x, w in (((2, 16, 61, 64), (20, 16, 3, 3)), ((2, 530, 8, 9), (540, 530, 3, 3))):
        for op, arrays in products(rng, SAME, x, w, "float32").values():
            check(lib, op, arrays)


def test_rounding_errors_are_no_larger(lib):  # noqa: F811
    """Than a direct sum's, in the mean square: its terms are smaller, but 9 times as many."""
    rng = np.random.default_rng(33)
    for op, arrays in products(rng, SAME, (8, 64, 16, 16), (64, 64, 3, 3), "float32").values():
        exact = op.forward(np, *(a.astype(np.float64) for a in arrays))
        ours, direct = (
            np.sqrt(np.mean((one(*arrays) - exact) ** 2))
            for one in (partial(op.cpu, lib), partial(op.cpu, direct_sum(lib.threads)))
        )
        assert ours < 1.2 * direct


def test_whole_numbers_are_exact(lib):  # noqa: F811
    """The transforms halve, so that multiples of 4 lose nothing: every term must be right."""
    rng = np.random.default_rng(34)
    for op, arrays in products(rng, SAME, (4, 18, 7, 9), (33, 18, 3, 3), "float32").values():
        arrays = [4 * np.round(4 * a) for a in arrays]
        np.testing.assert_array_equal(op.cpu(lib, *arrays), op.forward(np, *arrays))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_where_it_is_seen(lib, kind, which, value):  # noqa: F811
    """Such a layer is a direct sum, to the bit."""
    rng = np.random.default_rng(35)
    op, arrays = products(rng, SAME, (5, 20, 9, 8), (24, 20, 3, 3), "float32")[kind]
    arrays[which][1, 2, 1, 2] = value
    got = op.cpu(lib, *arrays)
    assert not np.isfinite(got).all()
    np.testing.assert_array_equal(got, op.cpu(direct_sum(lib.threads), *arrays))
    if (kind, which) != (
        "input",
        1,
    ):  # there the reference doesn't multiply filters by zeros around
        check(lib, op, arrays)


def test_a_bias_that_is_not_finite(lib):  # noqa: F811
    op, (x, w, b) = products(np.random.default_rng(35), SAME, (5, 20, 9, 8), (24, 20, 3, 3), "f")[
        "forward"
    ]
    b[[3, 20]] = np.nan, -np.inf
    check(lib, op, [x, w, b])


@pytest.mark.parametrize("kind", KINDS)
def test_huge_numbers_do_not_overflow(lib, kind):  # noqa: F811
    """Their sum, which the transform takes, would; their products with small ones don't."""
    rng = np.random.default_rng(36)
    op, arrays = products(rng, SAME, (5, 20, 9, 8), (24, 20, 3, 3), "float32")[kind]
    arrays[0][1, 2, 2:6, 2:6] = 3e38
    arrays[1] *= np.float32(1e-3)
    assert np.isfinite(check(lib, op, arrays)).all()


def direct_sum(threads):
    """The kernels without Winograd's."""
    made = compiled("-DWINOGRAD_CHANNELS=1000000")
    made.threads = threads
    return made


def uses_winograd(lib, op, arrays):  # noqa: F811
    """Do the bits differ from those of the direct sum?"""
    return not np.array_equal(op.cpu(lib, *arrays), op.cpu(direct_sum(lib.threads), *arrays))


@pytest.mark.parametrize(
    "images, inputs, outputs, size, expected",
    [
        (2, 16, 16, 8, True),
        (1, 64, 64, 8, True),
        (2, 15, 16, 8, False),  # few channels
        (2, 16, 15, 8, False),
        (1, 64, 64, 6, False),  # 9 tiles
        (2, 64, 64, 6, True),
        (9, 64, 64, 3, False),  # 4 tiles for 9 pixels
        (99, 64, 64, 1, False),
        (16, 64, 64, 2, True),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_when_it_is_used(lib, kind, images, inputs, outputs, size, expected):  # noqa: F811
    rng = np.random.default_rng(37)
    x, w = (images, inputs, size, size), (outputs, inputs, 3, 3)
    assert uses_winograd(lib, *products(rng, SAME, x, w, "float32")[kind]) is expected


def test_a_phase_of_a_stride_may_be_such_a_layer(lib):  # noqa: F811
    """5 taps at stride 2: every other position is seen by three of them, at distance 1."""
    window = Window((5, 5), (2, 2), ((2, 2), (2, 2)), (1, 1))
    layer = products(np.random.default_rng(38), window, (3, 20, 17, 18), (24, 20, 5, 5), "float32")
    check(lib, *layer["input"])
    assert uses_winograd(lib, *layer["input"])
    assert not uses_winograd(lib, *layer["forward"]) and not uses_winograd(lib, *layer["weight"])


def test_other_layers_are_direct_sums(lib):  # noqa: F811
    for window, groups in (
        (Window((3, 3), (1, 1), ((2, 2), (2, 2)), (2, 2)), 1),
        (Window((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)), 1),
        (SAME, 2),
    ):
        rng = np.random.default_rng(39)
        x = channels_last(rng.standard_normal((4, 32, 12, 12), np.float32))
        w = rng.standard_normal((32, 32 // groups, 3, 3), np.float32)
        assert not uses_winograd(lib, Conv(window, groups), (x, w))
