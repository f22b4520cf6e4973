"""Array functions against NumPy's of the same name: values, dtypes and shapes, on three devices."""

import numpy as np
import pytest

import gpugraph as gg
from tests import fake_cupy

RNG = np.random.default_rng(7)
V = np.array([3.0, -1.0, 2.0, 2.0, -1.0, 0.5])  # with ties
A = RNG.standard_normal((3, 4))
B = RNG.standard_normal((3, 4))
C = RNG.standard_normal((2, 3, 5))
P = RNG.uniform(0.5, 2.0, (3, 4))
N = np.array([[1.0, np.nan, 3.0, np.nan], [np.nan, 2.0, -1.0, 0.5], [0.0, 4.0, 4.0, np.nan]])
S = np.array([-np.inf, -1.5, -0.0, 0.0, 1.0, np.inf, np.nan])
I = RNG.integers(-5, 6, (3, 4))  # noqa: E741
U = np.array([4, 1, 1, 0, 7, 4, 1])
M = A > 0
Z = np.zeros((0, 3))

# name: calls f(xp, as_array) that run with NumPy as with gpugraph; `a` makes an array of either
CASES = {
    # order
    "sort": [
        lambda xp, a: xp.sort(a(A)),
        lambda xp, a: xp.sort(a(C), axis=1),
        lambda xp, a: xp.sort(a(N), axis=-1),
        lambda xp, a: xp.sort(a(I), axis=0),
        lambda xp, a: xp.sort(a(M)),
        lambda xp, a: xp.sort(a(Z)),
    ],
    "argsort": [
        lambda xp, a: xp.argsort(a(V), stable=True),
        lambda xp, a: xp.argsort(a(N), axis=1, stable=True),
        lambda xp, a: xp.argsort(a(C), axis=0),
    ],
    "searchsorted": [
        lambda xp, a: xp.searchsorted(a(np.sort(V)), a(A)),
        lambda xp, a: xp.searchsorted(a(np.sort(V)), a(V), side="right"),
        lambda xp, a: xp.searchsorted(a(V), a(A), sorter=a(np.argsort(V))),
        lambda xp, a: xp.searchsorted(a(np.array([1, 3, 3])), a(np.array(3))),
    ],
    "digitize": [
        lambda xp, a: xp.digitize(a(A), a(np.array([-1.0, 0.0, 1.0]))),
        lambda xp, a: xp.digitize(a(V), a(np.array([-1.0, 2.0])), right=True),
        lambda xp, a: xp.digitize(a(V), a(np.array([2.0, -1.0]))),
        lambda xp, a: xp.digitize(a(V), a(np.array([2.0, -1.0])), right=True),
    ],
    "isin": [
        lambda xp, a: xp.isin(a(U), a(np.array([1, 7]))),
        lambda xp, a: xp.isin(a(A), a(A[:, :2]), invert=True),
        lambda xp, a: xp.isin(a(U), a(np.zeros(0, int))),
    ],
    # running along an axis
    "cumsum": [lambda xp, a: xp.cumsum(a(C)), lambda xp, a: xp.cumsum(a(C), axis=1)],
    "cumprod": [
        lambda xp, a: xp.cumprod(a(C)),
        lambda xp, a: xp.cumprod(a(C), axis=-1),
        lambda xp, a: xp.cumprod(a(I), axis=0),
        lambda xp, a: xp.cumprod(a(M), axis=0, dtype=np.float32),
    ],
    "cumulative_prod": [
        lambda xp, a: xp.cumulative_prod(a(V)),
        lambda xp, a: xp.cumulative_prod(a(C), axis=1, include_initial=True),
        lambda xp, a: xp.cumulative_prod(a(I), axis=1, dtype=np.float64),
    ],
    "diff": [
        lambda xp, a: xp.diff(a(C)),
        lambda xp, a: xp.diff(a(C), axis=0),
        lambda xp, a: xp.diff(a(C), n=2, axis=2),
        lambda xp, a: xp.diff(a(C), n=0, prepend=a(C)),
        lambda xp, a: xp.diff(a(M)),
        lambda xp, a: xp.diff(a(A), axis=0, prepend=a(B[:1]), append=a(B[:2])),
        lambda xp, a: xp.diff(a(A), prepend=0, append=1.5),
        lambda xp, a: xp.diff(a(V), n=9),
    ],
    # statistics
    "median": [
        lambda xp, a: xp.median(a(V)),
        lambda xp, a: xp.median(a(C), axis=1),
        lambda xp, a: xp.median(a(C), axis=(0, 2), keepdims=True),
        lambda xp, a: xp.median(a(I), axis=0),
        lambda xp, a: xp.median(a(N), axis=0),
    ],
    "quantile": [
        lambda xp, a: xp.quantile(a(C), 0.3),
        lambda xp, a: xp.quantile(a(C), a(np.array([0.0, 0.25, 1.0])), axis=1),
        lambda xp, a: xp.quantile(a(C), a(np.array([[0.1, 0.9]])), axis=(0, -1), keepdims=True),
        *[
            lambda xp, a, m=m: xp.quantile(
                a(C), a(np.array([0.0, 0.1, 0.5, 0.77])), axis=2, method=m
            )
            for m in (*"linear lower higher midpoint nearest hazen weibull".split(),)
        ],
        *[
            lambda xp, a, m=m: xp.quantile(a(V), a(np.array([0.0, 0.01, 0.4, 1.0])), method=m)
            for m in "median_unbiased normal_unbiased interpolated_inverted_cdf nearest".split()
        ],
        lambda xp, a: xp.quantile(a(N), 0.5, axis=1),
    ],
    "percentile": [lambda xp, a: xp.percentile(a(C), a(np.array([5.0, 50.0])), axis=0)],
    "average": [
        lambda xp, a: xp.average(a(A)),
        lambda xp, a: xp.average(a(A), axis=1, weights=a(np.array([1.0, 2.0, 0.5, 3.0]))),
        lambda xp, a: xp.average(a(A), weights=a(P)),
        lambda xp, a: xp.average(a(A), axis=0, weights=a(P), returned=True),
        lambda xp, a: xp.average(a(I), axis=0, returned=True),
        lambda xp, a: xp.average(a(C), axis=(2, 0), weights=a(RNGW), keepdims=True),
    ],
    "ptp": [lambda xp, a: xp.ptp(a(C)), lambda xp, a: xp.ptp(a(C), axis=1, keepdims=True)],
    "cov": [lambda xp, a: xp.cov(a(A)), lambda xp, a: xp.cov(a(A), rowvar=False)],
    "corrcoef": [lambda xp, a: xp.corrcoef(a(A)), lambda xp, a: xp.corrcoef(a(A), rowvar=False)],
    # without NaN
    **{
        name: [
            lambda xp, a, n=name: getattr(xp, n)(a(N)),
            lambda xp, a, n=name: getattr(xp, n)(a(N), axis=0),
            lambda xp, a, n=name: getattr(xp, n)(a(N), axis=1, keepdims=True),
            lambda xp, a, n=name: getattr(xp, n)(a(I), axis=0),
        ]
        for name in "nansum nanprod nanmean nanmax nanmin nanvar nanstd nanmedian".split()
    },
    "nanquantile": [
        lambda xp, a: xp.nanquantile(a(N), a(np.array([0.1, 0.5, 1.0])), axis=1),
        lambda xp, a: xp.nanquantile(a(N), 0.3, keepdims=True),
        lambda xp, a: xp.nanpercentile(a(N), 30.0, axis=0, method="nearest"),
    ],
    "nancumsum": [
        lambda xp, a: xp.nancumsum(a(N), axis=1),
        lambda xp, a: xp.nancumprod(a(N)),
        lambda xp, a: xp.nanargmax(a(N), axis=1),
        lambda xp, a: xp.nanargmin(a(N)),
        lambda xp, a: xp.nanargmin(a(I), axis=0),
    ],
    # elementwise
    **{
        name: [
            lambda xp, a, n=name: getattr(xp, n)(a(A), a(B)),
            lambda xp, a, n=name: getattr(xp, n)(a(A), a(B[:, :1])),
            lambda xp, a, n=name: getattr(xp, n)(a(S), a(S[:, None])),
            lambda xp, a, n=name: getattr(xp, n)(a(A.astype(np.float32)), 0.5),
            lambda xp, a, n=name: getattr(xp, n)(a(I), a(I[:, ::-1])),
        ]
        for name in "hypot copysign nextafter fmax fmin heaviside logaddexp logaddexp2 fmod".split()
    },
    **{
        name: [
            lambda xp, a, n=name: getattr(xp, n)(a(A)),
            lambda xp, a, n=name: getattr(xp, n)(a(S)),
            lambda xp, a, n=name: getattr(xp, n)(a(A.astype(np.float32))),
        ]
        for name in "cbrt exp2 deg2rad rad2deg sinc signbit isposinf isneginf nan_to_num".split()
    },
    "clip": [
        lambda xp, a: xp.clip(a(A), a(B - 1), a(B + 0.5)),
        lambda xp, a: xp.clip(a(A), a(B[:1]), None),
    ],
    "isclose": [
        lambda xp, a: xp.isclose(a(A), a(A + 1e-9)),
        lambda xp, a: xp.isclose(a(S), a(S[:, None]), rtol=1.0, atol=0.6),
        lambda xp, a: xp.isclose(a(S), a(S), equal_nan=True),
        lambda xp, a: xp.isclose(a(I), a(I[::-1]), atol=1.5),
        lambda xp, a: xp.isclose(a(M), a(M[::-1])),
    ],
    # counting
    "unique": [
        lambda xp, a: xp.unique(a(V)),
        lambda xp, a: xp.unique(a(I), True, True, True),
        lambda xp, a: xp.unique(a(N), return_counts=True),
        lambda xp, a: xp.unique(a(N), return_inverse=True, equal_nan=False),
        lambda xp, a: xp.unique_all(a(U)),
        lambda xp, a: xp.unique_all(a(N)),
        lambda xp, a: xp.unique_counts(a(M)),
        lambda xp, a: xp.unique_inverse(a(I)),
        lambda xp, a: xp.unique_values(a(V)),
        lambda xp, a: xp.unique_all(a(Z)),
    ],
    "nonzero": [
        lambda xp, a: xp.nonzero(a(M)),
        lambda xp, a: xp.argwhere(a(I)),
        lambda xp, a: xp.flatnonzero(a(I)),
        lambda xp, a: xp.count_nonzero(a(I), axis=0),
    ],
    "bincount": [
        lambda xp, a: xp.bincount(a(U)),
        lambda xp, a: xp.bincount(a(U), minlength=12),
        lambda xp, a: xp.bincount(a(U), weights=a(np.linspace(0, 1, 7))),
        lambda xp, a: xp.bincount(a(U[:0])),
    ],
    "histogram": [
        lambda xp, a: xp.histogram(a(C)),
        lambda xp, a: xp.histogram(a(C), bins=4, range=(-1.0, 1.0)),
        lambda xp, a: xp.histogram(a(V), bins=a(np.array([-1.0, 0.0, 2.0, 3.0])), density=True),
        lambda xp, a: xp.histogram(a(A), bins=5, weights=a(P)),
        lambda xp, a: xp.histogram(a(U)),
        lambda xp, a: xp.histogram_bin_edges(a(A), 3),
    ],
    "sets": [
        lambda xp, a: xp.union1d(a(U), a(V)),
        lambda xp, a: xp.intersect1d(a(U), a(np.array([1, 7, 9]))),
        lambda xp, a: xp.setdiff1d(a(U), a(np.array([1, 7]))),
        lambda xp, a: xp.setxor1d(a(U), a(np.array([1, 8]))),
    ],
    "lists": [
        lambda xp, a: xp.append(a(A), 2.5),
        lambda xp, a: xp.append(a(A), a(B), axis=1),
        lambda xp, a: xp.delete(a(A), 5),
        lambda xp, a: xp.delete(a(A), [0, -1], axis=1),
        lambda xp, a: xp.delete(a(A), slice(None, None, 2), axis=1),
        lambda xp, a: xp.insert(a(V), 2, 9.0),
        lambda xp, a: xp.insert(a(V), [6, 0, 2, 2], a(A[0])),
        lambda xp, a: xp.insert(a(A), 1, a(B[0]), axis=0),
        lambda xp, a: xp.insert(a(A), -1, a(B[:2]), axis=0),
        lambda xp, a: xp.insert(a(A), [1, 3], 0.5, axis=1),
        lambda xp, a: xp.ediff1d(a(A), 1.5, a(V)),
        lambda xp, a: xp.select([a(A > 1), a(A > 0)], [a(A), a(B)], 9.0),
    ],
    # whole arrays
    "tile": [
        lambda xp, a: xp.tile(a(A), 2),
        lambda xp, a: xp.tile(a(A), (2, 1, 3)),
        lambda xp, a: xp.tile(a(V), (2, 2)),
        lambda xp, a: xp.tile(a(A), (0, 1)),
        lambda xp, a: xp.tile(a(A), ()),
    ],
    "repeat": [
        lambda xp, a: xp.repeat(a(A), 2),
        lambda xp, a: xp.repeat(a(A), 3, axis=0),
        lambda xp, a: xp.repeat(a(A), 0, axis=1),
    ],
    "repeat, each its own times": [
        lambda xp, a: xp.repeat(a(A), a(np.array([0, 2, 1])), axis=0),
        lambda xp, a: xp.repeat(a(A), a(np.array([2])), axis=1),
        lambda xp, a: xp.repeat(a(V), [0, 1, 0, 1, 3, 0]),
    ],
    "rot90": [
        *[lambda xp, a, k=k: xp.rot90(a(A), k) for k in range(-1, 5)],
        lambda xp, a: xp.rot90(a(C), 1, (2, 0)),
        lambda xp, a: xp.fliplr(a(C)),
        lambda xp, a: xp.flipud(a(V)),
    ],
    "atleast": [
        *[
            lambda xp, a, n=n, x=x: getattr(xp, f"atleast_{n}d")(a(x))
            for n in (1, 2, 3)
            for x in (np.array(2.0), V, A, C)
        ],
        lambda xp, a: xp.atleast_2d(a(V), a(A)),
    ],
    "stacks": [
        lambda xp, a: xp.hstack([a(V), a(V[:2])]),
        lambda xp, a: xp.hstack([a(A), a(B)]),
        lambda xp, a: xp.vstack([a(V), a(V)]),
        lambda xp, a: xp.vstack([a(A), a(B)]),
        lambda xp, a: xp.dstack([a(V), a(V)]),
        lambda xp, a: xp.dstack([a(A), a(B)]),
        lambda xp, a: xp.column_stack([a(V[:3]), a(A)]),
        lambda xp, a: xp.hstack([a(np.array(1.0)), a(V)]),
    ],
    "splits": [
        lambda xp, a: tuple(xp.array_split(a(V), 4)),
        lambda xp, a: tuple(xp.array_split(a(A), [1, 3], axis=1)),
        lambda xp, a: tuple(xp.hsplit(a(A), 2)),
        lambda xp, a: tuple(xp.hsplit(a(V), 3)),
        lambda xp, a: tuple(xp.vsplit(a(A), 3)),
        lambda xp, a: tuple(xp.dsplit(a(C), [2])),
    ],
    "diagonals": [
        *[lambda xp, a, k=k: xp.diag(a(V), k) for k in (-2, 0, 1)],
        *[lambda xp, a, k=k: xp.diag(a(A), k) for k in (-3, -1, 0, 2, 9)],
        lambda xp, a: xp.diagonal(a(C), 1, 2, 0),
        lambda xp, a: xp.diagflat(a(A), -1),
        lambda xp, a: xp.trace(a(C), -1, 1, 2),
        lambda xp, a: xp.trace(a(I)),
        lambda xp, a: xp.tril(a(A), k=1),
        lambda xp, a: xp.triu(a(C), k=-1),
        lambda xp, a: xp.vander(a(V)),
        lambda xp, a: xp.vander(a(V), 3, increasing=True),
    ],
    "products": [
        lambda xp, a: xp.kron(a(A), a(B[:2, :3])),
        lambda xp, a: xp.kron(a(V), a(C)),
        lambda xp, a: xp.inner(a(A), a(B)),
        lambda xp, a: xp.inner(a(V), a(V)),
        lambda xp, a: xp.inner(a(A), 2.0),
        lambda xp, a: xp.outer(a(V), a(V)),
        lambda xp, a: xp.cross(a(A[:, :3]), a(B[:, 1:])),
        lambda xp, a: xp.cross(a(A), a(B), axis=0),
        lambda xp, a: xp.cross(a(C), a(A[:, 0]), axisa=1, axisc=0),
        lambda xp, a: xp.convolve(a(V), a(A[0])),
        *[lambda xp, a, m=m: xp.convolve(a(A[0]), a(V), m) for m in ("full", "same", "valid")],
        *[lambda xp, a, m=m: xp.correlate(a(V), a(A[0]), m) for m in ("full", "same", "valid")],
        *[lambda xp, a, m=m: xp.correlate(a(A[0, :3]), a(V), m) for m in ("full", "same", "valid")],
    ],
    # functions given by samples
    "interp": [
        lambda xp, a: xp.interp(a(A), a(np.array([-1.0, 0.0, 0.5, 2.0])), a(A[0])),
        lambda xp, a: xp.interp(a(A), a(np.array([-1.0, 0.5])), a(V[:2]), left=-9.0, right=7.5),
        lambda xp, a: xp.interp(a(A * 9), a(np.array([3.0, 1.0, 5.5])), a(V[:3]), period=4.0),
        lambda xp, a: xp.interp(a(S), a(np.array([-1.5, 0.0, 1.0])), a(V[:3])),
        lambda xp, a: xp.interp(a(V), a(V[:1]), a(V[1:2])),
    ],
    "trapezoid": [
        lambda xp, a: xp.trapezoid(a(C)),
        lambda xp, a: xp.trapezoid(a(C), dx=0.5, axis=0),
        lambda xp, a: xp.trapezoid(a(C), a(np.array([0.0, 1.0, 3.0])), axis=1),
        lambda xp, a: xp.trapezoid(a(C), a(np.cumsum(np.abs(C), 2))),
    ],
    "gradient": [
        lambda xp, a: xp.gradient(a(V)),
        lambda xp, a: tuple(xp.gradient(a(C), 0.5)),
        lambda xp, a: xp.gradient(a(C), 2.0, axis=1),
    ],
}
if not hasattr(np, "cumulative_prod"):  # came with NumPy 2.1
    del CASES["cumulative_prod"]
