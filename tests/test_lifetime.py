"""What lives how long: nothing kept survives backward, nothing at all survives the last output.

The garbage collector is off in these tests: reference counting alone must do.
"""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import gpugraph as gg


@pytest.fixture(autouse=True)
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Watched(np.ndarray):
    """An array that can be weakly referenced."""


def nodes_below(*tensors):
    from gpugraph.core.graph import ancestors

    return [weakref.ref(n) for n in ancestors([t.node for t in tensors])]


def network(x, w):
    y = gg.tanh(x @ w)
    y = gg.exp(y * 0.1) + y
    return (y.reshape(-1)[1:] * y.reshape(-1)[:-1]).sum()


def leaves():
    rng = np.random.default_rng(0)
    return [gg.Tensor(rng.standard_normal((5, 5)), requires_grad=True) for _ in range(2)]


def test_what_nodes_kept_is_gone_after_backward():
    x, w = leaves()
    loss = network(x, w)
    nodes = nodes_below(loss)
    arrays = []
    for ref in nodes:
        for saved in (ref().kept or {}).values():
            if saved.array is not x.array and saved.array is not w.array and saved.array.size > 1:
                arrays.append(weakref.ref(saved.array))
    saved = None
    assert len(arrays) >= 4
    loss.backward()
    assert not [a for a in arrays if a() is not None]
    assert all(ref() is not None for ref in nodes)  # the structure can still be looked at


def test_the_graph_goes_with_its_last_output():
    x, w = leaves()
    loss = network(x, w)
    nodes = nodes_below(loss)
    inner = [r for r in nodes if r().op is not None]
    del loss
    assert not [r for r in inner if r() is not None]
    assert x.node is not None


def test_the_graph_of_a_gradient_goes_too():
    x, w = leaves()
    (g,) = gg.grad(network(x, w), x, create_graph=True)
    (h,) = gg.grad((g * g).sum(), w, create_graph=True)
    inner = [r for r in nodes_below(g, h) if r().op is not None]
    assert len(inner) > 40
    del g, h
    assert not [r for r in inner if r() is not None]


def test_create_graph_into_grad_makes_no_cycle():
    x, w = leaves()
    network(x, w).backward(create_graph=True)
    inner = [r for r in nodes_below(x.grad) if r().op is not None]
    x_ref, w_ref = weakref.ref(x), weakref.ref(w)
    del x, w
    assert x_ref() is None
    assert w_ref() is None
    assert not [r for r in inner if r() is not None]


def test_an_intermediate_of_which_only_the_gradient_is_held():
    x, w = leaves()
    y = (x @ w).retain_grad()
    loss = y.sum()
    y_ref = weakref.ref(y)
    del y
    loss.backward()  # the watcher is gone; nothing to fill, nothing to fail
    assert y_ref() is None
    assert x.grad is not None


def test_an_exception_in_forward_leaves_nothing():
    x, w = leaves()
    y = x @ w
    node = weakref.ref(y.node)
    with pytest.raises(gg.ShapeError):
        y @ gg.Tensor(np.ones((3, 3)))
    del y
    assert node() is None


def test_memory_is_flat_over_200_steps():
    x, w = leaves()

    def step():
        network(x, w).backward()
        x.grad = w.grad = None

    for _ in range(2500):  # Python's free lists of up to 2,000 tuples a size fill up
        step()
    tracemalloc.start()
    step()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        step()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 4096, f"200 steps left {after - before} bytes"


def test_training_a_network_leaves_nothing_behind():
    nn = gg.nn
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(64, 3),
    )
    optimizer = gg.optim.Adam(net.parameters())
    x, labels = np.random.default_rng(0).standard_normal((4, 1, 10, 10)), gg.tensor([0, 1, 2, 0])

    def step():
        loss = gg.nn.functional.cross_entropy(net(gg.tensor(x, dtype=gg.float32)), labels)
        net.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()

    for _ in range(50):
        step()
    gc.collect()
    tracemalloc.start()
    step()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        step()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 100_000, f"200 steps left {after - before} bytes"
    assert gc.collect() == 0, "cycles that only the collector removes"


def test_a_long_chain_differentiates_and_drops_without_recursion():
    x = gg.Tensor(np.array([1.0]), requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y * 1.0001
    (g,) = gg.grad(y.sum(), x)
    assert g.item() == pytest.approx(1.0001**20_000, rel=1e-9)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    del y  # never differentiated


def test_a_long_chain_of_a_recorded_gradient():
    x = gg.Tensor(np.array([1.0]), requires_grad=True)
    y = x
    for _ in range(5_000):
        y = gg.sin(y)
    (g,) = gg.grad(y.sum(), x, create_graph=True)
    (h,) = gg.grad(g.sum(), x)
    assert np.isfinite(h.item())
    del y, g, h
