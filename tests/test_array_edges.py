"""Array functions that NumPy lacks, edges that it has, and the texts of the likely mistakes."""

import math

import numpy as np
import pytest
import scipy.special

import gpugraph as gg

nan, inf = np.nan, np.inf
RNG = np.random.default_rng(3)


def t(values, dtype=None):
    return gg.Tensor(np.array(values, dtype))


# Order


def test_descending_order_keeps_equal_elements_in_order():
    x = t([1.0, nan, 2.0, 1.0, nan, -0.0, 0.0])
    assert gg.argsort(x, descending=True).tolist() == [1, 4, 2, 0, 3, 5, 6]
    assert gg.argsort(x).tolist() == [5, 6, 0, 3, 2, 1, 4]
    assert np.isnan(gg.sort(x, descending=True).numpy()[:2]).all()


def test_topk():
    x = t([[1, 5, 3, 5], [2, 2, 2, 0]])
    values, indices = gg.topk(x, 2)
    assert (values.tolist(), indices.tolist()) == ([[5, 5], [2, 2]], [[1, 3], [0, 1]])
    assert gg.topk(x, 1, axis=0, largest=False).values.tolist() == [[1, 2, 2, 0]]
    assert gg.topk(x, 0).values.shape == (2, 0)
    assert gg.topk(t([1.0, nan, 3.0]), 2).indices.tolist() == [1, 2]  # NaN is the largest
    assert gg.kthvalue(x, 2, keepdims=True).values.tolist() == [[3], [2]]
    assert gg.kthvalue(x, 4).indices.tolist() == [3, 2]
    meta = gg.topk(gg.zeros((3, 7), device="meta"), 2, axis=0)
    assert [(y.shape, y.dtype) for y in meta] == [((2, 7), np.float32), ((2, 7), np.int64)]


def test_partition_puts_elements_where_numpy_promises():
    x = RNG.integers(0, 9, 20)
    y = gg.partition(x, 7).numpy()
    assert y[:7].max() <= y[7] <= y[8:].min()
    np.testing.assert_array_equal(x[gg.argpartition(x, 7).numpy()], y)


@pytest.mark.parametrize("dtype", [np.float16, "bfloat16", np.float32, np.int8, np.uint64, bool])
def test_sorting_keeps_the_dtype(dtype):
    dtype = gg.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    x = np.array([3, 0, 1, 1]).astype(dtype)
    y = gg.sort(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.numpy().astype(float), np.sort(x.astype(float)))


# Running along an axis


def loop_extreme(x, better):
    values, indices, best = [], [], 0
    for i, v in enumerate(x):
        if v != v or not (better(x[best], v) or x[best] != x[best]):
            best = i
        values.append(x[best])
        indices.append(best)
    return values, indices


@pytest.mark.parametrize(
    "name, better", [("cummax", lambda a, b: a > b), ("cummin", lambda a, b: a < b)]
)
def test_cummax_and_cummin(name, better):
    for values in ([1.0, 3, 3, 2, 4], [2.0, nan, 5, nan, 1], [inf, -inf, -inf, inf], []):
        got = getattr(gg, name)(t(values, float), 0)
        want = loop_extreme(values, better)
        np.testing.assert_array_equal(got.values.numpy(), want[0])
        np.testing.assert_array_equal(got.indices.numpy(), want[1])
    x = RNG.integers(0, 5, (4, 9, 3))
    ufunc = np.maximum if name == "cummax" else np.minimum
    got = getattr(gg, name)(x, 1)
    np.testing.assert_array_equal(got.values.numpy(), ufunc.accumulate(x, 1))
    np.testing.assert_array_equal(np.take_along_axis(x, got.indices.numpy(), 1), got.values.numpy())


def test_a_long_product_and_its_gradient():
    """1000 factors: ten rounds of doubling, against a loop."""
    x = RNG.uniform(0.9, 1.1, 1000)
    x[[300, 301, 700]] = 0
    leaf = gg.Tensor(x, requires_grad=True)
    c = RNG.standard_normal(1000)
    (g,) = gg.grad(gg.cumulative_prod(leaf), leaf, gg.Tensor(c))
    after, want = 0.0, np.zeros(1000)
    before = np.concatenate([[1.0], np.cumprod(x)[:-1]])
    for i in range(999, -1, -1):
        after = c[i] + (x[i + 1] * after if i < 999 else 0)
        want[i] = before[i] * after
    bound = gg.testing.tolerance(np.float64, 1000) * np.abs(want).max()
    np.testing.assert_allclose(g.numpy(), want, rtol=0, atol=bound)


