"""Every CUDA kernel, run on the CPU by the simulator, against the NumPy rule of the same op."""

import re
from collections import Counter
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core import backend
from gpugraph.core.apply import apply
from gpugraph.core.window import Window
from gpugraph.cuda import device, sim
from gpugraph.cuda.kernel import DECLARED, FLOATS, OFFSETS, Kernel
from gpugraph.ops import bias_act, conv_direct, conv_layer, norm_kernels
from gpugraph.ops.conv import Conv
from gpugraph.ops.dtypes import as_dtype
from gpugraph.ops.pool import MAX_POOL, MaxPool
from gpugraph.testing import compare, rules, tolerance
from gpugraph.testing.awkward import quiet
from gpugraph.testing.checker import check_kernels
from gpugraph.testing.kernels import cast
from tests.test_ops import OPS, samples_of

needs_simulator = pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")

CASES = [
    (name, i)
    for name in sorted(OPS)
    if OPS[name].cuda is not None
    for i, sample in enumerate(samples_of(name))
    if sample.op.kernel_limits(*map(rules.spec_of, sample.inputs)) is None
]


class FewThreads(device.SimDevice):
    """A handful of threads for every kernel that loops over the grid: each has several turns."""

    few = True

    def _launch(self, kernel, expression, grid, block, args, shared):
        body = re.search(rf"void {kernel.name}\(.*?\n}}", kernel.code, re.DOTALL)[0]
        if self.few and "all_threads()" in body:
            grid, block = (3,), (8,)
        elif self.few and "step_in_plane()" in body:
            grid, block = (grid[0], 2), (8,)
        return super()._launch(kernel, expression, grid, block, args, shared)


# How rules cut work into pieces for blocks. Smaller ones make many of a small sample, and fewer
# blocks have more to do.
PIECES = [
    (norm_kernels, "SLAB", 23),
    (bias_act, "SLAB", 8),
    (conv_direct, "BLOCKS", 2),
    (conv_layer, "MOST_BLOCKS", 2),
]


@contextmanager
def small_pieces():
    with ExitStack() as stack:
        for module, name, value in PIECES:
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def needs_no_launch(name, sample):
    """Nothing to compute, or a matrix product alone."""
    if name.startswith("Conv") and sample.op.window.is_pointwise:
        return True
    if name == "Dropout" and sample.op.p in (0, 1):
        return True
    return any(np.size(x) == 0 for x in sample.inputs if x is not None)


# mode, seed and dtype of each run. "check" also finds races, reads of what nobody wrote, and
# outputs of which an element is written never or twice.
RUNS = [
    ("fast", 0, "float32"),
    ("fast", 1, "float64"),
    ("fast", 2, "float16"),
    ("check", 0, "bfloat16"),
    ("check", 1, "float32"),
    ("check", 2, "float64"),
]
ran = set()  # the cases below that went well in this process
launched = Counter()  # (kernel, mode, seed): how often they launched it


@needs_simulator
@pytest.mark.parametrize("name,i", CASES)
def test_kernels_agree_with_numpy(name, i):
    sample = samples_of(name)[i]
    for mode, seed, dtype in RUNS:
        before = Counter(device.launches)
        compare(sample, as_dtype("test", dtype), device.SimDevice(mode, seed))
        new = device.launches - before
        launched.update({(kernel, mode, seed): n for kernel, n in new.items()})
        assert new or needs_no_launch(name, sample)
    ran.add((name, i))


@needs_simulator
def test_every_kernel_of_an_op_was_launched():
    if len(ran) < len(CASES):
        pytest.skip("needs all of test_kernels_agree_with_numpy to run before it, and pass")
    for kernel in DECLARED:
        if kernel.file.startswith("ops/"):  # those of optimizers: test_fused.py
            for mode, seed, _ in RUNS:
                assert launched[kernel.name, mode, seed], f"no sample launches {kernel.name}"


@needs_simulator
@pytest.mark.parametrize("name,i", CASES)
def test_any_grid_does_it_all(name, i):
    with small_pieces():
        compare(samples_of(name)[i], np.float32, FewThreads("check"))


