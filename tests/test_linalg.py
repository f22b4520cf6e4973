"""matmul, linear, einsum and kin: NumPy's meaning, gradients, costs, half precision, errors."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.backend import MetaArray
from gpugraph.core.op import Spec
from gpugraph.ops.einsum import Einsum


def draw(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def meta(*shape, dtype=np.float32):
    return gg.Tensor(MetaArray(shape, dtype))


def spec(*shape, dtype=np.float32):
    return Spec(shape, np.dtype(dtype))


# matmul


@pytest.mark.parametrize(
    "shape1, shape2",
    [
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((3,), (5, 3, 2)),
        ((5, 2, 3), (3,)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((4, 1, 2, 3), (5, 3, 1)),
        ((0, 2, 3), (3, 4)),
        ((2, 0), (0, 3)),
        ((0,), (0,)),
    ],
)
def test_matmul_is_that_of_numpy_with_its_gradients(shape1, shape2):
    a, b = draw(*shape1), draw(*shape2, seed=1)
    x1, x2 = gg.Tensor(a, True), gg.Tensor(b, True)
    y = x1 @ x2
    np.testing.assert_allclose(y.numpy(), a @ b, rtol=1e-13, strict=True)
    g = draw(*y.shape, seed=2)
    got1, got2 = gg.grad(y, [x1, x2], g)
    if b.ndim == 1:  # a column
        g = g[..., None]
    if a.ndim == 1:  # a row
        g = g[..., None, :]
    row, column = np.atleast_2d(a), b if b.ndim > 1 else b[:, None]
    want1 = g @ np.swapaxes(column, -1, -2)
    want2 = np.swapaxes(row, -1, -2) @ g
    for got, want, x in ((got1, want1, row), (got2, want2, column)):
        lead = want.ndim - x.ndim
        stretched = [lead + i for i, n in enumerate(x.shape) if n == 1 and want.shape[lead + i] > 1]
        want = want.sum((*range(lead), *stretched)).reshape(got.shape)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-12)
    on_meta = meta(*shape1) @ meta(*shape2)
    assert on_meta.shape == y.shape


def test_matmul_takes_arrays_strides_read_only_and_integers():
    a, b = draw(4, 3), draw(4, 5)
    a.flags.writeable = False
    np.testing.assert_allclose((gg.Tensor(a).T @ gg.Tensor(b)[::-1]).numpy(), a.T @ b[::-1])
    np.testing.assert_allclose((a.T @ gg.Tensor(b)).numpy(), a.T @ b)
    np.testing.assert_allclose(np.matmul(gg.Tensor(a).T, b).numpy(), a.T @ b)
    assert (gg.Tensor(np.ones((2, 2), int)) @ np.ones((2, 2), np.int8)).dtype == np.int64
    assert (gg.Tensor(np.ones((2, 2), np.float32)) @ np.ones((2, 2))).dtype == np.float64


@pytest.mark.parametrize(
    "shape1, shape2, text",
    [
        (
            (2, 3),
            (4, 5),
            "matmul: x1 (2, 3) @ x2 (4, 5): the last axis of x1 (3) must equal the last but one "
            "of x2 (4)",
        ),
        ((2, 3), (4,), "the last axis of x1 (3) must equal the axis of x2 (4)"),
        ((), (4,), "matmul: x1 is 0-d; it must have at least 1 axis"),
        ((4,), (), "matmul: x2 is 0-d"),
        (
            (2, 3, 4),
            (5, 4, 1),
            "matmul: batch axes of x1 (2,), batch axes of x2 (5,) do not broadcast",
        ),
    ],
)
def test_matmul_names_what_does_not_fit(shape1, shape2, text):
    for x1, x2 in ((gg.Tensor(draw(*shape1)), draw(*shape2)), (meta(*shape1), meta(*shape2))):
        with pytest.raises(gg.ShapeError) as caught:
            x1 @ x2
        assert text in str(caught.value)


def test_matmul_counts_its_products():
    cost = gg.ops.linalg.MATMUL.cost(spec(7, 2, 3), spec(3, 4))
    assert (cost.macs, cost.flops, cost.formula) == (7 * 2 * 4 * 3, 2 * 7 * 2 * 4 * 3, "7*2*4*3")
    assert cost.bytes == 4 * (42 + 12 + 56)
    assert gg.ops.linalg.MATMUL.cost(spec(3), spec(3)).macs == 3


def test_one_matrix_for_many_batches_is_one_product_in_the_gradient():
    x, w = gg.Tensor(draw(6, 5, 4), True), gg.Tensor(draw(4, 3), True)
    (g,) = gg.grad((x @ w).sum(), w, create_graph=True)
    seen, todo = set(), [g.node]
    while todo:
        node = todo.pop()
        if node.op is not None and node not in seen:
            seen.add(node)
            todo += [edge[0] for edge in node.parents if edge is not None]
    assert not any(type(n.op).__name__ == "SumTo" for n in seen)
    np.testing.assert_allclose(g.numpy(), np.repeat(x.array.sum((0, 1))[:, None], 3, axis=1))


# linear


@pytest.mark.parametrize("lead", [(), (5,), (2, 5), (0,), (3, 0)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_linear_and_its_gradients(lead, with_bias):
    x, w, b = (gg.Tensor(a, True) for a in (draw(*lead, 3), draw(4, 3, seed=1), draw(4, seed=2)))
    y = gg.linear(x, w, b if with_bias else None)
    want = x.array @ w.array.T + (b.array if with_bias else 0)
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-13, strict=True)
    g = draw(*y.shape, seed=3)
    gx, gw, *gb = gg.grad(y, [x, w, b] if with_bias else [x, w], g)
    np.testing.assert_allclose(gx.numpy(), g @ w.array)
    rows = g.reshape(-1, 4)
    np.testing.assert_allclose(gw.numpy(), rows.T @ x.array.reshape(rows.shape[0], 3), atol=1e-14)
    if with_bias:
        np.testing.assert_allclose(gb[0].numpy(), rows.sum(0))


@pytest.mark.parametrize(
    "args, error, text",
    [
        (
            (draw(2, 400), draw(10, 256)),
            gg.ShapeError,
            "linear: x has 400 features in its last axis; w (10, 256) takes 256",
        ),
        ((draw(2, 3), draw(3)), gg.ShapeError, "linear: w (3,) must have 2 axes"),
        ((np.array(1.0), draw(2, 3)), gg.ShapeError, "linear: x is 0-d; its last axis must hold 3"),
        ((draw(2, 3), draw(4, 3), draw(3)), gg.ShapeError, "linear: b (3,) must be (4,)"),
        (
            (draw(2, 3, dtype=np.float32), draw(4, 3)),
            gg.DtypeError,
            "linear: x is float32, w is float64; cast one of them",
        ),
        (
            (draw(2, 3), draw(4, 3), draw(4, dtype=np.float32)),
            gg.DtypeError,
            "linear: x is float64, b is float32",
        ),
    ],
)
def test_linear_names_what_does_not_fit(args, error, text):
    for convert in (gg.Tensor, lambda a: meta(*a.shape, dtype=a.dtype)):
        with pytest.raises(error) as caught:
            gg.linear(*map(convert, args))
        assert text in str(caught.value)


def test_linear_counts_its_products():
    cost = gg.ops.linalg.LINEAR.cost(spec(64, 400), spec(120, 400), spec(120))
    assert cost.macs == 64 * 400 * 120
    assert cost.flops == 2 * cost.macs + 64 * 120
    assert cost.formula == "64*120*400"
    assert cost.bytes == 4 * (64 * 400 + 120 * 400 + 120 + 64 * 120)


@pytest.mark.parametrize("function", ["matmul", "linear", "einsum"])
def test_half_precision_adds_up_in_float32_and_rounds_once(function):
    x = draw(3, 4096, dtype=np.float16)
    w = draw(5, 4096, seed=1, dtype=np.float16)
    y = {
        "matmul": lambda: gg.matmul(gg.Tensor(x), w.T),
        "linear": lambda: gg.linear(x, w),
        "einsum": lambda: gg.einsum("ik,jk->ij", x, w),
    }[function]()
    assert y.dtype == np.float16
    exact = x.astype(np.float64) @ w.astype(np.float64).T
    np.testing.assert_allclose(y.numpy(), exact, rtol=2**-10, atol=1e-3)


# einsum


@pytest.mark.parametrize(
    "subscripts, shapes",
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("kj,ij", [(2, 3), (4, 3)]),
        ("ba", [(2, 3)]),
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("iij->j", [(3, 3, 2)]),
        ("ij->", [(2, 3)]),
        ("ij,kl->k", [(2, 3), (4, 2)]),
        ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
        ("...ij,jk", [(5, 2, 3), (3, 4)]),
        ("i...->...", [(3, 2, 4)]),
        ("...,...", [(3, 1), (2,)]),
        ("i,i->i", [(3,), (1,)]),
        ("i,i->", [(1,), (3,)]),
        ("ij,ij->j", [(1, 3), (2, 3)]),
        ("i,j,k->kji", [(2,), (3,), (4,)]),
        ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 2)]),
        ("iij,jkk->ik", [(2, 2, 3), (3, 4, 4)]),
        (",ij->ij", [(), (2, 3)]),
        (" i j , j ", [(2, 3), (3,)]),
        ("ij,j->i", [(2, 0), (0,)]),
        ("ij,jk->ik", [(0, 3), (3, 2)]),
    ],
)
def test_einsum_is_that_of_numpy_with_its_gradients(subscripts, shapes):
    arrays = [draw(*s, seed=i) for i, s in enumerate(shapes)]
    xs = [gg.Tensor(a, True) for a in arrays]
    want = np.einsum(subscripts, *arrays)
    y = gg.einsum(subscripts, *xs)
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-12, atol=1e-13, strict=True)
    assert gg.einsum(subscripts, *(meta(*s) for s in shapes)).shape == want.shape
    strided = [np.array(a, order="F") for a in arrays]
    np.testing.assert_allclose(gg.einsum(subscripts, *strided).numpy(), want, atol=1e-13)
    assert gg.testing.gradcheck(lambda *ts: gg.einsum(subscripts, *ts), tuple(arrays), order=3)


def test_einsum_of_one_operand_is_a_view_where_numpy_gives_one():
    x = gg.Tensor(np.zeros((3, 3)))
    y = gg.einsum("ii->i", x)
    assert y.is_view
    assert y.shared_version() is x.shared_version()
    y[0] = 1.0
    assert x.array[0, 0] == 1
    assert not gg.einsum("ij->i", x).is_view


def test_numpy_einsum_reaches_ours():
    x = gg.Tensor(draw(2, 3), True)
    assert np.einsum("ij,ij", x, x).requires_grad


def test_einsum_counts_its_products():
    def cost(subscripts, *shapes):
        return Einsum(subscripts).cost(*(spec(*s) for s in shapes))

    c = cost("bij,bjk->bik", (2, 3, 4), (2, 4, 5))
    assert (c.macs, c.flops, c.formula) == (2 * 3 * 4 * 5, 240, "2*3*4*5")
    assert cost("ij->i", (2, 3)).flops == 2 * 3 - 2
    assert cost("ij->i", (2, 3)).macs == 0
    # three operands: a pair at a time, on NumPy's greedy path, (ab, b) first
    assert cost("ab,b,a->", (50, 60), (60,), (50,)).macs == 50 * 60 + 50
    assert cost("ij,jk,kl->il", (2, 0), (0, 3), (3, 4)).macs == 0


@pytest.mark.parametrize(
    "subscripts, shapes, error, text",
    [
        ("ij,jk->ik", [(2, 3)], gg.ArgumentError, "names 2 operands, 1 were given"),
        ("ij", [(2, 3, 4)], gg.ShapeError, "operand 0 (2, 3, 4) has 3 axes; 'ij' names 2"),
        ("...ijk", [(2, 3)], gg.ShapeError, "has 2 axes; '...ijk' names 3"),
        (
            "ij,jk->ik",
            [(2, 3), (4, 5)],
            gg.ShapeError,
            "einsum: label 'j' has length 3 in operand 0 (2, 3) and 4 in operand 1 (4, 5)",
        ),
        ("ii", [(2, 3)], gg.ShapeError, "label 'i' has length 2 in operand 0 (2, 3) and 3 in op"),
        ("ij->ik", [(2, 3)], gg.ArgumentError, "must name labels of the operands"),
        ("ij->ii", [(2, 3)], gg.ArgumentError, "each once"),
        ("i1", [(2, 3)], gg.ArgumentError, "must be made of letters"),
        ("i..", [(2, 3)], gg.ArgumentError, "must be made of letters"),
        ("i->i->i", [(2,)], gg.ArgumentError, "must be made of letters"),
        (3, [(2, 3)], gg.DtypeError, "subscripts is a int; it must be a str"),
    ],
)
def test_einsum_names_what_is_wrong(subscripts, shapes, error, text):
    with pytest.raises(error) as caught:
        gg.einsum(subscripts, *(gg.Tensor(draw(*s)) for s in shapes))
    assert text in str(caught.value)


# What follows


@pytest.mark.parametrize("axes", [0, 1, 2, ((0, 2), (2, 1)), ([1], [-2]), (-1, 1), ((), ())])
def test_tensordot(axes):
    a, b = draw(3, 4, 4), draw(4, 4, 3, seed=1)
    y = gg.tensordot(gg.Tensor(a, True), b, axes=axes)
    np.testing.assert_allclose(y.numpy(), np.tensordot(a, b, axes), rtol=1e-12, strict=True)
    assert np.tensordot(gg.Tensor(a, True), b, axes=axes).requires_grad


def test_vecdot_outer_and_dot():
    a, b = draw(2, 3), draw(4, 1, 3, seed=1)
    np.testing.assert_allclose(gg.vecdot(a, b).numpy(), np.vecdot(a, b), strict=True)
    np.testing.assert_allclose(gg.vecdot(a, b[0], axis=-1).numpy(), np.vecdot(a, b[0]))
    np.testing.assert_allclose(gg.outer(a, b).numpy(), np.outer(a, b), strict=True)
    for shape1, shape2 in (((), (3,)), ((3,), (3,)), ((2, 3), (3, 4)), ((2, 3), (5, 3, 4))):
        c, d = draw(*shape1), draw(*shape2, seed=1)
        np.testing.assert_allclose(gg.dot(gg.Tensor(c), d).numpy(), np.dot(c, d), rtol=1e-13)
        assert isinstance(np.dot(gg.Tensor(c), gg.Tensor(d)), gg.Tensor)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: gg.tensordot(draw(2, 3), draw(2, 3), axes=3), gg.ArgumentError, "is too many"),
        (
            lambda: gg.tensordot(draw(2, 3), draw(2, 3), axes=1),
            gg.ShapeError,
            "tensordot: x1 (2, 3) and x2 (2, 3) differ in the paired axes",
        ),
        (lambda: gg.tensordot(draw(2), draw(2), axes=((1,), (0,))), gg.AxisError, "axis 1 is out"),
        (lambda: gg.vecdot(draw(2), draw(3)), gg.ShapeError, "differ in axis -1: 2 and 3"),
        (lambda: gg.vecdot(draw(), draw(3)), gg.AxisError, "axis -1 is out of range for x1 ()"),
    ],
)
def test_mistakes_in_the_others(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_dot_of_numbers_is_a_tensor():
    with gg.default_device("cpu"):
        assert gg.dot(np.ones(3), 2.0).tolist() == [2.0, 2.0, 2.0]
        assert gg.dot(2.0, 3.0).item() == 6.0