def test_logarithms_of_sums():
    x = np.array([[1000.0, 1001.0, -inf], [-inf, -inf, -inf], [inf, 0.0, 1.0]])
    np.testing.assert_allclose(gg.logsumexp(x, axis=1).numpy(), scipy.special.logsumexp(x, 1))
    np.testing.assert_allclose(gg.logsumexp(x[:1]).item(), 1000 + math.log(1 + math.e))
    assert gg.logsumexp(np.zeros((2, 0)), axis=1, keepdims=True).tolist() == [[-inf], [-inf]]
    assert gg.logsumexp(t([0, 0])).item() == pytest.approx(math.log(2))
    assert np.isnan(gg.logsumexp(t([nan, 1.0])).item())
    x = RNG.standard_normal((3, 7)) * 100
    want = [[scipy.special.logsumexp(row[: i + 1]) for i in range(7)] for row in x]
    np.testing.assert_allclose(gg.logcumsumexp(x, 1).numpy(), want, rtol=1e-14)


# Statistics


def test_quantiles_of_ties_and_infinities():
    assert gg.quantile(t([inf, inf, 1.0]), 0.75).item() == inf
    assert gg.quantile(t([1.0]), [0.0, 0.3, 1.0]).tolist() == [1, 1, 1]
    assert gg.median(t([-inf, -inf])).item() == -inf
    assert gg.quantile(t([0, 1], np.float32), 0.3).dtype == np.float32
    many = np.repeat(np.array([0, 1000], np.float32), [700_001, 300_000])
    q = 700_000.25 / 1_000_000  # in float32 this place would be off by some hundredths
    assert gg.quantile(many, q).item() == pytest.approx(250, abs=0.1)


def test_reductions_of_nothing_but_nan():
    x = t([[nan, nan], [1.0, nan]])
    for f in (gg.nanmean, gg.nanmax, gg.nanmin, gg.nanvar, gg.nanstd, gg.nanmedian):
        y = f(x, axis=1).numpy()
        assert np.isnan(y[0]) and not np.isnan(y[1]), f
    assert gg.nansum(x, axis=1).tolist() == [0, 1]
    assert gg.nanprod(x, axis=1).tolist() == [1, 1]
    assert np.isnan(gg.nanvar(x, axis=1, correction=1).numpy()).all()
    with pytest.raises(gg.ArgumentError, match="nanargmax: x has nothing but NaN along axis 1"):
        gg.nanargmax(x, axis=1)
    assert gg.nanargmax(t([nan, -inf])).item() == 1  # NaN loses also against -inf


# Elementwise


def test_xlogy_and_logit():
    x, y = np.array([0.0, 0.0, 0.0, 0.0, 2.0]), np.array([0.0, -1.0, inf, nan, 3.0])
    want = [0, 0, 0, nan, 2 * math.log(3)]
    np.testing.assert_allclose(gg.xlogy(x, y).numpy(), want)
    assert gg.xlogy(0.0, y[:3]).tolist() == [0, 0, 0]
    p = np.array([0.1, 0.5, 0.999])
    np.testing.assert_allclose(gg.logit(p).numpy(), scipy.special.logit(p), rtol=1e-14)
    assert gg.logit(t([0.0, 1.0]), 0.1).tolist() == pytest.approx([math.log(1 / 9), math.log(9)])


def test_lerp_is_exact_at_the_ends():
    a, b = np.array([0.1, -1e16]), np.array([0.3, 1.0])
    np.testing.assert_array_equal(gg.lerp(a, b, 0.0).numpy(), a)
    np.testing.assert_array_equal(gg.lerp(a, b, 1.0).numpy(), b)
    assert gg.lerp(t([0.0, 2.0]), 4.0, t([0.25, 0.5])).tolist() == [1, 3]


def test_sinc_far_and_near():
    x = np.array([1e-300, 1e-8, 0.31, 0.33, 1.0, 50.5, -1e6 - 0.5])
    np.testing.assert_allclose(gg.sinc(x).numpy(), np.sinc(x), rtol=1e-10, atol=1e-16)
    leaf = gg.Tensor(np.array([0.0, 1e-7]), requires_grad=True)
    (g,) = gg.grad(gg.sinc(leaf).sum(), leaf)
    np.testing.assert_allclose(g.numpy(), [0.0, -(math.pi**2) * 1e-7 / 3], rtol=1e-12)


# Whole arrays


