"""The compiled norms of groups, layers and instances against the reference."""

import numpy as np
import pytest

from gpugraph.ops.group_norm import GroupNorm, GroupNormGrad, RmsNorm
from gpugraph.testing import tolerance
from tests.cpu import channels_last, lib, narrow  # noqa: F401 (fixtures)

EPS = 1e-5
# rows shorter than a vector, not whole vectors, longer than a block; many rows for threads;
# short and long planes; more channels than positions, long periods; three axes
SHAPES = (
    ((3, 5), 1),
    ((37, 132), 1),
    ((2, 20011), 1),
    ((700, 64), 4),
    ((2, 6, 3, 5), 3),
    ((33, 24, 9, 8), 4),
    ((3, 4, 131, 33), 2),
    ((2, 700, 3), 7),
    ((5, 3, 17, 16), 3),
    ((2, 4, 3, 4, 6), 1),
)
LAYOUTS = {
    "planes": np.ascontiguousarray,
    "last": channels_last,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
}


def exact(x):
    return None if x is None else np.asarray(x, np.float64)


def check(lib, op, *arrays, terms=16):  # noqa: F811
    """Each output within rounding of the reference in float64."""
    got = op.cpu(lib, *arrays)
    want = op.forward(np, *map(exact, arrays))
    for g, w in zip(got, want, strict=True):
        assert type(g) is np.ndarray
        assert (g.shape, g.dtype) == (w.shape, arrays[0].dtype)
        bound = tolerance(g.dtype, terms) * float(np.abs(w).max() + 1)
        np.testing.assert_allclose(g, np.asarray(w, g.dtype), rtol=0, atol=bound)
    return got


def lies_as(y, x):
    """Do they lie alike, or did x lie with gaps and y in planes?"""
    last = np.moveaxis(x, 1, -1).flags.c_contiguous
    return np.moveaxis(y, 1, -1).flags.c_contiguous if last else y.flags.c_contiguous


@pytest.fixture(params=SHAPES, ids=str)
def case(request):
    """(shape, groups)"""
    return request.param


@pytest.fixture(params=LAYOUTS)
def draw(request):
    """Arrays of a shape, in a layout."""
    rng = np.random.default_rng(5)

    def drawn(shape, dtype, mean=0.0, layout=request.param):
        x = (mean + rng.standard_normal(shape)).astype(dtype)
        return LAYOUTS[layout](x) if len(shape) > 1 else x

    return drawn


def check_all(lib, case, draw, dtype):  # noqa: F811
    (shape, groups), C = case, case[0][1]
    x, gy = draw(shape, dtype, 3.0), draw(shape, dtype)
    weight, bias = draw((C,), dtype), draw((C,), dtype)
    var, mean = 0.5 + draw((len(x), groups), dtype) ** 2, draw((len(x), groups), dtype)
    var, mean = np.ascontiguousarray(var), np.ascontiguousarray(mean)
    y, _, _ = check(lib, GroupNorm(groups, EPS), x, weight, bias)
    assert lies_as(y, x)
    check(lib, GroupNorm(groups, EPS), x, None, bias)
    check(lib, GroupNorm(groups, EPS), x, weight, None)
    y, _ = check(lib, RmsNorm(groups, EPS), x, weight)
    assert lies_as(y, x)
    check(lib, RmsNorm(groups, EPS), x, None)
    grad, terms = GroupNormGrad(groups, EPS), x.size // C
    gx, _, _ = check(lib, grad, gy, x, var, mean, weight, terms=terms)
    assert lies_as(gx, x)
    other = draw(shape, dtype, layout="planes")  # another layout than x
    check(lib, grad, other, x, var, mean, None, terms=terms)
    check(lib, grad, gy, x, var, None, weight, terms=terms)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norms(lib, case, draw, dtype):  # noqa: F811
    check_all(lib, case, draw, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_narrower_vectors(narrow, case, draw, dtype):  # noqa: F811
    check_all(narrow, case, draw, dtype)


def test_the_bits_do_not_depend_on_the_threads(lib, case, draw):  # noqa: F811
    shape, groups = case
    x, gy, weight = draw(shape, "float32", 3.0), draw(shape, "float32"), draw(shape[1:2], "float32")

    def results():
        y, mean, var = GroupNorm(groups, EPS).cpu(lib, x, weight)
        return y, mean, var, *GroupNormGrad(groups, EPS).cpu(lib, gy, x, var, mean, weight)

    some, lib.threads = results(), 1
    for a, b in zip(some, results(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("far", [1e3, 1e4])
def test_the_variance_far_from_zero(lib, draw, far):  # noqa: F811
    """As accurate as two passes can be: what is left is the rounding of x and of the mean."""
    x = draw((4, 6, 40, 40), "float32", far)
    _, mean, var = GroupNorm(2, EPS).cpu(lib, x)
    rows = x.astype(np.float64).reshape(4, 2, -1)
    eps = np.finfo(np.float32).eps
    np.testing.assert_allclose(mean, rows.mean(2), rtol=eps)
    np.testing.assert_allclose(var, rows.var(2), rtol=1e-5, atol=(far * eps) ** 2)


def test_a_constant_row(lib, draw):  # noqa: F811
    x = draw((8, 4, 30, 30), "float32")
    x[3, 2:] = 0.1
    y, mean, var = GroupNorm(2, EPS).cpu(lib, x)
    assert mean[3, 1] == np.float32(0.1) and var[3, 1] == 0 and not y[3, 2:].any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(3, 4, 6, 7), (4, 18, 40, 31), (40, 34)], ids=str)
def test_nan_and_infinity_stay_in_their_row(lib, shape, draw, bad):  # noqa: F811
    x, gy, N = draw(shape, "float32"), draw(shape, "float32"), shape[0]
    x[1, 2], gy[2, 3] = bad, bad
    x[-1].flat[-1] = bad
    mean, var = np.ones((N, 2), "float32"), np.ones((N, 2), "float32")
    weight = np.ones(shape[1], "float32")
    for op, arrays in (
        (GroupNorm(2, EPS), (x, weight)),
        (RmsNorm(2, EPS), (x, weight)),
        (GroupNormGrad(2, EPS), (gy, x, var, mean, weight)),
        (GroupNormGrad(2, EPS), (gy, x, var, None, weight)),
    ):
        with np.errstate(invalid="ignore"):
            got, want = op.cpu(lib, *arrays), op.forward(np, *arrays)
        for g, w in zip(got, want, strict=True):
            for of in (np.isnan, np.isposinf, np.isneginf):
                np.testing.assert_array_equal(of(g), of(w), str(op))


def test_what_is_not_taken(lib):  # noqa: F811
    one, row = np.ones(4, "float32"), np.ones((2, 2), "float32")
    empty = np.zeros((2, 4, 0), "float32")
    assert GroupNorm(2, EPS).cpu(lib, empty, one, one) is None
    assert RmsNorm(2, EPS).cpu(lib, empty, one) is None
    assert GroupNormGrad(2, EPS).cpu(lib, empty, empty, row, row, one) is None
    mixed = np.ones((2, 4))
    assert GroupNorm(2, EPS).cpu(lib, mixed, one) is None
    assert RmsNorm(2, EPS).cpu(lib, mixed, one) is None
    assert GroupNormGrad(2, EPS).cpu(lib, mixed, mixed, row, row) is None
