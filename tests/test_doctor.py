"""`gpugraph doctor` on machines of every kind, simulated; streams and memory on a fake GPU."""

import contextlib
import ctypes
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

import gpugraph as gg
from gpugraph.cli import main
from gpugraph.core import backend
from gpugraph.cuda import checks, doctor, driver, streams
from tests import fake_cupy

TURING = driver.GPU("NVIDIA T4", (7, 5), 16 * 2**30)
VOLTA = driver.GPU("NVIDIA V100", (7, 0), 32 * 2**30)
CUDA13 = driver.Driver((13, 0), "580.65.06", (TURING,))
NO_DRIVER = driver.Driver(error="libcuda.so.1: cannot open shared object file")
PCI = "an NVIDIA device at PCI 0000:01:00.0"
LACKING = ImportError('Failure finding "libcublas.so.13": No such file')


class FakeStream:
    """Writes down what it is told."""

    log = []

    def __init__(self, name="inner", non_blocking=False):
        self.name = name
        assert non_blocking or name == "outer"

    def record(self, event):
        self.log.append(f"{self.name} records")
        return self.name

    def wait_event(self, event):
        self.log.append(f"{self.name} waits for {event}")

    def __enter__(self):
        self.log.append(f"{self.name} is current")

    def __exit__(self, *exc):
        self.log.append(f"{self.name} was current")


def gpu_cupy(built=13020, count=1):
    """A CuPy with a GPU that works: the fake's arrays, and the parts of ``cupy.cuda`` we use."""
    module = fake_cupy.make()
    module.__version__ = "14.2.0"

    class Device(contextlib.nullcontext):
        def __init__(self, index=0):
            super().__init__()
            self.id, self.mem_info = index, (3 * 2**30, 16 * 2**30)

        def synchronize(self):
            FakeStream.log.append(f"synchronize {self.id}")

    outer = FakeStream("outer")
    module.cuda = SimpleNamespace(
        Device=Device,
        compiler=fake_cupy.COMPILER,
        Stream=FakeStream,
        Event=lambda disable_timing: None,
        get_current_stream=lambda: outer,
        runtime=SimpleNamespace(
            runtimeGetVersion=lambda: built,
            getDeviceCount=lambda: count,
            getDevice=lambda: 0,
            getDeviceProperties=lambda i: {"name": b"NVIDIA T4"},
        ),
        nvrtc=SimpleNamespace(getVersion=lambda: (13, 0)),
        cublas=SimpleNamespace(
            create=lambda: 1, getVersion=lambda handle: 130102, destroy=lambda handle: None
        ),
    )
    module.RawModule = lambda **given: SimpleNamespace(get_function=lambda name: name)
    pool = SimpleNamespace(used_bytes=lambda: 5 * 2**20, total_bytes=lambda: 8 * 2**20)
    module.get_default_memory_pool = lambda: pool
    return module


def failing(error):
    def function(*args):
        raise error

    return function


class _Broken:
    """An import finder for a CuPy that can't be imported."""

    def __init__(self, error):
        self.error = error

    def find_spec(self, name, path=None, target=None):
        if name == "cupy":
            raise self.error


@pytest.fixture
def machine(monkeypatch):
    """Make this machine look like another: machine(driver, packages, cupy, seen)."""

    def simulate(told=CUDA13, packages=("cupy-cuda13x 14.2.0",), cupy=None, seen=""):
        monkeypatch.setattr(driver, "query", lambda: told)
        monkeypatch.setattr(driver, "device_seen", lambda: seen)
        installed = [
            SimpleNamespace(metadata={"Name": name}, version=version)
            for name, version in (package.split() for package in [*packages, "cupyx-else 1.0"])
        ]
        monkeypatch.setattr(importlib.metadata, "distributions", lambda: installed)
        if isinstance(cupy, Exception):
            monkeypatch.delitem(sys.modules, "cupy", raising=False)
            monkeypatch.setattr(sys, "meta_path", [_Broken(cupy), *sys.meta_path])
        else:
            monkeypatch.setitem(sys.modules, "cupy", cupy)
        backend.cuda_reason.cache_clear()
        return cupy

    for name in doctor.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(streams, "_idle", {})
    FakeStream.log.clear()
    yield simulate
    backend.cuda_reason.cache_clear()


