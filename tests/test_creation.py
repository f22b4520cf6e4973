"""Tensors from values and shapes: dtypes, devices, sharing of memory, and what is refused."""

import math

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core import backend
from gpugraph.testing import gradcheck


@pytest.fixture(autouse=True)
def _on_the_cpu():
    with gg.default_device("cpu"):
        yield


@pytest.mark.parametrize(
    "value, dtype, shape",
    [
        (1.5, np.float32, ()),
        (1, np.int64, ()),
        (True, np.bool_, ()),
        (1j, np.complex64, ()),
        ([1, 2.5], np.float32, (2,)),
        ([[1, 2], [3, 4]], np.int64, (2, 2)),
        ((True, False), np.bool_, (2,)),
        ([], np.float32, (0,)),
        (range(3), np.int64, (3,)),
        ([np.float64(1), 2.0], np.float32, (2,)),
        (np.float64(1), np.float64, ()),
        (np.zeros((2, 3)), np.float64, (2, 3)),
        ([np.zeros(3), np.ones(3)], np.float64, (2, 3)),
        (np.zeros(3, np.int8), np.int8, (3,)),
    ],
)
def test_dtypes_of_values(value, dtype, shape):
    for make in (gg.tensor, gg.asarray):
        x = make(value)
        assert (x.dtype, x.shape, x.device) == (dtype, shape, "cpu")
        np.testing.assert_array_equal(x.numpy(), np.asarray(value))


def test_a_dtype_on_request():
    assert gg.tensor([0.1], dtype=gg.float64).item() == 0.1  # no detour by way of float32
    assert gg.tensor([1.7], dtype="int32").tolist() == [1]
    assert gg.tensor(np.arange(3), dtype=float).dtype == np.float64
    assert gg.tensor([1.0], dtype=gg.bfloat16).dtype == gg.bfloat16


def test_tensor_copies():
    a = np.zeros(3, np.float32)
    x = gg.tensor(a)
    y = gg.tensor(x)
    a[0] = 7
    assert x.tolist() == [0, 0, 0]
    assert not np.shares_memory(x.array, y.array)


def test_tensor_leaves_the_graph_behind():
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    assert x.is_leaf
    assert not gg.tensor(x * 2).requires_grad
    y = gg.tensor(x * 2, requires_grad=True)
    assert y.is_leaf
    assert y.requires_grad
    with pytest.raises(gg.DtypeError, match="only floating tensors carry a gradient"):
        gg.tensor([1, 2], requires_grad=True)


def test_asarray_neither_copies_nor_moves():
    a = np.zeros(3)
    x = gg.asarray(a)
    assert x.array is a
    assert gg.asarray(x) is x
    with gg.default_device("meta"):
        assert gg.asarray(a).device == "cpu"
        assert gg.asarray([1.0]).device == "meta"
    assert not np.shares_memory(gg.asarray(a, copy=True).array, a)
    assert gg.asarray(a, dtype=np.float32).dtype == np.float32
    with pytest.raises(gg.ArgumentError, match="^asarray: copy=False, but this takes a copy"):
        gg.asarray(a, dtype=np.float32, copy=False)
    with pytest.raises(gg.ArgumentError, match="copy=False"):
        gg.asarray([1.0], copy=False)


def test_asarray_lets_gradients_through():
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    (gx,) = gg.grad(gg.asarray(x, dtype=gg.float64, copy=True).sum(), x)
    assert gx.tolist() == [1, 1]


@pytest.mark.parametrize(
    "value, options, error, text",
    [
        ([[1, 2], [3]], {}, gg.ShapeError, "tensor: the lists are ragged"),
        ("abc", {}, gg.DtypeError, "tensor: a str makes no array of numbers"),
        (["a", 1], {}, gg.DtypeError, "tensor: a list of str makes no array of numbers"),
        (None, {}, gg.DtypeError, "tensor: a NoneType makes no array of numbers"),
        ([{}], {}, gg.DtypeError, "tensor: a list of dict makes no array of numbers"),
        (np.array(["a"]), {}, gg.DtypeError, "tensor: a ndarray makes no array of numbers (NumPy"),
        ([2**70], {}, gg.DtypeError, "tensor: a list of int makes no array of numbers"),
        ([300], {"dtype": np.uint8}, gg.DtypeError, "tensor: 300 to 300 does not fit into uint8"),
        ([math.nan], {"dtype": int}, gg.DtypeError, "tensor: nan to nan does not fit into int64"),
        (1j, {"dtype": float}, gg.DtypeError, "tensor: complex numbers do not fit into float64"),
        ([1.0], {"dtype": "float7"}, gg.DtypeError, "tensor: dtype='float7' is no type of numbers"),
        ([1.0], {"device": "gpu"}, gg.ArgumentError, "tensor: device: 'gpu' is none of"),
    ],
)
def test_what_makes_no_tensor(value, options, error, text):
    with pytest.raises(error) as caught:
        gg.tensor(value, **options)
    assert str(caught.value).startswith(text)


