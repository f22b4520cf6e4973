"""Array functions against their namesakes in PyTorch: values and gradients, 50 draws each."""

import numpy as np
import pytest

import gpugraph as gg

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'gpugraph[peers]'")

pytestmark = pytest.mark.peers

DRAWS = 50


class Draw:
    """Random arguments; numbers of one array are all different, so that there are no ties."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def shape(self, least=1, most=3):
        return tuple(self.rng.integers(1, 6, self.rng.integers(least, most + 1)).tolist())

    def array(self, shape=None, low=-2.0, high=2.0):
        return self.rng.uniform(low, high, self.shape() if shape is None else shape)

    def axis(self, x):
        return int(self.rng.integers(-x.ndim, x.ndim))

    def axes(self, x):
        several = self.rng.permutation(x.ndim)[: self.rng.integers(1, x.ndim + 1)].tolist()
        return tuple(several)

    def flag(self):
        return bool(self.rng.integers(2))

    def integer(self, low, high):
        return int(self.rng.integers(low, high))

    def one_of(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def index(self, x, axis, beside=None):
        shape = [int(self.rng.integers(1, n + 1)) for n in x.shape]
        shape[axis] = int(self.rng.integers(1, 6))
        if beside is not None:
            shape = [min(n, m) for n, m in zip(shape, beside.shape)]
        return self.rng.integers(0, x.shape[axis], shape)

    def with_nan(self, shape=None):
        """No NaN where any index is 0: so along any axes there is a number."""
        x = self.array(shape)
        inside = x[(slice(1, None),) * x.ndim]
        inside[self.rng.random(inside.shape) < 0.4] = np.nan
        return x


def simple(name, theirs=None, **limits):
    """A function of one array."""

    def draw(d):
        x = d.array(**limits)
        return [x], getattr(gg, name), getattr(torch, theirs or name)

    return draw


def pair(name, theirs=None, low=-2.0, high=2.0, second=None):
    """A function of two arrays that broadcast."""

    def draw(d):
        x = d.array(None, low, high)
        other = x.shape if d.flag() else tuple(n if d.flag() else 1 for n in x.shape)
        y = d.array(other, *(second or (low, high)))
        return [x, y], getattr(gg, name), getattr(torch, theirs or name)

    return draw


CASES = {
    name: simple(name)
    for name in "erf erfc square sinc deg2rad rad2deg exp2 nan_to_num reciprocal signbit".split()
}
CASES |= {
    name: pair(name)
    for name in "hypot logaddexp logaddexp2 fmax fmin copysign maximum minimum".split()
}
CASES |= {
    "rsqrt": simple("rsqrt", low=0.1),
    "logit": simple("logit", low=0.05, high=0.95),
    "xlogy": pair("xlogy", second=(0.1, 2.0)),
    "fmod": pair("fmod", second=(0.5, 2.0)),
    "remainder": pair("remainder", second=(0.5, 2.0)),
    "kron": pair("kron"),
}


def nextafter(d):
    x, y = d.array(), d.one_of(d.array(()), np.array(np.inf))
    return [x, y], gg.nextafter, lambda x, y: torch.nextafter(x.detach(), y.detach())


CASES["nextafter"] = nextafter


def case(function):
    CASES[function.__name__.rstrip("_")] = function
    return function


# Each gives the arrays that are differentiated, our call, and PyTorch's


@case
def sort(d):
    x = d.array()
    axis, descending, stable = d.axis(x), d.flag(), d.flag()
    ours = lambda x: gg.sort(x, axis=axis, descending=descending, stable=stable)
    return [x], ours, lambda x: torch.sort(x, axis, descending)[0]


@case
def argsort(d):
    x = d.rng.integers(0, 4, d.shape()).astype(float)
    axis, descending = d.axis(x), d.flag()
    ours = lambda x: gg.argsort(x, axis=axis, descending=descending)
    return [x], ours, lambda x: torch.argsort(x, dim=axis, descending=descending, stable=True)


@case
def topk(d):
    x = d.array()
    axis, largest = d.axis(x), d.flag()
    k = d.integer(0, x.shape[axis] + 1)
    sorted_ = d.flag()
    ours = lambda x: tuple(gg.topk(x, k, axis, largest, sorted_))
    return [x], ours, lambda x: tuple(torch.topk(x, k, axis, largest, True))


@case
def kthvalue(d):
    x = d.array()
    axis, keep = d.axis(x), d.flag()
    k = d.integer(1, x.shape[axis] + 1)
    ours = lambda x: tuple(gg.kthvalue(x, k, axis, keep))
    return [x], ours, lambda x: tuple(torch.kthvalue(x, k, axis, keep))


@case
def searchsorted(d):
    a = np.sort(d.rng.integers(0, 9, d.integer(0, 9))).astype(float)
    v = d.rng.integers(-1, 10, d.shape()).astype(float)
    side = d.one_of("left", "right")
    order = d.rng.permutation(a.size)
    shuffled, sorter = (a[order], np.argsort(order)) if d.flag() else (a, None)

    def ours(a, v):
        return gg.searchsorted(
            a, v, side=side, sorter=None if sorter is None else gg.Tensor(sorter)
        )

    def theirs(a, v):
        return torch.searchsorted(
            a, v, side=side, sorter=None if sorter is None else torch.tensor(sorter)
        )

    return [shuffled, v], ours, theirs


@case
def digitize(d):
    edges = np.sort(d.array((d.integer(1, 6),)))
    x, right = d.array(), d.flag()
    # PyTorch's `right` is the other way round, as its documentation says
    return (
        [x],
        lambda x: gg.digitize(x, gg.Tensor(edges), right),
        lambda x: torch.bucketize(x, torch.tensor(edges), right=not right),
    )


@case
def isin(d):
    x, y = d.rng.integers(0, 9, d.shape()), d.rng.integers(0, 9, d.shape())
    invert = d.flag()
    return (
        [x, y],
        lambda x, y: gg.isin(x, y, invert=invert),
        lambda x, y: torch.isin(x, y, invert=invert),
    )


@case
def cumsum(d):
    x = d.array()
    axis = d.axis(x)
    return [x], lambda x: gg.cumulative_sum(x, axis=axis), lambda x: torch.cumsum(x, axis)


@case
def cumprod(d):
    x = d.array()
    x[d.rng.random(x.shape) < 0.2] = 0
    axis = d.axis(x)
    return [x], lambda x: gg.cumulative_prod(x, axis=axis), lambda x: torch.cumprod(x, axis)


def running(name):
    def draw(d):
        x = d.rng.integers(0, 5, d.shape()).astype(float) if d.flag() else d.array()
        axis = d.axis(x)
        return (
            [x],
            lambda x: tuple(getattr(gg, name)(x, axis)),
            lambda x: tuple(getattr(torch, name)(x, axis)),
        )

    return draw


CASES |= {name: running(name) for name in ("cummax", "cummin")}


@case
def logcumsumexp(d):
    x = d.array(None, -50, 50)
    axis = d.axis(x)
    return [x], lambda x: gg.logcumsumexp(x, axis), lambda x: torch.logcumsumexp(x, axis)


@case
def diff(d):
    x = d.array()
    axis, n = d.axis(x), d.integer(0, 4)
    ends = [d.array(x.shape) if d.flag() else None for _ in range(2)]
    given = [e for e in ends if e is not None]

    def call(f, **kw):
        def run(x, *rest):
            rest = list(rest)
            kw["prepend"] = rest.pop(0) if ends[0] is not None else None
            kw["append"] = rest.pop(0) if ends[1] is not None else None
            return f(x, n=n, **kw)

        return run

    return [x, *given], call(gg.diff, axis=axis), call(torch.diff, dim=axis)


def reduction(name, theirs=None, nan=False, **fields):
    def draw(d):
        x = d.with_nan() if nan else d.array()
        axes, keep = d.axes(x), d.flag()
        chosen = {k: d.one_of(*v) for k, v in fields.items()}
        ours = lambda x: getattr(gg, name)(x, axis=axes, keepdims=keep, **chosen)
        return [x], ours, lambda x: getattr(torch, theirs or name)(x, axes, keepdim=keep, **chosen)

    return draw


CASES |= {
    "logsumexp": reduction("logsumexp"),
    "nansum": reduction("nansum", nan=True),
    "nanmean": reduction("nanmean", nan=True),
    "amax": reduction("amax"),
}


def spread(name):
    def draw(d):
        x = d.array(tuple(n + 3 for n in d.shape()))  # more elements than any correction
        axes, keep, correction = d.axes(x), d.flag(), d.one_of(0, 1, 2, 1.5)
        return (
            [x],
            lambda x: getattr(gg, name)(x, axis=axes, correction=correction, keepdims=keep),
            lambda x: getattr(torch, name)(x, axes, correction=correction, keepdim=keep),
        )

    return draw


CASES |= {name: spread(name) for name in ("std", "var")}


def quantile(name, nan):
    def draw(d):
        x = d.with_nan() if nan else d.array()
        axis = d.one_of(None, d.axis(x))
        keep, method = d.flag(), d.one_of("linear", "lower", "higher", "midpoint", "nearest")
        q = d.array((d.integer(1, 4),), 0, 1) if d.flag() else d.rng.uniform()
        return (
            [x],
            lambda x: getattr(gg, name)(x, q, axis=axis, method=method, keepdims=keep),
            lambda x: getattr(torch, name)(
                x, torch.as_tensor(q, dtype=torch.float64), axis, keep, interpolation=method
            ),
        )

    return draw


CASES |= {"quantile": quantile("quantile", False), "nanquantile": quantile("nanquantile", True)}


@case
def cov(d):
    x = d.array((d.integer(1, 5), d.integer(3, 6)))
    correction = d.one_of(0, 1, 2)
    return (
        [x],
        lambda x: gg.cov(x, correction=correction),
        lambda x: torch.cov(x, correction=correction).reshape(x.shape[:1] * 2),
    )


@case
def corrcoef(d):
    x = d.array((d.integer(2, 5), d.integer(3, 6)))
    weights = 1 - np.eye(x.shape[0])  # the diagonal is 1, where clipping stands
    return (
        [x],
        lambda x: gg.corrcoef(x) * gg.Tensor(weights),
        lambda x: torch.corrcoef(x) * torch.tensor(weights),
    )


@case
def heaviside(d):
    x = d.rng.integers(-1, 2, d.shape()).astype(float)
    y = d.array(x.shape)
    return (
        [y],
        lambda y: gg.heaviside(gg.Tensor(x), y),
        lambda y: torch.where(
            torch.tensor(x == 0), y, torch.heaviside(torch.tensor(x), torch.zeros(()).double())
        ),
    )


@case
def clip(d):
    x = d.array()
    low, high = d.array(x.shape, -2, 0), d.array(x.shape, 0, 2)
    if d.flag():
        return [x, low, high], gg.clip, torch.clamp
    if d.flag():
        return [x, low], gg.clip, torch.clamp
    return [x, high], lambda x, h: gg.clip(x, max=h), lambda x, h: torch.clamp(x, max=h)


@case
def lerp(d):
    x = d.array()
    return [x, d.array(x.shape), d.array(x.shape, 0, 1)], gg.lerp, torch.lerp


@case
def isclose(d):
    x = d.array()
    y = x + d.rng.uniform(-0.1, 0.1, x.shape)
    x[d.rng.random(x.shape) < 0.2] = d.one_of(np.nan, np.inf)
    y = np.where(np.isfinite(x), y, x)
    kw = {"rtol": d.one_of(0.0, 0.1), "atol": d.one_of(0.0, 0.05), "equal_nan": d.flag()}
    return [x, y], lambda x, y: gg.isclose(x, y, **kw), lambda x, y: torch.isclose(x, y, **kw)


@case
def tile(d):
    x = d.array()
    times = tuple(d.rng.integers(0, 4, d.integer(0, 4)).tolist())
    return [x], lambda x: gg.tile(x, times), lambda x: torch.tile(x, times)


@case
def repeat(d):
    x = d.array()
    axis = d.one_of(None, d.axis(x))
    n = x.size if axis is None else x.shape[axis]
    times = d.integer(0, 4) if d.flag() else d.rng.integers(0, 4, n)
    theirs = times if isinstance(times, int) else torch.tensor(times)
    return (
        [x],
        lambda x: gg.repeat(x, times, axis=axis),
        lambda x: torch.repeat_interleave(x, theirs, axis),
    )


@case
def roll(d):
    x = d.array()
    axes = d.axes(x)
    shift = tuple(d.rng.integers(-6, 7, len(axes)).tolist())
    return [x], lambda x: gg.roll(x, shift, axis=axes), lambda x: torch.roll(x, shift, axes)


@case
def rot90(d):
    x = d.array(d.shape(2, 3))
    k, axes = d.integer(-3, 6), tuple(d.rng.permutation(x.ndim)[:2].tolist())
    return [x], lambda x: gg.rot90(x, k, axes), lambda x: torch.rot90(x, k, axes)


def stacked(name):
    def draw(d):
        shape = d.shape()
        arrays = [d.array(shape) for _ in range(d.integer(1, 4))]
        ours, theirs = getattr(gg, name), getattr(torch, name)
        return arrays, lambda *xs: ours(xs), lambda *xs: theirs(xs)

    return draw


CASES |= {name: stacked(name) for name in "hstack vstack dstack column_stack".split()}


def at_least(name):
    def draw(d):
        arrays = [d.array(d.shape(0, 4)) for _ in range(d.integer(1, 4))]
        return arrays, getattr(gg, name), getattr(torch, name)

    return draw


CASES |= {name: at_least(name) for name in "atleast_1d atleast_2d atleast_3d".split()}


@case
def array_split(d):
    x = d.array()
    axis = d.axis(x)
    pieces = d.integer(1, 7) if d.flag() else np.sort(d.rng.integers(0, 7, 2)).tolist()
    return (
        [x],
        lambda x: gg.array_split(x, pieces, axis),
        lambda x: torch.tensor_split(x, pieces, axis),
    )


@case
def chunk(d):
    x = d.array()
    axis, n = d.axis(x), d.integer(1, 7)
    return [x], lambda x: gg.chunk(x, n, axis), lambda x: torch.chunk(x, n, axis)


@case
def diag(d):
    x, k = d.array(d.shape(1, 2)), d.integer(-4, 5)
    return [x], lambda x: gg.diag(x, k), lambda x: torch.diag(x, k)


@case
def diag_embed(d):
    x, k = d.array(), d.integer(-4, 5)
    return [x], lambda x: gg.diag_embed(x, k), lambda x: torch.diag_embed(x, k)


@case
def diagflat(d):
    x, k = d.array(), d.integer(-4, 5)
    return [x], lambda x: gg.diagflat(x, k), lambda x: torch.diagflat(x, k)


@case
def diagonal(d):
    x = d.array(d.shape(2, 4))
    k, (a, b) = d.integer(-4, 5), d.rng.permutation(x.ndim)[:2].tolist()
    return [x], lambda x: gg.diagonal(x, k, a, b), lambda x: torch.diagonal(x, k, a, b)


@case
def tril(d):
    x, k = d.array(d.shape(2, 3)), d.integer(-4, 5)
    both = lambda lib: lambda x: (lib.tril(x, **{key[lib]: k}), lib.triu(x, **{key[lib]: k}))
    key = {gg: "k", torch: "diagonal"}
    return [x], both(gg), both(torch)


@case
def trace(d):
    return [d.array(d.shape(2, 2))], gg.trace, torch.trace


@case
def inner(d):
    x = d.array()
    y = d.array((*d.shape(0, 2), x.shape[-1]))
    return [x, y], gg.inner, torch.inner


@case
def outer(d):
    return [d.array(d.shape(1, 1)), d.array(d.shape(1, 1))], gg.outer, torch.outer


@case
def cross(d):
    shape = list(d.shape())
    axis = d.integer(0, len(shape))
    shape[axis] = 3
    return (
        [d.array(shape), d.array(shape)],
        lambda x, y: gg.cross(x, y, axis=axis),
        lambda x, y: torch.linalg.cross(x, y, dim=axis),
    )


@case
def vander(d):
    x, n, up = d.array(d.shape(1, 1)), d.one_of(None, 0, 1, 4), d.flag()
    # PyTorch's own gradient fails: it writes to what that needs
    return [x], lambda x: gg.vander(x, n, up).detach(), lambda x: torch.vander(x.detach(), n, up)


@case
def trapezoid(d):
    y = d.array()
    axis = d.axis(y)
    if d.flag():
        return (
            [y],
            lambda y: gg.trapezoid(y, dx=0.3, axis=axis),
            lambda y: torch.trapezoid(y, dx=0.3, dim=axis),
        )
    x = d.array((y.shape[axis],)) if d.flag() else d.array(y.shape)
    return (
        [y, x],
        lambda y, x: gg.trapezoid(y, x, axis=axis),
        lambda y, x: torch.trapezoid(y, x, dim=axis),
    )


@case
def gradient(d):
    x = d.array(tuple(n + 1 for n in d.shape()))
    axis, h = d.axis(x), d.rng.uniform(0.5, 2)
    return (
        [x],
        lambda x: gg.gradient(x, h, axis=axis),
        lambda x: torch.gradient(x, spacing=h, dim=axis)[0],
    )


@case
def meshgrid(d):
    arrays, indexing = [d.array(d.shape(1, 1)) for _ in range(3)], d.one_of("xy", "ij")
    return (
        arrays,
        lambda *xs: tuple(gg.meshgrid(*xs, indexing=indexing)),
        lambda *xs: torch.meshgrid(*xs, indexing=indexing),
    )


@case
def bincount(d):
    x, least = d.rng.integers(0, 7, d.integer(1, 9)), d.integer(0, 9)
    if d.flag():
        return (
            [x],
            lambda x: gg.bincount(x, minlength=least),
            lambda x: torch.bincount(x, minlength=least),
        )
    w = d.array(x.shape)
    theirs = lambda: torch.bincount(torch.tensor(x), torch.tensor(w), least)
    return [], lambda: gg.bincount(gg.Tensor(x), gg.Tensor(w), least), theirs


@case
def histogram(d):
    x, w = d.array((20,)), d.array((20,), 0, 1)
    bins = d.integer(1, 8) if d.flag() else np.sort(d.array((4,)))
    span, weighted, density = d.one_of(None, (-1.0, 1.5)), d.flag(), d.flag()
    kw = {"range": span} if span and isinstance(bins, int) else {}

    def ours(x, w):
        edges = bins if isinstance(bins, int) else gg.Tensor(bins)
        return gg.histogram(x, edges, density=density, weights=w if weighted else None, **kw)

    def theirs(x, w):
        edges = bins if isinstance(bins, int) else torch.tensor(bins)
        with torch.no_grad():
            return tuple(
                torch.histogram(x, edges, density=density, weight=w if weighted else None, **kw)
            )

    return [x, w], lambda x, w: tuple(y.detach().astype(float) for y in ours(x, w)), theirs


@case
def one_hot(d):
    x = d.rng.integers(0, 5, d.shape())
    n = d.one_of(-1, 5, 7)
    return [x], lambda x: gg.one_hot(x, n), lambda x: torch.nn.functional.one_hot(x, n)


@case
def unique(d):
    x = d.rng.integers(0, 5, d.shape())
    ours = lambda x: gg.unique(x, return_inverse=True, return_counts=True)
    return [x], ours, lambda x: torch.unique(x, return_inverse=True, return_counts=True)


# Gather and scatter


def cut(f):
    """PyTorch takes a src longer than index, but fails to differentiate it."""
    return lambda x, axis, index, src: f(
        x, axis, index, src[tuple(map(slice, index.shape))] if torch.is_tensor(src) else src
    )


def both(d, f, g, x, axis, *rest):
    """The same call with index arrays of either library."""

    def with_index(lib, h):
        made = [lib(r) if isinstance(r, np.ndarray) and r.dtype.kind in "ib" else r for r in rest]
        floats = [r for r in rest if isinstance(r, np.ndarray) and r.dtype.kind == "f"]

        def run(x, *given):
            given = iter(given)
            return h(x, axis, *(next(given) if any(r is a for a in floats) else r for r in made))

        return run, floats

    ours, floats = with_index(gg.Tensor, f)
    return [x, *floats], ours, with_index(torch.tensor, g)[0]


@case
def gather(d):
    x = d.array()
    axis = d.axis(x)
    return both(d, gg.gather, torch.gather, x, axis, d.index(x, axis % x.ndim))


@case
def scatter(d):
    x = d.array()
    axis = d.axis(x) % x.ndim
    src = d.array(tuple(n + 2 for n in x.shape))
    # PyTorch leaves open which of several writes wins: so each goes to a place of its own
    index = d.index(x, axis, src)
    index = np.argsort(
        d.array((*index.shape[:axis], x.shape[axis], *index.shape[axis + 1 :])), axis
    )
    return both(d, gg.scatter, cut(torch.scatter), x, axis, index, src if d.flag() else 1.5)


@case
def scatter_add(d):
    x = d.array()
    axis = d.axis(x) % x.ndim
    src = d.array(tuple(n + 2 for n in x.shape))
    return both(d, gg.scatter_add, cut(torch.scatter_add), x, axis, d.index(x, axis, src), src)


@case
def index_select(d):
    x = d.array()
    axis = d.axis(x)
    return both(
        d, gg.index_select, torch.index_select, x, axis, d.rng.integers(0, x.shape[axis], 4)
    )


@case
def index_add(d):
    x = d.array()
    axis = d.axis(x) % x.ndim
    index, alpha = d.rng.integers(0, x.shape[axis], 4), d.one_of(1, 2.5)
    source = d.array((*x.shape[:axis], 4, *x.shape[axis + 1 :]))
    ours = lambda x, a, i, s: gg.index_add(x, a, i, s, alpha)
    return both(
        d, ours, lambda x, a, i, s: torch.index_add(x, a, i, s, alpha=alpha), x, axis, index, source
    )


@case
def index_copy(d):
    x = d.array()
    axis = d.axis(x) % x.ndim
    index = d.rng.permutation(x.shape[axis])[: d.integer(1, x.shape[axis] + 1)]
    source = d.array((*x.shape[:axis], index.size, *x.shape[axis + 1 :]))
    return both(d, gg.index_copy, torch.index_copy, x, axis, index, source)


@case
def index_fill(d):
    x = d.array()
    axis = d.axis(x)
    return both(
        d, gg.index_fill, torch.index_fill, x, axis, d.rng.integers(0, x.shape[axis], 2), -1.5
    )


@case
def take_along_axis(d):
    x = d.array()
    axis = d.axis(x)
    index = d.rng.integers(0, x.shape[axis], x.shape)
    ours = lambda x, a, i: gg.take_along_axis(x, i, axis=a)
    return both(d, ours, lambda x, a, i: torch.take_along_dim(x, i, a), x, axis, index)


@case
def masked(d):
    x = d.array()
    mask, source = d.rng.random(x.shape) < 0.5, d.array(x.shape)

    def run(lib, made):
        return lambda x, s: (
            lib.masked_fill(x, made, 2.5),
            lib.masked_select(x, made),
            lib.masked_scatter(x, made, s),
        )

    return [x, source], run(gg, gg.Tensor(mask)), run(torch, torch.tensor(mask))


def as_tuple(y):
    return tuple(y) if isinstance(y, (tuple, list)) else (y,)


def compared(got, want, what):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, (what, got.shape, want.shape)
    scale = 1 + np.abs(want[np.isfinite(want)]).max(initial=0) if want.dtype.kind == "f" else 0
    bound = gg.testing.tolerance(np.float64, max(1, got.size)) * scale
    np.testing.assert_allclose(got, want, rtol=0, atol=bound, err_msg=what)


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    differentiated = 0
    for seed in range(DRAWS):
        arrays, ours, theirs = CASES[name](Draw(seed))
        what = f"draw {seed}"
        floats = [a.dtype.kind == "f" for a in arrays]
        xs = [gg.Tensor(a, requires_grad=f) for a, f in zip(arrays, floats)]
        ts = [torch.tensor(a, requires_grad=f) for a, f in zip(arrays, floats)]
        got, want = as_tuple(ours(*xs)), as_tuple(theirs(*ts))
        assert len(got) == len(want), what
        for y, w in zip(got, want, strict=True):
            compared(y.detach().numpy(), w.detach().numpy(), what)
        pairs = [(y, w) for y, w in zip(got, want, strict=True) if w.requires_grad]
        if not pairs:
            continue
        differentiated += 1
        rng = np.random.default_rng(seed)
        gs = [rng.standard_normal(y.shape) for y, _ in pairs]
        leaves = [x for x in xs if x.requires_grad]
        found = gg.grad(
            [y for y, _ in pairs], leaves, [gg.Tensor(g) for g in gs], allow_unused=True
        )
        wanted = torch.autograd.grad(
            [w for _, w in pairs],
            [t for t in ts if t.requires_grad],
            [torch.tensor(g) for g in gs],
            allow_unused=True,
        )
        for leaf, g, w in zip(leaves, found, wanted, strict=True):
            zero = np.zeros(leaf.shape)
            compared(zero if g is None else g.numpy(), zero if w is None else w.numpy(), what)
    assert differentiated in (0, DRAWS) or differentiated > DRAWS // 4