RNGW = RNG.uniform(0.5, 1.0, (5, 2))
FLAT = [(name, i) for name, calls in CASES.items() for i in range(len(calls))]


def results(y):
    return list(y) if isinstance(y, (tuple, list)) else [y]


def ours(call, device="cpu"):
    return results(call(gg, lambda x: gg.Tensor(np.array(x)).to(device)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of NaN and infinity
@pytest.mark.parametrize("name, i", FLAT)
def test_as_numpy_does(name, i):
    call = CASES[name][i]
    got, want = ours(call), results(call(np, lambda x: x))
    assert len(got) == len(want)
    for y, w in zip(got, want, strict=True):
        w = np.asarray(w)
        assert (y.shape, y.dtype) == (w.shape, w.dtype)
        if w.dtype.kind != "f":
            np.testing.assert_array_equal(y.numpy(), w)
            continue
        finite = np.abs(w[np.isfinite(w)])
        bound = gg.testing.tolerance(w.dtype, 30) * finite.max(initial=1e-300)
        np.testing.assert_allclose(y.numpy(), w, rtol=0, atol=bound)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name, i", FLAT)
def test_on_another_array_module(name, i):
    with fake_cupy.installed() as cupy:
        there = ours(CASES[name][i], "cuda")
        for t, h in zip(there, ours(CASES[name][i]), strict=True):
            assert isinstance(t.array, cupy.ndarray)
            np.testing.assert_array_equal(t.numpy(), h.numpy())


# Shapes that depend on values
VALUES_NEEDED = {"unique", "nonzero", "bincount", "histogram", "sets", "repeat, each its own times"}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name, i", [c for c in FLAT if c[0] not in VALUES_NEEDED])
def test_on_the_meta_device(name, i):
    meta = ours(CASES[name][i], "meta")
    for m, h in zip(meta, ours(CASES[name][i]), strict=True):
        assert (m.shape, m.dtype, m.device) == (h.shape, h.dtype, "meta")
