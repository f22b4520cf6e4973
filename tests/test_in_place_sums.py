"""Cotangents are added up in place where nobody else can see the memory, and only there."""

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core import cotangents
from gpugraph.core.cotangents import add_in_place
from gpugraph.core.state import Observer, observe


def value(x):
    return gg.Tensor(np.full((3, 4), x, "float32"))


def test_python_counts_references_here():
    assert cotangents._TELLING


def test_alone():
    cells = [value(1)]
    place = cells[0].array.ctypes.data
    assert add_in_place(cells, 0, value(2))
    assert cells[0].array.ctypes.data == place and (cells[0].array == 3).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda t: t,
        lambda t: t.array,
        lambda t: t.array[1:],
        lambda t: t.detach(),
        lambda t: t.array.T,
        lambda t: memoryview(t.array),
    ],
)
def test_seen_by_another(make):
    cells = [value(1)]
    other = make(cells[0])
    assert not add_in_place(cells, 0, value(2))
    assert (np.asarray(other.array if isinstance(other, gg.Tensor) else other) == 1).all()


def test_views_of_memory_that_nobody_else_sees():
    cells = [gg.Tensor(np.ones((3, 4)).T[1:])]
    assert add_in_place(cells, 0, gg.Tensor(np.ones((3, 3))))
    assert (cells[0].array == 2).all()
    memory = np.ones((3, 4))
    cells = [gg.Tensor(memory.T[1:])]
    assert not add_in_place(cells, 0, gg.Tensor(np.ones((3, 3))))
    assert (memory == 1).all()


@pytest.mark.parametrize(
    "first, second",
    [
        (lambda: np.ones(3), lambda: np.ones(3, "float32")),
        (lambda: np.broadcast_to(1.0, 3), lambda: np.ones(3)),
        (lambda: np.frombuffer(bytearray(24)), lambda: np.ones(3)),
        (lambda: np.ones(3).view(gg.core.backend.SimArray), lambda: np.ones(3)),
        (lambda: gg.core.backend.MetaArray((3,), "float64"), lambda: np.ones(3)),
        (lambda: np.ones((1, 3)), lambda: np.ones((2, 3))),
    ],
)
def test_refused(first, second):
    assert not add_in_place([gg.Tensor(first())], 0, gg.Tensor(second()))


def test_not_where_the_pass_is_recorded_or_observed():
    x = value(2).requires_grad_()
    assert not add_in_place([value(1) * x], 0, value(1))
    assert not add_in_place([value(1)], 0, value(1) * x)
    with observe(Observer()):
        assert not add_in_place([value(1)], 0, value(1))


def test_many_uses_of_one_tensor():
    """The sum over k of k x^2 / 2 and of its square: values, first and second derivatives."""
    x = gg.Tensor(np.array([1.0, -2.0, 3.0]), requires_grad=True)
    h = x * 1.0
    parts = [k * h * h / 2 for k in range(1, 6)]
    y = sum(parts[1:], parts[0]).sum()
    (g,) = gg.grad(y, x, create_graph=True)
    np.testing.assert_allclose(g.array, 15 * x.array)
    (gg2,) = gg.grad((g * g).sum(), x)
    np.testing.assert_allclose(gg2.array, 2 * 225 * x.array)


def test_what_hooks_and_retained_gradients_saw_stays():
    x = gg.Tensor(np.ones(4), requires_grad=True)
    h = x * 2.0
    branches = [h * float(k) for k in range(1, 4)]
    seen = []
    for b in branches:
        b.register_hook(seen.append)
        b.retain_grad()
    h.retain_grad()
    cotangent = gg.Tensor(np.arange(4.0))
    (branches[0] + branches[1] + branches[2]).backward(cotangent)
    np.testing.assert_array_equal(cotangent.array, np.arange(4.0))
    for held in [*seen, *(b.grad for b in branches)]:
        np.testing.assert_array_equal(held.array, np.arange(4.0))
    np.testing.assert_array_equal(h.grad.array, 6 * np.arange(4.0))
    np.testing.assert_array_equal(x.grad.array, 12 * np.arange(4.0))


@pytest.mark.parametrize("hold", [None, "tensor", "array", "view"])
def test_gradients_of_several_passes(hold):
    """p.grad grows in place, unless someone has kept it."""
    p = gg.nn.Parameter(np.ones((2, 3), "float32"))
    (p * 2.0).sum().backward()
    kept = {
        None: lambda g: None,
        "tensor": lambda g: g,
        "array": lambda g: g.array,
        "view": lambda g: g.array[0],
    }[hold](p.grad)
    place = p.grad.array.ctypes.data
    (p * 3.0).sum().backward()
    assert (p.grad.array == 5).all()
    assert (p.grad.array.ctypes.data == place) == (hold is None)
    if hold is not None:
        assert (getattr(kept, "array", kept) == 2).all()


def test_a_failed_sum_leaves_the_gradient():
    p = gg.nn.Parameter(np.ones(3))
    p._grad = gg.Tensor(np.ones(2))
    with pytest.raises(gg.ShapeError, match="add: .*(2,).*(3,)"):
        (p * 2.0).sum().backward()
    assert p.grad.shape == (2,)
