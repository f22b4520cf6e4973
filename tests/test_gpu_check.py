"""tools/gpu_check, rehearsed: every part on the simulator or the CPU, its tables and its networks.

About 20 s; the kernels that the rehearsal runs are compiled by other tests, too.
"""

import itertools
import json
import re

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.cuda import sim
from tools.gpu_check import (
    calls,
    device,
    doctor,
    kernels,
    large,
    nets,
    optimizers,
    parity,
    rows,
    session,
)
from tools.gpu_check.results import problems
from tools.gpu_check.setting import Setting, SkipError

needs_simulator = pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")

CHOSEN = (
    "Softmax", "large softmax", "optimizer SGD", "test_mixed_devices*", "test_a_block_on*", "the *",
    "digitsnet", "conv 3x3 64 @56: gradient of w", "cross entropy *: both",
    "dropout 4096x4096: forward", "SGD*: step", "ReLU *: forward (float16)", "LeNet*",
)  # fmt: skip


def run(tmp_path, *args):
    """A rehearsal's exit status and results."""
    status = session.main([*args, "--out", str(tmp_path)])
    (path,) = tmp_path.glob("*.json")
    return status, json.loads(path.read_text())


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    """All parts in the simulator, a few items of each."""
    if sim.why_not():
        pytest.skip(f"needs {sim.why_not()}")
    folder = tmp_path_factory.mktemp("gpu")
    only = itertools.chain.from_iterable(("--only", pattern) for pattern in CHOSEN)
    status, found = run(folder, "--device", "sim", *only)
    return status, found, (folder / "rehearsal-sim.md").read_text()


# The parts, as they are


@pytest.mark.slow
def test_all_parts_are_rehearsed(rehearsal):
    status, found, _ = rehearsal
    assert problems(found) == []
    assert list(found["parts"]) == list(session.PARTS)
    wrong = [r for p in found["parts"].values() for r in p["items"].values()
             if r["state"] == "wrong"]  # fmt: skip
    assert (status, wrong) == (0, [])
    assert all(p["state"] == "done" and p["items"] for p in found["parts"].values())
    assert found["about"]["rehearsal"]


@pytest.mark.slow
def test_kernels_are_judged_in_every_dtype(rehearsal):
    items = rehearsal[1]["parts"]["kernels"]["items"]
    assert set(items) == {"Softmax", "large softmax", "optimizer SGD"}
    for name in ("Softmax", "large softmax"):
        result = items[name]
        for dtype in ("float32", "float64"):
            judged = result["dtypes"][dtype]
            assert 0 < judged["error"] <= judged["bound"] < 1e-3
        assert result["launches"]["softmax"] > 1


@pytest.mark.slow
def test_optimizers_are_judged(rehearsal):
    result = rehearsal[1]["parts"]["kernels"]["items"]["optimizer SGD"]
    assert all(0 <= found["error"] <= found["bound"] < 1e-5 for found in result["dtypes"].values())
    assert {"SGD", "Adam"} <= set(optimizers.optimizers())


def test_an_optimizer_that_is_wrong_is_reported(monkeypatch):
    right = optimizers.stepped

    def off(name, options, where, dtype):
        return [a * (1 + 1e-3 * (where == "sim")) for a in right(name, options, where, dtype)]

    monkeypatch.setattr(optimizers, "stepped", off)
    found = optimizers.check_agreement(device.Simulator(), "Adam", 1)
    assert found["state"] == "wrong"
    assert "float32 {'lr': 0.01} (7,): off by" in found["error"]


@pytest.mark.slow
def test_the_gpu_tests_are_run(rehearsal):
    items = rehearsal[1]["parts"]["tests"]["items"]
    assert items["test_mixed_devices_are_refused_by_name"]["passed"] == 1
    assert "rehearsal on sim" in items["test_a_block_on_a_stream_gives_the_same"]["reason"]


@pytest.mark.slow
def test_every_kernel_is_run_under_the_sanitizer(rehearsal):
    from tools.kernel_matrix import package_kernels

    (result,) = rehearsal[1]["parts"]["sanitizer"]["items"].values()
    assert set(result["launches"]) == {kernel.name for kernel in package_kernels()}


