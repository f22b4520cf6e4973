"""The engine: recording, the reverse sweep, what it keeps and frees, and what it refuses."""

import math
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core.op import REGISTRY
from gpugraph.core.state import STATE, Observer, observe


def leaf(*values, dtype=np.float64):
    return gg.Tensor(np.array(values, dtype), requires_grad=True)


# Gradients


def test_gradient_of_a_fan_out():
    x = leaf(0.5, 2.0)
    y = x * x
    z = (y * y + y * x + x).sum()  # x^4 + x^3 + x
    (g,) = gg.grad(z, x)
    np.testing.assert_allclose(g.numpy(), 4 * x.numpy() ** 3 + 3 * x.numpy() ** 2 + 1, rtol=1e-15)


def test_any_order():
    x = leaf(0.7)
    y = gg.sin(x)
    for k in range(1, 7):
        (y,) = gg.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(math.sin(0.7 + k * math.pi / 2), rel=1e-14)


def test_backward_accumulates_and_grad_does_not():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x * w).sum().backward()
    (x * w).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6, 8])
    np.testing.assert_array_equal(w.grad.numpy(), [2, 4])
    gg.grad((x * w).sum(), [x, w])
    np.testing.assert_array_equal(x.grad.numpy(), [6, 8])


def test_backward_with_a_cotangent():
    x = leaf(1.0, 2.0)
    (x * x).backward(gg.Tensor(np.array([1.0, 10.0])))
    np.testing.assert_array_equal(x.grad.numpy(), [2, 40])
    x.grad = None
    (x * x).backward(np.array([1.0, 10.0]))  # a raw array does, too
    np.testing.assert_array_equal(x.grad.numpy(), [2, 40])


@pytest.mark.parametrize("number", [2, 2.0, np.float32(2), np.int64(2)])
def test_a_number_as_the_cotangent_of_a_number(number):
    x = gg.tensor([1.0, 3.0], requires_grad=True, device="cpu")
    x.sum().backward(number)
    assert x.grad.tolist() == [2.0, 2.0]


def test_backward_with_create_graph_can_be_differentiated():
    x = leaf(3.0)
    (x * x * x).sum().backward(create_graph=True)
    (second,) = gg.grad(x.grad.sum(), x)
    assert second.item() == 18.0


def test_a_cotangent_of_a_tensor_that_is_also_sliced():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    mine = gg.nn.Parameter(np.array([10.0, 20.0, 30.0]))  # any kind of tensor may come in
    (g,) = gg.grad([y[1:].sum() + y.sum(), y], x, [None, mine])
    assert g.tolist() == [11, 22, 32]


def test_several_outputs_and_inputs():
    x, y = leaf(2.0), leaf(5.0)
    gx, gy = gg.grad([x * y, x + y], [x, y], [leaf(1.0).detach(), np.array([10.0])])
    assert (gx.item(), gy.item()) == (15.0, 12.0)


def test_gradient_of_an_intermediate():
    x = leaf(2.0)
    y = x * x
    z = (y * y).sum()
    gy, gx = gg.grad(z, [y, x])
    assert (gy.item(), gx.item()) == (8.0, 32.0)


def test_gradient_of_an_intermediate_behind_which_the_graph_is_freed():
    x = gg.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    h = x * x
    h.sum().backward()
    (gh,) = gg.grad((h * 3.0).sum(), h)  # h's own rule is not needed
    assert gh.tolist() == [3.0, 3.0]
    with pytest.raises(gg.GradientError, match="already used"):
        gg.grad((h * 3.0).sum(), x)


def test_a_leaf_that_was_frozen_meanwhile_gets_no_gradient():
    x, w = (gg.Tensor(np.array([1.0, 2.0]), requires_grad=True) for _ in range(2))
    y, z = (x * w).sum(), (x * w).sum()
    x.requires_grad = False
    y.backward()
    assert x.grad is None and w.grad is not None
    x.requires_grad = True
    z.backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_output_that_is_the_input():
    x = leaf(2.0)
    (g,) = gg.grad(x, x)
    assert g.item() == 1.0


def test_only_what_leads_to_the_inputs_is_visited():
    visited = []

    class Spy(gg.Op):
        def spec(self, x):
            return x

        def forward(self, xp, x):
            return x.copy()

        def vjp_x(self, node, g):
            visited.append(node)
            return g

        cost = samples = None

    x, other = leaf(1.0), leaf(1.0)
    gg.grad(x * 2 + gg.apply(Spy(), other), x)
    assert not visited
    del REGISTRY["Spy"]


def test_retain_grad_of_an_intermediate():
    x = leaf(3.0)
    y = (x * x).retain_grad()
    (y * y).sum().backward()
    assert y.grad.item() == 18.0
    assert x.grad.item() == 108.0


