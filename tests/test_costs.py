"""Costs: counted by loops, by the engine's own backward, and those that the lecture prints."""

import json
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.core import op as core_op
from gpugraph.core.op import Cost, Op
from gpugraph.core.state import Observer, observe
from gpugraph.models import LeNet5
from tests.test_ops import OPS


def counted(n, c, o, groups, spatial, size, stride, pad, dilation):
    """Multiply-adds (forward, of gx, of gw), one by one; padding counts, as in F^2 K L H W."""
    out = [
        (m + 2 * pad - dilation * (k - 1) - 1) // stride + 1
        for m, k in zip(spatial, size, strict=True)
    ]
    forward = gx = gw = 0
    for _ in range(n):
        for filt in range(o):
            group = filt // (o // groups)
            for channel in range(c):
                if channel // (c // groups) != group:
                    continue
                for _ in np.ndindex(*out):
                    for _ in np.ndindex(*size):
                        forward += 1  # y[filt] += x[channel] * w
                        gx += 1  # gx[channel] += gy[filt] * w
                        gw += 1  # gw += x[channel] * gy[filt]
    return forward, gx, gw


GRID = [
    (groups, stride, pad, dilation, bias, size)
    for groups, stride, pad, dilation in product((1, 2, 4), (1, 2), (0, 1), (1, 2))
    for bias, size in ((False, (3, 2)),)
] + [(1, 3, 2, 1, True, (5, 3)), (4, 1, 1, 1, True, (1, 1))]


@pytest.mark.parametrize("groups, stride, pad, dilation, bias, size", GRID)
def test_conv_costs_what_loops_count(groups, stride, pad, dilation, bias, size):
    n, c, o, spatial = 2, 4, 8, (7, 6)
    layer = nn.Conv2d(
        c, o, size, stride=stride, padding=pad, dilation=dilation, groups=groups, bias=bias
    )
    (node,) = gg.analysis.cost(layer, (n, c, *spatial)).nodes
    want = counted(n, c, o, groups, spatial, size, stride, pad, dilation)
    assert (node.forward.macs, node.input_grad.macs, node.weight_grad.macs) == want
    y = int(np.prod(node.outputs[0]))
    assert node.forward.flops == 2 * want[0] + bias * y
    assert node.input_grad.flops == 2 * want[1]
    assert node.weight_grad.flops == 2 * want[2] + bias * (y - o)
    for found in (node.forward, node.input_grad, node.weight_grad):
        assert eval(found.formula) == found.macs
    x, w = n * c * np.prod(spatial), o * c // groups * np.prod(size)
    assert node.forward.bytes == 4 * (x + w + y + bias * o)


def test_the_formula_shows_the_layer():
    layer = nn.Conv2d(64, 64, 3, padding=1, bias=False)
    (node,) = gg.analysis.cost(layer, (1, 64, 56, 56)).nodes
    assert node.forward.formula == "3*3*64*64*56*56*1"
    assert node.forward.macs == 115_605_504


class Counter(Observer):
    def __init__(self):
        self.flops = 0

    def applied(self, op, arrays, outs):
        specs = [None if a is None else gg.Spec(a.shape, a.dtype) for a in arrays]
        self.flops += op.cost(*specs).flops


class Residual(nn.Module):
    """A shared weight, a fork, a joint rule, a slice, and an input that is used twice."""

    def __init__(self):
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.bn = nn.BatchNorm2d(3)
        self.head = nn.Linear(48, 5)

    def forward(self, x):
        y = F.relu(self.bn(self.conv(x)))
        y = self.conv(y + x)
        return self.head((y[:, :, ::2, ::2] * 2).flatten(1))


@pytest.mark.parametrize("model, shape", [(LeNet5(), (2, 1, 28, 28)), (Residual(), (2, 3, 8, 8))])
def test_sums_are_those_of_a_backward_pass_that_runs(model, shape):
    found = gg.analysis.cost(model, shape)
    x = gg.Tensor(np.ones(shape, np.float32), requires_grad=True)
    forward, backward = Counter(), Counter()
    with observe(forward):
        y = model(x)
    with observe(backward):
        gg.grad(y, [x, *model.parameters()], np.ones(y.shape, np.float32))
    assert found.flops == forward.flops
    assert found.input_grad.flops + found.weight_grad.flops == backward.flops
    assert found.params == sum(p.size for p in model.parameters())


def test_the_gradient_of_the_input_can_be_left_out():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 3, 3))
    with_it = gg.analysis.cost(model, (1, 1, 9, 9))
    without = gg.analysis.cost(model, (1, 1, 9, 9), input_grad=False)
    assert with_it.nodes[0].input_grad.macs == 9 * 2 * 49
    assert without.nodes[0].input_grad == Cost(0, 0)
    assert without.weight_grad == with_it.weight_grad
    assert without.nodes[2] == with_it.nodes[2]


