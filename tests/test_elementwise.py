"""Arithmetic, functions, casts, comparisons and choices: what the sweep over all ops can't see."""

import ml_dtypes
import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.backend import MetaArray

bfloat16 = np.dtype(ml_dtypes.bfloat16)


def leaf(*values, dtype=np.float64):
    return gg.Tensor(np.array(values, dtype), requires_grad=True)


def gradient(y, x, g=None):
    (gx,) = gg.grad(y.sum() if g is None else y, x, g)
    return gx.numpy().tolist()


# Numbers beside tensors are weak


@pytest.mark.parametrize(
    "dtype, number, expected",
    [
        (np.float32, 2.5, np.float32),
        (np.float32, 2, np.float32),
        (np.float32, True, np.float32),
        (np.float32, np.float64(2), np.float32),
        (np.float32, np.int64(2), np.float32),
        (np.float16, 2.5, np.float16),
        (bfloat16, 2.5, bfloat16),
        (bfloat16, np.float32(2), bfloat16),
        (np.int64, 2.0, np.float64),
        (np.int32, 2, np.int32),
        (np.uint8, 255, np.uint8),
        (bool, True, bool),
        (np.float32, 1j, np.complex64),
    ],
)
def test_weak_numbers(dtype, number, expected):
    x = gg.Tensor(np.ones(3, dtype))
    for y in (x + number, number + x, gg.multiply(x, number), gg.maximum(number, x)):
        assert y.dtype == expected


def test_a_number_that_does_not_fit():
    with pytest.raises(gg.DtypeError, match=r"^add: x2=300 does not fit into uint8$"):
        gg.Tensor(np.ones(3, np.uint8)) + 300


def test_arrays_promote_as_in_numpy():
    a, b = np.ones(2, np.float32), np.ones(2, np.int32)
    assert (gg.Tensor(a) + gg.Tensor(b)).dtype == np.float64
    assert (gg.Tensor(a) + b.astype(np.int16)).dtype == np.float32
    assert gg.exp(gg.Tensor(np.ones(2, np.int8))).dtype == np.float16
    assert (gg.Tensor(b) / gg.Tensor(b)).dtype == np.float64


def test_gradients_come_in_the_dtype_of_their_input():
    x = leaf(1, 2, dtype=np.float32)
    w = leaf(3, 4, dtype=np.float64)
    gx, gw = gg.grad((x * w).sum(), [x, w])
    assert (gx.dtype, gw.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("dtype", [np.float16, bfloat16])
def test_half_precision_stays(dtype):
    x = leaf(0.5, 1.5, dtype=dtype)
    y = gg.where(gg.tanh(x) * 2 > 1, x**2, gg.exp(x) / 3)
    y = gg.clip(gg.minimum(y, 2.0), -1, 1)
    (gx,) = gg.grad(y.sum(), x)
    assert y.dtype == gx.dtype == dtype
    meta = gg.Tensor(MetaArray((2,), dtype))
    assert (meta**2.5).dtype == gg.log(meta).dtype == gg.clip(meta, 0, 1).dtype == dtype


# Power


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 2.0, np.int64(2)])
def test_powers_at_zero_have_no_nan(exponent):
    x = leaf(0.0, 1.0)
    y = x**exponent
    for _ in range(4):
        assert np.isfinite(y.numpy()).all()
        if not y.requires_grad:
            break
        (y,) = gg.grad(y.sum(), x, create_graph=True, allow_unused=True)


def test_derivatives_of_the_square():
    x = leaf(0.0, -3.0)
    (g1,) = gg.grad((x**2).sum(), x, create_graph=True)
    (g2,) = gg.grad(g1.sum(), x, create_graph=True)
    (g3,) = gg.grad(g2.sum(), x)
    assert [g.numpy().tolist() for g in (g1, g2, g3)] == [[0, -6], [2, 2], [0, 0]]


def test_tensor_powers_at_zero():
    x, p = leaf(0.0, 0.0, 0.0), leaf(0.0, 1.0, 2.0)
    gx, gp = gg.grad((x**p).sum(), [x, p], create_graph=True)
    assert gx.numpy().tolist() == [0, 1, 0]
    assert gp.numpy().tolist() == [0, 0, 0]
    (gxx,) = gg.grad(gx.sum(), x)
    assert gxx.numpy().tolist() == [0, 0, 2]


def test_mixed_derivative_at_exponent_zero():
    x, p = leaf(2.0), leaf(0.0)
    (gx,) = gg.grad((x**p).sum(), x, create_graph=True)
    assert gradient(gx, p) == [0.5]  # d/dp of p x^(p - 1)