def test_gradients_handed_out_have_memory_of_their_own():
    x, y = leaf(1.0, 2.0), leaf(1.0, 2.0)
    g = np.ones(2)
    (x + y).backward(g)
    x.grad[0] = 7.0
    assert y.grad.numpy().tolist() == [1, 1]
    assert g.tolist() == [1, 1]
    (gx,) = gg.grad(x.sum(), x)  # a broadcast view inside
    gx[0] = 5.0
    assert gx.numpy().tolist() == [5, 1]


def test_gradients_with_a_graph_have_memory_of_their_own():
    seed = gg.Tensor(np.array([3.0, 4.0]))
    a, b = (gg.Tensor(np.zeros(2), requires_grad=True) for _ in range(2))
    (a + b).backward(seed, create_graph=True)
    a.grad[0] = 0
    assert b.grad.tolist() == seed.tolist() == [3.0, 4.0]
    a.sum().backward(create_graph=True)  # its cotangent is a broadcast, read-only
    b.sum().backward(create_graph=True)
    assert b.grad.tolist() == [4.0, 5.0]


def test_gradient_has_the_dtype_of_its_tensor():
    x = leaf(1.0, dtype=np.float32)
    y = leaf(2.0)
    (x * y).sum().backward()
    assert x.grad.dtype == np.float32
    assert y.grad.dtype == np.float64


# Recording


def test_no_grad_records_nothing_and_enable_grad_does_again():
    x = leaf(1.0)
    with gg.no_grad():
        assert not (x * 2).requires_grad
        with gg.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad

    @gg.no_grad()
    def f(x):
        return x * 2

    assert not f(x).requires_grad
    assert not f(x).requires_grad  # a decorator works more than once


def test_a_context_can_be_used_again_and_inside_itself():
    x, off = leaf(1.0), gg.no_grad()
    for _ in range(2):
        with off, gg.enable_grad(), off:
            assert not (x * 2).requires_grad
        assert (x * 2).requires_grad


def test_an_unused_input_is_noticed_before_anything_is_freed():
    x, other = leaf(1.0), leaf(1.0)
    y = gg.exp(x).sum()
    with pytest.raises(gg.GradientError, match=r"inputs\[1\]"):
        gg.grad(y, [x, other])
    (g,) = gg.grad(y, x)  # the corrected call works
    assert g.item() == pytest.approx(np.e)


def test_constants_are_not_recorded():
    assert (gg.Tensor(np.ones(2)) * 2).node is None
    assert leaf(1.0).detach().node is None


def test_nodes_tell_where_they_were_made_and_in_which_scope():
    x = leaf(1.0)
    with gg.scope("net"), gg.scope("stage1"):
        y = x * 2  # this line
    source = Path(__file__).read_text().splitlines()
    line = next(i for i, text in enumerate(source, 1) if text.endswith("  # this line"))
    assert y.node.where == f"{__file__}:{line}"
    assert y.node.scope == ("net", "stage1")
    assert (x * 2).node.scope == ()


def test_a_node_keeps_only_what_its_rules_will_read():
    x, w = leaf(1.0), gg.Tensor(np.array([2.0]))
    assert set((x * w).node.kept) == {"x2"}  # w for the gradient of x; x for nobody
    assert set((x * leaf(2.0)).node.kept) == {"x1", "x2"}
    assert set((x + w).node.kept) == set()


def test_structure_stays_after_backward():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    assert y.node.op.label == "sum"
    assert y.node.parents[0][0].in_specs[0] == ((2,), np.float64)
    assert y.node.parents[0][0].kept is None


def test_threads_differentiate_at_once():
    results = {}

    def work(k):
        with gg.no_grad() if k % 2 else gg.enable_grad():
            x = leaf(float(k))
            y = x
            for _ in range(200):
                y = y * 1.0 + x
            results[k] = y.requires_grad and gg.grad(y, x)[0].item()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert results == {k: (False if k % 2 else 201.0) for k in range(8)}


# Freeing and refusing


