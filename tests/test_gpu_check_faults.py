"""tools/gpu_check where things go wrong: time that runs out, processes that die or hang, other
programs' words; and what it asks of CuPy and PyTorch, with stand-ins for both.

About 3 s.
"""

import json
import os
import sys
import types

import numpy as np
import pytest

from tools.gpu_check import bench, device, doctor, report, sanitizer, session, supervise, worker
from tools.gpu_check import tests as tests_part
from tools.gpu_check.results import Results, file_stem, problems
from tools.gpu_check.setting import Setting, SkipError

# Time


def test_budgets_share_what_is_left():
    names = list(session.PARTS)
    left = 570.0
    for i, name in enumerate(names):
        share = session.budget(name, names[i:], left)
        assert 0 < share <= left
        left -= share
    assert left == pytest.approx(0)
    assert session.budget("bench", ["bench"], 100.0) == 100.0
    assert sum(session.PARTS.values()) < 60 * session.MINUTES


class Clock:
    def __init__(self, step=0.0):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


def part_of(items, run=None):
    part = types.SimpleNamespace(items=lambda setting: items)
    if run is not None:
        part.run = run
    return part


def new_results(tmp_path, **about):
    told = {"rehearsal": True, "device": "sim", "gpu": "", "date": "2026-01-02", "versions": {}}
    return Results(tmp_path / "r.json", {**told, **about})


def test_what_a_part_leaves_out_is_said_and_resumed(tmp_path):
    def two(setting, names, seconds):
        return ((n, {"state": "ok" if n != "b" else "wrong", "error": "no"}) for n in names[:2])

    results = new_results(tmp_path)
    session.run_part("bench", part_of(["a", "b", "c", "d"], two), Setting("sim"), results, 9.0,
                     clock=Clock(2.0))  # fmt: skip
    entry = json.loads(results.path.read_text())["parts"]["bench"]
    assert (entry["state"], entry["left_out"], entry["seconds"]) == ("incomplete", ["c", "d"], 2.0)
    assert "Left out, for want of time: bench (2 items)." in report.markdown(results.to_dict())

    ran = []

    def rest(setting, names, seconds):
        ran.extend(names)
        return ((n, {"state": "ok"}) for n in names)

    again = new_results(tmp_path)
    session.run_part("bench", part_of(["a", "b", "c", "d"], rest), Setting("sim"), again, 9.0,
                     resume=True)  # fmt: skip
    assert ran == ["b", "c", "d"]  # what was wrong is tried again
    assert again.parts["bench"]["state"] == "done"
    assert again.wrong == []
    session.run_part("bench", part_of(["a"], rest), Setting("sim"), again, 9.0)
    assert list(again.parts["bench"]["items"]) == ["a"]


def test_what_was_cut_off_counts_as_left_out(tmp_path):
    results = new_results(tmp_path)
    results.begin("tests", ["a", "b"], 9.0)
    results.add("tests", "a", {"state": "ok", "cut off": True})
    results.add("tests", "b", {"state": "ok"})
    results.finish("tests", 9.0)
    assert (results.parts["tests"]["state"], results.parts["tests"]["left_out"]) == (
        "incomplete", ["a"],
    )  # fmt: skip
    assert results.begin("tests", ["a", "b"], 9.0, resume=True) == ["a"]


def test_a_part_that_breaks_is_wrong_and_loses_nothing(tmp_path):
    def breaks(setting, names, seconds):
        yield names[0], {"state": "ok"}
        on_disk = json.loads((tmp_path / "r.json").read_text())["parts"]["train"]
        assert on_disk["items"] == {"a": {"state": "ok"}}  # already
        assert on_disk["state"] == "running"
        raise RuntimeError("no more")

    results = new_results(tmp_path)
    session.run_part("train", part_of(["a", "b"], breaks), Setting("sim"), results, 9.0)
    assert results.wrong == ["train: the part itself: RuntimeError: no more"]
    assert results.parts["train"]["left_out"] == ["b"]
    assert problems(results.to_dict()) == []


