"""Two devices compared op by op: right runs pass, and of wrong ones the culprit is named."""

from __future__ import annotations

import contextvars
import json
import re
import threading
from inspect import unwrap
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import nn, optim
from gpugraph.cli import main
from gpugraph.core import backend
from gpugraph.core.errors import ArgumentError, DeviceError
from gpugraph.cuda import device, sim
from gpugraph.nn import functional as F
from gpugraph.ops import conv_columns, losses, pool
from gpugraph.testing import ParityError, parity
from tests import fake_cupy
from tests.test_examples import EXAMPLES, tiny_mnist

needs_simulator = pytest.mark.skipif(sim.why_not() is not None, reason=f"needs {sim.why_not()}")
SIM = ("cpu", "sim")
__all__ = ["tiny_mnist"]


class Net(nn.Module):
    """Convolution, batch norm, overlapping pooling, dropout, a product."""

    def __init__(self):
        self.conv = nn.Conv2d(2, 3, 3, padding=1, stride=(1, 2))
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(3 * 3 * 2, 5)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        x = F.max_pool2d(x, (3, 2), 2)
        return self.head(self.drop(x).flatten(1))


def image(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


X = image(3, 2, 7, 9)


def plant(monkeypatch, kernel, old, new):
    """Change the source of one kernel, for a simulated GPU that has compiled none yet."""
    assert kernel.code.count(old) == 1
    monkeypatch.setattr(kernel, "code", kernel.code.replace(old, new))
    fresh = device.SimDevice()
    monkeypatch.setitem(backend.launchers, "sim", lambda: fresh)


# Right runs


@needs_simulator
def test_a_network_agrees_through_two_training_steps():
    report = parity(Net(), X, devices=SIM)
    assert report.ok and report.first is None and report.steps == 2 and not report.notes
    assert {n.devices for n in report.nodes} == {SIM}
    assert [n.index for n in report.nodes] == list(range(len(report.nodes)))
    stages = {n.stage for n in report.nodes}
    assert stages == {f"{k} {p}" for k in (1, 2) for p in ("forward", "backward", "update")}
    conv = report.nodes[0]
    assert (conv.label, conv.scope, conv.shape) == ("conv", ("conv",), (3, 3, 7, 5))
    assert conv.kernels == ("im2col", "add_bias")
    assert Path(conv.where.rpartition(":")[0]) == Path(__file__)
    assert conv.reason.startswith("sum of 19 terms in float32: 8 sqrt(19) eps")  # 2*3*3 and a bias
    rules = [n for n in report.nodes if n.of == 0]
    assert {n.label for n in rules} == {"conv_weight", "channel_sum"} and rules[0].scope == (
        "conv",
    )
    assert all(n.inherited.abs == 0 for n in report.nodes if n.stage == "1 forward" and not n.index)
    updates = [n for n in report.nodes if n.phase == "update"]
    assert len(updates) == 2 * 6 and {n.label for n in updates} == {"sgd"}
    assert "OK: all" in str(report) and set(report.kernels) >= {"im2col", "batch_norm", "dropout"}


@needs_simulator
def test_equal_devices_differ_in_nothing():
    report = parity(Net(), X, devices=("cpu", "cpu"))
    assert report.ok and all(n.error.abs == n.new.abs == n.used == 0 for n in report.nodes)


@needs_simulator
def test_the_callers_network_and_generators_stay_as_they_are():
    net = Net()
    before = {k: v.copy() for k, v in net.state_dict().items()}
    gg.random.seed(5)
    wanted = gg.random.default_generator().state
    np.random.seed(5)
    parity(net, X, devices=SIM, steps=1)
    assert gg.random.default_generator().state == wanted
    assert np.random.random() == np.random.RandomState(5).random()
    assert str(gg.default_device()) == "cpu"
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert all(p.grad is None for p in net.parameters())


@needs_simulator
def test_gradients_of_gradients_carry_their_order():
    def penalty(x, w):
        y = F.max_pool2d(gg.tanh(F.conv2d(x, w)), 2)
        (g,) = gg.grad((y * y).sum(), w, create_graph=True)
        return (g * g).sum()

    report = parity(penalty, X, image(3, 2, 3, 2, seed=1), devices=SIM)
    assert report.ok
    orders = [n.order for n in report.nodes]
    assert set(orders) == {0, 1, 2}
    second = [n for n in report.nodes if n.order == 2]
    assert {"pool_gather", "conv"} <= {n.label for n in second}
    assert second[0].stage == "1 backward2"
    assert {report.nodes[n.of].order for n in second if n.of is not None} == {0, 1}


def test_what_is_kept_is_not_changed_by_later_writes():
    def f(x):
        y = x * 2.0
        z = y + 1.0
        with gg.no_grad():
            y[...] = 100.0
        return z

    report = parity(f, image(3), devices=("cpu", "cpu"))
    assert report.nodes[0].label == "multiply" and report.nodes[0].want < 10


def test_arrays_of_cupy_are_moved_not_mixed():
    with fake_cupy.installed():
        report = parity(Net(), X, devices=("cpu", "cuda"))
    assert report.ok and report.devices == ("cpu", "cuda:0")
    assert {n.devices for n in report.nodes} == {("cpu", "cuda:0")} and not report.kernels


@needs_simulator
def test_half_precision_and_adam():
    net = Net().astype(np.float16)

    def adam(params):
        return optim.AdamW(params, eps=1e-3)  # its 1e-8 is 0 in half precision

    report = parity(net, X.astype(np.float16), devices=SIM, optimizer=adam)
    assert report.ok and {n.label for n in report.nodes if n.phase == "update"} == {"adamw"}
    assert report.nodes[0].dtype == "float16" and report.nodes[0].error.abs < 1e-2
    shapes = [n.shape for n in report.nodes if n.phase == "update" and n.step == 2]
    assert shapes == [p.shape for p in net.parameters()]


def test_other_threads_and_the_meta_device_are_left_out():
    def f(x):
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(gg.exp, x.detach()))
        thread.start()
        thread.join()
        gg.cos(gg.zeros((2,), device="meta"))
        return gg.sin(x)

    report = parity(f, image(3), devices=("cpu", "cpu"))
    assert [n.label for n in report.nodes[:2]] == ["sin", "multiply"]


