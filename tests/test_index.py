"""Indexing and writing by index: NumPy's meaning, gradients, linear cost, versions, errors."""

import enum
import time
import tracemalloc

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.backend import MetaArray


def leaf(*shape, dtype=np.float64):
    return gg.Tensor(np.arange(np.prod(shape, dtype=int), dtype=dtype).reshape(shape), True)


def meta(*shape, dtype=np.float32):
    return gg.Tensor(MetaArray(shape, dtype))


SOME = np.array([[0, 2, -1], [2, 2, 0]])
MASK = np.array([True, False, True])
BASIC = {
    "int": 1,
    "from the end": (-1, -2),
    "all ints": (1, 2, 3),
    "numpy int": np.int8(2),
    "slice": slice(1, None),
    "backwards": (slice(None), slice(None, None, -1), slice(4, 0, -2)),
    "out of range slice": slice(-9, 9),
    "empty": slice(2, 1),
    "ellipsis": (..., 1),
    "new axis": (None, slice(None), None, 0),
    "nothing": (),
    "all": ...,
}
ADVANCED = {
    "list": [2, 0, 0],
    "array": SOME,
    "second axis": (slice(None), SOME),
    "neighbours": (slice(None), SOME, SOME[0]),
    "apart": (SOME, slice(1, 3), 1),
    "int beside": (1, SOME),
    "new axis between": (SOME, None, SOME),
    "backwards beside": (slice(None, None, -2), [1, 1], slice(None, None, -1)),
    "ellipsis": (..., SOME[0]),
    "unsigned": np.array([2, 1], np.uint8),
    "empty": [],
    "mask": MASK,
    "mask list": [True, False, True],
    "mask of two axes": np.arange(12).reshape(3, 4) % 2 == 0,
    "mask beside": (MASK, 1, slice(None, 2)),
    "mask and array": (slice(None), np.array([True, False, True, True]), [0, 1, 1]),
    "mask of nothing": np.zeros(3, bool),
    "true": True,
    "false": (slice(None), False),
}
KEYS = {**BASIC, **{f"arrays, {k}": v for k, v in ADVANCED.items()}}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_reading_means_what_it_means_in_numpy(key):
    x = leaf(3, 4, 5)
    want = x.array[key]
    got = x[key]
    np.testing.assert_array_equal(got.numpy(), want, strict=True)
    np.testing.assert_array_equal(gg.Tensor(x.array.T).T[key].numpy(), want, strict=True)
    g = np.random.default_rng(0).standard_normal(want.shape)
    expected = np.zeros(x.shape)
    np.add.at(expected, key, g)
    (gx,) = gg.grad(got, x, g)
    np.testing.assert_allclose(gx.numpy(), expected, rtol=1e-15)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_writing_means_what_it_means_in_numpy(key):
    rng = np.random.default_rng(0)
    for value in (7.0, rng.standard_normal(np.zeros((3, 4, 5))[key].shape)):
        want = np.ones((3, 4, 5))
        want[key] = value
        plain = gg.Tensor(np.ones((3, 4, 5)))
        plain[key] = value
        np.testing.assert_array_equal(plain.numpy(), want)
        recorded = leaf(3, 4, 5) * 0 + 1
        recorded[key] = value
        np.testing.assert_array_equal(recorded.numpy(), want)
        assert recorded.requires_grad


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_meta_tensors_know_the_shape(key):
    x = np.zeros((3, 4, 5), np.float32)
    y = meta(3, 4, 5)
    assert (y[key].shape, y[key].dtype) == (x[key].shape, np.float32)
    y[key] = 1.0
    y[key] = meta(*x[key].shape)
    with pytest.raises(gg.ShapeError, match="setitem: value"):
        y[key] = meta(9, 9)


def test_a_mask_without_values_selects_nobody_knows_how_many():
    with pytest.raises(gg.DataError, match="how many elements a boolean mask selects depends"):
        meta(3, 4)[meta(3, dtype=bool)]
    with pytest.raises(gg.DataError, match="a meta tensor has none"):
        meta(3, 4)[meta(3, 4) > 0] = 1.0


