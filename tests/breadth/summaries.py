"""Functions of many numbers: sums, order, statistics, running sums, sampled functions, counts."""

import numpy as np
from scipy import special

import gpugraph as gg

from .cases import A, B, C, Constant, I, M, N, P, V, W, Z, case

ROOM = gg
U = np.array([2, 0, 2, 3])
Q = np.array([0.11, 0.52])


def without_nan(f, x, *args, **options):
    """Differentiated with respect to the numbers beside NaN."""
    return f(gg.where(np.isnan(N), np.nan, x), *args, **options)


def numpys(name):
    """NumPy's function, of numbers beside NaN."""
    return lambda x, *args, **o: getattr(np, name)(np.where(np.isnan(N), np.nan, x), *args, **o)


def best(x, order):
    """Along axis 1: the values in that order of positions, and the positions."""
    return np.take_along_axis(x, order, 1), order


def lowest(f, x, k):
    """The first k + 1 of a partition stand in any order."""
    return gg.sort(f(x, k)[..., : k + 1])


def running(x, axis, better):
    """The best so far, and where the last such was."""
    values, places = np.array(x), np.zeros(x.shape, int)
    for at in np.ndindex(x.shape):
        before = (*at[:axis], at[axis] - 1, *at[axis + 1 :])
        places[at] = at[axis]
        if at[axis] and not better(x[at], values[before]):
            values[at], places[at] = values[before], places[before]
    return values, places


def variance(x, axis, correction):
    off = x - x.mean(axis, keepdims=True)
    return (off * off).sum(axis) / (x.shape[axis] - correction)


def standard(x, axis, correction):
    return variance(x, axis, correction) ** 0.5


def slopes(f, h, axis):
    """One-sided at the ends."""
    f = np.moveaxis(f, axis, 0)
    inner = (f[2:] - f[:-2]) / (2 * h)
    ends = (f[1:2] - f[:1]) / h, (f[-1:] - f[-2:-1]) / h
    return np.moveaxis(np.concatenate([ends[0], inner, ends[1]]), 0, axis)


CASES = {
    "sum": case(np.sum, C, axis=(0, 2)),
    "prod": case(np.prod, C, axis=1, keepdims=True),
    "mean": case(np.mean, C, axis=(1, -1)),
    "var": case(variance, C, axis=2, correction=0.5),
    "std": case(standard, C, axis=1, correction=1.0),
    "sum, complex": case(np.sum, Z, axis=0),
    "max": case(np.max, C, axis=1),
    "min": case(np.min, C),
    "amax": case(np.amax, C, axis=(0, 2)),
    "amin": case(np.amin, C, axis=-1, keepdims=True),
    "ptp": case(np.ptp, A, axis=1),
    "all": case(np.all, I, axis=0),
    "any": case(np.any, M, axis=1),
    "argmax": case(np.argmax, C, axis=1),
    "argmin": case(np.argmin, C),
    "count_nonzero": case(np.count_nonzero, I, axis=0),
    "median": case(np.median, A, axis=1),
    "quantile": case(np.quantile, C, Q, axis=2),
    "quantile, weibull": case(np.quantile, C, Q, method="weibull"),
    "quantile, higher": case(np.quantile, C, 0.3, axis=(0, 2), method="higher"),
    "percentile": case(np.percentile, C, 100 * Q, axis=1),
    "average": case(np.average, A, 1, W),
    "cov": case(np.cov, A),
    "corrcoef": case(
        lambda x: np.tril(np.corrcoef(x), -1), A, via=lambda f, x: gg.tril(f(x), k=-1)
    ),
    "logsumexp": case(special.logsumexp, C, axis=(0, 2)),
    **{
        name: case(numpys(name), A, via=without_nan, **options)
        for name, options in {
            "nansum": {"axis": 0}, "nanprod": {"axis": 1}, "nanmean": {"axis": 0},
            "nanmax": {"axis": 0}, "nanmin": {}, "nanmedian": {"axis": 1},
            "nanvar": {"axis": 1}, "nanstd": {"axis": 0},
            "nancumsum": {"axis": 1}, "nancumprod": {"axis": 0},
            "nanargmax": {"axis": 1}, "nanargmin": {},
        }.items()
    },
    "nanquantile": case(numpys("nanquantile"), A, Q, axis=1, via=without_nan),
    "nanpercentile": case(numpys("nanpercentile"), A, 100 * Q, axis=1, via=without_nan),
    # order
    "sort": case(lambda x, axis, descending: -np.sort(-x, axis), A, axis=1, descending=True),
    "argsort": case(np.argsort, C, axis=0),
    "partition": case(lambda x, k: np.sort(x)[:, : k + 1], A, 1, via=lowest),
    "argpartition": case(lambda x, k: np.sort(np.argsort(x)[..., : k + 1]), C, 2, via=lowest),
    "topk, smallest": case(
        lambda x, k: np.sort(x)[..., :k], C, 2,
        via=lambda f, x, k: f(x, k, largest=False).values,
    ),
    "topk": case(lambda x, k, axis: best(x, np.argsort(-x, 1)[:, :k]), C, 2, axis=1),
    "kthvalue": case(
        lambda x, k: [y[:, k - 1] for y in best(x, np.argsort(x, 1))], C, 2,
        via=lambda f, x, k: f(x, k, axis=1),
    ),
    "searchsorted": case(np.searchsorted, np.sort(V), A, side="right"),
    "digitize": case(np.digitize, A, np.array([-0.4, 0.1])),
    "isin": case(np.isin, I, np.array([1, 2, -5])),
    # along an axis
    "cumsum": case(np.cumsum, C, axis=1),
    "cumulative_sum": case(lambda x, axis: np.cumsum(x, axis), C, axis=2),
    "cumprod": case(np.cumprod, np.array([[1.5, 0.0, 2.0], [0.5, 0.0, 1.2]])),
    "cumulative_prod": case(lambda x, axis: np.cumprod(x, axis), A, axis=1),
    "cummax": case(lambda x, axis: running(x, axis, np.greater_equal), C, 1),
    "cummin": case(lambda x, axis: running(x, axis, np.less_equal), C, 2),
    "logcumsumexp": case(lambda x, axis: np.log(np.cumsum(np.exp(x), axis)), C, 1),
    "diff": case(
        lambda x, y: np.diff(x, 2, axis=0, prepend=y, append=0.3), A, B,
        via=lambda f, x, y: f(x, n=2, axis=0, prepend=y, append=0.3),
    ),
    "ediff1d": case(np.ediff1d, A, V, B[0]),
    # functions given by samples
    "interp": case(np.interp, A * 2 + 0.013, np.array([-0.9, -0.1, 0.4, 1.2]), W),
    "interp, period": case(np.interp, A * 3 + 0.013, V, W, period=2.3),
    "trapezoid": case(np.trapezoid, A, V[:3], axis=0),
    "gradient": case(slopes, A, 0.7, axis=1),
    # counts
    "bincount": case(np.bincount, U, W, 5),
    "histogram": case(np.histogram, Constant(A), 3),
    "histogram, weights": case(np.histogram, Constant(V), 3, None, True, P[0]),
    "histogram_bin_edges": case(np.histogram_bin_edges, A, 3),
}  # fmt: skip
