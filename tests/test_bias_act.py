"""bias_act: what it keeps, how many passes it takes on a GPU, what it refuses."""

from collections import Counter

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core.backend import SimArray
from gpugraph.cuda import device, sim
from gpugraph.ops import bias_act as ops
from gpugraph.ops import conv_layer
from gpugraph.testing import tolerance

needs_simulator = pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")
ACTS = {
    None: lambda x: x,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "sigmoid": F.sigmoid,
    "tanh": F.tanh,
}


def leaves(*shapes, dtype=np.float64, where="cpu"):
    rng = np.random.default_rng(0)
    arrays = [gg.Tensor(rng.standard_normal(shape).astype(dtype)).to(where) for shape in shapes]
    return [gg.Tensor(a.array, requires_grad=True) for a in arrays]


@pytest.mark.parametrize("act", ACTS)
def test_it_is_the_activation_of_the_sum(act):
    x, b = leaves((2, 3, 4, 5), 3)
    fused, apart = F.bias_act(x, b, act), ACTS[act](x + b.reshape(3, 1, 1))
    g = gg.Tensor(np.random.default_rng(1).standard_normal(x.shape), requires_grad=True)
    for ours, theirs in zip(derivatives(fused, x, b, g), derivatives(apart, x, b, g), strict=True):
        bound = tolerance(np.float64, 40)
        np.testing.assert_allclose(ours, theirs, rtol=bound, atol=bound)


def derivatives(y, x, b, g):
    """y, its gradients, and gradients of theirs."""
    first = gg.grad(y, (x, b), g, create_graph=True)
    second = gg.grad((first[0] ** 2).sum() + first[1].sum(), (x, b, g), allow_unused=True)
    zero = np.zeros(())
    return [t.numpy() if t is not None else zero for t in (y, *first, *second)]


def test_slopes():
    x, b = leaves((2, 3), 3)
    for act, function in (("leaky_relu", F.leaky_relu), ("elu", F.elu)):
        want = function(x + b, 0.3).numpy()
        np.testing.assert_allclose(F.bias_act(x, b, act, slope=0.3).numpy(), want, rtol=1e-15)


def test_the_output_alone_is_kept():
    x, b = leaves((2, 3, 4), 3)
    y = F.bias_act(x, b, "leaky_relu")
    assert [saved.array is y.array for saved in y.node.kept.values()] == [True]
    assert not F.bias_act(x, b).node.kept  # a sum needs nothing


def launched(function):
    before = Counter(device.launches)
    function()
    return dict(device.launches - before)


@needs_simulator
def test_one_pass_forward_and_one_back():
    x, b = leaves((2, 3, 4), 3, dtype=np.float32, where="sim")
    y = F.bias_act(x, b, "relu")
    assert launched(lambda: F.bias_act(x, b, "relu")) == {"bias_act": 1}
    back = launched(lambda: gg.grad(y.sum(), (x, b)))
    assert back == {"activation_grad": 1, "channel_sum": 1, "sum_slabs": 1}
    frozen = F.bias_act(x, b.detach(), "relu")
    assert launched(lambda: gg.grad(frozen.sum(), x)) == {"activation_grad": 1}


@needs_simulator
def test_16_bit_floats_are_rounded_once():
    x, b = (t.numpy() for t in leaves((50, 4), 4, dtype=np.float16))
    y = F.bias_act(gg.Tensor(x).to("sim"), gg.Tensor(b).to("sim"), "sigmoid").numpy()
    once = 1 / (1 + np.exp(-(x.astype(np.float64) + b)))
    assert y.tolist() == once.astype(np.float16).tolist()
    twice = 1 / (1 + np.exp(-(x + b).astype(np.float64)))
    assert y.tolist() != twice.astype(np.float16).tolist()


@needs_simulator
def test_few_blocks_sum_many_channels(monkeypatch):
    monkeypatch.setattr(conv_layer, "MOST_BLOCKS", 2)
    monkeypatch.setattr(ops, "SLAB", 8)
    x = np.random.default_rng(0).standard_normal((3, 5, 7))
    results = [
        np.asarray(ops.CHANNEL_SUM.cuda(device.SimDevice("check", seed), x.view(SimArray)))
        for seed in range(4)
    ]
    bound = tolerance(np.float64, 21)
    np.testing.assert_allclose(results[0], x.sum(axis=(0, 2)), rtol=bound, atol=bound)
    assert len({result.tobytes() for result in results}) == 1


def zeros(*shape, dtype=np.float32):
    return gg.Tensor(np.zeros(shape, dtype))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: F.bias_act(zeros(3), zeros(3)), gg.ShapeError,
         r"bias_act: x has shape \(3,\); it takes \(N, C\) or \(N, C, ...\)"),
        (lambda: F.bias_act(zeros(2, 4, 5), zeros(5)), gg.ShapeError,
         r"bias_act: b has shape \(5,\); x \(2, 4, 5\) has 4 channels, so b must be \(4,\)"),
        (lambda: F.bias_act(zeros(2, 4), zeros(4, dtype=np.float64)), gg.DtypeError,
         r"bias_act: x is float32, b is float64; they must be of one dtype, astype\(\) converts"),
        (lambda: F.bias_act(zeros(2, 4, dtype=np.int64), act="relu"), gg.DtypeError,
         "bias_act: x is int64; it takes floating tensors"),
        (lambda: F.bias_act(zeros(2, 4), zeros(4), "gelu"), gg.ArgumentError,
         "bias_act: act='gelu' is none of 'relu', "),
        (lambda: F.bias_act(zeros(2, 4), zeros(4), "relu", 0.1), gg.ArgumentError,
         "bias_act: act='relu' has no slope, got slope=0.1"),
        (lambda: F.bias_act(zeros(2, 4)), gg.ArgumentError,
         "bias_act: neither b nor act is given: there is nothing to do"),
    ],
)  # fmt: skip
def test_errors_name_the_argument_and_the_cure(call, error, text):
    with pytest.raises(error, match=text):
        call()
