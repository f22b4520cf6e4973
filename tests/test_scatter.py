"""Gathering and scattering against loops; on other devices; mistakes."""

import numpy as np
import pytest

import gpugraph as gg
from tests import fake_cupy

RNG = np.random.default_rng(5)
X = RNG.standard_normal((3, 4, 2))
SRC = RNG.standard_normal((5, 5, 5))
LENGTHS = {0: 3, 1: 4, -1: 2}


def index_for(axis, seed):
    """Indices no longer than X off the axis, of any length along it, some of them twice."""
    rng = np.random.default_rng(seed)
    shape = [int(rng.integers(1, n + 1)) for n in X.shape]
    shape[axis] = int(rng.integers(1, 6))
    return rng.integers(0, LENGTHS[axis], shape)


CASES = [(axis, seed) for axis in LENGTHS for seed in range(4)]


def pointed(index, axis):
    """(place in index, place in X that it means) one after the other."""
    for i in np.ndindex(index.shape):
        there = list(i)
        there[axis] = index[i]
        yield i, tuple(there)


@pytest.mark.parametrize("axis, seed", CASES)
def test_gather_and_scatter(axis, seed):
    index = index_for(axis, seed)
    gathered, written, added, numbered = np.empty(index.shape), X.copy(), X.copy(), X.copy()
    for i, there in pointed(index, axis):
        gathered[i] = X[there]
        written[there] = SRC[i]
        added[there] += SRC[i]
        numbered[there] = 7.5
    for f, want in (
        (lambda x, i, s: gg.gather(x, axis, i), gathered),
        (lambda x, i, s: gg.scatter(x, axis, i, s), written),
        (lambda x, i, s: gg.scatter_add(x, axis, i, s), added),
        (lambda x, i, s: gg.scatter(x, axis, i, 7.5), numbered),
    ):
        check(f, want, X, index, SRC)


def check(f, want, *arrays):
    """Values on the CPU and on another array module; shape and dtype on meta."""
    got = f(*map(gg.Tensor, arrays))
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-13)
    with fake_cupy.installed() as cupy:
        there = f(*(gg.Tensor(a).to("cuda") for a in arrays))
        assert isinstance(there.array, cupy.ndarray)
        np.testing.assert_array_equal(there.numpy(), got.numpy())
    meta = f(*(gg.Tensor(a).to("meta") for a in arrays))
    assert (meta.shape, meta.dtype) == (want.shape, want.dtype)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices(axis):
    index = np.array([1, 0, 1])
    source = np.moveaxis(RNG.standard_normal((3, *np.delete(X.shape, axis))), 0, axis)
    picked, added, copied, filled = (
        np.moveaxis(np.zeros_like(source), axis, 0),
        *(np.moveaxis(X.copy(), axis, 0) for _ in range(3)),
    )
    for k, i in enumerate(index):
        picked[k] = np.take(X, i, axis)
        added[i] += 0.5 * np.take(source, k, axis)
        copied[i] = np.take(source, k, axis)
        filled[i] = -1
    for f, want in (
        (lambda x, i, s: gg.index_select(x, axis, i), picked),
        (lambda x, i, s: gg.index_add(x, axis, i, s, alpha=0.5), added),
        (lambda x, i, s: gg.index_copy(x, axis, i, s), copied),
        (lambda x, i, s: gg.index_fill(x, axis, i, -1), filled),
    ):
        check(f, np.moveaxis(want, 0, axis), X, index, source)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_put_along_axis_as_numpy_does(axis):
    for indices in (np.argsort(X, axis), np.argmax(X, axis, keepdims=True)):
        for values in (np.array(0.5), RNG.standard_normal(indices.shape)):
            want = X.copy()
            np.put_along_axis(want, indices, values, axis)
            check(lambda x, i, v: gg.put_along_axis(x, i, v, axis), want, X, indices, values)
    with pytest.raises(TypeError, match="put_along_axis is not available"):
        np.put_along_axis(gg.Tensor(X), np.argsort(X, axis), 0.5, axis)


