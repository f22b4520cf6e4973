"""Gradients of array functions: to second or third order by differences, and by hand at ties."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.testing import gradcheck

RNG = np.random.default_rng(11)
A = 0.1 * RNG.permutation(12).reshape(3, 4) - 0.53  # no two near each other
B = 0.1 * RNG.permutation(12).reshape(3, 4) + 0.27
C = 0.1 * RNG.permutation(30).reshape(2, 3, 5) - 1.43
P = RNG.uniform(0.5, 1.5, (3, 4))
V = np.array([0.3, -0.7, 1.1, 0.8])
W = RNG.standard_normal(4)
N = np.where(RNG.random((3, 4)) < 0.3, np.nan, A)
N[:, 0] = A[:, 0]
U = np.array([2, 0, 2, 3])
R = np.array([[2, 0, 1], [1, 1, 0]])
Q = np.array([0.11, 0.52])


def without_nan(f):
    """f of numbers, at an array that has NaN beside them."""
    mask = np.isnan(N)
    return lambda x: f(gg.where(gg.Tensor(mask), np.nan, x))


SMOOTH = {
    "sort": (lambda x: gg.sort(x, axis=1, descending=True), A),
    "topk": (lambda x: gg.topk(x, 3, axis=1).values, C),
    "topk, smallest": (lambda x: gg.topk(x, 2, largest=False).values, C),
    "kthvalue": (lambda x: gg.kthvalue(x, 2, axis=0).values, C),
    "unique": (gg.unique_values, A),
    "cumulative_prod": (lambda x: gg.cumulative_prod(x, axis=1, include_initial=True), A),
    "cumprod": (gg.cumprod, np.array([[1.5, 0.0, 2.0], [0.5, 0.0, 1.2]])),
    "cummax": (lambda x: gg.cummax(x, 1).values, C),
    "cummin": (lambda x: gg.cummin(x, -1).values, C),
    "logcumsumexp": (lambda x: gg.logcumsumexp(x, 1), C),
    "diff": (lambda x, y: gg.diff(x, axis=0, n=2, prepend=y, append=0.3), A, B),
    "logsumexp": (lambda x: gg.logsumexp(x, axis=(0, 2)), C),
    "median": (lambda x: gg.median(x, axis=1), A),
    "quantile": (lambda x, q: gg.quantile(x, q, axis=2), C, Q),
    "quantile, weibull": (lambda x, q: gg.quantile(x, q, method="weibull"), C, Q),
    "quantile, higher": (lambda x: gg.quantile(x, 0.3, axis=(0, 2), method="higher"), C),
    "nansum": (without_nan(lambda x: gg.nansum(x, axis=0)), A),
    "nanprod": (without_nan(lambda x: gg.nanprod(x, axis=1)), A),
    "nanmean": (without_nan(lambda x: gg.nanmean(x, axis=0)), A),
    "nanvar": (without_nan(lambda x: gg.nanvar(x, axis=1, correction=0.5)), A),
    "nanstd": (without_nan(lambda x: gg.nanstd(x, axis=1)), A),
    "nanmax": (without_nan(lambda x: gg.nanmax(x, axis=0)), A),
    "nanmin": (without_nan(lambda x: gg.nanmin(x)), A),
    "nanmedian": (without_nan(lambda x: gg.nanmedian(x, axis=1)), A),
    "nanquantile": (without_nan(lambda x: gg.nanquantile(x, gg.Tensor(Q), axis=1)), A),
    "nancumprod": (without_nan(lambda x: gg.nancumprod(x, axis=0)), A),
    "average": (lambda x, w: gg.average(x, axis=1, weights=w), A, np.abs(W) + 0.1),
    "ptp": (lambda x: gg.ptp(x, axis=1), A),
    "cov": (lambda x: gg.cov(x), A),
    "corrcoef": (lambda x: gg.tril(gg.corrcoef(x), k=-1), A),
    "hypot": (gg.hypot, A, B),
    "xlogy": (gg.xlogy, A, P),
    "sinc": (gg.sinc, np.array([0.0, 1e-9, -1e-3, 0.3, 0.32, 2.0, -7.3])),
    "fmax": (gg.fmax, A, B - 0.55),
    "fmin": (gg.fmin, A, B - 0.55),
    "fmod": (gg.fmod, 2.3 + 0.01 * A, P * 0 + 1.0),
    "copysign": (lambda x: gg.copysign(x, gg.Tensor(W)), A),
    "heaviside": (lambda y: gg.heaviside(np.array([-1.0, 0.0, 0.0, 2.0]), y), V),
    "cbrt": (gg.cbrt, P),
    "deg2rad": (lambda x: gg.rad2deg(gg.deg2rad(x) * 2), A),
    "nan_to_num": (lambda x: gg.nan_to_num(x * x), A),
    "logit": (gg.logit, np.array([0.1, 0.5, 0.8])),
    "lerp": (gg.lerp, A, B, np.abs(W) % 1),
    "rsqrt": (gg.rsqrt, P),
    "clip": (lambda x, low, high: gg.clip(x, low, high), A, B[:1] - 0.9, B[:1] + 0.03),
    "tile": (lambda x: gg.tile(x, (2, 1, 3)), A),
    "repeat": (lambda x: gg.repeat(x, [1, 0, 3], axis=0), A),
    "repeat, flat": (lambda x: gg.repeat(x, 2), A),
    "insert": (lambda x, v: gg.insert(x, [1, 0, 1], v, axis=1), A, B[:, :3]),
    "delete": (lambda x: gg.delete(x, [0, 2], axis=1), A),
    "append": (gg.append, A, B),
    "select": (lambda x, y: gg.select([gg.Tensor(A > 0.2), gg.Tensor(B > 0.9)], [x, y]), A, B),
    "union1d": (gg.union1d, A[0], B[0]),
    "rot90": (lambda x: gg.rot90(x, 3, (0, 2)), C),
    "column_stack": (lambda x, y: gg.column_stack([x, y]), V[:3], A),
    "dstack": (lambda x, y: gg.dstack([x, y]), V, V + 1),
    "array_split": (lambda x: gg.array_split(x, 3, axis=1)[::2], A),
    "diag": (lambda x: gg.diag(x, 1), V),
    "diagonal": (lambda x: gg.diagonal(x, -1, 2, 1), C),
    "trace": (lambda x: gg.trace(x, 1), A),
    "kron": (gg.kron, A, V),
    "inner": (gg.inner, A, V),
    "cross": (lambda x, y: gg.cross(x, y, axis=0), A, B),
    "vander": (lambda x: gg.vander(x), V),
    "interp": (gg.interp, A * 2 + 0.013, np.array([-0.9, -0.1, 0.4, 1.2]), W),
    "interp, period": (lambda x, fp: gg.interp(x, V, fp, period=2.3), A * 3 + 0.013, W),
    "trapezoid": (lambda y, x: gg.trapezoid(y, x, axis=0), A, V[:3]),
    "gradient": (lambda x: gg.gradient(x, 0.7, axis=1), A),
    "convolve": (lambda x, y: gg.convolve(x, y, "same"), A[0], V),
    "bincount": (lambda w: gg.bincount(gg.Tensor(U), w, minlength=5), W),
    "histogram": (lambda w: gg.histogram(gg.Tensor(V), 3, weights=w, density=True)[0], P[0]),
    "take_along_axis": (lambda x: gg.take_along_axis(x, gg.Tensor(R), axis=1), A[:2]),
    "put_along_axis": (lambda x, v: gg.put_along_axis(x, gg.Tensor(R), v, 1), A[:2], B[:2, :3]),
    "gather": (lambda x: gg.gather(x, 0, gg.Tensor(R)), A),
    "scatter": (lambda x, s: gg.scatter(x, 1, gg.Tensor(R), s), A, B),
    "scatter_add": (lambda x, s: gg.scatter_add(x, 0, gg.Tensor(R), s), A, B),
    "index_select": (lambda x: gg.index_select(x, 1, gg.Tensor(U)), A),
    "index_add": (lambda x, s: gg.index_add(x, 1, gg.Tensor(U), s, alpha=-2), A, B),
    "index_copy": (lambda x, s: gg.index_copy(x, 1, gg.Tensor(U), s), A, B),
    "index_fill": (lambda x: gg.index_fill(x, 0, gg.Tensor(U[:2]), 0.5), A),
    "masked_select": (lambda x: gg.masked_select(x, gg.Tensor(A > 0)), A),
    "masked_fill": (lambda x, v: gg.masked_fill(x, gg.Tensor(A > 0), v), A, np.array(0.3)),
    "masked_scatter": (lambda x, s: gg.masked_scatter(x, gg.Tensor(A > 0), s), A, B),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_to_third_order(name):
    f, *inputs = SMOOTH[name]
    gradcheck(f, tuple(inputs), order=3, nonzero=True)


def gradients(f, *arrays):
    """Of the outputs' sum, each counted with 1, 2, 3, ... in order."""
    leaves = [gg.Tensor(np.array(a, float), requires_grad=True) for a in arrays]
    y = f(*leaves)
    c = np.arange(1.0, y.size + 1).reshape(y.shape)
    return [g.numpy().tolist() for g in gg.grad(y, leaves, gg.Tensor(c))]


