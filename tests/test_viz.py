"""Graphs as data and as drawings: what is in them, and that a drawing can be read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import gpugraph as gg
from gpugraph import nn
from gpugraph.core.errors import ArgumentError, GradientError
from gpugraph.nn import functional as F
from gpugraph.viz import GraphEdge


def leaf(*shape):
    return gg.tensor(np.ones(shape), requires_grad=True)


def diamond():
    """y = a*b + exp(a), in scopes."""
    a, b = leaf(3), leaf(3)
    with gg.scope("outer"):
        with gg.scope("inner"):
            product = a * b
            power = gg.exp(a)
        return product + power


class Net(nn.Module):
    def __init__(self):
        self.conv = nn.Conv2d(1, 2, 3, stride=2)
        self.head = nn.Linear(18, 4)

    def forward(self, x):
        return self.head(F.relu(self.conv(x)).flatten(1))


def trained():
    model = Net()
    x = gg.tensor(np.ones((5, 1, 8, 8), np.float32))
    loss = F.cross_entropy(model(x), gg.tensor(np.zeros(5, np.int64)))
    return model, loss


# As data


def test_nodes_and_edges():
    g = gg.graph.of(diamond())
    assert [(n.kind, n.label) for n in g.nodes] == [
        ("input", "x1"),
        ("input", "x2"),
        ("op", "multiply"),
        ("op", "exp"),
        ("op", "add"),
    ]
    assert g.edges == (
        GraphEdge(0, 0, 2, 0),
        GraphEdge(1, 0, 2, 1),
        GraphEdge(0, 0, 3, 0),
        GraphEdge(2, 0, 4, 0),
        GraphEdge(3, 0, 4, 1),
    )
    product = g.nodes[2]
    assert product.shapes == ((3,),) and product.dtypes == ("float64",)
    assert product.scope == ("outer", "inner") and g.nodes[4].scope == ("outer",)
    assert re.search(r"test_viz\.py:\d+$", product.where)
    assert repr(g) == "<Graph of 3 ops, 2 leaves, 5 edges>"


def test_a_network():
    model, loss = trained()
    g = gg.graph.of(loss, model=model)
    labels = {n.label: n for n in g.nodes}
    assert {"conv.weight", "conv.bias", "head.weight", "head.bias"} <= labels.keys()
    assert labels["conv.weight"].shapes == ((2, 1, 3, 3),)
    conv = next(n for n in g.nodes if n.kind == "op" and n.label.startswith("conv"))
    assert conv.scope == ("conv",) and conv.params == ("size=3", "stride=2")
    given = [n for n in g.nodes if n.kind in ("input", "constant")]
    assert [(n.kind, n.shapes, n.dtypes) for n in given] == [
        ("input", ((5, 1, 8, 8),), ("float32",)),
        ("constant", ((5,),), ("int64",)),
    ]
    assert all(edge.source < edge.target for edge in g.edges)


def test_windows_are_told_in_short_and_shapes_in_full():
    x = leaf(4, 4).reshape(2, 1, 8)
    y = F.conv1d(x, leaf(1, 1, 3), padding=((2, 1),)).reshape(3, 3, 2)
    nodes = [n for n in gg.graph.of(y).nodes if n.kind == "op"]
    told = [("shape=(2, 1, 8)",), ("size=3", "padding=(2, 1)"), ("shape=(3, 3, 2)",)]
    assert [n.params for n in nodes] == told


def test_after_backward_and_of_backward():
    _, loss = trained()
    before = gg.graph.of(loss)
    loss.backward()
    after = gg.graph.of(loss)
    assert any(n.kept for n in before.nodes) and not any(n.kept for n in after.nodes)
    assert [replace(n, kept=0) for n in before.nodes] == list(after.nodes)
    assert replace(before, nodes=()) == replace(after, nodes=())
    x = leaf(3)
    (g,) = gg.grad((x**3).sum(), x, create_graph=True)
    assert len(gg.graph.of(g).nodes) > 3


def test_several_outputs_share_a_graph():
    a = leaf(3)
    b = gg.exp(a)
    assert len(gg.graph.of(b + 1.0, b * b).nodes) == 5  # a, exp, the number, add, multiply


def test_no_graph():
    with pytest.raises(GradientError, match=r"the output \(shape \(2,\)\) has no graph"):
        gg.graph.of(gg.tensor([1.0, 2.0]))


def test_the_graph_holds_no_memory():
    import weakref

    y = diamond()
    node = weakref.ref(y.node)
    g = gg.graph.of(y)
    del y
    assert node() is None and len(g.nodes) == 5


# Exports


def test_json():
    g = gg.graph.of(diamond())
    told = json.loads(g.to_json())
    assert told["version"] == 1 and len(told["nodes"]) == 5
    assert told["nodes"][2]["label"] == "multiply" and told["nodes"][2]["scope"] == [
        "outer",
        "inner",
    ]
    assert told["edges"][1] == [1, 0, 2, 1, 0]


def test_networkx():
    networkx = pytest.importorskip("networkx")
    model, loss = trained()
    g = gg.graph.of(loss, model=model)
    n = g.to_networkx()
    assert networkx.is_directed_acyclic_graph(n)
    assert n.number_of_nodes() == len(g.nodes) and n.number_of_edges() == len(g.edges)
    assert n.nodes[0]["kind"] == g.nodes[0].kind
    x = leaf(2)
    assert gg.graph.of(x * x).to_networkx().number_of_edges(0, 1) == 2  # both inputs


def test_networkx_is_imported_when_asked_for():
    code = "import gpugraph, sys; gpugraph.graph.of; assert 'networkx' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_dot():
    text = gg.graph.of(diamond()).to_dot()
    assert text.startswith("digraph") and 'n2 [label="multiply\\n(3,)"]' in text
    assert 'n0 -> n2 [tooltip="x1"]' in text and text.count("{") == text.count("}")


def test_save(tmp_path):
    g = gg.graph.of(diamond())
    for name in ("g.svg", "g.json", "g.dot"):
        g.save(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 100
    with pytest.raises(ArgumentError, match=r"g.png ends in none of .html, .svg, .trace.json, "):
        g.save(tmp_path / "g.png")


def test_a_graph_of_nothing_is_refused():
    with pytest.raises(ArgumentError, match=r"graph\.of: needs at least one output"):
        gg.graph.of()
