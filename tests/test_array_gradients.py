"""Gradients of array functions at ties and edges, by hand.

Away from them, tests/test_breadth.py compares the derivatives with differences.
"""

import numpy as np
import pytest

import gpugraph as gg


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