# Wrong runs


@needs_simulator
def test_a_wrong_index_in_a_forward_kernel_is_the_first_new_error(monkeypatch):
    plant(
        monkeypatch,
        pool.MAX_POOL,
        "wide<T> value = (wide<T>)x[index_of(p.plane, position, w.in)];",
        "position[2] = min(position[2] + 1, w.in[2] - 1);\n"
        "wide<T> value = (wide<T>)x[index_of(p.plane, position, w.in)];",
    )
    report = parity(Net(), X, devices=SIM)
    assert not report.ok and report.first.label == "max_pool" and report.first.phase == "forward"
    assert report.first.kernels == ("max_pool",) and report.mismatch is None
    assert {n.label for n in report.failures} == {"max_pool"}
    behind = report.nodes[report.first.index + 1 :]
    spoilt = [n for n in behind if n.ok and n.error.abs > n.tolerance]
    assert len(spoilt) > 10 and all(n.new.abs <= n.error.abs for n in spoilt)
    scores = next(n for n in behind if n.label == "linear")
    assert scores.inherited.abs > 1e-3 and scores.new.abs < 1e-5
    before = report.nodes[: report.first.index]
    assert all(n.error.abs < 1e-5 for n in before)
    text = str(report)
    assert f"the first new error is in node {report.first.index}, max_pool (1 forward" in text
    assert "by kernel max_pool" in text and "only hand on what they were given" in text


@needs_simulator
def test_a_wrong_index_in_a_backward_kernel_leaves_the_forward_pass_clean(monkeypatch):
    old = "sum += columns[tap * volume(w.out) + o]"
    plant(monkeypatch, conv_columns.COL2IM, old, old.replace("tap", "(tap ^ 1)"))

    def f(x, w1, w2):
        return F.conv2d(F.conv2d(x, w1), w2, stride=2)

    report = parity(f, X, image(3, 2, 3, 2), image(2, 3, 2, 3), devices=SIM)
    assert report.first.label == "conv_input" and report.first.phase == "backward"
    assert report.first.kernels == ("col2im",)
    assert report.nodes[report.first.of].label == "conv"
    assert all(n.ok for n in report.nodes if n.phase == "forward")
    assert {n.label for n in report.failures} == {"conv_input"}