def test_spaces():
    np.testing.assert_allclose(
        gg.logspace(-1, 3, 7, base=2.0, dtype="float64").numpy(), np.logspace(-1, 3, 7, base=2.0)
    )
    for ends in ((1, 1000), (-2.5, -0.01)):
        for endpoint in (True, False):
            got = gg.geomspace(*ends, 6, endpoint, dtype="float64").numpy()
            np.testing.assert_allclose(got, np.geomspace(*ends, 6, endpoint), rtol=1e-14)
            assert got[0] == ends[0]
    assert gg.geomspace(1, 3, 1).tolist() == [1]
    assert gg.logspace(0, 1).shape == (50,)
    np.testing.assert_array_equal(gg.tri(3, 4, 1).numpy(), np.tri(3, 4, 1))
    assert gg.tri(2, dtype="int8").dtype == np.int8
    for f, g in ((gg.tril_indices, np.tril_indices), (gg.triu_indices, np.triu_indices)):
        np.testing.assert_array_equal([i.numpy() for i in f(3, 1, 4)], g(3, 1, 4))


def test_pieces():
    assert [y.shape[0] for y in gg.chunk(np.ones(7), 3)] == [3, 3, 1]
    assert [y.shape[0] for y in gg.chunk(np.ones(6), 4)] == [2, 2, 2]  # as PyTorch: fewer pieces
    assert gg.unflatten(np.ones((2, 12)), 1, (3, -1)).shape == (2, 3, 4)
    assert gg.unsqueeze(np.ones(3), -1).shape == (3, 1)
    assert gg.diag_embed(np.ones((2, 3)), -1).shape == (2, 4, 4)
    assert gg.broadcast_shapes((2, 1), 3, ()) == (2, 3)
    assert gg.one_hot(t([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert gg.one_hot(t([[1]]), 3).shape == (1, 1, 3)


def test_near_and_equal():
    a = np.array([1.0, nan])
    assert gg.allclose(t([1.0, inf]), np.array([1.0 + 1e-9, inf])) is True
    assert gg.allclose(a, a) is False and gg.allclose(a, a, equal_nan=True) is True
    assert gg.array_equal(a, a) is False and gg.array_equal(a, a, equal_nan=True) is True
    assert gg.array_equal(np.ones(2), np.ones((1, 2))) is False
    assert gg.array_equiv(np.ones(2), np.ones((1, 2))) is True
    assert gg.array_equiv(np.ones(2), np.ones(3)) is False
    assert gg.isclose(t([1.0], np.float32), 1.1, atol=0.2).tolist() == [True]


def test_numpys_functions_find_ours():
    x = gg.Tensor(np.array([[3.0, 1.0, 2.0]]), requires_grad=True)
    for y in (
        np.sort(x),
        np.quantile(x, 0.3, axis=1),
        np.median(x),
        np.nanstd(x, ddof=1),
        np.cumprod(x),
        np.tile(x, 2),
        np.interp(x, [0, 4], [1, 3]),
        np.hypot(x, 1.0),
        np.hstack([x, x]),
        np.trace(x),
        np.repeat(x, 2, axis=0),
    ):
        assert isinstance(y, gg.Tensor) and y.requires_grad


MISTAKES = [
    (
        lambda x: gg.topk(x, 5),
        gg.ArgumentError,
        "topk: k=5 must lie between 0 and 4, the length of axis 1",
    ),
    (lambda x: gg.topk(x, 1.5), gg.DtypeError, "topk: k 1.5 must be an int"),
    (lambda x: gg.kthvalue(x, 0), gg.ArgumentError, "kthvalue: k=0 must lie between 1 and 4"),
    (lambda x: gg.sort(x, axis=2), gg.AxisError, "sort: axis 2 is out of range"),
    (lambda x: gg.sort(x * 1j), gg.DtypeError, "sort: x is complex128; complex numbers have no"),
    (lambda x: gg.searchsorted(x, x), gg.ShapeError, "searchsorted: x1 (3, 4) must have 1 axis"),
    (
        lambda x: gg.searchsorted(x[0], x, sorter=x[0]),
        gg.DtypeError,
        "sorter is float64; it must be",
    ),
    (
        lambda x: gg.searchsorted(x[0], x, sorter=np.arange(3)),
        gg.ShapeError,
        "searchsorted: sorter (3,) must have the shape of x1 (4,)",
    ),
    (lambda x: gg.searchsorted([1, 2], x), gg.DtypeError, "searchsorted: x1 is a list; it takes"),
    (lambda x: gg.searchsorted(x[0], x, side="up"), gg.ArgumentError, "side='up' is neither"),
    (
        lambda x: gg.cumulative_prod(x),
        gg.ArgumentError,
        "cumulative_prod: axis must be given for x",
    ),
    (lambda x: gg.diff(x, n=-1), gg.ArgumentError, "diff: n=-1 must be an int of at least 0"),
    (lambda x: gg.quantile(x, 1.2), gg.ArgumentError, "quantile: q=1.2 must lie between 0 and 1"),
    (lambda x: gg.percentile(x, [-1.0, 5.0]), gg.ArgumentError, "q=-1 must lie between 0 and 100"),
    (lambda x: gg.quantile(x, nan), gg.ArgumentError, "quantile: q=nan must lie"),
    (
        lambda x: gg.quantile(x, 0.1, method="odd"),
        gg.ArgumentError,
        "method='odd' is none of linear",
    ),
    (
        lambda x: gg.median(x[:, :0], axis=1),
        gg.ShapeError,
        "median: x (3, 0) has no elements along",
    ),
    (
        lambda x: gg.average(x, weights=np.ones(4)),
        gg.ShapeError,
        "weights (4,) must have the shape of x (3, 4)",
    ),
    (lambda x: gg.average(x, 0, np.ones(4)), gg.ShapeError, "of x (3, 4), or (3,) for axis (0,)"),
    (lambda x: gg.repeat(x, -1), gg.ArgumentError, "repeat: repeats=-1 must not be negative"),
    (
        lambda x: gg.repeat(x, [1, 2], axis=1),
        gg.ShapeError,
        "repeat: 2 repeats for an axis of length 4",
    ),
    (lambda x: gg.repeat(x, 1.5), gg.DtypeError, "repeat: repeats 1.5 must be an int or hold ints"),
    (lambda x: gg.tile(x, -1), gg.ArgumentError, "tile: repetitions -1 must not be negative"),
    (lambda x: gg.rot90(x, 1, (0, 0)), gg.AxisError, "rot90: axis (0, 0) names an axis of x"),
    (lambda x: gg.fliplr(x[0]), gg.ShapeError, "fliplr: x (4,) must have at least 2 axes"),
    (lambda x: gg.hstack([]), gg.ArgumentError, "hstack: needs at least one array"),
    (lambda x: gg.array_split(x, 0), gg.ArgumentError, "array_split: 0 pieces"),
    (
        lambda x: gg.unflatten(x, 1, (3, -1)),
        gg.ShapeError,
        "axis 1 of x (3, 4) has length 4, which is not",
    ),
    (
        lambda x: gg.broadcast_shapes((2,), (3,)),
        gg.ShapeError,
        "shapes[0] (2,), shapes[1] (3,) do not",
    ),
    (lambda x: gg.diagonal(x[0]), gg.ShapeError, "diagonal: x (4,) must have at least 2 axes"),
    (lambda x: gg.diagonal(x, 0, 1, -1), gg.AxisError, "axis1=1 and axis2=-1 are the same axis"),
    (lambda x: gg.cross(x, x), gg.ShapeError, "cross: x1 (3, 4) and x2 (3, 4) must have length 3"),
    (lambda x: gg.bincount(x[0]), gg.DtypeError, "bincount: x is float64; it must be integer"),
    (
        lambda x: gg.bincount(t([1, -2])),
        gg.ArgumentError,
        "bincount: x has -2; it must not be negative",
    ),
    (
        lambda x: gg.bincount(t([1]), x),
        gg.ShapeError,
        "weights (3, 4) must have the shape of x (1,)",
    ),
    (lambda x: gg.histogram(x, 0), gg.ArgumentError, "histogram: bins=0 must be at least 1"),
    (lambda x: gg.histogram(x, [1.0, 0.0]), gg.ArgumentError, "at least 2 edges that ascend"),
    (
        lambda x: gg.histogram(x, range=(1, 0)),
        gg.ArgumentError,
        "range (1, 0) must be finite and ascend",
    ),
    (
        lambda x: gg.unique_all(x.to("meta")),
        gg.DataError,
        "unique_all: the result depends on values",
    ),
    (
        lambda x: gg.interp(x, x, x),
        gg.ShapeError,
        "interp: xp (3, 4) and fp (3, 4) must have 1 axis",
    ),
    (
        lambda x: gg.convolve(x, x),
        gg.ShapeError,
        "convolve: x1 (3, 4) and x2 (3, 4) must have 1 axis",
    ),
    (lambda x: gg.convolve(x[0], x[0], "odd"), gg.ArgumentError, "mode='odd' is none of 'full'"),
    (
        lambda x: gg.geomspace(0, 1),
        gg.ArgumentError,
        "geomspace: start=0 and stop=1 must have one sign",
    ),
    (lambda x: gg.gradient(x, edge_order=2), gg.ArgumentError, "edge_order=2 is not available"),
    (lambda x: gg.one_hot(x.to("meta")), gg.DataError, "one_hot: num_classes must be given"),
    (lambda x: gg.cov(x[None]), gg.ShapeError, "cov: x (1, 3, 4) must have 1 or 2 axes"),
]


@pytest.mark.parametrize("call, error, text", MISTAKES)
def test_mistakes_are_named(call, error, text):
    with pytest.raises(error) as caught:
        call(gg.Tensor(np.arange(12.0).reshape(3, 4)))
    assert text in str(caught.value)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64", "uint64", "bool"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_argsort_keeps_the_order_of_equal_elements(dtype, axis):
    rng = np.random.default_rng(axis)
    for top in (1, 3, 40, 10**6):  # nothing but ties, many, some, hardly any
        x = (rng.integers(0, top, (3, 70, 5)) - (dtype[0] == "f") * top // 2).astype(dtype)
        if dtype[0] == "f":
            x[x == 1] = np.nan
            x[0, ::7] *= -0.0  # -0 equals 0
        want = np.argsort(x, axis, kind="stable")
        np.testing.assert_array_equal(gg.argsort(x, axis=axis).numpy(), want)
        np.testing.assert_array_equal(
            gg.sort(x, axis=axis).numpy(), np.take_along_axis(x, want, axis)
        )
        down = np.array([sorted(range(70), key=lambda i: (-r[i], i)) for r in x[0].T.tolist()])
        if axis == 1 and dtype[0] != "f":
            got = gg.argsort(x, axis=1, descending=True).numpy()[0]
            np.testing.assert_array_equal(got, down.T)


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_through_an_order(side):
    rng = np.random.default_rng(2)
    for n in (0, 1, 7, 40):
        x1 = rng.integers(0, 9, n).astype(float)
        x1[n - n // 4 :] = np.nan
        x2 = np.array([[-1.0, 0.0, 3.0, 4.5], [8.0, 99.0, np.nan, -np.inf]])
        order = np.argsort(x1, kind="stable")
        counts = {"left": lambda a, v: a < v, "right": lambda a, v: a <= v}[side]
        want = [[n if v != v and side == "right" else int((~np.isnan(x1)).sum()) if v != v
                 else int(counts(x1, v).sum()) for v in row] for row in x2]  # fmt: skip
        for sorter in (order, gg.Tensor(order), order.astype(np.int32)):
            assert gg.searchsorted(x1, x2, side=side, sorter=sorter).tolist() == want
        assert np.searchsorted(gg.Tensor(x1), x2, side=side, sorter=order).tolist() == want
        assert gg.searchsorted(x1[order], x2, side=side).tolist() == want
    assert gg.searchsorted(np.array([3, 1, 2]), 2, side=side, sorter=[1, 2, 0]).item() == (
        1 + (side == "right")
    )


def test_logcumsumexp_behind_minus_infinity():
    inf = math.inf
    for x, want in (
        ([-inf, -inf, -inf, 0.0, 1.0], [0, 0, 0, 1 + 1 / (1 + math.e), math.e / (1 + math.e)]),
        ([-inf, -inf], [0, 0]),
        ([0.0, -inf, -inf, 0.0], [3.5, 0, 0, 0.5]),
    ):
        leaf = gg.Tensor(np.array(x), requires_grad=True)
        y = gg.logcumsumexp(leaf, 0)
        np.testing.assert_allclose(y.numpy(), np.logaddexp.accumulate(x))
        finite = y[np.isfinite(y.numpy())].sum()
        found = gg.grad(finite, leaf, retain_graph=True)[0].numpy()
        np.testing.assert_allclose(found, want, atol=1e-15)
        assert np.isfinite(gg.grad(y.sum(), leaf)[0].numpy()).all()


def test_the_order_of_many_equal_elements():
    x = np.random.default_rng(0).integers(0, 5, 70000).astype(np.float32)
    np.testing.assert_array_equal(gg.argsort(x).numpy(), np.argsort(x, kind="stable"))
    np.testing.assert_array_equal(  # a rank times a length beyond 2**31
        gg.argsort(np.repeat(np.arange(50000), 2)).numpy(), np.arange(100000)
    )