def test_only_a_gpu_gives_a_file_with_a_date():
    assert file_stem("cuda", "2026-01-02", "NVIDIA H100 80GB HBM3") == (
        "2026-01-02-nvidia-h100-80gb-hbm3"
    )
    for name in ("sim", "cpu"):
        assert file_stem(name, "2026-01-02", "NVIDIA H100") == f"rehearsal-{name}"
    assert "benchmarks" not in str(session._folder(Setting("sim")))
    assert session._folder(Setting("cuda")).parts[-2:] == ("benchmarks", "gpu")


def test_problems_of_a_file_are_found(tmp_path):
    results = new_results(tmp_path)
    results.begin("bench", ["a"], 1.0)
    results.add("bench", "a", {"state": "wrong"})
    results.about["rehearsal"] = False
    said = problems(results.to_dict())
    assert "bench, a: is wrong without error" in said
    assert "about: only what ran on cuda is no rehearsal" in said
    results.add("bench", "a", {"state": "fine"})
    assert "bench, a: is in state 'fine'" in problems(results.to_dict())


# Processes that die


FAKE = """
import json, os, sys, time
request = json.load(sys.stdin)
say = lambda **m: print(json.dumps(m), flush=True)
for item in request["items"]:
    say(start=item)
    if item == "abort":
        print("an illegal address", file=sys.stderr, flush=True)
        os.abort()
    if item == "hang":
        time.sleep(60)
    say(item=item, result={"state": "ok", "pid": os.getpid()})
    if item == "poison":
        os._exit(3)
    if item == "enough":
        break
"""


def supervised(names, seconds=30.0, code=FAKE, **options):
    command = [sys.executable, "-c", code]
    return dict(supervise.supervise({"part": "x"}, names, seconds, command=command, **options))


def test_an_item_that_kills_its_process_is_to_blame_and_the_others_go_on():
    found = supervised(["a", "abort", "b", "poison", "c"])
    assert list(found) == ["a", "abort", "b", "poison", "c"]
    assert found["abort"]["state"] == "wrong"
    assert "died of it: signal SIGABRT; last words: an illegal address" in found["abort"]["error"]
    assert found["poison"]["state"] == "ok"
    processes = [found[name]["pid"] for name in ("a", "b", "poison", "c")]
    assert processes[1] == processes[2]
    assert len(set(processes)) == 3


def test_an_item_that_hangs_is_killed_and_the_rest_left_out():
    found = supervised(["a", "hang", "b"], seconds=0.5, grace=0.0)
    assert list(found) == ["a", "hang"]
    assert "killed" in found["hang"]["error"]


def test_a_worker_that_never_starts_is_an_error():
    with pytest.raises(RuntimeError, match=r"before its first item: exit status 7; last words: no"):
        supervised(["a"], code="import sys; print('no', file=sys.stderr); sys.exit(7)")


def test_no_time_no_process():
    assert supervised(["a"], seconds=0.0) == {}


def served(monkeypatch, check, items, opened=None, seconds=9.0):
    """What a worker answers, in this process."""
    part = types.ModuleType("tools.gpu_check.fake")
    part.check = check
    monkeypatch.setitem(sys.modules, part.__name__, part)
    monkeypatch.setattr(worker, "open_device", lambda name: opened or device.Cpu())
    answer = types.SimpleNamespace(lines=[], flush=lambda: None)
    answer.write = answer.lines.append
    request = {"part": "fake", "device": "cpu", "items": items, "seconds": seconds}
    status = worker.serve(request, answer)
    told = map(json.loads, answer.lines)
    return status, {m["item"]: m["result"] for m in told if "item" in m}


def test_a_worker_answers_whatever_happens(monkeypatch):
    def check(setting, where, name):
        if name == "skip":
            raise SkipError("not here")
        return {"state": "ok", "is": 1 / (name != "zero")}

    status, found = served(monkeypatch, check, ["a", "skip", "zero", "b"])
    assert status == 0
    assert found["skip"]["reason"] == "not here"
    assert "ZeroDivisionError: division by zero (at tests" in found["zero"]["error"]
    assert found["a"]["state"] == found["b"]["state"] == "ok"
    assert served(monkeypatch, check, ["a"], seconds=0.0) == (0, {})