def states(report):
    return {stage.name: stage.state for stage in report.stages}


def test_a_gpu_that_works(machine, capsys):
    machine(cupy=gpu_cupy())
    report = doctor.report()
    assert report.ok and report.available and report.cause is None and report.cure is None
    assert set(states(report).values()) == {"ok"} and report.device == "cuda:0"
    (gpu,) = report.gpus
    assert gpu["free"] == 3 * 2**30 and gpu["compute_capability"] == "7.5"
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for part in (
        "CUDA 13.0 (NVIDIA 580.65.06)",
        "cupy-cuda13x 14.2.0",
        "built for CUDA 13.2",
        "loads; 13.1.2",
        "NVIDIA T4, compute capability 7.5, 16.0 GiB, 3.0 GiB of it free",
        "cuda:0 (a GPU computes)",
        "ops run gpugraph's kernels: activation_grad, ",
        f"gpugraph {gg.__version__}",
    ):
        assert part in text
    assert "cause" not in text


def test_no_gpu_and_no_cupy(machine, capsys):
    machine(NO_DRIVER, [], None)
    assert main(["doctor"]) == 0
    report = doctor.report()
    assert report.ok and not report.available and report.device == "cpu"
    assert report.cause.startswith("driver: no NVIDIA GPU is seen, and no driver (libcuda.so.1")
    assert report.cure.startswith("no pip line helps") and "cure" in capsys.readouterr().out


@pytest.mark.parametrize(
    "cuda, gpu, line",
    [
        ((13, 1), TURING, 'pip install "gpugraph[cuda13]"'),
        ((12, 4), TURING, 'pip install "gpugraph[cuda12]"'),
        ((13, 0), VOLTA, 'pip install "gpugraph[cuda12]"'),  # CUDA 13 left it out
    ],
)
def test_no_cupy_for_a_gpu(machine, monkeypatch, cuda, gpu, line):
    machine(driver.Driver(cuda, "", (gpu,)), [], None)
    report = doctor.report()
    assert report.cause == "CuPy package: no CuPy is installed" and report.cure == line
    assert report.ok and main(["doctor"]) == 0  # nobody asked for it
    monkeypatch.setenv("GPUGRAPH_DEVICE", "cuda")
    report = doctor.report()
    assert not report.ok and report.cure == line and report.device is None
    assert main(["doctor"]) == 1


def without_driver():
    """CuPy 14 as it is without a driver: it imports, and fails as soon as it needs a GPU."""
    module = gpu_cupy()
    module.arange = failing(RuntimeError("cudaErrorInsufficientDriver"))
    module.cuda.cublas.create = failing(RuntimeError("CUBLAS_STATUS_NOT_INITIALIZED"))
    return module


def test_cupy_without_driver(machine):
    machine(NO_DRIVER, cupy=without_driver())
    report = doctor.report()
    assert report.ok and report.cause.startswith("driver: no NVIDIA GPU")
    found = states(report)
    assert found["CuPy"] == found["NVRTC"] == "ok" and found["cuBLAS"] == "not tried"
    machine(NO_DRIVER, cupy=without_driver(), seen=PCI)
    report = doctor.report()
    assert not report.ok and report.cause.startswith(f"driver: {PCI}, but no driver")
    assert "install NVIDIA's driver" in report.cure and "--gpus all" in report.cure


def test_driver_without_cublas(machine, monkeypatch):
    cupy = machine(cupy=gpu_cupy())
    cupy.cuda.cublas.create = failing(LACKING)
    monkeypatch.setattr(fake_cupy.ndarray, "__matmul__", failing(LACKING))
    report = doctor.report()
    assert report.cause == f"cuBLAS: ImportError: {LACKING}"
    assert report.cure == 'pip install "cupy-cuda13x[ctk]"'
    assert not report.ok and report.device == "cpu"
    assert states(report)["kernel"] == "ok" and states(report)["product"] == "not tried"