nan, inf = np.nan, np.inf
BY_HAND = {
    # equal elements keep their order, in whichever direction
    "sort": (gg.sort, [2.0, 1.0, 2.0, 1.0], [3, 1, 4, 2]),
    "sort, descending": (lambda x: gg.sort(x, descending=True), [2.0, 1, 2, 1], [1, 3, 2, 4]),
    "sort, NaN": (gg.sort, [nan, 1.0, nan], [2, 1, 3]),
    "topk": (lambda x: gg.topk(x, 2).values, [2.0, 5, 5, 5], [0, 1, 2, 0]),
    "cummax, the last": (lambda x: gg.cummax(x, 0).values, [2.0, 2, 1, 2], [1, 2 + 3, 0, 4]),
    "cummax, NaN": (lambda x: gg.cummax(x, 0).values, [2.0, nan, 9, nan], [1, 2 + 3, 0, 4]),
    "median": (gg.median, [1.0, 3, 3, 5], [0, 0.5, 0.5, 0]),
    "unique, the first": (gg.unique_values, [3.0, 1, 3, 1], [2, 1, 0, 0]),
    "cumprod, zeros": (gg.cumprod, [2.0, 0, 3, 0, 5], [1, 2 * (2 + 3 * 3), 0, 0, 0]),
    "nanmax, ties": (gg.nanmax, [nan, 3.0, 3.0, 1], [0, 0.5, 0.5, 0]),
    "nanmax, -inf": (gg.nanmax, [nan, -inf, nan], [0, 1, 0]),
    "nanmean, none": (gg.nansum, [nan, nan], [0, 0]),
    "nanstd, equal": (gg.nanstd, [2.0, nan, 2.0], [0, 0, 0]),
    "fmax, NaN": (lambda x: gg.fmax(x, np.array([nan, 2.0, nan])), [1.0, nan, nan], [1, 0, 1.5]),
    "copysign": (lambda x: gg.copysign(x, np.array([-1.0, -1, 1])), [2.0, -2, 0], [-1, 2, 0]),
    "xlogy": (lambda x: gg.xlogy(x, np.array([0.0, -1, 1, np.e])), [0.0, 0, 0, 0], [0, 0, 0, 4]),
    "logsumexp": (gg.logsumexp, [-inf, -inf], [0, 0]),
    "interp, at the points": (
        lambda x: gg.interp(x, np.array([0.0, 1, 3]), np.array([0.0, 2, 8])),
        [-1.0, 0, 1, 3, 4],
        [0, 2 * 2, 3 * 3, 3 * 4, 0],
    ),
    "clip": (lambda x: gg.clip(x, 0, 1), [-1.0, 0, 1, 2], [0, 2, 3, 0]),
    "scatter, the last": (
        lambda s: gg.scatter(gg.zeros(3, dtype=gg.float64, device="cpu"), 0, [1, 1, 0], s),
        [5.0, 6, 7],
        [0, 2, 1],
    ),
    "nan_to_num": (gg.nan_to_num, [nan, 1.0, inf, -inf], [0, 2, 0, 0]),
    "hypot": (lambda x: gg.hypot(x, np.zeros(2)), [0.0, -2.0], [0, -2]),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_gradients_at_ties_and_edges(name):
    f, x, want = BY_HAND[name]
    assert gradients(f, x) == [pytest.approx(want, abs=1e-14)]


def test_second_derivatives_of_products_with_zeros():
    x = np.array([1.5, 0.0, 0.0, 2.0])
    leaf = gg.Tensor(x, requires_grad=True)
    (g,) = gg.grad(gg.cumprod(leaf).sum(), leaf, create_graph=True)
    assert g.tolist() == [1.0, 1.5, 0.0, 0.0]
    hessian = [gg.grad(g[i], leaf, retain_graph=True)[0].tolist() for i in range(4)]
    # of a + ab + abc + abcd
    assert hessian == [[0, 1, 0, 0], [1, 0, 1.5 * 3, 0], [0, 1.5 * 3, 0, 0], [0, 0, 0, 0]]


def test_edges_leave_no_nan_behind():
    """Values are NaN or infinite somewhere, gradients of the others are not."""
    x = gg.Tensor(np.array([[nan, nan], [nan, 2.0]]), requires_grad=True)
    for f in (gg.nansum, gg.nanmean, gg.nanmax, gg.nanvar, gg.nanmedian):
        y = f(x, axis=1)
        (g,) = gg.grad(y[1], x)
        assert np.isfinite(g.numpy()).all(), f
    y = gg.interp(x.detach(), gg.Tensor(np.array([0.0, 1.0]), requires_grad=True), np.ones(2))
    assert np.isnan(y.numpy()[0]).all()
