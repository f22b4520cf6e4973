"""Devices: meta, the default, refusing mixes, and array code that runs on another module."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.core import backend
from gpugraph.core.apply import apply
from gpugraph.cuda import sim
from gpugraph.testing import rules
from tests import fake_cupy
from tests.test_ops import CASES, samples_of

CASES = [(name, i) for name, i in CASES if name != "Move"]  # it goes where its field says


@pytest.fixture(autouse=True)
def reference():
    """The same bits are asked of the same array code: no compiled kernels."""
    with gg.cpu.disabled():
        yield


@pytest.fixture
def cupy():
    with fake_cupy.installed() as module:
        yield module


def on(device, x):
    """The sample input on that device; integers and masks of an index stay arrays, too."""
    return None if x is None else gg.Tensor(np.asarray(x)).to(device)


@pytest.mark.parametrize("name, i", CASES)
def test_forward_runs_unchanged_on_another_array_module(cupy, name, i):
    sample = samples_of(name)[i]
    there = rules.outputs_of(apply(sample.op, *(on("cuda", x) for x in sample.inputs)))
    here = rules.outputs_of(apply(sample.op, *sample.inputs))
    for t, h in zip(there, here, strict=True):
        assert isinstance(t.array, cupy.ndarray)
        assert t.device == "cuda:0"
        np.testing.assert_array_equal(t.numpy(), h.numpy())


@pytest.mark.parametrize("name, i", CASES)
def test_gradients_run_unchanged_on_another_array_module(cupy, name, i):
    sample = samples_of(name)[i]
    if not rules.differentiable(sample):
        return
    found = []
    for device in ("cpu", "cuda"):
        inputs, leaves = rules._leaves(sample)
        inputs = [x.to(device) if isinstance(x, gg.Tensor) else on(device, x) for x in inputs]
        ys = [y for y in rules.outputs_of(apply(sample.op, *inputs)) if y.requires_grad]
        gs = [
            gg.Tensor(np.cos(np.arange(y.size)).reshape(y.shape)).to(device).astype(y.dtype)
            for y in ys
        ]
        found.append(gg.grad(ys, leaves, gs, allow_unused=True))
    for here, there in zip(*found, strict=True):
        assert (here is None) == (there is None)
        if here is not None:
            np.testing.assert_array_equal(here.numpy(), there.numpy())


@pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")
@pytest.mark.parametrize(
    "name, i", [(name, i) for name, i in CASES if samples_of(name)[i].op.cuda is not None]
)
def test_kernels_are_launched_through_cupy(name, i):
    """All that the GPU's device does with CuPy, but for NVRTC and the GPU."""
    sample = samples_of(name)[i]
    with fake_cupy.installed(kernels=True) as cupy:
        inputs = [on("cuda", x) for x in sample.inputs]
        there = rules.outputs_of(apply(sample.op, *inputs))
        assert all(isinstance(t.array, cupy.ndarray) for t in there)
        simulated = [
            None if x is None else gg.Tensor(np.asarray(x)).to("sim") for x in sample.inputs
        ]
        for t, s in zip(there, rules.outputs_of(apply(sample.op, *simulated)), strict=True):
            np.testing.assert_array_equal(t.numpy(), s.numpy())


def test_moving_there_and_back(cupy):
    x = gg.Tensor(np.arange(3.0), requires_grad=True)
    y = x.to("cuda")
    assert (str(y.device), str(x.device)) == ("cuda:0", "cpu")
    assert y.to("cuda:0") is y
    (y * y).sum().backward()
    assert x.grad.device == "cpu"
    np.testing.assert_array_equal(x.grad.numpy(), [0, 2, 4])


def test_a_number_as_cotangent_goes_where_the_output_is(cupy):
    x = gg.tensor([1.0, 3.0], device="cuda", requires_grad=True)
    x.sum().backward(2.0)
    assert x.grad.device == "cuda:0"
    assert x.grad.tolist() == [2.0, 2.0]


def test_mixed_devices_are_refused_by_name(cupy):
    here, there = gg.Tensor(np.ones(2)), gg.Tensor(np.ones(2)).to("cuda")
    with pytest.raises(gg.DeviceError, match=r"add: x1 is on cpu, x2 is on cuda:0; move one"):
        here + there
    assert (there * 2.0).device == "cuda:0"  # numbers fit anywhere
    assert (there * np.float32(2.0)).device == "cuda:0"