def test_cublas_that_fails_only_at_the_first_product(machine, monkeypatch):
    machine(packages=["cupy-cuda12x 14.2.0"], cupy=gpu_cupy(built=12090))
    monkeypatch.setattr(fake_cupy.ndarray, "__matmul__", failing(LACKING))
    report = doctor.report()
    assert report.cause.startswith("product: ImportError: Failure finding")
    assert report.cure == 'pip install "cupy-cuda12x[ctk]"'


def test_kernels_that_do_not_compile(machine):
    class RawModule:
        def __init__(self, code, options, name_expressions):
            self.bad = "pool_scatter" in name_expressions[0]

        def get_function(self, name):
            if self.bad:
                raise fake_cupy.CompileException("ops/pool.cu(40): error: no")

    cupy = gpu_cupy()
    cupy.RawModule = RawModule
    machine(cupy=cupy)
    report = doctor.report()
    assert not report.ok and report.available  # CuPy computes all the same
    assert "1 of " in report.cause and "pool_scatter: CompileError: " in report.cause
    assert "NVRTC does not compile it" in report.cause and "ops/pool.cu(40)" in report.cause


def test_nvrtc_is_missing(machine):
    class DynamicLibNotFoundError(RuntimeError):
        pass

    error = DynamicLibNotFoundError('Failure finding "libnvrtc.so.13"\n')
    cupy = machine(cupy=gpu_cupy())
    cupy.cuda.nvrtc.getVersion = failing(error)
    report = doctor.report()
    assert report.cause == (
        'NVRTC: DynamicLibNotFoundError: Failure finding "libnvrtc.so.13"'  # in one line
    )
    assert report.cure == 'pip install "cupy-cuda13x[ctk]"'
    assert states(report)["kernel"] == "not tried" and states(report)["product"] == "ok"
    cupy = machine(cupy=gpu_cupy(), packages=["cupy 14.2.0"])  # built by the user, or conda's
    cupy.cuda.nvrtc.getVersion = failing(error)
    assert doctor.report().cure == 'pip install "cuda-toolkit[cublas,cudart,nvrtc]==13.*"'


def test_headers_are_missing(machine):
    class CompileException(Exception):  # noqa: N818 (CuPy's name)
        pass

    cupy = machine(cupy=gpu_cupy())
    cupy.ElementwiseKernel = lambda *spec: failing(CompileException("can't open cuda_fp16.h"))
    report = doctor.report()
    assert report.cause == "kernel: CompileException: can't open cuda_fp16.h"
    assert report.cure == 'pip install "cupy-cuda13x[ctk]"'


def test_cupy_for_a_newer_cuda_than_the_driver_knows(machine):
    machine(driver.Driver((12, 8), "", (TURING,)), cupy=gpu_cupy())
    report = doctor.report()
    assert report.cause == (
        "CUDA version: CuPy is built for CUDA 13, the driver supports 12.8 at most"
    )
    assert report.cure == 'pip uninstall -y cupy-cuda13x && pip install "gpugraph[cuda12]"'
    assert not report.ok and states(report)["kernel"] == "not tried"


def test_a_gpu_that_cuda_13_left_out(machine):
    machine(driver.Driver((13, 0), "", (VOLTA,)), cupy=gpu_cupy())
    report = doctor.report()
    assert "CUDA 13 has left out NVIDIA V100 (compute capability 7.0" in report.cause
    assert report.cure == 'pip uninstall -y cupy-cuda13x && pip install "gpugraph[cuda12]"'


def test_cupy_for_an_older_cuda_is_fine(machine):
    machine(packages=["cupy_cuda12x 14.2.0"], cupy=gpu_cupy(built=12090))
    assert doctor.report().available


def test_a_driver_too_old_for_any_cupy_14(machine):
    machine(driver.Driver((11, 4), "", (TURING,)), ["cupy-cuda12x 14.2.0"], without_driver())
    report = doctor.report()
    assert report.cause == "driver: it supports CUDA 11.4; CuPy 14 needs 12.0"
    assert "525" in report.cure and report.cure.startswith("no pip line helps") and not report.ok


