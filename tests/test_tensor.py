"""Tensor as a Python object: what it says, what it converts to, writes, copies, pickles."""

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest

import gpugraph as gg


def leaf(*values):
    return gg.Tensor(np.array(values), requires_grad=True)


def test_it_wraps_without_a_copy():
    a = np.arange(6.0).reshape(2, 3)
    x = gg.Tensor(a)
    assert x.array is a
    assert x.numpy() is a
    assert (x.shape, x.dtype, x.ndim, x.size, x.nbytes) == ((2, 3), np.float64, 2, 6, 48)
    assert x.device == "cpu"
    assert not x.requires_grad


def test_repr_says_what_matters():
    assert repr(gg.tensor([1.0, 2.5])) == "Tensor([1. , 2.5], float32)"
    x = leaf(1.0)
    assert repr(x) == "Tensor([1.], float64, requires_grad=True)"
    assert repr(x * 2) == "Tensor([2.], float64, made by multiply)"
    assert "\n" in repr(gg.zeros((2, 2)))
    assert repr(gg.zeros((0, 3))) == "Tensor([], float32, shape=(0, 3))"
    assert f"{gg.tensor(2.5):.2f}" == "2.50"


def test_conversions_to_python():
    assert float(gg.tensor([2.5])) == 2.5
    assert int(gg.tensor(3)) == 3
    assert [10, 20, 30][gg.tensor(1)] == 20
    assert complex(gg.tensor(1.5)) == 1.5 + 0j
    assert bool(gg.tensor([True]))
    assert len(gg.zeros((4, 2))) == 4
    assert gg.tensor([[1, 2]]).tolist() == [[1, 2]]
    assert [row.tolist() for row in gg.tensor([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: bool(x), gg.ShapeError, r"\(2,\) is ambiguous; use \.any\(\) or \.all\(\)"),
        (lambda x: float(x), gg.ShapeError, r"item: needs one element.*\(2,\)"),
        (lambda x: iter(x.sum()), TypeError, "can't be iterated over"),
        (lambda x: gg.Tensor(np.array(["a"])), gg.DtypeError, "arrays of numbers, got one of <U1"),
        (lambda x: len(x.sum()), TypeError, "0-d tensor has no length"),
        (lambda x: [1, 2][x[0]], gg.DtypeError, "a float64 tensor is no index"),
        (lambda x: x.assign(np.ones(3)), gg.ShapeError, r"\(3,\) does not fit .* \(2,\)"),
        (lambda x: hash(x) and x.foo, AttributeError, "foo"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error, match=text):
        call(gg.Tensor(np.array([1.0, 2.0])))


def test_operators_both_ways():
    x = gg.Tensor(np.array([1.0, 2.0, 4.0]))
    for result, want in (
        (1 + x, [2, 3, 5]),
        (1 - x, [0, -1, -3]),
        (x - 1, [0, 1, 3]),
        (2 / x, [2, 1, 0.5]),
        (x**2, [1, 4, 16]),
        (2**x, [2, 4, 16]),
        (-x, [-1, -2, -4]),
        (+x, [1, 2, 4]),
        (abs(-x), [1, 2, 4]),
        (x // 2, [0, 1, 2]),
        (x % 3, [1, 2, 1]),
        (5 // x, [5, 2, 1]),
        (x.astype(gg.int64) << 1, [2, 4, 8]),
        (16 >> x.astype(gg.int64), [8, 4, 1]),
        (5 % x, [0, 1, 1]),
        (x @ x, 21),
    ):
        np.testing.assert_array_equal(result.numpy(), want)
    assert (x > 1).tolist() == [False, True, True]
    assert (x == 2).tolist() == [False, True, False]
    assert (~(x > 1) | (x >= 4)).tolist() == [True, False, True]


def test_membership_compares_elements():
    x = gg.tensor([[1, 2], [3, 4]])
    assert 3 in x
    assert 5 not in x


def test_augmented_assignment_makes_a_new_tensor():
    x = y = leaf(1.0)
    x += 1.0
    assert x is not y
    assert y.item() == 1.0
    assert x.requires_grad


def test_tensors_are_hashable_by_identity():
    x, y = leaf(1.0), leaf(1.0)
    assert len({x, y, x}) == 2


def test_detach_shares_memory():
    x = leaf(1.0, 2.0)
    d = x.detach()
    assert d.array is x.array
    assert not d.requires_grad


def test_a_write_through_detach_is_noticed():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    x.detach()[0] = 5.0
    with pytest.raises(gg.GradientError, match=r"kept 'x[12]'.*written to in place 1 time"):
        y.backward()


def test_assign_writes_in_place_and_is_noticed():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    assert x.assign([3.0, 4.0]) is x
    assert x.tolist() == [3, 4]
    with pytest.raises(gg.GradientError, match="write to a copy"):
        y.backward()
    (x * x).sum().backward()
    assert x.grad.tolist() == [6, 8]


def test_assign_refuses_read_only_memory():
    a = np.ones(2)
    a.flags.writeable = False
    with pytest.raises(gg.GradientError, match=r"read-only; use copy\(\)"):
        gg.Tensor(a).assign(0.0)


@pytest.mark.parametrize(
    "dtype, value, error",
    [
        ("uint8", 300, gg.DtypeError),
        ("int64", float("nan"), gg.DtypeError),
        ("float32", 1j, gg.DtypeError),
        ("float32", np.array([1j, 2.0]), gg.DtypeError),
        ("float32", "a", gg.DtypeError),
        ("float32", np.ones(3), gg.ShapeError),
    ],
)
def test_assign_refuses_what_does_not_fit(dtype, value, error):
    x = gg.zeros(2, dtype=dtype, device="cpu")
    with pytest.raises(error, match=r"assign: value .* does not fit into a \w+ tensor"):
        x.assign(value)
    assert x.tolist() == [0, 0]


def test_a_shallow_copy_shares_memory_and_its_writes():
    x = gg.Tensor(np.ones(2))
    w = gg.Tensor(np.ones(2), requires_grad=True)
    y = (x * w).sum()
    twin = copy.copy(x)
    assert twin.array is x.array
    twin[0] = 5.0
    with pytest.raises(gg.GradientError, match="written to in place"):
        y.backward()
    assert copy.copy(w).requires_grad and copy.copy(w) is not w


def test_read_only_and_strided_arrays_compute():
    a = np.arange(12.0).reshape(3, 4)[::-1, ::2]
    a.flags.writeable = False
    x = gg.Tensor(a, requires_grad=True)
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * a)


def test_copies_and_pickles():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    twin = copy.deepcopy(x)
    assert twin.requires_grad
    assert twin.array is not x.array
    assert twin.grad.tolist() == [3, 3]
    assert twin.node is not x.node
    again = pickle.loads(pickle.dumps(x))
    assert again.tolist() == [1, 2]
    assert again.requires_grad
    assert copy.copy(gg.tensor([1.0])).tolist() == [1.0]
    for act in (copy.deepcopy, pickle.dumps):
        with pytest.raises(gg.GradientError, match=r"made by multiply.*detach\(\)"):
            act(x * 2)


def test_its_namespace_is_gpugraph():
    x = gg.tensor([1.0])
    assert x.__array_namespace__() is gg
    assert x.__array_namespace__(api_version="2024.12") is gg


def test_half_precision_computes_in_float32():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((64, 300))
    for dtype in (np.float16, ml_dtypes.bfloat16):
        x = gg.Tensor(a.astype(dtype), requires_grad=True)
        s = (x @ x.T).sum(axis=0)
        assert s.dtype == dtype
        exact = a.astype(dtype).astype(np.float64)
        product = (exact @ exact.T).astype(dtype).astype(np.float64)
        np.testing.assert_array_equal(s.numpy(), product.astype(np.float32).sum(0).astype(dtype))
        (x * 2.0).sum().backward()
        assert x.grad.dtype == dtype


def test_complex_flows_through_without_gradient():
    z = gg.Tensor(np.array([1 + 2j]))
    assert (z * 2j).numpy().tolist() == [-4 + 2j]
    with pytest.raises(gg.DtypeError, match="complex128 tensors are no leaves; make two real"):
        z.requires_grad = True