@pytest.mark.parametrize("device", ["cuda", "meta"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: 2**x,
        lambda x: gg.maximum(x, 0.0),
        lambda x: gg.minimum(1.0, x),
        lambda x: gg.atan2(x, 2.0),
        lambda x: gg.clip(1.0, 0.0, x),
    ],
)
def test_gradients_beside_bare_numbers(cupy, f, device):
    x = gg.Tensor(np.array([0.5, 2.0])).to(device).requires_grad_()
    (g,) = gg.grad(f(x).sum(), x)
    assert g.device == x.device
    assert g.shape == (2,)


def test_a_gpu_tensor_does_not_turn_into_a_numpy_array(cupy):
    with pytest.raises(gg.DeviceError, match=r"lives on cuda:0; \.numpy\(\) copies"):
        np.asarray(gg.Tensor(np.ones(2)).to("cuda"))


def test_the_default_device_is_the_gpu_if_there_is_one(cupy, monkeypatch):
    monkeypatch.delenv("GPUGRAPH_DEVICE", raising=False)
    assert gg.tensor([1.0]).device == "cuda:0"
    monkeypatch.setenv("GPUGRAPH_DEVICE", "cpu")
    assert gg.tensor([1.0]).device == "cpu"
    assert gg.asarray(np.ones(2)).device == "cpu"  # asarray never moves
    with gg.default_device("cuda"):
        assert gg.zeros(3).device == "cuda:0"
    assert gg.zeros(3).device == "cpu"


def test_a_gpu_that_computes_nonsense_is_no_gpu(cupy):
    cupy.ElementwiseKernel = lambda *spec: lambda x: fake_cupy.ndarray(3 * x._a)
    backend.cuda_reason.cache_clear()
    assert "wrong numbers" in backend.cuda_reason()


@pytest.mark.skipif("cupy" in sys.modules, reason="needs CuPy not to be imported")
def test_without_a_gpu_the_reason_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # import cupy raises ImportError
    backend.cuda_reason.cache_clear()
    try:
        x = gg.Tensor(np.ones(2))
        with pytest.raises(gg.DeviceError, match="no device cuda:0: CuPy can't be imported"):
            x.to("cuda")
        with pytest.raises(gg.DeviceError, match="CuPy can't be imported"):
            gg.default_device("cuda")
        monkeypatch.setenv("GPUGRAPH_DEVICE", "cuda")
        with pytest.raises(gg.DeviceError, match="GPUGRAPH_DEVICE=cuda: CuPy can't"):
            gg.tensor([1.0])
    finally:
        backend.cuda_reason.cache_clear()


def test_every_function_taken_from_the_array_module_is_in_cupy_too():
    """CuPy imports without a GPU, so at least its names can be checked anywhere it is installed."""
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("needs CuPy to be installed (no GPU)")
    names = set()
    for path in Path(gg.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if re.fullmatch(r"xp(\.\w+)+", name):
                names.add(name[3:])
    assert len(names) > 50
    code = f"import cupy, operator\nfor n in {sorted(names)!r}: operator.attrgetter(n)(cupy)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_default_device_can_be_asked_for():
    with gg.default_device("meta"):
        assert gg.default_device() == "meta"


def test_device_names():
    assert gg.Device("cuda") == gg.Device("cuda:0") == "cuda:0" == gg.Device("cuda")
    assert gg.Device("cuda:1") != gg.Device("cuda:0")
    assert {gg.Device("cpu"): 1}[gg.Device("cpu")] == 1
    assert (gg.Device("cuda:1").type, gg.Device("cuda:1").index) == ("cuda", 1)
    for wrong in ("gpu", "cuda:", "cuda:x", "cpu:1", "", 3):
        with pytest.raises(gg.ArgumentError, match="none of 'cpu'"):
            gg.Device(wrong)


# Meta


def test_meta_computes_shapes_only():
    x = gg.zeros((2, 3), device="meta").requires_grad_()
    w = gg.zeros((3, 4), device="meta").requires_grad_()
    y = gg.tanh(x @ w + 1.0)
    assert (y.shape, y.dtype, y.device) == ((2, 4), np.float32, "meta")
    gx, gw = gg.grad(y.sum(), [x, w])
    assert (gx.shape, gw.shape, gx.device) == ((2, 3), (3, 4), "meta")


def test_meta_has_no_values():
    x = gg.zeros(3, device="meta")
    assert "meta" in repr(x)
    with pytest.raises(gg.GpugraphError, match="no data"):
        x.numpy()
    with pytest.raises(gg.DeviceError, match="x1 is on meta, x2 is on cpu"):
        x + gg.Tensor(np.ones(3))