@needs_simulator
def test_a_small_error_in_one_element_is_enough(monkeypatch):
    new = "loss[row] = (T)(row == 2 ? y * -1.0001f : -y);"
    plant(monkeypatch, losses.LOSS_ROWS, "loss[row] = (T)-y;", new)
    report = parity(Net(), X, devices=SIM, steps=1)
    assert report.first.label == "cross_entropy" and report.first.output == "loss"
    assert report.first.at == (2,) and 5e-5 < report.first.new.rel < 2e-4
    assert report.failures == [report.first]  # the mean of the losses only hands it on


def test_a_wrong_optimizer_is_named():
    class Sloppy(optim.SGD):
        def update(self, xp, p, g, state, group):
            super().update(
                xp, p, g * (1.001 if isinstance(p, backend.SimArray) else 1), state, group
            )

    def slow(params):
        return Sloppy(params, lr=0.1, momentum=0.5)

    report = parity(nn.Linear(3, 2), image(4, 3), devices=SIM, optimizer=slow)
    first = report.first
    assert (first.phase, first.label, first.step) == ("update", "sloppy", 1)
    assert {n.phase for n in report.failures} == {"update"}
    assert parity(nn.Linear(3, 2), image(4, 3), devices=SIM, steps=4).ok


def test_an_error_that_comes_with_the_devices_own_inputs_only_is_new():
    class Late(gg.ops.elementwise.Unary):
        """Wrong on the simulated GPU, but for the one input that the CPU has."""

        def result(self, dtype):
            return dtype

        def forward(self, xp, x):
            return x + 1

        def cuda(self, dev, x):
            return dev.own(np.asarray(x) + (1 if x.max() == 2.0 else 1.5))

        def vjp_x(self, node, g):
            return g

    def f(x):
        return gg.apply(Late(), x * (1 if x.device == "cpu" else 1.0000001))

    try:
        report = parity(f, np.full(3, 2, np.float32), devices=SIM)
    finally:
        gg.REGISTRY.pop("Late")
    assert report.first.label == "late" and report.first.new.abs == pytest.approx(0.5, rel=1e-3)


def test_nan_and_infinity_on_one_side_are_infinite_errors():
    def f(x):
        return x * (1.0 if x.device == "cpu" else float("nan"))

    report = parity(f, image(3), devices=SIM)
    assert report.nodes[0].error.abs == np.inf  # inherited, from the number
    assert report.ok and report.to_dict()["nodes"][0]["error"]["abs"] == "inf"


# Runs that are not the same


def test_other_ops_on_the_other_device_are_a_mismatch():
    def f(x):
        y = gg.exp(x)
        return gg.sin(y) if x.device == "cpu" else gg.cos(y)

    report = parity(f, image(3), devices=SIM)
    assert not report.ok and report.first is None and len(report.nodes) == 1
    assert re.search(
        r"part at node 1 at .*test_parity.py:\d+: Sin\(\) against Cos\(\)", str(report)
    )


def test_other_shapes_and_more_ops_are_mismatches():
    def shorter(x):
        return (x if x.device == "cpu" else x[1:]) * 2.0

    report = parity(shorter, image(4), devices=SIM)
    assert "GetSlice" in report.mismatch or "float32[4] against float32[3]" in report.mismatch

    def longer(x):
        y = x * 2.0
        if x.device != "cpu":
            gg.exp(y.detach())
        return y

    assert "part at node" in parity(longer, image(4), devices=SIM).mismatch


def test_memory_that_is_written_over_between_two_ops_is_found():
    def f(x):
        y = x * 2.0
        if x.device == "sim":
            y.array[1] = 7.0  # as a kernel would that writes outside of its arrays
        return gg.exp(y.detach())

    report = parity(f, image(3), devices=SIM)
    assert not report.ok and report.first is None
    assert re.search(r"x of node 1 \(exp\) differs by .* from what node 0 made", report.mismatch)

    def rescaled(x):  # outside of ops, but on both devices alike
        y = gg.exp(x * (1.0 if x.device == "cpu" else 1.001))
        return gg.exp(gg.Tensor(y.array * np.float32(0.5)))

    report = parity(rescaled, image(3), devices=SIM)
    assert report.ok and "x of node 2 (exp) differs by" in report.notes[0]


def test_wrong_use():
    for arguments, told in (
        (dict(devices="cpu"), "must be two, such as cpu,sim"),
        (dict(devices="cpu,tpu"), "'tpu' is none of"),
        (dict(devices="cpu,meta"), "nothing is computed on meta"),
        (dict(devices=SIM, steps=0), "steps=0 must be at least 1"),
    ):
        with pytest.raises(ArgumentError, match=told):
            parity(nn.Linear(2, 2), image(3, 2), **arguments)
    with pytest.raises(ArgumentError, match="inputs are for functions"):
        parity("script.py", image(3), devices=SIM)
    with pytest.raises(ArgumentError, match="no floating tensor"):
        parity(lambda x: x > 0, image(3), devices=("cpu", "cpu"))


