"""What only a GPU can show; ``python -m tools.gpu_check`` runs these, among much else.

Every op on "cuda", by its kernel where it has one, against the same independent oracles as on the
CPU; gradients, training, streams, memory, devices. Without a GPU all of it is skipped.
"""

import os

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core import backend
from gpugraph.core.apply import apply
from gpugraph.core.window import Window
from gpugraph.cuda import device as launcher
from gpugraph.ops.pool import MaxPool
from gpugraph.testing import rules, tolerance
from gpugraph.testing.tolerance import epsilon
from tests.oracles import ORACLES
from tests.test_ops import CASES, OPS, close, samples_of, terms_of

CASES = [(name, i) for name, i in CASES if name != "Move"]  # it goes where its field says

# a warning of CuPy's is no failure of ours
pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("default")]
# in a rehearsal, as by tools/gpu_check --device sim, the simulator stands in where it can
GPU = os.environ.get("GPUGRAPH_REHEARSE_GPU", "cuda")
FIRST = "cuda:0" if GPU == "cuda" else GPU


def missing():
    """Why there is no GPU: the doctor's first fault; None if there is one. CuPy is not imported
    where the driver shows no GPU.
    """
    from gpugraph.cuda import doctor, driver

    if not driver.query().gpus:
        return "no NVIDIA GPU is seen"
    report = doctor.report()
    return None if report.available else report.cause


if GPU == "cuda" and (reason := missing()):
    pytest.skip(f"needs a GPU to compute on: {reason}", allow_module_level=True)


@pytest.fixture
def real():
    if GPU != "cuda":
        pytest.skip(f"needs a real GPU, this is a rehearsal on {GPU}")


def on(device, x):
    return None if x is None else gg.Tensor(np.asarray(x)).to(device)


def network():
    gg.random.seed(0)
    with gg.default_device("cpu"):
        return gg.nn.Sequential(
            gg.nn.Conv2d(3, 16, 3, padding=1),
            gg.nn.BatchNorm2d(16),
            gg.nn.ReLU(),
            gg.nn.MaxPool2d(2),
            gg.nn.Conv2d(16, 16, 3, padding=1, groups=16),
            gg.nn.ReLU(),
            gg.nn.AvgPool2d(2),
            gg.nn.Flatten(),
            gg.nn.Linear(16 * 4 * 4, 10),
        )


def trained(device, optimizer, steps=3):
    """Losses, and the parameters after it."""
    net = network().to(device)
    x = gg.random.Generator(1).normal(shape=(9, 3, 16, 16), device="cpu").to(device)
    target = gg.Tensor(np.arange(9) % 10).to(device)
    update = optimizer(net.parameters())
    losses = []
    for _ in range(steps):
        update.zero_grad()
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        update.step()
        losses.append(loss.numpy())
    return [*losses, *(p.numpy() for p in net.parameters())]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_training_steps_agree_with_the_cpu(momentum, fused):
    def sgd(ps):
        return gg.optim.SGD(ps, lr=0.05, momentum=momentum, fused=fused)

    bound = tolerance(np.float32, 9 * 16 * 16)  # batch norm averages over a batch
    for here, there in zip(trained("cpu", sgd), trained(GPU, sgd), strict=True):
        np.testing.assert_allclose(there, here, rtol=0, atol=bound * (1 + np.abs(here).max()))


@pytest.mark.parametrize("fused", [False, True])
def test_training_gives_the_same_bits_again(fused):
    def adam(ps):
        return gg.optim.Adam(ps, lr=0.01, fused=fused)

    first = [a.tobytes() for a in trained(GPU, adam)]
    for _ in range(3):
        assert [a.tobytes() for a in trained(GPU, adam)] == first


def test_a_gpu_is_the_default_and_said_to_be_there(real, monkeypatch):
    monkeypatch.delenv("GPUGRAPH_DEVICE", raising=False)
    assert gg.cuda.is_available()
    assert gg.cuda.why_not() is None
    assert gg.tensor([1.0]).device == FIRST
    assert type(gg.tensor([1.0]).array).__module__.startswith("cupy")


def test_cupy_arrays_go_in_and_out_without_a_copy(real):
    import cupy

    a = cupy.arange(6.0, dtype=cupy.float32).reshape(2, 3)
    x = gg.Tensor(a, requires_grad=True)
    assert x.array is a
    (x * x).sum().backward()
    assert isinstance(x.grad.array, cupy.ndarray)
    np.testing.assert_array_equal(x.grad.numpy(), 2 * a.get())


def test_to_and_from_the_gpu():
    values = np.random.default_rng(0).standard_normal((3, 5))
    x = gg.Tensor(values, requires_grad=True)
    y = x.to(GPU)
    assert (y.device, x.device) == (FIRST, "cpu")
    assert y.to(FIRST) is y
    np.testing.assert_array_equal(y.to("cpu").numpy(), values)
    (y * y).sum().backward()
    assert x.grad.device == "cpu"
    np.testing.assert_array_equal(x.grad.numpy(), 2 * values)


def test_mixed_devices_are_refused_by_name():
    here, there = gg.Tensor(np.ones(2)), gg.Tensor(np.ones(2)).to(GPU)
    with pytest.raises(gg.DeviceError, match=rf"add: x1 is on cpu, x2 is on {FIRST}; move one"):
        here + there
    with pytest.raises(gg.DeviceError, match=rf"lives on {FIRST}"):
        np.asarray(there)