def test_second_backward_says_so():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(gg.GradientError, match=r"already used.*retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_backward():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8.0


def test_unused_input():
    x, other = leaf(1.0), leaf(1.0)
    y = x * 2
    with pytest.raises(gg.GradientError, match=r"inputs\[1\].*allow_unused=True"):
        gg.grad(y, [x, other], retain_graph=True)
    gx, go = gg.grad(y, [x, other], allow_unused=True)
    assert gx.item() == 2.0
    assert go is None


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: gg.grad(x * 2, gg.Tensor(np.ones(2))), gg.GradientError, "requires_grad=True"),
        (lambda x: gg.grad(gg.Tensor(np.ones(1)), x), gg.GradientError, "depends on no tensor"),
        (lambda x: (x * 2).backward(), gg.GradientError, r"shape \(2,\).*\.sum\(\)"),
        (lambda x: (x * 2).backward(np.ones(3)), gg.ShapeError, r"\(3,\), the output \(2,\)"),
        (lambda x: (x * 2).backward("one"), gg.DtypeError, "got str"),
        (lambda x: gg.grad(x * 2, []), gg.ArgumentError, "inputs is empty"),
        (lambda x: gg.grad(x * 2, [3.0]), gg.DtypeError, r"inputs\[0\] is a float"),
        (lambda x: gg.grad(x.sum(), x, [1.0, 2.0]), gg.ArgumentError, "2 cotangents for 1"),
        (lambda x: x + None, gg.DtypeError, "add: x2 is a NoneType"),
        (lambda x: x * [1.0, 2.0], gg.DtypeError, r"multiply: x2 is a list.*gpugraph\.tensor"),
        (lambda x: gg.Tensor([1.0]), gg.DtypeError, "got list.*gpugraph.tensor"),
        (lambda x: gg.Tensor(np.arange(3), requires_grad=True), gg.DtypeError, "int64.*astype"),
        (lambda x: gg.Tensor(np.ones(1) * 1j, requires_grad=True), gg.DtypeError, "complex128"),
        (lambda x: (x * 2).requires_grad_(False), gg.GradientError, r"detach\(\)"),
        (lambda x: setattr(x, "grad", np.ones(2)), gg.DtypeError, "must be a Tensor"),
        (lambda x: setattr(x, "grad", gg.Tensor(np.ones(3))), gg.ShapeError, r"\(3,\)"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error, match=text):
        call(leaf(1.0, 2.0))


@dataclass(frozen=True)
class Scale(gg.Op):
    """A user's op, with a mistake for every test."""

    by: float = 2.0

    def spec(self, x):
        return x

    def forward(self, xp, x):
        return self.by * x

    def cost(self, x):
        return gg.Cost(flops=x.size, bytes=2 * x.nbytes)

    @classmethod
    def samples(cls, rng):
        yield gg.Sample(cls(), (rng.standard_normal(3),))


def test_an_op_without_a_rule_raises_when_recorded():
    np.testing.assert_array_equal(gg.apply(Scale(3.0), np.ones(2)).numpy(), [3, 3])
    with pytest.raises(gg.GradientError, match="scale: x needs a gradient.*no vjp rule"):
        gg.apply(Scale(), leaf(1.0))


def test_a_rule_that_names_no_input_is_refused_at_once():
    with pytest.raises(TypeError, match=r"vjp_foo names no input of \('x',\)"):

        class Wrong(Scale):
            def vjp_foo(self, node, g):
                return g


def test_keeps_that_name_nothing_are_refused_at_once():
    with pytest.raises(TypeError, match=r"keeps\['x'\].*must be a tuple of names"):

        class Wrong(Scale):
            keeps = {"x": ("z",)}

    with pytest.raises(TypeError, match=r"keeps\['z'\] names no input"):

        class Wronger(Scale):
            keeps = {"z": ("x",)}


def test_cost_and_samples_are_mandatory():
    with pytest.raises(TypeError, match="an op needs cost, samples"):

        class Bare(gg.Op):
            def spec(self, x):
                return x

            def forward(self, xp, x):
                return x


def test_a_rule_that_reads_what_it_did_not_declare():
    class Forgetful(Scale):
        def vjp_x(self, node, g):
            return g * node["x"]

    y = gg.apply(Forgetful(), leaf(1.0))
    with pytest.raises(gg.GradientError, match=r"reads 'x' but keeps declares only \[\]"):
        y.sum().backward()


def test_a_rule_of_the_wrong_shape():
    class Misshaped(Scale):
        def vjp_x(self, node, g):
            return g.sum()

    y = gg.apply(Misshaped(), leaf(1.0, 2.0))
    with pytest.raises(gg.ShapeError, match=r"rule for x gave shape \(\); x has \(2,\)"):
        y.sum().backward()