def test_a_gpu_that_is_not_there(monkeypatch, capsys):
    from gpugraph.testing import parity as function

    monkeypatch.setitem(unwrap(function).__globals__, "cuda_reason", lambda: "no driver")
    with pytest.raises(DeviceError, match="no device cuda:0: no driver; --devices cpu,sim"):
        parity(nn.Linear(2, 2), image(3, 2))
    assert main(["parity"]) == 2
    assert "--devices cpu,sim runs the CUDA source on this CPU" in capsys.readouterr().err


# Scripts


def script(tmp_path, text, name="run.py"):
    file = tmp_path / name
    file.write_text("import numpy as np\nimport gpugraph as gg\n" + text)
    return str(file)


def test_a_script_without_optimizer_is_compared_to_its_end(tmp_path, capsys):
    path = script(
        tmp_path,
        "import sys\nfrom helper import scale\nprint('hello', sys.argv[1:])\n"
        "x = gg.tensor(np.random.standard_normal(5), requires_grad=True)\n"
        "assert __name__ == '__main__'\n(gg.sin(x) * scale).sum().backward()\n",
    )
    script(tmp_path, "scale = gg.tensor(2.0, dtype=gg.float64)\n", "helper.py")
    report = parity(path, devices=SIM, args=["-v"])
    assert report.ok and not report.notes and report.steps == 0
    assert report.target == f"{path} -v" and capsys.readouterr().out == ""
    assert report.nodes[0].where == f"{path}:8" and report.nodes[0].label == "sin"


def test_a_script_with_an_op_of_its_own():
    report = parity(str(EXAMPLES / "my_own_op.py"), devices=SIM)
    assert report.ok and report.nodes[0].op == "Swish(beta=1.0)"


def test_a_script_that_draws_other_numbers_each_time_is_found_out(tmp_path):
    path = script(tmp_path, "y = gg.exp(gg.tensor(np.random.default_rng().random(4)))\n")
    report = parity(path, devices=SIM)
    assert report.ok  # op by op
    assert "x of node 0 (exp) differs" in report.notes[0] and "note: " in str(report)