def test_a_worker_whose_gpu_is_lost_gives_up(monkeypatch):
    class Lost(device.Cpu):
        lost = False

        def check_health(self):
            if self.lost:
                raise RuntimeError("cudaErrorIllegalAddress")

    gpu = Lost()

    def check(setting, where, name):
        gpu.lost = name == "bad"
        return {"state": "ok"}

    status, found = served(monkeypatch, check, ["a", "bad", "b"], gpu)
    assert status == worker.POISONED
    assert list(found) == ["a", "bad"]
    assert "the GPU failed after it: RuntimeError: cudaErrorIllegal" in found["bad"]["error"]


# The GPU, as far as CuPy's and PyTorch's names go


class FakeCupy:
    """What device.Gpu calls, on a clock that f advances."""

    __version__ = "14.2.0"

    def __init__(self):
        fake = self
        self.now, self.waits, self.hooks = 0.0, 0, []

        class Event:
            def record(self):
                self.at = fake.now

        class MemoryHook:
            def __enter__(self):
                fake.hooks.append(self)

            def __exit__(self, *exc):
                fake.hooks.remove(self)

        properties = {"name": b"NVIDIA X", "major": 9, "minor": 0, "l2CacheSize": 50, "other": 1}
        runtime = types.SimpleNamespace(
            deviceSynchronize=self._wait,
            getDevice=lambda: 0,
            getDeviceProperties=lambda i: properties,
            runtimeGetVersion=lambda: 13000,
            driverGetVersion=lambda: 13010,
        )
        self.cuda = types.SimpleNamespace(
            Event=Event,
            MemoryHook=MemoryHook,
            get_elapsed_time=lambda a, b: b.at - a.at,
            runtime=runtime,
            nvrtc=types.SimpleNamespace(getVersion=lambda: (13, 1)),
        )
        self.freed = 0

    def _wait(self):
        self.waits += 1

    def get_default_memory_pool(self):
        return types.SimpleNamespace(used_bytes=lambda: 100, free_all_blocks=self._free)

    def _free(self):
        self.freed += 1

    def allocate(self, n):
        for hook in self.hooks:
            hook.malloc_postprocess(device_id=0, size=n, mem_size=n, mem_ptr=1, pmem_id=1)

    def release(self, n):
        for hook in self.hooks:
            hook.free_postprocess(device_id=0, mem_size=n, mem_ptr=1, pmem_id=1)


@pytest.fixture
def fake(monkeypatch):
    cupy = FakeCupy()
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "torch", None)
    return cupy


def test_events_time_each_call(fake):
    gpu = device.open_device("cuda")
    steps = iter([5.0, 7.0, 11.0])

    def f():
        fake.now += next(steps)

    assert gpu.times(f, 3) == [5.0, 7.0, 11.0]
    assert fake.waits == 2  # before the first and after the last


@pytest.mark.parametrize("ms,runs", [(0.01, 100), (10.0, 40), (30.0, 20), (200.0, 8), (9000.0, 3)])
def test_slow_calls_are_timed_less_often(fake, ms, runs):
    def f():
        fake.now += ms

    found = device.median_ms(device.Gpu(), f, seconds=0.4)
    assert found["runs"] == runs
    assert found["ms"] == pytest.approx(ms)


def test_the_peak_follows_allocations(fake):
    gpu = device.Gpu()
    with gpu.peak("gpugraph") as most:
        for n in (10, 30):
            fake.allocate(n)
        fake.release(30)
        fake.allocate(5)
    fake.allocate(1000)  # after it
    assert most == {"bytes": 140}


def test_the_gpu_describes_itself(fake):
    gpu = device.Gpu()
    assert gpu.about() == {
        "name": "NVIDIA X",
        "compute capability": "9.0",
        "L2 bytes": 50,
        "versions": {"CUDA runtime": "13.0", "CUDA driver": "13.1", "NVRTC": "13.1",
                     "CuPy": "14.2.0"},
    }  # fmt: skip
    assert "can't be imported" in gpu.why_no_torch
    gpu.free()
    assert fake.freed == 1
    assert (gpu.name, gpu.torch_name, gpu.rehearsal) == ("cuda", "cuda", False)


def test_health_is_a_right_sum(fake):
    class Array(np.ndarray):
        def get(self):
            return self

    fake.arange = lambda n: np.arange(n).view(Array)
    device.Gpu().check_health()
    fake.arange = lambda n: np.ones(n).view(Array)
    with pytest.raises(RuntimeError, match="wrong numbers"):
        device.Gpu().check_health()


