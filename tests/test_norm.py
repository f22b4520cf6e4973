"""Batch normalisation: modes, running statistics, refusals."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core import backend
from gpugraph.core.apply import apply
from gpugraph.cuda import device, sim
from gpugraph.ops import norm_kernels
from gpugraph.ops.norm import BatchNormInput, BatchNormParams
from gpugraph.ops.norm_functions import BatchNorm


def data(shape=(5, 3, 2, 4), dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype) * 3 + 2


def running(channels=3, dtype=np.float64):
    return gg.Tensor(np.zeros(channels, dtype)), gg.Tensor(np.ones(channels, dtype))


needs_simulator = pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")


def test_training_normalises_by_the_batch():
    x = data()
    y = F.batch_norm(x, None, None, training=True, eps=0.0).numpy()
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-15)
    np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, rtol=1e-14)


def test_running_statistics_average_the_batches():
    mean, var = running()
    want_mean, want_var = np.zeros(3), np.ones(3)
    for seed in range(4):
        x = data(seed=seed)
        F.batch_norm(x, mean, var, training=True, momentum=0.3)
        want_mean = 0.7 * want_mean + 0.3 * x.mean(axis=(0, 2, 3))
        want_var = 0.7 * want_var + 0.3 * x.var(axis=(0, 2, 3), ddof=1)  # the unbiased one
    np.testing.assert_allclose(mean.numpy(), want_mean, rtol=1e-14)
    np.testing.assert_allclose(var.numpy(), want_var, rtol=1e-14)
    assert not mean.requires_grad and mean.node is None


def test_eval_uses_them_and_leaves_them():
    mean, var = gg.Tensor(np.array([1.0, 2.0, 3.0])), gg.Tensor(np.array([4.0, 0.25, 1.0]))
    x, w, b = data(), np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, -1.0])
    y = F.batch_norm(x, mean, var, w, b, eps=1e-3).numpy()
    c = (1, 3, 1, 1)
    want = (x - mean.numpy().reshape(c)) / np.sqrt(var.numpy() + 1e-3).reshape(c)
    np.testing.assert_allclose(y, want * w.reshape(c) + b.reshape(c), rtol=1e-13)
    assert mean.tolist() == [1, 2, 3]
    assert var.tolist() == [4, 0.25, 1]


def test_a_large_offset_costs_no_digits():
    x = data((64, 2, 8, 8), np.float32) + np.float32(1000)
    y = F.batch_norm(x, None, None, training=True).numpy()
    exact = F.batch_norm(x.astype(np.float64), None, None, training=True).numpy()
    assert np.abs(y - exact).max() < 1e-3  # the mean alone rounds to 1000 * 2^-24 = 6e-5 here


def exact_gradients(x, w, gy, eps):
    """(gx, gweight, gbias) of batch norm by the chain rule, written out in float64."""
    x, w, gy = (a.astype(np.float64) for a in (x, w, gy))
    axes, n = (0, 2, 3), x.size // x.shape[1]
    mean, var = (f(axis=axes, keepdims=True) for f in (x.mean, x.var))
    gh = gy * w.reshape(1, -1, 1, 1)
    gvar = (gh * (x - mean)).sum(axes, keepdims=True) * -0.5 * (var + eps) ** -1.5
    gmean = -gh.sum(axes, keepdims=True) / np.sqrt(var + eps)
    gx = gh / np.sqrt(var + eps) + gvar * 2 * (x - mean) / n + gmean / n
    return gx, (gy * (x - mean) / np.sqrt(var + eps)).sum(axes), gy.sum(axes)


@pytest.mark.parametrize("where", ["cpu", pytest.param("sim", marks=needs_simulator)])
def test_a_large_offset_costs_no_digits_backward(where):
    """x is centred before it is multiplied: sum(gy x) - mean sum(gy) would be off by far more."""
    x = data((16, 2, 24, 25), np.float32) + np.float32(30_000)  # more than a slab
    gy = np.random.default_rng(1).standard_normal(x.shape).astype(np.float32)
    mean, var = x.mean(axis=(0, 2, 3)).round(), np.full(2, 9, np.float32)  # exact in float32
    there = [gg.Tensor(a).to(where) for a in (gy, x, var, mean)]
    gweight, gbias = apply(BatchNormParams(0.0), *there)
    terms = gy.astype(np.float64) * (x - mean.reshape(1, -1, 1, 1)).astype(np.float64) / 3
    bound = gg.testing.tolerance(np.float32, terms[:, 0].size) * np.abs(terms).max()
    np.testing.assert_allclose(gweight.numpy(), terms.sum(axis=(0, 2, 3)), rtol=0, atol=bound)
    naive = (gy * x).sum(axis=(0, 2, 3)) - mean * gy.sum(axis=(0, 2, 3))
    assert np.abs(naive / 3 - terms.sum(axis=(0, 2, 3))).max() > 2 * bound
    gx = apply(BatchNormInput(0.0), *there, gweight, gbias, None)
    h = (x - mean.reshape(1, -1, 1, 1)).astype(np.float64) / 3
    sums = (v.numpy().astype(np.float64).reshape(1, -1, 1, 1) for v in (gbias, gweight))
    n = terms[:, 0].size
    want = (gy - (next(sums) + h * next(sums)) / n) / 3
    bound = gg.testing.tolerance(np.float32) * np.abs(want).max()
    np.testing.assert_allclose(gx.numpy(), want, rtol=0, atol=bound)


def test_frozen_parameters_keep_nothing_for_their_rules():
    x = gg.Tensor(data(), requires_grad=True)
    mean, var = running()
    y = F.batch_norm(x, mean, var)
    assert set(y.node.kept) == {"var", "weight"}  # not x
    bias = gg.Tensor(np.zeros(3), requires_grad=True)
    y = F.batch_norm(data(), None, None, None, bias, training=True)
    assert not y.node.kept
    (g,) = gg.grad(y.sum(), bias)
    assert g.tolist() == [40, 40, 40]


@pytest.mark.parametrize("training", [True, False])
def test_composed_to_third_order(training):
    rng = np.random.default_rng(0)
    mean, var = gg.Tensor(np.array([0.5, 1.0])), gg.Tensor(np.array([1.5, 2.0]))

    def f(x, w, b):
        y = F.batch_norm(F.sigmoid(x), mean.copy(), var.copy(), w, b, training)
        return (y * y * y).mean()

    inputs = rng.standard_normal((3, 2, 2)), rng.standard_normal(2), rng.standard_normal(2)
    assert gg.testing.gradcheck(f, inputs, order=3, nonzero=True)


def test_an_empty_batch_changes_nothing():
    mean, var = running()
    x = gg.Tensor(np.zeros((0, 3, 4)), requires_grad=True)
    w = gg.Tensor(np.ones(3), requires_grad=True)
    F.batch_norm(x, mean, var, w, None, training=True).sum().backward()
    assert x.grad.shape == (0, 3, 4) and w.grad.tolist() == [0, 0, 0]
    assert mean.tolist() == [0, 0, 0] and var.tolist() == [1, 1, 1]


@needs_simulator
@pytest.mark.parametrize("slab", [1, 7, 64])
def test_the_length_of_slabs_changes_nothing_but_rounding(slab, monkeypatch):
    rng = np.random.default_rng(0)
    x, gy = (rng.standard_normal((5, 3, 7, 3)).astype(np.float32) + 2 for _ in range(2))
    w = rng.standard_normal(3).astype(np.float32)
    monkeypatch.setattr(norm_kernels, "SLAB", slab)
    there = [a.view(backend.SimArray) for a in (x, w, gy)]
    dev = device.SimDevice("check")
    before = device.launches["merge_moments"], device.launches["merge_sums"]
    y, mean, var = BatchNorm(1e-5).cuda(dev, *there[:2])
    sums = BatchNormParams(1e-5).cuda(dev, there[2], there[0], var, mean)
    gx = BatchNormInput(1e-5).cuda(dev, there[2], there[0], var, mean, *sums, there[1])
    after = device.launches["merge_moments"], device.launches["merge_sums"]
    assert after == (before[0] + 1, before[1] + 1)

    bound = gg.testing.tolerance(np.float32, 105)
    want = [t.numpy() for t in apply(BatchNorm(1e-5), x, w, None)]
    want += [*exact_gradients(x, w, gy, 1e-5)]
    for a, b in zip([y, mean, var, gx, *sums], want, strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=0, atol=bound * (1 + np.abs(b).max()))


@needs_simulator
def test_merged_slabs_have_the_same_bits_in_any_order_of_threads(monkeypatch):
    x, gy = (data(dtype=np.float32, seed=s).view(backend.SimArray) for s in (0, 1))
    monkeypatch.setattr(norm_kernels, "SLAB", 7)

    def run(seed):
        dev = device.SimDevice("fast", seed)
        mean, var = norm_kernels.moments_on(dev, x)
        sums = norm_kernels.params_on(dev, gy, x, var, mean, 1e-5)
        gx = norm_kernels.input_on(dev, gy, x, var, mean, *sums, None, eps=1e-5)
        return [np.asarray(a).tobytes() for a in (mean, var, *sums, gx)]

    first = run(0)
    assert all(run(seed) == first for seed in range(1, 20))


@needs_simulator
@pytest.mark.parametrize("training", [True, False])
def test_launches_of_a_step(training):
    """As many as passes over memory: nothing is composed."""
    x = gg.Tensor(data(dtype=np.float32)).to("sim").requires_grad_()
    w, b = (gg.Tensor(np.ones(3, np.float32)).to("sim").requires_grad_() for _ in range(2))
    mean, var = (t.to("sim") for t in running(dtype=np.float32))
    averages = (None, None) if training else (mean, var)
    before = device.launches.copy()
    gg.grad(F.batch_norm(x, *averages, w, b, training), [x, w, b], gg.Tensor(x.array))
    made = dict(device.launches - before)
    if training:
        assert made == {
            "batch_norm_moments": 1, "batch_norm": 1, "batch_norm_params": 1, "batch_norm_input": 1
        }  # fmt: skip
    else:
        assert made == {"batch_norm": 2, "batch_norm_params": 1}


def test_only_what_is_asked_for_is_computed():
    x, w, b = (gg.Tensor(a, requires_grad=True) for a in (data(), np.ones(3), np.zeros(3)))
    y = F.batch_norm(x, None, None, w, b, training=True)
    (gw,) = gg.grad(y.sum(), w, create_graph=True)
    assert gw.node.op == BatchNormParams(1e-5)
    (gb,) = gg.grad(y.sum(), b, create_graph=True)
    assert gb.node is None or gb.node.op.label == "sum"
    (gx,) = gg.grad(y.sum(), x, create_graph=True)
    assert gx.node.op == BatchNormInput(1e-5)


@pytest.mark.parametrize("dtype", [np.float16, gg.bfloat16])
def test_statistics_beside_16_bits_are_float32(dtype):
    x = (data((64, 2, 8, 8), np.float32) + np.float32(40)).astype(dtype)
    mean, var = running(2, np.float32)
    leaf = gg.Tensor(x, requires_grad=True)
    weight = gg.Tensor(np.ones(2, np.float32), requires_grad=True)
    y = F.batch_norm(leaf, mean, var, weight, None, training=True, momentum=1.0)
    assert (y.dtype, mean.dtype) == (np.dtype(dtype), np.float32)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean.numpy(), exact.mean(axis=(0, 2, 3)), rtol=1e-6)
    gy = np.random.default_rng(1).standard_normal(x.shape).astype(dtype)
    gx, gw = gg.grad(y, [leaf, weight], gg.Tensor(gy))
    want = exact_gradients(exact, np.ones(2), gy.astype(np.float64), 1e-5)
    assert (gx.dtype, gw.dtype) == (np.dtype(dtype), np.float32)
    np.testing.assert_allclose(gw.numpy(), want[1], rtol=1e-4, atol=1e-3)
    eps = gg.testing.tolerance(dtype) / 8
    np.testing.assert_allclose(gx.numpy().astype(np.float64), want[0], rtol=eps, atol=1e-5)


# Fused with what follows


@pytest.mark.parametrize("act", ["relu", "leaky_relu", "elu", "sigmoid", "tanh", None])
def test_fused_is_what_the_parts_are(act):
    rng = np.random.default_rng(0)
    x, residual = data(), data(seed=1)
    mean, var = gg.Tensor(rng.standard_normal(3)), gg.Tensor(rng.uniform(0.5, 2, 3))
    w, b = rng.standard_normal(3), rng.standard_normal(3)
    parts = {None: lambda z: z}
    f = parts.get(act) or getattr(F, act)
    leaves = [gg.Tensor(a, requires_grad=True) for a in (x, w, b, residual)]
    fused = F.batch_norm_act(leaves[0], mean, var, *leaves[1:], act=act, eps=1e-3)
    apart = f(F.batch_norm(leaves[0], mean, var, *leaves[1:3], eps=1e-3) + leaves[3])
    np.testing.assert_allclose(fused.numpy(), apart.numpy(), rtol=1e-14, atol=1e-14)
    gy = gg.Tensor(rng.standard_normal(x.shape))
    for a, b in zip(*(gg.grad(y, leaves, gy) for y in (fused, apart)), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12)


def test_fused_takes_a_slope():
    x, (mean, var) = data(), running()
    y = F.batch_norm_act(x, mean, var, act="leaky_relu", slope=0.1, eps=0.0).numpy()
    np.testing.assert_allclose(y, np.where(x > 0, x, 0.1 * x), rtol=1e-15)


@needs_simulator
def test_fused_is_one_launch():
    x, residual = (gg.Tensor(data(dtype=np.float32, seed=s)).to("sim") for s in (0, 1))
    before = device.launches.copy()
    F.batch_norm_act(x, *(t.to("sim") for t in running(dtype=np.float32)), residual=residual)
    assert dict(device.launches - before) == {"batch_norm": 1}


def test_float32_stays_and_half_is_computed_in_float32():
    for dtype in (np.float32, np.float16):
        x = data(dtype=dtype)
        mean, var = running(dtype=dtype)
        y = F.batch_norm(x, mean, var, training=True)
        assert y.dtype == mean.dtype == var.dtype == dtype
        wide = F.batch_norm(x.astype(np.float32), None, None, training=True).numpy()
        np.testing.assert_array_equal(y.numpy(), wide.astype(dtype))


@pytest.mark.parametrize(
    "call, told",
    [
        (
            lambda x: F.batch_norm(x[:1, :, :1, :1], None, None, training=True),
            r"batch_norm: x \(1, 3, 1, 1\) has one value per channel; .* at least 2",
        ),
        (
            lambda x: F.batch_norm(x, None, None),
            "batch_norm: without training=True it needs running_mean and running_var",
        ),
        (
            lambda x: F.batch_norm(x, None, None, np.ones(2), training=True),
            r"batch_norm: weight \(2,\) must be \(3,\), one number for each channel",
        ),
        (
            lambda x: F.batch_norm(x, None, None, None, np.ones(3, np.float32), training=True),
            "batch_norm: x is float64, bias is float32; convert one of them",
        ),
        (
            lambda x: F.batch_norm(x, *running(3, np.float32)),
            "batch_norm: x is float64, running_mean is float32",
        ),
        (
            lambda x: F.batch_norm(x, *running(4), training=True),
            r"batch_norm: running_mean \(4,\) must be \(3,\)",
        ),
        (
            lambda x: F.batch_norm(x[0, 0, 0], None, None, training=True),
            r"batch_norm: x \(4,\) must be \(N, C\) or \(N, C, ...\)",
        ),
        (
            lambda x: F.batch_norm(x.astype(int), None, None, training=True),
            "batch_norm: x is int64; it takes floating tensors",
        ),
        (lambda x: F.batch_norm(x, *running(), eps=-1.0), "batch_norm: eps=-1.0 must be"),
        (lambda x: F.batch_norm_act(x, *running(), eps=-1.0), "batch_norm_act: eps=-1.0 must be"),
        (
            lambda x: F.batch_norm_act(x, *running(), residual=x[:1]),
            r"batch_norm_act: residual \(1, 3, 2, 4\) must have the shape of x, \(5, 3, 2, 4\)",
        ),
        (
            lambda x: F.batch_norm_act(x, *running(), residual=x.astype(np.float32)),
            "batch_norm_act: x is float64, residual is float32; convert one of them",
        ),
        (
            lambda x: F.batch_norm_act(x, *running(), act="gelu"),
            "batch_norm_act: act='gelu' is none of 'relu'",
        ),
        (
            lambda x: apply(BatchNormParams(0.0), x[:1], x, np.ones(3), np.ones(3)),
            r"batch_norm_params: gy .*\(1, 3, 2, 4\).* must be like x",
        ),
    ],
)
def test_refusals(call, told):
    with pytest.raises(gg.GpugraphError, match=told):
        call(data())


def test_a_refused_call_leaves_the_averages_alone():
    x = np.ones((4, 3), np.float32) * 5
    mean, short = gg.zeros(3, device="cpu"), gg.ones(4, device="cpu")
    with pytest.raises(gg.ShapeError, match=r"running_var \(4,\) must be \(3,\)"):
        F.batch_norm(x, mean, short, training=True)
    assert mean.tolist() == [0, 0, 0]
    with pytest.raises(gg.DtypeError, match="running_var is a ndarray; it is written to"):
        F.batch_norm(x, mean, np.ones(3, np.float32), training=True)
    assert mean.tolist() == [0, 0, 0]
    with pytest.raises(gg.ArgumentError, match="momentum=None must be a number"):
        F.batch_norm(x, mean, None, training=True, momentum=None)