def test_tensors_index_tensors():
    x = leaf(3, 4)
    i = gg.Tensor(np.array([2, 0]))
    np.testing.assert_array_equal(x[i, 1].numpy(), [9, 1])
    np.testing.assert_array_equal(x[x > 9].numpy(), [10, 11])
    assert x[gg.Tensor(np.array(1))].is_view  # a 0-d index is an int
    assert x[i[1]].shape == (4,)


def test_slices_are_views_and_arrays_are_copies():
    x = gg.Tensor(np.zeros((3, 4)))
    assert x[1:].is_view
    assert x[1, 2].is_view
    assert x[1:].shared_version() is x.shared_version()
    assert not x[[0, 1]].is_view
    x[1, 2][...] = 5.0
    assert x.array[1, 2] == 5


def test_take():
    x = leaf(3, 4)
    np.testing.assert_array_equal(gg.take(x, SOME, axis=-1).numpy(), np.take(x.array, SOME, -1))
    np.testing.assert_array_equal(gg.take(x, [5, 1]).numpy(), [5, 1])
    np.testing.assert_array_equal(gg.take(x, 2, axis=0).numpy(), x.array[2])
    y = np.take(x, SOME, axis=1)
    (g,) = gg.grad(y.sum(), x)
    np.testing.assert_array_equal(g.numpy(), [[2, 0, 3, 1]] * 3)
    with pytest.raises(gg.IndexRangeError, match=r"take: index 4 is out of range for axis 1 of x"):
        gg.take(x, [4], axis=1)


def test_take_along_axis():
    rng = np.random.default_rng(0)
    x = gg.Tensor(rng.standard_normal((3, 4)), requires_grad=True)
    order = np.argsort(x.array, axis=1)
    y = gg.take_along_axis(x, order, axis=1)
    np.testing.assert_array_equal(y.numpy(), np.sort(x.array, axis=1))
    (g,) = gg.grad(y, x, np.broadcast_to(np.arange(4.0), (3, 4)))
    np.testing.assert_array_equal(g.numpy(), np.argsort(order, axis=1))
    with pytest.raises(gg.ShapeError, match=r"indices \(3,\) must have as many axes as x \(3, 4\)"):
        gg.take_along_axis(x, order[:, 0])


def test_nonzero():
    rows, columns = gg.nonzero(gg.Tensor(np.array([[0, 3], [4, 0]])))
    np.testing.assert_array_equal(rows.numpy(), [0, 1])
    np.testing.assert_array_equal(columns.numpy(), [1, 0])
    with pytest.raises(gg.DataError, match="nonzero: the result depends on values"):
        gg.nonzero(meta(3))


# Gradients


def test_elements_chosen_twice_add_up_and_every_order_works():
    x = leaf(4)
    y = x[[1, 1, 3]] ** 3
    (g,) = gg.grad(y.sum(), x, create_graph=True)
    np.testing.assert_array_equal(g.numpy(), [0, 6, 0, 27])
    (h,) = gg.grad(g.sum(), x, create_graph=True)
    np.testing.assert_array_equal(h.numpy(), [0, 12, 0, 18])
    (third,) = gg.grad(h.sum(), x)
    np.testing.assert_array_equal(third.numpy(), [0, 12, 0, 6])


def test_parts_and_whole_gradients_of_one_tensor_add_up():
    x = leaf(4)
    y = (x * x).sum() + (x[1:] * 3).sum() + x[0] + x[[0, 3]].sum()
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2, 5, 7, 10])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_small_index_types_reach_far_in_the_gradient(dtype):
    x = leaf(1000, 2)
    (g,) = gg.grad(x[np.array([255, 3, 255], dtype), np.array([1], dtype)].sum(), x)
    assert (g.array[255, 1], g.array[3, 1], g.array.sum()) == (2, 1, 3)