def test_pytorch_is_used_only_with_cuda_and_without_tf32(fake, monkeypatch):
    cudnn = types.SimpleNamespace(allow_tf32=True, version=lambda: 91000)
    cuda = types.SimpleNamespace(
        is_available=lambda: False,
        empty_cache=lambda: None,
        reset_peak_memory_stats=lambda: None,
        max_memory_allocated=lambda: 77,
    )
    torch = types.SimpleNamespace(
        __version__="2.11", cuda=cuda, backends=types.SimpleNamespace(cudnn=cudnn),
        set_float32_matmul_precision=lambda how: seen.append((cudnn.allow_tf32, how)),
    )  # fmt: skip
    seen = []
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert device.Gpu().torch is None
    assert device.Gpu().why_no_torch == "PyTorch 2.11 has no CUDA here"
    cuda.is_available = lambda: True
    gpu = device.Gpu()
    assert gpu.torch is torch
    assert gpu.about()["versions"]["cuDNN"] == "91000"
    with gpu.peak("torch") as most:
        pass
    assert most == {"bytes": 77}
    with bench.precision(torch):
        assert not cudnn.allow_tf32
    with bench.precision(torch, tf32=True):
        assert cudnn.allow_tf32
    assert cudnn.allow_tf32
    assert seen == [(False, "highest"), (True, "highest")]


def test_the_names_are_in_cupy():
    cupy = pytest.importorskip("cupy", reason="needs CuPy to be installed (no GPU)")
    for path in ("cuda.Event", "cuda.get_elapsed_time", "cuda.runtime.deviceSynchronize",
                 "cuda.runtime.getDeviceProperties", "cuda.runtime.driverGetVersion",
                 "cuda.nvrtc.getVersion", "cuda.set_allocator", "get_default_memory_pool",
                 "cuda.MemoryHook.malloc_postprocess",
                 "cuda.MemoryHook.free_postprocess"):  # fmt: skip
        there = cupy
        for name in path.split("."):
            there = getattr(there, name)
    hook = device._peak_hook(cupy, 10)
    hook.malloc_postprocess(device_id=0, size=5, mem_size=8, mem_ptr=1, pmem_id=1)
    hook.free_postprocess(device_id=0, mem_size=8, mem_ptr=1, pmem_id=1)
    assert (hook.live, hook.most) == (10, 18)


# What other programs print

RAN = '{"cases": 3, "launches": {"max_pool": 1}}'
CLEAN = [RAN, "========= ERROR SUMMARY: 0 errors"]
BAD = [
    "========= COMPUTE-SANITIZER",
    "========= Invalid __global__ read of size 4 bytes",
    "=========     at void max_pool<float, unsigned char>(const T1 *, T1 *)+0x2b0",
    "=========     by thread (32,0,0) in block (0,0,0)",
    RAN,
    "========= ERROR SUMMARY: 2 errors",
]


def test_the_sanitizer_is_understood():
    assert sanitizer.verdict(CLEAN, "exit status 0", "memcheck")["state"] == "ok"
    found = sanitizer.verdict(BAD, "exit status 0", "memcheck")
    assert found["state"] == "wrong"
    assert found["error"].startswith("2 errors by memcheck, such as: ")
    assert "max_pool<float, unsigned char>" in found["error"]
    others = [line.replace("max_pool<float", "ampere_sgemm<float") for line in BAD]
    others[4] = RAN
    found = sanitizer.verdict(others, "exit status 0", "memcheck")
    assert (found["state"], found["errors"]) == ("ok", 2)
    assert "other libraries" in found["note"]
    race = [RAN, "========= RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)"]
    assert sanitizer.verdict(race, "exit status 0", "racecheck")["state"] == "wrong"
    died = sanitizer.verdict(["========= Error: no"], "signal SIGSEGV", "memcheck")
    assert "didn't run to their end (signal SIGSEGV)" in died["error"]
    none = sanitizer.verdict([RAN], "exit status 0", "initcheck")
    assert none["reason"].startswith("initcheck gives no summary")


