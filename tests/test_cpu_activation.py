"""The compiled activations and their gradients against the reference: the very numbers where they
are straight, and what NumPy gives in float64, or exact decimals, where they are bent."""

import re
from decimal import localcontext

import numpy as np
import pytest

from gpugraph.cpu import compiler
from gpugraph.cpu.layout import is_dense
from gpugraph.ops import special
from gpugraph.ops.activation import Elu, LeakyRelu, Relu, Relu6, Sigmoid
from gpugraph.ops.angles import Tanh
from gpugraph.ops.fused import ActivationGrad
from gpugraph.ops.input_activation import (
    Gelu,
    GeluTanh,
    Hardswish,
    InputActivationGrad,
    Mish,
    Silu,
    Softplus,
)
from gpugraph.ops.special import ERF, ERFC
from gpugraph.testing import tolerance
from tests.cpu import channels_last, compiled, lib, narrow  # noqa: F401 (fixtures)
from tests.oracles.input_activation import SCALAR
from tests.test_special import exact, points, ulps

BENT = [Silu(), Gelu(), GeluTanh(), Mish(), Softplus(), Softplus(-0.5, 2.0), Hardswish()]
STRAIGHT = [Relu(), Relu6(), LeakyRelu(), LeakyRelu(3.0), LeakyRelu(0.0)]
SHAPES = [(9000,), (8193, 1), (3, 33, 9, 11), (4, 40_001), (7, 16, 30, 51)]


def drawn(rng, shape, dtype):
    """Numbers around the kinks, on them, and the special ones."""
    x = rng.uniform(-9, 9, shape)
    at = rng.random(shape) < 0.2
    x[at] = rng.choice([0.0, -0.0, 6.0, np.nan, np.inf, -np.inf, 5e-324], at.sum())
    return x.astype(dtype)


def lying(x, how):
    if how == "channels last" and x.ndim > 2:
        return channels_last(x)
    return np.asfortranarray(x) if how == "reversed" else x


