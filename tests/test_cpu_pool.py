"""The compiled pooling against the reference, on drawn windows of awkward sizes."""

import numpy as np
import pytest

from gpugraph.core.window import Window
from gpugraph.cpu import compiler
from gpugraph.ops import channels_cpu, pool_cpu
from gpugraph.ops.avg_pool import AvgPool, AvgPoolInput
from gpugraph.ops.pool import MaxPool, PoolGather, PoolScatter
from gpugraph.ops.reduce import Mean, Sum
from gpugraph.testing import tolerance
from tests.cpu import channels_last, compiled, lib, narrow  # noqa: F401 (fixtures)


def draw(rng, dilated=True):
    """(window, shape of x): 1-D or 2-D; padding may be more than a window."""
    axes = int(rng.integers(1, 3))
    size = tuple(int(k) for k in rng.choice([1, 2, 2, 3, 3, 5], axes))
    stride = tuple(int(s) for s in rng.choice([1, 2, 2, 3], axes))
    dilation = tuple(int(d) for d in rng.choice([1, 1, 2] if dilated else [1], axes))
    padding = tuple((int(a), int(b)) for a, b in rng.choice([0, 0, 1, 2, 4], (axes, 2)))
    window = Window(size, stride, padding, dilation)
    spatial = tuple(
        max(int(rng.integers(1, 14)), reach - low - high)
        for reach, (low, high) in zip(window.reach, padding)
    )
    shape = (int(rng.integers(1, 4)), int(rng.choice([1, 2, 3, 6, 7, 16, 17, 33, 70])), *spatial)
    return window, shape


def layouts(seed):
    """How the operands of a case lie: alike, each way, or one of each."""
    strided = lambda x: np.repeat(x, 2, axis=-1)[..., ::2]  # noqa: E731
    return [
        (channels_last, channels_last),
        (np.ascontiguousarray, np.ascontiguousarray),
        (np.ascontiguousarray, channels_last),
        (channels_last, np.ascontiguousarray),
        (strided, channels_last),
        (channels_last, strided),
    ][seed % 6]


def is_last(x):
    return np.moveaxis(x, 1, -1).flags.c_contiguous


def same(got, want):
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(72))
def test_max_pooling_gives_the_very_numbers(lib, seed, dtype):  # noqa: F811
    rng = np.random.default_rng([seed, 11])
    window, shape = draw(rng)
    ceil = bool(seed % 4 == 3)
    first, second = layouts(seed)
    x = rng.integers(-3, 4, shape).astype(dtype)  # ties
    if seed % 3 == 1:
        x += rng.choice([0, np.nan, np.inf, -np.inf], shape, p=[0.6, 0.1, 0.1, 0.2]).astype(dtype)
    elif seed % 3 == 2:
        x = rng.standard_normal(shape).astype(dtype)
    pool = MaxPool(window, ceil)
    y, offset = pool.forward(np, x)
    made = pool.cpu(lib, first(x))
    same(made[0], y)
    same(made[1], offset)
    assert is_last(made[0]) == is_last(made[1])

    g = rng.standard_normal(y.shape).astype(dtype)
    if seed % 3 == 1:
        g[rng.random(g.shape) < 0.1] = np.inf
        g[rng.random(g.shape) < 0.1] = np.nan
    if seed % 2:  # any taps, padding and numbers beyond the last one among them
        offset = rng.integers(0, np.prod(window.size) + 2, y.shape).astype(np.uint8)
    scatter, gather = PoolScatter(window, shape[2:]), PoolGather(window)
    same(scatter.cpu(lib, first(g), second(offset)), scatter.forward(np, g, offset))
    same(gather.cpu(lib, first(x), second(offset)), gather.forward(np, x, offset))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(60))