@needs_simulator
@pytest.mark.parametrize("name,i", CASES)
def test_the_order_of_threads_changes_no_bit(name, i):
    sample = samples_of(name)[i]
    inputs = [None if x is None else x.view(backend.SimArray) for x in cast(sample.inputs, "f4")]

    def bits(seed):
        with quiet():
            ys = sample.op.cuda(device.SimDevice("fast", seed), *inputs)
        return [np.asarray(y).tobytes() for y in (ys if isinstance(ys, tuple) else (ys,))]

    first = bits(0)
    for seed in range(1, 20):
        assert bits(seed) == first


@needs_simulator
@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_kernels_on_awkward_inputs(name):
    """What users get from `check`: other lengths, layouts and values than the samples have."""
    report = check_kernels(name, samples_of(name))
    assert report.dtypes == ("float32", "float64", "float16", "bfloat16")
    assert report.launches > 100 and report.blocks > 1 and report.awkward >= 8


@needs_simulator
def test_a_training_step_on_the_simulated_gpu():
    def step(where):
        gg.random.seed(0)
        net = gg.nn.Sequential(
            gg.nn.Conv2d(1, 4, 3, padding=1),
            gg.nn.ReLU(),
            gg.nn.MaxPool2d(2),
            gg.nn.Conv2d(4, 8, 3, groups=2),
            gg.nn.Flatten(),
            gg.nn.Linear(32, 5),
        ).to(where)
        x = gg.random.Generator(1).normal(shape=(3, 1, 9, 8), device="cpu").to(where)
        loss = F.cross_entropy(net(x[:, :, :8]), gg.tensor([0, 3, 4]).to(where))
        loss.backward()
        assert {str(p.grad.device) for p in net.parameters()} == {where}
        gg.optim.SGD(net.parameters(), lr=0.1, momentum=0.9).step()
        return [loss, *(p.grad for p in net.parameters()), *net.parameters()]

    before = device.launches["direct_weight_9"]
    for here, there in zip(step("cpu"), step("sim"), strict=True):
        bound = tolerance(np.float32, 500)
        np.testing.assert_allclose(here.numpy(), there.numpy(), rtol=bound, atol=bound)
    assert device.launches["direct_weight_9"] == before + 1


@needs_simulator
def test_a_small_workspace_gives_the_same_in_more_launches():
    x = np.random.default_rng(0).standard_normal((5, 3, 6, 7)).view(backend.SimArray)
    w = np.random.default_rng(1).standard_normal((4, 3, 3, 2)).view(backend.SimArray)
    op, dev = Conv(Window.of("conv2d", 2, (3, 2))), device.SimDevice()
    at_once = op.cuda(dev, x, w)
    before = device.launches["im2col"]
    with gg.cuda.workspace_limit(1):
        one_by_one = op.cuda(dev, x, w)
    assert device.launches["im2col"] == before + 5
    np.testing.assert_array_equal(np.asarray(at_once), np.asarray(one_by_one))


def test_from_the_simulated_gpu_and_back():
    x = gg.Tensor(np.arange(3.0), requires_grad=True)
    there = x.to("sim")
    back = there.to("cpu")
    assert (str(there.device), str(back.device)) == ("sim", "cpu")
    (g,) = gg.grad((back * back).sum(), x)
    assert str(g.device) == "cpu" and g.tolist() == [0, 2, 4]


@needs_simulator
def test_a_case_without_kernel_falls_back_and_is_counted():
    x = gg.Tensor(np.ones((1, 1, 4, 4), np.longdouble)).to("sim")
    before = device.fallbacks.total()
    y = F.max_pool2d(x, 2)
    assert (str(y.device), y.dtype) == ("sim", np.longdouble)
    assert device.fallbacks.total() == before + 1
    assert any(f"not {x.dtype}" in reason for _, reason in device.fallbacks)


@needs_simulator
def test_outputs_written_in_part_or_twice_are_found():
    for body, text in (
        (
            "if (i % 2) y[i] = x[i];",
            r"half: 4 of the elements of y were never written, .* y\[0\]$",
        ),
        ("y[i] = x[i]; y[i] = 1;", r"half: an element of y was written 2 times$"),
    ):
        head = 'extern "C" __global__ void half(const float* x, float* y, int n)'
        code = f"{head} {{ int i = threadIdx.x; {body} }}"
        kernel = Kernel("planted.cu", "half", "const float* x, float* y, int n", code=code)
        dev = device.SimDevice("check")
        y = dev.empty((8,), np.float32)
        with pytest.raises(sim.KernelError, match=text):
            dev.launch(kernel, np.ones(8, np.float32), y, 8, threads=8, block=8)