def test_a_script_that_fails(tmp_path, capsys):
    path = script(tmp_path, "print('so far')\ngg.exp(gg.tensor([1.0]))\n1 / 0\n")
    with pytest.raises(ParityError, match=r"fails on cpu: ZeroDivisionError(.|\n)*\| so far"):
        parity(path, devices=SIM)
    assert main(["parity", path, "--devices", "cpu,sim"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    path = script(
        tmp_path,
        "x = gg.exp(gg.tensor([1.0]))\nprint('here', x.device)\nif x.device == 'sim':\n"
        "    raise SystemExit('no')\ny = x * 2\n",
    )
    report = parity(path, devices=SIM)
    assert not report.ok and report.first is None and len(report.nodes) == 1
    assert "behind node 0 the second run fails" in report.mismatch
    assert "'no'" in report.mismatch and "| here sim" in report.mismatch


def test_a_script_that_moves_everything_itself(tmp_path, capsys):
    path = script(tmp_path, "gg.default_device('cpu')\ny = gg.exp(gg.tensor([1.0]))\n")
    assert main(["parity", path, "--devices", "cpu,sim"]) == 2
    assert "with sim as the default device nothing ran there" in capsys.readouterr().err
    path = script(tmp_path, "x = gg.exp(gg.tensor([1.0]))\ny = gg.sin(x.to('cpu'))\n")
    report = parity(path, devices=SIM)
    assert report.ok and [n.devices for n in report.nodes] == [SIM, ("cpu", "cpu")]
    with pytest.raises(ArgumentError, match="applies no op"):
        parity(script(tmp_path, "x = gg.tensor([1.0])\n"), devices=SIM)


@needs_simulator
def test_lenet_on_mnist(tiny_mnist, capsys):
    lenet = str(EXAMPLES / "lenet_mnist.py")
    words = ["parity", lenet, "--devices", "cpu,sim", "--steps", "1"]
    words += ["--", "--data", str(tiny_mnist), "--batch-size", "4"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "OK: all" in out and "1 training step." in out and "epoch" not in out
    assert max(map(len, out.splitlines())) <= 120 + len(str(tiny_mnist)) and " conv1 " in out
    assert re.search(r"(?s)kernels on sim: .*im2col.*max_pool 2,\s+pool_scatter 2", out)


@needs_simulator
def test_lenet_with_a_planted_error_and_json(tiny_mnist, capsys, monkeypatch):
    old = "if ((int)offset[window] == number)"
    plant(monkeypatch, pool.POOL_SCATTER, old, "if ((int)offset[window ^ 1] == number)")
    lenet = str(EXAMPLES / "lenet_mnist.py")
    words = ["parity", lenet, "--devices=cpu,sim", "--steps=1", "--json"]
    assert main([*words, "--", "--data", str(tiny_mnist), "--batch-size", "4"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"] and found["mismatch"] is None
    first = found["nodes"][found["first"]]
    assert (first["label"], first["phase"], first["ok"]) == ("pool_scatter", "backward", False)
    assert first["kernels"] == ["pool_scatter"] and first["where"].startswith(lenet)
    assert found["nodes"][first["of"]]["label"] == "max_pool"
    assert {n["label"] for n in found["nodes"] if not n["ok"]} == {"pool_scatter"}
    assert found["totals"].keys() == {"1 forward", "1 backward", "1 update"}


# The command


def test_members_of_a_file(tmp_path, capsys):
    path = script(
        tmp_path,
        "from gpugraph import nn\nclass Net(nn.Module):\n    def __init__(self, n=3):\n"
        "        self.fc = nn.Linear(4, n)\n    def forward(self, x):\n        return self.fc(x)\n"
        "def make():\n    return Net(2)\nnet = Net(5)\n"
        "def product(a, b):\n    return a @ b\nzero = 0\n",
    )
    for name, shape in (("Net", "2x3"), ("make", "2x2"), ("net", "2x5")):
        words = ["parity", f"{path}:{name}", "--devices", "cpu,sim", "--input", "2x4", "--all"]
        assert main(words) == 0
        out = capsys.readouterr().out
        assert re.search(rf"1 forward +linear +fc +{shape} ", out) and "left out" not in out
    words = ["parity", f"{path}:product", "--devices", "cpu,sim", "--input", "2x3", "--input"]
    assert main([*words, "3x5"]) == 0
    assert "matmul" in capsys.readouterr().out
    for member, told in (("zero", "no function or network called 'zero'"), ("none", "'none'")):
        assert main(["parity", f"{path}:{member}", "--devices", "cpu,sim", "--input", "1"]) == 2
        assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "words,told",
    [
        (["resnet1000"], "none of mlp, digitsnet, lenet5, nin"),
        (["nowhere.py"], "there is no file nowhere.py"),
        (["nowhere.py:f", "--input", "2"], "there is no file nowhere.py"),
        (["nowhere.py:f"], "needs the shape of its input"),
        (["mlp", "--input", "4,4"], "'4,4' is no shape"),
        (["mlp", "--steps", "0"], "steps=0"),
        (["mlp", "--devices", "cpu"], "must be two"),
        (["mlp", "--", "-v"], "mlp is no script: it takes no arguments such as -v"),
        ([str(EXAMPLES / "mlp.py"), "--input", "4x4"], "has its own inputs"),
    ],
)
def test_wrong_words(words, told, capsys):
    assert main(["parity", "--devices", "cpu,sim", *words]) == 2
    assert told in capsys.readouterr().err


def test_only_scripts_take_what_stands_behind_two_dashes(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["doctor", "--", "--data", "x"])
    assert stop.value.code == 2 and "nothing takes" in capsys.readouterr().err


@needs_simulator
def test_a_built_in_network_by_default(capsys):
    assert main(["parity", "--devices", "cpu,sim", "--steps", "1"]) == 0
    out = capsys.readouterr().out
    assert "DigitsNet" in out and "dropout" in out and "nodes left out" in out
    assert max(map(len, out.splitlines())) <= 120


def test_options_are_arguments_of_the_same_name(capsys):
    import inspect

    with pytest.raises(SystemExit):
        main(["parity", "--help"])
    told = set(re.findall(r"--(\w+)", capsys.readouterr().out)) - {"help", "json", "all"}
    assert told <= set(inspect.signature(parity).parameters)