def test_a_block_on_a_stream_gives_the_same(real):
    x = gg.random.Generator(0).normal(shape=(300, 400), device=GPU)
    want = (x @ x.T).tanh().sum(axis=0)
    for join in (True, False):
        with gg.cuda.stream(join=join) as s:
            y = (x @ x.T).tanh().sum(axis=0)
        if not join:
            s.synchronize()
        assert y.numpy().tobytes() == want.numpy().tobytes()


def test_kernels_run_on_the_stream_of_the_block(real):
    x = gg.random.Generator(0).normal(shape=(64, 16, 65, 65), device=GPU)
    want = F.max_pool2d(x, 3, 2).numpy()
    for _ in range(5):
        with gg.cuda.stream():
            y = F.max_pool2d(x + 0.0, 3, 2)  # x + 0 is made on that stream, too
        np.testing.assert_array_equal((y * 1.0).numpy(), want)


def test_the_memory_report_sees_an_array(real):
    gg.cuda.synchronize()
    (before,) = gg.cuda.memory(FIRST)
    x = gg.zeros((1 << 24,), device=GPU)  # 64 MiB
    (after,) = gg.cuda.memory(FIRST)
    assert after.pool_used - before.pool_used == x.nbytes
    assert after.total > after.used > 0
    assert "MiB" in str(gg.cuda.memory())


def test_a_training_step_leaves_no_memory_behind(real):
    def adam(ps):
        return gg.optim.Adam(ps, lr=0.01)

    trained(GPU, adam)
    before = gg.cuda.memory(FIRST)[0].pool_used
    trained(GPU, adam)
    assert gg.cuda.memory(FIRST)[0].pool_used == before


def test_more_than_one_gpu(real):
    if gg.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    x = gg.random.Generator(0).normal(shape=(5, 3, 9, 9), device="cpu")
    w = gg.random.Generator(1).normal(shape=(4, 3, 3, 3), device="cpu")
    want = F.max_pool2d(F.conv2d(x, w), 2).numpy()
    for device in ("cuda:1", FIRST):
        y = F.max_pool2d(F.conv2d(x.to(device), w.to(device)), 2)
        assert y.device == device
        bound = tolerance(np.float32, 27) * (1 + np.abs(want).max())
        np.testing.assert_allclose(y.numpy(), want, rtol=0, atol=bound)
    with pytest.raises(gg.DeviceError, match="x is on cuda:0, w is on cuda:1"):
        F.conv2d(x.to(FIRST), w.to("cuda:1"))


def test_a_gpu_that_is_not_there_is_named(real):
    n = gg.cuda.device_count()
    with pytest.raises(gg.DeviceError, match=f"no device cuda:{n}"):
        gg.cuda.synchronize(f"cuda:{n}")


def test_a_case_without_kernel_is_counted():
    x = gg.Tensor(np.ones((1, 1, 4, 4, 4, 4), np.float32)).to(GPU)
    before = launcher.fallbacks.total()
    apply(MaxPool(Window.of("pool", 4, 2)), x)
    assert launcher.fallbacks.total() == before + 1
    assert backend.launcher([x.array]) is not None


# What takes longest comes last


@pytest.mark.parametrize("name,i", CASES)
def test_ops_agree_with_the_oracle(name, i):
    sample = samples_of(name)[i]
    before = launcher.launches.total(), launcher.fallbacks.total()
    got = rules.outputs_of(apply(sample.op, *(on(GPU, x) for x in sample.inputs)))
    want = ORACLES[name](sample.op, *sample.inputs)
    for y, w in zip(got, want if isinstance(want, tuple) else (want,), strict=True):
        assert y.device == FIRST
        close(y.numpy(), w, terms_of(sample))
    if sample.op.cuda is None:
        assert (launcher.launches.total(), launcher.fallbacks.total()) == before


@pytest.mark.parametrize("name,i", CASES)
def test_gradients_agree_with_the_cpu(name, i):
    sample = samples_of(name)[i]
    if not rules.differentiable(sample):
        return
    found = []
    for device in ("cpu", GPU):
        inputs, leaves = rules._leaves(sample)
        inputs = [x.to(device) if isinstance(x, gg.Tensor) else on(device, x) for x in inputs]
        ys = [y for y in rules.outputs_of(apply(sample.op, *inputs)) if y.requires_grad]
        gs = [gg.Tensor(np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)).to(device)
              for y in ys]  # fmt: skip
        found.append(gg.grad(ys, leaves, gs, allow_unused=True))
    least = max((y.dtype for y in ys), key=epsilon)  # a cast rounds to its own
    for here, there in zip(*found, strict=True):
        assert (here is None) == (there is None)
        if here is not None:
            assert there.device == "cpu"  # back where the leaf is
            size = 1 + np.abs(here.numpy()[np.isfinite(here.numpy())]).max(initial=0)
            bound = tolerance(least, terms_of(sample)) * size
            np.testing.assert_allclose(there.numpy(), here.numpy(), rtol=0, atol=bound)


@pytest.mark.parametrize("name", sorted(OPS))
def test_the_same_call_gives_the_same_bits(name):
    if name == "Move":
        return
    for sample in samples_of(name):
        inputs = [on(GPU, x) for x in sample.inputs]
        first = [y.numpy().tobytes() for y in rules.outputs_of(apply(sample.op, *inputs))]
        for _ in range(5):
            again = rules.outputs_of(apply(sample.op, *inputs))
            assert [y.numpy().tobytes() for y in again] == first