def test_average_pooling(lib, seed, dtype):  # noqa: F811
    rng = np.random.default_rng([seed, 12])
    window, shape = draw(rng, dilated=False)
    window = Window(
        window.size,
        window.stride,
        tuple((min(a, k // 2), min(b, k // 2)) for (a, b), k in zip(window.padding, window.size)),
        window.dilation,
    )
    shape = (*shape[:2], *(max(n, k) for n, k in zip(shape[2:], window.size)))
    pool = AvgPool(window, bool(seed % 2), seed % 3 > 0, 7 if seed % 5 == 0 else None)
    x = rng.standard_normal(shape).astype(dtype)
    lie, lie_x = layouts(seed)[0], layouts(4 * (seed % 2))[0]
    near(pool.cpu(lib, lie_x(x)), pool.forward(np, x), np.prod(window.size), x)
    g = rng.standard_normal(pool.forward(np, x).shape).astype(dtype)
    adjoint = AvgPoolInput(pool, shape[2:])
    near(adjoint.cpu(lib, lie(g)), adjoint.forward(np, g), np.prod(window.size), g)


def near(got, want, terms, x):
    assert got.shape == want.shape and got.dtype == want.dtype
    bound = 2 * tolerance(got.dtype, int(terms)) * np.abs(x).max(initial=1)
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape, axis, lie",
    [
        ((3, 64, 8, 8), (2, 3), channels_last),
        ((3, 70, 5, 7), (2, 3), channels_last),
        ((2, 6, 40, 41), (3, 2), channels_last),
        ((3, 7, 11, 13), (2, 3), np.ascontiguousarray),
        ((5, 7, 11, 13), (0, 1, 2, 3), np.ascontiguousarray),
        ((50, 61), (0,), np.ascontiguousarray),
        ((5, 700, 3), (1,), np.ascontiguousarray),
        ((2, 3000), (1,), np.ascontiguousarray),
        ((3, 13, 5, 70), (2, 3), channels_last),
        ((3, 21, 9, 10), (0, 2, 3), channels_last),
        ((3, 21, 9, 10), (0, 2, 3), np.ascontiguousarray),
        ((3, 21, 90), (0, 2), np.ascontiguousarray),
        ((3, 21, 9, 10), (0, 1, 2, 3), channels_last),
    ],
)
def test_sums_and_means(lib, shape, axis, lie, dtype, monkeypatch):  # noqa: F811
    for module in (channels_cpu, pool_cpu):
        monkeypatch.setattr(module, "SMALL", 0)
    x = np.random.default_rng(3).standard_normal(shape).astype(dtype)
    for keepdims in (False, True):
        exact = x.astype(np.longdouble).mean(axis=axis, keepdims=keepdims)
        n = x.size // exact.size  # in blocks: as accurate as a sum of some hundred terms
        for op, factor in ((Mean(axis, keepdims), 1), (Sum(axis, keepdims), n)):
            got, bound = op.cpu(lib, lie(x)), 2 * factor * tolerance(dtype, min(n, 300))
            if isinstance(op, Mean) and axis in ((0, 2), (0, 2, 3)):
                assert got is None  # sums over channels alone
                continue
            assert got.shape == exact.shape and got.dtype == dtype
            np.testing.assert_allclose(got, factor * exact, rtol=0, atol=bound)
            np.testing.assert_allclose(op.forward(np, lie(x)), got, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lie", [channels_last, np.ascontiguousarray])
@pytest.mark.parametrize("shape", [(3, 21, 9, 10), (2, 5, 1000), (2, 70, 4, 5, 3)])
def test_one_window(lib, shape, lie, dtype, monkeypatch):  # noqa: F811
    monkeypatch.setattr(pool_cpu, "SMALL", 0)
    x = lie(np.random.default_rng(3).standard_normal(shape).astype(dtype))
    axes, whole = len(shape) - 2, shape[2:]
    for divisor in (None, 7):
        pool = AvgPool(Window.of("pool", axes, whole, whole), False, True, divisor)
        got, want = pool.cpu(lib, x), pool.forward(np, x.astype(np.longdouble))
        assert got.shape == want.shape and got.dtype == dtype
        bound = 2 * tolerance(dtype, 300) * (1 if divisor is None else np.prod(whole) / divisor)
        np.testing.assert_allclose(got, want, rtol=0, atol=bound)
    padded = AvgPool(Window.of("pool", axes, whole, whole, whole[0] // 2))
    assert lie is channels_last or padded.cpu(lib, x) is None


def test_means_of_many_numbers_are_accurate(lib):  # noqa: F811
    x = np.full((3_000_000, 1), 0.1, np.float32)
    assert abs(float(Mean((0,)).cpu(lib, x)[0]) - float(np.float32(0.1))) < 1e-7
    x = np.full((1, 300_000, 3), 0.1, np.float32)
    np.testing.assert_allclose(Mean((1,)).cpu(lib, x), np.float32(0.1), rtol=1e-5)


def test_infinities_and_nan_stay_in_their_windows(lib):  # noqa: F811
    x = np.ones((1, 3, 4, 4), np.float32)
    x[0, 1, 0, 0], x[0, 2, 3, 3], x[0, 0, 2, 2] = np.inf, np.nan, -np.inf
    pool = AvgPool(Window.of("avg_pool", 2, 2, 2))
    same(pool.cpu(lib, channels_last(x)), pool.forward(np, x))


def test_what_is_left_to_numpy():
    if compiler.why_not():
        pytest.skip("needs a C compiler")
    made, window = compiled(), Window.of("pool", 2, 2, 2)
    x = np.ones((2, 3, 4, 4), np.float32)
    pool = MaxPool(window)
    assert pool.cpu(made, x.astype(np.float16)) is None
    assert pool.cpu(made, x[:0]) is None
    assert MaxPool(Window.of("pool", 3, 2)).cpu(made, np.ones((1, 1, 2, 2, 2))) is None
    large = Window.of("pool", 1, 300)  # taps that no byte counts
    assert MaxPool(large).cpu(made, np.ones((1, 1, 400))) is None
    offset = np.zeros((2, 3, 2, 2), np.int32)
    assert PoolScatter(window, (4, 4)).cpu(made, x[..., :2, :2], offset) is None
    assert PoolGather(window).cpu(made, x, offset) is None
    assert AvgPool(window).cpu(made, x) is None  # channels first
    assert AvgPool(Window.of("pool", 3, 2)).cpu(made, np.ones((1, 1, 2, 2, 2))) is None
    assert Mean((0, 2)).cpu(made, np.ones((20, 30, 40, 2))) is None
    assert Sum((0, 2)).cpu(made, np.ones((40, 30, 20)).T) is None
    assert Mean((0,)).cpu(made, np.ones((2, 3))) is None  # too little for a call


@pytest.mark.parametrize("seed", range(24))
def test_narrower_vectors(narrow, seed, monkeypatch):  # noqa: F811
    dtype = ["float32", "float64"][seed % 2]
    test_max_pooling_gives_the_very_numbers(narrow, seed, dtype)
    test_average_pooling(narrow, seed, dtype)
    test_sums_and_means(narrow, (3, 70, 5, 7), (2, 3), channels_last, dtype, monkeypatch)
    test_sums_and_means(narrow, (3, 7, 11, 13), (2, 3), np.ascontiguousarray, dtype, monkeypatch)
    test_sums_and_means(narrow, (3, 3, 11, 13), (2, 3), channels_last, dtype, monkeypatch)
