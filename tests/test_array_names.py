"""Names and signatures: the Array API standard 2024.12, and methods that reach their functions."""

import inspect

import numpy as np
import pytest

import gpugraph as gg

# From the standard, by signature; annotations and results left out
STANDARD = {
    "(x, /)": """abs acos acosh asin asinh atan atanh bitwise_invert ceil cos cosh exp expm1 floor
        isfinite isinf isnan log log1p log2 log10 logical_not negative positive reciprocal round
        sign signbit sin sinh square sqrt tan tanh trunc nonzero unique_all unique_counts
        unique_inverse unique_values matrix_transpose""",
    "(x1, x2, /)": """add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift
        bitwise_xor copysign divide equal floor_divide greater greater_equal hypot less less_equal
        logaddexp logical_and logical_or logical_xor maximum minimum multiply nextafter not_equal
        pow remainder subtract matmul""",
    "(x, /, min=None, max=None)": "clip",
    "(x, /, *, axis=-1, descending=False, stable=True)": "sort argsort",
    "(x1, x2, /, *, side='left', sorter=None)": "searchsorted",
    "(condition, x1, x2, /)": "where",
    "(x, /, *, axis=None, keepdims=False)": "max min mean any all count_nonzero argmax argmin",
    "(x, /, *, axis=None, dtype=None, keepdims=False)": "sum prod",
    "(x, /, *, axis=None, correction=0.0, keepdims=False)": "std var",
    "(x, /, *, axis=None, dtype=None, include_initial=False)": "cumulative_sum cumulative_prod",
    "(x, /, *, axis=-1, n=1, prepend=None, append=None)": "diff",
    "(x, indices, /, *, axis=None)": "take",
    "(x, indices, /, *, axis=-1)": "take_along_axis",
    "(*arrays)": "broadcast_arrays",
    "(x, /, shape)": "broadcast_to",
    "(arrays, /, *, axis=0)": "concat stack",
    "(x, /, *, axis=0)": "unstack",
    "(x, /, axis=0)": "expand_dims",
    "(x, /, *, axis=None)": "flip",
    "(x, source, destination, /)": "moveaxis",
    "(x, /, axes)": "permute_dims",
    "(x, repeats, /, *, axis=None)": "repeat",
    "(x, /, shape, *, copy=None)": "reshape",
    "(x, /, shift, *, axis=None)": "roll",
    "(x, repetitions, /)": "tile",
    "(x, /, *, k=0)": "tril triu",
    "(*arrays, indexing='xy')": "meshgrid",
    "(x1, x2, /, *, axes=2)": "tensordot",
    "(x1, x2, /, *, axis=-1)": "vecdot",
}


@pytest.mark.parametrize("wanted", STANDARD)
def test_signatures_are_those_of_the_standard(wanted):
    for name in STANDARD[wanted].split():
        parameters = inspect.signature(getattr(gg, name)).parameters.values()
        bare = [p.replace(annotation=p.empty) for p in parameters]
        assert str(inspect.Signature(bare)) == wanted, name


X = np.array([[0.5, 2.0, -1.0], [0.25, 2.0, 3.0]])
INDEX = np.array([[0, 1, 0]])
METHODS = {  # arguments of the methods that need some; the others are called without
    "allclose": (X + 1e-9,),
    "chunk": (2,),
    "dot": (X.T,),
    "matmul": (X.T,),
    "expand": ((4, 2, 3),),
    "gather": (0, INDEX),
    "index_add": (0, [1], X[:1]),
    "index_select": (1, [0, 2]),
    "masked_fill": (X > 1, 0.0),
    "masked_select": (X > 1,),
    "maximum": (1.0,),
    "minimum": (1.0,),
    "moveaxis": (0, 1),
    "permute": ((1, 0),),
    "pow": (2.0,),
    "quantile": (0.3,),
    "repeat": (2,),
    "roll": (1,),
    "scatter": (0, INDEX, 9.0),
    "scatter_add": (0, INDEX, 9.0),
    "searchsorted": (X,),
    "take": ([3, 0],),
    "tile": ((2, 1),),
    "topk": (2,),
    "unsqueeze": (1,),
}


def methods():
    from gpugraph.core.array_methods import ArrayMethods

    return [n for n, f in vars(ArrayMethods).items() if inspect.isfunction(f)]


@pytest.mark.parametrize("name", methods())
def test_a_method_does_what_its_function_does(name):
    x = np.sort(X[0]) if name == "searchsorted" else np.abs(X)  # logarithms want it so
    arguments = METHODS.get(name, ())
    got = getattr(gg.Tensor(x), name)(*arguments)
    want = getattr(gg, name)(gg.Tensor(x), *arguments)
    assert type(got) is type(want)
    for y, w in zip(*((r if isinstance(r, tuple) else (r,)) for r in (got, want)), strict=True):
        np.testing.assert_array_equal(np.asarray(y), np.asarray(w))


