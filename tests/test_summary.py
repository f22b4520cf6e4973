"""The table of a network, and the command that prints it."""

import json
import re

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.cli import main
from gpugraph.models import LeNet5


class Block(nn.Module):
    def __init__(self, channels):
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.bn1(self.conv1(x)))) + x)


class Net(nn.Module):
    def __init__(self):
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.head = nn.Linear(8, 10)
        self.unused = nn.Linear(4, 5)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean(axis=(2, 3)))


def by_path(found):
    return {(row.path, row.kind): row for row in found.rows}


def test_rows_add_up():
    model = Net()
    found = gg.summary(model, (2, 3, 32, 32))
    rows = by_path(found)
    root = found.rows[0]
    assert root.params == sum(p.size for p in model.parameters())
    leaves = [r for r in found.rows if r.leaf]
    for name in ("params", "macs", "flops", "input_grad", "weight_grad", "bytes", "kept"):
        assert root.figure(name) == sum(r.figure(name) for r in leaves), name
    assert rows["blocks.0", "Block"].figure("macs") == 2 * 2 * 9 * 8 * 8 * 16 * 16
    assert rows["blocks.1", "Block"].output == (2, 8, 16, 16)
    assert rows["unused", "Linear"].params == 25
    assert rows["unused", "Linear"].output is None
    assert rows["blocks.1.", "relu x2"].figure("flops") == 2 * 2 * 8 * 16 * 16
    assert rows["blocks.0", "Block"].field.axes == ((11, 2, -5),) * 2
    assert rows["head", "Linear"].field.size == ("all", "all")


def test_the_text():
    text = str(gg.summary(Net(), (2, 3, 32, 32)))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[0].split() == (
        "module output params % MACs FLOPs in.grad w.grad bytes FLOP/B kept field".split()
    )
    stem = next(line for line in lines if line.startswith("  stem"))
    assert stem.split()[:5] == ["stem", "Conv2d", "2x8x16x16", "224", "8.4"]
    assert stem.split()[5] == "111k" and stem.split()[-1] == "3/2/-1"
    assert lines[-1].startswith("Net, input 2x3x32x32")


class Deep(nn.Module):
    def __init__(self, levels):
        self.a_module_with_a_long_name = (
            Deep(levels - 1) if levels else nn.Conv3d(1, 100, (3, 5, 7), padding=((1, 1),) * 3)
        )

    def forward(self, x):
        return self.a_module_with_a_long_name(x)


def test_no_line_is_longer_than_120():
    text = str(gg.summary(Deep(6), (12, 1, 123, 234, 100)))
    assert max(map(len, text.splitlines())) <= 120
    assert "3/1/-1 5/1/-1 7/1/-1" in text


def test_depth_and_sort():
    assert {r.depth for r in gg.summary(Net(), (2, 3, 32, 32), depth=1).rows} == {0, 1}
    rows = gg.summary(Net(), (2, 3, 32, 32), sort="weight_grad").rows
    costs = [r.figure("weight_grad") for r in rows]
    assert rows[0].path == "" and costs[1:] == sorted(costs[1:], reverse=True)
    assert rows[1].path.startswith("blocks.") and rows[1].kind == "Conv2d"
    text = str(gg.summary(Net(), (2, 3, 32, 32), sort="params", depth=1))
    assert "blocks Sequential" in text.splitlines()[3]
    with pytest.raises(gg.ArgumentError, match="sort='size' must be one of params"):
        gg.summary(Net(), (2, 3, 32, 32), sort="size")


def test_shared_parameters_count_once():
    one = nn.Linear(4, 4)
    found = gg.summary(nn.Sequential(one, nn.ReLU(), one), (2, 4))
    assert found.rows[0].params == 20


def test_json_and_html():
    found = gg.summary(Net(), (2, 3, 32, 32))
    told = json.loads(found.to_json())
    assert told == json.loads(json.dumps(found.to_dict()))
    assert told["rows"][1]["path"] == "stem"
    assert told["rows"][1]["macs"] == 2 * 27 * 8 * 16 * 16
    assert told["rows"][1]["field"] == [[3, 2, -1]] * 2
    page = found.to_html()
    assert page.count("<tr>") == 1 + len(found.rows)
    assert not re.search(r"(src|href)=", page) and len(page) < 20_000
    assert "stem Conv2d" in page


def test_it_takes_functions_and_computed_tensors():
    assert gg.summary(lambda x: gg.exp(x).sum(), (3, 4)).rows[0].figure("flops") == 24
    model = LeNet5()
    y = model(gg.Tensor(np.ones((1, 1, 28, 28), np.float32), requires_grad=True))
    assert gg.summary(y).rows[0].figure("macs") == gg.analysis.cost(model, (1, 1, 28, 28)).macs


SCRIPT = """
from gpugraph import nn

def make_model():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())

class Looks(nn.Module):
    def forward(self, x):
        return x * float(x.sum())
"""


def test_the_command(tmp_path, capsys):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    page = tmp_path / "page.html"
    assert main(["summary", "lenet5", "--depth", "1"]) == 0
    assert "conv2 Conv2d" in capsys.readouterr().out
    assert main(["summary", "resnet50", "--json"]) == 0  # one image of the size it is made for
    row = json.loads(capsys.readouterr().out)["rows"][0]
    assert (row["macs"], row["output"][-1]) == (4_089_184_256, 1000)
    words = ["summary", f"{path}:make_model", "--input", "2x3x9x9"]
    assert main([*words, "--json", "--html", str(page), "--sort", "macs"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["macs"] == 2 * 27 * 4 * 49
    assert "0 Conv2d" in page.read_text()
    assert main([*words, "--depth", "0"]) == 0
    assert "0 Conv2d" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "words,code,said",
    [
        (["nothing"], 2, "'nothing' is no network"),
        (["{}:gone", "--input", "1x3"], 2, "no function or network called 'gone'"),
        (["{}:make_model"], 2, "--input 1x3x224x224"),
        (["{}:make_model", "--input", "1,3"], 2, "summary: input '1,3' is no shape"),
        (["{}:make_model", "--input", "1x2x9x9"], 1, "x has 2 channels"),
        (["{}:Looks", "--input", "3"], 1, "looks at values"),
        (["lenet5", "--sort", "beauty"], 2, "sort='beauty' must be one of"),
    ],
)
def test_wrong_use_of_the_command(words, code, said, tmp_path, capsys):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    assert main(["summary", *(w.format(path) for w in words)]) == code
    assert said in capsys.readouterr().err