def test_no_gpu_is_an_error_with_its_reason(monkeypatch):
    monkeypatch.setattr(backend, "cuda_reason", lambda: "there is no driver")
    for make in (gg.zeros, gg.tensor, gg.arange):
        with pytest.raises(gg.DeviceError, match="no device cuda:0: there is no driver$"):
            make(3, device="cuda")


def test_the_meta_device_makes_shapes_only():
    for x in (
        gg.zeros((10**6, 10**6), device="meta"),
        gg.tensor([[1.0, 2.0]], device=gg.Device("meta")),
        gg.arange(10**15, device="meta"),
        gg.linspace(0, 1, 10**12, device="meta"),
        gg.full_like(gg.empty((10**9, 10**9), device="meta"), 3),
    ):
        assert x.device == "meta"
        assert ((x + 1) * x).shape == x.shape


def test_fills():
    assert gg.zeros(3).tolist() == [0, 0, 0]
    assert gg.ones((2, 1), dtype=gg.int32).dtype == np.int32
    assert gg.empty((2, 0)).shape == (2, 0)
    assert gg.full((), 2).dtype == np.int64
    assert gg.full(2, True).dtype == np.bool_
    assert gg.full([2], 0.5).dtype == np.float32
    x = gg.zeros((2, 3), dtype=gg.float64)
    for like in (gg.zeros_like, gg.ones_like, gg.empty_like):
        assert (like(x).shape, like(x).dtype) == (x.shape, x.dtype)
        assert like(x, dtype=gg.int8).dtype == np.int8
    assert gg.full_like(np.ones(2, np.float16), 3).tolist() == [3, 3]


@pytest.mark.parametrize(
    "arguments",
    [(5,), (2, 7), (7, 2, -2), (0, 1, 0.1), (3, 3), (5, 2), (1.5,), (0, -1), (-0.5, 3, 0.7)],
)
def test_arange(arguments):
    x = gg.arange(*arguments)
    expected = np.arange(*arguments)
    assert x.dtype == (np.int64 if expected.dtype == np.int64 else np.float32)
    np.testing.assert_allclose(x.numpy(), expected, rtol=1e-6, atol=1e-7)
    assert gg.arange(*arguments, device="meta").shape == x.shape
    assert gg.arange(3, dtype=gg.float64).dtype == np.float64


def test_grids():
    np.testing.assert_allclose(gg.linspace(0, 1, 5).numpy(), np.linspace(0, 1, 5))
    assert gg.linspace(0, 1, 4, endpoint=False).tolist() == [0, 0.25, 0.5, 0.75]
    np.testing.assert_array_equal(gg.eye(2, 3, k=1).numpy(), np.eye(2, 3, k=1))
    for indexing in ("xy", "ij"):
        ours = gg.meshgrid(gg.arange(2), gg.arange(3), gg.arange(4), indexing=indexing)
        theirs = np.meshgrid(np.arange(2), np.arange(3), np.arange(4), indexing=indexing)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a.numpy(), b)


A, B = np.array([[1.0], [-2.0], [0.3]]), np.array([3.0, 0.7])
ENDS = [
    (np.array(1.5), 3.0),
    (1.5, np.array(3.0)),
    (A, 2.0),
    (A, B),
    (np.array([5, 250], np.uint8), np.array([1, 3], np.uint8)),  # 1 - 5 must not wrap around
    (np.array([True, False]), 3),
    ([1.0, 2.0], [0.5, 7.0]),
    (A, 1 + 2j),
]


@pytest.mark.parametrize("start, stop", ENDS)
@pytest.mark.parametrize("num, endpoint", [(5, True), (4, False), (1, True), (0, True)])
def test_ends_that_are_arrays_or_tensors(start, stop, num, endpoint):
    expected = np.linspace(start, stop, num, endpoint=endpoint)
    for wrap in (lambda x: x, lambda x: gg.Tensor(x) if isinstance(x, np.ndarray) else x):
        y = gg.linspace(wrap(start), wrap(stop), num, endpoint=endpoint, dtype=expected.dtype)
        assert y.dtype == expected.dtype
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-14, atol=1e-14)
        if num > 1 and endpoint:
            np.testing.assert_array_equal(y.numpy()[-1], expected[-1])
        meta = gg.linspace(wrap(start), wrap(stop), num, endpoint=endpoint, device="meta")
        assert meta.shape == expected.shape
        if expected.dtype.kind != "c":
            y = gg.logspace(wrap(start), wrap(stop), num, endpoint, 0.9, dtype=np.float64)
            theirs = np.logspace(start, stop, num, endpoint, 0.9)
            np.testing.assert_allclose(y.numpy(), theirs, rtol=1e-12)


def test_what_linspace_makes_of_tensors_keeps_their_dtype_and_their_gradients():
    for dtype in (np.float16, np.float32, np.float64, np.complex64):
        assert gg.linspace(gg.Tensor(np.ones(2, dtype)), 3, 4).dtype == dtype
    assert gg.linspace(gg.Tensor(np.ones(2, np.int64)), 3, 4).dtype == np.float32
    assert gg.linspace(gg.Tensor(np.ones(2, np.int64)), 3j, 4).dtype == np.complex64
    assert gg.logspace(gg.tensor(1.0), 2.0, 3).dtype == np.float32
    gradcheck(lambda a, b: gg.linspace(a, b, 5), [A, B], order=2)
    gradcheck(lambda a, b: gg.logspace(a, b, 4, base=2.0, dtype=np.float64), [A, B], order=2)


