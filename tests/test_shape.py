"""Reshaping, padding, joining and splitting: NumPy's meaning, views, gradients, errors."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.backend import MetaArray


def leaf(*shape, dtype=np.float64):
    return gg.Tensor(np.arange(np.prod(shape, dtype=int), dtype=dtype).reshape(shape), True)


def meta(*shape, dtype=np.float32):
    return gg.Tensor(MetaArray(shape, dtype))


def same(got, want):
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got.numpy(), want, strict=True)


CALLS = {
    "reshape": lambda m, x: m.reshape(x, (3, -1)),
    "reshape_int": lambda m, x: m.reshape(x, -1),
    "permute": lambda m, x: m.permute_dims(x, (2, 0, 1)),
    "transpose": lambda m, x: m.transpose(x),
    "transpose_axes": lambda m, x: m.transpose(x, (1, 0, -1)),
    "matrix_transpose": lambda m, x: m.matrix_transpose(x),
    "moveaxis": lambda m, x: m.moveaxis(x, 0, -1),
    "moveaxis_two": lambda m, x: m.moveaxis(x, (2, 0), (0, 1)),
    "swapaxes": lambda m, x: m.swapaxes(x, 0, -1),
    "expand_dims": lambda m, x: m.expand_dims(x, axis=(0, -1)),
    "squeeze": lambda m, x: m.squeeze(m.reshape(x, (2, 1, 12, 1))),
    "squeeze_axis": lambda m, x: m.squeeze(m.reshape(x, (2, 1, 12, 1)), -1),
    "flip": lambda m, x: m.flip(x),
    "flip_axis": lambda m, x: m.flip(x, axis=1),
    "roll": lambda m, x: m.roll(x, (2, -1), axis=(1, 0)),
    "roll_flat": lambda m, x: m.roll(x, 5),
    "pad": lambda m, x: m.pad(x, ((1, 0), (0, 2), (3, 1)), constant_values=-1),
    "pad_int": lambda m, x: m.pad(x, 1),
    "pad_pair": lambda m, x: m.pad(x, (1, 2), mode="constant"),
    "broadcast_to": lambda m, x: m.broadcast_to(x, (2, 2, 3, 4)),
    "stack": lambda m, x: m.stack([x, x], axis=1),
    # numpy.unstack came with NumPy 2.1
    "unstack": lambda m, x: gg.unstack(x, axis=1)[2] if m is gg else x[:, 2],
    "split": lambda m, x: m.split(x, 2, axis=2)[1],
    "split_places": lambda m, x: m.split(x, [1, 3], axis=-1)[1],
    "split_outside": lambda m, x: m.split(x, [-3, 9], axis=-1)[0],
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, bool, np.complex64])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_values_are_those_of_numpy(call, dtype):
    x = np.arange(24).reshape(2, 3, 4).astype(dtype)
    want = call(np, x)
    same(call(gg, gg.Tensor(x)), want)
    same(call(gg, x), want)  # raw arrays go in, too
    strided = np.asfortranarray(x)
    strided.flags.writeable = False
    same(call(gg, gg.Tensor(strided)), want)
    on_meta = call(gg, meta(2, 3, 4, dtype=dtype))
    assert (on_meta.shape, on_meta.dtype, on_meta.device) == (want.shape, want.dtype, "meta")


def test_numpy_functions_reach_ours():
    x = leaf(2, 3)
    for y, shape in (
        (np.reshape(x, (3, 2)), (3, 2)),
        (np.transpose(x), (3, 2)),
        (np.expand_dims(x, 0), (1, 2, 3)),
        (np.moveaxis(x, 0, 1), (3, 2)),
        (np.concatenate([x, x], axis=1), (2, 6)),
        (np.stack([x, x], axis=-1), (2, 3, 2)),
        (np.split(x, 2)[0], (1, 3)),
        (np.pad(x, 1), (4, 5)),
        (np.pad(x, (1, 0), constant_values=2), (3, 4)),
        (np.split(x, gg.Tensor(np.array([1])))[1], (1, 3)),
        (np.roll(x, 1, axis=1), (2, 3)),
        (np.flip(x, 0), (2, 3)),
    ):
        assert isinstance(y, gg.Tensor)
        assert y.requires_grad
        assert y.shape == shape


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.reshape(3, 2),
        lambda x: x.T,
        lambda x: gg.expand_dims(x, axis=1),
        lambda x: x.reshape(1, 6).squeeze(0),
        lambda x: gg.flip(x),
        lambda x: gg.split(x, [1])[1],
        lambda x: gg.unstack(x)[1],
        lambda x: gg.expand(x, (4, -1, -1)),
    ],
)
def test_views_share_memory_and_the_write_counter(call):
    x = gg.Tensor(np.zeros((2, 3)))
    y = call(x)
    assert np.shares_memory(x.array, y.array)
    assert y.is_view
    assert y.shared_version() is x.shared_version()
    assert not x.is_view


def test_reshape_copies_where_it_must():
    x = gg.Tensor(np.zeros((2, 3)))
    y = x.T.reshape(6)
    assert not np.shares_memory(x.array, y.array)
    assert not y.is_view
    assert not np.shares_memory(x.array, gg.reshape(x, (3, 2), copy=True).array)
    assert gg.reshape(x, (3, 2), copy=False).is_view
    with pytest.raises(gg.ArgumentError, match=r"reshape: x \(3, 2\) lies .* copy=False"):
        gg.reshape(x.T, (6,), copy=False)


def test_squeeze_and_expand_dims_and_flatten():
    x = leaf(2, 1, 3, 1)
    assert x.squeeze().shape == (2, 3)
    assert x.squeeze((1, -1)).shape == (2, 3)
    assert gg.flatten(x).shape == (6,)
    assert x.flatten(1).shape == (2, 3)
    assert x.flatten(0, 1).shape == (2, 3, 1)
    assert gg.flatten(leaf()).shape == (1,)
    assert x.ravel().shape == (6,)


def test_expand_keeps_lengths_given_as_minus_one():
    x = leaf(3, 1)
    y = gg.expand(x, (2, -1, 4))
    assert y.shape == (2, 3, 4)
    y.backward(np.ones((2, 3, 4)))
    np.testing.assert_array_equal(x.grad.numpy(), np.full((3, 1), 8.0))
    with pytest.raises(gg.ShapeError, match=r"expand: shape \(-1, 3, 1\) .* need a length"):
        gg.expand(x, (-1, 3, 1))
    with pytest.raises(gg.ShapeError, match=r"broadcast_to: x \(3, 1\) does not broadcast"):
        gg.expand(x, (4, 4))


def test_broadcast_arrays():
    a, b = gg.broadcast_arrays(leaf(3, 1), np.zeros(2))
    assert a.shape == b.shape == (3, 2)
    with pytest.raises(gg.ShapeError, match=r"broadcast_arrays: arrays\[0\] \(3,\), arrays\[1\]"):
        gg.broadcast_arrays(leaf(3), leaf(2))


# Joining and splitting


def test_concat_flattens_without_an_axis_and_promotes():
    x, y = leaf(2, 2), np.arange(3, dtype=np.float32)
    same(gg.concat([x, y], axis=None), np.concatenate([x.numpy(), y], axis=None))
    assert gg.concat((gg.Tensor(y), np.arange(3))).dtype == np.float64
    assert gg.concat([gg.Tensor(y), y]).dtype == np.float32
    assert gg.stack([gg.sum(x), 1.0]).dtype == np.float64


def test_gradients_of_mixed_dtypes_come_back_in_their_own():
    a, b = leaf(2, dtype=np.float32), leaf(3)
    gg.concat([a, b]).sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


def test_only_some_pieces_used():
    x = leaf(6)
    a, _, c = gg.split(x, 3)
    (a * a).sum().backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.numpy(), [0, 2, 0, 0, 0, 0])
    (g,) = gg.grad((a * c).sum(), x, create_graph=True)
    np.testing.assert_array_equal(g.numpy(), [4, 5, 0, 0, 0, 1])
    (gg_x,) = gg.grad((g * g).sum(), x)
    np.testing.assert_array_equal(gg_x.numpy(), [0, 2, 0, 0, 8, 10])


def test_one_array_joined_with_itself():
    x = leaf(2)
    gg.stack([x, x, x]).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3, 3])


def test_a_frozen_array_among_joined_ones():
    x, frozen = leaf(2), np.zeros(2)
    y = gg.concat([frozen, x])
    (g,) = gg.grad(y, x, np.arange(4.0))
    np.testing.assert_array_equal(g.numpy(), [2, 3])


def test_iterating_goes_over_the_first_axis_in_one_op():
    x = leaf(3, 2)
    rows = list(x)
    assert [row.shape for row in rows] == [(2,)] * 3
    assert len({row.node for row in rows}) == 1
    sum((k + 1) * row.sum() for k, row in enumerate(rows)).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[1, 1], [2, 2], [3, 3]])


def test_empty_pieces_and_arrays():
    x = leaf(0, 3)
    assert [p.shape for p in gg.split(x, 3)] == [(0, 3)] * 3
    assert gg.unstack(x) == ()
    assert gg.concat([x, leaf(2, 3)]).shape == (2, 3)


# Errors


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: x.reshape(4, 2), gg.ShapeError, "has 6 elements; (4, 2) takes 8"),
        (lambda x: x.reshape(4, -1), gg.ShapeError, "4 does not divide 6"),
        (lambda x: x.reshape(0, -1), gg.ShapeError, "the -1 in (0, -1) can't be worked out"),
        (lambda x: x.reshape(-1, -1), gg.ArgumentError, "may hold one -1"),
        (lambda x: x.reshape(-2, 3), gg.ArgumentError, "no other negative length"),
        (lambda x: x.reshape(2.0, 3), gg.DtypeError, "must be an int or a tuple of ints"),
        (lambda x: gg.reshape([1, 2], (2, 1)), gg.DtypeError, "reshape: x is a list"),
        (lambda x: gg.permute_dims(x, (0,)), gg.AxisError, "each of the 2 axes of x (2, 3) once"),
        (lambda x: gg.permute_dims(x, (0, 0)), gg.AxisError, "names an axis of x (2, 3) twice"),
        (lambda x: gg.permute_dims(x, (0, 2)), gg.AxisError, "axis 2 is out of range for x (2, 3)"),
        (lambda x: gg.matrix_transpose(x[0]), gg.ShapeError, "must have at least 2 axes"),
        (lambda x: gg.expand_dims(x, axis=4), gg.AxisError, "expand_dims: axis 4 is out of range"),
        (lambda x: x.squeeze(0), gg.ShapeError, "squeeze: axis 0 of x (2, 3) has length 2, not 1"),
        (lambda x: gg.moveaxis(x, (0, 1), 0), gg.ArgumentError, "must be equally many"),
        (lambda x: x.flatten(1, 0), gg.AxisError, "start_axis 1 lies behind end_axis 0"),
        (lambda x: gg.flip(x, axis="0"), gg.DtypeError, "flip: axis '0' must be an int"),
        (lambda x: gg.pad(x, -1), gg.ArgumentError, "pad_width -1 is negative; cut with a slice"),
        (lambda x: gg.pad(x, 1, mode="wrap"), gg.ArgumentError, "mode 'wrap' is not available"),
        (lambda x: gg.pad(x, ((1, 1),) * 3), gg.ShapeError, "fits no x (2, 3)"),
        (lambda x: gg.pad(x, 0.5), gg.DtypeError, "pad_width 0.5 must hold ints"),
        (lambda x: gg.pad(x, 1, constant_values=1j), gg.ArgumentError, "must be one real number"),
        (
            lambda x: gg.pad(np.zeros(2, np.uint8), 1, constant_values=300),
            gg.DtypeError,
            "constant_values=300 does not fit into uint8",
        ),
        (lambda x: gg.concat([]), gg.ArgumentError, "concat: needs at least one array"),
        (
            lambda x: gg.concat([x, x, x.T]),
            gg.ShapeError,
            "concat: arrays[2] (3, 2) differs from arrays[0] (2, 3) in another place than axis 0",
        ),
        (lambda x: gg.concat([x, x[0]]), gg.ShapeError, "concat: arrays[1] (3,) differs"),
        (lambda x: gg.concat([x, [1.0]]), gg.DtypeError, "concat: xs[1] is a list"),
        (lambda x: gg.concat(3), gg.DtypeError, "concat: takes a sequence of arrays, got int"),
        (lambda x: gg.concat([x], axis=2), gg.AxisError, "concat: axis 2 is out of range"),
        (
            lambda x: gg.stack([x, x.T]),
            gg.ShapeError,
            "stack: arrays[1] (3, 2) differs from arrays[0] (2, 3)",
        ),
        (lambda x: gg.stack([x], axis=3), gg.AxisError, "stack: axis 3 is out of range"),
        (
            lambda x: gg.split(x, 2, axis=1),
            gg.ArgumentError,
            "split: axis 1 of x (2, 3) has length 3, which 2 does not cut",
        ),
        (lambda x: gg.split(x, 0), gg.ArgumentError, "which 0 does not cut"),
        (lambda x: gg.split(x, [2, 1], axis=1), gg.ArgumentError, "places that do not decrease"),
        (lambda x: gg.split(x, 1.5), gg.DtypeError, "must be an int or a list of ints"),
        (lambda x: gg.unstack(x.sum()), gg.ShapeError, "a 0-d tensor has no axis"),
    ],
)
def test_mistakes_give_our_errors(call, error, text):
    with pytest.raises(error) as caught:
        call(leaf(2, 3))
    assert text in str(caught.value)


def test_the_error_of_a_shape_is_also_that_of_python():
    with pytest.raises(ValueError, match="reshape"):
        leaf(2, 3).reshape(5)
    with pytest.raises(IndexError, match="transpose|permute"):
        gg.permute_dims(leaf(2), (1,))


def test_raw_arrays_give_tensors_also_where_nothing_changes():
    a = np.ones(3)
    results = [gg.broadcast_to(a, (3,)), gg.expand(a, (3,)), *gg.broadcast_arrays(a, a)]
    assert all(isinstance(y, gg.Tensor) and y.shape == (3,) for y in results)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: gg.broadcast_to(x, (-2,)), gg.ShapeError, "does not broadcast"),
        (lambda x: gg.expand(x, (-2,)), gg.ShapeError, "does not broadcast"),
        (lambda x: gg.broadcast_to(x, (2.5,)), gg.DtypeError, r"broadcast_to: shape \(2.5,\) must"),
        (lambda x: gg.broadcast_to(x, None), gg.DtypeError, "broadcast_to: shape None must"),
        (lambda x: gg.roll(x, 1.5), gg.DtypeError, "roll: shift 1.5 must be an int"),
        (lambda x: gg.pad(x, [(1, 2), (3,)]), gg.ShapeError, "pad: pad_width .* fits no x"),
        (
            lambda x: gg.pad(x.astype(int), 1, constant_values=float("nan")),
            gg.DtypeError,
            "pad: constant_values=nan does not fit into int64",
        ),
        (lambda x: gg.expand_dims(x, axis=1.5), gg.DtypeError, "expand_dims: axis 1.5 must"),
    ],
)
def test_more_mistakes_are_named(call, error, text):
    with pytest.raises(error, match=text):
        call(gg.ones(1, device="cpu"))


def test_expand_dims_takes_numpy_integers():
    assert gg.expand_dims(np.ones(3), axis=np.int64(1)).shape == (3, 1)