def test_the_sum_at_repeated_indices_has_the_same_bits_every_time():
    rng = np.random.default_rng(0)
    w = gg.Tensor(rng.standard_normal((50, 3)).astype(np.float32), requires_grad=True)
    i = rng.integers(0, 50, 4000)
    g = rng.standard_normal((4000, 3)).astype(np.float32)
    runs = {gg.grad(w[i], w, g)[0].numpy().tobytes() for _ in range(3)}
    assert len(runs) == 1


def slices_backward(n, order=1):
    """Seconds and peak bytes of the gradient of n slices that cover a million elements."""
    x = gg.Tensor(np.ones(1_000_000), requires_grad=True)
    step = x.size // n
    tracemalloc.start()
    start = time.perf_counter()
    pieces = [x[k : k + step] for k in range(0, x.size, step)]
    y = gg.stack([(p * p).sum() for p in pieces]).sum()
    (g,) = gg.grad(y, x, create_graph=order > 1)
    if order > 1:
        (g,) = gg.grad((g[:step] * g[-step:]).sum() + g.sum(), x)
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert g.shape == x.shape
    return seconds, peak


@pytest.mark.parametrize("order", [1, 2])
def test_a_thousand_slices_of_a_million_elements_cost_linear_time_and_memory(order):
    few, many = (min(slices_backward(n, order) for _ in range(2)) for n in (250, 1000))
    assert many[0] < 8 * few[0]  # 4 where it grows as n, 16 as n squared
    assert many[1] < 1.5 * few[1]
    assert many[1] < 10 * order * 8_000_000  # a few arrays, not a thousand


def test_iterating_over_rows_is_linear_too():
    x = gg.Tensor(np.ones((1000, 1000)), requires_grad=True)
    tracemalloc.start()
    gg.stack([row.sum() for row in x]).sum().backward()
    assert tracemalloc.get_traced_memory()[1] < 10 * x.nbytes
    tracemalloc.stop()


# Writing


def test_gradients_of_a_recorded_write():
    x, v = leaf(4), leaf(2)
    y = x * 2
    y[1:3] = v * v
    (y * np.arange(1.0, 5)).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2, 0, 0, 8])
    np.testing.assert_array_equal(v.grad.numpy(), [0, 6])


def test_the_last_of_repeated_writes_takes_the_gradient():
    v = leaf(3)
    y = gg.Tensor(np.zeros(4))
    y[[1, 1, 2]] = v
    np.testing.assert_array_equal(y.numpy(), [0, 1, 2, 0])
    y.backward(np.ones(4))
    np.testing.assert_array_equal(v.grad.numpy(), [0, 1, 1])


def test_a_number_written_everywhere_collects_its_gradient():
    v = gg.Tensor(np.array(3.0), requires_grad=True)
    y = leaf(2, 3) * 1
    y[:, [0, 2]] = v
    y.sum().backward()
    assert v.grad.item() == 4


def test_a_value_of_another_dtype_gets_its_gradient_in_its_own():
    x, v = leaf(3, dtype=np.float32), leaf(2)
    y = x * 1
    y[:2] = v
    assert y.dtype == np.float32
    y.sum().backward()
    assert (x.grad.dtype, v.grad.dtype) == (np.float32, np.float64)


def test_reading_after_writing_in_a_loop():
    x = leaf(1, dtype=np.float64)
    fib = gg.Tensor(np.zeros(10))
    fib[0] = x[0] + 1
    fib[1] = 1.0
    for k in range(2, 10):
        fib[k] = fib[k - 1] + fib[k - 2]
    assert fib[9].item() == 55
    fib[9].backward()
    assert x.grad.item() == 21


def test_retained_gradients_follow_the_write():
    x = leaf(3)
    y = (x * 2).retain_grad()
    y[0] = 5.0
    (y * y).sum().backward()
    np.testing.assert_array_equal(y.grad.numpy(), [10, 4, 8])
    np.testing.assert_array_equal(x.grad.numpy(), [0, 8, 16])