@needs_simulator
def test_an_output_in_place_comes_with_values():
    params, head = "float* x, int n", 'extern "C" __global__ void doubled(float* x, int n)'
    code = f"{head} {{ int i = threadIdx.x; if (i < n) x[i] = 2 * x[i]; }}"
    for in_place in ((), ("x",)):
        kernel = Kernel("planted.cu", "doubled", params, code=code, in_place=in_place)
        x = np.arange(8, dtype=np.float32)
        if not in_place:  # new memory, as far as it knows
            with pytest.raises(sim.KernelError, match="which is uninitialised"):
                device.SimDevice("check").launch(kernel, x, 8, threads=8)
            continue
        device.SimDevice("check").launch(kernel, x, 8, threads=8)
        np.testing.assert_array_equal(x, 2 * np.arange(8))
        with pytest.raises(sim.KernelError, match="1 of the elements of x were never written"):
            device.SimDevice("check").launch(kernel, x, 7, threads=8)
    for wrong in ("y", "n"):
        with pytest.raises(gg.ArgumentError, match=f"doubled: in_place: '{wrong}' is no output"):
            Kernel("planted.cu", "doubled", params, code=code, in_place=("x", wrong))


# What the launcher refuses, before any launch

N = 4
GOOD = [np.zeros(N, np.float32), np.zeros(N, np.float32), np.zeros(N, np.uint8)]
W = np.zeros(1, MAX_POOL.structs["Window3"])


@pytest.mark.parametrize(
    "args,text",
    [
        ([*GOOD, W], "takes 5 arguments, got 4"),
        (
            [np.zeros(N, np.int32), *GOOD[1:], W, N],
            "x is int32; compiled for float16, bfloat16, float",
        ),
        ([GOOD[0], np.zeros(N), GOOD[2], W, N], "y is float64; it must be float32"),
        ([GOOD[0], GOOD[1], np.zeros(N, np.int64), W, N], "offset is int64; compiled for uint8"),
        ([np.zeros(2 * N, np.float32)[::2], *GOOD[1:], W, N], "x is not C-contiguous"),
        ([[1.0], *GOOD[1:], W, N], "x must be an array, got list"),
        ([*GOOD, np.zeros(1), N], "w must be one Window3"),
        ([*GOOD, W, 4.5], "n=4.5 is no int64"),
        ([*GOOD, W, 2**63], "n=9223372036854775808 is no int64"),
        ([*GOOD, W, "4"], "n='4' is no int64"),
    ],
)
def test_wrong_arguments_are_refused_by_name(args, text):
    before = device.launches["max_pool"]
    with pytest.raises(gg.DtypeError, match=f"max_pool: {text}"):
        device.SimDevice().launch(MAX_POOL, *args, threads=N)
    assert device.launches["max_pool"] == before


def test_grids_past_the_limit_are_refused():
    dev = device.SimDevice()
    with pytest.raises(gg.ArgumentError, match="is more than CUDA takes"):
        dev.launch(MAX_POOL, *GOOD, W, N, threads=2**31 * 256)
    with pytest.raises(gg.ArgumentError, match="needs threads or grid"):
        dev.launch(MAX_POOL, *GOOD, W, N)


def test_no_threads_no_launch():
    before = device.launches["max_pool"]
    device.SimDevice().launch(MAX_POOL, *GOOD, W, 0, threads=0)
    assert device.launches["max_pool"] == before


def test_expressions_are_all_instances():
    kernel = Kernel("x.cu", "k", "const T* x, I* y", code="", T=FLOATS, I=OFFSETS)
    assert len(kernel.expressions) == 12
    assert kernel.expressions[0] == "k<__half, unsigned char>"
    assert Kernel("x.cu", "k", "const float* x, double* y", code="").expressions == ("k",)


def test_pools_have_kernels_up_to_three_axes():
    spec = gg.Spec((1, 1, 4, 4, 4, 4), np.dtype(np.float32))
    op = MaxPool(Window.of("pool", 4, 2))
    assert "up to 3 spatial axes" in op.kernel_limits(spec)


@needs_simulator
def test_the_reference_rule_and_meta_are_untouched_by_the_simulator():
    x = gg.Tensor(np.ones((1, 1, 4, 4), np.float32))
    before = sum(device.launches.values())
    apply(MaxPool(Window.of("pool", 2, 2)), x)
    assert sum(device.launches.values()) == before
