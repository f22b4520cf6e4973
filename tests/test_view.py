"""``gpugraph view``, ``diff``, ``profile`` and ``export``: what they write, say and return."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from gpugraph.cli import main

ROOT = Path(__file__).parent.parent

TRAINING = """
import numpy as np
import gpugraph as gg
from gpugraph import nn, optim
from gpugraph.nn import functional as F

print("this is said by the script")
net = nn.Linear(3, 2)
optimizer = optim.SGD(net.parameters(), lr=0.1)
for step in range(3):
    x = gg.tensor(np.full((4, 3), step, np.float32))
    loss = F.cross_entropy(net(x), gg.tensor(np.zeros(4, np.int64)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step == 2:
        raise RuntimeError("the third step")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAINING)
    (tmp_path / "nets.py").write_text(
        "import gpugraph as gg\n"
        "from gpugraph import nn\n"
        "def make(): return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())\n"
        "def loss(): return gg.exp(gg.tensor([1.0, 2.0], requires_grad=True)).sum()\n"
        "def broken(): raise KeyError('no such weight')\n"
        "net = make()\n"
    )
    return tmp_path


def read(path):
    return json.loads(Path(path).read_text())


def ops(told, order=0):
    return [n["label"] for n in told["nodes"] if n["kind"] == "op" and n["order"] == order]


def test_a_script_is_seen_for_one_training_step(folder, capsys):
    assert main(["export", "train.py", "-o", "g.json"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("g.json: ") and "this is said" not in said.out
    told = read("g.json")
    assert ops(told) == ["linear", "cross_entropy", "mean"]
    assert told["meta"]["title"] == "train.py" and told["meta"]["order"] == 1
    parameters = [n["label"] for n in told["nodes"] if n["kind"] == "parameter"]
    assert parameters == ["weight", "bias"]
    assert all("train.py:" in n["where"] for n in told["nodes"] if n["kind"] == "op")


def test_another_step_and_one_that_raises(folder, capsys):
    assert main(["export", "train.py", "--step", "3", "-o", "g.json"]) == 0
    assert main(["export", "train.py", "--step", "4", "-o", "h.json"]) == 1
    assert "the run ended with an error: RuntimeError: the third step" in capsys.readouterr().err
    told = read("h.json")
    assert "the third step" in told["meta"]["error"]["message"] and ops(told) == ops(read("g.json"))
    assert "this is its last" in told["meta"]["notes"][-1]
    assert main(["export", "train.py", "--step", "0", "-o", "g.json"]) == 2


def test_what_values_were_is_written_if_asked_for(folder):
    assert main(["export", "train.py", "--stats", "--time", "-o", "g.json"]) == 0
    nodes = read("g.json")["nodes"]
    linear = next(n for n in nodes if n["label"] == "linear")
    assert linear["time"] > 0 and linear["stats"][0]["nan"] == 0 and linear["device"] == "cpu"


def test_a_line_is_the_users_or_none(folder):
    command = [sys.executable, "-m", "gpugraph", "export", "lenet5", "-o", "g.json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "--device", "cpu"], check=True, timeout=60, env=env)
    lines = {n["where"].rpartition(":")[0] for n in read("g.json")["nodes"] if "where" in n}
    assert {os.path.basename(file) for file in lines} == {"small.py"}  # the network itself


def test_networks_by_name_run_in_shapes_alone(folder):
    assert main(["export", "lenet5", "-o", "g.json"]) == 0
    told = read("g.json")
    assert told["meta"]["device"] == "meta" and "live" in told["nodes"][-1]
    assert ops(told)[:3] == ["conv", "relu", "max_pool"] and len(ops(told, 1)) > 10
    image = told["nodes"][told["meta"]["image"]]
    assert image["outputs"][0]["shape"] == [1, 1, 28, 28]
    assert (
        main(["export", "lenet5", "--input", "3x1x32x28", "--device", "cpu", "-o", "h.json"]) == 1
    )
    assert (
        main(["export", "lenet5", "--input", "3x1x28x28", "--device", "cpu", "-o", "h.json"]) == 0
    )
    assert read("h.json")["meta"]["device"] == "cpu"


@pytest.mark.parametrize("name", ["make", "net"])
def test_networks_of_a_file(folder, name):
    assert main(["export", f"nets.py:{name}", "--input", "2x1x6x5", "-o", "g.json"]) == 0
    told = read("g.json")
    assert ops(told)[:2] == ["conv", "relu"]
    assert "0.weight" in [n["label"] for n in told["nodes"]]


def test_a_tensor_of_a_file(folder):
    assert main(["export", "nets.py:loss", "-o", "g.json"]) == 0
    assert ops(read("g.json")) == ["exp", "sum"] and ops(read("g.json"), 1)


def test_parity_is_an_overlay(folder):
    assert main(["export", "digitsnet", "--parity", "cpu,sim", "-o", "g.json"]) == 0
    told = read("g.json")
    new, whole = told["overlays"]
    assert len(new["values"]) == len(ops(told)) + len(ops(told, 1)) and new["first"] is None
    assert all(0 <= v <= 1 for v in new["values"].values()) and any(whole["values"].values())
    assert "OK: all" in told["meta"]["notes"][-1]


def test_a_wrong_kernel_is_outlined(folder, monkeypatch):
    from gpugraph.ops.activation import Relu

    honest = Relu.forward

    def wrong(self, xp, x):
        y = honest(self, xp, x)
        return y + 0.01 if type(x).__name__ == "SimArray" else y

    monkeypatch.setattr(Relu, "forward", wrong)
    monkeypatch.setattr(Relu, "cuda", None)
    assert main(["export", "digitsnet", "--parity", "cpu,sim", "-o", "g.json"]) == 0
    told = read("g.json")
    new, _ = told["overlays"]
    assert told["nodes"][new["first"]]["label"] == "relu"
    assert new["states"][str(new["first"])] == "new error"
    assert "inherited" in new["states"].values()


def test_diff(folder, capsys):
    for name in ("g.json", "h.json"):
        assert main(["export", "lenet5", "-o", name]) == 0
    assert main(["diff", "g.json", "h.json"]) == 0
    capsys.readouterr()
    assert main(["diff", "resnet18", "resnet34", "--input", "1x3x64x64", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["same"] and {row["state"] for row in told["rows"]} == {"added"}
    assert any(row["place"].startswith("layer3.5") for row in told["rows"])


def test_profile(folder, capsys):
    assert main(["profile", "lenet5", "-o", "t.trace.json"]) == 0
    said = capsys.readouterr().out
    assert "forward" in said and "backward" in said and "held at most" in said
    assert all(len(line) <= 120 for line in said.splitlines())
    assert read("t.trace.json")["traceEvents"]
    assert main(["profile", "lenet5", "--json", "--sort", "kept"]) == 0
    told = json.loads(capsys.readouterr().out)
    kept = [n["kept"] for n in told["nodes"]]
    assert kept == sorted(kept, reverse=True) and kept[0] > 0
    assert told["seconds"] == pytest.approx(sum(n["time"] for n in told["nodes"]))


@pytest.mark.parametrize("suffix", [".dot", ".graphml", ".json", ".svg", ".trace.json", ".html"])
def test_every_form(folder, suffix):
    device = ["--device", "cpu"]
    assert main(["export", "digitsnet", *device, "-o", f"g{suffix}"]) == 0
    assert os.path.getsize(f"g{suffix}") > 1000


def line(capsys):
    """The one line of an error."""
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1, said
    return said.err


@pytest.mark.parametrize(
    "argv, code, message",
    [
        (["export", "nothing", "-o", "g.json"], 2, "'nothing' is no script"),
        (["export", "none.py", "-o", "g.json"], 2, "there is no file none.py"),
        (["export", "nets.py:none", "-o", "g.json"], 2, "no function or network called 'none'"),
        (["export", "nets.py:make", "-o", "g.json"], 2, "needs the shape of its input"),
        (["export", "nets.py:broken", "-o", "g.json"], 1, "no such weight"),
        (["export", "nets.py", "-o", "g.json"], 2, "computed nothing with gpugraph"),
        (["export", "lenet5", "-o", "g.png"], 2, "g.png ends in none of"),
        (["export", "lenet5", "-o", "none/g.json"], 2, "there is no folder"),
        (["export", "lenet5", "--input", "axb", "-o", "g.json"], 2, "'axb' is no shape"),
        (["export", "missing.json", "-o", "g.svg"], 1, "missing.json"),
        (["export", "lenet5", "-o", "g.json", "--", "x"], 2, "is no script"),
        (["diff", "lenet5", "missing.json"], 1, "missing.json"),
        (["view", "empty.json"], 1, "this is no JSON"),
        (["view", "newer.json"], 1, "version 99"),
        (["view", "hollow.json"], 1, "without a single node"),
        (["view", "cyclic.json"], 1, "from node 1 to node 0 makes a cycle"),
        (["view", "lenet5", "-o", "folder.html"], 2, "can't be written"),
    ],
)
def test_wrong_use_is_one_clear_line(folder, capsys, argv, code, message):
    (folder / "empty.json").write_text("")
    (folder / "newer.json").write_text('{"schema": "gpugraph-graph", "version": 99}')
    hollow = json.loads(gg.graph.Graph().to_json())
    (folder / "hollow.json").write_text(json.dumps(hollow))
    cyclic = json.loads(gg.graph.of(gg.exp(gg.tensor([1.0], requires_grad=True))).to_json())
    cyclic["edges"].append([1, 0, 0, 0, 0])
    (folder / "cyclic.json").write_text(json.dumps(cyclic))
    (folder / "folder.html").mkdir()
    assert main(argv) == code
    assert message in line(capsys)
    assert not (folder / "g.json").exists() and not (folder / "g.png").exists()


def test_a_script_that_raises_leaves_the_graph_up_to_there(folder, capsys):
    (folder / "bad.py").write_text(
        "import gpugraph as gg, numpy as np\n"
        "x = gg.tensor(np.ones((2, 3)), requires_grad=True)\n"
        "y = gg.exp(x)\n"
        "z = y @ gg.ones((4, 5))\n"
    )
    assert main(["view", "bad.py"]) == 1
    said = capsys.readouterr()
    assert "matmul: x1 (2, 3) @ x2 (4, 5)" in said.err and "bad.py:4" in said.err
    assert "matmul" in (folder / "bad.html").read_text()


def test_the_page_of_resnet50_with_its_backward_pass_is_small(folder):
    assert main(["view", "resnet50", "-o", "g.html"]) == 0
    assert (folder / "g.html").stat().st_size < 3_000_000


def test_the_script_form(folder):
    command = [sys.executable, str(ROOT / "tools" / "view_graph.py"), "lenet5", "-o", "g.html"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0 and (folder / "g.html").stat().st_size > 10_000, done.stderr


# Notebooks


def test_a_notebook_shows_the_graph():
    y = gg.exp(gg.tensor([1.0, 2.0], requires_grad=True)).sum()
    told = gg.graph.of(y)._repr_mimebundle_()
    assert set(told) == {"text/plain", "image/svg+xml", "text/html"}
    assert told["image/svg+xml"].startswith("<svg")
    assert told["text/html"].startswith('<iframe sandbox="allow-scripts allow-downloads"')
    assert "<script" not in told["text/html"]  # it is inside an attribute


def test_a_notebook_shows_a_tensor():
    x = gg.tensor(np.array([[1.0, np.nan], [3.0, -np.inf]], np.float32), requires_grad=True)
    told = gg.exp(x)._repr_mimebundle_()
    html = told["text/html"]
    for part in ("(2, 2)", "float32", "cpu", "exp at test_view.py", "NaN or infinite", ">1<"):
        assert part in html
    assert told["text/plain"] == repr(gg.exp(x))
    large = gg.zeros((100, 100))._repr_mimebundle_()
    assert "<pre>" not in large["text/html"] and "mean" in large["text/html"]
    half = gg.tensor(np.array([60000, 60000], np.float16))._repr_mimebundle_()["text/html"]
    assert "6e+04" in half
    with gg.default_device("meta"):
        assert "meta" in gg.zeros((3,))._repr_mimebundle_()["text/html"]
    assert "min" not in gg.tensor(np.zeros((0, 3)))._repr_mimebundle_()["text/html"]