def test_views_taken_before_a_recorded_write_keep_the_old_values():
    y = leaf(3) * 2
    before = y[1:]
    y[1] = 9.0
    np.testing.assert_array_equal(before.numpy(), [2, 4])
    np.testing.assert_array_equal(y[1:].numpy(), [9, 4])


def test_adding_in_place_rebinds_the_name():
    x = leaf(3)
    y = x
    y += 1
    assert y is not x
    np.testing.assert_array_equal(x.numpy(), [0, 1, 2])


def test_leaves_and_views_refuse_a_write_that_needs_recording():
    x = leaf(3)
    with pytest.raises(gg.GradientError, match=r"x \(3,\) is a leaf .* gpugraph.where"):
        x[0] = 1.0
    with pytest.raises(gg.GradientError, match=r"x \(2,\) is a view .* gpugraph.where"):
        (x * 2)[1:][0] = 1.0
    constant = gg.Tensor(np.zeros(3))
    with pytest.raises(gg.GradientError, match="is a view"):
        constant[1:][0] = x[0]
    np.testing.assert_array_equal(constant.numpy(), [0, 0, 0])
    with pytest.raises(gg.DtypeError, match="value needs a gradient, which would be lost in x of"):
        gg.Tensor(np.zeros(3, int))[0] = x[0]


def test_no_grad_writes_to_leaves_in_place():
    x = leaf(3)
    array = x.array
    with gg.no_grad():
        x[0] = 7.0
        x[1:][0] = 8.0
    assert x.array is array
    np.testing.assert_array_equal(array, [7, 8, 2])
    assert x.is_leaf


WRITES = {
    "the tensor": lambda y: y.__setitem__(0, 1.0),
    "by an array": lambda y: y.__setitem__([0, 1], 1.0),
    "a view": lambda y: y[1:].__setitem__(0, 1.0),
    "a view of a view": lambda y: y.reshape(3, 1)[1:].T.__setitem__(..., 1.0),
    "a detached tensor": lambda y: y.detach().assign(1.0),
    "a view of a detached one": lambda y: y.detach()[:2].assign(1.0),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writes_to_what_a_node_keeps_are_noticed(write):
    y = leaf(3) * 2
    z = (y * y).sum()
    with gg.no_grad():
        write(y)
    with pytest.raises(gg.GradientError, match=r"Multiply\(\).* kept 'x[12]'.*in place 1 time"):
        z.backward()


def test_a_write_to_the_base_is_noticed_by_what_keeps_a_view():
    y = leaf(3) * 2
    v = y[1:]
    z = (v * v).sum()
    with gg.no_grad():
        y[0] = 1.0
    with pytest.raises(gg.GradientError, match="written to in place"):
        z.backward()


def test_a_recorded_write_leaves_what_was_kept_alone():
    x = leaf(3)
    y = x * 2
    z = (y * y).sum()
    y[0] = 9.0
    (z + y.sum()).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0, 10, 18])


def test_overlapping_memory():
    x = gg.Tensor(np.arange(5.0))
    x[1:] = x[:-1]
    np.testing.assert_array_equal(x.numpy(), [0, 0, 1, 2, 3])


def test_lists_and_leading_axes_of_length_one_are_taken():
    x = gg.Tensor(np.zeros((2, 2)))
    x[0] = [1, 2]
    x[1] = np.ones((1, 1, 2))
    np.testing.assert_array_equal(x.numpy(), [[1, 2], [1, 1]])


# Errors


def read(key):
    return lambda x: x[key]