@pytest.mark.slow
def test_rows_have_times_and_rates(rehearsal):
    items = rehearsal[1]["parts"]["bench"]["items"]
    row = items["conv 3x3 64 @56: gradient of w"]
    assert row["ops"] == ["ConvWeight"]
    assert row["launches"] == {"im2row": 1, "sum_slabs": 1}
    assert row["flops"] == 2 * 2 * 8 * 8 * 9 * 12 * 12
    assert row["GB/s"] == pytest.approx(row["bytes"] / row["ours"]["ms"] / 1e6)
    assert row["of roofline"] > 0
    both = items["cross entropy 8192x1000: both"]
    assert {"CrossEntropy", "Multiply"} <= set(both["ops"])
    assert items["SGD: step"]["parameters"] == 61706
    for result in items.values():
        torch = result.get("torch", {})
        assert "skipped" in torch or all("ms" in column for column in torch.values())


@pytest.mark.slow
def test_training_learns(rehearsal):
    (result,) = rehearsal[1]["parts"]["train"]["items"].values()
    assert len(result["losses"]) == 3
    assert result["losses"][-1] < result["losses"][0]
    assert result["ours"]["images/s"] > 0


@pytest.mark.slow
def test_the_markdown_says_that_it_is_no_result(rehearsal):
    text = rehearsal[2]
    assert text.startswith("# A rehearsal on sim: no GPU ran, and no figure here is a result")
    for part in session.PARTS:
        assert f"\n## {part}\n" in text
    assert "\n| Softmax | ok | " in text
    never = re.search(r"Never launched in this part: (.*)\.", text)[1].split(", ")
    assert "avg_pool" in never
    assert "softmax" not in never


def test_the_cpu_trains_and_skips_what_needs_kernels(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "report", lambda setting: {"state": "ok", "report": {}})
    args = [x for part in ("kernels", "tests", "sanitizer", "train") for x in ("--part", part)]
    args += [x for name in ("Conv", "test_to*", "the*", "ResNet-50*") for x in ("--only", name)]
    status, found = run(tmp_path, "--device", "cpu", *args)
    assert (status, problems(found)) == (0, [])
    states = {name: {r["state"] for r in part["items"].values()}
              for name, part in found["parts"].items()}  # fmt: skip
    assert states.pop("doctor") <= {"ok", "skipped"}
    assert states == {"kernels": {"skipped"}, "tests": {"skipped"}, "sanitizer": {"skipped"},
                      "train": {"ok"}}  # fmt: skip