def test_several_wheels(machine):
    machine(packages=["cupy-cuda13x 14.2.0", "CuPy_cuda12x 13.6.0"], cupy=gpu_cupy())
    report = doctor.report()
    assert report.cause == (
        "CuPy package: they overwrite each other: cupy-cuda12x 13.6.0, cupy-cuda13x 14.2.0"
    )
    assert report.cure == (
        'pip uninstall -y cupy-cuda12x cupy-cuda13x && pip install "gpugraph[cuda13]"'
    )
    assert not report.ok and report.available  # by luck
    machine(NO_DRIVER, ["cupy-cuda13x 14.2.0", "cupy 14.2.0"], without_driver())
    assert main(["doctor"]) == 1  # broken with or without a GPU


def test_cupy_is_too_old(machine):
    machine(packages=["cupy-cuda11x 13.6.0"], cupy=gpu_cupy(built=11080))
    report = doctor.report()
    assert report.cause == "CuPy package: cupy-cuda11x 13.6.0; gpugraph needs 14"
    assert report.cure == 'pip uninstall -y cupy-cuda11x && pip install "gpugraph[cuda13]"'


def test_cupy_that_does_not_import(machine):
    text = "\n" + "=" * 64 + "\nFailed to import CuPy.\n\nOriginal error:\n  ImportError: libc\n"
    machine(NO_DRIVER, ["cupy-cuda12x 14.2.0"], ImportError(text + "=" * 64))
    report = doctor.report()
    assert report.cause == "CuPy: import fails: ImportError: ImportError: libc"
    assert report.cure == 'pip uninstall -y cupy-cuda12x && pip install "gpugraph[cuda12]"'
    assert not report.ok


def test_wrong_numbers(machine, monkeypatch):
    cupy = machine(driver.Driver((13, 0), "", (TURING, TURING)), cupy=gpu_cupy(count=2))
    cupy.ElementwiseKernel = lambda *spec: lambda x: fake_cupy.ndarray(3 * x._a)
    report = doctor.report()
    assert report.cause == (
        "kernel: a kernel gives wrong numbers on cuda:0 (NVIDIA T4): "
        "[0.0, 3.0, 6.0, 9.0]... for [0.0, 2.0, 4.0, 6.0]..."
    )
    assert report.cure.startswith("no pip line helps") and not report.ok
    machine(cupy=gpu_cupy())
    right = fake_cupy.ndarray.__matmul__
    monkeypatch.setattr(fake_cupy.ndarray, "__matmul__", lambda a, b: right(a, b) + 1)
    assert doctor.report().cause.startswith("product: a product gives wrong numbers on cuda:0")


def test_every_gpu_is_tried(machine):
    cupy = machine(driver.Driver((13, 0), "", (TURING, TURING)), cupy=gpu_cupy(count=2))
    tried, plain = [], cupy.cuda.Device
    cupy.cuda.Device = lambda i: tried.append(i) or plain(i)
    assert doctor.report().available and {0, 1} <= set(tried)


def test_a_driver_that_does_not_start(machine):
    text = "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803): system has unsupported display driver"
    machine(driver.Driver((13, 0), "", (), text, 803), [], None, PCI)
    report = doctor.report()
    assert text in report.cause and "reboot" in report.cure and not report.ok