def test_the_model_is_left_as_it_was_and_so_is_the_generator():
    gg.random.seed(3)
    model = nn.Sequential(nn.Linear(None, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before = gg.random.default_generator().state
    gg.analysis.cost(model, (3, 7))
    assert model[0].pending()
    assert (model[1].running_mean.numpy() == 0).all()
    assert gg.random.default_generator().state == before


def test_a_bottleneck_costs_an_eighth():
    full = nn.Conv2d(256, 256, 3, padding=1, bias=False)
    bottleneck = nn.Sequential(
        nn.Conv2d(256, 64, 1, bias=False),
        nn.Conv2d(64, 64, 3, padding=1, bias=False),
        nn.Conv2d(64, 256, 1, bias=False),
    )
    found = gg.analysis.compare(full, bottleneck, (1, 256, 14, 14))
    assert (found.a.params, found.b.params) == (589_824, 69_632)
    assert (found.a.macs, found.b.macs) == (589_824 * 196, 69_632 * 196)
    assert found.ratio("parameters") == pytest.approx(8.47, abs=0.005)
    assert "8.47" in str(found)


def test_depthwise_separable_costs_a_ninth():
    full = nn.Conv2d(256, 256, 3, padding=1, bias=False)
    separable = nn.Sequential(
        nn.Conv2d(256, 256, 3, padding=1, groups=256, bias=False),
        nn.Conv2d(256, 256, 1, bias=False),
    )
    found = gg.analysis.compare(full, separable, (1, 256, 1, 1))
    assert (found.a.macs, found.b.macs) == (589_824, 67_840)  # for one location
    assert round(found.ratio("MACs"), 1) == 8.7


def test_an_op_without_a_formula_is_a_question_mark(monkeypatch):
    monkeypatch.setattr(core_op, "REGISTRY", dict(core_op.REGISTRY))

    @dataclass(frozen=True)
    class Mystery(Op):
        def spec(self, x):
            return x

        def forward(self, xp, x):
            return x

        def vjp_x(self, node, g):
            return gg.apply(self, g)

        def cost(self, x):
            raise NotImplementedError

        @classmethod
        def samples(cls, rng):
            yield from ()

    class Net(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(4, 3, bias=False)

        def forward(self, x):
            return gg.apply(Mystery(), self.fc(x))

    found = gg.analysis.cost(Net(), (2, 4))
    assert (found.macs, found.flops, found.bytes, found.input_grad) == (None,) * 4
    assert found.weight_grad.macs == 24
    assert found.unknown == ("mystery",)
    assert found.nodes[1].forward is None
    last = str(found).splitlines()[-1]
    assert "24+?" in last and "48+?" in last
    assert json.loads(found.to_json())["flops"] is None
    assert "?" in str(gg.analysis.compare(found, found))


def test_a_computed_tensor_has_costs_until_its_backward():
    layer = nn.Conv2d(1, 2, 3)
    y = layer(gg.ones((1, 1, 5, 5))).sum()
    before = gg.analysis.cost(y)
    assert (before.macs, before.params) == (162, 20)
    assert before.weight_grad.macs == 162
    y.backward()
    assert gg.analysis.cost(y).macs == 162
    assert gg.analysis.cost(y).weight_grad is None


class Looks(nn.Module):
    def forward(self, x):
        return x * x.sum().item()


class Closure(nn.Module):
    def __init__(self):
        self.hidden = (gg.ones(3),)

    def forward(self, x):
        return x * self.hidden[0]


@pytest.mark.parametrize(
    "model, shape, error, said",
    [
        (3, (1,), gg.ArgumentError, "cost: got a int; it takes a Module, a function"),
        (LeNet5(), None, gg.ArgumentError, r"needs the shape of the input, such as \(1, 3"),
        (LeNet5(), "1x1", gg.ArgumentError, "'1x1' is no shape"),
        (LeNet5(), (1, -1, 28, 28), gg.ArgumentError, "is no shape"),
        (LeNet5(), (1, 3, 28, 28), gg.ShapeError, "conv1.*x has 3 channels"),
        (Looks(), (2,), gg.DataError, r"looks at values \(.*test_costs.py:\d+\)"),
        (Closure(), (3,), gg.DeviceError, r"no parameter or buffer .*test_costs.py:\d+"),
        (lambda x: 3, (3,), gg.ArgumentError, "gives a int, not a Tensor"),
        (gg.ones(3), None, gg.ArgumentError, "has no graph"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(model, shape, error, said):
    with pytest.raises(error, match=said):
        gg.analysis.cost(model, shape)


def test_lines_are_those_of_the_network():
    found = gg.analysis.cost(Residual(), (1, 3, 8, 8))
    assert all("test_costs.py:" in node.where for node in found.nodes)
    assert [n.scope for n in found.nodes][:2] == ["conv", "bn"]


def test_all_ops_have_gradients_in_shapes():
    """Every sample of every op: the costs of its gradients are known, and are those of a run."""
    rng = np.random.default_rng(0)
    for name, kind in sorted(OPS.items()):
        if not kind.differentiable or kind.moves:
            continue
        sample = next(iter(kind.samples(rng)), None)
        if sample is None:
            continue
        floating = [x is not None and np.asarray(x).dtype.kind == "f" for x in sample.inputs]
        leaves = [
            None if x is None else gg.Tensor(np.asarray(x), requires_grad=f)
            for x, f in zip(sample.inputs, floating, strict=True)
        ]
        try:
            out = gg.apply(sample.op, *leaves)
        except gg.GradientError:
            continue  # an input that takes no gradient
        out = out[0] if isinstance(out, tuple) else out
        if out.node is None:
            continue
        found = gg.analysis.cost(out)
        assert found.input_grad is not None, name