def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path, capsys):
    if gg.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    assert session.main(["--out", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []
    told = capsys.readouterr().out
    assert "no GPU to check" in told
    assert "--device sim" in told


# Tables of calls, at full size, on the meta device


def on_meta(call):
    return [
        gg.zeros(d.shape, dtype=gg.float32, device="meta").requires_grad_()
        if d.below is None
        else gg.zeros(d.shape, dtype=gg.int64, device="meta")
        for d in call.inputs
    ]


def run_on_meta(call):
    def cotangent(y):
        return gg.zeros(y.shape, dtype=y.dtype, device="meta").array

    return calls.forward_and_gradients(call, F, on_meta(call), cotangent)


def test_every_row_fits_together_at_its_full_size():
    table = rows.rows(tiny=False)
    assert len({row.name for row in table}) == len(table)
    assert [row.name for row in rows.rows(tiny=True)] == [row.name for row in table]
    for row in table:
        if not set(row.call.needs) - set(dir(F)):
            outputs, work = run_on_meta(row.call)
            assert len(outputs) == 1 + len(row.call.leaves), row.name
            assert work.bytes > 0


def test_every_op_with_a_kernel_has_a_large_call():
    """Add a call to tools/gpu_check/large.py for an op that this misses."""
    covered = set()
    for call in large.CALLS:
        if set(call.needs) - set(dir(F)):
            continue
        covered.update(run_on_meta(call)[1].ops)
        # the adjoint of what is linear comes with the gradient of the gradient
        covered |= second_order(call)
    assert kernels.ops_with_kernels().keys() - covered == set()


def second_order(call):
    xs = on_meta(call)
    y = call.f(F, *xs)
    leaves = [xs[i] for i in call.leaves]
    grads = gg.grad((y * y).sum(), leaves, create_graph=True)
    again = gg.grad(sum((g * g).sum() for g in grads), leaves, create_graph=True, allow_unused=True)
    return set(calls.work_of(calls.recorded([g for g in again if g is not None])).ops)


def test_work_is_what_the_ops_say():
    call = calls.Call("conv", lambda F, x, w: F.conv2d(x, w).reshape(-1),
                      (calls.normal(2, 3, 5, 6), calls.normal(4, 3, 2, 2)))  # fmt: skip
    xs = calls.tensors(call.arrays(), np.float32, "cpu")
    work = calls.work_of(calls.recorded([call.f(F, *xs)]))
    y = 2 * 4 * 4 * 5
    assert work.macs == y * 3 * 2 * 2
    assert work.flops == 2 * work.macs
    assert work.bytes == 4 * (2 * 3 * 5 * 6 + 4 * 3 * 2 * 2 + y)  # the reshape is a view
    assert work.terms == 3 * 2 * 2
    assert work.ops == ("Conv", "Reshape")


@pytest.mark.parametrize(
    "got,fault",
    [
        ([1.0, 2.0, np.inf], ""),
        ([1.05, 2.0, np.inf], ""),
        ([1.4, 2.0, np.inf], "off by 1.33e-01 of its size, allowed 1.00e-01"),
        ([1.0, 2.0, 3.0], "NaN or infinities differ"),
        ([1.0, np.nan, np.inf], "NaN or infinity where a finite number is right"),
        ([1.0, 2.0], "shape (2,), wanted (3,)"),
    ],
)
def test_comparing(got, fault):
    assert calls.compare(np.array(got), np.array([1.0, 2.0, np.inf]), 0.1)[1] == fault


def test_a_kernel_that_is_wrong_is_reported(monkeypatch):
    class Off(device.Simulator):
        def kernels(self):
            return object()

    op = kernels.REGISTRY["Softmax"]
    monkeypatch.setattr(op, "cuda", lambda self, dev, x: 1.01 * self.forward(np, x))
    result = kernels.check(Setting("sim"), Off(), "Softmax")
    assert result["state"] == "wrong"
    assert "sample 0 '' float32, output 0: off by" in result["error"]
    bits = iter(range(10**6))
    monkeypatch.setattr(
        op, "cuda", lambda self, dev, x: self.forward(np, x) + 1e-9 * next(bits) % 2
    )
    assert (
        "the same call gives other bits" in kernels.check(Setting("sim"), Off(), "Softmax")["error"]
    )
    with pytest.raises(SkipError, match="runs no kernels"):
        kernels.check(Setting("cpu"), device.Cpu(), "Softmax")


def test_dropout_is_judged_by_its_share():
    x = np.random.default_rng(0).standard_normal(100_000)
    kept = np.random.default_rng(1).random(100_000) > 0.25
    assert rows._dropped(np.where(kept, x / 0.75, 0), x) == ""
    assert "neither 0 nor" in rows._dropped(np.where(kept, x, 0), x)
    assert "are dropped" in rows._dropped(np.where(x > 0, x / 0.75, 0), x)


# Networks written once for two libraries


def test_networks_are_what_they_are_called():
    def size(net):
        return sum(p.size for p in net.parameters())

    with gg.default_device("meta"):
        assert size(nets.lenet(gg.nn)) == 61_706
        assert size(nets.resnet50(gg.nn)) == 25_557_032
        assert nets.resnet50(gg.nn)(gg.zeros((2, 3, 224, 224))).shape == (2, 1000)
        assert nets.vgg(gg.nn)(gg.zeros((2, 3, 32, 32))).shape == (2, 10)


@pytest.mark.parametrize("make", [nets.lenet, nets.vgg, lambda nn: nets.resnet50(nn, (1, 2), 4)])
def test_networks_have_the_same_parameters_in_pytorch(make):
    torch = pytest.importorskip("torch", reason="compares with PyTorch, where it is installed")
    ours = {name: p.shape for name, p in make(gg.nn).named_parameters()}
    theirs = {name: tuple(p.shape) for name, p in make(torch.nn).named_parameters()}
    assert ours == theirs


def test_every_model_is_known_to_parity():
    for name in parity.items(Setting()):
        assert parity._known(name)
    with pytest.raises(gg.ArgumentError, match="no network 'Net'"):
        parity._known("Net")