def test_hidden_gpus(machine, monkeypatch):
    told = driver.Driver((13, 0), "", (), "CUDA_ERROR_NO_DEVICE (100): none", driver.NO_DEVICE)
    machine(told, cupy=without_driver(), seen=PCI)
    report = doctor.report()
    assert f"GPU: {PCI}, but the driver shows none" in report.cause and not report.ok
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    report = doctor.report()
    assert report.cause == "GPU: CUDA_VISIBLE_DEVICES='' leaves none" and report.ok
    machine(told, [], None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert doctor.report().cause == (
        "GPU: the driver shows none (CUDA_ERROR_NO_DEVICE (100): none)"
    )


@pytest.mark.parametrize("wrong", ["gpu", "cuda", "sim"])
def test_a_device_that_can_not_be_had(machine, monkeypatch, capsys, wrong):
    machine(NO_DRIVER, [], None)
    monkeypatch.setattr(checks, "simulator", lambda: "no g++ is installed")
    monkeypatch.setenv("GPUGRAPH_DEVICE", wrong)
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["device"] is None and told["environment"]["GPUGRAPH_DEVICE"] == wrong
    assert told["cause"].startswith("driver" if wrong == "cuda" else "default device")
    assert "unset GPUGRAPH_DEVICE" in told["cure"]


def test_the_simulator_is_reported(machine, monkeypatch):
    machine(NO_DRIVER, [], None)
    fake = SimpleNamespace(why_not=lambda: None)
    monkeypatch.setitem(sys.modules, "gpugraph.cuda.sim", fake)
    report = doctor.report()
    assert report.simulator is None and "device='sim'" in report.fallbacks[1]
    fake.why_not = lambda: "no g++ is installed"
    report = doctor.report()
    assert report.simulator == "no g++ is installed" and "no g++ is installed" in str(report)
    fake.why_not = failing(ImportError("half installed"))
    assert doctor.report().simulator == "ImportError: half installed"


def test_json_is_the_report(machine, capsys):
    machine(cupy=gpu_cupy())
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.pop("cpu") == {"compiled": gg.cpu.is_available(), "reason": gg.cpu.why_not()}
    assert told == json.loads(json.dumps(doctor.report().to_dict()))
    assert told["ok"] and told["stages"][0]["name"] == "driver" and told["gpus"][0]["total"]


def test_an_unforeseen_error_is_a_finding(machine):
    cupy = machine(cupy=gpu_cupy())
    cupy.cuda.runtime.runtimeGetVersion = failing(ValueError("what"))
    report = doctor.report()
    assert report.cause == "CuPy: ValueError: what" and not report.ok


def test_this_machine():
    """Whatever it is: the command runs, and agrees with the probe that the default device uses."""
    command = [sys.executable, "-m", "gpugraph", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1) and done.stderr == ""
    assert told["available"] == gg.cuda.is_available()


def test_cupy_has_the_names_that_the_fake_has():
    """CuPy imports without a GPU, so at least the names can be checked where it is installed."""
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("needs CuPy to be installed (no GPU)")
    names = (
        "ElementwiseKernel asarray get_default_memory_pool cuda.Event cuda.get_current_stream "
        "cuda.Device.mem_info cuda.Device.synchronize cuda.Stream.record cuda.Stream.wait_event "
        "cuda.nvrtc.getVersion cuda.runtime.runtimeGetVersion cuda.runtime.getDeviceCount "
        "cuda.runtime.getDevice cuda.runtime.getDeviceProperties"
    ).split()
    code = f"""
import cupy, operator
for name in {names!r}:
    operator.attrgetter(name)(cupy)
try:
    cublas = cupy.cuda.cublas
except ImportError as error:  # the library is loaded with the module
    assert "cublas" in str(error)
else:
    cublas.create, cublas.getVersion, cublas.destroy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# The driver


class FakeLibrary:
    """libcuda, with ctypes' way of giving results back."""

    def __init__(self, init=0):
        self.init = init

    def cuDriverGetVersion(self, out):
        out._obj.value = 12080
        return 0

    def cuInit(self, flags):
        return self.init

    def cuDeviceGetCount(self, out):
        out._obj.value = 1
        return 0

    def cuDeviceGet(self, out, index):
        out._obj.value = index

    def cuDeviceGetName(self, name, length, device):
        name.value = b"NVIDIA L4"

    def cuDeviceGetAttribute(self, out, attribute, device):
        out._obj.value = {75: 8, 76: 9}[attribute]

    def cuDeviceTotalMem_v2(self, out, device):
        out._obj.value = 24 * 2**30

    def cuGetErrorName(self, code, out):
        out._obj.value = b"CUDA_ERROR_NO_DEVICE"

    def cuGetErrorString(self, code, out):
        out._obj.value = b"no CUDA-capable device is detected"


def test_the_driver_is_asked_without_cupy(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeLibrary())
    told = driver.query()
    assert told.cuda == (12, 8) and not told.error
    assert told.gpus == (driver.GPU("NVIDIA L4", (8, 9), 24 * 2**30),)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeLibrary(init=100))
    told = driver.query()
    assert told.gpus == () and told.code == driver.NO_DEVICE
    assert told.error == "CUDA_ERROR_NO_DEVICE (100): no CUDA-capable device is detected"
    monkeypatch.setattr(ctypes, "CDLL", failing(OSError("libcuda.so.1: not found")))
    assert driver.query() == driver.Driver(error="libcuda.so.1: not found")