def test_methods_take_the_keywords_of_their_functions():
    x = gg.Tensor(X)
    assert x.sort(axis=0, descending=True).tolist() == [[0.5, 2, 3], [0.25, 2, -1]]
    assert x.argsort(descending=True).tolist() == [[1, 0, 2], [2, 1, 0]]
    assert x.permute(1, 0).shape == (3, 2) and x.tile(3, 1).shape == (6, 3)
    assert x.quantile([0.0, 1.0], axis=1, method="lower", keepdims=True).shape == (2, 2, 1)
    assert x.expand(4, -1, -1).shape == (4, 2, 3)
    assert x.take([0], axis=1).tolist() == [[0.5], [0.25]]


def test_other_names_are_the_same_functions():
    for name, other in (("arctan2", "atan2"), ("power", "pow"), ("clamp", "clip")):
        assert getattr(gg, name) is getattr(gg, other)
    x = gg.Tensor(X)
    assert gg.concatenate([x, x], 1).shape == gg.cat([x, x], dim=1).shape == (2, 6)
    assert [y.shape for y in gg.unbind(x, 1)] == [(2,)] * 3
    assert gg.ravel(x).shape == (6,)


SECOND_NAMES = {
    "mul": "multiply", "sub": "subtract", "neg": "negative", "eq": "equal", "ne": "not_equal",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "around": "round",
    "conjugate": "conj", "clone": "copy", "movedim": "moveaxis", "swapdims": "swapaxes",
    "trapz": "trapezoid",
}  # fmt: skip


def test_second_names():
    for name, first in SECOND_NAMES.items():
        assert getattr(gg, name) is getattr(gg, first) and name in gg.__all__


def test_names_of_pytorch_and_numpy_with_arguments_of_their_own():
    rng = np.random.default_rng(0)
    a, b, v = rng.standard_normal((3, 4)), rng.standard_normal((4, 2)), rng.standard_normal(4)
    np.testing.assert_array_equal(gg.mm(a, b).numpy(), a @ b)
    np.testing.assert_array_equal(gg.bmm(a[None], b[None]).numpy(), (a @ b)[None])
    np.testing.assert_array_equal(gg.mv(a, v).numpy(), a @ v)
    np.testing.assert_array_equal(gg.t(a).numpy(), a.T)
    assert gg.t(v).shape == (4,) and gg.t(gg.ones(())).shape == ()
    c = a + 1j * b.T.reshape(2, 4).repeat(2, 0)[:3]
    np.testing.assert_allclose(gg.vdot(c, a).numpy(), np.vdot(c, a))
    np.testing.assert_array_equal(gg.frac(a).numpy(), np.modf(a)[0])
    np.testing.assert_array_equal(gg.clamp_min(a, 0.5).numpy(), np.maximum(a, 0.5))
    np.testing.assert_array_equal(gg.clamp_max(a, 0.5).numpy(), np.minimum(a, 0.5))
    for got, want in zip(gg.divmod(a, 0.3), np.divmod(a, 0.3), strict=True):
        np.testing.assert_allclose(got.numpy(), want, atol=1e-14)
    order = np.argsort(a, 1)
    np.testing.assert_array_equal(gg.take_along_dim(a, order, 1).numpy(), np.sort(a, 1))
    np.testing.assert_array_equal(gg.take_along_dim(a, order).numpy(), a.ravel()[order.ravel()])
    assert gg.numel(a) == 12 and gg.ndim(a) == 2 and gg.ndim(3.0) == 0
    assert gg.as_tensor([1, 2], np.float64, "cpu").dtype == np.float64
    x, y = np.array([7, -7, 6, -6, 2**62 + 1]), np.array([2, 2, -3, 4, -1])
    want = [int(abs(p) // abs(q)) * (1 if (p < 0) == (q < 0) else -1)
            for p, q in zip(x.tolist(), y.tolist())]  # fmt: skip
    assert gg.div(x, y, rounding_mode="trunc").tolist() == want
    assert gg.div(x, y, rounding_mode="floor").tolist() == (x // y).tolist()
    assert gg.div(x[:2], 2).tolist() == [3.5, -3.5]
    assert gg.div(np.array([-3.5]), 2.0, rounding_mode="trunc").tolist() == [-1.0]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: gg.mm(X, X[0]), gg.ShapeError, "mm: x2 (3,) must have 2 axes; matmul takes"),
        (lambda: gg.bmm(X, X.T), gg.ShapeError, "bmm: x1 (2, 3) must have 3 axes"),
        (lambda: gg.mv(X, X), gg.ShapeError, "mv: x2 (2, 3) must have 1 axes"),
        (lambda: gg.t(X[None]), gg.ShapeError, "t: x (1, 2, 3) has 3 axes; matrix_transpose"),
        (lambda: gg.div(X, X, rounding_mode="up"), gg.ArgumentError, "rounding_mode='up' must be"),
    ],
)
def test_mistakes_with_second_names(call, error, text):
    with pytest.raises(error) as found:
        call()
    assert text in str(found.value)