def write(key, value=0.0):
    return lambda x: gg.Tensor(x.array).__setitem__(key, value)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (
            read(5),
            gg.IndexRangeError,
            "getitem: index 5 is out of range for axis 0 of x (3, 4)",
        ),
        (
            read((0, -5)),
            gg.IndexRangeError,
            "getitem: index -5 is out of range for axis 1 of x (3, 4)",
        ),
        (read([0, 3]), gg.IndexRangeError, "index 3 is out of range for axis 0 of x (3, 4)"),
        (read(([0], -9)), gg.IndexRangeError, "index -9 is out of range for axis 1"),
        (read((0, 0, 0)), gg.IndexRangeError, "getitem: 3 indices for x (3, 4), which has 2 axes"),
        (read(([0], 0, 0)), gg.IndexRangeError, "3 indices for x (3, 4), which has 2 axes"),
        (read((..., ...)), gg.ArgumentError, "one Ellipsis (...) only"),
        (read((..., [0], ...)), gg.ArgumentError, "one Ellipsis (...) only"),
        (read(slice(None, None, 0)), gg.ArgumentError, "the step of a slice of axis 0 is 0"),
        (read(slice(0.5, 2)), gg.DtypeError, "slice(0.5, 2, None) must be made of ints"),
        (read(1.0), gg.DtypeError, "getitem: 1.0 is no index"),
        (read("a"), gg.DtypeError, "getitem: 'a' is no index"),
        (read([0.5]), gg.DtypeError, "getitem: an index is float64; it must be integer or bool"),
        (read(np.ones(3)), gg.DtypeError, "an index is float64"),
        (read([[0], [1, 2]]), gg.ShapeError, "the index [[0], [1, 2]] holds lists of different"),
        (write(0, [[0], [1, 2]]), gg.ShapeError, "setitem: value [[0], [1, 2]] holds lists of"),
        (
            read(np.ones(4, bool)),
            gg.ShapeError,
            "getitem: mask (4,) has length 4 where axis 0 of x (3, 4) has 3",
        ),
        (read(([0, 1], [0, 1, 2])), gg.ShapeError, "getitem: the index of axis 0 (2,), the index"),
        (write(7), gg.IndexRangeError, "setitem: index 7 is out of range for axis 0 of x (3, 4)"),
        (write([7]), gg.IndexRangeError, "setitem: index 7 is out of range for axis 0"),
        (
            write(0, np.ones(3)),
            gg.ShapeError,
            "setitem: value (3,) does not broadcast to x[index], which is (4,)",
        ),
        (write([0, 1], np.ones(3)), gg.ShapeError, "which is (2, 4)"),
        (write(0, "a"), gg.DtypeError, "setitem: value is a str"),
        (write(0, 1j), gg.DtypeError, "setitem: value is complex128; x is float64"),
    ],
)
def test_mistakes_give_our_errors(call, error, text):
    with pytest.raises(error) as caught:
        call(leaf(3, 4))
    assert text in str(caught.value)


def test_a_failed_write_changes_nothing():
    x = gg.Tensor(np.zeros((2, 2)))
    with pytest.raises(gg.ShapeError):
        x[0] = np.ones(3)
    assert not x.array.any()
    assert x.shared_version()[0] == 0


def test_read_only_arrays_and_values_that_do_not_fit():
    x = gg.broadcast_to(gg.Tensor(np.zeros(3)), (2, 3))
    with pytest.raises(gg.GradientError, match=r"setitem: the array of x is read-only; use copy"):
        x[0] = 1.0
    with pytest.raises(gg.DtypeError, match="setitem: value 300 does not fit into uint8"):
        gg.Tensor(np.zeros(3, np.uint8))[0] = 300
    with pytest.raises(gg.DtypeError, match="only tensors are written to"):
        gg.setitem(np.zeros(3), 0, 1.0)


def test_not_a_number_fits_into_no_integers():
    x = gg.tensor([1, 2], device="cpu")
    for index in (0, [0, 1]):
        with pytest.raises(gg.DtypeError, match="setitem: value nan does not fit into int64"):
            x[index] = float("nan")
    assert x.tolist() == [1, 2]


def test_any_kind_of_int_is_an_index():
    Row = enum.IntEnum("Row", ["FIRST", "SECOND"])
    assert gg.Tensor(np.arange(3.0))[Row.SECOND].item() == 2.0
    with pytest.raises(gg.DtypeError, match="take_along_axis: indices is bool"):
        gg.take_along_axis(np.ones((2, 3)), np.ones((2, 3), bool), axis=1)