def test_a_gpu_is_seen_without_a_driver(tmp_path):
    for name, vendor, kind in (
        ("0000:00:01.0", "0x8086", "0x030000"),  # another maker's display
        ("0000:00:02.0", "0x10de", "0x0c0330"),  # NVIDIA's, but no GPU
    ):
        folder = tmp_path / "sys/bus/pci/devices" / name
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(vendor + "\n")
        (folder / "class").write_text(kind + "\n")
    assert driver.device_seen(str(tmp_path)) == ""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    assert driver.device_seen(str(tmp_path)) == "the device file /dev/nvidia0"
    (folder / "class").write_text("0x030200\n")
    assert driver.device_seen(str(tmp_path)) == "an NVIDIA device at PCI 0000:00:02.0"


# Streams and memory


def test_without_a_gpu_the_reason_is_told(machine):
    machine(NO_DRIVER, [], None)
    assert gg.cuda.device_count() == 0
    for name, use in (
        ("memory", gg.cuda.memory),
        ("synchronize", gg.cuda.synchronize),
        ("stream", lambda: gg.cuda.stream().__enter__()),
    ):
        with pytest.raises(gg.DeviceError, match=f"{name}: no GPU: CuPy can't be imported"):
            use()


def test_stream_waits_on_both_ends(machine):
    cupy = machine(cupy=gpu_cupy(count=2))
    with gg.cuda.stream() as s:
        assert isinstance(s, cupy.cuda.Stream)
    enter = ["outer records", "inner waits for outer", "inner is current"]
    leave = ["inner was current", "inner records", "outer waits for inner"]
    assert FakeStream.log == enter + leave
    with gg.cuda.stream() as again:
        assert again is s  # CuPy's freed memory stays with its stream
        with gg.cuda.stream() as nested:
            assert nested is not s
    with gg.cuda.stream("cuda:1") as other:
        assert other not in (s, nested)
    FakeStream.log.clear()
    with gg.cuda.stream(join=False) as beside:
        assert beside not in (s, nested, other)
    assert FakeStream.log == [*enter, "inner was current"]
    FakeStream.log.clear()
    with pytest.raises(ZeroDivisionError), gg.cuda.stream():
        1 / 0  # noqa: B018
    assert FakeStream.log == enter + leave


def test_synchronize_and_count(machine):
    machine(cupy=gpu_cupy(count=2))
    assert gg.cuda.device_count() == 2
    gg.cuda.synchronize()
    gg.cuda.synchronize(gg.Device("cuda:1"))
    assert FakeStream.log == ["synchronize 0", "synchronize 1"]
    with pytest.raises(gg.DeviceError, match="no device cuda:2: there is cuda:0 to cuda:1"):
        gg.cuda.synchronize("cuda:2")
    with pytest.raises(gg.DeviceError, match="synchronize: cpu is no GPU"):
        gg.cuda.synchronize("cpu")


def test_memory(machine):
    machine(cupy=gpu_cupy(count=2))
    report = gg.cuda.memory()
    assert [m.device for m in report] == ["cuda:0", "cuda:1"]
    first = report[0]
    assert first.used + first.free == first.total == 16 * 2**30
    assert (first.pool_used, first.pool_held) == (5 * 2**20, 8 * 2**20)
    (only,) = gg.cuda.memory("cuda:1")
    assert only == report[1]
    lines = str(report).splitlines()
    assert lines[0].split() == "MiB used free total pool used held GPU".split()
    assert lines[1].split() == "cuda:0 13,312 3,072 16,384 5 8 NVIDIA T4".split()