def test_the_engine_sums_over_what_an_input_repeated():
    class Plus(Scale):
        local = ("x", "b")
        keeps = {}

        def spec(self, x, b):
            return gg.Spec(np.broadcast_shapes(x.shape, b.shape), x.dtype)

        def forward(self, xp, x, b):
            return x + b

        def vjp_x(self, node, g):
            return g

        def vjp_b(self, node, g):
            return g if self.by == 1 else gg.broadcast_to(g, (2, *g.shape))

    x, b = leaf(1.0, 2.0, 3.0), gg.Tensor(np.ones((4, 1)), requires_grad=True)
    c = np.arange(12.0).reshape(4, 3)
    y = gg.apply(Plus(1), x, b)
    gx, gb = gg.grad(y, (x, b), c)
    np.testing.assert_array_equal(gx.numpy(), [18, 22, 26])
    np.testing.assert_array_equal(gb.numpy(), [[3], [12], [21], [30]])
    # any other shape is a mistake in the rule
    with pytest.raises(gg.ShapeError, match=r"rule for b gave shape \(2, 4, 3\); b has \(4, 1\)"):
        gg.grad(gg.apply(Plus(2), x, b), b, c)


def test_a_sweep_takes_nodes_newest_first():
    """However the graph was made, a node's turn comes when all its cotangents have."""
    rng = np.random.default_rng(0)
    x = leaf(0.5)
    values, slopes = [x], [1.0]
    for _ in range(60):
        i, j = rng.integers(len(values), size=2)
        values.append(0.5 * values[i] - 0.25 * values[j])
        slopes.append(0.5 * slopes[i] - 0.25 * slopes[j])

    class Watch(Observer):
        def __init__(self):
            self.seqs = []

        def reached(self, node, cotangents):
            self.seqs.append(node.seq)

    watch = Watch()
    with observe(watch):
        (g,) = gg.grad(sum(values[1:]).sum(), x)
    assert g.item() == pytest.approx(sum(slopes[1:]), rel=1e-13)
    assert watch.seqs == sorted(set(watch.seqs), reverse=True)


def test_operators_are_the_functions():
    from gpugraph.core.methods import FUNCTIONS, OPERATORS

    for name, operator in OPERATORS.items():
        assert getattr(gg.Tensor, operator) is getattr(FUNCTIONS, name)


def teardown_module():
    for name in ("Scale", "Wrong", "Wronger", "Bare", "Forgetful", "Misshaped", "Plus"):
        REGISTRY.pop(name, None)


# Anomalies


def test_detect_anomaly_names_the_op_where_a_nan_is_born():
    x = leaf(-1.0)
    with gg.detect_anomaly(), np.errstate(invalid="ignore"):
        with pytest.raises(gg.AnomalyError, match=r"sqrt: a NaN is born here \(made at .*\[-1"):
            gg.sqrt(x)
        y = gg.Tensor(np.array([np.nan]))
        assert math.isnan((y * 2).item())  # it was born elsewhere


def test_detect_anomaly_looks_at_gradients():
    x = leaf(0.0)
    with gg.detect_anomaly(), np.errstate(all="ignore"):
        y = gg.sqrt(x) * 0.0  # 0 * inf on the way back
        with pytest.raises(gg.AnomalyError, match="NaN is born in the gradient of"):
            y.sum().backward()


def test_detect_anomaly_notices_raw_writes():
    x = leaf(1.0)
    with gg.detect_anomaly():
        y = (x * x).sum()
        x.array[0] = 5.0  # behind the engine's back
        with pytest.raises(gg.AnomalyError, match="written to from outside"):
            y.backward()


# Observers


class Log(Observer):
    """Writes down each op, and which op's rule it serves."""

    def __init__(self):
        self.seen = []

    def applied(self, op, arrays, outs):
        sweep = STATE.get().sweep
        rule_of = None if sweep is None else "none" if sweep.node is None else sweep.node.op.label
        assert all(y.array.dtype.kind == "f" for y in outs) and arrays
        self.seen.append((op.label, rule_of))


def test_an_observer_sees_ops_and_whose_rule_they_serve():
    x, log = leaf(2.0, 3.0), Log()
    with observe(log):
        for _ in range(2):
            gg.exp(x).sum().backward()
        with observe(log, enabled=False):
            gg.exp(x)
    gg.sqrt(x)
    once = [("exp", None), ("sum", None), ("broadcast_to", "sum"), ("multiply", "exp")]
    found = [entry for entry in log.seen if entry[0] != "reshape"]
    assert found == [*once, *once, ("add", "none")]


def test_an_observer_sees_ops_of_constants_and_stays_beside_others():
    log = Log()
    with observe(log), gg.detect_anomaly(), np.errstate(invalid="ignore"):
        gg.exp(gg.Tensor(np.zeros(2)))
        with pytest.raises(gg.AnomalyError, match="sqrt"):
            gg.sqrt(gg.Tensor(np.full(2, -1.0)))
        with gg.detect_anomaly(False):
            gg.sqrt(gg.Tensor(np.full(2, -1.0)))
    assert [label for label, _ in log.seen] == ["exp", "sqrt", "sqrt"]