def test_negative_base_with_a_tensor_exponent():
    x, p = leaf(-2.0), gg.Tensor(np.array([3.0]))
    assert gradient(x**p, x) == [12.0]
    p = leaf(3.0)
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(gradient(x**p, p)).all()


def test_powers_keep_dtypes():
    assert (gg.Tensor(np.arange(3)) ** 2).dtype == np.int64
    assert (gg.Tensor(np.arange(3)) ** 2.0).dtype == np.float64
    assert (2 ** gg.Tensor(np.ones(3, np.float32))).dtype == np.float32
    assert gg.pow(2.0, 3.0).item() == 8
    with pytest.raises(gg.ArgumentError, match="^pow: x2 has negative exponents"):
        gg.Tensor(np.arange(3)) ** -1


# Kinks, steps, infinite slopes


def test_sqrt_at_zero():
    x = leaf(0.0, 4.0)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert gradient(gg.sqrt(x), x) == [np.inf, 0.25]


def test_numpy_warnings_stay():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert gg.log(gg.Tensor(np.zeros(1))).item() == -np.inf


@pytest.mark.parametrize("f", [gg.floor, gg.ceil, gg.trunc, gg.round, gg.sign, gg.isnan])
def test_steps_carry_no_gradient(f):
    y = f(leaf(-1.5, 0.5, 2.5))
    assert not y.requires_grad
    assert not (leaf(3.0) // leaf(2.0)).requires_grad
    assert not (leaf(3.0) < leaf(2.0)).requires_grad


def test_rounding_keeps_integers():
    x = np.arange(-2, 3)
    for f in (gg.floor, gg.ceil, gg.trunc, gg.round):
        y = f(gg.Tensor(x))
        assert y.dtype == x.dtype
        assert not np.shares_memory(y.array, x)
    assert gg.round(gg.Tensor(np.array([0.5, 1.5, -2.5]))).tolist() == [0, 2, -2]


def test_remainder_has_the_sign_of_the_divisor():
    assert (gg.Tensor(np.array([5.0, -5.0])) % 3).tolist() == [2, 1]


# Choices


def test_where_stops_nan_of_the_other_branch():
    x = leaf(0.0, 4.0)
    y = gg.where(x > 1, gg.log(x + (x == 0)), 0.0)
    assert gradient(y, x) == [0, 0.25]
    z = gg.where(x > 1, x, 5.0)
    assert gradient(z, x, np.array([np.nan, 1.0])) == [0, 1]


def test_where_of_two_numbers_is_float32():
    mask = gg.Tensor(np.array([True, False]))
    y = gg.where(mask, 1.0, 2)
    assert (y.tolist(), y.dtype) == ([1, 2], np.float32)
    assert gg.where(gg.Tensor(np.array([3, 0])), 1, 0).dtype == np.int64


def test_a_float_condition_means_not_zero():
    x = gg.Tensor(np.array([0.0, -2.0, np.nan]))
    assert gg.where(x, 1, 0).tolist() == [0, 1, 1]


def test_clip_of_nothing_is_a_copy():
    x = leaf(1.0, 5.0)
    y = gg.clip(x)
    assert not np.shares_memory(x.array, y.array)
    assert gradient(y, x) == [1, 1]


def test_clip_at_its_bounds():
    x = leaf(-1.0, 0.0, 0.5, 1.0, 2.0)
    assert gradient(x.clip(0, 1), x) == [0, 1, 1, 1, 0]
    low = leaf(0.0)
    assert gradient(gg.clip(x, low, 1), low) == [1]


# Casts and moves


def test_casts():
    x = leaf(1.5, -2.5, dtype=np.float32)
    assert x.astype(np.float32, copy=False) is x
    assert x.astype(np.float32) is not x
    y = x.astype(gg.float64)
    assert (y.dtype, y.requires_grad) == (np.float64, True)
    gx = gg.grad((y * y).sum(), x)[0]
    assert (gx.dtype, gx.tolist()) == (np.float32, [3, -5])
    whole = x.astype(int)
    assert (whole.tolist(), whole.requires_grad) == ([1, -2], False)
    assert x.astype("bfloat16").dtype == bfloat16
    assert gg.astype(x.array, np.float16, device="cpu").dtype == np.float16


@pytest.mark.parametrize("dtype", ["float33", str, object, [("a", int)], "datetime64[s]"])
def test_no_dtype_of_numbers(dtype):
    with pytest.raises(gg.DtypeError, match=r"^astype: dtype=.* is no type of numbers"):
        gg.astype(leaf(1.0), dtype)


def test_complex_casts():
    z = gg.Tensor(np.array([1 + 2j]))
    with pytest.raises(gg.DtypeError, match="would drop its imaginary part"):
        z.astype(np.float64)
    assert (z * 2).dtype == np.complex128


def test_moves():
    x = leaf(1.0, 2.0)
    assert x.to("cpu") is x
    meta = x.to("meta")
    assert (meta.device, meta.shape, meta.dtype) == ("meta", (2,), np.float64)
    with pytest.raises(gg.DataError, match="^to: a meta tensor has no data to move to cpu"):
        meta.to("cpu")
    with pytest.raises(gg.ArgumentError, match="^device: 'gpu' is none of"):
        x.to("gpu")


def test_copy_has_memory_of_its_own():
    x = leaf(1.0, 2.0)
    y = x.copy()
    assert not np.shares_memory(x.array, y.array)
    assert gradient(y * 3, x) == [3, 3]


# Errors of ours, not NumPy's


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda b, f: b - b, gg.DtypeError, "subtract: takes no bool x1 and bool x2; convert with"),
        (lambda b, f: -b, gg.DtypeError, "negative: takes no bool x; convert with .astype"),
        (lambda b, f: f & f, gg.DtypeError, "bitwise_and: takes no float64 x1 and float64 x2"),
        (lambda b, f: ~f, gg.DtypeError, "invert: takes no float64 x"),
        (
            lambda b, f: f + "a",
            gg.DtypeError,
            "add: x2 is a str; it takes tensors, arrays and numb",
        ),
        (lambda b, f: gg.exp([1.0]), gg.DtypeError, "exp: x is a list; it takes tensors"),
        (lambda b, f: gg.floor(f * 1j), gg.DtypeError, "floor: takes no complex128 x"),
        (
            lambda b, f: f * gg.Tensor(np.ones(3)),
            gg.ShapeError,
            "multiply: x1 (2,), x2 (3,) do not broadcast; from the right, lengths must be",
        ),
        (
            lambda b, f: f < gg.Tensor(np.ones(3)),
            gg.ShapeError,
            "less: x1 (2,), x2 (3,) do not broadcast",
        ),
        (
            lambda b, f: gg.where(b, gg.Tensor(np.ones(3)), f),
            gg.ShapeError,
            "where: condition (2,), x1 (3,), x2 (2,) do not broadcast",
        ),
        (
            lambda b, f: gg.clip(f, gg.Tensor(np.ones(3))),
            gg.ShapeError,
            "clip: x (2,), min (3,) do not broadcast",
        ),
    ],
)
def test_errors(call, error, text):
    b, f = gg.Tensor(np.array([True, False])), gg.Tensor(np.ones(2))
    with pytest.raises(error) as caught:
        call(b, f)
    assert str(caught.value).startswith(text)


