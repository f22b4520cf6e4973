"""The page about the user's own network, without a browser; what the command says to mistakes."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.cli import main
from gpugraph.core.errors import ArgumentError
from gpugraph.learn import build, your_model
from gpugraph.learn.pages.cost import Sizes, figures
from gpugraph.learn.pages.one_by_one_and_groups import block_diagonal, grouped, numbers
from gpugraph.learn.pages.receptive_fields import Layer, heard, inner_share, picture, seen


def data_of(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


class Shared(nn.Module):
    """One filter twice, a branch, and an op between."""

    def __init__(self):
        self.conv = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.head = nn.Linear(2, 5)

    def forward(self, x):
        y = self.conv(self.conv(x))
        return self.head((y + x).mean(axis=(2, 3)))


def test_layers_are_those_of_the_network():
    net = Shared()
    html = your_model(net, (1, 2, 9, 7))
    data = data_of(html)
    assert (data["name"], data["shapes"]) == ("Shared", [[1, 2, 9, 7]])
    first, second, add, _, head = data["layers"]
    assert [layer["name"] for layer in (first, second, head)] == ["conv", "conv (2)", "head"]
    assert (first["weights"], second["weights"], head["weights"]) == (36, 0, 15)
    assert data["params"] == 51 == sum(layer["weights"] for layer in data["layers"])
    assert sum(layer["share"] for layer in data["layers"]) == pytest.approx(1)
    assert (first["field"], second["field"]) == ([[3, 1, -1]] * 2, [[5, 1, -2]] * 2)
    assert second["chain"] == [["conv", 3, 1, 1, 1]] * 2 and first["macs"] == 9 * 4 * 63
    assert add["kind"] == "" and "chain" not in add
    assert first["filters"]["shape"] == [2, 2, 3, 3] == second["filters"]["shape"]
    assert "index.html" not in html and data["pages"] == []


def test_layers_that_wait_for_their_input_are_known():
    net = nn.Sequential(nn.Conv2d(None, 4, 3), nn.Flatten(), nn.Linear(None, 5, bias=False))
    data = data_of(your_model(net, (1, 3, 6, 5)))
    told = {layer["op"]: layer["weights"] for layer in data["layers"]}
    assert told == {"conv": 4 * 27 + 4, "reshape": 0, "linear": 5 * 4 * 4 * 3}
    assert data["layers"][0]["filters"] is None and net[0].weight is None  # it waits still
    assert gg.analysis.cost(net, (1, 3, 6, 5)).params == 4 * 27 + 4 + 240


def test_filters_are_the_weights_in_127_steps():
    import base64

    net = nn.Conv2d(3, 2, (3, 4))
    filters = data_of(your_model(net, (1, 3, 9, 9)))["layers"][0]["filters"]
    levels = np.frombuffer(base64.b64decode(filters["bytes"]), np.int8).reshape(filters["shape"])
    w = net.weight.numpy()
    assert filters["most"] == pytest.approx(abs(w).max())
    np.testing.assert_allclose(levels * filters["most"] / 127, w, atol=filters["most"] / 250)
    with gg.default_device("meta"):
        bare = nn.Conv2d(3, 2, (3, 4))
    assert data_of(your_model(bare, (1, 3, 9, 9)))["layers"][0]["filters"] is None


def test_questions_are_answered_from_another_side():
    """Each answer once more, by computing with the changed network."""
    net = nn.Sequential(
        nn.Conv2d(3, 6, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 9, 3, padding=1)
    )
    shape = (1, 3, 60, 50)
    html = your_model(net, shape)
    asked = dict(
        re.findall(r'data-answer="(\d+)".*?<p id="question-\d">(.*?)</p>', html, re.DOTALL)
    )
    answers = {question: int(answer) for answer, question in asked.items()}
    size = next(a for q, a in answers.items() if "its stride is" in q)
    x = np.zeros((1, 6, 28, 23))
    assert "layer <code>2</code> if its stride is 1" in str(answers)
    assert size == F.max_pool2d(x, 2, stride=1).shape[2]
    field = next(a for q, a in answers.items() if "had stride 1" in q)
    changed = nn.Sequential(nn.Conv2d(3, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 9, 3, padding=1))
    assert field == gg.analysis.receptive_field(changed, shape, measured=True)[0].size
    weights = next(a for q, a in answers.items() if "in 3 groups" in q)
    assert weights == nn.Conv2d(3, 6, 5, groups=3).weight.size


@pytest.mark.parametrize(
    "net, shape",
    [
        (nn.Linear(4, 3), (2, 4)),
        (nn.Conv1d(2, 3, 4), (1, 2, 9)),
        (nn.Conv3d(1, 2, 2), (1, 1, 5, 4, 3)),
        (lambda x: x * 2, (3,)),
        (lambda x, y: F.conv2d(x, y), [(1, 1, 4, 4), (1, 1, 2, 2)]),
    ],
)
def test_any_network_makes_a_page(net, shape):
    data = data_of(your_model(net, shape))
    assert data["layers"] and all(layer["out"] for layer in data["layers"])


def test_the_random_numbers_of_the_user_go_on():
    gg.random.seed(5)
    wanted = gg.random.default_generator().normal(shape=3, device="cpu").numpy()
    gg.random.seed(5)
    from gpugraph.learn import PAGES

    PAGES["your-model"].make()
    got = gg.random.default_generator().normal(shape=3, device="cpu").numpy()
    np.testing.assert_array_equal(got, wanted)


NETS = """
import gpugraph as gg
from gpugraph import nn

