"""The compiled batch norms, biases and sums over channels against the reference."""

import numpy as np
import pytest

from gpugraph.ops import channels_cpu
from gpugraph.ops.activation import Elu, LeakyRelu, Relu, Sigmoid
from gpugraph.ops.angles import Tanh
from gpugraph.ops.bias_act import AddBias, BiasAct, ChannelSum
from gpugraph.ops.norm import BatchNormEval, BatchNormInput, BatchNormParams
from gpugraph.ops.norm_functions import BatchNorm, BatchNormAct
from gpugraph.testing import tolerance
from tests.cpu import channels_last, lib, narrow  # noqa: F401 (fixtures)

EPS = 1e-5
# less than a vector, not whole vectors, more pixels than a block, planes longer than a block,
# enough work for threads in some small blocks, a long period
SHAPES = (
    (2, 1, 4, 3),
    (300, 33),
    (4, 6, 41, 43),
    (2, 2, 131, 137),
    (33, 24, 8, 8),
    (1, 700, 50),
    (2, 5, 3, 4, 6),
)
LAYOUTS = {"planes": np.ascontiguousarray, "last": channels_last}


def strided(x):
    """The same numbers with gaps between them."""
    return np.repeat(x, 2, axis=-1)[..., ::2]


LAYOUTS["strided"] = strided


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Take what NumPy is as fast at, too."""
    monkeypatch.setattr(channels_cpu, "SMALL", 0)


def exact(x):
    return None if x is None else np.asarray(x, np.float64)


def check(lib, op, *arrays, terms=1):  # noqa: F811
    """Each output within rounding of the reference in float64."""
    got = op.cpu(lib, *arrays)
    want = op.forward(np, *map(exact, arrays))
    several = isinstance(want, tuple)
    for g, w in zip(got if several else (got,), want if several else (want,), strict=True):
        assert type(g) is np.ndarray
        assert (g.shape, g.dtype) == (w.shape, arrays[0].dtype)
        scale = np.abs(w).max() + 1
        bound = tolerance(g.dtype, terms) * float(scale)
        np.testing.assert_allclose(g, np.asarray(w, g.dtype), rtol=0, atol=bound)
    return got


def lies_as(y, x):
    """Do they lie alike, or did x lie with gaps and y in planes?"""
    last = np.moveaxis(x, 1, -1).flags.c_contiguous
    return np.moveaxis(y, 1, -1).flags.c_contiguous if last else y.flags.c_contiguous


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=LAYOUTS)
def draw(request):
    """Arrays of a shape, in a layout."""
    rng = np.random.default_rng(5)

    def drawn(shape, dtype, mean=0.0):
        x = (mean + rng.standard_normal(shape)).astype(dtype)
        return LAYOUTS[request.param](x) if len(shape) > 1 else x

    return drawn


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_norm(lib, shape, draw, dtype):  # noqa: F811
    x, C = draw(shape, dtype, 3.0), shape[1]
    n = x.size // C
    weight, bias, mean = (draw((C,), dtype) for _ in range(3))
    var = 0.5 + draw((C,), dtype) ** 2
    y, _, _ = check(lib, BatchNorm(EPS), x, weight, bias, terms=16)
    assert lies_as(y, x)
    check(lib, BatchNorm(EPS), x, None, bias, terms=16)
    check(lib, BatchNorm(EPS), x, weight, None, terms=16)
    for given in ((mean, weight, bias), (None, weight, None), (mean, None, bias)):
        y = check(lib, BatchNormEval(EPS), x, var, *given, terms=16)
        assert lies_as(y, x)
    gy, residual = draw(shape, dtype), np.ascontiguousarray(draw(shape, dtype))
    for act in (None, Relu(), LeakyRelu(0.1)):
        check(lib, BatchNormAct(EPS, act), x, var, mean, weight, bias, residual, terms=16)
        check(lib, BatchNormAct(EPS, act), x, var, mean, weight, bias, None, terms=16)
    assert BatchNormAct(EPS, Tanh()).cpu(lib, x, var, mean, weight, bias, residual) is None
    check(lib, BatchNormParams(EPS), gy, x, var, mean, terms=n)
    check(lib, BatchNormParams(EPS), np.ascontiguousarray(gy), x, var, None, terms=4 * n)
    sums = draw((C,), dtype), draw((C,), dtype)
    gx = check(lib, BatchNormInput(EPS), gy, x, var, mean, *sums, weight, terms=16)
    assert lies_as(gx, x)
    check(lib, BatchNormInput(EPS), gy, x, var, mean, *sums, None, terms=16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bias_act(lib, shape, draw, dtype):  # noqa: F811
    x, b = draw(shape, dtype), draw(shape[1:2], dtype)
    assert lies_as(check(lib, AddBias(), x, b), x)
    for act in (Relu(), LeakyRelu(0.1)):
        assert lies_as(check(lib, BiasAct(act), x, b), x)
        check(lib, BiasAct(act), x)
    for act in (Elu(), Sigmoid(), Tanh()):
        assert BiasAct(act).cpu(lib, x, b) is None
    check(lib, ChannelSum(), x, terms=x.size // shape[1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bits_do_not_depend_on_the_threads(lib, shape, draw, dtype):  # noqa: F811
    x, gy, C = draw(shape, dtype, 3.0), draw(shape, dtype), shape[1]
    mean, var = draw((C,), dtype), np.ones(C, dtype)

    def results():
        params = BatchNormParams(EPS).cpu(lib, gy, x, var, mean)
        return *BatchNorm(EPS).cpu(lib, x), *params, ChannelSum().cpu(lib, x)

    some, lib.threads = results(), 1
    for a, b in zip(some, results(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_narrower_vectors(narrow, shape, draw, dtype):  # noqa: F811
    x, gy, C = draw(shape, dtype, 3.0), draw(shape, dtype), shape[1]
    weight, mean, var = draw((C,), dtype), draw((C,), dtype), np.ones(C, dtype)
    check(narrow, BatchNorm(EPS), x, weight, None, terms=16)
    check(narrow, BatchNormAct(EPS, Relu()), x, var, mean, weight, None, gy, terms=16)
    check(narrow, BatchNormParams(EPS), gy, x, var, mean, terms=x.size // C)
    check(narrow, BatchNormInput(EPS), gy, x, var, mean, mean, mean, weight, terms=16)


@pytest.mark.parametrize("far", [1e3, 1e4])
def test_the_variance_far_from_zero(lib, draw, far):  # noqa: F811
    """As accurate as two passes can be: what is left is the rounding of x itself."""
    x = draw((8, 5, 40, 40), "float32", far)
    _, mean, var = BatchNorm(EPS).cpu(lib, x)
    axes, exact_x = (0, 2, 3), x.astype(np.float64)
    np.testing.assert_allclose(mean, exact_x.mean(axes), rtol=2 * np.finfo(np.float32).eps)
    np.testing.assert_allclose(var, exact_x.var(axes), rtol=1e-5)


def test_a_constant_channel(lib, draw):  # noqa: F811
    x = draw((8, 3, 30, 30), "float32")
    x[:, 1] = 0.1
    y, mean, var = BatchNorm(EPS).cpu(lib, x)
    assert mean[1] == np.float32(0.1) and var[1] == 0 and not y[:, 1].any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(3, 5, 6, 7), (4, 17, 40, 31)], ids=str)
def test_nan_and_infinity_stay_in_their_channel(lib, shape, draw, bad):  # noqa: F811
    x, gy, C = draw(shape, "float32"), draw(shape, "float32"), shape[1]
    x[1, 2, 3, 5] = gy[2, 3, 1, -1] = x[-1, -1, -1, -1] = bad
    mean, var, sums = np.ones(C, "float32"), np.ones(C, "float32"), np.ones(C, "float32")
    calls = (
        (BatchNorm(EPS), (x,)),
        (BatchNormEval(EPS), (x, var, mean)),
        (BatchNormAct(EPS, Relu()), (x, var, mean, None, None, gy)),
        (BatchNormAct(EPS, LeakyRelu(0.1)), (x, var, mean)),
        (BatchNormParams(EPS), (gy, x, var, mean)),
        (BatchNormInput(EPS), (gy, x, var, mean, sums, sums)),
        (BiasAct(Relu()), (x, mean)),
        (BiasAct(LeakyRelu(0.1)), (x, mean)),
        (ChannelSum(), (x,)),
    )
    for op, arrays in calls:
        with np.errstate(invalid="ignore"):
            got, want = op.cpu(lib, *arrays), op.forward(np, *arrays)
        for g, w in zip(*(v if isinstance(v, tuple) else (v,) for v in (got, want)), strict=True):
            for of in (np.isnan, np.isposinf, np.isneginf):
                np.testing.assert_array_equal(of(g), of(w), str(op))


def test_kinks(lib):  # noqa: F811
    x = np.array([[-0.0], [0.0], [1.0], [-1.0]])
    assert list(BiasAct(Relu()).cpu(lib, x).ravel()) == [0, 0, 1, 0]


def test_what_is_not_taken(lib, monkeypatch):  # noqa: F811
    one = np.ones(3, "float32")
    for empty in (np.zeros((0, 3, 2), "float32"), np.zeros((2, 3, 0), "float32")):
        assert BatchNorm(EPS).cpu(lib, empty, one, one) is None
        assert BatchNormEval(EPS).cpu(lib, empty, one) is None
        assert BatchNormParams(EPS).cpu(lib, empty, empty, one) is None
        assert BatchNormInput(EPS).cpu(lib, empty, empty, one, one, one, one) is None
        assert ChannelSum().cpu(lib, empty) is None
    mixed = np.ones((2, 3)), one
    assert BiasAct(Relu()).cpu(lib, *mixed) is None
    assert BatchNorm(EPS).cpu(lib, mixed[0], one, one) is None
    monkeypatch.undo()  # by default, little work is left to NumPy
    x = np.ones((4, 3), "float32")
    assert BiasAct(Relu()).cpu(lib, x, one) is None and ChannelSum().cpu(lib, x) is None