def test_gradients_of_logaddexp_add_up_to_one_at_any_size():
    x1 = gg.Tensor(np.array([1e9, 1e9, np.inf, 0.0], np.float32), requires_grad=True)
    x2 = gg.Tensor(np.array([1e9, 0.0, 0.0, np.inf], np.float32), requires_grad=True)
    g1, g2 = gg.grad(gg.logaddexp(x1, x2).sum(), [x1, x2])
    assert g1.tolist() == [0.5, 1.0, 1.0, 0.0]
    assert g2.tolist() == [0.5, 0.0, 0.0, 1.0]


def test_gradient_of_atan2_at_the_origin_is_zero():
    x1, x2 = (gg.Tensor(np.array([0.0, 1.0]), requires_grad=True) for _ in range(2))
    g1, g2 = gg.grad(gg.atan2(x1, x2).sum(), [x1, x2])
    assert g1.tolist() == [0.0, 0.5]
    assert g2.tolist() == [0.0, -0.5]


def test_where_and_triangles_keep_bools():
    mask = np.array([[True, True], [True, True]])
    assert gg.where(mask, True, False).dtype == gg.bool
    assert gg.where(mask, True, 2).dtype == np.int64
    assert gg.tril(mask).tolist() == [[True, False], [True, True]]
    assert gg.triu(mask, k=1).dtype == gg.bool
    for dtype in (np.int8, np.float16, np.float64):
        assert gg.tril(np.ones((2, 2), dtype)).dtype == dtype


def test_a_text_is_no_operand():
    with pytest.raises(gg.DtypeError, match="add: x2 is a str_"):
        gg.ones(2, device="cpu") + np.str_("a")