def test_arange_takes_tensors_of_one_number():
    two = gg.tensor(2)
    assert gg.arange(two).tolist() == [0, 1]
    assert gg.arange(two, gg.tensor(9), gg.tensor(3)).tolist() == [2, 5, 8]
    assert gg.arange(two).dtype == np.int64


@pytest.mark.parametrize("k", [-2, -1, 0, 1, 3])
def test_triangles(k):
    a = np.arange(24.0).reshape(2, 3, 4)
    x = gg.Tensor(a, requires_grad=True)
    for ours, theirs in ((gg.tril, np.tril), (gg.triu, np.triu)):
        y = ours(x, k=k)
        np.testing.assert_array_equal(y.numpy(), theirs(a, k))
        np.testing.assert_array_equal(gg.grad(y.sum(), x)[0].numpy(), theirs(np.ones_like(a), k))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: gg.zeros((2, -1)), gg.ArgumentError, "zeros: shape (2, -1) has a negative length"),
        (lambda: gg.empty(-1), gg.ArgumentError, "empty: shape (-1,) has a negative length"),
        (lambda: gg.ones(1.5), gg.DtypeError, "ones: shape 1.5 must be an int or a tuple of ints"),
        (lambda: gg.eye(-1), gg.ArgumentError, "eye: shape (-1, -1) has a negative length"),
        (lambda: gg.linspace(0, 1, -3), gg.ArgumentError, "linspace: shape (-3,) has a negative"),
        (lambda: gg.full(2, [1, 2]), gg.ShapeError, "full: fill_value must be one number"),
        (lambda: gg.full(2, 300, dtype="uint8"), gg.DtypeError, "full: 300 to 300 does not fit"),
        (lambda: gg.arange(0, 1, 0), gg.ArgumentError, "arange: step is 0"),
        (lambda: gg.arange(math.inf), gg.ArgumentError, "arange: 0 to inf by 1 has no finite"),
        (lambda: gg.tril(gg.ones(3)), gg.ShapeError, "tril: x (3,) is no matrix"),
        (lambda: gg.meshgrid(gg.ones((2, 2))), gg.ShapeError, "meshgrid: arrays[0] (2, 2) is no"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(text)


# Dtypes


def test_dtype_objects_are_numpys():
    assert gg.float32 is np.dtype("float32")
    assert gg.bool == np.bool_
    assert gg.finfo(gg.float32).eps == np.finfo(np.float32).eps
    assert gg.finfo(gg.bfloat16).bits == 16
    assert gg.iinfo("int8").max == gg.iinfo(np.int8).max == gg.iinfo(np.int8(3)).max == 127
    assert gg.finfo(np.float32) == gg.finfo(np.float32(1)) == gg.finfo(gg.float32)
    assert (gg.pi, gg.e, gg.inf, gg.newaxis) == (math.pi, math.e, math.inf, None)
    assert math.isnan(gg.nan)
    with pytest.raises(gg.DtypeError, match="^finfo: int8 is not a floating dtype"):
        gg.finfo(gg.int8)
    with pytest.raises(gg.DtypeError, match="^iinfo: float32 is not an integer dtype"):
        gg.iinfo(gg.float32)


def test_questions_about_dtypes():
    assert gg.isdtype(gg.float32, "real floating")
    assert gg.isdtype(gg.bfloat16, "numeric")
    assert gg.isdtype(gg.int8, ("bool", "signed integer"))
    assert not gg.isdtype(gg.int8, "unsigned integer")
    assert gg.isdtype(gg.int8, gg.int8)
    assert gg.can_cast(gg.float32, gg.float64)
    assert not gg.can_cast(gg.zeros(2, dtype=gg.float64), gg.float32)
    assert gg.result_type(gg.zeros(2), 2.5) == np.float32
    assert gg.result_type(gg.bfloat16, 2.5) == gg.bfloat16
    assert gg.result_type(gg.int32, gg.float32) == np.float64
    assert gg.result_type(gg.int32, 1.0) == np.float64
    with pytest.raises(gg.ArgumentError, match="^result_type: needs at least one"):
        gg.result_type()


def test_a_tensor_through_dlpack_shares_its_writes():
    x = gg.Tensor(np.ones(2))
    w = gg.Tensor(np.ones(2), requires_grad=True)
    y = (x * w).sum()
    gg.from_dlpack(x)[0] = 5.0
    assert x.tolist() == [5.0, 1.0]
    with pytest.raises(gg.GradientError, match="written to in place"):
        y.backward()


def test_foreign_byte_orders_become_native():
    x = gg.tensor(np.array([1.0, 2.0], ">f4"))
    assert x.dtype == gg.float32
    assert x.tolist() == [1, 2]