def test_masks():
    mask = X > 0.2
    source = RNG.standard_normal(30)
    filled, scattered = X.copy(), X.copy()
    filled[mask] = 3.5
    scattered[mask] = source[: mask.sum()]
    check(lambda x, m: gg.masked_fill(x, m, 3.5), filled, X, mask)
    check(lambda x, m, s: gg.masked_scatter(x, m, s), scattered, X, mask, source)
    got = gg.masked_select(gg.Tensor(X), gg.Tensor(mask[:, :, :1]))
    np.testing.assert_array_equal(got.numpy(), X[np.broadcast_to(mask[:, :, :1], X.shape)])
    with pytest.raises(gg.DataError, match="meta tensor has none"):
        gg.masked_select(gg.Tensor(X).to("meta"), gg.Tensor(mask).to("meta"))


def test_dtypes_of_x_are_kept():
    x = gg.zeros((2, 2), dtype=gg.float32, device="cpu")
    i = [[0, 1]]
    for y in (
        gg.scatter(x, 0, i, gg.Tensor(np.ones((2, 2)))),
        gg.scatter_add(x, 0, i, 1.0),
        gg.index_add(x, 0, [1], np.ones((1, 2))),
        gg.masked_fill(x, np.array([True, False]), 2.0),
        gg.put_along_axis(x, gg.tensor([[1, 0]], device="cpu"), 2.0),
    ):
        assert y.dtype == gg.float32
    assert gg.scatter(gg.zeros(3, dtype=gg.int8, device="cpu"), 0, [1], 5).tolist() == [0, 5, 0]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: gg.gather(x, 1, [[4]]), gg.IndexRangeError, "gather: index 4 is out of range"),
        (
            lambda x: gg.gather(x, 0, [1]),
            gg.ShapeError,
            "gather: index (1,) must have as many axes as x (3, 4)",
        ),
        (
            lambda x: gg.scatter(x, 0, [[0] * 5], 1.0),
            gg.ShapeError,
            "scatter: index (1, 5) must have as many axes as x (3, 4), and be no longer off axis 0",
        ),
        (
            lambda x: gg.scatter(x, 0, [[0, 1]], np.ones((1, 1))),
            gg.ShapeError,
            "scatter: src (1, 1) must be at least as long as index (1, 2)",
        ),
        (
            lambda x: gg.scatter(x, 0, [[0.5]], 1.0),
            gg.DtypeError,
            "scatter: index is float32; it must be integer",
        ),
        (
            lambda x: gg.scatter(x.astype(int), 0, [[0]], np.ones((1, 1))),
            gg.DtypeError,
            "scatter: src is float64; x is int64 and can't hold it",
        ),
        (lambda x: gg.scatter(x.sum(), 0, [0], 1.0), gg.ShapeError, "scatter: x has no axes"),
        (lambda x: gg.gather(x, 2, [[0]]), gg.AxisError, "gather: axis 2 is out of range"),
        (lambda x: gg.gather(x, "0", [[0]]), gg.DtypeError, "gather: axis '0' must be an int"),
        (
            lambda x: gg.index_add(x, 0, [0, 1], np.ones((1, 4))),
            gg.ShapeError,
            "index_add: source (1, 4) must be (2, 4), a slice for each index",
        ),
        (
            lambda x: gg.index_select(x, 0, [[0]]),
            gg.ShapeError,
            "index_select: index (1, 1) must have 1 axis",
        ),
        (
            lambda x: gg.masked_fill(x, np.ones(4), 1.0),
            gg.DtypeError,
            "masked_fill: mask is float64; it must be bool",
        ),
        (
            lambda x: gg.masked_fill(x, x > 0, np.ones(4)),
            gg.ShapeError,
            "masked_fill: value (4,) must be one number; see where",
        ),
        (
            lambda x: gg.masked_scatter(x, x == 0, np.ones(4)),
            gg.ShapeError,
            "masked_scatter: the mask holds 12 times; source has 4 elements",
        ),
        (
            lambda x: gg.put_along_axis(x, np.zeros((2, 4), int), 1.0, 1),
            gg.ShapeError,
            "put_along_axis: indices (2, 4) must have as many axes as x (3, 4) and broadcast",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call(gg.Tensor(np.zeros((3, 4))))
    assert text in str(caught.value)
