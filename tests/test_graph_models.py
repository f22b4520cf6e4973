"""Graphs of the lecture's networks against expectations written by hand: which ops, joined how."""

from __future__ import annotations

import pytest

from gpugraph import models
from gpugraph.models import resnet, squeezenet

from .recorded import in_shapes


def ops(graph, order=0):
    return [n for n in graph.nodes if n.kind == "op" and n.order == order]


def forward(graph):
    """Labels of the ops, but for the sum that makes one number of the result."""
    labels = [n.label for n in ops(graph)]
    assert labels[-1] == "sum"
    return labels[:-1]


def sources(graph, node):
    """Labels of the ops that a node reads."""
    ids = [e.source for e in graph.edges if e.target == node.id]
    return [graph.nodes[i].label for i in ids if graph.nodes[i].kind == "op"]


def test_a_multilayer_perceptron():
    g = in_shapes(lambda: models.MLP(784, 30, 10), (2, 784))
    assert forward(g) == ["linear", "relu", "linear"]
    assert [n.shapes[0] for n in ops(g)] == [(2, 30), (2, 30), (2, 10), ()]


def test_lenet5():
    g = in_shapes(models.LeNet5, (2, 1, 28, 28))
    assert forward(g) == (
        ["conv", "relu", "max_pool"] * 2 + ["reshape"] + ["linear", "relu"] * 2 + ["linear"]
    )
    convs = [n for n in ops(g) if n.label == "conv"]
    assert [n.params for n in convs] == [("size=5", "padding=2"), ("size=5",)]
    assert [n.shapes[0] for n in convs] == [(2, 6, 28, 28), (2, 16, 10, 10)]
    # each convolution but the first passes a gradient on to its input
    rules = {n.id: [] for n in convs}
    for node in ops(g, 1):
        if node.of in rules:
            rules[node.of].append(node.label)
    assert sorted(rules[convs[0].id]) == ["channel_sum", "conv_weight"]
    assert sorted(rules[convs[1].id]) == ["channel_sum", "conv_input", "conv_weight"]


def test_network_in_network():
    g = in_shapes(lambda: models.nin(dropout=0.0), (2, 3, 32, 32))
    block = ["conv", "relu"] * 3
    labels = [label for label in forward(g) if label != "dropout"]
    assert labels == [*block, "max_pool", *block, "avg_pool", *block, "mean"]
    sizes = [n.params[0] for n in ops(g) if n.label == "conv"]
    assert sizes == ["size=5", "size=1", "size=1"] * 2 + ["size=3", "size=1", "size=1"]


def test_alexnet_and_vgg():
    g = in_shapes(models.alexnet, (1, 3, 67, 63))
    labels = forward(g)
    assert labels.count("conv") == 5 and labels.count("linear") == 3
    assert labels[:3] == ["conv", "relu", "max_pool"] and labels.count("max_pool") == 3
    g = in_shapes(models.vgg11, (1, 3, 32, 37))
    spatial = "".join("C" if n.label == "conv" else "P" for n in ops(g) if n.label in POOLS)
    assert spatial == "CPCPCCPCCPCCP"


POOLS = ("conv", "max_pool")


@pytest.mark.parametrize("stride", [1, 2])
def test_a_bottleneck_joins_what_it_adds_with_what_it_got(stride):
    g = in_shapes(lambda: resnet.Bottleneck(8, 2, stride), (2, 8, 8, 8))
    main = ["conv", "batch_norm", "relu"] * 2 + ["conv", "batch_norm"]
    side = ["conv", "batch_norm"] if stride == 2 else []
    assert sorted(forward(g)) == sorted([*main, *side, "add", "relu"])
    add = next(n for n in ops(g) if n.label == "add")
    assert sources(g, add) == ["batch_norm"] * (1 + len(side) // 2)
    x = next(n for n in g.nodes if n.kind == "input")
    readers = [g.nodes[e.target].label for e in g.edges if e.source == x.id and not e.saved]
    assert sorted(readers) == sorted(["conv", "conv" if stride == 2 else "add"])


def test_depthwise_separable_blocks():
    g = in_shapes(models.mobilenet_v1, (1, 3, 33, 40))
    convs = [n for n in ops(g) if n.label == "conv"]
    assert len(convs) == 27 and len(convs[1::2]) == 13
    for depthwise, pointwise in zip(convs[1::2], convs[2::2], strict=True):
        channels = depthwise.shapes[0][1]
        assert f"groups={channels}" in depthwise.params and "size=3" in depthwise.params
        assert pointwise.params == ("size=1",)


def test_a_fire_module_concatenates_its_branches():
    g = in_shapes(lambda: squeezenet.Fire(8, 2, 4), (1, 8, 6, 6))
    (concat,) = [n for n in ops(g) if n.label == "concat"]
    assert sources(g, concat) == ["relu", "relu"] and concat.shapes[0] == (1, 8, 6, 6)
    squeeze = next(n for n in ops(g) if n.label == "relu")
    assert sum(1 for e in g.edges if e.source == squeeze.id and not e.saved) == 2
    # the gradient of what both branches read is a sum
    sums = [n for n in g.nodes if n.adds]
    assert [n.of for n in sums] == [squeeze.id]


def test_u_net_crops_and_joins():
    g = in_shapes(models.unet, (1, 1, 204, 188))
    joins = [n for n in ops(g) if n.label == "concat"]
    assert len(joins) == 4 and all("get_slice" in sources(g, n) for n in joins)