def test_the_sanitizer_is_found_where_cuda_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CUDA_HOME", raising=False)
    monkeypatch.setenv("CUDA_PATH", str(tmp_path))
    monkeypatch.setattr(sanitizer, "PLACES", ("/nowhere",))
    monkeypatch.setattr(sanitizer, "glob", lambda pattern: [])
    monkeypatch.setattr(sys, "path", [])
    assert sanitizer.find() is None
    results = dict(sanitizer.run(Setting(), ["memcheck"], 9.0))
    assert results["memcheck"]["state"] == "skipped"
    assert "compute-sanitizer not found" in results["memcheck"]["reason"]
    program = tmp_path / "bin" / "compute-sanitizer"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho \"$1 $2\"\necho '{RAN}'\necho '{CLEAN[1]}'\n")
    program.chmod(0o755)
    assert sanitizer.find() == str(program)
    found = dict(sanitizer.run(Setting(), ["memcheck"], 9.0))["memcheck"]
    assert (found["state"], found["cases"], found["errors"]) == ("ok", 3, 0)


def test_a_sanitizer_that_takes_too_long_is_left_out(tmp_path, monkeypatch):
    program = tmp_path / "compute-sanitizer"
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sanitizer, "find", lambda: str(program))
    assert dict(sanitizer.run(Setting(), ["memcheck", "racecheck"], 0.3)) == {}


def test_pytest_is_understood():
    reader = tests_part.Reader()
    found = {}
    for line in (
        "collected 5 items",
        "tests/test_gpu.py::test_a[Abs-0] PASSED                        [ 20%]",
        "tests/test_gpu.py::test_a[Abs-1] FAILED                        [ 40%]",
        "tests/test_gpu.py::test_b SKIPPED (needs two GPUs)             [ 60%]",
        "tests/test_gpu.py::test_c PASSED                               [ 80%]",
        "FAILED tests/test_gpu.py::test_a[Abs-1] - AssertionError: off",
    ):
        found.update(reader.read(line))
    found.update(reader.last(cut_off=True))
    assert (found["test_a"]["passed"], found["test_a"]["failed"]) == (1, 1)
    assert found["test_a"]["error"] == "1 failed: [Abs-1] AssertionError: off"
    assert (found["test_b"]["state"], found["test_b"]["reason"]) == ("skipped", "needs two GPUs")
    assert (found["test_c"]["state"], found["test_c"]["cut off"]) == ("ok", True)


def test_without_pytest_the_part_says_so(monkeypatch):
    monkeypatch.setattr(tests_part.importlib.util, "find_spec", lambda name: None)
    found = dict(tests_part.run(Setting(), ["test_a"], 9.0))
    assert found == {"test_a": {"state": "skipped", "reason": "pytest is not installed"}}


def test_the_doctor_reads_nvidia_smi(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '580.1, P0, 40, 100 W, 700 W, 345 MHz'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (gpu,) = doctor._clocks()["gpus"]
    assert (gpu["driver_version"], gpu["clocks.current.sm"]) == ("580.1", "345 MHz")
    program.write_text("#!/bin/sh\nexit 9\n")
    assert "doesn't answer" in doctor._clocks()["reason"]


# Words


def test_the_page_of_a_gpu_names_it_and_what_is_wrong(tmp_path):
    results = new_results(tmp_path, rehearsal=False, device="cuda", gpu="NVIDIA X")
    results.begin("bench", ["a", "b", "c"], 60.0)
    results.add("bench", "a", {
        "state": "ok", "ours": {"ms": 2.0}, "torch": {"NCHW": {"ms": 3.0}, "channels_last":
        {"ms": 1.0}}, "GB/s": 500.0, "TFLOP/s": 4.5, "of roofline": 0.25,
        "inputs": {"exceed L2": False},
    })  # fmt: skip
    results.add("bench", "b", {"state": "wrong", "error": "off by | much"})
    results.add("bench", "c", {"state": "skipped", "reason": "no kernel"})
    results.finish("bench", 12.0)
    text = report.markdown(results.to_dict())
    assert text.startswith("# gpugraph on NVIDIA X, 2026-01-02\n")
    assert "\n1 items are wrong:\n\n- bench, b: off by | much\n" in text
    assert (
        "| a | ok | 2.000 | 3.000 | 1.000 | 1.50 | 0.50 |  |  | 500 | 4.50 | 25 % | yes |" in text
    )
    assert "Skipped, 1: no kernel" in text
    assert "1 ok, 1 skipped, 1 wrong; 12 of 60 s." in text