@pytest.mark.parametrize("how", ["as it is", "channels last", "reversed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_straight_activations(lib, shape, dtype, how):  # noqa: F811
    rng = np.random.default_rng(len(shape))
    x, g = lying(drawn(rng, shape, dtype), how), drawn(rng, shape, dtype)
    with np.errstate(invalid="ignore"):
        for act in STRAIGHT:
            y = act.cpu(lib, x)
            assert y.strides == np.empty_like(x).strides
            same(y, act.forward(np, x))
            for order in (np.asarray, lambda g: lying(g, how)):  # g may lie otherwise
                grad = ActivationGrad(act)
                same(grad.cpu(lib, order(g), y), grad.forward(np, g, y))


def same(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_to_two_ulp(lib, dtype):  # noqa: F811
    rng = np.random.default_rng(8)
    ends = [rng.uniform(-d, d, 20_000) for d in (1e-6, 1, 20, 120, 800)]
    x = np.concatenate([*ends, [0.0, -0.0, 1e300, -1e300, np.inf, -np.inf, np.nan]])
    with np.errstate(over="ignore"):
        x = x.astype(dtype)
    y = Sigmoid().cpu(lib, x)
    e = np.exp(-np.abs(x.astype(np.longdouble)))
    exact = np.where(x < 0, e, 1) / (1 + e)
    off = np.abs(y - exact) / np.spacing(np.maximum(exact, np.finfo(dtype).tiny).astype(dtype))
    assert np.isnan(y[-1]) and np.isnan(off[-1]) and off[:-1].max() <= 2


@pytest.mark.parametrize("act", [Elu(0.3), Sigmoid(), Tanh()], ids=lambda act: act.label)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_bent_activations(lib, act, dtype):  # noqa: F811
    rng = np.random.default_rng(5)
    g = rng.standard_normal((3, 33, 9, 11)).astype(dtype)
    y = act.forward(np, channels_last(rng.standard_normal(g.shape).astype(dtype)))
    grad = ActivationGrad(act)
    got, want = grad.cpu(lib, g, y), grad.forward(np, g, y)
    assert got.dtype == want.dtype and got.strides == y.strides
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance(dtype, 3) * np.abs(g).max())


@pytest.mark.parametrize("how", ["as it is", "channels last"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("act", BENT, ids=str)
def test_activations_that_keep_their_input(lib, act, dtype, how):  # noqa: F811
    """Against scalar formulas of Python; a few roundings, of what is added up."""
    rng = np.random.default_rng(7)
    shape = (3, 13, 5, 7)
    x = np.sort(rng.uniform(-12, 12, shape), axis=None).reshape(shape)
    x[0, 0, 0, :6] = [0.0, -0.0, 1e-30, 3.0, -3.0, 4.0]
    x = lying(x.astype(dtype), how)
    g = rng.standard_normal(shape).astype(dtype)
    y, gx = act.cpu(lib, x), InputActivationGrad(act).cpu(lib, g, x)
    assert y.dtype == gx.dtype == dtype and y.strides == gx.strides == x.strides
    want = np.vectorize(lambda v: SCALAR[act.label](act, v), otypes="dd")(x.astype(float))
    bound = tolerance(dtype, 4)
    np.testing.assert_allclose(y, want[0], rtol=bound, atol=bound / 8)
    np.testing.assert_allclose(gx, want[1] * g, rtol=0, atol=4 * bound * np.abs(g).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("act", [*BENT, Elu(0.7)], ids=str)
def test_far_out_and_special_values(lib, act, dtype):  # noqa: F811
    """The left keeps its digits; both ends, infinities and NaN are as the reference has them."""
    end = float(np.finfo(dtype).max) / 8
    odd = [-end, -1e15, -800.0, -100.0, -30.0, -13.3, 0.0, 1e15, end, np.inf, -np.inf, np.nan]
    x = np.array(odd * 43, dtype)
    with np.errstate(invalid="ignore"):
        want = act.forward(np, x.astype("float64"))
        got = act.cpu(lib, x)
        np.testing.assert_allclose(
            got, want.astype(dtype), rtol=900 * tolerance(dtype), atol=120 * np.finfo(dtype).tiny
        )
        if not isinstance(act, Elu):
            grad = InputActivationGrad(act)
            g = np.ones_like(x)
            want = grad.forward(np, g, x)
            at = np.isfinite(x)
            np.testing.assert_allclose(
                grad.cpu(lib, g, x)[at], want[at], rtol=0, atol=4 * tolerance(dtype)
            )
            assert np.isnan(grad.cpu(lib, g, x)[11])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_elu_to_three_ulp(lib, dtype):  # noqa: F811
    rng = np.random.default_rng(8)
    x = np.concatenate([rng.uniform(-d, d, 5_000) for d in (1e-6, 1, 20, 800)]).astype(dtype)
    y = Elu(0.7).cpu(lib, x)
    exactly = np.where(x > 0, x, dtype_of(x)(0.7) * np.expm1(x.astype(np.longdouble)))
    assert (np.abs(y - exactly) <= 3 * np.spacing(np.abs(exactly).astype(dtype))).all()


def dtype_of(x):
    return x.dtype.type


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_erf_and_erfc_within_2_ulp(narrow, dtype):  # noqa: F811
    """Against a series in exact decimals, and what NumPy's rule gives in float64."""
    few = points(dtype)
    xs = np.concatenate([few, np.zeros(300, dtype)])
    got = ERF.cpu(narrow, xs), ERFC.cpu(narrow, xs)
    with localcontext() as context:
        context.prec = 100
        for x, *ys in zip(few, *(y[: few.size] for y in got), strict=True):
            assert max(map(ulps, ys, exact(x))) <= 2, x
    # 2.1 where products and sums are not fused; in float64 both are off, each by 2
    end, bound = (10, 2.1) if dtype == "float32" else (26.5, 4)
    many = np.linspace(-4, end, 100_001).astype(dtype)
    for op in (ERF, ERFC):
        want = op.forward(np, many.astype("float64"))
        unit = np.spacing(np.abs(want).astype(dtype)).astype("float64")
        assert (np.abs(op.cpu(narrow, many) - want) <= bound * unit).all()
    odd = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e30, -1e30, 28.0, -28.0] * 30
    odd = np.array(odd, dtype)
    for op in (ERF, ERFC):
        same(op.cpu(narrow, odd), op.forward(np, odd))
    assert np.signbit(ERF.cpu(narrow, odd)[1])


def test_the_tables_of_erf_are_those_of_special():
    text = (compiler.SOURCES / "erf.h").read_text()
    first = re.findall(r"#define FAR_0 (\S+)", text)
    tables = re.findall(r"\[\] = \{(.*?)\};", text, re.DOTALL)
    names = [f"{name}_FLOAT{n}" for n in (32, 64) for name in ("NEAR", "FAR", "TAIL")]
    for i, (name, table) in enumerate(zip(names, tables, strict=True)):
        numbers = table.replace("FAR_0", first[i // 3]).replace("\n", " ").split(",")
        assert tuple(map(float, numbers)) == getattr(special, name)


def test_a_gradient_that_is_repeated(lib):  # noqa: F811
    """What the mean of each channel sends back: one number for a whole plane."""
    rng = np.random.default_rng(6)
    y = Relu().forward(np, channels_last(rng.standard_normal((6, 20, 9, 9))))
    g = np.broadcast_to(rng.standard_normal((6, 20, 1, 1)), y.shape)
    before, grad = g.copy(), ActivationGrad(Relu())
    same(grad.cpu(lib, g, y), grad.forward(np, g, y))
    same(g, before)


def test_what_is_left_to_numpy():
    if compiler.why_not():
        pytest.skip("needs a C compiler")
    made, x = compiled(), np.ones((300, 300), np.float32)
    assert Relu().cpu(made, x[:, ::2]) is None
    assert Relu().cpu(made, x.astype(np.int32)) is None
    assert Relu().cpu(made, x.astype(np.float16)) is None
    assert Relu().cpu(made, x[:2, :2]) is None
    assert Gelu().cpu(made, x[0, :200]) is None and Gelu().cpu(made, x[0]) is not None
    assert ERF.cpu(made, x[:, ::2]) is None and ERF.cpu(made, x.astype(np.int64)) is None
    assert ActivationGrad(Relu()).cpu(made, x[:, ::2], x[:, ::2]) is None


def test_which_arrays_are_dense():
    x = np.zeros((2, 3, 4, 5))
    assert is_dense(channels_last(x)) and is_dense(x.T)
    assert is_dense(x.transpose(1, 3, 0, 2)[:, :, None])
    assert is_dense(np.zeros((0, 3))) and is_dense(np.zeros(()))
    assert not is_dense(x[:, :2]) and not is_dense(x[..., ::-1])
    assert not is_dense(np.broadcast_to(x[:1], x.shape))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_narrower_vectors(narrow, dtype):  # noqa: F811
    test_straight_activations(narrow, (3, 33, 9, 11), dtype, "channels last")
    test_sigmoid_to_two_ulp(narrow, dtype)