def make():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))

def wrong(x):
    return x.nothing

def unmade():
    raise KeyError("weights\\nare gone")

number = 3
"""


@pytest.fixture
def nets(tmp_path):
    (tmp_path / "nets.py").write_text(NETS)
    return tmp_path / "nets.py"


def test_command_for_a_network(nets, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["learn", f"{nets}:make", "--input", "1x3x20x10", "-o", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["open"] == str(out / "your-model.html")
    data = data_of((out / "your-model.html").read_text("utf-8"))
    assert data["layers"][-1]["out"] == [1, 2, 16, 6]
    assert {"cost", "receptive-fields", "max-pooling"} <= set(data["pages"])
    assert all((out / f"{name}.html").exists() for name in data["pages"])


def test_command_for_a_network_of_the_package(tmp_path, capsys):
    assert main(["learn", "alexnet", "-o", str(tmp_path)]) == 0
    data = data_of((tmp_path / "your-model.html").read_text("utf-8"))
    assert data["shapes"] == [[1, 3, 224, 224]] and data["layers"][0]["out"] == [1, 64, 55, 55]


@pytest.mark.parametrize(
    "words, said",
    [
        (["{folder}/none.py:make", "--input", "1x3x9x9"], "there is no file"),
        (["{nets}:nothing", "--input", "1x3x9x9"], "has no function or network called 'nothing'"),
        (["{nets}:number", "--input", "1x3x9x9"], "has no function or network called 'number'"),
        (["{nets}", "--input", "1x3x9x9"], "names no network of the script: file.py:name"),
        (["{nets}:make"], "needs the shape of its input: --input 1x3x64x64"),
        (["{nets}:make", "--input", "1x3x"], "'1x3x' is no shape"),
        (["{nets}:make", "--input", "1x4x9x9"], "fails on an input of shape 1x4x9x9: ShapeError"),
        (["{nets}:make", "--input", "1x3x2x2"], "fails on an input of shape 1x3x2x2: ShapeError"),
        (["{nets}:wrong", "--input", "1x3x9x9"], "no attribute 'nothing' (nets.py:9)"),
        (["{nets}:unmade", "--input", "1"], "fails: KeyError: 'weights\\nare gone' (nets.py:12)"),
        (["{nets}:make", "cost", "--input", "1x3x9x9"], "give it alone"),
        (["cost", "--input", "1x3x9x9"], "--input is for a network"),
        (["lenet5", "--input", "1x3x28x28"], "LeNet5 fails on an input of shape 1x3x28x28"),
    ],
)
def test_mistakes_are_one_clear_line(nets, tmp_path, capsys, words, said):
    out = tmp_path / "out"
    words = [word.format(nets=nets, folder=tmp_path) for word in words]
    assert main(["learn", *words, "-o", str(out)]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("gpugraph: learn: ") and printed.count("\n") == 1
    assert said in printed and not out.exists()


def test_build_and_your_model_refuse_what_fails(tmp_path):
    with pytest.raises(ArgumentError, match="learn: Conv2d fails on an input of shape 1x5x4x4"):
        build(tmp_path / "out", ["your-model"], model=nn.Conv2d(3, 2, 3), shape=(1, 5, 4, 4))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ArgumentError, match="a Module, a function"):
        your_model(3, (1, 2))


# What other pages compute


def test_the_field_of_random_networks_is_a_bell():
    layers = [Layer("conv", 3, 1, 1), Layer("pool", 2, 2), Layer("conv", 3, 1, 1), Layer("conv", 3)]
    size = seen(layers)["theory"][0]
    field = heard(layers)
    assert field.shape == (size, size) and field.sum() == pytest.approx(1) and field.min() >= 0
    assert inner_share(field) > 0.3  # the inner quarter of the pixels
    small = picture(np.kron(np.eye(2), np.ones((60, 60))))
    assert (small["side"], small["step"]) == (40, 3)


def test_costs_of_kinds_are_those_of_the_formulas():
    s = Sizes(F=5, K=12, L=18, H=3, W=4, groups=6, narrow=7)
    weights = {
        "plain": 25 * 12 * 18,
        "grouped": Fraction(25 * 12 * 18, 6),
        "separable": 25 * 12 + 12 * 18,
        "bottleneck": 12 * 7 + 25 * 49 + 7 * 18,
        "pointwise": 12 * 18,
        "five": 25 * 12 * 18,
        "threes": 9 * 12 * 18 + 9 * 18 * 18,
    }
    assert figures(s) == {k: {"weights": n, "macs": 12 * n} for k, n in weights.items()}


def test_groups_are_block_diagonal():
    x, w = (v[:6] for v in numbers())
    for groups in (1, 2, 3, 6):
        dense = block_diagonal(w[:, :6], groups)
        wanted = np.einsum("lk,khw->lhw", dense, x)
        np.testing.assert_array_equal(grouped(x, w[:, :6], groups), wanted)
